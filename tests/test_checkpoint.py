"""Run folders: what is saved is whole, what is loaded goes on, and what is damaged says so."""

import errno
import json
import os
import pickle
import random
import shutil
import signal
import stat
import struct
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import charseq
from charseq import CharRNN, Corpus, Run, Settings, language_model_steps
from charseq.checkpoint import (
    RunFolderError,
    load_model,
    load_net,
    load_run,
    read_config,
    read_history,
    save_run,
    start_folder,
)
from charseq.history import History

TEXT = "to be or not to be, that is the question: " * 12
CORPUS = Corpus.from_text(TEXT)
SMALL = {"steps": 10, "batch_size": 4, "length": 12, "evaluate_every": 3, "seed": 5}


def run_of(model=(), **settings):
    options = {"hidden_size": 6, "cell": "GRU", "seed": 1, **dict(model)}
    return Run(
        CharRNN(len(CORPUS.vocab), **options), CORPUS.vocab, Settings(**{**SMALL, **settings})
    )


def go_on(run, records=(), steps=None):
    """Train and return the history; measure on the last tenth."""
    learn, measure = CORPUS.split(valid=0.1)
    return History((*records, *islice(language_model_steps(run, learn, measure), steps)))


def saved(folder, run, steps=None, **options):
    start_folder(folder, run)
    history = go_on(run, steps=steps)
    save_run(folder, run, history, **options)
    return history


def bits(run):
    """All that a run consists of, as bytes."""
    parts = {f"weights.{name}": part for name, part in run.model.state_dict().items()}
    for index, memory in run.optimizer.state_dict()["state"].items():
        parts |= {f"memory.{index}.{name}": part for name, part in memory.items()}
    hidden = run.hidden if isinstance(run.hidden, tuple) else (run.hidden,)
    parts |= {f"hidden.{index}": part for index, part in enumerate(hidden) if part is not None}
    numbers = (run.step, run.best_loss.hex(), run.since_best)
    return numbers, {name: (part.dtype, part.numpy().tobytes()) for name, part in parts.items()}


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def uninterrupted(**options):
    run = run_of(**options)
    return go_on(run), run


# --- going on -------------------------------------------------------------------------------------

KINDS = [
    *({"model": {"cell": cell}} for cell in ("RNN", "GRU", "LSTM")),
    {"model": {"cell": "LSTM", "num_layers": 2, "dropout": 0.3, "forget_bias": 1.0}},
    {"model": {"cell": "GRU", "num_layers": 2, "dropout": 0.5}, "order": "windows"},
    {"model": {"embedding_size": 6, "tied": True}},
    {"model": {"embedding_size": 3}, "order": "windows"},
    {"model": {"hidden_size": len(CORPUS.vocab), "output_layer": False}},
    {"optimizer": "adam", "weight_decay": 0.01},
    {"optimizer": "sgd", "lr": 0.3},
    {"optimizer": "sgd", "lr": 0.3, "momentum": 0.0, "clip_norm": None},
    {"schedule": "linear", "warmup": 4, "evaluate_every": 0},
    {"patience": 1, "lr": 1.0, "schedule": "constant", "evaluate_every": 1, "steps": 30},
    {"batch_size": 16, "length": 20},  # a pass has one batch, so each starts from zeros
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("step", [0, 1, 7])
def test_a_run_that_was_saved_and_loaded_ends_as_one_that_was_not(kind, step, tmp_path):
    expected, run = uninterrupted(**kind)
    saved(tmp_path, run_of(**kind), steps=step)
    loaded, records = load_run(tmp_path)
    assert len(records) == loaded.step == min(step, len(expected))  # patience may have run out
    assert repr(go_on(loaded, records)) == repr(expected)
    assert bits(loaded) == bits(run)


def test_a_run_in_float64_goes_on_in_float64(tmp_path):
    twin, run = run_of(), run_of()
    for one in (twin, run):
        one.model.double()
    expected = go_on(twin)
    saved(tmp_path, run, steps=4)
    loaded, records = load_run(tmp_path)
    assert repr(go_on(loaded, records)) == repr(expected)
    assert bits(loaded) == bits(twin)
    assert load_net(tmp_path)[0].vectors.dtype == np.float64


def test_a_run_may_be_saved_after_every_step_and_loaded_each_time(tmp_path):
    expected, run = uninterrupted(model={"cell": "LSTM"})
    start_folder(tmp_path, run_of(model={"cell": "LSTM"}))
    for _ in range(SMALL["steps"]):
        loaded, records = load_run(tmp_path)
        save_run(tmp_path, loaded, go_on(loaded, records, steps=1))
    loaded, records = load_run(tmp_path)
    assert repr(records) == repr(expected)
    assert bits(loaded) == bits(run)


def test_a_run_is_what_it_was(tmp_path):
    run = run_of(model={"cell": "LSTM", "dropout": 0.1}, lr=0.01, patience=7)
    history = saved(tmp_path, run, steps=5)
    loaded, records = load_run(str(tmp_path))
    assert repr(records) == repr(history)
    assert loaded.settings == run.settings
    assert loaded.vocab == run.vocab
    assert loaded.model.options == run.model.options
    assert bits(loaded) == bits(run)


def test_a_folder_holds_what_is_documented_and_the_same_bytes_each_time(tmp_path):
    for name in ("one", "two"):
        saved(tmp_path / name, run_of(), steps=6, best=True)
    found = contents(tmp_path / "one")
    assert found == contents(tmp_path / "two")
    assert sorted(found) == [
        "best.safetensors",
        "config.json",
        "history.csv",
        "state-6.safetensors",
        "vocab.json",
        "weights.safetensors",
    ]
    config = read_config(tmp_path / "one")
    assert config == json.loads(found["config.json"])
    assert list(config) == ["format", "charseq", "model", "settings", "text"]


def test_what_an_optimizer_does_not_remember_is_not_saved(tmp_path):
    run = run_of(optimizer="sgd", momentum=0.0)
    history = saved(tmp_path, run, steps=1)
    for parameter in run.model.parameters():  # as some versions of torch do
        run.optimizer.state[parameter]["momentum_buffer"] = None
    save_run(tmp_path, run, history)
    assert load_run(tmp_path)[0].step == 1


def test_where_the_text_came_from_is_kept(tmp_path):
    start_folder(tmp_path / "deep" / "run", run_of(), {"text": "a.txt", "valid": 0.1})
    assert read_config(tmp_path / "deep" / "run")["text"] == {"text": "a.txt", "valid": 0.1}


# --- loading a network ----------------------------------------------------------------------------


def test_the_best_weights_are_loaded_unless_the_last_are_asked_for(tmp_path):
    run = run_of()
    start_folder(tmp_path, run)
    first = bits(run)[1]
    save_run(tmp_path, run, History(()), best=True)
    save_run(tmp_path, run, go_on(run))
    for best, weights in ((True, first), (False, bits(run)[1])):
        model, vocab = load_model(tmp_path, best=best)
        net, same = load_net(tmp_path, best=best)
        assert vocab == same == CORPUS.vocab
        assert not model.training
        for name, part in model.state_dict().items():
            assert part.numpy().tobytes() == weights[f"weights.{name}"][1]
        assert net.layers[0].W_hh.tobytes() == weights["weights.rnn.weight_hh_l0"][1]


def test_without_best_weights_the_last_are_loaded(tmp_path):
    run = run_of()
    saved(tmp_path, run, steps=2)
    model, _ = load_model(tmp_path)
    assert torch.equal(model.rnn.weight_hh_l0, run.model.rnn.weight_hh_l0)


@pytest.mark.parametrize("kind", KINDS[:8], ids=str)
def test_the_net_and_the_model_of_a_folder_agree(kind, tmp_path):
    run = run_of(**kind)
    run.model.double()
    saved(tmp_path, run, steps=2)
    (model, _), (net, _) = load_model(tmp_path), load_net(tmp_path)
    ids, state = CORPUS.ids[:20].astype(np.int64), net.start()
    expected = model(torch.from_numpy(ids)[None])[0][0].detach().numpy()
    for t, char in enumerate(ids):
        logits, state = net.step([char], state)
        np.testing.assert_allclose(logits[0], expected[t], rtol=0, atol=1e-12)


def test_a_network_and_a_history_are_loaded_without_torch(tmp_path):
    saved(tmp_path, run_of(), steps=1, best=True)
    code = (
        "import sys; from charseq.checkpoint import load_net, read_config, read_history;"
        "folder = sys.argv[1]; load_net(folder); read_config(folder);"
        "print(len(read_history(folder)), 'torch' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["1", "False"]


def test_what_was_loaded_does_not_hang_on_the_file(tmp_path):
    run = run_of()
    saved(tmp_path, run, steps=1)
    net, _ = load_net(tmp_path)
    model, _ = load_model(tmp_path)
    before = net.layers[0].W_hh.copy()
    file = tmp_path / "weights.safetensors"
    size = file.stat().st_size
    with file.open("r+b") as opened:  # in place, as no one should
        opened.seek(size // 2)
        opened.write(bytes(size - size // 2))
    assert np.array_equal(net.layers[0].W_hh, before)
    assert torch.equal(model.rnn.weight_hh_l0, run.model.rnn.weight_hh_l0)


# --- a folder for a new run -----------------------------------------------------------------------


def test_a_folder_with_a_run_is_refused_and_left_as_it_is(tmp_path):
    saved(tmp_path, run_of(), steps=2)
    before = contents(tmp_path)
    with pytest.raises(FileExistsError, match="holds a run already: resume it, or choose another"):
        start_folder(tmp_path, run_of())
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "name", ["history.csv", "vocab.json", "weights.safetensors", "best.safetensors"]
)
def test_a_file_that_a_run_would_replace_is_kept(name, tmp_path):
    (tmp_path / name).write_text("precious")
    with pytest.raises(FileExistsError, match=f"holds a file {name}, which a new run would repl"):
        start_folder(tmp_path, run_of())
    assert contents(tmp_path) == {name: b"precious"}


def test_other_files_in_the_folder_are_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("precious")
    (tmp_path / "state-of-the-art.md").write_text("precious")
    saved(tmp_path, run_of(), steps=2)
    assert contents(tmp_path).items() >= {"notes.txt": b"precious"}.items()
    assert (tmp_path / "state-of-the-art.md").read_text() == "precious"


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").write_text("precious")
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(OSError, match=r"could not be saved in .*file.*"):
            start_folder(folder, run_of())
    assert contents(tmp_path) == {"file": b"precious"}


# --- a disk that is full, a process that is killed ------------------------------------------------


class Failing:
    """Let the n-th attempt to change the disk fail, having done nothing, a part, or all."""

    def __init__(self, monkeypatch, fatal, part):
        self.count, self.fatal, self.part = 0, fatal, part
        for name in ("replace", "unlink", "mkdir"):
            self.wrap(monkeypatch, Path, name)
        self.wrap(monkeypatch, charseq.files, "write_all")
        self.wrap(monkeypatch, charseq.history, "write_after")

    def wrap(self, monkeypatch, where, name):
        real = getattr(where, name)

        def attempt(path, *args, **options):
            writes = name in ("write_all", "write_after")
            if self.part == "a part" and writes and self.count == self.fatal:
                real(path, *args[:-1], args[-1][: len(args[-1]) // 2])
            elif self.part == "all" or self.count != self.fatal:
                real(path, *args, **options)
            self.count += 1
            if self.count - 1 == self.fatal:
                raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(where, name, attempt)


@pytest.mark.parametrize("part", ["nothing", "a part", "all"])
def test_when_any_single_write_fails_the_step_before_or_the_new_one_is_whole(
    part, tmp_path, monkeypatch
):
    expected, end = uninterrupted()
    saved(tmp_path / "before", run_of(), steps=4)
    outcomes = set()
    for fatal in range(100):
        folder = tmp_path / f"{fatal}"
        shutil.copytree(tmp_path / "before", folder)
        run, records = load_run(folder)
        history = go_on(run, records, steps=2)
        with monkeypatch.context() as patched:
            failing = Failing(patched, fatal, part)
            failed = False
            try:
                save_run(folder, run, history, best=True)
            except OSError as error:
                failed = "could not be saved in" in str(error) and error.errno == errno.ENOSPC
        loaded, records = load_run(folder)
        outcomes.add((failed, loaded.step))
        assert loaded.step in (4, 6)
        assert len(records) == loaded.step
        assert repr(go_on(loaded, records)) == repr(expected)
        assert bits(loaded) == bits(end)
        if failing.count <= fatal:
            break
    assert not failed
    assert fatal >= 8  # rows are added, three files written and renamed, and one removed
    assert outcomes >= {(True, 4), (False, 6)}


@pytest.mark.parametrize("part", ["nothing", "a part", "all"])
def test_when_a_new_run_cannot_be_written_nothing_is_left_of_it(part, tmp_path, monkeypatch):
    for there in (False, True):
        for fatal in range(100):
            folder = tmp_path / f"{there}{fatal}"
            if there:
                folder.mkdir()
                (folder / "notes.txt").write_text("precious")
            with monkeypatch.context() as patched:
                failing = Failing(patched, fatal, part)
                try:
                    start_folder(folder, run_of())
                except OSError:
                    patched.undo()
                    assert folder.exists() == there
                    assert not there or contents(folder) == {"notes.txt": b"precious"}
                    continue
            assert failing.count <= fatal
            break
        assert load_run(folder)[0].step == 0


def test_a_disk_that_is_really_full_keeps_the_step_before(tmp_path):
    mount = tmp_path / "disk"
    mount.mkdir()
    sizes = ["-o", "size=200k"]
    if (
        shutil.which("mount") is None
        or subprocess.run(
            ["mount", "-t", "tmpfs", *sizes, "none", mount], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("a small disk can be made by root alone")
    try:
        expected, end = uninterrupted()
        run = run_of()
        history = saved(mount / "run", run, steps=4)
        with pytest.raises(OSError, match="No space"):
            (mount / "ballast").write_bytes(bytes(10**6))
        before = contents(mount / "run")
        with pytest.raises(OSError, match="No space left on device") as caught:
            save_run(mount / "run", run, go_on(run, history, steps=2))
        assert caught.value.errno == errno.ENOSPC
        kept = contents(mount / "run")
        assert {name: kept[name] for name in before if name != "history.csv"}.items() <= (
            before.items()
        )
        loaded, records = load_run(mount / "run")
        assert loaded.step == len(records) == 4
        (mount / "ballast").unlink()
        assert repr(go_on(loaded, records)) == repr(expected)
        assert bits(loaded) == bits(end)
    finally:
        subprocess.run(["umount", mount], check=True)


class Disk:
    """What may be left of a folder if the power fails: files and names that were synced.

    Whatever was not synced is lost, in each of three ways: no new name has reached the disk, or
    every name has, or the removal of names has and new names have not.
    """

    def __init__(self, monkeypatch, folder):
        self.folder, self.states = folder, []
        self.synced_names = self.names()
        self.synced_bytes = {inode: self.read(inode) for inode in self.synced_names.values()}
        for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink")):
            self.watch(monkeypatch, owner, name)

    def names(self):
        return {entry.name: entry.inode() for entry in os.scandir(self.folder)}

    def read(self, inode):
        (name,) = (name for name, number in self.names().items() if number == inode)
        return (self.folder / name).read_bytes()

    def watch(self, monkeypatch, owner, name):
        real = getattr(owner, name)

        def call(target, *arguments, **options):
            real(target, *arguments, **options)
            if name == "fsync":
                status = os.fstat(target)
                if stat.S_ISDIR(status.st_mode):
                    self.synced_names = self.names()
                else:
                    self.synced_bytes[status.st_ino] = self.read(status.st_ino)
            now = self.names()
            removed = {k: v for k, v in self.synced_names.items() if k in now}
            for names in (self.synced_names, now, removed):
                self.states.append({k: self.synced_bytes.get(v, b"") for k, v in names.items()})

        monkeypatch.setattr(owner, name, call)


@pytest.mark.skipif(os.name != "posix", reason="Windows cannot sync a folder")
@pytest.mark.parametrize("best", [False, True])
def test_a_power_failure_at_any_moment_leaves_the_step_before_or_the_new_one(
    best, tmp_path, monkeypatch
):
    folder, after = tmp_path / "run", set()
    run = run_of()
    history = go_on(run, saved(folder, run, steps=4), steps=2)
    with monkeypatch.context() as patched:
        disk = Disk(patched, folder)
        save_run(folder, run, history, best=best)
    for number, state in enumerate(disk.states):
        left = tmp_path / str(number)
        left.mkdir()
        for name, data in state.items():
            (left / name).write_bytes(data)
        loaded, records = load_run(left)
        assert len(records) == loaded.step
        after.add(loaded.step)
    assert after == {4, 6}
    assert load_run(tmp_path / str(number))[0].step == 6  # once save_run has returned, it is safe


def test_leftovers_of_a_process_that_was_killed_do_no_harm_and_are_cleared_away(tmp_path):
    expected, end = uninterrupted()
    history = saved(tmp_path, run_of(), steps=4)
    before = sorted(contents(tmp_path))
    ahead = run_of()
    further = go_on(ahead, steps=6)
    further.to_csv(tmp_path / "history.csv")
    shutil.copy(tmp_path / "state-4.safetensors", tmp_path / "state-6.safetensors")
    (tmp_path / "state-2.safetensors").write_bytes(b"\0" * 5)
    (tmp_path / ".weights.safetensors.123.part").write_bytes(b"half of")
    loaded, records = load_run(tmp_path)
    assert repr(records) == repr(read_history(tmp_path)) == repr(history)
    save_run(tmp_path, loaded, records)
    assert sorted(contents(tmp_path)) == before
    assert repr(go_on(loaded, records)) == repr(expected)
    assert bits(loaded) == bits(end)


@pytest.mark.parametrize("rest", [b"5", b"5,2.5,0.1", b"5,2.5,0.1,0.002,nan\r", b"\xff", b'5,"'])
def test_a_row_that_was_cut_off_does_not_count_and_is_written_anew(rest, tmp_path):
    expected, _ = uninterrupted()
    history, file = saved(tmp_path, run_of(), steps=4), tmp_path / "history.csv"
    file.write_bytes(file.read_bytes() + rest)
    loaded, records = load_run(tmp_path)
    assert repr(records) == repr(read_history(tmp_path)) == repr(history)
    save_run(tmp_path, loaded, go_on(loaded, records))
    assert repr(load_run(tmp_path)[1]) == repr(expected)
    expected.to_csv(tmp_path / "whole.csv")
    assert file.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_rows_that_count_are_not_written_again(tmp_path, monkeypatch):
    run = run_of()
    history, written = saved(tmp_path, run, steps=4), []
    real = charseq.history.write_after
    monkeypatch.setattr(
        charseq.history, "write_after", lambda *a: written.append(a[1:]) or real(*a)
    )
    size = (tmp_path / "history.csv").stat().st_size
    history = go_on(run, history, steps=2)
    save_run(tmp_path, run, history)
    ((place, rows),) = written
    assert place == size
    assert rows.count(b"\r\n") == 2
    assert repr(load_run(tmp_path)[1]) == repr(history)


@pytest.mark.parametrize("damage", ["weights.safetensors", "history.csv"])
def test_saving_into_a_damaged_folder_writes_the_whole_history(damage, tmp_path):
    run = run_of()
    history = go_on(run, saved(tmp_path, run, steps=4), steps=1)
    for data in (b"", b"damaged"):
        (tmp_path / damage).write_bytes(data)
        save_run(tmp_path, run, history)
        assert repr(load_run(tmp_path)[1]) == repr(history)
    (tmp_path / damage).unlink()
    save_run(tmp_path, run, history)
    assert repr(load_run(tmp_path)[1]) == repr(history)


SERVER = """
import os, sys
sys.path.insert(0, sys.argv[1])
import test_checkpoint as here
here.uninterrupted(**here.KILLED)  # torch loads much at the first step: once, before the forks
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        here.train_and_die(sys.argv[2], int(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
KILLED = {"model": {"cell": "LSTM", "dropout": 0.2}, "steps": 60, "evaluate_every": 7}
KILLS = 24


def train_and_die(folder, last):
    """Train and save each step; be killed just before the `last` use of a file of the folder."""
    uses = 0

    def count(event, arguments):
        nonlocal uses
        if event in ("open", "os.rename", "os.remove") and folder in str(arguments[0]):
            uses += 1
            if uses == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    if not Path(folder, "config.json").exists():
        start_folder(folder, run_of(**KILLED))
    run, history = load_run(folder)
    records = list(history)
    learn, measure = CORPUS.split(valid=0.1)
    for record in language_model_steps(run, learn, measure):
        records.append(record)
        save_run(folder, run, History(tuple(records)), best=record.valid_loss == run.best_loss)
    os._exit(0)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_run_killed_between_any_two_uses_of_a_file_ends_as_one_that_was_not(tmp_path):
    expected, end = uninterrupted(**KILLED)
    chance, steps, killed, folder = random.Random(0), set(), 0, tmp_path / "run"
    command = [sys.executable, "-c", SERVER, Path(__file__).parent, folder]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:  # fmt: skip

        def train(last):
            print(last, file=server.stdin, flush=True)
            return int(server.stdout.readline())

        for _ in range(KILLS):
            code = train(chance.randrange(20, 200))
            assert code in (-signal.SIGKILL, 0)
            killed += code != 0
            loaded, records = load_run(folder)
            steps.add(loaded.step)
            assert repr(go_on(loaded, records)) == repr(expected)
            assert bits(loaded) == bits(end)
            if code == 0:  # it came to the end: begin again
                shutil.rmtree(folder)
        assert killed >= KILLS // 2
        assert len(steps) > KILLS // 2
        assert train(0) == 0
        server.stdin.close()
    loaded, records = load_run(folder)
    assert repr(records) == repr(expected)
    assert bits(loaded) == bits(end)
    assert not [name for name in contents(folder) if name.endswith(".part")]


# --- damage ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run folder that is in order, with best weights."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    saved(folder, run_of(model={"cell": "LSTM"}), steps=3, best=True)
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / "run"))


LOADERS = {
    "load_run": load_run,
    "last model": lambda folder: load_model(folder, best=False),
    "best model": load_model,
    "last net": lambda folder: load_net(folder, best=False),
    "best net": load_net,
    "config": read_config,
    "history": read_history,
}
READS = {
    "config.json": {"load_run", "last model", "best model", "last net", "best net", "config"},
    "vocab.json": {"load_run", "last model", "best model", "last net", "best net"},
    "weights.safetensors": {"load_run", "last model", "last net", "history"},
    "best.safetensors": {"best model", "best net"},
    "state-3.safetensors": {"load_run"},
    "history.csv": {"load_run", "history"},
}


def refused_by(folder, name, loaders=None):
    """Load in each way; return the messages, and see to it that no other exception is raised."""
    messages, before = [], contents_of_files(folder)
    for loader in LOADERS if loaders is None else loaders:
        try:
            LOADERS[loader](folder)
        except RunFolderError as error:
            messages.append(str(error))
    assert all(name in message and "\n" not in message for message in messages)
    assert contents_of_files(folder) == before
    return messages


def contents_of_files(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


@pytest.mark.parametrize("name", READS)
def test_a_missing_file_is_named_by_whatever_needs_it(name, folder):
    (folder / name).unlink()
    needed = READS[name] if name != "best.safetensors" else set()
    for loader in LOADERS:
        if loader in needed:
            with pytest.raises(RunFolderError, match=f"it has no {name}"):
                LOADERS[loader](folder)
        else:
            LOADERS[loader](folder)


@pytest.mark.parametrize("name", READS)
def test_a_file_cut_short_anywhere_is_refused_by_name(name, folder):
    data = (folder / name).read_bytes()
    places = {*range(min(len(data), 80)), *range(0, len(data), len(data) // 60 + 1), len(data) - 1}
    for place in sorted(places):
        (folder / name).write_bytes(data[:place])
        refused = refused_by(folder, name, READS[name])
        if name == "history.csv":  # rows may be missing at its end
            continue
        if name == "config.json" and place == len(data) - 1:  # but for its last line end
            continue
        assert len(refused) == len(READS[name]), place


@pytest.mark.parametrize("name", READS)
def test_any_bytes_in_place_of_a_file_raise_nothing_but_a_clear_error(name, folder):
    chance = random.Random(1)
    for size in (0, 1, 7, 8, 9, 100, 3000):
        (folder / name).write_bytes(chance.randbytes(size))
        assert len(refused_by(folder, name, READS[name])) == len(READS[name])


@pytest.mark.parametrize("name", READS)
def test_bytes_that_were_changed_raise_nothing_but_a_clear_error(name, folder):
    data = (folder / name).read_bytes()
    head = 8 + struct.unpack("<Q", data[:8])[0] if name.endswith(".safetensors") else len(data)
    chance, refused = random.Random(2), 0
    for _ in range(150):
        changed = bytearray(data)
        for _ in range(chance.choice([1, 1, 2, 8])):
            changed[chance.randrange(head)] ^= chance.randrange(1, 256)
        (folder / name).write_bytes(changed)
        refused += len(refused_by(folder, "", READS[name])) > 0
    assert refused > 75


@pytest.mark.parametrize("name", READS)
def test_a_folder_in_place_of_a_file_is_refused_by_name(name, folder):
    (folder / name).unlink()
    (folder / name).mkdir()
    assert len(refused_by(folder, name, READS[name])) == len(READS[name])


@pytest.mark.parametrize("name", READS)
def test_a_file_that_may_not_be_read_is_refused_by_name(name, folder, monkeypatch):
    def refuse(path, *args, **options):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(f"charseq.checkpoint.{'safe_open'}", refuse)
    if not name.endswith(".safetensors"):
        monkeypatch.undo()
        real = Path.open
        monkeypatch.setattr(
            Path,
            "open",
            lambda path, *a, **o: (refuse if path.name == name else real)(path, *a, **o),
        )
    for loader in READS[name]:
        with pytest.raises(RunFolderError, match=r"cannot be read: Permission denied"):
            LOADERS[loader](folder)


@pytest.mark.parametrize("name", READS)
def test_loading_runs_no_code_from_a_file(name, folder, tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "boom",)

    for data in (pickle.dumps(Bomb()), pickle.dumps({"a": Bomb()}, protocol=0)):
        (folder / name).write_bytes(data)
        assert len(refused_by(folder, name, READS[name])) == len(READS[name])
    torch.save({"model": Bomb()}, folder / name)
    assert len(refused_by(folder, name, READS[name])) == len(READS[name])
    assert not (tmp_path / "boom").exists()
    pickle.loads(data)
    assert (tmp_path / "boom").exists()  # it was one


@pytest.mark.parametrize("name", ["config.json", "vocab.json"])
@pytest.mark.parametrize(
    "data", [b"[]", b"{}", b"null", b"3", b'"text"', b"[" * 100_000, b"\xff{}", b'{"format": 1}']
)
def test_foreign_json_is_refused_by_name(name, data, folder):
    (folder / name).write_bytes(data)
    assert len(refused_by(folder, name, READS[name])) == len(READS[name])


def edit(folder, **changes):
    file = folder / "config.json"
    config = json.loads(file.read_bytes())
    for path, value in changes.items():
        *parents, key = path.split("__")
        place = config
        for parent in parents:
            place = place[parent]
        if value is edit:
            del place[key]
        else:
            place[key] = value
    file.write_text(json.dumps(config))


@pytest.mark.parametrize("number", [0, 2, "1", None, [1]])
def test_a_folder_of_another_format_says_who_made_it_and_who_reads_it(number, folder):
    edit(folder, format=number, charseq="9.8.7")
    for message in refused_by(folder, "config.json", READS["config.json"]):
        assert f"has format {number!r}, made by charseq 9.8.7; this is charseq 0." in message
        assert message.endswith("which reads format 1")


@pytest.mark.parametrize("part", ["model", "settings", "text"])
def test_a_configuration_lacking_a_part_is_refused(part, folder):
    for value in (edit, [], "x"):
        edit(folder, **{part: value})
        for message in refused_by(folder, "config.json", READS["config.json"]):
            assert f"{part!r} should be an object" in message
        with pytest.raises(RunFolderError):
            read_config(folder)


OTHERS = {  # `edit` as a value leaves the option out
    "model__vocab_size": [0, 5, 10**9, 10**30, "a", None, [1], 2.5, edit],
    "model__hidden_size": [0, -1, 7, 10**9, 10**30, "6", None, edit],
    "model__num_layers": [0, 2, 10**9, None, "1", edit],
    "model__cell": ["RNN", "GRU", "CNN", 3, None, [], edit],
    "model__embedding_size": [0, 3, 10**9, "a", edit],
    "model__output_layer": [False, edit],
    "model__tied": [True, edit],
}


@pytest.mark.parametrize("option", OTHERS)
def test_weights_of_another_model_are_refused(option, folder):
    for value in OTHERS[option]:
        edit(folder, **{option: value})
        loaders = READS["config.json"] - {"config"}
        assert len(refused_by(folder, "config.json", loaders)) == len(loaders), value


@pytest.mark.parametrize(
    "changes",
    [
        {"model__dropout": 2},
        {"model__dropout": "a"},
        {"model__forget_bias": "a"},
        {"model__forget_bias": float("nan")},
        {"model__seed": 2**80},
        {"model__seed": "a"},
        {"model__unknown": 1},
        {"settings__steps": 0},
        {"settings__lr": "a"},
        {"settings__lr": None},
        {"settings__optimizer": ["sgd"]},
        {"settings__clip_norm": [1]},
        {"settings__unknown": 1},
    ],
    ids=str,
)
def test_options_and_settings_out_of_range_are_refused_when_a_run_goes_on(changes, folder):
    edit(folder, **changes)
    assert len(refused_by(folder, "config.json", ["load_run"])) == 1


def test_a_vocabulary_of_another_size_is_refused(folder):
    (folder / "vocab.json").write_text(json.dumps({"chars": list("abc")}))
    messages = refused_by(folder, "vocab.json", READS["vocab.json"])
    assert len(messages) == len(READS["vocab.json"])
    for message in messages:
        assert f"has 3 characters and the network {len(CORPUS.vocab)}" in message


def rewrite(file, change, **metadata):
    """Write a safetensors file again, with its arrays and its metadata changed."""
    arrays = {name: array.copy() for name, array in load_file(file).items()}
    with safe_open(file, framework="numpy") as opened:
        metadata = {**opened.metadata(), **metadata}
    change(arrays)
    save_file(arrays, file, {key: value for key, value in metadata.items() if value is not None})


def of_weights(arrays, change):
    arrays["head.bias"] = change(arrays["head.bias"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.clear(), "all float32 or all float64"),
        (lambda a: of_weights(a, lambda b: b.astype(np.float64)), "all float32 or all float64"),
        (lambda a: a.update({k: v.astype(np.int64) for k, v in a.items()}), "all float32 or all"),
        (lambda a: a.update({k: v.astype(np.float16) for k, v in a.items()}), "all float32 or all"),
        (lambda a: of_weights(a, lambda b: b * np.nan), "head.bias holds a number that is not fin"),
        (lambda a: of_weights(a, lambda b: b + np.inf), "head.bias holds a number that is not fin"),
        (
            lambda a: of_weights(a, lambda b: b[:-1]),
            r"config.json: head.bias must have shape \(\d+,",
        ),
        (lambda a: a.pop("head.bias"), "does not fit config.json: there is no weight head.bias"),
        (
            lambda a: a.update(more=a["head.bias"]),
            "config.json: the options ask for no weight more",
        ),
    ],
)
@pytest.mark.parametrize("name", ["weights.safetensors", "best.safetensors"])
def test_weights_that_do_not_fit_are_refused(name, change, message, folder):
    rewrite(folder / name, change)
    for loader in READS[name] - {"history"}:
        with pytest.raises(RunFolderError, match=message) as caught:
            LOADERS[loader](folder)
        assert name in str(caught.value)


@pytest.mark.parametrize("value", [None, "", "-1", "3.0", "three", "9" * 30, "٣"])
def test_weights_that_name_no_step_are_refused(value, folder):
    rewrite(folder / "weights.safetensors", lambda arrays: None, step=value)
    for loader in ("load_run", "history"):
        with pytest.raises(RunFolderError, match="should say its step as a whole number, got "):
            LOADERS[loader](folder)


H, L, B = 6, 1, SMALL["batch_size"]


@pytest.mark.parametrize(
    ("change", "metadata", "message"),
    [
        (
            lambda a: a.pop("hidden.1"),
            {},
            r"hidden.1 to be floats of shape \(1, 4, 6\), got absent",
        ),
        (lambda a: a.pop("optimizer.0.step"), {}, r"optimizer.0.step to be floats of shape \(\), "),
        (lambda a: a.pop("optimizer.2.exp_avg"), {}, "optimizer.2.exp_avg to be floats"),
        (lambda a: a.update(surplus=np.zeros(1)), {}, r"surplus to be absent, got floats of shape"),
        (
            lambda a: a.update({"hidden.0": np.zeros((L, B, H + 1), np.float32)}),
            {},
            r"hidden.0 to be floats of shape \(1, 4, 6\), got floats of shape \(1, 4, 7\)",
        ),
        (lambda a: a.update({"hidden.0": np.zeros((L, B, H), np.int32)}), {}, "hidden.0 to be"),
        (lambda a: None, {"step": "2"}, "it belongs to step 2"),
        (lambda a: None, {"step": None}, "should say its step as a whole number"),
        (lambda a: a.pop("best_loss"), {}, r"best_loss to be floats of shape \(\), got absent"),
        (lambda a: a["best_loss"].fill(np.nan), {}, "got a best loss of nan, "),
        (lambda a: a["since_best"].fill(-1), {}, "a best loss of .*, -1.0 measurements ago"),
        (lambda a: a["since_best"].fill(0.5), {}, "0.5 measurements ago"),
        (lambda a: a["since_best"].fill(np.inf), {}, "inf measurements ago"),
    ],
)
def test_a_state_that_does_not_fit_the_run_is_refused(change, metadata, message, folder):
    rewrite(folder / "state-3.safetensors", change, **metadata)
    with pytest.raises(RunFolderError, match=message) as caught:
        load_run(folder)
    assert "state-3.safetensors" in str(caught.value)


def test_the_state_of_another_optimizer_is_refused(folder):
    edit(folder, settings__optimizer="sgd")
    with pytest.raises(RunFolderError, match=r"expected optimizer.0.exp_avg to be absent"):
        load_run(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch,loss,gradient_norm,prediction\r\n1,1,1,ab\r\n", "another kind of run"),
        ("step,loss\r\n", "line 1: expected the columns"),
        ("step,loss,gradient_norm,lr,valid_loss\r\n1,x,1,1,1\r\n", "line 2: expected step"),
    ],
)
def test_another_history_is_refused(text, message, folder):
    (folder / "history.csv").write_bytes(text.encode())
    for loader in READS["history.csv"]:
        with pytest.raises(RunFolderError, match=message) as caught:
            LOADERS[loader](folder)
        assert "history.csv" in str(caught.value)


@pytest.mark.parametrize("loader", sorted(LOADERS.keys() - {"history"}))
def test_what_is_no_run_folder_is_refused(loader, tmp_path):
    with pytest.raises(RunFolderError, match="absent is not there; expected a run folder"):
        LOADERS[loader](tmp_path / "absent")
    (tmp_path / "file").write_text("text")
    with pytest.raises(RunFolderError, match="file is a file; expected a run folder"):
        LOADERS[loader](tmp_path / "file")
    with pytest.raises(RunFolderError, match=r"is no run folder: it has no config.json"):
        LOADERS[loader](tmp_path)
