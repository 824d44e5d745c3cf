// The first script of each page, which runs before anything is drawn: otherwise a page that the
// reader has made dark would be white at first.

/** @type {string | null} */
let theme = null;
try {
  theme = localStorage.getItem("theme"); // the theme's switch writes it
} catch { /* a browser may deny storage */ }
/** @type {any} */ (globalThis).DOCUMENTATION_OPTIONS = {}; // sphinx-copybutton reads it
document.body.dataset.theme = theme === "light" || theme === "dark" ? theme : "auto";
