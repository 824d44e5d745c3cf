"""What a forgotten state costs: the numbers of the part `carried`, against steps of the package."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from javascript import WEB, calling

import carried
import widgets
from charseq import NumpyNet, Vocabulary
from charseq.reference import softmax

PAGE = Path(__file__).parents[2] / "docs" / "learn" / "use-it.md"


@pytest.fixture(scope="module")
def sentences():
    return carried.record()


@pytest.fixture(scope="module")
def js():
    with calling(WEB / "core" / "carried.js") as call:
        yield call


def read_in_steps(text, cut):
    """Return the bits of each letter, one step at a time; `cut`: as in core/carried.js."""
    options, chars, weights = widgets.read_net()
    net = NumpyNet(options, {name: array.astype(float) for name, array in weights.items()})
    ids = Vocabulary(chars).encode(carried.BEFORE + text)
    state, bits = net.start(), []
    for k, (now, following) in enumerate(pairwise(ids), -len(carried.BEFORE)):
        if k > 0 and (cut < 0 or k == cut):
            state = net.start()
        logits, state = net.step([now], state)
        bits.append(-np.log2(softmax(np.asarray(logits, float))[0, following]))
    return np.array(bits[len(carried.BEFORE) - 1 :])


@pytest.mark.parametrize("cut", [-1, 0, 1, 14, 30, 36])
def test_the_bars_are_what_a_program_that_forgets_there_would_measure(js, sentences, cut):
    for sentence in sentences:
        bits = js(f"(sentence) => bitsOf(sentence, {cut})", sentence)
        right = read_in_steps(sentence["text"], cut)
        assert len(bits) == len(sentence["text"])
        np.testing.assert_allclose(bits, right, rtol=0, atol=0.0005 + 1e-9)  # three decimals


def test_the_readout_names_the_letters_that_cost_most_more(js):
    kept, lost = [1, 2, 0.5, 3], [1, 2.5, 4, 3.2]
    found = js("([kept, lost]) => losses(kept, lost, 1)", [kept, lost])
    assert found == {"total": pytest.approx(4.2, abs=1e-12), "worst": 2}
    for start in (3, 4):
        assert js(f"([kept, lost]) => losses(kept, lost, {start}).worst", [kept, lost]) == -1
    assert js("mean", kept) == np.mean(kept)


def test_a_letter_is_named_so_that_it_is_found(js):
    text = '"You are kind, Mr. Darcy," said he; so'
    names = {
        1: "the “Y” of “You”", 12: "the “d” of “kind”", 13: "the comma", 24: "the comma",
        8: "the space after “are”", 14: "the space after “kind,”", 0: "the opening quotation mark",
        25: "the closing quotation mark", 17: "the period", 34: "the semicolon",
        37: "the “o” of “so”", 26: "the space after “Darcy,”",
    }  # fmt: skip
    for t, name in names.items():
        assert js(f"(text) => nameOf(text, {t})", text) == name
    for t, end in ((9, 13), (12, 13), (8, 13), (37, 38)):
        assert js(f"(text) => wordEnd(text, {t})", text) == end


def test_the_page_names_the_letters_that_the_part_names(js, sentences):
    text, prose = sentences[0]["text"], PAGE.read_text("utf-8")
    cut = text.index("kind")
    both = [js(f"(sentence) => bitsOf(sentence, {k})", sentences[0]) for k in (0, cut)]
    worst, later = (js(f"([a, b]) => losses(a, b, {k}).worst", both) for k in (cut, cut + 4))
    assert [text[worst], text[later]] == ["d", '"']
    kept, lost = (bits[later] for bits in both)
    said = f"the closing quotation mark, letter {later + 1}, still costs {lost:.1f} bits"
    assert f"{said} instead of {kept:.1f}" in prose


def test_the_page_states_the_costs_of_its_first_sentence(sentences):
    text = sentences[0]["text"]
    name = text.index("Darcy")
    letters = [name + 2, name + 3, name + 4, text.index('"', 1)]
    table = re.findall(r"^\| (?:carried|forgotten)[^|]* \|(.*)\|$", PAGE.read_text("utf-8"), re.M)
    for line, cut in zip(table, (0, -1, text.index("kind")), strict=True):
        bits = read_in_steps(text, cut)
        assert line.split("|") == [f" {x:.2f} " for x in (*bits[letters], bits.mean())]
