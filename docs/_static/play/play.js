"use strict";

/*
 * The parts of the playground: finds them on the page, loads their scripts, gives them tools.
 *
 *   charseqPlay.define(name, mount)   a part's script calls it; mount(root, options) fills root
 *   charseqPlay.shared, set, watch    the run that the parts of one page look at
 *   charseqPlay.source(options)       that run, or one of its own where the page trains none
 *   el, svg, say, slider, choice, check, button, copyButton, heat, table: see each
 *
 * A part is <div class="play" data-play="train" data-options="text=hello">, with a fallback inside
 * that goes once mount has succeeded. Text gets on the page as text alone, never as markup.
 */

/**
 * @typedef {object} View What is looked at.
 * @property {InstanceType<typeof charseqTraining.Run> | null} run that is over; null before
 * @property {number} epoch from 1
 * @property {number} t step, from 0
 * @property {number} unit from 0
 */

/** @typedef {Node | string | null} Child */
/** @typedef {(root: HTMLElement, options: URLSearchParams) => void} Mount */

const charseqPlay = (() => {
  const folder = /** @type {HTMLScriptElement} */ (document.currentScript).src;
  const run = ["core", "training", "settings"];
  /** @type {Record<string, string[]>} */
  const SCRIPTS = {
    train: [...run, "curves", "verdict", "train"],
    scrubber: [...run, "curves", "scrubber"],
    inside: [...run, "terms", "inside"],
    step: [...run, "sums", "step"],
    explorer: ["shapes", "quiz", "settings", "explorer"],
    temperature: [...run, "temperature"],
  };

  // ---- making elements ---------------------------------------------------------------------------

  /**
   * A value that is false or null leaves the attribute out; a function listens: {onclick: f}.
   * @template {Element} T
   * @param {T} node
   * @param {Record<string, any>} attributes
   * @param {Child[]} children
   * @returns {T}
   */
  const fill = (node, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") node.addEventListener(name.slice(2), value);
      else if (value !== false && value != null) {
        node.setAttribute(name, value === true ? "" : String(value));
      }
    }
    node.append(...children.filter((child) => child !== null));
    return node;
  };

  /**
   * el("p", {class: "play-note"}, "text", el("b", {}, "more"))
   * @template {keyof HTMLElementTagNameMap} K
   * @param {K} tag
   * @param {Record<string, any>} [attributes]
   * @param {Child[]} children
   */
  const el = (tag, attributes = {}, ...children) =>
    fill(document.createElement(tag), attributes, children);

  /**
   * The same for a drawing.
   * @template {keyof SVGElementTagNameMap} K
   * @param {K} tag
   * @param {Record<string, any>} [attributes]
   * @param {Child[]} children
   */
  const svg = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

  let ids = 0;
  /** An id that no other element has. */
  const newId = () => `play-${++ids}`;

  /** A number with so many decimals and a true minus sign. @param {number} value */
  const number = (value, decimals = 3) => value.toFixed(decimals).replace("-", "−");

  /** @type {Record<string, string>} */
  const UNSEEN = { " ": "␣", "\n": "↵", "\t": "⇥" };
  /** A character as it can be seen. @param {string} char */
  const show = (char) => UNSEEN[char] ?? (/[\p{C}\p{Z}]/u.test(char) ? "�" : char);

  /** @type {WeakMap<HTMLElement, {region: HTMLElement, timer: number}>} */
  const regions = new WeakMap();
  /**
   * Tell a screen reader, once the reader has paused.
   * @param {HTMLElement} root
   * @param {string} text
   */
  const say = (root, text) => {
    let found = regions.get(root);
    if (!found) {
      found = { region: el("div", { class: "play-unseen", role: "status" }), timer: 0 };
      root.append(found.region);
      regions.set(root, found);
    }
    const { region, timer } = found;
    clearTimeout(timer);
    found.timer = setTimeout(() => (region.textContent = text), 600);
  };

  /** @type {(() => void)[]} */
  const painters = [];
  /** Call now and whenever the colours of the page change. @param {() => void} paint */
  const onTheme = (paint) => {
    painters.push(paint);
    paint();
  };
  const repaint = () => painters.forEach((paint) => paint());
  new MutationObserver(repaint).observe(document.body, { attributeFilter: ["data-theme"] });
  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
    matchMedia(query).addEventListener("change", repaint);
  }

  // ---- fields ------------------------------------------------------------------------------------

  /**
   * What fields share: a label, a line of help, a message where something is wrong.
   * @param {string} label
   * @param {string} help
   * @param {HTMLElement} input what the label names
   * @param {HTMLElement | null} beside the label
   * @param {HTMLElement | null} below
   */
  const field = (label, help, input, beside, below) => {
    input.id ||= newId();
    const about = el("small", { id: newId() }, help);
    const wrong = el("small", { id: newId(), class: "play-error" });
    input.setAttribute("aria-describedby", `${about.id} ${wrong.id}`);
    const named = el("label", { for: input.id }, label);
    const head = el("span", { class: "play-label" }, named, beside);
    return {
      element: el("div", { class: "play-field" }, head, below, about, wrong),
      /** @param {string} text */
      help: (text) => void (about.textContent = text),
      /** @param {string} text "" when all is well */
      error(text) {
        wrong.textContent = text;
        input.setAttribute("aria-invalid", String(text !== ""));
      },
    };
  };

  /**
   * A slider. `show` writes its value beside the label; with `typed`, it is a box instead in which
   * any value can be typed, and onInput gets what was typed, as text. With `log`, equal ways on the
   * slider are equal factors.
   * @param {{label: string, least: number, most: number, value: number, step?: number,
   *   log?: boolean, typed?: boolean, help?: string, show?: (value: number) => string,
   *   onInput: (value: number | string) => void}} options
   */
  const slider = ({ label, least, most, value, step = 1, help = "", ...options }) => {
    const { log = false, typed = false, show: write = String, onInput } = options;
    const place = (/** @type {number} */ x) => {
      const inside = Math.min(most, Math.max(least, x));
      return log ? Math.log10(inside) : inside;
    };
    const input = el("input", {
      type: "range",
      min: place(least),
      max: place(most),
      step: log ? 0.05 : step,
    });
    const box = typed ? el("input", { class: "play-typed", inputmode: "decimal" }) : null;
    const output = typed ? null : el("output", {});
    const { element, ...texts } = field(label, help, box ?? input, box ?? output, input);
    if (box) {
      input.setAttribute("aria-label", `${label}, slider`);
      box.addEventListener("change", () => onInput(box.value));
      // What was wrong is being mended; typing again what stands there is no change.
      box.addEventListener("input", () => texts.error(""));
    } else output?.setAttribute("for", input.id);
    const made = {
      element,
      input,
      value,
      ...texts,
      /** @param {number} now */
      set(now) {
        made.value = now;
        input.value = String(place(now));
        const text = write(now);
        if (box) box.value = text;
        if (output) output.textContent = text;
        input.setAttribute("aria-valuetext", text);
      },
      /** @param {number} end */
      most(end) {
        most = end;
        input.max = String(place(end));
      },
      /** @param {boolean} off */
      disable(off) {
        for (const one of [input, box]) if (one) one.disabled = off;
        element.classList.toggle("play-off", off);
      },
    };
    input.addEventListener("input", () => {
      const x = Number(input.value);
      made.set(log ? Number((10 ** x).toPrecision(2)) : x);
      onInput(made.value);
    });
    made.set(value);
    return made;
  };

  /**
   * One of a few, as a row of buttons: [value, text] each.
   * @param {{label: string, options: [string, string][], value: string, help?: string,
   *   onInput: (value: string) => void}} options
   */
  const choice = ({ label, options, value, help = "", onInput }) => {
    const name = newId();
    const inputs = options.map(([option]) =>
      el("input", { type: "radio", name, value: option, onchange: () => pick(option) })
    );
    const wrong = el("small", { class: "play-error" });
    const about = el("small", {}, help);
    const made = {
      element: el(
        "fieldset",
        { class: "play-field play-choice" },
        el("legend", {}, label),
        el(
          "div",
          {},
          ...options.map(([, text], k) => el("label", {}, inputs[k], el("span", {}, text))),
        ),
        about,
        wrong,
      ),
      value,
      /** @param {string} now */
      set(now) {
        made.value = now;
        for (const input of inputs) input.checked = input.value === now;
      },
      /** @param {string} text */
      help: (text) => void (about.textContent = text),
      /** @param {string} text */
      error: (text) => void (wrong.textContent = text),
    };
    const pick = (/** @type {string} */ now) => {
      made.set(now);
      onInput(now);
    };
    made.set(value);
    return made;
  };

  /**
   * A tick.
   * @param {{label: string, value: boolean, onInput: (value: boolean) => void}} options
   */
  const check = ({ label, value, onInput }) => {
    const input = el("input", { type: "checkbox", onchange: () => onInput(input.checked) });
    input.checked = value;
    return { element: el("label", { class: "play-check" }, input, label), input };
  };

  /**
   * @param {string} text
   * @param {() => void} press
   * @param {Record<string, any>} [attributes]
   */
  const button = (text, press, attributes = {}) =>
    el("button", { type: "button", class: "play-button", ...attributes, onclick: press }, text);

  /** Copy what getText says, and say so. @param {() => string} getText */
  const copyButton = (getText, label = "Copy") => {
    const made = button(label, async () => {
      const text = getText();
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        // No clipboard on some pages from a folder: select a copy of the text, the old way.
        const box = el("textarea", { class: "play-unseen" });
        box.value = text;
        made.after(box);
        box.select();
        document.execCommand("copy");
        box.remove();
        made.focus();
      }
      made.textContent = "Copied";
      setTimeout(() => (made.textContent = label), 1500);
    });
    made.setAttribute("aria-live", "polite");
    return made;
  };

  // ---- numbers -----------------------------------------------------------------------------------

  /** What scrolls inside its own frame, by keyboard too. @param {Child[]} children */
  const scroll = (/** @type {string} */ label, ...children) =>
    el(
      "div",
      { class: "play-scroll", role: "region", "aria-label": label, tabindex: 0 },
      ...children,
    );

  /**
   * A table; the first cell of a row names it.
   * @param {string} caption
   * @param {string[]} head
   * @param {Child[][]} rows
   */
  const table = (caption, head, rows) =>
    el(
      "table",
      {},
      el("caption", {}, caption),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          ...head.map((text) => el(text ? "th" : "td", text ? { scope: "col" } : {}, text)),
        ),
      ),
      el(
        "tbody",
        {},
        ...rows.map(([name, ...cells]) =>
          el("tr", {}, el("th", { scope: "row" }, name), ...cells.map((cell) => el("td", {}, cell)))
        ),
      ),
    );

  /**
   * @typedef {object} Heat
   * @property {string} label what it shows, for those who do not see it
   * @property {string[]} rowNames
   * @property {string[]} columnNames
   * @property {number} [scale] value of the strongest colour; the largest by default
   * @property {{row?: number, column?: number}} [mark] framed: a row, a column, or one cell
   */

  /**
   * A heat map: colour is the value, a stroke in a cell its minus sign; with a table to unfold.
   * @param {((row: number, column: number) => void) | null} [pick] when a cell is pressed
   */
  const heat = (pick = null) => {
    const canvas = el("canvas", { role: "img" });
    const box = el("details", { ontoggle: () => draw() }, el("summary", {}, "As a table"));
    const element = el("div", { class: "play-heat" }, canvas, box);
    /** @type {ArrayLike<number>} */
    let values = [];
    /** @type {Heat} */
    let how = { label: "", rowNames: [], columnNames: [] };
    const draw = () => {
      const { label, rowNames, columnNames, mark = {} } = how;
      const [rows, columns] = [rowNames.length, columnNames.length];
      if (!rows || !columns) return;
      const scale = how.scale ?? Math.max(1e-12, ...Array.from(values, Math.abs));
      canvas.setAttribute(
        "aria-label",
        `${label}: ${rows} rows, ${columns} columns, colours from ${number(-scale, 2)} to ` +
          number(scale, 2),
      );
      const wide = element.clientWidth || 320;
      const side = Math.max(2, Math.min(20, Math.floor(wide / columns)));
      const density = devicePixelRatio || 1;
      canvas.width = columns * side * density;
      canvas.height = rows * side * density;
      canvas.style.width = `${columns * side}px`;
      const style = getComputedStyle(element);
      const ink = (/** @type {string} */ name) => style.getPropertyValue(`--play-${name}`).trim();
      const pen = canvas.getContext("2d");
      if (!pen) return;
      pen.scale(density, density);
      const gap = side > 5 ? 1 : 0;
      for (let k = 0; k < rows * columns; k++) {
        const [x, y] = [(k % columns) * side, Math.floor(k / columns) * side];
        const share = Math.min(1, Math.abs(values[k]) / scale);
        pen.globalAlpha = 1;
        pen.fillStyle = ink("zero");
        pen.fillRect(x, y, side - gap, side - gap);
        pen.globalAlpha = share;
        pen.fillStyle = ink(values[k] < 0 ? "minus" : "plus");
        pen.fillRect(x, y, side - gap, side - gap);
        if (values[k] < 0 && share > 0.02 && side > 5) {
          pen.globalAlpha = 1;
          pen.fillStyle = ink("cell");
          pen.fillRect(x + side / 4, y + side / 2 - 1, side / 2 - gap, 1.5);
        }
      }
      pen.globalAlpha = 1;
      pen.strokeStyle = ink("ink");
      pen.lineWidth = 2;
      const { row, column } = mark;
      if (row !== undefined || column !== undefined) {
        pen.strokeRect(
          (column ?? 0) * side,
          (row ?? 0) * side,
          (column === undefined ? columns : 1) * side - gap,
          (row === undefined ? rows : 1) * side - gap,
        );
      }
      if (!box.open) return;
      const cells = rowNames.map((name, row) => [
        name,
        ...columnNames.map((_, column) => number(values[row * columns + column])),
      ]);
      box.replaceChildren(
        box.children[0],
        scroll(label, table(label, ["", ...columnNames], cells)),
      );
    };
    if (pick) {
      canvas.addEventListener("click", ({ offsetX, offsetY }) => {
        const { clientWidth, clientHeight } = canvas;
        const { rowNames, columnNames } = how;
        const at = (/** @type {number} */ x, /** @type {number} */ size, /** @type {number} */ n) =>
          Math.min(n - 1, Math.max(0, Math.floor((x / size) * n)));
        pick(
          at(offsetY, clientHeight, rowNames.length),
          at(offsetX, clientWidth, columnNames.length),
        );
      });
    }
    let wide = 0;
    new ResizeObserver(() => {
      if (element.clientWidth !== wide) draw();
      wide = element.clientWidth;
    }).observe(element);
    onTheme(draw);
    return {
      element,
      /**
       * @param {ArrayLike<number>} numbers row by row
       * @param {Heat} options
       */
      update(numbers, options) {
        values = numbers;
        how = options;
        draw();
      },
    };
  };

  // ---- runs --------------------------------------------------------------------------------------

  const makeStore = () => {
    /** @type {View} */
    const view = { run: null, epoch: Infinity, t: 0, unit: 0 };
    /** @type {Set<(view: View) => void>} */
    const watchers = new Set();
    /** @type {typeof watchers} Those that have not seen the latest. */
    const behind = new Set();
    let timer = 0;
    const next = () => {
      timer = 0;
      const [watcher] = behind;
      behind.delete(watcher);
      watcher?.(view);
      if (behind.size) timer = setTimeout(next);
    };
    const inside = (/** @type {number} */ x, /** @type {number} */ a, /** @type {number} */ b) =>
      Math.min(b, Math.max(a, Math.round(x) || a));
    return {
      view,
      /** Show something else: set({epoch: 12}). @param {Partial<View>} changes */
      set(changes) {
        Object.assign(view, changes);
        if (view.run) {
          view.epoch = inside(view.epoch, 1, view.run.records.length);
          view.t = inside(view.t, 0, view.run.pass.T - 1);
          view.unit = inside(view.unit, 0, view.run.model.H - 1);
        }
        // The first sees it at once, each other in a task of its own: together they would freeze
        // the page for too long.
        const [first, ...rest] = watchers;
        first?.(view);
        for (const watcher of rest) behind.add(watcher);
        if (behind.size && !timer) timer = setTimeout(next);
      },
      /** Call now and at every change, until the function returned is called.
       * @param {(view: View) => void} watcher */
      watch(watcher) {
        watchers.add(watcher);
        watcher(view);
        return () => {
          watchers.delete(watcher);
          behind.delete(watcher);
        };
      },
    };
  };
  const store = makeStore();

  /**
   * Train a run in slices that leave the page alive; false when `wanted` said no on the way.
   * @param {InstanceType<typeof charseqTraining.Run>} run
   * @param {() => boolean} [wanted]
   */
  const train = async (run, wanted = () => true) => {
    const at = run.at.bind(run);
    let last = 0;
    /** @type {ReturnType<typeof at>} */
    let found;
    // Several parts look at the same epoch: compute it once.
    run.at = (epoch) => {
      if (epoch !== last) found = at(last = epoch);
      return found;
    };
    while (!run.advance(12)) {
      await new Promise((resume) => setTimeout(resume));
      if (!wanted()) return false;
    }
    return wanted();
  };

  /** Settings as a part's options want them; notebook=1 starts from the notebook's.
   * @param {URLSearchParams} options */
  const settingsOf = (options) => {
    const base = options.get("notebook") ? charseqSettings.toParams(charseqSettings.NOTEBOOK) : [];
    return charseqSettings.parse(new URLSearchParams([...base, ...options])).settings;
  };

  /** A run of a part's own, as its options want it. @param {URLSearchParams} options */
  const ownRun = (options) => {
    const own = makeStore();
    const run = new charseqTraining.Run(settingsOf(options));
    train(run).then(() => {
      const wanted = ["epoch", "t", "unit"].filter((name) => options.has(name));
      own.set({
        run,
        ...Object.fromEntries(wanted.map((name) => [name, Number(options.get(name))])),
      });
    });
    return own;
  };

  /** The page's run where it has a part that trains, else one of the part's own.
   * @param {URLSearchParams} options */
  const source = (options) =>
    document.querySelector('[data-play="train"]') ? store : ownRun(options);

  // ---- loading -----------------------------------------------------------------------------------

  /** @type {Map<string, Mount>} */
  const mounts = new Map();
  /** @type {Map<string, Promise<void>>} */
  const loaded = new Map();

  /** @param {string} name */
  const load = (name) => {
    const begun = loaded.get(name);
    if (begun) return begun;
    const made = new Promise((done, fail) => {
      const script = el("script", { src: new URL(`${name}.js`, folder).href });
      script.addEventListener("load", () => done(undefined));
      script.addEventListener("error", () => fail(new Error(`${script.src} cannot be loaded`)));
      document.head.append(script);
    });
    loaded.set(name, made);
    return made;
  };

  /** @param {HTMLElement} part */
  const bring = async (part) => {
    const { play = "", options = "" } = part.dataset;
    try {
      if (!mounts.has(play)) { for (const name of SCRIPTS[play] ?? []) await load(name); }
      const mount = mounts.get(play);
      if (!mount) throw new Error(`no part of the playground is called ${play}`);
      const root = el("div", { class: `play-part play-${play}` });
      mount(root, new URLSearchParams(options));
      part.replaceChildren(root);
    } catch (error) {
      console.error(error); // the fallback stays
    }
  };

  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting || !(target instanceof HTMLElement)) continue;
        near.unobserve(target);
        bring(target);
      }
    },
    { rootMargin: "400px 0px" },
  );
  for (const part of document.querySelectorAll("[data-play]")) near.observe(part);

  return {
    /** @param {string} name @param {Mount} mount */
    define: (name, mount) => void mounts.set(name, mount),
    shared: store.view,
    set: store.set,
    watch: store.watch,
    source,
    ownRun,
    settingsOf,
    train,
    home: new URL("../../playground.html", folder).href,
    el,
    svg,
    newId,
    number,
    show,
    say,
    onTheme,
    field,
    slider,
    choice,
    check,
    button,
    copyButton,
    scroll,
    table,
    heat,
  };
})();
