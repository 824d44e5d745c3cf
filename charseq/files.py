"""Write files that appear whole or not at all, and let only one process write in a folder."""

import errno
import os
import stat
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["write_whole"]

LOCK = "run.lock"
_locked_here: ContextVar[frozenset[Path]] = ContextVar("_locked_here", default=frozenset())


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
        If the disk is full or permission is denied. The old content is still there.
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
    if target.is_dir():
        raise IsADirectoryError(f"cannot write {target}: it is a folder, so choose another name")
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
    except OSError as error:
        if error.filename == str(temporary):  # a name that nobody has asked for
            error.filename = str(target)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_all(file: IO[bytes], data: memoryview) -> None:
    """Write all of `data` to an unbuffered file, whose ``write`` may write only a part.

    After an error, a buffered file would try again when it is closed, and an error of this second
    attempt would be lost.
    """
    while data:
        data = data[file.write(data) :]


def check_regular(path: Path) -> None:
    """Raise unless a path leads to a regular file: reading from a pipe may wait for ever."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def suggest_name(path: Path, names: Iterable[str], *, folders: bool = False) -> str:
    """Suggest one of these names, or of the files beside a path, that is nearly its name."""
    from difflib import get_close_matches

    try:
        beside = [entry.name for entry in os.scandir(path.parent) if entry.is_dir() == folders]
    except (OSError, ValueError):
        beside = []
    same_stem = [name for name in beside if Path(name).stem == path.name]
    same_stem.sort(key=lambda name: not name.endswith(".txt"))
    for name in [*same_stem, *get_close_matches(path.name, [*names, *beside], 1, 0.7)][:1]:
        return f"; did you mean {name if name in names else path.with_name(name)}?"
    return ""


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


# --- one writer per folder ------------------------------------------------------------------------
# The standard library's calls, and not the package `filelock`: where there are no locks, it
# makes a file that says "locked", and such a file survives a kill.


@contextmanager
def lock_folder(folder: str | os.PathLike[str], *, make: bool = False) -> Iterator[None]:
    """Be the only process and thread that writes in a folder, for the duration of the block.

    With `make`, a folder that does not exist is made, and removed afterwards if it is still empty.
    A block inside the block may lock the same folder again.

    The lock is the operating system's, on the file ``run.lock``. So it ends with its process, even
    if that is killed, and a ``run.lock`` that was left behind stops nobody. Readers need no lock.
    On a file system without locks, nothing is locked.

    Raises
    ------
    BlockingIOError
        If another process or thread holds the lock.
    OSError
        If the file, or the folder, cannot be made.
    """
    path = Path(folder)
    resolved, locked_here = path.resolve(), _locked_here.get()
    if resolved in locked_here:
        yield
        return
    is_new = make and not path.exists()
    try:
        if is_new:
            path.mkdir(parents=True, exist_ok=True)
        descriptor = _open_lock(path)
        token = _locked_here.set(locked_here | {resolved})
        try:
            yield
        finally:
            _locked_here.reset(token)
            _close_lock(path, descriptor)
    finally:
        if is_new:
            with suppress(OSError):  # the folder was not made, or is not empty
                path.rmdir()


def _open_lock(folder: Path) -> int:
    """Open and lock the lock file of a folder, and return its descriptor."""
    while True:
        # In a folder from somebody else, the name may be a link to any other file.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(folder / LOCK, flags, 0o666)
        if not _try_lock(descriptor):
            os.close(descriptor)
            raise BlockingIOError(
                f"another process is writing in {folder}: wait until it has ended, or interrupt "
                "it, or choose another folder"
            )
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(folder / LOCK)):  # noqa: PTH116
                return descriptor
        os.close(descriptor)  # the writer before removed this file after it was opened here


def _try_lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; return False if it is locked already."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks
        pass
    return True


def _close_lock(folder: Path, descriptor: int) -> None:
    """Remove the lock file and close it, which ends the lock."""
    if sys.platform == "win32":  # an open file cannot be removed there
        os.close(descriptor)
    with suppress(OSError):
        os.unlink(folder / LOCK)  # noqa: PTH108 - as low as the calls around it
    if sys.platform != "win32":
        os.close(descriptor)
