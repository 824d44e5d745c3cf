// The part `train`: settings, the run that they make, and what happened in it. All parts of the
// page look at this run. The address of the page keeps it.
import { DEFAULT, parseSettings, toParams } from "../core/settings.js";
import { logOf, scriptOf } from "../core/torch-script.js";
import { Run } from "../core/training.js";
import { CHALLENGES, epochInWords, judge } from "../core/verdict.js";
import { el, say, setText } from "../ui/elements.js";
import { button, copyButton } from "../ui/fields.js";
import { letterStrip } from "../ui/letter-strip.js";
import { levelsOf, lossCurve } from "../ui/loss-curve.js";
import { player, readout } from "../ui/player.js";
import { settingsForm } from "../ui/settings-form.js";
import { storedEntry } from "../ui/storage.js";
import { store, train } from "../ui/store.js";

/** @import { Settings } from "../core/settings.js" */
/** @import { TrainedRun } from "../core/training.js" */
/** @import { Mount } from "./define.js" */

/**
 * @typedef {ReturnType<typeof judge>} Judged
 * @typedef {(found: Record<string, unknown>) => void} Take
 */

// ---- the address of the page: it keeps the settings, and the place that the reader looks at

/** The first look: a network that has learned nothing, and a step whose memory is not empty. */
const FIRST = { epoch: 1, t: 4, unit: 0 };
const names = /** @type {(keyof typeof FIRST)[]} */ (Object.keys(FIRST));

/** The settings found, and the place. @param {URLSearchParams} options if the address has none */
const readAddress = (options) => {
  const hash = location.hash.slice(1);
  // A section of the page, as in #look-inside, has no "=".
  const found = new URLSearchParams(hash.includes("=") ? hash : options);
  const place = { ...FIRST };
  const messages = [];
  for (const name of names) {
    const text = found.get(name);
    if (text === null) continue;
    if (/^\d{1,3}$/.test(text)) place[name] = Number(text);
    else messages.push(`${name} must be a whole number of up to three digits.`);
  }
  return { found, place, messages };
};

let writesAddress = 0; // a timer
/**
 * Soon, since a slider changes many times in a second.
 * @param {Settings} settings @param {TrainedRun | null} run
 */
const writeAddress = (settings, run) => {
  clearTimeout(writesAddress);
  const asked = location.hash;
  writesAddress = setTimeout(() => {
    // Somebody chose another address meanwhile: that one counts, and is about to be read.
    if (location.hash !== asked) return;
    const { epoch, t, unit } = store.view;
    const params = toParams(settings);
    if (run && epoch > FIRST.epoch) params.set("epoch", String(epoch));
    if (t !== FIRST.t) params.set("t", String(t));
    if (unit) params.set("unit", String(unit));
    const hash = params.size ? `#${params}` : "";
    if (location.hash.includes("=") || hash) {
      history.replaceState(null, "", location.pathname + location.search + hash);
    }
  }, 300);
};

// ---- the run

/** @param {TrainedRun} run */
const lossesOf = ({ records }) => records.map(({ loss }) => loss);

/**
 * The epochs, the characters, what happened, and the curve of a run.
 * @param {HTMLElement} root
 */
const makePictures = (root) => {
  const go = (/** @type {number} */ epoch) => store.set({ epoch });
  const curve = lossCurve(go);
  const strip = letterStrip((t) => store.set({ t }));
  const bar = player({ label: "Epoch", least: 1, most: 50, onInput: go });
  const said = readout(root);
  const about = "A letter with a frame is wrong. The longest gradient fills its row. Press a " +
    "letter to look at its step below.";
  return {
    elements: [
      bar.element,
      strip.element,
      said.element,
      curve.element,
      el("p", { class: "play-note" }, about),
    ],
    stop: bar.stop,
    /** @param {TrainedRun} run @param {number[]} before @param {number} epoch @param {number} t */
    update(run, before, epoch, t) {
      const { epochs } = run.settings;
      const losses = lossesOf(run);
      curve.update({ losses, before, epochs, epoch, levels: levelsOf(run) });
      strip.update(run, epoch, t);
      said.set(epochInWords(run, epoch));
      bar.most(losses.length, 4000 / losses.length);
      bar.set(epoch);
    },
  };
};

/**
 * The challenges, and which of them the reader has met: the browser keeps that, if it may.
 * @param {HTMLElement} root @param {Take} take
 */
const makeChallenges = (root, take) => {
  // {"version": 1, "met": ["fail"]}; whatever else stands there, only keys of challenges come back.
  const entry = storedEntry(
    "charseq.challenges",
    ({ version, met }) =>
      version === 1 && Array.isArray(met)
        ? CHALLENGES.map(({ key }) => key).filter((key) => met.includes(key))
        : [],
  );
  const kept = () => entry.read() ?? [];
  let won = kept();
  const summary = el("h3", { tabindex: -1 });
  const tasks = el("ul", { class: "play-tasks" });
  const next = el("p", { class: "play-next" }); // the one that was chosen, or the first not met
  let chosen = "";
  const draw = () => {
    summary.textContent = `Challenges: ${won.length} of ${CHALLENGES.length} met`;
    CHALLENGES.forEach(({ key, name }, k) => {
      const isMet = won.includes(key);
      tasks.children[k].classList.toggle("play-won", isMet);
      tasks.children[k].children[0].textContent = (isMet ? "✓ Met: " : "") + name;
    });
    note.hidden = !kept().length;
    const left = CHALLENGES.filter(({ key }) => !won.includes(key));
    const open = left.find(({ key }) => key === chosen) ?? left[0];
    next.replaceChildren(
      ...(open ? [el("b", {}, `${open.name}. `), open.task] : ["You have met all challenges."]),
    );
  };
  const forget = button("Forget my progress", () => {
    entry.write(null);
    won = kept();
    draw();
    summary.focus(); // the button that had the focus is gone
    say(root, `Your progress is forgotten. ${summary.textContent}.`);
  });
  const text = "This browser remembers which challenges you have met. Nothing is sent anywhere. ";
  const note = el("p", { class: "play-note" }, text, forget);
  entry.listen(() => {
    won = kept(); // another tab met a challenge, or forgot them
    draw();
  });
  for (const { key, name, task, start } of CHALLENGES) {
    const label = { "aria-label": `Start here: ${name}` };
    const press = button("Start here", () => {
      chosen = key;
      draw();
      take({ ...start });
      next.scrollIntoView({ block: "nearest" }); // the run is above, and what to do there
    }, label);
    tasks.append(el("li", {}, el("b"), el("p", {}, task), press));
  }
  draw();
  return {
    elements: [summary, note, tasks],
    next,
    /** Names of the challenges that this run is the first to meet. */
    award(/** @type {TrainedRun} */ run, /** @type {Judged} */ judged) {
      const met = CHALLENGES.filter((one) => !won.includes(one.key) && one.met(run, judged));
      won = [...won, ...met.map(({ key }) => key)];
      if (met.length) {
        chosen = "";
        entry.write({ version: 1, met: won });
      }
      draw();
      return met.map(({ name }) => name);
    },
  };
};

/** The log of a run, and the same run in PyTorch; both are folded. */
const makeListings = () => {
  const listing = (/** @type {string} */ label) =>
    el("pre", { tabindex: 0, role: "region", "aria-label": label });
  const lines = listing("Log");
  const code = listing("The same run in PyTorch");
  const note = "This script needs PyTorch alone. It prints the log above, line for line. But if " +
    "the learning steps are very large, rounding errors grow until the two differ.";
  return {
    elements: [
      el("details", {}, el("summary", {}, "The log"), lines),
      el(
        "details",
        {},
        el("summary", {}, "The same run in PyTorch"),
        el("p", { class: "play-note" }, note),
        copyButton(() => code.textContent ?? "", "Copy the script"),
        code,
      ),
    ],
    /** @param {TrainedRun} run */
    update(run) {
      lines.textContent = logOf(run);
      code.textContent = scriptOf(run.settings);
    },
  };
};

/** How the notebook's weights came about. @param {Settings} settings */
const startInWords = ({ order, skip }) =>
  [
    order && `As in the notebook, the vocabulary has the order “${order}”.`,
    skip && `As in the notebook, ${skip} random numbers are drawn before the weights.`,
  ].filter(Boolean).join(" ");

/**
 * A function that trains. When it is called again meanwhile, it gives up the run for the next.
 * @param {(run: TrainedRun, before: number[]) => void} onEnd
 */
const makeTrainer = (onEnd) => {
  let turn = 0;
  return async (/** @type {Settings} */ settings, /** @type {number[]} */ before) => {
    const mine = ++turn;
    const run = new Run(settings);
    if (await train(run, () => mine === turn)) onEnd(run, before);
  };
};

/** @type {Mount} */
export const mount = (root, options) => {
  let settings = DEFAULT;
  /** @type {TrainedRun | null} The run that is shown. */
  let run = null;
  /** @type {number[]} losses of the run before */
  let before = [];
  let wanted = 1; // epoch that the address asks for; 0 for none
  /** @type {Judged | null} */
  let judged = null; // what came of the run
  let frame = 0;

  /**
   * Take settings from the form or the address, and train.
   * @param {URLSearchParams | Record<string, unknown>} found @param {string[]} [more] messages
   */
  const take = (found, more = []) => {
    const parsed = parseSettings(found);
    settings = parsed.settings;
    wrong.textContent = form.show(settings, [...parsed.messages, ...more]).join(" ");
    start.textContent = startInWords(settings);
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(go);
  };

  const go = () => {
    pictures.stop();
    trainAll(settings, run ? lossesOf(run) : []);
  };
  /** Show a run that is over. @param {TrainedRun} next */
  const reveal = (next) => {
    const wasAtEnd = run && store.view.epoch >= run.records.length;
    run = next;
    judged = judge(run);
    listings.update(run);
    const met = challenges.award(run, judged);
    verdict.removeAttribute("data-outcome");
    store.set({ run, epoch: wanted || (wasAtEnd ? Infinity : store.view.epoch) });
    if (met.length) say(root, `Challenge met: ${met.join(", ")}. ${verdict.textContent}`);
    wanted = 0;
  };
  /** Say what came of the run, once the reader is at its end. @param {boolean} isOver */
  const tell = (isOver) => {
    if (isOver && judged && !verdict.dataset.outcome) {
      verdict.replaceChildren(el("b", {}, judged.title), ` ${judged.text}`);
      verdict.dataset.outcome = judged.outcome;
      say(root, verdict.textContent ?? "");
    } else if (!isOver) {
      verdict.removeAttribute("data-outcome");
      setText(verdict, "Press Play. At the last epoch, what came of the run is said here.");
    }
  };

  const takeAddress = () => {
    const { found, place, messages } = readAddress(options);
    wanted = place.epoch;
    store.set({ t: place.t, unit: place.unit });
    take(found, messages);
  };

  const form = settingsForm((changes) => take({ ...settings, ...changes }));
  const wrong = el("p", { class: "play-error", role: "alert" });
  const start = el("p", { class: "play-note" });
  const verdict = el("p", { class: "play-verdict" });
  const pictures = makePictures(root);
  const trainAll = makeTrainer((next, old) => {
    before = old;
    reveal(next);
  });
  const challenges = makeChallenges(root, take);
  const listings = makeListings();
  const onsubmit = (/** @type {Event} */ event) => event.preventDefault();
  root.append(
    el("div", { class: "play-top" }, ...form.first),
    wrong,
    ...pictures.elements,
    verdict,
    el(
      "details",
      {},
      el("summary", {}, "Change the network"),
      el("form", { class: "play-settings", "aria-label": "Settings", onsubmit }, ...form.others),
      start,
      button("Reset", () => take({ ...DEFAULT })),
    ),
    challenges.next,
    el("div", { class: "play-more" }, ...challenges.elements, ...listings.elements),
  );
  store.watch(({ epoch, t }) => {
    if (!run) return;
    pictures.update(run, before, epoch, t);
    tell(epoch >= run.records.length);
    writeAddress(settings, run);
  });
  addEventListener("hashchange", () => {
    if (location.hash.includes("=")) takeAddress();
  });
  takeAddress();
  return store;
};
