"use strict";

/*
 * Which challenges the reader has met, in the storage of this browser, so that it survives a reload.
 * Whatever stands there, only keys that are asked for come back. A browser that lets a page keep
 * nothing is no error. This file does not touch the page and needs no other script.
 *
 *   charseqKept.KEY            the one entry: {"version": 1, "met": ["fail"]}
 *   charseqKept.read(known)    those of the known keys that are kept; none if the entry is odd
 *   charseqKept.write(keys)    keep these in place of what is there
 *   charseqKept.forget()
 */

const charseqKept = (() => {
  const KEY = "charseq.challenges";
  const VERSION = 1;
  const LONGEST = 1000; // characters: more is not ours, and is not parsed

  /** Storage may be full, or denied: then even its name throws. @template T @param {() => T} act */
  const attempt = (act) => {
    try {
      return act();
    } catch {
      return undefined;
    }
  };

  /** @param {string[]} known @returns {string[]} */
  const read = (known) =>
    attempt(() => {
      const text = localStorage.getItem(KEY) ?? "";
      if (text.length > LONGEST) return [];
      const { version, met } = JSON.parse(text);
      return version === VERSION && Array.isArray(met)
        ? known.filter((key) => met.includes(key))
        : [];
    }) ?? [];

  /** @param {string[]} met */
  const write = (met) =>
    attempt(() => localStorage.setItem(KEY, JSON.stringify({ version: VERSION, met })));

  const forget = () => attempt(() => localStorage.removeItem(KEY));

  return { KEY, read, write, forget };
})();
