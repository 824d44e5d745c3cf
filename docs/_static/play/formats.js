"use strict";

/*
 * How numbers and characters are written on the page. This file does not touch the page itself.
 *
 *   charseqFormats.number(value, decimals)   "−0.125": a true minus sign, 3 decimals by default
 *   charseqFormats.show(char)                "␣" for a space: a character that can be seen
 *   charseqFormats.GATES["r"]                "reset gate r_t": the name of a gate
 *   charseqFormats.tuple(shape)              "(16,)": a shape as Python writes it
 *   charseqFormats.letters(formula)          the axes of a shape in letters: "(T, B)" has T and B
 *   charseqFormats.pieces(text)              the text cut at its symbols, as h_t−1, W_ih or logits_t:
 *                                            every second piece is one. W_ih[0, 1] is code, and none
 */

const charseqFormats = (() => {
  /** @param {number} value */
  const number = (value, decimals = 3) => value.toFixed(decimals).replace("-", "−");

  /** @type {Record<string, string>} */
  const VISIBLE = { " ": "␣", "\n": "↵", "\t": "⇥" };
  /** @param {string} char */
  const show = (char) => VISIBLE[char] ?? (/[\p{C}\p{Z}]/u.test(char) ? "�" : char);

  /** @type {Record<string, string>} */
  const GATES = {
    r: "reset gate r_t",
    z: "update gate z_t",
    n: "candidate n_t",
    i: "input gate i_t",
    f: "forget gate f_t",
    g: "candidate g_t",
    o: "output gate o_t",
  };

  /** @param {number[]} shape */
  const tuple = (shape) => `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
  /** @param {string} formula */
  const letters = (formula) => formula.slice(1, -1).split(/, |,$/).filter(Boolean);

  /** @param {string} text */
  const pieces = (text) => text.split(/\b((?:logits|[A-Za-z])_[a-z]+(?:−1)?)(?![a-z[])/);

  return { number, show, GATES, tuple, letters, pieces };
})();
