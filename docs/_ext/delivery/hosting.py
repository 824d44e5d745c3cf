"""What a page says of itself to search engines and previews: a sentence or two, and its address.

With the site's full address (``html_baseurl``), each page has a canonical link, and a preview
(sphinxext-opengraph). Both need the address, so without it there are none.
"""

import re
from html import escape
from urllib.parse import urljoin

from docutils import nodes
from sphinx.errors import ConfigError

LONGEST = 200  # characters; search engines show about 160 of them
PREPARATIONS = ("You need ", "Chapter ", "Before you start")  # not what a page is about
FORMULA = "\0"  # stands for one that has more than a letter
SENTENCE = re.compile(r"(?<=[.?!])\s+")


def check_address(app, config):
    if not re.match(r"https?://[^/]|/(?!/)|$", config.html_baseurl):
        raise ConfigError(
            "the address of the site begins with https://, or is a path that begins with /; "
            f"got {config.html_baseurl!r}"
        )


def address_of(config, uri=""):
    """Return the full address of the site, a page or a file, or "" if the site's is not known."""
    if "://" not in config.html_baseurl:
        return ""
    # The first page of a folder has the address of the folder.
    return urljoin(config.html_baseurl, re.sub(r"(^|/)index\.html$", r"\1", uri))


def text_of(node):
    """Return the words of a node, without formulas and links to itself."""
    if isinstance(node, nodes.Text):
        return node.astext()
    if isinstance(node, nodes.math):
        return node.astext() if re.fullmatch(r"\w+", node.astext()) else FORMULA
    if "headerlink" in node["classes"]:
        return ""
    return "".join(map(text_of, node.children))


def description(doctree):
    """Return the first sentences of the page that say what it is about."""
    said = ""
    for paragraph in doctree.findall(nodes.paragraph):
        of_page = isinstance(paragraph.parent, nodes.section) or (
            type(paragraph.parent) is nodes.container and "cell" not in paragraph.parent["classes"]
        )
        text = " ".join(text_of(paragraph).split())
        if not of_page or text.startswith(PREPARATIONS):
            continue
        for sentence in SENTENCE.split(text):
            if not said and (FORMULA in sentence or len(sentence) > LONGEST):
                start = sentence.partition(FORMULA)[0][:LONGEST]
                return start[: start.rfind(" ")] + " …"
            longer = f"{said} {sentence}".strip()
            # A sentence that ends in a colon announces what does not follow here.
            if FORMULA in sentence or len(longer) > LONGEST or sentence.endswith(":"):
                return said
            said = longer
    return said


def describe(app, pagename, templatename, context, doctree):
    context["pageurl"] = None  # Sphinx would name index.html, and pages that only lead to others
    if doctree is None:
        context["metatags"] = context.get("metatags", "") + '<meta name="robots" content="noindex">'
        return
    here = context["pageurl"] = address_of(app.config, f"{pagename}.html")
    says, is_home = description(doctree), pagename == app.config.root_doc
    # What sphinxext-opengraph reads: its own description would cut off words, and begin with the
    # small print.
    context["meta"] = {**(context["meta"] or {}), "og:url": here, "og:description": escape(says)}
    context["meta"]["og:type"] = "website" if is_home else "article"
    if says:
        context["metatags"] += f'<meta name="description" content="{escape(says)}">\n'


def setup(app):
    app.connect("config-inited", check_address)
    app.connect("html-page-context", describe, priority=400)  # before sphinxext-opengraph
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
