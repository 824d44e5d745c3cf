// The part `align`: type a date, and watch a network write it anew, letter by letter. Each row below
// the date is a letter that it writes, and shows which letters of the date it looked at.
import { complaint, dayOf, END, LONGEST_DATE, translatorOf } from "../core/align.js";
import { number, show } from "../core/formats.js";
import { el, say, setText } from "../ui/elements.js";
import { button, field } from "../ui/fields.js";
import { boxLine } from "../ui/line.js";
import { load } from "../ui/load.js";
import { player, readout } from "../ui/player.js";

/** @import { Row } from "../ui/line.js" */

const EXAMPLES = ["3 March 1998", "September 27, 2041", "3. Mar 1998", "30 February 1998"];
// In the order of the answer, a hyphen after each.
const PARTS = ["year", "month", "day"].map((part) => `It belongs to the ${part}.`);

/** @param {string} letter */
const named = (letter) => letter === END ? "the end" : `“${letter}”`;

/** @param {HTMLElement} root @param {URLSearchParams} options */
export const mount = async (root, options) => {
  const record = await load("align.js");
  const translate = translatorOf(record);
  const first = options.get("text") ?? EXAMPLES[0];
  let text = first;
  let writing = translate(text);
  let done = 2; // letters that are written

  /** @type {Row} */
  const heat = { name: "weights", kind: "heat", height: 19, names: [] };
  const line = boxLine({
    label: "The date, and below it a row for each letter that is written",
    rows: [{ name: "date", kind: "boxes", color: "input", title: "date" }, heat],
  });
  const said = readout(root);
  const answer = el("p", { class: "play-align-answer", translate: "no" });

  const verdict = () => {
    const day = dayOf(text);
    const end = writing.ended ? "" : " It found no end.";
    if (!day) return `Nobody taught it dates like this one, so don't trust its answer.${end}`;
    const isRight = writing.answer === day.iso && writing.ended;
    if (!day.exists) {
      return "There is no such day. Nothing has told it what a calendar is, so " +
        (isRight ? "it writes that day." : "it writes something.");
    }
    const known = day.seen ? "" : " It has read dates of 1900 to 2099 only.";
    return (isRight ? "Right." : `Wrong: it should be ${day.iso}.${end}`) + known;
  };
  const words = () => {
    if (!done) {
      return `It has read all ${text.length} letters and kept a state for each. Nothing is ` +
        "written yet.";
    }
    const k = done - 1;
    const weights = [...writing.weights[k]];
    const most = weights.indexOf(Math.max(...weights));
    const hyphens = writing.letters.slice(0, k).filter((letter) => letter === "-").length;
    const part = /\d/.test(writing.letters[k]) && PARTS[hyphens];
    return [
      `Writing ${named(writing.letters[k])} it looked most at “${show(text[most])}”, ` +
      `letter ${most + 1}, with weight ${number(weights[most], 2)}.`,
      part,
      done === writing.letters.length && verdict(),
    ].filter(Boolean).join(" ");
  };
  const draw = () => {
    const { letters, weights } = writing;
    const k = done - 1;
    const now = k < 0 ? [] : [...weights[k]];
    const at = now.indexOf(Math.max(...now));
    heat.names = letters.map((letter, t) => t < done ? letter : " ");
    const written = letters.slice(0, done).filter((letter) => letter !== END).join("");
    line.update({
      count: text.length,
      at,
      flag: k < 0 ? "" : `for ${named(letters[k])}`,
      label: `${text}. Written: ${written || "nothing"}. ${words()}`,
      date: { texts: [...text].map(show), fills: now },
      weights: {
        values: letters.flatMap((_, t) => t < done ? [...weights[t]] : [...text].map(() => 0)),
        scale: 1,
      },
    });
    setText(answer, `${text} → ${written}${done < letters.length ? "…" : ""}`);
    said.set(words());
  };
  const steps = player({
    label: "letters written",
    most: writing.letters.length,
    value: done,
    pace: 450,
    onInput(n) {
      done = n;
      draw();
    },
    onReset: () => take(box.value = first, false),
  });
  /** @param {string} date @param {boolean} isPlayed */
  const take = (date, isPlayed) => {
    const wrong = complaint(date, record.read);
    typed.error(wrong);
    steps.stop();
    if (wrong) {
      const shown = `The picture still shows “${text}”.`;
      setText(said.element, shown);
      say(root, `${wrong} ${shown}`);
      return;
    }
    text = date;
    writing = translate(text);
    done = isPlayed ? 0 : writing.letters.length;
    steps.most(writing.letters.length);
    steps.set(done);
    draw();
    if (isPlayed) steps.play();
  };
  const box = el("input", {
    type: "text",
    maxlength: LONGEST_DATE + 6,
    spellcheck: "false",
    autocomplete: "off",
    value: text,
    oninput: () => take(box.value, false),
  });
  const typed = field("A date", "", box, null, box);
  const examples = EXAMPLES.map((date) =>
    button(date, () => {
      box.value = date;
      take(date, true);
    })
  );
  root.append(
    typed.element,
    el("div", { class: "play-align-examples" }, ...examples),
    answer,
    line.element,
    said.element,
    steps.element,
  );
  draw();
};
