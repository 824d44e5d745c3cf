// The address of the page keeps what the reader has found: a unit, a character and a text.
import { LONGEST_TEXT } from "../core/known-text.js";

/** @typedef {{unit: number, at: number, silent: boolean, text: string | null}} Found text: null if it
 *   is the one to begin with */

export const LONGEST_LINK = 2000; // characters of a text in a link

/** What the address holds, null for what it lacks. @param {number} units */
export const readLook = (units) => {
  const params = new URLSearchParams(location.hash.slice(1));
  /** @type {string[]} */
  const messages = [];
  /** @param {string} name @param {number} least @param {number} most */
  const whole = (name, least, most) => {
    const given = params.get(name);
    if (given === null) return null;
    if (/^\d{1,5}$/.test(given) && Number(given) >= least && Number(given) <= most) {
      return Number(given);
    }
    const what = name === "look" ? "unit" : "place in the text";
    messages.push(`The link’s ${what} must be a whole number from ${least} to ${most}.`);
    return null;
  };
  if (!params.has("look")) return { unit: null, at: null, text: null, silent: false, messages };
  return {
    unit: whole("look", 0, units - 1),
    at: whole("at", 1, LONGEST_TEXT),
    text: params.get("text"),
    silent: params.get("silent") === "1",
    messages,
  };
};

/** "#look=108&at=57"; only the unit if the text is too long. @param {Found} found */
export const hashOf = ({ unit, at, silent, text }) => {
  const params = new URLSearchParams({ look: String(unit) });
  const fits = text === null || [...text].length <= LONGEST_LINK;
  if (fits) params.set("at", String(at)); // a place in another text says nothing
  if (silent) params.set("silent", "1");
  if (fits && text !== null) params.set("text", text);
  return `#${params}`;
};
