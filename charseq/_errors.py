"""The errors that a user can put right, and what the command says of them."""

import re

LIBRARIES = ("torch", "matplotlib", "tqdm", "tokenizers", "onnx")  # not every command needs them


class UserError(ValueError):
    """A value that cannot be used: the message says what was found, and what was expected.

    The command prints the message, and no traceback. Any other error is a fault of charseq.
    """


def explain(error: BaseException) -> str:
    """Return what the command says of an error; nothing if it is a fault of charseq."""
    if isinstance(error, ModuleNotFoundError) and error.name in LIBRARIES:
        return f"this command needs {error.name}, which is not here: pip install {error.name}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    too_large = type(error) is RuntimeError and re.search("allocate|size calculation", str(error))
    if isinstance(error, MemoryError) or too_large:
        return "there is not enough memory: make the network, the batch or the texts smaller"
    known = (UserError, OSError, FloatingPointError)
    return str(error) if isinstance(error, known) else ""
