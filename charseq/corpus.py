"""A text as ids, and the batches that a network learns from.

`Corpus` holds the ids and splits them. `streams` and `windows` cut ids into pairs (x, y), where y
is x one character later.
"""

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charseq._checks import check_at_least, check_ids, check_text_ids
from charseq._errors import UserError
from charseq.vocab import Vocabulary

__all__ = ["Corpus", "streams", "windows"]

Batch = tuple[NDArray[np.int64], NDArray[np.int64]]

CHUNK = 1 << 18  # characters that are encoded at once, so that a long text takes little memory


# --- a text as ids --------------------------------------------------------------------------------


@dataclass(eq=False, repr=False)
class Corpus:
    """A text as ids, in as little memory as possible.

    Parameters
    ----------
    vocab : Vocabulary
        The characters that the ids stand for.
    ids : array_like of int, shape (N,)
        The text. The array is not copied.

    Raises
    ------
    TypeError
        If the ids are not integers.
    ValueError
        If `ids` is not one-dimensional, is empty, or has an id that is out of range.

    Examples
    --------
    >>> from charseq import Corpus
    >>> corpus = Corpus.from_text("hello world")
    >>> corpus
    Corpus(11 characters, 8 distinct)
    >>> corpus.ids
    array([3, 2, 4, 4, 5, 0, 7, 5, 6, 4, 1], dtype=uint8)
    >>> train, valid = corpus.split(valid=0.3)
    >>> train.decode(), valid.decode()
    ('hello wo', 'rld')
    """

    vocab: Vocabulary
    ids: NDArray[Any]

    def __post_init__(self) -> None:
        self.ids = check_ids(check_text_ids(self.ids), len(self.vocab), self.vocab.unit)

    @classmethod
    def from_text(cls, text: str, vocab: Vocabulary | None = None) -> "Corpus":
        """Encode a text. To read one from a file, use :func:`charseq.load_text`.

        Parameters
        ----------
        text : str
            One character or more.
        vocab : Vocabulary, optional
            By default that of :meth:`charseq.Vocabulary.from_text`.

        Returns
        -------
        Corpus
            Its ids take one byte each for up to 256 distinct characters, otherwise two or four.

        Raises
        ------
        ValueError
            If `text` is empty, or holds a character that `vocab` lacks.

        Examples
        --------
        >>> Corpus.from_text("hello", Vocabulary("helo")).ids
        array([0, 1, 2, 2, 3], dtype=uint8)
        """
        vocab = Vocabulary.from_text(text) if vocab is None else vocab
        dtype = _smallest_dtype(vocab)
        if vocab.unit != "characters":  # a piece of a word must not be cut
            return cls(vocab, vocab.encode(text).astype(dtype))
        starts = range(0, len(text), CHUNK) or [0]
        try:
            ids = [vocab.encode(text[start : start + CHUNK]).astype(dtype) for start in starts]
        except ValueError:
            vocab.encode(text)  # names the place in the whole text
            raise
        return cls(vocab, np.concatenate(ids))

    def __len__(self) -> int:
        """Return N, the number of characters."""
        return len(self.ids)

    def __repr__(self) -> str:
        """Return a summary: the length of the text and of its vocabulary."""
        return f"Corpus({len(self):,} {self.vocab.unit}, {len(self.vocab):,} distinct)"

    def decode(self, start: int | None = None, stop: int | None = None) -> str:
        """Return a piece of the text.

        Parameters
        ----------
        start, stop : int, optional
            The bounds of a slice, ``text[start:stop]``; by default the whole text.

        Returns
        -------
        str
            The characters from `start` up to, but not including, `stop`.

        Examples
        --------
        >>> Corpus.from_text("hello world").decode(-5)
        'world'
        """
        return self.vocab.decode(self.ids[start:stop])

    def split(self, *, valid: float = 0.1, test: float = 0.0) -> tuple["Corpus", ...]:
        """Cut the text into parts for training, validation and, if asked for, the test.

        The parts are contiguous, in the order train, valid, test, and do not overlap, so no batch
        of the training part has a character of another part, not even as its last target. They are
        views: no id is copied.

        Parameters
        ----------
        valid : float, default=0.1
            Share of the text for validation, at its end.
        test : float, default=0.0
            Share for the test, after the part `valid`; 0 for no third part.

        Returns
        -------
        tuple of Corpus
            The parts (train, valid) or (train, valid, test).

        Raises
        ------
        ValueError
            If a share is out of range, or a part would have fewer than two characters, one to read
            and one to predict.

        Examples
        --------
        >>> Corpus.from_text("abcdefghij").split(valid=0.3, test=0.2)
        (Corpus(5 characters, 10 distinct), Corpus(3 characters, ...), Corpus(2 characters, ...))
        """
        if not (0 < valid < 1 and 0 <= test < 1 and valid + test < 1):
            raise UserError(
                "expected shares 0 < valid < 1 and 0 <= test < 1 that leave a part to learn from, "
                f"got valid={valid}" + (f" and test={test}" if test else "")
            )
        shares = [valid, test] if test else [valid]
        others = [int(len(self) * share) for share in shares]
        sizes = [len(self) - sum(others), *others]
        asked = f"valid={valid}" + (f" and test={test}" if test else "")
        for name, size in zip(("train", "valid", "test"), sizes, strict=False):
            if size < 2:
                raise UserError(
                    f"{asked} of {len(self)} {self.vocab.unit} leaves {size} for {name}: each part "
                    "needs 2, one to read and one to predict, so take a longer text or another "
                    "share"
                )
        starts = np.cumsum([0, *sizes])
        return tuple(
            Corpus(self.vocab, self.ids[start:stop]) for start, stop in pairwise(starts.tolist())
        )


def _smallest_dtype(vocab: Vocabulary) -> np.dtype[Any]:
    """Return the smallest integer type that holds every id of a vocabulary."""
    return np.min_scalar_type(len(vocab) - 1)


# --- batches --------------------------------------------------------------------------------------


def streams(ids: ArrayLike, batch_size: int, length: int) -> Iterator[Batch]:
    """Cut ids into batches in which row i continues row i of the batch before.

    Use streams if the state is carried from one batch to the next. The text is laid out as
    `batch_size` streams side by side, and each batch holds the next `length` characters of every
    stream. Characters at the end of the text that do not fill a batch are dropped.

    Parameters
    ----------
    ids : array_like of int, shape (N,)
        A text.
    batch_size : int
        B, the number of streams.
    length : int
        T, the number of characters of each stream in a batch.

    Returns
    -------
    collections.abc.Iterator
        Pairs (x, y) of arrays (B, T), int64 as torch expects; y is x one character later.

    Raises
    ------
    TypeError
        If the ids, B or T are not integers.
    ValueError
        If B or T is below 1, or the text is too short for one batch.

    See Also
    --------
    windows : Batches from random positions, for a state that starts from zeros in each batch.

    Examples
    --------
    >>> from charseq.corpus import streams
    >>> for x, y in streams(range(14), batch_size=2, length=3):
    ...     print(x.tolist(), y.tolist())
    [[0, 1, 2], [6, 7, 8]] [[1, 2, 3], [7, 8, 9]]
    [[3, 4, 5], [9, 10, 11]] [[4, 5, 6], [10, 11, 12]]
    """
    text = check_text_ids(ids)
    batch_size, length = operator.index(batch_size), operator.index(length)
    check_batch(len(text), batch_size, length)
    batch_count = (len(text) - 1) // (batch_size * length)
    return _streams(text, batch_size, length, batch_count)


def _streams(text: NDArray[Any], B: int, T: int, batch_count: int) -> Iterator[Batch]:
    end = B * T * batch_count
    inputs = text[:end].reshape(B, -1)  # (B, batch_count * T), one row per stream
    targets = text[1 : end + 1].reshape(B, -1)  # the same, one character later
    for start in range(0, batch_count * T, T):
        x = inputs[:, start : start + T].astype(np.int64, order="C")  # (B, T)
        y = targets[:, start : start + T].astype(np.int64, order="C")  # (B, T)
        yield x, y


def windows(
    ids: ArrayLike, batch_size: int, length: int, rng: np.random.Generator
) -> Iterator[Batch]:
    """Yield batches of windows at random positions of a text, without end.

    All positions are equally likely, and windows may overlap. Do not carry the state from one batch
    to the next, because the text does not continue there; :func:`streams` is for that.

    Parameters
    ----------
    ids : array_like of int, shape (N,)
        A text.
    batch_size : int
        B, the number of windows in a batch.
    length : int
        T, the number of characters in a window.
    rng : numpy.random.Generator
        Draws the positions; for example ``np.random.default_rng(seed)``.

    Returns
    -------
    collections.abc.Iterator
        Pairs (x, y) of arrays (B, T), int64 as torch expects; y is x one character later.

    Raises
    ------
    TypeError
        If the ids, B or T are not integers, or `rng` is not a generator.
    ValueError
        If B or T is below 1, or the text has fewer than T + 1 characters.

    Examples
    --------
    >>> import numpy as np
    >>> from charseq.corpus import windows
    >>> x, y = next(windows(range(100), batch_size=8, length=5, rng=np.random.default_rng(0)))
    >>> x.shape
    (8, 5)
    >>> bool((y == x + 1).all())
    True
    """
    text = check_text_ids(ids)
    batch_size, length = operator.index(batch_size), operator.index(length)
    check_at_least(1, batch_size=batch_size)
    check_batch(len(text), 1, length)
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be np.random.default_rng(seed), got {type(rng).__name__}")
    return _windows(text, batch_size, length, rng)


def _windows(text: NDArray[Any], B: int, T: int, rng: np.random.Generator) -> Iterator[Batch]:
    while True:
        starts = rng.integers(len(text) - T, size=(B, 1))
        positions = starts + np.arange(T)  # (B, 1) + (T,) -> (B, T)
        x = text[positions].astype(np.int64)  # (B, T)
        y = text[positions + 1].astype(np.int64)  # (B, T)
        yield x, y


def check_batch(size: int, batch_size: int, length: int, unit: str = "characters") -> None:
    """Raise unless B and T are positive, and a text of this size fills a batch of B x (T + 1)."""
    check_at_least(1, batch_size=batch_size, length=length)
    if size < 2:
        raise UserError(f"the text to learn from has {size} {unit}: expected at least 2")
    if size < batch_size * length + 1:
        rows, longest = (size - 1) // length, (size - 1) // batch_size
        fits = [f"batch_size={rows}"] * (rows > 0) + [f"length={longest}"] * (longest > 0)
        raise UserError(
            f"batch_size={batch_size} and length={length}, the command's --block-size, need "
            f"{batch_size * length + 1} {unit}, the last one to predict, but the text to learn "
            f"from has {size}: take a longer text, or at most "
            f"{' or '.join(fits) or f'batch_size=1 and length={size - 1}'}"
        )
