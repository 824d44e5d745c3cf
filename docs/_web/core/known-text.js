// A text as a network reads it: cut at a limit, and without the characters that it does not know.
import { show } from "./formats.js";

/**
 * @typedef {object} KnownText
 * @property {string[]} letters all characters of the text, known or not
 * @property {Int32Array} places for each of them, its place among the known ones, or -1
 * @property {Int32Array} ids of those that are known
 * @property {string[]} messages what was cut or left out, one sentence each
 */

export const LONGEST_TEXT = 20_000;
const SHOWN = 5; // unknown characters that are named

/** @param {number} n */
const count = (n) => n.toLocaleString("en");

/**
 * {letters, places, ids, messages}.
 * @param {string} text @param {string[]} chars @returns {KnownText}
 */
export const parseText = (text, chars) => {
  const idOf = new Map(chars.map((char, id) => [char, id]));
  const all = [...text.replace(/\r\n?/g, "\n")];
  const letters = all.slice(0, LONGEST_TEXT);
  const places = new Int32Array(letters.length).fill(-1);
  /** @type {number[]} */
  const ids = [];
  letters.forEach((letter, k) => {
    const id = idOf.get(letter);
    if (id !== undefined) places[k] = ids.push(id) - 1;
  });
  const messages = [];
  if (all.length > LONGEST_TEXT) {
    messages.push(
      `The text has ${count(all.length)} characters, and only the first ${
        count(LONGEST_TEXT)
      } are ` +
        "read.",
    );
  }
  const unknown = letters.length - ids.length;
  if (unknown) {
    const kinds = [...new Set(letters.filter((_, k) => places[k] < 0))];
    const named = kinds.slice(0, SHOWN).map(show).join(" ");
    messages.push(
      `The network does not know ${count(unknown)} of these characters (${named}` +
        `${kinds.length > SHOWN ? " …" : ""}): ${unknown > 1 ? "they are" : "it is"} shown and ` +
        "skipped.",
    );
  }
  if (!letters.length) messages.push("The text is empty, so there is nothing to read.");
  else if (!ids.length) messages.push("The network knows none of these characters.");
  return { letters, places, ids: Int32Array.from(ids), messages };
};
