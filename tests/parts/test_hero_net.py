"""The network of the hero, in 8 bits, and its file, against the package."""

import numpy as np
import pytest
from javascript import handed_over
from test_play_core import assert_reads_as, js  # noqa: F401 - a fixture

import bundles
import hero
from charseq import load_net, load_text, reference

HELD_BACK = load_text("pride-test")[:9_300]


@pytest.fixture(scope="module")
def read():
    """What both networks, of 8 and of 16 bits, say of the text that they have not learned from."""
    net, vocab, _ = hero.small_net()
    ids = vocab.encode(HELD_BACK)
    return ids, net.read(ids), load_net("austen")[0].read(ids)


def test_a_number_in_8_bits_differs_by_half_a_step_of_its_row_at_most():
    matrix = np.random.default_rng(0).normal(size=(9, 400)) * np.logspace(-2, 1, 9)[:, None]
    whole, factors = hero.in_8_bits(matrix)
    assert (whole.dtype, factors.dtype) == (np.int8, np.float16)
    assert (abs(whole).max(axis=1) == 127).all()
    error = np.abs(whole * factors.astype(float)[:, None] - matrix)
    # The factor is rounded too, by a share of 2**-11, and so are the largest numbers of the row.
    most = (0.5 + 127 * 2**-11) * factors.astype(float)[:, None]
    assert (error <= most).all()


def test_the_browser_reads_the_file_as_numpy_reads_the_network_with_the_same_loss(js, read):
    net, vocab, file = hero.small_net()
    file = handed_over(bundles.data_script(hero.FILE, file))
    ids, (small, _), (full, _) = read
    small, full = (
        reference.cross_entropy(logits[:-1].astype(float), ids[1:]) for logits in (small, full)
    )
    assert 0 < abs(small - full) < 0.001 * np.log(2)  # 8 bits cost less than a thousandth
    for text in (hero.TEXT, HELD_BACK[:300], HELD_BACK[9000:9300]):
        ids = vocab.encode(text)
        found = js("read", {"file": file, "ids": ids.tolist(), "without": []})
        assert assert_reads_as(found, net, ids) <= 1e-10
