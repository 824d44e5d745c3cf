"""The n-gram model against an implementation with dictionaries, and against closed forms."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charseq import Corpus, NGram, Vocabulary, load_text

small_texts = st.lists(st.integers(0, 3), min_size=6, max_size=60)


def corpus_of(ids, V=4):
    return Corpus(Vocabulary([chr(97 + i) for i in range(V)]), np.array(ids))


class DictionaryNGram:
    """Interpolated Kneser-Ney with three discounts, exactly as in Chen and Goodman, 1999."""

    def __init__(self, order, ids, V):
        self.order, self.V = order, V
        self.counts = {n: Counter() for n in range(1, order + 1)}
        for n in self.counts:
            strings = [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]
            if n == order:
                self.counts[n].update(strings)
            else:  # N1+(. string): how many distinct characters come before it
                before = defaultdict(set)
                for i in range(1, len(strings)):
                    before[strings[i]].add(ids[i - 1])
                self.counts[n].update({s: len(chars) for s, chars in before.items()})
        self.discounts = {n: self.estimate(c) for n, c in self.counts.items()}

    @staticmethod
    def estimate(counts):
        n = Counter(counts.values())
        n1, n2, n3, n4 = (n[i] + 1 for i in (1, 2, 3, 4))
        Y = n1 / (n1 + 2 * n2)
        D1, D2, D3 = 1 - 2 * Y * n2 / n1, 2 - 3 * Y * n3 / n2, 3 - 4 * Y * n4 / n3
        return {1: D1, 2: min(max(D1, D2), 1.5), 3: min(max(D1, D3), 2.0)}

    def probability(self, context, char):
        context = tuple(context)[max(0, len(context) - self.order + 1) :]
        n = len(context) + 1
        shorter = self.probability(context[1:], char) if context else 1 / self.V
        counts, D = self.counts[n], self.discounts[n]
        followers = [counts[(*context, c)] for c in range(self.V) if counts[(*context, c)]]
        if not followers:
            return shorter
        freed = sum(D[min(count, 3)] for count in followers)
        count = counts[(*context, char)]
        own = count - D[min(count, 3)] if count else 0
        return (own + freed * shorter) / sum(followers)

    def loss(self, ids):
        return -sum(math.log(self.probability(ids[:t], ids[t])) for t in range(len(ids))) / len(ids)


def test_ngram_matches_a_dictionary_implementation_on_real_text():
    corpus = Corpus.from_text(load_text("python-reference")[:6000])
    train, valid = corpus.split(valid=0.1)
    for order in (1, 3, 5):
        dictionary_ngram = DictionaryNGram(order, train.ids.tolist(), len(corpus.vocab))
        ngram = NGram(order, train)
        assert ngram.loss(valid.ids) == pytest.approx(
            dictionary_ngram.loss(valid.ids.tolist()), rel=1e-12
        )


@given(
    ids=small_texts,
    text=st.lists(st.integers(0, 6), min_size=1, max_size=30),
    order=st.integers(1, 6),
)
def test_ngram_matches_a_dictionary_implementation(ids, text, order):
    ngram, dictionary_ngram = NGram(order, corpus_of(ids, V=7)), DictionaryNGram(order, ids, 7)
    loss = dictionary_ngram.loss(text)
    assert ngram.loss(text) == pytest.approx(loss, rel=1e-12)
    assert ngram.bits_per_character(text) == pytest.approx(loss / math.log(2), rel=1e-12)
    for length in range(len(text) + 1):
        p = ngram.probabilities(text[:length])
        expected = [dictionary_ngram.probability(text[:length], char) for char in range(7)]
        np.testing.assert_allclose(p, expected, rtol=1e-12)
        assert p.sum() == pytest.approx(1, abs=1e-14)


# --- closed forms ---------------------------------------------------------------------------------


def test_unigram_matches_a_calculation_by_hand():
    # The text has a 3 times, b twice, c once and d never. So one string was seen once, one twice
    # and one three times. With one added to each of these numbers, n = (2, 2, 2, 1) and Y = 2 / 6.
    # So D1 = 1/3, D2 = 1, and D3 = 3 - 2/3, which is cut to 2. The discounts free
    # (1/3 + 1 + 2) of 6, and the four characters share that equally.
    freed = (1 / 3 + 1 + 2) / 6
    expected = np.array([1 / 6, 1 / 6, (2 / 3) / 6, 0]) + freed / 4
    np.testing.assert_allclose(NGram(1, corpus_of([0, 1, 0, 2, 1, 0])).probabilities([]), expected)


def test_unigram_loss_on_a_long_text_is_the_entropy():
    p = np.array([0.5, 0.25, 0.125, 0.125])
    ids = np.random.default_rng(0).permutation(np.repeat(np.arange(4), (p * 80_000).astype(int)))
    ngram = NGram(1, corpus_of(ids))
    assert ngram.bits_per_character(ids) == pytest.approx(1.75, abs=1e-6)  # the entropy of p
    assert ngram.bits_per_character(ids) >= 1.75  # no distribution can do better
    np.testing.assert_allclose(ngram.probabilities([]), p, atol=1e-4)


def test_bigram_loss_on_a_long_text_is_the_entropy_rate():
    rng = np.random.default_rng(0)
    same_as_before = rng.random(100_000) < 0.9
    ids = np.cumsum(~same_as_before) % 2  # two characters; the next differs with probability 0.1
    rate = -(0.9 * math.log2(0.9) + 0.1 * math.log2(0.1))
    train, valid = Corpus(Vocabulary("ab"), ids).split(valid=0.5)
    assert NGram(2, train).bits_per_character(valid.ids) == pytest.approx(rate, abs=0.02)
    assert NGram(1, train).bits_per_character(valid.ids) == pytest.approx(1, abs=0.02)


def test_unseen_characters_share_a_small_probability_equally():
    p = NGram(3, corpus_of([0, 1] * 50, V=10)).probabilities([1, 0])
    assert len({*p[2:]}) == 1
    assert p[1] > 0.9 > 0.1 > p[2:].sum() > 0


def test_a_text_may_be_as_short_as_the_order():
    for order in (1, 2, 3):
        assert NGram(order, corpus_of([0, 1, 2][:order])).loss([3]) > 0
    assert repr(NGram(2, corpus_of([0, 1]))) == "NGram(order 2, 4 characters)"


def test_a_large_vocabulary_and_a_high_order_do_not_overflow():
    V = 60_000  # its fifth power does not fit into 64 bits
    vocab = Vocabulary("".join(chr(i) for i in [*range(0xD800), *range(0xE000, 0x20000)][:V]))
    ids = np.tile([V - 1, V - 2, V - 1, V - 3, 0], 40)
    ngram = NGram(5, Corpus(vocab, ids))
    assert ngram.loss(ids) < 0.5
    assert ngram.probabilities(ids[:4]).argmax() == 0


# --- on real text ---------------------------------------------------------------------------------


def test_every_order_up_to_5_beats_the_order_below_on_held_back_text():
    train, valid = Corpus.from_text(load_text("python-reference")).split(valid=0.1)
    bits = [NGram(order, train).bits_per_character(valid.ids) for order in range(1, 6)]
    assert bits == sorted(bits, reverse=True)
    assert math.log2(len(train.vocab)) > bits[0] > 4 > bits[1] > 3 > bits[2] > 2 > bits[4] > 1


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [0, -1, 4])
def test_order_must_be_from_1_to_the_length_of_the_text(order):
    message = f"order must be 1 or more, and no more than the 3 characters .*, got {order}$"
    with pytest.raises(ValueError, match=message):
        NGram(order, corpus_of([0, 1, 2]))
    with pytest.raises(TypeError, match="integer"):
        NGram(order + 0.5, corpus_of([0, 1, 2]))


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        ([0, 4, 5], ValueError, "id 4 at position 1 is out of range: expected 0 to 3"),
        ([-1], ValueError, "id -1 at position 0"),
        ([[0]], ValueError, r"shape \(N,\), got shape \(1, 1\)"),
        ([0.5], TypeError, "ids must be integers, got float64"),
    ],
)
def test_invalid_ids_are_refused(ids, error, message):
    ngram = NGram(2, corpus_of([0, 1, 2]))
    for method in (ngram.loss, ngram.bits_per_character, ngram.probabilities):
        with pytest.raises(error, match=message):
            method(ids)


def test_empty_text_has_no_loss_but_the_context_may_be_empty():
    ngram = NGram(2, corpus_of([0, 1, 2]))
    with pytest.raises(ValueError, match="a text of one character or more, got none"):
        ngram.loss([])
    assert ngram.probabilities([]).sum() == pytest.approx(1)
