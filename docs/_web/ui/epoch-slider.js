// A slider and a button to travel through the epochs of a run. If the reader's system asks for less
// motion, "Play" takes ten jumps.
import { number } from "../core/formats.js";
import { el, isCalm } from "./elements.js";
import { slider } from "./fields.js";
import { playButton } from "./play-button.js";

/** @import { TrainedRun } from "../core/training.js" */

/** @param {(epoch: number) => void} onInput */
export const epochSlider = (onInput) => {
  let [epoch, epochs] = [1, 1];
  const press = playButton({
    begin() {
      if (epoch >= epochs) onInput(1);
      return 100;
    },
    next() {
      if (epoch >= epochs) return null;
      onInput(Math.min(epochs, epoch + Math.ceil(epochs / (isCalm() ? 10 : 100))));
      return isCalm() ? 1000 : Math.max(40, 4000 / epochs);
    },
  });
  let loss = "";
  const bar = slider({
    label: "Epoch",
    least: 1,
    most: 1,
    value: 1,
    show: (n) => `${n} of ${epochs}${loss}`,
    onInput(n) {
      press.stop();
      onInput(Number(n));
    },
  });
  bar.element.prepend(press.element);
  return {
    element: el("div", { class: "play-scrub" }, bar.element),
    stop: press.stop,
    /** @param {TrainedRun} run @param {number} now */
    update({ records }, now) {
      [epoch, epochs] = [now, records.length];
      loss = `, loss ${number(records[now - 1].loss)}`;
      bar.most(epochs);
      bar.set(now);
    },
  };
};
