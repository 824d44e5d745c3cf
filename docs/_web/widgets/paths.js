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
  const STEP = 46; // from one letter to the next
  const MIDDLE = 58;
  const UNIT = 90; // a distance of 1
  const state = ownRun(options);
  const epochs = epochSlider((epoch) => state.set({ epoch }));
  const picture = svg("svg", {
    role: "img",
    "aria-label": "The network is being trained.",
    viewBox: `0 0 ${STEP * length + 100} 156`,
  });
  root.append(el("figure", {}, picture), epochs.element);

  const label = (
    /** @type {number} */ k,
    /** @type {number} */ y,
    /** @type {string} */ text,
  ) => svg("text", { x: 24 + STEP * k, y }, text);

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
      const points = gaps.map((gap, k) => `${24 + STEP * k} ${MIDDLE - (sign * UNIT * gap) / 2}`);
      const t = start + length - 1;
      const mark = ids[t] === y[t] ? "✓" : "✗";
      return svg(
        "g",
        {},
        svg("path", { d: `M${points.join("L")}` }),
        label(length + 0.2, MIDDLE - 18 * sign + 4, `${letter(ids[t])} ${mark}`),
        label(length + 0.2, MIDDLE - 38 * sign + 4, wordAt(start)),
      );
    };
    picture.replaceChildren(
      line(first, 1),
      line(second, -1),
      ...gaps.flatMap((gap, k) => [
        label(k, 132, letter(x[first + k])),
        label(k, 150, number(gap)),
      ]),
    );
    const [last] = gaps.slice(-1);
    const text = `Epoch ${epoch}: at the end the two states are ${number(last)} apart.`;
    picture.setAttribute("aria-label", text);
    say(root, text);
    epochs.update(run, epoch);
  });
};
