// Two sliders: the time step and the hidden unit that the reader looks at.
import { show } from "../core/formats.js";
import { el } from "./elements.js";
import { slider } from "./fields.js";

/** @import { Network } from "../core/network.js" */

/** @param {(changes: {t?: number, unit?: number}) => void} move */
export const placeSliders = (move) => {
  /** @type {string[]} The characters that are read. */
  let letters = [];
  const step = slider({
    label: "Time step t",
    least: 1,
    most: 1,
    value: 1,
    show: (number) => (letters.length ? `${number}: “${letters[number - 1]}”` : ""),
    onInput: (number) => move({ t: Number(number) - 1 }),
  });
  const which = slider({
    label: "Unit",
    least: 0,
    most: 1,
    value: 0,
    onInput: (unit) => move({ unit: Number(unit) }),
  });
  return {
    element: el("div", { class: "play-two" }, step.element, which.element),
    /** @param {Network} net @param {number} t @param {number} unit */
    update({ model, pass, chars }, t, unit) {
      letters = Array.from(pass.x, (id) => show(chars[id]));
      step.most(pass.T);
      step.set(t + 1);
      which.most(model.H - 1);
      which.set(unit);
      which.element.style.display = model.H > 1 ? "" : "none"; // one unit: no choice
    },
  };
};
