"use strict";

/*
 * The form of "Predict the shape". After shape-questions.js,
 * typed-shape.js, elements.js and fields.js.
 *
 *   charseqQuizForm(seed, show)   an element; the first question has this seed, the next one the
 *                                 next; show(options) shows the layer that was asked about
 */

/** @param {number} seed @param {(options: Required<LayerOptions>) => void} show */
const charseqQuizForm = (seed, show) => {
  const { question, ask, judge } = charseqQuiz;
  const { el, say } = charseqElements;
  const { button, field } = charseqFields;
  /** @type {Question} */
  let asked;
  let isOpen = true; // until there is an answer
  const score = { answered: 0, right: 0 };
  const words = el("p");
  const input = el("input", { autocomplete: "off", spellcheck: "false" });
  const { element, error } = field("Its shape", "for example 3, 21, 16", input, null, input);
  const check = el("button", { class: "play-button" }, "Check");
  const see = button("Show this layer above", () => show(asked.options), { hidden: true });
  const points = el("span", { class: "play-note" });
  const feedback = el("div", { role: "status" });

  /** Ask the next question, and return it in words. */
  const next = () => {
    asked = question(seed++);
    const text = ask(asked);
    const end = text.indexOf(")") + 1;
    words.replaceChildren(el("code", {}, text.slice(0, end)), text.slice(end));
    feedback.replaceChildren();
    input.value = "";
    return text;
  };
  /** @param {number[]} shape */
  const answer = (shape) => {
    const { right, says, axes } = judge(asked, shape);
    score.answered++;
    score.right += Number(right);
    points.textContent = `${score.right} of ${score.answered} right`;
    feedback.append(
      el("p", {}, el("b", {}, says)),
      el("ul", {}, ...axes.map((axis) => el("li", {}, axis))),
    );
  };
  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    if (isOpen) {
      const { shape, hint } = charseqTypedShape(input.value);
      error(hint);
      if (hint) return say(form, hint);
      answer(shape);
    } else {
      say(form, next());
      input.focus();
    }
    isOpen = !isOpen;
    input.readOnly = !isOpen;
    see.hidden = isOpen;
    check.textContent = isOpen ? "Check" : "Next question";
  };
  const form = el(
    "form",
    { class: "play-quiz", "aria-label": "Predict the shape", onsubmit: submit },
    el("h3", {}, "Predict the shape"),
    words,
    element,
    el("div", { class: "play-row" }, check, see, points),
    feedback,
  );
  next();
  return form;
};
