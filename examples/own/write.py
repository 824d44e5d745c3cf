r"""
Write like your text: a network of characters
=============================================

You have a text: a novel, a diary, a thousand recipes, a program. You get a
network that has read it and continues in its style, letter by letter. With
100,000 characters or more, most of what it writes are real words.

The file is plain text in UTF-8, of any kind::

    It is a truth universally acknowledged, that a single man in possession
    of a good fortune, must be in want of a wife.

``python write.py novel.txt`` trains, says how the network does beside a
table of counts, and saves it. ``python write.py write.pt "It is"`` loads it
and writes on. This page shows a short run, on a seventh of the sample. The
whole takes two minutes on one core: 2.08 bits per character, where the
table has 2.12, and 77 % of the words that it writes are in the text.
"""

import argparse
import math
import re
import sys
from collections import Counter
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy

# %%
# Read the file, and check it
# ---------------------------
# A byte order mark and the carriage returns of Windows are left out, or the
# network would learn to write them. The last tenth is for validation.


def read(path):
    """Return the text of a file, or say in a sentence what is wrong."""
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"{path}: expected a text in UTF-8, got an error: {error}")
    begin = {text[i : i + 5] for i in range(1000)}  # the same ones again?
    if len(text) < 1000 or "\0" in text or len(begin) < 50:
        found = f"{len(text):,} that begin with {text[:20]!r}"
        sys.exit(f"{path}: expected 1,000 characters of text, got {found}")
    return text


def split(text):
    cut = len(text) - len(text) // 10
    return text[:cut], text[cut:]


# %%
# Batches in which each row continues
# -----------------------------------
# The text is cut into as many parts as there are rows, to be read side by
# side. A row of a batch begins where it ended in the batch before.


def batches(ids, rows, length=64):
    """Return pairs of x and y, (B, T) each; y is one character later."""
    columns = (len(ids) - 1) // rows
    x = ids[: rows * columns].view(rows, columns).split(length, 1)
    y = ids[1 : rows * columns + 1].view(rows, columns).split(length, 1)
    return list(zip(x, y, strict=True))


# %%
# The network
# -----------
# How large it is follows from the length of the text: a short one would be
# learned by heart.


def choose(length):
    """Return units, dropout and rows for a text of this length."""
    if length < 200_000:
        return 128, 0.5, 8
    return 256, 0.25 if length < 2_000_000 else 0.0, 32


class Net(nn.Module):
    """Scores each character of the alphabet as the next one."""

    def __init__(self, alphabet, units, dropout, rows):
        super().__init__()
        self.alphabet, self.rows = alphabet, rows
        self.settings = alphabet, units, dropout, rows
        self.embedding = nn.Embedding(len(alphabet), 64)
        self.gru = nn.GRU(64, units, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(units, len(alphabet))

    def forward(self, x, state=None):
        """Take x, (B, T), and the state; return (B, V, T) and the state."""
        states, state = self.gru(self.embedding(x), state)  # (B, T, H)
        return self.head(self.drop(states)).mT, state

    def encode(self, text):
        if (new := sorted({*text} - {*self.alphabet})) or not text:
            sys.exit(f"expected letters of the text, got {''.join(new)!r}")
        return torch.tensor([self.alphabet.index(c) for c in text])


# %%
# Train, and keep the best
# ------------------------
# The state goes on from batch to batch; the gradient ends with each. The
# rate grows for 50 updates, then falls along a cosine. The best weights so
# far are saved after each epoch, so a run may be interrupted.


@torch.no_grad()
def measure(net, pairs):
    """Return the bits per character."""
    net.eval()
    nats, state = 0.0, None
    for x, y in pairs:
        scores, state = net(x, state)
        nats += cross_entropy(scores, y, reduction="sum").item()
    return nats / sum(y.numel() for _, y in pairs) / math.log(2)


def rate(update, updates):
    warm = min(50, updates // 10)
    falling = 1 + math.cos(math.pi * (update - warm) / (updates - warm))
    return 0.005 * ((update + 1) / warm if update < warm else falling / 2)


def train(net, pairs, held_back, epochs, path, patience=5):
    """Return the bits of training and of validation after each epoch."""
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.15)
    losses, bits = [], []
    for epoch in range(epochs):
        net.train()
        nats, state = 0.0, None
        for update, (x, y) in enumerate(pairs, epoch * len(pairs)):
            lr = rate(update, epochs * len(pairs))
            optimizer.param_groups[0]["lr"] = lr
            scores, state = net(x, state)
            state = state.detach()
            loss = cross_entropy(scores, y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            nats += loss.item()
        losses.append(nats / len(pairs) / math.log(2))
        bits.append(measure(net, held_back))
        told = f"loss {losses[-1]:.3f}  validation {bits[-1]:.3f}"
        print(f"epoch {epoch + 1:2}  {told}", flush=True)
        if bits[-1] == min(bits):
            save(net, path)
        elif min(bits[-patience:]) > min(bits):
            break
    return losses, bits


# %%
# The rival: a table of counts
# ----------------------------
# It counts what follows each string of up to 7 characters, and mixes what
# it knows after longer and shorter ones: the more different characters
# follow a string, the more the shorter one counts (Witten and Bell).


def baseline(text, held_back):
    """Return the bits per character of the best table."""
    chances = [1 / len(set(text + held_back))] * len(held_back)
    times, bits = {"": len(text)}, []
    for n in range(8):
        seen = Counter(text[i : i + n + 1] for i in range(len(text) - n))
        kinds = Counter(string[:-1] for string in seen)
        for i in range(n, len(held_back)):
            string = held_back[i - n : i + 1]
            if new := kinds[string[:-1]]:
                count = seen[string] + new * chances[i]
                chances[i] = count / (times[string[:-1]] + new)
        bits.append(-sum(map(math.log2, chances)) / len(chances))
        times = seen
    return min(bits)


# %%
# Save, load, write
# -----------------
# The file gets its name only when it is complete. Temperature and top-p
# keep the network from rare characters, which would lead it astray.


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
        sys.exit(f"{path}: expected a network of write.py, got {found}")
    return net.eval()


@torch.no_grad()
def write(net, prompt, length=300, temperature=0.8, top_p=0.95):
    """Return the prompt and what the network writes after it."""
    scores, state = net(net.encode(prompt)[None])
    for _ in range(length):
        chances = (scores[0, :, -1] / temperature).softmax(0)  # (V,)
        chances, order = chances.sort(descending=True)
        chances[chances.cumsum(0) - chances >= top_p] = 0
        drawn = order[chances.multinomial(1)]
        prompt += net.alphabet[drawn]
        scores, state = net(drawn[None], state)
    return prompt


# %%
# All of it, in order
# -------------------
# Of the words that the network writes, how many are in the text? This says
# more than bits do.


def picture(losses, bits, table, path):
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no picture, since matplotlib is missing")
        return
    fig, ax = plt.subplots()
    ax.plot(losses, label="training")
    ax.plot(bits, label="validation")
    ax.axhline(table, linestyle=":", label="table of counts")
    ax.set(xlabel="epoch", ylabel="bits per character")
    ax.legend()
    fig.set_label("Bits per character after each epoch, and the table's.")
    fig.savefig(path)
    print("picture:", path.name)


def words(text):
    return re.findall(r"[^\W\d_]{3,}", text.lower())


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?", default="novel.txt")
    parser.add_argument("prompts", nargs="*")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--out", default="write.pt")
    options = parser.parse_args(arguments)
    torch.manual_seed(0)
    if options.file.endswith(".pt"):
        net = load(options.file)
        for prompt in options.prompts or [""]:
            print(write(net, prompt))
        return
    text = read(options.file)
    parts = learned, held_back = split(text)
    net = Net("".join(sorted(set(text))), *choose(len(learned)))
    pairs = [batches(net.encode(part), net.rows) for part in parts]
    epochs = options.epochs or max(1, min(40, 80_000_000 // len(text)))
    losses, bits = train(net, *pairs, epochs, options.out)
    net, table = load(options.out), baseline(learned, held_back)
    print(f"bits per character: network {min(bits):.3f}, table {table:.3f}")
    print("The", "network" if min(bits) < table else "table", "wins.")
    written, known = write(net, held_back[:40], 2000), {*words(learned)}
    shares = [word in known for word in words(written[40:])] or [False]
    print(f"{sum(shares) / len(shares):.0%} of its words are in the text.")
    print(written[:340])
    picture(losses, bits, table, Path(options.out).with_suffix(".png"))
    print("saved:", Path(options.out).name)


if __name__ == "__main__":
    main([] if "ipykernel" in sys.modules else sys.argv[1:])
