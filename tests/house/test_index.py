"""What a package index is told of charseq."""

import tomllib
from pathlib import Path

import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PREFIX = "Programming Language :: Python :: 3."


def test_the_classifiers_name_each_python_that_is_tested():
    named = {line[len(PREFIX) - 2 :] for line in PROJECT["classifiers"] if line.startswith(PREFIX)}
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text("utf-8"))
    matrices = [job.get("strategy", {}).get("matrix", {}) for job in workflow["jobs"].values()]
    assert named == {version for matrix in matrices for version in matrix.get("python", [])}
    assert all(version in SpecifierSet(PROJECT["requires-python"]) for version in named)
