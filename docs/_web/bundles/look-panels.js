// The widget `look`, once its network is there: a text, painted by a unit, what the network does at
// one character, units to find, and what it writes.
import { number, show } from "../core/formats.js";
import { LONGEST_TEXT, parseText, startReading } from "../core/long-reading.js";
import { makingModel, withoutUnits } from "../core/weights.js";
import { el, newId, say } from "../ui/elements.js";
import { button, check, field, slider } from "../ui/fields.js";
import { handOver } from "../ui/load.js";
import { paintedText } from "../look/painted-text.js";
import { placePanel } from "../look/place-panel.js";
import { writingPanel } from "../look/writing-panel.js";

/** @import { Reading } from "../core/long-reading.js" */
/** @import { Model } from "../core/network.js" */
/** @import { NetworkFile } from "../core/weights.js" */

const SLICE = 12; // milliseconds of reading, until the page may do something else

const pause = (milliseconds = 0) => new Promise((resume) => setTimeout(resume, milliseconds));

const WORST = 5; // characters that are listed

/**
 * Where the silenced network pays most for the same text: steps, the worst first.
 * @param {Reading} whole @param {Reading} silenced
 */
const worst = (whole, silenced) => {
  const more = silenced.costs.map((cost, t) => cost - whole.costs[t]);
  const steps = Array.from(more.keys()).filter((t) => more[t] > 0);
  return steps.sort((a, b) => more[b] - more[a]).slice(0, WORST);
};

/** @param {NetworkFile} file */
const modelOf = async (file) => {
  const making = makingModel(file);
  let step = making.next();
  for (; !step.done; step = making.next()) await pause();
  return step.value;
};

/**
 * @param {HTMLElement} root @param {NetworkFile | {model: Model, chars: string[], text: string}} file
 * @param {URLSearchParams} options
 */
const showPanels = async (root, file, options) => {
  await pause();
  const model = "model" in file ? file.model : await modelOf(file);
  await pause();
  const { chars } = file;
  const start = options.get("text") ?? file.text;
  const wanted = Number(options.get("unit"));
  let unit = Number.isInteger(wanted) && wanted >= 0 && wanted < model.H ? wanted : 0;
  let at = 0;
  let silent = false;
  let text = start;
  let known = parseText("", chars);
  /** @type {Reading} */
  let whole = startReading(model, known.ids);
  /** @type {Reading | null} The same text, read without the unit. */
  let silenced = null;
  let turn = 0;

  const tell = (/** @type {string} */ words) => say(root, words);
  /** What is shown: the network without the unit, if the reader silenced it. */
  const shown = () => (silent && silenced) || whole;

  // ---- the text

  const box = el("textarea", {
    rows: options.has("writes") ? 2 : 5,
    spellcheck: "false",
    autocapitalize: "off",
  });
  const typed = field("Text", "", box, null, box);
  typed.help(
    `Type or paste up to ${LONGEST_TEXT.toLocaleString("en")} characters. ` +
      (options.has("text") ? "" : "The network has not learned from the first text."),
  );
  const notes = el("p", { class: "play-note" });
  const progress = el("p", { class: "play-note" });
  let delay = 0;
  box.addEventListener("input", (event) => {
    clearTimeout(delay);
    const isPasted = /Paste|Drop/.test(/** @type {InputEvent} */ (event).inputType);
    delay = setTimeout(() => void take(box.value, isPasted ? 0 : Infinity), 250);
  });
  const preset = button("Show the first text again", () => {
    box.value = start;
    void take(start, 0);
  });

  // ---- the unit

  const which = slider({
    label: "Unit",
    least: 0,
    most: model.H - 1,
    value: unit,
    typed: true,
    help: `This network has ${model.H} units, with the numbers 0 to ${model.H - 1}.`,
    onInput(value) {
      const given = String(value).trim();
      const isRight = /^\d{1,4}$/.test(given) && Number(given) < model.H;
      which.error(isRight ? "" : `The unit must be a whole number from 0 to ${model.H - 1}.`);
      if (isRight) setUnit(Number(given));
    },
  });
  /** @param {number} next */
  const setUnit = (next) => {
    unit = next;
    which.error("");
    which.set(unit);
    silence.label(unit);
    drawPlace();
    painted.paint(valueOf);
    tell(place.words);
    if (silent) void readOn();
  };
  /** @param {string} sign @param {string} label @param {number} step */
  const stepButton = (sign, label, step) =>
    button(sign, () => setUnit(Math.max(0, Math.min(model.H - 1, unit + step))), {
      "aria-label": label,
    });
  const units = el(
    "div",
    { class: "play-look-unit" },
    stepButton("−", "Previous unit", -1),
    which.element,
    stepButton("+", "Next unit", 1),
  );

  /** @param {number} next */
  const choosePlace = (next) => {
    const most = known.letters.length - 1;
    at = Math.max(0, Math.min(most, next));
    drawPlace();
    tell(place.words);
  };
  const painted = paintedText(choosePlace);
  /** @param {number} k */
  const valueOf = (k) => {
    const t = known.places[k];
    const { states, done } = shown();
    return t >= 0 && t < done ? states[(t + 1) * model.H + unit] : NaN;
  };

  // ---- one character

  const place = placePanel(chars);
  const drawPlace = () => {
    const count = known.letters.length;
    place.element.hidden = painted.element.hidden = !count;
    if (painted.update(known, at)) painted.paint(valueOf);
    const reading = shown();
    const t = count ? known.places[at] : -1;
    place.words = "";
    if (!count || t >= reading.done) return;
    const letter = known.letters[at];
    place.update({ reading, t, unit, count, letter, at, silent: reading !== whole });
  };

  // ---- without the unit

  const bits = el("p");
  const places = el("div", { class: "play-row" });
  const colors = el("p", { class: "play-note" }); // what they mean while a unit is silenced
  const silence = (() => {
    const tick = check({
      label: "",
      value: false,
      onInput(on) {
        silent = on;
        silence.label(unit);
        void readOn();
      },
    });
    const words = el("span");
    tick.element.append(words);
    return {
      element: tick.element,
      label(/** @type {number} */ now) {
        words.textContent = `Silence unit ${now}: the network reads 0 in place of its state`;
        colors.textContent = `Unit ${now} is silenced. Its colors show the state that it still ` +
          "computes, but the network reads 0 in its place.";
        colors.hidden = !silent;
      },
    };
  })();
  silence.label(unit);
  const about = el(
    "p",
    { class: "play-note" },
    "If you choose another unit, that one is silenced instead. The network then also writes " +
      "without the unit, and begins to write anew.",
  );

  const drawBits = () => {
    const T = whole.ids.length;
    bits.textContent = "";
    places.replaceChildren();
    if (T < 2 || whole.done < T) return "";
    const own = `This text costs ${number(whole.bits(), 3)} bits per character`;
    let words = `${own}.`;
    if (silent && silenced && silenced.done === T) {
      const without = silenced;
      const more = without.bits() - whole.bits();
      words = `${own}, and ${number(without.bits(), 3)} without unit ${unit}: ` +
        `${number(Math.abs(more), 3)} ${more < 0 ? "less" : "more"}.`;
      const steps = worst(whole, without);
      if (steps.length) {
        words += " That is a mean over all characters. These become more expensive most:";
      }
      places.append(...steps.map((t) => {
        const before = known.places.indexOf(t - 1); // where the network expected this character
        const cost = number(without.costs[t] - whole.costs[t], 2);
        const came = show(chars[whole.ids[t]]);
        const where = (before + 1).toLocaleString("en");
        return button(`“${came}” after character ${where}: +${cost} bits`, () => {
          choosePlace(before);
          painted.focus();
        });
      }));
    } else if (silent) words = `${own}. It is being read without unit ${unit}.`;
    bits.textContent = words;
    return words;
  };

  // ---- reading

  /**
   * Read to the end, in slices. False if something else was to be read meanwhile.
   * @param {Reading} reading @param {number} mine
   */
  const readAll = async (reading, mine) => {
    let painting = performance.now();
    while (!reading.advance(SLICE)) {
      progress.textContent = `Read: ${reading.done.toLocaleString("en")} of ` +
        `${reading.ids.length.toLocaleString("en")} characters.`;
      if (reading === whole && performance.now() - painting > 300) {
        painted.paint(valueOf);
        painting = performance.now();
      }
      await pause();
      if (mine !== turn) return false;
    }
    progress.textContent = "";
    return mine === turn;
  };

  /** Read the text, and read it without the unit if that is silenced. Then show it all. */
  const readOn = async () => {
    const mine = ++turn;
    silenced = null;
    await pause();
    if (mine !== turn || !(await readAll(whole, mine))) return;
    if (silent && whole.ids.length) {
      drawBits();
      drawPlace();
      painted.paint(valueOf);
      await pause(100); // a slider passes many units
      if (mine !== turn) return;
      const reading = startReading(withoutUnits(model, [unit]), whole.ids);
      if (!(await readAll(reading, mine))) return;
      silenced = reading;
    }
    const words = drawBits();
    drawPlace();
    painted.paint(valueOf);
    writing.update(shown());
    tell([notes.textContent, words, silent ? "" : place.words].join(" "));
  };

  /**
   * Take a text, and read it.
   * @param {string} next
   * @param {number} wantedPlace of the character that is chosen then; Infinity for the last
   */
  const take = (next, wantedPlace) => {
    known = parseText(next, chars);
    text = known.letters.join("");
    notes.textContent = known.messages.join(" ");
    notes.hidden = !known.messages.length;
    at = Math.max(0, Math.min(known.letters.length - 1, wantedPlace));
    silenced = null;
    whole = startReading(model, known.ids, whole);
    writing.update(null);
    drawBits();
    drawPlace();
    return readOn();
  };

  const writing = writingPanel(chars, {
    say: tell,
    take(more) {
      box.value = text + more;
      void take(box.value, Infinity);
      box.focus();
    },
  });

  const writes = options.has("writes"); // and no unit is looked at
  const named = writes ? "Your beginning" : "Your text, painted by one unit";
  const title = el("h3", { tabindex: -1, id: newId() }, named);
  await pause();
  root.replaceChildren(title, el("div", {}, typed.element, notes), progress);
  if (!writes) {
    root.append(
      el("div", { class: "play-row" }, preset),
      units,
      colors,
      painted.element,
      place.element,
      el("section", {}, el("h3", {}, "Without the unit"), silence.element, about, bits, places),
    );
  }
  root.append(writing.element);
  title.focus({ preventScroll: true }); // the button that had the focus is gone
  box.value = start;
  void take(start, 0);
};

handOver("bundles/look-panels.js", showPanels);
