"""Training a language model on a corpus by truncated backpropagation through time."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charseq._checks import check_at_least, check_same_vocab_size
from charseq._devices import FUSED, device_of, drawing_from, in_float64
from charseq._errors import UserError
from charseq.corpus import Corpus, check_batch, streams, windows
from charseq.history import UpdateRecord
from charseq.layers import State, map_state
from charseq.model import CharRNN
from charseq.processes import Replica, from_rank_0, rank_and_world_size, rows_of
from charseq.settings import Settings
from charseq.training import Diverged, clip_gradient, what_to_try
from charseq.vocab import Vocabulary

__all__ = ["Run", "evaluate", "language_model_steps", "learning_rate"]

HOW = ("params", "lr", "initial_lr", "fused", "foreach", "capturable", "differentiable")

# What a measurement costs is judged by counts, not by a clock, so that it is the same on each
# machine: to read a character takes less than half of the time that it takes to learn from one.
TRAINED_PER_MEASURED = 10
LEAST_SAMPLE = 10_000  # with fewer characters, chance would decide which weights are the best
PIECES = 16  # read side by side
WARM_UP = 256  # characters that each piece of a sample reads first, without being measured

Watch = Callable[[int, int], None]
# Reads pieces of a text side by side, see `_reading`.
Read = Callable[[NDArray[Any], int, State | None], tuple[float, State | None]]


def grow(model: CharRNN, vocab_size: int, *, seed: int | None = None) -> CharRNN:
    """Make a copy of a trained model that knows more characters.

    Parameters
    ----------
    model : CharRNN
        The model, which is not changed.
    vocab_size : int
        V of the copy. The characters that the model knows keep their ids, and the new ones follow.
    seed : int, optional
        Draws the weights of the new characters, as :class:`charseq.CharRNN` draws them.

    Returns
    -------
    CharRNN
        A model with the same weights, bit for bit, and new ones for the new characters only.

    Raises
    ------
    ValueError
        If the model knows more characters than that, or has no output layer.

    Examples
    --------
    >>> from charseq import CharRNN
    >>> from charseq.language_model import grow
    >>> model = CharRNN(vocab_size=5, hidden_size=3)
    >>> grow(model, 7).head.weight.shape
    torch.Size([7, 3])
    """
    if vocab_size < model.vocab_size:
        raise UserError(f"the model knows {model.vocab_size} characters, got {vocab_size}")
    if vocab_size > model.vocab_size and model.head is None:
        raise UserError("a model without an output layer cannot learn more characters")
    options: dict[str, Any] = {**model.options, "vocab_size": vocab_size, "seed": seed}
    larger = CharRNN(**options)
    larger.to(model.rnn.weight_ih_l0)
    with torch.no_grad():
        for weight, trained in zip(larger.parameters(), model.parameters(), strict=True):
            weight[tuple(map(slice, trained.shape))] = trained
    return larger.train(model.training)


def learning_rate(settings: Settings, step: int) -> float:
    """Return the learning rate of a training step, which depends on nothing but its number.

    Parameters
    ----------
    settings : Settings
        Its `lr`, `schedule`, `warmup` and `steps` are used.
    step : int
        The number of the training step; the first is 1.

    Returns
    -------
    float
        A rate above 0, even at the last training step, and at most ``settings.lr``.

    Examples
    --------
    >>> from charseq import Settings
    >>> settings = Settings(steps=4, lr=1.0, schedule="linear")
    >>> [round(learning_rate(settings, step), 2) for step in (1, 2, 3, 4)]
    [1.0, 0.75, 0.5, 0.25]
    """
    if step <= settings.warmup:
        return settings.lr * step / settings.warmup
    rest = max(1, settings.steps - settings.warmup)
    progress = (step - 1 - settings.warmup) / rest  # 0 to 1
    factors = {
        "constant": 1.0,
        "linear": 1 - progress,
        "cosine": (1 + math.cos(math.pi * progress)) / 2,
    }
    return settings.lr * factors[settings.schedule]


@dataclass
class Run:
    """All that a run needs to continue, except its text.

    A run contains no random generator. Each random choice derives from the seed and the number of
    the training step, so a resumed run makes the same choices as one that was never interrupted.

    Parameters
    ----------
    model : CharRNN
        The model with its current weights.
    vocab : Vocabulary
        The vocabulary of the text, with as many characters as the model.
    settings : Settings
        How to train.
    optimizer : torch.optim.Optimizer, optional
        AdamW by default, as the settings say.
    step : int, default=0
        The number of training steps made so far.
    hidden : torch.Tensor or tuple, optional
        The state that the next batch starts from, (L, B, H); for an LSTM, a pair of such tensors.
    best_loss : float, default=inf
        The smallest loss on the held-back text so far.
    since_best : int, default=0
        The number of measurements after the best one.

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
            # fused=True updates all weights in one call: 3 % less time for a small network
            self.optimizer = torch.optim.AdamW(
                self.model.parameters(),
                lr=self.settings.lr,
                weight_decay=self.settings.weight_decay,
                fused=device_of(self.model).type in FUSED,
            )

    @property
    def finished(self) -> bool:
        """Whether all training steps have been made, or the patience has run out."""
        return self.step >= self.settings.steps or self.out_of_patience

    @property
    def out_of_patience(self) -> bool:
        """Whether too many measurements in a row have brought no new best loss."""
        patience = self.settings.patience
        return patience is not None and self.since_best >= patience


def check_resumable(run: Run) -> None:
    """Refuse a run that is not as its settings say, because loading makes it from them."""

    def facts(of: Run) -> dict[str, Any]:
        assert of.optimizer is not None
        groups = of.optimizer.param_groups
        return {
            "kind": type(of.optimizer).__name__,
            "groups": [[id(parameter) for parameter in group["params"]] for group in groups],
            # The rate follows from the step; how an update is computed changes at most rounding.
            **{name: value for name, value in groups[0].items() if name not in HOW},
        }

    found, expected = facts(run), facts(Run(run.model, run.vocab, run.settings))
    unlike = [f"the optimizer's {name}" for name in expected if found.get(name) != expected[name]]
    types = {str(parameter.dtype).removeprefix("torch.") for parameter in run.model.parameters()}
    if types not in ({"float32"}, {"float64"}):
        unlike.append(f"weights in {', '.join(sorted(types))}")
    if not all(parameter.requires_grad for parameter in run.model.parameters()):
        unlike.append("frozen weights")
    if unlike:
        raise UserError(
            f"the run could not be resumed, because its settings know nothing of {unlike[0]}: "
            "change the run or its settings, or save its state dicts"
        )


def language_model_steps(
    run: Run, train: Corpus, valid: Corpus | None = None
) -> Iterator[UpdateRecord]:
    r"""Train by truncated backpropagation through time, and yield one record per update.

    Each training step reads the next T characters of B streams, measures the :eq:`cross-entropy`,
    sends the gradient back through these T time steps, and updates the weights. The next training
    step starts from the values of the last state, which is detached from the graph, so that the
    gradient goes no further back.

    The run is trained on the device of its model. ``run.model.to(device)`` may move it before this
    function is called; whatever else the run holds follows.

    If ``torch.distributed`` has been initialized, each process reads its share of the B rows. All
    processes make the same update, with the gradient of the whole batch.

    Parameters
    ----------
    run : Run
        The run to continue. It is updated in place before each record is yielded, so the caller can
        save it or stop at any record.
    train : Corpus
        The text to learn from.
    valid : Corpus, optional
        The text to measure on, every ``settings.evaluate_every`` training steps and after the last.
        If it is long, each measurement reads the same sample of it.

    Yields
    ------
    UpdateRecord
        One record per training step, until the run is finished.

    Raises
    ------
    ValueError
        If the text is too short for the batch, or encoded with another vocabulary. With several
        processes, also if the batch has fewer rows than there are processes, or if the processes
        are at different training steps.
    Diverged
        If the loss or the gradient becomes NaN or infinite. The weights are those of the last good
        training step.

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
            raise UserError("the text was not encoded with the vocabulary of the run")
    # The checks stand outside the generator, so that they run at the call, not at the first step.
    rows = run.settings.batch_size if run.settings.order == "streams" else 1
    check_batch(len(train), rows, run.settings.length, run.vocab.unit)
    if valid is not None and len(valid) < 2:
        raise UserError(f"the held-back text needs at least 2 {run.vocab.unit}, got {len(valid)}")
    check_at_least(rank_and_world_size()[1], batch_size=run.settings.batch_size)  # a row for each
    if run.settings.patience is not None and not (valid and run.settings.evaluate_every):
        raise UserError(
            f"patience={run.settings.patience} counts measurements on held-back text, and there "
            "are none: hold back a part, and measure on it, or leave patience out"
        )
    _follow_model(run)
    return _language_model_steps(run, train, valid)


def _follow_model(run: Run) -> None:
    """Bring all that a run holds to the device of its model."""
    device, optimizer = device_of(run.model), run.optimizer
    assert optimizer is not None
    if run.hidden is not None:
        run.hidden = map_state(lambda part: part.to(device), run.hidden)
    for group in optimizer.param_groups:
        if group.get("fused"):
            group["fused"] = device.type in FUSED
    kept = [value for of_one in optimizer.state.values() for value in of_one.values()]
    if any(isinstance(value, Tensor) and value.device != device for value in kept):
        optimizer.load_state_dict(optimizer.state_dict())  # it moves each array to its parameter


def _language_model_steps(run: Run, train: Corpus, valid: Corpus | None) -> Iterator[UpdateRecord]:
    settings, model, optimizer = run.settings, run.model, run.optimizer
    assert optimizer is not None
    parameters, modules = list(model.parameters()), list(model.modules())
    replica = Replica(model, settings.batch_size, run.step)
    for from_zeros, x, y in _batches(train, settings, run.step):
        if run.finished:
            return
        start = perf_counter()
        if not all(module.training for module in modules):  # the caller may have changed it
            model.train()
        step = run.step + 1
        rate = learning_rate(settings, step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        with _seed_dropout(settings.seed, step, replica.rows.start, model):
            loss, state = replica.backward(x, y, None if from_zeros else run.hidden)
        norm = clip_gradient(parameters, settings.clip_norm)
        per_character = loss.item() * (y.numel() / run.vocab.count_characters(y))
        if not (math.isfinite(per_character) and math.isfinite(norm)):
            record = UpdateRecord(step, per_character, norm, rate)
            raise Diverged(what_to_try(f"step {step}", record, optimizer, settings.clip_norm))
        optimizer.step()
        # Here backpropagation through time is truncated: the next training step starts from the
        # values of this state, but no gradient goes back into the steps that made it.
        run.step, run.hidden = step, map_state(Tensor.detach, state)
        seconds = round(perf_counter() - start, 6)
        record = UpdateRecord(step, per_character, norm, rate, seconds=seconds)
        every = settings.evaluate_every
        if valid is not None and every and (step % every == 0 or step == settings.steps):
            valid_loss = from_rank_0(partial(measure, model, valid, settings))
            run.since_best = 0 if valid_loss < run.best_loss else run.since_best + 1
            run.best_loss = min(run.best_loss, valid_loss)
            record = replace(record, valid_loss=valid_loss)
        yield record


def _batches(train: Corpus, settings: Settings, step: int) -> Iterator[tuple[bool, Tensor, Tensor]]:
    """Yield the batches after training step `step`: whether each starts from zeros, x and y."""
    ids, size, length = train.ids, settings.batch_size, settings.length
    if settings.order == "windows":
        while True:
            step += 1
            x, y = next(windows(ids, size, length, np.random.default_rng([settings.seed, step])))
            yield True, torch.from_numpy(x), torch.from_numpy(y)
    batch = step % ((len(ids) - 1) // size // length)
    while True:
        for x, y in islice(streams(ids, size, length), batch, None):
            yield batch == 0, torch.from_numpy(x), torch.from_numpy(y)
            batch += 1
        batch = 0


def sample_size(settings: Settings, characters: int) -> int:
    """Return how many of a held-back text's characters each measurement of a run predicts.

    Parameters
    ----------
    settings : Settings
        The size of a batch and the number of training steps between two measurements are used.
    characters : int
        The number of characters of the held-back text.

    Returns
    -------
    int
        All but the first, or else a multiple of 16.

    Examples
    --------
    >>> from charseq import Settings
    >>> from charseq.language_model import sample_size
    >>> sample_size(Settings(), 8_000), sample_size(Settings(), 10_000_000)
    (7999, 20480)
    """
    steps = min(settings.evaluate_every or settings.steps, settings.steps)
    learned = steps * settings.batch_size * settings.length
    wanted = max(LEAST_SAMPLE, learned // TRAINED_PER_MEASURED) // PIECES * PIECES
    # A sample also reads what comes before its pieces; if it does not pay, the whole is read.
    return wanted if wanted + PIECES * WARM_UP < characters - 1 else characters - 1


def measured_places(settings: Settings, characters: int) -> NDArray[np.int64]:
    """Return which characters of a held-back text are predicted: all, or a sample in 16 rows.

    The seed decides where: one place at random in each sixteenth of the text.
    """
    size = sample_size(settings, characters)
    if size == characters - 1:
        return np.arange(1, characters)
    columns, part = size // PIECES, (characters - 1) // PIECES
    rng = np.random.default_rng([settings.seed, 0])  # the steps draw with their number, from 1
    starts = rng.integers(WARM_UP, part - columns, size=(PIECES, 1), endpoint=True)
    starts += part * np.arange(PIECES)[:, None]
    return starts + np.arange(1, columns + 1)  # (16, columns)


def measure(model: CharRNN, corpus: Corpus, settings: Settings) -> float:
    """Measure the loss on a held-back text as a run does, on a sample of it if it is long.

    Parameters
    ----------
    model : CharRNN
        The model.
    corpus : Corpus
        The held-back text, at least two characters.
    settings : Settings
        :func:`measured_places` says what is read. Before each piece of a sample, the 256 characters
        before it are read.

    Returns
    -------
    float
        As from :func:`evaluate`; the same number, if the whole text is read.
    """
    places = measured_places(settings, len(corpus))
    if places.ndim == 1:
        return evaluate(model, corpus)
    starts, columns = places[:, 0] - 1, places.shape[1]
    with _reading(model, corpus.ids, 256) as read:
        _, state = read(starts - WARM_UP, WARM_UP, None)
        total, _ = read(starts, columns, state)
    return total / corpus.vocab.count_characters(corpus.ids[places])


def evaluate(
    model: CharRNN,
    corpus: Corpus,
    *,
    batch_size: int = 16,
    length: int = 256,
    watch: Watch | None = None,
) -> float:
    """Measure the loss on a text, predicting each character but the first once.

    If the text is read in tokens of several characters, each token but the first is predicted, and
    the sum is divided by the characters of these tokens.

    Parameters
    ----------
    model : CharRNN
        The model. Afterwards it is in training mode again if it was before.
    corpus : Corpus
        The text, at least two characters.
    batch_size : int, default=16
        The number of pieces that the text is cut into, to be read side by side, each from a state
        of zeros. With 1, the text is read in one piece, as a reader would.
    length : int, default=256
        The number of time steps per call of the model. It affects the time, not the result.
    watch : callable, optional
        Called after each call of the model with the number of characters read so far, and the
        number to read.

    Returns
    -------
    float
        Mean cross-entropy in nats per character. Divide by ln 2 to get bits per character.

    Raises
    ------
    TypeError
        If `corpus` is a text and not a :class:`charseq.Corpus`.
    ValueError
        If the text has fewer than two characters, an id is out of the model's range, or a number
        is below 1.
    """
    check_at_least(1, batch_size=batch_size, length=length)
    if not isinstance(corpus, Corpus):
        raise TypeError(
            f"expected a Corpus, got {type(corpus).__name__}: make one with "
            "Corpus.from_text(text, vocab)"
        )
    if len(corpus) < 2:
        raise UserError(f"evaluation needs at least 2 characters, got {len(corpus)}")
    predictions = len(corpus) - 1
    rows = min(batch_size, predictions)
    columns = predictions // rows
    with _reading(model, corpus.ids, length, watch) as read:
        total, state = read(columns * np.arange(rows), columns, None)
        if rows * columns < predictions:  # the last row goes on to the end of the text
            last_row = None if state is None else rows_of(state, slice(-1, None))
            total += read(np.array([rows * columns]), predictions - rows * columns, last_row)[0]
    return total / corpus.vocab.count_characters(corpus.ids[1:])


@contextmanager
def _reading(
    model: CharRNN, ids: NDArray[Any], length: int, watch: Watch | None = None
) -> Iterator[Read]:
    """Yield a function that reads pieces of a text side by side, without gradient or dropout.

    It takes the starts of the pieces (B,), the number of characters in each, and the state before
    them. It returns the sum of their losses and the state after them.
    """
    done = 0

    def read(starts: NDArray[Any], columns: int, state: State | None) -> tuple[float, State | None]:
        nonlocal done
        total = 0.0
        for start in range(0, columns, length):
            steps = np.arange(start, min(start + length, columns))
            positions = steps + starts[:, None]  # (B, T)
            loss, state = _summed_loss(model, ids, positions, state)
            total += loss
            done += positions.size
            if watch is not None:
                watch(done, len(ids) - 1)
        return total, state

    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield read
    finally:
        model.train(was_training)


def _summed_loss(
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


def _seed_dropout(
    seed: int, step: int, first_row: int, model: CharRNN
) -> AbstractContextManager[None]:
    """Seed dropout from the run's seed and the training step, differently in each process.

    A process is known by the first row that it reads. The one that reads from row 0 draws as a
    single process would.
    """
    if model.dropout.p == 0:
        return nullcontext()
    entropy = [seed, step, first_row] if first_row else [seed, step]
    seed_of_step = int(np.random.SeedSequence(entropy).generate_state(1)[0])
    return drawing_from(seed_of_step, device_of(model))
