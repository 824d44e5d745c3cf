"""Files are written completely or not at all, even if the disk is full."""

import errno

import pytest

from charseq import files
from charseq.files import write_whole


def raise_no_space(file, data):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_write_whole_writes_a_file_or_replaces_an_old_one(tmp_path):
    path = tmp_path / "data"
    for data in (b"old", b"", bytes(range(256)) * 999):
        write_whole(path, data)
        assert path.read_bytes() == data
        write_whole(str(path), data)
        assert list(tmp_path.iterdir()) == [path]


def test_write_whole_keeps_the_old_file_if_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "data"
    write_whole(path, b"precious")
    monkeypatch.setattr(files, "write_all", raise_no_space)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]
