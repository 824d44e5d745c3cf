"""The training loop over one sentence, a generator: the caller prints, plots, or stops early."""

import math
from collections.abc import Iterator

import torch
from torch import nn
from tqdm import tqdm

from charseq._checks import check_at_least, check_same_vocab_size
from charseq.history import EpochRecord, History, UpdateRecord
from charseq.model import CharRNN
from charseq.vocab import Vocabulary

__all__ = ["Diverged", "train", "training_steps"]


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
) -> Iterator[EpochRecord]:
    r"""Teach a model to predict each next character of a text, and yield one record per epoch.

    One epoch reads the whole text from a state of zeros, measures the :eq:`cross-entropy`, sends
    the gradient back through all time steps, and moves the weights once. The record holds what was
    measured before that move.

    Parameters
    ----------
    model : CharRNN
        Trained in place.
    vocab : Vocabulary
        Turns `text` into ids; must have as many characters as `model`.
    text : str
        At least two characters: the first T are read, the last T predicted, T = len(text) - 1.
    epochs : int, default=50
        Passes over the text, with one update of the weights each.
    optimizer : torch.optim.Optimizer, optional
        By default SGD with ``lr=0.5, momentum=0.9``, :eq:`sgd-momentum`.
    clip_norm : float, optional
        Shorten a gradient that is longer than this; by default none is.

    Yields
    ------
    EpochRecord
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
    check_same_vocab_size(vocab, model)
    ids = torch.from_numpy(vocab.encode(text))  # (T + 1,)
    if len(ids) < 2:
        raise ValueError(
            f"training needs at least 2 characters, one to read and one to predict: got {text!r}"
        )
    check_at_least(1, epochs=epochs)
    if clip_norm is not None and not clip_norm > 0:
        raise ValueError(f"clip_norm must be positive, got {clip_norm}")
    if optimizer is None:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"optimizer must be made already, as torch.optim.SGD(model.parameters(), lr=0.5) is: "
            f"got {optimizer!r}"
        )
    in_optimizer = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not any(id(p) in in_optimizer for p in model.parameters()):
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
) -> Iterator[EpochRecord]:
    parameters = list(model.parameters())
    model.train()
    for epoch in epochs:
        logits, _ = model(x)  # (1, T) -> (1, T, V)
        logits = logits[0]  # (T, V): cross_entropy wants a row of V logits for each target
        loss = nn.functional.cross_entropy(logits, y)  # (T, V), (T,) -> ()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(parameters, math.inf if clip_norm is None else clip_norm)
        record = EpochRecord(epoch, loss.item(), norm.item(), vocab.decode(logits.argmax(1)))
        if not (math.isfinite(record.loss) and math.isfinite(record.gradient_norm)):
            raise Diverged(what_to_try(f"epoch {epoch}", record, optimizer, clip_norm))
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
    """Run :func:`training_steps` to the end and return all records.

    A run of more than two seconds shows its progress in a terminal, and nowhere else.

    Parameters
    ----------
    model, vocab, text, epochs, optimizer, clip_norm
        As in :func:`training_steps`.

    Returns
    -------
    History
        One record per epoch.

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
    records: list[EpochRecord] = []
    try:
        # disable=None: silent unless standard error is a terminal, so never in a page or notebook.
        for record in tqdm(steps, total=epochs, unit="epoch", delay=2, leave=False, disable=None):
            records.append(record)  # noqa: PERF402 - those before a Diverged are kept
    except Diverged as error:
        raise Diverged(str(error), History(tuple(records))) from None
    return History(tuple(records))


def what_to_try(
    where: str,
    record: EpochRecord | UpdateRecord,
    optimizer: torch.optim.Optimizer,
    clip_norm: float | None,
) -> str:
    """Say what diverged, and what to try."""
    rate = optimizer.param_groups[0]["lr"]
    advice = f"try a lower learning rate (it is {rate:g})"
    if clip_norm is None:
        advice += " or clip_norm=1.0"
    return (
        f"{where}: the loss is {record.loss:g} and its gradient norm "
        f"{record.gradient_norm:g}, where finite numbers were expected; {advice}, and check "
        "that the initial weights are finite"
    )
