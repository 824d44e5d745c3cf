// A result of the search has led to this page, to the start of a section whose words are marked.
// Escape, or a button, takes the marks away.
// The address has the words, `?highlight=…`, so nothing is stored.
import { el } from "../ui/elements.js";

const address = new URL(location.href);
const words = (address.searchParams.get("highlight") ?? "").split(" ").filter(Boolean);

/**
 * What belongs to a place: a heading's section without those within it, an entry of a list, or an
 * exercise with what follows it.
 */
const placeOf = () => {
  const target = document.getElementById(decodeURIComponent(address.hash.slice(1)));
  if (!target) return [];
  if (target.matches(".exercise")) {
    const parts = [target];
    let next = target.nextElementSibling;
    for (; next && !next.matches(".exercise, section"); next = next.nextElementSibling) {
      parts.push(/** @type {HTMLElement} */ (next));
    }
    return parts;
  }
  if (target.tagName === "DT") {
    let entry = target.nextElementSibling;
    while (entry?.tagName === "DT") entry = entry.nextElementSibling; // two terms of one entry
    return entry ? [target, entry] : [target];
  }
  return [...target.children].filter((child) => !child.matches("section"));
};

/** @type {HTMLElement[]} */
const found = [];

/** @param {Text} node */
const markIn = (node) => {
  const text = node.data;
  const inFormula = node.parentElement?.closest("math");
  const plain = inFormula ? text.replace(/\\[a-z]+/gi, " ").replace(/[{}\\]/g, "") : text;
  const hits = [...plain.matchAll(/[\p{L}\p{N}_]+/gu)]
    .filter(([word]) => words.includes(word.replace(/^_+|_+$/g, "").toLowerCase()));
  if (inFormula) { // its characters are no words: the formula is marked as a whole
    const shown = /** @type {HTMLElement | null} */ (inFormula.parentElement);
    if (!hits.length || !shown || !node.parentElement?.matches("annotation")) return;
    shown.classList.add("search-mark");
    found.push(shown);
    return;
  }
  for (const { 0: word, index } of hits.reverse()) {
    const mark = el("mark", { class: "search-mark" });
    node.splitText(index + word.length);
    const own = node.splitText(index);
    own.replaceWith(mark);
    mark.append(own);
    found.push(mark);
  }
};

const removeMarks = () => {
  for (const mark of document.querySelectorAll(".search-mark")) {
    if (mark.matches("mark")) mark.replaceWith(...mark.childNodes);
    else mark.classList.remove("search-mark");
  }
  document.querySelector(".remove-marks")?.remove();
  removeEventListener("keydown", onKey);
  address.searchParams.delete("highlight");
  history.replaceState(history.state, "", address.href);
};
/** @param {KeyboardEvent} event */
const onKey = (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) removeMarks();
};

const show = () => {
  for (const part of placeOf()) {
    /** @param {Node} node */
    const isElsewhere = ({ parentElement: parent }) => {
      const entry = parent?.closest("dt[id] ~ dd"); // of a method, in the entry of its class
      return parent?.closest("script, style, button, select, .headerlink") ||
        entry && entry !== part && part.contains(entry);
    };
    const walker = document.createTreeWalker(
      part,
      NodeFilter.SHOW_TEXT,
      (node) => isElsewhere(node) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT,
    );
    const nodes = [];
    while (walker.nextNode()) nodes.push(/** @type {Text} */ (walker.currentNode));
    nodes.forEach(markIn);
  }
  if (!found.length) return;
  // The page stays where the answer begins. What is folded is opened if nothing else has the words.
  const isFolded = (/** @type {HTMLElement} */ mark) => mark.closest("details:not([open])");
  if (found.every(isFolded)) {
    for (let box = isFolded(found[0]); box; box = isFolded(found[0])) box.setAttribute("open", "");
  }
  const about = { class: "remove-marks", onclick: removeMarks };
  document.body.append(el("button", about, "Remove marks (Esc)"));
  addEventListener("keydown", onKey);
};
// After the browser has scrolled to the section, which it does once all has its size.
const whenStill = () => requestAnimationFrame(() => requestAnimationFrame(show));
if (document.readyState === "complete") whenStill();
else addEventListener("load", whenStill);
