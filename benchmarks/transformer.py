"""Train the small transformers of the chapter *Attention and the transformer* on twenty seeds.

`python benchmarks/transformer.py` prints what the page says of them, which takes ten minutes.
"""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

LETTERS, PAIRS_OF = 16, 8  # of the words, and of the lines for the test of heads
SEEDS = range(20)
EXACT = {"dtype": torch.float64}


def turned(a, place=None):
    """Turn pairs of numbers by angles that grow with the position, or all to one place."""
    half = a.shape[-1] // 2
    if place is None:
        place = torch.arange(a.shape[-2], **EXACT)[:, None]
    angle = place / 100 ** (torch.arange(half, **EXACT) / half)
    x, y, c, s = a[..., :half], a[..., half:], angle.cos(), angle.sin()
    return torch.cat([x * c - y * s, x * s + y * c], dim=-1)


class Block(nn.Module):
    turns, looks_ahead = True, False

    def __init__(self, E, heads):
        super().__init__()
        self.heads, self.window = heads, None  # how many letters are looked at
        self.farthest = None  # whoever is farther back counts as this far
        self.norm_1 = nn.LayerNorm(E, **EXACT)
        self.qkv = nn.Linear(E, 3 * E, **EXACT)
        self.mix = nn.Linear(E, E, **EXACT)
        self.norm_2 = nn.LayerNorm(E, **EXACT)
        self.up = nn.Linear(E, 4 * E, **EXACT)
        self.down = nn.Linear(4 * E, E, **EXACT)

    def forward(self, x):
        q, k, v = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in self.qkv(self.norm_1(x)).chunk(3, dim=2)
        )
        T = q.shape[2]
        products = turned(q) @ turned(k).mT if self.turns else q @ k.mT
        if self.farthest:
            near = torch.ones(T, T, dtype=torch.bool).triu(-self.farthest)
            products = products.where(near, turned(q, self.farthest) @ k.mT)
        seen = torch.ones(T, T, dtype=torch.bool)
        if not self.looks_ahead:
            seen = seen.tril()
        if self.window:
            seen = seen.triu(1 - self.window)
        scores = (products / q.shape[3] ** 0.5).masked_fill(~seen, -torch.inf)
        weights = scores.softmax(dim=3)
        x = x + self.mix((weights @ v).transpose(1, 2).flatten(2))
        return x + self.down(self.up(self.norm_2(x)).relu()), weights


class Transformer(nn.Module):
    def __init__(self, V, E=32, heads=2, blocks=2, answers=None, places=0):
        super().__init__()
        self.vectors = nn.Embedding(V, E, **EXACT)
        self.places = nn.Embedding(places, E, **EXACT) if places else None
        self.blocks = nn.ModuleList(Block(E, heads) for _ in range(blocks))
        self.norm, self.head = nn.LayerNorm(E, **EXACT), nn.Linear(E, answers or V, **EXACT)

    def forward(self, ids):
        x, looks = self.vectors(ids), []
        if self.places is not None:  # a vector for each position, added to that of the letter
            x = x + self.places.weight[: ids.shape[1]]
        for block in self.blocks:
            x, weights = block(x)
            looks.append(weights)
        return self.head(self.norm(x)), looks


def words(rng, rows, T=24):
    """Return lines that repeat a word, and the letters that follow, or -100 if nobody can know."""
    lines, known = [], []
    for _ in range(rows):
        word = rng.permutation(LETTERS)[: rng.integers(4, 11)]
        lines.append(np.resize(word, T + 1))
        known.append(np.arange(T) >= len(word))
    ids, known = torch.tensor(np.array(lines)), torch.tensor(np.array(known))
    return ids[:, :-1], ids[:, 1:].masked_fill(~known, -100)


def two_back(rng, rows, T=16):
    """Return random lines, and which pair the letter before and the letter three back are."""
    ids = torch.tensor(rng.integers(0, PAIRS_OF, (rows, T)))
    pairs = torch.full_like(ids, -100)
    pairs[:, 3:] = ids[:, 2:-1] * PAIRS_OF + ids[:, :-3]
    return ids, pairs


def first_bracket(rng, rows):
    """Return lines with three brackets of each kind, and at their end which kind came first.

    Brackets are 0 and 1, six of the others are drawn from 2 to 5, and 6 ends each line.
    """
    letters = np.hstack([np.tile([0, 0, 0, 1, 1, 1], (rows, 1)), rng.integers(2, 6, (rows, 6))])
    ids = np.hstack([rng.permuted(letters, axis=1), np.full((rows, 1), 6)])
    kinds = np.full_like(ids, -100)
    kinds[:, -1] = ids[np.arange(rows), (ids < 2).argmax(axis=1)]
    return torch.tensor(ids), torch.tensor(kinds)


def train(net, draw, seed, updates, rate):
    rng = np.random.default_rng(seed)
    adam = torch.optim.Adam(net.parameters(), lr=rate)
    for _ in range(updates):
        ids, targets = draw(rng, 32)
        logits, _ = net(ids)
        loss = cross_entropy(logits.mT, targets)
        adam.zero_grad()
        loss.backward()
        adam.step()
    return net


@torch.no_grad()
def share_right(net, draw, *sizes):
    ids, targets = draw(np.random.default_rng(99), 200, *sizes)
    asked = targets >= 0
    return (net(ids)[0].argmax(dim=2) == targets)[asked].double().mean().item()


@torch.no_grad()
def by_length(net):
    """Return the share of right answers for words of 4 to 10 letters."""
    ids, targets = words(np.random.default_rng(99), 200)
    right, asked = net(ids)[0].argmax(dim=2) == targets, targets >= 0
    length = (~asked).sum(dim=1)
    return {n: right[length == n][asked[length == n]].double().mean().item() for n in range(4, 11)}


@torch.no_grad()
def looks(net):
    """Return the largest share of a head on the letter before, and on those after its like."""
    ids, targets = words(np.random.default_rng(99), 200)
    first, second = net(ids)[1]
    one_back = first.diagonal(-1, 2, 3).mean(dim=(0, 2)).max().item()
    same = ids[:, :, None] == ids[:, None, :-1]  # does letter j equal letter t?
    after = (second[..., 1:] * same.tril(-1)[:, None]).sum(dim=3)  # (B, heads, T)
    asked = (targets >= 0)[:, None].expand_as(after)
    return one_back, after.where(asked, torch.nan).nanmean(dim=(0, 2)).max().item()


def report(name, shares):
    print(f"{name:34}", *(f"{share:.3f}" for share in sorted(shares)), flush=True)


def main():
    torch.set_num_threads(1)
    guess = [(24 - n) / (n - 1) for n in range(4, 11)]
    print(f"guessing another letter of the word: {sum(guess) / sum(range(14, 21)):.3f}")
    for blocks in (1, 2):
        found = {}
        for seed in SEEDS:
            torch.manual_seed(seed)
            net = train(Transformer(LETTERS, blocks=blocks), words, seed, 200, 0.003)
            for T in (24, 48, 96):
                found.setdefault(f"lines of {T}", []).append(share_right(net, words, T))
            if blocks == 1:
                for n, share in by_length(net).items():
                    found.setdefault(f"words of {n}", []).append(share)
                continue
            for name, share in zip(("one back", "after its like"), looks(net), strict=True):
                found.setdefault(name, []).append(share)
            for k in (0, 1):
                cut = copy.deepcopy(net)
                cut.blocks[k].mix.weight.data.zero_()
                found.setdefault(f"without look {k + 1}", []).append(share_right(cut, words))
            for block in net.blocks:
                block.window = 24
            found.setdefault("lines of 96, window", []).append(share_right(net, words, 96))
            for block in net.blocks:
                block.window, block.farthest = None, 23
            name = "lines of 96, no farther than 23"
            found.setdefault(name, []).append(share_right(net, words, 96))
        for name, shares in found.items():
            report(f"{blocks} blocks, {name}", shares)
    for heads, places in ((1, 0), (2, 0), (1, 16)):
        shares = []
        for seed in SEEDS[:5] if places else SEEDS:
            torch.manual_seed(seed)
            net = Transformer(
                PAIRS_OF, E=16, heads=heads, blocks=1, answers=PAIRS_OF**2, places=places
            )
            shares.append(share_right(train(net, two_back, seed, 400, 0.005), two_back))
        report(f"{heads} heads" + ", positions added" * bool(places), shares)
    Block.turns = False  # from here on nobody tells the network a position
    for blocks, ahead in ((1, False), (2, False), (2, True)):
        Block.looks_ahead, shares = ahead, []
        for seed in SEEDS:
            torch.manual_seed(seed)
            net = Transformer(7, E=16, heads=1, blocks=blocks, answers=2)
            shares.append(share_right(train(net, first_bracket, seed, 200, 0.005), first_bracket))
        report(f"order, {blocks} blocks" + ", without the mask" * ahead, shares)


if __name__ == "__main__":
    main()
