// A text whose characters are painted in the colors of numbers from -1 to 1. It stays text. One
// character is chosen, by mouse or by arrow keys. Of a long text one page is shown, the one with
// the chosen character.
import { number, show } from "../core/formats.js";
import { el, newId, scroll, table } from "../ui/elements.js";
import { button } from "../ui/fields.js";

/** @import { KnownText } from "../core/long-reading.js" */

/** @param {(at: number) => void} choose is told the place of a character that the reader presses */
export const paintedText = (choose) => {
  const PAGE = 1000; // characters
  const STEPS = 20; // shades on each side of zero
  const ROWS = 100; // characters in the table

  const text = el("div", {
    class: "play-look-text",
    role: "group",
    translate: "no",
    "aria-label": "The painted text",
    onclick: press,
    onkeydown: move,
  });
  const where = el("span");
  const back = button("Back", () => page > 0 && choose((page - 1) * PAGE));
  const next = button("Next", () => page < lastPage() && choose((page + 1) * PAGE));
  const pages = el(
    "nav",
    { class: "play-row", "aria-label": "Pages of the text" },
    back,
    next,
    where,
  );
  const scale = el(
    "div",
    { class: "play-look-scale" },
    el("span", { class: "play-look-gradient", "aria-hidden": "true" }),
    el("small", {}, ...["−1", "0", "1"].map((end) => el("span", {}, end))),
  );
  const help = el(
    "p",
    { class: "play-note", id: newId() },
    "Gold is above 0. Indigo with a line over it is below 0. Press a character to look at it. " +
      "Arrow keys lead from one to the next.",
  );
  text.setAttribute("aria-describedby", help.id);

  const lastPage = () => Math.floor((known.letters.length - 1) / PAGE);

  /** @type {KnownText} */
  let known = { letters: [], places: new Int32Array(0), ids: new Int32Array(0), messages: [] };
  /** @type {HTMLElement[]} */
  let cells = [];
  let page = 0;
  let at = 0;
  /** @type {(place: number) => number} */
  let valueAt = () => NaN;

  // ---- the same as a table

  const box = el("details", { ontoggle: () => fill() }, el("summary", {}, "The states as a table"));
  const fill = () => {
    if (!box.open) return;
    const first = Math.max(0, Math.min(at - ROWS / 2, known.letters.length - ROWS));
    const rows = known.letters.slice(first, first + ROWS).map((letter, k) => {
      const value = valueAt(first + k);
      return [String(first + k + 1), show(letter), Number.isNaN(value) ? "" : number(value, 2)];
    });
    const caption = `Characters ${first + 1} to ${
      first + rows.length
    }, and the unit’s state after each`;
    const label = "The states as a table";
    box.replaceChildren(
      box.children[0],
      scroll(label, table(caption, ["", "character", "state"], rows)),
    );
  };

  // ---- the text

  /** @param {Event} event */
  function press({ target }) {
    const k = cells.indexOf(/** @type {HTMLElement} */ (target));
    if (k < 0) return;
    choose(page * PAGE + k);
    focus();
  }

  /** The character above or below on the screen. @param {1 | -1} step */
  const acrossLines = (step) => {
    const here = cells[at - page * PAGE];
    let k = at - page * PAGE;
    while (cells[k] && cells[k].offsetTop === here.offsetTop) k += step;
    if (!cells[k]) return at + step * (Math.abs(k - (at - page * PAGE)));
    const line = cells[k].offsetTop;
    let best = k;
    for (; cells[k]?.offsetTop === line; k += step) {
      const gap = Math.abs(cells[k].offsetLeft - here.offsetLeft);
      if (gap < Math.abs(cells[best].offsetLeft - here.offsetLeft)) best = k;
    }
    return page * PAGE + best;
  };

  /** @param {KeyboardEvent} event */
  function move(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const end = known.letters.length - 1;
    /** @type {Record<string, () => number>} */
    const keys = {
      ArrowLeft: () => at - 1,
      ArrowRight: () => at + 1,
      ArrowUp: () => acrossLines(-1),
      ArrowDown: () => acrossLines(1),
      Home: () => 0,
      End: () => end,
      PageUp: () => at - PAGE,
      PageDown: () => at + PAGE,
    };
    const go = keys[event.key];
    if (!go) return;
    event.preventDefault();
    choose(Math.min(end, Math.max(0, go())));
    focus();
  }

  const focus = () => cells[at - page * PAGE]?.focus({ preventScroll: false });

  const build = () => {
    const start = page * PAGE;
    const letters = known.letters.slice(start, start + PAGE);
    cells = letters.map((letter, k) => {
      const isKnown = known.places[start + k] >= 0;
      const kind = letter === "\n" ? "play-look-line" : isKnown ? null : "play-look-unknown";
      return el("span", { class: kind }, letter);
    });
    text.replaceChildren(...cells);
    pages.hidden = lastPage() <= 0;
    const count = (/** @type {number} */ n) => n.toLocaleString("en");
    where.textContent = `Characters ${count(start + 1)} to ${count(start + cells.length)} of ` +
      count(known.letters.length);
    back.setAttribute("aria-disabled", String(page === 0));
    next.setAttribute("aria-disabled", String(page >= lastPage()));
  };

  return {
    element: el("div", { class: "play-look-painted" }, scale, text, pages, help, box),
    focus,
    /** Show a text, or another place in it. @param {KnownText} text @param {number} place */
    update(text, place) {
      const old = cells[at - page * PAGE];
      const isNew = known !== text || Math.floor(place / PAGE) !== page;
      known = text;
      at = place;
      page = Math.floor(place / PAGE);
      if (isNew) build();
      const cell = cells[at - page * PAGE];
      if (old !== cell) {
        for (const name of ["tabindex", "role", "aria-pressed", "aria-label"]) {
          old?.removeAttribute(name);
        }
      }
      for (
        const [name, value] of [["tabindex", "0"], ["role", "button"], ["aria-pressed", "true"]]
      ) {
        cell?.setAttribute(name, value);
      }
      cell?.setAttribute("aria-label", show(known.letters[at])); // a space has no other name
      fill();
      return isNew;
    },
    /** @param {(place: number) => number} valueOf NaN where there is none */
    paint(valueOf) {
      valueAt = valueOf;
      fill();
      cells.forEach((cell, k) => {
        const value = valueOf(page * PAGE + k);
        const shade = Math.round(Math.min(1, Math.abs(value)) * STEPS);
        const color = value < 0 ? "minus" : "plus";
        cell.style.backgroundColor = shade
          ? `color-mix(in srgb, var(--play-${color}) ${(100 * shade) / STEPS}%, var(--play-zero))`
          : "";
        cell.classList.toggle("play-look-below", value < 0 && shade > 0);
        // From here on a dark page, too, has cells so light that black is easier to read on them.
        cell.classList.toggle("play-look-strong", shade > (value < 0 ? 12 : 10));
      });
    },
  };
};
