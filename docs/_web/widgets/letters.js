// The part `letters`: type a word, and see its ids, its one-hot vectors and the column of W_ih that
// each letter picks. Its options are the `text` that has the vocabulary, and the `word` to begin with.
import { number, show } from "../core/formats.js";
import { DEFAULT } from "../core/settings.js";
import { lookUp, table } from "../core/untrained.js";
import { el, withIndices } from "../ui/elements.js";
import { field } from "../ui/fields.js";
import { boxLine } from "../ui/line.js";
import { readout } from "../ui/player.js";

/** @import { Mount } from "./define.js" */

const UNITS = 3;
const LONGEST = 14; // letters

/** @type {Mount} */
export const mount = (root, options) => {
  const known = table(options.get("text") ?? DEFAULT.text, UNITS);
  const { chars, W_ih } = known;
  const scale = Math.max(...W_ih.map(Math.abs));
  const units = Array.from({ length: UNITS }, (_, k) => `unit ${k}`);
  let at = 0; // the letter that the reader looks at
  const input = el("input", {
    maxlength: LONGEST,
    autocapitalize: "off",
    spellcheck: "false",
    value: options.get("word") ?? "garden",
    oninput: () => go(letters().length - 1),
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      go(at + step);
    },
  });
  const letters = () => [...input.value];
  const box = field(`a word, up to ${LONGEST} letters`, "", input, null, input);
  const line = boxLine({
    label: "the word",
    rows: [
      { name: "word", kind: "boxes", color: "input", title: "letter" },
      { name: "ids", kind: "words", title: "id" },
      { name: "oneHot", kind: "heat", names: chars.map(show), height: 17 },
      { name: "products", kind: "heat", names: units, height: 20 },
    ],
    onPick: (k) => go(k),
  });
  const matrix = boxLine({
    label: "W_ih",
    rows: [
      { name: "chars", kind: "boxes", color: "input", title: "letter" },
      { name: "ids", kind: "words", title: "column", longest: 2 },
      { name: "weights", kind: "heat", names: units, height: 20 },
    ],
  });
  const said = readout(root);
  const all = el(
    "p",
    { class: "play-note" },
    ...withIndices("All of W_ih, a column for each letter:"),
  );
  const parts = "One-hot vectors, and below each the column that it picks:";
  root.append(
    box.element,
    el("p", { class: "play-note" }, parts),
    line.element,
    all,
    matrix.element,
    said.element,
  );

  const go = (/** @type {number} */ to) => {
    const word = letters();
    at = Math.min(word.length - 1, Math.max(0, to));
    const { ids, oneHot, products } = lookUp(word.join(""), known);
    const id = ids[at] ?? -1;
    const names = word.map(show);
    const lit = (/** @type {number} */ k) => (k === at ? 0.35 : 0);
    let text = "Type a letter.";
    if (word.length && id < 0) {
      text =
        `“${names[at]}” isn't one of the ${chars.length} characters, so it has no id, no place ` +
        "for its 1, and no column.";
    } else if (word.length) {
      const column = units.map((_, unit) => number(W_ih[unit * chars.length + id]));
      text =
        `“${names[at]}” has id ${id}: a 1 at place ${id}, 0 at the ${chars.length - 1} others, ` +
        `and so W_ih times this vector is column ${id}: (${column.join(", ")}).`;
    }
    line.update({
      count: word.length,
      at,
      label: text,
      word: { texts: names, fills: word.map((_, k) => lit(k)), off: ids.map((one) => one < 0) },
      ids: {
        texts: ids.map((one) => (one < 0 ? "?" : String(one))),
        wrong: ids.map((one) => one < 0),
      },
      oneHot: { values: oneHot, scale: 1 },
      products: { values: products, scale },
    });
    matrix.update({
      count: chars.length,
      at: id,
      label: `W_ih, ${UNITS} rows and ${chars.length} columns`,
      chars: { texts: chars.map(show), fills: chars.map((_, k) => (k === id ? 0.35 : 0)) },
      ids: { texts: chars.map((_, k) => String(k)) },
      weights: { values: W_ih, scale },
    });
    said.set(text);
  };
  go(0);
};
