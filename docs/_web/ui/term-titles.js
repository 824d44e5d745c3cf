// The title of a link to the glossary is the entry's sentence. All sentences together are heavier
// than a page needs at first, so they come when the reader points at a term, or tabs to it.
import { load } from "./load.js";

/** @param {Event} event */
const showSentences = async (event) => {
  if (!(event.target instanceof Element) || !event.target.closest("a.term")) return;
  removeEventListener("pointerover", showSentences);
  removeEventListener("focusin", showSentences);
  const sentences = await load("glossary.js");
  /** @type {NodeListOf<HTMLAnchorElement>} */
  const links = document.querySelectorAll("a.term");
  for (const link of links) link.title = sentences[link.hash.slice(1)];
};
if (document.querySelector("a.term")) {
  addEventListener("pointerover", showSentences);
  addEventListener("focusin", showSentences);
}
