"""The search: reads the sections of the pages that a build has written, and writes their index.

A section is whatever has an address: a heading with what is below it, an entry of the glossary, a
question, an exercise, a function. What each page holds is kept beside the doctrees when it is
written, so a build that writes one page makes the same index as a clean one.
docs/_web/search/make-index.js makes the index with MiniSearch, which also reads it.

The index and the texts for the words around a hit are scripts, since a page from a folder may load
a script and nothing else. The index is loaded when a reader asks for the search, and the text of a
page when it is among the results.
"""

import hashlib
import json
import posixpath
import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import bundles
from course_table import chapters

EMPTY = ("area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr")
INLINE = (
    *("a", "abbr", "b", "cite", "code", "em", "i", "kbd", "mark", "span", "strong", "sub", "sup"),
    *("math", "semantics", "annotation", "mi", "mn", "mo", "mrow", "msub", "msup", "msubsup"),
    "wbr",
)
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# What is no text of the page: what scripts replace, what repeats a title, and numbers of lines.
PASSED = {"script", "style", "svg", "button", "headerlink", "eqno", "linenos", "sphx-glr-footer"}
PASSED |= {"sphx-glr-thumbcontainer", "hero-stage"}
PASSED |= {"map-frame", "ask", "tabs", "cell-name"}

# Of a formula there is the LaTeX source. It is searched and shown as one would type it, W_hh.
SHAPES = (
    r"left|right|text\w*|math\w+|operatorname|q?quad|over\w+|hat|bar|tilde|vec|[lc]?dots|[bB]ig\w?"
)
LATEX = (
    (re.compile(r"\\(begin|end)\{\w+\}"), " "),
    (re.compile(rf"\\({SHAPES})(?![A-Za-z])|\\[,;!]"), ""),
    (re.compile(r"\\([A-Za-z]+)"), r" \1 "),
    (re.compile(r"[\\{}&]"), ""),
)
MAKER = bundles.WEB / "search" / "make-index.js"
FILES = (Path(__file__), *sorted(MAKER.parent.iterdir()))
CODE = hashlib.sha256(b"".join(path.read_bytes() for path in FILES)).hexdigest()


class Sections(HTMLParser):
    """The sections of a finished page, each a dictionary."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self._open = []  # of each open element: its tag, its section, the kinds of text it is in
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        _, section, kinds = self._open[-1] if self._open else ("", None, frozenset())
        if section and tag not in INLINE:
            self._add(" ")
        if tag in EMPTY:
            return
        marks = {tag, *(attrs.get("class") or "").split()}
        if tag == "section" or (attrs.get("id") and (tag == "dt" or "exercise" in marks)):
            section = {"id": attrs.get("id", ""), "title": "", "text": "", "leads": []}
            section |= {"words": "", "code": "", "links": ""}
            self.found.append(section)
        if section and (attrs.get("id") or "").startswith("equation-"):
            section["code"] += f" {attrs['id'].removeprefix('equation-')} "
        of_exercise = "admonition-title" in marks and section and not section["title"]
        if tag == "dt" and "sig" in marks and section["id"] and not section["title"]:
            section["title"] = section["id"]
        elif tag in HEADINGS or (tag == "dt" and attrs.get("id")) or of_exercise:
            kinds |= {"title"}
        elif tag == "pre":
            kinds |= {"code"}
        elif tag == "a" and "internal" in marks and not {"term", "passed"} & (marks | kinds):
            kinds |= {"links"}
            if section:
                section["leads"].append([attrs.get("href", ""), ""])
        kinds |= marks & {"traceback", "sig-param", "math", "annotation"}
        if marks & PASSED:
            kinds |= {"passed"}
        self._open.append([tag, section, kinds])

    def handle_endtag(self, tag):
        if tag in EMPTY or all(tag != name for name, *_ in self._open):
            return
        while self._open:
            name, section, _ = self._open.pop()
            if name == tag:
                break
        if tag in ("dt", "div") and self._open:
            self._open[-1][1] = section  # what follows belongs to it: a <dd>, a solution
        if tag not in INLINE:
            self._add(" ")

    def handle_data(self, data):
        kinds = self._open[-1][2] if self._open else ()
        if "annotation" in kinds:
            for pattern, plain in LATEX:
                data = pattern.sub(plain, data)
        elif "math" in kinds:
            return
        self._add(data)

    def _add(self, data):
        _, section, kinds = self._open[-1] if self._open else ("", None, ())
        if not section or "passed" in kinds:
            return
        if "title" in kinds and "sig-param" not in kinds:
            section["title"] += data
            return
        section["text"] += data
        if "links" in kinds and "code" not in kinds:
            section["links"] += data
            section["leads"][-1][1] += data
        elif "code" in kinds and "traceback" not in kinds:
            section["code"] += data
        else:
            section["words"] += data


def sections_of(html):
    """Return the sections of a page, each with what it says outside the sections within it."""
    sections = [
        {key: " ".join(v.split()) if isinstance(v, str) else v for key, v in section.items()}
        for section in Sections(html).found
    ]
    for term, entry in reversed([*pairwise(sections)]):
        if term["id"].startswith("term-") and not term["text"]:  # two terms of one entry
            term |= {key: entry[key] for key in ("text", "words")}
    return sections


def entries_of(pages):
    """Return what is indexed of each section, and which sections answer each question."""
    entries, number_of, answers = [], {}, {}
    for name, sections in pages.items():
        for section in sections:
            number_of.setdefault((name, ""), len(entries))  # the page itself is its first section
            number_of[name, section["id"]] = len(entries)
            entry = {field: section[field] for field in ("title", "words", "code", "links")}
            entry["page"] = "" if section is sections[0] else sections[0]["title"]
            entries.append(entry | {"number": len(entries), "asked": ""})
    for name, sections in pages.items():
        for section in sections:
            asks = name.startswith("questions/") and section is not sections[0]
            for href, text in section["leads"]:
                path, _, place = href.partition("#")
                target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
                number = number_of.get((target if path else name, place))
                if number is not None and asks:
                    answers.setdefault(number_of[name, section["id"]], []).append(number)
                elif number is not None:
                    entries[number]["asked"] += f" {text}"
    return entries, answers


def index_of(pages):
    """Return the index of these pages, as docs/_web/search/find-sections.js opens it."""
    entries, answers = entries_of(pages)
    titles = [
        [name.removesuffix(".html"), [[one["id"], one["title"]] for one in sections]]
        for name, sections in pages.items()
    ]
    made = json.loads(bundles.run_deno("run", str(MAKER), data=json.dumps(entries)))
    return {"pages": titles, "answers": answers, "terms": made}


def write(app, pages, names):
    """Write the index, and beside it the text of each page."""
    shutil.rmtree(Path(app.outdir, "_static", "search", "text"), ignore_errors=True)
    bundles.write_data(app, "search/index.js", index_of(pages) | {"names": names})
    for name, sections in pages.items():
        bundles.write_data(app, f"search/text/{name[:-5]}.js", [one["text"] for one in sections])


def keep(app, pagename, templatename, context, doctree):
    """Keep the sections of a page when it is written, beside the doctrees."""
    if doctree and app.builder.format == "html":
        path = kept_of(app, pagename)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(sections_of(context["body"])), "utf-8")


def kept_of(app, pagename):
    return Path(app.doctreedir, "sections", f"{pagename}.json")


def finish(app, exception):
    """Write the index, unless no section has changed since it was last written."""
    if exception or app.builder.format != "html":
        return
    folder, made = Path(app.outdir, "_static", "search"), Path(app.doctreedir, "searched.txt")
    texts = {name: kept_of(app, name).read_text("utf-8") for name in sorted(app.env.found_docs)}
    names = {page: chapter.label for page, chapter in chapters().items()}
    state = f"{folder} {CODE} {hashlib.sha256(json.dumps([texts, names]).encode()).hexdigest()}"
    if not folder.exists() or not made.exists() or made.read_text("utf-8") != state:
        pages = sorted((f"{name}.html", json.loads(text)) for name, text in texts.items())
        write(app, {name: sections for name, sections in pages if sections}, names)
        made.write_text(state, "utf-8")


def replace_search(app):
    """Let Sphinx make no index of its own, which no page would use."""
    if app.builder.format == "html":
        app.builder.search = False


def setup(app):
    app.add_config_value("search_code", CODE, "html", str)  # other code reads all pages anew
    app.connect("builder-inited", replace_search)
    app.connect("html-page-context", keep, priority=950)  # the page as it will be
    app.connect("build-finished", finish, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
