r"""How surprising is a text? The bits of each character, and what a network expected there.

A network gives each character a probability before it reads it. The *surprise* of a character is
:math:`-\log_2` of that probability, in bits: 1 bit for one of two equal chances, 10 bits for one
of a thousand. The mean over a text is what ``charseq eval`` measures. One character at a time, it
shows where a text leaves what the network knows: a slip, a name, a line of a log that nobody has
seen.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charseq._checks import check_same_vocab_size, check_text
from charseq._errors import UserError
from charseq._terminal import escape_line
from charseq.history import json_line
from charseq.net import NumpyNet, Reader, as_net
from charseq.sampling import OUT_OF_BOUNDS
from charseq.vocab import Vocabulary

__all__ = ["Score", "ScoredLine", "score"]

Array = NDArray[Any]
SHOWN = 3  # the likeliest tokens that are kept at each place
BLOCK = 256  # the tokens whose logits are kept at once


class ScoredLine(NamedTuple):
    """One line of a scored text.

    Attributes
    ----------
    number : int
        Its number, from 1.
    start : int
        The position of its first token among those of the text.
    text : str
        The line, without the character that ends it.
    tokens : tuple of str
        Its T tokens, as in :class:`charseq.Score`, also the character that ends it.
    bits : ndarray of shape (T,)
        The surprise of each of its tokens, in bits.
    bits_per_character : float
        The sum of `bits`, divided by the number of characters, without those that were skipped; NaN
        if nothing of the line was scored.
    excess : float
        The largest excess in the line. The excess of a token is what it cost, in bits, less what
        the network expected to pay there: the entropy of its prediction. NaN if nothing of the line
        was scored.
    place : int
        The position of that token in `tokens`.
    char : str
        That token.
    expected : str
        What the network held likeliest there.
    """

    number: int
    start: int
    text: str
    tokens: tuple[str, ...]
    bits: Array
    bits_per_character: float
    excess: float
    place: int
    char: str
    expected: str


@dataclass(frozen=True, eq=False, repr=False)
class Score:
    """A text of T tokens, with the surprise of each of them.

    Attributes
    ----------
    text : str
        The text.
    tokens : tuple of str
        What the network read one after the other: characters, or pieces of words.
    bits : ndarray of shape (T,)
        The surprise of each token, in bits; NaN for a character that was skipped.
    entropy : ndarray of shape (T,)
        The surprise that the network itself expected there: the mean of the surprises of all
        tokens, each weighted with its probability. It is low where the network was sure. So a token
        whose bits are far above it contradicts what the network was sure of.
    likeliest : tuple of tuple of str
        For each token, the three that the network held likeliest there, the likeliest first. Empty
        where a character was skipped.
    chances : ndarray of shape (T, 3)
        Their probabilities.
    skipped : dict
        How often each character was skipped because the network does not know it.
    """

    text: str
    tokens: tuple[str, ...]
    bits: Array
    entropy: Array
    likeliest: tuple[tuple[str, ...], ...]
    chances: Array
    skipped: dict[str, int]

    @property
    def bits_per_character(self) -> float:
        """The surprise of all tokens, in bits, divided by the characters that were not skipped."""
        return _mean(self.bits, self.tokens)

    @property
    def loss(self) -> float:
        """The same in nats, the loss that networks are trained to lower."""
        return self.bits_per_character * math.log(2)

    def __len__(self) -> int:
        """Return the number of characters."""
        return len(self.text)

    def __repr__(self) -> str:
        """Return the number of characters and their mean surprise."""
        return f"Score({len(self):,} characters, {self.bits_per_character:.3f} bits each)"

    def lines(self) -> list[ScoredLine]:
        r"""Return the lines of the text, each with its own surprise.

        Returns
        -------
        list of ScoredLine
            A line ends with ``"\n"``, which counts as its last character.

        Examples
        --------
        >>> from charseq import load_net, score
        >>> lines = score(*load_net("austen"), "It is a truth.\nIt is a trqth.\n").lines()
        >>> [(line.number, line.char, line.expected) for line in lines]
        [(1, '\n', ' '), (2, 'q', 'u')]
        """
        ends = [k for k, token in enumerate(self.tokens, start=1) if token == "\n"]
        bounds = pairwise(sorted({0, *ends, len(self.tokens)}))
        return [self._line(*line) for line in enumerate(bounds, start=1)]

    def _line(self, number: int, bounds: tuple[int, int]) -> ScoredLine:
        start, stop = bounds
        tokens, bits = self.tokens[start:stop], self.bits[start:stop]
        excess = bits - self.entropy[start:stop]
        place = int(np.nan_to_num(excess, nan=-np.inf).argmax())
        return ScoredLine(
            number,
            start,
            "".join(tokens).removesuffix("\n"),
            tokens,
            bits,
            _mean(bits, tokens),
            float(excess[place]),
            place,
            tokens[place],
            "".join(self.likeliest[start + place][:1]),
        )


def score(
    net: Any,
    vocab: Vocabulary,
    text: str,
    *,
    before: str | None = None,
    skip_unknown: bool = False,
) -> Score:
    r"""Measure how much each character of a text, or each piece of a word, surprises a network.

    The arithmetic is done in float64, whatever the type of the weights, so that each processor
    gives the same digits. PyTorch is not needed.

    Parameters
    ----------
    net : NumpyNet or CharRNN
        The network.
    vocab : Vocabulary
        Its characters or pieces of words.
    text : str
        One character or more.
    before : str, optional
        What the network reads before the first character; it is not scored. The default is that of
        :func:`charseq.generate`: a line end, or else a space, or else the vocabulary's first
        character.
    skip_unknown : bool, default=False
        Leave out the characters that the network does not know, and count them. A piece of a word
        ends at such a character.

    Returns
    -------
    Score
        The bits of each character or piece, and what the network expected there.

    Raises
    ------
    TypeError
        If `text` is not a string, or `net` is not a network.
    ValueError
        If `text` or `before` is empty, a character is not in the vocabulary, or the vocabulary and
        the network differ in size.

    See Also
    --------
    charseq.evaluate : The mean only, and faster, with torch.

    Examples
    --------
    >>> from charseq import load_net, score
    >>> scored = score(*load_net("austen"), "Elizabeth")
    >>> scored.bits.round(1)  # after "E", the rest is no surprise
    array([5.6, 0.1, 0. , 0. , 0. , 0.1, 0. , 0. , 0. ])
    >>> scored.likeliest[0]  # what it held likeliest at the start of a line
    ('t', 'w', 'M')
    """
    check_text(text)
    net = as_net(net)
    if not isinstance(net, NumpyNet):
        raise TypeError(f"expected a NumpyNet or a CharRNN, got {type(net).__name__}")
    net = net.double()
    check_same_vocab_size(vocab, net)
    before = vocab.line_start() if before is None else before
    if not text or not before:
        raise UserError(f"{'before' if text else 'the text'} is empty: expected one character")
    skipped = vocab.skip_unknown(text)[1] if skip_unknown else {}
    if len(skipped) == len(set(text)):
        raise UserError(f"the network knows none of the {len(text)} characters of the text")
    names = getattr(vocab, "tokens", vocab.chars)
    ids: list[int] = []  # -1 for a character that is skipped
    tokens: list[str] = []
    for is_unknown, run in groupby(text, key=skipped.__contains__):
        chars = "".join(run)
        found = [-1] * len(chars) if is_unknown else vocab.encode(chars).tolist()
        tokens += chars if len(found) == len(chars) else [names[k] for k in found]
        ids += found
    bits, entropy = np.full(len(ids), np.nan), np.full(len(ids), np.nan)
    chances = np.zeros((len(ids), SHOWN))
    likeliest: list[tuple[str, ...]] = [()] * len(ids)
    for places, log_p in _predictions(net, np.array(ids), vocab.encode(before)):
        p = np.exp(log_p)
        bits[places] = -log_p[np.arange(len(places)), np.array(ids)[places]] / math.log(2)
        # 0 log 0 is 0: log_p is -inf only for a logit that is -inf, and its p is 0.
        entropy[places] = -(p * np.maximum(log_p, -1e300)).sum(axis=1) / math.log(2)
        order = np.argsort(-p, axis=1, kind="stable")[:, :SHOWN]
        chances[places, : order.shape[1]] = np.take_along_axis(p, order, axis=1)
        for place, best in zip(places.tolist(), order.tolist(), strict=True):
            likeliest[place] = tuple(names[k] for k in best)
    return Score(text, tuple(tokens), bits, entropy, tuple(likeliest), chances, skipped)


def _predictions(net: Any, ids: Array, before: Array) -> Iterator[tuple[Array, Array]]:
    """Yield places (N,) of known ids, and the logarithms of the chances (N, V) there."""
    reader = Reader(net, 1)
    for char in before:
        reader.read(char)
    known = np.flatnonzero(ids >= 0)
    for places in np.split(known, range(BLOCK, len(known), BLOCK)):
        logits = reader.read_block(ids[places][:, None])[:, 0].astype(np.float64, copy=False)
        largest = logits.max(axis=1, keepdims=True)
        if not np.isfinite(largest).all():
            raise UserError(OUT_OF_BOUNDS)
        log_p = logits - largest
        yield places, log_p - np.log(np.exp(log_p).sum(axis=1, keepdims=True))


def _mean(bits: Array, tokens: tuple[str, ...]) -> float:
    """Return the bits per character of some tokens."""
    sizes = np.array([len(token) for token in tokens])
    known = ~np.isnan(bits)
    return float(bits[known].sum() / sizes[known].sum()) if known.any() else math.nan


def _name(token: str) -> str:
    """Return a token as a message shows it."""
    return {" ": "space", "\n": "line end"}.get(token) or f"'{escape_line(token)}'"


def text_report(lines: list[ScoredLine]) -> Iterator[str]:
    """Yield lines as rows of a table: bits per character, number, largest excess, where, text."""
    yield " bits  line  excess  most surprising               text"
    for line in lines:
        where = "nothing was known"
        if not math.isnan(line.excess):
            column = 1 + sum(map(len, line.tokens[: line.place]))
            what = f"{_name(line.char)} for {_name(line.expected)}"
            where = f"{line.bits[line.place]:4.1f} at {column}, {what}"
        numbers = f"{line.bits_per_character:5.2f}  {line.number:>4}  {line.excess:6.2f}"
        yield escape_line(f"{numbers}  {where:28}  {line.text}")


def json_report(lines: list[ScoredLine]) -> Iterator[str]:
    """Yield each line as JSON, which has no NaN: null is what was not scored."""
    for line in lines:
        bits = [None if math.isnan(b) else round(b, 4) for b in line.bits.tolist()]
        yield json_line({**line._asdict(), "bits": bits})
