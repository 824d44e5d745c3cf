"""Several processes against one, and how many threads a process takes."""

import copy
import os
import subprocess
import sys
from dataclasses import astuple
from itertools import islice

import numpy as np
import pytest
import torch
from small_runs import CORPUS, LONG, all_equal, in_float64, record_values, run_of, weights
from test_cli import run_ok
from torch import nn

from charseq import CharRNN, Corpus, language_model_steps, processes
from charseq.processes import threads_that_pay, use_threads


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
@pytest.mark.parametrize(("batch_size", "world"), [(4, 2), (4, 4), (5, 3)])
def test_the_parts_of_all_processes_add_up_to_the_step_of_one_process(
    cell, batch_size, world, monkeypatch
):
    settings = {"batch_size": batch_size, "clip_norm": None, "steps": 2}
    whole = in_float64(run_of({"cell": cell}, **settings))
    expected = next(language_model_steps(whole, CORPUS))
    runs, records = [], []
    for rank in range(world):
        runs.append(in_float64(run_of({"cell": cell}, **settings)))
        monkeypatch.setattr(processes, "rank_and_world_size", lambda rank=rank: (rank, world))
        records.append(next(language_model_steps(runs[-1], CORPUS)))
    total = sum(map(gradients, runs))
    torch.testing.assert_close(total, gradients(whole), rtol=1e-12, atol=1e-15)
    assert sum(record.loss for record in records) == pytest.approx(expected.loss, rel=1e-12)
    hidden = sum(parts_of(run.hidden) for run in runs)
    torch.testing.assert_close(hidden, parts_of(whole.hidden), rtol=1e-12, atol=1e-15)


@pytest.mark.usefixtures("group")
def test_a_group_of_one_trains_as_without_a_group_and_others_are_refused(monkeypatch):
    run, alone = run_of(), run_of()
    records = record_values(language_model_steps(run, CORPUS))
    monkeypatch.setattr(processes, "rank_and_world_size", lambda: (0, 1))
    assert record_values(language_model_steps(alone, CORPUS)) == records
    assert all_equal(weights(run.model), weights(alone.model))
    run = run_of()
    run.step = 3
    monkeypatch.setattr(processes, "rank_and_world_size", lambda: (1, 2))
    with pytest.raises(ValueError, match="processes are at different steps: give each an up-to-"):
        next(language_model_steps(run, CORPUS))
    monkeypatch.setattr("charseq.language_model.rank_and_world_size", lambda: (0, 5))
    with pytest.raises(ValueError, match="batch_size must be at least 5, got 4"):
        language_model_steps(run_of(), CORPUS)


# --- processes of torchrun ------------------------------------------------------------------------


def run_factories():
    """Map the name of each run that the processes train to a function that makes the run."""
    return {
        "long": lambda: in_float64(run_of({"cell": "LSTM", "num_layers": 2}, batch_size=5)),
        "measured": lambda: in_float64(run_of(evaluate_every=2, patience=1, lr=1.0)),
        "windows": lambda: in_float64(run_of({"embedding_size": 7, "tied": True}, order="windows")),
        "dropout": lambda: run_of({"dropout": 0.4, "num_layers": 2}),
        # In a network of 7 units, no order of additions changes a bit; in this one, it does.
        "whole": lambda: run_of({"cell": "LSTM", "hidden_size": 64, "num_layers": 2}, batch_size=5),
    }


VALID = Corpus.from_text(LONG[3:80], CORPUS.vocab)


def train(run):
    records = list(language_model_steps(run, CORPUS, VALID))
    vector = nn.utils.parameters_to_vector(run.model.parameters()).detach()
    rows = [astuple(record)[:-1] for record in records]  # without the seconds
    return torch.tensor(rows, dtype=torch.float64), vector, parts_of(run.hidden)


def run_child_process(folder):
    """Do the work of one of the processes that torch's launcher starts, and save the results."""
    with processes.join_processes():
        rank = torch.distributed.get_rank()
        results = {name: train(make_run()) for name, make_run in run_factories().items()}
        results["dropout again"] = train(run_factories()["dropout"]())
        results["other weights"] = train(run_of({"seed": 100 + rank}))
        interrupted = run_factories()["whole"]()
        for _ in islice(language_model_steps(interrupted, CORPUS, VALID), 7):
            pass
        results["resumed"] = train(copy.deepcopy(interrupted))
        torch.save(results, folder / f"{rank}.pt")


LAUNCH = [sys.executable, "-c", "from torch.distributed.run import main; main()", "--standalone"]
CHILD = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
import test_processes
test_processes.run_child_process(Path(sys.argv[1]))
"""


@pytest.mark.world
def test_three_processes_train_like_one_and_hold_the_same_numbers(tmp_path):
    # Three, because with two, the order of a sum cannot matter.
    (tmp_path / "child.py").write_text(CHILD)
    flags = ["--nproc-per-node=3", tmp_path / "child.py", tmp_path, *filter(None, sys.path)]
    subprocess.run([*LAUNCH, *flags], check=True, capture_output=True, timeout=600)
    one = {name: train(make_run()) for name, make_run in run_factories().items()}
    first, *others = (torch.load(tmp_path / f"{rank}.pt") for rank in range(3))
    for results in others:
        for name, numbers in first.items():
            assert all(
                map(
                    torch.equal,
                    map(torch.nan_to_num, numbers),
                    map(torch.nan_to_num, results[name]),
                )
            )
    for name in ("long", "measured", "windows"):
        for numbers, expected in zip(first[name], one[name], strict=True):
            np.testing.assert_allclose(numbers, expected, rtol=1e-8, atol=1e-9)
    assert torch.equal(first["dropout"][1], first["dropout again"][1])
    assert not torch.allclose(first["dropout"][1], one["dropout"][1])
    assert torch.equal(first["resumed"][1], first["whole"][1])
    assert torch.equal(first["resumed"][2], first["whole"][2])


@pytest.mark.world
def test_two_processes_train_a_run_folder_that_one_resumes(tmp_path):
    (tmp_path / "t.txt").write_text(LONG)
    small = ["--hidden=8", "--batch-size=4", "--length=10", "--steps=4", "--out", tmp_path / "run"]
    command = ["--nproc-per-node=2", "-m", "charseq", "train", tmp_path / "t.txt", *small]
    ran = subprocess.run([*LAUNCH, *command], check=True, capture_output=True, text=True)
    assert ran.stdout.count("4 steps; the run is in") == 1  # only one of them prints
    assert "6 steps" in run_ok("resume", tmp_path / "run", "--steps=6")


# --- threads --------------------------------------------------------------------------------------


@pytest.fixture
def two_threads(monkeypatch):
    """Let torch have two threads, as on a machine with two cores, and keep the tests' one."""
    monkeypatch.delenv("OMP_NUM_THREADS")  # conftest.py has set it
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def test_a_thread_pays_with_eight_million_products_per_time_step():
    model = CharRNN(100, 200, cell="LSTM", num_layers=2)
    per_row = 3 * 800 * 200 + 200 * 100  # W_hh twice, W_ih of the second layer, the output layer
    rows = -(-16_000_000 // per_row)
    assert [threads_that_pay(model, rows - k) for k in (0, 1)] == [2, 1]
    assert threads_that_pay(CharRNN(5, 5, output_layer=False), 1) == 1
    tied = CharRNN(5000, 500, cell="GRU", embedding_size=500, tied=True)
    assert threads_that_pay(tied, 16) == 16 * 3_250_000 // 8_000_000  # not the embedding


@pytest.mark.usefixtures("two_threads")
def test_the_network_the_environment_or_an_option_decides_for_the_block(monkeypatch):
    small, large = CharRNN(5, 8), CharRNN(5000, 1000, cell="LSTM")

    def threads(*arguments):
        with use_threads(*arguments):
            inside = torch.get_num_threads()
        assert torch.get_num_threads() == 2
        return inside

    assert [threads(small, 2), threads(large, 64), threads(small, 2, 10**6)] == [1, 2, 2]
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # torch has read it: it has two
    assert [threads(small, 2), threads(small, 2, 1)] == [2, 1]


@pytest.mark.usefixtures("two_threads")
def test_the_command_takes_as_many_threads_as_pay_or_as_it_is_told(monkeypatch, tmp_path):
    seen, loss = set(), CharRNN.loss
    monkeypatch.setattr(CharRNN, "loss", lambda *a: seen.add(torch.get_num_threads()) or loss(*a))
    (tmp_path / "t.txt").write_text(LONG)
    small = ["--hidden=8", "--batch-size=2", "--length=4", "--steps=2"]
    for name, options, expected in (("a", [], {1}), ("b", ["--threads=2"], {2})):
        seen.clear()
        run_ok("train", tmp_path / "t.txt", "--out", tmp_path / name, *small, *options)
        assert seen == expected
    assert os.environ["OMP_WAIT_POLICY"] == "passive"
