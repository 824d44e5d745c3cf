"""Several documents as one text: their files, where each begins, and batches that end with them.

The ids of the documents are in one array, with a border before and after each: E d1 E d2 E. The
state is set to zero before each E is read. So a network reads E as the first character of each
document, and has to predict it after the last, and no document helps with another.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charseq.files import release_pages
from charseq.texts import quote_path

Ids = NDArray[Any]
Places = NDArray[np.int64]
PIECE = 1 << 20  # ids that are searched at once, so that an array on disk takes little memory
IGNORED = -100  # a target that torch's cross-entropy leaves out


def list_files(paths: Iterable[str | Path]) -> list[str | Path]:
    """Return the files that paths stand for: of a folder, those in it, sorted by their paths.

    Hidden files, empty ones and links to folders are left out of a folder.
    """
    files: list[str | Path] = []
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112 - unlike Path.is_dir, it never raises
            files.append(path)
            continue
        found = sorted(_files_in(str(path)), key=lambda file: file.parts)
        if not found:
            raise FileNotFoundError(f"{quote_path(path)} is a folder without a file of text")
        files += found
    if not files:
        raise ValueError("there is no file: expected one or more")
    return files


def _files_in(folder: str) -> Iterator[Path]:
    for root, folders, names in os.walk(folder, onerror=_refuse_folder):
        folders[:] = [name for name in folders if name[0] != "."]
        for file in (Path(root, name) for name in names if name[0] != "."):
            if file.is_file() and file.stat().st_size > 0:
                yield file


def _refuse_folder(error: OSError) -> None:
    raise OSError(f"{quote_path(error.filename)} is a folder that cannot be read: {error.strerror}")


def places_of(ids: Ids, id_: int) -> Places:
    """Return where an id is, in growing order."""
    found = [
        np.flatnonzero(ids[start : start + PIECE] == id_) + start
        for start in range(0, len(ids), PIECE)
    ]
    return np.concatenate(found)


def bounds_of_documents(ids: Ids, border: int) -> tuple[Places, Places]:
    """Return where each document begins, at its border, and where the next border is.

    So ``ids[begin : end]`` is what is read of a document, and ``ids[begin + 1 : end + 1]`` what is
    to be predicted. A part of a text that does not begin with a border begins within a document.
    """
    begins = places_of(ids[:-1], border)
    if not len(begins) or begins[0]:
        begins = np.concatenate([[0], begins])
    return begins, np.append(begins[1:], len(ids) - 1)


class DocumentBatches:
    """The batches of one reading of all documents, in which each row reads whole pieces of them.

    A piece holds up to T characters of one document, from its beginning on. All rows read equally
    many pieces, but for one. Row i continues row i of the batch before, unless it begins.

    Parameters
    ----------
    ids : ndarray of shape (N,)
        The documents.
    border : int
        The id that is before and after each.
    batch_size, length : int
        B and T.

    Raises
    ------
    ValueError
        If there are fewer pieces than rows.
    """

    def __init__(self, ids: Ids, border: int, batch_size: int, length: int) -> None:
        self._ids, self._length = ids, length
        self._begins, self._ends = bounds_of_documents(ids, border)
        counts = -(-(self._ends - self._begins) // length)
        self._first = np.cumsum(counts) - counts  # the number of each document's first piece
        pieces = int(counts.sum())
        if pieces < batch_size:
            raise ValueError(
                f"{len(counts)} documents, of {len(ids) - 1 - len(counts)} characters, make "
                f"{pieces} pieces of at most {length} characters: the largest batch_size that fits "
                f"is {pieces}"
            )
        self._rows = pieces * np.arange(batch_size + 1) // batch_size
        self._count = -(-pieces // batch_size)

    def __len__(self) -> int:
        """Return the number of batches."""
        return self._count

    def __getitem__(self, batch: int) -> tuple[NDArray[np.bool_], Places, Places]:
        """Return which rows begin from zeros (B,), and x and y (B, T); some of y are `IGNORED`."""
        begins, starts, sizes = self._pieces(np.array(batch))
        return begins, *cut(self._ids, starts, sizes)

    def padding(self) -> float:
        """Return the share of what the batches hold that is not read."""
        places = 0
        for first in range(0, len(self), 4096):
            batches = np.arange(first, min(first + 4096, len(self)))
            sizes = self._pieces(batches[:, None])[2]  # (batches, B)
            places += int(sizes.max(axis=1).sum()) * sizes.shape[1]
        return 1 - (len(self._ids) - 1) / places

    def _pieces(self, batch: Places) -> tuple[NDArray[np.bool_], Places, Places]:
        """Return of each row's piece whether it begins from zeros, its start and its size."""
        number = self._rows[:-1] + batch
        is_over = number >= self._rows[1:]
        number = np.where(is_over, self._rows[:-1], number)
        document = np.searchsorted(self._first, number, side="right") - 1
        within = number - self._first[document]
        starts = self._begins[document] + within * self._length
        sizes = np.minimum(self._length, self._ends[document] - starts)
        return (within == 0) | (batch == 0), starts, np.where(is_over, 0, sizes)


def document_windows(
    ids: Ids,
    bounds: tuple[Places, Places],
    batch_size: int,
    length: int,
    rng: np.random.Generator,
) -> tuple[Places, Places]:
    """Return a batch of windows around random characters, none of which leaves its document.

    A document that is not longer than a window is read from its beginning to its end.
    """
    begins, ends = bounds
    around = rng.integers(len(ids) - 1, size=batch_size)
    document = np.searchsorted(begins, around, side="right") - 1
    begin, end = begins[document], ends[document]
    starts = around - rng.integers(length, size=batch_size)
    starts = np.clip(starts, begin, np.maximum(begin, end - length))
    return cut(ids, starts, np.minimum(length, end - starts))


def cut(ids: Ids, starts: Places, sizes: Places) -> tuple[Places, Places]:
    """Return x and y of pieces (B,), as wide as the largest; what is beyond a piece is ignored."""
    steps = np.arange(sizes.max())
    places = np.where(steps < sizes[:, None], starts[:, None] + steps, starts[:, None])  # (B, T)
    x, y = (ids[places + shift].astype(np.int64) for shift in (0, 1))
    y[steps >= sizes[:, None]] = IGNORED
    release_pages(ids)
    return x, y
