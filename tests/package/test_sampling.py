"""Sampling without torch against torch, filters against closed forms, draws against statistics."""

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from charseq import CharRNN, Corpus, NGram, NumpyNet, Vocabulary, generate, sampling
from charseq.sampling import generate_pieces, probabilities

VOCAB = Vocabulary("\n abcdefg")
V, H = len(VOCAB), 6
INFINITE = "the largest logit is not a finite number"


def net_of(cell="GRU", **options):
    """Make a network whose next character depends on those before."""
    model = CharRNN(V, H, cell=cell, seed=3, **options).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)
    return NumpyNet.from_model(model)


def net_with_logits(logits):
    """Make a network that gives these logits after every text."""
    net = NumpyNet.from_model(CharRNN(len(logits), 1, seed=0).double())
    net.head[0][...], net.head[1][...] = 0, logits
    return net


def rng(seed=0):
    return np.random.default_rng(seed)


# --- probabilities --------------------------------------------------------------------------------

SHARES = np.array([0.4, 0.3, 0.2, 0.1])


@pytest.mark.parametrize("temperature", [0.25, 1, 8])
def test_temperature_raises_probabilities_to_the_power_of_its_inverse(temperature):
    powers = SHARES ** (1 / temperature)
    found = probabilities(np.log(SHARES), temperature=temperature)
    np.testing.assert_allclose(found, powers / powers.sum(), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ({"top_k": 1}, [1, 0, 0, 0]),
        ({"top_k": 2}, [4, 3, 0, 0]),
        ({"top_k": 99}, [4, 3, 2, 1]),
        ({"top_p": 1e-300}, [1, 0, 0, 0]),
        ({"top_p": 0.39}, [1, 0, 0, 0]),
        ({"top_p": 0.41}, [4, 3, 0, 0]),
        ({"top_p": 0.89}, [4, 3, 2, 0]),
        ({"top_p": 1.0}, [4, 3, 2, 1]),
        ({"temperature": 0.5, "top_p": 0.5}, [1, 0, 0, 0]),  # 16 / 30 reach it, 4 / 10 do not
        # Both filters look at all four: three are needed to reach 0.75, and one for 0.399.
        ({"top_k": 2, "top_p": 0.75}, [4, 3, 0, 0]),
        ({"top_k": 3, "top_p": 0.75}, [4, 3, 2, 0]),
        ({"top_k": 3, "top_p": 0.399}, [1, 0, 0, 0]),
    ],
)
def test_filters_keep_the_k_likeliest_or_the_fewest_characters_that_reach_p(options, weights):
    expected = np.array(weights) / sum(weights)
    logits = np.log([SHARES, SHARES[::-1], SHARES[[2, 0, 3, 1]]])
    before = logits.copy()
    found = probabilities(logits, **options)
    for row, order in zip(found, ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]), strict=True):
        np.testing.assert_allclose(row, expected[order], rtol=1e-12)
    np.testing.assert_array_equal(logits, before)


def test_ties_keep_the_lowest_ids_and_p_that_is_reached_exactly_is_enough():
    assert probabilities(np.zeros(4), top_k=2).tolist() == [0.5, 0.5, 0, 0]
    assert probabilities(np.zeros(4), temperature=0).tolist() == [1, 0, 0, 0]
    assert (probabilities(np.log([0.5, 0.25, 0.25]), top_p=0.5) > 0).sum() == 1


@example([-1e-67, 0.0], 1.0, None, 0.5)  # equal after rounding, but the second is the larger
@example([1.7e308, -1.7e308, 0.0], 1e-300, None, 0.5)
@given(
    logits=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=12),
    temperature=st.floats(0, 100),
    top_k=st.none() | st.integers(1, 15),
    top_p=st.none() | st.floats(0, 1, exclude_min=True),
)
def test_probabilities_sum_to_one_and_keep_the_order_of_the_logits(
    logits, temperature, top_k, top_p
):
    p = probabilities(np.array(logits), temperature=temperature, top_k=top_k, top_p=top_p)
    assert p.min() >= 0
    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert p[np.argmax(logits)] == p.max() > 0
    assert (np.diff(p[np.argsort(-np.array(logits), kind="stable")]) <= 1e-12).all()
    if top_k is not None:
        assert (p > 0).sum() <= top_k


# --- draws ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"temperature": 0.5}, {"top_k": 3}, {"top_p": 0.65}])
def test_frequencies_of_draws_agree_with_probabilities(options):
    logits = [0.0, 1.0, -1.0, 0.5, -3.0]
    net, vocab = net_with_logits(logits), Vocabulary("abcde")
    (text,) = generate(net, vocab, "a", length=10_000, rng=rng(7), **options)
    counts = np.bincount(vocab.encode(text), minlength=5)
    expected = 10_000 * probabilities(np.array(logits), **options)
    possible = expected > 0
    assert counts[~possible].sum() == 0
    # With k possible characters, chi-square has k - 1 degrees of freedom, so at most 4. For 4, its
    # 99.9th percentile is 18.5.
    assert ((counts - expected)[possible] ** 2 / expected[possible]).sum() < 18.5


@pytest.fixture(scope="module")
def ngram():
    """Return a table of counts of texts with the characters of VOCAB, and none of them alike."""
    text = "".join(rng().choice(list(VOCAB.chars), size=3000, p=[0.2, *[0.1] * 8]))
    return NGram(3, Corpus.from_text(text, VOCAB))


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM", "table"])
def test_each_character_is_drawn_with_its_probability_after_the_text_so_far(kind, ngram):
    net = ngram if kind == "table" else net_of(kind)
    options = {"temperature": 0.8, "top_k": 7}
    texts = generate(net, VOCAB, "ab", length=60, streams=40, rng=rng(), **options)
    drawn, expected, variance = np.zeros((3, V))
    for text in texts:
        ids = VOCAB.encode("ab" + text)
        rows = [net.probabilities(ids[:t]) for t in range(2, 62)] if kind == "table" else None
        logits = np.log(rows) if rows else net.read(ids)[0][1:-1]
        p = probabilities(logits, **options)
        assert (p[np.arange(60), ids[2:]] > 0).all()
        drawn += np.bincount(ids[2:], minlength=V)
        expected += p.sum(axis=0)
        variance += (p * (1 - p)).sum(axis=0)
    assert np.ptp(p, axis=0).max() > 0.1  # what was read before matters
    assert (np.abs(drawn - expected) <= 4 * np.sqrt(variance)).all()


def echo(V):
    """Make a network that writes what it has read last."""
    net = NumpyNet.from_model(CharRNN(V, V, seed=0).double())
    for weight in net.layers[0]:
        weight[...] = 0
    net.layers[0].W_ih[:] = 9 * np.eye(V)
    net.head[0][:], net.head[1][:] = 50 * np.eye(V), 0
    return net


@pytest.mark.parametrize(("chars", "read"), [("ab \nc", "\n"), ("ab c", " "), ("cab", "c")])
def test_without_a_prompt_a_text_begins_after_a_line_break_or_a_space_if_there_is_one(chars, read):
    assert generate(echo(len(chars)), Vocabulary(chars), length=3, temperature=0) == [3 * read]


@pytest.mark.parametrize("cell", ["RNN", "GRU", "LSTM"])
def test_greedy_text_matches_torch_whose_model_goes_on_in_training_mode(cell):
    model = CharRNN(V, H, cell=cell, num_layers=2, dropout=0.5, seed=4).double().eval()
    ids = VOCAB.encode("abc d").tolist()
    with torch.no_grad():
        for _ in range(30):
            ids.append(int(model(torch.tensor([ids]))[0][0, -1].argmax()))
    for net in (model.train(), NumpyNet.from_model(model)):
        assert generate(net, VOCAB, "abc d", length=30, temperature=0) == [VOCAB.decode(ids[5:])]
    assert model.training


# --- texts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"stop": "ab"}, {"top_p": 0.9, "streams": 3}])
def test_a_seed_determines_the_text_whatever_is_drawn_ahead(monkeypatch, options, ngram):
    for net in (net_of(), ngram):

        def write(length=200, seed=4, net=net):
            generator = rng(seed)
            texts = generate(net, VOCAB, length=length, rng=generator, **options)
            return texts, generator.random()

        whole = write()
        assert write(seed=5)[0] != whole[0]
        assert len(set(whole[0])) == options.get("streams", 1)
        for numbers in (1, 100, 1000):
            monkeypatch.setattr(sampling, "NUMBERS", numbers)
            assert write() == whole
        texts, after = write(77)
        assert texts == [text[:77] for text in whole[0]]
        assert after == whole[1]
    ((one,), (other,)) = (generate(net, VOCAB) for _ in range(2))
    assert one != other
    assert len(one) == len(other) == 200


def cut_by_hand(text, stop):
    """Cut a text before the stop string that ends first, and of those the longest."""
    ends = [(text.find(s) + len(s), -len(s), text.find(s)) for s in stop if s in text]
    return text[: min(ends)[2]] if ends else text


@pytest.mark.parametrize(
    "stop", [(), "cab", ["ab"], ["abc", "dd"], ["zz"], ["bc", "abc"], ["abcd", "bc"]]
)
@pytest.mark.parametrize("length", [0, 1, 33, 400])
def test_a_text_ends_before_its_first_stop_string_and_pieces_join_to_it(stop, length):
    net, vocab = net_with_logits([0.0] * 4), Vocabulary("abcd")
    options = {"length": length, "streams": 50}
    pieces = list(generate_pieces(net, vocab, "a", **options, stop=stop, rng=rng()))
    texts = generate(net, vocab, "a", **options, stop=stop, rng=rng())
    assert ["".join(parts) for parts in zip(*pieces, strict=True)] == texts[: 50 * bool(pieces)]
    whole = generate(net, vocab, "a", **options, rng=rng())
    assert texts == [cut_by_hand(text, [stop] if isinstance(stop, str) else stop) for text in whole]


def test_pieces_of_an_endless_text_come_before_it_ends_and_it_ends_with_its_last_text():
    net, vocab = net_with_logits([0.0] * 4), Vocabulary("abcd")
    for stop in ((), "zz"):
        pieces = generate_pieces(net, vocab, "a", length=10**12, stop=stop, rng=rng())
        assert all(next(pieces)[0] for _ in range(4))
    b = net_with_logits([0.0, 50.0])
    assert generate(b, Vocabulary("ab"), "ab", length=10**12, stop="b", streams=4) == [""] * 4


def test_several_prompts_are_continued_one_after_the_other(ngram):
    texts = generate(ngram, VOCAB, ["ab", "ba"], streams=2, length=9, rng=rng(5))
    generator = rng(5)
    one_by_one = [
        generate(ngram, VOCAB, p, streams=2, length=9, rng=generator) for p in ("ab", "ba")
    ]
    assert texts == [*one_by_one[0], *one_by_one[1]]


def broken_net():
    """Make a network that writes abcabc... and whose logits are NaN once it has read c."""
    net = echo(3)
    net.layers[0].W_ih[:] = np.roll(net.layers[0].W_ih, 1, axis=0)  # reading a turns on b's unit
    net.layers[0].W_ih[0, 2] = np.nan
    return net, Vocabulary("abc")


def until_error(pieces):
    with pytest.raises(ValueError, match=INFINITE):
        yield from pieces


@pytest.mark.parametrize("options", [{}, {"temperature": 0}, {"top_k": 2}])
@pytest.mark.parametrize("streams", [1, 3])
def test_nan_logits_are_an_error_unless_every_text_ends_before_them(options, streams):
    net, vocab = broken_net()
    options |= {"streams": streams}
    for stop in ((), "a"):  # NaN would be drawn as a, which must not count
        with pytest.raises(ValueError, match=INFINITE):
            generate(net, vocab, "a", length=9, stop=stop, **options)
    pieces = until_error(generate_pieces(net, vocab, "a", length=9, **options))
    assert ["".join(parts) for parts in zip(*pieces, strict=True)] == ["bc"] * streams
    assert generate(net, vocab, "a", length=2, **options) == ["bc"] * streams
    assert generate(net, vocab, "a", length=9, stop="c", **options) == ["b"] * streams


@pytest.mark.parametrize("logits", [[0, math.nan], [math.inf, 1], [-math.inf, -math.inf]])
def test_logits_without_a_finite_maximum_are_refused_and_minus_infinity_is_not(logits):
    for temperature in (0, 1):
        with pytest.raises(ValueError, match=INFINITE):
            probabilities(np.array([[0.0, 1.0], logits]), temperature=temperature)
        with pytest.raises(ValueError, match=INFINITE):
            generate(net_with_logits(logits), Vocabulary("ab"), length=3, temperature=temperature)
    assert generate(net_with_logits([0, -math.inf]), Vocabulary("ab"), length=50) == ["a" * 50]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"temperature": -0.1}, "temperature must be 0 or more and finite, got -0.1"),
        ({"top_k": 0}, "top_k must be at least 1, got 0"),
        ({"top_p": 90}, "got 90; it is a share, and 0.9 is 90 %"),
        ({"prompt": []}, "there is no prompt"),
        ({"prompt": "a!"}, r"character '!' \(U\+0021\) at position 1"),
        ({"vocab": Vocabulary("ab")}, f"the vocabulary has 2 characters and the net {V}"),
        ({"streams": 0}, "streams must be at least 1, got 0"),
        ({"length": -1}, "length must be at least 0, got -1"),
        ({"stop": ["a", ""]}, "a stop string is empty"),
        ({"net": torch.nn.Linear(2, 2)}, "a NumpyNet, a CharRNN or an NGram, got Linear; load_net"),
    ],
)
def test_invalid_arguments_are_refused_at_the_call(changed, message):
    arguments = {"net": net_of(), "vocab": VOCAB, **changed}
    with pytest.raises((TypeError, ValueError), match=message):
        generate(**arguments)
    if changed.get("prompt") != []:
        with pytest.raises((TypeError, ValueError), match=message):
            generate_pieces(**arguments)  # at the call, before the first draw
