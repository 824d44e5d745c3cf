// The address of the page keeps the settings of the run, and the place that the reader looks at.
import { toParams } from "../core/settings.js";
import { store } from "./store.js";

/** @import { Settings } from "../core/settings.js" */
/** @import { TrainedRun } from "../core/training.js" */

/** The first look: a network that has learned nothing, and a step whose memory is not empty. */
const FIRST = { epoch: 1, t: 4, unit: 0 };
const names = /** @type {(keyof typeof FIRST)[]} */ (Object.keys(FIRST));

/** The settings found, and the place. @param {URLSearchParams} options if the address has none */
export const readAddress = (options) => {
  const hash = location.hash.slice(1);
  // A section of the page, as in #look-inside, has no "=".
  const found = new URLSearchParams(hash.includes("=") ? hash : options);
  const place = { ...FIRST };
  const messages = [];
  for (const name of names) {
    const text = found.get(name);
    if (text === null) continue;
    if (/^\d{1,3}$/.test(text)) place[name] = Number(text);
    else messages.push(`${name} must be a whole number of up to three digits.`);
  }
  return { found, place, messages };
};

let timer = 0;
/**
 * Soon, since a slider changes many times in a second.
 * @param {Settings} settings @param {TrainedRun | null} run
 */
export const writeAddress = (settings, run) => {
  clearTimeout(timer);
  const asked = location.hash;
  timer = setTimeout(() => {
    // Somebody chose another address meanwhile: that one counts, and is about to be read.
    if (location.hash !== asked) return;
    const { epoch, t, unit } = store.view;
    const params = toParams(settings);
    if (run && epoch > FIRST.epoch) params.set("epoch", String(epoch));
    if (t !== FIRST.t) params.set("t", String(t));
    if (unit) params.set("unit", String(unit));
    const hash = params.size ? `#${params}` : "";
    if (location.hash.includes("=") || hash) {
      history.replaceState(null, "", location.pathname + location.search + hash);
    }
  }, 300);
};
