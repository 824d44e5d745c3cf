// The part `inside`: the equations of the cell, with a button for each term. The chosen term is
// shown as a heat map, as a line of charseq.reference and as a row of the notation. Code and
// notation are in the fallback: {code-of} and {notation-of} put them there when the site was built.
// A chapter shows some lines only, as in `:lines: logits`; its code and its table of symbols are
// anywhere on the page. With `:W_ih: …` the weights are given, and nothing is trained.
import { findTerm, linesOf, lookAt, termPieces } from "../core/equation-terms.js";
import { show } from "../core/formats.js";
import { el, onTheme, say, scroll, withIndices } from "../ui/elements.js";
import { slider } from "../ui/fields.js";
import { heatMap } from "../ui/heat-map.js";
import { givenNetwork } from "../core/untrained.js";
import { source } from "../ui/store.js";

/** @import { Line, Look, Place } from "../core/equation-terms.js" */
/** @import { Network } from "../core/network.js" */
/** @import { Mount } from "./define.js" */

/** @param {string} symbol as "W_ih" */
const written = (symbol) =>
  el("span", { class: "play-symbol", translate: "no" }, ...withIndices(symbol));

/**
 * The chapters write z_t for the logits; the playground has a GRU, too, whose gate that is.
 * @param {string} symbol @param {string[] | undefined} names of the lines, in a chapter
 */
const inChapter = (symbol, names) => names && symbol === "logits_t" ? "z_t" : symbol;

/** Copies of all that is inside an element. @param {Element | null | undefined} element */
const copies = (element) => [...(element?.cloneNode(true).childNodes ?? [])];

/**
 * A picture of an array with one pixel per number, which CSS stretches.
 * @param {HTMLCanvasElement} canvas @param {Look} term @param {number} side of a stretched pixel
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

/** The heat map, with the names of its rows and columns around it. */
const makeMap = () => {
  const map = heatMap();
  const table = map.element.lastElementChild; // stands below, as wide as the page allows
  const [over, beside] = ["over", "beside"].map((where) =>
    el("div", { class: `play-names play-names-${where}`, "aria-hidden": "true" })
  );
  const drawn = el("div", { class: "play-map" }, over, beside, map.element);
  const frame = scroll("Heat map", drawn);
  const short = (/** @type {string} */ name) => name.replace(/^(unit|\d+) (?=.)/, "");
  return {
    frame,
    table,
    /** Draw it as large as there is room. @param {string} symbol @param {Look} shown */
    update(symbol, { values, rows, columns, mark, scale, shape }) {
      const room = (frame.clientWidth || 320) - 32;
      const fits = Math.min(20, Math.floor(room / columns.length), Math.floor(384 / rows.length));
      const side = Math.max(6, fits); // a smaller cell has no room for its stroke
      drawn.style.setProperty("--play-side", `${side}px`);
      map.element.style.width = `${columns.length * side}px`;
      /** @param {HTMLElement} box @param {string[]} names @param {number} [marked] */
      const writeNames = (box, names, marked) =>
        box.replaceChildren(...names.map((name, k) => {
          const text = side > 10 || k === marked ? short(name) : "";
          return el("span", { class: k === marked && "play-at" }, text);
        }));
      writeNames(over, columns, mark.column);
      writeNames(beside, rows, mark.row);
      const names = { label: `${symbol} ${shape}`, rowNames: rows[0] ? rows : [symbol] };
      map.update(values(), { ...names, columnNames: columns, mark, scale });
    },
  };
};

/** The function that an equation is, with the term marked. @param {ParentNode} from */
const makeCode = (from) => {
  const element = el("figure", { class: "play-code" });
  const listings = [...from.querySelectorAll(".code-of")];
  /** @param {Line} line @param {string} symbol */
  const update = (line, symbol) => {
    const listing = listings.find((one) =>
      one.querySelector("pre")?.textContent?.startsWith(`def ${line.code}(`)
    );
    element.hidden = !listing;
    const text = listing?.querySelector("pre")?.textContent?.trimEnd().split("\n") ?? [];
    const hit = findTerm(line, symbol, text);
    const rows = text.map((row, k) => {
      if (k !== hit?.row) return el("span", {}, row, "\n");
      const { from, to } = hit;
      const parts = [row.slice(0, from), el("mark", {}, row.slice(from, to)), row.slice(to)];
      return el("span", { class: "play-hit", "aria-current": "true" }, ...parts, "\n");
    });
    const attributes = { tabindex: 0, role: "region", "aria-label": `Code of ${line.code}` };
    element.replaceChildren(
      el("figcaption", {}, ...copies(listing?.querySelector("p"))),
      el("pre", attributes, ...rows),
    );
  };
  return { element, update };
};

/** The row of the notation that explains a term. @param {ParentNode} from */
const makeNotation = (from) => {
  const element = el("dl", { class: "play-notation" });
  // The still of a part is a table of numbers, and explains no symbol.
  const rows = [...from.querySelectorAll("tbody tr")].filter((row) =>
    from !== document || !row.closest(".play")
  );
  /**
   * The first row that has this very symbol. That of z_t is the gate's: docs/playground.md lists
   * the logits last. The first child of `semantics` is the formula that a reader sees.
   * @param {string} symbol
   */
  const find = (symbol) =>
    rows.find((row) =>
      [...row.querySelectorAll("td:first-child semantics")].some(
        ({ firstChild }) => firstChild?.textContent === symbol.replace("_", ""),
      )
    );
  /** @param {string} symbol */
  const meaning = (symbol) => find(symbol)?.querySelector("td:nth-child(2)")?.textContent;
  /** @param {string} symbol */
  const update = (symbol) => {
    const row = find(symbol);
    const heads = [...(row?.closest("table")?.querySelectorAll("th") ?? [])];
    element.replaceChildren(
      ...[...(row?.children ?? [])].flatMap((cell, k) =>
        cell.textContent?.trim()
          ? [el("dt", {}, heads[k].textContent), el("dd", {}, ...copies(cell))]
          : []
      ),
    );
  };
  return { element, meaning, update };
};

/**
 * The equations of the network. They stay as they are until a network of another kind comes.
 * @param {(symbol: string) => string | null | undefined} meaning of a symbol
 * @param {() => void} onChoice when the reader has chosen a term
 * @param {string[]} [names] of the lines that a chapter shows
 */
const makeEquations = (meaning, onChoice, names) => {
  const element = el("div", { class: "play-equations" });
  /** @type {{line: Line, symbol: string, button: HTMLElement, canvas: HTMLCanvasElement}[]} */
  let terms = [];
  let chosen = 0;
  let kind = "";

  /** A button for a term. @param {Line} line @param {string} symbol @param {Place} place */
  const makeTerm = (line, symbol, place) => {
    const { shape } = lookAt(symbol, place);
    const number = terms.length;
    const canvas = el("canvas", { "aria-hidden": "true" });
    const onclick = () => {
      chosen = number;
      onChoice();
    };
    const size = el("small", {}, shape.split("= ")[1]);
    const button = el(
      "button",
      { type: "button", class: "play-term", title: meaning(inChapter(symbol, names)), onclick },
      canvas,
      el("span", {}, written(inChapter(symbol, names)), " ", size),
    );
    terms.push({ line, symbol, button, canvas });
    return button;
  };

  /** @param {Line} line @param {Place} place */
  const makeLine = (line, place) => {
    const parts = termPieces(line).map((text, k) => {
      if (k % 2) return makeTerm(line, text, place);
      return text.trim() && el("span", {}, text.trim());
    });
    return el(
      "div",
      { class: "play-equation", role: "group", "aria-label": line.name },
      el("small", {}, line.name),
      el("div", {}, ...parts.filter((part) => part)),
    );
  };

  /** @param {Place} place */
  const build = (place) => {
    const { cell, V, H, outputLayer } = place.model;
    if (kind === (kind = [cell, V, H, outputLayer].join())) return;
    const { line: { name }, symbol } = terms[chosen] ??
      { line: { name: "new state" }, symbol: "h_t" };
    terms = [];
    element.className = `play-equations play-${cell.toLowerCase()}`;
    const lines = linesOf(place.model).filter(({ name }) => names?.includes(name) ?? true);
    element.replaceChildren(...lines.map((line) => makeLine(line, place)));
    if (!outputLayer && !names) {
      const text = "Without an output layer the states are the logits.";
      element.append(el("p", { class: "play-note" }, text));
    }
    // The same term stays chosen, if the new equations have it.
    const same = terms.findIndex((term) => term.symbol === symbol && term.line.name === name);
    chosen = Math.max(0, same);
  };

  return {
    element,
    build,
    chosen: () => terms[chosen],
    markChosen() {
      const { symbol } = terms[chosen];
      terms.forEach(({ button, symbol: other }, k) => {
        button.setAttribute("aria-pressed", String(k === chosen));
        button.classList.toggle("play-same", other === symbol && k !== chosen);
      });
    },
    /** Draw the small pictures. @param {Place} place */
    paint(place) {
      const { cell, H } = place.model;
      const side = Math.max(1, Math.min(6, Math.floor((cell === "RNN" ? 72 : 36) / H)));
      for (const { symbol, canvas } of terms) {
        paint(canvas, lookAt(symbol, place), side);
      }
    },
  };
};

/**
 * Two sliders: the time step and the hidden unit that the reader looks at.
 * @param {(changes: {t?: number, unit?: number}) => void} move
 */
const placeSliders = (move) => {
  /** @type {string[]} The characters that are read. */
  let letters = [];
  const step = slider({
    label: "Time step t",
    least: 1,
    most: 1,
    value: 1,
    show: (number) => (letters.length ? `${number}: “${letters[number - 1]}”` : ""),
    onInput: (number) => move({ t: Number(number) - 1 }),
  });
  const which = slider({
    label: "Unit",
    least: 0,
    most: 1,
    value: 0,
    onInput: (unit) => move({ unit: Number(unit) }),
  });
  return {
    element: el("div", { class: "play-two" }, step.element, which.element),
    /** @param {Network} net @param {number} t @param {number} unit */
    update({ model, pass, chars }, t, unit) {
      letters = Array.from(pass.x, (id) => show(chars[id]));
      step.most(pass.T);
      step.set(t + 1);
      which.most(model.H - 1);
      which.set(unit);
      which.element.style.display = model.H > 1 ? "" : "none"; // one unit: no choice
    },
  };
};

/** @type {Mount} */
export const mount = (root, options, part) => {
  const names = options.get("lines")?.split(", ");
  const from = names ? document : part;
  /** @type {(changes: {t?: number, unit?: number}) => void} */
  let move;
  /** @type {Place | null} */
  let place = null;
  /** @type {Look | null} */
  let shown = null;

  const sliders = placeSliders((changes) => move(changes));
  const notation = makeNotation(from);
  const equations = makeEquations(notation.meaning, () => {
    draw();
    say(root, says.textContent ?? "");
  }, names);
  const title = el("p", { class: "play-title" });
  const says = el("p");
  const map = makeMap();
  const note = el("p", { class: "play-note" }, "Gold is above 0. Indigo with a stroke is below 0.");
  const code = makeCode(from);
  root.append(
    sliders.element,
    scroll("Equations of the network", equations.element),
    el(
      "div",
      { class: "play-panel" },
      el("div", {}, title, says, map.frame, note, map.table),
      notation.element,
    ),
    code.element,
  );

  const drawMap = () => shown && map.update(inChapter(equations.chosen().symbol, names), shown);
  const drawSmall = () => place && equations.paint(place);
  const draw = () => {
    if (!place) return;
    const { line, symbol } = equations.chosen();
    equations.markChosen();
    shown = lookAt(symbol, place);
    const { shape, torch } = shown;
    const name = inChapter(symbol, names);
    title.replaceChildren(written(name), ` ${shape} `, el("code", {}, torch));
    says.textContent = shown.says;
    drawMap();
    code.update(line, symbol);
    notation.update(name);
  };

  /** @param {Place} next */
  const look = (next) => {
    place = next;
    equations.build(place);
    sliders.update(place, place.t, place.unit);
    drawSmall();
    draw();
  };
  /** @type {ReturnType<typeof source> | undefined} */
  let state;
  if (options.has("W_ih")) {
    const given = { ...givenNetwork(options), t: Number(options.get("t")), unit: 0 };
    move = (changes) => look({ ...given, ...place, ...changes });
    look(given);
  } else {
    state = source(options);
    move = state.set;
    state.watch(({ run, epoch, t, unit }) => {
      if (run) look({ ...run.at(epoch), chars: run.chars, t, unit });
    });
  }
  onTheme(drawSmall);
  // Called first when the part is on the page, and so has its colors and its size.
  new ResizeObserver(() => {
    drawMap();
    drawSmall();
  }).observe(map.frame);
  return state;
};
