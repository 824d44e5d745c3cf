"""A text as ids, in memory or on disk, and the batches that a network learns from.

`Corpus` holds the ids and splits them. `streams` and `windows` cut ids into pairs (x, y), where y
is x one character later.
"""

import hashlib
import json
import mmap
import operator
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charseq._checks import check_at_least, check_ids_of_a_text
from charseq.files import whole_file, write_all
from charseq.texts import CHUNK, open_text, quoted, text_chunks
from charseq.vocab import Vocabulary

__all__ = ["Corpus", "streams", "windows"]

Batch = tuple[NDArray[np.int64], NDArray[np.int64]]

ENDING = b"charseq1"  # the last bytes of a cached id file: one that was cut short lacks them


# --- a text as ids --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class Corpus:
    """A text as ids, in as little memory as it takes.

    Make one with :meth:`from_text` or, for a file of any size, with :meth:`from_file`.

    Parameters
    ----------
    vocab : Vocabulary
        What the ids mean.
    ids : array_like of int
        The text, (N,); kept as it is, not copied.

    Raises
    ------
    TypeError
        If the ids are not integers.
    ValueError
        If `ids` is not one-dimensional, holds nothing, or an id is out of range.

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
        ids = check_ids_of_a_text(self.ids)
        lowest, highest = int(ids.min()), int(ids.max())
        if lowest < 0 or highest >= len(self.vocab):
            raise ValueError(
                f"id {lowest if lowest < 0 else highest} is out of range: expected 0 to "
                f"{len(self.vocab) - 1} for a vocabulary of {len(self.vocab)} characters"
            )
        object.__setattr__(self, "ids", ids)

    @classmethod
    def from_text(cls, text: str, vocab: Vocabulary | None = None) -> "Corpus":
        """Encode a text that is in memory.

        Parameters
        ----------
        text : str
            One character or more.
        vocab : Vocabulary, optional
            By default the distinct characters of `text`, sorted.

        Returns
        -------
        Corpus
            Its ids take one byte per character for up to 256 distinct ones, otherwise two or four.

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
        return cls(vocab, vocab.encode(text).astype(_smallest_dtype(vocab)))

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        *,
        vocab: Vocabulary | None = None,
        encoding: str = "utf-8",
        cache: str | Path | None = None,
    ) -> "Corpus":
        """Encode a file of any size in constant memory.

        The file is read twice, a chunk at a time: for its characters, then for their ids, which go
        to a file on disk that is mapped into memory. The ids are as many bytes as the text, or two
        or four times as many where it has more than 256 or 65,536 distinct characters.

        Parameters
        ----------
        path : str or pathlib.Path
            A file of text; nothing is stripped or translated.
        vocab : Vocabulary, optional
            By default the distinct characters of the file, sorted.
        encoding : str, default="utf-8"
            How the file stores characters.
        cache : str or pathlib.Path, optional
            A folder to keep the ids in, so that the next call need not read the file again unless
            its size, its time of change, `encoding` or `vocab` differ. By default they go to the
            system's folder for temporary files and vanish with the corpus.

        Returns
        -------
        Corpus
            Its ids cannot be written to.

        Raises
        ------
        OSError
            If the file cannot be read, or the ids cannot be written.
        ValueError
            If the file is empty, binary or not in this encoding, or has a character that `vocab`
            lacks. The message names the offending byte or character and its place.

        See Also
        --------
        charseq.load_text : Read a file, or a text with a name, as a string.

        Examples
        --------
        >>> import charseq
        >>> Corpus.from_file(charseq.vocab.__file__).decode(0, 44)
        '\"\"\"Text to ids to one-hot vectors, and back.'
        """
        with open_text(path) as source:
            status = os.fstat(source.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(
                    f"{quoted(path)} is not a regular file, but it is to be read twice; "
                    "use Corpus.from_text(load_text(path))"
                )
            if cache is None:
                with tempfile.TemporaryFile(buffering=0) as target:  # gone once nothing maps it
                    return _mapped(target, *_write_ids(source, target, path, vocab, encoding))
            stamp = [status.st_size, status.st_mtime_ns]
            cached = _cache_path(Path(cache), path, vocab, encoding)
            while (corpus := _read_cache(cached, stamp)) is None:
                _write_cache(cached, source, path, vocab, encoding, stamp)
            return corpus

    def __len__(self) -> int:
        """Return N, the number of characters."""
        return len(self.ids)

    def __repr__(self) -> str:
        """Say how long the text is."""
        return f"Corpus({len(self):,} characters, {len(self.vocab):,} distinct)"

    def decode(self, start: int | None = None, stop: int | None = None) -> str:
        """Return a piece of the text.

        Parameters
        ----------
        start, stop : int, optional
            As in a slice, ``text[start:stop]``; by default the whole text.

        Returns
        -------
        str
            The characters from `start` up to and without `stop`.

        Examples
        --------
        >>> Corpus.from_text("hello world").decode(-5)
        'world'
        """
        return self.vocab.decode(self.ids[start:stop])

    def digest(self) -> str:
        """Return a fingerprint of the text, which tells it from others of the same length.

        Returns
        -------
        str
            The SHA-256 of the ids, in hexadecimal digits.

        Examples
        --------
        >>> vocab = Vocabulary("abc")
        >>> Corpus.from_text("abc", vocab).digest() == Corpus.from_text("acb", vocab).digest()
        False
        """
        digest = hashlib.sha256()
        for start in range(0, len(self), CHUNK):
            ids = self.ids[start : start + CHUNK]
            digest.update(np.ascontiguousarray(ids, dtype=_smallest_dtype(self.vocab)).data)
            release_pages(self.ids)
        return digest.hexdigest()

    def split(self, valid: float = 0.1, test: float = 0.0) -> tuple["Corpus", ...]:
        """Cut the text into a part to learn from and one or two parts held back.

        The parts are contiguous, in the order train, valid, test, and do not overlap: no
        character that is held back, not even as the last target, is in a batch of the first part.
        They are views: no id is copied.

        Parameters
        ----------
        valid, test : float
            Shares of the text, from its end; without `test` there are two parts.

        Returns
        -------
        tuple of Corpus
            The parts (train, valid) or (train, valid, test).

        Raises
        ------
        ValueError
            If the shares leave a part with fewer than two characters, one to read and one to
            predict.

        Examples
        --------
        >>> Corpus.from_text("abcdefghij").split(valid=0.3, test=0.2)
        (Corpus(5 characters, 10 distinct), Corpus(3 characters, ...), Corpus(2 characters, ...))
        """
        if not (0 < valid < 1 and 0 <= test < 1 and valid + test < 1):
            raise ValueError(
                "expected shares 0 < valid < 1 and 0 <= test < 1 that leave a part to learn from, "
                f"got valid={valid} and test={test}"
            )
        sizes = [int(len(self) * valid)] + [int(len(self) * test)] * (test > 0)
        sizes = [len(self) - sum(sizes), *sizes]
        names = ["train", "valid", "test"][: len(sizes)]
        for name, size in zip(names, sizes, strict=True):
            if size < 2:
                raise ValueError(
                    f"valid={valid} and test={test} of {len(self)} characters leave {size} for "
                    f"{name}: each part needs 2, one to read and one to predict"
                )
        stops = np.cumsum(sizes).tolist()
        return tuple(
            _unchecked_corpus(self.vocab, self.ids[stop - size : stop])
            for size, stop in zip(sizes, stops, strict=True)
        )


# --- batches --------------------------------------------------------------------------------------


def streams(ids: ArrayLike, batch_size: int, length: int) -> Iterator[Batch]:
    """Cut ids into batches whose rows go on from batch to batch, for a state that is carried.

    The text is laid out as `batch_size` pieces side by side, and each batch reads on in all of
    them: row i continues row i of the batch before. What does not fill a batch at the end of the
    text is dropped.

    Parameters
    ----------
    ids : array_like of int
        A text, (N,).
    batch_size : int
        B, the number of pieces.
    length : int
        T, the number of characters that a batch reads of each.

    Returns
    -------
    collections.abc.Iterator
        Pairs (x, y) of arrays (B, T), int64 as torch wants them; y is x one character later.

    Raises
    ------
    TypeError
        If the ids are not integers.
    ValueError
        If B or T is below 1, or the text is too short for one batch.

    See Also
    --------
    windows : Batches of random places, for a state that starts anew.

    Examples
    --------
    >>> from charseq.corpus import streams
    >>> for x, y in streams(range(14), batch_size=2, length=3):
    ...     print(x.tolist(), y.tolist())
    [[0, 1, 2], [6, 7, 8]] [[1, 2, 3], [7, 8, 9]]
    [[3, 4, 5], [9, 10, 11]] [[4, 5, 6], [10, 11, 12]]
    """
    text = check_ids_of_a_text(ids)
    batch_size, length = _check_sizes(text, batch_size, length)
    steps = (len(text) - 1) // (batch_size * length)
    if not steps:
        raise ValueError(
            f"a batch of {batch_size} pieces of {length} characters takes "
            f"{batch_size * length + 1} characters, but the text has {len(text)}: the largest "
            f"batch_size that fits is {(len(text) - 1) // length}"
        )
    return _streams(text, batch_size, length, steps)


def _streams(text: NDArray[Any], B: int, T: int, steps: int) -> Iterator[Batch]:
    read = text[: B * T * steps].reshape(B, -1)  # (B, steps * T), one row per piece
    next_ = text[1 : B * T * steps + 1].reshape(B, -1)
    for start in range(0, steps * T, T):
        x = read[:, start : start + T].astype(np.int64, order="C")  # (B, T)
        y = next_[:, start : start + T].astype(np.int64, order="C")
        release_pages(text)
        yield x, y


def windows(
    ids: ArrayLike, batch_size: int, length: int, rng: np.random.Generator
) -> Iterator[Batch]:
    """Cut windows at random places of a text, without end.

    Each place is as likely as any other, and windows may overlap. A state that is carried from
    one to the next would be wrong: see :func:`streams`.

    Parameters
    ----------
    ids : array_like of int
        A text, (N,).
    batch_size : int
        B, the number of windows in a batch.
    length : int
        T, the number of characters in each.
    rng : numpy.random.Generator
        Where the places come from, ``np.random.default_rng(seed)``.

    Returns
    -------
    collections.abc.Iterator
        Pairs (x, y) of arrays (B, T), int64 as torch wants them; y is x one character later.

    Raises
    ------
    TypeError
        If the ids are not integers, or `rng` is not a generator.
    ValueError
        If B or T is below 1, or T characters and the next are more than the text has.

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
    text = check_ids_of_a_text(ids)
    batch_size, length = _check_sizes(text, batch_size, length)
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be np.random.default_rng(seed), got {type(rng).__name__}")
    return _windows(text, batch_size, length, rng)


def _windows(text: NDArray[Any], B: int, T: int, rng: np.random.Generator) -> Iterator[Batch]:
    while True:
        starts = rng.integers(len(text) - T, size=(B, 1))
        places = starts + np.arange(T)  # (B, 1) + (T,) -> (B, T)
        x = text[places].astype(np.int64)
        y = text[places + 1].astype(np.int64)
        release_pages(text)
        yield x, y


def _check_sizes(text: NDArray[Any], batch_size: int, length: int) -> tuple[int, int]:
    batch_size, length = operator.index(batch_size), operator.index(length)
    check_at_least(1, batch_size=batch_size, length=length)
    if length >= len(text):
        raise ValueError(
            f"length {length} needs {length + 1} characters, the last one to predict, but the text "
            f"has {len(text)}: "
            + (
                f"the largest length that fits is {len(text) - 1}"
                if len(text) > 1
                else "expected 2 or more, one to read and one to predict"
            )
        )
    return batch_size, length


# --- from a file to ids ---------------------------------------------------------------------------


def _smallest_dtype(vocab: Vocabulary) -> np.dtype[Any]:
    return np.min_scalar_type(len(vocab) - 1)


def _characters(source: IO[bytes], shown: str, encoding: str) -> Vocabulary:
    """Collect the distinct characters of a file."""
    seen = np.zeros(0x110000, dtype=bool)
    for text in text_chunks(source, shown, encoding):
        seen[np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")] = True
    return Vocabulary("".join(map(chr, np.flatnonzero(seen).tolist())))


def _write_ids(
    source: IO[bytes],
    target: IO[bytes],
    path: str | Path,
    vocab: Vocabulary | None,
    encoding: str,
) -> tuple[Vocabulary, int]:
    """Write the ids of an open file; return what they mean and how many there are."""
    shown, count = quoted(path), 0
    source.seek(0)
    if vocab is None:
        vocab = _characters(source, shown, encoding)
        source.seek(0)
    for text in text_chunks(source, shown, encoding):
        try:
            ids = vocab.encode(text).astype(_smallest_dtype(vocab))
        except ValueError:
            place, char = next((i, c) for i, c in enumerate(text) if c not in vocab)
            raise ValueError(
                f"{shown} holds {char!r} (U+{ord(char):04X}) at position {count + place}, which is "
                f"not among the {len(vocab)} characters of the vocabulary"
            ) from None
        with _errors_name(path):
            write_all(target, ids.data.cast("B"))
        count += len(text)
    return vocab, count


@contextmanager
def _errors_name(path: str | Path) -> Iterator[None]:
    """Name the text whose ids cannot be written, when the disk is full or the folder forbidden."""
    try:
        yield
    except OSError as error:
        if error.strerror is None:  # raised here or by text_chunks, with a message of its own
            raise
        where = f" to {error.filename!r}" if error.filename else ""
        raise type(error)(
            f"the ids of {quoted(path)} cannot be written{where}: {error.strerror}"
        ) from error


# --- ids on disk ----------------------------------------------------------------------------------
# A cached file holds the ids; then JSON that names their characters and the file they come from;
# then the length of that JSON in eight bytes; then ENDING. Without ENDING it is not used.


class _Map(mmap.mmap):
    """A file that this module mapped into memory, for reading only: see `release_pages`."""


def _mapped(file: IO[bytes], vocab: Vocabulary, count: int) -> Corpus:
    pages = _Map(file.fileno(), 0, access=mmap.ACCESS_READ)
    return _unchecked_corpus(vocab, np.frombuffer(pages, _smallest_dtype(vocab), count))


def release_pages(ids: NDArray[Any]) -> None:
    """Tell the operating system that this process no longer needs the pages it has read.

    They stay in the system's cache, which gives them up when memory is short. Without this call, a
    run over a large file would come to hold all of it.
    """
    owner: Any = ids
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if isinstance(owner, memoryview) and isinstance(owner.obj, _Map):
        advise = getattr(owner.obj, "madvise", lambda _: None)  # Windows has none
        advise(getattr(mmap, "MADV_DONTNEED", 0))


def _unchecked_corpus(vocab: Vocabulary, ids: NDArray[Any]) -> Corpus:
    """Make a corpus of ids that are known to be in range: a large file takes long to check."""
    corpus = object.__new__(Corpus)
    object.__setattr__(corpus, "vocab", vocab)
    object.__setattr__(corpus, "ids", ids)
    return corpus


def _cache_path(cache: Path, path: str | Path, vocab: Vocabulary | None, encoding: str) -> Path:
    key = repr([str(Path(path).resolve()), encoding, vocab and vocab.chars])
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return cache / f"{Path(path).stem[:40]}-{digest}.ids"


def _write_cache(
    cached: Path,
    source: IO[bytes],
    path: str | Path,
    vocab: Vocabulary | None,
    encoding: str,
    stamp: list[int],
) -> None:
    with _errors_name(path):
        cached.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(cached) as target:
            vocab, _ = _write_ids(source, target, path, vocab, encoding)
            about = json.dumps({"file": stamp, "chars": list(vocab.chars)}).encode()
            write_all(target, memoryview(about + len(about).to_bytes(8, "little") + ENDING))


def _read_cache(cached: Path, stamp: list[int]) -> Corpus | None:
    """Map cached ids, unless they are incomplete or the file has changed since."""
    try:
        file = cached.open("rb")
    except OSError:
        return None
    with file:
        ending = file.seek(0, os.SEEK_END) - 8 - len(ENDING)
        file.seek(max(ending, 0))
        length, mark = int.from_bytes(file.read(8), "little"), file.read()
        if mark != ENDING:
            return None
        file.seek(max(ending - length, 0))
        about = json.loads(file.read(length))
        if about["file"] != stamp:
            return None
        vocab = Vocabulary(about["chars"])
        return _mapped(file, vocab, (ending - length) // _smallest_dtype(vocab).itemsize)
