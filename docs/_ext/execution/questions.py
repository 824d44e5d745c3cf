"""Questions that a page answers in place: what is right, and which mistake leads to what.

A cell after an exercise computes the answer and makes each foreseen mistake on purpose. The cell
returns the question, which becomes part of the page::

    Number("Unit 0 of the state", np.tanh(0.8 + 0.1), {
        "That is the sum before the tanh.": 0.8 + 0.1,
        "You forgot the bias.": np.tanh(0.8),
    }, digits=3)

A mistake that gives the right answer, or what another mistake gives, is an error, and so the build
fails. Labels and replies are plain text, in which `code` may stand in backticks.

An exercise that builds something has a starter, a checker and a solution in cells of the page. A
hidden cell calls ``refuses`` to see that the checker does not let wrong solutions pass. Most
are the right solution with one edit::

    refuses(check_top_p, top_p, *edited(keep_likeliest, ("- p[order] < limit", "< limit")))

``told`` compares numbers of the prose with what the code gives.

docs/_web holds the scripts that read what a reader types; exercises.py puts them on the pages.
"""

import ast
import inspect
import json
import math
import re
from html import escape

import numpy as np


class Question:
    """A question with one right answer and the mistakes that lead to others.

    Parameters
    ----------
    label : str
        What the reader shall type, as the label of the field.
    answer
        What is right, computed by the page.
    mistakes : dict
        What each mistake leads to, by the reply that helps.
    why : str
        One sentence that follows "Right.", if there is more to say.
    """

    def __init__(self, label, answer, mistakes=None, *, why=""):
        self.label, self.why = plain(label), plain(why)
        self.answer = self.written(answer)
        self.mistakes = {}  # what is typed, in the form of the answer: the reply
        for reply, value in (mistakes or {}).items():
            self.mistake(reply, value)

    def written(self, value):
        """Return a value as the page compares it; raise ValueError if it is no answer."""
        return str(value)

    def same(self, one, other):
        """Say whether the page would take one written answer for the other."""
        return one == other

    def mistake(self, reply, value):
        """Foresee a mistake: `value` is what it leads to, `reply` is what helps.

        Raises
        ------
        ValueError
            If the mistake leads to the right answer, or to what another mistake leads to.
        """
        written = self.written(value)
        plain(reply)
        if self.same(written, self.answer):
            raise ValueError(
                f"the mistake {reply!r} of {self.label!r} gives {written!r}, "
                f"and {self.answer!r} is right"
            )
        for before in self.mistakes:
            if self.same(written, before):
                raise ValueError(
                    f"two mistakes of {self.label!r} give {written!r}: {reply!r} and "
                    f"{self.mistakes[before]!r}"
                )
        self.mistakes[written] = reply

    def as_dict(self):
        """Return all that the scripts need."""
        return {
            "kind": type(self).__name__.lower(),
            "label": self.label,
            "answer": self.answer,
            "why": self.why,
            "mistakes": list(self.mistakes.items()),
        }

    def _repr_html_(self):
        # Hidden: without scripts, and in a notebook, the exercise and its solution stand alone.
        data = escape(json.dumps(self.as_dict(), ensure_ascii=False))
        return f'<div class="question" hidden data-question="{data}"></div>'

    def __repr__(self):
        return (
            f"{type(self).__name__}({self.label!r}): {self.answer}, {len(self.mistakes)} mistakes"
        )


class Number(Question):
    """A number, right to one unit of the last of `digits` decimals; without decimals, exactly."""

    def __init__(self, label, answer, mistakes=None, *, digits=0, why=""):
        self.digits = digits
        super().__init__(label, answer, mistakes, why=why)

    def written(self, value):
        value = float(value)
        if not math.isfinite(value):
            raise ValueError(f"an answer must be a finite number, got {value}")
        text = f"{value:.{self.digits}f}"
        return text if float(text) else text.removeprefix("-")

    def same(self, one, other):
        # Each is taken one unit around, so two that lie two units apart could both be meant.
        reach = 2.5 if self.digits else 0.5
        return abs(float(one) - float(other)) < reach * 10.0**-self.digits


class Shape(Question):
    """The sizes of all axes of a tensor."""

    def written(self, value):
        sizes = tuple(map(int, value))
        return ", ".join(map(str, sizes))


class Text(Question):
    """A text, character by character. Quotes around what is typed do not count."""

    def written(self, value):
        if not isinstance(value, str):
            raise ValueError(f"an answer must be a text, got {value!r}")
        return value


class Choice(Question):
    """One of several options: the right one, and one for each mistake."""

    def as_dict(self):
        return super().as_dict() | {"options": sorted([self.answer, *self.mistakes])}


def foreseen(source):
    """Return how many mistakes the questions of a cell foresee."""
    kinds = {kind.__name__ for kind in Question.__subclasses__()}
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    given = (part for call in calls if getattr(call.func, "id", "") in kinds for part in call.args)
    added = sum(getattr(call.func, "attr", "") == "mistake" for call in calls)
    return added + sum(len(part.keys) for part in given if isinstance(part, ast.Dict))


def plain(text):
    """Return a text, or raise ValueError if it has markup other than `code`."""
    outside_code = "".join(text.split("`")[::2])
    for mark in ("$", "**", "</", "{"):
        if mark in outside_code:
            raise ValueError(f"only `code` may be marked here, got {mark!r} in {text!r}")
    return text


def refuses(check, *attempts):
    """Assert that a checker tells each of these wrong solutions what is wrong, by a ValueError."""
    for number, attempt in enumerate(attempts, 1):
        try:
            check(attempt)
        except ValueError as problem:
            says = str(problem)
        else:
            name = getattr(attempt, "__name__", attempt)
            raise AssertionError(f"{check.__name__} accepts solution {number}, {name}")
        assert says.strip(), f"{check.__name__} does not say what is wrong"


def edited(solution, *edits):
    """Return a wrong solution for each edit ``(old, new)`` of the right one's source.

    Raises
    ------
    ValueError
        If the source does not have an edit's old text, or has it more than once.
    """
    source, wrong = inspect.getsource(solution), []
    for old, new in edits:
        if source.count(old) != 1:
            times = source.count(old)
            raise ValueError(f"{solution.__name__} has {old!r} {times} times, expected once")
        names = dict(solution.__globals__)
        exec(source.replace(old, new), names)
        wrong.append(names[solution.__name__])
        wrong[-1].__name__ = f"{solution.__name__} with {new!r} for {old!r}"
    return wrong


def told(numbers, *values):
    """Assert that the numbers of a text, as they are written, are what these values come to.

    A value may be an array. Each has as many digits as its number, and its form: 0.25, 2e-05, 25%.
    """
    found = [value for part in values for value in np.ravel(part)]
    for number, value in zip(numbers.split(), found, strict=True):
        digits = len(re.fullmatch(r"-?\d+\.?(\d*)(?:e[+-]\d+|%)?", number)[1])
        kind = "e" if "e" in number else "%" if "%" in number else "f"
        written = f"{value:.{digits}{kind}}"
        assert written == number, f"the text says {number}, and the code {written} ({value})"
