"use strict";

/*
 * What happened in a run, in words, and whether that meets a challenge. No DOM. After settings.js.
 *
 *   charseqVerdict.judge(run)     {outcome, right, from, text} of a run that is over
 *   charseqVerdict.OUTCOMES       what can be guessed beforehand: outcome and its words
 *   charseqVerdict.CHALLENGES     {name, task, start, met(run, verdict)}
 */

/** @typedef {"spells" | "partly" | "nothing" | "worse"} Outcome */

/**
 * @typedef {object} Verdict
 * @property {Outcome} outcome
 * @property {number} right letters at the end
 * @property {number} from epoch from which on all letters are right to the end; 0 if there is none
 * @property {string} title what happened
 * @property {string} text and the rest of the story
 */

const charseqVerdict = (() => {
  /** @type {[Outcome, string][]} */
  const OUTCOMES = [
    ["spells", "It ends with every letter right"],
    ["partly", "It learns, but some letters stay wrong"],
    ["nothing", "It hardly learns anything"],
    ["worse", "It ends worse than knowing nothing, or blows up"],
  ];

  const quoted = (/** @type {string} */ text) => `“${text}”`;

  /** Letters of an epoch that are wrong, as steps.
   * @param {InstanceType<typeof charseqTraining.Run>} run @param {number} epoch */
  const mistakes = ({ pass, records }, epoch) =>
    Array.from(records[epoch - 1].ids).flatMap((id, t) => (id === pass.y[t] ? [] : [t]));

  /**
   * Why letters are wrong: what the model cannot say, or would have to remember.
   * @param {InstanceType<typeof charseqTraining.Run>} run
   * @param {number[]} wrong
   */
  const reason = ({ settings, chars, pass, records }, wrong) => {
    const last = records[records.length - 1].loss;
    const best = records.reduce((a, b) => (b.loss < a.loss ? b : a));
    if (best.loss < 0.8 * last) {
      return (
        `The loss had come down to ${
          best.loss.toFixed(3)
        } by epoch ${best.epoch}; then the steps ` +
        "were too large."
      );
    }
    const ids = [pass.x[0], ...Array.from(pass.y)];
    const said = [];
    if (!settings.outputLayer) {
      said.push(
        "The states are the logits here, and they stay within ±1: no weights bring the loss " +
          `below the floor, ${charseqTraining.lossFloor(chars.length).toFixed(3)}.`,
      );
    }
    // The mistake that takes the longest memory to avoid.
    let open = wrong;
    let length = 0;
    while (open.length) {
      const { ambiguous } = charseqTraining.contexts(ids, ++length);
      const left = open.filter((t) => ambiguous[t]);
      if (!left.length) break;
      open = left;
    }
    if (length > 1) {
      const text = [...settings.text];
      const context = text.slice(Math.max(0, open[0] + 2 - length), open[0] + 1).join("");
      said.push(
        `${
          quoted(context)
        } goes on in more than one way; it takes ${length} characters of memory ` +
          "to tell them apart.",
      );
    }
    const earlier = records[Math.floor(0.8 * records.length)].loss;
    if (last < 0.97 * earlier) said.push("The loss was still falling.");
    return said.join(" ");
  };

  /**
   * @param {InstanceType<typeof charseqTraining.Run>} run
   * @returns {Verdict}
   */
  const judge = (run) => {
    const { settings, chars, pass, records, diverged } = run;
    const ids = [pass.x[0], ...Array.from(pass.y)];
    const end = records.length;
    const { loss, prediction } = records[end - 1];
    const wrong = mistakes(run, end);
    const right = pass.T - wrong.length;
    const nothing = Math.log(chars.length);
    const score = `${right} of ${pass.T} letters are right, the loss is ${loss.toFixed(3)}.`;
    const verdict = (
      /** @type {Outcome} */ outcome,
      /** @type {string} */ title,
      /** @type {string[]} */ ...text
    ) => ({ outcome, right, from, title, text: text.filter(Boolean).join(" ") });
    let from = 0;
    while (from < end && !mistakes(run, end - from).length) from++;
    from = from && end - from + 1;
    if (diverged) {
      return verdict(
        "worse",
        `Diverged at epoch ${diverged}.`,
        "Loss or gradient is no number any more, and no later step can mend that. The steps are too " +
          "large: try a smaller rate, or clip the gradient.",
      );
    }
    if (!wrong.length) {
      const floor = charseqTraining.lossFloor(chars.length).toFixed(3);
      return verdict(
        "spells",
        "Learned.",
        `All ${pass.T} letters are right from epoch ${from} on, the loss is ${loss.toFixed(3)}.`,
        settings.outputLayer
          ? ""
          : `Sure it never is: no weights bring its loss below the floor, ${floor}.`,
      );
    }
    if (loss > nothing && loss > records[0].loss) {
      return verdict(
        "worse",
        "Worse than knowing nothing.",
        `The loss, ${loss.toFixed(3)}, is above ln ${chars.length} = ${
          nothing.toFixed(3)
        }: the net is ` +
          "confident and wrong. The steps are too large.",
      );
    }
    // What is known from how common each letter is, and no more.
    if (loss > 0.98 * charseqTraining.contexts(ids, 0).loss) {
      const same = new Set(prediction).size === 1
        ? `It says ${quoted(prediction[0])} throughout.`
        : "";
      const why = "The steps are too small, or too few.";
      return verdict("nothing", "Hardly anything learned.", score, same, why);
    }
    const target = [...settings.text].slice(1);
    const said = records[end - 1].ids;
    const listed = wrong
      .slice(0, 3)
      .map((t) => `${quoted(chars[said[t]])} for ${quoted(target[t])} (letter ${t + 1})`);
    if (wrong.length > 3) listed.push(`${wrong.length - 3} more`);
    const once = records.filter(({ epoch }) => !mistakes(run, epoch).length).map(({ epoch }) =>
      epoch
    );
    const lost = once.length
      ? `Every letter was right ${once.length > 1 ? `at ${once.length} epochs, last ` : ""}at ${
        once.at(-1)
      }.`
      : "";
    const all = `Wrong: ${listed.join(", ")}.`;
    return verdict("partly", "Not there yet.", score, all, lost, reason(run, wrong));
  };

  const { DEFAULT, NOTEBOOK } = charseqSettings;
  const settingNames = /** @type {(keyof Settings)[]} */ (Object.keys(DEFAULT));

  /**
   * @type {{name: string, task: string, start: Settings,
   *   met: (run: InstanceType<typeof charseqTraining.Run>, verdict: Verdict) => boolean}[]}
   */
  const CHALLENGES = [
    {
      name: "Make it fail",
      task: "Make the learning steps so large that the run ends worse than knowing nothing.",
      start: DEFAULT,
      met: (_, { outcome }) => outcome === "worse",
    },
    {
      name: "Twenty epochs",
      task: "Spell the sentence, every letter right at the end, in at most 20 epochs.",
      start: { ...DEFAULT, epochs: 20 },
      met: ({ settings }, { outcome }) =>
        outcome === "spells" && settings.epochs <= 20 && settings.text === DEFAULT.text,
    },
    {
      name: "One change",
      task: "From the notebook's run, change one thing and end below its floor, 0.797.",
      start: NOTEBOOK,
      met: ({ settings, records, chars }) =>
        settingNames.filter((name) => settings[name] !== NOTEBOOK[name]).length === 1 &&
        settings.text === NOTEBOOK.text &&
        records[records.length - 1].loss < charseqTraining.lossFloor(chars.length),
    },
    {
      name: "A voice is not a memory",
      task:
        "Spell the sentence without an output layer. The floor stands; the letters can be right. Another " +
        "cell, Adam or another seed may help.",
      start: { ...NOTEBOOK, order: "", skip: 0, epochs: 100 },
      met: ({ settings }, { outcome }) =>
        outcome === "spells" && !settings.outputLayer && settings.text === DEFAULT.text,
    },
  ];

  return { judge, OUTCOMES, CHALLENGES };
})();
