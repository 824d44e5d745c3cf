"""Several prompts, prompts from a file, a conversation, and a text that comes through a pipe."""

import io
import json
import sys

import numpy as np
import pytest
import torch
from small_runs import contents
from test_cli import Terminal, run_main, run_ok
from torch import nn

from charseq import CharRNN, NumpyNet, Vocabulary, generate, load_net
from charseq.sampling import generate_pieces

VOCAB = Vocabulary("\n abcdefg")
SAMPLE = ["sample", "austen", "--length=12", "--temperature=0"]


def rng():
    return np.random.default_rng(0)


def continued(prompt):
    return generate(*load_net("austen"), prompt, length=12, temperature=0)[0]


def typed(text, *arguments, kind=io.StringIO):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", kind(text))
        return run_main(*arguments)


# --- in Python ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["RNN", "GRU", "LSTM"])
def test_a_torch_model_writes_what_its_copy_in_numpy_writes(cell):
    model = CharRNN(len(VOCAB), 6, cell=cell, seed=1)
    net = NumpyNet.from_model(model)
    expected = generate(net, VOCAB, "a", streams=2, rng=rng())
    assert generate(model, VOCAB, "a", streams=2, rng=rng()) == expected
    pieces = generate_pieces(model, VOCAB, "a", streams=2, rng=rng())
    assert ["".join(parts) for parts in zip(*pieces, strict=True)] == expected


def test_a_model_in_bfloat16_or_in_training_mode_writes():
    model = CharRNN(len(VOCAB), 6, dropout=0.5, seed=1).bfloat16().train()
    expected = generate(model.float().eval(), VOCAB, rng=rng())
    assert generate(model.bfloat16().train(), VOCAB, rng=rng()) == expected
    assert model.training
    assert model.head.weight.dtype == torch.bfloat16


def test_what_is_no_network_is_refused():
    with pytest.raises(
        TypeError, match="expected a NumpyNet, a CharRNN or an NGram, got GRU; load_net"
    ):
        generate(nn.GRU(3, 4), VOCAB)


def test_each_prompt_is_continued_on_its_own():
    net = NumpyNet.from_model(CharRNN(len(VOCAB), 6, seed=1))
    source, prompts = rng(), ["a", "bad", "a"]
    expected = [
        text
        for prompt in prompts
        for text in generate(net, VOCAB, prompt, length=9, streams=2, rng=source)
    ]
    assert generate(net, VOCAB, prompts, length=9, streams=2, rng=rng()) == expected
    with pytest.raises(ValueError, match="there is no prompt: expected a text"):
        generate(net, VOCAB, [])
    with pytest.raises(ValueError, match="the prompt is empty"):
        generate(net, VOCAB, ["a", ""])


# --- at the shell ---------------------------------------------------------------------------------


def test_prompts_may_be_given_several_times_and_in_a_file(tmp_path):
    (tmp_path / "p.txt").write_text("Mr. D\n\nElizabeth was\n")
    prompts = ["It was", "Mr. D", "Elizabeth was"]
    arguments = [*SAMPLE, "--prompt=It was", "--prompts", tmp_path / "p.txt"]
    texts = [prompt + continued(prompt) for prompt in prompts]
    assert run_ok(*arguments) == f"\n{'-' * 60}\n".join(texts) + "\n"
    rows = map(json.loads, run_ok(*arguments, "--json").splitlines())
    assert [row["prompt"] + row["texts"][0] for row in rows] == texts


def test_prompts_may_come_through_a_pipe():
    code, out, err = typed("Mr. D\n", *SAMPLE, "--prompts=-")
    assert (code, err) == (0, "")
    assert out == f"Mr. D{continued('Mr. D')}\n"


def test_a_conversation_goes_on_after_a_slip():
    code, out, err = typed("Mr. D\n☃\nIt was\n", *SAMPLE, "--interactive")
    assert code == 0
    assert out == "".join(f"{prompt}{continued(prompt)}\n" for prompt in ("Mr. D", "It was"))
    assert err.startswith("charseq: the prompt has '☃' (U+2603) at position 0")
    assert err.count("\n") == 2


def test_in_a_terminal_a_conversation_says_how_it_ends():
    code, _, err = typed("", *SAMPLE, "--interactive", kind=Terminal)
    assert code == 0
    assert err.startswith("Type a text to continue, or Ctrl-D to end.\n")


SMALL = ["--hidden=4", "--batch-size=2", "--length=8", "--steps=2", "--evaluate-every=0"]


def test_a_text_through_a_pipe_is_kept_in_the_run_which_can_be_resumed(tmp_path):
    text, run, other = "some words\r\nand others\r\n" * 30, tmp_path / "run", tmp_path / "other"
    (tmp_path / "t.txt").write_bytes(text.encode())
    assert typed(text, "train", "-", "--out", run, *SMALL, "--raw")[0] == 0
    assert (run / "text.txt").read_bytes() == text.encode()
    run_ok("train", tmp_path / "t.txt", "--out", other, *SMALL, "--raw")
    nets = [load_net(folder)[0] for folder in (run, other)]
    assert np.array_equal(nets[0].head[0], nets[1].head[0])
    assert "4 steps" in run_ok("resume", run, "--steps=4")
    code, _, err = typed("another text", "train", "-", "--out", run, *SMALL)
    assert (code, "holds a run already" in err) == (1, True)
    assert (run / "text.txt").read_bytes() == text.encode()


def test_a_pipe_replaces_no_file_and_leaves_nothing_behind_if_the_run_cannot_begin(tmp_path):
    code, _, err = typed("ab", "train", "-", "--out", tmp_path / "run")
    assert (code, "characters" in err) == (1, True)
    assert not (tmp_path / "run").exists()
    (tmp_path / "text.txt").write_text("precious")
    code, _, err = typed("words " * 99, "train", "-", "--out", tmp_path, *SMALL)
    assert (code, "holds a file text.txt: remove it, or choose another folder" in err) == (1, True)
    (tmp_path / "mine").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("charseq.trainer.write_run", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            typed("words " * 99, "train", "-", "--out", tmp_path / "mine", *SMALL)
    assert contents(tmp_path) == {"text.txt": b"precious", "mine": None}
