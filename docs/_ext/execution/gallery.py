"""sphinx-gallery's loose ends: reading order, a clean start for each script, stable bytes."""

import logging
import random
import re
import sys
from difflib import unified_diff
from pathlib import Path

import matplotlib
from docutils import nodes

import figures


class ReadingOrder:
    """Sort key for the scripts of a part: their order ends its header, as ``.. order: one two``.

    One that is not named there comes last.
    """

    def __init__(self, src_dir):
        self.header = Path(src_dir, "GALLERY_HEADER.rst")

    def __call__(self, filename):
        order, stem = self.header.read_text("utf-8").partition(".. order:")[2], Path(filename).stem
        return ([*order.split(), stem].index(stem), stem)


EQUATION = re.compile(rb":eq:`([^`]+)`")
USE = re.compile(r"^  (:doc:`.*`)$", re.M)
PAGE = re.compile(rb":doc:`(?:/gallery/)?([^`]+)`")


def mend_downloads(app, exception):
    """Say in words what only Sphinx can link."""
    for path in Path(app.outdir, "_downloads").glob("*/*.*"):
        if not exception and path.suffix in (".py", ".ipynb"):
            text = EQUATION.sub(rb"equation ``\1`` of the site", path.read_bytes())
            path.write_bytes(PAGE.sub(rb"``\1``", text))


def start_afresh(gallery_conf, fname):
    """Leave no trace of the script before: each must run alone, just as readers run it."""
    import numpy as np

    matplotlib.rcdefaults()
    matplotlib.use("module://figures")
    matplotlib.rcParams.update(figures.RC)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the global state is what must not leak
    if torch := sys.modules.get("torch"):  # not imported for its sake
        torch.set_default_dtype(torch.float32)
        torch.manual_seed(67280421310721)  # the seed of a fresh interpreter


def examples_of_a_name(app, what, name, obj, options, lines):
    """End what the reference says of a name with the examples that use it."""
    folder = app.config.sphinx_gallery_conf["backreferences_dir"]
    file = Path(app.srcdir, folder, f"{name}.examples")
    if file.exists() and (uses := USE.findall(file.read_text("utf-8"))):
        app.env.note_dependency(str(file))  # touched only when it changes
        lines += ["", ".. rubric:: Experiments that use it", "", *(f"* {use}" for use in uses), ""]


def show_figure_first(app, doctree):
    """Put the first figure of an example above its code, for the first screen to show it."""
    blocks = doctree.findall(nodes.literal_block)
    code = (block for block in blocks if block.get("language") == "Python")
    figures_of_it = doctree.findall(
        lambda node: isinstance(node, nodes.image) and "sphx-glr-single-img" in node["classes"]
    )
    block, figure = next(code, None), next(figures_of_it, None)
    if block and figure and app.env.current_document.docname.startswith("gallery/"):
        figure.parent.remove(figure)
        while isinstance(block.parent, nodes.container):
            block = block.parent
        block.parent.insert(block.parent.index(block), figure)


def code_lines(script):
    """Return the lines of a script without those that are prose."""
    _, _, code = script.read_text("utf-8").split('"""', 2)
    return [line for line in code.strip().splitlines() if not line.startswith("#")]


def show_difference(app, docname, source):
    """End the page of a cell with what its program has in place of the plain RNN's lines."""
    script = Path(app.srcdir, f"{docname}.py")
    plain = script.with_name("rnn_from_scratch.py")
    if script.match("scratch/*_from_scratch.py") and script != plain:
        app.env.note_dependency(str(plain))
        names = {"fromfile": plain.name, "tofile": script.name, "lineterm": ""}
        lines = unified_diff(code_lines(plain), code_lines(script), **names, n=1)
        title = "What differs from the plain RNN"
        block = [title, "-" * len(title), "", ".. code-block:: diff", ""]
        block += [f"    {line}".rstrip() for line in lines]
        before, download, after = source[0].partition(".. _sphx_glr_download_")
        source[0] = before + "\n".join(block) + "\n\n" + download + after


def is_news(record):
    """Say whether a line of the log is worth showing: workers.py has run the examples before."""
    return "successfully executed 0 out of 0" not in record.getMessage()


def setup(app):
    logging.getLogger("sphinx.sphinx-gallery").addFilter(is_news)
    app.connect("autodoc-process-docstring", examples_of_a_name, priority=600)  # after numpydoc
    app.connect("source-read", show_difference)
    app.connect("doctree-read", show_figure_first, priority=540)  # before anchors.py marks it
    app.connect("build-finished", mend_downloads)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
