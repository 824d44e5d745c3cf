"""Files are written completely or not at all, and a folder has one writer."""

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from charseq import files
from charseq.files import lock_folder, write_whole

posix = pytest.mark.skipif(os.name != "posix", reason="files work differently on this system")


def test_write_whole_writes_a_file_or_keeps_the_old_one(tmp_path, monkeypatch):
    def raise_no_space(file, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "data"
    for data in (b"old", b"", bytes(range(256)) * 999):
        write_whole(path, data)
        assert path.read_bytes() == data
        write_whole(str(path), data)
        assert list(tmp_path.iterdir()) == [path]
    monkeypatch.setattr(files, "write_all", raise_no_space)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


# --- one writer per folder ------------------------------------------------------------------------

HOLDER = """
import sys
from charseq.files import lock_folder
with lock_folder(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process, which holds the lock of the folder until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_a_folder_that_another_process_has_locked_is_refused_until_it_lets_go(holder, tmp_path):
    message = r"another process is writing in .*: wait until it has ended, or interrupt it"
    with pytest.raises(BlockingIOError, match=message), lock_folder(tmp_path):
        pytest.fail("two processes hold the lock")
    holder.stdin.close()
    holder.wait()
    with lock_folder(tmp_path):
        assert [file.name for file in tmp_path.iterdir()] == ["run.lock"]
    assert list(tmp_path.iterdir()) == []


def test_a_lock_ends_when_its_process_is_killed_although_the_file_stays(holder, tmp_path):
    holder.kill()
    holder.wait()
    assert [file.name for file in tmp_path.iterdir()] == ["run.lock"]
    with lock_folder(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_block_inside_the_block_may_lock_the_same_folder_but_another_thread_may_not(tmp_path):
    def lock():
        with lock_folder(tmp_path):
            pass

    with ThreadPoolExecutor() as pool, lock_folder(tmp_path):
        with lock_folder(tmp_path / "." / ".." / tmp_path.name):
            pass
        with pytest.raises(BlockingIOError):
            pool.submit(lock).result()
        with pytest.raises(ZeroDivisionError), lock_folder(tmp_path):
            1 / 0  # noqa: B018
        with pytest.raises(BlockingIOError):  # the outer block still holds the lock
            pool.submit(lock).result()
    lock()


def test_a_new_folder_is_removed_if_it_stays_empty_and_kept_if_it_does_not(tmp_path):
    with lock_folder(tmp_path / "deep" / "empty", make=True):
        assert (tmp_path / "deep" / "empty").is_dir()
    assert not (tmp_path / "deep" / "empty").exists()
    with lock_folder(tmp_path / "full", make=True):
        (tmp_path / "full" / "notes.txt").write_text("kept")
    assert [file.name for file in (tmp_path / "full").iterdir()] == ["notes.txt"]
    (tmp_path / "old").mkdir()
    with lock_folder(tmp_path / "old", make=True):
        pass
    assert (tmp_path / "old").is_dir()
    with pytest.raises(FileNotFoundError), lock_folder(tmp_path / "absent"):
        pass


@posix
def test_a_link_in_place_of_the_lock_file_is_not_followed(tmp_path):
    (tmp_path / "run.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"run\.lock"), lock_folder(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()


@posix
def test_a_lock_file_that_its_writer_has_just_removed_is_made_again(tmp_path, monkeypatch):
    real, tries = files._try_lock, []

    def lock_too_late(descriptor):
        tries.append(descriptor)
        if len(tries) == 1:
            (tmp_path / "run.lock").unlink()
        elif len(tries) == 2:
            (tmp_path / "run.lock").unlink()
            (tmp_path / "run.lock").touch()  # a third process has made it anew
        return real(descriptor)

    monkeypatch.setattr(files, "_try_lock", lock_too_late)
    with lock_folder(tmp_path):
        assert os.path.samestat(os.fstat(tries[-1]), (tmp_path / "run.lock").stat())
    assert len(tries) == 3


@posix
def test_a_file_system_without_locks_locks_nothing(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with lock_folder(tmp_path):
        (tmp_path / "notes.txt").write_text("written")
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
