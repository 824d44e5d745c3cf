// Values from outside, from an address or a form, are checked here and brought into bounds.

/**
 * What is allowed: a list of choices, or a number from `least` to `most`. `whole` rounds it, and
 * with `none` the word "none" stands for null.
 * @typedef {{least: number, most: number, whole?: boolean, none?: boolean}} Range
 * @typedef {readonly string[] | Range} Rule
 * @typedef {Record<string, unknown>} Plain
 */

/** A value as a message quotes it. @param {unknown} value */
export const quote = (value) => {
  const text = String(value);
  return JSON.stringify(text.length > 30 ? `${text.slice(0, 30)}…` : text);
};

/**
 * An object, of URLSearchParams or of an object.
 * @param {URLSearchParams | Plain} source @returns {Plain}
 */
export const plain = (source) =>
  source instanceof URLSearchParams ? Object.fromEntries(source) : source;

/** @param {Range} range */
const inWords = ({ least, most, whole, none }) =>
  `${whole ? "a whole" : "a"} number from ${least} to ${most}${none ? ", or none" : ""}`;

/**
 * The number nearest to what was given; undefined if that is no number.
 * @param {string} text @param {Range} range
 */
const nearest = (text, { least, most, whole, none }) => {
  if (none && /^(none|null|)$/i.test(text)) return null;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return undefined;
  const number = Math.min(most, Math.max(least, Number(text)));
  return whole ? Math.round(number) : number;
};

/**
 * @param {string} text @param {readonly string[]} choices @returns {string | boolean | undefined}
 */
const chosen = (text, choices) => {
  const choice = choices.find((option) => option.toLowerCase() === text.toLowerCase());
  return choice === "true" ? true : choice === "false" ? false : choice;
};

/**
 * For each rule, the value that is given if it is allowed, else one that is; a message says so.
 * @param {Plain} found @param {Plain} defaults @param {Record<string, Rule>} rules
 * @param {string[]} messages @returns {any}
 */
export const readBounded = (found, defaults, rules, messages) => {
  const values = { ...defaults };
  for (const [name, rule] of Object.entries(rules)) {
    if (!Object.hasOwn(found, name)) continue;
    const text = String(found[name]).trim();
    const isRange = "least" in rule;
    const value = isRange ? nearest(text, rule) : chosen(text, rule);
    if (value !== undefined) values[name] = value;
    const isChanged = isRange && value !== null && value !== Number(text);
    if (value !== undefined && !isChanged) continue;
    const allowed = isRange ? inWords(rule) : `one of ${rule.join(", ")}`;
    const used = values[name] ?? "none";
    messages.push(`${name} must be ${allowed}: got ${quote(found[name])}, so ${used} is used`);
  }
  return values;
};
