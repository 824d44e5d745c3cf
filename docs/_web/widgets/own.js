// The widget `own`: a text, a network that learns it in a worker, what it pays and writes
// meanwhile, and what to do with it then.
import { number } from "../core/formats.js";
import { createModel, Generator } from "../core/network.js";
import { runFile, SIZES } from "../core/text-run.js";
import { el, say, scroll, setText } from "../ui/elements.js";
import { button, choice, field } from "../ui/fields.js";
import { load } from "../ui/load.js";
import { lossCurve } from "../ui/loss-curve.js";

/** @import { Model } from "../core/network.js" */

/** @typedef {"" | "learning" | "stopped" | "done"} State */

/** What is sent to a reader who has none at hand: name on the page, and of its file. */
const TEXTS = [
  ["A novel", "novel"],
  ["Place names", "places"],
  ["Python’s manual", "manual"],
  ["Python code", "code"],
];
const WORKER = "bundles/own-text-worker.js";
const PANELS = ["bundles/look-panels.js", "bundles/look.css"];

/** @param {number} seconds */
const inWords = (seconds) =>
  seconds < 90 ? `${Math.ceil(seconds)} seconds` : `${Math.round(seconds / 60)} minutes`;

/** Save a file. @param {Blob} blob @param {string} name */
const save = (blob, name) => {
  const address = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
};

const WIDE = 1200;
const HIGH = 630; // what messengers and social networks show whole
const EDGE = 60;
const LINE = 38;

/**
 * Words in lines that are no wider than this.
 * @param {CanvasRenderingContext2D} pen @param {string} text @param {number} wide
 */
const linesOf = (pen, text, wide) =>
  text.split("\n").flatMap((paragraph) => {
    const lines = [""];
    for (const word of paragraph.split(/(?<= )/)) {
      const longer = lines[lines.length - 1] + word;
      if (pen.measureText(longer.trimEnd()).width <= wide) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    return lines;
  });

/**
 * A picture of what a network wrote.
 * @param {string} title @param {string} text @param {string} foot @returns {Promise<Blob | null>}
 */
const pictureOf = (title, text, foot) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDE, height: HIGH });
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const put = (
    /** @type {string} */ words,
    /** @type {number} */ y,
    /** @type {string} */ font,
    /** @type {string} */ color,
  ) => {
    pen.font = font;
    pen.fillStyle = color;
    pen.fillText(words, EDGE, y, WIDE - 2 * EDGE);
  };
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, WIDE, HIGH);
  put(title, 90, "600 34px system-ui, sans-serif", "#1a1a1a");
  const face = "26px Literata, Georgia, serif";
  pen.font = face;
  linesOf(pen, text.trim(), WIDE - 2 * EDGE)
    .slice(0, Math.floor((HIGH - 230) / LINE))
    .forEach((line, k) => put(line, 150 + k * LINE, face, "#1a1a1a"));
  put(foot, HIGH - 45, "22px system-ui, sans-serif", "#5f6368");
  return new Promise((resolve) => canvas.toBlob(resolve));
};

/** @param {HTMLElement} root */
export const mount = async (root) => {
  const address = URL.createObjectURL(new Blob([await load(WORKER)], { type: "text/javascript" }));
  /** @type {Worker | null} */
  let worker = null;
  let state = /** @type {State} */ ("");
  let size = SIZES[1];
  /** @type {string[]} */
  let chars = [];
  /** @type {{table: number[], passage: Int32Array}} */
  let counted = { table: [], passage: new Int32Array(0) };
  /** @type {number[]} */
  let bits = [];
  /** @type {Model | null} */
  let model = null;
  let [wrote, updates, seconds, share] = ["", 0, NaN, NaN];

  // ---- what the reader sets

  const box = el("textarea", {
    rows: 7,
    spellcheck: "false",
    autocapitalize: "off",
    placeholder: "Paste a text here. A book is good, and a chapter is better than nothing.",
    oninput: () => counting(),
  });
  const typed = field("Your text", "", box, null, box);
  const name = el("summary", {}, "What it learns from");
  const counting = () => typed.help(`${box.value.length.toLocaleString("en")} characters`);
  const texts = TEXTS.map(([name, file]) =>
    button(name, async () => {
      try {
        const data = await load(`text-${file}.js`);
        box.value = data.replace(/^.*\t/gm, ""); // of a table the last column
        counting();
        tell("");
      } catch (error) {
        tell(error instanceof Error ? error.message : String(error));
      }
    })
  );
  const isSmall = matchMedia("(pointer: coarse)").matches;
  const pick = choice({
    label: "How long, on a laptop",
    options: SIZES.map(({ minutes }) => [
      String(minutes),
      minutes === 1 ? "1 minute" : `${minutes} minutes`,
    ]),
    value: isSmall ? "1" : "3",
    help: isSmall
      ? "A phone takes longer, and its battery pays: the small one is enough to see it learn."
      : "Longer means a larger network, which writes better.",
    onInput: () => draw(),
  });
  const wanted = () => SIZES.find(({ minutes }) => String(minutes) === pick.value) ?? SIZES[0];
  const wrong = el("p", { class: "play-error", role: "alert" });
  /** @param {string} words */
  const tell = (words) => setText(wrong, words);

  // ---- what is shown

  const curve = lossCurve(() => {}, {
    x: "% of its training",
    y: "bits a character",
    each: 2,
    from: 0,
  });
  const verdict = el("p");
  const letters = el("span", { translate: "no" });
  const written = scroll("What it writes now", letters);
  written.classList.add("play-look-written");
  const words = el("p", { class: "play-note" });
  const progress = el("p", { class: "play-note" });
  const panels = el("div", { class: "play-look" });
  const best = () => Math.min(...counted.table);

  const draw = () => {
    setText(
      progress,
      state === ""
        ? `This trains a GRU of ${wanted().hidden} units.`
        : state === "done"
        ? `It has learned: ${updates.toLocaleString("en")} updates of its weights.`
        : !updates
        ? "It reads the text and counts."
        : `Update ${updates.toLocaleString("en")} of ${size.updates.toLocaleString("en")}` +
          (state === "stopped" ? ". It waits." : `, about ${inWords(seconds)} left.`),
    );
    setText(main, { "": "Train", learning: "Stop", stopped: "Go on", done: "Train" }[state]);
    const isThere = Boolean(model);
    for (const one of [open, weights, picture]) one.setAttribute("aria-disabled", String(!isThere));
    again.hidden = !state;
  };

  const drawMeasured = () => {
    const order = counted.table.indexOf(best()) + 1;
    const name = `table of counts of ${order} letters`;
    const levels = [
      { name: "knowing nothing", loss: Math.log2(chars.length) },
      { name, loss: best() },
    ];
    const now = bits[bits.length - 1];
    curve.update({ losses: bits, before: [], epochs: 51, epoch: bits.length, levels });
    const ahead = best() - now;
    setText(
      verdict,
      `A character of the part that it has not read costs the network ${
        number(now, 2)
      } bits, and ` +
        `the ${name} ${number(best(), 2)}: the ${ahead > 0 ? "network" : "table"} wins by ` +
        `${number(Math.abs(ahead), 2)}.`,
    );
    setText(letters, wrote);
    setText(
      words,
      Number.isNaN(share)
        ? ""
        : `Of its words of three letters or more, ${Math.round(100 * share)} ` +
          "in a hundred are words of your text.",
    );
    result.hidden = false;
    if (state === "done") say(root, `${verdict.textContent} It writes: ${wrote.slice(0, 200)}`);
  };

  // ---- the worker

  /** @param {MessageEvent} event */
  const take = ({ data }) => {
    if (data.messages) {
      tell(data.messages.join(" "));
      if (!data.chars) {
        settings.open = true;
        return finish("");
      }
      ({ chars } = data);
    }
    if (data.table) counted = data;
    if (data.updates) ({ updates } = data);
    if (data.seconds !== undefined) ({ seconds } = data);
    if (data.theta) {
      const sizes = { cell: /** @type {const} */ ("GRU"), V: chars.length, H: size.hidden };
      model = createModel({ ...sizes, outputLayer: true }, new Generator(0));
      model.theta.set(data.theta);
      bits.push(data.bits);
      ({ share, text: wrote } = data);
      if (updates === size.updates) state = "done";
      drawMeasured();
    }
    draw();
  };

  /** @param {State} now */
  const finish = (now) => {
    state = now;
    draw();
  };

  const begin = () => {
    worker?.terminate();
    worker = new Worker(address);
    worker.addEventListener("message", take);
    worker.addEventListener("error", () => {
      tell("The browser has stopped the training: reload this page.");
      finish("");
    });
    [size, bits, model, updates, seconds, wrote] = [wanted(), [], null, 0, NaN, ""];
    result.hidden = true;
    settings.open = false; // now what it writes is what counts
    setText(name, `Your text (${box.value.length.toLocaleString("en")} characters)`);
    panels.replaceChildren();
    tell("");
    finish("learning");
    worker.postMessage({ text: box.value, size, isOn: true });
  };

  const main = button("Train", () => {
    if (state === "" || state === "done") return begin();
    finish(state === "learning" ? "stopped" : "learning");
    worker?.postMessage({ isOn: state === "learning" });
  }, { class: "play-button play-main" });
  const again = button("Start again", begin);

  // ---- what to do with it

  /** A button that needs a network. @param {string} name @param {(model: Model) => unknown} press */
  const later = (name, press) =>
    button(name, async () => {
      if (!model) return;
      try {
        await press(model);
      } catch (error) {
        tell(error instanceof Error ? error.message : String(error));
      }
    }, { "aria-disabled": "true" });
  const open = later("Type into it", async (model) => {
    const [show] = await Promise.all(PANELS.map(load));
    const passage = Array.from(counted.passage, (id) => chars[id]).join("");
    await show(panels, { model, chars, text: passage }, new URLSearchParams({ text: passage }));
  });
  const weights = later("Download the weights", async (model) => {
    const about = {
      settings: { ...size, patience: null },
      text: { text: "a text in the page" },
      step: updates,
      best_loss: bits[bits.length - 1] * Math.LN2,
      since_best: 0,
    };
    const bytes = await runFile(model, chars, about);
    save(new Blob([bytes]), "best.safetensors");
  });
  const picture = later("Save what it wrote as a picture", async () => {
    const title = "A network read my text, letter by letter, and writes:";
    const blob = await pictureOf(title, wrote, `after ${updates.toLocaleString("en")} updates`);
    if (blob) save(blob, "what-it-wrote.png");
  });

  const result = el(
    "div",
    { class: "own-result", hidden: true },
    el("h3", {}, "What it writes now"),
    written,
    words,
    curve.element,
    verdict,
    el("div", { class: "play-row" }, open, weights, picture),
  );
  const settings = el(
    "details",
    { open: true },
    name,
    typed.element,
    el("div", { class: "play-row" }, ...texts),
    pick.element,
  );
  root.append(
    settings,
    el("div", { class: "play-row" }, main, again),
    wrong,
    progress,
    result,
    panels,
  );
  counting();
  draw();
  return {};
};
