"""Six readers: each looks only back, scans and chunks equal steps, and what is recorded."""

from itertools import pairwise

import pytest
import recorded
import torch

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
def test_scan_and_chunks_equal_their_recurrence(six, name, T):
    mixer = mixer_of(six, name)
    x = (3 * numbers(2, T, six.D)).requires_grad_()
    both = mixer(x), step_by_step(name, mixer, x)
    torch.testing.assert_close(*both, rtol=0, atol=1e-10)
    slopes = [torch.autograd.grad((states**2).sum(), x)[0] for states in both]
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-9)


def test_a_delta_state_finds_what_was_written_last(six):
    mixer = mixer_of(six, "delta rule")
    keys = torch.eye(16, dtype=torch.float64)[[3, 5, 3, 5]][None, None]  # 3 is written again
    values = numbers(1, 1, 4, 16)
    ones = torch.ones(1, 1, 4, dtype=torch.float64)
    read, state = mixer.read_chunk(keys, keys, values, ones, 0 * ones, 0.0)
    torch.testing.assert_close(read, values)
    torch.testing.assert_close(state[0, 0, [3, 5]], values[0, 0, 2:])  # the first two are gone


# --- how they are measured ------------------------------------------------------------------------


def test_windows_count_each_character_once(six):
    windows = six.windows_of(torch.arange(1000), 128, 64)
    counted = windows[:, 1:][:, 64:].flatten().tolist()
    assert counted == list(range(65, 65 + len(counted)))
    assert 1000 - counted[-1] < 65


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


def test_the_order_holds_in_every_seed(record):
    order = ("GRU", "LSTM", "minimal GRU", "delta rule", "attention")
    for better, worse in pairwise(order):
        pairs = zip(bits_of(record, better), bits_of(record, worse), strict=True)
        assert all(one < other for one, other in pairs), (better, worse)


def test_attention_breaks_beyond_its_windows(record):
    for run in record["runs"]:
        beyond = run["by place, long"]["257-512"]
        if run["reader"] == "attention":
            assert beyond > run["bits"] + 2
        else:
            assert abs(beyond - run["bits"]) < 0.03


@pytest.fixture(scope="module")
def tries(record):
    """Return the bits of seed 0 by what was changed, and the main runs as "nothing"."""
    runs = [{"what": "nothing"} | run for run in record["runs"]] + record["tries"]
    return {(run["what"], run["reader"]): run["bits"] for run in runs if run["seed"] == 0}


def test_more_updates_close_the_gap(tries):
    gap = {
        what: tries[what, "attention"] - tries[what, "GRU"]
        for what in ("nothing", "four times", "short convolution", "short convolution, four times")
    }
    assert gap["four times"] < gap["nothing"] / 4
    assert gap["short convolution, four times"] < gap["short convolution"] / 4
    assert gap["short convolution, four times"] < gap["four times"] / 2
