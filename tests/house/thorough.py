"""What the thorough tests have passed, so that the others need not repeat it.

Three checks take minutes and seldom find anything: axe in all four looks of a page, a second clean
build, and the coverage of the package. With `--thorough` pytest runs them on everything, as the
weekly job does. When all is well, `python3 dev.py test --thorough` writes a hash of each page's
source, of all that builds the site, and of the package with its tests to thorough.txt. Without
`--thorough`, the tests repeat them where the hash has changed.
So a list that nobody has brought up to date costs time, and hides nothing.
"""

import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "tests" / "house" / "thorough.txt"
HEAD = "# Hashes of what has passed `python3 dev.py test --thorough`, which writes this file.\n"
BUILD = "what builds the site"
COVERAGE = "what the tests of the package cover"
BUILDS = ("docs/conf.py", "docs/_ext/**/*.py", "docs/_templates/**/*")
COVERS = ("charseq/**/*.py", "tests/*/*.py", "conftest.py", "pyproject.toml")


def sources_of(page):
    """Yield the files whose text a page of the site shows."""
    path = Path(page)
    if path.parts[0] == "gallery":
        yield from (ROOT / "examples" / path.relative_to("gallery")).parent.glob(
            "GALLERY_HEADER.rst" if path.stem == "index" else f"{path.stem}.py"
        )
    else:
        yield ROOT / "docs" / path.with_suffix(".md")
    if path.parts[0] == "questions":
        yield from (ROOT / "docs" / "_questions").glob(f"{path.stem}.toml")


def files_of(patterns):
    for pattern in patterns:
        yield from sorted(path for path in ROOT.glob(pattern) if path.is_file())


def hash_of(files):
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode())
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:12]


def passed(text):
    """Return the hash of each thing that a list names."""
    lines = (line.partition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: hashed for hashed, _, name in lines}


def has_changed(name, files, listed=None):
    """Say whether something is new, or not what it was when it passed."""
    listed = passed(LIST.read_text("utf-8")) if listed is None else listed
    return listed.get(name) != hash_of(files)


def page_has_changed(page):
    return has_changed(page, sources_of(page))


def build_has_changed():
    return has_changed(BUILD, files_of(BUILDS))


def coverage_has_changed():
    return has_changed(COVERAGE, files_of(COVERS))


def main():
    sys.path[:0] = [str(ROOT / "tests" / "browser"), str(ROOT / "tests" / "site")]
    from test_pages import SOURCED

    hashes = {BUILD: hash_of(files_of(BUILDS)), COVERAGE: hash_of(files_of(COVERS))}
    hashes |= {page: hash_of(sources_of(page)) for page in SOURCED}
    lines = [f"{hashed} {name}\n" for name, hashed in hashes.items()]
    LIST.write_text(HEAD + "".join(lines), "utf-8")
    print(f"{LIST.relative_to(ROOT)} says that {len(SOURCED)} pages and their builder have passed.")


if __name__ == "__main__":
    main()
