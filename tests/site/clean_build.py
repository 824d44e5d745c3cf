"""Build the site from a copy of its sources, once for all processes of tests.

As a program, `python clean_build.py FOLDER [--ran]`, it does so beside the tests.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

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


def build_clean(folder: Path, jobs: int = JOBS, *, ran: bool = False, **elsewhere: str) -> str:
    """Copy the sources and build the site there, with these variables of the environment.

    With `ran`, cells that have run in the checkout do not run again: the names of their results are
    hashes of all that they depend on. Returns what Sphinx says if it fails or warns, or nothing.
    """
    copy_sources(folder)
    results = folder / "_build" / "ran"
    results.mkdir(parents=True, exist_ok=True)
    for path in (ROOT / "_build" / "ran").glob("*.json") if ran else ():
        shutil.copy2(path, results)
    sphinx = [sys.executable, "-m", "sphinx", "-b", "html", "-d", "_build/doctrees", "-q"]
    strict = ["-n", "-W", "--keep-going", "-j", str(jobs)]
    # The copy's package, not the checkout's: the same code, and the only one in the copy's pages.
    env = {**os.environ, "PYTHONPATH": str(folder), **elsewhere}
    built = subprocess.run(
        [*sphinx, *strict, "docs", "_build/html"],
        cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return built.stdout if built.returncode else ""


def verdict_on(folder: Path) -> Path:
    """Name the file that has what was said of a build, once it has ended."""
    return folder.with_name(f"{folder.name}.txt")


def build_once(folder: Path, **otherwise) -> str:
    """Do as `build_clean`, or wait until another process has done so."""
    verdict = verdict_on(folder)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if not verdict.exists():
            verdict.write_text(build_clean(folder, **otherwise), "utf-8")
    return verdict.read_text("utf-8")


if __name__ == "__main__":
    build_once(Path(sys.argv[1]), ran="--ran" in sys.argv)
