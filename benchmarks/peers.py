"""Training without torch's layers: written by hand in NumPy and JAX, and with flax and Keras."""

import numpy as np

from benchmarks.work import V, entering

CONTENDERS = {}
contender = entering(CONTENDERS)


@contender("NumPy, backward by hand")
def numpy_by_hand(work):
    H, B, T, layers = work.H, work.B, work.T, range(work.layers)
    weights = {name: w.copy() for name, w in work.weights().items()}
    forward, backward = IN_NUMPY[work.cell]
    moments = {name: (np.zeros_like(w), np.zeros_like(w)) for name, w in weights.items()}
    for updates, (is_first, x, y) in enumerate(work.batches(), 1):
        x, y = x.T, y.T.ravel()  # time first, so that each time step is contiguous
        if is_first:
            states = [None] * work.layers
        tapes, below = [], None  # below: the input of a layer, (T, B, H); none for the first
        for k in layers:
            W_ih, b_ih = weights[f"rnn.weight_ih_l{k}"], weights[f"rnn.bias_ih_l{k}"]
            z = (W_ih.T + b_ih)[x] if k == 0 else below @ W_ih.T + b_ih
            W_hh, b_hh = weights[f"rnn.weight_hh_l{k}"], weights[f"rnn.bias_hh_l{k}"]
            zeros = np.zeros((B, H), dtype=np.float32)
            tape = forward(z, states[k] or (zeros, zeros), W_hh, b_hh)
            tapes.append((below, tape))
            below, states[k] = tape["h"][1:], tape["last"]
        loss, dh, gradient = head_backward(below, y, weights)
        for k in reversed(layers):
            below, tape = tapes[k]
            # Gradients of z = W_ih x + b_ih and of u = W_hh h + b_hh
            dz, du = backward(dh, tape, weights[f"rnn.weight_hh_l{k}"])
            flat_dz, flat_du = (part.reshape(T * B, -1) for part in (dz, du))
            gradient[f"rnn.weight_hh_l{k}"] = flat_du.T @ tape["h"][:-1].reshape(-1, H)
            gradient[f"rnn.bias_ih_l{k}"] = flat_dz.sum(axis=0)
            gradient[f"rnn.bias_hh_l{k}"] = flat_du.sum(axis=0)
            if k == 0:  # sum the gradients of each character, without one-hot vectors
                order = np.argsort(x.ravel(), kind="stable")
                present, starts = np.unique(x.ravel()[order], return_index=True)
                dW = np.zeros((V, flat_dz.shape[1]), dtype=np.float32)
                dW[present] = np.add.reduceat(flat_dz[order], starts)
                gradient["rnn.weight_ih_l0"] = dW.T
            else:
                gradient[f"rnn.weight_ih_l{k}"] = flat_dz.T @ below.reshape(-1, H)
                dh = dz @ weights[f"rnn.weight_ih_l{k}"]
        for name, w in weights.items():
            adam_update(w, gradient[name], *moments[name], updates)
        yield float(loss)


def head_backward(states, targets, weights):
    """Return the loss, its gradient for the states (T, B, H), and that of the output layer."""
    T, B, H = states.shape
    flat = states.reshape(-1, H)
    logits = flat @ weights["head.weight"].T + weights["head.bias"]  # (T * B, V)
    logits -= logits.max(axis=1, keepdims=True)
    p = np.exp(logits)
    total = p.sum(axis=1, keepdims=True)
    rows = np.arange(T * B)
    loss = np.mean(np.log(total[:, 0]) - logits[rows, targets])
    p /= total
    p[rows, targets] -= 1
    p /= T * B
    gradient = {"head.weight": p.T @ flat, "head.bias": p.sum(axis=0)}
    return loss, (p @ weights["head.weight"]).reshape(T, B, H), gradient


def adam_update(w, gradient, m, v, updates):
    m += 0.1 * (gradient - m)
    v += 0.001 * (gradient**2 - v)
    scale = np.sqrt(v) / np.float32(np.sqrt(1 - 0.999**updates)) + np.float32(1e-8)
    w -= np.float32(1e-3 / (1 - 0.9**updates)) * m / scale


def rnn_forward(z, start, W_hh, b_hh):
    h = np.empty((len(z) + 1, *start[0].shape), dtype=np.float32)
    h[0] = start[0]
    z += b_hh
    for t, z_t in enumerate(z):
        z_t += h[t] @ W_hh.T
        np.tanh(z_t, out=h[t + 1])
    return {"h": h, "last": (h[-1],)}


def rnn_backward(dh, tape, W_hh):
    da = 1 - tape["h"][1:] ** 2  # so far the derivative of tanh; the loop makes it the gradient
    dh_next = 0
    for t in reversed(range(len(dh))):
        da[t] *= dh[t] + dh_next
        dh_next = da[t] @ W_hh
    return da, da


def gru_forward(z, start, W_hh, b_hh):
    H = W_hh.shape[1]
    h = np.empty((len(z) + 1, *start[0].shape), dtype=np.float32)
    h[0] = start[0]
    memory_n = np.empty_like(h[1:])  # W_hn h + b_hn, which r then scales
    for t, z_t in enumerate(z):  # z_t is overwritten with the gates r, z, n
        u = h[t] @ W_hh.T + b_hh
        gates, n = z_t[:, : 2 * H], z_t[:, 2 * H :]
        gates += u[:, : 2 * H]
        gates[:] = 1 / (1 + np.exp(-gates))
        memory_n[t] = u[:, 2 * H :]
        n += gates[:, :H] * memory_n[t]
        np.tanh(n, out=n)
        h[t + 1] = n + gates[:, H:] * (h[t] - n)
    return {"h": h, "gates": z, "memory_n": memory_n, "last": (h[-1],)}


def gru_backward(dh, tape, W_hh):
    H, h = W_hh.shape[1], tape["h"]
    r, z, n = (tape["gates"][..., k * H : (k + 1) * H] for k in range(3))
    slope_n, slope_z = (1 - z) * (1 - n**2), (h[:-1] - n) * z * (1 - z)
    slope_r = tape["memory_n"] * r * (1 - r)
    dz = np.empty_like(tape["gates"])
    du = np.empty_like(dz)
    dh_next = 0
    for t in reversed(range(len(dh))):
        dh_t = dh[t] + dh_next
        dz[t, :, 2 * H :] = dn = dh_t * slope_n[t]
        dz[t, :, H : 2 * H] = dh_t * slope_z[t]
        dz[t, :, :H] = dn * slope_r[t]
        du[t, :, : 2 * H], du[t, :, 2 * H :] = dz[t, :, : 2 * H], dn * r[t]
        dh_next = dh_t * z[t] + du[t] @ W_hh
    return dz, du


def lstm_forward(z, start, W_hh, b_hh):
    H = W_hh.shape[1]
    h, c = (np.empty((len(z) + 1, *start[0].shape), dtype=np.float32) for _ in range(2))
    h[0], c[0] = start
    tanh_c = np.empty_like(c[1:])
    z += b_hh
    for t, z_t in enumerate(z):  # z_t is overwritten with the gates i, f, g, o
        z_t += h[t] @ W_hh.T
        g = np.tanh(z_t[:, 2 * H : 3 * H])
        np.negative(z_t, out=z_t)
        np.exp(z_t, out=z_t)
        z_t += 1
        np.reciprocal(z_t, out=z_t)
        z_t[:, 2 * H : 3 * H] = g
        c[t + 1] = z_t[:, H : 2 * H] * c[t] + z_t[:, :H] * g
        np.tanh(c[t + 1], out=tanh_c[t])
        h[t + 1] = z_t[:, 3 * H :] * tanh_c[t]
    return {"h": h, "c": c, "gates": z, "tanh_c": tanh_c, "last": (h[-1], c[-1])}


def lstm_backward(dh, tape, W_hh):
    H, c, tanh_c = W_hh.shape[1], tape["c"], tape["tanh_c"]
    i, f, g, o = (tape["gates"][..., k * H : (k + 1) * H] for k in range(4))
    slopes = tape["gates"] * (1 - tape["gates"])
    slopes[..., :H] *= g
    slopes[..., H : 2 * H] *= c[:-1]
    slopes[..., 2 * H : 3 * H] = i * (1 - g**2)
    slopes[..., 3 * H :] *= tanh_c
    slope_c = o * (1 - tanh_c**2)
    dh_next = dc_next = 0
    for t in reversed(range(len(dh))):  # the slopes become the gradients of the gates' inputs
        dh_t = dh[t] + dh_next
        dc = dh_t * slope_c[t] + dc_next
        i_f_g = slopes[t, :, : 3 * H].reshape(-1, 3, H)
        i_f_g *= dc[:, None]
        slopes[t, :, 3 * H :] *= dh_t
        dc_next = dc * f[t]
        dh_next = slopes[t] @ W_hh
    return slopes, slopes


IN_NUMPY = {
    "RNN": (rnn_forward, rnn_backward),
    "GRU": (gru_forward, gru_backward),
    "LSTM": (lstm_forward, lstm_backward),
}


def jax_step(cell, h, z, W_hhT, b_hh):
    """Make one time step in JAX. `h` is the state, a tuple; `z` is the input's part of the sums."""
    import jax
    from jax import numpy as jnp

    u = h[0] @ W_hhT + b_hh
    if cell == "RNN":
        return (jnp.tanh(z + u),)
    if cell == "GRU":
        (zr, zz, zn), (ur, uz, un) = jnp.split(z, 3, -1), jnp.split(u, 3, -1)
        n = jnp.tanh(zn + jax.nn.sigmoid(zr + ur) * un)
        update = jax.nn.sigmoid(zz + uz)
        return ((1 - update) * n + update * h[0],)
    i, f, g, o = jnp.split(z + u, 4, -1)
    c = jax.nn.sigmoid(f) * h[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def jax_zeros(work, B):
    from jax import numpy as jnp

    return [(jnp.zeros((B, work.H)),) * (2 if work.cell == "LSTM" else 1)] * work.layers


@contender("JAX, a scan by hand, Adam of optax")
def jax_scan(work):
    import jax
    import optax
    from jax import numpy as jnp

    optimizer = optax.adam(1e-3)

    def loss_of(weights, x, y, states):
        below, new_states = None, []
        for k, state in enumerate(states):
            W_ih, b_ih = weights[f"rnn.weight_ih_l{k}"], weights[f"rnn.bias_ih_l{k}"]
            z = jax.nn.one_hot(x, V) @ W_ih.T + b_ih if k == 0 else below @ W_ih.T + b_ih
            W_hh, b_hh = weights[f"rnn.weight_hh_l{k}"], weights[f"rnn.bias_hh_l{k}"]

            def step(h, z_t, W_hh=W_hh, b_hh=b_hh):
                h = jax_step(work.cell, h, z_t, W_hh.T, b_hh)
                return h, h[0]

            state, below = jax.lax.scan(step, state, z)
            new_states.append(state)
        logits = below @ weights["head.weight"].T + weights["head.bias"]
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), new_states

    @jax.jit
    def update(weights, moments, x, y, states):
        (loss, states), gradient = jax.value_and_grad(loss_of, has_aux=True)(weights, x, y, states)
        change, moments = optimizer.update(gradient, moments)
        return optax.apply_updates(weights, change), moments, states, loss

    weights = {name: jnp.asarray(w) for name, w in work.weights().items()}
    moments, zeros = optimizer.init(weights), jax_zeros(work, work.B)
    states = zeros
    for is_first, x, y in work.batches():
        states = zeros if is_first else states
        weights, moments, states, loss = update(weights, moments, x.T, y.T, states)
        yield float(loss)


@contender("flax nnx.RNN, Adam of optax", code="flax", check="start")
def flax_nnx(work):
    import jax
    import optax
    from flax import nnx
    from jax import numpy as jnp

    H = work.H
    cells = {"RNN": nnx.SimpleCell, "GRU": nnx.GRUCell, "LSTM": nnx.OptimizedLSTMCell}

    class Net(nnx.Module):
        def __init__(self, rngs):
            widths = [V] + [H] * (work.layers - 1)
            self.layers = nnx.List(
                [nnx.RNN(cells[work.cell](width, H, rngs=rngs)) for width in widths]
            )
            self.head = nnx.Linear(H, V, rngs=rngs)

        def __call__(self, x, states):
            h, new_states = jax.nn.one_hot(x, V), []
            for layer, state in zip(self.layers, states, strict=True):
                state, h = layer(h, initial_carry=state, return_carry=True)
                new_states.append(state)
            return self.head(h), new_states

    net = Net(nnx.Rngs(0))
    weights = work.weights()
    for k, layer in enumerate(net.layers):
        cell = layer.cell
        cell.dense_i.kernel[...] = jnp.asarray(weights[f"rnn.weight_ih_l{k}"].T)
        cell.dense_h.kernel[...] = jnp.asarray(weights[f"rnn.weight_hh_l{k}"].T)
        with_bias = cell.dense_h if work.cell == "LSTM" else cell.dense_i
        with_bias.bias[...] = jnp.asarray(weights[f"rnn.bias_ih_l{k}"])
    net.head.kernel[...] = jnp.asarray(weights["head.weight"].T)
    net.head.bias[...] = jnp.asarray(weights["head.bias"])
    optimizer = nnx.Optimizer(net, optax.adam(1e-3), wrt=nnx.Param)

    def loss_of(net, x, y, states):
        logits, states = net(x, states)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), states

    @nnx.jit
    def update(net, optimizer, x, y, states):
        (loss, states), gradient = nnx.value_and_grad(loss_of, has_aux=True)(net, x, y, states)
        optimizer.update(net, gradient)
        return loss, states

    zeros = [state if work.cell == "LSTM" else state[0] for state in jax_zeros(work, work.B)]
    states = zeros
    for is_first, x, y in work.batches():
        loss, states = update(net, optimizer, x, y, zeros if is_first else states)
        yield float(loss)


@contender("Keras on JAX", code="keras", check="start", environment={"KERAS_BACKEND": "jax"})
def keras_on_jax(work):
    return keras_steps(work)


@contender("Keras on torch", code="keras", check="start", sizes="SGM",
           environment={"KERAS_BACKEND": "torch"})  # fmt: skip
def keras_on_torch(work):
    return keras_steps(work)


def keras_steps(work):
    import keras

    stateful = keras.backend.backend() != "torch"  # on torch, its stateful layers cannot train
    layer = {"RNN": "SimpleRNN"}.get(work.cell, work.cell)
    net = keras.Sequential([keras.Input(batch_shape=(work.B, work.T, V))])
    for _ in range(work.layers):
        net.add(getattr(keras.layers, layer)(work.H, return_sequences=True, stateful=stateful))
    net.add(keras.layers.Dense(V))
    net.compile(
        optimizer=keras.optimizers.Adam(1e-3, epsilon=1e-8),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    weights = work.weights()
    # In a GRU, Keras orders the gates z, r, n. In an LSTM it uses torch's order.
    gates = np.arange(weights["rnn.bias_ih_l0"].size)
    if work.cell == "GRU":
        gates = np.concatenate([gates[work.H : 2 * work.H], gates[: work.H], gates[2 * work.H :]])
    for k, layer in enumerate(net.layers[:-1]):
        W_ih, W_hh, b_ih, b_hh = (
            weights[f"rnn.{name}_l{k}"][gates]
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        bias = np.stack([b_ih, b_hh]) if work.cell == "GRU" else b_ih + b_hh
        layer.set_weights([W_ih.T, W_hh.T, bias])
    net.layers[-1].set_weights([weights["head.weight"].T, weights["head.bias"]])
    one_hot = np.eye(V, dtype=np.float32)
    for is_first, x, y in work.batches():
        if is_first and stateful:
            for layer in net.layers[:-1]:
                layer.reset_states()
        yield float(net.train_on_batch(one_hot[x], y))
