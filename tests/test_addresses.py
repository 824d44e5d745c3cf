"""An address that the site has had is there, or leads on to where its contents are now."""

import addresses


def test_no_address_has_vanished(pages):
    lost = addresses.lacking(addresses.read(), addresses.addresses_of(pages))
    assert lost == [], "say in docs/_moved.toml where these are now"


def test_every_address_is_on_the_list(pages):
    new = addresses.lacking(addresses.addresses_of(pages), addresses.read())
    assert new == [], "python3 dev.py docs && python3 dev.py addresses"


def test_a_lost_page_and_a_lost_part_are_named():
    had = {"a": {"x", "y"}, "b": {"z"}, "c": set()}
    assert addresses.lacking(had, {"a": {"y"}, "c": set()}) == ["a#x", "b"]
    assert addresses.lacking(had, had) == []


def test_the_list_is_read_as_it_was_written(tmp_path):
    had = {"learn/a": {"one", "two"}, "b": set()}
    addresses.write(had, tmp_path / "list.txt")
    assert (tmp_path / "list.txt").read_text() == "b\nlearn/a one two\n"
    assert addresses.read(tmp_path / "list.txt") == had


def test_what_a_reader_may_point_at_has_an_address_and_controls_and_counted_ids_have_none():
    page = '<nav id="n"></nav><article><p id="a"><i id="id3"></i><input id="x"></p></article>'
    assert addresses.addresses_of({"p.html": page, "search.html": page}) == {"p": {"a"}}
