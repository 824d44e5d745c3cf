"""The bench: it times contenders in turn, and says which of them do not work or do not agree."""

import re

import numpy as np
import pytest
import torch

from benchmarks import bench, peers, playground, sampling, startup, training, truncation
from benchmarks.work import Work

FAKES = """
from benchmarks.training import SIZES, characters, disagreement
from benchmarks.work import entering

CONTENDERS = {}
contender = entering(CONTENDERS)

class clock:
    "A clock for a machine on which other programs take two thirds of the time."
    worked = 0
    process_time = staticmethod(lambda: clock.worked)
    perf_counter = staticmethod(lambda: 3 * clock.worked)

def busy(seconds):
    clock.worked += seconds

def first(work):
    return 3

@contender("slow")
def plain(work):
    for loss in (4, 3, 2, *[1] * 10**6):
        busy(0.004)
        yield loss

@contender("twice as fast")
def fast(work):
    for loss in (4, 3, 2, *[1] * 10**6):
        busy(0.002)
        yield loss

@contender("another gradient")
def wrong(work):
    yield from (4, 3.01, 2)

@contender("no better than at first", check="falls")
def stuck(work):
    yield from (4, 4, 4)

@contender("ends in an error")
def dying(work):
    print("a library may print")
    yield 4
    raise RuntimeError("out of luck")

@contender("needs what nobody has")
def absent(work):
    import nobody_has_this
    yield 4
"""


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    (tmp_path / "fakes.py").write_text(FAKES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # for the contenders' processes
    monkeypatch.syspath_prepend(tmp_path)
    import fakes

    return fakes


def test_bench_reports_rates_and_why_a_contender_was_not_timed(fakes):
    rows = bench.compare(fakes, "S", list(fakes.CONTENDERS), rounds=5, seconds=0.05)
    # 32 × 64 characters take 4 ms or 2 ms of the process's own time.
    assert rows["plain"]["rates"] == pytest.approx([512_000] * 5)
    assert rows["fast"]["rates"] == pytest.approx([1_024_000] * 5)
    assert bench.ratios(rows, "fast", "plain") == pytest.approx([2] * 5)
    problems = {name: row["problem"] for name, row in rows.items() if "problem" in row}
    assert problems == {
        "wrong": "DIFFERS: loss 3.010000 at step 2, where plain has 3.000000",
        "stuck": "DIFFERS: the loss does not fall: 4.0000 to 4.0000",
        "dying": "died: RuntimeError: out of luck",
        "absent": "not installed: nobody_has_this",
    }


def test_bench_ratios_compare_rates_of_the_same_round_only():
    rows = {"fast": {"rates": [20, 2, 10]}, "plain": {"rates": [10, 1, 5]}, "dead": {"problem": ""}}
    assert bench.ratios(rows, "fast", "plain") == [2, 2, 2]
    assert bench.ratios(rows, "fast", "dead") == []


def test_bench_sets_a_bar_against_the_fastest_limit_but_none_against_peers():
    rates = {"charseq": [6, 5], "plain": [2, 1], "limit": [10, 8], "limit_numpy": [12, 10]}
    rows = {name: {"rates": numbers} for name, numbers in rates.items()}
    bars = {name: row for name, *row in bench.bars({("training", "S"): rows}) if row[0]}
    assert bars == {
        "training S: RNN 128, share of the limit": [[0.5, 0.5], "≥", 0.6],
        "training S: RNN 128, share of the limit by torch alone": [[0.6, 0.625], "≥", None],
        "training S: RNN 128, against plain (the fastest peer)": [[3, 5], "≥", None],
    }
    assert {f"{size}{streams}" for size in "SGML" for streams in (1, 64)} == set(
        bench.SHARES["sampling"]
    )


def losses_of(contender, work, count=4):
    return [loss for _, loss in zip(range(count), contender.make(work), strict=False)]


@pytest.mark.parametrize("cell", ["RNN", "GRU", "LSTM"])
def test_bench_finds_a_wrong_gradient_by_comparing_losses(cell, monkeypatch):
    work = Work("tiny", cell, 32, 2, B=32, T=16)
    names = ("plain", "charseq_torch_layers", "numpy_by_hand")
    losses = {name: losses_of(training.CONTENDERS[name], work) for name in names}
    for name in names:
        problem = training.disagreement(work, training.CONTENDERS[name], losses[name], losses)
        assert problem == ""

    forward, backward = peers.IN_NUMPY[cell]

    def backward_without_recurrence(dh, tape, W_hh):
        return backward(dh, tape, np.zeros_like(W_hh))

    monkeypatch.setitem(peers.IN_NUMPY, cell, (forward, backward_without_recurrence))
    by_hand = training.CONTENDERS["numpy_by_hand"]
    problem = training.disagreement(work, by_hand, losses_of(by_hand, work), losses)
    assert "where plain has" in problem


def test_bench_finds_texts_that_were_not_sampled_from_the_network():
    work = Work("tiny", "GRU", 16, 1, B=1, T=1, streams=8, chunk=50, sharpness=16.0)
    plain = sampling.CONTENDERS["plain"]
    for name in ("plain", "torch_by_hand", "charseq"):
        texts = next(sampling.CONTENDERS[name].make(work))
        assert sampling.disagreement(work, plain, [texts], {}) == "", name
    rng = np.random.default_rng(0)
    uniform = sampling.texts_of(work, rng.integers(len(work.alphabet), size=(8, 50)))
    assert "standard deviations" in sampling.disagreement(work, plain, [uniform], {})
    assert "texts of 49" in sampling.disagreement(work, plain, [[t[1:] for t in texts]], {})


@pytest.mark.slow
def test_bench_command_prints_ratios_and_bars(capsys, tmp_path):
    options = ["--sizes", "S", "--rounds", "1", "--seconds", "0.01", "--only", "training"]
    names = ["--contenders", "charseq_torch_layers,limit", "--json", str(tmp_path / "all.json")]
    assert bench.main([*options, *names]) == 0
    out = capsys.readouterr().out
    assert re.search(r"charseq, torch's layers +charseq +\d\.\d\d \(\d\.\d\d–\d\.\d\d\)", out)
    assert "S: RNN 128" in out
    assert (tmp_path / "all.json").read_text().count('"rates"') == 3


def test_bench_says_what_is_missing_to_time_the_playground(tmp_path, monkeypatch):
    monkeypatch.setitem(bench.sys.modules, "deno", None)

    def start(command):
        raise AssertionError("there is no Deno to start")

    rows = playground.measure(1, tmp_path, start)
    assert rows == {
        "slice": {"problem": "not installed: deno"},
        "task": {"problem": f"not built: {tmp_path / 'playground.html'}"},
        "redraw": {"problem": f"not built: {tmp_path / 'playground.html'}"},
        "read": {"problem": "not installed: deno"},
        "look": {"problem": f"not built: {tmp_path / 'learn' / 'look-inside.html'}"},
        "search": {"problem": f"not built: {tmp_path / 'index.html'}"},
    }
    (tmp_path / "playground.html").touch()
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "")
    rows = playground.measure(1, tmp_path, start)
    assert rows["task"]["problem"] == "not installed: chromium"
    rows = bench.compare(playground, "RNN", ["core"], rounds=1, seconds=0.01)
    assert rows == {"core": {"problem": "not installed: deno"}}


@pytest.mark.slow
@pytest.mark.parametrize("cell", playground.SIZES)
def test_bench_of_the_playground_compares_its_losses_with_those_of_torch(cell):
    rows = bench.compare(playground, cell, ["plain", "core"], rounds=1, seconds=0.01)
    assert [len(row.get("rates", row)) for row in rows.values()] == [1, 1], rows
    runs = {"plain": [[2.0, 1.0]], "core": [[2.0, 1.0 + 1e-8]]}
    problem = playground.disagreement(None, None, runs["core"], runs)
    assert problem == "loss 1.000000010000 at epoch 2, where torch has 1.000000000000"


@pytest.mark.slow
def test_bench_of_startup_reports_which_processes_import_torch():
    environment = {**bench.os.environ, **bench.ONE_THREAD}
    names = ["import", "notebook", "notebook_charseq"]
    rows = startup.measure(0, names, environment, bench.ROOT)
    assert [rows[name].get("torch") for name in names] == [False, True, True]


def test_networks_side_by_side_compute_what_a_gru_computes():
    """Each of them, weights and states, as `torch.nn.GRU` with the same seed does."""
    weights = [w.double() for w in truncation.networks(range(2))]
    ids = truncation.lines(3, 0)
    batch = ids.view(1, 3, 15).expand(2, 3, 15)
    logits, last = truncation.read(batch, torch.zeros(2, 3, truncation.H).double(), weights)
    for seed in range(2):
        torch.manual_seed(seed)
        layer = torch.nn.GRU(4, truncation.H, batch_first=True).double()
        head = torch.nn.Linear(truncation.H, 4).double()
        outputs, state = layer(torch.eye(4).double()[batch[0]])
        assert torch.allclose(logits[seed], head(outputs), rtol=0, atol=1e-12)
        assert torch.allclose(last[seed], state[0], rtol=0, atol=1e-12)
    assert all(line[0] == line[14] and line[13] == 3 for line in ids.view(3, 15).tolist())
