"""Texts by name or from a file, and the errors for files that are not text."""

import codecs
import gzip
import hashlib
import io
import re
import zoneinfo
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charseq import load_text
from charseq._errors import UserError
from charseq.texts import (
    NAMES,
    NOVEL,
    PYTHON_REFERENCE,
    CleanedText,
    hold_back,
    load_texts,
    novel_chapters,
    reference_paragraphs,
    texts,
)

texts_in_utf8 = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
ZONES = zoneinfo.available_timezones()
needs_time_zones = pytest.mark.skipif(not ZONES, reason="this system has no time-zone data")


# --- built-in texts -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in texts() if ZONES or name != "time-zones"])
def test_each_built_in_text_has_a_description_and_loads_the_same_each_time(name):
    assert 20 < len(texts()[name]) < 100
    assert ("differ" in texts()[name]) == (name == "time-zones")
    assert load_text(name) == load_text(name)
    assert load_text(name).endswith("\n")
    assert "\0" not in load_text(name)


@pytest.mark.parametrize(
    ("file", "names", "license_words"),
    [
        (NOVEL, ["pride-and-prejudice", "pride-train", "pride-test"], ""),
        (
            PYTHON_REFERENCE,
            ["python-reference", "reference-excerpt"],
            "SOFTWARE FOUNDATION LICENSE",
        ),
        (NAMES, ["names"], "UNICODE LICENSE V3"),
    ],
    ids=["novel", "reference", "names"],
)
def test_a_text_is_the_one_that_its_readme_describes(file, names, license_words):
    readme = file.with_name("README.md").read_text("utf-8")
    assert hashlib.sha256(file.read_bytes()).hexdigest()[:16] in readme
    for name in names:
        (row,) = re.findall(rf"^\| `{name}` \| .* \| ([\d,]+) \|$", readme, re.MULTILINE)
        assert int(row.replace(",", "")) == len(load_text(name))
    assert not license_words or license_words in file.with_name("LICENSE.txt").read_text("utf-8")


def test_each_chapter_of_the_novel_is_in_one_part():
    train, test, chapters = load_text("pride-train"), load_text("pride-test"), novel_chapters()
    assert len(chapters) == 61
    parts = [(chapter in train) + 2 * (chapter in test) for chapter in chapters]
    assert [number for number, part in enumerate(parts, 1) if part == 2] == [7, 17, 27, 37, 47, 57]
    assert set(parts) == {1, 2}
    held_back = train[-int(0.077 * len(train)) :]
    begun = [number for number, chapter in enumerate(chapters, 1) if chapter[-200:] in held_back]
    assert begun == [12, 24, 36, 48, 60]
    assert held_back[:200] in chapters[11]


def test_no_long_paragraph_of_the_reference_stands_twice_without_repeats():
    words = [" ".join(part.split()) for part in reference_paragraphs()]
    long = [part for part in words if len(part) >= 20]
    assert len(long) == len(set(long)) > 1_000
    excerpt = load_text("reference-excerpt").rstrip("\n").split("\n\n")
    assert {" ".join(part.split()) for part in excerpt} <= set(words)


def test_repeats_are_left_out_of_the_shorter_topic_but_kept_with_short_paragraphs(monkeypatch):
    topics = [
        "A sentence of the long topic.\n\nNote:\n\nAnother sentence of it." + "\n" * 40,
        "Note:\n\nA  sentence of the long\ntopic.\n\nOnly in the shorter one.",
        "Note:\n\nAnother sentence of it.",
    ]
    monkeypatch.setattr("charseq.texts.python_topics", lambda: topics)
    long = ["A sentence of the long topic.", "Note:", "Another sentence of it."]
    assert reference_paragraphs() == [*long, "Note:", "Only in the shorter one."]


@needs_time_zones
def test_time_zones_lists_each_city_once():
    cities = load_text("time-zones").splitlines()
    assert {"Dar es Salaam", "Rome", "Port-au-Prince"} < set(cities)
    assert not {"UTC", "GMT", "Rome/", "Europe/Rome"} & set(cities)
    assert len(cities) == len(set(cities)) > 300
    assert "_" not in "".join(cities)


def test_missing_time_zone_data_is_an_error_that_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    with pytest.raises(UserError, match=r"no time-zone data: .* `pip install tzdata`"):
        load_text("time-zones")


# --- texts from files -----------------------------------------------------------------------------


@given(texts_in_utf8, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-be", "utf-7"]))
@example("a\r\nb\rc\n\ufeff", "utf-8")
def test_a_file_in_any_encoding_is_read_without_changes(tmp_path_factory, text, encoding):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes(text.encode(encoding))
    assert load_text(path, encoding, raw=True) == text


@given(texts_in_utf8)
@example("\ufeffa\r\nb\rc\n\ufeff")
@example("\r\r\n\r")
@example("\ufeff")
@pytest.mark.filterwarnings("ignore::charseq.texts.CleanedText")
def test_a_byte_order_mark_and_carriage_returns_are_left_out(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes(text.encode())
    clean = io.StringIO(text.removeprefix("\ufeff"), newline=None).read()
    if clean:
        assert load_text(path) == load_text(str(path)) == clean
    else:
        with pytest.raises(UserError, match="nothing but a byte order mark"):
            load_text(path)


def test_who_loads_a_text_is_told_what_was_left_out(write):
    with pytest.warns(CleanedText, match="has a byte order mark and 2 carriage returns") as caught:
        load_text(write("\ufeffa\r\nb\r\n"))
    assert caught[0].filename == __file__


def test_a_file_named_like_a_built_in_text_is_read_by_its_path(write, monkeypatch):
    monkeypatch.chdir(write("mine", "names").parent)
    assert load_text("./names") == load_text(Path("names")) == "mine"
    assert load_text("names") != "mine"


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"abc\xff", "utf-8", r"\(byte 0xff at offset 3\): give its encoding: cp1252"),
        (codecs.BOM_UTF8 + b"ab\xc3(", "utf-8-sig", "byte 0xc3 at offset 5"),
        (b"\xc3\xa9b\0", "utf-8", r"\(its character 2 is NUL\): it holds NUL bytes, as pictures"),
        ("café".encode("utf-16"), "utf-8", "begins as text in UTF-16 does, so give the encoding"),
        (gzip.compress(b"a text", mtime=0), "utf-8", "begins as a gzip archive does, so take"),
        (b"abc", "base64", "no text encoding is called 'base64': expected utf-8"),
        (b"abc", "undefined", "no text encoding is called 'undefined': expected utf-8"),
    ],
    ids=repr,
)
def test_what_is_not_text_is_refused(content, encoding, message, write):
    with pytest.raises(UserError, match=message):
        load_text(write(content), encoding)


@given(st.binary(min_size=1), st.sampled_from(["utf-8", "utf-16-le", "gbk", "cp1252", "utf-7"]))
def test_any_bytes_are_decoded_or_refused_at_the_same_offset_as_in_python(
    tmp_path_factory, content, encoding
):
    path = tmp_path_factory.getbasetemp() / "bytes.txt"
    path.write_bytes(content)
    try:
        expected = content.decode(encoding)
    except UnicodeDecodeError as error:
        with pytest.raises(UserError, match=rf"at offset {error.start}\)"):
            load_text(path, encoding, raw=True)
        return
    if "\0" in expected or not expected:
        with pytest.raises(UserError, match=r"is NUL|is empty"):
            load_text(path, encoding, raw=True)
    else:
        assert load_text(path, encoding, raw=True) == expected


def test_a_path_that_cannot_be_read_is_named(write, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.txt' is neither a file nor "):
        load_text(tmp_path / "no.txt")
    with pytest.raises(FileNotFoundError, match=r"'shakespeare' is neither a file nor .*names"):
        load_text("shakespeare")
    with pytest.raises(OSError, match=r"' cannot be read: ") as caught:
        load_text(tmp_path)
    with pytest.raises(OSError, match=r"^'to be or .*…' cannot be read: ") as caught:
        load_text("to be or not to be " * 500)
    assert len(str(caught.value)) < 150


# --- several texts --------------------------------------------------------------------------------


def test_files_and_folders_are_read_in_order_and_do_not_run_together(write, tmp_path):
    first = write("first")
    (tmp_path / "letters" / "b").mkdir(parents=True)
    (tmp_path / "letters" / ".hidden").mkdir()
    for name, text in {
        "c.txt": "c\n",
        "b/a.txt": "a",
        ".x": "x",
        ".hidden/y": "y",
        "e": "",
    }.items():
        write(text, f"letters/{name}")
    assert load_texts([first, tmp_path / "letters"]) == ["first\n", "a\n", "c\n"]
    assert load_texts([first]) == ["first"]
    assert load_texts(["pride-test", first])[0] == load_text("pride-test")


lines = st.lists(st.text("ab", max_size=5), min_size=1, max_size=9).map("\n".join)


@given(st.lists(lines.map(lambda text: text + "\n"), min_size=2, max_size=4), st.floats(0, 0.9))
def test_each_of_several_texts_is_cut_at_a_line_and_holds_back_at_least_its_share(texts, valid):
    train, held_back = hold_back(texts, valid)
    assert sorted(train + held_back) == sorted("".join(texts))
    pairs = [hold_back([text, ""], valid) for text in texts]
    assert train == "".join(head for head, _ in pairs)
    assert held_back == "".join(tail for _, tail in pairs)
    for text, (head, tail) in zip(texts, pairs, strict=True):
        assert head + tail == text
        assert len(tail) >= int(len(text) * valid)
        assert head.endswith("\n") or text.index("\n") + 1 >= len(head)  # or it is one long line
