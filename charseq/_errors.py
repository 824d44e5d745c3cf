"""What the user of the command is told about an error, if it is not a fault of charseq."""

import errno
import re
from collections.abc import Mapping
from pathlib import Path


class UserError(ValueError):
    """A value that cannot be used: the message says what was found, and what was expected.

    The command prints the message, and no traceback. Any other error is a fault of charseq.
    """


# What Python calls an argument, where the option of the command has another name.
ARGUMENTS = {"hidden_size": "hidden", "num_layers": "layers", "embedding_size": "embedding"}
ARGUMENTS |= {"mode": "layer", "min_count": "unknown"}
# The options of these mean "none" by 0.
OR_ZERO = ("embedding", "patience", "clip_norm", "top_k", "unknown")
# Something in quotes, or a name; also the sign after it, or, at the beginning, the limit after it.
NAME = re.compile(r"'[^']*'|\b(?P<name>[a-z]\w*)\b((?P<sign>=)|(?P<must> must (not )?be [^,;]*))?")
SMALLER = "make the network, the batch or the number of texts smaller"
# What can be done about an error of the operating system.
ADVICE = {
    errno.EACCES: "choose another place, or change the permissions",
    errno.EROFS: "choose a place that can be written to",
    errno.ENOSPC: "free some space on the disk",
    errno.EFBIG: "the system allows no larger file: raise that limit",
    errno.ENOTDIR: "choose another name, because a part of this path is a file",
}
ONLY_FOR_TRAINING = ("torch", "matplotlib", "tqdm")  # a trained network writes without them


def explain(error: Exception) -> str:
    """Return what the user is told about an error; nothing if it is a fault of charseq."""
    message = str(error)
    if isinstance(error, UnicodeEncodeError) and not comes_from_a_check(error):
        char = error.object[error.start]
        return (
            f"the output is set to {error.encoding}, which cannot show the character "
            f"U+{ord(char):04X}: run it with PYTHONIOENCODING=utf-8, or add --json"
        )
    if isinstance(error, ModuleNotFoundError) and error.name in ONLY_FOR_TRAINING:
        return (
            f"this command needs {error.name}, which is not installed here: "
            f"pip install {' '.join(ONLY_FOR_TRAINING)}"
        )
    if isinstance(error, OSError):
        if error.strerror and error.filename:
            message = f"{error.strerror}: {error.filename}"
        elif error.strerror and is_printing(error):
            space = "free some space there, or " * (error.errno == errno.ENOSPC)
            problem = error.strerror[:1].lower() + error.strerror[1:]
            return f"cannot write the output: {problem}; {space}send the output elsewhere"
        elif error.strerror:
            message = error.strerror
        advice = ADVICE.get(error.errno or 0, "") if error.strerror else ""
        return f"{message}; {advice}" if advice else message
    if isinstance(error, MemoryError):
        return message if comes_from_a_check(error) else f"there is not enough memory: {SMALLER}"
    if isinstance(error, RuntimeError) and "allocate" in message:
        return f"there is not enough memory: {SMALLER}"
    if isinstance(error, UserError):
        return message
    return message if comes_from_a_check(error) else ""


def is_printing(error: Exception) -> bool:
    """Return whether an error comes from writing to standard output."""
    from traceback import extract_tb

    last = extract_tb(error.__traceback__)[-1]
    return re.search(r"\bprint\(|\bstdout\b", str(last.line)) is not None


def comes_from_a_check(error: Exception) -> bool:
    """Return whether a statement ``raise`` of this package has raised an error.

    Such a statement has checked something, and says what is wrong with it and what was expected. An
    error that Python, NumPy or torch raises in the midst of this package is a fault of the package.
    """
    from traceback import extract_tb

    last = extract_tb(error.__traceback__)[-1]
    return Path(last.filename).parent == Path(__file__).parent and str(last.line).startswith(
        "raise"
    )


def in_words_of_the_shell(sentence: str, options: Mapping[str, str]) -> str:
    """Call the arguments in a message by the names that they have at the shell.

    `options` maps each argument of the command to what the shell calls it, such as ``--hidden``.
    What the message quotes is left as it is, because it may be the name of a file.
    """
    if encoding := options.get("encoding"):
        sentence = re.sub(r"give the encoding, '([\w-]+)'", rf"add {encoding} \1", sentence)
    if out := options.get("out"):
        sentence = sentence.replace("choose another folder", f"choose another folder ({out})")
        sentence = sentence.replace("but the text has", "but the text to learn from has")
    else:
        sentence = sentence.replace(", or choose another folder", "")
    if tied := options.get("tied"):
        sentence = sentence.replace("tied=True", tied).replace("they are None", "they are 0")
    if re.match(r"'[^']* [^']* [^']*' is neither a file", sentence):
        sentence += (
            "; to give the text itself, write - for it and pipe it in: echo TEXT | charseq ..."
        )

    def rename(match: re.Match[str]) -> str:
        name = match["name"] or ""
        argument = name if name in options else ARGUMENTS.get(name, name)
        # A plain word is an argument only before its value, or if the sentence begins with it.
        plain = "_" not in name and not match["sign"] and not match["must"]
        if argument not in options or plain:
            return match[0]
        limit = NAME.sub(rename, match["must"] or "")
        if limit and argument in OR_ZERO:
            limit += ", or 0"
        return options[argument] + (" " if match["sign"] else limit)

    return NAME.sub(rename, sentence)
