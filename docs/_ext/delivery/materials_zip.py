"""Offer the whole course as one file: notebooks, scripts, figures, and the package that they need.

The role ``{materials}`text` `` links to it from any page. The figures are in the order of their
pages, and a list says what each shows.
"""

import re
import zipfile
from html import unescape
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxRole

import monkeypatches
import notebooks
import offer_wheel
from exercises import reading_order

NAME = "charseq-everything.zip"
README = """\
The course charseq: recurrent networks, line by line

  learn, before   each chapter as a notebook and as a script
  gallery         each experiment as a notebook and as a script
  figures         the figures of both; what-the-figures-show.txt says what is in each
  {wheel}
                  the package that they need

To run them, install Python 3.11 or newer. Then type, in this folder,

  python -m pip install {wheel}
  python learn/recurrence.py

The notebooks also need Jupyter: python -m pip install jupyterlab
You may use and change everything under the MIT licence, see LICENSE.
"""
FIGURE = re.compile(r'<img\b[^>]*?\balt="([^"]*)"[^>]*?\bsrc="([^"]*\.svg)"', re.S)


class MaterialsRole(SphinxRole):
    def run(self):
        up = "../" * self.env.current_document.docname.count("/")
        return [nodes.reference(self.rawtext, self.text, refuri=f"{up}_static/{NAME}")], []


def figures(out, pages):
    """Yield page, number, alternative text and file of each figure, in the order of pages."""
    for page in pages:
        path = Path(out, f"{page}.html")
        html = path.read_text("utf-8")
        article = html.partition("<article")[2].partition("</article>")[0]
        for number, (alt, src) in enumerate(FIGURE.findall(article), 1):
            if "_thumb" not in src:
                yield page, number, unescape(alt), path.parent / src


def files_to_run(app):
    """Return the notebooks and scripts: those of the chapters, and those of the gallery."""
    found = {}
    for kind in ("ipynb", "py"):
        for folder in notebooks.CHAPTERS:
            for path in sorted(Path(app.outdir, folder).glob(f"*.{kind}")):
                found[f"{folder}{path.name}"] = path.read_bytes()
        for path in sorted(Path(app.srcdir, "gallery").rglob(f"*.{kind}")):
            found[f"gallery/{path.name}"] = path.read_bytes()
    return found


def build(app, exception):
    if exception or app.builder.format != "html":
        return
    pages = [name for name in reading_order(app.env) if name.startswith(("learn/", "before/"))]
    pages += [name for name in reading_order(app.env) if re.match("gallery/.*/(?!index)", name)]
    members, listed = {}, []
    for page, number, alt, path in figures(app.outdir, pages):
        name = f"figures/{page}-{number}.svg"
        members[name] = path.read_bytes()
        listed.append(f"{name}\n    {' '.join(alt.split())}\n")
    if not members:
        monkeypatches.complain(
            "no page has a figure: is <img alt=… src=…> written otherwise (docutils 0.22)?"
        )
    wheel = offer_wheel.filename(app.config)
    members |= files_to_run(app) | {wheel: Path(app.outdir, "_static", wheel).read_bytes()}
    members["README.txt"] = README.format(wheel=wheel).encode()
    members["what-the-figures-show.txt"] = "\n".join(listed).encode()
    members["LICENSE"] = Path(app.confdir).parent.joinpath("LICENSE").read_bytes()
    with zipfile.ZipFile(Path(app.outdir, "_static", NAME), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            about = zipfile.ZipInfo(name)  # dated 1980: the same bytes in each build
            about.external_attr, about.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(about, data)


def setup(app):
    app.add_role("materials", MaterialsRole())
    app.connect("build-finished", build, priority=950)  # after postprocess.py
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
