r"""
Labels without alignment: a network trained with CTC
====================================================

You have sequences of numbers and, for each, a few labels in order, but
nothing that says where a label begins: handwriting and its digits, sound
and its words. You get a network that reads a new sequence.

On each line of the file are the labels, a tab, and the steps. The numbers
of a step have commas between them (``3,0.5,12``, and ``0.24,`` if there is
only one), or are single digits::

    3 2 7 1	00000000 00000000 00040000 22592003 79994029 …
    6 4 8 7 8	00000000 04789861 69867995 86104988 20001899 …

``python ctc.py strips.tsv`` trains, says how the network does beside one
that takes the labels as evenly spread, and saves it. ``python ctc.py ctc.pt
"00040000 22592003"`` loads it and reads. This page shows one epoch, after
which it reads nothing yet. All 60 take four minutes on one core, the rival
as long as the network: then 2 of 45 new strips have a mistake, and 9 of 45
with labels evenly spread.
"""

import argparse
import random
import sys
from itertools import groupby, pairwise
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy, ctc_loss
from torch.nn.utils import rnn

# %%
# Read the file, and check it
# ---------------------------
# A sequence needs a step for each label, and one more between two that are
# the same: there the network says “nothing”, the blank.


def numbers(steps):
    """Return the numbers of a text, (T, F)."""
    cut = [
        s.removesuffix(",").split(",") if "," in s else s
        for s in steps.split()
    ]
    x = torch.tensor([[float(number) for number in step] for step in cut])
    if x.dim() != 2 or not x.isfinite().all():
        raise ValueError("not a table of finite numbers")
    return x


def read(path):
    """Return pairs of labels and numbers, or say what is wrong."""
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"{path}: expected UTF-8, got an error: {error}")
    rows = []
    for line, content in enumerate(lines, 1):
        try:
            labels, x = content.split("\t")
            labels, x = labels.split(), numbers(x)
        except ValueError:
            tabs = content.count("\t")
            found = f"{content[:40]!r}" + f", {tabs} tabs" * (tabs != 1)
            expected = f"labels, a tab and numbers, got {found}"
            sys.exit(f"{path}, line {line}: expected {expected}")
        width = rows[0][1].shape[1] if rows else x.shape[1]
        needed = len(labels) + sum(a == b for a, b in pairwise(labels))
        if not labels or len(x) < needed or x.shape[1] != width:
            expected = f"1 label or more, {needed} steps or more of {width}"
            found = f"{len(labels)}, {len(x)} of {x.shape[1]}"
            sys.exit(
                f"{path}, line {line}: expected {expected}, got {found}"
            )
        rows.append((labels, x))
    if len(rows) < 20:
        sys.exit(f"{path}: expected 20 lines or more, got {len(rows)}")
    return rows


def split(rows):
    """Return rows for training, validation and test, 8 : 1 : 1."""
    rows = random.Random(0).sample(rows, len(rows))
    tenth = len(rows) // 10
    return rows[2 * tenth :], rows[:tenth], rows[tenth : 2 * tenth]


# %%
# Batches of pairs
# ----------------
# In training two sequences are put together, with their labels. So no
# batch comes twice, and few rows go further.


def batches(net, rows, size=16, glue=False):
    """Yield numbers, (B, T, F), their lengths, and lists of labels."""
    rows = random.sample(rows, len(rows))
    if glue:
        others = random.sample(rows, len(rows))
        pairs = zip(rows, others, strict=True)
        rows = [(a + c, torch.cat([b, d])) for (a, b), (c, d) in pairs]
    for i in range(0, len(rows), size):
        labels, xs = zip(*rows[i : i + size], strict=True)
        lengths = torch.tensor([len(x) for x in xs])
        ids = [[net.labels.index(k) + 1 for k in row] for row in labels]
        yield rnn.pad_sequence(xs, True), lengths, ids


# %%
# The network
# -----------
# Two GRUs in both directions; at each step they give a score to each label,
# and to the blank, which is number 0.


class Net(nn.Module):
    """Scores the blank and each label at each step."""

    def __init__(self, labels, mean, scale, units=96, dropout=0.3):
        super().__init__()
        self.settings = labels, mean, scale, units, dropout
        self.labels, self.mean, self.scale = labels, mean, scale
        self.gru = nn.GRU(
            len(mean), units, 2, True, True, dropout, bidirectional=True
        )
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(2 * units, len(labels) + 1)

    def forward(self, x, lengths):
        """Take x, (B, T, F), and return log-probabilities, (B, T, C)."""
        x = (x - torch.tensor(self.mean)) / torch.tensor(self.scale)
        if self.training:
            x = x + 0.3 * torch.randn_like(x)
        x = rnn.pack_padded_sequence(x, lengths, True, enforce_sorted=False)
        states, _ = rnn.pad_packed_sequence(self.gru(x)[0], True)
        return self.head(self.drop(states)).log_softmax(2)


# %%
# Two ways to read
# ----------------
# Greedy takes the best of each step, then leaves out repetitions and
# blanks. The beam adds up all ways to write the same labels: it keeps, for
# each beginning, the probability that it ends in a blank, and not.


def greedy(logs):
    """Take log-probabilities, (T, C), and return numbers of labels."""
    return [k for k, _ in groupby(logs.argmax(1).tolist()) if k]


def beam(logs, width=8):
    """Return the numbers of the most probable labels."""
    beams = {(): (1.0, 0.0)}
    for p in logs.exp().tolist():
        new = {}
        for prefix, (blank, label) in beams.items():
            same = label * p[prefix[-1]] if prefix else 0.0
            ways = [(prefix, (blank + label) * p[0], same)]
            for k in range(1, len(p)):
                before = blank + label * (prefix[-1:] != (k,))
                ways.append(((*prefix, k), 0.0, before * p[k]))
            for key, a, b in ways:
                old = new.get(key, (0.0, 0.0))
                new[key] = old[0] + a, old[1] + b
        best = sorted(new, key=lambda key: -sum(new[key]))[:width]
        whole = sum(new[best[0]])  # so no number gets too small
        beams = {k: (new[k][0] / whole, new[k][1] / whole) for k in best}
    return [*next(iter(beams))]


# %%
# Train, and keep the best
# ------------------------
# The error is the share of sequences in which any label is wrong. The
# weights of the best epoch so far are saved, so a run may be interrupted.


@torch.no_grad()
def measure(net, rows, decode=greedy):
    """Return the share of sequences that are not read without a mistake."""
    net.eval()
    wrong = 0
    for x, lengths, ids in batches(net, rows):
        for logs, length, right in zip(
            net(x, lengths), lengths, ids, strict=True
        ):
            wrong += decode(logs[:length]) != right
    return wrong / len(rows)


def unaligned(logs, lengths, ids):
    """Return the loss over all alignments; logs are (B, T, C)."""
    sizes = torch.tensor([len(row) for row in ids])
    every = torch.tensor([k for row in ids for k in row])
    return ctc_loss(logs.mT.permute(2, 0, 1), every, lengths, sizes)


def train(
    net, rows, held_back, epochs, path, loss_of=unaligned, patience=30
):
    """Return the loss and the error of validation after each epoch."""
    optimizer = torch.optim.AdamW(
        net.parameters(), 0.004, weight_decay=0.05
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    losses, found = [], []
    for epoch in range(epochs):
        net.train()
        nats = []
        for x, lengths, ids in batches(net, rows, glue=True):
            loss = loss_of(net(x, lengths), lengths, ids)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            nats.append(loss.item())
        schedule.step()
        losses.append(sum(nats) / len(nats))
        found.append(measure(net, held_back))
        told = f"loss {losses[-1]:.3f}  validation {found[-1]:.3f}"
        name = "epoch" if loss_of is unaligned else "rival, epoch"
        print(f"{name} {epoch + 1:2}  {told}", flush=True)
        if found[-1] == min(found):
            save(net, path)
        elif min(found[-patience:]) > min(found):
            break
    return losses, found


# %%
# The rival: labels that are evenly spread
# ----------------------------------------
# A network that gives a label to each step needs to be told each step's.
# Nobody knows them here, so the rival guesses: all labels are equally long.


def spread(logs, lengths, ids):
    """Return the loss if each label takes as many steps, and ends blank."""
    steps = torch.full(logs.shape[:2], -1)
    for row, length, labels in zip(
        steps, lengths.tolist(), ids, strict=True
    ):
        place = torch.arange(length + 1) * len(labels) // length
        row[:length] = torch.tensor(labels)[place[:-1]]
        row[:length][place[1:] != place[:-1]] = 0
    return cross_entropy(logs.mT, steps, ignore_index=-1)


def baseline(net, learned, held_back, test, epochs, path):
    """Return the error of such a network."""
    net = Net(*net.settings)
    train(net, learned, held_back, epochs, path, spread)
    error = measure(load(path), test)
    Path(path).unlink()
    return error


# %%
# Save, load, answer
# ------------------
# The file gets its name only once it is complete.


def save(net, path):
    kept = {"settings": net.settings, "weights": net.state_dict()}
    torch.save(kept, f"{path}.part")
    Path(f"{path}.part").replace(path)


def load(path):
    """Return the network that `save` has written."""
    try:
        kept = torch.load(path, weights_only=True)
        net = Net(*kept["settings"])
        net.load_state_dict(kept["weights"])
    except Exception as error:
        found = f"{type(error).__name__}, {str(error).splitlines()[0]}"
        sys.exit(f"{path}: expected a network of ctc.py, got {found}")
    return net.eval()


@torch.no_grad()
def predict(net, x):
    """Return the labels of numbers, (T, F)."""
    logs = net(x[None], torch.tensor([len(x)]))[0]
    return " ".join(net.labels[k - 1] for k in beam(logs))


# %%
# All of it, in order
# -------------------
# The picture shows a sequence that the network never saw, and at each step
# the probability of each label: mostly a peak at one step for each.


@torch.no_grad()
def picture(net, x, path):
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no picture, since matplotlib is missing")
        return
    fig, (top, bottom) = plt.subplots(2, sharex=True, layout="constrained")
    top.imshow(x.T.numpy(), cmap="Greys", aspect="auto")
    top.set(ylabel="number")
    chances = net(x[None], torch.tensor([len(x)]))[0].exp().T[1:].numpy()
    bottom.imshow(chances, cmap="Blues", aspect="auto", vmin=0, vmax=1)
    bottom.set_yticks(range(len(net.labels)), net.labels)
    bottom.set(xlabel="step", ylabel="label")
    fig.set_label("A sequence, and below it each label's probability.")
    fig.savefig(path)
    print("picture:", path.name)


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?", default="strips.tsv")
    parser.add_argument("sequences", nargs="*")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--out", default="ctc.pt")
    options = parser.parse_args(arguments)
    if options.file.endswith(".pt"):
        net = load(options.file)
        for steps in options.sequences or [""]:
            try:
                print(predict(net, numbers(steps)))
            except (ValueError, RuntimeError):
                width = len(net.mean)
                sys.exit(f"expected steps of {width}, got {steps[:40]!r}")
        return
    torch.manual_seed(0)
    random.seed(0)
    rows = read(options.file)
    learned, held_back, test = split(rows)
    every = torch.cat([x for _, x in learned])
    scale = every.std(0).clamp(min=1e-3).tolist()
    labels = sorted({label for row, _ in rows for label in row})
    net = Net(labels, every.mean(0).tolist(), scale)
    parts = learned, held_back
    train(net, *parts, options.epochs, options.out)
    rival = baseline(
        net, *parts, test, options.epochs, f"{options.out}.even"
    )
    net = load(options.out)
    ours = measure(net, test)
    print(f"sequences with a mistake: greedy {ours:.3f},", end=" ")
    print(f"beam {measure(net, test, beam):.3f}, evenly spread {rival:.3f}")
    print("The network wins." if ours < rival else "Even spread wins.")
    for row, x in test[:3]:
        print(predict(net, x), "and right is", *row)
    picture(net, test[0][1], Path(options.out).with_suffix(".png"))
    print("saved:", Path(options.out).name)


if __name__ == "__main__":
    main([] if "ipykernel" in sys.modules else sys.argv[1:])
