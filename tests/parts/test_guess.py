"""Shannon's guessing game: what machines pay and what guesses cost, against torch and counts."""

import random
from collections import Counter
from string import ascii_lowercase

import numpy as np
import pytest
import torch
from javascript import WEB, calling
from lint import ROOT

import records
from charseq import Corpus, NGram, load_text
from charseq.checkpoint import load_model

SYMBOLS = ascii_lowercase + " "
NOVEL = load_text("pride-test")


@pytest.fixture(scope="module")
def data():
    return records.read("guess")


@pytest.fixture(scope="module")
def austen():
    model, vocab = load_model("austen")
    return model.double().eval(), vocab


@torch.no_grad()
def read(austen, text):
    """What the network expects after each character of a text, (T, V)."""
    model, vocab = austen
    return model(torch.tensor(vocab.encode(text))[None])[0][0].softmax(dim=1).numpy()


def by_symbol(p, chars):
    """The same for the symbols of the game, as a dict: capitals and line ends are joined."""
    sums = Counter()
    for char, share in zip(chars, p, strict=True):
        sums[{"\n": " "}.get(char, char.lower())] += share
    whole = sum(sums[symbol] for symbol in SYMBOLS)
    return {symbol: sums[symbol] / whole for symbol in SYMBOLS}


def assert_pays(machine, k, shares, came):
    assert machine["bits"][k] == pytest.approx(-np.log2(shares[came]), abs=0.51e-6)
    assert machine["guesses"][k] == 1 + sum(share > shares[came] for share in shares.values())


def test_the_machines_pay_what_the_package_says_on_text_that_neither_has_read(data, austen):
    _, vocab = austen
    train, _ = Corpus.from_text(load_text("pride-train"), vocab).split(valid=0.077)
    table = NGram(7, train)
    for passage in data["passages"]:
        hidden = passage["text"]
        place = NOVEL.index(passage["before"])
        whole = "\n\n" + NOVEL[place:][: len(passage["before"] + hidden)]
        assert NOVEL[place - 2 :].startswith("\n\n")
        assert whole.replace("\n", " ").lower().endswith(hidden)
        p = read(austen, whole)
        for k, came in enumerate(passage["text"]):
            at = len(whole) - len(hidden) + k
            assert_pays(passage["network"], k, by_symbol(p[at - 1], vocab.chars), came)
            counted = table.probabilities(vocab.encode(whole[:at]))
            assert_pays(passage["table"], k, by_symbol(counted, vocab.chars), came)


@pytest.mark.world  # only what makes the prices anew can change them
def test_a_guess_costs_how_rarely_the_network_needs_so_many(data, austen):
    _, vocab = austen
    piece = slice(25_000, 45_000)
    places = [NOVEL.index(passage["before"]) for passage in data["passages"]]
    assert all(not piece.start <= place < piece.stop for place in places)
    text = NOVEL[piece]
    counts = Counter(range(1, len(SYMBOLS) + 1))  # each once more than it came
    for p, char in zip(read(austen, text)[:-1], text[1:], strict=True):
        came = {"\n": " "}.get(char, char.lower())
        if came in SYMBOLS:
            shares = by_symbol(p, vocab.chars)
            counts[1 + sum(share > shares[came] for share in shares.values())] += 1
    expected = [-np.log2(counts[k + 1] / counts.total()) for k in range(len(SYMBOLS))]
    np.testing.assert_allclose(data["prices"], expected, rtol=0, atol=0.51e-6)
    assert np.sum(2.0 ** -np.array(data["prices"])) == pytest.approx(1, abs=1e-5)


def test_the_chapter_says_what_the_game_costs(data):
    chapter = (ROOT / "docs" / "learn" / "language-models.md").read_text("utf-8")
    body = chapter.partition("{play} guess\n")[2].partition("```")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in body.splitlines()
        if line.startswith("|")
    ]
    prices = [data["prices"][int(count) - 1] for count in rows[0][1:]]
    assert rows[2][1:] == [f"{100 * 2**-price:.1f} %" for price in prices]
    assert rows[3][1:] == [f"{price:.2f}" for price in prices]
    networks = [passage["network"] for passage in data["passages"]]
    bits = np.mean([bit for network in networks for bit in network["bits"]])
    paid = np.mean([data["prices"][n - 1] for network in networks for n in network["guesses"]])
    assert f"would need {paid:.2f} bits a letter" in chapter
    assert f"charged by its probabilities, it needs {bits:.2f}" in chapter


def test_a_game_counts_each_guess_once_and_goes_on_only_when_it_is_right(data):
    draws = random.Random(0)
    play = """([passage, symbols]) => symbols.reduce(
        (games, symbol) => [...games, guess(games.at(-1), symbol)], [startGame(passage)])
        .map(({counts, tried}) => [counts, tried])"""
    passage = data["passages"][0]
    typed = draws.choices(SYMBOLS + "7É", k=900)
    with calling(WEB / "core" / "guessing.js") as js:
        games = js(play, [passage, typed])
        assert js("paid([1, 3, 27], [...Array(27).keys()])") == [0, 2, 26]
    counts, tried = [], set()
    for (found, in_vain), symbol in zip(games[1:], typed, strict=True):
        if symbol in SYMBOLS and len(counts) < len(passage["text"]):
            tried.add(symbol)
            if symbol == passage["text"][len(counts)]:
                counts.append(len(tried))
                tried = set()
        assert (found, set(in_vain), len(in_vain)) == (counts, tried, len(tried))
    assert len(counts) > 20
