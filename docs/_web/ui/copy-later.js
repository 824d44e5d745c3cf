// The buttons that copy code, those of sphinx-copybutton, come with the reader's first move: nobody
// sees them before.
import { load } from "./load.js";

const bring = async () => {
  await load("clipboard.min.js");
  await load("copybutton.js");
};
if (document.querySelector("div.highlight pre")) {
  // A pointer that rests is over something new, too, when the page moves below it.
  for (const move of ["pointermove", "pointerdown", "keydown"]) {
    addEventListener(move, bring, { once: true });
  }
}
