"""Turn docs/_inv/*.txt, the few outside names that the site cites, into intersphinx inventories.

A line is ``name domain:role page#anchor``, ``$`` standing for the name. Nothing is fetched, so that
builds are offline and repeatable; citing a name that is not listed is a warning, thus an error.
"""

import zlib
from pathlib import Path


def write(source: Path, target: Path) -> str:
    """Pack one list and return the path of the inventory."""
    lines = [line.split() for line in source.read_text("utf-8").splitlines() if line.strip()]
    entries = "".join(f"{name} {role} 1 {page} -\n" for name, role, page in lines)
    head = f"# Sphinx inventory version 2\n# Project: {source.stem}\n# Version: \n# zlib\n"
    target.mkdir(parents=True, exist_ok=True)
    packed = target / f"{source.stem}.inv"
    packed.write_bytes(head.encode() + zlib.compress(entries.encode(), 9))
    return str(packed)
