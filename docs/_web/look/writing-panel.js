// Let a network go on from a text: one character at a time, or running until it is stopped. If the
// reader's system asks for less motion, what it writes appears in a few pieces.
import { number, show } from "../core/formats.js";
import { createReader, drawId, Generator, probabilities } from "../core/network.js";
import { el, isCalm, scroll } from "../ui/elements.js";
import { button, slider } from "../ui/fields.js";

/** @import { Reading } from "../core/long-reading.js" */

/** @param {string[]} chars @param {{take: (text: string) => void, say: (text: string) => void}} page
 *   take: the reader wants what was written in the text */
export const writingPanel = (chars, { take, say }) => {
  const MOST = 2000; // characters; then it stops by itself
  const TAIL = 60; // characters of the text that are shown in front of what is written

  /** @type {Reading | null} */
  let reading = null;
  /** @type {ReturnType<typeof createReader> | null} */
  let reader = null;
  let generator = new Generator(0);
  /** @type {number[]} */
  let written = [];
  let [temperature, most, seed, timer] = [0.5, chars.length, 0, 0];

  const before = el("span");
  const after = el("mark");
  const shown = scroll("What the network writes", before, after);
  shown.classList.add("play-look-written");
  shown.translate = false;
  const status = el("p", { class: "play-note" });

  const text = () => written.map((id) => chars[id]).join("");
  /** A text whose line ends can be seen. @param {string} text */
  const withLineEnds = (text) =>
    text.split(/(\n)/).filter(Boolean).map((piece) =>
      piece === "\n" ? el("span", { class: "play-look-line" }, piece) : piece
    );
  const draw = () => {
    const tail = Array.from(reading?.ids.slice(-TAIL) ?? [], (id) => chars[id]).join("");
    before.replaceChildren(...withLineEnds(tail));
    after.replaceChildren(...withLineEnds(text()));
    shown.scrollTop = shown.scrollHeight;
    const isEmpty = !reading?.ids.length;
    for (const one of [single, run]) one.setAttribute("aria-disabled", String(isEmpty));
    for (const one of [again, add]) one.setAttribute("aria-disabled", String(!written.length));
    status.textContent = !reading
      ? "The network is still reading the text."
      : isEmpty
      ? "The network needs at least one character that it knows."
      : written.length >= MOST
      ? `It has written ${MOST.toLocaleString("en")} characters, and stops here.`
      : "";
  };

  const restart = () => {
    stop();
    written = [];
    reader = null;
    generator = new Generator(seed);
    draw();
  };

  /** Draw one character and read it. */
  const write = () => {
    if (!reading?.ids.length || written.length >= MOST) return false;
    if (!reader) {
      reader = createReader(reading.model);
      const last = reading.at(reading.ids.length - 1);
      reader.pass.h.set(last.h);
      reader.pass.c.set(last.c);
      reader.pass.logits.set(last.logits);
    }
    const p = probabilities(reader.pass.logits, temperature, most);
    const id = drawId(p, generator);
    written.push(id);
    reader.read(id);
    return true;
  };

  const stop = () => {
    if (!timer) return;
    clearTimeout(timer);
    timer = left = 0;
    draw();
    run.textContent = "Write on";
    run.setAttribute("aria-pressed", "false");
    say(`The network wrote: ${text()}`);
  };
  let left = 0; // characters to write until they are shown
  const slice = () => {
    const begun = performance.now();
    let goesOn = true;
    while (goesOn && left > 0 && performance.now() - begun < 12) {
      goesOn = write();
      left--;
    }
    if (goesOn && left > 0) {
      timer = setTimeout(slice);
      return;
    }
    draw();
    if (!goesOn) return stop();
    left = isCalm() ? 100 : 3;
    timer = setTimeout(slice, isCalm() ? 1000 : 30);
  };

  const single = button("Write one character", () => {
    stop();
    if (!write()) return;
    draw();
    say(`${show(chars[written[written.length - 1]])} is written.`);
  });
  const run = button("Write on", () => {
    if (timer) return stop();
    if (!reading?.ids.length || written.length >= MOST) return;
    run.textContent = "Stop";
    run.setAttribute("aria-pressed", "true");
    timer = setTimeout(slice);
  }, { "aria-pressed": "false" });
  const again = button("Start again", restart);
  const add = button("Add this to your text", () => {
    if (written.length) take(text());
  });

  const dial = slider({
    label: "Temperature τ",
    least: 0,
    most: 2,
    step: 0.05,
    value: temperature,
    help: "At 0 it takes the likeliest character. Below 1 it is careful, and above 1 it is bold.",
    show: (value) => number(value, 2),
    onInput: (value) => void (temperature = Number(value)),
  });
  const top = slider({
    label: "Top-k",
    least: 1,
    most: chars.length,
    value: most,
    help: "It draws among the k likeliest characters.",
    show: (value) => value === chars.length ? `all ${value}` : String(value),
    onInput: (value) => void (most = Number(value)),
  });
  const chance = slider({
    label: "Seed",
    least: 0,
    most: 99,
    value: seed,
    typed: true,
    help: "The same seed and settings write the same text.",
    onInput(value) {
      const isRight = /^\d{1,15}$/.test(String(value).trim());
      chance.error(isRight ? "" : "The seed must be a whole number, 0 or more.");
      if (!isRight) return;
      seed = Number(value);
      chance.set(seed);
      restart();
    },
  });
  draw();

  return {
    element: el(
      "section",
      { class: "play-look-write" },
      el("h3", {}, "Let the network go on from your text"),
      el("div", { class: "play-look-dials" }, dial.element, top.element, chance.element),
      el("div", { class: "play-row" }, single, run, again, add),
      shown,
      status,
    ),
    stop,
    /** @param {Reading | null} other null until a text is read */
    update(other) {
      reading = other;
      restart();
    },
  };
};
