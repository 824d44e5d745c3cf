// The network of the part `classify`: a GRU that says after each letter how probable each language
// is. benchmarks/names.py trained it, and charseq/names/networks.json has it.
import { createModel, createPass, forward, Generator, probabilities } from "./network.js";
import { decode, fold } from "./weights.js";

/** @import { NetworkFile } from "./weights.js" */

/**
 * @typedef {{chars: string, languages: string[], weights: NetworkFile["weights"]}} Classifier
 * `chars` are the letters from id 1 on; id 0 is a letter that was hidden in training
 *
 * @typedef {object} Said
 * @property {string[]} letters of the name, small, known or not
 * @property {boolean[]} known
 * @property {Float64Array} table (T, C), row t: how probable each language is after letter t
 * @property {number[]} best the likeliest language after each letter
 * @property {string} trouble what could not be read, in a sentence; empty if nothing
 */

export const LONGEST_NAME = 24; // letters

/** A name as the table of names has it. @param {string} name */
const asInTable = (name) =>
  name.replace(/İ/g, "i").toLowerCase().normalize("NFC").replace(/[’‘ʼ]/g, "'").replace(/–/g, "-");

/** The place of the highest number. @param {ArrayLike<number>} numbers */
const highest = (numbers) => Array.from(numbers).indexOf(Math.max(...Array.from(numbers)));

/** @param {string[]} letters @param {boolean[]} known @param {number} cut letters left out */
const troubleOf = (letters, known, cut) => {
  if (!letters.length) {
    return "The name is empty: without a letter there is nothing to go by. Type one.";
  }
  const unknown = [...new Set(letters.filter((_, t) => !known[t]))].map((char) => `“${char}”`);
  const parts = [];
  if (unknown.length) {
    const [is, were] = unknown.length > 1 ? ["are", "they are"] : ["is", "it is"];
    parts.push(
      `${unknown.join(", ")} ${is} in no name that the network has learned from, so ${were} ` +
        "skipped." + (known.includes(true) ? "" : " Nothing is left to go by."),
    );
  }
  if (cut) parts.push(`Only the first ${LONGEST_NAME} letters are read: ${cut} more were typed.`);
  return parts.join(" ");
};

/** A function that reads a name. @param {Classifier} record @returns {(name: string) => Said} */
export const classifierOf = ({ chars, languages, weights }) => {
  const [H, V, C] = [weights["rnn.weight_hh_l0"].shape[1], chars.length + 1, languages.length];
  const model = createModel({ cell: "GRU", V, H, outputLayer: true }, new Generator(0));
  const numbers = (/** @type {string} */ name) => decode(weights[name].data);
  const [, E] = weights["embedding.weight"].shape;
  const embedding = numbers("embedding.weight");
  for (const { name, data } of model.parameters) {
    if (name.startsWith("rnn.")) {
      const own = numbers(name);
      data.set(name === "rnn.weight_ih_l0" ? fold(own, embedding, V, E) : own);
    }
  }
  const [W, b] = [numbers("head.weight"), numbers("head.bias")]; // (C, H), (C,)
  const places = new Map([...chars].map((char, k) => [char, k + 1]));

  return (name) => {
    const all = [...asInTable(name.trim())];
    const letters = all.slice(0, LONGEST_NAME);
    const known = letters.map((char) => places.has(char));
    const ids = letters.flatMap((char) => places.get(char) ?? []);
    const pass = createPass(model, ids);
    forward(model, pass);
    const table = new Float64Array(letters.length * C);
    let read = 0; // known letters so far
    letters.forEach((_, t) => {
      read += Number(known[t]);
      const state = pass.h.subarray(read * H, read * H + H);
      const scores = Array.from(b, (bias, c) => {
        let sum = bias;
        for (let k = 0; k < H; k++) sum += W[c * H + k] * state[k];
        return sum;
      });
      table.set(probabilities(scores), t * C);
    });
    const best = letters.map((_, t) => highest(table.subarray(t * C, t * C + C)));
    const trouble = troubleOf(letters, known, all.length - letters.length);
    return { letters, known, table, best, trouble };
  };
};

/**
 * After how many letters the answer is the last one, and stays. @param {number[]} best
 */
export const settledAt = (best) => {
  let t = best.length;
  while (t > 1 && best[t - 2] === best[best.length - 1]) t--;
  return t;
};
