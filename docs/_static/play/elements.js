"use strict";

/*
 * Elements of a page: how the parts of the playground make them, and announce what has changed.
 * After formats.js and make-element.js. Strings are put on the page as text and never as markup.
 *
 *   charseqElements.el(tag, attributes, ...children), svg(...)   an element, a piece of a drawing
 *   charseqElements.withIndices(text)              pieces of it, with the index of h_t below the line
 *   charseqElements.newId()                        an id that no other element has
 *   charseqElements.say(root, text)                tells a screen reader
 *   charseqElements.onTheme(paint)                 paints now, and again in other colours
 *   charseqElements.scroll(label, ...children)     a frame that scrolls
 *   charseqElements.table(caption, head, rows)
 */

const charseqElements = (() => {
  const { el, svg, newId } = charseqMake;

  /**
   * A text as children of an element, with the indices of its symbols below the line.
   * @param {string} text
   */
  const withIndices = (text) => {
    /** @type {(Node | string)[]} */
    const children = [];
    charseqFormats.pieces(text).forEach((piece, k) => {
      const [letter, index] = piece.split("_");
      if (k % 2) children.push(el("var", {}, letter), el("sub", {}, index));
      else children.push(piece);
    });
    return children;
  };

  /** @type {WeakMap<HTMLElement, {region: HTMLElement, timer: number}>} */
  const regions = new WeakMap();
  /**
   * Tell a screen reader, once the reader has stopped changing things for a moment.
   * @param {HTMLElement} root
   * @param {string} text
   */
  const say = (root, text) => {
    let status = regions.get(root);
    if (!status) {
      status = { region: el("div", { class: "play-unseen", role: "status" }), timer: 0 };
      root.append(status.region);
      regions.set(root, status);
    }
    const { region, timer } = status;
    clearTimeout(timer);
    status.timer = setTimeout(() => (region.textContent = text), 600);
  };

  /** @type {(() => void)[]} */
  const painters = [];
  /** Call now, and again whenever the colours of the page change. @param {() => void} paint */
  const onTheme = (paint) => {
    painters.push(paint);
    paint();
  };
  const repaint = () => painters.forEach((paint) => paint());
  new MutationObserver(repaint).observe(document.body, { attributeFilter: ["data-theme"] });
  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
    matchMedia(query).addEventListener("change", repaint);
  }

  /**
   * A frame that scrolls if its children are too wide, by keyboard too.
   * @param {string} label
   * @param {Child[]} children
   */
  const scroll = (label, ...children) =>
    el(
      "div",
      { class: "play-scroll", role: "region", "aria-label": label, tabindex: 0 },
      ...children,
    );

  /**
   * A table. The first cell of a row is the row's name.
   * @param {string} caption
   * @param {string[]} head
   * @param {Child[][]} rows
   */
  const table = (caption, head, rows) => {
    const heads = head.map((text) => el(text ? "th" : "td", text ? { scope: "col" } : {}, text));
    const lines = rows.map(([name, ...cells]) =>
      el("tr", {}, el("th", { scope: "row" }, name), ...cells.map((cell) => el("td", {}, cell)))
    );
    return el(
      "table",
      {},
      el("caption", {}, caption),
      el("thead", {}, el("tr", {}, ...heads)),
      el("tbody", {}, ...lines),
    );
  };

  return { el, svg, withIndices, newId, say, onTheme, scroll, table };
})();
