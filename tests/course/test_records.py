"""What the scripts of benchmarks/ recorded: how it was made, what it says, and what pages say.

And the speed benchmark: both programs do the same work, and a ratio is that of CPU seconds.
"""

import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from recorded import ROOT, read, script

from benchmarks import bench
from charseq import Corpus

recall, six = script("recall"), script("six_readers")
SIX = ("RNN", "GRU", "LSTM", "minimal GRU", "attention", "delta rule")
V = 68  # characters of the novel


# --- recall, parity and brackets ------------------------------------------------------------------


@pytest.mark.parametrize("twice", [False, True])
def test_the_answer_is_the_last_value_that_a_key_was_given(twice):
    lines = recall.draw_pairs(np.random.default_rng(0), 8, twice=twice)
    for shown, values, asked, answers in zip(*(part.tolist() for part in lines), strict=True):
        last = dict(zip(shown, values, strict=True))  # a later pair replaces an earlier one
        assert len(last) == len(asked) == (4 if twice else 8)
        assert [last[key] for key in asked] == answers


@pytest.mark.parametrize("name", recall.KEEPERS)
def test_no_keeper_sees_what_comes_later(name):
    torch.manual_seed(0)
    net = recall.Keeper(*recall.KEEPERS[name], classes=2)
    x = torch.randint(2, (1, 12))
    later = x.clone()
    later[0, 7:] = 1 - later[0, 7:]
    with torch.no_grad():
        before, after = net(x), net(later)
    torch.testing.assert_close(before[:, :7], after[:, :7])
    assert not torch.allclose(before[:, 7], after[:, 7])


def test_the_record_has_five_seeds_of_each_with_the_better_rate():
    record = read("recall")
    for part, name in (("recall", "reader"), ("mirror", "task")):
        of_reader = {}
        for run in sorted(record[part], key=lambda run: run["seed"]):
            of_reader.setdefault((run["reader"], run[name]), []).append(run)
        for key, runs in of_reader.items():
            assert [run["seed"] for run in runs] == [*recall.SEEDS]
            tries = [t for t in record[f"{part} tries"] if (t["reader"], t[name]) == key]
            assert [t["rate"] for t in tries] == [*recall.RATES]
            assert {t["seed"] for t in tries} == {recall.TUNING_SEED}
            assert {run["rate"] for run in runs} == {recall.better(tries)["rate"]}
    assert {run["reader"] for run in record["recall"]} == {*recall.READERS}
    assert len(record["mirror"]) == len(recall.KEEPERS) * len(recall.TASKS) * 5


# --- six readers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("name", SIX)
@torch.no_grad()
def test_a_later_character_changes_nothing_before_it(name, short):
    torch.manual_seed(0)
    net = six.Reader(name, V, short=short).double()
    ids = torch.randint(V, (2, 70), generator=torch.Generator().manual_seed(1))
    before = net(ids)
    for place in (1, 33, 69):
        changed = ids.clone()
        changed[:, place] = (changed[:, place] + 1) % V
        after = net(changed)
        torch.testing.assert_close(after[:, :place], before[:, :place], rtol=0, atol=1e-12)
        assert (after[:, place] - before[:, place]).abs().max() > 1e-3


def step_by_step(name, mixer, x):
    """Return what a mixer computes, by its recurrence, a step at a time."""
    if name == "minimal GRU":
        z, candidate = mixer.proj(x).chunk(2, dim=-1)
        z, h, states = z.sigmoid(), torch.zeros_like(z[:, 0]), []
        for t in range(x.shape[1]):
            h = (1 - z[:, t]) * h + z[:, t] * candidate[:, t]
            states.append(h)
        return torch.stack(states, dim=1)
    q, k, v, beta, log_a = mixer.inputs(x)
    state, states = x.new_zeros(*q.shape[:2], q.shape[3], v.shape[3]), []
    for t in range(x.shape[1]):
        state = log_a[:, :, t, None, None].exp() * state
        key = k[:, :, t, None]  # (B, heads, 1, K)
        change = beta[:, :, t, None, None] * (v[:, :, t, None] - key @ state)
        state = state + key.mT @ change
        states.append(q[:, :, t, None] @ state)
    return mixer.out(torch.cat(states, dim=2).transpose(1, 2).flatten(2))


@pytest.mark.parametrize("name", ["minimal GRU", "delta rule"])
@pytest.mark.parametrize("T", [1, 7, 70])  # less than a chunk of the delta rule, and more than two
def test_scan_and_chunks_equal_their_recurrence(name, T):
    generator = torch.manual_seed(0)
    mixer = six.MIXERS[name][0](six.D).double()
    x = 3 * torch.randn(2, T, six.D, generator=generator, dtype=torch.float64)
    x.requires_grad_()
    both = mixer(x), step_by_step(name, mixer, x)
    torch.testing.assert_close(*both, rtol=0, atol=1e-10)
    slopes = [torch.autograd.grad((states**2).sum(), x)[0] for states in both]
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-9)


# --- what is recorded -----------------------------------------------------------------------------


def test_the_record_of_six_readers_is_whole_and_of_the_best_rate_of_an_equal_search():
    record = read("six_readers")
    assert [(run["reader"], run["seed"]) for run in record["runs"]] == [
        (name, seed) for seed in six.SEEDS for name in SIX
    ]
    for run in record["runs"]:
        assert run["rate"] == record["rates"][run["reader"]]
        assert run["updates"] == six.UPDATES == run["curve"][-1][0]
    for name in SIX:
        tried = [run for run in record["tuning"] if run["reader"] == name]
        bits = {run["rate"]: run["curve"][-1][2] for run in tried}
        assert bits.keys() >= set(six.RATES)
        assert record["rates"][name] == min(bits, key=bits.get)
        assert not {run["seed"] for run in tried} & set(six.SEEDS)


def test_the_order_holds_in_every_seed_and_attention_breaks_beyond_its_windows():
    runs, order = (
        read("six_readers")["runs"],
        ("GRU", "LSTM", "minimal GRU", "delta rule", "attention"),
    )
    bits = {name: np.array([run["bits"] for run in runs if run["reader"] == name]) for name in SIX}
    assert all((bits[better] < bits[worse]).all() for better, worse in pairwise(order))
    for run in runs:
        more = run["by place, long"]["257-512"] - run["bits"]
        assert more > 2 if run["reader"] == "attention" else abs(more) < 0.03


# --- tables of pages ------------------------------------------------------------------------------


RIGHT = 190  # of 200 lines: what the page calls right


def test_the_page_counts_the_seeds_that_are_right():
    record = read("readers")
    text = (ROOT / "docs/learn/attention.md").read_text("utf-8")
    heads = re.search(r"^\| letters after the capital \|(.*)\|$", text, re.M)[1]
    assert [int(head) for head in heads.split("|")] == record["back"]
    rows = re.findall(r"^\| (RNN|GRU|LSTM|attention|matrix) \|((?: \d+ \|){6})$", text, re.M)
    assert len(rows) == 5
    for name, counts in rows:
        right = np.array(record["networks"][name]["right"]) >= RIGHT  # (seed, distance)
        assert [int(count) for count in counts.split("|")[:-1]] == right.sum(axis=0).tolist()


def rows_of(page, head):
    """Return the cells of the rows of a table whose head begins so."""
    text = (ROOT / "docs/learn" / f"{page}.md").read_text("utf-8")
    lines = text[text.index(head) :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_wrong_batch_first_changes_the_shape_of_the_last_state_alone():
    x = torch.zeros(3, 5, 4)
    for row in rows_of("shapes", "| `batch_first` | the tensor"):
        first = row[0] == "`True`"
        output, h_n = torch.nn.RNN(4, 2, batch_first=first)(x)
        assert [str(tuple(part.shape)) for part in (output, h_n)] == row[-2:]
        assert re.match(r"3 texts of 5|5 texts of 3", row[1])[0][0] == str(h_n.shape[1])


# --- the speed benchmark --------------------------------------------------------------------------

TEXT = "How fast does it read this text, and how fast does it write? " * 200
CORPUS = Corpus.from_text(TEXT)


@pytest.mark.parametrize("cell", ["RNN", "GRU", "LSTM"])
def test_both_programs_lower_the_same_losses(cell, monkeypatch):
    monkeypatch.setitem(bench.SIZES, "toy", (cell, 8, 2, 4, 16))
    plain, ours = bench.plain_training("toy", CORPUS), bench.charseq_training("toy", CORPUS)
    # Sums of at most 4 * 16 * 40 float32 numbers, twice over in five updates.
    assert bench.disagreement(plain, ours) < 2 * 4 * 16 * 40 * 1.2e-7
    losses = [next(ours) for _ in range(200)]
    assert losses[-1] < losses[0] - 0.3


@pytest.mark.parametrize("write", [bench.plain_writing, bench.charseq_writing])
def test_both_programs_write_as_many_texts_and_characters(write, monkeypatch):
    monkeypatch.setitem(bench.SIZES, "toy", ("GRU", 8, 1, 4, 16))
    texts = next(write("toy", CORPUS, 3))
    assert [len(text) for text in texts] == [bench.WRITTEN] * 3
    assert set("".join(texts)) <= set(TEXT)
