// A heat map: the color of a cell is its value, a stroke in it is the minus sign. Below it the
// same numbers unfold as a table.
import { number } from "../core/formats.js";
import { el, onTheme, scroll, table } from "./elements.js";

/**
 * @typedef {object} Heat
 * @property {string} label what the map shows, for readers who do not see it
 * @property {string[]} rowNames
 * @property {string[]} columnNames
 * @property {number} [scale] value of the strongest color; by default the largest value
 * @property {{row?: number, column?: number}} [mark] what is framed: a row, a column, or one cell
 */

export const heatMap = () => {
  const canvas = el("canvas", { role: "img" });
  const box = el("details", { ontoggle: () => draw() }, el("summary", {}, "As a table"));
  const element = el("div", { class: "play-heat" }, canvas, box);
  /** @type {ArrayLike<number>} */
  let values = [];
  /** @type {Heat} */
  let how = { label: "", rowNames: [], columnNames: [] };

  const draw = () => {
    const { label, rowNames, columnNames } = how;
    const [rows, columns] = [rowNames.length, columnNames.length];
    if (!rows || !columns) return;
    const scale = how.scale ?? Math.max(1e-12, ...Array.from(values, Math.abs));
    canvas.setAttribute(
      "aria-label",
      `${label}: ${rows} rows, ${columns} columns, colors from ${number(-scale, 2)} to ` +
        number(scale, 2),
    );
    const wide = element.clientWidth || 320;
    const side = Math.max(2, Math.min(20, Math.floor(wide / columns)));
    const density = devicePixelRatio || 1;
    canvas.width = columns * side * density;
    canvas.height = rows * side * density;
    canvas.style.width = `${columns * side}px`;
    const pen = canvas.getContext("2d");
    if (!pen) return;
    pen.scale(density, density);
    drawCells(pen, side, scale);
    drawFrame(pen, side);
    if (box.open) fillTable();
  };

  const ink = (/** @type {string} */ name) =>
    getComputedStyle(element).getPropertyValue(`--play-${name}`).trim();

  /**
   * @param {CanvasRenderingContext2D} pen @param {number} side of a cell
   * @param {number} scale value of the strongest color
   */
  const drawCells = (pen, side, scale) => {
    const columns = how.columnNames.length;
    const gap = side > 5 ? 1 : 0;
    const [zero, minus, plus, stroke] = ["zero", "minus", "plus", "cell"].map(ink);
    for (let k = 0; k < how.rowNames.length * columns; k++) {
      const [x, y] = [(k % columns) * side, Math.floor(k / columns) * side];
      const share = Math.min(1, Math.abs(values[k]) / scale);
      pen.globalAlpha = 1;
      pen.fillStyle = zero;
      pen.fillRect(x, y, side - gap, side - gap);
      pen.globalAlpha = share;
      pen.fillStyle = values[k] < 0 ? minus : plus;
      pen.fillRect(x, y, side - gap, side - gap);
      if (values[k] < 0 && share > 0.02 && side > 5) {
        pen.globalAlpha = 1;
        pen.fillStyle = stroke;
        pen.fillRect(x + side / 4, y + side / 2 - 1, side / 2 - gap, 1.5);
      }
    }
    pen.globalAlpha = 1;
  };

  /** Frame what is marked. @param {CanvasRenderingContext2D} pen @param {number} side of a cell */
  const drawFrame = (pen, side) => {
    const { rowNames, columnNames, mark = {} } = how;
    const { row, column } = mark;
    if (row === undefined && column === undefined) return;
    const gap = side > 5 ? 1 : 0;
    pen.strokeStyle = ink("ink");
    pen.lineWidth = 2;
    pen.strokeRect(
      (column ?? 0) * side,
      (row ?? 0) * side,
      (column === undefined ? columnNames.length : 1) * side - gap,
      (row === undefined ? rowNames.length : 1) * side - gap,
    );
  };

  const fillTable = () => {
    const { label, rowNames, columnNames } = how;
    const cells = rowNames.map((name, row) => [
      name,
      ...columnNames.map((_, column) => number(values[row * columnNames.length + column])),
    ]);
    box.replaceChildren(box.children[0], scroll(label, table(label, ["", ...columnNames], cells)));
  };

  let wide = 0;
  new ResizeObserver(() => {
    if (element.clientWidth !== wide) draw();
    wide = element.clientWidth;
  }).observe(element);
  onTheme(draw);
  return {
    element,
    /** @param {ArrayLike<number>} numbers row by row @param {Heat} options */
    update(numbers, options) {
      values = numbers;
      how = options;
      draw();
    },
  };
};
