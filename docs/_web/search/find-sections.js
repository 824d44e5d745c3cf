// The search itself, which knows nothing of the page: which sections answer what was typed, and
// which words of a text to show. docs/_ext/delivery/search_index.py makes the index.
//
// A section's score is a sum over the words that were typed. Each counts by how rare it is, and by
// how much the section is about it. This is BM25, whose second factor the build has computed.

/**
 * A line of `words` is a group: words with one stem. `counts` says in how many sections each group
 * occurs, `places` has these sections, as packed differences, and `levels` how much each section is
 * about the group, from 1 to 31. In each pair of `related`, the groups of the first list also find
 * those of the second. Words that are `faint` say little.
 * @typedef {{pages: [string, [string, string][]][], alphabet: string, stop: string, faint: string,
 *   words: string, related: [number[], number[]][],
 *   counts: number[], places: string, levels: string}} PackedIndex
 */
/**
 * @typedef {{page: string, id: string, title: string, pageTitle: string, first: boolean,
 *   at: number}} Section `at` is its number among the sections of its page
 * @typedef {{sections: Section[], stop: Set<string>, faint: Set<string>, groupOf: Map<string, number>, words: string[],
 *   related: Map<number, number[]>, titles: number[][], starts: number[], places: Uint16Array, levels: Uint8Array}} SearchIndex
 * @typedef {{groups: Map<number, number>, weight: number}} Term what a typed word may mean, each
 *   with how sure this is, and how much the word counts
 * @typedef {{section: Section, score: number}} Hit
 */

const MOST_LEVELS = 31;
const MOST_TERMS = 60; // of what is pasted, the last ones: a message ends a traceback
// How surely a typed word means one of the index.
const [SAME, BEGUN, SLIPPED, RELATED, AKIN, LONGER] = [1, 0.9, 0.7, 0.6, 0.4, 0.2];
// Chapters explain, lists of exercises only lead to them, a question is answered by sections, and
// three pages tell how the site is made.
const KINDS = {
  learn: 1.1,
  questions: 0.95,
  api: 0.9,
  exercises: 0.7,
  architecture: 0.7,
  changelog: 0.7,
  proof: 0.7,
};

/** @param {PackedIndex} packed @returns {SearchIndex} */
export function unpack(packed) {
  /** @type {Section[]} */
  const sections = packed.pages.flatMap(([page, entries]) =>
    entries.map(([id, title], at) => (
      { page, id, title, pageTitle: entries[0][1], first: at === 0, at }
    ))
  );
  const { alphabet, counts } = packed;
  const digits = new Uint8Array(128);
  [...alphabet].forEach((char, value) => digits[char.charCodeAt(0)] = value);
  /** @param {string} text @param {number} at */
  const digit = (text, at) => digits[text.charCodeAt(at)];
  const places = new Uint16Array(packed.levels.length);
  const levels = new Uint8Array(packed.levels.length);
  const starts = [0];
  let read = 0;
  let entry = 0;
  for (const count of counts) {
    let place = -1;
    for (const end = entry + count; entry < end; entry++) {
      let step = digit(packed.places, read++);
      if (step === 0) { // a larger one takes two more digits
        step = digit(packed.places, read) * alphabet.length + digit(packed.places, read + 1);
        read += 2;
      }
      place += step;
      places[entry] = place;
      levels[entry] = digit(packed.levels, entry);
    }
    starts.push(entry);
  }
  /** @type {Map<string, number>} */
  const groupOf = new Map();
  packed.words.split("\n").forEach((line, group) => {
    for (const word of line.split(" ")) groupOf.set(word, group);
  });
  const titles = sections.map(({ title }) =>
    namesIn(clean(title)).flatMap((name) => groupOf.get(plain(name)) ?? [])
  );
  /** @type {Map<number, number[]>} */
  const related = new Map();
  for (const [typed, meant] of packed.related) {
    for (const group of typed) {
      related.set(group, [...related.get(group) ?? [], ...meant.filter((x) => x !== group)]);
    }
  }
  const words = [...groupOf.keys()].sort();
  const [stop, faint] = [packed.stop, packed.faint].map((list) => new Set(list.split(" ")));
  return { sections, related, stop, faint, groupOf, words, titles, starts, places, levels };
}

/**
 * Leave out what surrounds the message of a pasted traceback, and what LaTeX adds to a symbol.
 * @param {string} query
 */
const clean = (query) =>
  query
    .replace(/^.*(?:Traceback|File ").*?(?=\b\w+(?:Error|Warning|Exception): [^"]*$)/s, "")
    .replace(/Traceback \(most recent call last\):?|File "[^"]*", line \d+(, in \S+)?/g, " ")
    .replace(/\b(https?:\/\/|[A-Za-z]:\\|[~.]*\/)\S+|0x[0-9a-f]+/g, " ")
    .replace(/[{}\\$]/g, "")
    .replace(/\b(\d)-?D\b/gi, "$1d") // 3-D, 3D and 3d are one word
    .replace(/['’]/g, "");

/** @param {string} text */
const namesIn = (text) => text.match(/[\p{L}\p{N}_]+/gu) ?? [];

/** @param {string} name */
const plain = (name) => name.replace(/^_+|_+$/g, "").toLowerCase();

/** The parts of `weight_ih_l0` or `RNNParams`. @param {string} name */
const partsOf = (name) =>
  (name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[a-z]*\d+/g) ?? [])
    .map((part) => part.toLowerCase()).filter((part) => part.length > 1);

/** @param {string} name */
const isNumber = (name) => /^\d/.test(name) && !/^\dd$/i.test(name);

/**
 * Say whether two words differ by one letter: another one, one more, one less, or two swapped.
 * @param {string} a @param {string} b
 */
function isOneSlipApart(a, b) {
  if (Math.abs(a.length - b.length) > 1) return false;
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  while (start < shorter && a[start] === b[start]) start++;
  let end = 0;
  while (end < shorter - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const left = a.slice(start, a.length - end);
  const right = b.slice(start, b.length - end);
  if (left.length < 2 && right.length < 2) return true;
  return left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0];
}

/** @param {SearchIndex} index @param {string} start */
function wordsThatBegin({ words }, start) {
  let low = 0;
  let high = words.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (words[middle] < start) low = middle + 1;
    else high = middle;
  }
  while (high < words.length && words[high].startsWith(start)) high++;
  return words.slice(low, high);
}

/**
 * Groups of words that a typed word may mean, and how surely.
 * @param {SearchIndex} index @param {string} word @param {boolean} unfinished
 */
function groupsOf(index, word, unfinished) {
  /** @type {Map<number, number>} */
  const groups = new Map();
  /** @param {string} known @param {number} sureness */
  const add = (known, sureness) => {
    const group = /** @type {number} */ (index.groupOf.get(known));
    groups.set(group, Math.max(sureness, groups.get(group) ?? 0));
  };
  if (index.groupOf.has(word)) add(word, SAME);
  if (unfinished) {
    const sureness = groups.size ? LONGER : BEGUN;
    for (const longer of wordsThatBegin(index, word)) add(longer, sureness);
  }
  const stem = word.replace(/(ing|ed|es|s|ly|er|ions?|able)$/, "");
  if (!groups.has(index.groupOf.get(word) ?? -1) && stem.length >= 3) {
    for (const form of [stem, `${stem}e`]) if (index.groupOf.has(form)) add(form, BEGUN);
  }
  const meant = [...groups].filter(([, sureness]) => sureness >= BEGUN);
  if (meant.length < 4) {
    for (const [group] of meant) {
      // The site has no such word, or says it otherwise.
      const sureness = countOf(index, group) ? AKIN : BEGUN;
      for (const other of index.related.get(group) ?? []) {
        groups.set(other, Math.max(sureness, groups.get(other) ?? 0));
      }
    }
  }
  if (groups.size || word.length < 4) return groups;
  for (const known of index.words) {
    if (isOneSlipApart(word, known)) add(known, SLIPPED);
    if (!unfinished || known.length <= word.length) continue;
    const begins = [word.length, word.length + 1].map((length) => known.slice(0, length));
    if (begins.some((begin) => isOneSlipApart(word, begin))) add(known, RELATED);
  }
  if (groups.size) return groups;
  if (stem.length >= 4) { for (const known of wordsThatBegin(index, stem)) add(known, RELATED); }
  return groups;
}

/** @param {SearchIndex} index @param {number} count in how many sections a word is */
const rarity = (index, count) =>
  Math.log(1 + (index.sections.length - count + 0.5) / (count + 0.5));

/** @param {SearchIndex} index @param {number} group */
const countOf = (index, group) => index.starts[group + 1] - index.starts[group];

let last = { query: "", terms: /** @type {Term[]} */ ([]) };
/**
 * The same for the results and for each of their texts, so the last ones are kept.
 * @param {SearchIndex} index @param {string} query
 */
function termsOf(index, query) {
  if (query !== last.query) last = { query, terms: newTerms(index, query) };
  return last.terms;
}

/** @param {SearchIndex} index @param {string} query @returns {Term[]} */
function newTerms(index, query) {
  const typed = clean(query);
  const names = namesIn(typed);
  /** @type {Map<string, boolean>} */
  const words = new Map(); // and whether each may go on
  names.forEach((name, number) => {
    const whole = plain(name);
    const unfinished = number === names.length - 1 && typed.endsWith(name);
    const parts = partsOf(name);
    if (
      parts.length > 1 && !index.groupOf.has(whole) &&
      !(unfinished && wordsThatBegin(index, whole)[0])
    ) {
      for (const part of parts) words.set(part, false);
    } else if (whole) words.set(whole, unfinished || words.get(whole) === true);
  });
  /** @type {Term[]} */
  const terms = [];
  for (const [word, unfinished] of [...words].slice(-MOST_TERMS)) {
    if (index.stop.has(word) && !(unfinished && words.size === 1)) continue;
    const groups = groupsOf(index, word, unfinished);
    if (isNumber(word) && !groups.size) continue;
    let count = 0;
    for (const [group, sureness] of groups) {
      if (sureness > LONGER) count += countOf(index, group);
    }
    const weight = rarity(index, Math.min(count, index.sections.length));
    const little = isNumber(word) || index.faint.has(word);
    terms.push({ groups, weight: little ? 0.3 * weight : weight });
  }
  return terms;
}

/** @param {Term[]} terms @returns {Map<number, number>} the groups that are likely meant */
function wantedGroups(terms) {
  /** @type {Map<number, number>} */
  const wanted = new Map();
  for (const { groups, weight } of terms) {
    for (const [group, sureness] of groups) {
      if (sureness > LONGER) wanted.set(group, weight * sureness);
    }
  }
  return wanted;
}

/** @param {SearchIndex} index @param {Term[]} terms @returns {{number: number, score: number}[]} */
function scoresOf(index, terms) {
  const total = index.sections.length;
  const [scores, covered, best] = [0, 1, 2].map(() => new Float64Array(total));
  let all = 0;
  for (const { groups, weight } of terms) {
    all += weight;
    best.fill(0);
    for (const [group, sureness] of groups) {
      for (let at = index.starts[group]; at < index.starts[group + 1]; at++) {
        const level = sureness * index.levels[at] / MOST_LEVELS;
        if (level > best[index.places[at]]) best[index.places[at]] = level;
      }
    }
    for (let number = 0; number < total; number++) {
      scores[number] += weight * best[number];
      covered[number] += weight * Math.min(1, best[number] * 3);
    }
  }
  /** @type {{number: number, score: number}[]} */
  const found = [];
  scores.forEach((score, number) => {
    if (score > 0) found.push({ number, score: score * (0.3 + covered[number] / all) });
  });
  return found;
}

/**
 * The words in a row, with spaces around each. Where numbers may differ, each is a 0.
 * @param {string} text @param {boolean} anyNumbers
 */
const inARow = (text, anyNumbers) => {
  const words = namesIn(clean(text)).map((name) =>
    anyNumbers && isNumber(name) ? "0" : plain(name)
  );
  return ` ${words.join(" ")} `;
};

/**
 * Say how far a title and a query are the same words in a row, as a message and its page are.
 * @param {string} title @param {string} query
 */
function sameness(title, query) {
  const FEWEST = 3; // words
  const message = clean(query).replace(/^.*?\b\w+(?:Error|Warning|Exception): /, "");
  const [exact, typed] = [inARow(title, false), inARow(message, false)];
  const length = Math.min(exact.split(" ").length, typed.split(" ").length) - 2;
  if (length < FEWEST) return 1;
  if (exact.includes(typed) || typed.includes(exact)) return 1.5;
  return inARow(query, true).includes(inARow(title, true)) ? 1.3 : 1;
}

/**
 * The sections that answer a query, the best first.
 * @param {SearchIndex} index @param {string} query @param {number} most @returns {Hit[]}
 */
export function search(index, query, most) {
  const terms = termsOf(index, query);
  const wanted = wantedGroups(terms);
  /** @param {{number: number, score: number}} a @param {{number: number, score: number}} b */
  const byScore = (a, b) => b.score - a.score || a.number - b.number;
  const found = scoresOf(index, terms).sort(byScore).slice(0, 100);
  for (const hit of found) {
    const section = index.sections[hit.number];
    let [all, asked] = [0, 0];
    for (const group of index.titles[hit.number]) {
      const weight = rarity(index, countOf(index, group));
      all += weight;
      if (wanted.has(group)) asked += weight;
    }
    if (all) hit.score *= 1 + 0.4 * asked / all;
    hit.score *= sameness(section.title, query);
    if (section.first) hit.score *= 1.1;
    const kind = /** @type {keyof typeof KINDS} */ (section.page.split("/")[0]);
    hit.score *= KINDS[kind] ?? 1;
  }
  found.sort(byScore);
  /** @type {Map<string, number>} */
  const seen = new Map(); // a page's second section makes room for another page
  for (const hit of found) {
    const { page } = index.sections[hit.number];
    const key = page.startsWith("questions/") ? "questions" : page;
    hit.score *= 0.9 ** (seen.get(key) ?? 0);
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  found.sort(byScore);
  const worst = 0.25 * (found[0]?.score ?? 0);
  return found.filter(({ score }) => score >= worst).slice(0, most)
    .map(({ number, score }) => ({ section: index.sections[number], score }));
}

/**
 * The words of a text that a query means: where each begins, the word, and how much it counts.
 * @param {SearchIndex} index @param {string} query @param {string} text
 */
function wordsFound(index, query, text) {
  const wanted = wantedGroups(termsOf(index, query));
  /** @param {string} word */
  const weigh = (word) => isNumber(word) ? 0 : wanted.get(index.groupOf.get(word) ?? -1) ?? 0;
  return [...text.matchAll(/[\p{L}\p{N}_]+/gu)].flatMap(({ 0: word, index: start }) => {
    const whole = plain(word);
    const parts = partsOf(word);
    const weight = Math.max(weigh(whole), parts.length > 1 ? Math.max(...parts.map(weigh)) : 0);
    return weight ? [{ start, word, key: whole, weight }] : [];
  });
}

/**
 * Where the words stand closest together, and count most.
 * @param {{start: number, key: string, weight: number}[]} found @param {number} length
 */
function densest(found, length) {
  let [best, most] = [0, 0];
  found.forEach(({ start }, first) => {
    /** @type {Map<string, number>} */
    const here = new Map();
    for (let at = first; at < found.length && found[at].start < start + length; at++) {
      here.set(found[at].key, found[at].weight);
    }
    const sum = [...here.values()].reduce((total, weight) => total + weight, 0);
    if (sum > most * 1.001) [best, most] = [first, sum];
  });
  return best;
}

/**
 * The words around the hit, as pieces: every second one is marked. And all words to mark, those
 * that count most first.
 * @param {SearchIndex} index @param {string} query @param {string} text
 */
export function excerpt(index, query, text, length = 170) {
  const found = wordsFound(index, query, text);
  const first = densest(found, length);
  const from = found.length ? found[first].start : 0;
  const start = from < 60 ? 0 : text.lastIndexOf(" ", from - 30) + 1;
  const space = text.indexOf(" ", start + length);
  const end = space < 0 ? text.length : space;
  const pieces = [start > 0 ? "… " : ""];
  let at = start;
  for (const { start: begin, word } of found) {
    if (begin < at || begin + word.length > end) continue;
    pieces[pieces.length - 1] += text.slice(at, begin);
    pieces.push(word, "");
    at = begin + word.length;
  }
  pieces[pieces.length - 1] += text.slice(at, end) + (end < text.length ? " …" : "");
  const heaviest = [...found].sort((a, b) => b.weight - a.weight);
  return { pieces, words: [...new Set(heaviest.map(({ key }) => key))] };
}
