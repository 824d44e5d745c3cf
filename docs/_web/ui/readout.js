// The sentence under a picture that says what the reader sees there, in numbers.
import { el, say, setText, withIndices } from "./elements.js";

/**
 * @param {HTMLElement} root of the widget
 * @param {boolean} [hasCode] what is between backticks is code
 */
export const readout = (root, hasCode = false) => {
  const element = el("p", { class: "play-readout" });
  return {
    element,
    /** Screen readers say it, too. @param {string} text */
    set(text) {
      if (hasCode) {
        const parts = text.split("`");
        element.replaceChildren(...parts.map((part, k) => (k % 2 ? el("code", {}, part) : part)));
        say(root, parts.join(""));
        return;
      }
      const pieces = withIndices(text);
      if (pieces.length > 1) element.replaceChildren(...pieces);
      else setText(element, text);
      say(root, text);
    },
  };
};
