// The search itself, which knows nothing of the page: which sections answer what was typed, and
// which words of a text to show. MiniSearch says how well a section matches a word (BM25). Here is
// what the word may mean besides, and what else makes a section the better answer. All factors were
// chosen with the phrases of tests/site/searches.toml.
import {
  clean,
  FAINT,
  MiniSearch,
  namesIn,
  OPTIONS,
  partsOf,
  plain,
  RELATED,
  stem,
  wordsOf,
} from "./terms.js";

/**
 * What make-index.js and docs/_ext/delivery/search_index.py write. `answers` says which sections a
 * question leads to, `names` what the menu calls a chapter; of each term, `terms.index` has the fields and the sections, as steps.
 * @typedef {{pages: [string, [string, string][]][], answers: Record<string, number[]>,
 *   names?: Record<string, string>,
 *   terms: {index: [string, [number, number[]][]][]} & Record<string, any>}} PackedIndex
 */
/**
 * @typedef {{page: string, id: string, title: string, pageTitle: string, first: boolean,
 *   at: number, name: string}} Section `at` is its number among the sections of its page, and
 *   `name` of the first what the menu calls it
 * @typedef {{sections: Section[], answers: Map<number, number[]>, mini: MiniSearch}} SearchIndex
 * @typedef {{section: Section, terms: Map<string, number>, more: Section[],
 *   score: number, trust: number}} Hit `terms`: what it
 *   has of what is meant, and how much each counts; `more`: other sections of its page that answer;
 *   `trust`: how much of all that was typed it has, see answerIn
 * @typedef {{number: number, score: number, covered: number, terms: Map<string, number>, trust?: number}} Found
 */

const MOST_WORDS = 60; // of what is pasted, the last ones: a message ends a traceback
const MOST_FOUND = 200; // sections, whose titles are compared with what was typed
const BOOST = { title: 4, words: 1, code: 0.3, links: 0.3, page: 0.8, asked: 0.8 };
const EXACTLY = {
  boost: BOOST,
  tokenize: (/** @type {string} */ term) => [term],
  processTerm: (/** @type {string} */ term) => term,
};
const LEVEL = 3; // how soon a better match stops to count: a word in a title is not all
// How surely another word is meant: one with a slip, one that begins so, a related one, and a
// related one of a word that no section has.
const [SLIPPED, BEGUN, AKIN, INSTEAD] = [0.8, 0.9, 0.4, 0.7];
const NAMED = 4; // a chapter, by its name in the menu
const LITTLE = 0.3; // what a faint word counts
// Of 328 phrases that have a page, 16 are taken for guesses; of 84 on other subjects, 73 are.
const [ENOUGH, LIKELY, SURE, AHEAD] = [20, 0.65, 3, 1.2];
// Chapters and the glossary explain, lists of exercises only lead to them, and three pages tell how the site is made.
const KINDS = {
  learn: 1.1,
  glossary: 1.2,
  fix: 0.9,
  api: 0.9,
  exercises: 0.7,
  architecture: 0.7,
  changelog: 0.7,
  proof: 0.7,
};

/** @param {PackedIndex} packed @returns {SearchIndex} */
export function openIndex({ pages, answers, terms, names = {} }) {
  const sections = pages.flatMap(([page, entries]) =>
    entries.map(([id, title], at) => (
      { page, id, title, pageTitle: entries[0][1], first: !at, at, name: at ? "" : names[page] }
    ))
  );
  const index = terms.index.map(([term, fields]) => [
    term,
    Object.fromEntries(fields.map(([field, steps]) => [field, countsOf(steps)])),
  ]);
  const documentIds = Object.fromEntries(sections.keys().map((number) => [number, number]));
  const made = /** @type {import("minisearch").AsPlainObject} */ (
    /** @type {unknown} */ ({ ...terms, index, documentIds })
  );
  return {
    sections,
    answers: new Map(Object.entries(answers).map(([asked, to]) => [Number(asked), to])),
    mini: MiniSearch.loadJS(made, OPTIONS),
  };
}

/** Which sections have a term, and how often: see make-index.js. @param {number[]} steps */
function countsOf(steps) {
  /** @type {Record<number, number>} */
  const counts = {};
  let number = -1;
  for (const step of steps) {
    if (step < 0) counts[number] = -step;
    else counts[number += step] = 1;
  }
  return counts;
}

/**
 * The sections that have a word, or what else it may mean: how well each matches, by which terms,
 * and how surely they are meant. And how many have it.
 * @param {MiniSearch} mini @param {string} word @param {boolean} unfinished
 */
function matchesOf(mini, word, unfinished) {
  /** @type {Map<number, {level: number, sureness: number, terms: string[]}>} */
  const matches = new Map();
  /** @param {string} term @param {number} sureness @param {object} options */
  const look = (term, sureness, options = {}) => {
    for (const { id, score, terms } of mini.search(term, { ...EXACTLY, ...options })) {
      const level = score * sureness;
      if (level > (matches.get(id)?.level ?? 0)) matches.set(id, { level, sureness, terms });
    }
  };
  const term = stem(word);
  look(term, 1);
  const known = matches.size > 0;
  if (!known) {
    const weights = { fuzzy: SLIPPED, prefix: BEGUN };
    look(term, 1, { prefix: unfinished, fuzzy: word.length > 3 ? 1 : false, weights });
  }
  for (let at = 1; word.length > 3 && !matches.size && at < word.length; at++) {
    const swapped = word.slice(0, at - 1) + word[at] + word[at - 1] + word.slice(at + 1);
    look(stem(swapped), SLIPPED, { prefix: unfinished });
  }
  const count = matches.size;
  for (const other of RELATED.get(term) ?? []) look(other, known ? AKIN : INSTEAD);
  return { matches, count: count || matches.size };
}

/**
 * The sections that have words of a query, each with a sum over these words.
 * @param {SearchIndex} index @param {string} query
 */
function scoresOf({ mini, sections }, query) {
  const isKnown = (/** @type {string} */ name) => mini.search(stem(name), EXACTLY).length > 0;
  const words = [...new Set(wordsOf(query, isKnown))].slice(-MOST_WORDS);
  /** @type {Map<number, Found>} */
  const found = new Map();
  let [all, unknown] = [0, 0];
  /** @param {number} count of sections that have a word */
  const rarityOf = (count) => Math.log(1 + (sections.length - count + 0.5) / (count + 0.5));
  words.forEach((word, at) => {
    const unfinished = at === words.length - 1 && /[\p{L}\p{N}]$/u.test(query);
    const { matches, count } = matchesOf(mini, word, unfinished);
    if (!count) {
      if (!FAINT.has(word)) unknown += rarityOf(1);
      return;
    }
    const weight = (FAINT.has(word) ? LITTLE : 1) * rarityOf(count);
    all += weight;
    for (const [number, { level, sureness, terms }] of matches) {
      const hit = found.get(number) ?? { number, score: 0, covered: 0, terms: new Map() };
      found.set(number, hit);
      hit.score += weight * level / (level + LEVEL * weight);
      hit.covered += weight * sureness;
      for (const term of terms) {
        hit.terms.set(term, Math.max(hit.terms.get(term) ?? 0, weight * sureness));
      }
    }
  });
  for (const hit of found.values()) {
    const fit = words.length > 1 ? hit.score / Math.min(ENOUGH, all + unknown) : 1;
    hit.score *= 0.3 + hit.covered / all;
    hit.trust = fit ** 2.5;
  }
  return [...found.values()].sort(byScore).slice(0, MOST_FOUND);
}

/** @param {Found} a @param {Found} b */
const byScore = (a, b) => b.score - a.score || a.number - b.number;

/** The words in a row, with spaces around each. @param {string} text */
const inARow = (text) => ` ${namesIn(clean(text)).map(plain).join(" ")} `;

/** @param {string} row */
const withoutNumbers = (row) => row.replace(/ \d\w*(?= )/g, " 0");

/**
 * Say how far titles and a query are the same words in a row, as a message and its page are.
 * @param {string} query
 */
function samenessWith(query) {
  const FEWEST = 3; // words
  const message = query.replace(/^.*?\b\w+(?:Error|Warning|Exception): /, "");
  const [typed, whole] = [message, query].map(inARow);
  const roughly = withoutNumbers(whole);
  /** @param {string} title */
  return (title) => {
    const row = inARow(title);
    if (row === typed) return 2;
    if (Math.min(row.split(" ").length, typed.split(" ").length) - 2 < FEWEST) return 1;
    if (row.includes(typed) || typed.includes(row)) return 1.5;
    return roughly.includes(withoutNumbers(row)) ? 1.3 : 1;
  };
}

/**
 * The pages that answer a query, the best first, each by its best section. With `only`, pages of
 * such names; with `questionsApart`, each question counts as a page.
 * @param {SearchIndex} index @param {string} query
 * @param {{most?: number, only?: RegExp, questionsApart?: boolean}} options
 * @returns {Hit[]}
 */
export function findSections(index, query, { most = 15, only = /^/, questionsApart = false } = {}) {
  const { sections, answers } = index;
  const found = scoresOf(index, clean(query));
  const sameness = samenessWith(clean(query));
  const typed = inARow(query);
  for (const hit of found) {
    const { page, id, title, first, name } = sections[hit.number];
    const wanted = [...new Set(wordsOf(title).map(stem))];
    const there = wanted.filter((term) => hit.terms.has(term)).length;
    const kind = /** @type {keyof typeof KINDS} */ (page.split("/")[0]);
    hit.score *= (KINDS[kind] ?? 1) * (1 + 0.2 * there / Math.max(1, wanted.length));
    if (name && inARow(name) === typed) hit.score *= NAMED;
    hit.score *= sameness(title) * (first ? 1.1 : 1) * (/^exercise-/.test(id) ? 0.6 : 1);
  }
  // A question in its own words leads to the sections that answer it.
  const hits = new Map(found.map((hit) => [hit.number, hit]));
  const led = new Map();
  for (const { number, score } of found) {
    for (const to of answers.get(number) ?? []) led.set(to, Math.max(led.get(to) ?? 0, score));
  }
  for (const [number, score] of led) {
    const hit = hits.get(number) ?? { number, score: 0, covered: 0, terms: new Map() };
    hit.score += 0.3 * score;
    hits.set(number, hit);
  }
  /** @type {Map<string, Found[]>} */
  const pages = new Map();
  for (const hit of [...hits.values()].sort(byScore)) {
    const { page, id } = sections[hit.number];
    const name = questionsApart && page.startsWith("questions/") ? `${page}#${id}` : page;
    if (only.test(page)) pages.set(name, [...pages.get(name) ?? [], hit]);
  }
  for (const [page, [best, ...more]] of pages) {
    if (page.startsWith("questions/")) continue; // its sections have nothing to do with each other
    for (const { score } of more.slice(0, 3)) best.score += 0.1 * score;
  }
  const ranked = [...pages.values()].sort(([a], [b]) => byScore(a, b));
  return ranked.filter(([{ score }]) => score >= 0.15 * ranked[0][0].score).slice(0, most)
    .map(([{ number, terms, score, trust = 0 }, ...more]) => (
      {
        section: sections[number],
        terms,
        more: more.map((other) => sections[other.number]),
        score,
        trust: score * trust,
      }
    ));
}

export const GUESSES = "No page seems to have this. These are guesses:";

/**
 * Say whether the first hit is the answer, or one of several, or all are guesses. Words that no page
 * has count against them.
 * @param {{score: number, trust: number}[]} hits @returns {"one" | "several" | "guesses"}
 */
export function answerIn([best, ...others]) {
  const most = Math.max(best?.trust ?? 0, ...others.slice(0, 2).map(({ trust }) => trust));
  if (most < LIKELY) return "guesses";
  return best.trust > SURE && best.score > AHEAD * (others[0]?.score ?? 0) ? "one" : "several";
}

/** What a page says after "In short". @param {string[]} texts of its sections */
export const inShort = (texts) => {
  const [, short] = texts.join(" ").match(/In short: (.*?[.?!])(?= [A-Z]|$)/) ?? [];
  return short && short[0].toUpperCase() + short.slice(1);
};

/**
 * The words of a text that are meant: where each begins, the word, and how much it counts.
 * @param {Map<string, number>} terms @param {string} text
 */
function wordsFound(terms, text) {
  /** @param {string} word */
  const weigh = (word) => terms.get(stem(word)) ?? 0;
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
 * The words around the hit, as pieces: every second one is marked.
 * @param {Map<string, number>} terms as a hit has them @param {string} text
 */
export function excerpt(terms, text, fromStart = false) {
  const length = 170;
  const found = wordsFound(terms, text);
  const first = densest(found, length);
  const from = found.length && !fromStart ? found[first].start : 0;
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
  return pieces;
}
