// A text in pieces of words: pairs of neighbors are joined, in the order in which a novel taught
// them. docs/learn/words.md has the same in Python, and docs/_records/pieces.json the novel's pairs.

/** @typedef {{chars: string, merges: string}} PieceTable `merges`: "h|e/ |t", in order */

export const LONGEST_TO_CUT = 240; // characters

/** @param {string} merges @returns {[string, string][]} */
export const pairsOf = (merges) =>
  merges.split("/").map((line) => /** @type {[string, string]} */ (line.split("|")));

/** Letters with the space before them, or any other character. @param {string} text */
const splitIntoWords = (text) => text.match(/ ?[A-Za-z]+|[^A-Za-z]/gu) ?? [];

/** Join each such pair of neighbors. @param {string[]} pieces @param {[string, string]} pair */
const joinPair = (pieces, [first, second]) => {
  /** @type {string[]} */
  const joined = [];
  for (const piece of pieces) {
    if (piece === second && joined.at(-1) === first) joined[joined.length - 1] += piece;
    else joined.push(piece);
  }
  return joined;
};

/**
 * The pieces of a text; nothing is joined across the border of a word.
 * @param {string} text @param {[string, string][]} pairs
 */
export const cutIntoPieces = (text, pairs) => {
  const words = splitIntoWords(text);
  const known = new Map(words.map((word) => {
    let pieces = Array.from(word);
    for (const pair of pairs) if (word.includes(pair.join(""))) pieces = joinPair(pieces, pair);
    return [word, pieces];
  }));
  return words.flatMap((word) => known.get(word) ?? []);
};

/** What can't be cut or has no row in a table, in a sentence. @param {string} text @param {string} chars */
export const troubleWithText = (text, chars) => {
  if (!text) return "The text is empty: there is nothing to cut. Type something.";
  const unknown = [...new Set(text)].filter((char) => !chars.includes(char));
  if (!unknown.length) return "";
  const named = unknown.slice(0, 5).map((char) => `“${char}”`).join(", ");
  const more = unknown.length > 5 ? ` and ${unknown.length - 5} more` : "";
  const [is, stay, have] = unknown.length > 1 ? ["are", "stay", "have"] : ["is", "stays", "has"];
  return `${named}${more} ${is} not among the ${[...chars].length} characters of the novel: no ` +
    `pair has ${unknown.length > 1 ? "them" : "it"}, so ${
      unknown.length > 1 ? "they" : "it"
    } ${stay} alone, and ${have} no id.`;
};
