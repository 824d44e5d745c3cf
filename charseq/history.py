"""What a training run leaves behind: a row a step, as text, as arrays, as a file, as a curve."""

import csv
import io
import os
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charseq.plotting import plot_loss

__all__ = ["History", "Record"]


@dataclass(frozen=True, slots=True)
class Record:
    """One step of training, as it stood before the weights moved.

    Attributes
    ----------
    epoch : int
        Passes over the text, from 1.
    loss : float
        Mean cross-entropy in nats a character.
    gradient_norm : float
        Euclidean length of the gradient over all parameters together, before clipping.
    prediction : str
        The likeliest next character at each position.

    Examples
    --------
    >>> from charseq import Record
    >>> print(Record(epoch=20, loss=1.0987, gradient_norm=0.2, prediction="learnid deep learning"))
    epoch 20   loss:1.099  prediction:learnid deep learning
    """

    epoch: int
    loss: float
    gradient_norm: float
    prediction: str

    def __str__(self) -> str:
        """One line of the log."""
        return f"epoch {self.epoch:<3}  loss:{self.loss:.3f}  prediction:{self.prediction}"


@dataclass(frozen=True)
class History:
    """The records of a run, in order.

    Printing it shows about ten lines, evenly spaced; :meth:`log` shows as many as you like.

    Parameters
    ----------
    records : tuple of Record
        One a step.

    Examples
    --------
    >>> from charseq import History, Record
    >>> history = History((Record(1, 2.31, 0.4, "eee"), Record(2, 1.99, 0.5, "lea")))
    >>> print(history)
    epoch 1    loss:2.310  prediction:eee
    epoch 2    loss:1.990  prediction:lea
    >>> history.losses
    array([2.31, 1.99])
    >>> history[-1].prediction
    'lea'
    """

    records: tuple[Record, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "records", tuple(self.records))

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        """Iterate over the records."""
        return iter(self.records)

    def __getitem__(self, index: int) -> Record:
        """Return one record."""
        return self.records[index]

    @property
    def epochs(self) -> NDArray[np.int64]:
        """Epoch numbers, an array of shape (N,)."""
        return np.array([record.epoch for record in self], dtype=np.int64)

    @property
    def losses(self) -> NDArray[np.float64]:
        """Losses in nats a character, an array of shape (N,)."""
        return np.array([record.loss for record in self], dtype=np.float64)

    @property
    def gradient_norms(self) -> NDArray[np.float64]:
        """Gradient norms, an array of shape (N,)."""
        return np.array([record.gradient_norm for record in self], dtype=np.float64)

    @property
    def predictions(self) -> list[str]:
        """Predicted texts, one a record."""
        return [record.prediction for record in self]

    def log(self, every: int | None = None) -> str:
        """Return the log as text, a line each `every` epochs.

        Parameters
        ----------
        every : int, optional
            Epochs from one line to the next; by default a tenth of the run.

        Returns
        -------
        str
            Lines in the order of the epochs.

        Raises
        ------
        ValueError
            If `every` is below 1.

        Examples
        --------
        >>> history = History(tuple(Record(n, 3.0 - n / 4, 1.0, "ab") for n in range(1, 7)))
        >>> print(history.log(every=3))
        epoch 3    loss:2.250  prediction:ab
        epoch 6    loss:1.500  prediction:ab
        """
        if every is None:
            every = max(1, len(self) // 10)
        if every < 1:
            raise ValueError(f"every counts epochs and must be at least 1, got {every}")
        return "\n".join(str(record) for record in self if record.epoch % every == 0)

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
        return plot_loss(self, ax=ax, **options)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a row a record: epoch, loss, gradient_norm, prediction.

        The file appears whole or not at all, and floats keep every digit.

        Parameters
        ----------
        path : str or path-like
            Where to; a file that is there already is replaced at once, when the new one is whole.
        """
        target = Path(path)
        # Beside the target, so that the final rename stays within one file system.
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with part.open("w", encoding="utf-8", errors="surrogatepass", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(field.name for field in fields(Record))
                writer.writerows(astuple(record) for record in self)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str]) -> "History":
        """Read what :meth:`to_csv` wrote.

        Parameters
        ----------
        path : str or path-like
            The file.

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
        try:
            text = data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            byte = data[error.start]
            raise ValueError(f"{path}, line {line}: expected UTF-8 text, got {byte:#x}") from None
        reader = csv.reader(io.StringIO(text, newline="\n"), strict=True)
        limit = csv.field_size_limit(2**31 - 1)  # a prediction is as long as its text
        try:
            columns = [field.name for field in fields(Record)]
            if (head := next(reader, [])) != columns:
                raise ValueError(f"expected the columns {columns}, got {head}")
            return cls(tuple(_record(row) for row in reader))
        except (csv.Error, ValueError) as error:
            raise ValueError(f"{path}, line {max(1, reader.line_num)}: {error}") from None
        finally:
            csv.field_size_limit(limit)


def _record(row: list[str]) -> Record:
    try:
        epoch, loss, norm, prediction = row
        return Record(int(epoch), float(loss), float(norm), prediction)
    except ValueError:
        raise ValueError(f"expected an integer, two numbers and a text, got {row}") from None
