"""What probes and sparse autoencoders find in the states of `austen`, and in untrained networks.

    .venv/bin/python benchmarks/features.py

writes ``benchmarks/features.json``. It takes about five CPU minutes on one thread.

A sparse autoencoder is trained on the states after 100,000 characters of ``pride-train``: it writes
each state of 256 numbers as a sum of at most 16 of 1,024 directions. It keeps the 16 largest
activations (*top-k*) instead of paying for their sum (L1), so that all autoencoders compared here
are equally sparse by construction, and nothing is shrunk. It sees no label. There is one for each
of five seeds, and one for an untrained network of each of five seeds.

Labels of ``pride-test`` then judge single units, single features, single directions at random
(an autoencoder before its training), and a probe: which column, with which threshold, finds a label
best? All are chosen on the first half of the text and measured on the second, by the AUC of the
chapter *Look inside* and by F1. `MEANINGS` was not written down blindly: a pilot with three
autoencoders of 768 features had tried nearly the same labels on the same two halves. One feature is
then taken out of the state after each character, to see which predictions need it; that feature,
and all of `shown`, come from seed 0 alone.
"""

import argparse
import base64
import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from charseq import CharRNN, NumpyNet, load_net, load_text
from charseq.reference import cross_entropy, output_layer

FILE = Path(__file__).with_name("features.json")
H, F, K = 256, 1024, 16
READ, STEPS, ROWS, RATE, SEEDS = 100_000, 1000, 256, 0.001, 5
SHOWN, BEGIN, LENGTH = "-ed", "pleased that he explained", 94  # a label, and a passage for it
QUOTES = 22  # the unit that follows quotation marks
TAKEN = 16_000  # characters that are read without the feature
RIDGE = 10  # what a probe pays for its squared weights
CUTS = 60  # thresholds that are tried for each column
MEANINGS = {  # what is true after a character: it is inside a match
    "Mr, Mrs, Miss": r"\b(?:Mr|Mrs|Miss)\b",
    "name after a title": r"(?:(?<=Mr\. )|(?<=rs\. )|(?<=iss ))[A-Z][a-z]+",
    "Elizabeth": r"\bElizabeth\b",
    "name in a sentence": r"(?<=[a-z,;] )[A-Z][a-z]{2,}",
    "first word of a sentence": r"(?<=[.!?] )[A-Z]\w*",
    "question": r"[^.!?\n\"]*\?",
    "exclamation": r"[^.!?\n\"]*!",
    "first line of a paragraph": r"(?<=\n\n)[^\n]*",
    "said he": r"(?<=\"[ \n])[a-z]+ [A-Za-z]+",
    "after a closing mark": r"(?<=[.,!?]\").{1,3}",
    "after a dash": r"(?<=--)[^,.;!?]{1,20}",
    "after a semicolon": r"(?<=;)[^.;!?\n]{1,25}",
    "had, has, have": r"\b(?:had|has|have)\b",
    "he, she, they": r"(?i)\b(?:he|she|they|him|her|them|his|their)\b",
    "am, is, are": r"\b(?:am|is|are|was|were|be|been|being)\b",
    "could, would": r"\b(?:could|would|should|might|must|can|will|shall|may)\b",
    "-ing": r"ing\b",
    "-ed": r"ed\b",
    "-ly": r"ly\b",
    "-tion": r"tion\b",
    "-self": r"(?:self|selves)\b",
    "the": r"\bthe\b",
    "and": r"\band\b",
    "word after the": r"(?<=\bthe )\w+",
    "word after to": r"(?<=\bto )\w+",
    "word after of": r"(?<=\bof )\w+",
    "word after very": r"(?<=\bvery )\w+",
    "word after not": r"(?<=\bnot )\w+",
    "word after he": r"(?i)(?<=[ s]he )\w+",
    "word after I": r"(?<=\bI )\w+",
    "4th letter or later": r"(?<=\b\w\w\w)\w+",
    "7th letter or later": r"(?<=\b\w\w\w\w\w\w)\w+",
    "last letter of a word": r"[A-Za-z](?![A-Za-z])",
    "double letter": r"(?<=(\w))\1",
    "space": r" ",
    "after you": r"(?s)(?<=\byou\b).{1,20}",
    "start of a line": r"(?m)^.{1,7}",
    "end of a line": r"(?m)(?<=.{60}).+",
}


def describe(text):
    """Return the labels, (T, labels), and their names; the first three are the chapter's."""
    quoted, capital, rows = False, False, []
    for i, char in enumerate(text):
        if text[i - 1 : i + 1] == "\n\n":  # an empty line
            quoted = False
        quoted = quoted != (char == '"')
        starts = char.isalpha() and not text[i - 1 : i].isalpha()
        capital = char.isalpha() and (char.isupper() if starts else capital)
        rows.append((quoted, capital, starts))
    columns = [*np.array(rows).T]
    for pattern in MEANINGS.values():
        column = np.zeros(len(text), bool)
        for match in re.finditer(pattern, text):
            column[match.start() : match.end()] = True
        columns.append(column)
    names = ["in quotation marks", "capitalized", "word starts", *MEANINGS]
    return np.column_stack(columns), names


class Sparse(torch.nn.Module):
    """A sparse autoencoder: scores of F directions, of which the K largest add up to the state."""

    def __init__(self, states, seed):
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)
        directions = torch.randn(F, H, generator=self.generator)
        directions /= directions.norm(dim=1, keepdim=True)
        self.encoder = torch.nn.Parameter(directions.clone())
        self.offsets = torch.nn.Parameter(torch.zeros(F))
        self.decoder = torch.nn.Parameter(directions.clone())
        self.mean = torch.nn.Parameter(states.mean(dim=0))

    def features(self, states):
        """Return how strongly each feature is on, (N, F), mostly 0."""
        scores = ((states - self.mean) @ self.encoder.T + self.offsets).relu()
        largest, place = scores.topk(K, dim=1)
        return torch.zeros_like(scores).scatter(1, place, largest)

    def forward(self, states):
        """Return the states again, from their features."""
        return self.features(states) @ self.decoder + self.mean

    def learn(self, states):
        """Train with Adam, warmed up and cooled down."""
        adam = torch.optim.Adam(self.parameters(), lr=RATE)
        for step in range(STEPS):
            adam.param_groups[0]["lr"] = RATE * min((step + 1) / 50, 1, (STEPS - step) / 300)
            batch = states[torch.randint(len(states), (ROWS,), generator=self.generator)]
            loss = ((self(batch) - batch) ** 2).sum(dim=1).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            with torch.no_grad():
                self.decoder /= self.decoder.norm(dim=1, keepdim=True)
        return self


def halves(rows):
    """Return two halves of equal length."""
    half = len(rows) // 2
    return rows[:half], rows[half : 2 * half]


def aucs(columns, labels):
    """Return the AUC of each column for each label, (columns, labels); equal values share ranks."""
    n, result = labels.sum(axis=0), []
    for column in columns.T:
        above = np.flatnonzero(column > column.min())
        low = len(column) - len(above)
        ranks = np.empty(len(above))
        ranks[column[above].argsort()] = np.arange(low + 1, len(column) + 1)
        share = (low + 1) / 2  # of those that are equal, and lowest
        result.append((ranks - share) @ labels[above] + n * share)
    return (np.array(result) - n * (n + 1) / 2) / (n * (len(columns) - n))


def best_by_auc(columns, labels):
    """Choose a column for each label on one half, and return its AUC on the other."""
    first, second = map(aucs, halves(columns), halves(labels.astype(np.float32)))
    chosen = abs(first - 0.5).argmax(axis=0)
    every = np.arange(labels.shape[1])
    turned = first[chosen, every] < 0.5
    measured = np.where(turned, 1 - second[chosen, every], second[chosen, every])
    return [[int(one), round(float(value), 3)] for one, value in zip(chosen, measured, strict=True)]


def best_by_f1(columns, labels):
    """Choose column, sign and threshold on one half; return column and F1, on the other."""
    (first, second), (told, asked) = halves(columns), halves(labels)
    best = [(0.0, 0, 1, np.inf)] * labels.shape[1]
    told_32, count = told.astype(np.float32), told.sum(axis=0)
    edges = np.unique(np.geomspace(20, 0.7 * len(first), CUTS).astype(int))
    for j, column in enumerate(first.T):
        sparse = (column == column.min()).mean() > 0.3
        for sign in (1,) if sparse else (1, -1):
            order = (-sign * column).argsort()
            cuts = edges[edges <= (column > column.min()).sum()] if sparse else edges
            if len(cuts):
                found = np.add.reduceat(told_32[order[: cuts[-1]]], np.r_[0, cuts[:-1]]).cumsum(0)
                scores = 2 * found / (cuts[:, None] + count)
                for k in np.flatnonzero(scores.max(axis=0) > [one[0] for one in best]):
                    cut = scores[:, k].argmax()
                    best[k] = scores[cut, k], j, sign, sign * column[order[cuts[cut] - 1]]
    result = []
    for k, (_, j, sign, threshold) in enumerate(best):
        fires = sign * second[:, j] >= threshold
        f1 = 2 * (fires & asked[:, k]).sum() / (fires.sum() + asked[:, k].sum())
        result.append([j, round(float(f1), 3)])
    return result


def probe(states, labels):
    """Return, for each label, one linear mixture of all units, by least squares on one half."""
    (first, _), (told, _) = halves(states.astype(float)), halves(labels)
    rows = np.c_[first - first.mean(axis=0), np.ones(len(first))]
    weights = np.linalg.solve(rows.T @ rows + RIDGE * np.eye(H + 1), rows.T @ told)
    return np.c_[states - first.mean(axis=0), np.ones(len(states))] @ weights


def judge(columns, labels):
    """Return both scores."""
    return {"auc": best_by_auc(columns, labels), "f1": best_by_f1(columns, labels)}


def judge_probe(states, labels):
    """Return both scores of a probe, which is the only column for its label."""
    columns, result = probe(states, labels), {"auc": [], "f1": []}
    for k in range(labels.shape[1]):
        one = judge(columns[:, [k]], labels[:, [k]])
        for name, value in one.items():
            result[name].append(value[0][1])
    return result


def autoencoder(net, ids, learned, seed, *, train=True):
    """Return a sparse autoencoder of a network's states, and the states after `ids`."""
    states, read = (torch.tensor(net.read(one)[1]).float() for one in (learned, ids))
    sparse = Sparse(states, seed)
    return (sparse.learn(states) if train else sparse).requires_grad_(requires_grad=False), read


def packed(numbers):
    """Return numbers as float16 in base64."""
    return base64.b64encode(np.asarray(numbers, "<f2").tobytes()).decode()


def without(net, ids, sparse, feature, unit):
    """Read a text four times, each time without something, and return the bits, (T - 1, 4).

    Taken out after each character: nothing; the feature; as much of a direction at random; the
    best unit for the same label, which is set to 0.
    """
    encoder, offsets, mean = (one.numpy() for one in (sparse.encoder, sparse.offsets, sparse.mean))
    other = np.random.default_rng(0).normal(size=H)
    directions = np.array([
        np.zeros(H), sparse.decoder[feature].numpy(), other / np.linalg.norm(other), np.zeros(H)
    ])  # fmt: skip
    state, bits, on = net.start(4), [], []
    for now, following in pairwise(ids):
        _, state = net.step([now] * 4, state)
        h = state[-1]
        scores = np.maximum((h - mean) @ encoder.T + offsets, 0)
        felt = scores[:, feature] * (scores[:, feature] >= np.partition(scores, -K)[:, -K])
        on.append(felt[0] > 0)
        h -= (felt[:, None] * directions).astype(h.dtype)
        h[3, unit] = 0
        logits = output_layer(h, *net.head).astype(float)
        bits.append((np.log(np.exp(logits).sum(axis=1)) - logits[:, following]) / np.log(2))
    return np.array(bits), np.array(on)


def show(net, text, ids, sparse, record):
    """Return the feature that fits `SHOWN` best, on a passage, and what it costs to lose it."""
    place = [*record["labels"]].index(SHOWN)
    feature, unit = (one["f1"][place][0] for one in (record["features"][0], record["units"]))
    states = torch.tensor(net.read(ids)[1]).float()
    felt = sparse.features(states)[:, feature].numpy()
    start, half = text.index(BEGIN), len(ids) // 2
    piece = slice(start, start + LENGTH)
    scores = (states[piece] - sparse.mean) @ sparse.encoder.T + sparse.offsets
    bits, on = without(net, ids[half : half + TAKEN], sparse, feature, unit)
    again, quoted = sparse(states)[:, [QUOTES]].numpy(), describe(text)[0][:, :1]
    costs = bits - bits[:, :1]
    return {
        "label": SHOWN,
        "feature": feature,
        "unit": unit,
        "share": round(float((felt > 0).mean()), 4),
        "text": text[piece],
        "felt": felt[piece].astype(float).round(2).tolist(),
        "least": scores.topk(K).values[:, -1].double().numpy().round(2).tolist(),  # that is kept
        "encoder": packed(sparse.encoder[feature]),
        "offset": float(sparse.offsets[feature] - sparse.mean @ sparse.encoder[feature]),
        "most often on": round(float((sparse.features(states) > 0).double().mean(0).max()), 3),
        "AUC of the rebuilt unit": round(
            float(aucs(halves(again)[1], halves(quoted.astype(np.float32))[1])[0, 0]), 3
        ),
        "places": int(on.sum()),
        "bits where it is on": bits[on].mean(axis=0).round(3).tolist(),
        "change where it is on": costs[on].mean(axis=0).round(3).tolist(),
        "change elsewhere": costs[~on].mean(axis=0).round(4).tolist(),
    }


def main():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="write the weights of seed 0 to this file")
    parser.add_argument("--show", type=Path, help="make only 'shown' anew, from this file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    net, vocab = load_net("austen")
    text = load_text("pride-test")
    ids, learned = vocab.encode(text), vocab.encode(load_text("pride-train")[:READ])
    if arguments.show:
        record = json.loads(FILE.read_text("utf-8"))
        sparse = Sparse(torch.zeros(1, H), 0)
        sparse.load_state_dict(torch.load(arguments.show, weights_only=True))
        record["shown"] = show(net, text, ids, sparse.requires_grad_(requires_grad=False), record)
        FILE.write_text(json.dumps(record) + "\n", "utf-8")
        return
    labels, names = describe(text)
    states = net.read(ids)[1]
    record = {
        "labels": dict(zip(names, labels.mean(axis=0).round(4).tolist(), strict=True)),
        "units": judge(states, labels),
        "probe": judge_probe(states, labels),
        "features": [],
        "directions": [],
        "untrained": [],
    }
    for seed in range(SEEDS):
        sparse, read = autoencoder(net, ids, learned, seed)
        again, features = sparse(read), sparse.features(read).numpy()
        bits = cross_entropy(output_layer(again.numpy(), *net.head)[:-1], ids[1:]) / np.log(2)
        record["features"].append(
            {
                **judge(features, labels),
                "left out": round(float((again - read).var(0).sum() / read.var(0).sum()), 3),
                "bits": round(float(bits), 3),
                "on": int((features > 0).any(axis=0).sum()),
            }
        )
        if seed == 0:
            if arguments.keep:
                torch.save(sparse.state_dict(), arguments.keep)
            record["shown"] = show(net, text, ids, sparse, record)
        record["directions"].append(
            judge(Sparse(read, seed).features(read).detach().numpy(), labels)
        )
        options = {"cell": net.cell, "embedding_size": net.vectors.shape[1], "seed": seed}
        random = NumpyNet.from_model(CharRNN(len(vocab), H, **options))
        sparse, read = autoencoder(random, ids, learned, seed)
        record["untrained"].append(
            {
                "units": judge(read.numpy(), labels),
                "probe": judge_probe(read.numpy(), labels),
                "features": judge(sparse.features(read).numpy(), labels),
                "left out": round(float((sparse(read) - read).var(0).sum() / read.var(0).sum()), 3),
            }
        )
        print(seed, record["features"][-1]["left out"], record["features"][-1]["bits"], flush=True)
    FILE.write_text(json.dumps(record) + "\n", "utf-8")


if __name__ == "__main__":
    main()
