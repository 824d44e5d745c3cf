// The part `scrubber`: a run, fixed by the part's options, and its epochs to travel through. With the
// option `plain` it shows neither the lines nor the bars that only later chapters explain.
import { settingsOf, toParams } from "../core/settings.js";
import { epochInWords } from "../core/verdict.js";
import { el } from "../ui/elements.js";
import { letterStrip } from "../ui/letter-strip.js";
import { addressOf } from "../ui/load.js";
import { levelsOf, lossCurve } from "../ui/loss-curve.js";
import { player, readout } from "../ui/player.js";
import { ownRun } from "../ui/store.js";

/** @import { Mount } from "./define.js" */

/** @type {Mount} */
export const mount = (root, options) => {
  const state = ownRun(options);
  const go = (/** @type {number} */ epoch) => state.set({ epoch });
  const curve = lossCurve(go);
  const isPlain = options.has("plain");
  const strip = letterStrip(null, !isPlain);
  const said = readout(root);
  const first = Number(options.get("epoch")) || 1;
  const bar = player({ label: "Epoch", least: 1, most: first, value: first, onInput: go });
  const params = toParams(settingsOf(options));
  params.set("epoch", String(first));
  const address = `${addressOf("playground.html")}#${params}`;
  const link = el("a", { href: address }, "Change this run in the playground");
  const note = el("p", { class: "play-note" }, link);
  root.append(curve.element, strip.element, said.element, bar.element, note);
  state.watch(({ run, epoch }) => {
    if (!run) return;
    const losses = run.records.map(({ loss }) => loss);
    const all = levelsOf(run);
    const levels = isPlain ? all.slice(0, 1) : all; // without any knowledge
    curve.update({ losses, before: [], epochs: losses.length, epoch, levels });
    strip.update(run, epoch, -1);
    said.set(epochInWords(run, epoch));
    bar.most(losses.length, 4000 / losses.length);
    bar.set(epoch);
  });
  return state;
};
