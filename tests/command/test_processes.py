"""Several processes against one, and how many threads a process takes."""

import os

import pytest
import torch
from small_runs import CORPUS, LONG, all_equal, in_float64, record_values, run_of, weights
from test_cli import run_ok

from charseq import CharRNN, language_model_steps, processes
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
def test_the_network_or_the_environment_decides_for_the_block(monkeypatch):
    small, large = CharRNN(5, 8), CharRNN(5000, 1000, cell="LSTM")

    def threads(*arguments):
        with use_threads(*arguments):
            inside = torch.get_num_threads()
        assert torch.get_num_threads() == 2
        return inside

    assert [threads(small, 2), threads(large, 64)] == [1, 2]
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # torch has read it: it has two
    assert threads(small, 2) == 2


@pytest.mark.usefixtures("two_threads")
def test_the_command_takes_as_many_threads_as_pay(monkeypatch, tmp_path):
    seen, loss = set(), CharRNN.loss
    monkeypatch.setattr(CharRNN, "loss", lambda *a: seen.add(torch.get_num_threads()) or loss(*a))
    (tmp_path / "t.txt").write_text(LONG)
    small = ["--hidden-size=8", "--batch-size=2", "--block-size=4", "--steps=2"]
    run_ok("train", tmp_path / "t.txt", "--out", tmp_path / "run", *small)
    assert seen == {1}
    assert os.environ["OMP_WAIT_POLICY"] == "passive"
