// A GRU that learns a text: streams of it side by side, each step from the state that the last one
// left, and Adam. All numbers are those of torch in float64.
import {
  backward,
  createModel,
  createPass,
  createReader,
  drawId,
  forward,
  Generator,
  norm,
  probabilities,
} from "./network.js";
import { clip, OPTIMIZERS } from "./training.js";

/** @import { Model } from "./network.js" */

/**
 * How large, and for how long. A laptop takes about as many minutes as `minutes` says.
 * @typedef {{minutes: number, hidden: number, streams: number, length: number, lr: number,
 *   updates: number}} Size
 * @type {Size[]}
 */
export const SIZES = [
  { minutes: 1, hidden: 96, streams: 4, length: 48, lr: 0.006, updates: 6000 },
  { minutes: 3, hidden: 128, streams: 4, length: 48, lr: 0.005, updates: 12000 },
  { minutes: 10, hidden: 160, streams: 4, length: 48, lr: 0.004, updates: 28000 },
];
const CLIP = 1;
const READ_AT_ONCE = 256; // steps of the held-out text

export class TextRun {
  /** @param {Int32Array} ids to learn from @param {number} V @param {Size} size @param {number} seed */
  constructor(ids, V, size, seed = 0) {
    const { hidden: H, streams: B, length: T } = size;
    this.ids = ids;
    this.size = size;
    this.model = createModel({ cell: "GRU", V, H, outputLayer: true }, new Generator(seed));
    this.x = new Int32Array(T * B);
    this.y = new Int32Array(T * B);
    this.pass = createPass(this.model, this.x, this.y, B);
    this.memory = [0, 1].map(() => new Float64Array(this.model.theta.length));
    this.updates = 0;
    this.place = 0; // of all streams
    this.apart = Math.floor((ids.length - 1) / B); // characters of one stream
  }

  get done() {
    return this.updates >= this.size.updates;
  }

  /** As `cosine` of charseq.language_model.learning_rate. */
  get rate() {
    return this.size.lr * (1 + Math.cos((Math.PI * this.updates) / this.size.updates)) / 2;
  }

  /** One update. Returns the loss before it, in nats per character. */
  step() {
    const { model, pass, memory, ids, x, y, apart } = this;
    const { streams: B, length: T } = this.size;
    pass.h.copyWithin(0, T * B * model.H); // each stream goes on
    if (this.place + T > apart) {
      this.place = 0;
      pass.h.fill(0);
    }
    for (let t = 0; t < T; t++) {
      for (let b = 0; b < B; b++) {
        const at = b * apart + this.place + t;
        x[t * B + b] = ids[at];
        y[t * B + b] = ids[at + 1];
      }
    }
    this.place += T;
    const loss = forward(model, pass);
    backward(model, pass);
    clip(model.grad, norm(model.grad), CLIP);
    const rates = { lr: this.rate, momentum: 0 };
    OPTIMIZERS.adam.update(model.theta, model.grad, memory, ++this.updates, rates);
    return loss;
  }
}

/**
 * Bits per character of a text, read in four pieces side by side.
 * @param {Model} model @param {Int32Array} ids
 */
export const bitsOf = (model, ids) => {
  const B = 4;
  const apart = Math.floor((ids.length - 1) / B);
  let [nats, done] = [0, 0];
  /** @type {Float64Array | null} */
  let state = null;
  while (done < apart) {
    const T = Math.min(READ_AT_ONCE, apart - done);
    const [x, y] = [0, 1].map((more) =>
      Int32Array.from(
        { length: T * B },
        (_, k) => ids[(k % B) * apart + done + Math.floor(k / B) + more],
      )
    );
    const pass = createPass(model, x, y, B);
    if (state) pass.h.set(state);
    nats += forward(model, pass) * T * B;
    state = pass.h.slice(T * B * model.H);
    done += T;
  }
  return nats / (apart * B) / Math.LN2;
};

/**
 * Let it write, from a state of zeros after a line break, or after its first character.
 * @param {Model} model @param {string[]} chars @param {number} length @param {number} temperature
 * @param {number} seed
 */
export const write = (model, chars, length, temperature, seed = 0) => {
  const generator = new Generator(seed);
  const reader = createReader(model);
  reader.read(Math.max(0, chars.indexOf("\n")));
  let text = "";
  for (let k = 0; k < length; k++) {
    const id = drawId(probabilities(reader.pass.logits, temperature), generator);
    text += chars[id];
    reader.read(id);
  }
  return text;
};

const NO_DIGEST = "0".repeat(64); // in place of the SHA-256 while the file is hashed

/**
 * The bytes of best.safetensors, which `charseq sample` reads (see charseq/checkpoint.py): the
 * weights in float32, under torch's names.
 * @param {Model} model @param {string[]} chars @param {object} about what else is known of the run
 */
export const runFile = async (model, chars, about) => {
  const options = {
    vocab_size: model.V,
    hidden_size: model.H,
    cell: model.cell,
    num_layers: 1,
    embedding_size: null,
    output_layer: true,
    dropout: 0,
    tied: false,
    forget_bias: null,
    seed: 0,
    fast: false,
  };
  const charseq = JSON.stringify({
    sha256: NO_DIGEST,
    charseq: "a page",
    model: options,
    vocab: { chars },
    ...about,
  });
  let end = 0;
  const entries = model.parameters.map(({ name, shape, data }) => {
    const start = end;
    end += 4 * data.length;
    return [name, { dtype: "F32", shape, data_offsets: [start, end] }];
  });
  const header = JSON.stringify({ __metadata__: { charseq }, ...Object.fromEntries(entries) });
  const encoder = new TextEncoder();
  const length = encoder.encode(header).length;
  const padded = encoder.encode(header + " ".repeat((8 - (length % 8)) % 8));
  const bytes = new Uint8Array(8 + padded.length + end);
  new DataView(bytes.buffer).setUint32(0, padded.length, true);
  bytes.set(padded, 8);
  const weights = new Float32Array(bytes.buffer, 8 + padded.length);
  let at = 0;
  for (const { data } of model.parameters) {
    weights.set(data, at);
    at += data.length;
  }
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const digest = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  bytes.set(encoder.encode(digest), 8 + encoder.encode(header.split(NO_DIGEST)[0]).length);
  return bytes;
};
