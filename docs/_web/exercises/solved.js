// Which questions the reader has solved. Only this browser knows it, and only as long as it may.
// An id is a page and a question on it: "learn/gru#exercise-2". `last` counts answers, so that a
// larger one is later.
import { storedEntry } from "../ui/storage.js";

/** @typedef {{solved: boolean, misses: number, last: number}} Kept */
/** @typedef {Record<string, Kept>} AllKept */

/** @type {((kept: AllKept) => void)[]} */
const listeners = [];
/** Where storage is denied, this page remembers until it is left. @type {AllKept} */
let here = {};

const entry = storedEntry("charseq-exercises", (parsed) => {
  /** @type {AllKept} */
  const found = Object.create(null);
  for (const [id, kept] of Object.entries(parsed ?? {})) {
    const { solved, misses, last } = Object(kept);
    if (typeof solved !== "boolean" || ![misses, last].every(Number.isSafeInteger)) continue;
    if (/^[\w/-]+#[\w.-]+$/.test(id)) found[id] = { solved, misses, last };
  }
  return found;
});
/** What is kept, by id. */
export const allSolved = () => entry.read() ?? here;
const tell = () => listeners.forEach((changed) => changed(allSolved()));
/** @param {AllKept} kept */
const write = (kept) => {
  here = kept;
  entry.write(Object.keys(kept).length ? kept : null);
  tell();
};

/** The reader has answered. @param {string} id @param {boolean} right */
export const noteAnswer = (id, right) => {
  const kept = allSolved();
  const { solved, misses } = kept[id] ?? { solved: false, misses: 0 };
  const last = Math.max(0, ...Object.values(kept).map((one) => one.last)) + 1;
  // A slip after the right answer is no miss: whoever tries what happens shall not be punished.
  kept[id] = { solved: solved || right, misses: misses + Number(!right && !solved), last };
  write(kept);
};
export const forgetSolved = () => write({});
/** Now, and after each change, also one in another tab. @param {(kept: AllKept) => void} changed */
export const onSolved = (changed) => {
  listeners.push(changed);
  changed(allSolved());
};
entry.listen(tell);
