"""The figure "One box, five jobs": each row is what a network of the course really says."""

import ast
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from javascript import WEB, calling

import cells
import records
from charseq import NumpyNet, generate
from charseq.checkpoint import load_model

CHAPTER = Path(__file__).parents[2] / "docs" / "learn" / "recurrence.md"


@pytest.fixture(scope="module")
def jobs():
    """Return what is read and what is said, by the name of the job."""
    (source,) = (
        cell for cell in cells.sources_of(CHAPTER.read_text("utf-8")) if "jobs = (" in cell
    )
    rows = ast.literal_eval(re.search(r"^jobs = (\(.*?^\))", source, re.S | re.M)[1])
    return {name: ("".join(read), "".join(said)) for name, read, said, _ in rows}


@pytest.fixture(scope="module")
def js():
    with calling(
        *(WEB / "core" / f"{name}.js" for name in ("classify", "tagging", "align"))
    ) as call:
        yield call


def test_one_letter_is_written_on(jobs):
    read, said = jobs["one to many"]
    model, vocab = load_model("austen")
    net = NumpyNet.from_model(model.double().eval())
    assert generate(net, vocab, read, length=9, temperature=0) == [said + "\n"]


def test_a_name_is_polish(jobs, js):
    read, said = jobs["many to one"]
    code = "({network, name}) => classifierOf(network)(name).best.at(-1)"
    network = records.languages()
    assert network["spoken"][js(code, {"network": network, "name": read})] == said


def test_a_sentence_gets_its_capitals(jobs, js):
    read, said = jobs["many to many, step by step"]
    code = """({record, text}) => {
        const {letters, both} = taggerOf(record)(text);
        return capitalized(letters, both);
    }"""
    assert js(code, {"record": records.taggers(), "text": read}) == said != read


def test_a_date_is_written_anew(jobs, js):
    read, said = jobs["many to many, after reading"]
    code = "({record, text}) => translatorOf(record)(text).letters.join('')"
    assert js(code, {"record": records.read("align"), "text": read}) == said + "⊣"


def test_a_month_is_forecast(jobs):
    """The line of *Forecast*, by least squares, from what was known at the end of 1985."""
    read, said = jobs["one to one"]
    steps = int(re.search(r"\d+", read)[0])
    lines = files("charseq").joinpath("series", "co2.csv").read_text("utf-8").split("1986-01")[0]
    change = np.diff(np.genfromtxt(lines.splitlines(), delimiter=",", skip_header=1, usecols=1))
    windows = np.lib.stride_tricks.sliding_window_view(change, steps + 1)
    windows = windows[np.isfinite(windows).all(axis=1)]
    read_by_it = np.c_[np.ones(len(windows)), windows[:, :-1]]
    weights, *_ = np.linalg.lstsq(read_by_it, windows[:, -1])
    assert f"{weights[0] + change[-steps:] @ weights[1:]:+.2f}" == said.split()[-1]
