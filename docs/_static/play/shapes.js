"use strict";

/*
 * charseq.LayerShapes: every parameter and tensor of nn.RNN, nn.GRU, nn.LSTM, with its shape and
 * the reason for it. Needs no other script; options and results are named as in Python.
 *
 *   charseqShapes(options)   {call, parameter_count, parameters: [{name, symbol, shape, formula,
 *                            count}], tensors: [{name, shape, formula, why}]}
 */

/**
 * @typedef {object} LayerOptions
 * @property {"RNN" | "GRU" | "LSTM"} mode
 * @property {number} input_size I
 * @property {number} hidden_size H
 * @property {number} [num_layers] L
 * @property {boolean} [bias]
 * @property {boolean} [batch_first]
 * @property {boolean} [bidirectional] D is 2 then, else 1
 * @property {number} [proj_size] P, below H, of an LSTM; 0 for none
 * @property {number | null} [batch_size] B; null without a batch axis
 * @property {number} [length] T
 */

/** @param {LayerOptions} options */
const charseqShapes = ({
  mode,
  input_size,
  hidden_size,
  num_layers = 1,
  bias = true,
  batch_first = false,
  bidirectional = false,
  proj_size = 0,
  batch_size = 1,
  length = 1,
}) => {
  const gates = { RNN: 1, GRU: 3, LSTM: 4 }[mode];
  const rows = gates * hidden_size;
  const state = proj_size || hidden_size;
  const directions = bidirectional ? 2 : 1;
  const gH = `${gates > 1 ? gates : ""}H`;
  const S = proj_size ? "P" : "H";
  const DS = (bidirectional ? "D*" : "") + S;

  const parameters = [];
  for (let layer = 0; layer < num_layers; layer++) {
    /** @type {[string, string, number[], string][]} */
    const entries = [
      layer
        ? ["weight_ih", "W_ih", [rows, directions * state], `(${gH}, ${DS})`]
        : ["weight_ih", "W_ih", [rows, input_size], `(${gH}, I)`],
      ["weight_hh", "W_hh", [rows, state], `(${gH}, ${S})`],
    ];
    if (bias) {
      entries.push(["bias_ih", "b_ih", [rows], `(${gH},)`]);
      entries.push(["bias_hh", "b_hh", [rows], `(${gH},)`]);
    }
    if (proj_size) entries.push(["weight_hr", "W_hr", [state, hidden_size], "(P, H)"]);
    for (let direction = 0; direction < directions; direction++) {
      const suffix = `_l${layer}${direction ? "_reverse" : ""}`;
      const level = num_layers > 1 || bidirectional ? `^(${layer})` : "";
      const mark = level + (direction ? "←" : "");
      for (const [name, symbol, shape, formula] of entries) {
        const count = shape.reduce((a, b) => a * b);
        parameters.push({ name: name + suffix, symbol: symbol + mark, shape, formula, count });
      }
    }
  }

  const batch = batch_size === null ? [] : [batch_size];
  const lead = batch_first ? [...batch, length] : [length, ...batch];
  const last = batch.length && batch_first ? "output[:, -1]" : "output[-1]";
  const B = batch.length ? "B, " : "";
  const TB = !B ? "T" : batch_first ? "B, T" : "T, B";
  const order = !B
    ? "no batch axis, so batch_first changes nothing"
    : batch_first
    ? "batch_first puts the batch in front"
    : "time comes first unless batch_first=True";
  const axes = !B
    ? "there is no batch axis"
    : batch_first
    ? "never moved by batch_first"
    : "the batch axis is second";
  const top = bidirectional
    ? "the top layer's states at every step, forward then backward side by side"
    : "the top layer's state at every step";
  const end = bidirectional
    ? `the state where each direction stops; h_n[-2] is the forward half of ${last}, h_n[-1] the ` +
      `backward half of ${last.replace("-1", "0")}`
    : `${num_layers > 1 ? "every layer's" : "the"} state after the last step; h_n[-1] is ${last}`;
  const h = { shape: [directions * num_layers, ...batch, state], formula: `(D*L, ${B}${S})` };
  const c = { shape: [directions * num_layers, ...batch, hidden_size], formula: `(D*L, ${B}H)` };
  const tensors = [
    {
      name: "input",
      shape: [...lead, input_size],
      formula: `(${TB}, I)`,
      why: `I features at each step; ${order}`,
    },
    { name: "h_0", ...h, why: `a state for each layer and direction; ${axes}` },
    { name: "c_0", ...c, why: "the cell's state beside it; a projection does not shrink it" },
    { name: "output", shape: [...lead, directions * state], formula: `(${TB}, ${DS})`, why: top },
    { name: "h_n", ...h, why: end },
    { name: "c_n", ...c, why: "the cell's state after the last step; it is never in output" },
  ].filter(({ name }) => mode === "LSTM" || !name.startsWith("c"));

  const changed = [
    num_layers !== 1 ? `, num_layers=${num_layers}` : "",
    bias ? "" : ", bias=False",
    batch_first ? ", batch_first=True" : "",
    bidirectional ? ", bidirectional=True" : "",
    proj_size ? `, proj_size=${proj_size}` : "",
  ];
  return {
    call: `${mode}(${input_size}, ${hidden_size}${changed.join("")})`,
    parameter_count: parameters.reduce((sum, { count }) => sum + count, 0),
    parameters,
    tensors,
  };
};
