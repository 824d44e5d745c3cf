// What the part `carried` shows: what each letter costs if the state before it was forgotten.

/** @typedef {{text: string, costs: number[][]}} Sentence costs in thousandths of a bit; in row k the
 *   state is forgotten before letter k is read, in row 0 never */

/**
 * The bits of each letter. @param {Sentence} sentence
 * @param {number} cut forgotten before this letter is read; 0: never; -1: before every letter
 */
export const bitsOf = ({ costs }, cut) =>
  costs.map((_, t) => (cut < 0 ? costs[Math.max(0, t - 1)][t] : costs[cut][t]) / 1000);

/** @param {number[]} bits */
export const mean = (bits) => bits.reduce((sum, x) => sum + x, 0) / bits.length;

/**
 * How the letters differ from those of a network that forgets nothing: by how many bits in all, at
 * which letter most, and which is the last that costs a bit more.
 * @param {number[]} kept @param {number[]} lost
 */
export const losses = (kept, lost) => {
  const more = lost.map((x, t) => x - kept[t]);
  return {
    total: more.reduce((sum, x) => sum + x, 0),
    worst: more.indexOf(Math.max(...more)),
    last: more.findLastIndex((x) => x >= 1),
  };
};
