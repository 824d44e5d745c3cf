// How a text is cut into batches, as places in it. Targets are the same places, one further.

/** @import { Generator } from "./network.js" */

/**
 * charseq.corpus.streams: batches, each with a row of T places for each of B streams. There is none
 * if the text is too short.
 * @param {number} length of the text @param {number} B @param {number} T @returns {number[][][]}
 */
export const streams = (length, B, T) => {
  const count = Math.max(0, Math.floor((length - 1) / (B * T)));
  return Array.from(
    { length: count },
    (_, k) => windows(Array.from({ length: B }, (_, row) => (row * count + k) * T), T),
  );
};

/** One batch of charseq.corpus.windows, which begin at these places. @param {number[]} starts */
export const windows = (starts, /** @type {number} */ T) =>
  starts.map((start) => Array.from({ length: T }, (_, t) => start + t));

/**
 * B places at which a window may begin, all equally likely.
 * @param {Generator} generator @param {number} length @param {number} B @param {number} T
 */
export const drawStarts = (generator, length, B, T) =>
  Array.from({ length: B }, () => Math.floor((generator.random() / 2 ** 32) * (length - T)));

/** The most rows of T places that fit into a text, with one place more for the last target. */
export const mostRows = (/** @type {number} */ length, /** @type {number} */ T) =>
  Math.floor((length - 1) / T);
