"""The part `axes`, in Deno and in a browser, against the package."""

import re

import pytest
import torch
from test_pages import quiet  # noqa: F401 - a fixture
from test_play_core import js  # noqa: F401 - a fixture
from test_play_parts import bundle_of, part  # noqa: F401 - fixtures

from charseq import LayerShapes

WORDS = ["hello", "eolll", "lleel"]


@pytest.mark.parametrize("first", [True, False])
def test_texts_are_those_that_a_layer_of_torch_reads(js, first):
    found = js("first => readAs([3, 5], first)", first)
    codes = torch.tensor([[ord(letter) for letter in word] for word in WORDS])
    rows = codes if first else codes.T
    assert found["texts"] == ["".join(map(chr, row)) for row in rows.tolist()]
    layer = torch.nn.RNN(1, 1, batch_first=first)
    outputs, last = layer(codes[:, :, None] / 100)
    assert (found["batch_size"], found["length"]) == (last.shape[1], outputs.numel() // len(rows))
    # It is the state of the last letter of each text that is in h_n.
    ends = outputs[:, -1] if first else outputs[-1]
    assert torch.equal(last[0], ends)


def test_the_option_turns_the_arrows_and_the_boxes_are_the_packages(part):
    page = part("axes", ready="input")
    ways = page.locator(".play-way path:visible")
    turned = lambda: {way.get_attribute("style") for way in ways.all()}  # noqa: E731
    assert ways.count() == 3 * 4
    assert turned() == {"transform: rotate(0deg);"}
    for size, value in (("axis 0", 2), ("axis 1", 7), ("hidden_size", 3), ("axis 2", 6)):
        page.get_by_role("slider", name=size).fill(str(value))
    for first in (True, False):
        page.get_by_role("checkbox", name="batch_first").set_checked(first)
        sizes = {"batch_size": 2, "length": 7} if first else {"batch_size": 7, "length": 2}
        shapes = LayerShapes.of(torch.nn.RNN(6, 3, batch_first=first), **sizes)
        expected = {item.name: str(item.shape) for item in (*shapes.tensors, *shapes.parameters)}
        del expected["h_0"]
        texts = page.locator(".play-shape-boxes li").evaluate_all(
            "all => all.map(li => ['code', 'b'].map(tag => li.querySelector(tag).textContent))"
        )
        assert dict(texts) == expected
        said = page.locator(".play-readout").text_content()
        assert f"{shapes.parameter_count} parameters" in said
        assert re.search(r"first of them “(\w+)”", said)[1] == ("hellohe" if first else "he")
        assert ways.count() == (2 * 6 if first else 7)
        assert turned() == {f"transform: rotate({0 if first else 90}deg);"}
        first_text = page.locator(".play-way .play-letter").all_text_contents()
        assert "".join(first_text) == ("hellohe" if first else "he")
