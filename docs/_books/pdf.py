"""Print a book to a PDF with Chromium, which sets MathML and wraps code.

Chromium does not know on which page a link ends. So the book is printed once to find out, and again
with the numbers in its table of contents, until they are right.
"""

import os
import re
import shutil
from contextlib import contextmanager
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib
import pikepdf
from playwright.sync_api import sync_playwright

import epub

HERE = Path(__file__).parent
BROWSERS = map(shutil.which, ("chromium", "google-chrome", "chromium-headless-shell"))
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, BROWSERS), None)
# Chromium must not look for updates of its own. In a container, root has no sandbox.
ROOT = hasattr(os, "getuid") and os.getuid() == 0
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
QUIET += ["--no-sandbox"] if ROOT else []
# The fonts come with matplotlib, so the book looks the same on each machine.
FONTS = (
    ("Book", "STIXGeneral", "normal", "normal"),
    ("Book", "STIXGeneralItalic", "normal", "italic"),
    ("Book", "STIXGeneralBol", "bold", "normal"),
    ("Book", "STIXGeneralBolIta", "bold", "italic"),
    ("Code", "DejaVuSansMono", "normal", "normal"),
    ("Code", "DejaVuSansMono-Bold", "bold", "normal"),
    ("Code", "DejaVuSansMono-Oblique", "normal", "italic"),
)
HEADING = re.compile("(</?h)([1-5])")
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<link rel="stylesheet" href="book.css">
</head>
<body>
<section class="titlepage"><h1>{title}</h1><p>{author}</p></section>
<nav class="chapter"><h1>Contents</h1>{contents}</nav>
{chapters}
</body>
</html>
"""
PRINT = dict.fromkeys(("prefer_css_page_size", "print_background", "outline", "tagged"), True)
LINK = re.compile(r'<a\b([^>]*?) href="#([^"]+)"')
PASSES = 5  # two settle it, unless a number moves what it counts


@contextmanager
def chromium():
    """Start the system's Chromium, and yield a tab of it."""
    if CHROMIUM is None:
        raise SystemExit("no Chromium on PATH; install it, or set CHROMIUM to its path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser.new_page()
        browser.close()


def write(book, about, path, page):
    """Print the book in a tab of Chromium, and return the number of its pages."""
    page.set_default_timeout(0)  # a slow machine is no fault
    css, font = epub.styles(book.site)
    css = font_faces() + css + (HERE / "print.css").read_text("utf-8")
    with TemporaryDirectory() as temporary:
        folder, pages = Path(temporary), {}
        (folder / "images").mkdir()
        for name, image in book.images.items():
            (folder / name).write_bytes(image)
        (folder / "math.woff2").write_bytes(font)
        (folder / "book.css").write_text(css, "utf-8")
        for _ in range(PASSES):
            source = folder / "book.html"
            source.write_text(html_of(book, about, pages), "utf-8", newline="\n")
            page.goto(source.as_uri())
            page.pdf(path=path, **PRINT)
            before, pages = pages, pages_of(path)
            if pages == before:
                return finish(path, book, about)
    raise RuntimeError(f"the page numbers still change after {PASSES} prints")


def pages_of(path):
    """Return the page of each place that a link leads to."""
    with pikepdf.open(path) as pdf:
        numbers = {page.obj.objgen: number for number, page in enumerate(pdf.pages, 1)}
        return {name[1:]: numbers[place[0].objgen] for name, place in pdf.Root.Dests.items()}


def finish(path, book, about):
    """Say whose book it is, in a file of a third of the size that is the same in each build."""
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        del pdf.docinfo
        pdf.docinfo["/Title"], pdf.docinfo["/Author"] = about["title"], about["author"]
        # Chromium writes the title of a heading at the top of a page twice.
        titles = [about["title"], "Contents", *headings(book)]
        for entry, title in zip(entries(pdf.Root.Outlines), titles, strict=True):
            entry["/Title"] = title
        streams = pikepdf.ObjectStreamMode.generate
        pdf.save(path, object_stream_mode=streams, recompress_flate=True, deterministic_id=True)
        return len(pdf.pages)


def entries(above):
    """Yield the entries of a PDF's outline in their order."""
    entry = above.get("/First")
    while entry is not None:
        yield entry
        yield from entries(entry)
        entry = entry.get("/Next")


def headings(book):
    for chapter in book.chapters:
        for heading in chapter.body.find_all(re.compile("^h[1-6]$")):
            pieces = (text for text in heading.strings if text.parent.name != "annotation")
            yield " ".join("".join(pieces).split())


def font_faces():
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    return "".join(
        f'@font-face {{ font-family: "{family}"; font-weight: {weight}; font-style: {style}; '
        f'src: url("{(folder / file).as_uri()}.ttf"); }}\n'
        for family, file, weight, style in FONTS
    )


def html_of(book, about, pages):
    """Return the whole book as one page. A heading below a part is one level deeper."""

    def link(chapter):
        return f'<a href="#{chapter.body["id"]}">{escape(chapter.title)}</a>'

    def whole(chapter):
        html = chapter.body.decode(formatter="minimal")
        if chapter.level > 1:
            html = HEADING.sub(lambda match: f"{match[1]}{int(match[2]) + 1}", html)
        return f'<div class="chapter level-{chapter.level}">{html}</div>\n'

    html = PAGE.format(
        title=escape(about["title"]),
        author=escape(about["author"]),
        contents=epub.listed(book, link),
        chapters="".join(map(whole, book.chapters)),
    )
    return LINK.sub(lambda match: f'{match[0]} data-page="{pages.get(match[2], "")}"', html)
