r"""
Write like your text, piece by piece
====================================

You have a text, and a network of characters that reads it slowly: a word
takes five steps, and a state has to last for all of them. This program is
:doc:`/gallery/own/write` with pieces of words in place of characters. The
package ``tokenizers`` finds 500 of them, by byte-pair encoding: again and
again, it joins the two neighbors that occur together most often.

The file is plain text in UTF-8, of any kind, 100,000 characters or more::

    It is a truth universally acknowledged, that a single man in possession
    of a good fortune, must be in want of a wife.

``python pieces.py novel.txt`` trains, says how the network does beside a
table of counts, and saves it. ``python pieces.py pieces.pt "It is"`` loads
it and writes on. With the command of this site, the same pieces come from
``charseq train novel.txt --tokens bpe:500``. All bits here are per
character, so what reads pieces and what reads characters can be compared.
This page shows a short run. The whole takes a minute on one core: 1.97 bits
per character, where :doc:`/gallery/own/write` has 2.08 and the table 2.12.
"""

import argparse
import math
import re
import sys
from collections import Counter
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
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
# Pieces of words
# ---------------
# A word is letters and the space before them; no piece reaches from one
# into the next. Only the part to learn from says which pieces there are.


def find_pieces(learned, alphabet, most=500):
    """Return a tokenizer of the alphabet and of pieces, at most so many."""
    pieces = Tokenizer(models.BPE())
    word = Regex(r" ?[^\W\d_]+|[\W\d_]")
    pieces.pre_tokenizer = pre_tokenizers.Split(word, "isolated")
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + most,
        min_frequency=2,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    pieces.train_from_iterator([learned], trainer)
    return pieces.to_str()


# %%
# Batches in which each row continues
# -----------------------------------
# The text is cut into as many parts as there are rows, to be read side by
# side. A row of a batch begins where it ended in the batch before.


def batches(ids, rows, length=64):
    """Return pairs of x and y, (B, T) each; y is one piece later."""
    rows = min(rows, len(ids) - 1)
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
    """Return units, dropout and rows for so many pieces."""
    if length < 200_000:
        return 128, 0.5, 8
    return 256, 0.25 if length < 2_000_000 else 0.0, 32


class Net(nn.Module):
    """Scores each piece as the next one."""

    def __init__(self, pieces, units, dropout, rows):
        super().__init__()
        self.settings, self.rows = (pieces, units, dropout, rows), rows
        self.pieces = Tokenizer.from_str(pieces)
        ids = range(V := self.pieces.get_vocab_size())
        self.texts = [self.pieces.id_to_token(i) for i in ids]
        self.lengths = torch.tensor([len(piece) for piece in self.texts])
        self.embedding = nn.Embedding(V, 64)
        self.gru = nn.GRU(64, units, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(units, V)

    def forward(self, x, state=None):
        """Take x, (B, T), and the state; return (B, V, T) and the state."""
        states, state = self.gru(self.embedding(x), state)  # (B, T, H)
        return self.head(self.drop(states)).mT, state

    def encode(self, text):
        if (new := sorted({*text} - {*self.texts})) or not text:
            sys.exit(f"expected letters of the text, got {''.join(new)!r}")
        return torch.tensor(self.pieces.encode(text).ids)


# %%
# Train, and keep the best
# ------------------------
# The state goes on from batch to batch; the gradient ends with each. The
# rate grows for 50 updates, then falls along a cosine. The best weights so
# far are saved after each epoch, so a run may be interrupted.


@torch.no_grad()
def measure(net, pairs):
    """Return the bits per character, of which a piece has several."""
    net.eval()
    nats, state = 0.0, None
    for x, y in pairs:
        scores, state = net(x, state)
        nats += cross_entropy(scores, y, reduction="sum").item()
    count = sum(net.lengths[y].sum().item() for _, y in pairs)
    return nats / count / math.log(2)


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
        count = sum(net.lengths[y].float().mean().item() for _, y in pairs)
        losses.append(nats / count / math.log(2))
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
        sys.exit(f"{path}: expected a network of pieces.py, got {found}")
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
        prompt += net.texts[drawn]
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
    parser.add_argument("--out", default="pieces.pt")
    options = parser.parse_args(arguments)
    torch.manual_seed(0)
    if options.file.endswith(".pt"):
        net = load(options.file)
        for prompt in options.prompts or [""]:
            print(write(net, prompt))
        return
    text = read(options.file)
    parts = learned, held_back = split(text)
    pieces = find_pieces(learned, sorted(set(text)))
    ids = [
        torch.tensor(Tokenizer.from_str(pieces).encode(part).ids)
        for part in parts
    ]
    net = Net(pieces, *choose(len(ids[0])))
    pairs = [batches(part, net.rows) for part in ids]
    epochs = options.epochs or max(1, min(40, 80_000_000 // len(text)))
    losses, bits = train(net, *pairs, epochs, options.out)
    net, table = load(options.out), baseline(learned, held_back)
    print(f"bits per character: network {min(bits):.3f}, table {table:.3f}")
    print("The", "network" if min(bits) < table else "table", "wins.")
    written, known = write(net, held_back[:40], 800), {*words(learned)}
    shares = [word in known for word in words(written[40:])] or [False]
    print(f"{sum(shares) / len(shares):.0%} of its words are in the text.")
    print(written[:340])
    picture(losses, bits, table, Path(options.out).with_suffix(".png"))
    print("saved:", Path(options.out).name)


if __name__ == "__main__":
    main([] if "ipykernel" in sys.modules else sys.argv[1:])
