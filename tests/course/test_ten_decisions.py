"""The lab notebook of ten decisions keeps what helps, and goes on from what it kept."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import ten_decisions as notebook


def submit(run, *given, **options):
    """Run at once, and answer as a pool of processes does."""
    value = run(*given, **options)
    return SimpleNamespace(result=lambda: value)


def test_t_is_the_mean_in_standard_errors():
    assert notebook.t_of(np.array([1.0, 2.0, 3.0])) == pytest.approx(2 * np.sqrt(3))
    assert notebook.t_of(np.zeros(6)) == 0


def test_what_helps_is_kept_and_what_comes_later_begins_from_it(monkeypatch, tmp_path):
    asked = []

    def kept(_folder, settings, seed, test=False):
        asked.append((settings, seed, test))
        is_long = settings["steps"] > notebook.START["steps"]
        gain = 0.05 * is_long + 0.1 * (is_long and settings["cell"] == "GRU")
        luck = 0.1 * (-1) ** seed  # of what is gained
        return {"held_back": 2 - gain * (1 + luck), "weights": 1, "minutes": 0.1}

    monkeypatch.setattr(notebook, "kept", kept)
    pages = notebook.decide(tmp_path, SimpleNamespace(submit=submit))
    names = [page["name"] for page in pages["decisions"] if page["kept"]]
    assert names == ["fewer rows, as many characters", "a GRU, in runs twice as long"]
    *runs, last = asked
    assert len(runs) == 10 * 2 * len(notebook.SEEDS)
    assert not any(test for _, _, test in runs)  # the test part decides nothing
    settings, seed, test = last
    assert test
    assert seed not in notebook.SEEDS
    assert settings == notebook.START | notebook.GRU | {"steps": 6000}


def test_a_run_that_is_in_the_folder_is_not_made_again(monkeypatch, tmp_path):
    made = []

    def train(settings, seed):
        made.append(seed)
        return None, {"held_back": 1.9}

    monkeypatch.setattr(notebook, "train", train)
    results = [notebook.kept(tmp_path, notebook.START, seed) for seed in (0, 0, 1)]
    assert made == [0, 1]
    assert results == [{"held_back": 1.9}] * 3
