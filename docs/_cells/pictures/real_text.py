"""Pictures of the part *Real text*."""

import re
from html import escape

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML

from charseq.plotting import BLUE, GRAY, GREEN, INK, ORANGE, PURPLE


def draw_batch_first(spelled):
    """Draw along which axis a layer reads, for both settings."""
    _, panels = plt.subplots(1, 2, figsize=(4.5, 2), layout="constrained")
    for first, ax in zip((True, False), panels, strict=True):
        for b, word in enumerate(spelled):
            for t, letter in enumerate(word):
                ax.text(
                    t,
                    b,
                    letter,
                    family="monospace",
                    fontsize=13,
                    color=INK,
                    ha="center",
                    va="center",
                )
                to = (t + 0.75, b) if first else (t, b + 0.75)
                start = (t + 0.25, b) if first else (t, b + 0.25)
                if (t < 4) if first else (b < 2):
                    arrow = {"arrowstyle": "->", "color": BLUE, "lw": 1.6}
                    ax.annotate(
                        "", to, start, arrowprops={**arrow, "shrinkA": 0}
                    )
        ax.set(xlim=(-0.5, 4.5), ylim=(2.5, -0.5))
        ax.set_title(f"batch_first={first}", color=INK, fontsize=10)
        ax.axis("off")


def draw_streams(shown):
    """Draw a text in three rows and the two batches cut from them."""
    _, ax = plt.subplots(figsize=(4.6, 2.1), layout="constrained")
    for y in range(3):
        ax.text(-0.8, y, f"row {y}", color=INK, ha="right", va="center")
        for x in range(10):
            char = shown[10 * y + x]
            ax.text(
                x,
                y,
                char,
                family="monospace",
                fontsize=14,
                ha="center",
                va="center",
            )
    for left, name in ((0, "batch 1"), (5, "batch 2")):
        frame = plt.Rectangle(
            (left - 0.44, -0.55), 4.88, 3.1, fill=False, lw=2
        )
        frame.set_edgecolor(INK)
        ax.add_patch(frame)
        ax.text(left + 2, -0.85, name, color=INK, ha="center", fontsize=12)
    ax.set(xlim=(-2.4, 9.6), ylim=(2.7, -1.4))
    ax.axis("off")


def draw_windows(shown, cuts):
    """Draw where two batches of each kind lie in a text."""
    _, axes = plt.subplots(2, 1, figsize=(4.6, 3.7), layout="constrained")
    for ax, (name, batches) in zip(axes, cuts.items(), strict=True):
        ax.set_title(name, loc="left", fontsize=12)
        for place, char in enumerate(shown):
            ax.text(
                place,
                0,
                char,
                color=INK,
                family="monospace",
                fontsize=11,
                ha="center",
                va="center",
            )
        for row in range(3):
            ax.text(
                -1,
                row + 1.2,
                f"row {row}",
                color=INK,
                ha="right",
                va="center",
            )
            for (x, _y), style in zip(
                batches, ("-", (0, (1.5, 0.6))), strict=True
            ):
                ends = [x[row, 0] - 0.35, x[row, -1] + 0.35]
                ax.plot(ends, [row + 1.62] * 2, ls=style, color=INK, lw=3)
                for place in x[row]:
                    ax.text(
                        place,
                        row + 1.2,
                        shown[place],
                        color=INK,
                        family="monospace",
                        fontsize=11,
                        ha="center",
                        va="center",
                    )
        ax.set(xlim=(-4.4, 30.6), ylim=(3.9, -0.7))
        ax.axis("off")


def draw_grid(read, target):
    """Draw a batch as a grid, with what one prediction has read."""
    _, ax = plt.subplots(figsize=(4.6, 2.6), layout="constrained")
    place = {"ha": "center", "va": "center", "fontsize": 14}
    for row, line in enumerate(read):
        ax.text(-0.7, row, f"row {row}", color=INK, ha="right", va="center")
        for step, char in enumerate(line.replace(" ", "␣")):
            is_read = row == 2 and step <= 3
            box = plt.Rectangle((step - 0.5, row - 0.5), 1, 1, ec=GRAY, lw=1)
            box.set_facecolor((ORANGE, 0.3) if is_read else "none")
            ax.add_patch(box)
            ax.text(step, row, char, color=INK, family="monospace", **place)
    for step in range(5):
        name = f"step {step}"
        ax.text(step, -0.85, name, color=INK, fontsize=10, ha="center")
    frame = plt.Rectangle((2.5, 1.5), 1, 1, fill=False, ec=INK, lw=2.5)
    ax.add_patch(frame)
    arrow = {"arrowstyle": "-|>", "color": GREEN, "lw": 2}
    ax.annotate("", (3, 3.35), (3, 2.5), arrowprops=arrow)
    ax.text(3, 3.65, target, color=GREEN, family="monospace", **place)
    ax.text(3.4, 3.65, "target", color=GREEN, va="center", fontsize=11)
    ax.set(xlim=(-2.2, 5.2), ylim=(4, -1.2))
    ax.axis("off")


def draw_noise(sizes, error):
    """Draw how far a gradient of B rows is off, against B."""
    _, ax = plt.subplots(figsize=(4.6, 3.0), layout="constrained")
    for updates, style in ((0, "--"), (100, "-")):
        percent = [100 * error[B, updates] for B in sizes]
        ax.loglog(sizes, percent, style, marker="o", color=PURPLE, ms=5)
        word = "at the start" if updates == 0 else "after 100 updates"
        high = updates > 0
        ax.text(
            5,
            percent[1] * (1.25 if high else 0.62),
            word,
            color=PURPLE,
            ha="left" if high else "right",
            fontsize=11,
        )
    ax.axhline(100, color=GRAY, lw=1, ls=":")
    ax.set(xlabel="rows $B$ of a batch", ylabel="error, percent")
    ax.set_xticks(sizes, sizes)
    ax.set_yticks(marks := [6, 12, 25, 50, 100, 200, 400], marks)
    ax.minorticks_off()
    ax.spines[["top", "right"]].set_visible(False)


def draw_view(small):
    """Draw what transpose and view make of a small tensor."""
    _, ax = plt.subplots(figsize=(4.6, 2.3), layout="constrained")
    for left, name, numbers in (
        (0, "logits", small[0]),
        (4.6, "transpose", small.transpose(1, 2)[0]),
        (8.2, "view", small.view(1, 3, 2)[0]),
    ):
        height, width = numbers.shape
        ax.text(
            left + width / 2, -1.3, name, color=INK, ha="center", fontsize=12
        )
        for row in range(height):
            for column in range(width):
                number = int(numbers[row, column])
                cell = plt.Rectangle((left + column, row), 1, 1, ec=GRAY)
                cell.set_facecolor((GRAY, 0.3) if number > 3 else "none")
                ax.add_patch(cell)
                ax.text(
                    left + column + 0.5,
                    row + 0.5,
                    number,
                    color=INK,
                    ha="center",
                    va="center",
                    fontsize=14,
                )
        steps = [("step 1", 0.5), ("step 2", 1.5)]
        for step, at in steps:
            if left == 0:
                ax.text(-0.2, at, step, color=INK, ha="right", va="center")
            else:
                ax.text(left + at, -0.2, step[-1], color=INK, ha="center")
        if left > 0:
            ax.text(left - 0.2, -0.2, "step", color=INK, ha="right")
    ax.set(xlim=(-1.8, 10.4), ylim=(3.2, -1.9))
    ax.axis("off")


def arrow(ax, start, end, color=INK, width=1.4):
    style = {"arrowstyle": "-|>", "color": color, "lw": width}
    ax.annotate(
        "", end, start, arrowprops=style | {"shrinkA": 0, "shrinkB": 0}
    )


def write(ax, x, y, text, color=INK, size=12, **more):
    more = {"ha": "center", "va": "center", **more}
    ax.text(x, y, text, color=color, fontsize=size, **more)


def draw_pieces():
    """Draw pieces of a text: the state goes on, the gradient stops."""
    _, ax = plt.subplots(figsize=(4.6, 2.1), layout="constrained")
    for n in range(3):
        left = 3.0 * n
        ax.add_patch(
            plt.Rectangle((left, 0), 2.2, 1, fill=False, ec=INK, lw=1.2)
        )
        write(ax, left + 1.1, 0.5, f"piece {n + 1}")
        if n < 2:
            arrow(ax, (left + 2.2, 0.5), (left + 3, 0.5), BLUE, 2)
        write(ax, left + 2.3, -0.35, "$L$")
        arrow(ax, (left + 2.05, -0.35), (left, -0.35), PURPLE, 2)
        ax.plot([left, left], [-0.6, -0.1], color=PURPLE, lw=3)
    write(ax, 4.1, 1.35, "the numbers of the state go on", BLUE)
    write(ax, 4.1, -1.0, "the gradient stops at the bar", PURPLE)
    ax.set(xlim=(-0.3, 8.5), ylim=(-1.3, 1.7))
    ax.axis("off")


def draw_cut(h1, h2, share1, share2):
    """Draw the paths of a gradient with the graph kept, and cut."""
    _, axes = plt.subplots(2, 1, figsize=(4.6, 4.6), layout="constrained")
    for ax, cut in zip(axes, (False, True), strict=True):
        title = "$h_1$ detached" if cut else "graph kept"
        total = share2 if cut else share1 + share2
        places = {"$h_1$": (0, h1), "$h_2$": (3, h2), "$L$": (6, h2**2 / 2)}
        for name, (x, value) in places.items():
            gone = cut and x == 0
            color = GRAY if gone else INK
            ax.add_patch(plt.Circle((x, 0), 0.55, fill=False, ec=color))
            write(ax, x, 0.18, name, color)
            write(ax, x, -0.2, f"{value:.3f}", color, 11)
        for x in (0, 3):
            arrow(ax, (x + 0.6, 0.22), (x + 2.4, 0.22))
            if x or not cut:
                arrow(ax, (x + 2.4, -0.22), (x + 0.6, -0.22), PURPLE, 2)
                arrow(ax, (x, -0.6), (x, -1.9), PURPLE, 2)
                share = share2 if x else share1
                write(ax, x + 0.2, -1.25, f"{share:.3f}", PURPLE, ha="left")
        if cut:
            ax.plot([1.5, 1.5], [-0.6, 0.0], color=PURPLE, lw=4)
        ax.add_patch(
            plt.Rectangle((-0.6, -2.6), 7.2, 0.7, fill=False, ec=ORANGE)
        )
        write(ax, 3, -2.26, f"$w_{{ih}}$: slope {total:.3f}", ORANGE)
        write(ax, -0.6, 1.0, title, INK, 12, ha="left")
        ax.set(xlim=(-0.8, 6.8), ylim=(-2.7, 1.3))
        ax.set_aspect("equal")
        ax.axis("off")


def draw_split():
    """Draw one cut of a text, and windows drawn from everywhere."""
    rng = np.random.default_rng(3)
    _, ax = plt.subplots(figsize=(4.4, 2.5), layout="constrained")
    ax.barh(7.5, 90, color=GRAY, height=0.8)
    ax.barh(7.5, 10, left=90, color=INK, height=0.8)
    ax.text(0, 8.15, "one cut", color=INK, va="bottom")
    ax.text(0, 5.55, "windows from everywhere", color=INK, va="bottom")
    row_ends = np.zeros(12)
    for i, start in enumerate(np.sort(rng.uniform(0, 92, 40))):
        row = int(np.argmax(row_ends <= start))
        row_ends[row] = start + 9
        color = INK if i % 10 == 5 else GRAY
        ax.barh(5 - row, 8, left=start, color=color, height=0.7)
    ax.set(xlim=(0, 100), ylim=(-0.6, 9.2), yticks=[])
    ax.set_xticks([0, 30, 60, 90], ["0 %", "30 %", "60 %", "90 %"])
    ax.set_xlabel("place in the text")
    ax.spines[["top", "right", "left"]].set_visible(False)


def show_growth(networks, novel_words):
    """Return what a network has written after more and more updates."""
    run = networks["runs"]["gru-0"]

    def marked(text):
        """Return the text as HTML; words that the novel lacks are marked."""
        pieces = re.split(r"([A-Za-z]+)", text)
        return "".join(
            f"<mark>{piece}</mark>"
            if k % 2 and piece.lower() not in novel_words
            else escape(piece)
            for k, piece in enumerate(pieces)
        )

    def x_of(step):
        return 20 + 560 * np.log10(max(step, 1)) / np.log10(12_000)

    def y_of(bits):
        return 190 - 70 * np.log2(bits / 1.3)

    def path(points):
        return "M" + "L".join(
            f"{x_of(x):.0f} {y_of(y):.0f}" for x, y in points
        )

    run = networks["runs"]["gru-0"]
    fields, circles, values, texts = "", "", "", ""
    for k, (step, text) in enumerate(run["written"].items()):
        step = int(step)
        loss = np.interp(step, *np.transpose(run["batches"]))
        found = re.findall("[A-Za-z]+", text)
        real = np.mean([word.lower() in novel_words for word in found])
        checked = "checked" if step == 1000 else ""
        button = f'<input type="radio" name="growth" {checked}>'
        fields += f"<label>{button}{step:,}</label>"
        x, y = x_of(step), y_of(loss)
        circles += f'<circle cx="{x:.0f}" cy="{y:.0f}" r="6"/>'
        if k < 4:
            values += (
                f'<text x="{x + 9:.0f}" y="{y - 9:.0f}">{loss:.1f}</text>'
            )
        texts += (
            f"<section><p>After {step:,} updates: {real:.0%} of the words "
            f"are words of the novel.</p><pre>"
            f"{marked(text[:520].rsplit(maxsplit=1)[0])}</pre></section>"
        )
    bar = y_of(networks["marks"]["held back"]["7-gram"])
    return HTML(f"""
<div class="growth">
<fieldset><legend>Updates</legend>{fields}</fieldset>
<svg viewBox="0 0 660 200" role="img" aria-label="Bits per character against
updates, both curves falling: the batches from 6.1 to 1.4, the held-back text
from 2.1 to 1.6, below the line of the best table.">
<path class="mark" d="M20 {bar:.0f}H580"/>
<text x="22" y="{bar + 20:.0f}">best table of counts: 1.73 bits</text>
<path class="learned" d="{path(run["batches"])}"/>
<path class="held" d="{path(run["held_back"])}"/>
<text class="held-name" x="592" y="{y_of(1.6):.0f}">1.58</text>
<g>{circles}</g>
{values}
</svg>
<div class="texts">{texts}</div>
</div>
""")


def draw_two_curves(training, validation):
    """Draw the loss on what is learned from, and on what is not."""
    best, last = int(np.argmin(validation)), len(validation)
    epochs = range(1, last + 1)
    look = {"fontsize": 12, "weight": "bold", "ha": "right"}
    _, ax = plt.subplots(figsize=(4.6, 3), layout="constrained")
    ax.plot(epochs, training, color=GRAY, linestyle=(0, (4, 2)))
    ax.plot(epochs, validation, color=INK)
    ax.plot(best + 1, validation[best], "o", color=INK)
    ax.text(last, validation[-1] + 0.1, "validation", color=INK, **look)
    ax.text(last - 2, training[-1], "training", color=GRAY, **look)
    look = {"ha": "center", "va": "bottom", "fontsize": 12}
    ax.text(best + 1, validation[best] + 0.12, "lowest", **look)
    ax.set(xlabel="epoch", ylabel="bits per character", xticks=epochs)
    ax.spines[["top", "right"]].set_visible(False)


def draw_dropout(plain, recipe):
    """Draw two losses on the validation part."""
    _, ax = plt.subplots(figsize=(4.6, 2.8), layout="constrained")
    look = {"fontsize": 12, "weight": "bold", "va": "center"}
    for curve, color, name in (
        (plain, GRAY, " plain"),
        (recipe, INK, " with all three"),
    ):
        epochs = range(2, len(curve) + 1)
        ax.plot(epochs, curve[1:], color=color)
        ax.text(epochs[-1], curve[-1], name, color=color, **look)
    ax.set(xlabel="epoch", ylabel="bits per character", xlim=(1.8, 21))
    ax.set_xticks(range(2, 17, 2))
    ax.spines[["top", "right"]].set_visible(False)


def draw_four_networks(networks):
    """Draw what four networks and three tables need on the test part."""
    shown = {"GRU": "gru-0", "RNN": "rnn-0", "LSTM": "lstm-0"}
    shown |= {"2 GRUs": "stacked-0"}
    dots = {
        name: networks["runs"][run]["test"] for name, run in shown.items()
    }
    for n in (5, 7, 8):
        dots[f"{n}-gram"] = networks["marks"]["test"][f"{n}-gram"]
    _, ax = plt.subplots(figsize=(4.6, 2.6), layout="constrained")
    for y, name in enumerate(sorted(dots, key=dots.get, reverse=True)):
        color = INK if name in shown else GRAY
        ax.plot(dots[name], y, "o", color=color, ms=8)
        words = f"  {name} {dots[name]:.2f}"
        ax.text(dots[name] + 0.005, y, words, color=color, va="center")
    ax.set(xlabel="bits per character, test part", xlim=(1.58, 1.95))
    ax.set_yticks([])
    ax.spines[["top", "right", "left"]].set_visible(False)


FORKS = {
    ("a", 0.45): {"truth": 0.44, "pity": 0.36, "dog": 0.2},
    ("not", 0.3): {"true": 0.8, "fair": 0.2},
    ("odd", 0.25): {"day": 0.6, "man": 0.4},
}


def share_out(p, power=1.0, k=9, together=1.0):
    """Return probabilities by temperature, top-k and top-p, in order."""
    p = np.array(p) ** power / np.sum(np.array(p) ** power)
    before = np.cumsum(p) - p
    p = np.where((before < together - 1e-9) & (np.arange(len(p)) < k), p, 0)
    return p / p.sum()


def draw_ways_to_write():
    """Draw a tree of words, and which of its texts each setting writes."""
    _, ax = plt.subplots(figsize=(5.6, 3.4), layout="constrained")
    leaves = [len(after) for after in FORKS.values()]
    ways = {
        "greedy": {"k": 1},
        "beam": None,
        "draw": {},
        "τ = 0.5": {"power": 2.0},
        "top-k 2": {"k": 2},
        "top-p 0.7": {"together": 0.7},
    }
    for x, name in enumerate(ways, start=5):
        write(ax, 0.95 * x + 0.25, 0.75, name, size=9, rotation=40, ha="left",
              va="bottom")  # fmt: skip
    write(ax, 0, -3, "It is", size=13)
    row = 0
    for place, ((word, p), after) in enumerate(FORKS.items()):
        middle = -row - (leaves[place] - 1) / 2
        ax.plot([0.5, 1.2], [-3, middle], color=GRAY, lw=1 + 5 * p)
        write(ax, 1.3, middle, word, size=13, ha="left")
        write(ax, 1.3, middle - 0.55, f"{p:g}", GRAY, 10, ha="left")
        for last, (ending, p_of) in enumerate(after.items()):
            ax.plot([2.2, 2.8], [middle, -row], color=GRAY, lw=1 + 5 * p_of)
            write(ax, 2.9, -row, ending, size=13, ha="left")
            write(ax, 4.1, -row, f"{p_of:g}", GRAY, 10, ha="left")
            for x, way in enumerate(ways.values(), start=5):
                share = float(ending == "true")  # the beam's text
                if way is not None:
                    first = share_out([p for _, p in FORKS], **way)[place]
                    share = first * share_out([*after.values()], **way)[last]
                if share:
                    ax.plot(0.95 * x + 0.25, -row, "o", color=GREEN,
                            ms=3 + 14 * share**0.5)  # fmt: skip
            row += 1
    ax.set(xlim=(-0.6, 10.9), ylim=(-6.6, 2.3))
    ax.axis("off")


def draw_temperatures(scores, vocab):
    """Draw the likeliest characters at three temperatures."""
    scores = scores.numpy()
    order = (-scores).argsort()[:8]
    _, axes = plt.subplots(
        3,
        1,
        figsize=(4.2, 3.6),
        sharex=True,
        sharey=True,
        layout="constrained",
    )
    for ax, tau in zip(axes, (0.5, 1, 2)):
        p = np.exp(scores / tau) / np.exp(scores / tau).sum()
        ax.bar(range(8), p[order], color=GREEN, width=0.7)
        words = {"ha": "right", "weight": "bold", "transform": ax.transAxes}
        ax.text(1, 0.75, f"τ = {tau}", color=INK, **words)
        ax.spines[["top", "right"]].set_visible(False)
    names = vocab.decode(order.tolist())
    axes[2].set_xticks(range(8), names, family="monospace")
    axes[1].set_ylabel("probability")


def draw_superposition(arrows):
    """Draw three arrows, and what two numbers say of them."""
    _, axes = plt.subplots(1, 3, figsize=(5.6, 1.9), layout="constrained")
    for ax, true in zip(axes, ("a", "ab", "abc")):
        state = sum(arrows[name] for name in true)
        for name, arrow in arrows.items():
            color = INK if name in true else GRAY
            look = {"arrowstyle": "->", "color": color, "lw": 2}
            ax.annotate("", arrow, (0, 0), arrowprops=look)
            read = f"{name}: {max(0, arrow @ state):.1f}"
            ax.text(*arrow * (1.8, 1.35), read, color=color, ha="center",
                    va="center")  # fmt: skip
        ax.plot(*state, "o", color=BLUE, ms=9)
        ax.set(xlim=(-1.4, 2.3), ylim=(-1.4, 1.4), aspect="equal")
        ax.set_title(f"true: {', '.join(true)}")
        ax.axis("off")


def draw_silenced(costs, speech, line):
    """Draw what holding each unit costs, by the predicted character."""
    _, ax = plt.subplots(figsize=(4.6, 3.1), layout="constrained")
    for y, change in enumerate(costs.values()):
        others = np.delete(change, [speech, line])
        jitter = np.linspace(-0.22, 0.22, len(others))
        ax.plot(others, y + jitter, "o", color=GRAY, ms=3.5, alpha=0.6)
        for unit, place, mark in ((20, line, "s"), (22, speech, "o")):
            ax.plot(change[place], y, mark, color=BLUE, ms=9)
            if y == (unit == 20) * 3:
                ax.text(change[place], y - 0.42, f"unit {unit}", color=BLUE,
                        size=12, ha="right", va="center")  # fmt: skip
    ax.axvline(0, color=GRAY, lw=1, zorder=0)
    ax.set_yticks(range(5), ['closing "', "?", "I", "line end", "others"])
    ax.set(ylim=(4.5, -0.7), xlabel="change in bits per prediction")
    ax.set_ylabel("predicted")
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)


def draw_pairs():
    """Draw five states with their ranks, two of them inside."""
    _, ax = plt.subplots(figsize=(4.6, 1.9), layout="constrained")
    ax.plot([0.3, 0.5], [1, 0], color=GRAY, lw=1.5, linestyle=(0, (4, 2)))
    five = [(-0.2, 0), (0.1, 0), (0.3, 1), (0.5, 0), (0.8, 1)]
    for place, (x, y) in enumerate(five, start=1):
        ax.plot(x, y, "o", color=BLUE, mfc=BLUE if y else "none", ms=9)
        write(ax, x, y + 0.45, f"{x:g}".replace("-", "−"), BLUE)
        write(ax, x, -1.0, str(place))
    for y, name in ((1, "inside"), (0, "outside"), (-1.0, "rank")):
        write(ax, -0.36, y, name, ha="right")
    ax.set(xlim=(-0.62, 0.95), ylim=(-1.4, 1.7))
    ax.axis("off")


def draw_halves(first, second, unit, luck):
    """Draw the AUC of all units on two halves, and what luck reaches."""
    _, ax = plt.subplots(figsize=(4.6, 3.2), layout="constrained")
    ax.plot(first, second, "o", color=GRAY, ms=4, alpha=0.6)
    ax.plot(first[unit], second[unit], "o", color=BLUE, ms=9, clip_on=False)
    write(
        ax, first[unit] - 0.02, second[unit], f"unit {unit}", BLUE, ha="right"
    )
    wide = luck - 0.5
    square = plt.Rectangle(
        (0.5 - wide, 0.5 - wide), 2 * wide, 2 * wide, fill=False, ec=INK
    )
    ax.add_patch(square)
    write(ax, 0.5, 0.54 + wide, "luck")
    ax.set(xlabel="AUC, first half", ylabel="AUC, second half")
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.spines[["top", "right"]].set_visible(False)
