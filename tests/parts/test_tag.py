"""The networks that give a text its capitals, as recorded, and core/tagging.js against torch."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import recorded
import torch
from javascript import WEB, calling

import tag

ROOT = Path(__file__).parents[2]
NETWORK_BYTES = 60_000  # of the weights of both, in base64


@pytest.fixture(scope="module")
def trained():
    """Return the module that trained the networks."""
    return recorded.script("tagging")


@pytest.fixture(scope="module")
def record():
    return json.loads(tag.RECORD.read_text("utf-8"))


@pytest.fixture(scope="module")
def js():
    with calling(WEB / "core" / "tagging.js") as call:
        yield call


@pytest.fixture(scope="module")
def in_torch(trained, record):
    """Return a function: both networks' probabilities of a capital at each place of a text."""
    nets = {}
    for name, kept in record["networks"].items():
        net = trained.Tagger(trained.LONG["hidden"], both=name == "both")
        nets[name] = recorded.with_weights(net, kept["weights"])

    def probabilities(text):
        x = torch.nn.functional.one_hot(trained.encode("\n" + text), trained.V).double()
        is_letter = np.array([char.isalpha() for char in text])
        with torch.no_grad():
            return {
                name: is_letter * net.score(net.read(x[None])[0])[0, 1:].softmax(-1)[:, 1].numpy()
                for name, net in nets.items()
            }

    return probabilities


READ = """({record, text}) => {
    const {letters, known, left, both, trouble} = taggerOf(record)(text);
    return {letters, known, left: [...left], both: [...both], trouble,
        written: capitalized(letters, both)};
}"""


@pytest.mark.parametrize("text", ["mr bennet and may", "i", '"oh! my dear," cried she.', "x" * 120])
def test_the_browser_computes_what_torch_computes_at_each_letter(js, record, in_torch, text):
    found = js(READ, {"record": record, "text": text})
    for name, expected in in_torch(text).items():
        np.testing.assert_allclose(found[name], expected, rtol=0, atol=1e-12)
    assert found["letters"] == list(text)
    assert found["trouble"] == ""
    capitals = in_torch(text)["both"] > 0.5
    pairs = zip(text, capitals, strict=True)
    assert found["written"] == "".join(char.upper() if is_up else char for char, is_up in pairs)


EMPTY = "The sentence is empty: there is no letter to label. Type one."


@pytest.mark.parametrize(
    ("typed", "read", "trouble"),
    [
        ("", "", EMPTY),
        ("a北b", "ab", "“北” is not in the book, so it is skipped."),
        ("4é", "", "“4”, “é” are not in the book, so they are skipped."),
        ("İzmir", "izmir", "“İ” becomes more than one letter when it is made small, so there"),
        ("a" * 130, "a" * 120, "Only the first 120 letters are read: 10 more were typed."),
        ("MR. BENNET’S\nbook", "mr. bennet's book", ""),
    ],
)
def test_what_cannot_be_read_is_skipped_and_a_sentence_says_so(
    js, record, in_torch, typed, read, trouble
):
    found = js(READ, {"record": record, "text": typed})
    assert found["trouble"].startswith(trouble)
    assert bool(found["trouble"]) == bool(trouble)
    known = np.array(found["known"], bool)
    assert len(known) == len(found["letters"]) == len(found["both"])
    if read:
        expected = in_torch(read)
        for name in ("left", "both"):
            np.testing.assert_allclose(np.array(found[name])[known], expected[name], atol=1e-12)
    assert not np.array(found["both"])[~known].any()


def test_the_recorded_networks_are_small_and_count_what_is_recorded(record, trained):
    weights = [w for kept in record["networks"].values() for w in kept["weights"].values()]
    assert sum(len(weight["data"]) for weight in weights) <= NETWORK_BYTES
    assert record["chars"] == trained.CHARS
    for kept in record["networks"].values():
        found, _, missed = kept["counts"]
        assert found + missed == sum(map(str.isupper, "".join(trained.TEST)))


def test_the_record_has_twenty_seeds_of_each_kind(record, trained):
    assert {*record["counts"]} == {*trained.KINDS}
    assert all(len(counts) == len(trained.SEEDS) == 20 for counts in record["counts"].values())


def test_the_chapter_shows_what_is_recorded(record, trained):
    text = (ROOT / "docs" / "learn" / "tag.md").read_text("utf-8")
    shown = dict(re.findall(r"^([a-z0-9, ]+) \| ([0-9. \n]+)$", text, re.M))
    assert {*shown} == {*trained.KINDS}
    for name, counts in record["counts"].items():
        assert shown[name].split() == [f"{trained.f1(*three):.3f}" for three in counts]


def test_no_network_finds_what_the_chapter_says_that_none_finds(trained, record, in_torch):
    """In both directions: a word within a sentence that no learned paragraph has."""
    learned = {word.lower() for text in trained.LEARN for word in re.findall("[A-Za-z]+", text)}
    begins = re.compile(r"""(?:^|[.!?]["')]*\s)["'(]*([a-z])""")
    new = [
        (text, word.start())
        for text in trained.TEST
        for word in re.finditer("[A-Z][A-Za-z]*", text)
        if word[0].lower() not in learned
        and word.start() not in {found.start(1) for found in begins.finditer(text.lower())}
    ]
    assert len(new) == 11
    for text, place in new:
        assert in_torch(text.lower() + "\n")["both"][place] < 0.5


def test_many_taggers_at_once_learn_what_each_would_alone(trained):
    together = trained.train([0, 3], 8, both=True, later=1, updates=3)
    alone = trained.train([3], 8, both=True, later=1, updates=3)
    for many, one in zip(together.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(many[1], one[0], rtol=1e-10, atol=1e-12)


def test_taggers_read_as_torchs_layer_does_on_a_packed_batch(trained):
    torch.manual_seed(0)
    tagger = trained.Tagger(8, both=True)
    lengths = torch.tensor([7, 3, 5])
    ids = torch.randint(trained.V, (3, 7))
    x = torch.nn.functional.one_hot(ids, trained.V).double()
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        x, lengths, batch_first=True, enforce_sorted=False
    )
    states, _ = torch.nn.utils.rnn.pad_packed_sequence(tagger.read(packed)[0], batch_first=True)
    expected = tagger.score(states)
    (found,) = trained.Taggers([tagger])(ids[None], lengths)
    for row, length in enumerate(lengths):
        torch.testing.assert_close(found[row, :length], expected[row, :length])
