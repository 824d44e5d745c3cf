"""Run folders: a run goes on as if it had never stopped, and a damaged file is refused."""

import errno
import json
import math
import os
import signal
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file as load_numpy
from small_runs import contents, rewrite

import charseq
from charseq import (
    CharRNN,
    Corpus,
    History,
    Run,
    Settings,
    Vocabulary,
    checkpoint,
    files,
    language_model_steps,
)
from charseq.checkpoint import (
    RunFolderError,
    export,
    load_model,
    load_net,
    load_run,
    read_config,
    read_history,
    save_run,
    start_folder,
)
from charseq.files import write_whole

TEXT = "to be or not to be, that is the question: " * 12
CORPUS = Corpus.from_text(TEXT)
SMALL = {"steps": 10, "batch_size": 4, "length": 12, "evaluate_every": 3, "seed": 5}
LAST, BEST = "last.safetensors", "best.safetensors"


@pytest.fixture(autouse=True)
def no_clock(monkeypatch):
    """Let each training step take no time, so that equal runs have equal histories."""
    monkeypatch.setattr("charseq.language_model.perf_counter", lambda: 0.0)


def run_of(model=(), *, double=False, **settings):
    options = {"hidden_size": 6, "cell": "GRU", "seed": 1, **dict(model)}
    network = CharRNN(len(CORPUS.vocab), **options)
    settings = Settings(**{**SMALL, **settings})
    return Run(network.double() if double else network, CORPUS.vocab, settings)


def train_on(folder, run, records=(), count=None):
    """Train on, and save after each step; the held-back text is the last tenth."""
    records = list(records)
    for record in islice(language_model_steps(run, *CORPUS.split(valid=0.1)), count):
        records.append(record)
        save_run(folder, run, History(tuple(records)), best=record.valid_loss == run.best_loss)


def train(folder, count=None, **kind):
    run = run_of(**kind)
    start_folder(folder, run)
    train_on(folder, run, count=count)
    return run


# --- resuming -------------------------------------------------------------------------------------

KINDS = [
    {"model": {"cell": "RNN"}},
    {"model": {"cell": "LSTM", "num_layers": 2, "dropout": 0.3, "forget_bias": 1.0}},
    {"model": {"cell": "GRU", "num_layers": 2, "dropout": 0.5}, "order": "windows"},
    {"model": {"embedding_size": 6, "tied": True}, "double": True},
    {"model": {"hidden_size": len(CORPUS.vocab), "output_layer": False}},
    {"weight_decay": 0.01},
    {"lr": 0.3, "clip_norm": None},
    {"schedule": "linear", "warmup": 4, "evaluate_every": 0},
    {"patience": 1, "lr": 1.0, "schedule": "constant", "evaluate_every": 1, "steps": 30},
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_run_that_is_loaded_anew_for_each_step_writes_the_files_of_one_that_never_stopped(
    kind, tmp_path
):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(whole, **kind)
    train(broken, 0, **kind)
    while not (loaded := load_run(str(broken)))[0].finished:
        train_on(broken, *loaded, count=1)
    assert contents(broken) == contents(whole)
    assert len(loaded[1]) == loaded[0].step > 3
    assert (whole / BEST).exists() == (kind.get("evaluate_every") != 0)


@pytest.mark.parametrize("kind", KINDS[:5], ids=str)
def test_numpy_and_torch_load_the_same_network_the_best_one_by_default(kind, tmp_path):
    train(tmp_path, **kind)
    for best in (True, False):
        net, vocab = load_net(tmp_path, best=best)
        model, same = load_model(tmp_path, best=best)
        assert vocab == same == CORPUS.vocab
        assert not model.training
        with torch.no_grad():
            expected = model(torch.from_numpy(CORPUS.ids[None, :50].astype(np.int64)))[0][0]
        np.testing.assert_allclose(net.read(CORPUS.ids[:50])[0], expected, rtol=0, atol=1e-5)
    trained = load_run(tmp_path)[0].model.state_dict()
    assert all(map(torch.equal, trained.values(), model.state_dict().values()))
    (tmp_path / BEST).unlink()
    latest = load_model(tmp_path)[0].state_dict()
    assert all(map(torch.equal, trained.values(), latest.values()))


def test_the_best_weights_are_those_of_the_smallest_loss_on_held_back_text(tmp_path):
    losses = {}
    run = run_of(lr=0.5, schedule="constant", evaluate_every=1)
    start_folder(tmp_path, run)
    records = []
    for record in language_model_steps(run, *CORPUS.split(valid=0.1)):
        records.append(record)
        losses[record.valid_loss] = run.model.head.bias.detach().clone()
        best = record.valid_loss == run.best_loss
        save_run(tmp_path, run, History(tuple(records)), best=best)
    assert min(losses) < records[-1].valid_loss
    assert torch.equal(load_model(tmp_path)[0].head.bias, losses[min(losses)])
    assert read_config(tmp_path)["best_loss"] == min(losses)


# --- killed at any instant ------------------------------------------------------------------------

no_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def in_child(function):
    """Run a function in another process; return its number at once."""
    if not (child := os.fork()):
        try:
            function()
        finally:
            os._exit(0)
    return child


def dying_at(instant):
    """Kill this process when it comes to so many calls that write, sync, or move a file."""
    left = iter(range(instant))

    def dying(call):
        def wrapped(*arguments, **options):
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return wrapped

    def write_half(file, data, write=files.write_all):
        middle = len(data) // 2
        write(file, data[:middle])
        dying(write)(file, data[middle:])

    files.write_all = write_half
    os.fsync, Path.replace, Path.unlink = map(dying, (os.fsync, Path.replace, Path.unlink))


@no_fork
@pytest.mark.parametrize("instant", [0, 1, 2, 4, 6, 9, 14])
def test_a_run_that_is_killed_within_a_save_goes_on_from_a_whole_step(instant, tmp_path):
    def train_until_killed():
        dying_at(instant)
        train_on(tmp_path / "run", *loaded)

    train(tmp_path / "whole")
    train(tmp_path / "run", 2)
    loaded = load_run(tmp_path / "run")
    child = in_child(train_until_killed)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    resumed, history = load_run(tmp_path / "run")
    assert 2 <= resumed.step == len(history) <= 10
    train_on(tmp_path / "run", resumed, history)
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


# --- a disk that is full, or read-only ------------------------------------------------------------


def failing(number):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_save_that_fails_says_why_and_leaves_the_last_checkpoint(number, tmp_path, monkeypatch):
    run, before = train(tmp_path, 3), contents(tmp_path)
    for name in ("charseq.files.write_all", "pathlib.Path.replace"):
        with monkeypatch.context() as patch:
            patch.setattr(name, failing(number))
            sentence = rf"could not be saved in .* \({os.strerror(number)}\); the step saved before"
            with pytest.raises(OSError, match=sentence):
                save_run(tmp_path, run, load_run(tmp_path)[1], best=True)
            with pytest.raises(OSError, match=r"could not be saved in .*new \([^;]*\)$"):
                start_folder(tmp_path / "new", run_of())
            assert contents(tmp_path) == before


def test_write_whole_writes_a_file_or_keeps_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "data"
    for data in (b"old", b"", bytes(range(256)) * 999):
        write_whole(str(path), data)
        assert contents(tmp_path) == {"data": data}
    monkeypatch.setattr(files, "write_all", failing(errno.ENOSPC))
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert contents(tmp_path) == {"data": data}
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*absent"):
        write_whole(tmp_path / "absent" / "data", b"new")
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        write_whole(tmp_path, b"new")


# --- one writer -----------------------------------------------------------------------------------


def test_a_run_that_another_process_has_continued_is_not_set_back(tmp_path):
    train(tmp_path, 3)
    early, history = load_run(tmp_path)
    train_on(tmp_path, *load_run(tmp_path), count=2)
    before = contents(tmp_path)
    with pytest.raises(FileExistsError, match=r"holds step 5 .* this run is at step 3; go on from"):
        save_run(tmp_path, early, history)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", [LAST, BEST, "history.csv", "loss.svg", "text.txt"])
def test_a_new_run_replaces_no_file(name, tmp_path):
    (tmp_path / name).write_text("precious")
    with pytest.raises(
        FileExistsError,
        match=r"holds a (run already: resume it|file .*: remove it), or choose another",
    ):
        start_folder(tmp_path, run_of())
    assert contents(tmp_path) == {name: b"precious"}
    (tmp_path / name).unlink()
    (tmp_path / "notes.txt").write_text("mine")
    train(tmp_path, 3)
    assert sorted(contents(tmp_path)) == [BEST, LAST, "notes.txt"]


# --- damage ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("charseq.language_model.perf_counter", lambda: 0.0)
        train(folder := tmp_path_factory.mktemp("trained"))
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    for name, data in contents(trained).items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def flip(place):
    def change(data):
        at = int(place * 8 * len(data))
        return data[: at // 8] + bytes([data[at // 8] ^ 1 << at % 8]) + data[at // 8 + 1 :]

    return change


DAMAGES = {
    **{f"bit {place:.3f}": flip(place) for place in (0, 5e-5, 0.01, 0.2, 0.9999)},
    "empty": lambda data: b"",
    "cut short": lambda data: data[:-1],
    "cut in its head": lambda data: data[:50],
    "longer": lambda data: data + b"\0",
    "another file": lambda data: b"step,loss\r\n1,2\r\n" * 99,
    "a head of another type": lambda data: data[:8] + b"[" * int.from_bytes(data[:8], "little"),
}


@pytest.mark.parametrize("name", [LAST, BEST])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_refused_in_a_sentence_and_the_other_one_still_loads(
    damage, name, folder
):
    file = folder / name
    file.write_bytes(damage(file.read_bytes()))
    sentence = rf"{name} is damaged or cut short: [^\n]* \(SHA-256\); put back a copy .*--last.*"
    readers = {
        LAST: [load_run, read_config, read_history, lambda place: load_net(place, best=False)],
        BEST: [load_net, load_model, lambda place: export(place, place / "small.safetensors")],
    }
    for read in readers.pop(name):
        with pytest.raises(RunFolderError, match=f"^[^\n]*{sentence}$"):
            read(folder)
    for others in readers.values():
        others[0](folder)


def test_what_is_no_file_is_refused(folder):
    (folder / LAST).unlink()
    (folder / LAST).mkdir()
    with pytest.raises(RunFolderError, match=f"{LAST} cannot be read: "):
        load_run(folder)


def test_a_folder_that_is_no_run_folder_is_refused_in_a_sentence(tmp_path, folder):
    (tmp_path / "none").mkdir()
    (tmp_path / "file").touch()
    for name, message in (
        ("none", "is not a run folder: it has no last.safetensors; expected one made by charseq"),
        ("absent", "does not exist; expected a run folder made by charseq train"),
        ("file", "is a file"),
    ):
        for read in (load_run, load_net, load_model, read_config, read_history):
            with pytest.raises(RunFolderError, match=message):
                read(tmp_path / name)


def test_a_file_of_a_newer_version_is_refused_and_both_versions_are_named(folder):
    rewrite(folder, charseq="9.9.9", settings__pace=3)
    with pytest.raises(RunFolderError, match=r"by charseq 9\.9\.9, and this one, .*: .*'pace'"):
        load_run(folder)


def test_a_folder_with_the_name_of_a_network_of_the_package_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_net("austen")[0].hidden_size == 256
    train("austen", 2)
    assert load_run("austen")[0].step == 2
    assert load_net("austen")[0].hidden_size == 6


# --- smaller copies -------------------------------------------------------------------------------


@pytest.mark.parametrize("best", [True, False])
def test_an_exported_file_holds_the_weights_in_float16(best, folder, tmp_path):
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    export(folder, one, best=best)
    file = folder / (BEST if best else LAST)
    full, small = load_numpy(file), load_numpy(one)
    assert {array.dtype for array in small.values()} == {np.dtype(np.float16)}
    assert all(np.array_equal(full[name].astype(np.float16), small[name]) for name in small)
    net, vocab = load_net(one)
    assert (net.head[0].dtype, vocab) == (np.float32, CORPUS.vocab)
    assert read_config(one) == checkpoint.read_file(file)[0]
    assert len(read_history(one)) == 0
    export(one, two)
    assert one.read_bytes() == two.read_bytes()
    with pytest.raises(RunFolderError, match="is a file; expected a run folder"):
        load_run(one)
    with pytest.raises(
        RunFolderError, match=r"only a network, .*charseq sample still works. .*--in"
    ):
        load_run("austen")
    with pytest.raises(FileExistsError, match="exists already: choose another name"):
        export(folder, one)


def test_export_refuses_a_weight_that_float16_cannot_hold(folder, tmp_path):
    bias = np.full(len(CORPUS.vocab), 65505, dtype=np.float32)
    rewrite(folder, BEST, {"head.bias": bias})
    with pytest.raises(RunFolderError, match=r"head.bias holds 65505, and float16 ends at 65504"):
        export(folder, tmp_path / "small.safetensors")
    assert not (tmp_path / "small.safetensors").exists()


# --- runs that are not as their settings say ------------------------------------------------------


def with_optimizer(make):
    def change(run):
        run.optimizer = make(run.model.parameters())

    return change


AdamW = torch.optim.AdamW
NOT_AS_SAID = [
    (lambda run: run.model.head.bias.requires_grad_(requires_grad=False), "frozen weights"),
    (lambda run: run.model.bfloat16(), "weights in bfloat16"),
    (with_optimizer(torch.optim.Adam), "the optimizer's kind"),
    (with_optimizer(AdamW), "the optimizer's weight_decay"),
    (with_optimizer(lambda p: AdamW(p, betas=(0.5, 0.9), weight_decay=0)), "optimizer's betas"),
    (with_optimizer(lambda p: AdamW(list(p)[1:], weight_decay=0)), "the optimizer's groups"),
]


@pytest.mark.parametrize(("change", "message"), NOT_AS_SAID)
def test_a_run_that_could_not_be_resumed_is_not_saved(change, message, tmp_path):
    run = train(tmp_path, 2)
    before = contents(tmp_path)
    change(run)
    with pytest.raises(ValueError, match=message):
        save_run(tmp_path, run, History(()))
    with pytest.raises(ValueError, match=message):
        start_folder(tmp_path / "new", run)
    assert contents(tmp_path) == before


def test_an_optimizer_of_ones_own_that_is_as_the_settings_say_is_resumed(tmp_path):
    run = run_of()
    run.optimizer = AdamW(run.model.parameters(), lr=9.0, weight_decay=0, foreach=False)
    start_folder(tmp_path, run)
    train_on(tmp_path, run, count=4)
    assert load_run(tmp_path)[0].step == 4


def test_a_file_says_everything_in_json_that_other_programs_read(folder):
    about = read_config(folder)
    assert (about["charseq"], about["step"]) == (charseq.__version__, 10)
    assert Vocabulary.from_json(json.dumps(about["vocab"])) == CORPUS.vocab
    train(folder / "never measured", 1)
    assert read_config(folder / "never measured")["best_loss"] is None
    assert load_run(folder / "never measured")[0].best_loss == math.inf
