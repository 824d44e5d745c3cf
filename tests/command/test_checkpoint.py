"""Run folders: saving is all or nothing, loading resumes a run, and damage is reported."""

import errno
import json
import math
import os
import pickle
import random
import re
import shutil
import signal
import stat
import struct
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path
from unittest.mock import ANY

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from small_runs import REMOVED, another_writer, contents, edit_config, forget_checksums

import charseq
from charseq import CharRNN, Corpus, Run, Settings, checkpoint, language_model_steps
from charseq.checkpoint import (
    RunFolderError,
    change_config,
    load_model,
    load_net,
    load_run,
    read_config,
    read_history,
    save_run,
    shrink,
    start_folder,
)
from charseq.history import History

TEXT = "to be or not to be, that is the question: " * 12
CORPUS = Corpus.from_text(TEXT)
SMALL = {"steps": 10, "batch_size": 4, "length": 12, "evaluate_every": 3, "seed": 5}


@pytest.fixture(autouse=True)
def no_clock(monkeypatch):
    """Let each training step take no time, so that equal runs have equal histories."""
    monkeypatch.setattr("charseq.language_model.perf_counter", lambda: 0.0)


def run_of(model=(), *, double=False, **settings):
    options = {"hidden_size": 6, "cell": "GRU", "seed": 1, **dict(model)}
    network = CharRNN(len(CORPUS.vocab), **options)
    settings = Settings(**{**SMALL, **settings})
    return Run(network.double() if double else network, CORPUS.vocab, settings)


def continue_training(run, records=(), steps=None):
    """Train on and return the whole history; the held-back text is the last tenth."""
    learn, measure = CORPUS.split(valid=0.1)
    return History((*records, *islice(language_model_steps(run, learn, measure), steps)))


def train_and_save(folder, run, steps=None, **options):
    start_folder(folder, run)
    history = continue_training(run, steps=steps)
    save_run(folder, run, history, **options)
    return history


def run_as_bytes(run):
    """Everything that a run consists of, with its tensors as bytes."""
    parts = {f"weights.{name}": part for name, part in run.model.state_dict().items()}
    for index, memory in run.optimizer.state_dict()["state"].items():
        parts |= {f"memory.{index}.{name}": part for name, part in memory.items()}
    hidden = run.hidden if isinstance(run.hidden, tuple) else (run.hidden,)
    parts |= {f"hidden.{index}": part for index, part in enumerate(hidden) if part is not None}
    numbers = (run.step, run.best_loss.hex(), run.since_best)
    return numbers, {name: (part.dtype, part.numpy().tobytes()) for name, part in parts.items()}


def assert_ends_like(uninterrupted, run, records):
    """Train on to the end, and compare every bit with a run that was never interrupted."""
    expected, end = uninterrupted
    assert repr(continue_training(run, records)) == repr(expected)
    assert run_as_bytes(run) == run_as_bytes(end)


def train_uninterrupted(**options):
    run = run_of(**options)
    return continue_training(run), run


# --- resuming -------------------------------------------------------------------------------------

KINDS = [
    *({"model": {"cell": cell}} for cell in ("RNN", "GRU", "LSTM")),
    {"model": {"cell": "LSTM", "num_layers": 2, "dropout": 0.3, "forget_bias": 1.0}},
    {"model": {"cell": "GRU", "num_layers": 2, "dropout": 0.5}, "order": "windows"},
    {"model": {"embedding_size": 6, "tied": True}},
    {"model": {"embedding_size": 3}, "order": "windows"},
    {"model": {"hidden_size": len(CORPUS.vocab), "output_layer": False}},
    {"double": True},
    {"optimizer": "adam", "weight_decay": 0.01},
    {"optimizer": "sgd", "lr": 0.3},
    {"optimizer": "sgd", "lr": 0.3, "momentum": 0.0, "clip_norm": None},
    {"schedule": "linear", "warmup": 4, "evaluate_every": 0},
    {"patience": 1, "lr": 1.0, "schedule": "constant", "evaluate_every": 1, "steps": 30},
    {"batch_size": 16, "length": 20},  # an epoch has one batch, so each starts from zeros
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("step", [0, 1, 7])
def test_a_resumed_run_ends_exactly_like_an_uninterrupted_one(kind, step, tmp_path):
    run = run_of(**kind)
    history = train_and_save(tmp_path, run, steps=step)
    loaded, records = load_run(str(tmp_path))
    assert repr(records) == repr(history)
    assert run_as_bytes(loaded) == run_as_bytes(run)
    for of in (lambda run: run.settings, lambda run: run.vocab, lambda run: run.model.options):
        assert of(loaded) == of(run)
    uninterrupted = train_uninterrupted(**kind)
    assert loaded.step == min(step, len(uninterrupted[0]))  # patience may have run out
    assert_ends_like(uninterrupted, loaded, records)


def test_a_run_from_before_there_were_samples_goes_on_measuring_the_whole_text(tmp_path):
    train_and_save(tmp_path, run_of(), steps=1)
    assert load_run(tmp_path)[0].settings.evaluate_on == "sample"
    edit_config(tmp_path, settings__evaluate_on=REMOVED)
    assert load_run(tmp_path)[0].settings.evaluate_on == "all"


def test_saving_and_loading_after_every_step_changes_nothing(tmp_path):
    start_folder(tmp_path, run_of(model={"cell": "LSTM"}))
    for _ in range(SMALL["steps"]):
        loaded, records = load_run(tmp_path)
        save_run(tmp_path, loaded, continue_training(loaded, records, steps=1))
    assert_ends_like(train_uninterrupted(model={"cell": "LSTM"}), *load_run(tmp_path))


def test_equal_runs_write_the_documented_files_with_equal_bytes(tmp_path):
    for name in ("one", "two"):
        train_and_save(tmp_path / name, run_of(), steps=6, best=True)
    files = contents(tmp_path / "one")
    assert files == contents(tmp_path / "two")
    tensors = {f"{name}.safetensors" for name in ("best", "state-6", "weights")}
    assert files.keys() == {"config.json", "history.csv", "vocab.json"} | tensors
    config = read_config(tmp_path / "one")
    assert {**config, "sha256": ANY} == json.loads(files["config.json"])
    assert list(config) == ["format", "charseq", "model", "settings", "text"]


def test_a_history_without_seconds_is_read_and_gets_the_column(tmp_path):
    run = run_of()
    history = train_and_save(tmp_path, run, steps=3)
    file = tmp_path / "history.csv"
    rows = file.read_text().splitlines()
    file.write_text("\r\n".join(row.rpartition(",")[0] for row in rows) + "\r\n", newline="")
    forget_checksums(tmp_path)
    loaded, records = load_run(tmp_path)
    assert repr(records) == repr(history)
    assert all(math.isnan(record.seconds) for record in records)
    save_run(tmp_path, loaded, continue_training(loaded, records, steps=1))
    records = load_run(tmp_path)[1]
    assert [math.isnan(record.seconds) for record in records] == [True, True, True, False]


def test_other_settings_and_another_place_of_the_text_are_saved(tmp_path):
    run = run_of()
    history = train_and_save(tmp_path, run, steps=3)
    run.settings = replace(run.settings, steps=50)
    change_config(tmp_path, run, {"text": "b.txt"})
    assert read_config(tmp_path)["text"] == {"text": "b.txt"}
    loaded, records = load_run(tmp_path)
    assert loaded.settings == run.settings
    assert repr(records) == repr(history)
    with another_writer(tmp_path), pytest.raises(BlockingIOError):
        change_config(tmp_path, run, {})


def test_empty_optimizer_state_is_not_saved(tmp_path):
    run = run_of(optimizer="sgd", momentum=0.0)
    history = train_and_save(tmp_path, run, steps=1)
    for parameter in run.model.parameters():  # some versions of torch store None
        run.optimizer.state[parameter]["momentum_buffer"] = None
    save_run(tmp_path, run, history)
    assert load_run(tmp_path)[0].step == 1


def test_the_source_of_the_text_is_saved(tmp_path):
    start_folder(tmp_path / "deep" / "run", run_of(), {"text": "a.txt", "valid": 0.1})
    assert read_config(tmp_path / "deep" / "run")["text"] == {"text": "a.txt", "valid": 0.1}


# --- loading a network ----------------------------------------------------------------------------


def test_loading_takes_the_best_weights_by_default(tmp_path):
    run = run_of()
    start_folder(tmp_path, run)
    first = run_as_bytes(run)[1]
    save_run(tmp_path, run, History(()), best=True)
    save_run(tmp_path, run, continue_training(run))
    for best, weights in ((True, first), (False, run_as_bytes(run)[1])):
        model, vocab = load_model(tmp_path, best=best)
        net, same = load_net(tmp_path, best=best)
        assert vocab == same == CORPUS.vocab
        assert not model.training
        for name, part in model.state_dict().items():
            assert part.numpy().tobytes() == weights[f"weights.{name}"][1]
        assert net.layers[0].W_hh.tobytes() == weights["weights.rnn.weight_hh_l0"][1]


def test_loading_takes_the_last_weights_if_no_best_were_saved(tmp_path):
    run = run_of()
    train_and_save(tmp_path, run, steps=2)
    model, _ = load_model(tmp_path)
    assert torch.equal(model.rnn.weight_hh_l0, run.model.rnn.weight_hh_l0)


@pytest.mark.parametrize("kind", KINDS[:8], ids=str)
def test_load_net_and_load_model_give_the_same_logits(kind, tmp_path):
    train_and_save(tmp_path, run_of(**kind, double=True), steps=2)
    (model, _), (net, _) = load_model(tmp_path), load_net(tmp_path)
    assert net.vectors.dtype == np.float64
    ids, state = CORPUS.ids[:20].astype(np.int64), net.start()
    expected = model(torch.from_numpy(ids)[None])[0][0].detach().numpy()
    for t, char in enumerate(ids):
        logits, state = net.step([char], state)
        np.testing.assert_allclose(logits[0], expected[t], rtol=0, atol=1e-12)


def test_a_network_and_a_history_load_without_importing_torch(tmp_path):
    train_and_save(tmp_path, run_of(), steps=1, best=True)
    code = (
        "import sys; from charseq.checkpoint import load_net, read_config, read_history;"
        "folder = sys.argv[1]; load_net(folder); read_config(folder);"
        "print(len(read_history(folder)), 'torch' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["1", "False"]


def test_loaded_weights_do_not_depend_on_the_file(tmp_path):
    run = run_of()
    train_and_save(tmp_path, run, steps=1)
    net, _ = load_net(tmp_path)
    model, _ = load_model(tmp_path)
    before = net.layers[0].W_hh.copy()
    file = tmp_path / "weights.safetensors"
    size = file.stat().st_size
    with file.open("r+b") as opened:  # overwritten in place, the worst case
        opened.seek(size // 2)
        opened.write(bytes(size - size // 2))
    assert np.array_equal(net.layers[0].W_hh, before)
    assert torch.equal(model.rnn.weight_hh_l0, run.model.rnn.weight_hh_l0)


# --- starting a new folder ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *(
            (f"{name}", f"holds a file {name}, which a new run would replace")
            for name in ("history.csv", "vocab.json", "weights.safetensors", "best.safetensors")
        ),
        ("config.json", "holds a run already: resume it, or choose another"),
    ],
)
def test_start_folder_refuses_to_replace_a_file(name, message, tmp_path):
    (tmp_path / name).write_text("precious")
    with pytest.raises(FileExistsError, match=message):
        start_folder(tmp_path, run_of())
    assert contents(tmp_path) == {name: b"precious"}


def test_a_folder_with_the_name_of_a_network_of_the_package_can_be_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train_and_save("austen", run_of(), steps=2)
    assert load_run("austen")[0].step == 2
    assert contents(tmp_path / "austen").keys() >= {"config.json", "history.csv"}


def test_saving_does_not_touch_other_files_in_the_folder(tmp_path):
    for name in ("notes.txt", "state-of-the-art.md"):
        (tmp_path / name).write_text(name)
    train_and_save(tmp_path, run_of(), steps=2)
    for name in ("notes.txt", "state-of-the-art.md"):
        assert (tmp_path / name).read_text() == name


def test_start_folder_reports_a_folder_that_cannot_be_created(tmp_path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(FileExistsError, match=r"file is a file: a run needs a folder, so choose"):
        start_folder(tmp_path / "file", run_of())
    with pytest.raises(OSError, match=r"could not be saved in .*run \(Not a directory\)$"):
        start_folder(tmp_path / "file" / "run", run_of())
    assert contents(tmp_path) == {"file": b"precious"}


# --- two writers, and readers beside a writer -----------------------------------------------------


def test_a_second_writer_is_refused_and_changes_nothing(tmp_path):
    run = run_of()
    history = train_and_save(tmp_path / "run", run, steps=4)
    (tmp_path / "new").mkdir()
    calls = {
        "run": lambda: save_run(tmp_path / "run", run, continue_training(run, history, steps=1)),
        "new": lambda: start_folder(tmp_path / "new", run_of()),
    }
    for name, call in calls.items():
        with another_writer(tmp_path / name):
            before = contents(tmp_path / name)
            with pytest.raises(BlockingIOError, match=f"another process is writing in .*{name}: "):
                call()
            assert contents(tmp_path / name) == before
        call()
    with another_writer(tmp_path), pytest.raises(BlockingIOError):
        shrink(tmp_path / "run", tmp_path)
    assert load_run(tmp_path / "run")[0].step == 6


def test_a_run_that_another_process_has_continued_is_not_set_back(tmp_path):
    slow = run_of()
    early = train_and_save(tmp_path, slow, steps=4)
    fast, records = load_run(tmp_path)
    save_run(tmp_path, fast, continue_training(fast, records, steps=4))
    before = contents(tmp_path)
    message = "holds step 8 of a run and would lose it: this run is at step 6; go on from the later"
    with pytest.raises(FileExistsError, match=message):
        save_run(tmp_path, slow, continue_training(slow, early, steps=2))
    assert contents(tmp_path) == before
    save_run(tmp_path, fast, load_run(tmp_path)[1])  # the same step again is no loss


def test_a_run_is_not_saved_in_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"could not be saved in .*absent \(No such file"):
        save_run(tmp_path / "absent", run_of(), History(()))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("after", ["read_config", "read_vocab", "_read_model", "restore_state"])
def test_a_run_that_is_saved_while_it_is_loaded_is_loaded_whole(after, tmp_path, monkeypatch):
    writer = run_of()
    history = train_and_save(tmp_path, writer, steps=4)
    real = getattr(checkpoint, after)

    def read_and_save(*arguments):
        monkeypatch.undo()
        result = real(*arguments)
        save_run(tmp_path, writer, continue_training(writer, history, steps=2), best=True)
        return result

    monkeypatch.setattr(checkpoint, after, read_and_save)
    loaded, records = load_run(tmp_path)
    assert loaded.step == len(records) == (4 if after == "restore_state" else 6)
    assert_ends_like(train_uninterrupted(), loaded, records)


# --- full disks and killed processes --------------------------------------------------------------


class FailingDisk:
    """Let one call that changes the disk fail, after it has done nothing, a part, or all of it."""

    def __init__(self, monkeypatch, failing_call, part):
        self.count, self.failing_call, self.part = 0, failing_call, part
        for name in ("replace", "unlink", "mkdir"):
            self.wrap(monkeypatch, Path, name)
        self.wrap(monkeypatch, charseq.files, "write_all")
        self.wrap(monkeypatch, charseq.history, "write_after")

    def wrap(self, monkeypatch, where, name):
        real = getattr(where, name)

        def attempt(path, *args, **options):
            writes = name in ("write_all", "write_after")
            if self.part == "a part" and writes and self.count == self.failing_call:
                real(path, *args[:-1], args[-1][: len(args[-1]) // 2])
            elif self.part == "all" or self.count != self.failing_call:
                real(path, *args, **options)
            self.count += 1
            if self.count - 1 == self.failing_call:
                raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(where, name, attempt)


@pytest.mark.parametrize("part", ["nothing", "a part", "all"])
def test_the_previous_or_the_new_step_survives_any_failed_write(part, tmp_path, monkeypatch):
    uninterrupted = train_uninterrupted()
    train_and_save(tmp_path / "before", run_of(), steps=4)
    outcomes = set()
    for failing_call in range(100):
        folder = tmp_path / f"{failing_call}"
        shutil.copytree(tmp_path / "before", folder)
        run, records = load_run(folder)
        history = continue_training(run, records, steps=2)
        with monkeypatch.context() as patched:
            disk = FailingDisk(patched, failing_call, part)
            failed = False
            try:
                save_run(folder, run, history, best=True)
            except OSError as error:
                message = "(No space left on device); the step saved before is still complete"
                failed = message in str(error) and error.errno == errno.ENOSPC
        loaded, records = load_run(folder)
        outcomes.add((failed, loaded.step))
        assert len(records) == loaded.step
        assert_ends_like(uninterrupted, loaded, records)
        if disk.count <= failing_call:
            break
    assert not failed
    assert failing_call >= 8  # save_run adds rows, writes and renames three files, and removes one
    assert {(True, 4), (False, 6)} <= outcomes <= {(True, 4), (False, 6), (True, 6)}


@pytest.mark.parametrize("part", ["nothing", "a part", "all"])
def test_start_folder_leaves_nothing_behind_if_a_write_fails(part, tmp_path, monkeypatch):
    for folder_existed in (False, True):
        for failing_call in range(100):
            folder = tmp_path / f"{folder_existed}{failing_call}"
            if folder_existed:
                folder.mkdir()
                (folder / "notes.txt").write_text("precious")
            with monkeypatch.context() as patched:
                disk = FailingDisk(patched, failing_call, part)
                try:
                    start_folder(folder, run_of())
                except OSError:
                    patched.undo()
                    assert folder.exists() == folder_existed
                    assert not folder_existed or contents(folder) == {"notes.txt": b"precious"}
                    continue
            assert disk.count <= failing_call
            break
        assert load_run(folder)[0].step == 0


@pytest.mark.parametrize("part", ["nothing", "a part", "all"])
def test_shrink_leaves_nothing_behind_if_a_write_fails(part, valid_folder, tmp_path, monkeypatch):
    messages = set()
    for failing_call in range(100):
        target = tmp_path / f"{failing_call}"
        with monkeypatch.context() as patched:
            disk = FailingDisk(patched, failing_call, part)
            try:
                shrink(valid_folder, target)
            except OSError as error:
                messages.add(error.strerror.partition(" in ")[0])
                assert not target.exists()
                continue
        assert disk.count <= failing_call
        break
    assert failing_call >= 8  # it writes and renames four files
    assert messages == {"the run could not be saved"}
    assert read_history(target)


def test_the_previous_step_survives_a_full_disk(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "none", tmp_path]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can make a small disk")
    try:
        run, folder, ballast = run_of(), tmp_path / "run", tmp_path / "ballast"
        history = train_and_save(folder, run, steps=4)
        with pytest.raises(OSError, match="No space"):
            ballast.write_bytes(bytes(10**6))
        before = contents(folder)
        with pytest.raises(OSError, match="No space left on device") as caught:
            save_run(folder, run, continue_training(run, history, steps=2))
        assert caught.value.errno == errno.ENOSPC
        after = contents(folder)
        assert {name for name in before if before[name] != after[name]} <= {"history.csv"}
        loaded, records = load_run(folder)
        assert loaded.step == 4
        ballast.unlink()
        assert_ends_like(train_uninterrupted(), loaded, records)
    finally:
        subprocess.run(["umount", tmp_path], check=True)


class PowerFailures:
    """Record what may be left of a folder if the power fails after each call.

    Only synced bytes survive. For names that were not synced there are three possibilities: no
    change has reached the disk, or every change has, or only the removals have.
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

    def folders(self, parent):
        """Write each state into a folder of its own."""
        for number, state in enumerate(self.states):
            folder = parent / str(number)
            folder.mkdir()
            for name, data in state.items():
                (folder / name).write_bytes(data)
            yield folder


@pytest.mark.skipif(os.name != "posix", reason="Windows cannot sync a folder")
@pytest.mark.parametrize("best", [False, True])
def test_the_previous_or_the_new_step_survives_a_power_failure(best, tmp_path, monkeypatch):
    folder, steps = tmp_path / "run", []
    run = run_of()
    history = continue_training(run, train_and_save(folder, run, steps=4), steps=2)
    with monkeypatch.context() as patched:
        failures = PowerFailures(patched, folder)
        save_run(folder, run, history, best=best)
    for folder_after in failures.folders(tmp_path):
        loaded, records = load_run(folder_after)
        assert len(records) == loaded.step
        steps.append(loaded.step)
    assert set(steps) == {4, 6}
    assert steps[-1] == 6  # safe once save_run has returned


@pytest.mark.skipif(os.name != "posix", reason="Windows cannot sync a folder")
def test_a_new_folder_is_no_run_until_it_is_a_whole_one(tmp_path, monkeypatch):
    folder, outcomes = tmp_path / "run", []
    folder.mkdir()
    with monkeypatch.context() as patched:
        failures = PowerFailures(patched, folder)
        start_folder(folder, run_of())
    for folder_after in failures.folders(tmp_path):
        outcomes.append((folder_after / "config.json").exists())
        if outcomes[-1]:
            assert load_run(folder_after)[0].step == 0
        else:
            with pytest.raises(
                RunFolderError, match=r"(is not a run folder: it has no|has lost its) config\.json"
            ):
                load_run(folder_after)
    assert set(outcomes) == {False, True}
    assert outcomes[-1]


def test_leftovers_of_a_killed_process_are_ignored_and_removed(tmp_path):
    history = train_and_save(tmp_path, run_of(), steps=4)
    before = sorted(contents(tmp_path))
    continue_training(run_of(), steps=6).to_csv(tmp_path / "history.csv")
    shutil.copy(tmp_path / "state-4.safetensors", tmp_path / "state-6.safetensors")
    (tmp_path / "state-2.safetensors").write_bytes(b"\0" * 5)
    (tmp_path / ".weights.safetensors.123.part").write_bytes(b"half of")
    loaded, records = load_run(tmp_path)
    assert repr(records) == repr(read_history(tmp_path)) == repr(history)
    save_run(tmp_path, loaded, records)
    assert sorted(contents(tmp_path)) == before
    assert_ends_like(train_uninterrupted(), loaded, records)


@pytest.mark.parametrize(
    "rest", [b"5", b"5,2.5,0.1", b"5,2.5,0.1,0.002,nan\r", b"\xff", b'5,"', b"\0\0\r\n"]
)
def test_an_incomplete_last_row_is_ignored_and_overwritten(rest, tmp_path):
    expected, _ = train_uninterrupted()
    history, file = train_and_save(tmp_path, run_of(), steps=4), tmp_path / "history.csv"
    file.write_bytes(file.read_bytes() + rest)
    loaded, records = load_run(tmp_path)
    assert repr(records) == repr(read_history(tmp_path)) == repr(history)
    save_run(tmp_path, loaded, continue_training(loaded, records))
    assert repr(load_run(tmp_path)[1]) == repr(expected)
    expected.to_csv(tmp_path / "whole.csv")
    assert file.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_saving_appends_only_the_new_rows(tmp_path, monkeypatch):
    run = run_of()
    history, written = train_and_save(tmp_path, run, steps=4), []
    real = charseq.history.write_after
    monkeypatch.setattr(
        charseq.history, "write_after", lambda *a: written.append(a[1:]) or real(*a)
    )
    size = (tmp_path / "history.csv").stat().st_size
    history = continue_training(run, history, steps=2)
    save_run(tmp_path, run, history)
    ((place, rows),) = written
    assert place == size
    assert rows.count(b"\r\n") == 2
    assert repr(load_run(tmp_path)[1]) == repr(history)


@pytest.mark.parametrize("damage", ["weights.safetensors", "history.csv"])
@pytest.mark.parametrize("data", [b"", b"damaged", None])
def test_saving_into_a_damaged_folder_writes_the_whole_history(damage, data, tmp_path):
    run = run_of()
    history = continue_training(run, train_and_save(tmp_path, run, steps=4), steps=1)
    (tmp_path / damage).unlink()
    if data is not None:
        (tmp_path / damage).write_bytes(data)
    save_run(tmp_path, run, history)
    assert repr(load_run(tmp_path)[1]) == repr(history)


FORK_SERVER = """
import os, sys
sys.path.insert(0, sys.argv[1])
import test_checkpoint
# The first training step loads a lot of torch. So do one before any fork.
test_checkpoint.train_uninterrupted(**test_checkpoint.KILLED_RUN)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        test_checkpoint.train_until_killed(sys.argv[2], int(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
KILLED_RUN = {"model": {"cell": "LSTM", "dropout": 0.2}, "steps": 60, "evaluate_every": 7}
KILLS = 24


def train_until_killed(folder, last):
    """Train, saving every step, and die just before the `last`-th use of a file in the folder."""
    uses = 0

    def count(event, arguments):
        nonlocal uses
        if event in ("open", "os.rename", "os.remove") and folder in str(arguments[0]):
            uses += 1
            if uses == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    if not Path(folder, "config.json").exists():
        start_folder(folder, run_of(**KILLED_RUN))
    run, history = load_run(folder)
    records = list(history)
    learn, measure = CORPUS.split(valid=0.1)
    for record in language_model_steps(run, learn, measure):
        records.append(record)
        save_run(folder, run, History(tuple(records)), best=record.valid_loss == run.best_loss)
    os._exit(0)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_killed_run_resumes_and_ends_exactly_like_an_uninterrupted_one(tmp_path):
    uninterrupted = train_uninterrupted(**KILLED_RUN)
    rng, steps, killed, folder = random.Random(0), set(), 0, tmp_path / "run"
    command = [sys.executable, "-c", FORK_SERVER, Path(__file__).parent, folder]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as server:

        def train(last):
            print(last, file=server.stdin, flush=True)
            return int(server.stdout.readline())

        for _ in range(KILLS):
            code = train(rng.randrange(20, 200))
            assert code in (-signal.SIGKILL, 0)
            killed += code != 0
            loaded, records = load_run(folder)
            steps.add(loaded.step)
            assert_ends_like(uninterrupted, loaded, records)
            if code == 0:  # the run has finished: start a new one
                shutil.rmtree(folder)
        assert killed >= KILLS // 2
        assert len(steps) > KILLS // 2
        assert train(0) == 0
        server.stdin.close()
    loaded, records = load_run(folder)
    assert loaded.finished
    assert_ends_like(uninterrupted, loaded, records)
    assert not [name for name in contents(folder) if name.endswith(".part")]


# --- damaged folders ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def valid_folder(tmp_path_factory):
    """A valid run folder, with best weights."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train_and_save(folder, run_of(model={"cell": "LSTM"}), steps=3, best=True)
    return folder


@pytest.fixture
def folder(valid_folder, tmp_path):
    return Path(shutil.copytree(valid_folder, tmp_path / "run"))


LOADERS = {
    "load_run": load_run,
    "last model": lambda folder: load_model(folder, best=False),
    "best model": load_model,
    "last net": lambda folder: load_net(folder, best=False),
    "best net": load_net,
    "config": read_config,
    "history": read_history,
}
NETWORKS = {"load_run", "last model", "best model", "last net", "best net"}
READERS_OF = {
    "config.json": {*NETWORKS, "config"},
    "vocab.json": NETWORKS,
    "weights.safetensors": {"load_run", "last model", "last net", "history"},
    "best.safetensors": {"best model", "best net"},
    "state-3.safetensors": {"load_run", "history"},
    "history.csv": {"load_run", "history"},
}
every_file = pytest.mark.parametrize("name", READERS_OF)


def error_messages(folder, loaders, name=""):
    """Call the loaders and return their messages; let any error but RunFolderError through."""
    messages, before = [], contents(folder)
    for loader in loaders:
        try:
            LOADERS[loader](folder)
        except RunFolderError as error:
            messages.append(str(error))
    assert all(name in message and "\n" not in message for message in messages)
    assert contents(folder) == before
    return messages


def assert_refused(folder, name, message="", loaders=None):
    """Check that each loader of a file refuses it, names it, and changes nothing."""
    loaders = READERS_OF[name] if loaders is None else loaders
    messages = error_messages(folder, loaders, name)
    assert len(messages) == len(loaders)
    assert all(re.search(message, found) for found in messages), messages


@every_file
def test_a_missing_file_is_named_by_every_loader_that_needs_it(name, folder):
    (folder / name).unlink()
    can_be_without = {"best.safetensors": NETWORKS, "state-3.safetensors": {"history"}}
    needed = READERS_OF[name] - can_be_without.get(name, set())
    assert_refused(folder, name, f"it has no {name}|has lost its {name}", needed)
    for loader in LOADERS.keys() - needed:
        LOADERS[loader](folder)


@every_file
def test_a_truncated_file_is_refused_and_named(name, folder):
    data = (folder / name).read_bytes()
    places = {*range(min(len(data), 80)), *range(0, len(data), len(data) // 60 + 1), len(data) - 1}
    for place in sorted(places):
        (folder / name).write_bytes(data[:place])
        assert_refused(folder, name)


NOT_REGULAR = "cannot be read: it is not a regular file$"
IN_PLACE = {
    **{
        f"{size} random bytes": (
            lambda path, size=size: path.write_bytes(random.Random(1).randbytes(size)),
            "",
        )
        for size in (0, 1, 7, 8, 9, 100, 3000)
    },
    "a folder": (Path.mkdir, ""),
    "an endless device": (lambda path: path.symlink_to("/dev/zero"), NOT_REGULAR),
    "a pipe": (lambda path: os.mkfifo(path), NOT_REGULAR),
}


@pytest.mark.parametrize("kind", IN_PLACE)
@every_file
def test_what_is_in_place_of_a_file_is_refused_and_not_waited_for(name, kind, folder):
    if kind in ("a pipe", "an endless device") and not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    make, message = IN_PLACE[kind]
    (folder / name).unlink()
    make(folder / name)
    assert_refused(folder, name, message)


@every_file
def test_changed_bytes_in_a_file_raise_only_run_folder_errors(name, folder):
    data = (folder / name).read_bytes()
    head = 8 + struct.unpack("<Q", data[:8])[0] if name.endswith(".safetensors") else len(data)
    rng, refusals = random.Random(2), 0
    for _ in range(150):
        changed = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 8])):
            changed[rng.randrange(head)] ^= rng.randrange(1, 256)
        (folder / name).write_bytes(changed)
        refusals += len(error_messages(folder, READERS_OF[name])) > 0
    assert refusals == 150


@every_file
def test_a_file_without_read_permission_is_refused(name, folder, monkeypatch):
    def refuse(path, *args, **options):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    def refuse_one(path, *args, **options):
        return (refuse if path.name == name else real)(path, *args, **options)

    real = Path.open
    if name.endswith(".safetensors"):
        monkeypatch.setattr("charseq._run_files.safe_open", refuse)
    else:
        monkeypatch.setattr(Path, "open", refuse_one)
    for loader in READERS_OF[name]:
        with pytest.raises(RunFolderError, match=r"cannot be read: Permission denied"):
            LOADERS[loader](folder)


@every_file
def test_loading_never_runs_code_from_a_file(name, folder, tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "boom",)

    for data in (pickle.dumps(Bomb()), pickle.dumps({"a": Bomb()}, protocol=0)):
        (folder / name).write_bytes(data)
        assert_refused(folder, name)
    torch.save({"model": Bomb()}, folder / name)
    assert_refused(folder, name)
    assert not (tmp_path / "boom").exists()
    pickle.loads(data)
    assert (tmp_path / "boom").exists()  # the bomb works when pickle loads it


@pytest.mark.parametrize("name", ["config.json", "vocab.json"])
@pytest.mark.parametrize(
    "data", [b"[]", b"{}", b"null", b"3", b'"text"', b"[" * 100_000, b"\xff{}", b'{"format": 1}']
)
def test_json_with_other_contents_is_refused_and_named(name, data, folder):
    (folder / name).write_bytes(data)
    assert_refused(folder, name)


@pytest.mark.parametrize("number", [0, 2, "1", None, [1]])
def test_another_format_is_refused_and_both_versions_are_named(number, folder):
    edit_config(folder, format=number, charseq="9.8.7")
    message = re.escape(f"was made by charseq 9.8.7, in format {number!r}, which this charseq, 0.")
    assert_refused(
        folder, folder.name, f"{message}.*use 9.8.7 or newer$", READERS_OF["config.json"]
    )


@pytest.mark.parametrize("part", ["model", "settings", "text"])
@pytest.mark.parametrize("value", [REMOVED, [], "x"])
def test_a_configuration_without_one_of_its_parts_is_refused(part, value, folder):
    edit_config(folder, **{part: value})
    assert_refused(folder, "config.json", f"{part!r} should be an object")


MISMATCHES = {  # values that do not match the weights in the folder
    "model__vocab_size": [0, 5, 10**9, 10**30, "a", None, [1], 2.5, REMOVED],
    "model__hidden_size": [0, -1, 7, 10**9, 10**30, "6", None, REMOVED],
    "model__num_layers": [0, 2, 10**9, None, "1", REMOVED],
    "model__cell": ["RNN", "GRU", "CNN", 3, None, [], REMOVED],
    "model__embedding_size": [0, 3, 10**9, "a", REMOVED],
    "model__output_layer": [False, REMOVED],
    "model__tied": [True, REMOVED],
}
OUT_OF_RANGE = {  # what a network that only writes does not need
    "model__dropout": [2, "a"],
    "model__forget_bias": ["a", float("nan")],
    "model__seed": [2**80, "a"],
    "model__unknown": [1],
    "settings__steps": [0],
    "settings__lr": ["a", None],
    "settings__optimizer": [["sgd"]],
    "settings__clip_norm": [[1]],
    "settings__unknown": [1],
}


@pytest.mark.parametrize("option", [*MISMATCHES, *OUT_OF_RANGE])
def test_options_that_do_not_match_the_weights_or_are_out_of_range_are_refused(option, folder):
    loaders = NETWORKS if option in MISMATCHES else {"load_run"}
    good = (folder / "config.json").read_bytes()
    for value in (MISMATCHES | OUT_OF_RANGE)[option]:
        (folder / "config.json").write_bytes(good)
        edit_config(folder, **{option: value})
        assert_refused(folder, "config.json", loaders=loaders)


def test_a_vocabulary_of_another_size_is_refused(folder):
    (folder / "vocab.json").write_text(json.dumps({"chars": list("abc")}))
    assert_refused(folder, "vocab.json", f"has 3 characters and the network {len(CORPUS.vocab)}")


def rewrite(file, change, **metadata):
    """Write a safetensors file again, with its arrays and its metadata changed."""
    arrays = {name: array.copy() for name, array in load_file(file).items()}
    with safe_open(file, framework="numpy") as opened:
        metadata = {**opened.metadata(), "sha256": None, **metadata}
    change(arrays)
    save_file(arrays, file, {key: value for key, value in metadata.items() if value is not None})


NOT_SAVED = r"damaged: its (numbers|rows|characters, or their order,) are not .*\(SHA-256\)$"
EDITED = r"config.json has been changed since charseq saved it, by hand or by a fault of the disk"
UNREADABLE = r"(is|has) damaged|, line \d+: |names no format|expected a run|damaged or cut short"


@every_file
def test_one_changed_bit_is_found_wherever_it_is(name, folder):
    data, by_checksum = (folder / name).read_bytes(), 0
    places = {*range(min(len(data), 12)), *range(0, len(data), len(data) // 60 + 1), len(data) - 1}
    for place in sorted(places):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        (folder / name).write_bytes(changed)
        messages = error_messages(folder, READERS_OF[name], name)
        assert len(messages) == len(READERS_OF[name]), (place, bytes(changed[place - 9 :][:20]))
        assert all(re.search(f"{NOT_SAVED}|{EDITED}|{UNREADABLE}", found) for found in messages)
        by_checksum += any(re.search(f"{NOT_SAVED}|{EDITED}", found) for found in messages)
    assert by_checksum > 3
    (folder / name).write_bytes(data)
    load_run(folder)


@pytest.mark.parametrize(
    ("name", "loader"), [("weights", "last net"), ("best", "best net"), ("state-3", "history")]
)
def test_one_changed_bit_in_the_metadata_is_found_wherever_it_is(name, loader, folder):
    file = folder / f"{name}.safetensors"
    data = file.read_bytes()
    start = data.index(b"__metadata__")
    for place in range(start, data.index(b"}", start)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 5
        file.write_bytes(changed)
        assert error_messages(folder, [loader], file.name), bytes(changed[place - 9 :][:20])


def test_a_folder_without_checksums_loads_and_gets_them_with_the_next_save(folder):
    forget_checksums(folder)
    for loader in LOADERS.values():
        loader(folder)
    run, history = load_run(folder)
    save_run(folder, run, continue_training(run, history, steps=1), best=True)
    change_config(folder, run, {})
    for name in ("config.json", "vocab.json", "weights.safetensors", "history.csv"):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[:-4] + bytes([data[-4] ^ 1]) + data[-3:])
        assert_refused(folder, name)
        (folder / name).write_bytes(data)


def test_rows_that_were_damaged_during_a_run_are_written_again(tmp_path):
    run = run_of()
    history = continue_training(run, train_and_save(tmp_path, run, steps=4), steps=2)
    file = tmp_path / "history.csv"
    damaged = bytearray(file.read_bytes())
    damaged[60] ^= 1  # in the first row
    file.write_bytes(damaged)
    save_run(tmp_path, run, history)
    history.to_csv(tmp_path / "whole.csv")
    assert file.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert repr(load_run(tmp_path)[1]) == repr(history)


def test_a_shrunk_folder_has_checksums_of_its_own(folder, tmp_path):
    shrink(folder, tmp_path / "small")
    file = tmp_path / "small" / "history.csv"
    file.write_bytes(file.read_bytes().replace(b"3,", b"2,"))
    with pytest.raises(RunFolderError, match=r"history.csv is damaged: its rows are not those"):
        read_history(tmp_path / "small")
    shutil.copy(file, folder / "history.csv")
    with pytest.raises(RunFolderError, match=r"history.csv is damaged: its rows are not those"):
        shrink(folder, tmp_path / "smaller")


@pytest.mark.parametrize("loader", [load_run, load_model, load_net])
def test_exchanged_characters_are_found(loader, folder):
    file = folder / "vocab.json"
    vocab = charseq.Vocabulary.from_json(file.read_text())
    first, second, *rest = vocab.chars
    file.write_text(charseq.Vocabulary("".join([second, first, *rest])).to_json())
    with pytest.raises(RunFolderError, match=r"vocab.json is damaged: its characters, or their or"):
        loader(folder)
    forget_checksums(folder)
    loader(folder)


# --- runs that are not as their settings say ------------------------------------------------------


def frozen(run):
    run.model.head.bias.requires_grad_(requires_grad=False)


def with_optimizer(make):
    def change(run):
        run.optimizer = make(run.model)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (frozen, "the run has frozen weights"),
        (lambda run: run.model.half(), "a run in float16 could not be resumed"),
        (lambda run: run.model.bfloat16(), "a run in bfloat16 could not be resumed"),
        (with_optimizer(lambda model: torch.optim.RMSprop(model.parameters())),
         "has the optimizer RMSprop, and its settings say AdamW"),
        (with_optimizer(lambda model: torch.optim.Adam(model.parameters())),
         "has the optimizer Adam, and its settings say AdamW"),
        (with_optimizer(
            lambda model: torch.optim.AdamW(model.parameters(), betas=(0.5, 0.9), weight_decay=0)),
         r"has betas=\(0.5, 0.9\), and one made from its settings has \(0.9, 0.999\)"),
        (with_optimizer(lambda model: torch.optim.AdamW(model.parameters())),
         "has weight_decay=0.01, and one made from its settings has 0.0"),
        (with_optimizer(
            lambda model: torch.optim.AdamW(model.parameters(), amsgrad=True, weight_decay=0)),
         "has amsgrad=True"),
        (with_optimizer(lambda model: torch.optim.AdamW(
            [{"params": [p]} for p in model.parameters()], weight_decay=0)),
         "groups of parameters of its own"),
        (with_optimizer(lambda model: torch.optim.AdamW(
            list(model.parameters())[1:], weight_decay=0)), "groups of parameters of its own"),
    ],
)  # fmt: skip
def test_a_run_that_could_not_be_resumed_is_not_saved(change, message, tmp_path):
    run = run_of()
    change(run)
    with pytest.raises(ValueError, match=message):
        start_folder(tmp_path / "run", run)
    assert not (tmp_path / "run").exists()
    run = run_of()
    history = train_and_save(tmp_path, run, steps=2)
    before = contents(tmp_path)
    change(run)
    with pytest.raises(ValueError, match=message):
        save_run(tmp_path, run, history)
    assert contents(tmp_path) == before


def test_an_optimizer_of_ones_own_that_is_as_the_settings_say_is_resumed(tmp_path):
    def with_own_optimizer():
        run = run_of()
        parameters = run.model.parameters()
        run.optimizer = torch.optim.AdamW(parameters, lr=9.0, weight_decay=0, foreach=False)
        return run

    train_and_save(tmp_path, with_own_optimizer(), steps=4)
    loaded, records = load_run(tmp_path)
    assert loaded.step == len(records) == 4


BIASES = {  # how the bias of the output layer is changed, and what is said
    "all float32 or all float64": [np.float64, np.float16],
    "head.bias holds a number that is not fin": [lambda b: b * np.nan, lambda b: b + np.inf],
    r"config.json: head.bias must have shape \(\d+,": [lambda b: b[:-1]],
}
WEIGHTS = [
    (lambda a: a.clear(), "all float32 or all float64"),
    (lambda a: a.update({k: v.astype(np.int64) for k, v in a.items()}), "all float32 or all"),
    (lambda a: a.pop("head.bias"), "does not fit config.json: there is no weight head.bias"),
    (lambda a: a.update(more=a["head.bias"]), "with these options there is no weight more"),
    *(
        (lambda a, change=change: a.update({"head.bias": change(a["head.bias"])}), message)
        for message, changes in BIASES.items()
        for change in changes
    ),
]


@pytest.mark.parametrize(("change", "message"), WEIGHTS)
@pytest.mark.parametrize("name", ["weights.safetensors", "best.safetensors"])
def test_invalid_weights_are_refused(name, change, message, folder):
    rewrite(folder / name, change)
    assert_refused(folder, name, message, READERS_OF[name] - {"history"})


BITS = {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "BF16": 16}
BITS |= {"C64": 64, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8}


@pytest.mark.parametrize("name", [name for name in READERS_OF if name.endswith("safetensors")])
@pytest.mark.parametrize("kind", BITS)
def test_numbers_of_a_type_that_numpy_lacks_are_refused_and_named(kind, name, folder):
    # Eight numbers, since a file of safetensors ends at a whole byte.
    entry = {"dtype": kind, "shape": [8], "data_offsets": [0, BITS[kind]]}
    head = json.dumps({"head.bias": entry, "__metadata__": {"step": "3"}}).encode()
    (folder / name).write_bytes(struct.pack("<Q", len(head)) + head + bytes(BITS[kind]))
    assert_refused(folder, name, f"holds numbers of type {kind}: expected the F32 or F64")


@pytest.mark.parametrize("value", [None, "", "-1", "3.0", "three", "9" * 30, "٣"])
def test_weights_without_a_valid_step_number_are_refused(value, folder):
    rewrite(folder / "weights.safetensors", lambda arrays: None, step=value)
    message = "step should be a whole number, got "
    assert_refused(folder, "weights.safetensors", message, {"load_run", "history"})


H, L, B = 6, 1, SMALL["batch_size"]


STATES = [
    (lambda a: a.pop("hidden.1"), r"hidden.1 to be floats of shape \(1, 4, 6\), got absent"),
    (lambda a: a.pop("optimizer.0.step"), r"optimizer.0.step to be floats of shape \(\), "),
    (lambda a: a.pop("optimizer.2.exp_avg"), "optimizer.2.exp_avg to be floats"),
    (lambda a: a.update(surplus=np.zeros(1)), r"surplus to be absent, got floats of shape"),
    (
        lambda a: a.update({"hidden.0": np.zeros((L, B, H + 1), np.float32)}),
        r"hidden.0 to be floats of shape \(1, 4, 6\), got floats of shape \(1, 4, 7\)",
    ),
    (lambda a: a.update({"hidden.0": np.zeros((L, B, H), np.int32)}), "hidden.0 to be"),
    (lambda a: a.pop("best_loss"), r"best_loss to be floats of shape \(\), got absent"),
    (lambda a: a["best_loss"].fill(np.nan), "got a best loss of nan, "),
    (lambda a: a["since_best"].fill(-1), "a best loss of .*, -1.0 measurements ago"),
    (lambda a: a["since_best"].fill(0.5), "0.5 measurements ago"),
    (lambda a: a["since_best"].fill(np.inf), "inf measurements ago"),
]


@pytest.mark.parametrize(("change", "message"), STATES)
def test_a_state_that_does_not_match_the_run_is_refused(change, message, folder):
    rewrite(folder / "state-3.safetensors", change)
    assert_refused(folder, "state-3.safetensors", message, {"load_run"})


@pytest.mark.parametrize(
    ("step", "message"), [("2", "it belongs to step 2"), (None, "step should be a whole number")]
)
def test_the_state_of_another_step_is_refused(step, message, folder):
    rewrite(folder / "state-3.safetensors", lambda arrays: None, step=step)
    assert_refused(folder, "state-3.safetensors", message, {"load_run"})


def test_the_state_of_another_optimizer_is_refused(folder):
    edit_config(folder, settings__optimizer="sgd")
    assert_refused(
        folder, "state-3.safetensors", r"expected optimizer.0.exp_avg to be absent", {"load_run"}
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch,loss,gradient_norm,prediction\r\n1,1,1,ab\r\n", "another kind of run"),
        ("step,loss\r\n", "line 1: expected the columns"),
        ("step,loss,gradient_norm,lr,valid_loss\r\n1,x,1,1,1\r\n", "line 2: expected step"),
    ],
)
def test_an_invalid_history_file_is_refused(text, message, folder):
    forget_checksums(folder)
    (folder / "history.csv").write_bytes(text.encode())
    assert_refused(folder, "history.csv", message)


@pytest.mark.parametrize("loader", sorted(LOADERS.keys() - {"history"}))
def test_a_path_that_is_not_a_run_folder_is_refused(loader, tmp_path):
    with pytest.raises(RunFolderError, match="absent does not exist; expected a run folder"):
        LOADERS[loader](tmp_path / "absent")
    (tmp_path / "file").write_text("text")
    with pytest.raises(RunFolderError, match="file is a file; expected a run folder"):
        LOADERS[loader](tmp_path / "file")
    with pytest.raises(RunFolderError, match=r"is not a run folder: it has no config.json"):
        LOADERS[loader](tmp_path)


# --- shrunk runs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("best", [False, True])
def test_a_shrunk_folder_holds_the_weights_in_float16_and_the_measurements(best, tmp_path):
    run = run_of(steps=6, evaluate_every=2)
    folder, small = tmp_path / "run", tmp_path / "small"
    history = train_and_save(folder, run, best=True)
    with torch.no_grad():
        run.model.rnn.weight_hh_l0 += 1  # the latest weights differ from the best
    save_run(folder, run, history)
    shrink(folder, small, best=best)
    names = {"config.json", "vocab.json", "weights.safetensors", "history.csv"}
    assert contents(small).keys() == names
    (net, vocab), (expected, _) = load_net(small), load_net(folder, best=best)
    assert vocab == run.vocab
    W_hh = net.layers[0].W_hh
    assert W_hh.dtype == np.float32
    np.testing.assert_array_equal(W_hh, expected.layers[0].W_hh.astype(np.float16))
    assert [record.step for record in read_history(small)] == [2, 4, 6]
    sizes = [(place / "weights.safetensors").stat().st_size for place in (small, folder)]
    assert sizes[0] < 0.7 * sizes[1]


def test_a_shrunk_folder_is_shrunk_again_without_a_change_but_not_resumed(valid_folder, tmp_path):
    (tmp_path / "empty").mkdir()
    shrink(valid_folder, tmp_path / "empty")
    shrink(tmp_path / "empty", tmp_path / "new" / "small")
    assert contents(tmp_path / "empty") == contents(tmp_path / "new" / "small")
    with pytest.raises(
        RunFolderError,
        match=r"small was made .* further: charseq train TEXT --init-from .*small --out NEW-FOLDER",
    ):
        load_run(tmp_path / "new" / "small")


def test_shrink_refuses_a_folder_in_use_and_leaves_it_as_it_is(valid_folder, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for target in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(FileExistsError, match="exists already: choose a new folder"):
            shrink(valid_folder, target)
    assert contents(tmp_path) == {"mine.txt": b"mine"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda a: a.update({"head.bias": a["head.bias"] + 7e4}),
            r"holds 7\d{4}(\.\d)?, float16 e",
        ),
        (lambda a: a.pop("head.bias"), "there is no weight head.bias"),
    ],
)
def test_shrink_refuses_a_weight_that_float16_cannot_hold_and_a_network_without_one(
    change, message, folder, tmp_path
):
    rewrite(folder / "best.safetensors", change)
    with pytest.raises(RunFolderError, match=message):
        shrink(folder, tmp_path / "small")
    assert not (tmp_path / "small").exists()
