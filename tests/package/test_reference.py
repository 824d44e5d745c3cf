"""The NumPy equations against torch, in float64.

Forward passes agree to 1e-12. Gradients agree to 1e-10 with autograd, and to 1e-6 with central
differences.
"""

import functools
import itertools
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
    BlockParams,
    RNNParams,
    attend,
    attend_backward,
    attention,
    bidirectional_forward,
    bptt_jacobian,
    cross_entropy,
    cross_entropy_backward,
    ctc_backward,
    ctc_forward,
    ctc_loss,
    decoder_step,
    decoder_step_backward,
    delta_state,
    delta_state_attention,
    delta_state_backward,
    delta_state_chunks,
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
    matrix_state,
    matrix_state_attention,
    matrix_state_backward,
    matrix_state_chunks,
    multi_head_attention,
    output_layer,
    output_layer_backward,
    parallel_scan,
    pinball_loss,
    pool_states,
    pool_states_backward,
    rnn_backward,
    rnn_forward,
    rnn_step,
    sgd_momentum,
    sigmoid,
    softmax,
    transformer_block,
)

RNG = np.random.default_rng(0)
EXACT = {"rtol": 1e-12, "atol": 1e-12}
GRADIENT = {"rtol": 1e-10, "atol": 1e-12}
sizes = st.integers(1, 9)
small = st.integers(1, 4)
seeds = st.integers(0, 2**32 - 1)
batch_shapes = st.lists(small, max_size=3)
scales = st.sampled_from([0.1, 1.0, 30.0, 1e4])


def as_torch(array):
    return torch.from_numpy(np.asarray(array, dtype=np.float64))


def leaf(array):
    return as_torch(array).clone().requires_grad_()


def copy_into(layer, params, suffix):
    for name, value in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), params, strict=True):
        getattr(layer, name + suffix).data = as_torch(value)
    return layer


def normal(seed, *shape, scale=1.0):
    return np.random.default_rng(seed).normal(0, scale, shape)


def params_of(V, H, gates=1, seed=0):
    return RNNParams.random(V, H, np.random.default_rng(seed), gates=gates)


def flatten(nested):
    """Put the arrays of nested arguments or results into one list."""
    if isinstance(nested, (tuple, list)):
        return [array for inner in nested for array in flatten(inner)]
    return [nested.detach() if isinstance(nested, torch.Tensor) else nested]


def assert_close(actual, expected, tolerance=EXACT):
    for a, b in zip(flatten(actual), flatten(expected), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


def assert_keeps(function, arguments, dtype):
    """Check that a function returns arrays of the dtype of its arguments, and changes none."""
    arguments = rebuild(arguments, iter([a.astype(dtype) for a in flatten(arguments)]))
    before = [a.copy() for a in flatten(arguments)]
    assert {array.dtype for array in flatten(function(*arguments))} == {np.dtype(dtype)}
    for now, then in zip(flatten(arguments), before, strict=True):
        np.testing.assert_array_equal(now, then)


def rebuild(like, arrays):
    """Nest an iterator of arrays in the same way as `like`."""
    if isinstance(like, RNNParams):
        return RNNParams(*(next(arrays) for _ in like))
    if isinstance(like, tuple):
        return tuple(rebuild(inner, arrays) for inner in like)
    return next(arrays)


GATES = {"rnn": 1, "gru": 3, "lstm": 4}
LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
CELLS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}


class Case:
    """Random sequences, state, parameters and upstream gradients for one kind of layer."""

    def __init__(self, kind, B=2, T=3, V=4, H=5, seed=0):
        rng = np.random.default_rng(seed)
        state = tuple(rng.normal(size=(B, H)) for _ in range(2))
        dlast = tuple(rng.normal(size=(B, H)) for _ in range(2))
        params = RNNParams.random(V, H, rng, gates=GATES[kind])
        state_parts = 0 if kind != "lstm" else slice(None)
        self.arguments = rng.normal(size=(B, T, V)), state[state_parts], params
        self.upstream = rng.normal(size=(B, T, H)), dlast[state_parts]
        self.layer = copy_into(LAYERS[kind](V, H, batch_first=True).double(), params, "_l0")
        self.cell = copy_into(CELLS[kind](V, H).double(), params, "")

    def check_step(self, step):
        x, state, params = self.arguments
        expected = self.cell(as_torch(x[:, 0]), rebuild(state, map(as_torch, flatten(state))))
        assert_close(step(x[:, 0], state, params), expected)

    def check_forward(self, forward, run=None):
        """Compare with the layer of torch, or with `run` in its place."""
        x, state, _ = self.arguments
        expected = (run or self.run)(*map(as_torch, flatten((x, state))), self.weights())
        assert_close(forward(*self.arguments), expected)

    def check_backward(self, forward, backward, run=None):
        """Compare with autograd and with central differences."""
        gradients = backward(*self.arguments, *self.upstream)
        leaves = list(map(leaf, flatten(self.arguments[:2])))
        loss = weighted_sum((run or self.run)(*leaves, self.weights()), self.upstream)
        assert_close(gradients, torch.autograd.grad(loss, [*leaves, *self.weights()]), GRADIENT)
        assert_gradients_are_slopes(
            lambda *arguments: weighted_sum(forward(*arguments), self.upstream),
            self.arguments,
            gradients,
        )

    def weights(self):
        return list(self.layer.parameters())

    def run(self, x, *parts):
        *state, _ = parts
        state = [part[None] for part in state]
        outputs, last = self.layer(x, state[0] if len(state) == 1 else tuple(state))
        return outputs, [part[0] for part in ([last] if len(state) == 1 else last)]


def cases(kind, sizes=sizes):
    return st.builds(Case, st.just(kind), sizes, sizes, sizes, sizes, seeds)


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


def assert_gradients_are_slopes(loss, arguments, gradients):
    """Check each gradient along one random direction, which is enough to reveal a wrong one."""
    gradients = flatten(gradients)
    rng = np.random.default_rng(0)
    directions = [rng.normal(size=g.shape) for g in gradients]
    for slope, g, u in zip(slopes(loss, arguments, directions), gradients, directions, strict=True):
        size = np.linalg.norm(g) * np.linalg.norm(u)
        assert slope == pytest.approx(np.sum(g * u), rel=1e-6, abs=1e-6 * size + 1e-10)


def weighted_sum(results, weights):
    """Add up all results, each times its weight. The gradient for a result is then its weight."""
    results = [r for part in results for r in (part if isinstance(part, (tuple, list)) else [part])]
    return sum(
        (result * (as_torch(weight) if isinstance(result, torch.Tensor) else weight)).sum()
        for result, weight in zip(results, flatten(weights), strict=True)
    )


# --- parameters -------------------------------------------------------------------------------


@given(V=sizes, H=sizes, kind=st.sampled_from([*GATES]), seed=seeds)
def test_random_parameters_have_the_shapes_and_bounds_of_torch(V, H, kind, seed):
    params = params_of(V, H, GATES[kind], seed)
    assert [p.shape for p in params] == [tuple(p.shape) for p in CELLS[kind](V, H).parameters()]
    assert all(p.dtype == np.float64 for p in params)
    assert max(np.abs(p).max() for p in params) <= 1 / math.sqrt(H)


@pytest.mark.parametrize("which", range(4))
def test_random_parameters_spread_over_the_whole_interval_of_torch(which):
    values = params_of(400, 400)[which]
    bound = 1 / math.sqrt(400)
    assert values.min() < -0.95 * bound
    assert values.max() > 0.95 * bound
    assert abs(values.mean()) < 0.1 * bound


@pytest.mark.parametrize("params", [params_of(5, 5), BlockParams.random(4, 4, RNG)])
def test_each_random_parameter_is_an_array_of_its_own_with_its_own_numbers(params):
    for one, other in itertools.combinations(params, 2):
        assert not np.shares_memory(one, other)
        if np.unique(one).size > 1 and one.size == other.size:  # drawn, no zeros or ones
            assert not np.isin(one, other).any()


@pytest.mark.parametrize("name", ["input_size", "hidden_size", "gates"])
def test_random_parameters_need_sizes_of_at_least_one(name):
    sizes = {"input_size": 2, "hidden_size": 2, "rng": np.random.default_rng(0)}
    assert len(RNNParams.random(**{**sizes, name: 1})) == 4
    with pytest.raises(ValueError, match=f"^{name} must be at least 1, got 0"):
        RNNParams.random(**{**sizes, name: 0})


@pytest.mark.parametrize("kind", GATES)
def test_copied_parameters_are_those_of_the_chosen_layer_and_share_no_memory(kind):
    layer = LAYERS[kind](3, 5, num_layers=2)
    for index in range(2):
        params = RNNParams.from_torch(layer, index)
        parts = list(layer.parameters())[4 * index : 4 * index + 4]
        assert params.W_ih.dtype == np.float32
        assert_close(params, parts)
        with torch.no_grad():
            for part in parts:
                part.add_(1)
        assert all((p != q.detach().numpy()).all() for p, q in zip(params, parts, strict=True))


@pytest.mark.parametrize(
    ("layer", "index", "message"),
    [
        (nn.Linear(2, 2), 0, r"expected a torch.nn.RNN, .* Linear lacks weight_ih_l0, weight_hh_l"),
        (nn.GRU(2, 2, bias=False), 0, r"GRU lacks bias_ih_l0, bias_hh_l0$"),
        (nn.RNN(2, 2), 1, r"RNN lacks weight_ih_l1"),
        (nn.RNN(3, 4, nonlinearity="relu"), 0, "tanh that reads one way, got RNN"),
        (nn.RNN(3, 4, bidirectional=True), 0, "tanh that reads one way, got RNN"),
    ],
)
def test_copied_parameters_need_a_layer_with_biases_and_tanh_in_one_direction(
    layer, index, message
):
    with pytest.raises(TypeError, match=message):
        RNNParams.from_torch(layer, index)


# --- rnn-step, rnn-forward, bidirectional-forward ---------------------------------------------


@given(case=cases("rnn"))
def test_rnn_step_matches_torch_rnn_cell(case):
    case.check_step(rnn_step)


def test_rnn_step_does_not_change_its_arguments():
    x, h, params = Case("rnn").arguments
    assert_keeps(rnn_step, (x[:, 0], h, params), np.float64)


@given(case=cases("rnn"))
def test_rnn_forward_matches_torch_rnn(case):
    case.check_forward(rnn_forward)


def test_rnn_forward_applied_layer_by_layer_matches_a_stacked_torch_rnn():
    layer = nn.RNN(3, 5, num_layers=2, batch_first=True).double()
    x = normal(0, 2, 7, 3)
    states = x
    for index in range(2):
        states, _ = rnn_forward(states, np.zeros((2, 5)), RNNParams.from_torch(layer, index))
    np.testing.assert_allclose(states, layer(as_torch(x))[0].detach(), **EXACT)


@given(B=small, T=sizes, V=sizes, H=sizes, seed=seeds)
def test_bidirectional_forward_matches_torch_rnn(B, T, V, H, seed):
    params = params_of(V, H, seed=seed), params_of(V, H, seed=seed + 1)
    layer = nn.RNN(V, H, batch_first=True, bidirectional=True).double()
    for direction, suffix in zip(params, ("_l0", "_l0_reverse"), strict=True):
        copy_into(layer, direction, suffix)
    x, h = normal(seed, B, T, V), normal(seed + 1, 2, B, H)
    assert_close(bidirectional_forward(x, h, params), layer(as_torch(x), as_torch(h)))


def test_bidirectional_forward_ends_at_the_last_character_and_at_the_first():
    params = params_of(4, 3), params_of(4, 3, seed=1)
    outputs, last = bidirectional_forward(normal(0, 2, 5, 4), np.zeros((2, 2, 3)), params)
    np.testing.assert_array_equal(last, [outputs[:, -1, :3], outputs[:, 0, 3:]])


# --- sigmoid ----------------------------------------------------------------------------------


@given(shape=batch_shapes, scale=scales, seed=seeds)
def test_sigmoid_matches_torch(shape, scale, seed):
    a = normal(seed, *shape, scale=scale)
    np.testing.assert_allclose(sigmoid(a), torch.sigmoid(as_torch(a)), **EXACT)


def test_sigmoid_does_not_overflow_for_huge_numbers():
    np.testing.assert_array_equal(sigmoid(np.array([-1e300, 0, 1e300])), [0, 0.5, 1])


# --- lstm-gates, lstm-step, lstm-forward ------------------------------------------------------


@given(batch_shape=batch_shapes, V=sizes, H=sizes, seed=seeds)
def test_lstm_gates_use_the_block_order_of_torch(batch_shape, V, H, seed):
    params = params_of(V, H, 4, seed)
    x, h = normal(seed, *batch_shape, V), normal(seed + 1, *batch_shape, H)
    W_ih, W_hh, b_ih, b_hh = (as_torch(p).unflatten(0, (4, H)) for p in params)
    squash = (torch.sigmoid, torch.sigmoid, torch.tanh, torch.sigmoid)
    for block, gate in enumerate(lstm_gates(x, h, params)):
        a = as_torch(x) @ W_ih[block].T + b_ih[block] + as_torch(h) @ W_hh[block].T + b_hh[block]
        np.testing.assert_allclose(gate, squash[block](a), **EXACT)


@given(case=cases("lstm"))
def test_lstm_step_matches_torch_lstm_cell(case):
    case.check_step(lstm_step)


@given(case=cases("lstm"))
def test_lstm_forward_matches_torch_lstm(case):
    case.check_forward(lstm_forward)


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


@given(batch_shape=batch_shapes, V=sizes, H=sizes, seed=seeds)
def test_gru_gates_use_the_block_order_of_torch(batch_shape, V, H, seed):
    params = params_of(V, H, 3, seed)
    x, h = normal(seed, *batch_shape, V), normal(seed + 1, *batch_shape, H)
    W_ih, W_hh, b_ih, b_hh = (as_torch(p).unflatten(0, (3, H)) for p in params)
    from_x = [as_torch(x) @ W_ih[k].T + b_ih[k] for k in range(3)]
    r, z = (torch.sigmoid(from_x[k] + as_torch(h) @ W_hh[k].T + b_hh[k]) for k in range(2))
    after = r * (as_torch(h) @ W_hh[2].T + b_hh[2])
    before = (r * as_torch(h)) @ W_hh[2].T + b_hh[2]
    for reset_after, memory in ((True, after), (False, before)):
        gates = gru_gates(x, h, params, reset_after=reset_after)
        assert_close(gates, (r, z, torch.tanh(from_x[2] + memory)))


@given(case=cases("gru"))
def test_gru_step_matches_torch_gru_cell(case):
    case.check_step(gru_step)


@given(case=cases("gru"))
def test_gru_forward_matches_torch_gru(case):
    case.check_forward(gru_forward)


PAPER = {"reset_after": False}
gru_forward_of_the_paper = functools.partial(gru_forward, **PAPER)
gru_in_torch_of_the_paper = functools.partial(gru_in_torch, **PAPER)


@given(case=cases("gru"))
def test_gru_forward_with_reset_after_false_matches_the_equations_of_the_paper(case):
    case.check_forward(gru_forward_of_the_paper, gru_in_torch_of_the_paper)


def test_gru_forward_variants_agree_if_the_reset_gate_is_open_and_differ_otherwise():
    x, h, params = Case("gru", H=5).arguments

    def difference():
        return np.abs(gru_forward(x, h, params)[0] - gru_forward_of_the_paper(x, h, params)[0])

    assert difference().max() > 0.01
    params.b_ih[:5] = 100  # r = 1
    assert difference().max() <= 1e-12


# --- attention --------------------------------------------------------------------------------


@given(
    batch_shape=st.lists(st.integers(1, 3), max_size=2),
    T=sizes,
    H=sizes,
    scale=st.sampled_from([1e-3, 1.0, 30.0]),
    seed=seeds,
)
def test_attention_matches_torch(batch_shape, T, H, scale, seed):
    q, k, v = normal(seed, 3, *batch_shape, T, H)
    expected = nn.functional.scaled_dot_product_attention(
        *map(as_torch, (scale * q, k, v)), is_causal=True
    )
    np.testing.assert_allclose(attention(scale * q, k, v), expected, rtol=1e-10, atol=1e-10)


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


# --- multi-head-attention, transformer-block --------------------------------------------------


class Block:
    """Random vectors and a random block of torch, with the same block for the reference."""

    def __init__(self, seed, batch_shape=(2,), T=4, heads=2, H=3, F=5):
        E, torch_seed = heads * H, seed % 2**31
        torch.manual_seed(torch_seed)
        self.layer = nn.TransformerEncoderLayer(
            E, heads, F, dropout=0, activation="relu", batch_first=True, norm_first=True
        ).double()
        for parameter in self.layer.parameters():  # torch starts biases at 0, and scales at 1
            nn.init.normal_(parameter, std=0.7)
        self.params, self.heads = BlockParams.from_torch(self.layer), heads
        self.x = normal(seed, *batch_shape, T, E)
        self.ahead = torch.ones(T, T, dtype=torch.bool).triu(1)  # what torch leaves out


blocks = st.builds(
    Block,
    seeds,
    st.lists(st.integers(1, 3), min_size=1, max_size=1),
    T=sizes,
    heads=small,
    H=small,
    F=sizes,
)


@settings(max_examples=100)
@given(block=blocks)
def test_multi_head_attention_matches_torch(block):
    x = as_torch(block.x)
    for how in ({"need_weights": True}, {"need_weights": False, "is_causal": True}):
        expected, _ = block.layer.self_attn(x, x, x, attn_mask=block.ahead, **how)
        found = multi_head_attention(block.x, block.params, block.heads)
        np.testing.assert_allclose(found, expected.detach(), rtol=1e-10, atol=1e-10)


@settings(max_examples=100)
@given(block=blocks)
def test_transformer_block_matches_torch(block):
    expected = block.layer(as_torch(block.x), src_mask=block.ahead, is_causal=True).detach()
    found = transformer_block(block.x, block.params, block.heads)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@given(T=sizes, E=sizes, seed=seeds)
def test_multi_head_attention_with_one_head_that_is_not_mixed_is_attention(T, E, seed):
    params = BlockParams.random(E, 1, np.random.default_rng(seed))._replace(W_o=np.eye(E))
    x = normal(seed, T, E)
    q, k, v = (x @ part.T for part in np.split(params.W_qkv, 3))
    np.testing.assert_allclose(multi_head_attention(x, params, 1), attention(q, k, v), **EXACT)


@given(block=blocks)
def test_multi_head_attention_is_its_heads_one_by_one(block):
    W_q, W_k, W_v, b_q, b_k, b_v = (
        part for whole in block.params[:2] for part in np.split(whole, 3)
    )
    E, mixed = len(W_q), block.params.b_o
    for rows in np.split(np.arange(E), block.heads):
        q, k, v = (block.x @ W[rows].T + b[rows] for W, b in ((W_q, b_q), (W_k, b_k), (W_v, b_v)))
        mixed = mixed + attention(q, k, v) @ block.params.W_o[:, rows].T
    found = multi_head_attention(block.x, block.params, block.heads)
    np.testing.assert_allclose(found, mixed, rtol=1e-10, atol=1e-10)


@given(block=blocks, seed=seeds)
def test_transformer_block_does_not_look_ahead(block, seed):
    T = block.x.shape[-2]
    cut = np.random.default_rng(seed).integers(0, T)
    other = block.x.copy()
    other[..., cut:, :] += normal(seed, *other[..., cut:, :].shape)
    before, after = (transformer_block(x, block.params, block.heads) for x in (block.x, other))
    np.testing.assert_array_equal(before[..., :cut, :], after[..., :cut, :])
    assert (before[..., cut:, :] != after[..., cut:, :]).any()


def test_transformer_block_that_adds_nothing_returns_what_it_reads():
    block = Block(0)
    last = ("W_o", "b_o", "W_2", "b_2")
    idle = block.params._replace(**{name: 0 * getattr(block.params, name) for name in last})
    np.testing.assert_array_equal(transformer_block(block.x, idle, 2), block.x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_keep_the_dtype_and_do_not_change_their_arguments(dtype):
    block = Block(0)
    for function in (multi_head_attention, transformer_block):
        assert_keeps(
            lambda x, *params, function=function: function(x, BlockParams(*params), block.heads),
            (block.x, *block.params),
            dtype,
        )


@pytest.mark.parametrize("function", [multi_head_attention, transformer_block])
@pytest.mark.parametrize(
    ("x", "changed", "heads", "message"),
    [
        ((4,), {}, 2, r"^x must have shape \(\.\.\., T, E\), got \(4,\)$"),
        ((0, 4), {}, 2, r"^x is empty: expected T and E of at least 1, got shape \(0, 4\)$"),
        ((3, 5), {}, 1, r"^W_1 must have shape \(F, 5\), got \(6, 4\)$"),
        ((3, 4), {"W_qkv": (4, 12)}, 2, r"^W_qkv must have shape \(12, 4\), got \(4, 12\)$"),
        ((3, 4), {"b_qkv": (4,)}, 2, r"^b_qkv must have shape \(12,\), got \(4,\)$"),
        ((3, 4), {"W_2": (6, 4)}, 2, r"^W_2 must have shape \(4, 6\), got \(6, 4\)$"),
        ((3, 4), {"shift_2": (4, 1)}, 2, r"^shift_2 must have shape \(4,\), got \(4, 1\)$"),
        ((3, 4), {}, 3, r"^heads must divide E, .*: got 3 heads and E = 4$"),
        ((3, 4), {}, 0, r"^heads must be an integer of at least 1, got 0$"),
        ((3, 4), {}, 2.0, r"^heads must be an integer of at least 1, got 2\.0$"),
    ],
)
def test_blocks_name_what_has_the_wrong_shape(function, x, changed, heads, message):
    params = BlockParams.random(4, 6, np.random.default_rng(0))
    params = params._replace(**{name: np.zeros(shape) for name, shape in changed.items()})
    with pytest.raises(ValueError, match=message):
        function(np.zeros(x), params, heads)


def test_block_params_take_only_layers_that_compute_the_same():
    made = functools.partial(nn.TransformerEncoderLayer, 4, 2, 6, batch_first=True)
    for layer, message in (
        (nn.Linear(4, 4), "expected a torch.nn.TransformerEncoderLayer, got Linear"),
        (made(), "with norm_first=True, got one that normalizes last"),
        (made(norm_first=True, activation="gelu"), "with ReLU and biases"),
        (made(norm_first=True, bias=False), "with ReLU and biases"),
    ):
        with pytest.raises(TypeError, match=message):
            BlockParams.from_torch(layer)
    with pytest.raises(ValueError, match="F must be at least 1, got 0"):
        BlockParams.random(4, 0, np.random.default_rng(0))


# --- attend, decoder-step, and their backward passes ------------------------------------------


class Memory:
    """Random queries, keys, values and a mask that leaves at least one letter of each row."""

    def __init__(self, B=2, T=3, S=4, H=5, D=3, seed=0, scale=1.0):
        rng = np.random.default_rng(seed)
        real = rng.random((B, S)) < 0.6
        real[np.arange(B), rng.integers(0, S, B)] = True
        self.real, self.scale = real, scale
        self.arguments = (
            scale * rng.normal(size=(B, T, H)),
            rng.normal(size=(B, S, H)),
            rng.normal(size=(B, S, D)),
        )
        self.dfound = rng.normal(size=(B, T, D))
        # The same as a decoder's: its states are as wide as those that it looks at.
        self.params = RNNParams.random(D, H, rng, gates=3)
        self.step = rng.normal(size=(B, D)), rng.normal(size=(B, H)), self.arguments[1]
        self.upstream = rng.normal(size=(B, 2 * H)), rng.normal(size=(B, H))

    def in_torch(self, q, k, v):
        mask = torch.from_numpy(self.real)[:, None]  # (B, 1, S)
        return nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)

    def step_in_torch(self, cell, x, h, memory):
        h = cell(x, h)
        found = self.in_torch(h[:, None], memory, memory)[:, 0]
        return torch.cat([h, found], 1), h

    def cell(self):
        D, H = self.params.W_ih.shape[1], self.params.W_hh.shape[1]
        return copy_into(nn.GRUCell(D, H).double(), self.params, "")


memories = st.builds(
    Memory, small, sizes, sizes, sizes, small, seeds, st.sampled_from([1e-3, 1.0, 30.0])
)


@given(memory=memories)
def test_attend_matches_torch_and_gives_padding_no_weight(memory):
    found, weights = attend(*memory.arguments, memory.real)
    expected = memory.in_torch(*map(as_torch, memory.arguments))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(weights.sum(axis=2), 1, **EXACT)
    assert (weights[~np.broadcast_to(memory.real[:, None], weights.shape)] == 0).all()


@given(T=sizes, H=sizes, seed=seeds)
def test_attend_row_by_row_is_causal_attention(T, H, seed):
    q, k, v = normal(seed, 3, 1, T, H)
    for t, row in enumerate(attention(q, k, v)[0]):
        seen = (np.arange(T) <= t)[None]
        found, _ = attend(q[:, t : t + 1], k, v, seen)
        np.testing.assert_allclose(found[0, 0], row, **EXACT)


@given(memory=memories)
def test_decoder_step_matches_torch(memory):
    features, h, _ = decoder_step(*memory.step, memory.real, memory.params)
    expected = memory.step_in_torch(memory.cell(), *map(as_torch, memory.step))
    assert_close((features, h), expected, {"rtol": 1e-10, "atol": 1e-10})


@settings(max_examples=100)
@given(memory=memories)
def test_attend_backward_matches_autograd_and_central_differences(memory):
    gradients = attend_backward(*memory.arguments, memory.real, memory.dfound)
    leaves = list(map(leaf, memory.arguments))
    found = memory.in_torch(*leaves)
    expected = torch.autograd.grad(found, leaves, as_torch(memory.dfound))
    assert_close(gradients, expected, {"rtol": 1e-10, "atol": 1e-10})
    assert (gradients[1][~memory.real] == 0).all()
    assert (gradients[2][~memory.real] == 0).all()
    if memory.scale <= 1:  # a difference errs by the third derivative, which large queries cube
        assert_gradients_are_slopes(
            lambda *arguments: (attend(*arguments, memory.real)[0] * memory.dfound).sum(),
            memory.arguments,
            gradients,
        )


@settings(max_examples=100)
@given(memory=memories)
def test_decoder_step_backward_matches_autograd_and_central_differences(memory):
    arguments = (*memory.step, memory.params)
    gradients = decoder_step_backward(*memory.step, memory.real, memory.params, *memory.upstream)
    cell, leaves = memory.cell(), list(map(leaf, memory.step))
    loss = weighted_sum(memory.step_in_torch(cell, *leaves), memory.upstream)
    expected = torch.autograd.grad(loss, [*leaves, *cell.parameters()])
    assert_close(gradients, expected, {"rtol": 1e-10, "atol": 1e-10})

    def loss_of(x, h, read, params):
        return weighted_sum(decoder_step(x, h, read, memory.real, params)[:2], memory.upstream)

    assert_gradients_are_slopes(loss_of, arguments, gradients)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_attend_and_the_decoder_keep_the_dtype_and_do_not_change_their_arguments(dtype):
    memory = Memory()
    real, params = memory.real, memory.params
    assert_keeps(lambda *a: attend(*a, real), memory.arguments, dtype)
    assert_keeps(
        lambda *a: attend_backward(*a[:3], real, a[3]), (*memory.arguments, memory.dfound), dtype
    )
    assert_keeps(
        lambda x, h, read, params: decoder_step(x, h, read, real, params),
        (*memory.step, params),
        dtype,
    )
    assert_keeps(
        lambda x, h, read, params, *up: decoder_step_backward(x, h, read, real, params, *up),
        (*memory.step, params, *memory.upstream),
        dtype,
    )


def test_attend_names_what_has_the_wrong_shape():
    q, k, v, real = np.zeros((2, 1, 3)), np.zeros((2, 4, 3)), np.zeros((2, 4, 5)), np.ones((2, 4))
    real = real == 1
    for arguments, message in (
        ((q[0], k, v, real), r"^q must have shape \(B, T, H\), got \(1, 3\)"),
        ((q, k[:1], v, real), r"^k must have shape \(2, S, 3\), got \(1, 4, 3\)"),
        ((q, k, v[:, :3], real), r"^v must have shape \(2, 4, D\), got \(2, 3, 5\)"),
        ((q, k, v, real[:, :3]), r"^real must have shape \(2, 4\), got \(2, 3\)"),
        ((q[:, :0], k, v, real), r"^expected at least one query and one letter, got q of shape"),
        ((q, k, v, real & [[True], [False]]), r"^row 1 of real is all False: there is nothing"),
    ):
        with pytest.raises(ValueError, match=message):
            attend(*arguments)
    with pytest.raises(TypeError, match=r"^real must hold True and False, got float64$"):
        attend(q, k, v, real.astype(float))
    with pytest.raises(ValueError, match=r"^dfound must have shape \(2, 1, 5\), got"):
        attend_backward(q, k, v, real, np.zeros((2, 1, 3)))
    params = params_of(4, 3, 3)
    step = np.zeros((2, 4)), np.zeros((2, 3)), k, real, params
    with pytest.raises(ValueError, match=r"^dfeatures must have shape \(2, 6\), got \(2, 3\)"):
        decoder_step_backward(*step, np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"^dlast must have shape \(2, 3\), got \(2, 6\)"):
        decoder_step_backward(*step, np.zeros((2, 6)), np.zeros((2, 6)))


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


@given(B=small, T=st.integers(1, 40), H=small, seed=seeds, kind=kinds)
def test_linear_recurrence_matches_a_loop_over_single_numbers(B, T, H, seed, kind):
    a, b, h = linear_case(B, T, H, seed, kind)
    np.testing.assert_allclose(
        linear_recurrence(a, b, h), one_number_at_a_time(a, b, h), rtol=1e-12, atol=0
    )


@given(case=cases("gru"))
def test_linear_recurrence_is_torchs_gru_if_nothing_but_the_input_sets_the_gates(case):
    x, h, params = case.arguments
    params.W_hh[:] = 0
    case.layer.weight_hh_l0.data.zero_()
    _, z, n = gru_gates(x, np.zeros((*x.shape[:2], h.shape[1])), params)  # no state matters
    expected = case.layer(as_torch(x), as_torch(h)[None])[0].detach()
    np.testing.assert_allclose(linear_recurrence(z, (1 - z) * n, h), expected, **EXACT)


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


# --- matrix-state, delta-state, their other forms and their backward passes -------------------


class Steps:
    """Random steps for a matrix state: q, k, v, gates, with the delta rule beta, and a state."""

    def __init__(self, rule, B=2, T=5, K=3, H=2, size=2, seed=0, gates="any"):
        rng = np.random.default_rng(seed)
        q, k, v = (rng.normal(size=(B, T, width)) for width in (K, K, H))
        k /= np.linalg.norm(k, axis=2, keepdims=True)
        a = rng.uniform(size=(B, T))
        if gates == "shut":
            a[rng.random((B, T)) < 0.4] = 0  # steps that erase everything
        elif gates == "tiny":
            a **= 300  # products of a few underflow
        elif gates == "open":
            a[:] = 1
        beta = [rng.uniform(size=(B, T))] if rule == "delta" else []
        self.rule, self.size = rule, size
        self.arguments = q, k, v, a, *beta, rng.normal(size=(B, H, K))
        self.upstream = rng.normal(size=(B, T, H)), rng.normal(size=(B, H, K))

    def forms(self):
        """Return the loop, the table and the chunks as functions of the same arguments."""
        loop, table, chunks = FORMS[self.rule]
        return loop, table, lambda *arguments: chunks(*arguments, self.size)


FORMS = {
    "sum": (matrix_state, matrix_state_attention, matrix_state_chunks),
    "delta": (delta_state, delta_state_attention, delta_state_chunks),
}
STATE_BACKWARD = {"sum": matrix_state_backward, "delta": delta_state_backward}
NEAR = {"rtol": 1e-10, "atol": 1e-10}


def steps_of(rule):
    gates = st.sampled_from(["any", "shut", "tiny", "open"])
    return st.builds(
        Steps, st.just(rule), small, st.integers(1, 12), small, small, sizes, seeds, gates
    )


def matrix_states_in_torch(q, k, v, a, *rest):
    """Read and write a matrix in a loop over torch tensors; the last argument is the state."""
    *beta, S = rest
    read = []
    for t in range(q.shape[1]):
        S = a[:, t, None, None] * S
        change = v[:, t]
        if beta:
            found = torch.einsum("bhk,bk->bh", S, k[:, t])
            change = beta[0][:, t, None] * (change - found)
        S = S + torch.einsum("bh,bk->bhk", change, k[:, t])
        read.append(torch.einsum("bhk,bk->bh", S, q[:, t]))
    return torch.stack(read, 1), S


def check_forms(case):
    expected = matrix_states_in_torch(*map(as_torch, case.arguments))
    for form in case.forms():
        assert_close(form(*case.arguments), expected, NEAR)


@settings(max_examples=200)
@given(case=steps_of("sum"))
def test_matrix_state_matches_torch_by_steps_by_chunks_and_as_a_table(case):
    check_forms(case)


@settings(max_examples=200)
@given(case=steps_of("delta"))
def test_delta_state_matches_torch_by_steps_by_chunks_and_as_a_table(case):
    check_forms(case)


@given(T=sizes, K=small, H=small, seed=seeds)
def test_matrix_state_attention_is_masked_attention_without_its_softmax(T, K, H, seed):
    q, k, v = normal(seed, 1, T, K), normal(seed + 1, 1, T, K), normal(seed + 2, 1, T, H)
    read, S = matrix_state_attention(q, k, v, np.ones((1, T)), np.zeros((1, H, K)))
    np.testing.assert_allclose(read[0], np.tril(q[0] @ k[0].T) @ v[0], **NEAR)
    np.testing.assert_allclose(S[0], v[0].T @ k[0], **NEAR)


@pytest.mark.parametrize("rule", FORMS)
def test_matrix_state_chunks_of_every_size_give_the_same(rule):
    case = Steps(rule, T=7)
    expected = matrix_states_in_torch(*map(as_torch, case.arguments))
    for case.size in range(1, 10):
        assert_close(case.forms()[2](*case.arguments), expected, NEAR)


@given(K=small, seed=seeds)
def test_delta_state_chunks_and_loop_read_the_latest_value_of_a_key(K, seed):
    rng = np.random.default_rng(seed)
    k = np.eye(K)[rng.integers(0, K, (1, 12))]  # keys at right angles, written more than once
    v, ones = rng.normal(size=(1, 12, 2)), np.ones((1, 12))
    S = np.zeros((1, 2, K))
    for read, _ in (
        delta_state(k, k, v, ones, ones, S),
        delta_state_chunks(k, k, v, ones, ones, S, 5),
    ):
        np.testing.assert_allclose(read, v, **EXACT)


@given(K=small, H=small, seed=seeds)
def test_delta_state_is_a_step_of_gradient_descent(K, H, seed):
    q, k, v, a, beta, S = Steps("delta", 1, 1, K, H, seed=seed).arguments
    kept = leaf(a[0, 0] * S[0])
    loss = ((kept @ as_torch(k[0, 0]) - as_torch(v[0, 0])) ** 2).sum() / 2
    loss.backward()
    expected = kept - beta[0, 0] * kept.grad
    assert_close(delta_state(q, k, v, a, beta, S)[1][0], expected.detach())


def test_delta_state_attention_and_the_sum_survive_a_thousand_shut_or_tiny_gates():
    for rule in FORMS:
        for gates in ("shut", "tiny"):
            case = Steps(rule, B=1, T=1000, size=64, gates=gates)
            results = [form(*case.arguments) for form in case.forms()]
            assert all(np.isfinite(part).all() for part in flatten(results))
            for result in results[1:]:
                assert_close(result, results[0], NEAR)


def complex_slopes(function, arguments, upstream):
    """Return the gradient of a weighted sum of results; the function runs on complex numbers.

    Each number of each argument gets a tiny imaginary part in a batch of its own.
    """
    size, slopes = 1e-200, [np.zeros_like(part) for part in arguments]
    for b in range(len(arguments[0])):
        row = [part[b] for part in arguments]
        flat = np.concatenate([part.ravel() for part in row])
        moved = flat + 1j * size * np.eye(flat.size)  # a batch of as many as there are numbers
        cuts = np.cumsum([part.size for part in row])[:-1]
        parts = np.split(moved, cuts, axis=1)
        results = function(
            *(new.reshape(-1, *part.shape) for new, part in zip(parts, row, strict=True))
        )
        loss = sum(
            (result * up[b]).reshape(flat.size, -1).sum(axis=1)
            for result, up in zip(results, upstream, strict=True)
        )
        found = np.split(loss.imag / size, cuts)
        for slope, new in zip(slopes, found, strict=True):
            slope[b] = new.reshape(slope[b].shape)
    return slopes


def check_gradients(case):
    gradients = STATE_BACKWARD[case.rule](*case.arguments, *case.upstream)
    leaves = list(map(leaf, case.arguments))
    loss = weighted_sum(matrix_states_in_torch(*leaves), case.upstream)
    expected = torch.autograd.grad(loss, leaves, allow_unused=True)
    assert_close(gradients, expected, NEAR)
    for form in case.forms():
        assert_close(complex_slopes(form, case.arguments, case.upstream), gradients, NEAR)


@pytest.mark.slow
@settings(max_examples=200)
@given(case=steps_of("sum"))
def test_matrix_state_backward_matches_autograd_and_the_slopes_of_all_three_forms(case):
    check_gradients(case)


@pytest.mark.slow
@settings(max_examples=200)
@given(case=steps_of("delta"))
def test_delta_state_backward_matches_autograd_and_the_slopes_of_all_three_forms(case):
    check_gradients(case)


@pytest.mark.parametrize("rule", FORMS)
def test_matrix_state_functions_keep_float32_and_their_arguments(rule):
    case = Steps(rule)
    for form in case.forms():
        assert_keeps(form, case.arguments, np.float32)
    assert_keeps(STATE_BACKWARD[rule], (*case.arguments, *case.upstream), np.float32)


@pytest.mark.parametrize("rule", FORMS)
def test_matrix_state_functions_name_what_has_the_wrong_shape(rule):
    case = Steps(rule)
    for place, bad, message in (
        (0, lambda q: q[0], r"^q must have shape \(B, T, K\), got \(5, 3\)"),
        (1, lambda k: k[:, :4], r"^k must have shape \(2, 5, 3\), got \(2, 4, 3\)"),
        (2, lambda v: v[:1], r"^v must have shape \(2, 5, H\), got \(1, 5, 2\)"),
        (3, lambda a: a[..., None], r"^a must have shape \(2, 5\), got \(2, 5, 1\)"),
        (-2, lambda last: last[:, 0], r"^(a|beta) must have shape \(2, 5\), got \(2,\)"),
        (-1, lambda S: S[:, 0], r"^S must have shape \(2, 2, 3\), got \(2, 3\)"),
    ):
        wrong = list(case.arguments)
        wrong[place] = bad(wrong[place])
        for form in (*case.forms(), lambda *a: STATE_BACKWARD[rule](*a, *case.upstream)):
            with pytest.raises(ValueError, match=message):
                form(*wrong)
    empty = [part[:, :0] for part in case.arguments[:-1]]
    with pytest.raises(ValueError, match=r"^q has no time steps"):
        FORMS[rule][0](*empty, case.arguments[-1])
    with pytest.raises(ValueError, match=r"^size must be at least 1, got 0"):
        FORMS[rule][2](*case.arguments, 0)
    doutputs, dlast = case.upstream
    with pytest.raises(ValueError, match=r"^doutputs must have shape \(2, 5, 2\), got \(2, 2\)"):
        STATE_BACKWARD[rule](*case.arguments, doutputs[:, 0], dlast)
    with pytest.raises(ValueError, match=r"^dlast must have shape \(2, 2, 3\), got \(1, 2, 3\)"):
        STATE_BACKWARD[rule](*case.arguments, doutputs, dlast[:1])


# --- output-layer, softmax, cross-entropy -----------------------------------------------------


@given(batch_shape=batch_shapes, V=sizes, H=sizes, seed=seeds)
def test_output_layer_matches_torch_linear(batch_shape, V, H, seed):
    arguments = normal(seed, *batch_shape, H), normal(seed + 1, V, H), normal(seed + 2, V)
    expected = nn.functional.linear(*map(as_torch, arguments))
    np.testing.assert_allclose(output_layer(*arguments), expected, **EXACT)


@given(batch_shape=batch_shapes, V=sizes, scale=scales, seed=seeds)
def test_softmax_matches_torch(batch_shape, V, scale, seed):
    logits = normal(seed, *batch_shape, V, scale=scale)
    np.testing.assert_allclose(softmax(logits), torch.softmax(as_torch(logits), -1), **EXACT)


def test_softmax_does_not_overflow_for_huge_logits():
    np.testing.assert_array_equal(softmax(np.array([1e300, 0.0, -1e300])), [1, 0, 0])


def cross_entropy_in_torch(logits, targets):
    ids = torch.from_numpy(np.reshape(targets, -1))
    return nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), ids)


@given(batch_shape=batch_shapes, V=sizes, scale=scales, seed=seeds)
def test_cross_entropy_matches_torch(batch_shape, V, scale, seed):
    logits = normal(seed, *batch_shape, V, scale=scale)
    targets = np.random.default_rng(seed).integers(0, V, batch_shape)
    loss, expected = (
        cross_entropy(logits, targets),
        cross_entropy_in_torch(as_torch(logits), targets),
    )
    assert type(loss) is float
    assert loss == pytest.approx(expected.item(), rel=1e-12, abs=1e-12)


@given(batch_shape=batch_shapes, V=sizes, scale=st.sampled_from([0.1, 1, 10]), seed=seeds)
def test_cross_entropy_backward_matches_autograd_and_central_differences(
    batch_shape, V, scale, seed
):
    logits = normal(seed, *batch_shape, V, scale=scale)
    targets = np.random.default_rng(seed).integers(0, V, batch_shape)
    of = leaf(logits)
    gradient = cross_entropy_backward(logits, targets)
    assert_close(
        gradient, torch.autograd.grad(cross_entropy_in_torch(of, targets), of)[0], GRADIENT
    )
    assert_gradients_are_slopes(lambda z: cross_entropy(z, targets), (logits,), gradient)


def test_cross_entropy_backward_sums_to_zero_at_every_position():
    gradient = cross_entropy_backward(normal(0, 3, 5, 7), np.zeros((3, 5), dtype=int))
    np.testing.assert_allclose(gradient.sum(axis=-1), 0, atol=1e-15)


@given(batch_shape=batch_shapes, V=sizes, H=sizes, seed=seeds)
def test_output_layer_backward_matches_autograd_and_central_differences(batch_shape, V, H, seed):
    arguments = normal(seed, *batch_shape, H), normal(seed + 1, V, H), normal(seed + 2, V)
    dlogits = normal(seed + 3, *batch_shape, V)
    leaves = list(map(leaf, arguments))
    expected = torch.autograd.grad(nn.functional.linear(*leaves), leaves, as_torch(dlogits))
    gradients = output_layer_backward(*arguments[:2], dlogits)
    assert_close(gradients, expected, GRADIENT)
    assert_gradients_are_slopes(lambda *a: (output_layer(*a) * dlogits).sum(), arguments, gradients)


# --- pool-states, and the classifier that it completes ---------------------------------------

WAYS = st.sampled_from(["last", "mean", "max"])


def pooled_by_torch(states, lengths, how):
    """Return the pooled states, row by row, without the padding."""
    rows = [row[:length] for row, length in zip(states, lengths, strict=True)]
    ways = {
        "last": lambda row: row[-1],
        "mean": lambda row: row.mean(0),
        "max": lambda row: row.amax(0),
    }
    return torch.stack([ways[how](row) for row in rows])


@given(B=sizes, T=sizes, H=sizes, how=WAYS, seed=seeds)
def test_pool_states_and_their_backward_pass_match_torch_on_rows_without_padding(
    B, T, H, how, seed
):
    states, upstream = normal(seed, B, T, H), normal(seed + 1, B, H)
    lengths = np.random.default_rng(seed).integers(1, T, B, endpoint=True)
    variable = leaf(states)
    expected = pooled_by_torch(variable, lengths, how)
    assert_close(pool_states(states, lengths, how), expected)
    (gradient,) = torch.autograd.grad(expected, variable, as_torch(upstream))
    assert_close(pool_states_backward(states, lengths, upstream, how), gradient, GRADIENT)


class Classifier:
    """A GRU, pooled states and an output layer in NumPy; the same in torch, on a packed batch."""

    def __init__(self, B, T, V, H, C, how, seed):
        rng = np.random.default_rng(seed)
        self.x, self.start = rng.normal(size=(B, T, V)), np.zeros((B, H))
        self.lengths = rng.integers(1, T, B, endpoint=True)
        self.targets, self.how = rng.integers(0, C, B), how
        self.weights = (
            *RNNParams.random(V, H, rng, gates=3),
            normal(seed, C, H),
            normal(seed + 1, C),
        )

    def loss(self, *weights):
        *layer, W_hy, b_y = weights
        states, _ = gru_forward(self.x, self.start, RNNParams(*layer))
        pooled = pool_states(states, self.lengths, self.how)
        logits = output_layer(pooled, W_hy, b_y)
        return cross_entropy(logits, self.targets), (states, pooled, logits)

    def gradients(self):
        *layer, W_hy, _ = self.weights
        _, (states, pooled, logits) = self.loss(*self.weights)
        dlogits = cross_entropy_backward(logits, self.targets)
        dpooled, dW_hy, db_y = output_layer_backward(pooled, W_hy, dlogits)
        dstates = pool_states_backward(states, self.lengths, dpooled, self.how)
        _, _, dlayer = gru_backward(self.x, self.start, RNNParams(*layer), dstates, self.start)
        return *dlayer, dW_hy, db_y

    def by_torch(self):
        *layer, W_hy, b_y = self.weights
        V, H = self.x.shape[-1], self.start.shape[-1]
        gru = copy_into(nn.GRU(V, H, batch_first=True).double(), layer, "_l0")
        head = leaf(W_hy), leaf(b_y)
        packed = nn.utils.rnn.pack_padded_sequence(
            as_torch(self.x), torch.from_numpy(self.lengths), batch_first=True, enforce_sorted=False
        )
        states, _ = nn.utils.rnn.pad_packed_sequence(gru(packed)[0], batch_first=True)
        logits = nn.functional.linear(pooled_by_torch(states, self.lengths, self.how), *head)
        loss = nn.functional.cross_entropy(logits, torch.from_numpy(self.targets))
        return loss, torch.autograd.grad(loss, [*gru.parameters(), *head])


@given(B=small, T=sizes, V=small, H=sizes, C=sizes, how=WAYS, seed=seeds)
def test_pool_states_complete_a_classifier_with_the_loss_and_gradients_of_torch(
    B, T, V, H, C, how, seed
):
    classifier = Classifier(B, T, V, H, C, how, seed)
    loss, gradients = classifier.by_torch()
    assert_close(classifier.loss(*classifier.weights)[0], loss)
    assert_close(classifier.gradients(), gradients, GRADIENT)


@pytest.mark.parametrize("how", ["last", "mean"])  # the largest number may be another at a nudge
def test_pool_states_backward_gives_a_classifier_the_slopes_of_its_loss(how):
    classifier = Classifier(3, 5, 4, 6, 3, how, seed=0)
    assert_gradients_are_slopes(
        lambda *weights: classifier.loss(*weights)[0], classifier.weights, classifier.gradients()
    )


def test_pool_states_gives_the_first_of_equal_numbers_the_gradient_and_keeps_float32():
    states = np.zeros((1, 3, 1))
    gradient = pool_states_backward(states, [3], np.ones((1, 1)), "max")
    np.testing.assert_array_equal(gradient, [[[1], [0], [0]]])
    for how in ("last", "mean", "max"):
        arguments = normal(0, 2, 3, 4), normal(1, 2, 4)
        assert_keeps(lambda s, _, how=how: pool_states(s, [3, 1], how), arguments, np.float32)
        assert_keeps(
            lambda s, d, how=how: pool_states_backward(s, [3, 1], d, how), arguments, np.float32
        )


@pytest.mark.parametrize(
    ("shape", "lengths", "how", "error", "message"),
    [
        ((2, 3), [3, 1], "mean", ValueError, r"^states must have shape \(B, T, H\), got \(2, 3\)$"),
        ((2, 3, 4), [3], "mean", ValueError, r"^lengths must have shape \(2,\), got \(1,\)$"),
        ((2, 3, 4), [3, 0], "max", ValueError, r"^row 1 has length 0: expected 1 to 3, the steps"),
        ((2, 3, 4), [4, 1], "last", ValueError, r"^row 0 has length 4: expected 1 to 3, the steps"),
        ((2, 3, 4), [3.0, 1.0], "last", TypeError, r"^lengths must be integers, got float64$"),
        (
            (2, 3, 4),
            [3, 1],
            "first",
            ValueError,
            r"^how must be one of last, mean, max, got 'first'",
        ),
    ],
)
def test_pool_states_name_what_they_refuse(shape, lengths, how, error, message):
    with pytest.raises(error, match=message):
        pool_states(np.zeros(shape), lengths, how)
    with pytest.raises(error, match=message):
        pool_states_backward(np.zeros(shape), lengths, np.zeros((2, 4)), how)


# --- ctc-forward, ctc-loss, ctc-backward ------------------------------------------------------


def read_off(path):
    """Return what a path of classes says: runs become one label each, and blanks go."""
    return [label for label, _ in itertools.groupby(path) if label]


def frames_for(labels):
    """Return the fewest frames that can spell labels: one more for each that is doubled."""
    return len(labels) + sum(a == b for a, b in itertools.pairwise(labels))


@st.composite
def alignments(draw, most_frames=12):
    """Logits (T, V) with labels that may or may not fit into the frames."""
    T, V = draw(st.integers(1, most_frames)), draw(st.integers(2, 5))
    labels = draw(st.lists(st.integers(1, V - 1), max_size=5))
    return normal(draw(seeds), T, V) * draw(st.sampled_from([0.1, 1.0, 5.0])), labels


def ctc_in_torch(logits, labels):
    """Return log-softmax and CTC loss of torch, for one text."""
    log_p = logits.log_softmax(dim=-1)
    sizes = torch.tensor([len(log_p)]), torch.tensor([len(labels)])
    targets = torch.tensor([labels], dtype=torch.long)
    loss = nn.functional.ctc_loss(log_p[:, None], targets, *sizes, reduction="sum")
    return log_p, loss


@settings(max_examples=100)
@given(case=alignments())
def test_ctc_loss_and_ctc_backward_match_torch(case):
    logits, labels = case
    variable = leaf(logits)
    log_p, expected = ctc_in_torch(variable, labels)
    loss = ctc_loss(log_p.detach().numpy(), labels)
    if len(logits) < frames_for(labels):
        assert loss == expected == math.inf
        return
    np.testing.assert_allclose(loss, expected.item(), rtol=1e-10, atol=1e-10)
    (gradient,) = torch.autograd.grad(expected, variable)
    ours = ctc_backward(log_p.detach().numpy(), labels)
    np.testing.assert_allclose(ours, gradient, rtol=1e-10, atol=1e-10)


@settings(max_examples=100)
@given(case=alignments(most_frames=5))
def test_ctc_loss_is_minus_the_logarithm_of_all_paths_that_say_the_labels(case):
    logits, labels = case
    p = softmax(logits)
    T, V = p.shape
    total = math.fsum(
        math.prod(p[t, label] for t, label in enumerate(path))
        for path in itertools.product(range(V), repeat=T)
        if read_off(path) == labels
    )
    assert (total == 0) == (frames_for(labels) > T)
    expected = -math.log(total) if total else math.inf
    np.testing.assert_allclose(ctc_loss(np.log(p), labels), expected, rtol=1e-10, atol=1e-10)


@settings(max_examples=100)
@given(case=alignments())
def test_ctc_backward_gives_the_slopes_of_the_loss(case):
    logits, labels = case
    if len(logits) < frames_for(labels):
        return

    def loss(z):
        return ctc_loss(as_torch(z).log_softmax(dim=-1).numpy(), labels)

    log_p = as_torch(logits).log_softmax(dim=-1).numpy()
    assert_gradients_are_slopes(loss, (logits,), (ctc_backward(log_p, labels),))


def test_ctc_forward_counts_the_ways_to_each_place_if_all_classes_cost_the_same():
    log_alpha = ctc_forward(np.zeros((5, 3)), [1, 2, 2])
    assert np.exp(log_alpha).round(9).tolist() == [
        [1, 1, 0, 0, 0, 0, 0],
        [1, 2, 1, 1, 0, 0, 0],
        [1, 3, 3, 4, 1, 0, 0],
        [1, 4, 6, 10, 5, 1, 0],
        [1, 5, 10, 20, 15, 6, 1],
    ]


def test_ctc_backward_sums_to_zero_at_every_frame_and_keeps_its_arguments():
    log_p = np.log(softmax(normal(0, 7, 4)))
    before = log_p.copy()
    np.testing.assert_allclose(ctc_backward(log_p, [3, 1, 1]).sum(axis=1), 0, atol=1e-12)
    np.testing.assert_array_equal(log_p, before)


@pytest.mark.parametrize(
    ("shape", "labels", "error", "message"),
    [
        ((3,), [1], ValueError, r"^log_p must have shape \(T, V\), got \(3,\)$"),
        ((0, 3), [1], ValueError, r"^log_p has shape \(0, 3\): expected at least one frame$"),
        ((3, 3), [1.0], TypeError, r"^labels must be integers, got float64$"),
        ((3, 3), [[1]], ValueError, r"^labels must have shape \(S,\), got \(1, 1\)$"),
        ((3, 3), [1, 0], ValueError, r"^label 0 at position 1: expected 1 to 2, since 0 is the bl"),
        ((3, 3), [3], ValueError, r"^label 3 at position 0: expected 1 to 2, since 0 is the blan"),
    ],
)
def test_ctc_loss_names_what_it_refuses(shape, labels, error, message):
    for function in (ctc_forward, ctc_loss, ctc_backward):
        with pytest.raises(error, match=message):
            function(np.zeros(shape), labels)


def test_ctc_backward_says_how_many_frames_the_labels_need():
    message = r"^3 frames are too few for 3 labels: expected at least 4, one for each label and one"
    with pytest.raises(ValueError, match=message):
        ctc_backward(np.zeros((3, 3)), [1, 2, 2])
    never = np.array([[0, -1, -np.inf]] * 4)  # class 2 has the probability 0
    with pytest.raises(ValueError, match=r"^the loss is inf: expected a path whose probability"):
        ctc_backward(never, [1, 2])


# --- bptt-jacobian, rnn-backward, lstm-backward, gru-backward ---------------------------------


@settings(max_examples=50)
@given(case=cases("rnn", small))
def test_bptt_jacobian_matches_autograd_and_rnn_backward(case):
    x, h, params = case.arguments
    outputs, _ = rnn_forward(x, h, params)
    jacobian = bptt_jacobian(outputs, params)
    of_all = torch.autograd.functional.jacobian(
        lambda start: case.run(as_torch(x), start, ())[1][0], as_torch(h)
    )  # (B, H, B, H)
    for row in range(len(x)):
        np.testing.assert_allclose(jacobian[row], of_all[row, :, row], **GRADIENT)
    dlast = case.upstream[1]
    _, dh, _ = rnn_backward(x, h, params, np.zeros_like(outputs), dlast)
    np.testing.assert_allclose(np.einsum("bjk,bj->bk", jacobian, dlast), dh, **GRADIENT)


def test_bptt_jacobian_keeps_the_dtype():
    assert_keeps(bptt_jacobian, (np.zeros((4, 5, 3)), params_of(2, 3)), np.float32)


@settings(max_examples=50)
@given(case=cases("rnn", small))
def test_rnn_backward_matches_autograd_and_central_differences(case):
    case.check_backward(rnn_forward, rnn_backward)


@settings(max_examples=50)
@given(case=cases("lstm", small))
def test_lstm_backward_matches_autograd_and_central_differences(case):
    case.check_backward(lstm_forward, lstm_backward)


@settings(max_examples=50)
@given(case=cases("gru", small))
def test_gru_backward_matches_autograd_and_central_differences(case):
    case.check_backward(gru_forward, gru_backward)


@settings(max_examples=50)
@given(case=cases("gru", small))
def test_gru_backward_with_reset_after_false_matches_autograd_and_central_differences(case):
    backward = functools.partial(gru_backward, **PAPER)
    case.check_backward(gru_forward_of_the_paper, backward, gru_in_torch_of_the_paper)


@pytest.mark.parametrize("T", [1, 50])
def test_rnn_backward_combined_with_output_layer_backward_gives_the_whole_gradient(T):
    layer, head = nn.RNN(5, 7, batch_first=True).double(), nn.Linear(7, 5).double()
    x, h = normal(0, 2, T, 5), np.zeros((2, 7))
    targets = np.random.default_rng(1).integers(0, 5, (2, T))
    loss = cross_entropy_in_torch(head(layer(as_torch(x))[0]), targets)
    expected = torch.autograd.grad(loss, [*layer.parameters(), *head.parameters()])
    params = RNNParams.from_torch(layer)
    W_hy, b_y = (p.detach().numpy() for p in head.parameters())
    outputs, _ = rnn_forward(x, h, params)
    dlogits = cross_entropy_backward(output_layer(outputs, W_hy, b_y), targets)
    doutputs, *dhead = output_layer_backward(outputs, W_hy, dlogits)
    _, _, dparams = rnn_backward(x, h, params, doutputs, np.zeros_like(h))
    assert_close([dparams, *dhead], expected, GRADIENT)


BACKWARD = {"rnn": rnn_backward, "lstm": lstm_backward, "gru": gru_backward}


@pytest.mark.parametrize("kind", BACKWARD)
def test_backward_functions_keep_the_dtype_and_do_not_change_their_arguments(kind):
    case = Case(kind)
    assert_keeps(BACKWARD[kind], (*case.arguments, *case.upstream), np.float32)


# --- linear-recurrence-backward ---------------------------------------------------------------


@given(B=small, T=sizes, H=small, seed=seeds, kind=kinds)
def test_linear_recurrence_backward_matches_autograd_and_central_differences(B, T, H, seed, kind):
    arguments = linear_case(B, T, H, seed, kind)
    upstream = normal(seed + 1, B, T, H), normal(seed + 2, B, H)
    gradients = linear_recurrence_backward(*arguments, *upstream)
    a, b, h = leaves = list(map(leaf, arguments))
    states = []
    for t in range(T):
        h = a[:, t] * h + b[:, t]
        states.append(h)
    loss = weighted_sum((torch.stack(states, 1), h), upstream)
    assert_close(gradients, torch.autograd.grad(loss, leaves), GRADIENT)

    def loss_of(*arguments):
        states = linear_recurrence(*arguments)
        return weighted_sum((states, states[:, -1]), upstream)

    assert_gradients_are_slopes(loss_of, arguments, gradients)


def test_linear_recurrence_backward_and_the_scan_keep_float32_and_their_arguments():
    case = linear_case(2, 5, 3, seed=0)
    assert_keeps(linear_recurrence, case, np.float32)
    assert_keeps(parallel_scan, case[:2], np.float32)
    upstream = normal(1, 2, 5, 3), normal(2, 2, 3)
    assert_keeps(linear_recurrence_backward, (*case, *upstream), np.float32)


# --- layer-norm -------------------------------------------------------------------------------


@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=3), seed=seeds)
def test_layer_norm_matches_torch(shape, seed):
    a, (weight, bias) = 3 + normal(seed, *shape, scale=5), normal(seed + 1, 2, shape[-1])
    expected = nn.functional.layer_norm(as_torch(a), shape[-1:], as_torch(weight), as_torch(bias))
    np.testing.assert_allclose(layer_norm(a, weight, bias), expected, **EXACT)


@given(factor=st.floats(1, 1e6), shift=st.floats(-10, 10), seed=seeds)
def test_layer_norm_takes_away_any_factor_and_summand(factor, shift, seed):
    a, one, zero = np.random.default_rng(seed).normal(size=(3, 8)), np.ones(8), np.zeros(8)
    assert np.allclose(
        layer_norm(factor * a + shift, one, zero, eps=0), layer_norm(a, one, zero, eps=0)
    )


def test_layer_norm_of_equal_numbers_is_the_bias():
    assert layer_norm(np.full(3, 7.0), np.ones(3), np.arange(3.0)).tolist() == [0, 1, 2]


# --- loss-floor -------------------------------------------------------------------------------


@given(V=st.integers(1, 300), bound=st.floats(0, 20))
def test_loss_floor_is_the_loss_of_the_best_bounded_logits(V, bound):
    best = np.full(V, -bound)
    best[0] = bound
    assert loss_floor(V, bound) == pytest.approx(cross_entropy(best, 0), rel=1e-12, abs=1e-12)


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


def test_loss_floor_is_zero_for_unbounded_logits():
    assert loss_floor(10, math.inf) == 0


# --- pinball-loss -----------------------------------------------------------------------------


@given(seed=seeds, shape=st.lists(st.integers(1, 5), max_size=3), level=st.floats(0.01, 0.99))
def test_pinball_loss_is_the_price_written_out_number_by_number(seed, shape, level):
    q, y = normal(seed, *shape), normal(seed + 1, *shape)
    prices = [
        level * (truth - said) if truth > said else (1 - level) * (said - truth)
        for said, truth in zip(np.ravel(q), np.ravel(y), strict=True)
    ]
    assert pinball_loss(q, y, level) == pytest.approx(math.fsum(prices) / len(prices), rel=1e-12)
    half = nn.functional.l1_loss(as_torch(np.asarray(q)), as_torch(np.asarray(y))).item() / 2
    assert pinball_loss(q, y, 0.5) == pytest.approx(half, rel=1e-12)


@given(seed=seeds, level=st.sampled_from([0.05, 0.1, 0.5, 0.9, 0.99]))
def test_pinball_loss_is_lowest_at_the_quantile(seed, level):
    y = normal(seed, 101)
    quantile = np.quantile(y, level, method="inverted_cdf")
    least = pinball_loss(np.full(101, quantile), y, level)
    for other in y:
        assert least <= pinball_loss(np.full(101, other), y, level) + 1e-12


@pytest.mark.parametrize(
    ("q", "y", "level", "message"),
    [
        ([1.0, 2], [1.0, 2, 3], 0.5, r"as many values as forecasts, got \(3,\) and \(2,\)"),
        ([], [], 0.5, "there is no forecast"),
        ([1.0, 2], [1.0, math.nan], 0.5, "y holds nan in 1 of 2 places, first in place 1"),
        ([math.nan, 2], [1.0, 2], 0.5, "q holds nan in 1 of 2 places, first in place 0"),
        ([1.0], [1.0], 1.0, "level must be between 0 and 1, got 1.0"),
        ([1.0], [1.0], math.nan, "level must be between 0 and 1, got nan"),
    ],
)
def test_pinball_loss_refuses_gaps_and_other_lengths_with_what_was_found(q, y, level, message):
    with pytest.raises(ValueError, match=message):
        pinball_loss(np.array(q), np.array(y), level)


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


# --- what is refused --------------------------------------------------------------------------

STEPS = {"rnn": rnn_step, "gru": gru_step, "lstm": lstm_step}
FORWARD = {"rnn": rnn_forward, "gru": gru_forward, "lstm": lstm_forward}
GATED = {"gru": gru_gates, "lstm": lstm_gates}


def calls_of(kind, params):
    """Return what calls the functions of a layer with arrays of zeros, given their shapes."""

    def with_state(function):
        def call(x, h):
            h = np.zeros(h)
            return function(np.zeros(x), (h, np.zeros(h.shape)) if kind == "lstm" else h, params)

        return call

    gates = {"gates": lambda x, h: GATED[kind](np.zeros(x), np.zeros(h), params)}
    functions = {"step": with_state(STEPS[kind]), "forward": with_state(FORWARD[kind])}
    return functions | (gates if kind in GATED else {})


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("W_ih", (2,), r"^W_ih must have shape \(gH, V\), got \(2,\)$"),
        ("W_ih", (7, 4), r"^W_ih must have shape \(gH, V\), got \(7, 4\)$"),
        ("W_hh", (2, 3), r"^W_hh must have shape \(R, 2\), got \(2, 3\)$"),
        ("b_ih", (1,), r"^b_ih must have shape \(R,\), got \(1,\)$"),
        ("b_hh", (3, 2), r"^b_hh must have shape \(R,\), got \(3, 2\)$"),
        ("b_hh", (), r"^b_hh must have shape \(R,\), got \(\)$"),
    ],
)
def test_layers_refuse_parameters_of_the_wrong_shape(kind, name, shape, message):
    gates = GATES[kind]
    if (kind, shape) == ("rnn", (7, 4)):
        message = r"^W_hh must have shape \(7, 7\), got \(2, 2\)$"  # H may be 7
    message = message.replace("gH", f"{gates}H" if gates > 1 else "H")
    params = params_of(4, 2, gates)._replace(**{name: np.zeros(shape)})
    for function, call in calls_of(kind, params).items():
        with pytest.raises(ValueError, match=message.replace("R", str(2 * gates))):
            call((3, 5, 4) if function == "forward" else (3, 4), (3, 2))


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize(
    ("function", "x", "h", "message"),
    [
        ("gates", (3, 5), (3, 2), r"^x must have shape \(\.\.\., 4\), got \(3, 5\)$"),
        ("gates", (), (2,), r"^x must have shape \(\.\.\., 4\), got \(\)$"),
        ("gates", (3, 5, 4), (3, 2), r"^h must have shape \(3, 5, 2\), got \(3, 2\)"),
        ("step", (3, 5), (3, 2), r"^x must have shape \(B, 4\), got \(3, 5\)$"),
        ("step", (4,), (3, 2), r"^x must have shape \(B, 4\), got \(4,\); .*batch.*x\[None\]"),
        ("step", (3, 5, 4), (3, 2), r"^x must have shape \(B, 4\), got \(3, 5, 4\)$"),
        ("step", (3, 4), (1, 2), r"^h must have shape \(3, 2\), got \(1, 2\)$"),
        ("step", (3, 4), (2,), r"^h must have shape \(3, 2\), got \(2,\); .*h\[None\]"),
        ("forward", (5, 4), (3, 2), r"^x must have shape \(B, T, 4\), got \(5, 4\); .*x\[None\]"),
        ("forward", (3, 5, 2), (3, 2), r"^x must have shape \(B, T, 4\), got \(3, 5, 2\)$"),
        ("forward", (3, 0, 4), (3, 2), r"x has no time steps: .*least 1, got shape \(3, 0, 4\)$"),
        ("forward", (3, 5, 4), (1, 3, 2), r"^h must have shape \(3, 2\), got \(1, 3, 2\)$"),
    ],
)
def test_layers_name_what_has_the_wrong_shape(kind, function, x, h, message):
    call = calls_of(kind, params_of(4, 2, GATES[kind])).get(function)
    if call is not None:  # an RNN has no gates
        with pytest.raises(ValueError, match=message):
            call(x, h)


def jacobian(outputs, W_hh):
    return bptt_jacobian(outputs, params_of(4, 2)._replace(W_hh=W_hh))


@pytest.mark.parametrize(
    ("function", "shapes", "message"),
    [
        (attention, [(2,), (2,), (2,)], r"^q must have shape \(\.\.\., T, H\), got \(2,\)$"),
        (attention, [(3, 2), (4, 2), (3, 2)], r"^k must have shape \(3, 2\), got \(4, 2\)$"),
        (attention, [(3, 2), (3, 2), (3, 1)], r"^v must have shape \(3, 2\), got \(3, 1\)$"),
        (attention, [(0, 2)] * 3, r"^q is empty: expected T and H of at least 1, got shape"),
        (attention, [(3, 0)] * 3, r"^q is empty"),
        *(
            case
            for function, more in ((linear_recurrence, [(3, 2)]), (parallel_scan, []))
            for case in [
                (function, [(3, 5, 2), (3, 4, 2), *more], r"^b must .*\(3, 5, 2\), got \(3, 4, 2"),
                (function, [(3, 5, 2), (), *more], r"^b must have shape \(3, 5, 2\), got \(\)$"),
                (function, [(5, 2), (5, 2), *more], r"^a .*\(B, T, H\), got \(5, 2\); .*a\[None\]"),
                (
                    function,
                    [(3, 0, 2), (3, 0, 2), *more],
                    r"^a and b have no time steps: .*0, 2\)$",
                ),
            ]
        ),
        (linear_recurrence, [(3, 5, 2), (3, 5, 2), (2,)], r"^h .* \(3, 2\), got \(2,\); .*h\[None"),
        (output_layer, [(3, 5), (2, 4), (2,)], r"^h must have shape \(\.\.\., 4\), got \(3, 5\)"),
        (output_layer, [(), (2, 4), (2,)], r"^h must have shape \(\.\.\., 4\), got \(\)"),
        (output_layer, [(3, 4), (2, 4), (1,)], r"^b_y must have shape \(2,\), got \(1,\)"),
        (output_layer, [(3, 4), (4,), (4,)], r"^W_hy must have shape \(V, H\), got \(4,\)"),
        (output_layer_backward, [(3, 5), (2, 4), (3, 2)], r"^h must .*\(\.\.\., 4\), got \(3, 5\)"),
        (output_layer_backward, [(3, 4), (4,), (3, 2)], r"^W_hy must have shape \(V, H\), got \(4"),
        (
            output_layer_backward,
            [(3, 4), (2, 4), (3, 4)],
            r"^dlogits must .*\(3, 2\), got \(3, 4\)",
        ),
        (layer_norm, [(1, 3), (3,), (2,)], r"bias must have shape \(3,\), got \(2,\)"),
        (layer_norm, [(1, 4), (3,), (3,)], r"a must have shape \(..., 3\), got \(1, 4\)"),
        (layer_norm, [(1, 1), (1, 1), (1,)], r"weight must have shape \(H,\), got \(1, 1\)"),
        (jacobian, [(3, 2), (2, 2)], r"^outputs must have shape \(B, T, 2\), got \(3, 2\)"),
        (jacobian, [(3, 5, 2), (2, 3)], r"^W_hh must have shape \(2, 2\), got \(2, 3\)"),
    ],
)
def test_arrays_of_the_wrong_shape_are_named(function, shapes, message):
    with pytest.raises(ValueError, match=message):
        function(*map(np.zeros, shapes))


@pytest.mark.parametrize("function", [cross_entropy, cross_entropy_backward])
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
def test_invalid_targets_are_refused(function, logits, targets, error, message):
    with pytest.raises(error, match=message):
        function(np.zeros(logits), targets)


@pytest.mark.parametrize("kind", BACKWARD)
def test_backward_functions_refuse_gradients_of_the_wrong_shape(kind):
    case = Case(kind)
    doutputs, dlast = case.upstream
    with pytest.raises(ValueError, match=r"^doutputs must have shape \(2, 3, 5\), got \(2, 5\)"):
        BACKWARD[kind](*case.arguments, doutputs[:, 0], dlast)
    short_dlast = rebuild(dlast, iter([a[:1] for a in flatten(dlast)]))
    with pytest.raises(ValueError, match=r"^dlast.* must have shape \(2, 5\), got \(1, 5\)"):
        BACKWARD[kind](*case.arguments, doutputs, short_dlast)


def test_the_backward_function_of_a_linear_recurrence_refuses_gradients_of_the_wrong_shape():
    a, b, h = linear_case(2, 5, 3, seed=0)
    with pytest.raises(ValueError, match=r"^doutputs must have shape \(2, 5, 3\), got \(2, 5\)"):
        linear_recurrence_backward(a, b, h, a[..., 0], h)
    with pytest.raises(ValueError, match=r"^dlast must have shape \(2, 3\), got \(1, 3\)"):
        linear_recurrence_backward(a, b, h, a, h[:1])


def test_the_state_of_an_lstm_and_its_gradient_must_be_pairs():
    case = Case("lstm")
    (x, (h, c), params), (doutputs, _) = case.arguments, case.upstream
    for name, other, call in (
        ("state", "c", lambda state: lstm_step(x[:, 0], state, params)),
        ("state", "c", lambda state: lstm_forward(x, state, params)),
        ("dlast", r"dlast\[1\]", lambda d: lstm_backward(*case.arguments, doutputs, d)),
    ):
        with pytest.raises(TypeError, match=rf"^{name} must be a tuple of two .* got ndarray$"):
            call(h)
        with pytest.raises(TypeError, match=rf"^{name} must be a tuple of two .* a tuple of 3$"):
            call((h, h, h))
        with pytest.raises(ValueError, match=rf"^{other} must have shape \(2, 5\), got \(2, 1\)"):
            call((h, c[:, :1]))


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


def test_reference_never_imports_torch():
    code = "import sys, charseq.reference; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
