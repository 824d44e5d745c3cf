"use strict";

/*
 * Which questions the reader has solved. Only this browser knows it, and only as long as it may.
 * After stored-entry.js.
 *
 *   charseqSolved.all()              {id: {solved, misses, last}}
 *   charseqSolved.note(id, right)    the reader has answered
 *   charseqSolved.forget()
 *   charseqSolved.listen(changed)    now, and after each change, also one in another tab
 *
 * An id is a page and a question on it: "learn/gru#exercise-2". `last` counts answers, so that a
 * larger one is later.
 */

/** @typedef {{solved: boolean, misses: number, last: number}} Kept */
/** @typedef {Record<string, Kept>} AllKept */

const charseqSolved = (() => {
  /** @type {((kept: AllKept) => void)[]} */
  const listeners = [];
  /** Where storage is denied, this page remembers until it is left. @type {AllKept} */
  let here = {};

  const entry = charseqStored("charseq-exercises", (parsed) => {
    /** @type {AllKept} */
    const found = Object.create(null);
    for (const [id, kept] of Object.entries(parsed ?? {})) {
      const { solved, misses, last } = Object(kept);
      if (typeof solved !== "boolean" || ![misses, last].every(Number.isSafeInteger)) continue;
      if (/^[\w/-]+#[\w.-]+$/.test(id)) found[id] = { solved, misses, last };
    }
    return found;
  });
  const all = () => entry.read() ?? here;
  const tell = () => listeners.forEach((changed) => changed(all()));
  /** @param {AllKept} kept */
  const write = (kept) => {
    here = kept;
    entry.write(Object.keys(kept).length ? kept : null);
    tell();
  };

  /** @param {string} id @param {boolean} right */
  const note = (id, right) => {
    const kept = all();
    const { solved, misses } = kept[id] ?? { solved: false, misses: 0 };
    const last = Math.max(0, ...Object.values(kept).map((one) => one.last)) + 1;
    // A slip after the right answer is no miss: whoever tries what happens shall not be punished.
    kept[id] = { solved: solved || right, misses: misses + Number(!right && !solved), last };
    write(kept);
  };
  const forget = () => write({});
  /** @param {(kept: AllKept) => void} changed */
  const listen = (changed) => {
    listeners.push(changed);
    changed(all());
  };
  entry.listen(tell);

  return { all, note, forget, listen };
})();
