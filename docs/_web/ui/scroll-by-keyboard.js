// A box that scrolls sideways takes the keyboard's focus, so that arrow keys scroll it.
// The playground's own regions are filled later, so they always keep their tab stop.
const boxes = "pre:not([role='region']), .formula, .output, .table-wrapper, .sphx-glr-script-out";
const markScrollable = () => {
  /** @type {NodeListOf<HTMLElement>} */
  const found = document.querySelectorAll(boxes);
  for (const box of found) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};
addEventListener("load", markScrollable);
document.fonts.ready.then(markScrollable); // formulas grow when their font is there
addEventListener("resize", markScrollable);
addEventListener("toggle", markScrollable, true); // a folded solution has no width until it opens
