"""How fast does charseq train and write, beside the loop that one would write with PyTorch?

`python3 dev.py bench` takes two minutes. Both programs have the same weights, text and optimizer,
and one thread. They take turns of a third of a second, A B B A, so what else the machine does
slows both alike, and only their ratio counts: of characters per CPU second, the median of rounds.
"""

import argparse
import time
from statistics import median

import numpy as np
import torch
from torch.nn.functional import cross_entropy, one_hot

from charseq import CharRNN, Corpus, NumpyNet, Run, Settings, generate, language_model_steps
from charseq.texts import load_text

SIZES = {  # cell, units, layers, rows and time steps of a batch
    "S": ("RNN", 128, 1, 32, 64),
    "G": ("GRU", 256, 1, 64, 64),
    "M": ("LSTM", 256, 1, 64, 64),
    "L": ("LSTM", 512, 2, 64, 128),
}
TURN = 1 / 3  # seconds
WRITTEN = 200  # characters of a text that is written


def network(size, corpus, *, fast):
    cell, units, layers, *_ = SIZES[size]
    return CharRNN(len(corpus.vocab), units, cell=cell, num_layers=layers, seed=0, fast=fast)


def plain_training(size, corpus):
    """Yield the loss of each update: one-hot vectors, torch's layer, Linear and Adam."""
    *_, rows, steps = SIZES[size]
    net, V = network(size, corpus, fast=False), len(corpus.vocab)
    layer, head = net.rnn, net.head
    adam = torch.optim.Adam(net.parameters())
    batches = (len(corpus) - 1) // (rows * steps)
    ids = torch.from_numpy(corpus.ids.astype(np.int64))
    x, y = (ids[k:][: rows * steps * batches].view(rows, -1) for k in (0, 1))
    while True:
        state = None
        for part, targets in zip(x.split(steps, dim=1), y.split(steps, dim=1), strict=True):
            states, state = layer(one_hot(part, V).float(), state)
            loss = cross_entropy(head(states).flatten(0, 1), targets.flatten())
            adam.zero_grad()
            loss.backward()
            adam.step()
            lstm = isinstance(state, tuple)
            state = tuple(part.detach() for part in state) if lstm else state.detach()
            yield loss.item()


def charseq_training(size, corpus):
    """Yield the loss of each update of charseq, with the same settings."""
    *_, rows, steps = SIZES[size]
    options = {"lr": 1e-3, "schedule": "constant", "clip_norm": None}
    settings = Settings(steps=10**9, batch_size=rows, length=steps, evaluate_every=0, **options)
    run = Run(network(size, corpus, fast=True), corpus.vocab, settings)
    for record in language_model_steps(run, corpus):
        yield record.loss


def plain_writing(size, corpus, texts):
    """Yield texts: the same layer, called once for each character."""
    net, V = network(size, corpus, fast=False), len(corpus.vocab)
    while True:
        char, state, drawn = torch.zeros(texts, 1, dtype=torch.long), None, []
        with torch.no_grad():
            for _ in range(WRITTEN):
                states, state = net.rnn(one_hot(char, V).float(), state)
                char = torch.multinomial(net.head(states[:, -1]).softmax(dim=1), 1)
                drawn.append(char)
        yield [corpus.vocab.decode(row) for row in torch.cat(drawn, dim=1).numpy()]


def charseq_writing(size, corpus, texts):
    net, rng = NumpyNet.from_model(network(size, corpus, fast=False)), np.random.default_rng(0)
    options = {"prompt": corpus.vocab.decode([0]), "length": WRITTEN, "streams": texts}
    while True:
        yield generate(net, corpus.vocab, **options, rng=rng)


def speed(work, seconds):
    """Return how often in a CPU second a generator does its work."""
    start, count = time.process_time(), 0
    while (passed := time.process_time() - start) < seconds or not count:
        next(work)
        count += 1
    return count / passed


def compare(plain, ours, rounds, seconds=TURN):
    """Return the speed of the plain program, and how many times as fast ours is, per round."""
    pairs = []
    for number in range(rounds + 1):
        order = (plain, ours) if number % 2 else (ours, plain)
        speeds = {work: speed(work, seconds) for work in order}
        pairs.append((speeds[plain], speeds[ours] / speeds[plain]))
    return tuple(zip(*pairs[1:], strict=True))  # the first round warms up


def disagreement(plain, ours, updates=5):
    """Return how far apart the losses of the first updates are."""
    return max(abs(next(plain) - next(ours)) for _ in range(updates))


def main(*arguments):
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default="SGML", help="which of S, G, M and L")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="does it work? One round of size S")
    options = parser.parse_args(arguments or None)
    sizes, rounds = ("S", 1) if options.quick else (options.sizes, options.rounds)
    torch.set_num_threads(1)
    corpus = Corpus.from_text(load_text("python-reference"))
    print("times as fast as plain PyTorch (least to most), and its characters per CPU second")
    for size in sizes:
        cell, units, layers, rows, steps = SIZES[size]
        training = plain_training(size, corpus), charseq_training(size, corpus)
        if (apart := disagreement(*training)) > 1e-3:
            raise SystemExit(f"size {size}: the losses differ by {apart:.2g}: not the same work")
        works = {"training": (training, rows * steps)}
        for texts in (1, 64):
            writers = (write(size, corpus, texts) for write in (plain_writing, charseq_writing))
            works[f"{texts} texts" if texts > 1 else "1 text"] = (tuple(writers), texts * WRITTEN)
        for name, (pair, characters) in works.items():
            speeds, ratios = compare(*pair, rounds)
            print(
                f"{size}: {cell} {units} × {layers}, {name:8}  "
                f"{median(ratios):5.2f} ({min(ratios):.2f} to {max(ratios):.2f})  "
                f"{characters * median(speeds):9,.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
