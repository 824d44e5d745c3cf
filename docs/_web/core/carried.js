// What the part `carried` shows: what each letter costs if the state before it was forgotten.

/** @typedef {{name: string, text: string, costs: number[][]}} Sentence costs in thousandths of a bit; in row k the
 *   state is forgotten before letter k is read, in row 0 never */

/**
 * The bits of each letter. @param {Sentence} sentence
 * @param {number} cut forgotten before this letter is read; 0: never; -1: before every letter
 */
export const bitsOf = ({ costs }, cut) =>
  costs.map((_, t) => (cut < 0 ? costs[Math.max(0, t - 1)][t] : costs[cut][t]) / 1000);

/** @param {number[]} bits */
export const mean = (bits) => bits.reduce((sum, x) => sum + x, 0) / bits.length;

/**
 * How the letters differ from those of a network that forgets nothing: by how many bits in all, and
 * which letter from `from` on costs most more; -1 if none costs a whole bit more.
 * @param {number[]} kept @param {number[]} lost @param {number} from
 */
export const losses = (kept, lost, from) => {
  const more = lost.map((x, t) => x - kept[t]);
  const later = more.slice(from);
  const most = Math.max(...later);
  return {
    total: more.reduce((sum, x) => sum + x, 0),
    worst: most < 1 ? -1 : from + later.indexOf(most),
  };
};

/** Where the word that is at t ends, or the next one. @param {string} text @param {number} t */
export const wordEnd = (text, t) => {
  const end = text.slice(t + 1).search(/[^A-Za-z]/);
  return end < 0 ? text.length : t + 1 + end;
};

/** @type {Record<string, string>} */
const MARKS = { ",": "the comma", ";": "the semicolon", ".": "the period" };

/** So that a reader finds it: “the “d” of “kind””. @param {string} text @param {number} t */
export const nameOf = (text, t) => {
  const char = text[t];
  const [before] = /[A-Za-z]*$/.exec(text.slice(0, t)) ?? [""];
  if (/[A-Za-z]/.test(char)) {
    return `the “${char}” of “${before}${text.slice(t, wordEnd(text, t))}”`;
  }
  if (char === '"') return `the ${t ? "closing" : "opening"} quotation mark`;
  if (char === " ") {
    const word = text.slice(0, t).split(" ").at(-1)?.replace(/"/g, "");
    return `the space after “${word}”`;
  }
  return MARKS[char] ?? `the “${char}”`;
};
