"""What pieces of words are worth: one GRU on one novel, cut into characters, pieces or words.

    .venv/bin/python benchmarks/words.py

trains the same GRU for each way of cutting and each seed, and writes ``docs/_records/words.json``:
the bits per *character* of the held-back chapters, the weights, and the CPU seconds. It takes
about fifteen CPU minutes on one thread. ``--only NAME`` makes one part of it anew. The chapter on
words shows the figures.

Every network reads the same characters in the same order: an update takes about 32 characters of
each of 32 rows of the novel, however many tokens these are, so all have equally many updates, and
blame goes equally far back. All other settings are equal, too.

A word network can't read a word that it doesn't know. In its place it predicts a sign, "unknown",
and then the word has to be spelled: the character network of the same seed does that, at that
place, and has to predict that the word ends, too. Without this bill ("unpaid") the network has
predicted another text, one in which all unknown words are the same.

``--only merges`` writes the pairs of the live part, docs/_records/pieces.json.
"""

import ast
import re
import time
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import recording
import torch
from recording import chosen, cosine, count_weights, fit
from torch import nn
from torch.nn.functional import cross_entropy

from charseq import Corpus, load_text

PAGE = Path(__file__).parents[1] / "docs" / "learn" / "words.md"
CODE = ("split_words", "join", "learn_merges", "encode")  # of the page
VALID = 0.077  # of pride-train: what the pieces are measured on, not learned from
MOST = 2000  # merges of the part `pieces`
CUTS = (0, 50, 100, 200, 500, 1000, 2000, "words")  # merges, or words
H, E, ROWS, LENGTH, RATE = 64, 32, 32, 32, 0.005
PLAN = {  # what is recorded
    "once": {"cuts": CUTS, "seeds": range(5)},
    "four times": {"cuts": (0, 200, 1000, 2000, "words"), "seeds": range(2), "passes": 4},
    "large": {"cuts": (0,), "seeds": range(1), "units": 360},  # as many weights as for words
}
LEAST = 2  # a word that is rarer is unknown
UNKNOWN = ""  # the token in its place
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@cache
def page_code():
    """Return the page's functions that make tokens, by name."""
    cells = re.findall(r"```\{code-cell\} python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names = {"re": re, "Counter": Counter, "defaultdict": defaultdict}
    for cell in cells:
        if not any(f"def {name}(" in cell for name in CODE):
            continue
        body = [node for node in ast.parse(cell).body if getattr(node, "name", "") in CODE]
        exec(compile(ast.Module(body, []), str(PAGE), "exec"), names)
    return {name: names[name] for name in CODE}


@cache
def texts():
    """Return the chapters to learn from, and those that are held back."""
    parts = Corpus.from_text(load_text("pride-train")).split(valid=VALID)
    return tuple(part.decode() for part in parts)


@cache
def merges(most=MOST):
    """Return the pairs that the chapter's code joins in the chapters to learn from, in order."""
    return page_code()["learn_merges"](texts()[0], most)


def known_words(text):
    """Return the words that occur often enough, and all single characters."""
    counts = Counter(page_code()["split_words"](text))
    return {word for word in counts if counts[word] >= LEAST} | set(text)


def cut_texts(texts, cut):
    """Return the tokens of both texts, and the vocabulary, which the first one has."""
    code = page_code()
    if cut == "words":
        known = known_words(texts[0])
        words = map(code["split_words"], texts)
        tokens = [[word if word in known else UNKNOWN for word in text] for text in words]
        return tokens, [UNKNOWN, *sorted(known)]
    pairs = merges()[:cut]
    return [code["encode"](text, pairs) for text in texts], [
        *sorted(set(texts[0])),
        *map("".join, pairs),
    ]


def record_merges():
    """Write what the browser needs: the characters, and the merges in order, such as "h|e/ |t"."""
    chars = "".join(sorted(set(load_text("pride-train"))))
    table = {"chars": chars, "merges": "/".join("|".join(pair) for pair in merges())}
    recording.write("pieces", table)


class Reader(nn.Module):
    """An embedding, a GRU, and an output layer."""

    def __init__(self, V, units=H):
        super().__init__()
        self.table = nn.Embedding(V, E)
        self.gru = nn.GRU(E, units, batch_first=True)
        self.head = nn.Linear(units, V)

    def forward(self, ids, state=None):
        states, state = self.gru(self.table(ids), state)
        return self.head(states), state


def train(net, ids, characters, passes):
    """Train a network on tokens that are that many characters; return its CPU seconds."""
    start = time.process_time()
    batches = characters // (ROWS * LENGTH)
    n = (len(ids) - 1) // ROWS
    streams = ids[: n * ROWS + 1].unfold(0, n + 1, n)  # (ROWS, n + 1)
    ends = np.linspace(0, n, batches + 1).astype(int)
    state = None

    def loss_of(update):
        nonlocal state
        begin, end = ends[update % batches], ends[update % batches + 1]
        before = state.detach() if update % batches else None
        logits, state = net(streams[:, begin:end], before)
        return cross_entropy(logits.flatten(0, 1), streams[:, begin + 1 : end + 1].flatten())

    fit(net, RATE, passes * batches, loss_of, schedule=cosine)
    return time.process_time() - start


@torch.no_grad()
def read(net, ids, first):
    """Return what each token costs in bits, and the logits; a token `first` is read before."""
    ids_read = torch.cat([torch.tensor([first]), ids])
    logits, state = [], None
    for part in ids_read[:-1].split(1000):
        scores, state = net(part[None], state)
        logits.append(scores[0])
    logits = torch.cat(logits)
    return cross_entropy(logits, ids, reduction="none").numpy() / np.log(2), logits


def spelling(text, known, costs, logits, vocabulary):
    """Return the bits that the unknown words cost a network of characters, with their ends."""
    letters = [vocabulary.index(char) for char in LETTERS if char in vocabulary]
    inside = logits.log_softmax(dim=1)[:, letters].exp().sum(dim=1)
    ends = -np.log2(np.append(1 - inside.numpy(), 1.0))
    total, place = 0.0, 0
    for word in page_code()["split_words"](text):
        if word not in known:
            total += costs[place : place + len(word)].sum() + ends[place + len(word)]
        place += len(word)
    return total


def as_ids(tokens, vocabulary):
    ids = {token: place for place, token in enumerate(vocabulary)}
    return torch.tensor([ids[token] for token in tokens])


def compare(texts, cuts, seeds, passes=1, units=H):
    """Return a record for each cut and seed; `texts` are those to learn from and to measure on."""
    runs, of_cut = [], {cut: cut_texts(texts, cut) for cut in cuts}
    learned, held_back = texts
    known = known_words(learned)
    for seed in seeds:
        spelled = 0.0
        for cut, ((tokens, others), vocabulary) in of_cut.items():
            torch.manual_seed(seed)
            net = Reader(len(vocabulary), units)
            seconds = train(net, as_ids(tokens, vocabulary), len(learned), passes)
            costs, logits = read(net, as_ids(others, vocabulary), vocabulary.index("\n"))
            if cut == 0:
                spelled = spelling(held_back, known, costs, logits, vocabulary)
            total = float(costs.sum()) + spelled * (cut == "words")
            run = {"cut": cut, "seed": seed, "V": len(vocabulary), "tokens": len(others)}
            run["weights"] = count_weights(net)
            run["seconds"] = round(seconds, 1)
            run["bits"] = round(total / len(held_back), 4)
            if cut == "words":
                run["unpaid"] = round(float(costs.sum()) / len(held_back), 4)
            runs.append(run)
            print(run, flush=True)
    return runs


def main():
    parts = chosen(__doc__, ["merges", *PLAN])
    learned, record = texts(), recording.read("words")
    for name in parts:
        if name == "merges":
            record_merges()
        else:
            record[name] = compare(learned, **PLAN[name])
            recording.write("words", record)


if __name__ == "__main__":
    main()
