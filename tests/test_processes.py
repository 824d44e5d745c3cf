"""Several processes against one: gradients, losses, states, and what happens when one has ended."""

import copy
import os
import subprocess
import sys
from dataclasses import astuple
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from precision import assert_rounds_like
from small_runs import (
    CORPUS,
    LONG,
    falling,
    in_float64,
    rows_of,
    run_of,
    same,
    truncated_by_hand,
    weights,
)
from torch import nn

from charseq import Corpus, language_model_steps, processes


@pytest.fixture
def group():
    """This process, alone in a group, so that a sum over all processes is its own share."""
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def gradients(run):
    return torch.cat([parameter.grad.flatten() for parameter in run.model.parameters()])


def parts_of(state):
    return torch.cat(state) if isinstance(state, tuple) else state


@pytest.mark.usefixtures("group")
@pytest.mark.parametrize("cell", ["GRU", "LSTM"])
@pytest.mark.parametrize(("batch_size", "world"), [(4, 2), (4, 4), (5, 2), (5, 3)])
def test_the_shares_of_all_processes_add_up_to_the_step_of_one(
    cell, batch_size, world, monkeypatch
):
    settings = {"batch_size": batch_size, "clip_norm": None, "steps": 2}
    whole = in_float64(run_of({"cell": cell}, **settings))
    expected = list(language_model_steps(whole, CORPUS))
    runs, records = [], []
    for rank in range(world):
        runs.append(in_float64(run_of({"cell": cell}, **settings)))
        monkeypatch.setattr(processes, "rank_and_world_size", lambda rank=rank: (rank, world))
        steps = language_model_steps(runs[-1], CORPUS)
        records.append(next(steps))
    first = in_float64(run_of({"cell": cell}, **settings))
    monkeypatch.undo()
    next(language_model_steps(first, CORPUS))
    # DistributedDataParallel divides by the processes of the group, of which there is one here.
    mean = sum(map(gradients, runs)) / world
    torch.testing.assert_close(mean, gradients(first), rtol=1e-12, atol=1e-15)
    assert sum(record.loss for record in records) == pytest.approx(expected[0].loss, rel=1e-12)
    found, wanted = sum(parts_of(run.hidden) for run in runs), parts_of(first.hidden)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-15)


@pytest.mark.usefixtures("group")
def test_a_group_of_one_trains_as_a_process_without_a_group():
    assert processes.rank_and_world_size() == (0, 1)
    run = run_of()
    found = rows_of(language_model_steps(run, CORPUS))
    expected, twin = truncated_by_hand(
        run,
        lambda parameters: torch.optim.AdamW(parameters, fused=True, lr=0, weight_decay=0.0),
        falling(2e-3, 20),
        1.0,
    )
    assert found == expected
    assert same(weights(run.model), weights(twin))


@pytest.mark.usefixtures("group")
def test_a_process_at_another_step_is_refused(monkeypatch):
    run = run_of()
    run.step = 3
    monkeypatch.setattr(processes, "rank_and_world_size", lambda: (1, 2))
    with pytest.raises(ValueError, match="processes stand at the steps 0, 3: give each the same"):
        next(language_model_steps(run, CORPUS))


def test_more_processes_than_rows_are_refused(monkeypatch):
    monkeypatch.setattr(processes, "rank_and_world_size", lambda: (0, 5))
    with pytest.raises(ValueError, match=r"batch_size must be at least 5, .* each process, got 4"):
        language_model_steps(run_of(), CORPUS)


@pytest.mark.slow
def test_training_alone_loads_nothing_of_torch_distributed_that_torch_does_not():
    code = (
        "import sys, torch; before = {name for name in sys.modules if 'distributed' in name};"
        "import charseq.language_model;"
        "print(*{name for name in sys.modules if 'distributed' in name} - before)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


def kinds_of_runs():
    """Name the runs that several processes make; each name comes with a function that makes it."""
    return {
        "float32": lambda: run_of(clip_norm=None, steps=1),
        "float64": lambda: in_float64(run_of(clip_norm=None, steps=1)),
        "long": lambda: in_float64(run_of({"cell": "LSTM", "num_layers": 2}, batch_size=5)),
        "measured": lambda: in_float64(run_of(evaluate_every=2, patience=1, lr=1.0)),
        "windows": lambda: in_float64(run_of({"embedding_size": 7, "tied": True}, order="windows")),
        "dropout": lambda: run_of({"dropout": 0.4, "num_layers": 2}),
        "dropout again": lambda: run_of({"dropout": 0.4, "num_layers": 2}),
        "uninterrupted": lambda: run_of({"cell": "LSTM"}, batch_size=5),
    }


def trained(run, valid=None):
    records = list(language_model_steps(run, CORPUS, valid))
    return {
        "records": records,
        "gradients": gradients(run),
        "weights": nn.utils.parameters_to_vector(run.model.parameters()).detach(),
        "hidden": parts_of(run.hidden),
    }


VALID = Corpus.from_text(LONG[3:80], CORPUS.vocab)


def one_of_several(folder):
    """Be one of the processes that torch's launcher starts, and note what it finds."""
    torch.distributed.init_process_group("gloo")
    rank = torch.distributed.get_rank()
    found = {name: trained(make(), VALID) for name, make in kinds_of_runs().items()}
    found["other weights"] = trained(run_of({"seed": 100 + rank}))
    interrupted = kinds_of_runs()["uninterrupted"]()
    for _ in islice(language_model_steps(interrupted, CORPUS), 7):
        pass
    found["resumed"] = trained(copy.deepcopy(interrupted), VALID)
    torch.save(found, folder / f"{rank}.pt")
    if rank > 0:
        os._exit(0)  # without a word
    try:
        trained(run_of())
    except ConnectionError as error:
        found["error"] = str(error)
    torch.save(found, folder / "0.pt")
    os._exit(0)


LAUNCHER = "import sys; from torch.distributed.run import main; main()"
CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_processes
test_processes.one_of_several(Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def three_processes(tmp_path_factory):
    """What three processes found, and what one does. Three add up in an order that matters."""
    folder = tmp_path_factory.mktemp("three")
    (folder / "child.py").write_text(CHILD)
    flags = ["--standalone", "--nproc-per-node=3", folder / "child.py", Path(__file__).parent]
    ran = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *flags, folder],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    alone = {name: trained(make(), VALID) for name, make in kinds_of_runs().items()}
    return alone, [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(3)]


@pytest.mark.slow
def test_the_gradient_of_three_processes_is_that_of_one(three_processes):
    alone, found = three_processes
    exact = alone["float64"]["gradients"]
    for process in found:
        difference = (process["float64"]["gradients"] - exact).norm() / exact.norm()
        assert difference <= 1e-12
        assert_rounds_like(process["float32"]["gradients"], alone["float32"]["gradients"], exact)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["long", "measured", "windows"])
def test_three_processes_train_as_one_does(kind, three_processes):
    alone, found = three_processes
    for process in found:
        numbers = [np.array([*map(astuple, each[kind]["records"])]) for each in (process, alone)]
        np.testing.assert_allclose(*numbers, rtol=1e-9)
        for name in ("weights", "hidden"):
            torch.testing.assert_close(process[kind][name], alone[kind][name], rtol=1e-8, atol=1e-9)


def test_all_processes_hold_the_same_to_the_bit(three_processes):
    _, (first, *others) = three_processes
    for kind in (*kinds_of_runs(), "other weights"):
        for other in others:
            assert repr(first[kind]["records"]) == repr(other[kind]["records"])
            for name in ("weights", "gradients", "hidden"):
                assert torch.equal(first[kind][name], other[kind][name])


def test_a_run_of_three_processes_that_was_interrupted_ends_as_one_that_was_not(three_processes):
    _, found = three_processes
    for process in found:
        whole, resumed = process["uninterrupted"], process["resumed"]
        assert repr(whole["records"][7:]) == repr(resumed["records"])
        for name in ("weights", "hidden"):
            assert torch.equal(whole[name], resumed[name])


def test_dropout_of_three_processes_is_their_own_and_the_same_each_time(three_processes):
    alone, (one, *_) = three_processes
    assert repr(one["dropout"]["records"]) == repr(one["dropout again"]["records"])
    assert torch.equal(one["dropout"]["weights"], one["dropout again"]["weights"])
    assert one["dropout"]["records"] != alone["dropout"]["records"]


def test_a_process_whose_fellow_has_ended_says_so(three_processes):
    _, (one, *_) = three_processes
    assert one["error"] == "another process has ended, or cannot be reached"
