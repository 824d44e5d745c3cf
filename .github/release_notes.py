"""Print what CHANGELOG.md says of a version, if its tag fits: release_notes.py v0.2.0."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def notes(tag, root=ROOT):
    """Return the entry of CHANGELOG.md for a tag, or raise ValueError if there is none."""
    source = (root / "charseq" / "_version.py").read_text("utf-8")
    version = re.search(r'__version__ = "(.+)"', source)[1]
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag}, but charseq/_version.py expects v{version}")
    entries = re.split(r"^## ", (root / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE)
    for entry in entries[1:]:
        title, _, text = entry.partition("\n")
        if title.partition(",")[0] == version and text.strip():
            return text.strip() + "\n"
    found = ", ".join(entry.partition("\n")[0] for entry in entries[1:])
    raise ValueError(f"CHANGELOG.md has no entry for {version}, only for: {found}")


if __name__ == "__main__":
    try:
        print(notes(*sys.argv[1:]), end="")
    except ValueError as error:
        sys.exit(f"release_notes.py: {error}")
