// What moves through steps: "Play", "Step", and a slider. If the reader's system asks for less
// motion, "Play" shows the end at once.
import { el, isCalm } from "./elements.js";
import { button, slider } from "./fields.js";
import { playButton } from "./play-button.js";

/**
 * Where "Play" begins: at the end it starts again, and without motion it shows the end.
 * @param {number} value @param {number} least @param {number} most @param {boolean} calm
 */
export const firstStep = (value, least, most, calm) => calm ? most : value >= most ? least : value;

/**
 * Steps from `least` to `most`. `onInput` gets the step that the reader, or "Play", goes to.
 * @param {{label: string, least?: number, most: number, value?: number, pace?: number,
 *   show?: (value: number) => string, onInput: (value: number) => void}} options
 *   `pace`: milliseconds from a step to the next
 */
export const player = ({ least = 0, most, value = least, pace = 400, ...options }) => {
  const { label, show = (n) => `${n} of ${most}`, onInput } = options;
  const go = (/** @type {number} */ to) => {
    bar.set(to);
    onInput(to);
  };
  /** Go there as if the reader had. @param {number} to */
  const jump = (to) => {
    press.stop();
    go(to);
  };
  const press = playButton({
    begin() {
      if (most <= least) return null; // there is no step
      go(firstStep(bar.value, least, most, isCalm()));
      return isCalm() ? null : pace;
    },
    next() {
      go(Math.min(most, bar.value + 1));
      return bar.value < most ? pace : null;
    },
  });
  const step = button("Step", () => jump(Math.min(most, bar.value + 1))); // the end stays
  const bar = slider({
    label,
    least,
    most,
    value,
    show,
    onInput: (n) => jump(Number(n)),
  });
  press.element.classList.add("play-main");
  return {
    element: el("div", { class: "play-player" }, press.element, step, bar.element),
    play: press.play,
    stop: press.stop,
    jump,
    set: bar.set,
    /** @param {number} end */
    most(end) {
      bar.most(most = end);
    },
  };
};
