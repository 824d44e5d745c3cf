// Boxes on a line: the course's picture of time. A letter is in each box, and rows below it, each
// aligned with the boxes, say what happens there: bars, a heat strip, words. The picture is drawn in
// pixels, at the width that it has, so that its letters stay as large as the text around it.
import { keep, put, setText, svg } from "./elements.js";

/**
 * @typedef {"input" | "memory" | "output" | "blame"} Color
 *
 * @typedef {object} Row
 * @property {string} name by which `update` gets its numbers
 * @property {"boxes" | "bars" | "heat" | "words"} kind
 * @property {string} [title] at the left; of bars, over them
 * @property {Color} [color] of boxes and bars
 * @property {number} [height] in pixels: of the bars' room, or of a cell of the heat strip
 * @property {number} [least] where the bars' scale begins
 * @property {number} [most] where it ends
 * @property {boolean} [log] equal distances are equal factors
 * @property {number} [from] where bars start: by default at 0, with `log` at 1
 * @property {[number, string][]} [ticks] of the bars' scale
 * @property {string[]} [names] of the rows of a heat strip
 * @property {number} [longest] of words: so many characters at most, so their size stays the same
 *
 * @typedef {object} Content What a row shows.
 * @property {string[]} [texts] in each box, each word, or at the foot of each bar
 * @property {number[]} [fills] of boxes: how strong the color is, from 0 to 1
 * @property {boolean[]} [off] boxes that are dashed and faint
 * @property {boolean[]} [wrong] words that are wrong: red, with a frame
 * @property {ArrayLike<number | null>} [values] of bars, null for none; of a heat strip, row by row
 * @property {(number | null)[]} [before] of bars: where they ended before, as thin strokes
 * @property {number} [scale] of a heat strip: the value of the strongest color
 *
 * @typedef {object} Now
 * @property {number} count of the boxes
 * @property {number} [at] the box that is framed, or -1
 * @property {number | null} [ring] where the ring is, between two boxes too
 * @property {string} [flag] a word over the framed box
 * @property {string} [label] what the picture shows now, for readers who do not see it
 */

const BOX = 34; // the height of a box
const FLAG = 24; // room over the boxes, for the flag
const GAP = 12; // between two rows
const LINE = 20; // the height of a line of words
const TITLE = 16; // room for the title over a row of bars
const HEIGHTS = { boxes: BOX, bars: 120, heat: 18, words: LINE };

/** How high a row is. @param {Row} row */
const heightOf = ({ kind, height = HEIGHTS[kind], names = [] }) =>
  kind === "heat" ? height * names.length : height;

/**
 * The picture of time. Its boxes are `widest` pixels wide at most. The ring takes `pace`
 * milliseconds from a box to the next.
 * @param {{label: string, rows: Row[], widest?: number, pace?: number,
 *   onPick?: (k: number) => void}} options
 */
export const boxLine = ({ label, rows, widest = BOX, pace = 250, onPick }) => {
  const picture = svg("svg", { class: "play-line-of-boxes", role: "img", "aria-label": label });
  picture.style.setProperty("--pace", `${Math.min(250, pace)}ms`);
  const ring = svg("ellipse", { class: "play-ring" });
  const flag = svg("text", { class: "play-flag" });
  const arrow = svg("path", { class: "play-flag-arrow" });
  const parts = rows.map((row) => {
    const group = svg("g", { class: `play-row-${row.kind} play-${row.color ?? "memory"}` });
    const marks = svg("g", { class: "play-marks" });
    const shapes = svg("g", { class: "play-shapes" });
    const strokes = svg("g", { class: "play-strokes" });
    const texts = svg("g", { class: "play-texts" });
    group.append(marks, shapes, strokes, texts);
    picture.append(group);
    return { row, marks, shapes, strokes, texts };
  });
  picture.append(ring, arrow, flag);
  /** @type {Now & Record<string, any>} */
  let now = { count: 0 };
  let [left, side] = [0, 1]; // where the boxes begin, and how wide one is
  const longestOf = (/** @type {Row} */ { name, kind, longest = 1 }) =>
    kind === "words"
      ? [longest, ...(now[name]?.texts ?? []).map((/** @type {string} */ text) => text.length)]
      : [];

  /** The middle of a box. @param {number} k */
  const middle = (k) => left + (k + 0.5) * side;

  /** The height of a value on the scale of a row of bars. @param {Row} row @param {number} value */
  const rise = ({ least = 0, most = 1, log = false, height = HEIGHTS.bars }, value) => {
    const scaled = (/** @type {number} */ x) => (log ? Math.log10(Math.max(x, 1e-300)) : x);
    const share = (scaled(value) - scaled(least)) / (scaled(most) - scaled(least));
    return height * (1 - Math.min(1, Math.max(0, share)));
  };

  const draw = () => {
    const { count, at = -1 } = now;
    const wide = picture.clientWidth || 640;
    const titled = rows.some(({ title, ticks, names }) => title || ticks || names);
    const words = rows.flatMap(({ kind, title = "", ticks = [], names = [] }) => [
      kind === "bars" ? "" : title, // it is over them
      ...ticks.map(([, text]) => text),
      ...names,
    ]);
    const longest = Math.max(...words.map((word) => word.length));
    left = titled ? Math.min(86, Math.max(wide * 0.19, 8 + 6.8 * longest)) : 1;
    side = Math.min(widest, (wide - left - 2) / Math.max(1, count));
    const size = Math.min(17, side * 1.5); // a letter of the font is 0.6 of its size wide
    const room = side - Math.min(10, side / 6); // words do not run together, and all have one size
    const wordSize = Math.min(size, room / (0.6 * Math.max(1, ...rows.flatMap(longestOf))));
    picture.classList.toggle("play-tight", side < 11); // letters without frames
    let top = now.flag === undefined ? 2 : FLAG;
    const first = top;
    for (const { row, marks, shapes, strokes, texts } of parts) {
      const high = heightOf(row);
      /** @type {Content} */
      const content = now[row.name] ?? {};
      if (row.kind === "bars" && row.title) top += TITLE;
      const place = { y: top, high, size, at };
      drawMarks(row, marks, top, high);
      if (row.kind === "boxes") drawBoxes(content, shapes, texts, place);
      else if (row.kind === "bars") drawBars(row, content, shapes, strokes, texts, top);
      else if (row.kind === "heat") drawHeat(row, content, shapes, strokes, top);
      else drawWords(content, shapes, texts, { ...place, size: wordSize });
      top += high + GAP;
    }
    put(picture, { height: top - GAP + 3 });
    drawPointers(first);
  };

  /**
   * What stands at the left of a row: its title, the ticks of its scale, the names of its rows.
   * @param {Row} row @param {SVGGElement} group @param {number} top @param {number} high
   */
  const drawMarks = (row, group, top, high) => {
    const { title, ticks = [], names = [] } = row;
    /** @type {[string, number][]} */
    const words = ticks.map(([value, text]) => [text, top + rise(row, value)]);
    const over = title && row.kind === "bars";
    if (over) words.push([title, top - TITLE / 2 - 2]);
    names.forEach((name, k) => words.push([name, top + (high / names.length) * (k + 0.5)]));
    if (title && !words.length) words.push([title, top + high / 2]);
    const made = keep(group, words.length + ticks.length, () => svg("g", {}));
    words.forEach(([text, y], k) => {
      const [word] = keep(made[k], 1, () => svg("text", {}));
      const isOver = over && k === ticks.length;
      put(word, { x: isOver ? left + 2 : left - 8, y });
      word.classList.toggle("play-over", Boolean(isOver));
      setText(word, text);
    });
    ticks.forEach(([value], k) => {
      const y = top + rise(row, value);
      const [line] = keep(made[words.length + k], 1, () => svg("line", {}));
      put(line, { x1: left, x2: left + now.count * side, y1: y, y2: y });
    });
  };

  /**
   * @param {Content} content @param {SVGGElement} shapes @param {SVGGElement} words
   * @param {{y: number, high: number, size: number, at: number}} place
   */
  const drawBoxes = ({ texts = [], fills = [], off = [] }, shapes, words, place) => {
    const { y, high, size, at } = place;
    const boxes = keep(shapes, now.count, () => svg("rect", {}));
    boxes.forEach((box, k) => {
      const gap = side > 12 ? 1 : 0;
      put(box, { x: left + k * side + gap, y, width: side - 2 * gap, height: high, rx: 3 });
      box.style.fillOpacity = String(0.85 * Math.min(1, Math.max(0, fills[k] ?? 0)));
      box.classList.toggle("play-framed", k === at);
      box.classList.toggle("play-dashed", Boolean(off[k]));
    });
    keep(words, now.count, () => svg("text", {})).forEach((word, k) => {
      put(word, { x: middle(k), y: y + high / 2, "font-size": size });
      setText(word, texts[k] ?? "");
      word.classList.toggle("play-on-color", (fills[k] ?? 0) > 0.6);
      word.classList.toggle("play-faint", Boolean(off[k]));
    });
  };

  /**
   * @param {Row} row @param {Content} content @param {SVGGElement} shapes
   * @param {SVGGElement} strokes @param {SVGGElement} words @param {number} top
   */
  const drawBars = (row, { values = [], texts = [], before = [] }, shapes, strokes, words, top) => {
    const start = top + rise(row, row.from ?? (row.log ? 1 : 0));
    const [ghost] = keep(strokes, 1, () => svg("path", {}));
    const steps = before.map((value, k) =>
      value === null ? "" : `M${left + k * side} ${top + rise(row, value)}h${side}`
    );
    put(ghost, { d: steps.join("") });
    keep(shapes, now.count, () => svg("rect", { y: start, height: 0 })).forEach((bar, k) => {
      const value = values[k];
      const end = value === null || value === undefined ? start : top + rise(row, value);
      const gap = Math.min(3, side / 8);
      put(bar, { x: left + k * side + gap, width: Math.max(1, side - 2 * gap) });
      put(bar, {
        y: Math.min(start, end),
        height: Math.abs(end - start) + (end === start ? 0 : 1),
      });
    });
    keep(words, texts.length, () => svg("text", {})).forEach((word, k) => {
      put(word, { x: middle(k), y: start - 8, "font-size": Math.min(13, side) });
      setText(word, texts[k]);
      word.classList.toggle("play-shown", Boolean(texts[k]));
    });
  };

  /**
   * @param {Row} row @param {Content} content @param {SVGGElement} shapes
   * @param {SVGGElement} strokes @param {number} top
   */
  const drawHeat = (row, content, shapes, strokes, top) => {
    const { names = [], height = HEIGHTS.heat } = row;
    const values = Array.from(content.values ?? [], Number);
    const scale = content.scale ?? Math.max(1e-12, ...values.map(Math.abs));
    const count = names.length * now.count;
    const minus = keep(strokes, count, () => svg("line", {}));
    keep(shapes, count, () => svg("rect", {})).forEach((cell, i) => {
      const [k, unit] = [i % now.count, Math.floor(i / now.count)];
      const [x, y] = [left + k * side, top + unit * height];
      const value = values[i] ?? 0;
      put(cell, { x, y, width: side - 1, height: height - 1 });
      cell.classList.toggle("play-below-zero", value < 0);
      cell.style.fillOpacity = String(Math.min(1, Math.abs(value) / scale));
      const stroke = value < -0.02 * scale && side > 7 ? side / 4 : 0;
      put(minus[i], { x1: x + side / 2 - stroke, x2: x + side / 2 + stroke });
      put(minus[i], { y1: y + height / 2, y2: y + height / 2 });
    });
  };

  /**
   * @param {Content} content @param {SVGGElement} shapes @param {SVGGElement} words
   * @param {{y: number, high: number, size: number}} place
   */
  const drawWords = ({ texts = [], wrong = [] }, shapes, words, { y, high, size }) => {
    keep(shapes, now.count, () => svg("rect", {})).forEach((frame, k) => {
      put(frame, { x: left + k * side + 1, y, width: Math.max(1, side - 2), height: high, rx: 3 });
      frame.classList.toggle("play-wrong-word", Boolean(wrong[k]));
      frame.style.setProperty("--k", String(k));
    });
    keep(words, now.count, () => svg("text", {})).forEach((word, k) => {
      put(word, { x: middle(k), y: y + high / 2, "font-size": size });
      setText(word, texts[k] ?? "");
      word.classList.toggle("play-wrong-word", Boolean(wrong[k]));
    });
  };

  /** The ring, and the flag with its arrow. @param {number} top of the first row */
  const drawPointers = (top) => {
    const { at = -1, ring: place = null, count, flag: word = "" } = now;
    const shown = place !== null && place >= -0.5 && place <= count;
    ring.classList.toggle("play-gone", !shown);
    const rx = Math.min(22, side * 0.75); // it is about one box, and sets out from the framed one
    put(ring, { rx, ry: Math.max(12, rx) });
    ring.style.transform = `translate(${middle(shown ? Number(place) : at)}px, ${top + BOX / 2}px)`;
    const flagged = Boolean(word) && at >= 0;
    setText(flag, flagged ? word : "");
    arrow.classList.toggle("play-gone", !flagged);
    if (!flagged) return;
    const x = middle(at);
    put(arrow, { d: `M${x - 5} ${top - 8}h10l-5 7z` });
    const half = word.length * 4;
    const inside = Math.min(Math.max(x, half), Math.max(half, picture.clientWidth - half));
    put(flag, { x: inside, y: top - 14 });
  };

  if (onPick) {
    picture.classList.add("play-pressed");
    let last = -1;
    const pick = (/** @type {PointerEvent} */ event) => {
      const x = event.clientX - picture.getBoundingClientRect().left;
      const k = Math.min(now.count - 1, Math.max(0, Math.floor((x - left) / side)));
      if (k !== last) onPick(last = k);
    };
    picture.addEventListener("pointerdown", (event) => {
      last = -1;
      pick(event);
      picture.setPointerCapture(event.pointerId);
    });
    picture.addEventListener("pointermove", (event) => {
      if (picture.hasPointerCapture(event.pointerId)) pick(event);
    });
  }
  let wide = 0;
  new ResizeObserver(() => {
    if (picture.clientWidth !== wide) draw();
    wide = picture.clientWidth;
  }).observe(picture);
  return {
    element: picture,
    /** @param {Now & Record<string, any>} changes and the content of each row, by its name */
    update(changes) {
      now = changes;
      if (changes.label) picture.setAttribute("aria-label", changes.label);
      draw();
    },
  };
};
