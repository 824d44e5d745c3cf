"""Weights carried between Keras and PyTorch: against the published equations, and Keras itself.

The equations are written below once more, in the names and the order of Keras, so that they share
nothing with the module. The test with Keras runs where it is installed, as by
``dev.py test --all``.
"""

import os
import re

import numpy as np
import pytest
import torch

from charseq.conversions import from_keras, swap_update_gate, to_keras
from charseq.reference import RNNParams, gru_forward, lstm_forward, rnn_forward

os.environ.setdefault("KERAS_BACKEND", "torch")

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
# How far states may differ from those in float64. They lie between -1 and 1, so a step adds a few
# roundings of up to 6e-8 in float32, and seven steps stay far below 1e-6 on every processor.
BAR = {"float32": 1e-6, "float64": 1e-12}
B, T, I, H = 4, 7, 3, 5  # noqa: E741 - the letters of the site
CASES = [*((cell, True) for cell in GATES), ("GRU", False)]
every_case = pytest.mark.parametrize(("cell", "after"), CASES)
both_precisions = pytest.mark.parametrize("dtype", BAR)


def random_params(cell, dtype="float64"):
    params = RNNParams.random(I, H, np.random.default_rng(0), gates=GATES[cell])
    return RNNParams(*(array.astype(dtype) for array in params))


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


def keras_step(w, cell, x, h, c, reset_after):
    """Keras' SimpleRNNCell, GRUCell and LSTMCell."""
    kernel, recurrent_kernel, bias = w
    if cell == "RNN":
        return np.tanh(x @ kernel + bias + h @ recurrent_kernel), c
    if cell == "GRU":
        input_bias, recurrent_bias = bias if reset_after else (bias, np.zeros_like(bias))
        x_z, x_r, x_h = np.split(x @ kernel + input_bias, 3, axis=1)
        u_z, u_r, u_h = np.split(recurrent_kernel, 3, axis=1)
        b_z, b_r, b_h = np.split(recurrent_bias, 3)
        z, r = sigma(x_z + h @ u_z + b_z), sigma(x_r + h @ u_r + b_r)
        hh = np.tanh(x_h + (r * (h @ u_h + b_h) if reset_after else (r * h) @ u_h))
        return z * h + (1 - z) * hh, c
    i, f, g, o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4, axis=1)
    c = sigma(f) * c + sigma(i) * np.tanh(g)
    return sigma(o) * np.tanh(c), c


def keras_states(weights, cell, x, states, reset_after):
    """Compute all states, one step after the other."""
    h, c, outputs = states[0], states[-1], np.zeros((B, T, H), x.dtype)
    for t in range(T):
        h, c = keras_step(weights, cell, x[:, t], h, c, reset_after)
        outputs[:, t] = h
    return outputs


@both_precisions
@every_case
def test_weights_compute_the_same_states_by_the_equations_of_keras_and_come_back(
    cell, after, dtype
):
    x, states = random_inputs(cell, dtype)
    ours = random_params(cell, dtype)
    given = to_keras(ours, cell, reset_after=after)
    rng = np.random.default_rng(2)  # draws every number by itself, also of two biases
    drawn = [rng.uniform(-0.6, 0.6, array.shape).astype(dtype) for array in given]
    back = from_keras(drawn, cell, reset_after=after)
    assert {array.dtype for array in back} == {np.dtype(dtype)}
    for weights, params in ((given, ours), (drawn, back)):
        theirs = keras_states(weights, cell, x, states, after)
        assert theirs.dtype == dtype
        expected = states_of(params, cell, x, states, after)
        np.testing.assert_allclose(theirs, expected, rtol=0, atol=BAR[dtype])
        assert not any(np.shares_memory(a, b) for a in weights for b in params)
    assert all(map(np.array_equal, to_keras(back, cell, reset_after=after), drawn))


def test_swapping_the_update_gate_exchanges_z_and_1_minus_z():
    params = random_params("GRU")
    x, ((h, *_),) = random_inputs("GRU")
    swapped = swap_update_gate(params)
    outputs = []
    for x_t in x[0]:
        gi, gh = swapped.W_ih @ x_t + swapped.b_ih, swapped.W_hh @ h + swapped.b_hh
        (ir, iz, in_), (hr, hz, hn) = np.split(gi, 3), np.split(gh, 3)
        z, n = sigma(iz + hz), np.tanh(in_ + sigma(ir + hr) * hn)
        h = (1 - z) * h + z * n  # as in many papers
        outputs.append(h)
    np.testing.assert_allclose(
        outputs, states_of(params, "GRU", *random_inputs("GRU"))[0], rtol=0, atol=1e-12
    )


def test_integers_become_floats_and_two_biases_of_an_lstm_are_added():
    whole = RNNParams(*(np.ones(shape, int) for shape in ((4, 1), (4, 1), (4,), (4,))))
    *_, bias = to_keras(whole, "LSTM")
    assert bias.dtype.kind == "f"
    assert bias.tolist() == [2, 2, 2, 2]


def zeros(*shapes):
    return [np.zeros(shape) for shape in shapes]


LSTM = "the LSTM of Keras has kernel (I, 4H), recurrent_kernel (H, 4H), bias (4H,); got "
REFUSED = [
    (lambda: from_keras(zeros((8, 3), (8, 2), 8), "LSTM"), f"{LSTM}(8, 3), (8, 2), (8,)"),
    (lambda: from_keras(zeros((3, 8), (2, 8)), "LSTM"), f"{LSTM}(3, 8), (2, 8)"),
    (lambda: from_keras([], "LSTM"), f"{LSTM}nothing"),
    (lambda: from_keras(zeros(8, 8, 8), "LSTM"), f"{LSTM}(8,), (8,), (8,)"),
    (lambda: from_keras(zeros((3, 6), (2, 6), 6), "GRU"), "bias (2, 3H); got (3, 6), (2, 6), (6,)"),
    (lambda: from_keras(np.zeros(3), "GRU"), "expected a list of weights, got ndarray"),
    (lambda: from_keras([], "gru"), "cell must be one of RNN, GRU, LSTM, got 'gru'"),
    (lambda: to_keras(random_params("LSTM"), "LSTM", reset_after=False), "no reset gate"),
    (lambda: to_keras(random_params("GRU"), "LSTM"), "W_ih must have shape (4H, V), go"),
    (lambda: to_keras([], "LSTM"), "expected the weights as RNNParams, got list"),
    (lambda: swap_update_gate(random_params("LSTM")), "W_ih must have shape (3H, V), got (20, 3)"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_does_not_fit_is_refused_with_what_was_found_and_expected(call, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        call()


# --- Keras itself ---------------------------------------------------------------------------------


def run_keras(weights, cell, x, states, reset_after):
    """Set the weights of a layer of Keras, if there are any, run it, return weights and states."""
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
    outputs = layer(x, initial_state=states)
    return layer.get_weights(), np.asarray(torch.as_tensor(outputs).detach())


@pytest.mark.world
@pytest.mark.filterwarnings("ignore")  # Keras may warn of what it deprecates, of itself
@both_precisions
@every_case
def test_a_layer_of_keras_has_the_states_of_the_weights_in_both_directions(cell, after, dtype):
    # On torch, Keras 3 multiplies float64 matrices in float32, except in the two layers that call
    # torch's own functions: LSTM, and GRU with reset_after=True.
    bar = BAR["float32" if cell == "RNN" or not after else dtype]
    x, states = random_inputs(cell, dtype)
    params = random_params(cell, dtype)
    weights = to_keras(params, cell, reset_after=after)
    _, theirs = run_keras(weights, cell, x, states, after)
    np.testing.assert_allclose(theirs, states_of(params, cell, x, states, after), rtol=0, atol=bar)
    drawn, theirs = run_keras(None, cell, x, states, after)
    assert [array.shape for array in drawn] == [array.shape for array in weights]
    params = from_keras(drawn, cell, reset_after=after)
    assert params.W_ih.dtype == dtype
    np.testing.assert_allclose(theirs, states_of(params, cell, x, states, after), rtol=0, atol=bar)
