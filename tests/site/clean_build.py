"""Build the site in the checkout, or in a copy of its sources, as dev.py does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
JOBS = (os.cpu_count() or 1) + 1  # as dev.py


def copy_sources(folder: Path) -> None:
    """Copy what a clone would hold, plus what is about to be committed."""
    listed = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():  # deleted files are listed until their removal is committed
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def build(folder: Path, jobs: int = JOBS, **elsewhere: str) -> str:
    """Build the site there, with these variables of the environment.

    Returns what Sphinx says if it fails or warns, or nothing.
    """
    sphinx = [sys.executable, "-m", "sphinx", "-b", "html", "-d", "_build/doctrees", "-q"]
    strict = ["-n", "-W", "--keep-going", "-j", str(jobs)]
    # The folder's package, not the checkout's: the same code, and the only one in its pages.
    env = {**os.environ, "PYTHONPATH": str(folder), **elsewhere}
    built = subprocess.run(
        [*sphinx, *strict, "docs", "_build/html"],
        cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return built.stdout if built.returncode else ""
