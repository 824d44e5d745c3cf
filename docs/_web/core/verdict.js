// What happened in a run, in words, and whether it meets a challenge.
import { number, show } from "./formats.js";
import { DEFAULT, NOTEBOOK } from "./settings.js";
import { contexts, lossFloor } from "./training.js";

/** @import { Settings } from "./settings.js" */
/** @import { TrainedRun } from "./training.js" */

/** @typedef {"spells" | "partly" | "nothing" | "worse"} Outcome */

/**
 * @typedef {object} Verdict
 * @property {Outcome} outcome
 * @property {number} right how many letters are right at the end
 * @property {number} from epoch from which on all letters stay right; 0 if there is none
 * @property {string} title what happened
 * @property {string} text details
 */

const quoted = (/** @type {string} */ text) => `“${Array.from(text, show).join("")}”`;

/** The steps at which an epoch has a wrong letter.
 * @param {TrainedRun} run @param {number} epoch */
const mistakes = ({ pass, records }, epoch) =>
  Array.from(records[epoch - 1].ids).flatMap((id, t) => (id === pass.y[t] ? [] : [t]));

/**
 * Why letters are wrong: what the network cannot say, or what it would have to remember.
 * @param {TrainedRun} run @param {number[]} wrong
 */
const reason = ({ settings, chars, pass, records }, wrong) => {
  const last = records[records.length - 1].loss;
  const best = records.reduce((a, b) => (b.loss < a.loss ? b : a));
  if (best.loss < 0.8 * last) {
    return (
      `The loss came down to ${best.loss.toFixed(3)} by epoch ${best.epoch}. Then the learning ` +
      "steps were too large."
    );
  }
  const ids = [pass.x[0], ...Array.from(pass.y)];
  const said = [];
  if (!settings.outputLayer) {
    said.push(
      "Without an output layer the states are the logits, and they stay between −1 and 1. So no " +
        "weights can bring the loss below the floor, " +
        `${lossFloor(chars.length).toFixed(3)}.`,
    );
  }
  // Look for the mistake that takes the longest memory to avoid.
  let open = wrong;
  let length = 0;
  while (open.length) {
    const { ambiguous } = contexts(ids, ++length);
    const left = open.filter((t) => ambiguous[t]);
    if (!left.length) break;
    open = left;
  }
  if (length > 1) {
    const text = [...settings.text];
    const context = text.slice(Math.max(0, open[0] + 2 - length), open[0] + 1).join("");
    said.push(
      `After ${quoted(context)} the text goes on in more than one way. To ` +
        `tell the ways apart, the network has to look one character further back, at ${length} in all.`,
    );
  }
  const earlier = records[Math.floor(0.8 * records.length)].loss;
  if (last < 0.97 * earlier) said.push("The loss was still falling.");
  return said.join(" ");
};

/**
 * How an epoch went, in a sentence or two.
 * @param {TrainedRun} run @param {number} epoch
 */
export const epochInWords = (run, epoch) => {
  const { pass: { T }, records } = run;
  const right = T - mistakes(run, epoch).length;
  const loss = number(records[epoch - 1].loss);
  const start = epoch === 1 ? "It has learned nothing yet. " : "";
  return `${start}At epoch ${epoch}, ${right} of ${T} letters are right, and the loss is ${loss}.`;
};

/** The first epoch of those at the end that have no mistake. @param {TrainedRun} run */
const rightFrom = (run) => {
  const end = run.records.length;
  let count = 0;
  while (count < end && !mistakes(run, end - count).length) count++;
  return count && end - count + 1;
};

/** Which letters are wrong, and whether they were right before.
 * @param {TrainedRun} run @param {number[]} wrong */
const describeMistakes = (run, wrong) => {
  const { settings, chars, records } = run;
  const target = [...settings.text].slice(1);
  const said = records[records.length - 1].ids;
  const listed = wrong
    .slice(0, 3)
    .map((t) => `${quoted(chars[said[t]])} instead of ${quoted(target[t])} (letter ${t + 1})`);
  if (wrong.length > 3) listed.push(`and ${wrong.length - 3} more`);
  const perfect = records.map(({ epoch }) => epoch).filter((n) => !mistakes(run, n).length);
  const often = perfect.length > 1 ? `at ${perfect.length} epochs, the last time ` : "";
  const lost = perfect.length ? `Every letter was right ${often}at epoch ${perfect.at(-1)}.` : "";
  return [`Wrong: ${listed.join(", ")}.`, lost];
};

/**
 * Outcome and title, and sentences; those that are "" do not count.
 * @param {TrainedRun} run @param {number[]} wrong @returns {[Outcome, string, ...string[]]}
 */
const tell = (run, wrong) => {
  const { settings, chars, pass, records, diverged } = run;
  const V = chars.length;
  const { loss, prediction } = records[records.length - 1];
  if (diverged) {
    const why =
      "The loss or its gradient is no longer a finite number. The learning steps are too large: " +
      "try a smaller learning rate, or clip the gradient.";
    return ["worse", `Diverged at epoch ${diverged}.`, why];
  }
  if (!wrong.length) {
    const from = `All ${pass.T} letters are right from epoch ${rightFrom(run)} on`;
    const floor = lossFloor(V).toFixed(3);
    const bound =
      `But the network never gets sure: no weights can bring its loss below the floor, ${floor}.`;
    const end = `${from}, and the loss is ${loss.toFixed(3)}.`;
    return ["spells", "Learned.", end, settings.outputLayer ? "" : bound];
  }
  const nothing = Math.log(V);
  if (loss > nothing && loss > records[0].loss) {
    const bound =
      `The loss, ${loss.toFixed(3)}, is above ln ${V} = ${nothing.toFixed(3)}, that of a ` +
      `network to which all ${V} characters are equally likely.`;
    const why = "This one is sure of wrong letters. The learning steps are too large.";
    return ["worse", "Worse than knowing nothing.", bound, why];
  }
  const right = pass.T - wrong.length;
  const score = `${right} of ${pass.T} letters are right, and the loss is ${loss.toFixed(3)}.`;
  // The loss of a table that knows how common each letter is, and nothing more.
  const common = contexts([pass.x[0], ...Array.from(pass.y)], 0).loss;
  if (loss > 0.98 * common) {
    const isOne = new Set(prediction).size === 1;
    const same = isOne ? `It says ${quoted(prediction[0])} at every step.` : "";
    const why = "The learning steps are too small, or too few.";
    return ["nothing", "Hardly anything learned.", score, same, why];
  }
  const details = [...describeMistakes(run, wrong), reason(run, wrong)];
  return ["partly", "Not there yet.", score, ...details];
};

/**
 * {outcome, right, from, title, text} of a run that is over.
 * @param {TrainedRun} run @returns {Verdict}
 */
export const judge = (run) => {
  const wrong = mistakes(run, run.records.length);
  const [outcome, title, ...text] = tell(run, wrong);
  return {
    outcome,
    right: run.pass.T - wrong.length,
    from: rightFrom(run),
    title,
    text: text.filter(Boolean).join(" "),
  };
};

const settingNames = /** @type {(keyof Settings)[]} */ (Object.keys(DEFAULT));

/**
 * The key is what a browser keeps: it stays when the name or the order changes.
 * @type {{key: string, name: string, task: string, start: Settings,
 *   met: (run: TrainedRun, verdict: Verdict) => boolean}[]}
 */
export const CHALLENGES = [
  {
    key: "fail",
    name: "Make it fail",
    task: "Make the learning steps so large that the run ends worse than knowing nothing.",
    start: DEFAULT,
    met: (_, { outcome }) => outcome === "worse",
  },
  {
    key: "twenty",
    name: "Twenty epochs",
    task: "Get every letter of the sentence right at the end of a run of at most 20 epochs.",
    start: { ...DEFAULT, epochs: 20 },
    met: ({ settings }, { outcome }) =>
      outcome === "spells" && settings.epochs <= 20 && settings.text === DEFAULT.text,
  },
  {
    key: "change",
    name: "One change",
    task: "Start from the notebook’s run. Change one setting, so that the loss ends below the " +
      "floor, 0.797.",
    start: NOTEBOOK,
    met: ({ settings, records, chars }) =>
      settingNames.filter((name) => settings[name] !== NOTEBOOK[name]).length === 1 &&
      settings.text === NOTEBOOK.text &&
      records[records.length - 1].loss < lossFloor(chars.length),
  },
  {
    key: "states",
    name: "No output layer",
    task:
      "Get every letter of the sentence right without an output layer. The loss stays above the " +
      "floor, but the letters can be right. Another cell, Adam or another seed may help.",
    start: { ...NOTEBOOK, order: "", skip: 0, epochs: 100 },
    met: ({ settings }, { outcome }) =>
      outcome === "spells" && !settings.outputLayer && settings.text === DEFAULT.text,
  },
];
