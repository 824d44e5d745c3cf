// Gates as valves: the latch of the chapter on the LSTM and the counter of the chapter on the GRU,
// networks of one unit that the character alone controls. Their gates come from the chapters'
// weights, or are set by hand, one number for each character that the network knows.
import { number } from "./formats.js";

/** @typedef {Record<string, number[]>} Rows a gate, and its number at each character */
/** @typedef {Record<string, number>} Step the numbers of a step; `was` is the state before it */
/**
 * @typedef {object} Machine
 * @property {string} chars
 * @property {string} text
 * @property {Rows} weights W_ih of the chapter, row by row
 * @property {Rows} start how the handles stand before a reader has set them
 * @property {number[]} sums what the tanh of the candidate gets from each character, by hand
 * @property {(gates: Rows, id: number, sum: number, was: number) => Step} step
 */

const sigmoid = (/** @type {number} */ a) => 1 / (1 + Math.exp(-a));
const all = (/** @type {number} */ gate) => [gate, gate, gate];

/** @type {Record<string, Machine>} */
export const MACHINES = {
  LSTM: {
    chars: "(x)",
    text: "x(xxx)x)",
    weights: { f: [-6, 6, -6], i: [6, -6, -6], o: [6, 6, 6], g: [3, 0, 0] },
    start: { f: all(0.5), i: all(0.5), o: all(0.5) },
    sums: [3, 3, -3],
    step({ f, i, o }, id, sum, was) {
      const g = Math.tanh(sum);
      const c = f[id] * was + i[id] * g;
      return { f: f[id], i: i[id], o: o[id], g, was, c, h: o[id] * Math.tanh(c) };
    },
  },
  GRU: {
    chars: "x;-",
    text: "xxx;xx--x",
    weights: { z: [-6, -6, 6], r: [6, -6, 6], n: [0.1, 0, 0] },
    start: { z: all(0), r: all(1) },
    sums: [0.1, 0, 0],
    step({ z, r }, id, sum, was) {
      const n = Math.tanh(sum + r[id] * was);
      const h = (1 - z[id]) * n + z[id] * was;
      return { z: z[id], r: r[id], n, sum, was, c: h, h };
    },
  },
};

/** The gates that the weights set. @param {Machine} machine @returns {Rows} */
export const gatesFrom = ({ weights, start }) =>
  Object.fromEntries(Object.keys(start).map((gate) => [gate, weights[gate].map(sigmoid)]));

/** What the tanh gets from each character. @param {Machine} machine @param {boolean} byHand */
export const sumsFrom = ({ weights, sums }, byHand) => byHand ? sums : weights.g ?? weights.n;

/** The text without what the machine does not know. @param {Machine} machine @param {string} text */
export const knownPart = ({ chars }, text) => [...text].filter((c) => chars.includes(c)).join("");

/**
 * All steps of a text.
 * @param {Machine} machine @param {string} text @param {Rows} gates @param {number[]} sums
 */
export const readWith = ({ chars, step }, text, gates, sums) => {
  let was = 0;
  return [...text].map((char) => {
    const id = chars.indexOf(char);
    const numbers = step(gates, id, sums[id], was);
    was = numbers.c;
    return numbers;
  });
};

/** "0.95", or "0.998" if two decimals do not say it. @param {number} gate */
export const gateText = (gate) =>
  number(gate, Math.abs(gate - Number(gate.toFixed(2))) < 1e-9 ? 2 : 3);
/** "¹²" @param {number} n */
const raised = (n) => String(n).replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]);
/** "0.90 · 0.995" @param {number} gate @param {number} x */
const product = (gate, x) => `${gateText(gate)} · ${number(x)}`;

/**
 * Whether the tank is as it should be after each character, and a sentence on the first fault.
 * @typedef {{wanted: number[], wrong: boolean[], right: boolean, says: string}} Verdict
 */

/** @param {string} text @param {Step[]} steps @returns {Verdict} */
export const judgeLatch = (text, steps) => {
  let depth = 0;
  const depths = [...text].map((char) => {
    depth = Math.max(0, depth + (char === "(" ? 1 : char === ")" ? -1 : 0));
    return depth;
  });
  const wanted = depths.map((open) => Math.min(1, open));
  const wrong = steps.map(({ c }, t) => Math.abs(c - wanted[t]) > 0.1);
  const at = wrong.indexOf(true);
  const verdict = { wanted, wrong, right: false };
  if (at < 0) {
    const hidden = steps.findIndex(({ h }, t) => wanted[t] && h < 0.5);
    const { o, c, h } = steps[hidden] ?? steps[0];
    const shown = hidden < 0
      ? ""
      : ` At “${text[hidden]}” only ${gateText(o)} · tanh ${number(c)} = ${number(h)} is shown.`;
    const open = Math.min(...steps.filter((_, t) => wanted[t]).map(({ c }) => c));
    const shut = Math.max(...steps.filter((_, t) => !wanted[t]).map(({ c }) => Math.abs(c)));
    return {
      ...verdict,
      right: true,
      says: [
        Number.isFinite(open) ? `full where a bracket is open (at least ${number(open)})` : "",
        Number.isFinite(shut)
          ? `empty ${Number.isFinite(open) ? "elsewhere" : "throughout"} (at most ${number(shut)})`
          : "",
      ].filter(Boolean).join(", ").replace(/^./, (c) => c.toUpperCase()) + `.${shown}`,
    };
  }
  const { f, i, g, was, c } = steps[at];
  const char = text[at];
  const sum = `${product(f, was)} + ${product(i, g)} = ${number(c)}`;
  let says = `At “${char}” the tank should be ${wanted[at] ? "full" : "empty"}: ${sum}.`;
  if (char === ")" && wanted[at]) {
    says = `“)” has closed the inner bracket, and the tank is at ${number(c)} although ` +
      `${depths[at] > 1 ? `${depths[at]} brackets are` : "one bracket is"} still open: one bit ` +
      "cannot count to two.";
  } else if (char === "x" && Math.abs(i * g) < 1e-9 && wanted[at]) {
    let end = at;
    while (text[end + 1] === "x") end += 1;
    let start = at;
    while (text[start - 1] === "x") start -= 1;
    const count = end - start + 1;
    says = `It leaks: each “x” keeps ${gateText(f)}, so ${count} of them keep ` +
      `${gateText(f)}${raised(count)} = ${number(f ** count)} of it.`;
  } else if (char === "x") {
    says = `“x” should change nothing, but it writes ${product(i, g)} = ${number(i * g)}.`;
    if (!wanted[at] && Math.abs(was) > 0.1) says = `Not empty yet: ${sum}.`;
  }
  return { ...verdict, says };
};

/** The state after so many x, with gates that are quite open or quite shut. @param {number} n */
const countOf = (n) => {
  let h = 0;
  for (let k = 0; k < n; k++) h = Math.tanh(0.1 + h);
  return h;
};

/**
 * @param {string} text @param {Step[]} steps
 * @param {(was: number) => Step} dash a step that reads "-" @returns {Verdict}
 */
export const judgeCounter = (text, steps, dash) => {
  let count = 0;
  const wanted = [...text].map((char) => (count = char === ";" ? 0 : count + Number(char === "x")));
  const off = steps.map(({ h }, t) => Math.abs(h - countOf(wanted[t])) > 0.02);
  // Two counts whose states are nearer than this to each other cannot be told apart.
  let stuck = false;
  const alike = steps.map(({ h, was }, t) => {
    if (text[t] !== "-") stuck = text[t] === "x" && Math.abs(h - was) < 0.005;
    return stuck;
  });
  const at = off.indexOf(true);
  const verdict = { wanted, wrong: off.map((one, t) => one || alike[t]), right: false };
  const held = countOf(2);
  let left = held;
  for (let k = 0; k < 50; k++) left = dash(left).h;
  if (at < 0 && Math.abs(left - held) > 0.02) {
    return {
      ...verdict,
      says: `Nearly: at each “-” a little is lost, and fifty of them would turn ${number(held)} ` +
        `into ${number(left)}.`,
    };
  }
  if (at < 0 && alike.includes(true)) {
    const begin = alike.indexOf(true);
    const [last, most] = [wanted[begin] - 1, Math.max(...wanted)];
    return {
      ...verdict,
      says: `After ${last} x the state hardly moves: ${number(steps[begin].was)} for ${last}, ` +
        `${
          number(steps[wanted.indexOf(most)].h)
        } for ${most}, because tanh takes as much as “x” adds.`,
    };
  }
  if (at < 0) {
    const last = steps[steps.length - 1];
    const count = wanted[wanted.length - 1];
    const says = !last
      ? ""
      : count
      ? `It counts: ${number(last.h)} stands for ${count}.`
      : `No x yet: ${number(last.h)} stands for 0.`;
    return { ...verdict, right: true, says };
  }
  const { z, r, n, was, h } = steps[at];
  const char = text[at];
  const kept = `${product(1 - z, n)} + ${product(z, was)} = ${number(h)}`;
  let says = `After “${char}” the state should be ${number(countOf(wanted[at]))}: ${kept}.`;
  if (char === ";" && Math.abs(n) > 0.02) {
    says =
      `“;” should start the count again, but the lid lets ${product(r, was)} through, and the ` +
      `count goes on from ${number(h)}.`;
  }
  return { ...verdict, says };
};
