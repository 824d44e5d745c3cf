// The network of the playground. Its numbers are those of torch: charseq.CharRNN with one layer,
// drawn as float32 after torch.manual_seed, then computed in float64. Beside each formula stands
// the call of torch, or the function of charseq.reference, that computes the same. Pages load it
// within a bundle, since browsers refuse modules from file://.
//
// Arrays are flat, row by row: row t, column j of a (T, H) array is at [t * H + j]. B texts may be
// read side by side; then the rows of step t are t * B to t * B + B - 1, one for each text. A name
// that starts with d is a gradient, as in charseq.reference.

/** @typedef {"RNN" | "GRU" | "LSTM"} Cell */

/**
 * @typedef {object} Parameter
 * @property {string} name in torch's state_dict, for example "rnn.weight_ih_l0"
 * @property {string} symbol in the equations, for example "W_ih"
 * @property {number[]} shape
 * @property {Float64Array} data a view of the model's theta
 * @property {Float64Array} grad a view of the model's grad
 */

/**
 * @typedef {object} Model
 * @property {Cell} cell
 * @property {string[]} gates names of the blocks of H rows in W_ih and W_hh: h; r, z, n; i, f, g, o
 * @property {number} V number of characters
 * @property {number} H number of hidden units
 * @property {boolean} outputLayer without it the states are the logits, and H is V
 * @property {Parameter[]} parameters in torch's order
 * @property {Float64Array} theta all weights, one after the other
 * @property {Float64Array} grad the gradient of each
 */

/**
 * @typedef {object} Pass What one reading of T characters computes. Of B texts, all
 *   arrays have B rows for each one that is named here; `flow` alone is that of all.
 * @property {number} T
 * @property {number} B
 * @property {ArrayLike<number>} x (T,) ids that are read
 * @property {ArrayLike<number>} y (T,) ids that follow; empty if no loss is wanted
 * @property {Float64Array} fromInput (T, gH), W_ih x_t + b_ih
 * @property {Float64Array} fromMemory (T, gH), W_hh h_{t-1} + b_hh
 * @property {Float64Array} gates (T, gH), results of tanh and σ, in the order of model.gates
 * @property {Float64Array} h (T + 1, H), states: row 0 is what it starts from, row t + 1 comes after x[t]
 * @property {Float64Array} c (T + 1, H), cells of an LSTM; zeros otherwise
 * @property {Float64Array} shown (T, H), tanh of the cell after x[t]; zeros otherwise
 * @property {Float64Array} logits (T, V)
 * @property {Float64Array} probabilities (T, V)
 * @property {Int32Array} ids (T,) the likeliest next character
 * @property {Float64Array} losses (T,) surprise at y[t], in nats
 * @property {number} loss their mean
 * @property {Float64Array} dlogits (T, V), filled by backward, as are these:
 * @property {Float64Array} da (T, gH), gradient of fromInput
 * @property {Float64Array} dm (T, gH), gradient of fromMemory
 * @property {Float64Array} flow (T,) |dL/dh_t|
 */

/** @typedef {{model: Model, pass: Pass, chars: string[]}} Network with its characters */

/** The random numbers that torch draws on a CPU after torch.manual_seed(seed): mt19937. */
export class Generator {
  /** @param {number | bigint} seed an integer of up to 64 bits; torch keeps the low 32 */
  constructor(seed) {
    const state = new Uint32Array(624);
    state[0] = Number(BigInt.asUintN(32, BigInt(seed)));
    for (let i = 1; i < 624; i++) {
      state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
    }
    this.state = state;
    this.next = 624;
  }

  /** Draw 32 random bits. */
  random() {
    const s = this.state;
    if (this.next === 624) {
      for (let i = 0; i < 624; i++) {
        const y = (s[i] & 0x80000000) | (s[(i + 1) % 624] & 0x7fffffff);
        s[i] = s[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 && 0x9908b0df);
      }
      this.next = 0;
    }
    let y = s[this.next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /**
   * tensor.uniform_(from, to) of a float32: 24 random bits, then one fused multiply-add, which
   * rounds once. Product and sum fit the 53 bits of a double, so they are rounded once here, too.
   * @param {number} from @param {number} to
   */
  uniform(from, to) {
    const f = Math.fround;
    const x = (this.random() & 0xffffff) / 0x1000000;
    return f(x * f(f(to) - f(from)) + f(from));
  }
}

/**
 * Vocabulary.from_text(text).chars: sorted by code points. An emoji is one character.
 * @param {string} text
 */
export const vocabulary = (text) =>
  [...new Set(text)].sort((a, b) => Number(a.codePointAt(0)) - Number(b.codePointAt(0)));

/** vocab.encode(text) @param {string} text @param {string[]} chars */
export const encode = (text, chars) => Int32Array.from([...text], (char) => chars.indexOf(char));

/** reference.sigmoid @param {number} a */
const sigmoid = (a) => 1 / (1 + Math.exp(-a)); // if exp overflows, the result is 0: right

/** Math.tanh to 4e-16 in half the time, from a sigmoid. @param {number} a */
const tanh = (a) => 2 / (1 + Math.exp(-2 * a)) - 1;

/**
 * How the cells differ. `step` computes the gates, state and cell of one row from its two sums.
 * `back` takes the gradients of its state and its cell, dh[at] and dc[at] and those that follow. It
 * fills da, the gradient of the sum from the input, and dm, that of the sum from memory. In dh and
 * dc it leaves the gradients that reach the step before without passing W_hh.
 * @typedef {object} CellMath
 * @property {string[]} gates
 * @property {(H: number, pass: Pass, row: number) => void} step
 * @property {(H: number, pass: Pass, row: number, dh: Float64Array, dc: Float64Array,
 *   at: number) => void} back
 */

/** @type {Record<Cell, CellMath>} */
const CELLS = {
  // reference.rnn_step, rnn_backward
  RNN: {
    gates: ["h"],
    step(H, { B, fromInput, fromMemory, gates, h }, row) {
      for (let k = row * H; k < row * H + H; k++) {
        gates[k] = h[k + B * H] = tanh(fromInput[k] + fromMemory[k]);
      }
    },
    back(H, { B, h, da, dm }, row, dh, _, at) {
      for (let j = 0; j < H; j++) {
        const state = h[(row + B) * H + j];
        da[row * H + j] = dm[row * H + j] = (1 - state * state) * dh[at + j]; // the slope of tanh
        dh[at + j] = 0;
      }
    },
  },
  // reference.gru_gates, gru_step, gru_backward, with reset_after as in torch
  GRU: {
    gates: ["r", "z", "n"],
    step(H, { B, fromInput, fromMemory, gates, h }, row) {
      for (let j = 0; j < H; j++) {
        const R = row * 3 * H + j; // indices of r, z, n
        const Z = R + H;
        const N = Z + H;
        const r = (gates[R] = sigmoid(fromInput[R] + fromMemory[R]));
        const z = (gates[Z] = sigmoid(fromInput[Z] + fromMemory[Z]));
        const n = (gates[N] = tanh(fromInput[N] + r * fromMemory[N]));
        h[(row + B) * H + j] = (1 - z) * n + z * h[row * H + j];
      }
    },
    back(H, { fromMemory, gates, h, da, dm }, row, dh, _, at) {
      for (let j = 0; j < H; j++) {
        const R = row * 3 * H + j;
        const Z = R + H;
        const N = Z + H;
        const r = gates[R];
        const z = gates[Z];
        const n = gates[N];
        const dn = (1 - z) * (1 - n * n) * dh[at + j];
        da[R] = dm[R] = fromMemory[N] * r * (1 - r) * dn; // dr
        da[Z] = dm[Z] = (h[row * H + j] - n) * z * (1 - z) * dh[at + j]; // dz
        da[N] = dn;
        dm[N] = r * dn;
        dh[at + j] *= z;
      }
    },
  },
  // reference.lstm_gates, lstm_step, lstm_backward
  LSTM: {
    gates: ["i", "f", "g", "o"],
    step(H, { B, fromInput, fromMemory, gates, h, c, shown }, row) {
      for (let j = 0; j < H; j++) {
        const I = row * 4 * H + j; // indices of i, f, g, o
        const F = I + H;
        const G = F + H;
        const O = G + H;
        const i = (gates[I] = sigmoid(fromInput[I] + fromMemory[I]));
        const f = (gates[F] = sigmoid(fromInput[F] + fromMemory[F]));
        const g = (gates[G] = tanh(fromInput[G] + fromMemory[G]));
        const o = (gates[O] = sigmoid(fromInput[O] + fromMemory[O]));
        const cell = (c[(row + B) * H + j] = f * c[row * H + j] + i * g);
        h[(row + B) * H + j] = o * (shown[row * H + j] = tanh(cell));
      }
    },
    back(H, { gates, c, shown, da, dm }, row, dh, dc, at) {
      for (let j = 0; j < H; j++) {
        const I = row * 4 * H + j;
        const F = I + H;
        const G = F + H;
        const O = G + H;
        const i = gates[I];
        const f = gates[F];
        const g = gates[G];
        const o = gates[O];
        const s = shown[row * H + j];
        const d = dc[at + j] + o * (1 - s * s) * dh[at + j]; // from later steps, and from h
        da[I] = dm[I] = g * i * (1 - i) * d;
        da[F] = dm[F] = c[row * H + j] * f * (1 - f) * d;
        da[G] = dm[G] = i * (1 - g * g) * d;
        da[O] = dm[O] = s * o * (1 - o) * dh[at + j];
        dc[at + j] = f * d; // from cell to cell there is no matrix
        dh[at + j] = 0;
      }
    },
  },
};

/**
 * CharRNN(V, H, cell=cell, output_layer=outputLayer).double(), with weights in torch's order.
 * @param {{cell: Cell, V: number, H: number, outputLayer: boolean}} sizes
 * @param {Generator} generator @returns {Model}
 */
export const createModel = ({ cell, V, H, outputLayer }, generator) => {
  if (!outputLayer && H !== V) {
    throw new RangeError(`without an output layer H must equal V: got ${H} and ${V}`);
  }
  const { gates } = CELLS[cell];
  const rows = gates.length * H;
  const bound = 1 / Math.sqrt(H); // RNNBase.reset_parameters, and the bias of nn.Linear
  /** @type {[string, string, number[], number][]} */
  const layout = [
    ["rnn.weight_ih_l0", "W_ih", [rows, V], bound],
    ["rnn.weight_hh_l0", "W_hh", [rows, H], bound],
    ["rnn.bias_ih_l0", "b_ih", [rows], bound],
    ["rnn.bias_hh_l0", "b_hh", [rows], bound],
  ];
  if (outputLayer) {
    const gain = Math.sqrt(2 / (1 + Math.sqrt(5) ** 2)); // kaiming_uniform_(weight, a=sqrt(5))
    layout.push(["head.weight", "W_hy", [V, H], Math.sqrt(3) * (gain / Math.sqrt(H))]);
    layout.push(["head.bias", "b_y", [V], bound]);
  }
  const sizes = layout.map(([, , shape]) => shape.reduce((a, b) => a * b));
  const theta = new Float64Array(sizes.reduce((a, b) => a + b));
  const grad = new Float64Array(theta.length);
  let end = 0;
  const parameters = layout.map(([name, symbol, shape, limit], k) => {
    const start = end;
    end += sizes[k];
    const data = theta.subarray(start, end);
    for (let i = 0; i < data.length; i++) data[i] = generator.uniform(-limit, limit);
    return { name, symbol, shape, data, grad: grad.subarray(start, end) };
  });
  return { cell, gates, V, H, outputLayer, parameters, theta, grad };
};

/**
 * Arrays for one reading of x. Forward and backward fill them, so that they need no large ones.
 * @param {Model} model @param {ArrayLike<number>} x @param {ArrayLike<number>} [y]
 * @param {number} [B] texts side by side; x[t * B + b] is character t of text b @returns {Pass}
 */
export const createPass = ({ gates, V, H }, x, y = [], B = 1) => {
  const rows = x.length;
  const of = (/** @type {number} */ width, more = 0) => new Float64Array((rows + more) * width);
  const gH = gates.length * H;
  return {
    T: rows / B,
    B,
    x,
    y,
    fromInput: of(gH),
    fromMemory: of(gH),
    gates: of(gH),
    h: of(H, B),
    c: of(H, B),
    shown: of(H),
    logits: of(V),
    probabilities: of(V),
    ids: new Int32Array(rows),
    losses: of(1),
    loss: 0,
    dlogits: of(V),
    da: of(gH),
    dm: of(gH),
    flow: new Float64Array(rows / B),
  };
};

/**
 * C += A @ B.T, (M, K) @ (K, N) -> (M, N), from place c of C and place a of A. Nearly all of the
 * time goes here. So sixteen sums are made at once: each number that is read is used four times,
 * and each sum stays in a register until it is complete.
 * @param {Float64Array} C @param {number} c @param {Float64Array} A @param {number} a
 * @param {Float64Array} B (N, K) @param {number} M @param {number} N @param {number} K
 */
const addProduct = (C, c, A, a, B, M, N, K) => {
  const wide = N & ~3;
  for (let n = 0, b = 0; n < wide; n += 4, b += 4 * K) {
    let m = 0;
    for (; m + 4 <= M; m += 4) {
      let [p, q] = [a + m * K, b];
      const end = p + K;
      let s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
      let s20 = 0, s21 = 0, s22 = 0, s23 = 0, s30 = 0, s31 = 0, s32 = 0, s33 = 0;
      for (; p < end; p++, q++) {
        const b0 = B[q], b1 = B[q + K], b2 = B[q + 2 * K], b3 = B[q + 3 * K];
        const a0 = A[p], a1 = A[p + K], a2 = A[p + 2 * K], a3 = A[p + 3 * K];
        s00 += a0 * b0, s01 += a0 * b1, s02 += a0 * b2, s03 += a0 * b3;
        s10 += a1 * b0, s11 += a1 * b1, s12 += a1 * b2, s13 += a1 * b3;
        s20 += a2 * b0, s21 += a2 * b1, s22 += a2 * b2, s23 += a2 * b3;
        s30 += a3 * b0, s31 += a3 * b1, s32 += a3 * b2, s33 += a3 * b3;
      }
      const o = c + m * N + n;
      C[o] += s00, C[o + 1] += s01, C[o + 2] += s02, C[o + 3] += s03;
      const o1 = o + N;
      C[o1] += s10, C[o1 + 1] += s11, C[o1 + 2] += s12, C[o1 + 3] += s13;
      const o2 = o1 + N;
      C[o2] += s20, C[o2 + 1] += s21, C[o2 + 2] += s22, C[o2 + 3] += s23;
      const o3 = o2 + N;
      C[o3] += s30, C[o3 + 1] += s31, C[o3 + 2] += s32, C[o3 + 3] += s33;
    }
    for (; m < M; m++) {
      let [p, q] = [a + m * K, b];
      const end = p + K;
      let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
      for (; p < end; p++, q++) {
        const one = A[p];
        s0 += one * B[q], s1 += one * B[q + K], s2 += one * B[q + 2 * K], s3 += one * B[q + 3 * K];
      }
      const o = c + m * N + n;
      C[o] += s0, C[o + 1] += s1, C[o + 2] += s2, C[o + 3] += s3;
    }
  }
  for (let n = wide; n < N; n++) {
    for (let m = 0; m < M; m++) {
      let sum = 0;
      for (let k = 0, p = a + m * K, q = n * K; k < K; k++) sum += A[p + k] * B[q + k];
      C[c + m * N + n] += sum;
    }
  }
};

/**
 * The transpose of a matrix that begins at place `from`, (rows, columns) -> (columns, rows).
 * @param {Float64Array} data @param {number} rows @param {number} columns
 */
const transposed = (data, rows, columns, from = 0) => {
  const turned = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) turned[c * rows + r] = data[from + r * columns + c];
  }
  return turned;
};

const none = new Float64Array(0); // the weights of an output layer, where there is none

/**
 * What the network says in one row, and the loss of it.
 * @param {Pass} pass @param {number} V @param {number} row
 */
const predict = ({ y, logits, probabilities, ids, losses }, V, row) => {
  const start = row * V;
  let best = 0;
  for (let v = 1; v < V; v++) if (logits[start + v] > logits[start + best]) best = v;
  ids[row] = best; // logits.argmax(1)
  const largest = logits[start + best];
  let odds = 0; // reference.softmax, reference.cross_entropy
  for (let v = 0; v < V; v++) {
    const odd = Math.exp(logits[start + v] - largest);
    probabilities[start + v] = odd;
    odds += odd;
  }
  for (let v = 0; v < V; v++) probabilities[start + v] /= odds;
  return y.length ? losses[row] = Math.log(odds) - (logits[start + y[row]] - largest) : 0;
};

/**
 * A function that reads x[t] and returns the loss there. The steps before t are read before it.
 * @param {Model} model @param {Pass} pass
 */
const makeStep = (model, pass) => {
  const { V, H, outputLayer } = model;
  const [W_ih, W_hh, b_ih, b_hh, W_hy = none, b_y = none] = model.parameters.map((p) => p.data);
  const { B, x, fromInput, fromMemory, h, logits } = pass;
  const { step } = CELLS[model.cell];
  const gH = b_ih.length;
  return (/** @type {number} */ t) => {
    const [first, end] = [t * B, t * B + B];
    for (let row = first; row < end; row++) {
      for (let k = 0, w = x[row], now = row * gH; k < gH; k++, w += V) {
        fromInput[now + k] = W_ih[w] + b_ih[k]; // one-hot: a column of W_ih
      }
      fromMemory.set(b_hh, row * gH);
    }
    addProduct(fromMemory, first * gH, h, first * H, W_hh, B, gH, H); // h_{t-1} @ W_hh.T
    for (let row = first; row < end; row++) {
      step(H, pass, row);
      const after = (row + B) * H;
      if (outputLayer) logits.set(b_y, row * V);
      else for (let v = 0; v < V; v++) logits[row * V + v] = h[after + v];
    }
    // reference.output_layer: h_t @ W_hy.T, (B, H) @ (H, V) -> (B, V)
    if (outputLayer) addProduct(logits, first * V, h, end * H, W_hy, B, V, H);
    let loss = 0;
    for (let row = first; row < end; row++) loss += predict(pass, V, row);
    return loss;
  };
};

/**
 * logits, _ = model(x, h); loss = cross_entropy(logits, y). The states that it starts from, row 0
 * of pass.h and pass.c, are zeros if nothing was written there.
 * @param {Model} model @param {Pass} pass @returns {number} the loss
 */
export const forward = (model, pass) => {
  const step = makeStep(model, pass);
  let total = 0;
  for (let t = 0; t < pass.T; t++) total += step(t);
  return (pass.loss = total / (pass.T * pass.B));
};

/**
 * Reads one character at a time. `pass` is that of the last one: row 0 of its h and c is the state
 * before it, row 1 the state after it. At the start both are zeros.
 * @param {Model} model
 */
export const createReader = (model) => {
  const x = new Int32Array(1);
  const pass = createPass(model, x);
  const step = makeStep(model, pass);
  return {
    pass,
    read(/** @type {number} */ id) {
      for (const state of [pass.h, pass.c]) state.copyWithin(0, model.H);
      x[0] = id;
      step(0);
    },
  };
};

/**
 * A function that goes one step back: from dh and dc, the gradients of the state and the cell after
 * step t, to those after step t - 1. It fills da, dm and flow at t.
 * @param {Model} model @param {Pass} pass @param {Float64Array} dh @param {Float64Array} dc
 */
const makeStepBack = (model, pass, dh, dc) => {
  const { H, gates } = model;
  const { B, dm, flow } = pass;
  const { back } = CELLS[model.cell];
  const gH = gates.length * H;
  const W_hh_T = transposed(model.parameters[1].data, gH, H);
  return (/** @type {number} */ t) => {
    flow[t] = norm(dh); // from the loss at this step and from all later ones
    for (let b = 0; b < B; b++) back(H, pass, t * B + b, dh, dc, b * H);
    addProduct(dh, 0, dm, t * B * gH, W_hh_T, B, H, gH); // dm @ W_hh, (B, gH) @ (gH, H) -> (B, H)
  };
};

/**
 * loss.backward() by hand, through time: fills model.grad and pass.flow after a forward.
 * @param {Model} model @param {Pass} pass
 */
export const backward = (model, pass) => {
  const { V, H, outputLayer } = model;
  const { T, B, y, probabilities, dlogits } = pass;
  const dh = new Float64Array(B * H);
  const stepBack = makeStepBack(model, pass, dh, new Float64Array(B * H));
  const W_hy_T = outputLayer ? transposed(model.parameters[4].data, V, H) : none;
  for (let t = T - 1; t >= 0; t--) {
    for (let k = t * B * V, row = t * B; row < t * B + B; row++) {
      for (let v = 0; v < V; v++, k++) {
        // reference.cross_entropy_backward, output_layer_backward
        dlogits[k] = (probabilities[k] - (v === y[row] ? 1 : 0)) / (T * B);
        if (!outputLayer) dh[k - t * B * V] += dlogits[k];
      }
    }
    // dlogits @ W_hy, (B, V) @ (V, H) -> (B, H)
    if (outputLayer) addProduct(dh, 0, dlogits, t * B * V, W_hy_T, B, H, V);
    stepBack(t);
  }
  weightGradients(model, pass);
};

/**
 * outputs[at].backward(blame): a gradient that enters at the state after step `at` alone.
 * Fills da, dm and flow; they are 0 at all later steps.
 * @param {Model} model @param {Pass} pass @param {number} at @param {ArrayLike<number>} blame (H,)
 */
export const sendBack = (model, pass, at, blame) => {
  for (const array of [pass.da, pass.dm, pass.flow]) array.fill(0);
  const stepBack = makeStepBack(model, pass, Float64Array.from(blame), new Float64Array(model.H));
  for (let t = at; t >= 0; t--) stepBack(t);
};

/**
 * The gradients of all weights, from those of the sums and of the logits.
 * @param {Model} model @param {Pass} pass
 */
const weightGradients = (model, { B, x, h, da, dm, dlogits }) => {
  const { V, H, outputLayer } = model;
  const [dW_ih, dW_hh, db_ih, db_hh, dW_hy = none, db_y = none] = model.parameters.map(
    (p) => p.grad,
  );
  const gH = db_ih.length;
  const rows = x.length; // of all steps and texts
  model.grad.fill(0);
  const da_T = transposed(da, rows, gH);
  const dm_T = transposed(dm, rows, gH);
  for (let k = 0, at = 0; k < gH; k++) {
    for (let row = 0; row < rows; row++, at++) {
      dW_ih[k * V + x[row]] += da_T[at];
      db_ih[k] += da_T[at];
      db_hh[k] += dm_T[at];
    }
  }
  const before = transposed(h, rows, H);
  addProduct(dW_hh, 0, dm_T, 0, before, gH, H, rows); // dm.T @ before, (gH, TB) @ (TB, H) -> (gH, H)
  if (!outputLayer) return;
  for (let row = 0, k = 0; row < rows; row++) {
    for (let v = 0; v < V; v++, k++) db_y[v] += dlogits[k];
  }
  const after = transposed(h, rows, H, B * H);
  addProduct(dW_hy, 0, transposed(dlogits, rows, V), 0, after, V, H, rows); // dlogits.T @ after
};

/** Euclidean length. @param {Float64Array} vector */
export const norm = (vector) => {
  let sum = 0;
  for (let k = 0; k < vector.length; k++) sum += vector[k] * vector[k];
  return Math.sqrt(sum);
};

/**
 * charseq.probabilities(logits, temperature=temperature, top_k=k): softmax(logits / temperature) of
 * the k likeliest characters. At temperature 0 the likeliest has probability 1.
 * @param {ArrayLike<number>} logits (V,)
 */
export const probabilities = (logits, temperature = 1, k = Infinity) => {
  const z = Array.from(logits);
  const largest = Math.max(...z);
  if (temperature === 0) return z.map((_, v) => (v === z.indexOf(largest) ? 1 : 0));
  const odds = z.map((logit) => Math.exp((logit - largest) / temperature));
  // Equal ones keep their order, as in a stable sort of NumPy.
  const ranks = z.map((_, v) => v).sort((a, b) => z[b] - z[a]);
  for (const v of ranks.slice(k)) odds[v] = 0;
  const total = odds.reduce((a, b) => a + b);
  return odds.map((odd) => odd / total);
};

/** Draw an id, each with its probability. @param {number[]} p @param {Generator} generator */
export const drawId = (p, generator) => {
  let left = generator.uniform(0, 1);
  const found = p.findIndex((share) => (left -= share) < 0);
  return found < 0 ? p.indexOf(Math.max(...p)) : found; // rounding may leave a little
};
