r"""
What does a network get wrong when it writes?
=============================================

A low loss promises a good text, but nobody reads a loss. So we let the
network ``austen`` write, beside two tables of counts and the novel that all
of them learned from, and count the mistakes that a reader would mark.
"""

import random
import re
from collections import Counter, defaultdict
from functools import cache

import matplotlib.pyplot as plt
import numpy as np

from charseq import generate, load_net, load_text
from charseq.plotting import GRAY, INK, show

LENGTH = 80_000  # characters that each of them writes
TEMPERATURE = 0.7  # of all three: careful, but not too careful
learned, novel = load_text("pride-train"), load_text("pride-test")

# %%
# Three writers and an author
# ---------------------------
# The network has read most chapters of *Pride and Prejudice*. The tables
# have counted, in the same chapters, which character follows each string of
# 4, or of 7, which makes them a 5-gram and an 8-gram. Jane Austen is there
# with six chapters that none of them has seen.

net, vocab = load_net("austen")
options = {"temperature": TEMPERATURE, "rng": np.random.default_rng(0)}
pieces = generate(
    net, vocab, "\n\n", length=LENGTH // 10, streams=10, **options
)
whole = [piece[: piece.rindex("\n\n")] for piece in pieces]
by_network = "\n\n".join(whole)


def write_by_counting(order: int) -> str:
    """Draw from a table of counts, as long a text as the network's."""
    before, followers = order - 1, defaultdict(str)
    circle = learned + learned[:before]  # so that something follows the end
    for i in range(len(learned)):
        followers[circle[i : i + before]] += circle[i + before]

    @cache  # most strings come again and again
    def shares_after(string: str) -> tuple[list[str], list[float]]:
        counts = Counter(followers[string])
        shares = [count ** (1 / TEMPERATURE) for count in counts.values()]
        return list(counts), shares

    rng, written = random.Random(0), list(learned[:before])
    while len(written) < LENGTH:
        written += rng.choices(*shares_after("".join(written[-before:])))
    return "".join(written)


texts = {
    "5-gram": write_by_counting(5),
    "8-gram": write_by_counting(8),
    "network": by_network,
    "the novel": novel,
}
for name, text in texts.items():
    start = text.index("\n\n", 5000) + 2
    print(f"--- {name}\n{text[start : start + 300]}\n")

# %%
# What counts as a mistake
# ------------------------
# A rule that a program can check is cruder than a reader, and it marks
# things that are no mistake: the novel, too, has words that its other
# chapters don't have, and a speech of several paragraphs leaves its marks
# open. That is what the novel's own numbers are for. No rule asks whether a
# sentence makes sense, where all three writers would fail at once.
#
# A writer who never lets anybody speak would leave no mark open, so we
# count shares: of all words, of the paragraphs with a quotation mark, of
# the full lines, those of 60 characters or more, of which the novel has
# none above 74, and of all strings of thirty characters.

WORD = r"[A-Za-z]+(?:'[a-z]+)?"
known_words = {word.lower() for word in re.findall(WORD, learned)}
known_strings = {learned[i : i + 30] for i in range(len(learned) - 29)}


def count_mistakes(text: str) -> dict[str, list[bool]]:
    """Return True or False for each place where a mistake could be."""
    paragraphs = text.split("\n\n")[1:-1]  # the first and last may be cut
    return {
        "new words": [
            word.lower() not in known_words
            for word in re.findall(WORD, text)
        ],
        "speeches left open": [
            part.count('"') % 2 == 1 for part in paragraphs if '"' in part
        ],
        "lines that are too long": [
            len(line) > 74 for line in text.split("\n") if len(line) >= 60
        ],
        "strings that are copied": [
            text[i : i + 30] in known_strings for i in range(len(text) - 29)
        ],
    }


marks: dict[str, dict[str, float]] = {}
print(f"{'in percent':24}", *(f"{name:>9}" for name in texts))
for name, text in texts.items():
    for rule, found in count_mistakes(text).items():
        marks.setdefault(rule, {})[name] = 100 * float(np.mean(found))
for rule, shares in marks.items():
    print(f"{rule:24}", *(f"{share:9.1f}" for share in shares.values()))

# %%
# Who makes which mistake
# -----------------------

fig, axes = plt.subplots(3, 1, figsize=(5.6, 4.6), layout="constrained")
colors = [GRAY, GRAY, INK, "none"]
for ax, (rule, shares) in zip(axes, marks.items(), strict=False):
    most = max(shares.values())
    look = {"color": colors, "edgecolor": INK, "height": 0.7}
    ax.barh(range(4), list(shares.values()), **look)
    for y, share in enumerate(shares.values()):
        ax.text(share + 0.02 * most, y, f"{share:.2g} %", va="center")
    ax.set_title(rule, loc="left", fontsize=11)
    ax.set(xlim=(0, 1.2 * most), ylim=(3.6, -0.6), xticks=[])
    ax.set_yticks(range(4), list(shares))
    ax.tick_params(length=0)
    ax.spines[["top", "right", "bottom"]].set_visible(False)
fig.set_label(
    "Three panels, new words, open speeches, long lines, with four bars "
    "each: the two tables, the network, the novel."
)
show()

# %%
# **What to notice.** The longer table has the fewest new words, fewer than
# the novel, because it rarely leaves what it has read. The network composes
# its words letter by letter, and now and then one of them is none.
#
# But a table forgets. Seven characters don't say whether somebody is
# speaking, so it leaves about every second speech open, and they don't say
# how far a line has come, so most of its full lines are too long. The
# network keeps both in its state, though nobody told it to: it closes most
# of its speeches and breaks most of its lines in time, if not as reliably
# as the novel.
#
# Hardly a string of thirty characters is copied by anybody; shorter ones we
# have not counted.

new_words, speeches, lines, copies = marks.values()
assert new_words["8-gram"] < new_words["the novel"] < new_words["network"]
assert new_words["network"] < new_words["5-gram"]
assert 10 < speeches["network"] < 45 < speeches["8-gram"]
assert lines["network"] < 25 < min(lines["5-gram"], lines["8-gram"])
assert speeches["the novel"] < 10
assert lines["the novel"] == 0
assert max(copies.values()) < 1
