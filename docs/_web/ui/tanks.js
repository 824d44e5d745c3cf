// Tanks, pipes and valves: a tank holds a number, gold above zero and indigo below, a pipe is filled
// as far as its number is large, and a valve has a handle that a reader drags.
import { number } from "../core/formats.js";
import { isCalm, setText, svg } from "./elements.js";

/** @typedef {[number, number]} Point */

const sign = (/** @type {number} */ x) => x < 0 ? "play-less" : "play-more-than-0";

/** @param {number} x @param {number} y @param {string} text @param {Record<string, any>} more */
export const label = (x, y, text, more = {}) => svg("text", { x, y, ...more }, text);

/**
 * A tank, and its name above it. With `ticks` these values are written beside it.
 * @param {{name: string, x: number, y: number, wide: number, high: number, least: number,
 *   most: number, ticks?: number[]}} options
 */
export const tank = ({ name, x, y, wide, high, least, most, ticks = [] }) => {
  const place = (/** @type {number} */ v) => y + (high * (most - v)) / (most - least);
  const zero = place(0);
  const level = svg("rect", { class: "play-level", x, y: zero - high, width: wide, height: high });
  level.style.transformOrigin = `0 ${zero}px`;
  const value = label(x + wide / 2, y + high + 17, "", { class: "play-value" });
  return {
    node: svg(
      "g",
      { class: name === "before" ? "play-tank play-was" : "play-tank" },
      level,
      svg("path", { class: "play-zero", d: `M${x} ${zero}h${wide}` }),
      ...ticks.map((v) => svg("path", { d: `M${x + wide} ${place(v)}h-7` })),
      ...ticks.map((v) =>
        label(x + wide + 4, place(v) + 4, String(v).replace("-", "−"), { class: "play-tick" })
      ),
      svg("path", { d: `M${x} ${y}v${high}h${wide}v-${high}` }),
      label(Math.max(33, x + wide / 2), y - 8, name),
      value,
    ),
    /** @param {number} v */
    set(v) {
      const shown = Math.max(least, Math.min(most, v));
      level.classList.toggle("play-less", v < 0);
      level.style.transform = `scaleY(${shown / (most - least)})`;
      setText(value, number(v));
    },
  };
};

/** Let drops run along a pipe for a moment, the faster the fuller. @param {SVGElement} drops */
const flow = (drops, /** @type {number} */ high) => {
  drops.getAnimations().forEach((one) => one.cancel());
  if (high < 2 || isCalm()) return;
  const frames = [
    { opacity: 1, strokeDashoffset: 0 },
    { opacity: 1, strokeDashoffset: `${-4 * high}px`, offset: 0.8 },
    { opacity: 0, strokeDashoffset: `${-5 * high}px` },
  ];
  drops.animate(frames, { duration: 900, easing: "ease-out" });
};

/**
 * A pipe through some points. `full` is the number that fills it. What is in a level pipe lies on
 * its floor.
 * @param {Point[]} points @param {number} thick @param {number} full
 */
export const pipe = (points, thick, full, isLevel = false) => {
  const d = `M${points.map((p) => p.join(" ")).join("L")}`;
  const stream = svg("path", { d, class: "play-stream" });
  const drops = svg("path", { d, class: "play-drops" });
  let shown = 0;
  return {
    node: svg(
      "g",
      { class: "play-pipe" },
      svg("path", { d, class: "play-wall", "stroke-width": thick + 3 }),
      svg("path", { d, class: "play-bore", "stroke-width": thick }),
      stream,
      drops,
    ),
    /** @param {number} v @param {boolean} [isNew] something has just run through it */
    set(v, isNew = false) {
      const high = Math.min(1, Math.abs(v) / full) * thick;
      stream.style.strokeWidth = `${high}px`;
      const down = isLevel ? (thick - high) / 2 : 0;
      for (const one of [stream, drops]) one.style.transform = `translateY(${down}px)`;
      stream.setAttribute("class", `play-stream ${sign(v)}`);
      if (isNew || v !== shown) flow(drops, high);
      shown = v;
    },
  };
};

/**
 * A plate with a handle. Shut, its middle is at a point; open, it has moved by `move`.
 * @param {{at: Point, move: Point, size: Point, handle: Point, onInput: (gate: number) => void}}
 *   options `size` of the plate, and where the handle is from its middle
 */
export const valve = ({ at: [x, y], move, size, handle, onInput }) => {
  const [dx, dy] = handle;
  const plate = svg(
    "g",
    { class: "play-valve" },
    svg("path", { d: `M${x} ${y}l${dx} ${dy}` }),
    svg("rect", {
      x: x - size[0] / 2,
      y: y - size[1] / 2,
      width: size[0],
      height: size[1],
      rx: 2,
    }),
    svg("circle", { class: "play-knob", cx: x + dx, cy: y + dy, r: 10 }),
    svg("circle", { class: "play-grip", cx: x + dx, cy: y + dy, r: 22 }),
  );
  let gate = 0;
  /** @type {{x: number, y: number, gate: number} | null} */
  let start = null;
  plate.addEventListener("pointerdown", (event) => {
    plate.setPointerCapture(event.pointerId);
    start = { x: event.clientX, y: event.clientY, gate };
    event.preventDefault();
  });
  plate.addEventListener("pointermove", (event) => {
    if (!start) return;
    const way = (event.clientX - start.x) * move[0] + (event.clientY - start.y) * move[1];
    const now = start.gate + way / Math.hypot(...move) ** 2;
    onInput(Math.round(20 * Math.max(0, Math.min(1, now))) / 20);
  });
  for (const end of ["pointerup", "pointercancel"]) plate.addEventListener(end, () => start = null);
  return {
    node: plate,
    /** @param {number} now @param {boolean} byHand */
    set(now, byHand) {
      gate = now;
      plate.style.transform = `translate(${move[0] * now}px, ${move[1] * now}px)`;
      plate.classList.toggle("play-off", !byHand);
    },
  };
};
