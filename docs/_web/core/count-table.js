// A table of counts: it predicts a character from the few before it, and is what a network has to
// beat. The numbers are those of charseq.NGram: interpolated Kneser-Ney with three discounts.

/**
 * The strings of one length, as charseq.baselines._Table keeps them. A string is one number, V i + k:
 * its last character k, and the index i of the characters before it among the strings of that length.
 * @typedef {object} Level
 * @property {Map<number, number>} strings the index of each
 * @property {Float64Array} own for each: its discounted share of what follows its context
 * @property {Float64Array} rest for each context: the share that goes to the shorter context
 */

/** What is taken off a count of 0, 1, 2, and 3 or more. @param {number[]} counts */
const discounts = (counts) => {
  const n = [1, 1, 1, 1, 1, 1];
  for (const count of counts) n[Math.min(count, 5)]++;
  const scale = n[1] / (n[1] + 2 * n[2]);
  const [D1, D2, D3] = [1, 2, 3].map((i) => i - ((i + 1) * scale * n[i + 1]) / n[i]);
  const between = (/** @type {number} */ D, most = 0) => Math.min(most, Math.max(D1, D));
  return [0, D1, between(D2, 1.5), between(D3, 2)];
};

/**
 * @param {Map<number, number>} strings @param {number[]} counts of each @param {number} V
 * @param {number} contexts how many there can be @returns {Level}
 */
const smooth = (strings, counts, V, contexts) => {
  const D = discounts(counts);
  const own = new Float64Array(counts.length);
  const rest = new Float64Array(contexts);
  const totals = new Float64Array(contexts);
  for (const [string, k] of strings) {
    const context = Math.floor(string / V);
    totals[context] += counts[k];
    rest[context] += D[Math.min(counts[k], 3)];
  }
  for (const [string, k] of strings) {
    own[k] = (counts[k] - D[Math.min(counts[k], 3)]) / totals[Math.floor(string / V)];
  }
  // Nothing follows a context that occurs only at the end of the text, so its rest is 1.
  return { strings, own, rest: rest.map((freed, k) => totals[k] ? freed / totals[k] : 1) };
};

/**
 * Tables of 1, 2, … `most` characters, counted in `train`: the mean surprise of each at `valid`, in
 * bits per character.
 * @param {ArrayLike<number>} train ids @param {ArrayLike<number>} valid @param {number} V
 * @param {number} most
 */
export const tableBits = (train, valid, V, most) => {
  let places = new Int32Array(train.length + 1); // of the string that starts at each position
  let known = new Int32Array(valid.length + 1); // the same in the text that is judged
  /** @type {number[]} The probability of each character there, by the shorter tables. */
  let p = Array(valid.length).fill(1 / V);
  let contexts = 1;
  /** @type {number[]} */
  const bits = [];
  for (let k = 0; k < most && k < train.length; k++) {
    /** @type {Map<number, number>} */
    const strings = new Map();
    /** @type {number[]} How often each occurs. */
    const counts = [];
    /** @type {number[]} How many different strings of one more character end in each. */
    const different = [];
    const next = new Int32Array(train.length - k);
    for (let t = 0; t < next.length; t++) {
      const string = places[t] * V + train[t + k];
      let index = strings.get(string);
      if (index === undefined) strings.set(string, index = counts.push(0) - 1);
      counts[index]++;
      next[t] = index;
    }
    const longer = new Set();
    for (let t = 0; t + 1 < next.length; t++) {
      const whole = next[t] * V + train[t + k + 1];
      if (longer.has(whole)) continue;
      longer.add(whole);
      different[next[t + 1]] = (different[next[t + 1]] ?? 0) + 1;
    }
    /** Let a level judge, after those before it. @param {Level} level */
    const judge = ({ strings, own, rest }) => {
      const found = new Int32Array(valid.length - k);
      const shares = p.slice();
      for (let t = 0; t < found.length; t++) {
        const context = known[t];
        const index = context < 0 ? -1 : strings.get(context * V + valid[t + k]) ?? -1;
        shares[t + k] = (index < 0 ? 0 : own[index]) + (context < 0 ? 1 : rest[context]) * p[t + k];
        found[t] = index;
      }
      return { found, shares };
    };
    // As the longest strings of a table they count as often as they occur, and within a longer
    // table once for each different character before them.
    const { shares } = judge(smooth(strings, counts, V, contexts));
    bits.push(shares.reduce((sum, share) => sum - Math.log2(share), 0) / shares.length);
    const counted = Array.from(counts, (_, k) => different[k] ?? 0);
    const within = judge(smooth(strings, counted, V, contexts));
    [places, known, p, contexts] = [next, within.found, within.shares, counts.length];
  }
  return bits;
};
