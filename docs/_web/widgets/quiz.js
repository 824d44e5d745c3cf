// The part `quiz`: the reader predicts a shape of the layer that the explorer on this page shows,
// but with other sizes. Question, replies and memory are those of the exercises. Its options are
// those of layerShapes, for a page without an explorer, and `seed`, of the first question.
import { tuple } from "../core/formats.js";
import { parseLayer, setLayer, watchLayer } from "../core/layer-options.js";
import { kindOf, shapeQuestions } from "../core/shape-questions.js";
import { makeForm, withCode } from "../exercises/question-form.js";
import { allSolved, onSolved } from "../exercises/solved.js";
import { el } from "../ui/elements.js";
import { button } from "../ui/fields.js";

/** @import { ShapeQuestion } from "../core/shape-questions.js" */
/** @import { AllKept } from "../exercises/solved.js" */
/** @import { Mount } from "./define.js" */

/** @type {Mount} */
export const mount = (root, start) => {
  let { options } = parseLayer(start);
  let seed = Number(start.get("seed")) || Date.now();
  /** @type {ShapeQuestion[]} */
  let questions;
  /** @type {ShapeQuestion} */
  let question;
  /** @type {ReturnType<typeof makeForm>} */
  let mark;
  const form = el("div", { class: "question" });
  const points = el("span", { class: "play-note" });
  const solution = el("details");

  /** @param {AllKept} kept */
  const count = (kept) => {
    const solved = questions.filter(({ id }) => kept[id]?.solved).length;
    points.textContent = `${solved} of ${questions.length} shapes of this layer solved`;
    mark(kept);
  };
  /** Those that are not solved come first, and none comes twice in a row. */
  const ask = () => {
    const kept = allSolved();
    questions = shapeQuestions(options, seed++);
    const others = questions.filter(({ id }) => id !== question?.id);
    question = others.find(({ id }) => !kept[id]?.solved) ?? others[0];
    const { id, name, shape, why, axes, asked } = question;
    mark = makeForm(form, id, asked);
    solution.open = false;
    solution.replaceChildren(
      el("summary", {}, "Show the solution"),
      el("p", {}, ...withCode(`\`${name}\` has the shape \`${tuple(shape)}\`. ${why}`)),
      el("ul", {}, ...axes.map((axis) => el("li", {}, ...withCode(axis)))),
    );
    count(kept);
  };

  const next = button("Next question", () => {
    ask();
    form.querySelector("input")?.focus();
  });
  const explorer = document.querySelector('[data-play="explorer"]');
  const see = button("Show this layer above", () => {
    setLayer(question.options);
    explorer?.parentElement?.scrollIntoView(); // from its heading on
  }, { hidden: !explorer });
  root.append(form, el("div", { class: "play-row" }, next, see, points), solution);
  ask();
  onSolved(count);
  watchLayer((shown) => {
    if (kindOf(shown) === kindOf(options)) return;
    options = shown;
    ask();
  });
};
