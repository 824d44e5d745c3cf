"""The network that names a language: what is recorded of it, and core/classify.js against torch."""

import json
from pathlib import Path

import numpy as np
import pytest
import recorded
import torch
from javascript import WEB, calling

import classify
from charseq import load_text

ROOT = Path(__file__).parents[2]
NETWORK_BYTES = 60_000  # of its weights, in base64


@pytest.fixture(scope="module")
def trained():
    """Return the module that trained the networks."""
    return recorded.script("names")


@pytest.fixture(scope="module")
def record():
    return json.loads(classify.RECORD.read_text("utf-8"))


@pytest.fixture(scope="module")
def named():
    return [line.split("\t") for line in load_text("names").splitlines()]


@pytest.fixture(scope="module")
def js():
    with calling(WEB / "core" / "classify.js") as call:
        yield call


@pytest.fixture(scope="module")
def in_torch(trained, record):
    """Return a function: the probabilities after each letter of a name, (T, 12)."""
    network = record["network"]
    settings = {k: v for k, v in trained.KINDS["every letter"].items() if k != "updates"}
    net = trained.Classifier(len(network["chars"]) + 1, **settings)
    net = recorded.with_weights(net, network["weights"])

    def probabilities(name):
        ids = torch.tensor([[network["chars"].index(char) + 1 for char in name]])
        with torch.no_grad():
            return net(ids, torch.tensor([len(name)])).softmax(dim=-1)[0].numpy()

    return probabilities


READ = """({network, name}) => {
    const {letters, known, table, best, trouble} = classifierOf(network)(name);
    return {letters, known, table: [...table], best, trouble, settled: settledAt(best)};
}"""


@pytest.mark.parametrize("name", ["tschechien", "a", "łódzkie ő", "saint-pierre"])
def test_the_browser_computes_what_torch_computes_after_each_letter(js, record, in_torch, name):
    found = js(READ, {"network": record["network"], "name": name})
    expected = in_torch(name)
    np.testing.assert_allclose(np.reshape(found["table"], expected.shape), expected, atol=1e-12)
    best = expected.argmax(axis=1)
    assert found["best"] == best.tolist()
    assert found["trouble"] == ""
    assert found["letters"] == list(name)
    since = [t for t in range(len(best)) if (best[t:] == best[-1]).all()]
    assert found["settled"] == since[0] + 1


@pytest.mark.parametrize(
    ("typed", "read", "trouble"),
    [
        ("", "", "The name is empty: without a letter there is nothing to go by. Type one."),
        ("   ", "", "The name is empty: without a letter there is nothing to go by. Type one."),
        ("北", "", "“北” is in no name that the network has learned from, so it is skipped. Noth"),
        ("a1b2", "ab", "“1”, “2” are in no name that the network has learned from, so they are"),
        ("a" * 30, "a" * 24, "Only the first 24 letters are read: 6 more were typed."),
        ("İSTANBUL’", "istanbul'", ""),
    ],
)
def test_what_cannot_be_read_is_skipped_and_a_sentence_says_so(
    js, record, in_torch, typed, read, trouble
):
    found = js(READ, {"network": record["network"], "name": typed})
    assert found["trouble"].startswith(trouble)
    assert bool(found["trouble"]) == bool(trouble)
    if read:
        last = np.reshape(found["table"], (-1, 12))[-1]
        np.testing.assert_allclose(last, in_torch(read)[-1], atol=1e-12)


def test_the_recorded_network_is_small_and_its_examples_are_held_back(record, named):
    weights = record["network"]["weights"].values()
    assert sum(len(weight["data"]) for weight in weights) <= NETWORK_BYTES
    parts = {name: (int(number) % 10, languages) for number, languages, name in named}
    shown = classify.read_network()
    assert all(parts[name][1] == language for name, language in shown["examples"])
    assert all(parts[name][0] in (0, 1) for name, _ in shown["examples"])
    assert len(shown["spoken"]) == len(shown["languages"]) == 12


def test_the_record_has_five_seeds_of_each_kind_and_an_answer_for_each_held_back_name(
    record, trained, named
):
    held_back = [
        name for number, spoken, name in named if " " not in spoken and int(number) % 10 < 2
    ]
    assert [*record["runs"]] == [*trained.KINDS]
    for run in record["runs"].values():
        assert len(run["loss"]) == len(run["choose"]) == len(run["says"]) == len(trained.SEEDS)
        assert {len(says) for says in run["says"]} == {len(held_back)}
        assert set("".join(run["says"])) <= set("abcdefghijkl")


def test_no_thing_is_in_two_parts_and_the_letters_are_those_of_the_record(trained, record, named):
    alphabet, parts = trained.read_names()
    assert "".join(alphabet) == record["network"]["chars"]
    assert [len(parts[part]) for part in ("learn", "choose", "test")] == [4400, 599, 1186]
    numbers = {}
    for number, *_ in named:
        numbers.setdefault(int(number) % 10, set()).add(number)
    assert sum(map(len, numbers.values())) == len(set().union(*numbers.values()))
