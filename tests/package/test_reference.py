"""The NumPy equations against torch, in float64, on random shapes.

Forward passes agree to 1e-12. Gradients agree to 1e-10 with autograd, and to 1e-6 with central
differences. Each function is also run in float32: it keeps that type, and its arguments.
"""

import itertools
import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call

from charseq import reference as ref
from charseq.reference import BlockParams, RNNParams

EXACT = {"rtol": 1e-12, "atol": 1e-12}
NEAR = {"rtol": 1e-10, "atol": 1e-10}
GATES = {"rnn": 1, "gru": 3, "lstm": 4}
F = nn.functional
rngs = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def on_random_shapes(test):
    return settings(max_examples=25)(given(rng=rngs)(test))


# --- how a function is compared with its twin in torch ----------------------------------------


def flatten(nested):
    """Put the arrays of nested arguments or results into one list."""
    is_nested = isinstance(nested, (tuple, list))
    return [array for inner in nested for array in flatten(inner)] if is_nested else [nested]


def change(function, nested):
    """Apply a function to each array of nested arguments."""
    if hasattr(nested, "_fields"):
        return type(nested)(*(change(function, inner) for inner in nested))
    if isinstance(nested, (tuple, list)):
        return tuple(change(function, inner) for inner in nested)
    return function(nested)


def assert_close(actual, expected, tolerance=EXACT):
    for a, b in zip(flatten(actual), flatten(expected), strict=True):
        np.testing.assert_allclose(a, torch.as_tensor(b).detach(), **tolerance)


def assert_keeps_float32(function, arguments):
    """Check that results have the type of the arguments, which stay as they are."""
    arguments = change(lambda array: np.asarray(array, np.float32), arguments)
    before = change(np.copy, arguments)
    assert {np.asarray(a).dtype for a in flatten(function(*arguments))} == {np.dtype(np.float32)}
    for now, then in zip(flatten(arguments), flatten(before), strict=True):
        np.testing.assert_array_equal(now, then)


def agree(function, twin, arguments, tolerance=EXACT):
    """Compare a function of arrays with the same in torch."""
    tensors = change(lambda array: torch.tensor(array, dtype=torch.float64), arguments)
    assert_close(function(*arguments), twin(*tensors), tolerance)
    assert_keeps_float32(function, arguments)


def total(results, weights):
    """Add up all results, each times its weight, which is then the gradient for that result."""
    if isinstance(results, torch.Tensor):
        return (results * torch.as_tensor(weights)).sum()
    if isinstance(results, np.ndarray):
        return (results * weights).sum()
    return sum(total(*pair) for pair in zip(results, weights, strict=True))


def agree_backward(backward, forward, twin, arguments, rng, smooth=True):
    """Compare gradients with those of autograd, and with slopes along one random direction each."""
    upstream = change(lambda r: rng.normal(size=np.shape(r)), forward(*arguments))
    given = upstream if isinstance(upstream, tuple) else (upstream,)
    gradients = backward(*arguments, *given)
    tensors = change(lambda a: torch.tensor(a, dtype=torch.float64).requires_grad_(), arguments)
    theirs = twin(*tensors)
    assert_close(forward(*arguments), theirs, NEAR)
    expected = torch.autograd.grad(total(theirs, upstream), flatten(tensors))
    assert_close(gradients, expected, NEAR)
    assert_keeps_float32(backward, (*arguments, *given))
    for k, gradient in enumerate(flatten(gradients) if smooth else []):
        direction = rng.normal(size=gradient.shape)
        losses = [total(forward(*moved(arguments, k, by * direction)), upstream) for by in STEPS]
        size = np.linalg.norm(gradient) * np.linalg.norm(direction)
        slope = np.dot(losses, [8, -8, -1, 1]) / (12 * STEPS[0])
        assert slope == pytest.approx(
            (gradient * direction).sum(), rel=1e-6, abs=1e-6 * size + 1e-9
        )


STEPS = 1e-3 * np.array([1, -1, 2, -2])  # of central differences of the fourth order


def moved(arguments, place, by):
    """Return arguments with something added to the array at one place."""
    places = itertools.count()
    return change(lambda array: array + by if next(places) == place else array, arguments)


def arrays(rng, *shapes):
    return tuple(rng.normal(size=shape) for shape in shapes)


def sizes(rng, count, most=6):
    return rng.integers(1, most, count, endpoint=True).tolist()


# --- parameters -------------------------------------------------------------------------------


@given(rng=rngs, kind=st.sampled_from([*GATES]))
def test_random_parameters_have_the_shapes_and_bounds_of_torch(rng, kind):
    V, H = sizes(rng, 2, most=40)
    params = RNNParams.random(V, H, rng, gates=GATES[kind])
    layer = LAYERS[kind](V, H)
    assert [p.shape for p in params] == [tuple(p.shape) for p in layer.parameters()]
    bound = 1 / math.sqrt(H)
    assert all(p.dtype == np.float64 and np.abs(p).max() <= bound for p in params)
    values = np.concatenate([p.ravel() for p in params])
    assert values.size < 100 or (values.min() < -0.8 * bound and values.max() > 0.8 * bound)


@pytest.mark.parametrize(
    "params",
    [
        RNNParams.random(5, 5, np.random.default_rng(0)),
        BlockParams.random(4, 4, np.random.default_rng(0)),
    ],
)
def test_each_random_parameter_is_an_array_of_its_own_with_its_own_numbers(params):
    for one, other in itertools.combinations(params, 2):
        assert not np.shares_memory(one, other)
        if np.unique(one).size > 1:  # drawn, no zeros or ones
            assert not np.isin(one, other).any()


def test_blocks_start_without_offsets_and_with_weights_within_the_bounds_of_their_inputs():
    params = BlockParams.random(16, 64, np.random.default_rng(0))
    layer = nn.TransformerEncoderLayer(16, 2, 64)
    assert [p.shape for p in params] == [tuple(p.shape) for p in layer.parameters()]
    for name, array in params._asdict().items():
        if name.startswith("W"):
            assert 0.9 < np.abs(array).max() * math.sqrt(array.shape[1]) <= 1
        else:
            assert (array == name.startswith("scale")).all()


@pytest.mark.parametrize("kind", GATES)
def test_copied_parameters_are_those_of_the_chosen_layer_and_share_no_memory(kind):
    layer = LAYERS[kind](3, 5, num_layers=2)
    for index in range(2):
        params = RNNParams.from_torch(layer, index)
        parts = layer.all_weights[index]
        assert params.W_ih.dtype == np.float32
        assert_close(params, parts)
        assert not any(np.shares_memory(p, q.detach()) for p, q in zip(params, parts, strict=True))


# --- rnn, lstm, gru ---------------------------------------------------------------------------

LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def layer_arguments(kind, rng):
    """Return random x (B, T, V), state and parameters of a layer."""
    B, T, V, H = sizes(rng, 4)
    x, h, c = arrays(rng, (B, T, V), (B, H), (B, H))
    params = RNNParams.random(V, H, rng, gates=GATES[kind])
    return x, ((h, c) if kind == "lstm" else h), params


def in_torch(kind, x, state, params):
    """Run the layer of torch."""
    layer = LAYERS[kind](x.shape[2], params[1].shape[1], batch_first=True)
    weights = dict(zip(NAMES, params, strict=True))
    outputs, last = functional_call(layer, weights, (x, change(lambda part: part[None], state)))
    return outputs, change(lambda part: part[0], last)


def gru_of_the_paper(x, h, params):
    """Compute the GRU whose reset gate acts before the matrix, step by step."""
    W_ih, W_hh, b_ih, b_hh = params
    (W_hr, W_hz, W_hn), (b_hr, b_hz, b_hn) = W_hh.chunk(3), b_hh.chunk(3)
    states = []
    for x_t in x.unbind(1):
        x_r, x_z, x_n = (x_t @ W_ih.T + b_ih).chunk(3, dim=1)
        r = torch.sigmoid(x_r + h @ W_hr.T + b_hr)
        z = torch.sigmoid(x_z + h @ W_hz.T + b_hz)
        h = (1 - z) * torch.tanh(x_n + (r * h) @ W_hn.T + b_hn) + z * h
        states.append(h)
    return torch.stack(states, dim=1), h


def check_step(kind, step, rng):
    x, state, params = layer_arguments(kind, rng)

    def twin(x, state, params):
        return in_torch(kind, x[:, None], state, params)[1]

    agree(step, twin, (x[:, 0], state, params))


def check_gates(kind, gates, rng):
    """Compare the gates with those that make torch's next state, block by block."""
    H, V, *batch = sizes(rng, rng.integers(2, 5))
    x, h = arrays(rng, (*batch, V), (*batch, H))
    params = RNNParams.random(V, H, rng, gates=GATES[kind])

    def twin(x, h, params):
        W_ih, W_hh, b_ih, b_hh = (part.unflatten(0, (GATES[kind], H)) for part in params)
        from_x = [x @ W.T + b for W, b in zip(W_ih, b_ih, strict=True)]
        from_h = [h @ W.T + b for W, b in zip(W_hh, b_hh, strict=True)]
        if kind == "lstm":
            i, f, g, o = (a + b for a, b in zip(from_x, from_h, strict=True))
            return i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        r, z = ((from_x[k] + from_h[k]).sigmoid() for k in range(2))
        return r, z, torch.tanh(from_x[2] + r * from_h[2])

    agree(gates, twin, (x, h, params))


@on_random_shapes
def test_rnn_step_matches_torch(rng):
    check_step("rnn", ref.rnn_step, rng)


@on_random_shapes
def test_rnn_forward_matches_torch(rng):
    agree(ref.rnn_forward, partial(in_torch, "rnn"), layer_arguments("rnn", rng))


@on_random_shapes
def test_rnn_backward_matches_autograd_and_central_differences(rng):
    agree_backward(
        ref.rnn_backward,
        ref.rnn_forward,
        partial(in_torch, "rnn"),
        layer_arguments("rnn", rng),
        rng,
    )


@on_random_shapes
def test_bidirectional_forward_matches_torch(rng):
    x, _, params = layer_arguments("rnn", rng)
    B, V, H = len(x), x.shape[2], len(params.W_hh)
    both = params, RNNParams.random(V, H, rng)

    def twin(x, h, both):
        layer = nn.RNN(V, H, batch_first=True, bidirectional=True)
        names = [*NAMES, *(f"{name}_reverse" for name in NAMES)]
        weights = dict(zip(names, [*both[0], *both[1]], strict=True))
        return functional_call(layer, weights, (x, h))

    agree(ref.bidirectional_forward, twin, (x, rng.normal(size=(2, B, H)), both))


@on_random_shapes
def test_bptt_jacobian_matches_autograd(rng):
    x, h, params = layer_arguments("rnn", rng)
    tensors = change(torch.from_numpy, (x, h, params))
    of_all = torch.autograd.functional.jacobian(
        lambda start: in_torch("rnn", tensors[0], start, tensors[2])[1], tensors[1]
    )  # (B, H, B, H)
    outputs, _ = ref.rnn_forward(x, h, params)
    assert_close(ref.bptt_jacobian(outputs, params), of_all.diagonal(dim1=0, dim2=2).moveaxis(2, 0))
    assert_keeps_float32(ref.bptt_jacobian, (outputs, params))


@on_random_shapes
def test_lstm_gates_use_the_block_order_of_torch(rng):
    check_gates("lstm", ref.lstm_gates, rng)


@on_random_shapes
def test_lstm_step_matches_torch(rng):
    check_step("lstm", ref.lstm_step, rng)


@on_random_shapes
def test_lstm_forward_matches_torch(rng):
    agree(ref.lstm_forward, partial(in_torch, "lstm"), layer_arguments("lstm", rng))


@on_random_shapes
def test_lstm_backward_matches_autograd_and_central_differences(rng):
    agree_backward(
        ref.lstm_backward,
        ref.lstm_forward,
        partial(in_torch, "lstm"),
        layer_arguments("lstm", rng),
        rng,
    )


@on_random_shapes
def test_gru_gates_use_the_block_order_of_torch(rng):
    check_gates("gru", ref.gru_gates, rng)


@on_random_shapes
def test_gru_step_matches_torch(rng):
    check_step("gru", ref.gru_step, rng)


GRUS = ((True, partial(in_torch, "gru")), (False, gru_of_the_paper))


@on_random_shapes
def test_gru_forward_matches_torch_and_the_equations_of_the_paper(rng):
    for reset_after, twin in GRUS:
        arguments = layer_arguments("gru", rng)
        agree(partial(ref.gru_forward, reset_after=reset_after), twin, arguments)
        x, h, params = arguments
        first = ref.gru_step(x[:, 0], h, params, reset_after=reset_after)
        assert_close(first, ref.gru_forward(x, h, params, reset_after=reset_after)[0][:, 0])


@on_random_shapes
def test_gru_backward_matches_autograd_and_central_differences(rng):
    for reset_after, twin in GRUS:
        forward, backward = (
            partial(f, reset_after=reset_after) for f in (ref.gru_forward, ref.gru_backward)
        )
        agree_backward(backward, forward, twin, layer_arguments("gru", rng), rng)


# --- outputs and losses -----------------------------------------------------------------------


def logits_and_targets(rng):
    *batch, V = sizes(rng, rng.integers(1, 4))
    return rng.choice([0.1, 1, 10]) * rng.normal(size=(*batch, V)), rng.integers(0, V, batch)


def cross_entropy_in_torch(logits, targets):
    ids = torch.from_numpy(np.reshape(targets, -1))
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), ids)


@given(rng=rngs, scale=st.sampled_from([0.1, 1.0, 30.0, 1e4]))
def test_sigmoid_and_softmax_match_torch(rng, scale):
    a = scale * rng.normal(size=sizes(rng, rng.integers(1, 4)))
    agree(ref.sigmoid, torch.sigmoid, (a,))
    agree(ref.softmax, partial(torch.softmax, dim=-1), (a,))


def test_softmax_does_not_overflow_for_huge_logits():
    np.testing.assert_array_equal(ref.softmax(np.array([1e300, 0.0, -1e300])), [1, 0, 0])
    np.testing.assert_array_equal(ref.sigmoid(np.array([-1e300, 0, 1e300])), [0, 0.5, 1])


def output_arguments(rng):
    V, H, *batch = sizes(rng, rng.integers(2, 5))
    return arrays(rng, (*batch, H), (V, H), (V,))


@on_random_shapes
def test_output_layer_matches_torch_linear(rng):
    agree(ref.output_layer, F.linear, output_arguments(rng))


@on_random_shapes
def test_output_layer_backward_matches_autograd_and_central_differences(rng):
    agree_backward(
        lambda h, W, b, dlogits: ref.output_layer_backward(h, W, dlogits),
        ref.output_layer, F.linear, output_arguments(rng), rng,
    )  # fmt: skip


@on_random_shapes
def test_cross_entropy_matches_torch(rng):
    logits, targets = logits_and_targets(rng)
    loss = ref.cross_entropy(logits, targets)
    assert type(loss) is float
    assert_close(loss, cross_entropy_in_torch(torch.from_numpy(logits), targets))
    assert ref.cross_entropy(1e200 * np.eye(3), [0, 1, 2]) == 0


@on_random_shapes
def test_cross_entropy_backward_matches_autograd(rng):
    logits, targets = logits_and_targets(rng)
    leaf = torch.from_numpy(logits).requires_grad_()
    (expected,) = torch.autograd.grad(cross_entropy_in_torch(leaf, targets), leaf)
    assert_close(ref.cross_entropy_backward(logits, targets), expected)
    assert_keeps_float32(lambda z: ref.cross_entropy_backward(z, targets), (logits,))


@given(V=st.integers(1, 300), bound=st.floats(0, 20))
def test_loss_floor_is_the_loss_of_the_best_bounded_logits(V, bound):
    best = np.full(V, -bound)
    best[0] = bound
    assert ref.loss_floor(V, math.inf) == 0
    assert ref.loss_floor(V, bound) == pytest.approx(
        ref.cross_entropy(best, 0), rel=1e-12, abs=1e-12
    )


@given(rng=rngs, lr=st.floats(1e-4, 2), momentum=st.sampled_from([None, 0.0, 0.5, 0.99]))
def test_sgd_momentum_matches_torch_over_several_steps(rng, lr, momentum):
    options = {} if momentum is None else {"momentum": momentum}
    theta = rng.normal(size=sizes(rng, 2))
    velocity, weight = np.zeros_like(theta), nn.Parameter(torch.tensor(theta))
    optimizer = torch.optim.SGD([weight], lr=lr, **options)
    for _ in range(4):
        gradient = rng.normal(size=theta.shape)
        weight.grad = torch.tensor(gradient)
        optimizer.step()
        update = partial(ref.sgd_momentum, lr=lr, **options)
        assert_keeps_float32(update, (theta, gradient, velocity))
        theta, velocity = update(theta, gradient, velocity)
        assert_close(theta, weight)


# --- tasks: pooled states, alignments, forecasts, a decoder that looks back ---------------------


@given(rng=rngs, how=st.sampled_from(["last", "mean", "max"]))
def test_pool_states_and_their_backward_pass_match_torch_on_rows_without_padding(rng, how):
    B, T, H = sizes(rng, 3)
    lengths, chosen = rng.integers(1, T, B, endpoint=True), [how] * (how != "mean")

    def twin(states):
        ways = {"last": lambda row: row[-1], "mean": lambda row: row.mean(0)}
        pool = ways.get(how, lambda row: row.amax(0))
        return torch.stack([pool(row[:n]) for row, n in zip(states, lengths, strict=True)])

    agree_backward(
        lambda states, dpooled: ref.pool_states_backward(states, lengths, dpooled, *chosen),
        lambda states: ref.pool_states(states, lengths, *chosen), twin, arrays(rng, (B, T, H)), rng,
        smooth=how != "max",
    )  # fmt: skip


def test_pool_states_backward_gives_the_first_of_equal_numbers_the_gradient():
    gradient = ref.pool_states_backward(np.zeros((1, 3, 1)), [3], np.ones((1, 1)), "max")
    assert gradient.ravel().tolist() == [1, 0, 0]


@on_random_shapes
def test_ctc_loss_and_ctc_backward_match_torch(rng):
    T, V = rng.integers(1, 12), rng.integers(2, 6)
    labels = rng.integers(1, V, rng.integers(0, 6))
    leaf = torch.from_numpy(rng.choice([0.1, 1, 5]) * rng.normal(size=(T, V))).requires_grad_()
    tensor = leaf.log_softmax(-1)
    lengths = torch.tensor([T]), torch.tensor([len(labels)])
    expected = F.ctc_loss(
        tensor[:, None], torch.from_numpy(labels)[None], *lengths, reduction="sum"
    )
    log_p = tensor.detach().numpy()
    assert_close(ref.ctc_loss(log_p, labels), expected, NEAR)
    if torch.isfinite(expected):
        assert_close(ref.ctc_backward(log_p, labels), torch.autograd.grad(expected, leaf)[0], NEAR)
    else:
        assert len(labels) + (labels[1:] == labels[:-1]).sum() > T


def test_ctc_forward_counts_the_ways_to_each_place_if_all_classes_cost_the_same():
    log_alpha = ref.ctc_forward(np.zeros((5, 3)), [1, 2, 2])
    assert np.exp(log_alpha).round(9).tolist() == [
        [1, 1, 0, 0, 0, 0, 0],
        [1, 2, 1, 1, 0, 0, 0],
        [1, 3, 3, 4, 1, 0, 0],
        [1, 4, 6, 10, 5, 1, 0],
        [1, 5, 10, 20, 15, 6, 1],
    ]


def test_ctc_backward_says_how_many_frames_the_labels_need():
    message = r"^3 frames are too few for 3 labels: expected at least 4, one for each label and one"
    with pytest.raises(ValueError, match=message):
        ref.ctc_backward(np.zeros((3, 3)), [1, 2, 2])
    never = np.array([[0, -1, -np.inf]] * 4)  # class 2 has the probability 0
    with pytest.raises(ValueError, match=r"^the loss is inf: expected a path whose probability"):
        ref.ctc_backward(never, [1, 2])


@given(rng=rngs, level=st.floats(0.01, 0.99))
def test_pinball_loss_is_lowest_at_the_quantile_and_half_the_distance_at_the_median(rng, level):
    y = rng.normal(size=31)
    prices = [ref.pinball_loss(np.full(31, q), y, level) for q in y]
    quantile = np.quantile(y, level, method="inverted_cdf")
    assert min(prices) == pytest.approx(
        ref.pinball_loss(np.full(31, quantile), y, level), rel=1e-12
    )
    q = rng.normal(size=31)
    assert ref.pinball_loss(q, y, 0.5) == pytest.approx(np.abs(q - y).mean() / 2, rel=1e-12)
    assert ref.pinball_loss(y - 2, y, level) == pytest.approx(2 * level, rel=1e-12)


def look_back(rng):
    """Return q, k, v, and which letters are real: at least one of each row."""
    B, T, S, H, D = sizes(rng, 5)
    real = rng.random((B, S)) < 0.6
    real[np.arange(B), rng.integers(0, S, B)] = True
    q, k, v = arrays(rng, (B, T, H), (B, S, H), (B, S, D))
    return (q * rng.choice([1e-2, 1]), k, v), real


def attend_in_torch(real, q, k, v):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=torch.from_numpy(real)[:, None])


@on_random_shapes
def test_attend_matches_torch_and_gives_padding_no_weight(rng):
    arguments, real = look_back(rng)
    found, weights = ref.attend(*arguments, real)
    assert_close(found, attend_in_torch(real, *map(torch.from_numpy, arguments)))
    assert_close(weights.sum(axis=2), np.ones(weights.shape[:2]))
    assert (weights.swapaxes(1, 2)[~real] == 0).all()
    assert_close(weights @ arguments[2], found)


@on_random_shapes
def test_attend_backward_matches_autograd_and_central_differences(rng):
    arguments, real = look_back(rng)
    agree_backward(
        lambda q, k, v, dfound: ref.attend_backward(q, k, v, real, dfound),
        lambda q, k, v: ref.attend(q, k, v, real)[0],
        partial(attend_in_torch, real), arguments, rng,
    )  # fmt: skip


def decoder(rng):
    """Return a step of a decoder, its twin in torch, its backward pass, and its arguments."""
    (_, memory, x), real = look_back(rng)
    x, H = x[:, 0], memory.shape[2]

    def forward(x, h, memory, params):
        return ref.decoder_step(x, h, memory, real, params)[:2]

    def twin(x, h, memory, params):
        h = in_torch("gru", x[:, None], h, params)[1]
        return torch.cat([h, attend_in_torch(real, h[:, None], memory, memory)[:, 0]], 1), h

    def backward(x, h, memory, params, *upstream):
        return ref.decoder_step_backward(x, h, memory, real, params, *upstream)

    params = RNNParams.random(x.shape[1], H, rng, gates=3)
    return forward, twin, backward, (x, rng.normal(size=(len(x), H)), memory, params), real


@on_random_shapes
def test_decoder_step_matches_torch_and_looks_back_from_its_new_state(rng):
    forward, twin, _, arguments, real = decoder(rng)
    agree(forward, twin, arguments)
    *state, memory, params = arguments
    _, h, weights = ref.decoder_step(*state, memory, real, params)
    assert_close(weights, ref.attend(h[:, None], memory, memory, real)[1][:, 0])


@on_random_shapes
def test_decoder_step_backward_matches_autograd_and_central_differences(rng):
    forward, twin, backward, arguments, _ = decoder(rng)
    agree_backward(backward, forward, twin, arguments, rng)


# --- beyond: normalization, attention, blocks -------------------------------------------------


@on_random_shapes
def test_layer_norm_matches_torch(rng):
    *batch, H = sizes(rng, rng.integers(1, 4))
    a, weight, bias = arrays(rng, (*batch, H), (H,), (H,))
    agree(ref.layer_norm, lambda a, w, b: F.layer_norm(a, (H,), w, b), (3 + 5 * a, weight, bias))


@given(rng=rngs, scale=st.sampled_from([1e-3, 1.0, 30.0]))
def test_attention_matches_torch(rng, scale):
    q, k, v = arrays(rng, *3 * [sizes(rng, rng.integers(2, 5))])
    agree(
        ref.attention,
        partial(F.scaled_dot_product_attention, is_causal=True),
        (scale * q, k, v),
        NEAR,
    )


def test_attention_does_not_overflow():
    huge = np.full((1, 4, 2), 1e18, np.float32)
    assert (ref.attention(huge, huge, np.ones_like(huge)) == 1).all()


def block(rng):
    """Return random vectors, parameters, heads, and the block of torch with these parameters."""
    heads, H, width, T, B = sizes(rng, 5)
    E = heads * H
    layer = nn.TransformerEncoderLayer(E, heads, width, 0, batch_first=True, norm_first=True)
    params = BlockParams(*(rng.normal(0, 0.7, p.shape) for p in layer.parameters()))
    names = [name for name, _ in layer.named_parameters()]
    ahead = torch.ones(T, T, dtype=torch.bool).triu(1)  # what torch leaves out

    def twin(x, params, part=""):
        weights = dict(zip(names, params, strict=True))
        if not part:
            return functional_call(layer, weights, (x,), {"src_mask": ahead, "is_causal": True})
        inner = {n.removeprefix(part): w for n, w in weights.items() if n.startswith(part)}
        return functional_call(layer.self_attn, inner, (x, x, x), {"attn_mask": ahead})[0]

    return (rng.normal(size=(B, T, E)), params), int(heads), twin


@on_random_shapes
def test_multi_head_attention_matches_torch(rng):
    arguments, heads, twin = block(rng)
    function = partial(ref.multi_head_attention, heads=heads)
    agree(function, partial(twin, part="self_attn."), arguments, NEAR)


@on_random_shapes
def test_transformer_block_matches_torch(rng):
    arguments, heads, twin = block(rng)
    agree(partial(ref.transformer_block, heads=heads), twin, arguments, NEAR)


# --- beyond: linear recurrences ---------------------------------------------------------------


def linear_arguments(rng, T=None):
    """Return random a, b and h; a is between 0 and 1 with some zeros, or any number."""
    B, H, steps = *sizes(rng, 2), T or rng.integers(1, 40)
    b, h, a = arrays(rng, (B, steps, H), (B, H), (B, steps, H))
    gates = np.maximum(rng.uniform(-0.3, 1, a.shape), 0)
    return (a if rng.random() < 0.5 else gates), b, h


def recurrence_in_torch(a, b, h):
    states = []
    for t in range(a.shape[1]):
        h = a[:, t] * h + b[:, t]
        states.append(h)
    return torch.stack(states, 1), h


@on_random_shapes
def test_linear_recurrence_is_torchs_gru_if_nothing_but_the_input_sets_the_gates(rng):
    x, h, params = layer_arguments("gru", rng)
    params.W_hh[:] = 0
    _, z, n = ref.gru_gates(x, np.zeros((*x.shape[:2], h.shape[1])), params)  # no state matters
    expected, _ = in_torch("gru", *change(torch.from_numpy, (x, h, params)))
    assert_close(ref.linear_recurrence(z, (1 - z) * n, h), expected)
    assert_keeps_float32(ref.linear_recurrence, (z, n, h))


@on_random_shapes
def test_linear_recurrence_backward_matches_autograd_and_central_differences(rng):
    def forward(a, b, h):
        states = ref.linear_recurrence(a, b, h)
        return states, states[:, -1]

    arguments = linear_arguments(rng, T=sizes(rng, 1)[0])
    agree_backward(ref.linear_recurrence_backward, forward, recurrence_in_torch, arguments, rng)


@on_random_shapes
def test_parallel_scan_gives_the_states_of_the_loop(rng):
    a, b, h = linear_arguments(rng)
    a_joined, b_joined = ref.parallel_scan(a, b)
    apart = np.abs(a_joined * h[:, None] + b_joined - ref.linear_recurrence(a, b, h))
    # Terms of both signs may cancel. What rounding can do depends on their sizes.
    assert (apart <= 1e-10 * ref.linear_recurrence(abs(a), abs(b), abs(h))).all()
    np.testing.assert_allclose(a_joined, np.cumprod(a, axis=1), rtol=1e-10, atol=0)
    assert_keeps_float32(ref.parallel_scan, (a, b))


# --- beyond: matrix states and the delta rule -------------------------------------------------


def steps(rule, rng, T=None):
    """Return q, k, v, gates, with the delta rule beta, and a state; gates may be shut or tiny."""
    B, K, H, steps = *sizes(rng, 3), T or rng.integers(1, 12)
    q, k, v, S = arrays(rng, (B, steps, K), (B, steps, K), (B, steps, H), (B, H, K))
    k /= np.linalg.norm(k, axis=2, keepdims=True)
    a, beta = rng.uniform(size=(2, B, steps))
    a **= rng.choice([0, 1, 300])  # products of a few tiny ones underflow
    a[rng.random(a.shape) < rng.choice([0, 0.4])] = 0  # these steps erase everything
    return (q, k, v, a, beta, S) if rule == "delta" else (q, k, v, a, S)


def matrix_states_in_torch(q, k, v, a, *rest):
    """Read and write a matrix in a loop over torch tensors; the last argument is the state."""
    *beta, S = rest
    read = []
    for t in range(q.shape[1]):
        S = a[:, t, None, None] * S
        change = v[:, t]
        if beta:
            change = beta[0][:, t, None] * (change - torch.einsum("bhk,bk->bh", S, k[:, t]))
        S = S + torch.einsum("bh,bk->bhk", change, k[:, t])
        read.append(torch.einsum("bhk,bk->bh", S, q[:, t]))
    return torch.stack(read, 1), S


def check_form(form, rule, rng):
    agree(form, matrix_states_in_torch, steps(rule, rng), NEAR)


def check_backward(backward, form, rule, rng):
    agree_backward(backward, form, matrix_states_in_torch, steps(rule, rng, 3), rng)


@on_random_shapes
def test_matrix_state_matches_a_loop_in_torch(rng):
    check_form(ref.matrix_state, "sum", rng)


@on_random_shapes
def test_matrix_state_attention_matches_a_loop_in_torch(rng):
    check_form(ref.matrix_state_attention, "sum", rng)


@given(rng=rngs, size=st.integers(1, 13))
def test_matrix_state_chunks_of_any_size_match_a_loop_in_torch(rng, size):
    check_form(partial(ref.matrix_state_chunks, size=size), "sum", rng)


@on_random_shapes
def test_delta_state_matches_a_loop_in_torch(rng):
    check_form(ref.delta_state, "delta", rng)


@on_random_shapes
def test_delta_state_attention_matches_a_loop_in_torch(rng):
    check_form(ref.delta_state_attention, "delta", rng)


@given(rng=rngs, size=st.integers(1, 13))
def test_delta_state_chunks_of_any_size_match_a_loop_in_torch(rng, size):
    check_form(partial(ref.delta_state_chunks, size=size), "delta", rng)


@on_random_shapes
def test_matrix_state_backward_matches_autograd_and_central_differences(rng):
    check_backward(ref.matrix_state_backward, ref.matrix_state, "sum", rng)


@on_random_shapes
def test_delta_state_backward_matches_autograd_and_central_differences(rng):
    check_backward(ref.delta_state_backward, ref.delta_state, "delta", rng)


# --- what is refused --------------------------------------------------------------------------


def zeros(*shapes):
    return [np.zeros(shape) for shape in shapes]


def layer(gates=1, **changed):
    """Return parameters of V = 4 and H = 2 with arrays of other shapes."""
    params = RNNParams.random(4, 2, np.random.default_rng(0), gates=gates)
    return params._replace(**{name: np.zeros(shape) for name, shape in changed.items()})


def wide(**changed):
    """Return the parameters of a block of E = 4 and F = 6 with arrays of other shapes."""
    params = BlockParams.random(4, 6, np.random.default_rng(0))
    return params._replace(**{name: np.zeros(shape) for name, shape in changed.items()})


READ = np.ones((2, 4), dtype=bool)
LOOK = zeros((2, 1, 3), (2, 4, 3), (2, 4, 5))
MATRIX = zeros((2, 5, 3), (2, 5, 3), (2, 5, 2), (2, 5), (2, 2, 3))
H = np.zeros((3, 2))
encoder = partial(nn.TransformerEncoderLayer, 4, 2, 6, batch_first=True)
REFUSED = [
    (lambda: RNNParams.random(0, 2, None), "input_size must be at least 1, got 0"),
    (lambda: RNNParams.from_torch(nn.Linear(2, 2)), "a torch.nn.RNN, .* Linear lacks weight_ih_l0"),
    (lambda: RNNParams.from_torch(nn.RNN(3, 4, nonlinearity="relu")), "tanh that reads one way, g"),
    (lambda: BlockParams.from_torch(nn.Linear(4, 4)), "a torch.nn.TransformerEncoderLayer, got Li"),
    (lambda: BlockParams.from_torch(encoder()), "norm_first=True, got one that normalizes last"),
    (lambda: BlockParams.from_torch(encoder(norm_first=True, activation="gelu")), "with ReLU and"),
    (lambda: ref.rnn_step(*zeros((3, 5)), H, layer()), r"^x must have shape \(B, 4\), got \(3, 5"),
    (lambda: ref.rnn_step(*zeros((3, 4), (1, 2)), layer()), r"^h must have shape \(3, 2\), got \("),
    (lambda: ref.rnn_step(*zeros((3, 4)), H, layer(W_ih=(2,))), r"W_ih must have shape \(H, V\), "),
    (lambda: ref.rnn_step(*zeros((3, 4)), H, layer(b_ih=(1,))), r"b_ih .* \(2,\), got \(1,\)$"),
    (lambda: ref.rnn_forward(*zeros((3, 0, 4)), H, layer()), r"no time steps: .*got shape \(3, 0,"),
    (lambda: ref.rnn_forward(*zeros((5, 4)), H, layer()), r"\(B, T, 4\), got \(5, 4\); .*x\[None"),
    (lambda: ref.rnn_backward(*zeros((3, 5, 4)), H, layer(), H, H), r"^doutputs .* \(3, 5, 2\), g"),
    (lambda: ref.gru_gates(*zeros((3, 4)), H, layer(3, W_ih=(7, 4))), r"W_ih .*\(3H, V\), got \(7"),
    (lambda: ref.gru_gates(*zeros((3, 5, 4)), H, layer(3)), r"^h must have shape \(3, 5, 2\), got"),
    (lambda: ref.lstm_step(*zeros((3, 4)), H, layer(4)), "^state must be a tuple of two .* got nd"),
    (lambda: ref.lstm_step(*zeros((3, 4)), (H, H[:1]), layer(4)), r"^c must have shape \(3, 2\), "),
    (lambda: ref.output_layer(*zeros((3, 5), (2, 4), 2)), r"^h must have shape \(\.\.\., 4\), got"),
    (lambda: ref.output_layer_backward(*zeros((3, 4), (2, 4), (3, 4))), r"^dlogits .* \(3, 2\), g"),
    (lambda: ref.cross_entropy(*zeros((3, 4), 3)), "targets must be integers, got float64"),
    (lambda: ref.cross_entropy(*zeros((3, 4)), [0, 1]), r"targets must have shape \(3,\), got "),
    (lambda: ref.cross_entropy(*zeros((2, 4)), [0, 4]), "targets must lie in 0 to 3, got 4"),
    (lambda: ref.loss_floor(10, math.nan), "bound must be 0 or more, got nan"),
    (lambda: ref.pool_states(*zeros((2, 3, 4)), [3, 0]), "lengths must lie in 1 to 3, got 0"),
    (lambda: ref.pool_states(*zeros((2, 3, 4)), [3, 1], "sum"), "how must be one of last, mean, m"),
    (lambda: ref.ctc_loss(*zeros((3, 3)), [1, 0]), "labels must lie in 1 to 2, got 0"),
    (lambda: ref.pinball_loss(np.ones(2), np.array([1, math.nan]), 0.5), "nan in 1 of 2 .* in pla"),
    (lambda: ref.pinball_loss(*zeros(1, 1), 1.0), "level must be between 0 and 1, got 1.0"),
    (lambda: ref.attend(*LOOK, READ.astype(float)), "real must hold True and False, got float64"),
    (lambda: ref.attend(*LOOK, READ & [[True], [False]]), "row 1 of real is all False"),
    (lambda: ref.attend(*LOOK[:2], LOOK[2][:, 1:], READ), r"v must have shape \(2, 4, D\), got \("),
    (lambda: ref.layer_norm(*zeros((1, 4), 3, 3)), r"a must have shape \(\.\.\., 3\), got \(1, 4"),
    (lambda: ref.transformer_block(np.zeros((3, 4)), wide(), 3), "heads must divide .* 3 heads an"),
    (lambda: ref.transformer_block(np.zeros((3, 4)), wide(W_2=(6, 4)), 2), r"W_2 .* \(4, 6\), got"),
    (lambda: ref.parallel_scan(*zeros((3, 0, 2), (3, 0, 2))), "a has no time steps"),
    (lambda: ref.parallel_scan(*zeros((3, 5, 2), (3, 4, 2))), r"b must .* \(3, 5, 2\), got \(3, 4"),
    (lambda: ref.matrix_state(*MATRIX[:3], MATRIX[3][0], MATRIX[4]), r"a must .* \(2, 5\), got \("),
    (lambda: ref.pinball_loss(*zeros(2, 3), 0.5), r"as many values as forecasts, got \(3,\) and "),
    (lambda: ref.pinball_loss(*zeros(0, 0), 0.5), "there is no forecast"),
    (lambda: ref.pool_states(*zeros((2, 3, 4)), [3.0, 1]), "lengths must be integers, got float64"),
    (lambda: ref.ctc_forward(*zeros((0, 3)), [1]), r"log_p has no time steps: expected T of"),
    (lambda: ref.ctc_loss(*zeros((3, 3)), [1.0]), "labels must be integers, got float64"),
    (lambda: ref.matrix_state(*(m[:, :0] for m in MATRIX[:4]), MATRIX[4]), "q has no time steps"),
    (lambda: ref.attention(*zeros(2, 2, 2)), r"q must have shape \(\.\.\., T, H\), .* got \(2,\)"),
    (lambda: ref.attention(*zeros((0, 2), (0, 2), (0, 2))), "with T and H of at least 1, got"),
    (lambda: ref.transformer_block(np.zeros(4), wide(), 2), r"x must have shape \(\.\.\., T, E\),"),
    (lambda: ref.transformer_block(np.zeros((0, 4)), wide(), 2), "with T and E of at least 1, got"),
    (lambda: ref.attend(LOOK[0][:, :0], *LOOK[1:], READ), "q has no time steps"),
    (lambda: ref.cross_entropy(*zeros((0, 4)), np.array([], int)), "targets are empty"),
    (lambda: ref.cross_entropy(*zeros(()), 0), r"logits must have shape \(\.\.\., V\), got \(\)"),
    (lambda: ref.matrix_state_chunks(*MATRIX, 0), "size must be at least 1, got 0"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_does_not_fit_is_named_with_what_was_expected(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
