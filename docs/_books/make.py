"""Make the books of the course from the built site: _build/books/charseq.epub and charseq.pdf.

    python docs/_books/make.py

`python3 dev.py books` builds the site first. Chromium prints the PDF, since it sets MathML.
"""

import os
import re
import shutil
import sys
import uuid
import zipfile
from base64 import b64decode
from copy import copy
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib
import pikepdf
from playwright.sync_api import sync_playwright

import chapters

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SITE, BOOKS = ROOT / "_build" / "html", ROOT / "_build" / "books"
TITLE, AUTHOR = "Recurrent networks, line by line", "The charseq developers"
TITLE_PAGE = f'<section class="titlepage"><h1>{TITLE}</h1><p>{AUTHOR}</p></section>'
CITED = (ROOT / "CITATION.cff").read_text("utf-8")
CONTAINER = """\
<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>
"""
PAGE = """\
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="en">
<head><meta charset="utf-8"/><title>{title}</title><link rel="stylesheet" href="book.css"/></head>
<body>{body}</body>
</html>
"""
PACKAGE = """\
<?xml version="1.0"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" xml:lang="en" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:{id}</dc:identifier>
<dc:title>{title}</dc:title><dc:creator>{author}</dc:creator><dc:language>en</dc:language>
<meta property="dcterms:modified">{date}T00:00:00Z</meta>
</metadata>
<manifest>{items}</manifest>
<spine>{spine}</spine>
</package>
"""
KINDS = {".xhtml": "application/xhtml+xml", ".css": "text/css", ".svg": "image/svg+xml"}
KINDS |= {".png": "image/png", ".woff2": "font/woff2"}
# The fonts of the PDF come with matplotlib, so it looks the same on each machine.
FONTS = {
    "STIXGeneral": 'font-family: "Book"',
    "STIXGeneralItalic": 'font-family: "Book"; font-style: italic',
    "STIXGeneralBol": 'font-family: "Book"; font-weight: bold',
    "STIXGeneralBolIta": 'font-family: "Book"; font-style: italic; font-weight: bold',
    "DejaVuSansMono": 'font-family: "Code"',
    "DejaVuSansMono-Bold": 'font-family: "Code"; font-weight: bold',
    "DejaVuSansMono-Oblique": 'font-family: "Code"; font-style: italic',
}
BROWSERS = map(shutil.which, ("chromium", "google-chrome", "chromium-headless-shell"))
PRINT = dict.fromkeys(("prefer_css_page_size", "print_background", "outline", "tagged"), True)


def title_of(section):
    return escape(" ".join(section.h1.get_text().split()))


def contents(sections, address, numbers):
    """Return the list of chapters, with the numbers of their pages if these are known."""
    links = (
        f'<li><a href="{address(name)}">{title_of(section)}'
        + (f'<span class="page">{numbers[name]}</span>' if numbers else "")
        + "</a></li>"
        for name, section in sections.items()
    )
    return f'<nav epub:type="toc"><h1>Contents</h1><ol>{"".join(links)}</ol></nav>'


def styles(site):
    """Return both style sheets, with the site's rules for code and formulas, and the math font."""
    code = Path(site, "_static", "pygments.css").read_text("utf-8").partition("@media")[0]
    math = Path(site, "_static", "math.css").read_text("utf-8")
    font = re.search(r"data:font/woff2;base64,([^)]+)", math)
    own, _, printed = (HERE / "book.css").read_text("utf-8").partition("/* The PDF:")
    css = code + math.replace(font[0], "math.woff2") + own
    return css, f"{css}/* {printed}", b64decode(font[1])


def write_epub(sections, images, site, path):
    chapter_of = {
        element["id"]: name
        for name, section in sections.items()
        for element in [section, *section.select("[id]")]
    }

    def page(name, section):
        for link in section.select('a[href^="#"]'):
            link["href"] = f"{chapter_of[link['href'][1:]]}.xhtml{link['href']}"
        return PAGE.format(title=title_of(section), body=section.decode(formatter="minimal"))

    css, _, font = styles(site)
    listed = contents(sections, "{}.xhtml".format, {})
    files = {"title.xhtml": PAGE.format(title=TITLE, body=TITLE_PAGE)}
    files["contents.xhtml"] = PAGE.format(title="Contents", body=listed)
    files |= {f"{name}.xhtml": page(name, copy(section)) for name, section in sections.items()}
    spine = "".join(f'<itemref idref="{chapters.slug(name)}"/>' for name in files)
    files |= {"book.css": css, "math.woff2": font, "cover.svg": (HERE / "cover.svg").read_bytes()}
    files |= dict(sorted(images.items()))
    version = re.search(r"^version: (.*)", CITED, re.M)[1]
    package = PACKAGE.format(
        title=TITLE,
        author=AUTHOR,
        date=re.search(r"^date-released: (.*)", CITED, re.M)[1],
        id=uuid.uuid5(uuid.NAMESPACE_URL, f"charseq {version}"),
        items="\n".join(item(name, data) for name, data in files.items()),
        spine=spine,
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        first = {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER}
        for name, data in {**first, "book.opf": package, **files}.items():
            about = zipfile.ZipInfo(name)  # dated 1980: the same bytes in each build
            about.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(about, data)


def item(name, data):
    has = {
        "nav": name == "contents.xhtml",
        "cover-image": name == "cover.svg",
        "mathml": name.endswith(".xhtml") and "<math" in data,
        "svg": name.endswith(".xhtml") and "<svg" in data,
    }
    marks = " ".join(mark for mark, there in has.items() if there)
    properties = f' properties="{marks}"' if marks else ""
    kind = KINDS[Path(name).suffix]
    return f'<item id="{chapters.slug(name)}" href="{name}" media-type="{kind}"{properties}/>'


def write_pdf(sections, images, site, path, page):
    """Print the book twice: the second time, the list of chapters has the numbers of pages."""
    _, css, font = styles(site)
    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    faces = "".join(
        f'@font-face {{ {about}; src: url("{(fonts / f"{file}.ttf").as_uri()}"); }}\n'
        for file, about in FONTS.items()
    )
    body = "".join(section.decode(formatter="minimal") for section in sections.values())
    numbers = dict.fromkeys(sections, 100)  # as wide as the right ones
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "images").mkdir()
        files = images | {"math.woff2": font, "book.css": (faces + css).encode()}
        for name, data in files.items():
            (folder / name).write_bytes(data)
        for _ in range(2):
            listed = contents(sections, "#{}".format, numbers)
            html = PAGE.format(title=TITLE, body=TITLE_PAGE + listed + body)
            (folder / "book.html").write_text(html, "utf-8")
            page.goto((folder / "book.html").as_uri())
            page.pdf(path=path, **PRINT)
            with pikepdf.open(path) as pdf:
                places = {sheet.obj.objgen: number for number, sheet in enumerate(pdf.pages, 1)}
                numbers = {name: places[pdf.Root.Dests[f"/{name}"][0].objgen] for name in sections}
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:  # a third of the size
        del pdf.docinfo
        pdf.docinfo["/Title"], pdf.docinfo["/Author"] = TITLE, AUTHOR
        for entry in pdf.objects:  # Chromium writes a title at the top of a page twice in a row
            if isinstance(entry, pikepdf.Dictionary) and {"/Title", "/Parent"} <= {*entry}:
                title = str(entry.Title)
                if title == 2 * title[: len(title) // 2]:
                    entry.Title = title[: len(title) // 2]
        streams = pikepdf.ObjectStreamMode.generate
        pdf.save(path, object_stream_mode=streams, recompress_flate=True, deterministic_id=True)
        return len(pdf.pages)


def main():
    sections, images = chapters.read(SITE)
    BOOKS.mkdir(parents=True, exist_ok=True)
    write_epub(sections, images, SITE, BOOKS / "charseq.epub")
    browser = os.environ.get("CHROMIUM") or next(filter(None, BROWSERS), None)
    if browser is None:
        sys.exit("no Chromium on PATH; install it, or set CHROMIUM to its path")
    # In a container, root has no sandbox.
    root = ["--no-sandbox"] if hasattr(os, "getuid") and os.getuid() == 0 else []
    with sync_playwright() as playwright:
        tab = playwright.chromium.launch(executable_path=browser, args=root).new_page()
        tab.set_default_timeout(0)  # a slow machine is no fault
        pages = write_pdf(sections, images, SITE, BOOKS / "charseq.pdf", tab)
    print(f"The books are in {BOOKS.as_uri()}: charseq.epub, charseq.pdf ({pages} pages)")


if __name__ == "__main__":
    main()
