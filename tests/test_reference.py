"""The NumPy equations against torch, in float64.

Forward passes agree to 1e-12. Gradients agree to 1e-10 with autograd, and to 1e-6 with central
differences.
"""

import functools
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from charseq.reference import (
    RNNParams,
    attention,
    bidirectional_forward,
    bptt_jacobian,
    cross_entropy,
    cross_entropy_backward,
    gru_backward,
    gru_forward,
    gru_gates,
    gru_step,
    layer_norm,
    linear_recurrence,
    linear_recurrence_backward,
    loss_floor,
    lstm_backward,
    lstm_forward,
    lstm_gates,
    lstm_step,
    output_layer,
    output_layer_backward,
    parallel_scan,
    rnn_backward,
    rnn_forward,
    rnn_step,
    sgd_momentum,
    sigmoid,
    softmax,
)

EXACT = {"rtol": 1e-12, "atol": 1e-12}
GRADIENT = {"rtol": 1e-10, "atol": 1e-12}
sizes = st.integers(1, 9)
small = st.integers(1, 4)
seeds = st.integers(0, 2**32 - 1)


def as_torch(array):
    return torch.from_numpy(np.asarray(array, dtype=np.float64))


def copy_into(layer, params, suffix):
    for name, value in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), params, strict=True):
        getattr(layer, name + suffix).data = as_torch(value)
    return layer


def normal(seed, *shape, scale=1.0):
    return np.random.default_rng(seed).normal(0, scale, shape)


@pytest.fixture
def params():
    return RNNParams.random(input_size=4, hidden_size=2, rng=np.random.default_rng(0))


# --- rnn-step ---------------------------------------------------------------------------------


@given(B=sizes, V=sizes, H=sizes, seed=seeds)
def test_rnn_step_matches_torch_rnn_cell(B, V, H, seed):
    params = RNNParams.random(V, H, np.random.default_rng(seed))
    cell = copy_into(nn.RNNCell(V, H).double(), params, "")
    x, h = normal(seed, B, V), normal(seed + 1, B, H)
    expected = cell(as_torch(x), as_torch(h)).detach()
    np.testing.assert_allclose(rnn_step(x, h, params), expected, **EXACT)


def test_rnn_step_does_not_change_its_arguments(params):
    x, h = normal(0, 3, 4), normal(1, 3, 2)
    before = [a.copy() for a in (x, h, *params)]
    rnn_step(x, h, params)
    for now, then in zip((x, h, *params), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize(
    ("x", "h", "message"),
    [
        ((3, 5), (3, 2), r"^x must have shape \(B, 4\), got \(3, 5\)$"),
        ((4,), (3, 2), r"^x must have shape \(B, 4\), got \(4,\); .*batch axis missing.*x\[None\]"),
        ((), (3, 2), r"^x must have shape \(B, 4\), got \(\)$"),
        ((3, 5, 4), (3, 2), r"^x must have shape \(B, 4\), got \(3, 5, 4\)$"),
        ((3, 4), (3, 4), r"^h must have shape \(3, 2\), got \(3, 4\)$"),
        ((3, 4), (1, 2), r"^h must have shape \(3, 2\), got \(1, 2\)$"),
        ((3, 4), (2,), r"^h must have shape \(3, 2\), got \(2,\); .*h\[None\]"),
    ],
)
def test_rnn_step_error_names_the_wrong_shape(x, h, message, params):
    with pytest.raises(ValueError, match=message):
        rnn_step(np.zeros(x), np.zeros(h), params)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("W_ih", (2,), r"^W_ih must have shape \(H, V\), got \(2,\)$"),
        ("W_hh", (2, 3), r"^W_hh must have shape \(2, 2\), got \(2, 3\)$"),
        ("b_ih", (1,), r"^b_ih must have shape \(2,\), got \(1,\)$"),
        ("b_hh", (3, 2), r"^b_hh must have shape \(2,\), got \(3, 2\)$"),
        ("b_hh", (), r"^b_hh must have shape \(2,\), got \(\)$"),
    ],
)
def test_rnn_step_refuses_parameters_of_inconsistent_shapes(name, shape, message, params):
    wrong_params = params._replace(**{name: np.zeros(shape)})
    with pytest.raises(ValueError, match=message):
        rnn_step(np.zeros((3, 4)), np.zeros((3, 2)), wrong_params)
    with pytest.raises(ValueError, match=message):
        rnn_forward(np.zeros((3, 5, 4)), np.zeros((3, 2)), wrong_params)


@given(V=sizes, H=sizes, cell=st.sampled_from([nn.RNNCell, nn.GRUCell, nn.LSTMCell]), seed=seeds)
def test_random_parameters_have_the_shapes_and_bounds_of_torch(V, H, cell, seed):
    gates = {nn.RNNCell: 1, nn.GRUCell: 3, nn.LSTMCell: 4}[cell]
    params = RNNParams.random(V, H, np.random.default_rng(seed), gates=gates)
    layer = cell(V, H)
    assert [p.shape for p in params] == [tuple(p.shape) for p in layer.parameters()]
    assert all(p.dtype == np.float64 for p in params)
    assert max(np.abs(p).max() for p in params) <= 1 / math.sqrt(H)


@pytest.mark.parametrize("which", range(4))
def test_random_parameters_spread_over_the_whole_interval_of_torch(which):
    values = RNNParams.random(400, 400, np.random.default_rng(0))[which]
    bound = 1 / math.sqrt(400)
    assert values.min() < -0.95 * bound
    assert values.max() > 0.95 * bound
    assert abs(values.mean()) < 0.1 * bound


@pytest.mark.parametrize(("V", "H", "name"), [(0, 2, "input_size"), (2, 0, "hidden_size")])
def test_random_parameters_need_sizes_of_at_least_one(V, H, name):
    with pytest.raises(ValueError, match=f"^{name} must be at least 1, got 0"):
        RNNParams.random(V, H, np.random.default_rng(0))
    assert RNNParams.random(1, 1, np.random.default_rng(0)).W_ih.shape == (1, 1)


def test_random_parameters_need_at_least_one_gate():
    with pytest.raises(ValueError, match=r"^gates must be at least 1, got 0"):
        RNNParams.random(2, 2, np.random.default_rng(0), gates=0)


# --- rnn-forward ------------------------------------------------------------------------------


@given(B=sizes, T=sizes, V=sizes, H=sizes, seed=seeds)
def test_rnn_forward_matches_torch_rnn(B, T, V, H, seed):
    params = RNNParams.random(V, H, np.random.default_rng(seed))
    layer = copy_into(nn.RNN(V, H, batch_first=True).double(), params, "_l0")
    x, h = normal(seed, B, T, V), normal(seed + 1, B, H)
    expected = layer(as_torch(x), as_torch(h)[None])
    outputs, last = rnn_forward(x, h, params)
    np.testing.assert_allclose(outputs, expected[0].detach(), **EXACT)
    np.testing.assert_allclose(last, expected[1][0].detach(), **EXACT)
    np.testing.assert_array_equal(last, outputs[:, -1])


def test_rnn_forward_applied_layer_by_layer_matches_a_stacked_torch_rnn():
    layer = nn.RNN(3, 5, num_layers=2, batch_first=True).double()
    x = normal(0, 2, 7, 3)
    states = x
    for index in range(2):
        states, _ = rnn_forward(states, np.zeros((2, 5)), RNNParams.from_torch(layer, index))
    np.testing.assert_allclose(states, layer(as_torch(x))[0].detach(), **EXACT)


@pytest.mark.parametrize(("kind", "gates"), [(nn.RNN, 1), (nn.GRU, 3), (nn.LSTM, 4)])
def test_copied_parameters_have_the_shapes_of_the_chosen_layer(kind, gates):
    layer = kind(3, 5, num_layers=2)
    params = RNNParams.from_torch(layer, 1)
    assert params.W_ih.shape == params.W_hh.shape == (gates * 5, 5)
    np.testing.assert_array_equal(params.b_hh, layer.bias_hh_l1.detach())


def test_copied_parameters_keep_the_dtype_and_do_not_share_memory():
    layer = nn.RNN(3, 5)
    params = RNNParams.from_torch(layer)
    assert params.W_ih.dtype == np.float32
    before = params.W_ih.copy()
    layer.weight_ih_l0.data.zero_()
    np.testing.assert_array_equal(params.W_ih, before)


@pytest.mark.parametrize(
    ("layer", "index", "message"),
    [
        (
            nn.Linear(2, 2),
            0,
            r"expected a torch.nn.RNN, .* Linear lacks weight_ih_l0, weight_hh_l0",
        ),
        (nn.GRU(2, 2, bias=False), 0, r"GRU lacks bias_ih_l0, bias_hh_l0$"),
        (nn.RNN(2, 2, bias=False), 0, r"RNN lacks bias_ih_l0, bias_hh_l0$"),
        (nn.RNN(2, 2), 1, r"RNN lacks weight_ih_l1"),
    ],
)
def test_copied_parameters_need_a_recurrent_layer_with_biases(layer, index, message):
    with pytest.raises(TypeError, match=message):
        RNNParams.from_torch(layer, index)


@pytest.mark.parametrize(
    ("x", "h", "message"),
    [
        ((5, 4), (3, 2), r"^x must have shape \(B, T, 4\), got \(5, 4\); .*x\[None\]"),
        ((3, 5, 2), (3, 2), r"^x must have shape \(B, T, 4\), got \(3, 5, 2\)$"),
        ((3, 0, 4), (3, 2), r"x has no time steps: .*at least 1, got shape \(3, 0, 4\)$"),
        ((3, 5, 4), (1, 3, 2), r"^h must have shape \(3, 2\), got \(1, 3, 2\)$"),
    ],
)
def test_rnn_forward_error_names_the_wrong_shape(x, h, message, params):
    with pytest.raises(ValueError, match=message):
        rnn_forward(np.zeros(x), np.zeros(h), params)


# --- bidirectional-forward --------------------------------------------------------------------


@given(B=small, T=sizes, V=sizes, H=sizes, seed=seeds)
def test_bidirectional_forward_matches_torch_rnn(B, T, V, H, seed):
    rng = np.random.default_rng(seed)
    params = RNNParams.random(V, H, rng), RNNParams.random(V, H, rng)
    layer = nn.RNN(V, H, batch_first=True, bidirectional=True).double()
    for direction, suffix in zip(params, ("_l0", "_l0_reverse"), strict=True):
        copy_into(layer, direction, suffix)
    x, h = normal(seed, B, T, V), normal(seed + 1, 2, B, H)
    expected = layer(as_torch(x), as_torch(h))
    outputs, last = bidirectional_forward(x, h, params)
    np.testing.assert_allclose(outputs, expected[0].detach(), **EXACT)
    np.testing.assert_allclose(last, expected[1].detach(), **EXACT)


def test_bidirectional_forward_ends_at_the_last_character_and_at_the_first():
    rng = np.random.default_rng(0)
    params = RNNParams.random(4, 3, rng), RNNParams.random(4, 3, rng)
    outputs, last = bidirectional_forward(normal(0, 2, 5, 4), np.zeros((2, 2, 3)), params)
    np.testing.assert_array_equal(last, [outputs[:, -1, :3], outputs[:, 0, 3:]])


# --- sigmoid ----------------------------------------------------------------------------------


@given(
    shape=st.lists(st.integers(1, 4), max_size=3), scale=st.sampled_from([1, 30, 1e4]), seed=seeds
)
def test_sigmoid_matches_torch(shape, scale, seed):
    a = normal(seed, *shape, scale=scale)
    np.testing.assert_allclose(sigmoid(a), torch.sigmoid(as_torch(a)), **EXACT)


def test_sigmoid_does_not_overflow_for_huge_numbers():
    np.testing.assert_array_equal(sigmoid(np.array([-1e300, 0, 1e300])), [0, 0.5, 1])


# --- lstm-gates, lstm-step, lstm-forward ------------------------------------------------------


@given(batch_shape=st.lists(st.integers(1, 3), max_size=3), V=sizes, H=sizes, seed=seeds)
def test_lstm_gates_use_the_block_order_of_torch(batch_shape, V, H, seed):
    params = RNNParams.random(V, H, np.random.default_rng(seed), gates=4)
    x, h = normal(seed, *batch_shape, V), normal(seed + 1, *batch_shape, H)
    W_ih, W_hh, b_ih, b_hh = (as_torch(p).unflatten(0, (4, H)) for p in params)
    squash = (torch.sigmoid, torch.sigmoid, torch.tanh, torch.sigmoid)
    for block, gate in enumerate(lstm_gates(x, h, params)):
        a = as_torch(x) @ W_ih[block].T + b_ih[block] + as_torch(h) @ W_hh[block].T + b_hh[block]
        np.testing.assert_allclose(gate, squash[block](a), **EXACT)


@given(B=sizes, V=sizes, H=sizes, seed=seeds)
def test_lstm_step_matches_torch_lstm_cell(B, V, H, seed):
    params = RNNParams.random(V, H, np.random.default_rng(seed), gates=4)
    cell = copy_into(nn.LSTMCell(V, H).double(), params, "")
    x, h, c = normal(seed, B, V), normal(seed + 1, B, H), normal(seed + 2, B, H, scale=3)
    expected = cell(as_torch(x), (as_torch(h), as_torch(c)))
    for actual, expected_part in zip(lstm_step(x, (h, c), params), expected, strict=True):
        np.testing.assert_allclose(actual, expected_part.detach(), **EXACT)


@given(B=sizes, T=sizes, V=sizes, H=sizes, seed=seeds)
def test_lstm_forward_matches_torch_lstm(B, T, V, H, seed):
    params = RNNParams.random(V, H, np.random.default_rng(seed), gates=4)
    layer = copy_into(nn.LSTM(V, H, batch_first=True).double(), params, "_l0")
    x, h, c = normal(seed, B, T, V), normal(seed + 1, B, H), normal(seed + 2, B, H)
    expected, (h_n, c_n) = layer(as_torch(x), (as_torch(h)[None], as_torch(c)[None]))
    outputs, (last, last_cell) = lstm_forward(x, (h, c), params)
    np.testing.assert_allclose(outputs, expected.detach(), **EXACT)
    np.testing.assert_allclose(last, h_n[0].detach(), **EXACT)
    np.testing.assert_allclose(last_cell, c_n[0].detach(), **EXACT)
    np.testing.assert_array_equal(last, outputs[:, -1])


# --- gru-gates, gru-step, gru-forward ---------------------------------------------------------


def gru_in_torch(x, h, params, reset_after):
    """Compute the GRU of the paper, or that of torch, step by step, so that autograd can follow."""
    W_ih, W_hh, b_ih, b_hh = params
    (W_hr, W_hz, W_hn), (b_hr, b_hz, b_hn) = W_hh.chunk(3), b_hh.chunk(3)
    states = []
    for x_t in x.unbind(1):
        x_r, x_z, x_n = (x_t @ W_ih.T + b_ih).chunk(3, dim=1)
        r = torch.sigmoid(x_r + h @ W_hr.T + b_hr)
        z = torch.sigmoid(x_z + h @ W_hz.T + b_hz)
        memory = r * (h @ W_hn.T + b_hn) if reset_after else (r * h) @ W_hn.T + b_hn
        h = (1 - z) * torch.tanh(x_n + memory) + z * h
        states.append(h)
    return torch.stack(states, dim=1), h


@given(batch_shape=st.lists(st.integers(1, 3), max_size=3), V=sizes, H=sizes, seed=seeds)
def test_gru_gates_use_the_block_order_of_torch(batch_shape, V, H, seed):
    params = RNNParams.random(V, H, np.random.default_rng(seed), gates=3)
    x, h = normal(seed, *batch_shape, V), normal(seed + 1, *batch_shape, H)
    W_ih, W_hh, b_ih, b_hh = (as_torch(p).unflatten(0, (3, H)) for p in params)
    from_x = [as_torch(x) @ W_ih[k].T + b_ih[k] for k in range(3)]
    r, z = (torch.sigmoid(from_x[k] + as_torch(h) @ W_hh[k].T + b_hh[k]) for k in range(2))
    after = r * (as_torch(h) @ W_hh[2].T + b_hh[2])
    before = (r * as_torch(h)) @ W_hh[2].T + b_hh[2]
    for reset_after, memory in ((True, after), (False, before)):
        gates = gru_gates(x, h, params, reset_after=reset_after)
        for actual, expected in zip(gates, (r, z, torch.tanh(from_x[2] + memory)), strict=True):
            np.testing.assert_allclose(actual, expected, **EXACT)


@given(B=sizes, V=sizes, H=sizes, seed=seeds)
def test_gru_step_matches_torch_gru_cell(B, V, H, seed):
    params = RNNParams.random(V, H, np.random.default_rng(seed), gates=3)
    cell = copy_into(nn.GRUCell(V, H).double(), params, "")
    x, h = normal(seed, B, V), normal(seed + 1, B, H)
    expected = cell(as_torch(x), as_torch(h)).detach()
    np.testing.assert_allclose(gru_step(x, h, params), expected, **EXACT)


@given(B=sizes, T=sizes, V=sizes, H=sizes, seed=seeds)
def test_gru_forward_matches_torch_gru(B, T, V, H, seed):
    params = RNNParams.random(V, H, np.random.default_rng(seed), gates=3)
    layer = copy_into(nn.GRU(V, H, batch_first=True).double(), params, "_l0")
    x, h = normal(seed, B, T, V), normal(seed + 1, B, H)
    expected = layer(as_torch(x), as_torch(h)[None])
    outputs, last = gru_forward(x, h, params)
    np.testing.assert_allclose(outputs, expected[0].detach(), **EXACT)
    np.testing.assert_allclose(last, expected[1][0].detach(), **EXACT)
    np.testing.assert_array_equal(last, outputs[:, -1])


@given(B=sizes, T=sizes, V=sizes, H=sizes, seed=seeds)
def test_gru_forward_with_reset_after_false_matches_the_equations_of_the_paper(B, T, V, H, seed):
    params = RNNParams.random(V, H, np.random.default_rng(seed), gates=3)
    x, h = normal(seed, B, T, V), normal(seed + 1, B, H)
    expected, _ = gru_in_torch(as_torch(x), as_torch(h), [as_torch(p) for p in params], False)
    outputs, last = gru_forward(x, h, params, reset_after=False)
    np.testing.assert_allclose(outputs, expected, **EXACT)
    np.testing.assert_array_equal(last, outputs[:, -1])


def test_gru_forward_variants_agree_if_the_reset_gate_is_open_and_differ_otherwise():
    params = RNNParams.random(3, 5, np.random.default_rng(0), gates=3)
    x, h = normal(0, 2, 7, 3), normal(1, 2, 5)
    reset_after, reset_before = (
        gru_forward(x, h, params, reset_after=flag)[0] for flag in (True, False)
    )
    assert np.abs(reset_after - reset_before).max() > 0.01
    params.b_ih[:5] = 100  # r = 1
    reset_after, reset_before = (
        gru_forward(x, h, params, reset_after=flag)[0] for flag in (True, False)
    )
    np.testing.assert_allclose(reset_after, reset_before, **EXACT)


# --- shape errors of gated layers -------------------------------------------------------------


def call_with_state(function, x, h, params):
    """Call a function of the LSTM with the state (h, c), and one of the GRU with h."""
    state = (h, np.zeros(h.shape)) if function in (lstm_step, lstm_forward) else h
    return function(x, state, params)


@pytest.mark.parametrize(
    ("functions", "gates"),
    [((lstm_gates, lstm_step, lstm_forward), 4), ((gru_gates, gru_step, gru_forward), 3)],
)
@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("W_ih", (2,), r"^W_ih must have shape \(gH, V\), got \(2,\)$"),
        ("W_ih", (10, 4), r"^W_ih must have shape \(gH, V\), got \(10, 4\)$"),
        ("W_hh", (2, 2), r"^W_hh must have shape \(R, 2\), got \(2, 2\)$"),
        ("b_ih", (2,), r"^b_ih must have shape \(R,\), got \(2,\)$"),
        ("b_hh", (2,), r"^b_hh must have shape \(R,\), got \(2,\)$"),
    ],
)
def test_gated_layers_refuse_parameters_of_the_wrong_shape(functions, gates, name, shape, message):
    message = message.replace("gH", f"{gates}H").replace("R", str(2 * gates))
    wrong_params = RNNParams.random(4, 2, np.random.default_rng(0), gates=gates)
    wrong_params = wrong_params._replace(**{name: np.zeros(shape)})
    for function, x in zip(functions, ((3, 4), (3, 4), (3, 5, 4)), strict=True):
        with pytest.raises(ValueError, match=message):
            call_with_state(function, np.zeros(x), np.zeros((3, 2)), wrong_params)


@pytest.mark.parametrize(
    ("function", "x", "h", "message"),
    [
        (lstm_gates, (3, 5), (3, 2), r"^x must have shape \(\.\.\., 4\), got \(3, 5\)$"),
        (lstm_gates, (), (2,), r"^x must have shape \(\.\.\., 4\), got \(\)$"),
        (lstm_gates, (3, 5, 4), (3, 2), r"^h must have shape \(3, 5, 2\), got \(3, 2\)"),
        (lstm_step, (4,), (3, 2), r"^x must have shape \(B, 4\), got \(4,\); .*x\[None\]"),
        (lstm_step, (3, 4), (1, 2), r"^h must have shape \(3, 2\), got \(1, 2\)$"),
        (lstm_forward, (5, 4), (3, 2), r"^x must have shape \(B, T, 4\), got \(5, 4\)"),
        (lstm_forward, (3, 0, 4), (3, 2), r"^x has no time steps"),
        (gru_gates, (3, 5), (3, 2), r"^x must have shape \(\.\.\., 4\), got \(3, 5\)$"),
        (gru_gates, (3, 5, 4), (3, 2), r"^h must have shape \(3, 5, 2\), got \(3, 2\)"),
        (gru_step, (4,), (3, 2), r"^x must have shape \(B, 4\), got \(4,\); .*x\[None\]"),
        (gru_step, (3, 4), (1, 2), r"^h must have shape \(3, 2\), got \(1, 2\)$"),
        (gru_forward, (5, 4), (3, 2), r"^x must have shape \(B, T, 4\), got \(5, 4\)"),
        (gru_forward, (3, 0, 4), (3, 2), r"^x has no time steps"),
    ],
)
def test_errors_of_gated_layers_name_the_wrong_shape(function, x, h, message):
    gates = 4 if function in (lstm_gates, lstm_step, lstm_forward) else 3
    params = RNNParams.random(4, 2, np.random.default_rng(0), gates=gates)
    with pytest.raises(ValueError, match=message):
        call_with_state(function, np.zeros(x), np.zeros(h), params)


@pytest.mark.parametrize("function", [lstm_step, lstm_forward])
def test_the_state_of_an_lstm_must_be_a_pair(function):
    params = RNNParams.random(4, 2, np.random.default_rng(0), gates=4)
    x, h = np.zeros((3, 4) if function is lstm_step else (3, 5, 4)), np.zeros((3, 2))
    with pytest.raises(TypeError, match=r"^state must be a tuple of two .* got ndarray$"):
        function(x, h, params)
    with pytest.raises(TypeError, match=r"^state must be a tuple of two .* got a tuple of 3$"):
        function(x, (h, h, h), params)
    with pytest.raises(ValueError, match=r"^c must have shape \(3, 2\), got \(3, 1\)$"):
        function(x, (h, np.zeros((3, 1))), params)


# --- attention --------------------------------------------------------------------------------


def attention_in_torch(q, k, v):
    q, k, v = map(as_torch, (q, k, v))
    return nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).numpy()


@settings(max_examples=200)
@given(
    batch_shape=st.lists(st.integers(1, 3), max_size=2),
    T=sizes,
    H=sizes,
    scale=st.sampled_from([1e-3, 1.0, 30.0]),
    seed=seeds,
)
def test_attention_matches_torch(batch_shape, T, H, scale, seed):
    q, k, v = normal(seed, 3, *batch_shape, T, H)
    ours = attention(scale * q, k, v)
    np.testing.assert_allclose(ours, attention_in_torch(scale * q, k, v), rtol=1e-10, atol=1e-10)


@given(T=sizes, H=sizes, seed=seeds)
def test_attention_is_a_weighted_mean_of_the_values_so_far(T, H, seed):
    q, k, v = normal(seed, 3, T, H)
    for t, ours in enumerate(attention(q, k, v)):
        powers = [math.exp(sum(q[t] * k[j]) / math.sqrt(H)) for j in range(t + 1)]
        mean = sum(power * v[j] for j, power in enumerate(powers)) / sum(powers)
        np.testing.assert_allclose(ours, mean, **EXACT)


@given(T=st.integers(2, 9), H=sizes, seed=seeds)
def test_attention_of_the_last_position_ignores_the_order_of_those_before_it(T, H, seed):
    q, k, v = normal(seed, 3, T, H)
    order = np.append(np.random.default_rng(seed).permutation(T - 1), T - 1)
    shuffled = attention(q[order], k[order], v[order])
    np.testing.assert_allclose(shuffled[-1], attention(q, k, v)[-1], **EXACT)


def test_attention_does_not_overflow_and_keeps_float32():
    huge = np.full((1, 4, 2), 1e18, np.float32)
    result = attention(huge, huge, np.ones_like(huge))
    assert result.dtype == np.float32
    assert np.all(result == 1)


@pytest.mark.parametrize(
    ("q", "k", "v", "message"),
    [
        ((2,), (2,), (2,), r"^q must have shape \(\.\.\., T, H\), got \(2,\)$"),
        ((3, 2), (4, 2), (3, 2), r"^k must have shape \(3, 2\), got \(4, 2\)$"),
        ((3, 2), (3, 2), (3, 1), r"^v must have shape \(3, 2\), got \(3, 1\)$"),
        ((0, 2), (0, 2), (0, 2), r"^q is empty: expected T and H of at least 1, got shape"),
        ((3, 0), (3, 0), (3, 0), r"^q is empty"),
    ],
)
def test_attention_error_names_the_wrong_shape(q, k, v, message):
    with pytest.raises(ValueError, match=message):
        attention(np.zeros(q), np.zeros(k), np.zeros(v))


# --- linear-recurrence, parallel-scan ---------------------------------------------------------


def one_number_at_a_time(a, b, h):
    """Return the states of a linear recurrence, computed in Python numbers."""
    states = np.empty_like(a)
    for place in np.ndindex(h.shape):
        state = float(h[place])
        for t in range(a.shape[1]):
            state = float(a[place[0], t, place[1]]) * state + float(b[place[0], t, place[1]])
            states[place[0], t, place[1]] = state
    return states


def linear_case(B, T, H, seed, kind="gates"):
    """Return random a, b and h; a lies between 0 and 1, or has any sign and size."""
    rng = np.random.default_rng(seed)
    a = rng.uniform(0, 1, (B, T, H)) if kind == "gates" else rng.normal(0, 1, (B, T, H))
    if kind == "zeros":
        a[rng.random(a.shape) < 0.3] = 0  # steps that erase the state
    return a, rng.normal(size=(B, T, H)), rng.normal(size=(B, H))


kinds = st.sampled_from(["gates", "any", "zeros"])


@settings(max_examples=200)
@given(B=small, T=st.integers(1, 40), H=small, seed=seeds, kind=kinds)
def test_linear_recurrence_matches_a_loop_over_single_numbers(B, T, H, seed, kind):
    a, b, h = linear_case(B, T, H, seed, kind)
    np.testing.assert_allclose(
        linear_recurrence(a, b, h), one_number_at_a_time(a, b, h), rtol=1e-12, atol=0
    )


@given(B=small, T=sizes, V=sizes, H=sizes, seed=seeds)
def test_linear_recurrence_is_torchs_gru_if_nothing_but_the_input_sets_the_gates(B, T, V, H, seed):
    params = RNNParams.random(V, H, np.random.default_rng(seed), gates=3)
    params = params._replace(W_hh=np.zeros((3 * H, H)))
    layer = copy_into(nn.GRU(V, H, batch_first=True).double(), params, "_l0")
    x, h = normal(seed, B, T, V), normal(seed + 1, B, H)
    _, z, n = gru_gates(x, np.zeros((B, T, H)), params)  # the state does not matter
    expected = layer(as_torch(x), as_torch(h)[None])[0].detach()
    np.testing.assert_allclose(linear_recurrence(z, (1 - z) * n, h), expected, **EXACT)


@settings(max_examples=200)
@given(B=small, T=st.integers(1, 300), H=small, seed=seeds, kind=kinds)
def test_parallel_scan_gives_the_states_of_the_loop(B, T, H, seed, kind):
    a, b, h = linear_case(B, T, H, seed, kind)
    a_joined, b_joined = parallel_scan(a, b)
    apart = np.abs(a_joined * h[:, None] + b_joined - one_number_at_a_time(a, b, h))
    # Terms of both signs may cancel. What rounding can do depends on their sizes.
    assert np.all(apart <= 1e-10 * one_number_at_a_time(abs(a), abs(b), abs(h)))
    np.testing.assert_allclose(a_joined, np.cumprod(a, axis=1), rtol=1e-10, atol=0)


@given(T=st.integers(2, 40), seed=seeds, data=st.data())
def test_parallel_scan_may_split_the_steps_anywhere(T, seed, data):
    a, b, _ = linear_case(2, T, 3, seed)
    split = data.draw(st.integers(1, T - 1))
    (a1, b1), (a2, b2) = (
        parallel_scan(a[:, :split], b[:, :split]),
        parallel_scan(a[:, split:], b[:, split:]),
    )
    a_all, b_all = parallel_scan(a, b)
    np.testing.assert_allclose(a2[:, -1] * a1[:, -1], a_all[:, -1], **EXACT)
    np.testing.assert_allclose(a2[:, -1] * b1[:, -1] + b2[:, -1], b_all[:, -1], **EXACT)


class Link:
    """A number that knows how many operations had to wait for each other to make it."""

    def __init__(self, value, waited=0):
        self.value, self.waited = value, waited

    def __mul__(self, other):
        return Link(self.value * other.value, 1 + max(self.waited, other.waited))

    def __add__(self, other):
        return Link(self.value + other.value, 1 + max(self.waited, other.waited))


as_links = np.vectorize(Link, otypes=[object])
waited = np.vectorize(lambda link: link.waited, otypes=[int])


@pytest.mark.parametrize(
    ("T", "joins"), [(1, 0), (2, 1), (3, 2), (8, 4), (10, 4), (100, 11), (1000, 17)]
)
def test_parallel_scan_waits_for_a_logarithm_of_the_steps_and_the_loop_for_all(T, joins):
    a, b, h = map(as_links, linear_case(1, T, 1, seed=0))
    loop = waited(linear_recurrence(a, b, h)).max()
    assert loop == 2 * T  # a product and a sum at each step
    scan = max(waited(part).max() for part in parallel_scan(a, b))
    assert scan == 2 * joins
    assert joins <= 2 * math.log2(T)


@pytest.mark.parametrize("function", [linear_recurrence, parallel_scan])
@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((3, 5, 2), (3, 4, 2), r"^b must have shape \(3, 5, 2\), got \(3, 4, 2\)$"),
        ((3, 5, 2), (3, 5), r"^b must have shape \(3, 5, 2\), got \(3, 5\)$"),
        ((3, 5, 2), (), r"^b must have shape \(3, 5, 2\), got \(\)$"),
        (
            (5, 2),
            (5, 2),
            r"^a must have shape \(B, T, H\), got \(5, 2\); .*axis missing.*a\[None\]",
        ),
        ((3, 0, 2), (3, 0, 2), r"^a and b have no time steps: .*at least 1, got \(3, 0, 2\)$"),
    ],
)
def test_linear_recurrence_and_scan_name_the_wrong_shape(function, a, b, message):
    state = (np.zeros((3, 2)),) if function is linear_recurrence else ()
    with pytest.raises(ValueError, match=message):
        function(np.zeros(a), np.zeros(b), *state)


def test_linear_recurrence_refuses_a_state_of_another_shape():
    with pytest.raises(ValueError, match=r"^h must have shape \(3, 2\), got \(2,\); .*h\[None\]"):
        linear_recurrence(np.zeros((3, 5, 2)), np.zeros((3, 5, 2)), np.zeros(2))


# --- output-layer -----------------------------------------------------------------------------


@given(batch_shape=st.lists(st.integers(1, 4), max_size=3), V=sizes, H=sizes, seed=seeds)
def test_output_layer_matches_torch_linear(batch_shape, V, H, seed):
    linear = nn.Linear(H, V).double()
    h = normal(seed, *batch_shape, H)
    W_hy, b_y = (p.detach().numpy() for p in linear.parameters())
    expected = linear(as_torch(h)).detach()
    np.testing.assert_allclose(output_layer(h, W_hy, b_y), expected, **EXACT)


@pytest.mark.parametrize(
    ("h", "W_hy", "b_y", "message"),
    [
        ((3, 5), (2, 4), (2,), r"^h must have shape \(\.\.\., 4\), got \(3, 5\)"),
        ((), (2, 4), (2,), r"^h must have shape \(\.\.\., 4\), got \(\)"),
        ((3, 4), (2, 4), (4,), r"^b_y must have shape \(2,\), got \(4,\)"),
        ((3, 4), (2, 4), (1,), r"^b_y must have shape \(2,\), got \(1,\)"),
        ((3, 4), (4,), (4,), r"^W_hy must have shape \(V, H\), got \(4,\)"),
    ],
)
def test_output_layer_error_names_the_wrong_shape(h, W_hy, b_y, message):
    with pytest.raises(ValueError, match=message):
        output_layer(np.zeros(h), np.zeros(W_hy), np.zeros(b_y))


# --- softmax ----------------------------------------------------------------------------------

scales = st.sampled_from([0.1, 1.0, 30.0, 1e4])


@given(batch_shape=st.lists(st.integers(1, 4), max_size=3), V=sizes, scale=scales, seed=seeds)
def test_softmax_matches_torch(batch_shape, V, scale, seed):
    logits = normal(seed, *batch_shape, V, scale=scale)
    probabilities = softmax(logits)
    np.testing.assert_allclose(probabilities, torch.softmax(as_torch(logits), -1), **EXACT)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, **EXACT)


def test_softmax_does_not_overflow_for_huge_logits():
    np.testing.assert_array_equal(softmax(np.array([1e300, 0.0, -1e300])), [1, 0, 0])


# --- cross-entropy ----------------------------------------------------------------------------


@given(batch_shape=st.lists(st.integers(1, 4), max_size=3), V=sizes, scale=scales, seed=seeds)
def test_cross_entropy_matches_torch(batch_shape, V, scale, seed):
    logits = normal(seed, *batch_shape, V, scale=scale)
    targets = np.random.default_rng(seed).integers(0, V, batch_shape)
    expected = nn.functional.cross_entropy(
        as_torch(logits).reshape(-1, V), torch.from_numpy(np.reshape(targets, -1))
    )
    loss = cross_entropy(logits, targets)
    assert type(loss) is float
    assert loss == pytest.approx(float(expected), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("logits", "targets", "error", "message"),
    [
        ((3, 4), [0.0, 1.0, 2.0], TypeError, "targets must be integer ids, got float64"),
        ((3, 4), [True, False, True], TypeError, "targets must be integer ids, got bool"),
        ((3, 4), [0, 1], ValueError, r"logits of shape \(3, 4\) need .* \(3,\), got \(2,\)"),
        ((2, 3, 4), [0, 1], ValueError, r"need targets of shape \(2, 3\), got \(2,\)"),
        ((3, 4), [0, 1, 4], ValueError, "targets must lie in 0 to 3, got 0 to 4"),
        ((3, 4), [-1, 1, 3], ValueError, "targets must lie in 0 to 3, got -1 to 3"),
        ((0, 4), np.array([], int), ValueError, "targets are empty"),
        ((), 0, ValueError, r"logits must have shape \(\.\.\., V\), got \(\)"),
    ],
)
def test_cross_entropy_refuses_invalid_targets_and_shapes(logits, targets, error, message):
    with pytest.raises(error, match=message):
        cross_entropy(np.zeros(logits), targets)


# --- gradients --------------------------------------------------------------------------------


def flatten(nested):
    """Put the arrays of nested arguments or results into one list."""
    if isinstance(nested, (tuple, list)):
        return [array for inner in nested for array in flatten(inner)]
    return [nested]


def rebuild(like, arrays):
    """Nest an iterator of arrays in the same way as `like`."""
    if isinstance(like, RNNParams):
        return RNNParams(*(next(arrays) for _ in like))
    if isinstance(like, tuple):
        return tuple(rebuild(inner, arrays) for inner in like)
    return next(arrays)


def slopes(loss, arguments, directions, step=1e-3):
    """Return the derivative of a loss along each direction, by fourth-order central differences."""
    derivatives = []
    for k, direction in enumerate(directions):

        def loss_at(by, k=k, direction=direction):
            arrays = flatten(arguments)
            arrays[k] = arrays[k] + by * step * direction
            return loss(*rebuild(arguments, iter(arrays)))

        derivatives.append(
            (8 * (loss_at(1) - loss_at(-1)) - (loss_at(2) - loss_at(-2))) / (12 * step)
        )
    return derivatives


def assert_gradients_are_slopes(loss, arguments, gradients, seed):
    """Check each gradient along one random direction, which is enough to reveal a wrong one."""
    gradients = flatten(gradients)
    rng = np.random.default_rng(seed)
    directions = [rng.normal(size=g.shape) for g in gradients]
    for slope, g, u in zip(slopes(loss, arguments, directions), gradients, directions, strict=True):
        size = np.linalg.norm(g) * np.linalg.norm(u)
        assert slope == pytest.approx(np.sum(g * u), rel=1e-6, abs=1e-6 * size + 1e-10)


def weighted_sum(results, weights):
    """Add up all results, each times its weight. The gradient for a result is then its weight."""
    pairs = zip(flatten(results), flatten(weights), strict=True)
    return sum((result * weight).sum() for result, weight in pairs)


class BackwardCase:
    """Random sequences, state, parameters and upstream gradients for one kind of layer."""

    def __init__(self, kind, B, T, V, H, seed):
        rng = np.random.default_rng(seed)
        state = tuple(rng.normal(size=(B, H)) for _ in range(2))
        dlast = tuple(rng.normal(size=(B, H)) for _ in range(2))
        params = RNNParams.random(V, H, rng, gates={"rnn": 1, "gru": 3, "lstm": 4}[kind])
        state_parts = 0 if kind != "lstm" else slice(None)
        self.arguments = rng.normal(size=(B, T, V)), state[state_parts], params
        self.upstream = rng.normal(size=(B, T, H)), dlast[state_parts]
        self.layer = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[kind](V, H, batch_first=True)
        copy_into(self.layer.double(), params, "_l0")

    def gradients_of_torch(self, run=None):
        """Run the layer of torch, or `run` in its place, and return the gradients of autograd."""
        x, state, _ = self.arguments
        leaves = [as_torch(a).clone().requires_grad_() for a in flatten((x, state))]
        weights = list(self.layer.parameters())
        if run:
            results = run(*leaves, weights)
        else:
            lifted = [leaf[None] for leaf in leaves[1:]]
            results = self.layer(leaves[0], lifted[0] if len(lifted) == 1 else tuple(lifted))
            results = results[0], [last[0] for last in flatten(results[1])]
        loss = weighted_sum(results, [as_torch(a) for a in flatten(self.upstream)])
        return torch.autograd.grad(loss, [*leaves, *weights])

    def check(self, forward, backward, run=None, seed=0):
        gradients = backward(*self.arguments, *self.upstream)
        expected = self.gradients_of_torch(run)
        for actual, expected_part in zip(flatten(gradients), expected, strict=True):
            np.testing.assert_allclose(actual, expected_part, **GRADIENT)

        def loss(*arguments):
            return weighted_sum(forward(*arguments), self.upstream)

        assert_gradients_are_slopes(loss, self.arguments, gradients, seed)


# --- cross-entropy-backward, output-layer-backward --------------------------------------------


@settings(max_examples=200)
@given(
    batch_shape=st.lists(small, max_size=3),
    V=sizes,
    scale=st.sampled_from([0.1, 1, 10]),
    seed=seeds,
)
def test_cross_entropy_backward_matches_autograd_and_central_differences(
    batch_shape, V, scale, seed
):
    logits = normal(seed, *batch_shape, V, scale=scale)
    targets = np.random.default_rng(seed).integers(0, V, batch_shape)
    leaf = as_torch(logits).clone().requires_grad_()
    loss = nn.functional.cross_entropy(
        leaf.reshape(-1, V), torch.from_numpy(np.reshape(targets, -1))
    )
    (expected,) = torch.autograd.grad(loss, leaf)
    gradient = cross_entropy_backward(logits, targets)
    np.testing.assert_allclose(gradient, expected, **GRADIENT)
    assert_gradients_are_slopes(lambda z: cross_entropy(z, targets), (logits,), gradient, seed)


def test_cross_entropy_backward_sums_to_zero_at_every_position():
    gradient = cross_entropy_backward(normal(0, 3, 5, 7), np.zeros((3, 5), dtype=int))
    np.testing.assert_allclose(gradient.sum(axis=-1), 0, atol=1e-15)


@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        ([0.0, 1.0, 2.0], TypeError, "targets must be integer ids, got float64"),
        ([0, 1, 4], ValueError, "targets must lie in 0 to 3, got 0 to 4"),
        ([0, 1], ValueError, r"need targets of shape \(3,\), got \(2,\)"),
    ],
)
def test_cross_entropy_backward_refuses_invalid_targets(targets, error, message):
    with pytest.raises(error, match=message):
        cross_entropy_backward(np.zeros((3, 4)), targets)


@settings(max_examples=200)
@given(batch_shape=st.lists(small, max_size=3), V=sizes, H=sizes, seed=seeds)
def test_output_layer_backward_matches_autograd_and_central_differences(batch_shape, V, H, seed):
    arguments = normal(seed, *batch_shape, H), normal(seed + 1, V, H), normal(seed + 2, V)
    dlogits = normal(seed + 3, *batch_shape, V)
    leaves = [as_torch(a).clone().requires_grad_() for a in arguments]
    logits = nn.functional.linear(*leaves)
    expected = torch.autograd.grad(logits, leaves, as_torch(dlogits))
    gradients = output_layer_backward(*arguments[:2], dlogits)
    for actual, expected_part in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(actual, expected_part, **GRADIENT)
    assert_gradients_are_slopes(
        lambda *a: weighted_sum(output_layer(*a), dlogits), arguments, gradients, seed
    )


@pytest.mark.parametrize(
    ("h", "W_hy", "dlogits", "message"),
    [
        ((3, 5), (2, 4), (3, 2), r"^h must have shape \(\.\.\., 4\), got \(3, 5\)"),
        ((3, 4), (4,), (3, 2), r"^W_hy must have shape \(V, H\), got \(4,\)"),
        ((3, 4), (2, 4), (3, 4), r"^dlogits must have shape \(3, 2\), got \(3, 4\)"),
    ],
)
def test_output_layer_backward_error_names_the_wrong_shape(h, W_hy, dlogits, message):
    with pytest.raises(ValueError, match=message):
        output_layer_backward(np.zeros(h), np.zeros(W_hy), np.zeros(dlogits))


# --- bptt-jacobian ----------------------------------------------------------------------------


@settings(max_examples=50)
@given(B=small, T=small, V=small, H=small, seed=seeds)
def test_bptt_jacobian_matches_autograd_and_rnn_backward(B, T, V, H, seed):
    layer = nn.RNN(V, H, batch_first=True).double()
    params = RNNParams.random(V, H, np.random.default_rng(seed))
    copy_into(layer, params, "_l0")
    x, h = normal(seed, B, T, V), normal(seed + 1, B, H)
    outputs, _ = rnn_forward(x, h, params)
    jacobian = bptt_jacobian(outputs, params)

    def last_states(start):
        return layer(as_torch(x), start[None])[1][0]

    of_all = torch.autograd.functional.jacobian(last_states, as_torch(h))  # (B, H, B, H)
    for row in range(B):
        np.testing.assert_allclose(jacobian[row], of_all[row, :, row], **GRADIENT)
    dlast = normal(seed + 2, B, H)
    _, dh, _ = rnn_backward(x, h, params, np.zeros_like(outputs), dlast)
    np.testing.assert_allclose(np.einsum("bjk,bj->bk", jacobian, dlast), dh, **GRADIENT)


def test_bptt_jacobian_keeps_the_dtype():
    params = RNNParams(
        *(p.astype(np.float32) for p in RNNParams.random(2, 3, np.random.default_rng(0)))
    )
    assert bptt_jacobian(np.zeros((4, 5, 3), np.float32), params).dtype == np.float32


def test_bptt_jacobian_refuses_outputs_of_the_wrong_shape(params):
    H = params.W_hh.shape[1]
    with pytest.raises(
        ValueError, match=rf"^outputs must have shape \(B, T, {H}\), got \(3, {H}\)"
    ):
        bptt_jacobian(np.zeros((3, H)), params)


# --- rnn-backward, lstm-backward, gru-backward ------------------------------------------------


@settings(max_examples=200)
@given(B=small, T=small, V=small, H=small, seed=seeds)
def test_rnn_backward_matches_autograd_and_central_differences(B, T, V, H, seed):
    BackwardCase("rnn", B, T, V, H, seed).check(rnn_forward, rnn_backward)


@settings(max_examples=200)
@given(B=small, T=small, V=small, H=small, seed=seeds)
def test_lstm_backward_matches_autograd_and_central_differences(B, T, V, H, seed):
    BackwardCase("lstm", B, T, V, H, seed).check(lstm_forward, lstm_backward)


@settings(max_examples=200)
@given(B=small, T=small, V=small, H=small, seed=seeds)
def test_gru_backward_matches_autograd_and_central_differences(B, T, V, H, seed):
    BackwardCase("gru", B, T, V, H, seed).check(gru_forward, gru_backward)


@settings(max_examples=200)
@given(B=small, T=small, V=small, H=small, seed=seeds)
def test_gru_backward_with_reset_after_false_matches_autograd_and_central_differences(
    B, T, V, H, seed
):
    variant = {"reset_after": False}
    BackwardCase("gru", B, T, V, H, seed).check(
        functools.partial(gru_forward, **variant),
        functools.partial(gru_backward, **variant),
        run=functools.partial(gru_in_torch, **variant),
    )


@pytest.mark.parametrize("T", [1, 50])
def test_rnn_backward_combined_with_output_layer_backward_gives_the_whole_gradient(T):
    layer, head = nn.RNN(5, 7, batch_first=True).double(), nn.Linear(7, 5).double()
    x, h = normal(0, 2, T, 5), np.zeros((2, 7))
    targets = np.random.default_rng(1).integers(0, 5, (2, T))
    loss = nn.functional.cross_entropy(
        head(layer(as_torch(x))[0]).reshape(-1, 5), torch.from_numpy(targets.reshape(-1))
    )
    expected = torch.autograd.grad(loss, [*layer.parameters(), *head.parameters()])
    params = RNNParams.from_torch(layer)
    W_hy, b_y = (p.detach().numpy() for p in head.parameters())
    outputs, _ = rnn_forward(x, h, params)
    logits = output_layer(outputs, W_hy, b_y)
    doutputs, *dhead = output_layer_backward(outputs, W_hy, cross_entropy_backward(logits, targets))
    _, _, dparams = rnn_backward(x, h, params, doutputs, np.zeros_like(h))
    for actual, expected_part in zip([*dparams, *dhead], expected, strict=True):
        np.testing.assert_allclose(actual, expected_part, **GRADIENT)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_backward_functions_keep_the_dtype_and_do_not_change_their_arguments(kind):
    backward = {"rnn": rnn_backward, "lstm": lstm_backward, "gru": gru_backward}[kind]
    case = BackwardCase(kind, 2, 3, 4, 5, seed=0)
    arguments = (*case.arguments, *case.upstream)
    float32_arguments = rebuild(arguments, iter([a.astype(np.float32) for a in flatten(arguments)]))
    before = [a.copy() for a in flatten(float32_arguments)]
    gradients = flatten(backward(*float32_arguments))
    assert {array.dtype for array in gradients} == {np.dtype(np.float32)}
    for now, then in zip(flatten(float32_arguments), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_backward_functions_refuse_gradients_of_the_wrong_shape(kind):
    backward = {"rnn": rnn_backward, "lstm": lstm_backward, "gru": gru_backward}[kind]
    case = BackwardCase(kind, 2, 3, 4, 5, seed=0)
    doutputs, dlast = case.upstream
    with pytest.raises(ValueError, match=r"^doutputs must have shape \(2, 3, 5\), got \(2, 5\)"):
        backward(*case.arguments, doutputs[:, 0], dlast)
    short_dlast = rebuild(dlast, iter([a[:1] for a in flatten(dlast)]))
    with pytest.raises(ValueError, match=r"^dlast.* must have shape \(2, 5\), got \(1, 5\)"):
        backward(*case.arguments, doutputs, short_dlast)


def test_lstm_backward_needs_a_pair_of_gradients_for_the_last_state():
    case = BackwardCase("lstm", 2, 3, 4, 5, seed=0)
    doutputs, (dh, dc) = case.upstream
    with pytest.raises(TypeError, match=r"^dlast must be a tuple of two .* got ndarray$"):
        lstm_backward(*case.arguments, doutputs, dh)
    with pytest.raises(ValueError, match=r"^dlast\[1\] must have shape \(2, 5\), got \(2, 1\)"):
        lstm_backward(*case.arguments, doutputs, (dh, dc[:, :1]))


# --- linear-recurrence-backward ---------------------------------------------------------------


@settings(max_examples=200)
@given(B=small, T=sizes, H=small, seed=seeds, kind=kinds)
def test_linear_recurrence_backward_matches_autograd_and_central_differences(B, T, H, seed, kind):
    arguments = linear_case(B, T, H, seed, kind)
    rng = np.random.default_rng(seed + 1)
    upstream = rng.normal(size=(B, T, H)), rng.normal(size=(B, H))
    gradients = linear_recurrence_backward(*arguments, *upstream)
    a, b, h = leaves = [as_torch(array).clone().requires_grad_() for array in arguments]
    states = []
    for t in range(T):
        h = a[:, t] * h + b[:, t]
        states.append(h)
    loss = weighted_sum((torch.stack(states, 1), h), [as_torch(part) for part in upstream])
    for ours, expected in zip(gradients, torch.autograd.grad(loss, leaves), strict=True):
        np.testing.assert_allclose(ours, expected, **GRADIENT)

    def loss_of(*arguments):
        states = linear_recurrence(*arguments)
        return weighted_sum((states, states[:, -1]), upstream)

    assert_gradients_are_slopes(loss_of, arguments, gradients, seed)


def test_linear_recurrence_backward_and_the_scan_keep_float32_and_their_arguments():
    case = *linear_case(2, 5, 3, seed=0), normal(1, 2, 5, 3), normal(2, 2, 3)
    arguments = [array.astype(np.float32) for array in case]
    before = [array.copy() for array in arguments]
    results = [*linear_recurrence_backward(*arguments), *parallel_scan(*arguments[:2])]
    results.append(linear_recurrence(*arguments[:3]))
    assert {result.dtype for result in results} == {np.dtype(np.float32)}
    for now, then in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_linear_recurrence_backward_refuses_gradients_of_the_wrong_shape():
    a, b, h = linear_case(2, 5, 3, seed=0)
    with pytest.raises(ValueError, match=r"^doutputs must have shape \(2, 5, 3\), got \(2, 5\)"):
        linear_recurrence_backward(a, b, h, a[..., 0], h)
    with pytest.raises(ValueError, match=r"^dlast must have shape \(2, 3\), got \(1, 3\)"):
        linear_recurrence_backward(a, b, h, a, h[:1])


# --- layer-norm -------------------------------------------------------------------------------


@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=3), seed=seeds)
def test_layer_norm_matches_torch(shape, seed):
    rng = np.random.default_rng(seed)
    a, (weight, bias) = rng.normal(3, 5, shape), rng.normal(size=(2, shape[-1]))
    expected = nn.functional.layer_norm(
        torch.from_numpy(a), shape[-1:], torch.from_numpy(weight), torch.from_numpy(bias)
    )
    assert np.allclose(layer_norm(a, weight, bias), expected.numpy(), rtol=1e-12, atol=1e-12)


@given(factor=st.floats(1, 1e6), shift=st.floats(-10, 10), seed=seeds)
def test_layer_norm_takes_away_any_factor_and_summand(factor, shift, seed):
    a, one, zero = np.random.default_rng(seed).normal(size=(3, 8)), np.ones(8), np.zeros(8)
    assert np.allclose(
        layer_norm(factor * a + shift, one, zero, eps=0), layer_norm(a, one, zero, eps=0)
    )


def test_layer_norm_of_equal_numbers_is_the_bias():
    assert layer_norm(np.full(3, 7.0), np.ones(3), np.arange(3.0)).tolist() == [0, 1, 2]


def test_layer_norm_refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"bias must have shape \(3,\), got \(2,\)"):
        layer_norm(np.ones((1, 3)), np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match=r"a must have shape \(..., 3\), got \(1, 4\)"):
        layer_norm(np.ones((1, 4)), np.ones(3), np.ones(3))


# --- loss-floor -------------------------------------------------------------------------------


@given(V=st.integers(1, 300), bound=st.floats(0, 20))
def test_loss_floor_is_the_loss_of_the_best_bounded_logits(V, bound):
    best = np.full(V, -bound)
    best[0] = bound
    assert loss_floor(V, bound) == pytest.approx(cross_entropy(best, 0), rel=1e-12, abs=1e-12)


@given(V=st.integers(2, 12), bound=st.floats(0.1, 3), seed=seeds)
def test_loss_floor_is_below_the_loss_of_random_bounded_logits(V, bound, seed):
    logits = np.random.default_rng(seed).uniform(-bound, bound, (200, V))
    targets = np.zeros(200, dtype=int)
    losses = [cross_entropy(row, target) for row, target in zip(logits, targets, strict=True)]
    assert min(losses) > loss_floor(V, bound)


@pytest.mark.parametrize(("V", "bound"), [(2, 1.0), (10, 1.0), (10, 2.5), (65, 1.0)])
def test_loss_floor_equals_the_minimum_found_by_an_optimizer(V, bound):
    logits = torch.zeros(V, dtype=torch.float64, requires_grad=True)
    for _ in range(200):
        loss = nn.functional.cross_entropy(logits, torch.tensor(0))
        (gradient,) = torch.autograd.grad(loss, logits)
        with torch.no_grad():  # a gradient step, then back within the bounds
            logits -= 10 * gradient
            logits.clamp_(-bound, bound)
    assert loss.item() == pytest.approx(loss_floor(V, bound), rel=1e-12)


def test_loss_floor_of_ten_characters_is_the_number_in_the_chapter():
    assert f"{loss_floor(10):.4f}" == "0.7966"
    assert f"{math.exp(-loss_floor(10)):.3f}" == "0.451"


def test_loss_floor_is_zero_for_unbounded_logits_and_log_v_for_zero_logits():
    assert loss_floor(10, math.inf) == 0
    assert loss_floor(10, 0) == pytest.approx(math.log(10), rel=1e-12)


@pytest.mark.parametrize(
    ("V", "bound", "message"),
    [
        (0, 1.0, "vocab_size must be at least 1, got 0"),
        (10, -0.5, "bound must be 0 or more, got -0.5"),
        (10, math.nan, "bound must be 0 or more, got nan"),
    ],
)
def test_loss_floor_refuses_numbers_out_of_range(V, bound, message):
    with pytest.raises(ValueError, match=message):
        loss_floor(V, bound)


# --- sgd-momentum -----------------------------------------------------------------------------


@given(
    shape=st.lists(st.integers(1, 4), max_size=3),
    lr=st.floats(1e-4, 2),
    momentum=st.sampled_from([None, 0.0, 0.5, 0.9, 0.99]),
    seed=seeds,
)
def test_sgd_momentum_matches_torch_over_several_steps(shape, lr, momentum, seed):
    options = {} if momentum is None else {"momentum": momentum}
    theta = normal(seed, *shape)
    velocity = np.zeros_like(theta)
    weight = nn.Parameter(as_torch(theta.copy()))
    optimizer = torch.optim.SGD([weight], lr=lr, **options)
    for step in range(5):
        gradient = normal(seed + step + 1, *shape)
        weight.grad = as_torch(gradient)
        optimizer.step()
        theta, velocity = sgd_momentum(theta, gradient, velocity, lr, **options)
        np.testing.assert_allclose(theta, weight.detach(), **EXACT)


def test_sgd_momentum_does_not_change_its_arguments():
    arrays = [normal(i, 3) for i in range(3)]
    before = [array.copy() for array in arrays]
    sgd_momentum(*arrays, lr=0.5, momentum=0.9)
    np.testing.assert_array_equal(arrays, before)


# --- the module -------------------------------------------------------------------------------


def test_reference_never_imports_torch():
    code = "import sys, charseq.reference; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("options", [{"nonlinearity": "relu"}, {"bidirectional": True}])
def test_copied_parameters_need_tanh_and_a_single_direction(options):
    with pytest.raises(TypeError, match="tanh that reads one way, got RNN"):
        RNNParams.from_torch(torch.nn.RNN(3, 4, **options))
