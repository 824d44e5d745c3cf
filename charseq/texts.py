"""Read a text that is already on your machine, by its name or from a file.

Three texts come with the package. *Pride and Prejudice* is in ``pride-and-prejudice/chapters.txt``,
and the README beside it says how the file was made. Python's reference is there because each
version of Python has a slightly different one, and everybody's network should learn from the same
text: ``python-reference/topics.txt`` holds the topics of ``help()``, sorted by their names. In both
files a form feed separates two chapters or topics, and :func:`load_text` makes it a line break.
``names/names.txt`` is a table: what places and languages are called in twelve languages.
"""

import codecs
import io
import os
import sys
import warnings
import zoneinfo
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from charseq._errors import UserError

__all__ = ["CleanedText", "load_text", "texts"]

PACKAGE = Path(__file__).parent
NOVEL = PACKAGE / "pride-and-prejudice" / "chapters.txt"  # see the README beside it
PYTHON_REFERENCE = PACKAGE / "python-reference" / "topics.txt"
NAMES = PACKAGE / "names" / "names.txt"  # its README, too
NOVEL_TEST = range(7, 61, 10)  # the numbers of the novel's chapters that no network has read,
NOVEL_HELD_BACK = range(12, 61, 12)  # and of those that chose its settings
PACKED = {
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"PK\x03\x04": "a ZIP archive or a document of an office program",
    b"%PDF": "a PDF",
}
MARK = "\ufeff"  # the byte order mark


def python_topics() -> list[str]:
    """Return the topics of Python's reference, in the order of their names."""
    return PYTHON_REFERENCE.read_text("utf-8").split("\f")


def novel_chapters() -> list[str]:
    """Return the 61 chapters of *Pride and Prejudice*, without their headings."""
    return NOVEL.read_text("utf-8").split("\f")


def _read_novel_train() -> str:
    chapters = dict(enumerate(novel_chapters(), start=1))
    for number in NOVEL_TEST:
        del chapters[number]
    held_back = [chapters.pop(number) for number in NOVEL_HELD_BACK]
    return "\n".join([*chapters.values(), *held_back])


def _read_novel_test() -> str:
    chapters = novel_chapters()
    return "\n".join(chapters[number - 1] for number in NOVEL_TEST)


def reference_paragraphs() -> list[str]:
    """Return the paragraphs of Python's reference, each of them once.

    Some of its topics contain others whole, so a fifth of it appears twice. A paragraph is kept in
    the longest topic that has it. Those of fewer than 20 characters, such as "Note:", are always
    kept, unless nothing else is left of their topic.

    Returns
    -------
    list of str
        The paragraphs, in the order of the topics' names.
    """

    def words_of(paragraph: str) -> str:
        return " ".join(paragraph.split())

    topics = python_topics()
    seen: set[str] = set()
    kept: list[list[str]] = [[] for _ in topics]
    for topic, paragraphs in sorted(zip(topics, kept, strict=True), key=lambda pair: -len(pair[0])):
        for paragraph in topic.strip("\n").split("\n\n"):
            words = words_of(paragraph)
            if len(words) < 20 or words not in seen:
                paragraphs.append(paragraph)
                seen.add(words)
    return [
        paragraph
        for paragraphs in kept
        if any(len(words_of(paragraph)) >= 20 for paragraph in paragraphs)
        for paragraph in paragraphs
    ]


def cut_between_paragraphs(paragraphs: list[str]) -> list[str]:
    """Join whole paragraphs into 96 pieces, as equal as possible, each ended by an empty line."""
    pieces, position = [""] * 96, 0
    size = sum(len(paragraph) + 2 for paragraph in paragraphs)
    for paragraph in paragraphs:
        pieces[position * 96 // size] += paragraph + "\n\n"
        position += len(paragraph) + 2
    return pieces


def _list_time_zone_cities() -> str:
    zones = (name for name in sorted(zoneinfo.available_timezones()) if "/" in name)
    cities = [zone.rpartition("/")[2] for zone in zones if not zone.startswith("Etc/")]
    if not cities:
        raise UserError(
            "this system has no time-zone data: install it with `pip install tzdata`, "
            "or choose another text"
        )
    unique_cities = dict.fromkeys(cities)
    return "\n".join(unique_cities).replace("_", " ") + "\n"


_TEXTS: dict[str, tuple[Callable[[], str], str]] = {
    "pride-and-prejudice": (
        lambda: "\n".join(novel_chapters()),
        "the novel by Jane Austen, 1813",
    ),
    "pride-train": (
        _read_novel_train,
        "pride-and-prejudice without pride-test; its last 7.7 % are whole chapters, to hold back",
    ),
    "pride-test": (
        _read_novel_test,
        "chapters 7, 17, 27, 37, 47 and 57 of pride-and-prejudice, which no network has read",
    ),
    "python-reference": (
        lambda: "\n".join(python_topics()),
        "what the help() of Python 3.11 shows about the language",
    ),
    "reference-excerpt": (
        lambda: "".join(cut_between_paragraphs(reference_paragraphs())[8::16]),
        "a twentieth of python-reference, from all over it, without repeats",
    ),
    "names": (
        lambda: NAMES.read_text("utf-8"),
        "places and languages, each in twelve languages; a line is a number, languages and a name",
    ),
    "time-zones": (
        _list_time_zone_cities,
        "the places that time zones are named after, one per line; they differ between systems",
    ),
}


def texts() -> dict[str, str]:
    """List the texts that are already on your machine; nothing is downloaded.

    Returns
    -------
    dict
        Maps each name that :func:`charseq.load_text` knows to a one-line description.

    Examples
    --------
    >>> from charseq.texts import texts
    >>> list(texts())[:3]
    ['pride-and-prejudice', 'pride-train', 'pride-test']
    """
    return {name: description for name, (_, description) in _TEXTS.items()}


class CleanedText(UserWarning):
    """A warning that says what was left out of a text, and how to keep it."""


def load_text(source: str | Path, encoding: str = "utf-8", *, raw: bool = False) -> str:
    r"""Read a text, given its name or its path.

    A byte order mark at the beginning is left out, and each line ends in ``"\n"``, unless `raw` is
    True; a warning says so.

    Parameters
    ----------
    source : str or pathlib.Path
        A name from :func:`charseq.texts.texts`, or the path of a file. To read a file that has such
        a name, write ``"./name"``. The source ``"-"`` is standard input.
    encoding : str, default="utf-8"
        The encoding of the file. It is ignored if `source` is a name.
    raw : bool, default=False
        Keep a byte order mark, ``"\ufeff"``, and the carriage returns of line ends, ``"\r\n"`` or
        ``"\r"``, which editors of Windows write. A network would have to learn them.

    Returns
    -------
    str
        The text, of at least one character.

    Raises
    ------
    FileNotFoundError
        If `source` is neither a name nor a file.
    OSError
        If the file cannot be read: it is a directory, or permission is denied.
    ValueError
        If the file is empty, binary, or not in this encoding, or the encoding is unknown, or this
        system lacks the text of that name. The message names the offending byte and its offset.

    Warns
    -----
    CleanedText
        If something was left out.

    Examples
    --------
    >>> from charseq import load_text
    >>> load_text("pride-and-prejudice")[:72]
    'It is a truth universally acknowledged, that a single man in possession\n'
    >>> load_text("shakespeare")
    Traceback (most recent call last):
        ...
    FileNotFoundError: 'shakespeare' is neither a file nor one of the texts that come with ...
    """
    if isinstance(source, str) and source in _TEXTS:
        return _TEXTS[source][0]()
    if source == "-":
        data, name = open_standard_input(encoding).read(), "standard input"
    else:
        data, name = _read_file(Path(source)), quote_path(source)
    text = _decode(data, name, encoding)
    return text if raw else _clean(text, name)


def load_texts(
    sources: Sequence[str | Path], encoding: str = "utf-8", *, raw: bool = False
) -> list[str]:
    r"""Read several texts, so that they can be joined.

    Parameters
    ----------
    sources : sequence of str or pathlib.Path
        As `source` of :func:`charseq.load_text`. A folder stands for the files in it and in its
        folders, in the order of their paths, but for hidden and empty ones.
    encoding, raw : str, bool
        As in :func:`charseq.load_text`.

    Returns
    -------
    list of str
        The texts. If there are several, each ends in ``"\n"``.

    Raises
    ------
    FileNotFoundError, OSError, ValueError
        As from :func:`charseq.load_text`; also if a folder holds no file.
    """
    files: list[str | Path] = []
    for source in sources:
        is_folder = source not in _TEXTS and os.path.isdir(source)  # noqa: PTH112 - never raises
        files += _files_in(source) if is_folder else [source]
    texts = [load_text(file, encoding, raw=raw) for file in files]
    if len(texts) > 1:
        texts = [text if text.endswith("\n") else text + "\n" for text in texts]
    return texts


def _files_in(folder: str | Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise type(error)(f"{quote_path(error.filename)} cannot be read: {error.strerror}")

    found = []
    for root, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if name[0] != "."]
        files = (Path(root, name) for name in names if name[0] != ".")
        found += [file for file in files if file.is_file() and file.stat().st_size > 0]
    if not found:
        raise FileNotFoundError(f"{quote_path(folder)} is a folder without a file of text")
    return sorted(found, key=lambda file: file.parts)


def hold_back(texts: Sequence[str], valid: float) -> tuple[str, str]:
    r"""Join texts, and hold back the end of each.

    Parameters
    ----------
    texts : sequence of str
        The texts. Of several, each ends in ``"\n"``.
    valid : float
        The share to hold back, at least 0 and below 1. Several texts are cut before a line.

    Returns
    -------
    train, valid : str
        The part to learn from, and the part that is held back.

    Examples
    --------
    >>> from charseq.texts import hold_back
    >>> hold_back(["to be or"], 0.25)
    ('to be ', 'or')
    >>> hold_back(["a\nb\nc\n", "d\ne\nf\n"], 0.4)
    ('a\nb\nd\ne\n', 'c\nf\n')
    """
    cuts = [len(text) - int(len(text) * valid) for text in texts]
    if len(texts) > 1:
        cuts = [
            (cut < len(text) and text.rfind("\n", 0, cut) + 1) or cut
            for text, cut in zip(texts, cuts, strict=True)
        ]
    pairs = list(zip(texts, cuts, strict=True))
    return "".join(text[:cut] for text, cut in pairs), "".join(text[cut:] for text, cut in pairs)


# --- files ----------------------------------------------------------------------------------------


def quote_path(path: object) -> str:
    """Quote a path for an error message; shorten it, since it may be a whole text by mistake."""
    quoted = repr(str(path))
    return quoted if len(quoted) <= 200 else quoted[:60] + "…'"


def open_standard_input(encoding: str = "utf-8") -> IO[bytes]:
    """Return standard input as a file of bytes, also where a program has put a text there."""
    if sys.stdin is None:
        raise UserError("standard input is closed: expected a text from a pipe or a file")
    if hasattr(sys.stdin, "buffer"):
        return sys.stdin.buffer
    return io.BytesIO(sys.stdin.read().encode(encoding))


def _read_file(path: Path) -> bytes:
    """Read a file; errors say why it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{quote_path(path)} is neither a file nor one of the texts that come with charseq, "
            f"{', '.join(_TEXTS)}; to give the text itself, pipe it in, and write - for it"
        ) from None
    except OSError as error:
        raise type(error)(f"{quote_path(path)} cannot be read: {error.strerror}") from None
    except ValueError as error:  # a NUL character in the path
        raise UserError(f"{quote_path(path)} cannot be opened: {error}") from None


def _decode(data: bytes, name: str, encoding: str) -> str:
    """Return the text of bytes that are not empty; errors say what is wrong with them."""
    try:
        "a".encode(encoding)  # fails also for codecs that encode bytes, such as "base64"
    except (LookupError, UnicodeError):
        raise UserError(
            f"no text encoding is called {encoding!r}: expected utf-8, utf-16, latin-1 or the name "
            "of another encoding"
        ) from None
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        # "utf-8-sig" decodes what is left after its mark, so count back from the end.
        offset = len(data) - len(error.object) + error.start
        raise UserError(
            f"{name} is not {encoding} text (byte 0x{data[offset]:02x} at offset {offset}): "
            + _guess_kind(data)
        ) from None
    if not text:
        raise UserError(f"{name} is empty: expected some text")
    if "\0" in text:
        raise UserError(
            f"{name} is not {encoding} text (its character {text.index(chr(0))} is NUL): "
            + _guess_kind(data)
        )
    return text


def _guess_kind(data: bytes) -> str:
    """Guess what a file may be that is not text in its encoding, judging by its first bytes."""
    for beginning, kind in PACKED.items():
        if data.startswith(beginning):
            return f"it begins as {kind} does, so take the text out of it, and give the text's file"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "it begins as text in UTF-16 does, so give the encoding utf-16"
    if b"\0" in data[:1000]:
        return "it holds NUL bytes, as pictures and programs do, and text in utf-16-le"
    return "give its encoding: cp1252 if it is older text of Western Europe, cp1251 if Cyrillic"


def _clean(text: str, name: str) -> str:
    """Leave out a byte order mark and carriage returns, and warn of that."""
    marks, returns = text.startswith(MARK), text.count("\r")
    if not (marks or returns):
        return text
    text = text.removeprefix(MARK).replace("\r\n", "\n").replace("\r", "\n")
    if not text:
        raise UserError(f"{name} holds nothing but a byte order mark")
    found = ["a byte order mark"] * marks
    found += [f"{returns:,} carriage return{'s' * (returns > 1)}"] * (returns > 0)
    # The caller of `load_text` is told; the warning is about the file, not about code.
    warnings.warn(
        f"{name} has {' and '.join(found)}, left out here (raw keeps them)",
        CleanedText,
        stacklevel=3,
    )
    return text
