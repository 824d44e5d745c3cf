// A word as ids, as one-hot vectors, and as columns of W_ih. The matrix is that of a network with
// three units, as charseq.CharRNN(V, 3, seed=0) draws it.
import { createModel, encode, Generator, vocabulary } from "./network.js";

/** @param {string} text whose characters are the vocabulary @param {number} H units */
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
