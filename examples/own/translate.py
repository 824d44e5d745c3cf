r"""
Translate: a network for your own pairs of texts
================================================

You have a list of pairs, one text and what it should become: dates as
people type them and as a table wants them, words and how they are spoken,
old spelling and new. You get a network that reads a text that it has never
seen, and writes the other one letter by letter.

The file has a pair on each line, with a tab between its two sides, and at
least 100 pairs with different sources::

    the 5th of November 2008    2008-11-05
    Wed, 23 Jun 2083    2083-06-23
    13.7.1914    1914-07-13

``python translate.py dates.tsv`` trains, says how good the network is on
pairs that it never saw, and saves it. ``python translate.py translate.pt
"3 March 1998"`` loads it and answers.

On this page it was trained for three epochs. All fifteen take half a
minute, and then 99 % of the dates are right.
"""

import argparse
import math
import random
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import rnn

# %%
# Read, check, split
# ------------------
# A source that comes twice counts once: it must not be in two parts.


def read(path):
    """Return pairs of source and target."""
    name, pairs = Path(path).name, {}
    try:
        lines = Path(path).read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeError) as error:
        found = getattr(error, "strerror", error)
        sys.exit(f"{name}: expected a text file in UTF-8, got {found}")
    for number, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in line.split("\t")]
        if not line.strip():
            continue
        if [0 < len(cell) <= 100 for cell in cells] != [True, True]:
            said = "expected source, tab and target, 1 to 100 letters each"
            said += f", got {' and '.join(str(len(c)) for c in cells)}"
            sys.exit(f"{name}, line {number}: {said} in {line[:40]!r}")
        pairs.setdefault(*cells)
    if len(pairs) < 100 or len(set(pairs.values())) == 1:
        found = f"{len(pairs)} with {len(set(pairs.values()))} targets"
        sys.exit(f"{name}: expected 100 different pairs, got {found}")
    return list(pairs.items())


def split(rows):
    """Return training, validation and test part."""
    rows = random.Random(0).sample(rows, len(rows))
    part = min(len(rows) // 10, 1000)
    return rows[2 * part :], rows[part : 2 * part], rows[:part]


# %%
# From letters to ids
# -------------------
# Three ids are no letters: the padding, the start and the end. The decoder
# could write nothing without a start, and could not say that it is done.

PAD, START, END = range(3)


def encode(texts, letters):
    """Return the ids of texts, padded, (B, T)."""
    ids = {letter: k for k, letter in enumerate(letters, END + 1)}
    rows = [[START, *(ids[c] for c in text), END] for text in texts]
    return rnn.pad_sequence([torch.tensor(row) for row in rows], True)


def batches(rows, net):
    """Yield ids of sources (B, S) and targets (B, T), in a new order."""
    for part in torch.randperm(len(rows)).split(64):
        sources, targets = zip(*(rows[k] for k in part), strict=True)
        yield encode(sources, net.letters), encode(targets, net.signs)


# %%
# The network
# -----------
# The encoder reads in both directions, and its two last states are the
# decoder's first one. Each step of the decoder looks back at all that was
# read; the mask hides the padding.


class Net(nn.Module):
    def __init__(self, letters, signs, longest, hidden=128):
        super().__init__()
        self.settings = letters, signs, longest, hidden
        self.letters, self.signs, self.longest = letters, signs, longest
        self.source = nn.Embedding(len(letters) + 3, 64)
        self.target = nn.Embedding(len(signs) + 3, 64)
        self.encoder = nn.GRU(64, hidden // 2, bidirectional=True)
        self.decoder = nn.GRU(64, hidden, batch_first=True)
        self.keys = nn.Linear(hidden, hidden)
        self.head = nn.Linear(2 * hidden, len(signs) + 3)
        self.drop = nn.Dropout(0.1)

    def read(self, x):  # (B, S)
        """Return the memory (B, S, H), its mask, a state (1, B, H)."""
        real, vectors = x != PAD, self.drop(self.source(x))
        packed = rnn.pack_padded_sequence(vectors, real.sum(1), True, False)
        memory, ends = self.encoder(packed)
        memory, _ = rnn.pad_packed_sequence(memory, True)
        return memory, real, torch.cat([*ends], 1)[None]

    def write(self, y, memory, real, state):  # y: (B, T)
        """Return scores (B, T, V), where it looked (B, T, S), the state."""
        states, state = self.decoder(self.drop(self.target(y)), state)
        looks = states @ self.keys(memory).mT  # (B, T, S)
        looks = looks.masked_fill(~real[:, None], -math.inf).softmax(2)
        found = torch.cat([states, looks @ memory], 2)
        return self.head(self.drop(found)), looks, state


# %%
# Answer, with a beam
# -------------------
# Of all beginnings of an answer the likeliest few go on. One that has ended
# takes padding, at no price.


@torch.no_grad()
def predict(net, *sources, width=4):
    """Return the target that the network writes for each source."""
    for source in sources:
        if (new := sorted({*source} - {*net.letters})) or not source:
            sys.exit(f"expected letters of the file, got {''.join(new)!r}")
    memory, real, state = net.eval().read(encode(sources, net.letters))
    memory = memory.repeat_interleave(width, 0)  # (B * width, S, H)
    real = real.repeat_interleave(width, 0)
    state = state.repeat_interleave(width, 1)
    ids = torch.full((len(real), 1), START)
    sums = torch.tensor([[0.0] + [-math.inf] * (width - 1)])  # one START
    for _ in range(net.longest + 1):
        scores, _, state = net.write(ids[:, -1:], memory, real, state)
        log_p = scores[:, 0].log_softmax(1)  # (B * width, V)
        log_p[(ids == END).any(1)] = torch.eye(log_p.shape[1])[PAD].log()
        grown = sums[..., None] + log_p.unflatten(0, (-1, width))
        sums, best = grown.flatten(1).topk(width)  # of width * V
        rows = torch.arange(len(sources))[:, None] * width
        rows = (rows + best // log_p.shape[1]).flatten()
        state = state[:, rows]  # it moves with its beginning
        ids = torch.cat([ids[rows], best.view(-1, 1) % log_p.shape[1]], 1)
    signs = ["", "", "", *net.signs]
    return ["".join(signs[k] for k in row) for row in ids[::width]]


def distance(a, b):
    """Return how many letters must change for a to become b."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            cost = min(before + (x != y), row[j] + 1, row[j - 1] + 1)
            before, row[j] = row[j], cost
    return row[-1]


def count(answers, rows):
    """Return the share of right answers, and of wrong letters."""
    targets = [target for _, target in rows]
    wrong = [*map(distance, answers, targets)]
    return wrong.count(0) / len(rows), sum(wrong) / len("".join(targets))


def measure(net, rows, width=1):
    sources = [source for source, _ in rows]
    return count(predict(net, *sources, width=width), rows)


# %%
# Train, and keep the best
# ------------------------
# In training the decoder reads the right answer, one letter late. What is
# measured is what it writes by itself. The best weights so far are saved
# after each epoch, so a run may be interrupted.


def train(net, rows, held_back, epochs, path, patience=5):
    """Return the training loss of each epoch."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.003)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    losses, errors = [], []
    for epoch in range(epochs):
        prices = []
        for x, y in batches(rows, net.train()):
            scores, _, _ = net.write(y[:, :-1], *net.read(x))
            loss = cross_entropy(scores.mT, y[:, 1:], ignore_index=PAD)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            prices.append(loss.item())
        cosine.step()
        losses.append(sum(prices) / len(prices))
        errors.append(measure(net, held_back)[1])
        told = f"loss {losses[-1]:.3f}  validation {errors[-1]:.3f}"
        print(f"epoch {epoch + 1:2}  {told}", flush=True)
        if errors[-1] == min(errors):
            save(net, path)
        elif min(errors[-patience:]) > min(errors):
            break
    return losses


# %%
# The rival: the nearest source
# -----------------------------
# It looks for the source of the training part that has most groups of three
# letters in common with the one asked, and copies its target.


def baseline(rows, sources):
    """Return the target of the nearest source for each of the sources."""

    def groups(text):
        return {f" {text} "[k : k + 3] for k in range(len(text))}

    known = [(groups(source), target) for source, target in rows]
    asked = [groups(source) for source in sources]
    near = [[len(a & k) / len(a | k) for k, _ in known] for a in asked]
    return [known[row.index(max(row))][1] for row in near]


# %%
# Save, load, all of it in order
# ------------------------------
# The file gets its name only once it is complete.


def save(net, path):
    kept = {"settings": net.settings, "weights": net.state_dict()}
    torch.save(kept, f"{path}.part")
    Path(f"{path}.part").replace(path)


def load(path):
    try:
        kept = torch.load(path, weights_only=True)
        net = Net(*kept["settings"])
        net.load_state_dict(kept["weights"])
    except Exception as error:
        name, found = Path(path).name, type(error).__name__
        sys.exit(f"{name}: expected a network of translate.py, got {found}")
    return net.eval()


@torch.no_grad()
def picture(net, source, path):
    """Show where the network looks for each letter that it writes."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no picture, since matplotlib is missing")
        return
    (target,) = predict(net, source)
    y = encode([target], net.signs)[:, :-1]
    _, looks, _ = net.write(y, *net.read(encode([source], net.letters)))
    fig, ax = plt.subplots(layout="constrained")
    ax.imshow(looks[0, :, 1:-1].numpy(), cmap="Blues")
    ax.set_xticks(range(len(source)), source)
    ax.set_yticks(range(len(target) + 1), [*target, "end"])
    ax.set(xlabel="read", ylabel="written")
    fig.set_label("A row for each letter written: dark where it looked.")
    fig.savefig(path)
    print("picture:", path.name)


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?", default="dates.tsv")
    parser.add_argument("sources", nargs="*")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--out", default="translate.pt")
    options = parser.parse_args(arguments)
    torch.manual_seed(0)
    if options.file.endswith(".pt"):
        net = load(options.file)
        for source in options.sources or [""]:
            print(*predict(net, source))
        return
    pairs = read(options.file)
    sides = ["".join(side) for side in zip(*pairs, strict=True)]
    longest = max(len(target) for _, target in pairs)
    net = Net(*("".join(sorted(set(side))) for side in sides), longest)
    rows, held_back, test = split(pairs)
    train(net, rows, held_back, options.epochs, options.out)
    net, asked = load(options.out), [source for source, _ in test]
    found = {"network": measure(net, test, width=4)}
    found["nearest source"] = count(baseline(rows, asked), test)
    for name, (right, wrong) in found.items():
        print(f"{name}: {right:.1%} right, {wrong:.1%} of letters wrong")
    best = min(found, key=lambda name: found[name][1])
    print(f"Asked for {len(test)} targets, the {best} wins.")
    for source in asked[:3]:
        print(source, "->", *predict(net, source))
    picture(net, asked[0], Path(options.out).with_suffix(".png"))
    print("saved:", Path(options.out).name)


if __name__ == "__main__":
    main([] if "ipykernel" in sys.modules else sys.argv[1:])
