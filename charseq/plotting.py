"""Figures. Each function draws on the axes it is given, or on new ones, and returns them.

Each color means one thing: orange what comes in, blue the memory, green what comes out, violet the
blame (the gradient), gold a positive number, indigo a negative one, and red, with a frame, what is
wrong. Anything else, such as the curves of two runs, is black or gray. Color-blind readers can tell
the colors apart, and no meaning depends on color alone: negative values are also marked.
"""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from charseq._checks import check_at_least

if TYPE_CHECKING:
    from matplotlib.axes import Axes
else:
    Axes = Any  # only a function that draws imports matplotlib; `import charseq` does not

__all__ = ["plot_loss", "plot_predictions", "plot_states", "plot_text", "show"]

# Where matplotlib opens no windows but writes files; without a display it takes the first.
NO_WINDOWS = {"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"}

INK = "#1a1a1a"
BLUE = "#0072b2"  # memory; Okabe and Ito's, darkened for contrast, as the next three
ORANGE = "#d55e00"  # input
GREEN = "#009e73"  # output
PURPLE = "#a2559c"  # blame
GRAY = "#767676"
POSITIVE, NEGATIVE = "#8a6400", "#5a50c8"  # gold and indigo
WRONG = "#c01530"  # red, always with a frame
CELL_INK = "#111111"  # text on a colored cell
# All of these are pale enough for CELL_INK.
DIVERGING = ["#9d96f4", "#ffffff", "#f2b91c"]  # -1, 0, +1
PALE_BLUE, PALE_ORANGE, PALE_RED = "#6cb0dd", "#f2a65e", "#f9c7cd"


def plot_loss(
    history: Any,
    ax: Axes | None = None,
    *,
    label: str | None = None,
    color: str = INK,
    levels: dict[str, float] | None = None,
) -> Axes:
    """Draw the loss against the epoch or training step, with other losses as lines to compare.

    Parameters
    ----------
    history : History
        The history of a run, for example from :func:`charseq.train`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes by default.
    label : str, optional
        Text at the end of the curve.
    color : color, default="#1a1a1a"
        Color of the curve, in any of matplotlib's notations.
    levels : dict of str to float, optional
        Names and losses of horizontal lines, for example ``{"uniform, ln 10": np.log(10)}``.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    ValueError
        If the history is empty.
    """
    if len(history) == 0:
        raise ValueError("there is nothing to draw: the history has no records")
    ax = axes_or_new(ax, (5.6, 3.4))
    ax.plot(history.numbers, history.losses, color=color, linewidth=2)
    ax.set(xlabel=history.unit, ylabel="loss (nats per character)", xlim=(0, None))
    ax.margins(y=0.12)  # room for the labels of the lowest and the highest level
    ax.spines[["top", "right"]].set_visible(False)
    if label:
        _write_beside(ax, history.numbers[-1], history.losses[-1], label, color)
    for name, level in (levels or {}).items():
        # The name stands above the line if the line is above the curve's end, otherwise below.
        above = level > history.losses[-1]
        ax.axhline(level, color=GRAY, linewidth=1, linestyle=(0, (4, 3)))
        # The y axis must reach the line, but axhline does not extend it.
        ax.update_datalim([(history.numbers[-1], level)])
        ax.annotate(
            f"{name}: {level:.3f}",
            (1, level),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3 if above else -3),
            textcoords="offset points",
            ha="right",
            va="bottom" if above else "top",
            color=GRAY,
        )
    ax.autoscale_view(scalex=False)
    return ax


def plot_predictions(
    history: Any, target: str, ax: Axes | None = None, *, every: int | None = None
) -> Axes:
    """Draw the predicted letters, one row every few epochs.

    The top row is the target. A wrong letter has a red background and a frame.

    Parameters
    ----------
    history : History
        A history of epochs, as :func:`charseq.train` returns it.
    target : str
        The T characters to predict: the text without its first character.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes by default.
    every : int, optional
        Number of epochs from one row to the next; by default a tenth of the run.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    ValueError
        If there is no record to draw, `every` is below 1, or a prediction is not as long as the
        target.
    """
    if every is None:
        every = max(1, -(-len(history) // 10))
    check_at_least(1, every=every)
    rows = [record for record in history if record.epoch % every == 0]
    if not rows:
        raise ValueError(
            f"there is nothing to draw: none of {len(history)} epochs is a multiple of {every}"
        )
    for record in rows:
        if len(record.prediction) != len(target):
            raise ValueError(
                f"epoch {record.epoch} predicts {len(record.prediction)} characters and the target "
                f"has {len(target)}: pass the text without its first character"
            )
    ax = axes_or_new(ax, (max(4.0, 0.26 * len(target) + 1.2), 0.26 * (len(rows) + 1) + 0.7))
    for y, text in enumerate([target, *(record.prediction for record in rows)]):
        for x, (char, right_char) in enumerate(zip(text, target, strict=True)):
            is_wrong = char != right_char
            if is_wrong:
                ax.add_patch(rectangle(x - 0.5, y - 0.5, 1, 1, PALE_RED, edge=WRONG))
            weight = "bold" if y == 0 else "normal"
            _draw_char(ax, x, y, char, on_cell=is_wrong, fontsize=12, weight=weight)
    ax.axhline(0.5, color=GRAY, linewidth=1)
    ax.set(xlim=(-0.6, len(target) - 0.4), ylim=(len(rows) + 0.6, -0.6))
    ax.set(xticks=[], ylabel="epoch", xlabel="position in the text →")
    ax.set_yticks(range(len(rows) + 1), ["target", *(str(record.epoch) for record in rows)])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def plot_states(
    states: ArrayLike,
    labels: Sequence[str] | None = None,
    ax: Axes | None = None,
    *,
    digits: int = 2,
) -> Axes:
    """Draw hidden states as a heat map, one row per unit and one column per time step.

    Parameters
    ----------
    states : array_like of shape (T, H)
        States of one sequence, each entry in [-1, 1].
    labels : sequence of str, optional
        T labels below the columns, usually the characters that were read.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes by default.
    digits : int, default=2
        Decimal places of the printed values.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on. Up to 60 values are printed in their cells. If there are more, only a
        dash marks the negative ones.

    Raises
    ------
    ValueError
        If `states` is not two-dimensional, or the number of labels is not T.
    """
    values = np.asarray(states, dtype=float)
    if values.ndim != 2 or 0 in values.shape:
        hint = "; take one sequence of the batch, states[0]" if values.ndim == 3 else ""
        raise ValueError(f"states must have shape (T, H), got {values.shape}{hint}")
    steps, units = values.shape
    if labels is not None and len(labels) != steps:
        raise ValueError(f"{steps} time steps need {steps} labels, got {len(labels)}")
    ax = axes_or_new(ax, (max(3.0, 0.62 * min(steps, 14) + 1.4), max(1.6, 0.36 * units + 0.9)))
    _draw_heat_map(ax, values.T, digits if values.size <= 60 else None)
    ax.set(xlim=(0.5, steps + 0.5), ylim=(units + 0.5, 0.5), ylabel="hidden unit")
    ax.set_xticks(range(1, steps + 1), [replace_blanks(label) for label in labels or ""] or None)
    ax.set_yticks(range(1, units + 1), map(str, range(units)))  # counted from 0, as in code
    ax.set_xlabel("time step →" if labels is None else "character read →")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def plot_text(values: ArrayLike, text: str, ax: Axes | None = None, *, width: int = 36) -> Axes:
    """Draw a text with one value per character, as the color of the cell behind it.

    Indigo is -1, no color is 0, and gold is 1. Characters with a negative value are underlined.

    Parameters
    ----------
    values : array_like of shape (T,)
        Values in [-1, 1], for example the states of one hidden unit.
    text : str
        The T characters. A line break is drawn as ↵ and begins a new line.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes by default.
    width : int, default=36
        The most characters in a line. Longer lines are folded, after a space if there is one.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on. Row y, column x, both counted from 0, is centered at (x, y).

    Raises
    ------
    ValueError
        If the text is empty, the number of values is not T, a value is outside [-1, 1], or `width`
        is below 1.
    """
    numbers = np.asarray(values, dtype=float)
    if not text:
        raise ValueError("there is nothing to draw: the text is empty")
    if numbers.shape != (len(text),):
        raise ValueError(
            f"{len(text)} characters need values of shape ({len(text)},), got {numbers.shape}"
        )
    check_at_least(1, width=width)
    outside = np.flatnonzero(~(np.abs(numbers) <= 1))  # true of nan, too
    if outside.size:
        place = outside[0]
        raise ValueError(
            f"values must lie between -1 and 1, got {numbers[place]:g} for character {place}"
        )
    lines = _fold(text, width)
    ax = axes_or_new(ax, (0.1225 * width + 0.1, 0.24 * len(lines) + 0.1))
    places = [(x, y) for y, line in enumerate(lines) for x in range(len(line))]
    columns, rows = np.transpose(places)
    cells = np.full((len(lines), width), np.nan)  # no cell is drawn for nan
    cells[rows, columns] = numbers
    _draw_cells(ax, cells, -0.5, edge="none")
    negative = numbers < -0.05
    ax.hlines(
        rows[negative] + 0.45,
        columns[negative] - 0.5,
        columns[negative] + 0.5,
        color=CELL_INK,
        linewidth=0.6,
        gid="cell",
    )
    for (x, y), char in zip(places, text, strict=True):
        if char != " ":
            _draw_char(ax, x, y, char, on_cell=True, fontsize=11)
    ax.set(xlim=(-0.6, width - 0.4), ylim=(len(lines) - 0.4, -0.6))
    ax.axis("off")
    return ax


def show() -> None:
    """Show all open figures in windows or, without a display, save them beside the script.

    A script calls it once, after its last figure. A picture is named after the script, for example
    ``memory_length.png``, and goes to the current folder if the script's own can't be written. A
    line says where it is. In a notebook this is :func:`matplotlib.pyplot.show`.

    Examples
    --------
    >>> from matplotlib import pyplot
    >>> pyplot.close("all")
    >>> show()  # no figure is open
    """
    import matplotlib.pyplot as plt

    import __main__

    if plt.get_backend().lower() not in NO_WINDOWS:
        plt.show()
        return
    script = Path(getattr(__main__, "__file__", "figure.py"))
    folder = script.parent if os.access(script.parent, os.W_OK) else Path()
    for place, number in enumerate(plt.get_fignums()):
        path = folder / f"{script.stem}{f'-{place + 1}' if place else ''}.png"
        plt.figure(number).savefig(path, dpi=200)
        print(f"there is no display for a window, so the figure is in {path}")


def axes_or_new(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """Return `ax` or, if it is None, the axes of a new figure of this size in inches."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def _draw_heat_map(ax: Axes, values: Any, digits: int | None) -> None:
    """Draw one cell of size 1 per value, colored from -1 to 1. The first one is centered at (1, 1).

    Without `digits`, negative values are marked with a dash.
    """
    _draw_cells(ax, values, 0.5, edge="#ffffff")
    for (row, column), value in np.ndenumerate(values):
        if digits is not None:
            label = f"{value:+.{digits}f}".replace("-", "−")
        else:
            label = "−" if value < -0.05 else ""
        if label:
            ax.text(
                column + 1,
                row + 1,
                label,
                ha="center",
                va="center",
                color=CELL_INK,
                fontsize=10,
                gid="cell",
            )


def _draw_cells(ax: Axes, values: Any, start: float, edge: str) -> None:
    """Draw cells of size 1, colored from -1 to 1, none for nan; `start` is the first corner.

    The cells are vector graphics, so that they stay sharp when a reader zooms in.
    """
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    # The weaker a number, the more shines through, so that 0 has the color of the page.
    minus, _, plus = DIVERGING
    rows, columns = values.shape
    clear: list[Any] = [(0.5, to_rgba(color, 0)) for color in (minus, plus)]
    ax.pcolormesh(
        start + np.arange(columns + 1),
        start + np.arange(rows + 1),
        np.ma.masked_invalid(values),
        cmap=LinearSegmentedColormap.from_list("charseq", [(0, minus), *clear, (1, plus)]),
        vmin=-1,
        vmax=1,
        edgecolors=edge,
        linewidth=1,
    )


def _draw_char(ax: Axes, x: float, y: float, char: str, *, on_cell: bool, **style: Any) -> None:
    """Draw a character; one on a colored cell keeps its ink on a dark page."""
    ax.text(
        x,
        y,
        replace_blanks(char),
        ha="center",
        va="center",
        family="monospace",
        color=CELL_INK if on_cell else INK,
        gid="cell" if on_cell else None,
        **style,
    )


def _fold(text: str, width: int) -> list[str]:
    """Cut a text after line breaks, and lines of more than `width` characters after spaces."""
    lines = []
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        while len(line) > width:
            cut = line.rfind(" ", 0, width) + 1
            if not line[:cut].strip():  # no space, or only those of the indentation
                cut = width
            lines.append(line[:cut])
            line = line[cut:]
        lines.append(line)
    return lines


def rectangle(left: float, top: float, width: float, height: float, fill: str, edge: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((left, top), width, height, facecolor=fill, edgecolor=edge, linewidth=1.2)


def _write_beside(ax: Axes, x: float, y: float, label: str, color: str) -> None:
    """Write a label to the right of a point."""
    ax.annotate(label, (x, y), xytext=(6, 0), textcoords="offset points", va="center", color=color)


def replace_blanks(label: Iterable[str]) -> str:
    """Replace each character that would be invisible by a sign: ␣, ⇥, ↵, and � for any other."""
    signs = {" ": "␣", "\n": "↵", "\t": "⇥"}
    return "".join(signs.get(char, char if char.isprintable() else "�") for char in label)
