"""The numbers of the part `carried`: what each letter costs if the state is forgotten.

The network that comes with charseq reads each sentence anew for every place at which its state can
be lost, so the part shows what the package computes.
"""

import numpy as np

import widgets
from charseq.reference import softmax

FILE = "carried.js"
BEFORE = "\n\n"  # read first: the end of the paragraph before
SENTENCES = {
    "speech": '"You are very kind, Mr. Darcy," said she.',
    "no speech": "Elizabeth was surprised; but Mr. Darcy",
}


def costs_from(net, ids):
    """Return the bits of each letter after the first, read from a state of zeros."""
    logits, _ = net.read(ids[:-1])
    odds = softmax(np.asarray(logits, float))
    return -np.log2(odds[np.arange(len(ids) - 1), ids[1:]])


def costs_of(sentence):
    """Return bits (T, T): in row k the state is forgotten before letter k is read; in row 0, never.

    What a letter costs is decided before it is read, so row k changes the letters after k.
    """
    net, vocab = widgets.numpy_net()
    ids = vocab.encode(BEFORE + sentence)
    carried = costs_from(net, ids)[len(BEFORE) - 1 :]
    rows = np.tile(carried, (len(sentence), 1))
    for k in range(1, len(sentence) - 1):
        rows[k, k + 1 :] = costs_from(net, ids[len(BEFORE) + k :])
    return rows


def record():
    """Return the sentences with their costs, in thousandths of a bit."""
    return [
        {
            "name": name,
            "text": text,
            "costs": [[round(1000 * x) for x in row] for row in costs_of(text).tolist()],
        }
        for name, text in SENTENCES.items()
    ]


def setup(app):
    widgets.hand_over(FILE, record)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
