// The part `paths`: how far apart two states of a run are, drawn as the gap between two lines, at
// any epoch and for any bound m of the logits. Its options are those of a run, and the two places
// at which the text says the same: `first` and `second`, the steps at which it begins there, and
// its `length`.
import { fine, number, show } from "../core/formats.js";
import { settingsOf } from "../core/settings.js";
import { lossFloor, Run } from "../core/training.js";
import { el, svg } from "../ui/elements.js";
import { epochSlider } from "../ui/epoch-slider.js";
import { slider } from "../ui/fields.js";
import { levelsOf, lossCurve } from "../ui/loss-curve.js";
import { readout } from "../ui/readout.js";
import { ownRun, train } from "../ui/store.js";

/** @import { Mount } from "./define.js" */

const HIGH = 150; // pixels of the largest gap
const MOST = 2.8; // the largest gap that is drawn
const UNIT = HIGH / MOST;
const MIDDLE = HIGH / 2 + 6;
const LEFT = 72;
const RIGHT = 96;

/** @type {Mount} */
export const mount = (root, options) => {
  const [first, second, length] = ["first", "second", "length"].map((name) =>
    Number(options.get(name))
  );
  const settings = settingsOf(options);
  const state = ownRun(options);
  const pick = (/** @type {number} */ epoch) => state.set({ epoch });
  const curve = lossCurve(pick);
  const epochs = epochSlider(pick);
  const picture = svg("svg", { role: "img", "aria-label": "The network is being trained." });
  const said = readout(root);
  let wanted = 1; // the bound of the run that is to be shown
  const bound = slider({
    label: "bound m of the logits",
    least: 1,
    most: 5,
    step: 0.5,
    value: 1,
    help: "logits = m times the states; the network is trained anew",
    show: (m) => number(m, 1),
    onInput(m) {
      wanted = Number(m);
      epochs.stop();
      const run = new Run(settings, wanted);
      train(run, () => wanted === m).then((done) => done && state.set({ run }));
    },
  });
  const gaps = svg("g");
  const upper = svg("path");
  const lower = svg("path");
  const band = svg("path", { class: "play-band" });
  picture.append(band, upper, lower, gaps);
  root.append(
    bound.element,
    curve.element,
    epochs.element,
    el("figure", { class: "play-gaps" }, picture),
    said.element,
  );

  let wide = 0;
  const draw = () => {
    const { run, epoch } = state.view;
    if (!run || !wide) return;
    const { chars, model: { H, V, scale } } = run;
    const { h, ids, x, y, loss } = run.at(epoch).pass;
    const letter = (/** @type {number} */ id) => show(chars[id]);
    /** The state after step t of the text. @param {number} t */
    const after = (t) => h.subarray((t + 1) * H, (t + 2) * H);
    /** The word that begins after the space at a step. @param {number} start */
    const wordAt = (start) => Array.from(y, (id) => chars[id]).slice(start).join("").split(" ")[0];
    const apart = Array.from({ length }, (_, k) => {
      const other = after(second + k);
      return Math.hypot(...after(first + k).map((value, unit) => value - other[unit]));
    });
    const step = (wide - LEFT - RIGHT) / (length - 1);
    const placeOf = (/** @type {number} */ k) => LEFT + step * k;
    const points = (/** @type {number} */ sign) =>
      apart.map((gap, k) => `${placeOf(k)} ${MIDDLE - (sign * UNIT * Math.min(MOST, gap)) / 2}`);
    upper.setAttribute("d", `M${points(1).join("L")}`);
    lower.setAttribute("d", `M${points(-1).join("L")}`);
    band.setAttribute("d", `M${[...points(1), ...points(-1).reverse()].join("L")}Z`);
    const label = (
      /** @type {number} */ at,
      /** @type {number} */ height,
      /** @type {string} */ text,
      look = "",
    ) => svg("text", { x: at, y: height, class: look || null }, text);
    const says = [first, second].map((start, k) => {
      const t = start + length - 1;
      const right = ids[t] === y[t];
      const at = wide - RIGHT / 2 + 10;
      const height = MIDDLE - (k ? -26 : 40);
      return {
        words: `“${letter(ids[t])}” in ${wordAt(start)} ${right ? "✓" : "✗"}`,
        marks: [
          label(at, height, `${letter(ids[t])} ${right ? "✓" : "✗"}`, right ? "" : "play-wrong"),
          label(at, height + 20, wordAt(start)),
        ],
      };
    });
    picture.setAttribute("viewBox", `0 0 ${wide} ${HIGH + 58}`);
    gaps.replaceChildren(
      ...says.flatMap(({ marks }) => marks),
      ...apart.flatMap((gap, k) => [
        label(placeOf(k), HIGH + 30, letter(x[first + k])),
        label(placeOf(k), HIGH + 50, number(gap), "play-number"),
      ]),
      svg("path", { class: "play-scale", d: `M28 ${MIDDLE - UNIT / 2}h8m-4 0v${UNIT}m-4 0h8` }),
      label(0, MIDDLE + UNIT / 2 + 17, "distance 1", "play-note"),
      label(0, HIGH + 30, "reads", "play-note"),
      label(0, HIGH + 50, "apart", "play-note"),
    );
    const losses = run.records.map((record) => record.loss);
    curve.update({ losses, before: [], epochs: losses.length, epoch, levels: levelsOf(run) });
    epochs.update(run, epoch);
    const [floor, last] = [fine(lossFloor(V, scale)), number(apart[length - 1])];
    const text = `m = ${number(scale, 1)}, epoch ${epoch}: loss ${number(loss)}, floor ${floor}. ` +
      `After “${
        letter(x[first + length - 1])
      }” the two states are ${last} apart, and the network says ${says[0].words} and ` +
      `${says[1].words}.`;
    picture.setAttribute("aria-label", text);
    said.set(text);
  };
  state.watch(draw);
  new ResizeObserver(() => {
    wide = picture.clientWidth;
    draw();
  }).observe(picture);
  return state;
};
