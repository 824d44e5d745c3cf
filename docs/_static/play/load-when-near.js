"use strict";

/* A chapter loads this at once. It loads the styles and scripts of a part when the part is near. */

(() => {
  const folder = /** @type {HTMLScriptElement} */ (document.currentScript).src;
  /** @type {Record<string, Promise<unknown>>} */
  const loaded = {};
  /** @param {"link" | "script"} tag @param {string} file @param {(url: string) => object} make */
  const load = (tag, file, make) =>
    loaded[file] ??= new Promise((onload) => {
      const attributes = { ...make(new URL(file, folder).href), onload };
      document.head.append(Object.assign(document.createElement(tag), attributes));
    });
  const near = new IntersectionObserver(
    async (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        await load("link", "play.css", (href) => ({ rel: "stylesheet", href }));
        const { scripts = "" } = /** @type {HTMLElement} */ (target).dataset;
        for (const name of scripts.split(" ")) {
          // async = false: they arrive in any order, and run in the order of the list.
          load("script", `${name}.js`, (src) => ({ src, async: false }));
        }
      }
    },
    { rootMargin: "800px 0px" },
  );
  for (const part of document.querySelectorAll("[data-play]")) near.observe(part);
})();
