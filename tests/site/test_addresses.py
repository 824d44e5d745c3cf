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
