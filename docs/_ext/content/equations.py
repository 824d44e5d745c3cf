"""One key for an equation, the code that computes it, its symbols and its tests.

An equation labeled ``rnn-step`` is the function ``rnn_step``, which cites it; the notation page
refers to it; tests named ``test_rnn_step_…`` check it. ``{equation-table}`` shows the code of every
equation and ``{equation-proofs}`` its tests, ``{code-of} rnn_step`` shows the lines of a function,
and ``{notation-of} W_ih h`` shows rows of the notation page.
tests/house/lint.py reports a missing link.
"""

import ast
import inspect
import re
from pathlib import Path
from textwrap import dedent
from types import FunctionType

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

import charseq.reference
import course_table

ROOT = Path(__file__).resolve().parents[3]
LABEL = re.compile(r"^\$\$ \(([a-z0-9-]+)\)\s*$", re.MULTILINE)


# Where the functions of equations are, as the reference lists them.
HOMES = (charseq.reference, charseq.LayerShapes, charseq.Vocabulary)


def find(name: str) -> FunctionType | None:
    """Return the function or method of this name, or what computes the property."""
    named = (vars(home).get(name) for home in HOMES)
    found = (getattr(it, "fget", it) for it in named)
    return next((it for it in found if isinstance(it, FunctionType)), None)


def role_of(function: FunctionType) -> str:
    """Return what links a function to its entry in the reference."""
    outer, *inner = function.__qualname__.split(".")
    package, module, *_ = function.__module__.split(".")
    home = package if outer in charseq.__all__ else f"{package}.{module}"
    is_property = inner and isinstance(vars(getattr(charseq, outer))[inner[0]], property)
    kind = "attr" if is_property else "meth" if inner else "func"
    return f"{{py:{kind}}}`~{home}.{function.__qualname__}`"


def lines_of(source: str) -> str:
    """Return a function without its docstring and the checks of its arguments."""
    source = dedent(source)
    lines, (node,) = source.splitlines(), ast.parse(source).body
    described = ast.get_docstring(node) is not None
    kept = lines[node.lineno - 1 : node.body[0].lineno - 1]
    end = node.body[0].end_lineno if described else node.body[0].lineno - 1
    for statement in node.body[described:]:
        if not is_check(statement):
            kept += lines[end : statement.end_lineno]  # with the comments above it
        end = statement.end_lineno
    return "\n".join(kept)


def is_check(statement: ast.stmt) -> bool:
    """Say whether a statement does nothing but raise, or calls a helper that does.

    The name of such a helper starts with ``check_`` or ``_check``.
    """
    if isinstance(statement, ast.If):
        return all(isinstance(inner, (ast.Raise, ast.Assign)) for inner in statement.body) and (
            isinstance(statement.body[-1], ast.Raise)
        )
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call):
        return False
    name = getattr(call.func, "id", "") or getattr(call.func, "attr", "")
    return name.startswith(("check_", "_check"))


def equations(root: Path = ROOT) -> dict[str, str]:
    """Label of each equation on the site, and the page that states it, in reading order."""
    found = {}
    pages = sorted((root / "docs").rglob("*.md"), key=lambda page: _reading_order(root, page))
    for page in pages:
        for label in LABEL.findall(page.read_text("utf-8")):
            found[label] = page.relative_to(root / "docs").with_suffix("").as_posix()
    return found


def proofs(label: str, root: Path = ROOT) -> list[tuple[str, str]]:
    """File and name of each test whose name starts with the equation's key."""
    pattern = re.compile(rf"^def (test_{label.replace('-', '_')}_\w+)", re.MULTILINE)
    return [
        (path.relative_to(root).as_posix(), name)
        for path in sorted((root / "tests").rglob("test_*.py"))
        for name in pattern.findall(path.read_text("utf-8"))
    ]


def symbols(root: Path = ROOT) -> set[str]:
    """Labels that the notation page refers to."""
    return set(re.findall(r"\{eq\}`([a-z0-9-]+)`", (root / "docs/notation.md").read_text("utf-8")))


def _reading_order(root: Path, page: Path) -> tuple[int, str]:
    order = [*course_table.chapters(root / "docs")]
    name = page.relative_to(root / "docs").with_suffix("").as_posix()
    return (order.index(name) if name in order else len(order), page.as_posix())


def missing_links(label: str) -> list[str]:
    """What an equation lacks of its function, its citation, its symbols and its tests."""
    key = label.replace("-", "_")
    function = find(key)
    links = {
        f"a function {key}": function,
        f"a citation in the docstring of {key}": function and f":eq:`{label}`" in function.__doc__,
        f"a test test_{key}_…": proofs(label),
        "symbols on the notation page": label in symbols(),
    }
    return [link for link, there in links.items() if not there]


class EquationTable(SphinxDirective):
    """A table: each equation, and the code that is it."""

    def run(self) -> list[nodes.Node]:
        for label in equations():
            if lacks := missing_links(label):
                raise self.error(f"equation {label!r} lacks {', '.join(lacks)}")
        for path in [*ROOT.glob("tests/*/test_*.py"), *ROOT.glob("charseq/**/*.py")]:
            self.env.note_dependency(str(path))
        labels = {label: role_of(find(label.replace("-", "_"))) for label in equations()}
        return self.parse_text_to_nodes(self.text_of(labels))

    def text_of(self, labels: dict[str, str]) -> str:
        rows = [f"| {{eq}}`{label}` | {role} |" for label, role in labels.items()]
        return "\n".join(["| equation | code |", "| :-- | :-- |", *rows])


class EquationProofs(EquationTable):
    """A list: each equation, and what its tests check."""

    def text_of(self, labels: dict[str, str]) -> str:
        entries = []
        for label, role in labels.items():
            start = f"test_{label.replace('-', '_')}_"
            facts = (name.removeprefix(start).replace("_", " ") for _, name in proofs(label))
            checks = "".join(f"  - {fact}\n" for fact in facts)
            entries.append(f"{{eq}}`{label}`, {role}\n: Its tests check:\n\n{checks}")
        return "\n".join(entries)


class CodeOf(SphinxDirective):
    """The lines of a function, read from the package by name, without docstring and checks."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        function = find(self.arguments[0])
        if function is None:
            raise self.error(f"no function of charseq is called {self.arguments[0]!r}")
        self.env.note_dependency(inspect.getsourcefile(function))
        lines = lines_of(inspect.getsource(function))
        block = nodes.literal_block(lines, lines, language="python")
        self.set_source_info(block)
        (name,) = self.parse_text_to_nodes(role_of(function))
        return [nodes.container("", name, block, classes=["code-of"])]


class NotationOf(SphinxDirective):
    """Rows of the notation page, by the names that the reference uses."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        page = ROOT / "docs/notation.md"
        self.env.note_dependency(str(page))
        table = page.read_text("utf-8").split("## Symbols")[1]
        head, rule, *rows = re.findall(r"^\|.*", table, re.MULTILINE)
        kept = []
        for name in self.arguments[0].split():
            # Of `outputs[:, t - 1]`, the name is outputs.
            named = [row for row in rows if re.search(rf"`{name}[`\[]", row.split("|")[5])]
            if not named:
                raise self.error(f"no row of the notation is for {name!r}")
            kept.append(named[0])
        return self.parse_text_to_nodes("\n".join([head, rule, *kept]))


def setup(app):
    app.add_directive("equation-table", EquationTable)
    app.add_directive("equation-proofs", EquationProofs)
    app.add_directive("code-of", CodeOf)
    app.add_directive("notation-of", NotationOf)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
