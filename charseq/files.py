"""Write files that appear whole or not at all, and that survive a power failure."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

__all__ = ["write_whole"]


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part of either.

    When the function returns, the new content is on disk and not only in the system's memory, so
    it survives a power failure.

    Parameters
    ----------
    path : str or path-like
        The file. If it exists, it is replaced all at once.
    data : bytes
        The new content.

    Raises
    ------
    OSError
        If the disk is full or permission is denied. The old content is still there then.
    """
    with replace_file(path) as file:
        write_all(file, memoryview(data))


@contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a temporary file, which replaces `path` when the block ends without an error.

    The temporary file is not buffered: write to it with :func:`write_all`.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot write {target}: there is no folder {target.parent}")
    # Each process and thread writes to a different file. The file is in the target's folder because
    # a rename works only within one file system.
    writer = f"{os.getpid()}-{threading.get_ident()}"
    temporary = target.with_name(f".{target.name}.{writer}.part")
    try:
        with temporary.open("wb", buffering=0) as file:
            yield file
            os.fsync(file.fileno())  # the content must be on disk before it gets the name
        temporary.replace(target)
        sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_all(file: IO[bytes], data: memoryview) -> None:
    """Write all of `data` to an unbuffered file, whose ``write`` may write only a part.

    After an error, a buffered file would try again when it is closed, and an error of this second
    attempt would be lost.
    """
    while data:
        data = data[file.write(data) :]


def write_after(file: IO[bytes], size: int, data: bytes) -> None:
    """Replace everything after the first `size` bytes of a file, and wait until it is on disk."""
    file.truncate(size)
    file.seek(size)
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names of the files in a folder are on disk."""
    with suppress(OSError):  # Windows cannot open a folder, and some file systems cannot sync one
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
