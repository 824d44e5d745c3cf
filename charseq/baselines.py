"""The n-gram, a baseline that a network has to beat.

`NGram` counts which characters follow each context in a text. Its prediction mixes what it counted
after the longest context with what it counted after the shorter ones.
"""

import operator
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charseq._checks import check_ids
from charseq.corpus import Corpus

__all__ = ["NGram", "best_table"]

LONGEST = 12  # the most characters of a string in the best table
COUNTED = 10_000_000  # of a longer text, the best table counts the end


class _Table(NamedTuple):
    """The strings of one length that occur in the training text, and their weights.

    A string is a context and the character after it. It is stored as one number, V i + k: k is the
    id of the character, and i is the index of the context in the table of the next shorter strings.
    The index of a string is the position of its number in `strings`. An unknown string has index
    -1, which selects the extra last entries of `own` and `rest`, 0 and 1: so only the shorter
    context counts.
    """

    strings: NDArray[np.int64]  # sorted
    own: NDArray[np.float64]  # for each string: its discounted share of what follows its context
    rest: NDArray[np.float64]  # for each context: the share that goes to the shorter context

    def find(self, strings: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the index of each string, -1 for an unknown one."""
        indices = np.searchsorted(self.strings, strings)
        indices[indices == len(self.strings)] = 0
        return np.where(self.strings[indices] == strings, indices, -1)


class NGram:
    r"""Predict a character from the `order` - 1 before it, by counting.

    The probability of a character is a sum of two parts. The first is its share of what followed
    the context in training, reduced by a discount. The second comes from what the discounts set
    free, which is shared out in proportion to the probabilities after the next shorter context, the
    one without the first character. These are sums of two parts, too, down to the empty context,
    which shares out its second part equally, so no probability is 0.

    This is interpolated Kneser-Ney smoothing with three discounts, the best method in the
    comparison of :cite:t:`chen1999empirical`. Beating a weaker n-gram would not show much. The
    method rests on two ideas:

    - A count of 1 is reduced by :math:`D_1`, a count of 2 by :math:`D_2`, and a larger count by
      :math:`D_3`. These constants are estimated from how many strings occur once, twice, three
      times and four times.
    - For strings shorter than `order`, a count is the number of *different* characters that occur
      before the string. The shorter context matters most where the longer one is rare or new, so
      the question is how many different characters the string can follow.

    Parameters
    ----------
    order : int
        1 for a unigram, which ignores the context, 2 for a bigram, and so on.
    corpus : Corpus
        The text to count in. Counting takes less than 100 bytes of memory per character.

    Raises
    ------
    TypeError
        If `order` is not an integer.
    ValueError
        If `order` is below 1, or larger than the number of characters in the text.

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
        self._vocab = corpus.vocab
        *_, self._tables = _count_strings(corpus.ids.astype(np.int64), self.vocab_size, order)

    def __repr__(self) -> str:
        """Return the order and the number of characters."""
        return f"NGram(order {self.order}, {self.vocab_size} {self._vocab.unit})"

    def loss(self, ids: ArrayLike) -> float:
        """Return the mean cross-entropy of a text, the loss that networks are trained to lower.

        Parameters
        ----------
        ids : array_like of int, shape (N,)
            A text. Its first characters are predicted from the shorter contexts they have.

        Returns
        -------
        float
            Nats per character.

        Raises
        ------
        TypeError
            If the ids are not integers.
        ValueError
            If `ids` is empty or not one-dimensional, or an id is out of range.
        """
        text = self._to_id_array(ids)
        if not len(text):
            raise ValueError("expected the ids of a text of one character or more, got none")
        per_token = float(-np.log(_chances(self._tables, text, self.vocab_size)).mean())
        return per_token * (len(text) / self._vocab.count_characters(text))

    def bits_per_character(self, ids: ArrayLike) -> float:
        """Return the mean cross-entropy of a text in bits per character.

        Parameters
        ----------
        ids : array_like of int, shape (N,)
            A text.

        Returns
        -------
        float
            The :meth:`loss`, which is in nats, divided by ln 2.

        Raises
        ------
        TypeError, ValueError
            As in :meth:`loss`.
        """
        return self.loss(ids) / float(np.log(2))

    def probabilities(self, context_ids: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each character after a context.

        Parameters
        ----------
        context_ids : array_like of int, shape (T,)
            The characters before. Only the last `order` - 1 matter; T may be 0.

        Returns
        -------
        ndarray of shape (V,)
            Positive numbers that sum to 1.

        Raises
        ------
        TypeError
            If the ids are not integers.
        ValueError
            If `context_ids` is not one-dimensional, or an id is out of range.

        Examples
        --------
        >>> corpus = Corpus.from_text("hello hello hello")
        >>> after_h = NGram(2, corpus).probabilities(corpus.vocab.encode("h"))
        >>> corpus.vocab.decode([after_h.argmax()])
        'e'
        """
        context = self._to_id_array(context_ids)
        V = self.vocab_size
        p = np.full(V, 1 / V)
        for k, table in enumerate(self._tables[: len(context) + 1]):
            # From the empty string, index 0, look up the last k characters, one more at a time.
            index = np.zeros(1, dtype=np.int64)
            for shorter, char in zip(self._tables, context[len(context) - k :], strict=False):
                index = shorter.find(index * V + char)
            p = table.own[table.find(index * V + np.arange(V))] + table.rest[index] * p
        return p

    def _reader(self, texts: int) -> "NGramReader":
        """Return what reads so many texts side by side, one character of each at a time."""
        return NGramReader(self, texts)

    def _to_id_array(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Return ids as an array (N,) if they are in range; N may be 0."""
        array = check_ids(ids, self.vocab_size)
        if array.ndim != 1:
            raise ValueError(f"expected the ids of one text, shape (N,), got shape {array.shape}")
        return array.astype(np.int64)


class NGramReader:
    """Reads B texts side by side, one character of each at a time, as a network's reader does.

    Attributes
    ----------
    logits : ndarray of shape (B, V), or (V,) for a single text
        The logarithms of the probabilities of the next character. Each call of :meth:`read`
        overwrites them.
    """

    def __init__(self, ngram: NGram, texts: int) -> None:
        self._ngram = ngram
        self._contexts: list[tuple[int, ...]] = [()] * texts
        self.logits = np.tile(np.log(ngram.probabilities([])), texts if texts == 1 else (texts, 1))

    def read(self, ids: ArrayLike) -> None:
        """Read one character in each text: an array of ids (B,), or one id for a single text."""
        rows = self.logits.reshape(len(self._contexts), -1)
        for k, char in enumerate(np.atleast_1d(ids).tolist()):
            context = (*self._contexts[k], char)
            self._contexts[k] = context[max(0, len(context) - self._ngram.order + 1) :]
            rows[k] = np.log(self._ngram.probabilities(self._contexts[k]))


def best_table(train: Corpus, ids: ArrayLike, places: ArrayLike) -> tuple[int, float]:
    """Find the table of at most 12 characters that predicts a text best.

    Parameters
    ----------
    train : Corpus
        The text to count in; of more than ten million characters, the last ten million.
    ids : array_like of int, shape (N,)
        Another text.
    places : array_like of int, shape (M,)
        Positions in it: only these characters are judged.

    Returns
    -------
    order : int
        As of :class:`NGram`.
    loss : float
        Its loss at these places, in nats per character.

    Examples
    --------
    >>> from charseq import Corpus, load_text
    >>> from charseq.baselines import best_table
    >>> train, valid = Corpus.from_text(load_text("python-reference")).split(valid=0.1)
    >>> best_table(train, valid.ids, range(1, len(valid)))[0]
    12
    """
    V, judged = len(train.vocab), np.ravel(places)
    text = check_ids(ids, V).astype(int)
    orders = range(1, min(LONGEST, len(train)) + 1)
    losses = [
        -np.log(_chances(tables, text, V)[judged]).sum()
        for tables in _count_strings(train.ids[-COUNTED:].astype(np.int64), V, len(orders))
    ]
    best = int(np.argmin(losses))
    return orders[best], float(losses[best]) / train.vocab.count_characters(text[judged])


def _chances(tables: list[_Table], text: NDArray[np.int64], V: int) -> NDArray[np.float64]:
    """Return the probability of each character of a text, (N,)."""
    p = np.full(len(text), 1 / V)
    indices = np.zeros(len(text) + 1, dtype=np.int64)  # the empty string has index 0
    for k, table in enumerate(tables):  # k characters of context
        contexts = indices[:-1]
        indices = table.find(contexts * V + text[k:])
        p[k:] = table.own[indices] + table.rest[contexts] * p[k:]
    return p


def _count_strings(ids: NDArray[np.int64], V: int, order: int) -> Iterator[list[_Table]]:
    """Count strings of 1, 2, … `order` characters; yield the weights of the table of each order."""
    indices = np.zeros(len(ids) + 1, dtype=np.int64)  # the empty string, at each position
    tables: list[_Table] = []  # of the shorter strings
    strings, contexts, before = np.zeros(1, dtype=np.int64), 1, 1
    for k in range(order):
        shorter, shorter_strings = indices, strings  # of the k characters that start at each place
        strings, starts, indices, counts = np.unique(
            shorter[:-1] * V + ids[k:], return_index=True, return_inverse=True, return_counts=True
        )
        if k:
            # The count of a shorter string is the number of different characters before it. Each
            # string of this length adds one: it is a character followed by a shorter string.
            different = np.bincount(shorter[starts + 1], minlength=contexts)
            tables.append(_smooth(shorter_strings, different, V, before))
        yield [*tables, _smooth(strings, counts, V, contexts)]
        before, contexts = contexts, len(strings)


def _smooth(strings: NDArray[np.int64], counts: NDArray[np.int64], V: int, C: int) -> _Table:
    """Turn the counts of strings, which have C possible contexts, into Kneser-Ney weights."""
    discounts = _estimate_discounts(counts)[np.minimum(counts, 3)]  # one per string
    contexts = strings // V
    totals = np.bincount(contexts, counts, C)
    freed = np.bincount(contexts, discounts, C)
    own = (counts - discounts) / np.maximum(totals, 1)[contexts]
    # Nothing follows a context that occurs only at the end of the text, so its rest is 1.
    rest = np.where(totals > 0, freed / np.maximum(totals, 1), 1.0)
    return _Table(strings, np.append(own, 0.0), np.append(rest, 1.0))


def _estimate_discounts(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the discounts of counts of 0, 1, 2, and 3 or more, an array of shape (4,).

    In a text of a few words, perhaps no string occurs just once, so two adjustments keep the
    discounts within bounds. The number of strings of each count is increased by one, which puts the
    first discount between 0 and 1. The others are clipped to at least the first, and at most 1.5
    and 2. So each context leaves some probability to the shorter one, and no count gets negative.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6) + 1  # n[1] strings occur once, and so on
    scale = n[1] / (n[1] + 2 * n[2])
    D_1, D_2, D_3 = (i - (i + 1) * scale * n[i + 1] / n[i] for i in (1, 2, 3))
    return np.array([0.0, D_1, np.clip(D_2, D_1, 1.5), np.clip(D_3, D_1, 2.0)])
