"""The layers that are faster than those of torch, against them."""

import numpy as np
import pytest
import torch
from precision import assert_rounds_like
from torch import nn

from charseq import CharRNN, layers

CELLS = ("RNN", "GRU", "LSTM")
OPTIONS = {
    "one-hot": {},
    "two layers": {"num_layers": 2},
    "embedding": {"embedding_size": 5},
    "tied, three layers": {"embedding_size": 8, "tied": True, "num_layers": 3},
    "no output layer": {"hidden_size": 11, "output_layer": False},
}


@pytest.fixture(autouse=True)
def fast_layers_for_every_size(monkeypatch):
    monkeypatch.setattr("charseq.model.is_faster", lambda *arguments: True)


def pair(cell, dtype=torch.float64, **options):
    """Return the same network twice: with the layers of torch, and with the fast ones."""
    options = {"vocab_size": 11, "hidden_size": 8, "cell": cell, "seed": 1, **options}
    return (CharRNN(**options, fast=fast).to(dtype) for fast in (False, True))


def random_state(model, batch_size, generator):
    """Draw a random state that requires gradients."""
    shape = (model.rnn.num_layers, batch_size, model.rnn.hidden_size)
    dtype = model.rnn.weight_hh_l0.dtype
    parts = [
        torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()
        for _ in range(1 + (model.rnn.mode == "LSTM"))
    ]
    return tuple(parts) if len(parts) == 2 else parts[0]


def outputs_and_gradients(model, ids, state):
    """Return logits, last state, and the gradients of a randomly weighted sum of all entries."""
    logits, last = model(ids, state)
    lasts = last if isinstance(last, tuple) else (last,)
    states = state if isinstance(state, tuple) else () if state is None else (state,)
    total = sum((part * fixed_numbers(part)).sum() for part in (logits, *lasts))
    gradients = torch.autograd.grad(total, [*model.parameters(), *states])
    return [logits, *lasts, *gradients]


def fixed_numbers(part):
    """Return random numbers that depend on the shape of a tensor alone."""
    drawn = np.random.default_rng([0, *part.shape]).normal(size=tuple(part.shape))
    return torch.from_numpy(drawn).to(part.dtype)


def largest_relative_difference(actual, expected):
    """Return the largest difference, relative to the largest number of its tensor."""
    return max(
        ((a - b).abs().max() / b.abs().max().clamp(min=1e-30)).item()
        for a, b in zip(actual, expected, strict=True)
    )


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("cell", CELLS)
def test_fast_layers_match_torch_in_forward_and_backward_pass(cell, options):
    generator = torch.Generator().manual_seed(0)
    for batch_size, length, with_state in ((1, 1, False), (3, 7, True), (2, 40, False)):
        ids = torch.randint(11, (batch_size, length), generator=generator)
        plain, fast = pair(cell, **options)
        state = random_state(plain, batch_size, generator) if with_state else None
        expected, actual = (outputs_and_gradients(m, ids, state) for m in (plain, fast))
        assert [part.shape for part in actual] == [part.shape for part in expected]
        assert largest_relative_difference(actual, expected) < 1e-10
        losses = [m.loss(ids, ids.roll(-1, 1), state)[0].item() for m in (plain, fast)]
        assert losses[1] == pytest.approx(losses[0], rel=1e-12)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("cell", CELLS)
def test_fast_layers_in_float32_round_like_torch(cell, options):
    for batch_size, length in ((1, 1), (3, 7)):
        ids = torch.randint(11, (batch_size, length), generator=torch.Generator().manual_seed(0))
        plain, fast = pair(cell, torch.float32, **options)
        exact = CharRNN(**plain.options)
        exact.load_state_dict(plain.state_dict())
        results = (outputs_and_gradients(m, ids, None) for m in (fast, plain, exact.double()))
        for parts in zip(*results, strict=True):
            assert_rounds_like(*parts)


@pytest.mark.parametrize("cell", CELLS)
def test_backward_agrees_with_central_differences(cell):
    _, fast = pair(cell, num_layers=2, hidden_size=3)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(11, (2, 5), generator=generator)
    names, values = zip(*fast.named_parameters(), strict=True)
    state = random_state(fast, 2, generator)
    states = state if isinstance(state, tuple) else (state,)

    def outcome(*parts):
        start = parts[: len(states)]
        inputs = (ids, start if len(start) == 2 else start[0])
        weights = dict(zip(names, parts[len(states) :], strict=True))
        logits, last = torch.func.functional_call(fast, weights, inputs)
        return logits, *(last if isinstance(last, tuple) else (last,))

    # functional_call replaces the parameters. So this also shows that the model stores no old ones.
    assert torch.autograd.gradcheck(outcome, (*states, *values), fast_mode=True)


@pytest.mark.parametrize("cell", CELLS)
def test_fast_and_plain_models_can_load_each_others_weights(cell):
    plain, fast = pair(cell, num_layers=2)
    source, _ = pair(cell, num_layers=2, seed=2)
    fast.load_state_dict(source.state_dict())
    plain.load_state_dict(fast.state_dict())
    ids = torch.arange(6)[None]
    assert torch.equal(plain(ids)[0], source(ids)[0])
    assert torch.allclose(fast(ids)[0], source(ids)[0], atol=1e-14)


def test_the_fast_lstm_is_used_only_where_it_is_faster(monkeypatch):
    monkeypatch.undo()

    def node(vocab_size, rows):
        model = CharRNN(vocab_size, 8, cell="LSTM", fast=True)
        states, _ = model.states(torch.zeros(rows, 2, dtype=torch.int64))
        return type(states.grad_fn.next_functions[0][0]).__name__

    assert node(128, 64) == "_LSTMStepsBackward"
    assert node(128, 63) != "_LSTMStepsBackward"
    assert node(127, 65) != "_LSTMStepsBackward"


@pytest.mark.parametrize(
    ("width", "rows", "options", "faster"),
    [
        (128, 64, {}, True),
        (127, 65, {}, False),  # too narrow
        (128, 63, {}, False),  # too little work in a time step
        (128, 64, {"hidden_size": 257}, False),  # too small a part of the work
        (256, 64, {"num_layers": 2}, True),
        (256, 63, {"num_layers": 2}, False),
        (256, 64, {"num_layers": 2, "hidden_size": 257}, False),
    ],
)
def test_an_lstm_must_read_many_numbers_to_be_faster(width, rows, options, faster):
    layer = nn.LSTM(width, **{"hidden_size": 256, "batch_first": True, **options})
    ids = torch.zeros(rows, 16, dtype=torch.int64)
    assert layers.is_faster(layer, ids) is faster
    assert layers.is_faster(nn.GRU(3, 4), ids[:1])
    embedding = torch.zeros(4 * rows, width)
    assert layers.is_faster(layer, ids, embedding) is faster
    assert not layers.is_faster(layer, ids[:, 1:], embedding)
    with torch.no_grad():
        assert not layers.is_faster(layer, ids)
        twice = nn.LSTM(2 * width, **{"hidden_size": 256, "batch_first": True, **options})
        assert layers.is_faster(twice, ids) is faster


@pytest.mark.parametrize("cell", CELLS)
def test_more_embeddings_than_characters_in_a_batch_make_no_table(cell, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("a table of products was made")

    model = CharRNN(11, 8, cell=cell, embedding_size=5, fast=True, seed=0)
    monkeypatch.setattr(layers._LookUp, "forward", refuse)
    model.states(torch.arange(10).reshape(2, 5))
    with pytest.raises(AssertionError, match="table"):
        model.states(torch.arange(11)[None])


def test_fast_is_an_option_and_can_be_switched_at_any_time():
    model = CharRNN(vocab_size=5, hidden_size=4, seed=0).double()
    assert model.options["fast"] is False
    ids = torch.tensor([[0, 3, 1]])
    slow = model(ids)[0]
    model.fast = True
    assert model(ids)[0].grad_fn.name() != slow.grad_fn.name()
    assert torch.allclose(model(ids)[0], slow, rtol=0, atol=1e-14)
    assert CharRNN(**CharRNN(5, 4, fast=True).options).fast


@pytest.mark.parametrize("cell", CELLS)
def test_a_second_pass_does_not_change_the_first(cell):
    _, model = pair(cell)
    ids = torch.randint(11, (2, 9), generator=torch.Generator().manual_seed(0))
    first, _ = model(ids)
    copy = first.detach().clone()
    model(ids.flip(1))[0].sum().backward()
    model.zero_grad()
    assert torch.equal(first, copy)
    gradient = torch.autograd.grad(first.sum(), model.rnn.weight_hh_l0, retain_graph=True)[0]
    same_gradient = torch.autograd.grad(first.sum(), model.rnn.weight_hh_l0)[0]
    assert torch.equal(gradient, same_gradient)


@pytest.mark.parametrize("cell", CELLS)
def test_backward_does_not_change_the_gradients_it_receives(cell):
    _, model = pair(cell)
    outputs, state = model.states(torch.arange(6)[None])
    parts = (outputs, *(state if isinstance(state, tuple) else (state,)))
    gradients = [torch.ones_like(part) for part in parts]
    torch.autograd.backward(parts, gradients)
    assert all((part == 1).all() for part in gradients)


@pytest.mark.parametrize("cell", CELLS)
def test_a_loss_on_only_the_last_state_has_the_right_gradient(cell):
    gradients = []
    for model in pair(cell):
        _, state = model.states(torch.arange(6)[None])
        h = state[0] if cell == "LSTM" else state
        gradients.append(torch.autograd.grad(h.sum(), model.rnn.weight_ih_l0)[0])
    assert torch.allclose(*gradients, rtol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_dropout_acts_between_layers_and_only_in_training_mode(cell):
    plain, fast = pair(cell, num_layers=2, dropout=0.5)
    ids = torch.randint(11, (4, 9), generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first = fast.states(ids)[0]
        assert not torch.allclose(fast.states(ids)[0], first)
        torch.manual_seed(0)
        assert torch.equal(fast.states(ids)[0], first)
    lower = CharRNN(**{**fast.options, "num_layers": 1, "dropout": 0.0}).double()
    lower.load_state_dict({name: fast.state_dict()[name] for name in lower.state_dict()})
    _, state = fast.states(ids)
    below = (state[0] if cell == "LSTM" else state)[0]
    assert torch.allclose(below, lower.states(ids)[0][:, -1])  # before the dropout
    plain.eval()
    fast.eval()
    assert torch.allclose(fast(ids)[0], plain(ids)[0], rtol=1e-12)


def test_second_derivatives_are_refused():
    _, model = pair("RNN")
    outputs, _ = model.states(torch.arange(6)[None])
    weight = model.rnn.weight_hh_l0
    (slope,) = torch.autograd.grad(outputs.square().sum(), weight, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.RNN(3, 4), "batch_first=True"),
        (nn.GRU(3, 4, batch_first=True, bidirectional=True), "bidirectional=False"),
        (nn.LSTM(3, 4, batch_first=True, proj_size=2), "proj_size=0"),
        (nn.RNN(3, 4, batch_first=True, bias=False), "bias=True"),
        (nn.RNN(3, 4, batch_first=True, nonlinearity="relu"), "RNN with tanh"),
        (nn.Linear(3, 4), "RNN with tanh"),
    ],
)
def test_a_layer_with_unsupported_options_is_refused(layer, message):
    with pytest.raises(ValueError, match=message):
        layers.fast_forward(layer, torch.zeros(1, 2, dtype=torch.int64))


def test_stop_malloc_returning_memory_does_nothing_without_glibc(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(layers.ctypes, "CDLL", missing)
    layers.stop_malloc_returning_memory.__wrapped__()


def test_dtypes_unknown_to_numpy_are_left_to_torch():
    plain, fast = pair("RNN", dtype=torch.bfloat16)
    exact, _ = pair("RNN")
    exact.load_state_dict(plain.state_dict())
    ids = torch.tensor([[0, 3, 1]])
    assert_rounds_like(*(model(ids)[0] for model in (fast, plain, exact)))
