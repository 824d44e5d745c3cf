"use strict";

/*
 * Loads the styles and scripts of a part of the playground when the part is near. A page loads this
 * at once. docs/_ext/live/widgets.py writes data-files="play.css play part-train": a name without an ending
 * is a script.
 */

(() => {
  const folder = /** @type {HTMLScriptElement} */ (document.currentScript).src;
  /** @type {Record<string, Promise<unknown>>} */
  const loaded = {};
  const isStyle = (/** @type {string} */ file) => file.endsWith(".css");
  /** @param {string} file */
  const load = (file) =>
    loaded[file] ??= new Promise((onload) => {
      const [tag, attributes] = isStyle(file)
        ? ["link", { rel: "stylesheet", href: new URL(file, folder).href }]
        // async = false: they arrive in any order, and run in the order of the list.
        : ["script", { src: new URL(`${file}.js`, folder).href, async: false }];
      document.head.append(Object.assign(document.createElement(tag), attributes, { onload }));
    });
  const near = new IntersectionObserver(
    async (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        const files = /** @type {HTMLElement} */ (target).dataset.files?.split(" ") ?? [];
        await Promise.all(files.filter(isStyle).map(load));
        files.forEach(load);
      }
    },
    { rootMargin: "800px 0px" },
  );
  for (const part of document.querySelectorAll("[data-files]")) near.observe(part);
  // A link such as #look=108 leads to what a reader found in the part `look`.
  const jump = () => {
    const name = /^#([a-z]+)=/.exec(location.hash)?.[1];
    /** @type {HTMLElement | null} */
    const part = document.querySelector(`[data-asked][data-play="${name}"]`);
    if (!part) return;
    part.style.scrollMarginTop = "4rem"; // on a phone, the site's header covers the top
    part.scrollIntoView({ behavior: "instant" });
  };
  addEventListener("hashchange", jump);
  jump();
})();
