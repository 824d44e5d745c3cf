// The networks of the part `tag`: plain RNNs that say of each letter how probable it was a capital.
// One reads from left to right, the other in both directions. benchmarks/tagging.py trained them.
import { decode } from "./weights.js";

/** @import { NetworkFile } from "./weights.js" */

/**
 * @typedef {{chars: string, networks: Record<"left" | "both", {weights: NetworkFile["weights"]}>}} Taggers
 *
 * @typedef {object} Tagged
 * @property {string[]} letters as they are read, small
 * @property {boolean[]} known those that the networks have learned
 * @property {boolean[]} isLetter those that could be capitals
 * @property {Float64Array} left (T,) how probable a capital is, read from left to right
 * @property {Float64Array} both (T,) the same, read in both directions
 * @property {string} trouble what could not be read, in a sentence; empty if nothing
 */

export const MOST_LETTERS = 120; // letters

/** What separates paragraphs in the book that they learned from: a text begins after it. */
const START = "\n";

/**
 * The states of one direction, (T, H): reference.rnn_forward.
 * @param {(name: string) => Float64Array} numbers @param {string} suffix of torch's names
 * @param {number[]} ids @param {number} V
 */
const states = (numbers, suffix, ids, V) => {
  const [W_ih, W_hh, b_ih, b_hh] = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
    .map((name) => numbers(`read.${name}_l0${suffix}`));
  const H = b_ih.length;
  let h = new Float64Array(H);
  return ids.map((id) =>
    h = h.map((_, j) => {
      let sum = W_ih[j * V + id] + b_ih[j] + b_hh[j];
      for (let k = 0; k < H; k++) sum += W_hh[j * H + k] * h[k];
      return Math.tanh(sum);
    })
  );
};

/**
 * A function from ids to the probability of a capital at each.
 * @param {NetworkFile["weights"]} weights @param {number} V
 */
const networkOf = (weights, V) => {
  /** @type {Map<string, Float64Array>} */
  const decoded = new Map(Object.entries(weights).map(([key, { data }]) => [key, decode(data)]));
  const numbers = (/** @type {string} */ name) => decoded.get(name) ?? new Float64Array(0);
  const suffixes = "read.weight_hh_l0_reverse" in weights ? ["", "_reverse"] : [""];
  const [W, b] = [numbers("score.weight"), numbers("score.bias")]; // (2, DH), (2,)
  const F = W.length / 2;
  return (/** @type {number[]} */ ids) => {
    const directions = suffixes.map((suffix) =>
      suffix
        ? states(numbers, suffix, ids.slice().reverse(), V).reverse()
        : states(numbers, suffix, ids, V)
    );
    return Float64Array.from(ids, (_, t) => {
      const features = directions.flatMap((rows) => Array.from(rows[t]));
      // Of two classes, softmax is the sigmoid of the difference.
      const score = features.reduce(
        (sum, value, k) => sum + (W[F + k] - W[k]) * value,
        b[1] - b[0],
      );
      return 1 / (1 + Math.exp(-score));
    });
  };
};

/** @param {string[]} letters @param {boolean[]} known @param {string[]} split @param {number} cut */
const troubleOf = (letters, known, split, cut) => {
  if (!letters.length) return "The sentence is empty: there is no letter to label. Type one.";
  const quoted = (/** @type {string[]} */ chars) => chars.map((char) => `“${char}”`).join(", ");
  const unknown = [...new Set(letters.filter((_, t) => !known[t]))];
  const parts = [];
  if (split.length) {
    parts.push(
      `${quoted(split)} becomes more than one letter when it is made small, so there would be ` +
        "fewer labels than letters. It is read without its mark.",
    );
  }
  if (unknown.length) {
    const [is, were] = unknown.length > 1 ? ["are", "they are"] : ["is", "it is"];
    parts.push(`${quoted(unknown)} ${is} not in the book, so ${were} skipped.`);
  }
  if (cut) parts.push(`Only the first ${MOST_LETTERS} letters are read: ${cut} more were typed.`);
  return parts.join(" ");
};

/** A function that reads a text. @param {Taggers} record @returns {(text: string) => Tagged} */
export const taggerOf = ({ chars, networks }) => {
  const left = networkOf(networks.left.weights, chars.length);
  const both = networkOf(networks.both.weights, chars.length);
  const places = new Map([...chars].map((char, k) => [char, k]));
  places.delete(START);
  return (text) => {
    const all = [
      ...text.normalize("NFC").replace(/\s/g, " ").replace(/[’‘]/g, "'").replace(
        /[“”„]/g,
        '"',
      ),
    ];
    const split = all.filter((char) => [...char.toLowerCase()].length > 1);
    const letters = all.slice(0, MOST_LETTERS).map((char) => [...char.toLowerCase()][0]);
    const known = letters.map((char) => places.has(char));
    const ids = letters.flatMap((char) => places.get(char) ?? []);
    const begun = [chars.indexOf(START), ...ids];
    const isLetter = letters.map((char, t) => known[t] && /[a-z]/.test(char));
    /** @param {Float64Array} read */
    const spread = (read) => {
      let next = 1;
      return Float64Array.from(letters, (_, t) => {
        const p = known[t] ? read[next++] : 0;
        return isLetter[t] ? p : 0;
      });
    };
    const trouble = troubleOf(letters, known, [...new Set(split)], all.length - letters.length);
    return {
      letters,
      known,
      isLetter,
      left: spread(left(begun)),
      both: spread(both(begun)),
      trouble,
    };
  };
};

/**
 * The text with capitals where they are more probable than not.
 * @param {string[]} letters @param {ArrayLike<number>} sure
 */
export const capitalized = (letters, sure) =>
  letters.map((char, t) => (sure[t] > 0.5 ? char.toUpperCase() : char)).join("");
