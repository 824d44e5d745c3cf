// What the reader looks at: a run, an epoch, a time step, a hidden unit. The widgets of one
// page share it, so that all of them show the same.
import { settingsOf } from "../core/settings.js";
import { Run } from "../core/training.js";

/** @import { TrainedRun } from "../core/training.js" */

/**
 * @typedef {object} View What the reader looks at.
 * @property {TrainedRun | null} run that is over; null until then
 * @property {number} epoch from 1
 * @property {number} t time step, from 0
 * @property {number} unit from 0
 */

const makeStore = () => {
  /** @type {View} */
  const view = { run: null, epoch: Infinity, t: 0, unit: 0 };
  /** @type {Set<(view: View) => void>} */
  const watchers = new Set();
  /** @type {typeof watchers} Watchers that have not seen the last change yet. */
  const behind = new Set();
  /** @type {(isReady: void) => void} */
  let show = () => {};
  /** Once all watchers have seen a run. */
  const ready = new Promise((resolve) => show = resolve);
  let timer = 0;
  const tellNext = () => {
    timer = 0;
    const [watcher] = behind;
    behind.delete(watcher);
    watcher?.(view);
    if (behind.size) timer = setTimeout(tellNext);
    else if (view.run) show();
  };
  /** A whole number from `least` to `most`. @param {number} x @param {number} least */
  const bounded = (x, least, /** @type {number} */ most) =>
    Math.min(most, Math.max(least, Math.round(x) || least));
  return {
    view,
    ready,
    /** @param {Partial<View>} changes */
    set(changes) {
      Object.assign(view, changes);
      if (view.run) {
        view.epoch = bounded(view.epoch, 1, view.run.records.length);
        view.t = bounded(view.t, 0, view.run.pass.T - 1);
        view.unit = bounded(view.unit, 0, view.run.model.H - 1);
      }
      // The first watcher is told at once, and each other one in a task of its own. If one task
      // told all of them, the page would be frozen for too long.
      const [first, ...rest] = watchers;
      first?.(view);
      for (const watcher of rest) behind.add(watcher);
      if (!timer) timer = setTimeout(tellNext);
    },
    /** @param {(view: View) => void} watcher */
    watch(watcher) {
      watchers.add(watcher);
      watcher(view);
    },
  };
};
/** What the widgets of this page look at. */
export const store = makeStore();

/**
 * Train a run in slices of 12 ms. Returns false if `wanted` said no between two of them.
 * @param {TrainedRun} run @param {() => boolean} [wanted]
 */
export const train = async (run, wanted = () => true) => {
  const at = run.at.bind(run);
  let last = 0;
  /** @type {ReturnType<typeof at>} */
  let seen;
  // Several parts look at the same epoch: compute it once.
  run.at = (epoch) => {
    if (epoch !== last) seen = at(last = epoch);
    return seen;
  };
  while (!run.advance(12)) {
    await new Promise((resume) => setTimeout(resume));
    if (!wanted()) return false;
  }
  return wanted();
};

/** A store of a run as the options say. @param {URLSearchParams} options */
export const ownRun = (options) => {
  const own = makeStore();
  const run = new Run(settingsOf(options));
  train(run).then(() => {
    const place = ["epoch", "t", "unit"].filter((name) => options.has(name));
    own.set({ run, ...Object.fromEntries(place.map((name) => [name, Number(options.get(name))])) });
  });
  return own;
};

/**
 * The store of the page if it has a widget that trains, else one of a run as the options say.
 * @param {URLSearchParams} options
 */
export const source = (options) =>
  document.querySelector('[data-play="train"]') ? store : ownRun(options);
