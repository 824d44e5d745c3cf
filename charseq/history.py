"""What a training run leaves behind: one record per epoch or update, as text, arrays or a file."""

import csv
import io
import json
import math
import os
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charseq.files import write_after, write_whole

__all__ = ["EpochRecord", "History", "UpdateRecord"]


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One epoch of training on a sentence, measured before the weights moved.

    Attributes
    ----------
    epoch : int
        Passes over the text, from 1.
    loss : float
        Mean cross-entropy in nats per character.
    gradient_norm : float
        Euclidean length of the gradient over all parameters together, before clipping.
    prediction : str
        The likeliest next character at each position.

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
        """One line of the log."""
        return f"epoch {self.epoch:<3}  loss:{self.loss:.3f}  prediction:{self.prediction}"


@dataclass(frozen=True, slots=True)
class UpdateRecord:
    """One update of a language model's weights, measured before they moved.

    Attributes
    ----------
    step : int
        Number of the update, from 1: the training step.
    loss : float
        Mean cross-entropy of the batch, in nats per character.
    gradient_norm : float
        Euclidean length of the gradient over all parameters together, before clipping.
    lr : float
        Learning rate of the update.
    valid_loss : float
        Mean cross-entropy of the held-back text after the update; NaN where it was not measured.

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

    def __str__(self) -> str:
        """One line of the log; `bpc` and `valid` are bits per character."""
        line = f"step {self.step:<6}  loss:{self.loss:.3f}  bpc:{self.loss / math.log(2):.3f}"
        if math.isnan(self.valid_loss):
            return line
        return f"{line}  valid:{self.valid_loss / math.log(2):.3f}"


@dataclass(frozen=True)
class History:
    """The records of a run, in order.

    Printing it shows about ten lines, evenly spaced; :meth:`log` shows as many as you like.

    Parameters
    ----------
    records : tuple of EpochRecord or of UpdateRecord
        One per epoch or one per update: all of one kind.

    Raises
    ------
    TypeError
        If the records are of two kinds.

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
        kinds = sorted({type(record).__name__ for record in self.records})
        if len(kinds) > 1:
            raise TypeError(f"a history holds records of one kind, got {' and '.join(kinds)}")

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
        """What the records count, ``"epoch"`` or ``"step"``."""
        return "step" if self.records and isinstance(self.records[0], UpdateRecord) else "epoch"

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Numbers of the epochs or steps, an array of shape (N,)."""
        return np.array([getattr(record, self.unit) for record in self], dtype=np.int64)

    @property
    def losses(self) -> NDArray[np.float64]:
        """Losses in nats per character, an array of shape (N,)."""
        return np.array([record.loss for record in self], dtype=np.float64)

    @property
    def gradient_norms(self) -> NDArray[np.float64]:
        """Gradient norms, an array of shape (N,)."""
        return np.array([record.gradient_norm for record in self], dtype=np.float64)

    @property
    def predictions(self) -> list[str]:
        """Predicted texts, one per :class:`EpochRecord`."""
        return [record.prediction for record in self]

    def log(self, every: int | None = None) -> str:
        """Return the log as text, one line per `every` epochs or steps.

        Parameters
        ----------
        every : int, optional
            Epochs or steps from one line to the next; by default a tenth of the run, and the last.

        Returns
        -------
        str
            Lines in the order of the records.

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
        with_last = every is None  # a summary shows how the run ended
        if every is None:
            every = max(1, -(-len(self) // 10))
        if every < 1:
            raise ValueError(f"every counts {self.unit}s and must be at least 1, got {every}")
        shown = [
            record for number, record in zip(self.numbers, self, strict=True) if number % every == 0
        ]
        if with_last and len(self) and (not shown or shown[-1] is not self[-1]):
            shown.append(self[-1])
        return "\n".join(map(str, shown))

    def __str__(self) -> str:
        """About ten lines of the log."""
        return self.log()

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the loss curve with :func:`charseq.plot_loss`.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; new axes by default.
        **options
            Passed on.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn on.
        """
        from charseq.plotting import plot_loss

        return plot_loss(self, ax=ax, **options)

    def to_csv(self, path: str | os.PathLike[str], *, after: int | None = None) -> None:
        """Write one row per record; the columns are the attributes of the records.

        The file appears whole or not at all, and floats keep every digit.

        Parameters
        ----------
        path : str or path-like
            The file. If it exists, it is replaced in one step, once the new one is whole.
        after : int, optional
            Keep the file up to the row of this epoch or step, if it has that row, and replace
            only what follows it. If this fails, a part of the new rows may be in the file.
        """
        first = bisect_right(self.records, after, key=attrgetter(self.unit)) if after else 0
        if first:
            row = b"\r\n" + self._rows(first - 1, first)
            with suppress(FileNotFoundError), Path(path).open("r+b") as file:
                place = file.read().rfind(row)
                if place >= 0:
                    write_after(file, place + len(row), self._rows(first))
                    return
        head = ",".join(field.name for field in fields(KINDS[self.unit]))
        write_whole(path, f"{head}\r\n".encode() + self._rows())

    def _rows(self, first: int = 0, last: int | None = None) -> bytes:
        text = io.StringIO(newline="")
        values = attrgetter(*(field.name for field in fields(KINDS[self.unit])))
        csv.writer(text).writerows(map(values, self.records[first:last]))
        return text.getvalue().encode("utf-8", "surrogatepass")

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str], *, upto: int | None = None) -> "History":
        """Read what :meth:`to_csv` wrote.

        Parameters
        ----------
        path : str or path-like
            The file.
        upto : int, optional
            Leave out what follows this epoch or step, and a last line without an end.

        Returns
        -------
        History
            Equal to the one that was written.

        Raises
        ------
        ValueError
            If the file is not such a table; the message names the line.
        """
        data = Path(path).read_bytes()
        if upto is not None:
            data = data[: data.rfind(b"\r\n") + 2]
        try:
            text = data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            byte = data[error.start]
            raise ValueError(f"{path}, line {line}: expected UTF-8 text, got {byte:#x}") from None
        reader = csv.reader(io.StringIO(text, newline="\n"), strict=True)
        limit = csv.field_size_limit(2**31 - 1)  # a prediction is as long as its text
        try:
            head = next(reader, [])
            kind = KINDS.get(head[0] if head else "", EpochRecord)
            columns = [field.name for field in fields(kind)]
            if head != columns:
                raise ValueError(f"expected the columns {columns}, got {head}")
            records = [_record(kind, row) for row in reader]
        except (csv.Error, ValueError) as error:
            raise ValueError(f"{path}, line {max(1, reader.line_num)}: {error}") from None
        finally:
            csv.field_size_limit(limit)
        history = cls(tuple(records))
        if upto is None:
            return history
        return cls(tuple(record for record in history if getattr(record, history.unit) <= upto))


KINDS: dict[str, type[EpochRecord] | type[UpdateRecord]] = {
    "epoch": EpochRecord,
    "step": UpdateRecord,
}


def _record(
    kind: type[EpochRecord] | type[UpdateRecord], row: list[str]
) -> EpochRecord | UpdateRecord:
    try:
        columns = zip(fields(kind), row, strict=True)
        return kind(*(field.type(cell) for field, cell in columns))  # type: ignore[operator]
    except ValueError:
        wanted = ", ".join(f"{field.name} ({field.type.__name__})" for field in fields(kind))  # type: ignore[union-attr]
        raise ValueError(f"expected {wanted}, got {row}") from None


def json_line(facts: dict[str, Any]) -> str:
    """Return facts as JSON; NaN and infinity, which JSON lacks, become null."""
    return json.dumps(
        {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in facts.items()
        }
    )
