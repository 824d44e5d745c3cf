"""What the results of examples and pages depend on, beside their own text.

Neither sphinx-gallery's cache nor ours looks past a file's own text, so an edit of ``charseq``
would leave old results on the site. Comments and docstrings change no result and are left out;
only the docstrings of the command line count, since its help prints them.
"""

import ast
import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("torch", "numpy", "matplotlib", "ipython")
COMMAND = ("cli", "cli_train", "cli_infer")  # whose docstrings are printed as help
# How examples and cells are run and how their figures are drawn.
RUNNERS = ("cells.py", "figures.py", "gallery.py", "workers.py", "questions.py")


def cache_key(root):
    """Hash the package's code and data, the extensions which run code, and the libraries."""
    digest = hashlib.sha256(platform.python_version().encode())
    for name in LIBRARIES:
        digest.update(f"{name} {version(name)}\n".encode())
    extensions = [Path(root, "docs", "_ext", "execution", name) for name in RUNNERS]
    for path in [*sorted(Path(root, "charseq").rglob("*.py")), *extensions]:
        source = path.read_text("utf-8")
        what_counts = source if path.stem in COMMAND else code_of(source)
        digest.update(f"{path.name}\n{what_counts}".encode())
    for path in data_files(root):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def data_files(root):
    """Return the files in all folders of the package, and the records that only pages read."""
    found = [*Path(root, "charseq").glob("[!_]*/*"), *Path(root, "docs", "_records").glob("*")]
    return sorted(path for path in found if path.is_file() and path.suffix != ".py")


def code_of(source):
    """Return Python source without comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            text = first.value if isinstance(first, ast.Expr) else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                node.body[:1] = []
    return ast.dump(tree)
