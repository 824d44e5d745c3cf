// The training loop, as charseq.training_steps runs it, in slices that leave a page responsive.
//
//   const run = new Run(settings);
//   while (!run.advance(10)) ...    trains for 10 ms; run.step() trains one epoch
//   run.records[epoch - 1]          what the network said before the weights moved
//   run.diverged                    epoch at which loss or gradient was no number, or 0
//   run.at(epoch)                   {model, pass} as they were at that epoch
import {
  backward,
  createModel,
  createPass,
  encode,
  forward,
  Generator,
  norm,
  vocabulary,
} from "./network.js";

/** @import { Settings } from "./settings.js" */

/**
 * @typedef {object} Epoch As charseq.EpochRecord, and more.
 * @property {number} epoch from 1
 * @property {number} loss
 * @property {number} gradientNorm before clipping
 * @property {string} prediction
 * @property {Int32Array} ids (T,) predicted
 * @property {Float64Array} right (T,) probability of the character that came
 * @property {Float64Array} flow (T,) |dL/dh_t|
 */

/** @typedef {Run} TrainedRun */

/**
 * One update of the weights. `memory` has as many arrays as the optimizer has slots.
 * @typedef {{lr: number, momentum: number}} Rates
 * @typedef {(theta: Float64Array, grad: Float64Array, memory: Float64Array[], epoch: number,
 *   rates: Rates) => void} Update
 */

/** torch.optim.SGD(params, lr, momentum), reference.sgd_momentum @type {Update} */
const sgd = (theta, grad, [velocity], _epoch, { lr, momentum }) => {
  for (let k = 0; k < theta.length; k++) {
    velocity[k] = momentum * velocity[k] + grad[k];
    theta[k] -= lr * velocity[k];
  }
};

/** torch.optim.Adam(params, lr), with its default betas and eps @type {Update} */
const adam = (theta, grad, [m, v], epoch, { lr }) => {
  const rate = lr / (1 - 0.9 ** epoch);
  const correction = Math.sqrt(1 - 0.999 ** epoch);
  for (let k = 0; k < theta.length; k++) {
    m[k] += (grad[k] - m[k]) * (1 - 0.9);
    v[k] = 0.999 * v[k] + (1 - 0.999) * grad[k] * grad[k];
    theta[k] -= (rate * m[k]) / (Math.sqrt(v[k]) / correction + 1e-8);
  }
};

/** clip_grad_norm_ @param {Float64Array} grad @param {number} norm @param {number} most */
export const clip = (grad, norm, most) => {
  const share = Math.min(1, most / (norm + 1e-6));
  for (let k = 0; k < grad.length; k++) grad[k] *= share;
};

export const OPTIMIZERS = { sgd: { update: sgd, slots: 1 }, adam: { update: adam, slots: 2 } };
const FEW = 4;
const KEPT = 2 ** 22; // a run keeps so many numbers, 32 MiB, to look back

export class Run {
  /** @param {Settings} settings */
  constructor(settings) {
    const { text, order, cell, outputLayer, hidden, seed, skip, optimizer, epochs } = settings;
    this.settings = settings;
    this.chars = order ? [...order] : vocabulary(text);
    const ids = encode(text, this.chars); // (T + 1,)
    const V = this.chars.length;
    const generator = new Generator(seed);
    for (let k = 0; k < skip; k++) generator.random();
    const sizes = { cell, V, H: outputLayer ? hidden : V, outputLayer };
    this.model = createModel(sizes, generator);
    this.pass = createPass(this.model, ids.subarray(0, -1), ids.subarray(1));
    const { theta } = this.model;
    const { slots } = OPTIMIZERS[optimizer];
    this.memory = Array.from({ length: slots }, () => new Float64Array(theta.length));
    /** @type {Epoch[]} */
    this.records = [];
    this.diverged = 0;
    this.updates = 0;
    // A copy of the weights at every epoch would take a tenth of the time. So there is one every
    // few epochs, and `at` computes the epochs between again.
    this.every = Math.max(FEW, Math.ceil((epochs * theta.length * (1 + slots)) / KEPT));
    /** @type {Float64Array[][]} */
    this.snapshots = [];
    /** @type {Run | null} */
    this.twin = null;
  }

  get done() {
    return this.diverged > 0 || this.updates >= this.settings.epochs;
  }

  /** Compute loss and gradient; returns the norm of the gradient. */
  measure() {
    forward(this.model, this.pass);
    backward(this.model, this.pass);
    return norm(this.model.grad);
  }

  /** Clip the gradient and move the weights once. @param {number} norm */
  update(norm) {
    const { settings, model, memory } = this;
    if (settings.clip !== null) clip(model.grad, norm, settings.clip);
    this.updates++;
    OPTIMIZERS[settings.optimizer].update(model.theta, model.grad, memory, this.updates, settings);
  }

  /** Train one epoch and add its record; if loss or gradient is no number, stop. */
  step() {
    const { model, memory, pass, chars, updates } = this;
    if (updates % this.every === 0) {
      this.snapshots.push([model.theta, ...memory].map((numbers) => numbers.slice()));
    }
    const gradientNorm = this.measure();
    if (!Number.isFinite(pass.loss + gradientNorm)) {
      this.diverged = updates + 1;
      return;
    }
    this.records.push({
      epoch: updates + 1,
      loss: pass.loss,
      gradientNorm,
      prediction: Array.from(pass.ids, (id) => chars[id]).join(""),
      ids: pass.ids.slice(),
      right: pass.losses.map((loss) => Math.exp(-loss)),
      flow: pass.flow.slice(),
    });
    this.update(gradientNorm);
  }

  /**
   * Train for so many milliseconds, or to the end. Returns whether the run is over.
   * @param {number} [milliseconds] @param {() => number} [now] a clock in milliseconds
   */
  advance(milliseconds = Infinity, now = () => performance.now()) {
    const end = now() + milliseconds;
    while (!this.done) {
      this.step();
      if (now() >= end) break;
    }
    return this.done;
  }

  /**
   * The network as it was at an epoch, with all that it computed, and its gradient before
   * clipping. The next call changes the same arrays.
   * @param {number} epoch from 1
   */
  at(epoch) {
    const twin = (this.twin ??= new Run(this.settings));
    const place = Math.floor((epoch - 1) / this.every);
    const room = [twin.model.theta, ...twin.memory];
    this.snapshots[place].forEach((numbers, k) => room[k].set(numbers));
    twin.updates = place * this.every;
    while (twin.updates < epoch - 1) twin.update(twin.measure());
    twin.measure();
    return { model: twin.model, pass: twin.pass };
  }
}

/** reference.loss_floor: no logits in (-1, 1) have a smaller loss. @param {number} V */
export const lossFloor = (V) => Math.log1p((V - 1) * Math.exp(-2));

/**
 * What the last `length` characters alone tell about the next one. `ambiguous[t]` says whether
 * different characters follow them. `loss` is the smallest loss of a table that knows no more.
 * @param {ArrayLike<number>} ids (T + 1,) of the whole text
 * @param {number} length
 */
export const contexts = (ids, length) => {
  const next = Array.from(ids).slice(1);
  const keys = next.map((_, t) =>
    Array.from(ids)
      .slice(Math.max(0, t + 1 - length), t + 1)
      .join()
  );
  const share = next.map((id, t) => {
    const places = keys.flatMap((key, s) => (key === keys[t] ? [s] : []));
    return places.filter((s) => next[s] === id).length / places.length;
  });
  return {
    ambiguous: share.map((p) => p < 1),
    loss: share.reduce((sum, p) => sum - Math.log(p), 0) / share.length,
  };
};
