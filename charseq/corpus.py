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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charseq._checks import check_at_least, check_text_ids
from charseq._documents import list_files, places_of
from charseq._encode import (
    NO_BORDER,
    How,
    join_documents,
    name_text_in_errors,
    open_each,
    smallest_dtype,
    warning_once,
    write_ids,
)
from charseq.files import MappedFile, check_regular, release_pages, replace_file, write_all
from charseq.texts import CHUNK, open_text, quote_path
from charseq.vocab import Vocabulary

__all__ = ["Corpus", "streams", "windows"]

Batch = tuple[NDArray[np.int64], NDArray[np.int64]]
Write = Callable[[IO[bytes]], tuple[Vocabulary, int, str]]

ENDING = b"charseq2"  # ends each cache file, so that a file that was cut short is recognized


# --- a text as ids --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class Corpus:
    """A text as ids, in as little memory as possible.

    Create one with :meth:`from_text` or, for a file of any size, with :meth:`from_file`. For
    several documents, give :meth:`from_text` a list, or :meth:`from_files` their files. Then the
    vocabulary has a border, ``vocab.border``, which is before and after each document.

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
        ids = check_text_ids(self.ids)
        lowest, highest = int(ids.min()), int(ids.max())
        if lowest < 0 or highest >= len(self.vocab):
            raise ValueError(
                f"id {lowest if lowest < 0 else highest} is out of range: expected 0 to "
                f"{len(self.vocab) - 1} for a vocabulary of {len(self.vocab)} {self.vocab.unit}"
            )
        object.__setattr__(self, "ids", ids)

    @classmethod
    def from_text(cls, text: str | Sequence[str], vocab: Vocabulary | None = None) -> "Corpus":
        """Encode a text, or a list of documents, that is in memory.

        Parameters
        ----------
        text : str, or list or tuple of str
            One character or more; or documents, each of one character or more.
        vocab : Vocabulary, optional
            By default that of :meth:`charseq.Vocabulary.from_text`. If it has a border, a single
            text is a document, too.

        Returns
        -------
        Corpus
            Its ids take one byte each for up to 256 distinct characters, otherwise two or four.

        Raises
        ------
        ValueError
            If `text` or a document is empty, or holds a character that `vocab` lacks, or holds the
            border; or if there are documents, and `vocab` has no border.

        Examples
        --------
        >>> Corpus.from_text("hello", Vocabulary("helo")).ids
        array([0, 1, 2, 2, 3], dtype=uint8)
        >>> Corpus.from_text(["ab", "b"]).ids  # here, 0 is the border
        array([0, 1, 2, 0, 2, 0], dtype=uint8)
        """
        vocab = Vocabulary.from_text(text) if vocab is None else vocab
        if vocab.border is not None or not isinstance(text, str):
            text = join_documents(text, vocab.border)
        return cls(vocab, vocab.encode(text).astype(smallest_dtype(vocab)))

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        *,
        vocab: Vocabulary | None = None,
        encoding: str = "utf-8",
        raw: bool = False,
        min_count: int | None = None,
        cache: str | Path | None = None,
    ) -> "Corpus":
        """Encode a file of any size in constant memory.

        The file is read in chunks. A first pass collects its characters, unless `vocab` is given. A
        second pass writes the ids to a file on disk, which is then mapped into memory. An id takes
        one byte, or two or four if there are more than 256 or 65,536 distinct characters.

        Parameters
        ----------
        path : str or pathlib.Path
            A file of text.
        vocab : Vocabulary, optional
            By default the distinct characters of the file, sorted.
        encoding : str, default="utf-8"
            The encoding of the file.
        raw : bool, default=False
            Keep a byte order mark and carriage returns, as in :func:`charseq.load_text`.
        min_count : int, optional
            Without `vocab`: read the characters that are in the file fewer times than this as one
            unknown character, as in :meth:`charseq.Vocabulary.from_text`.
        cache : str or pathlib.Path, optional
            A folder that stores the ids for the next call. The file is then read again only if its
            size, its modification time, or one of the other arguments has changed, or if the stored
            ids are damaged. By default the ids are in a temporary file, which is deleted together
            with the corpus.

        Returns
        -------
        Corpus
            A corpus with read-only ids.

        Raises
        ------
        TypeError
            If `vocab` has tokens of several characters.
        OSError
            If the file cannot be read, or the ids cannot be written.
        ValueError
            If the file is empty, binary, a pipe or not in this encoding, if the encoding is
            unknown, or if `vocab` lacks a character. The message names the byte or character and
            its position.

        See Also
        --------
        charseq.load_text : Read a file, a pipe, or a text with a name, as a string.

        Examples
        --------
        >>> import charseq
        >>> Corpus.from_file(charseq.vocab.__file__).decode(0, 44)
        '\"\"\"Text to ids to one-hot vectors, and back.'
        """
        if vocab is not None and vocab.unit != "characters":
            raise TypeError(
                "from_file reads characters: for pieces of words, use "
                "Corpus.from_text(load_text(path), vocab)"
            )
        _check_file(path)
        how = How(vocab, encoding, raw, min_count)
        with open_text(path) as source:
            write = partial(write_ids, lambda: [(path, source)], how)
            if cache is None:
                return _map_temporary(write)
            status = os.fstat(source.fileno())
            size_and_time = [status.st_size, status.st_mtime_ns]
            cache_file = _cache_path(Path(cache), path, how)
            corpus = _read_cache(cache_file, size_and_time)
            if corpus is None:
                _write_cache(cache_file, write, path, size_and_time)
                corpus = _read_cache(cache_file, size_and_time)
            if corpus is None:
                raise OSError(f"the ids in {quote_path(cache_file)} are not those just written")
            return corpus

    @classmethod
    def from_files(
        cls,
        paths: str | Path | Sequence[str | Path],
        *,
        vocab: Vocabulary | None = None,
        encoding: str = "utf-8",
        raw: bool = False,
        min_count: int | None = None,
    ) -> "Corpus":
        """Encode files of any size in constant memory, each of them a document.

        Parameters
        ----------
        paths : str, pathlib.Path, or sequence of str or pathlib.Path
            Files and folders. A folder stands for the files in it and in its folders, in the order
            of their paths, but for hidden and empty ones.
        vocab : Vocabulary, optional
            It must have a border. By default the distinct characters of the files, sorted, and
            U+0003, which is the border.
        encoding, raw, min_count : str, bool, int
            As in :meth:`from_file`.

        Returns
        -------
        Corpus
            The documents, with read-only ids in a temporary file, as from :meth:`from_file`.

        Raises
        ------
        OSError, ValueError
            As from :meth:`from_file`; the message names the file. Also if a folder holds no file, a
            file holds the border, or `vocab` has none.

        Warns
        -----
        CleanedText
            Once, if a byte order mark or carriage returns were left out of files.
        """
        files = list_files([paths] if isinstance(paths, (str, Path)) else paths)
        for file in files:
            _check_file(file)
        how = How(vocab, encoding, raw, min_count)
        with warning_once():
            return _map_temporary(
                partial(write_ids, partial(open_each, files), how, documents=True)
            )

    def __len__(self) -> int:
        """Return N, the number of characters, borders included."""
        return len(self.ids)

    def __repr__(self) -> str:
        """Return a summary: the length of the text and of its vocabulary."""
        counts = f"{len(self):,} {self.vocab.unit}, {len(self.vocab):,} distinct"
        several = "" if self.vocab.border is None else f"{self.count_documents():,} documents, "
        return f"Corpus({several}{counts})"

    def count_documents(self) -> int:
        """Return the number of documents. A text without borders is one.

        Returns
        -------
        int
            Also those count of which the corpus holds only a part.

        Examples
        --------
        >>> Corpus.from_text(["ab", "c"]).count_documents()
        2
        """
        return max(1, len(self._cuts()) + 1)

    def id_of_border(self) -> int:
        """Return the id of the border between documents.

        Returns
        -------
        int
            The position of ``vocab.border`` in the vocabulary.

        Raises
        ------
        ValueError
            If the vocabulary has no border.
        """
        if self.vocab.border is None:
            raise ValueError(NO_BORDER)
        return self.vocab.chars.index(self.vocab.border)

    def _cuts(self) -> NDArray[np.int64]:
        """Return the places of the borders between two documents."""
        if self.vocab.border is None:
            return np.empty(0, dtype=np.int64)
        places = places_of(self.ids, self.id_of_border())
        return places[(places > 0) & (places < len(self) - 1)]

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

    def digest(self) -> str:
        """Return a fingerprint of the ids, which tells apart two texts with the same vocabulary.

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
            digest.update(np.ascontiguousarray(ids, dtype=smallest_dtype(self.vocab)).data)
            release_pages(self.ids)
        return digest.hexdigest()

    def split(self, *, valid: float = 0.1, test: float = 0.0) -> tuple["Corpus", ...]:
        """Cut the text into a part for training and one or two held-back parts.

        The parts are contiguous, in the order train, valid, test, and do not overlap, so no batch
        of the training part has a held-back character, not even as its last target. They are views:
        no id is copied. Several documents are cut between two of them, where the shares come out
        best, and only the border there belongs to both parts.

        Parameters
        ----------
        valid : float, default=0.1
            Share of the text to hold back, at its end.
        test : float, default=0.0
            Share to hold back after the part `valid`; 0 for no third part.

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
            raise ValueError(
                "expected shares 0 < valid < 1 and 0 <= test < 1 that leave a part to learn from, "
                f"got valid={valid}" + (f" and test={test}" if test else "")
            )
        shares = [valid, test] if test else [valid]
        held_back = [int(len(self) * share) for share in shares]
        sizes = [len(self) - sum(held_back), *held_back]
        asked = f"valid={valid}" + (f" and test={test}" if test else "")
        for name, size in zip(("train", "valid", "test"), sizes, strict=False):
            if size < 2:
                raise ValueError(
                    f"{asked} of {len(self)} {self.vocab.unit} leaves {size} for {name}: each part "
                    "needs 2, one to read and one to predict, so take a longer text or another "
                    "share"
                )
        stops = np.cumsum(sizes).tolist()
        starts, shared = [0, *stops[:-1]], 0
        if len(cuts := self._cuts()):
            starts[1:] = [int(cuts[abs(cuts - start).argmin()]) for start in starts[1:]]
            stops[:-1], shared = starts[1:], 1
            if len({*starts}) < len(starts):
                raise ValueError(
                    f"{asked} of {len(cuts) + 1} documents leaves none for one part: each needs one"
                )
        return tuple(
            _make_unchecked_corpus(self.vocab, self.ids[start : stop + shared])
            for start, stop in zip(starts, stops, strict=True)
        )


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
    batch_size, length = _check_sizes(text, batch_size, length)
    batch_count = (len(text) - 1) // (batch_size * length)
    if not batch_count:
        raise ValueError(
            f"a batch of {batch_size} pieces of {length} characters takes "
            f"{batch_size * length + 1} characters, but the text has {len(text)}: the largest "
            f"batch_size that fits is {(len(text) - 1) // length}"
        )
    return _streams(text, batch_size, length, batch_count)


def _streams(text: NDArray[Any], B: int, T: int, batch_count: int) -> Iterator[Batch]:
    end = B * T * batch_count
    inputs = text[:end].reshape(B, -1)  # (B, batch_count * T), one row per stream
    targets = text[1 : end + 1].reshape(B, -1)  # the same, one character later
    for start in range(0, batch_count * T, T):
        x = inputs[:, start : start + T].astype(np.int64, order="C")  # (B, T)
        y = targets[:, start : start + T].astype(np.int64, order="C")  # (B, T)
        release_pages(text)
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
    batch_size, length = _check_sizes(text, batch_size, length)
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be np.random.default_rng(seed), got {type(rng).__name__}")
    return _windows(text, batch_size, length, rng)


def _windows(text: NDArray[Any], B: int, T: int, rng: np.random.Generator) -> Iterator[Batch]:
    while True:
        starts = rng.integers(len(text) - T, size=(B, 1))
        positions = starts + np.arange(T)  # (B, 1) + (T,) -> (B, T)
        x = text[positions].astype(np.int64)  # (B, T)
        y = text[positions + 1].astype(np.int64)  # (B, T)
        release_pages(text)
        yield x, y


def _check_sizes(text: NDArray[Any], batch_size: int, length: int) -> tuple[int, int]:
    """Return B and T as integers; raise unless they are positive and the text is longer than T."""
    batch_size, length = operator.index(batch_size), operator.index(length)
    check_at_least(1, batch_size=batch_size, length=length)
    if length >= len(text):
        raise ValueError(
            f"length={length} needs {length + 1} characters, the last one to predict, but the text "
            f"to learn from has {len(text)}: "
            + (
                f"take a longer text, or length={len(text) - 1} at most"
                if len(text) > 1
                else "expected 2 or more, one to read and one to predict"
            )
        )
    return batch_size, length


@contextmanager
def in_unit_of(vocab: Vocabulary) -> Iterator[None]:
    """Let the message of an error count what the ids of a vocabulary stand for."""
    try:
        yield
    except ValueError as error:
        raise ValueError(str(error).replace("characters", vocab.unit)) from None


# --- from a file to ids ---------------------------------------------------------------------------


def _check_file(path: str | Path) -> None:
    """Refuse a pipe or a device: even to open a pipe may wait for ever."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - unlike Path, it takes any text as a path
    except (OSError, ValueError):  # `open_text` says what is wrong
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ValueError(
            f"{quote_path(path)} is a pipe or a device, but the text is read twice: "
            "save it in a file first"
        )


# --- ids on disk ----------------------------------------------------------------------------------
# A cache file has five parts: the ids; JSON with their characters, their number and digest, and the
# size and time of the text file; the digest of that JSON; its length in eight bytes; and ENDING.
# Whatever was cut or changed, one of the digests tells, and the text is read again.


def _map_ids(file: IO[bytes], vocab: Vocabulary, count: int) -> Corpus:
    """Map a file into memory and return its first `count` ids as a corpus."""
    pages = MappedFile(file.fileno(), 0, access=mmap.ACCESS_READ)
    return _make_unchecked_corpus(vocab, np.frombuffer(pages, smallest_dtype(vocab), count))


def _make_unchecked_corpus(vocab: Vocabulary, ids: NDArray[Any]) -> Corpus:
    """Create a corpus from ids that are known to be in range, which saves a pass over the file."""
    corpus = object.__new__(Corpus)
    object.__setattr__(corpus, "vocab", vocab)
    object.__setattr__(corpus, "ids", ids)
    return corpus


def _map_temporary(write: Write) -> Corpus:
    """Write ids to a temporary file, which the system deletes when it is no longer mapped."""
    with tempfile.TemporaryFile(buffering=0) as target:
        vocab, count, _ = write(target)
        return _map_ids(target, vocab, count)


def _cache_path(cache: Path, path: str | Path, how: How) -> Path:
    chars = how.vocab and how.vocab.chars
    key = repr([str(Path(path).resolve()), how.encoding, how.raw, chars])
    if how.min_count or (
        how.vocab and how.vocab.to_json() != Vocabulary(how.vocab.chars).to_json()
    ):
        key += repr([how.min_count, how.vocab])
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return cache / f"{Path(path).stem[:40]}-{digest}.ids"


def _write_cache(
    cache_file: Path, write: Write, path: str | Path, size_and_time: list[int]
) -> None:
    with name_text_in_errors(path):
        cache_file.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(cache_file) as target:
            vocab, count, digest = write(target)
            about = json.dumps(
                {
                    "file": size_and_time,
                    **json.loads(vocab.to_json()),
                    "count": count,
                    "sha256": digest,
                }
            ).encode()
            end = hashlib.sha256(about).digest() + len(about).to_bytes(8, "little") + ENDING
            write_all(target, memoryview(about + end))


def _read_cache(cache_file: Path, size_and_time: list[int]) -> Corpus | None:
    """Map cached ids; return None if they are damaged or the text file has changed."""
    try:
        check_regular(cache_file)
        with cache_file.open("rb") as file:
            about, size_of_ids = _read_about(file)
            if about is None or about["file"] != size_and_time:
                return None
            special = {name: about.get(name) for name in ("border", "unknown")}
            vocab = Vocabulary(about["chars"], **special)
            if size_of_ids != about["count"] * smallest_dtype(vocab).itemsize:
                return None
            corpus = _map_ids(file, vocab, about["count"])
    except OSError:
        return None
    return corpus if corpus.digest() == about["sha256"] else None


def _read_about(file: IO[bytes]) -> tuple[dict[str, Any] | None, int]:
    """Return what a cache file says about its ids, or None if it is damaged, and their size."""
    size = file.seek(0, os.SEEK_END) - 32 - 8 - len(ENDING)
    file.seek(max(0, size))
    digest, size_of_json, ending = (
        file.read(32),
        int.from_bytes(file.read(8), "little"),
        file.read(),
    )
    size_of_ids = size - size_of_json
    if ending != ENDING or size_of_ids < 0:
        return None, 0
    file.seek(size_of_ids)
    text = file.read(size_of_json)
    return json.loads(text) if hashlib.sha256(text).digest() == digest else None, size_of_ids
