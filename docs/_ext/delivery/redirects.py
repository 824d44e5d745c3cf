"""Old addresses lead on: docs/_moved.toml names each address that has moved, and where it is now.

    "old-page" = "new-page"
    "old-page" = "page#part"
    "page#old-part" = "page#new-part"
    "page#part" = "other-page#part"

A part of a page keeps its old address beside the new one. For what has gone to another page, the
old place holds a link to the new one, which bundles/moved.js follows at once. Nothing is asked of a
server, so this works from a folder, too.
"""

import tomllib
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.util import logging
from sphinx.util.osutil import relative_uri

logger = logging.getLogger(__name__)
SCRIPT = "bundles/moved.js"


def read(app, config):
    path = Path(app.srcdir, "_moved.toml")
    config.moved = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}


def complain(problem, *args):
    logger.warning(f"_moved.toml: {problem}", *args, type="address")


def check(app, env):
    """Warn about a move that cannot be right, whatever the pages hold."""
    for old, new in env.config.moved.items():
        if new.partition("#")[0] not in env.found_docs:
            complain("%r leads to %r, which is no page", old, new)
        if "#" not in old and old in env.found_docs:
            complain("%r has moved, and is still a page", old)


def moves_from(config, page):
    """Return the parts that have left this page, or changed their address on it."""
    moves = ((*old.partition("#"), new) for old, new in config.moved.items())
    return {part: new for name, _, part, new in moves if name == page and part}


def uri_of(app, new, page):
    name, hash_, part = new.partition("#")
    return app.builder.get_relative_uri(page, name) + hash_ + part


def link_to(app, old_part, new, page):
    title = app.env.titles.get(new.partition("#")[0])
    words = escape(title.astext() if title else new)
    return f'<a data-moved="{escape(old_part)}" href="{uri_of(app, new, page)}">{words}</a>'


def keep_old_parts(app, doctree, docname):
    if app.builder.format != "html":
        return
    for part, new in moves_from(app.config, docname).items():
        name, _, new_part = new.partition("#")
        if any(part in node["ids"] for node in doctree.findall(nodes.Element)):
            complain("%r has moved, and is still there", f"{docname}#{part}")
        elif name != docname:
            link = link_to(app, part, new, docname)
            html = f'<p class="moved" id="{escape(part)}">This part has moved to {link}.</p>\n'
            next(doctree.findall(nodes.section)).append(nodes.raw("", html, format="html"))
        elif there := [n for n in doctree.findall(nodes.Element) if new_part in n["ids"]]:
            there[0]["ids"].append(part)
        else:
            complain("%r leads to %r, which is not there", f"{docname}#{part}", new)


def write_old_pages(app, exception):
    """Write a page for each old address, which says where the new page is.

    For a page that Sphinx writes, the theme would make a whole navigation.
    """
    if exception or app.builder.format != "html":
        return
    for old, new in app.config.moved.items():
        if "#" not in old:
            parts = moves_from(app.config, old).items()
            context = {
                "uri": uri_of(app, new, old),
                "link": link_to(app, "", new, old),
                "parts": [(part, link_to(app, part, at, old)) for part, at in parts],
                "script": relative_uri(app.builder.get_target_uri(old), f"_static/{SCRIPT}"),
            }
            page = Path(app.outdir, f"{old}.html")
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(app.builder.templates.render("moved.html", context) + "\n", "utf-8")


def add_script(app, pagename, templatename, context, doctree):
    pages = {new.partition("#")[0] for new in moves_from(app.config, pagename).values()}
    if doctree and pages - {pagename}:
        app.add_js_file(SCRIPT, loading_method="defer")


def setup(app):
    app.add_config_value("moved", {}, "env", types=frozenset({dict}))
    app.connect("config-inited", read)
    app.connect("env-updated", check)
    app.connect("doctree-resolved", keep_old_parts)
    app.connect("build-finished", write_old_pages)
    app.connect("html-page-context", add_script)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
