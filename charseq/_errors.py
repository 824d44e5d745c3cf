"""What the user of the command is told about an error, if it is not a fault of charseq."""

from pathlib import Path

ONLY_FOR_TRAINING = ("torch", "matplotlib", "tqdm")  # a trained network writes without them


def explain(error: Exception) -> str:
    """Return what the user is told about an error; nothing if it is a fault of charseq."""
    message = str(error)
    if isinstance(error, UnicodeEncodeError) and not comes_from_a_check(error):
        char = error.object[error.start]
        return (
            f"the output cannot show {char!r}, because its encoding is {error.encoding}: set the "
            "environment variable PYTHONIOENCODING to utf-8, or use --json"
        )
    if isinstance(error, ModuleNotFoundError) and error.name in ONLY_FOR_TRAINING:
        return (
            f"this command needs {error.name}, which is not installed here: "
            f"pip install {' '.join(ONLY_FOR_TRAINING)}"
        )
    if isinstance(error, OSError):
        if error.strerror:
            return error.strerror + (f": {error.filename}" if error.filename else "")
        return message
    if isinstance(error, MemoryError):
        return message or "there is not enough memory"
    if isinstance(error, RuntimeError) and "allocate" in message:
        return "there is not enough memory for this network and batch"
    return message if comes_from_a_check(error) else ""


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
