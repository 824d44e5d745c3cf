"""``{build-report}``: what the build ran with and checked, and what tests there are, in numbers.

Every number is counted in the sources. A build reads the page again if one of them has changed.
"""

import platform
import re
from importlib.metadata import version
from pathlib import Path

from sphinx.util.docutils import SphinxDirective

import cells
import equations
import faq
import questions

ROOT = Path(__file__).resolve().parents[3]
NOT_WRITTEN_BY_HAND = ("gallery/", "api/backreferences/", "_")


def texts(folder, pattern):
    """Return the text of each file that somebody has written, by its path in the folder."""
    paths = {p.relative_to(ROOT / folder).as_posix(): p for p in ROOT.glob(f"{folder}/{pattern}")}
    own = [name for name in sorted(paths) if not name.startswith(NOT_WRITTEN_BY_HAND)]
    return {name: paths[name].read_text("utf-8") for name in own}


def count(pattern, texts):
    return sum(len(re.findall(pattern, text, re.M)) for text in texts)


def counts(env):
    pages, tests = texts("docs", "**/*.md"), texts("tests", "**/test_*.py")
    code = [cell for page in pages.values() for cell in cells.sources_of(page)]
    examples = texts("examples", "**/*.py").values()
    package = texts("charseq", "**/*.py").values()
    fixes = [text for name, text in pages.items() if name.startswith("fix/")]
    asking = [cell for cell in code if re.search(r"\b(Number|Shape|Text|Choice)\(", cell)]
    asked = [q for path in faq.FOLDER.glob("*.toml") for q in faq.questions_of(path.stem)]
    proofs = {proof for label in equations.equations() for proof in equations.proofs(label)}
    yield "pages of this site", len(env.found_docs)
    yield "cells of code on them, run", len(code)
    yield "statements about results, checked in these cells", count(r"^ *assert\b", code)
    yield "experiments, run", len(examples)
    yield "statements about results, checked in them", count(r"^ *assert\b", examples)
    yield (
        "error messages that pages provoke and quote",
        count("^message: ", fixes),
    )
    yield "exercises", count(r"\{admonition\} Exercise ", pages.values())
    yield "mistakes that they foresee, each with a reply", sum(map(questions.foreseen, asking))
    yield "entries of *Questions*", len(asked)
    yield "facts of their answers", sum(len(question["facts"]) for question in asked)
    yield "equations, each with its code, symbols and tests", len(equations.equations())
    yield "files of code in the package", len(package)
    yield "lines of examples in their docstrings", count("^ *>>> ", package)
    yield "test functions", count("^ *def test_", tests.values())
    yield "of these, tests of the equations", len(proofs)
    browser = [text for name, text in tests.items() if name.startswith("browser/")]
    yield "and tests of pages in Chromium", count("^ *def test_", browser)
    yield "Python", platform.python_version()
    for name in ("torch", "NumPy", "Matplotlib", "Sphinx", "MyST-NB", "Sphinx-Gallery"):
        yield name, version(name)
    yield "system", f"{platform.system()}, {platform.machine()}"


def table(env):
    rows = [f"| {what} | {number} |" for what, number in counts(env)]
    return "\n".join(["| what | number, or release |", "| :-- | --: |", *rows])


class BuildReport(SphinxDirective):
    def run(self):
        about = self.env.metadata[self.env.current_document.docname]
        about["counted"] = table(self.env)
        return self.parse_text_to_nodes(about["counted"])


def outdated(app, env, added, changed, removed):
    """Name the page on which a number is no longer right."""
    counted = {page: about["counted"] for page, about in env.metadata.items() if "counted" in about}
    return [page for page in counted if counted[page] != table(env)]


def setup(app):
    app.add_directive("build-report", BuildReport)
    app.connect("env-get-outdated", outdated)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
