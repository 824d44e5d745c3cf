// The part `writing`: a network writes, letter by letter. A random number falls on the bar of all
// probabilities, and what it falls on flies back as the next input. docs/_ext/live/writing.py wrote
// the view; here it moves.
import { number, show } from "../core/formats.js";
import { encode } from "../core/network.js";
import { createWriter, entropy } from "../core/writer.js";
import { el, isCalm, say } from "../ui/elements.js";
import { fly } from "../ui/fly.js";
import { loadNetwork } from "../ui/load-network.js";

const LENGTH = 120;
const LINES = 3; // texts that stay, so that the reader can compare them
const PAUSE = 30; // milliseconds between letters, where it writes many
const FLIGHT = 700; // milliseconds from the bar to the input
const WAIT = 350; // milliseconds in which one sees where the number fell
const LABELED = 0.035; // as in writing.py

/** @param {HTMLElement} root @param {URLSearchParams} _options @param {Element} place */
export const mount = async (root, _options, place) => {
  const { file: { chars }, model } = await loadNetwork();
  const view = /** @type {HTMLElement} */ (place.querySelector(".writing")?.cloneNode(true));
  const part = (
    /** @type {string} */ name,
  ) => /** @type {HTMLElement} */ (view.querySelector(`.writing-${name}`));
  const [prompt, written] = part("text").children;
  const bars = [...part("bars").children].map((row) => ({
    name: row.children[0],
    now: /** @type {HTMLElement} */ (row.querySelector("u")),
    then: /** @type {HTMLElement} */ (row.querySelector("s")),
    value: row.children[2],
  }));
  const [needle, ...segments] = /** @type {HTMLElement[]} */ ([...part("all").children]);
  const input = part("in").children[1];
  const [dial] = view.getElementsByTagName("input");
  const [one, many, again] = view.getElementsByTagName("button");

  const ids = encode(String(prompt.textContent), chars);
  const writer = createWriter(model, ids);
  let temperature = 1;
  /** @type {string[]} the temperatures of what was drawn */
  let used = [];
  let timer = 0; // of the letters that are still to be written
  /** @type {(() => void) | null} ends the flight of a letter */
  let land = null;

  const drawnText = () => writer.drawn.map((id) => chars[id]).join("").replaceAll("\n", "↵");

  /** Show what it has read and what it expects. @param {string} [words] what has just happened */
  const update = (words = "") => {
    const [learned, p] = [writer.expect(1), writer.expect(temperature)];
    const ranks = Array.from(p.keys()).sort((a, b) => learned[b] - learned[a]);
    bars.forEach(({ name, now, then, value }, k) => {
      const id = ranks[k];
      name.textContent = show(chars[id]);
      now.style.width = `${100 * p[id]}%`;
      then.style.left = `${100 * learned[id]}%`;
      value.textContent = number(p[id]);
    });
    segments.forEach((segment, id) => {
      segment.style.width = `${100 * p[id]}%`;
      segment.textContent = p[id] < LABELED ? "" : show(chars[id]);
      segment.classList.remove("writing-drawn");
    });
    needle.classList.remove("writing-fallen");
    input.textContent = show(chars[writer.drawn.at(-1) ?? ids[ids.length - 1]]);
    written.textContent = drawnText();
    again.disabled = !writer.drawn.length;
    const nats = entropy(p);
    const likeliest = `“${show(chars[ranks[0]])}” is the likeliest, with ${number(p[ranks[0]])}. `;
    const unsure = `${words ? "After it, " : ""}${likeliest}The network is as unsure as between ` +
      `${number(Math.exp(nats), 2)} equally likely ` +
      `characters: ${number(nats / Math.LN2, 2)} bits.`;
    part("says").textContent = words + unsure;
    return words + unsure;
  };

  /** Let a random number fall, and show on what. */
  const fall = () => {
    const drawn = writer.draw(temperature);
    const tau = `τ = ${number(temperature, 2)}`;
    if (used.at(-1) !== tau) used.push(tau);
    needle.style.left = `${100 * drawn.u}%`;
    needle.dataset.u = number(drawn.u);
    needle.classList.add("writing-fallen");
    segments[drawn.id].classList.add("writing-drawn");
    const char = `“${show(chars[drawn.id])}”`;
    const how = temperature ? `${number(drawn.u)} fell on ${char}` : `At τ = 0 it takes ${char}`;
    return { ...drawn, words: `${how}. ` };
  };

  /** From the needle to the input, below everything. */
  const wayBack = () => {
    const [from, to, back] = [needle, input, part("back")].map((one) =>
      one.getBoundingClientRect()
    );
    const [x, X, low] = [from.left, to.left + to.width / 2, back.top + back.height / 2];
    const [start, end] = [{ x, y: from.bottom }, { x: X, y: to.top + to.height / 2 }];
    return [start, { x, y: low }, { x: X, y: low }, end];
  };

  const drawOne = () => {
    stop();
    const { id, words } = fall();
    const letter = el("b", { class: "writing-flies", "aria-hidden": "true" }, show(chars[id]));
    land = fly(part("loop"), letter, wayBack(), { delay: WAIT, duration: FLIGHT }, () => {
      writer.read(id);
      say(root, update(words));
    });
  };

  /** Begin anew, with the next seed if something was drawn. */
  const restart = () => {
    stop();
    writer.restart(writer.seed + Number(writer.drawn.length > 0));
    used = [];
    return update();
  };

  /** Stop what moves. */
  const stop = () => {
    land?.();
    clearTimeout(timer);
    if (timer) keep();
    timer = 0;
    view.classList.remove("writing-fast");
    many.textContent = `Write ${LENGTH}`;
  };

  /** Keep what was written as a line of the list. */
  const keep = () => {
    const line = drawnText();
    const isSure = used.every((tau) => tau === "τ = 0.00"); // no number decides anything
    const how = used.join(", then ") + (isSure ? "" : `, seed ${writer.seed}`);
    part("lines").prepend(el("li", {}, el("small", {}, how), " ", el("code", {}, line)));
    part("lines").children[LINES]?.remove();
    say(root, `${how}: ${line}`);
  };

  const write = () => {
    timer = 1;
    view.classList.add("writing-fast");
    const { id, words } = fall();
    writer.read(id);
    const more = writer.drawn.length < LENGTH;
    if (isCalm() && more) return write();
    update(words);
    if (more) timer = setTimeout(write, PAUSE);
    else stop();
  };

  one.addEventListener("click", drawOne);
  many.addEventListener("click", () => {
    if (timer) return stop();
    stop();
    if (writer.drawn.length >= LENGTH) restart();
    many.textContent = "Stop";
    write();
  });
  again.addEventListener("click", () => {
    say(root, restart());
    one.focus();
  });
  dial.addEventListener("input", () => {
    stop();
    temperature = Number(dial.value);
    part("hand b").textContent = number(temperature, 2);
    say(root, `Temperature ${number(temperature, 2)}: ${update()}`);
  });
  for (const operated of [dial, one, many]) operated.disabled = false;
  root.append(view);
  update();
};
