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
import unicodedata
import warnings
import zoneinfo
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from charseq.files import suggest_name

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
CHUNK = 1 << 18  # bytes per read, so that a file of any size takes little memory


def python_topics() -> list[str]:
    """Return the topics of Python's reference, in the order of their names."""
    return PYTHON_REFERENCE.read_text("utf-8").split("\f")


def novel_chapters() -> list[str]:
    """Return the 61 chapters of *Pride and Prejudice*, without their headings."""
    return NOVEL.read_text("utf-8").split("\f")


def _read_novel() -> str:
    return "\n".join(novel_chapters())


def _read_novel_train() -> str:
    chapters = dict(enumerate(novel_chapters(), start=1))
    for number in NOVEL_TEST:
        del chapters[number]
    held_back = [chapters.pop(number) for number in NOVEL_HELD_BACK]
    return "\n".join([*chapters.values(), *held_back])


def _read_novel_test() -> str:
    chapters = novel_chapters()
    return "\n".join(chapters[number - 1] for number in NOVEL_TEST)


def _read_python_reference() -> str:
    return "\n".join(python_topics())


def _read_reference_excerpt() -> str:
    return "".join(cut_between_paragraphs(reference_paragraphs())[8::16])


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


def _read_names() -> str:
    return NAMES.read_text("utf-8")


def _list_unicode_names() -> str:
    names = (unicodedata.name(chr(code), "") for code in range(0x110000))
    return "\n".join(filter(None, names)) + "\n"


def _list_time_zone_cities() -> str:
    zones = (name for name in sorted(zoneinfo.available_timezones()) if "/" in name)
    cities = [zone.rpartition("/")[2] for zone in zones if not zone.startswith("Etc/")]
    if not cities:
        raise FileNotFoundError(
            "this system has no time-zone data: install it with `pip install tzdata`, "
            "or choose another text"
        )
    unique_cities = dict.fromkeys(cities)
    return "\n".join(unique_cities).replace("_", " ") + "\n"


_TEXTS: dict[str, tuple[Callable[[], str], str]] = {
    "pride-and-prejudice": (
        _read_novel,
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
        _read_python_reference,
        "what the help() of Python 3.11 shows about the language",
    ),
    "reference-excerpt": (
        _read_reference_excerpt,
        "a twentieth of python-reference, from all over it, without repeats",
    ),
    "names": (
        _read_names,
        "places and languages, each in twelve languages; a line is a number, languages and a name",
    ),
    "unicode-names": (
        _list_unicode_names,
        "the names of all Unicode characters, one per line; they differ between versions of Python",
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
    True; a warning says so. A file that is too large for memory can be read with
    :meth:`charseq.Corpus.from_file`.

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
        If `source` is neither a name nor a file, or this system lacks the text of that name.
    OSError
        If the file cannot be read: it is a directory, or permission is denied.
    ValueError
        If the file is empty, binary, or not in this encoding, or the encoding is unknown. The
        message names the offending byte and its offset.

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
        file = open_standard_input(encoding)
        return "".join(text_chunks(file, "standard input", encoding, raw=raw))
    with open_text(source) as file:
        return "".join(text_chunks(file, quote_path(source), encoding, raw=raw))


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
        raise OSError(
            f"{quote_path(error.filename)} is a folder that cannot be read: {error.strerror}"
        )

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
    >>> hold_back(["abcdefgh"], 0.25)
    ('abcdef', 'gh')
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
        raise OSError("standard input is closed: expected a text from a pipe or a file")
    if hasattr(sys.stdin, "buffer"):
        return sys.stdin.buffer
    return io.BytesIO(sys.stdin.read().encode(encoding))


def open_text(source: str | Path) -> IO[bytes]:
    """Open a file of text for reading its bytes; errors say why the path cannot be read."""
    path, quoted_path = Path(source), quote_path(source)
    try:
        return path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        if os.path.isdir(path):  # noqa: PTH112 - unlike Path.is_dir, it never raises
            raise IsADirectoryError(
                f"{quoted_path} is a directory: expected a file of text"
            ) from None
        if isinstance(error, FileNotFoundError):
            raise FileNotFoundError(f"{quoted_path} is {_say_missing(path)}") from None
        if isinstance(error, PermissionError):
            raise PermissionError(
                f"{quoted_path} may not be read: permission denied; change its permissions"
            ) from None
        reason = getattr(error, "strerror", None) or error
        raise OSError(f"{quoted_path} cannot be opened: {reason}") from None


def _say_missing(path: Path) -> str:
    """Suggest the text whose name is nearly this; or list all if it may be such a name."""
    if path.is_symlink():
        target = path.readlink()
        return (
            f"not a file: it is a link to '{target}', which does not exist; repair the link, or "
            "give another file"
        )
    if meant := suggest_name(path, _TEXTS):
        return f"not a file{meant}"
    if "." not in path.name:
        return f"neither a file nor one of the texts that come with charseq: {', '.join(_TEXTS)}"
    return "not a file"


def _make_decoder(encoding: str) -> codecs.IncrementalDecoder:
    try:
        "a".encode(encoding)  # fails also for codecs that encode bytes, such as "base64"
        return codecs.getincrementaldecoder(encoding)()
    except (LookupError, UnicodeError):
        raise ValueError(
            f"no text encoding is called {encoding!r}: expected 'utf-8', 'utf-16', 'latin-1' "
            "or the name of another encoding"
        ) from None


def text_chunks(
    file: IO[bytes], quoted_path: str, encoding: str, *, raw: bool = False, warn: bool = True
) -> Iterator[str]:
    """Yield the text of a file in one or more chunks, each of at least one character.

    Unless `raw` is True, a byte order mark is left out, each line ends in a line feed, and a
    warning says at the end what was left out, if `warn` is True.
    """
    chunks = _raw_chunks(file, quoted_path, encoding)
    if raw:
        yield from chunks
        return
    ends = io.IncrementalNewlineDecoder(None, translate=True)  # it waits for "\n" after "\r"
    marks, returns, is_first, is_empty = 0, 0, True, True
    for chunk in chunks:
        marks += is_first and chunk.startswith(MARK)
        text = chunk[1:] if is_first and marks else chunk
        is_first = False
        returns += text.count("\r")
        if "\r" in text or returns:
            text = ends.decode(text)
        if text:
            is_empty = False
            yield text
    if rest := ends.decode("", final=True):
        is_empty = False
        yield rest
    if is_empty:
        raise ValueError(f"{quoted_path} holds nothing but a byte order mark")
    if warn and (marks or returns):
        found = ["a byte order mark"] * marks
        found += [f"{returns:,} carriage return{'s' * (returns > 1)}"] * (returns > 0)
        # This function's caller is in this package; the warning is about the file, not about code.
        warnings.warn(
            f"{quoted_path} has {' and '.join(found)}, left out here: raw=True keeps them",
            CleanedText,
            stacklevel=3,
        )


def _raw_chunks(file: IO[bytes], quoted_path: str, encoding: str) -> Iterator[str]:
    """Yield the text of a file as it is, in one or more chunks of at least one character."""
    decoder = _make_decoder(encoding)
    head, bytes_before, chars_before = b"", 0, 0
    while True:
        try:
            data = file.read(CHUNK)
        except OSError as error:
            raise OSError(f"{quoted_path} cannot be read: {error.strerror}") from None
        head = head or data
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            # The decoder may still hold bytes of the chunk before, so count back from the end.
            offset = bytes_before + len(data) - len(error.object) + error.start
            raise ValueError(
                f"{quoted_path} is not {encoding} text (byte 0x{error.object[error.start]:02x} at "
                f"offset {offset}); {_suggest_encoding(head, encoding)}"
            ) from None
        except UnicodeError as error:
            raise ValueError(
                f"{quoted_path} is not {encoding} text ({error}); "
                + _suggest_encoding(head, encoding)
            ) from None
        if "\0" in text:
            position = chars_before + text.index("\0")
            raise ValueError(
                f"{quoted_path} looks binary: the character at position {position} is NUL; "
                + _suggest_encoding(head if b"\0" in head else data, encoding)
            )
        bytes_before += len(data)
        chars_before += len(text)
        if text:
            yield text
        if not data:
            break
    if not chars_before:
        raise ValueError(f"{quoted_path} is empty: expected some text")


def _suggest_encoding(head: bytes, encoding: str) -> str:
    """Suggest what the file may be instead, judging by its first bytes."""
    for beginning, kind in PACKED.items():
        if head.startswith(beginning):
            return f"it begins as {kind} does: take the text out of it, and give the text's file"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "it begins as text in UTF-16 does: give the encoding, 'utf-16'"
    for start, order in ((1, "le"), (0, "be")):  # where UTF-16 has its NUL bytes
        others = head[1 - start :: 2].count(0)
        is_utf16 = 4 * head[start::2].count(0) > len(head) > max(3, 4 * others)
        if is_utf16 and not codecs.lookup(encoding).name.startswith("utf-16"):
            return f"it looks like text in UTF-16: give the encoding, 'utf-16-{order}'"
    if b"\0" in head:
        return "it holds NUL bytes, as pictures and programs do: give a file of plain text"
    if codecs.lookup(encoding).name != "utf-8":
        with suppress(UnicodeDecodeError):
            codecs.getincrementaldecoder("utf-8")().decode(head)
            return "it may be in UTF-8: give the encoding, 'utf-8'"
    return (
        "if it is older text of Western Europe, give the encoding, 'cp1252' (cp1251 for Cyrillic "
        "letters); otherwise give the name of its encoding"
    )
