// The part `paths`: how far apart two states of a run are, drawn as the gap between two lines, at
// any epoch. Its options are those of a run, and the two places at which the text says the same:
// `first` and `second`, the steps at which it begins there, and its `length`.
import { number, show } from "../core/formats.js";
import { el, say, svg } from "../ui/elements.js";
import { epochSlider } from "../ui/epoch-slider.js";
import { ownRun } from "../ui/store.js";

/** @import { Mount } from "./define.js" */

/** @type {Mount} */
export const mount = (root, options) => {
  const [first, second, length] = ["first", "second", "length"].map((name) =>
    Number(options.get(name))
  );
  const START = 92; // the first letter
  const STEP = 84; // from one letter to the next
  const MIDDLE = 74;
  const UNIT = 110; // a distance of 1
  const state = ownRun(options);
  const epochs = epochSlider((epoch) => state.set({ epoch }));
  const picture = svg("svg", {
    role: "img",
    "aria-label": "The network is being trained.",
    viewBox: `0 0 ${START + STEP * length + 44} 206`,
  });
  root.append(el("figure", {}, picture), epochs.element);

  const label = (
    /** @type {number} */ k,
    /** @type {number} */ y,
    /** @type {string} */ text,
  ) => svg("text", { x: START + STEP * k, y }, text);
  const note = (/** @type {number} */ y, /** @type {string} */ text) =>
    svg("text", { class: "play-note", x: 0, y }, text);

  state.watch(({ run, epoch }) => {
    if (!run) return;
    const { chars, model: { H } } = run;
    const { h, ids, x, y } = run.at(epoch).pass;
    const letter = (/** @type {number} */ id) => show(chars[id]);
    /** The state after step t of the text. @param {number} t */
    const after = (t) => h.subarray((t + 1) * H, (t + 2) * H);
    /** The word that begins after the space at a step. @param {number} start */
    const wordAt = (start) => Array.from(y, (id) => chars[id]).slice(start).join("").split(" ")[0];
    const gaps = Array.from({ length }, (_, k) => {
      const other = after(second + k);
      return Math.hypot(...after(first + k).map((value, unit) => value - other[unit]));
    });
    /** A line, above or below the middle. @param {number} start @param {number} sign */
    const line = (start, sign) => {
      const points = gaps.map((gap, k) =>
        `${START + STEP * k} ${MIDDLE - (sign * UNIT * gap) / 2}`
      );
      const t = start + length - 1;
      const mark = ids[t] === y[t] ? "✓" : "✗";
      return svg(
        "g",
        {},
        svg("path", { d: `M${points.join("L")}` }),
        label(length, MIDDLE - 20 * sign + 5, `${letter(ids[t])} ${mark}`),
        label(length, MIDDLE - 44 * sign + 5, wordAt(start)),
      );
    };
    picture.replaceChildren(
      line(first, 1),
      line(second, -1),
      ...gaps.flatMap((gap, k) => [
        label(k, 172, letter(x[first + k])),
        label(k, 196, number(gap)),
      ]),
      svg("line", { x1: 30, x2: 30, y1: MIDDLE - UNIT / 4, y2: MIDDLE + UNIT / 4 }),
      note(MIDDLE + 5, "0.5"),
      note(172, "reads"),
      note(196, "distance"),
    );
    const [last] = gaps.slice(-1);
    const text = `Epoch ${epoch}: at the end the two states are ${number(last)} apart.`;
    picture.setAttribute("aria-label", text);
    say(root, text);
    epochs.update(run, epoch);
  });
};
