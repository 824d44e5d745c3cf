// The first script of each page, which runs before anything is drawn: otherwise a page that the
// reader has made dark would be white at first.

/** @type {string | null} */
let theme = null;
try {
  theme = localStorage.getItem("theme"); // the theme's switch writes it
} catch { /* a browser may deny storage */ }
/** @type {any} */ (globalThis).DOCUMENTATION_OPTIONS = {}; // sphinx-copybutton reads it
document.body.dataset.theme = theme === "light" || theme === "dark" ? theme : "auto";

// The text waits some milliseconds for its font, which its style sheet brings along (text_font.py).
// Lines set in another font first would break elsewhere, and all that is below them would move.
const root = document.documentElement;
root.classList.add("waits-for-font");
Promise.all(["", "italic "].map((style) => document.fonts.load(`${style}1em Literata`)))
  .finally(() => root.classList.remove("waits-for-font"));
