"""Warn, and so fail the build, where no other extension does.

An image needs an alternative text, an example has run, and neither an output nor the text in a
figure has a NaN. A page about NaN says ``shows-nan: true`` in its front matter. A page about a
mistake prints the message that its front matter names.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.util import logging

import cells
import fixes

logger = logging.getLogger(__name__)
NAN = re.compile(r"\bnan\b", re.IGNORECASE)
# matplotlib draws text as paths, and writes its words into a comment before them.
WORDS = re.compile(rb"<!-- (.*?) -->")


def problems(doctree, source, folder, shows_nan=False):
    """Yield each node that has a problem, and the problem. Images are in `folder` or below."""
    images = list(doctree.findall(nodes.image))
    for image in images:
        path = folder / image["uri"]
        is_drawing = path.suffix == ".svg" and path.exists()
        # Not as text: the thumbnail of a failed example is a renamed PNG.
        words = b" ".join(WORDS.findall(path.read_bytes())) if is_drawing else b""
        if NAN.search(words.decode(errors="replace")):
            yield image, f"a figure has a NaN in its text: {image['uri']}"
        # A thumbnail has none by intent: the link beside it says the same in words.
        if not image.get("alt", "").strip() and "_thumb." not in image["uri"]:
            yield image, f"an image has no alternative text: {image['uri']}"
    outputs = list(doctree.findall(is_output))
    for output in outputs:
        if NAN.search(output.astext()) and not shows_nan:
            yield output, f"an output has a NaN: {output.astext()[-200:]}"
    if shows_nan and not any(NAN.search(output.astext()) for output in outputs):
        yield doctree, "the front matter says shows-nan, and no output has one"
    # sphinx-gallery copies an example beside the page that it makes of it.
    if source.with_suffix(".py").exists() and not outputs and not images:
        yield doctree, "the example has no output and no figure: did it run?"


def problems_of_a_fix(about, source, shown):
    """Yield what is wrong with the message that a page about a mistake names in its front matter.

    `source` is the page's text, and `shown` what its cells have printed.
    """
    marks = {*cells.MARK.findall(source)}
    if "stated" in about and marks:
        yield "the front matter says that the message is only stated, and a cell breaks or warns"
    elif "stated" not in about and "message" in about:
        if not any(says(message, shown) for message in fixes.messages_of(about)):
            yield f"no cell prints the message of the front matter, {about['message']!r}"
    elif "breaks" in marks and "message" not in about:
        yield "a cell breaks, and the front matter names no message"


def says(message, text):
    """Does the text say this? PyTorch 2.15 puts the name of a function before some messages."""
    message = " ".join(message.split())
    error = message.removesuffix(fixes.bare(message))
    sought = rf"{re.escape(error)}(\w+: )?{re.escape(fixes.bare(message))}"
    return bool(re.search(sought, " ".join(text.split())))


def is_output(node):
    """Say whether a cell of a page or an example has printed or returned this."""
    classes = node["classes"] if isinstance(node, nodes.Element) else ()
    return "output" in classes or "sphx-glr-script-out" in classes


def check(app, doctree):
    docname = app.env.current_document.docname
    source, shows_nan = Path(app.env.doc2path(docname)), "shows-nan" in app.env.metadata[docname]
    found = list(problems(doctree, source, Path(app.srcdir), shows_nan))
    if docname.startswith(fixes.FOLDER) and docname != fixes.INDEX:
        shown = "\n".join(node.astext() for node in doctree.findall(is_output))
        told = problems_of_a_fix(app.env.metadata[docname], source.read_text("utf-8"), shown)
        found += [(doctree, problem) for problem in told]
    for node, problem in found:
        logger.warning("%s", problem, location=node if node.line else docname, type="page")
        app.env.note_reread()  # so that the next build says it again


def setup(app):
    app.connect("doctree-read", check, priority=600)  # after Sphinx has resolved addresses
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
