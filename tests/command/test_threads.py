"""How many threads the command takes."""

import os
import sys

import pytest
import torch
from torch import nn

from charseq import CharRNN, cli
from charseq.processes import PRODUCTS_PER_THREAD, threads_that_pay, use_threads

TEXT = "to be or not to be, that is the question. " * 20
SMALL = ["--hidden=8", "--batch-size=2", "--length=4", "--valid=0", "--json"]


@pytest.fixture(autouse=True)
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
    rows = -(-2 * PRODUCTS_PER_THREAD // per_row)
    assert threads_that_pay(model, rows) == 2
    assert threads_that_pay(model, rows - 1) == 1
    assert threads_that_pay(CharRNN(5, 5, output_layer=False), 1) == 1


def test_a_tied_output_layer_counts_and_an_embedding_does_not():
    options = {"cell": "GRU", "embedding_size": 500}
    tied, apart = (CharRNN(5000, 500, tied=tied, **options) for tied in (True, False))
    assert threads_that_pay(tied, 16) == threads_that_pay(apart, 16) == 16 * 3_250_000 // 8_000_000


def test_torch_has_its_threads_back_after_the_block():
    with use_threads(CharRNN(5, 8), 2):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    with pytest.raises(ValueError, match="inside"), use_threads(CharRNN(5, 8), 2, threads=1):
        raise ValueError("inside")
    assert torch.get_num_threads() == 2


def test_no_more_threads_than_torch_would_take_and_no_more_than_cores():
    with use_threads(CharRNN(5000, 1000, cell="LSTM"), 64):
        assert torch.get_num_threads() == 2
    with use_threads(CharRNN(5, 8), 2, threads=10**6):
        assert torch.get_num_threads() == 2


def test_the_environment_decides_unless_an_option_does(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # torch has read it: it has two
    with use_threads(CharRNN(5, 8), 2):
        assert torch.get_num_threads() == 2
    with use_threads(CharRNN(5, 8), 2, threads=1):
        assert torch.get_num_threads() == 1


@pytest.fixture
def threads_of(monkeypatch, tmp_path):
    """Return a function that runs the command, and returns the threads that computed its losses."""
    seen = []

    def watched(*values, **options):
        seen.append(torch.get_num_threads())
        return cross_entropy(*values, **options)

    cross_entropy = nn.functional.cross_entropy
    monkeypatch.setattr(nn.functional, "cross_entropy", watched)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        seen.clear()
        monkeypatch.setattr(sys, "argv", ["charseq", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert not end.value.code
        return set(seen)

    return run


def test_train_resume_and_eval_of_a_small_network_take_one_thread(threads_of, tmp_path):
    tmp_path.joinpath("text").write_text(TEXT)
    assert threads_of("train", "text", *SMALL, "--steps=2") == {1}
    assert threads_of("resume", "run", "--steps=3", "--json") == {1}
    assert threads_of("eval", "run", "text", "--json") == {1}


def test_train_and_resume_take_as_many_threads_as_they_are_told(threads_of, tmp_path):
    tmp_path.joinpath("text").write_text(TEXT)
    assert threads_of("train", "text", *SMALL, "--steps=2", "--threads=2") == {2}
    assert threads_of("resume", "run", "--steps=3", "--json", "--threads=2") == {2}


def test_waiting_threads_of_the_command_sleep_unless_the_user_wants_otherwise(
    threads_of, monkeypatch
):
    for before, after in ((None, "passive"), ("active", "active")):
        monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
        if before:
            monkeypatch.setenv("OMP_WAIT_POLICY", before)
        threads_of("shapes", "rnn", "2", "3")
        assert os.environ["OMP_WAIT_POLICY"] == after
