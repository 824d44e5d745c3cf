"""Logits to text: temperature, top-k, top-p, without torch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
from numpy import add
from numpy.typing import NDArray

from charseq._checks import check_at_least
from charseq.net import NumpyNet, Reader
from charseq.reference import softmax
from charseq.vocab import Vocabulary

__all__ = ["Draw", "generate", "probabilities", "sampling_steps"]

Array = NDArray[Any]
NUMBERS = 80_000  # random numbers drawn at a time
OUT_OF_BOUNDS = (
    "the largest logit is not a finite number: have the weights grown out of bounds in training?"
)


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
    if top_k is not None:
        check_at_least(1, top_k=top_k)
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
    net: NumpyNet,
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
    net : NumpyNet
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
    writer = Writer(net, vocab, prompt, streams, options, rng)
    logits = writer.reader.logits.reshape(streams, -1)  # (B, V)
    return (Draw(ids[0], logits.copy(), options) for ids in writer.blocks(repeat(1)))


class Writer:
    """Draws characters in B texts side by side, in blocks of several characters each.

    A draw takes the character with the largest logit / temperature + noise. With noise of Gumbel's
    law each character wins as often as its probability says, so a draw costs one sum and one
    comparison per character. Here both are multiplied by the temperature, which may then be 0.

    Attributes
    ----------
    reader : Reader
        Has read all that has been drawn but the last character.
    """

    def __init__(
        self,
        net: NumpyNet,
        vocab: Vocabulary,
        prompt: str | None,
        texts: int,
        options: dict[str, Any],
        rng: np.random.Generator | None,
    ) -> None:
        if len(vocab) != net.vocab_size:
            raise ValueError(
                f"the vocabulary has {len(vocab)} characters and the net {net.vocab_size}"
            )
        check_at_least(1, streams=texts)
        if prompt is None:
            prompt = next((char for char in "\n " if char in vocab), vocab.chars[0])
        if not prompt:
            raise ValueError("the prompt is empty: the net needs a character to go on from")
        probabilities(np.zeros(net.vocab_size), **options)  # refuses options out of range
        self.reader = Reader(net, texts)
        self._prompt = [k if texts == 1 else np.full(texts, k) for k in vocab.encode(prompt)]
        self._texts, self._options = texts, options
        self._temperature = min(options["temperature"], 1e30)  # all are alike long before that
        self._filtered = options["top_k"] is not None or options["top_p"] is not None
        # With a generator of its own the texts do not depend on how many numbers are drawn ahead,
        # nor does what `rng` gives next.
        seed = (rng or np.random.default_rng()).integers(2**63, size=2)
        self._chance = np.random.Generator(np.random.SFC64(seed))
        self._waits = np.empty((0, *self.reader.logits.shape))
        self._scores = np.empty(0)

    def blocks(self, lengths: Iterable[int]) -> Iterator[Array]:
        """Read the prompt, then yield one array of drawn ids, (n, B), for each length n."""
        read, logits, filtered = self.reader.read, self.reader.logits, self._filtered
        *before, last = self._prompt
        for ids in before:
            read(ids)
        for n in lengths:
            scores = self._noise(n)
            drawn = []
            for row in scores:
                read(last)
                add(logits, row, row)
                if filtered:
                    row[probabilities(logits, **self._options) == 0] = -np.inf
                last = row.argmax(-1)
                drawn.append(last)
            yield from self._finite(np.array(drawn), scores)

    def _noise(self, n: int) -> Array:
        """Return Gumbel noise times the temperature for n characters, (n, V) or (n, B, V)."""
        logits = self.reader.logits
        if len(self._waits) < n:
            self._waits = np.empty((n, *logits.shape))
            self._scores = np.zeros_like(self._waits, dtype=np.result_type(logits, np.float32))
        scores = self._scores[:n]
        if self._temperature == 0:
            scores[...] = 0
            return scores
        # Minus the logarithm of a wait of mean 1 has Gumbel's law. The shortest waits win, and
        # need all digits of float64; their logarithms do not.
        scores[...] = self._chance.standard_exponential(out=self._waits[:n])
        scores += 1e-30  # for a wait of 0, which comes once in 2**53 times
        np.log(scores, out=scores)
        scores *= -self._temperature
        return scores

    def _finite(self, drawn: Array, scores: Array) -> Iterator[Array]:
        """Yield the block up to its first score that is not finite, and raise if there is one."""
        n = len(drawn)
        largest = np.take_along_axis(scores, drawn[..., None], axis=-1).reshape(n, self._texts)
        drawn, finite = drawn.reshape(n, self._texts), np.isfinite(largest).all(axis=1)
        if finite.all():
            yield drawn
            return
        if finite[0]:  # what was drawn before it is sound
            yield drawn[: finite.argmin()]
        raise ValueError(OUT_OF_BOUNDS)


def generate(
    net: NumpyNet,
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
    net, vocab, prompt : NumpyNet, Vocabulary, str
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
    >>> from charseq import CharRNN, NumpyNet, Vocabulary, generate
    >>> vocab = Vocabulary("ab")
    >>> net = NumpyNet.from_model(CharRNN(vocab_size=2, hidden_size=4, seed=0))
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
    writer = Writer(net, vocab, prompt, streams, options, rng)
    # With a filter each draw is checked by itself, and refused before the rest of its block.
    most = NUMBERS // writer.reader.logits.size
    n = 1 if top_k or top_p else max(1, min(32 if stop else 256, most))
    lengths = (min(n, length - t) for t in range(0, length, n))
    if not stop:
        ids = np.concatenate([np.zeros((0, streams), dtype=int), *writer.blocks(lengths)])
        text = vocab.decode(ids.T.ravel())  # one text after the other
        return [text[k * length : (k + 1) * length] for k in range(streams)]
    texts, ended = [""] * streams, [False] * streams
    longest = max(map(len, stop))
    for written in writer.blocks(lengths):
        for stream, chars in enumerate(written.T):
            if ended[stream]:
                continue
            fresh = max(0, len(texts[stream]) - longest + 1)  # no stop string begins before it
            text = texts[stream] + vocab.decode(chars)
            # Take the stop string that ends first; of several that end together, the longest.
            ends = [(at + len(s), at) for s in stop if (at := text.find(s, fresh)) >= 0]
            ended[stream] = bool(ends)
            texts[stream] = text[: min(ends)[1]] if ends else text
        if all(ended):
            break
    return texts
