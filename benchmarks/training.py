"""Training a character model. All contenders use the same network, text, batches and optimizer.

Each contender is a generator that yields one loss per update. Each batch starts from the detached
state of the previous one. Large packages are imported inside the contenders, so that each process
loads only what it uses.
"""

import numpy as np

from benchmarks import peers
from benchmarks.work import GATES, SIZES, V, entering

__all__ = ["CONTENDERS", "LIMITS", "SIZES", "characters"]

CONTENDERS = {}
contender = entering(CONTENDERS)
ADAM = 1e-3  # torch's default rate
# Tell glibc to keep freed memory. By default it returns large blocks and has to map them again.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**40)}


def characters(work):
    """Return the number of characters that one update reads."""
    return work.B * work.T


# With torch's layers


def torch_net(work, width=None, **options):
    """Make a network of torch's layers with the weights that all contenders share."""
    import torch
    from torch import nn

    net = nn.ModuleDict()
    net["rnn"] = getattr(nn, work.cell)(width or V, work.H, work.layers, **options)
    net["head"] = nn.Linear(work.H, V)
    if width:
        net["embedding"] = nn.Embedding(V, width)
    net.load_state_dict({k: torch.from_numpy(w) for k, w in work.weights(width).items()})
    return net


def torch_batches(work):
    import torch

    for is_first, x, y in work.batches():
        yield is_first, torch.from_numpy(x), torch.from_numpy(y)


def detach_state(state):
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


@contender("plain: one-hot, nn layer, Linear, cross_entropy, Adam")
def plain(work):
    import torch
    from torch.nn import functional as F

    net = torch_net(work, batch_first=True)
    optimizer = torch.optim.Adam(net.parameters())
    state = None
    for is_first, x, y in torch_batches(work):
        outputs, state = net["rnn"](F.one_hot(x, V).float(), None if is_first else state)
        loss = F.cross_entropy(net["head"](outputs).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        state = detach_state(state)
        yield loss.item()


@contender("plain, and malloc keeps its memory", environment=KEEP_MEMORY)
def plain_keeping(work):
    return plain(work)


@contender("charseq, fast=True", code="charseq")
def charseq(work):
    return charseq_steps(work, fast=True)


@contender("charseq, torch's layers", code="charseq")
def charseq_torch_layers(work):
    return charseq_steps(work)


def charseq_net(work, **options):
    import torch

    from charseq import CharRNN

    model = CharRNN(V, work.H, cell=work.cell, num_layers=work.layers, **options)
    model.load_state_dict({k: torch.from_numpy(w) for k, w in work.weights().items()})
    return model


def charseq_steps(work, **options):
    from charseq import Corpus, Run, Settings, language_model_steps

    corpus = Corpus.from_text(work.text)
    settings = Settings(
        steps=10**9, batch_size=work.B, length=work.T, optimizer="adam", lr=ADAM,
        schedule="constant", clip_norm=None, evaluate_every=0,
    )  # fmt: skip
    run = Run(charseq_net(work, **options), corpus.vocab, settings)
    return (record.loss for record in language_model_steps(run, corpus))


@contender("charseq's bare step, without its trainer", code="charseq", sizes="G")
def bare_step(work):
    import torch
    from torch.nn import functional as F

    model = charseq_net(work, fast=True)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    state = None
    for is_first, x, y in torch_batches(work):
        logits, state = model(x, None if is_first else state)
        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        state = detach_state(state)
        yield loss.item()


# Only the matrix products: the time of an update if nothing else took time


@contender("limit: only the matrix products", check="none")
def limit(work):
    """Compute the products with torch, in the form that one would write first."""
    import torch

    def product(a, b, out):
        torch.mm(a, b, out=out)

    return products(work, product, torch.from_numpy)


@contender("limit: with torch, weights transposed in advance", check="none")
def limit_transposed(work):
    import torch

    def product(a, b, out):
        torch.mm(a, b, out=out)

    return products(work, product, torch.from_numpy, transposed=True)


@contender("limit: with NumPy, which uses another library", check="none")
def limit_numpy(work):
    return products(work, np.dot, np.asarray, transposed=True)


LIMITS = ("limit", "limit_transposed", "limit_numpy")  # a share refers to the fastest of them


def products(work, product, array, transposed=False):
    """Compute the products into existing buffers, without text, nonlinearity or optimizer.

    If `transposed`, the weights are transposed in advance, so that a product with a state reads
    them along their rows, not their columns. Which is faster depends on library and processor.
    """
    H, B, T = work.H, work.B, work.T
    rng, weights = np.random.default_rng(0), work.weights()

    def numbers(*shape):
        return array(rng.random(shape, dtype=np.float32))

    def right_factor(W):
        return array(W.T.copy() if transposed else W.T)

    W_hy = weights["head.weight"]
    rows = GATES[work.cell] * H
    h, dh, z, da = (numbers(T * B, width) for width in (H, H, rows, rows))
    below, logits, dW_hy = numbers(T * B, H), numbers(T * B, V), numbers(V, H)
    dW_ih, dW_hh = numbers(rows, H), numbers(rows, H)
    pairs = list(
        zip(
            *([part[t * B : (t + 1) * B] for t in range(T)] for part in (h, z, da, dh)), strict=True
        )
    )
    W_hy, W_hyT = array(W_hy), right_factor(W_hy)
    layers = []
    for k in range(work.layers):
        W_ih, W_hh = (weights[f"rnn.weight_{name}_l{k}"] for name in ("ih", "hh"))
        layers.append((array(W_ih), right_factor(W_ih), array(W_hh), right_factor(W_hh)))
    while True:
        for k, (_, W_ihT, _, W_hhT) in enumerate(layers):
            if k:  # the first layer gathers rows instead
                product(below, W_ihT, out=z)
            for h_t, z_t, _, _ in pairs:
                product(h_t, W_hhT, out=z_t)
        product(h, W_hyT, out=logits)
        product(logits.T, h, out=dW_hy)
        product(logits, W_hy, out=dh)
        for k, (W_ih, _, W_hh, _) in reversed(list(enumerate(layers))):
            for _, _, da_t, dh_t in reversed(pairs):
                product(da_t, W_hh, out=dh_t)
            product(da.T, h, out=dW_hh)
            if k:
                product(da.T, below, out=dW_ih)
                product(da, W_ih, out=below)
        yield 0.0


# The code of other projects


@contender("plain, but an embedding of width H", check="falls", model="plain_embedding")
def plain_embedding(work):
    import torch
    from torch.nn import functional as F

    net = torch_net(work, width=work.H, batch_first=True)
    optimizer = torch.optim.Adam(net.parameters())
    state = None
    for is_first, x, y in torch_batches(work):
        outputs, state = net["rnn"](net["embedding"](x), None if is_first else state)
        loss = F.cross_entropy(net["head"](outputs).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        state = detach_state(state)
        yield loss.item()


@contender("char-rnn.pytorch's way: one call per character", model="plain_embedding", sizes="GML")
def char_rnn_pytorch(work):
    import torch
    from torch.nn import functional as F

    net = torch_net(work, width=work.H)
    optimizer = torch.optim.Adam(net.parameters())
    state = None
    for is_first, x, y in torch_batches(work):
        state = None if is_first else state
        optimizer.zero_grad()
        loss = 0
        for t in range(work.T):
            outputs, state = net["rnn"](net["embedding"](x[:, t])[None], state)
            loss = loss + F.cross_entropy(net["head"](outputs[0]), y[:, t])
        loss.backward()
        optimizer.step()
        state = detach_state(state)
        yield loss.item() / work.T


@contender("word_language_model's way: time first, SGD by hand", check="start",
           model="plain_embedding")  # fmt: skip
def word_language_model(work):
    import torch
    from torch.nn import functional as F

    net = torch_net(work, width=work.H)
    dropout = torch.nn.Dropout(0.0)
    state = None
    for is_first, x, y in torch_batches(work):
        net.train()
        net.zero_grad()
        state = None if is_first else detach_state(state)
        outputs, state = net["rnn"](dropout(net["embedding"](x.T)), state)
        logits = net["head"](dropout(outputs)).view(-1, V)
        loss = F.nll_loss(F.log_softmax(logits, dim=1), y.T.reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 0.25)
        for p in net.parameters():
            p.data.add_(p.grad, alpha=-1.0)
        yield loss.item()


@contender("makemore's way: a cell in a Python loop", check="falls", sizes="SG")
def makemore(work):
    """Use makemore's cells: one weight for [x, h], and in the GRU a reset before the product."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    H = work.H

    class RNNCell(nn.Module):
        def __init__(self):
            super().__init__()
            self.xh_to_h = nn.Linear(2 * H, H)

        def forward(self, x, h):
            return F.tanh(self.xh_to_h(torch.cat([x, h], dim=1)))

    class GRUCell(nn.Module):
        def __init__(self):
            super().__init__()
            self.xh_to_z, self.xh_to_r, self.xh_to_n = (nn.Linear(2 * H, H) for _ in range(3))

        def forward(self, x, h):
            xh = torch.cat([x, h], dim=1)
            r, z = F.sigmoid(self.xh_to_r(xh)), F.sigmoid(self.xh_to_z(xh))
            n = F.tanh(self.xh_to_n(torch.cat([x, r * h], dim=1)))
            return (1 - z) * h + z * n

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.start = nn.Parameter(torch.zeros(1, H))
            self.embedding = nn.Embedding(V, H)
            self.cell = {"RNN": RNNCell, "GRU": GRUCell}[work.cell]()
            self.head = nn.Linear(H, V)

        def forward(self, x, y):
            vectors, h, states = self.embedding(x), self.start.expand(len(x), -1), []
            for t in range(x.shape[1]):
                h = self.cell(vectors[:, t], h)
                states.append(h)
            logits = self.head(torch.stack(states, 1)).view(-1, V)
            return F.cross_entropy(logits, y.view(-1), ignore_index=-1)

    torch.manual_seed(0)
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), ADAM, betas=(0.9, 0.99), weight_decay=0.01)
    for _, x, y in torch_batches(work):
        loss = net(x, y)
        net.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        yield loss.item()


CONTENDERS |= peers.CONTENDERS


# Do all contenders compute the same?


def first(work):
    """Return how many losses are compared before anything is timed."""
    return {"S": 10, "L": 3}.get(work.name, 5)


def disagreement(work, contender, losses, all_losses):
    """Return what is wrong with the losses of a contender, or an empty string."""
    if contender.check == "none":
        return ""
    model = all_losses.get(contender.model, losses)
    compared = {"same": len(losses), "start": 1, "falls": 0}[contender.check]
    for step, (loss, expected) in enumerate(zip(losses[:compared], model, strict=False), 1):
        # Rounding makes correct losses differ by 2e-7. If the gradient does not go back through
        # time, the second loss is off by 1e-4.
        if not abs(loss - expected) <= 1e-5 * expected:
            return f"loss {loss:.6f} at step {step}, where {contender.model} has {expected:.6f}"
    if not losses[-1] < losses[0]:
        return f"the loss does not fall: {losses[0]:.4f} to {losses[-1]:.4f}"
    return ""
