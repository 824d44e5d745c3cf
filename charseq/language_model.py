"""Training a language model on a corpus, by truncated backpropagation through time."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charseq._checks import (
    check_at_least,
    check_choice,
    check_integers,
    check_same_vocab_size,
)
from charseq.corpus import Corpus, streams, windows
from charseq.history import UpdateRecord
from charseq.layers import State
from charseq.model import CharRNN, drawing_from
from charseq.processes import Replica, check_enough_rows, from_rank_0, rows_of
from charseq.training import Diverged, what_to_try
from charseq.vocab import Vocabulary

__all__ = ["Run", "Settings", "evaluate", "language_model_steps", "learning_rate"]

OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


@dataclass(frozen=True)
class Settings:
    """How a language model is trained: plain data, which a run folder keeps as JSON.

    Parameters
    ----------
    steps : int, default=1000
        Training steps: updates of the weights.
    batch_size : int, default=32
        B, texts read side by side.
    length : int, default=64
        T, the characters that the gradient is sent back through.
    order : {"streams", "windows"}, default="streams"
        Read B contiguous streams and carry the state, or start from zeros at random places.
    optimizer : {"adamw", "adam", "sgd"}, default="adamw"
        Which of torch's.
    lr : float, default=0.002
        Largest learning rate.
    momentum : float, default=0.9
        Of SGD.
    weight_decay : float, default=0.0
        Of the optimizer.
    schedule : {"cosine", "linear", "constant"}, default="cosine"
        How the rate falls from its largest value to zero, or that it does not.
    warmup : int, default=0
        Steps over which the rate first grows from zero.
    clip_norm : float or None, default=1.0
        Shorten a gradient that is longer than this.
    evaluate_every : int, default=100
        Steps between two measurements on the held-back text; 0 for none.
    patience : int or None, default=None
        Stop after this many measurements in a row without a new best.
    seed : int, default=0
        All random choices of the run derive from it.

    Raises
    ------
    ValueError
        If a value is out of range.

    Examples
    --------
    >>> from charseq import Settings
    >>> Settings(steps=200, lr=0.01).schedule
    'cosine'
    """

    steps: int = 1000
    batch_size: int = 32
    length: int = 64
    order: str = "streams"
    optimizer: str = "adamw"
    lr: float = 2e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "cosine"
    warmup: int = 0
    clip_norm: float | None = 1.0
    evaluate_every: int = 100
    patience: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        least = {
            "steps": 1,
            "batch_size": 1,
            "length": 1,
            "warmup": 0,
            "evaluate_every": 0,
            "seed": 0,
        }
        if self.patience is not None:
            least["patience"] = 1
        for name, bound in least.items():
            check_integers(bound, **{name: getattr(self, name)})
        choices = {
            "order": ("streams", "windows"),
            "optimizer": tuple(OPTIMIZERS),
            "schedule": ("cosine", "linear", "constant"),
        }
        for name, allowed in choices.items():
            check_choice(name, getattr(self, name), allowed)
        if not (self.lr > 0 and math.isfinite(self.lr)):
            raise ValueError(f"lr must be positive and finite, got {self.lr}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be 0 to below 1, got {self.momentum}")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay must be 0 or more and finite, got {self.weight_decay}")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise ValueError(f"clip_norm must be positive, got {self.clip_norm}")


def learning_rate(settings: Settings, step: int) -> float:
    """Return the learning rate of a step, a function of its number alone.

    Parameters
    ----------
    settings : Settings
        With `lr`, `schedule`, `warmup` and `steps`.
    step : int
        From 1.

    Returns
    -------
    float
        Between 0 and ``settings.lr``; the last step of a falling schedule has a rate above 0.

    Examples
    --------
    >>> from charseq import Settings
    >>> settings = Settings(steps=4, lr=1.0, schedule="linear")
    >>> [round(learning_rate(settings, step), 2) for step in (1, 2, 3, 4)]
    [1.0, 0.75, 0.5, 0.25]
    """
    if step <= settings.warmup:
        return settings.lr * step / settings.warmup
    done = (step - 1 - settings.warmup) / max(1, settings.steps - settings.warmup)
    shares = {"constant": 1.0, "linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}
    return settings.lr * shares[settings.schedule]


@dataclass
class Run:
    """All that a run needs to continue, except its text.

    There is no random generator in it: each random choice derives from the seed and the number of
    the step. So a run that is resumed makes the choices that it would have made.

    Parameters
    ----------
    model : CharRNN
        With its weights as they are now.
    vocab : Vocabulary
        Of the text, with as many characters as the model.
    settings : Settings
        How to train.
    optimizer : torch.optim.Optimizer, optional
        Made from the settings by default.
    step : int, default=0
        Updates made so far.
    hidden : torch.Tensor or tuple, optional
        State carried from the last batch to the next, (L, B, H); for an LSTM a pair of such.
    best_loss : float, default=inf
        Smallest loss on the held-back text so far.
    since_best : int, default=0
        Measurements since then.

    Raises
    ------
    ValueError
        If `vocab` and `model` differ in size.
    """

    model: CharRNN
    vocab: Vocabulary
    settings: Settings
    optimizer: torch.optim.Optimizer | None = None
    step: int = 0
    hidden: State | None = None
    best_loss: float = math.inf
    since_best: int = 0

    def __post_init__(self) -> None:
        check_same_vocab_size(self.vocab, self.model)
        if self.optimizer is None:
            options: dict[str, Any] = {"weight_decay": self.settings.weight_decay}
            if self.settings.optimizer == "sgd":
                options["momentum"] = self.settings.momentum
            make = OPTIMIZERS[self.settings.optimizer]
            # fused: all weights in one call; 3 % of the time of a small network's step
            self.optimizer = make(
                self.model.parameters(), lr=self.settings.lr, fused=True, **options
            )

    @property
    def finished(self) -> bool:
        """Whether all steps have been made, or the patience has run out."""
        patience = self.settings.patience
        return self.step >= self.settings.steps or (
            patience is not None and self.since_best >= patience
        )


def language_model_steps(
    run: Run, train: Corpus, valid: Corpus | None = None
) -> Iterator[UpdateRecord]:
    r"""Train by truncated backpropagation through time, and yield one record per update.

    Each step reads the next T characters of B streams, measures the :eq:`cross-entropy`, sends the
    gradient back through these T steps and no further, and moves the weights. The state is carried
    to the next step by its values alone: it is detached from the graph that made it.

    If ``torch.distributed`` has been initialised, each process reads its share of the B rows, and
    all make the same step, with the gradient of the whole batch.

    Parameters
    ----------
    run : Run
        Where the run stands. It is updated in place before each record is yielded, so that it can
        be saved, or abandoned, at any record.
    train : Corpus
        Text to learn from.
    valid : Corpus, optional
        Text to measure on, every ``settings.evaluate_every`` steps and after the last.

    Yields
    ------
    UpdateRecord
        Until the run is finished.

    Raises
    ------
    ValueError
        If the text is too short for the batch, or encoded with another vocabulary; with several
        processes also if they are more than the rows of the batch, or stand at different steps.
    Diverged
        If the loss or the gradient becomes NaN or infinite; the weights are those of the last good
        step.
    ConnectionError
        If another process has ended or cannot be reached.

    Examples
    --------
    >>> from charseq import CharRNN, Corpus, Run, Settings, language_model_steps
    >>> corpus = Corpus.from_text("to be or not to be, that is the question. " * 20)
    >>> model = CharRNN(len(corpus.vocab), hidden_size=32, cell="GRU", seed=0)
    >>> run = Run(model, corpus.vocab, Settings(steps=60, batch_size=8, length=20, lr=0.02))
    >>> losses = [record.loss for record in language_model_steps(run, corpus)]
    >>> losses[0] > 2.5 and losses[-1] < 2.0
    True
    """
    for corpus in (train, valid):
        if corpus is not None and corpus.vocab != run.vocab:
            raise ValueError("the text is encoded with another vocabulary than the run's")
    # Checked here rather than at the first step, so that a mistake shows where it is made.
    next(_batches(train, run.settings, run.step))
    if valid is not None and len(valid) < 2:
        raise ValueError(f"the held-back text needs at least 2 characters, got {len(valid)}")
    check_enough_rows(run.settings.batch_size)
    return _language_model_steps(run, train, valid)


def _language_model_steps(run: Run, train: Corpus, valid: Corpus | None) -> Iterator[UpdateRecord]:
    settings, model, optimizer = run.settings, run.model, run.optimizer
    assert optimizer is not None
    parameters = list(model.parameters())
    limit = math.inf if settings.clip_norm is None else settings.clip_norm
    replica = Replica(model, settings.batch_size, run.step)
    for from_zeros, x, y in _batches(train, settings, run.step):
        if run.finished:
            return
        model.train()
        step = run.step + 1
        rate = learning_rate(settings, step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        with _dropout_from(settings.seed, step, replica.rows.start, model):
            loss, hidden = replica.backward(x, y, None if from_zeros else run.hidden)
        norm = nn.utils.clip_grad_norm_(parameters, limit)
        record = UpdateRecord(step, loss.item(), norm.item(), rate)
        if not (math.isfinite(record.loss) and math.isfinite(record.gradient_norm)):
            raise Diverged(what_to_try(f"step {step}", record, optimizer, settings.clip_norm))
        optimizer.step()
        run.step, run.hidden = step, hidden
        every = settings.evaluate_every
        if valid is not None and every and (step % every == 0 or step == settings.steps):
            measured = from_rank_0(partial(evaluate, model, valid))
            run.since_best = 0 if measured < run.best_loss else run.since_best + 1
            run.best_loss = min(run.best_loss, measured)
            record = replace(record, valid_loss=measured)
        yield record


def evaluate(model: CharRNN, corpus: Corpus, *, batch_size: int = 16, length: int = 256) -> float:
    """Measure the loss on a text, each character but the first predicted once.

    Parameters
    ----------
    model : CharRNN
        Left in the mode, training or not, in which it was.
    corpus : Corpus
        At least two characters.
    batch_size : int, default=16
        Pieces that are read side by side, each from a state of zeros; 1 reads the text in one go.
    length : int, default=256
        Characters read in one call; changes the time that it takes, not the result.

    Returns
    -------
    float
        Mean cross-entropy in nats a character; divided by ln 2, bits a character.

    Raises
    ------
    ValueError
        If the text has fewer than two characters, or a number is below 1.
    """
    check_at_least(1, batch_size=batch_size, length=length)
    ids = corpus.ids
    if len(ids) < 2:
        raise ValueError(f"evaluation needs at least 2 characters, got {len(ids)}")
    predictions = len(ids) - 1
    rows = min(batch_size, predictions)
    columns = predictions // rows
    was_training = model.training
    model.eval()
    with torch.no_grad():
        total = 0.0
        state: State | None = None
        for start in range(0, columns, length):
            stop = min(start + length, columns)
            at = np.arange(start, stop) + columns * np.arange(rows)[:, None]  # (B, T)
            part, state = _summed_loss(model, ids, at, state)
            total += part
        if rows * columns < predictions:  # the few characters after the last row go on from it
            rest = np.arange(rows * columns, predictions)[None]
            last_row = None if state is None else rows_of(state, slice(-1, None))
            total += _summed_loss(model, ids, rest, last_row)[0]
    model.train(was_training)
    return total / predictions


def _summed_loss(
    model: CharRNN, ids: NDArray[Any], at: NDArray[Any], state: State | None
) -> tuple[float, State]:
    """Return the summed loss, added in float64, of the characters after those at some places."""
    x, y = (torch.from_numpy(np.asarray(ids[at + shift], dtype=np.int64)) for shift in (0, 1))
    logits, state = model(x, state)  # (B, T) -> (B, T, V)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1).double(), y.flatten(), reduction="sum")
    return loss.item(), state


def _batches(
    corpus: Corpus, settings: Settings, done: int
) -> Iterator[tuple[bool, Tensor, Tensor]]:
    """Yield the batches after the first `done`, and whether each starts from a state of zeros."""
    size, length = settings.batch_size, settings.length
    if settings.order == "windows":
        while True:
            done += 1
            x, y = next(
                windows(corpus.ids, size, length, np.random.default_rng([settings.seed, done]))
            )
            yield True, torch.from_numpy(x), torch.from_numpy(y)
    in_a_pass = (len(corpus.ids) - 1) // size // length
    while True:
        first = done % in_a_pass if in_a_pass else 0
        for x, y in islice(streams(corpus.ids, size, length), first, None):
            yield first == 0, torch.from_numpy(x), torch.from_numpy(y)
            first, done = first + 1, done + 1


def _dropout_from(
    seed: int, step: int, first_row: int, model: CharRNN
) -> AbstractContextManager[None]:
    """Let dropout draw from the seed and the step, and differ between processes."""
    if model.dropout.p == 0:
        return nullcontext()
    entropy = [seed, step, first_row] if first_row else [seed, step]
    return drawing_from(int(np.random.SeedSequence(entropy).generate_state(1)[0]))
