// The buttons that copy code, those of sphinx-copybutton, and LaTeX come with the reader's first
// move: nobody sees them before.
import { load } from "./load.js";

/** Give each formula with a line of its own a button that copies its LaTeX. */
const copyFormulas = () => {
  for (const formula of document.querySelectorAll("div.math")) {
    const copy = document.createElement("button");
    Object.assign(copy, { type: "button", className: "copy-latex", textContent: "LaTeX" });
    copy.setAttribute("aria-label", "Copy the LaTeX of this formula");
    formula.append(copy);
    const text = () => formula.querySelector("annotation")?.textContent;
    const { ClipboardJS } = /** @type {any} */ (globalThis);
    new ClipboardJS(copy, { text }).on("success", () => {
      copy.textContent = "Copied";
      setTimeout(() => (copy.textContent = "LaTeX"), 1500);
    });
  }
};

const bring = async () => {
  await load("clipboard.min.js");
  await load("copybutton.js");
  copyFormulas();
};
if (document.querySelector("div.highlight pre, div.math")) {
  // A pointer that rests is over something new, too, when the page moves below it.
  for (const move of ["pointermove", "pointerdown", "keydown"]) {
    addEventListener(move, bring, { once: true });
  }
}
