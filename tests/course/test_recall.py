"""What is recorded of recall, parity and brackets, and of a step: how it was made, what it says."""

import numpy as np
import pytest
import torch
from recorded import read, script

recall = script("recall")


@pytest.fixture(scope="module")
def record():
    return read("recall")


@pytest.mark.parametrize("twice", [False, True])
def test_the_answer_is_the_last_value_that_a_key_was_given(twice):
    lines = recall.draw_pairs(np.random.default_rng(0), 8, twice=twice)
    for shown, values, asked, answers in zip(*(part.tolist() for part in lines), strict=True):
        last = dict(zip(shown, values, strict=True))  # a later pair replaces an earlier one
        assert len(last) == len(asked) == (4 if twice else 8)
        assert [last[key] for key in asked] == answers


def test_the_matrix_written_by_all_steps_at_once_is_that_of_the_delta_rule():
    generator = torch.manual_seed(0)
    keys, values = torch.randn(2, 3, 7, 4, generator=generator).double()
    keys, beta = recall.normalize(keys, dim=2), torch.rand(3, 7, generator=generator).double()
    S = torch.zeros(3, 4, 4).double()
    for k, v, b in zip(keys.unbind(1), values.unbind(1), beta.unbind(1), strict=True):
        missing = v - (S @ k[..., None])[..., 0]
        S = S + b[:, None, None] * missing[..., None] * k[:, None]
    torch.set_default_dtype(torch.float64)
    try:
        written = recall.differences(keys, values, beta)
    finally:
        torch.set_default_dtype(torch.float32)
    torch.testing.assert_close(written.mT @ keys, S, rtol=0, atol=1e-12)


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


def test_brackets_never_close_what_is_not_open():
    x, depth = recall.brackets(np.random.default_rng(0), 50)
    assert torch.equal((2 * x - 1).cumsum(dim=1), depth)
    assert depth.min() == 0
    assert depth.max() == recall.DEEPEST


def test_a_cache_grows_and_a_state_does_not():
    rng = np.random.default_rng(0)
    size = {kept: [recall.stepping(rng, kept, T)[1] for T in (100, 200)] for kept in recall.KEPT}
    H = recall.WIDTH
    assert size["gru"] == [4 * H] * 2
    assert size["matrix"] == [4 * H * H] * 2
    assert size["cache"] == [100 * 2 * H * 4, 200 * 2 * H * 4]


def test_a_step_with_a_cache_gives_what_a_step_without_gives():
    with_cache, again = (
        recall.stepping(np.random.default_rng(0), kept, 30)[0] for kept in ("cache", "nothing")
    )
    np.testing.assert_allclose(with_cache(), again(), rtol=0, atol=1e-5)


def test_the_record_has_five_seeds_of_each_with_the_better_rate(record):
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


def test_a_small_run_finds_again_what_the_record_says(record):
    net = recall.train_recall("attention", 0, 0.01, 150)
    assert recall.recalled(net, 16, twice=False) > 0.9
    net = recall.train_recall("sum", 0, 0.01, 200)
    assert recall.recalled(net, 4, twice=False) > 0.8
    assert recall.recalled(net, 4, twice=True) < 0.7
    for run in record["recall"]:
        if run["reader"] == "attention":
            assert min(run["once"]) > 0.99


def test_a_small_rnn_keeps_the_parity_of_lines_eight_times_as_long():
    net = recall.train_keeper("rnn", 1, "parity", 0, 0.01, 300)
    assert recall.kept(net, "parity", 160) > 0.99
