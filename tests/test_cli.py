"""The command: what it does, what it says, and what it leaves behind when it is misused."""

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

from charseq import Corpus, LayerShapes, Vocabulary, evaluate, generate
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
    chance = random.Random(0)
    file = tmp_path_factory.mktemp("text") / "words.txt"
    file.write_text("\n".join(" ".join(chance.choices(WORDS, k=6)) for _ in range(80)))
    return file


@pytest.fixture(scope="module")
def whole(text, tmp_path_factory):
    """A finished run."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert run_main("train", text, "--out", folder, *SMALL)[0] == 0
    return folder


@pytest.fixture
def run(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / "run"))


def run_main(*arguments, err=None):
    """Run the command in this process; return its exit code and what it wrote."""
    out, err, before = io.StringIO(), err or io.StringIO(), (sys.argv, sys.stdout, sys.stderr)
    sys.argv, sys.stdout, sys.stderr = ["charseq", *map(str, arguments)], out, err
    code = 0
    try:
        main()
    except SystemExit as exit_:
        code = exit_.code
    finally:
        sys.argv, sys.stdout, sys.stderr = before
    return code or 0, out.getvalue(), err.getvalue()


def good(*arguments):
    code, out, err = run_main(*arguments)
    assert (code, err) == (0, "")
    return out


def process(*arguments, **options):
    """Run the command in a process of its own."""
    command = [*COMMAND, *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    return ran.returncode, ran.stdout, ran.stderr


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in Path(folder).rglob("*")
    }


def refused(message, *arguments):
    """See that a command ends in one sentence on standard error, and in nothing else."""
    code, out, err = run_main(*arguments)
    assert code not in (0, None)
    assert out == ""
    assert re.fullmatch(r"charseq: [^\n]+\n", err), err
    assert re.search(message, err), err


# --- training -------------------------------------------------------------------------------------


def test_train_learns_and_keeps_everything_in_a_folder(whole):
    assert sorted(contents(whole)) == [
        "best.safetensors",
        "config.json",
        "history.csv",
        "loss.svg",
        "state-20.safetensors",
        "vocab.json",
        "weights.safetensors",
    ]
    loaded, history = load_run(whole)
    assert loaded.finished
    assert history.numbers.tolist() == list(range(1, 21))
    assert history[-1].loss < history[0].loss
    assert [r.step for r in history if not math.isnan(r.valid_loss)] == [5, 10, 15, 20]
    assert b"<svg" in (whole / "loss.svg").read_bytes()


def test_train_reports_each_measurement_and_ends_with_what_to_do_next(text, tmp_path):
    out = good("train", text, "--out", tmp_path / "run", *SMALL).splitlines()
    _, history = load_run(tmp_path / "run")
    assert out[:-1] == [str(history[step - 1]) for step in (5, 10, 15, 20)]
    assert out[-1] == (
        f"20 steps; the run is in {tmp_path / 'run'}. Next: charseq sample {tmp_path / 'run'}"
    )


def test_train_passes_every_option_on(text, tmp_path):
    options = {
        "cell": "lstm", "hidden": 8, "layers": 2, "embedding": 8, "dropout": 0.2,
        "forget-bias": 1.5, "steps": 3, "batch-size": 3, "length": 7, "order": "windows",
        "optimizer": "sgd", "lr": 0.125, "momentum": 0.5, "weight-decay": 0.25,
        "schedule": "linear", "warmup": 2, "clip-norm": 0.75, "valid": 0.2,
        "evaluate-every": 2, "patience": 9, "seed": 11,
    }  # fmt: skip
    flags = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    good("train", text, "--out", tmp_path / "run", "--tied", *flags)
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
def test_plain_layers_train_as_the_fast_ones_do_and_a_folder_without_the_option_is_plain(
    text, tmp_path
):
    for name, flags in (("fast", []), ("plain", ["--plain"])):
        good("train", text, "--out", tmp_path / name, *SMALL, *flags)
    (fast, found), (plain, expected) = load_run(tmp_path / "fast"), load_run(tmp_path / "plain")
    assert (fast.model.fast, plain.model.fast) == (True, False)
    np.testing.assert_allclose(found.losses, expected.losses, rtol=0, atol=1e-9)
    config = json.loads((tmp_path / "plain" / "config.json").read_bytes())
    del config["model"]["fast"]
    (tmp_path / "plain" / "config.json").write_text(json.dumps(config))
    assert load_run(tmp_path / "plain")[0].model.fast is False
    assert "20 steps" in good("resume", tmp_path / "plain")


def test_zero_stands_for_none(text, tmp_path):
    zeros = ["--steps=2", "--clip-norm=0", "--patience=0", "--embedding=0", "--valid=0"]
    out = good("train", text, "--out", tmp_path / "run", *SMALL, *zeros)
    loaded, history = load_run(tmp_path / "run")
    assert loaded.settings.clip_norm is loaded.settings.patience is None
    assert loaded.model.embedding is None
    assert all(math.isnan(record.valid_loss) for record in history)
    assert out.count("\n") == 1


def test_a_text_with_a_name_needs_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "time-zones").write_text("the name wins over a file")
    good("train", "time-zones", "--steps", 1, "--hidden", 4)
    assert json.loads(Path("run/config.json").read_bytes())["text"]["text"] == "time-zones"
    assert "L" in load_net("run")[1]
    good("resume", "run")
    assert json.loads(good("eval", "run", "time-zones", "--json"))["characters"] > 1000


def test_samples_are_shown_now_and_then(text, tmp_path):
    out = good("train", text, "--out", tmp_path / "run", *SMALL, "--sample-every", "10")
    silent = good("train", text, "--out", tmp_path / "other", *SMALL)
    assert (
        contents(tmp_path / "run")["weights.safetensors"]
        == (contents(tmp_path / "other")["weights.safetensors"])
    )
    assert len(out) > len(silent) + 2 * 195
    net, vocab = load_net(tmp_path / "run", best=False)
    (last,) = generate(net, vocab, length=200, rng=np.random.default_rng(20))
    assert f"{last}\n20 steps;" in out


def test_json_is_a_line_a_step_and_nothing_else(text, tmp_path):
    out = good("train", text, "--out", tmp_path / "run", *SMALL, "--sample-every", 2, "--json")
    rows = [json.loads(line, parse_constant=pytest.fail) for line in out.splitlines()]
    _, history = load_run(tmp_path / "run")
    assert [row["step"] for row in rows] == list(range(1, 21))
    assert [row["loss"] for row in rows] == history.losses.tolist()
    assert [row["step"] for row in rows if row["valid_loss"] is not None] == [5, 10, 15, 20]


def test_progress_is_not_shown_where_there_is_no_terminal(text, tmp_path):
    assert "\r" not in good("train", text, "--out", tmp_path / "run", *SMALL)


class Terminal(io.StringIO):
    def isatty(self):
        return True


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
# The command, interrupted by a signal of its own once it has printed so many lines. It waits for
# the signal, so the step at which it stops depends on no clock. It computes in float64: the tests
# below compare runs of many steps that add in different orders, and float32 would drift apart.
INTERRUPTED = """\
import os, signal, sys
from threading import Event
import torch
from charseq.cli import main

torch.set_default_dtype(torch.float64)
# A shell that starts pytest in the background has its children ignore interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
left, whom, write = int(os.environ.get("LINES_LEFT", -1)), os.getpid(), sys.stdout.write
if "RANK" in os.environ:  # torch's launcher is interrupted, and passes it on
    whom = os.getppid()

def count(text):
    global left
    write(text)
    before, left = left, left - text.count("\\n")
    if before > 0 >= left:
        came, own = Event(), signal.getsignal(signal.SIGINT)
        signal.signal(signal.SIGINT, lambda *arguments: (came.set(), own(*arguments)))
        os.kill(whom, signal.SIGINT)
        while not came.wait(0.01):  # Python runs a handler between two waits
            pass

sys.stdout.write = count
main()
"""
posix = pytest.mark.skipif(os.name != "posix", reason="signals here are another matter")


@pytest.fixture(scope="module")
def interrupted_command(tmp_path_factory):
    file = tmp_path_factory.mktemp("command") / "interrupted.py"
    file.write_text(INTERRUPTED)
    return file


@pytest.fixture
def float64():
    """Compute in float64 unless told otherwise, as INTERRUPTED does."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@posix
@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_an_interrupted_run_is_saved_and_ends_as_one_that_was_not(
    interrupted_command, text, tmp_path
):
    good("train", text, "--out", tmp_path / "one", *SMALL, "--steps=60")
    other = tmp_path / "other"
    commands = [
        (25, ["train", text, "--out", other, *SMALL, "--steps=60", "--json"]),
        (20, ["resume", other, "--json"]),
    ]
    for stop, (lines, arguments) in zip((25, 45), commands, strict=True):
        ran = subprocess.run(
            [sys.executable, interrupted_command, *map(str, arguments)],
            capture_output=True, text=True, check=False,
            env=os.environ | {"LINES_LEFT": str(lines)},
        )  # fmt: skip
        assert ran.returncode == 130, ran.stderr
        run, history = load_run(other)
        assert run.step == len(history) == stop
        assert ran.stdout.count("\n") == lines
        assert ran.stderr == (
            f"charseq: interrupted; the run is saved at step {stop}, and "
            f"`charseq resume {other}` goes on from there\n"
        )
    good("resume", other)
    one, two = contents(tmp_path / "one"), contents(other)
    assert sorted(one) == sorted(two)
    assert all(one[name] == two[name] for name in one if name != "loss.svg")


def test_an_interrupt_waits_until_the_step_is_whole(text, tmp_path, monkeypatch):
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


def test_a_second_interrupt_does_not_wait(text, tmp_path, monkeypatch):
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


def test_who_ignores_interrupts_goes_on_ignoring_them(text, tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        good("train", text, "--out", tmp_path / "run", *SMALL)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_resume_goes_on_from_another_directory(text, tmp_path, monkeypatch):
    monkeypatch.chdir(text.parent)
    good("train", text.name, "--out", tmp_path / "run", *SMALL)
    monkeypatch.chdir(tmp_path)
    before = contents("run")
    assert "20 steps; the run is in run." in good("resume", "run")
    assert contents("run").keys() == before.keys()
    assert contents("run")["weights.safetensors"] == before["weights.safetensors"]


@pytest.mark.parametrize("change", [lambda t: t + "t", lambda t: t[:-1], lambda t: "Z" + t[1:]])
def test_resume_refuses_another_text(change, text, tmp_path):
    file, folder = tmp_path / "words.txt", tmp_path / "run"
    file.write_text(text.read_text())
    good("train", file, "--out", folder, *SMALL)
    file.write_text(change(text.read_text()))
    before = contents(tmp_path)
    refused("words.txt is not the text that this run learns from: it has", "resume", folder)
    assert contents(tmp_path) == before


def test_resume_refuses_a_text_in_which_two_characters_changed_places(text, tmp_path):
    file, folder = tmp_path / "words.txt", tmp_path / "run"
    file.write_text(text.read_text())
    good("train", file, "--out", folder, *SMALL)
    first, second, *rest = text.read_text()
    file.write_text("".join([second, first, *rest]))
    before = contents(tmp_path)
    message = "is not the text that this run learns from: it has as many characters as that, but n"
    refused(message, "resume", folder)
    assert contents(tmp_path) == before


def test_a_run_that_kept_no_digest_of_its_text_is_resumed(run):
    config = json.loads((run / "config.json").read_bytes())
    del config["text"]["sha256"]
    (run / "config.json").write_text(json.dumps(config))
    assert "20 steps" in good("resume", run)


def test_a_run_that_diverges_says_so_and_keeps_its_last_good_step(text, tmp_path):
    wild = ["--optimizer=sgd", "--lr=1e38", "--clip-norm=0", "--evaluate-every=0"]
    folder = tmp_path / "run"
    refused("step [23]: the loss is .* try a lower", "train", text, "--out", folder, *SMALL, *wild)
    loaded, history = load_run(folder)
    assert loaded.step == len(history) >= 1


# --- several processes ----------------------------------------------------------------------------

LAUNCHER = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from torch.distributed.run import main; main()",
    "--standalone",
]
TOGETHER = [*SMALL, "--batch-size=6", "--steps=60", "--save-every=1000", "--lr=0.002"]
HANGS = 600  # seconds after which a test has surely hung; none of them needs a tenth of it


def launched(command, processes, *arguments, lines=-1):
    """Run the command in several processes, by torch's own launcher."""
    return subprocess.run(
        [*LAUNCHER, f"--nproc-per-node={processes}", command, *map(str, arguments)],
        env=os.environ | {"LINES_LEFT": str(lines)},
        capture_output=True, text=True, check=False, timeout=HANGS,
    )  # fmt: skip


@pytest.fixture
def alone(float64, text, tmp_path):
    """A run by one process that was not interrupted."""
    good("train", text, "--out", tmp_path / "alone", *TOGETHER)
    return load_run(tmp_path / "alone")


@pytest.fixture(scope="module")
def begun(interrupted_command, text, tmp_path_factory):
    """A run by two processes that was interrupted at step 30, and what they wrote."""
    folder = tmp_path_factory.mktemp("begun") / "run"
    arguments = ["train", text, "--out", folder, *TOGETHER, "--json"]
    ran = launched(interrupted_command, 2, *arguments, lines=30)
    assert ran.returncode != 0
    return folder, [json.loads(line) for line in ran.stdout.splitlines()], ran.stderr


def assert_ends_as(folder, alone):
    (expected, history), (run, records) = alone, load_run(folder)
    assert run.step == len(records) == 60
    np.testing.assert_allclose(records.losses, history.losses, rtol=0, atol=1e-9)
    assert run.best_loss == pytest.approx(expected.best_loss, abs=1e-9)


@posix
@pytest.mark.slow
def test_two_processes_that_are_interrupted_stop_at_one_step_and_save_it(begun, alone):
    folder, rows, err = begun
    run, history = load_run(folder)
    assert 30 <= run.step < 60
    assert [row["step"] for row in rows] == list(range(1, run.step + 1))  # each once
    assert [row["loss"] for row in rows] == history.losses.tolist()
    np.testing.assert_allclose(history.losses, alone[1].losses[: run.step], rtol=0, atol=1e-9)
    assert err.count("charseq: ") == 1
    assert f"charseq: interrupted; the run is saved at step {run.step}, and `charseq resu" in err


@posix
@pytest.mark.slow
def test_what_two_processes_began_one_brings_to_its_end(begun, alone, tmp_path):
    shutil.copytree(begun[0], tmp_path / "run")
    good("resume", tmp_path / "run")
    assert_ends_as(tmp_path / "run", alone)


@posix
@pytest.mark.slow
def test_what_two_processes_began_three_bring_to_its_end(
    begun, alone, interrupted_command, tmp_path
):
    shutil.copytree(begun[0], tmp_path / "run")
    ran = launched(interrupted_command, 3, "resume", tmp_path / "run")
    assert ran.returncode == 0, ran.stderr
    measured = [str(record) for record in load_run(tmp_path / "run")[1] if record.step % 5 == 0]
    last = f"60 steps; the run is in {tmp_path / 'run'}. Next: charseq sample {tmp_path / 'run'}"
    assert [measured[-1], last] == ran.stdout.splitlines()[-2:]
    assert_ends_as(tmp_path / "run", alone)


@pytest.mark.slow
def test_when_one_of_two_processes_fails_both_end_with_its_sentence(interrupted_command, run, text):
    before = contents(run)
    ran = launched(interrupted_command, 2, "train", text, "--out", run, *TOGETHER)
    assert ran.returncode != 0  # the first process alone writes
    assert ran.stdout == ""
    assert re.findall("^charseq: .*", ran.stderr, re.MULTILINE) == [
        f"charseq: {run} holds a run already: resume it, or choose another folder for a new one"
    ]
    assert contents(run) == before


RENDEZVOUS = sys.modules["torch.distributed.rendezvous"]  # its name is that of a function, too


@pytest.fixture
def store(monkeypatch):
    """Let the command believe that it was started as one of two, while it is alone."""
    store = torch.distributed.HashStore()
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(RENDEZVOUS, "rendezvous", lambda url: iter([(store, 0, 1)]))
    yield store
    assert not torch.distributed.is_initialized()


def test_one_of_several_processes_joins_the_others_and_leaves_them(store, text, tmp_path):
    out = good("train", text, "--out", tmp_path / "run", *SMALL)
    assert out.count("\n") == 5
    assert load_run(tmp_path / "run")[0].step == 20


@pytest.mark.parametrize("rank", [0, 1])
def test_the_first_of_several_processes_alone_is_heard_and_writes(
    rank, store, text, tmp_path, monkeypatch
):
    monkeypatch.setattr("charseq.trainer.rank_and_world_size", lambda: (rank, 2))
    out = good("train", text, "--out", tmp_path / "run", *SMALL)
    assert (out != "") == (tmp_path / "run" / "loss.svg").exists() == (rank == 0)
    assert (tmp_path / "run").exists() == (rank == 0)


def test_of_several_processes_that_fail_one_says_why(store, text, tmp_path):
    refused("absent is not there", "resume", tmp_path / "absent")
    assert run_main("resume", tmp_path / "absent") == (1, "", "")


def test_a_process_fails_quietly_when_the_first_has_gone_with_its_store(
    store, tmp_path, monkeypatch
):
    def gone(*_):
        raise RuntimeError("Connection reset by peer")

    monkeypatch.setattr(type(store), "add", gone)
    assert run_main("resume", tmp_path / "absent") == (1, "", "")


def test_a_process_alone_takes_no_notice_of_a_world_of_one(text, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setattr(RENDEZVOUS, "rendezvous", pytest.fail)
    good("train", text, "--out", tmp_path / "run", *SMALL)


# --- sampling -------------------------------------------------------------------------------------


def test_sample_writes_what_generate_writes(whole):
    net, vocab = load_net(whole)
    options = {"temperature": 0.7, "top_k": 5, "top_p": 0.9, "length": 70, "streams": 2}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    texts = generate(net, vocab, "the ", **options, rng=np.random.default_rng(3))
    out = good("sample", whole, "--prompt", "the ", "--seed", 3, *flags)
    assert out == f"the {texts[0]}\n{'-' * 60}\nthe {texts[1]}\n"
    as_json = good("sample", whole, "--prompt", "the ", "--seed", 3, *flags, "--json")
    assert json.loads(as_json) == {"prompt": "the ", "texts": texts}


def test_sample_is_determined_by_its_seed(whole):
    texts = [good("sample", whole, "--seed", seed) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert len(texts[0]) == 401
    assert good("sample", whole) != good("sample", whole)


def test_sample_stops_where_it_is_told_to(whole):
    (free,) = json.loads(good("sample", whole, "--seed", 1, "--json"))["texts"]
    flags = ("--stop", "e", "--stop", "t", "--seed", 1, "--json")
    (cut,) = json.loads(good("sample", whole, *flags))["texts"]
    assert cut == re.split("[et]", free)[0] != free


def test_sample_takes_the_best_weights_unless_the_last_are_asked_for(run):
    shutil.copy(run / "weights.safetensors", run / "last")
    arrays = load_net(run, best=True)[0]
    assert arrays is not None
    model, vocab = load_model(run, best=False)
    with torch.no_grad():
        model.head.bias[vocab.encode("a")] = 1000.0
    from safetensors.torch import save_file

    save_file(model.state_dict(), run / "best.safetensors", {"step": "20"})
    assert good("sample", run, "--length", 5) == "aaaaa\n"
    assert good("sample", run, "--length", 5, "--temperature", 0, "--last") != "aaaaa\n"


# --- measuring, shapes, info ----------------------------------------------------------------------


@pytest.mark.parametrize("last", [False, True])
def test_eval_measures_what_evaluate_measures(last, whole, text):
    flags = ["--last"] if last else []
    found = json.loads(good("eval", whole, text, "--json", *flags))
    model, vocab = load_model(whole, best=not last)
    loss = evaluate(model, Corpus.from_text(text.read_text(), vocab))
    assert found == {
        "characters": len(text.read_text()),
        "loss": loss,
        "bits_per_character": loss / math.log(2),
        "perplexity": math.exp(loss),
    }
    table = good("eval", whole, text, *flags)
    assert f"bits per character  {loss / math.log(2):.4f}\n" in table
    assert table.count("\n") == 4


def test_a_perplexity_beyond_all_bounds_is_no_number_in_json(run, tmp_path):
    model, vocab = load_model(run)
    with torch.no_grad():
        model.head.bias[vocab.encode("a")] = 1e6
    from safetensors.torch import save_file

    save_file(model.state_dict(), run / "best.safetensors", {"step": "20"})
    (tmp_path / "t.txt").write_text("ttt")
    found = json.loads(good("eval", run, tmp_path / "t.txt", "--json"))
    assert found["perplexity"] is None
    assert found["loss"] > 1e5
    assert "perplexity          inf" in good("eval", run, tmp_path / "t.txt")


def test_shapes_shows_what_layer_shapes_says():
    expected = LayerShapes("lstm", 10, 16)
    assert good("shapes", "lstm", 10, 16) == f"{expected}\n"
    options = {
        "num_layers": 2, "bias": False, "batch_first": True, "bidirectional": True,
        "proj_size": 3, "batch_size": 5, "length": 7,
    }  # fmt: skip
    flags = "--layers 2 --no-bias --batch-first --bidirectional --proj-size 3 --batch 5 --length 7"
    expected = LayerShapes("lstm", 10, 16, **options)
    assert good("shapes", "lstm", 10, 16, *flags.split()) == f"{expected}\n"
    found = json.loads(good("shapes", "lstm", 10, 16, *flags.split(), "--json"))
    assert found == json.loads(json.dumps(expected.to_dict()))
    unbatched = LayerShapes("gru", 3, 4, batch_size=None)
    assert good("shapes", "gru", 3, 4, "--batch", 0) == f"{unbatched}\n"


def test_info_says_what_is_in_the_folder(whole, text):
    _, history = load_run(whole)
    best = min(r.valid_loss for r in history if not math.isnan(r.valid_loss)) / math.log(2)
    facts = json.loads(good("info", whole, "--json"))
    assert facts.pop("settings")["steps"] == 20
    assert facts == {
        "network": "LSTM 8",
        "vocabulary": len(set(text.read_text())),
        "text": str(text),
        "steps": "20 of 20",
        "loss": round(history[-1].loss, 4),
        "best_valid_bits_per_character": round(best, 4),
    }
    table = good("info", whole)
    assert f"best valid bits per character  {best:.4f}\n" in table
    assert table.count("\n") == 6


def test_info_counts_the_steps_that_count(run):
    loaded, history = load_run(run)
    type(history)((*history, history[-1].__class__(21, 1.0, 1.0, 1.0))).to_csv(run / "history.csv")
    assert json.loads(good("info", run, "--json"))["steps"] == "20 of 20"
    assert loaded.step == 20


def test_info_of_a_run_without_measurements(text, tmp_path):
    folder = tmp_path / "run"
    good("train", text, "--out", folder, *SMALL, "--valid", 0, "--layers", 2)
    facts = json.loads(good("info", folder, "--json"))
    assert facts["network"] == "LSTM 8×8"
    assert "best_valid_bits_per_character" not in facts
    (folder / "history.csv").write_text("step,loss,gradient_norm,lr,valid_loss\r\n", newline="")
    assert "loss" not in json.loads(good("info", folder, "--json"))


def test_a_finished_run_without_records_has_no_curve(text, tmp_path):
    folder = tmp_path / "run"
    good("train", text, "--out", folder, *SMALL)
    (folder / "history.csv").write_text("step,loss,gradient_norm,lr,valid_loss\r\n", newline="")
    (folder / "loss.svg").unlink()
    good("resume", folder)
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
def test_commands_import_no_more_than_they_need(arguments, heavy, whole):
    assert imported(arguments, whole) & {"torch", "numpy", "matplotlib"} <= heavy


def imported(arguments, whole):
    """Names of the modules that a command has loaded when it ends."""
    code = (
        "import sys\nfrom charseq.cli import main\ntry: main()\nfinally: print('\\n', *sys.modules)"
    )
    arguments = [str(whole) if part == "RUN" else part for part in arguments]
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    return set(ran.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("arguments", "modules"),
    [
        (["--help"], {"_version", "cli"}),
        (
            ["sample", "RUN", "--length", "3"],
            {
                "_checks",
                "_version",
                "cli",
                "checkpoint",
                "files",
                "history",
                "net",
                "reference",
                "sampling",
                "shapes",
                "vocab",
            },
        ),
    ],
)
def test_a_command_starts_with_the_modules_that_it_uses(arguments, modules, whole):
    # What a command loads is what it waits for. How long that takes depends on the machine, and is
    # measured in benchmarks/; what is loaded does not.
    loaded = imported(arguments, whole)
    assert {name[8:] for name in loaded if name.startswith("charseq.")} == modules


def test_help_names_every_command_and_what_it_does():
    out = good("--help")
    for command in ("train", "resume", "sample", "eval", "shapes", "info"):
        assert f"\n  {command} " in out
        assert f"Usage: charseq {command} " in good(command, "--help")


def test_a_wrong_option_is_answered_with_usage():
    for arguments in (["sample"], ["sample", "a", "--lenght", "3"], ["trian"], ["shapes", "x"]):
        code, out, err = run_main(*arguments)
        assert (code, out) == (2, "")
        assert "Error: " in err
        assert "Usage: charseq" in err


@pytest.mark.slow
def test_output_that_no_one_reads_is_no_error(whole, text, tmp_path):
    for arguments in (
        ["sample", whole, "--length", 300, "--streams", 400],
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
    def make(place):
        (place / "t.txt").write_bytes(data)
        return place / "t.txt"

    return make


GOOD = b"ab cd\n" * 100
TEXTS = {
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
    "dropout of all": (write(GOOD), ["--dropout", 1], "dropout is a share"),
    "dropout is no number": (write(GOOD), ["--dropout", "nan"], "dropout is a share"),
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
    "no saves": (write(GOOD), ["--save-every", 0], "save_every must be at least 1, got 0"),
    "name with a zero byte": (lambda place: "a\0b", [], "."),
    "name too long": (lambda place: "x" * 5000, [], "."),
}


@pytest.mark.parametrize("case", TEXTS)
def test_bad_input_to_train_is_one_sentence_and_leaves_nothing(case, tmp_path):
    make, flags, message = TEXTS[case]
    source = make(tmp_path)
    before = contents(tmp_path)
    refused(message, "train", source, "--out", tmp_path / "run", *SMALL, *flags)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("command", [("train", "time-zones"), ("shapes", "gru", 3, 4)])
def test_layers_beyond_all_reason_are_refused_at_once(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run_main(*command, "--layers", 10**8)
    assert (code, out) == (2, "")
    assert re.search("Invalid value for '--layers': .* 1000", err)
    assert contents(tmp_path) == {}


def test_a_system_that_does_not_tell_its_memory_trains(text, tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sysconf")
    good("train", text, "--out", tmp_path / "run", *SMALL)


def test_a_text_that_may_not_be_read_is_one_sentence(text, tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read whatever there is
    refused("permission denied", "train", text, "--out", tmp_path / "run")
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("there", [True, False])
def test_a_full_disk_is_one_sentence(there, text, whole, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    if there:
        shutil.copytree(whole, folder)
    before = contents(tmp_path)
    monkeypatch.setattr("charseq.files.write_all", lambda *_: no_space())
    arguments = ["resume", folder] if there else ["train", text, "--out", folder, *SMALL]
    refused("could not be saved in .* \\(No space left on device\\); what was saved", *arguments)
    assert contents(tmp_path) == before


def no_space():
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_run_in_the_way_is_one_sentence(run, text, tmp_path):
    before = contents(tmp_path)
    refused("holds a run already: resume it", "train", text, "--out", run, *SMALL)
    assert contents(tmp_path) == before


def test_a_file_in_the_way_is_one_sentence(text, tmp_path):
    (tmp_path / "file").write_text("precious")
    refused("could not be saved in", "train", text, "--out", tmp_path / "file", *SMALL)
    refused("could not be saved in", "train", text, "--out", tmp_path / "file" / "run", *SMALL)
    assert contents(tmp_path) == {"file": b"precious"}


def test_too_little_memory_is_one_sentence(whole, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr("charseq.sampling.generate", fail)
    refused("there is not enough memory", "sample", whole)


def test_a_mistake_of_ours_is_not_hidden(whole, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("a bug")

    monkeypatch.setattr("charseq.sampling.generate", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        run_main("sample", whole)


def shortened(folder):
    for name in ("weights.safetensors", "best.safetensors"):
        (folder / name).write_bytes((folder / name).read_bytes()[:-100])


def of_another_version(folder):
    config = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps({**config, "format": 99, "charseq": "9.9.9"}))


def with_another_vocabulary(folder):
    (folder / "vocab.json").write_text(Vocabulary("abc").to_json())


def without_a_network(folder):
    config = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps({**config, "model": {}}))


DAMAGES = {
    shortened: "weights.safetensors is damaged|best.safetensors is damaged",
    of_another_version: "has format 99, made by charseq 9.9.9; this is charseq",
    with_another_vocabulary: "vocab.json has 3 characters and the network",
    without_a_network: "there is no option",
    shutil.rmtree: "is not there; expected a run folder",
    lambda folder: (folder / "config.json").unlink(): "is no run folder: it has no config.json",
    lambda folder: (folder / "vocab.json").write_bytes(b"\xff"): "vocab.json is damaged",
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("command", ["resume", "sample", "eval", "info"])
def test_a_damaged_folder_is_one_sentence_and_left_as_it_is(command, damage, run, text, tmp_path):
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
        (["--prompt", "the Ω"], r"character 'Ω' \(U\+03A9\) at position 4"),
        (["--prompt", ""], "the prompt is empty"),
        (["--length", -1], "length must not be negative"),
        (["--temperature", -1], "temperature must be 0 or more and finite, got -1.0"),
        (["--temperature", "nan"], "temperature must be 0 or more and finite, got nan"),
        (["--top-k", -1], "top_k must be at least 1, got -1"),
        (["--top-p", 0], "top_p must be above 0 and at most 1, got 0.0"),
        (["--top-p", 1.5], "top_p must be above 0 and at most 1, got 1.5"),
        (["--streams", 0], "streams must be at least 1, got 0"),
        (["--stop", ""], "a stop string is empty"),
        (["--seed", -1], "non-negative"),
    ],
)
def test_bad_input_to_sample_is_one_sentence(flags, message, whole):
    before = contents(whole)
    refused(message, "sample", whole, *flags)
    assert contents(whole) == before


def test_a_net_that_grew_out_of_bounds_is_one_sentence(run):
    from safetensors.numpy import load_file, save_file

    arrays = {
        name: np.full_like(a, 3e38) for name, a in load_file(run / "best.safetensors").items()
    }
    save_file(arrays, run / "best.safetensors", {"step": "20"})
    code, out, err = process("sample", run)
    assert (code, out) == (1, "")
    assert re.fullmatch("charseq: the largest logit is not a finite number[^\n]+\n", err)


def test_bad_input_to_eval_is_one_sentence(whole, tmp_path):
    for case in ("empty", "binary", "zero bytes", "a directory", "absent", "one character"):
        refused(".", "eval", whole, TEXTS[case][0](tmp_path))
    (tmp_path / "t.txt").write_text("a text with Ω")
    refused(r"character 'Ω' \(U\+03A9\) at position 12", "eval", whole, tmp_path / "t.txt")


@pytest.mark.parametrize(
    "arguments", [["cnn", 3, 4], ["rnn", 0, 4], ["rnn", 3, -1], ["gru", 3, 4, "--proj-size", 2]]
)
def test_bad_input_to_shapes_is_one_sentence(arguments):
    flags = [str(part) if str(part)[0] != "-" or len(str(part)) > 2 else part for part in arguments]
    refused(".", "shapes", *flags[:1], "--", *flags[1:]) if "--proj-size" not in flags else refused(
        ".", "shapes", *flags
    )


# --- anything at all ------------------------------------------------------------------------------

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
ENDLESS = ("--steps", "--length")  # a large number of them takes as long as it takes


def spoilt(folder, chance):
    """Damage one file of a folder, in one of many ways."""
    file = chance.choice(sorted(folder.iterdir()))
    data = bytearray(file.read_bytes())
    way = chance.randrange(6)
    if way == 0:
        file.unlink()
    elif way == 1:
        file.write_bytes(data[: chance.randrange(len(data) + 1)])
    elif way == 2:
        for _ in range(chance.randrange(1, 9)):
            data[chance.randrange(min(len(data), 600))] = chance.randrange(256)
        file.write_bytes(data)
    elif way == 3:
        file.write_bytes(chance.randbytes(chance.randrange(300)))
    elif way == 4:
        other = chance.choice(sorted(folder.iterdir()))
        file.write_bytes(other.read_bytes())
    else:  # a value of the JSON is replaced by another
        parts = re.split(rb"(?<=: )([^,{}\[\]]+)(?=[,\n}])", (folder / "config.json").read_bytes())
        values = [b"0", b"-1", b"null", b'"a"', b"[]", b"{}", b"1e999", b"-12345678901234567890"]
        parts[chance.randrange(0, len(parts) // 2) * 2 + 1] = chance.choice(values)
        (folder / "config.json").write_bytes(b"".join(parts))


def fuzz(rounds, seed, text, whole, place):
    """Misuse the command; return how often it refused."""
    chance, codes = random.Random(seed), []
    commands = ["train", "resume", "sample", "eval", "info", "shapes"]
    options = {name: re.findall(r"\n  (--[a-z-]+)", good(name, "--help")) for name in commands}
    for number in range(rounds):
        folder = place / f"{number}"
        run = shutil.copytree(whole, folder / "run")
        precious = folder / "precious.txt"
        precious.write_text("precious")
        if damaged := chance.random() < 0.6:
            spoilt(run, chance)
        command = chance.choice(commands)
        arguments = {
            "train": [text, "--out", folder / "new", *SMALL, "--steps", "2"],
            "eval": [run, text],
            "shapes": ["lstm", "3", "4"],
        }.get(command, [run])
        for _ in range(chance.choice([0, 0, 0, 1] if damaged else [1, 1, 2])):
            extra = [chance.choice(chance.choice([VALUES, FLAGS]))]
            if chance.random() < 0.7:  # an option that the command has, with some value
                own = chance.choice(options[command])
                value = "1" if own in ENDLESS else chance.choice(NUMBERS)
                extra = [f"{own}={value}"]
            place_of_it = chance.randrange(len(arguments) + 1)
            arguments[place_of_it:place_of_it] = extra
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
def test_fuzzed_commands_and_folders_meet_only_clear_errors(text, whole, tmp_path):
    codes = fuzz(FUZZED, 0, text, whole, tmp_path)
    assert {0, 1, 2} == set(codes)
    assert sum(map(bool, codes)) > FUZZED / 2
