// How well a unit tells characters inside brackets, or inside quotes, from those outside.

/** @typedef {"brackets" | "quotes"} Kind */
/** @typedef {{unit: number, score: number, agreement: number}} Ranked score: the AUC; agreement: the
 *   AUC, or 1 minus it, whichever is larger */

/** How many times the labels are moved, to measure luck. */
export const SHIFTS = 50;

/**
 * What a reader of the text knows after each character. An opening bracket is inside, the closing
 * one is outside. An empty line ends all that was left open.
 * @param {string[]} chars @param {Kind} kind
 */
export const labelInside = (chars, kind) => {
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
 * The pieces of a text that are inside: where each begins, and where it ends.
 * @param {boolean[]} labels
 */
const piecesOf = (labels) => {
  /** @type {[number, number][]} */
  const pieces = [];
  labels.forEach((label, t) => {
    if (label && labels[t - 1]) pieces[pieces.length - 1][1] = t + 1;
    else if (label) pieces.push([t, t + 1]);
  });
  return pieces;
};

/**
 * The ranks of all values, summed up: element t is the sum of the first t ranks. It goes twice
 * through the text, since a piece that is moved may begin near the end. Equal values share a rank.
 * @param {Float64Array} values
 */
const sumRanks = (values) => {
  const T = values.length;
  const sorted = values.slice().sort();
  const ranks = new Float64Array(T); // of the value that stands at this place among the sorted
  for (let k = 0, end = 0; k < T; k = end) {
    while (end < T && sorted[end] === sorted[k]) end++;
    ranks[k] = (k + 1 + end) / 2;
  }
  const sums = new Float64Array(2 * T + 1);
  for (let t = 0; t < T; t++) {
    let [least, most] = [0, T - 1];
    while (least < most) {
      const middle = (least + most) >> 1;
      if (sorted[middle] < values[t]) least = middle + 1;
      else most = middle;
    }
    sums[t + 1] = sums[t] + ranks[least];
  }
  for (let t = 0; t < T; t++) sums[T + t + 1] = sums[T] + sums[t + 1];
  return sums;
};

/**
 * Measure all units, in slices of time. The AUC of a unit is how often its state inside is above
 * its state outside, over all pairs. Equal ones count half.
 * @param {Float64Array} states (T + 1, H), as of a reading
 * @param {number} H @param {boolean[]} labels (T,)
 */
export const startRanking = (states, H, labels) => {
  /** @type {Ranked[]} */
  const list = [];
  const T = labels.length;
  const pieces = piecesOf(labels);
  const within = labels.filter(Boolean).length;
  /** @param {Float64Array} sums @param {number} shift */
  const auc = (sums, shift) => {
    let sum = -within * (within + 1) / 2;
    for (const [from, to] of pieces) sum += sums[to + shift] - sums[from + shift];
    return sum / (within * (T - within));
  };
  const ranking = {
    list,
    luck: 0.5, // the best that any unit reaches with labels that are moved along the text
    pieces: pieces.length,
    counts: [within, T - within],
    /** @param {number} milliseconds */
    advance(milliseconds) {
      const begun = performance.now();
      while (list.length < H && performance.now() - begun < milliseconds) {
        const unit = list.length;
        const sums = sumRanks(Float64Array.from(labels, (_, t) => states[(t + 1) * H + unit]));
        const score = auc(sums, 0);
        list.push({ unit, score, agreement: Math.max(score, 1 - score) });
        for (let k = 0; k < SHIFTS; k++) {
          const moved = auc(sums, Math.round(T * (0.1 + 0.8 * k / (SHIFTS - 1))));
          ranking.luck = Math.max(ranking.luck, moved, 1 - moved);
        }
      }
      if (list.length < H) return false;
      list.sort((a, b) => b.agreement - a.agreement);
      return true;
    },
  };
  return ranking;
};
