"""What a package index is told of charseq, and the task that builds and tries it."""

import sys
import tomllib
from pathlib import Path

import pytest
import release
import yaml
from packaging.specifiers import SpecifierSet

import dev

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PREFIX = "Programming Language :: Python :: 3."


def test_the_classifiers_name_each_python_that_is_tested():
    named = {line[len(PREFIX) - 2 :] for line in PROJECT["classifiers"] if line.startswith(PREFIX)}
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text("utf-8"))
    jobs = workflow["jobs"].values()
    tested = {
        version
        for job in jobs
        for version in job.get("strategy", {}).get("matrix", {}).get("python", [])
    }
    assert named == tested
    admitted = SpecifierSet(PROJECT["requires-python"])
    assert all(version in admitted for version in named)
    assert f"3.{release.OLDEST[1]}" == min(named, key=lambda version: int(version[2:]))


def test_readme_says_how_to_install_and_how_long_things_take():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "`pip install charseq` doesn't work yet" in readme
    for command in ("docs", "test", "test --quick", "release"):
        (row,) = [
            line for line in readme.splitlines() if line.startswith(f"| `python3 dev.py {command}`")
        ]
        assert any(unit in row for unit in ("second", "minute")), row


def test_links_that_an_index_cannot_show_are_found():
    readme = "[a](docs/a.md), ![b](b.png) and [c](https://example.org/c)"
    assert release.unresolved_links(readme) == ["docs/a.md", "b.png"]


def test_this_python_is_found_and_what_is_none_is_left_out(tmp_path):
    broken = tmp_path / "python3.12"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    found = release.find_pythons([sys.executable, str(broken), "no-such-python"])
    assert list(found) == [version]


def test_a_command_that_fails_ends_the_release():
    with pytest.raises(SystemExit, match=r"dev\.py release: this failed: .* exit"):
        release.call([sys.executable, "-c", "exit(3)"])


def test_release_is_a_task():
    assert "release" in dev.TASKS
    assert "\nrelease build" in dev.__doc__
