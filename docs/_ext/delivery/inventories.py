"""Turn docs/_inventories.txt, the few outside names that we cite, into intersphinx inventories.

A line is ``project name domain:role page#anchor``, ``$`` standing for the name. Nothing is fetched,
so that builds are offline and repeatable; citing a name that is not listed is a warning, thus an
error.
"""

import zlib
from pathlib import Path


def write(source: Path, project: str, folder: Path) -> str:
    """Pack the names of one project and return the path of the inventory."""
    lines = [line.split() for line in source.read_text("utf-8").splitlines()]
    entries = [f"{name} {role} 1 {page} -\n" for of, name, role, page in lines if of == project]
    head = f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n# zlib\n"
    folder.mkdir(parents=True, exist_ok=True)
    packed = folder / f"{project}.inv"
    packed.write_bytes(head.encode() + zlib.compress("".join(entries).encode(), 9))
    return str(packed)
