// The sentence under a picture that says what the reader sees there, in numbers.
import { el, say, withIndices } from "./elements.js";

/** @param {HTMLElement} root of the widget */
export const readout = (root) => {
  const element = el("p", { class: "play-readout" });
  return {
    element,
    /** Screen readers say it, too. @param {string} text */
    set(text) {
      element.replaceChildren(...withIndices(text));
      say(root, text);
    },
  };
};
