"use strict";

/*
 * How well a unit tells characters inside brackets, or inside quotes, from those outside. This file
 * does not touch the page.
 *
 *   charseqRanking.inside(chars, kind)            true for each character inside
 *   charseqRanking.score(values, labels)          0.5: as a coin; 1: higher at every one inside;
 *                                                 0: lower at every one inside; NaN without both
 *   charseqRanking.start(states, H, labels)       {advance(milliseconds), list}: best units first
 */

/** @typedef {"brackets" | "quotes"} Kind */
/** @typedef {{unit: number, score: number, agreement: number}} Ranked agreement: 0.5 to 1 */

const charseqRanking = (() => {
  /**
   * What a reader of the text knows after each character. An opening bracket is inside, the closing
   * one is outside. An empty line ends all that was left open.
   * @param {string[]} chars
   * @param {Kind} kind
   */
  const inside = (chars, kind) => {
    let depth = 0;
    return chars.map((char, k) => {
      if (char === "\n" && chars[k - 1] === "\n") depth = 0;
      else if (kind === "quotes") {
        if (char === '"') depth = 1 - depth;
        else if ("“”".includes(char)) depth = Number(char === "“");
      } else if ("([{".includes(char)) depth++;
      else if (")]}".includes(char)) depth = Math.max(0, depth - 1);
      return depth > 0;
    });
  };

  /**
   * The area under the ROC curve: how often the value of a character inside is above that of one
   * outside, over all pairs. Equal ones count half.
   * @param {ArrayLike<number>} values
   * @param {boolean[]} labels
   */
  const score = (values, labels) => {
    const [within, without] = [true, false].map((label) =>
      Float64Array.from(Array.from(values).filter((_, k) => labels[k] === label)).sort()
    );
    let [below, notAbove, wins] = [0, 0, 0];
    for (const value of within) {
      while (without[below] < value) below++;
      while (without[notAbove] <= value) notAbove++;
      wins += (below + notAbove) / 2;
    }
    return wins / (within.length * without.length);
  };

  /**
   * Score all units, in slices of time.
   * @param {Float64Array} states (T + 1, H), as of a reading
   * @param {number} H
   * @param {boolean[]} labels (T,)
   */
  const start = (states, H, labels) => {
    /** @type {Ranked[]} */
    const list = [];
    return {
      list,
      /** @param {number} milliseconds */
      advance(milliseconds) {
        const begun = performance.now();
        while (list.length < H && performance.now() - begun < milliseconds) {
          const unit = list.length;
          const values = Float64Array.from(labels, (_, t) => states[(t + 1) * H + unit]);
          const found = score(values, labels);
          list.push({ unit, score: found, agreement: Math.max(found, 1 - found) });
        }
        if (list.length < H) return false;
        list.sort((a, b) => b.agreement - a.agreement);
        return true;
      },
    };
  };

  return { inside, score, start };
})();
