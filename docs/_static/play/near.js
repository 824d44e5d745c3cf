"use strict";

/* What a chapter loads at once: brings play.css and play.js when a part of the playground is near. */

(() => {
  const folder = /** @type {HTMLScriptElement} */ (document.currentScript).src;
  const near = new IntersectionObserver(
    (entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      near.disconnect();
      const style = document.createElement("link");
      style.rel = "stylesheet";
      style.href = new URL("play.css", folder).href;
      style.addEventListener("load", () => {
        const script = document.createElement("script");
        script.src = new URL("play.js", folder).href;
        document.head.append(script);
      });
      document.head.append(style);
    },
    { rootMargin: "800px 0px" },
  );
  for (const part of document.querySelectorAll("[data-play]")) near.observe(part);
})();
