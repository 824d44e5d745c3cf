"""The command: what it does, what it prints, and what it leaves on disk after a mistake."""

import contextlib
import errno
import hashlib
import io
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from small_runs import REMOVED, another_writer, contents, edit_config, forget_checksums

from charseq import (
    CharRNN,
    Corpus,
    LayerShapes,
    Run,
    Settings,
    Vocabulary,
    _terminal,
    evaluate,
    generate,
    monitor,
    trainer,
)
from charseq.checkpoint import load_model, load_net, load_run
from charseq.cli import main
from charseq.history import UpdateRecord
from charseq.language_model import learning_rate

FIX = Path(__file__).parents[2] / "docs" / "fix"
WORDS = ["the", "net", "reads", "a", "text", "and", "writes", "as", "it", "is", "read"]
SMALL = [
    "--hidden=8", "--batch-size=4", "--length=10", "--steps=20", "--evaluate-every=5",
    "--save-every=4", "--lr=0.05",
]  # fmt: skip
COMMAND = [sys.executable, "-c", "from charseq.cli import main; main()"]


@pytest.fixture(scope="module", autouse=True)
def no_clock():
    """Let each training step take no time, so that equal runs have equal histories."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("charseq.language_model.perf_counter", lambda: 0.0)
        yield


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    rng = random.Random(0)
    file = tmp_path_factory.mktemp("text") / "words.txt"
    file.write_text("\n".join(" ".join(rng.choices(WORDS, k=6)) for _ in range(80)))
    return file


@pytest.fixture(scope="module")
def finished_run(text, tmp_path_factory):
    """Folder of a finished run, which no test changes."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train(text, folder)
    return folder


@pytest.fixture
def run(finished_run, tmp_path):
    """Folder of a finished run, a copy that a test may change."""
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run_main(*arguments, out=None, err=None):
    """Run the command in this process; return its exit code and what it wrote."""
    out, err, code = out or io.StringIO(), err or io.StringIO(), 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", ["charseq", *map(str, arguments)])
        try:
            main()
        except SystemExit as exit_:
            code = exit_.code or 0
    return code, out.getvalue(), err.getvalue()


def run_ok(*arguments):
    """Run the command, check that it succeeds without errors, and return what it printed."""
    code, out, err = run_main(*arguments)
    assert (code, err) == (0, "")
    return out


def train(text, folder, *options):
    """Train a small network in a folder, and return what was printed."""
    return run_ok("train", text, "--out", folder, *SMALL, *options)


def run_in_new_process(*arguments, start=COMMAND, **options):
    """Run the command in a new process; return its exit code and what it wrote."""
    command = [*start, *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    return ran.returncode, ran.stdout, ran.stderr


def refused(message, *arguments):
    """Check that a command fails, and prints one sentence on standard error and nothing else."""
    code, out, err = run_main(*arguments)
    assert (code, out) == (1, "")
    assert re.fullmatch(r"charseq: [^\n]+\n", err), err
    assert re.search(message, err), err


@contextlib.contextmanager
def unchanged(folder):
    before = contents(folder)
    yield
    assert contents(folder) == before


# --- training -------------------------------------------------------------------------------------


def test_train_reduces_the_loss_and_saves_everything_in_a_folder(finished_run):
    tensors = ["best", "state-20", "weights"]
    names = ["config.json", "history.csv", "loss.svg", "vocab.json"]
    assert sorted(contents(finished_run)) == sorted(
        [*names, *(f"{name}.safetensors" for name in tensors)]
    )
    loaded, history = load_run(finished_run)
    assert loaded.finished
    assert history.numbers.tolist() == list(range(1, 21))
    assert history[-1].loss < history[0].loss
    assert [r.step for r in history if not math.isnan(r.valid_loss)] == [5, 10, 15, 20]
    assert b"<svg" in (finished_run / "loss.svg").read_bytes()


def test_train_saves_at_intervals_at_each_new_best_and_at_the_end(text, tmp_path, monkeypatch):
    saves, measured = [], iter([3.0, 2.0, 2.5, 2.2, 1.9, 9.0, 1.0])  # after 3, 6, … 18 and 20 steps
    monkeypatch.setattr("charseq.language_model.evaluate", lambda *_, **__: next(measured))
    monkeypatch.setattr(
        "charseq.trainer.save_run", lambda _, run, __, best: saves.append((run.step, best))
    )
    train(text, tmp_path / "run", "--save-every=7", "--evaluate-every=3")
    assert saves[:-1] == [(3, True), (6, True), (7, False), (14, False), (15, True), (20, True)]
    assert saves[-1] == (20, False)


def test_train_prints_each_measurement_and_suggests_the_next_command(text, tmp_path):
    out = train(text, tmp_path / "run").splitlines()
    _, history = load_run(tmp_path / "run")
    assert out[:-2] == [str(history[step - 1]) for step in (5, 10, 15, 20)]
    assert out[-1] == (
        f"20 steps; the run is in {tmp_path / 'run'}. Next: charseq sample {tmp_path / 'run'}"
    )


def test_train_saves_every_option_in_the_configuration(text, tmp_path):
    options = {
        "cell": "lstm", "hidden": 8, "layers": 2, "embedding": 8, "dropout": 0.2,
        "forget-bias": 1.5, "steps": 3, "batch-size": 3, "length": 7, "order": "windows",
        "optimizer": "sgd", "lr": 0.125, "momentum": 0.5, "weight-decay": 0.25,
        "schedule": "linear", "warmup": 2, "clip-norm": 0.75, "valid": 0.2,
        "evaluate-every": 2, "evaluate-on": 20, "patience": 9, "seed": 11,
        "precision": "bfloat16",
    }  # fmt: skip
    flags = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    run_ok("train", text, "--out", tmp_path / "run", "--tied", *flags)
    config = json.loads((tmp_path / "run" / "config.json").read_bytes())
    assert config["model"] == {
        "vocab_size": len(set(text.read_text())), "hidden_size": 8, "cell": "LSTM",
        "num_layers": 2, "embedding_size": 8, "output_layer": True, "dropout": 0.2, "tied": True,
        "forget_bias": 1.5, "seed": 11, "fast": True,
    }  # fmt: skip
    assert config["settings"] == {
        "steps": 3, "batch_size": 3, "length": 7, "order": "windows", "optimizer": "sgd",
        "lr": 0.125, "momentum": 0.5, "weight_decay": 0.25, "schedule": "linear", "warmup": 2,
        "clip_norm": 0.75, "evaluate_every": 2, "evaluate_on": 20, "patience": 9, "seed": 11,
        "precision": "bfloat16",
    }  # fmt: skip
    read = text.read_text()
    assert config["text"] == {
        "text": str(text), "encoding": "utf-8", "valid": 0.2, "raw": False, "characters": len(read),
        "sha256": hashlib.sha256(Corpus.from_text(read).ids.tobytes()).hexdigest(),
    }  # fmt: skip


@pytest.mark.usefixtures("float64")
def test_plain_layers_train_like_fast_ones_and_folders_without_the_option_are_plain(text, tmp_path):
    runs = {}
    for name, flags in (("fast", []), ("plain", ["--plain"])):
        train(text, tmp_path / name, *flags)
        runs[name], history = load_run(tmp_path / name)
        assert runs[name].model.fast == (name == "fast")
        np.testing.assert_allclose(
            history.losses, load_run(tmp_path / "fast")[1].losses, rtol=0, atol=1e-9
        )
    edit_config(tmp_path / "plain", model__fast=REMOVED)
    assert load_run(tmp_path / "plain")[0].model.fast is False
    assert "20 steps" in run_ok("resume", tmp_path / "plain")


def test_zero_turns_an_option_off(text, tmp_path):
    zeros = ["--steps=2", "--clip-norm=0", "--patience=0", "--embedding=0", "--valid=0"]
    out = train(text, tmp_path / "run", *zeros)
    loaded, history = load_run(tmp_path / "run")
    assert loaded.settings.clip_norm is loaded.settings.patience is None
    assert loaded.model.embedding is None
    assert all(math.isnan(record.valid_loss) for record in history)
    assert out.count("\n") == 1


def test_a_built_in_text_needs_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "time-zones").write_text("the name wins over a file")
    run_ok("train", "time-zones", "--steps", 1, "--hidden", 4)
    config = json.loads(Path("run/config.json").read_bytes())
    assert config["text"]["text"] == "time-zones"
    assert config["settings"] == asdict(Settings(steps=1))  # the defaults are the same
    run_ok("resume", "run")
    assert json.loads(run_ok("eval", "run", "time-zones", "--json"))["characters"] > 1000


def test_sample_every_prints_samples_and_does_not_change_training(text, tmp_path, finished_run):
    out = train(text, tmp_path / "run", "--sample-every", "10")
    weights = contents(finished_run)["weights.safetensors"]
    assert contents(tmp_path / "run")["weights.safetensors"] == weights
    assert len(out) > 2 * 195
    net, vocab = load_net(tmp_path / "run", best=False)
    (last,) = generate(net, vocab, length=200, rng=np.random.default_rng(20))
    assert f"{last}\nheld back: " in out


def test_train_with_json_prints_one_line_per_step_and_nothing_else(text, tmp_path):
    out = train(text, tmp_path / "run", "--sample-every", 2, "--json")
    rows = [json.loads(line, parse_constant=pytest.fail) for line in out.splitlines()]
    _, history = load_run(tmp_path / "run")
    assert [row["step"] for row in rows] == list(range(1, 21))
    assert [row["loss"] for row in rows] == history.losses.tolist()
    assert [row["step"] for row in rows if row["valid_loss"] is not None] == [5, 10, 15, 20]


def test_progress_in_a_terminal_shows_loss_speed_and_time_left(text, tmp_path, monkeypatch):
    clock, folder = [0.0], tmp_path / "run"
    monkeypatch.setattr("tqdm.std.time", lambda: clock.append(clock.pop() + 1) or clock[0])
    arguments = ["train", text, *SMALL, "--out"]
    code, out, err = run_main(*arguments, folder, err=Terminal())
    assert code == 0
    rest = r" \[\d\d:\d\d<\d\d:\d\d, +[\d.]+char/s, loss:\d\.\d+  bpc:\d"
    assert len(re.findall(rf" \d+%\|.*?\| [\d.]+/800{rest}", err)) > 5
    assert out.count("\n") == 6
    assert re.search(r"measuring, \d+ % read", err)
    edit_config(folder, settings__steps=40)
    _, _, err = run_main("resume", folder, err=Terminal())
    assert re.findall(r"\| ([\d.]+k?)/1\.60k", err)[0] == "800"  # not from 0
    assert run_main(*arguments, tmp_path / "json", "--json", err=Terminal())[2] == ""


# --- resuming -------------------------------------------------------------------------------------

LONG = ["--steps=1500", "--save-every=1000000", "--evaluate-every=50"]
# The command, but it sends itself an interrupt once it has printed LINES_LEFT lines, and waits for
# it. So the step at which it stops does not depend on a clock. It computes in float64, because the
# tests below compare runs of many steps that add in different orders, which drift apart in float32.
INTERRUPTED = """\
import os, signal, sys
from threading import Event
import torch
import charseq.language_model
from charseq.cli import main

charseq.language_model.perf_counter = lambda: 0.0
torch.set_default_dtype(torch.float64)
# A shell that starts pytest in the background has its children ignore interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
lines_left, target, write = int(os.environ.get("LINES_LEFT", -1)), os.getpid(), sys.stdout.write
if "RANK" in os.environ:  # interrupt torch's launcher, which passes the signal on
    target = os.getppid()

def write_and_count(text):
    global lines_left
    write(text)
    before, lines_left = lines_left, lines_left - text.count("\\n")
    if before > 0 >= lines_left:
        arrived, handler = Event(), signal.getsignal(signal.SIGINT)
        signal.signal(signal.SIGINT, lambda *arguments: (arrived.set(), handler(*arguments)))
        os.kill(target, signal.SIGINT)
        while not arrived.wait(0.01):  # Python runs a signal handler between two waits
            pass

sys.stdout.write = write_and_count
main()
"""
posix = pytest.mark.skipif(os.name != "posix", reason="signals work differently on this system")


@pytest.fixture(scope="module")
def interrupted_command(tmp_path_factory):
    file = tmp_path_factory.mktemp("command") / "interrupted.py"
    file.write_text(INTERRUPTED)
    return file


@pytest.fixture
def float64():
    """Compute in float64 by default, as INTERRUPTED does."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@posix
@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_an_interrupted_run_resumes_and_ends_exactly_like_an_uninterrupted_one(
    interrupted_command, text, tmp_path
):
    whole, folder = tmp_path / "whole", tmp_path / "interrupted"
    train(text, whole, "--steps=60")
    commands = [
        (25, 25, ["train", text, "--out", folder, *SMALL, "--steps=60", "--json"]),
        (20, 45, ["resume", folder, "--json"]),
    ]
    for lines, stop, arguments in commands:
        code, out, err = run_in_new_process(
            *arguments,
            start=[sys.executable, interrupted_command],
            env=os.environ | {"LINES_LEFT": str(lines)},
        )
        assert code == 130, err
        run, history = load_run(folder)
        assert run.step == len(history) == stop
        assert out.count("\n") == lines
        assert err == (
            f"charseq: interrupted; the run is saved at step {stop}, and "
            f"`charseq resume {folder}` goes on from there\n"
        )
    run_ok("resume", folder)
    expected, resumed = contents(whole), contents(folder)
    assert sorted(expected) == sorted(resumed)
    assert all(expected[name] == resumed[name] for name in expected if name != "loss.svg")


@pytest.fixture
def default_interrupts():
    """Let Python handle interrupts, as in a terminal; the command must leave it so."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


@pytest.mark.usefixtures("default_interrupts")
def test_an_interrupt_takes_effect_after_the_current_step(text, tmp_path, monkeypatch):
    def interrupt(*arguments, **options):
        os.kill(os.getpid(), signal.SIGINT)
        return evaluate(*arguments, **options)

    monkeypatch.setattr("charseq.language_model.evaluate", interrupt)
    code, out, err = run_main("train", text, "--out", tmp_path / "run", *SMALL)
    loaded, history = load_run(tmp_path / "run")
    assert code == 130
    assert "interrupted; the run is saved at step 5, and `charseq resume " in err
    assert out == f"{history[-1]}\n"
    assert loaded.step == len(history) == 5
    assert loaded.best_loss == history[-1].valid_loss


def test_an_interrupt_before_anything_has_begun_shows_no_traceback(monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("charseq.cli._join_processes_if_any", interrupt)
    assert run_main("info", "run") == (130, "", "")


@pytest.mark.usefixtures("default_interrupts")
def test_a_second_interrupt_takes_effect_at_once(text, tmp_path, monkeypatch):
    calls = []

    def steps(*_):
        os.kill(os.getpid(), signal.SIGINT)
        calls.append("after the first")
        os.kill(os.getpid(), signal.SIGINT)
        calls.append("after the second")
        yield

    monkeypatch.setattr("charseq.language_model._language_model_steps", steps)
    assert run_main("train", text, "--out", tmp_path / "run", *SMALL)[0] == 130
    assert calls == ["after the first"]
    assert load_run(tmp_path / "run")[0].step == 0


def test_sigint_stays_ignored_if_it_was(text, tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        train(text, tmp_path / "run")
    finally:
        assert signal.signal(signal.SIGINT, before) is signal.SIG_IGN


@posix
@pytest.mark.usefixtures("default_interrupts")
def test_a_signal_to_terminate_saves_and_ends_like_an_interrupt(text, tmp_path, monkeypatch):
    def terminate(*arguments, **options):
        os.kill(os.getpid(), signal.SIGTERM)
        return evaluate(*arguments, **options)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("charseq.language_model.evaluate", terminate)
    code, _, err = run_main("train", text, "--out", tmp_path / "run", *SMALL)
    assert code == 128 + signal.SIGTERM
    assert "interrupted; the run is saved at step 5, and `charseq resume " in err
    assert load_run(tmp_path / "run")[0].step == 5
    assert signal.getsignal(signal.SIGTERM) is before


@posix
@pytest.mark.usefixtures("default_interrupts")
def test_a_signal_before_the_first_step_and_one_at_the_end_leave_a_whole_run(
    text, tmp_path, monkeypatch
):
    def terminate_at(name):
        """Let the first call of a function begin with a signal to the process."""
        real, signals = getattr(trainer, name), [signal.SIGTERM]

        def call(*arguments, **options):
            if signals:
                os.kill(os.getpid(), signals.pop())
            return real(*arguments, **options)

        monkeypatch.setattr(f"charseq.trainer.{name}", call)

    folder = tmp_path / "run"
    terminate_at("start_folder")
    code, _, err = run_main("train", text, "--out", folder, *SMALL)
    assert code == 128 + signal.SIGTERM
    assert "interrupted; the run is saved at step 1, and `charseq resume " in err
    terminate_at("plot_loss_of_run")
    assert "20 steps; the run is in" in run_ok("resume", folder)
    terminate_at("change_config")
    code, _, err = run_main("resume", folder, "--steps", 30)
    assert code == 128 + signal.SIGTERM
    assert "interrupted; the run is saved at step 21, and `charseq resume " in err
    assert "30 steps; the run is in" in run_ok("resume", folder)


def test_a_figure_that_cannot_be_saved_is_said_and_the_run_is_over(text, tmp_path):
    (tmp_path / "run" / "loss.svg").mkdir(parents=True)
    code, out, err = run_main("train", text, "--out", tmp_path / "run", *SMALL)
    assert (code, "20 steps; the run is in" in out) == (0, True)
    assert re.fullmatch(
        r"charseq: the run is saved, but not the figure .*loss.svg \(.*it is a folder.*\)\n", err
    )


# --- other settings, another place, another text --------------------------------------------------


def test_resume_says_that_a_run_was_over(run):
    before = contents(run)
    out = run_ok("resume", run)
    assert out.splitlines() == [
        "the run is over: all its 20 steps have been made; "
        f"charseq resume {run} --steps N goes on until step N",
        f"20 steps; the run is in {run}. Next: charseq sample {run}",
    ]
    assert contents(run)["weights.safetensors"] == before["weights.safetensors"]


def test_a_run_goes_on_for_more_steps_as_if_it_had_had_them_from_the_start(text, tmp_path):
    constant = ["--schedule=constant"]
    train(text, tmp_path / "whole", *constant, "--steps=30")
    train(text, tmp_path / "longer", *constant)
    out = run_ok("resume", tmp_path / "longer", "--steps=30")
    assert "is over" not in out
    whole, longer = contents(tmp_path / "whole"), contents(tmp_path / "longer")
    assert all(whole[name] == longer[name] for name in whole if name != "loss.svg")


def test_resume_changes_the_rate_and_saves_it(run):
    run_ok("resume", run, "--steps=24", "--lr=0.5", "--patience=7")
    loaded, history = load_run(run)
    assert (loaded.settings.lr, loaded.settings.patience, loaded.step) == (0.5, 7, 24)
    rates = [learning_rate(loaded.settings, step) for step in range(21, 25)]
    assert [record.lr for record in history][20:] == rates
    run_ok("resume", run, "--patience=0")
    assert load_run(run)[0].settings.patience is None


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        (
            "--steps=19",
            r"--steps 19 is too few: it .* has made 20 already, so give more \(--steps 30 makes 10",
        ),
        ("--steps=0", "steps must be an integer of at least 1, got 0"),
        ("--lr=-1", "lr must be positive and finite, got -1.0"),
        ("--text=absent.txt", "'.*absent.txt' is not a file"),
    ],
)
def test_resume_refuses_a_change_that_is_out_of_range(flag, message, run):
    with unchanged(run):
        refused(message, "resume", run, flag)


def test_when_patience_ends_a_run_each_command_says_so(text, tmp_path, monkeypatch):
    losses = iter([1.0, 2.0, 3.0])
    monkeypatch.setattr("charseq.language_model.evaluate", lambda *_, **__: next(losses))
    out = train(text, tmp_path / "run", "--patience=2", "--steps=100")
    ended = "patience: 2 measurements in a row without a new best loss, so the run {} at step 15 of"
    assert ended.format("ended") in out
    assert ended.format("is over") in run_ok("resume", tmp_path / "run")
    assert "15 of 100" in run_ok("info", tmp_path / "run")
    monkeypatch.setattr("charseq.language_model.evaluate", lambda *_, **__: 2.5)
    facts = json.loads(run_ok("info", tmp_path / "run", "--json"))
    length = len(text.read_text())
    characters = length - int(length * 0.1)
    assert facts["epochs_wanted"] == round(100 * 4 * 10 / characters, 4)
    assert facts["ended"] == "by patience: 2 measurements in a row without a new best loss"
    table = run_ok("info", tmp_path / "run")
    assert re.search("^ended +by patience: 2 measurements ", table, re.MULTILINE)
    out = run_ok("resume", tmp_path / "run", "--steps=20")  # its patience begins anew
    assert "patience: " not in out
    assert load_run(tmp_path / "run")[0].step == 20
    assert (
        not {"ended", "epochs_wanted"}
        & json.loads(run_ok("info", tmp_path / "run", "--json")).keys()
    )


@pytest.mark.parametrize("place", ["beside", "inside", "here", "said"])
def test_a_text_that_has_moved_is_found(place, text, tmp_path, monkeypatch):
    old, new = tmp_path / "old.txt", tmp_path / "runs" / "run"
    shutil.copy(text, old)
    train(old, new, "--steps=4")
    folder = {"beside": new.parent, "inside": new, "here": tmp_path / "here"}.get(place, tmp_path)
    folder.mkdir(exist_ok=True)
    moved = folder / ("new.txt" if place == "said" else "old.txt")
    flags = ["--text", moved] if place == "said" else []
    shutil.move(old, tmp_path / "away.txt")
    refused(
        r"'.*old.txt', which this run learns from, is gone: if it has moved, add --text NEW",
        "resume",
        new,
    )
    shutil.move(tmp_path / "away.txt", moved)
    monkeypatch.chdir(tmp_path / ("here" if place == "here" else ""))
    run_ok("resume", new, "--steps=6", *flags)
    assert load_run(new)[0].step == 6
    if place == "said":
        assert "6 steps" in run_ok("resume", new)  # the new place is saved
    with unchanged(new):
        (tmp_path / "other.txt").write_text("another text")
        refused(
            "other.txt' is not the text that this run",
            "resume",
            new,
            "--text",
            "../other.txt" if place == "here" else tmp_path / "other.txt",
        )


# --- starting from a network ----------------------------------------------------------------------


@pytest.mark.parametrize("network", [[], ["--embedding=8"], ["--embedding=8", "--tied"]], ids=str)
def test_a_run_starts_from_another_and_keeps_all_that_it_has_learned(network, text, tmp_path):
    train(text, tmp_path / "old", *network)
    other = tmp_path / "other.txt"
    other.write_text("Über the Übung and so on. " * 40)
    flags = ["--out", tmp_path / "new", *SMALL[1:], "--init-from", tmp_path / "old", "--dropout=.2"]
    run_ok("train", other, *flags, "--steps=1", "--lr=1e-30")
    old, known = load_model(tmp_path / "old")
    new, vocab = load_model(tmp_path / "new")
    assert vocab.chars[: len(known)] == known.chars
    assert set(vocab.chars) == {*known.chars, *other.read_text()}
    assert new.options == old.options | {
        "vocab_size": len(vocab), "dropout": 0.2, "seed": new.options["seed"],
    }  # fmt: skip
    for name, weight in new.state_dict().items():
        trained = old.state_dict()[name]
        torch.testing.assert_close(
            weight[tuple(map(slice, trained.shape))], trained, rtol=0, atol=1e-28
        )
    run_ok("resume", tmp_path / "new", "--steps=5", "--lr=0.01")
    assert load_run(tmp_path / "new")[0].step == 5
    assert json.loads(run_ok("eval", tmp_path / "new", "--json"))["characters"] == 104


def test_a_network_that_starts_from_another_has_its_size(finished_run, text, tmp_path):
    flags = ["--out", tmp_path / "new", "--init-from", finished_run]
    refused(
        "the network to start from keeps its --hidden 8: leave that out",
        "train", text, *flags, "--hidden=9",
    )  # fmt: skip
    refused("absent does not exist", "train", text, *flags[:3], tmp_path / "absent")
    assert not (tmp_path / "new").exists()


def test_resume_works_from_another_directory(text, tmp_path, monkeypatch):
    monkeypatch.chdir(text.parent)
    train(text.name, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    before = contents("run")
    assert "20 steps; the run is in run." in run_ok("resume", "run")
    assert contents("run").keys() == before.keys()
    assert contents("run")["weights.safetensors"] == before["weights.safetensors"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t + "t", r"\d+ characters, not \d+"),
        (lambda t: t[:-1], r"\d+ characters, not \d+"),
        (lambda t: "Z" + t[1:], "as many characters, but not the same ones"),
        (lambda t: t[1] + t[0] + t[2:], "as many characters, but not the same ones"),
        (lambda t: t.replace("x", "z"), "as many characters, but not the same ones"),
    ],
)
def test_resume_refuses_another_text(change, message, run, text, tmp_path):
    file = tmp_path / "words.txt"
    file.write_text(change(text.read_text()))
    edit_config(run, text__text=str(file))
    with unchanged(tmp_path):
        refused(rf"words.txt' has changed since this run began \({message}\): ", "resume", run)


def test_a_run_without_a_digest_of_its_text_can_be_resumed(run):
    edit_config(run, text__sha256=REMOVED)
    assert "20 steps" in run_ok("resume", run)


def test_a_diverging_run_says_so_and_saves_its_last_good_step(text, tmp_path):
    wild = ["--optimizer=sgd", "--lr=1e38", "--clip-norm=0", "--evaluate-every=0"]
    folder = tmp_path / "run"
    refused("step [23]: the loss is .* try a lower", "train", text, "--out", folder, *SMALL, *wild)
    loaded, history = load_run(folder)
    assert loaded.step == len(history) >= 1


# --- learning goes wrong --------------------------------------------------------------------------


def test_a_rate_that_is_too_high_is_told_at_step_100_and_the_run_goes_on(text, tmp_path):
    flags = ["--schedule=constant", "--steps=103", "--evaluate-every=0", "--lr=100"]
    code, out, err = run_main("train", text, "--out", tmp_path / "run", *SMALL, *flags)
    assert code == 0
    assert "103 steps; " in out
    assert re.fullmatch(
        r"charseq: after step 100 the loss is \d+\.\d\d, but a network that knows nothing has "
        r"2\.\d\d, which is ln \d+; try a tenth of the learning rate \(Error messages: .*\)\n",
        err,
    )


@pytest.mark.parametrize("cell", ["GRU", "LSTM"])
@pytest.mark.parametrize(("free", "told"), [(0, True), (1, True), (2, False)])
def test_saturated_units_are_told(cell, free, told, text):
    corpus = Corpus.from_text(text.read_text())
    run = Run(CharRNN(len(corpus.vocab), 5, cell=cell), corpus.vocab, Settings(), step=100)
    assert monitor.find_saturated_units(run) == ""
    h = torch.tensor([-1.0, 0.0, 1.0, 0.995, -0.005] * 5).reshape(1, 5, 5)
    h[0, :free, 0] = 0.5
    run.hidden = (h, torch.full_like(h, 9.0)) if cell == "LSTM" else h
    warning = monitor.find_saturated_units(run)
    assert bool(warning) is told
    assert not told or f"after step 100, {100 - 4 * free} % of the units are saturated" in warning


def record_of(step, valid_bits=math.nan, loss=1.0):
    return UpdateRecord(step, loss, 1.0, 0.1, valid_bits * math.log(2))


@pytest.mark.parametrize(
    ("bits", "told"),
    [
        ([1, 2, 3, 4], True),
        ([1, math.nan, 2, 3, 4, 5], True),
        ([1, 2, 3], False),
        ([2, 1, 3, 4, 5], False),  # it has fallen first, so there is a best
        ([1, 2, 2, 4], False),
    ],
)
def test_a_held_back_loss_that_only_rises_is_told(bits, told):
    warning = monitor.find_rising_loss([record_of(n, b) for n, b in enumerate(bits, 1)])
    assert bool(warning) is told
    assert not told or f"from 1.000 to {bits[-1]}.000 bits" in warning


def test_the_sentences_name_pages_that_exist(text):
    corpus = Corpus.from_text(text.read_text())
    run = Run(CharRNN(len(corpus.vocab), 5), corpus.vocab, Settings(), hidden=torch.ones(1, 4, 5))
    titles = {page.read_text().split("\n# ", 1)[1].partition("\n")[0] for page in FIX.glob("*.md")
              if page.name != "index.md"}  # fmt: skip
    sentences = [
        monitor.find_high_loss([record_of(100, loss=9.0)], 3),
        monitor.find_rising_loss([record_of(n, n) for n in range(5)]),
        monitor.find_saturated_units(run),
    ]
    named = re.findall(r"\(Error messages: (.*?)\)", " ".join(sentences))
    assert len(named) == 3
    assert set(named) <= titles
    assert monitor.find_high_loss([record_of(100, loss=1.1)], 3) == ""
    assert monitor.find_high_loss([record_of(100, loss=9.0)], 1) == ""


def test_a_warning_is_printed_once_and_in_json_runs_too(text, tmp_path, monkeypatch):
    losses = iter(range(1, 100))
    monkeypatch.setattr("charseq.language_model.evaluate", lambda *_, **__: float(next(losses)))
    flags = [*SMALL, "--steps=40", "--json"]
    code, out, err = run_main("train", text, "--out", tmp_path / "run", *flags)
    assert (code, out.count("\n")) == (0, 40)
    assert re.fullmatch(r"charseq: the loss on the held-back text only rises, from .*\n", err)


# --- two writers ----------------------------------------------------------------------------------


def test_a_second_writer_is_refused_and_readers_are_not(run, text, tmp_path):
    names = sorted(contents(run))
    (tmp_path / "new").mkdir()
    with another_writer(run), another_writer(tmp_path / "new"):
        before = contents(tmp_path)
        in_use = "another process is writing in .*{}: wait until it has ended, or interrupt it"
        refused(in_use.format("run"), "resume", run)
        refused(in_use.format("new"), "train", text, "--out", tmp_path / "new", *SMALL)
        refused(in_use.format("new"), "shrink", run, "--out", tmp_path / "new")
        assert "20 of 20" in run_ok("info", run)
        assert len(run_ok("sample", run, "--length", 7)) == 8
        assert "perplexity" in run_ok("eval", run, text)
        run_ok("shrink", run, "--out", tmp_path / "small")
        assert contents(tmp_path).items() >= before.items()
    assert "20 steps" in run_ok("resume", run)
    assert sorted(contents(run)) == names


@pytest.mark.parametrize("command", ["train", "resume"])
def test_a_run_is_locked_from_its_first_step_to_its_last(command, text, tmp_path, monkeypatch):
    folder, tries = tmp_path / "run", []

    def try_to_lock(*_, **__):
        with pytest.raises(BlockingIOError), another_writer(folder):
            tries.append("locked twice")
        tries.append("refused")

    arguments = [text, "--out", folder, *SMALL, "--steps=4", "--evaluate-every=1"]
    if command == "resume":
        run_ok("train", *arguments)
        edit_config(folder, settings__steps=8)
        arguments = [folder]
    for function in ("print_record", "plot_loss_of_run"):
        monkeypatch.setattr(f"charseq.trainer.{function}", try_to_lock)
    run_ok(command, *arguments)
    assert tries == ["refused"] * 5
    assert not (folder / "run.lock").exists()


@posix
@pytest.mark.slow
def test_two_processes_cannot_train_in_one_folder(text, tmp_path):
    folder = tmp_path / "run"
    arguments = ["train", text, "--out", folder, *SMALL, *LONG, "--save-every=1", "--json"]
    with subprocess.Popen([*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE) as child:
        child.stdout.readline()  # it trains
        refused("another process is writing in", "resume", folder)
        refused("another process is writing in", "train", text, "--out", folder, *SMALL)
        for _ in range(20):  # beside a writer, no reader finds anything missing
            load_run(folder)
            run_ok("info", folder)
        child.send_signal(signal.SIGKILL)
    step = load_run(folder)[0].step
    assert 1 <= step < 1500
    edit_config(folder, settings__steps=step + 1)
    assert f"{step + 1} steps" in run_ok("resume", folder)  # the lock has ended with its process


# --- several processes ----------------------------------------------------------------------------

LAUNCH = """\
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from torch.distributed.run import main; main()
"""
LAUNCHER = [sys.executable, "-c", LAUNCH, "--standalone"]
TWO_PROCESS_RUN = [*SMALL, "--batch-size=6", "--steps=60", "--save-every=1000", "--lr=0.002"]
TIMEOUT = 600  # seconds; no test needs a tenth of that, so one that takes longer has hung


def run_in_processes(command, processes, *arguments, lines=-1):
    """Run the command in several processes, with torch's own launcher."""
    return subprocess.run(
        [*LAUNCHER, f"--nproc-per-node={processes}", command, *map(str, arguments)],
        env=os.environ | {"LINES_LEFT": str(lines)},
        capture_output=True, text=True, check=False, timeout=TIMEOUT,
    )  # fmt: skip


@pytest.fixture
def single_process_run(float64, text, tmp_path):
    """An uninterrupted run of one process, loaded."""
    run_ok("train", text, "--out", tmp_path / "alone", *TWO_PROCESS_RUN)
    return load_run(tmp_path / "alone")


@pytest.fixture(scope="module")
def interrupted_run(interrupted_command, text, tmp_path_factory):
    """A run of two processes that was interrupted at step 30, and what they printed."""
    folder = tmp_path_factory.mktemp("interrupted_run") / "run"
    arguments = ["train", text, "--out", folder, *TWO_PROCESS_RUN, "--json"]
    ran = run_in_processes(interrupted_command, 2, *arguments, lines=30)
    assert ran.returncode != 0
    return folder, [json.loads(line) for line in ran.stdout.splitlines()], ran.stderr


@posix
@pytest.mark.slow
def test_two_interrupted_processes_stop_at_the_same_step_and_save_it(
    interrupted_run, single_process_run
):
    folder, rows, err = interrupted_run
    run, history = load_run(folder)
    assert 30 <= run.step < 60
    assert [row["step"] for row in rows] == list(range(1, run.step + 1))  # no step twice
    assert [row["loss"] for row in rows] == history.losses.tolist()
    np.testing.assert_allclose(
        history.losses, single_process_run[1].losses[: run.step], rtol=0, atol=1e-9
    )
    assert err.count("charseq: ") == 1
    assert f"charseq: interrupted; the run is saved at step {run.step}, and `charseq resu" in err


@posix
@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 3])
def test_one_or_three_processes_can_finish_a_run_that_two_began(
    processes, interrupted_run, single_process_run, interrupted_command, tmp_path
):
    folder = tmp_path / "run"
    shutil.copytree(interrupted_run[0], folder)
    ran = run_in_processes(interrupted_command, processes, "resume", folder)
    assert ran.returncode == 0, ran.stderr
    (expected, history), (run, records) = single_process_run, load_run(folder)
    last = f"60 steps; the run is in {folder}. Next: charseq sample {folder}"
    *_, measured, whole, end = ran.stdout.splitlines()
    assert (measured, whole[:10], end) == (str(records[-1]), "held back:", last)
    assert run.step == len(records) == 60
    np.testing.assert_allclose(records.losses, history.losses, rtol=0, atol=1e-9)
    assert run.best_loss == pytest.approx(expected.best_loss, abs=1e-9)


@pytest.mark.slow
def test_if_one_of_two_processes_fails_both_stop_with_one_error_message(
    interrupted_command, run, text
):
    with unchanged(run):
        arguments = ["train", text, "--out", run, *TWO_PROCESS_RUN]
        ran = run_in_processes(interrupted_command, 2, *arguments)
    assert ran.returncode != 0  # only rank 0 writes, so only rank 0 fails at first
    assert ran.stdout == ""
    assert re.findall("^charseq: .*", ran.stderr, re.MULTILINE) == [
        f"charseq: {run} holds a run already: resume it, or choose another folder (--out) for a "
        "new one"
    ]


RENDEZVOUS = sys.modules["torch.distributed.rendezvous"]  # `import` finds a function instead


@pytest.fixture
def store(monkeypatch):
    """Make the command believe that it is one of two processes, although it is the only one."""
    store = torch.distributed.HashStore()
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(RENDEZVOUS, "rendezvous", lambda url: iter([(store, 0, 1)]))
    yield store
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize("rank", [0, 1])
def test_only_rank_0_prints_and_writes(rank, store, text, tmp_path, monkeypatch):
    monkeypatch.setattr("charseq.trainer.rank_and_world_size", lambda: (rank, 2))
    out = train(text, tmp_path / "run")
    assert out.count("\n") == (0 if rank else 6)
    assert (tmp_path / "run").exists() == (tmp_path / "run" / "loss.svg").exists() == (rank == 0)


def test_only_one_of_several_failing_processes_prints_its_error(store, text, tmp_path):
    refused("absent does not exist", "resume", tmp_path / "absent")
    assert run_main("resume", tmp_path / "absent") == (1, "", "")


def test_a_process_fails_silently_if_rank_0_and_its_store_are_gone(store, tmp_path, monkeypatch):
    def gone(*_):
        raise RuntimeError("Connection reset by peer")

    monkeypatch.setattr(type(store), "add", gone)
    assert run_main("resume", tmp_path / "absent") == (1, "", "")


def test_a_world_size_of_1_needs_no_process_group(text, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setattr(RENDEZVOUS, "rendezvous", pytest.fail)
    train(text, tmp_path / "run")


# --- sampling -------------------------------------------------------------------------------------


def test_sample_prints_what_generate_returns(finished_run):
    net, vocab = load_net(finished_run)
    options = {"temperature": 0.7, "top_k": 5, "top_p": 0.9, "length": 70, "streams": 2}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    flags += ["--stop", "rw", "--stop", "ee"]
    options["stop"] = ["rw", "ee"]
    texts = generate(net, vocab, "the ", **options, rng=np.random.default_rng(3))
    assert min(map(len, texts)) < 70
    out = run_ok("sample", finished_run, "--prompt", "the ", "--seed", 3, *flags)
    assert out == f"the {texts[0]}\n{'-' * 60}\nthe {texts[1]}\n"
    as_json = run_ok("sample", finished_run, "--prompt", "the ", "--seed", 3, *flags, "--json")
    assert json.loads(as_json) == {"prompt": "the ", "texts": texts}
    nothing = run_ok("sample", finished_run, "--length", 0, "--streams", 2, "--json")
    assert json.loads(nothing)["texts"] == ["", ""]


def test_without_a_seed_each_sample_is_another_text_of_400_characters(finished_run):
    texts = [run_ok("sample", finished_run) for _ in range(2)]
    assert texts[0] != texts[1]
    assert len(texts[0]) == 401


def set_best_bias(run, char, value):
    """Save the last weights as the best ones, but with this bias of a character."""
    model, vocab = load_model(run, best=False)
    with torch.no_grad():
        model.head.bias[vocab.encode(char)] = value
    save_file(model.state_dict(), run / "best.safetensors", {"step": "20"})


def test_sample_ends_before_the_first_stop_string(finished_run):
    (free,) = json.loads(run_ok("sample", finished_run, "--seed", 1, "--json"))["texts"]
    flags = ("--stop", "e", "--stop", "t", "--seed", 1, "--json")
    (cut,) = json.loads(run_ok("sample", finished_run, *flags))["texts"]
    assert cut == re.split("[et]", free)[0] != free


def test_sample_takes_the_best_weights_by_default(run):
    set_best_bias(run, "a", 1000.0)
    assert run_ok("sample", run, "--length", 5) == "aaaaa\n"
    assert run_ok("sample", run, "--length", 5, "--temperature", 0, "--last") != "aaaaa\n"


def test_a_text_is_printed_while_it_is_written(finished_run):
    command = [*COMMAND, "sample", finished_run, "--length", str(10**12), "--streams", "2"]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE) as child:
        assert len(child.stdout.read(3000)) == 3000
        child.kill()


@pytest.mark.parametrize(
    ("known", "prompt", "form"), [("\u00e9", "e\u0301", "NFC"), ("e\u0301", "\u00e9", "NFD")]
)
def test_a_prompt_in_another_form_of_unicode_gets_a_hint(known, prompt, form, tmp_path):
    (tmp_path / "t.txt").write_text(f"un caf{known} au lait\n" * 60, "utf-8")
    train(tmp_path / "t.txt", tmp_path / "run", "--steps=1")
    message = (
        f"position [34], .* the network knows it in another encoding, the Unicode form {form}$"
    )
    refused(message, "sample", tmp_path / "run", "--prompt", f"caf{prompt}")


def test_an_output_that_cannot_show_a_character_prints_one_sentence(tmp_path):
    (tmp_path / "t.txt").write_text("é" * 900, "utf-8")
    train(tmp_path / "t.txt", tmp_path / "run", "--steps=1")
    arguments, env = ["sample", tmp_path / "run"], os.environ | {"PYTHONIOENCODING": "ascii"}
    code, _, err = run_in_new_process(*arguments, env=env)
    assert code == 1
    assert re.fullmatch(
        r"charseq: the output is set to ascii, which cannot show the character U\+00E9: run it "
        r"with PYTHONIOENCODING=utf-8, or add --json\n",
        err,
    )
    assert run_in_new_process(*arguments, "--json", env=env)[0] == 0


# --- control characters ---------------------------------------------------------------------------


EVIL = "a\x1b]0;owned\x07\x9b2J\r\x7f\t\u2028\ud800"


def test_info_shows_control_characters_of_a_folder_and_does_not_print_them(run):
    edit_config(run, text={"text": EVIL}, settings={"steps": EVIL})
    out = run_ok("info", run)
    assert r"text" in out
    assert out.count(r"a\x1b]0;owned\x07\x9b2J\r\x7f\t") == 2
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]", out)


def test_errors_show_control_characters_and_do_not_print_them(run, tmp_path):
    edit_config(run, format=2, charseq=EVIL)
    folder = run.rename(tmp_path / "r\x1b[31m")
    message = r"r\\x1b\[31m was made by charseq a\\x1b\]0;owned"
    for command in ("info", "sample", "resume"):
        refused(message, command, folder)


def escaping_run(folder):
    """Make a folder whose network writes every control character that a file of text may hold."""
    characters = "".join(map(chr, range(1, 0xA0))) + "\u2028"
    (folder / "t.txt").write_text(characters * 9, "utf-8", newline="")
    train(folder / "t.txt", folder / "run", "--steps=1", "--valid=0", "--raw")
    return folder / "run"


@pytest.mark.parametrize("flags", [[], ["--top-k=200"], ["--streams=2"]])
def test_a_terminal_does_not_obey_what_a_network_writes(flags, tmp_path):
    arguments = ["sample", escaping_run(tmp_path), "--length=3000", "--seed=1", *flags]
    file = run_ok(*arguments)
    code, shown, _ = run_main(*arguments, out=Terminal())
    assert code == 0
    assert "\x1b" in file  # a file gets the network's output, character by character
    assert r"\x1b" in shown
    assert re.sub("\r\n", "\n", shown) == re.sub(
        r"\r\n|[\x00-\x08\x0b-\x1f\x7f-\x9f]",
        lambda found: "\n" if found[0] == "\r\n" else repr(found[0])[1:-1],
        file,
    )


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["a\r\nb"], "a\r\nb\n"),
        (["a\r", "\nb"], "a\r\nb\n"),
        (["a\r", "b"], "a\\rb\n"),
        (["a\r"], "a\\r\n"),
        (["a\r", "\r", "\n", "\tb"], "a\\r\r\n\tb\n"),
        ([], "\n"),
    ],
)
def test_the_end_of_a_line_may_be_cut_between_two_pieces(pieces, shown, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    _terminal.print_text(pieces)
    assert sys.stdout.getvalue() == shown


def test_samples_of_a_training_run_are_escaped_in_a_terminal(tmp_path):
    escaping_run(tmp_path)
    arguments = [tmp_path / "t.txt", *SMALL, "--steps=2", "--valid=0", "--sample-every=1", "--raw"]
    for out, escaped in ((io.StringIO(), False), (Terminal(), True)):
        folder = tmp_path / f"{escaped}"
        assert run_main("train", *arguments, "--out", folder, out=out)[0] == 0
        controls = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", out.getvalue())
        assert (controls is None) == escaped


# --- measuring, shapes, info ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "how"),
    [
        ([], {"batch_size": 1}),  # in one piece
        (["--last"], {"batch_size": 1}),
        (["--rows", 2], {"batch_size": 2, "warm_up": 1000}),
    ],
)
def test_eval_prints_what_evaluate_returns(flags, how, finished_run, text):
    printed = json.loads(run_ok("eval", finished_run, text, "--json", *flags))
    model, vocab = load_model(finished_run, best="--last" not in flags)
    loss = evaluate(model, Corpus.from_text(text.read_text(), vocab), **how)
    assert printed == {
        "characters": len(text.read_text()),
        "loss": loss,
        "bits_per_character": loss / math.log(2),
        "perplexity": math.exp(loss),
    }
    table = run_ok("eval", finished_run, text, *flags)
    assert f"bits per character  {loss / math.log(2):.4f}\n" in table
    assert table.count("\n") == 4


def test_eval_without_a_text_measures_what_the_run_has_held_back(finished_run, text, tmp_path):
    characters = text.read_text()
    (tmp_path / "end.txt").write_text(characters[-int(len(characters) * 0.1) :])
    assert run_ok("eval", finished_run) == run_ok("eval", finished_run, tmp_path / "end.txt")
    train(text, tmp_path / "all", "--valid=0")
    refused("all has held no text back: name a text to measure on", "eval", tmp_path / "all")


def test_train_ends_with_the_number_that_eval_prints(text, tmp_path):
    long = tmp_path / "long.txt"
    long.write_text(text.read_text() * 12)
    out = train(long, tmp_path / "run", "--valid=0.5").splitlines()
    bits = json.loads(run_ok("eval", tmp_path / "run", "--json"))["bits_per_character"]
    assert out[-2] == f"held back: {bits:.3f} bits per character, with the best weights"


def test_held_back_text_that_takes_long_is_not_read_at_the_end(text, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "READ_AT_THE_END", 79)
    held_back = int(0.1 * len(text.read_text()))
    out = train(text, tmp_path / "short").splitlines()
    assert out[-2] == (
        f"held back: {held_back} characters, of which each measurement read {held_back - 1}; "
        f"charseq eval {tmp_path / 'short'} reads all"
    )
    # 80 steps learn from 3200 characters, and held_back is less than a tenth of that.
    assert "with the best weights" in train(text, tmp_path / "long", "--steps=80")


def test_an_infinite_perplexity_is_null_in_json(run, tmp_path):
    (tmp_path / "t.txt").write_text("ttt")
    for bias in (100.0, 1e6):
        set_best_bias(run, "a", bias)
        printed = json.loads(run_ok("eval", run, tmp_path / "t.txt", "--json"))
        assert printed["loss"] > 0.9 * bias
        assert printed["perplexity"] == (math.exp(printed["loss"]) if bias == 100 else None)
    assert "perplexity          inf" in run_ok("eval", run, tmp_path / "t.txt")


def test_shapes_prints_the_tables_of_layer_shapes():
    options = {
        "num_layers": 2, "bias": False, "batch_first": True, "bidirectional": True,
        "proj_size": 3, "batch_size": 5, "length": 7,
    }  # fmt: skip
    flags = "--layers 2 --no-bias --batch-first --bidirectional --proj-size 3 --batch 5 --length 7"
    for words, expected in (
        ("lstm 10 16", LayerShapes("lstm", 10, 16)),
        (f"lstm 10 16 {flags}", LayerShapes("lstm", 10, 16, **options)),
        ("gru 3 4 --batch 0", LayerShapes("gru", 3, 4, batch_size=None)),
    ):
        assert run_ok("shapes", *words.split()) == f"{expected}\n"
        printed = json.loads(run_ok("shapes", *words.split(), "--json"))
        assert printed == json.loads(json.dumps(expected.to_dict()))


def test_info_prints_what_is_in_the_folder(finished_run, text):
    _, history = load_run(finished_run)
    best = min(r.valid_loss for r in history if not math.isnan(r.valid_loss)) / math.log(2)
    facts = json.loads(run_ok("info", finished_run, "--json"))
    length = len(text.read_text())
    assert facts.pop("settings")["steps"] == 20
    assert facts == {
        "network": "LSTM 8",
        "parameters": sum(p.numel() for p in load_model(finished_run)[0].parameters()),
        "vocabulary": len(set(text.read_text())),
        "text": str(text),
        "characters": len(text.read_text()),
        "steps": "20 of 20",
        "epochs": round(20 * 4 * 10 / (length - int(length * 0.1)), 4),
        "seconds_per_step": 0.0,
        "loss": round(history[-1].loss, 4),
        "best_valid_bits_per_character": round(best, 4),
    }
    table = run_ok("info", finished_run)
    assert f"best valid bits per character  {best:.4f}\n" in table
    assert table.count("\n") == 10


def test_info_ignores_steps_after_the_saved_one(run):
    _, history = load_run(run)
    type(history)((*history, history[-1].__class__(21, 1.0, 1.0, 1.0))).to_csv(run / "history.csv")
    assert json.loads(run_ok("info", run, "--json"))["steps"] == "20 of 20"


def test_what_a_run_has_not_measured_is_left_out(text, tmp_path):
    folder = tmp_path / "run"
    train(text, folder, "--valid", 0, "--layers", 2)
    facts = json.loads(run_ok("info", folder, "--json"))
    assert facts["network"] == "LSTM 8×8"
    assert "best_valid_bits_per_character" not in facts
    forget_checksums(folder)
    (folder / "history.csv").write_text("step,loss,gradient_norm,lr,valid_loss\r\n", newline="")
    assert "loss" not in json.loads(run_ok("info", folder, "--json"))
    (folder / "loss.svg").unlink()
    run_ok("resume", folder)
    assert not (folder / "loss.svg").exists()


def test_shrink_makes_a_folder_that_writes_and_shows_its_step(finished_run, tmp_path):
    out = run_ok("shrink", finished_run, "--out", tmp_path / "small")
    assert out.endswith(f"small. Next: charseq sample {tmp_path / 'small'}\n")
    assert len(run_ok("sample", tmp_path / "small", "--length", 30, "--prompt", "the")) == 34
    assert "20 of 20" in run_ok("info", tmp_path / "small")
    message = "small exists already: choose a new folder"
    refused(message, "shrink", finished_run, "--out", tmp_path / "small")


# --- help -----------------------------------------------------------------------------------------


COMMANDS = {"_options", "_usage", "_version", "cli", "cli_infer", "cli_train"}
WRITING = COMMANDS | {
    "_checks", "_run_files", "_terminal", "checkpoint", "files", "history", "net", "reference",
    "sampling", "saved_state", "shapes", "vocab",
}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "heavy", "modules"),
    [
        (["--help"], set(), COMMANDS),
        (["train", "--help"], set(), COMMANDS),
        (["shapes", "lstm", "3", "4"], {"numpy"}, None),
        (["sample", "RUN", "--length", "3"], {"numpy"}, WRITING),
        (["info", "RUN"], {"numpy"}, None),
        (["sample", "absent"], {"numpy"}, None),
    ],
)
def test_commands_import_only_what_they_need(arguments, heavy, modules, finished_run):
    # A command has to import modules before it can start. How long that takes depends on the
    # machine, and benchmarks/ measures it. Which modules it imports does not depend on the machine.
    code = (
        "import sys\nfrom charseq.cli import main\ntry: main()\nfinally: print('\\n', *sys.modules)"
    )
    arguments = [str(finished_run) if part == "RUN" else part for part in arguments]
    _, out, _ = run_in_new_process(*arguments, start=[sys.executable, "-c", code])
    imported = set(out.splitlines()[-1].split())
    assert imported & {"torch", "numpy", "matplotlib"} <= heavy
    ours = {name[8:] for name in imported if name.startswith("charseq.")}
    assert ours == modules or modules is None


WITHOUT_TORCH = """\
import json, sys
sys.modules.update(dict.fromkeys(("torch", "matplotlib", "tqdm")))  # None: not to be found
from charseq.cli import main
for arguments in json.loads(sys.argv[1]):
    sys.argv[1:] = arguments
    try:
        main()
    except SystemExit as ending:
        print("code", ending.code or 0)
"""


def run_without_torch(*commands):
    """Run commands where torch is not installed; return their codes and outputs, and all errors."""
    arguments = json.dumps([list(map(str, command)) for command in commands])
    _, out, err = run_in_new_process(arguments, start=[sys.executable, "-c", WITHOUT_TORCH])
    *outputs, code = re.split(r"code (\d)\n", out)
    assert code == ""
    return outputs[1::2], outputs[::2], err


def test_a_trained_network_writes_where_torch_is_not_installed(finished_run, tmp_path):
    codes, outputs, err = run_without_torch(
        ["shrink", finished_run, "--out", tmp_path / "small"],
        ["sample", finished_run, "--length", 30],
        ["sample", tmp_path / "small", "--length", 30],
        ["info", finished_run],
        ["shapes", "gru", 3, 4],
    )
    assert (codes, err) == (["0"] * 5, "")
    assert min(map(len, outputs)) > 30


def test_what_needs_torch_says_so_where_it_is_not_installed(finished_run, text, tmp_path):
    codes, outputs, err = run_without_torch(
        ["train", text, "--out", tmp_path / "run"], ["resume", finished_run],
        ["eval", finished_run, text],
    )  # fmt: skip
    assert (codes, outputs) == (["1"] * 3, [""] * 3)
    sentence = (
        r"charseq: this command needs (torch|tqdm), which is not installed here: "
        r"pip install torch matplotlib tqdm\n"
    )
    assert re.fullmatch(f"({sentence}){{3}}", err)
    assert not (tmp_path / "run").exists()


def test_help_lists_every_command_and_a_wrong_option_prints_the_usage():
    out = run_ok("--help")
    for command in ("train", "resume", "sample", "shrink", "eval", "shapes", "info"):
        assert f"\n  {command} " in out
        assert f"Usage: charseq {command} " in run_ok(command, "--help")
    for arguments in (["sample"], ["sample", "a", "--lenght", "3"], ["trian"], ["shapes", "x"]):
        code, out, err = run_main(*arguments)
        assert (code, out) == (2, "")
        assert "Error: " in err
        assert "Usage: charseq" in err


@pytest.mark.slow
def test_a_closed_output_pipe_ends_the_command_silently(finished_run, text, tmp_path):
    for arguments in (
        ["sample", finished_run, "--length", 300, "--streams", 400],
        ["train", text, "--out", tmp_path / "run", *SMALL, *LONG, "--json"],
    ):
        with subprocess.Popen(
            [*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as child:
            child.stdout.read(10)
            child.stdout.close()
            err = child.stderr.read()
        assert child.returncode == 1
        assert err == b""
    loaded, history = load_run(tmp_path / "run")
    assert 1 <= loaded.step == len(history)


# --- bad input ------------------------------------------------------------------------------------


def write(data):
    """Return a function that writes a file with these bytes in a folder, and returns its path."""

    def write_in(folder):
        (folder / "t.txt").write_bytes(data)
        return folder / "t.txt"

    return write_in


GOOD = b"ab cd\n" * 100
good = write(GOOD)
# Each option once, in the way it is passed on; the modules' own tests say what else they refuse.
BAD_INPUTS = {
    "empty": (write(b""), [], "is empty"),
    "one character": (write(b"a"), [], "has 1 character, .* needs at least 45; take a longer"),
    "one character, none held back": (write(b"a"), ["--valid", 0], "2"),
    "invalid UTF-8": (write(GOOD + b"\xff\xfe" + GOOD), [], "byte 0xff at offset 600"),
    "another encoding": (write("é".encode("utf-16") * 99), ["--encoding", "ascii"], "not ascii"),
    "a directory": (lambda place: place, [], "is within the folder of the text"),
    "absent": (lambda place: place / "absent.txt", [], "absent.txt' is not a file"),
    "name with a zero byte": (lambda place: "a\0b", [], "."),
    "name too long": (lambda place: "x" * 5000, [], "."),
    "length beyond the text": (good, ["--length", 10_000], "--length 10000 needs 10001"),
    "batch beyond the text": (good, ["--batch-size", 10_000], "largest --batch-size that fi"),
    "hidden size 0": (good, ["--hidden", 0], "--hidden must be at least 1, got 0"),
    "hidden size beyond memory": (
        good,
        ["--hidden", 10**9],
        "--hidden 1000000000 needs about 64,000,000 TB",
    ),
    "hidden size beyond 64 bits": (good, ["--hidden", 10**30], "."),
    "layers beyond memory": (
        good,
        ["--layers", 1000, "--hidden", 9000],
        "--hidden 9000 with --layers 1000 needs",
    ),
    "no layers": (good, ["--layers", 0], "--layers must be at least 1, got 0"),
    "negative embedding": (good, ["--embedding", -1], "--embedding must be at least 1"),
    "unknown cell": (good, ["--cell", "cnn"], "one of RNN, GRU, LSTM, got 'cnn'"),
    "dropout of all": (good, ["--dropout", 1], "dropout must be at least 0 and below 1"),
    "tied without embedding": (good, ["--tied"], "--tied needs --embedding"),
    "forget bias is no number": (good, ["--forget-bias", "nan"], "--forget-bias must be fin"),
    "rate is no number": (good, ["--lr", "nan"], "lr must be positive and finite, got nan"),
    "no steps": (good, ["--steps", 0], "steps must be an integer of at least 1, got 0"),
    "negative clip": (good, ["--clip-norm", -1], "--clip-norm must be positive"),
    "negative patience": (good, ["--patience", -1], "patience must be"),
    "negative seed": (good, ["--seed", -1], "seed must be an integer of at least 0"),
    "seed beyond 64 bits": (good, ["--seed", 2**64], "seed must fit into 64 bits"),
    "all held back": (good, ["--valid", 1], "valid must be at least 0 and below 1, got 1"),
    "less than nothing held back": (good, ["--valid", -0.5], "valid must be .*, got -0.5"),
    "no share held back": (good, ["--valid", "nan"], "valid must be .*, got nan"),
    "no saves": (good, ["--save-every", 0], "--save-every must be an integer of at least 1"),
    "negative samples": (good, ["--sample-every", -1], "--sample-every must be an integer of"),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_bad_input_to_train_prints_one_sentence_and_writes_nothing(case, tmp_path):
    make_input, flags, message = BAD_INPUTS[case]
    source = make_input(tmp_path)
    with unchanged(tmp_path):
        refused(message, "train", source, "--out", tmp_path / "run", *SMALL, *flags)


@pytest.mark.parametrize("command", [("train", "time-zones"), ("shapes", "gru", 3, 4)])
def test_more_than_1000_layers_are_refused_at_once(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run_main(*command, "--layers", 10**8)
    assert (code, out) == (2, "")
    assert re.search("--layers must be less than or equal to 1000, got", err)
    assert contents(tmp_path) == {}


def test_sixteen_bytes_for_each_weight_have_to_fit_into_memory(text, tmp_path, monkeypatch):
    options = [*SMALL, "--cell=LSTM", "--embedding=3", "--layers=2"]
    needed = 16 * LayerShapes("LSTM", 3, 8, num_layers=2).parameter_count
    for memory, code in ((needed, 0), (needed - 1, 1)):
        monkeypatch.setattr(
            os, "sysconf", lambda name, memory=memory: memory if name == "SC_PHYS_PAGES" else 1
        )
        assert run_main("train", text, "--out", tmp_path / str(memory), *options)[0] == code
    monkeypatch.delattr(os, "sysconf")  # a system that does not report its memory
    train(text, tmp_path / "run")


def test_an_unreadable_text_prints_one_sentence(text, tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # file modes would not stop root from reading
    refused("permission denied", "train", text, "--out", tmp_path / "run")
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("run_exists", [True, False])
def test_a_full_disk_prints_one_sentence(run_exists, text, finished_run, tmp_path, monkeypatch):
    def raise_no_space(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = tmp_path / "run"
    arguments = ["train", text, "--out", folder, *SMALL]
    if run_exists:
        shutil.copytree(finished_run, folder)
        arguments = ["resume", folder]
    monkeypatch.setattr("charseq.files.write_all", raise_no_space)
    rest = "; the step saved before is still complete" if run_exists else ""
    rest += "; free some space on the disk"
    with unchanged(tmp_path):
        refused(f"could not be saved in .* \\(No space left on device\\){rest}\n$", *arguments)


def test_training_into_an_existing_run_or_file_prints_one_sentence(run, text, tmp_path):
    (tmp_path / "file").write_text("precious")
    with unchanged(tmp_path):
        for folder, message in (
            (run, "holds a run already: resume it"),
            (tmp_path / "file", "file is a file: a run needs a folder"),
            (tmp_path / "file" / "run", "could not be saved in"),
        ):
            refused(message, "train", text, "--out", folder, *SMALL)


@pytest.mark.parametrize("take", [bytearray, torch.empty])  # they raise different errors
def test_too_little_memory_prints_one_sentence(take, finished_run, monkeypatch):
    monkeypatch.setattr("charseq.sampling.generate_pieces", lambda *_, **__: take(10**15))
    refused("there is not enough memory", "sample", finished_run)


BUGS = {
    ValueError: lambda *_, **__: np.zeros(2) + np.zeros(3),
    TypeError: lambda *_, **__: len(3),
    IndexError: lambda *_, **__: np.zeros(2)[2],
    ZeroDivisionError: lambda *_, **__: 1 // 0,
    UnicodeDecodeError: lambda *_, **__: b"\xff".decode(),
    RuntimeError: lambda *_, **__: torch.zeros(2) + torch.zeros(3),
}


@pytest.mark.parametrize("kind", BUGS)
def test_a_bug_in_the_package_is_not_hidden(kind, finished_run, monkeypatch):
    monkeypatch.setattr("charseq.sampling.generate_pieces", BUGS[kind])
    with pytest.raises(kind):
        run_main("sample", finished_run)


def test_an_environment_variable_shows_where_any_error_comes_from(finished_run, monkeypatch):
    refused("temperature must be", "sample", finished_run, "--temperature", -1)
    monkeypatch.setenv("CHARSEQ_DEBUG", "1")
    with pytest.raises(ValueError, match="temperature must be"):
        run_main("sample", finished_run, "--temperature", -1)


DAMAGES = {  # the tests of checkpoint.py have many more
    "was made by charseq 9.9.9, in format 99, which this charseq": lambda folder: edit_config(
        folder, format=99, charseq="9.9.9"
    ),
    "vocab.json has 3 characters and the network": lambda folder: (
        folder / "vocab.json"
    ).write_text(Vocabulary("abc").to_json()),
    "does not exist; expected a run folder": shutil.rmtree,
    r"has been changed .*: undo the change, .* `charseq resume .*` with --steps": lambda folder: (
        folder / "config.json"
    ).write_text((folder / "config.json").read_text().replace('"steps": 20', '"steps": 40')),
}


@pytest.mark.parametrize("message", DAMAGES)
@pytest.mark.parametrize("command", ["resume", "sample", "eval", "info"])
def test_a_damaged_folder_prints_one_sentence_and_is_not_changed(
    command, message, run, text, tmp_path
):
    DAMAGES[message](run)
    with unchanged(tmp_path):
        refused(message, command, run, *([text] if command == "eval" else []))


@pytest.mark.parametrize("name", ["text", "encoding", "valid", "characters"])
def test_a_folder_that_does_not_name_its_text_cannot_be_resumed(name, run):
    edit_config(run, **{f"text__{name}": None})
    with unchanged(run):
        refused(f"does not say where the text came from: its '{name}' is None", "resume", run)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--prompt", "the Ω"],
            r"the prompt has 'Ω' \(U\+03A9\) at position 4, .* --skip-unknown$",
        ),
        (["--prompt", ""], "the prompt is empty"),
        (["--length", -1], "length must not be negative"),
        (["--temperature", "nan"], "temperature must be 0 or more and finite, got nan"),
        (["--top-k", -1], "--top-k must be at least 1, or 0, got -1"),
        (["--top-p", 0], "--top-p must be above 0 and at most 1, got 0.0"),
        (["--streams", 0], "streams must be at least 1, got 0"),
        (["--stop", ""], "a stop string is empty"),
        (["--seed", -1], "seed must be at least 0, got -1"),
    ],
)
def test_bad_input_to_sample_prints_one_sentence(flags, message, finished_run):
    with unchanged(finished_run):
        refused(message, "sample", finished_run, *flags)


def test_a_network_with_logits_that_are_not_finite_prints_one_sentence(run):
    huge = {k: torch.full_like(v, 3e38) for k, v in load_model(run)[0].state_dict().items()}
    save_file(huge, run / "best.safetensors", {"step": "20"})
    code, out, err = run_in_new_process("sample", run)
    assert (code, out) == (1, "")
    assert re.fullmatch("charseq: the largest logit is not a finite number[^\n]+\n", err)


def test_bad_input_to_eval_prints_one_sentence(finished_run, tmp_path):
    for case in ("empty", "invalid UTF-8", "a directory", "absent", "one character"):
        refused(".", "eval", finished_run, BAD_INPUTS[case][0](tmp_path))
    (tmp_path / "t.txt").write_text("a text with Ω")
    message = r"the text has 'Ω' \(U\+03A9\) at position 12, "
    refused(message, "eval", finished_run, tmp_path / "t.txt")


@pytest.mark.parametrize("words", ["cnn 3 4", "rnn 0 4", "-- rnn 3 -1", "gru 3 4 --proj-size 2"])
def test_bad_input_to_shapes_prints_one_sentence(words):
    refused(".", "shapes", *words.split())


# --- random misuse --------------------------------------------------------------------------------

FUZZED = 200
VALUES = [
    "0", "1", "-1", "3", "99999999999", "1e400", "nan", "-inf", "0.5", "", "é", "\ud800", "a\nb",
    "lstm", "GRU", "utf-16", "windows", "sgd", "--", "-", "--json", "--help", "../..", "\x1b[31m",
]  # fmt: skip
NUMBERS = ["0", "1", "-1", "3", "0.5", "nan", "inf", "99999999999"]
SLOW_IF_LARGE = ("--steps", "--length")


def damage_one_file(folder, rng):
    """Damage one file of a folder in a random way."""
    file = rng.choice(sorted(folder.iterdir()))
    data = bytearray(file.read_bytes())
    kind = rng.choice(["remove", "cut", "change", "replace"])
    if kind == "remove":
        file.unlink()
    elif kind == "cut":
        file.write_bytes(data[: rng.randrange(len(data) + 1)])
    elif kind == "change":
        for _ in range(rng.randrange(1, 9)):
            data[rng.randrange(min(len(data), 600))] = rng.randrange(256)
        file.write_bytes(data)
    else:
        file.write_bytes(rng.choice(sorted(folder.iterdir())).read_bytes())


def fuzz(rounds, seed, text, finished_run, parent):
    """Run random commands, most of them wrong, and return their exit codes."""
    rng, codes = random.Random(seed), []
    commands = ["train", "resume", "sample", "eval", "info", "shapes"]
    options = {name: re.findall(r"\n  (--[a-z-]+)", run_ok(name, "--help")) for name in commands}
    for number in range(rounds):
        folder = parent / f"{number}"
        run = shutil.copytree(finished_run, folder / "run")
        precious = folder / "precious.txt"
        precious.write_text("precious")
        if damaged := rng.random() < 0.6:
            damage_one_file(run, rng)
        command = rng.choice(commands)
        arguments = {
            "train": [text, "--out", folder / "new", *SMALL, "--steps", "2"],
            "eval": [run, text],
            "shapes": ["lstm", "3", "4"],
        }.get(command, [run])
        for _ in range(rng.choice([0, 0, 0, 1] if damaged else [1, 1, 2])):
            extra = [rng.choice(rng.choice([VALUES, options[rng.choice(commands)]]))]
            if rng.random() < 0.7:  # an option of this command, with a random value
                option = rng.choice(options[command])
                value = "1" if option in SLOW_IF_LARGE else rng.choice(NUMBERS)
                extra = [f"{option}={value}"]
            place = rng.randrange(len(arguments) + 1)
            arguments[place:place] = extra
        before = contents(folder)
        with contextlib.chdir(folder):
            code, out, err = run_main(command, *arguments)
        context = f"round {number}: {command} {arguments}: {code} {err}"
        assert code in (0, 1, 2), context
        assert "Traceback" not in err + out, context
        if code == 1:
            assert re.fullmatch(r"charseq: [^\n]+\n", err), context
        if code == 2:
            assert "Error: " in err, context
        if code and command != "resume":
            assert contents(folder) == before, context
        assert precious.read_text() == "precious"
        codes.append(code)
        shutil.rmtree(folder)
    return codes


@pytest.mark.slow
def test_random_commands_and_damage_cause_only_clear_errors(text, finished_run, tmp_path):
    codes = fuzz(FUZZED, 0, text, finished_run, tmp_path)
    assert {0, 1, 2} == set(codes)
    assert sum(map(bool, codes)) > FUZZED / 2
