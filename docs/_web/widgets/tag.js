// The part `tag`: a sentence is typed in small letters, and two networks say of each letter how
// probable it was a capital: one that reads from left to right, and one that reads in both
// directions, so it changes its mind as more is typed. benchmarks/tagging.py trained them. Its
// option is the `text` to begin with.
import { number, show } from "../core/formats.js";
import { capitalized, MOST_LETTERS, taggerOf } from "../core/tagging.js";
import { el, setText } from "../ui/elements.js";
import { boxLine } from "../ui/line.js";
import { load } from "../ui/load.js";
import { readout } from "../ui/player.js";
import { textReader } from "../ui/text-reader.js";

/** @import { Tagged, Taggers } from "../core/tagging.js" */
/** @import { Row } from "../ui/line.js" */

const NAMES = /** @type {const} */ ({ left: "left to right", both: "in both directions" });
const CHANGE = 0.2; // of a probability, that is worth a word
const FIRST = 6; // letters that are read when the part begins

/** @param {"left" | "both"} name @returns {Row} */
const bars = (name) => ({
  name,
  kind: "bars",
  color: "output",
  height: 56,
  most: 1,
  title: `capital? ${NAMES[name]}`,
  ticks: [[0, "0"], [1, "1"]],
});

/** @param {HTMLElement} root @param {URLSearchParams} options */
export const mount = async (root, options) => {
  /** @type {Taggers & {examples: string[]}} */
  const record = await load("tag.js");
  const { examples } = record;
  const read = taggerOf(record);
  const most = matchMedia("(max-width: 40rem)").matches ? 24 : 44; // letters in the picture
  let done = 0; // letters that are read
  let chosen = -1; // the letter that is spoken of, or -1 for the one that changed most
  /** @type {Tagged} */
  let whole = read("");

  const line = boxLine({
    label: "The sentence, and how probable a capital is at each letter",
    rows: [
      { name: "letters", kind: "boxes", color: "input", title: "letter" },
      bars("left"),
      bars("both"),
    ],
    onPick(k) {
      chosen = first() + k;
      draw();
    },
  });
  const own = { translate: "no" };
  const lines = { left: el("span", own), both: el("span", own) };
  const result = el(
    "p",
    { class: "play-tag-written" },
    el("span", {}, `${NAMES.left}: `),
    lines.left,
    el("br", {}),
    el("span", {}, `${NAMES.both}: `),
    lines.both,
  );
  const words = readout(root);
  const shown = () => whole.letters.slice(0, done).join("");
  const first = () => Math.max(0, done - most);

  const draw = () => {
    const now = read(shown());
    const before = read(shown().slice(0, -1));
    const { letters, known, isLetter, left, both } = now;
    const from = first();
    const part = (/** @type {ArrayLike<number | null>} */ row) => Array.from(row).slice(from);
    const changes = Array.from(before.both, (p, t) => Math.abs(both[t] - p));
    const largest = changes.indexOf(Math.max(...changes));
    const t = chosen >= 0 && chosen < done ? chosen : done - 1;
    const text = sentence(now, before, t, changes[largest] > CHANGE ? largest : -1);
    line.update({
      count: letters.length - from,
      at: t - from,
      label: text,
      letters: {
        texts: letters.slice(from).map(show),
        fills: isLetter.slice(from).map((is) => (is ? 0.25 : 0)),
        off: known.slice(from).map((is) => !is),
      },
      left: { values: part(left) },
      both: {
        values: part(both),
        before: part(letters.map((_, k) => before.both[k] ?? null)),
      },
    });
    setText(lines.left, capitalized(letters, left));
    setText(lines.both, capitalized(letters, both));
    words.set(text);
  };

  /** @param {Tagged} now @param {Tagged} before @param {number} t @param {number} changed */
  const sentence = ({ letters, isLetter, left, both }, before, t, changed) => {
    if (!letters.length) return whole.letters.length ? "Nothing is read yet." : whole.trouble;
    const last = show(letters[letters.length - 1]);
    const p = (/** @type {number} */ x) => number(x, 2);
    const here = isLetter[t]
      ? `A capital at “${letters[t]}”, letter ${t + 1}? Left to right ${p(left[t])}, in both ` +
        `directions ${p(both[t])}.`
      : `“${show(letters[t])}” has no capital.`;
    const moved = changed < 0
      ? ""
      : `Since “${last}” has come, the second network thinks otherwise of letter ${changed + 1}, ` +
        `“${letters[changed]}”: from ${p(before.both[changed])} to ${p(both[changed])}.`;
    return [here, moved, whole.trouble].filter(Boolean).join(" ");
  };
  const reader = textReader({
    label: "A sentence in small letters",
    value: options.get("text") ?? examples[0],
    first: FIRST,
    longest: 4 * MOST_LETTERS,
    another: "Another sentence",
    examples,
    pace: 450,
    take(text) {
      whole = read(text);
      return whole.letters.length;
    },
    show(n) {
      done = n;
      chosen = -1;
      draw();
    },
  });
  root.append(reader.settings, line.element, result, words.element, reader.bar);
  reader.begin(FIRST);
};
