"""Pieces of words: the chapter's code against a slow one, the browser's, and what is recorded."""

import ast
import random
import re
from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from javascript import WEB, calling
from recorded import ROOT, read

import cells
from charseq import Corpus, load_text

PAGE = (ROOT / "docs" / "learn" / "words.md").read_text("utf-8")
FUNCTIONS = ("split_words", "join", "learn_merges", "encode")
HELD_BACK = load_text("pride-train")[-40_000:]


@pytest.fixture(scope="module")
def code():
    """Return the functions of the chapter, by name."""
    names = {"re": re, "Counter": Counter, "defaultdict": defaultdict}
    for source in cells.sources_of(PAGE):
        if any(f"def {name}(" in source for name in FUNCTIONS):
            body = [node for node in ast.parse(source).body if getattr(node, "name", "")]
            exec(compile(ast.Module(body, []), "words.md", "exec"), names)
    return {name: names[name] for name in FUNCTIONS}


@pytest.fixture(scope="module")
def js():
    with calling(WEB / "core" / "pieces.js") as call:
        yield call


@pytest.fixture(scope="module")
def merges():
    return [tuple(pair.split("|")) for pair in read("pieces")["merges"].split("/")]


def test_each_merge_joins_a_pair_that_occurs_most_often(code):
    text = load_text("pride-train")[:20_000]
    words = Counter(code["split_words"](text))
    cut = {word: [*word] for word in words}
    for pair in code["learn_merges"](words, 60):
        pairs = Counter()
        for word, parts in cut.items():  # all are counted anew for each merge
            for both in pairwise(parts):
                pairs[both] += words[word]
        assert pairs[pair] == max(pairs.values())
        cut = {word: code["join"](parts, pair) for word, parts in cut.items()}


def test_the_browser_cuts_each_text_as_the_chapters_code_does(js, code, merges):
    draw = random.Random(0)
    chars = "".join(sorted(set(HELD_BACK))) + "üß北😀\t  ab ab"
    starts = [draw.randrange(len(HELD_BACK) - 300) for _ in range(4)]
    texts = ["", "a", "aaaa aaaa aaa", *(HELD_BACK[start : start + 200] for start in starts)]
    texts += ["".join(draw.choices(chars, k=80)) for _ in range(9)]
    cut = "([text, merges, count]) => cutIntoPieces(text, pairsOf(merges).slice(0, count))"
    for count in (0, 7, 500, len(merges)):
        for text in texts:
            found = js(cut, [text, read("pieces")["merges"], count])
            assert found == code["encode"](text, merges[:count])
            assert "".join(found) == text


@pytest.mark.world  # two thousand merges of a novel take half a minute
def test_the_recorded_merges_are_those_of_the_chapters_code(code, merges):
    novel = load_text("pride-train")
    learned = Corpus.from_text(novel).split(valid=0.077)[0].decode()
    assert code["learn_merges"](Counter(code["split_words"](learned)), 2000) == merges
    assert read("pieces")["chars"] == "".join(sorted(set(novel)))


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("", "The text is empty: there is nothing to cut. Type something."),
        ("naïve", "“ï” is not among the 68 characters of the novel: no pair has it, so it stays"),
        ("αβγδεζη", "“α”, “β”, “γ”, “δ”, “ε” and 2 more are not among"),
        ("It is a truth.", ""),
    ],
)
def test_what_the_novel_lacks_gets_a_sentence(js, text, trouble):
    found = js("([text, chars]) => troubleWithText(text, chars)", [text, read("pieces")["chars"]])
    assert found.startswith(trouble)
    assert bool(found) == bool(trouble)


def test_the_page_has_the_numbers_that_were_recorded():
    record = read("words")
    for run in [*record["once"], *record["four times"]]:
        assert f"{run['bits']:.4f}" in PAGE
