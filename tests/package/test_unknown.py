"""The unknown character: rare characters are read as one, and a network never writes it."""

import json
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_cli import run_main, run_ok

from charseq import CharRNN, NumpyNet, Vocabulary, generate, score
from charseq.checkpoint import load_model, load_net

TEXT = "the cat sat on the mat, and the dog sat too\n" * 6 + "Zürich, Ω and 雪\n"
SMALL = ["--hidden=8", "--batch-size=2", "--length=10", "--steps=8", "--evaluate-every=0"]
VOCAB = Vocabulary("abc\ufffd", unknown="\ufffd")


@given(st.text("aabbbcdeé\ufffd", min_size=1), st.integers(2, 5))
def test_rare_characters_are_read_as_one_that_stands_for_all_others(text, min_count):
    counts = Counter(text)
    kept = {char for char, count in counts.items() if count >= min_count}
    if not kept:
        with pytest.raises(ValueError, match=f"at most {max(counts.values())}, how often the most"):
            Vocabulary.from_text(text, min_count)
        return
    vocab = Vocabulary.from_text(text, min_count)
    assert (vocab.chars, vocab.unknown) == ("".join(sorted(kept | {"\ufffd"})), "\ufffd")
    expected = "".join(char if char in kept else "\ufffd" for char in text + "☃")
    assert vocab.decode(vocab.encode(text + "☃")) == expected
    assert Vocabulary.from_json(vocab.to_json()) == vocab != Vocabulary(vocab.chars)


@pytest.fixture
def model():
    """A network that holds the unknown character likeliest."""
    model = CharRNN(len(VOCAB), 5, seed=0)
    with torch.no_grad():
        model.head.bias[3] += 9
    return model


@pytest.mark.parametrize("options", [{}, {"temperature": 0}, {"top_k": 1}, {"top_p": 0.5}])
@pytest.mark.parametrize("streams", [1, 3])
def test_the_unknown_character_is_never_written(options, streams, model):
    for prompt in ("a", "ü"):
        texts = generate(
            NumpyNet.from_model(model), VOCAB, prompt, length=90, streams=streams, **options
        )
        assert set("".join(texts)) <= set("abc")


def test_an_unknown_character_is_scored_as_the_one_that_stands_for_it(model):
    scored = score(model, VOCAB, "aüb☃")
    np.testing.assert_array_equal(scored.bits, score(model, VOCAB, "a\ufffdb\ufffd").bits)
    assert (scored.skipped, scored.tokens) == ({}, tuple("aüb☃"))
    assert score(model, VOCAB, "aüb☃", skip_unknown=True).skipped == {"ü": 1, "☃": 1}


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
    assert load_net(folder / "run")[1] == load_model(folder / "run")[1]
    assert load_net(folder / "run")[1] == Vocabulary.from_text(TEXT, 3)
    assert "10 steps" in run_ok("resume", folder / "run", "--steps=10")
    return folder / "run"


def test_what_is_unknown_is_counted_once_and_measured(run, tmp_path):
    (tmp_path / "other.txt").write_text("the çat on the mät\n")
    (tmp_path / "same.txt").write_text("the \ufffdat on the m\ufffdt\n")
    said = "charseq: characters of the text that are read as unknown: 2"
    code, out, err = run_main("eval", run, tmp_path / "other.txt", "--json")
    assert (code, err) == (0, said + "\n")
    same = run_ok("eval", run, tmp_path / "same.txt", "--json")
    assert json.loads(out) == {**json.loads(same), "unknown": 2}
    skipped = json.loads(run_ok("eval", run, tmp_path / "other.txt", "--json", "--skip-unknown"))
    assert (skipped["skipped"], skipped["characters"]) == (2, 17)


def test_prompts_with_unknown_characters_are_continued(run):
    code, out, err = run_main("sample", run, "--prompt=dög", "--prompt=Ωmega", "--seed=1")
    assert err.startswith("charseq: characters of the prompt 'dög' that are read as unknown: 1\n")
    assert (code, err.count("\n"), out[:3], "\ufffd" in out) == (0, 2, "dög", False)
    assert run_main("sample", run, "--prompt=dög", "--skip-unknown")[2] == ""


def test_a_trained_network_gets_an_unknown_character_and_does_not_grow_without_being_asked(
    run, tmp_path
):
    (tmp_path / "new.txt").write_text("new words: xylophone, xylophone, xenon\n" * 4 + "ß")

    def train(name, *options):
        run_ok("train", tmp_path / "new.txt", "--out", tmp_path / name, *options, *SMALL[1:])
        return load_net(tmp_path / name)[1]

    known = load_net(run)[1]
    assert train("same", "--init-from", run) == known
    grown = train("more", "--init-from", run, "--unknown=3")
    assert grown.chars.startswith(known.chars)
    assert set(grown.chars) == {*known.chars, *"new words: xylophone, xenon"}
    assert "10 steps" in run_ok("resume", tmp_path / "more", "--steps=10")
    assert train("plain").unknown is None
    assert train("got", "--init-from", tmp_path / "plain", "--unknown=3").unknown == "\ufffd"
