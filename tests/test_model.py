"""CharRNN against the modules of torch that it is made of."""

import pytest
import torch
from torch import nn

from charseq import CharRNN

CELLS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
V, H = 6, 4


def some_ids(B=3, T=7, dtype=torch.int64):
    return torch.randint(0, V, (B, T), generator=torch.Generator().manual_seed(1)).to(dtype)


def composed(ids, cell, num_layers, embedding_size, output_layer, hidden_size, seed):
    """Compute what the model computes, from torch's modules in the order in which they draw."""
    torch.manual_seed(seed)
    embedding = nn.Embedding(V, embedding_size) if embedding_size else None
    rnn = CELLS[cell](embedding_size or V, hidden_size, num_layers, batch_first=True)
    vectors = embedding(ids) if embedding else torch.eye(V)[ids]
    head = nn.Linear(hidden_size, V) if output_layer else nn.Identity()
    states, last = rnn(vectors)
    return head(states), last


def equal(one, other):
    if isinstance(one, tuple):
        return all(map(torch.equal, one, other))
    return torch.equal(one, other)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("embedding_size", [None, 1, 5])
@pytest.mark.parametrize("output_layer", [True, False])
def test_model_equals_modules_composed_by_hand(cell, num_layers, embedding_size, output_layer):
    options = {
        "cell": cell,
        "num_layers": num_layers,
        "embedding_size": embedding_size,
        "output_layer": output_layer,
        "seed": 3,
    }
    hidden_size = H if output_layer else V
    logits, state = CharRNN(V, hidden_size, **options)(some_ids())
    expected, last = composed(some_ids(), hidden_size=hidden_size, **options)
    assert torch.equal(logits, expected)
    assert equal(state, last)
    assert logits.shape == (3, 7, V)
    for part in state if cell == "LSTM" else (state,):
        assert part.shape == (num_layers, 3, hidden_size)


@pytest.mark.parametrize("cell", CELLS)
def test_logits_are_made_from_the_states(cell):
    model = CharRNN(V, H, cell=cell, seed=0)
    _, state = model(some_ids())
    states, last = model.states(some_ids(), state)
    logits, end = model(some_ids(), state)
    assert states.shape == (3, 7, H)
    assert torch.equal(model.head(states), logits)
    assert equal(last, end)
    plain = CharRNN(V, V, cell=cell, output_layer=False)
    assert torch.equal(plain.states(some_ids())[0], plain(some_ids())[0])


def test_defaults_are_a_plain_rnn_of_one_layer_with_an_output_layer():
    model = CharRNN(V, H)
    assert type(model.rnn) is nn.RNN
    assert model.rnn.num_layers == 1
    assert model.rnn.batch_first
    assert model.rnn.input_size == model.vocab_size == V
    assert model.embedding is None
    assert model.head.weight.shape == (V, H)


def test_parts_are_named_as_documented():
    model = CharRNN(V, H, cell="GRU", embedding_size=2)
    assert model.embedding.weight.shape == (V, 2)
    assert type(model.rnn) is nn.GRU
    assert CharRNN(V, V, output_layer=False).head is None


# --- seeds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_seed_draws_what_manual_seed_draws_and_leaves_the_generator_alone(seed):
    torch.manual_seed(seed)
    expected = CharRNN(V, H, embedding_size=3).state_dict()
    torch.manual_seed(123)
    before = torch.get_rng_state()
    found = CharRNN(V, H, embedding_size=3, seed=seed).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_without_a_seed_weights_come_from_torchs_own_generator():
    before = torch.get_rng_state()
    one, other = CharRNN(V, H), CharRNN(V, H)
    assert not torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(one.rnn.weight_hh_l0, other.rnn.weight_hh_l0)


def test_seed_is_let_go_of_when_construction_fails():
    before = torch.get_rng_state()
    with pytest.raises((RuntimeError, OverflowError, ValueError)):
        CharRNN(V, H, seed=2**80)
    assert torch.equal(torch.get_rng_state(), before)


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


def test_state_starts_as_zeros():
    model = CharRNN(V, H, seed=0)
    assert torch.equal(model(some_ids())[0], model(some_ids(), torch.zeros(1, 3, H))[0])


# --- precision and ids ----------------------------------------------------------------------------


@pytest.mark.parametrize("embedding_size", [None, 3])
def test_double_computes_in_float64_from_the_same_weights(embedding_size):
    single = CharRNN(V, H, embedding_size=embedding_size, seed=0)
    double = CharRNN(V, H, embedding_size=embedding_size, seed=0).double()
    logits, state = double(some_ids())
    assert logits.dtype == state.dtype == torch.float64
    assert single(some_ids())[0].dtype == torch.float32
    torch.testing.assert_close(single(some_ids())[0].double(), logits, rtol=0, atol=1e-6)
    assert torch.equal(single.rnn.weight_hh_l0.double(), double.rnn.weight_hh_l0)


@pytest.mark.parametrize("embedding_size", [None, 3])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.uint16])
def test_ids_may_be_any_integers(embedding_size, dtype):
    model = CharRNN(V, H, embedding_size=embedding_size, seed=0)
    assert torch.equal(model(some_ids(dtype=dtype))[0], model(some_ids())[0])


def test_every_id_of_the_vocabulary_may_be_read():
    logits, _ = CharRNN(V, H)(torch.arange(V)[None])
    assert logits.shape == (1, V, V)


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        (torch.zeros(2, 3), TypeError, r"ids must be integers, got torch.float32; one-hot"),
        (torch.zeros(2, 3, V), TypeError, "one-hot vectors are made here"),
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
def test_ids_that_cannot_be_read_are_refused(ids, error, message, embedding_size):
    with pytest.raises(error, match=message):
        CharRNN(V, H, embedding_size=embedding_size)(ids)


# --- options --------------------------------------------------------------------------------------

SIZES = ("vocab_size", "hidden_size", "num_layers", "embedding_size")


@pytest.mark.parametrize("name", SIZES)
def test_sizes_are_integers_of_at_least_one(name):
    sizes = {"vocab_size": V, "hidden_size": H}
    CharRNN(**{**sizes, name: 1})
    for value in (0, -3):
        with pytest.raises(ValueError, match=f"^{name} must be at least 1, got {value}"):
            CharRNN(**{**sizes, name: value})
    for value in (2.0, "2", True):
        with pytest.raises(TypeError, match=f"^{name} must be an integer, got {value!r}"):
            CharRNN(**{**sizes, name: value})


@pytest.mark.parametrize("cell", ["rnn", "CNN", "", None])
def test_unknown_cell_is_refused_and_the_known_ones_named(cell):
    with pytest.raises(ValueError, match=f"one of RNN, GRU, LSTM, got {cell!r}"):
        CharRNN(V, H, cell=cell)


def test_without_an_output_layer_hidden_size_must_be_the_vocabularys():
    with pytest.raises(ValueError, match="hidden_size must equal vocab_size: got 4 and 6"):
        CharRNN(V, H, output_layer=False)
