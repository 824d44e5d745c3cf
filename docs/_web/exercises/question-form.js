// The form in which a reader answers.
//
// docs/_ext/execution/questions.py writes <div class="question" hidden data-id="…"
// data-question="{…}">.
import { el, newId } from "../ui/elements.js";
import { noteAnswer, onSolved } from "./solved.js";
import { replyTo } from "../core/typed-answers.js";

/** @import { AllKept } from "./solved.js" */
/** @import { AskedQuestion } from "../core/typed-answers.js" */

const SIGNS = { right: "✓", nearly: "≈", known: "✗", wrong: "✗", odd: "?" };
const EXAMPLES = { number: "a number", shape: "for example 2, 5, 4", text: "a text" };

/** Pieces of a text with `code` in backticks. @param {string} text */
const withCode = (text) =>
  text.split(/\x60([^\x60]+)\x60/).map((part, k) => (k % 2 ? el("code", {}, part) : part));

/**
 * Makes one, and returns what marks it as solved.
 * @param {HTMLElement} place @param {string} id @param {AskedQuestion} question
 */
const makeForm = (place, id, question) => {
  const isChoice = question.kind === "choice";
  const reply = el("div", { class: "question-reply", role: "status" });
  const field = newId();
  /** @type {HTMLElement[]} */
  let fields;
  /** @type {() => string} */
  let typed;
  if (isChoice) {
    const inputs = (question.options ?? []).map((value) =>
      el("input", { type: "radio", name: field, value })
    );
    fields = inputs.map((input) =>
      el("label", {}, input, el("span", {}, ...withCode(input.value)))
    );
    typed = () => inputs.find((input) => input.checked)?.value ?? "";
  } else {
    const input = el("input", {
      id: field,
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      placeholder: EXAMPLES[/** @type {"number" | "shape" | "text"} */ (question.kind)],
    });
    fields = [input];
    typed = () => input.value;
  }
  /** @param {SubmitEvent} event */
  const onsubmit = (event) => {
    event.preventDefault();
    const { verdict, says } = replyTo(question, typed());
    reply.dataset.verdict = verdict;
    reply.replaceChildren(el("span", { "aria-hidden": "true" }, SIGNS[verdict]), " ");
    reply.append(...withCode(says));
    if (verdict !== "odd") noteAnswer(id, verdict === "right");
  };
  const check = el("button", { type: "submit" }, "Check");
  const solved = el("span", { class: "question-solved" });
  const row = el("div", { class: "question-row" }, ...fields, check, solved);
  const label = withCode(question.label);
  const body = isChoice
    ? el("fieldset", {}, el("legend", {}, ...label), row)
    : el("div", {}, el("label", { for: field }, ...label), row);
  place.replaceChildren(el("form", { onsubmit, novalidate: true }, body, reply));
  place.hidden = false;
  /** @param {AllKept} kept */
  return (kept) => {
    solved.textContent = kept[id]?.solved ? "solved" : "";
  };
};

/** Makes a form of each question on the page. */
export const fillForms = () => {
  for (const place of document.querySelectorAll(".question[data-id]")) {
    const { id = "", question = "" } = /** @type {HTMLElement} */ (place).dataset;
    onSolved(makeForm(/** @type {HTMLElement} */ (place), id, JSON.parse(question)));
  }
};
