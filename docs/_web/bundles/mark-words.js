// A result of the search has led to this page: its words are marked in the section, and the place
// where they stand closest together is on the screen. Escape, or a button, takes the marks away.
// The address has the words, `?highlight=…`, so nothing is stored.
import { el } from "../ui/elements.js";

const address = new URL(location.href);
const words = (address.searchParams.get("highlight") ?? "").split(" ").filter(Boolean);
const CLOSE = 200; // characters

/** What belongs to a place: a heading's section without those within it, or an entry of a list. */
const placeOf = () => {
  const target = document.getElementById(decodeURIComponent(address.hash.slice(1)));
  if (!target) return [];
  if (target.tagName === "DT") {
    let entry = target.nextElementSibling;
    while (entry?.tagName === "DT") entry = entry.nextElementSibling; // two terms of one entry
    return entry ? [target, entry] : [target];
  }
  return [...target.children].filter((child) => !child.matches("section"));
};

/** @type {{mark: HTMLElement, at: number, word: string}[]} */
const found = [];
let read = 0;

/** @param {Text} node */
const markIn = (node) => {
  const text = node.data;
  const inFormula = node.parentElement?.closest("math");
  const plain = inFormula ? text.replace(/\\[a-z]+/gi, " ").replace(/[{}\\]/g, "") : text;
  const hits = [...plain.matchAll(/[\p{L}\p{N}_]+/gu)]
    .filter(([word]) => words.includes(word.replace(/^_+|_+$/g, "").toLowerCase()));
  read += text.length;
  if (inFormula) { // its characters are no words: the formula is marked as a whole
    const shown = /** @type {HTMLElement | null} */ (inFormula.parentElement);
    if (!hits.length || !shown || !node.parentElement?.matches("annotation")) return;
    shown.classList.add("search-mark");
    for (const [word] of hits) found.push({ mark: shown, at: read, word: word.toLowerCase() });
    return;
  }
  for (const { 0: word, index } of hits.reverse()) {
    const mark = el("mark", { class: "search-mark" });
    node.splitText(index + word.length);
    const own = node.splitText(index);
    own.replaceWith(mark);
    mark.append(own);
    found.push({ mark, at: read - text.length + index, word: word.toLowerCase() });
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
  found.sort((a, b) => a.at - b.at);
  let [best, most] = [found[0].mark, 0];
  found.forEach(({ mark, at }, first) => {
    const near = found.slice(first).filter((other) => other.at < at + CLOSE);
    // Words that count more come first in the address.
    const sum = [...new Set(near.map(({ word }) => word))]
      .reduce((total, word) => total + 1 / (2 + Math.max(0, words.indexOf(word))), 0);
    if (sum > most + 1e-9) [best, most] = [mark, sum];
  });
  for (
    let box = best.closest("details");
    box;
    box = box.parentElement?.closest("details") ?? null
  ) {
    box.open = true;
  }
  const lead = () => {
    const { top, bottom } = best.getBoundingClientRect();
    if (top < 80 || bottom > innerHeight - 80) {
      best.scrollIntoView({ block: "center", behavior: "instant" });
    }
  };
  lead();
  // The browser may still be on its way to the section, and would end there.
  addEventListener("scrollend", lead);
  const stay = () => removeEventListener("scrollend", lead);
  for (const kind of ["wheel", "touchstart", "pointerdown", "keydown"]) {
    addEventListener(kind, stay, { once: true, passive: true });
  }
  const about = { class: "remove-marks", onclick: removeMarks };
  document.body.append(el("button", about, "Remove marks (Esc)"));
  addEventListener("keydown", onKey);
};
// After the browser has scrolled to the section, which it does once all has its size.
const whenStill = () => requestAnimationFrame(() => requestAnimationFrame(show));
if (document.readyState === "complete") whenStill();
else addEventListener("load", whenStill);
