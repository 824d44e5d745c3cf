"""Files that appear whole or not at all, on a disk that may be full or lose its power."""

import errno

import pytest

from charseq import files
from charseq.files import write_whole


def no_room(file, data):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_whole_file_is_written_and_an_old_one_replaced(tmp_path):
    path = tmp_path / "data"
    for data in (b"old", b"", bytes(range(256)) * 999):
        write_whole(path, data)
        assert path.read_bytes() == data
        write_whole(str(path), data)
        assert list(tmp_path.iterdir()) == [path]


def test_a_part_of_a_file_is_never_left_behind(tmp_path, monkeypatch):
    path = tmp_path / "data"
    write_whole(path, b"precious")
    monkeypatch.setattr(files, "write_all", no_room)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]
