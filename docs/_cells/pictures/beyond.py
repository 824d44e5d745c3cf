"""Pictures of the part *Beyond*."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

from charseq.plotting import (
    BLUE,
    CELL_INK,
    DIVERGING,
    GRAY,
    GREEN,
    INK,
    ORANGE,
    PALE_BLUE,
)

MIDDLE = {"ha": "center", "va": "center"}


def arrow(ax, start, end, color=INK, width=1.4, gap=5, **more):
    """Draw an arrow from point to point, with a gap at both ends."""
    style = {"arrowstyle": "-|>", "color": color, "lw": width, **more}
    style |= {"shrinkA": gap, "shrinkB": gap, "mutation_scale": 9}
    ax.annotate("", end, start, arrowprops=style)


def box(ax, x, y, text, color=INK, width=0.9, height=0.8, **more):
    """Draw a box around a point, and write into it."""
    place = (x - width / 2, y - height / 2)
    more = {"fc": "none", "ec": color, "lw": 1.4} | more
    ax.add_patch(plt.Rectangle(place, width, height, **more))
    ax.text(x, y, text, size=11, **MIDDLE)


def draw_one_call():
    """Draw the texts in one call, and their states."""
    _, ax = plt.subplots(figsize=(4.6, 1.7), layout="constrained")
    for t, letter in enumerate("to␣be␣or"):
        for level in (0, 1.8):
            ax.text(t + 0.5, level + 0.5, letter, ha="center", va="center")
        frame = (t + 0.12, 0), 0.76, 1
        ax.add_patch(plt.Rectangle(*frame, fill=False, ec=INK, lw=1.6))
        if t:
            style = {"arrowstyle": "-|>", "color": BLUE, "lw": 1.6}
            style |= {"shrinkA": 0, "shrinkB": 0}
            ax.annotate(
                "", (t + 0.12, 0.5), (t - 0.12, 0.5), arrowprops=style
            )
    outer = plt.Rectangle((0.12, 1.8), 7.76, 1, fill=False, ec=INK, lw=1.6)
    ax.add_patch(outer)
    ax.text(8.1, 2.3, "one call", va="center")
    ax.text(8.1, 0.5, "eight calls", va="center")
    ax.set(xlim=(0, 10), ylim=(-0.1, 2.9))
    ax.axis("off")


def draw_transformer():
    """Draw a transformer at three positions."""
    _, ax = plt.subplots(figsize=(5.6, 3.7), layout="constrained")
    floors = (
        ("vector", 1),
        ("block 1", 2.2),
        ("block 2", 3.4),
        ("output", 4.6),
    )
    words = ("bird", "and", "it", "sings")
    for column, (below, above) in enumerate(pairwise(words)):
        x = 3.2 * column
        ax.text(x, 0, below, size=13, color=ORANGE, **MIDDLE)
        ax.text(x, 5.6, above, size=13, color=GREEN, **MIDDLE)
        for (name, y), end in zip(floors, (1.88, 3.08, 4.28, 5.4)):
            box(ax, x, y, name, width=1.8, height=0.62)
            arrow(ax, (x, y + 0.31), (x, end), INK, 1.4, 0)
            if column and name.startswith("block"):
                for back in range(1, column + 1):
                    bend = {
                        "connectionstyle": f"arc3,rad={0.16 * (back - 1)}"
                    }
                    arrow(
                        ax,
                        (x - 3.2 * back + 0.9, y - 0.16 * (back - 1)),
                        (x - 0.9, y - 0.16 * (back - 1)),
                        BLUE,
                        1.8,
                        0,
                        **bend,
                    )
        arrow(ax, (x, 0.22), (x, 0.68), ORANGE, 1.4, 0)
    ax.set(xlim=(-1.2, 7.6), ylim=(-0.3, 5.9))
    ax.axis("off")


def draw_block():
    """Draw the parts of one block."""
    _, ax = plt.subplots(figsize=(5.6, 4), layout="constrained")

    def along(*places, color=INK, width=1.4):
        """Draw a line from place to place, with an arrow at its end."""
        ax.plot(*zip(*places), color=color, lw=width)
        arrow(ax, places[-2], places[-1], color, width, 0)

    ax.plot((0, 10.6), (6, 6), color=BLUE, lw=5, solid_capstyle="butt")
    arrow(ax, (10.2, 6), (11.1, 6), BLUE, 5, 0)
    for x, name in ((0.1, "$x_t$"), (5.75, "$x'_t$"), (10.5, r"$\hat{x}_t$")):
        ax.text(x, 6.45, name, size=13, ha="center", va="bottom", color=BLUE)
    for x in (4.7, 9.3):
        ax.plot(x, 6, "o", ms=17, mfc=PALE_BLUE, mec=BLUE, mew=2)
        ax.text(x, 5.98, "+", size=15, color=CELL_INK, **MIDDLE)
    along((1.4, 6), (1.4, 5.15))
    box(ax, 1.4, 4.75, "norm", width=1.5)
    along((1.4, 4.35), (1.4, 3.97))
    box(ax, 1.4, 3.2, "query\nkey\nvalue", width=1.5, height=1.5)
    along((1.4, 2.45), (1.4, 1.6), (3.78, 1.6))
    box(ax, 4.7, 1.6, "heads", width=1.8, height=1.1)
    for behind in (1, 2):
        left, low, shift = 3.8, 1.05, 0.16 * behind
        x, y = (left + shift, 5.6 + shift), (low + shift, low + 1.1 + shift)
        ax.plot(
            (x[0], x[0], x[1], x[1], 5.45 + shift),
            (2 + shift, y[1], y[1], y[0], y[0]),
            color=INK,
            lw=1.4,
        )
    along((-0.2, 0.1), (4.7, 0.1), (4.7, 1.03), color=BLUE, width=2.2)
    words = "keys and values\nof the letters before"
    ax.text(-0.2, 0.25, words, size=10, color=BLUE, va="bottom")
    along((4.7, 2.5), (4.7, 3.08))
    box(ax, 4.7, 3.5, "mix", width=1.5)
    along((4.7, 3.9), (4.7, 5.62))
    along((7, 6), (7, 5.15))
    box(ax, 7, 4.75, "norm", width=1.5)
    along((7, 4.35), (7, 0.1), (9.3, 0.1), (9.3, 1.18))
    box(ax, 9.3, 1.6, "$W_1$, ReLU", width=2.1)
    along((9.3, 2), (9.3, 3.08))
    box(ax, 9.3, 3.5, "$W_2$", width=1.5)
    along((9.3, 3.9), (9.3, 5.62))
    ax.text(3.0, -0.35, "look at the others", size=11, ha="center", va="top")
    ax.text(8.2, -0.35, "work", size=11, ha="center", va="top")
    ax.set(xlim=(-0.4, 11.3), ylim=(-1.0, 7.1))
    ax.axis("off")


def draw_looks(rows):
    """Draw what the last word of each row looks at, and what is said next."""
    _, ax = plt.subplots(figsize=(5.6, 2.7), layout="constrained")
    for row, (words, weights, said) in enumerate(rows):
        y = -1.5 * row
        for place, (word, weight) in enumerate(zip(words, weights)):
            look = {"fc": (BLUE, weight), "ec": GRAY, "lw": 0.6}
            corner = (place - 0.5, y - 0.75)
            ax.add_patch(plt.Rectangle(corner, 1, 0.4, **look))
            ax.text(place, y, word, size=12, **MIDDLE)
        ax.text(len(words) + 0.1, y, said, size=12, color=BLUE, **MIDDLE)
    ax.set(xlim=(-0.6, 7.7), ylim=(-3.9, 0.4))
    ax.axis("off")


def draw_block_by_hand(steps):
    """Draw the numbers on the line of a block, and on its two branches."""
    _, ax = plt.subplots(figsize=(5.6, 4.1), layout="constrained")
    minus, _, plus = DIVERGING
    for row, (numbers, why) in enumerate(steps):
        on_line = row in (0, 3, 6)
        left = 0 if on_line else 4.6
        for place, number in enumerate(numbers):
            color = plus if number > 0 else minus
            look = {"fc": (color, min(abs(number) / 3, 1))}
            look |= {"ec": BLUE, "lw": 1.6} if on_line else {"ec": INK}
            corner = (left + place, -row - 0.32)
            ax.add_patch(plt.Rectangle(corner, 1, 0.64, **look))
            said = f"{number:.2g}".replace("-", "−")
            ax.text(left + place + 0.5, -row - 0.02, said, size=10, **MIDDLE)
        ax.text(8.9, -row, why, size=10, va="center")
    for row in (0, 3):
        ax.plot((2, 2), (-row - 0.34, -row - 2.2), color=BLUE, lw=5)
        arrow(ax, (2, -row - 2.2), (2, -row - 2.66), BLUE, 5, 0)
        out = (-row - 0.15, -row - 0.15, -row - 0.3)
        ax.plot((4.05, 6.6, 6.6), out, color=INK, lw=1.4)
        arrow(ax, (6.6, -row - 0.3), (6.6, -row - 0.68), INK, 1.4, 0)
        arrow(ax, (6.6, -row - 1.32), (6.6, -row - 1.68), INK, 1.4, 0)
        ax.plot((6.6, 6.6), (-row - 2.32, -row - 2.85), color=INK, lw=1.4)
        arrow(ax, (6.6, -row - 2.85), (4.05, -row - 2.85), INK, 1.4, 0)
        ax.text(4.33, -row - 2.62, "+", size=12, **MIDDLE)
    for place, name in ((0, "thing"), (2, "bird"), (3, "sings")):
        ax.text(place + 0.5, 0.55, name, size=10, color=GRAY, **MIDDLE)
    ax.set(xlim=(-0.1, 13.6), ylim=(-6.5, 0.8))
    ax.axis("off")


def draw_depth(stacks):
    """Draw how letters fare through 24 layers."""
    _, axes = plt.subplots(1, 2, figsize=(5.6, 2.7), layout="constrained")
    looks = {"replaced": (INK, "--"), "added": (GRAY, "-")}
    looks |= {"added, normalized": (BLUE, "-")}
    for way, curves in stacks.items():
        color, dashes = looks[way]
        for ax, curve in zip(axes, curves):
            ax.plot(curve, dashes, color=color)
    axes[0].set(ylabel="letters differ by", ylim=(0, 1.05))
    axes[1].set(ylabel="size", yscale="log", ylim=(0.1, 1e4))
    axes[1].set_yticks([0.1, 1, 10, 100, 1000, 10_000])
    axes[1].set_yticklabels(["0.1", "1", "10", "100", "1,000", "10,000"])
    axes[1].minorticks_off()
    for ax in axes:
        ax.set(xlabel="layers", xticks=(0, 6, 12, 18, 24))
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].text(6.6, 0.08, "replaced", color=INK)
    axes[1].text(13, 900, "added", color=GRAY, ha="right")
    axes[1].text(24, 1.25, "added, normalized", color=BLUE, ha="right")
    axes[1].text(13, 0.2, "replaced", color=INK, ha="right")


def draw_attention(attention, k, q, scores, v, weights):
    """Draw scores, weights and results of three positions."""
    _, ax = plt.subplots(figsize=(5.6, 2.6), layout="constrained")
    for left, name, table in (
        (0, "scores $s$", scores),
        (3.5, r"weights $\alpha$", weights),
        (7, "results $h$", attention(q, k, v)),
    ):
        width = table.shape[1]
        ax.text(left + width / 2, 0.45, name, size=12, **MIDDLE)
        for row, column in np.ndindex(table.shape):
            x, y = left + column, -row - 1
            share = 0.6 * weights[row, column] if left == 3.5 else 0
            ax.add_patch(
                plt.Rectangle((x, y), 1, 1, fc=(GRAY, share), ec=GRAY)
            )
            if left < 7 and column > row:
                ax.plot((x, x + 1), (y, y + 1), color=GRAY, lw=1)
                ax.plot((x, x + 1), (y + 1, y), color=GRAY, lw=1)
            else:
                shown = f"{table[row, column]:.2f}"
                ax.text(x + 0.5, y + 0.5, shown, size=11, **MIDDLE)
    for place, char in enumerate("(ax"):
        ax.text(-0.4, -place - 0.5, char, size=13, **MIDDLE)
        for left in (0, 3.5):
            ax.text(left + place + 0.5, -3.35, char, size=13, **MIDDLE)
    ax.set(xlim=(-0.8, 9.1), ylim=(-3.7, 0.8))
    ax.axis("off")


def draw_who_waits():
    """Draw the longest chain of a recurrence and of attention."""
    _, axes = plt.subplots(2, figsize=(5.6, 3.1), layout="constrained")

    inputs = [(x, 0) for x in range(8)]
    titles = "RNN: seven states wait", "attention: nobody waits"
    for ax, title in zip(axes, titles):
        ax.set_title(title, loc="left", fontsize=12)
        ax.plot(*zip(*inputs), "o", ms=7, color=ORANGE)
        ax.set(xlim=(-0.4, 7.4), ylim=(-0.25, 1.25))
        ax.axis("off")
    for x in range(8):
        axes[0].plot(x, 1, "o", ms=8, mec=INK, mfc="none")
        arrow(axes[0], (x, 0), (x, 1), GRAY, 1.2)
        look = (GRAY, 1.2) if x else (INK, 2.8)
        arrow(axes[1], (x, 0), (7, 1), *look)
        if x:
            arrow(axes[0], (x - 1, 1), (x, 1), INK, 2.8)
    axes[1].plot(7, 1, "o", ms=8, mec=INK, mfc="none")


def draw_first():
    """Draw what remembering the first bracket asks of a unit."""
    _, ax = plt.subplots(figsize=(4.2, 2.9), layout="constrained")
    old = np.linspace(-1.25, 1.25, 200)
    ax.plot(old, np.tanh(4 * old - 2), color=INK)
    ax.plot(old, np.full(200, -1.0), color=GRAY)
    ax.plot((-1, 0, 1), (-1, -1, 1), "o", color=INK, ms=7)
    ax.text(0.36, 0.25, "tanh", color=INK, ha="right", size=12)
    ax.text(
        1.22, -0.92, "linear", color=GRAY, ha="right", va="bottom", size=12
    )
    for x, y, name, side in (
        (-1, -0.8, "keep −1", "center"),
        (0, -0.8, "write", "center"),
        (0.94, 1.12, "keep 1", "right"),
    ):
        ax.text(x, y, name, ha=side, va="bottom", size=11)
    ax.set(xlabel="old state", ylabel="new state", ylim=(-1.2, 1.5))
    ax.set(xticks=(-1, 0, 1), yticks=(-1, 0, 1))
    ax.spines[["top", "right"]].set_visible(False)


def draw_bleed(S, delta_state, k, matrix_state, ones, v):
    """Draw what is read under three keys, for the sum and the delta rule."""
    _, axes = plt.subplots(
        1, 2, figsize=(5.2, 2.5), sharey=True, layout="constrained"
    )
    for ax, name, (_, S_3) in zip(
        axes,
        ("sum", "delta rule"),
        (matrix_state(k, k, v, ones, S), delta_state(k, k, v, ones, ones, S)),
    ):
        for letter, key, value in zip("pru", k[0], v[0]):
            found = S_3[0] @ key
            ax.plot(*zip(value, found), color=GRAY, lw=1.5, zorder=0)
            ax.plot(*value, "o", mfc="none", mec=INK, ms=12)
            ax.plot(*found, "o", color=BLUE, ms=6)
            ax.text(value[0] + 0.4, value[1] + 0.35, letter, size=12)
        ax.set(title=name, xlabel="first number", xlim=(-0.8, 7.2))
        ax.set(ylim=(-1.5, 4.6))
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set(ylabel="second number")


def draw_chunks():
    """Draw what is computed in chunks."""
    _, ax = plt.subplots(figsize=(4.6, 2.9), layout="constrained")
    for row, column in np.ndindex(12, 12):
        if column <= row and column // 4 == row // 4:
            look = {"fc": (GRAY, 0.5), "ec": GRAY}
            ax.add_patch(plt.Rectangle((column, -row - 1), 1, 1, **look))
    for left, top in ((0, 4), (0, 8), (4, 8)):
        look = {"fc": "none", "ec": GRAY, "ls": ":"}
        ax.add_patch(plt.Rectangle((left, -top - 4), 4, 4, **look))
    state = {"arrowstyle": "-|>", "color": BLUE, "lw": 2.5}
    state |= {"connectionstyle": "arc3,rad=-0.4", "mutation_scale": 14}
    for t in (4, 8):
        ends = (t + 2.2, -t - 1.3), (t - 0.6, -t + 1.6)
        ax.annotate("", *ends, arrowprops=state)
        ax.text(t + 2.1, -t + 1, f"$S_{t}$", color=BLUE, size=13, **MIDDLE)
    ax.set(xlim=(-1.6, 15), ylim=(-12.7, 0.5), aspect="equal")
    ax.text(-0.4, -6, "query", rotation=90, **MIDDLE)
    ax.text(6, -12.6, "key", **MIDDLE)
    ax.axis("off")


def draw_matrix_state(keys, values):
    """Draw the matrix state after each of three letters."""
    _, ax = plt.subplots(figsize=(5.2, 2.0), layout="constrained")
    S = np.zeros((2, 2))
    for letter, left, key, value in zip("pru", (0, 4, 8), keys, values):
        S = S + np.outer(value, key)
        ax.text(left + 1, 1.25, f"after {letter}", size=12, **MIDDLE)
        for place in (0, 1):
            top = {"color": ORANGE, "size": 11, **MIDDLE}
            ax.text(left + place + 0.5, 0.4, f"{key[place]:g}", **top)
            ax.text(left - 0.5, -place - 0.5, f"{value[place]:g}", **top)
        for row, column in np.ndindex(2, 2):
            corner = left + column, -row - 1
            ax.add_patch(
                plt.Rectangle(corner, 1, 1, fc="none", ec=BLUE, lw=1.5)
            )
            at = left + column + 0.5, -row - 0.5
            ax.text(*at, f"{S[row, column]:g}", color=BLUE, size=13, **MIDDLE)
    ax.set(xlim=(-1, 10.2), ylim=(-2.1, 1.6))
    ax.axis("off")


def draw_scan(join, steps):
    """Draw the joins of a scan of eight steps."""
    _, ax = plt.subplots(figsize=(4.6, 4.3), layout="constrained")
    done = {(0, t): (t, pair) for t, pair in enumerate(steps)}  # start, pair
    joins = [(1, t, (0, t - 1), (0, t)) for t in (1, 3, 5, 7)]
    joins += [(2, 2, (1, 1), (0, 2)), (2, 3, (1, 1), (1, 3))]
    joins += [(2, 7, (1, 5), (1, 7)), (3, 4, (2, 3), (0, 4))]
    joins += [(3, 5, (2, 3), (1, 5)), (3, 7, (2, 3), (2, 7))]
    joins += [(4, 6, (3, 5), (0, 6))]
    for row, t, *parts in joins:
        (start, one), (_, two) = (done[part] for part in parts)
        done[row, t] = start, join(one, two)
        for r, c in parts:
            arrow(ax, (c, -r - 0.2), (t, -row + 0.2), GRAY, 1.1, 0)
    for (row, t), (start, (a, b)) in done.items():
        color = INK if start else BLUE
        box = plt.Rectangle(
            (t - 0.4, -row - 0.2), 0.8, 0.4, fc="none", ec=color
        )
        ax.add_patch(box)
        ax.text(t, -row, f"{a}, {b}", color=color, size=11, **MIDDLE)
        if not start:
            ax.text(t, -5, b, color=BLUE, size=13, **MIDDLE)
    for t, char in enumerate("xxx;xx-x"):
        ax.text(t, 0.5, char, size=14, family="monospace", **MIDDLE)
    for row in range(1, 5):
        ax.text(-0.75, -row, row, color=GRAY, size=12, **MIDDLE)
    ax.text(-0.75, -5, "$h_t$", color=BLUE, size=13, **MIDDLE)
    ax.set(xlim=(-1.1, 7.5), ylim=(-5.3, 0.8))
    ax.axis("off")


def draw_straight(before, gated, linear):
    """Draw a gated step and a straight one, once and twice."""
    _, axes = plt.subplots(
        1, 2, figsize=(4.6, 2.2), sharey=True, layout="constrained"
    )
    for ax, one_step, name in zip(
        axes, (gated, linear), ("gate looks at the state", "linear")
    ):
        ax.plot(before, one_step(before), color=GRAY)
        ax.plot(before, one_step(one_step(before)), color=INK)
        ax.set_title(name, fontsize=11)
        ax.set(xlabel="old state", xticks=[-2, 0, 2])
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set(ylabel="new state")
    axes[1].text(0, -0.9, "one step", color=GRAY)
    axes[1].text(-2.9, 0.5, "two steps", color=INK)


def draw_waits():
    """Draw three ways from eight inputs to the last result."""
    _, axes = plt.subplots(
        3,
        figsize=(4.6, 4.7),
        height_ratios=(1.5, 1.6, 2.3),
        layout="constrained",
    )

    def dots(ax, places, color):
        ax.plot(*zip(*places), "o", ms=8, mec=color, mfc="none", ls="")

    inputs = [(x, 0) for x in range(8)]
    titles = (
        "RNN: seven states wait for the one before",
        "attention: look at all at once",
        "linear recurrence: three joins in a chain",
    )
    for ax, title, top in zip(axes, titles, (1, 1, 2.4)):
        ax.set_title(title, loc="left", fontsize=12)
        ax.plot(*zip(*inputs), "o", ms=7, color=ORANGE)
        ax.set(xlim=(-0.4, 7.4), ylim=(-0.25, top + 0.25))
        ax.axis("off")
    states = [(x, 1) for x in range(8)]
    dots(axes[0], states, INK)
    for x in range(8):
        arrow(axes[0], (x, 0), (x, 1), GRAY, 1.2)
        color, width = (GRAY, 1.2) if x else (INK, 2.8)
        arrow(axes[1], (x, 0), (7, 1), color, width)
        if x:
            arrow(axes[0], (x - 1, 1), (x, 1), INK, 2.8)
    dots(axes[1], [(7, 1)], INK)
    for level, gap in enumerate((2, 4, 8)):
        for right in range(gap - 1, 8, gap):
            end = (right, 0.8 * (level + 1))
            for start in (right - gap // 2, right):
                longest = right == start == 7
                arrow(
                    axes[2],
                    (start, 0.8 * level),
                    end,
                    INK if longest else GRAY,
                    2.8 if longest else 1.2,
                )
            dots(axes[2], [end], INK)


def draw_step_cost(kept):
    """Draw what a step keeps and costs."""
    _, axes = plt.subplots(2, figsize=(4.6, 4.9), layout="constrained")
    looks = {
        "gru": (BLUE, "--", "GRU"),
        "matrix": (BLUE, "-", "matrix"),
        "cache": (INK, "-", "cache"),
        "nothing": (GRAY, ":", "anew"),
    }
    for name, (color, line, words) in looks.items():
        T, size, taken = kept[name]
        for ax, y in zip(axes, (size, taken)):
            if ax is axes[0] and name == "nothing":
                continue
            ax.loglog(T, y, line, color=color)
            up = {"gru": 1.25, "matrix": 0.8}.get(name, 1)
            up = up if ax is axes[1] else 1
            ax.text(1.2e5, y[-1] * up, words, color=color, va="center")
    axes[0].set(ylabel="bytes that are kept")
    axes[1].set(ylabel="microseconds", xlabel="characters read so far")
    for ax in axes:
        ax.set_xlim(80, 6e5)
        ax.spines[["top", "right"]].set_visible(False)


def draw_mirror(lengths, names, right):
    """Draw the share of right lines, by their length."""
    _, ax = plt.subplots(figsize=(5.6, 4.6), layout="constrained")
    middle = {"ha": "center", "va": "center"}
    for column, (task, chance) in enumerate(
        (("parity", 50), ("brackets", 20))
    ):
        ax.text(4.3 * column + 1.5, -1.25, task, weight="bold", **middle)
        for row, (reader, name) in enumerate(names.items()):
            if not column:
                ax.text(-0.65, row, name, ha="right", va="center")
            for x, scores in enumerate(right(reader, task).T):
                x, half = x + 4.3 * column, np.median(scores)
                deep = 0.55 * max(half - chance, 0) / (100 - chance)
                box = plt.Rectangle((x - 0.5, row - 0.5), 1, 1, lw=0)
                box.set_facecolor((GRAY, deep))
                ax.add_patch(box)
                wide = np.ptp(scores) >= 5
                ax.text(x, row - 0.16 * wide, f"{half:.0f}", **middle)
                if wide:
                    ends = f"{scores.min():.0f}–{scores.max():.0f}"
                    ax.text(x, row + 0.26, ends, size=9, **middle)
        for x, length in enumerate(lengths):
            ax.text(x + 4.3 * column, -0.75, length, color=GRAY, **middle)
    ax.set(xlim=(-3.2, 7.9), ylim=(8.5, -1.6))
    ax.axis("off")


def draw_recall(looks, pairs, shares, spread_out):
    """Draw the share of values found, for pairs once and twice."""
    _, axes = plt.subplots(
        1, 2, figsize=(5.6, 3.3), sharey=True, layout="constrained"
    )
    for ax, how in zip(axes, ("once", "twice")):
        for reader, (color, line, _) in looks.items():
            found = shares(reader, how)
            ax.plot(range(4), found.mean(axis=0), line, color=color)
            ax.plot(range(4), found.T, "o", color=color, ms=2.5, alpha=0.6)
        ax.set_xticks(range(4), pairs)
        ax.set(xlabel="pairs", title=f"each key {how}", ylim=(0, 1.1))
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set(ylabel="share of keys that find their value")
    for ax, how in zip(axes, ("once", "twice")):
        ends = [shares(reader, how)[:, -1].mean() for reader in looks]
        for look, height in zip(looks.values(), spread_out(ends, 0.07)):
            color, _, name = look
            ax.text(3.15, height, name, color=color, va="center", size=9)
        ax.set_xlim(-0.2, 5.2)


def draw_six_readers(curves, lines, readers, spread_out):
    """Draw bits against updates and against seconds."""
    _, axes = plt.subplots(2, figsize=(5.2, 6.2), layout="constrained")
    for ax, axis, label in zip(
        axes, (0, 1), ("updates", "seconds of a core")
    ):
        ends = [curves[name][2, -1] for name in readers]
        for name, height in zip(readers, spread_out(ends, 0.06)):
            x, y = curves[name][axis], curves[name][2]
            color, line = lines[name]
            ax.plot(x, y, line, color=color)
            if axis == 0:
                ax.text(1.02 * x[-1], height, name, color=color, va="center")
            else:
                ax.plot(x[-1], y[-1], "o", color=color, ms=5)
        ax.set(xlabel=label, ylabel="bits per character", ylim=(1.7, 2.9))
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_xlim(0, 1.35 * curves["GRU"][0, -1])
