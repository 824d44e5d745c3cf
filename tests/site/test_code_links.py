"""Each link in code leads to the very object that the linked name holds, as an import finds it.

sphinx-codeautolink and sphinx-gallery guess from the text of the code. Here Python imports both the
name, by the page's own import statements, and the target. A name is sure to hold the object if the
page, its hidden cells included, binds it once, by such a statement or as another name of what one
has brought, or leaves it to the builtins.
"""

import ast
import builtins
import importlib
import re
from functools import cache
from html import unescape
from pathlib import Path
from typing import NamedTuple

import pytest

import cells
import equations

ROOT = Path(__file__).parents[2]

BLOCK = re.compile(
    r'(?P<listing><div class="code-of[^>]*>\s*<p>.*?</p>\s*)?'
    r'<div class="(?:highlight-(?:default|[Pp]ython|ipython3?|pycon)|doctest )[^>]*>\s*'
    r'<div class="highlight">(?P<code>.*?)</pre></div>',
    re.DOTALL,
)
LISTING = re.compile(r"^`{3,}\{code-of\} (\S+)", re.MULTILINE)
LINK = re.compile(
    r'<a ([^>]*class="(?:sphinx-codeautolink-a|sphx-glr-backref)[^>]*)>(.*?)</a>', re.DOTALL
)
SCOPES = (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Link(NamedTuple):
    words: str
    target: str
    line: int  # in its block


class Binding(NamedTuple):
    name: str
    imported: str | None  # or bound by something that neither imports nor renames
    lines: range | None  # of the function in which it is bound; none if the whole page sees it


def text_of(html):
    return unescape(re.sub(r"<[^>]+>", "", html))


def code_of(html):
    """Return the code of a block, line for line, without prompts and what is printed."""
    lines = text_of(html).split("\n")
    if any(line.startswith(">>> ") for line in lines):
        return "\n".join(line[4:] * line.startswith((">>> ", "... ")) for line in lines)
    return "\n".join(lines)


def links_in(html):
    for link in LINK.finditer(html):
        target = re.search(r'href="[^"#]*#(?:module-)?([^"]+)"', link[1])[1]
        words = re.sub(r"\s", "", text_of(link[2]))
        yield Link(words, target, html.count("\n", 0, link.start()) + 1)


def bindings(node, lines=None):
    """Yield whatever a piece of code binds to a name."""
    match node:
        case ast.Import():
            for alias in node.names:
                first = alias.name.partition(".")[0]
                whole = alias.name if alias.asname else first
                yield Binding(alias.asname or first, whole, lines)
        case ast.ImportFrom():
            for alias in node.names:
                yield Binding(alias.asname or alias.name, f"{node.module}.{alias.name}", lines)
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Attribute()):
            yield Binding(name, ast.unparse(node.value), lines)
            yield from bindings(node.value, lines)
            return
        case ast.Name(ctx=ast.Store() | ast.Del()):
            yield Binding(node.id, None, lines)
        case ast.arg():
            yield Binding(node.arg, None, lines)
        case ast.FunctionDef() | ast.ClassDef() | ast.ExceptHandler(name=str()):
            yield Binding(node.name, None, lines)
        case ast.Global() | ast.Nonlocal():
            yield from (Binding(name, None, None) for name in node.names)
        case ast.MatchAs() | ast.MatchStar() | ast.MatchMapping():
            raise NotImplementedError("bindings() knows no patterns, and a page has one")
    if isinstance(node, SCOPES):
        lines = range(node.lineno, node.end_lineno + 1)
    for child in ast.iter_child_nodes(node):
        yield from bindings(child, lines)


@cache
def load(dotted):
    """Return what this name stands for."""
    parts = dotted.split(".")
    for known in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:known]))
        except ImportError:
            continue
        break
    else:
        found, known = builtins, 0
    for part in parts[known:]:
        found = getattr(found, part)
    return found


def in_import(imports, link):
    """Return the whole name of what an import statement names, if the link is in one."""
    for node in imports:
        if not node.lineno <= link.line <= node.end_lineno:
            continue
        if isinstance(node, ast.Import):
            return link.words
        names = [alias.name for alias in node.names]
        return f"{node.module}.{link.words}" if link.words in names else node.module
    return None


def problem_of(link, imports, bound, module=None):
    """Say why a link does not lead to what the name holds, or may not; else return None.

    `bound` are the bindings of its block and those that the whole page sees; a listing sees its
    `module` instead of the page.
    """
    whole = in_import(imports, link)
    if whole is None:
        base, dot, rest = link.words.partition(".")
        seen = [b for b in bound if b.name == base and (not b.lines or link.line in b.lines)]
        bases = {b.imported for b in seen}
        if module and not seen:
            bases = {f"{module}.{base}"} if hasattr(load(module), base) else set()
        try:
            ambiguous = None in bases or len({load(name) for name in bases}) > 1
        except AttributeError as error:
            return str(error)
        if ambiguous:
            return f"{base} is bound in more ways than by one import"
        whole = (bases.pop() if bases else base) + dot + rest
    try:
        return None if load(whole) == load(link.target) else "is another object"
    except AttributeError as error:
        return str(error)


def problems_of(html, source):
    """Return the number of links in the code of a page, and each that may be wrong."""
    listings = iter(LISTING.findall(source))
    blocks = []
    for match in BLOCK.finditer(html):
        code, links = code_of(match["code"]), [*links_in(match["code"])]
        try:
            tree = ast.parse(code)
        except SyntaxError:
            assert not links, code
            continue
        name = next(listings) if match["listing"] else None
        module = f"charseq.{equations.functions(private=True)[name].path.stem}" if name else None
        blocks.append((tree, links, module))
    assert next(listings, None) is None
    trees = [tree for tree, _, module in blocks if not module]
    trees += [ast.parse(cell) for cell in cells.sources_of(source)]
    everywhere = [b for tree in trees for b in bindings(tree) if not b.lines]
    problems = []
    for tree, links, module in blocks:
        bound = [b for b in bindings(tree) if b.lines] + ([] if module else everywhere)
        imports = [n for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom))]
        found = ((link, problem_of(link, imports, bound, module)) for link in links)
        problems += [(link, problem) for link, problem in found if problem]
    assert sum(len(links) for _, links, _ in blocks) == len(LINK.findall(html))
    return len(LINK.findall(html)), problems


def test_every_link_in_code_leads_to_what_the_name_holds(pages):
    count, wrong = 0, {}
    for name, html in pages.items():
        path = (ROOT / "docs" / name).with_suffix(".md")
        links, problems = problems_of(html, path.read_text("utf-8") if path.exists() else "")
        count += links
        wrong |= {name: problems} if problems else {}
    print(f"{count} links in code")
    assert count > 3900
    assert wrong == {}


def block(*lines):
    code = "\n".join(lines)
    linked = re.sub(
        r"\[(.*?)\|(.*?)\]", r'<a class="sphinx-codeautolink-a" href="#\2">\1</a>', code
    )
    return f'<div class="highlight-python"><div class="highlight"><pre>{linked}</pre></div></div>'


def cell(code):
    return f"```{{code-cell}} python\n{code}\n```\n"


@pytest.mark.parametrize(
    ("html", "hidden"),
    [
        (block("from [math|math] import [pi|math.pi]", "import math", "[math.tau|math.tau]"), ""),
        (block("import math as m", "def f(a): return [m.sqrt|math.sqrt](a)"), ""),
        (block("[print|print](1)", "def f(print): return 1"), ""),
        (block("class A: pass", "[dict.fromkeys|dict.fromkeys](1)"), ""),
        (block("import math", "root = math.sqrt", "[root|math.sqrt](4)"), ""),
    ],
)
def test_a_right_link_passes(html, hidden):
    assert problems_of(html, hidden)[1] == []


@pytest.mark.parametrize(
    ("html", "hidden"),
    [
        (block("import math", "x = math.tau", "[x|float]"), ""),
        (block("import math", "x = math.tau", "x = 1", "[x|math.tau]"), ""),
        (block("class A: b = 1", "a = A()", "x = a.b", "[x|int]"), ""),
        (block("from math import [sqrt|cmath.sqrt]"), ""),
        (block("[sqrt|math.sqrt](4)"), cell("from cmath import sqrt")),
        (block("[print|print](1)"), cell("print = 2")),
        (block("import math", "def f(math): return [math.pi|math.pi]"), ""),
        (block("from math import sqrt", "[sqrt|math.sqrt]"), cell("from cmath import sqrt")),
    ],
)
def test_a_link_that_may_lead_elsewhere_is_seen(html, hidden):
    assert len(problems_of(html, hidden)[1]) == 1
