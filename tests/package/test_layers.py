"""The layers that are faster than those of torch, against them."""

import pytest
import torch
from precision import assert_rounds_like
from torch import nn

from charseq import CharRNN, layers

CELLS = ("RNN", "GRU")
OPTIONS = {
    "one-hot": {},
    "two layers": {"num_layers": 2},
    "embedding": {"embedding_size": 5},
    "tied, three layers": {"embedding_size": 8, "tied": True, "num_layers": 3},
    "no output layer": {"hidden_size": 11, "output_layer": False},
}


def pair(cell, **options):
    """Return the same network twice: with the layers of torch, and with the fast ones."""
    options = {"vocab_size": 11, "hidden_size": 8, "cell": cell, "seed": 1, **options}
    return [CharRNN(**options, fast=fast).double() for fast in (False, True)]


def results(model, ids, state):
    """Return logits, last state, and the gradients of a randomly weighted sum of both."""
    logits, last = model(ids, state)
    rng = torch.Generator().manual_seed(0)
    total = sum(
        (part * torch.randn(part.shape, generator=rng, dtype=torch.float64)).sum()
        for part in (logits, last)
    )
    return [logits, last, *torch.autograd.grad(total, [*model.parameters(), state])]


def random_input(model, batch_size, length):
    rng = torch.Generator().manual_seed(0)
    ids = torch.randint(model.vocab_size, (batch_size, length), generator=rng)
    shape = (model.rnn.num_layers, batch_size, model.rnn.hidden_size)
    state = torch.randn(shape, generator=rng, dtype=model.rnn.weight_hh_l0.dtype)
    return ids, state.requires_grad_()


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("cell", CELLS)
def test_fast_layers_match_torch_in_forward_and_backward_pass(cell, options):
    plain, fast = pair(cell, **options)
    for batch_size, length in ((1, 1), (3, 7), (2, 40)):  # fewer ids than embeddings, and more
        arguments = random_input(plain, batch_size, length)
        expected = results(plain, *arguments)
        found = results(fast, *arguments)
        assert "StepsBackward" in repr(fast.states(*arguments)[0].grad_fn.next_functions)
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
        losses = [model.loss(arguments[0], arguments[0])[0].item() for model in (plain, fast)]
        assert losses[1] == pytest.approx(losses[0], rel=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_fast_layers_in_float32_round_like_torch(cell):
    exact, fast = pair(cell, num_layers=2)
    plain, fast = CharRNN(**exact.options), fast.float()
    ids, _ = random_input(plain, 3, 7)
    for parts in zip(*(model(ids) for model in (fast, plain, exact)), strict=True):
        assert_rounds_like(*parts)


@pytest.mark.parametrize("cell", CELLS)
def test_each_pass_leaves_what_others_use_as_it_was(cell):
    _, model = pair(cell)
    ids, state = random_input(model, 2, 9)
    first, last = model.states(ids, state)
    before = first.detach().clone(), state.detach().clone()
    model(ids.flip(1), state)[0].sum().backward()
    assert torch.equal(first, before[0])
    assert torch.equal(state, before[1])
    upstream = torch.ones_like(first), torch.ones_like(last)
    gradients = [
        torch.autograd.grad((first, last), model.rnn.weight_hh_l0, upstream, retain_graph=True)[0]
        for _ in range(2)
    ]
    assert torch.equal(*gradients)
    assert all((part == 1).all() for part in upstream)


@pytest.mark.parametrize("cell", CELLS)
def test_dropout_acts_between_layers_and_only_in_training_mode(cell):
    plain, fast = pair(cell, num_layers=2, dropout=0.5)
    ids, _ = random_input(fast, 4, 9)
    lower = CharRNN(**{**fast.options, "num_layers": 1, "dropout": 0.0}).double()
    lower.load_state_dict(fast.state_dict(), strict=False)
    with torch.random.fork_rng():
        states, last = fast.states(ids)
        assert not torch.allclose(fast.states(ids)[0], states)
    torch.testing.assert_close(last[0], lower.states(ids)[0][:, -1])  # before the dropout
    torch.testing.assert_close(fast.eval()(ids), plain.eval()(ids), rtol=1e-12, atol=1e-14)


def test_torch_computes_an_lstm_and_what_is_not_in_32_or_64_bits():
    layer = nn.GRU(3, 4, batch_first=True)
    assert layers.is_faster(layer)
    assert not layers.is_faster(nn.LSTM(3, 4))
    assert not layers.is_faster(nn.RNN(3, 4, nonlinearity="relu"))
    assert not layers.is_faster(layer.to("meta"))
    assert not layers.is_faster(nn.GRU(3, 4).bfloat16())
    for options in ({"cell": "LSTM"}, {"cell": "GRU"}):
        plain, fast = (model.bfloat16() for model in pair(**options))
        ids = torch.tensor([[0, 3, 1]])
        assert torch.equal(plain(ids)[0], fast(ids)[0])


def test_second_derivatives_are_refused():
    _, model = pair("RNN")
    outputs, _ = model.states(torch.arange(6)[None])
    weight = model.rnn.weight_hh_l0
    (slope,) = torch.autograd.grad(outputs.square().sum(), weight, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


@pytest.mark.parametrize(
    "layer",
    [
        nn.RNN(3, 4),
        nn.LSTM(3, 4, batch_first=True),
        nn.RNN(3, 4, batch_first=True, nonlinearity="relu"),
    ],
)
def test_a_layer_with_unsupported_options_is_refused(layer):
    with pytest.raises(ValueError, match=r"^expected a GRU, or an RNN with tanh.*, got \w+\("):
        layers.fast_forward(layer, torch.zeros(1, 2, dtype=torch.int64))
