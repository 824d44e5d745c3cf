"""Keep pages light: no page loads what it does not use.

Extensions add their style sheets and scripts to every page, which doubles what a phone downloads.
And seven eighths of MyST-NB's styles are the 256 colours of a terminal, which no output here has,
and two thirds of sphinx-design's are for classes that no page here has.
"""

import re
from pathlib import Path

import monkeypatches

# A page needs the files whose name starts so only if its body holds one of these.
NEEDED_FOR = {
    "mystnb": ('class="cell',),
    "sg_gallery": ('class="sphx-glr', " sphx-glr"),
    "sg-tags": ("data-sgtags",),
    "sphinx-design": ('class="sd-', " sd-"),
    "design-tabs": ("sd-tab-set",),
    "copybutton": ('class="highlight"',),
    "clipboard": ('class="highlight"',),
    "math.css": ("<math",),
}
# No page needs these so far. A page that has tabs, or an example with tags, removes its name here.
NOT_YET_NEEDED = ("design-tabs", "sg-tags")
# Sphinx's own search, in whose place docs/_web/search is, and the scripts that only it needs.
REPLACED = (
    *("documentation_options", "doctools", "sphinx_highlight"),
    *("searchtools", "language_data"),
)
# What finished pages hold if files and marks still have these names, and else the complaint.
EXPECTED = {
    f"_static/{prefix}": f"no page loads a file whose name starts with {prefix!r}: "
    "if it has another name now, every page loads it"
    for prefix in NEEDED_FOR
    if prefix not in NOT_YET_NEEDED
} | {
    mark: f"no page holds {mark!r}: if it is called otherwise now, pages lack {prefix!r}"
    for prefix, marks in NEEDED_FOR.items()
    if prefix not in NOT_YET_NEEDED
    for mark in marks
}
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")  # of minified styles, also within @media { … }
CLASSES = re.compile(r'class="([^"]*)"')
NAME = re.compile(r"\.([\w-]+)")
COLOURS = re.compile(r"div\.highlight \.-Color[^{]*\{[^}]*\}\n*")


def add_named(app, pagename, templatename, context, doctree):
    """A style sheet that one page alone needs is named in its front matter: ``styles: my.css``."""
    for name in (context.get("meta") or {}).get("styles", "").split():
        app.add_css_file(name)


def drop_unused(app, pagename, templatename, context, doctree):
    body = context.get("body", "")

    def needed(file):
        name = str(file.filename).rpartition("/")[2]
        return all(
            any(mark in body for mark in marks)
            for prefix, marks in NEEDED_FOR.items()
            if name.startswith(prefix)
        ) and not name.startswith(REPLACED)

    for kind in ("css_files", "script_files"):
        context[kind] = [file for file in context[kind] if needed(file)]


def drop_replaced(app, exception):
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    files = {name: static / f"{name}.js" for name in REPLACED}
    gone = [name for name, file in files.items() if not file.exists()]
    if len(gone) == len(files):  # a build that writes no page copies none of them
        return
    if gone:
        monkeypatches.complain(f"{gone[0]}.js is gone (Sphinx 9.0.4): has it another name now?")
    for file in files.values():
        file.unlink(missing_ok=True)
    button = static / "copybutton.js"
    wanted, text = "= DOCUMENTATION_OPTIONS.URL_ROOT", button.read_text("utf-8")
    if wanted not in text:
        monkeypatches.complain(
            f"copybutton.js has no `{wanted}` to replace (sphinx-copybutton 0.5.2)"
        )
    button.write_text(text.replace(wanted, "= ''"), "utf-8", newline="\n")  # undefined anyway


def drop_colours(app, exception):
    if exception or app.builder.format != "html":
        return
    dropped = 0
    for path in Path(app.outdir, "_static").glob("mystnb*.css"):
        rest, count = COLOURS.subn("", path.read_text("utf-8"))
        path.write_text(rest, "utf-8", newline="\n")
        dropped += count
    if not dropped:
        monkeypatches.complain(
            "MyST-NB's styles have no `div.highlight .-Color…` to drop, as those of 1.4.0 had"
        )


def drop_designs(app, exception):
    """Of sphinx-design's styles keep those of its classes that some page has."""
    if exception or app.builder.format != "html":
        return
    pages = (path.read_text("utf-8") for path in Path(app.outdir).rglob("*.html"))
    used = {name for page in pages for names in CLASSES.findall(page) for name in names.split()}

    def is_used(selector):
        return all(name in used or not name.startswith("sd-") for name in NAME.findall(selector))

    styles = list(Path(app.outdir, "_static").glob("sphinx-design.min*.css"))
    for path in styles:
        rule = lambda match: match[0] if any(map(is_used, match[1].split(","))) else ""  # noqa: E731
        path.write_text(RULE.sub(rule, path.read_text("utf-8")), "utf-8", newline="\n")
    if not any(".sd-" in path.read_text("utf-8") for path in styles):
        monkeypatches.complain(
            "no file sphinx-design.min*.css (0.8.0) has a rule for a class in use"
        )


def complain_of_missing(app, exception):
    if exception is None and app.builder.format == "html":
        for prefix in NOT_YET_NEEDED:
            if not any(Path(app.outdir, "_static").glob(f"{prefix}*")):
                monkeypatches.complain(
                    f"no file's name starts with {prefix!r}: drop it from the list"
                )


def bring_them_back(app):
    """Before MyST-NB copies the file: it refuses to write over one that differs from its own."""
    if app.builder.format == "html":
        for path in Path(app.outdir, "_static").glob("mystnb*.css"):
            path.unlink()


def setup(app):
    app.connect("builder-inited", bring_them_back, priority=100)
    app.connect("html-page-context", add_named)
    app.connect("html-page-context", drop_unused, priority=900)  # after all that add files
    app.connect("build-finished", drop_replaced)
    app.connect("build-finished", drop_colours)
    app.connect("build-finished", drop_designs)
    app.connect("build-finished", complain_of_missing)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
