"""Logits to text: temperature, top-k, top-p, on the NumPy reference and without torch."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charseq.reference import RNNParams, gru_step, lstm_step, output_layer, rnn_step, softmax
from charseq.vocab import Vocabulary

__all__ = ["Draw", "Net", "generate", "probabilities", "sampling_steps"]

Array = NDArray[Any]
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


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
        # What each character is to the first layer: a row of the embedding, or a one-hot vector.
        self.vectors = (
            np.eye(self.vocab_size, dtype=self.layers[0].W_ih.dtype)
            if options["embedding_size"] is None
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


class Draw(NamedTuple):
    """One character drawn for each text.

    Attributes
    ----------
    ids : ndarray of shape (B,)
        The characters.
    probabilities : ndarray of shape (B, V)
        What they were drawn from.
    """

    ids: Array
    probabilities: Array


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
        raise ValueError(
            "the largest logit is not a finite number: have the weights grown out of bounds in "
            "training?"
        )
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
        Where the chance comes from; a new one, never twice the same, by default.

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
    if len(vocab) != net.vocab_size:
        raise ValueError(f"the vocabulary has {len(vocab)} characters and the net {net.vocab_size}")
    if streams < 1:
        raise ValueError(f"streams must be at least 1, got {streams}")
    if prompt is None:
        prompt = next((char for char in "\n " if char in vocab), vocab.chars[0])
    if not prompt:
        raise ValueError("the prompt is empty: the net needs a character to go on from")
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    probabilities(np.zeros(net.vocab_size), **options)  # type: ignore[arg-type]
    return _draws(net, vocab.encode(prompt), streams, options, rng or np.random.default_rng())


def _draws(
    net: Net, prompt: Array, streams: int, options: dict[str, Any], rng: np.random.Generator
) -> Iterator[Draw]:
    state = net.start(streams)
    for char in prompt:
        logits, state = net.step(np.full(streams, char), state)  # (B, V)
    while True:
        p = probabilities(logits, **options)  # (B, V)
        total = np.cumsum(p, axis=1)
        total /= total[:, -1:]  # so that the last is 1 whatever was lost in rounding
        ids = (total > rng.random((streams, 1))).argmax(axis=1)  # (B,): where the number falls
        yield Draw(ids, p)
        logits, state = net.step(ids, state)


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
    draws = sampling_steps(
        net,
        vocab,
        prompt,
        streams=streams,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        rng=rng,
    )
    texts, ended = [""] * streams, [False] * streams
    for _, draw in zip(range(length), draws, strict=False):
        for stream, char in enumerate(vocab.decode(draw.ids)):
            if ended[stream]:
                continue
            texts[stream] += char
            ending = max(filter(texts[stream].endswith, stop), key=len, default="")
            if ending:
                texts[stream] = texts[stream].removesuffix(ending)
                ended[stream] = True
        if all(ended):
            break
    return texts
