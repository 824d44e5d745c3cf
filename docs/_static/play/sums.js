"use strict";

/*
 * The sums behind one hidden unit, from charseq.terms, as they are told: what the character says,
 * what the state says, and what an LSTM or GRU makes of its gates. After core.js and play.js.
 *
 *   charseqSums.all(net, t, unit)      a sum for each gate, and that of the state
 *   charseqSums.given(options)         a network with the weights that the options give
 */

/** @typedef {{model: Model, pass: Pass, chars: string[]}} Network */

/**
 * What a term adds: the product of its factors.
 * @typedef {{group: string, name: string, factors: number[], adds: number}} Term
 */

/**
 * @typedef {object} Sum
 * @property {string} name
 * @property {string} title
 * @property {Term[]} terms
 * @property {"tanh" | "σ" | ""} curve that the sum goes through
 * @property {number | null} share that an LSTM's output gate lets through of that
 * @property {number} value what comes of it
 */

const charseqSums = (() => {
  const { settingsOf, show } = charseqPlay;

  /** @type {Record<string, string>} */
  const TITLES = {
    r: "reset gate r",
    z: "update gate z",
    n: "candidate n",
    i: "input gate i",
    f: "forget gate f",
    g: "candidate g",
    o: "output gate o",
    h: "state h",
  };

  /** @param {Network} net @param {number} t @param {number} unit @returns {Sum[]} */
  const all = ({ model, pass, chars }, t, unit) => {
    const char = show(chars[pass.x[t]]);
    const groups = { input: `What “${char}” says`, memory: "What the state says" };
    /** @type {Sum[]} */
    const gates = charseq.terms(model, pass, t, unit).map(({ gate, scale, ...sum }) => ({
      name: gate,
      title: TITLES[gate],
      terms: sum.terms.map(({ from, name, weight, value, product }) => {
        const factors = name.startsWith("b") ? [weight] : [weight, value];
        if (gate !== "n" || from === "input") {
          return { group: groups[from], name, factors, adds: product };
        }
        const group = `${groups[from]}, times r`;
        return { group, name, factors: [scale, ...factors], adds: scale * product };
      }),
      curve: sum.activation === "tanh" ? "tanh" : "σ",
      share: null,
      value: sum.value,
    }));
    if (model.cell === "RNN") return gates;
    const before = t * model.H + unit;
    const value = pass.h[before + model.H];
    const [a, b, c, d] = gates.map((gate) => gate.value);
    const term = (
      /** @type {string} */ group,
      /** @type {string} */ name,
      /** @type {number} */ x,
      /** @type {number} */ y,
    ) => ({ group, name, factors: [x, y], adds: x * y });
    /** @type {Sum} */
    const state = model.cell === "GRU"
      ? {
        name: "h",
        title: TITLES.h,
        terms: [
          term("Taken of the candidate", "(1 − z) n", 1 - b, c),
          term("Kept of the old state", "z h", b, pass.h[before]),
        ],
        curve: "",
        share: null,
        value,
      }
      : {
        name: "h",
        title: TITLES.h,
        terms: [
          term("Kept in the cell", "f c", b, pass.c[before]),
          term("Written into it", "i g", a, c),
        ],
        curve: "tanh",
        share: d,
        value,
      };
    return [...gates, state];
  };

  /**
   * An untrained network that reads all of its text. Options named W_ih, W_hh, b_ih, b_hh hold
   * numbers, row by row, to be put in the place of those that torch would draw.
   * @param {URLSearchParams} options
   * @returns {Network}
   */
  const given = (options) => {
    const { text, order, cell, outputLayer, hidden, seed } = settingsOf(options);
    const chars = order ? [...order] : charseq.vocabulary(text);
    const V = chars.length;
    const sizes = { cell, V, H: outputLayer ? hidden : V, outputLayer };
    const model = charseq.createModel(sizes, new charseq.Generator(seed));
    for (const { symbol, data } of model.parameters) {
      const numbers = options.get(symbol)?.trim().split(/\s+/).map(Number) ?? data;
      if (numbers.length !== data.length || numbers.some(Number.isNaN)) {
        throw new RangeError(`${symbol} must be ${data.length} numbers: got ${numbers.join(" ")}`);
      }
      data.set(numbers);
    }
    const pass = charseq.createPass(model, charseq.encode(text, chars));
    charseq.forward(model, pass);
    return { model, pass, chars };
  };

  return { all, given };
})();
