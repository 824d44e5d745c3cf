"""A series and its forecasts, in the browser: the errors that it shows are those of PyTorch."""

import numpy as np
import pytest
from accessible import problems_in_each_look
from test_forecast import forecasts, series, trained  # noqa: F401 - fixtures
from test_pages import quiet  # noqa: F401 - a fixture

KINDS = ("network", "last", "growth")
SEEN = """() => ({
    off: [...document.querySelectorAll(".play-forecast-table td")].map(cell => cell.textContent),
    said: document.querySelector(".play-forecast .play-readout").textContent,
    curves: ["network", "last", "growth"].map(kind =>
        document.querySelector(`.play-forecast > svg .play-forecast-${kind}`).getAttribute("d")),
})"""


@pytest.fixture
def part(quiet, site):
    quiet.goto((site / "learn" / "forecast.html").as_uri())
    quiet.locator('[data-play="forecast"]').scroll_into_view_if_needed()
    quiet.locator(".play-forecast-table").wait_for()
    return quiet


def assert_shows(page, forecasts, trained, origin, ahead):
    """The part shows how far off each forecast is, and says which is closest."""
    seen = page.evaluate(SEEN)
    truth = trained.read_table()[0][origin + 1 : origin + 1 + ahead]
    off = {
        kind: np.nanmean(np.abs(forecasts(origin)[kind][: len(truth)] - truth)) for kind in KINDS
    }
    assert seen["off"] == [f"{off[kind]:.2f} ppm" for kind in KINDS]
    assert f"off by {min(off.values()):.2f} ppm on average" in seen["said"]
    assert [curve.count("L") for curve in seen["curves"]] == 3 * [ahead]
    return seen["said"]


def test_the_errors_are_those_of_torch_wherever_the_reader_begins(part, forecasts, trained):
    said = assert_shows(part, forecasts, trained, 333, 24)
    assert said.startswith("From December 1985, 24 months ahead: last year again, plus a year's")
    month = part.get_by_role("slider", name="last month that is known")
    month.fill("400")
    assert_shows(part, forecasts, trained, 400, 24)
    part.get_by_role("slider", name="months ahead").fill("3")
    assert_shows(part, forecasts, trained, 400, 3)
    month.press("ArrowLeft")
    assert_shows(part, forecasts, trained, 399, 3)
    month.fill("200")
    said = assert_shows(part, forecasts, trained, 200, 3)
    assert said.endswith("All of it is from the years that it learned from.")


def test_the_picture_can_be_dragged(part, forecasts, trained):
    box = part.locator(".play-forecast > svg").bounding_box()
    middle = box["y"] + box["height"] / 2
    step = box["width"] / 660 * 594 / 60  # pixels for a month
    part.mouse.move(box["x"] + 300, middle)
    part.mouse.down()
    part.mouse.move(box["x"] + 300 - 5.5 * step, middle)
    part.mouse.up()
    part.mouse.move(box["x"] + 20, middle)  # not held any more
    assert_shows(part, forecasts, trained, 338, 24)


def test_a_gap_is_said_and_nothing_is_drawn(part):
    part.get_by_role("slider", name="last month that is known").fill("72")
    seen = part.evaluate(SEEN)
    assert seen["said"].startswith("March 1964 has no number")
    assert seen["off"] == 3 * ["–"]
    assert seen["curves"] == 3 * [""]


def test_the_part_is_accessible(part):
    assert problems_in_each_look(part, ".play", whole=["light, 320 px"]) == []
