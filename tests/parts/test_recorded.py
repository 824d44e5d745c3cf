"""The parts with a recorded network: what the browser computes is what torch computes of it."""

import datetime
import re
from ast import literal_eval

import numpy as np
import pytest
import torch
from javascript import WEB, calling
from recorded import ROOT, read, with_weights
from torch import nn
from torch.nn.functional import one_hot

import records
from charseq import generate, load_net, load_text

CLOSE = {"rtol": 0, "atol": 1e-12}


@pytest.fixture(scope="module")
def js():
    modules = ("tagging", "classify", "forecast", "align")
    with calling(*(WEB / "core" / f"{name}.js" for name in modules)) as call:
        yield call


def net(weights, **layers):
    return with_weights(nn.ModuleDict(layers), weights)


@pytest.fixture(scope="module")
def jobs():
    """Return what is read and what is said in the figure "One box, five jobs", by job."""
    source = (ROOT / "docs" / "_cells" / "pictures" / "sentence.py").read_text("utf-8")
    (rows,) = re.findall(r"^    jobs = (\(.*?^    \))", source, re.S | re.M)
    return {name: ("".join(given), "".join(said)) for name, given, said, _ in literal_eval(rows)}


def page(name):
    return (ROOT / "docs" / "learn" / f"{name}.md").read_text("utf-8")


# --- capitals -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def capitals():
    """Return a function: both networks' probabilities of a capital at each place of a text."""
    record, nets = read("tag"), {}
    V = len(record["chars"])
    for name, kept in record["networks"].items():
        both = name == "both"
        rnn = nn.RNN(V, 56, batch_first=True, bidirectional=both)
        nets[name] = net(kept["weights"], read=rnn, score=nn.Linear(56 * (1 + both), 2))

    @torch.no_grad()
    def probabilities(text):
        ids = torch.tensor([record["chars"].index(char) for char in "\n" + text])
        letter = np.array([char.isalpha() for char in text])
        x = one_hot(ids, V).double()[None]
        return {
            name: letter * one["score"](one["read"](x)[0])[0, 1:].softmax(-1)[:, 1].numpy()
            for name, one in nets.items()
        }

    return probabilities


TAG = """({record, text}) => {
    const {letters, known, left, both, trouble} = taggerOf(record)(text);
    return {letters, known, left, both, trouble, written: capitalized(letters, both)};
}"""


@pytest.mark.parametrize(
    ("typed", "read_", "trouble"),
    [
        ("mr bennet and may", None, ""),
        ('"oh! my dear," cried she.', None, ""),
        ("MR. BENNET’S\nbook", "mr. bennet's book", ""),
        ("", "", "The sentence is empty: there is no letter to label. Type one."),
        ("4é", "", "“4”, “é” are not in the book, so they are skipped."),
        ("a北b", "ab", "“北” is not in the book, so it is skipped."),
        ("a" * 130, "a" * 120, "Only the first 120 letters are read: 10 more were typed."),
    ],
)
def test_a_letter_is_a_capital_as_probably_as_torch_says(js, capitals, typed, read_, trouble):
    read_ = typed if read_ is None else read_
    found = js(TAG, {"record": records.taggers(), "text": typed})
    assert found["trouble"].startswith(trouble)
    assert bool(found["trouble"]) == bool(trouble)
    known = np.array(found["known"], bool)
    assert "".join(np.array(found["letters"])[known]) == read_
    if read_:
        expected = capitals(read_)
        for name, p in expected.items():
            np.testing.assert_allclose(np.array(found[name])[known], p, **CLOSE)
        pairs = zip(read_, expected["both"], strict=True)
        written = "".join(char.upper() if p > 0.5 else char for char, p in pairs)
        assert found["written"].replace("北", "") == written


def test_a_letter_and_a_sentence_go_on_as_the_first_chapter_says(jobs, capitals):
    given, said = jobs["one to many"]
    austen, vocab = load_net("austen")
    assert generate(austen, vocab, given, length=9, temperature=0) == [said + "\n"]
    given, said = jobs["many to many, step by step"]
    pairs = zip(given, capitals(given)["both"], strict=True)
    assert "".join(char.upper() if p > 0.5 else char for char, p in pairs) == said != given


# --- a language -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def languages():
    """Return a function: the probabilities after each letter of a name, (T, 12)."""
    network = records.languages()
    layers = {"embedding": nn.Embedding(82, 32), "head": nn.Linear(64, 12)}
    reader = net(network["weights"], rnn=nn.GRU(32, 64, batch_first=True), **layers)

    @torch.no_grad()
    def probabilities(name):
        ids = torch.tensor([[network["chars"].index(char) + 1 for char in name]])
        states, _ = reader["rnn"](reader["embedding"](ids))
        return reader["head"](states)[0].softmax(dim=1).numpy()

    return probabilities


CLASSIFY = """({network, name}) => {
    const {letters, table, best, trouble} = classifierOf(network)(name);
    return {letters, table, best, trouble, settled: settledAt(best)};
}"""


@pytest.mark.parametrize(
    ("typed", "read_", "trouble"),
    [
        ("tschechien", None, ""),
        ("łódzkie ő", None, ""),
        ("İSTANBUL’", "istanbul'", ""),
        ("   ", "", "The name is empty: without a letter there is nothing to go by. Type one."),
        ("a1b2", "ab", "“1”, “2” are in no name that the network has learned from, so they are"),
        ("a" * 30, "a" * 24, "Only the first 24 letters are read: 6 more were typed."),
    ],
)
def test_a_name_has_the_language_that_torch_finds(js, languages, typed, read_, trouble):
    read_ = typed if read_ is None else read_
    found = js(CLASSIFY, {"network": records.languages(), "name": typed})
    assert found["trouble"].startswith(trouble)
    assert bool(found["trouble"]) == bool(trouble)
    if read_:
        expected, table = languages(read_), np.reshape(found["table"], (-1, 12))
        np.testing.assert_allclose(table[-1], expected[-1], **CLOSE)
    if read_ == typed:
        np.testing.assert_allclose(table, expected, **CLOSE)
        best = expected.argmax(axis=1)
        assert found["best"] == best.tolist()
        assert found["settled"] == 1 + next(
            t for t in range(len(best)) if (best[t:] == best[-1]).all()
        )


def test_the_examples_of_names_are_held_back_and_that_of_the_first_chapter_is_named(
    jobs, languages
):
    given, said = jobs["many to one"]
    assert records.languages()["spoken"][languages(given)[-1].argmax()] == said
    table = [line.split("\t") for line in load_text("names").splitlines()]
    parts = {name: (int(number) % 10 < 2, spoken) for number, spoken, name in table}
    shown = records.languages()
    assert all(parts[name] == (True, language) for name, language in shown["examples"])


# --- months ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def months():
    """Return a function: what the network and the rules say from a month on."""
    series = records.series()
    reader = net(series["weights"], gru=nn.GRU(2, 16, batch_first=True), head=nn.Linear(16, 1))
    ppm = np.array(series["values"], float)
    change = np.diff(ppm, prepend=np.nan)
    mean, spread = np.nanmean(change[:334]), np.nanstd(change[:334])  # what it learned from
    np.testing.assert_allclose([series["mean"], series["spread"]], [mean, spread])
    scaled = torch.tensor((change - mean) / spread)
    inputs = torch.stack([scaled.nan_to_num(), scaled.isnan().double()], 1)

    @torch.no_grad()
    def from_month(origin):
        x, state, changes = inputs[None, : origin + 1], None, []
        for _ in range(24):
            states, state = reader["gru"](x, state)
            changes.append(reader["head"](states[:, -1:]))
            x = torch.cat([changes[-1], 0 * changes[-1]], dim=2)
        ahead = np.arange(1, 25)
        years = -(-ahead // 12)
        return {
            "network": ppm[origin] + (np.ravel(changes) * spread + mean).cumsum(),
            "last": np.full(24, ppm[origin]),
            "growth": ppm[origin + ahead - 12 * years] + years * (ppm[origin] - ppm[origin - 12]),
        }, ppm[origin + 1 : origin + 25]

    return from_month


@pytest.mark.parametrize("origin", [40, 333, 400, 524])
def test_months_are_forecast_as_torch_does(js, months, origin):
    found = js(
        "({series, at}) => forecasterOf(series)(at)",
        {"series": records.series(), "at": origin},
    )
    assert found["trouble"] == ""
    for kind, expected in months(origin)[0].items():
        numbers = [np.nan if number is None else number for number in found[kind]]
        np.testing.assert_allclose(numbers, expected, rtol=0, atol=1e-10, err_msg=kind)


def test_the_chapter_on_forecasts_says_how_far_off_they_are(js, months):
    forecasts, truth = months(333)
    off = "({forecast, truth}) => offBy(forecast, truth)"
    for name, kind in (
        ("the network", "network"),
        ("the last value again", "last"),
        ("last year again, plus a year's growth", "growth"),
    ):
        far = js(off, {"forecast": forecasts[kind].tolist(), "truth": truth.tolist()})
        assert far == pytest.approx(np.abs(forecasts[kind] - truth).mean())
        assert f"| {name} | {far:.2f} ppm |" in page("forecast")
    assert js(off, {"forecast": [1, 2, 3], "truth": [2, None, 5]}) == 1.5


def test_the_first_chapter_forecasts_by_least_squares(jobs):
    given, said = jobs["one to one"]
    steps = int(re.search(r"\d+", given)[0])
    change = np.diff(np.array(records.series()["values"][:334], float))
    windows = np.lib.stride_tricks.sliding_window_view(change, steps + 1)
    windows = windows[np.isfinite(windows).all(axis=1)]
    ones = np.ones((len(windows), 1))
    weights, *_ = np.linalg.lstsq(np.hstack([ones, windows[:, :-1]]), windows[:, -1])
    assert f"{weights[0] + change[-steps:] @ weights[1:]:+.2f}" == said.split()[-1]


def test_a_month_has_a_name_a_place_and_a_sentence_if_it_has_no_number(js):
    series = records.series()
    assert js("(series) => monthOf(series, 333)", series) == "December 1985"
    places = "({series, list}) => list.map((month) => placeOf(series, month))"
    asked = ["1958-03", "1985-12", "2001-12", "2002-01", "1958-02", "1985-13", "soon"]
    assert js(places, {"series": series, "list": asked}) == [0, 333, 525, -1, -1, -1, -1]
    trouble = "({series, at}) => forecasterOf(series)(at).trouble"
    for at, why in ((72, "from the last value"), (84, "the value of a year ago")):
        said = js(trouble, {"series": series, "at": at})
        assert said.startswith("March 1964 has no number")
        assert why in said


# --- dates ----------------------------------------------------------------------------------------

MONTHS = [datetime.date(2000, month, 1).strftime("%B") for month in range(1, 13)]
DATES = ["3 March 1998", "September 27, 2041", "3. Mar 1998", "Feb 9 2000", "30 February 1998", "1"]


@pytest.fixture(scope="module")
def translated():
    """Return a function: the letters written for a date, how sure of each, and where each looks."""
    record = records.read("align")
    vectors = {"read_vectors": nn.Embedding(40, 16), "written_vectors": nn.Embedding(14, 16)}
    cells = {name: nn.GRU(16, 48, batch_first=True) for name in ("encoder", "decoder")}
    one = net(record["weights"], **vectors, **cells, head=nn.Linear(96, 14))
    start, end = (record["written"].index(mark) for mark in "⊢⊣")

    @torch.no_grad()
    def translate(text):
        ids = torch.tensor([[record["read"].index(char) for char in text]])
        memory, h = one["encoder"](one["read_vectors"](ids))
        new, letters, sure, looks = start, "", [], []
        while len(letters) < 14 and new != end:
            states, h = one["decoder"](one["written_vectors"](torch.tensor([[new]])), h)
            weights = (states @ memory.mT / 48**0.5).softmax(dim=2)
            p = one["head"](torch.cat([states, weights @ memory], dim=2))[0, 0].softmax(dim=0)
            new = p.argmax().item()
            letters += record["written"][new]
            sure.append(p.max().item())
            looks.append(weights[0, 0].tolist())
        return letters, sure, looks

    return translate


@pytest.mark.parametrize("text", DATES)
def test_a_date_is_written_as_torch_does(js, translated, text):
    call = "({record, text}) => translatorOf(record)(text)"
    found = js(call, {"record": records.read("align"), "text": text})
    letters, sure, looks = translated(text)
    assert "".join(found["letters"]) == letters
    assert found["answer"] == letters.rstrip("⊣")
    np.testing.assert_allclose(found["sure"], sure, **CLOSE)
    np.testing.assert_allclose(found["weights"], looks, **CLOSE)


def test_what_a_date_should_become_is_what_the_calendar_says(js):
    rng = np.random.default_rng(0)
    for k in rng.integers(0, 73000, 60):
        day = datetime.date(1900, 1, 1) + datetime.timedelta(int(k))
        month = MONTHS[day.month - 1]
        for text in (f"{day.day} {month} {day.year}", f"{month[:3]} {day.day} {day.year}"):
            expected = {"iso": day.isoformat(), "exists": True, "seen": True}
            assert js("(text) => dayOf(text)", text) == expected
    for text in ("30 February 1998", "Feb 29 1900", "0 May 2000", "June 31, 2020"):
        assert not js("(text) => dayOf(text)", text)["exists"]
    assert not js("(text) => dayOf(text)", "3 March 1850")["seen"]
    for text in ("", "3 march 1998", "3.3.1998", "March 1998", "1998-03-03"):
        assert js("(text) => dayOf(text)", text) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "The field is empty: type a date, such as 3 March 1998."),
        ("3 März 1998", "“ä” is none of the 39 letters that it knows: digits,"),
        ("3 March 1998 3 March 1998", "That has 25 letters, and the part takes 24: it learned"),
        ("3 March 1998", ""),
    ],
)
def test_a_date_that_cannot_be_read_gets_a_sentence(js, text, says):
    call = "({text, read}) => complaint(text, read)"
    found = js(call, {"text": text, "read": records.read("align")["read"]})
    assert found.startswith(says)
    assert bool(found) == bool(says)


def test_the_chapter_on_translation_says_where_the_network_looks(jobs, translated):
    given, said = jobs["many to many, after reading"]
    assert translated(given)[0] == said + "⊣"
    text = page("translate")
    (row,) = [line for line in text.splitlines() if line.startswith("| it looks at |")]
    letters, _, looks = translated("3 March 1998")
    assert letters == "1998-03-03⊣"
    places = ["3 March 1998"[int(np.argmax(look))].replace(" ", "␣") for look in looks[:-1]]
    assert row.strip("| ").split(" | ")[1:] == places
    assert "\n| it writes | 1 | 9 | 9 | 8 | - | 0 | 3 | - | 0 | 3 |\n" in text
