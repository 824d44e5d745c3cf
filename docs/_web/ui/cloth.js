// A text and the states of a network after each of its letters: a line painted by one unit, high
// rows for units with names, and as many of the others as fit as a woven cloth, one thread each. The
// newest letter is at the right edge. docs/_static/hero.svg is a still of the same view.
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

// In pixels, as in hero.css and in hero.svg.
const [COLUMN, MARGIN, TEXT_ROW, NAMED_TOP, NAMED_ROW, CLOTH_TOP, FADE] = [
  11,
  4,
  40,
  46,
  24,
  174,
  33,
];
const PROPERTIES = ["--hero-minus", "--color-background-primary", "--hero-plus"];
export const LONGEST = 600; // letters

/** What is easier to read on a color; where both are alike, they have a contrast of 4.6. */
const readableOn = (/** @type {number[]} */ color) => {
  const [r, g, b] = color.map((c) => c > 10 ? ((c / 255 + 0.055) / 1.055) ** 2.4 : c / 255 / 12.92);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
};

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
  let mono = "";
  /** @type {number[][]} red, green and blue of −1, 0 and 1 */
  let ends = [];
  let above = 0; // threads that lie above the view: arrow keys lead to those below it
  let [wide, high, start] = [0, 0, 0]; // of the canvas; where the first letter begins

  const value = (/** @type {number} */ t, /** @type {number} */ unit) =>
    unit === view.silent ? 0 : view.states[(t + 1) * H + unit];
  const thick = () => high > 300 ? 6 : 5;
  const shown = () => Math.round((high - CLOTH_TOP) / thick());
  /** @param {number} number */
  const colorOf = (number) => {
    const share = Math.min(1, Math.abs(number));
    return ends[1].map((zero, c) => zero + share * (ends[number < 0 ? 0 : 2][c] - zero));
  };
  /** Top and height of a row. @param {number} row @returns {[number, number]} */
  const placeOf = (row) =>
    row < named
      ? [NAMED_TOP + row * NAMED_ROW, NAMED_ROW - 3]
      : [CLOTH_TOP + (row - named - above) * thick(), thick() - 1];

  /** Weave the columns of the letters from one on. @param {number} from */
  const weave = (from) => {
    const count = view.letters.length - from;
    if (count <= 0 || !ends.length) return;
    const image = loom.createImageData(count, threads.length);
    threads.forEach((unit, row) => {
      for (let k = 0; k < count; k++) {
        image.data.set([...colorOf(value(from + k, unit)), 255], 4 * (row * count + k));
      }
    });
    loom.putImageData(image, from, 0);
  };

  /** @param {number} number @param {[number, number, number, number]} box */
  const cell = (number, ...box) => {
    pen.fillStyle = `rgb(${colorOf(number).map(Math.round)})`;
    pen.fillRect(...box);
  };

  const draw = () => {
    if (!ends.length) return;
    const { letters, unit, at, caret } = view;
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
    pen.font = `600 16px ${mono}`;
    pen.textAlign = "center";
    for (let t = first; t < last; t++) {
      const x = start + t * COLUMN;
      cell(value(t, unit), x, 0, COLUMN, TEXT_ROW);
      for (let row = 0; row < named; row++) {
        const [y, height] = placeOf(row);
        cell(value(t, units[row]), x, y, COLUMN - 1, height);
      }
      pen.fillStyle = readableOn(colorOf(value(t, unit)));
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
      const from = [first, above, count, shown()];
      const [left, step] = [start + first * COLUMN, thick()];
      pen.drawImage(woven, ...from, left, CLOTH_TOP, count * COLUMN, shown() * step);
      for (let k = 1; k <= shown(); k++) {
        pen.clearRect(left, CLOTH_TOP + k * step - 1, count * COLUMN, 1);
      }
    }
    const [top, height] = placeOf(units.indexOf(unit));
    pen.strokeStyle = pen.fillStyle = readableOn(ends[1]);
    pen.lineWidth = 2;
    if (count > 0) pen.strokeRect(start + first * COLUMN, top - 1, count * COLUMN - 1, height + 2);
    if (view.silent >= 0) { // its row is empty, and struck out
      const [y, h] = placeOf(units.indexOf(view.silent));
      pen.fillRect(start + first * COLUMN, y + h / 2 - 0.5, count * COLUMN, 1);
    }
    if (at >= 0) pen.strokeRect(start + at * COLUMN - 0.5, 1, COLUMN, high - 1);
    if (start < 0) { // there is more to the left
      const fade = pen.createLinearGradient(0, 0, FADE, 0);
      fade.addColorStop(0, `rgb(${ends[1]})`);
      fade.addColorStop(1, `rgba(${ends[1]},0)`);
      pen.fillStyle = fade;
      pen.fillRect(0, 0, FADE, high);
    }
    beam.style.transform = `translateX(${start + view.caret * COLUMN}px)`; // which shifts no layout
  };

  const readColors = () => {
    const style = getComputedStyle(canvas);
    mono = style.getPropertyValue("--hero-mono");
    ends = PROPERTIES.map((property) => {
      pen.fillStyle = style.getPropertyValue(property).trim(); // then it has six digits
      return [1, 3, 5].map((k) => parseInt(String(pen.fillStyle).slice(k, k + 2), 16));
    });
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
      const row = units.indexOf(view.unit) - named;
      above = row < 0 ? 0 : Math.max(row - shown() + 1, Math.min(above, row));
      weave(from);
      draw();
    },
    /** The letter and the unit at a place of the canvas. @param {number} x @param {number} y */
    hit(x, y) {
      const letter = Math.floor((x - start) / COLUMN);
      const row = y < CLOTH_TOP - 4
        ? Math.min(named - 1, Math.floor((y - NAMED_TOP) / NAMED_ROW))
        : Math.max(named, Math.min(H - 1, named + above + Math.floor((y - CLOTH_TOP) / thick())));
      return {
        letter: letter >= 0 && letter < view.letters.length ? letter : -1,
        unit: y < TEXT_ROW + 3 ? -1 : units[Math.max(0, row)],
        gap: Math.max(0, Math.min(view.letters.length, Math.round((x - start) / COLUMN))),
      };
    },
  };
};
