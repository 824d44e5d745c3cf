"""Sampling without torch against torch, filters against closed forms, draws against statistics."""

import math
from itertools import islice, pairwise

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from charseq import CharRNN, Corpus, NGram, NumpyNet, Vocabulary, generate, sampling
from charseq.sampling import Draw, generate_pieces, probabilities, sampling_steps

VOCAB = Vocabulary("\n abcdefg")
V, H = len(VOCAB), 6


def model_of(seed=0, **options):
    return CharRNN(V, **{"hidden_size": H, **options}, seed=seed)


def net_with_logits(logits):
    """Make a network that gives these logits after every text."""
    model = CharRNN(len(logits), 1, seed=0).double()
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.tensor(logits))
    return NumpyNet.from_model(model)


def rng(seed=0):
    return np.random.default_rng(seed)


# --- probabilities --------------------------------------------------------------------------------

LOGITS = np.log([0.4, 0.3, 0.2, 0.1])


@pytest.mark.parametrize("temperature", [0.25, 0.5, 1, 2, 8])
def test_temperature_raises_probabilities_to_the_power_of_its_inverse(temperature):
    powers = np.array([0.4, 0.3, 0.2, 0.1]) ** (1 / temperature)
    actual = probabilities(LOGITS, temperature=temperature)
    np.testing.assert_allclose(actual, powers / powers.sum(), rtol=1e-12)


def test_probabilities_are_softmax_by_default():
    logits = rng().normal(size=(3, 5, V)) * 4
    expected = torch.softmax(torch.from_numpy(logits), dim=-1).numpy()
    np.testing.assert_allclose(probabilities(logits), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        *(({"top_k": k}, count) for k, count in ((1, 1), (2, 2), (4, 4), (99, 4))),
        *(({"top_p": p}, count) for p, count in ((1e-300, 1), (0.39, 1), (0.41, 2), (0.69, 2))),
        *(({"top_p": p}, count) for p, count in ((0.71, 3), (0.89, 3), (0.91, 4), (1.0, 4))),
    ],
)
def test_filters_keep_the_k_likeliest_or_the_fewest_characters_that_reach_p(options, count):
    p = np.array([0.4, 0.3, 0.2, 0.1])
    expected = np.where(np.arange(4) < count, p, 0) / p[:count].sum()
    for order in ([0, 1, 2, 3], [2, 0, 3, 1]):
        actual = probabilities(LOGITS[order], **options)
        np.testing.assert_allclose(actual, expected[order], rtol=1e-12)


def test_top_p_keeps_no_more_characters_if_reached_exactly():
    assert (probabilities(np.log([0.5, 0.25, 0.25]), top_p=0.5) > 0).sum() == 1


def test_temperature_acts_before_both_filters_and_a_character_must_pass_both():
    # The probabilities are 16, 9, 4 and 1 of 30 at temperature 1/2, and 4, 3, 2 and 1 of 10 at 1.
    for options, expected in (
        ({"temperature": 0.5, "top_p": 0.5}, [1, 0, 0, 0]),  # 16 / 30 reach 0.5, 4 / 10 do not
        # Three of all four are needed to reach 0.75. So top_p keeps the two that top_k keeps.
        ({"top_k": 2, "top_p": 0.75}, [4 / 7, 3 / 7, 0, 0]),
        # Of all four, one is enough to reach 0.399. So one is enough if top_k keeps three.
        ({"top_k": 3, "top_p": 0.399}, [1, 0, 0, 0]),
        # top_p is a share of all four: 4 and 3 are 0.7 of them, so three are needed to reach 0.75.
        # Of the three that top_k keeps, 4 and 3 are 7 / 9, and two would be enough.
        ({"top_k": 3, "top_p": 0.75}, np.array([4, 3, 2, 0]) / 9),
    ):
        np.testing.assert_allclose(probabilities(LOGITS, **options), expected, rtol=1e-12)


def test_ties_keep_the_lowest_ids():
    assert probabilities(np.zeros(4), top_k=2).tolist() == [0.5, 0.5, 0, 0]
    assert probabilities(np.zeros(4), temperature=0).tolist() == [1, 0, 0, 0]


@example([-1e-67, 0.0], 1.0, None, 0.5)  # equal after rounding, but the second is the larger
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
    assert p.shape == (len(logits),)
    assert p.min() >= 0
    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert p[np.argmax(logits)] == p.max() > 0
    assert (np.diff(p[np.argsort(-np.array(logits), kind="stable")]) <= 1e-12).all()
    if top_k is not None:
        assert (p > 0).sum() <= top_k


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=8, unique=True))
def test_at_temperature_zero_the_likeliest_character_has_probability_one(logits):
    greedy = probabilities(np.array(logits), temperature=0)
    assert greedy.tolist() == [float(value == max(logits)) for value in logits]
    for temperature in (0.02, 1e-4, 1e-30, 5e-324):
        actual = probabilities(np.array(logits), temperature=temperature)
        np.testing.assert_allclose(actual, greedy, rtol=0, atol=1e-15)


@pytest.mark.parametrize("temperature", [0, 1e-300, 1e-5, 1.0, 1e5])
def test_huge_logits_do_not_overflow(temperature):
    logits = np.array([1.7e308, -1.7e308, 0, 1.6e308, -np.inf])
    assert probabilities(logits, temperature=temperature).tolist() == [1, 0, 0, 0, 0]
    assert probabilities(logits, temperature=temperature, top_p=0.5)[0] == 1


def test_every_row_of_logits_is_filtered_separately_and_stays_as_it_is():
    logits = rng(3).normal(size=(4, 2, V))
    copy, options = logits.copy(), {"temperature": 0.7, "top_k": 4, "top_p": 0.6}
    filtered = probabilities(logits, **options)
    assert np.array_equal(logits, copy)
    assert filtered.shape == logits.shape
    for place in np.ndindex(4, 2):
        assert np.array_equal(filtered[place], probabilities(logits[place], **options))


OPTIONS = [
    *(
        ({"temperature": value}, f"temperature must be 0 or more and finite, got {value}")
        for value in (-0.1, math.nan, math.inf)
    ),
    *(({"top_k": value}, f"top_k must be at least 1, got {value}") for value in (0, -2)),
    *(
        (
            {"top_p": value},
            f"top_p must be above 0 and at most 1, got {value}; it is a share, and 0.9 is 90 %",
        )
        for value in (0.0, 1.01, math.nan)
    ),
]


@pytest.mark.parametrize("logits", [[1, math.nan], [math.inf, 1], [-math.inf, -math.inf]])
@pytest.mark.parametrize("temperature", [0, 1])
def test_probabilities_refuses_logits_without_a_finite_maximum(logits, temperature):
    with pytest.raises(ValueError, match="the largest logit is not a finite number"):
        probabilities(np.array([[0.0, 1.0], logits]), temperature=temperature)


# --- draws ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0.5}, {"top_k": 3}, {"top_p": 0.65}, {"temperature": 3}]
)
def test_frequencies_of_draws_agree_with_probabilities(options):
    logits = [0.0, 1.0, -1.0, 0.5, -3.0]
    net, vocab = net_with_logits(logits), Vocabulary("abcde")
    draws = islice(sampling_steps(net, vocab, "a", streams=50, rng=rng(7), **options), 200)
    counts = np.bincount(np.concatenate([draw.ids for draw in draws]), minlength=5)
    expected = probabilities(np.array(logits), **options)
    possible = expected > 0
    assert counts.sum() == 10_000
    assert counts[~possible].sum() == 0
    # With k possible characters, chi-square has k - 1 degrees of freedom, so at most 4. For 4, its
    # 99.9th percentile is 18.5.
    chi_square = ((counts - 10_000 * expected)[possible] ** 2 / (10_000 * expected[possible])).sum()
    assert chi_square < 18.5


def test_a_draw_holds_the_probabilities_it_was_drawn_from():
    model = model_of(cell="GRU").double()
    net = NumpyNet.from_model(model)
    steps = islice(sampling_steps(net, VOCAB, "ab", streams=3, rng=rng(), temperature=0.8), 6)
    read = np.tile(VOCAB.encode("ab"), (3, 1))
    for draw in steps:
        with torch.no_grad():
            logits = model(torch.from_numpy(read))[0][:, -1].numpy()
        expected = probabilities(logits, temperature=0.8)
        np.testing.assert_allclose(draw.probabilities, expected, rtol=0, atol=1e-10)
        assert (draw.probabilities[np.arange(3), draw.ids] > 0).all()
        read = np.concatenate([read, draw.ids[:, None]], axis=1)


@pytest.mark.parametrize("chars", ["\n abc", " abc", "cab"])
def test_without_a_prompt_the_network_first_reads_a_line_break_if_there_is_one(chars):
    net = NumpyNet.from_model(CharRNN(len(chars), H, cell="LSTM", seed=1))
    without, *after = (
        next(sampling_steps(net, Vocabulary(chars), prompt, rng=rng())).probabilities
        for prompt in (None, *chars)
    )
    assert [np.array_equal(without, p) for p in after] == [True] + [False] * (len(chars) - 1)


def test_draws_follow_the_probabilities_of_the_text_so_far():
    model = model_of(cell="LSTM", seed=3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(6)  # makes the next character depend on the ones before
    steps = islice(sampling_steps(NumpyNet.from_model(model), VOCAB, streams=40, rng=rng(1)), 300)
    drawn, expected, variance = np.zeros(V), np.zeros(V), np.zeros(V)
    for draw in steps:
        drawn += np.bincount(draw.ids, minlength=V)
        expected += draw.probabilities.sum(axis=0)
        variance += (draw.probabilities * (1 - draw.probabilities)).sum(axis=0)
    assert np.ptp(draw.probabilities, axis=0).max() > 0.25  # the texts differ
    assert (np.abs(drawn - expected) < 4 * np.sqrt(variance)).all()


def test_two_texts_are_drawn_independently():
    net, vocab = net_with_logits([0.0, 0.0]), Vocabulary("ab")
    first, second = generate(net, vocab, length=4000, streams=2, rng=rng())
    equal = sum(a == b for a, b in zip(first, second, strict=True))
    assert abs(equal - 2000) < 4 * math.sqrt(1000)
    changes = sum(a != b for a, b in pairwise(first))
    assert abs(changes - 2000) < 4 * math.sqrt(1000)


def test_draws_at_the_lowest_temperatures_are_the_likeliest_and_at_the_highest_uniform():
    vocab = Vocabulary("abc")
    for temperature in (0, 5e-324, 1e-300):
        net = net_with_logits([0.0, 1e-3, -5.0])
        assert generate(net, vocab, length=40, temperature=temperature) == ["b" * 40]
    net = net_with_logits([0.0, 1e3, -1e3])
    (text,) = generate(net, vocab, length=3000, temperature=1.7e308, rng=rng())
    assert all(900 < text.count(char) < 1100 for char in "abc")


@pytest.mark.parametrize("streams", [1, 3])
def test_a_draw_keeps_its_logits_after_the_next_draw(streams):
    net = NumpyNet.from_model(model_of(hidden_size=V, output_layer=False).double())
    draws = sampling_steps(net, VOCAB, streams=streams, rng=rng())
    first = next(draws)
    logits, _ = net.step([0] * streams, net.start(streams))
    next(draws)
    np.testing.assert_allclose(first.logits, logits, rtol=0, atol=1e-14)
    assert isinstance(first, Draw)
    assert first.ids.shape == (streams,)
    assert first.probabilities.shape == (streams, V)


def broken_net(at="b"):
    """Make a network that writes abcabc... and whose logits are NaN once it has read `at`."""
    vocab = Vocabulary("abc")
    model = CharRNN(3, 3, seed=0).double()
    net = NumpyNet.from_model(model)
    for params in net.layers:
        for weight in params:
            weight[...] = 0
    net.layers[0].W_ih[:] = 9 * np.roll(np.eye(3), 1, axis=0)  # reading a turns on the unit of b
    net.layers[0].W_ih[0, vocab.encode(at)] = np.nan
    net.head[0][:], net.head[1][:] = 50 * np.eye(3), 0
    return net, vocab


@pytest.mark.parametrize("options", [{}, {"temperature": 0}, {"top_k": 2}])
@pytest.mark.parametrize("streams", [1, 3])
def test_nan_logits_are_an_error_unless_every_text_ends_before_them(options, streams):
    net, vocab = broken_net(at="c")
    message = "the largest logit is not a finite number"
    with pytest.raises(ValueError, match=message):
        generate(net, vocab, "a", length=9, streams=streams, **options)
    draws = sampling_steps(net, vocab, "a", streams=streams, **options)
    assert [vocab.decode(next(draws).ids) for _ in range(2)] == ["b" * streams, "c" * streams]
    with pytest.raises(ValueError, match=message):
        next(draws)
    # A text that ends before the NaN is returned: by its length, or by a stop string.
    assert generate(net, vocab, "a", length=2, streams=streams, **options) == ["bc"] * streams
    stopped = generate(net, vocab, "a", length=9, stop="c", streams=streams, **options)
    assert stopped == ["b"] * streams
    with pytest.raises(ValueError, match=message):  # NaN is drawn as a, which must not count
        generate(net, vocab, "a", length=9, stop="a", streams=streams, **options)


def test_generate_refuses_logits_without_a_finite_maximum_and_excludes_minus_infinity():
    for logits in ([0.0, math.inf], [0.0, math.nan], [-math.inf, -math.inf]):
        for temperature in (0, 1):
            with pytest.raises(ValueError, match="the largest logit is not a finite number"):
                generate(
                    net_with_logits(logits), Vocabulary("ab"), length=3, temperature=temperature
                )
    assert generate(net_with_logits([0.0, -math.inf]), Vocabulary("ab"), length=50) == ["a" * 50]


# --- texts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["RNN", "GRU", "LSTM"])
def test_greedy_text_matches_torch(cell):
    model = model_of(cell=cell, num_layers=2, seed=4).double()
    ids = VOCAB.encode("abc d").tolist()
    with torch.no_grad():
        for _ in range(30):
            ids.append(int(model(torch.tensor([ids]))[0][0, -1].argmax()))
    texts = generate(NumpyNet.from_model(model), VOCAB, "abc d", length=30, temperature=0)
    assert texts == [VOCAB.decode(ids[5:])]


def test_the_seed_determines_the_text():
    net = NumpyNet.from_model(model_of())
    texts = [generate(net, VOCAB, length=80, streams=3, rng=rng(seed)) for seed in (5, 5, 6)]
    assert texts[0] == texts[1] != texts[2]
    assert len(set(texts[0])) == 3
    assert [len(text) for text in texts[0]] == [80] * 3
    assert generate(net, VOCAB, length=80) != generate(net, VOCAB, length=80)


@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("options", [{}, {"stop": "ab"}, {"top_p": 0.9}])
def test_texts_do_not_depend_on_how_many_numbers_are_drawn_ahead_or_on_the_length(
    monkeypatch, streams, options
):
    net = NumpyNet.from_model(model_of(cell="GRU"))

    def write(length):
        generator = rng(4)
        texts = generate(net, VOCAB, length=length, streams=streams, rng=generator, **options)
        return texts, generator.random()

    whole = write(300)
    for numbers in (1, 100, 1000):
        monkeypatch.setattr(sampling, "NUMBERS", numbers)
        assert write(300) == whole
    texts, after = write(77)
    assert texts == [text[:77] for text in whole[0]]
    assert after == whole[1]


def test_sampling_steps_draws_the_same_characters_as_generate():
    net = NumpyNet.from_model(model_of(cell="LSTM"))
    texts = generate(net, VOCAB, "ab", length=60, streams=2, rng=rng(2), temperature=0.9)
    draws = sampling_steps(net, VOCAB, "ab", streams=2, rng=rng(2), temperature=0.9)
    ids = np.stack([draw.ids for draw in islice(draws, 60)], axis=1)
    assert texts == [VOCAB.decode(row) for row in ids]


@pytest.mark.parametrize("streams", [1, 3])
def test_a_filter_that_keeps_every_character_changes_nothing(streams):
    net = NumpyNet.from_model(model_of(cell="GRU"))
    options = {"length": 200, "streams": streams, "temperature": 1.3}
    plain = generate(net, VOCAB, **options, rng=rng(8))
    for filtered in ({"top_k": V}, {"top_p": 1.0}):
        assert generate(net, VOCAB, **options, **filtered, rng=rng(8)) == plain
    assert generate(net, VOCAB, **options, top_k=2, rng=rng(8)) != plain


def generate_without_stop(net, vocab, length, streams=1, seed=0):
    return generate(net, vocab, "a", length=length, streams=streams, rng=rng(seed))


def test_generation_ends_when_every_text_has_ended():
    net = net_with_logits([0.0, 50.0])
    endless = {"length": 10**12, "stop": "b", "streams": 4}
    assert generate(net, Vocabulary("ab"), "a", **endless) == [""] * 4


@pytest.mark.parametrize(
    "stop",
    [(), "cab", ["ab"], ["abc", "dd"], ["a", "cab"], ["zz"], ["abc", "bc"], ["bc", "abc"]],
)
@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 400])
def test_a_text_ends_before_its_first_stop_string_and_pieces_join_to_it(stop, length):
    net, vocab = net_with_logits([0.0] * 4), Vocabulary("abcd")
    options = {"length": length, "stop": stop, "streams": 50}
    pieces = list(generate_pieces(net, vocab, "a", **options, rng=rng()))
    texts = generate(net, vocab, "a", **options, rng=rng())
    assert ["".join(parts) for parts in zip(*pieces, strict=True)] == texts[: 50 * bool(pieces)]
    whole = generate_without_stop(net, vocab, length, streams=50)
    assert texts == [cut_by_hand(text, [stop] if isinstance(stop, str) else stop) for text in whole]


def cut_by_hand(text, stop):
    """Cut a text before the stop string that ends first, and of those the longest."""
    ends = [(text.find(s) + len(s), -len(s), text.find(s)) for s in stop if s in text]
    return text[: min(ends)[2]] if ends else text


@pytest.mark.parametrize("stop", [(), "zz"])
def test_pieces_of_an_endless_text_come_before_it_ends(stop):
    net, vocab = net_with_logits([0.0] * 4), Vocabulary("abcd")
    pieces = generate_pieces(net, vocab, "a", length=10**12, stop=stop, rng=rng())
    first = [next(pieces)[0] for _ in range(4)]
    assert all(first)
    assert generate_without_stop(net, vocab, 4 * 256)[0].startswith("".join(first))


def test_the_prompt_may_hold_a_stop_string():
    net = net_with_logits([50.0, 0.0])
    assert generate(net, Vocabulary("ab"), "bb", length=3, stop="b") == ["aaa"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        *OPTIONS,
        ({"prompt": ""}, "the prompt is empty"),
        ({"prompt": "a!"}, r"character '!' \(U\+0021\) at position 1"),
        ({"vocab": Vocabulary("ab")}, f"the vocabulary has 2 characters and the net {V}"),
        ({"streams": 0}, "streams must be at least 1, got 0"),
        ({"length": -1}, "length must not be negative, got -1"),
        ({"stop": ["a", ""]}, "a stop string is empty"),
        ({"stop": ""}, "a stop string is empty"),
    ],
)
def test_invalid_arguments_are_refused_at_the_call(changed, message):
    arguments = {"net": NumpyNet.from_model(model_of()), "vocab": VOCAB, **changed}
    with pytest.raises(ValueError, match=message):
        generate(**arguments)
    if not {"length", "stop"} & changed.keys():
        with pytest.raises(ValueError, match=message):
            sampling_steps(**arguments)  # at the call, before the first draw
    if {"temperature", "top_k", "top_p"} & changed.keys():
        with pytest.raises(ValueError, match=f"^{message}$"):
            probabilities(LOGITS, **changed)


# --- every model of the package -------------------------------------------------------------------


@pytest.fixture(scope="module")
def ngram():
    """Return a table of counts of texts with the characters of VOCAB, and none of them alike."""
    text = "".join(rng().choice(list(VOCAB.chars), size=3000, p=[0.2, *[0.1] * 8]))
    return NGram(3, Corpus.from_text(text, VOCAB))


@pytest.mark.parametrize("streams", [1, 4])
@pytest.mark.parametrize("prompt", ["a", "cab", "fedcba"])
def test_an_ngram_draws_from_its_table(ngram, prompt, streams):
    written = [VOCAB.encode(prompt).tolist() for _ in range(streams)]
    for draw in islice(sampling_steps(ngram, VOCAB, prompt, streams=streams, rng=rng()), 40):
        expected = [ngram.probabilities(ids) for ids in written]
        # The logarithm, the exponential and the sum round once for each character.
        np.testing.assert_allclose(draw.probabilities, expected, rtol=1e-13)
        for ids, drawn in zip(written, draw.ids.tolist(), strict=True):
            ids.append(drawn)


def test_the_texts_of_an_ngram_have_the_frequencies_of_its_table(ngram):
    texts = generate(ngram, VOCAB, "a", length=1, streams=20_000, rng=rng())
    counts = np.array([texts.count(char) for char in VOCAB.chars])
    expected = 20_000 * ngram.probabilities(VOCAB.encode("a"))
    chi_squared = ((counts - expected) ** 2 / expected).sum()
    assert chi_squared < 30  # of 8 degrees of freedom; by chance larger once in 5,000 seeds


def test_an_ngram_takes_the_options_that_networks_take(ngram):
    after = {ids: int(ngram.probabilities(ids).argmax()) for ids in ((2, 3), (3, 2))}
    (likeliest,) = generate(ngram, VOCAB, "ab", length=1, temperature=0)
    assert likeliest == VOCAB.decode([after[2, 3]])
    assert generate(ngram, VOCAB, "ab", length=9, top_k=1) == generate(
        ngram, VOCAB, "ab", length=9, top_p=1e-9
    )
    one, other = (generate(ngram, VOCAB, ["ab", "ba"], streams=3, rng=rng(5)) for _ in range(2))
    assert one == other
    assert len(set(one)) == 6
    assert [len(text) for text in one] == [200] * 6
    stopped = generate(ngram, VOCAB, ["ab", "ba"], streams=3, stop=("c",), rng=rng(5))
    assert stopped == [text.split("c")[0] for text in one]


def test_an_ngram_writes_the_same_text_in_blocks_of_any_size(ngram):
    options = {"prompt": "a", "streams": 2, "length": 300}
    texts = generate(ngram, VOCAB, **options, rng=rng())
    draws = islice(sampling_steps(ngram, VOCAB, "a", streams=2, rng=rng()), 300)
    ids = np.array([draw.ids for draw in draws])
    assert [VOCAB.decode(of_one) for of_one in ids.T] == texts


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_torch_model_writes_what_its_copy_in_numpy_writes(dtype):
    model = model_of(cell="GRU").to(dtype)
    texts = [generate(net, VOCAB, rng=rng()) for net in (model, NumpyNet.from_model(model))]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("model", [None, "austen", VOCAB, torch.nn.Linear(2, 2), object()])
def test_what_cannot_write_is_refused(model):
    name = type(model).__name__
    with pytest.raises(
        TypeError, match=f"expected a NumpyNet, a CharRNN or an NGram, got {name}; load_net"
    ):
        generate(model, VOCAB)
