// The search as readers see it: a field, and below it the pages that answer, as they type, each by
// its best section. It is a dialog on every page, and a part of the page Search. What is typed is
// only ever set as text.

import { loadIndex } from "./find.js";
import { answerIn, excerpt, findSections, GUESSES, inShort } from "./find-sections.js";
import { el } from "../ui/elements.js";
import { addressOf, load } from "../ui/load.js";

/** @import { Hit, SearchIndex, Section } from "./find-sections.js" */

// Pages that are shown: an answer with few others, or several, or guesses.
const MOST = { one: 5, several: 8, guesses: 4 };
const MOST_MORE = 3; // other sections of a page
const PAUSE = 120; // ms without a key, before texts are loaded
const STILL = 400; // ms without a key, before a screen reader is told
const HINT = "Type some words, paste an error message, or name a function or a symbol. " +
  "Enter opens the first result, arrow keys go to the others, and Escape closes the search.";
const HELP = /** @type {const} */ ([
  ["fix/index.html#by-message", "Error messages"],
  ["questions/index.html", "Questions"],
  ["learn/index.html", "Chapters"],
  ["glossary.html", "Glossary"],
  ["genindex.html", "The index of functions"],
]);
/** @type {SearchIndex | undefined} */
let index;
/** @type {Map<string, string[]>} */
const texts = new Map(); // of the sections of a page

/** The title of the page that lists the pages of a folder. @param {string} page */
const partOf = (page) => {
  const list = `${page.split("/")[0]}/index`;
  return index?.sections.find((section) => section.page === list)?.pageTitle;
};

/** @param {Section} section */
const linkTo = ({ page, id }) => addressOf(`${page}.html${id ? `#${id}` : ""}`);

/** @param {Hit} hit @param {boolean} answers it is the answer, and says it */
const entryOf = ({ section, terms, more }, answers) => {
  const { page, title, pageTitle, first } = section;
  const link = el("a", { class: "search-title" }, title);
  link.href = linkTo(section);
  const where = [partOf(page), first ? "" : pageTitle].filter(Boolean).join(" › ");
  const around = el("p", { class: "search-around" });
  const others = more.slice(0, MOST_MORE).map((other) =>
    el("a", { href: linkTo(other) }, other.title)
  );
  const entry = el("li", {}, link, el("p", { class: "search-where" }, where), around);
  if (others.length) entry.append(el("p", { class: "search-more" }, ...others));
  const show = () => {
    const all = texts.get(page), text = all?.[section.at];
    if (!all || text === undefined) return;
    const short = answers && page.startsWith("fix/") && inShort(all);
    const isDefinition = section.id.startsWith("term-");
    const pieces = short ? [short] : excerpt(terms, text, isDefinition);
    around.replaceChildren(...pieces.map((piece, at) => at % 2 ? el("mark", {}, piece) : piece));
  };
  return { entry, page, show };
};

/**
 * Put a search into an element. With `inAddress`, the address of the page holds the query, so the
 * browser's back button returns to the same results.
 * @param {HTMLElement} parent @param {string} query
 */
export function fill(parent, query, inAddress = false) {
  const field = el("input", {
    type: "search",
    class: "search-field",
    placeholder: "Words, an error message, a name",
    "aria-label": "Search",
    autocomplete: "off",
    autocapitalize: "off",
    enterkeyhint: "go",
    spellcheck: "false",
  });
  const form = el("form", { role: "search", class: "search-form" }, field);
  const status = el("p", { role: "status", class: "search-status" });
  const list = el("ol", { class: "search-results" });
  const help = el("div", { class: "search-help" });
  parent.replaceChildren(form, status, list, help);

  /** @type {number[]} */
  let waiting = [];
  const show = () => {
    waiting.forEach(clearTimeout);
    const typed = field.value.trim();
    if (!index) return;
    const found = typed ? findSections(index, typed) : [];
    const answer = answerIn(found);
    const hits = found.slice(0, MOST[answer]);
    const entries = hits.map((hit, at) => entryOf(hit, answer === "one" && at === 0));
    list.classList.toggle("has-answer", answer === "one");
    list.replaceChildren(...entries.map(({ entry }) => entry));
    help.replaceChildren(...!typed ? [el("p", {}, HINT)] : hits.length ? [] : helpOn());
    for (const entry of entries) entry.show();
    const tell = () => {
      const count = `${hits.length} ${hits.length === 1 ? "page" : "pages"}`;
      const said = answer === "guesses"
        ? GUESSES
        : found.length > hits.length
        ? `The best ${count}`
        : count;
      status.textContent = !typed ? "" : hits.length ? said : "No page has this.";
      if (inAddress) history.replaceState(null, "", `?${new URLSearchParams({ q: typed })}`);
    };
    /** @param {{page: string, show: () => void}} entry */
    const bring = async ({ page, show }) => {
      texts.set(page, await load(`search/text/${page}.js`).catch(() => []));
      show();
    };
    waiting = [setTimeout(tell, STILL), setTimeout(() => entries.forEach(bring), PAUSE)];
  };

  field.addEventListener("input", show);
  field.addEventListener("paste", (event) => {
    const pasted = event.clipboardData?.getData("text") ?? "";
    if (!pasted.includes("\n")) return;
    event.preventDefault(); // a field of one line would glue the lines together
    const [start, end] = [field.selectionStart ?? 0, field.selectionEnd ?? 0];
    field.setRangeText(pasted.replace(/\s+/g, " "), start, end, "end");
    show();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    list.querySelector("a")?.click();
  });
  parent.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    /** @type {HTMLElement[]} */
    const links = [...parent.querySelectorAll("a")].filter((link) => !link.closest(".search-more"));
    const stops = [field, ...links];
    const next = stops[stops.indexOf(/** @type {HTMLElement} */ (document.activeElement)) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });

  /** @param {string} typed */
  const ask = (typed) => {
    if (typed) field.value = typed;
    field.focus();
    if (!typed) field.select();
    show();
  };
  status.textContent = "Loading the index …";
  loadIndex().then((loaded) => {
    index = loaded;
    status.textContent = "";
    show();
  }, () => status.textContent = "The index of the search could not be loaded.");
  ask(query);
  return ask;
}

const helpOn = () => [
  el("p", {}, "Try other words, such as a name or a part of an error message. Or look here:"),
  el(
    "ul",
    {},
    ...HELP.map(([place, words]) => {
      const link = { href: addressOf(place) };
      return el("li", {}, el("a", link, words));
    }),
  ),
];

/** @type {HTMLDialogElement | undefined} */
let dialog;
/** @type {((typed: string) => void) | undefined} */
let ask;
/** @param {string} typed */
export function open(typed) {
  if (dialog) {
    if (!dialog.open) dialog.showModal();
    ask?.(typed);
    return;
  }
  const body = el("div");
  const end = el("button", { class: "search-close", type: "button" }, "Close");
  const box = el("dialog", { class: "search-dialog", "aria-label": "Search" }, end, body);
  box.addEventListener("click", (event) => {
    const on = /** @type {Element} */ (event.target);
    const leaves = on.closest("a") && !event.ctrlKey && !event.metaKey; // perhaps to this very page
    if (on === box || on === end || leaves) box.close();
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault(); // some browsers only empty the field
    box.close();
  });
  document.body.append(box);
  box.showModal();
  ask = fill(body, typed);
  dialog = box;
}
