// The widget `look`: a trained network, loaded only when the reader asks for it. Until then there is
// a button that says how large it is. Its options: `text` to begin with, in place of the passage in
// the file; `unit`; and `writes`, to show only what writes.
import { el } from "../ui/elements.js";
import { button } from "../ui/fields.js";
import { load } from "../ui/load.js";

/** @import { Mount } from "./define.js" */

const FILES = ["bundles/look-panels.js", "austen.js", "bundles/look.css"];

/** @type {Mount} */
export const mount = (root, options) => {
  const status = el("p", { class: "play-note", role: "status" });
  const press = button("Load the network (650 kB)", async () => {
    if (press.getAttribute("aria-disabled") === "true") return;
    press.setAttribute("aria-disabled", "true");
    status.textContent = "The network is being loaded.";
    try {
      const [show, file] = await Promise.all(FILES.map(load));
      if (!file) {
        throw new Error("The network’s file is damaged or cut short. Load this page again.");
      }
      await show(root, file, options);
    } catch (error) {
      status.textContent = error instanceof Error ? error.message : String(error);
      press.setAttribute("aria-disabled", "false");
    }
  });
  root.append(
    el(
      "p",
      {},
      options.has("writes")
        ? "Let the network go on from your own words, at any temperature."
        : "Type a text, and see each character in the color of one unit’s state. Choose any unit, " +
          "look at what the network expects after any character, and let it go on from your text.",
    ),
    el("div", { class: "play-row" }, press),
    status,
  );
};
