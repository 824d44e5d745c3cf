"use strict";

/*
 * How numbers and characters are written on the page. This file does not touch the page itself.
 *
 *   charseqFormats.number(value, decimals)   "−0.125": a true minus sign, 3 decimals by default
 *   charseqFormats.show(char)                "␣" for a space: a character that can be seen
 */

const charseqFormats = (() => {
  /** @param {number} value */
  const number = (value, decimals = 3) => value.toFixed(decimals).replace("-", "−");

  /** @type {Record<string, string>} */
  const VISIBLE = { " ": "␣", "\n": "↵", "\t": "⇥" };
  /** @param {string} char */
  const show = (char) => VISIBLE[char] ?? (/[\p{C}\p{Z}]/u.test(char) ? "�" : char);

  return { number, show };
})();
