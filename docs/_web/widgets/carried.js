// The part `carried`: what each letter of a sentence costs a network that keeps its state, and one
// that forgets it. docs/_ext/live/carried.py computed the numbers.
import { bitsOf, losses, mean, nameOf, wordEnd } from "../core/carried.js";
import { number, show } from "../core/formats.js";
import { el } from "../ui/elements.js";
import { choice, slider } from "../ui/fields.js";
import { boxLine } from "../ui/line.js";
import { load } from "../ui/load.js";
import { readout } from "../ui/readout.js";

/** @import { Sentence } from "../core/carried.js" */
/** @import { Row } from "../ui/line.js" */

const FIRST_CUT = 14; // in the middle of either sentence

/** @param {string} name @param {string} title it stands at the scale @returns {Row} */
const bars = (name, title) => ({
  name,
  kind: "bars",
  color: "output",
  height: 86,
  most: 10.5,
  ticks: [[0, "0 bits"], [5, title], [10, "10 bits"]],
});

const upper = (/** @type {string} */ text) => text[0].toUpperCase() + text.slice(1);

/** @param {HTMLElement} root */
export const mount = async (root) => {
  /** @type {Sentence[]} */
  const sentences = await load("carried.js");
  let [sentence] = sentences;
  let cut = -1; // before every letter
  const line = boxLine({
    label: "The letters, and below each what it costs",
    rows: [
      { name: "letters", kind: "boxes", color: "input" },
      bars("kept", "carried"),
      bars("lost", "forgotten"),
    ],
    onPick: (k) => go(Math.max(1, k)),
  });
  const said = readout(root);
  const draw = () => {
    const text = [...sentence.text];
    const [all, lost] = [bitsOf(sentence, 0), bitsOf(sentence, cut)];
    const { total, worst } = losses(all, lost, cut < 0 ? 0 : cut);
    const later = losses(all, lost, wordEnd(sentence.text, Math.max(0, cut))).worst;
    const name = (/** @type {number} */ t) => nameOf(sentence.text, t);
    const cost = (/** @type {number} */ t, still = "") =>
      `${name(t)} (letter ${t + 1})${still} costs ${number(lost[t], 1)} bits instead of ` +
      number(all[t], 1);
    const named = cut < 0 ? [worst] : [...new Set([worst, later])].filter((t) => t >= 0);
    const change = total < 0
      ? `${number(-total, 1)} bits less: by luck the old state was a hindrance here. `
      : `${number(total, 1)} bits more. `;
    const parts = named.map((t, k) => cost(t, k ? " still" : ""));
    const words = cut < 0
      ? `Forgotten before every letter, the sentence costs ${number(mean(lost), 2)} bits a ` +
        `letter instead of ${number(mean(all), 2)}. Most is lost here: ${parts[0]}.`
      : `Forgotten once, before ${name(cut)} is read, the sentence costs ${change}` +
        `${upper(parts.join(", and in later words ") || "no letter costs a whole bit more")}.`;
    line.update({
      count: text.length,
      at: cut,
      flag: cut < 0 ? "" : "forgotten",
      label: `${sentence.text}. ${words}`,
      letters: {
        texts: text.map(show),
        fills: text.map(() => 0.25),
        off: text.map((_, k) => k < cut),
      },
      kept: { values: all },
      lost: { values: lost },
    });
    const bars = line.element.querySelectorAll(".play-row-bars:last-of-type .play-shapes rect");
    bars.forEach((bar, t) => bar.classList.toggle("play-named", named.includes(t)));
    said.set(words);
  };
  const go = (/** @type {number} */ to) => {
    cut = to;
    when.set(cut < 0 ? "every" : "once");
    if (cut > 0) place.set(cut);
    place.element.classList.toggle("play-gone", cut < 0);
    draw();
  };
  const when = choice({
    label: "The program forgets its state",
    options: [["every", "before every letter"], ["once", "once"]],
    value: "every",
    onInput: (value) => go(value === "every" ? -1 : place.value),
  });
  const place = slider({
    label: "once, before letter",
    least: 1,
    most: sentence.text.length - 2,
    value: FIRST_CUT,
    show: (k) => `${k + 1}: ${show(sentence.text[k])}`,
    onInput: (k) => go(Number(k)),
  });
  const which = choice({
    label: "The sentence",
    options: sentences.map(({ name }, k) => [String(k), name]),
    value: "0",
    onInput(value) {
      sentence = sentences[Number(value)];
      place.most(sentence.text.length - 2);
      place.set(FIRST_CUT);
      go(cut < 0 ? cut : place.value);
    },
  });
  root.append(
    el("div", { class: "play-beside" }, which.element, when.element, place.element),
    line.element,
    said.element,
  );
  go(cut);
};
