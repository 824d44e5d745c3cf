"""From text to ids to one-hot vectors and back, for every text that Unicode allows."""

import copy
import json
import pickle
import string

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from charseq import Vocabulary

characters = st.characters(exclude_categories=())  # all of Unicode, lone surrogates as well
AWKWARD = "e\u0301 \u00e9 \U0001f600 \ud83d\ude00 \udfff \x00 \u200b \U0010ffff"
HELLO = Vocabulary.from_text("hello")


@given(st.text(characters, min_size=1), characters)
@example(AWKWARD, "\U0001f600")
@example("\ud83d\ude00", "a")  # two lone surrogates; JSON would read them as one emoji
def test_any_text_survives_encoding_and_decoding_and_its_vocabulary_json(text, char):
    vocab = Vocabulary.from_text(text)
    assert list(vocab.chars) == sorted(set(text))
    assert len(vocab) == len(set(text))
    ids = vocab.encode(text)
    assert vocab.decode(ids) == text
    assert ids.dtype == np.int64
    assert ids.tolist() == [vocab.chars.index(char) for char in text]
    written = vocab.to_json()
    assert written.isascii()
    assert list(json.loads(written)) == ["chars"]
    for twin in (
        Vocabulary.from_json(written),
        copy.deepcopy(vocab),
        pickle.loads(pickle.dumps(vocab)),
    ):
        assert twin == vocab
        assert {vocab: 1}[twin] == 1
    assert (char in vocab) == (char in text)
    read = char + text + char
    assert vocab.skip_unknown(read) == ((read, {}) if char in vocab else (text, {char: 2}))
    if char not in vocab:
        with pytest.raises(ValueError, match="position 0"):
            vocab.encode(char)


@given(st.permutations(list("egnidrl pa")))
def test_a_given_order_of_characters_is_kept(order):
    vocab = Vocabulary("".join(order))
    assert vocab == Vocabulary(order) == Vocabulary(iter(order))
    assert vocab != Vocabulary(order[::-1])
    assert vocab.encode("".join(order)).tolist() == list(range(10))


@pytest.mark.parametrize(
    "ids", [(1, 0, 2), np.array([1, 0, 2], dtype=np.uint8), torch.tensor([1, 0, 2])]
)
def test_ids_may_be_lists_arrays_or_tensors(ids):
    assert HELLO.decode(ids) == "hel"
    assert HELLO.count_characters(ids) == 3
    np.testing.assert_array_equal(HELLO.one_hot(ids), np.eye(4)[[1, 0, 2]])


@given(V=st.integers(1, 60), shape=st.lists(st.integers(0, 5), max_size=3), seed=st.integers(0, 99))
def test_one_hot_matches_torch(V, shape, seed):
    vocab = Vocabulary(string.printable[:V])
    ids = np.random.default_rng(seed).integers(0, V, shape)
    vectors = vocab.one_hot(ids)
    np.testing.assert_array_equal(vectors, torch.nn.functional.one_hot(torch.as_tensor(ids), V))
    assert vectors.dtype == np.float32
    assert vocab.one_hot(ids, dtype=bool).dtype == bool


# --- errors -------------------------------------------------------------------------------------

WIDE = Vocabulary("".join(chr(0x4E00 + i) for i in range(5000)))


def parse(text):
    return lambda: Vocabulary.from_json(text)


REFUSED = [
    (lambda: Vocabulary(""), "at least one character, got an empty text"),
    (lambda: Vocabulary("hello"), r"'l' \(U\+006C\) appears at positions 2 and 3, .*from_text"),
    (lambda: Vocabulary(["a", "bc"]), r"chars\[1\] must be one character, got 'bc'"),
    (lambda: Vocabulary(["a", 7]), r"chars\[1\] must be one character, got 7"),
    (lambda: Vocabulary(b"ab"), r"chars\[0\] must be one character, got 97"),
    (lambda: Vocabulary({"a", "b"}), "order of a set changes each time Python starts; use .*from_"),
    (lambda: Vocabulary.from_text(b"hello"), r"expected text \(str\), got bytes; decode it first"),
    (lambda: HELLO.encode("hexo"), r"'x' \(U\+0078\) at position 2 of .* among the 4 .* 'ehlo'; b"),
    (lambda: HELLO.encode("\ud800h"), r"character '\\ud800' \(U\+D800\) at position 0"),
    (lambda: Vocabulary("e\u0301").encode("\u00e9"), r"looks the same .*normalize\('NFD', text\) "),
    (lambda: Vocabulary("\u00e9").encode("e\u0301"), r"normalize\('NFC', text\)"),
    (lambda: WIDE.encode("a"), r"among the 5000 characters of the vocabulary '.{40}…'"),
    (lambda: HELLO.decode([1, 0, 4]), "id 4 at position 2 is out of range: expected 0 to 3 for a "),
    (lambda: HELLO.decode([0, 9, -9]), "id 9 at position 1"),
    (lambda: HELLO.decode([0.0, 1.0]), r"ids must be integers, got float64 \(for example "),
    (lambda: HELLO.decode([[1, 0]]), r"shape \(T,\), one text, got shape \(1, 2\); .*one at a tim"),
    (lambda: HELLO.one_hot([[0, 1], [4, 0]]), r"id 4 at position \(1, 0\) is out of range"),
    (parse(""), "Expecting value: "),
    (parse('{"chars": "ab"}'), r'expected \{"chars": \[\.\.\.\]\}'),
    (parse('{"chars": ["ab"]}'), r"chars\[0\] must be one character, got 'ab'"),
    (parse(json.dumps(["a" * 500])), r"got '\[\"a{58}'$"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_does_not_fit_is_named_with_what_was_expected(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
