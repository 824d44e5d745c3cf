"""The arithmetic coder of examples/texts/compression.py: what goes in comes out again."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lint import ROOT

from charseq import Vocabulary


def coder(vocab):
    """Run the block of the script that packs and unpacks, and return its functions."""
    source = (ROOT / "examples/texts/compression.py").read_text("utf-8")
    (block,) = re.findall(r"^# Arithmetic coding\n(.*?)^# %%", source, re.M | re.S)
    space = {"np": np, "vocab": vocab, "first": 0}
    exec(compile(block, "compression.py", "exec"), space)
    return space["pack"], space["unpack"]


def reader(V, seed, sharpness):
    """Return probabilities that depend on all characters so far, some of them near 0 or 1."""

    def after(i):
        rng = np.random.default_rng([seed, *read])
        read.append(i)
        powers = np.exp(sharpness * rng.normal(size=V))
        return powers / powers.sum()

    read = []
    return after


@given(st.text("abcdefghij", max_size=60), st.integers(0, 99), st.sampled_from([0, 1, 9, 40]))
def test_a_text_is_unpacked_as_it_was(text, seed, sharpness):
    vocab = Vocabulary("abcdefghij")
    pack, unpack = coder(vocab)
    ids = vocab.encode(text).tolist()
    file = pack(ids, reader(10, seed, sharpness))
    assert unpack(file, len(ids), reader(10, seed, sharpness)) == text


@pytest.mark.parametrize("sharpness", [0.5, 2])
def test_a_file_is_as_large_as_the_probabilities_say(sharpness):
    """A part has 2**16 places, of which ten go to characters of no probability: less than 0.1 %."""
    pack, _ = coder(Vocabulary("abcdefghij"))
    rng, after, ids, bits = np.random.default_rng(0), reader(10, 1, sharpness), [], 0
    for _ in range(600):
        p = after(ids[-1] if ids else 0)
        ids.append(int(rng.choice(10, p=p)))
        bits -= np.log2(p[ids[-1]])
    assert bits / 8 - 1 <= len(pack(ids, reader(10, 1, sharpness))) <= 1.001 * bits / 8 + 5
