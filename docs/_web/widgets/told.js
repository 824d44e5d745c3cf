// The widget `told`: press a character, and in each of three networks all earlier ones are colored
// by how much the prediction after it depends on them. docs/_ext/live/told.py wrote the view, with
// what operates it; the numbers were recorded, as letters.
import { show } from "../core/formats.js";
import { say } from "../ui/elements.js";
import { load } from "../ui/load.js";

/**
 * @typedef {{expects: string, percent: number[], gradient: string[], edit: string[]}} Network
 * @typedef {{text: string, levels: string, decades: number, ink: string, full: number,
 *   networks: Record<string, Network>}} Record_
 */

/** @param {HTMLElement} root @param {URLSearchParams} _options @param {Element} place */
export const mount = async (root, _options, place) => {
  /** @type {Record_} */
  const { text, levels, decades, networks, ink, full } = await load("told.js");
  const view = /** @type {HTMLElement} */ (place.querySelector(".told")?.cloneNode(true));
  const [gradient, edit, at] = view.querySelectorAll("input");
  const parts = [...view.querySelectorAll(".told-one")].map((part, k) => ({
    words: /** @type {HTMLElement} */ (part.querySelector("span")),
    cells: /** @type {HTMLElement[]} */ ([...part.querySelectorAll(".told-text span")]),
    network: Object.values(networks)[k],
  }));
  const shareOf = (/** @type {string} */ letter) => {
    const level = levels.indexOf(letter);
    return level && 10 ** (decades * (level / (levels.length - 1) - 1));
  };
  const draw = () => {
    const t = Number(at.value);
    const [now, ...told] = [text[t]].map(show);
    for (const { words, cells, network } of parts) {
      const shares = Array.from(network[edit.checked ? "edit" : "gradient"][t], shareOf);
      cells.forEach((cell, k) => {
        const strength = (full * (shares[k] ?? 0)).toFixed(2);
        cell.style.background = strength > "0.00" ? `rgba(${ink}, ${strength})` : "";
        cell.classList.toggle("told-here", k === t);
      });
      let left = shares.reduce((a, b) => a + b) / 2;
      let half = 0;
      while (left > 1e-9) left -= shares[t - half++];
      const back = half > 1 ? `${half} characters` : "character";
      cells.forEach((cell, k) => cell.classList.toggle("told-half", k <= t && k > t - half));
      words.textContent = `after “${now}” expects “${show(network.expects[t])}” at ` +
        `${network.percent[t]}%; half of the color: the last ${back}`;
      told.push(`${words.previousElementSibling?.textContent}: ${words.textContent}.`);
    }
    at.setAttribute("aria-valuetext", `character ${t + 1}, “${now}”`);
    say(root, told.join(" "));
  };
  for (const input of [gradient, edit, at]) {
    input.disabled = false;
    input.addEventListener("input", draw);
  }
  view.addEventListener("click", ({ target }) => {
    const cells = parts.map((part) => part.cells.indexOf(/** @type {HTMLElement} */ (target)));
    const pressed = Math.max(...cells);
    if (pressed < 0) return;
    at.value = String(pressed);
    draw();
  });
  root.append(view);
  draw();
};
