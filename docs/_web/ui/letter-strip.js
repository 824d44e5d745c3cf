// How each character of the text went at one epoch: a column that says which one came, which one
// the network said, the probability that it gave to the one that came, and how long the gradient is
// at this step.
import { show } from "../core/formats.js";
import { el } from "./elements.js";

/** @import { TrainedRun } from "../core/training.js" */

/**
 * @param {((t: number) => void) | null} [onPick]
 * @param {boolean} [hasGradient] whether a column says how long the gradient is
 */
export const letterStrip = (onPick = null, hasGradient = true) => {
  const list = el("ol", { class: `play-strip${hasGradient ? "" : " play-plain"}` });
  /** @typedef {{probability: number, gradient: number, longest: number}} Numbers */
  /** @type {((came: string, said: string, isHere: boolean, numbers: Numbers) => void)[]} */
  let columns = [];

  /** Make a column, and a function that fills it. @param {number} t */
  const makeColumn = (t) => {
    const unheard = { "aria-hidden": "true", translate: "no" }; // the words below say it all
    const comes = el("b", unheard);
    const says = el("span", { class: "play-says", ...unheard });
    const share = el("i");
    const percent = el("span", { class: "play-percent", ...unheard });
    const flow = el("i");
    const words = el("span", { class: "play-unseen" });
    const item = el(
      "li",
      { onclick: onPick && (() => onPick(t)) },
      comes,
      says,
      el("span", { class: "play-share", ...unheard }, share),
      percent,
      el("span", { class: "play-flow", ...unheard }, flow),
      words,
    );
    columns.push((came, said, isHere, { probability, gradient, longest }) => {
      item.classList.toggle("play-wrong", came !== said);
      item.classList.toggle("play-here", isHere);
      comes.textContent = show(came);
      says.textContent = show(said);
      const rounded = Math.round(100 * probability);
      share.style.height = `${100 * probability}%`;
      percent.textContent = String(rounded);
      flow.style.height = `${(100 * gradient) / longest}%`;
      words.textContent =
        `${show(came)}: says ${show(said)}, ${came === said ? "right" : "wrong"}, ` +
        `${rounded} % for ${show(came)}` +
        (hasGradient ? `, gradient ${gradient.toPrecision(2)}` : "");
    });
    return item;
  };

  /** @param {number} T */
  const makeColumns = (T) => {
    columns = [];
    const heads = [
      "next letter",
      "network says",
      "chance of the\nnext letter",
      "in percent",
      hasGradient ? "gradient" : "",
    ].map((head) => el("span", {}, head));
    list.replaceChildren(
      el("li", { class: "play-heads", "aria-hidden": "true" }, ...heads),
      ...Array.from({ length: T }, (_, t) => makeColumn(t)),
    );
  };

  return {
    element: list,
    /** @param {TrainedRun} run @param {number} epoch @param {number} t where the reader looks */
    update({ chars, pass, records }, epoch, t) {
      const { ids, right, flow } = records[epoch - 1];
      if (columns.length !== pass.T) makeColumns(pass.T);
      const longest = Math.max(...flow, 1e-300);
      columns.forEach((fill, k) => {
        const numbers = { probability: right[k], gradient: flow[k], longest };
        fill(chars[pass.y[k]], chars[ids[k]], k === t, numbers);
      });
    },
  };
};
