"""Make the chapters of a book from the finished pages of the site.

The pages are the source, not the Markdown: their formulas, figures, numbers and results are done,
and what a test has found right there is right in the book. A book has no scripts and no forms, and
nothing in it is folded. So

- a live part becomes what the page shows where scripts do not run, and a question becomes a line;
- hints and solutions move to chapters of their own, and links lead there and back;
- the code that draws a figure is left out, and so is what has the class ``on-screen``;
- each id gets the name of its page in front, so that all chapters fit into one file;
- a link leads to its place in the book, to the site if its address is known, or is only words.
"""

import json
import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, NavigableString, Tag

HERE = Path(__file__).parent
FRONT = "learn/index"  # says how to read a chapter, and which chapters belong to a part
READING = "how-to-read-a-chapter"  # the section of it that is a chapter of the book
BACK = ("notation", "glossary", "references")
# Not for paper: what needs a browser, and what MyST-NB and others put there for scripts alone.
DROPPED = (
    *("script", "style", "button", "input", "label", ".headerlink", ".on-screen"),
    *(".exercise-memory", ".toctree-wrapper", ".sd-summary-state-marker", ".take-away", ".moved"),
)
FIGURE_CODE = "Show the code of this figure"
MOVED = ("Hint", "Show the solution", "Show the checker")  # how the title of such a fold begins
# Of an SVG: styles for dark pages and for what moves; the address of a DTD; an id that the cells of
# a heat map share.
NOT_IN_BOOKS = re.compile(
    rb'<style>@(?:media|keyframes).*?</style>|<!DOCTYPE.*?>|(?<=<g) id="cell"', re.S
)
WITHOUT_LINE = re.compile(rb'<path(?![^>]* d=")')  # matplotlib's letter for a space


@dataclass
class Chapter:
    """A file of the book: its name, its title as text, and its section as HTML."""

    name: str
    title: str
    body: Tag
    level: int = 1  # of its title in the table of contents: a chapter of a part is below the part


@dataclass
class Book:
    """The chapters in the order of reading, and what they need."""

    site: Path
    home: str  # address of the site, or nothing
    chapters: list[Chapter] = field(default_factory=list)
    images: dict[str, bytes] = field(default_factory=dict)

    def places(self):
        """Return the chapter of each id of the book."""
        return {
            element["id"]: chapter
            for chapter in self.chapters
            for element in [chapter.body, *chapter.body.find_all(id=True)]
        }


def soup_of(html):
    return BeautifulSoup(html, "html.parser")


def make(site):
    """Read the site and return the book."""
    home = address_of(site)
    parts = list(parts_of(read(site, FRONT)))
    docnames = [FRONT, *(page for *_, pages in parts for page in pages), *BACK]
    book = Book(site, home)
    hints, solutions = back_chapter("hints", "Hints"), back_chapter("solutions", "Solutions")

    def add(docname, level=1):
        section = read(site, docname)
        prepare(section, docname, docnames, book)
        chapter = Chapter(slug(docname), title_of(section), section, level)
        book.chapters.append(chapter)
        move_solutions(chapter, hints.body, solutions.body)

    book.chapters.append(Chapter("about", "About this book", about(home)))
    add(FRONT)
    only_the_way_to_read(book.chapters[-1])
    for title, words, pages in parts:
        body = soup_of(f'<section class="part" id="part-{slug(title)}"><h1></h1></section>').section
        body.h1.string = title
        body.extend(words)
        book.chapters.append(Chapter(body["id"], title, body))
        for page in pages:
            add(page, level=2)
    book.chapters += [hints, solutions]
    for docname in BACK:
        add(docname)
    check_links(book)
    return book


def address_of(site):
    """Return the address of the site, which its home page tells, or an empty text."""
    canonical = re.search(r'<link rel="canonical" href="(.*?)"', html_of(site, "index"))
    return canonical[1] if canonical else ""


def html_of(site, docname):
    return Path(site, f"{docname}.html").read_text("utf-8")


def read(site, docname):
    """Return the section that a page consists of."""
    article = html_of(site, docname).partition("<article")[2].partition("</article>")[0]
    return soup_of(f"<article{article}</article>").section.extract()


def slug(name):
    return re.sub(r"[^a-z0-9]+", "-", posixpath.basename(name).lower())


def title_of(section):
    return " ".join(section.h1.get_text().split())


def about(home):
    """Return the first chapter, which says what the book leaves out."""
    section = soup_of((HERE / "about.html").read_text("utf-8")).section
    address = section.find(class_="address")
    if home:
        address.a["href"] = address.a.string = home
    else:
        address.decompose()
    return section


def back_chapter(name, title):
    html = f'<section class="{name}" id="{name}"><h1>{title}</h1></section>'
    return Chapter(name, title, soup_of(html).section)


def parts_of(page):
    """Yield title, paragraphs and pages of each part of the course."""
    for section in page.find_all("section", recursive=False):
        if section.find(class_="toctree-wrapper") or section.find("ol", class_="arabic"):
            title = section.h2.find(string=True)
            pages = [link["href"] for link in section.select("li a")]
            words = [p.extract() for p in section.find_all("p", recursive=False)]
            here = posixpath.dirname(FRONT)
            pages = [posixpath.normpath(posixpath.join(here, page)) for page in pages]
            yield str(title), words, [page.removesuffix(".html") for page in pages]


def only_the_way_to_read(chapter):
    """Keep, of the page that lists the chapters, the section that says how to read them."""
    section = chapter.body.find(id=f"{chapter.name}-{READING}")
    chapter.title = section.h2.get_text().strip()
    section.h2.name = "h1"
    section["id"] = chapter.body["id"]
    chapter.body = section.extract()


def prepare(section, docname, docnames, book):
    """Turn the section of a page into one of a book, all but its exercises."""
    for waste in section.select(", ".join(DROPPED)):
        waste.decompose()
    for part in section.select(".play"):
        part.replace_with(*part.find(class_="play-fallback").contents, live(docname, book.home))
    for fold in section.select(".cell details.hide"):
        if summary_of(fold) == FIGURE_CODE:
            fold.decompose()
    for link in section.select(".sphinx-codeautolink-a"):
        link.unwrap()
    for formula in section.select("math"):
        formula["xmlns"] = "http://www.w3.org/1998/Math/MathML"
        keep_with_what_follows(formula.parent)
    for drawing in section.select("svg"):
        drawing["xmlns"] = "http://www.w3.org/2000/svg"
        drawing["viewBox"] = drawing.attrs.pop("viewbox")  # HTML does not care, XML does
    for question in section.select(".question"):
        question["class"] = "ask"
    seen = set()
    for element in section.select("[id]"):
        name = element.attrs.pop("id")
        if name not in seen:  # an equation has its id twice: Sphinx's wrapper, and our formula
            element["id"] = f"{slug(docname)}-{name}"
        seen.add(name)
    section["id"] = slug(docname)
    for link in section.select("a[href]"):
        resolve(link, docname, docnames, book.home)
    for image in section.select("img"):
        path = posixpath.normpath(posixpath.join(posixpath.dirname(docname), image["src"]))
        image["src"] = f"images/{posixpath.basename(path)}"
        book.images[image["src"]] = on_white_paper(Path(book.site, path).read_bytes())


def live(docname, home):
    """Say that the site has a live part here."""
    words = "you can play with this"
    link = f'<a href="{home}{docname}.html">{words}</a>' if home else words
    return soup_of(f'<p class="live">On the site {link}.</p>').p


def keep_with_what_follows(formula):
    """Let no line begin with the full stop that follows a formula."""
    text = formula.next_sibling
    if isinstance(text, NavigableString) and (end := re.match(r"[.,;:!?)\]”’]+", text)):
        text.replace_with(text[end.end() :])
        formula.wrap(Tag(name="span", attrs={"class": "unbroken"})).append(end[0])


def summary_of(fold):
    return " ".join(fold.summary.find(string=re.compile(r"\S")).split())


def on_white_paper(image):
    """Drop from an SVG what makes it light on a dark page, what moves, and what EPUB forbids."""
    return WITHOUT_LINE.sub(b'<path d=""', NOT_IN_BOOKS.sub(b"", image))


def resolve(link, docname, docnames, home):
    """Let a link lead to an id in the book (``#…``) or to an address, or leave only its words."""
    url = urlsplit(link["href"])
    if url.scheme:
        return
    page = posixpath.normpath(posixpath.join(posixpath.dirname(docname), url.path))
    target = page.removesuffix(".html") if url.path else docname
    link.attrs.pop("title", None)
    if target in docnames:
        place = unquote(url.fragment)
        link["href"] = f"#{slug(target)}-{place}" if place else f"#{slug(target)}"
    elif home:
        link["href"] = home + page + (f"#{url.fragment}" if url.fragment else "")
    else:
        link.name = "span"
        link.attrs = {"class": "elsewhere"} if not link.code else {}


def move_solutions(chapter, hints, solutions):
    """Move what is folded below the exercises of a chapter, and open all other folds."""
    exercises = chapter.body.select("div.exercise")
    for place in (hints, solutions) if exercises else ():
        block = soup_of(f'<section id="{place["id"]}-{chapter.name}"><h2></h2></section>').section
        block.h2.string = chapter.title
        place.append(block)
    for exercise in exercises:
        ways = []
        for place, pieces in below(exercise).items():
            target = {"hints": hints, "solutions": solutions}[place]
            word = "Solution" if place == "solutions" else "Hints" if pieces[1:] else "Hint"
            block = soup_of("<section><h3><a></a></h3></section>").section
            block["id"] = f"{place}-{exercise['id']}"
            block.h3.a["href"] = f"#{exercise['id']}"
            block.h3.a.string = exercise.find(class_="admonition-title").get_text()
            block.extend(pieces)
            target.find_all("section", recursive=False)[-1].append(block)
            ways.append(f'<a href="#{block["id"]}">{word}</a>')
        exercise.append(soup_of(f'<p class="ways">{" · ".join(ways)}</p>'))
    for place in (hints, solutions) if exercises else ():
        block = place.find_all("section", recursive=False)[-1]
        unfold(block)
        if not block.section:
            block.decompose()
    unfold(chapter.body)


def below(exercise):
    """Take away what follows an exercise and is no part of its question."""
    taken = {"hints": [], "solutions": []}
    answers = []
    for piece in list(exercise.find_next_siblings()):
        if piece.name == "section" or "exercise" in piece.get("class", ()):
            break
        if question := piece.find(class_="ask"):
            about = json.loads(question["data-question"])
            exercise.extend(asked(about))
            answers.append(answered(about))
            piece.decompose()
            continue
        fold = piece if piece.name == "details" else piece.find("details")
        title = summary_of(fold) if fold else ""
        if title.startswith(MOVED):
            piece.extract()
            if title == "Show the solution":  # the title of the chapter says so
                fold.summary.decompose()
                fold.name = "div"
            taken["hints" if title.startswith("Hint") else "solutions"].append(piece)
    if answers:
        found = soup_of('<ul class="answers"></ul>').ul
        found.extend(answers)
        taken["solutions"].insert(0, found)
    return {place: pieces for place, pieces in taken.items() if pieces}


def asked(about):
    """Return a question as a line to write on, or with a list to choose from."""
    line = soup_of('<p class="ask"></p>').p
    line.extend(with_code(label_of(about)))
    if about["kind"] != "choice":
        line.append(soup_of('<span class="blank">………………</span>'))
        return [line]
    listed = soup_of('<ul class="ask"></ul>').ul
    for option in about["options"]:
        listed.append(soup_of("<li></li>").li)
        listed.contents[-1].extend(with_code(option))
    return [line, listed]


def label_of(about):
    return about["label"] + (" " if about["label"].endswith("?") else ": ")


def answered(about):
    line = soup_of("<li></li>").li
    answer = f"({about['answer']})" if about["kind"] == "shape" else about["answer"]
    strong = soup_of("<strong></strong>").strong
    strong.extend(with_code(answer))
    why = f"{'' if answer.endswith('.') else '.'} {about['why']}".rstrip()
    line.extend([*with_code(label_of(about)), strong, *with_code(why)])
    return line


def with_code(text):
    """Return a text in which `code` may stand in backticks as nodes."""
    pieces = [NavigableString(piece) for piece in text.split("`")]
    for place, piece in enumerate(pieces):
        if place % 2:
            pieces[place] = Tag(name="code")
            pieces[place].append(piece)
    return pieces


def unfold(section):
    """Show what is folded below its title."""
    for fold in section.find_all("details"):
        fold.name, fold["class"] = "div", "opened"
        if fold.summary:
            title = soup_of('<p class="unfolded"></p>').p
            title.string = re.sub(r"^Show t", "T", summary_of(fold))
            fold.summary.replace_with(title)


def check_links(book):
    """Refuse a book with a link into nothing, or with two places of one name."""
    places = book.places()
    ids = [e["id"] for c in book.chapters for e in [c.body, *c.body.find_all(id=True)]]
    twice = sorted({name for name in ids if ids.count(name) > 1}) if len(ids) > len(places) else []
    if twice:
        raise ValueError(f"the book has more than one place of each of these names: {twice}")
    lost = [
        f"{link['href']} in {chapter.name}"
        for chapter in book.chapters
        for link in chapter.body.select('a[href^="#"]')
        if link["href"][1:] not in places
    ]
    if lost:
        raise ValueError(f"the book has links to places that are not in it: {lost}")
