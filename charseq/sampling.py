"""From logits to text, with temperature, top-k and top-p, and without torch."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy import add
from numpy.typing import NDArray

from charseq._checks import check_at_least
from charseq._errors import UserError
from charseq.net import as_net
from charseq.reference import softmax
from charseq.vocab import Vocabulary

__all__ = ["generate", "generate_pieces", "probabilities"]

Array = NDArray[Any]
NUMBERS = 80_000  # the most random numbers that a block draws at once
OUT_OF_BOUNDS = (
    "the largest logit is not a finite number: did the weights grow without bound in training?"
)


def probabilities(
    logits: Array, *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Array:
    """Turn logits into the probabilities to draw from.

    Parameters
    ----------
    logits : ndarray of shape (..., V)
        Scores.
    temperature : float, default=1.0
        The logits are divided by it. Below 1, likely characters become likelier; above 1, unlikely
        ones do. At 0, the likeliest character gets probability 1.
    top_k : int, optional
        Keep the k likeliest characters.
    top_p : float, optional
        Keep the smallest set of likeliest characters whose probabilities sum to at least this. Both
        filters look at all characters; if both are given, a character must pass both.

    Returns
    -------
    ndarray of shape (..., V)
        Probabilities, which sum to 1 along the last axis.

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
        raise UserError(f"temperature must be 0 or more and finite, got {temperature}")
    if top_k is not None:
        check_at_least(1, top_k=top_k)
    if top_p is not None and not 0 < top_p <= 1:
        raise UserError(
            f"top_p must be above 0 and at most 1, got {top_p}; it is a share, and 0.9 is 90 %"
        )
    logits = np.asarray(logits, dtype=np.float64)
    largest = logits.max(axis=-1, keepdims=True)
    if not np.isfinite(largest).all():
        raise UserError(OUT_OF_BOUNDS)
    if temperature == 0:
        p = np.zeros_like(logits)
        np.put_along_axis(p, logits.argmax(axis=-1)[..., None], 1.0, axis=-1)
        return p
    with np.errstate(over="ignore"):  # a logit far below the largest gets probability 0
        p = softmax((logits - largest) / temperature)
    order = np.argsort(-logits, axis=-1, kind="stable")
    ranked = np.take_along_axis(p, order, axis=-1)
    passes = np.ones(p.shape, dtype=bool)
    if top_k is not None:
        passes[..., top_k:] = False
    if top_p is not None:  # a character passes if the likelier ones do not reach top_p
        passes &= np.cumsum(ranked, axis=-1) - ranked < top_p
    filtered = np.zeros_like(p)
    np.put_along_axis(filtered, order, ranked * passes, axis=-1)
    return filtered / filtered.sum(axis=-1, keepdims=True)


class Writer:
    """Draws characters in B texts side by side, in blocks of several characters each.

    A draw takes the character with the largest logit / temperature + noise. If the noise has a
    Gumbel distribution, each character wins exactly with its probability. So a draw costs one
    addition and one comparison per character. Here both terms are multiplied by the temperature,
    which gives logit + temperature * noise, so that a temperature of 0 needs no division.

    Attributes
    ----------
    reader : Reader or NGramReader
        It has read the prompt and all drawn characters except the last.
    """

    def __init__(
        self,
        net: Any,
        vocab: Vocabulary,
        prompt: str | None,
        texts: int,
        options: dict[str, Any],
        rng: np.random.Generator | None,
    ) -> None:
        net = as_net(net)
        if len(vocab) != net.vocab_size:
            raise UserError(
                f"the vocabulary has {len(vocab)} {vocab.unit} and the net {net.vocab_size}"
            )
        check_at_least(1, streams=texts)
        if prompt is None:
            prompt = vocab.line_start()
        if not prompt:
            raise UserError("the prompt is empty: the net needs a character to continue")
        probabilities(np.zeros(net.vocab_size), **options)  # raises if an option is out of range
        self.reader = net._reader(texts)
        self._prompt = [k if texts == 1 else np.full(texts, k) for k in vocab.encode(prompt)]
        self._texts, self._options = texts, options
        # From 1e30 on, all characters are equally likely. The bound keeps the noise finite.
        self._temperature = min(options["temperature"], 1e30)
        self._has_filter = options["top_k"] is not None or options["top_p"] is not None
        # Noise is drawn in advance for whole blocks, from a generator that only this writer uses.
        # So the size of the blocks changes neither the texts nor the next numbers from `rng`.
        seed = (rng or np.random.default_rng()).integers(2**63, size=2)
        self._noise_generator = np.random.Generator(np.random.SFC64(seed))
        self._exponentials = np.empty((0, *self.reader.logits.shape))
        self._noise = np.empty(0)

    def blocks(self, lengths: Iterable[int]) -> Iterator[Array]:
        """Read the prompt, then yield one array of drawn ids, (n, B), for each length n."""
        read, logits, has_filter = self.reader.read, self.reader.logits, self._has_filter
        *ids_before, last_ids = self._prompt
        for ids in ids_before:
            read(ids)
        for n in lengths:
            scores = self._draw_noise(n)
            drawn = []
            for row in scores:
                read(last_ids)
                add(logits, row, row)
                if has_filter:
                    row[probabilities(logits, **self._options) == 0] = -np.inf
                last_ids = row.argmax(-1)
                drawn.append(last_ids)
            yield from self._check_scores(np.array(drawn), scores)

    def _draw_noise(self, n: int) -> Array:
        """Return Gumbel noise times the temperature for n characters, (n, V) or (n, B, V)."""
        logits = self.reader.logits
        if len(self._exponentials) < n:
            self._exponentials = np.empty((n, *logits.shape))
            self._noise = np.zeros_like(self._exponentials, np.result_type(logits, np.float32))
        noise = self._noise[:n]
        if self._temperature == 0:
            noise[...] = 0
            return noise
        # If x is exponentially distributed with mean 1, then -log(x) is Gumbel noise. The smallest
        # x win, so x is drawn in float64, with many digits. The logarithms may have fewer.
        noise[...] = self._noise_generator.standard_exponential(out=self._exponentials[:n])
        noise += 1e-30  # keeps log finite where x is 0, about once in 2**53 draws
        np.log(noise, out=noise)
        noise *= -self._temperature
        return noise

    def _check_scores(self, drawn: Array, scores: Array) -> Iterator[Array]:
        """Yield the drawn ids (n, B). If a score is not finite, yield those before it and raise."""
        n = len(drawn)
        largest = np.take_along_axis(scores, drawn[..., None], axis=-1).reshape(n, self._texts)
        drawn, finite = drawn.reshape(n, self._texts), np.isfinite(largest).all(axis=1)
        if finite.all():
            yield drawn
            return
        if finite[0]:
            yield drawn[: finite.argmin()]
        raise UserError(OUT_OF_BOUNDS)


def generate(
    net: Any,
    vocab: Vocabulary,
    prompt: str | Sequence[str] | None = None,
    *,
    length: int = 200,
    stop: Sequence[str] = (),
    streams: int = 1,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    rng: np.random.Generator | None = None,
) -> list[str]:
    """Write texts with a trained network, drawing one character after another.

    Parameters
    ----------
    net : NumpyNet, CharRNN or NGram
        The network, or a table of counts. The weights of a :class:`charseq.CharRNN`, on whatever
        device, are copied, so what it learns later does not change the text.
    vocab : Vocabulary
        Its characters.
    prompt : str or sequence of str, optional
        Text that is read before the first draw. The default is a line end, so that the text begins
        with a new line. A vocabulary without one gives a space, or else its first character. Of
        several prompts, each is continued on its own, one after the other.
    length : int, default=200
        Characters to write after the prompt.
    stop : sequence of str, optional
        Each text ends just before the first of these strings that it would contain.
    streams : int, default=1
        B, the number of independent texts that are drawn side by side.
    temperature, top_k, top_p : float, int, float
        As in :func:`charseq.sampling.probabilities`.
    rng : numpy.random.Generator, optional
        Source of the random numbers. The default is a new generator with a random seed. Only two
        numbers are taken from it for each prompt, however long the texts get.

    Returns
    -------
    list of str
        As many texts as `streams`, without the prompt and without the stop string; of several
        prompts, first all texts of the first one.

    Raises
    ------
    TypeError
        If `net` is none of these.
    ValueError
        If a prompt is empty or has a character that is not in the vocabulary, if the vocabulary and
        the network differ in size, a number is out of range, a stop string is empty, or there is no
        prompt in the sequence.

    Examples
    --------
    >>> from charseq import CharRNN, Vocabulary, generate
    >>> vocab = Vocabulary("ab")
    >>> model = CharRNN(vocab_size=2, hidden_size=4, seed=0)
    >>> texts = generate(model, vocab, "a", length=5, streams=3, rng=np.random.default_rng(0))
    >>> [len(text) for text in texts]
    [5, 5, 5]
    >>> len(generate(model, vocab, ["a", "ab"], length=5))
    2
    """
    net = as_net(net)  # once, and not once for each prompt
    rng = np.random.default_rng() if rng is None else rng
    prompts = [prompt] if prompt is None or isinstance(prompt, str) else list(prompt)
    if not prompts:
        raise UserError("there is no prompt: expected a text, a list of texts, or None")
    texts: list[str] = []
    for one in prompts:
        pieces = generate_pieces(
            net,
            vocab,
            one,
            length=length,
            stop=stop,
            streams=streams,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            rng=rng,
        )
        parts = zip([""] * streams, *pieces, strict=True)
        texts += ["".join(of_one) for of_one in parts]
    return texts


def generate_pieces(
    net: Any,
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
) -> Iterator[list[str]]:
    """Write texts piece by piece, so that they can be shown while they are written.

    Parameters
    ----------
    net, vocab, prompt : NumpyNet or CharRNN or NGram, Vocabulary, str
        As in :func:`charseq.generate`, but only one prompt.
    length, stop, streams : int, sequence of str, int
        As in :func:`charseq.generate`.
    temperature, top_k, top_p, rng : float, int, float, numpy.random.Generator
        As in :func:`charseq.generate`.

    Yields
    ------
    list of str
        The next piece of each text. Joined, they are the texts of :func:`charseq.generate`.

    Raises
    ------
    TypeError, ValueError
        As in :func:`charseq.generate`.

    Examples
    --------
    >>> from charseq import CharRNN, NumpyNet, Vocabulary
    >>> net = NumpyNet.from_model(CharRNN(vocab_size=2, hidden_size=4, seed=0))
    >>> pieces = generate_pieces(net, Vocabulary("ab"), length=600)
    >>> [len(piece) for (piece,) in pieces]
    [256, 256, 88]
    """
    check_at_least(0, length=length)
    if isinstance(stop, str):
        stop = (stop,)
    if not all(stop):
        raise UserError("a stop string is empty: every text would end before it begins")
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    writer = Writer(net, vocab, prompt, streams, options, rng)
    # With a filter, `probabilities` may refuse logits in the middle of a block, and the characters
    # already drawn in that block would be lost. So then a block is one character.
    most = NUMBERS // writer.reader.logits.size
    n = 1 if top_k or top_p else max(1, min(32 if stop else 256, most))
    blocks = writer.blocks(min(n, length - t) for t in range(0, length, n))
    pieces = ([vocab.decode(ids) for ids in block.T] for block in blocks)  # ids are (n, B)
    return _cut_at_stop(pieces, streams, stop) if stop else pieces


def _cut_at_stop(
    pieces: Iterator[list[str]], streams: int, stop: Sequence[str]
) -> Iterator[list[str]]:
    """End each text before its first stop string.

    The last characters of a text are held back while they may be the beginning of a stop string.
    """
    rests, ended = [""] * streams, [False] * streams
    held_back = max(map(len, stop)) - 1
    for piece in pieces:
        shown = [""] * streams
        for k, part in enumerate(piece):
            if ended[k]:
                continue
            text = rests[k] + part
            # Take the stop string that ends first. If several end together, take the longest.
            matches = [(start + len(s), start) for s in stop if (start := text.find(s)) >= 0]
            ended[k] = bool(matches)
            end = min(matches)[1] if matches else max(0, len(text) - held_back)
            shown[k], rests[k] = text[:end], text[end:]
        yield shown
        if all(ended):
            return
    yield ["" if is_ended else rest for is_ended, rest in zip(ended, rests, strict=True)]
