"use strict";

/* The part `scrubber`: one run, fixed by the part's options, to travel through. After curves.js. */

charseqPlay.define("scrubber", (root, options) => {
  const { el, ownRun, settingsOf, home } = charseqPlay;
  const state = ownRun(options);
  const curve = charseqCurves.loss((epoch) => state.set({ epoch }));
  const scrub = charseqCurves.scrub((epoch) => state.set({ epoch }));
  const strip = charseqCurves.strip();
  const params = charseqSettings.toParams(settingsOf(options));
  const epoch = options.get("epoch");
  if (epoch) params.set("epoch", epoch);
  const address = `${home}#${params}`;
  root.append(
    curve.element,
    scrub.element,
    strip.element,
    el(
      "p",
      { class: "play-note" },
      el("a", { href: address }, "Change this run in the playground"),
    ),
  );
  state.watch(({ run, epoch }) => {
    if (!run) return;
    const losses = run.records.map(({ loss }) => loss);
    const levels = charseqCurves.levels(run);
    curve.update({ losses, before: [], epochs: losses.length, epoch, levels });
    scrub.update(run, epoch);
    strip.update(run, epoch, -1);
  });
});
