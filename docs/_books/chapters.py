"""Make the chapters of the books from the finished pages of the site.

The pages are the source, not the Markdown: their formulas, figures, numbers and results are done,
and what a test has found right there is right in a book. A book has no scripts and no forms, and
nothing in it is folded. So

- a live part becomes what the page shows where scripts do not run, and a question becomes a line;
- the code that draws a figure is left out, and so is what has the class ``on-screen``;
- each id gets the name of its page in front, so that all chapters fit into one file;
- a link leads to its place in the book, to the site if its address is known, or is only words.
"""

import json
import posixpath
import re
from html import escape
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

FRONT = "learn/index"  # lists the chapters, and says how to read one
BACK = ("notation", "glossary", "references")
# What needs a browser, and what MyST-NB and others put on a page for scripts alone.
DROPPED = (
    *("script", "style", "button", "input", "label", ".headerlink", ".on-screen", ".hero-stage"),
    *(".exercise-memory", ".toctree-wrapper", ".sd-summary-state-marker", ".notebook-links"),
)
FIGURE_CODE = "Show the code of this figure"
# Of an SVG: styles for dark pages and for what moves; the address of a DTD; an id that the cells of
# a heat map share.
NOT_IN_BOOKS = re.compile(
    rb'<style>@(?:media|keyframes).*?</style>|<!DOCTYPE.*?>|(?<=<g) id="cell"', re.S
)
WITHOUT_LINE = re.compile(rb'<path(?![^>]* d=")')  # matplotlib's letter for a space


def read(site):
    """Return the sections of the book by their names, and its images."""
    home = re.search(
        r'<link rel="canonical" href="(.*?)"', Path(site, "index.html").read_text("utf-8")
    )
    front = section_of(site, FRONT)
    listed = [link["href"] for link in front.select("section li > p > a.internal")]
    folder = posixpath.dirname(FRONT)
    names = [posixpath.normpath(f"{folder}/{href}").removesuffix(".html") for href in listed]
    names = [FRONT, *names, *BACK]
    sections, images = {}, {}
    for name in names:
        section = section_of(site, name)
        prepare(section)
        for link in section.select("a[href]"):
            resolve(link, name, names, home[1] if home else "")
        for image in section.select("img"):
            path = Path(site, posixpath.dirname(name), image["src"])
            image["src"] = f"images/{path.name}"
            image.attrs.pop("loading", None)  # paper does not scroll
            images[image["src"]] = for_white_paper(path.read_bytes())
        name_ids(section, slug(name))
        sections[slug(name)] = section
    return sections, images


def section_of(site, name):
    """Return the section that a page consists of."""
    html = Path(site, f"{name}.html").read_text("utf-8")
    return BeautifulSoup(
        html.partition("<article")[2].partition("</article>")[0], "html.parser"
    ).section


def slug(name):
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def prepare(section):
    for waste in section.select(", ".join(DROPPED)):
        waste.decompose()
    for part in section.select(".play"):
        part.replace_with(*part.find(class_="play-fallback").contents)
    for question in section.select(".question"):
        question.replace_with(
            BeautifulSoup(asked(json.loads(question["data-question"])), "html.parser")
        )
    for fold in section.select("details"):
        title = " ".join(fold.summary.get_text().split())
        if FIGURE_CODE in title:
            fold.decompose()
            continue
        fold.name, fold["class"] = "div", "unfolded"
        if not fold.summary.math:
            fold.summary.clear()
            fold.summary.append(re.sub("^Show t", "T", title))
        fold.summary.name = "p"
    for formula in section.select("math"):
        formula["xmlns"] = "http://www.w3.org/1998/Math/MathML"
    for drawing in section.select("svg"):
        drawing["xmlns"] = "http://www.w3.org/2000/svg"
        drawing["viewBox"] = drawing.attrs.pop("viewbox")  # HTML does not care, XML does


def asked(about):
    """Return a question as a line to write on, or with a list to choose from."""
    code = re.compile("`([^`]*)`")
    label, *options = [
        code.sub(r"<code>\1</code>", escape(text))
        for text in (about["label"], *about.get("options", ()))
    ]
    if not options:
        return f'<p class="ask">{label}: ………………</p>'
    return (
        f'<p class="ask">{label}</p><ul>{"".join(f"<li>{option}</li>" for option in options)}</ul>'
    )


def for_white_paper(image):
    """Drop from an SVG what makes it light on a dark page, what moves, and what EPUB forbids."""
    return WITHOUT_LINE.sub(b'<path d=""', NOT_IN_BOOKS.sub(b"", image))


def resolve(link, name, names, home):
    """Let a link lead to an id in the book (``#…``) or to an address, or leave only its words."""
    url = urlsplit(link["href"])
    if url.scheme:
        return
    page = (
        posixpath.normpath(posixpath.join(posixpath.dirname(name), url.path))
        if url.path
        else f"{name}.html"
    )
    target = page.removesuffix(".html")
    link.attrs.pop("title", None)
    if target in names:
        link["href"] = "#" + "-".join(filter(None, [slug(target), unquote(url.fragment)]))
    elif home:
        link["href"] = home + page + (f"#{url.fragment}" if url.fragment else "")
    else:
        link.name, link.attrs = "span" if link.code else "em", {}


def name_ids(section, name):
    """Put the name of the chapter in front of each id."""
    seen = set()
    for element in section.select("[id]"):
        place = element.attrs.pop("id")
        if place not in seen:  # an equation has its id twice: Sphinx's wrapper, and our formula
            element["id"] = f"{name}-{place}"
        seen.add(place)
    section["id"] = name
