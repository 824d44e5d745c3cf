r"""
One label for each text: a network that reads letters
=====================================================

You have texts with one label each: names and their language, messages and
whether they are spam, titles and their genre. You get a network that gives
a new text its label, and the probability of that label.

The file is a CSV in UTF-8. If a third column says which rows belong
together, such as messages of one person, they are never both learned from
and tested; here it has a number for each place::

    text,label,group
    ossetic,English,0
    ossète,French,0

``python classify.py names.csv`` trains, says how the network does beside
naive Bayes, and saves it. ``python classify.py classify.pt Kowalski``
loads it and answers. Of a long text the first 400 letters are read. This
page shows a short run. The whole takes half a minute on one core: 79 % of
new names are right, and naive Bayes, with 82 %, wins. (Without groups it
would seem to lose: the network would know a place's name in Dutch when it
is asked for the German one.) On 5,574 text messages, spam or not, the
network wins, with an F1 of 0.98 against 0.97.
"""

import argparse
import csv
import math
import random
import sys
from collections import Counter
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import rnn

LONGEST = 400  # letters of a text that are read

# %%
# Read the file, and check it
# ---------------------------
# A text with a comma needs quotes. A label that hardly any row has is
# usually a typo, and there is nothing to learn it from.


def read(path):
    """Return text, label and group of each row, or say what is wrong."""
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            rows = [(lines.line_num, row) for row in lines if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        sys.exit(f"{path}: expected a CSV in UTF-8, got an error: {error}")
    if rows and rows[0][1][:2] == ["text", "label"]:
        del rows[0]
    for line, row in rows:
        if len(row) not in (2, 3) or not all(map(str.strip, row)):
            found = f"expected text,label or text,label,group, got {row}"
            sys.exit(f"{path}, line {line}: {found}")
        row += row[:1] * (len(row) == 2)  # a group of its own
    counts = Counter(row[1] for _, row in rows)
    found = [len(rows), len(counts), len({row[2] for _, row in rows})]
    if any(a < b for a, b in zip(found, (50, 2, 10), strict=True)):
        said = "expected 50 rows, 2 labels and 10 groups or more, got"
        sys.exit(f"{path}: {said} {found[0]}, {found[1]} and {found[2]}")
    rare = [f"{label!r} of {n}" for label, n in counts.items() if n < 5]
    if rare:
        line = next(line for line, row in rows if counts[row[1]] < 5)
        found = f"a label of 5 rows or more, got {', '.join(rare[:5])}"
        sys.exit(f"{path}, line {line}: expected {found}")
    return [(text[:LONGEST], *others) for _, (text, *others) in rows]


def split(rows):
    """Return rows for training, validation and test, 8 : 1 : 1."""
    groups = sorted({group for _, _, group in rows})
    random.Random(0).shuffle(groups)
    tenth, parts = len(groups) // 10, ([], [], [])
    of = {group: min(k // tenth, 2) for k, group in enumerate(groups)}
    for text, label, group in sorted(set(rows)):
        parts[of[group]].append((text, label))
    return parts[2], parts[0], parts[1]


# %%
# Batches of texts that are about as long
# ---------------------------------------
# Texts are sorted by length and cut into batches, so there is little
# padding. Then the batches are shuffled.


def batches(net, rows, size=64):
    """Yield ids, (B, T), padded with 0, and numbers of labels, (B,)."""
    rows = random.sample(rows, len(rows))
    rows.sort(key=lambda row: len(row[0]))
    parts = [rows[i : i + size] for i in range(0, len(rows), size)]
    for part in random.sample(parts, len(parts)):
        ids = [net.encode(text) for text, _ in part]
        labels = [net.labels.index(label) for _, label in part]
        yield rnn.pad_sequence(ids, True), torch.tensor(labels)


# %%
# The network
# -----------
# A GRU reads each text in both directions. The mean and the maximum of its
# states over the real steps decide. In training, one letter in twenty is
# hidden, so the network learns what to do about letters that it never saw.


class Net(nn.Module):
    """Scores each label for each text."""

    def __init__(self, alphabet, labels, units=128, dropout=0.5):
        super().__init__()
        self.settings = alphabet, labels, units, dropout
        self.labels = labels
        self.ids = {c: i for i, c in enumerate(alphabet, 2)}
        self.embedding = nn.Embedding(len(alphabet) + 2, 32, padding_idx=0)
        self.gru = nn.GRU(32, units, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(4 * units, len(labels))

    def forward(self, ids):
        """Take ids, (B, T), and return scores, (B, labels)."""
        real = ids > 0
        lengths = real.sum(1)
        if self.training:
            ids = ids.where((torch.rand(ids.shape) > 0.05) | ~real, 1)
        x = rnn.pack_padded_sequence(
            self.embedding(ids), lengths, True, enforce_sorted=False
        )
        states, _ = rnn.pad_packed_sequence(self.gru(x)[0], True)
        mean = states.sum(1) / lengths[:, None]  # (B, 2H)
        top = states.masked_fill(~real[..., None], -math.inf).amax(1)
        return self.head(self.drop(torch.cat([mean, top], 1)))

    def encode(self, text):
        """Return ids: without a “K” that of “k”, and 1 for the unknown."""
        ids = [self.ids.get(c, self.ids.get(c.lower(), 1)) for c in text]
        return torch.tensor(ids[:LONGEST])


# %%
# Train, and keep the best
# ------------------------
# The mean of the labels' F1 decides which epoch was best, since accuracy
# forgets rare labels. Its weights are saved at once, so a run may be
# interrupted.


@torch.no_grad()
def measure(net, rows):
    """Return pairs of the right label and the network's."""
    net.eval()
    pairs = []
    for ids, labels in batches(net, rows):
        pairs += zip(
            labels.tolist(), net(ids).argmax(1).tolist(), strict=True
        )
    return [(net.labels[a], net.labels[b]) for a, b in pairs]


def scores(pairs):
    """Return the accuracy and the mean of the labels' F1."""
    both = Counter(right for right, said in pairs if right == said)
    right, said = map(Counter, zip(*pairs, strict=True))
    f1 = [2 * both[k] / (right[k] + said[k]) for k in right | said]
    return both.total() / len(pairs), sum(f1) / len(f1)


def train(net, rows, held_back, epochs, path, patience=6):
    """Return the loss and the F1 of validation after each epoch."""
    optimizer = torch.optim.AdamW(
        net.parameters(), 0.004, weight_decay=0.05
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    losses, found = [], []
    for epoch in range(epochs):
        net.train()
        nats = []
        for ids, labels in batches(net, rows):
            loss = cross_entropy(net(ids), labels)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            nats.append(loss.item())
        schedule.step()
        losses.append(sum(nats) / len(nats))
        found.append(scores(measure(net, held_back))[1])
        told = f"loss {losses[-1]:.3f}  validation {found[-1]:.3f}"
        print(f"epoch {epoch + 1:2}  {told}", flush=True)
        if found[-1] == max(found):
            save(net, path)
        elif max(found[-patience:]) < max(found):
            break
    return losses, found


# %%
# The rival: naive Bayes
# ----------------------
# It counts pieces of up to four letters under each label, and multiplies
# their shares as if they were independent.


def pieces(text):
    text, sizes = f"^{text}$", range(1, 5)
    return [
        text[i : i + n] for n in sizes for i in range(len(text) - n + 1)
    ]


def baseline(learned, test, add=0.3):
    """Return pairs of the right label and that of naive Bayes."""
    times = Counter(label for _, label in learned)
    seen = {label: Counter() for label in times}
    for text, label in learned:
        seen[label].update(pieces(text))
    kinds = len(set().union(*seen.values()))
    logs = {}
    for label, count in seen.items():
        total = count.total() + add * kinds
        logs[label] = {
            p: math.log((n + add) / total) for p, n in count.items()
        }
        logs[label][None] = math.log(add / total)  # of a new piece

    def chance(label, cut):
        log = logs[label]
        found = sum(log.get(piece, log[None]) for piece in cut)
        return found + math.log(times[label])

    cuts = [(label, pieces(text)) for text, label in test]
    return [(k, max(logs, key=lambda j: chance(j, cut))) for k, cut in cuts]


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
        sys.exit(f"{path}: expected a network of classify.py, got {found}")
    return net.eval()


@torch.no_grad()
def predict(net, text):
    """Return the label of a text, and its probability."""
    if not text:
        sys.exit("expected a text, got ''")
    chance, best = net(net.encode(text)[None]).softmax(1).max(1)
    return net.labels[best], round(chance.item(), 2)


# %%
# All of it, in order
# -------------------
# In the picture each row is a label, and its dark squares are what the
# network answers.


def picture(labels, pairs, path):
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no picture, since matplotlib is missing")
        return
    seen, right = Counter(pairs), Counter(right for right, _ in pairs)
    shares = [
        [seen[a, b] / max(right[a], 1) for b in labels] for a in labels
    ]
    fig, ax = plt.subplots(layout="constrained")
    ax.imshow(shares, cmap="Blues")
    ax.set_xticks(range(len(labels)), labels, rotation=90)
    ax.set_yticks(range(len(labels)), labels)
    ax.set(xlabel="what the network says", ylabel="what is right")
    fig.set_label("How often each true label gets each answer.")
    fig.savefig(path)
    print("picture:", path.name)


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?", default="names.csv")
    parser.add_argument("texts", nargs="*")
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--out", default="classify.pt")
    options = parser.parse_args(arguments)
    if options.file.endswith(".pt"):
        net = load(options.file)
        for text in options.texts or [""]:
            print(text, *predict(net, text))
        return
    torch.manual_seed(0)
    random.seed(0)
    rows = read(options.file)
    learned, held_back, test = split(rows)
    alphabet = "".join(sorted({c for text, _ in learned for c in text}))
    net = Net(alphabet, sorted({label for _, label, _ in rows}))
    train(net, learned, held_back, options.epochs, options.out)
    net = load(options.out)
    pairs, rivals = measure(net, test), baseline(learned, test)
    for name, found in ("network", pairs), ("naive Bayes", rivals):
        accuracy, f1 = scores(found)
        print(f"test, {name}: accuracy {accuracy:.3f}, F1 {f1:.3f}")
    wins = scores(pairs)[1] > scores(rivals)[1]
    print("The network wins." if wins else "Naive Bayes wins.")
    for text, label in test[:3]:
        print(text, *predict(net, text), "and right is", label)
    picture(net.labels, pairs, Path(options.out).with_suffix(".png"))
    print("saved:", Path(options.out).name)


if __name__ == "__main__":
    main([] if "ipykernel" in sys.modules else sys.argv[1:])
