"""Offer the figures and notebooks of the whole course as one file, for teachers.

The role ``{materials}`text` `` links to it from any page. The figures are in the order of their
pages, and a list says what each shows.
"""

import re
import zipfile
from html import unescape
from pathlib import Path

import upstream
from docutils import nodes
from exercises import reading_order
from sphinx.util.docutils import SphinxRole

NAME = "charseq-figures-and-notebooks.zip"
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
        upstream.complain(
            "no page has a figure: is <img alt=… src=…> written otherwise (docutils 0.22)?"
        )
    for path in sorted(Path(app.srcdir, "gallery").rglob("*.ipynb")):
        members[f"notebooks/{path.name}"] = path.read_bytes()
    members["what-the-figures-show.txt"] = "\n".join(listed).encode()
    members["LICENSE"] = Path(app.confdir).parent.joinpath("LICENSE").read_bytes()
    with zipfile.ZipFile(Path(app.outdir, "_static", NAME), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            about = zipfile.ZipInfo(name)  # dated 1980: the same bytes in each build
            about.external_attr, about.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(about, data)


def setup(app):
    app.add_role("materials", MaterialsRole())
    app.connect("build-finished", build, priority=950)  # after finish.py
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
