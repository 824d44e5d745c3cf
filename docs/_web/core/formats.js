// How numbers and characters are written on the page.

/** "−0.125": a true minus sign, 3 decimals by default. @param {number} value */
export const number = (value, decimals = 3) => value.toFixed(decimals).replace("-", "−");

/** "0.797", or "0.00041": three decimals, or as many as two digits take. @param {number} value */
export const fine = (value) =>
  number(value, value > 0 ? Math.max(3, 1 - Math.floor(Math.log10(value))) : 3);

/** @type {Record<string, string>} */
const VISIBLE = { " ": "␣", "\n": "↵", "\t": "⇥" };
/** "␣" for a space: a character that can be seen. @param {string} char */
export const show = (char) => VISIBLE[char] ?? (/[\p{C}\p{Z}]/u.test(char) ? "�" : char);

/** "reset gate r_t": the name of a gate. @type {Record<string, string>} */
export const GATES = {
  r: "reset gate r_t",
  z: "update gate z_t",
  n: "candidate n_t",
  i: "input gate i_t",
  f: "forget gate f_t",
  g: "candidate g_t",
  o: "output gate o_t",
};

/** "(16,)": a shape as Python writes it. @param {number[]} shape */
export const tuple = (shape) => `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
/** The axes of a shape in letters: "(T, B)" has T and B. @param {string} formula */
export const letters = (formula) => formula.slice(1, -1).split(/, |,$/).filter(Boolean);

/**
 * The text cut at its symbols, as h_t−1, W_ih or logits_t: every second piece is one. W_ih[0, 1] is
 * code, and none.
 * @param {string} text
 */
export const symbolPieces = (text) => text.split(/\b((?:logits|[A-Za-z])_[a-z]+(?:−1)?)(?![a-z[])/);
