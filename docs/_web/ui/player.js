// What moves through steps: "Play", "Step", and a slider. If the reader's system asks for less
// motion, "Play" shows the end at once.
import { el, setText } from "./elements.js";
import { button, slider } from "./fields.js";

/**
 * Steps from `least` to `most`. `onInput` gets the step that the reader, or "Play", goes to.
 * @param {{label: string, least?: number, most: number, value?: number, pace?: number,
 *   show?: (value: number) => string, onInput: (value: number) => void}} options
 *   `pace`: milliseconds from a step to the next
 */
export const player = ({ least = 0, most, value = least, pace = 400, ...options }) => {
  const { label, show = (n) => `${n} of ${most}`, onInput } = options;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let timer = 0;
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
    setText(press, "Play");
    press.setAttribute("aria-pressed", "false");
  };
  const go = (/** @type {number} */ to) => {
    bar.set(to);
    onInput(to);
  };
  const next = () => {
    go(Math.min(most, bar.value + 1));
    if (bar.value >= most) stop();
    else timer = setTimeout(next, pace);
  };
  const play = () => {
    if (timer) return stop();
    if (most <= least) return; // there is no step
    if (calm.matches) return go(most);
    setText(press, "Pause");
    press.setAttribute("aria-pressed", "true");
    if (bar.value >= most) go(least);
    timer = setTimeout(next, pace);
  };
  const press = button("Play", play, { "aria-pressed": "false" });
  const step = button("Step", () => {
    stop();
    go(Math.min(most, bar.value + 1)); // the end, once reached, stays
  });
  const bar = slider({
    label,
    least,
    most,
    value,
    show,
    onInput(n) {
      stop();
      onInput(Number(n));
    },
  });
  const element = el("div", { class: "play-player" }, press, step, bar.element);
  return {
    element,
    play,
    stop,
    set: bar.set,
    /** @param {number} end */
    most(end) {
      bar.most(most = end);
    },
  };
};
