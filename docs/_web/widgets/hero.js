// The widget `hero`: a trained network at work. A text, below each letter the state after it, and
// what the network expects next. It takes over the still of docs/_ext/live/hero.html, as soon
// as its network is there. Its option: `unit`, which paints the text at first.
import { number, show } from "../core/formats.js";
import { parseText } from "../core/known-text.js";
import { startReading } from "../core/long-reading.js";
import { drawId, Generator, probabilities } from "../core/network.js";
import { withoutUnits } from "../core/weights.js";
import { cloth, LONGEST } from "../ui/cloth.js";
import { el, isCalm, newId, say } from "../ui/elements.js";
import { button } from "../ui/fields.js";
import { loadNetwork, pause } from "../ui/load-network.js";

const WRITES = 160; // letters, until it stops by itself
const PAUSE = 70; // milliseconds between them
const TEMPERATURE = 0.6;

/** The ids of the characters, the likeliest first. @param {number[]} p */
const ranked = (p) => Array.from(p.keys()).sort((a, b) => p[b] - p[a]);
const percent = (/** @type {number} */ p) => (p < 0.005 ? "<1%" : `${Math.round(100 * p)}%`);

/** @param {HTMLElement} root @param {URLSearchParams} options @param {Element} place */
export const mount = async (root, options, place) => {
  const { file, model: whole } = await loadNetwork();
  const { chars, units } = file;

  const stage = /** @type {HTMLElement} */ (place.querySelector(".hero-stage")?.cloneNode(true));
  const part = (
    /** @type {string} */ name,
  ) => /** @type {HTMLElement} */ (stage.querySelector(`.hero-${name}`));
  const bars = [...part("next").children];
  const says = part("says");
  const names = [...part("rows").children].map((row) => String(row.textContent));
  const others = [...part("rows").children[names.length - 1].childNodes];
  const named = names.length - 1; // the last row has all others

  let unit = Number(options.get("unit") ?? units[0]);
  let pointed = { unit: -1, letter: -1 };
  let isSilent = false;
  let unknown = ""; // the letters of the text that the network does not know
  let wrote = ""; // since it was last asked to
  let text = parseText(file.text, chars);
  let model = whole;
  let reading = startReading(model, text.ids);
  let intact = reading; // the same text, read with all units
  const generator = new Generator(0);
  while (!reading.advance(12)) await pause();

  const picture = cloth(units, named);
  const box = el("textarea", {
    id: newId(),
    rows: 1,
    maxlength: LONGEST,
    spellcheck: "false",
    autocapitalize: "off",
    autocomplete: "off",
    oninput: () => {
      stop();
      take(box.value);
    },
    onclick: (/** @type {MouseEvent} */ event) => {
      const { gap } = picture.hit(event.offsetX, 0);
      box.setSelectionRange(gap, gap);
    },
  });
  box.value = file.text;
  const rows = names.map((name, row) =>
    el("button", { type: "button", onclick: () => choose(units[row]), onkeydown: move }, name)
  );

  const caretAt = () => box.selectionEnd;
  const nameOf = (/** @type {number} */ one) => {
    const row = units.indexOf(one);
    return row < named ? `unit ${one} (${names[row]})` : `unit ${one}`;
  };

  // ---- what is shown

  /** The scores of what follows a letter; before the first, the state is zeros. @param {number} k */
  const scoresAfter = (k, read = reading) => k < 0 ? whole.parameters[5].data : read.at(k).logits;

  /** @param {number} [from] the first letter whose state is new */
  const update = (from = text.letters.length) => {
    const shown = pointed.unit < 0 ? unit : pointed.unit;
    const at = pointed.letter < 0 ? caretAt() - 1 : pointed.letter;
    const { letters } = text;
    picture.update({
      letters,
      states: reading.states,
      unit: shown,
      silent: isSilent ? unit : -1,
      caret: caretAt(),
      at,
    }, from);

    const p = probabilities(scoresAfter(at));
    // With a unit silenced, the letters keep their places, and their bars show what they had before.
    const was = isSilent ? probabilities(scoresAfter(at, intact)) : p;
    ranked(was).slice(0, bars.length).forEach((id, k) => {
      const [letter, bar, share] = bars[k].children;
      letter.textContent = show(chars[id]);
      /** @type {HTMLElement} */ (bar.firstElementChild).style.width = `${100 * p[id]}%`;
      /** @type {HTMLElement} */ (bar).style.setProperty(
        "--was",
        isSilent ? `${100 * was[id]}%` : "0",
      );
      share.textContent = isSilent ? `${percent(was[id])} → ${percent(p[id])}` : percent(p[id]);
    });

    const row = units.indexOf(shown);
    rows.forEach((one, k) => {
      one.setAttribute("aria-pressed", String(k === Math.min(row, named)));
      one.classList.toggle("hero-silent", isSilent && k === Math.min(units.indexOf(unit), named));
    });
    rows[named].replaceChildren(...(row < named ? others : [`unit ${shown}`]));
    const held = number(reading.states[(at + 1) * units.length + shown], 2);
    const isHeard = !isSilent || shown !== unit;
    let words = at < 0
      ? "It has read nothing: its state is all zeros, and it guesses what is common in any text."
      : isHeard
      ? `After “${show(letters[at])}”, ${nameOf(shown)} holds ${held}.`
      : `Unit ${unit} has been set to 0 after each character. Here it computed ${held}, and the ` +
        "network is given 0.";
    if (isSilent && (isHeard || at < 0)) {
      words += ` Unit ${unit} is silenced: the network reads 0 in its place.`;
    }
    if (unknown) words = `Left out, because the network has never read ${unknown}`;
    says.textContent = words;
    const [first, second] = ranked(p).map((id) => `“${show(chars[id])}” at ${percent(p[id])}`);
    const next = `Next it expects ${first}, then ${second}.`;
    picture.canvas.setAttribute("aria-label", `The states of the network. ${words} ${next}`);
    say(root, `${words} ${next}`);
  };

  /** Read a text; what it has in common with the one before is not read again. @param {string} next */
  const take = (next) => {
    const known = parseText(next, chars);
    const letters = known.letters.filter((_, k) => known.places[k] >= 0);
    const strange = known.letters.filter((_, k) => known.places[k] < 0);
    const left = [...new Set(strange)];
    unknown = left.length ? `${left.length > 1 ? "them" : "it"}: ${left.join(" ")}` : "";
    text = { ...known, letters };
    if (letters.length < known.letters.length) {
      const end = caretAt();
      box.value = letters.join("");
      box.setSelectionRange(end - 1, end - 1);
    }
    reading = startReading(model, known.ids, reading);
    const from = reading.done;
    while (!reading.advance(1000));
    intact = isSilent ? startReading(whole, known.ids, intact) : reading;
    while (!intact.advance(1000));
    update(from);
  };

  /** @param {number} next */
  const choose = (next) => {
    unit = next;
    pointed = { unit: -1, letter: -1 };
    if (isSilent) silence();
    else update();
  };

  /** Read the text again, with or without the unit. */
  const silence = () => {
    model = isSilent ? withoutUnits(whole, [unit]) : whole;
    take(box.value);
  };

  // ---- what the reader does

  /** @param {KeyboardEvent} event */
  function move(event) {
    const { key, ctrlKey, altKey, metaKey } = event;
    const down = key === "ArrowDown" ? 1 : key === "ArrowUp" ? -1 : 0;
    const right = key === "ArrowRight" ? 1 : key === "ArrowLeft" ? -1 : 0;
    if (ctrlKey || altKey || metaKey || !(down || right)) return;
    event.preventDefault();
    if (right) {
      const end = Math.max(0, Math.min(text.letters.length, caretAt() + right));
      box.setSelectionRange(end, end);
      return update();
    }
    const focused = rows.indexOf(/** @type {HTMLButtonElement} */ (event.currentTarget));
    const at = focused < named ? focused : Math.max(named, units.indexOf(unit));
    const row = Math.max(0, Math.min(units.length - 1, at + down));
    choose(units[row]);
    rows[Math.min(row, named)].focus();
  }

  /** @param {PointerEvent} event */
  const point = ({ offsetX, offsetY, type, pointerType }) => {
    if (type === "pointermove" && pointerType === "touch") return; // a finger scrolls
    pointed = picture.hit(offsetX, offsetY);
    if (type !== "pointerdown") return update();
    if (pointed.letter >= 0) box.setSelectionRange(pointed.letter + 1, pointed.letter + 1);
    if (pointed.unit >= 0) choose(pointed.unit);
  };
  for (const type of ["pointermove", "pointerdown"]) {
    picture.canvas.addEventListener(type, /** @type {EventListener} */ (point));
  }
  picture.canvas.addEventListener("pointerleave", () => {
    pointed = { unit: -1, letter: -1 };
    update();
  });
  document.addEventListener("selectionchange", () => {
    if (document.activeElement === box) update();
  });

  // ---- the buttons

  let timer = 0;
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
    writing.textContent = "Let it write";
    stage.classList.remove("hero-writing");
    if (wrote) say(root, `It wrote: ${wrote}`);
    wrote = "";
  };
  const write = (left = WRITES) => {
    for (; left && text.letters.length < LONGEST; left--) {
      const p = probabilities(scoresAfter(text.letters.length - 1), TEMPERATURE);
      const char = chars[drawId(p, generator)];
      wrote += char;
      box.value = text.letters.join("") + char;
      box.setSelectionRange(LONGEST, LONGEST);
      take(box.value);
      if (!isCalm()) {
        timer = setTimeout(write, PAUSE, left - 1);
        return;
      }
    }
    stop();
  };
  const writing = button("Let it write", () => {
    if (timer) return stop();
    writing.textContent = "Stop";
    stage.classList.add("hero-writing");
    write();
  });
  const silencing = button("Silence this unit", () => {
    isSilent = !isSilent;
    silencing.setAttribute("aria-pressed", String(isSilent));
    silence();
  }, { "aria-pressed": "false" });
  const forgetting = button("Forget everything", () => {
    stop();
    take(box.value = "");
    box.focus();
  });

  stage.querySelector("label")?.setAttribute("for", box.id);
  part("view").replaceChildren(picture.canvas, box, picture.caret);
  part("rows").replaceChildren(...rows.map((row) => el("li", {}, row)));
  part("buttons").replaceChildren(writing, forgetting, silencing);
  root.append(stage);
  box.setSelectionRange(LONGEST, LONGEST);
  update(0);
  return {
    get states() {
      return reading.states;
    },
    get text() {
      return box.value;
    },
  };
};
