// A slider and a button to travel through the epochs of a run. If the reader's system asks for less
// motion, "Play" takes ten jumps.
import { number } from "../core/formats.js";
import { el } from "./elements.js";
import { button, slider } from "./fields.js";

/** @import { TrainedRun } from "../core/training.js" */

/** @param {(epoch: number) => void} onInput */
export const epochSlider = (onInput) => {
  let [epoch, epochs, timer] = [1, 1, 0];
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
    press.textContent = "Play";
    press.setAttribute("aria-pressed", "false");
  };
  const go = () => {
    if (epoch >= epochs) return stop();
    const jump = Math.ceil(epochs / (calm.matches ? 10 : 100));
    timer = setTimeout(go, calm.matches ? 1000 : Math.max(40, 4000 / epochs));
    onInput(Math.min(epochs, epoch + jump));
  };
  const start = () => {
    if (timer) return stop();
    press.textContent = "Pause";
    press.setAttribute("aria-pressed", "true");
    if (epoch >= epochs) onInput(1);
    timer = setTimeout(go, 100);
  };
  const press = button("Play", start, { "aria-pressed": "false" });
  let loss = "";
  const bar = slider({
    label: "Epoch",
    least: 1,
    most: 1,
    value: 1,
    show: (n) => `${n} of ${epochs}${loss}`,
    onInput(n) {
      stop();
      onInput(Number(n));
    },
  });
  bar.element.prepend(press);
  return {
    element: el("div", { class: "play-scrub" }, bar.element),
    stop,
    /** @param {TrainedRun} run @param {number} now */
    update({ records }, now) {
      [epoch, epochs] = [now, records.length];
      loss = `, loss ${number(records[now - 1].loss)}`;
      bar.most(epochs);
      bar.set(now);
    },
  };
};
