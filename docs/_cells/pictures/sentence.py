"""Pictures of the part *One sentence*."""

import matplotlib.pyplot as plt
import numpy as np

from charseq import plot_unrolled
from charseq.plotting import BLUE, GRAY, GREEN, INK, ORANGE
from charseq.reference import softmax


def draw_five_jobs():
    """Draw the five kinds of jobs as rows of boxes, read and said."""
    jobs = (  # its name, what is read, what is said, and from which step on
        ("one to many", "E", "lizabeth", 0),
        ("many to one", "szwajcaria", ["Polish"], 9),
        (
            "many to many, step by step",
            "yes, said miss bennet",
            "Yes, said Miss Bennet",
            0,
        ),
        ("many to many, after reading", "3 March 1998", "1998-03-03", 12),
        ("one to one", ["the last 36 changes"], ["the next is +0.95"], 0),
    )
    _, ax = plt.subplots(figsize=(4.6, 4.7), layout="constrained")
    for row, (name, read, said, begin) in enumerate(jobs):
        y, steps = -row, max(len(read), begin + len(said))
        ax.text(-0.4, y + 0.47, name, weight="bold", fontsize=10)
        for t in range(steps):
            corner = t - 0.36, y - 0.08
            ax.add_patch(
                plt.Rectangle(corner, 0.72, 0.17, ec=BLUE, fill=False)
            )
            if t:
                ax.plot([t - 0.64, t - 0.36], [y, y], color=BLUE, lw=1.4)
        own = [" "] * (begin + 1) + list(said) if steps > len(read) else []
        columns = ((read, 0, -0.28, ORANGE), (own, 0, -0.28, GRAY))
        for texts, first, level, color in (
            *columns,
            (said, begin, 0.15, GREEN),
        ):
            for t, text in enumerate(texts, first):
                if t < steps:
                    side = "center" if len(text) == 1 else "left"
                    x = t if len(text) == 1 else t - 0.36
                    look = {"color": color, "ha": side, "fontsize": 11}
                    ax.text(x, y + level, text, **look)
    ax.set(xlim=(-0.6, 22), ylim=(-4.4, 0.7))
    ax.axis("off")


def draw_loop_and_row():
    """Draw one network with a loop, and below it one copy a step."""
    _, (loop, row) = plt.subplots(
        2, 1, figsize=(4.55, 4.0), layout="constrained"
    )
    plot_unrolled("hello", ax=row)
    loop.set(xlim=row.get_xlim(), ylim=(-1.6, 1.7), aspect="equal")
    loop.axis("off")
    text = {"ha": "center", "va": "center", "fontsize": 10}
    large = text | {"fontsize": 13}
    line = {"arrowstyle": "-|>", "lw": 1.6, "shrinkA": 0}
    loop.add_patch(
        plt.Rectangle((1.08, -0.42), 0.84, 0.84, fill=False, ec=INK)
    )
    loop.text(1.5, 0, "tanh", color=INK, **text)
    for start, end, color in (
        ((1.5, -1.12), (1.5, -0.46), ORANGE),
        ((1.5, 0.42), (1.5, 1.0), INK),
        ((0.1, 0), (1.06, 0), BLUE),
    ):
        arrow = {**line, "color": color}
        loop.annotate("", end, start, arrowprops=arrow)
    # The state leaves on the right, as below, and comes back on the left.
    around = [1.92, 2.9, 2.9, 0.1, 0.1], [0, 0, 1.6, 1.6, 0]
    loop.plot(*around, color=BLUE, lw=1.6)
    loop.text(0.6, 0.28, "$W_{hh}$", color=BLUE, **large)
    loop.text(2.0, -0.8, "$W_{ih}$", color=ORANGE, **large)
    for y, name in ((-1.38, "$x_t$"), (1.22, "$h_t$")):
        loop.text(1.5, y, name, color=INK, **large)
    words = "one network,\nused at every step"
    loop.text(3.2, 0, words, color=INK, linespacing=1.4, va="center")


def draw_column():
    """Draw a matrix times a one-hot vector, with the column it picks."""
    W = np.array([[0.5, -0.3, 0.8, 0.1], [-0.6, 0.9, 0.2, -0.4]])
    e = np.array([0, 1, 0, 0])
    _, ax = plt.subplots(figsize=(4.6, 2.4), layout="constrained")

    def number(x, y, value, color):
        framed = color == ORANGE
        edge, width = (ORANGE, 2) if framed else (GRAY, 0.8)
        box = plt.Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, ec=edge)
        box.set(linewidth=width, zorder=2 if framed else 1)
        ax.add_patch(box)
        center = {"ha": "center", "va": "center", "fontsize": 12}
        ax.text(x, y, str(value).replace("-", "−"), color=color, **center)

    for k in range(4):
        color = ORANGE if k == 1 else INK
        ax.text(k, 1.25, "helo"[k], ha="center", fontsize=13, color=color)
        ax.text(
            6.25, 1.5 - k, "helo"[k], va="center", fontsize=13, color=color
        )
        number(5.5, 1.5 - k, e[k], color)
        for unit in range(2):
            number(k, 0.5 - unit, W[unit, k], color)
    for unit in range(2):
        number(8.2, 0.5 - unit, (W @ e)[unit], ORANGE)
    for x, sign in ((4.25, "×"), (7.2, "=")):
        ax.text(x, 0, sign, ha="center", va="center", fontsize=14, color=INK)
    ax.set(xlim=(-0.7, 8.9), ylim=(-2.2, 2.2))
    ax.set_aspect("equal")
    ax.axis("off")


def draw_targets(sample, ids):
    """Draw the first characters of a text over their targets."""
    _, ax = plt.subplots(figsize=(4.6, 2.5), layout="constrained")
    center = {"ha": "center", "va": "center"}
    for t in range(7):
        for y, k, color in ((2, t, ORANGE), (0, t + 1, GREEN)):
            box = plt.Rectangle((t - 0.36, y - 0.45), 0.72, 0.9, ec=color)
            box.set_fill(False)
            ax.add_patch(box)
            char = sample[k].replace(" ", "␣")
            ax.text(t, y + 0.14, char, color=color, fontsize=14, **center)
            ax.text(t, y - 0.26, ids[k], color=color, fontsize=10, **center)
        arrow = {
            "arrowstyle": "-|>",
            "color": GREEN,
            "shrinkA": 0,
            "shrinkB": 0,
        }
        ax.annotate("", (t, 0.47), (t, 1.53), arrowprops=arrow)
        if t < 6:
            ax.plot([t + 0.36, t + 0.64], [0.45, 1.55], color=GRAY, lw=1)
    ax.text(-0.4, 2.75, "read (with its id)", color=ORANGE, fontsize=12)
    ax.text(-0.4, -0.95, "predict (with its id)", color=GREEN, fontsize=12)
    ax.set(xlim=(-0.6, 6.6), ylim=(-1.1, 3.2))
    ax.axis("off")


def draw_bars():
    """Draw three scores, their probabilities and their costs as bars."""
    scores = np.array([2.0, 1.0, -1.0])
    p = softmax(scores)
    groups = (
        ("score $z$", scores, GREEN, "{:.0f}"),
        ("probability $p$", p, GREEN, "{:.3f}"),
        ("cost $-\\ln p$", -np.log(p), GRAY, "{:.3f}"),
    )
    _, axes = plt.subplots(1, 3, figsize=(4.8, 2.3), layout="constrained")
    for ax, (title, values, color, style) in zip(axes, groups, strict=True):
        ax.barh(range(3), values, height=0.55, color=color)
        for y, value in enumerate(values):
            shown = style.format(value).replace("-", "−")
            at = max(value, 0) + 0.03 * np.ptp([0, *values])
            ax.text(at, y, shown, va="center", fontsize=11, color=INK)
        ax.set_title(title, fontsize=12)
        ax.set_xlim(
            min(0, *values), max(values) + 0.75 * np.ptp([0, *values])
        )
        ax.set_ylim(2.5, -0.5)
        ax.set_yticks(range(3), "ead", fontsize=13, family="monospace")
        ax.set_xticks([])
        ax.axvline(0, color=INK, linewidth=0.8)
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)


def draw_valley():
    """Draw a ball in a valley, without and with momentum."""
    _, axes = plt.subplots(2, 1, figsize=(4.6, 4.4), layout="constrained")
    theta = np.linspace(-3.2, 5.4, 200)
    titles = ("without momentum, $\\mu = 0$", "with momentum, $\\mu = 0.9$")
    paths = []
    for ax, momentum, title in zip(axes, (0, 0.9), titles, strict=True):
        ax.plot(theta, theta**2 / 50, color=GRAY)
        path, v = [5.0], 0
        for _ in range(40):
            v = momentum * v + path[-1] / 25
            path.append(path[-1] - 0.5 * v)
        paths.append(path)
        for step in range(0, 41, 10):
            x = path[step]
            ax.plot(x, x**2 / 50 + 0.03, "o", color=INK, markersize=9)
            ax.text(
                x, x**2 / 50 + 0.08, step, color=INK, ha="center", fontsize=12
            )
        ax.set_title(title, fontsize=12, loc="left", color=INK)
        ax.set(ylim=(-0.01, 0.72), yticks=[])
        ax.spines[["top", "right", "left"]].set_visible(False)
    axes[1].set_xlabel("weight $\\theta$", fontsize=12)
    return paths


def draw_answers(ids, names):
    """Draw which unit must be highest at each letter of two words."""
    _, axes = plt.subplots(
        1, 2, figsize=(4.6, 3.5), sharey=True, layout="constrained"
    )
    for ax, start, word in (
        (axes[0], 0, "learned"),
        (axes[1], 13, "learning"),
    ):
        for x in range(6):
            answer = int(ids[start + x + 1])
            color = INK if x == 5 else BLUE
            for y in range(10):
                if y == answer:
                    ax.plot(x, y, "s", ms=13, color=color)
                else:
                    ax.plot(x, y, ".", ms=4, color=GRAY)
        ax.set_title(f"“{word}”", fontsize=12)
        ax.set_xticks(range(6), list("␣learn"), fontsize=12)
        ax.set_yticks(range(10), names, fontsize=12)
        ax.set(xlim=(-0.6, 5.6), ylim=(9.6, -0.6), xlabel="read")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    axes[0].set_ylabel("unit = next character")


def draw_feedback():
    """Draw a network that reads each letter that it has written."""
    _, ax = plt.subplots(figsize=(4.6, 3.5), layout="constrained")

    def arrow(start, end, color=INK):
        style = {"arrowstyle": "-|>", "color": color, "lw": 1.6}
        style |= {"shrinkA": 0, "shrinkB": 0, "mutation_scale": 13}
        ax.annotate("", end, start, arrowprops=style)

    middle = {"ha": "center", "va": "center"}
    for k, (read, written) in enumerate(("␣l", "le", "ea")):
        x = 2.4 * k
        box = plt.Rectangle((x - 0.6, -0.4), 1.2, 0.8, fill=False, ec=INK)
        ax.add_patch(box)
        ax.text(x, 0, "RNN", color=INK, fontsize=13, **middle)
        arrow((x, -1.15), (x, -0.42), ORANGE)
        ax.text(x, -1.45, read, color=ORANGE, fontsize=16, **middle)
        arrow((x, 0.42), (x, 1.35), GREEN)
        ax.text(x - 0.12, 0.88, "$z$", color=GREEN, fontsize=14, ha="right")
        ax.text(x, 1.65, written, color=GREEN, fontsize=16, **middle)
        arrow((x + 0.62, 0), (x + 1.78, 0), BLUE)
        if k < 2:
            turn = np.linspace(0, np.pi / 2, 9)
            over = [x + 0.25, *(x + 0.85 + 0.3 * np.sin(turn))]
            over += [*(x + 1.45 - 0.3 * np.cos(turn)), x + 1.6]
            down = [1.65, *(1.35 + 0.3 * np.cos(turn))]
            down += [*(-1.15 - 0.3 * np.sin(turn)), -1.45]
            ax.plot(over, down, color=GREEN, lw=1.6)
            arrow((x + 1.6, -1.45), (x + 2.1, -1.45), GREEN)
    ax.text(5.5, 0.14, "state", color=BLUE, fontsize=12)
    ax.text(-0.8, 1.65, "writes", color=GREEN, fontsize=12, **middle)
    ax.text(-0.8, -1.45, "reads", color=ORANGE, fontsize=12, **middle)
    ax.set(xlim=(-1.4, 6.8), ylim=(-1.8, 2.0))
    ax.axis("off")
