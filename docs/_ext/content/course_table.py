"""The table of chapters, ``docs/_chapters.toml``, with the titles and questions of the pages."""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[2]
# How fast one reads, by what readers needed who had never met the subject.
WORDS, TOKENS = 90, 115  # of prose that argues, and of code that is shown, in a minute
EXERCISE = 5  # minutes for one, from the question to the solution
# Minutes for a live part, for a figure, and for each of the two signs around a formula.
LOOKED_AT = {r"^`{3,}\{play\}": 2, r"^ +caption:": 0.5, r"^\$\$(?= \(|$)": 0.3}
ASKED = r"^:class: exercise$"

FENCE = re.compile(
    r"^(?P<fence>`{3,}|:{3,}) *\{?(?P<name>[\w-]*)\}?(?P<body>[^\n]*\n.*?)^(?P=fence) *$",
    re.M | re.S,
)
FOLDED = ("dropdown", "exercise", "solution", "admonition")
HIDDEN = re.compile(r"tags: \[.*(?:hide-input|hide-cell|remove-)")
MARKUP = re.compile(r"^[|(#].*$|^---\n.*?\n---$|\{[\w:]+\}`|\]\([^)\n]*\)", re.M)


class Chapter(NamedTuple):
    page: str
    label: str
    minutes: int  # without the exercises
    exercises: int  # minutes for these
    number: int  # 0 for what comes before the first chapter
    question: str
    place: str = ""
    needs: tuple = ()

    @property
    def short(self):
        return f"{self.number} {self.label}" if self.number else self.label


class Stop(NamedTuple):
    """Where a path through the course stops: at a chapter, a part of one, or another page."""

    page: str
    part: str = ""  # what to read there, if it isn't all
    section: str = ""
    minutes: int = 0  # 0 for those of the chapter
    label: str = ""  # the name of what is no chapter

    @property
    def link(self):
        name = self.label or chapters()[self.page].short
        link = f"{{doc}}`{name} </{self.page}>`"
        if self.section:
            link = f"[{name}](/{self.page}.md#{self.section})"
        return f"{link} ({self.part})" if self.part else link

    @property
    def takes(self):
        return self.minutes or chapters()[self.page].minutes


@cache
def table(docs=DOCS):
    """Return the parts and the paths, with each chapter in full."""
    path = docs / "_chapters.toml"
    listed = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
    number = 0
    for part in listed.get("part", ()):
        for at, about in enumerate(part["chapters"]):
            text = (docs / f"{about['page']}.md").read_text("utf-8")
            question = re.search(r"^\*([^*\n]+)\*$", text, re.M)[1]
            number += "place" in about
            about |= {"question": typeset(question), "minutes": minutes(text)}
            about["exercises"] = to_five(EXERCISE * len(re.findall(ASKED, text, re.M)))
            part["chapters"][at] = Chapter(**about, number=number if "place" in about else 0)
    for path in listed.get("path", ()):
        told = [{"page": stop} if isinstance(stop, str) else stop for stop in path["stops"]]
        path["stops"] = [Stop(**stop) for stop in told]
    return [p for p in listed.get("part", ()) if p["chapters"]], listed.get("path", [])


def typeset(text):
    return re.sub('"([^"]*)"', r"“\1”", text).replace("'", "’")


def chapters(docs=DOCS):
    """Return each chapter by its page, in the order of reading."""
    return {chapter.page: chapter for part in table(docs)[0] for chapter in part["chapters"]}


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
    body = source.partition("\n## Exercises\n")[0]
    looked_at = (each * len(re.findall(sign, body, re.M)) for sign, each in LOOKED_AT.items())
    return to_five(words / WORDS + tokens / TOKENS + sum(looked_at))


def to_five(minutes):
    return max(5, 5 * round(minutes / 5))
