// A trained network from a file: its numbers are float16 in base64, as docs/_ext/live/widgets.py
// writes them, or whole numbers of 8 bits with a float16 for each row, as hero.py does.
import { createModel, Generator } from "./network.js";

/** @import { Cell, Model } from "./network.js" */

/**
 * @typedef {object} NetworkFile
 * @property {{cell: Cell, vocab_size: number, hidden_size: number, num_layers: number,
 *   embedding_size: number | null, output_layer: boolean, tied: boolean}} options of charseq.CharRNN
 * @property {string[]} chars
 * @property {Record<string, {shape: number[], data: string, factors?: string}>} weights by torch's
 *   names; with factors, data has 8 bits a number
 * @property {string} text a passage that the network has never seen
 * @property {string} [lead] what the hero's network reads before its text
 * @property {number[]} [units] the rows of the hero
 */

/** One float16: a sign, 5 bits of exponent, 10 of fraction. @param {number} bits */
const float16 = (bits) => {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24; // subnormal: there is no hidden 1
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
};

/** The numbers, as a Float64Array. @param {string} base64 of float16, the low byte first */
export const decode = (base64) => {
  const bytes = atob(base64);
  const numbers = new Float64Array(bytes.length >> 1);
  for (let k = 0; k < numbers.length; k++) {
    numbers[k] = float16(bytes.charCodeAt(2 * k) | (bytes.charCodeAt(2 * k + 1) << 8));
  }
  return numbers;
};

/**
 * Numbers of 8 bits with their sign, each times the factor of its row.
 * @param {string} base64 @param {Float64Array} factors
 */
const decode8 = (base64, factors) => {
  const bytes = atob(base64);
  const numbers = new Float64Array(bytes.length);
  const columns = bytes.length / factors.length;
  for (let k = 0; k < numbers.length; k++) {
    numbers[k] = ((bytes.charCodeAt(k) << 24) >> 24) * factors[Math.floor(k / columns)];
  }
  return numbers;
};

/** The numbers of one weight. @param {NetworkFile} file @param {string} name */
const take = ({ weights }, name) => {
  const { data, factors } = weights[name];
  return factors ? decode8(data, decode(factors)) : decode(data);
};

/**
 * W_ih @ E.T, (gH, E) @ (E, V) -> (gH, V): what the rows of an embedding add to the gates. So a
 * network that reads one-hot vectors computes the same.
 * @param {Float64Array} W_ih @param {Float64Array} embedding (V, E)
 * @param {number} V @param {number} E
 */
export const fold = (W_ih, embedding, V, E) => {
  const rows = W_ih.length / E;
  const folded = new Float64Array(rows * V);
  for (let k = 0; k < rows; k++) {
    for (let v = 0; v < V; v++) {
      let sum = 0;
      for (let e = 0; e < E; e++) sum += W_ih[k * E + e] * embedding[v * E + e];
      folded[k * V + v] = sum;
    }
  }
  return folded;
};

/**
 * Make the network in a few steps, so that a page can do other things between them.
 * @param {NetworkFile} file @returns {globalThis.Generator<void, Model>}
 */
export const makingModel = function* (file) {
  const { options } = file;
  const { cell, vocab_size: V, hidden_size: H, embedding_size: E, tied } = options;
  const sizes = { cell, V, H, outputLayer: options.output_layer };
  const made = createModel(sizes, new Generator(0));
  yield;
  const embedding = E ? take(file, "embedding.weight") : null;
  for (const { name, data } of made.parameters) {
    const isTied = tied && name === "head.weight"; // the file has it under its other name
    if (isTied && embedding) data.set(embedding);
    else if (embedding && name === "rnn.weight_ih_l0") {
      data.set(fold(take(file, name), embedding, V, Number(E)));
    } else data.set(take(file, name));
    yield;
  }
  return made;
};

/**
 * NumpyNet.without_units: nothing reads these units.
 * @param {Model} whole @param {number[]} units @returns {Model}
 */
export const withoutUnits = (whole, units) => {
  const theta = whole.theta.slice();
  let end = 0;
  const parameters = whole.parameters.map((parameter) => {
    const data = theta.subarray(end, end += parameter.data.length);
    if (parameter.symbol === "W_hh" || parameter.symbol === "W_hy") {
      for (const unit of units) {
        for (let k = unit; k < data.length; k += whole.H) data[k] = 0; // a column
      }
    }
    return { ...parameter, data };
  });
  return { ...whole, theta, parameters };
};
