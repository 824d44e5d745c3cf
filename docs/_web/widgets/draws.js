// The part `draws`: compare two settings by a few seeds that are drawn, again and again, and count
// which of the two seems better. Its options are the loss of each seed: `constant` and `falling`.
import { drawSeeds, lead, middlePair } from "../core/draws.js";
import { number } from "../core/formats.js";
import { Generator } from "../core/network.js";
import { el, isCalm, svg } from "../ui/elements.js";
import { button, choice, slider } from "../ui/fields.js";
import { readout } from "../ui/readout.js";

/** @import { Mount } from "./define.js" */

const LEAST = 2.25; // where the axis begins and ends, in nats
const MOST = 2.85;
const MANY = 1000;
const FRAMES = 60; // in which many draws come, ever faster
const NAMES = ["constant rate", "falling rate"];
const ROWS = [22, 78]; // of the picture, from the top

/** @param {number} loss */
const place = (loss) => (100 * (loss - LEAST)) / (MOST - LEAST);

/** @type {Mount} */
export const mount = (root, options) => {
  const losses = ["constant", "falling"].map((name) =>
    (options.get(name) ?? "").split(" ").map(Number)
  );
  const count = losses[0].length;
  let generator = new Generator(0);
  let frame = 0; // in which the next draws come
  let n = 5;
  let areSame = false;
  let wins = [0, 0];

  const lines = losses[0].map((loss, k) =>
    svg("path", { d: `M${place(loss)} ${ROWS[0]}L${place(losses[1][k])} ${ROWS[1]}` })
  );
  const dots = losses.map((side, row) =>
    side.map((loss) =>
      svg("path", { class: "play-draws-dot", d: `M${place(loss)} ${ROWS[row]}h0` })
    )
  );
  const medians = NAMES.map(() => el("i", {}));
  const picture = el(
    "div",
    { class: "play-draws-picture", role: "img", "aria-label": "two rows of losses" },
    svg(
      "svg",
      { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" },
      ...lines,
      ...dots.flat(),
    ),
    ...medians,
    ...NAMES.map((name) => el("b", {}, name)),
  );
  const ticks = el("div", { class: "play-draws-ticks", "aria-hidden": "true" });
  for (const loss of [2.3, 2.4, 2.5, 2.6, 2.7, 2.8]) {
    const tick = el("span", {}, number(loss, 1));
    tick.style.left = `${place(loss)}%`;
    ticks.append(tick);
  }
  const key = el("p", { class: "play-note" });
  const [lost, won] = [el("b", { class: "play-draws-wrong" }), el("span", {})];
  const tally = el("p", { class: "play-draws-tally", "aria-hidden": "true" }, lost, won);
  const said = readout(root);
  const many = button("", () => drawMany(MANY - ((wins[0] + wins[1]) % MANY)));

  /** Draw once, and return the seeds of both sides and how much lower the falling rate seems. */
  const drawOnce = () => {
    const mine = drawSeeds(generator, n, count);
    const theirs = areSame ? mine : drawSeeds(generator, n, count);
    const by = lead(losses[0], losses[1], mine, theirs);
    wins[by < 0 ? 0 : 1] += 1;
    return { sides: [mine, theirs], by };
  };
  /** @param {number} times */
  const draw = (times) => {
    let last = drawOnce();
    for (let k = 1; k < times; k++) last = drawOnce();
    const { sides, by } = last;
    sides.forEach((seeds, row) => {
      dots[row].forEach((dot, k) => {
        dot.classList.toggle("play-drawn", seeds.includes(k));
        dot.classList.toggle("play-drawn-twice", seeds.indexOf(k) !== seeds.lastIndexOf(k));
      });
      const sorted = seeds.map((k) => losses[row][k]).sort((a, b) => a - b);
      medians[row].style.left = `${place(sorted[(n - 1) / 2])}%`;
      medians[row].hidden = areSame; // the pairs decide
    });
    const middle = areSame ? middlePair(losses[0], losses[1], sides[0]) : -1;
    lines.forEach((line, k) => {
      line.classList.toggle("play-drawn", areSame && sides[0].includes(k));
      line.classList.toggle("play-draws-middle", k === middle);
    });
    key.textContent = "Black: drawn (large: drawn twice or more). " +
      `${areSame ? "Thick line: the middle pair" : "Stroke: median"}. ` +
      "Held-back loss, further left is better.";
    const total = wins[0] + wins[1];
    const share = (100 * wins[0]) / total;
    lost.style.flexBasis = `${share}%`;
    lost.textContent = wins[0] ? `constant won ${wins[0].toLocaleString("en")}` : "";
    won.textContent = wins[1] ? `falling won ${wins[1].toLocaleString("en")}` : "";
    const percent = `: ${number(share, share > 0 && share < 1 ? 1 : 0)} %`;
    const better = `${NAMES[by < 0 ? 0 : 1]} ${areSame ? "is" : "seems"} better`;
    const text = `${areSame ? "In the middle pair the" : "The"} ${better} by ` +
      `${
        number(Math.abs(by))
      }. So far the constant rate, which is the worse one over all twenty, ` +
      `has won ${wins[0]} of ${total.toLocaleString("en")} ` +
      `${total === 1 ? "draw" : "draws"}${total > 9 ? percent : ""}.`;
    const next = Math.ceil(total / MANY) * MANY;
    many.textContent = next === total
      ? `Draw ${MANY.toLocaleString("en")} more`
      : `Go on to ${next.toLocaleString("en")} draws`;
    picture.setAttribute("aria-label", `The losses of ${count} seeds. ${text}`);
    said.set(text);
  };
  /** Ever faster: the first draws can be seen, and the last come by the dozen. @param {number} left */
  const drawMany = (left) => {
    cancelAnimationFrame(frame);
    if (isCalm()) return draw(left);
    const step = (/** @type {number} */ k, /** @type {number} */ rest) => {
      const now = k === FRAMES ? rest : Math.min(rest, Math.ceil((3 * left * k * k) / FRAMES ** 3));
      draw(now);
      if (rest > now) frame = requestAnimationFrame(() => step(k + 1, rest - now));
    };
    step(1, left);
  };
  const restart = () => {
    cancelAnimationFrame(frame);
    wins = [0, 0];
    generator = new Generator(0);
    draw(1);
  };
  const sides = choice({
    label: "The two sides have",
    options: [["other", "different seeds"], ["same", "the same seeds"]],
    value: "other",
    onInput(value) {
      areSame = value === "same";
      restart();
    },
  });
  const size = slider({
    label: "Seeds on each side",
    least: 1,
    most: 15,
    step: 2, // odd, so that one of them is in the middle
    value: n,
    onInput(value) {
      n = Number(value);
      restart();
    },
  });
  root.append(
    el("div", { class: "play-beside" }, sides.element, size.element),
    el(
      "div",
      { class: "play-row" },
      button("Draw", () => draw(1), { class: "play-button play-main" }),
      many,
    ),
    picture,
    ticks,
    key,
    tally,
    said.element,
  );
  draw(1);
};
