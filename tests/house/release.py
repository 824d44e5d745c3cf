"""Build what a package index takes, and try it as a stranger would: python3 dev.py release.

The source archive and the wheel go into _build/dist, and twine checks them as the index would. Then
each Python of this machine that the package admits gets a new environment with the wheel and what
writing needs; in it, the command runs in an empty folder. With --whole, the environment gets all
that the wheel requires, PyTorch too, and the command also trains. Nothing is uploaded.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "_build" / "dist"
OLDEST = (3, 11)
WRITING = ["numpy", "safetensors", "typer"]
QUIETLY = ["--quiet", "--disable-pip-version-check"]
COMMANDS = [
    ["--version"],
    ["--help"],
    ["sample", "austen", "--length", "40", "--seed", "1"],
    ["score", "austen", "text.txt"],
    ["info", "austen"],
    ["shapes", "lstm", "3", "4"],
]
TRAINING = [
    ["train", "text.txt", "--hidden", "8", "--batch-size", "2", "--length", "8", "--steps", "3"],
    ["eval", "run", "text.txt"],
]
TEXT = "It is a truth universally acknowledged.\n" * 20


def find_pythons(names=None):
    """Map the version of each admitted Python of this machine to its path."""
    if names is None:
        names = [f"python3.{minor}" for minor in range(OLDEST[1], OLDEST[1] + 10)]
    ask = "import sys, venv, ensurepip; print(*sys.version_info[:2], sys.executable)"
    found = {}
    for name in filter(None, map(shutil.which, names)):
        answer = subprocess.run([name, "-c", ask], capture_output=True, text=True)
        if answer.returncode == 0:  # a name may lead to a Python that is not installed
            major, minor, path = answer.stdout.split(maxsplit=2)
            if (int(major), int(minor)) >= OLDEST:
                found[f"{major}.{minor}"] = path.strip()
    return found


def unresolved_links(readme):
    """List what a README links to that an index cannot show, because it is beside the README."""
    return [link for link in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in link]


def build():
    """Build the archive and the wheel, check them, and return the path of the wheel."""
    shutil.rmtree(DIST, ignore_errors=True)
    call([sys.executable, "-m", "hatchling", "build", "--directory", DIST])
    with tempfile.TemporaryDirectory() as folder:
        python = make_environment(sys.executable, Path(folder), ["twine"])
        call([python, "-m", "twine", "check", "--strict", *sorted(DIST.iterdir())])
    if links := unresolved_links((ROOT / "README.md").read_text("utf-8")):
        print(f"An index cannot show what README.md links to beside it: {', '.join(links)}")
    (wheel,) = DIST.glob("*.whl")
    return wheel


def make_environment(python, folder, packages, *options):
    """Make a new environment with some packages, and return its Python."""
    call([python, "-m", "venv", "--clear", folder])
    own = Path(folder) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if packages:
        call([own, "-m", "pip", "install", *QUIETLY, *options, *packages])
    return own


def try_wheel(wheel, python, whole):
    """Install the wheel into a new environment of a Python, and run the command there."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as empty:
        own = make_environment(python, Path(folder), [] if whole else WRITING)
        call([own, "-m", "pip", "install", *QUIETLY, *([] if whole else ["--no-deps"]), wheel])
        Path(empty, "text.txt").write_text(TEXT, "utf-8")
        for arguments in [*COMMANDS, *(TRAINING if whole else [])]:
            call([own, "-I", "-m", "charseq", *arguments], cwd=empty, stdout=subprocess.DEVNULL)


def call(command, **options):
    done = subprocess.run(list(map(str, command)), **options)
    if done.returncode:
        sys.exit(f"dev.py release: this failed: {' '.join(map(str, command))}")


def main():
    parser = argparse.ArgumentParser(prog="dev.py release", description=__doc__)
    parser.add_argument("--whole", action="store_true", help="with PyTorch, and train")
    options = parser.parse_args()
    wheel, pythons = build(), find_pythons()
    for version, path in pythons.items():
        try_wheel(wheel, path, options.whole)
        print(f"The wheel works with Python {version}.", flush=True)
    if not pythons:
        sys.exit("dev.py release: no Python of this machine can make an environment.")
    print(f"\nBuilt, checked and tried, but not uploaded: {DIST}")


if __name__ == "__main__":
    main()
