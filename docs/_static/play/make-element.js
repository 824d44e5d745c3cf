"use strict";

/*
 * Makes elements. Strings are put on the page as text and never as markup.
 *
 *   charseqMake.el(tag, attributes, ...children), svg(...)   an element, a piece of a drawing
 *   charseqMake.newId()                                      an id that no other element has
 */

/** @typedef {Node | string | null} Child */

const charseqMake = (() => {
  /**
   * Give an element its attributes and children. An attribute that is false or null is left out.
   * A function becomes a listener: {onclick: f}.
   * @template {Element} T
   * @param {T} node
   * @param {Record<string, any>} attributes
   * @param {Child[]} children
   * @returns {T}
   */
  const fill = (node, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") node.addEventListener(name.slice(2), value);
      else if (value !== false && value != null) {
        node.setAttribute(name, value === true ? "" : String(value));
      }
    }
    node.append(...children.filter((child) => child !== null));
    return node;
  };

  /**
   * el("p", {class: "play-note"}, "text", el("b", {}, "more"))
   * @template {keyof HTMLElementTagNameMap} K
   * @param {K} tag
   * @param {Record<string, any>} [attributes]
   * @param {Child[]} children
   */
  const el = (tag, attributes = {}, ...children) =>
    fill(document.createElement(tag), attributes, children);

  /**
   * The same for a drawing.
   * @template {keyof SVGElementTagNameMap} K
   * @param {K} tag
   * @param {Record<string, any>} [attributes]
   * @param {Child[]} children
   */
  const svg = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

  let ids = 0;
  const newId = () => `play-${++ids}`;

  return { el, svg, newId };
})();
