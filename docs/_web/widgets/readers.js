// The part `readers`: an RNN, a GRU, an LSTM, attention and a matrix state read one line, one below
// the other, and say which capital was in it. benchmarks/readers.py trained them.
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

/**
 * The rows of a reader: what it has read, and how sure it is of the capital.
 * @param {string} name @param {number} height of the bars' room
 */
const rowsOf = (name, height, isFirst = true) => /** @type {Row[]} */ ([
  { name: `${name} read`, kind: "boxes", color: "memory", height: 14, title: name },
  {
    name,
    kind: "bars",
    color: "output",
    height,
    most: 1,
    ticks: isFirst ? [[0, "0"], [1, "1"]] : [],
  },
]);

/** A square picture, and below it what its rows and columns are. @param {string} note */
const squareOf = (note) => {
  const canvas = el("canvas", { class: "play-readers-square", role: "img" });
  return { canvas, element: el("div", {}, canvas, el("p", { class: "play-note" }, note)) };
};

/** @param {HTMLElement} root @param {URLSearchParams} options */
export const mount = async (root, options) => {
  /** @type {Readers} */
  const record = await load("readers.js");
  const { chars, capitals, hidden } = record;
  const wanted = options.get("readers")?.split(" ");
  if (!wanted?.every((name) => name in record.networks)) {
    Object.assign(record.networks, await load("readers-others.js"));
  }
  const readers = readersOf(record).filter(([name]) => wanted?.includes(name) ?? true);
  const generator = new Generator(0);
  const letters = new Int32Array(LONGEST);
  const isNarrow = matchMedia("(max-width: 40rem)").matches;
  const room = isNarrow && !wanted ? 30 : 44; // so that all of them fit on the screen of a phone
  let T = isNarrow ? 16 : Number(options.get("length") ?? 40);
  let [place, capital, done] = [0, 0, 0]; // where the capital is, which one, and how many are read
  /** @type {[string, Reading][]} */
  let readings = [];

  const line = boxLine({
    label: "The line, and below it the readers",
    rows: [
      { name: "letters", kind: "boxes", color: "input" },
      ...readers.flatMap(([name], k) => rowsOf(name, room, !k)),
    ],
    onPick(k) {
      place = k;
      readAll();
    },
  });
  const looks = squareOf("attention: rows look at columns");
  const matrix = squareOf("matrix: rows value, columns key");
  const frame = scroll("What each reader says, and what it costs");
  const said = readout(root);

  /** The letters of the line. */
  const shown = () => Array.from(letters.slice(0, T), (id, k) => (k === place ? capital : id));
  const readAll = () => {
    const ids = shown();
    readings = readers.map(([name, read]) => [name, read(ids, capital)]);
    draw();
  };
  /** @param {string} name */
  const readBy = (name) => name === AT_ONCE && done > 0 ? T : done;
  const draw = () => {
    const ids = shown();
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
          ? "Attention has read all at once, and the others wait. (The matrix need not: its steps " +
            "can be joined in pieces first.)"
          : "");
    }
    const back = T - 1 - place;
    const wrong = answers.filter(({ isRight }) => !isRight).map(({ name }) => name);
    const sure = readings.map(([name, { sure }]) => `${name} ${number(sure[T - 1], 2)}`);
    return `The “${chars[capital]}” is ${back} ${back === 1 ? "letter" : "letters"} back. ` +
      `${wrong.length ? `Wrong: ${wrong.join(", ")}.` : "All are right."} ` +
      `Its probability at the end: ${sure.join(", ")}.`;
  };
  /**
   * Paint so many rows and columns of cells, each of a color and so strong, with a stroke for minus.
   * @param {HTMLCanvasElement} canvas @param {string} label @param {number} count
   * @param {string} ground @param {(k: number) => [string, number, boolean?]} cell row by row
   */
  const paintSquare = (canvas, label, count, ground, cell) => {
    canvas.setAttribute("aria-label", `${label}, ${count} rows and columns`);
    canvas.width = canvas.height = count * CELL;
    const pen = canvas.getContext("2d");
    const style = getComputedStyle(root);
    let before = "";
    const fill = (/** @type {string} */ color, strength = 1, /** @type {number[]} */ ...box) => {
      if (!pen || !strength) return;
      const [x, y, wide, high] = box.map((cells) => cells * CELL);
      pen.globalAlpha = strength;
      if (color !== before) pen.fillStyle = style.getPropertyValue(before = color) || style.color;
      pen.fillRect(x, y, wide, high);
    };
    fill(ground, 1, 0, 0, count, count);
    for (let k = 0; k < count * count; k++) {
      const [x, y] = [k % count, Math.floor(k / count)];
      const [color, strength, isMinus = false] = cell(k);
      fill(color, strength, x, y, 1, 1);
      if (isMinus) fill("--play-cell", 1, x + 0.25, y + 0.42, 0.5, 0.16);
    }
  };
  const paint = () => {
    for (const [, { table: weights, states }] of readings) {
      if (weights) {
        paintSquare(looks.canvas, "Attention's table of weights", T, "--play-soft", (k) => {
          const isSeen = done && k % T <= Math.floor(k / T);
          return ["--memory", isSeen ? 0.12 + 0.88 * weights[k] : 0];
        });
      }
      if (states) {
        const most = states.reduce((least, value) => Math.max(least, Math.abs(value)), 0);
        const label = `The matrix after ${done} letters`;
        paintSquare(matrix.canvas, label, hidden, "--play-zero", (k) => {
          const value = done ? states[(done - 1) * hidden ** 2 + k] / most : 0;
          return [value < 0 ? "--play-minus" : "--play-plus", Math.abs(value), value < -0.1];
        });
      }
    }
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
      place = Math.min(place, Number(value) - 1);
      steps.most(Number(value));
      readTo(Number(value));
    },
  });
  /** Read a line of this length to its end. @param {number} length */
  const readTo = (length) => {
    T = done = length;
    steps.stop();
    steps.set(T);
    readAll();
  };
  /** Let two letters change places; the last one, which asks, stays. */
  const swap = () => {
    const ids = shown().slice(0, -1);
    const pairs = ids.flatMap((id, i) =>
      ids.flatMap((other, j) => i < j && id !== other ? [[i, j]] : [])
    );
    if (!pairs.length) return said.set("All letters before the last one are the same.");
    const [i, j] = pairs[generator.random() % pairs.length];
    const before = readings;
    [letters[i], letters[j]] = [letters[j], letters[i]]; // one may be under the capital
    place = place === i ? j : place === j ? i : place;
    readTo(T);
    const changes = readings.map(([name, { sure }], k) => {
      const change = Math.abs(sure[T - 1] - before[k][1].sure[T - 1]);
      return `${name} ${change < 1e-12 ? "0" : change < 1e-4 ? "<0.0001" : number(change, 4)}`;
    });
    said.set(
      `Letters ${i + 1} and ${j + 1} are swapped. The last bar changes by: ${changes.join(", ")}.`,
    );
  };
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
      el(
        "div",
        {},
        frame,
        button("Other letters", drawLine),
        wanted ? null : button("Swap two letters", swap),
      ),
      ...(wanted ? [] : [looks.element, matrix.element]),
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
  new ResizeObserver(paint).observe(looks.canvas); // its colors are those of the page that it is on
};
