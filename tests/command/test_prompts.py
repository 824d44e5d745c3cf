"""Prompts from a file, and a text that comes through a pipe."""

import io
import json
import sys

import numpy as np
import pytest
from small_runs import contents
from test_cli import run_main, run_ok

from charseq import generate, load_net

SAMPLE = ["sample", "austen", "--length=12", "--temperature=0"]


def continued(prompt):
    return generate(*load_net("austen"), prompt, length=12, temperature=0)[0]


def typed(text, *arguments, kind=io.StringIO):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", kind(text))
        return run_main(*arguments)


def test_prompts_may_be_given_several_times_in_a_file_and_through_a_pipe(tmp_path):
    (tmp_path / "p.txt").write_text("Mr. D\n\nElizabeth was\n")
    prompts = ["It was", "Mr. D", "Elizabeth was"]
    arguments = [*SAMPLE, "--prompt=It was", "--prompts", tmp_path / "p.txt"]
    texts = [prompt + continued(prompt) for prompt in prompts]
    assert run_ok(*arguments) == f"\n{'-' * 60}\n".join(texts) + "\n"
    rows = map(json.loads, run_ok(*arguments, "--json").splitlines())
    assert [row["prompt"] + row["texts"][0] for row in rows] == texts
    assert typed("Mr. D\n", *SAMPLE, "--prompts=-") == (0, f"{texts[1]}\n", "")


SMALL = ["--hidden-size=4", "--batch-size=2", "--block-size=8", "--steps=2", "--eval-interval=0"]


def test_a_text_through_a_pipe_is_kept_in_the_run_which_can_be_resumed(tmp_path):
    text, run, other = "some words\nand others\n" * 30, tmp_path / "run", tmp_path / "other"
    (tmp_path / "t.txt").write_bytes(text.encode())
    assert typed(text, "train", "-", "--out", run, *SMALL)[0] == 0
    assert (run / "text.txt").read_bytes() == text.encode()
    assert run_main("train", tmp_path / "t.txt", "--out", other, *SMALL)[0] == 0
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
