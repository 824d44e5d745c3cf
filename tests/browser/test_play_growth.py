"""The part `growth`, in a browser, against the record in the package."""

import json
import re

import pytest
from test_pages import quiet  # noqa: F401 - a fixture

import growth
import widgets

RECORD = json.loads((widgets.NET / "networks.json").read_text("utf-8"))
TABLE = RECORD["marks"]["held back"]["7-gram"]


def last_of(points, step):
    return [value for at, value in points if at <= step][-1]


@pytest.mark.parametrize("key", growth.NAMES)
def test_samples_are_cut_at_words_that_the_novel_lacks(key):
    samples = growth.data()["runs"][growth.NAMES[key]]["samples"]
    for step, text in RECORD["runs"][key]["written"].items():
        pieces = samples[step]["pieces"]
        assert text.startswith("".join(pieces))
        assert all(re.fullmatch("[A-Za-z]+", piece) for piece in pieces[1::2])
        found = re.findall("[A-Za-z]+", text)
        lacking = {piece.lower() for piece in pieces[1::2]}
        shown = "".join(pieces)
        real = [word for word in re.findall("[A-Za-z]+", shown) if word.lower() not in lacking]
        assert len(real) + len(pieces) // 2 == len(re.findall("[A-Za-z]+", shown))
        assert 0 <= samples[step]["percent"] <= 100 * bool(found)
    assert samples["10"]["percent"] < samples["100"]["percent"] < samples["1000"]["percent"]


def test_the_slider_leads_through_what_was_recorded_of_each_network(quiet, site):
    quiet.emulate_media(reduced_motion="reduce")
    quiet.goto((site / "learn/real-text.html").as_uri())
    part = quiet.locator("[data-play='growth']")
    part.scroll_into_view_if_needed()
    said = part.locator(".play-readout")
    said.wait_for()
    assert quiet.locator(".growth:not(.growth-live)").is_hidden()  # the still has given its place
    run = RECORD["runs"]["gru-0"]
    points = {at for curve in (run["batches"], run["held_back"]) for at, _ in curve}
    steps = sorted({*points, *map(int, run["written"])})
    slider = part.get_by_role("slider", name="updates")
    for key, name in growth.NAMES.items():
        part.get_by_role("radio", name=name, exact=True).check()
        run = RECORD["runs"][key]
        for step in (0, 100, 1000, 6021, 12_000):
            slider.fill(str(steps.index(step)))
            words = said.text_content()
            assert words.startswith(f"{name} after {step:,} updates: ")
            if step:
                assert f"{last_of(run['batches'], step):.2f} bits" in words
            if step >= 500:
                bits = last_of(run["held_back"], step)
                side = "less" if bits < TABLE else "more"
                assert f"{bits:.2f} on held-back text, {side} than the table" in words
            sample = max(int(at) for at in run["written"] if int(at) <= step)
            later = min((int(at) for at in run["written"] if int(at) > step), default=None)
            when = f" (next sample: {later:,})" if sample < step and later else ""
            assert f"Text from update {sample:,}{when}. " in words
            assert run["written"][str(sample)].startswith(part.locator("pre").text_content())
    slider.press("Home")
    assert "nothing learned yet" in said.text_content()
    part.get_by_role("button", name="Play").click()  # with less motion it shows the end
    assert "after 12,000 updates" in said.text_content()
