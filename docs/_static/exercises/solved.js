"use strict";

/*
 * Which questions the reader has solved. Only this browser knows it, and only as long as it may.
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

const charseqSolved = (() => {
  const KEY = "charseq-exercises";
  const MOST = 1000; // entries, should another page have filled our key
  /** @type {(() => void)[]} */
  const listeners = [];
  /** Where storage is denied, this page remembers until it is left. */
  let text = "{}";

  /** @returns {Record<string, Kept>} what is well-formed of what is stored */
  const all = () => {
    /** @type {Record<string, Kept>} */
    const found = Object.create(null);
    try {
      text = localStorage.getItem(KEY) ?? "{}";
    } catch { /* denied */ }
    try {
      for (const [id, kept] of Object.entries(JSON.parse(text)).slice(0, MOST)) {
        const { solved, misses, last } = Object(kept);
        if (typeof solved !== "boolean" || ![misses, last].every(Number.isSafeInteger)) continue;
        if (/^[\w/-]+#[\w.-]+$/.test(id)) found[id] = { solved, misses, last };
      }
    } catch { /* not ours: it is written anew with the next answer */ }
    return found;
  };
  /** @param {Record<string, Kept>} kept */
  const write = (kept) => {
    text = JSON.stringify(kept);
    try {
      if (Object.keys(kept).length) localStorage.setItem(KEY, text);
      else localStorage.removeItem(KEY);
    } catch { /* denied, or full */ }
    listeners.forEach((changed) => changed());
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
  /** @param {() => void} changed */
  const listen = (changed) => {
    listeners.push(changed);
    changed();
  };
  addEventListener("storage", (event) => {
    if (event.key === KEY || event.key === null) listeners.forEach((changed) => changed());
  });

  return { all, note, forget, listen };
})();
