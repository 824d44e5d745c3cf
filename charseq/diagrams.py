"""Diagrams of the network itself: one time step in numbers, and the network unrolled in time.

Each function draws on the axes it is given, or on new ones, and returns them. The colors and the
rules for them are those of :mod:`charseq.plotting`.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from charseq.plotting import BLUE, GRAY, GREEN, INK, ORANGE, axes_or_new, rectangle, replace_blanks
from charseq.reference import RNNParams, rnn_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
else:
    Axes = Any  # as in charseq.plotting, only a function that draws imports matplotlib

__all__ = ["plot_step", "plot_unrolled"]

GAP = 0.3  # between two neighbors in a row of blocks and signs
SIGN_WIDTHS = {"$+$": 0.5, r"$)\ =$": 0.8, r"$\tanh($": 1.0}

# A sign or the name of a block, the block, the color of the name, and which cells are picked out.
Part = tuple[str, Any, str, Any]


def plot_step(
    x: ArrayLike, h: ArrayLike, params: RNNParams, ax: Axes | None = None, *, digits: int = 2
) -> Axes:
    r"""Draw one time step, :eq:`rnn-step`, as blocks of numbers.

    Each vector and matrix is drawn with one cell per number, so the figure also shows the shapes.
    The column of :math:`W_{ih}` that a one-hot `x` picks is in bold orange.

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
    digits : int, default=2
        Decimal places that numbers are rounded to. Trailing zeros are left out.

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
    picked = x == 1
    from_input: list[Part] = [
        (r"$\tanh($", None, INK, None),
        ("$W_{ih}$", params.W_ih, ORANGE, np.broadcast_to(picked, params.W_ih.shape)),
        ("$x_t$", x, INK, picked[:, None]),
        ("$+$", None, INK, None),
        ("$b_{ih}$", params.b_ih, INK, None),
    ]
    from_memory: list[Part] = [
        ("$+$", None, INK, None),
        ("$W_{hh}$", params.W_hh, BLUE, None),
        ("$h_{t-1}$", h, INK, None),
        ("$+$", None, INK, None),
        ("$b_{hh}$", params.b_hh, INK, None),
        (r"$)\ =$", None, INK, None),
        ("$h_t$", new, INK, None),
    ]
    # One row for the input and one for the state, so that the numbers are legible on a telephone.
    upper, lower = max(params.W_ih.shape), len(h)  # heights of the two rows, in cells
    lower_y = (upper + lower) / 2 + 2.0
    width = max(_row_width(from_input, digits), _row_width(from_memory, digits))
    ax = axes_or_new(ax, (0.48 * (width + 0.3), 0.48 * (upper + lower + 3.7)))
    for parts, y in ((from_input, 0.0), (from_memory, lower_y)):
        _draw_row(ax, parts, y, digits)
    ax.set(xlim=(-0.15, width + 0.15), ylim=(lower_y + lower / 2 + 0.8, -upper / 2 - 0.9))
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
    steps, top = len(text), 2.75 if outputs else 1.5
    ax = axes_or_new(ax, (0.5 * (1.5 * steps + 1.6), 0.5 * (top + 2.1)))
    text_style: dict[str, Any] = {"ha": "center", "va": "center", "color": INK}
    ax.text(-1.34, 0, "$h_0$", fontsize=13, **text_style)
    for t, char in enumerate(text, start=1):
        x = 1.5 * (t - 1)
        _draw_arrow(ax, (x - 1.06, 0), (x - 0.44, 0), BLUE)
        ax.add_patch(rectangle(x - 0.42, -0.42, 0.84, 0.84, "none", edge=INK))
        ax.text(x, 0, "tanh", fontsize=11, **text_style)
        ax.text(x - 0.75, 0.66, "$W_{hh}$", fontsize=12, **{**text_style, "color": BLUE})
        _draw_arrow(ax, (x, -1.12), (x, -0.46), ORANGE)
        ax.text(x + 0.42, -0.8, "$W_{ih}$", fontsize=12, **{**text_style, "color": ORANGE})
        ax.text(x, -1.36, f"$x_{{{t}}}$", fontsize=13, **text_style)
        ax.text(x, -1.82, f"“{replace_blanks(char)}”", family="monospace", **text_style)
        _draw_arrow(ax, (x, 0.42), (x, 1.0), INK)
        ax.text(x, 1.22, f"$h_{{{t}}}$", fontsize=13, **text_style)
        if outputs:
            _draw_arrow(ax, (x, 1.44), (x, 2.18), GREEN)
            ax.text(x + 0.42, 1.8, "$W_{hy}$", fontsize=12, **{**text_style, "color": GREEN})
            ax.text(x, 2.42, f"$z_{{{t}}}$", fontsize=13, **text_style)
    end = 1.5 * (steps - 1)
    _draw_arrow(ax, (end + 0.44, 0), (end + 1.0, 0), BLUE)
    ax.text(end + 1.25, 0, f"$h_{{{steps}}}$", fontsize=13, **text_style)
    ax.set(xlim=(-1.6, end + 1.5), ylim=(-2.1, top))
    ax.set_aspect("equal")
    ax.axis("off")
    return ax


def _number(value: float, digits: int) -> str:
    """Write a number with as few digits as its rounded value needs."""
    label = f"{round(value, digits) + 0.0:.{digits}f}"  # -0.0 + 0.0 is 0.0
    if "." in label:
        label = label.rstrip("0").rstrip(".")
    return label.replace("-", "−")


def _part_width(part: Part, digits: int) -> tuple[float, float]:
    """Return the width of a sign or block, and that of a column, where a cell is 1 high."""
    name, block, _, _ = part
    if block is None:
        return SIGN_WIDTHS[name], 0.0
    longest = max(len(_number(value, digits)) for value in np.ravel(block))
    column = max(0.7, 0.25 + 0.17 * longest)
    return column * _as_matrix(block).shape[1], column


def _row_width(parts: list[Part], digits: int) -> float:
    """Return the width of a row of blocks and signs, where a cell is 1 high."""
    return sum(_part_width(part, digits)[0] for part in parts) + GAP * (len(parts) - 1)


def _draw_row(ax: Axes, parts: list[Part], y: float, digits: int) -> None:
    """Draw blocks of numbers and the signs between them, centered on `y`."""
    left = 0.0
    style: dict[str, Any] = {"ha": "center", "va": "center"}
    for part in parts:
        name, block, color, picked = part
        width, column_width = _part_width(part, digits)
        middle = left + width / 2
        if block is None:
            ax.text(middle, y, name, color=color, fontsize=13, **style)
            left += width + GAP
            continue
        matrix = _as_matrix(block)
        rows, columns = matrix.shape
        top = y - rows / 2
        inner: dict[str, Any] = {"color": GRAY, "linewidth": 0.6}
        ax.hlines(top + np.arange(1, rows), left, left + width, **inner)
        ax.vlines(left + column_width * np.arange(1, columns), top, top + rows, **inner)
        ax.add_patch(rectangle(left, top, width, rows, "none", edge=INK))
        for (row, column), value in np.ndenumerate(matrix):
            strong = picked is not None and picked[row, column]
            ax.text(
                left + (column + 0.5) * column_width,
                top + row + 0.5,
                _number(value, digits),
                color=ORANGE if strong else INK,
                weight="bold" if strong else "normal",
                fontsize=10,
                gid="cell",
                **style,
            )
        ax.text(middle, top - 0.3, name, ha="center", color=color, fontsize=13)
        shape = f"({rows}, {columns})" if np.ndim(block) == 2 else f"({rows},)"
        ax.text(middle, top + rows + 0.5, shape, ha="center", color=GRAY, fontsize=10)
        left += width + GAP


def _as_matrix(block: Any) -> Any:
    """Return a vector as a matrix of one column, and a matrix unchanged."""
    return block if block.ndim == 2 else block[:, None]


def _draw_arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], color: str) -> None:
    ax.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.6, "shrinkA": 0}
    )
