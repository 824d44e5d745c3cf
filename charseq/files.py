"""Files that appear whole or not at all, and that a power failure does not take back."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

__all__ = ["write_whole"]


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that others see the old content or the new, and never a part.

    When the function returns, the new content is on the disk, not only in the memory of the
    system: it is still there after a power failure.

    Parameters
    ----------
    path : str or path-like
        The file. If it exists, it is replaced in one step.
    data : bytes
        The new content.

    Raises
    ------
    OSError
        If there is no room or no permission. The old content is still there then.
    """
    with whole_file(path) as file:
        write_all(file, memoryview(data))


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes its name when the block ends without an error.

    The file is not buffered: use :func:`write_all`.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot write {target}: there is no folder {target.parent}")
    # A name of its own for each writer, beside the target: a rename needs the same file system.
    writer = f"{os.getpid()}-{threading.get_ident()}"
    part = target.with_name(f".{target.name}.{writer}.part")
    try:
        with part.open("wb", buffering=0) as file:
            yield file
            os.fsync(file.fileno())  # the content first, then the name
        part.replace(target)
        sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def write_all(file: IO[bytes], data: memoryview) -> None:
    """Write to a file without a buffer, whose ``write`` may write less than it was given.

    A buffer would try again when the file is closed, and that error would be lost.
    """
    while data:
        data = data[file.write(data) :]


def write_after(file: IO[bytes], size: int, data: bytes) -> None:
    """Replace all that follows the first `size` bytes of a file, and wait until it is on disk."""
    file.truncate(size)
    file.seek(size)
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk; Windows writes them without being asked."""
    with suppress(OSError):  # and some file systems cannot do it
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
