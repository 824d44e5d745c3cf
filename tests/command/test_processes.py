"""Several processes against one: gradients, losses, states, and the error if one has ended."""

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
    all_equal,
    cosine_schedule,
    fused_adamw,
    in_float64,
    record_values,
    run_of,
    train_by_hand,
    weights,
)
from torch import nn

from charseq import Corpus, language_model_steps, processes


@pytest.fixture
def group():
    """Put this process into a group of its own, where a sum over all processes is its own part."""
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
def test_the_parts_of_all_processes_add_up_to_the_step_of_one_process(
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
    one_step = in_float64(run_of({"cell": cell}, **settings))
    monkeypatch.undo()
    next(language_model_steps(one_step, CORPUS))
    # DistributedDataParallel divides by the size of the group, which is 1 here, so divide by hand.
    mean = sum(map(gradients, runs)) / world
    torch.testing.assert_close(mean, gradients(one_step), rtol=1e-12, atol=1e-15)
    assert sum(record.loss for record in records) == pytest.approx(expected[0].loss, rel=1e-12)
    hidden_sum = sum(parts_of(run.hidden) for run in runs)
    torch.testing.assert_close(hidden_sum, parts_of(one_step.hidden), rtol=1e-12, atol=1e-15)


@pytest.mark.usefixtures("group")
def test_training_in_a_process_group_of_one_equals_training_without_a_group():
    assert processes.rank_and_world_size() == (0, 1)
    run = run_of()
    records = record_values(language_model_steps(run, CORPUS))
    expected, twin = train_by_hand(run, fused_adamw, cosine_schedule(2e-3, 20), 1.0)
    assert records == expected
    assert all_equal(weights(run.model), weights(twin))


@pytest.mark.usefixtures("group")
def test_processes_at_different_steps_are_refused(monkeypatch):
    run = run_of()
    run.step = 3
    monkeypatch.setattr(processes, "rank_and_world_size", lambda: (1, 2))
    with pytest.raises(ValueError, match="processes are at different steps, 0, 3: give each an"):
        next(language_model_steps(run, CORPUS))


def test_more_processes_than_rows_are_refused(monkeypatch):
    monkeypatch.setattr(processes, "rank_and_world_size", lambda: (0, 5))
    with pytest.raises(ValueError, match=r"batch_size must be at least 5, .* each process, got 4"):
        language_model_steps(run_of(), CORPUS)


@pytest.mark.slow
def test_language_model_imports_no_more_of_torch_distributed_than_torch_does():
    code = (
        "import sys, torch; before = {name for name in sys.modules if 'distributed' in name};"
        "import charseq.language_model;"
        "print(*{name for name in sys.modules if 'distributed' in name} - before)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


def run_factories():
    """Map the name of each run that the processes train to a function that makes the run."""
    return {
        "float32": lambda: run_of(clip_norm=None, steps=1),
        "float64": lambda: in_float64(run_of(clip_norm=None, steps=1)),
        "long": lambda: in_float64(run_of({"cell": "LSTM", "num_layers": 2}, batch_size=5)),
        "measured": lambda: in_float64(run_of(evaluate_every=2, patience=1, lr=1.0)),
        "windows": lambda: in_float64(run_of({"embedding_size": 7, "tied": True}, order="windows")),
        "dropout": lambda: run_of({"dropout": 0.4, "num_layers": 2}),
        "dropout again": lambda: run_of({"dropout": 0.4, "num_layers": 2}),
        # In a network of 7 units, no order of additions changes a bit; in this one, it does.
        "uninterrupted": lambda: run_of(
            {"cell": "LSTM", "hidden_size": 64, "num_layers": 2}, batch_size=5
        ),
    }


def train(run, valid=None):
    records = list(language_model_steps(run, CORPUS, valid))
    return {
        "records": records,
        "gradients": gradients(run),
        "weights": nn.utils.parameters_to_vector(run.model.parameters()).detach(),
        "hidden": parts_of(run.hidden),
    }


VALID = Corpus.from_text(LONG[3:80], CORPUS.vocab)


def run_child_process(folder):
    """Do the work of one of the processes that torch's launcher starts, and save the results."""
    torch.distributed.init_process_group("gloo")
    rank = torch.distributed.get_rank()
    results = {name: train(make_run(), VALID) for name, make_run in run_factories().items()}
    results["other weights"] = train(run_of({"seed": 100 + rank}))
    interrupted = run_factories()["uninterrupted"]()
    for _ in islice(language_model_steps(interrupted, CORPUS), 7):
        pass
    results["resumed"] = train(copy.deepcopy(interrupted), VALID)
    torch.save(results, folder / f"{rank}.pt")
    if rank > 0:
        os._exit(0)  # without telling the others
    try:
        train(run_of())
    except ConnectionError as error:
        results["error"] = str(error)
    torch.save(results, folder / "0.pt")
    os._exit(0)


LAUNCHER = "import sys; from torch.distributed.run import main; main()"
CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_processes
test_processes.run_child_process(Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def three_processes(tmp_path_factory):
    """Results of one process, and those of three (with two, the order of a sum cannot matter)."""
    folder = tmp_path_factory.mktemp("three")
    (folder / "child.py").write_text(CHILD)
    flags = ["--standalone", "--nproc-per-node=3", folder / "child.py", Path(__file__).parent]
    ran = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *flags, folder],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    one = {name: train(make_run(), VALID) for name, make_run in run_factories().items()}
    return one, [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(3)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["long", "measured", "windows"])
def test_three_processes_train_like_one(kind, three_processes):
    one, three = three_processes
    exact = one["float64"]["gradients"]
    for results in three:
        difference = (results["float64"]["gradients"] - exact).norm() / exact.norm()
        assert difference <= 1e-12
        assert_rounds_like(results["float32"]["gradients"], one["float32"]["gradients"], exact)
        numbers = [  # of all but the seconds, which are the clock's
            np.array([astuple(record)[:-1] for record in r[kind]["records"]])
            for r in (results, one)
        ]
        np.testing.assert_allclose(*numbers, rtol=1e-9)
        for name in ("weights", "hidden"):
            torch.testing.assert_close(results[kind][name], one[kind][name], rtol=1e-8, atol=1e-9)


def test_all_processes_hold_exactly_the_same_numbers(three_processes):
    _, (rank_0, *other_ranks) = three_processes
    for kind in (*run_factories(), "other weights"):
        for results in other_ranks:
            assert repr(rank_0[kind]["records"]) == repr(results[kind]["records"])
            for name in ("weights", "gradients", "hidden"):
                assert torch.equal(rank_0[kind][name], results[kind][name])


def test_an_interrupted_run_of_three_processes_ends_exactly_like_an_uninterrupted_one(
    three_processes,
):
    _, three = three_processes
    for results in three:
        whole, resumed = results["uninterrupted"], results["resumed"]
        assert repr(whole["records"][7:]) == repr(resumed["records"])
        for name in ("weights", "hidden"):
            assert torch.equal(whole[name], resumed[name])


def test_dropout_of_three_processes_is_reproducible_but_differs_from_that_of_one(three_processes):
    one, (rank_0, *_) = three_processes
    assert repr(rank_0["dropout"]["records"]) == repr(rank_0["dropout again"]["records"])
    assert torch.equal(rank_0["dropout"]["weights"], rank_0["dropout again"]["weights"])
    assert rank_0["dropout"]["records"] != one["dropout"]["records"]


def test_a_process_reports_that_another_has_ended(three_processes):
    _, (rank_0, *_) = three_processes
    assert rank_0["error"] == "another process has ended, or cannot be reached"
