"""The page that says what a build has checked: every number on it is counted in the sources.

``{proof} software``, ``build``, ``tests`` and ``files`` are tables. ``{equal-bits}`` and
``{nearly-equal}`` have lines ``what is compared | tests/file.py::test_name``; a test that is gone,
or that compares otherwise, fails the build. ``{processors}`tried` `` names generations of
processors. ``{slowest-examples}`` shows times, which differ from build to build: it marks them with
the class ``measured``, and no index holds them.
"""

import ast
import doctest
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

import cells
import equations
import faq
import html_only
import workers
from comparisons import files_of_tests

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = ("charseq", "docs", "examples", "tests")  # what is counted
NOT_WRITTEN_BY_HAND = ("gallery/", "api/backreferences/", "_")
GRADIENTS = ("autograd", "central_differences")  # in the names of tests that compare with them
SLOWEST = 10


@cache
def tests():
    return files_of_tests(ROOT)


@cache
def pages():
    """Return the path and the text of each page that is written by hand."""
    docs = ROOT / "docs"
    paths = [path.relative_to(docs).as_posix() for path in sorted(docs.rglob("*.md"))]
    own = [docs / path for path in paths if not path.startswith(NOT_WRITTEN_BY_HAND)]
    return [(path, path.read_text("utf-8")) for path in own]


def statements(code):
    """Yield what is no expression, since no assert and no docstring is inside one."""
    waiting = [ast.parse(code)]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [n for n in ast.iter_child_nodes(node) if not isinstance(n, ast.expr)]


def asserts(code):
    return sum(isinstance(node, ast.Assert) for node in statements(code))


def pages_of(env):
    return len(env.found_docs) + len(("genindex", "py-modindex", "404", "search"))


def examples_of_docstrings():
    """Yield how many lines of examples each docstring of the package has."""
    for path in (ROOT / "charseq").glob("*.py"):
        for node in statements(path.read_text("utf-8")):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                docstring = ast.get_docstring(node) or ""
                yield len(doctest.DocTestParser().get_examples(docstring))


def software(env):
    yield "Python", platform.python_version()
    for name in ("PyTorch", "NumPy", "Matplotlib", "Sphinx", "MyST-NB", "Sphinx-Gallery"):
        yield name, version("torch" if name == "PyTorch" else name)
    yield "system", f"{platform.system()}, {platform.machine()}"
    import torch

    yield "instructions of the processor that PyTorch uses", torch.backends.cpu.get_cpu_capability()


def of_the_build(env):
    """What a build runs and looks at; it fails if something is wrong."""
    sources = [cells.sources_of(text) for _, text in pages()]
    code = [source for of_page in sources for source in of_page]
    fixes = [text for path, text in pages() if path.match("fix/*.md") and "\nsymptom: " in text]
    made = [text for text in fixes if "\nstated: " not in text]
    yield "pages with code", sum(map(bool, sources))
    yield "cells of code on them, run", len(code)
    yield "statements about results, checked in these cells", sum(map(asserts, code))
    scripts = [path.read_text("utf-8") for path in (ROOT / "examples").rglob("*.py")]
    yield "examples of the gallery, run", len(scripts)
    yield "statements about results, checked in them", sum(map(asserts, scripts))
    yield "pages of *Fix it* that make their mistake and fix it", len(made)
    yield "messages that these pages provoke and quote", sum("\nmessage: " in text for text in made)
    yield "exercises", sum(text.count("{admonition} Exercise ") for _, text in pages())
    mistakes = sum(source.count(".mistake(") for source in code)
    yield "mistakes that the exercises foresee, each with a reply", mistakes
    yield "equations, each with its code, symbols and tests", len(equations.equations())


def of_the_tests(env):
    """What `python3 dev.py test` runs."""
    found = [(path, *pair) for path, file in tests().items() for pair in file.tests.items()]
    in_browser = [path for path, _, test in found if "browser" in path or "browser" in test.uses]
    gradients = [name for _, name, _ in found if any(word in name for word in GRADIENTS)]
    lines = list(filter(None, examples_of_docstrings()))
    questions = [q for path in faq.FOLDER.glob("*.toml") for q in faq.questions_of(path.stem)]
    proofs = {proof for label in equations.equations() for proof in equations.proofs(label)}
    looks = ast.parse((ROOT / "tests/browser/accessible.py").read_text("utf-8"))
    values = {n.targets[0].id: n.value for n in looks.body if isinstance(n, ast.Assign)}
    schemes, widths = (ast.literal_eval(values[name]) for name in ("SCHEMES", "WIDTHS"))
    yield "test functions", len(found)
    yield f"docstrings whose examples run, {sum(lines)} lines in all", len(lines)
    yield "tests of the equations", len(proofs)
    yield "tests that compare gradients with autograd or central differences", len(gradients)
    yield "tests that run in Chromium", len(in_browser)
    yield "pages of the site, each opened in Chromium and examined with axe", pages_of(env)
    ways = f"{' and '.join(schemes)}, {' and '.join(map(str, widths))} pixels wide"
    yield f"looks at each page: {ways}", len(schemes) * len(widths)
    yield "entries of *Questions that people ask*", len(questions)
    facts = sum(len(question["facts"]) for question in questions)
    yield "facts of their answers, each looked for on the page that states it", facts


def files(env):
    for path, file in tests().items():
        yield file.about, len(file.tests), f"`{path.removeprefix('tests/')}`"


TABLES = {
    "software": (("what", "which"), software),
    "build": (("what", "number"), of_the_build),
    "tests": (("what", "number"), of_the_tests),
    "files": (("what the tests of a file are about", "tests", "file"), files),
}


def counted():
    """Yield each file that the page counts, and each that holds the time of an example."""
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".md", ".toml", ".seconds") and "__" not in path.name:
                yield str(path)


def pages_that_miss_a_file(app, env, added, changed, removed):
    """Name pages that have not counted a file, for it is new."""
    files = {*counted()}
    that_count = [name for name, about in env.metadata.items() if "counts" in about]
    return [name for name in that_count if files - {*map(str, env.dependencies[name])}]


class Table(SphinxDirective):
    """Makes a table, and has the page read again when something that it counts has changed."""

    def depend_on_what_is_counted(self):
        about = self.env.metadata[self.env.current_document.docname]
        if "counts" not in about:  # the first table of the page
            about["counts"] = True
            for path in counted():
                self.env.note_dependency(path)

    def table(self, heads, rows):
        self.depend_on_what_is_counted()
        sides = ["--:" if head in ("number", "tests") else ":--" for head in heads]
        lines = [heads, sides, *(map(str, row) for row in rows)]
        return self.parse_text_to_nodes("\n".join(f"| {' | '.join(line)} |" for line in lines))


class Proof(Table):
    required_arguments = 1

    def run(self):
        heads, rows = TABLES[self.arguments[0]]
        return self.table(heads, rows(self.env))


class EqualBits(Table):
    has_content = True
    exact = True

    def run(self):
        rows = []
        for line in self.content:
            claim, _, place = line.partition(" | ")
            path, _, name = place.partition("::")
            test = tests()[path].tests.get(name) if path in tests() else None
            if test is None:
                raise self.error(f"there is no test {place!r}")
            if test.is_exact != self.exact:
                admits = f"results that differ {test.closeness}" if test.limits else "no difference"
                raise self.error(f"{place} admits {admits}; it belongs into the other table")
            fact = name.removeprefix("test_").replace("_", " ")
            rows.append((claim, *([] if self.exact else [test.closeness]), fact))
        return self.table(("what", *([] if self.exact else ["differs"]), "test"), rows)


class NearlyEqual(EqualBits):
    exact = False


class slowest(nodes.General, nodes.Element):  # noqa: N801 - a node's class is its tag's name
    """Place for the table of the slowest examples."""


class Slowest(Table):
    def run(self):
        self.depend_on_what_is_counted()
        return [slowest()]


def write_slowest(translator, node):
    found = []
    for _, target in workers.scripts(ROOT / "docs"):
        kept = workers.seconds_of(target)
        if kept.exists():
            name = f"gallery/{target.parent.name}/{target.stem}"
            found.append((float(kept.read_text("utf-8")), name))
    builder = translator.builder
    rows = [
        f'<tr><td><a class="reference internal" href="{builder.get_relative_uri("proof", name)}">'
        f"{builder.env.titles[name].astext()}</a></td><td>{seconds:.1f} s</td></tr>"
        for seconds, name in sorted(found, reverse=True)[:SLOWEST]
    ]
    head = "<thead><tr><th>example</th><th>time</th></tr></thead>"
    translator.body.append(
        '<div class="table-wrapper docutils container measured">'
        f'<table class="docutils align-default">{head}<tbody>{"".join(rows)}</tbody></table></div>'
    )
    raise nodes.SkipNode


def processors(name, rawtext, text, lineno, inliner, options=None, content=None):
    """Name the generations of processors that tests/processors.py tries, oldest first."""
    tree = ast.parse((ROOT / "tests/processors.py").read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [c.args[0].value for c in calls if getattr(c.func, "id", "") == "Generation"]
    return [nodes.Text(f"{', '.join(named[:-1])} and {named[-1]}")], []


def setup(app):
    html_only.add_node(app, slowest, write_slowest)
    app.add_role("processors", processors)
    app.add_directive("proof", Proof)
    app.add_directive("equal-bits", EqualBits)
    app.add_directive("nearly-equal", NearlyEqual)
    app.add_directive("slowest-examples", Slowest)
    app.connect("env-get-outdated", pages_that_miss_a_file)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
