// The first script of each page, which runs before anything is drawn: otherwise a page that the
// reader has made dark would be white at first.

/** @type {string | null} */
let theme = null;
try {
  theme = localStorage.getItem("theme"); // the theme's switch writes it
} catch { /* a browser may deny storage */ }
/** @type {any} */ (globalThis).DOCUMENTATION_OPTIONS = {}; // sphinx-copybutton reads it
document.body.dataset.theme = theme === "light" || theme === "dark" ? theme : "auto";

// The text waits some milliseconds for its fonts, which style sheets bring along (literata.css, math.css).
// Lines set in another font first would break elsewhere, and all that is below them would move.
const root = document.documentElement;
root.classList.add("waits-for-font");
const fonts = ["1em Literata", "italic 1em Literata", '1em "Charseq Math"'];
Promise.all(fonts.map((font) => document.fonts.load(font)))
  .finally(() => root.classList.remove("waits-for-font"));
