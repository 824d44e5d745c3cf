"use strict";

/*
 * The part `look`: a trained network, loaded only when the reader asks for it. Until then there is a
 * button that says how large it is. Its options: `size`, the bytes of that file, which
 * docs/_ext/live/widgets.py writes; `text` to begin with, in place of the passage in the file; and `unit`.
 *
 *   charseqLook.take(file)    the script of the network calls it
 *   charseqLook.open(mount)   the last of the scripts that the part needs then calls it
 */

/** @typedef {(root: HTMLElement, file: NetworkFile, options: URLSearchParams) => Promise<void>} Open */

const charseqLook = (() => {
  const folder = /** @type {HTMLScriptElement} */ (document.currentScript).src;
  const { el } = charseqElements;
  /** @type {NetworkFile | null} */
  let file = null;
  /** @type {Open | null} */
  let open = null;

  /** @type {Record<string, Promise<unknown>>} */
  const loaded = {};
  /** Load a script or a style sheet, once unless it fails. @param {string} name */
  const load = (name) =>
    loaded[name] ??= new Promise((onload, fail) => {
      const onerror = () => {
        delete loaded[name];
        fail(new Error(`The file ${name} could not be loaded. Load this page again.`));
      };
      const href = new URL(name, folder).href;
      const [tag, attributes] = name.endsWith(".css")
        ? ["link", { rel: "stylesheet", href }]
        : ["script", { src: href, async: false }]; // they run in the order of the list
      document.head.append(
        Object.assign(document.createElement(tag), attributes, { onload, onerror }),
      );
    });

  charseqPlay.define("look", (root, options) => {
    const kilobytes = Math.ceil(Number(options.get("size")) / 1000);
    const asked = document.querySelector("[data-asked]")?.getAttribute("data-asked") ?? "";
    const isLink = /^#look=/.test(location.hash);
    const status = el("p", { class: "play-note", role: "status" });
    const press = charseqFields.button(`Load the network (${kilobytes} kB)`, async () => {
      if (press.getAttribute("aria-disabled") === "true") return;
      press.setAttribute("aria-disabled", "true");
      status.textContent = "The network is being loaded.";
      try {
        await Promise.all(["look.css", ...asked.split(" ").map((name) => `${name}.js`)].map(load));
        if (!open || !file) {
          throw new Error("The network’s file is damaged or cut short. Load this page again.");
        }
        const found = file;
        await open(root, found, options);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        status.textContent = error instanceof RangeError
          ? `The network’s file is damaged: ${message}.`
          : message;
        press.setAttribute("aria-disabled", "false");
      }
    });
    root.append(
      el(
        "p",
        {},
        "Type a text, and see each character in the colour of one unit’s state. Choose any unit, " +
          "look at what the network expects after any character, and let it go on from your text.",
      ),
      isLink ? el("p", {}, "Your link leads to one unit. Load the network to see it.") : "",
      el("div", { class: "play-row" }, press),
      status,
    );
  });

  return {
    /** @param {NetworkFile} found */
    take: (found) => void (file = found),
    /** @param {Open} mount */
    open: (mount) => void (open = mount),
  };
})();
