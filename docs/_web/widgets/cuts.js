// The part `cuts`: a text cut into batches of B rows of T characters, as streams or as windows. Its
// option is the `text`.
import { drawStarts, mostRows, streams, windows } from "../core/cuts.js";
import { show } from "../core/formats.js";
import { Generator } from "../core/network.js";
import { el, keep, put, setText, svg } from "../ui/elements.js";
import { button, choice, slider } from "../ui/fields.js";
import { player } from "../ui/player.js";
import { readout } from "../ui/readout.js";

/** @import { Mount } from "./define.js" */

const [LEFT, GAP, TOP, ROW, HIGH] = [46, 20, 66, 24, 216]; // pixels; GAP is between two batches
const MOST = { B: 6, T: 10 };
const DRAWN = 3; // batches of windows that are shown

/** @type {Mount} */
export const mount = (root, options) => {
  const text = [...(options.get("text") ?? "the cat sat on the mat and ate ")];
  let [way, B, T, at, seed] = ["streams", 3, 5, 0, 0];
  const generator = () => new Generator(seed);
  const pick = choice({
    label: "the text is cut into",
    options: [["streams", "streams"], ["windows", "windows"]],
    value: way,
    onInput(value) {
      way = value;
      letters.replaceChildren();
      go(0);
    },
  });
  const size = (
    /** @type {string} */ label,
    /** @type {number} */ most,
    /** @type {number} */ value,
    /** @type {(n: number) => void} */ set,
  ) =>
    slider({
      label,
      least: 1,
      most,
      value,
      onInput(n) {
        set(Number(n));
        go(0);
      },
    });
  const sizes = [
    size("B, rows of a batch", MOST.B, B, (n) => (B = n)),
    size("T, characters of a row", MOST.T, T, (n) => (T = n)),
  ];
  const other = button("Draw other windows", () => {
    seed += 1;
    letters.replaceChildren(); // other letters, from other places
    go(at);
  });
  const steps = player({
    label: "batch",
    least: 1,
    most: 2,
    pace: 900,
    onInput: (n) => go(n - 1),
    show: (n) => String(n),
  });
  const picture = svg("svg", { role: "img", "aria-label": "a text in rows" });
  const frame = svg("rect", { class: "play-frame", rx: 4 });
  const [strip, names, states, letters] = ["strip", "names", "states", "letters"].map((name) =>
    svg("g", { class: `play-cuts-${name}` })
  );
  strip.append(...text.map((char) => svg("text", {}, show(char))));
  picture.append(frame, strip, names, states, letters);
  const said = readout(root);
  root.append(
    pick.element,
    el("div", { class: "play-two" }, ...sizes.map(({ element }) => element)),
    steps.element,
    el("figure", {}, picture),
    said.element,
    other,
  );

  const batchesNow = () => {
    if (way === "streams") return streams(text.length, B, T);
    const from = generator();
    return Array.from(
      { length: DRAWN },
      () => windows(drawStarts(from, text.length, B, T), T),
    );
  };
  const read = (/** @type {number[]} */ places) => places.map((p) => show(text[p])).join("");

  /** @param {number[][][]} batches */
  const inWords = (batches) => {
    if (!batches.length) {
      const need = B * T + 1;
      return `Nothing fits: ${B} · ${T} characters and one for the last target make ${need}, and ` +
        `the text has ${text.length}. With T\u00a0=\u00a0${T}, B can be at most ` +
        `${mostRows(text.length, T)}.`;
    }
    const seen = new Set(batches.flat(2));
    const now = `Batch ${at + 1}, shape (${B}, ${T}): row 0 reads “${read(batches[at][0])}”`;
    const [start] = batches[at][0];
    const end = at ? batches[at - 1][0][T - 1] : -1;
    let how = "and starts from a state of zeros";
    if (at && way === "streams") how = "and goes on where row 0 of the batch before stopped";
    else if (at) {
      const before = read(batches[at - 1][0]);
      how = start === end + 1
        ? "which by chance follows the window before, but it, too, starts from zeros"
        : `which does not follow “${before}” in the text, so it starts from zeros again`;
    }
    const left = text.length - seen.size;
    const all = way === "streams"
      ? `${batches.length} batch${
        batches.length === 1 ? " reads" : "es read"
      } ${seen.size} of the ` +
        `${text.length} characters`
      : `these ${DRAWN} batches miss ${left} of the ${text.length} characters`;
    return `${now} ${how}. ${all[0].toUpperCase()}${all.slice(1)}.`;
  };

  let wide = 0;
  const draw = () => {
    if (!wide) return;
    const batches = batchesNow();
    const now = new Set(batches[at]?.flat());
    const seen = new Set(batches.flat(2));
    const stripSide = Math.min(20, wide / text.length);
    [...strip.children].forEach((letter, p) => {
      const size = Math.min(17, stripSide * 1.45);
      put(letter, { x: (p + 0.5) * stripSide, y: 22, "font-size": size });
      letter.classList.toggle("play-read", now.has(p));
      letter.classList.toggle("play-left", !seen.has(p));
    });
    const count = batches.length;
    const side = Math.min(20, (wide - LEFT - GAP * count) / Math.max(1, count * T));
    const placeOf = (/** @type {number} */ k, /** @type {number} */ t) =>
      LEFT + k * (T * side + GAP) + t * side;
    const all = batches.flatMap((batch, k) =>
      batch.flatMap((places, row) => places.map((p, t) => ({ p, k, row, t })))
    );
    if (way === "streams") all.sort((a, b) => a.p - b.p); // then a letter stays the same element
    const there = letters.children.length;
    const made = keep(letters, all.length, () => svg("text"));
    all.slice(there).forEach(({ p }, i) => { // a new letter comes from its place in the text
      made[there + i].style.transform = `translate(${(p + 0.5) * stripSide}px, 22px)`;
    });
    if (made.length > there) letters.getBoundingClientRect(); // it is there before it sets out
    all.forEach(({ p, k, row, t }, i) => {
      const letter = made[i];
      setText(letter, show(text[p]));
      put(letter, { "font-size": Math.min(17, side * 1.45) });
      letter.classList.toggle("play-read", k === at);
      letter.style.transform = `translate(${placeOf(k, t) + side / 2}px, ${
        TOP + row * ROW + 17
      }px)`;
    });
    frame.classList.toggle("play-gone", !count);
    put(frame, { x: placeOf(at, 0) - 2, y: TOP - 2, width: T * side + 4, height: B * ROW + 4 });
    const rows = count ? Array.from({ length: B }, (_, row) => TOP + row * ROW + 16) : [];
    names.replaceChildren(...rows.map((y, row) => svg("text", { x: 0, y }, `row ${row}`)));
    states.replaceChildren(...rows.map((y) => {
      const x = placeOf(at, 0) - GAP / 2 - 1;
      const isKept = way === "streams" && at > 0;
      const look = { x, y, class: isKept ? "play-kept" : null };
      return at ? svg("text", look, isKept ? "→" : "0") : svg("text", { x, y });
    }));
  };
  const go = (/** @type {number} */ to) => {
    const batches = batchesNow();
    at = Math.max(0, Math.min(batches.length - 1, to));
    steps.most(Math.max(1, batches.length));
    steps.set(at + 1);
    other.classList.toggle("play-gone", way === "streams");
    const words = inWords(batches);
    picture.setAttribute("aria-label", words);
    said.set(words);
    draw();
  };
  new ResizeObserver(() => {
    wide = picture.clientWidth;
    draw();
  }).observe(picture);
  picture.setAttribute("height", String(HIGH));
  go(0);
};
