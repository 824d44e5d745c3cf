"""What a network has to beat: the n-gram, which looks the last characters up in a table.

`NGram` counts what followed each context in a text, and mixes the tables of all orders.
"""

import operator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charseq._checks import check_ids
from charseq.corpus import Corpus

__all__ = ["NGram"]


class _Table(NamedTuple):
    """The strings of one length in the training text, and how they are weighed.

    A string is known by its index in `strings`. The number there is V times the index of the string
    without its last character, plus the last character. An unknown string has index -1. It selects
    the last entries, 0 in `own` and 1 in `rest`, so only the shorter context counts.
    """

    strings: NDArray[np.int64]  # sorted
    own: NDArray[np.float64]  # discounted share of each string among those with its context
    rest: NDArray[np.float64]  # for each context: the share of the order below

    def find(self, strings: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the index of each string of this length, -1 for an unknown one."""
        indices = np.searchsorted(self.strings, strings)
        indices[indices == len(self.strings)] = 0
        return np.where(self.strings[indices] == strings, indices, -1)


class NGram:
    r"""Predict a character from the `order` - 1 before it, by counting.

    The probability of a character after a context is its discounted share of what followed that
    context in training, plus what the discount set free times the probability after the context
    without its first character; below the single character lies the uniform distribution, so no
    probability is 0. This is interpolated Kneser-Ney smoothing with three discounts, the best in
    the comparison of :cite:t:`chen1999empirical`: a network that beats a weaker n-gram has not
    shown much. Two ideas make it:

    - Counts of 1, 2, and 3 or more lose a constant :math:`D_1, D_2, D_3` each, estimated from how
      many strings were seen once, twice, three and four times.
    - Below the highest order a string counts once for each different character that stood before
      it, however often: the orders below are only asked about contexts that were not enough.

    Parameters
    ----------
    order : int
        1 for a unigram, which ignores the context, 2 for a bigram, and so on.
    corpus : Corpus
        The text to count in; it takes less than 100 bytes of memory a character while counting.

    Raises
    ------
    ValueError
        If `order` is below 1, or above the number of characters.

    Examples
    --------
    >>> from charseq import Corpus, NGram, load_text
    >>> train, valid = Corpus.from_text(load_text("python-reference")).split(valid=0.1)
    >>> bits = [NGram(order, train).bits_per_character(valid.ids) for order in (1, 2, 5)]
    >>> bits[0] > bits[1] > bits[2]
    True
    """

    def __init__(self, order: int, corpus: Corpus) -> None:
        order = operator.index(order)
        if not 1 <= order <= len(corpus):
            raise ValueError(
                f"order must be 1 or more, and no more than the {len(corpus)} characters of the "
                f"text, got {order}"
            )
        self.order = order
        self.vocab_size = len(corpus.vocab)
        self._tables = _count(corpus.ids.astype(np.int64), self.vocab_size, order)

    def __repr__(self) -> str:
        """Say which n-gram this is."""
        return f"NGram(order {self.order}, {self.vocab_size} characters)"

    def loss(self, ids: ArrayLike) -> float:
        """Return the mean cross-entropy of a text in nats, as networks are trained to lower it.

        Parameters
        ----------
        ids : array_like of int
            A text, (N,). Its first characters are predicted from what context there is.

        Returns
        -------
        float
            Nats a character.

        Raises
        ------
        ValueError
            If `ids` is not the ids of a text, or an id is out of range.
        """
        text = self._context(ids)
        if not len(text):
            raise ValueError("expected the ids of a text of one character or more, got none")
        p = np.full(len(text), 1 / self.vocab_size)
        indices = np.zeros(len(text) + 1, dtype=np.int64)  # the empty string, before and after each
        for k, table in enumerate(self._tables):  # k characters of context
            contexts = indices[:-1]
            indices = table.find(contexts * self.vocab_size + text[k:])
            p[k:] = table.own[indices] + table.rest[contexts] * p[k:]
        return float(-np.log(p).mean())

    def bits_per_character(self, ids: ArrayLike) -> float:
        """Return the mean number of bits that a character of a text costs.

        Parameters
        ----------
        ids : array_like of int
            A text, (N,).

        Returns
        -------
        float
            The loss divided by ln 2.
        """
        return self.loss(ids) / float(np.log(2))

    def probabilities(self, context_ids: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each character after a context.

        Parameters
        ----------
        context_ids : array_like of int
            The characters before, (T,), of which the last `order` - 1 count; there may be none.

        Returns
        -------
        ndarray of shape (V,)
            Positive numbers that sum to 1.

        Raises
        ------
        ValueError
            If `context_ids` is not one-dimensional, or an id is out of range.

        Examples
        --------
        >>> corpus = Corpus.from_text("hello hello hello")
        >>> after_h = NGram(2, corpus).probabilities(corpus.vocab.encode("h"))
        >>> corpus.vocab.decode([after_h.argmax()])
        'e'
        """
        context = self._context(context_ids)
        V = self.vocab_size
        p = np.full(V, 1 / V)
        for k, table in enumerate(self._tables[: len(context) + 1]):
            index = np.zeros(1, dtype=np.int64)
            for shorter, char in zip(self._tables, context[len(context) - k :], strict=False):
                index = shorter.find(index * V + char)
            p = table.own[table.find(index * V + np.arange(V))] + table.rest[index] * p
        return p

    def _context(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Return ids as an array (N,), in range; there may be none."""
        array = check_ids(ids, self.vocab_size)
        if array.ndim != 1:
            raise ValueError(f"expected the ids of one text, shape (N,), got shape {array.shape}")
        return array.astype(np.int64)


def _count(ids: NDArray[np.int64], V: int, order: int) -> list[_Table]:
    """Find the strings of 1 to `order` characters, and weigh them."""
    indices = np.zeros(len(ids) + 1, dtype=np.int64)  # the empty string, at each place
    levels: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for k in range(order):
        shorter = indices  # the string of k characters that starts at each place
        strings, starts, indices, counts = np.unique(
            shorter[:-1] * V + ids[k:], return_index=True, return_inverse=True, return_counts=True
        )
        if levels:  # below the highest order: how many different characters stand before a string
            levels[-1] = (levels[-1][0], np.bincount(shorter[starts + 1], None, len(levels[-1][0])))
        levels.append((strings, counts))
    contexts = [1, *(len(strings) for strings, _ in levels)]
    return [_kneser_ney(*level, V, C) for level, C in zip(levels, contexts, strict=False)]


def _kneser_ney(strings: NDArray[np.int64], counts: NDArray[np.int64], V: int, C: int) -> _Table:
    """Turn counts of strings after C contexts into shares, some of it left for the order below."""
    off = _discounts(counts)[np.minimum(counts, 3)]
    contexts = strings // V
    totals = np.bincount(contexts, counts, C)
    freed = np.bincount(contexts, off, C)
    own = (counts - off) / np.maximum(totals, 1)[contexts]
    rest = np.where(totals > 0, freed / np.maximum(totals, 1), 1.0)  # never followed: all of it
    return _Table(strings, np.append(own, 0.0), np.append(rest, 1.0))


def _discounts(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what counts of 0, 1, 2, and 3 or more lose.

    The estimates are sound for a text of some length. For one of a few words, in which perhaps no
    string was seen once, adding one to each number of strings keeps the first between 0 and 1,
    and the others stay between the first and 1.5 and 2. So each context leaves something to the
    order below, and none takes away more than there is.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6) + 1  # n[1] strings were seen once
    scale = n[1] / (n[1] + 2 * n[2])
    one, two, three = (i - (i + 1) * scale * n[i + 1] / n[i] for i in (1, 2, 3))
    return np.array([0.0, one, np.clip(two, one, 1.5), np.clip(three, one, 2.0)])
