"""Train networks that give a text its capitals back, and record them: docs/_records/tag.json.

They read *Pride and Prejudice* in small letters, and say of each letter whether it was a capital.
`python benchmarks/tagging.py` trains what the chapter on tagging counts, twenty seeds of a kind,
and the two networks of its part `tag`. It takes three minutes; `--only NAME` repeats one kind.
"""

import torch
from recording import as_recorded, chosen, cosine, fit, packed, read, write
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from charseq import load_text

ROWS, RATE = 32, 0.01
SEEDS = range(20)
# Units, whether it reads in both directions, updates, and how many letters later it answers.
KINDS = {
    "left to right": {"hidden": 24},
    "both": {"hidden": 24, "both": True},
    "as many weights": {"hidden": 40},
    **{f"{later} later": {"hidden": 24, "later": later} for later in (1, 2, 3, 4, 6)},
}
LONG = {"hidden": 56, "updates": 3000, "steps": 64, "falls": True}
SHOWN = {"left": {}, "both": {"both": True}}  # the networks of the part `tag`


def paragraphs(name):
    """Return the paragraphs of a text, each on one line."""
    return [" ".join(p.split()) for p in load_text(name).split("\n\n") if p.strip()]


LEARN, TEST = paragraphs("pride-train"), paragraphs("pride-test")
BOOK = "\n" + "\n".join(LEARN) + "\n"
CHARS = "".join(sorted(set(BOOK.lower())))
V = len(CHARS)


def encode(text):
    return torch.tensor([CHARS.index(char) for char in text.lower()])


def labels_of(text):
    """Return 1 for a capital, 0 for a small letter, -100 for what is no letter."""
    return torch.tensor([int(char.isupper()) if char.isalpha() else -100 for char in text])


class Tagger(nn.Module):
    """The network of the chapter: a plain RNN, and two scores at each step."""

    def __init__(self, hidden, *, both=False):
        super().__init__()
        self.read = nn.RNN(V, hidden, batch_first=True, bidirectional=both, dtype=torch.float64)
        self.score = nn.Linear((1 + both) * hidden, 2, dtype=torch.float64)


class Taggers:
    """Many of them at once, one for each seed: each weight has an axis of K networks in front."""

    def __init__(self, taggers):
        states = [tagger.state_dict() for tagger in taggers]
        self.weights = {
            name: torch.stack([state[name] for state in states]).requires_grad_()
            for name in states[0]
        }
        self.suffixes = ["", "_reverse"] if "read.weight_ih_l0_reverse" in self.weights else [""]

    def parameters(self):
        return list(self.weights.values())

    def states(self, ids, suffix):  # (K, B, T) -> (K, B, T, H)
        W_ih, W_hh, b_ih, b_hh = (
            self.weights[f"read.{name}_l0{suffix}"]
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        table = W_ih.mT + (b_ih + b_hh)[:, None]  # (K, V, H)
        inputs = table[torch.arange(len(ids))[:, None, None], ids]  # (K, B, T, H)
        h, states = torch.zeros_like(inputs[:, :, 0]), []
        for x in inputs.unbind(2):
            h = torch.tanh(torch.baddbmm(x, h, W_hh.mT))
            states.append(h)
        return torch.stack(states, 2)

    def __call__(self, ids, lengths=None):  # (K, B, T) -> (K, B, T, 2)
        features = []
        for suffix in self.suffixes:
            if not suffix:
                features.append(self.states(ids, suffix))
                continue
            # Each row is turned around within its own length; what is padding stays behind it.
            T = ids.shape[-1]
            ends = torch.full(ids.shape[1:2], T) if lengths is None else lengths
            back = (ends[:, None] - 1 - torch.arange(T)) % T  # (B, T)
            read = self.states(ids.gather(2, back.expand_as(ids)), suffix)
            features.append(read.gather(2, back[None, ..., None].expand_as(read)))
        W, b = self.weights["score.weight"], self.weights["score.bias"]
        scores = torch.cat(features, -1).flatten(1, 2) @ W.mT + b[:, None]
        return scores.unflatten(1, ids.shape[1:])


def train(seeds, hidden, *, both=False, later=0, updates=300, steps=32, falls=False):
    """Train a network for each seed, each as if it were alone."""
    taggers, places = [], []
    ids, labels = encode(BOOK), labels_of(BOOK)
    for seed in seeds:
        torch.manual_seed(seed)
        taggers.append(Tagger(hidden, both=both))
        places.append([torch.randint(len(ids) - steps, (ROWS, 1)) for _ in range(updates)])
    nets = Taggers(taggers)

    def loss_of(update):
        starts = torch.stack([of_net[update] for of_net in places])
        window = starts + torch.arange(steps)  # (K, B, T)
        logits = nets(ids[window])[:, :, later:]  # of a letter, so many letters later
        truth = labels[window][:, :, : steps - later]
        losses = cross_entropy(logits.flatten(0, 2), truth.flatten(), reduction="none")
        counted = (truth >= 0).flatten(1).sum(1)
        return (losses.view(len(seeds), -1).sum(1) / counted).sum()

    def clip():  # clip_grad_norm_ of each
        squares = sum((p.grad**2).flatten(1).sum(1) for p in nets.parameters())  # (K,)
        scale = (1 / (squares.sqrt() + 1e-6)).clamp(max=1)
        for p in nets.parameters():
            p.grad *= scale.view(-1, *[1] * (p.ndim - 1))

    fit(nets, RATE, updates, loss_of, schedule=cosine if falls else None, clip=clip)
    return nets


@torch.no_grad()
def count(nets, later=0):
    """Return true and false capitals and those missed on the held-back paragraphs, (K, 3)."""
    K = len(nets.parameters()[0])
    order = sorted(TEST, key=len)
    found = torch.zeros(K, 3, dtype=torch.long)
    for start in range(0, len(order), 16):
        part = order[start : start + 16]
        texts = [f"\n{text}\n" + " " * later for text in part]
        lengths = torch.tensor([len(text) for text in texts])
        ids = pad_sequence([encode(text) for text in texts], batch_first=True)
        logits = nets(ids.expand(K, -1, -1), lengths)
        says = logits[..., 1] > logits[..., 0]  # (K, B, T)
        for row, text in enumerate(part):
            truth = labels_of(text)
            said = says[:, row, 1 + later : 1 + later + len(text)]
            is_capital, is_letter = truth == 1, truth >= 0
            kinds = (said & is_capital, said & is_letter & ~is_capital, ~said & is_capital)
            found += torch.stack([places.sum(1) for places in kinds], dim=1)
    return found.tolist()


def f1(right, wrong, missed):
    return 2 * right / (2 * right + wrong + missed)


def main():
    shown = {f"the part, {name}": name for name in SHOWN}
    only = chosen(__doc__, [*KINDS, *shown])
    record = {"counts": {}, "networks": {}} | read("tag") | {"chars": CHARS}
    for part in only:
        if part in KINDS:
            settings = KINDS[part]
            counts = count(train(SEEDS, **settings), settings.get("later", 0))
            record["counts"][part] = counts
        else:
            nets = train([0], **LONG, **SHOWN[shown[part]])
            as_recorded(nets)
            weights = packed({key: value[0] for key, value in nets.weights.items()})
            counts = count(nets)
            record["networks"][shown[part]] = {"counts": counts[0], "weights": weights}
        print(part, *(f"{f1(*three):.3f}" for three in counts), flush=True)
        write("tag", record)


if __name__ == "__main__":
    main()
