"""A tag is released only if the version and the changelog fit it."""

import importlib.util
from pathlib import Path

import pytest
import yaml

import charseq

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("notes", ROOT / ".github" / "release_notes.py")
release_notes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(release_notes)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "charseq").mkdir()
    (tmp_path / "charseq" / "_version.py").write_text('__version__ = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## Unreleased\n\n## 1.2.0, 2026-12-01\n\n### Added\n\n- One.\n\n"
        "## 1.1.0, 2026-11-01\n\n- Old.\n"
    )
    return tmp_path


def test_the_notes_of_a_release_are_its_entry_in_the_changelog(project):
    assert release_notes.notes("v1.2.0", project) == "### Added\n\n- One.\n"


def test_a_tag_of_another_version_is_refused(project):
    with pytest.raises(ValueError, match=r"the tag is v1\.1\.0, but .* expects v1\.2\.0"):
        release_notes.notes("v1.1.0", project)


def test_a_version_without_an_entry_is_refused(project):
    (project / "charseq" / "_version.py").write_text('__version__ = "1.3.0"\n')
    with pytest.raises(ValueError, match=r"no entry for 1\.3\.0, only for: Unreleased, 1\.2\.0"):
        release_notes.notes("v1.3.0", project)


def test_the_changelog_has_an_entry_for_the_version_of_the_package():
    assert release_notes.notes(f"v{charseq.__version__}").startswith("### ")


def test_the_citation_names_the_version_of_the_package_and_the_day_of_its_release():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert cited["version"] == charseq.__version__
    day = f"## {cited['version']}, {cited['date-released']}\n"
    assert day in (ROOT / "CHANGELOG.md").read_text("utf-8")
