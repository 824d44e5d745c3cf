// The part `scrubber`: a run, fixed by the part's options, and its epochs to travel through. With the
// option `plain` it shows neither the lines nor the bars that only later chapters explain.
import { settingsOf, toParams } from "../core/settings.js";
import { el } from "../ui/elements.js";
import { epochSlider } from "../ui/epoch-slider.js";
import { letterStrip } from "../ui/letter-strip.js";
import { levelsOf, lossCurve } from "../ui/loss-curve.js";
import { ownRun } from "../ui/store.js";
import { addressOf } from "../ui/load.js";

/** @import { Mount } from "./define.js" */

/** @type {Mount} */
export const mount = (root, options) => {
  const state = ownRun(options);
  const curve = lossCurve((epoch) => state.set({ epoch }));
  const epochs = epochSlider((epoch) => state.set({ epoch }));
  const isPlain = options.has("plain");
  const strip = letterStrip(null, !isPlain);
  const params = toParams(settingsOf(options));
  const epoch = options.get("epoch");
  if (epoch) params.set("epoch", epoch);
  const address = `${addressOf("playground.html")}#${params}`;
  const link = el("a", { href: address }, "Change this run in the playground");
  const note = el("p", { class: "play-note" }, link);
  root.append(curve.element, epochs.element, strip.element, note);
  state.watch(({ run, epoch }) => {
    if (!run) return;
    const losses = run.records.map(({ loss }) => loss);
    const all = levelsOf(run);
    const levels = isPlain ? all.slice(0, 1) : all; // without any knowledge
    curve.update({ losses, before: [], epochs: losses.length, epoch, levels });
    epochs.update(run, epoch);
    strip.update(run, epoch, -1);
  });
  return state;
};
