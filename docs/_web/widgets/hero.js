// The widget `hero`: a trained network at work. A text, colored by one number of the state after
// each letter, below it some numbers of the last states, and what the network expects next. It
// takes over the still of docs/_ext/live/hero.py, as soon as its network is there.
import { show } from "../core/formats.js";
import { parseText, startReading } from "../core/long-reading.js";
import { drawId, Generator, probabilities } from "../core/network.js";
import { makingModel, withoutUnits } from "../core/weights.js";
import { el, isCalm, say } from "../ui/elements.js";
import { load } from "../ui/load.js";

/** @import { Model } from "../core/network.js" */
/** @import { NetworkFile } from "../core/weights.js" */

const LONGEST = 600; // letters
const [FEWEST, MOST] = [60, 240]; // letters that it writes, to the end of a sentence
const PAUSE = 70; // milliseconds between them
const TEMPERATURE = 0.6;
const COLUMNS = 56; // letters in the grid
const [DARK, BRIGHT] = [-0.68, 0.56]; // as in hero.py
const MATTERS = 0.03; // a chance that changes by less looks as if it did not

const pause = () => new Promise((resume) => setTimeout(resume));

/**
 * Its file, and the model that is made of it in slices of time.
 * @returns {Promise<{file: Required<NetworkFile>, model: Model}>}
 */
const loadNetwork = async () => {
  const file = await load("austen-8bit.js");
  if (!file) throw new Error("The network’s file is damaged or cut short.");
  const making = makingModel(file);
  let step = making.next();
  for (; !step.done; step = making.next()) await pause();
  return { file, model: step.value };
};

/** The ids of the characters, the likeliest first. @param {number[]} p */
const ranked = (p) => Array.from(p.keys()).sort((a, b) => p[b] - p[a]);
const percent = (/** @type {number} */ p) => (p < 0.005 ? "<1%" : `${Math.round(100 * p)}%`);

/** @param {Element} row @param {number[]} values @param {string[]} [letters] */
const fill = (row, values, letters) => {
  while (row.children.length > values.length) row.lastElementChild?.remove();
  while (row.children.length < values.length) row.append(el("i"));
  values.forEach((value, k) => {
    const cell = /** @type {HTMLElement} */ (row.children[k]);
    const kind = `${value < -0.1 ? "n" : ""}${value <= DARK || value >= BRIGHT ? " s" : ""}`;
    if (cell.className !== kind) cell.className = kind;
    cell.style.setProperty("--v", value.toFixed(2));
    if (letters && cell.textContent !== letters[k]) cell.textContent = letters[k];
  });
};

/** @param {HTMLElement} root @param {URLSearchParams} _ @param {Element} place */
export const mount = async (root, _, place) => {
  const { file, model: whole } = await loadNetwork();
  const { chars, units, lead } = file;
  const stage = /** @type {HTMLElement} */ (place.querySelector(".hero-stage")?.cloneNode(true));
  /** @template {HTMLElement} E @param {string} names @returns {E[]} */
  const all = (names) => [...stage.querySelectorAll(names)].map((one) => /** @type {E} */ (one));
  const [view, line, says, letters] = all(".hero-view, .hero-line, .hero-says, .hero-letters");
  /** @type {HTMLButtonElement[]} */
  const [writing, silencing, beginning] = all(".hero-buttons button");
  /** @type {HTMLButtonElement[]} */
  const rows = all(".hero-rows button");
  const bars = all(".hero-next li");

  const named = (/** @type {number} */ one) => `“${rows[units.indexOf(one)].textContent}”`;
  let text = file.text; // as the network reads it; the box shows the ends of its lines as spaces
  let unit = units[0]; // which colors the text
  let silent = -1; // a unit that nothing reads
  let unknown = ""; // the letters of the text that the network does not know
  let wrote = ""; // since it was last asked to
  let timer = 0;
  let model = whole;
  const generator = new Generator(0);
  const idsOf = () => parseText(lead + text, chars).ids;
  let reading = startReading(model, idsOf());
  let intact = reading; // the same text, read with all units
  while (!reading.advance(12)) await pause();

  const asShown = (/** @type {string} */ words) => words.replaceAll("\n", " ");
  let wasFocused = false;
  const box = el("textarea", {
    "aria-label": "your text",
    maxlength: LONGEST,
    spellcheck: "false",
    autocapitalize: "off",
    autocomplete: "off",
    oninput: () => {
      stop();
      typed();
    },
    onpointerdown: () => wasFocused = document.activeElement === box,
    onclick: () => { // the first press goes on where the text ends
      if (!wasFocused && box.selectionStart === box.selectionEnd) toEnd();
    },
    onscroll: () => line.scrollTop = box.scrollTop,
  });
  const toEnd = () => {
    box.setSelectionRange(LONGEST, LONGEST);
    box.scrollTop = box.scrollHeight;
  };

  const update = () => {
    const at = lead.length + box.selectionEnd; // the row of the state before the caret
    const value = (/** @type {number} */ t, /** @type {number} */ one) =>
      one === silent ? 0 : reading.states[t * whole.H + one];
    const places = Array.from(text, (_, k) => lead.length + k + 1);
    fill(line, places.map((t) => value(t, unit)), Array.from(asShown(text)));
    line.scrollTop = box.scrollTop;
    const last = places.slice(Math.max(0, box.selectionEnd - COLUMNS), box.selectionEnd).reverse();
    fill(letters, last.map(() => 0), last.map((t) => asShown(text[t - lead.length - 1])));
    rows.forEach((row, k) => {
      row.setAttribute("aria-pressed", String(units[k] === unit));
      row.classList.toggle("hero-silent", units[k] === silent);
      fill(/** @type {Element} */ (row.nextElementSibling), last.map((t) => value(t, units[k])));
    });

    const p = probabilities(reading.at(at - 1).logits);
    // With a unit silenced, the letters keep their places, and their bars show what they had before.
    const was = silent < 0 ? p : probabilities(intact.at(at - 1).logits);
    ranked(was).slice(0, bars.length).forEach((id, k) => {
      const [letter, bar, share] = /** @type {HTMLElement[]} */ ([...bars[k].children]);
      letter.textContent = show(chars[id]);
      /** @type {HTMLElement} */ (bar.firstElementChild).style.width = `${100 * p[id]}%`;
      bar.style.setProperty("--was", silent < 0 ? "0" : `${100 * was[id]}%`);
      share.textContent = `${silent < 0 ? "" : `${percent(was[id])} → `}${percent(p[id])}`;
    });

    const isFelt = was.some((chance, id) => Math.abs(chance - p[id]) >= MATTERS);
    says.textContent = unknown
      ? `Left out, because the network has never read ${unknown}`
      : silent < 0
      ? ""
      : `The network reads 0 in place of ${named(silent)}. ` +
        (isFelt ? "" : "Here it hardly matters: try the end of what somebody says.");
    silencing.textContent = silent < 0 ? `Silence ${named(unit)}` : `Let ${named(silent)} speak`;
    const [first, second] = ranked(p).map((id) => `“${show(chars[id])}” at ${percent(p[id])}`);
    say(root, `${says.textContent} Next it expects ${first}, then ${second}.`.trim());
  };

  /** Read the text; what it has in common with the one before is not read again. */
  const read = () => {
    reading = startReading(model, idsOf(), reading);
    while (!reading.advance(1000));
    intact = silent < 0 ? reading : startReading(whole, idsOf(), intact);
    while (!intact.advance(1000));
    update();
  };

  /** Take what is in the box. Where nothing was typed, its lines end as before. */
  const typed = () => {
    const known = Array.from(box.value, (char) => [char, chars.includes(char)]);
    const left = [...new Set(known.filter(([, is]) => !is).map(([char]) => char))];
    unknown = left.length ? `${left.length > 1 ? "them" : "it"}: ${left.join(" ")}` : "";
    if (left.length) {
      const value = known.filter(([, is]) => is).map(([char]) => char).join("");
      const end = box.selectionEnd - (box.value.length - value.length);
      box.value = value;
      box.setSelectionRange(end, end);
    }
    let same = 0;
    while (same < text.length && asShown(text[same]) === box.value[same]) same++;
    text = text.slice(0, same) + box.value.slice(same);
    read();
  };

  /** @param {string} next */
  const take = (next) => {
    unknown = "";
    text = next;
    box.value = asShown(text);
    toEnd();
    read();
  };

  /** @param {number} [one] a unit */
  const silence = (one = -1) => {
    silent = one;
    model = one < 0 ? whole : withoutUnits(whole, [one]);
    read();
  };

  const stop = () => {
    clearTimeout(timer);
    timer = 0;
    writing.textContent = "Let it write";
    stage.classList.remove("hero-writing");
    if (wrote) say(root, `It wrote: ${wrote}`);
    wrote = "";
  };
  const write = () => {
    while (text.length < LONGEST && wrote.length < MOST) {
      const p = probabilities(reading.at(lead.length + text.length - 1).logits, TEMPERATURE);
      const char = chars[drawId(p, generator)];
      const isEnd = /[.!?]["')]*$/.test(text) && !/\bMr?s?\.$/.test(text) && /\s/.test(char);
      if (isEnd && wrote.length >= FEWEST) break;
      wrote += char;
      take(text + char);
      if (!isCalm()) {
        timer = setTimeout(write, PAUSE);
        return;
      }
    }
    stop();
  };

  writing.onclick = () => {
    if (timer) return stop();
    writing.textContent = "Stop";
    stage.classList.add("hero-writing");
    write();
  };
  silencing.onclick = () => silence(silent < 0 ? unit : -1);
  beginning.onclick = () => {
    stop();
    unit = units[0];
    text = file.text;
    silence();
    take(text);
  };
  rows.forEach((row, k) => {
    row.onclick = () => {
      unit = units[k];
      update();
    };
  });
  for (const button of [writing, silencing, beginning, ...rows]) button.disabled = false;
  document.addEventListener("selectionchange", () => {
    if (document.activeElement === box) update();
  });

  view.append(box);
  root.append(stage);
  take(text);
  return {
    get states() {
      return reading.states;
    },
    get text() {
      return text;
    },
  };
};
