"""The NumPy equations against torch, to 1e-12 in float64."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from charseq.reference import (
    RNNParams,
    cross_entropy,
    loss_floor,
    output_layer,
    rnn_forward,
    rnn_step,
    sgd_momentum,
    softmax,
)

EXACT = {"rtol": 1e-12, "atol": 1e-12}
sizes = st.integers(1, 9)
seeds = st.integers(0, 2**32 - 1)


def as_torch(array):
    return torch.from_numpy(np.asarray(array, dtype=np.float64))


def copy_into(layer, params, suffix):
    for name, value in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), params, strict=True):
        getattr(layer, name + suffix).data = as_torch(value)
    return layer


def drawn(seed, *shape, scale=1.0):
    return np.random.default_rng(seed).normal(0, scale, shape)


@pytest.fixture
def params():
    return RNNParams.random(input_size=4, hidden_size=2, rng=np.random.default_rng(0))


# --- rnn-step ---------------------------------------------------------------------------------


@given(B=sizes, V=sizes, H=sizes, seed=seeds)
def test_rnn_step_matches_torch_rnn_cell(B, V, H, seed):
    params = RNNParams.random(V, H, np.random.default_rng(seed))
    cell = copy_into(nn.RNNCell(V, H).double(), params, "")
    x, h = drawn(seed, B, V), drawn(seed + 1, B, H)
    expected = cell(as_torch(x), as_torch(h)).detach()
    np.testing.assert_allclose(rnn_step(x, h, params), expected, **EXACT)


def test_rnn_step_leaves_its_arguments_alone(params):
    x, h = drawn(0, 3, 4), drawn(1, 3, 2)
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
def test_rnn_step_names_the_shape_that_does_not_fit(x, h, message, params):
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
def test_rnn_step_refuses_parameters_that_do_not_fit_each_other(name, shape, message, params):
    odd = params._replace(**{name: np.zeros(shape)})
    with pytest.raises(ValueError, match=message):
        rnn_step(np.zeros((3, 4)), np.zeros((3, 2)), odd)
    with pytest.raises(ValueError, match=message):
        rnn_forward(np.zeros((3, 5, 4)), np.zeros((3, 2)), odd)


@given(V=sizes, H=sizes, seed=seeds)
def test_random_parameters_are_drawn_from_the_distribution_of_torch(V, H, seed):
    params = RNNParams.random(V, H, np.random.default_rng(seed))
    layer = nn.RNNCell(V, H)
    assert [p.shape for p in params] == [tuple(p.shape) for p in layer.parameters()]
    assert all(p.dtype == np.float64 for p in params)
    assert max(np.abs(p).max() for p in params) <= 1 / math.sqrt(H)


@pytest.mark.parametrize("which", range(4))
def test_random_parameters_fill_the_interval_of_torch(which):
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


# --- rnn-forward ------------------------------------------------------------------------------


@given(B=sizes, T=sizes, V=sizes, H=sizes, seed=seeds)
def test_rnn_forward_matches_torch_rnn(B, T, V, H, seed):
    params = RNNParams.random(V, H, np.random.default_rng(seed))
    layer = copy_into(nn.RNN(V, H, batch_first=True).double(), params, "_l0")
    x, h = drawn(seed, B, T, V), drawn(seed + 1, B, H)
    expected = layer(as_torch(x), as_torch(h)[None])
    outputs, last = rnn_forward(x, h, params)
    np.testing.assert_allclose(outputs, expected[0].detach(), **EXACT)
    np.testing.assert_allclose(last, expected[1][0].detach(), **EXACT)
    np.testing.assert_array_equal(last, outputs[:, -1])


def test_rnn_forward_of_copied_layers_stacks_as_torch_does():
    layer = nn.RNN(3, 5, num_layers=2, batch_first=True).double()
    x = drawn(0, 2, 7, 3)
    states = x
    for index in range(2):
        states, _ = rnn_forward(states, np.zeros((2, 5)), RNNParams.from_torch(layer, index))
    np.testing.assert_allclose(states, layer(as_torch(x))[0].detach(), **EXACT)


def test_copied_parameters_keep_the_precision_of_the_layer():
    layer = nn.RNN(3, 5)
    params = RNNParams.from_torch(layer)
    assert params.W_ih.dtype == np.float32
    kept = params.W_ih.copy()
    layer.weight_ih_l0.data.zero_()
    np.testing.assert_array_equal(params.W_ih, kept)


@pytest.mark.parametrize(
    ("layer", "index", "message"),
    [
        (nn.Linear(2, 2), 0, r"expected a torch.nn.RNN .* Linear lacks weight_ih_l0, weight_hh_l0"),
        (nn.RNN(2, 2, bias=False), 0, r"RNN lacks bias_ih_l0, bias_hh_l0$"),
        (nn.RNN(2, 2), 1, r"RNN lacks weight_ih_l1"),
    ],
)
def test_copied_parameters_come_from_a_recurrent_layer_with_biases(layer, index, message):
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
def test_rnn_forward_names_the_shape_that_does_not_fit(x, h, message, params):
    with pytest.raises(ValueError, match=message):
        rnn_forward(np.zeros(x), np.zeros(h), params)


# --- output-layer -----------------------------------------------------------------------------


@given(lead=st.lists(st.integers(1, 4), max_size=3), V=sizes, H=sizes, seed=seeds)
def test_output_layer_matches_torch_linear(lead, V, H, seed):
    linear = nn.Linear(H, V).double()
    h = drawn(seed, *lead, H)
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
def test_output_layer_names_the_shape_that_does_not_fit(h, W_hy, b_y, message):
    with pytest.raises(ValueError, match=message):
        output_layer(np.zeros(h), np.zeros(W_hy), np.zeros(b_y))


# --- softmax ----------------------------------------------------------------------------------

scales = st.sampled_from([0.1, 1.0, 30.0, 1e4])


@given(lead=st.lists(st.integers(1, 4), max_size=3), V=sizes, scale=scales, seed=seeds)
def test_softmax_matches_torch(lead, V, scale, seed):
    logits = drawn(seed, *lead, V, scale=scale)
    found = softmax(logits)
    np.testing.assert_allclose(found, torch.softmax(as_torch(logits), -1), **EXACT)
    np.testing.assert_allclose(found.sum(axis=-1), 1, **EXACT)


def test_softmax_of_huge_logits_does_not_overflow():
    np.testing.assert_array_equal(softmax(np.array([1e300, 0.0, -1e300])), [1, 0, 0])


# --- cross-entropy ----------------------------------------------------------------------------


@given(lead=st.lists(st.integers(1, 4), max_size=3), V=sizes, scale=scales, seed=seeds)
def test_cross_entropy_matches_torch(lead, V, scale, seed):
    logits = drawn(seed, *lead, V, scale=scale)
    targets = np.random.default_rng(seed).integers(0, V, lead)
    expected = nn.functional.cross_entropy(
        as_torch(logits).reshape(-1, V), torch.from_numpy(np.reshape(targets, -1))
    )
    found = cross_entropy(logits, targets)
    assert type(found) is float
    assert found == pytest.approx(float(expected), rel=1e-12, abs=1e-12)


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
def test_cross_entropy_names_what_does_not_fit(logits, targets, error, message):
    with pytest.raises(error, match=message):
        cross_entropy(np.zeros(logits), targets)


# --- loss-floor -------------------------------------------------------------------------------


@given(V=st.integers(1, 300), bound=st.floats(0, 20))
def test_loss_floor_is_the_loss_of_the_best_bounded_logits(V, bound):
    best = np.full(V, -bound)
    best[0] = bound
    assert loss_floor(V, bound) == pytest.approx(cross_entropy(best, 0), rel=1e-12, abs=1e-12)


@given(V=st.integers(2, 12), bound=st.floats(0.1, 3), seed=seeds)
def test_loss_floor_is_passed_by_no_bounded_logits(V, bound, seed):
    logits = np.random.default_rng(seed).uniform(-bound, bound, (200, V))
    targets = np.zeros(200, dtype=int)
    losses = [cross_entropy(row, target) for row, target in zip(logits, targets, strict=True)]
    assert min(losses) > loss_floor(V, bound)


@pytest.mark.parametrize(("V", "bound"), [(2, 1.0), (10, 1.0), (10, 2.5), (65, 1.0)])
def test_loss_floor_is_what_an_optimizer_finds(V, bound):
    logits = torch.zeros(V, dtype=torch.float64, requires_grad=True)
    for _ in range(200):
        loss = nn.functional.cross_entropy(logits, torch.tensor(0))
        (gradient,) = torch.autograd.grad(loss, logits)
        with torch.no_grad():  # downhill, then back into the box
            logits -= 10 * gradient
            logits.clamp_(-bound, bound)
    assert loss.item() == pytest.approx(loss_floor(V, bound), rel=1e-12)


def test_loss_floor_of_ten_characters_is_that_of_the_chapter():
    assert f"{loss_floor(10):.4f}" == "0.7966"
    assert f"{math.exp(-loss_floor(10)):.3f}" == "0.451"


def test_loss_floor_falls_to_zero_where_logits_are_free():
    assert loss_floor(10, math.inf) == 0
    assert loss_floor(10, 0) == pytest.approx(math.log(10), rel=1e-12)


@pytest.mark.parametrize(
    ("V", "bound", "message"),
    [
        (0, 1.0, "vocab_size must be at least 1, got 0"),
        (10, -0.5, "cannot be negative, got -0.5"),
        (10, math.nan, "cannot be negative, got nan"),
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
    theta = drawn(seed, *shape)
    velocity = np.zeros_like(theta)
    weight = nn.Parameter(as_torch(theta.copy()))
    optimizer = torch.optim.SGD([weight], lr=lr, **options)
    for step in range(5):
        gradient = drawn(seed + step + 1, *shape)
        weight.grad = as_torch(gradient)
        optimizer.step()
        theta, velocity = sgd_momentum(theta, gradient, velocity, lr, **options)
        np.testing.assert_allclose(theta, weight.detach(), **EXACT)


def test_sgd_momentum_leaves_its_arguments_alone():
    arrays = [drawn(i, 3) for i in range(3)]
    before = [array.copy() for array in arrays]
    sgd_momentum(*arrays, lr=0.5, momentum=0.9)
    np.testing.assert_array_equal(arrays, before)


# --- the module -------------------------------------------------------------------------------


def test_reference_never_imports_torch():
    code = "import sys, charseq.reference; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
