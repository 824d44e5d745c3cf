"""Networks that say in which language a name is: charseq/names/networks.json.

`python benchmarks/names.py` trains five seeds of each kind, in some minutes, and writes what the
chapter on classification shows: what each says of each held-back name, and the weights of the one
that answers after every letter.
"""

import base64
import json
from pathlib import Path

import numpy as np
import torch
from recording import down_to, fit, packed
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from charseq import load_text

FILE = Path(__file__).parents[1] / "charseq" / "names" / "networks.json"
LANGUAGES = ["en", "de", "fr", "es", "it", "nl", "pl", "cs", "fi", "hu", "tr", "sv"]
SEEDS = range(5)
E, H, ROWS, RATE = 32, 64, 128, 0.01
NONE = {"letters": 0.0, "vectors": 0.0, "states": 0.0}  # what dropout hides, and how often
DROPOUT = {"letters": 0.05, "vectors": 0.2, "states": 0.3}
AFTER = [*range(1, 17), 49]  # letters: after so many, two kinds are asked
# What each kind is: how it pools, in how many directions, with which dropout, for how many updates.
KINDS = {
    "last": {"how": "last", "both": False, "drop": NONE, "updates": 700},
    "dropout": {"how": "last", "both": False, "drop": DROPOUT, "updates": 1000},
    "both ways": {"how": "last", "both": True, "drop": DROPOUT, "updates": 1000},
    "mean": {"how": "mean", "both": True, "drop": DROPOUT, "updates": 1000},
    "max": {"how": "max", "both": True, "drop": DROPOUT, "updates": 1000},
    "every letter": {"how": "every", "both": False, "drop": DROPOUT, "updates": 1000},
}


def read_names():
    """Return the alphabet, and the names of one language in three parts: ids and language."""
    table = [line.split("\t") for line in load_text("names").splitlines()]
    alphabet = sorted(set("".join(name for *_, name in table)))
    ids = {char: place + 1 for place, char in enumerate(alphabet)}  # 0 is padding, or unknown
    parts = {"learn": [], "choose": [], "test": []}
    for number, language, name in table:
        if " " not in language:
            part = {0: "test", 1: "test", 2: "choose"}.get(int(number) % 10, "learn")
            letters = torch.tensor([ids[char] for char in name])
            parts[part].append((letters, LANGUAGES.index(language)))
    return alphabet, parts


def stack(part):
    """Return ids (N, T), padded with 0, lengths (N,) and languages (N,)."""
    rows, languages = zip(*part, strict=True)
    lengths = torch.tensor([len(row) for row in rows])
    return pad_sequence(rows, batch_first=True), lengths, torch.tensor(languages)


class Classifier(nn.Module):
    """A GRU that reads letters, a way to pool its states, and an output layer."""

    def __init__(self, V, how, both, drop):
        super().__init__()
        self.how, self.drop = how, drop
        self.embedding = nn.Embedding(V, E)
        self.rnn = nn.GRU(E, H, batch_first=True, bidirectional=both)
        self.head = nn.Linear(H * (1 + both), len(LANGUAGES))

    def forward(self, ids, lengths):
        """Return one row of scores for each name, or one for each letter: (B, T, 12)."""
        if self.training and self.drop["letters"]:
            ids = ids.masked_fill(torch.rand(ids.shape) < self.drop["letters"], 0)
        vectors = nn.functional.dropout(self.embedding(ids), self.drop["vectors"], self.training)
        packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
        states, last = self.rnn(packed)
        states, _ = pad_packed_sequence(states, batch_first=True)  # (B, T, H or 2H)
        is_real = (torch.arange(states.shape[1]) < lengths[:, None])[..., None]
        if self.how == "last":
            states = torch.cat([*last], dim=1)
        elif self.how == "mean":
            states = states.sum(dim=1) / lengths[:, None]  # padding is 0
        elif self.how == "max":
            states = states.masked_fill(~is_real, -torch.inf).amax(dim=1)
        return self.head(nn.functional.dropout(states, self.drop["states"], self.training))


def batches(lengths, generator):
    """Yield rows for ever. Those of a batch are about as long, so that little is padded."""
    while True:
        order = torch.randperm(len(lengths), generator=generator)
        sorted_chunks = [chunk[lengths[chunk].argsort()] for chunk in order.split(16 * ROWS)]
        rows = [batch for chunk in sorted_chunks for batch in chunk.split(ROWS)]
        for place in torch.randperm(len(rows), generator=generator):
            yield rows[place]


def loss_of_scores(scores, lengths, languages):
    if scores.ndim == 2:
        return cross_entropy(scores, languages)
    is_real = torch.arange(scores.shape[1]) < lengths[:, None]
    every = languages[:, None].expand(is_real.shape)
    return cross_entropy(scores[is_real], every[is_real])


@torch.no_grad()
def answer(net, part):
    """Return the probabilities after the last letter, (N, 12)."""
    net.eval()
    ids, lengths, _ = stack(part)
    scores = net(ids, lengths)
    if scores.ndim == 3:
        scores = scores[torch.arange(len(ids)), lengths - 1]
    return scores.softmax(dim=1)


def train(kind, seed, alphabet, parts):
    """Return a trained network, and its loss over the last 30 updates."""
    settings = dict(KINDS[kind])
    updates = settings.pop("updates")
    torch.manual_seed(seed)
    net = Classifier(len(alphabet) + 1, **settings)
    ids, lengths, languages = stack(parts["learn"])
    order = batches(lengths, torch.Generator().manual_seed(seed))
    net.train()

    def loss_of(update):
        rows = next(order)
        scores = net(ids[rows, : lengths[rows].max()], lengths[rows])
        return loss_of_scores(scores, lengths[rows], languages[rows])

    losses = fit(net, RATE, updates, loss_of, schedule=down_to(0.0))
    return net, float(np.mean(losses[-30:]))


def share_right(probabilities, part):
    """Return the share of names whose likeliest language is the right one."""
    right = probabilities.argmax(dim=1) == torch.tensor([language for _, language in part])
    return round(right.double().mean().item(), 4)


@torch.no_grad()
def after_letters(net, part):
    """Return the share of right answers if a network is asked after so many letters."""
    ids, lengths, languages = stack(part)
    states, _ = net.eval().rnn(net.embedding(ids))
    answers = net.head(states).argmax(dim=2)  # (N, T)
    asked = (answers[torch.arange(len(ids)), lengths.clamp(max=k) - 1] for k in AFTER)
    return [round((says == languages).double().mean().item(), 4) for says in asked]


def letters_of(probabilities):
    """Return the likeliest languages as a string: a letter for each name, a for the first."""
    return "".join("abcdefghijkl"[place] for place in probabilities.argmax(dim=1))


def main():
    torch.set_num_threads(1)
    alphabet, parts = read_names()
    runs, nets, answers = {}, {}, {}
    for kind in KINDS:
        made = [train(kind, seed, alphabet, parts) for seed in SEEDS]
        nets[kind] = [net for net, _ in made]
        choose, answers[kind] = (
            [answer(net, parts[part]) for net in nets[kind]] for part in ("choose", "test")
        )
        runs[kind] = {
            "loss": [round(loss, 4) for _, loss in made],
            "choose": [share_right(says, parts["choose"]) for says in choose],
            "says": [letters_of(says) for says in answers[kind]],
        }
        print(kind, runs[kind]["loss"], runs[kind]["choose"], flush=True)
    for kind in ("dropout", "every letter"):  # asked at the end in training, and after each letter
        runs[kind]["after"] = [after_letters(net, parts["test"]) for net in nets[kind]]
    # The five of the best kind answer together, by their mean probability: -10 ln p, in a byte.
    kind = max(KINDS, key=lambda kind: np.mean(runs[kind]["choose"]))
    costs = (-10 * torch.stack(answers[kind]).mean(dim=0).log()).round().clamp(0, 255)
    costs = base64.b64encode(costs.numpy().astype(np.uint8).tobytes()).decode()
    best = int(np.argmax(runs["every letter"]["choose"]))
    network = {"seed": best, "chars": "".join(alphabet), "languages": LANGUAGES}
    network["weights"] = packed(nets["every letter"][best].state_dict())
    record = {"torch": torch.__version__, "after": AFTER, "runs": runs}
    record |= {"five": {"kind": kind, "costs": costs}, "network": network}
    FILE.write_text(json.dumps(record) + "\n", "utf-8")


if __name__ == "__main__":
    main()
