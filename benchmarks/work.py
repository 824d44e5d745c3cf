"""What all contenders are given: sizes, text, initial weights. NumPy only."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np

from charseq import load_text

CHARACTERS = 1_000_000
V = 76
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


class Contender(NamedTuple):
    """One way to do the work.

    `make` takes a :class:`Work` and returns a generator that does a piece of it at each `next`:
    in training it yields the loss of a step, in sampling the texts of `Work.chunk` characters.
    """

    make: Callable[["Work"], Iterator[Any]]
    label: str
    code: str  # whose: "charseq", "written here", or the name of a package
    sizes: str = "SGML"
    # What its losses must show: "same" as those of `model`, its "start" only (where peers have
    # other parameters or another optimizer), that it "falls", or nothing at all: "none".
    check: str = "same"
    model: str = "plain"
    environment: dict[str, str] = {}  # noqa: RUF012 - never written to
    # Of a size: the program that takes the orders of :mod:`benchmarks.worker`, if it is another.
    command: Callable[[str], list[str]] | None = None


def entering(table):
    """Return a decorator that enters generators into a table of contenders, by name."""

    def contender(label, code="written here", **options):
        def enter(make):
            table[make.__name__] = Contender(make, label, code, **options)
            return make

        return enter

    return contender


class Work:
    """One size: S, G, M or L; for sampling, with `streams` texts of `chunk` characters."""

    def __init__(self, name, cell, H, layers, B, T, streams=0, chunk=0, sharpness=1.0):
        self.name, self.cell, self.H, self.layers, self.B, self.T = name, cell, H, layers, B, T
        self.streams, self.chunk, self.sharpness = streams, chunk, sharpness

    def __str__(self):
        depth = f" × {self.layers}" if self.layers > 1 else ""
        texts = {0: "", 1: ", one text"}.get(self.streams, f", {self.streams} texts")
        return f"{self.name}: {self.cell} {self.H}{depth}{texts}"

    @cached_property
    def text(self):
        """Python's own reference, repeated to a million characters; the rare ones become a `�`."""
        text = load_text("python-reference")
        common = {char for char, _ in Counter(text).most_common(V - 1)}
        text = "".join(char if char in common else "\N{REPLACEMENT CHARACTER}" for char in text)
        return (text * (CHARACTERS // len(text) + 1))[:CHARACTERS]

    @cached_property
    def alphabet(self):
        """V characters, sorted: a character's place is its id."""
        return "".join(sorted(set(self.text)))

    @cached_property
    def ids(self):
        place = np.zeros(0x110000, dtype=np.int64)
        place[[ord(char) for char in self.alphabet]] = np.arange(V)
        return place[np.frombuffer(self.text.encode("utf-32-le"), dtype=np.uint32)]

    def batches(self):
        """B streams, T characters at a time, over and over: (is it the first?, x, y)."""
        steps = (len(self.ids) - 1) // (self.B * self.T)
        x, y = (self.ids[k : k + self.B * self.T * steps].reshape(self.B, -1) for k in (0, 1))
        for start in cycle(range(0, steps * self.T, self.T)):
            part = slice(start, start + self.T)
            yield start == 0, np.ascontiguousarray(x[:, part]), np.ascontiguousarray(y[:, part])

    def weights(self, width=None):
        """Torch's names, shapes and law for a net on one-hot vectors, or on vectors of `width`.

        With a `width` there is an embedding too. A `sharpness` above 1 is for sampling.
        """
        rng, H = np.random.default_rng(0), self.H
        bound = 1 / np.sqrt(H)

        def draw(*shape, times=1.0):
            return rng.uniform(-times * bound, times * bound, shape).astype(np.float32)

        found = {}
        for k in range(self.layers):
            entering = H if k else (width or V)
            found[f"rnn.weight_ih_l{k}"] = draw(
                GATES[self.cell] * H, entering, times=self.sharpness
            )
            found[f"rnn.weight_hh_l{k}"] = draw(GATES[self.cell] * H, H)
            found[f"rnn.bias_ih_l{k}"] = draw(GATES[self.cell] * H)
            # Zero, as some peers have but one bias; where there are two, training moves both.
            found[f"rnn.bias_hh_l{k}"] = np.zeros(GATES[self.cell] * H, dtype=np.float32)
        found["head.weight"], found["head.bias"] = draw(V, H, times=self.sharpness), draw(V)
        if width:
            found["embedding.weight"] = rng.standard_normal((V, width)).astype(np.float32)
        return found


SIZES = {
    "S": Work("S", "RNN", 128, 1, B=32, T=64),
    "G": Work("G", "GRU", 256, 1, B=64, T=64),
    "M": Work("M", "LSTM", 256, 1, B=64, T=64),
    "L": Work("L", "LSTM", 512, 2, B=64, T=128),
}
