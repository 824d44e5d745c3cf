// The settings of a run, from an address or a form.
import { plain, quote, readBounded } from "./bounds.js";
import { vocabulary } from "./network.js";

/** @import { Plain, Rule } from "./bounds.js" */
/** @import { Cell } from "./network.js" */

/**
 * @typedef {object} Settings
 * @property {string} text
 * @property {string} order of the vocabulary; "" to sort it
 * @property {Cell} cell
 * @property {boolean} outputLayer
 * @property {number} hidden units; without an output layer there are as many as characters
 * @property {"sgd" | "adam"} optimizer
 * @property {number} lr
 * @property {number} momentum of sgd
 * @property {number | null} clip longest gradient allowed, or null
 * @property {number} epochs
 * @property {number} seed
 * @property {number} skip how many random numbers are drawn before the weights
 */

/** Settings of a new reader, and of the notebook. @type {Settings} */
export const DEFAULT = {
  text: " learned deep learning",
  order: "",
  cell: "RNN",
  outputLayer: true,
  hidden: 16,
  optimizer: "sgd",
  lr: 0.1,
  momentum: 0.9,
  clip: null,
  epochs: 50,
  seed: 0,
  skip: 0,
};

/**
 * The notebook's list(set(text)) gave this order, and it made another layer of 16 weights first.
 * @type {Settings}
 */
export const NOTEBOOK = { ...DEFAULT, order: "egnidrl pa", outputLayer: false, lr: 0.5, skip: 16 };

/** @type {Record<string, Rule>} */
const SETTINGS = {
  cell: ["RNN", "GRU", "LSTM"],
  outputLayer: ["true", "false"],
  hidden: { least: 1, most: 64, whole: true },
  optimizer: ["sgd", "adam"],
  lr: { least: 0, most: 10 },
  momentum: { least: 0, most: 0.999 },
  clip: { least: 0.001, most: 1000, none: true },
  epochs: { least: 1, most: 400, whole: true },
  seed: { least: 0, most: Number.MAX_SAFE_INTEGER, whole: true },
  skip: { least: 0, most: 1000, whole: true },
};
const LETTERS = { least: 2, most: 60 };
const WORK = 3e8; // multiplications of all forward passes: a run takes a second or so

/**
 * Settings from an address or a form, whatever stands in it.
 * @param {URLSearchParams | Plain} source @returns {{settings: Settings, messages: string[]}}
 */
export const parseSettings = (source) => {
  const found = plain(source);
  /** @type {string[]} */
  const messages = [];
  /** @type {Settings} */
  const settings = readBounded(found, { ...DEFAULT }, SETTINGS, messages);
  // Half of a surrogate pair is no character, and Python could not print it.
  const [text, order] = [found.text ?? DEFAULT.text, found.order ?? ""].map((value) =>
    String(value).replace(/\p{Surrogate}/gu, "\ufffd")
  );
  const letters = [...text];
  settings.text = letters.slice(0, LETTERS.most).join("");
  if (letters.length < LETTERS.least) settings.text = DEFAULT.text;
  if (settings.text !== text) {
    messages.push(
      `text must have ${LETTERS.least} to ${LETTERS.most} characters: got ${letters.length}, ` +
        `so ${quote(settings.text)} is used`,
    );
  }
  const sorted = vocabulary(settings.text);
  if (order && [...order].sort().join() !== [...sorted].sort().join()) {
    messages.push(
      `order must hold each character of the text once: got ${quote(order)}, ` +
        `so ${quote(sorted.join(""))} is used`,
    );
  } else settings.order = order;
  const T = [...settings.text].length - 1;
  const V = sorted.length;
  const H = settings.outputLayer ? settings.hidden : V;
  const rows = { RNN: 1, GRU: 3, LSTM: 4 }[settings.cell] * H;
  const most = Math.floor(WORK / (T * H * (rows + (settings.outputLayer ? V : 0))));
  if (settings.epochs > most) {
    messages.push(
      `epochs must be at most ${most} for a network of this size: got ${settings.epochs}, ` +
        `so ${most} is used`,
    );
    settings.epochs = most;
  }
  return { settings, messages };
};

/**
 * notebook=1 among the options starts from the settings of the notebook.
 * @param {URLSearchParams} options
 */
export const settingsOf = (options) => {
  const base = options.get("notebook") ? toParams(NOTEBOOK) : [];
  return parseSettings(new URLSearchParams([...base, ...options])).settings;
};

/** What differs from DEFAULT: parse makes the same settings of it. @param {Settings} settings */
export const toParams = (settings) =>
  new URLSearchParams(
    Object.entries(settings)
      .filter(([name, value]) => value !== /** @type {Plain} */ ({ ...DEFAULT })[name])
      .map(([name, value]) => [name, String(value)]),
  );
