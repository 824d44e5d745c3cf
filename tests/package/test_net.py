"""A trained network in NumPy against torch, and its fast reader against `step`."""

import copy

import numpy as np
import pytest
import torch
from precision import assert_rounds_like

from charseq import CharRNN, NumpyNet
from charseq.net import Reader

V, H = 9, 6
CELLS = ("RNN", "GRU", "LSTM")
KINDS = [
    {"hidden_size": H},
    {"hidden_size": H, "embedding_size": 3},
    {"hidden_size": H, "embedding_size": H, "tied": True},
    {"hidden_size": V, "output_layer": False},
    {"hidden_size": V, "embedding_size": 4, "output_layer": False},
]


def networks(*numbers_of_layers):
    """Run a test for each kind of network, as `cell`, `num_layers` and `kind`."""

    def mark(test):
        for name, values in (("kind", KINDS), ("num_layers", numbers_of_layers), ("cell", CELLS)):
            test = pytest.mark.parametrize(name, values)(test)
        return test

    return mark


def model_of(seed=0, **options):
    return CharRNN(V, **{"hidden_size": H, **options}, seed=seed)


def rng(seed=0):
    return np.random.default_rng(seed)


def doubled(model):
    """Multiply the weights by 2, so that the gates are not all close to one half."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    return model


@networks(1, 3)
def test_net_matches_torch_at_every_character(cell, num_layers, kind):
    model = doubled(model_of(cell=cell, num_layers=num_layers, **kind).double())
    ids = torch.randint(V, (4, 25), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, last = model(ids)
    net = NumpyNet.from_model(model)
    state = net.start(4)
    for t in range(25):
        logits, state = net.step(ids[:, t].numpy(), state)
        assert logits.dtype == np.float64
        np.testing.assert_allclose(logits, expected[:, t].numpy(), rtol=0, atol=1e-10)
    layers = [torch.stack(layer_parts) for layer_parts in zip(*last)] if cell == "LSTM" else last  # noqa: B905
    assert len(state) == num_layers
    for parts, expected_parts in zip(state, layers, strict=True):
        np.testing.assert_allclose(np.stack(parts), expected_parts.numpy(), rtol=0, atol=1e-10)


@networks(1, 3)
def test_net_in_float32_rounds_like_torch(cell, num_layers, kind):
    model = doubled(model_of(cell=cell, num_layers=num_layers, **kind))
    ids = torch.randint(V, (4, 3), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        plain, exact = model(ids)[0], copy.deepcopy(model).double()(ids)[0]
    net = NumpyNet.from_model(model)
    state, net_logits = net.start(4), []
    for t in range(3):
        logits, state = net.step(ids[:, t].numpy(), state)
        net_logits.append(logits)
    assert_rounds_like(np.stack(net_logits, axis=1), plain, exact)


def test_net_keeps_its_weights_when_the_model_changes():
    model = model_of()
    net = NumpyNet.from_model(model)
    before, _ = net.step([1], net.start())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    assert np.array_equal(net.step([1], net.start())[0], before)
    assert not np.array_equal(NumpyNet.from_model(model).step([1], net.start())[0], before)


def test_step_does_not_change_the_state_it_receives():
    net = NumpyNet.from_model(model_of(cell="LSTM", num_layers=2))
    _, state = net.step([1, 2], net.start(2))
    copy = [tuple(part.copy() for part in layer) for layer in state]
    net.step([3, 4], state)
    assert all(
        np.array_equal(a, b)
        for copied_layer, layer in zip(copy, state, strict=True)
        for a, b in zip(copied_layer, layer, strict=True)
    )


def tripled(net):
    """Multiply the weights of all layers by 3, so that the gates are not all close to one half."""
    for params in net.layers:
        for weight in params:
            weight *= 3
    return net


def read_both_ways(net, reader, ids):
    """Read ids, (T, B), with a reader and with `step`, and return the logits of both, (T, B, V)."""
    state, reader_logits, step_logits = net.start(ids.shape[1]), [], []
    for ids_t in ids:
        reader.read(ids_t[0] if len(ids_t) == 1 else ids_t)
        reader_logits.append(reader.logits.reshape(len(ids_t), V).copy())
        expected, state = net.step(ids_t, state)
        step_logits.append(expected)
    return np.stack(reader_logits), np.stack(step_logits)


@networks(1, 2, 3)
def test_the_fast_reader_gives_the_same_logits_as_step(cell, num_layers, kind):
    net = tripled(NumpyNet.from_model(model_of(cell=cell, num_layers=num_layers, **kind).double()))
    for streams in (1, 2, 64):
        ids = rng(streams).integers(V, size=(25, streams))
        logits, expected = read_both_ways(net, Reader(net, streams), ids)
        assert logits.dtype == expected.dtype == np.float64
        # Over 25 steps, tripled weights amplify a rounding error: by 100 in the cases we checked.
        largest = np.abs(expected).max()
        np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-10 * largest)


@networks(1, 2, 3)
def test_the_fast_reader_in_float32_rounds_like_step(cell, num_layers, kind):
    model = model_of(cell=cell, num_layers=num_layers, **kind)
    net, exact = (tripled(NumpyNet.from_model(m)) for m in (model, copy.deepcopy(model).double()))
    for streams in (1, 2, 64):
        ids = rng(streams).integers(V, size=(3, streams))
        logits, step_logits = read_both_ways(net, Reader(net, streams), ids)
        _, exact_logits = read_both_ways(exact, Reader(exact, streams), ids)
        assert_rounds_like(logits, step_logits, exact_logits)


def test_weights_of_two_precisions_are_read_in_the_higher_one():
    model = model_of(cell="GRU", num_layers=2)
    weights = {k: w.astype("f8") if "head" in k else w for k, w in arrays_of(model).items()}
    net = NumpyNet(model.options, weights)
    reader = Reader(net, 3)
    reader.read(np.array([1, 2, 3]))
    assert reader.logits.dtype == net.step([1, 2, 3], net.start(3))[0].dtype == np.float64
    expected, _ = NumpyNet.from_model(model.double()).step([1, 2, 3], net.start(3))
    np.testing.assert_allclose(reader.logits, expected, rtol=0, atol=1e-14)


def arrays_of(model):
    return {name: part.numpy() for name, part in model.state_dict().items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_that_is_missing_or_of_the_wrong_shape_is_named(kind):
    model = model_of(num_layers=2, **kind)
    arrays = arrays_of(model)
    for name, value in arrays.items():
        if kind.get("tied") and name == "head.weight":
            continue  # the embedding is used
        remaining = {key: value for key, value in arrays.items() if key != name}
        with pytest.raises(KeyError, match=f"there is no weight {name}"):
            NumpyNet(model.options, remaining)
        with pytest.raises(ValueError, match=f"^{name} must have shape .*, got ") as caught:
            NumpyNet(model.options, {**arrays, name: value[:-1]})
        assert str(value.shape) in str(caught.value)
        assert str(value[:-1].shape) in str(caught.value)


def test_a_weight_that_the_options_do_not_need_is_named():
    for model, less, name in (
        (model_of(num_layers=2), {"num_layers": 1}, "rnn.weight_ih_l1"),
        (model_of(hidden_size=V), {"output_layer": False}, "head.weight"),
    ):
        with pytest.raises(ValueError, match=f"with these options there is no weight {name}"):
            NumpyNet({**model.options, **less}, arrays_of(model))


@pytest.mark.parametrize("name", ["vocab_size", "hidden_size", "num_layers", "embedding_size"])
@pytest.mark.parametrize("value", [0, -1, "6", 2.0, [6]])
def test_sizes_must_be_integers_of_at_least_one(name, value):
    model = model_of()
    with pytest.raises(ValueError, match=f"^{name} must be an integer of at least 1, got "):
        NumpyNet({**model.options, name: value}, arrays_of(model))


def test_an_unknown_cell_and_a_missing_option_are_named():
    model = model_of()
    with pytest.raises(ValueError, match="one of RNN, GRU, LSTM, got 'CNN'"):
        NumpyNet({**model.options, "cell": "CNN"}, arrays_of(model))
    used = {"vocab_size", "hidden_size", "num_layers", "embedding_size", "cell", "output_layer"}
    for name in (*used, "tied"):
        options = {key: value for key, value in model.options.items() if key != name}
        with pytest.raises(KeyError, match=f"there is no option {name}"):
            NumpyNet(options, arrays_of(model))


# --- whole texts, and units that nothing reads ----------------------------------------------------


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("cell", ["RNN", "GRU", "LSTM"])
def test_read_gives_the_states_and_logits_of_torch(cell, num_layers):
    model = doubled(model_of(cell=cell, num_layers=num_layers).double())
    ids = torch.randint(V, (1, 25), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected_states, _ = model.states(ids)
        expected_logits, _ = model(ids)
    logits, states = NumpyNet.from_model(model).read(ids[0].numpy())
    np.testing.assert_allclose(logits, expected_logits[0].numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(states, expected_states[0].numpy(), rtol=0, atol=1e-12)


def test_read_takes_the_ids_of_one_text_which_may_be_empty():
    net = NumpyNet.from_model(model_of())
    assert [array.shape for array in net.read([])] == [(0, V), (0, H)]
    for ids in ([[1, 2]], [V], [-1], [0.5]):
        with pytest.raises((ValueError, TypeError), match=r"id|shape"):
            net.read(ids)


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("cell", ["RNN", "GRU", "LSTM"])
def test_without_units_computes_what_zeros_would_give_and_changes_nothing_else(cell, num_layers):
    net = NumpyNet.from_model(doubled(model_of(cell=cell, num_layers=num_layers).double()))
    ids, state = rng().integers(V, size=12), net.start()
    before, _ = net.read(ids)  # from here on, the network keeps its weights in another form, too
    weights = net.layers[-1].W_hh.copy()
    logits, _ = net.without_units([1, 4]).read(ids)
    np.testing.assert_array_equal(net.layers[-1].W_hh, weights)
    for k, row in zip(ids, logits, strict=True):
        _, state = net.step([k], state)
        top = state[-1]
        h = (top[0] if cell == "LSTM" else top).copy()
        h[:, [1, 4]] = 0
        W, b = net.head
        np.testing.assert_allclose(row, (h @ W.T + b)[0], rtol=0, atol=1e-12)
        if cell == "LSTM":
            state[-1] = (h, top[1])
        else:
            state[-1] = h
    assert not np.array_equal(before, logits)
    np.testing.assert_array_equal(net.read(ids)[0], before)


def test_without_units_refuses_what_is_no_unit():
    net = NumpyNet.from_model(model_of(cell="GRU"))
    for unit in (-1, H, 100):
        with pytest.raises(
            ValueError, match=rf"no unit {unit}: expected a number from 0 to {H - 1}"
        ):
            net.without_units([0, unit])
    net = NumpyNet.from_model(model_of(hidden_size=V, output_layer=False))
    with pytest.raises(ValueError, match="each unit is the score of a character"):
        net.without_units([0])
