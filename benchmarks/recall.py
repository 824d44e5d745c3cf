"""Ask small networks what they have kept, for the chapter *Which network, when?*.

`python benchmarks/recall.py` writes docs/_records/recall.json, in a quarter of an hour on one
thread; `--only recall`, `mirror` or `step` repeats one part.

- *recall*: pairs of a key and a value, then a key. Each network keeps 64 numbers, attention 16 for
  each pair.
- *mirror*: the parity of bits, and how many brackets are open, on lines longer than in training.
- *step*: the cost of one more character, after 100 to 100,000 of them, with a cache or a state.
"""

import argparse
import json
import time
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

FILE = Path(__file__).parents[1] / "docs" / "_records" / "recall.json"
KEYS = VALUES = 16
PAIRS = (2, 4, 8, 16)
STATE, WIDE = 64, 8  # numbers that are kept, and the side of the matrix that has as many
READERS = (
    *("rnn", "gru", "lstm", "minimal gru", "sum", "delta"),
    *("attention", "attention, near first"),
)
SEEDS, TUNING_SEED = range(5), 100
RATES = (0.003, 0.01)
UPDATES, ROWS = 2500, 32

KEEPERS = {  # reader: (kind, layers)
    "rnn": ("rnn", 1),
    "gru": ("gru", 1),
    "lstm": ("lstm", 1),
    "minimal gru": ("minimal gru", 1),
    "minimal gru, 2 layers": ("minimal gru", 2),
    "delta": ("delta", 1),
    "delta to 2": ("delta to 2", 1),
    "attention": ("attention", 1),
    "attention, 2 layers": ("attention", 2),
}
UNITS, TRAINED, LENGTHS = 32, 20, (20, 40, 80, 160)
DEEPEST, LAST = 7, 10  # brackets open at most; places at the end of a line that are counted
MIRROR_UPDATES = 600

LONG = (100, 316, 1000, 3162, 10_000, 31_623, 100_000)
KEPT = ("gru", "matrix", "cache", "nothing")
WIDTH = 64  # numbers of a query, of a key, of a value, and units of the GRU


def recurrent(kind, inputs, units):
    return getattr(nn, kind.upper())(inputs, units, batch_first=True)


def minimal_gru(gates, written):
    """Return all states of h = (1 - z) h + z w from a state of zeros; both are (B, T, H)."""
    h, states = torch.zeros_like(written[:, 0]), []
    for z, w in zip(gates.unbind(1), written.unbind(1), strict=True):
        h = h + z * (w - h)
        states.append(h)
    return torch.stack(states, dim=1)


def differences(keys, values, beta):
    """Return what the delta rule writes at each step: beta (v - S k), S as it was before."""
    before = beta[..., None] * (keys @ keys.mT).tril(-1)
    eye = torch.eye(keys.shape[1])
    return torch.linalg.solve_triangular(
        eye + before, beta[..., None] * values, upper=False, unitriangular=True
    )


# Recall.


def draw_pairs(rng, pairs, twice, rows=ROWS):
    """Return keys and values that are shown, and keys that are asked for with their answers.

    With `twice`, half as many keys get a value twice, and the second one counts.
    """
    different = pairs // 2 if twice else pairs
    asked = rng.permuted(np.tile(np.arange(KEYS), (rows, 1)), axis=1)[:, :different]
    shown = rng.permuted(np.tile(asked, pairs // different), axis=1)
    values = rng.integers(VALUES, size=shown.shape)
    last = pairs - 1 - (shown[:, ::-1, None] == asked[:, None]).argmax(axis=1)
    answers = np.take_along_axis(values, last, axis=1)
    return map(torch.from_numpy, (shown, values, asked, answers))


class Recall(nn.Module):
    """Reads pairs, a pair at a step, and answers keys, each from the state after the pairs."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.keys, self.values = nn.Embedding(KEYS, 32), nn.Embedding(VALUES, 32)
        self.ask = nn.Parameter(torch.zeros(32))  # is where the value would be
        units = STATE // 2 if kind == "lstm" else STATE
        if kind in ("rnn", "gru", "lstm"):
            self.cell = recurrent(kind, 64, units)
        elif kind == "minimal gru":
            self.cell = nn.Linear(64, 2 * units)
        else:
            units = WIDE
            self.k, self.q = nn.Linear(32, WIDE, bias=False), nn.Linear(32, WIDE, bias=False)
            self.v, self.beta = nn.Linear(32, WIDE, bias=False), nn.Linear(64, 1)
            self.slope = nn.Parameter(torch.zeros(()))
        self.inside = nn.Linear(units, 64)
        self.head = nn.Linear(64, VALUES)

    def forward(self, shown, values, asked):
        B, Q = asked.shape
        x = torch.cat([self.keys(shown), self.values(values)], dim=2)
        keys = self.keys(asked)
        questions = torch.cat([keys, self.ask.expand(B, Q, -1)], dim=2)
        if self.kind in ("rnn", "gru", "lstm"):
            state = self.cell(x)[1]
            each = questions.flatten(0, 1)[:, None]  # one step for each question
            if self.kind == "lstm":
                state = tuple(part.repeat_interleave(Q, dim=1) for part in state)
            else:
                state = state.repeat_interleave(Q, dim=1)
            h = self.cell(each, state)[0][:, 0].unflatten(0, (B, Q))
        elif self.kind == "minimal gru":
            z, w = self.cell(x).chunk(2, dim=2)
            state = minimal_gru(z.sigmoid(), w)[:, -1:]
            z, w = self.cell(questions).chunk(2, dim=2)
            h = state + z.sigmoid() * (w - state)
        else:
            k, q, v = self.k(self.keys(shown)), self.q(keys), self.v(self.values(values))
            if self.kind.startswith("attention"):
                scores = q @ k.mT
                if self.kind != "attention":
                    scores = scores + self.slope.exp() * torch.arange(shown.shape[1])
                h = scores.softmax(dim=2) @ v
            else:
                k, q = normalize(k, dim=2), normalize(q, dim=2)
                if self.kind == "delta":
                    v = differences(k, v, self.beta(x)[..., 0].sigmoid())
                h = (q @ k.mT) @ v  # the matrix sum of v kᵀ, read by q
        return self.head(self.inside(h).relu())


def fit(net, rate, updates, loss_of):
    """Train a network; `loss_of` draws new lines for an update, and returns its loss on them."""
    adam = torch.optim.Adam(net.parameters(), lr=rate)
    slower = torch.optim.lr_scheduler.LinearLR(adam, 1, 0.1, updates)
    for update in range(updates):
        loss = loss_of(update)
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        adam.step()
        slower.step()
    return net


def train_recall(kind, seed, rate, updates):
    torch.manual_seed(seed)
    rng, net = np.random.default_rng(seed), Recall(kind)

    def loss_of(update):
        pairs, twice = PAIRS[update % len(PAIRS)], update // len(PAIRS) % 2 == 1
        shown, values, asked, answers = draw_pairs(rng, pairs, twice)
        return cross_entropy(net(shown, values, asked).flatten(0, 1), answers.flatten())

    return fit(net, rate, updates, loss_of)


@torch.no_grad()
def recalled(net, pairs, twice, rows=200):
    """Return the share of keys whose value the network gives; all get the same lines."""
    shown, values, asked, answers = draw_pairs(np.random.default_rng(7), pairs, twice, rows)
    return float((net(shown, values, asked).argmax(dim=2) == answers).double().mean())


def recall_record(kind, seed, rate, updates):
    start = time.process_time()
    net = train_recall(kind, seed, rate, updates)
    record = {"reader": kind, "seed": seed, "rate": rate}
    record["weights"] = sum(p.numel() for p in net.parameters())
    record["once"] = [round(recalled(net, pairs, twice=False), 4) for pairs in PAIRS]
    record["twice"] = [round(recalled(net, pairs, twice=True), 4) for pairs in PAIRS]
    record["seconds"] = round(time.process_time() - start, 1)
    print(record, flush=True)
    return record


def tuned(make, kind, updates):
    """Return a run of one more seed for each rate, and with the better one a run for each seed."""
    tries = [make(kind, TUNING_SEED, rate, updates) for rate in RATES]
    return tries, [make(kind, seed, better(tries)["rate"], updates) for seed in SEEDS]


def better(tries):
    """Return the run that is right most often, the first one of several."""
    return max(tries, key=lambda run: np.mean([*run.get("once", []), *run.get("right", [])]))


# The mirror.


def parities(rng, length, rows=ROWS):
    x = rng.integers(2, size=(rows, length))
    return torch.from_numpy(x), torch.from_numpy(x.cumsum(axis=1) % 2)


def brackets(rng, length, rows=ROWS):
    """Return lines of brackets, 1 opens and 0 closes, and how many are open after each."""
    coins, depth = rng.integers(2, size=(rows, length)), np.zeros(rows, int)
    x, y = coins.copy(), coins.copy()
    for t in range(length):
        x[:, t] = np.where(depth == 0, 1, np.where(depth == DEEPEST, 0, coins[:, t]))
        depth += 2 * x[:, t] - 1
        y[:, t] = depth
    return torch.from_numpy(x), torch.from_numpy(y)


TASKS = {"parity": (parities, 2), "brackets": (brackets, DEEPEST + 1)}


class Mixer(nn.Module):
    """The part of a layer that brings something from earlier places: (B, T, H) to (B, T, H)."""

    def __init__(self, kind, H=UNITS):
        super().__init__()
        self.kind = kind
        if kind in ("rnn", "gru", "lstm"):
            self.cell = recurrent(kind, H, H)
        elif kind == "minimal gru":
            self.cell = nn.Linear(H, 2 * H)
        else:
            self.qkv, self.out = nn.Linear(H, 3 * H), nn.Linear(H, H)
            self.beta = nn.Linear(H, 1)

    def forward(self, x):
        if self.kind in ("rnn", "gru", "lstm"):
            return self.cell(x)[0]
        if self.kind == "minimal gru":
            z, w = self.cell(x).chunk(2, dim=2)
            return minimal_gru(z.sigmoid(), w)
        q, k, v = self.qkv(x).chunk(3, dim=2)
        if self.kind == "attention":
            past = torch.ones(x.shape[1], x.shape[1]).tril() == 1
            scores = (q @ k.mT / k.shape[2] ** 0.5).masked_fill(~past, -torch.inf)
            return self.out(scores.softmax(dim=2) @ v)
        q, k = normalize(q, dim=2), normalize(k, dim=2)
        most = 2 if self.kind == "delta to 2" else 1
        written = differences(k, v, most * self.beta(x)[..., 0].sigmoid())
        return self.out((q @ k.mT).tril() @ written)


class Keeper(nn.Module):
    """Layers of a mixer and a small network for each place, with what went in added."""

    def __init__(self, kind, layers, classes, H=UNITS):
        super().__init__()
        self.table = nn.Embedding(3, H)  # 2 is read before the line
        self.mixers = nn.ModuleList(Mixer(kind) for _ in range(layers))
        self.inside = nn.ModuleList(
            nn.Sequential(nn.Linear(H, 2 * H), nn.ReLU(), nn.Linear(2 * H, H))
            for _ in range(layers)
        )
        self.head = nn.Linear(H, classes)

    def forward(self, x):
        x = self.table(torch.cat([torch.full_like(x[:, :1], 2), x], dim=1))
        for mixer, inside in zip(self.mixers, self.inside, strict=True):
            x = x + mixer(x)
            x = x + inside(x)
        return self.head(x[:, 1:])


def train_keeper(kind, layers, task, seed, rate, updates):
    draw, classes = TASKS[task]
    torch.manual_seed(seed)
    rng, net = np.random.default_rng(seed), Keeper(kind, layers, classes)

    def loss_of(_):
        x, y = draw(rng, TRAINED)
        return cross_entropy(net(x).flatten(0, 1), y.flatten())

    return fit(net, rate, updates, loss_of)


@torch.no_grad()
def kept(net, task, length, rows=200):
    """Return the share of right answers at the last ten places of lines."""
    x, y = TASKS[task][0](np.random.default_rng(7), length, rows)
    return float((net(x).argmax(dim=2) == y)[:, -LAST:].double().mean())


def mirror_record(name_and_task, seed, rate, updates):
    name, task = name_and_task
    start = time.process_time()
    net = train_keeper(*KEEPERS[name], task, seed, rate, updates)
    record = {"reader": name, "task": task, "seed": seed, "rate": rate}
    record["weights"] = sum(p.numel() for p in net.parameters())
    record["right"] = [round(kept(net, task, length), 4) for length in LENGTHS]
    record["seconds"] = round(time.process_time() - start, 1)
    print(record, flush=True)
    return record


# What a step costs.


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def stepping(rng, kept, T, H=WIDTH):
    """Return a function that reads character T + 1 with what is kept, and the bytes of that."""
    W = (rng.normal(size=(6, H, H)) / H**0.5).astype(np.float32)
    x, h = rng.normal(size=(2, H)).astype(np.float32)
    if kept == "gru":

        def step():
            r = sigmoid(W[0] @ x + W[1] @ h)
            z = sigmoid(W[2] @ x + W[3] @ h)
            n = np.tanh(W[4] @ x + r * (W[5] @ h))
            return (1 - z) * n + z * h

        return step, h.nbytes
    if kept == "matrix":
        S = rng.normal(size=(H, H)).astype(np.float32)

        def step():
            q, k, v = W[0] @ x, W[1] @ x, W[2] @ x
            k = k / np.sqrt(k @ k)
            return (S + np.outer(v - S @ k, k)) @ q

        return step, S.nbytes
    past = np.vstack([rng.normal(size=(T, H)), x]).astype(np.float32)
    keys, values = past @ W[1].T, past @ W[2].T

    def attend(q, keys, values):
        scores = keys @ q / np.float32(H**0.5)
        weights = np.exp(scores - scores.max())
        return (weights / weights.sum()) @ values

    def with_cache():
        keys[T], values[T] = W[1] @ x, W[2] @ x
        return attend(W[0] @ x, keys, values)

    def again():  # all keys and values are made anew
        return attend(W[0] @ x, past @ W[1].T, past @ W[2].T)

    if kept == "cache":
        return with_cache, keys[:T].nbytes + values[:T].nbytes
    return again, past[:T].nbytes


def step_record(kept, T, rounds=9):
    """Return the microseconds of CPU that a step takes, the median of rounds, and what is kept."""
    step, size = stepping(np.random.default_rng(0), kept, T)
    step()
    start = time.process_time()
    step()
    repeats = max(1, int(0.05 / max(time.process_time() - start, 1e-5)))
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(repeats):
            step()
        taken.append((time.process_time() - start) / repeats)
    record = {"kept": kept, "T": T, "bytes": size}
    record["microseconds"] = round(1e6 * float(np.median(taken)), 1)
    print(record, flush=True)
    return record


def recalls():
    for kind in READERS:
        yield tuned(recall_record, kind, UPDATES)


def mirrors():
    for name_and_task in product(KEEPERS, TASKS):
        yield tuned(mirror_record, name_and_task, MIRROR_UPDATES)


def steps():
    yield [], [step_record(*both) for both in product(KEPT, LONG)]


PARTS = {"recall": recalls, "mirror": mirrors, "step": steps}


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--only", choices=PARTS)
    only = options.parse_args().only
    torch.set_num_threads(1)
    for part in [only] if only else PARTS:
        tries, runs = [], []
        for made in PARTS[part]():
            tries, runs = tries + made[0], runs + made[1]
            record = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
            record |= {f"{part} tries": tries, part: runs} if tries else {part: runs}
            save(record)


def save(record):
    """Write each run on a line of its own."""
    parts = []
    for part, runs in record.items():
        lines = ",\n".join(f"  {json.dumps(run)}" for run in runs)
        parts.append(f' "{part}": [\n{lines}\n ]')
    FILE.write_text("{\n" + ",\n".join(parts) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
