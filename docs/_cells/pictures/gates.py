"""Pictures of the part *Gradients and gates*."""

import matplotlib.pyplot as plt
import numpy as np

from charseq.plotting import BLUE, GRAY, GREEN, INK, ORANGE, PURPLE


def arrow(ax, path, color=INK):
    """Draw a line with a head through points, given as "x y  x y"."""
    points = np.array(path.split(), float).reshape(-1, 2)
    width = 1 if color == GRAY else 2
    ax.plot(*points[:-1].T, color=color, lw=width)
    style = {"arrowstyle": "-|>", "color": color, "lw": width}
    style |= {"shrinkA": 0, "shrinkB": 0}  # from edge to edge
    ax.annotate("", points[-1], points[-2], arrowprops=style)


def put(ax, x, y, text, size=15, edge=None, width=0, **more):
    """Write a text, in a circle with this edge, or in a box of this width."""
    if edge:
        thick = {"fill": False, "ec": edge, "lw": 1 if edge == GRAY else 2}
        circle = plt.Circle((x, y), 0.3, **thick)
        box = plt.Rectangle((x - width / 2, y - 0.4), width, 0.8, **thick)
        ax.add_patch(box if width else circle)
    style = {"ha": "center", "va": "center_baseline", "fontsize": size}
    ax.text(x, y, text, **style | more)


def draw_lstm_sum(ax, lit, color):
    """Draw one step of an LSTM, with the way of one of its four sums lit."""
    c = dict.fromkeys("ifgo", GRAY) | {lit: color}
    for x, gate, squash, width in (
        (1.9, "i", "σ", 0.8),
        (3.2, "f", "σ", 0.8),
        (5.4, "g", "tanh", 1.3),
        (6.9, "o", "σ", 0.8),
    ):
        put(ax, x, 1.9, squash, 8, c[gate], width, color=c[gate])
        size = 15 if gate == lit else 10
        put(ax, x - 0.6, 2.9, f"${gate}$", size, color=c[gate])
        arrow(ax, f"{x} 0.4  {x} 1.5", c[gate])
    ax.plot((1.25, 6.9), (0.4, 0.4), color=GRAY, lw=1)
    written = color if lit in "ig" else GRAY
    for x, y, sign, edge in (
        (3.2, 6.4, "×", c["f"]),
        (4.4, 6.4, "+", GRAY),
        (4.4, 4.3, "×", written),
        (8.1, 3.8, "×", c["o"]),
    ):
        put(ax, x, y, sign, 9, edge, color=edge)
    arc = np.linspace(np.pi, 0, 25)  # the bridge of i over f
    bridge = np.transpose([3.2 + 0.3 * np.cos(arc), 4.3 + 0.3 * np.sin(arc)])
    bridge = " ".join(map(str, bridge.ravel()))
    for path, color_of in (
        (f"1.9 2.3  1.9 4.3  {bridge}  4.1 4.3", c["i"]),
        ("3.2 2.3  3.2 6.1", c["f"]),
        ("5.4 2.3  5.4 4.3  4.7 4.3", c["g"]),
        ("6.9 2.3  6.9 3.8  7.8 3.8", c["o"]),
        ("4.4 4.6  4.4 6.1", written),
        ("0.75 6.4  2.9 6.4", GRAY),
        ("3.5 6.4  4.1 6.4", GRAY),
        ("4.7 6.4  9.2 6.4", GRAY),
        ("8.1 6.4  8.1 5.6", GRAY),
        ("8.1 4.8  8.1 4.1", GRAY),
        ("8.4 3.8  9.2 3.8", GRAY),
    ):
        arrow(ax, path, color_of)
    ax.plot(8.1, 6.4, "o", color=GRAY, ms=4)  # here the cell goes two ways
    put(ax, 0.1, 0.4, "$x_t$, $h_{t-1}$", 10)
    put(ax, 0.0, 6.4, "$c_{t-1}$", 11)
    put(ax, 9.8, 6.4, "$c_t$", 11)
    put(ax, 8.1, 5.2, "tanh", 8, GRAY, 1.3, color=GRAY)
    put(ax, 9.8, 3.8, "$h_t$", 11)
    ax.set(xlim=(-1.1, 10.3), ylim=(-0.2, 7), aspect="equal")
    ax.axis("off")


def draw_lstm_step():
    """Draw one step of an LSTM for each sum, with its line and values."""
    _, rows = plt.subplots(
        4, 2, figsize=(5.5, 7), width_ratios=(1.25, 1), layout="constrained"
    )
    open_, shut = 1 / (1 + np.exp([-6.0, 6]))
    cell = "$c_t = f_t c_{t-1} + i_t g_t$"
    state = r"$h_t = o_t\,\tanh c_t$"
    sums = (
        ("i", "input gate: write", ORANGE, (open_, shut, shut)),
        ("f", "forget gate: keep", BLUE, (shut, open_, shut)),
        ("g", "candidate: offer", INK, (np.tanh(3), 0, 0)),
        ("o", "output gate: show", GREEN, (open_,) * 3),
    )
    for (ax, words), (gate, name, color, numbers) in zip(
        rows, sums, strict=True
    ):
        squash = r"\tanh" if gate == "g" else r"\sigma"
        draw_lstm_sum(ax, gate, color)
        words.text(0, 0.88, name, fontsize=13, color=color)
        line = f"${gate}_t = {squash}(a^{gate}_t)$"
        words.text(0, 0.68, line, fontsize=13)
        step = state if gate == "o" else cell
        words.text(0, 0.48, step, fontsize=12, color=GRAY)
        for x, char, number in zip(
            (0.12, 0.45, 0.78), "(x)", numbers, strict=True
        ):
            style = {"ha": "center", "fontsize": 12}
            words.text(x, 0.26, char, family="monospace", **style)
            words.text(x, 0.06, f"{number:.3f}", color=color, **style)
        words.set(xlim=(0, 1), ylim=(0, 1))
        words.axis("off")


def draw_lstm_blame():
    """Draw how blame goes back through one step of an LSTM, with numbers."""
    _, ax = plt.subplots(figsize=(4.6, 4.8), layout="constrained")
    boxes = {}
    for name, x, y, value, blame in (
        ("c_{t-1}", 0, 6, " = 0.8", "0.718"),
        ("c", 4.2, 6, " = 0.816", "0.982"),
        ("h", 7, 6, " = 0.593", "1"),
        ("i", 0, 3.6, " = 0.5", "0.454"),
        ("f", 2.1, 3.6, " = 0.731", "0.786"),
        ("g", 4.2, 3.6, " = 0.462", "0.491"),
        ("o", 7, 3.6, " = 0.881", "0.673"),
        ("a^i", 0, 1.8, " = 0", "0.113"),
        ("a^f", 2.1, 1.8, " = 1", "0.154"),
        ("a^g", 4.2, 1.8, " = 0.5", "0.386"),
        ("a^o", 7, 1.8, " = 2", "0.071"),
        ("h_{t-1}", 3.15, -0.4, "", "−0.034"),
    ):
        put(ax, x, y + 0.2, f"${name}${value}", 10)
        put(ax, x, y - 0.22, blame, 10, color=PURPLE)
        box = plt.Rectangle(
            (x - 0.87, y - 0.45), 1.74, 0.9, fc="none", ec=INK
        )
        boxes[name] = ax.add_patch(box)
    for start, end, slope, x, y in (
        ("h", "c", "×0.482", 5.6, 6.28),
        ("c", "c_{t-1}", "×0.731", 2.1, 6.3),
        ("h", "o", "×0.673", 7.65, 4.8),
        ("c", "i", "×0.462", 1.75, 5.0),
        ("c", "f", "×0.8", 2.4, 4.55),
        ("c", "g", "×0.5", 4.65, 4.8),
        ("i", "a^i", "×0.25", 0.57, 2.7),
        ("f", "a^f", "×0.197", 2.75, 2.7),
        ("g", "a^g", "×0.786", 4.85, 2.7),
        ("o", "a^o", "×0.105", 7.65, 2.7),
        ("a^i", "h_{t-1}", "×0.5", 1.15, 0.6),
        ("a^f", "h_{t-1}", "×1", 2.25, 0.75),
        ("a^g", "h_{t-1}", "×(−1)", 4.4, 0.75),
        ("a^o", "h_{t-1}", "×2", 5.4, 0.6),
    ):
        way = boxes[start].get_center(), boxes[end].get_center()
        style = {"patchA": boxes[start], "patchB": boxes[end], "shrinkB": 0}
        style |= {"arrowstyle": "-|>", "color": PURPLE, "lw": 1.6}
        ax.annotate("", way[1], way[0], arrowprops=style)
        put(ax, x, y, slope, 10, color=PURPLE)
    for x, blame in ((4.2, "0.5"), (7, "1")):
        arrow(ax, f"{x} 7.2  {x} 6.47", PURPLE)
        put(ax, x + 0.4, 7, blame, 10, color=PURPLE)
    ax.set(xlim=(-0.9, 8.3), ylim=(-0.95, 7.3))
    ax.axis("off")
