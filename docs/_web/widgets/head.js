// The part `head`: one network without an output layer and one with it, trained from the same
// weights. A switch leads from one to the other. Its options are those of a run.
import { number, show } from "../core/formats.js";
import { looksLikeAnswer } from "../core/head.js";
import { settingsOf } from "../core/settings.js";
import { lossFloor, Run } from "../core/training.js";
import { isCalm } from "../ui/elements.js";
import { epochSlider } from "../ui/epoch-slider.js";
import { choice } from "../ui/fields.js";
import { boxLine } from "../ui/line.js";
import { levelsOf, lossCurve } from "../ui/loss-curve.js";
import { readout } from "../ui/readout.js";
import { train } from "../ui/store.js";

/** @import { Mount } from "./define.js" */

const GLIDE = 250; // milliseconds from one curve to the other

/** @type {Mount} */
export const mount = (root, options) => {
  const settings = settingsOf(options);
  const runs = [false, true].map((outputLayer) => new Run({ ...settings, outputLayer }));
  const { chars, pass: { T, x, y }, model: { H, V } } = runs[0];
  const floor = lossFloor(V);
  let [on, epoch] = [0, settings.epochs];
  /** What the curve shows: on the way, neither of the two. @type {number[]} */
  let losses = [];
  let wanted = losses;
  let isDone = false;
  let isTurned = false; // by the reader, at least once: the other curve may be seen

  const go = (/** @type {number} */ to) => {
    epoch = Math.min(settings.epochs, Math.max(1, Math.round(to)));
    draw();
  };
  const lossesOf = (/** @type {number} */ k) => runs[k].records.map(({ loss }) => loss);
  const turn = choice({
    label: "output layer",
    options: [["0", "without"], ["1", "with"]],
    value: "0",
    onInput(value) {
      on = Number(value);
      isTurned = true;
      const [from, to] = [losses, lossesOf(on)];
      const started = performance.now();
      const frame = () => {
        const share = isCalm() ? 1 : Math.min(1, (performance.now() - started) / GLIDE);
        losses = to.map((loss, k) => loss + (from[k] - loss) * (1 - share) ** 2);
        drawCurve();
        if (share < 1 && to === wanted) requestAnimationFrame(frame);
      };
      wanted = to;
      frame();
      draw();
    },
  });
  const curve = lossCurve(go);
  const epochs = epochSlider(go);
  const names = Array.from({ length: H }, () => "");
  const line = boxLine({
    label: "The network is being trained.",
    rows: [
      { name: "reads", kind: "boxes", color: "input", title: "it reads" },
      { name: "state", kind: "heat", names, height: 15 },
      { name: "says", kind: "words", title: "it says" },
    ],
  });
  const said = readout(root);
  root.append(turn.element, curve.element, epochs.element, line.element, said.element);

  const drawCurve = () => {
    const levels = levelsOf(runs[0]).filter(({ name }) => !name.startsWith("table"));
    const before = isTurned ? lossesOf(1 - on) : [];
    const dotted = `${on ? "without" : "with"} the layer`;
    curve.update({ losses, before, dotted, epochs: settings.epochs, epoch, levels });
  };
  const draw = () => {
    if (!isDone) return;
    const run = runs[on];
    const { pass } = run.at(epoch);
    const { h, ids, loss } = pass;
    const states = Array.from(
      { length: H * T },
      (_, k) => h[((k % T) + 1) * H + Math.floor(k / T)],
    );
    names.splice(0, H, ...chars.map((char, k) => (on ? `unit ${k}` : show(char))));
    const right = Array.from(ids).filter((id, t) => id === y[t]).length;
    const same = looksLikeAnswer(pass, H);
    const side = loss < floor ? "below" : "above";
    const text = `${on ? "With" : "Without"} the output layer, epoch ${epoch}: loss ` +
      `${number(loss)}, ${side} the floor of ${number(floor)}; ${right} of ${T} letters are ` +
      `right. ` +
      (on
        ? `The highest unit is that of the letter said at only ${same} of ${T} steps; ` +
          `guessing would give about ${Math.round(T / H)}.`
        : `The highest unit is that of the letter said at ${same} of ${T} steps.`);
    line.update({
      count: T,
      label: text,
      reads: { texts: Array.from(x, (id) => show(chars[id])) },
      state: { values: states, scale: 1 },
      says: {
        texts: Array.from(ids, (id) => show(chars[id])),
        wrong: Array.from(ids, (id, t) => id !== y[t]),
      },
    });
    epochs.update(run, epoch);
    drawCurve();
    said.set(text);
  };
  Promise.all(runs.map((run) => train(run))).then(() => {
    isDone = true;
    losses = lossesOf(0);
    draw();
  });
};
