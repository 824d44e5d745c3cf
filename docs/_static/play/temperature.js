"use strict";

/*
 * The temperature dial: what a small network expects next, at any temperature, and what it writes.
 * Its options are those of a run, and `prompt`, the text that has been read.
 */

charseqPlay.define("temperature", (root, options) => {
  const { el, slider, button, number, show, say, table, settingsOf, ownRun } = charseqPlay;
  const LENGTH = 40;
  const DRAWS = 5; // that stay to be compared

  const { text, epochs } = settingsOf(options);
  const prompt = options.get("prompt") ?? text.slice(0, 1);

  root.append(el("p", { class: "play-note" }, "A small network is being trained."));
  ownRun(options).watch(({ run }) => {
    if (!run) return;
    const { model, chars } = run;
    // What is not in the vocabulary has not been read.
    const read = charseq.encode(prompt, chars).filter((id) => id >= 0);
    const ids = read.length ? read : charseq.encode(text, chars).slice(0, 1);
    const pass = charseq.createPass(model, ids);
    charseq.forward(model, pass);
    const logits = Array.from(pass.logits.slice(-model.V));
    const learned = charseq.probabilities(logits);
    const ranks = logits.map((_, v) => v).sort((a, b) => logits[b] - logits[a]);

    let temperature = 1;
    let seed = 0;
    const bars = el("div", { class: "play-dial" });
    const summary = el("p");
    const draws = el("ol", { class: "play-dial-draws" });

    const draw = () => {
      const p = charseq.probabilities(logits, temperature);
      // 0 ln 0 is 0, and never a minus before a 0
      const sum = p.reduce((sum, share) => sum - (share && share * Math.log(share)), 0);
      const nats = Math.max(0, sum);
      /** @param {number} v */
      const bar = (v) =>
        el(
          "div",
          { class: "play-dial-bar", "aria-hidden": "true" },
          el("i", { style: `width: ${100 * p[v]}%` }),
          el("b", { style: `left: ${100 * learned[v]}%` }),
        );
      bars.replaceChildren(
        table(
          "What comes next. The line stands where the bar ends at temperature 1.",
          ["next", "logit", "p", "share"],
          ranks.map((v) => [show(chars[v]), number(logits[v], 2), number(p[v]), bar(v)]),
        ),
      );
      const [first] = ranks;
      const other = temperature === 1 ? "" : `; at temperature 1 it has ${number(learned[first])}`;
      summary.textContent =
        `${show(chars[first])} is the likeliest, with ${number(p[first])}${other}. The network ` +
        `is as unsure as between ${number(Math.exp(nats), 2)} equally likely characters: ` +
        `${number(nats / Math.LN2, 2)} bits.`;
    };
    const dial = slider({
      label: "temperature τ",
      least: 0,
      most: 2,
      step: 0.05,
      value: 1,
      help: "0 takes the likeliest, below 1 is careful, above 1 is bold",
      show: (value) => number(value, 2),
      onInput(value) {
        temperature = Number(value);
        draw();
        say(root, `Temperature ${number(temperature, 2)}: ${summary.textContent}`);
      },
    });
    const chance = slider({
      label: "seed",
      least: 0,
      most: 99,
      value: 0,
      typed: true,
      help: "the same seed and temperature write the same text",
      onInput(value) {
        const { settings, messages } = charseqSettings.parse({ seed: value });
        chance.error(messages.join());
        seed = settings.seed;
        if (!messages.length) chance.set(seed);
      },
    });
    const write = () => {
      const generator = new charseq.Generator(seed);
      const written = charseq.generate(model, ids, LENGTH, temperature, generator);
      const line = written.slice(ids.length).map((id) => chars[id]).join("");
      const how = `τ = ${number(temperature, 2)}, seed ${seed}`;
      draws.prepend(el("li", {}, el("small", {}, how), " ", el("code", {}, line)));
      draws.children[DRAWS]?.remove();
      say(root, `${how}: ${line}`);
    };
    draw();
    root.replaceChildren(
      el(
        "p",
        {},
        "A network has read “",
        el("code", {}, text.trim()),
        `” ${epochs} times. Now it has read “`,
        el("code", {}, Array.from(ids, (id) => show(chars[id])).join("")),
        "” and expects:",
      ),
      dial.element,
      summary,
      bars,
      chance.element,
      button(`Draw ${LENGTH} characters`, write),
      draws,
    );
  });
});
