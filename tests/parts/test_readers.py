"""Five readers of one line: core/readers.js against PyTorch, with the recorded weights."""

import re
from pathlib import Path

import numpy as np
import pytest
import recorded
import torch
from javascript import WEB, calling
from torch.nn.functional import one_hot

import readers

ROOT = Path(__file__).parents[2]
RIGHT = 190  # of 200 lines: what the page calls right


@pytest.fixture(scope="module")
def record():
    return readers.read_record()


@pytest.fixture(scope="module")
def trained():
    """Return the module that trained them; its name is that of the extension, too."""
    return recorded.script("readers")


@pytest.fixture(scope="module")
def js():
    with calling(WEB / "core" / "readers.js") as call:
        yield call


def network(trained, record, name):
    """Return a recorded network, in float64."""
    return recorded.with_weights(trained.create(name, 0), record["networks"][name]["weights"])


def by_torch(trained, model, ids, right):
    """Return the answer, and how probable the right capital is after each letter."""
    x = one_hot(torch.tensor(ids), trained.V).double()
    with torch.no_grad():
        scores = torch.cat([trained.scores(model, x[None, : t + 1]) for t in range(len(ids))])
    return scores[-1, : trained.C].argmax().item(), scores.softmax(dim=1)[:, right].numpy()


READ = """({record, ids, right}) => readersOf(record).map(([name, read]) => {
    const {says, sure, table, states} = read(ids, right);
    return [name, says, sure, table ?? [], states ?? []];
})"""


@pytest.mark.parametrize(("length", "place"), [(3, 1), (12, 0), (48, 0), (48, 30), (48, 47)])
def test_the_browser_computes_what_torch_computes(js, trained, record, length, place):
    ids = np.random.default_rng(length).integers(trained.C, trained.V, length)
    ids[place] = length % trained.C
    right = int(ids[place])
    found = js(READ, {"record": record, "ids": ids.tolist(), "right": right})
    assert [name for name, *_ in found] == list(record["networks"])
    for name, says, sure, table, states in found:
        answer, probable = by_torch(trained, network(trained, record, name), ids.tolist(), right)
        assert says == answer
        np.testing.assert_allclose(sure, probable, rtol=0, atol=1e-12)
        assert len(table) == (length**2 if name == "attention" else 0)
        assert len(states) == (length * trained.H**2 if name == "matrix" else 0)


def test_the_table_of_weights_is_that_of_the_reference(js, trained, record):
    ids = np.random.default_rng(0).integers(0, trained.V, 20)
    found = js(READ, {"record": record, "ids": ids.tolist(), "right": 0})
    (table,) = (table for name, *_, table, _ in found if name == "attention")
    model = network(trained, record, "attention")
    x = one_hot(torch.tensor(ids), trained.V).double()
    scores = (model.query(x) @ model.key(x).T / trained.H**0.5).detach()
    weights = scores.masked_fill(torch.ones(20, 20).triu(1).bool(), -torch.inf).softmax(dim=1)
    np.testing.assert_allclose(np.reshape(table, (20, 20)), weights, rtol=0, atol=1e-12)


def by_loop(trained, record, ids):
    """Yield the matrix after each letter, and all probabilities, as the papers write the rule."""
    weights = {
        name: part.numpy() for name, part in network(trained, record, "matrix").state_dict().items()
    }
    state = np.zeros((trained.H, trained.H))  # a row per value, a column per key
    for letter in ids:
        q, k, v = (weights[f"{part}.weight"][:, letter] for part in ("query", "key", "value"))
        a, beta = 1 / (1 + np.exp(-weights["gates.weight"][:, letter] - weights["gates.bias"]))
        k = k / np.linalg.norm(k)
        # First what is under the key fades, then the value comes.
        state = a * state @ (np.eye(trained.H) - beta * np.outer(k, k)) + beta * np.outer(v, k)
        scores = weights["head.weight"] @ (state @ q) + weights["head.bias"]
        yield state, np.exp(scores) / np.exp(scores).sum()


def test_the_matrix_state_is_the_gated_delta_rule_written_as_a_loop(js, trained, record):
    ids = np.random.default_rng(0).integers(0, trained.V, 20)
    found = js(READ, {"record": record, "ids": ids.tolist(), "right": 3})
    ((sure, states),) = ((sure, states) for name, _, sure, _, states in found if name == "matrix")
    for t, (state, shares) in enumerate(by_loop(trained, record, ids)):
        seen = np.reshape(states, (20, trained.H, trained.H))[t]
        np.testing.assert_allclose(seen, state, rtol=0, atol=1e-12)
        assert abs(sure[t] - shares[3]) <= 1e-12


def test_the_matrix_forgets_because_small_letters_keep_too_little(trained, record):
    """Nothing else is changed: with gates that keep more, it names every capital."""
    net = network(trained, record, "matrix")
    weight, bias = net.gates.weight.data[0, trained.C :], net.gates.bias.data[0]
    keeps = (weight + bias).sigmoid()
    assert round(keeps.mean().item(), 3) == 0.974
    assert keeps.min() > 0.96
    assert keeps.max() < 0.98
    assert trained.count_right(net)[-1] == 10
    weight[:] = torch.logit(torch.tensor(0.994)) - bias
    assert trained.count_right(net)[-1] == trained.TRIED


def test_a_page_with_the_cells_alone_loads_no_other_network(record):
    cells, others = readers.read_cells(), readers.read_others()
    assert [*cells["networks"], *others] == list(record["networks"])
    assert cells["networks"].keys() == {"RNN", "GRU", "LSTM"}
    assert cells["networks"] | others == record["networks"]


def test_attention_alone_does_not_notice_that_two_letters_are_swapped(js, trained, record):
    ids = np.random.default_rng(1).integers(trained.C, trained.V, 24)
    ids[[4, 9, 15]] = 7, trained.C, trained.C + 1
    swapped = ids.copy()
    swapped[[9, 15]] = ids[[15, 9]]
    ends = [
        {name: sure[-1] for name, _, sure, *_ in js(READ, {"record": record, "ids": i, "right": 7})}
        for i in (ids.tolist(), swapped.tolist())
    ]
    for name, before in ends[0].items():
        assert (abs(before - ends[1][name]) > 1e-12) == (name != "attention"), name


def test_the_networks_that_are_shown_are_right_as_often_as_was_recorded(trained, record):
    for name, kept in record["networks"].items():
        assert trained.count_right(network(trained, record, name)) == kept["right"][kept["shown"]]


def test_the_network_that_is_shown_is_the_middle_one(record):
    for kept in record["networks"].values():
        totals = [sum(counts) for counts in kept["right"]]
        assert totals[kept["shown"]] == np.median(totals)


@pytest.mark.parametrize("page", ["attention", "gates"])
def test_the_page_counts_the_seeds_that_are_right(record, page):
    text = (ROOT / "docs" / "learn" / f"{page}.md").read_text("utf-8")
    heads = re.search(r"^\| letters after the capital \|(.*)\|$", text, re.M)[1]
    assert [int(head) for head in heads.split("|")] == record["back"]
    rows = re.findall(r"^\| (RNN|GRU|LSTM|attention|matrix) \|((?: \d+ \|){6})$", text, re.M)
    assert len(rows) == (5 if page == "attention" else 3)
    for name, counts in rows:
        right = np.array(record["networks"][name]["right"]) >= RIGHT  # (seed, distance)
        assert [int(count) for count in counts.split("|")[:-1]] == right.sum(axis=0).tolist()


@pytest.mark.parametrize("length", [1, 48])
def test_what_is_kept_is_a_state_or_all_keys_and_values(js, length):
    names = ["RNN", "GRU", "LSTM", "attention", "matrix"]
    kept = js("([names, T]) => names.map((name) => keeps(name, 16, T))", [names, length])
    assert kept == [16, 16, 32, 2 * 16 * length, 16 * 16]
