"use strict";

/*
 * "Predict the shape": questions about recurrent layers, and what is right or wrong in an answer,
 * axis by axis. After shapes.js; explorer.js puts it on the page.
 *
 *   charseqQuiz.question(seed)        {options, name, shape, formula, why}, the same for a seed
 *   charseqQuiz.ask(question)         the question in words
 *   charseqQuiz.read(text)            {shape, hint}: numbers, or what is odd about the text
 *   charseqQuiz.judge(question, shape)    {right, says, axes}
 *   charseqQuiz.tuple(shape), letters(formula)    as Python writes it; its axes
 *   charseqQuiz.part(seed, show)      all of it as an element
 */

/**
 * @typedef {object} Question
 * @property {Required<LayerOptions>} options
 * @property {string} name of a parameter or tensor
 * @property {number[]} shape what is to be found
 * @property {string} formula
 * @property {string} why "" for a parameter
 */

const charseqQuiz = (() => {
  /**
   * No two sizes are equal, nor is a product of them another's size, so that a number tells
   * which axis was meant.
   * @param {number} seed a whole number
   * @returns {Question}
   */
  const question = (seed) => {
    let state = seed >>> 0;
    /** @param {any[]} choices */
    const draw = (...choices) => {
      state += 0x9e3779b9; // far from any that went before; then its bits are mixed
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
    const asked = [...tensors, ...tensors, ...parameters]; // twice as often
    return { why: "", ...draw(...asked), options };
  };

  /** @param {Question} question */
  const ask = ({ options, name }) => {
    const { batch_size: B, length, input_size } = options;
    const read = B === null ? "one text, without a batch axis," : `a batch of ${B} texts`;
    return (
      `nn.${charseqShapes(options).call} reads ${read} of ${length} steps, ${input_size} ` +
      `features each. What is the shape of ${name}?`
    );
  };

  /**
   * A shape as a reader types it: 3, 21, 16 or (3, 21, 16) or torch.Size([3, 21, 16]).
   * @param {string} text
   * @returns {{shape: number[], hint: string}}
   */
  const read = (text) => {
    const inside = text.trim().replace(/^torch\.Size/, "").replace(/^[([]+|[)\]]+$/g, "");
    const words = inside.trim().split(/\s*[,;×x*]\s*|\s+/i);
    if (words.length > 1 && !words.at(-1)) words.pop(); // the comma of (16,)
    let hint = "";
    if (!inside.trim()) hint = "Type the sizes of all axes";
    else if (words.some((word) => /^\p{L}/u.test(word))) hint = "Numbers, please, no letters";
    else if (!words.every((word) => /^\d{1,9}$/.test(word))) hint = "Whole numbers only";
    else if (words.length > 4) hint = "No tensor here has more than three axes";
    if (hint) hint += ": with a comma between two, for example 3, 21, 16.";
    return { shape: hint ? [] : words.map(Number), hint };
  };

  /** A shape as Python writes it. @param {number[]} shape */
  const tuple = (shape) => `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;

  /** The letters of a formula: "(T, B, I)" has T, B and I. @param {string} formula */
  const letters = (formula) => formula.slice(1, -1).split(/, |,$/).filter(Boolean);

  /**
   * @param {Question} question
   * @param {number[]} given
   * @returns {{right: boolean, says: string, axes: string[]}}
   */
  const judge = ({ options, name, shape, formula, why }, given) => {
    const { mode, input_size: I, hidden_size: H, proj_size: P, num_layers: L } = options;
    const { batch_size: B, length: T, batch_first: first } = options;
    const D = options.bidirectional ? 2 : 1;
    const gates = { RNN: ["h"], GRU: ["r", "z", "n"], LSTM: ["i", "f", "g", "o"] }[mode];
    const g = gates.length;
    const blocks = `the ${g} blocks ${gates.join(", ")}, one below the other: ${g} × ${H}`;
    /** @param {number} S */
    const both = (S) => `forward and backward side by side: 2 × ${S}`;
    /** What an axis is, and its size. @type {Record<string, [string, number]>} */
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
    const expected = letters(formula);
    const fits = given.length === shape.length;
    const axes = expected.map((letter, k) => {
      const [what, size] = meaning[letter];
      const is = `axis ${k} is ${letter}, ${what}${what.includes("×") ? " =" : ":"} ${size}`;
      if (!fits) return is;
      if (given[k] === size) return `✓ ${is}`;
      const known = Object.entries({ ...meaning, L: ["", L] }).find(
        ([, [, value]]) => value === given[k] && value > 1,
      );
      return `✗ ${is}; you have ${given[k]}${known ? `, which is ${known[0]}` : ""}`;
    });
    const right = given.join() === shape.join();
    const same = [...given].sort().join() === [...shape].sort().join();
    const state = /^[hc]_/.test(name);
    let says = "Not quite.";
    if (right) says = "Right.";
    else if (!fits) {
      says = `Axes of ${name}: ${shape.length}, yours: ${given.length}. `;
      if (/^[wb]/.test(name)) says += "No parameter has a batch or a time axis.";
      else if (B === null) says += "Without a batch there is no axis for it, not even one of 1.";
      else if (state) says += "The first is for layers and directions, even where it is 1.";
      else says += "Steps, batch and features have one each.";
    } else if (same) {
      says = "Right numbers, wrong order.";
      if (name[0] === "w") says = "You swapped rows and columns: a shape reads to, from.";
      else if (state && B) says += ` batch_first never moves the batch axis of ${name}.`;
      else if (B && given[0] === shape[1] && given[1] === shape[0]) {
        says = `You swapped batch and time: batch_first is ${first ? "True" : "False"}.`;
      }
    }
    says += ` It is ${tuple(shape)}, in letters ${formula}${why && `: ${why}`}.`;
    return { right, says, axes };
  };

  /**
   * @param {number} seed of the first question; the next one has the next seed
   * @param {(options: Required<LayerOptions>) => void} show a layer in the explorer
   */
  const part = (seed, show) => {
    const { el, field, button, say } = charseqPlay;
    /** @type {Question} */
    let asked;
    let open = true; // until there is an answer
    let answered = 0;
    let right = 0;
    const words = el("p");
    const input = el("input", { autocomplete: "off", spellcheck: "false" });
    const { element, error } = field("Its shape", "for example 3, 21, 16", input, null, input);
    const check = el("button", { class: "play-button" }, "Check");
    const see = button("Show this layer above", () => show(asked.options), { hidden: true });
    const score = el("span", { class: "play-note" });
    const feedback = el("div", { role: "status" });

    const next = () => {
      asked = question(seed++);
      const text = ask(asked);
      const end = text.indexOf(")") + 1;
      words.replaceChildren(el("code", {}, text.slice(0, end)), text.slice(end));
      feedback.replaceChildren();
      input.value = "";
      return text;
    };
    /** @param {Event} event */
    const submit = (event) => {
      event.preventDefault();
      if (open) {
        const { shape, hint } = read(input.value);
        error(hint);
        if (hint) return say(root, hint);
        const found = judge(asked, shape);
        answered++;
        right += Number(found.right);
        score.textContent = `${right} of ${answered} right`;
        feedback.append(
          el("p", {}, el("b", {}, found.says)),
          el("ul", {}, ...found.axes.map((axis) => el("li", {}, axis))),
        );
      } else {
        say(root, next());
        input.focus();
      }
      open = !open;
      input.readOnly = !open;
      see.hidden = open;
      check.textContent = open ? "Check" : "Next question";
    };
    const root = el(
      "form",
      { class: "play-quiz", "aria-label": "Predict the shape", onsubmit: submit },
      el("h3", {}, "Predict the shape"),
      words,
      element,
      el("div", { class: "play-row" }, check, see, score),
      feedback,
    );
    next();
    return root;
  };

  return { question, ask, read, judge, tuple, letters, part };
})();
