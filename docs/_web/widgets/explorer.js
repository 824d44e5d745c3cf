// The part `explorer`: the options of a recurrent layer, the call that makes it, and all of its
// parameters and tensors, drawn on one scale and as a table. Its options are those of
// layerShapes.
import { letters, tuple } from "../core/formats.js";
import { layerShapes, parseLayer } from "../core/layer-shapes.js";
import { el, say, scroll, svg, table } from "../ui/elements.js";
import { check, choice, copyButton, slider } from "../ui/fields.js";

/** @import { LayerOptions } from "../core/layer-shapes.js" */
/** @import { Mount } from "./define.js" */

/** @typedef {{name: string, shape: number[], formula: string, count?: number, symbol?: string,
 *   why?: string}} Item a parameter or a tensor */
/** @typedef {ReturnType<typeof layerShapes>} Shapes */

const FEW = 5; // how many changes are told one by one
/** @param {number} number */
const count = (number) => number.toLocaleString("en");
/** @param {Shapes} shapes @returns {Item[]} */
const items = ({ parameters, tensors }) => [...parameters, ...tensors];

// ---- a drawing of one shape -------------------------------------------------------------------

/** Sheets, rows and columns. @param {number[]} shape @returns {number[]} */
const sides = (shape) => (shape.length === 3 ? shape : [1, shape[0], shape[1] ?? 1]);

/**
 * One sheet, or several sheets one behind the other for the first of three axes.
 * @param {Item} item @param {number} unit pixels per number
 * @param {string} gates letters of the blocks of rows, from top to bottom
 */
const draw = ({ shape, formula }, unit, gates) => {
  const [sheets, ...flat] = sides(shape);
  const [height, width] = flat.map((size) => Math.max(2, size * unit));
  const deep = ((sheets - 1) * unit) / 2;
  const drawn = Math.min(sheets, 1 + Math.ceil(deep / 3)); // more of them would be a smear
  const [left, top] = [26, 8 + deep];
  /** @type {Node[]} */
  const parts = [];
  for (let k = drawn - 1; k >= 0; k--) {
    const shift = k && (deep * k) / (drawn - 1);
    parts.push(svg("rect", { x: left + shift, y: top - shift, width, height }));
  }
  /** @param {string | undefined} letter @param {number} x @param {number} y */
  const write = (letter, x, y) => letter && parts.push(svg("text", { x, y }, letter));
  const axes = letters(formula);
  if (axes[2]) write(axes.shift(), left + width + deep / 2 + 16, top + height - deep / 2 + 4);
  write(axes[0], 10, top + height / 2 + 4);
  write(axes[1], left + width / 2, top + height + 14);
  const block = height / gates.length;
  [...gates].forEach((gate, k) => {
    const y = top + k * block;
    if (k) parts.push(svg("path", { d: `M${left} ${y}h${width}` }));
    if (block > 11) write(gate, left + width + 8, y + block / 2 + 4);
  });
  const size = { width: left + width + deep + 34, height: top + height + 18 };
  return svg("svg", { ...size, "aria-hidden": "true" }, ...parts);
};

/** Pixels per number, so that the tallest and the widest drawing fit. @param {Shapes} shapes */
const unitOf = (shapes) =>
  items(shapes).reduce((least, { shape }) => {
    const [sheets, rows, columns] = sides(shape);
    const deep = (sheets - 1) / 2;
    return Math.min(least, 150 / (rows + deep), 96 / (columns + deep));
  }, 16);

// ---- what changed -----------------------------------------------------------------------------

/**
 * What each item that has changed was before, and all changes in words.
 * @param {Shapes} before @param {Shapes} now
 */
const compare = (before, now) => {
  const old = new Map(items(before).map(({ name, shape }) => [name, tuple(shape)]));
  /** @type {Map<string, string>} */
  const marks = new Map();
  const listed = [];
  for (const { name, shape } of items(now)) {
    const [is, was] = [tuple(shape), old.get(name)];
    old.delete(name);
    if (was === is) continue;
    marks.set(name, was ? `was ${was}` : "new");
    listed.push(`${name} ${is}, ${marks.get(name)}`);
  }
  listed.unshift(...Array.from(old.keys(), (name) => `${name} gone`));
  const [was, is] = [before, now].map(({ parameter_count }) => count(parameter_count));
  const more = listed.splice(FEW).length;
  if (more) listed.push(`${more} more`);
  const words = `${is} parameters${was === is ? "" : `, was ${was}`}.` +
    (listed.length ? ` Changed: ${listed.join("; ")}.` : "");
  return { marks, words };
};

// ---- boxes and table --------------------------------------------------------------------------

/**
 * A box for items that look alike.
 * @param {Item[]} alike @param {SVGElement} drawing @param {Map<string, string>} marks
 */
const box = (alike, drawing, marks) => {
  const [{ name, shape, formula, count: size, why }] = alike;
  const n = alike.length;
  const changed = alike.flatMap(({ name }) => marks.get(name) ?? []);
  const mark = changed.length < n ? `${changed.length} of ${n} ${changed[0]}` : changed[0];
  return el(
    "li",
    { class: changed.length ? "play-shape-changed" : null },
    drawing,
    el(
      "div",
      {},
      el("code", {}, name),
      el("div", {}, el("b", {}, tuple(shape)), ` ${formula}`),
      changed.length ? el("em", {}, mark) : null,
      el("small", {}, why ?? `${count(size ?? 0)} numbers`),
      n > 1 ? el("small", {}, `${n} of these, the last is ${alike[n - 1].name}`) : null,
    ),
  );
};

/** Parameters of one kind and shape share a box. @param {Item[]} parameters */
const grouped = (parameters) => {
  /** @type {Record<string, Item[]>} */
  const groups = {};
  for (const item of parameters) {
    (groups[`${item.name.replace(/_l\d.*/, "")} ${item.formula}`] ??= []).push(item);
  }
  return Object.values(groups);
};

/** @param {Shapes} shapes @param {Map<string, string>} marks */
const asTable = (shapes, marks) => {
  const rows = items(shapes).map(({ name, shape, formula, symbol, why }) => {
    const numbers = count(shape.reduce((a, b) => a * b));
    const what = symbol ?? why ?? "";
    return [name, tuple(shape), formula, numbers, what, marks.get(name) ?? ""];
  });
  const caption = `${shapes.call}: ${count(shapes.parameter_count)} parameters`;
  const head = ["name", "shape", "formula", "numbers", "what", "change"];
  return scroll(caption, table(caption, head, rows));
};

// ---- the fields -------------------------------------------------------------------------------

/** @param {(name: string, value: unknown) => void} change */
const makeFields = (change) => {
  /** @param {string} label @param {number} most of the slider: the reader can type more */
  const size = (label, most, help = "", least = 1) =>
    slider({
      label,
      least,
      most,
      value: 1,
      log: most > 100,
      typed: true,
      help,
      show: (value) => (value || label !== "batch_size" ? String(value) : "none"),
      onInput: (value) => change(label, value === 0 && label === "batch_size" ? "none" : value),
    });
  const sizes = {
    input_size: size("input_size", 256, "I, numbers at each step"),
    hidden_size: size("hidden_size", 256, "H, units"),
    num_layers: size("num_layers", 8, "L, stacked layers"),
    proj_size: size("proj_size", 32, "P, only in an LSTM; 0 means none", 0),
    batch_size: size("batch_size", 64, "B, texts; none means no batch axis", 0),
    length: size("length", 128, "T, steps"),
  };
  const mode = choice({
    label: "Layer",
    options: ["RNN", "GRU", "LSTM"].map((name) => [name, `nn.${name}`]),
    value: "",
    onInput: (value) => change("mode", value),
  });
  const flags = ["bias", "batch_first", "bidirectional"].map((label) => ({
    label,
    ...check({ label, value: false, onInput: (value) => change(label, value) }),
  }));
  const elementsOf = (/** @type {{element: HTMLElement}[]} */ fields) =>
    fields.map(({ element }) => element);
  return {
    mode: mode.element,
    sizes: el("div", { class: "play-shape-sizes" }, ...elementsOf(Object.values(sizes))),
    flags: el("div", { class: "play-row" }, ...elementsOf(flags)),
    /** @param {Required<LayerOptions>} options @param {string[]} messages */
    show(options, messages) {
      /** @type {Record<string, any>} */
      const values = options;
      for (const [name, field] of Object.entries(sizes)) {
        const wrong = messages.find((message) => message.startsWith(`${name} `)) ?? "";
        field.error(wrong);
        // What the reader typed stays beside its message.
        if (!wrong) field.set(values[name] ?? 0);
      }
      mode.set(options.mode);
      for (const { label, input } of flags) input.checked = values[label];
    },
  };
};

// ---- the part ---------------------------------------------------------------------------------

/** @type {Mount} */
export const mount = (root, start) => {
  /** What was typed, right or wrong. @type {Record<string, unknown>} */
  let given = Object.fromEntries(start);
  let option = ""; // that the reader changed last
  let now = layerShapes(parseLayer(given).options);
  let before = now; // what it was before that change

  const fields = makeFields((name, value) => {
    if (name !== option) before = now;
    option = name;
    given = { ...given, [name]: value };
    render();
  });
  const code = el("code");
  const summary = el("p");
  const parameters = el("ul", { class: "play-shape-boxes" });
  const tensors = el("ul", { class: "play-shape-boxes" });
  const tables = el("details");
  const copy = copyButton(() => `${code.textContent}\n`);
  const note = "All drawings have the same scale. A side that would be too thin to see is 2 " +
    "pixels wide, and a thin stack shows fewer sheets.";

  const render = () => {
    const { options, messages } = parseLayer(given);
    now = layerShapes(options);
    fields.show(options, messages);
    code.textContent = `import torch\n\nlayer = torch.nn.${now.call}\n` +
      `output, ${options.mode === "LSTM" ? "(h_n, c_n)" : "h_n"} = ` +
      `layer(torch.zeros${tuple(now.tensors[0].shape)})`;
    const { marks, words } = compare(before, now);
    summary.textContent = words;
    if (option) say(root, [...messages, words].join(" "));
    const unit = unitOf(now);
    const gates = { RNN: "", GRU: "rzn", LSTM: "ifgo" }[options.mode];
    /** @param {Item[]} alike */
    const boxOf = (alike) => {
      const drawing = draw(alike[0], unit, /_[ih]h_/.test(alike[0].name) ? gates : "");
      return box(alike, drawing, marks);
    };
    parameters.replaceChildren(...grouped(now.parameters).map(boxOf));
    tensors.replaceChildren(...now.tensors.map((tensor) => boxOf([tensor])));
    tables.replaceChildren(el("summary", {}, "As a table"), asTable(now, marks));
  };
  root.append(
    fields.mode,
    fields.sizes,
    fields.flags,
    el("div", { class: "play-shape-call" }, el("pre", {}, code), copy),
    summary,
    el("h3", {}, "Parameters"),
    parameters,
    el("h3", {}, "Tensors"),
    tensors,
    el("p", { class: "play-note" }, note),
    tables,
  );
  render();
};
