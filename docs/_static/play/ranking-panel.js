"use strict";

/*
 * Find the unit that follows brackets: a challenge, and a list of all units in the order in which
 * they tell inside from outside. After formats.js, elements.js, fields.js and unit-ranking.js.
 *
 *   charseqRankingPanel({getUnit, setUnit, say})   {element, update(known, reading)}
 */

/** @param {{getUnit: () => number, setUnit: (unit: number) => void,
 *   say: (text: string) => void}} page */
const charseqRankingPanel = ({ getUnit, setUnit, say }) => {
  const { number } = charseqFormats;
  const { el, scroll, table } = charseqElements;
  const { button, choice } = charseqFields;
  const KEY = "charseq.look"; // in the storage of this browser: "1" once the challenge is met
  const NEAR = 0.01; // a unit that is hardly worse than the best is right, too
  const FEWEST = 5; // characters on either side, so that a score says something

  /** Storage may be full, or denied: then even its name throws. @template T @param {() => T} act */
  const attempt = (act) => {
    try {
      return act();
    } catch {
      return null;
    }
  };

  /** @type {KnownText | null} */
  let known = null;
  /** @type {Reading | null} */
  let reading = null;
  /** @type {Kind} */
  let kind = "brackets";
  let turn = 0;

  /** @param {Kind} which @returns {boolean[]} of the characters that are read */
  const labelsOf = (which) => {
    if (!known) return [];
    const { letters, places } = known;
    return charseqRanking.inside(letters, which).filter((_, k) => places[k] >= 0);
  };

  /**
   * Rank all units in slices of time; null if another ranking was asked for meanwhile.
   * @param {Kind} which
   * @param {boolean} [moved] take the labels of other characters: they say nothing about these
   * @returns {Promise<{list: Ranked[], counts: number[]} | null>}
   */
  const rank = async (which, moved = false) => {
    const mine = ++turn;
    const own = labelsOf(which);
    const half = moved ? own.length >> 1 : 0;
    const labels = [...own.slice(half), ...own.slice(0, half)];
    const within = labels.filter(Boolean).length;
    const counts = [within, labels.length - within];
    if (!reading || Math.min(...counts) < FEWEST) return { list: [], counts };
    const ranking = charseqRanking.start(reading.states, reading.model.H, labels);
    while (!ranking.advance(12)) {
      await new Promise((resume) => setTimeout(resume));
      if (mine !== turn) return null;
    }
    return { list: ranking.list, counts };
  };

  /** @param {Kind} which */
  const tooFew = (which) =>
    `This text has too few characters inside ${which}, or too few outside, to compare units.`;

  // ---- the challenge

  const name = el("b");
  const verdict = el("p", { class: "play-verdict", hidden: true });
  const card = el(
    "li",
    {},
    name,
    el(
      "p",
      {},
      "Which unit’s state tells best whether a character is inside brackets? Choose a unit above, " +
        "look at its colours, and press the button when you have found it.",
    ),
    button("It is the chosen unit", () => void judge()),
  );
  const draw = () => {
    const isMet = attempt(() => localStorage.getItem(KEY)) === "1" || met;
    name.textContent = `${isMet ? "✓ Met: " : ""}Find the unit that follows brackets`;
    card.classList.toggle("play-won", isMet);
    note.hidden = !isMet;
  };
  let met = false;
  const forget = button("Forget that I met it", () => {
    met = false;
    attempt(() => localStorage.removeItem(KEY));
    draw();
    heading.focus(); // the button that had the focus is gone
    say("It is forgotten.");
  });
  const note = el(
    "p",
    { class: "play-note" },
    "This browser remembers that you met the challenge. Nothing is sent anywhere. ",
    forget,
  );
  const heading = el("h3", { tabindex: -1 }, "Find a unit yourself");

  const judge = async () => {
    const unit = getUnit();
    const found = await rank("brackets");
    if (!found) return;
    const { list } = found;
    const place = list.findIndex((one) => one.unit === unit);
    let title = "";
    let text = tooFew("brackets");
    let isRight = false;
    if (place >= 0) {
      const { agreement, score } = list[place];
      isRight = agreement >= list[0].agreement - NEAR;
      const pairs = `If you take one character inside brackets and one outside, unit ${unit} is ` +
        `${score > 0.5 ? "higher" : "lower"} inside in ${
          number(100 * agreement, 1)
        } % of all pairs.`;
      title = isRight ? `Unit ${unit} follows brackets.` : `Not unit ${unit}.`;
      text = isRight
        ? `${pairs} No unit does better on this text${place ? " by more than 1 %" : ""}.`
        : `${pairs} ${place} ${place === 1 ? "unit does" : "units do"} better on this text.`;
    }
    verdict.hidden = false;
    verdict.dataset.outcome = isRight ? "spells" : "partly";
    verdict.replaceChildren(el("b", {}, title), ` ${text}`);
    if (isRight) {
      met = true;
      attempt(() => localStorage.setItem(KEY, "1"));
      draw();
    }
    say(`${isRight ? "Challenge met. " : ""}${title} ${text}`);
    if (box.open) void fill();
  };

  // ---- the list

  const listed = el("div", {});
  const which = choice({
    label: "Units that agree best with",
    options: [["brackets", "inside brackets"], ["quotes", "inside quotes"]],
    value: kind,
    onInput(value) {
      kind = /** @type {Kind} */ (value);
      void fill(true);
    },
  });
  const fill = async (aloud = false) => {
    if (!box.open) return;
    const found = await rank(kind);
    if (!found) return;
    const { list, counts } = found;
    if (!list.length) {
      listed.replaceChildren(el("p", {}, tooFew(kind)));
      if (aloud) say(tooFew(kind));
      return;
    }
    const chance = await rank(kind, true);
    if (!chance) return;
    const rows = list.map(({ unit, score, agreement }, k) => [
      String(k + 1),
      button(`unit ${unit}`, () => setUnit(unit)),
      number(agreement),
      score > 0.5 ? "higher" : "lower",
    ]);
    const says = `${counts[0]} characters are inside ${kind}, and ${counts[1]} are outside. The ` +
      "score is the share of pairs, one inside and one outside, that the unit puts in the right " +
      "order. A coin has 0.5. Of so many units, some agree by chance: if each character gets the " +
      "label of another one, half a text away, the best unit still has " +
      `${number(chance.list[0].agreement)}.`;
    listed.replaceChildren(
      el("p", { class: "play-note" }, says),
      scroll(
        "All units",
        table("All units, the best first", ["", "unit", "score", `inside ${kind} it is`], rows),
      ),
    );
    if (aloud) say(`Unit ${list[0].unit} is the best, with ${number(list[0].agreement)}.`);
  };
  const box = el(
    "details",
    { ontoggle: () => void fill(true) },
    el("summary", {}, "Rank all units (this shows the answer)"),
    which.element,
    listed,
  );
  draw();

  return {
    element: el(
      "section",
      { class: "play-look-find" },
      heading,
      el("ul", { class: "play-tasks" }, card),
      verdict,
      note,
      box,
    ),
    /** Another text is read. @param {KnownText} text @param {Reading} states */
    update(text, states) {
      turn++;
      [known, reading] = [text, states];
      verdict.hidden = true;
      listed.replaceChildren();
      void fill();
    },
  };
};
