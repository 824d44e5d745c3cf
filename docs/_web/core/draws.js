// What the part `draws` counts: which of two settings wins if only a few seeds are compared.

/** @import { Generator } from "./network.js" */

/** np.median @param {number[]} values */
export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};

/**
 * Draw some of the seeds 0, 1, …; one may come twice.
 * @param {Generator} generator @param {number} count how many @param {number} from so many
 */
export const drawSeeds = (generator, count, from) =>
  Array.from({ length: count }, () => generator.random() % from);

/**
 * Which of an odd number of drawn pairs has the median of the differences.
 * @param {number[]} first @param {number[]} second @param {number[]} drawn
 */
export const middlePair = (first, second, drawn) => {
  const sorted = [...drawn].sort((a, b) => first[a] - second[a] - (first[b] - second[b]));
  return sorted[sorted.length >> 1];
};

/**
 * How much lower the second setting's loss seems to be; below 0, the first one seems better. With
 * the same seeds on both sides it is the median of the differences, else the difference of medians.
 * @param {number[]} first the loss of each seed @param {number[]} second
 * @param {number[]} mine the seeds of the first setting @param {number[]} theirs of the second
 */
export const lead = (first, second, mine, theirs) =>
  mine === theirs
    ? median(mine.map((k) => first[k] - second[k]))
    : median(mine.map((k) => first[k])) - median(theirs.map((k) => second[k]));
