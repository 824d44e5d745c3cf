"""The site at any address: what search engines, previews and hosts read of it.

One of the toy sites has that of a folder of a host. Without one, test_site.py looks for none.
"""

import re
from html.parser import HTMLParser

import pytest
import toy_sites
from test_extensions import toys  # noqa: F401 - a fixture

import charseq

FOLDER = f"{toy_sites.ADDRESS['hosted']}/"


class Head(HTMLParser):
    """What a program reads of a page."""

    def __init__(self, html):
        super().__init__()
        self.meta, self.canonical, self.urls = {}, [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "meta":
            for kind in ("name", "property"):
                self.meta.setdefault(attrs.get(kind), []).append(attrs.get("content"))
        if attrs.get("rel") == "canonical":
            self.canonical.append(attrs["href"])
        else:
            self.urls += [attrs[name] for name in ("href", "src", "action") if attrs.get(name)]


@pytest.fixture
def hosted(toys):
    """The folder of a site that does."""
    return toys / "hosted/_build/html"


def heads(folder):
    return {
        path.relative_to(folder).as_posix(): Head(path.read_text("utf-8"))
        for path in folder.rglob("*.html")
    }


def test_each_page_names_its_own_address(hosted):
    pages = heads(hosted)
    named = {name: head for name, head in pages.items() if "og:url" in head.meta}
    assert {"index.html", "learn/page.html"} <= named.keys()
    for name, head in named.items():
        assert head.canonical == head.meta["og:url"] == [FOLDER + name]


def test_a_preview_has_a_title_a_description_and_a_picture_that_is_there(hosted):
    head = heads(hosted)["learn/page.html"]
    assert head.meta["og:title"] == ["A page"]
    assert head.meta["og:description"] == head.meta["description"]
    [picture] = head.meta["og:image"]
    png = (hosted / picture.removeprefix(FOLDER)).read_bytes()
    assert png.startswith(b"\x89PNG")
    assert [int.from_bytes(png[at : at + 4], "big") for at in (16, 20)] == [1200, 630]


def test_404_at_any_depth_looks_like_the_site_and_searches_for_the_words_of_the_address(
    hosted, page
):
    def answer(route):
        path = hosted / route.request.url.partition("?")[0].removeprefix(FOLDER)
        if path.is_file():
            route.fulfill(path=path)
        else:
            missed.append(route.request.url)
            route.fulfill(path=hosted / "404.html", status=404)

    missed, asked = [], f"{FOLDER}learn/far/which-gate_is%20it.html"
    page.route("**/*", answer)
    page.goto(asked)
    assert missed == [asked]
    assert page.locator("#asked").text_content() == "/a/b/en/latest/learn/far/which-gate_is it.html"
    links = page.locator("a[href]").evaluate_all("all => all.map(link => link.href)")
    inside = [link.partition("#")[0] for link in links if link.startswith("https://example.org/")]
    assert len(inside) > 10
    assert all((hosted / link.removeprefix(FOLDER)).exists() for link in inside if link != asked)
    words = page.get_by_label("Words to look for")
    assert words.input_value() == "which gate is it"
    words.fill("gate")
    page.locator("article").get_by_role("button", name="Search").click()
    page.wait_for_selector(".search-results li a")
    assert page.url.startswith(f"{FOLDER}search.html?q=gate")


def test_the_page_about_the_site_names_the_version(pages):
    html = pages["about.html"]
    assert f"version {charseq.__version__}" in re.sub("<[^>]+>", "", html)
