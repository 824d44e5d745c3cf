"""The recipes of CONTRIBUTING.md, followed in a copy: an equation, a chapter, an example, a fix.

The checks of test_docs.py look at the whole copy. Then all pages go but those that the recipes
touch, and the rest is built.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from clean_build import copy_sources

ROOT = Path(__file__).resolve().parents[2]
KEPT = ("index", "api/equations", "proof", "exercises", "glossary", "notation", "learn/index")
KEPT += ("learn/mean-state", "fix/index", "fix/state-of-another-batch")
CODE = '''

def mean_state(outputs: Array) -> Array:
    """Return the mean of the states of a text, :eq:`mean-state`.

    Parameters
    ----------
    outputs : ndarray of shape (B, T, H)
        The state after each character.

    Returns
    -------
    ndarray of shape (B, H)
        Their mean over the characters.
    """
    return outputs.mean(axis=1)  # (B, H)
'''
TEST = """

def test_mean_state_matches_torch():
    outputs = normal(0, 2, 3, 4)
    expected = as_torch(outputs).mean(dim=1)
    np.testing.assert_allclose(mean_state(outputs), expected, **EXACT)
"""
EQUATION = r"""$$
\bar h = \frac{1}{T} \sum_{t=1}^{T} h_t
$$ (mean-state)

| symbol | meaning | shape |
| :-- | :-- | :-- |
| $\bar h$ | mean of all states of a text | $(H,)$ |

```{code-of} mean_state
```

The example {ref}`sphx_glr_gallery_cell_mean_state.py` draws it.

"""
ROW = r"| $\bar h$ | mean of all states | $(H,)$ | | `mean_state(…)` | {eq}`mean-state` |"
LINE = '{ page = "learn/mean-state", label = "Mean", place = "name", minutes = 9, needs = [] },\n'
EXAMPLE = '''\
r"""
Where is the mean of all states?
================================

Each state counts as much as any other, :eq:`mean-state`.
"""

import matplotlib.pyplot as plt
import numpy as np

from charseq.reference import mean_state

outputs = np.tanh(np.linspace(-1, 1, 9))[None, :, None]  # (1, T, 1)
fig, ax = plt.subplots()
ax.plot(outputs[0])
ax.axhline(mean_state(outputs)[0, 0])
ax.set(xlabel="step", ylabel="state")
fig.set_label("A line that rises, and a level line in its middle.")

# %%
# **What to notice.** As many states lie above the mean as below it.

assert abs(mean_state(outputs)[0, 0]) < 1e-12
'''


def add_equation(copy):
    listed = "charseq/reference/__init__.py"
    copy.insert(listed, r"^__all__.* = \[.*\n", '    "mean_state",\n')
    copy.insert(listed, r"^from charseq.reference.recurrent import \(\n", "    mean_state,\n")
    copy.insert("charseq/reference/recurrent.py", r"\Z", CODE)
    listed = ".. autofunction:: charseq.reference."
    copy.insert("docs/api/equations.md", rf"^{listed}layer_norm\n", f"{listed}mean_state\n")
    copy.insert("docs/notation.md", r"^\| \$h_T\$ .*\n", f"{ROW}\n")
    copy.insert("tests/package/test_reference.py", r"^    lstm_step,\n", "    mean_state,\n")
    copy.insert("tests/package/test_reference.py", r"\Z", TEST.format("test_mean_state"))


def add_chapter(copy):
    new = "docs/learn/mean-state.md"
    copy.make(new, (copy.root / "docs/learn/gru.md").read_text("utf-8"))
    copy.replace(new, r"^# GRU.*$", "# The mean of all states")
    copy.replace(new, r"^\$\$ \(gru-[a-z]+\)$", "$$")  # these equations have their place already
    copy.replace(new, r"name: fig-", "name: fig-mean-")
    copy.insert(new, r"(?=^## Try it\n)", EQUATION)
    copy.insert("docs/_chapters.toml", r'^  \{ page = "learn/after-rnns".*\n', LINE)


def add_example(copy):
    copy.make("examples/cell/mean_state.py", EXAMPLE)
    copy.insert("docs/_ext/execution/gallery.py", '"last_hidden"', ', "mean_state"')


def add_fix(copy):
    new = "docs/fix/state-of-another-batch.md"
    copy.make(new, (copy.root / "docs/fix/expected-hidden-size.md").read_text("utf-8"))
    copy.replace(new, r"^# Expected.*$", "# A state of another batch")


RECIPES = (add_equation, add_chapter, add_example, add_fix)
NAMES = "mean_state or mean-state or state-of-another-batch"
LISTS = "table_of_chapters or places_of_the_map or public_name or columns or is_an_equation"


class Copy:
    """A copy of the sources, and the ways to edit it."""

    def __init__(self, root):
        self.root = root
        copy_sources(root)

    def make(self, name, text):
        (self.root / name).write_text(text, "utf-8")

    def replace(self, name, pattern, text):
        before = (self.root / name).read_text("utf-8")
        after, hits = re.subn(pattern, lambda match: text, before, flags=re.M)
        assert hits, f"{name} has no {pattern}"
        self.make(name, after)

    def insert(self, name, pattern, text):
        """Insert a text after the first match of the pattern."""
        before = (self.root / name).read_text("utf-8")
        match = re.search(pattern, before, re.M)
        assert match, f"{name} has no {pattern}"
        self.make(name, before[: match.end()] + text + before[match.end() :])


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the sources in which each recipe has been followed."""
    copy = Copy(tmp_path_factory.mktemp("copy"))
    for recipe in RECIPES:
        recipe(copy)
    return copy.root


def run(root, *command):
    env = {**os.environ, "PYTHONPATH": str(root)}
    ran = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=root, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return ran.returncode, ran.stdout


@pytest.mark.slow
def test_the_checks_of_pages_accept_what_was_made_by_the_recipes(copy):
    files = [
        "tests/course/test_docs.py",
        "tests/package/test_reference.py",
        "tests/site/test_fixes.py",
    ]
    options = ["-q", "-p", "no:cacheprovider", "-k", f"({NAMES} or {LISTS}) and not breaks_where"]
    code, said = run(copy, "pytest", *files, *options)
    assert code == 0, said
    assert int(re.search(r"(\d+) passed", said)[1]) > 5
    code, said = run(copy, "tests.house.lint")
    assert code == 0, said


@pytest.mark.slow
def test_what_was_made_by_the_recipes_is_built_and_found(copy):
    for path in (copy / "docs").rglob("*.md"):
        name = path.relative_to(copy / "docs").with_suffix("").as_posix()
        if not name.startswith("_") and name not in KEPT:
            path.unlink()
    for path in (copy / "examples").rglob("*.*"):
        if path.parent != copy / "examples" and path.stem not in ("GALLERY_HEADER", "mean_state"):
            path.unlink()
    table = (copy / "docs/_chapters.toml").read_text("utf-8").partition("[[path]]")[0]
    kept = [line for line in table.splitlines() if "page =" not in line or "mean-state" in line]
    (copy / "docs/_chapters.toml").write_text("\n".join(kept), "utf-8")
    html = ["sphinx", "-b", "html", "-d", "_build/doctrees", "-q", "-N", "-n", "--keep-going"]
    _, said = run(copy, *html, "-j", "2", "docs", "_build/html")
    site = copy / "_build" / "html"
    chapter, equations, fixes, gallery, home = (
        (site / f"{name}.html").read_text("utf-8")
        for name in ("learn/mean-state", "proof", "fix/index", "gallery/index", "index")
    )
    assert 'id="equation-mean-state"' in chapter
    assert 'href="../gallery/cell/mean_state.html"' in chapter
    assert "matches torch" in equations.partition("mean_state")[2]
    assert 'href="state-of-another-batch.html"' in fixes
    assert 'href="cell/mean_state.html"' in gallery
    assert 'href="learn/mean-state.html"' in home
    # Other complaints are about pages that are not in this copy.
    complaints = [line for line in said.splitlines() if re.search(NAMES.replace(" or ", "|"), line)]
    gone = r"\[(ref|myst|toc|bibtex|intersphinx|code|app)\b"
    assert [line for line in complaints if not re.search(gone, line)] == [], said
