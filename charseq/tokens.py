r"""Pieces of words as tokens: byte-pair encoding, between characters and words.

A *token* is what a network reads in one step. With a :class:`charseq.Vocabulary` it is a character;
with a :class:`BytePairEncoding` it is a piece of a word. The pieces are made by merges, each of
which joins the two neighbors that occur most often side by side. The package ``tokenizers`` finds
them and cuts texts; :doc:`/learn/words` does so in thirty lines.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charseq._checks import check_ids, check_integers, check_text
from charseq._errors import UserError
from charseq.vocab import Vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["BytePairEncoding", "name_of_tokens", "parse_tokens"]

# A word is letters and the space before them. Whatever is no letter is a word by itself.
WORD = r" ?[^\W\d_]+|[\W\d_]"


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
    merges : tuple of (str, str), default=()
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

    merges: tuple[tuple[str, str], ...] = ()
    unit: ClassVar[str] = "tokens"

    @classmethod
    def learn(cls, text: str, most: int = 500, *, more_chars: str = "") -> "BytePairEncoding":
        """Learn the merges from a text.

        Each merge joins the pair of neighbors that occurs most often in the text as the merges
        before have cut it. A pair that occurs only once is not joined. This needs the package
        ``tokenizers``, as :meth:`encode` does.

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
            If `text` is empty, `most` is not a whole number of 0 or more, or ``tokenizers`` is not
            installed.

        Examples
        --------
        >>> BytePairEncoding.learn("to be or not to be", 100)
        BytePairEncoding(7 characters, 3 merges)
        """
        check_integers(0, most=most)
        check_text(more_chars)
        chars = "".join(sorted({*Vocabulary.from_text(text).chars, *more_chars}))
        tokenizer = _make_tokenizer(chars, ())  # raises if the package is not there
        from tokenizers.trainers import BpeTrainer

        tokenizer.train_from_iterator(
            [text],
            BpeTrainer(
                vocab_size=len(chars) + most,
                min_frequency=2,
                initial_alphabet=list(chars),
                show_progress=False,
            ),
        )
        merges = json.loads(tokenizer.to_str())["model"]["merges"]
        return cls(chars, tuple((left, right) for left, right in merges))

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
            Characters of the vocabulary.

        Returns
        -------
        list of str
            The tokens. Joined, they are the text.

        Raises
        ------
        TypeError, ValueError
            As in :meth:`encode`.

        Examples
        --------
        >>> BytePairEncoding.learn("low low slow lower", 2).cut("slower low")
        ['s', 'low', 'e', 'r', ' ', 'low']
        """
        return [self.tokens[k] for k in self.encode(text)]

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
            If a character is not in the vocabulary, as in :meth:`charseq.Vocabulary.encode`, or
            ``tokenizers`` is not installed.
        """
        check_text(text)
        if not set(text) <= set(self.chars):
            Vocabulary(self.chars).encode(text)  # raises, and names the character
        return np.array(self._tokenizer.encode(text).ids, dtype=np.int64)

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
        return cls(chars, tuple(map(tuple, merges)))

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        return _make_tokenizer(self.tokens, self.merges)

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        return np.array([len(token) for token in self.tokens])


def _make_tokenizer(tokens: Sequence[str], merges: Sequence[tuple[str, str]]) -> "Tokenizer":
    """Make what cuts a text into words and joins their characters by the merges."""
    try:
        from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    except ModuleNotFoundError:
        raise UserError(
            "pieces of words need the package tokenizers, which is not installed here: "
            "pip install tokenizers"
        ) from None
    ids = {token: k for k, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=list(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), "isolated")
    return tokenizer


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
        raise UserError(
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
