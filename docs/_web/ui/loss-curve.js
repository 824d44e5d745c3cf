// The loss over the epochs, with the losses that are worth comparing it with.
import { fine, number } from "../core/formats.js";
import { contexts, lossFloor } from "../core/training.js";
import { el, svg } from "./elements.js";

/** @import { TrainedRun } from "../core/training.js" */

/** @typedef {{name: string, loss: number, floor?: boolean}} Level */

/**
 * @typedef {object} Curve
 * @property {number[]} losses
 * @property {number[]} before losses of the run before; may be empty
 * @property {number} epochs how many there will be
 * @property {number} epoch that the reader looks at
 * @property {Level[]} levels
 *
 * @typedef {{x: string, y: string, each: number, from: number}} Words what the axes say: `each` of x are an
 *   epoch, and the first one is number `from`
 */

const EDGE = { left: 34, right: 10, top: 18, bottom: 26 };
const LINE = 15; // of text

/**
 * The loss without any knowledge, that of a table of letter pairs, and the floor of a network
 * without an output layer.
 * @param {TrainedRun} run @returns {Level[]}
 */
export const levelsOf = ({ settings, chars, pass }) => {
  const ids = [pass.x[0], ...Array.from(pass.y)];
  const V = chars.length;
  const known = contexts(ids, 1).loss;
  const all = [{ name: `knowing nothing, ln ${V}`, loss: Math.log(V) }];
  if (known > 0.05) all.push({ name: "table of letter pairs", loss: known });
  const floor = { name: "floor", loss: lossFloor(V), floor: true };
  return settings.outputLayer ? all : [...all, floor];
};

/** From 0, at most `count` equal steps of 1, 2 or 5 times a power of ten. */
const ticks = (/** @type {number} */ most, /** @type {number} */ count) => {
  const power = 10 ** Math.floor(Math.log10(most / count));
  const step = power * ([1, 2, 5].find((n) => (n * power * count) / most >= 1) ?? 10);
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, k) => k * step);
};

const label = (
  /** @type {number} */ x,
  /** @type {number} */ y,
  /** @type {string} */ anchor,
  /** @type {string} */ text,
) => svg("text", { x, y, "text-anchor": anchor }, text);

/**
 * Where epochs and losses are in a picture of this size.
 * @param {Curve} curve @param {number} wide @param {number} high
 */
export const scales = ({ losses, epochs, levels }, wide, high) => {
  const right = wide - EDGE.right;
  const nothing = Math.max(...levels.map(({ loss }) => loss));
  // A loss that shoots up leaves the picture. Otherwise all the rest of the curve would be flat.
  const highest = Math.max(...losses);
  const most = 1.05 * Math.max(0.1, nothing, Math.min(highest, 3 * nothing));
  // Under a low floor there is a line for its name.
  const low = levels.some(({ loss, floor }) => floor && (loss / most) * high < LINE);
  const bottom = high - EDGE.bottom - (low ? LINE : 0);
  /** @param {number} epoch */
  const x = (epoch) => EDGE.left + ((epoch - 1) / Math.max(1, epochs - 1)) * (right - EDGE.left);
  /** @param {number} loss */
  const y = (loss) => Math.max(EDGE.top - 3, bottom - (loss / most) * (bottom - EDGE.top));
  /** The epoch that a reader presses, not rounded. @param {number} at pixels from the left */
  const epochAt = (at) => 1 + ((at - EDGE.left) / (right - EDGE.left)) * (epochs - 1);
  return { x, y, epochAt, high, right, bottom, most, off: highest > most ? highest : null };
};

/** @param {Curve} curve @param {ReturnType<typeof scales>} scale */
const axes = (
  { epochs, before },
  { x, y, high, right, most, off },
  /** @type {Words} */ words,
) => {
  const foot = high - 8;
  const upTo = off === null ? "" : `, up to ${number(off, 1)}`;
  return [
    ...ticks(most, 4).map((loss) =>
      svg(
        "g",
        {},
        svg("path", { class: "play-grid", d: `M${EDGE.left} ${y(loss)}H${right}` }),
        label(EDGE.left - 6, y(loss) + 4, "end", String(+loss.toFixed(2))),
      )
    ),
    ...ticks(epochs, 5)
      .map((n) => ({ n, at: x(n + 1 - words.from) }))
      .filter(({ n, at }) => n >= words.from && at < right - 30)
      .map(({ n, at }) => label(at, foot, "middle", String(n * words.each))),
    label(right, foot, "end", words.x),
    label(0, 10, "start", `${words.y}${upTo}${before.length ? ` (dotted: the run before)` : ""}`),
  ];
};

/** @param {Curve} curve @param {ReturnType<typeof scales>} scale */
const levelLines = ({ losses, levels }, { y, right }) =>
  levels.map(({ name, loss, floor }) => {
    const text = `${name}: ${floor ? fine(loss) : number(loss)}`;
    // The curve starts high and ends low. So the name of a level stands at the right if the curve
    // ends below it, else at the left. That of a floor stands below it.
    const isAbove = loss > losses[losses.length - 1];
    const isCrossed = levels.some((other) =>
      y(other.loss) > y(loss) && y(other.loss) < y(loss) + 17
    );
    const below = isCrossed ? -5 : 13; // no line runs through the name
    return svg(
      "g",
      { class: floor ? "play-floor" : "play-level" },
      svg("path", { d: `M${EDGE.left} ${y(loss)}H${right}` }),
      isAbove && !floor
        ? label(right - 4, y(loss) - 5, "end", text)
        : label(floor ? right - 4 : EDGE.left + 4, y(loss) + below, floor ? "end" : "start", text),
    );
  });

/** @param {Curve} curve @param {ReturnType<typeof scales>} scale */
const lines = ({ losses, before, epochs, epoch }, { x, y, bottom }) => {
  const path = (/** @type {number[]} */ all) =>
    all
      .slice(0, epochs)
      .map((loss, k) => `${k ? "L" : "M"}${x(k + 1).toFixed(1)} ${y(loss).toFixed(1)}`)
      .join("");
  const here = losses[epoch - 1] ?? losses[losses.length - 1];
  return [
    svg("path", { class: "play-before", d: path(before) }),
    svg("path", { class: "play-later", d: path(losses) }),
    svg("path", { class: "play-line", d: path(losses.slice(0, epoch)) }),
    svg("path", { class: "play-now", d: `M${x(epoch)} ${EDGE.top}V${bottom}` }),
    svg("circle", { class: "play-dot", cx: x(epoch), cy: y(here), r: 5 }),
  ];
};

/** @param {Curve} curve @param {Words} words */
const inWords = ({ losses, levels }, { x, y, each, from }) =>
  `${y} from ${number(losses[0])} at ${x} ${from} to ${
    number(losses[losses.length - 1])
  } at ${x} ` +
  each * (losses.length - 1 + from) + levels.map(({ name, loss, floor }) =>
    `; ${name}: ${(floor ? fine : number)(loss)}`
  ).join("");

/**
 * {element, update({losses, before, epochs, epoch, levels})}.
 * @param {(epoch: number) => void} onPick when the reader presses the picture
 */
export const lossCurve = (onPick, words = { x: "epoch", y: "loss", each: 1, from: 1 }) => {
  const picture = svg("svg", { role: "img", "aria-label": "The network is being trained." });
  /** @type {Curve} */
  let curve = { losses: [], before: [], epochs: 1, epoch: 1, levels: [] };
  let wide = 0;
  const redraw = () => {
    if (!wide || !curve.losses.length) return;
    const high = picture.clientHeight || 200;
    const scale = scales(curve, wide, high);
    picture.setAttribute("viewBox", `0 0 ${wide} ${high}`);
    picture.setAttribute("aria-label", inWords(curve, words));
    picture.replaceChildren(
      ...axes(curve, scale, words),
      ...lines(curve, scale),
      ...levelLines(curve, scale), // last, so that names can be read where the curve passes
    );
  };
  const pick = (/** @type {PointerEvent} */ { offsetX, buttons }) => {
    if (buttons) onPick(scales(curve, wide, 0).epochAt(offsetX));
  };
  picture.addEventListener("pointerdown", pick);
  picture.addEventListener("pointermove", pick);
  new ResizeObserver(() => {
    wide = picture.clientWidth;
    redraw();
  }).observe(picture);
  return {
    element: el("figure", { class: "play-curve" }, picture),
    /** @param {Curve} now */
    update(now) {
      curve = now;
      redraw();
    },
  };
};
