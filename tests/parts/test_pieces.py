"""Pieces of words: the chapter's code against a slow one, the browser's, and what is recorded."""

import json
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import recorded
import torch
from javascript import WEB, calling

import bundles
import pieces
from charseq import load_text

ROOT = Path(__file__).parents[2]
TABLE_BYTES = 15_000
CUT = "([text, merges, count]) => cutIntoPieces(text, pairsOf(merges).slice(0, count))"


@pytest.fixture(scope="module")
def code():
    return pieces.page_code()


@pytest.fixture(scope="module")
def measured():
    """Return the module that trained the networks."""
    return recorded.script("words")


@pytest.fixture(scope="module")
def js():
    with calling(WEB / "core" / "pieces.js") as call:
        yield call


@pytest.fixture(scope="module")
def record():
    return json.loads((ROOT / "benchmarks" / "words.json").read_text("utf-8"))


def counted_anew(code, text, most):
    """Return the counts of the pairs that are joined; all are counted anew for each merge."""
    words = Counter(code["split_words"](text))
    cut = {word: [*word] for word in words}
    chosen, highest = [], []
    for pair in code["learn_merges"](text, most):
        pairs = Counter()
        for word, parts in cut.items():
            for both in pairwise(parts):
                pairs[both] += words[word]
        chosen.append(pairs[pair])
        highest.append(max(pairs.values()))
        cut = {word: code["join"](parts, pair) for word, parts in cut.items()}
    return chosen, highest


def test_each_merge_joins_a_pair_that_occurs_most_often(code):
    chosen, highest = counted_anew(code, pieces.texts()[0][:60_000], 120)
    assert len(chosen) == 120
    assert chosen == highest


@pytest.mark.parametrize("text", ["", "a", "ab", "aaaa aaaa aaa", "ab ab ab", "ünï ünï\n\n"])
def test_short_texts_are_cut_and_come_back(code, text):
    merges = code["learn_merges"](text, 9)
    assert "".join(code["encode"](text, merges)) == text
    assert all(len(pair) == 2 for pair in merges)


def texts_to_cut():
    """Return sentences of the held-back chapters, and random characters, known and unknown."""
    held_back = pieces.texts()[1]
    draw = random.Random(0)
    starts = [draw.randrange(len(held_back) - 300) for _ in range(30)]
    chars = "".join(sorted(set(held_back))) + "üß北😀\t  ab ab"
    noise = ["".join(draw.choices(chars, k=80)) for _ in range(20)]
    return ["", "a", *(held_back[start : start + 300] for start in starts), *noise]


def test_the_browser_cuts_each_text_as_the_chapters_code_does(js, code):
    table = pieces.data()["merges"]
    for count in (0, 1, 7, 100, 500, len(pieces.merges())):
        for text in texts_to_cut():
            found = js(CUT, [text, table, count])
            assert found == code["encode"](text, pieces.merges()[:count])
            assert "".join(found) == text


def test_the_table_is_small_and_its_characters_are_the_novels():
    data = pieces.data()
    assert len(bundles.data_script(pieces.FILE, data).encode()) <= TABLE_BYTES
    assert {*data["chars"]} == {*load_text("pride-train")}
    pairs = [tuple(line.split("|")) for line in data["merges"].split("/")]
    assert pairs == pieces.merges()
    assert len(pairs) == pieces.MOST


def test_four_in_five_words_of_a_text_are_one_token(code):
    words = [word for word in code["split_words"](pieces.texts()[1]) if word[-1].isalpha()]
    tokens = {word: code["encode"](word, pieces.merges()) for word in {*words}}
    assert round(5 * sum(len(tokens[word]) == 1 for word in words) / len(words)) == 4
    assert "four in five words of a text are one token" in pieces.PAGE.read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("", "The text is empty: there is nothing to cut. Type something."),
        ("naïve", "“ï” is not among the 68 characters of the novel: no pair has it, so it stays"),
        ("北京ab", "“北”, “京” are not among the 68 characters of the novel: no pair has them, so"),
        ("αβγδεζη", "“α”, “β”, “γ”, “δ”, “ε” and 2 more are not among"),
        ("It is a truth.", ""),
    ],
)
def test_what_the_novel_lacks_gets_a_sentence(js, text, trouble):
    found = js("([text, chars]) => troubleWithText(text, chars)", [text, pieces.data()["chars"]])
    assert found.startswith(trouble)
    assert bool(found) == bool(trouble)


def test_unknown_words_are_spelled_and_their_ends_are_paid_for(measured):
    vocabulary = [*"abcdefgh ,"]
    text = "ab cde,"
    ids = measured.as_ids([*text], vocabulary)
    logits = torch.zeros(len(ids), len(vocabulary))
    costs = torch.full((len(ids),), 10.0).log2().numpy()  # ten characters, equally likely
    paid = measured.spelling(text, {"ab", ","}, costs, logits, vocabulary)
    end = -torch.tensor(0.2).log2().item()  # two of ten are no letters
    assert paid == pytest.approx(4 * costs[0] + end)


def test_a_network_with_equal_weights_pays_as_much_for_characters_and_for_words_of_one(measured):
    torch.manual_seed(0)
    net = measured.Reader(3).double()
    ids = torch.tensor([0, 1, 2, 1])
    costs, logits = measured.read(net, ids, 2)
    by_hand = -logits.log_softmax(dim=1)[range(4), ids].numpy() / torch.tensor(2.0).log().item()
    assert costs == pytest.approx(by_hand)
    with torch.no_grad():
        again, _ = net(torch.tensor([[2, 0, 1, 2]]))
    assert torch.equal(again[0], logits)


def test_the_record_has_what_was_planned_and_the_page_has_its_numbers(measured, record):
    for name, plan in measured.PLAN.items():
        done = [(run["seed"], run["cut"]) for run in record[name]]
        assert done == [(seed, cut) for seed in plan["seeds"] for cut in plan["cuts"]]
    assert len(record["vectors"]) == 15
    page = pieces.PAGE.read_text("utf-8")
    once = [run for run in record["once"] if run["seed"] == 0]
    tokens = {run["cut"]: run["tokens"] for run in once}
    for cut, count in tokens.items():
        made, _ = measured.cut_texts(pieces.texts(), cut)
        assert len(made[1]) == count
    for run in [*record["once"], *record["four times"]]:
        assert f"{run['bits']:.4f}" in page
