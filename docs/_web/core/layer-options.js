// The options of a recurrent layer, from an address or a form, checked and bounded.
import { plain, readBounded } from "./bounds.js";

/** @import { Plain, Rule } from "./bounds.js" */
/** @import { LayerOptions } from "./layer-shapes.js" */

/** @type {Required<LayerOptions>} */
const DEFAULT = {
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
  const options = readBounded(plain(source), { ...DEFAULT }, RULES, messages);
  const most = options.mode === "LSTM" ? options.hidden_size - 1 : 0;
  if (options.proj_size > most) {
    const why = options.mode === "LSTM" ? "below hidden_size" : "0, except in an LSTM";
    messages.push(`proj_size must be ${why}: got ${options.proj_size}, so ${most} is used`);
    options.proj_size = most;
  }
  return { options, messages };
};
