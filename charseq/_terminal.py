"""What a terminal is sent: texts whose control characters are shown and not obeyed.

Escape sequences in a text can clear the screen, change the title of the window or fill the
clipboard. A name in a file from somebody else may hold such sequences, and so may the vocabulary of
a network, which then writes them.
"""

import re
import sys
from collections.abc import Iterable

CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"  # also halves of surrogate pairs
IN_LINE = re.compile(rf"[\t\n{CONTROLS}]")
IN_TEXT = re.compile(rf"(?!\r\n)[{CONTROLS}]")


def escape_line(text: object) -> str:
    r"""Return a text in one line, with each control character written as in Python, `\x1b`."""
    return IN_LINE.sub(lambda match: repr(match[0])[1:-1], str(text))


def print_text(pieces: Iterable[str]) -> None:
    """Print a text that comes in pieces, each of them at once, and end the line.

    In a terminal, control characters are escaped, except for tabs and the ends of lines. A file or
    a pipe gets the text as it is, because it is the network's output, character by character.
    """
    is_terminal, rest = sys.stdout.isatty(), ""
    for piece in pieces:
        text = rest + piece
        if is_terminal:
            # The end of a line in a file from Windows, "\r\n", may be cut between two pieces.
            rest = "\r" if text.endswith("\r") else ""
            text = escape_text(text.removesuffix("\r"))
        print(text, end="", flush=True)
    print(escape_text(rest))


def escape_text(text: str) -> str:
    """Return a text in which each control character is escaped, except tabs and ends of lines."""
    return IN_TEXT.sub(lambda match: repr(match[0])[1:-1], text)
