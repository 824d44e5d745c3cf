"use strict";

/*
 * Look inside: the equations of the cell, with a button for each term. The one that is chosen is
 * shown as a heat map, as a line of charseq.reference and as a row of the notation. Both of these
 * come from the fallback, where {code-of} and {notation-of} put them when the site was built.
 */

(() => {
  const { define, el, heat, onTheme, say, scroll, show, slider, source } = charseqPlay;
  const { find, lines, look } = charseqTerms;

  /** "W_ih" as it is written. @param {string} symbol */
  const written = (symbol) => {
    const [letter, index] = symbol.split("_");
    return el("span", { class: "play-symbol" }, el("var", {}, letter), el("sub", {}, index));
  };

  /** Copies of what an element holds. @param {Element | null | undefined} element */
  const copies = (element) => [...(element?.cloneNode(true).childNodes ?? [])];

  /**
   * A picture of an array, a pixel a number: the page stretches it.
   * @param {HTMLCanvasElement} canvas
   * @param {Look} term
   * @param {number} side of a number on the page
   */
  const paint = (canvas, { small, wide, scale }, side) => {
    const high = small.length / wide;
    const most = scale ?? Math.max(1e-12, ...Array.from(small, Math.abs));
    const style = getComputedStyle(canvas);
    Object.assign(canvas, { width: wide, height: high });
    canvas.style.width = `${Math.max(wide * side, 4)}px`;
    canvas.style.height = `${high * side}px`;
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const fill = (/** @type {string} */ name) => style.getPropertyValue(`--play-${name}`);
    const [zero, minus, plus] = ["zero", "minus", "plus"].map(fill);
    pen.fillStyle = zero;
    pen.fillRect(0, 0, wide, high);
    for (let k = 0; k < small.length; k++) {
      pen.globalAlpha = Math.min(1, Math.abs(small[k]) / most);
      pen.fillStyle = small[k] < 0 ? minus : plus;
      pen.fillRect(k % wide, Math.floor(k / wide), 1, 1);
    }
  };

  define("inside", (root, options) => {
    const fallback = document.querySelector('[data-play="inside"] .play-fallback');
    const state = source(options);
    /** @type {Net | null} */
    let net = null;
    /** @type {{line: Line, symbol: string, button: HTMLElement, canvas: HTMLCanvasElement}[]} */
    let terms = [];
    let chosen = 0;
    let kind = "";
    /** @type {Look | null} */
    let shown = null;

    const step = slider({
      label: "Time step t",
      least: 1,
      most: 1,
      value: 1,
      show: (t) => (net ? `${t}: “${show(net.chars[net.pass.x[t - 1]])}”` : ""),
      onInput: (t) => state.set({ t: Number(t) - 1 }),
    });
    const which = slider({
      label: "Unit",
      least: 0,
      most: 1,
      value: 0,
      onInput: (unit) => state.set({ unit: Number(unit) }),
    });
    const equations = el("div", { class: "play-equations" });
    const title = el("p", { class: "play-title" });
    const says = el("p");
    const map = heat();
    const table = map.element.lastElementChild; // unfolds below, as wide as there is room
    const [over, beside] = ["over", "beside"].map((where) =>
      el("div", { class: `play-names play-names-${where}`, "aria-hidden": "true" })
    );
    const drawn = el("div", { class: "play-map" }, over, beside, map.element);
    const frame = scroll("Heat map", drawn);
    const note = "Orange: above 0. Blue, with a stroke: below 0.";
    const notes = el("dl", { class: "play-notation" });
    const code = el("figure", { class: "play-code" });
    root.append(
      el("div", { class: "play-two" }, step.element, which.element),
      scroll("Equations of the network", equations),
      el(
        "div",
        { class: "play-panel" },
        el("div", {}, title, says, frame, el("p", { class: "play-note" }, note), table),
        notes,
      ),
      code,
    );

    /** Row of the notation. @param {string} key */
    const notation = (key) =>
      [...(fallback?.querySelectorAll("tbody tr") ?? [])].find((row) =>
        [...row.querySelectorAll("td:nth-child(5) code")].some(
          (name) => name.textContent?.split("[")[0] === key,
        )
      );

    /** A button for a term. @param {Line} line @param {string} symbol @param {Net} now */
    const makeTerm = (line, symbol, now) => {
      const { shape, key } = look(line, symbol, now);
      const place = terms.length;
      const canvas = el("canvas", { "aria-hidden": "true" });
      const choose = () => {
        chosen = place;
        draw();
        say(root, says.textContent ?? "");
      };
      const button = el(
        "button",
        {
          type: "button",
          class: "play-term",
          title: notation(key)?.querySelector("td:nth-child(2)")?.textContent,
          onclick: choose,
        },
        canvas,
        el("span", {}, written(symbol), " ", el("small", {}, shape.split("= ")[1])),
      );
      terms.push({ line, symbol, button, canvas });
      return button;
    };

    /** The equations, where the network is of another kind than before. @param {Net} now */
    const build = (now) => {
      const { cell, V, H, outputLayer } = now.model;
      if (kind === (kind = [cell, V, H, outputLayer].join())) return;
      const was = terms[chosen];
      terms = [];
      equations.className = `play-equations play-${cell.toLowerCase()}`;
      equations.replaceChildren(
        ...lines(now.model).map((line) => {
          const parts = line.text.split(/([A-Za-z]_[a-z]+(?:−1)?)/).map((text, k) => {
            if (k % 2) return makeTerm(line, text, now);
            return text.trim() && el("span", {}, text.trim());
          });
          return el(
            "div",
            { class: "play-equation", role: "group", "aria-label": line.name },
            el("small", {}, line.name),
            el("div", {}, ...parts.filter((part) => part)),
          );
        }),
      );
      if (!outputLayer) {
        const text = "Without an output layer the states are the logits.";
        equations.append(el("p", { class: "play-note" }, text));
      }
      const isSame = (/** @type {{line: Line, symbol: string}} */ { line, symbol }) =>
        symbol === (was?.symbol ?? "h_t") && line.name === (was?.line.name ?? "new state");
      chosen = Math.max(0, terms.findIndex(isSame));
    };

    const thumbnails = () => {
      if (!net) return;
      const { cell, H } = net.model;
      const side = Math.max(1, Math.min(6, Math.floor((cell === "RNN" ? 72 : 36) / H)));
      for (const { line, symbol, canvas } of terms) paint(canvas, look(line, symbol, net), side);
    };

    /** The heat map, as large as there is room, with the names of its rows and columns. */
    const fit = () => {
      if (!shown) return;
      const { values, rows, columns, mark, scale, shape } = shown;
      const room = (frame.clientWidth || 320) - 32;
      const fits = Math.min(20, Math.floor(room / columns.length), Math.floor(384 / rows.length));
      const side = Math.max(6, fits); // else no stroke has room
      drawn.style.setProperty("--play-side", `${side}px`);
      map.element.style.width = `${columns.length * side}px`;
      const short = (/** @type {string} */ name) => name.replace(/^(unit|\d+) (?=.)/, "");
      for (
        const { box, names, at } of [
          { box: over, names: columns, at: mark.column },
          { box: beside, names: rows, at: mark.row },
        ]
      ) {
        box.replaceChildren(
          ...names.map((name, k) =>
            el("span", { class: k === at && "play-at" }, side > 10 || k === at ? short(name) : "")
          ),
        );
      }
      const { symbol } = terms[chosen];
      const names = { label: `${symbol} ${shape}`, rowNames: rows[0] ? rows : [symbol] };
      map.update(values(), { ...names, columnNames: columns, mark, scale });
    };

    /** @param {Line} line @param {string} symbol */
    const showCode = (line, symbol) => {
      const listing = [...(fallback?.querySelectorAll(".code-of") ?? [])].find((one) =>
        one.querySelector("pre")?.textContent?.startsWith(`def ${line.code}(`)
      );
      code.hidden = !listing;
      const text = listing?.querySelector("pre")?.textContent?.trimEnd().split("\n") ?? [];
      const hit = find(line, symbol, text);
      const rows = text.map((row, k) => {
        if (k !== hit?.row) return el("span", {}, row, "\n");
        const { from, to } = hit;
        const parts = [row.slice(0, from), el("mark", {}, row.slice(from, to)), row.slice(to)];
        return el("span", { class: "play-hit", "aria-current": "true" }, ...parts, "\n");
      });
      const attributes = { tabindex: 0, role: "region", "aria-label": `Code of ${line.code}` };
      code.replaceChildren(
        el("figcaption", {}, ...copies(listing?.querySelector("p"))),
        el("pre", attributes, ...rows),
      );
    };

    /** @param {string} key */
    const showNotation = (key) => {
      const row = notation(key);
      const heads = [...(row?.closest("table")?.querySelectorAll("th") ?? [])];
      notes.replaceChildren(
        ...[...(row?.children ?? [])].flatMap((cell, k) =>
          cell.textContent?.trim()
            ? [el("dt", {}, heads[k].textContent), el("dd", {}, ...copies(cell))]
            : []
        ),
      );
    };

    const draw = () => {
      if (!net) return;
      const { line, symbol } = terms[chosen];
      terms.forEach(({ button, symbol: other }, k) => {
        button.setAttribute("aria-pressed", String(k === chosen));
        button.classList.toggle("play-same", other === symbol && k !== chosen);
      });
      shown = look(line, symbol, net);
      const { shape, torch } = shown;
      title.replaceChildren(written(symbol), ` ${shape} `, el("code", {}, torch));
      says.textContent = shown.says;
      fit();
      showCode(line, symbol);
      showNotation(shown.key);
    };

    state.watch(({ run, epoch, t, unit }) => {
      if (!run) return;
      net = { ...run.at(epoch), chars: run.chars, t, unit };
      build(net);
      step.most(net.pass.T);
      step.set(t + 1);
      which.most(net.model.H - 1);
      which.set(unit);
      thumbnails();
      draw();
    });
    onTheme(thumbnails);
    // The first time comes once all is on the page, and has its colours and its size.
    new ResizeObserver(() => {
      fit();
      thumbnails();
    }).observe(frame);
  });
})();
