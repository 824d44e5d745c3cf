// Forecasts of a series of months: a network that reads the changes and goes on step by step, and two
// rules. benchmarks/forecast.py trained the network.
import { affine, gruStep, matrixOf } from "./align.js";
import { decode } from "./weights.js";

/** @import { NetworkFile } from "./weights.js" */

/**
 * @typedef {object} Series
 * @property {string} first its first month, such as "1958-03"
 * @property {(number | null)[]} values null where nothing was measured
 * @property {number} end months that the network learned from
 * @property {number} most months ahead
 * @property {number} mean of the changes that were learned from
 * @property {number} spread
 * @property {NetworkFile["weights"]} weights
 *
 * @typedef {object} Forecasts
 * @property {string} trouble why there is none, in a sentence; empty if there is
 * @property {number[]} network one value for each month ahead
 * @property {number[]} last the last value again
 * @property {number[]} growth last year again, plus what a year has added
 */

const YEAR = 12;
const NAMES =
  "January February March April May June July August September October November December"
    .split(" ");

/** "December 1985" @param {Series} series @param {number} place */
export const monthOf = ({ first }, place) => {
  const [year, month] = first.split("-").map(Number);
  const months = year * YEAR + month - 1 + place;
  return `${NAMES[months % YEAR]} ${Math.floor(months / YEAR)}`;
};

/** A place of "1985-12", or -1. @param {Series} series @param {string} month */
export const placeOf = ({ first, values }, month) => {
  if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(month)) return -1;
  const [from, to] = [first, month].map((one) => {
    const [year, number] = one.split("-").map(Number);
    return year * YEAR + number;
  });
  return to >= from && to - from < values.length ? to - from : -1;
};

/** A function that forecasts from a month on. @param {Series} series */
export const forecasterOf = (series) => {
  const { values, most, mean, spread, weights } = series;
  const numbers = (/** @type {string} */ name) => decode(weights[name].data);
  const layer = {
    W_ih: matrixOf(weights["gru.weight_ih_l0"]),
    W_hh: matrixOf(weights["gru.weight_hh_l0"]),
    b_ih: numbers("gru.bias_ih_l0"),
    b_hh: numbers("gru.bias_hh_l0"),
  };
  const [W, b] = [matrixOf(weights["head.weight"]), numbers("head.bias")];
  /** What is read in a month: the scaled change, and whether it is missing. */
  const inputs = values.map((value, t) => {
    const before = values[t - 1] ?? null;
    const isGap = value === null || before === null;
    return Float64Array.of(isGap ? 0 : (value - before - mean) / spread, Number(isGap));
  });
  let h = new Float64Array(b.length && W.columns);
  const states = inputs.map((x) => h = gruStep(layer, x, h));

  return (/** @type {number} */ origin) => {
    /** @type {Forecasts} */
    const result = { trouble: "", network: [], last: [], growth: [] };
    const [now, before] = [values[origin] ?? null, values[origin - YEAR] ?? null];
    const missing = now === null ? origin : before === null ? origin - YEAR : -1;
    if (now === null || before === null) {
      result.trouble = `${monthOf(series, missing)} has no number: ` +
        (now === null
          ? "every forecast starts from the last value, and there is none."
          : "the growth of a year needs the value of a year ago.");
      return result;
    }
    let state = states[origin];
    let value = now;
    for (let k = 1; k <= most; k++) {
      const [change] = affine(W, state, b);
      value += change * spread + mean;
      result.network.push(value);
      result.last.push(now);
      const years = Math.ceil(k / YEAR);
      const season = values[origin + k - YEAR * years] ?? NaN;
      result.growth.push(season + years * (now - before));
      state = gruStep(layer, Float64Array.of(change, 0), state);
    }
    return result;
  };
};

/**
 * The mean distance from what was measured, over the months that were measured, or NaN.
 * @param {number[]} forecast @param {(number | null)[]} truth
 */
export const offBy = (forecast, truth) => {
  const distances = forecast.flatMap((value, k) => {
    const found = truth[k] ?? null;
    return found === null || Number.isNaN(value) ? [] : [Math.abs(value - found)];
  });
  return distances.reduce((sum, distance) => sum + distance, 0) / distances.length;
};
