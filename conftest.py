"""Each prompt and cell of a page is a test, run from top to bottom in one namespace a page.

The cells are ```` ```{code-cell} python ```` and, for prompts, ```` ```python ````. Docstrings are
pytest's own affair: ``--doctest-modules`` in pyproject.toml.
"""

import os
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE

import pytest
from sybil import Sybil
from sybil.evaluators.doctest import NUMBER
from sybil.integration.pytest import SybilItem
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser

# As the site's build does, and before anything imports torch: see docs/conf.py.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["MPLBACKEND"] = "agg"

collect_ignore_glob = ["docs/*.py", "docs/_*", "docs/gallery/*", "_build/*"]

pytest_collect_file = Sybil(
    parsers=[
        PythonCodeBlockParser(doctest_optionflags=ELLIPSIS | NORMALIZE_WHITESPACE | NUMBER),
        SkipParser(),
    ],
    patterns=["docs/**/*.md", "README.md"],
).pytest()


def pytest_collection_modifyitems(items):
    """Keep the cells of a page in one process: each needs those above it."""
    for item in items:
        if isinstance(item, SybilItem):
            item.add_marker(pytest.mark.xdist_group(str(item.path)))
