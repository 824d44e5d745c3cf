"""From text to ids to one-hot vectors and back, for every text that Unicode allows."""

import copy
import json
import os
import pickle
import string
import subprocess
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from charseq import Vocabulary

SENTENCE = " learned deep learning"
characters = st.characters(exclude_categories=())  # all of Unicode, lone surrogates as well
texts = st.text(characters, min_size=1)
AWKWARD = "e\u0301 \u00e9 \U0001f600 \ud83d\ude00 \udfff \x00 \u200b \U0010ffff"


@pytest.fixture
def vocab():
    return Vocabulary.from_text("hello")


# --- text to ids and back -----------------------------------------------------------------------


@given(texts)
@example(AWKWARD)
@example("\ud83d\ude00")  # two lone surrogates; JSON would read them as one emoji
@example("aaaa")
def test_any_text_survives_encoding_and_decoding_and_its_vocabulary_json(text):
    vocab = Vocabulary.from_text(text)
    assert list(vocab.chars) == sorted(set(text))
    assert len(vocab) == len(set(text))
    ids = vocab.encode(text)
    assert vocab.decode(ids) == text
    assert ids.dtype == np.int64
    assert ids.tolist() == [sorted(set(text)).index(char) for char in text]
    written = vocab.to_json()
    assert written.isascii()
    assert Vocabulary.from_json(written) == vocab
    assert list(json.loads(written)) == ["chars"]


def test_from_text_gives_the_same_order_for_every_hash_seed():
    code = f"from charseq import Vocabulary; print(Vocabulary.from_text({SENTENCE!r}).chars)"
    orders = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in "12"
    }
    assert len(orders) == 1


@given(st.permutations(list("egnidrl pa")))
def test_a_given_order_of_characters_is_kept(order):
    vocab = Vocabulary("".join(order))
    assert vocab == Vocabulary(order) == Vocabulary(tuple(order)) == Vocabulary(iter(order))
    assert vocab.encode("".join(order)).tolist() == list(range(10))
    assert vocab.chars == "".join(order)


def test_only_single_characters_can_be_in_a_vocabulary(vocab):
    assert "h" in vocab
    for not_a_member in ("x", "he", "", 0, None, b"h"):
        assert not_a_member not in vocab


def test_a_vocabulary_is_frozen_hashable_and_equal_by_value(vocab):
    with pytest.raises(FrozenInstanceError):
        vocab.chars = "xyz"
    assert {vocab: 1}[Vocabulary("ehlo")] == 1
    assert vocab != Vocabulary("helo")
    vocab.encode("hello")
    for twin in (copy.deepcopy(vocab), pickle.loads(pickle.dumps(vocab))):
        assert twin == vocab
        assert twin.encode("hello").tolist() == [1, 0, 2, 2, 3]


@pytest.mark.parametrize(
    "ids",
    [
        [1, 0, 2],
        (1, 0, 2),
        np.array([1, 0, 2], dtype=np.uint8),
        np.array([1, 0, 2], dtype=np.int32),
        torch.tensor([1, 0, 2]),
    ],
)
def test_ids_may_be_lists_arrays_or_tensors(ids, vocab):
    assert vocab.decode(ids) == "hel"
    np.testing.assert_array_equal(vocab.one_hot(ids), np.eye(4)[[1, 0, 2]])


def test_an_empty_text_has_no_ids(vocab):
    assert vocab.encode("").shape == (0,)
    assert vocab.decode([]) == ""
    assert vocab.one_hot([]).shape == (0, 4)
    assert vocab.one_hot(np.zeros((2, 0))).shape == (2, 0, 4)
    assert vocab.from_one_hot(np.zeros((0, 4))).shape == (0,)


# --- one-hot ------------------------------------------------------------------------------------


@given(
    V=st.integers(1, 60),
    shape=st.lists(st.integers(0, 5), max_size=3),
    seed=st.integers(0, 2**32 - 1),
)
def test_one_hot_matches_torch(V, shape, seed):
    vocab = Vocabulary(string.printable[:V])
    ids = np.random.default_rng(seed).integers(0, V, shape)
    vectors = vocab.one_hot(ids)
    np.testing.assert_array_equal(vectors, torch.nn.functional.one_hot(torch.as_tensor(ids), V))
    decoded = vocab.from_one_hot(vectors)
    np.testing.assert_array_equal(decoded, ids)
    assert decoded.dtype == np.int64


def test_one_hot_is_float32_by_default(vocab):
    assert vocab.one_hot([0]).dtype == np.float32
    assert vocab.one_hot([0], dtype=np.float64).dtype == np.float64
    assert vocab.one_hot([0], dtype=bool).tolist() == [[True, False, False, False]]


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([[0, 1, 0]], r"one-hot vectors of shape \(\.\.\., 4\), .* got shape \(1, 3\)"),
        (1, r"one-hot vectors of shape \(\.\.\., 4\), .* got shape \(\)"),
        ([0, 0, 0, 0], r"vector at \(0,\) is not one-hot: .* got \[0 0 0 0\]"),
        ([[1, 0, 0, 0], [0, 1, 1, 0]], r"vector at \(1,\) is not one-hot: .* got \[0 1 1 0\]"),
        ([[[1, 0, 0, 0], [0, 0.5, 0.5, 0]]], r"vector at \(0, 1\) .* got \[0.  0.5 0.5 0. \]"),
        ([2, 0, 0, 0], r"vector at \(0,\)"),
        ([1, -1, 0, 1], r"vector at \(0,\)"),
        ([np.nan, 1, 0, 0], r"vector at \(0,\)"),
    ],
)
def test_one_hot_decoding_refuses_vectors_that_are_not_one_hot(vectors, message, vocab):
    with pytest.raises(ValueError, match=message):
        vocab.from_one_hot(vectors)


def test_one_hot_errors_stay_short_for_a_large_vocabulary():
    vocab = Vocabulary("".join(chr(0x4E00 + i) for i in range(5000)))
    with pytest.raises(ValueError, match="not one-hot") as caught:
        vocab.from_one_hot(np.zeros(5000))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not the JSON of a vocabulary: "),
        ('{"chars": ["a"', "not the JSON of a vocabulary: .*line 1 column 15"),
        ('["a", "b"]', r'expected \{"chars": \[\.\.\.\]\}, got \'\["a", "b"\]\''),
        ('{"letters": ["a"]}', r'expected \{"chars": \[\.\.\.\]\}'),
        ('{"chars": "ab"}', r'expected \{"chars": \[\.\.\.\]\}'),
        ('{"chars": ["a", 1]}', "chars must be a list of characters"),
        ('{"chars": ["a", "a"]}', "'a' .* appears at positions 0 and 1"),
        ('{"chars": ["ab"]}', r"chars\[0\] must be one character, got 'ab'"),
        ('{"chars": []}', "at least one character"),
    ],
)
def test_json_without_a_valid_vocabulary_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary.from_json(text)


def test_json_errors_quote_at_most_sixty_characters():
    for text in (json.dumps(["a" * 500]), json.dumps({"chars": [1, "a" * 500]})):
        with pytest.raises(ValueError, match="got ") as caught:
            Vocabulary.from_json(text)
        assert str(caught.value).endswith(repr(text[:60]))


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "position"),
    [
        ("hexo", "'x' (U+0078)", 2),
        ("Hello, hello", "'H' (U+0048)", 0),
        ("hell\n", r"'\n' (U+000A)", 4),
        ("h\u0301", "'\u0301' (U+0301)", 1),
        ("\ud800h", r"'\ud800' (U+D800)", 0),
        ("ho\U0001f600\U0001f600", "'\U0001f600' (U+1F600)", 2),
    ],
)
def test_the_error_for_an_unknown_character_names_it_its_position_and_a_fix(
    text, name, position, vocab
):
    with pytest.raises(ValueError, match="is not among") as caught:
        vocab.encode(text)
    assert str(caught.value).startswith(
        f"character {name} at position {position} of the text is not among the 4 characters of "
        "the vocabulary 'ehlo'; "
    )
    assert "Vocabulary.from_text(train_text + other_text)" in str(caught.value)


@given(st.sets(characters, min_size=1), characters)
def test_a_character_is_unknown_if_and_only_if_it_is_not_in_the_text(known, char):
    vocab = Vocabulary.from_text("".join(known))
    assert (char in vocab) == (char in known)
    if char not in known:
        with pytest.raises(ValueError, match="position 0"):
            vocab.encode(char)


@pytest.mark.parametrize(("V", "shown"), [(40, string.printable[:40]), (41, None)])
def test_the_error_for_an_unknown_character_lists_at_most_forty_known_ones(V, shown):
    vocab = Vocabulary(string.printable[:V])
    with pytest.raises(ValueError, match="is not among") as caught:
        vocab.encode("~")
    assert repr(shown or string.printable[:40] + "…") in str(caught.value)


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        (
            [1, 0, 4],
            ValueError,
            "id 4 at position 2 is out of range: expected 0 to 3 for a .* 4 ch",
        ),
        ([-1], ValueError, "id -1 at position 0 is out of range"),
        (np.array([2**40]), ValueError, "id 1099511627776 at position 0"),
        (np.array([255, 0], np.uint8), ValueError, "id 255 at position 0"),
        ([0, 9, -9, 99], ValueError, "id 9 at position 1"),
        ([0.0, 1.0], TypeError, r"ids must be integers, got float64 \(for example "),
        ([True, False], TypeError, r"ids must be integers, got bool \(for example "),
        (["h"], TypeError, r"ids must be integers, got <U1 \(for example "),
        ([None], TypeError, r"ids must be integers, got object \(for example "),
    ],
)
def test_ids_out_of_range_or_of_another_type_are_named(ids, error, message, vocab):
    for method in (vocab.decode, vocab.one_hot):
        with pytest.raises(error, match=message):
            method(ids)
    with pytest.raises(ValueError, match=r"id 4 at position \(1, 0\) is out of range"):
        vocab.one_hot([[0, 1], [4, 0]])


@pytest.mark.parametrize("ids", [[[1, 0], [2, 3]], 1, np.zeros((0, 2), int)])
def test_decode_accepts_only_one_text_at_a_time(ids, vocab):
    with pytest.raises(ValueError, match=r"shape \(T,\), one text, got shape \(.*one at a time"):
        vocab.decode(ids)


@pytest.mark.parametrize(
    ("chars", "error", "message"),
    [
        ("", ValueError, "at least one character, got an empty text"),
        ([], ValueError, "at least one character"),
        ("hello", ValueError, r"'l' \(U\+006C\) appears at positions 2 and 3, .*from_text"),
        (["a", "b", "a"], ValueError, r"'a' \(U\+0061\) appears at positions 0 and 2"),
        (["a", "bc"], ValueError, r"chars\[1\] must be one character, got 'bc'"),
        (["a", ""], ValueError, r"chars\[1\] must be one character, got ''"),
        (["a", 7], TypeError, r"chars\[1\] must be a character, got 7"),
        (b"ab", TypeError, "got bytes; decode it first"),
        ({"a", "b"}, TypeError, "order of a set changes each time Python starts; use .*from_text"),
        (None, TypeError, "chars must be text, got NoneType"),
        (7, TypeError, "chars must be text, got int"),
    ],
)
def test_invalid_characters_for_a_vocabulary_are_refused(chars, error, message):
    with pytest.raises(error, match=message):
        Vocabulary(chars)


def test_other_types_than_text_are_refused_and_named(vocab):
    for method in (Vocabulary.from_text, vocab.encode):
        with pytest.raises(TypeError, match=r"expected text \(str\), got bytes; decode it first"):
            method(b"hello")
        with pytest.raises(TypeError, match=r"expected text \(str\), got set$"):
            method({"h", "e"})
    with pytest.raises(TypeError, match=r"expected text \(str\), got list$"):
        vocab.encode(["h", "e"])
    with pytest.raises(ValueError, match="at least one character, got an empty text"):
        Vocabulary.from_text("")


def test_the_error_for_another_unicode_form_of_a_letter_suggests_normalize():
    vocab = Vocabulary.from_text("e\u0301")  # two code points, one letter to the eye
    with pytest.raises(ValueError, match=r"looks the same .*normalize\('NFD', text\) fixes it"):
        vocab.encode("\u00e9")
    with pytest.raises(ValueError, match=r"normalize\('NFC', text\)"):
        Vocabulary("\u00e9").encode("e\u0301")
