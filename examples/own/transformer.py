r"""
Write like your text: a small transformer
=========================================

You have a text, and want to see the network of today write like it. This
program is :doc:`/gallery/own/write` with two blocks of causal attention in
place of the GRU. While it writes, it keeps what it has computed for earlier
characters, in a *cache*, so a step costs one character and not all of them.

The file is plain text in UTF-8, of any kind, 100,000 characters or more::

    It is a truth universally acknowledged, that a single man in possession
    of a good fortune, must be in want of a wife.

``python transformer.py novel.txt`` trains, says how the network does beside
a table of counts, and saves it. ``python transformer.py transformer.pt "It
is"`` loads it and writes on. This page shows a short run. The whole takes
two minutes on one core, as :doc:`/gallery/own/write` does: 2.17 bits per
character, where the GRU has 2.08 and the table of counts 2.12. On so short
a text the table wins, and three quarters of the words are in the text.
"""

import argparse
import math
import re
import sys
from collections import Counter
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

T = 128  # characters that it sees at once

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
    if len(text) < 2000 or "\0" in text or len(begin) < 50:
        found = f"{len(text):,} that begin with {text[:20]!r}"
        sys.exit(f"{path}: expected 2,000 characters of text, got {found}")
    return text


def split(text):
    cut = len(text) - len(text) // 10
    return text[:cut], text[cut:]


# %%
# Windows of the text
# -------------------
# No state is carried, so a window knows nothing of what was before it. Each
# epoch cuts the text at other places.


def batches(ids, rows):
    """Return windows in random order, (B, T + 1) each."""
    windows = ids[torch.randint(T, ()) :].unfold(0, T + 1, T)
    order = torch.randperm(len(ids) // T - 1)  # so many, wherever it begins
    return windows[order].split(rows)


# %%
# The network
# -----------
# In a block, each character looks at those before it and takes a weighted
# mean of their values (attention). A small network works on the result.


class Block(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads, self.drop = heads, nn.Dropout(dropout)
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        wide, back = (
            nn.Linear(width, 4 * width),
            nn.Linear(4 * width, width),
        )
        self.work = nn.Sequential(wide, nn.GELU(), back)

    def forward(self, x, cache=None):
        """Take x, (B, T, width); with a cache, it follows what is there."""
        qkv = self.qkv(self.norm_1(x)).unflatten(-1, (3 * self.heads, -1))
        q, k, v = qkv.transpose(1, 2).chunk(3, 1)  # (B, heads, T, _) each
        if cache is not None:
            k, v = torch.cat((cache[0], k), 2), torch.cat((cache[1], v), 2)
        causal = cache is None  # or else x is one character, the last
        seen = scaled_dot_product_attention(q, k, v, is_causal=causal)
        x = x + self.drop(self.mix(seen.transpose(1, 2).flatten(2)))
        return x + self.drop(self.work(self.norm_2(x))), (k, v)


class Net(nn.Module):
    """Scores each character of the alphabet as the next one."""

    def __init__(self, alphabet, width=128, heads=4, dropout=0.2):
        super().__init__()
        self.alphabet = alphabet
        self.settings = alphabet, width, heads, dropout
        self.embedding = nn.Embedding(len(alphabet), width)
        self.places = nn.Embedding(T, width)
        blocks = [Block(width, heads, dropout) for _ in range(2)]
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, len(alphabet))

    def forward(self, x, caches=(None, None)):
        """Take x, (B, T), and caches; return (B, V, T) and new caches."""
        start = 0 if caches[0] is None else caches[0][0].shape[2]
        places = torch.arange(start, start + x.shape[1])
        x = self.embedding(x) + self.places(places)  # (B, T, width)
        new = []
        for block, cache in zip(self.blocks, caches, strict=True):
            x, kept = block(x, cache)
            new.append(kept)
        return self.head(self.norm(x)).mT, new

    def encode(self, text):
        if (new := sorted({*text} - {*self.alphabet})) or not text:
            sys.exit(f"expected letters of the text, got {''.join(new)!r}")
        return torch.tensor([self.alphabet.index(c) for c in text])


# %%
# Train, and keep the best
# ------------------------
# The rate grows for 50 updates, then falls along a cosine. The best so far
# is saved after each epoch, so a run may be interrupted. To measure,
# windows overlap, and only their second halves count.


@torch.no_grad()
def measure(net, ids):
    """Return the bits per character."""
    net.eval()
    windows, nats = ids.unfold(0, T + 1, T // 2), 0.0
    for batch in windows.split(64):
        scores, y = net(batch[:, :-1])[0], batch[:, 1:]
        half = scores[..., T // 2 :], y[:, T // 2 :]
        nats += cross_entropy(*half, reduction="sum").item()
    return nats / len(windows) / (T // 2) / math.log(2)


def rate(update, updates):
    warm = min(50, updates // 10)
    falling = 1 + math.cos(math.pi * (update - warm) / (updates - warm))
    return 0.002 * ((update + 1) / warm if update < warm else falling / 2)


def train(net, ids, held_back, epochs, path, patience=5):
    """Return the bits of training and of validation after each epoch."""
    updates = len(batches(ids, 8))
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.15)
    losses, bits = [], []
    for epoch in range(epochs):
        net.train()
        nats = 0.0
        for i, batch in enumerate(batches(ids, 8)):
            lr = rate(epoch * updates + i, epochs * updates)
            optimizer.param_groups[0]["lr"] = lr
            x, y = batch[:, :-1], batch[:, 1:]
            scores, _ = net(x)
            loss = cross_entropy(scores, y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            nats += loss.item()
        losses.append(nats / updates / math.log(2))
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
# The file gets its name only once it is complete. When T characters are
# written, the cache is full, and the last half of them is read anew.


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
        sys.exit(
            f"{path}: expected a network of transformer.py, got {found}"
        )
    return net.eval()


@torch.no_grad()
def write(net, prompt, length=300, temperature=0.8, top_p=0.95):
    """Return the prompt and what the network writes after it."""
    ids = net.encode(prompt)
    scores, caches = net(ids[None, -T // 2 :])
    for _ in range(length):
        chances = (scores[0, :, -1] / temperature).softmax(0)  # (V,)
        chances, order = chances.sort(descending=True)
        chances[chances.cumsum(0) - chances >= top_p] = 0
        drawn = order[chances.multinomial(1)]
        ids = torch.cat((ids, drawn))
        if caches[0][0].shape[2] == T:
            scores, caches = net(ids[None, -T // 2 :])
        else:
            scores, caches = net(drawn[None], caches)
        prompt += net.alphabet[drawn]
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
    parser.add_argument("--out", default="transformer.pt")
    options = parser.parse_args(arguments)
    torch.manual_seed(0)
    if options.file.endswith(".pt"):
        net = load(options.file)
        for prompt in options.prompts or [""]:
            print(write(net, prompt))
        return
    text = read(options.file)
    parts = learned, held_back = split(text)
    net = Net("".join(sorted(set(text))))
    ids = [net.encode(part) for part in parts]
    epochs = options.epochs or max(1, min(22, 20_000_000 // len(text)))
    losses, bits = train(net, *ids, epochs, options.out)
    net, table = load(options.out), baseline(learned, held_back)
    print(f"bits per character: network {min(bits):.3f}, table {table:.3f}")
    print("The", "network" if min(bits) < table else "table", "wins.")
    written, known = write(net, held_back[:40], 1000), {*words(learned)}
    shares = [word in known for word in words(written[40:])] or [False]
    print(f"{sum(shares) / len(shares):.0%} of its words are in the text.")
    print(written[:340])
    picture(losses, bits, table, Path(options.out).with_suffix(".png"))
    print("saved:", Path(options.out).name)


if __name__ == "__main__":
    main([] if "ipykernel" in sys.modules else sys.argv[1:])
