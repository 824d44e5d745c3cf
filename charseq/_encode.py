"""Encode files of text: collect their characters, and write their ids to another file."""

import hashlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from charseq.files import write_all
from charseq.texts import CleanedText, open_text, quote_path, text_chunks
from charseq.vocab import Vocabulary, code_points, vocabulary_of

# Yields each file of a text, open, with its path. It is called once for each reading.
OpenFiles = Callable[[], Iterable[tuple[str | Path, IO[bytes]]]]


class How(NamedTuple):
    """How files are read."""

    vocab: Vocabulary | None
    encoding: str
    raw: bool
    min_count: int | None


def open_each(paths: Iterable[str | Path]) -> Iterator[tuple[str | Path, IO[bytes]]]:
    """Open one file after another."""
    for path in paths:
        with open_text(path) as source:
            yield path, source


def smallest_dtype(vocab: Vocabulary) -> np.dtype[Any]:
    """Return the smallest integer type that holds every id of a vocabulary."""
    return np.min_scalar_type(len(vocab) - 1)


def _collect_vocabulary(open_files: OpenFiles, how: How, border: bool) -> Vocabulary:
    """Collect the distinct characters of files, sorted by code point."""
    counts = np.zeros(0x110000, dtype=np.int64)  # one entry per code point
    for path, source in open_files():
        source.seek(0)
        for text in text_chunks(source, quote_path(path), how.encoding, raw=how.raw, warn=False):
            found = np.bincount(code_points(text))
            counts[: len(found)] += found
    return vocabulary_of(counts, how.min_count, border=border)


def write_ids(
    open_files: OpenFiles, how: How, target: IO[bytes], *, documents: bool = False
) -> tuple[Vocabulary, int, str]:
    """Write the ids of text files to another; return the vocabulary, their number and digest.

    If there are documents, or the vocabulary has a border, it is written before each and at the
    end.
    """
    vocab = how.vocab or _collect_vocabulary(open_files, how, documents)
    if documents and vocab.border is None:
        raise ValueError(NO_BORDER)
    dtype, count, digest = smallest_dtype(vocab), 0, hashlib.sha256()
    path: str | Path
    border, path = vocab.border or "", Path()  # the path is that of the file which is read now

    def write(text: str) -> None:
        nonlocal count
        ids = vocab.encode(text).astype(dtype)
        with name_text_in_errors(path):
            write_all(target, ids.data.cast("B"))
        digest.update(ids.data)
        count += len(text)

    for path, source in open_files():
        source.seek(0)
        write(border)
        start, quoted_path = count, quote_path(path)
        for text in text_chunks(source, quoted_path, how.encoding, raw=how.raw):
            if border and border in text:
                position = count - start + text.index(border)
                raise ValueError(f"{quoted_path} {border_problem(border, position)}")
            try:
                write(text)
            except ValueError:
                index, char = next((i, c) for i, c in enumerate(text) if c not in vocab)
                raise ValueError(
                    f"{quoted_path} holds {char!r} (U+{ord(char):04X}) at position "
                    f"{count - start + index}, which is not among the {len(vocab)} characters of "
                    "the vocabulary"
                ) from None
    write(border)
    return vocab, count, digest.hexdigest()


def border_problem(border: str, position: int) -> str:
    """Say what is wrong with a document that holds the border."""
    return (
        f"holds {border!r} (U+{ord(border):04X}) at position {position}, which stands between "
        "documents: take it out"
    )


def join_documents(text: str | Sequence[str], border: str | None) -> str:
    """Return documents in one text, with the border before and after each."""
    if border is None:
        raise ValueError(NO_BORDER)
    documents = [text] if isinstance(text, str) else text
    for number, document in enumerate(documents):
        name = "the text" if isinstance(text, str) else f"document {number}"
        if not document:
            raise ValueError(f"{name} is empty: expected one character or more")
        if border in document:
            raise ValueError(f"{name} {border_problem(border, document.index(border))}")
    return border + border.join(documents) + border


NO_BORDER = (
    "the vocabulary has no border, which several documents need: it was made for a single text"
)


@contextmanager
def name_text_in_errors(path: str | Path) -> Iterator[None]:
    """Turn a system error, such as a full disk, into one that names the text being stored."""
    try:
        yield
    except OSError as error:
        if error.strerror is None:  # not from the system: this package has written its message
            raise
        target = f" to {error.filename!r}" if error.filename else ""
        advice = "; make space in the cache or, without one, for temporary files (TMPDIR)"
        advice = "" if error.filename else advice
        raise type(error)(
            f"the ids of {quote_path(path)} cannot be written{target}: {error.strerror}{advice}"
        ) from error


@contextmanager
def warning_once() -> Iterator[None]:
    """Of many files from which something was left out, name only the first."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CleanedText)
        yield
    cleaned = [warning for warning in caught if warning.category is CleanedText]
    for warning in caught:
        if warning.category is not CleanedText:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    if cleaned:
        others = len(cleaned) - 1
        more = f"; {others} more of the files {'have' if others > 1 else 'has'} such" * (others > 0)
        warnings.warn(f"{cleaned[0].message}{more}", CleanedText, stacklevel=4)
