// The part `guess`: a piece of a sentence is hidden, and the reader guesses it letter by letter. What
// the reader pays for each letter stands above what a table of counts and the network pay.
import { number, show } from "../core/formats.js";
import { guess, hidden, paid, startGame, SYMBOLS } from "../core/guessing.js";
import { ease, el, isCalm } from "../ui/elements.js";
import { button } from "../ui/fields.js";
import { boxLine } from "../ui/line.js";
import { load } from "../ui/load.js";
import { readout } from "../ui/player.js";

/** @import { Passage } from "../core/guessing.js" */
/** @import { Row } from "../ui/line.js" */

const GIVEN = 2; // letters that nobody has to guess: they show what the bars are
const MOST = 16; // bits on the scale of the bars: no number of guesses costs more
/** @type {["table", "network"]} */
const MACHINES = ["table", "network"];
const mean = (/** @type {number[]} */ bits) => bits.reduce((sum, x) => sum + x, 0) / bits.length;
const times = (/** @type {number} */ count) => count === 1 ? "1 guess" : `${count} guesses`;

/** @param {HTMLElement} root */
export const mount = async (root) => {
  /** @type {{passages: Passage[], prices: number[]}} */
  const { passages, prices } = await load("guess.js");
  let index = 0;
  /** A new game. The letters that are given cost nothing. */
  const begin = () => ({ ...startGame(passages[index]), counts: Array(GIVEN).fill(0) });
  let game = begin();
  let given = 0; // so much of the text is shown, in any case
  let timer = 0; // of the next letter that is shown

  /** @param {string} name @returns {Row} */
  const bars = (name) => ({
    name,
    kind: "bars",
    color: "output",
    height: 72,
    most: MOST,
    ticks: [[0, "0"], [MOST / 2, name], [MOST, `${MOST} bits`]],
  });
  const line = boxLine({
    label: "The hidden letters, and what each costs",
    rows: [{ name: "letters", kind: "boxes" }, ...["you", ...MACHINES].map(bars)],
  });
  const words = readout(root);
  const before = el("p", { class: "play-guess-text", translate: "no" });

  const update = (/** @type {string} */ news) => {
    const { passage: { text, before: shown, table, network }, counts, tried } = game;
    const done = counts.length;
    const mine = paid(counts, prices);
    const sofar = tried.length ? prices[Math.min(tried.length, prices.length) - 1] : null;
    const isOver = given > 0 || done === text.length;
    const known = Array.from(text, (_, k) => k < done || k < given);
    before.textContent = `${shown.replace(/\n/g, " ")}…`;
    line.update({
      count: text.length,
      at: isOver ? -1 : done,
      letters: {
        texts: Array.from(text, (char, k) => known[k] ? show(char) : ""),
        off: known.map((is, k) => !is || k >= done),
      },
      you: { values: known.map((_, k) => mine[k] ?? (k === done && !isOver ? sofar : null)) },
      table: { values: known.map((is, k) => is ? table.bits[k] : null) },
      network: { values: known.map((is, k) => is ? network.bits[k] : null) },
    });
    for (const key of keys) {
      const symbol = key.value;
      key.disabled = isOver || tried.includes(symbol);
      key.classList.toggle("play-guess-wrong", !isOver && tried.includes(symbol));
    }
    field.disabled = rest.disabled = isOver;
    const each = (/** @type {number[]} */ bits) => number(mean(bits.slice(GIVEN, done)), 2);
    const sums = done > GIVEN
      ? ` Bits per letter, over ${done - GIVEN} of ${text.length - GIVEN}: you ${each(mine)}, ` +
        `the table ${each(table.bits)}, the network ${each(network.bits)}.`
      : "";
    const alike = MACHINES.map((name) => each(paid(game.passage[name].guesses, prices)));
    const end = isOver && done > GIVEN
      ? ` Had they paid by guesses, as you do: the table ${alike[0]}, the network ${alike[1]}.`
      : "";
    words.set(news + sums + end);
  };

  const take = (/** @type {string} */ symbol) => {
    const { counts: { length: t }, passage, tried } = game;
    const here = hidden(game);
    const next = guess(game, symbol);
    if (given || !symbol || !here) return;
    const box = line.element.querySelectorAll(".play-row-boxes text")[t];
    if (next === game) {
      return update(
        tried.includes(symbol) ? `“${show(symbol)}” was tried.` : "Only letters and spaces come.",
      );
    }
    game = next;
    if (symbol !== here) {
      const shake = [0, -4, 4, 0].map((x) => ({ transform: `translateX(${x}px)` }));
      ease(keys[SYMBOLS.indexOf(symbol)], shake, 150);
      return update(`Not “${show(symbol)}”: ${times(game.tried.length)} so far.`);
    }
    const [you, table, network] = [
      paid(game.counts, prices),
      passage.table.bits,
      passage.network.bits,
    ]
      .map((bits) => number(bits[t], 2));
    update(
      `“${show(symbol)}” after ${
        times(game.counts[t])
      } costs you ${you} bits, the table ${table} ` +
        `and the network ${network}.`,
    );
    ease(box, [{ transform: "scale(1.5)" }, { transform: "none" }], 180);
  };
  const keys = Array.from(SYMBOLS, (symbol) =>
    el(
      "button",
      {
        type: "button",
        class: "play-button",
        value: symbol,
        "aria-label": symbol === " " ? "space" : symbol,
        onclick: () => take(symbol),
      },
      show(symbol),
    ));
  const field = el("input", {
    class: "play-typed",
    inputmode: "none", // on a phone the buttons are its keyboard
    autocomplete: "off",
    "aria-label": "the next letter, or a space",
    oninput() {
      const symbol = field.value.slice(-1).toLowerCase();
      field.value = "";
      take(symbol);
    },
  });
  const start = () => {
    clearTimeout(timer);
    given = 0;
    game = begin();
    update("Two letters are given: the bars show what the table and the network paid for them.");
  };
  /** Show the rest, letter by letter. @param {number} upTo */
  const reveal = (upTo) => {
    const { passage: { text, table, network }, counts } = game;
    given = isCalm() ? text.length : upTo;
    const [theirs, its] = [table, network].map(({ bits }) => number(mean(bits.slice(GIVEN)), 2));
    const all = counts.length > GIVEN
      ? ""
      : ` Bits per letter: the table ${theirs}, the network ${its}.`;
    update(`It was “${text}”.${all}`);
    if (given < text.length) timer = setTimeout(reveal, 40, given + 1);
  };
  const rest = button("Show the rest", () => reveal(game.counts.length + 1));
  const another = button("Another sentence", () => {
    index = (index + 1) % passages.length;
    start();
    field.focus({ preventScroll: true });
  });
  root.append(
    el("p", {}, "What is the next letter? Press it, or type it here: ", field),
    before,
    line.element,
    el(
      "div",
      { class: "play-guess-keys", role: "group", "aria-label": "letters", translate: "no" },
      ...keys,
    ),
    words.element,
    el("div", { class: "play-row" }, rest, another),
  );
  start();
};
