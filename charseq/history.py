"""The records of a training run, one per epoch or update, as text, arrays or a file."""

import csv
import io
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charseq._checks import check_at_least
from charseq.files import write_whole

__all__ = ["EpochRecord", "History", "UpdateRecord"]


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One epoch of training on a sentence, measured before the update of the weights.

    Attributes
    ----------
    epoch : int
        Number of the epoch, from 1. An epoch is one pass over the text.
    loss : float
        Mean cross-entropy in nats per character.
    gradient_norm : float
        Euclidean norm of the gradient of all parameters, before clipping.
    prediction : str
        The most likely next character at each position.

    Examples
    --------
    >>> from charseq import EpochRecord
    >>> print(EpochRecord(20, loss=1.0987, gradient_norm=0.2, prediction="learnid deep learning"))
    epoch 20   loss:1.099  prediction:learnid deep learning
    """

    epoch: int
    loss: float
    gradient_norm: float
    prediction: str

    def __str__(self) -> str:
        """Return one line of the log."""
        return f"epoch {self.epoch:<3}  loss:{self.loss:.3f}  prediction:{self.prediction}"


@dataclass(frozen=True, slots=True)
class UpdateRecord:
    """One update of a language model's weights; only `valid_loss` is measured after it.

    Attributes
    ----------
    step : int
        Number of the update (the training step), from 1.
    loss : float
        Mean cross-entropy of the batch, in nats per character.
    gradient_norm : float
        Euclidean norm of the gradient of all parameters, before clipping.
    lr : float
        Learning rate of the update.
    valid_loss : float
        Mean cross-entropy of the held-back text after the update, in nats per character. NaN if it
        was not measured.
    seconds : float
        Time that the update took, without the measurement. NaN if it is unknown. Two records are
        equal also if this differs.

    Examples
    --------
    >>> from charseq import UpdateRecord
    >>> print(UpdateRecord(step=200, loss=1.5, gradient_norm=0.4, lr=0.002, valid_loss=1.6))
    step 200     loss:1.500  bpc:2.164  valid:2.308
    """

    step: int
    loss: float
    gradient_norm: float
    lr: float
    valid_loss: float = math.nan
    seconds: float = field(default=math.nan, compare=False, repr=False)

    @property
    def losses(self) -> str:
        """The losses as in the log; `bpc` and `valid` are in bits per character."""
        text = f"loss:{self.loss:.3f}  bpc:{self.loss / math.log(2):.3f}"
        if math.isnan(self.valid_loss):
            return text
        return f"{text}  valid:{self.valid_loss / math.log(2):.3f}"

    def __str__(self) -> str:
        """Return one line of the log."""
        return f"step {self.step:<6}  {self.losses}"


@dataclass(frozen=True)
class History:
    """The records of a run, in order.

    Printing a history shows about ten lines, evenly spaced. :meth:`log` lets you choose how many.

    Parameters
    ----------
    records : tuple of EpochRecord or of UpdateRecord
        One record per epoch or per update, all of the same type.

    Raises
    ------
    TypeError
        If the records are of different types.

    Examples
    --------
    >>> from charseq import History, EpochRecord
    >>> history = History((EpochRecord(1, 2.31, 0.4, "eee"), EpochRecord(2, 1.99, 0.5, "lea")))
    >>> print(history)
    epoch 1    loss:2.310  prediction:eee
    epoch 2    loss:1.990  prediction:lea
    >>> history.losses
    array([2.31, 1.99])
    >>> history[-1].prediction
    'lea'
    """

    records: tuple[Any, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "records", tuple(self.records))
        types = sorted({type(record).__name__ for record in self.records})
        if len(types) > 1:
            raise TypeError(f"a history holds records of one kind, got {' and '.join(types)}")

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.records)

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the records."""
        return iter(self.records)

    def __getitem__(self, index: int) -> Any:
        """Return one record."""
        return self.records[index]

    @property
    def unit(self) -> str:
        """What the records count: ``"epoch"``, or ``"step"`` for a training step."""
        return "step" if self.records and isinstance(self.records[0], UpdateRecord) else "epoch"

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Numbers of the epochs or training steps, an array of shape (N,)."""
        return np.array([getattr(record, self.unit) for record in self], dtype=np.int64)

    @property
    def losses(self) -> NDArray[np.float64]:
        """Losses in nats per character, an array of shape (N,)."""
        return np.array([record.loss for record in self], dtype=np.float64)

    def log(self, every: int | None = None) -> str:
        """Return the log as text, with one line per `every` epochs or training steps.

        Parameters
        ----------
        every : int, optional
            Number of epochs or training steps from one line to the next. By default a tenth of the
            run; only then is the last record always shown.

        Returns
        -------
        str
            The lines, in the order of the records.

        Raises
        ------
        ValueError
            If `every` is below 1.

        Examples
        --------
        >>> history = History(tuple(EpochRecord(n, 3.0 - n / 4, 1.0, "ab") for n in range(1, 7)))
        >>> print(history.log(every=3))
        epoch 3    loss:2.250  prediction:ab
        epoch 6    loss:1.500  prediction:ab
        """
        always_show_last = every is None  # a summary should say how the run ended
        if every is None:
            every = max(1, -(-len(self) // 10))
        check_at_least(1, every=every)
        shown = [
            record for number, record in zip(self.numbers, self, strict=True) if number % every == 0
        ]
        if always_show_last and len(self) and (not shown or shown[-1] is not self[-1]):
            shown.append(self[-1])
        return "\n".join(map(str, shown))

    def __str__(self) -> str:
        """Return about ten lines of the log."""
        return self.log()

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the loss curve with :func:`charseq.plot_loss`.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; new axes by default.
        **options
            Options of :func:`charseq.plot_loss`.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn on.

        Raises
        ------
        ValueError
            If the history is empty.
        """
        from charseq.plotting import plot_loss

        return plot_loss(self, ax=ax, **options)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write one row per record; the columns are the attributes of the records.

        The file appears whole or not at all, and floats keep every digit.

        Parameters
        ----------
        path : str or path-like
            The file. If it exists, it is replaced all at once.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        text = io.StringIO(newline="")
        kind = UpdateRecord if self.unit == "step" else EpochRecord
        names = [field.name for field in fields(kind)]
        writer = csv.writer(text)
        writer.writerow(names)
        writer.writerows(map(attrgetter(*names), self.records))
        write_whole(path, text.getvalue().encode("utf-8", "surrogatepass"))


def json_line(facts: dict[str, Any]) -> str:
    """Return facts as one line of JSON. NaN and infinity become null, because JSON has neither."""
    return json.dumps(
        {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in facts.items()
        }
    )
