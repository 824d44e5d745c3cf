"""Six readers: each looks only back, scans and chunks equal steps, and what is recorded."""

import math
from itertools import pairwise
from statistics import mean, stdev

import pytest
import recorded
import torch
from torch.nn.functional import cross_entropy

READERS = ("RNN", "GRU", "LSTM", "minimal GRU", "attention", "delta rule")
V = 68  # characters of the novel


@pytest.fixture(scope="module")
def six():
    """Return the module that trained the networks."""
    return recorded.script("six_readers")


@pytest.fixture(scope="module")
def record():
    return recorded.read("six_readers")


def mixer_of(six, name, **options):
    torch.manual_seed(0)
    make, _ = six.MIXERS[name]
    return make(six.D, **options).double()


def numbers(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- the networks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("name", READERS)
@torch.no_grad()
def test_a_later_character_changes_nothing_before_it(six, name, short):
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


@pytest.mark.parametrize("name", READERS)
@torch.no_grad()
def test_the_first_character_matters_later(six, name):
    torch.manual_seed(0)
    net = six.Reader(name, V).double()
    ids = torch.randint(V, (2, 20), generator=torch.Generator().manual_seed(1))
    changed = ids.clone()
    changed[:, 0] = (changed[:, 0] + 1) % V
    assert (net(changed) - net(ids))[:, 5:].abs().max() > 1e-6


@pytest.mark.parametrize("T", [1, 2, 7, 64, 100])
def test_the_scan_equals_step_by_step(six, T):
    mixer = mixer_of(six, "minimal GRU")
    x = numbers(3, T, six.D).requires_grad_()
    torch.testing.assert_close(mixer(x), mixer.step_by_step(x), rtol=0, atol=1e-10)
    by_scan, by_steps = (
        torch.autograd.grad((form(x) ** 2).sum(), x)[0] for form in (mixer, mixer.step_by_step)
    )
    torch.testing.assert_close(by_scan, by_steps, rtol=0, atol=1e-10)


@pytest.mark.parametrize("forget", [True, False])
@pytest.mark.parametrize(("T", "chunk"), [(1, 32), (5, 2), (64, 32), (70, 32), (50, 50)])
def test_chunks_equal_step_by_step(six, T, chunk, forget):
    mixer = mixer_of(six, "delta rule", forget=forget)
    x = 3 * numbers(2, T, six.D)
    x.requires_grad_()
    torch.testing.assert_close(mixer(x, chunk), mixer.step_by_step(x), rtol=0, atol=1e-10)
    by_chunks, by_steps = (
        torch.autograd.grad((states**2).sum(), x)[0]
        for states in (mixer(x, chunk), mixer.step_by_step(x))
    )
    torch.testing.assert_close(by_chunks, by_steps, rtol=0, atol=1e-10)


def test_a_delta_state_finds_what_was_written_last(six):
    mixer = mixer_of(six, "delta rule")
    keys = torch.eye(16, dtype=torch.float64)[[3, 5, 3, 5]][None, None]  # 3 is written again
    values = numbers(1, 1, 4, 16)
    ones = torch.ones(1, 1, 4, dtype=torch.float64)
    read, state = mixer.read_chunk(keys, keys, values, ones, 0 * ones, 0.0)
    torch.testing.assert_close(read, values)
    torch.testing.assert_close(state[0, 0, [3, 5]], values[0, 0, 2:])  # the first two are gone


@torch.no_grad()
def test_rotary_scores_depend_on_the_distance(six):
    q, k = numbers(1, 16), numbers(1, 16, seed=2)
    scores = six.rotate(q.expand(30, 16)) @ six.rotate(k.expand(30, 16)).T
    torch.testing.assert_close(scores[20, 15], scores[10, 5])
    assert abs(scores[20, 15] - scores[20, 14]) > 1e-3


@torch.no_grad()
def test_a_short_convolution_begins_as_none(six):
    x = numbers(2, 9, six.D)
    short = six.Short(six.D).double()
    torch.testing.assert_close(short(x), x)
    short.weight[2] = 1.0
    torch.testing.assert_close(short(x)[:, 2:], x[:, 2:] + x[:, :-2])


# --- how they are measured ------------------------------------------------------------------------


def test_windows_count_each_character_once(six):
    windows = six.windows_of(torch.arange(1000), 128, 64)
    counted = windows[:, 1:][:, 64:].flatten().tolist()
    assert counted == list(range(65, 65 + len(counted)))
    assert 1000 - counted[-1] < 65


def test_bits_are_those_of_the_counted_places(six):
    torch.manual_seed(0)
    net = six.Reader("RNN", V)
    windows = torch.randint(V, (3, 129), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits = net(windows[:, :-1])[:, 64:]
    expected = cross_entropy(logits.flatten(0, 1), windows[:, 65:].flatten()) / math.log(2)
    assert six.bits_of(net, windows) == pytest.approx(float(expected), abs=1e-5)


def test_training_is_repeatable_and_helps(six):
    ids = torch.arange(400) % 5
    ends = []
    for _ in range(2):
        torch.manual_seed(0)
        net = six.Reader("minimal GRU", 5)
        curve = six.train(net, ids, 0, 0.01, 8, six.windows_of(ids)[:2], points=2, rows=2)
        ends.append([bits for _, _, bits in curve])
        assert [update for update, _, _ in curve] == [4, 8]
    assert ends[0] == ends[1]
    assert ends[0][1] < ends[0][0]


# --- what is recorded -----------------------------------------------------------------------------


def test_the_record_is_whole(six, record):
    assert [(run["reader"], run["seed"]) for run in record["runs"]] == [
        (name, seed) for seed in six.SEEDS for name in READERS
    ]
    for run in record["runs"]:
        assert run["rate"] == record["rates"][run["reader"]]
        assert run["updates"] == six.UPDATES == run["curve"][-1][0]
        assert len(run["curve"]) == six.POINTS
        assert run["seconds"] == run["curve"][-1][1]
        assert run["bits"] == run["by place"]["65-128"]


def test_all_have_equally_many_weights(six, record):
    made = {name: sum(p.numel() for p in six.Reader(name, V).parameters()) for name in six.MIXERS}
    assert made == {run["reader"]: run["weights"] for run in record["runs"]}
    assert max(made.values()) / min(made.values()) < 1.02
    for name in six.MIXERS:  # matrices only: no biases, norms or gates
        block = six.Block(name, six.D).named_parameters()
        matrices = [p for kind, p in block if p.ndim == 2 and "gates" not in kind]
        assert sum(p.numel() for p in matrices) == 12 * six.D**2


def test_each_rate_is_the_best_of_an_equal_search(six, record):
    for name in READERS:
        bits = {
            run["rate"]: run["curve"][-1][2] for run in record["tuning"] if run["reader"] == name
        }
        assert bits.keys() >= set(six.RATES)
        assert record["rates"][name] == min(bits, key=bits.get)
        assert min(bits) < record["rates"][name] < max(bits)
        assert not {run["seed"] for run in record["tuning"]} & set(six.SEEDS)


def bits_of(record, name):
    return [run["bits"] for run in record["runs"] if run["reader"] == name]


def test_the_tables_are_for_scale(record):
    orders = {row["order"]: row["bits"] for row in record["ngrams"]}
    assert list(orders) == list(range(1, 9))
    assert round(orders[5], 3) == 1.828  # as in the chapter on real texts
    assert all(mean(bits_of(record, name)) < orders[2] for name in READERS)


def test_the_order_holds_in_every_seed(record):
    order = ("GRU", "LSTM", "minimal GRU", "delta rule", "attention")
    for better, worse in pairwise(order):
        pairs = zip(bits_of(record, better), bits_of(record, worse), strict=True)
        assert all(one < other for one, other in pairs), (better, worse)


def test_a_plain_rnn_and_the_delta_rule_cannot_be_told_apart(record):
    pairs = zip(bits_of(record, "RNN"), bits_of(record, "delta rule"), strict=True)
    differences = [one - other for one, other in pairs]
    assert abs(mean(differences)) < 2.776 * stdev(differences) / 5**0.5  # 95 %, four degrees


def test_nobody_profits_from_what_is_far(record):
    for run in record["runs"]:
        near, far = (run["by place"][band] for band in ("9-32", "65-128"))
        assert abs(near - far) < 0.02
        assert run["by place"]["1-8"] > far + 0.4


def test_attention_breaks_beyond_its_windows(record):
    for run in record["runs"]:
        beyond = run["by place, long"]["257-512"]
        if run["reader"] == "attention":
            assert beyond > run["bits"] + 2
        else:
            assert abs(beyond - run["bits"]) < 0.03


def test_tables_of_five_characters_are_still_better(record):
    order_5 = next(row["bits"] for row in record["ngrams"] if row["order"] == 5)
    assert all(mean(bits_of(record, name)) > order_5 for name in READERS)


@pytest.fixture(scope="module")
def tries(record):
    """Return the bits of seed 0 by what was changed, and the main runs as "nothing"."""
    runs = [{"what": "nothing"} | run for run in record["runs"]] + record["tries"]
    return {(run["what"], run["reader"]): run["bits"] for run in runs if run["seed"] == 0}


def test_the_tries_are_those_of_the_script(six, record):
    wanted = [
        (what, name, seed)
        for what, names, seeds, _ in six.TRIES
        for seed in seeds
        for name in names
    ]
    assert sorted((run["what"], run["reader"], run["seed"]) for run in record["tries"]) == sorted(
        wanted
    )
    for run in record["tries"]:
        assert run["rate"] == record["rates"][run["reader"]]


def test_more_updates_close_the_gap(tries):
    gap = {
        what: tries[what, "attention"] - tries[what, "GRU"]
        for what in ("nothing", "four times", "short convolution", "short convolution, four times")
    }
    assert gap["four times"] < gap["nothing"] / 4
    assert gap["short convolution, four times"] < gap["short convolution"] / 4
    assert gap["short convolution, four times"] < gap["four times"] / 2


def test_a_short_convolution_helps_those_that_have_no_recurrence_of_vectors(tries):
    saved = {
        name: tries["nothing", name] - tries["short convolution", name]
        for name in ("attention", "delta rule", "GRU")
    }
    assert saved["attention"] > 0.06
    assert saved["delta rule"] > 0.06
    assert abs(saved["GRU"]) < 0.01


def test_rotary_positions_and_a_forget_gate_pay(tries):
    assert tries["learned positions", "attention"] > tries["nothing", "attention"] + 0.1
    assert tries["no forget gate", "delta rule"] > tries["nothing", "delta rule"] + 0.1


def test_far_context_narrows_the_gap_in_the_reference(record):
    runs = [run["by place"] for run in record["tries"] if run["what"] == "Python's reference"]
    attention, gru = runs
    gaps = {band: attention[band] - gru[band] for band in gru}
    assert 0 < gaps["65-128"] < gaps["9-32"] - 0.01  # there, but attention is still behind
