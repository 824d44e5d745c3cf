"""Training on one sentence. The loop is a generator, so its caller can print, plot or stop."""

import math
from collections.abc import Iterator

import torch
from torch import nn
from tqdm import tqdm

from charseq._checks import check_at_least, check_same_vocab_size
from charseq._devices import device_of
from charseq.history import EpochRecord, History, UpdateRecord
from charseq.model import CharRNN
from charseq.vocab import Vocabulary

__all__ = ["Diverged", "train", "training_steps"]


class Diverged(FloatingPointError):  # noqa: N818 - like StopIteration, it says what happened
    """The loss or its gradient is no longer a finite number.

    Attributes
    ----------
    history : History
        If :func:`train` raised the error, the records of all earlier epochs. If
        :func:`training_steps` raised it, empty: the caller has received those records already.
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

    An epoch reads the whole text from a state of zeros, measures the :eq:`cross-entropy`, sends
    the gradient back through all time steps, and updates the weights once. Its record holds what
    was measured before the update.

    Parameters
    ----------
    model : CharRNN
        The model, which is trained in place.
    vocab : Vocabulary
        Turns `text` into ids. It must have as many characters as `model`.
    text : str
        At least two characters. With T = len(text) - 1, the model reads the first T characters and
        predicts the last T.
    epochs : int, default=50
        The number of passes over the text. Each pass updates the weights once.
    optimizer : torch.optim.Optimizer, optional
        SGD with ``lr=0.5, momentum=0.9`` by default, :eq:`sgd-momentum`.
    clip_norm : float, optional
        Shorten gradients to this norm if they are longer. By default, gradients are not shortened.

    Yields
    ------
    EpochRecord
        The epoch, its loss, its gradient norm and the predicted text.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If the text is too short, `vocab` and `model` differ in size, a number is out of range, or
        the optimizer holds no parameter of the model.
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
    # The checks stand outside the generator, so that they run at the call, not at the first epoch.
    if not isinstance(model, CharRNN):
        raise TypeError(f"model must be a CharRNN, got {type(model).__name__}")
    if not isinstance(vocab, Vocabulary) or vocab.unit != "characters":
        raise TypeError(f"vocab must be a Vocabulary, got {type(vocab).__name__}")
    check_same_vocab_size(vocab, model)
    ids = torch.from_numpy(vocab.encode(text)).to(device_of(model))  # (T + 1,)
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
            "optimizer must be a torch.optim.Optimizer such as SGD(model.parameters(), lr=0.5), "
            f"got {optimizer!r}"
        )
    in_optimizer = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not any(id(p) in in_optimizer for p in model.parameters()):
        raise ValueError(
            "the optimizer holds none of this model's parameters, so it would change nothing"
        )
    x, y = ids[None, :-1], ids[1:]  # (1, T), (T,)
    return _train_epochs(model, vocab, x, y, range(1, epochs + 1), optimizer, clip_norm)


def _train_epochs(
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
        logits = logits[0]  # (T, V): cross_entropy expects one row of V logits per target
        loss = nn.functional.cross_entropy(logits, y)  # (T, V), (T,) -> ()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = clip_gradient(parameters, clip_norm)
        record = EpochRecord(epoch, loss.item(), norm, vocab.decode(logits.argmax(1).cpu()))
        if not (math.isfinite(record.loss) and math.isfinite(record.gradient_norm)):
            raise Diverged(what_to_try(f"epoch {epoch}", record, optimizer, clip_norm))
        optimizer.step()
        yield record


def clip_gradient(parameters: list[nn.Parameter], clip_norm: float | None) -> float:
    """Shorten the gradient to a norm if it is longer, and return its norm before."""
    return nn.utils.clip_grad_norm_(parameters, math.inf if clip_norm is None else clip_norm).item()


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

    A run of more than two seconds shows its progress if standard error is a terminal.

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
        If the loss or the gradient becomes NaN or infinite. The error's ``history`` holds the
        records of the earlier epochs.

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
    new_records = training_steps(
        model, vocab, text, epochs=epochs, optimizer=optimizer, clip_norm=clip_norm
    )
    records: list[EpochRecord] = []
    try:
        # disable=None: silent unless standard error is a terminal, so never in a page or notebook.
        for record in tqdm(
            new_records, total=epochs, unit="epoch", delay=2, leave=False, disable=None
        ):
            records.append(record)  # noqa: PERF402 - list() would lose the records before an error
    except Diverged as error:
        raise Diverged(str(error), History(tuple(records))) from None
    return History(tuple(records))


def what_to_try(
    where: str,
    record: EpochRecord | UpdateRecord,
    optimizer: torch.optim.Optimizer,
    clip_norm: float | None,
) -> str:
    """Return a message that says what diverged and what to try."""
    rate = optimizer.param_groups[0]["lr"]
    advice = f"try a lower learning rate (it is {rate:g})"
    if clip_norm is None:
        advice += " or clip_norm=1.0"
    return (
        f"{where}: the loss is {record.loss:g} and its gradient norm "
        f"{record.gradient_norm:g}, where finite numbers were expected; {advice}, and check "
        "that the initial weights are finite"
    )
