"""Sums of losses: of pieces of a text side by side, and of documents, each from zeros."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from charseq._devices import device_of, in_float64
from charseq._documents import Places, bounds_of_documents
from charseq.corpus import Corpus
from charseq.layers import State
from charseq.model import CharRNN
from charseq.processes import rows_of

# Reads pieces of a text side by side, see `charseq.language_model._reading`.
Read = Callable[[NDArray[Any], int, State | None], tuple[float, State | None]]


def summed_loss(
    model: CharRNN, ids: NDArray[Any], positions: NDArray[Any], state: State | None
) -> tuple[float, State]:
    """Read the characters at `positions` (B, T), and sum the losses of the next ones in float64."""
    x, y = (
        torch.from_numpy(np.asarray(ids[positions + shift], dtype=np.int64)) for shift in (0, 1)
    )
    logits, state = model(x.to(device_of(model)), state)  # (B, T) -> (B, T, V)
    logits = in_float64(logits.flatten(0, 1))
    loss = nn.functional.cross_entropy(logits, y.flatten().to(logits.device), reduction="sum")
    return loss.item(), state


def sum_over_documents(read: Read, corpus: Corpus, batch_size: int, length: int) -> float:
    """Sum the losses of all characters of all documents, and of the borders after them."""
    begins, ends = bounds_of_documents(corpus.ids, corpus.id_of_border())
    return _sum_over_pieces(read, begins, ends, batch_size, length)


def sum_over_places(
    read: Read, corpus: Corpus, starts: Places, columns: int, warm_up: int
) -> float:
    """Sum the losses of `columns` characters from each start on, cut where a document begins.

    Before a start within a document, up to `warm_up` characters of the document are read.
    """
    begins, _ = bounds_of_documents(corpus.ids, corpus.id_of_border())
    pieces: list[tuple[int, int]] = []
    warm_ups: list[tuple[int, int]] = []
    for start in starts.tolist():
        stop = start + columns
        first, last = np.searchsorted(begins, (start, stop - 1), side="right")
        edges = [*begins[first:last].tolist(), stop]  # where the pieces end
        begin = max(int(begins[first - 1]), start - warm_up)
        pieces += [(begin, edges[0]), *pairwise(edges)]
        if begin < start:
            warm_ups.append((begin, start))
    # What was read only as a warm-up is read once more, to take its loss away.
    all_, again = (np.array(part, dtype=np.int64).reshape(-1, 2).T for part in (pieces, warm_ups))
    return _sum_over_pieces(read, all_[0], all_[1], len(starts), columns) - _sum_over_pieces(
        read, again[0], again[1], len(starts), columns
    )


def _sum_over_pieces(
    read: Read, begins: Places, ends: Places, batch_size: int, length: int
) -> float:
    """Sum the losses of pieces, each read from zeros, side by side with others of its size."""
    order = np.argsort(begins - ends, kind="stable")  # the longest first
    starts, sizes = begins[order], (ends - begins)[order]
    total, k = 0.0, 0
    while k < len(starts):
        # So many short pieces that they hold as many characters as `batch_size` long ones.
        rows = slice(k, k + batch_size * max(1, length // int(sizes[k])))
        total += _sum_over_rows(read, starts[rows], sizes[rows])
        k = rows.stop
    return total


def _sum_over_rows(read: Read, starts: Places, sizes: Places) -> float:
    """Sum the losses of pieces that are read together, the longest first; each ends in its time."""
    total, done, state = 0.0, 0, None
    while len(starts):
        shortest = int(sizes[-1])
        loss, state = read(starts + done, shortest - done, state)
        total, done = total + loss, shortest
        left = int((sizes > done).sum())
        starts, sizes = starts[:left], sizes[:left]
        state = rows_of(state, slice(left)) if state is not None else None
    return total
