"""Train four networks on *Pride and Prejudice* alike, and record what the site says about them.

``python benchmarks/novel.py gru`` trains one network and leaves a run folder with ``result.json``:
what the network wrote along the way, and its bits per character on the test part. ``collect`` joins
the results of all runs, and the marks that they have to beat, to ``charseq/austen/networks.json``;
of further seeds of the GRU and the LSTM it records what they reach.
"""

import argparse
import json
import platform
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from recording import count_weights

from charseq import CharRNN, Corpus, NGram, NumpyNet, Run, Settings, generate, load_text
from charseq.checkpoint import read_config, read_history, save_run, start_folder
from charseq.history import History
from charseq.language_model import evaluate, language_model_steps

NETWORKS_FILE = Path(__file__).parents[1] / "charseq" / "austen" / "networks.json"
VALID = 0.077  # of pride-train: its last chapters
NETWORKS = {  # of nearly the same number of weights
    "rnn": {"cell": "RNN", "hidden_size": 443},
    "gru": {"cell": "GRU", "hidden_size": 256},
    "lstm": {"cell": "LSTM", "hidden_size": 221},
    "stacked": {"cell": "GRU", "hidden_size": 154, "num_layers": 2},
}
# The RNN's is the better of 0.002 and 0.005, the LSTM's of 0.01 and 0.02, on the held-back part
# after 3,000 updates. The GRU's was that of an older network; the two layers took the LSTM's.
RATES = {"rnn": 0.005, "gru": 0.02, "lstm": 0.01, "stacked": 0.01}
SHARED = {"embedding_size": 32, "dropout": 0.25, "fast": True}
SETTINGS = {"batch_size": 32, "length": 64, "weight_decay": 0.15, "warmup": 50}
STEPS = 12_000
SNAPSHOTS = (10, 100, 1000, 10_000)  # updates after which a network shows what it writes
DIGITS = 4


def write(model: CharRNN, corpus: Corpus) -> str:
    """Write a passage, always with the same random numbers."""
    net, rng = NumpyNet.from_model(model), np.random.default_rng(0)
    (text,) = generate(net, corpus.vocab, "\n\n", length=700, temperature=0.7, rng=rng)
    return text


def train(name: str, folder: Path, seed: int) -> None:
    """Train one network in a run folder, as ``charseq train`` does."""
    corpus = Corpus.from_text(load_text("pride-train"))
    parts = corpus.split(valid=VALID)
    model = CharRNN(len(corpus.vocab), **NETWORKS[name], **SHARED, seed=seed)
    settings = Settings(lr=RATES[name], steps=STEPS, evaluate_every=500, seed=seed, **SETTINGS)
    run = Run(model, corpus.vocab, settings)
    source = {"text": "pride-train", "encoding": "utf-8", "valid": VALID}
    start_folder(folder, run, source | {"characters": len(corpus)})
    records, written, start = [], {0: write(model, corpus)}, time.process_time()
    for record in language_model_steps(run, *parts):
        records.append(record)
        is_best = record.valid_loss == run.best_loss
        if is_best or run.finished:
            save_run(folder, run, History(tuple(records)), best=is_best)
        if record.step in SNAPSHOTS or run.finished:
            written[record.step] = write(model, corpus)
        if np.isfinite(record.valid_loss):
            print(f"{record}  {time.process_time() - start:.0f} s", flush=True)
    seconds = time.process_time() - start
    test = Corpus.from_text(load_text("pride-test"), corpus.vocab)
    result = {
        "weights": count_weights(model),
        "rate": RATES[name],
        "seconds": round(seconds),
        "test": round(evaluate(model.double(), test, batch_size=1) / np.log(2), DIGITS),
        "written": written,
    }
    (folder / "result.json").write_text(json.dumps(result), "utf-8")


def curves(folder: Path) -> dict[str, list[list[float]]]:
    """Return both losses of a run in bits; that of the batches as means of more and more of them.

    The first update is a point of its own, and each point after it covers a third more updates.
    """
    history = read_history(folder)
    losses = np.array([record.loss for record in history]) / np.log(2)
    ends = np.unique((1.35 ** np.arange(40)).round().astype(int))
    ends = [0, *ends[ends < len(losses)].tolist(), len(losses)]
    batches = [[end, round(losses[start:end].mean(), DIGITS)] for start, end in pairwise(ends)]
    held_back = [
        [record.step, round(record.valid_loss / np.log(2), DIGITS)]
        for record in history
        if np.isfinite(record.valid_loss)
    ]
    return {"batches": batches, "held_back": held_back}


def marks() -> dict[str, dict[str, float]]:
    """Measure what a network has to beat, in bits per character of each part."""
    train, held_back = Corpus.from_text(load_text("pride-train")).split(valid=VALID)
    test = Corpus.from_text(load_text("pride-test"), train.vocab)
    found: dict[str, dict[str, float]] = {"held back": {}, "test": {}}
    for n in range(1, 11):
        table = NGram(n, train)
        for part, corpus in (("held back", held_back), ("test", test)):
            bits = table.bits_per_character(corpus.ids)
            found[part][f"{n}-gram"] = round(bits, DIGITS)
    return found


def collect(folder: Path) -> None:
    """Join the results of all runs in a folder; of further seeds, only the two numbers."""
    runs, pairs = {}, []
    for path in sorted(folder.glob("*/result.json")):
        name, seed = path.parent.name.split("-")
        config, result = read_config(path.parent), json.loads(path.read_text("utf-8"))
        if name in ("gru", "lstm"):
            lowest = min(bits for _, bits in curves(path.parent)["held_back"])
            pairs.append(
                {"name": name, "seed": int(seed), "held_back": lowest, "test": result["test"]}
            )
        if seed != "0":
            continue
        runs[path.parent.name] = {
            "network": config["model"],
            "steps": config["settings"]["steps"],
            **result,
            **curves(path.parent),
        }
    everything = {
        "torch": torch.__version__.partition("+")[0],
        "processor": f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
        "marks": marks(),
        "runs": runs,
        "gru and lstm": pairs,
    }
    NETWORKS_FILE.write_text(json.dumps(everything) + "\n", "utf-8")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=[*NETWORKS, "collect"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of all runs")
    given = parser.parse_args()
    if given.what in NETWORKS:
        train(given.what, given.runs / f"{given.what}-{given.seed}", given.seed)
    else:
        collect(given.runs)


if __name__ == "__main__":
    main()
