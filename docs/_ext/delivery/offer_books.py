"""Offer the course as books, if they have been made: what `dev.py books` puts into _build/books.

A page has the words in ``{books}``, which is shown only if all books are there. In it,
``{book}`an EPUB <charseq.epub>` `` becomes a link, with the size of the file.
"""

import re
import shutil
from pathlib import Path

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective, SphinxRole

NAMES = ("charseq.epub", "charseq.pdf")


class books(nodes.General, nodes.Element):  # noqa: N801 - docutils names visitors after it
    """What a page says about the books."""


class Books(SphinxDirective):
    has_content = True

    def run(self):
        self.env.metadata[self.env.current_document.docname]["books"] = True
        return [books("", *self.parse_content_to_nodes())]


class BookRole(SphinxRole):
    def run(self):
        text, name = re.fullmatch(r"(.*?) ?<(.*)>", self.text, re.S).groups()
        if name not in NAMES:
            problem = f"there is no book {name!r}; the books are {', '.join(NAMES)}"
            return [], [self.inliner.reporter.error(problem, line=self.lineno)]
        up = "../" * self.env.current_document.docname.count("/")
        target = f"{up}_static/{name}"
        return [nodes.reference(self.rawtext, text, refuri=target, internal=True, book=name)], []


def made(app):
    """Return the books, or nothing if one of them is missing."""
    paths = [Path(app.confdir).parent / "_build" / "books" / name for name in NAMES]
    return {path.name: path for path in paths} if all(path.exists() for path in paths) else {}


class Offer(SphinxPostTransform):
    default_priority = 5

    def run(self, **kwargs):
        paths = made(self.app)
        for place in list(self.document.findall(books)):
            for link in place.findall(lambda node: "book" in getattr(node, "attributes", ())):
                size = paths[link["book"]].stat().st_size / 1e6 if paths else 0
                link += nodes.Text(f" ({size:.1f} MB)")
            place.replace_self(place.children if paths else [])


def to_write_anew(app, env):
    """Name the pages that offer books: since they were written, books may have come or gone."""
    return [name for name, about in env.metadata.items() if "books" in about]


def copy(app, exception):
    if exception or app.builder.format != "html":
        return
    paths = made(app)
    for name in NAMES:
        target = Path(app.outdir, "_static", name)
        if name in paths:
            shutil.copyfile(paths[name], target)
        else:
            target.unlink(missing_ok=True)


def setup(app):
    app.add_node(books)
    app.add_directive("books", Books)
    app.add_role("book", BookRole())
    app.add_post_transform(Offer)
    app.connect("env-updated", to_write_anew)
    app.connect("build-finished", copy)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
