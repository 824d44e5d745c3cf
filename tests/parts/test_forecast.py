"""A series, a network that forecasts it, and two rules: core/forecast.js against PyTorch."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import recorded
from javascript import WEB, calling

import forecast

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def trained():
    """Return the module that trained the network."""
    return recorded.script("forecast")


@pytest.fixture(scope="session")
def series():
    return forecast.read_series()


@pytest.fixture(scope="session")
def forecasts(trained, series):
    """Return a function: what the recorded network and the rules say from a month on."""
    net = recorded.with_weights(trained.Forecaster(2, 1), series["weights"])
    ppm, _, inputs, mean, spread = trained.read_table()
    assert (series["mean"], series["spread"]) == (mean, spread)

    def from_month(origin):
        changes = trained.forecast_changes(net, inputs[: origin + 1], trained.MOST).numpy()
        ahead = np.arange(1, trained.MOST + 1)
        years = -(-ahead // 12)
        growth = ppm[origin] - ppm[origin - 12]
        return {
            "network": ppm[origin] + (changes * spread + mean).cumsum(),
            "last": np.full(trained.MOST, ppm[origin]),
            "growth": ppm[origin + ahead - 12 * years] + years * growth,
        }

    return from_month


@pytest.fixture(scope="module")
def js():
    with calling(WEB / "core" / "forecast.js") as call:
        yield call


@pytest.mark.parametrize("origin", [40, 100, 333, 400, 501, 524])
def test_the_browser_forecasts_as_torch_does(js, series, forecasts, origin):
    found = js("({series, at}) => forecasterOf(series)(at)", {"series": series, "at": origin})
    assert found.pop("trouble") == ""
    for kind, expected in forecasts(origin).items():
        numbers = [np.nan if number is None else number for number in found[kind]]
        np.testing.assert_allclose(numbers, expected, rtol=0, atol=1e-10, err_msg=kind)


def test_the_table_is_the_one_that_its_readme_describes(series):
    data = forecast.TABLE.read_bytes()
    readme = (forecast.TABLE.parent / "README.md").read_text("utf-8")
    assert f"first 16 digits: {hashlib.sha256(data).hexdigest()[:16]}." in readme
    values = series["values"]
    assert series["first"] == "1958-03"
    assert len(values) == 526
    assert [place for place, value in enumerate(values) if value is None] == [3, 7, 71, 72, 73]
    assert all(312 < value < 375 for value in values if value is not None)


def test_a_month_without_a_number_gets_a_sentence(js, series):
    call = "({series, at}) => forecasterOf(series)(at).trouble"
    assert js(call, {"series": series, "at": 72}) == (
        "March 1964 has no number: every forecast starts from the last value, and there is none."
    )
    assert js(call, {"series": series, "at": 84}) == (
        "March 1964 has no number: the growth of a year needs the value of a year ago."
    )


def test_months_have_names_and_places(js, series):
    assert js("(series) => monthOf(series, 333)", series) == "December 1985"
    place = "({series, month}) => placeOf(series, month)"
    for month, expected in (
        ("1958-03", 0),
        ("1985-12", 333),
        ("2001-12", 525),
        ("2002-01", -1),
        ("1958-02", -1),
        ("1985-13", -1),
        ("soon", -1),
    ):
        assert js(place, {"series": series, "month": month}) == expected


def test_what_is_missing_counts_nowhere(js):
    off = "({forecast, truth}) => offBy(forecast, truth)"
    assert js(off, {"forecast": [1, 2, 3], "truth": [2, None, 5]}) == 1.5
    assert js(off, {"forecast": [1, 2], "truth": []}) is None  # NaN


def test_the_page_says_how_far_off_the_forecasts_are_without_scripts(trained, forecasts):
    page = (ROOT / "docs" / "learn" / "forecast.md").read_text("utf-8")
    truth = trained.read_table()[0][trained.END : trained.END + trained.MOST]
    for name, kind in (
        ("the network", "network"),
        ("the last value again", "last"),
        ("last year again, plus a year's growth", "growth"),
    ):
        off = np.abs(forecasts(trained.END - 1)[kind] - truth).mean()
        assert f"| {name} | {off:.2f} ppm |" in page


def test_the_record_is_small():
    assert forecast.RECORD.stat().st_size <= 60_000
