"""How closely each test compares, read from the files in tests/ without running them.

A test counts with the functions, classes and values of its file that it uses. What it admits are
the limits of NumPy's, PyTorch's and pytest's comparisons, and small bounds, as in ``< 1e-12``.
"""

import ast
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

# What a comparison admits, relative to the number, if the call does not say it.
BY_DEFAULT = {"approx": 1e-6, "assert_allclose": 1e-7, "allclose": 1e-5, "assert_close": 1e-7}
LIMITS = ("rtol", "atol", "rel", "abs")
SMALL = 1e-3  # a larger bound is about something else than rounding
ROUNDING = "assert_rounds_like"  # of tests/precision.py
COMPUTED = None  # a limit that the test computes


class Test(NamedTuple):
    uses: frozenset[str]  # every name in its code
    limits: frozenset[float | None]

    @property
    def is_exact(self):
        return not self.limits and ROUNDING not in self.uses

    @property
    def closeness(self):
        """How far two results may differ, in words."""
        if self.is_exact:
            return "not at all: every bit is equal"
        if ROUNDING in self.uses:
            return "by the rounding errors of float32"
        told = ["by a bound that the test computes"] if COMPUTED in self.limits else []
        if stated := self.limits - {COMPUTED}:
            mantissa, _, exponent = f"{max(stated):.0e}".partition("e")
            factor = "" if mantissa == "1" else rf"{mantissa} \cdot "
            told.insert(0, f"by at most ${factor}10^{{{int(exponent)}}}$")
        return ", or ".join(told)


class File:
    """A file of tests."""

    def __init__(self, path):
        self.tree = ast.parse(path.read_text("utf-8"))
        self.parts = {}  # each function, class and value, by name
        for node in self.tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                self.parts[node.name] = node
            elif isinstance(node, ast.Assign):
                named = [target.id for target in node.targets if isinstance(target, ast.Name)]
                self.parts |= dict.fromkeys(named, node.value)
        self.known = {}  # of each part that was looked at: the names in it, and its limits

    @property
    def about(self):
        """The first sentence of the file about itself."""
        return " ".join((ast.get_docstring(self.tree) or "").partition("\n\n")[0].split())

    @cached_property
    def tests(self):
        return {name: self.test(name) for name in self.parts if name.startswith("test_")}

    def test(self, name):
        used, waiting, limits = {}, [name], set()
        while waiting:
            part = waiting.pop()
            if part in self.parts and part not in used:
                used[part], of_part = self.look_at(part)
                limits |= of_part
                waiting += used[part]
        return Test(frozenset().union(*used.values()), frozenset(limits - {0.0}))

    def look_at(self, part):
        if part not in self.known:
            tree = self.parts[part]
            self.known[part] = set(names_in(tree)), set(self.limits_in(tree))
        return self.known[part]

    def limits_in(self, tree):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = getattr(node.func, "attr", getattr(node.func, "id", ""))
                given = {keyword.arg: keyword.value for keyword in node.keywords}
                if called in BY_DEFAULT:
                    yield from (self.value(given[name]) for name in LIMITS if name in given)
                    # Only `approx` forgets its relative limit once it is given an absolute one.
                    says = {"rtol", "rel", None} | ({"abs"} if called == "approx" else set())
                    yield from [] if says & given.keys() else [BY_DEFAULT[called]]
            elif isinstance(node, ast.Dict):  # later given as **keywords
                pairs = zip(node.keys, node.values, strict=True)
                yield from (self.value(v) for k, v in pairs if getattr(k, "value", "") in LIMITS)
            elif isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Lt, ast.LtE)):
                bound = self.value(node.comparators[0])
                yield from [bound] if bound is not COMPUTED and abs(bound) <= SMALL else []

    def value(self, node):
        node = self.parts.get(getattr(node, "id", ""), node)
        is_number = isinstance(node, ast.Constant) and isinstance(node.value, (int, float))
        return float(node.value) if is_number else COMPUTED


def names_in(tree):
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg"):
            name = getattr(node, field, None)
            if isinstance(name, str):
                yield name


def files_of_tests(root):
    """Return each file of tests by its path, in alphabetical order."""
    paths = sorted(Path(root, "tests").rglob("test_*.py"))
    return {path.relative_to(root).as_posix(): File(path) for path in paths}
