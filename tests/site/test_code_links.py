"""Each link in code leads to what the linked name holds.

sphinx-codeautolink and sphinx-gallery guess from the text of the code. A right guess ends in the
name that is linked, unless an import has given it another; a guess at what a call returns does not.
"""

import ast
import importlib
import re
from functools import cache
from html import unescape

import pytest
from lint import ROOT

import cells

LINK = re.compile(
    r'<a ([^>]*class="(?:sphinx-codeautolink-a|sphx-glr-backref)[^>]*)>(.*?)</a>', re.DOTALL
)


def links_in(html):
    for attributes, words in LINK.findall(html):
        target = re.search(r'href="[^"#]*#(?:module-)?([^"]+)"', attributes)[1]
        yield re.sub(r"\s", "", unescape(re.sub(r"<[^>]+>", "", words))), target


def renamed(source, is_script=False):
    """Return the whole name of each name that an import or an assignment gives to another."""
    found = {}
    for code in [source] if is_script else cells.sources_of(source):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Import):
                found |= {alias.asname: alias.name for alias in node.names if alias.asname}
            elif isinstance(node, ast.ImportFrom):
                found |= {a.asname: f"{node.module}.{a.name}" for a in node.names if a.asname}
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute):
                found |= {ast.unparse(name): ast.unparse(node.value) for name in node.targets}
    return found


@cache
def load(dotted):
    """Return what this name stands for, or the name itself if it is none that can be imported."""
    parts = dotted.split(".")
    for known in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:known]))
            for part in parts[known:]:
                found = getattr(found, part)
            return found
        except (ImportError, AttributeError):
            continue
    return dotted


def is_wrong(words, target, names):
    first, dot, rest = words.partition(".")
    whole = names.get(first, first) + dot + rest
    if whole.split(".")[-1] == target.split(".")[-1]:
        return False
    return load(whole) is not load(target)


def test_every_link_in_code_leads_to_what_the_name_holds(pages):
    count, wrong = 0, {}
    for name, html in pages.items():
        sources = [(ROOT / "docs" / name).with_suffix(".md")]
        sources.append((ROOT / "examples" / name.removeprefix("gallery/")).with_suffix(".py"))
        texts = [path.read_text("utf-8") for path in sources if path.exists()]
        names = renamed(texts[0], name.startswith("gallery/")) if texts else {}
        for words, target in links_in(html):
            count += 1
            if is_wrong(words, target, names):
                wrong.setdefault(name, []).append((words, target))
    assert count > 3000
    assert wrong == {}


@pytest.mark.parametrize(
    ("words", "target", "wrong"),
    [
        ("np.tanh", "numpy.tanh", False),
        ("root", "math.sqrt", False),
        ("math", "math", False),
        ("shown", "str", True),
        ("np.tanh", "torch.tanh", False),  # what ends in the same name is not told apart
        ("np", "math", True),
    ],
)
def test_a_guess_at_what_a_call_returns_is_wrong(words, target, wrong):
    code = "import numpy as np\nimport math\nroot = math.sqrt\nshown = str(1)\n"
    assert is_wrong(words, target, renamed(code, is_script=True)) == wrong
