"""The hero, ``{play} hero``: a trained network at work, in 8 bits, and what stands there first.

The first view is made here of the network itself: it stands there on paper, without scripts, and
before they have come. docs/_web/widgets/hero.js takes it over, so nothing moves; hero.css has the
sizes.
"""

from functools import cache
from html import escape
from pathlib import Path

import numpy as np

import widgets
from charseq import NumpyNet, Vocabulary
from charseq.sampling import probabilities

FILE = "austen-8bit.js"
# What it has read before the text that is shown: an empty line, as in the novel, for else it takes
# itself to be in the middle of one.
LEAD = "\n\n"
TEXT = '"You dance very well," said she, "but are you rich?'
UNITS = [22, 20, 149, 88, 29]  # hero.html names them
COLUMNS, BARS = 56, 7
BRIGHT = (-0.68, 0.56)  # beyond, black is easier to read on a color of a dark page than white
STILL = Path(__file__).with_name("hero.html")


def in_8_bits(matrix):
    """Return whole numbers from -127 to 127, and for each row the float16 that multiplies them."""
    factors = (np.abs(matrix).max(axis=1) / 127).astype("<f2")
    return np.rint(matrix / factors.astype(float)[:, None]).clip(-127, 127).astype("i1"), factors


@cache
def small_net():
    """Return the network in 8 bits: as NumPy reads it, its vocabulary, and its file.

    Each matrix has one factor a row. The biases, vectors, stay in float16.
    """
    options, chars, weights = widgets.read_net()
    in_full, in_file = {}, {}
    for name, array in weights.items():
        if array.ndim == 1:
            in_full[name], in_file[name] = array.astype(float), widgets.packed(array)
            continue
        whole, factors = in_8_bits(array.astype(float))
        in_full[name] = whole * factors.astype(float)[:, None]
        in_file[name] = widgets.packed(whole) | {"factors": widgets.packed(factors)["data"]}
    file = {"options": options, "chars": chars, "weights": in_file}
    file |= {"lead": LEAD, "text": TEXT, "units": UNITS}
    return NumpyNet(options, in_full), Vocabulary(chars), file


def cells(values, letters):
    """Return a cell for each number, the newest first in a row: see hero.css."""
    return "".join(
        f'<i class="{"n" if v < -0.1 else ""}{"" if BRIGHT[0] < v < BRIGHT[1] else " s"}"'
        f' style="--v:{v:.2f}">{escape(letter)}</i>'
        for v, letter in zip(values, letters, strict=True)
    )


@cache
def still():
    """Return the first view as HTML."""
    net, vocab, _ = small_net()
    logits, states = net.read(vocab.encode(LEAD + TEXT))
    named, p = states[len(LEAD) :, UNITS], probabilities(logits[-1])
    last = slice(None, -COLUMNS - 1, -1)
    rows = [cells(row[last], [""] * len(TEXT[last])) for row in named.T]
    letters = "".join(f"<i>{escape(letter)}</i>" for letter in TEXT[last])
    bars = ""
    for k in np.argsort(-p, kind="stable")[:BARS]:
        share = "&lt;1%" if p[k] < 0.005 else f"{100 * p[k]:.0f}%"
        letter = escape(widgets.shown(vocab.chars[k]))
        bar = f'<i><u style="width:{100 * p[k]:.1f}%"></u></i><span>{share}</span>'
        bars += f"<li><b>{letter}</b>{bar}</li>"
    line = cells(named[:, 0], TEXT)
    return STILL.read_text("utf-8").format(line=line, letters=letters, rows=rows, bars=bars)


def setup(app):
    widgets.hand_over(FILE, lambda: small_net()[2])
    widgets.STILLS["hero"] = still
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
