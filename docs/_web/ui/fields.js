// What a reader operates: sliders, choices, boxes to tick, buttons.
import { el, newId, setText, withIndices } from "./elements.js";

/** The name of a parameter, as `batch_first`, is of no language. @param {string} label */
const ownName = (label) => ({ translate: /_/.test(label) ? "no" : null });

/**
 * What all fields have: a label, a line of help, and a message if something is wrong.
 * @param {string} label @param {string} help @param {HTMLElement} input what the label names
 * @param {HTMLElement | null} beside the label
 * @param {HTMLElement | null} below
 */
export const field = (label, help, input, beside, below) => {
  input.id ||= newId();
  const about = el("small", { id: newId() }, help);
  const wrong = el("small", { id: newId(), class: "play-error" });
  input.setAttribute("aria-describedby", `${about.id} ${wrong.id}`);
  const named = el("label", { for: input.id, ...ownName(label) }, label);
  const head = el("span", { class: "play-label" }, named, beside);
  return {
    element: el("div", { class: "play-field" }, head, below, about, wrong),
    /** @param {string} text */
    help: (text) => setText(about, text),
    /** @param {string} text "" when all is well */
    error(text) {
      setText(wrong, text);
      input.setAttribute("aria-invalid", String(text !== ""));
    },
  };
};

/**
 * A slider. `show` turns its value into the text beside the label. With `typed` there is a box
 * in place of that text; the reader may type any value, and onInput gets it as a string. With
 * `log`, equal distances on the slider are equal factors.
 * @param {{label: string, least: number, most: number, value: number, step?: number,
 *   log?: boolean, typed?: boolean, help?: string, show?: (value: number) => string,
 *   onInput: (value: number | string) => void}} options
 */
export const slider = ({ label, least, most, value, step = 1, help = "", ...options }) => {
  const { log = false, typed = false, show: write = String, onInput } = options;
  const place = (/** @type {number} */ x) => {
    const inside = Math.min(most, Math.max(least, x));
    return log ? Math.log10(inside) : inside;
  };
  const input = el("input", {
    type: "range",
    min: place(least),
    max: place(most),
    step: log ? 0.05 : step,
  });
  const box = typed ? el("input", { class: "play-typed", inputmode: "decimal" }) : null;
  const output = typed ? null : el("output", {});
  const { element, ...texts } = field(label, help, box ?? input, box ?? output, input);
  if (box) {
    input.setAttribute("aria-label", `${label}, slider`);
    box.addEventListener("change", () => onInput(box.value));
    // The message goes as soon as the reader types: no "change" comes if the value is the old one.
    box.addEventListener("input", () => texts.error(""));
  } else output?.setAttribute("for", input.id);
  const control = {
    element,
    input,
    value,
    ...texts,
    /** @param {number} now */
    set(now) {
      control.value = now;
      input.value = String(place(now));
      const text = write(now);
      if (box) box.value = text;
      if (output) setText(output, text);
      input.setAttribute("aria-valuetext", text);
    },
    /** @param {number} end */
    most(end) {
      most = end;
      input.max = String(place(end));
    },
    /** @param {boolean} off */
    disable(off) {
      for (const one of [input, box]) if (one) one.disabled = off;
      element.classList.toggle("play-off", off);
    },
  };
  input.addEventListener("input", () => {
    const x = Number(input.value);
    control.set(log ? Number((10 ** x).toPrecision(2)) : x);
    onInput(control.value);
  });
  control.set(value);
  return control;
};

/**
 * One of a few options, as a row of buttons. An option is [value, text].
 * @param {{label: string, options: [string, string][], value: string, help?: string,
 *   onInput: (value: string) => void}} options
 */
export const choice = ({ label, options, value, help = "", onInput }) => {
  const name = newId();
  const inputs = options.map(([option]) =>
    el("input", { type: "radio", name, value: option, onchange: () => pick(option) })
  );
  const wrong = el("small", { class: "play-error" });
  const about = el("small", {}, help);
  const control = {
    element: el(
      "fieldset",
      { class: "play-field play-choice" },
      el("legend", {}, label),
      el(
        "div",
        {},
        ...options.map(([, text], k) =>
          el("label", {}, inputs[k], el("span", {}, ...withIndices(text)))
        ),
      ),
      about,
      wrong,
    ),
    value,
    /** @param {string} now */
    set(now) {
      control.value = now;
      for (const input of inputs) input.checked = input.value === now;
    },
    /** @param {string} text */
    help: (text) => setText(about, text),
    /** @param {string} text */
    error: (text) => setText(wrong, text),
  };
  const pick = (/** @type {string} */ now) => {
    control.set(now);
    onInput(now);
  };
  control.set(value);
  return control;
};

/**
 * A box to tick.
 * @param {{label: string, value: boolean, onInput: (value: boolean) => void}} options
 */
export const check = ({ label, value, onInput }) => {
  const input = el("input", { type: "checkbox", onchange: () => onInput(input.checked) });
  input.checked = value;
  return { element: el("label", { class: "play-check", ...ownName(label) }, input, label), input };
};

/**
 * An element.
 * @param {string} text @param {() => void} press @param {Record<string, any>} [attributes]
 */
export const button = (text, press, attributes = {}) =>
  el("button", { type: "button", class: "play-button", ...attributes, onclick: press }, text);

/** A button that copies a text, and then says "Copied". @param {() => string} getText */
export const copyButton = (getText, label = "Copy") => {
  const copy = button(label, async () => {
    const text = getText();
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Some browsers have no clipboard for a page from a folder. Select a copy of the text there.
      const box = el("textarea", { class: "play-unseen" });
      box.value = text;
      copy.after(box);
      box.select();
      document.execCommand("copy");
      box.remove();
      copy.focus();
    }
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = label), 1500);
  });
  copy.setAttribute("aria-live", "polite");
  return copy;
};
