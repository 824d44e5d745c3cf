// A network that reads a date and writes it as a table wants it: encoder, attention and decoder, as
// benchmarks/translate.py trained them. For each letter that it writes: how much it looked at each
// letter that was read.
import { probabilities } from "./network.js";
import { decode } from "./weights.js";

/** @import { NetworkFile } from "./weights.js" */

/**
 * @typedef {{read: string, written: string, hidden: number, right: number,
 *   weights: NetworkFile["weights"]}} Record
 *
 * @typedef {object} Matrix
 * @property {number} rows
 * @property {number} columns
 * @property {Float64Array} data row by row
 *
 * @typedef {object} Layer of GRU
 * @property {Matrix} W_ih
 * @property {Matrix} W_hh
 * @property {Float64Array} b_ih
 * @property {Float64Array} b_hh
 *
 * @typedef {object} Writing What it did with a date.
 * @property {string} answer without the sign for its end
 * @property {boolean} ended whether it wrote that sign
 * @property {string[]} letters that it wrote, one a step, with that sign
 * @property {Float64Array[]} weights how much each step looked at each letter that was read
 * @property {number[]} sure the probability of each letter that it wrote
 */

export const LONGEST_DATE = 24; // letters of a date that the part takes
export const END = "⊣";
const MOST = 14; // letters that it may write
const [PAD, START] = ["∅", "⊢"];

/** @param {NetworkFile["weights"][string]} weight @returns {Matrix} */
export const matrixOf = ({ shape: [rows, columns], data }) => ({
  rows,
  columns,
  data: decode(data),
});

/** W @ x + b @param {Matrix} W @param {ArrayLike<number>} x @param {Float64Array} b */
export const affine = ({ rows, columns, data }, x, b) => {
  const result = b.slice();
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) result[i] += data[i * columns + j] * x[j];
  }
  return result;
};

const sigmoid = (/** @type {number} */ a) => 1 / (1 + Math.exp(-a));

/** reference.gru_step @param {Layer} layer @param {Float64Array} x @param {Float64Array} h */
export const gruStep = ({ W_ih, W_hh, b_ih, b_hh }, x, h) => {
  const [fromInput, fromMemory] = [affine(W_ih, x, b_ih), affine(W_hh, h, b_hh)];
  const H = h.length;
  return h.map((was, j) => {
    const r = sigmoid(fromInput[j] + fromMemory[j]);
    const z = sigmoid(fromInput[H + j] + fromMemory[H + j]);
    const n = Math.tanh(fromInput[2 * H + j] + r * fromMemory[2 * H + j]);
    return (1 - z) * n + z * was;
  });
};

/**
 * reference.attend with one query: the weights, and the mean.
 * @param {Float64Array} query @param {Float64Array[]} memory
 */
const attend = (query, memory) => {
  const scores = memory.map((key) =>
    key.reduce((sum, number, k) => sum + number * query[k], 0) / Math.sqrt(query.length)
  );
  const weights = Float64Array.from(probabilities(scores));
  const found = query.map((_, k) => memory.reduce((sum, v, j) => sum + weights[j] * v[k], 0));
  return { weights, found };
};

/** A function that translates a date. @param {Record} record */
export const translatorOf = ({ read, written, hidden, weights }) => {
  /** @param {string} name @returns {Layer} */
  const layer = (name) => ({
    W_ih: matrixOf(weights[`${name}.weight_ih_l0`]),
    W_hh: matrixOf(weights[`${name}.weight_hh_l0`]),
    b_ih: decode(weights[`${name}.bias_ih_l0`].data),
    b_hh: decode(weights[`${name}.bias_hh_l0`].data),
  });
  /** @param {string} name */
  const vectors = (name) => {
    const { columns, data } = matrixOf(weights[`${name}.weight`]);
    return (/** @type {number} */ id) => data.subarray(id * columns, (id + 1) * columns);
  };
  const [encoder, decoder] = [layer("encoder"), layer("decoder")];
  const [reading, writing] = [vectors("read_vectors"), vectors("written_vectors")];
  const [W, b] = [matrixOf(weights["head.weight"]), decode(weights["head.bias"].data)];
  return (/** @type {string} */ text) => {
    let h = new Float64Array(hidden);
    const memory = Array.from(
      text,
      (letter) => h = gruStep(encoder, reading(read.indexOf(letter)), h),
    );
    /** @type {Writing} */
    const done = { answer: "", ended: false, letters: [], weights: [], sure: [] };
    let id = written.indexOf(START);
    while (done.letters.length < MOST && !done.ended) {
      h = gruStep(decoder, writing(id), h);
      const { weights, found } = attend(h, memory);
      const p = probabilities(Array.from(affine(W, [...h, ...found], b)));
      id = p.indexOf(Math.max(...p));
      done.letters.push(written[id]);
      done.weights.push(weights);
      done.sure.push(p[id]);
      done.ended = written[id] === END;
      if (!done.ended) done.answer += written[id];
    }
    return done;
  };
};

/**
 * What is wrong with a text, as a sentence that says what was found and what was expected, or "".
 * @param {string} text @param {string} read the letters that the network knows
 */
export const complaint = (text, read) => {
  const letters = [...text];
  const known = [...read].filter((letter) => letter !== PAD);
  const unknown = letters.filter((letter) => !known.includes(letter));
  if (!letters.length) return "The field is empty: type a date, such as 3 March 1998.";
  if (unknown.length) {
    return `“${unknown[0]}” is none of the ${known.length} letters that it knows: digits, ` +
      "the letters of the English months, a space, a comma and a period.";
  }
  if (letters.length > LONGEST_DATE) {
    return `That has ${letters.length} letters, and the part takes ${LONGEST_DATE}: it learned from ` +
      "dates of up to 18.";
  }
  return "";
};

const MONTHS =
  "January February March April May June July August September October November December"
    .split(" ");
const SHORT = MONTHS.map((month) => month.slice(0, 3));
/** The four ways in which it has seen dates, and where each has its day, month and year. */
const WAYS = /** @type {[RegExp, string[], number[]][]} */ ([
  [/^(\d+) ([A-Z][a-z]+) (\d{4})$/, MONTHS, [0, 1, 2]],
  [/^([A-Z][a-z]+) (\d+), (\d{4})$/, MONTHS, [1, 0, 2]],
  [/^(\d+)\. ([A-Z][a-z]+) (\d{4})$/, SHORT, [0, 1, 2]],
  [/^([A-Z][a-z]+) (\d+) (\d{4})$/, SHORT, [1, 0, 2]],
]);

/**
 * The date as the table wants it, and whether there is such a day; null if the text is in none of
 * the four ways that the network has seen.
 * @param {string} text @returns {{iso: string, exists: boolean, seen: boolean} | null}
 */
export const dayOf = (text) => {
  for (const [way, names, order] of WAYS) {
    const found = way.exec(text)?.slice(1);
    const [day, name, year] = found ? order.map((k) => found[k]) : [];
    const month = names.indexOf(name ?? "") + 1;
    if (!month) continue;
    const two = (/** @type {number | string} */ n) => String(n).padStart(2, "0");
    const iso = `${year}-${two(month)}-${two(day)}`;
    const date = new Date(`${iso}T00:00:00Z`);
    const exists = !Number.isNaN(date.getTime()) && date.toISOString().startsWith(iso);
    return { iso, exists, seen: Number(year) >= 1900 && Number(year) < 2100 };
  }
  return null;
};
