"""CharRNN against the torch modules that it consists of, and its fast layers against theirs."""

import numpy as np
import pytest
import torch
from precision import assert_rounds_like
from torch import nn

from charseq import CharRNN, layers

CELLS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
V, H = 6, 4


def some_ids(B=3, T=7, dtype=torch.int64):
    return torch.randint(0, V, (B, T), generator=torch.Generator().manual_seed(1)).to(dtype)


def composed_by_hand(ids, cell, num_layers, embedding_size, output_layer, hidden_size, seed):
    """Compute what the model computes, with torch modules created in the same order."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        embedding = nn.Embedding(V, embedding_size) if embedding_size else None
        rnn = CELLS[cell](embedding_size or V, hidden_size, num_layers, batch_first=True)
        head = nn.Linear(hidden_size, V) if output_layer else nn.Identity()
    vectors = embedding(ids) if embedding else torch.eye(V)[ids]
    states, last = rnn(vectors)
    return states, head(states), last


def assert_equal(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("seed", [0, 2**64 - 1])
@pytest.mark.parametrize("embedding_size", [None, 5])
@pytest.mark.parametrize(("num_layers", "output_layer"), [(1, True), (2, True), (2, False)])
@pytest.mark.parametrize("cell", CELLS)
def test_model_equals_torch_modules_composed_by_hand_and_leaves_the_generator_alone(
    cell, num_layers, embedding_size, output_layer, seed
):
    options = {
        "hidden_size": H if output_layer else V, "cell": cell, "num_layers": num_layers,
        "embedding_size": embedding_size, "output_layer": output_layer, "seed": seed,
    }  # fmt: skip
    before = torch.get_rng_state()
    model = CharRNN(V, **options)
    assert torch.equal(torch.get_rng_state(), before)
    states, logits, last = composed_by_hand(some_ids(), **options)
    assert_equal(model(some_ids()), (logits, last))
    assert_equal(model.states(some_ids()), (states, last))
    loss, _ = model.loss(some_ids(), some_ids().roll(1, 1))
    expected = -logits.log_softmax(-1).gather(-1, some_ids().roll(1, 1)[..., None]).mean()
    torch.testing.assert_close(loss, expected)
    twin = CharRNN(**model.options)
    assert (str(twin), twin.options) == (str(model), model.options)
    assert_equal(twin.state_dict(), model.state_dict())


def test_defaults_are_a_plain_rnn_drawn_by_the_global_generator():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model, other = CharRNN(V, H), CharRNN(V, H)
    assert_equal(model(some_ids())[0], composed_by_hand(some_ids(), "RNN", 1, None, True, H, 3)[1])
    assert not torch.equal(model.rnn.weight_hh_l0, other.rnn.weight_hh_l0)


@pytest.mark.parametrize("cell", CELLS)
def test_reading_in_two_pieces_equals_reading_at_once(cell):
    model = CharRNN(V, H, cell=cell, num_layers=2, seed=0).double()
    whole, end = model(some_ids())
    first, state = model(some_ids()[:, :3])
    second, last = model(some_ids()[:, 3:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole, rtol=0, atol=1e-14)
    torch.testing.assert_close(last, end, rtol=0, atol=1e-14)
    assert not torch.allclose(model(some_ids()[:, 3:])[0], second)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_ids_may_have_any_integer_dtype(dtype):
    model = CharRNN(V, H, embedding_size=3, seed=0)
    assert_equal(model(some_ids(dtype=dtype))[0], model(some_ids())[0])


# --- dropout, tied weights, forget bias -----------------------------------------------------------


def test_tied_weights_are_one_parameter_also_after_loading_and_in_float64():
    options = {"embedding_size": H, "tied": True}
    model, loaded = CharRNN(V, H, **options, seed=0), CharRNN(V, H, **options, seed=1)
    free = CharRNN(V, H, embedding_size=H, seed=0)
    assert len([*free.parameters()]) - len([*model.parameters()]) == 1
    assert_equal(model.embedding.weight, free.embedding.weight)
    loaded.load_state_dict(model.state_dict())
    for tied in (loaded, loaded.double()):
        with torch.no_grad():
            tied.embedding.weight.add_(1)
        assert tied.head.weight is tied.embedding.weight
    states, _ = loaded.states(some_ids())
    expected = states @ loaded.embedding.weight.T + loaded.head.bias
    torch.testing.assert_close(loaded(some_ids())[0], expected, rtol=0, atol=1e-14)


def test_forget_bias_is_set_in_every_layer_and_nothing_else_changes():
    model = CharRNN(V, H, cell="LSTM", num_layers=2, forget_bias=-2.5, seed=0)
    expected = CharRNN(V, H, cell="LSTM", num_layers=2, seed=0).state_dict()
    for layer in range(2):
        expected[f"rnn.bias_ih_l{layer}"][H : 2 * H] = -2.5
        expected[f"rnn.bias_hh_l{layer}"][H : 2 * H] = 0
    assert_equal(model.state_dict(), expected)


def test_dropout_acts_before_the_output_layer_and_between_layers_and_only_in_training_mode():
    dropped = []
    model = CharRNN(V, 64, num_layers=2, dropout=0.25, seed=0)
    model.dropout.register_forward_hook(lambda _, args, out: dropped.append((args[0], out)))
    model(some_ids(B=20, T=20))
    ((before, after),) = dropped
    assert (after == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    torch.testing.assert_close(after[after != 0], before[after != 0] / 0.75)
    # The states themselves differ from call to call, so dropout also acts between layers.
    assert not torch.equal(model.states(some_ids())[0], model.states(some_ids())[0])
    single = CharRNN(V, 64, dropout=0.25, seed=0)  # torch must not warn
    assert_equal(single.states(some_ids()), single.states(some_ids()))
    assert not torch.equal(single(some_ids())[0], single(some_ids())[0])
    plain = CharRNN(V, 64, num_layers=2, seed=0)
    assert_equal(model.eval()(some_ids()), plain(some_ids()))


# --- what is refused ------------------------------------------------------------------------------


def reads(ids, **options):
    return lambda: CharRNN(V, H, **options)(ids)


def made(**options):
    return lambda: CharRNN(**{"vocab_size": V, "hidden_size": H, "seed": 0, **options})


def goes_on(state, cell="RNN"):
    return lambda: CharRNN(V, H, cell=cell)(torch.zeros(2, 5, dtype=torch.long), state)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (reads(torch.zeros(2, 3)), r"ids must be integers, got torch.float32; one-hot vectors are"),
        (reads([[0, 1]]), "ids must be a tensor, got list"),
        (reads(torch.arange(3)), r"shape \(B, T\), got \(3,\); for a single .* ids\[None\]"),
        (reads(some_ids(T=0)), r"nothing to read: ids have shape \(3, 0\)"),
        (reads(torch.tensor([[0, V]]), fast=True), "in 0 to 5, got 0 to 6; .* vocabulary"),
        *(
            (made(**{name: wrong}), f"^{name} must be an integer of at least 1, got {wrong}")
            for name in ("vocab_size", "hidden_size", "num_layers", "embedding_size")
            for wrong in (0, 2.0, True)
        ),
        (made(cell="rnn"), "one of RNN, GRU, LSTM, got 'rnn'"),
        (made(output_layer=False), "hidden_size must equal vocab_size: got 4 and 6"),
        (made(dropout=1.0), "dropout must be at least 0 and below 1, got 1.0"),
        (made(tied=True), "tied=True needs .* they are None and 4: give embedding_size=4, or"),
        (
            made(tied=True, hidden_size=V, embedding_size=V, output_layer=False),
            "tied=True needs an output layer",
        ),
        (made(forget_bias=1.0), "only an LSTM has a forget gate, got forget_bias for cell 'RNN'"),
        (made(seed=2**64), "seed must fit into 64 bits, got 18446744073709551616"),
        (goes_on(torch.zeros(1, 3, 4), "GRU"), r"\(1, 2, 4\), got \(1, 3, 4\)"),
        (goes_on(np.zeros((1, 2, 4))), "must be a tensor, got ndarray"),
        (goes_on(torch.zeros(2, 2, 4), "LSTM"), r"pair \(h, c\), got Tensor"),
        (goes_on(torch.zeros(1, 2, 4).double()), "state is torch.float64 and the model"),
    ],
)
def test_what_does_not_fit_is_refused_and_no_generator_changes(call, message):
    before = torch.get_rng_state()
    with pytest.raises((TypeError, ValueError), match=message):
        call()
    if "made" in call.__qualname__:
        assert torch.equal(torch.get_rng_state(), before)


# --- the layers that are faster than those of torch -----------------------------------------------

FAST = ("RNN", "GRU")
KINDS = {
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


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("cell", FAST)
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


@pytest.mark.parametrize("cell", FAST)
def test_fast_layers_in_float32_round_like_torch(cell):
    exact, fast = pair(cell, num_layers=2)
    plain, fast = CharRNN(**exact.options), fast.float()
    ids, _ = random_input(plain, 3, 7)
    for parts in zip(*(model(ids) for model in (fast, plain, exact)), strict=True):
        assert_rounds_like(*parts)


@pytest.mark.parametrize("cell", FAST)
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


@pytest.mark.parametrize("cell", FAST)
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
