"""An address that the site has had is there, or leads on to where its contents are now."""

import re

import address_list


def test_no_address_has_vanished(pages):
    there, leading = (
        of(pages) for of in (address_list.addresses_of, address_list.addresses_that_lead_on)
    )
    there = {name: parts | leading[name] for name, parts in there.items()}
    lost = address_list.lacking(address_list.read(), there)
    assert lost == [], "say where these are now: CONTRIBUTING.md, Keep addresses"


def test_every_address_is_on_the_list(pages):
    new = address_list.lacking(address_list.addresses_of(pages), address_list.read())
    assert new == [], "python3 dev.py docs && python3 dev.py addresses"


TAGS = {
    "figure": "<figure [^>]*>",
    "exercise": '<div class="exercise admonition[^>]*>',
}


def test_each_part_that_a_reader_may_point_at_has_an_address(pages):
    counts, bare = dict.fromkeys(TAGS, 0), []
    for name in pages.keys() - {"exercises.html"}:  # whose parts are copies
        for kind, pattern in TAGS.items():
            tags = re.findall(pattern, pages[name])
            counts[kind] += len(tags)
            bare += [(name, tag) for tag in tags if ' id="' not in tag]
    assert bare == []
    assert min(counts.values()) > 20, counts


def test_no_sign_links_to_an_address_that_only_counts(pages):
    for name in pages.keys() - {"changelog.html"}:  # where headings repeat
        html = pages[name]
        signs = re.findall(r'<a class="headerlink[^>]* href="#([^"]+)"', html)
        assert not [sign for sign in signs if re.fullmatch(r"id\d+|exercise-\d+", sign)], name


def test_a_lost_page_and_a_lost_part_are_named():
    had = {"a": {"x", "y"}, "b": {"z"}, "c": set()}
    assert address_list.lacking(had, {"a": {"y"}, "c": set()}) == ["a#x", "b"]
    assert address_list.lacking(had, had) == []


def test_a_page_that_has_moved_has_the_part_to_which_it_leads():
    moved = '<meta http-equiv="refresh" content="0; url=b.html#part">'
    pages = {"a.html": moved, "c.html": moved.replace("#part", "")}
    assert address_list.addresses_that_lead_on(pages) == {"a": {"part"}, "c": {""}}


def test_the_list_is_read_as_it_was_written(tmp_path):
    had = {"learn/a": {"one", "two"}, "b": set()}
    address_list.write(had, tmp_path / "list.txt")
    assert (tmp_path / "list.txt").read_text() == "b\nlearn/a one two\n"
    assert address_list.read(tmp_path / "list.txt") == had


def test_what_a_reader_may_point_at_has_an_address_and_controls_and_counted_ids_have_none():
    page = '<nav id="n"></nav><article><p id="a"><i id="id3"></i><input id="x"></p></article>'
    assert address_list.addresses_of({"p.html": page, "search.html": page}) == {"p": {"a"}}
