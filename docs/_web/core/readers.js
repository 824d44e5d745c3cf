// Four networks that read one line, and say which capital was in it: three cells, one step after
// the other, and a head of attention, all positions at once. After each letter: how probable they
// find the right capital.
import { createPass, forward, probabilities } from "./network.js";
import { decode, modelFrom } from "./weights.js";

/** @import { Cell, Model } from "./network.js" */
/** @import { NetworkFile } from "./weights.js" */

/**
 * @typedef {object} Reading
 * @property {number} says the capital that it finds likeliest after the last letter
 * @property {Float64Array} sure (T,) the probability of the right capital after each letter
 * @property {Float64Array} [table] (T, T), row t: how much position t looks at each one
 *
 * @typedef {{right: number[][], shown: number, weights: NetworkFile["weights"]}} Recorded
 * @typedef {{chars: string, capitals: number, hidden: number, back: number[], tried: number,
 *   networks: Record<string, Recorded>}} Readers
 *
 * @typedef {object} Head of attention, with its output layer
 * @property {number} V
 * @property {number} H
 * @property {Float64Array} query (H, V)
 * @property {Float64Array} key (H, V)
 * @property {Float64Array} value (H, V)
 * @property {Float64Array} output (V, H)
 * @property {Float64Array} bias (V,)
 */

/** The place of the highest number. @param {ArrayLike<number>} numbers */
const highest = (numbers) => Array.from(numbers).indexOf(Math.max(...Array.from(numbers)));

/**
 * @param {Model} model @param {number} capitals the first of all characters
 * @param {ArrayLike<number>} ids @param {number} right @returns {Reading}
 */
const readInSteps = (model, capitals, ids, right) => {
  const pass = createPass(model, ids);
  forward(model, pass);
  const last = (pass.T - 1) * model.V;
  return {
    says: highest(pass.logits.subarray(last, last + capitals)),
    sure: Float64Array.from(ids, (_, t) => pass.probabilities[t * model.V + right]),
  };
};

/**
 * The weights of one position, a row of reference.attention.
 * @param {Head} head @param {ArrayLike<number>} ids @param {number} t
 */
const weightsAt = ({ V, H, query, key }, ids, t) => {
  const weights = new Float64Array(t + 1);
  for (let j = 0; j <= t; j++) {
    for (let k = 0; k < H; k++) weights[j] += query[k * V + ids[t]] * key[k * V + ids[j]];
    weights[j] /= Math.sqrt(H);
  }
  const most = Math.max(...weights);
  let sum = 0;
  for (let j = 0; j <= t; j++) sum += weights[j] = Math.exp(weights[j] - most);
  return weights.map((weight) => weight / sum);
};

/**
 * reference.attention, and the output layer at each position. No position needs another's result.
 * @param {Head} head @param {number} capitals @param {ArrayLike<number>} ids
 * @param {number} right @returns {Reading}
 */
const readAtOnce = (head, capitals, ids, right) => {
  const { V, H, value, output, bias } = head;
  const T = ids.length;
  const table = new Float64Array(T * T);
  const scores = Array.from(ids, (_, t) => {
    const weights = weightsAt(head, ids, t);
    table.set(weights, t * T);
    const logits = bias.slice();
    for (let k = 0; k < H; k++) {
      const result = weights.reduce((sum, weight, j) => sum + weight * value[k * V + ids[j]], 0);
      for (let v = 0; v < V; v++) logits[v] += output[v * H + k] * result;
    }
    return logits;
  });
  const sure = Float64Array.from(scores, (logits) => probabilities(Array.from(logits))[right]);
  return { says: highest(scores[T - 1].subarray(0, capitals)), sure, table };
};

/**
 * The four readers by their names, each a function of ids and the right capital.
 * @param {Readers} record
 */
export const readersOf = ({ chars, capitals, hidden, networks }) => {
  const V = chars.length;
  const options = { vocab_size: V, hidden_size: hidden, num_layers: 1 };
  const others = { embedding_size: null, output_layer: true, tied: false };
  /** @type {[string, (ids: ArrayLike<number>, right: number) => Reading][]} */
  const readers = Object.entries(networks).map(([name, { weights }]) => {
    if (name === "attention") {
      const names = ["query", "key", "value", "head"];
      const [query, key, value, output] = names.map((part) =>
        decode(weights[`${part}.weight`].data)
      );
      const bias = decode(weights["head.bias"].data);
      const head = { V, H: hidden, query, key, value, output, bias };
      return [name, (ids, right) => readAtOnce(head, capitals, ids, right)];
    }
    const cell = /** @type {Cell} */ (name);
    const file = { options: { ...options, ...others, cell }, chars: [...chars], weights, text: "" };
    const model = modelFrom(file);
    return [name, (ids, right) => readInSteps(model, capitals, ids, right)];
  });
  return readers;
};

/**
 * How many numbers a reader keeps to read on after T letters: a state, two of them in an LSTM, or
 * the keys and values of all positions.
 * @param {string} name @param {number} hidden @param {number} T
 */
export const keeps = (name, hidden, T) =>
  name === "attention" ? 2 * T * hidden : name === "LSTM" ? 2 * hidden : hidden;
