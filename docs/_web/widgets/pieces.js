// The part `pieces`: type a text, and it falls into pieces of words, by pairs that a novel joined.
// benchmarks/words.py made the table. Its options are the `text` and the `merges` at first.
import { number, show } from "../core/formats.js";
import { cutIntoPieces, LONGEST_TO_CUT, pairsOf, troubleWithText } from "../core/pieces.js";
import { el } from "../ui/elements.js";
import { field } from "../ui/fields.js";
import { load } from "../ui/load.js";
import { player, readout } from "../ui/player.js";

/** @import { PieceTable } from "../core/pieces.js" */

const ONE_BY_ONE = 20; // merges; then the steps grow
const STEP = 1.15;

/** How many merges the slider's places are. @param {number} most */
const stopsTo = (most) => {
  const stops = Array.from({ length: ONE_BY_ONE + 1 }, (_, k) => k);
  for (let last = ONE_BY_ONE; last < most; last = stops[stops.length - 1]) {
    const next = Number((last * STEP).toPrecision(2));
    stops.push(Math.min(most, Math.max(next, last + 1)));
  }
  return stops;
};

const shown = (/** @type {string} */ text) => Array.from(text, show).join("");

/** @param {HTMLElement} root @param {URLSearchParams} options */
export const mount = async (root, options) => {
  /** @type {PieceTable} */
  const table = await load("pieces.js");
  const pairs = pairsOf(table.merges);
  const stops = stopsTo(pairs.length);
  const wanted = Number(options.get("merges") ?? 0) || 0;
  const first = Math.max(0, stops.findLastIndex((stop) => stop <= wanted));
  let at = first;
  const input = el("input", {
    maxlength: LONGEST_TO_CUT,
    autocomplete: "off",
    spellcheck: "false",
    value: options.get("text") ?? "",
    oninput: () => draw(),
  });
  const box = field("A text", "", input, null, input);
  const cut = el("p", { class: "play-pieces-text", "aria-hidden": "true", translate: "no" });
  const read = el("p", { class: "play-unseen" });
  const said = readout(root);

  const draw = () => {
    const text = input.value;
    const count = stops[at];
    const last = pairs[count - 1];
    const pieces = cutIntoPieces(text, pairs.slice(0, count));
    const trouble = troubleWithText(text, table.chars);
    cut.replaceChildren(...pieces.map((piece) => {
      const unknown = !table.chars.includes(piece) && [...piece].length === 1;
      const look = unknown ? "play-wrong-word" : last?.join("") === piece ? "play-new-piece" : null;
      return el("span", { class: look }, shown(piece));
    }));
    read.textContent = `Pieces: ${pieces.map(shown).join(" | ")}`;
    const length = [...text].length;
    const some = (/** @type {number} */ n, /** @type {string} */ word) =>
      `${n} ${word}${n === 1 ? "" : "s"}`;
    const counts = length
      ? `${some(length, "character")} in ${some(pieces.length, "token")}: ` +
        `${number(length / pieces.length, 2)} characters per token.`
      : "";
    const joined = last
      ? `Merge ${count} joined “${shown(last[0])}” and “${shown(last[1])}” into ` +
        `“${shown(last.join(""))}”.`
      : "Nothing is joined yet.";
    said.set([counts, joined, trouble].filter(Boolean).join(" "));
  };
  const steps = player({
    label: "merges",
    most: stops.length - 1,
    value: first,
    pace: 600,
    show: (k) => String(stops[k]),
    onInput(k) {
      at = k;
      draw();
    },
    onReset: () => input.value = options.get("text") ?? "",
  });
  root.append(box.element, cut, read, said.element, steps.element);
  draw();
};
