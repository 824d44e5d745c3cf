"""Keep pages light: no page loads what it does not use.

Extensions add their style sheets and scripts to every page, which doubles what a phone downloads.
And seven eighths of MyST-NB's styles are the 256 colors of a terminal, which no output here has,
and two thirds of sphinx-design's are for classes that no page here has, as are a third of
sphinx-gallery's and a quarter of Furo's.
"""

import re
from pathlib import Path

import bundles

# Sphinx's own search, in whose place docs/_web/search is, and what only it needs.
REPLACED = ("searchtools", "language_data", "documentation_options", "doctools", "sphinx_highlight")
# A page needs the files whose name starts so only if its body holds one of these.
NEEDED_FOR = {
    "mystnb": ('class="cell',),
    "sg_gallery": ('class="sphx-glr', " sphx-glr"),
    "sg-tags": ("data-sgtags",),
    "sphinx-design": ('class="sd-', " sd-"),
    "design-tabs": ("sd-tab-set",),
    **dict.fromkeys(("copybutton.css", "pygments"), ('class="highlight"',)),
    **dict.fromkeys(("copybutton.js", "clipboard"), ()),  # docs/_web/bundles/page.js loads them
    "math.css": ("<math",),
    "map.css": ('class="map-frame',),
    "ask.": ('class="ask ',),
    "exercises.css": ('class="exercise-',),  # a card, or the memory
    "exercises.js": ('class="exercise-', 'class="map-frame'),
    "growth": ('class="growth"',),
    **dict.fromkeys(REPLACED, ()),
}
PRUNED = ("mystnb", "sphinx-design", "sg_gallery", "furo")
SET_LATER = {"scrolled", "scroll-current", "show-back-to-top"}  # by Furo's script
COMMENT = re.compile(r"/\*.*?\*/", re.S)
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")  # also within @media { … }
CLASSES = re.compile(r'class="([^"]*)"')
NOT = re.compile(r":not\([^()]*\)")  # holds for elements without these classes
NAME = re.compile(r"\.(-?[A-Za-z_][\w-]*)")


def drop_unused(app, pagename, templatename, context, doctree):
    body = context.get("body", "")

    def needed(file):
        name = str(file.filename).rpartition("/")[2]
        return all(
            any(mark in body for mark in marks)
            for prefix, marks in NEEDED_FOR.items()
            if name.startswith(prefix)
        )

    for kind in ("css_files", "script_files"):
        context[kind] = [file for file in context[kind] if needed(file)]


def prune(app, exception):
    """Of these style sheets keep the rules for classes that some page has."""
    if exception or app.builder.format != "html":
        return
    pages = (path.read_text("utf-8") for path in Path(app.outdir).rglob("*.html"))
    used = {name for page in pages for names in CLASSES.findall(page) for name in names.split()}
    used |= SET_LATER

    def kept(rule):
        selectors = map(NAME.findall, NOT.sub("", rule[1]).split(","))
        return rule[0] if any(used.issuperset(names) for names in selectors) else ""

    static = Path(app.outdir, "_static")
    for name in REPLACED:
        (static / f"{name}.js").unlink(missing_ok=True)
    for path in static.rglob("*.css"):
        if path.name.startswith(PRUNED):
            styles = RULE.sub(kept, COMMENT.sub("", path.read_text("utf-8")))
            path.write_text(styles, "utf-8", newline="\n")
    bundles.bundle({"custom.css": (static / "custom.css").read_text("utf-8")}, static)  # minified


def remove_pruned(app):
    """Before MyST-NB copies its file: it refuses to write over one that differs from its own."""
    if app.builder.format == "html":
        for path in Path(app.outdir, "_static").glob("mystnb*.css"):
            path.unlink()


def setup(app):
    app.connect("builder-inited", remove_pruned, priority=100)
    app.connect("html-page-context", drop_unused, priority=900)  # after all that add files
    app.connect("build-finished", prune)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
