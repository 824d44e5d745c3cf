"""Look for a cell that follows quotation marks in the LSTMs of novel.py, and record its gates.

The cell is chosen on the first half of ``pride-test`` and measured on the second. It needs the run
folders of ``python benchmarks/novel.py train lstm --seed N``, and writes
``benchmarks/quote-cell.json``: the gates on one passage for seed 0, and what all seeds reach.
``tests/course/test_quote_cell.py`` compares the chapter *LSTM* with it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from charseq import CharRNN, RNNParams, load_text
from charseq.checkpoint import load_model, read_config
from charseq.reference import lstm_gates, lstm_step

FILE = Path(__file__).with_name("quote-cell.json")
SHIFTS = 20  # of the labels against the text
BEGIN, LENGTH = '"Do not give way to useless', 56
BEFORE = 11  # characters of the passage before its opening mark
NAMES = ("i", "f", "g", "o", "c")


def inside_quotes(text: str) -> np.ndarray:
    """Say after each character whether a mark is open; an empty line closes it, too."""
    is_open, rows = False, []
    for before, char in zip("\n" + text, text, strict=False):
        is_open = is_open and before + char != "\n\n"
        is_open = is_open != (char == '"')
        rows.append(is_open)
    return np.array(rows)


def rank(values: np.ndarray) -> np.ndarray:
    """Return the ranks of (T, H) down each column, from 1."""
    return 1 + values.argsort(axis=0).argsort(axis=0)


def auc(ranks: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return how often a value with the label is above one without it, for (T, H): (H,)."""
    n = label.sum()
    return (ranks[label].sum(axis=0) - n * (n + 1) / 2) / (n * (len(label) - n))


def read(model: CharRNN, ids: np.ndarray) -> np.ndarray:
    """Return i, f, g, o and c of all cells after each character, (T, 5, H)."""
    params, vectors = (
        RNNParams.from_torch(model.rnn),
        model.state_dict()["embedding.weight"].numpy(),
    )
    state, rows = (np.zeros((1, model.rnn.hidden_size)),) * 2, []
    for k in ids:
        gates = lstm_gates(vectors[k][None], state[0], params)
        state = lstm_step(vectors[k][None], state, params)
        rows.append(np.concatenate([*gates, state[1]]))
    return np.array(rows)


def look(folder: Path) -> dict[str, Any]:
    """Choose a cell of one network, and say what it does."""
    model, vocab = load_model(folder)
    text = load_text("pride-test")
    rows = read(model.double().eval(), vocab.encode(text))
    label, half = inside_quotes(text), len(text) // 2
    first = rank(rows[:half, 4])
    scores = auc(first, label[:half])
    best = int(abs(scores - 0.5).argmax())
    sign = 1 if scores[best] > 0.5 else -1
    shifts = np.random.default_rng(0).integers(500, half - 500, SHIFTS)
    luck = [abs(auc(first, np.roll(label[:half], k)) - 0.5).max() + 0.5 for k in shifts]
    measured = auc(rank(rows[half:, 4, [best]]), label[half:])[0]
    mark = np.array([char == '"' for char in text])
    places = {"opening": mark & label, "inside": ~mark & label}
    places |= {"closing": mark & ~label, "outside": ~mark & ~label}
    means: dict[str, dict[str, float]] = {}
    for name, where in places.items():
        where[:half] = False
        means[name] = dict(zip(NAMES, rows[where, :, best].mean(axis=0).round(3), strict=True))
        means[name]["count"] = int(where.sum())
    start = text.index(BEGIN) - BEFORE
    passage = rows[start : start + LENGTH, :, best].T.round(3).tolist()
    return {
        "seed": read_config(folder)["model"]["seed"],
        "units": model.rnn.hidden_size,
        "cell": best,
        "chosen": round(sign * (scores[best] - 0.5) + 0.5, 3),
        "measured": round(sign * (measured - 0.5) + 0.5, 3),
        "luck": round(max(luck), 3),
        "means": means,
        "text": text[start : start + LENGTH],
        "before": round(rows[start - 1, 4, best], 3),
        "passage": dict(zip(NAMES, passage, strict=True)),
    }


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", help="run folders, of seed 0 first")
    found = [look(folder) for folder in parser.parse_args().folders]
    for other in found[1:]:
        del other["text"], other["before"], other["passage"]
    FILE.write_text(json.dumps(found, default=float) + "\n", "utf-8")


if __name__ == "__main__":
    main()
