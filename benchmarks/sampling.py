"""Writing text with a trained network: one text, or 64 side by side.

Each contender is a generator that yields texts of `work.chunk` characters. Each text starts from a
state of zeros, after the first character of the alphabet. The weights are random. Those of the
input and of the output layer are 16 times as large as torch draws them, so that the text depends on
what the network has read. The check of the contenders needs that; their speed does not change.
"""

import numpy as np

from benchmarks.peers import jax_step, jax_zeros
from benchmarks.training import charseq_net, torch_net
from benchmarks.work import V, Work, entering

CONTENDERS = {}
contender = entering(CONTENDERS)
# The largest network writes shorter texts: torch's layer writes only 200 characters per second.
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
    """Return the number of characters that one yield writes."""
    return work.streams * work.chunk


def texts_of(work, ids):
    return ["".join([work.alphabet[i] for i in row]) for row in ids.tolist()]


@contender("plain: torch's layer, one character per call")
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


@contender("torch by hand: tables, addmm, noise drawn in advance")
def torch_by_hand(work):
    import torch

    weights = {name: torch.from_numpy(w.T.copy()) for name, w in work.weights().items()}

    def layer(k):
        return [weights[f"rnn.{w}_l{k}"] for w in ("weight_ih", "bias_ih", "weight_hh", "bias_hh")]

    layers = [layer(k) for k in range(work.layers)]
    table = layers[0][0] + layers[0][1]  # (V, gH): each character's part of the sums
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
        def step(carry, key):
            char, states = carry
            new_states, x = [], None
            for k, state in enumerate(states):
                W_ih, b_ih = weights[f"rnn.weight_ih_l{k}"], weights[f"rnn.bias_ih_l{k}"]
                z = (W_ih[char] if k == 0 else x @ W_ih) + b_ih
                W_hh, b_hh = weights[f"rnn.weight_hh_l{k}"], weights[f"rnn.bias_hh_l{k}"]
                new_states.append(jax_step(work.cell, state, z, W_hh, b_hh))
                x = new_states[-1][0]
            logits = x @ weights["head.weight"] + weights["head.bias"]
            char = jax.random.categorical(key, logits)
            return (char, new_states), char

        start = jnp.zeros(work.streams, dtype=jnp.int32), jax_zeros(work, work.streams)
        return jax.lax.scan(step, start, jax.random.split(key, work.chunk))[1]

    # The weights are transposed only once. For a single text that is ten times faster.
    weights = {name: jnp.asarray(np.ascontiguousarray(w.T)) for name, w in work.weights().items()}
    key = jax.random.key(0)
    while True:
        key, chunk_key = jax.random.split(key)
        yield texts_of(work, np.asarray(write(weights, chunk_key)).T)


# Only the matrix products: the time of a character if nothing else took time


@contender("limit: only the matrix products", check="none")
def limit(work):
    """Join all weights that a layer's state is multiplied with, for one product per layer."""
    layers = [np.concatenate(part, axis=1) for part in weights_of_products(work)]
    return products(work, [(W,) for W in layers])


@contender("limit: one product per weight", check="none")
def limit_apart(work):
    return products(work, weights_of_products(work))


@contender("limit: one product per layer, texts in columns", check="none")
def limit_columns(work):
    layers = [np.concatenate(part, axis=1) for part in weights_of_products(work)]
    return products(work, [(W,) for W in layers], columns=True)


LIMITS = ("limit", "limit_apart", "limit_columns")  # a share refers to the fastest of them


def weights_of_products(work):
    """Return what each layer's state is multiplied with: W_hh, and the next W_ih or W_hy.

    The first layer's W_ih is missing: there is no product with it, only a look-up of a column.
    """
    weights = work.weights()
    above = [weights[f"rnn.weight_ih_l{k}"] for k in range(1, work.layers)]
    above.append(weights["head.weight"])
    return [(weights[f"rnn.weight_hh_l{k}"].T, W.T) for k, W in enumerate(above)]


def products(work, layers, columns=False):
    """Multiply random states with the weights, into existing buffers."""
    rng = np.random.default_rng(0)
    calls = []
    for weights in layers:
        h = align(rng.random((work.streams, work.H), dtype=np.float32))
        for W in weights:  # (H, outputs)
            padding = -len(W.T) % 16  # so that each row fills whole cache lines
            W = np.pad(W, ((0, 0), (0, padding)))
            factors = (W.T, h.T) if columns else (h, W)
            factors = [align(part) for part in factors]
            out = align(factors[0] @ factors[1])
            if work.streams == 1:  # NumPy multiplies vectors faster than matrices of one row
                factors = [part.ravel() if 1 in part.shape else part for part in factors]
                out = out.ravel()
            calls.append((*factors, out))
    dot = np.dot
    while True:
        for _ in range(work.chunk):
            for a, b, out in calls:
                dot(a, b, out)
        yield []


def align(array):
    """Copy an array into memory that starts at a cache line."""
    buffer = np.empty(array.size + 16, dtype=array.dtype)
    start = -(buffer.ctypes.data // buffer.itemsize) % 16
    copy = buffer[start : start + array.size].reshape(array.shape)
    copy[...] = array
    return copy


# Do all contenders draw from the same probabilities?


def first(work):
    """Return how many yields are checked before anything is timed."""
    return 1


def disagreement(work, contender, yields, all_yields):
    """Return what is wrong with the texts of a contender, or an empty string.

    Torch's layer reads the texts in float64. If the characters were drawn from its probabilities,
    their mean surprise equals the mean entropy of the probabilities, apart from chance.
    """
    import torch
    from torch.nn import functional as F

    if contender.check == "none":
        return ""
    (texts,) = yields
    if [len(text) for text in texts] != [work.chunk] * work.streams:
        return f"{len(texts)} texts of {len(texts[0])} characters"
    id_of = {char: i for i, char in enumerate(work.alphabet)}
    drawn = torch.tensor([[id_of[char] for char in text] for text in texts])
    read = torch.cat([torch.zeros_like(drawn[:, :1]), drawn[:, :-1]], dim=1)
    net = torch_net(work, batch_first=True).double()
    with torch.no_grad():
        log_p = net["head"](net["rnn"](F.one_hot(read, V).double())[0]).log_softmax(-1)
    surprise = -log_p.gather(-1, drawn[..., None])[..., 0]  # (B, T)
    entropy = -(log_p.exp() * log_p).sum(-1)
    variance = (log_p.exp() * (log_p + entropy[..., None]) ** 2).sum(-1)
    deviation = ((surprise - entropy).sum() / variance.sum().sqrt()).item()
    if not abs(deviation) <= 5:
        return (
            f"its characters are {deviation:.0f} standard deviations from the net's probabilities"
        )
    return ""
