// The buttons that copy code, those of sphinx-copybutton, and LaTeX come with the reader's first
// move: nobody sees them before.
import { copyButton } from "./fields.js";
import { load } from "./load.js";

const moves = new AbortController();
const bring = async () => {
  moves.abort();
  for (const formula of document.querySelectorAll("div.math")) {
    const latex = formula.querySelector("annotation")?.textContent ?? "";
    const copy = copyButton(() => latex, "LaTeX");
    copy.className = "copy-latex";
    copy.title = "Copy the LaTeX of this formula";
    formula.append(copy);
  }
  await load("clipboard.min.js");
  await load("copybutton.js");
};
if (document.querySelector("div.highlight pre, div.math")) {
  // A pointer that rests is over something new, too, when the page moves below it.
  for (const move of ["pointermove", "pointerdown", "keydown"]) {
    addEventListener(move, bring, { signal: moves.signal });
  }
}
