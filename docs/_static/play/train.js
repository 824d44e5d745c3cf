"use strict";

/*
 * The part `train`: settings, the run that they make, and what became of it. It owns the run that
 * all parts of the page look at, and the page's address. After curves.js and verdict.js.
 */

charseqPlay.define("train", (root, options) => {
  const { el, slider, choice, check, button, copyButton, field, number, say } = charseqPlay;
  const { NOTEBOOK, DEFAULT, parse, toParams } = charseqSettings;
  const { judge, OUTCOMES, CHALLENGES } = charseqVerdict;

  let settings = DEFAULT;
  /** @type {TrainedRun | null} */
  let run = null;
  /** @type {number[]} */
  let before = [];
  let turn = 0;
  let frame = 0;

  // ---- settings ----------------------------------------------------------------------------------

  /**
   * Take over settings from a form or an address; what is wrong is said beside its field.
   * @param {URLSearchParams | Record<string, unknown>} found
   * @param {string[]} [more] messages
   */
  const take = (found, more = []) => {
    const parsed = parse(found);
    settings = parsed.settings;
    const { cell, outputLayer, hidden, optimizer, lr, momentum, clip, epochs, seed } = settings;
    if (document.activeElement !== input) input.value = settings.text;
    const chars = charseq.vocabulary(settings.text);
    const T = [...settings.text].length - 1;
    fields.text.help(
      `${T} steps, ${chars.length} characters: ${chars.map(charseqPlay.show).join(" ")}`,
    );
    fields.cell.set(cell);
    head.checked = outputLayer;
    fields.hidden.set(outputLayer ? hidden : chars.length);
    fields.hidden.disable(!outputLayer);
    fields.optimizer.set(optimizer);
    fields.lr.set(lr);
    fields.momentum.set(momentum);
    fields.momentum.disable(optimizer !== "sgd");
    fields.clip.set(clip ?? Infinity);
    fields.epochs.set(epochs);
    fields.seed.set(seed);
    const messages = [...parsed.messages, ...more];
    for (const [name, { error }] of Object.entries(fields)) {
      const at = messages.findIndex((message) => message.startsWith(`${name} `));
      error(at < 0 ? "" : messages.splice(at, 1)[0]);
    }
    odd.textContent = messages.join(" ");
    const { order, skip } = settings;
    const start = [
      ...(order ? [`vocabulary in the order “${order}”`] : []),
      ...(skip ? [`${skip} random numbers drawn before the weights`] : []),
    ];
    drawn.textContent = start.length ? `As in the notebook: ${start.join(", ")}.` : "";
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => void go());
  };
  /** @param {Partial<Record<keyof Settings, unknown>>} changes */
  const change = (changes) => take({ ...settings, ...changes });

  const input = el("input", {
    type: "text",
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    oninput: () => change({ text: input.value, order: "" }),
    onblur: () => (input.value = settings.text),
  });
  const fields = {
    text: field("Text to learn", "", input, null, input),
    cell: choice({
      label: "Cell",
      options: [
        ["RNN", "RNN"],
        ["GRU", "GRU"],
        ["LSTM", "LSTM"],
      ],
      value: "RNN",
      onInput: (cell) => change({ cell }),
    }),
    hidden: slider({
      label: "Hidden units",
      least: 1,
      most: 64,
      value: 16,
      typed: true,
      onInput: (hidden) => change({ hidden }),
    }),
    optimizer: choice({
      label: "Optimizer",
      options: [
        ["sgd", "SGD"],
        ["adam", "Adam"],
      ],
      value: "sgd",
      onInput: (optimizer) => change({ optimizer }),
    }),
    lr: slider({
      label: "Learning rate",
      least: 1e-4,
      most: 10,
      value: 0.1,
      log: true,
      typed: true,
      onInput: (lr) => change({ lr }),
    }),
    momentum: slider({
      label: "Momentum",
      least: 0,
      most: 0.99,
      step: 0.01,
      value: 0.9,
      typed: true,
      onInput: (momentum) => change({ momentum }),
    }),
    clip: slider({
      label: "Clip gradients longer than",
      least: 0.01,
      most: 100,
      value: Infinity,
      log: true,
      typed: true,
      show: (x) => (x === Infinity ? "none" : String(x)),
      onInput: (clip) => change({ clip: clip === 100 ? "none" : clip }),
    }),
    epochs: slider({
      label: "Epochs",
      least: 1,
      most: 400,
      value: 50,
      typed: true,
      onInput: (epochs) => change({ epochs }),
    }),
    seed: slider({
      label: "Seed",
      least: 0,
      most: 99,
      value: 0,
      typed: true,
      onInput: (seed) => change({ seed }),
    }),
  };
  const layer = check({
    label: "Output layer",
    value: true,
    onInput: (outputLayer) => change({ outputLayer }),
  });
  const head = layer.input;
  const odd = el("p", { class: "play-error", role: "alert" });
  const drawn = el("p", { class: "play-note" });
  const presets = el(
    "div",
    { class: "play-row" },
    button("The notebook’s run", () => take({ ...NOTEBOOK })),
    button("Start afresh", () => take({ ...DEFAULT })),
  );

  // ---- the run -----------------------------------------------------------------------------------

  const pictures = {
    curve: charseqCurves.loss((epoch) => charseqPlay.set({ epoch })),
    strip: charseqCurves.strip((t) => charseqPlay.set({ t })),
    scrub: charseqCurves.scrub((epoch) => charseqPlay.set({ epoch })),
  };
  const verdict = el("p", { class: "play-verdict" });
  const now = el("p", { class: "play-note" });

  /** Train as the settings say; what is under way is given up when they change again. */
  const go = async () => {
    const mine = ++turn;
    const next = new charseqTraining.Run(settings);
    const levels = charseqCurves.levels(next);
    const old = run ? run.records.map(({ loss }) => loss) : [];
    pictures.scrub.stop();
    const done = await charseqPlay.train(next, () => {
      if (mine !== turn) return false;
      if (!guessing.checked && !next.done) {
        const losses = next.records.map(({ loss }) => loss);
        const { epochs } = settings;
        pictures.curve.update({ losses, before: old, epochs, epoch: losses.length, levels });
      }
      return true;
    });
    if (!done) return;
    const show = () => {
      before = old;
      reveal(next);
    };
    if (guessing.checked && run) ask(next, show);
    else show();
  };

  /** @param {TrainedRun} next */
  const reveal = (next) => {
    guess.replaceChildren();
    root.classList.remove("play-covered");
    const { epoch } = charseqPlay.shared;
    const atEnd = !run || epoch >= run.records.length;
    run = next;
    const judged = judge(run);
    verdict.replaceChildren(el("b", {}, judged.title), ` ${judged.text}`);
    verdict.dataset.outcome = judged.outcome;
    const words = `${judged.title} ${judged.text}`;
    say(root, words);
    log.textContent = charseqSettings.log(run);
    script.textContent = charseqSettings.script(run.settings);
    CHALLENGES.forEach(({ name, met }, k) => {
      if (won.has(k) || !met(next, judged)) return;
      won.add(k);
      say(root, `Challenge met: ${name}. ${words}`);
    });
    drawChallenges();
    charseqPlay.set({ run, epoch: wanted || (atEnd ? Infinity : epoch) });
    wanted = 0;
  };

  // ---- guess first -------------------------------------------------------------------------------

  const score = { asked: 0, right: 0 };
  const guess = el("div", { class: "play-guess", role: "group", "aria-label": "Your guess" });
  const guessFirst = check({
    label: "Guess first: cover each run until you have said what it will do",
    value: false,
    onInput: (on) => {
      if (!on && root.classList.contains("play-covered")) void go();
    },
  });
  const guessing = guessFirst.input;
  /** @param {TrainedRun} next @param {() => void} show */
  const ask = (next, show) => {
    root.classList.add("play-covered");
    const press = (/** @type {string} */ outcome) => {
      const right = judge(next).outcome === outcome;
      score.asked++;
      score.right += Number(right);
      show();
      const text = `${right ? "You guessed right" : "Not so"}: ${score.right} of ${score.asked}.`;
      const told = el("p", { tabindex: -1 }, text);
      guess.replaceChildren(told);
      told.focus(); // the button that had it is gone
      say(root, `${text} ${verdict.textContent}`);
    };
    const question = "What will these settings do? The run is over, and covered.";
    say(root, question);
    guess.replaceChildren(
      el("p", {}, question),
      ...OUTCOMES.map(([outcome, text]) => button(text, () => press(outcome))),
    );
  };

  // ---- challenges, log and script ----------------------------------------------------------------

  /** @type {Set<number>} */
  const won = new Set();
  const summary = el("h3");
  const tasks = el("ul", { class: "play-tasks" });
  const drawChallenges = () => {
    summary.textContent = `Challenges: ${won.size} of ${CHALLENGES.length} met`;
    CHALLENGES.forEach((_, k) => {
      tasks.children[k].classList.toggle("play-won", won.has(k));
      tasks.children[k].children[0].textContent = (won.has(k) ? "✓ Met: " : "") +
        CHALLENGES[k].name;
    });
  };
  for (const { name, task, start } of CHALLENGES) {
    const label = { "aria-label": `Start here: ${name}` };
    const press = button("Start here", () => take({ ...start }), label);
    tasks.append(el("li", {}, el("b"), el("p", {}, task), press));
  }
  drawChallenges();
  const log = el("pre", { tabindex: 0, role: "region", "aria-label": "Log" });
  const script = el("pre", {
    tabindex: 0,
    role: "region",
    "aria-label": "The same run in PyTorch",
  });

  // ---- the address -------------------------------------------------------------------------------

  /** Where a reader looks first: the last epoch, and a step whose memory is no longer empty. */
  const FIRST = { epoch: 0, t: 4, unit: 0 };
  /** Epoch that the address asks for, 0 for the last. */
  let wanted = FIRST.epoch;
  /** Read the address; a place on the page, as in #look-inside, is no setting. */
  const read = () => {
    const hash = location.hash.slice(1);
    const found = new URLSearchParams(hash.includes("=") ? hash : options);
    const place = { ...FIRST };
    const messages = [];
    for (const name of /** @type {(keyof typeof place)[]} */ (Object.keys(place))) {
      const text = found.get(name);
      if (text === null) continue;
      if (/^\d{1,3}$/.test(text)) place[name] = Number(text);
      else messages.push(`${name} must be a whole number of up to three digits.`);
    }
    wanted = place.epoch;
    charseqPlay.set({ t: place.t, unit: place.unit });
    take(found, messages);
  };
  let timer = 0;
  const write = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const { epoch, t, unit } = charseqPlay.shared;
      const params = toParams(settings);
      if (run && epoch < run.records.length) params.set("epoch", String(epoch));
      if (t !== FIRST.t) params.set("t", String(t));
      if (unit) params.set("unit", String(unit));
      const hash = params.size ? `#${params}` : "";
      if (location.hash.includes("=") || hash) {
        history.replaceState(null, "", location.pathname + location.search + hash);
      }
    }, 300);
  };

  // ---- the page ----------------------------------------------------------------------------------

  root.append(
    el("div", { class: "play-top" }, fields.text.element, presets, drawn, odd),
    el(
      "div",
      { class: "play-picture" },
      guess,
      verdict,
      el("div", { class: "play-stay" }, pictures.curve.element, pictures.scrub.element),
      pictures.strip.element,
      now,
    ),
    el(
      "form",
      {
        class: "play-settings",
        "aria-label": "Settings",
        onsubmit: (/** @type {Event} */ event) => event.preventDefault(),
      },
      fields.cell.element,
      layer.element,
      ...[fields.hidden, fields.optimizer, fields.lr, fields.momentum].map(({ element }) =>
        element
      ),
      ...[fields.clip, fields.epochs, fields.seed].map(({ element }) => element),
      guessFirst.element,
    ),
    el(
      "div",
      { class: "play-more" },
      summary,
      tasks,
      el("details", {}, el("summary", {}, "The log"), log),
      el(
        "details",
        {},
        el("summary", {}, "The same run in PyTorch"),
        el(
          "p",
          { class: "play-note" },
          "With torch alone; it prints the log above, line for line, unless the steps are so large that the " +
            "last digit grows.",
        ),
        copyButton(() => script.textContent ?? "", "Copy the script"),
        script,
      ),
    ),
  );
  charseqPlay.watch(({ epoch, t }) => {
    if (!run) return;
    const { records, settings, pass } = run;
    const losses = records.map(({ loss }) => loss);
    const levels = charseqCurves.levels(run);
    pictures.curve.update({ losses, before, epochs: settings.epochs, epoch, levels });
    pictures.scrub.update(run, epoch);
    pictures.strip.update(run, epoch, t);
    const { ids, gradientNorm } = records[epoch - 1];
    const right = ids.filter((id, k) => id === pass.y[k]).length;
    now.textContent =
      `Epoch ${epoch}: ${right} of ${pass.T} letters right, framed where wrong. Sure of it: the ` +
      "probability of the letter that came. Gradient: how long it is at each step, the longest " +
      `filled; that of all weights has length ${
        number(gradientNorm)
      }. Press a letter to look at its ` +
      "step below.";
    write();
  });
  addEventListener("hashchange", () => {
    if (location.hash.includes("=")) read();
  });
  read();
});
