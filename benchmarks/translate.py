"""Train the networks of the chapter *Read one thing, write another*, and record what it quotes.

`python benchmarks/translate.py` prints the tables of the page, which takes half an hour, and
`python benchmarks/translate.py network` trains the network of the part `align` and writes it to
docs/_records/align.json, in half a minute.
"""

import base64
import datetime
import json
import re
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

FILE = Path(__file__).parents[1] / "docs" / "_records" / "align.json"
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)
FIRST, DAYS = datetime.date(1900, 1, 1), 73000
FORMS = (
    "{d} {month} {y}",  # 3 March 1998
    "{month} {d}, {y}",  # March 3, 1998
    "{d}. {month:.3} {y}",  # 3. Mar 1998
    "{month:.3} {d} {y}",  # Mar 3 1998
)
PAD, START, END = "∅", "⊢", "⊣"
READ = PAD + "".join(sorted(set("".join(MONTHS) + "0123456789 ,.")))
WRITTEN = PAD + START + END + "-0123456789"
H, E, RATE, ROWS, UPDATES = 48, 32, 0.03, 32, 250
WIDE = 96  # units of the networks that turn words around
SMALL = 16  # numbers of a letter in the network of the part, in place of E
HALFWAY = 60  # updates after which beams are tried
OTHERS = (*range(5, 25), *range(100, 120))  # seeds beside the five of the tables
PARTS = {"year": slice(0, 4), "month": slice(5, 7), "day": slice(8, 10)}  # of an answer
HELD_BACK = np.arange(0, DAYS, 10)  # every tenth day
FOR_TRAINING = np.setdiff1d(np.arange(DAYS), HELD_BACK)


def written(day, form):
    return form.format(d=day.day, month=MONTHS[day.month - 1], y=day.year)


def dates(rng, count, days=FOR_TRAINING):
    """Draw days, and write each in one of the forms and as the table wants it."""
    drawn = [FIRST + datetime.timedelta(int(k)) for k in rng.choice(days, count)]
    forms = rng.choice(FORMS, count)
    return [(written(day, form), day.isoformat()) for day, form in zip(drawn, forms, strict=True)]


def held_back(count=300):
    return dates(np.random.default_rng(99), count, HELD_BACK)


LETTERS = "abcdefghijklmnopqrstuvwxyz"


BANDS = ((4, 6), (7, 9), (10, 12), (13, 16))  # letters of a word


def words(rng, count, shortest=4, longest=16):
    """Draw words of random letters, and the same backwards."""
    lengths = rng.integers(shortest, longest + 1, count)
    drawn = ["".join(rng.choice([*LETTERS], n)) for n in lengths]
    return [(word, word[::-1]) for word in drawn]


class Translator(nn.Module):
    """An encoder and a decoder, with or without a look back at what was read."""

    def __init__(self, looks_back=True, read=READ, written=WRITTEN, H=H, E=E):
        super().__init__()
        exact = {"dtype": torch.float64}
        self.alphabets, self.looks_back = (read, written), looks_back
        self.read_vectors = nn.Embedding(len(read), E, **exact)
        self.encoder = nn.GRU(E, H, batch_first=True, **exact)
        self.written_vectors = nn.Embedding(len(written), E, **exact)
        self.decoder = nn.GRU(E, H, batch_first=True, **exact)
        self.head = nn.Linear(2 * H if looks_back else H, len(written), **exact)

    def read(self, x):
        """Return all states, the last real one of each row, and what is no padding."""
        states, _ = self.encoder(self.read_vectors(x))  # (B, S, H)
        real = x != 0
        last = states[torch.arange(len(x)), real.sum(dim=1) - 1]
        return states, last[None], real

    def write(self, y, memory, h, real):
        states, h = self.decoder(self.written_vectors(y), h)  # (B, T, H)
        if not self.looks_back:
            return self.head(states), h, None
        scores = states @ memory.mT / states.shape[2] ** 0.5  # (B, T, S)
        weights = scores.masked_fill(~real[:, None], -torch.inf).softmax(dim=2)
        return self.head(torch.cat([states, weights @ memory], dim=2)), h, weights

    def ids(self, texts, which):
        table = {letter: k for k, letter in enumerate(self.alphabets[which])}
        rows = [torch.tensor([table[letter] for letter in text]) for text in texts]
        return pad_sequence(rows, batch_first=True)


def train(net, seed, updates=UPDATES, rate=RATE, draw=dates, own=False, stop=None):
    rng = np.random.default_rng(seed)
    adam = torch.optim.Adam(net.parameters(), lr=rate, betas=(0.9, 0.98))
    slower = torch.optim.lr_scheduler.LinearLR(adam, 1, 0.1, updates)
    for _ in range(stop or updates):
        sources, targets = zip(*draw(rng, ROWS), strict=True)
        memory, h, real = net.read(net.ids(sources, 0))
        y = net.ids([START + target + END for target in targets], 1)
        if own:  # read what it has written itself
            logits, new = [], y[:, :1]
            for _ in range(y.shape[1] - 1):
                step, h, _ = net.write(new, memory, h, real)
                logits.append(step)
                new = step.argmax(dim=2)
            logits = torch.cat(logits, dim=1)
        else:
            logits, *_ = net.write(y[:, :-1], memory, h, real)
        loss = cross_entropy(logits.mT, y[:, 1:], ignore_index=0)
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1)
        adam.step()
        slower.step()
    return net


@torch.no_grad()
def greedy(net, sources, most=20, start="", mask=None):
    """Write answers. They may begin with `start`, and `mask` changes what may be looked at."""
    memory, h, real = net.read(net.ids(sources, 0))
    if mask is not None:
        real = mask(real)
    new, ids = net.ids([START + start] * len(sources), 1), []
    for _ in range(most):
        logits, h, _ = net.write(new, memory, h, real)
        new = logits[:, -1:].argmax(dim=2)
        ids.append(new)
    letters = net.alphabets[1]
    rows = torch.cat(ids, dim=1).tolist()
    return [start + "".join(letters[k] for k in row).split(END)[0] for row in rows]


@torch.no_grad()
def beam(net, sources, k, most=14, power=0.0):
    """Keep the k likeliest beginnings of each answer; return the answers that win."""
    letters = net.alphabets[1]
    B, V, end = len(sources), len(letters), letters.index(END)
    memory, h, real = net.read(net.ids(sources, 0))
    memory, real = (rows.repeat_interleave(k, dim=0) for rows in (memory, real))
    h = h.repeat_interleave(k, dim=1)
    ids = net.ids([START] * (B * k), 1)
    sums = torch.full((B, k), -torch.inf, dtype=torch.float64)
    sums[:, 0] = 0  # at first all k beginnings are the same: keep one
    for _ in range(most):
        logits, h, _ = net.write(ids[:, -1:], memory, h, real)
        log_p = logits[:, 0].log_softmax(dim=1)  # (B k, V)
        ended = (ids == end).any(dim=1)
        log_p[ended] = -torch.inf
        log_p[ended, 0] = 0  # an answer that has ended gets padding, for nothing
        grown = sums[..., None] + log_p.view(B, k, V)
        sums, best = grown.flatten(1).topk(k)  # (B, k)
        rows = (torch.arange(B)[:, None] * k + best // V).flatten()
        h, ids = h[:, rows], torch.cat([ids[rows], (best % V).view(-1, 1)], dim=1)
    lengths = (ids != 0).sum(dim=1).view(B, k) - 1
    winners = (sums / lengths**power).argmax(dim=1)
    chosen = ids.view(B, k, -1)[torch.arange(B), winners, 1:].tolist()
    return ["".join(letters[i] for i in row).split(END)[0] for row in chosen]


def right(answers, pairs):
    return sum(answer == target for answer, (_, target) in zip(answers, pairs, strict=True))


def made(seed, looks_back=True, **options):
    torch.manual_seed(seed)
    return Translator(looks_back, **options)


def table_of_dates(seeds, looks_back, updates=UPDATES, **options):
    pairs = held_back()
    counts = []
    for seed in seeds:
        net = train(made(seed, looks_back), seed, updates, **options)
        counts.append(right(greedy(net, [source for source, _ in pairs]), pairs))
    print("looks back" if looks_back else "one state", updates, options, counts, flush=True)


def table_of_words(seeds, looks_back, updates=800):
    tests = [words(np.random.default_rng(99), 100, *band) for band in BANDS]
    options = {"read": PAD + LETTERS, "written": PAD + START + END + LETTERS, "H": WIDE}
    for seed in seeds:
        net = train(made(seed, looks_back, **options), seed, updates, 0.01, words)
        counts = [right(greedy(net, [word for word, _ in test]), test) for test in tests]
        print("looks back" if looks_back else "one state", seed, BANDS, counts, flush=True)


def table_of_beams(seeds):
    pairs = held_back()
    sources = [source for source, _ in pairs]
    for seed in seeds:
        net = train(made(seed), seed, stop=HALFWAY)
        counts = [right(beam(net, sources, k), pairs) for k in (1, 2, 5)]
        counts.append(right(beam(net, sources, 5, power=1), pairs))
        print("k = 1, 2, 5, and 5 by length:", HALFWAY, seed, counts, flush=True)


def covers(part, sources):
    """Return a mask that hides the year, month or day of each source, with the space after it."""

    def mask(real):
        for row, source in zip(real, sources, strict=True):
            *others, year = [found.span() for found in re.finditer(r"\S+ ?", source)]
            others.sort(key=lambda span: source[span[0]].isalpha())
            row[slice(*dict(zip(PARTS, (year, *reversed(others)), strict=True))[part])] = False
        return real

    return mask


def right_parts(answers, pairs):
    return {
        part: sum(
            answer[at] == target[at] for answer, (_, target) in zip(answers, pairs, strict=True)
        )
        for part, at in PARTS.items()
    }


def table_of_claims(seeds):
    """Print what the page says of two networks, for other seeds."""
    pairs, date = held_back(), "3 March 1998"
    sources = [source for source, _ in pairs]
    for seed in seeds:
        blind, net = train(made(seed, False), seed), train(made(seed), seed)
        memory, h, real = net.read(net.ids([date], 0))
        with torch.no_grad():
            *_, (looks,) = net.write(net.ids([START + "1998-03-03"], 1), memory, h, real)
        covered = {part: greedy(net, sources, mask=covers(part, sources)) for part in PARTS}
        print(
            f"seed {seed}, one state: {right_parts(greedy(blind, sources), pairs)}; looks back: "
            f"without its word {[right_parts(covered[part], pairs)[part] for part in PARTS]}, "
            f"without the mask {right(greedy(net, sources, mask=torch.ones_like), pairs)}; {date}: "
            f"share of the 1 {looks[0, 8]:.2f}, at the last 3 it looks most at letter "
            f"{looks[9].argmax()}, goes on with {greedy(net, [date], start='2')} "
            f"and {greedy(net, [date], start='19-')}",
            flush=True,
        )


def packed(array):
    half = array.astype("<f2")
    return {"shape": [*half.shape], "data": base64.b64encode(half.tobytes()).decode()}


def record_network():
    net = train(made(0, E=SMALL), 0, 2400, 0.01)
    for weight in net.parameters():
        weight.data = weight.data.half().double()  # as it is recorded
    everything = dates(np.random.default_rng(1), 3000, HELD_BACK)
    count = right(greedy(net, [source for source, _ in everything]), everything)
    print(f"right: {count} of {len(everything)} held-back dates")
    weights = {name: packed(w.detach().numpy()) for name, w in net.named_parameters()}
    record = {"read": READ, "written": WRITTEN, "hidden": H, "right": count, "weights": weights}
    FILE.write_text(json.dumps(record) + "\n", "utf-8", newline="\n")


def main():
    torch.set_num_threads(1)
    if sys.argv[1:] == ["network"]:
        return record_network()
    for looks_back in (False, True):
        table_of_words(range(5), looks_back)
        table_of_dates(range(5), looks_back)
        table_of_dates(OTHERS, looks_back)
    table_of_beams([*range(5), *OTHERS])
    table_of_claims(OTHERS)
    table_of_dates(range(5), looks_back=False, updates=1500)
    return table_of_dates(range(5), looks_back=True, own=True)


if __name__ == "__main__":
    main()
