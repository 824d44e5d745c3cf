"""Writing text with a trained net: one text, or 64 side by side.

Each contender is a generator that yields texts of `work.chunk` characters, begun after the first
character of the alphabet from a state of zeros. The weights are random, and those from the
characters and to the logits 16 times as large as torch draws them. The speed does not depend on
that, but the check does: what the net writes must depend on what it has read.
"""

import numpy as np

from benchmarks.peers import jax_step, jax_zeros
from benchmarks.training import charseq_net, torch_net
from benchmarks.work import V, Work, entering

CONTENDERS = {}
contender = entering(CONTENDERS)
# The largest net gets shorter texts: torch's layer writes 200 characters of it in a second.
SIZES = {
    f"{name}{streams}": Work(
        name, cell, H, layers, B=1, T=1, streams=streams, chunk=chunk, sharpness=16.0
    )
    for streams, chunks in ((1, (1000, 1000, 1000, 200)), (64, (200, 100, 100, 50)))
    for (name, cell, H, layers), chunk in zip(
        (("S", "RNN", 128, 1), ("G", "GRU", 256, 1), ("M", "LSTM", 256, 1), ("L", "LSTM", 512, 2)),
        chunks,
        strict=True,
    )
}


def characters(work):
    """Characters that one yield writes."""
    return work.streams * work.chunk


def texts_of(work, ids):
    return ["".join([work.alphabet[i] for i in row]) for row in ids.tolist()]


@contender("plain: torch's layer, a character at a time")
def plain(work):
    import torch
    from torch.nn import functional as F

    net = torch_net(work, batch_first=True).eval()
    with torch.no_grad():
        while True:
            char, state, drawn = torch.zeros(work.streams, 1, dtype=torch.long), None, []
            for _ in range(work.chunk):
                output, state = net["rnn"](F.one_hot(char, V).float(), state)
                p = net["head"](output[:, -1]).softmax(-1)
                char = torch.multinomial(p, 1)
                drawn.append(char)
            yield texts_of(work, torch.cat(drawn, 1))


@contender("torch by hand: tables, addmm, noise drawn up front")
def torch_by_hand(work):
    import torch

    weights = {name: torch.from_numpy(w.T.copy()) for name, w in work.weights().items()}

    def layer(k):
        return [weights[f"rnn.{w}_l{k}"] for w in ("weight_ih", "bias_ih", "weight_hh", "bias_hh")]

    layers = [layer(k) for k in range(work.layers)]
    table = layers[0][0] + layers[0][1]  # (V, rows): what each character brings
    W_hy, b_y = weights["head.weight"], weights["head.bias"]
    zeros = torch.zeros(work.streams, work.H)
    with torch.inference_mode():
        while True:
            noise = -torch.empty(work.chunk, work.streams, V).exponential_().log_()
            char, states, drawn = torch.zeros(work.streams, dtype=torch.long), {}, []
            for gumbel in noise:
                x = table.index_select(0, char)
                for k, (W_ih, b_ih, W_hh, b_hh) in enumerate(layers):
                    z = torch.addmm(b_ih, x, W_ih) if k else x
                    h, c = states.get(k, (zeros, zeros))
                    u = torch.addmm(b_hh, h, W_hh)
                    if work.cell == "RNN":
                        h = u.add_(z).tanh_()
                    elif work.cell == "GRU":
                        r, update = (z[:, : 2 * work.H] + u[:, : 2 * work.H]).sigmoid_().chunk(2, 1)
                        n = (z[:, 2 * work.H :] + r * u[:, 2 * work.H :]).tanh_()
                        h = torch.lerp(n, h, update)
                    else:
                        i, f, g, o = u.add_(z).chunk(4, 1)
                        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                        h = torch.sigmoid(o) * torch.tanh(c)
                    states[k] = h, c
                    x = h
                char = torch.addmm(b_y, x, W_hy).add_(gumbel).argmax(1)
                drawn.append(char)
            yield texts_of(work, torch.stack(drawn, 1))


@contender("charseq.generate", code="charseq")
def charseq(work):
    from charseq import NumpyNet, Vocabulary, generate

    net = NumpyNet.from_model(charseq_net(work))
    vocab = Vocabulary(work.alphabet)
    rng = np.random.default_rng(0)
    while True:
        yield generate(
            net, vocab, work.alphabet[0], length=work.chunk, streams=work.streams, rng=rng
        )


@contender("JAX, a scan by hand")
def jax_scan(work):
    import jax
    from jax import numpy as jnp

    @jax.jit
    def write(weights, key):
        def step(carried, key):
            char, states = carried
            new, x = [], None
            for k, state in enumerate(states):
                W_ih, b_ih = weights[f"rnn.weight_ih_l{k}"], weights[f"rnn.bias_ih_l{k}"]
                z = (W_ih[char] if k == 0 else x @ W_ih) + b_ih
                W_hh, b_hh = weights[f"rnn.weight_hh_l{k}"], weights[f"rnn.bias_hh_l{k}"]
                new.append(jax_step(work.cell, state, z, W_hh, b_hh))
                x = new[-1][0]
            logits = x @ weights["head.weight"] + weights["head.bias"]
            char = jax.random.categorical(key, logits)
            return (char, new), char

        start = jnp.zeros(work.streams, dtype=jnp.int32), jax_zeros(work, work.streams)
        return jax.lax.scan(step, start, jax.random.split(key, work.chunk))[1]

    # Transposed once, W_ihᵀ and so on: ten times faster for a single text.
    weights = {name: jnp.asarray(np.ascontiguousarray(w.T)) for name, w in work.weights().items()}
    key = jax.random.key(0)
    while True:
        key, now = jax.random.split(key)
        yield texts_of(work, np.asarray(write(weights, now)).T)


# Only the matrix products: what would be left of a character if all else took no time


@contender("limit: only the matrix products", check="none")
def limit(work):
    """The weights that a layer's state is multiplied with side by side: a product per layer."""
    layers = [np.concatenate(part, axis=1) for part in weights_of_products(work)]
    return products(work, [(W,) for W in layers])


@contender("limit: each product by itself", check="none")
def limit_apart(work):
    return products(work, weights_of_products(work))


@contender("limit: a product per layer, texts in columns", check="none")
def limit_columns(work):
    layers = [np.concatenate(part, axis=1) for part in weights_of_products(work)]
    return products(work, [(W,) for W in layers], columns=True)


LIMITS = ("limit", "limit_apart", "limit_columns")  # a share is that of the fastest


def weights_of_products(work):
    """For each layer what its state is multiplied with: W_hh, and the next W_ih or W_hy.

    The first layer's W_ih is missing, since a character's column of it is only looked up.
    """
    weights = work.weights()
    above = [weights[f"rnn.weight_ih_l{k}"] for k in range(1, work.layers)]
    above.append(weights["head.weight"])
    return [(weights[f"rnn.weight_hh_l{k}"].T, W.T) for k, W in enumerate(above)]


def products(work, layers, columns=False):
    """Multiply states of any numbers with the weights, into buffers that are there already."""
    rng = np.random.default_rng(0)
    calls = []
    for weights in layers:
        h = lined_up(rng.random((work.streams, work.H), dtype=np.float32))
        for W in weights:  # (H, outputs)
            full = -len(W.T) % 16  # rows of whole cache lines
            W = np.pad(W, ((0, 0), (0, full)))
            factors = (W.T, h.T) if columns else (h, W)
            factors = [lined_up(part) for part in factors]
            out = lined_up(factors[0] @ factors[1])
            if work.streams == 1:  # vectors, which NumPy multiplies in less time
                factors = [part.ravel() if 1 in part.shape else part for part in factors]
                out = out.ravel()
            calls.append((*factors, out))
    dot = np.dot
    while True:
        for _ in range(work.chunk):
            for a, b, out in calls:
                dot(a, b, out)
        yield []


def lined_up(array):
    """Copy an array to the beginning of a cache line."""
    space = np.empty(array.size + 16, dtype=array.dtype)
    start = -(space.ctypes.data // space.itemsize) % 16
    copy = space[start : start + array.size].reshape(array.shape)
    copy[...] = array
    return copy


# Do they do the same?


def first(work):
    """Yields that are looked at before anything is timed."""
    return 1


def disagreement(work, contender, yields, all_yields):
    """Say what is wrong with the texts of a contender, or return an empty string.

    Torch's layer reads the texts in float64. Characters that were drawn from its probabilities are
    on the average as surprising as the probabilities say, so the surprise less the entropy is zero
    but for chance.
    """
    import torch
    from torch.nn import functional as F

    if contender.check == "none":
        return ""
    (texts,) = yields
    if [len(text) for text in texts] != [work.chunk] * work.streams:
        return f"{len(texts)} texts of {len(texts[0])} characters"
    place = {char: i for i, char in enumerate(work.alphabet)}
    drawn = torch.tensor([[place[char] for char in text] for text in texts])
    read = torch.cat([torch.zeros_like(drawn[:, :1]), drawn[:, :-1]], dim=1)
    net = torch_net(work, batch_first=True).double()
    with torch.no_grad():
        log_p = net["head"](net["rnn"](F.one_hot(read, V).double())[0]).log_softmax(-1)
    surprise = -log_p.gather(-1, drawn[..., None])[..., 0]  # (B, T)
    entropy = -(log_p.exp() * log_p).sum(-1)
    spread = (log_p.exp() * (log_p + entropy[..., None]) ** 2).sum(-1)
    away = ((surprise - entropy).sum() / spread.sum().sqrt()).item()
    if not abs(away) <= 5:
        return f"its characters are {away:.0f} standard deviations from the net's probabilities"
    return ""
