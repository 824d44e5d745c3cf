"""The unknown character: rare characters are read as one, and a network never writes it."""

import json
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_cli import run_main, run_ok
from test_messages import message_of
from test_prompts import typed

from charseq import CharRNN, NumpyNet, Vocabulary, generate, score
from charseq.checkpoint import load_model, load_net, read_config

TEXT = "the cat sat on the mat, and the dog sat too\n" * 6 + "Zürich, Ω and 雪\n"
SMALL = ["--hidden=8", "--batch-size=2", "--length=10", "--steps=8", "--evaluate-every=0"]


@given(st.text("aabbbcdeé\ufffd", min_size=1), st.integers(2, 5))
def test_rare_characters_are_read_as_one_that_stands_for_all_others(text, min_count):
    counts = Counter(text)
    kept = {char for char, count in counts.items() if count >= min_count}
    if not kept:
        with pytest.raises(ValueError, match=f"at most {max(counts.values())}, how often the most"):
            Vocabulary.from_text(text, min_count)
        return
    vocab = Vocabulary.from_text(text, min_count)
    assert vocab.chars == "".join(sorted(kept | {"\ufffd"}))
    assert vocab.unknown == "\ufffd"
    expected = "".join(char if char in kept else "\ufffd" for char in text + "☃")
    assert vocab.decode(vocab.encode(text + "☃")) == expected
    assert Vocabulary.from_json(vocab.to_json()) == vocab
    assert vocab != Vocabulary(vocab.chars)


def test_the_unknown_character_is_of_the_vocabulary_and_shown_only_if_there_is_one():
    vocab = Vocabulary("ab", unknown="b")
    assert repr(vocab) == "Vocabulary(chars='ab', unknown='b')"
    assert vocab.to_json() == '{"chars": ["a", "b"], "unknown": "b"}'
    assert repr(Vocabulary("ab")) == "Vocabulary(chars='ab')"
    assert Vocabulary("ab").to_json() == '{"chars": ["a", "b"]}'
    with pytest.raises(ValueError, match=r"unknown must be a character of the .*, got 'x'"):
        Vocabulary("ab", unknown="x")
    with pytest.raises(ValueError, match="several documents, which charseq no longer reads"):
        Vocabulary.from_json('{"chars": ["a", "b"], "border": "b"}')


@pytest.mark.parametrize("min_count", [1, 0, -2, 2.5, True])
def test_a_count_that_leaves_no_character_out_is_refused(min_count):
    with pytest.raises(ValueError, match="min_count must be an integer of at least 2, got"):
        Vocabulary.from_text("abc", min_count)


# --- reading and writing --------------------------------------------------------------------------


def likely_unknown(vocab):
    model = CharRNN(len(vocab), 5, seed=0)
    with torch.no_grad():
        model.head.bias[vocab.chars.index(vocab.unknown)] += 9
    return model


@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0}, {"top_k": 1}, {"top_p": 0.5}, {"temperature": 1e9}]
)
@pytest.mark.parametrize("streams", [1, 3])
def test_the_unknown_character_is_never_written(options, streams):
    vocab = Vocabulary("abc\ufffd", unknown="\ufffd")
    net = NumpyNet.from_model(likely_unknown(vocab))
    for prompt in ("a", "ü"):
        for text in generate(net, vocab, prompt, length=90, streams=streams, **options):
            assert set(text) <= set("abc")


def test_an_unknown_character_is_scored_as_the_one_that_stands_for_it():
    vocab = Vocabulary("abc\ufffd", unknown="\ufffd")
    model = likely_unknown(vocab)
    scored = score(model, vocab, "aüb☃")
    np.testing.assert_array_equal(scored.bits, score(model, vocab, "a\ufffdb\ufffd").bits)
    assert scored.skipped == {}
    assert score(model, vocab, "aüb☃", skip_unknown=True).skipped == {"ü": 1, "☃": 1}


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unknown")
    (folder / "t.txt").write_text(TEXT)
    out = run_ok("train", folder / "t.txt", "--out", folder / "run", "--unknown=3", *SMALL)
    rare = sum(count for count in Counter(TEXT).values() if count < 3)
    assert out.splitlines()[0] == (
        f"{rare} of {len(TEXT)} characters are there fewer than 3 times, and are read as unknown"
    )
    return folder / "run"


def test_a_run_keeps_its_unknown_character_and_is_resumed(run):
    vocab = Vocabulary.from_text(TEXT, 3)
    assert load_net(run)[1] == load_model(run)[1] == vocab
    assert read_config(run)["text"]["unknown"] == 3
    assert "10 steps" in run_ok("resume", run, "--steps=10")


def test_what_is_unknown_is_counted_once_and_measured(run, tmp_path):
    (tmp_path / "other.txt").write_text("the çat on the mät\n")
    (tmp_path / "same.txt").write_text("the \ufffdat on the m\ufffdt\n")
    for command in ("eval", "score"):
        code, out, err = run_main(command, run, tmp_path / "other.txt", "--json")
        assert (code, err) == (
            0,
            "charseq: 2 characters of the text are read as unknown, because the network has not "
            "learned them\n",
        )
        same = run_ok(command, run, tmp_path / "same.txt", "--json")
        if command == "eval":
            assert json.loads(out) == {**json.loads(same), "unknown": 2}
        else:
            line, same_line = (json.loads(part.splitlines()[0]) for part in (out, same))
            assert line["bits"] == same_line["bits"]
    skipped = json.loads(run_ok("eval", run, tmp_path / "other.txt", "--json", "--skip-unknown"))
    assert (skipped["skipped"], skipped["characters"]) == (2, 17)


def test_prompts_with_unknown_characters_are_continued(run):
    code, out, err = run_main("sample", run, "--prompt=dög", "--prompt=Ωmega", "--seed=1")
    assert code == 0
    assert err.startswith("charseq: 2 characters of the prompts are read as unknown")
    assert err.count("\n") == 1
    assert out.startswith("dög")
    assert "\ufffd" not in out
    assert run_main("sample", run, "--prompt=dög", "--skip-unknown")[2] == ""


def test_a_conversation_says_of_each_text_what_is_unknown(run):
    code, _, err = typed("dög\ncat\n", "sample", run, "--interactive", "--length=3")
    assert (code, err.count("1 character of the prompt is read as unknown")) == (0, 1)


def test_a_trained_network_gets_an_unknown_character_and_does_not_grow_without_being_asked(
    run, tmp_path
):
    file = tmp_path / "new.txt"
    file.write_text("new words: xylophone, xylophone, xenon\n" * 4 + "ß")
    known = load_net(run)[1]
    run_ok("train", file, "--out", tmp_path / "same", "--init-from", run, *SMALL[1:])
    assert load_net(tmp_path / "same")[1] == known
    run_ok("train", file, "--out", tmp_path / "more", "--init-from", run, "--unknown=3", *SMALL[1:])
    grown = load_net(tmp_path / "more")[1]
    assert grown.chars.startswith(known.chars)
    assert set(grown.chars) == {*known.chars, *"new words: xylophone, xenon"}
    assert "10 steps" in run_ok("resume", tmp_path / "more", "--steps=10")
    plain = tmp_path / "plain"
    run_ok("train", file, "--out", plain, *SMALL)
    more = ["--init-from", plain, "--unknown=3"]
    run_ok("train", file, "--out", tmp_path / "got", *more, *SMALL[1:])
    assert load_net(tmp_path / "got")[1].unknown == "\ufffd"


def test_the_option_is_named_as_at_the_shell(tmp_path):
    (tmp_path / "t.txt").write_text(TEXT)
    said = message_of("train", tmp_path / "t.txt", "--unknown=1", "--out", tmp_path / "run")
    assert said == "--unknown must be an integer of at least 2, or 0, got 1"
    said = message_of("train", tmp_path / "t.txt", "--unknown=999", "--out", tmp_path / "run")
    assert said.startswith("--unknown must be at most ")
    (tmp_path / "t.txt").write_text("ab" * 200)
    out = run_ok("train", tmp_path / "t.txt", "--unknown=2", "--out", tmp_path / "all", *SMALL)
    assert out.startswith("no character is there fewer than 2 times, so none is read as unknown")
