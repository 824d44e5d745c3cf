"""The network of the part `align`, which writes dates anew: docs/_records/align.json.

`python benchmarks/translate.py` trains it in half a minute, with the code of the chapter *Read one
thing, write another*, for longer and with shorter vectors.
"""

import datetime

import numpy as np
import torch
from recording import as_recorded, down_to, fit, packed, write
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)
FIRST, DAYS = datetime.date(1900, 1, 1), 73000
FORMS = (
    "{d} {month} {y}",  # 3 March 1998
    "{month} {d}, {y}",  # March 3, 1998
    "{d}. {month:.3} {y}",  # 3. Mar 1998
    "{month:.3} {d} {y}",  # Mar 3 1998
)
PAD, START, END = "∅", "⊢", "⊣"
READ = PAD + "".join(sorted(set("".join(MONTHS) + "0123456789 ,.")))
WRITTEN = PAD + START + END + "-0123456789"
H, E, RATE, ROWS, UPDATES = 48, 16, 0.01, 32, 2400
HELD_BACK = np.arange(0, DAYS, 10)  # every tenth day
FOR_TRAINING = np.setdiff1d(np.arange(DAYS), HELD_BACK)


def written(day, form):
    return form.format(d=day.day, month=MONTHS[day.month - 1], y=day.year)


def dates(rng, count, days=FOR_TRAINING):
    """Draw days, and write each in one of the forms and as the table wants it."""
    drawn = [FIRST + datetime.timedelta(int(k)) for k in rng.choice(days, count)]
    forms = rng.choice(FORMS, count)
    return [(written(day, form), day.isoformat()) for day, form in zip(drawn, forms, strict=True)]


class Translator(nn.Module):
    """An encoder, and a decoder that looks back at what was read."""

    def __init__(self):
        super().__init__()
        exact = {"dtype": torch.float64}
        self.read_vectors = nn.Embedding(len(READ), E, **exact)
        self.encoder = nn.GRU(E, H, batch_first=True, **exact)
        self.written_vectors = nn.Embedding(len(WRITTEN), E, **exact)
        self.decoder = nn.GRU(E, H, batch_first=True, **exact)
        self.head = nn.Linear(2 * H, len(WRITTEN), **exact)

    def read(self, x):
        """Return all states, the last real one of each row, and what is no padding."""
        states, _ = self.encoder(self.read_vectors(x))  # (B, S, H)
        real = x != 0
        last = states[torch.arange(len(x)), real.sum(dim=1) - 1]
        return states, last[None], real

    def write(self, y, memory, h, real):
        states, h = self.decoder(self.written_vectors(y), h)  # (B, T, H)
        scores = states @ memory.mT / states.shape[2] ** 0.5  # (B, T, S)
        weights = scores.masked_fill(~real[:, None], -torch.inf).softmax(dim=2)
        return self.head(torch.cat([states, weights @ memory], dim=2)), h, weights

    def ids(self, texts, which):
        table = {letter: k for k, letter in enumerate((READ, WRITTEN)[which])}
        rows = [torch.tensor([table[letter] for letter in text]) for text in texts]
        return pad_sequence(rows, batch_first=True)


def train(net, seed):
    rng = np.random.default_rng(seed)

    def loss_of(update):
        sources, targets = zip(*dates(rng, ROWS), strict=True)
        memory, h, real = net.read(net.ids(sources, 0))
        y = net.ids([START + target + END for target in targets], 1)
        logits, *_ = net.write(y[:, :-1], memory, h, real)
        return cross_entropy(logits.mT, y[:, 1:], ignore_index=0)

    fit(net, RATE, UPDATES, loss_of, schedule=down_to(0.1), betas=(0.9, 0.98))


@torch.no_grad()
def greedy(net, sources, most=20):
    memory, h, real = net.read(net.ids(sources, 0))
    new, ids = net.ids([START] * len(sources), 1), []
    for _ in range(most):
        logits, h, _ = net.write(new, memory, h, real)
        new = logits[:, -1:].argmax(dim=2)
        ids.append(new)
    rows = torch.cat(ids, dim=1).tolist()
    return ["".join(WRITTEN[k] for k in row).split(END)[0] for row in rows]


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = Translator()
    train(net, seed=0)
    as_recorded(net)
    everything = dates(np.random.default_rng(1), 3000, HELD_BACK)
    answers = greedy(net, [source for source, _ in everything])
    right = sum(answer == target for answer, (_, target) in zip(answers, everything, strict=True))
    print(f"right: {right} of {len(everything)} held-back dates")
    weights = packed(dict(net.named_parameters()))
    record = {"read": READ, "written": WRITTEN, "hidden": H, "right": right, "weights": weights}
    write("align", record)


if __name__ == "__main__":
    main()
