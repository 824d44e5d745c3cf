"""How many minutes a chapter takes to read, counted on its source, without its exercises.

The two rates are those that fit best, by least squares, what two readers needed for twenty
chapters. Fifteen of the twenty come out within a quarter of it.
"""

import re

WORDS = 90  # of prose that argues, in a minute
TOKENS = 115  # of code that is shown

FENCE = re.compile(
    r"^(?P<fence>`{3,}|:{3,}) *\{?(?P<name>[\w-]*)\}?(?P<body>[^\n]*\n.*?)^(?P=fence) *$",
    re.M | re.S,
)
FOLDED = ("dropdown", "exercise", "solution", "admonition")
HIDDEN = re.compile(r"tags: \[.*(?:hide-input|hide-cell|remove-)")
MARKUP = re.compile(r"^[|(#].*$|^---\n.*?\n---$|\{[\w:]+\}`|\]\([^)\n]*\)", re.M)


def counts(source):
    """Return the words of prose and the tokens of code that a reader meets."""
    text = re.sub(r"\A---\n.*?\n---\n", "", source, flags=re.S).partition("\n## Exercises\n")[0]
    tokens = 0

    def open_fence(match):
        nonlocal tokens
        name, body = match["name"], match["body"]
        if name in ("code-cell", "python"):
            head, _, code = body.partition("\n")[2].rpartition("\n---\n")
            if not HIDDEN.search(head):
                tokens += len(re.findall(r"\w+|[^\w\s]", code))
        return body if match["fence"].startswith(":") and name not in FOLDED else ""

    for _ in range(2):  # a block with a class may hold others
        text = FENCE.sub(open_fence, text)
    text = re.sub(r"\$\$.*?\$\$(?: \([\w-]+\))?", " ", text, flags=re.S)
    return len(re.findall(r"[^\W\d_][\w’'-]*", MARKUP.sub(" ", text))), tokens


def minutes(source):
    """Return the minutes, to the next five."""
    words, tokens = counts(source)
    return max(5, 5 * round((words / WORDS + tokens / TOKENS) / 5))
