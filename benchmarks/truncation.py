"""What the cut costs: networks that must remember a key, trained with pieces of several lengths.

    .venv/bin/python benchmarks/truncation.py

trains twenty GRUs for each length, side by side, and prints after how many characters each of them
first gave at least 90 of 100 answers, and how many it gives at the end. It takes some minutes.
The chapter on truncation shows how many have learned to answer. (Side by side, a network's numbers
are rounded otherwise than alone, and after thousands of updates that is another network: the
counts are of networks, and don't say what one seed does.)
"""

import torch
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

FILLERS, V = 12, 4  # a is 0, b is 1, a dot is 2, a question mark is 3
LINE = FILLERS + 3
CHARACTERS, STREAMS, H, RATE, NETWORKS = 240_000, 4, 32, 0.01, 20


def lines(count: int, seed: int) -> torch.Tensor:
    """Return the ids of that many lines: a key, twelve dots, a question mark, the key again."""
    ids = torch.full((count, LINE), 2)
    ids[:, [0, -1]] = torch.randint(0, 2, (count, 1), generator=torch.Generator().manual_seed(seed))
    ids[:, -2] = 3
    return ids.flatten()


def networks(seeds: range) -> list[torch.Tensor]:
    """Return the weights of one network per seed, stacked: axis 0 counts networks."""
    weights = []
    for seed in seeds:
        torch.manual_seed(seed)
        layer, head = nn.GRU(V, H), nn.Linear(H, V)
        weights.append([p.detach() for p in (*layer.parameters(), *head.parameters())])
    return [torch.stack(one).requires_grad_() for one in zip(*weights, strict=True)]


def read(
    ids: torch.Tensor, h: torch.Tensor, weights: list[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits (N, B, T, V) and the last states of N networks."""
    W_ih, W_hh, b_ih, b_hh, W_hy, b_y = weights
    from_input = one_hot(ids, V).to(W_ih) @ W_ih.mT[:, None] + b_ih[:, None, None]
    states = []
    for t in range(ids.shape[2]):
        from_memory = torch.baddbmm(b_hh[:, None], h, W_hh.mT)
        sums = from_input[:, :, t, : 2 * H] + from_memory[..., : 2 * H]
        r, z = sums.sigmoid().chunk(2, dim=-1)
        n = (from_input[:, :, t, 2 * H :] + r * from_memory[..., 2 * H :]).tanh()
        h = n + z * (h - n)
        states.append(h)
    return torch.stack(states, 2) @ W_hy.mT[:, None] + b_y[:, None, None], h


@torch.no_grad()
def answers(h: torch.Tensor, weights: list[torch.Tensor]) -> torch.Tensor:
    """Count the right answers of each network, which goes on from the state that training left."""
    exam = lines(100, 999)
    logits, _ = read(exam.expand(len(h), 1, -1), h[:, :1], weights)
    guesses = logits[:, 0, LINE - 2 :: LINE].argmax(dim=-1)
    return (guesses == exam[LINE - 1 :: LINE]).sum(dim=1)


def train(T: int, seeds: range) -> tuple[list[int], list[int]]:
    """Train in pieces of T characters; return when each network has learned, and its answers."""
    weights, part = networks(seeds), CHARACTERS // STREAMS
    texts = torch.stack([lines(CHARACTERS // LINE + 1, seed) for seed in seeds])
    streams = texts[:, : CHARACTERS + 1].unfold(1, part + 1, part)  # (N, B, part + 1)
    optimizer = torch.optim.Adam(weights, lr=RATE)
    h, learned = torch.zeros(len(seeds), STREAMS, H), torch.zeros(len(seeds), dtype=torch.long)
    for start in range(0, part - T + 1, T):
        window = streams[:, :, start : start + T + 1]
        logits, h = read(window[..., :-1], h.detach(), weights)
        loss = cross_entropy(logits.flatten(0, 2), window[..., 1:].flatten())
        optimizer.zero_grad()
        (loss * len(seeds)).backward()  # each network has the gradient of its own mean
        optimizer.step()
        if (start + T) % 3000 == 0:
            new = (answers(h.detach(), weights) >= 90) & (learned == 0)
            learned[new] = (start + T) * STREAMS
    return learned.tolist(), answers(h.detach(), weights).tolist()


if __name__ == "__main__":
    torch.set_num_threads(1)
    for T in (20, 10, 40, 5):
        learned, right = train(T, range(NETWORKS))
        print(f"T = {T}: {sum(n >= 90 for n in right)} of {len(right)} have learned to answer")
        print("  characters until then:", *learned)
        print("  answers at the end:   ", *right, flush=True)
