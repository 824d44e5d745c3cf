// The words of sections and of searches: both are cut and stemmed by the same functions. MiniSearch
// has the index, which make-index.js fills in the build.
import MiniSearch from "minisearch";
import lists from "./words.json" with { type: "json" };

/** @param {string[]} lines */
const setOf = (lines) => new Set(lines.join(" ").split(" "));
const STOP = setOf(lists.stop); // words of grammar, which say nothing about a section
export const FAINT = setOf(lists.faint); // words of everyday language, which say little
const ENDING = /(ations?|ings?|edly|ed|es|s|ly|ions?|ers?|able|ments?|e)$/;

/** @param {string} word */
export const stem = (word) => {
  if (!/^[a-z]{4,}$/.test(word)) return word;
  const start = word.replace(ENDING, "");
  return start.length < 3 ? word : start.replace(/(.)\1$/, "$1").replace(/i$/, "y");
};

/**
 * Leave out what surrounds the message of a pasted traceback, and what LaTeX adds to a symbol.
 * @param {string} query
 */
export const clean = (query) =>
  query
    .replace(/^.*(?:Traceback|File ").*?(?=\b\w+(?:Error|Warning|Exception): [^"]*$)/s, "")
    .replace(/Traceback \(most recent call last\):?|File "[^"]*", line \d+(, in \S+)?/g, " ")
    .replace(/\b(https?:\/\/|[A-Za-z]:\\|[~.]*\/)\S+|0x[0-9a-f]+/g, " ")
    .replaceAll("\\odot", "⊙")
    .replace(/[{}\\$]/g, "");

/** @param {string} text */
export const namesIn = (text) => text.match(/[\p{L}\p{N}_]+|⊙/gu) ?? [];

/** @param {string} name */
export const plain = (name) => name.replace(/^_+|_+$/g, "").toLowerCase();

/** The parts of `weight_ih_l0` or `RNNParams`. @param {string} name */
export const partsOf = (name) =>
  (name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[a-z]*\d+/g) ?? [])
    .map((part) => part.toLowerCase()).filter((part) => part.length > 1);

/** @param {string} word */
const isNumber = (word) => /^\d/.test(word) && !/^\dd$/.test(word);

/**
 * The words of a text: names whole and also their parts, unless the whole is known.
 * @param {string} text @param {(name: string) => boolean} isKnown
 */
export const wordsOf = (text, isKnown = () => false) =>
  namesIn(text.replace(/\b(\d)-?D\b/gi, "$1d").replace(/['’]/g, "")) // 3-D, 3D and 3d are one
    .flatMap((name) => {
      const [whole, parts] = [plain(name), partsOf(name)];
      return parts.length > 1 && !isKnown(whole) ? [whole, ...parts] : [whole];
    })
    .filter((word) => word && !STOP.has(word) && !isNumber(word));

export const OPTIONS = {
  idField: "number",
  fields: ["title", "words", "code", "links", "page", "asked"],
  tokenize: (/** @type {string} */ text) => wordsOf(text),
  processTerm: stem,
};
export { MiniSearch };

/** @type {Map<string, string[]>} A stem, and the stems of what people also call it. */
export const RELATED = new Map();
for (const line of lists.related) {
  const sides = line.split(":").map((side) => side.trim().split(" ").map(stem));
  for (const typed of sides[0]) {
    const meant = (sides[1] ?? sides[0]).filter((other) => other !== typed);
    RELATED.set(typed, [...RELATED.get(typed) ?? [], ...meant]);
  }
}
