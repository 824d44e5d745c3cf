// What a record of training says at a number of updates.

/** The value that was recorded last, or null. @param {number[][]} points @param {number} step */
export const lastOf = (points, step) => points.findLast(([at]) => at <= step)?.[1] ?? null;

/**
 * All numbers of updates at which something was recorded, from the lowest to the highest.
 * @param {{batches: number[][], held: number[][], samples: Record<string, unknown>}} run
 */
export const stepsOf = ({ batches, held, samples }) => {
  const all = [...[...batches, ...held].map(([at]) => at), ...Object.keys(samples).map(Number)];
  return [...new Set(all)].sort((a, b) => a - b);
};

/** The sample that was written last: its updates. @param {Record<string, unknown>} samples */
export const sampleAt = (samples, /** @type {number} */ step) =>
  Math.max(...Object.keys(samples).map(Number).filter((at) => at <= step));
