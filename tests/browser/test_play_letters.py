"""The part `letters`, in Deno and in a browser, against the package."""

import numpy as np
import torch
from test_pages import quiet  # noqa: F401 - a fixture
from test_play_core import js, net  # noqa: F401 - js is a fixture
from test_play_parts import bundle_of, part  # noqa: F401 - fixtures

from charseq import Vocabulary

TEXT = " learned deep learning"


def test_ids_vectors_and_columns_are_the_packages(js):
    vocab = Vocabulary.from_text(TEXT)
    with torch.random.fork_rng(devices=[]):
        W_ih = net(len(vocab), 3, seed=0).rnn.weight_ih_l0.detach().double().numpy()
    for word in ("garden", "e", ""):
        found = js("([text, word]) => lookUp(word, table(text, 3))", [TEXT, word])
        ids = vocab.encode(word)
        assert found["ids"] == ids.tolist()
        one_hot = vocab.one_hot(ids)  # (T, V)
        assert found["oneHot"] == one_hot.T.ravel().tolist()
        np.testing.assert_allclose(
            found["products"], (W_ih @ one_hot.T).ravel(), rtol=0, atol=1e-12
        )
    assert js("text => lookUp('ew', table(text, 3)).ids", TEXT) == [3, -1]


def test_a_letter_lights_its_id_its_place_and_its_column(part):
    page = part("letters", ready="input", word="garden")
    said = page.locator(".play-readout")
    assert said.text_content().startswith("“g” has id 4: a 1 at place 4")
    assert said.text_content().endswith("column 4: (−0.222, −0.238, −0.093).")
    word, matrix = page.locator(".play-line-of-boxes").all()
    boxes = "all => all.findIndex(box => box.classList.contains('play-framed'))"
    framed = [line.locator(".play-row-boxes rect").evaluate_all(boxes) for line in (word, matrix)]
    assert framed == [0, 4]
    word.locator(".play-row-boxes .play-texts text").nth(2).click()
    assert said.text_content().endswith("column 9: (0.153, −0.251, −0.146).")
    page.get_by_label("a word").press("ArrowUp")
    assert said.text_content().endswith("column 1: (0.310, −0.113, 0.479).")
    lit = "all => all.flatMap((cell, k) => Number(cell.style.fillOpacity) === 1 ? [k] : [])"
    ones = word.locator(".play-row-heat").first.locator("rect").evaluate_all(lit)
    assert sorted((k % 6, k // 6) for k in ones) == [*enumerate([4, 1, 9, 2, 3, 7])]
    page.get_by_label("a word").fill("dew")
    assert said.text_content() == (
        "“w” isn't one of the 10 characters, so it has no id, no place for its 1, and no column."
    )
    assert word.locator(".play-row-words text.play-wrong-word").all_text_contents() == ["?"]
    page.get_by_label("a word").fill("")
    assert said.text_content() == "Type a letter."
