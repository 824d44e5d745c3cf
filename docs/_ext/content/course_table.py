"""The table of chapters, ``docs/_chapters.toml``, with the titles and questions of the pages."""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[2]


class Chapter(NamedTuple):
    page: str
    label: str
    minutes: int
    number: int  # 0 for what comes before the first chapter
    title: str
    question: str
    place: str = ""
    needs: tuple = ()

    @property
    def name(self):
        return f"{self.number}. {self.title}" if self.number else self.title

    @property
    def short(self):
        return f"{self.number} {self.label}" if self.number else self.label


@cache
def table(docs=DOCS):
    """Return the parts and the paths, with each chapter in full."""
    path = docs / "_chapters.toml"
    listed = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
    number = 0
    for part in listed.get("part", ()):
        for at, about in enumerate(part["chapters"]):
            text = (docs / f"{about['page']}.md").read_text("utf-8")
            title = re.search(r"^# (.+)$", text, re.M)[1]
            question = re.search(r"^\*([^*\n]+)\*$", text, re.M)[1]
            number += "place" in about
            about |= {"title": typeset(title), "question": typeset(question)}
            part["chapters"][at] = Chapter(**about, number=number if "place" in about else 0)
    return [p for p in listed.get("part", ()) if p["chapters"]], listed.get("path", [])


def typeset(text):
    return re.sub('"([^"]*)"', r"“\1”", text).replace("'", "’")


def chapters(docs=DOCS):
    """Return each chapter by its page, in the order of reading."""
    return {chapter.page: chapter for part in table(docs)[0] for chapter in part["chapters"]}
