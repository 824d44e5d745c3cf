"use strict";

/* The part `scrubber`: a run, fixed by the part's options, and its epochs to travel through. */

charseqPlay.define("scrubber", (root, options) => {
  const { el } = charseqElements;
  const { ofPart, toParams } = charseqSettings;
  const state = charseqStore.ownRun(options);
  const curve = charseqCurve.draw((epoch) => state.set({ epoch }));
  const epochs = charseqEpochs((epoch) => state.set({ epoch }));
  const strip = charseqStrip();
  const params = toParams(ofPart(options));
  const epoch = options.get("epoch");
  if (epoch) params.set("epoch", epoch);
  const address = `${charseqPlay.home}#${params}`;
  const link = el("a", { href: address }, "Change this run in the playground");
  const note = el("p", { class: "play-note" }, link);
  root.append(curve.element, epochs.element, strip.element, note);
  state.watch(({ run, epoch }) => {
    if (!run) return;
    const losses = run.records.map(({ loss }) => loss);
    const levels = charseqCurve.levels(run);
    curve.update({ losses, before: [], epochs: losses.length, epoch, levels });
    epochs.update(run, epoch);
    strip.update(run, epoch, -1);
  });
});
