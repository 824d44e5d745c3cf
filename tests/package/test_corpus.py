"""A text as ids: splits, batches, and files of any size."""

import errno
import gc
import hashlib
import mmap
import os
import tracemalloc
from dataclasses import FrozenInstanceError
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charseq import Corpus, Vocabulary, _encode, corpus, load_text
from charseq.corpus import streams, windows
from conftest import chunks_of

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")


# --- a corpus -------------------------------------------------------------------------------------


def test_a_corpus_has_a_length_and_a_short_repr_and_is_frozen():
    hello = Corpus.from_text("hello world")
    assert len(hello) == 11
    assert [hello.decode(), hello.decode(6), hello.decode(0, 5), hello.decode(-5, -1)] == [
        "hello world", "world", "hello", "worl",
    ]  # fmt: skip
    assert repr(Corpus.from_text("ab" * 5000)) == "Corpus(10,000 characters, 2 distinct)"
    with pytest.raises(FrozenInstanceError):
        hello.ids = hello.ids
    assert hello == hello
    assert hello != Corpus.from_text("hello world")  # compared by identity, not by ids


@pytest.mark.parametrize(
    ("V", "dtype"),
    [(1, "u1"), (256, "u1"), (257, "u2"), (65536, "u2"), (65537, "u4")],
)
def test_ids_use_the_smallest_dtype_that_fits_the_vocabulary(V, dtype, write):
    text = "".join(chr(i) for i in [*range(1, 0xD800), *range(0xE000, 0x20000)][:V])
    for encoded in (Corpus.from_text(text), Corpus.from_file(write(text), raw=True)):
        assert encoded.ids.dtype == dtype
        np.testing.assert_array_equal(encoded.ids, np.arange(V))


def test_a_given_vocabulary_is_used(write):
    vocab = Vocabulary("hxelo")
    corpora = Corpus.from_text("hello", vocab), Corpus.from_file(write("hello"), vocab=vocab)
    for encoded in corpora:
        assert encoded.vocab == vocab
        assert encoded.ids.tolist() == [0, 2, 3, 3, 4]


@pytest.mark.parametrize("size", [1, 4, 1 << 18])
def test_an_unknown_character_is_named_with_its_position_in_the_file(size, write):
    message = r"text.txt' holds 'z' \(U\+007A\) at position 5, .* not among the 3 characters"
    with chunks_of(size), pytest.raises(ValueError, match=message):
        Corpus.from_file(write("äabäazb"), vocab=Vocabulary("abä"))
    with pytest.raises(ValueError, match=r"'z' .* at position 5"):
        Corpus.from_text("äabäazb", Vocabulary("abä"))


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        ([[0, 1]], ValueError, r"shape \(N,\) with N of 1 or more, got \(1, 2\)"),
        (np.zeros(0, int), ValueError, r"got \(0,\)"),
        (np.zeros(3), TypeError, "integers, as in corpus.ids; got float64"),
        ("ab", TypeError, "got str"),
        (Corpus.from_text("ab"), TypeError, "got Corpus"),
    ],
)
@pytest.mark.parametrize(
    "function",
    [
        lambda ids: Corpus(Vocabulary("ab"), ids),
        lambda ids: streams(ids, 1, 1),
        lambda ids: windows(ids, 1, 1, np.random.default_rng()),
    ],
)
def test_invalid_ids_are_refused(function, ids, error, message):
    with pytest.raises(error, match=message):
        function(ids)


def test_an_empty_text_is_refused():
    with pytest.raises(ValueError, match="at least one character"):
        Corpus.from_text("")


@pytest.mark.parametrize(("ids", "wrong"), [([0, 1, 2], 2), ([0, -1], -1)])
def test_ids_out_of_range_are_refused(ids, wrong):
    message = f"id {wrong} is out of range: expected 0 to 1 for .* 2 characters"
    with pytest.raises(ValueError, match=message):
        Corpus(Vocabulary("ab"), ids)


@pytest.mark.parametrize(
    ("N", "B", "T", "error", "message"),
    [
        (11, 0, 3, ValueError, "^batch_size must be at least 1, got 0$"),
        (11, -2, 3, ValueError, "^batch_size must be at least 1, got -2$"),
        (11, 2, 0, ValueError, "^length must be at least 1, got 0$"),
        (11, 2, 11, ValueError, "length=11 needs 12 .* learn from has 11: .* length=10 at most$"),
        (1, 1, 1, ValueError, "expected 2 or more, one to read and one to predict"),
        (9, 2.5, 1, TypeError, "integer"),
    ],
)
def test_impossible_batch_sizes_are_refused_at_the_call(N, B, T, error, message):
    for batches in (streams, lambda *a: windows(*a, np.random.default_rng())):
        with pytest.raises(error, match=message):
            batches(np.arange(N), B, T)


def test_a_batch_of_more_rows_than_fit_is_refused_and_an_rng_that_is_none():
    message = "4 pieces of 3 characters takes 13 .* has 11: .* batch_size that fits is 3$"
    with pytest.raises(ValueError, match=message):
        streams(np.arange(11), 4, 3)
    assert len(list(streams(np.arange(11), 3, 3))) == 1
    with pytest.raises(TypeError, match=r"rng must be np.random.default_rng\(seed\), got int"):
        windows(np.arange(9), 2, 1, 0)


def test_ids_may_be_a_list_or_an_array_and_an_array_is_not_copied():
    ids = np.array([0, 1, 1], dtype=np.int16)
    assert Corpus(Vocabulary("ab"), ids).ids is ids
    assert Corpus(Vocabulary("ab"), [0, 1, 1]).decode() == "abb"


# --- splits ---------------------------------------------------------------------------------------


@given(
    N=st.integers(4, 400),
    valid=st.floats(0, 1, exclude_min=True, exclude_max=True),
    test=st.floats(0, 1, exclude_max=True),
)
def test_split_parts_cover_the_text_and_share_no_inputs_or_targets(N, valid, test):
    whole = Corpus(Vocabulary([chr(256 + i) for i in range(N)]), np.arange(N))
    try:
        parts = whole.split(valid=valid, test=test)
    except ValueError:
        sizes = [
            N - int(N * valid) - int(N * test),
            int(N * valid),
            int(N * test) or 2 * (not test),
        ]
        assert valid + test >= 1 or min(sizes) < 2
        return
    assert len(parts) == 2 + (test > 0)
    assert np.concatenate([part.ids for part in parts]).tolist() == list(range(N))
    assert len(parts[1]) == int(N * valid)
    assert all(part.vocab == whole.vocab and part.ids.base is whole.ids for part in parts)
    seen = [np.concatenate([x.ravel() for xy in streams(p.ids, 1, 1) for x in xy]) for p in parts]
    for i, part in enumerate(seen):  # inputs and targets of each part
        for later_part in seen[i + 1 :]:
            assert not set(part) & set(later_part)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"valid": 0}, "expected shares .* got valid=0$"),
        ({"valid": 1}, "got valid=1$"),
        ({"valid": -0.1}, "got valid=-0.1"),
        ({"valid": float("nan")}, "got valid=nan"),
        ({"test": -0.1}, "test=-0.1"),
        ({"test": float("nan")}, "test=nan"),
        ({"valid": 0.5, "test": 0.5}, "leave a part to learn from, got valid=0.5 and test=0.5"),
        ({"valid": 0.1}, "of 12 characters leaves 1 for valid: each part needs 2, one to read"),
        ({"valid": 0.95}, "of 12 characters leaves 1 for train"),
        ({"valid": 0.2, "test": 0.01}, "of 12 characters leaves 0 for test"),
    ],
)
def test_split_refuses_shares_that_leave_too_few_characters(shares, message):
    hello = Corpus.from_text("hello world!")
    assert [len(part) for part in hello.split(valid=0.9)] == [2, 10]
    with pytest.raises(TypeError, match="positional"):  # 0.9 of what, and for whom?
        hello.split(0.9)
    with pytest.raises(ValueError, match=message):
        hello.split(**shares)


# --- batches --------------------------------------------------------------------------------------


def check_batch(x, y, B, T):
    assert x.shape == y.shape == (B, T)
    assert x.dtype == y.dtype == np.int64
    assert x.flags.c_contiguous
    assert y.flags.c_contiguous
    np.testing.assert_array_equal(y, x + 1)  # the id of each character is its position


dtypes = st.sampled_from(["u1", "u2", "i4", "i8"])


@given(N=st.integers(2, 200), B=st.integers(1, 8), T=st.integers(1, 12), dtype=dtypes)
def test_rows_of_streams_continue_across_batches_and_targets_are_the_next_characters(
    N, B, T, dtype
):
    ids = np.arange(N, dtype=dtype)
    if B * T + 1 > N:
        with pytest.raises(ValueError, match=r"fits|at most|expected 2"):
            streams(ids, B, T)
        return
    batches = list(streams(ids, B, T))
    for x, y in batches:
        check_batch(x, y, B, T)
    rows = np.concatenate([x for x, _ in batches], axis=1)  # one piece of the text per row
    assert rows.ravel().tolist() == list(range(len(batches) * B * T))  # in order, without gaps
    assert N - 1 - rows.size < B * T  # the characters that are left do not fill a batch


@given(N=st.integers(2, 60), B=st.integers(1, 8), T=st.integers(1, 59), seed=st.integers(0, 2**32))
def test_windows_are_pieces_of_the_text_and_targets_are_the_next_characters(N, B, T, seed):
    ids = np.arange(N, dtype=np.uint8)
    if T >= N:
        with pytest.raises(ValueError, match=f"or length={N - 1} at most$"):
            windows(ids, B, T, np.random.default_rng(seed))
        return
    batches, same = (windows(ids, B, T, np.random.default_rng(seed)) for _ in range(2))
    for (x, y), (again, _) in islice(zip(batches, same, strict=False), 3):
        check_batch(x, y, B, T)
        np.testing.assert_array_equal(x, x[:, :1] + np.arange(T))
        np.testing.assert_array_equal(x, again)


def test_windows_start_at_every_position_with_equal_probability():
    x, y = next(windows(np.arange(12), 50_000, 3, np.random.default_rng(0)))
    counts = np.bincount(x[:, 0], minlength=9)
    assert len(counts) == 9  # the last window starts at 8, reads 8, 9 and 10, and predicts 11
    assert y.max() == 11
    np.testing.assert_allclose(counts / 50_000, 1 / 9, atol=0.01)


# --- ids on disk ----------------------------------------------------------------------------------


@posix
def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(
        ValueError, match=r"pipe' is a pipe or a device, .* save it in a file first$"
    ):
        Corpus.from_file(tmp_path / "pipe")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Use an empty folder as the system's folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def reads(monkeypatch):
    """Record each time that a file is decoded."""
    counted = []
    text_chunks = _encode.text_chunks
    monkeypatch.setattr(
        _encode, "text_chunks", lambda *a, **o: counted.append(a) or text_chunks(*a, **o)
    )
    return counted


def test_ids_of_a_file_are_memory_mapped_and_read_only(write):
    ids = Corpus.from_file(write("hello")).ids
    assert isinstance(ids.base.obj, corpus.MappedFile)
    with pytest.raises(ValueError, match="read-only"):
        ids[0] = 1


@posix
def test_the_temporary_file_has_no_name_and_closes_with_the_corpus(write, temporary):
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir())) if descriptors.exists() else 0
    hello = Corpus.from_file(write("hello"))
    assert list(temporary.iterdir()) == []
    assert hello.split(valid=0.4)[0].decode() == "hel"
    del hello
    gc.collect()
    assert before == (len(list(descriptors.iterdir())) if descriptors.exists() else 0)


def test_batches_of_a_mapped_file_may_outlive_their_corpus(write):
    batches = streams(Corpus.from_file(write("hello")).ids, 1, 2)
    gc.collect()
    assert [x.tolist() for x, _ in batches] == [[[1, 0]], [[2, 2]]]


def test_releasing_pages_loses_no_ids_and_does_not_change_other_arrays(write, tmp_path):
    text = load_text("python-reference")
    ids = Corpus.from_file(write(text)).ids
    rng = np.random.default_rng(0)
    for x, _ in (*streams(ids, 2, 1000), *(next(windows(ids, 8, 20, rng)) for _ in range(20))):
        assert Vocabulary.from_text(text).decode(x[1]) in text
    with (tmp_path / "text.txt").open("rb") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)  # releasing would lose changes
    for array in (np.frombuffer(pages, np.uint8), np.memmap(tmp_path / "text.txt", mode="c")):
        array[:] = 7
        assert {x.item() for x, _ in streams(array[:50], 1, 1)} == {7}
        assert set(array.tolist()) == {7}


def test_cached_ids_are_read_instead_of_the_file(write, tmp_path, reads, temporary):
    path, cache = write("hello"), tmp_path / "a" / "cache"
    first = Corpus.from_file(path, cache=cache)
    assert len(reads) == 2
    second = Corpus.from_file(str(path), cache=str(cache))
    assert len(reads) == 2
    assert second.decode() == first.decode() == "hello"
    assert second.vocab == first.vocab
    assert [p.suffix for p in cache.iterdir()] == [".ids"]
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("change", ["size", "time", "encoding", "vocab", "path"])
def test_cached_ids_are_not_used_after_the_file_or_the_options_change(
    change, write, tmp_path, reads
):
    path, cache = write("hellö"), tmp_path / "cache"
    Corpus.from_file(path, cache=cache)
    status, options = path.stat(), {}
    if change == "size":
        path.write_text("hello there", "utf-8")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "time":
        path.write_text("olléh", "utf-8")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1000))
    elif change == "encoding":
        options["encoding"] = "latin-1"
    elif change == "vocab":
        options["vocab"] = Vocabulary("öleh")
    else:
        path = write("olleh", "other.txt")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    for _ in range(2):
        encoded = Corpus.from_file(path, cache=cache, **options)
        assert encoded.decode() == path.read_bytes().decode(options.get("encoding", "utf-8"))
        assert encoded.vocab == options.get("vocab", Vocabulary.from_text(encoded.decode()))
    assert len(reads) == 2 + (1 if change == "vocab" else 2)  # a given vocabulary saves one reading


def test_cached_ids_of_a_file_of_the_same_name_in_another_folder_are_not_used(
    tmp_path, monkeypatch
):
    for folder, text in ((tmp_path / "a", "hello"), (tmp_path / "b", "olleh")):
        folder.mkdir()
        monkeypatch.chdir(folder)
        Path("text.txt").write_text(text)
        os.utime("text.txt", ns=(0, 0))
        assert Corpus.from_file("text.txt", cache=tmp_path / "cache").decode() == text


CACHED = "hello wörld, " * 30 + "".join(chr(0x4E00 + i) for i in range(300)) + "\ud7ff\U0010ffff"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A text file, its cache, and the whole bytes of the cache, with ids of two bytes."""
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "text.txt").write_text(CACHED, "utf-8")
    for _ in range(2):
        encoded = Corpus.from_file(folder / "text.txt", cache=folder / "cache")
        assert encoded.decode() == CACHED
        assert encoded.ids.dtype == np.uint16
    (cached,) = (folder / "cache").iterdir()
    return folder / "text.txt", cached, cached.read_bytes()


def assert_read_again(cache):
    """Check that a damaged cache gives the right text all the same, and is whole afterwards."""
    path, cached, whole = cache
    assert Corpus.from_file(path, cache=cached.parent).decode() == CACHED
    assert cached.read_bytes() == whole


@given(data=st.data())
def test_a_cache_file_with_changed_or_missing_bytes_is_not_used(cache, data):
    _, cached, whole = cache
    changed = bytearray(whole)
    size = len(whole)
    start = data.draw(st.integers(0, size - 1) | st.integers(size - 48, size - 1))
    if data.draw(st.booleans()):
        changed[start] ^= data.draw(st.integers(1, 255))
    else:
        del changed[start : data.draw(st.integers(start + 1, size))]
    cached.write_bytes(changed)
    assert_read_again(cache)


@pytest.mark.parametrize("length", [0, 15, 16, -1])
def test_a_truncated_cache_file_is_not_used(cache, length):
    cache[1].write_bytes(cache[2][:length])
    assert_read_again(cache)


def test_a_cache_file_without_its_ids_is_not_used(cache):
    cache[1].write_bytes(cache[2][2 * len(CACHED) :])
    assert_read_again(cache)


@posix
def test_a_pipe_in_place_of_a_cache_file_is_replaced_and_not_waited_for(cache):
    cache[1].unlink()
    os.mkfifo(cache[1])
    assert_read_again(cache)


def test_a_cache_that_does_not_keep_what_is_written_is_refused(write, tmp_path, monkeypatch):
    def lose(file, data):
        file.write(bytes(len(data)))

    monkeypatch.setattr(corpus, "write_all", lose)
    with pytest.raises(OSError, match=r"ids in '.*\.ids' are not those just written$"):
        Corpus.from_file(write("hello"), cache=tmp_path / "cache")


def test_an_error_while_caching_does_not_change_the_old_cache(write, tmp_path):
    path, cache = write("hello"), tmp_path / "cache"
    Corpus.from_file(path, cache=cache)
    (cached,) = cache.iterdir()
    before = cached.read_bytes()
    path.write_bytes(b"hello there\xff")
    with pytest.raises(ValueError, match="0xff at offset 11"):
        Corpus.from_file(path, cache=cache)
    assert list(cache.iterdir()) == [cached]
    assert cached.read_bytes() == before


def test_a_file_in_place_of_the_cache_folder_is_reported(write):
    message = "ids of .*text.txt' cannot be written to '.*taken': "
    with pytest.raises(FileExistsError, match=message):
        Corpus.from_file(write("hello"), cache=write("", "taken"))


@posix
def test_a_full_disk_is_reported_and_leaves_no_files(write, tmp_path, temporary):
    import resource

    path, cache = write(load_text("unicode-names")[:9000]), tmp_path / "cache"
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for options in ({"cache": cache}, {}):
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))  # no file may be larger
        try:
            with pytest.raises(OSError, match=r"ids of .*text.txt' cannot be written: ") as caught:
                Corpus.from_file(path, **options)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert caught.value.__cause__.errno == errno.EFBIG
        assert [*cache.iterdir(), *temporary.iterdir()] == []


def test_a_file_ten_times_larger_takes_no_more_memory(tmp_path):
    # This counts the bytes that Python and NumPy allocate, which are the same on every machine. The
    # ids are not among them: they are pages of a file, which the next test is about.
    reference, path, peaks = load_text("python-reference").encode(), tmp_path / "large.txt", []
    for size in (2_000_000, 20_000_000):
        path.write_bytes((reference * (size // len(reference) + 1))[:size])
        tracemalloc.start()
        train, valid = Corpus.from_file(path).split()
        batches = windows(train.ids, 64, 64, np.random.default_rng(0))
        for _ in range(50):
            next(batches)
        for _ in streams(valid.ids, 64, 256):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] <= 1.01 * peaks[0]


@posix
def test_pages_are_released_after_every_batch(write, monkeypatch):
    advice = []
    monkeypatch.setattr(
        corpus.MappedFile, "madvise", lambda _, kind: advice.append(kind), raising=False
    )
    ids = Corpus.from_file(write("hello " * 1000)).ids
    batches = [*streams(ids, 2, 100), *islice(windows(ids, 8, 20, np.random.default_rng(0)), 20)]
    assert len(batches) == 29 + 20
    assert advice == [mmap.MADV_DONTNEED] * len(batches)


def test_digest_differs_for_texts_of_equal_length_and_is_computed_in_chunks(write, monkeypatch):
    encoded, advice = Corpus.from_file(write("to be or not to be")), []
    whole = hashlib.sha256(encoded.ids.tobytes()).hexdigest()
    monkeypatch.setattr(
        corpus.MappedFile, "madvise", lambda _, kind: advice.append(kind), raising=False
    )
    for size in (corpus.CHUNK, 7):
        monkeypatch.setattr(corpus, "CHUNK", size)
        wide = Corpus(encoded.vocab, encoded.ids.astype(np.int64))
        assert encoded.digest() == wide.digest() == whole
    if os.name == "posix":  # each chunk's pages are released once it has been read
        assert advice == [mmap.MADV_DONTNEED] * (1 + 3)
    assert Corpus.from_text("to be or not to eb", encoded.vocab).digest() != whole
