"use strict";

/*
 * "Predict the shape": questions about recurrent layers, and what is right or wrong in an answer,
 * axis by axis. This file does not touch the page. After shapes.js.
 *
 *   charseqQuiz.question(seed)    {options, name, shape, formula, why}: the same seed asks the same
 *   charseqQuiz.ask(question)     the question in words
 *   charseqQuiz.judge(question, shape)    {right, says, axes}
 *   charseqQuiz.tuple(shape)      a shape as Python writes it
 *   charseqQuiz.letters(formula)  the axes of a formula
 */

/**
 * @typedef {object} Question
 * @property {Required<LayerOptions>} options
 * @property {string} name of a parameter or tensor
 * @property {number[]} shape the right answer
 * @property {string} formula
 * @property {string} why "" for a parameter
 */

const charseqQuiz = (() => {
  /**
   * All sizes differ, and so do their products. So a number in an answer tells which axis the reader
   * meant.
   * @param {number} seed a whole number
   * @returns {Question}
   */
  const question = (seed) => {
    // Mixes the bits of a counter, so that neighbouring seeds ask for very different layers.
    let state = seed >>> 0;
    /** @param {any[]} choices */
    const draw = (...choices) => {
      state += 0x9e3779b9;
      let bits = Math.imul(state ^ (state >>> 16), 0x45d9f3b);
      bits = Math.imul(bits ^ (bits >>> 15), 0x45d9f3b) >>> 0;
      return choices[Math.floor((bits / 2 ** 32) * choices.length)];
    };
    const mode = draw("RNN", "GRU", "LSTM");
    const options = {
      mode,
      input_size: draw(10, 11, 13),
      hidden_size: draw(16, 17, 19),
      num_layers: draw(1, 2, 3),
      bias: true,
      batch_first: draw(true, false),
      bidirectional: draw(true, false, false),
      proj_size: mode === "LSTM" ? draw(0, 0, 7) : 0,
      batch_size: draw(5, 8, 9, null),
      length: draw(21, 23, 25),
    };
    const { parameters, tensors } = charseqShapes(options);
    const asked = [...tensors, ...tensors, ...parameters]; // tensors are asked for twice as often
    return { why: "", ...draw(...asked), options };
  };

  /** @param {Question} question */
  const ask = ({ options, name }) => {
    const { batch_size: B, length, input_size } = options;
    const read = B === null ? "one text, without a batch axis," : `a batch of ${B} texts`;
    return (
      `nn.${charseqShapes(options).call} reads ${read} of ${length} steps with ${input_size} ` +
      `features each. What is the shape of ${name}?`
    );
  };

  /** A shape as Python writes it. @param {number[]} shape */
  const tuple = (shape) => `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;

  /** The letters of a formula: "(T, B, I)" has T, B and I. @param {string} formula */
  const letters = (formula) => formula.slice(1, -1).split(/, |,$/).filter(Boolean);

  /**
   * What each axis of a formula is, and its size.
   * @param {Question} question
   * @returns {Record<string, [string, number]>}
   */
  const meanings = ({ options }) => {
    const { mode, input_size: I, hidden_size: H, proj_size: P, num_layers: L } = options;
    const { batch_size: B, length: T } = options;
    const D = options.bidirectional ? 2 : 1;
    const gates = { RNN: ["h"], GRU: ["r", "z", "n"], LSTM: ["i", "f", "g", "o"] }[mode];
    const g = gates.length;
    const blocks = `the ${g} blocks ${gates.join(", ")}, one below the other: ${g} × ${H}`;
    /** @param {number} S */
    const both = (S) => `forward and backward side by side: 2 × ${S}`;
    /** @type {Record<string, [string, number]>} */
    const meaning = {
      T: ["the steps", T],
      I: ["the features of a step, input_size", I],
      H: ["the hidden units", H],
      P: ["proj_size, to which each state is shrunk", P],
      "D*L": [`directions times layers: ${D} × ${L}`, D * L],
      "D*H": [both(H), D * H],
      "D*P": [both(P), D * P],
      [`${g}H`]: [blocks, g * H],
    };
    if (B !== null) meaning.B = ["the batch", B];
    return meaning;
  };

  /**
   * Each axis in words; with an answer that has as many axes, whether it is right.
   * @param {Question} question
   * @param {number[]} given
   */
  const describeAxes = (question, given) => {
    const { formula, shape, options } = question;
    const meaning = meanings(question);
    return letters(formula).map((letter, k) => {
      const [what, size] = meaning[letter];
      const is = `axis ${k} is ${letter}, ${what}${what.includes("×") ? " =" : ":"} ${size}`;
      if (given.length !== shape.length) return is;
      if (given[k] === size) return `✓ ${is}`;
      const known = Object.entries({ ...meaning, L: ["", options.num_layers] }).find(
        ([, [, value]]) => value === given[k] && Number(value) > 1,
      );
      return `✗ ${is}; you have ${given[k]}${known ? `, which is ${known[0]}` : ""}`;
    });
  };

  /** What a wrong answer confuses. @param {Question} question @param {number[]} given */
  const explain = ({ options, name, shape }, given) => {
    const { batch_size: B, batch_first } = options;
    const isState = /^[hc]_/.test(name);
    if (given.length !== shape.length) {
      const axes = shape.length === 1 ? "1 axis" : `${shape.length} axes`;
      const counts = `${name} has ${axes}, but your answer has ${given.length}. `;
      if (/^[wb]/.test(name)) return `${counts}No parameter has a batch or a time axis.`;
      if (B === null) {
        return `${counts}Without a batch there is no batch axis, not even one of size 1.`;
      }
      if (isState) {
        return `${counts}The first axis is for layers and directions, even if its size is 1.`;
      }
      return `${counts}Steps, batch and features have one axis each.`;
    }
    if ([...given].sort().join() !== [...shape].sort().join()) return "Not quite.";
    if (name[0] === "w") {
      return "You swapped rows and columns. Rows say where the weights lead, columns where they " +
        "come from.";
    }
    if (isState && B) {
      return `Right numbers, wrong order. batch_first never moves the batch axis of ${name}.`;
    }
    if (B && given[0] === shape[1] && given[1] === shape[0]) {
      return `You swapped batch and time: batch_first is ${batch_first ? "True" : "False"}.`;
    }
    return "Right numbers, wrong order.";
  };

  /**
   * @param {Question} question
   * @param {number[]} given
   * @returns {{right: boolean, says: string, axes: string[]}}
   */
  const judge = (question, given) => {
    const { shape, formula, why } = question;
    const right = given.join() === shape.join();
    const first = right ? "Right." : explain(question, given);
    const says = `${first} It is ${tuple(shape)}, in letters ${formula}${why && `: ${why}`}.`;
    return { right, says, axes: describeAxes(question, given) };
  };

  return { question, ask, judge, tuple, letters };
})();
