// A text of any length as a network reads it: cut at a limit, without the characters that the
// network does not know, and read in slices of time.
import { show } from "./formats.js";
import { createReader } from "./network.js";

/** @import { Model, Pass } from "./network.js" */

// ---- what can be read

/**
 * @typedef {object} KnownText
 * @property {string[]} letters all characters of the text, known or not
 * @property {Int32Array} places for each of them, its place among the known ones, or -1
 * @property {Int32Array} ids of those that are known
 * @property {string[]} messages what was cut or left out, one sentence each
 */

export const LONGEST_TEXT = 20_000;
const SHOWN = 5; // unknown characters that are named

/** @param {number} n */
const count = (n) => n.toLocaleString("en");

/**
 * {letters, places, ids, messages}.
 * @param {string} text @param {string[]} chars @returns {KnownText}
 */
export const parseText = (text, chars) => {
  const idOf = new Map(chars.map((char, id) => [char, id]));
  const all = [...text.replace(/\r\n?/g, "\n")];
  const letters = all.slice(0, LONGEST_TEXT);
  const places = new Int32Array(letters.length).fill(-1);
  /** @type {number[]} */
  const ids = [];
  letters.forEach((letter, k) => {
    const id = idOf.get(letter);
    if (id !== undefined) places[k] = ids.push(id) - 1;
  });
  const messages = [];
  if (all.length > LONGEST_TEXT) {
    messages.push(
      `The text has ${count(all.length)} characters, and only the first ${
        count(LONGEST_TEXT)
      } are ` +
        "read.",
    );
  }
  const unknown = letters.length - ids.length;
  if (unknown) {
    const kinds = [...new Set(letters.filter((_, k) => places[k] < 0))];
    const named = kinds.slice(0, SHOWN).map(show).join(" ");
    messages.push(
      `The network does not know ${count(unknown)} of these characters (${named}` +
        `${kinds.length > SHOWN ? " …" : ""}): ${unknown > 1 ? "they are" : "it is"} shown and ` +
        "skipped.",
    );
  }
  if (!letters.length) messages.push("The text is empty, so there is nothing to read.");
  else if (!ids.length) messages.push("The network knows none of these characters.");
  return { letters, places, ids: Int32Array.from(ids), messages };
};

// ---- reading

/**
 * @typedef {object} Reading
 * @property {Model} model
 * @property {Int32Array} ids (T,)
 * @property {number} done how many of them are read
 * @property {Float64Array} states (T + 1, H): row 0 is zeros, row t + 1 comes after ids[t]
 * @property {Float64Array} cells the same of an LSTM; empty otherwise
 * @property {Float64Array} costs (T,) bits of each character; NaN of the first, which nothing foresees
 * @property {(milliseconds: number) => boolean} advance
 * @property {(t: number) => Pass} at valid until the next call
 * @property {() => number} bits per character
 */

/**
 * Read, and keep the states, and how many bits each character cost.
 *
 *     .advance(milliseconds)             goes on reading; true at the end
 *     .at(t)                             a pass of one character: its gates, its probabilities
 *     .bits(), .states, .costs
 * @param {Model} model @param {Int32Array} ids @param {Reading | null} [before] @returns {Reading}
 */
export const startReading = (model, ids, before = null) => {
  const { H } = model;
  const T = ids.length;
  const reader = createReader(model);
  const { pass } = reader;
  const states = new Float64Array((T + 1) * H);
  const cells = new Float64Array(model.cell === "LSTM" ? states.length : 0);
  const costs = new Float64Array(T).fill(NaN);

  let same = 0; // characters that both texts begin with
  if (before?.model === model) {
    const most = Math.min(T, before.done);
    while (same < most && ids[same] === before.ids[same]) same++;
    states.set(before.states.subarray(0, (same + 1) * H));
    if (cells.length) cells.set(before.cells.subarray(0, (same + 1) * H));
    costs.set(before.costs.subarray(0, same));
  }

  /** Read ids[t] from the state that is kept. @param {number} t */
  const readFrom = (t) => {
    pass.h.set(states.subarray(t * H, (t + 1) * H), H);
    if (cells.length) pass.c.set(cells.subarray(t * H, (t + 1) * H), H);
    reader.read(ids[t]);
  };

  /** @type {Reading} */
  const reading = {
    model,
    ids,
    done: same,
    states,
    cells,
    costs,
    advance(milliseconds) {
      const start = performance.now();
      while (reading.done < T) {
        const t = reading.done++;
        readFrom(t);
        states.set(pass.h.subarray(H), (t + 1) * H);
        if (cells.length) cells.set(pass.c.subarray(H), (t + 1) * H);
        if (t + 1 < T) costs[t + 1] = -Math.log2(pass.probabilities[ids[t + 1]]);
        if (performance.now() - start >= milliseconds) break;
      }
      return reading.done === T;
    },
    at(t) {
      readFrom(t);
      return pass;
    },
    bits() {
      let sum = 0;
      for (let t = 1; t < T; t++) sum += costs[t];
      return sum / (T - 1);
    },
  };
  // If the text goes on otherwise than before, the first new character has another cost.
  if (same && same < T) {
    readFrom(same - 1);
    costs[same] = -Math.log2(pass.probabilities[ids[same]]);
  }
  return reading;
};
