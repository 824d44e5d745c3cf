"use strict";

/*
 * The network of the playground, number for number like torch: charseq.CharRNN of one layer, drawn
 * as float32 after torch.manual_seed, then computed in float64. No DOM, no dependencies: a classic
 * script, which works from file:// and sets one global, `charseq`. A formula stands beside the call
 * of torch, or the function of charseq.reference, that it repeats.
 *
 *   charseq.vocabulary(text)                 characters, sorted; charseq.encode(text, chars) ids
 *   charseq.createModel(sizes, generator)    weights, with new charseq.Generator(seed)
 *   charseq.createPass(model, x, y)          room for all that one reading of x computes
 *   charseq.forward(model, pass)             fills it; charseq.backward(model, pass) the gradients
 *   charseq.terms(model, pass, t, unit)      the sums behind one unit at one step, term by term
 *   charseq.probabilities(logits, temperature), charseq.generate(model, ids, ...)
 *
 * Arrays are flat, row by row: row t, column j of a (T, H) is [t * H + j]. A name that starts with
 * d is a gradient, as in charseq.reference.
 */

/** @typedef {"RNN" | "GRU" | "LSTM"} Cell */

/**
 * @typedef {object} Parameter
 * @property {string} name of torch's state_dict, for example "rnn.weight_ih_l0"
 * @property {string} symbol of the equations, for example "W_ih"
 * @property {number[]} shape
 * @property {Float64Array} data a view of the model's theta
 * @property {Float64Array} grad a view of the model's grad
 */

/**
 * @typedef {object} Model
 * @property {Cell} cell
 * @property {string[]} gates blocks of H rows in W_ih and W_hh: h; r, z, n; i, f, g, o
 * @property {number} V characters
 * @property {number} H hidden units
 * @property {boolean} outputLayer without one the states are the logits, and H is V
 * @property {Parameter[]} parameters in torch's order
 * @property {Float64Array} theta all weights, one after the other
 * @property {Float64Array} grad the gradient of each
 */

/**
 * @typedef {object} Pass What one reading of T characters computes.
 * @property {number} T
 * @property {ArrayLike<number>} x (T,) ids read
 * @property {ArrayLike<number>} y (T,) ids to come; may be empty where no loss is wanted
 * @property {Float64Array} fromInput (T, gH), W_ih x_t + b_ih
 * @property {Float64Array} fromMemory (T, gH), W_hh h_{t-1} + b_hh
 * @property {Float64Array} gates (T, gH), what tanh and σ make of them, in the order of model.gates
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
 * @property {{W_hh: number[], W_hy: number[], h: number[]}} copies as Arrays, which V8 reads in
 *   two thirds of the time of a Float64Array
 */

/** @typedef {{model: Model, pass: Pass, chars: string[]}} Network with its characters */

const charseq = (() => {
  /** torch.manual_seed(seed) and what it draws on the CPU: mt19937. */
  class Generator {
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
     * tensor.uniform_(from, to) of a float32: 24 random bits, then one fused multiply-add. Product
     * and sum fit the 53 bits of a double, so that rounding once at the end is the fused one.
     * @param {number} from
     * @param {number} to
     */
    uniform(from, to) {
      const f = Math.fround;
      const x = (this.random() & 0xffffff) / 0x1000000;
      return f(x * f(f(to) - f(from)) + f(from));
    }
  }

  /**
   * Vocabulary.from_text(text).chars: code points, sorted, so that an emoji is one character.
   * @param {string} text
   */
  const vocabulary = (text) =>
    [...new Set(text)].sort((a, b) => Number(a.codePointAt(0)) - Number(b.codePointAt(0)));

  /**
   * vocab.encode(text)
   * @param {string} text
   * @param {string[]} chars
   */
  const encode = (text, chars) => Int32Array.from([...text], (char) => chars.indexOf(char));

  /** reference.sigmoid @param {number} a */
  const sigmoid = (a) => 1 / (1 + Math.exp(-a)); // an overflow makes it 0, as it should

  /** Math.tanh to 4e-16, in half its time: a sigmoid, stretched. @param {number} a */
  const tanh = (a) => 2 / (1 + Math.exp(-2 * a)) - 1;

  /**
   * What tells the cells apart. `step` makes gates, state and cell of step t out of the two sums;
   * `back` sends dh and dc through it: it fills da, the gradient of the sum from the input, and dm,
   * of the sum from memory, and leaves in dh and dc what goes to the step before past the matrix.
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
          const R = t * 3 * H + j; // the places of r, z, n
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
          const I = t * 4 * H + j; // the places of i, f, g, o
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
          dc[j] += o * (1 - s * s) * dh[j]; // from h and from later
          da[I] = dm[I] = g * i * (1 - i) * dc[j];
          da[F] = dm[F] = c[t * H + j] * f * (1 - f) * dc[j];
          da[G] = dm[G] = i * (1 - g * g) * dc[j];
          da[O] = dm[O] = s * o * (1 - o) * dh[j];
          dc[j] *= f; // no matrix on this way
          dh[j] = 0;
        }
      },
    },
  };

  /**
   * CharRNN(V, H, cell=cell, output_layer=outputLayer).double(), drawn in torch's order.
   * @param {{cell: Cell, V: number, H: number, outputLayer: boolean}} sizes
   * @param {Generator} generator
   * @returns {Model}
   */
  const createModel = ({ cell, V, H, outputLayer }, generator) => {
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
   * Room for one reading of x; forward and backward fill it and allocate nothing of their own size.
   * @param {Model} model
   * @param {ArrayLike<number>} x
   * @param {ArrayLike<number>} [y]
   * @returns {Pass}
   */
  const createPass = ({ gates, V, H }, x, y = []) => {
    const T = x.length;
    const rows = gates.length * H;
    // Filled with a fraction, it is an array of doubles from the start.
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
   * a[i:i + n] += factors @ B. Row r, column j of B, (count, n), is [k + r * down + j * across], so
   * that W.T is W with two numbers swapped, and the factors stand at f, f + step, ... Half of the
   * time goes here: with one row at a time, a run would take 1.7 times as long.
   * @param {Float64Array} a
   * @param {number} i
   * @param {number} n
   * @param {Float64Array} factors
   * @param {number} f
   * @param {number} step
   * @param {number[]} B
   * @param {number} k
   * @param {number} down
   * @param {number} across
   * @param {number} count
   */
  const addProduct = (a, i, n, factors, f, step, B, k, down, across, count) => {
    let left = count;
    for (; left >= 8; left -= 8, f += 8 * step, k += 8 * down) {
      const f0 = factors[f];
      const f1 = factors[f + step];
      const f2 = factors[f + 2 * step];
      const f3 = factors[f + 3 * step];
      const f4 = factors[f + 4 * step];
      const f5 = factors[f + 5 * step];
      const f6 = factors[f + 6 * step];
      const f7 = factors[f + 7 * step];
      const k1 = down;
      const k2 = 2 * down;
      const k3 = 3 * down;
      const k4 = 4 * down;
      const k5 = 5 * down;
      const k6 = 6 * down;
      const k7 = 7 * down;
      for (let j = i, b = k; j < i + n; j++, b += across) {
        a[j] = a[j] + f0 * B[b] + f1 * B[b + k1] + f2 * B[b + k2] + f3 * B[b + k3] +
          f4 * B[b + k4] + f5 * B[b + k5] + f6 * B[b + k6] + f7 * B[b + k7];
      }
    }
    for (; left >= 4; left -= 4, f += 4 * step, k += 4 * down) {
      const f0 = factors[f];
      const f1 = factors[f + step];
      const f2 = factors[f + 2 * step];
      const f3 = factors[f + 3 * step];
      const k1 = down;
      const k2 = 2 * down;
      const k3 = 3 * down;
      for (let j = i, b = k; j < i + n; j++, b += across) {
        a[j] = a[j] + f0 * B[b] + f1 * B[b + k1] + f2 * B[b + k2] + f3 * B[b + k3];
      }
    }
    for (; left > 0; left--, f += step, k += down) {
      for (let j = i, b = k; j < i + n; j++, b += across) a[j] += factors[f] * B[b];
    }
  };

  /** @param {number[]} copy @param {Float64Array} numbers */
  const refresh = (copy, numbers) => {
    for (let k = 0; k < numbers.length; k++) copy[k] = numbers[k];
  };

  const none = new Float64Array(0); // stands for the weights of an output layer that is not there

  /**
   * logits, _ = model(x); loss = cross_entropy(logits, y)
   * @param {Model} model
   * @param {Pass} pass
   * @returns {number} the loss
   */
  const forward = (model, pass) => {
    const { V, H, outputLayer } = model;
    const [W_ih, W_hh, b_ih, b_hh, W_hy = none, b_y = none] = model.parameters.map((p) => p.data);
    const { T, x, y, fromInput, fromMemory, h, logits, probabilities, ids, losses, copies } = pass;
    const { step } = CELLS[model.cell];
    const rows = b_ih.length;
    refresh(copies.W_hh, W_hh);
    refresh(copies.W_hy, W_hy);
    let total = 0;
    for (let t = 0; t < T; t++) {
      const now = t * rows;
      for (let k = 0, w = x[t]; k < rows; k++, w += V) {
        fromInput[now + k] = W_ih[w] + b_ih[k]; // one-hot: a column of W_ih
      }
      fromMemory.set(b_hh, now);
      // h_{t-1} @ W_hh.T, (H,) @ (H, gH) -> (gH,)
      addProduct(fromMemory, now, rows, h, t * H, 1, copies.W_hh, 0, 1, H, H);
      step(H, pass, t);
      const after = (t + 1) * H;
      for (let v = 0; v < V; v++) logits[t * V + v] = outputLayer ? b_y[v] : h[after + v];
      // reference.output_layer: h_t @ W_hy.T, (H,) @ (H, V) -> (V,)
      if (outputLayer) addProduct(logits, t * V, V, h, after, 1, copies.W_hy, 0, 1, H, H);
      let best = 0;
      for (let v = 1; v < V; v++) if (logits[t * V + v] > logits[t * V + best]) best = v;
      ids[t] = best; // logits.argmax(1)
      const largest = logits[t * V + best];
      let odds = 0; // reference.softmax, reference.cross_entropy
      for (let v = 0; v < V; v++) {
        const odd = Math.exp(logits[t * V + v] - largest);
        probabilities[t * V + v] = odd;
        odds += odd;
      }
      for (let v = 0; v < V; v++) probabilities[t * V + v] /= odds;
      if (y.length) total += losses[t] = Math.log(odds) - (logits[t * V + y[t]] - largest);
    }
    return (pass.loss = total / T);
  };

  /**
   * loss.backward() by hand, through time: fills model.grad and pass.flow after a forward.
   * @param {Model} model
   * @param {Pass} pass
   */
  const backward = (model, pass) => {
    const { V, H, outputLayer } = model;
    const [dW_ih, dW_hh, db_ih, db_hh, dW_hy = none, db_y = none] = model.parameters.map(
      (p) => p.grad,
    );
    const { T, x, y, h, probabilities, dlogits, da, dm, flow, copies } = pass;
    const { back } = CELLS[model.cell];
    const rows = db_ih.length;
    const dh = new Float64Array(H);
    const dc = new Float64Array(H);
    model.grad.fill(0);
    for (let t = T - 1; t >= 0; t--) {
      for (let v = 0; v < V; v++) {
        // reference.cross_entropy_backward, output_layer_backward
        const dlogit = (probabilities[t * V + v] - (v === y[t] ? 1 : 0)) / T;
        dlogits[t * V + v] = dlogit;
        if (outputLayer) db_y[v] += dlogit;
        else dh[v] += dlogit;
      }
      // dlogits @ W_hy, (V,) @ (V, H) -> (H,)
      if (outputLayer) addProduct(dh, 0, H, dlogits, t * V, 1, copies.W_hy, 0, H, 1, V);
      flow[t] = norm(dh); // from above and from later
      back(H, pass, t, dh, dc);
      // dm @ W_hh, (gH,) @ (gH, H) -> (H,)
      addProduct(dh, 0, H, dm, t * rows, 1, copies.W_hh, 0, H, 1, rows);
    }
    refresh(copies.h, h);
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
      // dm.T @ before, (gH, T) @ (T, H) -> (gH, H), less the first row of before: zeros
      addProduct(dW_hh, k * H, H, dm, rows + k, rows, copies.h, H, H, 1, T - 1);
    }
    if (outputLayer) {
      // dlogits.T @ h, (V, T) @ (T, H) -> (V, H)
      for (let v = 0; v < V; v++) addProduct(dW_hy, v * H, H, dlogits, v, V, copies.h, H, H, 1, T);
    }
  };

  /** Euclidean length. @param {Float64Array} vector */
  const norm = (vector) => {
    let sum = 0;
    for (let k = 0; k < vector.length; k++) sum += vector[k] * vector[k];
    return Math.sqrt(sum);
  };

  /**
   * The sums that make one unit at step t, one for each gate.
   *
   * Each term is weight × value; the terms of a part add up to fromInput or fromMemory, and
   * activation(fromInput + scale × fromMemory) is the gate. `scale` is 1, but r in a GRU's n.
   * @param {Model} model
   * @param {Pass} pass
   * @param {number} t from 0
   * @param {number} unit from 0
   */
  const terms = (model, pass, t, unit) => {
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
          term("input", `W_ih[${k}, ${pass.x[t]}]`, W_ih[k * V + pass.x[t]], 1),
          term("input", `b_ih[${k}]`, b_ih[k], 1),
          ...Array.from(
            { length: H },
            (_, j) => term("memory", `W_hh[${k}, ${j}]`, W_hh[k * H + j], pass.h[t * H + j]),
          ),
          term("memory", `b_hh[${k}]`, b_hh[k], 1),
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
   * charseq.probabilities(logits, temperature): softmax(logits / temperature), the likeliest at 0.
   * @param {ArrayLike<number>} logits (V,)
   * @param {number} [temperature]
   */
  const probabilities = (logits, temperature = 1) => {
    const z = Array.from(logits);
    const largest = Math.max(...z);
    if (temperature === 0) return z.map((_, v) => (v === z.indexOf(largest) ? 1 : 0));
    const odds = z.map((logit) => Math.exp((logit - largest) / temperature));
    const total = odds.reduce((a, b) => a + b);
    return odds.map((odd) => odd / total);
  };

  /**
   * Read ids, then write `length` more, each drawn from the probabilities after all before it.
   * @param {Model} model
   * @param {ArrayLike<number>} ids at least one
   * @param {number} length
   * @param {number} temperature
   * @param {Generator} generator
   */
  const generate = (model, ids, length, temperature, generator) => {
    const text = Array.from(ids);
    for (let k = 0; k < length; k++) {
      const pass = createPass(model, text);
      forward(model, pass);
      const p = probabilities(pass.logits.subarray(-model.V), temperature);
      let left = generator.uniform(0, 1);
      const drawn = p.findIndex((share) => (left -= share) < 0);
      text.push(drawn < 0 ? p.indexOf(Math.max(...p)) : drawn); // rounding may leave a crumb
    }
    return text;
  };

  return {
    Generator,
    vocabulary,
    encode,
    createModel,
    createPass,
    forward,
    backward,
    norm,
    terms,
    probabilities,
    generate,
  };
})();
