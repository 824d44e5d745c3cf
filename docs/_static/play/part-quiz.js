"use strict";

/*
 * The part `quiz`: the reader predicts a shape of the layer that the explorer on this page shows, but
 * with other sizes. Question, replies and memory are those of the exercises. Its options are those
 * of charseqShapes, for a page without an explorer, and `seed`, of the first question.
 */

charseqPlay.define("quiz", (root, start) => {
  const { el } = charseqElements;
  const { button } = charseqFields;
  const { make, withCode } = charseqQuestions;
  let { options } = charseqLayer.parse(start);
  let seed = Number(start.get("seed")) || Date.now();
  /** @type {ShapeQuestion[]} */
  let questions;
  /** @type {ShapeQuestion} */
  let question;
  /** @type {ReturnType<typeof make>} */
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
    const kept = charseqSolved.all();
    questions = charseqQuiz.questions(options, seed++);
    const others = questions.filter(({ id }) => id !== question?.id);
    question = others.find(({ id }) => !kept[id]?.solved) ?? others[0];
    const { id, name, shape, why, axes, asked } = question;
    mark = make(form, id, asked);
    solution.open = false;
    solution.replaceChildren(
      el("summary", {}, "Show the solution"),
      el(
        "p",
        {},
        ...withCode(`\`${name}\` has the shape \`${charseqFormats.tuple(shape)}\`. ${why}`),
      ),
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
    charseqLayer.set(question.options);
    explorer?.parentElement?.scrollIntoView(); // from its heading on
  }, { hidden: !explorer });
  root.append(form, el("div", { class: "play-row" }, next, see, points), solution);
  ask();
  charseqSolved.listen(count);
  charseqLayer.watch((shown) => {
    if (charseqQuiz.kind(shown) === charseqQuiz.kind(options)) return;
    options = shown;
    ask();
  });
});
