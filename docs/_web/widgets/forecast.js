// The part `forecast`: choose the last month that is known, and see what a network and two rules say
// of the next two years, and what came. benchmarks/forecast.py trained the network. Its options are
// the month to begin `from`, such as 1985-12, and how many months `ahead`.
import { forecasterOf, monthOf, offBy, placeOf } from "../core/forecast.js";
import { number } from "../core/formats.js";
import { el, setText, svg } from "../ui/elements.js";
import { slider } from "../ui/fields.js";
import { load } from "../ui/load.js";
import { player, readout } from "../ui/player.js";

/** @import { Series } from "../core/forecast.js" */

const [WIDE, HIGH] = [660, 250]; // of the drawing
const PAST = 36; // months before the origin that are drawn
const [BELOW, ABOVE] = [10, 11]; // ppm around the level of the last year
const FIRST = 36; // the first origin: two years and more have been read
const KINDS = /** @type {const} */ ([
  ["network", "the network"],
  ["last", "the last value again"],
  ["growth", "last year again, plus a year's growth"],
]);

/** @param {HTMLElement} root @param {URLSearchParams} options */
export const mount = async (root, options) => {
  /** @type {Series} */
  const series = await load("forecast.js");
  const { values, end, most } = series;
  const forecast = forecasterOf(series);
  const latest = values.length - 2;
  const asked = placeOf(series, options.get("from") ?? "1985-12");
  let origin = asked < FIRST || asked > latest ? end - 1 : asked;
  const first = Math.min(most, Math.max(1, Math.round(Number(options.get("ahead"))) || most));
  let ahead = first;

  const xOf = (/** @type {number} */ k) => 56 + ((k + PAST) / (PAST + most)) * (WIDE - 66);
  let level = 0;
  const yOf = (/** @type {number} */ ppm) =>
    6 + ((level + ABOVE - ppm) / (BELOW + ABOVE)) * (HIGH - 30);
  /** A line through points, broken at gaps. @param {[number, number | null][]} points */
  const line = (points) => {
    let pen = "M";
    return points.map(([k, ppm]) => {
      if (ppm === null || Number.isNaN(ppm)) {
        pen = "M";
        return "";
      }
      const d = `${pen}${xOf(k).toFixed(1)} ${yOf(ppm).toFixed(1)}`;
      pen = "L";
      return d;
    }).join("");
  };
  const grid = svg("g", { class: "play-forecast-grid" });
  const known = svg("path", { class: "play-forecast-known" });
  const later = svg("path", { class: "play-forecast-later" });
  const curves = KINDS.map(([kind]) => svg("path", { class: `play-forecast-${kind}` }));
  const now = svg("path", { class: "play-forecast-now", d: `M${xOf(0)} 0V${HIGH - 22}` });
  const month = svg("text", { x: xOf(0), y: HIGH - 4, "text-anchor": "middle" });
  const picture = svg(
    "svg",
    { role: "img", "aria-label": "the series and its forecasts", viewBox: `0 0 ${WIDE} ${HIGH}` },
    grid,
    later,
    known,
    ...curves,
    now,
    month,
  );
  const cells = KINDS.map(() => el("td", {}));
  const rows = KINDS.map(([kind, name], k) =>
    el(
      "tr",
      {},
      el(
        "th",
        { scope: "row" },
        svg(
          "svg",
          { class: "play-forecast-key", viewBox: "0 0 30 10", "aria-hidden": "true" },
          svg("path", { class: `play-forecast-${kind}`, d: "M1 5H29" }),
        ),
        ` ${name}`,
      ),
      cells[k],
    )
  );
  const errors = el(
    "table",
    { class: "play-forecast-table" },
    el("tbody", {}, ...rows),
  );
  const said = readout(root);

  const draw = () => {
    const found = forecast(origin);
    const past = Array.from({ length: PAST + 1 }, (_, k) => k - PAST);
    const year = values.slice(Math.max(0, origin - 11), origin + 1).filter((one) => one !== null);
    level = year.reduce((sum, one) => sum + Number(one), 0) / year.length;
    const truth = values.slice(origin + 1, origin + 1 + ahead);
    const at = (
      /** @type {number} */ k,
    ) => /** @type {[number, number | null]} */ ([k, values[origin + k] ?? null]);
    known.setAttribute("d", line(past.map(at)));
    later.setAttribute("d", line([0, ...truth.map((_, k) => k + 1)].map(at)));
    const offs = KINDS.map(([kind], n) => {
      const curve = found[kind].slice(0, ahead);
      const start = /** @type {[number, number | null]} */ ([0, values[origin]]);
      const points = curve.map((ppm, k) => /** @type {[number, number]} */ ([k + 1, ppm]));
      curves[n].setAttribute("d", found.trouble ? "" : line([start, ...points]));
      const off = offBy(curve, truth);
      setText(cells[n], Number.isNaN(off) ? "–" : `${number(off, 2)} ppm`);
      return off;
    });
    const lowest = Math.ceil((level - BELOW) / 5) * 5;
    grid.replaceChildren(
      ...[0, 5, 10, 15, 20].filter((up) => lowest + up < level + ABOVE).map(
        (up) => {
          const y = yOf(lowest + up);
          return svg(
            "g",
            {},
            svg("path", { d: `M56 ${y}H${WIDE}` }),
            svg("text", { x: 50, y: y + 6, "text-anchor": "end" }, String(lowest + up)),
          );
        },
      ),
    );
    setText(month, monthOf(series, origin));
    const best = offs.indexOf(Math.min(...offs.filter((off) => !Number.isNaN(off))));
    const span = `${truth.length} ${truth.length === 1 ? "month" : "months"}`;
    const seen = origin + 1 >= end
      ? ""
      : origin + truth.length < end
      ? " All of it is from the years that it learned from."
      : " It has learned from some of these months.";
    const words = found.trouble || Number.isNaN(offs[0])
      ? found.trouble || "What came has no number, so nobody can say who was right."
      : `From ${monthOf(series, origin)}, ${span} ahead: ${KINDS[best][1]} is closest, off by ` +
        `${number(offs[best], 2)} ppm on average.${seen}`;
    picture.setAttribute("aria-label", words);
    said.set(words);
  };
  const months = player({
    label: "last known month",
    least: FIRST,
    most: latest,
    value: origin,
    pace: 120,
    show: (place) => monthOf(series, place),
    onInput(place) {
      origin = place;
      draw();
    },
    onReset: () => reach.set(ahead = first),
  });
  const reach = slider({
    label: "months ahead",
    least: 1,
    most,
    value: ahead,
    onInput(value) {
      ahead = Number(value);
      draw();
    },
  });
  // The picture can be dragged: what lies in the past moves to the right.
  let held = -1;
  picture.addEventListener("pointerdown", (event) => {
    held = event.clientX;
    picture.setPointerCapture(event.pointerId);
  });
  picture.addEventListener("pointermove", (event) => {
    if (held < 0) return;
    const month = (picture.getBoundingClientRect().width / WIDE) * (xOf(1) - xOf(0));
    const moved = Math.trunc((held - event.clientX) / month);
    if (!moved) return;
    held -= moved * month;
    months.jump(Math.min(latest, Math.max(FIRST, origin + moved)));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    picture.addEventListener(end, () => held = -1);
  }
  root.append(reach.element, picture, errors, said.element, months.element);
  draw();
};
