// Makes elements. Strings are put on the page as text and never as markup.

/** @typedef {Node | string | null} Child */

/**
 * Give an element its attributes and children. An attribute that is false or null is left out.
 * A function becomes a listener: {onclick: f}.
 * @template {Element} T
 * @param {T} node
 * @param {Record<string, any>} attributes
 * @param {Child[]} children
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
export const el = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);
