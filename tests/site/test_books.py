"""The books of the course: the EPUB is whole, and the PDF's page numbers are right."""

import re
import shutil
import unicodedata
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pypdf import PdfReader

import chapters
import make

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.world  # the workflow that publishes makes the books, too
XHTML = "{http://www.w3.org/1999/xhtml}"
MATH = "{http://www.w3.org/1998/Math/MathML}math"
FIGURES = re.compile(r'src="[^"]*/_images/([^"]+)"')


def test_the_epub_has_what_the_site_has(site, tmp_path):
    """Whether its parts fit together is for epubcheck, which the workflow asks at each push."""
    make.write_epub(*chapters.read(site), site, tmp_path / "book.epub")
    with zipfile.ZipFile(tmp_path / "book.epub") as archive:
        texts = [archive.read(name) for name in archive.namelist() if name.endswith(".xhtml")]
    pages = [*map(ElementTree.fromstring, texts)]
    elements = [element for tree in pages for element in tree.iter()]
    # What the site has is there: chapters, figures, formulas, exercises with their solutions.
    chapter_pages = [*site.glob("before/*.html"), *site.glob("learn/*.html")]
    chapter_pages += [site / f"{name}.html" for name in chapters.BACK]
    assert len(pages) == len(chapter_pages) + len(("title", "contents")) > 25
    html = "".join(
        path.read_text("utf-8").partition("<article")[2].partition("</article>")[0]
        for path in chapter_pages
    )
    sources = [e.get("src") for e in elements if e.tag == f"{XHTML}img"]
    assert {*sources} == {f"images/{name}" for name in FIGURES.findall(html)}
    assert len({*sources}) > 70
    assert sum(e.tag == MATH for e in elements) > 2000
    text = "".join("".join(tree.itertext()) for tree in pages)
    exercises = html.count('class="exercise admonition')
    assert text.count("The solution") >= exercises > 110
    for on_screen in ("Show the code of this figure", "Open in", "Download this page"):
        assert on_screen not in text


PARAGRAPH = "<p>A network reads one character after the other and keeps nothing but its state.</p>"
LONG = "total = " + " + ".join(f"number_{place}" for place in range(40))


@pytest.fixture
def small_book(tmp_path):
    """A book of three chapters, and the styles of its site."""
    (tmp_path / "_static").mkdir()
    shutil.copy(ROOT / "docs/_static/math.css", tmp_path / "_static")
    (tmp_path / "_static/pygments.css").write_text("")
    math = "<math><semantics><mi>x</mi></semantics></math>"
    bodies = {
        "first": f'<h1>The first</h1><pre>{LONG}</pre>{math}<a href="#third-end">the end</a>',
        "second": f"<h1>The second</h1>{PARAGRAPH * 60}<h2>A section</h2>",
        "third": f'<h1>The third</h1>{PARAGRAPH * 30}<p id="third-end">The end.</p>',
    }
    sections = {
        name: chapters.BeautifulSoup(
            f'<section id="{name}">{body}</section>', "html.parser"
        ).section
        for name, body in bodies.items()
    }
    return sections, {}, tmp_path


def test_a_pdf_has_the_right_page_numbers_and_cuts_no_line(small_book, tmp_path, page):
    path, again = tmp_path / "book.pdf", tmp_path / "again.pdf"
    count = make.write_pdf(*small_book, path, page)
    reader = PdfReader(path)
    texts = [unicodedata.normalize("NFKC", page.extract_text()) for page in reader.pages]
    assert count == len(texts) >= 6
    for title in ("The first", "The second", "The third"):
        begins = next(n for n, text in enumerate(texts, 1) if re.match(rf"\d+\n{title}", text))
        assert re.search(rf"{title}\s*{begins}\b", texts[1]), texts[1]
    assert "".join(LONG.split()) in "".join("".join(texts).split())
    titles = [entry.title for entry in flat(reader.outline)]
    assert titles[-4:] == ["The first", "The second", "A section", "The third"]
    make.write_pdf(*small_book, again, page)
    assert again.read_bytes() == path.read_bytes()


def flat(outline):
    for entry in outline:
        yield from flat(entry) if isinstance(entry, list) else [entry]


def test_a_link_leads_into_the_book_to_the_site_or_is_only_words():
    def resolved(href, home=""):
        link = chapters.BeautifulSoup(f'<a href="{href}">words</a>', "html.parser").a
        chapters.resolve(link, "learn/gru", ["learn/gru", "notation"], home)
        return str(link)

    assert resolved("../notation.html#symbols") == '<a href="#notation-symbols">words</a>'
    assert resolved("#exercises") == '<a href="#learn-gru-exercises">words</a>'
    assert resolved("../fix/a.html#b") == "<em>words</em>"
    assert (
        resolved("../fix/a.html#b", "https://a.org/")
        == '<a href="https://a.org/fix/a.html#b">words</a>'
    )
    assert resolved("https://b.org/") == '<a href="https://b.org/">words</a>'
