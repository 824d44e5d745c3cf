"""Each prompt and cell of a page is a test, run from top to bottom in one namespace a page.

The cells are ```` ```{code-cell} python ```` and, for prompts, ```` ```python ````. Docstrings are
pytest's own affair: ``--doctest-modules`` in pyproject.toml.
"""

import os
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE

from sybil import Sybil
from sybil.evaluators.doctest import NUMBER
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser
from xdist.scheduler import LoadScopeScheduling

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


class Scheduling(LoadScopeScheduling):
    """Give each process the next file of tests, but of the site one test at a time.

    The cells of a page need those above them, and what a file sets up is used by several tests.
    """

    def _split_scope(self, nodeid):
        file = nodeid.partition("::")[0]
        return nodeid if file.endswith(("/test_site.py", "/test_pages.py")) else file


def pytest_xdist_make_scheduler(config, log):
    return Scheduling(config, log)
