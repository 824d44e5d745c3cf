// The network of the playground. Its numbers are those of torch: charseq.CharRNN with one layer,
// drawn as float32 after torch.manual_seed, then computed in float64. Beside each formula stands
// the call of torch, or the function of charseq.reference, that computes the same. Pages load it
// within a bundle, since browsers refuse modules from file://.
//
// Arrays are flat, row by row: row t, column j of a (T, H) array is at [t * H + j]. A name that
// starts with d is a gradient, as in charseq.reference.

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
 * @typedef {object} Pass What one reading of T characters computes.
 * @property {number} T
 * @property {ArrayLike<number>} x (T,) ids that are read
 * @property {ArrayLike<number>} y (T,) ids that follow; empty if no loss is wanted
 * @property {Float64Array} fromInput (T, gH), W_ih x_t + b_ih
 * @property {Float64Array} fromMemory (T, gH), W_hh h_{t-1} + b_hh
 * @property {Float64Array} gates (T, gH), results of tanh and σ, in the order of model.gates
 * @property {Float64Array} h (T + 1, H), states: row 0 is zeros, row t + 1 comes after x[t]
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
 * @property {{W_hh: number[], W_hy: number[], h: number[]}} copies as Arrays: V8 reads them in two
 *   thirds of the time that a Float64Array takes
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
 * How the cells differ. `step` computes the gates, state and cell of step t from its two sums.
 * `back` takes the gradients of its state and its cell, dh and dc. It fills da, the gradient of
 * the sum from the input, and dm, that of the sum from memory. In dh and dc it leaves the
 * gradients that reach the step before without passing W_hh.
 * @typedef {object} CellMath
 * @property {string[]} gates
 * @property {(H: number, pass: Pass, t: number) => void} step
 * @property {(H: number, pass: Pass, t: number, dh: Float64Array, dc: Float64Array) => void} back
 */

/** @type {Record<Cell, CellMath>} */
const CELLS = {
  // reference.rnn_step, rnn_backward
  RNN: {
    gates: ["h"],
    step(H, { fromInput, fromMemory, gates, h }, t) {
      for (let k = t * H; k < t * H + H; k++) {
        gates[k] = h[k + H] = tanh(fromInput[k] + fromMemory[k]);
      }
    },
    back(H, { h, da, dm }, t, dh) {
      for (let j = 0; j < H; j++) {
        const state = h[(t + 1) * H + j];
        da[t * H + j] = dm[t * H + j] = (1 - state * state) * dh[j]; // the slope of tanh
        dh[j] = 0;
      }
    },
  },
  // reference.gru_gates, gru_step, gru_backward, with reset_after as in torch
  GRU: {
    gates: ["r", "z", "n"],
    step(H, { fromInput, fromMemory, gates, h }, t) {
      for (let j = 0; j < H; j++) {
        const R = t * 3 * H + j; // indices of r, z, n
        const Z = R + H;
        const N = Z + H;
        const r = (gates[R] = sigmoid(fromInput[R] + fromMemory[R]));
        const z = (gates[Z] = sigmoid(fromInput[Z] + fromMemory[Z]));
        const n = (gates[N] = tanh(fromInput[N] + r * fromMemory[N]));
        h[(t + 1) * H + j] = (1 - z) * n + z * h[t * H + j];
      }
    },
    back(H, { fromMemory, gates, h, da, dm }, t, dh) {
      for (let j = 0; j < H; j++) {
        const R = t * 3 * H + j;
        const Z = R + H;
        const N = Z + H;
        const r = gates[R];
        const z = gates[Z];
        const n = gates[N];
        const dn = (1 - z) * (1 - n * n) * dh[j];
        da[R] = dm[R] = fromMemory[N] * r * (1 - r) * dn; // dr
        da[Z] = dm[Z] = (h[t * H + j] - n) * z * (1 - z) * dh[j]; // dz
        da[N] = dn;
        dm[N] = r * dn;
        dh[j] = z * dh[j];
      }
    },
  },
  // reference.lstm_gates, lstm_step, lstm_backward
  LSTM: {
    gates: ["i", "f", "g", "o"],
    step(H, { fromInput, fromMemory, gates, h, c, shown }, t) {
      for (let j = 0; j < H; j++) {
        const I = t * 4 * H + j; // indices of i, f, g, o
        const F = I + H;
        const G = F + H;
        const O = G + H;
        const i = (gates[I] = sigmoid(fromInput[I] + fromMemory[I]));
        const f = (gates[F] = sigmoid(fromInput[F] + fromMemory[F]));
        const g = (gates[G] = tanh(fromInput[G] + fromMemory[G]));
        const o = (gates[O] = sigmoid(fromInput[O] + fromMemory[O]));
        const cell = (c[(t + 1) * H + j] = f * c[t * H + j] + i * g);
        h[(t + 1) * H + j] = o * (shown[t * H + j] = tanh(cell));
      }
    },
    back(H, { gates, c, shown, da, dm }, t, dh, dc) {
      for (let j = 0; j < H; j++) {
        const I = t * 4 * H + j;
        const F = I + H;
        const G = F + H;
        const O = G + H;
        const i = gates[I];
        const f = gates[F];
        const g = gates[G];
        const o = gates[O];
        const s = shown[t * H + j];
        dc[j] += o * (1 - s * s) * dh[j]; // from h, added to what came from later steps
        da[I] = dm[I] = g * i * (1 - i) * dc[j];
        da[F] = dm[F] = c[t * H + j] * f * (1 - f) * dc[j];
        da[G] = dm[G] = i * (1 - g * g) * dc[j];
        da[O] = dm[O] = s * o * (1 - o) * dh[j];
        dc[j] *= f; // from cell to cell there is no matrix
        dh[j] = 0;
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
 * @param {Model} model @param {ArrayLike<number>} x @param {ArrayLike<number>} [y] @returns {Pass}
 */
export const createPass = ({ gates, V, H }, x, y = []) => {
  const T = x.length;
  const rows = gates.length * H;
  // Filled with a fraction, so that V8 stores doubles from the start.
  const list = (/** @type {number} */ length) => Array(length).fill(0.5);
  return {
    T,
    x,
    y,
    fromInput: new Float64Array(T * rows),
    fromMemory: new Float64Array(T * rows),
    gates: new Float64Array(T * rows),
    h: new Float64Array((T + 1) * H),
    c: new Float64Array((T + 1) * H),
    shown: new Float64Array(T * H),
    logits: new Float64Array(T * V),
    probabilities: new Float64Array(T * V),
    ids: new Int32Array(T),
    losses: new Float64Array(T),
    loss: 0,
    dlogits: new Float64Array(T * V),
    da: new Float64Array(T * rows),
    dm: new Float64Array(T * rows),
    flow: new Float64Array(T),
    copies: { W_hh: list(rows * H), W_hy: list(V * H), h: list((T + 1) * H) },
  };
};

/**
 * Numbers seen as a matrix, without a copy: row r, column c is data[start + r * down + c * across].
 * @template {Float64Array | number[]} Numbers
 * @typedef {object} Matrix
 * @property {Numbers} data
 * @property {number} rows
 * @property {number} columns
 * @property {number} start
 * @property {number} down from a row to the next
 * @property {number} across from a column to the next
 */

/**
 * @template {Float64Array | number[]} Numbers @param {Numbers} data row by row
 * @param {number} rows @param {number} columns @returns {Matrix<Numbers>}
 */
const matrix = (data, rows, columns) => ({
  data,
  rows,
  columns,
  start: 0,
  down: columns,
  across: 1,
});

/**
 * @template {Float64Array | number[]} Numbers @param {Matrix<Numbers>} whole
 * @returns {Matrix<Numbers>}
 */
const transpose = ({ data, rows, columns, start, down, across }) => ({
  data,
  rows: columns,
  columns: rows,
  start,
  down: across,
  across: down,
});

/**
 * All rows but the first.
 * @template {Float64Array | number[]} Numbers @param {Matrix<Numbers>} whole
 * @returns {Matrix<Numbers>}
 */
const withoutFirstRow = ({ rows, start, down, ...rest }) => ({
  ...rest,
  rows: rows - 1,
  start: start + down,
  down,
});

/**
 * C[m] += A[n] @ B. Half of the time goes here, so it reads eight rows of B at once: with one row
 * at a time, a run would take 1.7 times as long.
 * @param {Matrix<Float64Array>} C its rows are not scattered: `across` is 1
 * @param {number} m @param {Matrix<Float64Array>} A @param {number} n @param {Matrix<number[]>} B
 */
const addProduct = (C, m, A, n, B) => {
  const c = C.data;
  const a = A.data;
  const b = B.data;
  const first = C.start + m * C.down;
  const end = first + C.columns;
  const { down, across } = B;
  const step = A.across;
  let f = A.start + n * A.down; // the place in a of the next factor
  let k = B.start; // the place in b of the row that it multiplies
  let left = B.rows;
  for (; left >= 8; left -= 8, f += 8 * step, k += 8 * down) {
    const f0 = a[f];
    const f1 = a[f + step];
    const f2 = a[f + 2 * step];
    const f3 = a[f + 3 * step];
    const f4 = a[f + 4 * step];
    const f5 = a[f + 5 * step];
    const f6 = a[f + 6 * step];
    const f7 = a[f + 7 * step];
    const k1 = down;
    const k2 = 2 * down;
    const k3 = 3 * down;
    const k4 = 4 * down;
    const k5 = 5 * down;
    const k6 = 6 * down;
    const k7 = 7 * down;
    for (let j = first, l = k; j < end; j++, l += across) {
      c[j] = c[j] + f0 * b[l] + f1 * b[l + k1] + f2 * b[l + k2] + f3 * b[l + k3] +
        f4 * b[l + k4] + f5 * b[l + k5] + f6 * b[l + k6] + f7 * b[l + k7];
    }
  }
  for (; left >= 4; left -= 4, f += 4 * step, k += 4 * down) {
    const f0 = a[f];
    const f1 = a[f + step];
    const f2 = a[f + 2 * step];
    const f3 = a[f + 3 * step];
    const k1 = down;
    const k2 = 2 * down;
    const k3 = 3 * down;
    for (let j = first, l = k; j < end; j++, l += across) {
      c[j] = c[j] + f0 * b[l] + f1 * b[l + k1] + f2 * b[l + k2] + f3 * b[l + k3];
    }
  }
  for (; left > 0; left--, f += step, k += down) {
    for (let j = first, l = k; j < end; j++, l += across) c[j] += a[f] * b[l];
  }
};

/** Copy numbers into an Array. @param {number[]} copy @param {Float64Array} numbers */
const refresh = (copy, numbers) => {
  for (let k = 0; k < numbers.length; k++) copy[k] = numbers[k];
};

const none = new Float64Array(0); // the weights of an output layer, where there is none

/**
 * What the network says after step t, and the loss of it.
 * @param {Pass} pass @param {number} V @param {number} t
 */
const predict = ({ y, logits, probabilities, ids, losses }, V, t) => {
  const start = t * V;
  let best = 0;
  for (let v = 1; v < V; v++) if (logits[start + v] > logits[start + best]) best = v;
  ids[t] = best; // logits.argmax(1)
  const largest = logits[start + best];
  let odds = 0; // reference.softmax, reference.cross_entropy
  for (let v = 0; v < V; v++) {
    const odd = Math.exp(logits[start + v] - largest);
    probabilities[start + v] = odd;
    odds += odd;
  }
  for (let v = 0; v < V; v++) probabilities[start + v] /= odds;
  return y.length ? losses[t] = Math.log(odds) - (logits[start + y[t]] - largest) : 0;
};

/**
 * A function that reads x[t] and returns the loss there. The steps before t are read before it.
 * It has its own copy of the weights that the state is multiplied with.
 * @param {Model} model @param {Pass} pass
 */
const makeStep = (model, pass) => {
  const { V, H, outputLayer } = model;
  const [W_ih, W_hh, b_ih, b_hh, W_hy = none, b_y = none] = model.parameters.map((p) => p.data);
  const { T, x, fromInput, fromMemory, h, logits, copies } = pass;
  const { step } = CELLS[model.cell];
  const rows = b_ih.length;
  refresh(copies.W_hh, W_hh);
  refresh(copies.W_hy, W_hy);
  const states = matrix(h, T + 1, H);
  const memory = matrix(fromMemory, T, rows);
  const W_hh_T = transpose(matrix(copies.W_hh, rows, H));
  const output = matrix(logits, T, V);
  const W_hy_T = transpose(matrix(copies.W_hy, V, H));
  return (/** @type {number} */ t) => {
    const now = t * rows;
    for (let k = 0, w = x[t]; k < rows; k++, w += V) {
      fromInput[now + k] = W_ih[w] + b_ih[k]; // one-hot: a column of W_ih
    }
    fromMemory.set(b_hh, now);
    addProduct(memory, t, states, t, W_hh_T); // h_{t-1} @ W_hh.T, (H,) @ (H, gH) -> (gH,)
    step(H, pass, t);
    const after = (t + 1) * H;
    for (let v = 0; v < V; v++) logits[t * V + v] = outputLayer ? b_y[v] : h[after + v];
    // reference.output_layer: h_t @ W_hy.T, (H,) @ (H, V) -> (V,)
    if (outputLayer) addProduct(output, t, states, t + 1, W_hy_T);
    return predict(pass, V, t);
  };
};

/**
 * logits, _ = model(x); loss = cross_entropy(logits, y)
 * @param {Model} model @param {Pass} pass @returns {number} the loss
 */
export const forward = (model, pass) => {
  const step = makeStep(model, pass);
  let total = 0;
  for (let t = 0; t < pass.T; t++) total += step(t);
  return (pass.loss = total / pass.T);
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
  const { T, dm, flow, copies } = pass;
  const { back } = CELLS[model.cell];
  const rows = gates.length * H;
  const state = matrix(dh, 1, H);
  const sums = matrix(dm, T, rows);
  const W_hh = matrix(copies.W_hh, rows, H);
  return (/** @type {number} */ t) => {
    flow[t] = norm(dh); // from the loss at this step and from all later ones
    back(H, pass, t, dh, dc);
    addProduct(state, 0, sums, t, W_hh); // dm @ W_hh, (gH,) @ (gH, H) -> (H,)
  };
};

/**
 * loss.backward() by hand, through time: fills model.grad and pass.flow after a forward.
 * @param {Model} model @param {Pass} pass
 */
export const backward = (model, pass) => {
  const { V, H, outputLayer } = model;
  const { T, y, probabilities, dlogits, copies } = pass;
  const dh = new Float64Array(H);
  const stepBack = makeStepBack(model, pass, dh, new Float64Array(H));
  const state = matrix(dh, 1, H);
  const output = matrix(dlogits, T, V);
  const W_hy = matrix(copies.W_hy, V, H);
  for (let t = T - 1; t >= 0; t--) {
    for (let v = 0; v < V; v++) {
      // reference.cross_entropy_backward, output_layer_backward
      const dlogit = (probabilities[t * V + v] - (v === y[t] ? 1 : 0)) / T;
      dlogits[t * V + v] = dlogit;
      if (!outputLayer) dh[v] += dlogit;
    }
    if (outputLayer) addProduct(state, 0, output, t, W_hy); // (V,) @ (V, H) -> (H,)
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
const weightGradients = (model, { T, x, h, da, dm, dlogits, copies }) => {
  const { V, H, outputLayer } = model;
  const [dW_ih, dW_hh, db_ih, db_hh, dW_hy = none, db_y = none] = model.parameters.map(
    (p) => p.grad,
  );
  const rows = db_ih.length;
  model.grad.fill(0);
  refresh(copies.h, h);
  const after = withoutFirstRow(matrix(copies.h, T + 1, H)); // h_1 to h_T
  // Step 0 adds nothing to dW_hh: the state before it is zeros.
  const before = withoutFirstRow(matrix(copies.h, T, H)); // h_1 to h_{T-1}
  const dm_T = transpose(withoutFirstRow(matrix(dm, T, rows)));
  const memory = matrix(dW_hh, rows, H);
  for (let k = 0; k < rows; k++) {
    let toInput = 0;
    let toMemory = 0;
    for (let t = 0; t < T; t++) {
      dW_ih[k * V + x[t]] += da[t * rows + k];
      toInput += da[t * rows + k];
      toMemory += dm[t * rows + k];
    }
    db_ih[k] = toInput;
    db_hh[k] = toMemory;
    addProduct(memory, k, dm_T, k, before); // dm.T @ before, (gH, T) @ (T, H) -> (gH, H)
  }
  if (!outputLayer) return;
  const output = matrix(dW_hy, V, H);
  const dlogits_T = transpose(matrix(dlogits, T, V));
  for (let v = 0; v < V; v++) {
    for (let t = T - 1; t >= 0; t--) db_y[v] += dlogits[t * V + v];
    addProduct(output, v, dlogits_T, v, after); // dlogits.T @ h, (V, T) @ (T, H) -> (V, H)
  }
};

/** Euclidean length. @param {Float64Array} vector */
export const norm = (vector) => {
  let sum = 0;
  for (let k = 0; k < vector.length; k++) sum += vector[k] * vector[k];
  return Math.sqrt(sum);
};

/**
 * The sums that make one unit at step t, one for each gate.
 *
 * A term is weight × value. Its name is an entry of the gate's own block of weights, as W_hr of
 * W_hh in reference.gru_gates. The terms from the input add up to fromInput, those from memory to
 * fromMemory, and the gate is activation(fromInput + scale × fromMemory). `scale` is r for the
 * candidate n of a GRU, and 1 elsewhere.
 * @param {Model} model @param {Pass} pass @param {number} t from 0
 * @param {number} unit from 0
 */
export const terms = (model, pass, t, unit) => {
  const { V, H, gates } = model;
  const [W_ih, W_hh, b_ih, b_hh] = model.parameters.map((p) => p.data);
  return gates.map((gate, block) => {
    const k = block * H + unit;
    const place = t * gates.length * H + k;
    const scale = gate === "n" ? pass.gates[place - 2 * H] : 1;
    const term = (
      /** @type {"input" | "memory"} */ from,
      /** @type {string} */ name,
      /** @type {number} */ weight,
      /** @type {number} */ value,
    ) => ({ from, name, weight, value, product: weight * value });
    return {
      gate,
      terms: [
        term("input", `W_i${gate}[${unit}, ${pass.x[t]}]`, W_ih[k * V + pass.x[t]], 1),
        term("input", `b_i${gate}[${unit}]`, b_ih[k], 1),
        ...Array.from(
          { length: H },
          (_, j) => term("memory", `W_h${gate}[${unit}, ${j}]`, W_hh[k * H + j], pass.h[t * H + j]),
        ),
        term("memory", `b_h${gate}[${unit}]`, b_hh[k], 1),
      ],
      fromInput: pass.fromInput[place],
      fromMemory: pass.fromMemory[place],
      scale,
      sum: pass.fromInput[place] + scale * pass.fromMemory[place],
      activation: "hgn".includes(gate) ? "tanh" : "σ",
      value: pass.gates[place],
    };
  });
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
