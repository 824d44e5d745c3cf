// The search for other pages, such as the field of Error messages: `find`, which bundles/search.js hands
// over. It answers with the best sections of some pages, and shows nothing itself.
//
//   const { find } = await load("bundles/search.js");
//   const hits = await find(typed, { only: /^(fix|questions)\// });
import { findSections, openIndex } from "./find-sections.js";
import { addressOf, load } from "../ui/load.js";

/** @import { SearchIndex } from "./find-sections.js" */

/** @type {Promise<SearchIndex> | undefined} */
let loading;

/** The index, which is loaded once. @returns {Promise<SearchIndex>} */
export const loadIndex = () => {
  loading ??= load("search/index.js").then(openIndex);
  loading.catch(() => loading = undefined);
  return loading;
};

/**
 * The sections that answer what was typed, the best first: each question by itself, and of every
 * other page the best section.
 * @param {string} query
 * @param {{only?: RegExp, most?: number}} options `only`: of pages with such a name, as "fix/loss-is-nan"
 * @returns {Promise<{page: string, id: string, title: string, pageTitle: string, address: string,
 *   score: number, trust: number}[]>} score and trust: as in Hit
 */
export async function find(query, options = {}) {
  const hits = findSections(await loadIndex(), query, { ...options, questionsApart: true });
  return hits.map(({ section: { page, id, title, pageTitle }, score, trust }) => (
    { page, id, title, pageTitle, address: addressOf(`${page}.html#${id}`), score, trust }
  ));
}
