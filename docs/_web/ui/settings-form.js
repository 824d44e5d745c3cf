// The fields for the settings of a run.
import { show } from "../core/formats.js";
import { vocabulary } from "../core/network.js";
import { DEFAULT } from "../core/settings.js";
import { el } from "./elements.js";
import { check, choice, field, slider } from "./fields.js";

/** @import { Cell } from "../core/network.js" */
/** @import { Settings } from "../core/settings.js" */

/** @typedef {Partial<Record<keyof Settings, unknown>>} Changes */

/** @param {(changes: Changes) => void} change */
export const settingsForm = (change) => {
  /** Settings that are shown once the reader leaves the text. @type {Settings} */
  let shown = DEFAULT;
  const input = el("input", {
    type: "text",
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    oninput: () => change({ text: input.value, order: "" }),
    onblur: () => (input.value = shown.text),
  });

  /**
   * A slider with a box. `more` are options of a slider.
   * @param {keyof Settings} name @param {string} label @param {[number, number]} range
   * @param {object} [more]
   */
  const number = (name, label, [least, most], more = {}) =>
    slider({
      label,
      least,
      most,
      value: Number(DEFAULT[name] ?? Infinity),
      typed: true,
      onInput: (value) => change({ [name]: value }),
      ...more,
    });
  /** @param {keyof Settings} name @param {string} label @param {[string, string][]} options */
  const select = (name, label, options) =>
    choice({ label, options, value: options[0][0], onInput: (value) => change({ [name]: value }) });

  const CELLS = /** @type {Cell[]} */ (["RNN", "GRU", "LSTM"]);
  const layer = check({
    label: "Output layer",
    value: true,
    onInput: (outputLayer) => change({ outputLayer }),
  });
  const fields = {
    text: field("Your own sentence", "", input, null, input),
    cell: select("cell", "Cell", CELLS.map((cell) => [cell, cell])),
    hidden: number("hidden", "Hidden units", [1, 64]),
    optimizer: select("optimizer", "Optimizer", [["sgd", "SGD"], ["adam", "Adam"]]),
    lr: number("lr", "Learning rate", [1e-4, 10], { log: true }),
    momentum: number("momentum", "Momentum", [0, 0.99], { step: 0.01 }),
    clip: number("clip", "Clip gradients longer than", [0.01, 100], {
      log: true,
      show: (/** @type {number} */ x) => (x === Infinity ? "none" : String(x)),
      // The right end of the slider means that nothing is clipped.
      onInput: (/** @type {unknown} */ clip) => change({ clip: clip === 100 ? "none" : clip }),
    }),
    epochs: number("epochs", "Epochs", [1, 400]),
    seed: number("seed", "Seed", [0, 99]),
  };

  /** @param {Settings} settings */
  const fill = (settings) => {
    shown = settings;
    const { text, cell, outputLayer, hidden, optimizer, lr, momentum, clip, epochs, seed } =
      settings;
    if (document.activeElement !== input) input.value = text;
    const chars = vocabulary(text);
    const T = [...text].length - 1;
    const letters = chars.map(show).join(" ");
    fields.text.help(`${T} steps, ${chars.length} characters: ${letters}`);
    fields.cell.set(cell);
    layer.input.checked = outputLayer;
    fields.hidden.set(outputLayer ? hidden : chars.length);
    fields.hidden.disable(!outputLayer);
    fields.optimizer.set(optimizer);
    fields.lr.set(lr);
    fields.momentum.set(momentum);
    fields.momentum.disable(optimizer !== "sgd");
    fields.clip.set(clip ?? Infinity);
    fields.epochs.set(epochs);
    fields.seed.set(seed);
  };

  const { text, cell, ...rest } = fields;
  return {
    first: [text.element, cell.element],
    others: [layer.element, ...Object.values(rest).map(({ element }) => element)],
    /** @param {Settings} settings @param {string[]} messages */
    show(settings, messages) {
      fill(settings);
      const others = [...messages];
      for (const [name, { error }] of Object.entries(fields)) {
        const place = others.findIndex((message) => message.startsWith(`${name} `));
        error(place < 0 ? "" : others.splice(place, 1)[0]);
      }
      return others;
    },
  };
};
