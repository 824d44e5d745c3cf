"""Logits to text: temperature, top-k, top-p, on the NumPy reference and without torch."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
from numpy import add, multiply, subtract, tanh
from numpy.typing import ArrayLike, NDArray

from charseq.reference import RNNParams, gru_step, lstm_step, output_layer, rnn_step, softmax
from charseq.shapes import GATES
from charseq.vocab import Vocabulary

__all__ = ["Draw", "Net", "generate", "probabilities", "sampling_steps"]

Array = NDArray[Any]
NUMBERS = 80_000  # of noise, drawn at a time
OUT_OF_BOUNDS = (
    "the largest logit is not a finite number: have the weights grown out of bounds in training?"
)
SIGMOIDS = {"RNN": 0, "GRU": 2, "LSTM": 3}  # how many of the gates are one


class Net:
    """A trained network in NumPy, which reads a character at a time.

    Parameters
    ----------
    options : dict
        The options of the :class:`charseq.CharRNN` that the weights come from.
    weights : dict of str to ndarray
        Its state dict, with torch's names and shapes.

    Raises
    ------
    KeyError
        If an option or a weight is missing.
    ValueError
        If an option is out of range, or a weight does not have the shape that the options ask for.

    Examples
    --------
    >>> from charseq import CharRNN, Net
    >>> model = CharRNN(vocab_size=4, hidden_size=8, cell="GRU", seed=0)
    >>> net = Net.from_model(model)
    >>> logits, state = net.step([1, 2], net.start(2))  # two texts side by side
    >>> logits.shape
    (2, 4)
    """

    def __init__(self, options: Mapping[str, Any], weights: Mapping[str, Array]) -> None:
        sizes = ("vocab_size", "hidden_size", "num_layers", "embedding_size")
        for name in (*sizes, "cell", "output_layer", "tied"):
            if name not in options:
                raise KeyError(f"there is no option {name}")
        for name in sizes:
            size = options[name]
            absent = name == "embedding_size" and size is None
            if not (absent or (isinstance(size, int) and size >= 1)):
                raise ValueError(f"{name} must be an integer of at least 1, got {size!r}")
        if options["cell"] not in tuple(GATES):  # which may be unhashable in a damaged file
            raise ValueError(f"cell must be one of {', '.join(GATES)}, got {options['cell']!r}")
        self.cell: str = options["cell"]
        self.vocab_size: int = options["vocab_size"]
        self.hidden_size: int = options["hidden_size"]
        rows, width = GATES[self.cell] * self.hidden_size, options["embedding_size"]
        width = self.vocab_size if width is None else width
        left = dict(weights)

        def weight(name: str, *shape: int) -> Array:
            if name not in weights:
                raise KeyError(f"there is no weight {name}")
            if weights[name].shape != shape:
                raise ValueError(f"{name} must have shape {shape}, got {weights[name].shape}")
            left.pop(name, None)
            return weights[name]

        self.layers = [
            RNNParams(
                weight(f"rnn.weight_ih_l{k}", rows, width if k == 0 else self.hidden_size),
                weight(f"rnn.weight_hh_l{k}", rows, self.hidden_size),
                weight(f"rnn.bias_ih_l{k}", rows),
                weight(f"rnn.bias_hh_l{k}", rows),
            )
            for k in range(options["num_layers"])
        ]
        self._one_hot = options["embedding_size"] is None
        # What each character is to the first layer: a row of the embedding, or a one-hot vector.
        self.vectors = (
            np.eye(self.vocab_size, dtype=self.layers[0].W_ih.dtype)
            if self._one_hot
            else weight("embedding.weight", self.vocab_size, width)
        )
        self.head = None
        if options["output_layer"]:
            name = "embedding.weight" if options["tied"] else "head.weight"
            shape = (self.vocab_size, self.hidden_size)
            self.head = (weight(name, *shape), weight("head.bias", self.vocab_size))
        if options["tied"]:
            left.pop("head.weight", None)  # torch lists it under both names
        if left:
            raise ValueError(f"the options ask for no weight {next(iter(left))}")

    @classmethod
    def from_model(cls, model: Any) -> "Net":
        """Copy the weights of a model of torch.

        Parameters
        ----------
        model : CharRNN
            Trained or not.

        Returns
        -------
        Net
            With the same logits.
        """
        weights = {name: part.numpy().copy() for name, part in model.state_dict().items()}
        return cls(model.options, weights)

    def start(self, streams: int = 1) -> list[Any]:
        """Return the state before the first character: zeros.

        Parameters
        ----------
        streams : int, default=1
            B, texts that are read side by side.

        Returns
        -------
        list
            For each layer an array of shape (B, H), for an LSTM a pair (h, c) of such.
        """
        zeros = np.zeros((streams, self.hidden_size), dtype=self.vectors.dtype)
        return [(zeros, zeros) if self.cell == "LSTM" else zeros for _ in self.layers]

    def step(self, ids: ArrayLike, state: list[Any]) -> tuple[Array, list[Any]]:
        """Read one character in each text.

        Parameters
        ----------
        ids : array_like of int, shape (B,)
            The characters.
        state : list
            What :meth:`start` or the last step returned.

        Returns
        -------
        logits : ndarray of shape (B, V)
            Scores of the next character, :eq:`output-layer`.
        state : list
            The new state.
        """
        new: list[Any] = []
        x = self.vectors[np.asarray(ids)]  # (B,) -> (B, V or E)
        for params, before in zip(self.layers, state, strict=True):
            if self.cell == "LSTM":
                x, c = lstm_step(x, before, params)
                new.append((x, c))
            else:
                x = (gru_step if self.cell == "GRU" else rnn_step)(x, before, params)
                new.append(x)
        return (x if self.head is None else output_layer(x, *self.head)), new

    @cached_property
    def _fused(self) -> tuple[Array, list[Array]]:
        """The weights as :func:`_reader` multiplies with them, laid out once.

        First what each character brings to the first layer, (V, gH). Then for each layer all that
        its state is multiplied with, side by side: W_hh, then the W_ih of the next layer or W_hy.
        The last row are the biases, which a 1 at the end of each state picks up.
        """
        H, gates = self.hidden_size, GATES[self.cell]
        dtype = np.result_type(self.vectors, *(w for p in self.layers for w in p), *self.head or ())
        # i, f, o, g: the sigmoids together. A sigmoid is a tanh of half its argument, moved and
        # halved: with the weights halved beforehand one call of tanh serves all gates.
        order = [0, 1, 3, 2] if self.cell == "LSTM" else list(range(gates))
        scale = np.ones((gates, 1, 1), dtype=dtype)
        scale[: SIGMOIDS[self.cell]] = 0.5

        def rows(W: Array, b: Array) -> Array:
            by_gate = np.column_stack([W, b]).reshape(gates, H, -1)[order] * scale
            return by_gate.reshape(gates * H, -1)  # (gH, inputs + 1)

        first, *above = (rows(params.W_ih, params.b_ih) for params in self.layers)
        W, b = first[:, :-1].T, first[:, -1]
        above.append(
            np.zeros((0, H + 1), dtype=dtype) if self.head is None else np.column_stack(self.head)
        )
        fused = []
        for params, next_rows in zip(self.layers, above, strict=True):
            both = np.concatenate([rows(params.W_hh, params.b_hh), next_rows])
            fused.append(_aligned(both.T.astype(dtype, copy=False)))
        table = (W if self._one_hot else self.vectors @ W) + b
        return np.ascontiguousarray(table, dtype=fused[0].dtype), fused


def _aligned(W: Array) -> Array:
    """Copy a matrix with zeros at the end of its rows, so that each begins with a cache line.

    That saves 3 % of a product, and with a power of two columns, which now are not, 10 %.
    """
    line = 64 // W.itemsize
    rows, columns = len(W), (W.shape[1] // line + 1) * line
    space = np.zeros((rows + 1) * columns, dtype=W.dtype)
    start = -(space.ctypes.data // W.itemsize) % line
    aligned = space[start : start + rows * columns].reshape(rows, columns)
    aligned[:, : W.shape[1]] = W
    return aligned


class Draw:
    """One character drawn for each text.

    Attributes
    ----------
    ids : ndarray of shape (B,)
        The characters.
    logits : ndarray of shape (B, V)
        The scores that the net gave.
    probabilities : ndarray of shape (B, V)
        What they were drawn from, computed when it is first asked for.
    """

    def __init__(self, ids: Array, logits: Array, options: Mapping[str, Any]) -> None:
        self.ids, self.logits, self._options = ids, logits, options

    @cached_property
    def probabilities(self) -> Array:
        """What the characters were drawn from, :func:`probabilities` of the logits."""
        return probabilities(self.logits, **self._options)


def probabilities(
    logits: Array,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Array:
    """Turn logits into the probabilities to draw from.

    Parameters
    ----------
    logits : ndarray of shape (..., V)
        Scores.
    temperature : float, default=1.0
        The logits are divided by it: below 1 the likely gets likelier, above 1 the unlikely. 0
        takes the likeliest.
    top_k : int, optional
        Keep the k likeliest characters.
    top_p : float, optional
        Keep the likeliest characters that together have at least this probability. Like `top_k`
        it counts before anything is left out; with both, a character must pass both.

    Returns
    -------
    ndarray of shape (..., V)
        Sums to 1 along the last axis.

    Raises
    ------
    ValueError
        If an argument is out of range, or the largest logit is not a finite number.

    Examples
    --------
    >>> logits = np.array([2.0, 1.0, 0.0])
    >>> probabilities(logits, temperature=0.5).round(2)
    array([0.87, 0.12, 0.02])
    >>> probabilities(logits, temperature=2).round(2)
    array([0.51, 0.31, 0.19])
    >>> probabilities(logits, top_k=2).round(2)
    array([0.73, 0.27, 0.  ])
    """
    if not 0 <= temperature < np.inf:
        raise ValueError(f"temperature must be 0 or more and finite, got {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, got {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, got {top_p}")
    logits = np.asarray(logits, dtype=np.float64)
    largest = logits.max(axis=-1, keepdims=True)
    if not np.isfinite(largest).all():
        raise ValueError(OUT_OF_BOUNDS)
    if temperature == 0:
        p = np.zeros_like(logits)
        np.put_along_axis(p, logits.argmax(axis=-1)[..., None], 1.0, axis=-1)
        return p
    with np.errstate(over="ignore"):  # what lies too far below the largest has probability 0
        p = softmax((logits - largest) / temperature)
    order = np.argsort(-logits, axis=-1, kind="stable")
    ranked = np.take_along_axis(p, order, axis=-1)
    keep = np.ones(p.shape, dtype=bool)
    if top_k is not None:
        keep[..., top_k:] = False
    if top_p is not None:  # a character stays if those before it do not reach top_p
        keep &= np.cumsum(ranked, axis=-1) - ranked < top_p
    kept = np.zeros_like(p)
    np.put_along_axis(kept, order, ranked * keep, axis=-1)
    return kept / kept.sum(axis=-1, keepdims=True)


def sampling_steps(
    net: Net,
    vocab: Vocabulary,
    prompt: str | None = None,
    *,
    streams: int = 1,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    rng: np.random.Generator | None = None,
) -> Iterator[Draw]:
    """Draw one character after the other, without end.

    Parameters
    ----------
    net : Net
        The network.
    vocab : Vocabulary
        Its characters.
    prompt : str, optional
        Read before the first draw. By default a line end, so that a line begins; where the
        vocabulary has none, a space or else its first character.
    streams : int, default=1
        B, texts drawn side by side, each for itself.
    temperature, top_k, top_p : float, int, float
        As in :func:`probabilities`.
    rng : numpy.random.Generator, optional
        Where the chance comes from; a new one, never twice the same, by default. Two numbers are
        taken from it, however long the texts get.

    Yields
    ------
    Draw
        The characters of all texts, and what they were drawn from.

    Raises
    ------
    ValueError
        If the prompt is empty or has a character that is not in the vocabulary, the vocabulary is
        not the network's, or a number is out of range.
    """
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    blocks, logits = _writer(net, vocab, prompt, streams, options, rng)
    return (Draw(ids[0], logits.reshape(streams, -1).copy(), options) for ids in blocks(repeat(1)))


def _writer(
    net: Net,
    vocab: Vocabulary,
    prompt: str | None,
    streams: int,
    options: dict[str, Any],
    rng: np.random.Generator | None,
) -> tuple[Callable[[Iterable[int]], Iterator[Array]], Array]:
    """Return a function that draws blocks of so many characters, (n, B), and the logits behind.

    A draw takes the largest of logits / temperature + noise. With noise of Gumbel's law each
    character wins as often as its probability says, and all that is left to do for each one is a
    sum and a comparison. Here both are multiplied by the temperature, which may then be 0.
    """
    if len(vocab) != net.vocab_size:
        raise ValueError(f"the vocabulary has {len(vocab)} characters and the net {net.vocab_size}")
    if streams < 1:
        raise ValueError(f"streams must be at least 1, got {streams}")
    if prompt is None:
        prompt = next((char for char in "\n " if char in vocab), vocab.chars[0])
    if not prompt:
        raise ValueError("the prompt is empty: the net needs a character to go on from")
    probabilities(np.zeros(net.vocab_size), **options)  # are they in range?
    start = [k if streams == 1 else np.full(streams, k) for k in vocab.encode(prompt)]
    temperature = min(options["temperature"], 1e30)  # all are alike long before that
    filtered = options["top_k"] is not None or options["top_p"] is not None
    read, logits = _reader(net, streams)
    # With a generator of its own the texts do not depend on how many numbers are drawn ahead, nor
    # does what `rng` gives next.
    seed = (rng or np.random.default_rng()).integers(2**63, size=2)
    chance = np.random.Generator(np.random.SFC64(seed))

    def blocks(lengths: Iterable[int]) -> Iterator[Array]:
        chars: Any
        *before, chars = start
        for char in before:
            read(char)
        waits = np.empty(0)
        for n in lengths:
            if len(waits) < n:
                waits = np.empty((n, *logits.shape))
                noise = np.zeros_like(waits, dtype=np.result_type(logits, np.float32))
            scores = noise[:n]
            if temperature:
                # Minus the log of a wait of mean 1 has Gumbel's law. Waits need all digits of
                # float64, for the short ones win; their logs do not.
                scores[...] = chance.standard_exponential(out=waits[:n])
                scores += 1e-30  # for a wait of 0, which comes once in 2**53 times
                np.log(scores, out=scores)
                scores *= -temperature
            else:
                scores[...] = 0
            ids = []
            for row in scores:
                read(chars)
                add(logits, row, row)
                if filtered:
                    row[probabilities(logits, **options) == 0] = -np.inf
                chars = row.argmax(-1)
                ids.append(chars)
            drawn = np.array(ids)
            largest = np.take_along_axis(scores, drawn[..., None], axis=-1).reshape(n, streams)
            drawn, finite = drawn.reshape(n, streams), np.isfinite(largest).all(axis=1)
            if not finite.all():
                if finite[0]:  # what was drawn before stands
                    yield drawn[: finite.argmin()]
                raise ValueError(OUT_OF_BOUNDS)
            yield drawn

    return blocks, logits


def _reader(net: Net, streams: int) -> tuple[Callable[[Any], None], Array]:
    """Return a function that reads a character in each text, and the logits that it writes to.

    The numbers are those of :meth:`Net.step`; nothing is allocated on the way, and one text is
    vectors, not matrices of a row.
    """
    table, fused = net._fused
    lead, H, V = () if streams == 1 else (streams,), net.hidden_size, net.vocab_size
    size = table.shape[1]

    def parts(sums: Array) -> tuple[Array, ...]:
        """View (..., gH) as a step takes it: (g, ..., H), and the candidate of a GRU apart."""
        sums = sums.reshape(*lead, -1, H).swapaxes(0, -2)
        if net.cell == "GRU":
            return sums[:2], sums[2]
        return (sums[0],) if net.cell == "RNN" else (sums,)

    layers: list[tuple[Any, ...]] = []
    for W in fused:
        state = np.zeros((*lead, H + 1), dtype=table.dtype)
        state[..., H] = 1
        h, product = state[..., :H], np.tile(W[-1], (*lead, 1)) if lead else W[-1].copy()
        step = CELLS[net.cell](h, *parts(product[..., :size]))
        above = parts(product[..., size : 2 * size]) if len(layers) < len(fused) - 1 else ()
        layers.append((step, state, W, product, above))
    logits = h if net.head is None else product[..., size : size + V]
    if lead:
        gathered = np.empty((streams, size), dtype=table.dtype)
        x_of_all = parts(gathered)
    else:
        x_of = [parts(row) for row in table]  # views, made once
    dot, take = np.dot, np.take

    def read(chars: Any) -> None:
        if lead:
            take(table, chars, 0, gathered, "clip")  # "raise" takes twice as long
            x = x_of_all
        else:
            x = x_of[chars]
        for step, state, W, product, above in layers:
            step(*x)
            dot(state, W, product)
            x = above

    return read, logits


# Each of these makes a function that is given what comes from below and updates h in place. All
# but h and the sums have adjoining rows, and a half is an array: either takes half the time.


def _rnn(h: Array, memory: Array) -> Callable[..., None]:
    total = np.empty(h.shape, h.dtype)

    def step(x: Array) -> None:
        add(x, memory, total)
        tanh(total, h)

    return step


def _gru(h: Array, memory: Array, memory_n: Array) -> Callable[..., None]:
    gates, n, half = np.empty((2, *h.shape), h.dtype), np.empty(h.shape, h.dtype), _half(h)
    r, z = gates

    def step(x: Array, x_n: Array) -> None:
        add(x, memory, gates)
        tanh(gates, gates)
        multiply(gates, half, gates)
        add(gates, half, gates)
        multiply(r, memory_n, n)
        add(n, x_n, n)
        tanh(n, n)
        subtract(h, n, h)  # h = n + z (h - n)
        multiply(h, z, h)
        add(h, n, h)

    return step


def _lstm(h: Array, memory: Array) -> Callable[..., None]:
    work, both, half = np.zeros((5, *h.shape), h.dtype), np.empty((2, *h.shape), h.dtype), _half(h)
    gates, sigmoids, i_f, (_, _, o, _, c), g_c = work[:4], work[:3], work[:2], work, work[3:]
    written, kept = both

    def step(x: Array) -> None:
        add(x, memory, gates)
        tanh(gates, gates)
        multiply(sigmoids, half, sigmoids)
        add(sigmoids, half, sigmoids)
        multiply(i_f, g_c, both)  # i g and f c in one call
        add(written, kept, c)
        tanh(c, h)
        multiply(h, o, h)

    return step


def _half(h: Array) -> Array:
    return np.array(0.5, h.dtype)


CELLS: dict[str, Callable[..., Callable[..., None]]] = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}


def generate(
    net: Net,
    vocab: Vocabulary,
    prompt: str | None = None,
    *,
    length: int = 200,
    stop: Sequence[str] = (),
    streams: int = 1,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    rng: np.random.Generator | None = None,
) -> list[str]:
    """Write texts.

    Parameters
    ----------
    net, vocab, prompt : Net, Vocabulary, str
        As in :func:`charseq.sampling.sampling_steps`.
    length : int, default=200
        Characters to write, beside the prompt.
    stop : sequence of str, optional
        A text ends where one of these begins.
    streams, temperature, top_k, top_p, rng : int, float, int, float, numpy.random.Generator
        As in :func:`charseq.sampling.sampling_steps`.

    Returns
    -------
    list of str
        `streams` texts, without the prompt and without the stop string.

    Raises
    ------
    ValueError
        As in :func:`charseq.sampling.sampling_steps`; also if `length` is negative or a stop
        string empty.

    Examples
    --------
    >>> from charseq import CharRNN, Net, Vocabulary, generate
    >>> vocab = Vocabulary("ab")
    >>> net = Net.from_model(CharRNN(vocab_size=2, hidden_size=4, seed=0))
    >>> texts = generate(net, vocab, "a", length=5, streams=3, rng=np.random.default_rng(0))
    >>> [len(text) for text in texts]
    [5, 5, 5]
    """
    if length < 0:
        raise ValueError(f"length must not be negative, got {length}")
    if isinstance(stop, str):
        stop = (stop,)
    if not all(stop):
        raise ValueError("a stop string is empty: every text would end before it begins")
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    blocks, logits = _writer(net, vocab, prompt, streams, options, rng)
    # With a filter each draw is checked for itself, and refused before the rest of its block.
    n = 1 if top_k or top_p else max(1, min(32 if stop else 256, NUMBERS // logits.size))
    lengths = (min(n, length - t) for t in range(0, length, n))
    if not stop:
        ids = np.concatenate([np.zeros((0, streams), dtype=int), *blocks(lengths)])
        text = vocab.decode(ids.T.ravel())  # one text after the other
        return [text[k * length : (k + 1) * length] for k in range(streams)]
    texts, ended = [""] * streams, [False] * streams
    longest = max(map(len, stop))
    for written in blocks(lengths):
        for stream, chars in enumerate(written.T):
            if ended[stream]:
                continue
            fresh = max(0, len(texts[stream]) - longest + 1)  # no stop string begins before it
            text = texts[stream] + vocab.decode(chars)
            # The one that ends first, and of those that end together the longest.
            found = [(at + len(s), at) for s in stop if (at := text.find(s, fresh)) >= 0]
            ended[stream] = bool(found)
            texts[stream] = text[: min(found)[1]] if found else text
        if all(ended):
            break
    return texts
