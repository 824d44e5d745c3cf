"""How heavy a page of the site may be: every limit on bytes, requests and movement, in one place.

Bytes are gzipped. The limits stand a little above what pages weigh today. A change that needs more
raises one here, and says why. The font of the text is 31,000 bytes of each page. Shadows at the
edges of tables, pictures as wide as a phone and marks of headings took 300 bytes of styles.
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
    # 21: the map, the field and what is solved have a style sheet or a script each. The ways back
    # from each row of the map to the next took 200 bytes of the page.
    # A chapter more takes 150 bytes of the map.
    "home": Budget("index.html", "index.html", 13_400, 58_500, 21),
    # 2,200 words with derivations in MathML, and the folded code of the figures. Real text has six
    # passages that a network wrote; Look inside has what three networks say of one, in colors.
    # The functions that Python judges took 300 bytes, and figures of what pages only printed, with
    # their folded code, 2,300. A part loads when the reader comes near: what
    # all parts share, with the network and its backward pass, and the wave are 12,000 bytes, the
    # valves 6,500, and 19,000 the readers, most of it their networks. Look inside, with what
    # trains a network in other chapters, took 5,500, two texts for the valves 1,200, and what
    # eases 1,500. Five figures and five parts.
    "chapter": Budget("learn/*", "learn/gates.html", 41_000, 147_500, 28),
    "fix": Budget("fix/*", "fix/expected-hidden-size.html", 23_000, 64_500, 16),
    # The index lists all questions; some fifty came with the chapters on tasks, and fifty more with
    # those on attention, states and what is inside.
    "questions": Budget("questions/*", "questions/shapes.html", 32_000, 55_200, 12),
    "gallery": Budget("gallery/*", "gallery/limits/gradient_flow.html", 13_000, 88_500, 21),
    # CTC, its loss and its gradient brought 600 bytes, and the loss of a quantile some more. Heads,
    # a transformer block, and two states that are matrices, each as loop, table, chunks and
    # backward pass, are eleven functions and 4,500 bytes.
    "reference of the package": Budget("api/*", "api/equations.html", 26_200, 84_500, 16),
    "playground": Budget("playground.html", "playground.html", 12_800, 121_200, 19),
    "glossary": Budget("glossary.html", "glossary.html", 14_000, 77_500, 13),
    # Whoever opens it wants to search, so it loads the index at once. MiniSearch's has 23,000 bytes
    # more than ours had, since it counts each word by the field where it is, and itself has 7,000.
    # The pages for four vague questions and the manual of *Into use* brought 5,000, and five
    # chapters on tasks, with eight pages of *Fix* and some sixty questions, 45,000. The three last
    # chapters, the page on scores and some forty questions took 30,000 more.
    "search": Budget("search.html", "search.html", 6_500, 380_000, 15),
    # Its tables, and what the words in them mean: axe, autograd, central differences.
    "proof": Budget("proof.html", "proof.html", 12_000, 77_000, 13),
    "other": Budget("*", "notation.html", 28_500, 77_500, 13),
}
LAYOUT_SHIFT = 0.05  # how much of the screen moves in all, as Chromium counts; 0.1 counts as good
SHARED = 101_000  # bytes of styles, scripts and fonts of any page, without the playground's
INDEX = 1000  # bytes of the search index, which is loaded when a reader searches, per page
PLAYGROUND = 37_900  # bytes of the playground's scripts and styles, which its page loads at once
# 38% more weights than in the network before, which read no novel: half a second more at 1 Mbit/s.
HERO = 258_000  # bytes of the hero's script and network, which come after the first paint
# 740 bytes of styles make an exercise one card, with rows and buttons that a finger can hit. The
# quiz of the playground is a form of the exercises, so it has them, too. That a reader may want no
# motion is asked by one function for all, which is 20 bytes.
# Their script lists all exercises of the course, so that of a chapter more takes 90 bytes.
EXERCISES = 8_600  # bytes of the scripts and styles of the exercises


def kind_of(page):
    """Return the kind of a page: the first whose pattern it has."""
    return next(kind for kind, budget in BUDGETS.items() if fnmatch(page, budget.pattern))
