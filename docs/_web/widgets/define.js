// Puts the widgets on the page. docs/_ext/live/widgets.py writes
// <div class="play" data-play="train" data-options="text=hello">, with a fallback inside. A widget
// is made once it comes near, and then replaces the fallback; one that waits for data, or for a run,
// once they are there.
import { el } from "../ui/elements.js";

/** @typedef {(root: HTMLElement, options: URLSearchParams, place: Element) =>
 *   object | void | Promise<object>} Mount */

/** @param {Element} place @param {Mount} mount */
const replaceFallback = async (place, mount) => {
  const { play, options } = /** @type {HTMLElement} */ (place).dataset;
  const root = el("div", { class: `play-part play-${play}` });
  try {
    // Whoever looks into a page finds there what the widget watches: tests do.
    /** @type {any} */
    const made = await mount(root, new URLSearchParams(options), place);
    Object.assign(root, { store: made });
    await made?.ready;
    const { top, bottom } = place.getBoundingClientRect();
    const fallback = [...place.childNodes];
    place.replaceChildren(root);
    place.classList.add("made"); // the room that was kept for it goes
    // Paper has no buttons: there the fallback says what the widget shows.
    addEventListener("beforeprint", () => place.replaceChildren(...fallback));
    addEventListener("afterprint", () => place.replaceChildren(root));
    // If it is larger than the room that it had, what the reader looks at below it must not move
    // away. A few pixels are not worth it: this stops a smooth scroll to an address of the page.
    const larger = place.getBoundingClientRect().bottom - bottom;
    if (top < 0 && Math.abs(larger) > 8) scrollBy({ top: larger, behavior: "instant" });
  } catch (error) {
    console.error(error); // the fallback stays
    place.classList.add("failed");
  }
};

/** Make each widget of this name when it comes near. @param {string} name @param {Mount} mount */
export const define = (name, mount) => {
  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        void replaceFallback(target, mount);
      }
    },
    { rootMargin: "400px 0px" },
  );
  for (const place of document.querySelectorAll(`[data-play="${name}"]`)) near.observe(place);
};
