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
from pathlib import Path

import numpy as np
import pytest
import torch

from charseq import Corpus, LayerShapes, Vocabulary, _terminal, evaluate, files, generate
from charseq.checkpoint import load_model, load_net, load_run
from charseq.cli import main

WORDS = ["the", "net", "reads", "a", "text", "and", "writes", "as", "it", "is", "read"]
SMALL = [
    "--hidden=8", "--batch-size=4", "--length=10", "--steps=20", "--evaluate-every=5",
    "--save-every=4", "--lr=0.05",
]  # fmt: skip
COMMAND = [sys.executable, "-c", "from charseq.cli import main; main()"]


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
    assert run_main("train", text, "--out", folder, *SMALL)[0] == 0
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
    out, err, before = (
        out or io.StringIO(),
        err or io.StringIO(),
        (sys.argv, sys.stdout, sys.stderr),
    )
    sys.argv, sys.stdout, sys.stderr = ["charseq", *map(str, arguments)], out, err
    code = 0
    try:
        main()
    except SystemExit as exit_:
        code = exit_.code
    finally:
        sys.argv, sys.stdout, sys.stderr = before
    return code or 0, out.getvalue(), err.getvalue()


def run_ok(*arguments):
    """Run the command, check that it succeeds without errors, and return what it printed."""
    code, out, err = run_main(*arguments)
    assert (code, err) == (0, "")
    return out


def run_in_new_process(*arguments, **options):
    """Run the command in a new process; return its exit code and what it wrote."""
    command = [*COMMAND, *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    return ran.returncode, ran.stdout, ran.stderr


def contents(folder):
    """Map each path in a folder to the bytes of the file, or to None for a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in Path(folder).rglob("*")
    }


def refused(message, *arguments):
    """Check that a command fails, and prints one sentence on standard error and nothing else."""
    code, out, err = run_main(*arguments)
    assert code not in (0, None)
    assert out == ""
    assert re.fullmatch(r"charseq: [^\n]+\n", err), err
    assert re.search(message, err), err


# --- training -------------------------------------------------------------------------------------


def test_train_reduces_the_loss_and_saves_everything_in_a_folder(finished_run):
    assert sorted(contents(finished_run)) == [
        "best.safetensors",
        "config.json",
        "history.csv",
        "loss.svg",
        "state-20.safetensors",
        "vocab.json",
        "weights.safetensors",
    ]
    loaded, history = load_run(finished_run)
    assert loaded.finished
    assert history.numbers.tolist() == list(range(1, 21))
    assert history[-1].loss < history[0].loss
    assert [r.step for r in history if not math.isnan(r.valid_loss)] == [5, 10, 15, 20]
    assert b"<svg" in (finished_run / "loss.svg").read_bytes()


def test_train_saves_at_intervals_at_each_new_best_and_at_the_end(text, tmp_path, monkeypatch):
    saves, measured = [], iter([3.0, 2.0, 2.5, 2.2, 1.9, 9.0, 1.0])  # after 3, 6, … 18 and 20 steps
    monkeypatch.setattr("charseq.language_model.evaluate", lambda *_: next(measured))
    monkeypatch.setattr(
        "charseq.trainer.save_run", lambda _, run, __, best: saves.append((run.step, best))
    )
    flags = ["--save-every=7", "--evaluate-every=3"]
    run_ok("train", text, "--out", tmp_path / "run", *SMALL, *flags)
    assert saves == [
        *((3, True), (6, True), (7, False), (14, False), (15, True), (20, True)),
        (20, False),
    ]


def test_train_prints_each_measurement_and_suggests_the_next_command(text, tmp_path):
    out = run_ok("train", text, "--out", tmp_path / "run", *SMALL).splitlines()
    _, history = load_run(tmp_path / "run")
    assert out[:-1] == [str(history[step - 1]) for step in (5, 10, 15, 20)]
    assert out[-1] == (
        f"20 steps; the run is in {tmp_path / 'run'}. Next: charseq sample {tmp_path / 'run'}"
    )


def test_train_saves_every_option_in_the_configuration(text, tmp_path):
    options = {
        "cell": "lstm", "hidden": 8, "layers": 2, "embedding": 8, "dropout": 0.2,
        "forget-bias": 1.5, "steps": 3, "batch-size": 3, "length": 7, "order": "windows",
        "optimizer": "sgd", "lr": 0.125, "momentum": 0.5, "weight-decay": 0.25,
        "schedule": "linear", "warmup": 2, "clip-norm": 0.75, "valid": 0.2,
        "evaluate-every": 2, "patience": 9, "seed": 11,
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
        "clip_norm": 0.75, "evaluate_every": 2, "patience": 9, "seed": 11,
    }  # fmt: skip
    read = text.read_text()
    assert config["text"] == {
        "text": str(text), "encoding": "utf-8", "valid": 0.2, "characters": len(read),
        "sha256": hashlib.sha256(Corpus.from_text(read).ids.tobytes()).hexdigest(),
    }  # fmt: skip


@pytest.mark.usefixtures("float64")
def test_plain_layers_train_like_fast_ones_and_folders_without_the_option_are_plain(text, tmp_path):
    for name, flags in (("fast", []), ("plain", ["--plain"])):
        run_ok("train", text, "--out", tmp_path / name, *SMALL, *flags)
    (fast, fast_history), (plain, plain_history) = (
        load_run(tmp_path / "fast"),
        load_run(tmp_path / "plain"),
    )
    assert (fast.model.fast, plain.model.fast) == (True, False)
    np.testing.assert_allclose(fast_history.losses, plain_history.losses, rtol=0, atol=1e-9)
    config = json.loads((tmp_path / "plain" / "config.json").read_bytes())
    del config["model"]["fast"]
    (tmp_path / "plain" / "config.json").write_text(json.dumps(config))
    assert load_run(tmp_path / "plain")[0].model.fast is False
    assert "20 steps" in run_ok("resume", tmp_path / "plain")


def test_zero_turns_an_option_off(text, tmp_path):
    zeros = ["--steps=2", "--clip-norm=0", "--patience=0", "--embedding=0", "--valid=0"]
    out = run_ok("train", text, "--out", tmp_path / "run", *SMALL, *zeros)
    loaded, history = load_run(tmp_path / "run")
    assert loaded.settings.clip_norm is loaded.settings.patience is None
    assert loaded.model.embedding is None
    assert all(math.isnan(record.valid_loss) for record in history)
    assert out.count("\n") == 1


def test_a_built_in_text_needs_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "time-zones").write_text("the name wins over a file")
    run_ok("train", "time-zones", "--steps", 1, "--hidden", 4)
    assert json.loads(Path("run/config.json").read_bytes())["text"]["text"] == "time-zones"
    assert "L" in load_net("run")[1]
    run_ok("resume", "run")
    assert json.loads(run_ok("eval", "run", "time-zones", "--json"))["characters"] > 1000


def test_sample_every_prints_samples_and_does_not_change_training(text, tmp_path):
    out = run_ok("train", text, "--out", tmp_path / "run", *SMALL, "--sample-every", "10")
    silent = run_ok("train", text, "--out", tmp_path / "other", *SMALL)
    assert (
        contents(tmp_path / "run")["weights.safetensors"]
        == (contents(tmp_path / "other")["weights.safetensors"])
    )
    assert len(out) > len(silent) + 2 * 195
    net, vocab = load_net(tmp_path / "run", best=False)
    (last,) = generate(net, vocab, length=200, rng=np.random.default_rng(20))
    assert f"{last}\n20 steps;" in out


def test_train_with_json_prints_one_line_per_step_and_nothing_else(text, tmp_path):
    out = run_ok("train", text, "--out", tmp_path / "run", *SMALL, "--sample-every", 2, "--json")
    rows = [json.loads(line, parse_constant=pytest.fail) for line in out.splitlines()]
    _, history = load_run(tmp_path / "run")
    assert [row["step"] for row in rows] == list(range(1, 21))
    assert [row["loss"] for row in rows] == history.losses.tolist()
    assert [row["step"] for row in rows if row["valid_loss"] is not None] == [5, 10, 15, 20]


def test_progress_is_not_shown_without_a_terminal(text, tmp_path):
    assert "\r" not in run_ok("train", text, "--out", tmp_path / "run", *SMALL)


def test_progress_in_a_terminal_shows_loss_speed_and_time_left(text, tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("tqdm.std.time", lambda: clock.append(clock.pop() + 1) or clock[0])
    arguments = ["train", text, "--out", tmp_path / "run", *SMALL]
    code, out, err = run_main(*arguments, err=Terminal())
    assert code == 0
    shown = r" \d+%\|.*?\| [\d.]+/800 \[\d\d:\d\d<\d\d:\d\d, +[\d.]+char/s, loss:\d\.\d+  bpc:\d"
    assert len(re.findall(shown, err)) > 5
    assert out.count("\n") == 5


# --- resuming -------------------------------------------------------------------------------------

LONG = [*SMALL, "--steps=1500", "--save-every=1000000", "--evaluate-every=50"]
# The command, but it sends itself an interrupt once it has printed LINES_LEFT lines, and waits for
# it. So the step at which it stops does not depend on a clock. It computes in float64, because the
# tests below compare runs of many steps that add in different orders, which drift apart in float32.
INTERRUPTED = """\
import os, signal, sys
from threading import Event
import torch
from charseq.cli import main

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
    run_ok("train", text, "--out", whole, *SMALL, "--steps=60")
    commands = [
        (25, ["train", text, "--out", folder, *SMALL, "--steps=60", "--json"]),
        (20, ["resume", folder, "--json"]),
    ]
    for stop, (lines, arguments) in zip((25, 45), commands, strict=True):
        ran = subprocess.run(
            [sys.executable, interrupted_command, *map(str, arguments)],
            capture_output=True, text=True, check=False,
            env=os.environ | {"LINES_LEFT": str(lines)},
        )  # fmt: skip
        assert ran.returncode == 130, ran.stderr
        run, history = load_run(folder)
        assert run.step == len(history) == stop
        assert ran.stdout.count("\n") == lines
        assert ran.stderr == (
            f"charseq: interrupted; the run is saved at step {stop}, and "
            f"`charseq resume {folder}` goes on from there\n"
        )
    run_ok("resume", folder)
    expected, resumed = contents(whole), contents(folder)
    assert sorted(expected) == sorted(resumed)
    assert all(expected[name] == resumed[name] for name in expected if name != "loss.svg")


def test_an_interrupt_takes_effect_after_the_current_step(text, tmp_path, monkeypatch):
    def interrupt(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        return evaluate(*arguments)

    monkeypatch.setattr("charseq.language_model.evaluate", interrupt)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code, out, err = run_main("train", text, "--out", tmp_path / "run", *SMALL)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    loaded, history = load_run(tmp_path / "run")
    assert code == 130
    assert "interrupted; the run is saved at step 5, and `charseq resume " in err
    assert out == f"{history[-1]}\n"
    assert loaded.step == len(history) == 5
    assert loaded.best_loss == history[-1].valid_loss


def test_a_second_interrupt_takes_effect_at_once(text, tmp_path, monkeypatch):
    calls = []

    def steps(*_):
        os.kill(os.getpid(), signal.SIGINT)
        calls.append("after the first")
        os.kill(os.getpid(), signal.SIGINT)
        calls.append("after the second")
        yield

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        monkeypatch.setattr("charseq.language_model._language_model_steps", steps)
        code, _, _ = run_main("train", text, "--out", tmp_path / "run", *SMALL)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert calls == ["after the first"]
    assert code == 130
    assert load_run(tmp_path / "run")[0].step == 0


def test_sigint_stays_ignored_if_it_was(text, tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        run_ok("train", text, "--out", tmp_path / "run", *SMALL)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_resume_works_from_another_directory(text, tmp_path, monkeypatch):
    monkeypatch.chdir(text.parent)
    run_ok("train", text.name, "--out", tmp_path / "run", *SMALL)
    monkeypatch.chdir(tmp_path)
    before = contents("run")
    assert "20 steps; the run is in run." in run_ok("resume", "run")
    assert contents("run").keys() == before.keys()
    assert contents("run")["weights.safetensors"] == before["weights.safetensors"]


@pytest.mark.parametrize("change", [lambda t: t + "t", lambda t: t[:-1], lambda t: "Z" + t[1:]])
def test_resume_refuses_another_text(change, text, tmp_path):
    file, folder = tmp_path / "words.txt", tmp_path / "run"
    file.write_text(text.read_text())
    run_ok("train", file, "--out", folder, *SMALL)
    file.write_text(change(text.read_text()))
    before = contents(tmp_path)
    refused("words.txt is not the text that this run learns from: it has", "resume", folder)
    assert contents(tmp_path) == before


def test_resume_refuses_a_text_with_two_characters_swapped(text, tmp_path):
    file, folder = tmp_path / "words.txt", tmp_path / "run"
    file.write_text(text.read_text())
    run_ok("train", file, "--out", folder, *SMALL)
    first, second, *rest = text.read_text()
    file.write_text("".join([second, first, *rest]))
    before = contents(tmp_path)
    message = "is not the text that this run learns from: it has as many characters, but not the"
    refused(message, "resume", folder)
    assert contents(tmp_path) == before


def test_a_run_without_a_digest_of_its_text_can_be_resumed(run):
    config = json.loads((run / "config.json").read_bytes())
    del config["text"]["sha256"]
    (run / "config.json").write_text(json.dumps(config))
    assert "20 steps" in run_ok("resume", run)


def test_a_diverging_run_says_so_and_saves_its_last_good_step(text, tmp_path):
    wild = ["--optimizer=sgd", "--lr=1e38", "--clip-norm=0", "--evaluate-every=0"]
    folder = tmp_path / "run"
    refused("step [23]: the loss is .* try a lower", "train", text, "--out", folder, *SMALL, *wild)
    loaded, history = load_run(folder)
    assert loaded.step == len(history) >= 1


# --- two writers ----------------------------------------------------------------------------------


@contextlib.contextmanager
def another_writer(folder):
    """Hold the lock of a folder as another process would."""
    descriptor = files._open_lock(folder)
    yield
    files._close_lock(folder, descriptor)


def test_a_second_writer_is_refused_and_readers_are_not(run, text, tmp_path):
    shutil.copytree(run, tmp_path / "copy")
    (tmp_path / "new").mkdir()
    with another_writer(run), another_writer(tmp_path / "new"):
        before = contents(tmp_path)
        in_use = "another process is writing in .*{}: wait until it has ended, or interrupt it, or"
        refused(in_use.format("run"), "resume", run)
        refused(in_use.format("new"), "train", text, "--out", tmp_path / "new", *SMALL)
        refused(in_use.format("new"), "shrink", run, "--out", tmp_path / "new")
        assert "20 of 20" in run_ok("info", run)
        assert len(run_ok("sample", run, "--length", 7)) == 8
        assert "perplexity" in run_ok("eval", run, text)
        run_ok("shrink", run, "--out", tmp_path / "small")
        after = contents(tmp_path)
        assert {name: after[name] for name in before} == before
    assert "20 steps" in run_ok("resume", run)
    assert sorted(contents(run)) == sorted(contents(tmp_path / "copy"))


@pytest.mark.parametrize("command", ["train", "resume"])
def test_a_run_is_locked_from_its_first_step_to_its_last(command, text, tmp_path, monkeypatch):
    folder, tries = tmp_path / "run", []

    def try_to_lock(*_):
        with pytest.raises(BlockingIOError), another_writer(folder):
            tries.append("locked twice")
        tries.append("refused")

    first = [*SMALL, "--steps=4", "--evaluate-every=1"]
    if command == "resume":
        run_ok("train", text, "--out", folder, *first)
        edit = json.loads((folder / "config.json").read_bytes())
        edit["settings"]["steps"] = 8
        (folder / "config.json").write_text(json.dumps(edit))
    for function in ("_report", "_plot_loss"):
        monkeypatch.setattr(f"charseq.trainer.{function}", try_to_lock)
    run_ok(command, *([text, "--out", folder, *first] if command == "train" else [folder]))
    assert tries == ["refused"] * 5
    assert not (folder / "run.lock").exists()


@posix
@pytest.mark.slow
def test_two_processes_cannot_train_in_one_folder(text, tmp_path):
    folder = tmp_path / "run"
    arguments = ["train", text, "--out", folder, *LONG, "--save-every=1", "--json"]
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
    config = json.loads((folder / "config.json").read_bytes())
    config["settings"]["steps"] = step + 1
    (folder / "config.json").write_text(json.dumps(config))
    assert f"{step + 1} steps" in run_ok("resume", folder)  # the lock has ended with its process


# --- several processes ----------------------------------------------------------------------------

LAUNCHER = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from torch.distributed.run import main; main()",
    "--standalone",
]
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


def assert_finished_like(folder, single_process_run):
    (expected, history), (run, records) = single_process_run, load_run(folder)
    assert run.step == len(records) == 60
    np.testing.assert_allclose(records.losses, history.losses, rtol=0, atol=1e-9)
    assert run.best_loss == pytest.approx(expected.best_loss, abs=1e-9)


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
def test_one_process_can_finish_a_run_that_two_processes_began(
    interrupted_run, single_process_run, tmp_path
):
    shutil.copytree(interrupted_run[0], tmp_path / "run")
    run_ok("resume", tmp_path / "run")
    assert_finished_like(tmp_path / "run", single_process_run)


@posix
@pytest.mark.slow
def test_three_processes_can_finish_a_run_that_two_began(
    interrupted_run, single_process_run, interrupted_command, tmp_path
):
    shutil.copytree(interrupted_run[0], tmp_path / "run")
    ran = run_in_processes(interrupted_command, 3, "resume", tmp_path / "run")
    assert ran.returncode == 0, ran.stderr
    measured = [str(record) for record in load_run(tmp_path / "run")[1] if record.step % 5 == 0]
    last = f"60 steps; the run is in {tmp_path / 'run'}. Next: charseq sample {tmp_path / 'run'}"
    assert [measured[-1], last] == ran.stdout.splitlines()[-2:]
    assert_finished_like(tmp_path / "run", single_process_run)


@pytest.mark.slow
def test_if_one_of_two_processes_fails_both_stop_with_one_error_message(
    interrupted_command, run, text
):
    before = contents(run)
    ran = run_in_processes(interrupted_command, 2, "train", text, "--out", run, *TWO_PROCESS_RUN)
    assert ran.returncode != 0  # only rank 0 writes, so only rank 0 fails at first
    assert ran.stdout == ""
    assert re.findall("^charseq: .*", ran.stderr, re.MULTILINE) == [
        f"charseq: {run} holds a run already: resume it, or choose another folder for a new one"
    ]
    assert contents(run) == before


RENDEZVOUS = sys.modules["torch.distributed.rendezvous"]  # `import` finds a function instead


@pytest.fixture
def store(monkeypatch):
    """Make the command believe that it is one of two processes, although it is the only one."""
    store = torch.distributed.HashStore()
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(RENDEZVOUS, "rendezvous", lambda url: iter([(store, 0, 1)]))
    yield store
    assert not torch.distributed.is_initialized()


def test_a_process_joins_and_leaves_its_process_group(store, text, tmp_path):
    out = run_ok("train", text, "--out", tmp_path / "run", *SMALL)
    assert out.count("\n") == 5
    assert load_run(tmp_path / "run")[0].step == 20


@pytest.mark.parametrize("rank", [0, 1])
def test_only_rank_0_prints_and_writes(rank, store, text, tmp_path, monkeypatch):
    monkeypatch.setattr("charseq.trainer.rank_and_world_size", lambda: (rank, 2))
    out = run_ok("train", text, "--out", tmp_path / "run", *SMALL)
    assert (out != "") == (tmp_path / "run" / "loss.svg").exists() == (rank == 0)
    assert (tmp_path / "run").exists() == (rank == 0)


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
    run_ok("train", text, "--out", tmp_path / "run", *SMALL)


# --- sampling -------------------------------------------------------------------------------------


def test_sample_prints_what_generate_returns(finished_run):
    net, vocab = load_net(finished_run)
    options = {"temperature": 0.7, "top_k": 5, "top_p": 0.9, "length": 70, "streams": 2}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    texts = generate(net, vocab, "the ", **options, rng=np.random.default_rng(3))
    out = run_ok("sample", finished_run, "--prompt", "the ", "--seed", 3, *flags)
    assert out == f"the {texts[0]}\n{'-' * 60}\nthe {texts[1]}\n"
    as_json = run_ok("sample", finished_run, "--prompt", "the ", "--seed", 3, *flags, "--json")
    assert json.loads(as_json) == {"prompt": "the ", "texts": texts}


def test_sample_with_the_same_seed_prints_the_same_text(finished_run):
    texts = [run_ok("sample", finished_run, "--seed", seed) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert len(texts[0]) == 401
    assert run_ok("sample", finished_run) != run_ok("sample", finished_run)


def test_sample_ends_before_the_first_stop_string(finished_run):
    (free,) = json.loads(run_ok("sample", finished_run, "--seed", 1, "--json"))["texts"]
    flags = ("--stop", "e", "--stop", "t", "--seed", 1, "--json")
    (cut,) = json.loads(run_ok("sample", finished_run, *flags))["texts"]
    assert cut == re.split("[et]", free)[0] != free


def test_sample_takes_the_best_weights_by_default(run):
    shutil.copy(run / "weights.safetensors", run / "last")
    arrays = load_net(run, best=True)[0]
    assert arrays is not None
    model, vocab = load_model(run, best=False)
    with torch.no_grad():
        model.head.bias[vocab.encode("a")] = 1000.0
    from safetensors.torch import save_file

    save_file(model.state_dict(), run / "best.safetensors", {"step": "20"})
    assert run_ok("sample", run, "--length", 5) == "aaaaa\n"
    assert run_ok("sample", run, "--length", 5, "--temperature", 0, "--last") != "aaaaa\n"


def test_a_text_is_printed_while_it_is_written(finished_run):
    command = [*COMMAND, "sample", finished_run, "--length", str(10**12), "--streams", "2"]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE) as child:
        assert len(child.stdout.read(3000)) == 3000
        child.kill()


def test_a_prompt_in_another_form_of_unicode_gets_a_hint(tmp_path):
    (tmp_path / "t.txt").write_text("une caf\u00e9 au lait\n" * 60, "utf-8")
    run_ok("train", tmp_path / "t.txt", "--out", tmp_path / "run", *SMALL, "--steps=1")
    message = "position 4, .* the network knows it in another encoding, the Unicode form NFC$"
    refused(message, "sample", tmp_path / "run", "--prompt", "cafe\u0301")


def test_an_output_that_cannot_show_a_character_prints_one_sentence(tmp_path):
    (tmp_path / "t.txt").write_text("é" * 900, "utf-8")
    run_ok("train", tmp_path / "t.txt", "--out", tmp_path / "run", *SMALL, "--steps=1")
    arguments, env = ["sample", tmp_path / "run"], os.environ | {"PYTHONIOENCODING": "ascii"}
    code, _, err = run_in_new_process(*arguments, env=env)
    assert code == 1
    assert re.fullmatch(
        r"charseq: the output cannot show .*, because its encoding is ascii: .*\n", err
    )
    assert run_in_new_process(*arguments, "--json", env=env)[0] == 0


# --- control characters ---------------------------------------------------------------------------


def edit_config(folder, **changes):
    config = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


EVIL = "a\x1b]0;owned\x07\x9b2J\r\x7f\u2028\ud800"


def test_info_shows_control_characters_of_a_folder_and_does_not_print_them(run):
    edit_config(run, text={"text": EVIL}, settings={"steps": EVIL})
    out = run_ok("info", run)
    assert r"text" in out
    assert out.count(r"a\x1b]0;owned\x07\x9b2J\r\x7f") == 2
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]", out)


def test_errors_show_control_characters_and_do_not_print_them(run, tmp_path):
    edit_config(run, format=2, charseq=EVIL)
    folder = run.rename(tmp_path / "r\x1b[31m")
    for command in ("info", "sample", "resume"):
        refused(
            r"r\\x1b\[31m/config.json has format 2, made by charseq a\\x1b\]0;owned",
            command,
            folder,
        )


def escaping_run(folder):
    """Make a folder whose network writes every control character that a file of text may hold."""
    characters = "".join(map(chr, range(1, 0xA0))) + "\u2028"
    (folder / "t.txt").write_text(characters * 9, "utf-8", newline="")
    run_ok("train", folder / "t.txt", "--out", folder / "run", *SMALL, "--steps=1", "--valid=0")
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
    folder = escaping_run(tmp_path)
    arguments = [tmp_path / "t.txt", *SMALL, "--steps=2", "--valid=0", "--sample-every=1"]
    for name, out in (("file", io.StringIO()), ("terminal", Terminal())):
        assert run_main("train", *arguments, "--out", tmp_path / name, out=out)[0] == 0
        assert bool(re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", out.getvalue())) == (
            name == "file"
        )
    assert folder.exists()


# --- measuring, shapes, info ----------------------------------------------------------------------


@pytest.mark.parametrize("last", [False, True])
def test_eval_prints_what_evaluate_returns(last, finished_run, text):
    flags = ["--last"] if last else []
    printed = json.loads(run_ok("eval", finished_run, text, "--json", *flags))
    model, vocab = load_model(finished_run, best=not last)
    loss = evaluate(model, Corpus.from_text(text.read_text(), vocab))
    assert printed == {
        "characters": len(text.read_text()),
        "loss": loss,
        "bits_per_character": loss / math.log(2),
        "perplexity": math.exp(loss),
    }
    table = run_ok("eval", finished_run, text, *flags)
    assert f"bits per character  {loss / math.log(2):.4f}\n" in table
    assert table.count("\n") == 4


def test_an_infinite_perplexity_is_null_in_json(run, tmp_path):
    model, vocab = load_model(run)
    with torch.no_grad():
        model.head.bias[vocab.encode("a")] = 1e6
    from safetensors.torch import save_file

    save_file(model.state_dict(), run / "best.safetensors", {"step": "20"})
    (tmp_path / "t.txt").write_text("ttt")
    printed = json.loads(run_ok("eval", run, tmp_path / "t.txt", "--json"))
    assert printed["perplexity"] is None
    assert printed["loss"] > 1e5
    assert "perplexity          inf" in run_ok("eval", run, tmp_path / "t.txt")


def test_shapes_prints_the_tables_of_layer_shapes():
    expected = LayerShapes("lstm", 10, 16)
    assert run_ok("shapes", "lstm", 10, 16) == f"{expected}\n"
    options = {
        "num_layers": 2, "bias": False, "batch_first": True, "bidirectional": True,
        "proj_size": 3, "batch_size": 5, "length": 7,
    }  # fmt: skip
    flags = "--layers 2 --no-bias --batch-first --bidirectional --proj-size 3 --batch 5 --length 7"
    expected = LayerShapes("lstm", 10, 16, **options)
    assert run_ok("shapes", "lstm", 10, 16, *flags.split()) == f"{expected}\n"
    printed = json.loads(run_ok("shapes", "lstm", 10, 16, *flags.split(), "--json"))
    assert printed == json.loads(json.dumps(expected.to_dict()))
    unbatched = LayerShapes("gru", 3, 4, batch_size=None)
    assert run_ok("shapes", "gru", 3, 4, "--batch", 0) == f"{unbatched}\n"


def test_info_prints_what_is_in_the_folder(finished_run, text):
    _, history = load_run(finished_run)
    best = min(r.valid_loss for r in history if not math.isnan(r.valid_loss)) / math.log(2)
    facts = json.loads(run_ok("info", finished_run, "--json"))
    assert facts.pop("settings")["steps"] == 20
    assert facts == {
        "network": "LSTM 8",
        "vocabulary": len(set(text.read_text())),
        "text": str(text),
        "steps": "20 of 20",
        "loss": round(history[-1].loss, 4),
        "best_valid_bits_per_character": round(best, 4),
    }
    table = run_ok("info", finished_run)
    assert f"best valid bits per character  {best:.4f}\n" in table
    assert table.count("\n") == 6


def test_info_ignores_steps_after_the_saved_one(run):
    loaded, history = load_run(run)
    type(history)((*history, history[-1].__class__(21, 1.0, 1.0, 1.0))).to_csv(run / "history.csv")
    assert json.loads(run_ok("info", run, "--json"))["steps"] == "20 of 20"
    assert loaded.step == 20


def test_info_leaves_out_what_a_run_has_not_measured(text, tmp_path):
    folder = tmp_path / "run"
    run_ok("train", text, "--out", folder, *SMALL, "--valid", 0, "--layers", 2)
    facts = json.loads(run_ok("info", folder, "--json"))
    assert facts["network"] == "LSTM 8×8"
    assert "best_valid_bits_per_character" not in facts
    (folder / "history.csv").write_text("step,loss,gradient_norm,lr,valid_loss\r\n", newline="")
    assert "loss" not in json.loads(run_ok("info", folder, "--json"))


def test_shrink_makes_a_folder_that_writes_and_shows_its_step(finished_run, tmp_path):
    assert run_ok("shrink", finished_run, "--out", tmp_path / "small") == ""
    assert len(run_ok("sample", tmp_path / "small", "--length", 30, "--prompt", "the")) == 34
    assert "20 of 20" in run_ok("info", tmp_path / "small")
    code, _, err = run_main("shrink", finished_run, "--out", tmp_path / "small")
    assert code == 1
    assert "small exists already: choose a new folder" in err


def test_a_finished_run_without_records_gets_no_loss_curve(text, tmp_path):
    folder = tmp_path / "run"
    run_ok("train", text, "--out", folder, *SMALL)
    (folder / "history.csv").write_text("step,loss,gradient_norm,lr,valid_loss\r\n", newline="")
    (folder / "loss.svg").unlink()
    run_ok("resume", folder)
    assert not (folder / "loss.svg").exists()


# --- help -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], set()),
        (["train", "--help"], set()),
        (["shapes", "lstm", "3", "4"], {"numpy"}),
        (["sample", "RUN", "--length", "3"], {"numpy"}),
        (["info", "RUN"], {"numpy"}),
        (["sample", "absent"], {"numpy"}),
    ],
)
def test_commands_import_only_the_heavy_libraries_they_need(arguments, heavy, finished_run):
    assert imported(arguments, finished_run) & {"torch", "numpy", "matplotlib"} <= heavy


def imported(arguments, finished_run):
    """Run a command, and return the names of the modules that it has imported when it ends."""
    code = (
        "import sys\nfrom charseq.cli import main\ntry: main()\nfinally: print('\\n', *sys.modules)"
    )
    arguments = [str(finished_run) if part == "RUN" else part for part in arguments]
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    return set(ran.stdout.splitlines()[-1].split())


WITHOUT = """\
import sys
sys.modules.update(dict.fromkeys(("torch", "matplotlib", "tqdm")))  # None: not to be found
from charseq.cli import main
main()
"""


def run_without_torch(*arguments):
    command = [sys.executable, "-c", WITHOUT, *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout, ran.stderr


def test_a_trained_network_writes_where_torch_is_not_installed(finished_run, tmp_path):
    for arguments in (
        ["sample", finished_run, "--length", 30],
        ["info", finished_run],
        ["shapes", "gru", 3, 4],
        ["shrink", finished_run, "--out", tmp_path / "small"],
        ["sample", tmp_path / "small", "--length", 30],
    ):
        code, out, err = run_without_torch(*arguments)
        assert (code, err) == (0, "")
        assert (len(out) > 30) == (arguments[0] != "shrink")


@pytest.mark.parametrize("command", ["train", "resume", "eval"])
def test_what_needs_torch_says_so_where_it_is_not_installed(command, finished_run, text, tmp_path):
    arguments = {
        "train": [text, "--out", tmp_path / "run"],
        "resume": [finished_run],
        "eval": [finished_run, text],
    }
    code, out, err = run_without_torch(command, *arguments[command])
    assert (code, out) == (1, "")
    assert re.fullmatch(
        r"charseq: this command needs (torch|tqdm), which is not installed here: "
        r"pip install torch matplotlib tqdm\n",
        err,
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "modules"),
    [
        (["--help"], {"_version", "cli"}),
        (
            ["sample", "RUN", "--length", "3"],
            {
                "_checks",
                "_run_files",
                "_terminal",
                "_version",
                "cli",
                "checkpoint",
                "files",
                "history",
                "net",
                "reference",
                "sampling",
                "saved_state",
                "shapes",
                "vocab",
            },
        ),
    ],
)
def test_a_command_imports_exactly_the_modules_it_uses(arguments, modules, finished_run):
    # A command has to import modules before it can start. How long that takes depends on the
    # machine, and benchmarks/ measures it. Which modules it imports does not depend on the machine.
    loaded = imported(arguments, finished_run)
    assert {name[8:] for name in loaded if name.startswith("charseq.")} == modules


def test_help_lists_every_command():
    out = run_ok("--help")
    for command in ("train", "resume", "sample", "eval", "shapes", "info"):
        assert f"\n  {command} " in out
        assert f"Usage: charseq {command} " in run_ok(command, "--help")


def test_a_wrong_option_prints_the_usage():
    for arguments in (["sample"], ["sample", "a", "--lenght", "3"], ["trian"], ["shapes", "x"]):
        code, out, err = run_main(*arguments)
        assert (code, out) == (2, "")
        assert "Error: " in err
        assert "Usage: charseq" in err


@pytest.mark.slow
def test_a_closed_output_pipe_ends_the_command_silently(finished_run, text, tmp_path):
    for arguments in (
        ["sample", finished_run, "--length", 300, "--streams", 400],
        ["train", text, "--out", tmp_path / "run", *LONG, "--json"],
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
BAD_INPUTS = {
    "empty": (write(b""), [], "is empty"),
    "one character": (write(b"a"), [], "2"),
    "one character, none held back": (write(b"a"), ["--valid", 0], "2"),
    "binary": (write(bytes(range(256)) * 4), [], "t.txt"),
    "zero bytes": (write(b"text\0text" * 100), [], "is binary"),
    "invalid UTF-8": (write(GOOD + b"\xff\xfe" + GOOD), [], "byte 0xff at offset 600"),
    "another encoding": (write("é".encode("utf-16") * 99), ["--encoding", "ascii"], "not ascii"),
    "no such encoding": (write(GOOD), ["--encoding", "klingon"], "klingon"),
    "a directory": (lambda place: place, [], "is a directory"),
    "absent": (lambda place: place / "absent.txt", [], "absent.txt' is not a file"),
    "length beyond the text": (write(GOOD), ["--length", 10_000], "length 10000 needs 10001"),
    "batch beyond the text": (write(GOOD), ["--batch-size", 10_000], "largest batch_size that fi"),
    "hidden size 0": (write(GOOD), ["--hidden", 0], "hidden_size must be at least 1, got 0"),
    "hidden size beyond memory": (write(GOOD), ["--hidden", 10**9], "not enough memory"),
    "hidden size beyond 64 bits": (write(GOOD), ["--hidden", 10**30], "."),
    "layers beyond memory": (write(GOOD), ["--layers", 1000, "--hidden", 9000], "not enough mem"),
    "no layers": (write(GOOD), ["--layers", 0], "num_layers must be at least 1, got 0"),
    "negative embedding": (write(GOOD), ["--embedding", -1], "embedding_size must be at least 1"),
    "unknown cell": (write(GOOD), ["--cell", "cnn"], "one of RNN, GRU, LSTM, got 'CNN'"),
    "dropout of all": (write(GOOD), ["--dropout", 1], "dropout must be at least 0 and below 1"),
    "dropout is no number": (
        write(GOOD),
        ["--dropout", "nan"],
        "dropout must be at least 0 and below 1",
    ),
    "tied without embedding": (write(GOOD), ["--tied"], "tied weights need"),
    "forget bias is no number": (write(GOOD), ["--forget-bias", "nan"], "forget_bias must be fin"),
    "forget bias of a GRU": (write(GOOD), ["--cell", "gru", "--forget-bias", 1], "only an LSTM"),
    "negative rate": (write(GOOD), ["--lr", -0.1], "lr must be positive and finite, got -0.1"),
    "rate is no number": (write(GOOD), ["--lr", "nan"], "lr must be positive and finite, got nan"),
    "rate is infinite": (write(GOOD), ["--lr", "inf"], "lr must be positive and finite, got inf"),
    "momentum 1": (write(GOOD), ["--momentum", 1], "momentum must be"),
    "negative decay": (write(GOOD), ["--weight-decay", -1], "weight_decay must be"),
    "infinite decay": (write(GOOD), ["--weight-decay", "inf"], "weight_decay must be"),
    "no steps": (write(GOOD), ["--steps", 0], "steps must be an integer of at least 1, got 0"),
    "negative warmup": (write(GOOD), ["--warmup", -1], "warmup must be"),
    "negative clip": (write(GOOD), ["--clip-norm", -1], "clip_norm must be positive"),
    "negative patience": (write(GOOD), ["--patience", -1], "patience must be"),
    "negative seed": (write(GOOD), ["--seed", -1], "seed must be an integer of at least 0"),
    "seed beyond 64 bits": (write(GOOD), ["--seed", 2**64], "seed must fit into 64 bits"),
    "unknown order": (write(GOOD), ["--order", "random"], "order must be one of streams, windows"),
    "unknown optimizer": (write(GOOD), ["--optimizer", "lion"], "optimizer must be one of"),
    "unknown schedule": (write(GOOD), ["--schedule", "step"], "schedule must be one of"),
    "all held back": (write(GOOD), ["--valid", 1], "valid"),
    "less than nothing held back": (write(GOOD), ["--valid", -0.5], "valid"),
    "no share held back": (write(GOOD), ["--valid", "nan"], "valid"),
    "no saves": (write(GOOD), ["--save-every", 0], "save_every must be an integer of at least 1"),
    "negative samples": (write(GOOD), ["--sample-every", -1], "sample_every must be an integer of"),
    "name with a zero byte": (lambda place: "a\0b", [], "."),
    "name too long": (lambda place: "x" * 5000, [], "."),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_bad_input_to_train_prints_one_sentence_and_writes_nothing(case, tmp_path):
    make_input, flags, message = BAD_INPUTS[case]
    source = make_input(tmp_path)
    before = contents(tmp_path)
    refused(message, "train", source, "--out", tmp_path / "run", *SMALL, *flags)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("command", [("train", "time-zones"), ("shapes", "gru", 3, 4)])
def test_more_than_1000_layers_are_refused_at_once(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run_main(*command, "--layers", 10**8)
    assert (code, out) == (2, "")
    assert re.search("Invalid value for '--layers': .*1000", err)
    assert contents(tmp_path) == {}


def test_sixteen_bytes_for_each_weight_have_to_fit_into_memory(text, tmp_path, monkeypatch):
    options = [*SMALL, "--cell=LSTM", "--embedding=3", "--layers=2"]
    needed = 16 * LayerShapes("LSTM", 3, 8, num_layers=2).parameter_count
    for memory, code in ((needed, 0), (needed - 1, 1)):
        monkeypatch.setattr(
            os, "sysconf", lambda name, memory=memory: memory if name == "SC_PHYS_PAGES" else 1
        )
        assert run_main("train", text, "--out", tmp_path / str(memory), *options)[0] == code


def test_train_works_if_the_system_does_not_report_its_memory(text, tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sysconf")
    run_ok("train", text, "--out", tmp_path / "run", *SMALL)


def test_an_unreadable_text_prints_one_sentence(text, tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # file modes would not stop root from reading
    refused("permission denied", "train", text, "--out", tmp_path / "run")
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("run_exists", [True, False])
def test_a_full_disk_prints_one_sentence(run_exists, text, finished_run, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    if run_exists:
        shutil.copytree(finished_run, folder)
    before = contents(tmp_path)
    monkeypatch.setattr("charseq.files.write_all", lambda *_: raise_no_space())
    arguments = ["resume", folder] if run_exists else ["train", text, "--out", folder, *SMALL]
    rest = "; the step saved before is still complete" if run_exists else ""
    refused(f"could not be saved in .* \\(No space left on device\\){rest}\n$", *arguments)
    assert contents(tmp_path) == before


def raise_no_space():
    raise OSError(errno.ENOSPC, "No space left on device")


def test_training_into_an_existing_run_prints_one_sentence(run, text, tmp_path):
    before = contents(tmp_path)
    refused("holds a run already: resume it", "train", text, "--out", run, *SMALL)
    assert contents(tmp_path) == before


def test_training_into_an_existing_file_prints_one_sentence(text, tmp_path):
    (tmp_path / "file").write_text("precious")
    refused(
        "file is a file: a run needs a folder", "train", text, "--out", tmp_path / "file", *SMALL
    )
    refused("could not be saved in", "train", text, "--out", tmp_path / "file" / "run", *SMALL)
    assert contents(tmp_path) == {"file": b"precious"}


def test_too_little_memory_prints_one_sentence(finished_run, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr("charseq.sampling.generate_pieces", fail)
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


def truncate_weights(folder):
    for name in ("weights.safetensors", "best.safetensors"):
        (folder / name).write_bytes((folder / name).read_bytes()[:-100])


def change_format(folder):
    config = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps({**config, "format": 99, "charseq": "9.9.9"}))


def replace_vocabulary(folder):
    (folder / "vocab.json").write_text(Vocabulary("abc").to_json())


def remove_model_options(folder):
    config = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps({**config, "model": {}}))


DAMAGES = {
    truncate_weights: "weights.safetensors is damaged|best.safetensors is damaged",
    change_format: "has format 99, made by charseq 9.9.9; this is charseq",
    replace_vocabulary: "vocab.json has 3 characters and the network",
    remove_model_options: "there is no option",
    shutil.rmtree: "does not exist; expected a run folder",
    lambda folder: (folder / "config.json").unlink(): "is not a run folder: it has no config.json",
    lambda folder: (folder / "vocab.json").write_bytes(b"\xff"): "vocab.json is damaged",
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("command", ["resume", "sample", "eval", "info"])
def test_a_damaged_folder_prints_one_sentence_and_is_not_changed(
    command, damage, run, text, tmp_path
):
    damage(run)
    before = contents(tmp_path)
    refused(DAMAGES[damage], command, run, *([text] if command == "eval" else []))
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["text", "encoding", "valid", "characters"])
def test_a_folder_that_does_not_name_its_text_cannot_be_resumed(name, run):
    config = json.loads((run / "config.json").read_bytes())
    config["text"][name] = None
    (run / "config.json").write_text(json.dumps(config))
    before = contents(run)
    refused(f"does not say where the text came from: its '{name}' is None", "resume", run)
    assert contents(run) == before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--prompt", "the Ω"], r"the prompt has 'Ω' \(U\+03A9\) at position 4, .*: leave it out$"),
        (["--prompt", ""], "the prompt is empty"),
        (["--length", -1], "length must not be negative"),
        (["--temperature", -1], "temperature must be 0 or more and finite, got -1.0"),
        (["--temperature", "nan"], "temperature must be 0 or more and finite, got nan"),
        (["--top-k", -1], "top_k must be at least 1, got -1"),
        (["--top-p", 0], "top_p must be above 0 and at most 1, got 0.0"),
        (["--top-p", 1.5], "top_p must be above 0 and at most 1, got 1.5"),
        (["--streams", 0], "streams must be at least 1, got 0"),
        (["--stop", ""], "a stop string is empty"),
        (["--seed", -1], "seed must be at least 0, got -1"),
    ],
)
def test_bad_input_to_sample_prints_one_sentence(flags, message, finished_run):
    before = contents(finished_run)
    refused(message, "sample", finished_run, *flags)
    assert contents(finished_run) == before


def test_a_network_with_logits_that_are_not_finite_prints_one_sentence(run):
    from safetensors.numpy import load_file, save_file

    arrays = {
        name: np.full_like(a, 3e38) for name, a in load_file(run / "best.safetensors").items()
    }
    save_file(arrays, run / "best.safetensors", {"step": "20"})
    code, out, err = run_in_new_process("sample", run)
    assert (code, out) == (1, "")
    assert re.fullmatch("charseq: the largest logit is not a finite number[^\n]+\n", err)


def test_bad_input_to_eval_prints_one_sentence(finished_run, tmp_path):
    for case in ("empty", "binary", "zero bytes", "a directory", "absent", "one character"):
        refused(".", "eval", finished_run, BAD_INPUTS[case][0](tmp_path))
    (tmp_path / "t.txt").write_text("a text with Ω")
    refused(
        r"the text has 'Ω' \(U\+03A9\) at position 12, ", "eval", finished_run, tmp_path / "t.txt"
    )


@pytest.mark.parametrize(
    "arguments", [["cnn", 3, 4], ["rnn", 0, 4], ["rnn", 3, -1], ["gru", 3, 4, "--proj-size", 2]]
)
def test_bad_input_to_shapes_prints_one_sentence(arguments):
    flags = [str(part) if str(part)[0] != "-" or len(str(part)) > 2 else part for part in arguments]
    refused(".", "shapes", *flags[:1], "--", *flags[1:]) if "--proj-size" not in flags else refused(
        ".", "shapes", *flags
    )


# --- random misuse --------------------------------------------------------------------------------

FUZZED = 200
VALUES = [
    "0", "1", "-1", "3", "99999999999", "1e400", "nan", "-inf", "0.5", "", "é", "\ud800", "a\nb",
    "lstm", "GRU", "utf-16", "windows", "sgd", "--", "-", "--json", "--help", "../..", "\x1b[31m",
]  # fmt: skip
FLAGS = [
    "--out", "--cell", "--hidden", "--layers", "--embedding", "--dropout", "--tied", "--lr",
    "--batch-size", "--length", "--order", "--optimizer", "--schedule", "--valid", "--seed",
    "--save-every", "--sample-every", "--encoding", "--prompt", "--temperature", "--top-k",
    "--top-p", "--stop", "--streams", "--last", "--json", "--batch", "--bidirectional",
]  # fmt: skip
NUMBERS = ["0", "1", "-1", "3", "0.5", "nan", "inf", "99999999999"]
SLOW_IF_LARGE = ("--steps", "--length")


def damage_one_file(folder, rng):
    """Damage one file of a folder in a random way."""
    file = rng.choice(sorted(folder.iterdir()))
    data = bytearray(file.read_bytes())
    kind = rng.randrange(6)
    if kind == 0:
        file.unlink()
    elif kind == 1:
        file.write_bytes(data[: rng.randrange(len(data) + 1)])
    elif kind == 2:
        for _ in range(rng.randrange(1, 9)):
            data[rng.randrange(min(len(data), 600))] = rng.randrange(256)
        file.write_bytes(data)
    elif kind == 3:
        file.write_bytes(rng.randbytes(rng.randrange(300)))
    elif kind == 4:
        other_file = rng.choice(sorted(folder.iterdir()))
        file.write_bytes(other_file.read_bytes())
    else:  # replace a value in the JSON
        parts = re.split(rb"(?<=: )([^,{}\[\]]+)(?=[,\n}])", (folder / "config.json").read_bytes())
        values = [b"0", b"-1", b"null", b'"a"', b"[]", b"{}", b"1e999", b"-12345678901234567890"]
        parts[rng.randrange(0, len(parts) // 2) * 2 + 1] = rng.choice(values)
        (folder / "config.json").write_bytes(b"".join(parts))


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
            extra = [rng.choice(rng.choice([VALUES, FLAGS]))]
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
