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


def straight(ax, start, end, color=INK, width=1.4):
    """Draw an arrow from one point to another."""
    style = {"arrowstyle": "-|>", "color": color, "lw": width}
    style |= {"shrinkA": 0, "shrinkB": 0, "mutation_scale": 8 + 2 * width}
    ax.annotate("", end, start, arrowprops=style)


def write(ax, x, y, text, color=INK, size=12, **more):
    """Write a text around a point."""
    more = {"ha": "center", "va": "center", **more}
    return ax.text(x, y, text, color=color, fontsize=size, **more)


def draw_three_steps():
    """Draw a weight that acts at three steps, forward and backward."""
    _, ax = plt.subplots(figsize=(4.6, 3.9), layout="constrained")
    steps, loss, middle = (0, 1.7, 3.4), 5.1, 1.7

    def circle(x, y, name, color):
        ax.add_patch(plt.Circle((x, y), 0.42, fill=False, ec=color))
        write(ax, x, y, f"${name}$", color, 13)

    for top, title, color, box in (
        (3.9, "forward", BLUE, "weight $w$"),
        (0.6, "backward", PURPLE, "gradient of $w$: the sum"),
    ):
        back = color == PURPLE
        low = top - 1.6
        width = 3.9
        edge = {"fill": False, "ec": PURPLE if back else ORANGE}
        corner = (middle - width / 2, low - 0.35)
        ax.add_patch(plt.Rectangle(corner, width, 0.7, **edge))
        write(ax, middle, low, box, edge["ec"], 12)
        write(ax, -0.45, top + 0.8, title, color, 12, ha="left")
        for t, x in enumerate(steps, 1):
            circle(x, top, f"h_{t}", INK)
            toward = middle + (x - middle) * 0.8
            ends = (toward, low + 0.37), (x, top - 0.44)
            straight(ax, *(ends[::-1] if back else ends), edge["ec"])
            ends = (x + 0.44, top), (x + 1.26, top)
            straight(ax, *(ends[::-1] if back else ends), color)
        circle(loss, top, r"\mathcal{L}", INK)
    ax.set(xlim=(-0.6, 5.7), ylim=(-1.5, 5.0))
    ax.set_aspect("equal")
    ax.axis("off")


def draw_one_unit(values, blames, slopes):
    """Draw two steps of one unit, forward and backward, with numbers."""
    _, ax = plt.subplots(figsize=(4.6, 4.15), layout="constrained")

    def circle(x, y, name, value, color=INK):
        ax.add_patch(plt.Circle((x, y), 0.46, fill=False, ec=color))
        write(ax, x, y + 0.16, name, color, 12)
        write(ax, x, y - 0.17, value, color, 11)

    top, low, places = 3.9, 0.6, 1.5 * np.arange(5)
    w_ih, w_hh, x1, x2, h1 = 0.4, 0.6, 1, 2, values[1]
    names = ["a_1", "h_1", "a_2", "h_2", r"\mathcal{L}"]
    ways = ["tanh", f"×{w_hh}", "tanh", "½$h^2$"]
    for x, name, value, blame in zip(
        places, names, values, blames, strict=True
    ):
        circle(x, top, f"${name}$", f"{value:.3f}")
        shown = f"{blame:.3f}" if blame < 1 else "1"
        circle(x, low, rf"$\delta {name}$", shown, PURPLE)
    for x, way, slope in zip(places[:4], ways, slopes, strict=True):
        straight(ax, (x + 0.47, top), (x + 1.03, top), BLUE)
        write(ax, x + 0.75, top + 0.55, way, BLUE, 9)
        straight(ax, (x + 1.03, low), (x + 0.47, low), PURPLE)
        shown = f"×{slope:.3f}" if slope != w_hh else f"×{w_hh}"
        write(ax, x + 0.75, low + 0.55, shown, PURPLE, 9)
    for x, name, value in ((0, "x_1", x1), (places[2], "x_2", x2)):
        straight(ax, (x, top - 1.25), (x, top - 0.48), ORANGE)
        write(ax, x + 0.12, top - 0.9, f"×{w_ih}", ORANGE, 10, ha="left")
        write(ax, x, top - 1.5, f"${name}$ = {value}", INK, 12)
    write(ax, -0.5, top + 1.05, "forward", BLUE, 12, ha="left")
    write(ax, -0.5, low + 1.2, "backward", PURPLE, 12, ha="left")
    for x, at, blame, seen, before in (
        (0, -0.5, blames[0], x1, 0),
        (places[2], 2.75, blames[2], x2, h1),
    ):
        straight(ax, (x, low - 0.48), (x, low - 1.05), PURPLE)
        shown = f"{before:.3f}" if before else "0"
        product = f"{before * blame:.3f}" if before else "0"
        lines = [
            f"$w_{{ih}}$: {seen} · {blame:.3f} = {seen * blame:.3f}",
            f"$w_{{hh}}$: {shown} · {blame:.3f} = {product}",
        ]
        write(ax, at, low - 1.6, "\n".join(lines), PURPLE, 11, ha="left")
    ax.set(xlim=(-0.6, 6.6), ylim=(-1.35, 5.15))
    ax.set_aspect("equal")
    ax.axis("off")


def draw_transpose():
    """Draw a matrix as arrows that states take forward and gradients back."""
    _, axes = plt.subplots(2, 1, figsize=(4.4, 5.4), layout="constrained")
    W = np.array([[0.7, -0.5], [0.4, 0.6]])
    h, da = np.array([0.5, -1.0]), np.array([1.0, 2.0])
    forth, back = ("$h$", "$a$"), (r"$\delta h$", r"$\delta a$")
    for ax, color, left, right, heads, title in (
        (axes[0], BLUE, h, W @ h, forth, "forward"),
        (axes[1], PURPLE, W.T @ da, da, back, "backward"),
    ):
        for x, values, head, side in (
            (0, left, heads[0], -0.6),
            (3.4, right, heads[1], 4.0),
        ):
            write(ax, x, 0.75, head, color, 14)
            for unit, value in enumerate(values):
                y = -2 * unit
                ax.add_patch(plt.Circle((x, y), 0.45, fill=False, ec=INK))
                write(ax, x, y, f"{value:.2g}".replace("-", "−"), INK, 12)
                ha = "right" if x == 0 else "left"
                write(ax, side, y, f"unit {unit}", INK, 11, ha=ha)
        for j in range(2):
            for k in range(2):  # the arrow from unit k to unit j
                start, end = np.array([0, -2 * k]), np.array([3.4, -2 * j])
                along = (end - start) / np.linalg.norm(end - start)
                start, end = start + 0.5 * along, end - 0.5 * along
                ends = (start, end) if color == BLUE else (end, start)
                straight(ax, *ends, color)
                place = {(0, 0): 0.5, (1, 0): 0.75, (0, 1): 0.25, (1, 1): 0.5}
                angle = np.degrees(np.arctan2(along[1], along[0]))
                spot = start + (end - start) * place[j, k]
                spot += 0.22 * np.array([-along[1], along[0]])  # above it
                label = f"{W[j, k]}".replace("-", "−")
                write(ax, *spot, label, color, 12, rotation=angle)
        write(ax, 1.7, 0.75, title, color, 12)
        ax.set(xlim=(-1.7, 5.1), ylim=(-2.5, 1.0))
        ax.set_aspect("equal")
        ax.axis("off")


def draw_backward_step():
    """Draw the ways of the gradient through one step of a plain RNN."""
    _, ax = plt.subplots(figsize=(4.6, 3.1), layout="constrained")
    for x, name in ((2.4, r"$\delta a_t$"), (5.2, r"$\delta h_t$")):
        ax.add_patch(plt.Circle((x, 0), 0.5, fill=False, ec=INK, lw=1.6))
        write(ax, x, 0, name, INK, 14)
    for start, end in (
        ((5.2, 1.3), (5.2, 0.5)),
        ((8, 0), (5.7, 0)),
        ((4.7, 0), (2.9, 0)),
        ((1.9, 0), (-0.4, 0)),
        ((2.4, -0.5), (2.4, -1.4)),
    ):
        straight(ax, start, end, PURPLE)
    for x, y, text in (
        (5.2, 1.6, "output layer: $d_t$"),
        (6.85, -0.4, "next step:"),
        (6.85, -0.95, r"$W_{hh}^\top\, \delta a_{t+1}$"),
        (3.8, 0.4, r"$\odot\,(1 - h_t^2)$"),
        (0.75, 0.95, "step before:"),
        (0.75, 0.45, r"$W_{hh}^\top\, \delta a_t$"),
    ):
        write(ax, x, y, text, PURPLE)
    for y, what, added in (
        (-1.75, "for $W_{ih}$:", r"$\delta a_t\, x_t^\top$"),
        (-2.3, "for $W_{hh}$:", r"$\delta a_t\, h_{t-1}^\top$"),
        (-2.85, "for each bias:", r"$\delta a_t$"),
        (-3.4, "for the input:", r"$W_{ih}^\top\, \delta a_t$"),
    ):
        write(ax, 2.3, y, what, PURPLE, ha="right")
        write(ax, 2.5, y, added, PURPLE, ha="left")
    ax.set(xlim=(-0.7, 8.3), ylim=(-3.7, 1.9))
    ax.set_aspect("equal")
    ax.axis("off")


def draw_keep(plain):
    """Draw what is left of a memory that is kept by different gates."""
    for _ in range(50):
        plain.append(np.tanh(0.9 * plain[-1]))
    _, ax = plt.subplots(figsize=(4.6, 2.4), layout="constrained")
    steps = np.arange(51)
    for keep in (1, 0.998, 0.9):
        ax.plot(keep**steps, color=BLUE, lw=2)
    ax.plot(plain, color=GRAY, lw=2)
    for x, y, words, color in (
        (51, 1, "keep 1", BLUE),
        (51, 0.9, "keep 0.998", BLUE),
        (13, 0.3, "keep 0.9", BLUE),
        (7, 0.07, "plain", GRAY),
    ):
        ha = "right" if color == GRAY else "left"
        ax.text(x, y, words, color=color, va="center", ha=ha)
    ax.set(
        xlim=(0, 62), xticks=(0, 25, 50), ylim=(0, 1.05), yticks=(0, 0.5, 1)
    )
    ax.set(xlabel="steps", ylabel="what is left")
    ax.spines[["top", "right"]].set_visible(False)


def draw_quote_cell():
    """Draw the gates of a recorded unit over a speech; return both."""
    # The gates and the cell, in hundredths, as recorded
    speech = 'ng Lydia.\n\n"Do not give way to useless alarm," added he;'
    recorded = {
        "i": """
        0 2 0 9 45 76 24 5 34 5 76 97 94 83 22 14 12 8 0 6 6 4 5 0 6 2 5 1 2
        1 0 9 4 5 3 6 7 3 0 4 1 5 9 1 18 71 64 70 4 6 14 11 2 26 18 74
        """,
        "f": """
        100 100 100 99 98 100 98 100 94 96 88 3 94 100 100 95 99 99 100 99
        98 99 99 100 97 100 100 99 98 100 99 98 100 100 99 99 98 100 100 99
        100 100 99 99 88 2 99 99 100 100 100 100 98 96 100 97
        """,
        "c": """
        245 245 245 241 241 305 306 307 262 257 300 -69 -149 -229 -226 -225
        -228 -232 -231 -224 -223 -224 -218 -217 -216 -215 -219 -216 -212
        -212 -211 -207 -210 -210 -205 -199 -190 -187 -187 -183 -183 -178
        -171 -169 -150 64 127 195 197 196 205 209 208 214 228 153
        """,
    }
    quote = {
        name: np.array(numbers.split(), float) / 100
        for name, numbers in recorded.items()
    }
    _, both = plt.subplots(2, figsize=(5.5, 4.2), layout="constrained")
    for ax, part in zip(both, (slice(0, 28), slice(28, 56)), strict=True):
        place = np.arange(28) + 0.5
        for at, char in zip(
            place, speech[part].replace("\n", "↵"), strict=True
        ):
            ax.text(at, 1.2, char, ha="center", family="monospace", color=INK)
        for y, name, label, color in (
            (0, "i", "i  write", ORANGE),
            (-1.1, "f", "f  keep", BLUE),
        ):
            ax.text(
                -0.4, y + 0.4, label, ha="right", va="center", color=color
            )
            ax.bar(place, 0.8, 0.9, bottom=y, fc="none", ec=GRAY, lw=0.5)
            ax.bar(place, 0.8 * quote[name][part], 0.9, bottom=y, color=color)
        ax.text(-0.4, -2.1, "c  cell", ha="right", va="center", color=INK)
        ax.axhline(-2.1, 0.145, 1, color=GRAY, lw=0.5)
        ax.bar(place, 0.25 * quote["c"][part], 0.9, bottom=-2.1, color=INK)
        ax.set(xlim=(-4.8, 28), ylim=(-2.9, 2))
        ax.axis("off")
    return speech, quote


def new_axes(width, height, right=9.9, top=4.5, bottom=-0.3):
    _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    ax.set(xlim=(-0.6, right), ylim=(bottom, top))
    ax.axis("off")
    return ax


def route(ax, *points, color=INK):
    """Draw a line with a head through points."""
    *way, start, end = points
    ax.plot(*zip(*way, start, strict=True), color=color, lw=1.6)
    style = {"arrowstyle": "-|>", "color": color, "lw": 1.6}
    style |= {"shrinkA": 0, "shrinkB": 0}  # from edge to edge
    ax.annotate("", end, start, arrowprops=style)


def mark(ax, x, y, text, size=16, edge=None, width=0, **more):
    """Write a text, in a circle with this edge, or in a box of this width."""
    if edge:
        circle = plt.Circle((x, y), 0.3, fill=False, ec=edge, lw=1.6)
        box = (x - width / 2, y - 0.4), width, 0.8
        box = plt.Rectangle(*box, fill=False, ec=edge, lw=1.6)
        ax.add_patch(box if width else circle)
    style = {"ha": "center", "va": "center_baseline", "fontsize": size}
    ax.text(x, y, text, **style | more)


def draw_gru_step():
    """Draw one step of a GRU."""
    ax = new_axes(4.6, 3.1, top=7, bottom=0)
    ax.set_aspect("equal")
    for x, squash, width, color in (
        (2, "σ", 0.8, BLUE),
        (3.7, "σ", 0.8, GREEN),
        (7.3, "tanh", 1.3, INK),
    ):
        mark(ax, x, 2.3, squash, 12, color, width)
        route(
            ax, (x, 0.5 if width < 1 else 1), (x, 1.9)
        )  # weights are not drawn
    for x, y, letter, color in (
        (1.7, 3.3, "z", BLUE),
        (4.5, 2.75, "r", GREEN),
        (7, 3.3, "n", INK),
    ):
        mark(ax, x, y, f"${letter}$", color=color)
    for x, y, text, color in (
        (2, 6.4, "×", BLUE),
        (5.3, 2.3, "×", GREEN),
        (7.3, 4.7, "×", BLUE),
        (7.3, 6.4, "+", INK),
    ):
        mark(ax, x, y, text, 13, color)
    ax.plot((1.35, 3.7), (0.5, 0.5), color=INK, lw=1.6)
    mark(ax, 0.35, 0.5, "$x_t$, $h_{t-1}$", 14)
    mark(ax, 5.3, 0.5, "$h_{t-1}$", 14)
    mark(ax, 7.3, 0.5, "$x_t$", 14)
    mark(ax, 0.2, 6.4, "$h_{t-1}$")
    route(ax, (0.9, 6.4), (1.7, 6.4))
    route(ax, (2.3, 6.4), (7, 6.4))
    route(ax, (7.6, 6.4), (9, 6.4))
    route(ax, (2, 2.7), (2, 6.1), color=BLUE)
    route(ax, (2, 4.7), (3.7, 4.7), color=BLUE)
    mark(ax, 4.35, 4.7, "1 − z", 12, BLUE, 1.3)
    route(ax, (5, 4.7), (7, 4.7), color=BLUE)
    route(ax, (4.1, 2.3), (5, 2.3), color=GREEN)
    route(ax, (5.3, 1), (5.3, 2))
    route(ax, (5.6, 2.3), (6.65, 2.3))
    route(ax, (7.3, 2.7), (7.3, 4.4))
    route(ax, (7.3, 5), (7.3, 6.1))
    mark(ax, 9.4, 6.4, "$h_t$")


def draw_counter(text, r, z, states, open_states):
    """Draw the gates and states of the counter over a text."""
    _, (top, ax) = plt.subplots(
        2,
        sharex=True,
        figsize=(4.6, 3.4),
        height_ratios=(1, 2.2),
        layout="constrained",
    )
    for row, gate, letter, color in ((0, r, "r", GREEN), (1, z, "z", BLUE)):
        for t, value in enumerate(gate.ravel()):
            fill = color if value > 0.5 else "none"
            top.plot(t, -row, "o", ms=11, mec=color, mfc=fill)
        style = {"color": color, "fontsize": 16, "va": "center"}
        top.text(-0.9, -row, f"${letter}$", **style)
    for t, char in enumerate(text):
        top.text(t, 0.9, char, ha="center", fontsize=15, family="monospace")
    top.set(ylim=(-1.6, 1.7))
    top.axis("off")
    for values, style, name, place in (
        (open_states, "o--", "r held open", (5.2, 0.47)),
        (states, "o-", "r as computed", (5.2, 0.09)),
    ):
        ax.plot(values.ravel(), style, color=BLUE, lw=2, ms=6)
        ax.text(*place, name, color=BLUE, fontsize=12)
    ax.set(xlim=(-1.2, 8.5), xticks=[])
    ax.set(ylim=(-0.04, 0.56))
    ax.set_ylabel("state $h_t$", fontsize=13)
    ax.spines[["top", "right", "bottom"]].set_visible(False)


def draw_lid(novel, first, lid, valve, state):
    """Draw the gates and the state of a unit over a speech."""
    _, both = plt.subplots(2, figsize=(5.5, 4.2), layout="constrained")
    for ax, begin in zip(both, (first, first + 28), strict=True):
        part = slice(begin, begin + 28)
        place = np.arange(28) + 0.5
        for at, char in zip(
            place, novel[part].replace("\n", "↵"), strict=True
        ):
            ax.text(at, 1.2, char, ha="center", family="monospace", color=INK)
        for y, name, color, numbers in (
            (0, "lid r", GREEN, lid[part]),
            (-1.1, "valve z", BLUE, valve[part]),
        ):
            ax.text(-0.4, y + 0.4, name, ha="right", va="center", color=color)
            ax.bar(place, 0.8, 0.9, bottom=y, fc="none", ec=GRAY, lw=0.5)
            ax.bar(place, 0.8 * numbers, 0.9, bottom=y, color=color)
        ax.text(-0.4, -2.1, "state", ha="right", va="center", color=INK)
        ax.axhline(-2.1, 0.145, 1, color=GRAY, lw=0.5)
        ax.bar(place, 0.7 * state[part], 0.9, bottom=-2.1, color=INK)
        ax.set(xlim=(-4.8, 28), ylim=(-2.9, 2))
        ax.axis("off")


def draw_ways_back():
    """Draw the four ways of blame through one step of a GRU."""
    ax = new_axes(4.6, 3.1)
    ways = (
        ("direct, × z", "0.731", 6),
        ("through z", "0.074", 1.8),
        ("through n", "0.120", 2.4),
        ("through r", "0.032", 1.2),
    )
    for row, (name, share, width) in enumerate(ways):
        y = 3.9 - 1.25 * row
        style = {"arrowstyle": "-|>", "color": PURPLE, "lw": width}
        style |= {
            "mutation_scale": 12 + 2 * width,
            "shrinkA": 0,
            "shrinkB": 0,
        }
        ax.annotate("", (1.6, y), (7.9, y), arrowprops=style)
        mark(ax, 6.3, y + 0.36, name, 12)
        mark(ax, 2.9, y + 0.36, share, 13, color=PURPLE)
    ax.plot((1.5, 1.5), (0, 4.1), color=INK, lw=1.6)
    ax.plot((8, 8), (0, 4.1), color=INK, lw=1.6)
    mark(ax, 0.4, 2.4, "$h_{t-1}$")
    mark(ax, 0.4, 1.6, "0.957", 13, color=PURPLE)
    mark(ax, 8.9, 2.4, "$h_t$")
    mark(ax, 8.9, 1.6, "1", 13, color=PURPLE)
