"""Six readers of one book: who predicts it best with the same number of weights?

    .venv/bin/python benchmarks/six_readers.py

trains six networks on the novel and writes ``docs/_records/six_readers.json``. It takes about an
hour of CPU on one thread, half of it for the tries; ``--only NAME`` makes one part: ngrams, tuning,
runs or tries. The chapter *Which network, when?* shows the figures.

All six are the same network except for what mixes places: two blocks of norm, mixer, sum, norm,
MLP, sum. A mixer that has fewer weights gets a wider MLP, so that the matrices of each block have
12 d^2 weights: RNN 2 + 10, GRU 6 + 6, LSTM 8 + 4, minimal GRU 2 + 10, attention with rotary
positions 4 + 8, a matrix as the state with the delta rule and a forget gate 4 + 8.

All read windows of 128 characters from zero states, the same ones in the same order for one seed.
The rate of each comes from the same search, with a seed and a length of its own. What counts are
places 65 to 128 of windows that overlap by half: so each character of the held-back chapters counts
once, and is predicted from the 64 to 127 before it. Seconds are of this process and of training
alone; on a machine that does other things they are good to perhaps a fifth.

The part "tries" changes one thing at a time, with one seed or two, and with the rates of the main
runs. It is there to find out what attention lacks at this size, not to compare means.
"""

import math
import time
from itertools import product

import numpy as np
import torch
from recording import chosen, count_weights, fit, read, write
from torch import nn
from torch.nn.functional import cross_entropy, normalize, scaled_dot_product_attention

from charseq import Corpus, NGram, load_text

D, HEADS, BLOCKS = 64, 4, 2
T, ROWS, UPDATES = 128, 16, 800
STD = 0.3  # of the characters' vectors at first
CHUNK = 32  # steps of the delta rule that are solved at once
COUNTED = 64  # places of a window that are only read, not counted
WARM_UP, CLIP, VALID = 50, 1.0, 0.077
SEEDS, TUNING_SEED, TUNING_UPDATES = range(5), 100, 300
RATES = (0.002, 0.004, 0.008, 0.016)
SAMPLE = 64  # windows of the held-back chapters for a curve
POINTS = 12  # of a curve
BANDS = ((1, 8), (9, 32), (33, 64), (65, 128))  # places in a window
LONG, LONG_SKIP = 512, 128  # windows four times as long as those in training
LONG_BANDS = ((65, 128), (129, 256), (257, 512))
ORDERS = range(1, 9)


class Torch(nn.Module):
    """One of torch's recurrent layers, from zero states."""

    def __init__(self, layer, width):
        super().__init__()
        self.layer = layer(width, width, batch_first=True)

    def forward(self, x):
        return self.layer(x)[0]


class MinimalGRU(nn.Module):
    """Gate and candidate from the input alone, so that a scan finds all states at once."""

    def __init__(self, width, *, tanh=False):
        super().__init__()
        self.proj, self.tanh = nn.Linear(width, 2 * width), tanh

    def steps(self, x):
        z, candidate = self.proj(x).chunk(2, dim=-1)
        z = z.sigmoid()
        return 1 - z, z * (candidate.tanh() if self.tanh else candidate)

    def forward(self, x):
        a, b = self.steps(x)
        span = 1
        while span < x.shape[1]:  # rounds of doubling
            b = torch.cat([b[:, :span], b[:, span:] + a[:, span:] * b[:, :-span]], dim=1)
            a = torch.cat([a[:, :span], a[:, span:] * a[:, :-span]], dim=1)
            span *= 2
        return b


def heads_of(x):
    """Split vectors (B, T, D) into heads (B, heads, T, D / heads)."""
    return x.unflatten(-1, (HEADS, -1)).transpose(1, 2)


def rotate(x):
    """Turn pairs of numbers by an angle that grows with the place (rotary positions)."""
    half = x.shape[-1] // 2
    speeds = 1000.0 ** -(torch.arange(half, dtype=x.dtype) / half)
    angles = torch.arange(x.shape[-2], dtype=x.dtype)[:, None] * speeds
    first, second = x.chunk(2, dim=-1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


class Attention(nn.Module):
    """Causal attention with several heads."""

    def __init__(self, width, *, rotary=True):
        super().__init__()
        self.proj, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.rotary = rotary

    def forward(self, x):
        q, k, v = map(heads_of, self.proj(x).chunk(3, dim=-1))
        if self.rotary:
            q, k = rotate(q), rotate(k)
        read = scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(read.transpose(1, 2).flatten(2))


class Matrix(nn.Module):
    """A matrix as the state of each head, written to by the delta rule."""

    def __init__(self, width, *, forget=True):
        super().__init__()
        self.proj, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.gates = nn.Linear(width, 2 * HEADS if forget else HEADS)
        self.forget = forget
        if forget:
            with torch.no_grad():
                self.gates.bias[HEADS:] = 4.0  # forgets slowly at first

    def inputs(self, x):
        q, k, v = map(heads_of, self.proj(x).chunk(3, dim=-1))
        gates = self.gates(x).transpose(1, 2)  # (B, heads or 2 heads, T)
        beta = gates[:, :HEADS].sigmoid()
        log_a = nn.functional.logsigmoid(gates[:, HEADS:]) if self.forget else 0 * beta
        return normalize(q, dim=-1), normalize(k, dim=-1), v, beta, log_a

    def forward(self, x, chunk=CHUNK):
        q, k, v, beta, log_a = self.inputs(x)
        state, read = 0.0, []
        for part in zip(*(y.split(chunk, dim=2) for y in (q, k, v, beta, log_a)), strict=True):
            h, state = self.read_chunk(*part, state)
            read.append(h)
        return self.out(torch.cat(read, dim=2).transpose(1, 2).flatten(2))

    @staticmethod
    def read_chunk(q, k, v, beta, log_a, state):
        """Return what all steps of a chunk read, and the state (B, heads, K, H) after it."""
        since = log_a.cumsum(dim=-1)  # the log of what is left of the state before the chunk
        size = q.shape[2]
        later = torch.ones(size, size, dtype=torch.bool).triu(1)
        left = (since[..., None] - since[..., None, :]).masked_fill(later, -torch.inf).exp()
        new = v
        if isinstance(state, torch.Tensor):
            new = new - since.exp()[..., None] * (k @ state)
        # Row t: what is written at t is beta_t (v_t - what t finds under its key).
        found = (beta[..., None] * left * (k @ k.mT)).tril(-1)
        written = torch.linalg.solve_triangular(
            found, beta[..., None] * new, upper=False, unitriangular=True
        )
        h = (left * (q @ k.mT)) @ written
        end = (left[..., -1, :, None] * k).mT @ written
        if isinstance(state, torch.Tensor):
            h = h + since.exp()[..., None] * (q @ state)
            end = end + since[..., -1:, None].exp() * state
        return h, end


class Short(nn.Module):
    """A short convolution: each number is mixed with itself up to three places before."""

    def __init__(self, width, places=4):
        super().__init__()
        self.weight = nn.Parameter(torch.eye(places)[0][:, None].repeat(1, width))

    def forward(self, x):
        T = x.shape[1]
        return sum(
            weight * nn.functional.pad(x, (0, 0, back, 0))[:, :T]
            for back, weight in enumerate(self.weight)
        )


MIXERS = {  # what mixes places, and the hidden width of the MLP in widths
    "RNN": (lambda width, **_: Torch(nn.RNN, width), 5),
    "GRU": (lambda width, **_: Torch(nn.GRU, width), 3),
    "LSTM": (lambda width, **_: Torch(nn.LSTM, width), 2),
    "minimal GRU": (MinimalGRU, 5),
    "attention": (Attention, 4),
    "delta rule": (Matrix, 4),
}


class Block(nn.Module):
    def __init__(self, name, width, *, short=False, **options):
        super().__init__()
        make, wide = MIXERS[name]
        self.short = Short(width) if short else nn.Identity()
        self.mixer = make(width, **options)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.mlp = nn.Sequential(
            nn.Linear(width, wide * width), nn.ReLU(), nn.Linear(wide * width, width)
        )

    def forward(self, x):
        x = x + self.mixer(self.short(self.norms[0](x)))
        return x + self.mlp(self.norms[1](x))


class Reader(nn.Module):
    """Characters in, scores of the next character out."""

    def __init__(self, name, V, width=D, *, blocks=BLOCKS, learned=0, std=STD, **options):
        super().__init__()
        self.table = nn.Embedding(V, width)
        nn.init.normal_(self.table.weight, std=std)
        self.places = nn.Parameter(std * torch.randn(learned, width)) if learned else None
        self.blocks = nn.Sequential(*(Block(name, width, **options) for _ in range(blocks)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, V)

    def forward(self, ids):
        x = self.table(ids)
        if self.places is not None:
            x = x + self.places[: ids.shape[1]]
        return self.head(self.norm(self.blocks(x)))


def windows_of(ids, size=T, skip=COUNTED):
    """Return all windows of size + 1 characters; the next begins size - skip later."""
    return ids.unfold(0, size + 1, size - skip)


@torch.no_grad()
def costs(net, windows):
    """Return the bits of each place of each window."""
    parts = []
    for part in windows.split(64):
        logits = net(part[:, :-1])
        loss = cross_entropy(logits.flatten(0, 1), part[:, 1:].flatten(), reduction="none")
        parts.append(loss.view(len(part), -1) / math.log(2))
    return torch.cat(parts)


def bits_of(net, windows, skip=COUNTED):
    return float(costs(net, windows)[:, skip:].mean())


def train(net, ids, seed, rate, updates, sample, points=POINTS, rows=ROWS, size=T):
    """Train a network; return [updates, CPU seconds, bits] along the way."""
    rng = np.random.default_rng(seed)
    marks = {round(updates * k / points) for k in range(1, points + 1)}
    curve, measuring, start = [], 0.0, time.process_time()

    def share_of_rate(update):
        return min(1.0, (update + 1) / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * update / updates))

    def loss_of(update):
        begins = torch.from_numpy(rng.integers(len(ids) - size, size=rows))
        batch = ids[begins[:, None] + torch.arange(size + 1)]
        return cross_entropy(net(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())

    def then(update):
        nonlocal measuring
        if update + 1 in marks:
            now = time.process_time()
            bits = round(bits_of(net, sample), 4)
            curve.append([update + 1, round(now - start - measuring, 2), bits])
            measuring += time.process_time() - now

    def schedule(adam, updates):
        return torch.optim.lr_scheduler.LambdaLR(adam, share_of_rate)

    fit(net, rate, updates, loss_of, schedule=schedule, clip=CLIP, betas=(0.9, 0.99), then=then)
    return curve


class Book:
    """The chapters to learn from, and windows of those that are held back."""

    def __init__(self, name="pride-train", valid=VALID, test="pride-test"):
        corpus = Corpus.from_text(load_text(name))
        self.train, self.held_back = corpus.split(valid=valid)
        self.test = Corpus.from_text(load_text(test), corpus.vocab) if test else self.held_back
        self.V = len(corpus.vocab)
        self.ids = torch.from_numpy(self.train.ids.astype(np.int64))
        held_back = torch.from_numpy(self.held_back.ids.astype(np.int64))
        self.windows = windows_of(held_back)
        self.long = windows_of(held_back, LONG, LONG_SKIP)
        self.test_windows = windows_of(torch.from_numpy(self.test.ids.astype(np.int64)))
        chosen = torch.linspace(0, len(self.windows) - 1, SAMPLE).long()
        self.sample = self.windows[chosen]

    def ngrams(self):
        """Return the bits of counted tables on both texts, for scale."""
        texts = {"bits": self.held_back.ids, "test": self.test.ids}
        tables = {order: NGram(order, self.train).bits_per_character for order in ORDERS}
        return [
            {"order": order} | {name: round(bits(ids), 4) for name, ids in texts.items()}
            for order, bits in tables.items()
        ]

    def run(
        self, name, seed, rate, updates=UPDATES, points=POINTS, whole=True, how=None, **options
    ):
        """Train one reader and measure it; `whole`: on all of the held-back chapters."""
        torch.manual_seed(seed)
        net = Reader(name, self.V, **options)
        how = how or {}
        curve = train(net, self.ids, seed, rate, updates, self.sample, points, **how)
        run = {"reader": name, "seed": seed, "rate": rate, "updates": updates}
        run["weights"] = count_weights(net)
        run["seconds"], run["curve"] = curve[-1][1], curve
        if whole:
            per_place = costs(net, self.windows).mean(dim=0)
            run["bits"] = round(float(per_place[COUNTED:].mean()), 4)
            run["test"] = round(bits_of(net, self.test_windows), 4)
            run["by place"] = bands_of(per_place, BANDS)
            if net.places is None:
                run["by place, long"] = bands_of(costs(net, self.long).mean(dim=0), LONG_BANDS)
        print({key: run[key] for key in run if key != "curve"} | {"end": curve[-1]}, flush=True)
        return run


def bands_of(per_place, bands):
    return {f"{a}-{b}": round(float(per_place[a - 1 : b].mean()), 4) for a, b in bands}


FOUR = {"updates": 4 * UPDATES}
SHORT = {"short": True}
TRIES = (  # what is changed, for which readers, with which seeds
    ("short convolution", ("attention", "delta rule", "GRU"), (0,), SHORT),
    ("four times", ("attention", "GRU"), (0,), FOUR),
    ("learned positions", ("attention",), (0,), {"rotary": False, "learned": T}),
    ("no forget gate", ("delta rule",), (0,), {"forget": False}),
    ("four times", ("delta rule",), (0,), FOUR),
    ("short convolution, four times", ("attention", "GRU", "delta rule"), (0,), SHORT | FOUR),
    ("Python's reference", ("attention", "GRU"), (0,), {"text": "reference"}),
)


def beyond_the_edge(bits):
    """Return the next rate to try, if the best one so far is the lowest or the highest."""
    best = min(bits, key=bits.get)
    return {min(bits): best / 2, max(bits): best * 2}.get(best)


def tune(book):
    """Try all rates for each reader, and go on until the best is neither lowest nor highest."""
    tuned, rates = [], {}
    for name in MIXERS:
        bits, coming = {}, list(RATES)
        while coming:
            for rate in coming:
                run = book.run(name, TUNING_SEED, rate, TUNING_UPDATES, 3, whole=False)
                tuned.append(run)
                bits[rate] = run["curve"][-1][2]
            coming = [rate for rate in [beyond_the_edge(bits)] if rate is not None]
        rates[name] = min(bits, key=bits.get)
    return {"tuning": tuned, "rates": rates}


def change_one_thing(book, rates):
    """Train some of the readers again, with one thing changed."""
    tries, reference = [], Book("python-reference", 0.1, None)
    for what, names, seeds, options in TRIES:
        others = dict(options)
        text = reference if others.pop("text", None) else book
        for seed, name in product(seeds, names):
            tries.append({"what": what} | text.run(name, seed, rates[name], **others))
    return tries


def main():
    parts = chosen(__doc__, ("ngrams", "tuning", "runs", "tries"))
    torch.set_flush_denormal(True)
    book, record = Book(), read("six_readers")
    for part in parts:
        if part == "ngrams":
            record["ngrams"] = book.ngrams()
        elif part == "tuning":
            record |= tune(book)
        elif part == "runs":
            every = product(SEEDS, MIXERS)
            record["runs"] = [book.run(name, seed, record["rates"][name]) for seed, name in every]
        else:
            record["tries"] = change_one_thing(book, record["rates"])
        write("six_readers", record)


if __name__ == "__main__":
    main()
