"""Ask small networks what they have kept, for the chapter *Which network, when?*.

`python benchmarks/recall.py` writes docs/_records/recall.json, in a quarter of an hour on one
thread; `--only recall`, `mirror` or `step` repeats one part.

- *recall*: pairs of a key and a value, then a key. Each network keeps 64 numbers, attention 16 for
  each pair.
- *mirror*: the parity of bits, and how many brackets are open, on lines longer than in training.
- *step*: the cost of one more character, after 100 to 100,000 of them, with a cache or a state.
"""

import time
from functools import partial
from itertools import chain, product
from timeit import Timer

import numpy as np
import torch
from recording import chosen, count_weights, down_to, fit, read, write
from torch import nn
from torch.nn.functional import cross_entropy, normalize

KEYS = VALUES = 16
PAIRS = (2, 4, 8, 16)
STATE, WIDE = 64, 8  # numbers that are kept, and the side of the matrix that has as many
READERS = ("rnn", "gru", "lstm", "minimal gru", "sum", "delta")
READERS += ("attention", "attention, near first")
SEEDS, TUNING_SEED = range(5), 100
RATES = (0.003, 0.01)
UPDATES, ROWS = 2500, 32

KEEPERS = {  # reader: (kind, layers)
    **{kind: (kind, 1) for kind in ("rnn", "gru", "lstm", "minimal gru", "delta")},
    **{kind: (kind, 1) for kind in ("delta to 2", "attention")},
    **{f"{kind}, 2 layers": (kind, 2) for kind in ("minimal gru", "attention")},
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


def train_recall(kind, seed, rate, updates):
    torch.manual_seed(seed)
    rng, net = np.random.default_rng(seed), Recall(kind)

    def loss_of(update):
        pairs, twice = PAIRS[update % len(PAIRS)], update // len(PAIRS) % 2 == 1
        shown, values, asked, answers = draw_pairs(rng, pairs, twice)
        return cross_entropy(net(shown, values, asked).flatten(0, 1), answers.flatten())

    fit(net, rate, updates, loss_of, schedule=down_to(0.1))
    return net


@torch.no_grad()
def recalled(net, pairs, twice, rows=200):
    """Return the share of keys whose value the network gives; all get the same lines."""
    shown, values, asked, answers = draw_pairs(np.random.default_rng(7), pairs, twice, rows)
    return float((net(shown, values, asked).argmax(dim=2) == answers).double().mean())


def run_of(train, measures, what, seed, rate, updates):
    """Train a network, and return what it was and what each of the measures says of it."""
    start = time.process_time()
    net = train(seed, rate, updates)
    run = what | {"seed": seed, "rate": rate, "weights": count_weights(net)}
    for name, measure in measures.items():
        run[name] = [round(share, 4) for share in measure(net)]
    run["seconds"] = round(time.process_time() - start, 1)
    print(run, flush=True)
    return run


def recall_record(kind, *how):
    def once(net):
        return [recalled(net, pairs, twice=False) for pairs in PAIRS]

    def twice(net):
        return [recalled(net, pairs, twice=True) for pairs in PAIRS]

    measures = {"once": once, "twice": twice}
    return run_of(partial(train_recall, kind), measures, {"reader": kind}, *how)


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

    fit(net, rate, updates, loss_of, schedule=down_to(0.1))
    return net


@torch.no_grad()
def kept(net, task, length, rows=200):
    """Return the share of right answers at the last ten places of lines."""
    x, y = TASKS[task][0](np.random.default_rng(7), length, rows)
    return float((net(x).argmax(dim=2) == y)[:, -LAST:].double().mean())


def mirror_record(name_and_task, *how):
    name, task = name_and_task

    def right(net):
        return [kept(net, task, length) for length in LENGTHS]

    train = partial(train_keeper, *KEEPERS[name], task)
    return run_of(train, {"right": right}, {"reader": name, "task": task}, *how)


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
    timer = Timer(step, timer=time.process_time)
    repeats, _ = timer.autorange()
    taken = np.median(timer.repeat(rounds, repeats)) / repeats
    record = {"kept": kept, "T": T, "bytes": size}
    record["microseconds"] = round(1e6 * float(taken), 1)
    print(record, flush=True)
    return record


def main():
    record = read("recall")
    for part in chosen(__doc__, ("recall", "mirror", "step")):
        if part == "step":
            record["step"] = [step_record(*both) for both in product(KEPT, LONG)]
        elif part == "recall":
            of_all = [tuned(recall_record, kind, UPDATES) for kind in READERS]
        else:
            both = product(KEEPERS, TASKS)
            of_all = [tuned(mirror_record, name, MIRROR_UPDATES) for name in both]
        if part != "step":
            tries, runs = zip(*of_all, strict=True)
            record |= {f"{part} tries": [*chain(*tries)], part: [*chain(*runs)]}
        write("recall", record)


if __name__ == "__main__":
    main()
