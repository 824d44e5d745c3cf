"""What all contenders share: sizes, text and initial weights. It needs only NumPy."""

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
    """A program that does the work.

    `make` takes a :class:`Work` and returns a generator, which does one piece of the work per
    `next`. In training it makes one update and yields its loss; in sampling it yields texts of
    `Work.chunk` characters.
    """

    make: Callable[["Work"], Iterator[Any]]
    label: str
    code: str  # whose code it is: "charseq", "written here", or the name of a package
    sizes: str = "SGML"
    # What the losses must do: be the "same" as those of `model`; "start" like those, where a peer
    # has another optimizer; "falls", if only a smaller loss is asked for; or "none" for no check.
    check: str = "same"
    model: str = "plain"
    environment: dict[str, str] = {}  # noqa: RUF012 - never changed
    # Makes the command line for a size, if another program obeys the orders of benchmarks.worker.
    command: Callable[[str], list[str]] | None = None


def entering(table):
    """Return a decorator that adds a generator to a table of contenders, under its name."""

    def contender(label, code="written here", **options):
        def add_to_table(make):
            table[make.__name__] = Contender(make, label, code, **options)
            return make

        return add_to_table

    return contender


class Work:
    """A size, S, G, M or L. For sampling it also has `streams` texts of `chunk` characters."""

    def __init__(self, name, cell, H, layers, B, T, streams=0, chunk=0, sharpness=1.0):
        self.name, self.cell, self.H, self.layers, self.B, self.T = name, cell, H, layers, B, T
        self.streams, self.chunk, self.sharpness = streams, chunk, sharpness

    def __str__(self):
        depth = f" × {self.layers}" if self.layers > 1 else ""
        texts = {0: "", 1: ", one text"}.get(self.streams, f", {self.streams} texts")
        return f"{self.name}: {self.cell} {self.H}{depth}{texts}"

    @cached_property
    def text(self):
        """Python's reference, repeated to a million characters; rare characters become `�`."""
        text = load_text("python-reference")
        common = {char for char, _ in Counter(text).most_common(V - 1)}
        text = "".join(char if char in common else "\N{REPLACEMENT CHARACTER}" for char in text)
        return (text * (CHARACTERS // len(text) + 1))[:CHARACTERS]

    @cached_property
    def alphabet(self):
        """The V characters, sorted. A character's index is its id."""
        return "".join(sorted(set(self.text)))

    @cached_property
    def ids(self):
        id_of = np.zeros(0x110000, dtype=np.int64)
        id_of[[ord(char) for char in self.alphabet]] = np.arange(V)
        return id_of[np.frombuffer(self.text.encode("utf-32-le"), dtype=np.uint32)]

    def batches(self):
        """Yield B streams, T characters at a time, endlessly: (is it an epoch's first?, x, y)."""
        batches = (len(self.ids) - 1) // (self.B * self.T)
        x, y = (self.ids[k : k + self.B * self.T * batches].reshape(self.B, -1) for k in (0, 1))
        for start in cycle(range(0, batches * self.T, self.T)):
            part = slice(start, start + self.T)
            yield start == 0, np.ascontiguousarray(x[:, part]), np.ascontiguousarray(y[:, part])

    def weights(self, width=None):
        """Draw weights with torch's names, shapes and distribution.

        The network reads one-hot vectors, or with a `width` embeddings of that length. A
        `sharpness` above 1 makes the predictions of a network for sampling more certain.
        """
        rng, H = np.random.default_rng(0), self.H
        bound = 1 / np.sqrt(H)

        def draw(*shape, factor=1.0):
            return rng.uniform(-factor * bound, factor * bound, shape).astype(np.float32)

        weights = {}
        for k in range(self.layers):
            input_size = H if k else (width or V)
            weights[f"rnn.weight_ih_l{k}"] = draw(
                GATES[self.cell] * H, input_size, factor=self.sharpness
            )
            weights[f"rnn.weight_hh_l{k}"] = draw(GATES[self.cell] * H, H)
            weights[f"rnn.bias_ih_l{k}"] = draw(GATES[self.cell] * H)
            # Zero, because some peers have only one bias. Where there are two, both are trained.
            weights[f"rnn.bias_hh_l{k}"] = np.zeros(GATES[self.cell] * H, dtype=np.float32)
        weights["head.weight"], weights["head.bias"] = draw(V, H, factor=self.sharpness), draw(V)
        if width:
            weights["embedding.weight"] = rng.standard_normal((V, width)).astype(np.float32)
        return weights


SIZES = {
    "S": Work("S", "RNN", 128, 1, B=32, T=64),
    "G": Work("G", "GRU", 256, 1, B=64, T=64),
    "M": Work("M", "LSTM", 256, 1, B=64, T=64),
    "L": Work("L", "LSTM", 512, 2, B=64, T=128),
}
