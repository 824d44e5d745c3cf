"""Train five readers, and record how often they are right: docs/_records/readers.json.

A line has small letters and, somewhere among them, a capital; after its last letter the reader says
which capital it was. `python benchmarks/readers.py` takes three minutes; with `--only matrix` it
trains one kind, and leaves the others as they are.
"""

import string

import torch
from recording import as_recorded, chosen, fit, read, write
from torch import nn
from torch.nn.functional import cross_entropy, normalize, one_hot

from charseq import CharRNN

CAPITALS = string.ascii_uppercase
CHARS = CAPITALS + "bdfhkmst"
C, V, H = len(CAPITALS), len(CHARS), 16
KINDS = ("RNN", "GRU", "LSTM", "attention", "matrix")
SEEDS = range(5)
LONGEST = 40  # of the lines that they learn from
STEPS, ROWS, RATE = 500, 32, 0.01
BACK = (5, 10, 20, 40, 100, 400)  # letters after the capital, when they are tried
TRIED = 200  # lines


class Attention(nn.Module):
    """One head, one layer, no positions; the output layer reads the last result."""

    def __init__(self, V, H, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.query, self.key, self.value = (nn.Linear(V, H, bias=False) for _ in range(3))
        self.head = nn.Linear(H, V)

    def forward(self, x):  # (B, T, V)
        queries, keys, values = self.query(x), self.key(x), self.value(x)  # (B, T, H)
        scores = (
            queries[:, -1:] @ keys.mT / keys.shape[-1] ** 0.5
        )  # of the last position: (B, 1, T)
        return self.head(scores.softmax(dim=-1) @ values)[:, 0]  # (B, V)


class MatrixState(nn.Module):
    """A state that is a matrix, one row per value and one column per key: the gated delta rule.

    S_t = a_t S_{t-1} + beta_t (v_t - a_t S_{t-1} k_t) k_t^T with |k_t| = 1, read as S_t q_t. All
    that a step needs beside the state comes from its letter alone.
    """

    def __init__(self, V, H, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.query, self.key, self.value = (nn.Linear(V, H, bias=False) for _ in range(3))
        self.gates = nn.Linear(V, 2)  # a: how much is kept, and beta: how much is written
        self.head = nn.Linear(H, V)

    def forward(self, x):  # (B, T, V)
        keys, values = normalize(self.key(x), dim=-1), self.value(x)  # (B, T, H)
        keep, write = self.gates(x).sigmoid()[..., None].unbind(dim=2)  # (B, T, 1)
        state = x.new_zeros(len(x), values.shape[-1], keys.shape[-1])  # (B, H, H)
        steps = [part.unbind(dim=1) for part in (keep, write, keys, values)]
        for a, beta, k, v in zip(*steps, strict=True):
            state = a[:, None] * state
            found = (state @ k[:, :, None])[:, :, 0]  # under this key: (B, H)
            state = state + (beta * (v - found))[:, :, None] * k[:, None]
        query = self.query(x[:, -1])  # of the last position: (B, H)
        return self.head((state @ query[:, :, None])[:, :, 0])  # (B, V)


def create(kind, seed):
    if kind in {"attention", "matrix"}:
        return {"attention": Attention, "matrix": MatrixState}[kind](V, H, seed)
    return CharRNN(V, H, cell=kind, seed=seed, fast=True)


def scores(model, x):
    """Return what a network says after the last of one-hot letters: (B, V)."""
    if isinstance(model, CharRNN):
        states, _ = model.rnn(x)
        return model.head(states[:, -1])
    return model(x)


def lines(length, places, generator):
    """Return ids, with the capital of each line at its place, and which capital it is."""
    ids = torch.randint(C, V, (len(places), length), generator=generator)
    capital = torch.randint(0, C, (len(places),), generator=generator)
    ids[torch.arange(len(places)), places] = capital
    return ids, capital


def train(kind, seed):
    model, generator = create(kind, seed), torch.Generator().manual_seed(seed)

    def loss_of(update):
        length = int(torch.randint(2, LONGEST + 2, (), generator=generator))
        places = torch.randint(0, length, (ROWS,), generator=generator)
        ids, capital = lines(length, places, generator)
        return cross_entropy(scores(model, one_hot(ids, V).float()), capital)

    fit(model, RATE, STEPS, loss_of)
    as_recorded(model)
    return model.double().eval()


def count_right(model):
    """Return how many of the lines are answered right, for each distance of the capital."""
    generator, counts = torch.Generator().manual_seed(100), []
    for back in BACK:
        ids, capital = lines(back + 1, torch.zeros(TRIED, dtype=torch.long), generator)
        with torch.no_grad():
            guesses = scores(model, one_hot(ids, V).double())[:, :C].argmax(dim=1)
        counts.append(int((guesses == capital).sum()))
    return counts


def main():
    record = {"chars": CHARS, "capitals": C, "hidden": H, "back": BACK, "tried": TRIED}
    record["networks"] = read("readers").get("networks", {})
    for kind in chosen(__doc__, KINDS):
        counts = [count_right(train(kind, seed)) for seed in SEEDS]
        record["networks"][kind] = {"right": counts}
        print(kind, *counts, flush=True)
    write("readers", record)


if __name__ == "__main__":
    main()
