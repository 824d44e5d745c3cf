// The untrained network of a live part that says its numbers.
import { createModel, createPass, encode, forward, Generator, vocabulary } from "./network.js";
import { settingsOf } from "./settings.js";

/** @import { Network } from "./network.js" */

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
