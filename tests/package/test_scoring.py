"""Scores of texts against plain torch, and what the command shows of them."""

import io
import json
import math
import random
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from test_cli import run_in_new_process, run_main, run_ok
from torch import nn

from charseq import CharRNN, Corpus, NumpyNet, Vocabulary, evaluate, load_net, load_text, score
from charseq.checkpoint import load_model
from charseq.scoring import most_surprising

VOCAB = Vocabulary("\n abcdefg")
V = len(VOCAB)
TEXT = "a bad cab\nfaced a beef bag\n\nedge"
CELLS = [
    {"cell": "RNN"},
    {"cell": "GRU", "num_layers": 2},
    {"cell": "LSTM", "embedding_size": 5},
    {"cell": "LSTM", "hidden_size": 5, "embedding_size": 5, "tied": True, "num_layers": 2},
    {"cell": "RNN", "hidden_size": V, "output_layer": False},
]


def model_of(**options):
    return CharRNN(V, **{"hidden_size": 6, "seed": 3, **options}).double()


def plain_bits(model, text, before="\n"):
    """Score a text with torch's own layers in one call."""
    ids = torch.from_numpy(VOCAB.encode(before + text))
    x = nn.functional.one_hot(ids, V).double()[None]
    if model.embedding is not None:
        x = model.embedding(ids)[None]
    with torch.no_grad():
        states = model.rnn(x)[0][0]
        logits = states if model.head is None else model.head(states)
        log_p = torch.log_softmax(logits, dim=-1)
    skip = len(before)
    nats = -log_p[skip - 1 : -1].gather(1, ids[skip:, None])[:, 0]
    return nats.numpy() / math.log(2), log_p[skip - 1 : -1].numpy()


# --- the numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", CELLS)
def test_scores_equal_plain_torch(options):
    model = model_of(**options)
    bits, log_p = plain_bits(model, TEXT, "ab ")
    scored = score(model, VOCAB, TEXT, before="ab ")
    np.testing.assert_allclose(scored.bits, bits, rtol=0, atol=1e-9)
    entropy = -(np.exp(log_p) * log_p).sum(1) / math.log(2)
    np.testing.assert_allclose(scored.entropy, entropy, rtol=0, atol=1e-9)
    order = np.argsort(-log_p, axis=1)[:, :3]
    assert scored.likeliest == tuple(map(VOCAB.decode, order))
    expected = np.exp(np.take_along_axis(log_p, order, 1))
    np.testing.assert_allclose(scored.chances, expected, atol=1e-12)
    assert scored.bits_per_character == pytest.approx(bits.mean(), abs=1e-12)


def test_a_long_text_equals_plain_torch():
    text = "".join(random.Random(0).choices(VOCAB.chars, k=1000))
    model = model_of(cell="GRU")
    scored = score(model, VOCAB, text)
    np.testing.assert_allclose(scored.bits, plain_bits(model, text)[0], rtol=0, atol=1e-9)


def test_weights_in_float32_are_scored_in_float64():
    model = CharRNN(V, 6, cell="LSTM", seed=1)
    scored = score(NumpyNet.from_model(model), VOCAB, TEXT)
    np.testing.assert_allclose(scored.bits, plain_bits(model.double(), TEXT)[0], atol=1e-9)


def test_weights_in_bfloat16_are_scored():
    model = CharRNN(V, 6, cell="GRU", seed=1).bfloat16()
    scored = score(model, VOCAB, TEXT)
    np.testing.assert_allclose(scored.bits, plain_bits(model.double(), TEXT)[0], atol=1e-9)


def test_the_mean_equals_evaluate_of_the_text_in_one_piece():
    model = model_of(cell="GRU")
    loss = evaluate(model, Corpus.from_text(TEXT, VOCAB), batch_size=1)
    assert score(model, VOCAB, TEXT[1:], before=TEXT[0]).loss == pytest.approx(loss, abs=1e-12)


def test_each_line_alone_scores_as_if_it_were_the_only_one():
    text = "".join(random.Random(1).choices(VOCAB.chars, k=1500))
    model = model_of(cell="LSTM")
    scored = score(model, VOCAB, text, alone=True)
    lines = text.splitlines(keepends=True)
    assert len(lines) > 128  # so that they are read in several batches
    expected = np.concatenate([plain_bits(model, line)[0] for line in lines])
    np.testing.assert_allclose(scored.bits, expected, rtol=0, atol=1e-9)


def test_a_vocabulary_of_two_has_two_likeliest_characters():
    scored = score(CharRNN(2, 3, seed=0), Vocabulary("ab"), "abba")
    assert {len(chars) for chars in scored.likeliest} == {2}
    assert scored.chances[:, 2].tolist() == [0] * 4
    assert scored.chances.sum(1) == pytest.approx(np.ones(4))


def test_lines_hold_their_ends_and_the_most_surprising_place():
    scored = score(model_of(), VOCAB, TEXT)
    lines = scored.lines()
    assert [line.text for line in lines] == TEXT.split("\n")
    assert [line.number for line in lines] == [1, 2, 3, 4]
    np.testing.assert_array_equal(np.concatenate([line.bits for line in lines]), scored.bits)
    for line in lines:
        expected = scored.entropy[line.start : line.start + len(line.bits)]
        assert line.excess == (line.bits - expected).max() == (line.bits - expected)[line.place]
        assert line.char == (line.text + "\n")[line.place] == TEXT[line.start + line.place]
        assert line.expected == scored.likeliest[line.start + line.place][0]
    assert len(score(model_of(), VOCAB, "a\n").lines()) == 1


def test_a_typing_error_is_the_most_surprising_place():
    text = "It is a truth universally acknowledged, that a single man"
    wrong = text.replace("acknowledged", "acknqwledged")
    (line,) = score(*load_net("austen"), wrong).lines()
    assert (line.char, line.expected, line.place) == ("q", "o", wrong.index("q"))
    assert line.bits[line.place] > 10


# --- unknown characters, and mistakes -------------------------------------------------------------


@pytest.mark.parametrize("alone", [False, True])
def test_skipped_characters_are_counted_and_change_nothing_else(alone):
    model = model_of(cell="GRU")
    scored = score(model, VOCAB, "ba☃d\n☃☃\ncüab", alone=alone, skip_unknown=True)
    assert scored.skipped == {"☃": 3, "ü": 1}
    assert np.flatnonzero(np.isnan(scored.bits)).tolist() == [2, 5, 6, 9]
    known = ~np.isnan(scored.bits)
    expected = score(model, VOCAB, "bad\n\ncab", alone=alone)
    np.testing.assert_allclose(scored.bits[known], expected.bits, rtol=0, atol=1e-12)
    assert scored.bits_per_character == pytest.approx(expected.bits_per_character)
    assert [len(chars) for chars in scored.likeliest] == (3 * known).tolist()


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "the text is empty"),
        ("a", {"before": ""}, "before is empty"),
        ("ax", {}, "'x'.* at position 1"),
        ("xyz", {"skip_unknown": True}, "knows none of the 3 characters"),
    ],
)
def test_what_cannot_be_scored_is_refused(text, options, message):
    with pytest.raises(ValueError, match=message):
        score(model_of(), VOCAB, text, **options)


def test_other_arguments_are_refused():
    with pytest.raises(ValueError, match="9 characters and the model 4"):
        score(CharRNN(4, 3), VOCAB, "ab")
    with pytest.raises(TypeError, match="expected a NumpyNet or a CharRNN, got Linear"):
        score(nn.Linear(2, 3), VOCAB, "ab")
    with pytest.raises(TypeError, match="expected text"):
        score(model_of(), VOCAB, b"ab")
    model = model_of()
    with torch.no_grad():
        model.head.bias[0] = math.nan
    with pytest.raises(ValueError, match="largest logit is not a finite number"):
        score(model, VOCAB, "ab")


# --- the page -------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Collects the tags of a page, and the text in its rows."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.row_text, self._in_row = [], "", False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._in_row |= tag == "span"

    def handle_endtag(self, tag):
        self._in_row &= tag != "span"

    def handle_data(self, data):
        if self._in_row:
            self.row_text += data


def test_the_page_shows_the_text_and_needs_nothing_else():
    vocab = Vocabulary("\n <>&\"'ab\x1b")
    text = "<b>a&'b'\n\x1b\"☃"
    scored = score(CharRNN(len(vocab), 4, seed=0), vocab, text, skip_unknown=True)
    html = scored.to_html("<title> & more")
    page = Page(html)
    assert page.row_text == text.replace("\n", "↵").replace("\x1b", r"\x1b")
    assert "<title>&lt;title&gt; &amp; more</title>" in html
    assert not re.search(r"<script|https?:|url\(|\bsrc=|\bhref=", html)
    characters = [attrs for tag, attrs in page.tags if tag == "a"]
    assert len(characters) == len(text)
    bits = scored.bits[1]
    assert characters[1]["class"] == f"s{int(bits)}"
    assert characters[1]["title"].startswith(f"'b': {bits:.1f} bits; expected ")
    assert characters[-1]["class"] == "x"
    assert "1 unknown characters were skipped" in html


# --- the command ----------------------------------------------------------------------------------

TYPO = "It is a truth.\nIt is a trqth.\n"


@pytest.fixture
def file(tmp_path):
    (tmp_path / "t.txt").write_text(TYPO)
    return tmp_path / "t.txt"


def test_score_prints_each_line_and_the_mean(file):
    scored = score(*load_net("austen"), TYPO)
    out = run_ok("score", "austen", file).splitlines()
    for line, row in zip(scored.lines(), out[1:3], strict=True):
        assert row.split()[:3] == [
            f"{line.bits_per_character:.2f}", str(line.number), f"{line.excess:.2f}"
        ]  # fmt: skip
        assert row.endswith(f"  {line.text}")
    assert "'q' for 'u'" in out[2]
    assert out[-1] == f"bits per character  {scored.bits_per_character:.4f}"


def test_worst_lists_the_most_surprising_lines_first(file):
    out = run_ok("score", "austen", file, "--worst", 1).splitlines()
    assert out[1].endswith("It is a trqth.")
    assert out[2] == ""
    both = run_ok("score", "austen", file, "--worst", 5).splitlines()
    assert [row.split()[1] for row in both[1:3]] == ["2", "1"]


def test_what_lines_are_sorted_by_has_a_column(file):
    file.write_text("It is a truth, universally acknqwledged.\nIxx\n")
    for by, column in (("mean", 0), ("excess", 2)):
        rows = run_ok("score", "austen", file, "--worst=2", "--by", by).splitlines()[1:3]
        largest, second = (float(row.split()[column]) for row in rows)
        assert largest > second


def test_lines_are_compared_by_their_mean_or_by_one_character():
    lines = score(
        *load_net("austen"), "It is a truth, universally acknqwledged.\nIxx\n☃", skip_unknown=True
    ).lines()
    by_mean, by_most = most_surprising(lines, 3), most_surprising(lines, 3, "excess")
    assert [line.number for line in by_mean] == [2, 1, 3]
    assert [line.number for line in by_most] == [1, 2, 3]
    with pytest.raises(ValueError, match="by must be one of mean, excess, got 'max'"):
        most_surprising(lines, 3, "max")


def test_score_as_json_has_an_object_for_each_line(file):
    scored = score(*load_net("austen"), TYPO, alone=True)
    rows = list(map(json.loads, run_ok("score", "austen", file, "--alone", "--json").splitlines()))
    assert [row["text"] for row in rows] == TYPO.splitlines()
    assert [b for row in rows for b in row["bits"]] == pytest.approx(scored.bits, abs=1e-4)
    excess = [line.excess for line in scored.lines()]
    assert [row["excess"] for row in rows] == pytest.approx(excess, abs=1e-4)
    assert [c for row in rows for c in row["expected"]] == [c[0] for c in scored.likeliest]


def test_score_writes_a_page(file, tmp_path):
    code, out, err = run_main("score", "austen", file, "--html", tmp_path / "page.html")
    assert (code, out, err) == (0, "", f"charseq: the page is in {tmp_path / 'page.html'}\n")
    expected = score(*load_net("austen"), TYPO).to_html(f"{file}, read by austen")
    assert (tmp_path / "page.html").read_text("utf-8") == expected


def test_standard_input_can_be_scored(file):
    code, out, err = run_in_new_process("score", "austen", "-", input=TYPO)
    assert (code, err) == (0, "")
    assert out == run_ok("score", "austen", file)


def test_standard_input_without_bytes_can_be_read(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("é"))
    assert load_text("-", "latin-1") == "é"


def test_unknown_characters_are_refused_or_skipped(file):
    file.write_text("a ☃\n☃")
    code, out, err = run_main("score", "austen", file)
    assert (code, out) == (1, "")
    assert "--skip-unknown" in err
    out = run_ok("score", "austen", file, "--skip-unknown", "--worst", 2)
    assert re.search("skipped +2\nin lines +1 \\('☃'\\), 2 \\('☃'\\)\n", out)
    assert "nothing was known" in out
    rows = run_ok("score", "austen", file, "--skip-unknown", "--json").splitlines()
    assert json.loads(rows[1])["bits_per_character"] is json.loads(rows[1])["excess"] is None


def test_scoring_needs_no_torch(file):
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('torch', 'matplotlib', 'tqdm')));"
        "from charseq.cli import main; main()"
    )
    start = [sys.executable, "-c", code]
    assert run_in_new_process("score", "austen", file, start=start)[0] == 0


def test_score_and_eval_agree_on_a_text(file):
    text = load_text("pride-test")[:600]
    file.write_text(text)
    model, vocab = load_model("austen")
    loss = evaluate(model, Corpus.from_text(text, vocab), batch_size=1)
    scored = score(*load_net("austen"), text[1:], before=text[0])
    assert scored.loss == pytest.approx(loss, abs=1e-5)


@pytest.mark.parametrize("which", [(), ("--worst", "1")])
def test_an_order_that_does_not_exist_is_refused_although_all_lines_are_printed(which, file):
    code, out, err = run_main("score", "austen", file, "--by", "median", *which)
    assert (code, out) == (1, "")
    assert "--by must be one of mean, excess, got 'median'" in err
