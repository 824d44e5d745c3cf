// charseq.LayerShapes: every parameter and tensor of nn.RNN, nn.GRU, nn.LSTM, with its shape and
// why it has this shape. Options and results have the names that they have in Python.
import { plain, readBounded } from "./bounds.js";

/** @import { Plain, Rule } from "./bounds.js" */

/**
 * @typedef {object} LayerOptions
 * @property {"RNN" | "GRU" | "LSTM"} mode
 * @property {number} input_size I
 * @property {number} hidden_size H
 * @property {number} [num_layers] L
 * @property {boolean} [bias]
 * @property {boolean} [batch_first]
 * @property {boolean} [bidirectional] if so, D is 2, else 1
 * @property {number} [proj_size] P of an LSTM, less than H; 0 for none
 * @property {number | null} [batch_size] B; null for no batch axis
 * @property {number} [length] T
 */

/** @type {Required<Omit<LayerOptions, "mode" | "input_size" | "hidden_size">>} */
const DEFAULTS = {
  num_layers: 1,
  bias: true,
  batch_first: false,
  bidirectional: false,
  proj_size: 0,
  batch_size: 1,
  length: 1,
};
const GATES = { RNN: 1, GRU: 3, LSTM: 4 };

/** The letters of a state, and of states side by side. @param {Required<LayerOptions>} options */
const stateLetters = ({ proj_size, bidirectional }) => {
  const S = proj_size ? "P" : "H";
  return [S, (bidirectional ? "D*" : "") + S];
};

/**
 * Parameters of one layer and direction, without the ends of their names.
 * @param {Required<LayerOptions>} options @param {number} layer
 */
const layerParameters = (options, layer) => {
  const { mode, input_size, hidden_size, bias, bidirectional, proj_size } = options;
  const rows = GATES[mode] * hidden_size;
  const state = proj_size || hidden_size;
  const gH = `${GATES[mode] > 1 ? GATES[mode] : ""}H`;
  const [S, DS] = stateLetters(options);
  /** @type {[string, string, number[], string][]} */
  const entries = [
    layer
      ? ["weight_ih", "W_ih", [rows, (bidirectional ? 2 : 1) * state], `(${gH}, ${DS})`]
      : ["weight_ih", "W_ih", [rows, input_size], `(${gH}, I)`],
    ["weight_hh", "W_hh", [rows, state], `(${gH}, ${S})`],
  ];
  if (bias) {
    entries.push(["bias_ih", "b_ih", [rows], `(${gH},)`]);
    entries.push(["bias_hh", "b_hh", [rows], `(${gH},)`]);
  }
  if (proj_size) entries.push(["weight_hr", "W_hr", [state, hidden_size], "(P, H)"]);
  return entries;
};

/** @param {Required<LayerOptions>} options */
const allParameters = (options) => {
  const { num_layers, bidirectional } = options;
  const parameters = [];
  for (let layer = 0; layer < num_layers; layer++) {
    for (const isReverse of bidirectional ? [false, true] : [false]) {
      const suffix = `_l${layer}${isReverse ? "_reverse" : ""}`;
      const level = num_layers > 1 || bidirectional ? `^(${layer})` : "";
      const mark = level + (isReverse ? "←" : "");
      for (const [name, symbol, shape, formula] of layerParameters(options, layer)) {
        const count = shape.reduce((a, b) => a * b);
        parameters.push({ name: name + suffix, symbol: symbol + mark, shape, formula, count });
      }
    }
  }
  return parameters;
};

/** Why the axes of input, of the states at the start, and of the results are what they are.
 * @param {Required<LayerOptions>} options */
const reasons = ({ num_layers, batch_first, bidirectional, batch_size }) => {
  const hasBatch = batch_size !== null;
  let order = "time comes first unless batch_first=True";
  if (batch_first) order = "batch_first puts the batch in front";
  if (!hasBatch) order = "no batch axis, so batch_first changes nothing";
  let axes = batch_first ? "never moved by batch_first" : "the batch axis is second";
  if (!hasBatch) axes = "there is no batch axis";
  const last = hasBatch && batch_first ? "output[:, -1]" : "output[-1]";
  const states = num_layers > 1 ? "every layer's" : "the";
  return bidirectional
    ? {
      order,
      axes,
      top: "the top layer's states at every step, forward then backward side by side",
      end: `the state where each direction stops; h_n[-2] is the forward half of ${last}, ` +
        `h_n[-1] the backward half of ${last.replace("-1", "0")}`,
    }
    : {
      order,
      axes,
      top: "the top layer's state at every step",
      end: `${states} state after the last step; h_n[-1] is ${last}`,
    };
};

/** @param {Required<LayerOptions>} options */
const allTensors = (options) => {
  const { mode, input_size, hidden_size, num_layers, batch_first, bidirectional } = options;
  const { proj_size, batch_size, length } = options;
  const D = bidirectional ? 2 : 1;
  const state = proj_size || hidden_size;
  const [S, DS] = stateLetters(options);
  const batch = batch_size === null ? [] : [batch_size];
  const lead = batch_first ? [...batch, length] : [length, ...batch];
  const B = batch.length ? "B, " : "";
  const TB = !B ? "T" : batch_first ? "B, T" : "T, B";
  const { order, axes, top, end } = reasons(options);
  const h = { shape: [D * num_layers, ...batch, state], formula: `(D*L, ${B}${S})` };
  const c = { shape: [D * num_layers, ...batch, hidden_size], formula: `(D*L, ${B}H)` };
  const input = { shape: [...lead, input_size], formula: `(${TB}, I)` };
  const output = { shape: [...lead, D * state], formula: `(${TB}, ${DS})` };
  return [
    { name: "input", ...input, why: `I features at each step; ${order}` },
    { name: "h_0", ...h, why: `a state for each layer and direction; ${axes}` },
    { name: "c_0", ...c, why: "the cell's state beside it; a projection does not shrink it" },
    { name: "output", ...output, why: top },
    { name: "h_n", ...h, why: end },
    { name: "c_n", ...c, why: "the cell's state after the last step; it is never in output" },
  ].filter(({ name }) => mode === "LSTM" || !name.startsWith("c"));
};

/** The call that makes the layer. @param {Required<LayerOptions>} options */
const callOf = (options) => {
  const { mode, input_size, hidden_size, num_layers, bias, batch_first } = options;
  const changed = [
    num_layers !== 1 ? `, num_layers=${num_layers}` : "",
    bias ? "" : ", bias=False",
    batch_first ? ", batch_first=True" : "",
    options.bidirectional ? ", bidirectional=True" : "",
    options.proj_size ? `, proj_size=${options.proj_size}` : "",
  ];
  return `${mode}(${input_size}, ${hidden_size}${changed.join("")})`;
};

/** The shapes of a layer, and the call that makes it. @param {LayerOptions} given */
export const layerShapes = (given) => {
  const options = { ...DEFAULTS, ...given };
  const parameters = allParameters(options);
  return {
    call: callOf(options),
    parameter_count: parameters.reduce((sum, { count }) => sum + count, 0),
    parameters,
    tensors: allTensors(options),
  };
};

// ---- the options, from an address or a form, checked and bounded

/** In the form, at first. @type {Required<LayerOptions>} */
const FIRST = {
  mode: "RNN",
  input_size: 10,
  hidden_size: 16,
  num_layers: 1,
  bias: true,
  batch_first: false,
  bidirectional: false,
  proj_size: 0,
  batch_size: 1,
  length: 21,
};

const size = { least: 1, most: 4096, whole: true };
/** @type {Record<string, Rule>} */
const RULES = {
  mode: ["RNN", "GRU", "LSTM"],
  input_size: size,
  hidden_size: size,
  num_layers: { ...size, most: 8 },
  bias: ["true", "false"],
  batch_first: ["true", "false"],
  bidirectional: ["true", "false"],
  proj_size: { ...size, least: 0 },
  batch_size: { ...size, none: true },
  length: size,
};

/**
 * Options of a recurrent layer from an address or a form.
 * @param {URLSearchParams | Plain} source
 * @returns {{options: Required<LayerOptions>, messages: string[]}}
 */
export const parseLayer = (source) => {
  /** @type {string[]} */
  const messages = [];
  /** @type {Required<LayerOptions>} */
  const options = readBounded(plain(source), { ...FIRST }, RULES, messages);
  const most = options.mode === "LSTM" ? options.hidden_size - 1 : 0;
  if (options.proj_size > most) {
    const why = options.mode === "LSTM" ? "below hidden_size" : "0, except in an LSTM";
    messages.push(`proj_size must be ${why}: got ${options.proj_size}, so ${most} is used`);
    options.proj_size = most;
  }
  return { options, messages };
};
