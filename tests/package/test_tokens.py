"""Pieces of words: merges against counts by hand, bits per character against sums by hand."""

import json
import random
import re
import sys
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_cli import run_main, run_ok
from torch.nn.functional import cross_entropy

from charseq import (
    BytePairEncoding,
    CharRNN,
    Corpus,
    NGram,
    Run,
    Settings,
    Vocabulary,
    evaluate,
    generate,
    language_model_steps,
    load_net,
    load_text,
    score,
    training_steps,
)
from charseq.tokens import name_of_tokens, parse_tokens

LEARNED, HELD_BACK = load_text("pride-train")[:60_000], load_text("pride-test")[:6000]
VOCAB = BytePairEncoding.learn(LEARNED, 300, more_chars=HELD_BACK)


# --- merges and tokens ----------------------------------------------------------------------------


def cut_by_hand(text, merges):
    """Cut a text into words, and each word into pieces: one list a word."""
    words = [list(word) for word in re.findall(r" ?[^\W\d_]+|[\W\d_]", text)]
    for left, right in merges:
        for word in words:
            k = 0
            while k < len(word) - 1:
                if word[k : k + 2] == [left, right]:
                    word[k : k + 2] = [left + right]
                k += 1
    return words


def counts_of_pairs(text, merges):
    return Counter(pair for word in cut_by_hand(text, merges) for pair in pairwise(word))


@given(st.text("aab c.\n1é", min_size=1, max_size=60), st.integers(0, 12))
def test_each_merge_joins_a_pair_that_is_most_frequent(text, most):
    merges = BytePairEncoding.learn(text, most).merges
    for k, merge in enumerate(merges):
        counts = counts_of_pairs(text, merges[:k])
        assert counts[merge] == max(counts.values()) >= 2
    left = counts_of_pairs(text, merges)
    assert len(merges) == most or max(left.values(), default=0) < 2


@given(st.text(st.sampled_from(VOCAB.chars), max_size=200) | st.sampled_from([HELD_BACK]))
def test_a_text_is_cut_by_the_merges_in_their_order_and_comes_back(text):
    by_hand = [piece for word in cut_by_hand(text, VOCAB.merges) for piece in word]
    assert VOCAB.cut(text) == by_hand
    ids = VOCAB.encode(text)
    assert VOCAB.decode(ids) == text
    assert VOCAB.count_characters(ids) == len(text)


@given(st.text(max_size=60))
def test_characters_of_all_languages_come_back(text):
    vocab = BytePairEncoding.learn(text + "größer größte 北京 北京", 50)
    assert vocab.decode(vocab.encode(text)) == text
    assert BytePairEncoding.from_json(vocab.to_json()) == vocab


def test_tokens_are_the_characters_and_then_each_merge_once():
    assert VOCAB.tokens == (*sorted(set(LEARNED + HELD_BACK)), *map("".join, VOCAB.merges))
    assert len(VOCAB) == len(set(VOCAB.tokens)) == len(VOCAB.chars) + 300
    assert VOCAB.one_hot(VOCAB.encode("the")).shape == (1, len(VOCAB))
    assert VOCAB.line_start() == "\n"


def test_what_is_no_vocabulary_or_no_text_is_refused():
    for text in ("{", "[]", '{"chars": ["a"]}', '{"chars": ["a"], "merges": "ab"}'):
        with pytest.raises(ValueError, match=r"[Ee]xpect"):
            BytePairEncoding.from_json(text)
    with pytest.raises(ValueError, match="most must be an integer of at least 0, got -1"):
        BytePairEncoding.learn("ab", -1)
    with pytest.raises(ValueError, match=f"expected 0 to {len(VOCAB) - 1} for .* tokens"):
        VOCAB.decode([len(VOCAB)])
    with pytest.raises(ValueError, match=r"character '☃' \(U\+2603\) at position 3"):
        VOCAB.encode("the☃")


@pytest.mark.parametrize("name", ["bpe", "bpe:", "bpe:0", "bpe:-5", "bpe:5.5", "words", ""])
def test_other_kinds_of_tokens_are_refused(name):
    with pytest.raises(ValueError, match=f"tokens must be characters, or bpe:N .* got '{name}'"):
        parse_tokens(name)
    assert parse_tokens("characters") is None
    assert parse_tokens(name_of_tokens(VOCAB)) == 300
    assert name_of_tokens(Vocabulary("ab")) == "characters"


# --- bits per character ---------------------------------------------------------------------------


def nats(model, ids):
    """Return the loss of each token but the first, of a text that is read in one piece."""
    ids = torch.tensor(ids.astype(np.int64))
    with torch.no_grad():
        return cross_entropy(model(ids[None, :-1])[0][0].double(), ids[1:], reduction="none")


def make_run(vocab, **settings):
    model = CharRNN(len(vocab), 8, cell="GRU", seed=0).double()
    return Run(model, vocab, Settings(**{"batch_size": 4, "length": 10, "steps": 3} | settings))


def test_every_loss_is_divided_by_the_characters_of_the_predicted_tokens():
    corpus, run = Corpus.from_text(HELD_BACK, VOCAB), make_run(VOCAB, steps=1)
    expected = nats(run.model, corpus.ids).sum().item()
    expected /= len(HELD_BACK) - len(VOCAB.tokens[corpus.ids[0]])
    assert evaluate(run.model, corpus, batch_size=1) == pytest.approx(expected, rel=1e-12)
    before = make_run(VOCAB).model
    record = next(language_model_steps(run, corpus))
    columns = (len(corpus) - 1) // 40 * 10
    starts = columns * np.arange(4)
    read = corpus.ids[starts[:, None] + np.arange(11)]  # (4, 11)
    total = sum(nats(before, row).sum().item() for row in read)
    characters = sum(len(VOCAB.tokens[k]) for k in read[:, 1:].flat)
    assert record.loss == pytest.approx(total / characters, rel=1e-12)


def test_an_ngram_of_pieces_is_compared_per_character():
    train, valid = (Corpus.from_text(text, VOCAB) for text in (LEARNED, HELD_BACK))
    table, ids = NGram(2, train), valid.ids.astype(int)[:200]
    chances = [table.probabilities(ids[:k])[ids[k]] for k in range(200)]
    expected = -np.log2(chances).sum() / len(valid.decode(0, 200))
    assert table.bits_per_character(ids) == pytest.approx(expected, rel=1e-12)


def test_a_text_with_too_few_tokens_is_refused_in_tokens():
    corpus = Corpus.from_text("the the the", VOCAB)
    assert repr(corpus) == f"Corpus(3 tokens, {len(VOCAB)} distinct)"
    with pytest.raises(ValueError, match=r"length=10, .* need 41 tokens, .* learn from has 3"):
        language_model_steps(make_run(VOCAB), corpus)
    with pytest.raises(TypeError, match="vocab must be a Vocabulary, got BytePairEncoding"):
        training_steps(make_run(VOCAB).model, VOCAB, "It is a truth", epochs=1)


# --- a run ----------------------------------------------------------------------------------------

SMALL = ["--hidden-size=8", "--batch-size=4", "--block-size=10", "--eval-interval=5"]


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A text whose last tenth has characters of its own."""
    rng = random.Random(0)
    file = tmp_path_factory.mktemp("text") / "words.txt"
    words = ["the", "then", "there", "net", "reads", "a", "reader", "and", "writes", "as"]
    lines = [" ".join(rng.choices(words, k=6)) for _ in range(300)]
    file.write_text("\n".join([*lines, "zebras", *lines[:20]]))
    return file


@pytest.fixture(scope="module")
def folder(text, tmp_path_factory):
    """The folder of a run with pieces, which no test changes."""
    folder = tmp_path_factory.mktemp("run") / "run"
    run_ok("train", text, "--tokens=bpe:40", "--steps=10", "--out", folder, *SMALL)
    return folder


def test_merges_are_learned_from_the_training_part_and_characters_from_all(text, folder):
    whole = text.read_text()
    learned, held_back = whole[: -(len(whole) // 10)], whole[-(len(whole) // 10) :]
    net, vocab = load_net(folder)
    assert "z" not in learned
    assert vocab == BytePairEncoding.learn(learned, 40, more_chars=held_back)
    facts = json.loads(run_ok("info", folder, "--json"))
    assert (facts["tokens"], facts["vocabulary"]) == (name_of_tokens(vocab), len(vocab))
    assert facts["epochs"] == round(10 * 40 / len(vocab.encode(learned)), 2)
    measured = json.loads(run_ok("eval", folder, "--json"))
    assert (measured["characters"], measured["tokens"]) == (
        len(held_back), len(vocab.encode(held_back)),
    )  # fmt: skip
    assert measured["loss"] == pytest.approx(score(net, vocab, held_back).loss, rel=0.05)


def test_a_run_of_pieces_writes_texts_and_is_resumed(text, folder, tmp_path):
    net, vocab = load_net(folder)
    options = {"length": 60, "rng": np.random.default_rng(4)}
    found = run_ok("sample", folder, "--length=60", "--seed=4", "--prompt=the", "--json")
    assert json.loads(found)["texts"] == generate(net, vocab, "the", **options)
    code, _, err = run_main("sample", folder, "--prompt=the☃")
    assert (code, "has '☃' (U+2603)" in err) == (1, True)
    run_ok("train", text, "--tokens=bpe:40", "--steps=5", "--out", tmp_path / "half", *SMALL)
    assert "10 steps" in run_ok("resume", tmp_path / "half", "--steps=10")
    assert load_net(tmp_path / "half")[1] == vocab


def test_a_trained_network_keeps_its_tokens(text, folder, tmp_path):
    begin = ["--steps=2", "--out", tmp_path / "new", *SMALL[1:]]
    more = tmp_path / "more.txt"
    more.write_text(text.read_text() + "ü")
    for source, init, options, message in [
        (text, folder, ["--tokens=characters"], "'characters', but the network of"),
        (text, "austen", ["--tokens=bpe:40"], "network of austen reads characters"),
        (more, folder, [], "the text has 'ü' (U+00FC), which the network of"),
    ]:
        code, _, err = run_main("train", source, "--init-from", init, *options, *begin)
        assert (code, message in err) == (1, True), err
    run_ok("train", text, "--init-from", folder, *begin)
    assert load_net(tmp_path / "new")[1] == load_net(folder)[1]


def test_without_the_library_a_network_of_pieces_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    code, _, err = run_main("sample", folder, "--prompt=the")
    assert (code, err.endswith("pip install tokenizers\n")) == (1, True)
