// What a network does at one character of a text: the state and gates of a unit, and which
// character it expects next, as tables.
import { GATES, number, show } from "../core/formats.js";
import { el, table, withIndices } from "../ui/elements.js";

/** @import { Reading } from "../core/long-reading.js" */
/** @import { Pass } from "../core/network.js" */

/** @param {string[]} chars */
export const placePanel = (chars) => {
  const SHOWN = 10; // characters that are listed
  const title = el("h3");
  const words = el("p");
  const unitBox = el("div", { class: "play-scroll", tabindex: 0, role: "region" });
  const nextBox = el("div", { class: "play-dial" });
  unitBox.setAttribute("aria-label", "The unit at this character");

  /** @param {Reading} reading @param {Pass} pass @param {number} unit */
  const unitTable = ({ model: { H, cell, gates } }, pass, unit) => {
    /** @type {[string, number][]} */
    const rows = [
      ["state before h_t−1", pass.h[unit]],
      ...gates.filter((gate) => gate !== "h").map((
        gate,
        k,
      ) => /** @type {[string, number]} */ ([GATES[gate], pass.gates[k * H + unit]])),
      ["state h_t", pass.h[H + unit]],
    ];
    if (cell === "LSTM") {
      rows.splice(1, 0, ["cell before c_t−1", pass.c[unit]]);
      rows.splice(-1, 0, ["cell c_t", pass.c[H + unit]]);
    }
    return table(
      `Unit ${unit} at this character`,
      ["", "value"],
      rows.map(([name, value]) => [el("span", {}, ...withIndices(name)), number(value)]),
    );
  };

  /**
   * How a GRU makes the new state.
   * @param {Reading} reading @param {Pass} pass @param {number} unit
   */
  const sumOf = ({ model: { H, cell, gates } }, pass, unit) => {
    if (cell !== "GRU") return "";
    const [z, n] = ["z", "n"].map((gate) => pass.gates[gates.indexOf(gate) * H + unit]);
    const [before, after] = [pass.h[unit], pass.h[H + unit]];
    return el(
      "p",
      { class: "play-note" },
      ...withIndices("h_t = (1 − z_t) n_t + z_t h_t−1"),
      ` ≈ ${number(1 - z)} · (${number(n)}) + ${number(z)} · (${number(before)}) ≈ ${
        number(after)
      }`,
    );
  };

  /** @param {number[]} p @param {number} came id of the character that comes next, or -1 */
  const nextTable = (p, came) => {
    const ranks = p.map((_, id) => id).sort((a, b) => p[b] - p[a]);
    const listed = ranks.slice(0, SHOWN);
    if (came >= 0 && !listed.includes(came)) listed.push(came);
    const rest = listed.reduce((left, id) => left - p[id], 1);
    /** @param {number} share */
    const bar = (share) => {
      const length = el("i");
      length.style.width = `${100 * share}%`;
      return el("div", { class: "play-dial-bar", "aria-hidden": "true" }, length);
    };
    /** @type {(string | HTMLElement)[][]} */
    const rows = listed.map((id) => [
      show(chars[id]),
      id === came ? el("mark", {}, "came next") : "",
      number(p[id]),
      bar(p[id]),
    ]);
    const left = chars.length - listed.length;
    if (left) rows.push([`${left} others`, "", number(Math.max(0, rest)), bar(Math.max(0, rest))]);
    return table("What the network expects next", ["next", "", "probability", ""], rows);
  };

  const panel = {
    element: el("section", {}, title, words, el("div", { class: "play-panel" }, unitBox, nextBox)),
    words: "",
    /** @param {{reading: Reading, t: number, unit: number, count: number, letter: string,
     *   at: number, silent: boolean}} place t: -1 if the network skips this character */
    update({ reading, t, unit, count, letter, at, silent }) {
      title.textContent = `Character ${at + 1} of ${count}: “${show(letter)}”`;
      const isRead = t >= 0;
      unitBox.hidden = nextBox.hidden = !isRead;
      if (!isRead) {
        panel.words = `The network does not know “${show(letter)}”, so it skips it.`;
        words.textContent = panel.words;
        return;
      }
      const pass = reading.at(t);
      const p = Array.from(pass.probabilities);
      const came = t + 1 < reading.ids.length ? reading.ids[t + 1] : -1;
      unitBox.replaceChildren(unitTable(reading, pass, unit), sumOf(reading, pass, unit));
      nextBox.replaceChildren(nextTable(p, came));
      const best = p.indexOf(Math.max(...p));
      const next = `${silent ? "Without this unit, the" : "The"} network expects “` +
        `${show(chars[best])}” most, with probability ${number(p[best])}.`;
      const bits = number(-Math.log2(p[came]), 2);
      panel.words = `Unit ${unit} holds ${number(pass.h[reading.model.H + unit], 2)} after “` +
        `${show(letter)}”. ${next}` +
        (came < 0
          ? ""
          : came === best
          ? ` It did come, and cost ${bits} bits.`
          : ` But “${show(chars[came])}” came, with probability ${number(p[came])}, and cost ` +
            `${bits} bits.`);
      words.textContent = panel.words;
    },
  };
  return panel;
};
