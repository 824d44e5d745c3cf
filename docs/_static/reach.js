// Whatever scrolls sideways must be reachable from the keyboard; what does not, needs no stop.
// The playground's own regions are filled later, so they always have one.
const boxes = "pre:not([role='region']), .formula, .output, .table-wrapper, .sphx-glr-script-out";
const reach = () => {
  for (const box of document.querySelectorAll(boxes)) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};
addEventListener("load", reach);
document.fonts.ready.then(reach); // formulas grow when their font is there
addEventListener("resize", reach);
addEventListener("toggle", reach, true); // a folded solution has no width until it opens
