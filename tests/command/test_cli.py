"""The command: what it does, what it prints, and what it leaves on disk after a mistake."""

import contextlib
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
from small_runs import another_writer, contents, rewrite

from charseq import (
    Corpus,
    NGram,
    Settings,
    evaluate,
    generate,
    monitor,
    score,
)
from charseq.checkpoint import load_model, load_net, load_run, read_config
from charseq.cli import main
from charseq.history import UpdateRecord
from charseq.language_model import learning_rate, measured_places
from charseq.scoring import json_report
from charseq.settings import recipe
from charseq.trainer import Reporting, train_folder

FIX = Path(__file__).parents[2] / "docs" / "fix"
WORDS = ["the", "net", "reads", "a", "text", "and", "writes", "as", "it", "is", "read"]
SMALL = [
    "--cell=lstm", "--hidden-size=8", "--embedding-size=0", "--dropout=0", "--batch-size=4",
    "--block-size=10", "--steps=20", "--eval-interval=5", "--lr=0.05",
]  # fmt: skip
COMMAND = [sys.executable, "-c", "from charseq.cli import main; main()"]
posix = pytest.mark.skipif(os.name != "posix", reason="signals work differently on this system")


@pytest.fixture(scope="module", autouse=True)
def no_clock():
    """Let each training step take no time, so that equal runs have equal files."""
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


def train_in_python(text, folder, reporting=None, **more):
    """Train as :func:`train` does, with settings that the command does not have."""
    network = {"cell": "LSTM", "hidden_size": 8, "embedding_size": None, "dropout": 0.0, "seed": 0}
    settings = {"batch_size": 4, "length": 10, "steps": 20, "evaluate_every": 5, "lr": 0.05}
    settings |= {"warmup": 2, "seed": 0, **more}
    with contextlib.redirect_stdout(io.StringIO()):
        train_folder(folder, str(text), network, settings, reporting=reporting)


def run_in_new_process(*arguments, start=COMMAND, **options):
    """Run the command in a new process; return its exit code and what it wrote."""
    command = [*start, *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    return ran.returncode, ran.stdout, ran.stderr


def refused(message, *arguments):
    """Check that a command fails, and prints one sentence on standard error and nothing else."""
    code, out, err = run_main(*arguments)
    assert (code, out) == (1, "")
    assert re.fullmatch(r"error: [^\n]+\n", err), err
    assert re.search(message, err), err


@contextlib.contextmanager
def unchanged(folder):
    before = contents(folder)
    yield
    assert contents(folder) == before


# --- training -------------------------------------------------------------------------------------


def test_train_saves_in_a_folder_and_prints_measurements_and_the_next_command(text, tmp_path):
    folder = tmp_path / "run"
    out = train(text, folder).splitlines()
    names = ["best.safetensors", "history.csv", "last.safetensors", "loss.svg"]
    assert sorted(contents(folder)) == names
    loaded, history = load_run(folder)
    assert loaded.finished
    assert history.numbers.tolist() == list(range(1, 21))
    assert history[-1].loss < history[0].loss
    assert out[3:7] == [str(history[step - 1]) for step in (5, 10, 15, 20)]
    best = min(r.valid_loss for r in history if not math.isnan(r.valid_loss)) / math.log(2)
    assert out[7].startswith(f"valid     {best:.3f} bits per character at the best step; on the ")
    assert f"valid:{best:.3f}" in "\n".join(out[3:7])  # the number of the table
    assert out[-1] == f"20 steps; the run is in {folder}. Next: charseq sample {folder}"
    history.to_csv(text.with_name("same.csv"))
    assert (folder / "history.csv").read_bytes() == text.with_name("same.csv").read_bytes()
    assert b"<svg" in (folder / "loss.svg").read_bytes()


def test_train_saves_at_intervals_at_each_new_best_and_at_the_end(text, tmp_path, monkeypatch):
    saves, measured = [], iter([3.0, 2.0, 2.5, 2.2, 1.9, 9.0, 1.0])  # after 3, 6, … 18 and 20 steps
    monkeypatch.setattr("charseq.language_model.evaluate", lambda *_, **__: next(measured))
    monkeypatch.setattr(
        "charseq.trainer.write_run", lambda _, run, *__, best: saves.append((run.step, best))
    )
    train_in_python(text, tmp_path / "run", Reporting(save_every=7), evaluate_every=3)
    assert saves[:4] == [(0, False), (3, True), (6, True), (7, False)]
    assert saves[4:] == [(14, False), (15, True), (20, True), (20, False)]


def test_train_saves_every_option(text, tmp_path):
    model = {"cell": "LSTM", "hidden_size": 8, "num_layers": 2, "embedding_size": 8, "dropout": 0.2}
    settings = {"steps": 30, "batch_size": 3, "block_size": 7, "lr": 0.125, "eval_interval": 2,
                "seed": 11}  # fmt: skip
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in (model | settings).items()]
    run_ok("train", text, "--out", tmp_path / "run", "--valid=0.2", *flags)
    saved = read_config(tmp_path / "run")
    assert saved["model"].items() >= {**model, "seed": 11, "fast": True}.items()
    names = {"block_size": "length", "eval_interval": "evaluate_every"}
    expected = {names.get(name, name): value for name, value in settings.items()}
    assert saved["settings"].items() >= {**expected, "warmup": 3, "weight_decay": 0.15}.items()
    source = {"text": str(text), "encoding": "utf-8", "valid": 0.2, "raw": False}
    assert saved["text"].items() >= source.items()


def test_zero_turns_an_option_off(text, tmp_path):
    out = train(text, tmp_path / "run", "--steps=2", "--embedding-size=0", "--valid=0")
    loaded, history = load_run(tmp_path / "run")
    assert loaded.model.embedding is None
    assert all(math.isnan(record.valid_loss) for record in history)
    assert "valid" not in out
    refused("run has held no text back: name a text to measure on", "eval", tmp_path / "run")
    facts = json.loads(run_ok("info", tmp_path / "run", "--json"))
    assert facts["bits_per_character"] is None


def test_the_length_of_the_text_and_the_minutes_choose_what_is_not_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "time-zones").write_text("the name wins over a file")
    monkeypatch.setattr("charseq.trainer.median", lambda _: 0.1)  # seconds per step
    out = run_ok("train", "time-zones", "--minutes=0.012", "--hidden-size=4").splitlines()
    saved = read_config("run")
    size = saved["text"]["train_tokens"]
    assert saved["text"]["text"] == "time-zones"
    network, settings = recipe(size, steps=6)  # 0.72 seconds, and a tenth of each to measure
    assert saved["model"].items() >= (network | {"hidden_size": 4}).items()
    assert saved["settings"] == asdict(Settings(steps=6, **settings))
    assert out[0].startswith("text      time-zones: ")
    assert out[1].endswith("; chosen by the length of the text, but for hidden size")
    assert out[2].startswith("training  6 updates at rate 0.005, with 8 × 64 characters: ")
    run_ok("train", "time-zones", "--minutes=600", "--hidden-size=4", "--out=much", "--valid=0.5",
           "--block-size=100", "--batch-size=20")  # fmt: skip
    assert (
        read_config("much")["settings"]["steps"]
        == 40 * read_config("much")["text"]["train_tokens"] // 2000
    )
    run_ok("resume", "run")
    assert json.loads(run_ok("eval", "run", "time-zones", "--json"))["characters"] > 1000


@pytest.mark.parametrize("size", [2, 600, 10**5, 10**6, 10**8])
def test_what_is_chosen_fits_the_text(size):
    _, settings = recipe(size)
    chosen = Settings(**settings)
    assert chosen.batch_size * chosen.length < size or chosen.batch_size == 1


def test_json_has_an_object_for_each_update_and_the_numbers_of_the_last_line(
    text, tmp_path, finished_run
):
    out = train(text, tmp_path / "json", "--json")
    start, *updates, end = (
        json.loads(line, parse_constant=pytest.fail) for line in out.splitlines()
    )
    run, history = load_run(finished_run)
    assert [row["loss"] for row in updates] == history.losses.tolist()
    assert [row["step"] for row in updates if row["valid_loss"] is not None] == [5, 10, 15, 20]
    assert {row["event"] for row in updates} == {"update"}
    assert (start["event"], start["hidden_size"], start["steps"]) == ("start", 8, 20)
    corpus = Corpus.from_text(text.read_text())
    learned, valid = corpus.split(valid=0.1)
    places = measured_places(run.settings, len(valid))
    tables = [NGram(n, learned).loss(valid.ids) for n in range(1, 13)]
    assert (len(places), end["table_order"]) == (len(valid) - 1, 1 + int(np.argmin(tables)))
    assert end["bits_per_character"] == run.best_loss / math.log(2)
    assert end["table_bits_per_character"] == pytest.approx(min(tables) / math.log(2), rel=0.05)
    found, expected = contents(tmp_path / "json"), contents(finished_run)
    assert all(found[name] == expected[name] for name in found if name != "loss.svg")


def test_a_callback_gets_each_record(text, tmp_path):
    seen = []
    train_in_python(text, tmp_path / "run", Reporting(callback=seen.append))
    assert repr(seen) == repr(list(load_run(tmp_path / "run")[1]))


def test_progress_in_a_terminal_shows_loss_speed_and_time_left(text, tmp_path, monkeypatch):
    clock, folder = [0.0], tmp_path / "run"
    monkeypatch.setattr("tqdm.std.time", lambda: clock.append(clock.pop() + 1) or clock[0])
    code, out, err = run_main("train", text, *SMALL, "--out", folder, err=Terminal())
    assert (code, out.count("\n") > 6) == (0, True)
    line = r" \d+%\|.*?\| \d+/20 updates \[\d\d:\d\d<\d\d:\d\d, bits \d\.\d{3}"
    assert len(re.findall(line, err)) > 5
    measured = [f"{r.valid_loss / math.log(2):.3f}" for r in load_run(folder)[1]][4]
    assert re.search(rf"6/20 updates .*, valid {measured}\]", err)  # the last one stays
    assert err.startswith(f"charseq: reading {text}, 0.0 MB\n")
    _, _, err = run_main("resume", folder, "--steps=40", err=Terminal())
    assert re.findall(r"\| (\d+)/40", err)[0] == "20"  # not from 0


# --- interrupts -----------------------------------------------------------------------------------


@pytest.fixture
def default_interrupts():
    """Let Python handle interrupts, as in a terminal; the command must leave it so."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


@posix
@pytest.mark.usefixtures("default_interrupts")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_saves_its_step_and_resumed_writes_the_files_of_a_whole_one(
    number, text, tmp_path, finished_run, monkeypatch
):
    def interrupt(*arguments, **options):
        os.kill(os.getpid(), number)
        return evaluate(*arguments, **options)

    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("charseq.language_model.evaluate", interrupt)
        code, out, err = run_main("train", text, "--out", folder, *SMALL)
    loaded, history = load_run(folder)
    assert (code, out.splitlines()[3:]) == (128 + number, [str(history[-1])])
    assert err == (
        "charseq: interrupted; the run is saved at step 5, and "
        f"`charseq resume {folder}` goes on from there\n"
    )
    assert loaded.step == len(history) == 5
    assert loaded.best_loss == history[-1].valid_loss
    run_ok("resume", folder)
    assert all(contents(folder)[name] == data for name, data in contents(finished_run).items()
               if name != "loss.svg")  # fmt: skip


@pytest.mark.usefixtures("default_interrupts")
def test_a_second_interrupt_takes_effect_at_once(text, tmp_path, monkeypatch):
    calls = []

    def steps(*_):
        for call in ("after the first", "after the second"):
            os.kill(os.getpid(), signal.SIGINT)
            calls.append(call)
        yield

    monkeypatch.setattr("charseq.language_model._language_model_steps", steps)
    assert run_main("train", text, "--out", tmp_path / "run", *SMALL)[0] == 130
    assert calls == ["after the first"]
    assert load_run(tmp_path / "run")[0].step == 0


# --- other settings, another place, another text --------------------------------------------------


def test_resume_says_that_a_run_was_over(run):
    before = contents(run)
    assert run_ok("resume", run).splitlines()[0] == (
        "the run is over: all its 20 steps have been made; "
        f"charseq resume {run} --steps N goes on until step N"
    )
    assert contents(run)["last.safetensors"] == before["last.safetensors"]


def test_a_run_goes_on_for_more_steps_as_if_it_had_had_them_from_the_start(text, tmp_path):
    train_in_python(text, tmp_path / "whole", schedule="constant", steps=30)
    train_in_python(text, tmp_path / "longer", schedule="constant")
    assert "is over" not in run_ok("resume", tmp_path / "longer", "--steps=30")
    name = "last.safetensors"
    assert contents(tmp_path / "whole")[name] == contents(tmp_path / "longer")[name]


def test_resume_changes_settings_and_saves_them(run):
    run_ok("resume", run, "--steps=24", "--lr=0.5")
    loaded, history = load_run(run)
    settings = loaded.settings
    assert settings.lr == 0.5
    rates = [learning_rate(settings, step) for step in range(21, 25)]
    assert [record.lr for record in history][20:] == rates
    refused(
        r"steps=23 is too few: it .* made 24 already, .*\(steps=34 makes 10",
        "resume",
        run,
        "--steps=23",
    )


def test_the_patience_of_a_run_begins_anew_if_it_gets_steps(text, tmp_path, monkeypatch):
    losses = iter([1.0, *range(2, 99)])
    monkeypatch.setattr("charseq.language_model.evaluate", lambda *_, **__: float(next(losses)))
    train_in_python(text, tmp_path / "run", patience=2, steps=100)
    assert load_run(tmp_path / "run")[0].step == 15
    run_ok("resume", tmp_path / "run", "--lr=0.01")
    assert load_run(tmp_path / "run")[0].step == 15
    assert run_main("resume", tmp_path / "run", "--steps=99")[0] == 0
    assert load_run(tmp_path / "run")[0].step == 25


def test_a_text_that_has_moved_is_named_and_another_is_refused(text, tmp_path):
    old, new, moved = tmp_path / "old.txt", tmp_path / "run", tmp_path / "new.txt"
    shutil.copy(text, old)
    train(old, new, "--steps=4")
    shutil.move(old, moved)
    refused("the text that .* is gone: '.*old.txt' is .*; say with --text where", "resume", new)
    run_ok("resume", new, "--steps=6", "--text", moved)
    assert "6 steps" in run_ok("resume", new)  # the new place is saved
    with unchanged(new):
        (tmp_path / "other.txt").write_text("another text")
        refused("other.txt' is not the text", "resume", new, "--text", tmp_path / "other.txt")


def test_a_run_that_was_made_in_python_goes_on_there(run):
    rewrite(run, text__sha256=None)
    with unchanged(run):
        refused("does not say which text .* go on there, with load_run", "resume", run)


def test_a_run_starts_from_another_and_keeps_all_that_it_has_learned(text, tmp_path):
    train(text, tmp_path / "old")
    other = tmp_path / "other.txt"
    other.write_text("Über the Übung and so on. " * 40)
    flags = ["--out", tmp_path / "new", *SMALL[4:], "--init-from", tmp_path / "old", "--dropout=.2"]
    run_ok("train", other, *flags, "--steps=1", "--lr=1e-30", "--eval-interval=1")
    old, known = load_model(tmp_path / "old")
    new, vocab = load_model(tmp_path / "new")
    assert vocab.chars[: len(known)] == known.chars
    assert set(vocab.chars) == {*known.chars, *other.read_text()}
    free = {"vocab_size": len(vocab), "dropout": 0.2, "seed": new.options["seed"]}
    assert new.options == old.options | free
    for name, weight in new.state_dict().items():
        trained = old.state_dict()[name]
        kept = weight[tuple(map(slice, trained.shape))]
        torch.testing.assert_close(kept, trained, rtol=0, atol=1e-28)
    run_ok("resume", tmp_path / "new", "--steps=5", "--lr=0.01")
    assert json.loads(run_ok("eval", tmp_path / "new", "--json"))["characters"] == 104
    flags = ["--out", tmp_path / "none", "--init-from", tmp_path / "old", "--hidden-size=9"]
    refused("start from keeps its hidden_size=8: leave that out", "train", text, *flags)
    assert not (tmp_path / "none").exists()


# --- learning goes wrong --------------------------------------------------------------------------


def test_a_diverging_run_says_so_and_saves_its_last_good_step(text, tmp_path):
    wild = ["--lr=1e38", "--eval-interval=0"]
    folder = tmp_path / "run"
    code, _, err = run_main("train", text, "--out", folder, *SMALL, *wild)
    assert code == 1
    assert re.search(r"^error: step [23]: the loss is .* try a lower", err)
    loaded, history = load_run(folder)
    assert loaded.step == len(history) >= 1


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
    assert (f"from 1.000 to {bits[-1]}.000 bits" in warning) is bool(warning) is told


def test_the_sentences_name_pages_that_exist():
    titles = {page.read_text().split("\n# ", 1)[1].partition("\n")[0] for page in FIX.glob("*.md")
              if page.name != "index.md"}  # fmt: skip
    sentences = [
        monitor.find_high_loss([record_of(100, loss=9.0)], 3),
        monitor.find_rising_loss([record_of(n, n) for n in range(5)]),
    ]
    named = re.findall(r"\(Error messages: (.*?)\)", " ".join(sentences))
    assert len(named) == 2
    assert set(named) <= titles
    assert monitor.find_high_loss([record_of(100, loss=1.1)], 3) == ""


def test_a_warning_is_printed_once_and_the_run_goes_on(text, tmp_path):
    flags = ["--steps=103", "--eval-interval=0", "--lr=30"]
    code, out, err = run_main("train", text, "--out", tmp_path / "run", *SMALL, *flags, "--json")
    assert (code, out.count("\n")) == (0, 105)
    assert re.fullmatch(
        r"charseq: after step 100 the loss is \d+\.\d\d, but a network that knows nothing has "
        r"2\.\d\d, which is ln \d+; try a tenth of the learning rate \(Error messages: .*\)\n",
        err,
    )


# --- two writers, several processes ---------------------------------------------------------------


def test_a_second_writer_is_refused_and_readers_are_not(run, text, tmp_path):
    (tmp_path / "new").mkdir()
    in_use = "another process is writing in .*{}: wait until it has ended, or interrupt it"
    with another_writer(run), another_writer(tmp_path / "new"), unchanged(tmp_path):
        refused(in_use.format("run"), "resume", run)
        refused(in_use.format("new"), "train", text, "--out", tmp_path / "new", *SMALL)
        assert "step                20\n" in run_ok("info", run)
        assert len(run_ok("sample", run, "--length", 7)) == 8
        assert "perplexity" in run_ok("eval", run, text)


# Numbers that are added in another order drift apart; in float64, by less than 1e-9 in 60 steps.
IN_FLOAT64 = """\
import torch
from charseq.cli import main
torch.set_default_dtype(torch.float64)
main()
"""


@posix
@pytest.mark.slow
def test_any_number_of_processes_can_go_on_with_a_run_that_two_began(text, tmp_path):
    (tmp_path / "command.py").write_text(IN_FLOAT64)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]

    def run(processes, *arguments):
        start = [*launcher, f"--nproc-per-node={processes}", tmp_path / "command.py"]
        code, _, err = run_in_new_process(*arguments, start=start, timeout=600)
        assert code == 0, err

    options = [*SMALL, "--batch-size=6", "--lr=0.002", "--steps=40"]
    run(1, "train", text, "--out", tmp_path / "alone", *options)
    run(2, "train", text, "--out", tmp_path / "two", *options)
    expected = load_run(tmp_path / "alone")[1].losses
    for processes in (1, 3):
        folder = Path(shutil.copytree(tmp_path / "two", tmp_path / f"{processes}"))
        run(processes, "resume", folder, "--steps=40")
        np.testing.assert_allclose(load_run(folder)[1].losses, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("rank", [0, 1])
def test_only_rank_0_prints_and_writes(rank, text, tmp_path, monkeypatch):
    monkeypatch.setattr("charseq.trainer.rank_and_world_size", lambda: (rank, 2))
    out = train(text, tmp_path / "run")
    assert (out == "") == (rank == 1)
    assert (tmp_path / "run").exists() == (rank == 0)


def test_a_process_stops_at_the_step_at_which_another_was_interrupted(text, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "charseq.trainer.any_process", lambda own: asked.append(own) or len(asked) > 6
    )
    code, _, err = run_main("train", text, "--out", tmp_path / "run", *SMALL)
    assert (code, set(asked[:7])) == (130, {False})
    assert "the run is saved at step 7, and" in err
    assert load_run(tmp_path / "run")[0].step == 7


# --- sampling -------------------------------------------------------------------------------------


def test_sample_prints_what_generate_returns(finished_run):
    net, vocab = load_net(finished_run)
    options = {"temperature": 0.7, "top_k": 5, "top_p": 0.9, "length": 70, "streams": 2}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    flags += ["--stop", "rw", "--stop", "ee", "--prompt", "the ", "--seed", 3]
    rng = np.random.default_rng(3)
    texts = generate(net, vocab, "the ", **options, stop=["rw", "ee"], rng=rng)
    assert min(map(len, texts)) < 70
    out = run_ok("sample", finished_run, *flags)
    assert out == f"the {texts[0]}\n{'-' * 60}\nthe {texts[1]}\n"
    as_json = run_ok("sample", finished_run, *flags, "--json")
    assert json.loads(as_json) == {"prompt": "the ", "texts": texts}
    others = [run_ok("sample", finished_run) for _ in range(2)]  # without a seed
    assert others[0] != others[1]
    assert len(others[0]) == 401


def set_best_bias(run, char, value):
    """Give a character this bias in the best weights."""
    model, vocab = load_model(run)
    bias = model.head.bias.detach().numpy().copy()
    bias[vocab.encode(char)] = value
    rewrite(run, "best.safetensors", {"head.bias": bias})


def test_sample_score_and_eval_take_the_best_weights_unless_told_otherwise(run, text):
    set_best_bias(run, "a", 1000.0)
    assert run_ok("sample", run, "--length", 5) == "aaaaa\n"
    assert run_ok("sample", run, "--length", 5, "--temperature", 0, "--last") != "aaaaa\n"
    for command in ("score", "eval"):
        best, last = (run_ok(command, run, text, "--json", *flags) for flags in ([], ["--last"]))
        assert best != last


def test_a_text_is_printed_while_it_is_written_until_nobody_reads_it(finished_run):
    command = [*COMMAND, "sample", finished_run, "--length", str(10**12), "--streams", "2"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(list(map(str, command)), **pipes) as child:
        assert len(child.stdout.read(3000)) == 3000
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 1


def test_a_network_that_was_trained_with_raw_reads_carriage_returns_in_every_command(tmp_path):
    file, run = tmp_path / "t.txt", tmp_path / "run"
    file.write_bytes(b"some words\r\nand others\r\n" * 40)
    with contextlib.redirect_stdout(io.StringIO()):
        train_folder(run, str(file), {"hidden_size": 8}, {"steps": 1}, raw=True)
    assert "\r" in load_net(run)[1]
    whole = len(file.read_bytes())
    assert json.loads(run_ok("eval", run, file, "--json"))["characters"] == whole
    expected = score(*load_net(run), file.read_bytes().decode())
    assert len(expected.bits) == whole
    assert run_ok("score", run, file, "--json").splitlines() == [*json_report(expected.lines())]
    (tmp_path / "prompts.txt").write_bytes(b"some\r\nand\r\n")
    out = run_ok("sample", run, "--prompts", tmp_path / "prompts.txt", "--json").splitlines()
    assert [json.loads(line)["prompt"] for line in out] == ["some\r", "and\r"]


# --- control characters ---------------------------------------------------------------------------

EVIL = "a\x1b]0;owned\x07\x9b2J\r\x7f\t\u2028\ud800"


def test_what_a_folder_says_is_shown_and_not_obeyed(run, tmp_path):
    rewrite(run, text__text=EVIL)
    out = run_ok("info", run)
    assert r"a\x1b]0;owned\x07\x9b2J\r\x7f\t" in out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]", out)
    rewrite(run, charseq=EVIL, settings__pace=3)
    folder = run.rename(tmp_path / "r\x1b[31m")
    refused(r"r\\x1b\[31m.* was saved by charseq a\\x1b\]0;owned", "resume", folder)


@pytest.mark.parametrize("flags", [["--top-k=200"], ["--streams=2"]])
def test_a_terminal_does_not_obey_what_a_network_writes(flags, tmp_path):
    characters = "".join(map(chr, {*range(1, 0xA0)} - {13})) + "\u2028"
    (tmp_path / "t.txt").write_text(characters * 9, "utf-8", newline="")
    options = [*SMALL, "--steps=1", "--valid=0"]
    _, shown, _ = run_main(
        "train", tmp_path / "t.txt", "--out", tmp_path / "run", *options, out=Terminal()
    )
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", shown)
    arguments = ["sample", tmp_path / "run", "--length=3000", "--seed=1", *flags]
    file = run_ok(*arguments)
    _, shown, _ = run_main(*arguments, out=Terminal())
    assert "\x1b" in file  # a file gets the network's output, character by character
    assert re.sub("\r\n", "\n", shown) == re.sub(
        r"\r\n|[\x00-\x08\x0b-\x1f\x7f-\x9f]",
        lambda found: "\n" if found[0] == "\r\n" else repr(found[0])[1:-1],
        file,
    )


# --- measuring, shapes, info, help ----------------------------------------------------------------


def test_eval_prints_what_evaluate_returns(finished_run, text):
    printed = json.loads(run_ok("eval", finished_run, text, "--json"))
    model, vocab = load_model(finished_run)
    loss = evaluate(model, Corpus.from_text(text.read_text(), vocab), batch_size=1)
    assert printed == {
        "characters": len(text.read_text()),
        "loss": loss,
        "bits_per_character": loss / math.log(2),
        "perplexity": math.exp(loss),
    }
    table = run_ok("eval", finished_run, text)
    assert f"bits per character  {loss / math.log(2):.4f}\n" in table


def test_eval_without_a_text_measures_what_the_run_has_held_back(finished_run, text, tmp_path):
    characters = text.read_text()
    (tmp_path / "end.txt").write_text(characters[-int(len(characters) * 0.1) :])
    assert run_ok("eval", finished_run) == run_ok("eval", finished_run, tmp_path / "end.txt")


def test_an_infinite_perplexity_is_null_in_json(run, tmp_path):
    (tmp_path / "t.txt").write_text("ttt")
    set_best_bias(run, "a", 1e6)
    assert json.loads(run_ok("eval", run, tmp_path / "t.txt", "--json"))["perplexity"] is None
    assert "perplexity          inf" in run_ok("eval", run, tmp_path / "t.txt")


def test_info_prints_what_is_in_the_folder(finished_run, text):
    _, history = load_run(finished_run)
    best = min(r.valid_loss for r in history if not math.isnan(r.valid_loss)) / math.log(2)
    facts = json.loads(run_ok("info", finished_run, "--json"))
    length = len(text.read_text())
    expected = {
        "cell": "LSTM", "hidden_size": 8, "num_layers": 1, "embedding_size": None, "dropout": 0.0,
        "parameters": sum(p.numel() for p in load_model(finished_run)[0].parameters()),
        "vocabulary": len(set(text.read_text())), "tokens": "characters",
        "text": str(text), "characters": length, "step": 20,
        **read_config(finished_run)["settings"],
        "epochs": round(20 * 4 * 10 / (length - int(length * 0.1)), 2), "minutes": 0.0,
        "loss": round(history[-1].loss, 4), "bits_per_character": round(best, 4),
    }  # fmt: skip
    assert facts == expected
    assert f"bits per character  {best:.4f}\n" in run_ok("info", finished_run)


def test_compare_lists_runs_with_the_best_first(finished_run, text, tmp_path):
    train(text, tmp_path / "short", "--steps=5")
    head, *rows = run_ok("compare", tmp_path / "short", finished_run, "austen").splitlines()
    assert (head.split()[0], head.split()[-1]) == ("run", "bits_per_character")
    bits = [float(row.split()[-1]) for row in rows]
    assert bits == sorted(bits)
    assert rows[0].split()[:5] == ["austen", "GRU", "256", "1", "242372"]
    out = run_ok("compare", finished_run, "--json")
    assert json.loads(out) == {"run": str(finished_run)} | json.loads(
        run_ok("info", finished_run, "--json")
    )


@pytest.mark.parametrize(("command", "heavy"), [("train --help", set()), ("info RUN", {"numpy"})])
def test_commands_import_only_what_they_need(command, heavy, finished_run):
    code = "import sys\nfrom charseq.cli import main\ntry: main()\nfinally: print(*sys.modules)"
    arguments = command.replace("RUN", str(finished_run)).split()
    _, out, _ = run_in_new_process(*arguments, start=[sys.executable, "-c", code])
    assert {"torch", "numpy", "matplotlib"} & {*out.splitlines()[-1].split()} == heavy


WITHOUT_TORCH = """\
import json, sys
sys.modules.update(dict.fromkeys(("torch", "matplotlib", "tqdm")))  # not to be found
from charseq.cli import main
for arguments in json.loads(sys.argv[1]):
    sys.argv[1:] = arguments
    try:
        main()
    except SystemExit as ending:
        print("code", ending.code or 0)
"""


def test_where_torch_is_not_installed_a_network_writes_and_what_needs_torch_says_so(
    finished_run, text, tmp_path
):
    commands = [
        ["export", finished_run, tmp_path / "small.safetensors"],
        ["sample", tmp_path / "small.safetensors", "--length", 30],
        ["info", finished_run],
        ["train", text, "--out", tmp_path / "run"],
        ["eval", finished_run, text],
    ]
    arguments = json.dumps([list(map(str, command)) for command in commands])
    _, out, err = run_in_new_process(arguments, start=[sys.executable, "-c", WITHOUT_TORCH])
    assert re.findall(r"^code (\d)", out, re.MULTILINE) == ["0"] * 3 + ["1"] * 2
    sentence = r"error: this command needs (torch|tqdm), which is not here: pip .*\n"
    assert re.fullmatch(f"({sentence}){{2}}", err)
    assert not (tmp_path / "run").exists()


def test_help_lists_every_command():
    out = run_ok("--help")
    for command in ("train", "resume", "sample", "score", "export", "eval", "info", "compare"):
        assert f"\n  {command} " in out
        assert f"Usage: charseq {command} " in run_ok(command, "--help")
    assert re.findall(r"^(\w.*):$", run_ok("train", "--help"), re.MULTILINE)[1:4:2] == [
        "What you have", "The network (by default, the length of the text decides)",
    ]  # fmt: skip
    assert run_ok("train", "--help").count("\n  --") <= 20


# --- what cannot work -----------------------------------------------------------------------------


def test_training_into_an_existing_run_or_file_prints_one_sentence(run, text, tmp_path):
    (tmp_path / "file").write_text("precious")
    with unchanged(tmp_path):
        for folder, message in (
            (run, "holds a run already: resume it"),
            (tmp_path / "file", r"could not be saved in .* \(File exists\)"),
            (tmp_path / "file" / "run", "could not be saved in"),
        ):
            refused(message, "train", text, "--out", folder, *SMALL)


def test_a_figure_that_cannot_be_saved_is_said_and_the_run_is_over(run):
    (run / "loss.svg").unlink()
    (run / "loss.svg").mkdir()
    code, out, err = run_main("resume", run)
    assert (code, "20 steps; the run is in" in out) == (0, True)
    assert re.fullmatch(r"charseq: the run is saved in .* loss.svg \(.*it is a folder.*\)\n", err)


@pytest.mark.parametrize("command", ["resume", "sample", "eval", "info"])
def test_a_damaged_folder_prints_one_sentence_and_is_not_changed(command, run, text, tmp_path):
    for file in run.glob("*.safetensors"):
        file.write_bytes(file.read_bytes()[:-1])
    arguments = [run, text] if command == "eval" else [run]
    with unchanged(tmp_path):
        refused(r"safetensors is damaged or cut short: .*; put back a copy", command, *arguments)
