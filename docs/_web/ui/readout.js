// The sentence under a picture that says what the reader sees there, in numbers.
import { el, say, setText, withIndices } from "./elements.js";

/** @param {HTMLElement} root of the widget */
export const readout = (root) => {
  const element = el("p", { class: "play-readout" });
  return {
    element,
    /** Screen readers say it, too. @param {string} text */
    set(text) {
      const pieces = withIndices(text);
      if (pieces.length > 1) element.replaceChildren(...pieces);
      else setText(element, text);
      say(root, text);
    },
  };
};
