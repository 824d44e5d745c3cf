"""A trained network in NumPy against torch, step by step and with its fast reader."""

import copy

import numpy as np
import pytest
import torch
from precision import assert_rounds_like

from charseq import CharRNN, NumpyNet
from charseq.net import Reader, as_net

V, H, T = 9, 6, 25
KINDS = [
    {"hidden_size": H},
    {"hidden_size": H, "num_layers": 3},
    {"hidden_size": H, "embedding_size": 3, "num_layers": 2},
    {"hidden_size": H, "embedding_size": H, "tied": True},
    {"hidden_size": V, "embedding_size": 4, "output_layer": False},
]
every_net = pytest.mark.parametrize(
    "options",
    [{"cell": cell, **kind} for cell in ("RNN", "GRU", "LSTM") for kind in KINDS],
    ids=str,
)


def model_of(**options):
    """Make a model whose weights are large enough for gates that are not all near one half."""
    model = CharRNN(V, **{"hidden_size": H, **options}, seed=0).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    return model


def ids_of(texts, length=T):
    return torch.randint(V, (texts, length), generator=torch.Generator().manual_seed(1))


def logits_of(net, ids, *, reader):
    """Read ids (B, T) with a reader or step by step, and return all logits (B, T, V)."""
    ids, read = ids.numpy(), []
    fast, state = Reader(net, len(ids)), net.start(len(ids))
    for column in ids.T:
        if reader:
            fast.read(column[0] if len(ids) == 1 else column)
            read.append(fast.logits.reshape(len(ids), V).copy())
        else:
            logits, state = net.step(column, state)
            read.append(logits)
    return np.stack(read, axis=1), state


@every_net
def test_step_and_the_fast_reader_match_torch_at_every_character(options):
    model = model_of(**options)
    net = NumpyNet.from_model(model)
    for texts in (1, 2, 33):
        with torch.no_grad():
            expected, last = model(ids_of(texts))
        for reader in (False, True):
            logits, state = logits_of(net, ids_of(texts), reader=reader)
            np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-9)
            if not reader:
                parts = zip(*last, strict=True) if model.rnn.mode == "LSTM" else last
                for ours, theirs in zip(state, parts, strict=True):
                    np.testing.assert_allclose(ours, torch.stack([*theirs]), rtol=0, atol=1e-9)
    with torch.no_grad():
        states, _ = model.states(ids_of(1))
        expected, _ = model(ids_of(1))
    for found, like in zip(net.read(ids_of(1)[0].numpy()), (expected, states), strict=True):
        np.testing.assert_allclose(found, like[0], rtol=0, atol=1e-9)


@every_net
def test_float32_rounds_like_torch(options):
    exact = model_of(**options)
    plain = copy.deepcopy(exact).float()
    net, ids = NumpyNet.from_model(plain), ids_of(4, 3)
    for reader in (False, True):
        logits, _ = logits_of(net, ids, reader=reader)
        assert_rounds_like(logits, plain(ids)[0].detach(), exact(ids)[0].detach())
    assert logits_of(net.double(), ids, reader=True)[0].dtype == np.float64


def test_a_network_keeps_its_weights_and_the_state_that_it_is_given():
    model = model_of(cell="LSTM", num_layers=2)
    net = NumpyNet.from_model(model)
    _, state = net.step([1, 2], net.start(2))
    before = copy.deepcopy(state)
    logits, _ = net.step([3, 4], state)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    np.testing.assert_array_equal(net.step([3, 4], state)[0], logits)
    for layer, then in zip(state, before, strict=True):
        np.testing.assert_array_equal(layer, then)
    assert net.double() is net
    assert as_net(net) is net


def arrays_of(model):
    return {name: part.numpy() for name, part in model.state_dict().items()}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_weight_that_is_missing_or_of_the_wrong_shape_is_named(kind):
    model = model_of(**kind)
    arrays = arrays_of(model)
    for name, value in arrays.items():
        if kind.get("tied") and name == "head.weight":
            continue  # the embedding is used
        remaining = {key: value for key, value in arrays.items() if key != name}
        with pytest.raises(KeyError, match=f"there is no weight {name}"):
            NumpyNet(model.options, remaining)
        with pytest.raises(ValueError, match=f"^{name} must have shape .*{value.shape[0]}.*, got "):
            NumpyNet(model.options, {**arrays, name: value[:-1]})


def changed(**options):
    model = model_of(num_layers=2)
    return NumpyNet({**model.options, **options}, arrays_of(model))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: changed(num_layers=1), "with these options there is no weight rnn.weight_ih_l1"),
        (
            lambda: as_net(object()),
            "expected a NumpyNet, a CharRNN or an NGram, got object",
        ),
        (lambda: changed().read([[1, 2]]), r"one text, shape \(T,\), got shape \(1, 2\)"),
        (lambda: changed().read([V]), "id 9 at position 0 is out of range"),
        (lambda: changed().without_units([0, H]), "no unit 6: expected a number from 0 to 5"),
        (
            lambda: NumpyNet.from_model(model_of(hidden_size=V, output_layer=False)).without_units(
                [0]
            ),
            "each unit is the score of a character",
        ),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises((KeyError, TypeError, ValueError), match=message):
        call()


@pytest.mark.parametrize("options", [{"cell": cell, "num_layers": 2} for cell in ("RNN", "LSTM")])
def test_without_units_computes_what_zeros_would_give_and_changes_nothing_else(options):
    net, ids = NumpyNet.from_model(model_of(**options)), ids_of(1)[0].numpy()
    before, _ = net.read(ids)  # from here on, the network keeps its weights in another form, too
    state, (W, b) = net.start(), net.head
    for k, row in zip(ids, net.without_units([1, 4]).read(ids)[0], strict=True):
        _, state = net.step([k], state)
        h = state[-1][0] if options["cell"] == "LSTM" else state[-1]
        h[:, [1, 4]] = 0
        np.testing.assert_allclose(row, (h @ W.T + b)[0], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(net.read(ids)[0], before)
