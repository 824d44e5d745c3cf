"""What is installed in other releases than lock.txt names: python3 dev.py drift.

It prints one line for each such package: its name, the release in lock.txt, and the one installed.
With `--json` it prints the names alone, as JSON, for a matrix of jobs.
"""

import argparse
import json
import sys
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = Path(__file__).resolve().parents[2] / "lock.txt"


def locked(text, environment=None):
    """Return the release of each package that a lock names for an environment, or for this one."""
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    releases = {}
    for requirement in map(Requirement, filter(None, lines)):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            name = canonicalize_name(requirement.name)
            assert name not in releases, f"lock.txt names two releases of {name} at once"
            (bound,) = requirement.specifier
            assert bound.operator == "==", f"lock.txt names no single release of {name}: {bound}"
            releases[name] = bound.version
    return releases


def differences(releases, installed):
    """Yield name, locked and installed release of each package in which the two differ."""
    for name in sorted(releases.keys() & installed.keys()):
        if releases[name] != installed[name]:
            yield name, releases[name], installed[name]


def main():
    parser = argparse.ArgumentParser(prog="dev.py drift", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the names alone, as JSON")
    chosen = parser.parse_args()
    installed = {canonicalize_name(found.name): found.version for found in distributions()}
    found = list(differences(locked(LOCK.read_text("utf-8")), installed))
    if chosen.json:
        print(json.dumps([name for name, *_ in found]))
        return 0
    for name, before, now in found:
        print(f"{name:30} {before:>14} in lock.txt, {now:>14} installed")
    print(f"{len(found)} of the installed packages have another release than lock.txt names")
    return 0


if __name__ == "__main__":
    sys.exit(main())
