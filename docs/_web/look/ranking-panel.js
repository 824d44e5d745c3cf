// A list of all units in the order in which they tell inside from outside, of quotes or brackets.
import { number } from "../core/formats.js";
import { labelInside, SHIFTS, startRanking } from "../core/unit-ranking.js";
import { el, scroll, table } from "../ui/elements.js";
import { button, choice } from "../ui/fields.js";

/** @import { KnownText } from "../core/known-text.js" */
/** @import { Reading } from "../core/long-reading.js" */
/** @import { Kind, Ranked } from "../core/unit-ranking.js" */

/** @param {{getUnit: () => number, showUnit: (unit: number) => void,
 *   say: (text: string) => void}} page */
export const rankingPanel = ({ getUnit, showUnit, say }) => {
  const FEWEST = 5; // characters on either side, so that an AUC says something
  const LISTED = 10; // units that are listed before the reader asks for all

  /** @type {KnownText | null} */
  let known = null;
  /** @type {Reading | null} */
  let reading = null;
  /** @type {Kind} */
  let kind = "quotes";
  let turn = 0;

  /** @param {Kind} which @returns {boolean[]} of the characters that are read */
  const labelsOf = (which) => {
    if (!known) return [];
    const { letters, places } = known;
    return labelInside(letters, which).filter((_, k) => places[k] >= 0);
  };

  /**
   * Rank all units in slices of time; null if another ranking was asked for meanwhile.
   * @param {Kind} which
   */
  const rank = async (which) => {
    const mine = ++turn;
    if (!reading) return null;
    const ranking = startRanking(reading.states, reading.model.H, labelsOf(which));
    if (Math.min(...ranking.counts) < FEWEST) return ranking; // its list is empty
    while (!ranking.advance(12)) {
      await new Promise((resume) => setTimeout(resume));
      if (mine !== turn) return null;
    }
    return ranking;
  };

  /** @param {number} n @param {string} noun */
  const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;
  /** @param {Kind} which */
  const tooFew = (which) =>
    `This text has too few characters inside ${which}, or too few outside, to compare units.`;

  const listed = el("div", { class: "play-look-listed" });
  const which = choice({
    label: "Units that agree best with",
    options: [["quotes", "inside quotes"], ["brackets", "inside brackets"]],
    value: kind,
    onInput(value) {
      kind = /** @type {Kind} */ (value);
      void fill(true);
    },
  });
  /** @type {Map<number, HTMLElement>} */
  const presses = new Map();
  const mark = () => {
    for (const [unit, press] of presses) {
      press.setAttribute("aria-pressed", `${unit === getUnit()}`);
    }
  };
  /** @param {Ranked[]} list */
  const tableOf = (list) => {
    presses.clear();
    const rows = list.map(({ unit, score, agreement }, k) => {
      const press = button(`unit ${unit}`, () => showUnit(unit));
      presses.set(unit, press);
      return [String(k + 1), press, number(agreement), score > 0.5 ? "higher" : "lower"];
    });
    mark();
    const caption = `The best ${list.length} units. Inside ${kind}, a unit is higher or lower.`;
    return scroll("The best units", table(caption, ["", "unit", "AUC", "inside"], rows));
  };
  const fill = async (aloud = false) => {
    if (!box.open) return;
    listed.replaceChildren(el("p", { class: "play-note" }, "The units are being compared."));
    const found = await rank(kind);
    if (!found) return;
    const { list, luck, pieces, counts } = found;
    if (!list.length) {
      listed.replaceChildren(el("p", {}, tooFew(kind)));
      if (aloud) say(tooFew(kind));
      return;
    }
    const all = button(`Show all ${list.length} units`, () => {
      const whole = tableOf(list);
      few.replaceWith(whole);
      all.remove();
      whole.focus(); // the button that had the focus is gone
    });
    const few = tableOf(list.slice(0, LISTED));
    const texts = [
      `${counts[0]} characters are inside ${kind}, in ${count(pieces, "separate piece")}. ` +
      `${counts[1]} characters are outside. The AUC is the share of pairs, one character inside ` +
      "and one outside, in which the unit is higher at the one inside. If a unit is lower inside, " +
      "the list shows 1 − AUC. Then 0.5 tells nothing, and 1 tells everything.",
      `Luck alone reaches ${number(luck)}. To measure it, we move the labels along the text, so ` +
      `that they no longer belong to it. We do this in ${SHIFTS} ways, and take the ` +
      "best AUC of all units.",
      "This list chooses and measures on the same text. The chapter forbids that, because the " +
      "best of many units is partly lucky. To test a unit, type another text and rank again.",
    ];
    listed.replaceChildren(
      ...texts.map((text) => el("p", { class: "play-note" }, text)),
      few,
      list.length > LISTED ? all : "",
    );
    if (aloud) say(`Unit ${list[0].unit} is the best, with ${number(list[0].agreement)}.`);
  };
  const box = el(
    "details",
    { ontoggle: () => void fill(true) },
    el("summary", {}, "Rank all units"),
    which.element,
    listed,
  );
  return {
    element: el("section", { class: "play-look-find" }, el("h3", {}, "Find a unit yourself"), box),
    /** Another text is read. @param {KnownText} text @param {Reading} states */
    update(text, states) {
      turn++;
      [known, reading] = [text, states];
      listed.replaceChildren();
      void fill();
    },
    mark,
  };
};
