"""What probes and sparse autoencoders found in the states of `austen`: script, record and page."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
import recorded
import torch

from charseq import load_net, load_text

ROOT = Path(__file__).parents[2]
ROWS = {  # of the page's table, and their names in the record
    "in quotation marks": "in quotation marks",
    "60 or more characters into a line": "end of a line",
    "in *said he*, *cried Jane*": "said he",
    "in *Elizabeth*": "Elizabeth",
    "up to 3 characters after a closing mark": "after a closing mark",
    "in the ending *-ed*": "-ed",
}


@pytest.fixture(scope="module")
def script():
    return recorded.script("features")


@pytest.fixture(scope="module")
def record():
    return json.loads((ROOT / "benchmarks" / "features.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def page():
    text = (ROOT / "docs" / "learn" / "look-inside.md").read_text("utf-8")
    return text[text.index("## Looking inside today") : text.index("## Try it")]


def test_pairs_of_equal_values_of_a_sparse_column_count_one_half(script):
    rng = np.random.default_rng(0)
    columns = np.maximum(rng.normal(size=(60, 5)), 0) * (rng.random((60, 5)) < 0.7)
    labels = rng.random((60, 3)) < 0.4
    found = script.aucs(columns, labels.astype(np.float32))
    for j, column in enumerate(columns.T):
        for k, label in enumerate(labels.T):
            yes, no = column[label][:, None], column[~label]
            by_pairs = (yes > no).mean() + (yes == no).mean() / 2
            assert found[j, k] == pytest.approx(by_pairs, abs=1e-6)


def test_f1_is_measured_where_column_sign_and_threshold_were_not_chosen(script):
    rng = np.random.default_rng(0)
    labels = rng.random((4000, 1)) < 0.1
    columns = rng.normal(size=(4000, 4))
    columns[:2000, 1] -= 4 * labels[:2000, 0]  # falls inside, on both halves
    columns[2000:, 1] -= 4 * labels[2000:, 0]
    columns[2000:, 2] += 9 * labels[2000:, 0]  # excellent, but too late
    ((chosen, f1),) = script.best_by_f1(columns, labels)
    assert chosen == 1
    thresholds = np.sort(columns[:2000, 1])

    def f1_below(threshold, part):
        fires, label = columns[part, 1] <= threshold, labels[part, 0]
        return 2 * (fires & label).sum() / (fires.sum() + label.sum())

    best = max(f1_below(one, slice(2000)) for one in thresholds)
    assert f1 > best - 0.05
    assert f1 <= max(f1_below(one, slice(2000, None)) for one in thresholds) + 0.001


def test_an_autoencoder_uses_at_most_its_few_features_and_learns(script, monkeypatch):
    monkeypatch.setattr(script, "STEPS", 40)
    states = torch.randn(500, script.H, generator=torch.Generator().manual_seed(0))
    sparse = script.Sparse(states, 0)
    before = ((sparse(states) - states) ** 2).mean().item()
    sparse.learn(states).requires_grad_(requires_grad=False)
    features = sparse.features(states)
    assert (features >= 0).all()
    assert 0 < (features > 0).sum(dim=1).max() <= script.K
    assert ((sparse(states) - states) ** 2).mean().item() < 0.95 * before
    assert torch.allclose(sparse.decoder.norm(dim=1), torch.ones(script.F))
    scores = ((states - sparse.mean) @ sparse.encoder.T + sparse.offsets).relu()
    dropped = torch.where(features > 0, 0, scores).amax(dim=1)
    kept = torch.where(features > 0, features, torch.inf).amin(dim=1)
    assert (kept >= dropped).all()


def test_the_recorded_labels_are_those_of_the_text(script, record):
    labels, names = script.describe(load_text("pride-test"))
    assert [*record["labels"]] == names
    assert len(names) == 41
    assert np.allclose([*record["labels"].values()], labels.mean(axis=0), atol=6e-5)


def test_the_recorded_feature_is_a_direction_of_the_network(record):
    shown, text = record["shown"], load_text("pride-test")
    net, vocab = load_net("austen")
    stop = text.index(shown["text"]) + len(shown["text"])
    assert text.index(shown["text"]) > len(text) // 2
    states = net.read(vocab.encode(text[:stop]))[1][-len(shown["text"]) :]
    encoder = np.frombuffer(base64.b64decode(shown["encoder"]), "<f2").astype(float)
    scores = states @ encoder + shown["offset"]
    least, felt = np.array(shown["least"]), np.array(shown["felt"])
    near = 0.02  # float16, and two decimals
    assert np.abs(felt - scores)[felt > 0].max() < near
    assert (scores[felt == 0] < least[felt == 0] + near).all()
    assert (felt[felt > 0] > least[felt > 0] - near).all()


def test_the_table_of_the_page_is_the_record(record, page):
    table = re.findall(r"^\| (?!true|:)(.+) \|$", page, flags=re.MULTILINE)
    assert [row.split(" | ")[0] for row in table] == [*ROWS]
    for row in table:
        name, *numbers = row.split(" | ")
        k = [*record["labels"]].index(ROWS[name])
        untrained = record["untrained"]
        measured = (
            record["units"]["f1"][k][1],
            np.mean([one["f1"][k][1] for one in record["features"]]),
            np.mean([one["features"]["f1"][k][1] for one in untrained]),
            record["probe"]["f1"][k],
        )
        assert numbers == [f"{one:.2f}" for one in measured], name


def test_what_the_page_says_of_all_labels_is_the_record(record, page):
    names, better, remain = [*record["labels"]], [], []
    for k, name in enumerate(names):
        of_seeds = [one["f1"][k][1] for one in record["features"]]
        random = [one["features"]["f1"][k][1] for one in record["untrained"]]
        random += [one["f1"][k][1] for one in record["directions"]]
        assert record["probe"]["f1"][k] > max(of_seeds)
        if min(of_seeds) > record["units"]["f1"][k][1]:
            better.append(name)
            remain += [name] if min(of_seeds) > max(random) else []
        mean = np.mean([one["auc"][k][1] for one in record["features"]])
        assert mean < record["units"]["auc"][k][1]
    assert (len(record["features"]), len(better), len(remain)) == (5, 15, 8)
    assert "-ed" in remain
    assert "15 of the 41 labels" in page
    k = names.index("Elizabeth")
    by_probe = np.mean([one["probe"]["f1"][k] for one in record["untrained"]])
    assert f"*Elizabeth* from untrained states, too ({by_probe:.2f})" in page
    assert "eight remain where the worst trained seed" in page
    assert "all 41 rows" in page
    shown = record["shown"]
    assert (shown["feature"], shown["unit"]) == (579, 147)
    assert [f"{one:.2f}" for one in shown["change where it is on"][1:]] == ["0.18", "0.02", "0.01"]
    assert f"{shown['change elsewhere'][1]:.2f}" == "0.02"
    assert f"{shown['AUC of the rebuilt unit']:.2f}" == "0.95"
    assert f"{shown['most often on']:.0%}" == "28%"
    assert shown["places"] == 415
    for one in record["features"]:
        assert f"{one['left out']:.0%}" == "24%"
        assert 1.82 < one["bits"] < 1.84
        assert one["auc"][names.index("in quotation marks")][1] < 0.6
    assert all(f"{one['left out']:.0%}" == "1%" for one in record["untrained"])


def test_an_alarm_everywhere_scores_what_the_page_says(script, page):
    labels, names = script.describe(load_text("pride-test"))
    share = script.halves(labels)[1].mean(axis=0)
    scores = dict(zip(names, 2 * share / (1 + share), strict=True))
    first, *others = (scores[name] for name in ROWS.values())
    assert (f"{first:.2f}", f"{max(others):.2f}") == ("0.80", "0.21")
    assert "would get 0.80" in page
    assert "0.21 at most" in page
