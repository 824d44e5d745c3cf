"use strict";

/*
 * Settings from outside, made safe; the log, and the script of torch that prints it.
 * After training.js, for its types alone.
 *
 *   charseqSettings.DEFAULT, charseqSettings.NOTEBOOK
 *   charseqSettings.parse(new URLSearchParams(location.hash.slice(1)))   {settings, messages}
 *   charseqSettings.toParams(settings)    what differs from DEFAULT, for the address bar
 *   charseqSettings.parseLayer(params)    {options, messages} for charseqShapes
 *   charseqSettings.log(run)              about ten lines, as str(History)
 *   charseqSettings.script(settings)      the same run, with torch alone: it prints that log
 */

const charseqSettings = (() => {
  /** @type {Settings} */
  const DEFAULT = {
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

  /** The notebook: its list(set(text)), and its second draw from seed 0. @type {Settings} */
  const NOTEBOOK = { ...DEFAULT, order: "egnidrl pa", outputLayer: false, lr: 0.5, skip: 16 };

  /**
   * What is allowed: a list of choices, or least and most; `whole` numbers, `none` for null.
   * @typedef {{least: number, most: number, whole?: boolean, none?: boolean}} Range
   * @typedef {Record<string, unknown>} Plain
   */

  /** @type {Record<string, readonly string[] | Range>} */
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
  const WORK = 3e8; // multiplications forward, a second or so with those backward

  /** @type {Required<LayerOptions>} */
  const LAYER = {
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
  /** @type {Record<string, readonly string[] | Range>} */
  const OPTIONS = {
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

  const quote = (/** @type {unknown} */ found) => {
    const text = String(found);
    return JSON.stringify(text.length > 30 ? `${text.slice(0, 30)}…` : text);
  };

  /**
   * Read what `rules` name and put what they allow in its place.
   * @param {Plain} found
   * @param {Plain} defaults
   * @param {Record<string, readonly string[] | Range>} rules
   * @param {string[]} messages
   * @returns {any}
   */
  const read = (found, defaults, rules, messages) => {
    const values = { ...defaults };
    for (const [name, rule] of Object.entries(rules)) {
      if (!Object.hasOwn(found, name)) continue;
      const text = String(found[name]).trim();
      let value = defaults[name];
      let fine = false;
      let allowed;
      if ("least" in rule) {
        const { least, most, whole, none } = rule;
        allowed = `${whole ? "a whole" : "a"} number from ${least} to ${most}`;
        if (none) allowed += ", or none";
        if (none && /^(none|null|)$/i.test(text)) {
          value = null;
          fine = true;
        } else if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) {
          const number = Math.min(most, Math.max(least, Number(text)));
          value = whole ? Math.round(number) : number;
          fine = value === Number(text);
        }
      } else {
        allowed = `one of ${rule.join(", ")}`;
        const choice = rule.find((option) => option.toLowerCase() === text.toLowerCase());
        if (choice) {
          value = { true: true, false: false }[choice] ?? choice;
          fine = true;
        }
      }
      values[name] = value;
      if (!fine) {
        messages.push(
          `${name} must be ${allowed}: got ${quote(found[name])}, ${value ?? "none"} is used`,
        );
      }
    }
    return values;
  };

  /** @param {URLSearchParams | Plain} source @returns {Plain} */
  const plain = (source) => source instanceof URLSearchParams ? Object.fromEntries(source) : source;

  /**
   * Settings from an address or a form, whatever it holds.
   * @param {URLSearchParams | Plain} source
   * @returns {{settings: Settings, messages: string[]}}
   */
  const parse = (source) => {
    const found = plain(source);
    /** @type {string[]} */
    const messages = [];
    /** @type {Settings} */
    const settings = read(found, { ...DEFAULT }, SETTINGS, messages);
    // A lone half of a pair is no character, and Python could not print it.
    const [text, order] = [found.text ?? DEFAULT.text, found.order ?? ""].map((value) =>
      String(value).replace(/\p{Surrogate}/gu, "\ufffd")
    );
    const letters = [...text];
    settings.text = letters.slice(0, LETTERS.most).join("");
    if (letters.length < LETTERS.least) settings.text = DEFAULT.text;
    if (settings.text !== text) {
      messages.push(
        `text must have ${LETTERS.least} to ${LETTERS.most} characters: got ${letters.length}, ` +
          `${quote(settings.text)} is used`,
      );
    }
    const sorted = charseq.vocabulary(settings.text);
    if (order && [...order].sort().join() !== [...sorted].sort().join()) {
      messages.push(
        `order must hold each character of the text once: got ${quote(order)}, ` +
          `${quote(sorted.join(""))} is used`,
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
          `${most} is used`,
      );
      settings.epochs = most;
    }
    return { settings, messages };
  };

  /**
   * What differs from DEFAULT: parse makes the same settings of it.
   * @param {Settings} settings
   */
  const toParams = (settings) =>
    new URLSearchParams(
      Object.entries(settings)
        .filter(([name, value]) => value !== /** @type {Plain} */ ({ ...DEFAULT })[name])
        .map(([name, value]) => [name, String(value)]),
    );

  /**
   * Options of a recurrent layer from an address or a form.
   * @param {URLSearchParams | Plain} source
   * @returns {{options: Required<LayerOptions>, messages: string[]}}
   */
  const parseLayer = (source) => {
    /** @type {string[]} */
    const messages = [];
    /** @type {Required<LayerOptions>} */
    const options = read(plain(source), { ...LAYER }, OPTIONS, messages);
    const most = options.mode === "LSTM" ? options.hidden_size - 1 : 0;
    if (options.proj_size > most) {
      const why = options.mode === "LSTM" ? "below hidden_size" : "0 in all but an LSTM";
      messages.push(`proj_size must be ${why}: got ${options.proj_size}, ${most} is used`);
      options.proj_size = most;
    }
    return { options, messages };
  };

  /** How many epochs lie between two lines of the log. @param {number} epochs */
  const every = (epochs) => Math.ceil(epochs / 10);

  /**
   * str(record): f"epoch {epoch:<3}  loss:{loss:.3f}  prediction:{prediction}"
   * @param {{epoch: number, loss: number, prediction: string}} record
   */
  const line = ({ epoch, loss, prediction }) =>
    `epoch ${String(epoch).padEnd(3)}  loss:${loss.toFixed(3)}  prediction:${prediction}`;

  /**
   * str(history): a line each tenth of the run, and the last.
   * @param {{settings: Settings, records: Epoch[]}} run
   */
  const log = ({ settings: { epochs }, records }) =>
    records
      .filter(({ epoch }) => epoch % every(epochs) === 0 || epoch === epochs)
      .map(line)
      .join("\n");

  /**
   * The same run with torch alone. JSON's strings are Python's, too, so no text gets out of its
   * quotes.
   * @param {Settings} settings
   */
  const script = ({ text, order, cell, outputLayer, hidden, optimizer, ...rest }) => {
    const { lr, momentum, clip, epochs, seed, skip } = rest;
    const V = charseq.vocabulary(text).length;
    const H = outputLayer ? hidden : V;
    const made = optimizer === "adam"
      ? `Adam(parameters, lr=${lr})`
      : `SGD(parameters, lr=${lr}, momentum=${momentum})`;
    const logits = outputLayer
      ? "h, _ = rnn(x)  # (T, H)\n    logits = head(h)"
      : "logits, _ = rnn(x)";
    let before = skip ? `torch.rand(${skip})\n` : "";
    if (skip === 16) before = "nn.RNN(4, 2)  # the notebook makes another layer first\n";
    return `import torch
from torch import nn

text = ${JSON.stringify(text)}
chars = ${order ? JSON.stringify(order) : "sorted(set(text))"}
ids = torch.tensor([chars.index(char) for char in text])
x, y = nn.functional.one_hot(ids[:-1], ${V}).double(), ids[1:]  # (T, V), (T,)

torch.manual_seed(${seed})
${before}\
rnn = nn.${cell}(${V}, ${H}).double()  # drawn in float32, computed in float64
${outputLayer ? `head = nn.Linear(${H}, ${V}).double()\n` : ""}\
parameters = [*rnn.parameters()${outputLayer ? ", *head.parameters()" : ""}]
optimizer = torch.optim.${made}

for epoch in range(1, ${epochs + 1}):
    ${logits}  # (T, V)
    loss = nn.functional.cross_entropy(logits, y)
    optimizer.zero_grad()
    loss.backward()
${clip === null ? "" : `    nn.utils.clip_grad_norm_(parameters, ${clip})\n`}\
    optimizer.step()
    if epoch % ${every(epochs)} == 0 or epoch == ${epochs}:
        prediction = "".join(chars[i] for i in logits.argmax(1))
        print(f"epoch {epoch:<3}  loss:{loss:.3f}  prediction:{prediction}")
`;
  };

  return { DEFAULT, NOTEBOOK, parse, toParams, parseLayer, line, log, script };
})();
