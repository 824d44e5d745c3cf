"""The part `pieces`: a text falls into pieces, by pairs that the novel joined.

The code is that of the chapter on words: its functions are read from the page, so the table and
the page can't differ.
"""

import ast
import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import numpy as np

import widgets
from charseq import Corpus, load_text

FILE = "pieces.js"
PAGE = Path(__file__).parents[2] / "learn" / "words.md"
CODE = ("split_words", "join", "learn_merges", "encode", "count_vectors")
VALID = 0.077  # of pride-train: what the pieces are measured on, not learned from
MOST = 2000  # merges in the table


@cache
def page_code():
    """Return the page's functions that make tokens and vectors, by name."""
    cells = re.findall(r"```\{code-cell\} python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names = {"re": re, "np": np, "Counter": Counter, "defaultdict": defaultdict}
    for cell in cells:
        if not any(f"def {name}(" in cell for name in CODE):
            continue
        body = [node for node in ast.parse(cell).body if getattr(node, "name", "") in CODE]
        exec(compile(ast.Module(body, []), str(PAGE), "exec"), names)
    return {name: names[name] for name in CODE}


@cache
def texts():
    """Return the chapters to learn from, and those that are held back."""
    parts = Corpus.from_text(load_text("pride-train")).split(valid=VALID)
    return tuple(part.decode() for part in parts)


@cache
def merges(most=MOST):
    """Return the pairs that the chapter's code joins in the chapters to learn from, in order."""
    return page_code()["learn_merges"](texts()[0], most)


def data():
    """Return what the browser needs: the characters, and the merges in order, such as "h|e/ |t"."""
    chars = "".join(sorted(set(load_text("pride-train"))))
    return {"chars": chars, "merges": "/".join("|".join(pair) for pair in merges())}


def setup(app):
    if PAGE.exists():  # a small site, such as those of the tests, has no such page
        widgets.hand_over(FILE, data)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
