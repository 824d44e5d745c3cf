// What every page loads, and does.
import "../search/open-search.js";
import { copyButton } from "../ui/fields.js";
import { load } from "../ui/load.js";

// A box that scrolls sideways takes the keyboard's focus, so that arrow keys scroll it.
// The playground's own regions are filled later, so they always keep their tab stop.
const boxes = "pre:not([role='region']), .formula, .output, .table-wrapper, .sphx-glr-script-out";
const markScrollable = () => {
  /** @type {NodeListOf<HTMLElement>} */
  const found = document.querySelectorAll(boxes);
  for (const box of found) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};
addEventListener("load", markScrollable);
document.fonts.ready.then(markScrollable); // formulas grow when their font is there
addEventListener("resize", markScrollable);
addEventListener("toggle", markScrollable, true); // a folded solution has no width until it opens

// The menu at the left shows the entry of this page, however far down it is.
const menu = document.querySelector(".sidebar-scroll");
const entry = menu?.querySelector(".current-page > a");
if (menu && entry) {
  const { top, bottom } = entry.getBoundingClientRect();
  const shown = menu.getBoundingClientRect();
  if (top < shown.top || bottom > shown.bottom) {
    menu.scrollTop += (top + bottom - shown.top - shown.bottom) / 2;
  }
}

// The buttons that copy code, those of sphinx-copybutton, and LaTeX come with the reader's first
// move: nobody sees them before.

const moves = new AbortController();
const bring = async () => {
  moves.abort();
  for (const formula of document.querySelectorAll("div.math")) {
    const latex = formula.querySelector("annotation")?.textContent ?? "";
    const copy = copyButton(() => latex, "LaTeX");
    copy.className = "copy-latex";
    copy.title = "Copy the LaTeX of this formula";
    formula.append(copy);
  }
  await load("clipboard.min.js");
  await load("copybutton.js");
};
if (document.querySelector("div.highlight pre, div.math")) {
  // A pointer that rests is over something new, too, when the page moves below it.
  for (const move of ["pointermove", "pointerdown", "keydown"]) {
    addEventListener(move, bring, { signal: moves.signal });
  }
}

// The title of a link to the glossary is the entry's sentence. All sentences together are heavier
// than a page needs at first, so they come when the reader points at a term, or tabs to it.

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

// Loads the styles and the script of a widget when the reader comes near it.
// docs/_ext/live/widgets.py writes data-files="bundles/widgets.css bundles/letters.js".

const near = new IntersectionObserver(
  async (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      const files = /** @type {HTMLElement} */ (target).dataset.files?.split(" ") ?? [];
      const styles = files.filter((file) => file.endsWith(".css"));
      await Promise.all(styles.map(load));
      await Promise.all(files.map(load));
    }
  },
  { rootMargin: "800px 0px" },
);
for (const place of document.querySelectorAll("[data-files]")) near.observe(place);
