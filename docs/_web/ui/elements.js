// Makes elements, and announces what has changed. Strings are put on the page as text and never as
// markup.
import { symbolPieces } from "../core/formats.js";

/** @typedef {Node | string | null} Child */

/** What no browser is to translate. */
const SIGNS = ["code", "pre", "var", "sub", "output", "svg", "canvas"];

/**
 * Give an element its attributes and children. An attribute that is false or null is left out.
 * A function becomes a listener: {onclick: f}.
 * @template {Element} T @param {T} node @param {Record<string, any>} attributes
 * @param {Child[]} children
 */
const fill = (node, attributes, children) => {
  if (SIGNS.includes(node.localName)) node.setAttribute("translate", "no");
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
 * @template {keyof HTMLElementTagNameMap} K @param {K} tag
 * @param {Record<string, any>} [attributes] @param {Child[]} children
 */
export const el = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

/**
 * The same for a drawing.
 * @template {keyof SVGElementTagNameMap} K @param {K} tag @param {Record<string, any>} [attributes]
 * @param {Child[]} children
 */
export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

/** An id that no other element has, whichever script makes it. */
export const newId = () => {
  const { dataset } = document.documentElement;
  dataset.ids = String(Number(dataset.ids ?? 0) + 1);
  return `play-${dataset.ids}`;
};

/**
 * A text as children of an element, with the indices of its symbols below the line.
 * @param {string} text
 */
export const withIndices = (text) => {
  /** @type {(Node | string)[]} */
  const children = [];
  symbolPieces(text).forEach((piece, k) => {
    const [letter, index] = piece.split("_");
    if (k % 2) children.push(el("var", {}, letter), el("sub", {}, index));
    else children.push(piece);
  });
  return children;
};

/**
 * Write a text into an element that holds nothing else. Its text node is kept: a new one would make
 * the browser look at all of a long page again, for the style sheets' `:has`.
 * @param {Element} element @param {string} text
 */
export const setText = (element, text) => {
  const { firstChild } = element;
  if (firstChild instanceof Text && !firstChild.nextSibling) firstChild.data = text;
  else element.textContent = text;
};

/**
 * So many children of a group, which are kept from one picture to the next, so that changes ease.
 * @template {SVGElement} E @param {SVGGElement} group @param {number} count
 * @param {() => E} make @returns {E[]}
 */
export const keep = (group, count, make) => {
  while (group.children.length > count) group.lastElementChild?.remove();
  while (group.children.length < count) group.append(make());
  return /** @type {E[]} */ ([...group.children]);
};

/** Set attributes. @param {Element} element @param {Record<string, string | number>} attributes */
export const put = (element, attributes) => {
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, String(value));
  }
};

/** Does the reader's system ask for less motion? */
export const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * Let an element come from somewhere to where it is, unless the reader wants no motion.
 * @param {Element | null | undefined} element @param {Keyframe[]} frames @param {number} duration
 */
export const ease = (element, frames, duration) => {
  if (!isCalm()) element?.animate(frames, { duration, easing: "ease-out", fill: "backwards" });
};

/** @type {WeakMap<HTMLElement, {region: HTMLElement, timer: number}>} */
const regions = new WeakMap();
/**
 * Tell a screen reader, once the reader has stopped changing things for a moment.
 * @param {HTMLElement} root @param {string} text
 */
export const say = (root, text) => {
  let status = regions.get(root);
  if (!status) {
    status = { region: el("div", { class: "play-unseen", role: "status" }), timer: 0 };
    root.append(status.region);
    regions.set(root, status);
  }
  const { region, timer } = status;
  clearTimeout(timer);
  status.timer = setTimeout(() => setText(region, text), 600);
};

/** Call now, and again whenever the colors of the page change. @param {() => void} paint */
export const onTheme = (paint) => {
  new MutationObserver(paint).observe(document.body, { attributeFilter: ["data-theme"] });
  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
    matchMedia(query).addEventListener("change", paint);
  }
  paint();
};

/**
 * A frame that scrolls if its children are too wide, by keyboard too.
 * @param {string} label @param {Child[]} children
 */
export const scroll = (label, ...children) =>
  el(
    "div",
    { class: "play-scroll", role: "region", "aria-label": label, tabindex: 0 },
    ...children,
  );

/**
 * A table. The first cell of a row is the row's name.
 * @param {string} caption @param {string[]} head @param {Child[][]} rows
 */
export const table = (caption, head, rows) => {
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
