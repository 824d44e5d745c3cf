"""Put a part of the playground on a page: ``{play} train``.

Its options become the part's settings. Its body is what the page says where scripts do not run;
_static/play/play.js puts the part in its place. A chapter loads it once the part comes near, which
near.js looks out for; the page with all the parts loads one file instead of many. The scripts run
as they are; the site's copies lack comments and indentation, a third of what a phone would load.
"""

import re
from pathlib import Path
from urllib.parse import urlencode

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

# A comment, with the rest of its line if that is all it holds.
COMMENT = re.compile(r"(?m:^ *)(/\*(?:(?!\*/)[\s\S])*\*/ *\n|//.*\n)|/\*\*(?:(?!\*/)[\s\S])*\*/ ?")


# What the page of the playground needs, in this order, as one file.
WHOLE = (
    *("core", "training", "settings", "shapes", "play", "curves", "verdict", "train"),
    *("terms", "inside", "sums", "step", "quiz", "explorer"),
)
SOURCE = Path(__file__).parents[1] / "_static" / "play"


class play(nodes.General, nodes.Element):  # noqa: N801 - docutils names visitors after it
    pass


class AnyOption(dict):
    """Takes options of any name: they are the settings of a part, which knows its own."""

    def __bool__(self):
        return True

    def __missing__(self, name):
        return directives.unchanged


class Play(SphinxDirective):
    required_arguments = 1
    option_spec = AnyOption()
    has_content = True

    def run(self):
        if not self.content:
            raise self.error("a part needs a body: it is all that there is without scripts")
        node = play(name=self.arguments[0], options=urlencode(self.options))
        node += self.parse_content_to_nodes()
        self.set_source_info(node)
        return [node]


def visit(translator, node):
    attributes = {"data-play": node["name"], "data-options": node["options"]}
    translator.body.append(translator.starttag(node, "div", CLASS="play", **attributes))
    translator.body.append('<div class="play-fallback">\n')


def depart(translator, node):
    translator.body.append("</div></div>\n")


def nothing(translator, node):
    """The body alone is all that other formats show."""


def add_files(app, pagename, templatename, context, doctree):
    parts = {node["name"] for node in doctree.findall(play)} if doctree else set()
    if "train" in parts:
        app.add_css_file("play/play.css")
    if parts:
        script = "whole" if "train" in parts else "near"
        app.add_js_file(f"play/{script}.js", loading_method="defer")


def lean(source):
    """Leave out comments, empty lines and indentation, but not within the text of `…`.

    The library for it, rjsmin, breaks our scripts: it knows `…` only if no other is nested in it.
    """
    kept, within = [], False
    for line in COMMENT.sub("", source).splitlines():
        if within or line.strip():
            kept.append(line if within else line.lstrip())
        within ^= line.count("`") % 2 == 1
    return "\n".join(kept) + "\n"


def write_whole(app):
    """Before any page is written: each says which version of the file it wants."""
    if app.builder.format == "html":
        target = Path(app.outdir, "_static", "play", "whole.js")
        target.parent.mkdir(parents=True, exist_ok=True)
        whole = "".join((SOURCE / f"{name}.js").read_text("utf-8") for name in WHOLE)
        target.write_text(lean(whole), "utf-8", newline="\n")


def make_lean(app, exception):
    if exception or app.builder.format != "html":
        return
    for path in Path(app.outdir, "_static", "play").iterdir():
        path.write_text(lean(path.read_text("utf-8")), "utf-8", newline="\n")


def setup(app):
    others = dict.fromkeys(("latex", "text", "man", "texinfo"), (nothing, nothing))
    app.add_node(play, html=(visit, depart), **others)
    app.add_directive("play", Play)
    app.connect("builder-inited", write_whole)
    app.connect("html-page-context", add_files)
    app.connect("build-finished", make_lean)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
