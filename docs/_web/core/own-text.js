// A text of the reader's own: what a network may learn of it, and what is wrong with it.
import { vocabulary } from "./network.js";

export const LEAST = 2000; // characters
export const MOST = 1_000_000;
export const KINDS = 255; // different characters that a network learns, the commonest
const OTHER = "□"; // each of the others
const JUDGED = 10_000; // at most so many characters are held out

/**
 * @typedef {object} Learned
 * @property {string[]} chars
 * @property {Int32Array} train ids
 * @property {Int32Array} valid ids of the end of the text, which the network doesn't learn from
 * @property {Set<string>} words of three letters or more, in the whole text
 */

const count = (/** @type {number} */ n) => n.toLocaleString("en");

/** Words of three letters or more, in lower case. @param {string} text */
export const wordsOf = (text) => text.toLowerCase().match(/\p{L}[\p{L}\p{M}]{2,}/gu) ?? [];

/** How many of the words of a text are known; NaN if it has none. @param {string} text */
export const shareOfWords = (text, /** @type {Set<string>} */ known) => {
  const words = wordsOf(text);
  return words.filter((word) => known.has(word)).length / words.length;
};

/**
 * What a network learns from, or null; and what the reader should know, one sentence each.
 * @param {string} text @returns {{learned: Learned | null, messages: string[]}}
 */
export const prepare = (text) => {
  const whole = text.replace(/\r\n?/g, "\n").replace(/\p{Surrogate}/gu, "\ufffd");
  let letters = [...whole.slice(0, 2 * MOST)]; // an emoji takes two places
  const messages = [];
  if (!whole.trim()) {
    messages.push("There is no text yet: paste one, or take one of the four.");
  } else if (letters.length < LEAST) {
    messages.push(
      `This text has ${count(letters.length)} characters, too few to learn from: it takes ` +
        `${count(LEAST)}, and more is better.`,
    );
  } else if (new Set(letters).size < 3) {
    messages.push(
      "This text has fewer than three different characters: there is nothing to learn.",
    );
  }
  if (messages.length) return { learned: null, messages };
  if (letters.length > MOST || whole.length > 2 * MOST) {
    letters = letters.slice(0, MOST);
    messages.push(
      `This text is very long: the network learns from its first ${count(MOST)} ` +
        "characters.",
    );
  }
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const letter of letters) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  if (counts.size > KINDS) {
    messages.push(
      `This text has ${count(counts.size)} different characters: the network learns the ${KINDS} ` +
        `commonest, and reads and writes ${OTHER} for each of the others.`,
    );
    const kept = [...counts].sort((a, b) => b[1] - a[1]).slice(0, KINDS);
    const known = new Set(kept.map(([letter]) => letter));
    letters = letters.map((letter) => known.has(letter) ? letter : OTHER);
  }
  const joined = letters.join("");
  const chars = vocabulary(joined);
  const idOf = new Map(chars.map((char, id) => [char, id]));
  const ids = Int32Array.from(letters, (letter) => Number(idOf.get(letter)));
  const end = ids.length - Math.min(JUDGED, Math.floor(ids.length / 10));
  const learned = {
    chars,
    train: ids.slice(0, end),
    valid: ids.slice(end),
    words: new Set(wordsOf(joined)),
  };
  return { learned, messages };
};
