"""A lab notebook: improve a run on *Pride and Prejudice* in ten decisions, each of six pairs.

    .venv/bin/python benchmarks/ten_decisions.py runs/ten ten-decisions.json --jobs 2

trains the network as it is and the network with one change from the same six seeds, keeps the
change if t says so, and goes on to the next. The larger batch, compared at the same number of
updates, is a mistake by design. The GRU is not: what comes after the third decision was chosen when
its result was known. All of this reads only the held-back chapters. The last run has the settings
that were kept and a seed of its own, and it alone reads the test part.

This takes about an hour of one core. A run that is already in the folder is not made again.
"""

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from charseq import CharRNN, Corpus, Run, Settings, evaluate, load_text
from charseq.language_model import language_model_steps

VALID = 0.077  # of pride-train: its last chapters
SEEDS = range(6)
LIMIT = 2.571  # luck drives t of six pairs beyond it, on either side, in one of twenty comparisons
LAST_SEED = 100
DIGITS = 4
MODEL = ("cell", "hidden_size", "num_layers", "dropout")  # the other settings are of the training
START: dict[str, Any] = {
    "cell": "RNN",
    "hidden_size": 217,  # nearly as many weights as a GRU of 128
    "num_layers": 1,
    "dropout": 0.0,
    "steps": 1500,
    "batch_size": 32,
    "length": 64,
    "order": "windows",
    "schedule": "constant",
    "warmup": 0,
    "lr": 0.002,
    "weight_decay": 0.0,
}


@dataclass(frozen=True)
class Decision:
    """A change to try, and what is changed on both sides before it is tried."""

    name: str
    change: dict[str, Any]
    both: dict[str, Any] = field(default_factory=dict)


GRU = {"cell": "GRU", "hidden_size": 128}
DECISIONS = (
    Decision("a higher rate", {"lr": 0.005}),
    Decision("a GRU", GRU),
    Decision("a still higher rate", {"lr": 0.01}),
    Decision("a rate that falls", {"schedule": "cosine", "warmup": 50}),
    Decision("a state that is carried", {"order": "streams"}),
    Decision("more rows", {"batch_size": 64}),  # costs twice as much, which this does not count
    Decision("fewer rows, as many characters", {"batch_size": 32, "steps": 3000}),
    Decision("a GRU, in runs twice as long", GRU),
    Decision("dropout", {"dropout": 0.25}),
    Decision("a GRU, in runs four times as long", GRU, both={"steps": 6000}),
)


def parts() -> tuple[Corpus, Corpus]:
    """Return what is learned, and the held-back chapters."""
    learned, held_back = Corpus.from_text(load_text("pride-train")).split(valid=VALID)
    return learned, held_back


def train(settings: dict[str, Any], seed: int) -> tuple[CharRNN, dict[str, Any]]:
    """Train one network, and return it with its held-back bits and the minutes that it took."""
    torch.set_num_threads(1)
    learned, held_back = parts()
    vocab = learned.vocab
    of_model = {name: settings[name] for name in MODEL}
    of_training = {name: value for name, value in settings.items() if name not in MODEL}
    model = CharRNN(len(vocab), **of_model, embedding_size=32, seed=seed, fast=True)
    every = max(1, settings["steps"] // 8)
    start = time.process_time()
    run = Run(
        model, vocab, Settings(**of_training, evaluate_every=every, evaluate_on="all", seed=seed)
    )
    for _ in language_model_steps(run, learned, held_back):
        pass
    return model, {
        "weights": sum(weight.numel() for weight in model.parameters()),
        "held_back": round(float(run.best_loss / np.log(2)), DIGITS),
        "minutes": round((time.process_time() - start) / 60, 2),
    }


def kept(folder: Path, settings: dict[str, Any], seed: int, test: bool = False) -> dict[str, Any]:
    """Return the result of a run, which is made unless the folder has it."""
    name = "_".join(str(value) for value in settings.values())
    path = folder / f"{name}-{seed}.json"
    if not path.exists():
        model, result = train(settings, seed)
        if test:
            corpus = Corpus.from_text(load_text("pride-test"), parts()[0].vocab)
            bits = evaluate(model.double(), corpus, batch_size=1) / np.log(2)
            result["test"] = round(float(bits), DIGITS)
        path.write_text(json.dumps(result), "utf-8")
    return json.loads(path.read_text("utf-8"))


def t_of(differences: np.ndarray) -> float:
    """Return how many standard errors the mean of the differences is from 0."""
    if not differences.any():  # both sides are alike: an earlier decision kept this change
        return 0.0
    return float(differences.mean() / (differences.std(ddof=1) / np.sqrt(len(differences))))


def decide(folder: Path, pool: ProcessPoolExecutor) -> dict[str, Any]:
    """Make all decisions, each from what the ones before have kept, and then the last run."""
    settings = START
    pages = []
    for decision in DECISIONS:
        old = settings | decision.both
        old_and_new = old, old | decision.change
        runs = [pool.submit(kept, folder, side, seed) for side in old_and_new for seed in SEEDS]
        results = [run.result() for run in runs]
        sides = [results[: len(SEEDS)], results[len(SEEDS) :]]
        bits = np.array([[result["held_back"] for result in side] for side in sides])
        gain = bits[0] - bits[1]  # positive where the change is better
        t = t_of(gain)
        pages.append(
            {
                "name": decision.name,
                "change": decision.change,
                "bits": bits.tolist(),
                "weights": [side[0]["weights"] for side in sides],
                "minutes": [round(sum(r["minutes"] for r in side), 1) for side in sides],
                "wins": int((gain > 0).sum()),
                "t": round(t, 1),
                "kept": bool(t > LIMIT),
            }
        )
        settings = old_and_new[t > LIMIT]
        print(f"{decision.name:32} {gain.mean():+.3f} bits, t = {t:5.1f}", flush=True)
    last = pool.submit(kept, folder, settings, LAST_SEED, test=True).result()
    return {
        "torch": torch.__version__.partition("+")[0],
        "start": START,
        "decisions": pages,
        "last": {"settings": settings, "seed": LAST_SEED, **last},
    }


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the runs")
    parser.add_argument("target", type=Path, help="JSON file of the notebook")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, of one core each")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(given.jobs) as pool:
        notebook = decide(given.folder, pool)
    given.target.write_text(json.dumps(notebook, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
