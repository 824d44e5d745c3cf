// Shannon's guessing game: somebody guesses the next letter until it is right, and pays by the
// number of guesses. docs/_records/guess.json has the prices, and what two machines pay.

export const SYMBOLS =
  Array.from("a".repeat(26), (a, k) => String.fromCharCode(a.charCodeAt(0) + k)).join("") + " ";

/**
 * @typedef {{bits: number[], guesses: number[]}} Machine for each symbol of the text
 * @typedef {{before: string, text: string, table: Machine, network: Machine}} Passage
 * @typedef {{passage: Passage, counts: number[], tried: string}} Game how many guesses each symbol
 *   took so far, and what was tried in vain for the next one
 */

/** @param {Passage} passage @returns {Game} */
export const startGame = (passage) => ({ passage, counts: [], tried: "" });

/** The symbol that is to be guessed; undefined at the end. @param {Game} game */
export const hidden = ({ passage, counts }) => passage.text[counts.length];

/** @param {Game} game @param {string} symbol what was tried before counts once @returns {Game} */
export const guess = (game, symbol) => {
  const { passage, counts, tried } = game;
  if (!SYMBOLS.includes(symbol) || tried.includes(symbol) || !hidden(game)) return game;
  if (symbol !== hidden(game)) return { passage, counts, tried: tried + symbol };
  return { passage, counts: [...counts, tried.length + 1], tried: "" };
};

/** Bits for each of these numbers of guesses. @param {number[]} counts @param {number[]} prices */
export const paid = (counts, prices) => counts.map((count) => prices[count - 1]);
