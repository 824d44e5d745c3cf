// Makes the index of the search, in the build: docs/_ext/delivery/search_index.py runs it in Deno,
// gives it what the sections say, and publishes what it prints.
import { MiniSearch, namesIn, OPTIONS } from "./terms.js";

/**
 * The sections that have a word, as steps from one to the next, which compress well. A number below
 * zero says how often the section has the word, if not once.
 * @param {Record<string, number>} counts
 */
function stepsOf(counts) {
  let last = -1;
  return Object.entries(counts).flatMap(([number, count]) => {
    const step = Number(number) - last;
    last += step;
    return count === 1 ? [step] : [step, -count];
  });
}

/** Of code, each name counts once, and single letters do not. @param {string} code */
const namesOnce = (code) => [...new Set(namesIn(code).filter((name) => name.length > 2))].join(" ");

const index = new MiniSearch(OPTIONS);
/** @type {{code: string}[]} */
const sections = JSON.parse(await new Response(Deno.stdin.readable).text());
index.addAll(sections.map((section) => ({ ...section, code: namesOnce(section.code) })));
const made = index.toJSON();
const terms = made.index.map(([term, fields]) => [
  term,
  Object.entries(fields).map(([field, counts]) => [Number(field), stepsOf(counts)]),
]);
console.log(JSON.stringify({ ...made, documentIds: {}, index: terms }));
