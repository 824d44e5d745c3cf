"""Fix, in the finished HTML, what other packages get wrong and offer no hook for.

Axe or a reader found each of these. finish.py applies them, counts them over the whole site, and
warns about one that hit nothing: then the package has changed, and the fix must follow or go.
"""

from typing import NamedTuple


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
    # The name of every folded cell, whatever its visible label says.
    Fix(
        "MyST-NB 1.4.0, sphinx_.py, visit_HideCellInput",
        ' aria-label="Toggle hidden content"',
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
)
# What some page holds once it is finished, and the complaint if none does.
EXPECTED = {
    "<h1>Search</h1>": "docs/_templates/search.html has given no page a heading: does Furo's "
    "search.html still have a block `content` (Furo 2025.12.19)?",
}


def fix(html):
    """Return a page as it should have been, and how often each fix was needed."""
    hits = {}
    for entry in FIXES:
        hits[entry.wrong] = html.count(entry.wrong)
        html = html.replace(entry.wrong, entry.right)
    return html, hits


def complaints():
    """Return the warning for each fix that hits nothing on the whole site."""
    return {
        entry.wrong: f"no page has {entry.wrong!r} to fix, as pages had with {entry.upstream}"
        for entry in FIXES
    }
