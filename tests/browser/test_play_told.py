"""Who told it? in the browser: pressing a character colors three networks as they were recorded."""

import re

import numpy as np
import pytest
from test_pages import quiet  # noqa: F401 - a fixture

import told

COLORS = """[...document.querySelectorAll(".told-one")].map(part =>
    [...part.querySelectorAll(".told-text span")].map(cell => cell.style.background))"""


@pytest.fixture
def opened(quiet, site):
    quiet.goto((site / "learn" / "look-inside.html").as_uri())
    quiet.locator(".told").scroll_into_view_if_needed()
    quiet.locator(".play-told .told").wait_for()
    return quiet


def strengths(page):
    """How strong the colors are, (3, T)."""
    numbers = [
        [re.search(r"[\d.]+(?=\)$)", cell) for cell in part] for part in page.evaluate(COLORS)
    ]
    return np.array([[float(one[0]) if one else 0.0 for one in part] for part in numbers])


def sentences(page):
    return page.locator(".told-one p:first-child span").all_inner_texts()


def assert_shows(page, kind, at):
    record = told.read_record()
    networks = record["networks"].values()
    shares = np.zeros((3, len(record["text"])))
    for row, network in zip(shares, networks, strict=True):
        row[: at + 1] = told.shares(record, network[kind][at])
    np.testing.assert_allclose(strengths(page), told.FULL * shares, rtol=0, atol=0.005 + 1e-9)
    expected = [
        told.sentence(record, network, at, row[: at + 1])
        for network, row in zip(networks, shares, strict=True)
    ]
    assert sentences(page) == expected
    assert page.locator(".told-here").all_inner_texts() == [expected[0][7]] * 3


def test_a_press_colors_what_all_three_networks_were_told_by(opened):
    text = told.read_record()["text"]
    first = text.index(told.AFTER) + len(told.AFTER) - 1
    assert_shows(opened, "gradient", first)
    opened.locator(".told-one").nth(1).locator(".told-text span").nth(20).click()
    assert_shows(opened, "gradient", 20)
    opened.get_by_label("change by an edit").check()
    assert_shows(opened, "edit", 20)
    slider = opened.get_by_label("Press a character of the text, or move to it")
    slider.press("End")
    assert_shows(opened, "edit", len(text) - 1)
    assert slider.get_attribute("aria-valuetext") == f"character {len(text)}, “{text[-1]}”"
    slider.press("Home")
    assert_shows(opened, "edit", 0)


def test_without_scripts_the_still_is_what_the_widget_shows_and_nothing_moves(
    browser, opened, site
):
    found = strengths(opened), sentences(opened)
    height = opened.locator(".told").bounding_box()["height"]
    view = opened.viewport_size
    with browser.new_context(viewport=view, java_script_enabled=False) as context:
        still = context.new_page()
        still.goto((site / "learn" / "look-inside.html").as_uri())
        np.testing.assert_array_equal(strengths(still), found[0])
        assert sentences(still) == found[1]
        # What operates it is not there, and it has its room where scripts run.
        assert not still.locator(".told-choice").is_visible()
        choice = opened.locator(".told-choice").bounding_box()["height"]
        gap = float(opened.locator(".told").evaluate("e => parseFloat(getComputedStyle(e).rowGap)"))
        room = height - choice - gap
        assert still.locator(".told").bounding_box()["height"] == pytest.approx(room, abs=0.1)
