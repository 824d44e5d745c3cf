// A field for a text that is read letter by letter: "Another" brings an example, a bar says how much
// of the text is read, and what the reader types is read at once.
import { el } from "./elements.js";
import { button, field } from "./fields.js";
import { player } from "./player.js";

/**
 * `take` gets the whole text and returns how many letters it has; `show` gets how many are read.
 * @param {{label: string, value: string, first: number, longest: number, another: string,
 *   examples: string[], pace: number, take: (text: string) => number,
 *   show: (read: number) => void}} options `first`: so many letters are read when the part begins
 */
export const textReader = (
  { label, value, first, longest, another, examples, pace, take, show },
) => {
  let example = 0;
  const input = el("input", {
    maxlength: longest,
    autocapitalize: "off",
    autocomplete: "off",
    spellcheck: "false",
    value,
    oninput: () => begin(Infinity),
  });
  const steps = player({
    label: "letters read",
    most: first,
    value: first,
    pace,
    onInput: show,
    onReset() {
      input.value = value;
      begin(first);
    },
  });
  /** Read what is in the field, so many letters of it. @param {number} most */
  const begin = (most) => {
    const length = take(input.value);
    const read = Math.min(most, length);
    steps.stop();
    steps.most(length);
    steps.set(read);
    show(read);
  };
  const next = button(another, () => {
    example = (example + 1) % examples.length;
    input.value = examples[example];
    begin(0);
    steps.play();
  });
  const box = field(label, "", input, null, input).element;
  return {
    settings: el("div", { class: "play-text-reader" }, box, next),
    bar: steps.element,
    input,
    begin,
    jump: steps.jump,
  };
};
