// The button that says "Play", and "Pause" while something runs.
import { setText } from "./elements.js";
import { button } from "./fields.js";

/**
 * `begin` and `next` return the milliseconds until `next` is called, or null: then it is over.
 * @param {{begin: () => number | null, next: () => number | null}} steps
 */
export const playButton = ({ begin, next }) => {
  let timer = 0;
  let isOn = false;
  /** @param {boolean} on */
  const turn = (on) => {
    isOn = on;
    setText(element, on ? "Pause" : "Play");
    element.setAttribute("aria-pressed", String(on));
  };
  const stop = () => {
    clearTimeout(timer);
    turn(false);
  };
  /** @param {number | null} wait */
  const goOn = (wait) => {
    if (wait === null) stop();
    else if (isOn) timer = setTimeout(() => goOn(next()), wait); // a step may have stopped it
  };
  const play = () => {
    if (isOn) return stop();
    turn(true);
    goOn(begin());
  };
  const element = button("Play", play, { "aria-pressed": "false" });
  return { element, play, stop };
};
