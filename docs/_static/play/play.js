"use strict";

/*
 * The playground: puts its parts on the page. After elements.js; the script of each part follows.
 *
 *   charseqPlay.define(name, mount)   a part's script calls it; mount(root, options) fills root
 *   charseqPlay.home                  address of the page with all parts
 *
 * docs/_ext/live/widgets.py writes <div class="play" data-play="train" data-options="text=hello"> for a
 * part, with a fallback inside. A part is made once it comes near, and then replaces the fallback.
 * Which scripts a part needs, and in which order, stands in docs/_ext/live/widgets.py.
 */

/** @typedef {(root: HTMLElement, options: URLSearchParams) => void} Mount */

const charseqPlay = (() => {
  const folder = /** @type {HTMLScriptElement} */ (document.currentScript).src;
  const { el } = charseqElements;

  /** @param {Element} part @param {Mount} mount */
  const replaceFallback = (part, mount) => {
    const { play, options } = /** @type {HTMLElement} */ (part).dataset;
    const root = el("div", { class: `play-part play-${play}` });
    try {
      mount(root, new URLSearchParams(options));
      const { top, bottom } = part.getBoundingClientRect();
      const fallback = [...part.childNodes];
      part.replaceChildren(root);
      // Paper has no buttons: there the fallback says what the part shows.
      addEventListener("beforeprint", () => part.replaceChildren(...fallback));
      addEventListener("afterprint", () => part.replaceChildren(root));
      // It is larger than its fallback. What the reader looks at below it must not move away.
      const larger = part.getBoundingClientRect().bottom - bottom;
      if (top < 0) scrollBy({ top: larger, behavior: "instant" });
    } catch (error) {
      console.error(error); // the fallback stays
    }
  };

  /** @param {string} name @param {Mount} mount */
  const define = (name, mount) => {
    const near = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          if (!isIntersecting) continue;
          near.unobserve(target);
          replaceFallback(target, mount);
        }
      },
      { rootMargin: "400px 0px" },
    );
    for (const part of document.querySelectorAll(`[data-play="${name}"]`)) near.observe(part);
  };

  return { define, home: new URL("../../playground.html", folder).href };
})();
