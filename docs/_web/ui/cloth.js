// A text and the states of a network after each of its letters: a line painted by one unit, thick
// rows for units with names, and all others as a woven cloth, one thread each. The newest letter is
// at the right edge. docs/_ext/live/hero.py draws a still of the same view.
import { show } from "../core/formats.js";
import { el, onTheme } from "./elements.js";

/**
 * @typedef {object} View
 * @property {string[]} letters
 * @property {Float64Array} states (T + 1, H), as of a Reading
 * @property {number} unit that paints the line
 * @property {number} silent a unit that nothing reads, or -1
 * @property {number} caret letters before it
 * @property {number} at the letter whose column is framed, or -1
 */

// In pixels, as in hero.css and in hero.py.
const [COLUMN, MARGIN, TEXT_ROW, NAMED_TOP, NAMED_ROW, CLOTH_TOP, FADE] = [
  11,
  8,
  40,
  46,
  24,
  174,
  33,
];
const PROPERTIES = {
  minus: "--hero-minus",
  zero: "--color-background-primary",
  plus: "--hero-plus",
  lineMinus: "--fill-negative", // behind letters
  linePlus: "--fill-positive",
  letter: "--hero-letter",
};
export const LONGEST = 600; // letters

/**
 * @param {number[]} units all of them, from top to bottom @param {number} named how many have names
 */
export const cloth = (units, named) => {
  const H = units.length;
  const threads = units.slice(named);
  const canvas = el("canvas", { role: "img" });
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const beam = el("i", { class: "hero-caret" });
  const woven = el("canvas", { width: LONGEST, height: threads.length }); // one pixel a number
  const loom = /** @type {CanvasRenderingContext2D} */ (woven.getContext("2d"));
  /** @type {View} */
  let view = {
    letters: [],
    states: new Float64Array(H),
    unit: units[0],
    silent: -1,
    caret: 0,
    at: -1,
  };
  /** @type {Record<string, string>} */
  const colors = {};
  /** @type {number[][]} red, green and blue of −1, 0 and 1 */
  let ends = [];
  let [wide, high, start] = [0, 0, 0]; // of the canvas; where the first letter begins

  const value = (/** @type {number} */ t, /** @type {number} */ unit) =>
    unit === view.silent ? 0 : view.states[(t + 1) * H + unit];
  const thick = () => (high - CLOTH_TOP) / threads.length;
  /** Top and height of a row. @param {number} row @returns {[number, number]} */
  const placeOf = (row) =>
    row < named
      ? [NAMED_TOP + row * NAMED_ROW, NAMED_ROW - 3]
      : [CLOTH_TOP + (row - named) * thick(), thick()];

  /** Weave the columns of the letters from one on. @param {number} from */
  const weave = (from) => {
    const count = view.letters.length - from;
    if (count <= 0 || !ends.length) return;
    const image = loom.createImageData(count, threads.length);
    threads.forEach((unit, row) => {
      for (let k = 0; k < count; k++) {
        const number = value(from + k, unit);
        const share = Math.min(1, Math.abs(number));
        const [zero, end] = [ends[1], ends[number < 0 ? 0 : 2]];
        const pixel = 4 * (row * count + k);
        for (let c = 0; c < 3; c++) image.data[pixel + c] = zero[c] + share * (end[c] - zero[c]);
        image.data[pixel + 3] = 255;
      }
    });
    loom.putImageData(image, from, 0);
  };

  /**
   * @param {number} number @param {string} minus @param {string} plus
   * @param {[number, number, number, number]} box
   */
  const cell = (number, minus, plus, ...box) => {
    pen.fillStyle = number < 0 ? minus : plus;
    pen.globalAlpha = Math.min(1, Math.abs(number));
    pen.fillRect(...box);
    pen.globalAlpha = 1;
  };

  const draw = () => {
    if (!ends.length) return;
    const { letters, unit, at, caret } = view;
    const { minus, plus, lineMinus, linePlus } = colors;
    const density = devicePixelRatio || 1;
    if (canvas.width !== wide * density) canvas.width = wide * density;
    if (canvas.height !== high * density) canvas.height = high * density;
    pen.setTransform(density, 0, 0, density, 0, 0);
    pen.clearRect(0, 0, wide, high);
    const fits = wide - MARGIN;
    start = Math.min(0, fits - letters.length * COLUMN);
    start = Math.min(0, Math.max(start, 2 * COLUMN - caret * COLUMN)); // the caret is in view
    const first = Math.max(0, Math.floor(-start / COLUMN));
    const last = Math.min(letters.length, Math.ceil((fits - start) / COLUMN));
    pen.font = `600 16px ${colors.mono}`;
    pen.textAlign = "center";
    for (let t = first; t < last; t++) {
      const x = start + t * COLUMN;
      cell(value(t, unit), lineMinus, linePlus, x, 0, COLUMN, TEXT_ROW);
      for (let row = 0; row < named; row++) {
        const [y, height] = placeOf(row);
        cell(value(t, units[row]), minus, plus, x, y, COLUMN - 1, height);
      }
      pen.fillStyle = colors.letter;
      pen.globalAlpha = 0.55;
      if (value(t, unit) < -0.1) pen.fillRect(x, 1, COLUMN, 2); // the sign, without color
      pen.globalAlpha = letters[t] === "\n" ? 0.55 : 1;
      pen.fillText(letters[t] === " " ? " " : show(letters[t]), x + COLUMN / 2, 26);
      pen.globalAlpha = 1;
    }
    pen.imageSmoothingEnabled = false;
    const count = last - first;
    if (count > 0) {
      /** @type {[number, number, number, number]} */
      const from = [first, 0, count, threads.length];
      pen.drawImage(
        woven,
        ...from,
        start + first * COLUMN,
        CLOTH_TOP,
        count * COLUMN,
        high - CLOTH_TOP,
      );
    }
    const row = units.indexOf(unit);
    const [top, height] = placeOf(row);
    pen.strokeStyle = pen.fillStyle = colors.letter;
    pen.lineWidth = 2;
    if (count > 0) pen.strokeRect(start + first * COLUMN, top - 1, count * COLUMN - 1, height + 2);
    if (view.silent >= 0) { // its row is empty, and struck out
      const [y, h] = placeOf(units.indexOf(view.silent));
      pen.fillRect(start + first * COLUMN, y + h / 2 - 0.5, count * COLUMN, 1);
    }
    if (at >= 0) pen.strokeRect(start + at * COLUMN - 0.5, 1, COLUMN, high - 1);
    if (start < 0) { // there is more to the left
      const fade = pen.createLinearGradient(0, 0, FADE, 0);
      fade.addColorStop(0, colors.zero);
      fade.addColorStop(1, `${colors.zero}00`);
      pen.fillStyle = fade;
      pen.fillRect(0, 0, FADE, high);
    }
    beam.style.transform = `translateX(${start + view.caret * COLUMN}px)`; // which shifts no layout
  };

  const readColors = () => {
    const style = getComputedStyle(canvas);
    for (const [name, property] of Object.entries(PROPERTIES)) {
      pen.fillStyle = style.getPropertyValue(property).trim();
      colors[name] = String(pen.fillStyle); // as six digits
    }
    colors.mono = style.getPropertyValue("--hero-mono");
    ends = ["minus", "zero", "plus"].map((name) =>
      [1, 3, 5].map((place) => parseInt(colors[name].slice(place, place + 2), 16))
    );
  };
  new ResizeObserver(() => {
    [wide, high] = [canvas.clientWidth, canvas.clientHeight];
    if (ends.length) return draw();
    onTheme(() => { // now it is on the page, and has colors
      readColors();
      weave(0);
      draw();
    });
  }).observe(canvas);
  return {
    canvas,
    caret: beam,
    /** @param {View} next @param {number} from the first letter whose state is new */
    update(next, from) {
      view = next;
      weave(from);
      draw();
    },
    /** The letter and the unit at a place of the canvas. @param {number} x @param {number} y */
    hit(x, y) {
      const letter = Math.floor((x - start) / COLUMN);
      const row = y < CLOTH_TOP - 4
        ? Math.min(named - 1, Math.floor((y - NAMED_TOP) / NAMED_ROW))
        : Math.max(named, Math.min(H - 1, named + Math.floor((y - CLOTH_TOP) / thick())));
      return {
        letter: letter >= 0 && letter < view.letters.length ? letter : -1,
        unit: y < TEXT_ROW + 3 ? -1 : units[Math.max(0, row)],
        gap: Math.max(0, Math.min(view.letters.length, Math.round((x - start) / COLUMN))),
      };
    },
  };
};
