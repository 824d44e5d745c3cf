"""Fix, in the finished HTML, what other packages get wrong and offer no hook for.

Axe, a validator, the pages' own policy or a reader found each of these. postprocess.py applies
them, counts them over the whole site, and warns about one that hit nothing: then the package has
changed, and the fix must follow or go.
"""

import re
from html import escape
from typing import NamedTuple

from myst_nb.sphinx_ import HideCodeCellNode, depart_HideCellInput


class Fix(NamedTuple):
    upstream: str  # the release and the file that write it so
    wrong: str
    right: str


FIXES = (
    # ARIA 1.3 deprecates the role of an entry. A list without it needs no role either.
    Fix(
        "docutils 0.22.4, writers/_html_base.py, visit_citation",
        ' role="doc-biblioentry"',
        "",
    ),
    Fix(
        "docutils 0.22.4, writers/_html_base.py, visit_citation",
        '<div role="list" class="citation-list">',
        '<div class="citation-list">',
    ),
    # The theme has said so already.
    Fix(
        "docutils 0.22.4, writers/html5_polyglot/__init__.py",
        '<meta name="viewport" content="width=device-width, initial-scale=1" />',
        "",
    ),
    # HTML has no such attribute. It has one that shows the same words.
    Fix(
        "sphinx-gallery 0.22.1, backreferences.py, THUMBNAIL_TEMPLATE",
        'class="sphx-glr-thumbcontainer" tooltip=',
        'class="sphx-glr-thumbcontainer" title=',
    ),
    # The place for tags, once for each group of examples; no example here has tags.
    Fix(
        "sphinx-gallery 0.22.1, gen_rst.py, generate_dir_rst",
        "<div id='sg-tag-list' class='sphx-glr-tag-list'></div>",
        "",
    ),
    # Several landmarks of one kind need names. No block of the template surrounds only these.
    Fix(
        "Furo 2025.12.19, theme/furo/page.html",
        '<aside class="sidebar-drawer">',
        '<aside class="sidebar-drawer" aria-label="Site">',
    ),
    Fix(
        "Furo 2025.12.19, theme/furo/page.html",
        '<aside class="toc-drawer',
        '<aside aria-label="On this page" class="toc-drawer',
    ),
    # What shows when one scrolls up stood in no landmark.
    Fix(
        "Furo 2025.12.19, theme/furo/page.html",
        '<a href="#" class="back-to-top muted-link">',
        '<nav class="to-top" aria-label="Top of page"><a class="back-to-top muted-link" href="#">',
    ),
    Fix(
        "Furo 2025.12.19, theme/furo/page.html",
        '</a>\n        <div class="content-icon-container">',
        '</a></nav>\n        <div class="content-icon-container">',
    ),
)
# Names, punctuation and blanks have the colour of the code around them, in both of the theme's
# styles, so they need no mark of their own. Such marks were a twentieth of what a page weighs.
PLAIN = re.compile(r'<span class="[npw]">([^<]*)</span>')
# What some page holds once it is finished, and the complaint if none does.
EXPECTED = {
    "<h1>Search</h1>": "docs/_templates/search.html has given no page a heading: does Furo's "
    "page.html still have a block `content` (Furo 2025.12.19)?",
    'aria-haspopup="dialog"': "no page has the field of docs/_templates/sidebar/search.html: does "
    "Furo's sidebar still have a sidebar/search.html (Furo 2025.12.19)?",
    'class="header-right"': "no page has a `header-right`, into which open-search.js puts a button "
    "for phones (Furo 2025.12.19, theme/furo/page.html)",
    # As base.html writes it. The pages that only lead on have a head of their own.
    '<head><meta http-equiv="Content-Security-Policy"': "docs/_templates/base.html has given no "
    "page a policy: does Furo's base.html still have a block `site_meta` (Furo 2025.12.19)?",
    "bundles/page-start.js": "docs/_templates/base.html has given no page its first script: does "
    "Furo's base.html still have a block `body` (Furo 2025.12.19)?",
}


def fix(html):
    """Return a page as it should have been, and how often each fix was needed."""
    hits = {}
    for entry in FIXES:
        hits[entry.wrong] = html.count(entry.wrong)
        html = html.replace(entry.wrong, entry.right)
    html, hits[PLAIN.pattern] = PLAIN.subn(r"\1", html)
    return html, hits


def complaints():
    """Return the warning for each fix that hits nothing on the whole site."""
    return {
        entry.wrong: f"no page has {entry.wrong!r} to fix, as pages had with {entry.upstream}"
        for entry in FIXES
    } | {PLAIN.pattern: "no page marks names in code, as pages had with Pygments 2"}


def visit_folded_cell(translator, node):
    """Write the labels of a folded cell as spans, since a summary may not hold paragraphs.

    MyST-NB 1.4.0 also calls every folded cell "Toggle hidden content", whatever its label says.
    """
    classes = " ".join(node["classes"])
    labels = {"collapsed": node["prompt_show"], "expanded": node["prompt_hide"]}
    spans = "".join(
        f'<span class="{state} admonition-title">{escape(label)}</span>\n'
        for state, label in labels.items()
    )
    translator.body.append(
        f'<details class="admonition hide {classes}">\n<summary>\n{spans}</summary>\n'
    )


def add_visitors(app):
    app.add_node(HideCodeCellNode, True, html=(visit_folded_cell, depart_HideCellInput))
