r"""Pieces of words as tokens: byte-pair encoding, between characters and words.

A *token* is what a network reads in one step. With a :class:`charseq.Vocabulary` it is a character;
with a :class:`BytePairEncoding` it is a piece of a word. The pieces are made by merges, each of
which joins the two neighbors that occur most often side by side.
"""

import heapq
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, pairwise
from operator import itemgetter
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charseq._checks import check_ids, check_integers, check_text
from charseq.vocab import Vocabulary

__all__ = ["BytePairEncoding", "name_of_tokens", "parse_tokens"]

Pair = tuple[str, str]

# A word is letters and the space before them. Whatever is no letter is a word by itself.
WORD = re.compile(r" ?[^\W\d_]+|[\W\d_]")


@dataclass(frozen=True, repr=False)
class BytePairEncoding(Vocabulary):
    r"""A vocabulary of characters and of pieces of words, each with a fixed id.

    A text is cut into words: letters, and the space before them. Whatever is no letter, such as a
    digit, a comma, a line end, a second space or a combining mark, is a word by itself. Merges stop
    at the border of a word, so no piece reaches from one word into the next.

    The characters come first, then the pieces in the order of the merges that made them. All that
    a :class:`charseq.Vocabulary` can do, this one can, with tokens in place of characters.

    Parameters
    ----------
    chars : str or sequence of str
        The distinct characters, each of which is a token. The position of a character is its id.
    merges : sequence of (str, str), default=()
        The pairs to join, in order. Each half is a character or what an earlier merge has joined.

    Attributes
    ----------
    tokens : tuple of str
        The text of each token; its position is the id.

    Raises
    ------
    TypeError
        As from :class:`charseq.Vocabulary`.
    ValueError
        As from :class:`charseq.Vocabulary`; also if a merge is not a pair of such halves, or makes
        a token a second time.

    See Also
    --------
    learn : Make the merges from a text.

    Examples
    --------
    >>> from charseq import BytePairEncoding
    >>> vocab = BytePairEncoding.learn("low low slow lower", 2)
    >>> vocab.merges
    (('l', 'o'), ('lo', 'w'))
    >>> vocab.tokens
    (' ', 'e', 'l', 'o', 'r', 's', 'w', 'lo', 'low')
    >>> vocab.encode("slower")
    array([5, 8, 1, 4])
    >>> vocab.decode([5, 8, 1, 4])
    'slower'
    """

    merges: tuple[Pair, ...] = ()
    border: str | None = field(default=None, init=False)  # it is of one text, with all characters
    unknown: str | None = field(default=None, init=False)
    unit: ClassVar[str] = "tokens"

    def __post_init__(self) -> None:
        super().__post_init__()
        merges: Sequence[object] = self.merges
        if not isinstance(merges, (list, tuple)):
            raise TypeError(f"merges must be a list of pairs, got {type(merges).__name__}")
        known = dict.fromkeys(self.chars)
        for position, pair in enumerate(merges):
            is_pair = isinstance(pair, (list, tuple)) and len(pair) == 2
            if not is_pair or not all(isinstance(half, str) and half in known for half in pair):
                raise ValueError(
                    f"merges[{position}] must be two tokens, each a character of the vocabulary or "
                    f"what an earlier merge has joined, got {pair!r}"
                )
            if (joined := "".join(pair)) in known:  # learn never makes a token twice
                raise ValueError(f"merges[{position}] makes {joined!r}, which is a token already")
            known[joined] = None
        object.__setattr__(self, "merges", tuple(map(tuple, merges)))

    @classmethod
    def learn(cls, text: str, most: int = 500, *, more_chars: str = "") -> "BytePairEncoding":
        """Learn the merges from a text.

        Each merge joins the pair of neighbors that occurs most often in the text as the merges
        before have cut it. Of pairs that occur equally often, it is the one that came first: in
        the text, or else by an earlier merge. A pair that occurs only once is not joined.

        Parameters
        ----------
        text : str
            Any text that is not empty. If a network is to be measured on held-back text, give only
            the part that it learns from.
        most : int, default=500
            The number of merges. There are fewer if no pair occurs twice any more.
        more_chars : str, default=""
            Characters that other texts will have, for example the held-back one.

        Returns
        -------
        BytePairEncoding
            Its characters are sorted by code point, as in :meth:`charseq.Vocabulary.from_text`.

        Raises
        ------
        TypeError
            If a text is not a string.
        ValueError
            If `text` is empty, or `most` is not a whole number of 0 or more.

        Examples
        --------
        >>> BytePairEncoding.learn("to be or not to be", 100)
        BytePairEncoding(7 characters, 3 merges)
        """
        check_integers(0, most=most)
        check_text(more_chars)
        chars = Vocabulary.from_text(text).chars
        return cls("".join(sorted({*chars, *more_chars})), tuple(_learn_merges(text, most)))

    def __len__(self) -> int:
        """Return V, the number of tokens."""
        return len(self.tokens)

    def __repr__(self) -> str:
        """Return the numbers of characters and merges."""
        return f"BytePairEncoding({len(self.chars):,} characters, {len(self.merges):,} merges)"

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The text of each token; its position is the id."""
        return (*self.chars, *map("".join, self.merges))

    def cut(self, text: str) -> list[str]:
        """Cut a text into tokens.

        Parameters
        ----------
        text : str
            Any text. A character that is not in the vocabulary stays by itself.

        Returns
        -------
        list of str
            The tokens. Joined, they are the text.

        Raises
        ------
        TypeError
            If `text` is not a string.

        Examples
        --------
        >>> BytePairEncoding.learn("low low slow lower", 2).cut("a low blow")
        ['a', ' ', 'low', ' ', 'b', 'low']
        """
        check_text(text)
        return [token for word in WORD.findall(text) for token in self._cut_word(word)]

    def encode(self, text: str) -> NDArray[np.int64]:
        """Turn a text into ids, one per token.

        Parameters
        ----------
        text : str
            Characters of the vocabulary; none is fine, too.

        Returns
        -------
        ndarray of shape (T,)
            Ids, each in ``range(V)``; int64, as torch expects.

        Raises
        ------
        TypeError
            If `text` is not a string.
        ValueError
            If a character is not in the vocabulary, as in :meth:`charseq.Vocabulary.encode`.
        """
        check_text(text)
        if not set(text) <= set(self.chars):
            Vocabulary(self.chars).encode(text)  # raises, and names the character
        return np.fromiter(self._ids_of_words(text), dtype=np.int64)

    def decode(self, ids: ArrayLike) -> str:
        """Turn ids into a text.

        Parameters
        ----------
        ids : array_like of int, shape (T,)
            A list, an array or a tensor, each id in ``range(V)``.

        Returns
        -------
        str
            The text of the T tokens.

        Raises
        ------
        TypeError, ValueError
            As in :meth:`charseq.Vocabulary.decode`.
        """
        array = check_ids(ids, len(self), self.unit)
        if array.ndim != 1:
            return super().decode(array)  # raises
        return "".join([self.tokens[i] for i in array.tolist()])

    def count_characters(self, ids: ArrayLike) -> int:
        """Return how many characters some ids stand for.

        Parameters
        ----------
        ids : array_like of int, shape (...)
            Ids, each in ``range(V)``.

        Returns
        -------
        int
            The number of characters of all tokens together.

        Examples
        --------
        >>> vocab = BytePairEncoding.learn("low low slow lower", 2)
        >>> vocab.count_characters(vocab.encode("slower"))
        6
        """
        return int(self._lengths[np.asarray(ids)].sum())

    def to_json(self) -> str:
        """Return the vocabulary as JSON, in plain ASCII whatever its characters.

        Returns
        -------
        str
            An object with two lists: ``chars`` as that of any vocabulary, and ``merges`` with the
            pairs in order.

        Examples
        --------
        >>> BytePairEncoding("ab", [("a", "b")]).to_json()
        '{"chars": ["a", "b"], "merges": [["a", "b"]]}'
        """
        return json.dumps({"chars": list(self.chars), "merges": self.merges})

    @classmethod
    def from_json(cls, text: str) -> "BytePairEncoding":
        """Read a vocabulary that :meth:`to_json` wrote.

        Parameters
        ----------
        text : str
            JSON, an object with the lists ``chars`` and ``merges``.

        Returns
        -------
        BytePairEncoding
            Equal to the one that was written.

        Raises
        ------
        ValueError
            If `text` is not JSON, lacks a list, or a list is not that of a vocabulary.

        Examples
        --------
        >>> vocab = BytePairEncoding.learn("low low slow lower", 2)
        >>> BytePairEncoding.from_json(vocab.to_json()) == vocab
        True
        """
        chars = Vocabulary.from_json(text).chars  # raises if it is not an object with characters
        merges = json.loads(text).get("merges")
        if not isinstance(merges, list):
            raise ValueError(f'expected {{"chars": [...], "merges": [...]}}, got {text[:60]!r}')
        return cls(chars, tuple(merges))

    def _ids_of_words(self, text: str) -> Iterator[int]:
        """Yield the ids of a text. Each different word is cut only once."""
        ids_of: dict[str, list[int]] = {}
        for match in WORD.finditer(text):
            word = match[0]
            if word not in ids_of:
                ids_of[word] = [self._ids[token] for token in self._cut_word(word)]
            yield from ids_of[word]

    def _cut_word(self, word: str) -> list[str]:
        """Repeat the merges that a word needs, in their order."""
        tokens = list(word)
        while pairs := [pair for pair in pairwise(tokens) if pair in self._positions]:
            # What a merge has made takes part only in later ones, so the order is kept.
            tokens = _join(tokens, min(pairs, key=self._positions.__getitem__))
        return tokens

    @cached_property
    def _positions(self) -> dict[Pair, int]:
        return {pair: position for position, pair in enumerate(self.merges)}

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {token: k for k, token in enumerate(self.tokens)}

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        return np.array([len(token) for token in self.tokens])


def _join(tokens: list[str], pair: Pair) -> list[str]:
    """Join each occurrence of a pair, from left to right."""
    joined: list[str] = []
    for token in tokens:
        if joined and (joined[-1], token) == pair:
            joined[-1] += token
        else:
            joined.append(token)
    return joined


def _learn_merges(text: str, most: int) -> Iterator[Pair]:
    """Yield the pairs to join, in order.

    Words are counted once, and a merge counts only the words anew that have the pair. A heap holds
    each count that a pair has ever had, so the first entry that is still true is the largest count.
    """
    words = Counter(map(itemgetter(0), WORD.finditer(text)))
    cut = {word: list(word) for word in words if len(word) > 1}
    counts: Counter[Pair] = Counter()
    order: dict[Pair, int] = {}  # in which the pairs came, which decides between equal counts
    words_with: defaultdict[Pair, dict[str, None]] = defaultdict(dict)  # a set that keeps its order
    heap: list[tuple[int, int, Pair]] = []

    def add(word: str, times: int) -> list[Pair]:
        pairs = list(pairwise(cut[word]))
        for pair in pairs:
            order.setdefault(pair, len(order))
            counts[pair] += times
            words_with[pair][word] = None
        return pairs

    def push(pairs: Iterable[Pair]) -> None:
        for pair in dict.fromkeys(pairs):
            heapq.heappush(heap, (-counts[pair], order[pair], pair))

    push(chain.from_iterable([add(word, words[word]) for word in cut]))
    while most > 0 and heap:
        minus_count, _, best = heapq.heappop(heap)
        if counts[best] != -minus_count:
            continue
        if counts[best] < 2:
            return
        yield best
        most -= 1
        changed = []
        for word in words_with[best]:
            changed.append(add(word, -words[word]))
            cut[word] = _join(cut[word], best)
            changed.append(add(word, words[word]))
        push(chain.from_iterable(changed))


def parse_tokens(tokens: str) -> int | None:
    """Return the number of merges that ``"bpe:N"`` asks for, or None for ``"characters"``.

    Parameters
    ----------
    tokens : str
        What a network is to read in one step.

    Returns
    -------
    int or None
        N, at least 1.

    Raises
    ------
    ValueError
        If `tokens` is neither.

    Examples
    --------
    >>> parse_tokens("bpe:500")
    500
    """
    number = tokens.removeprefix("bpe:")
    if tokens == "characters":
        return None
    if number == tokens or not (number.isascii() and number.isdecimal() and int(number) > 0):
        raise ValueError(
            f"tokens must be characters, or bpe:N with a number of merges, such as bpe:500, got "
            f"{tokens!r}"
        )
    return int(number)


def name_of_tokens(vocab: Vocabulary) -> str:
    """Return what a vocabulary is called, so that :func:`parse_tokens` understands it.

    Parameters
    ----------
    vocab : Vocabulary
        Of characters or of pieces.

    Returns
    -------
    str
        ``"characters"``, or ``"bpe:N"`` with the number of merges.

    Examples
    --------
    >>> name_of_tokens(BytePairEncoding.learn("low low slow lower", 2))
    'bpe:2'
    """
    return f"bpe:{len(vocab.merges)}" if isinstance(vocab, BytePairEncoding) else "characters"
