// The wave going on: what each letter makes of the state.
import { number, show } from "../core/formats.js";
import { givenNetwork, largestGap, readLine, stateAfter } from "../core/untrained.js";
import { el, keep, put, setText, svg } from "../ui/elements.js";
import { check, choice } from "../ui/fields.js";
import { boxLine } from "../ui/line.js";
import { player, readout } from "../ui/player.js";

/** @typedef {(root: HTMLElement, options: URLSearchParams) => void} Show */

/** @param {ArrayLike<number>} state */
export const vector = (state) => `(${Array.from(state, (value) => number(value)).join(", ")})`;

/** The states after all steps, one row for each unit. @param {Float64Array[]} states */
const asRows = (states) =>
  states[0].length ? Array.from(states[0], (_, k) => states.map((state) => state[k])).flat() : [];

const UNIT = 230; // pixels in the plane for a distance of 1
const LEFT = 0.3; // what the plane shows: from -0.3 to 1, and from -0.8 to 0.8
const TOP = 0.8;

/** A plane with the two units as its axes. */
const statePlane = () => {
  const x = (/** @type {number} */ value) => (value + LEFT) * UNIT;
  const y = (/** @type {number} */ value) => (TOP - value) * UNIT;
  const path = svg("path", { class: "play-wave-way" });
  const twins = svg("path", { class: "play-wave-twins" });
  const points = svg("g", {});
  const [wide, high] = [x(1), y(-TOP)];
  const words = (
    /** @type {number} */ at,
    /** @type {number} */ height,
    /** @type {string} */ text,
    anchor = "middle",
  ) => svg("text", { x: at, y: height, "text-anchor": anchor }, text);
  const element = svg(
    "svg",
    { class: "play-wave-plane", viewBox: `0 0 ${wide} ${high}`, "aria-hidden": "true" },
    svg("path", { class: "play-grid", d: `M0 ${y(0)}H${wide}M${x(0)} 0V${high}` }),
    words(wide - 2, y(0) + 16, "unit 0", "end"),
    words(x(0) + 6, 14, "unit 1", "start"),
    path,
    twins,
    points,
  );
  return {
    element,
    /**
     * @param {ArrayLike<number>[]} states the start, and one for each letter that was read
     * @param {string[]} letters @param {[number, number] | null} pair two steps with one letter
     */
    update(states, letters, pair) {
      const places = states.map((state) => [x(state[0]), y(state[1])]);
      const way = (/** @type {number[][]} */ list) => list.length ? `M${list.join("L")}` : "";
      // What is still to come waits at the last place: from there it sets out.
      const here = places[places.length - 1];
      const all = ["", ...letters].map((_, k) => places[k] ?? here);
      path.setAttribute("d", way(all));
      twins.setAttribute("d", way(pair ? pair.map((t) => places[t + 1]) : []));
      // Two letters that led to one place have one label.
      const [one, two] = pair ? pair.map((t) => String(places[t + 1])) : ["", "-"];
      const label = (/** @type {number} */ k) => {
        const letter = k ? letters[k - 1] : "start";
        if (one !== two || !pair?.includes(k - 1)) return letter;
        return k - 1 === pair[0] ? "" : `${letter}, ${letter}`;
      };
      const point = () => svg("g", {}, svg("circle", {}), svg("text", {}));
      keep(points, all.length, point).forEach((one, k) => {
        const [circle, word] = one.children;
        const last = k === places.length - 1;
        const isThere = k < places.length;
        const lower = k > 0 && isThere && states[k][1] < states[k - 1][1];
        one.setAttribute("class", `${last ? "play-wave-last" : ""}${isThere ? "" : " play-gone"}`);
        one.style.transform = `translate(${all[k].map((at) => `${at}px`).join(", ")})`;
        put(circle, { r: last ? 7 : 5 });
        put(word, { x: k ? 12 : -12, y: lower ? 18 : -8, "text-anchor": k ? "start" : "end" });
        setText(word, isThere ? label(k) : "");
      });
    },
  };
};

/** Letters go in, and the state walks through a plane. @type {Show} */
export const states = (root, options) => {
  const without = new URLSearchParams(options);
  without.set("W_hh", "0 0 0 0");
  const nets = [options, without].map(givenNetwork);
  const { pass: { x }, chars } = nets[0];
  const letters = Array.from(x, (id) => show(chars[id]));
  let read = 2;
  const line = boxLine({
    label: "The letters that the network reads, and the state after each",
    rows: [
      { name: "letters", kind: "boxes", color: "input", title: "reads" },
      { name: "state", kind: "heat", names: ["unit 0", "unit 1"] },
      { name: "unit 0", kind: "words", title: "unit 0 is", longest: 6 },
      { name: "unit 1", kind: "words", title: "unit 1 is", longest: 6 },
    ],
    widest: 62,
    onPick: (/** @type {number} */ k) => steps.jump(k + 1),
  });
  const plane = statePlane();
  const said = readout(root);
  const steps = player({
    label: "letters read",
    most: letters.length,
    value: read,
    pace: 900,
    onInput(value) {
      read = value;
      draw();
    },
    onReset: () => memory.input.checked = true,
  });
  const memory = check({
    label: "the old state goes into the next step",
    value: true,
    onInput: () => draw(),
  });
  const draw = () => {
    const net = nets[memory.input.checked ? 0 : 1];
    const path = letters.slice(0, read).map((_, t) => stateAfter(net, t));
    const [last] = path.slice(-1);
    // The last letter that has come before, and where.
    const pairs = letters.slice(0, read).map((letter, t) => [letters.indexOf(letter), t]);
    const [twin, again] = pairs.filter(([first, t]) => first < t).at(-1) ?? [-1, -1];
    const both = twin < 0
      ? ""
      : memory.input.checked
      ? `The first “${letters[twin]}” led to ${vector(path[twin])}, the second to ` +
        `${vector(path[again])}: the same letter, but not the same state before it.`
      : `Both ${letters[twin]}’s led to ${vector(path[twin])}: nothing tells them apart.`;
    const told = !read
      ? "Nothing has been read, and the state is (0, 0). Press Step."
      : again === read - 1
      ? both
      : `After “${letters[read - 1]}” the state is ${vector(last)}. ${both}`.trim();
    const shown = letters.map((_, t) => path[t] ?? [0, 0]);
    const texts = (/** @type {number} */ k) =>
      letters.map((_, t) => path[t] ? number(path[t][k]) : "");
    line.update({
      count: letters.length,
      at: read - 1,
      label: told,
      letters: { texts: letters, fills: letters.map((_, t) => t < read ? 1 : 0) },
      state: { values: asRows(shown), scale: 1 },
      "unit 0": { texts: texts(0) },
      "unit 1": { texts: texts(1) },
    });
    plane.update([[0, 0], ...path], letters, twin < 0 ? null : [twin, again]);
    said.set(told);
  };
  root.append(
    el("p", { class: "play-note" }, "Press a letter: the network reads up to it."),
    memory.element,
    el("div", { class: "play-wave-beside" }, line.element, plane.element),
    said.element,
    steps.element,
  );
  draw();
};

/** @typedef {"right" | "left" | "packed"} Way */

/** A batch of texts: padded, or packed. @type {Show} */
export const padding = (root, options) => {
  const texts = (options.get("texts") ?? "").split(" ");
  const order = options.get("order") ?? "";
  const [dot] = order;
  const T = Math.max(...texts.map((text) => text.length));
  const read = (/** @type {string} */ text) =>
    readLine({ text, order, cell: "RNN", hidden: Number(options.get("hidden")), seed: 0 });
  const zeros = new Float64Array(Number(options.get("hidden")));
  const batch = texts.map((text) => {
    const dots = dot.repeat(T - text.length);
    const alone = read(text);
    return {
      text,
      alone: [zeros, ...Array.from(text, (_, t) => stateAfter(alone, t))], // after so many letters
      end: stateAfter(alone, text.length - 1), // where its last letter leads
      right: read(text + dots),
      left: read(dots + text),
    };
  });
  /** @type {Way} */
  let way = "right";
  let step = 2;

  const line = boxLine({
    label: "A batch of three texts, and the states of four units",
    rows: batch.flatMap(({ text }) => [
      { name: text, kind: "boxes", color: "input", title: text },
      { name: `${text}, states`, kind: "heat", names: Array.from(zeros, (_, k) => `unit ${k}`) },
      {
        name: `${text}, off`,
        kind: "bars",
        color: "blame",
        height: 26,
        most: 0.7,
        ticks: [[0, "off"]],
      },
    ]),
    widest: 62,
    onPick: (/** @type {number} */ k) => steps.jump(k + 1),
  });
  const said = readout(root);
  const steps = player({
    label: "steps",
    most: T,
    value: step,
    pace: 900,
    onInput(value) {
      step = value;
      draw();
    },
    onReset: () => ways.set(way = "right"),
  });
  const ways = choice({
    label: "The batch is",
    options: [["right", "padded right"], ["left", "padded left"], ["packed", "packed"]],
    value: way,
    onInput(value) {
      way = /** @type {Way} */ (value);
      draw();
    },
  });

  /** The state of a row after so many steps. @param {typeof batch[0]} row @param {number} count */
  const stateOf = (row, count) => {
    if (!count) return zeros;
    if (way === "packed") return stateAfter(row.right, Math.min(count, row.text.length) - 1);
    return stateAfter(row[way], count - 1);
  };
  /** How far off a row's state is. @param {typeof batch[0]} row */
  const off = (row) => number(largestGap(stateOf(row, step), row.end), 2);
  /** What is said of a row before the end, unless it is still being read. @param {typeof batch[0]} row */
  const standing = (row) => {
    const { text } = row;
    const dots = T - text.length;
    const read = way === "left" ? step - dots : step; // so many letters
    if (way === "left" && read <= 0) {
      const moved = number(largestGap(stateOf(row, step), zeros), 2);
      return `“${text}” has read only dots, and they moved its state by ${moved}.`;
    }
    if (read < text.length) return "";
    if (way === "packed") return `“${text}” is over and keeps its state.`;
    const after = read - text.length;
    if (!after) return `“${text}” is over.`;
    return `“${text}” is ${off(row)} off after ${after === 1 ? "a dot" : `${after} dots`}.`;
  };
  /** How far off each row is at the end. */
  const ending = () => {
    const gaps = batch.map(off);
    if (new Set(gaps).size === 1) return `All three end ${gaps[0]} off.`;
    return batch.map(({ text }, k) => `“${text}” ends ${gaps[k]} off.`).join(" ");
  };
  /** What is said between. */
  const telling = () => {
    const said = batch.map(standing);
    const reading = batch.filter((_, k) => !said[k]).map(({ text }) => `“${text}”`);
    const last = ["", `${reading[0]} is being read.`, "The other two are being read."];
    return [...said, last[reading.length] ?? "All three are being read."].filter(Boolean).join(" ");
  };
  const draw = () => {
    const told = step
      ? step === T ? ending() : telling()
      : "All three rows start from zeros. Press Step.";
    /** @type {Record<string, any>} */
    const rows = {};
    for (const row of batch) {
      const dots = dot.repeat(T - row.text.length);
      const cells = [...(way === "left" ? dots + row.text : row.text + dots)];
      const isLetter = cells.map((cell) => cell !== dot);
      const lettersBy = (/** @type {number} */ t) =>
        isLetter.slice(0, t + 1).filter(Boolean).length;
      rows[row.text] = {
        texts: cells,
        fills: cells.map((_, t) => t < step && (isLetter[t] || way !== "packed") ? 1 : 0),
        off: isLetter.map((letter) => !letter && way === "packed"),
      };
      const shown = cells.map((_, t) => t < step ? stateOf(row, t + 1) : zeros);
      rows[`${row.text}, states`] = { values: asRows(shown), scale: 1 };
      const gaps = shown.map((state, t) =>
        t < step ? largestGap(state, row.alone[lettersBy(t)]) : 0
      );
      rows[`${row.text}, off`] = { values: gaps.map((gap) => gap > 1e-9 ? gap : null) };
    }
    line.update({ count: T, at: step - 1, label: told, ...rows });
    said.set(told);
  };
  root.append(ways.element, line.element, said.element, steps.element);
  draw();
};
