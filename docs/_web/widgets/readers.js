// The part `readers`: an RNN, a GRU, an LSTM and attention read one line, one below the other, and
// say which capital was in it. benchmarks/readers.py trained them.
import { number } from "../core/formats.js";
import { Generator } from "../core/network.js";
import { keeps, readersOf } from "../core/readers.js";
import { el, onTheme, scroll, table } from "../ui/elements.js";
import { button, slider } from "../ui/fields.js";
import { boxLine } from "../ui/line.js";
import { load } from "../ui/load.js";
import { player } from "../ui/player.js";
import { readout } from "../ui/readout.js";

/** @import { Readers, Reading } from "../core/readers.js" */
/** @import { Row } from "../ui/line.js" */

const LONGEST = 48; // letters in the line
const CELL = 12; // of the table of weights, in pixels of its picture
const AT_ONCE = "attention";

/** Every first piece of two. @param {string} text @param {number} k */
const italic = (text, k) => k ? text : el("i", {}, text);

/** The rows of a reader: what it has read, and how sure it is of the capital. @param {string} name */
const rowsOf = (name, isFirst = true) => /** @type {Row[]} */ ([
  { name: `${name} read`, kind: "boxes", color: "memory", height: 14, title: name },
  {
    name,
    kind: "bars",
    color: "output",
    height: 44,
    most: 1,
    ticks: isFirst ? [[0, "0"], [1, "1"]] : [],
  },
]);

/** @param {HTMLElement} root @param {URLSearchParams} options */
export const mount = async (root, options) => {
  /** @type {Readers} */
  const record = await load("readers.js");
  const { chars, capitals, hidden } = record;
  const wanted = options.get("readers")?.split(" ");
  const readers = readersOf(record).filter(([name]) => wanted?.includes(name) ?? true);
  const generator = new Generator(0);
  const letters = new Int32Array(LONGEST);
  let T = matchMedia("(max-width: 40rem)").matches ? 16 : Number(options.get("length") ?? 40);
  let [place, capital, done] = [0, 0, 0]; // where the capital is, which one, and how many are read
  /** @type {[string, Reading][]} */
  let readings = [];

  const line = boxLine({
    label: "The line, and below it the readers",
    rows: [
      { name: "letters", kind: "boxes", color: "input" },
      ...readers.flatMap(([name], k) => rowsOf(name, !k)),
    ],
    onPick(k) {
      place = k;
      readAll();
    },
  });
  const canvas = el("canvas", { class: "play-readers-square", role: "img" });
  const square = el(
    "div",
    {},
    canvas,
    el("p", { class: "play-note" }, "row: who looks, column: at whom"),
  );
  const frame = scroll("What each reader says, and what it costs");
  const said = readout(root);

  const readAll = () => {
    const ids = letters.slice(0, T);
    ids[place] = capital;
    readings = readers.map(([name, read]) => [name, read(ids, capital)]);
    draw();
  };
  /** @param {string} name */
  const readBy = (name) => name === AT_ONCE && done > 0 ? T : done;
  const draw = () => {
    const ids = Array.from(letters.slice(0, T), (id, k) => (k === place ? capital : id));
    /** @type {Record<string, object>} */
    const rows = {};
    for (const [name, { sure }] of readings) {
      const read = readBy(name);
      rows[`${name} read`] = {
        fills: ids.map((_, k) => k >= read ? 0 : name !== AT_ONCE && k < read - 1 ? 0.4 : 0.8),
        off: ids.map((_, k) => k >= read),
      };
      rows[name] = { values: Array.from(sure, (p, k) => (k < read ? p : null)) };
    }
    const answers = readings.map(([name, { says }]) => {
      if (readBy(name) < T) return { name, says: "…", isRight: true };
      return { name, says: chars[says], isRight: says === capital };
    });
    line.update({
      count: T,
      at: place,
      flag: "the capital",
      label: `${ids.map((id) => chars[id]).join("")}. ${words(answers)}`,
      letters: { texts: ids.map((id) => chars[id]), fills: ids.map(() => 0.25) },
      ...rows,
    });
    frame.replaceChildren(
      table(
        "",
        ["", "says", "waited", "keeps", "comparisons"],
        answers.map(({ name, says, isRight }) => [
          name,
          el(
            "span",
            isRight ? {} : { class: "play-wrong-answer" },
            says === "…" ? says : `${says} ${isRight ? "✓" : "✗"}`,
          ),
          name === AT_ONCE ? "0" : `${Math.max(0, done - 1)} of ${T - 1}`,
          keeps(name, hidden, T).toLocaleString("en"),
          name === AT_ONCE ? ((T * (T + 1)) / 2).toLocaleString("en") : "0",
        ]),
      ),
    );
    paint();
    said.set(words(answers));
  };
  /** @param {{name: string, says: string, isRight: boolean}[]} answers */
  const words = (answers) => {
    if (done < T) {
      return `${done} of ${T} letters are read. ` +
        (done && readers.some(([name]) => name === AT_ONCE)
          ? "Attention has read all of them at once, and the others still wait."
          : "");
    }
    const back = T - 1 - place;
    const wrong = answers.filter(({ isRight }) => !isRight).map(({ name }) => name);
    const sure = readings.map(([name, { sure }]) => `${name} ${number(sure[T - 1], 2)}`);
    return `The “${chars[capital]}” is ${back} ${back === 1 ? "letter" : "letters"} back. ` +
      `${wrong.length ? `Wrong: ${wrong.join(", ")}.` : "All are right."} ` +
      `How probable they find it at the end: ${sure.join(", ")}.`;
  };
  const paint = () => {
    const weights = readings.find(([name]) => name === AT_ONCE)?.[1].table;
    if (!weights) return square.remove();
    canvas.setAttribute("aria-label", `Attention's table of weights, ${T} rows and columns`);
    canvas.width = canvas.height = T * CELL;
    const pen = canvas.getContext("2d");
    if (!pen) return;
    const style = getComputedStyle(root);
    pen.fillStyle = style.getPropertyValue("--play-soft");
    pen.fillRect(0, 0, T * CELL, T * CELL);
    pen.fillStyle = style.getPropertyValue("--memory") || style.color;
    for (let t = 0; t < T; t++) {
      for (let j = 0; j <= t; j++) {
        pen.globalAlpha = 0.12 + 0.88 * weights[t * T + j];
        if (done) pen.fillRect(j * CELL, t * CELL, CELL, CELL);
      }
    }
    pen.globalAlpha = 1;
  };
  const steps = player({
    label: "letters read",
    least: 0,
    most: T,
    value: 0,
    pace: 70,
    onInput(n) {
      done = n;
      draw();
    },
  });
  const size = slider({
    label: "Length of the line",
    least: 3,
    most: LONGEST,
    value: T,
    onInput(value) {
      T = done = Number(value);
      place = Math.min(place, T - 1);
      steps.stop();
      steps.most(T);
      steps.set(T);
      readAll();
    },
  });
  const drawLine = () => {
    for (let k = 0; k < LONGEST; k++) {
      letters[k] = capitals + generator.random() % (chars.length - capitals);
    }
    capital = generator.random() % capitals;
    readAll();
  };
  root.append(
    el("div", { class: "play-beside" }, size.element, steps.element),
    line.element,
    el(
      "div",
      { class: "play-readers-costs" },
      el("div", {}, frame, button("Other letters", drawLine)),
      square,
    ),
    el(
      "p",
      { class: "play-note" },
      ...["Waited", ": steps that had to wait for another. "].map(italic),
      ...["Keeps", ": numbers to store before one more letter can be read. "].map(italic),
      ...(wanted ? [] : ["Comparisons", ": of two letters, one weight of attention each."]).map(
        italic,
      ),
    ),
    said.element,
  );
  drawLine();
  onTheme(paint);
  new ResizeObserver(paint).observe(canvas); // its colors are those of the page that it is on
};
