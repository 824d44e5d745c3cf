// The part `step`: one step, term by term. The sum that makes one hidden unit is drawn as arrows
// along an axis, one per product, and on the same axis the tanh or σ that the sum goes through.
import { number } from "../core/formats.js";
import { givenNetwork, sumsOf } from "../core/unit-sum.js";
import { ease, el, scroll, svg, withIndices } from "../ui/elements.js";
import { choice } from "../ui/fields.js";
import { placeSliders } from "../ui/place-sliders.js";
import { player, readout } from "../ui/player.js";
import { source } from "../ui/store.js";

/** @import { Network } from "../core/network.js" */
/** @import { Sum, Term } from "../core/unit-sum.js" */
/** @import { Mount } from "./define.js" */

const LANE = { class: "play-lane", "aria-hidden": "true" }; // the numbers are in the cells beside it

/** A product in writing. @param {{factors: number[]}} term */
const product = ({ factors }) =>
  factors.map((x) => (Number.isInteger(x) ? String(x) : number(x))).join(" × ");

/** tanh, σ, or neither. @param {string} curve @param {number} a */
const squash = (curve, a) => curve === "tanh" ? Math.tanh(a) : curve ? 1 / (1 + Math.exp(-a)) : a;

/** @param {string} name @param {string} text */
const label = (name, text) =>
  el(
    "th",
    { scope: "row" },
    el("span", {}, el("span", {}, ...withIndices(name)), " ", el("small", {}, text)),
  );

/**
 * A row for a term. Its arrow leads from the sum before the term to the sum after it.
 * @param {Term} term @param {number} from @param {number} to
 * @param {"play-sum-now" | "play-sum-later" | null} state
 * @param {number} reach the axis goes from -reach to reach
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
 * The curve over the axis of the sums, the sum so far, and what the curve makes of it.
 * @param {string} curve @param {number} reach @param {number} sum @param {boolean} isOver
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
      ...Object.entries(paths).map(([name, d]) => svg("path", { class: `play-squash-${name}`, d })),
    ),
    ...[1, low].map((y) => el("small", {}, number(y, 0))),
  );
};

/**
 * A head and a body for each group of terms.
 * @param {Term[]} terms @param {HTMLElement[]} rows
 * @param {number[]} after the sum after so many terms
 * @param {number} done how many terms are shown
 */
const groupBodies = (terms, rows, after, done) => {
  let start = 0;
  return [...new Set(terms.map(({ group }) => group))].map((group) => {
    const end = start + terms.filter((term) => term.group === group).length;
    const adds = done >= end ? number(after[end] - after[start]) : "";
    const cells = [
      el("th", { scope: "rowgroup" }, ...withIndices(group)),
      el("td", {}, adds),
      el("td"),
    ];
    const head = el("tr", { class: "play-sum-group" }, ...cells, el("td", LANE));
    const body = el("tbody", {}, head, ...rows.slice(start, end));
    start = end;
    return body;
  });
};

/** @param {number} reach */
const tableHead = (reach) => {
  const heads = ["Term", "Adds", "Sum so far"].map((text) => el("th", { scope: "col" }, text));
  const ends = [-reach, 0, reach].map((x) => el("span", {}, number(x, x ? 1 : 0)));
  return el("thead", {}, el("tr", {}, ...heads, el("td", LANE, el("div", {}, ...ends))));
};

/** @param {Sum} sum */
const formulaOf = ({ name, share, curve }) =>
  `${name}_t = ${share === null ? "" : "o_t × "}${curve ? `${curve}(sum)` : "sum"}`;

/**
 * The last row: the formula, and the curve.
 * @param {Sum} sum @param {number} reach @param {number} soFar @param {boolean} isOver
 */
const tableFoot = (sum, reach, soFar, isOver) => {
  const { curve, share, value } = sum;
  const factors = share === null || !isOver ? [] : [share, squash(curve, soFar)];
  const row = el(
    "tr",
    { class: isOver ? "play-sum-now" : "play-sum-later" },
    label(formulaOf(sum), product({ factors })),
    el("td"),
    el("td", {}, isOver ? number(value) : "·"),
    el("td", LANE, curve ? plot(curve, reach, soFar, isOver) : null),
  );
  return el("tfoot", {}, row);
};

/**
 * The table, and a sentence that says where the reader stands.
 * @param {Sum} sum
 * @param {number} done how many terms are shown; with one more, the formula is shown, too
 */
const describe = (sum, done) => {
  const { terms, curve, value } = sum;
  const count = terms.length;
  const isOver = done > count;
  const after = [0];
  for (const { adds } of terms) after.push(after[after.length - 1] + adds);
  // The axis is as long to the left as to the right, so that 0 is in the middle.
  const reach = 1.1 * Math.max(1.5, ...after.map(Math.abs));
  const rows = terms.map((term, k) => {
    const state = k >= done ? "play-sum-later" : k === done - 1 ? "play-sum-now" : null;
    return termRow(term, after[k], after[k + 1], state, reach);
  });
  const soFar = after[Math.min(done, count)];
  const table = el(
    "table",
    { class: "play-sum" },
    tableHead(reach),
    ...groupBodies(terms, rows, after, done),
    tableFoot(sum, reach, soFar, isOver),
  );
  const { name, adds } = terms[Math.min(done, count) - 1];
  const formula = formulaOf(sum).replace("sum", number(soFar));
  const words = isOver
    ? `All ${count} terms: ${formula}${curve && ` = ${number(value)}`}`
    : `${name} adds ${number(adds)}: the sum so far is ${number(soFar)}.`;
  return { table, words };
};

/** Tabs for the sums, if there is more than one. @param {() => void} onPick */
const makeTabs = (onPick) => {
  const element = el("div", {});
  let names = "";
  let wanted = "";
  return {
    element,
    /** @param {Sum[]} sums */
    update(sums) {
      if (names === (names = sums.map(({ name }) => name).join(""))) return;
      wanted = names[0];
      /** @type {[string, string][]} */
      const options = sums.map(({ name, title }) => [name, title]);
      const onInput = (/** @type {string} */ name) => {
        wanted = name;
        onPick();
      };
      const tabs = choice({ label: "Which sum", options, value: wanted, onInput });
      element.replaceChildren(...(sums.length > 1 ? [tabs.element] : []));
    },
    /** @param {Sum[]} sums */
    chosen: (sums) => sums.find(({ name }) => name === wanted) ?? sums[0],
  };
};

/** @type {Mount} */
export const mount = (root, options) => {
  let [t, unit, done] = [0, 0, 1];
  /** @type {Sum[]} */
  let sums = [];
  /** @type {(changes: {t?: number, unit?: number}) => void} */
  let move;

  const sliders = placeSliders((changes) => move(changes));
  const tabs = makeTabs(() => {
    done = 1;
    draw();
  });
  const steps = player({
    label: "terms",
    least: 1,
    most: 1,
    pace: 700,
    onInput(count) {
      done = count;
      draw();
    },
  });
  const said = readout(root);
  const frame = scroll("The sum, term by term");
  root.append(sliders.element, tabs.element, frame, said.element, steps.element);

  const draw = () => {
    const sum = tabs.chosen(sums);
    done = Math.min(done, sum.terms.length + 1);
    steps.most(sum.terms.length + 1);
    steps.set(done);
    const { table, words } = describe(sum, done);
    frame.replaceChildren(table);
    // The arrow grows from the end of the one before, and the point moves along the curve's axis.
    const arrow = table.querySelector(".play-sum-now .play-bar");
    const isLess = arrow?.classList.contains("play-bar-less");
    const grown = { transform: "scaleX(0)", transformOrigin: isLess ? "right" : "left" };
    ease(arrow, [grown, { ...grown, transform: "none" }], 250);
    for (const part of table.querySelectorAll(".play-squash-drop, .play-squash-dot")) {
      ease(part, [{ opacity: 0 }, { opacity: 0, offset: 0.5 }, { opacity: 1 }], 400);
    }
    const now = /** @type {HTMLElement} */ (frame.querySelector(".play-sum-now, tfoot tr"));
    frame.scrollTop = now.offsetTop - frame.clientHeight / 2;
    said.set(words);
  };

  /** @param {Network} net @param {number} newT @param {number} newUnit */
  const look = (net, newT, newUnit) => {
    t = Math.min(newT, net.pass.T - 1);
    unit = Math.min(newUnit, net.model.H - 1);
    sliders.update(net, t, unit);
    sums = sumsOf(net, t, unit);
    tabs.update(sums);
    draw();
  };

  if (options.has("W_ih")) {
    const own = givenNetwork(options);
    move = (changes) => look(own, changes.t ?? t, changes.unit ?? unit);
    look(own, Number(options.get("t")), Number(options.get("unit")));
  } else {
    const state = source(options);
    move = state.set;
    state.watch(({ run, epoch, t, unit }) => {
      if (run) look({ ...run.at(epoch), chars: run.chars }, t, unit);
    });
    return state;
  }
};
