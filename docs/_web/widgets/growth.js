// The part `growth`: the curves of four networks, a slider for the updates, and below it what a
// network wrote last. docs/_ext/live/growth.py writes its numbers. It takes the place of the page's
// own picture of one of them, which is the still.
import { lastOf, sampleAt, stepsOf } from "../core/growth.js";
import { number } from "../core/formats.js";
import { el, svg } from "../ui/elements.js";
import { choice } from "../ui/fields.js";
import { load } from "../ui/load.js";
import { player } from "../ui/player.js";
import { readout } from "../ui/readout.js";

/**
 * @typedef {{batches: number[][], held: number[][],
 *   samples: Record<string, {percent: number, pieces: string[]}>}} GrowthRun
 */

const [WIDE, HIGH] = [660, 200]; // of the drawing, as in the still
const MOST = 12_000;
const xOf = (/** @type {number} */ step) =>
  20 + (560 * Math.log10(Math.max(step, 1))) / Math.log10(MOST);
const yOf = (/** @type {number} */ bits) => 190 - 70 * Math.log2(bits / 1.3);
const count = (/** @type {number} */ n) => n.toLocaleString("en");

/** @param {HTMLElement} root */
export const mount = async (root) => {
  /** @type {{table: number, runs: Record<string, GrowthRun>}} */
  const { table, runs } = await load("growth.js");
  const names = Object.keys(runs);
  let name = names[0];
  const steps = stepsOf(runs[name]);
  let at = steps.indexOf(1000);
  const pick = choice({
    label: "network",
    options: names.map((one) => [one, one]),
    value: name,
    onInput(value) {
      name = value;
      draw();
    },
  });
  const updates = player({
    label: "updates",
    most: steps.length - 1,
    value: at,
    pace: 300,
    show: (k) => count(steps[k]),
    onInput(k) {
      at = k;
      draw();
    },
  });
  const label = (
    /** @type {number} */ x,
    /** @type {number} */ y,
    /** @type {string} */ text,
  ) => svg("text", { x, y }, text);
  const learned = svg("path", { class: "learned" });
  const held = svg("path", { class: "held" });
  const [dot, solid] = [0, 1].map(() => svg("circle", { r: 6 }));
  const now = svg("path", { class: "mark" });
  const picture = svg(
    "svg",
    { role: "img", "aria-label": "bits per character", viewBox: `0 0 ${WIDE} ${HIGH}` },
    svg("path", { class: "mark", d: `M20 ${yOf(table)}H580` }),
    label(22, yOf(table) + 20, `best table of counts: ${number(table, 2)} bits`),
    learned,
    held,
    label(250, 84, "on its batches"),
    svg("text", { x: 384, y: 156, "text-anchor": "end" }, "held back"),
    now,
    dot,
    solid,
  );
  const said = readout(root);
  let text = el("pre");
  let written = "";
  const view = el("div", { class: "growth growth-live" }, picture, said.element, text);
  root.append(pick.element, updates.element, view);

  const draw = () => {
    const run = runs[name];
    const step = steps[at];
    const d = (/** @type {number[][]} */ points) =>
      `M${points.map(([k, bits]) => `${xOf(k).toFixed(1)} ${yOf(bits).toFixed(1)}`).join("L")}`;
    learned.setAttribute("d", d(run.batches));
    held.setAttribute("d", d(run.held));
    now.setAttribute("d", `M${xOf(step)} 0V${HIGH}`);
    const [ofBatch, ofHeld] = [run.batches, run.held].map((points) => lastOf(points, step));
    [[dot, ofBatch], [solid, ofHeld]].forEach(([circle, bits]) => {
      const mark = /** @type {SVGCircleElement} */ (circle);
      mark.classList.toggle("play-gone", bits === null);
      mark.setAttribute("cx", String(xOf(step)));
      if (bits !== null) mark.setAttribute("cy", String(yOf(Number(bits))));
    });
    const last = sampleAt(run.samples, step);
    const { percent, pieces } = run.samples[last];
    const losses = [
      ofBatch === null ? "" : `${number(ofBatch, 2)} bits per character on its batches`,
      ofHeld === null ? "" : `${number(ofHeld, 2)} on held-back text`,
    ].filter(Boolean).join(", ");
    const side = ofHeld === null
      ? ""
      : ofHeld < table
      ? ", less than the table"
      : ", more than the table";
    const next = Object.keys(run.samples).map(Number).find((one) => one > step);
    const when = last === step || !next ? "" : ` (next sample: ${count(next)})`;
    const words =
      `${name} after ${count(step)} updates: ${losses || "nothing learned yet"}${side}. ` +
      `Text from update ${count(last)}${when}. ${percent}% of its words are in the novel:`;
    picture.setAttribute("aria-label", words);
    said.set(words);
    const sample = `${name} ${last}`;
    if (sample === written) return;
    written = sample;
    const marked = pieces.map((piece, k) => (k % 2 ? el("mark", {}, piece) : piece));
    text.replaceWith(text = el("pre", {}, ...marked)); // a new one fades in
  };
  draw();
  const still =
    /** @type {HTMLElement | null} */ (document.querySelector(".growth:not(.growth-live)"));
  const hide = (/** @type {boolean} */ hidden) => still && (still.hidden = hidden);
  hide(true);
  addEventListener("beforeprint", () => hide(false)); // paper has the still
  addEventListener("afterprint", () => hide(true));
};
