"use strict";

/*
 * Pictures of a run that several parts share. After play.js and training.js.
 *
 *   charseqCurves.loss(onPick)      {element, update({losses, before, epochs, epoch, levels})}
 *   charseqCurves.strip(onPick)     {element, update(run, epoch, t)}: each character, how it went
 *   charseqCurves.scrub(onInput)    {element, update(run, epoch), stop()}: a slider and a play button
 *   charseqCurves.levels(run)       losses worth knowing: of no knowledge, of one character, the floor
 */

/** @typedef {InstanceType<typeof charseqTraining.Run>} TrainedRun */
/** @typedef {{name: string, loss: number, floor?: boolean}} Level */

const charseqCurves = (() => {
  const { el, svg, number, show, slider, button } = charseqPlay;

  /** Equal steps from 0, at most `count`, of 1, 2 or 5 times a power of ten. */
  const ticks = (/** @type {number} */ most, /** @type {number} */ count) => {
    const power = 10 ** Math.floor(Math.log10(most / count));
    const step = power * ([1, 2, 5].find((n) => (n * power * count) / most >= 1) ?? 10);
    return Array.from({ length: Math.floor(most / step) + 1 }, (_, k) => k * step);
  };

  /** @param {TrainedRun} run @returns {Level[]} */
  const levels = ({ settings, chars, pass }) => {
    const ids = [pass.x[0], ...Array.from(pass.y)];
    const V = chars.length;
    const known = charseqTraining.contexts(ids, 1).loss;
    return [
      { name: `knowing nothing, ln ${V}`, loss: Math.log(V) },
      ...(known > 0.05 ? [{ name: "table of letter pairs", loss: known }] : []),
      ...(settings.outputLayer
        ? []
        : [{ name: "floor", loss: charseqTraining.lossFloor(V), floor: true }]),
    ];
  };

  /**
   * @typedef {object} Curve
   * @property {number[]} losses
   * @property {number[]} before of the run before; may be empty
   * @property {number} epochs to come in all
   * @property {number} epoch looked at
   * @property {Level[]} levels
   */

  /** The loss over the epochs. @param {(epoch: number) => void} onPick */
  const loss = (onPick) => {
    const picture = svg("svg", { role: "img" });
    const element = el("figure", { class: "play-curve" }, picture);
    /** @type {Curve} */
    let curve = { losses: [], before: [], epochs: 1, epoch: 1, levels: [] };
    let wide = 0;
    const EDGE = { left: 34, right: 10, top: 18, bottom: 26 };
    const draw = () => {
      const { losses, before, epochs, epoch, levels } = curve;
      if (!wide || !losses.length) return;
      const high = picture.clientHeight || 200;
      const [right, bottom] = [wide - EDGE.right, high - EDGE.bottom];
      const nothing = Math.max(...levels.map(({ loss }) => loss));
      // What shoots up leaves the picture, or all the rest would be flat.
      const highest = Math.max(...losses);
      const most = 1.05 * Math.max(0.1, nothing, Math.min(highest, 3 * nothing));
      const off = highest > most ? `, up to ${number(highest, 1)}` : "";
      const x = (/** @type {number} */ n) =>
        EDGE.left + ((n - 1) / Math.max(1, epochs - 1)) * (right - EDGE.left);
      const y = (/** @type {number} */ l) =>
        Math.max(EDGE.top - 3, bottom - (l / most) * (bottom - EDGE.top));
      const path = (/** @type {number[]} */ all) =>
        all
          .slice(0, epochs)
          .map((l, k) => `${k ? "L" : "M"}${x(k + 1).toFixed(1)} ${y(l).toFixed(1)}`)
          .join("");
      const last = losses[losses.length - 1];
      /** @param {Record<string, any>} at @param {string} text */
      const label = (at, text) => svg("text", at, text);
      picture.setAttribute("viewBox", `0 0 ${wide} ${high}`);
      picture.setAttribute(
        "aria-label",
        `Loss from ${number(losses[0])} at epoch 1 to ${number(last)} at epoch ${losses.length}` +
          levels.map(({ name, loss }) => `; ${name}: ${number(loss)}`).join(""),
      );
      picture.replaceChildren(
        ...ticks(most, 4).map((l) =>
          svg(
            "g",
            {},
            svg("path", { class: "play-grid", d: `M${EDGE.left} ${y(l)}H${right}` }),
            label({ x: EDGE.left - 6, y: y(l) + 4, "text-anchor": "end" }, String(+l.toFixed(2))),
          )
        ),
        ...ticks(epochs, 5)
          .filter((n) => n > 0 && x(n) < right - 30)
          .map((n) => label({ x: x(n), y: high - 8, "text-anchor": "middle" }, String(n))),
        label({ x: right, y: high - 8, "text-anchor": "end" }, "epoch"),
        label({ x: 0, y: 10 }, `loss${off}${before.length ? " (dotted: the run before)" : ""}`),
        ...levels.map(({ name, loss, floor }) =>
          svg(
            "g",
            { class: floor ? "play-floor" : "play-level" },
            svg("path", { d: `M${EDGE.left} ${y(loss)}H${right}` }),
            // What the curve ends below is named at the right, the rest at the left, where it is high.
            label(
              loss > last
                ? { x: right - 4, y: y(loss) - 5, "text-anchor": "end" }
                : { x: EDGE.left + 4, y: y(loss) + (floor ? -5 : 13) },
              `${name}: ${number(loss)}`,
            ),
          )
        ),
        svg("path", { class: "play-before", d: path(before) }),
        svg("path", { class: "play-line", d: path(losses) }),
        svg("path", { class: "play-now", d: `M${x(epoch)} ${EDGE.top}V${bottom}` }),
        svg("circle", { class: "play-dot", cx: x(epoch), cy: y(losses[epoch - 1] ?? last), r: 5 }),
      );
    };
    const pick = (/** @type {PointerEvent} */ { offsetX, buttons }) => {
      if (!buttons) return;
      const share = (offsetX - EDGE.left) / (wide - EDGE.left - EDGE.right);
      onPick(1 + share * (curve.epochs - 1));
    };
    picture.addEventListener("pointerdown", pick);
    picture.addEventListener("pointermove", pick);
    new ResizeObserver(() => {
      wide = picture.clientWidth;
      draw();
    }).observe(picture);
    return {
      element,
      /** @param {Curve} now */
      update(now) {
        curve = now;
        draw();
      },
    };
  };

  /**
   * A column for each character: what came, what was said, the probability of what came, and the
   * length of the gradient that reached this step.
   * @param {((t: number) => void) | null} [onPick]
   */
  const strip = (onPick = null) => {
    const list = el("ol", { class: "play-strip" });
    /** @type {HTMLElement[][]} */
    let parts = [];
    const column = (/** @type {number} */ t) => {
      const comes = el("b", { "aria-hidden": "true" });
      const says = el("span", { class: "play-says", "aria-hidden": "true" });
      const share = el("i");
      const percent = el("span", { class: "play-percent", "aria-hidden": "true" });
      const flow = el("i");
      const words = el("span", { class: "play-unseen" });
      const bars = [
        el("span", { class: "play-share", "aria-hidden": "true" }, share),
        percent,
        el("span", { class: "play-flow", "aria-hidden": "true" }, flow),
      ];
      const item = el("li", { onclick: onPick && (() => onPick(t)) }, comes, says, ...bars, words);
      parts.push([item, comes, says, share, percent, flow, words]);
      return item;
    };
    return {
      element: list,
      /** @param {TrainedRun} run @param {number} epoch @param {number} t */
      update({ chars, pass, records }, epoch, t) {
        const { ids, right, flow: flows } = records[epoch - 1];
        if (parts.length !== pass.T) {
          parts = [];
          const heads = ["comes", "says", "sure of it", "in %", "gradient"];
          list.replaceChildren(
            el(
              "li",
              { class: "play-heads", "aria-hidden": "true" },
              ...heads.map((h) => el("span", {}, h)),
            ),
            ...Array.from({ length: pass.T }, (_, k) => column(k)),
          );
        }
        const most = Math.max(...flows, 1e-300);
        parts.forEach(([item, comes, says, share, percent, flow, words], k) => {
          const [came, said] = [chars[pass.y[k]], chars[ids[k]]];
          item.classList.toggle("play-wrong", came !== said);
          item.classList.toggle("play-here", k === t);
          comes.textContent = show(came);
          says.textContent = show(said);
          const p = Math.round(100 * right[k]);
          share.style.height = `${100 * right[k]}%`;
          percent.textContent = String(p);
          flow.style.height = `${(100 * flows[k]) / most}%`;
          words.textContent =
            `${show(came)}: says ${show(said)}, ${came === said ? "right" : "wrong"}, ` +
            `${p} % for what came, gradient ${flows[k].toPrecision(2)}`;
        });
      },
    };
  };

  /**
   * Travel through the epochs. With reduced motion, play goes in ten jumps.
   * @param {(epoch: number) => void} onInput
   */
  const scrub = (onInput) => {
    let [epoch, epochs, timer] = [1, 1, 0];
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    const stop = () => {
      clearTimeout(timer);
      timer = 0;
      press.textContent = "Play";
      press.setAttribute("aria-pressed", "false");
    };
    const go = () => {
      if (epoch >= epochs) return stop();
      const jump = Math.ceil(epochs / (calm.matches ? 10 : 100));
      timer = setTimeout(go, calm.matches ? 1000 : Math.max(40, 4000 / epochs));
      onInput(Math.min(epochs, epoch + jump));
    };
    const press = button(
      "Play",
      () => {
        if (timer) return stop();
        press.textContent = "Pause";
        press.setAttribute("aria-pressed", "true");
        if (epoch >= epochs) onInput(1);
        timer = setTimeout(go, 100);
      },
      { "aria-pressed": "false" },
    );
    let loss = "";
    const bar = slider({
      label: "Epoch",
      least: 1,
      most: 1,
      value: 1,
      show: (n) => `${n} of ${epochs}${loss}`,
      onInput(n) {
        stop();
        onInput(Number(n));
      },
    });
    bar.element.prepend(press);
    return {
      element: el("div", { class: "play-scrub" }, bar.element),
      stop,
      /** @param {TrainedRun} run @param {number} now */
      update({ records }, now) {
        [epoch, epochs] = [now, records.length];
        loss = `, loss ${number(records[now - 1].loss)}`;
        bar.most(epochs);
        bar.set(now);
      },
    };
  };

  return { loss, strip, scrub, levels };
})();
