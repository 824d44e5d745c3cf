"""The batches that a run learns from, each given by the number of the training step before it."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from charseq._documents import DocumentBatches, bounds_of_documents, document_windows
from charseq.corpus import Batch, Corpus, streams, windows
from charseq.layers import State, map_state

Begins = bool | Tensor  # whether a batch starts from a state of zeros, or which of its rows do
Batches = Iterator[tuple[Begins, Tensor, Tensor]]


def batches(corpus: Corpus, settings: Any, step: int) -> Batches:
    """Yield the batches (x, y) after training step `step`, each (B, T).

    The settings are :class:`charseq.Settings`. Of documents, some of y are `IGNORED`.
    """
    ids, size, length = corpus.ids, settings.batch_size, settings.length
    if settings.order == "windows":
        draw = _drawing_of_windows(corpus, size, length)
        while True:
            step += 1
            x, y = draw(np.random.default_rng([settings.seed, step]))
            yield True, torch.from_numpy(x), torch.from_numpy(y)
    if corpus.vocab.border is not None:
        epoch = DocumentBatches(ids, corpus.id_of_border(), size, length)
        while True:
            begins, x, y = epoch[step % len(epoch)]
            yield torch.from_numpy(begins), torch.from_numpy(x), torch.from_numpy(y)
            step += 1
    batches_per_epoch = (len(ids) - 1) // size // length
    while True:
        batch = step % batches_per_epoch if batches_per_epoch else 0
        for x, y in islice(streams(ids, size, length), batch, None):
            yield batch == 0, torch.from_numpy(x), torch.from_numpy(y)
            batch, step = batch + 1, step + 1


def _drawing_of_windows(corpus: Corpus, size: int, length: int) -> Callable[[Generator], Batch]:
    """Return a function that draws a batch of windows; of documents, none leaves its own."""
    if corpus.vocab.border is None:
        return lambda rng: next(windows(corpus.ids, size, length, rng))
    bounds = bounds_of_documents(corpus.ids, corpus.id_of_border())
    return lambda rng: document_windows(corpus.ids, bounds, size, length, rng)


def state_before(state: State | None, begins: Begins) -> State | None:
    """Return the state that a batch starts from: that after the one before, or zeros where told."""
    if begins is True or state is None:
        return None
    if begins is False:
        return state
    mask = torch.as_tensor(begins)[:, None]
    return map_state(lambda part: part.masked_fill(mask.to(part.device), 0), state)
