// The field on Error messages, on Questions and on the home page. It filters the messages, symptoms
// and questions as one types. While something is typed, what fits takes the place of the lists of
// the page; without anything, the lists are there.
import { el } from "../ui/elements.js";
import { load } from "../ui/load.js";

/**
 * @typedef {{page: string, title: string, pageTitle: string, address: string, score: number,
 *   trust: number}} Found
 * @typedef {typeof import("../search/find.js") & typeof import("../search/find-sections.js")} SearchParts
 */

const MOST = 4; // others
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

const NOTHING = "No page has this. Try fewer words, or the last line of the message.";

/** One mistake a page, and many questions. @param {Found} found @returns {[string, string]} */
const linkTo = ({ page, address, pageTitle, title }) =>
  page.startsWith("fix/") ? [address.split("#")[0], pageTitle] : [address, title];

/** The page that answers. @param {Found} found @param {SearchParts} parts */
const cardOf = async (found, { inShort }) => {
  const [href, title] = linkTo(found);
  /** @type {string[]} */
  const texts = await load(`search/text/${found.page}.js`).catch(() => []);
  const short = found.page.startsWith("fix/") && inShort(texts);
  return el(
    "div",
    { class: "ask-card" },
    el("p", {}, el("strong", {}, title)),
    short ? el("p", {}, short) : null,
    el("a", { href }, "Open page"),
  );
};

/** @param {Found[]} found @param {SearchParts} parts */
const answerOf = async (found, parts) => {
  const answer = parts.answerIn(found), isAhead = answer === "one";
  const others = found.slice(Number(isAhead)).slice(0, MOST).map((one) => {
    const [href, title] = linkTo(one);
    return el("li", {}, el("a", { href }, title));
  });
  return [
    isAhead ? await cardOf(found[0], parts) : null,
    answer === "guesses" ? el("p", {}, parts.GUESSES) : null,
    others.length ? el("ul", { class: isAhead ? "ask-others" : false }, ...others) : null,
  ].filter((part) => part !== null);
};

/** @param {HTMLFormElement} form */
const makeField = (form) => {
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
    /** @type {SearchParts} */
    const parts = await load("bundles/search.js");
    /** @type {Found[]} */
    const found = await parts.find(typed, { only: /^(fix|questions)\/(?!index$)/, most: 60 });
    if (number !== asked) return;
    if (found.length) {
      const answer = await answerOf(found, parts);
      if (number === asked) place.replaceChildren(...answer);
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

makeField(/** @type {HTMLFormElement} */ (document.querySelector("form.ask")));
