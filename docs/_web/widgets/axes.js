// The part `axes`: one tensor of letters, the way that the state takes through it, and the shapes of
// a layer that reads it. batch_first turns the way.
import { letterAt, readAs } from "../core/axes.js";
import { tuple } from "../core/formats.js";
import { layerShapes } from "../core/layer-shapes.js";
import { el, keep, put, setText, svg } from "../ui/elements.js";
import { check, slider } from "../ui/fields.js";
import { readout } from "../ui/readout.js";
import { box, compare, draw, grouped, unitOf } from "./explorer.js";

/** @import { Mount } from "./define.js" */

const [WIDE, HIGH, LEFT, TOP] = [42, 34, 84, 26]; // of a cell; room for the names of the axes
const MOST = [6, 8];
const RNN = /** @type {const} */ ("RNN");

/**
 * The letters, those of the first text in color, and arrows along the texts, which turn.
 * @param {SVGGElement} names @param {SVGGElement} cells
 * @param {number[]} axes @param {boolean} first
 */
const drawWay = (names, cells, [rows, columns], first) => {
  const [over, beside] = keep(names, 2, () => svg("text", {}));
  put(over, { x: LEFT + (columns * WIDE) / 2, y: 14 });
  put(beside, { x: 34, y: TOP + (rows * HIGH) / 2 + 5 });
  setText(over, `axis 1: ${columns}`);
  setText(beside, `axis 0: ${rows}`);
  const length = (first ? WIDE : HIGH) - 23;
  const make = () => svg("g", {}, svg("text", { y: 5 }), svg("path", {}));
  keep(cells, rows * columns, make).forEach((cell, k) => {
    const [row, column] = [Math.floor(k / columns), k % columns];
    const [letter, arrow] = /** @type {SVGElement[]} */ ([...cell.children]);
    put(cell, {
      transform: `translate(${LEFT + (column + 0.5) * WIDE} ${TOP + (row + 0.5) * HIGH})`,
    });
    setText(letter, letterAt(row, column));
    letter.setAttribute("class", (first ? row : column) ? "" : "play-letter");
    put(arrow, { d: `M11 0h${length}m-5 -4l5 4l-5 4` });
    arrow.style.transform = `rotate(${first ? 0 : 90}deg)`;
    arrow.classList.toggle("play-gone", first ? column === columns - 1 : row === rows - 1);
  });
};

/** @type {Mount} */
export const mount = (root) => {
  const axes = [3, 5];
  let [input_size, hidden_size, batch_first] = [4, 2, true];
  const optionsNow = () => {
    const { batch_size, length } = readAs(axes, batch_first);
    return { mode: RNN, input_size, hidden_size, batch_first, batch_size, length };
  };
  let before = layerShapes(optionsNow());
  const size = (
    /** @type {string} */ label,
    /** @type {number} */ value,
    /** @type {[number, number]} */ [least, most],
    /** @type {(value: number) => void} */ set,
  ) =>
    slider({
      label,
      least,
      most,
      value,
      onInput(now) {
        set(Number(now));
        render();
      },
    }).element;
  const first = check({
    label: "batch_first",
    value: true,
    onInput(value) {
      batch_first = value;
      render();
    },
  });
  const picture = svg("svg", {
    role: "img",
    "aria-label": "letters and arrows",
    viewBox: `0 0 ${LEFT + MOST[1] * WIDE} ${TOP + MOST[0] * HIGH}`,
  });
  const [names, cells] = [svg("g", {}), svg("g", { class: "play-way-cells" })];
  picture.append(names, cells);
  const boxes = el("ul", { class: "play-shape-boxes" });
  const said = readout(root, true);
  root.append(
    el(
      "div",
      { class: "play-shape-sizes" },
      size("axis 0", axes[0], [1, MOST[0]], (n) => (axes[0] = n)),
      size("axis 1", axes[1], [1, MOST[1]], (n) => (axes[1] = n)),
      size("axis 2, input_size", input_size, [4, 16], (n) => (input_size = n)),
      size("hidden_size", hidden_size, [1, 16], (n) => (hidden_size = n)),
    ),
    el("div", { class: "play-row" }, first.element),
    el("figure", { class: "play-way" }, picture),
    said.element,
    boxes,
  );
  const render = () => {
    const { batch_size, length, texts } = readAs(axes, batch_first);
    const now = layerShapes(optionsNow());
    const { marks } = compare(before, now);
    const unit = unitOf(now);
    const tensors = now.tensors.filter(({ name }) => name !== "h_0");
    const all = [...tensors.map((tensor) => [tensor]), ...grouped(now.parameters)];
    boxes.replaceChildren(...all.map((alike) => box(alike, draw(alike[0], unit, ""), marks)));
    before = now;
    drawWay(names, cells, axes, batch_first);
    picture.setAttribute("viewBox", `0 0 ${LEFT + MOST[1] * WIDE} ${TOP + axes[0] * HIGH}`);
    const [, output, last] = tensors.map(({ shape }) => tuple(shape));
    const many = (/** @type {number} */ n, /** @type {string} */ what) =>
      `${n} ${what}${n === 1 ? "" : "s"}`;
    const text = `\`batch_first=${batch_first ? "True" : "False"}\`: the tensor ` +
      `\`${tuple([...axes, input_size])}\` is ${many(batch_size, "text")} of ` +
      `${many(length, "letter")}, ${batch_size === 1 ? "" : "the first of them "}` +
      `“${texts[0]}”. Its state goes ${batch_first ? "along the row" : "down the column"}. ` +
      `\`output\` is \`${output}\`, \`h_n\` is \`${last}\`, ` +
      `and the layer has ${now.parameter_count} parameters.`;
    picture.setAttribute("aria-label", text.replaceAll("`", ""));
    said.set(text);
  };
  render();
};
