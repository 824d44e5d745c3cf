"""The training loop, as a generator: printing, plotting and stopping early stay ordinary Python."""

import math
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from charseq.corpus import Corpus, streams, windows
from charseq.history import History, Record, Step
from charseq.model import CharRNN, drawing_from
from charseq.vocab import Vocabulary

__all__ = [
    "Diverged",
    "Run",
    "Settings",
    "evaluate",
    "language_model_steps",
    "learning_rate",
    "train",
    "training_steps",
]

OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


class Diverged(FloatingPointError):  # noqa: N818 - it is a state of the run, as StopIteration is
    """The loss or its gradient is no longer a number.

    Attributes
    ----------
    history : History
        The records up to the last good step, where :func:`train` raised; empty where
        :func:`training_steps` did, which has handed its records out already.
    """

    def __init__(self, message: str, history: History | None = None) -> None:
        super().__init__(message)
        self.history = history or History(())


def training_steps(
    model: CharRNN,
    vocab: Vocabulary,
    text: str,
    *,
    epochs: int = 50,
    optimizer: torch.optim.Optimizer | None = None,
    clip_norm: float | None = None,
) -> Iterator[Record]:
    r"""Teach a model to predict each next character of a text, and yield a record a step.

    One epoch reads the whole text from a state of zeros, measures the :eq:`cross-entropy`,
    sends the gradient back through all steps, and moves the weights once. The record tells how
    things stood before that move.

    Parameters
    ----------
    model : CharRNN
        Trained in place.
    vocab : Vocabulary
        Turns `text` into ids; must have as many characters as `model`.
    text : str
        At least two characters: the first T are read, the last T predicted, T = len(text) - 1.
    epochs : int, default=50
        Steps to take.
    optimizer : torch.optim.Optimizer, optional
        By default SGD with ``lr=0.5, momentum=0.9``, :eq:`sgd-momentum`.
    clip_norm : float, optional
        Shorten a gradient that is longer than this; by default none is.

    Yields
    ------
    Record
        Epoch, loss, gradient norm and predicted text.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If the text is too short, `vocab` and `model` differ in size, a number is out of range, or
        the optimizer is another model's.
    Diverged
        If the loss or the gradient becomes NaN or infinite. The message says at which epoch.

    Examples
    --------
    >>> from charseq import CharRNN, Vocabulary, training_steps
    >>> text = "hello"
    >>> vocab = Vocabulary.from_text(text)
    >>> model = CharRNN(len(vocab), hidden_size=8, seed=0).double()
    >>> for record in training_steps(model, vocab, text, epochs=20):
    ...     if record.prediction == "ello":
    ...         print("spelled at epoch", record.epoch)
    ...         break
    spelled at epoch 7
    """
    # Checked here rather than at the first step, so that a mistake shows where it is made.
    if not isinstance(model, CharRNN):
        raise TypeError(f"model must be a CharRNN, got {type(model).__name__}")
    if not isinstance(vocab, Vocabulary):
        raise TypeError(f"vocab must be a Vocabulary, got {type(vocab).__name__}")
    _check_size(vocab, model)
    ids = torch.from_numpy(vocab.encode(text))  # (T + 1,)
    if len(ids) < 2:
        raise ValueError(
            f"training needs at least 2 characters, one to read and one to predict: got {text!r}"
        )
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    if clip_norm is not None and not clip_norm > 0:
        raise ValueError(f"clip_norm must be positive, got {clip_norm}")
    if optimizer is None:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"optimizer must be made already, as torch.optim.SGD(model.parameters(), lr=0.5) is: "
            f"got {optimizer!r}"
        )
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not any(id(p) in held for p in model.parameters()):
        raise ValueError("the optimizer holds none of this model's parameters: nothing would learn")
    x, y = ids[None, :-1], ids[1:]  # (1, T), (T,)
    return _steps(model, vocab, x, y, range(1, epochs + 1), optimizer, clip_norm)


def _steps(
    model: CharRNN,
    vocab: Vocabulary,
    x: torch.Tensor,
    y: torch.Tensor,
    epochs: range,
    optimizer: torch.optim.Optimizer,
    clip_norm: float | None,
) -> Iterator[Record]:
    parameters = list(model.parameters())
    model.train()
    for epoch in epochs:
        logits, _ = model(x)  # (1, T) -> (1, T, V)
        logits = logits[0]  # (T, V): cross_entropy wants a row of V logits for each target
        loss = nn.functional.cross_entropy(logits, y)  # (T, V), (T,) -> ()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(parameters, math.inf if clip_norm is None else clip_norm)
        record = Record(epoch, loss.item(), norm.item(), vocab.decode(logits.argmax(1)))
        if not (math.isfinite(record.loss) and math.isfinite(record.gradient_norm)):
            raise Diverged(_what_to_try(f"epoch {epoch}", record, optimizer, clip_norm))
        optimizer.step()
        yield record


def train(
    model: CharRNN,
    vocab: Vocabulary,
    text: str,
    *,
    epochs: int = 50,
    optimizer: torch.optim.Optimizer | None = None,
    clip_norm: float | None = None,
) -> History:
    """Run :func:`training_steps` to the end and keep every record.

    A run of more than two seconds shows its progress in a terminal, and nowhere else.

    Parameters
    ----------
    model, vocab, text, epochs, optimizer, clip_norm
        As in :func:`training_steps`.

    Returns
    -------
    History
        One record an epoch.

    Raises
    ------
    TypeError, ValueError
        As in :func:`training_steps`.
    Diverged
        If the loss or the gradient becomes NaN or infinite; its ``history`` holds what came before.

    Examples
    --------
    >>> from charseq import CharRNN, Vocabulary, train
    >>> vocab = Vocabulary.from_text("hello")
    >>> model = CharRNN(len(vocab), hidden_size=8, seed=0).double()
    >>> history = train(model, vocab, "hello", epochs=20)
    >>> print(history.log(every=10))
    epoch 10   loss:0.047  prediction:ello
    epoch 20   loss:0.000  prediction:ello
    """
    steps = training_steps(
        model, vocab, text, epochs=epochs, optimizer=optimizer, clip_norm=clip_norm
    )
    records: list[Record] = []
    try:
        # disable=None: silent unless standard error is a terminal, so never in a page or notebook.
        for record in tqdm(steps, total=epochs, unit="epoch", delay=2, leave=False, disable=None):
            records.append(record)  # noqa: PERF402 - those before a Diverged are kept
    except Diverged as error:
        raise Diverged(str(error), History(tuple(records))) from None
    return History(tuple(records))


@dataclass(frozen=True)
class Settings:
    """How a language model is trained; plain data, which a run folder keeps as JSON.

    Parameters
    ----------
    steps : int, default=1000
        Updates of the weights.
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
        Stop after so many measurements without a new best.
    seed : int, default=0
        What all random choices of the run derive from.

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
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < bound:
                raise ValueError(f"{name} must be an integer of at least {bound}, got {value!r}")
        choices = {
            "order": ("streams", "windows"),
            "optimizer": tuple(OPTIMIZERS),
            "schedule": ("cosine", "linear", "constant"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}"
                )
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
    """All that a run needs to go on, beside its text.

    There is no generator among it: each random choice derives from the seed and the number of the
    step, so a run that goes on makes the choices that it would have made.

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
        State carried from the last batch to the next, of shape (L, B, H); for an LSTM two of them.
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
    hidden: Any = None
    best_loss: float = math.inf
    since_best: int = 0

    def __post_init__(self) -> None:
        _check_size(self.vocab, self.model)
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
        """Whether all steps are made, or patience ran out."""
        patience = self.settings.patience
        return self.step >= self.settings.steps or (
            patience is not None and self.since_best >= patience
        )


def language_model_steps(run: Run, train: Corpus, valid: Corpus | None = None) -> Iterator[Step]:
    r"""Train by truncated backpropagation through time, and yield a record a step.

    Each step reads the next T characters of B streams, measures the :eq:`cross-entropy`, sends the
    gradient back through these T steps and no further, and moves the weights. The state is carried
    to the next step by its values alone: it is detached from the graph that made it.

    Where ``torch.distributed`` has been initialised, each process reads its share of the B rows,
    and all make the same step: with the gradient of the whole batch.

    Parameters
    ----------
    run : Run
        Where the run stands; updated in place before each record is yielded, so that it can be
        saved, or left, at any record.
    train : Corpus
        Text to learn from.
    valid : Corpus, optional
        Text to measure on, every ``settings.evaluate_every`` steps and after the last.

    Yields
    ------
    Step
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
    _, world = process()
    if run.settings.batch_size < world:
        raise ValueError(
            f"batch_size must be at least {world}, a row for each process, got "
            f"{run.settings.batch_size}"
        )
    return _language_model_steps(run, train, valid)


def _language_model_steps(run: Run, train: Corpus, valid: Corpus | None) -> Iterator[Step]:
    settings, model, optimizer = run.settings, run.model, run.optimizer
    assert optimizer is not None
    parameters = list(model.parameters())
    limit = math.inf if settings.clip_norm is None else settings.clip_norm
    rank, world = process()
    B = settings.batch_size
    mine = slice(B * rank // world, B * (rank + 1) // world)  # the rows of this process
    if world > 1:
        _begin_alike(run)
    for fresh, x, y in _batches(train, settings, run.step):
        if run.finished:
            return
        model.train()
        number = run.step + 1
        rate = learning_rate(settings, number)
        for group in optimizer.param_groups:
            group["lr"] = rate
        state = None if fresh else run.hidden
        if world > 1:
            x, y, state = x[mine], y[mine], _rows(state, mine)
        with _dropout_of(model, settings.seed, number, mine.start):
            logits, hidden = model(x, state)  # (B, T) -> (B, T, V)
        if model.fast:  # whose logits lie in memory time first: flattened so, they are not copied
            logits, y = logits.transpose(0, 1), y.T
        # cross_entropy wants a row of V logits for each target: (B * T, V), (B * T,) -> ()
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        hidden = _detached(hidden)
        if world > 1:
            loss, hidden = _averaged(parameters, loss.detach(), hidden, mine, B)
        norm = nn.utils.clip_grad_norm_(parameters, limit)
        record = Step(number, loss.item(), norm.item(), rate)
        if not (math.isfinite(record.loss) and math.isfinite(record.gradient_norm)):
            raise Diverged(_what_to_try(f"step {number}", record, optimizer, settings.clip_norm))
        optimizer.step()
        del logits, loss  # the next step can use their memory
        run.step, run.hidden = number, hidden
        every = settings.evaluate_every
        if valid is not None and every and (number % every == 0 or number == settings.steps):
            # One process measures, so that all agree on what was best and on when to stop.
            measured = evaluate(model, valid) if rank == 0 else 0.0
            if world > 1:
                (measured,) = added_up(torch.tensor([measured], dtype=torch.float64)).tolist()
            run.since_best = 0 if measured < run.best_loss else run.since_best + 1
            run.best_loss = min(run.best_loss, measured)
            record = Step(number, record.loss, record.gradient_norm, record.lr, measured)
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
    for name, value in (("batch_size", batch_size), ("length", length)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    ids = corpus.ids
    if len(ids) < 2:
        raise ValueError(f"evaluation needs at least 2 characters, got {len(ids)}")
    predictions = len(ids) - 1
    rows = min(batch_size, predictions)
    columns = predictions // rows
    was_training = model.training
    model.eval()
    with torch.no_grad():
        total, state = 0.0, None
        for start in range(0, columns, length):
            stop = min(start + length, columns)
            at = np.arange(start, stop) + columns * np.arange(rows)[:, None]  # (B, T)
            part, state = _summed_loss(model, ids, at, state)
            total += part
        if rows * columns < predictions:  # the few characters after the last row go on from it
            rest = np.arange(rows * columns, predictions)[None]
            total += _summed_loss(model, ids, rest, _rows(state, slice(-1, None)))[0]
    model.train(was_training)
    return total / predictions


def _summed_loss(model: CharRNN, ids: Any, at: Any, state: Any) -> tuple[float, Any]:
    x, y = (torch.from_numpy(np.asarray(ids[at + shift], dtype=np.int64)) for shift in (0, 1))
    logits, state = model(x, state)  # (B, T) -> (B, T, V)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1).double(), y.flatten(), reduction="sum")
    return loss.item(), state


def _batches(
    corpus: Corpus, settings: Settings, done: int
) -> Iterator[tuple[bool, torch.Tensor, torch.Tensor]]:
    """Batches from the one after `done` on, and whether each starts from a state of zeros."""
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


def _dropout_of(model: CharRNN, seed: int, step: int, row: int) -> Any:
    """Let dropout draw from the seed, the number of the step and that of the first row."""
    if model.dropout.p == 0:
        return nullcontext()
    chance = [seed, step, row] if row else [seed, step]
    return drawing_from(int(np.random.SeedSequence(chance).generate_state(1)[0]))


def _detached(state: Any) -> Any:
    """Keep the values and forget how they came about: the gradient stops here."""
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


def _rows(state: Any, rows: slice) -> Any:
    """Take some rows of a batch's state, (L, B, H), for an LSTM of both its parts."""
    if isinstance(state, tuple):
        return tuple(_rows(part, rows) for part in state)
    return None if state is None else state[:, rows].contiguous()


# --- several processes ----------------------------------------------------------------------------
# All that they tell each other is a sum: of gradients, each weighted by its share of the rows; of
# the carried state, where each has zeros in the rows of others; of what one of them knows, where
# the others have zeros. DistributedDataParallel would hide the first behind the backward pass, to
# send it while that still runs; one message a step is slower by little in nets of this size, and
# can be read. After it, each process has all that a run needs to be saved.


def process() -> tuple[int, int]:
    """Return the number of this process, and how many there are."""
    group = torch.distributed
    if not (group.is_available() and group.is_initialized()):  # some builds of torch lack it
        return 0, 1
    return group.get_rank(), group.get_world_size()


def added_up(numbers: torch.Tensor) -> torch.Tensor:
    """Return the sum over all processes, the same in each; in place."""
    try:
        torch.distributed.all_reduce(numbers)
    except RuntimeError as error:
        raise ConnectionError("another process has ended, or cannot be reached") from error
    return numbers


def _begin_alike(run: Run) -> None:
    """See that all processes stand at the same step, and give them the weights of the first."""
    rank, world = process()
    steps = torch.zeros(world, dtype=torch.int64)
    steps[rank] = run.step
    found = sorted(set(added_up(steps).tolist()))
    if len(found) > 1:
        raise ValueError(
            f"the processes stand at the steps {', '.join(map(str, found))}: give each the same "
            "run folder, as it is now"
        )
    for parameter in run.model.parameters():
        added_up(parameter.data if rank == 0 else parameter.data.zero_())


def _averaged(
    parameters: list[nn.Parameter], loss: torch.Tensor, hidden: Any, mine: slice, B: int
) -> tuple[torch.Tensor, Any]:
    """Replace the gradient of some rows by that of all; return the loss and state of all."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    parts = hidden if isinstance(hidden, tuple) else (hidden,)
    states = [part.new_zeros(len(part), B, part.shape[2]) for part in parts]  # (L, B, H)
    for state, part in zip(states, parts, strict=True):
        state[:, mine] = part
    share = (mine.stop - mine.start) / B
    sums = added_up(
        torch.cat(
            [part.flatten() * share for part in (loss, *gradients)] + [s.flatten() for s in states]
        )
    )
    whole = [loss, *gradients, *states]
    for part, total in zip(whole, torch.split(sums, [p.numel() for p in whole]), strict=True):
        part.copy_(total.view_as(part))
    return loss, tuple(states) if isinstance(hidden, tuple) else states[0]


def _check_size(vocab: Vocabulary, model: CharRNN) -> None:
    if len(vocab) != model.vocab_size:
        raise ValueError(
            f"the vocabulary has {len(vocab)} characters and the model {model.vocab_size}: "
            "make the model with vocab_size=len(vocab)"
        )


def _what_to_try(
    where: str, record: Record | Step, optimizer: torch.optim.Optimizer, clip_norm: float | None
) -> str:
    rate = optimizer.param_groups[0]["lr"]
    advice = f"try a lower learning rate (it is {rate:g})"
    if clip_norm is None:
        advice += " or clip_norm=1.0"
    return (
        f"{where}: the loss is {record.loss:g} and its gradient norm "
        f"{record.gradient_norm:g}, where finite numbers were expected; {advice}, and check "
        "that the initial weights are finite"
    )
