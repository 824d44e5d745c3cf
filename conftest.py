"""Each code cell and each prompt of a page is a test; a page's tests share one namespace.

Cells are blocks of ```` ```{code-cell} python ````; prompts stand in blocks of ```` ```python ````.
The tests of a page run from top to bottom. Pytest itself runs the examples in docstrings:
``--doctest-modules`` in pyproject.toml.
"""

import os
import sys
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE

from sybil import Sybil
from sybil.evaluators.doctest import NUMBER
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser
from xdist.scheduler import LoadScopeScheduling

# These must be set before torch is imported. The site's build sets them, too: see docs/conf.py.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["MPLBACKEND"] = "agg"

collect_ignore_glob = ["docs/*.py", "docs/_*", "docs/gallery/*", "_build/*"]

pytest_collect_file = Sybil(
    parsers=[
        PythonCodeBlockParser(doctest_optionflags=ELLIPSIS | NORMALIZE_WHITESPACE | NUMBER),
        SkipParser(),
    ],
    patterns=["docs/*.md", "docs/**/*.md", "README.md"],
    excludes=["docs/fix/*.md"],  # cells that break: tests/test_fixes.py runs them
).pytest()


class Scheduling(LoadScopeScheduling):
    """Give each process whole files of tests, but split the tests of the site.

    The cells of a page need the cells above them, and several tests of a file share its fixtures.
    """

    def _split_scope(self, nodeid):
        file = nodeid.partition("::")[0]
        return nodeid if file.endswith(("/test_site.py", "/test_pages.py")) else file


def pytest_xdist_make_scheduler(config, log):
    return Scheduling(config, log)


def pytest_runtest_teardown(item):
    """Close the figures of a cell, as a notebook does once it has shown them."""
    if item.path.suffix == ".md" and "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
