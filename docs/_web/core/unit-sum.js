// The sums that make one hidden unit, told as a story: what the character adds, what the state
// adds, and what an LSTM or GRU makes of its gates.
import { GATES, show } from "./formats.js";
import {
  createModel,
  createPass,
  encode,
  forward,
  Generator,
  terms,
  vocabulary,
} from "./network.js";
import { settingsOf } from "./settings.js";

/** @import { Network } from "./network.js" */

/**
 * A term adds the product of its factors.
 * @typedef {{group: string, name: string, factors: number[], adds: number}} Term
 */

/**
 * @typedef {object} Sum
 * @property {string} name
 * @property {string} title
 * @property {Term[]} terms
 * @property {"tanh" | "σ" | ""} curve that the sum goes through
 * @property {number | null} share of the curve's result that an LSTM's output gate lets through
 * @property {number} value the result of it all
 */

/** @type {Record<string, string>} */
const TITLES = { ...GATES, h: "new state h_t" };

/** @param {string} group @param {string} name @param {number[]} factors @returns {Term} */
const term = (group, name, factors) => ({
  group,
  name,
  factors,
  adds: factors.reduce((a, b) => a * b),
});

/** A sum for each gate. @param {Network} net @param {number} t @param {number} unit */
const gateSums = ({ model, pass, chars }, t, unit) => {
  const groups = {
    input: `What “${show(chars[pass.x[t]])}” adds`,
    memory: "What the old state h_t−1 adds",
  };
  return terms(model, pass, t, unit).map(({ gate, scale, ...sum }) => ({
    name: gate,
    title: TITLES[gate],
    terms: sum.terms.map(({ from, name, weight, value, product }) => {
      const factors = name.startsWith("b") ? [weight] : [weight, value];
      if (gate !== "n" || from === "input") return term(groups[from], name, factors);
      const group = `${groups[from]}, times r_t`;
      return { group, name, factors: [scale, ...factors], adds: scale * product };
    }),
    curve: /** @type {Sum["curve"]} */ (sum.activation),
    share: null,
    value: sum.value,
  }));
};

/**
 * A sum for each gate, and one for the state.
 * @param {Network} net @param {number} t @param {number} unit @returns {Sum[]}
 */
export const sumsOf = (net, t, unit) => {
  const { model, pass } = net;
  const gates = gateSums(net, t, unit);
  if (model.cell === "RNN") return gates;
  const before = t * model.H + unit; // its place in h and c
  const sum = { name: "h", title: TITLES.h, value: pass.h[before + model.H] };
  const values = gates.map(({ value }) => value);
  if (model.cell === "GRU") {
    const [, z, n] = values;
    const terms = [
      term("Taken from the candidate", "(1 − z_t) n_t", [1 - z, n]),
      term("Kept from the old state", "z_t h_t−1", [z, pass.h[before]]),
    ];
    return [...gates, { ...sum, terms, curve: "", share: null }];
  }
  const [i, f, g, o] = values;
  const terms = [
    term("Kept from the old cell", "f_t c_t−1", [f, pass.c[before]]),
    term("Written into the cell", "i_t g_t", [i, g]),
  ];
  return [...gates, { ...sum, terms, curve: "tanh", share: o }];
};

/**
 * An untrained network that reads all of its text. Options named W_ih, W_hh, b_ih, b_hh hold
 * numbers, row by row, which replace those that torch would draw.
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
