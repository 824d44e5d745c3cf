// The part `temperature`: what a small network expects next, at any temperature, and what it
// writes. Its options are those of a run, and `prompt`, the text that the network has read.
import { number, show } from "../core/formats.js";
import {
  createPass,
  encode,
  forward,
  generate,
  Generator,
  probabilities,
} from "../core/network.js";
import { parseSettings, settingsOf } from "../core/settings.js";
import { el, say, table } from "../ui/elements.js";
import { button, slider } from "../ui/fields.js";
import { ownRun } from "../ui/store.js";

/** @import { TrainedRun } from "../core/training.js" */
/** @import { Mount } from "./define.js" */

const LENGTH = 40;
const DRAWS = 5; // texts that stay, so that the reader can compare them

/** The ids of the prompt: those of its characters that the vocabulary has.
 * @param {string} prompt @param {string} text @param {string[]} chars */
const idsOf = (prompt, text, chars) => {
  const known = encode(prompt, chars).filter((id) => id >= 0);
  return known.length ? known : encode(text, chars).slice(0, 1);
};

/**
 * A bar for each character, the likeliest on top, and a sentence about them.
 * @param {string[]} chars
 */
const makeBars = (chars) => {
  const element = el("div", { class: "play-dial" });
  const summary = el("p");
  /** @param {number[]} logits @param {number} temperature */
  const update = (logits, temperature) => {
    const learned = probabilities(logits);
    const ranks = logits.map((_, v) => v).sort((a, b) => logits[b] - logits[a]);
    const p = probabilities(logits, temperature);
    /** @param {number} v */
    const bar = (v) => {
      const [now, then] = [el("i"), el("b")];
      now.style.width = `${100 * p[v]}%`;
      then.style.left = `${100 * learned[v]}%`;
      return el("div", { class: "play-dial-bar", "aria-hidden": "true" }, now, then);
    };
    element.replaceChildren(
      table(
        "What comes next. A line marks where the bar ends at temperature 1.",
        ["next", "logit", "p", "share"],
        ranks.map((v) => [show(chars[v]), number(logits[v], 2), number(p[v]), bar(v)]),
      ),
    );
    // 0 ln 0 counts as 0. Math.max keeps a minus sign away from a 0.
    const sum = p.reduce((sum, share) => sum - (share && share * Math.log(share)), 0);
    const nats = Math.max(0, sum);
    const [first] = ranks;
    const other = temperature === 1 ? "" : `. At temperature 1 it has ${number(learned[first])}`;
    summary.textContent =
      `${show(chars[first])} is the likeliest, with ${number(p[first])}${other}. The network ` +
      `is as unsure as between ${number(Math.exp(nats), 2)} equally likely characters: ` +
      `${number(nats / Math.LN2, 2)} bits.`;
  };
  return { element, summary, update };
};

/**
 * A slider for the seed; a wrong value is told beside it.
 * @param {(seed: number) => void} onSeed
 */
const seedSlider = (onSeed) => {
  const chance = slider({
    label: "seed",
    least: 0,
    most: 99,
    value: 0,
    typed: true,
    help: "the same seed and temperature write the same text",
    onInput(value) {
      const { settings, messages } = parseSettings({ seed: value });
      chance.error(messages.join());
      onSeed(settings.seed);
      if (!messages.length) chance.set(settings.seed);
    },
  });
  return chance;
};

/** @param {HTMLElement} root @param {TrainedRun} run @param {string} prompt */
const fill = (root, { settings: { text, epochs }, model, chars }, prompt) => {
  const ids = Array.from(idsOf(prompt, text, chars));
  const bars = makeBars(chars);
  const wordsRead = el("code");
  const draws = el("ol", { class: "play-dial-draws" });
  let read = ids;
  let temperature = 1;
  let seed = 0;
  let generator = new Generator(seed);

  /** Show what the network has read, the last character marked if it was drawn, and its bars. */
  const update = () => {
    const shown = read.map((id) => show(chars[id]));
    const last = read === ids ? "" : shown.pop();
    wordsRead.replaceChildren(shown.join(""), last ? el("mark", {}, last) : "");
    const pass = createPass(model, read);
    forward(model, pass);
    bars.update(Array.from(pass.logits.slice(-model.V)), temperature);
    again.hidden = read === ids;
  };
  const drawOne = () => {
    if (read === ids) generator = new Generator(seed);
    read = generate(model, read, 1, temperature, generator);
    update();
    say(
      root,
      `${show(chars[read[read.length - 1]])} is drawn and read. ${bars.summary.textContent}`,
    );
  };
  const again = button("Start again", () => {
    read = ids;
    update();
    one.focus();
  });
  const one = button("Draw one character", drawOne);
  const dial = slider({
    label: "temperature τ",
    least: 0,
    most: 2,
    step: 0.05,
    value: 1,
    help: "0 takes the likeliest, below 1 is careful, above 1 is bold",
    show: (value) => number(value, 2),
    onInput(value) {
      temperature = Number(value);
      update();
      say(root, `Temperature ${number(temperature, 2)}: ${bars.summary.textContent}`);
    },
  });
  const write = () => {
    const written = generate(model, ids, LENGTH, temperature, new Generator(seed));
    const line = written.slice(ids.length).map((id) => chars[id]).join("");
    const how = `τ = ${number(temperature, 2)}, seed ${seed}`;
    draws.prepend(el("li", {}, el("small", {}, how), " ", el("code", {}, line)));
    draws.children[DRAWS]?.remove();
    say(root, `${how}: ${line}`);
    seed += 1; // the same seed would write the same text once more
    seeds.set(seed);
  };
  const seeds = seedSlider((value) => (seed = value));
  update();
  root.replaceChildren(
    el(
      "p",
      {},
      "A network has read “",
      el("code", {}, text.trim()),
      `” ${epochs} times. Now it has read “`,
      wordsRead,
      "” and expects:",
    ),
    dial.element,
    bars.summary,
    bars.element,
    seeds.element,
    el("div", { class: "play-row" }, one, again, button(`Draw ${LENGTH} characters`, write)),
    draws,
  );
};

/** @type {Mount} */
export const mount = (root, options) => {
  const { text } = settingsOf(options);
  const prompt = options.get("prompt") ?? text.slice(0, 1);
  root.append(el("p", { class: "play-note" }, "A small network is being trained."));
  ownRun(options).watch(({ run }) => run && fill(root, run, prompt));
};
