// Loads the styles and the script of a widget when the reader comes near it.
// docs/_ext/live/widgets.py writes data-files="bundles/widgets.css bundles/letters.js".
import { load } from "../ui/load.js";

const near = new IntersectionObserver(
  async (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      const files = /** @type {HTMLElement} */ (target).dataset.files?.split(" ") ?? [];
      const styles = files.filter((file) => file.endsWith(".css"));
      await Promise.all(styles.map(load));
      await Promise.all(files.map(load));
    }
  },
  { rootMargin: "800px 0px" },
);
for (const place of document.querySelectorAll("[data-files]")) near.observe(place);
