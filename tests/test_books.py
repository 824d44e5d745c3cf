"""The books of the course: the EPUB is whole, and the PDF's page numbers are right."""

import hashlib
import re
import shutil
import unicodedata
import zipfile
from pathlib import Path
from urllib.parse import unquote, urldefrag
from xml.etree import ElementTree

import pytest
from pypdf import PdfReader

import chapters
import epub
import make
import pdf

ROOT = Path(__file__).parents[1]

XHTML = "{http://www.w3.org/1999/xhtml}"
OPF = "{http://www.idpf.org/2007/opf}"
MATH = "{http://www.w3.org/1998/Math/MathML}math"
FORBIDDEN = ("script", "form", "button", "input", "select", "style", "details", "iframe")


class Epub:
    """The files of an EPUB, read by Python's own zip and XML."""

    def __init__(self, path):
        with zipfile.ZipFile(path) as archive:
            self.infos = archive.infolist()
            self.files = {info.filename: archive.read(info) for info in self.infos}
        self.trees = {
            name.removeprefix("book/"): ElementTree.fromstring(data)
            for name, data in self.files.items()
            if name.endswith((".xhtml", ".svg", ".opf"))
        }
        self.pages = {name: tree for name, tree in self.trees.items() if name.endswith(".xhtml")}
        self.ids = {
            name: [e.get("id") for e in tree.iter() if e.get("id")]
            for name, tree in self.trees.items()
        }

    def elements(self, *tags, page=None):
        for name, tree in self.pages.items():
            if page in (None, name):
                yield from (e for e in tree.iter() if e.tag.removeprefix(XHTML) in tags)

    def urls(self):
        """Yield each address on a page, with the page."""
        for name, tree in self.pages.items():
            for element in tree.iter():
                for url in filter(None, (element.get("href"), element.get("src"))):
                    yield name, url

    def is_broken(self, page, url):
        target, place = urldefrag(unquote(url))
        target = target or page
        there = f"book/{target}" in self.files
        return "://" not in url and not (there and (not place or place in self.ids[target]))


def articles(site):
    """Return the article of each page that is a chapter of the book, as the site has it."""
    pages = [*site.glob("before/*.html"), *site.glob("learn/*.html")]
    pages = [page for page in pages if page.name != "index.html"]
    pages += [site / f"{name}.html" for name in chapters.BACK]
    return "".join(
        path.read_text("utf-8").partition("<article")[2].partition("</article>")[0]
        for path in pages
    )


def test_the_epub_of_the_course_is_whole(site, tmp_path):
    book = chapters.make(site)
    epub.write(book, make.about(), tmp_path / "book.epub")
    read = Epub(tmp_path / "book.epub")

    first = read.infos[0]
    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
    assert read.files["mimetype"] == b"application/epub+zip"
    listed = [f"book/{item.get('href')}" for item in read.trees["package.opf"].iter(f"{OPF}item")]
    unlisted = {"mimetype", "META-INF/container.xml", "book/package.opf"}
    assert sorted(listed) == sorted(read.files.keys() - unlisted)
    assert [name for name, ids in read.ids.items() if len(ids) != len(set(ids))] == []
    assert list(read.elements(*FORBIDDEN)) == []
    assert [entry for entry in read.urls() if read.is_broken(*entry)] == []

    # What the site has is there: figures, formulas, solutions and hints.
    html = articles(site)
    figures = {f"images/{name}" for name in re.findall(r'src="[^"]*/_images/([^"]+)"', html)}
    assert len(figures) > 70
    assert {image.get("src") for image in read.elements("img")} == figures
    assert sum(1 for _ in read.elements(MATH)) == html.count("<math>") + html.count("<math ") > 2000
    exercises = re.findall(r'<div class="exercise admonition" id="([^"]+)"', html)
    hints = html.count('<span class="sd-summary-text">Hint')
    blocks = [*read.elements("h3", page="hints.xhtml")]
    assert len([*read.elements("h3", page="solutions.xhtml")]) == len(exercises) > 110
    assert 0 < len(blocks) <= hints
    opened = [
        (page, "".join(title.itertext()))
        for page in read.pages
        for title in read.elements("p", page=page)
        if title.get("class") == "unfolded"
    ]
    moved = [page for page, title in opened if title.startswith(("The solution", "The checker"))]
    folded = re.findall(r"collapsed[^>]*>\s*Show the (?:solution|checker)", html)
    assert moved == ["solutions.xhtml"] * len(folded)
    assert {page for page, title in opened if title.startswith("Hint")} == {"hints.xhtml"}
    there = {url for _, url in read.urls() if re.match(r"(hints|solutions)\.xhtml#", url)}
    back = {url for name, url in read.urls() if re.match("hints|solutions", name)}
    assert len(there) == len(blocks) + len(exercises)
    assert len({url for url in back if "-exercise-" in url}) == len(exercises)
    words = " ".join("".join(tree.itertext()) for tree in read.pages.values())
    for on_screen in ("Show the solution", "You can drag through all"):
        assert on_screen in html
        assert on_screen not in words


PARAGRAPH = "<p>A network reads one character after the other and keeps nothing but its state.</p>"
LONG = "total = " + " + ".join(f"number_{place}" for place in range(40))


@pytest.fixture
def small_book(tmp_path):
    """A book of four chapters, which links from the first to the last."""
    static = tmp_path / "site" / "_static"
    static.mkdir(parents=True)
    shutil.copy(ROOT / "docs/_static/math.css", static)
    (static / "pygments.css").write_text("")
    link = '<p class="ways"><a href="#solution">Solution</a></p>'
    math = "<math><semantics><mi>x</mi></semantics></math>"
    bodies = {
        "first": f"<h1>The first</h1><pre>{LONG}</pre>{math}{link}",
        "second": f"<h1>The second</h1>{PARAGRAPH * 60}<h2>A section</h2>",
        "third": f"<h1>The third</h1>{PARAGRAPH * 30}",
        "fourth": f'<h1>The fourth</h1>{PARAGRAPH * 20}<p id="solution">The solution is here.</p>',
    }
    sections = {
        name: chapters.soup_of(f'<section id="{name}">{body}</section>').section
        for name, body in bodies.items()
    }
    listed = [
        chapters.Chapter(name, chapters.title_of(section), section, level)
        for (name, section), level in zip(sections.items(), (1, 2, 2, 1), strict=True)
    ]
    return chapters.Book(tmp_path / "site", "", listed)


def test_an_epub_is_the_same_each_time(small_book, tmp_path):
    digests = set()
    for name in ("one", "two"):
        epub.write(small_book, make.about(), tmp_path / name)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_a_pdf_has_the_right_page_numbers_and_cuts_no_line(small_book, tmp_path, page):
    path = tmp_path / "book.pdf"
    count = pdf.write(small_book, make.about(), path, page)
    reader = PdfReader(path)
    texts = [unicodedata.normalize("NFKC", page.extract_text()) for page in reader.pages]
    assert count == len(texts) >= 8
    assert reader.metadata.title == make.about()["title"]

    def begins(title):
        """The number of the page that begins with these words, after its number."""
        return next(n for n, text in enumerate(texts, 1) if re.match(rf"\d+\n{title}", text))

    for chapter in small_book.chapters:
        assert re.search(rf"{chapter.title}\s*{begins(chapter.title)}\b", texts[1]), texts[1]
    solution = next(n for n, text in enumerate(texts, 1) if "The solution is here." in text)
    assert f"Solution (page {solution})" in texts[begins("The first") - 1]
    assert [int(re.match(r"\d+", text)[0]) for text in texts[1:]] == [*range(2, count + 1)]
    assert "".join(LONG.split()) in "".join("".join(texts).split())
    assert [entry.title for entry in flat(reader.outline)][-5:] == [
        *("The first", "The second", "A section", "The third", "The fourth")
    ]
    fonts = [font for page in reader.pages for font in page["/Resources"]["/Font"].values()]
    assert fonts
    for font in (font.get_object() for font in fonts):
        inner = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
        assert font["/Subtype"] == "/Type3" or "/FontFile2" in inner["/FontDescriptor"]
    again = tmp_path / "again.pdf"
    pdf.write(small_book, make.about(), again, page)
    assert again.read_bytes() == path.read_bytes()


def flat(outline):
    for entry in outline:
        yield from flat(entry) if isinstance(entry, list) else [entry]
