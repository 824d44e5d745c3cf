"use strict";

/*
 * One step, term by term: the sum that makes one hidden unit, one product at a time, drawn as
 * arrows along an axis, and on the same axis the tanh or σ that the sum goes through.
 */

(() => {
  const { button, choice, define, el, number, say, scroll, show, slider, source, svg } =
    charseqPlay;
  const LANE = { class: "play-lane", "aria-hidden": "true" }; // the numbers beside it say it all

  /** The product as it is written. @param {{factors: number[]}} term */
  const product = ({ factors }) =>
    factors.map((x) => (Number.isInteger(x) ? String(x) : number(x))).join(" × ");

  /** What goes through tanh or σ. @param {string} curve @param {number} a */
  const squash = (curve, a) => curve === "tanh" ? Math.tanh(a) : curve ? 1 / (1 + Math.exp(-a)) : a;

  /** @param {string} name @param {string} text */
  const label = (name, text) =>
    el("th", { scope: "row" }, el("span", {}, name, " ", el("small", {}, text)));

  /**
   * A row for a term: its arrow leads from the sum before it to the sum after it.
   * @param {Term} term
   * @param {number} from
   * @param {number} to
   * @param {"play-sum-now" | "play-sum-later" | null} state
   * @param {number} reach of the axis
   */
  const termRow = (term, from, to, state, reach) => {
    const isShown = state !== "play-sum-later";
    const numbers = [term.adds, to].map((x) => el("td", {}, isShown ? number(x) : "·"));
    const lane = el("td", LANE);
    if (isShown) {
      const place = (/** @type {number} */ x) => `${50 + (50 * x) / reach}%`;
      const arrow = el("span", { class: from > to ? "play-bar play-bar-less" : "play-bar" });
      arrow.style.left = place(Math.min(from, to));
      arrow.style.width = `${(50 * Math.abs(to - from)) / reach}%`;
      lane.style.setProperty("--play-from", place(from));
      lane.style.setProperty("--play-to", place(to));
      if (from !== to) lane.append(arrow);
    }
    return el("tr", { class: state }, label(term.name, product(term)), ...numbers, lane);
  };

  /**
   * The curve over the axis of the sums, the sum so far, and what becomes of it.
   * @param {string} curve
   * @param {number} reach
   * @param {number} sum
   * @param {boolean} isOver
   */
  const plot = (curve, reach, sum, isOver) => {
    const low = curve === "tanh" ? -1 : 0;
    const place = (/** @type {number} */ x, y = squash(curve, x)) =>
      `${(50 + (50 * x) / reach).toFixed(2)} ${(95 - (90 * (y - low)) / (1 - low)).toFixed(2)}`;
    const points = Array.from({ length: 81 }, (_, k) => place((k / 40 - 1) * reach));
    const across = isOver ? `H${sum < 0 ? 0 : 100}` : "";
    const paths = {
      axis: `M0 95H100M0 5H100M50 0V100${low ? "M0 50H100" : ""}`,
      curve: `M${points.join("L")}`,
      drop: `M${place(sum, 1.1)}L${place(sum)}${across}`,
      dot: `M${place(sum)}h0`,
    };
    return el(
      "div",
      { class: "play-squash" },
      svg(
        "svg",
        { viewBox: "0 0 100 100", preserveAspectRatio: "none" },
        ...Object.entries(paths).map(([name, d]) =>
          svg("path", { class: `play-squash-${name}`, d })
        ),
      ),
      ...[1, low].map((y) => el("small", {}, number(y, 0))),
    );
  };

  define("step", (root, options) => {
    /** @type {Network | null} */
    let net = null;
    let [t, unit, wanted, names] = [0, 0, "", ""];
    let done = 1; // terms shown; with one more than there are, what becomes of their sum
    /** @type {Sum[]} */
    let sums = [];
    /** @type {(changes: {t?: number, unit?: number}) => void} */
    let move;

    const step = slider({
      label: "Time step t",
      least: 1,
      most: 1,
      value: 1,
      show: (k) => (net ? `${k}: “${show(net.chars[net.pass.x[k - 1]])}”` : ""),
      onInput: (k) => move({ t: Number(k) - 1 }),
    });
    const which = slider({
      label: "Unit",
      least: 0,
      most: 1,
      value: 0,
      onInput: (j) => move({ unit: Number(j) }),
    });
    const tabs = el("div", {});
    const buttons = [
      button("Back", () => go(done - 1)),
      button("Next term", () => go(done + 1)),
      button("All", () => go(Infinity)),
    ];
    const said = el("p", { class: "play-said" });
    const frame = scroll("The sum, term by term");
    root.append(
      el("div", { class: "play-two" }, step.element, which.element),
      tabs,
      el("div", { class: "play-row" }, ...buttons, said),
      frame,
    );

    const sum = () => sums.find(({ name }) => name === wanted) ?? sums[0];

    /** Show so many terms. @param {number} count */
    const go = (count) => {
      done = Math.max(1, Math.min(sum().terms.length + 1, count));
      draw();
      say(root, said.textContent ?? "");
    };

    /** Tabs for the gates, where there are any. */
    const makeTabs = () => {
      if (names === (names = sums.map(({ name }) => name).join(""))) return;
      wanted = names[0];
      const onInput = (/** @type {string} */ name) => {
        wanted = name;
        go(1);
      };
      /** @type {[string, string][]} */
      const found = sums.map(({ name, title }) => [name, title]);
      const { element } = choice({ label: "Which sum", options: found, value: wanted, onInput });
      tabs.replaceChildren(...(sums.length > 1 ? [element] : []));
    };

    const draw = () => {
      const { name, terms, curve, share, value } = sum();
      const count = terms.length;
      done = Math.min(done, count + 1);
      const isOver = done > count;
      const after = [0]; // the sum after so many terms
      for (const { adds } of terms) after.push(after[after.length - 1] + adds);
      // As far to the left as to the right: 0 stands in the middle.
      const reach = 1.1 * Math.max(1.5, ...after.map(Math.abs));
      const rows = terms.map((term, k) => {
        const state = k >= done ? "play-sum-later" : k === done - 1 ? "play-sum-now" : null;
        return termRow(term, after[k], after[k + 1], state, reach);
      });
      let start = 0;
      const bodies = [...new Set(terms.map(({ group }) => group))].map((group) => {
        const end = start + terms.filter((term) => term.group === group).length;
        const adds = done >= end ? number(after[end] - after[start]) : "";
        const cells = [el("th", { scope: "rowgroup" }, group), el("td", {}, adds), el("td")];
        const head = el("tr", { class: "play-sum-group" }, ...cells, el("td", LANE));
        const body = el("tbody", {}, head, ...rows.slice(start, end));
        start = end;
        return body;
      });
      const shared = share === null ? "" : "o × ";
      const so = after[Math.min(done, count)]; // the sum so far
      const factored = share === null || !isOver
        ? ""
        : product({ factors: [share, squash(curve, so)] });
      const formula = `${name} = ${shared}${curve ? `${curve}(sum)` : "sum"}`;
      const ends = [-reach, 0, reach].map((x) => el("span", {}, number(x, x ? 1 : 0)));
      const heads = ["Term", "Adds", "Sum so far"].map((text) => el("th", { scope: "col" }, text));
      frame.replaceChildren(
        el(
          "table",
          { class: "play-sum" },
          el("thead", {}, el("tr", {}, ...heads, el("td", LANE, el("div", {}, ...ends)))),
          ...bodies,
          el(
            "tfoot",
            {},
            el(
              "tr",
              { class: isOver ? "play-sum-now" : "play-sum-later" },
              label(formula, factored),
              el("td"),
              el("td", {}, isOver ? number(value) : "·"),
              el("td", LANE, curve ? plot(curve, reach, so, isOver) : null),
            ),
          ),
        ),
      );
      const now = /** @type {HTMLElement} */ (frame.querySelector(".play-sum-now, tfoot tr"));
      frame.scrollTop = now.offsetTop - frame.clientHeight / 2;

      buttons.forEach((one, k) => one.setAttribute("aria-disabled", String(k ? isOver : done < 2)));
      const { adds, factors } = terms[Math.min(done, count) - 1];
      const result = factors.length > 1 ? ` = ${number(adds)}` : "";
      said.textContent = isOver
        ? `All ${count} terms: ${formula.replace("sum", number(so))} = ${number(value)}`
        : `Term ${done} of ${count}: ${product({ factors })}${result}; sum so far ${number(so)}`;
    };

    /** @param {Network} now @param {number} newT @param {number} newUnit */
    const look = (now, newT, newUnit) => {
      net = now;
      const { pass, model } = now;
      t = Math.min(newT, pass.T - 1);
      unit = Math.min(newUnit, model.H - 1);
      step.most(pass.T);
      step.set(t + 1);
      which.most(model.H - 1);
      which.set(unit);
      sums = charseqSums.all(now, t, unit);
      makeTabs();
      draw();
    };

    if (options.has("W_ih")) {
      const own = charseqSums.given(options);
      move = (changes) => look(own, changes.t ?? t, changes.unit ?? unit);
      look(own, Number(options.get("t")), Number(options.get("unit")));
    } else {
      const state = source(options);
      move = state.set;
      state.watch(({ run, epoch, t, unit }) => {
        if (run) look({ ...run.at(epoch), chars: run.chars }, t, unit);
      });
    }
  });
})();
