"""Texts that are already on your machine: by name, or from a file in some encoding."""

import codecs
import os
import unicodedata
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

__all__ = ["load_text", "texts"]

CHUNK = 1 << 18  # bytes read at a time: all the memory that a file needs, however large it is


def _python_reference() -> str:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise FileNotFoundError(
            "this Python was installed without pydoc_data, which holds its reference: "
            "install the standard library in full, or choose another text"
        ) from None
    return "\n".join(topics[name] for name in sorted(topics))


def _unicode_names() -> str:
    names = (unicodedata.name(chr(code), "") for code in range(0x110000))
    return "\n".join(filter(None, names)) + "\n"


def _time_zones() -> str:
    zones = (name for name in sorted(zoneinfo.available_timezones()) if "/" in name)
    cities = [zone.rpartition("/")[2] for zone in zones if not zone.startswith("Etc/")]
    if not cities:
        raise FileNotFoundError(
            "this system has no time-zone data: install it with `pip install tzdata`, "
            "or choose another text"
        )
    return "\n".join(dict.fromkeys(cities)).replace("_", " ") + "\n"  # each city once


_TEXTS: dict[str, tuple[Callable[[], str], str]] = {
    "python-reference": (
        _python_reference,
        "Python's language reference, as help() shows it; it differs between versions of Python",
    ),
    "unicode-names": (
        _unicode_names,
        "the names of all Unicode characters, one per line; they differ between versions of Python",
    ),
    "time-zones": (
        _time_zones,
        "the cities that time zones are named after, one per line; they differ between systems",
    ),
}


def texts() -> dict[str, str]:
    """Name the texts that are already on your machine: nothing is downloaded.

    Returns
    -------
    dict
        One line of description for each name that `load_text` knows.

    Examples
    --------
    >>> from charseq.texts import texts
    >>> list(texts())
    ['python-reference', 'unicode-names', 'time-zones']
    """
    return {name: description for name, (_, description) in _TEXTS.items()}


def load_text(source: str | Path, encoding: str = "utf-8") -> str:
    r"""Read a text, given its name or its path.

    Nothing is stripped or translated, so a line may end in ``"\r\n"``. A file that is too large
    for memory can be read with :meth:`charseq.Corpus.from_file`.

    Parameters
    ----------
    source : str or pathlib.Path
        A name from :func:`charseq.texts.texts`, or the path of a file. To read a file that has such
        a name, write ``"./name"``.
    encoding : str, default="utf-8"
        How the file stores characters; the texts with a name need none.

    Returns
    -------
    str
        The text, with one character at least.

    Raises
    ------
    FileNotFoundError
        If `source` is neither, or the text is missing from this system.
    OSError
        If the file cannot be read: a directory, no permission.
    ValueError
        If the file is empty, binary, or not in this encoding. The message names the offending
        byte and its offset.

    Examples
    --------
    >>> from charseq import load_text
    >>> load_text("unicode-names").splitlines()[:2]
    ['SPACE', 'EXCLAMATION MARK']
    >>> load_text("shakespeare")
    Traceback (most recent call last):
        ...
    FileNotFoundError: 'shakespeare' is neither a file nor one of the texts python-reference, ...
    """
    if isinstance(source, str) and source in _TEXTS:
        return _TEXTS[source][0]()
    with open_text(source, f" nor one of the texts {', '.join(_TEXTS)}") as file:
        return "".join(text_chunks(file, quoted(source), encoding))


# --- files ----------------------------------------------------------------------------------------


def quoted(source: object) -> str:
    """Quote a path; shorten it if somebody gave a whole text in place of a path."""
    quoted = repr(str(source))
    return quoted if len(quoted) <= 200 else quoted[:60] + "…'"


def open_text(source: str | Path, nor: str = "") -> IO[bytes]:
    """Open a file for reading bytes; errors say what is there instead of a file of text."""
    path, shown = Path(source), quoted(source)
    try:
        return path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a zero character in the name
        if os.path.isdir(path):  # noqa: PTH112 - unlike Path.is_dir, it never raises
            raise IsADirectoryError(f"{shown} is a directory: expected a file of text") from None
        if isinstance(error, FileNotFoundError):
            found = f"neither a file{nor}" if nor else "not a file"
            raise FileNotFoundError(f"{shown} is {found}") from None
        if isinstance(error, PermissionError):
            raise PermissionError(f"{shown} may not be read: permission denied") from None
        reason = getattr(error, "strerror", None) or error
        raise OSError(f"{shown} cannot be opened: {reason}") from None


def text_chunks(file: IO[bytes], shown: str, encoding: str) -> Iterator[str]:
    """Yield the text of a file in chunks; there is at least one, and none is empty."""
    try:
        "a".encode(encoding)  # refuses what encodes bytes, such as "base64", too
        decoder = codecs.getincrementaldecoder(encoding)()
    except (LookupError, UnicodeError):
        raise ValueError(
            f"no text encoding is called {encoding!r}: expected 'utf-8', 'utf-16', 'latin-1' "
            "or another that Python knows"
        ) from None
    head, bytes_before, chars_before = b"", 0, 0
    while True:
        try:
            data = file.read(CHUNK)
        except OSError as error:
            raise OSError(f"{shown} cannot be read: {error.strerror}") from None
        head = head or data
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            # The decoder may still hold bytes of the last chunk, so count from the end.
            offset = bytes_before + len(data) - len(error.object) + error.start
            raise ValueError(
                f"{shown} is not {encoding} text: byte 0x{error.object[error.start]:02x} at offset "
                f"{offset} is wrong there ({error.reason}); {_guess_encoding(head)}"
            ) from None
        except UnicodeError as error:
            raise ValueError(f"{shown} is not {encoding} text: {error}") from None
        if "\0" in text:
            raise ValueError(
                f"{shown} is binary: the character at position {chars_before + text.index(chr(0))} "
                "is U+0000, which no text holds; if it is text in UTF-16, say encoding='utf-16-le'"
            )
        bytes_before += len(data)
        chars_before += len(text)
        if text:
            yield text
        if not data:
            break
    if not chars_before:
        raise ValueError(f"{shown} is empty: expected one character or more")


def _guess_encoding(head: bytes) -> str:
    """Say what the file may be instead, from its first bytes."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "it begins as text in UTF-16 does: say encoding='utf-16'"
    if b"\0" in head:
        return "it holds zero bytes, so it is probably binary"
    return "if it is text in another encoding, say which, for example encoding='cp1252'"
