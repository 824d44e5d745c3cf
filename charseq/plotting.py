"""Figures. Each function draws on the axes it is given, or on new ones, and returns them.

Colour-blind readers can tell the colours apart: they are Okabe and Ito's, darkened for contrast.
No meaning depends on colour alone: wrong letters have a frame, values are printed with their sign.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from charseq.reference import RNNParams, rnn_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
else:
    Axes = Any  # only a function that draws imports matplotlib; `import charseq` does not

__all__ = ["plot_loss", "plot_predictions", "plot_states", "plot_step", "plot_unrolled"]

INK = "#1a1a1a"
BLUE = "#0072b2"
ORANGE = "#d55e00"
GREEN = "#009e73"
PURPLE = "#a2559c"
GREY = "#767676"
CELL_INK = "#111111"  # text on a coloured cell; on a dark page, it must stay dark
DIVERGING = ["#6cb0dd", "#ffffff", "#f2a65e"]  # -1, 0, +1; all are pale enough for CELL_INK


def plot_loss(
    history: Any,
    ax: Axes | None = None,
    *,
    label: str | None = None,
    color: str = BLUE,
    levels: dict[str, float] | None = None,
) -> Axes:
    """Draw the loss against the epoch or training step, with levels to compare it with.

    Parameters
    ----------
    history : History
        The history of a run, for example from :func:`charseq.train`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes by default.
    label : str, optional
        Text at the end of the curve.
    color : color, optional
        Colour of the curve.
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
    ax = _axes_or_new(ax, (5.6, 3.4))
    ax.plot(history.numbers, history.losses, color=color, linewidth=2)
    ax.set(xlabel=history.unit, ylabel="loss (nats per character)", xlim=(0, None))
    ax.margins(y=0.12)  # room for the labels of the lowest and the highest level
    ax.spines[["top", "right"]].set_visible(False)
    if label:
        _write_beside(ax, history.numbers[-1], history.losses[-1], label, color)
    for name, level in (levels or {}).items():
        # The name stands above the line if the line is above the curve's end, otherwise below.
        above = level > history.losses[-1]
        ax.axhline(level, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
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
            color=GREY,
        )
    ax.autoscale_view(scalex=False)
    return ax


def plot_predictions(
    history: Any,
    target: str,
    ax: Axes | None = None,
    *,
    every: int | None = None,
) -> Axes:
    """Draw the predicted letters, one row every few epochs.

    The top row is the target. A wrong letter has an orange background and a frame.

    Parameters
    ----------
    history : History
        The history of a run, for example from :func:`charseq.train`.
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
    if every < 1:
        raise ValueError(f"every counts epochs and must be at least 1, got {every}")
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
    ax = _axes_or_new(ax, (max(4.0, 0.26 * len(target) + 1.2), 0.26 * (len(rows) + 1) + 0.7))
    for y, text in enumerate([target, *(record.prediction for record in rows)]):
        for x, (char, right_char) in enumerate(zip(text, target, strict=True)):
            is_wrong = char != right_char
            if is_wrong:
                ax.add_patch(_rectangle(x - 0.5, y - 0.5, 1, 1, DIVERGING[2], edge=ORANGE))
            ax.text(
                x,
                y,
                _replace_blanks(char),
                ha="center",
                va="center",
                family="monospace",
                fontsize=12,
                color=CELL_INK if is_wrong else INK,
                gid="cell" if is_wrong else None,
                weight="bold" if y == 0 else "normal",
            )
    ax.axhline(0.5, color=GREY, linewidth=1)
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

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on. With up to 60 values, each is printed in its cell. With more, none
        is, and a dash marks the negative ones.

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
    ax = _axes_or_new(ax, (max(3.0, 0.62 * min(steps, 14) + 1.4), max(1.6, 0.36 * units + 0.9)))
    _draw_heat_map(ax, values.T, 0.5, 0.5, number_format="{:+.2f}" if values.size <= 60 else None)
    ax.set(xlim=(0.5, steps + 0.5), ylim=(units + 0.5, 0.5), ylabel="hidden unit")
    ax.set_xticks(range(1, steps + 1), [_replace_blanks(label) for label in labels or ""] or None)
    ax.set_yticks(range(1, units + 1), map(str, range(units)))  # counted from 0, as in code
    ax.set_xlabel("time step →" if labels is None else "character read →")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def plot_step(x: ArrayLike, h: ArrayLike, params: RNNParams, ax: Axes | None = None) -> Axes:
    r"""Draw one time step, :eq:`rnn-step`, as blocks of numbers.

    Each vector and matrix is drawn with one cell per number, so the figure also shows the shapes.

    Parameters
    ----------
    x : array_like of shape (V,)
        The character that is read, one-hot.
    h : array_like of shape (H,)
        The state before that character.
    params : RNNParams
        Weights and biases.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes by default.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    ValueError
        If a shape does not fit `params`.
    """
    x, h = np.asarray(x, dtype=float), np.asarray(h, dtype=float)
    new = rnn_step(x[None], h[None], params)[0]  # (1, V), (1, H) -> (1, H)
    from_input: list[tuple[str, Any]] = [
        (r"$\tanh($", None),
        ("$W_{ih}$", params.W_ih),
        ("$x_t$", x),
        ("$+$", None),
        ("$b_{ih}$", params.b_ih),
    ]
    from_memory: list[tuple[str, Any]] = [
        ("$+$", None),
        ("$W_{hh}$", params.W_hh),
        ("$h_{t-1}$", h),
        ("$+$", None),
        ("$b_{hh}$", params.b_hh),
        (r"$)\ =$", None),
        ("$h_t$", new),
    ]
    # One row for the input and one for the state, so that the numbers are legible on a telephone.
    upper, lower = max(params.W_ih.shape), len(h)  # heights of the two rows, in cells
    lower_y = (upper + lower) / 2 + 2.0
    width = max(_row_width(from_input), _row_width(from_memory))
    ax = _axes_or_new(ax, (0.5 * width + 0.2, 0.42 * (upper + lower + 3.9)))
    for parts, y in ((from_input, 0.0), (from_memory, lower_y)):
        _draw_row(ax, parts, y)
    ax.set(xlim=(-0.2, width + 0.2), ylim=(lower_y + lower / 2 + 0.9, -upper / 2 - 1.0))
    ax.set_aspect("equal")
    ax.axis("off")
    return ax


def plot_unrolled(text: str = "hello", ax: Axes | None = None, *, outputs: bool = False) -> Axes:
    """Draw the network unrolled in time, with one box per character.

    Each box passes its state to the box on its right.

    Parameters
    ----------
    text : str, default="hello"
        The characters that are read, at most 12.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes by default.
    outputs : bool, default=False
        Whether to draw the output layer and its logits above the states.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    ValueError
        If `text` is empty or has more than 12 characters.
    """
    if not 1 <= len(text) <= 12:
        raise ValueError(f"expected 1 to 12 characters to draw, got {len(text)}")
    steps, top = len(text), 2.7 if outputs else 1.5
    ax = _axes_or_new(ax, (0.85 * (1.5 * steps + 1.4), 0.85 * (top + 2.1)))
    text_style: dict[str, Any] = {"ha": "center", "va": "center", "color": INK}
    ax.text(-1.3, 0, "$h_0$", fontsize=14, **text_style)
    for t, char in enumerate(text, start=1):
        x = 1.5 * (t - 1)
        _draw_arrow(ax, (x - 1.04, 0), (x - 0.5, 0), BLUE)
        ax.add_patch(_rectangle(x - 0.46, -0.42, 0.92, 0.84, "none", edge=INK))
        ax.text(x, 0, "tanh", fontsize=11, **text_style)
        ax.text(x - 0.76, 0.24, "$W_{hh}$", fontsize=11, **{**text_style, "color": BLUE})
        _draw_arrow(ax, (x, -1.12), (x, -0.46), ORANGE)
        ax.text(x + 0.34, -0.8, "$W_{ih}$", fontsize=11, **{**text_style, "color": ORANGE})
        ax.text(x, -1.38, f"$x_{{{t}}}$", fontsize=14, **text_style)
        ax.text(x, -1.8, f"“{_replace_blanks(char)}”", family="monospace", **text_style)
        _draw_arrow(ax, (x, 0.42), (x, 1.0), INK)
        ax.text(x, 1.22, f"$h_{{{t}}}$", fontsize=14, **text_style)
        if outputs:
            _draw_arrow(ax, (x, 1.42), (x, 2.18), GREEN)
            ax.text(x + 0.36, 1.8, "$W_{hy}$", fontsize=11, **{**text_style, "color": GREEN})
            ax.text(x, 2.42, f"$z_{{{t}}}$", fontsize=14, **text_style)
    end = 1.5 * (steps - 1)
    _draw_arrow(ax, (end + 0.48, 0), (end + 1.0, 0), BLUE)
    ax.text(end + 1.25, 0, f"$h_{{{steps}}}$", fontsize=14, **text_style)
    ax.set(xlim=(-1.6, end + 1.6), ylim=(-2.1, top))
    ax.set_aspect("equal")
    ax.axis("off")
    return ax


GAP = 0.55  # between two neighbours in a row of blocks and signs
SIGN_WIDTH = 1.1  # of a plus, for example


def _row_width(parts: list[tuple[str, Any]]) -> float:
    """Return the width of a row of blocks and signs, where a column of a block is 1 wide."""
    widths = [SIGN_WIDTH if block is None else _as_matrix(block).shape[1] for _, block in parts]
    return sum(widths) + GAP * (len(parts) - 1)


def _draw_row(ax: Axes, parts: list[tuple[str, Any]], y: float) -> None:
    """Draw blocks of numbers and the signs between them, centred on `y`."""
    left = 0.0
    for name, block in parts:
        if block is None:
            width = SIGN_WIDTH
            ax.text(left + width / 2, y, name, ha="center", va="center", color=INK, fontsize=14)
        else:
            matrix = _as_matrix(block)
            rows, width = matrix.shape
            top, middle = y - rows / 2, left + width / 2
            number_format = "{:.2g}" if name == "$x_t$" else "{:+.2f}"
            _draw_heat_map(ax, matrix, left, top, number_format)
            ax.add_patch(_rectangle(left, top, width, rows, "none", edge=INK))
            ax.text(middle, top - 0.35, name, ha="center", color=INK, fontsize=13)
            shape = f"({rows}, {width})" if np.ndim(block) == 2 else f"({rows},)"
            ax.text(middle, top + rows + 0.55, shape, ha="center", color=GREY, fontsize=10)
        left += width + GAP


def _axes_or_new(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """Return `ax` or, if it is None, the axes of a new figure of this size in inches."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def _draw_heat_map(
    ax: Axes, values: Any, left: float, top: float, number_format: str | None
) -> None:
    """Draw one cell of size 1 per value, coloured from -1 to 1.

    The cells are vector graphics, so that they stay sharp when a reader zooms in. Without
    `number_format`, negative values are marked with a dash.
    """
    from matplotlib.colors import LinearSegmentedColormap

    rows, columns = values.shape
    ax.pcolormesh(
        left + np.arange(columns + 1),
        top + np.arange(rows + 1),
        values,
        cmap=LinearSegmentedColormap.from_list("charseq", DIVERGING),
        vmin=-1,
        vmax=1,
        edgecolors="#ffffff",
        linewidth=1,
    )
    for (row, column), value in np.ndenumerate(values):
        if number_format:
            label = number_format.format(value).replace("-", "−")
        else:
            label = "−" if value < -0.05 else ""
        if label:
            ax.text(
                left + column + 0.5,
                top + row + 0.5,
                label,
                ha="center",
                va="center",
                color=CELL_INK,
                fontsize=9,
                gid="cell",
            )


def _rectangle(left: float, top: float, width: float, height: float, fill: str, edge: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((left, top), width, height, facecolor=fill, edgecolor=edge, linewidth=1.2)


def _draw_arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], color: str) -> None:
    ax.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.6, "shrinkA": 0}
    )


def _write_beside(ax: Axes, x: float, y: float, label: str, color: str) -> None:
    """Write a label to the right of a point."""
    ax.annotate(label, (x, y), xytext=(6, 0), textcoords="offset points", va="center", color=color)


def _as_matrix(block: Any) -> Any:
    """Return a vector as a matrix of one column, and a matrix unchanged."""
    return block if block.ndim == 2 else block[:, None]


def _replace_blanks(label: Iterable[str]) -> str:
    """Replace each character that would be invisible by a sign: ␣, ⇥, ↵, and � for any other."""
    signs = {" ": "␣", "\n": "↵", "\t": "⇥"}
    return "".join(signs.get(char, char if char.isprintable() else "�") for char in label)
