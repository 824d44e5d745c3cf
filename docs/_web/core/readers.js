// Five networks that read one line, and say which capital was in it: three cells, one step after
// the other, a head of attention, all positions at once, and a state that is a matrix. After each
// letter: how probable they find the right capital.
import { createPass, forward, probabilities } from "./network.js";
import { decode, modelFrom } from "./weights.js";

/** @import { Cell, Model } from "./network.js" */
/** @import { NetworkFile } from "./weights.js" */

/**
 * @typedef {object} Reading
 * @property {number} says the capital that it finds likeliest after the last letter
 * @property {Float64Array} sure (T,) the probability of the right capital after each letter
 * @property {Float64Array} [table] (T, T), row t: how much position t looks at each one
 * @property {Float64Array} [states] (T, H, H), the matrix after each letter
 *
 * @typedef {{right: number[][], shown: number, weights: NetworkFile["weights"]}} Recorded
 * @typedef {{chars: string, capitals: number, hidden: number, back: number[], tried: number,
 *   networks: Record<string, Recorded>}} Readers
 *
 * @typedef {object} Head of attention or of a matrix state, with its output layer
 * @property {number} V
 * @property {number} H
 * @property {Float64Array} query (H, V)
 * @property {Float64Array} key (H, V)
 * @property {Float64Array} value (H, V)
 * @property {Float64Array} output (V, H)
 * @property {Float64Array} bias (V,)
 * @property {Float64Array} [gates] (2, V) of a matrix state: what a letter keeps, and what it writes
 * @property {Float64Array} [gatesBias] (2,)
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

/** A matrix times a vector. @param {Float64Array} matrix @param {Float64Array} vector */
const times = (matrix, vector) =>
  vector.map((_, row) =>
    vector.reduce((sum, number, k) => sum + matrix[row * vector.length + k] * number, 0)
  );

/**
 * What the output layer makes of the result at each position.
 * @param {Head} head @param {number} capitals @param {Float64Array[]} results @param {number} right
 */
const answers = ({ H, output, bias }, capitals, results, right) => {
  const scores = results.map((result) =>
    bias.map((sum, v) => result.reduce((s, number, k) => s + output[v * H + k] * number, sum))
  );
  return {
    says: highest(scores[results.length - 1].subarray(0, capitals)),
    sure: Float64Array.from(scores, (logits) => probabilities(Array.from(logits))[right]),
  };
};

/**
 * reference.attention, and the output layer at each position. No position needs another's result.
 * @param {Head} head @param {number} capitals @param {ArrayLike<number>} ids
 * @param {number} right @returns {Reading}
 */
const readAtOnce = (head, capitals, ids, right) => {
  const { V, H, value } = head;
  const T = ids.length;
  const table = new Float64Array(T * T);
  const results = Array.from(ids, (_, t) => {
    const weights = weightsAt(head, ids, t);
    table.set(weights, t * T);
    return Float64Array.from(
      { length: H },
      (_, k) => weights.reduce((sum, weight, j) => sum + weight * value[k * V + ids[j]], 0),
    );
  });
  return { ...answers(head, capitals, results, right), table };
};

/**
 * The gated delta rule, S = a S + beta (v - a S k) k', read as S q: a step waits for the one before.
 * @param {Head} head @param {number} capitals @param {ArrayLike<number>} ids
 * @param {number} right @returns {Reading}
 */
const readByMatrix = (head, capitals, ids, right) => {
  const { V, H, query, key, value, gates = [], gatesBias = [] } = head;
  const states = new Float64Array(ids.length * H * H);
  let state = new Float64Array(H * H);
  const results = Array.from(ids, (id, t) => {
    const of = (/** @type {ArrayLike<number>} */ matrix, rows = H) =>
      Float64Array.from({ length: rows }, (_, k) => matrix[k * V + id]);
    const [a, beta] = of(gates, 2).map((sum, k) => 1 / (1 + Math.exp(-sum - gatesBias[k])));
    const [q, direction, v] = [of(query), of(key), of(value)];
    const k = direction.map((number) => number / Math.hypot(...direction)); // its length is 1
    state = state.map((number) => a * number);
    const found = times(state, k);
    state = state.map((number, i) => {
      const row = Math.floor(i / H);
      return number + beta * (v[row] - found[row]) * k[i % H];
    });
    states.set(state, t * H * H);
    return times(state, q);
  });
  return { ...answers(head, capitals, results, right), states };
};

/**
 * The five readers by their names, each a function of ids and the right capital.
 * @param {Readers} record
 */
export const readersOf = ({ chars, capitals, hidden, networks }) => {
  const V = chars.length;
  const options = { vocab_size: V, hidden_size: hidden, num_layers: 1 };
  const others = { embedding_size: null, output_layer: true, tied: false };
  /** @type {[string, (ids: ArrayLike<number>, right: number) => Reading][]} */
  const readers = Object.entries(networks).map(([name, { weights }]) => {
    if (name === "attention" || name === "matrix") {
      const [query, key, value, output, bias, gates, gatesBias] = [
        ...["query.weight", "key.weight", "value.weight", "head.weight", "head.bias"],
        ...(name === "matrix" ? ["gates.weight", "gates.bias"] : []),
      ].map((part) => decode(weights[part].data));
      const head = { V, H: hidden, query, key, value, output, bias, gates, gatesBias };
      const read = name === "matrix" ? readByMatrix : readAtOnce;
      return [name, (ids, right) => read(head, capitals, ids, right)];
    }
    const cell = /** @type {Cell} */ (name);
    const file = { options: { ...options, ...others, cell }, chars: [...chars], weights, text: "" };
    const model = modelFrom(file);
    return [name, (ids, right) => readInSteps(model, capitals, ids, right)];
  });
  return readers;
};

/**
 * How many numbers a reader keeps to read on after T letters: a state, two of them in an LSTM, a
 * matrix, or the keys and values of all positions.
 * @param {string} name @param {number} hidden @param {number} T
 */
export const keeps = (name, hidden, T) =>
  hidden * ({ LSTM: 2, matrix: hidden, attention: 2 * T }[name] ?? 1);
