"""The network of the hero, ``{play} hero``: in 8 bits, with the order of its rows.

hero.html and docs/_static/hero.svg, a still of the view as it begins, stand there first: on paper,
without scripts, and before they have come. tests/browser/test_look.py compares them with the
network, so nothing moves when it takes over. hero.css has the sizes, docs/_web/widgets/hero.js
fills the view.
"""

from functools import cache

import numpy as np

import widgets
from charseq import NumpyNet, Vocabulary, load_text

FILE = "austen-8bit.js"
# From the start of a line, as in the novel: else it takes itself to be in the middle of one.
TEXT = '\n\n"You dance very well," said she, "but are you rich?'
NAMED = {
    22: "speech",
    20: "place in the line",
    149: "since a pause",
    88: "capitalized word",
    29: "start of a word",
}


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
    net, vocab = NumpyNet(options, in_full), Vocabulary(chars)
    file = {"options": options, "chars": chars, "weights": in_file, "text": TEXT}
    return net, vocab, file | {"units": order_of_rows(net, vocab)}


def order_of_rows(net, vocab):
    """Return all units: those with names, then the others, the slowest first."""
    _, states = net.read(vocab.encode(load_text("pride-test")[:2000]))
    change = np.abs(np.diff(states, axis=0)).mean(axis=0)
    return [*NAMED, *(int(unit) for unit in change.argsort() if unit not in NAMED)]


def setup(app):
    widgets.hand_over(FILE, lambda: small_net()[2])
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
