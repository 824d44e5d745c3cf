"""Pictures of the part *Tasks*."""

import matplotlib.pyplot as plt
import numpy as np

from charseq.plotting import BLUE, GRAY, GREEN, INK, ORANGE, PALE_BLUE

CENTERED = {"ha": "center", "va": "center", "fontsize": 13}


def write(ax, x, y, text, color=INK, size=14, **more):
    """Write a text around a point."""
    more = {"ha": "center", "va": "center", **more}
    ax.text(x, y, text, color=color, fontsize=size, **more)


def arrow(ax, start, end, color=INK, width=1.5, **more):
    """Draw an arrow from point to point."""
    style = {"arrowstyle": "-|>", "color": color, "lw": width, **more}
    style |= {"shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=style)


def frame(ax, x, y, color, w=0.8, h=0.8, **more):
    """Draw an empty box around a point."""
    more = {"fill": False, "ec": color, "lw": 2, **more}
    ax.add_patch(plt.Rectangle((x - w / 2, y - h / 2), w, h, **more))


def draw_packed(words):
    """Draw the rows by length, and the columns that packing keeps."""
    _, ax = plt.subplots(figsize=(4.6, 3.0), layout="constrained")
    grounds, order, place = (0.6, 0, 0.25), [1, 2, 0], 0
    for t in range(5):
        active = [b for b in order if t < len(words[b])]
        n = len(active)
        x = 2 + 1.6 * t
        frame(ax, x, (n - 1) / 2, GRAY, 1.1, n + 0.1, lw=1.2)
        write(ax, x, 3.1, n, size=12)
        for y, b in enumerate(active):
            strip = 0.76 * place + 0.38 * t - 0.2
            ground = {"fill": True, "fc": (GRAY, grounds[b]), "lw": 0}
            frame(ax, x, y, "none", 1.1, 1, **ground)
            write(ax, x, y, words[b][t], family="monospace")
            frame(ax, strip, 4.5, "none", 0.76, 0.9, **ground)
            write(ax, strip, 4.5, words[b][t], family="monospace")
            place += 1
        middle = strip - 0.38 * (n - 1)
        frame(ax, middle, 4.5, GRAY, 0.76 * n, 0.9, lw=1.2)
    for y, b in enumerate(order):
        write(ax, 0.9, y, f"row {b}", INK, 12, ha="right")
    write(ax, 0.9, 3.1, "batch_sizes", INK, 12, ha="right")
    write(ax, -0.8, 4.5, "data", INK, 12, ha="right")
    ax.set(xlim=(-2.4, 9.6), ylim=(5.1, -0.7))
    ax.axis("off")


def draw_directions():
    """Draw what each half of the output has read."""
    _, ax = plt.subplots(figsize=(4.6, 2.6), layout="constrained")
    for t, char in enumerate("hello"):
        write(ax, 1.3 * t, -0.2, char, family="monospace")
        for y, seen, color, whole in (
            (1, "hello"[: t + 1], BLUE, t == 4),
            (2, "hello"[t:], BLUE, t == 0),
        ):
            frame(ax, 1.3 * t, y, color, 0.84, 0.6, lw=3.5 if whole else 1)
            write(ax, 1.3 * t, y, seen, size=10, family="monospace")
        if t < 4:
            arrow(ax, (1.3 * t + 0.42, 1), (1.3 * t + 0.88, 1), BLUE)
            arrow(ax, (1.3 * t + 0.88, 2), (1.3 * t + 0.42, 2), BLUE)
    frame(ax, 5.2, 1.5, INK, 1.1, 1.9, ls="--", lw=1.5)
    write(ax, 5.75, 2.72, "output[:, -1]", INK, 10, ha="right")
    write(ax, 5.2, 0.32, "h_n[-2]", BLUE, 10)
    write(ax, -0.45, 2.52, "h_n[-1]", BLUE, 10, ha="left")
    ax.set(xlim=(-0.55, 5.85), ylim=(2.95, -0.5))
    ax.axis("off")


def draw_ctc(ways):
    """Draw how many ways lead to each place of "bee"."""
    _, ax = plt.subplots(figsize=(4.6, 3.1), layout="constrained")
    line = "_b_e_e_"
    for t, place in np.ndindex(ways.shape):
        if not ways[t, place]:
            continue
        ax.text(t, place, ways[t, place], ha="center", va="center", color=INK)
        for back in range(3):
            origin = place - back
            skips = back < 2 or (line[place] not in ("_", line[origin]))
            if t and origin >= 0 and skips and ways[t - 1, origin]:
                ax.annotate(
                    "",
                    (t - 0.18, place - 0.08 * np.sign(back)),
                    (t - 0.82, origin + 0.08 * np.sign(back)),
                    arrowprops={"arrowstyle": "->", "color": GRAY, "lw": 0.8},
                )
    for place in (5, 6):
        box = plt.Rectangle(
            (3.78, place - 0.3), 0.44, 0.6, fill=False, ec=BLUE
        )
        ax.add_patch(box)
    ax.set(xlim=(-0.4, 4.4), ylim=(6.5, -0.5), xlabel="frame")
    ax.set_yticks(range(7), line, family="monospace", fontsize=12)
    ax.set_xticks(range(5), range(1, 6))
    ax.tick_params(length=0)
    ax.spines[["top", "right", "left", "bottom"]].set_visible(False)


def draw_encoder_decoder():
    """Draw one network that reads, and one that writes on from its state."""
    _, ax = plt.subplots(figsize=(5.6, 2.3), layout="constrained")
    for k, (below, above) in enumerate(zip("3Mar⊢03-", "    03-⊣")):
        x = k + (k > 3) * 0.9
        box = plt.Rectangle((x, 0), 0.66, 0.8, fc=PALE_BLUE, ec=BLUE, lw=1.4)
        ax.add_patch(box)
        color = ORANGE if k < 4 else GREEN if k > 4 else INK
        write(ax, x + 0.33, -0.85, below, color, 13, family="monospace")
        arrow(ax, (x + 0.33, -0.6), (x + 0.33, -0.03), color)
        if k > 3:
            write(ax, x + 0.33, 1.6, above, GREEN, 13, family="monospace")
            arrow(ax, (x + 0.33, 0.82), (x + 0.33, 1.35), GREEN)
        if k > 4:
            to_next = (x - 0.5, x - 0.17, x + 0.2), (1.6, 1.6, -0.7)
            ax.plot(*to_next, ":", color=GREEN)
        if k:
            start, width = (x - 1.24, 3.5) if k == 4 else (x - 0.34, 1.6)
            arrow(ax, (start, 0.4), (x - 0.02, 0.4), BLUE, width)
    write(ax, 4.1, -0.35, "all that is\nhanded over", BLUE, 10)
    write(ax, 1.8, 1.5, "encoder", INK, 13)
    write(ax, 6.6, 2.25, "decoder", INK, 13)
    ax.set(xlim=(-0.1, 8.7), ylim=(-1.2, 2.5))
    ax.axis("off")


def draw_look(shares):
    """Draw one look: queries, keys, shares and the sum."""
    _, ax = plt.subplots(figsize=(5.6, 3), layout="constrained")
    small_print = CENTERED | {"fontsize": 10.5}
    labels = "1 0 1 0", "0 1 0 1", "9 9 9 9"
    for x, label, share in zip((0, 4, 8), labels, shares.ravel()):
        line_style = "-" if share else "--"
        box = plt.Rectangle((x, 2), 3, 0.8, fc="none", ec=BLUE, ls=line_style)
        ax.add_patch(box)
        ax.text(x + 1.5, 2.4, label, **CENTERED)
        if share:
            for start, end in ((0.8, 1.98), (4.0, 2.82)):
                ax.plot((5.5, x + 1.5), (start, end), color=INK, lw=9 * share)
            ax.text(
                x + 3.1, 2.4, f"{share:.3f}", **small_print | {"ha": "left"}
            )
    ax.text(9.5, 1.6, "padding", **small_print)
    ax.text(5.5, 0.4, "asked for: 2 0 2 0", **CENTERED)
    ax.text(5.5, 4.35, "found: 0.881 0.119 0.881 0.119", **CENTERED)
    ax.set(xlim=(-0.2, 11.2), ylim=(0, 4.7))
    ax.axis("off")


def draw_windows():
    """Draw what two windows read and ask, and the gap between them."""
    _, ax = plt.subplots(figsize=(5.6, 2.1), layout="constrained")
    ax.plot((0, 92), (0, 0), color=INK, lw=1)
    ax.axvline(48, color=INK, lw=1, ls=":")
    for origin, y, name in ((36, 0.6, "training"), (48, 1.7, "test")):
        for start, length, color, job in (
            (origin - 24, 24, ORANGE, "read"),
            (origin, 12, GREEN, "asked"),
        ):
            box = plt.Rectangle((start, y), length, 0.7, fc=(color, 0.25))
            box.set_edgecolor(color)
            ax.add_patch(box)
            write(ax, start + length / 2, y + 0.33, job, color, 11)
        write(ax, 62, y + 0.33, f"a window for {name}", INK, 11, ha="left")
        ax.plot(origin, 0, "o", color=INK)
    arrow(ax, (37, -0.5), (47, -0.5), INK, arrowstyle="<|-|>")
    write(ax, 42, -0.95, "gap", INK, 11)
    write(ax, 35, -0.6, "origin", INK, 11, ha="right")
    write(ax, 49, -0.6, "origin", INK, 11, ha="left")
    ax.set(xlim=(0, 92), ylim=(-1.3, 2.6))
    ax.axis("off")


def draw_mauna_loa(ppm, year):
    """Draw the series, its test part, and one year of it."""
    _, ax = plt.subplots(figsize=(5.6, 2.6), layout="constrained")
    ax.plot(year, ppm, color=ORANGE, lw=1.5)
    ax.axvline(1986, color=INK, lw=1, ls=":")
    ax.text(1985.5, 366, "learned", ha="right")
    ax.text(1986.5, 318, "test")
    ax.set(xlim=(1957, 2003), ylabel="ppm", yticks=(320, 340, 360))
    ax.spines[["top", "right"]].set_visible(False)


def draw_merges(bits, four_times):
    """Draw bits per character against the number of merges."""
    _, ax = plt.subplots(figsize=(4.6, 3.4), layout="constrained")
    places = [cut for cut in bits if cut != "words"]
    x_of = {cut: x for x, cut in enumerate(bits)}
    for runs, color, line in ((bits, INK, "-"), (four_times, GRAY, "--")):
        means = {cut: np.mean(runs[cut]) for cut in runs}
        on_line = [cut for cut in runs if cut != "words"]
        x = [x_of[cut] for cut in on_line]
        ax.plot(x, [means[cut] for cut in on_line], line, color=color)
        for cut, values in runs.items():
            ax.plot([x_of[cut]] * len(values), values, "o", color=color, ms=4)
            label = f"{means[cut]:.2f}"
            ax.text(x_of[cut], means[cut] + 0.035, label, color=color)
    look = {"weight": "bold", "ha": "center"}
    ax.text(1.6, 2.58, "read once", color=INK, **look)
    ax.text(1.5, 1.93, "four times", color=GRAY, **look)
    ax.set_xticks(range(len(bits)), [*map("{:,}".format, places), "words"])
    ax.set(xlabel="merges", ylabel="bits per character")
    ax.spines[["top", "right"]].set_visible(False)


def draw_joined(joined, merges):
    """Draw the merges of a word, and the length of tokens."""
    _, ax = plt.subplots(figsize=(4.6, 2.9), layout="constrained")
    halves = dict(zip(joined, merges))

    def draw(piece, left):
        """Draw a piece over its parts, and return how high it is."""
        x, height = left + len(piece) / 2, 0
        if piece in halves:
            first, second = halves[piece]
            height = 1 + max(
                draw(first, left), draw(second, left + len(first))
            )
            size = (len(piece) - 0.1, 0.8)
            box = plt.Rectangle((left + 0.05, height - 0.4), *size, fc="none")
            ax.add_patch(box)
            box.set_edgecolor(ORANGE)
            number, look = joined.index(piece) + 1, {"size": 9, "color": GRAY}
            ax.text(x, height - 0.28, number, ha="center", **look)
        label = piece.replace(" ", "␣")
        up = 0.18 if height else 0
        look = {"family": "monospace", "ha": "center", "va": "center"}
        ax.text(x, height + up, label, color=INK, **look)
        return height

    top = draw(" Elizabeth", 0)
    ax.set(xlim=(-0.1, 10.1), ylim=(-0.5, top + 0.5))
    ax.axis("off")
