"""CharRNN against the torch modules that it consists of."""

import numpy as np
import pytest
import torch
from torch import nn

from charseq import CharRNN, Vocabulary

CELLS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
V, H = 6, 4


def some_ids(B=3, T=7, dtype=torch.int64):
    return torch.randint(0, V, (B, T), generator=torch.Generator().manual_seed(1)).to(dtype)


def composed_by_hand(ids, cell, num_layers, embedding_size, output_layer, hidden_size, seed):
    """Compute what the model computes, with torch modules created in the same order."""
    torch.manual_seed(seed)
    embedding = nn.Embedding(V, embedding_size) if embedding_size else None
    rnn = CELLS[cell](embedding_size or V, hidden_size, num_layers, batch_first=True)
    vectors = embedding(ids) if embedding else torch.eye(V)[ids]
    head = nn.Linear(hidden_size, V) if output_layer else nn.Identity()
    states, last = rnn(vectors)
    return head(states), last


def equal_states(state, other_state):
    if isinstance(state, tuple):
        return all(map(torch.equal, state, other_state))
    return torch.equal(state, other_state)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("embedding_size", [None, 1, 5])
@pytest.mark.parametrize("output_layer", [True, False])
def test_model_equals_torch_modules_composed_by_hand(
    cell, num_layers, embedding_size, output_layer
):
    options = {
        "hidden_size": H if output_layer else V, "cell": cell, "num_layers": num_layers,
        "embedding_size": embedding_size, "output_layer": output_layer, "seed": 3,
    }  # fmt: skip
    logits, state = CharRNN(V, **options)(some_ids())
    expected, last = composed_by_hand(some_ids(), **options)
    assert torch.equal(logits, expected)
    assert equal_states(state, last)


@pytest.mark.parametrize("cell", CELLS)
def test_logits_are_the_output_layer_applied_to_the_states(cell):
    model = CharRNN(V, H, cell=cell, seed=0)
    _, state = model(some_ids())
    states, last = model.states(some_ids(), state)
    logits, end = model(some_ids(), state)
    assert states.shape == (3, 7, H)
    assert torch.equal(model.head(states), logits)
    assert equal_states(last, end)
    plain = CharRNN(V, V, cell=cell, output_layer=False)
    assert torch.equal(plain.states(some_ids())[0], plain(some_ids())[0])


def test_defaults_are_a_plain_rnn_of_one_layer_with_an_output_layer():
    model = CharRNN(V, H, seed=3)
    logits, _ = composed_by_hand(some_ids(), "RNN", 1, None, True, H, 3)
    assert torch.equal(model(some_ids())[0], logits)
    assert model.embedding is None
    assert CharRNN(V, H, cell="GRU", embedding_size=2).embedding.weight.shape == (V, 2)
    assert CharRNN(V, V, output_layer=False).head is None


# --- seeds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2**40, -(2**63), 2**64 - 1])
def test_seed_draws_like_manual_seed_and_does_not_change_the_global_generator(seed):
    torch.manual_seed(seed)
    expected = CharRNN(V, H, embedding_size=3).state_dict()
    torch.manual_seed(123)
    before = torch.get_rng_state()
    seeded = CharRNN(V, H, embedding_size=3, seed=seed).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert list(seeded) == list(expected)
    assert all(torch.equal(seeded[name], expected[name]) for name in expected)


def test_without_a_seed_weights_come_from_the_global_generator():
    before = torch.get_rng_state()
    first, second = CharRNN(V, H), CharRNN(V, H)
    assert not torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(first.rnn.weight_hh_l0, second.rnn.weight_hh_l0)


# --- state ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("num_layers", [1, 2])
def test_reading_in_two_pieces_equals_reading_at_once(cell, num_layers):
    model = CharRNN(V, H, cell=cell, num_layers=num_layers, seed=0).double()
    ids = some_ids()
    whole, end = model(ids)
    first, state = model(ids[:, :3])
    second, last = model(ids[:, 3:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole, rtol=0, atol=1e-14)
    torch.testing.assert_close(last, end, rtol=0, atol=1e-14)
    assert not torch.allclose(model(ids[:, 3:])[0], second)


# --- precision and ids ----------------------------------------------------------------------------


@pytest.mark.parametrize("embedding_size", [None, 3])
def test_double_computes_in_float64_from_the_same_weights(embedding_size):
    single = CharRNN(V, H, embedding_size=embedding_size, seed=0)
    double = CharRNN(V, H, embedding_size=embedding_size, seed=0).double()
    logits, state = double(some_ids())
    assert logits.dtype == state.dtype == torch.float64
    assert single(some_ids())[0].dtype == torch.float32
    # A logit is a sum of H + 1 products, and a state is a sum of V + H + 2. There are 7 states, one
    # after the other. Every product and sum is at most about 1, and its rounding error half a unit.
    roundings = 7 * (V + H + 2) + H + 1
    bound = roundings * torch.finfo(torch.float32).eps
    torch.testing.assert_close(single(some_ids())[0].double(), logits, rtol=0, atol=bound)
    assert torch.equal(single.rnn.weight_hh_l0.double(), double.rnn.weight_hh_l0)


@pytest.mark.parametrize("embedding_size", [None, 3])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.uint16])
def test_ids_may_have_any_integer_dtype(embedding_size, dtype):
    model = CharRNN(V, H, embedding_size=embedding_size, seed=0)
    assert torch.equal(model(some_ids(dtype=dtype))[0], model(some_ids())[0])


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        (torch.zeros(2, 3), TypeError, r"ids must be integers, got torch.float32; one-hot"),
        (torch.zeros(2, 3, V), TypeError, "one-hot vectors are not needed"),
        (torch.zeros(2, 3, dtype=torch.complex64), TypeError, "got torch.complex64"),
        (torch.zeros(2, 3, dtype=torch.bool), TypeError, "ids must be integers, got torch.bool"),
        ([[0, 1]], TypeError, "ids must be a tensor, got list"),
        (torch.arange(3), ValueError, r"shape \(B, T\), got \(3,\); for a single .* ids\[None\]"),
        (torch.tensor(3), ValueError, r"ids must have shape \(B, T\), got \(\)$"),
        (some_ids()[None], ValueError, r"ids must have shape \(B, T\), got \(1, 3, 7\)$"),
        (some_ids(B=0), ValueError, r"nothing to read: ids have shape \(0, 7\)"),
        (some_ids(T=0), ValueError, r"nothing to read: ids have shape \(3, 0\)"),
        (torch.tensor([[0, V]]), ValueError, "ids must lie in 0 to 5, got 0 to 6; .* vocabulary"),
        (torch.tensor([[-1, 2]]), ValueError, "ids must lie in 0 to 5, got -1 to 2"),
    ],
)
@pytest.mark.parametrize("embedding_size", [None, 3])
def test_invalid_ids_are_refused(ids, error, message, embedding_size):
    with pytest.raises(error, match=message):
        CharRNN(V, H, embedding_size=embedding_size)(ids)


# --- options --------------------------------------------------------------------------------------

SIZES = ("vocab_size", "hidden_size", "num_layers", "embedding_size")


@pytest.mark.parametrize("name", SIZES)
def test_sizes_must_be_integers_of_at_least_one(name):
    sizes = {"vocab_size": V, "hidden_size": H}
    CharRNN(**{**sizes, name: 1})
    for value in (0, -3):
        with pytest.raises(ValueError, match=f"^{name} must be at least 1, got {value}"):
            CharRNN(**{**sizes, name: value})
    for value in (2.0, "2", True):
        with pytest.raises(TypeError, match=f"^{name} must be an integer, got {value!r}$"):
            CharRNN(**{**sizes, name: value})
    end = r"; use len\(vocab\)$" if name == "vocab_size" else r"'a'\)$"
    with pytest.raises(TypeError, match=end):
        CharRNN(**{**sizes, name: Vocabulary("a")})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(
            ({"cell": cell}, f"one of RNN, GRU, LSTM, got {cell!r}")
            for cell in ("rnn", "CNN", "", None)
        ),
        ({"output_layer": False}, "hidden_size must equal vocab_size: got 4 and 6"),
        *(
            ({"dropout": value}, f"dropout must be at least 0 and below 1, got {value}")
            for value in (-0.1, 1.0, float("nan"))
        ),
        ({"tied": True}, "tied=True needs .* they are None and 4: give embedding_size=4, or"),
        (
            {"tied": True, "embedding_size": 3},
            "they are 3 and 4: give embedding_size=4, or leave out tied=True",
        ),
        (
            {"tied": True, "hidden_size": V, "embedding_size": V, "output_layer": False},
            "tied=True needs an output layer",
        ),
        ({"forget_bias": 1.0}, "only an LSTM has a forget gate, got forget_bias for cell 'RNN'"),
        ({"forget_bias": 1.0, "cell": "GRU"}, "only an LSTM has a forget gate"),
        ({"forget_bias": float("nan"), "cell": "LSTM"}, "forget_bias must be finite, got nan"),
        ({"forget_bias": float("inf"), "cell": "LSTM"}, "forget_bias must be finite, got inf"),
        ({"seed": 2**64}, "seed must fit into 64 bits, got 18446744073709551616"),
        ({"seed": -(2**63) - 1}, "seed must fit into 64 bits"),
    ],
)
def test_invalid_options_are_refused_and_no_generator_changes(options, message):
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match=message):
        CharRNN(V, **{"hidden_size": H, "seed": 0, **options})
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("cell", "state", "error", "message"),
    [
        ("RNN", torch.zeros(1, 4), ValueError, r"\(L, B, H\) = \(1, 2, 4\), got \(1, 4\)"),
        ("GRU", torch.zeros(1, 3, 4), ValueError, r"\(1, 2, 4\), got \(1, 3, 4\)"),
        ("RNN", (torch.zeros(1, 2, 4),) * 2, TypeError, "must be a tensor, got tuple"),
        ("RNN", np.zeros((1, 2, 4)), TypeError, "must be a tensor, got ndarray"),
        ("LSTM", torch.zeros(1, 2, 4), TypeError, r"pair \(h, c\), got Tensor"),
        ("LSTM", torch.zeros(2, 2, 4), TypeError, r"pair \(h, c\), got Tensor"),
        ("LSTM", (torch.zeros(1, 2, 4),), TypeError, r"pair \(h, c\), got tuple"),
        ("RNN", torch.zeros(1, 2, 4).double(), TypeError, "state is torch.float64 and the model"),
    ],
)
def test_a_state_of_the_wrong_shape_or_type_is_refused(cell, state, error, message):
    model = CharRNN(vocab_size=3, hidden_size=4, cell=cell)
    with pytest.raises(error, match=message):
        model(torch.zeros(2, 5, dtype=torch.long), state)


# --- dropout, tied weights, forget bias -----------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_tied_weights_are_one_parameter(cell):
    model = CharRNN(V, H, cell=cell, embedding_size=H, tied=True, seed=0).double()
    free = CharRNN(V, H, cell=cell, embedding_size=H, seed=0)
    assert model.head.weight is model.embedding.weight
    assert len(list(free.parameters())) - len(list(model.parameters())) == 1
    assert torch.equal(model.embedding.weight.float(), free.embedding.weight)
    states, _ = model.states(some_ids())
    expected = states @ model.embedding.weight.T + model.head.bias
    torch.testing.assert_close(model(some_ids())[0], expected, rtol=0, atol=1e-14)


def test_tied_weights_stay_tied_after_loading_and_in_float64():
    options = {"embedding_size": H, "tied": True}
    model, loaded = CharRNN(V, H, **options, seed=0), CharRNN(V, H, **options, seed=1)
    loaded.load_state_dict(model.state_dict())
    for tied in (loaded, loaded.double()):
        with torch.no_grad():
            tied.embedding.weight.add_(1)
        assert torch.equal(tied.head.weight, tied.embedding.weight)


@pytest.mark.parametrize("value", [0.0, 1.0, -2.5])
def test_forget_bias_is_set_in_every_layer_and_nothing_else_changes(value):
    model = CharRNN(V, H, cell="LSTM", num_layers=2, forget_bias=value, seed=0)
    plain = CharRNN(V, H, cell="LSTM", num_layers=2, seed=0)
    for name, part in model.state_dict().items():
        expected = plain.state_dict()[name].clone()
        if "bias_ih" in name:
            expected[H : 2 * H] = value
        if "bias_hh" in name:
            expected[H : 2 * H] = 0
        assert torch.equal(part, expected), name
    for layer in range(2):
        bias_sum = getattr(model.rnn, f"bias_ih_l{layer}") + getattr(model.rnn, f"bias_hh_l{layer}")
        assert bias_sum[H : 2 * H].tolist() == [value] * H


def test_dropout_acts_only_in_training_mode_and_not_on_the_state():
    model = CharRNN(V, 64, num_layers=2, dropout=0.5, seed=0)
    plain = CharRNN(V, 64, num_layers=2, seed=0)
    assert torch.equal(model.eval()(some_ids())[0], plain(some_ids())[0])
    model.train()
    assert not torch.equal(model(some_ids())[0], model(some_ids())[0])
    single, plain = CharRNN(V, H, dropout=0.9, seed=0), CharRNN(V, H, seed=0)
    assert torch.equal(single(some_ids())[1], plain(some_ids())[1])


def test_dropout_acts_before_the_output_layer_and_between_layers():
    dropped = []
    model = CharRNN(V, 64, num_layers=2, dropout=0.25, seed=0)
    model.dropout.register_forward_hook(lambda _, args, out: dropped.append((args[0], out)))
    model(some_ids(B=20, T=20))
    ((before, after),) = dropped
    share = (after == 0).float().mean().item()
    assert share == pytest.approx(0.25, abs=0.02)
    survivors = after != 0
    torch.testing.assert_close(after[survivors], before[survivors] / 0.75)
    # The states themselves differ from call to call, so dropout also acts between layers.
    assert not torch.equal(model.states(some_ids())[0], model.states(some_ids())[0])
    single = CharRNN(V, 64, dropout=0.25, seed=0)  # torch must not warn
    assert torch.equal(single.states(some_ids())[0], single.states(some_ids())[0])
    assert not torch.equal(single(some_ids())[0], single(some_ids())[0])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cell": "LSTM", "num_layers": 2, "dropout": 0.2, "forget_bias": 1.0, "seed": 4},
        {"cell": "GRU", "embedding_size": H, "tied": True, "seed": 7},
        {"hidden_size": V, "output_layer": False, "seed": 1},
    ],
    ids=str,
)
def test_options_rebuild_the_model(options):
    model = CharRNN(V, **{"hidden_size": H, **options})
    twin = CharRNN(**model.options)
    assert twin.options == model.options
    assert list(twin.state_dict()) == list(model.state_dict())
    assert str(twin) == str(model)
    if "seed" in options:
        assert all(map(torch.equal, twin.parameters(), model.parameters()))
    twin.load_state_dict(model.state_dict())
