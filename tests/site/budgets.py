"""How heavy a page of the site may be: every limit on bytes, requests and movement, in one place.

Bytes are gzipped. The limits are round numbers above what pages weigh today: they
stop what weighs a picture or a network more, and not a sentence.
"""

from fnmatch import fnmatch
from typing import NamedTuple


class Budget(NamedTuple):
    """What the pages of a kind may weigh, and the one of them that a browser opens."""

    pattern: str  # of the kind's pages
    opened: str
    html: int  # bytes of any page of the kind
    code: int  # bytes of styles, scripts and fonts that the opened page loads, in the end
    requests: int  # of the opened page, with its figures


BUDGETS = {
    "home": Budget("index.html", "index.html", 15_000, 75_000, 25),
    "chapter": Budget("learn/*", "learn/gates.html", 45_000, 150_000, 30),
    "fix": Budget("fix/*", "fix/expected-hidden-size.html", 25_000, 70_000, 20),
    "questions": Budget("questions/*", "questions/shapes.html", 35_000, 65_000, 15),
    "gallery": Budget("gallery/*", "gallery/limits/gradient_flow.html", 15_000, 90_000, 25),
    "reference of the package": Budget("api/*", "api/equations.html", 30_000, 90_000, 20),
    "playground": Budget("playground.html", "playground.html", 15_000, 125_000, 20),
    "search": Budget("search.html", "search.html", 10_000, 400_000, 20),
    "other": Budget("*", "notation.html", 30_000, 90_000, 15),
}
LAYOUT_SHIFT = 0.05  # how much of the screen moves in all, as Chromium counts; 0.1 counts as good
SHARED = 110_000  # bytes of styles, scripts and fonts of any page, without the playground's
INDEX = 1_000  # bytes of the search index, which is loaded when a reader searches, per page
PLAYGROUND = 40_000  # bytes of the playground's scripts and styles, which its page loads at once
HERO = 260_000  # bytes of the hero's script and network, which come after the first paint
EXERCISES = 10_000  # bytes of the scripts and styles of the exercises


def kind_of(page):
    """Return the kind of a page: the first whose pattern it has."""
    return next(kind for kind, budget in BUDGETS.items() if fnmatch(page, budget.pattern))
