// The equations of a cell, term by term: which numbers a term has, what they say, and which piece
// of charseq.reference it is.
//
// `find` reads the Python source of charseq.reference.rnn_step, gru_gates, gru_step, lstm_gates,
// lstm_step and output_layer, and looks for the names of their variables. When one of these
// changes, tests/parts/test_words.py says which term is no longer found.
import { number, show, symbolPieces } from "./formats.js";

/** @import { Model, Parameter, Pass } from "./network.js" */

/**
 * An equation, and the name of the function of charseq.reference that computes it.
 * @typedef {{name: string, text: string, code: string}} Line
 */

/**
 * A network, and the step and the unit that the reader looks at.
 * @typedef {{model: Model, pass: Pass, chars: string[], t: number, unit: number}} Place
 */

/**
 * @typedef {object} Look
 * @property {() => ArrayLike<number>} values row by row
 * @property {string[]} rows names of the rows; a lone "" for a bias, which is drawn as one row
 * @property {string[]} columns names of the columns
 * @property {{row?: number, column?: number}} mark what the heat map frames
 * @property {number} [scale] value of the strongest color
 * @property {ArrayLike<number>} small the numbers of the small picture: those of this step
 * @property {number} wide columns of the small picture
 * @property {string} shape
 * @property {string} torch name of the array in torch; "" if it has none
 * @property {string} says a sentence about this step and this unit
 */

/** @type {Record<string, string>} */
const NAMES = {
  h: "new state",
  r: "reset gate",
  z: "update gate",
  n: "candidate",
  i: "input gate",
  f: "forget gate",
  g: "candidate",
  o: "output gate",
  c: "cell",
};

const isTanh = (/** @type {string} */ gate) => "hgn".includes(gate);

/** The equations. @param {Model} model @returns {Line[]} */
export const linesOf = ({ cell, gates, outputLayer }) => {
  const texts = gates.map((gate) => {
    const memory = `W_h${gate} h_t−1 + b_h${gate}`;
    const sum = `W_i${gate} x_t + b_i${gate} + ${gate === "n" ? `r_t ⊙ (${memory})` : memory}`;
    return `${gate}_t = ${isTanh(gate) ? "tanh" : "σ"}(${sum})`;
  });
  if (cell === "GRU") texts.push("h_t = (1 − z_t) ⊙ n_t + z_t ⊙ h_t−1");
  if (cell === "LSTM") texts.push("c_t = f_t ⊙ c_t−1 + i_t ⊙ g_t", "h_t = o_t ⊙ tanh(c_t)");
  const own = cell.toLowerCase();
  const equations = texts.map((text) => {
    const part = "hc".includes(text[0]) ? "step" : "gates";
    return { name: NAMES[text[0]], text, code: `${own}_${part}` };
  });
  const output = { name: "logits", text: "logits_t = W_hy h_t + b_y", code: "output_layer" };
  return outputLayer ? [...equations, output] : equations;
};

/** The text of an equation; every second piece is a term. @param {Line} line */
export const termPieces = ({ text }) => symbolPieces(text);

/**
 * Where a term stands in the lines of a function: {row, from, to}, or null.
 *
 * The term has its own name there, as W_hr, or that of the whole parameter, W_hh. `find` looks
 * first at the assignment to the left side of the equation, then at what the function returns, and
 * then at all other lines from the top.
 * @param {Line} line @param {string} symbol @param {string[]} code
 */
export const findTerm = ({ text, name }, symbol, code) => {
  const [kind, index] = symbol.split("_");
  const body = code.findIndex((row) => row.endsWith(":")) + 1;
  const isResult = text.startsWith(symbol);
  const sought = !isResult
    ? `(?<=(=|return) .*)\\b(${symbol}|${kind}_${index[0]}h|${kind})\\b`
    : kind === "h" || name === "logits"
    ? "(?<=return ).+?(?=, |  #|$)" // the result has no name: mark all that is returned
    : `\\b${kind}\\b`;
  const starts = [`${text[0]} = `, "return "];
  const rank = (/** @type {number} */ row) =>
    (starts.findIndex((start) => code[row].trim().startsWith(start)) + 3) % 3;
  const rows = [...code.keys()].slice(body).sort((a, b) => rank(a) - rank(b));
  for (const row of rows) {
    const match = RegExp(sought).exec(code[row]);
    if (match) return { row, from: match.index, to: match.index + match[0].length };
  }
  return null;
};

const unitNames = (/** @type {number} */ H) => Array.from({ length: H }, (_, j) => `unit ${j}`);

/**
 * A weight or a bias: of W_hr, the rows of W_hh that belong to the gate r.
 * @param {string} symbol @param {Place} place @returns {Look}
 */
const lookAtParameter = (symbol, { model, pass, chars, t, unit }) => {
  const { H, gates, parameters } = model;
  const [kind, index] = symbol.split("_");
  const isOutput = index.endsWith("y");
  const key = isOutput ? symbol : `${kind}_${index[0]}h`;
  const { name, shape, data } = /** @type {Parameter} */ (
    parameters.find((one) => one.symbol === key)
  );
  const blocks = isOutput ? 1 : gates.length;
  const n = shape[0] / blocks;
  const from = isOutput ? 0 : n * gates.indexOf(index[1]);
  const wide = shape[1] ?? 1;
  const small = data.subarray(from * wide, (from + n) * wide);
  const letters = chars.map(show);
  const [rows, size] = isOutput ? [letters, "V"] : [unitNames(H), "H"];
  const torch = name + (blocks > 1 ? `[${from}:${from + n}]` : "");
  const array = { torch, small, wide, values: () => small };
  if (kind === "b") {
    return {
      ...array,
      rows: [""],
      columns: rows,
      mark: isOutput ? {} : { column: unit },
      shape: `(${size},) = (${n},)`,
      says: isOutput ? "" : `Adds ${number(small[unit])} to unit ${unit}.`,
    };
  }
  const isInput = index[0] === "i";
  const char = `“${letters[pass.x[t]]}”`;
  const matrix = { ...array, rows, columns: isInput ? letters : unitNames(H) };
  const both = `(${size}, ${isInput ? "V" : "H"}) = (${n}, ${wide})`;
  if (isOutput) {
    const state = number(pass.h[(t + 1) * H + unit]);
    const says = `Unit ${unit} multiplies column ${unit} by its state, ${state}, and adds it to ` +
      "the logits.";
    return { ...matrix, mark: { column: unit }, shape: both, says };
  }
  const before = pass.h.subarray(t * H, (t + 1) * H);
  const sent = before.reduce((sum, held, k) => sum + small[unit * wide + k] * held, 0);
  const says = isInput
    ? `Reading ${char} adds ${number(small[unit * wide + pass.x[t]])} to unit ${unit}.`
    : `Row ${unit}: the weight that unit ${unit} gives to each unit of the state before ${char}. ` +
      `Times that state, it adds ${number(sent)} to unit ${unit}.`;
  const column = isInput ? pass.x[t] : undefined;
  return { ...matrix, mark: { row: unit, column }, shape: both, says };
};

/**
 * The numbers of a term that has some at every step: number j of step k is
 * data[k * stride + offset + j]. `scale` is the value of the strongest color.
 * @typedef {object} Steps
 * @property {ArrayLike<number>} data
 * @property {number} stride
 * @property {number} [offset]
 * @property {number} [scale]
 * @property {string} says
 * @property {number} [now] column of this step, if it is not t
 * @property {boolean} [hasStart] the first column is the state before the text
 */

/** @param {Place} place @returns {Steps} */
const inputs = ({ pass: { x }, chars, t }) => {
  const V = chars.length;
  const data = Array.from(x).flatMap((id) => chars.map((_, v) => Number(v === id)));
  const char = `“${show(chars[x[t]])}”`;
  const says = `Step ${t + 1} reads ${char}: a single 1, in the row of ${char}.`;
  return { data, stride: V, scale: 1, says };
};

/** @param {Place} place @returns {Steps} */
const logits = ({ pass, chars, t }) => {
  const V = chars.length;
  const best = pass.ids[t];
  const p = number(pass.probabilities[t * V + best], 2);
  const says = `After “${show(chars[pass.x[t]])}”, the likeliest is “${show(chars[best])}”, with ` +
    `probability ${p}.`;
  return { data: pass.logits, stride: V, says };
};

/**
 * @param {"h" | "c"} kind @param {boolean} isNew after the character, not before
 * @param {Place} place @returns {Steps}
 */
const states = (kind, isNew, { model: { H }, pass, chars, t, unit }) => {
  const data = pass[kind];
  const now = isNew ? t + 1 : t;
  const when = `${isNew ? "after" : "before"} “${show(chars[pass.x[t]])}”`;
  const says = `Unit ${unit} holds ${number(data[now * H + unit])} ${when}.`;
  const scale = kind === "h" ? 1 : undefined; // a cell has no bounds
  return { data, stride: H, scale, says, now, hasStart: true };
};

/** @param {string} gate @param {Place} place @returns {Steps} */
const gateValues = (gate, { model: { H, gates }, pass, chars, t, unit }) => {
  const [stride, offset] = [gates.length * H, gates.indexOf(gate) * H];
  let range = "A gate is shut at 0 and open at 1";
  if (isTanh(gate)) range = "A candidate lies between −1 and 1";
  if (gate === "z") range = "With 0 it takes the candidate, with 1 it keeps its old state";
  const value = number(pass.gates[t * stride + offset + unit]);
  const says = `At “${show(chars[pass.x[t]])}”, unit ${unit} has ${value}. ${range}.`;
  return { data: pass.gates, stride, offset, scale: 1, says };
};

/**
 * All that a reader can see of a term.
 * @param {string} symbol @param {Place} place @returns {Look}
 */
export const lookAt = (symbol, place) => {
  const [kind, index] = symbol.split("_");
  if (kind === "W" || kind === "b") return lookAtParameter(symbol, place);
  const { model, pass, chars, t, unit } = place;
  const isLogits = kind === "logits";
  /** @type {Steps} */
  let steps;
  if (kind === "x") steps = inputs(place);
  else if (isLogits) steps = logits(place);
  else if (kind === "h" || kind === "c") steps = states(kind, index === "t", place);
  else steps = gateValues(kind, place);
  const { data, stride, offset = 0, scale, says, now = t, hasStart = false } = steps;
  const isOfUnits = kind !== "x" && !isLogits;
  const letters = chars.map(show);
  const rows = isOfUnits ? unitNames(model.H) : letters;
  const read = Array.from(pass.x, (id, k) => `${k + 1} ${letters[id]}`);
  const columns = hasStart ? ["0", ...read] : read;
  const at = (/** @type {number} */ j, /** @type {number} */ k) => data[k * stride + offset + j];
  return {
    says,
    scale,
    rows,
    columns,
    torch: "",
    values: () => rows.flatMap((_, j) => columns.map((_, k) => at(j, k))),
    mark: { row: isOfUnits ? unit : undefined, column: now },
    small: rows.map((_, j) => at(j, now)),
    wide: 1,
    shape: `(${isOfUnits ? "H" : "V"},) = (${rows.length},)`,
  };
};
