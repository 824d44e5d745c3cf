"""Scores of texts against plain torch, and what the command shows of them."""

import json
import math
import random
import re

import numpy as np
import pytest
import torch
from test_cli import run_main, run_ok
from torch import nn

from charseq import (
    BytePairEncoding,
    CharRNN,
    Corpus,
    NGram,
    Vocabulary,
    load_net,
    score,
)

VOCAB = Vocabulary("\n abcdefg")
V = len(VOCAB)
TEXT = "a bad cab\nfaced a beef bag\n\nedge"
PIECES = BytePairEncoding.learn("a bad cab faced a beef bag, bad beef\n" * 3, 9, more_chars="edge")
CELLS = [
    {"cell": "RNN"},
    {"cell": "GRU", "num_layers": 2},
    {"cell": "LSTM", "hidden_size": 5, "embedding_size": 5, "tied": True, "num_layers": 2},
    {"cell": "RNN", "hidden_size": V, "output_layer": False},
]


def model_of(vocab=VOCAB, **options):
    return CharRNN(len(vocab), **{"hidden_size": 6, "seed": 3, **options}).double()


def plain_log_p(model, vocab, text, before="\n"):
    """Return the logarithms of all chances before each token of a text, with torch's own layers."""
    read, ids = vocab.encode(before).tolist(), vocab.encode(text).tolist()
    x = torch.tensor([*read, *ids[:-1]])
    embedded = model.embedding(x) if model.embedding else nn.functional.one_hot(x, len(vocab))
    with torch.no_grad():
        states = model.rnn(embedded.double()[None])[0][0]
        logits = states if model.head is None else model.head(states)
        return np.array(ids), torch.log_softmax(logits, dim=-1)[len(read) - 1 :].numpy()


@pytest.mark.parametrize(
    ("vocab", "options"), [*((VOCAB, options) for options in CELLS), (PIECES, CELLS[1])], ids=str
)
@pytest.mark.parametrize("text", [TEXT, "".join(random.Random(0).choices(VOCAB.chars, k=700))])
def test_scores_equal_plain_torch(vocab, options, text):
    model = model_of(vocab, **options)
    ids, log_p = plain_log_p(model, vocab, text, "ab ")
    scored = score(model, vocab, text, before="ab ")
    bits = -log_p[np.arange(len(ids)), ids] / math.log(2)
    np.testing.assert_allclose(scored.bits, bits, rtol=0, atol=1e-9)
    entropy = -(np.exp(log_p) * log_p).sum(1) / math.log(2)
    np.testing.assert_allclose(scored.entropy, entropy, rtol=0, atol=1e-9)
    order = np.argsort(-log_p, axis=1)[:, :3]
    names = getattr(vocab, "tokens", vocab.chars)
    assert scored.likeliest == tuple(tuple(names[k] for k in row) for row in order)
    chances = np.exp(np.take_along_axis(log_p, order, 1))
    np.testing.assert_allclose(scored.chances, chances, rtol=0, atol=1e-12)
    assert scored.bits_per_character == pytest.approx(bits.sum() / len(text), rel=1e-12)
    assert scored.tokens == tuple(names[k] for k in ids)


def test_lines_hold_their_ends_and_the_place_that_was_least_expected():
    text = "It is a truth universally acknqwledged,\nthqt a single man\n\nin possession"
    scored = score(*load_net("austen"), text)
    lines = scored.lines()
    assert [line.text for line in lines] == text.split("\n")
    assert [line.number for line in lines] == [1, 2, 3, 4]
    assert [(line.char, line.expected) for line in lines[:2]] == [("q", "o"), ("q", "e")]
    excess = scored.bits - scored.entropy
    for line in lines:
        places = range(line.start, line.start + len(line.bits))
        np.testing.assert_array_equal(line.bits, scored.bits[line.start : places.stop])
        worst = max(places, key=excess.__getitem__)
        assert (line.start + line.place, line.excess) == (worst, excess[worst])
        assert (line.char, line.expected) == (text[worst], scored.likeliest[worst][0])
        assert line.bits_per_character == pytest.approx(line.bits.mean())
    assert len(score(*load_net("austen"), "a\n").lines()) == 1


# --- unknown characters, and mistakes -------------------------------------------------------------


@pytest.mark.parametrize("vocab", [VOCAB, PIECES], ids=["characters", "pieces"])
def test_skipped_characters_are_counted_and_change_nothing_else(vocab):
    model = model_of(vocab, cell="GRU")
    scored = score(model, vocab, "ba☃d\n☃☃\nbüad", skip_unknown=True)
    assert scored.skipped == {"☃": 3, "ü": 1}
    known = ~np.isnan(scored.bits)
    assert [
        token for token, is_known in zip(scored.tokens, known, strict=True) if not is_known
    ] == [*"☃☃☃ü"]
    assert "".join(scored.tokens) == scored.text
    ids = np.array(
        [k for part in ("\n", "ba", "d\n", "\nb", "ad") for k in vocab.encode(part)]
    )  # a piece ends where a character was skipped
    with torch.no_grad():
        log_p = torch.log_softmax(model(torch.tensor(ids[None, :-1]))[0][0], -1).numpy()
    bits = -log_p[np.arange(len(ids) - 1), ids[1:]] / math.log(2)
    np.testing.assert_allclose(scored.bits[known], bits, rtol=0, atol=1e-9)
    assert scored.bits_per_character == pytest.approx(bits.sum() / 8)
    assert [len(chars) for chars in scored.likeliest] == (3 * known).tolist()


@pytest.mark.parametrize(
    ("text", "options", "error", "message"),
    [
        ("", {}, ValueError, "the text is empty"),
        ("a", {"before": ""}, ValueError, "before is empty"),
        ("ax", {}, ValueError, "'x'.* at position 1"),
        ("xyz", {"skip_unknown": True}, ValueError, "knows none of the 3 characters"),
        (b"ab", {}, TypeError, "expected text"),
    ],
)
def test_what_cannot_be_scored_is_refused(text, options, error, message):
    with pytest.raises(error, match=message):
        score(model_of(), VOCAB, text, **options)


def test_networks_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="9 characters and the model 4"):
        score(CharRNN(4, 3), VOCAB, "ab")
    with pytest.raises(TypeError, match=r"expected a NumpyNet, .* got Linear"):
        score(nn.Linear(2, 3), VOCAB, "ab")
    with pytest.raises(TypeError, match="expected a NumpyNet or a CharRNN, got NGram"):
        score(NGram(2, Corpus.from_text("ab")), VOCAB, "ab")
    model = model_of()
    nn.init.constant_(model.head.bias, math.nan)
    with pytest.raises(ValueError, match="largest logit is not a finite number"):
        score(model, VOCAB, "ab")


# --- the page and the command ---------------------------------------------------------------------


def test_the_command_shows_each_line_in_a_table_or_as_json(tmp_path):
    text, file = "It is a truth.\nIt is a trqth.\n", tmp_path / "t.txt"
    file.write_text(text)
    scored = score(*load_net("austen"), text)
    lines, out = scored.lines(), run_ok("score", "austen", file).splitlines()
    for line, row in zip(lines, out[1:3], strict=True):
        numbers = [f"{line.bits_per_character:.2f}", str(line.number), f"{line.excess:.2f}"]
        assert row.split()[:3] == numbers
        assert row.endswith(f"  {line.text}")
    assert f"{lines[1].bits[10]:.1f} at 11, 'q' for 'u'" in out[2]
    assert out[-1] == f"bits per character  {scored.bits_per_character:.4f}"
    worst = run_ok("score", "austen", file, "--worst=1").splitlines()
    assert worst[1:3] == [out[2], ""]
    rows = list(map(json.loads, run_ok("score", "austen", file, "--json").splitlines()))
    assert [row["text"] for row in rows] == text.splitlines()
    assert [b for row in rows for b in row["bits"]] == pytest.approx(scored.bits, abs=1e-4)
    assert [row["excess"] for row in rows] == pytest.approx(
        [line.excess for line in lines], abs=1e-4
    )
    assert [row["expected"] for row in rows] == [line.expected for line in lines]


def test_unknown_characters_are_refused_or_skipped(tmp_path):
    (tmp_path / "t.txt").write_text("a ☃\n☃")
    code, out, err = run_main("score", "austen", tmp_path / "t.txt")
    assert (code, out, "--skip-unknown" in err) == (1, "", True)
    out = run_ok("score", "austen", tmp_path / "t.txt", "--skip-unknown")
    assert re.search("skipped +2\n", out)
    assert "nothing was known" in out
    rows = run_ok("score", "austen", tmp_path / "t.txt", "--skip-unknown", "--json").splitlines()
    last = json.loads(rows[1])
    assert last["bits_per_character"] is last["excess"] is last["bits"][0] is None
