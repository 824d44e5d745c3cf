"""The books of the course: that the EPUB is whole, and that the PDF's page numbers are right."""

import hashlib
import io
import re
import shutil
import sys
import zipfile
from html import escape
from pathlib import Path
from urllib.parse import unquote, urldefrag
from xml.etree import ElementTree

import pytest
from pypdf import PdfReader

from conftest import CHROMIUM

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs" / "_books"))
import chapters  # noqa: E402
import epub  # noqa: E402
import make  # noqa: E402
import pdf  # noqa: E402

XHTML = "{http://www.w3.org/1999/xhtml}"
OPF = "{http://www.idpf.org/2007/opf}"
FORBIDDEN = ("script", "form", "button", "input", "select", "style", "details", "iframe")
FOLDED = re.compile(r'<span class="sd-summary-text">(Hint|Show the solution)|<p class="collapsed[^>]*>(Show the (?:checker|solution))')


def test_the_epub_of_the_course_is_whole(site, tmp_path):
    book = chapters.make(site)
    path = tmp_path / "book.epub"
    epub.write(book, make.about(), path)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert len(names) == len(set(names))
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert archive.read("mimetype") == b"application/epub+zip"
        files = {name.removeprefix("book/"): archive.read(name) for name in names}

    listed = ElementTree.fromstring(files["package.opf"]).iter(f"{OPF}item")
    meta = {"mimetype", "META-INF/container.xml", "package.opf"}
    assert {item.get("href") for item in listed} == files.keys() - meta
    trees = {n: ElementTree.fromstring(d) for n, d in files.items() if n.endswith(("xhtml", "svg"))}
    pages = {name: tree for name, tree in trees.items() if name.endswith("xhtml")}
    ids = {n: [e.get("id") for e in tree.iter() if e.get("id")] for n, tree in trees.items()}
    assert [name for name, found in ids.items() if len(found) != len(set(found))] == []

    broken, used = [], set()
    for name, tree in pages.items():
        for element in tree.iter():
            assert element.tag.removeprefix(XHTML) not in FORBIDDEN, name
            for url in filter(None, (element.get("href"), element.get("src"))):
                target, place = urldefrag(unquote(url))
                used.add(target)
                if "://" not in url and (target not in files or (place and place not in ids[target])):
                    broken.append((name, url))
    assert broken == []

    # Of each page: its figures, its formulas, and what is folded below its exercises.
    sources = [page for chapter in book.chapters if (page := Path(site, f"{chapter.name}.html")).exists()]
    sources += sorted(site.glob("learn/[!i]*.html")) + sorted(site.glob("before/*.html"))
    html = "".join(
        path.read_text("utf-8").partition("<article")[2].partition("</article>")[0]
        for path in sources
    )
    figures = {f"images/{name}" for name in re.findall(r'src="[^"]*/_images/([^"]+)"', html)}
    assert len(figures) > 70
    assert figures <= used
    whole = "".join(ElementTree.tostring(tree, "unicode") for tree in pages.values())
    assert whole.count(":math ") + whole.count(":math>") >= html.count("<math") > 2000
    moved = FOLDED.findall(html)
    solutions, hints = (len(pages[f"{name}.xhtml"].findall(f".//{XHTML}h3")) for name in ("solutions", "hints"))
    exercises = len(re.findall(r'<div class="exercise admonition', html))
    assert solutions == exercises > 110
    assert 0 < hints <= sum(hint == "Hint" for hint, _ in moved)
    for name, words in (("solutions", "Solution"), ("hints", "Hint")):
        there = re.findall(rf'href="{name}\.xhtml#[^"]+">{words}s?<', whole)
        back = [h3.find(f"{XHTML}a").get("href") for h3 in pages[f"{name}.xhtml"].iter(f"{XHTML}h3")]
        assert len(there) == len(back) == len(set(back))
