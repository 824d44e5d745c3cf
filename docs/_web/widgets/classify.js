// The part `classify`: type a name, and see after each letter how probable a network finds each of
// twelve languages. benchmarks/names.py trained it. Its option is the `name` to begin with.
import { classifierOf, LONGEST_NAME, settledAt } from "../core/classify.js";
import { number, show } from "../core/formats.js";
import { boxLine } from "../ui/line.js";
import { load } from "../ui/load.js";
import { readout } from "../ui/player.js";
import { textReader } from "../ui/text-reader.js";

/** @import { Classifier, Said } from "../core/classify.js" */

const FIRST = 2; // letters that are read when the part begins

/** @param {HTMLElement} root @param {URLSearchParams} options */
export const mount = async (root, options) => {
  /** @type {Classifier & {spoken: string[], examples: [string, string][]}} */
  const record = await load("classify.js");
  const { languages, spoken, examples } = record;
  const C = languages.length;
  const read = classifierOf(record);
  let done = 0; // letters that are read
  /** @type {Said} */
  let said = read("");

  const line = boxLine({
    label: "The name, and how probable each language is after each letter",
    rows: [
      { name: "letters", kind: "boxes", color: "input", title: "letter" },
      { name: "says", kind: "words", title: "says", longest: 2 },
      { name: "table", kind: "heat", names: spoken, height: 18 },
    ],
    onPick: (k) => reader.jump(k + 1),
  });
  const words = readout(root);
  const truth = () => examples.find(([name]) => name === reader.input.value)?.[1];

  const sentence = () => {
    const { letters, known, best, table, trouble } = said;
    if (!known.includes(true)) return trouble;
    if (!done) return `Nothing is read yet. ${trouble}`.trim();
    const t = done - 1;
    const row = Array.from(table.subarray(t * C, t * C + C));
    const order = row.map((_, c) => c).sort((a, b) => row[b] - row[a]).slice(0, 3);
    const shares = order.map((c) => `${spoken[c]} ${number(row[c], 2)}`).join(", ");
    const sofar = `After “${letters.slice(0, done).join("")}”: ${shares}.`;
    if (done < letters.length) return `${sofar} ${trouble}`;
    const at = settledAt(best);
    const since = letters.length === 1
      ? ""
      : at === letters.length
      ? `Only the last letter brings ${spoken[best[t]]} to the top.`
      : `It has said ${spoken[best[t]]} since “${letters.slice(0, at).join("")}”.`;
    const right = truth();
    const verdict = right === undefined
      ? ""
      : right === languages[best[t]]
      ? "Right."
      : `Wrong: it is ${spoken[languages.indexOf(right)]}.`;
    return [sofar, since, verdict, trouble].filter(Boolean).join(" ");
  };
  const draw = () => {
    const { letters, known, table, best } = said;
    const right = truth();
    // Until it knows a letter, it has read nothing.
    const first = known.includes(true) ? known.indexOf(true) : letters.length;
    const isRead = letters.map((_, t) => t >= first && t < done);
    const text = sentence();
    line.update({
      count: letters.length,
      at: done - 1,
      label: text,
      letters: {
        texts: letters.map(show),
        fills: isRead.map((is) => (is ? 0.25 : 0)),
        off: known.map((is) => !is),
      },
      says: {
        texts: best.map((c, t) => (isRead[t] ? languages[c] : "")),
        wrong: best.map((c, t) => isRead[t] && right !== undefined && languages[c] !== right),
      },
      table: {
        // A row of the picture is a language, and a column a letter.
        values: languages.flatMap((_, c) =>
          letters.map((_, t) => (isRead[t] ? table[t * C + c] : 0))
        ),
        scale: 1,
      },
    });
    words.set(text);
  };
  const reader = textReader({
    label: "Place or language",
    value: options.get("name") ?? examples[0][0],
    first: FIRST,
    longest: 4 * LONGEST_NAME,
    another: "Another name",
    examples: examples.map(([name]) => name),
    pace: 500,
    take(text) {
      said = read(text);
      return said.letters.length;
    },
    show(n) {
      done = n;
      draw();
    },
  });
  root.append(reader.settings, line.element, words.element, reader.bar);
  reader.begin(FIRST);
};
