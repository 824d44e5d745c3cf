// A field that filters the messages, symptoms and questions as one types. While something is typed,
// what fits takes the place of the lists of the page; without anything, the lists are there.
import { el } from "../ui/elements.js";
import { load } from "../ui/load.js";

/** @typedef {{page: string, title: string, pageTitle: string, address: string}} Found */

const KINDS =
  /** @type {const} */ ([["fix/", "Messages and symptoms"], ["questions/", "Questions"]]);
const MOST = 12; // of each kind
const ERROR = /^\s*[\w.]*(Error|Exception|Warning|Interrupt)\b.*/;

/**
 * Of a traceback, the line that says what is wrong: the last that names an error. Any other text
 * stays as it is, in one line.
 * @param {string} pasted
 */
const messageOf = (pasted) => {
  const lines = pasted.split("\n");
  return (lines.findLast((line) => ERROR.test(line)) ?? lines.join(" ")).replace(/\s+/g, " ")
    .trim();
};

const NOTHING = "Nothing fits. Try fewer words, or the last line of the message.";

/** @param {Found[]} found @param {string} kind @param {string} title */
const listOf = (found, kind, title) => {
  const of = found.filter(({ page }) => page.startsWith(kind)).slice(0, MOST);
  const entries = of.map(({ address, pageTitle, title }) => {
    const isFix = kind === "fix/"; // one mistake a page; and many questions
    const href = isFix ? address.split("#")[0] : address;
    return el("li", {}, el("a", { href }, isFix ? pageTitle : title));
  });
  const heading = el("p", { class: "ask-kind" }, `${title}: ${of.length || "none"}`);
  return [heading, ...entries.length ? [el("ul", {}, ...entries)] : []];
};

/** @param {HTMLFormElement} form */
export const makeField = (form) => {
  const field = /** @type {HTMLInputElement} */ (form.querySelector("input"));
  const place = /** @type {HTMLElement} */ (form.nextElementSibling);
  const tabs =
    /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll(".tabs > a"));
  let asked = 0;
  const show = async () => {
    const typed = field.value.trim(), number = ++asked;
    if (!typed) place.replaceChildren();
    document.body.classList.toggle("asking", tabs.length > 0 && typed !== "");
    for (const tab of tabs) tab.search = typed ? `?${new URLSearchParams({ q: typed })}` : "";
    if (!typed) return;
    const { find } = await load("bundles/search.js");
    /** @type {Found[]} */
    const found = await find(typed, { only: /^(fix|questions)\/(?!index$)/, most: 60 });
    if (number !== asked) return;
    if (found.length) {
      place.replaceChildren(...KINDS.flatMap(([kind, title]) => listOf(found, kind, title)));
    } else {
      place.replaceChildren(el("p", {}, NOTHING));
      document.body.classList.remove("asking"); // the lists are still there to look through
    }
  };
  field.addEventListener("input", show);
  field.addEventListener("paste", (event) => {
    const pasted = event.clipboardData?.getData("text") ?? "";
    if (!pasted.includes("\n")) return;
    event.preventDefault(); // a field of one line would glue the lines together
    field.setRangeText(
      messageOf(pasted),
      field.selectionStart ?? 0,
      field.selectionEnd ?? 0,
      "end",
    );
    show();
  });
  form.addEventListener("submit", (event) => {
    if (tabs.length) event.preventDefault(); // it is on this page already
  });
  form.classList.remove("waits");
  field.autocapitalize = "off";
  if (tabs.length) field.value = new URLSearchParams(location.search).get("q") ?? "";
  show();
};
