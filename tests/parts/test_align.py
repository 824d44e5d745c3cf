"""A network that writes dates anew: core/align.js against PyTorch, with the recorded weights."""

import datetime

import numpy as np
import pytest
import recorded
import torch
from javascript import WEB, calling
from test_readers import ROOT

import align

DATES = ["3 March 1998", "September 27, 2041", "3. Mar 1998", "Feb 9 2000", "30 February 1998", "1"]


@pytest.fixture(scope="session")
def translate():
    """Return the module that trained it."""
    return recorded.script("translate")


@pytest.fixture(scope="session")
def net(translate):
    """Return the recorded network, in float64."""
    net = translate.Translator(E=translate.SMALL)
    return recorded.with_weights(net, align.read_record()["weights"])


@pytest.fixture(scope="module")
def js():
    with calling(WEB / "core" / "align.js") as call:
        yield call


@torch.no_grad()
def by_torch(translate, net, text):
    """Return the letters that it writes, how sure it is of each, and where each looked."""
    memory, h, real = net.read(net.ids([text], 0))
    new, letters, sure, looks = net.ids([translate.START], 1), [], [], []
    while len(letters) < 14 and translate.END not in letters:
        logits, h, weights = net.write(new, memory, h, real)
        p = logits[0, 0].softmax(dim=0)
        new = p.argmax()[None, None]
        letters.append(translate.WRITTEN[new.item()])
        sure.append(p.max().item())
        looks.append(weights[0, 0].tolist())
    return letters, sure, looks


@pytest.mark.parametrize("text", DATES)
def test_the_browser_writes_and_looks_as_torch_does(js, translate, net, text):
    call = "({record, text}) => translatorOf(record)(text)"
    found = js(call, {"record": align.read_record(), "text": text})
    letters, sure, looks = by_torch(translate, net, text)
    assert found["letters"] == letters
    assert found["answer"] == "".join(letters).split(translate.END)[0]
    np.testing.assert_allclose(found["sure"], sure, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found["weights"], looks, rtol=0, atol=1e-12)


def test_the_network_is_right_as_often_as_was_recorded_and_small(translate, net):
    days = translate.dates(np.random.default_rng(1), 3000, translate.HELD_BACK)
    answers = translate.greedy(net, [text for text, _ in days])
    assert translate.right(answers, days) == align.read_record()["right"]
    assert align.RECORD.stat().st_size <= 60_000
    assert round(sum(p.numel() for p in net.parameters()), -3) == 21_000  # as the page says


def test_what_a_date_should_become_is_what_the_calendar_says(js, translate):
    rng = np.random.default_rng(0)
    for text, iso in translate.dates(rng, 200, np.arange(translate.DAYS)):
        assert js("(text) => dayOf(text)", text) == {"iso": iso, "exists": True, "seen": True}
    for text in ("30 February 1998", "Feb 29 1900", "0 May 2000", "June 31, 2020"):
        found = js("(text) => dayOf(text)", text)
        assert not found["exists"]
        with pytest.raises(ValueError, match="day"):
            datetime.date.fromisoformat(found["iso"])
    assert not js("(text) => dayOf(text)", "3 March 1850")["seen"]
    for text in ("", "3 march 1998", "3.3.1998", "March 1998", "3 Mar 1998", "1998-03-03"):
        assert js("(text) => dayOf(text)", text) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "The field is empty: type a date, such as 3 March 1998."),
        ("3 März 1998", "“ä” is none of the 39 letters that it knows: digits,"),
        ("3/3/1998", "“/” is none of the 39 letters"),
        ("3 March 1998 3 March 1998", "That has 25 letters, and the part takes 24: it learned"),
        ("3 March 1998", ""),
    ],
)
def test_what_it_cannot_read_is_said_with_what_was_expected(js, translate, text, says):
    found = js("({text, read}) => complaint(text, read)", {"text": text, "read": translate.READ})
    assert found.startswith(says)
    assert bool(found) == bool(says)


def test_the_page_says_where_the_network_looks_without_scripts(translate, net):
    page = (ROOT / "docs" / "learn" / "translate.md").read_text("utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith("| it looks at |")]
    text = "3 March 1998"
    letters, _, looks = by_torch(translate, net, text)
    assert "".join(letters) == "1998-03-03" + translate.END
    places = [text[int(np.argmax(look))].replace(" ", "␣") for look in looks[:-1]]
    assert row.strip("| ").split(" | ")[1:] == places
    assert "\n| it writes | 1 | 9 | 9 | 8 | - | 0 | 3 | - | 0 | 3 |\n" in page
