"""What a cell imports from docs/_cells/pictures, a reader sees and downloads as source.

A picture that takes many lines is a function there, and the page draws it with one call. Its
notebook must run where that folder is not, and "Show the code of this figure" must show it all. So
both have, instead of ``from pictures.gates import draw_valves``, that function and what it needs.
"""

import ast
import re
from pathlib import Path

from docutils import nodes

FOLDER = Path(__file__).parents[2] / "_cells" / "pictures"
IMPORT = re.compile(r"^from pictures\.(\w+) import (.+)\n+", re.M)


def modules_of(sources):
    """Return the files of pictures that cells import from."""
    found = {module for source in sources for module, _ in IMPORT.findall(f"{source}\n")}
    return [FOLDER / f"{module}.py" for module in sorted(found)]


def inline(source):
    """Return the source of a cell with the functions themselves where it imports pictures."""

    def code(match):
        return definitions(FOLDER / f"{match[1]}.py", match[2].split(", ")) + "\n"

    return IMPORT.sub(code, source + "\n").removesuffix("\n")


def definitions(module, names):
    """Return the source of these names of a module, and of all of the module that they use."""
    text = module.read_text("utf-8")
    body, lines = ast.parse(text).body, text.splitlines()
    found = {name: node for node in body for name in defined_by(node)}
    needed, waiting = set(), [*names]
    while waiting:
        name = waiting.pop()
        if name not in found:
            raise ImportError(f"{module.name} has no {name}, only {', '.join(found)}")
        if name not in needed:
            needed.add(name)
            used = {part.id for part in ast.walk(found[name]) if isinstance(part, ast.Name)}
            waiting += used & found.keys()
    imports, others = [], []
    for node in body:
        if needed.isdisjoint(defined_by(node)):
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            node.names = [alias for alias in node.names if bound_by(alias) in needed]
            imports.append(ast.unparse(node))
        else:
            others.append("\n".join(lines[node.lineno - 1 : node.end_lineno]))
    return "\n\n\n".join(["\n".join(imports), *others] if imports else others) + "\n\n"


def defined_by(node):
    """Return the names that a statement of a module defines."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [bound_by(alias) for alias in node.names]
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    parts = ast.walk(node)
    return [p.id for p in parts if isinstance(p, ast.Name) and isinstance(p.ctx, ast.Store)]


def bound_by(alias):
    return alias.asname or alias.name.partition(".")[0]


def show(app, doctree):
    """Show the source on the page, which is read anew when it changes."""
    for block in doctree.findall(nodes.literal_block):
        if modules := modules_of([block.rawsource]):
            block.rawsource = inline(block.rawsource)
            block[:] = [nodes.Text(block.rawsource)]
            for module in modules:
                app.env.note_dependency(module, docname=app.env.current_document.docname)


def setup(app):
    app.connect("doctree-read", show, priority=400)  # before names in code become links, at 490
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
