"""The n-gram model against an implementation with dictionaries, and against closed forms."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charseq import Corpus, NGram, Vocabulary


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


@given(
    ids=st.lists(st.integers(0, 3), min_size=6, max_size=60),
    text=st.lists(st.integers(0, 6), min_size=1, max_size=30),
    order=st.integers(1, 6),
)
def test_ngram_matches_a_dictionary_implementation(ids, text, order):
    ngram, by_hand = NGram(order, corpus_of(ids, V=7)), DictionaryNGram(order, ids, 7)
    surprises = [-math.log(by_hand.probability(text[:t], text[t])) for t in range(len(text))]
    loss = math.fsum(surprises) / len(text)
    assert ngram.loss(text) == pytest.approx(loss, rel=1e-12)
    assert ngram.bits_per_character(text) == pytest.approx(loss / math.log(2), rel=1e-12)
    for length in range(len(text) + 1):
        p = ngram.probabilities(text[:length])
        expected = [by_hand.probability(text[:length], char) for char in range(7)]
        np.testing.assert_allclose(p, expected, rtol=1e-12)
        assert p.sum() == pytest.approx(1, abs=1e-14)


def test_unigram_matches_a_calculation_by_hand():
    # The text has a 3 times, b twice, c once and d never. So one string was seen once, one twice
    # and one three times. With one added to each of these numbers, n = (2, 2, 2, 1) and Y = 2 / 6.
    # So D1 = 1/3, D2 = 1, and D3 = 3 - 2/3, which is cut to 2. The discounts free
    # (1/3 + 1 + 2) of 6, and the four characters share that equally.
    freed = (1 / 3 + 1 + 2) / 6
    expected = np.array([1 / 6, 1 / 6, (2 / 3) / 6, 0]) + freed / 4
    np.testing.assert_allclose(NGram(1, corpus_of([0, 1, 0, 2, 1, 0])).probabilities([]), expected)


def test_a_large_vocabulary_and_a_high_order_do_not_overflow():
    V = 60_000  # its fifth power does not fit into 64 bits
    vocab = Vocabulary("".join(chr(i) for i in [*range(0xD800), *range(0xE000, 0x20000)][:V]))
    ids = np.tile([V - 1, V - 2, V - 1, V - 3, 0], 40)
    ngram = NGram(5, Corpus(vocab, ids))
    assert ngram.loss(ids) < 0.5
    assert ngram.probabilities(ids[:4]).argmax() == 0
    assert repr(ngram) == "NGram(order 5, 60000 characters)"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: NGram(0, corpus_of([0, 1, 2])), "3 characters .*, got 0$"),
        (lambda: NGram(4, corpus_of([0, 1, 2])), "3 characters .*, got 4$"),
        (lambda: NGram(1.5, corpus_of([0, 1, 2])), "integer"),
        (lambda: NGram(2, corpus_of([0, 1])).loss([]), "a text of one character or more, got none"),
        (lambda: NGram(2, corpus_of([0, 1])).loss([0, 4]), "id 4 at position 1 is out of range"),
        (lambda: NGram(2, corpus_of([0, 1])).probabilities([[0]]), r"\(N,\), got shape \(1, 1\)"),
        (lambda: NGram(2, corpus_of([0, 1])).probabilities([0.5]), "integers, got float64"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
