// The part `valves`: one step of an LSTM, or with `cell=GRU` of a GRU, as tanks, pipes and valves
// with handles. The reader sets them for each character, or the weights of the chapter do: these
// begin with `who=weights`. `text` is the text that it begins with.
import { number, show } from "../core/formats.js";
import {
  gatesFrom,
  gateText,
  judgeCounter,
  judgeLatch,
  knownPart,
  MACHINES,
  readWith,
  sumsFrom,
} from "../core/valves.js";
import { el, setText, svg } from "../ui/elements.js";
import { choice, field, slider } from "../ui/fields.js";
import { boxLine } from "../ui/line.js";
import { player, readout } from "../ui/player.js";
import { label, pipe, tank, valve } from "../ui/tanks.js";

/** @import { Rows, Step } from "../core/valves.js" */
/** @import { Color } from "../ui/line.js" */
/** @import { Point } from "../ui/tanks.js" */
/** @import { Mount } from "./define.js" */

const HIGH = 300;
const THICK = 28; // of a pipe
const LONGEST = 40; // characters of a text

/** @typedef {(gate: string, value: number) => void} OnGate */
/** @typedef {{nodes: SVGElement[], set: (step: Step, byHand: boolean, isNew?: boolean) => void}} Drawn */

/** A valve of a level pipe: the plate is lifted. @param {number} x @param {number} y */
const gateAt = (x, y, /** @type {(gate: number) => void} */ onInput) =>
  valve({ at: [x, y], move: [0, -THICK], size: [9, THICK + 4], handle: [0, -36], onInput });

/** @param {number} wide @param {OnGate} onGate @returns {Drawn} */
const drawLatch = (wide, onGate) => {
  const small = wide < 480;
  const side = small ? 56 : 76;
  const big = small ? 80 : 152;
  const scale = { wide: side, least: -1.2, most: 1.2 };
  const [left, right] = [(wide - big) / 2 - 6, (wide + big) / 2 - 6];
  const end = wide - side - 1;
  const [top, low, out] = [82, 220, 192];
  const was = tank({ ...scale, name: "before", x: 1, y: 34, high: 84 });
  const g = tank({ ...scale, name: "candidate", x: 1, y: 178, high: 84 });
  const ticks = [1, 0, -1];
  const c = tank({ ...scale, wide: big, ticks, name: "cell", x: left, y: 34, high: 228 });
  const h = tank({ ...scale, name: "shown", x: end, y: 150, high: 84 });
  /** @type {(from: number, to: number, y: number) => ReturnType<typeof pipe>[]} */
  const pipes = (from, to, y) => {
    const half = (from + to) / 2;
    /** @type {Point[][]} */
    const ways = [[[from, y], [half, y]], [[half, y], [to, y]]];
    return ways.map((way) => pipe(way, THICK, 1.2, true));
  };
  const all = [pipes(side, left, top), pipes(side, left, low), pipes(right, end, out)];
  const places = { f: [(side + left) / 2, top], i: [(side + left) / 2, low] };
  /** @type {Record<string, number[]>} */
  const at = { ...places, o: [(right + end) / 2, out] };
  /** @type {[string, string][]} */
  const names = [["f", "keep"], ["i", "write"], ["o", "show"]];
  const gates = names.map(([gate]) => gateAt(at[gate][0], at[gate][1], (v) => onGate(gate, v)));
  const words = names.map(([gate]) => label(at[gate][0], at[gate][1] + 33, ""));
  const values = names.map(([gate]) => label(at[gate][0], at[gate][1] + 48, "")); // if it is small
  const comes = [top, low].map((y) => label(left + 6, y + 5, "", { class: "play-comes" }));
  return {
    nodes: [
      ...all.flat().map(({ node }) => node),
      ...[was, g, c, h].map(({ node }) => node),
      ...gates.map(({ node }) => node),
      ...words,
      ...values,
      ...comes,
    ],
    set(step, byHand, isNew) {
      was.set(step.was);
      g.set(step.g);
      c.set(step.c);
      h.set(step.h);
      const squashed = Math.tanh(step.c);
      const flows = [[step.was, step.f], [step.g, step.i], [squashed, step.o]];
      flows.forEach(([value, gate], k) => {
        all[k][0].set(value, isNew);
        all[k][1].set(gate * value, isNew);
        gates[k].set(gate, byHand);
        setText(words[k], small ? names[k][1] : `${names[k][1]} ${gateText(gate)}`);
        setText(values[k], small ? gateText(gate) : "");
      });
      setText(comes[0], number(step.f * step.was));
      setText(comes[1], `+ ${number(step.i * step.g)}`);
    },
  };
};

/** @param {number} wide @param {OnGate} onGate @returns {Drawn} */
const drawCounter = (wide, onGate) => {
  const small = wide < 480;
  const side = small ? 56 : 84;
  const scale = { wide: side, least: 0, most: 0.6 };
  const x = 40;
  const big = small ? 84 : 180;
  const left = wide - big - 34;
  const at = (x + side + left) / 2 + 20;
  const [bend, seam] = [at - 40, 148];
  const was = tank({ ...scale, name: "before", x, y: 34, high: 76 });
  const n = tank({ ...scale, name: "candidate", x, y: 186, high: 76 });
  const ticks = [0, 0.1, 0.2, 0.3, 0.4, 0.5];
  const h = tank({ ...scale, wide: big, ticks, name: "state", x: left, y: 34, high: 228 });
  /** The way from a tank into the valve, and on. @param {number} from @param {number} to */
  const ways = (from, to) => [
    pipe([[x + side, from], [bend - 26, from], [bend, to], [at, to]], THICK, 0.6),
    pipe([[at, to], [left, to]], THICK, 0.6),
  ];
  const [kept, taken] = [ways(80, seam - THICK / 2), ways(220, seam + THICK / 2)];
  /** @type {Point[]} */
  const down = [[x, 92], [16, 92], [16, 148]];
  const past = [down, /** @type {Point[]} */ ([[16, 148], [16, 222], [x, 222]])]
    .map((way) => pipe(way, 22, 0.6));
  const z = valve({
    at: [at, seam - THICK / 2],
    move: [0, THICK],
    size: [9, THICK],
    handle: [0, -38],
    onInput: (v) => onGate("z", v),
  });
  const r = valve({
    at: [16, 148],
    move: [24, 0],
    size: [26, 9],
    handle: [34, 0],
    onInput: (v) => onGate("r", v),
  });
  const words = {
    z: label(at, seam + 50, ""),
    r: label(88, 153, "", { class: "play-comes" }),
    w: label(16, 297, "", { class: "play-comes" }),
  };
  const ends = ["0: candidate", "1: old state"].map((end, k) => label(at, seam + 66 + 15 * k, end));
  const comes = [seam - 9, seam + 19].map((y) => label(left + 6, y, "", { class: "play-comes" }));
  return {
    nodes: [
      ...[...past, ...kept, ...taken, was, n, h, z, r].map(({ node }) => node),
      ...Object.values(words),
      ...ends,
      ...comes,
    ],
    set(step, byHand, isNew) {
      was.set(step.was);
      n.set(step.n);
      h.set(step.h);
      past[0].set(step.was, isNew);
      past[1].set(step.r * step.was, isNew);
      kept[0].set(step.was, isNew);
      kept[1].set(step.z * step.was, isNew);
      taken[0].set(step.n, isNew);
      taken[1].set((1 - step.z) * step.n, isNew);
      z.set(step.z, byHand);
      r.set(step.r, byHand);
      setText(words.z, `z ${gateText(step.z)}`);
      setText(words.r, `r ${gateText(step.r)}`);
      setText(words.w, `+ ${step.sum} from the letter`);
      setText(comes[0], number(step.z * step.was));
      setText(comes[1], `+ ${number((1 - step.z) * step.n)}`);
    },
  };
};

/** The letter of each gate, its name and its color. @param {[string, string, Color][]} rows */
const gates = (...rows) => rows;

/** What differs between the two. */
const PARTS = {
  LSTM: {
    who: /** @type {[string, string][]} */ ([["you", "you"], ["weights", "the weights"]]),
    draw: drawLatch,
    judge: judgeLatch,
    at: 1,
    gates: gates(["f", "keep f", "memory"], ["i", "write i", "input"], ["o", "show o", "output"]),
    heat: ["candidate", "cell"],
    candidate: (/** @type {Step} */ { g }) => g,
    scale: 1,
    now: (/** @type {Step} */ { f, i, g, was, c }) =>
      `${gateText(f)} · ${number(was)} + ${gateText(i)} · ${number(g)} = ${number(c)}`,
    task: "Press a letter and set its three valves. A letter has the same valves wherever it " +
      "stands. Can you keep the tank full from “(” on, and empty from “)” on?",
    solved: "You did what the gates of an LSTM do. Compare with “the weights”.",
    kinds: "x, ( and )",
  },
  GRU: {
    who: /** @type {[string, string][]} */ ([
      ["you", "you"],
      ["weights", "the weights"],
      ["held", "weights, lid held open"],
    ]),
    draw: drawCounter,
    judge: judgeCounter,
    at: 3,
    gates: gates(["z", "valve z", "memory"], ["r", "lid r", "output"]),
    heat: ["candidate", "state"],
    candidate: (/** @type {Step} */ { n }) => n,
    scale: 0.5,
    now: (/** @type {Step} */ { z, n, was, h }) =>
      `${gateText(1 - z)} · ${number(n)} + ${gateText(z)} · ${number(was)} = ${number(h)}`,
    task: "Press a letter and set its valve and its lid. Can you count the x since the last “;”, " +
      "and let “-” change nothing?",
    solved: "You did what the gates of a GRU do. Compare with “the weights”.",
    kinds: "x, ; and -",
  },
};

/** @type {Mount} */
export const mount = (root, options) => {
  const cell = options.get("cell") === "GRU" ? "GRU" : "LSTM";
  const machine = MACHINES[cell];
  const part = PARTS[cell];
  const first = options.get("who") === "weights" ? "weights" : "you";
  const start = knownPart(machine, options.get("text") ?? "").slice(0, LONGEST) || machine.text;
  let text = start;
  const begins = first === "you"; // else the reader is to guess what the weights do
  let [at, byHand, held] = [begins ? part.at : 0, begins, false];
  /** @type {Rows} */
  const hand = Object.fromEntries(
    Object.entries(machine.start).map(([gate, row]) => [gate, [...row]]),
  );

  const gatesNow = () => {
    const gates = byHand ? hand : gatesFrom(machine);
    return held ? { ...gates, r: [1, 1, 1] } : gates;
  };
  /** @type {OnGate} */
  const setGate = (gate, value) => {
    if (!byHand) return;
    steps.stop();
    hand[gate][machine.chars.indexOf(text[at])] = value;
    update();
  };

  const who = choice({
    label: "Who sets the valves?",
    options: part.who,
    value: first,
    onInput(value) {
      byHand = value === "you";
      held = value === "held";
      steps.stop();
      update();
    },
  });
  const box = el("input", { type: "text", maxlength: LONGEST, spellcheck: "false" });
  box.value = text;
  const typed = field("Text", "", box, null, box);
  box.addEventListener("input", () => {
    text = knownPart(machine, box.value) || machine.text;
    const known = [...machine.chars].join(" ");
    const message = text === box.value
      ? ""
      : box.value
      ? `It knows only ${known}`
      : `Type at least one of ${known}`;
    typed.error(message);
    at = Math.min(begins ? at : LONGEST, text.length - 1);
    steps.stop();
    steps.most(text.length);
    update();
  });
  const picture = svg("svg", { role: "img", "aria-label": "tanks and valves", height: HIGH });
  const dials = part.gates.map(([gate, name]) => {
    const dial = slider({
      label: gate === "z" ? "valve z: share of the old state" : name,
      least: 0,
      most: 1,
      step: 0.05,
      value: 0,
      show: gateText,
      onInput: (value) => setGate(gate, Number(value)),
    });
    return { gate, dial };
  });
  const line = boxLine({
    label: "The text, its gates and the tank",
    rows: [
      { name: "text", kind: "boxes" },
      ...part.gates.map(([gate, title, color]) => (
        { name: gate, kind: /** @type {"boxes"} */ ("boxes"), color, title, height: 18 }
      )),
      { name: "heat", kind: "heat", height: 20, names: part.heat },
      { name: "wanted", kind: "words", title: "should be" },
    ],
    onPick: (k) => steps.jump(k + 1),
  });
  const steps = player({
    label: "character",
    least: 1,
    most: text.length,
    value: at + 1,
    pace: 600,
    show: (n) => `${n}, “${show(text[n - 1] ?? "")}”`,
    onInput(n) {
      at = n - 1;
      update(true);
    },
    onReset() {
      for (const gate of Object.keys(hand)) hand[gate] = [...machine.start[gate]];
      [byHand, held] = [begins, false];
      who.set(first);
      typed.error("");
      box.value = text = start;
      steps.most(text.length);
    },
  });
  const words = readout(root);

  /** @type {Drawn} */
  let drawn;
  let wide = 0;
  const redraw = () => {
    wide = picture.clientWidth || 640;
    drawn = part.draw(wide, setGate);
    picture.replaceChildren(...drawn.nodes);
    update();
  };

  /** @param {boolean} [isStep] a letter has just been read: first what was, then what becomes of it */
  const update = (isStep = false) => {
    picture.classList.toggle("play-stepping", isStep);
    const gates = gatesNow();
    const sums = sumsFrom(machine, byHand);
    const run = readWith(machine, text, gates, sums);
    const dash = (/** @type {number} */ was) => machine.step(gates, 2, sums[2], was);
    const verdict = part.judge(text, run, dash);
    const step = run[at];
    const char = text[at];
    drawn.set(step, byHand, isStep);
    for (const { gate, dial } of dials) {
      dial.set(Number(step[gate].toFixed(3)));
      dial.disable(!byHand);
    }
    steps.set(at + 1);
    const all = new Set(text).size === machine.chars.length;
    const isRight = byHand && verdict.right && text.length > 0;
    const praise = isRight && all ? `Solved! ${part.solved} ` : "";
    const more = isRight && !all ? ` Right so far. Try a text with ${part.kinds}.` : "";
    const here = `At “${char}”: ${part.now(step)}.`;
    const end = begins || byHand ? text.length : at + 1; // what comes after is to be guessed
    const says = end < text.length
      ? `What will the ${part.heat[1]} be after the next “${text[end]}”?`
      : verdict.says + more;
    /** @type {<T>(values: T[], none: T) => T[]} */
    const upTo = (values, none) => values.map((value, t) => (t < end ? value : none));
    const strips = Object.fromEntries(
      part.gates.map(([gate]) => [gate, { fills: run.map((one) => one[gate]) }]),
    );
    line.update({
      count: text.length,
      at,
      label: `${text}. ${says}`,
      text: { texts: [...text] },
      ...strips,
      heat: {
        values: [...run.map(part.candidate), ...upTo(run.map(({ c }) => c), 0)],
        scale: part.scale,
      },
      wanted: {
        texts: upTo(verdict.wanted.map(String), ""),
        wrong: upTo(verdict.wrong, false),
      },
    });
    picture.setAttribute("aria-label", here);
    words.set(`${praise}${here} ${says}`);
    words.element.classList.toggle("play-right", verdict.right && end === text.length);
    line.element.classList.toggle("play-solved", byHand && all && verdict.right);
  };

  root.append(
    el(
      "p",
      {},
      begins ? part.task : "Guess the cell, press Play, and then type a text of your own.",
    ),
    el("div", { class: "play-two" }, who.element, typed.element),
    line.element,
    el("div", { class: "play-dials" }, ...dials.map(({ dial }) => dial.element)),
    el("figure", {}, picture),
    words.element,
    steps.element,
  );
  new ResizeObserver(() => {
    if (picture.clientWidth !== wide) redraw();
  }).observe(picture);
  redraw();
};
