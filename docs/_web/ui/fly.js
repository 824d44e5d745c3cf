// A thing flies over a part to where it belongs, and only then does its effect show.
import { isCalm } from "./elements.js";

/**
 * Let a chip fly along points of the window. It lands at the end, when the function that is returned
 * asks it to, or at once if the reader wants no motion: it is gone then, and `landed` runs, once.
 * @param {HTMLElement} over the chip lies over this part @param {HTMLElement} chip
 * @param {{x: number, y: number}[]} path @param {KeyframeAnimationOptions} how
 * @param {() => void} landed
 */
export const fly = (over, chip, path, how, landed) => {
  let isFlying = true;
  const land = () => {
    if (!isFlying) return;
    isFlying = false;
    chip.remove();
    landed();
  };
  if (isCalm()) {
    land();
    return land;
  }
  over.append(chip);
  const { left, top } = over.getBoundingClientRect();
  const frames = path.map(({ x, y }) => ({ transform: `translate(${x - left}px, ${y - top}px)` }));
  chip.animate(frames, { easing: "ease-in-out", fill: "backwards", ...how }).onfinish = land;
  return land;
};
