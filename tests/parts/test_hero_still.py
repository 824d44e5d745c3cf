"""The network of the hero, in 8 bits: its file, its rows and its still, against the package."""

import base64
import re
import zlib
from xml.etree import ElementTree

import numpy as np
import pytest
from javascript import handed_over
from lint import ROOT
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


def test_the_rows_are_all_units_and_the_unnamed_ones_get_faster(read):
    units = hero.small_net()[2]["units"]
    assert (sorted(units), units[:5]) == ([*range(256)], [*hero.NAMED])
    change = np.abs(np.diff(read[1][1], axis=0)).mean(axis=0)[units[5:]]
    assert change[:20].max() < change[-100:].min()


def test_the_still_shows_the_states_after_its_text():
    net, vocab, file = hero.small_net()
    _, states = net.read(vocab.encode(hero.TEXT))
    still = ElementTree.parse(ROOT / "docs/_static/hero.svg")
    tag = "{http://www.w3.org/2000/svg}"
    shown = "".join(still.find(f".//{tag}text").itertext())
    assert shown == hero.TEXT.replace("\n", "↵")
    signs = {"n": -1, "p": 1}
    cells = [
        signs[rect.get("class")] * float(rect.get("opacity"))
        for rect in still.iter(f"{tag}rect")
        if rect.get("opacity")
    ]
    shown = np.reshape(cells, (6, len(hero.TEXT)))  # the line, and five rows
    np.testing.assert_allclose(shown, states[:, [22, *hero.NAMED]].T, atol=0.0051)
    less, more = (shades(image.get("href")) for image in still.iter(f"{tag}image"))
    woven = (more.astype(int) - less)[:, : len(hero.TEXT)] / 15
    calmest = file["units"][5 : 5 + 48]
    np.testing.assert_allclose(woven, states[:, calmest].T, atol=1 / 30 + 1e-9)


def shades(address):
    """Return the shades of gray in a PNG of 4 bits a pixel without filters."""
    data = base64.b64decode(address.partition(",")[2])
    wide, high = (int.from_bytes(data[k : k + 4], "big") for k in (16, 20))
    packed = zlib.decompress(re.search(rb"IDAT(.*)....IEND", data, re.S)[1][:-4])
    lines = np.frombuffer(packed, "u1").reshape(high, -1)[:, 1:]
    return np.stack([lines >> 4, lines & 15], axis=2).reshape(high, -1)[:, :wide]
