"""A text as ids: splits and batches."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charseq import Corpus, Vocabulary
from charseq.corpus import CHUNK, streams, windows


def test_a_corpus_has_a_length_pieces_and_a_short_repr():
    hello = Corpus.from_text("hello world")
    assert len(hello) == 11
    assert [hello.decode(), hello.decode(6), hello.decode(-5, -1)] == [
        "hello world", "world", "worl",
    ]  # fmt: skip
    assert repr(Corpus.from_text("ab" * 5000)) == "Corpus(10,000 characters, 2 distinct)"


@pytest.mark.parametrize(("V", "dtype"), [(1, "u1"), (256, "u1"), (257, "u2"), (65537, "u4")])
def test_ids_use_the_smallest_dtype_that_fits_the_vocabulary(V, dtype):
    encoded = Corpus.from_text("".join(map(chr, [*range(0xD800), *range(0xE000, 0x20000)][:V])))
    assert encoded.ids.dtype == dtype
    np.testing.assert_array_equal(encoded.ids, np.arange(V))


def test_a_long_text_is_encoded_whole_and_an_error_names_the_place_in_it():
    text = "ab" * CHUNK + "ba"
    assert Corpus.from_text(text).decode() == text
    with pytest.raises(ValueError, match=f"'z' .* at position {len(text)}"):
        Corpus.from_text(text + "z", Vocabulary("ba"))
    with pytest.raises(ValueError, match="at least one character"):
        Corpus.from_text("")


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        ([[0, 1]], ValueError, r"shape \(N,\) with N of 1 or more, got \(1, 2\)"),
        (np.zeros(3), TypeError, "integers, as in corpus.ids; got float64"),
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


@pytest.mark.parametrize(("ids", "wrong"), [([0, 1, 2], 2), ([0, -1], -1)])
def test_ids_out_of_range_are_refused(ids, wrong):
    message = f"id {wrong} at position .* is out of range: expected 0 to 1 for .* 2 characters"
    with pytest.raises(ValueError, match=message):
        Corpus(Vocabulary("ab"), ids)


@pytest.mark.parametrize(
    ("N", "B", "T", "error", "message"),
    [
        (11, 0, 3, ValueError, "^batch_size must be at least 1, got 0$"),
        (11, 2, 0, ValueError, "^length must be at least 1, got 0$"),
        (11, 2, 11, ValueError, r"length=11, .* need (12|23) .* has 11: .*length=(5|10)$"),
        (1, 1, 1, ValueError, "to learn from has 1 characters: expected at least 2"),
        (9, 2.5, 1, TypeError, "integer"),
    ],
)
def test_impossible_batch_sizes_are_refused_at_the_call(N, B, T, error, message):
    for batches in (streams, lambda *a: windows(*a, np.random.default_rng())):
        with pytest.raises(error, match=message):
            batches(np.arange(N), B, T)


# --- splits ---------------------------------------------------------------------------------------


@given(
    N=st.integers(4, 400),
    valid=st.floats(0, 1, exclude_min=True, exclude_max=True),
    test=st.floats(0, 1, exclude_max=True),
)
def test_split_parts_cover_the_text_in_order_and_are_views(N, valid, test):
    whole = Corpus(Vocabulary([chr(256 + i) for i in range(N)]), np.arange(N))
    shares = [valid, test] if test else [valid]
    sizes = [int(N * share) for share in shares]
    if sum(shares) >= 1 or min(N - sum(sizes), *sizes) < 2:
        with pytest.raises(ValueError, match=r"expected shares|each part needs 2"):
            whole.split(valid=valid, test=test)
        return
    parts = whole.split(valid=valid, test=test)
    assert [len(part) for part in parts] == [N - sum(sizes), *sizes]
    assert np.concatenate([part.ids for part in parts]).tolist() == list(range(N))
    assert all(part.vocab == whole.vocab and part.ids.base is whole.ids for part in parts)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"valid": 0}, "expected shares .* got valid=0$"),
        ({"test": -0.1}, "test=-0.1"),
        ({"valid": 0.5, "test": 0.5}, "leave a part to learn from, got valid=0.5 and test=0.5"),
        ({"valid": 0.1}, "of 12 characters leaves 1 for valid: each part needs 2, one to read"),
    ],
)
def test_split_refuses_shares_that_leave_too_few_characters(shares, message):
    with pytest.raises(ValueError, match=message):
        Corpus.from_text("hello world!").split(**shares)


# --- batches --------------------------------------------------------------------------------------


def check_batch(x, y, B, T):
    assert x.shape == y.shape == (B, T)
    assert x.dtype == y.dtype == np.int64
    np.testing.assert_array_equal(y, x + 1)  # the id of each character is its position


@given(
    N=st.integers(2, 200),
    B=st.integers(1, 8),
    T=st.integers(1, 12),
    dtype=st.sampled_from(["u1", "i8"]),
)
def test_rows_of_streams_continue_across_batches_and_targets_are_the_next_characters(
    N, B, T, dtype
):
    ids = np.arange(N, dtype=dtype)
    if B * T + 1 > N:
        with pytest.raises(ValueError, match=r"at most|at least 2"):
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
        with pytest.raises(ValueError, match=r"at most|at least 2"):
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
    with pytest.raises(TypeError, match=r"rng must be np.random.default_rng\(seed\), got int"):
        windows(np.arange(9), 2, 1, 0)
