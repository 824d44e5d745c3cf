// What an untrained network makes of letters: their ids, one-hot vectors and columns of W_ih; the
// states when it has read a line of them; and the blame that a mistake at one of them sends to each
// letter before it.
import {
  createModel,
  createPass,
  encode,
  forward,
  Generator,
  norm,
  sendBack,
  vocabulary,
} from "./network.js";
import { settingsOf } from "./settings.js";

/** @import { Cell, Network } from "./network.js" */

// ---- a word

/**
 * W_ih of charseq.CharRNN(V, H, seed=0).
 * @param {string} text whose characters are the vocabulary @param {number} H units
 */
export const table = (text, H) => {
  const chars = vocabulary(text);
  const V = chars.length;
  const sizes = { cell: /** @type {const} */ ("RNN"), V, H, outputLayer: true };
  const [{ data }] = createModel(sizes, new Generator(0)).parameters;
  return { chars, W_ih: Array.from(data) }; // (H, V), row by row
};

/**
 * What a word becomes: its ids, or -1; its one-hot vectors and the products with W_ih, both with a
 * column for each letter, row by row. An unknown letter has a vector of zeros.
 * @param {string} word @param {{chars: string[], W_ih: number[]}} table
 */
export const lookUp = (word, { chars, W_ih }) => {
  const ids = Array.from(encode(word, chars));
  const V = chars.length;
  const oneHot = chars.flatMap((_, row) => ids.map((id) => Number(id === row)));
  const H = W_ih.length / V;
  const products = Array.from(
    { length: H },
    (_, unit) => ids.map((id) => id < 0 ? 0 : W_ih[unit * V + id]),
  ).flat();
  return { ids, oneHot, products };
};

// ---- a line, and blame

/**
 * CharRNN with `hidden` units, as torch draws it, that has read the text. W_hh is multiplied by
 * `size`, and an LSTM's forget gates get `bias` on top of what was drawn. `order` has all
 * characters, if there are more than in the text.
 * @param {{text: string, order?: string, cell: Cell, hidden: number, seed: number, size?: number,
 *   bias?: number}} how
 * @returns {Network}
 */
export const readLine = ({ text, order, cell, hidden, seed, size = 1, bias = 0 }) => {
  const chars = order ? [...order] : vocabulary(text);
  const sizes = { cell, V: chars.length, H: hidden, outputLayer: true };
  const model = createModel(sizes, new Generator(seed));
  const [, W_hh, b_ih] = model.parameters.map(({ data }) => data);
  for (let k = 0; k < W_hh.length; k++) W_hh[k] *= size;
  if (cell === "LSTM") { for (let k = hidden; k < 2 * hidden; k++) b_ih[k] += bias; }
  const pass = createPass(model, encode(text, chars));
  forward(model, pass);
  return { model, pass, chars };
};

/**
 * The network of a live part that says its numbers: it has read all of its text. Options named
 * W_ih, W_hh, b_ih, b_hh hold numbers, row by row, which replace those that torch would draw.
 * @param {URLSearchParams} options @returns {Network}
 */
export const givenNetwork = (options) => {
  const { text, order, cell, outputLayer, hidden, seed } = settingsOf(options);
  const chars = order ? [...order] : vocabulary(text);
  const V = chars.length;
  const sizes = { cell, V, H: outputLayer ? hidden : V, outputLayer };
  const model = createModel(sizes, new Generator(seed));
  for (const { symbol, data } of model.parameters) {
    const numbers = options.get(symbol)?.trim().split(/\s+/).map(Number) ?? data;
    if (numbers.length !== data.length || numbers.some(Number.isNaN)) {
      throw new RangeError(`${symbol} must be ${data.length} numbers: got ${numbers.join(" ")}`);
    }
    data.set(numbers);
  }
  const pass = createPass(model, encode(text, chars));
  forward(model, pass);
  return { model, pass, chars };
};

/** A blame of length 1, the same for each unit. @param {number} H */
export const evenBlame = (H) => new Float64Array(H).fill(1 / Math.sqrt(H));

/**
 * The gradients of the sums at each step, and their lengths: what step t sends to the column of its
 * letter in W_ih. The blame enters at the state after step `at`.
 * @param {Network} net @param {number} at @param {ArrayLike<number>} blame (H,)
 */
export const sharesOf = ({ model, pass }, at, blame) => {
  sendBack(model, pass, at, blame);
  const rows = model.gates.length * model.H;
  const shares = Array.from({ length: pass.T }, (_, t) => pass.da.slice(t * rows, (t + 1) * rows));
  return { shares, lengths: shares.map(norm) };
};

/**
 * The gradient of W_ih, of which the steps from `from` on have given their shares: (gH, V), row by
 * row. Each share falls into the column of its letter.
 * @param {Network} net @param {Float64Array[]} shares
 */
export const addShares = ({ model: { V }, pass: { x } }, shares, from = 0) => {
  const sum = new Float64Array(shares[0].length * V);
  for (let t = from; t < shares.length; t++) {
    shares[t].forEach((share, k) => sum[k * V + x[t]] += share);
  }
  return sum;
};

/** The state after step t, from 0. @param {Network} net @param {number} t */
export const stateAfter = ({ model: { H }, pass: { h } }, t) =>
  h.subarray((t + 1) * H, (t + 2) * H);

/** The largest difference among the units. @param {ArrayLike<number>} one @param {ArrayLike<number>} other */
export const largestGap = (one, other) =>
  Math.max(...Array.from(one, (value, k) => Math.abs(value - other[k])));
