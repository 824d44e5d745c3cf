"""Text to ids to one-hot vectors, and back."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar
from unicodedata import normalize

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from charseq._checks import check_ids, check_text

__all__ = ["Vocabulary"]


@dataclass(frozen=True)
class Vocabulary:
    r"""The characters that a network can read and write, each with a fixed id.

    The id of a character is its position in `chars`. To collect the characters of a text, use
    :meth:`from_text`, which sorts them, because the order of a plain ``set``, and with it the ids,
    changes each time Python starts.

    Parameters
    ----------
    chars : str or sequence of str
        V distinct characters. The position of a character is its id.

    Raises
    ------
    TypeError
        If `chars` is neither a string nor a sequence of strings.
    ValueError
        If `chars` is empty, repeats a character, or has an entry that is not one character.

    Examples
    --------
    >>> from charseq import Vocabulary
    >>> vocab = Vocabulary.from_text("hello")
    >>> vocab
    Vocabulary(chars='ehlo')
    >>> vocab.encode("hello")
    array([1, 0, 2, 2, 3])
    >>> vocab.decode([1, 3, 2, 0])
    'hole'
    >>> vocab.one_hot([1, 3])  # two ids, so (2, V)
    array([[0., 1., 0., 0.],
           [0., 0., 0., 1.]], dtype=float32)

    You can also choose the order yourself:

    >>> Vocabulary("helo").encode("hello")
    array([0, 1, 2, 2, 3])
    """

    chars: str
    unit: ClassVar[str] = "characters"  # what the ids stand for

    def __post_init__(self) -> None:
        entries: Sequence[str] = self.chars
        if isinstance(entries, (set, frozenset)):
            raise TypeError(
                "chars must have an order, but the order of a set changes each time Python starts; "
                "use Vocabulary.from_text(text), or sorted(chars)"
            )
        entries = list(entries)  # a list or an iterator will do
        for position, char in enumerate(entries):
            if not isinstance(char, str) or len(char) != 1:
                raise TypeError(f"chars[{position}] must be one character, got {char!r}")
        if not entries:
            raise ValueError("a vocabulary needs at least one character, got an empty text")
        first_positions: dict[str, int] = {}
        for position, char in enumerate(entries):
            first_position = first_positions.setdefault(char, position)
            if first_position != position:
                raise ValueError(
                    f"{describe(char)} appears at positions {first_position} and {position}, but "
                    "a character has only one id; to collect the characters of a text, use "
                    "Vocabulary.from_text(text)"
                )
        object.__setattr__(self, "chars", "".join(entries))

    @classmethod
    def from_text(cls, text: str) -> "Vocabulary":
        """Collect the distinct characters of a text, sorted by code point.

        Parameters
        ----------
        text : str
            Any text that is not empty.

        Returns
        -------
        Vocabulary
            Texts with the same characters always give equal vocabularies.

        Raises
        ------
        TypeError
            If `text` is not a string.
        ValueError
            If `text` is empty.

        Examples
        --------
        >>> Vocabulary.from_text(" learned deep learning").chars
        ' adegilnpr'
        """
        check_text(text)
        return cls("".join(sorted(set(text))))

    def __len__(self) -> int:
        """Return V, the number of characters."""
        return len(self.chars)

    def __contains__(self, char: object) -> bool:
        """Return whether `char` is a character of the vocabulary."""
        return isinstance(char, str) and len(char) == 1 and char in self.chars

    def line_start(self) -> str:
        r"""Return what comes before a new text: ``"\n"``, a space, or a character.

        Returns
        -------
        str
            The character that a network reads before a text, if nothing else is asked for: the end
            of a line, or else a space, or else the first character.

        Examples
        --------
        >>> Vocabulary.from_text("a b").line_start(), Vocabulary("ab").line_start()
        (' ', 'a')
        """
        return next((char for char in "\n " if char in self), self.chars[0])

    def skip_unknown(self, text: str) -> tuple[str, dict[str, int]]:
        """Leave the characters out of a text that are not in the vocabulary.

        Parameters
        ----------
        text : str
            Any text.

        Returns
        -------
        known : str
            What is left.
        skipped : dict
            How often each character was left out, in the order in which they appear.

        Raises
        ------
        TypeError
            If `text` is not a string.

        Examples
        --------
        >>> Vocabulary.from_text("hello").skip_unknown("hello, hello")
        ('hellohello', {',': 1, ' ': 1})
        """
        check_text(text)
        unknown = set(text) - set(self.chars)
        skipped: dict[str, int] = {}
        for char in filter(unknown.__contains__, text):
            skipped[char] = skipped.get(char, 0) + 1
        return text.translate(dict.fromkeys(map(ord, unknown))), skipped

    def encode(self, text: str) -> NDArray[np.int64]:
        """Turn a text into ids, one per character.

        Parameters
        ----------
        text : str
            T characters; T may be 0.

        Returns
        -------
        ndarray of shape (T,)
            Ids, each in ``range(V)``; int64, as torch expects.

        Raises
        ------
        TypeError
            If `text` is not a string.
        ValueError
            If a character is not in the vocabulary. The message names the character and its
            position, and suggests a fix.

        Examples
        --------
        >>> Vocabulary.from_text("hello").encode("hexo")
        Traceback (most recent call last):
            ...
        ValueError: character 'x' (U+0078) at position 2 of the text is not among the 4 ...
        """
        check_text(text)
        codes = code_points(text)
        ids = self._ids_by_code_point[np.minimum(codes, len(self._ids_by_code_point) - 1)]
        unknown = np.flatnonzero(ids < 0)
        if unknown.size:
            position = int(unknown[0])
            chars = self.chars if len(self) <= 40 else self.chars[:40] + "…"
            raise ValueError(
                f"character {describe(text[position])} at position {position} of the text is not "
                f"among the {len(self)} characters of the vocabulary {chars!r}; build the "
                "vocabulary from all the text you will use, "
                "Vocabulary.from_text(train_text + other_text), or drop the character"
                f"{self.normalization_hint(text)}"
            )
        return ids

    def decode(self, ids: ArrayLike) -> str:
        """Turn ids into a text, one character per id.

        Parameters
        ----------
        ids : array_like of int, shape (T,)
            A list, an array or a tensor, each id in ``range(V)``.

        Returns
        -------
        str
            T characters.

        Raises
        ------
        TypeError
            If the ids are not integers.
        ValueError
            If `ids` is not one-dimensional, or an id is out of range.

        Examples
        --------
        >>> Vocabulary.from_text("hello").decode([1, 0, 2, 4])
        Traceback (most recent call last):
            ...
        ValueError: id 4 at position 3 is out of range: expected 0 to 3 for a vocabulary of 4 ...
        """
        array = check_ids(ids, len(self))
        if array.ndim != 1:
            raise ValueError(
                f"expected ids of shape (T,), one text, got shape {array.shape}; "
                "decode the rows of a batch one at a time"
            )
        return "".join([self.chars[i] for i in array.tolist()])

    def count_characters(self, ids: ArrayLike) -> int:
        """Return how many characters some ids stand for: one each.

        Parameters
        ----------
        ids : array_like of int, shape (...)
            Ids.

        Returns
        -------
        int
            Their number. A vocabulary of pieces, :class:`charseq.BytePairEncoding`, has more.
        """
        return np.asarray(ids).size

    def one_hot(
        self,
        ids: ArrayLike,
        dtype: DTypeLike = np.float32,
    ) -> NDArray[Any]:
        r"""Turn ids into vectors with a single 1, :eq:`one-hot`.

        Parameters
        ----------
        ids : array_like of int, shape (...)
            Ids, for example (B, T) for a batch.
        dtype : dtype, default=float32
            The type of the numbers; torch's layers use float32 unless told otherwise.

        Returns
        -------
        ndarray of shape (..., V)
            Each id becomes a row: 1 at the position of the id, 0 elsewhere.

        Raises
        ------
        TypeError
            If the ids are not integers.
        ValueError
            If an id is out of range.

        Examples
        --------
        >>> Vocabulary.from_text("hello").one_hot([[1, 0], [2, 2]]).shape  # (B, T) -> (B, T, V)
        (2, 2, 4)
        """
        identity = np.eye(len(self), dtype=dtype)
        return identity[check_ids(ids, len(self), self.unit)]  # (...) -> (..., V)

    def to_json(self) -> str:
        r"""Return the vocabulary as JSON, in plain ASCII whatever its characters.

        Returns
        -------
        str
            An object with the key ``chars``: the list of the characters in order. In a string,
            JSON would merge two lone surrogates that are neighbors; a list keeps them apart.

        Examples
        --------
        >>> Vocabulary.from_text("hé").to_json()
        '{"chars": ["h", "\\u00e9"]}'
        """
        return json.dumps({"chars": list(self.chars)})

    @classmethod
    def from_json(cls, text: str) -> "Vocabulary":
        """Read a vocabulary that :meth:`to_json` wrote.

        Parameters
        ----------
        text : str
            JSON, an object with the list ``chars``.

        Returns
        -------
        Vocabulary
            Equal to the one that was written.

        Raises
        ------
        ValueError
            If `text` is not JSON, has no list ``chars``, or what it holds is not a vocabulary.

        Examples
        --------
        >>> Vocabulary.from_json('{"chars": ["a", "b"]}')
        Vocabulary(chars='ab')
        """
        data = json.loads(text)
        if not isinstance(data, dict) or not isinstance(data.get("chars"), list):
            raise ValueError(f'expected {{"chars": [...]}}, got {text[:60]!r}')
        return cls(data["chars"])

    def normalization_hint(self, text: str) -> str:
        """Return a hint if the text differs from the vocabulary only in how accents are encoded.

        Parameters
        ----------
        text : str
            A text with a character that the vocabulary lacks.

        Returns
        -------
        str
            The end of a message, or nothing.
        """
        for form in ("NFC", "NFD"):
            if set(normalize(form, text)) <= set(self.chars):
                return (
                    "; the text looks the same but uses other code points: "
                    f"unicodedata.normalize({form!r}, text) fixes it"
                )
        return ""

    @cached_property
    def _ids_by_code_point(self) -> NDArray[np.int64]:
        """Ids by code point, -1 where there is none; the last entry stands for all higher ones."""
        codes = code_points(self.chars)
        ids = np.full(int(codes.max()) + 2, -1, dtype=np.int64)
        ids[codes] = np.arange(len(codes))
        return ids


def code_points(text: str) -> NDArray[np.uint32]:
    """Return the code point of each character; "surrogatepass" permits lone surrogates."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def describe(char: str) -> str:
    """Quote a character and give its code point, for an error message."""
    return f"{char!r} (U+{ord(char):04X})"
