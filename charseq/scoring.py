r"""How surprising is a text? The bits of each character, and what a network expected there.

A network gives each character a probability before it reads it. The *surprise* of a character is
:math:`-\log_2` of that probability, in bits: 1 bit for one of two equal chances, 10 bits for one
of a thousand. The mean over a text is what ``charseq eval`` measures. One character at a time, it
shows where a text leaves what the network knows: a slip, a name, a line of a log that nobody has
seen.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import compress, groupby, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charseq._checks import check_choice, check_same_vocab_size, check_text
from charseq._terminal import escape_line, escape_text
from charseq.net import as_net, reader_of
from charseq.sampling import OUT_OF_BOUNDS
from charseq.vocab import Vocabulary

__all__ = ["Score", "ScoredLine", "score"]

Array = NDArray[Any]
SHOWN = 3  # the likeliest tokens that are kept at each place
SIDE_BY_SIDE = 64  # the lines that are read together, if each is read alone
SHOWN_LINES = 10  # of those with characters that were skipped
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
    tokens : str or tuple of str
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
    tokens: Sequence[str]
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
    tokens : str or tuple of str
        What the network read one after the other: the characters, so this is the text itself; or,
        if it reads pieces of words, these.
    bits : ndarray of shape (T,)
        The surprise of each token, in bits; NaN for a character that was skipped.
    entropy : ndarray of shape (T,)
        The surprise that the network itself expected there: the mean of the surprises of all
        tokens, each weighted with its probability. It is low where the network was sure. So a token
        whose bits are far above it contradicts what the network was sure of.
    likeliest : tuple of str, or of tuple of str
        For each token, the three that the network held likeliest there, the likeliest first: three
        characters in one string, or a tuple of three pieces. Empty where a character was skipped.
    chances : ndarray of shape (T, 3)
        Their probabilities.
    skipped : dict
        How often each character was skipped because the network does not know it.
    """

    text: str
    tokens: Sequence[str]
    bits: Array
    entropy: Array
    likeliest: tuple[Sequence[str], ...]
    chances: Array
    skipped: dict[str, int] = field(default_factory=dict)

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
        lines = []
        ends = [k for k, token in enumerate(self.tokens, start=1) if token == "\n"]
        for number, (start, stop) in enumerate(
            pairwise(sorted({0, *ends, len(self.tokens)})), start=1
        ):
            tokens, bits = self.tokens[start:stop], self.bits[start:stop]
            excess = np.nan_to_num(bits - self.entropy[start:stop], nan=-np.inf)
            place = int(excess.argmax())
            lines.append(
                ScoredLine(
                    number,
                    start,
                    "".join(tokens).removesuffix("\n"),
                    tokens,
                    bits,
                    _mean(bits, tokens),
                    float(excess[place]) if np.isfinite(excess[place]) else math.nan,
                    place,
                    tokens[place],
                    "".join(self.likeliest[start + place][:1]),
                )
            )
        return lines

    def to_html(self, title: str = "Score") -> str:
        """Return a page that shows the text, the more surprising tokens in stronger color.

        Parameters
        ----------
        title : str, default="Score"
            The title of the page.

        Returns
        -------
        str
            HTML that needs no other file and runs no script. Point at a character, or at a piece of
            a word, to read its bits and what the network expected.

        Examples
        --------
        >>> from charseq import load_net, score
        >>> page = score(*load_net("austen"), "a trqth").to_html("One typing error")
        >>> page[:15], "<title>One typing error</title>" in page
        ('<!DOCTYPE html>', True)
        """
        rows = []
        for line in self.lines():
            places = range(line.start, line.start + len(line.bits))
            text = "".join(map(self._span, places))
            rows.append(
                f"<p><b>{line.number}</b><i>{_decimals(line.bits_per_character)}</i>"
                f"<span>{text}</span></p>"
            )
        summary = f"{len(self):,} characters, {self.bits_per_character:.3f} bits per character"
        if self.skipped:
            summary += f"; {sum(self.skipped.values()):,} unknown characters were skipped"
        return PAGE.format(
            title=escape(title),
            summary=summary,
            token="character" if isinstance(self.tokens, str) else "piece",
            rows="\n".join(rows),
        )

    def _span(self, place: int) -> str:
        """Return the HTML of one token."""
        token, bits = self.tokens[place], float(self.bits[place])
        shown = "↵" if token == "\n" else escape(escape_text(token))
        if math.isnan(bits):
            return f'<a class="x" title="skipped: the network does not know it">{shown}</a>'
        chances = zip(self.likeliest[place], self.chances[place], strict=False)
        expected = ", ".join(f"{_name(other)} {100 * p:.0f} %" for other, p in chances)
        title = escape(f"{_name(token)}: {bits:.1f} bits; expected {expected}")
        return f'<a class="s{min(9, int(bits))}" title="{title}">{shown}</a>'


def score(
    net: Any,
    vocab: Vocabulary,
    text: str,
    *,
    before: str | None = None,
    alone: bool = False,
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
    alone : bool, default=False
        Read each line by itself, as if it were the first. By default the network reads on, and what
        it has read in earlier lines helps it with later ones.
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
    'twM'
    """
    check_text(text)
    net = as_net(net).double()
    check_same_vocab_size(vocab, net)
    before = vocab.line_start() if before is None else before
    if not text or not before:
        raise ValueError(f"{'before' if text else 'the text'} is empty: expected one character")
    known_text, skipped = vocab.skip_unknown(text) if skip_unknown else (text, {})
    if not known_text:
        raise ValueError(f"the network knows none of the {len(text)} characters of the text")
    tokens, ids = _cut(text, known_text, vocab, skipped)
    known = np.array([token not in skipped for token in tokens])
    scored = _Arrays(len(ids))
    starts = _line_starts(tokens, known) if alone else [0, len(ids)]
    rows = [np.arange(*bounds) for bounds in pairwise(starts)]
    rows.sort(key=len)
    first = vocab.encode(before)
    for k in range(0, len(rows), SIDE_BY_SIDE):
        _score_rows(net, ids, rows[k : k + SIDE_BY_SIDE], first, scored)
    return _spread(text, tokens, known, scored, vocab, skipped)


def _cut(
    text: str, known_text: str, vocab: Vocabulary, skipped: dict[str, int]
) -> tuple[Sequence[str], Array]:
    """Return the tokens of a text, those to be skipped among them, and the ids of the others."""
    if vocab.unit == "characters":
        return text, vocab.encode(known_text)
    names, tokens, ids = _texts_of(vocab), list[str](), list[int]()
    for is_skipped, chars in groupby(text, key=skipped.__contains__):
        if is_skipped:
            tokens += chars
        else:
            found = vocab.encode("".join(chars)).tolist()
            tokens += [names[k] for k in found]
            ids += found
    return tuple(tokens), np.array(ids)


class _Arrays:
    """What is found out about N tokens."""

    def __init__(self, count: int) -> None:
        self.bits, self.entropy = np.empty(count), np.empty(count)
        self.likeliest = np.empty((count, SHOWN), dtype=np.int64)
        self.chances = np.empty((count, SHOWN))


def _line_starts(tokens: Sequence[str], known: NDArray[np.bool_]) -> list[int]:
    """Return where each line starts among the known tokens, and at the end their number."""
    ends = np.array([token == "\n" for token in tokens])
    after_end = np.cumsum(known)[ends].tolist()
    return sorted({0, *after_end, int(known.sum())})


def _score_rows(net: Any, ids: Array, rows: list[Array], first: Array, out: _Arrays) -> None:
    """Read some rows of the text side by side, each after the ids `first`, and score them."""
    reader = reader_of(net, len(rows))
    longest = max(map(len, rows))
    places = np.full((longest, len(rows)), -1)
    for column, row in enumerate(rows):
        places[: len(row), column] = row
    # The row that is over reads the first token of the text, and nobody looks at the result.
    inputs = ids[np.where(places < 0, 0, places)]
    for char in first:
        reader.read(char if len(rows) == 1 else np.full(len(rows), char))
    for start in range(0, longest, BLOCK):
        block = places[start : start + BLOCK]
        logits = reader.read_block(inputs[start : start + BLOCK]).astype(np.float64, copy=False)
        real = block >= 0
        _score_block(logits[real], ids[block[real]], block[real], out)


def _score_block(logits: Array, ids: Array, places: Array, out: _Arrays) -> None:
    """Fill in what the logits (N, V) say of the tokens at some places."""
    largest = logits.max(axis=1, keepdims=True)
    if not np.isfinite(largest).all():
        raise ValueError(OUT_OF_BOUNDS)
    log_p = logits - largest
    log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    p = np.exp(log_p)
    out.bits[places] = -log_p[np.arange(len(ids)), ids] / math.log(2)
    # 0 log 0 is 0: log_p is -inf only for a logit that is -inf, and its p is 0.
    out.entropy[places] = -(p * np.maximum(log_p, -1e300)).sum(axis=1) / math.log(2)
    order = np.argsort(-p, axis=1, kind="stable")[:, :SHOWN]
    shown = order.shape[1]  # fewer than SHOWN if the vocabulary is smaller
    out.likeliest[places, :shown], out.likeliest[places, shown:] = order, -1
    out.chances[places, :shown] = np.take_along_axis(p, order, axis=1)
    out.chances[places, shown:] = 0


def _spread(
    text: str,
    tokens: Sequence[str],
    known: Array,
    scored: _Arrays,
    vocab: Vocabulary,
    skipped: dict[str, int],
) -> Score:
    """Put what was found out about the known tokens at their places in the text."""
    bits, entropy = np.full(len(tokens), np.nan), np.full(len(tokens), np.nan)
    chances = np.zeros((len(tokens), SHOWN))
    bits[known], entropy[known], chances[known] = scored.bits, scored.entropy, scored.chances
    names, found = _texts_of(vocab), iter(scored.likeliest.tolist())
    collect: Callable[[Iterable[str]], Sequence[str]]
    collect = "".join if isinstance(tokens, str) else tuple
    likeliest = tuple(
        collect(names[k] for k in (next(found) if is_known else ()) if k >= 0) for is_known in known
    )
    return Score(text, tokens, bits, entropy, likeliest, chances, skipped)


def _texts_of(vocab: Vocabulary) -> Sequence[str]:
    """Return the text of each token; its position is the id."""
    return getattr(vocab, "tokens", vocab.chars)


def _mean(bits: Array, tokens: Sequence[str]) -> float:
    """Return the bits per character of some tokens."""
    known = ~np.isnan(bits)
    count = sum(map(len, compress(tokens, known.tolist())))
    return float(bits[known].sum() / count) if count else math.nan


def _name(token: str) -> str:
    """Return a token as a message shows it."""
    return {" ": "space", "\n": "line end"}.get(token) or f"'{escape_line(token)}'"


def _decimals(bits: float) -> str:
    return "" if math.isnan(bits) else f"{bits:.2f}"


def _rounded(bits: float) -> float | None:
    """Return bits as JSON shows them, which has no NaN."""
    return None if math.isnan(bits) else round(bits, 4)


def most_surprising(lines: list[ScoredLine], count: int, by: str = "mean") -> list[ScoredLine]:
    """Return `count` lines, the most surprising first; those of which nothing is known come last.

    They are compared `by` their mean bits per character, or by their largest excess.
    """
    check_choice("by", by, ("mean", "excess"))

    def key(line: ScoredLine) -> float:
        value = line.bits_per_character if by == "mean" else line.excess
        return math.inf if math.isnan(value) else -value

    return sorted(lines, key=key)[:count]


def text_report(lines: list[ScoredLine]) -> Iterator[str]:
    """Yield lines as rows of a table: bits per character, number, largest excess, where, text."""
    yield " bits  line  excess  most surprising               text"
    for line in lines:
        if math.isnan(line.bits_per_character):
            where = "nothing was known"
        else:
            what = f"{_name(line.char)} for {_name(line.expected)}"
            before = sum(map(len, line.tokens[: line.place]))
            where = f"{line.bits[line.place]:4.1f} at {before + 1}, {what}"
        mean, excess = _decimals(line.bits_per_character), _decimals(line.excess)
        row = f"{mean:>5}  {line.number:>4}  {excess:>6}  {where:28}"
        yield f"{row}  {escape_line(line.text)}"


def facts_of(scored: Score, lines: list[ScoredLine]) -> dict[str, Any]:
    """Return what is said of a whole text, of which these are all lines."""
    facts: dict[str, Any] = {"characters": len(scored)}
    if not isinstance(scored.tokens, str):
        facts["tokens"] = len(scored.tokens)
    if scored.skipped:
        facts["skipped"] = sum(scored.skipped.values())
        facts["in_lines"] = skipped_where(scored, lines)
    return {**facts, "bits_per_character": scored.bits_per_character}


def skipped_where(scored: Score, lines: list[ScoredLine]) -> str:
    """Name the first lines with characters that were skipped, and these characters."""
    found = []
    for line in lines:
        if np.isnan(line.bits).any():
            unknown = dict.fromkeys(token for token in line.tokens if token in scored.skipped)
            found.append(f"{line.number} ({' '.join(map(_name, unknown))})")
    more = f", and {len(found) - SHOWN_LINES} more" if len(found) > SHOWN_LINES else ""
    return ", ".join(found[:SHOWN_LINES]) + more


def json_report(scored: Score, lines: list[ScoredLine]) -> Iterator[str]:
    """Yield each line as JSON: its tokens, their bits, and what was expected in their place."""
    for line in lines:
        places = slice(line.start, line.start + len(line.bits))
        yield json.dumps(
            {
                "line": line.number,
                "text": line.text,
                **({} if isinstance(line.tokens, str) else {"pieces": line.tokens}),
                "bits_per_character": _rounded(line.bits_per_character),
                "excess": _rounded(line.excess),
                "bits": list(map(_rounded, line.bits.tolist())),
                "expected": ["".join(likeliest[:1]) for likeliest in scored.likeliest[places]],
                "chances": scored.chances[places, 0].round(4).tolist(),
            }
        )


PAGE = """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }}
body {{ margin: 1rem auto; max-width: 60rem; padding: 0 1rem; }}
p {{ display: flex; gap: 1ch; margin: 0; font-family: ui-monospace, monospace; }}
p b, p i {{ flex: none; width: 5ch; text-align: right; font-style: normal; font-weight: 400; }}
p b {{ opacity: 0.7; }}
p span {{ overflow-wrap: anywhere; white-space: pre-wrap; }}
.s2 {{ background: rgb(213 94 0 / 12%); }}
.s3 {{ background: rgb(213 94 0 / 20%); }}
.s4 {{ background: rgb(213 94 0 / 28%); }}
.s5 {{ background: rgb(213 94 0 / 36%); }}
.s6 {{ background: rgb(213 94 0 / 44%); }}
.s7 {{ background: rgb(213 94 0 / 52%); }}
.s8, .s9 {{ background: rgb(213 94 0 / 60%); text-decoration: underline 2px; }}
.x {{ outline: 1px dashed; }}
</style>
<h1>{title}</h1>
<div>{summary}.
Columns: the line's number, its bits per character, its text.
The stronger the color, the more a {token} surprised the network; from 8 bits on it is underlined.
Point at a {token} to read what was expected there.</div>
<hr>
{rows}
"""
