"""The site at any address: what search engines, previews and hosts read of it.

A toy site is built for each of them: for none, for a host, for a folder of a host, and for a path
alone.
"""

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from docutils.core import publish_doctree
from filelock import FileLock
from sphinx.errors import ConfigError
from test_extensions import toys  # noqa: F401 - a fixture

import charseq
import hosting

ROOT = Path(__file__).resolve().parents[2]

FOLDER = "https://example.org/a/b/en/latest/"
ADDRESSES = ("", FOLDER.rstrip("/"), "/course/")
FULL = ADDRESSES[1:2]


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


def build(toy, address, out):
    """Build the toy site again, for this address."""
    doctrees = shutil.copytree(toy / "_build/doctrees", out / "doctrees")
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-d", doctrees, "docs", out / "html"],
        cwd=toy, env={**os.environ, "PYTHONPATH": str(toy), "DOCS_URL": address},
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout


@pytest.fixture(scope="session")
def hosted(toys):
    """The folder of the toy site for each address."""
    toy = toys / "good"
    outs = {address: toy / f"_build/hosted-{at}" for at, address in enumerate(ADDRESSES) if address}
    with FileLock(toy / "hosted.lock"):
        for address, out in outs.items():  # not side by side: the gallery writes beside its scripts
            if not out.exists():
                build(toy, address, out)
    return {"": toy / "_build/html"} | {address: out / "html" for address, out in outs.items()}


@pytest.fixture(params=FULL)
def address(request):
    """Return the full address of a site, with its slash."""
    return request.param.rstrip("/") + "/"


@pytest.fixture
def folder(hosted, address):
    """The folder of the site at this address."""
    return next(folder for given, folder in hosted.items() if given.rstrip("/") + "/" == address)


def heads(folder):
    return {
        path.relative_to(folder).as_posix(): Head(path.read_text("utf-8"))
        for path in folder.rglob("*.html")
    }


HELPERS = ("404.html", "genindex.html", "search.html")


@pytest.mark.parametrize("given", ["", "/course/"])
def test_without_a_full_address_nothing_names_one(hosted, given):
    pages = heads(hosted[given])
    assert not any(head.canonical for head in pages.values())
    assert not [tag for head in pages.values() for tag in head.meta if str(tag).startswith("og:")]


def test_each_page_names_its_own_address(folder, address):
    pages = heads(folder)
    canonical = {name: head.canonical for name, head in pages.items() if head.canonical}
    assert pages.keys() - canonical.keys() >= set(HELPERS)
    for name, urls in canonical.items():
        assert urls == [address + re.sub(r"(^|/)index\.html$", r"\1", name)]
        assert pages[name].meta["og:url"] == urls


def test_pages_that_only_lead_to_others_are_not_for_search_engines(hosted):
    for folder in hosted.values():
        pages = heads(folder)
        helpers = {name for name, head in pages.items() if head.meta.get("robots") == ["noindex"]}
        assert helpers >= set(HELPERS)
        assert {"index.html", "learn/page.html"} <= pages.keys() - helpers


def test_a_preview_has_a_title_a_description_and_a_picture_that_is_there(folder, address):
    head = heads(folder)["learn/page.html"]
    assert head.meta["og:title"] == ["A page"]
    assert head.meta["og:description"] == head.meta["description"]
    [picture] = head.meta["og:image"]
    png = (folder / picture.removeprefix(address)).read_bytes()
    assert png.startswith(b"\x89PNG")
    assert [int.from_bytes(png[at : at + 4], "big") for at in (16, 20)] == [1200, 630]


@pytest.mark.parametrize("given", ADDRESSES)
def test_all_that_404_links_and_loads_is_there_wherever_it_is_shown(hosted, given):
    root = urljoin("https://example.org/", given.rstrip("/") + "/") if given else "file:///site/"
    shown_at = f"{root}learn/nowhere/at-all.html" if given else f"{root}404.html"
    page = Head((hosted[given] / "404.html").read_text("utf-8"))
    inside = [urljoin(shown_at, url) for url in page.urls if not url.startswith("#")]
    inside = [url for url in inside if urlsplit(url).netloc in ("", "example.org")]
    assert len(inside) > 10
    for url in inside:
        assert url.startswith(root)
        assert (hosted[given] / unquote(urlsplit(url).path)[len(urlsplit(root).path) :]).is_file()


def test_404_at_any_depth_looks_like_the_site_and_searches_for_the_words_of_the_address(
    hosted, page
):
    def answer(route):
        path = hosted[ADDRESSES[1]] / urlsplit(route.request.url).path.removeprefix(
            "/a/b/en/latest/"
        )
        if path.is_file():
            route.fulfill(path=path)
        else:
            missed.append(route.request.url)
            route.fulfill(path=hosted[ADDRESSES[1]] / "404.html", status=404)

    missed, asked = [], f"{FOLDER}learn/far/which-gate_is%20it.html"
    page.route("**/*", answer)
    page.goto(asked)
    assert missed == [asked]
    assert page.locator("#asked").text_content() == "/a/b/en/latest/learn/far/which-gate_is it.html"
    assert page.get_by_label("Words to look for").input_value() == "which gate is it"
    page.get_by_label("Words to look for").fill("gate")
    page.locator("article").get_by_role("button", name="Search").click()
    page.wait_for_selector(".search-results li a")
    assert page.url.startswith(f"{FOLDER}search.html?q=gate")


def test_every_page_names_the_version_and_leads_to_the_release_notes(hosted):
    for path in hosted[""].rglob("*.html"):
        html = path.read_text("utf-8")
        if "<article" not in html:  # it only leads on to where a page is now
            continue
        [(url, version)] = re.findall(r'<p class="version"><a href="([^"]*)">(.*?)</a>', html)
        assert version == f"Version {charseq.__version__}"
        assert (path if url == "#" else path.parent / url).is_file()


# -- What needs no site ----------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["example.org", "//example.org", "https://", "docs/"])
def test_an_address_that_is_none_is_refused_and_quoted(given):
    with pytest.raises(ConfigError, match=f"got '{given}'"):
        hosting.check_address(None, SimpleNamespace(html_baseurl=given))


def described(text):
    quiet = {"report_level": 5, "doctitle_xform": False}
    return hosting.description(publish_doctree(text, settings_overrides=quiet))


def test_a_description_is_the_first_whole_sentences():
    page = (
        "Title\n=====\n\n*Why?*\n\nYou need a pencil.\n\nAn RNN reads. {}\n\n.. note:: Not this.\n"
    )
    assert described(page.format("It writes.")) == "Why? An RNN reads. It writes."
    assert described(page.format("In short:")) == "Why? An RNN reads."
    assert described(page.format(r"See :math:`\frac12`.")) == "Why? An RNN reads."
    assert described(page.format(r"See :math:`V`.")) == "Why? An RNN reads. See V."
    assert described(page.format(200 * "x" + ".")) == "Why? An RNN reads."
    assert described(f"Title\n=====\n\n{60 * 'word '}\n").endswith("word …")
