"""Weights carried between libraries: against the published equations, and the real libraries.

The equations are written below once more, in the names and the order of each library, so that they
share nothing with the module. The tests with the libraries run where these are installed, as by
``dev.py test --all``.
"""

import os
import re

import numpy as np
import pytest
import torch

from charseq.conversions import LAYOUTS, from_library, swap_update_gate, to_library
from charseq.reference import RNNParams, gru_forward, lstm_forward, rnn_forward

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
# How far states may differ from those in float64. They lie between -1 and 1, so a step adds a few
# roundings of up to 6e-8 in float32, and seven steps stay far below 1e-6 on every processor.
BAR = {"float32": 1e-6, "float64": 1e-12}
B, T, I, H = 4, 7, 3, 5  # noqa: E741 - the letters of the site
CASES = [  # library, cell, reset_after
    *((library, cell, True) for library in LAYOUTS for cell in GATES),
    ("keras", "GRU", False),
]
every_case = pytest.mark.parametrize(("library", "cell", "after"), CASES)
both_precisions = pytest.mark.parametrize("dtype", BAR)


def random_params(cell, library="torch", dtype="float64"):
    """Draw weights that the library can hold; their candidate has one bias where it must."""
    params = RNNParams.random(I, H, np.random.default_rng(0), gates=GATES[cell])
    params = RNNParams(*(array.astype(dtype) for array in params))
    if cell == "GRU" and library == "nnx":
        params.b_hh[2 * H :] = 0
    return params


def random_inputs(cell, dtype="float64"):
    """Return x, (B, T, I), and a state: h, or h and c."""
    rng = np.random.default_rng(1)
    states = [rng.uniform(-0.9, 0.9, (B, H)).astype(dtype) for _ in range(1 + (cell == "LSTM"))]
    return rng.normal(size=(B, T, I)).astype(dtype), states


def states_of(params, cell, x, states, reset_after=True):
    """Compute all states in float64 with the package's equations, which are tested with torch."""
    params = RNNParams(*(array.astype(float) for array in params))
    x, states = x.astype(float), [state.astype(float) for state in states]
    if cell == "LSTM":
        return lstm_forward(x, tuple(states), params)[0]
    if cell == "GRU":
        return gru_forward(x, states[0], params, reset_after=reset_after)[0]
    return rnn_forward(x, states[0], params)[0]


# --- the published equations, in NumPy ------------------------------------------------------------


def sigma(a):
    return 1 / (1 + np.exp(-a))


def lstm(i, f, g, o, c):
    c = sigma(f) * c + sigma(i) * np.tanh(g)
    return sigma(o) * np.tanh(c), c


def keras_step(w, cell, x, h, c, reset_after):
    """Keras' SimpleRNNCell, GRUCell and LSTMCell."""
    kernel, recurrent_kernel, bias = w
    if cell == "RNN":
        return np.tanh(x @ kernel + bias + h @ recurrent_kernel), c
    if cell == "GRU":
        input_bias, recurrent_bias = bias if reset_after else (bias, np.zeros_like(bias))
        x_z, x_r, x_h = np.split(x @ kernel + input_bias, 3)
        u_z, u_r, u_h = np.split(recurrent_kernel, 3, axis=1)
        b_z, b_r, b_h = np.split(recurrent_bias, 3)
        z, r = sigma(x_z + h @ u_z + b_z), sigma(x_r + h @ u_r + b_r)
        hh = np.tanh(x_h + (r * (h @ u_h + b_h) if reset_after else (r * h) @ u_h))
        return z * h + (1 - z) * hh, c
    return lstm(*np.split(x @ kernel + h @ recurrent_kernel + bias, 4), c)


def linen_step(w, cell, x, h, c, reset_after):
    """flax.linen's SimpleCell, GRUCell and (Optimized)LSTMCell."""
    with_bias = {"RNN": ["i"], "GRU": ["ir", "iz", "in", "hn"], "LSTM": ["hi", "hf", "hg", "ho"]}
    assert [name for name in w if "bias" in w[name]] == with_bias[cell]

    def dense(gate):
        inputs, state = (w[side + gate] for side in "ih")
        return x @ inputs["kernel"] + inputs.get("bias", 0), h @ state["kernel"] + state.get(
            "bias", 0
        )

    if cell == "RNN":
        return np.tanh(sum(dense(""))), c
    if cell == "GRU":
        r, z = sigma(sum(dense("r"))), sigma(sum(dense("z")))
        from_x, from_h = dense("n")
        return (1 - z) * np.tanh(from_x + r * from_h) + z * h, c
    return lstm(*(sum(dense(gate)) for gate in "ifgo"), c)


def nnx_step(w, cell, x, h, c, reset_after):
    """flax.nnx's SimpleCell, GRUCell and OptimizedLSTMCell."""
    side, other = ("dense_h", "dense_i") if cell == "LSTM" else ("dense_i", "dense_h")
    assert "bias" not in w[other]
    hs = h @ w["dense_h"]["kernel"]
    xs = x @ w["dense_i"]["kernel"] + w[side]["bias"]
    if cell == "RNN":
        return np.tanh(xs + hs), c
    if cell == "GRU":
        (x_r, x_z, x_n), (h_r, h_z, h_n) = np.split(xs, 3), np.split(hs, 3)
        r, z = sigma(x_r + h_r), sigma(x_z + h_z)
        return (1 - z) * np.tanh(x_n + r * h_n) + z * h, c
    return lstm(*np.split(xs + hs, 4), c)


def change(function, weights):
    """Apply a function to each array of weights."""
    if isinstance(weights, dict):
        return {name: change(function, item) for name, item in weights.items()}
    if isinstance(weights, list):
        return [change(function, item) for item in weights]
    return function(weights)


def to_numpy(tensor):
    return tensor.detach().cpu().numpy() if isinstance(tensor, torch.Tensor) else np.asarray(tensor)


def run_torch(weights, cell, x, states, reset_after=True):
    """Set the weights of a layer of torch, if there are any, run it, return weights and states."""
    layer = getattr(torch.nn, cell)(I, H, batch_first=True, dtype=getattr(torch, x.dtype.name))
    if weights is not None:
        layer.load_state_dict(change(torch.from_numpy, weights))
    start = tuple(torch.from_numpy(state[None]) for state in states)
    outputs, _ = layer(torch.from_numpy(x), start if cell == "LSTM" else start[0])
    return change(to_numpy, dict(layer.state_dict())), to_numpy(outputs)


STEPS = {"keras": keras_step, "linen": linen_step, "nnx": nnx_step}


def states_by_equations(weights, library, cell, x, states, reset_after=True):
    """Compute all states, one sequence and one step after the other; torch has its own layers."""
    if library == "torch":
        return run_torch(weights, cell, x, states)[1]
    outputs = np.zeros((B, T, H), x.dtype)
    for k in range(B):
        h, c = states[0][k], states[-1][k]
        for t in range(T):
            h, c = STEPS[library](weights, cell, x[k, t], h, c, reset_after)
            outputs[k, t] = h
    return outputs


# --- every library by its equations ---------------------------------------------------------------


def arrays_of(weights):
    found = []
    change(found.append, weights)
    return found


@both_precisions
@every_case
def test_weights_compute_the_same_states_by_the_equations_of_a_library_and_come_back(
    library, cell, after, dtype
):
    how = {"library": library, "cell": cell, "reset_after": after}
    x, states = random_inputs(cell, dtype)
    ours = random_params(cell, library, dtype)
    given = to_library(ours, **how)
    rng = np.random.default_rng(2)  # draws every number by itself, also of several biases
    drawn = change(lambda a: rng.uniform(-0.6, 0.6, a.shape).astype(dtype), given)
    back = from_library(drawn, **how)
    assert {array.dtype for array in back} == {np.dtype(dtype)}
    for weights, params in ((given, ours), (drawn, back)):
        theirs = states_by_equations(weights, library, cell, x, states, after)
        assert theirs.dtype == dtype
        expected = states_of(params, cell, x, states, after)
        np.testing.assert_allclose(theirs, expected, rtol=0, atol=BAR[dtype])
        assert not any(np.shares_memory(a, b) for a in arrays_of(weights) for b in params)
    again = to_library(back, **how)
    assert type(again) is type(drawn)
    assert all(map(np.array_equal, arrays_of(again), arrays_of(drawn)))


def test_swapping_the_update_gate_exchanges_z_and_1_minus_z():
    params = random_params("GRU")
    x, ((h, *_),) = random_inputs("GRU")
    swapped = to_library(swap_update_gate(params), "torch", "GRU")
    outputs = []
    for x_t in x[0]:
        gi = swapped["weight_ih_l0"] @ x_t + swapped["bias_ih_l0"]
        gh = swapped["weight_hh_l0"] @ h + swapped["bias_hh_l0"]
        (ir, iz, in_), (hr, hz, hn) = np.split(gi, 3), np.split(gh, 3)
        z, n = sigma(iz + hz), np.tanh(in_ + sigma(ir + hr) * hn)
        h = (1 - z) * h + z * n  # as in many papers
        outputs.append(h)
    np.testing.assert_allclose(
        outputs, states_of(params, "GRU", *random_inputs("GRU"))[0], rtol=0, atol=1e-12
    )


def test_integers_become_floats_and_an_underscore_at_the_end_of_a_key_is_ignored():
    whole = RNNParams(*(np.ones(shape, int) for shape in ((4, 1), (4, 1), (4,), (4,))))
    *_, bias = to_library(whole, "keras", "LSTM")
    assert bias.dtype.kind == "f"
    assert bias.tolist() == [2, 2, 2, 2]  # the sums of both
    weights = to_library(whole, "linen", "LSTM")
    weights["if_"] = weights.pop("if")  # as in nnx.LSTMCell
    assert np.array_equal(from_library(weights, "linen", "LSTM").W_ih, whole.W_ih)


def zeros(*shapes):
    return [np.zeros(shape) for shape in shapes]


LSTM = "the LSTM of Keras has kernel (I, 4H), recurrent_kernel (H, 4H), bias (4H,); got "
BEFORE = "the reset gate acts after the matrix W_hn, and reset_after=False says that with these"
REFUSED = [
    (lambda: from_library(zeros((8, 3), (8, 2), 8), "keras", "LSTM"), f"{LSTM}kernel (8, 3), rec"),
    (lambda: from_library(zeros((3, 8), (2, 8)), "keras", "LSTM"), f"{LSTM}0 (3, 8), 1 (2, 8)"),
    (lambda: from_library(zeros((3, 6), (2, 6), 6), "keras", "GRU"), "bias (2, 3H); got kernel (3"),
    (lambda: from_library({"i": {"kernel": zeros(3)[0]}}, "linen", "RNN"), "got i/kernel (3,)"),
    (lambda: from_library(np.zeros(3), "keras", "GRU"), "a list or dict of weights, got ndarray"),
    (lambda: from_library({}, "torch", "gru"), "cell must be one of RNN, GRU, LSTM, got 'gru'"),
    (lambda: from_library({}, "nnx", "GRU", reset_after=False), f"in the GRU of flax.nnx {BEFORE}"),
    (lambda: to_library(random_params("LSTM"), "keras", "LSTM", reset_after=False), "no reset gat"),
    (lambda: to_library(random_params("GRU"), "theano", "GRU"), "library must be one of torch, ke"),
    (lambda: to_library(random_params("GRU"), "keras", "LSTM"), "W_ih must have shape (4H, V), go"),
    (lambda: to_library(random_params("GRU"), "nnx", "GRU"), "expected zeros in b_hh[10:15], got "),
    (lambda: swap_update_gate(random_params("LSTM")), "W_ih must have shape (3H, V), got (20, 3)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_does_not_fit_is_refused_with_what_was_found_and_expected(call, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        call()


# --- the libraries themselves ---------------------------------------------------------------------


def a_library(test):
    """Mark a test that runs another library, which may warn of what it deprecates, of itself."""
    return pytest.mark.world(pytest.mark.filterwarnings("ignore")(test))


def run_keras(weights, cell, x, states, reset_after=True):
    """Do the same with a layer of Keras."""
    keras = pytest.importorskip("keras")
    kinds = {"RNN": keras.layers.SimpleRNN, "GRU": keras.layers.GRU, "LSTM": keras.layers.LSTM}
    options = {"reset_after": reset_after} if cell == "GRU" else {}
    bias = keras.initializers.RandomUniform(-0.5, 0.5, seed=3)
    layer = kinds[cell](
        H, return_sequences=True, dtype=x.dtype.name, bias_initializer=bias, **options
    )
    layer.build(x.shape)
    if weights is not None:
        layer.set_weights(weights)
    return layer.get_weights(), to_numpy(layer(x, initial_state=states))


def run_linen(weights, cell, x, states, reset_after=True):
    """Do the same with a cell of flax.linen."""
    jax = pytest.importorskip("jax")
    linen = pytest.importorskip("flax.linen")
    kinds = {"RNN": linen.SimpleCell, "GRU": linen.GRUCell, "LSTM": linen.OptimizedLSTMCell}
    with jax.enable_x64(x.dtype == "float64"):
        bias = jax.nn.initializers.uniform(0.5)
        rnn = linen.RNN(kinds[cell](H, dtype=x.dtype, param_dtype=x.dtype, bias_init=bias))
        if weights is None:
            weights = rnn.init(jax.random.key(3), x)["params"]["cell"]
        carry = tuple(states[::-1]) if cell == "LSTM" else states[0]  # (c, h)
        outputs = rnn.apply({"params": {"cell": weights}}, x, initial_carry=carry)
    return weights, np.asarray(outputs)


def run_nnx(weights, cell, x, states, reset_after=True):
    """Do the same with a cell of flax.nnx."""
    jax = pytest.importorskip("jax")
    nnx = pytest.importorskip("flax.nnx")
    kinds = {"RNN": nnx.SimpleCell, "GRU": nnx.GRUCell, "LSTM": nnx.OptimizedLSTMCell}
    with jax.enable_x64(x.dtype == "float64"):
        options = {"dtype": x.dtype, "param_dtype": x.dtype, "rngs": nnx.Rngs(3)}
        module = kinds[cell](I, H, bias_init=jax.nn.initializers.uniform(0.5), **options)
        if weights is not None:
            nnx.update(module, weights)
        carry = tuple(states[::-1]) if cell == "LSTM" else states[0]  # (c, h)
        outputs = nnx.RNN(module)(x, initial_carry=carry)
        weights = nnx.to_pure_dict(nnx.state(module, nnx.Param))
    return weights, np.asarray(outputs)


RUN = {"torch": run_torch, "keras": run_keras, "linen": run_linen, "nnx": run_nnx}


@a_library
@both_precisions
@every_case
def test_a_layer_of_the_library_has_the_states_of_the_weights_in_both_directions(
    library, cell, after, dtype
):
    # On torch, Keras 3 multiplies float64 matrices in float32, except in the two layers that call
    # torch's own functions: LSTM, and GRU with reset_after=True.
    rough = library == "keras" and (cell == "RNN" or not after)
    bar = BAR["float32" if rough else dtype]
    x, states = random_inputs(cell, dtype)
    params = random_params(cell, library, dtype)
    weights = to_library(params, library, cell, reset_after=after)
    _, theirs = RUN[library](weights, cell, x, states, after)
    np.testing.assert_allclose(theirs, states_of(params, cell, x, states, after), rtol=0, atol=bar)
    drawn, theirs = RUN[library](None, cell, x, states, after)
    assert change(np.shape, drawn) == change(np.shape, weights)
    params = from_library(drawn, library, cell, reset_after=after)
    assert params.W_ih.dtype == dtype
    np.testing.assert_allclose(theirs, states_of(params, cell, x, states, after), rtol=0, atol=bar)
