"use strict";

/*
 * The equations of a cell, term by term: where each stands in charseq.reference, what numbers it
 * has, and what they say. No DOM. After core.js, and play.js for its `number` and `show`.
 *
 *   charseqTerms.lines(model)                the equations
 *   charseqTerms.find(line, symbol, code)    where a term stands in the lines of a function
 *   charseqTerms.look(line, symbol, net)     all that there is to see of it
 */

/**
 * An equation, and the function of charseq.reference that is it.
 * @typedef {{name: string, text: string, code: string}} Line
 */

/** @typedef {{model: Model, pass: Pass, chars: string[], t: number, unit: number}} Net */

/**
 * @typedef {object} Look
 * @property {() => ArrayLike<number>} values row by row
 * @property {string[]} rows their names; a lone "" for a bias, which is drawn lying down
 * @property {string[]} columns
 * @property {{row?: number, column?: number}} mark
 * @property {number} [scale] value of the strongest colour
 * @property {ArrayLike<number>} small what there is of it at this step, for a small picture
 * @property {number} wide columns of that
 * @property {string} shape
 * @property {string} torch name of the array in torch, if it has one
 * @property {string} says in words, for the step and the unit looked at
 * @property {string} key of the notation: the name in the reference
 */

const charseqTerms = (() => {
  const { number, show } = charseqPlay;

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

  /** @param {Model} model @returns {Line[]} */
  const lines = ({ cell, gates, outputLayer }) => {
    const found = gates.map((gate) => {
      const memory = `W_h${gate} h_t−1 + b_h${gate}`;
      const sum = `W_i${gate} x_t + b_i${gate} + ${gate === "n" ? `r_t ⊙ (${memory})` : memory}`;
      return `${gate}_t = ${isTanh(gate) ? "tanh" : "σ"}(${sum})`;
    });
    if (cell === "GRU") found.push("h_t = (1 − z_t) ⊙ n_t + z_t ⊙ h_t−1");
    if (cell === "LSTM") found.push("c_t = f_t ⊙ c_t−1 + i_t ⊙ g_t", "h_t = o_t ⊙ tanh(c_t)");
    const own = cell.toLowerCase();
    const made = found.map((text) => {
      const part = "hc".includes(text[0]) ? "step" : "gates";
      return { name: NAMES[text[0]], text, code: `${own}_${part}` };
    });
    const output = { name: "logits", text: "z_t = W_hy h_t + b_y", code: "output_layer" };
    return outputLayer ? [...made, output] : made;
  };

  /**
   * Where a term stands in the rows of a function, and to where. It may have its own name there,
   * as W_hr, or that of the whole parameter, W_hh. First comes the assignment to the equation's
   * left side, then what the function returns, then the rest from the top.
   * @param {Line} line
   * @param {string} symbol
   * @param {string[]} code
   */
  const find = ({ text, name }, symbol, code) => {
    const [kind, index] = symbol.split("_");
    const body = code.findIndex((row) => row.endsWith(":")) + 1;
    const isResult = text.startsWith(symbol);
    const sought = !isResult
      ? `(?<=(=|return) .*)\\b(${symbol}|${kind}_${index[0]}h|${kind})\\b`
      : kind === "h" || name === "logits"
      ? "(?<=return ).+?(?=, |  #|$)" // has no name, and is all of it
      : `\\b${kind}\\b`;
    const starts = [`${text[0]} = `, "return "];
    const rank = (/** @type {number} */ row) =>
      (starts.findIndex((start) => code[row].trim().startsWith(start)) + 3) % 3;
    const rows = [...code.keys()].slice(body).sort((a, b) => rank(a) - rank(b));
    for (const row of rows) {
      const found = RegExp(sought).exec(code[row]);
      if (found) return { row, from: found.index, to: found.index + found[0].length };
    }
    return null;
  };

  /** @param {Line} line @param {string} symbol @param {Net} net @returns {Look} */
  const look = (line, symbol, net) => {
    const { H, gates, parameters } = net.model;
    const { pass, chars, t, unit } = net;
    const { x } = pass;
    const [kind, index] = symbol.split("_");
    const letters = chars.map(show);
    const units = Array.from({ length: H }, (_, j) => `unit ${j}`);
    const char = `“${letters[x[t]]}”`;

    if (kind === "W" || kind === "b") {
      const isOutput = index.endsWith("y");
      const isInput = index[0] === "i";
      const key = isOutput ? symbol : `${kind}_${index[0]}h`;
      const { name, shape, data } = /** @type {Parameter} */ (
        parameters.find((one) => one.symbol === key)
      );
      const blocks = isOutput ? 1 : gates.length;
      const n = shape[0] / blocks;
      const [from, to] = [0, n].map((row) => row + n * (isOutput ? 0 : gates.indexOf(index[1])));
      const wide = shape[1] ?? 1;
      const small = data.subarray(from * wide, to * wide);
      const about = { key, small, wide, values: () => small };
      const torch = name + (blocks > 1 ? `[${from}:${to}]` : "");
      const [rows, size] = isOutput ? [letters, "V"] : [units, "H"];
      if (kind === "b") {
        const says = isOutput ? "" : `Adds ${number(small[unit])} to unit ${unit}.`;
        const mark = isOutput ? {} : { column: unit };
        const now = { rows: [""], columns: rows, mark, says, torch };
        return { ...about, ...now, shape: `(${size},) = (${n},)` };
      }
      const columns = isInput ? letters : units;
      const now = { ...about, rows, columns, torch };
      const both = `(${size}, ${isInput ? "V" : "H"}) = (${n}, ${wide})`;
      if (isOutput) {
        const state = number(pass.h[(t + 1) * H + unit]);
        const adds = `unit ${unit} adds it to the logits, times its state, ${state}`;
        const says = `Column ${unit}: ${adds}.`;
        return { ...now, mark: { column: unit }, shape: both, says };
      }
      const says = isInput
        ? `Reading ${char} adds ${number(small[unit * wide + x[t]])} to unit ${unit}.`
        : `Row ${unit}: what unit ${unit} takes from each unit of the state before ${char}.`;
      return { ...now, mark: { row: unit, column: isInput ? x[t] : undefined }, shape: both, says };
    }

    // Each step has its own: number j of step k stands at data[k * stride + offset + j].
    let [stride, offset, first, key] = [H, 0, 0, kind];
    /** @type {ArrayLike<number>} */
    let data = [];
    /** @type {number | undefined} */
    let scale = 1;
    let [rows, now, says] = [units, t, ""];
    if (kind === "x") {
      [rows, stride] = [letters, letters.length];
      data = Array.from(
        { length: x.length * stride },
        (_, k) => Number(k % stride === x[Math.floor(k / stride)]),
      );
      says = `Step ${t + 1} reads ${char}: a single 1, in its row.`;
    } else if (line.name === "logits" && kind === "z") {
      [rows, stride, key, data] = [letters, letters.length, "logits", pass.logits];
      scale = undefined;
      const best = pass.ids[t];
      const p = number(pass.probabilities[t * stride + best], 2);
      says = `After ${char} comes “${letters[best]}” with the largest probability, ${p}.`;
    } else if (kind === "h" || kind === "c") {
      [data, first] = [pass[kind], 1]; // a column more: before the text
      if (index === "t") now++;
      if (kind === "h") key = "outputs";
      else scale = undefined;
      const value = number(data[now * H + unit]);
      says = `Unit ${unit} holds ${value} ${index === "t" ? "after" : "before"} ${char}.`;
    } else {
      [data, stride, offset] = [pass.gates, gates.length * H, gates.indexOf(kind) * H];
      const range = isTanh(kind)
        ? "from −1 to 1"
        : kind === "z"
        ? "0 takes the candidate, 1 keeps the old state"
        : "0 is shut, 1 open";
      says = `At ${char}, unit ${unit} has ${number(data[t * stride + offset + unit])}: ${range}.`;
    }
    const read = Array.from(x, (id, k) => `${k + 1} ${letters[id]}`);
    const columns = first ? ["0", ...read] : read;
    const at = (/** @type {number} */ j, /** @type {number} */ k) => data[k * stride + offset + j];
    return {
      key,
      says,
      scale,
      rows,
      columns,
      torch: "",
      values: () => rows.flatMap((_, j) => columns.map((_, k) => at(j, k))),
      mark: { row: rows === units ? unit : undefined, column: now },
      small: rows.map((_, j) => at(j, now)),
      wide: 1,
      shape: `(${rows === units ? "H" : "V"},) = (${rows.length},)`,
    };
  };

  return { lines, find, look };
})();
