// The part `wave`: one line of boxes, the course's picture of time. Its option `show` says what
// runs along it: blame that goes back (`reach`, `shares`), or states that go on (`states`,
// `padding`).
import { number, show } from "../core/formats.js";
import { addShares, evenBlame, givenNetwork, readLine, sharesOf } from "../core/untrained.js";
import { el, isCalm, setText, withIndices } from "../ui/elements.js";
import { button, choice, slider } from "../ui/fields.js";
import { boxLine } from "../ui/line.js";
import { player, readout } from "../ui/player.js";
import { padding, states, vector } from "./wave-forward.js";

/** @import { Cell } from "../core/network.js" */
/** @import { Mount } from "./define.js" */
/** @typedef {(root: HTMLElement, options: URLSearchParams) => void} Show */

const HIDDEN = 32;
const PACE = 28; // milliseconds from a letter to the one before
const SEEDS = 20;
const [LEAST, MOST] = [1e-12, 1e4]; // the scale of the blame

/** "4e−12", "0.0005", "0.35", "1.0", "2,700": one or two digits. @param {number} x */
const rough = (x) => {
  if (x < 1e-4) return x.toExponential(0).replace("-", "−"); // a line can't end at a minus
  const digits = x.toPrecision(x < 0.01 ? 1 : 2);
  return x < 10 ? digits : Number(digits).toLocaleString("en");
};

/** How strong a box is that holds this share, on a scale of twelve powers of ten. */
const strength = (/** @type {number} */ share) =>
  share > 0 ? Math.max(0, Math.min(1, 1 + Math.log10(share) / 12)) : 0;

/** @param {number} steps */
const stepsBack = (steps) => steps === 1 ? "1 step" : `${steps} steps`;

/**
 * Let a chip fly along points of the window to where it belongs: only then does its effect show. It
 * lands at the end, when the function that is returned asks it to, or at once if the reader wants
 * no motion: it is gone then, and `landed` runs, once.
 * @param {HTMLElement} over the chip lies over this part @param {HTMLElement} chip
 * @param {{x: number, y: number}[]} path @param {KeyframeAnimationOptions} how
 * @param {() => void} landed
 */
const fly = (over, chip, path, how, landed) => {
  let isFlying = true;
  const land = () => {
    if (!isFlying) return;
    isFlying = false;
    chip.remove();
    landed();
  };
  if (isCalm()) {
    land();
    return land;
  }
  over.append(chip);
  const { left, top } = over.getBoundingClientRect();
  const frames = path.map(({ x, y }) => ({ transform: `translate(${x - left}px, ${y - top}px)` }));
  chip.animate(frames, { easing: "ease-in-out", fill: "backwards", ...how }).onfinish = land;
  return land;
};

/** A long line, and how far back the blame of a mistake gets. @type {Show} */
const reach = (root, options) => {
  const text = options.get("text") ?? "";
  const letters = [...text].map(show);
  const cells = /** @type {Cell[]} */ ((options.get("cells") ?? "RNN").split(" "));
  const on = (/** @type {string} */ name) => options.get("sliders")?.split(" ").includes(name);
  const start = { text, cell: cells[0], hidden: HIDDEN, seed: 0, size: 1, bias: 0 };
  const how = { ...start };
  let at = letters.length - 1;
  let back = 2;
  let net = readLine(how);
  /** @type {number[]} */
  let shares = [];
  /** The shares before the last change, as strokes. @type {(number | null)[]} */
  let before = [];

  const line = boxLine({
    label: "The letters that the network reads",
    pace: PACE,
    rows: [
      { name: "letters", kind: "boxes", color: "blame" },
      {
        name: "blame",
        kind: "bars",
        color: "blame",
        title: "size of the blame",
        least: LEAST,
        most: MOST,
        log: true,
        from: LEAST,
        ticks: [[1e4, "× 10⁴"], [1, "all of it"], [1e-4, "10⁻⁴"], [1e-8, "10⁻⁸"], [
          1e-12,
          "10⁻¹²",
        ]],
      },
    ],
    onPick: (/** @type {number} */ k) => pick(k),
  });
  const play = player({
    label: "steps back",
    most: at,
    value: back,
    show: String,
    pace: PACE,
    onInput(value) {
      back = value;
      draw();
    },
    onReset() {
      size.set(start.size);
      bias.set(start.bias);
      which.set(start.cell);
      place.set(letters.length);
      begin(letters.length - 1, start);
    },
  });
  const place = slider({
    label: "the mistake",
    least: 1,
    most: letters.length,
    value: at + 1,
    show: (k) => `“${letters[k - 1]}”`,
    onInput: (k) => pick(Number(k) - 1),
  });
  const size = slider({
    label: "size of W_hh",
    least: 0.4,
    most: 4,
    step: 0.05,
    value: 1,
    show: (x) => `× ${number(x, 2)}`,
    onInput: (x) => change({ size: Number(x) }),
  });
  const bias = slider({
    label: "forget bias",
    least: -1,
    most: 6,
    step: 0.1,
    value: 0,
    show: (x) => number(x, 1),
    onInput: (x) => change({ bias: Number(x) }),
  });
  const which = choice({
    label: "Cell",
    options: cells.map((cell) => [cell, cell]),
    value: how.cell,
    onInput: (cell) => change({ cell: /** @type {Cell} */ (cell) }),
  });
  const others = button("", () => change({ seed: (how.seed + 1) % SEEDS }));
  const said = readout(root);

  const compute = () => {
    const { lengths } = sharesOf(net, at, evenBlame(HIDDEN));
    shares = lengths.map((length) => length / lengths[at]);
    bias.disable(how.cell !== "LSTM");
    setText(others, `Other weights (draw ${how.seed + 1} of ${SEEDS})`);
  };
  const sentence = () => {
    if (!at) return "The mistake is at the first letter: there is nothing to go back to.";
    if (!back) return `The network makes a mistake at the “${letters[at]}”. Press Play.`;
    const share = shares[at - back];
    const factor = share ** (1 / back);
    const shown = rough(share);
    const gets = share < 0.995 ? `${shown} of` : `${shown} times`;
    const beyond = share < LEAST ? ", below the scale" : share > MOST ? ", above the scale" : "";
    const told = `${stepsBack(back)} back, the “${letters[at - back]}” gets ${gets} the blame ` +
      `of the “${letters[at]}”${beyond}: on average each step multiplied it by ` +
      `${number(factor, 2)}.`;
    if (how.cell !== "LSTM" || !on("bias")) return told;
    const gate = number(1 / (1 + Math.exp(-how.bias)));
    return `${told} Along the cell alone it is the forget gate, about σ(${
      number(how.bias, 1)
    }) = ` +
      `${gate}.`;
  };
  const draw = () => {
    const seen = shares.map((share, t) => t <= at && t >= at - back ? share : null);
    const told = sentence();
    line.update({
      count: letters.length,
      at,
      ring: back && back < at ? at - back : null,
      flag: "mistake",
      label: told,
      letters: { texts: letters, fills: seen.map((share) => strength(share ?? 0)) },
      blame: { values: seen, before },
    });
    said.set(told);
  };
  /** Another network: the whole way back is seen at once. @param {Partial<typeof how>} changes */
  const change = (changes) => {
    before = shares.map((share, t) => t <= at ? share : null);
    net = readLine(Object.assign(how, changes));
    compute();
    play.jump(at);
  };
  /** A mistake at a letter, in this network. @param {number} k @param {Partial<typeof how>} changes */
  const begin = (k, changes) => {
    at = k;
    before = [];
    net = readLine(Object.assign(how, changes));
    compute();
    play.most(at);
  };
  /** A mistake at another letter: the blame sets out from there. @param {number} k */
  const pick = (k) => {
    place.set(k + 1);
    begin(k, {});
    play.jump(0);
    play.play();
  };
  compute();
  root.append(
    el("p", { class: "play-note" }, "Press a letter: there the network makes a mistake."),
    el(
      "div",
      { class: "play-wave-fields" },
      ...(cells.length > 1 ? [which.element] : []),
      ...(on("size") ? [size.element] : []),
      ...(on("bias") ? [bias.element] : []),
      place.element,
      others,
    ),
    line.element,
    said.element,
    play.element,
  );
  draw();
};

/** A short line, and what each step adds to the columns of W_ih. @type {Show} */
const sharing = (root, options) => {
  const net = givenNetwork(options);
  const { model: { H, V }, chars, pass: { T, x } } = net;
  const letters = Array.from(x, (id) => show(chars[id]));
  const blame = Float64Array.from({ length: H }, (_, k) => k === 0 ? 1 : 0);
  let at = T - 1;
  let given = 2; // how many steps have given their share

  const units = Array.from({ length: H }, (_, k) => `unit ${k}`);
  const line = boxLine({
    label: "The letters that the network reads",
    rows: [
      { name: "letters", kind: "boxes", color: "blame" },
      {
        name: "lengths",
        kind: "bars",
        color: "blame",
        title: "size of the gradient",
        least: 0,
        most: 1,
        ticks: [[0, "0"], [1, "1"]],
      },
      { name: "numbers", kind: "words", longest: 5 },
    ],
    widest: 62,
    onPick: (/** @type {number} */ k) => pick(k),
  });
  const columns = boxLine({
    label: "The gradient of W_ih, one column for each letter of the vocabulary",
    widest: 62,
    rows: [
      { name: "letters", kind: "boxes", color: "input" },
      { name: "gradient", kind: "heat", names: units },
      ...units.map((name) => ({
        name,
        kind: /** @type {const} */ ("words"),
        title: `${name} is`,
        longest: 6,
      })),
    ],
  });
  const play = player({
    label: "steps done",
    most: T,
    value: given,
    pace: 900,
    onInput(value) {
      const isStep = value === given + 1;
      given = value;
      draw(isStep);
    },
    onReset() {
      at = T - 1;
      place.set(T);
      play.most(T);
    },
  });
  const place = slider({
    label: "the start",
    least: 1,
    most: T,
    value: T,
    show: (k) => `step ${k}, “${letters[k - 1]}”`,
    onInput: (k) => pick(Number(k) - 1),
  });
  const said = readout(root);
  /** Ends the flight of a share. @type {(() => void) | null} */
  let land = null;
  /** From the bar of a share to its column. @param {number} from @param {number} to */
  const wayToColumn = (from, to) => {
    const bar = line.element.querySelectorAll(".play-row-bars rect")[from];
    const column = columns.element.querySelectorAll(".play-row-boxes rect")[to];
    return [bar, column].map((end) => {
      const { left, width, top } = end.getBoundingClientRect();
      return { x: left + width / 2, y: top };
    });
  };

  /** @param {boolean} [isStep] one more share has been given */
  const draw = (isStep = false) => {
    land?.();
    const { shares, lengths } = sharesOf(net, at, blame);
    const now = at - given + 1; // the step that gave the last share
    const seen = lengths.map((length, t) => t <= at && t >= now ? length : null);
    const sum = addShares(net, shares, now);
    const column = x[now] ?? -1;
    const columnOf = (/** @type {number} */ v) => vector(units.map((_, k) => sum[k * V + v]));
    const again = Array.from(x).slice(now + 1, at + 1).includes(column);
    const told = given
      ? `Step ${now + 1} adds ${vector(shares[now])}, of size ${number(lengths[now])}, ` +
        `to the column of “${letters[now]}”.` +
        (again ? ` With what was there before, it is now ${columnOf(column)}.` : "")
      : `The walk back starts at step ${at + 1}. Press Step.`;
    line.update({
      count: T,
      at,
      ring: given ? now : null,
      flag: "start",
      label: told,
      letters: { texts: letters, fills: seen.map((length) => length ?? 0) },
      lengths: { values: seen },
      numbers: { texts: seen.map((length) => length === null ? "" : number(length)) },
    });
    const receive = () =>
      columns.update({
        count: V,
        at: given ? column : -1,
        label: `The gradient of W_ih so far: ${
          chars.map((char, v) => `${show(char)} ${columnOf(v)}`).join(", ")
        }`,
        letters: { texts: chars.map(show) },
        gradient: { values: sum, scale: 1 },
        ...Object.fromEntries(
          units.map((name, k) => [
            name,
            { texts: chars.map((_, v) => number(sum[k * V + v])) },
          ]),
        ),
      });
    if (isStep) {
      const share = el("b", { class: "play-chip", "aria-hidden": "true" }, vector(shares[now]));
      land = fly(root, share, wayToColumn(now, column), { duration: 500 }, receive);
    } else receive();
    said.set(told);
  };
  /** @param {number} k */
  const pick = (k) => {
    at = k;
    place.set(k + 1);
    play.most(k + 1);
    play.jump(0);
    play.play();
  };
  root.append(
    el("p", { class: "play-note" }, "Press a letter, and the walk starts there."),
    place.element,
    line.element,
    el(
      "p",
      { class: "play-note" },
      ...withIndices("The gradient of W_ih, one column for each letter:"),
    ),
    columns.element,
    said.element,
    play.element,
  );
  draw();
};

/** @type {Record<string, Show>} */
const SHOWS = { reach, shares: sharing, states, padding };

/** @type {Mount} */
export const mount = (root, options) => SHOWS[options.get("show") ?? ""](root, options);
