// The bar of a part that moves through steps: "Play", "Step", a slider with its value, and the way
// back to how the part began. And the sentence that stands between the picture and the bar.
import { el, isCalm, say, setText, svg, withIndices } from "./elements.js";
import { button } from "./fields.js";

const SHORTEST = 28; // milliseconds from a picture to the next
const CALM = { wait: 1000, pictures: 20 };
const ICONS = {
  Play: "M3 1l11 7-11 7z",
  Pause: "M2 1h4v14H2zM10 1h4v14h-4z",
  Step: "M1 1l10 7-10 7zM12 1h3v14h-3z",
  "Start again": "M2 1v5h5l-1.8-1.8a4.5 4.5 0 1 1-1.5 5.3l-1.9.6a6.5 6.5 0 1 0 2-7.3z",
};
const QUOTED = /(“[^”]*”)/; // every second piece of a text is no word of its language

/**
 * The step after one: behind the end it is the first.
 * @param {number} value @param {number} least @param {number} most @param {number} stride
 */
export const nextStep = (value, least, most, stride) =>
  value >= most ? least : Math.min(most, value + stride);

/**
 * What the reader sees in a picture, in numbers.
 * @param {HTMLElement} root of the part
 */
export const readout = (root) => {
  const element = el("p", { class: "play-readout" });
  return {
    element,
    /** Screen readers say it, too. @param {string} text */
    set(text) {
      const pieces = text.split(QUOTED);
      while (element.children.length > pieces.length) element.lastChild?.remove();
      while (element.children.length < pieces.length) {
        element.append(el("span", { translate: element.children.length % 2 ? "no" : null }));
      }
      pieces.forEach((piece, k) => {
        const parts = withIndices(piece);
        if (parts.length > 1) element.children[k].replaceChildren(...parts);
        else setText(element.children[k], piece);
      });
      say(root, text);
    },
  };
};

/**
 * Steps from `least` to `most`. `onInput` gets the step that the reader, or "Play", goes to.
 * @param {{label: string, least?: number, most: number, value?: number, pace?: number,
 *   show?: (value: number) => string, onInput: (value: number) => void, onReset?: () => void}}
 *   options `pace`: milliseconds from a step to the next; `onReset` brings back what else there was
 */
export const player = ({ least = 0, most, value = least, pace = 400, ...options }) => {
  const { label, show = (n) => `${n} of ${most}`, onInput, onReset } = options;
  const start = value;
  let [timer, isOn] = [0, false];
  const input = el("input", { type: "range", min: least, oninput: () => jump(+input.value) });
  const output = el("output", { "aria-hidden": "true" });
  const sign = (/** @type {keyof typeof ICONS} */ name) =>
    svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));

  /** @param {number} to */
  const set = (to) => {
    value = Math.min(most, to);
    input.value = String(value);
    setText(output, show(value));
    input.setAttribute("aria-valuetext", show(value));
  };
  /** @param {number} to */
  const go = (to) => {
    set(to);
    onInput(value);
  };
  /** Go there as if the reader had. @param {number} to */
  const jump = (to) => {
    stop();
    go(to);
  };
  /** @param {boolean} on */
  const turn = (on) => {
    isOn = on;
    const name = on ? "Pause" : "Play";
    setText(word, name);
    icon.children[0].setAttribute("d", ICONS[name]);
    press.setAttribute("aria-pressed", String(on));
  };
  const stop = () => {
    clearTimeout(timer);
    turn(false);
  };
  const step = () => {
    const stride = isCalm() ? (most - least) / CALM.pictures : SHORTEST / pace;
    go(nextStep(value, least, most, Math.max(1, Math.ceil(stride))));
    if (value >= most) stop();
    else if (isOn) timer = setTimeout(step, isCalm() ? CALM.wait : Math.max(pace, SHORTEST));
  };
  const play = () => {
    if (isOn) return stop();
    turn(true);
    step();
  };
  const [icon, word] = [sign("Play"), el("span", {}, "Play")];
  const press = button("", play, { class: "play-button play-main", "aria-pressed": "false" });
  press.append(icon, word);
  const one = button("", () => jump(value + 1)); // the end stays
  one.append(sign("Step"), el("span", {}, "Step"));
  const again = button("", () => {
    stop();
    onReset?.();
    go(start);
  }, { "aria-label": "Start again", title: "Start again" });
  again.append(sign("Start again"));
  const bar = {
    element: el(
      "div",
      { class: "play-player" },
      press,
      one,
      el("label", {}, el("span", {}, label), input),
      output,
      again,
    ),
    play,
    stop,
    jump,
    set,
    /** @param {number} end @param {number} [wait] from a step to the next */
    most(end, wait = pace) {
      [most, pace] = [end, wait];
      input.max = String(end);
      const longest = Math.max(show(least).length, show(most).length);
      output.style.minWidth = `${longest}ch`; // the slider stays as long
      set(value);
    },
  };
  bar.most(most);
  return bar;
};
