"use strict";

/*
 * The first script of each page, which runs before anything is drawn: otherwise a page that the
 * reader has made dark would be white at first.
 */

{
  const loader = /** @type {HTMLScriptElement} */ (document.currentScript);
  const site = new URL("..", loader.src).href;
  /** @type {string | null} */
  let theme = null;
  try {
    theme = localStorage.getItem("theme"); // the theme's switch writes it
  } catch { /* a browser may deny storage */ }
  document.body.dataset.theme = theme === "light" || theme === "dark" ? theme : "auto";

  // The page's policy refuses to take a text as markup, or as the address of a script, unless this
  // admits it (Trusted Types). Markup may be what the copy button consists of, and nothing else: no
  // address, no handler, no style. A script is one of the site's own.
  const attribute = String
    .raw`\s+(?:class|data-[\w-]+|xmlns|width|height|viewBox|stroke(?:-[\w-]+)?|fill|d|x|y|rx)="[^"<>]*"`;
  const tag = String.raw`</?(?:button|svg|title|path|rect)(?:${attribute})*\s*/?>`;
  const harmless = new RegExp(`^(?:[^<]|${tag})*$`);
  /** @type {any} */ (globalThis).trustedTypes?.createPolicy("default", {
    /** @param {string} markup */
    createHTML: (markup) => harmless.test(markup) ? markup : null,
    /** @param {string} address */
    createScriptURL: (address) =>
      new URL(address, document.baseURI).href.startsWith(site) ? address : null,
  });
}
