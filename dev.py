#!/usr/bin/env python3
"""Everything a contributor runs, with nothing but Python 3.11 or newer: python3 dev.py TASK.

docs    build the site into _build/html, with warnings as errors, and say where it is
test    prove everything: lint, types, doctests, unit tests, the built site, the browser;
        with --quick leave out the site, the browser and what takes long;
        given other arguments, run only pytest with them:  python3 dev.py test tests/test_vocab.py
processors
        run the tests, and compare what the pages print, on the kernels that torch and NumPy have
        for other processors; --quick takes the plainest kernels only
bench   measure charseq side by side with what else one would use (benchmarks/README.md);
        .venv/bin/pip install -e .[bench] adds the peers that come as packages
live    serve the site and rebuild it on every save
lint    ruff and mypy, and deno's formatter and linter for JavaScript
clean   forget whatever was built (the environment stays)

The first run makes .venv beside this file, which is safe where the system's Python is managed by
somebody else (PEP 668), and installs the project into it, with what the task needs; so does the
first run after pyproject.toml changed. --index-url URL and --extra-index-url URL are handed to
pip: on Linux they let you take torch's small CPU build instead of its default one of 3 GB.
"""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "installed-for.txt"  # written last, so that a half-made .venv never looks finished
SITE = ROOT / "_build" / "html"
GENERATED = [
    *("_build", "docs/gallery", "docs/api/backreferences"),
    *(".coverage", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache"),
]


def docs(*options):
    # While pages are written, Sphinx counts a process that only hands them out.
    jobs = str((os.cpu_count() or 1) + 1)
    code = run("sphinx", *SPHINX, "-j", jobs, *options, "docs", str(SITE))
    if code == 0:
        print("\nThe site is at", (SITE / "index.html").as_uri())
    return code


def live(*options):
    # What the build itself writes under docs/ must not start the next build.
    written = r"docs/(gallery|api/backreferences)|__pycache__"
    watch = ["--watch", "charseq", "--watch", "examples", "--re-ignore", written]
    return run("sphinx_autobuild", *watch, "-d", DOCTREES, *options, "docs", str(SITE))


def bench(*options):
    return run("benchmarks.bench", *options)


def processors(*options):
    return run("tests.processors", *options)


def lint():
    python = [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]]
    javascript = [["deno", "fmt", "--check", "--quiet"], ["deno", "lint", "--quiet"]]
    os.environ["DENO_NO_UPDATE_CHECK"] = "1"  # nothing here asks the network
    return first_failure(*python, *javascript)


def test(*options):
    if options == ("--quick",):
        return lint() or run("pytest", *SIDE_BY_SIDE, "-m", "not slow", "charseq", "tests")
    if options:
        return run("pytest", *options)
    coverage = ["--cov=charseq", "--cov-branch", "--cov-fail-under=98"]
    return lint() or run("pytest", *SIDE_BY_SIDE, *coverage)


def clean():
    for name in GENERATED:
        path = ROOT / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return 0


TASKS = {"docs": docs, "test": test, "processors": processors, "bench": bench, "live": live}
TASKS |= {"lint": lint, "clean": clean}
DOCTREES = str(ROOT / "_build" / "doctrees")
# A process of tests for each core. What is slow comes first and is not put in another order.
SIDE_BY_SIDE = ["-n", "auto", "--no-loadscope-reorder"]
SPHINX = ["-b", "html", "-d", DOCTREES, "-n", "-W", "--keep-going"]


def first_failure(*commands):
    for command in commands:
        code = run(*command)
        if code:
            return code
    return 0


def run(module, *arguments):
    """Run a module in the project's environment and return its exit code."""
    print("\n>", module, *arguments, flush=True)
    return subprocess.run([str(PYTHON), "-m", module, *arguments], cwd=ROOT).returncode


def set_up(extra, pip_options):
    """Make .venv and install the project into it, unless that was done for this very state."""
    # An editable install knows its folder and its Python, so a moved checkout installs anew.
    state = "\n".join([str(ROOT), sys.version, (ROOT / "pyproject.toml").read_text("utf-8")])
    installed = STAMP.read_text("utf-8") if STAMP.exists() else ""
    if installed in (f"{extra}\n{state}", f"dev\n{state}"):  # dev holds all extras
        return
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            stop(
                f"this Python has no {module} module; install it first "
                "(on Debian and Ubuntu: apt install python3-venv)"
            )
    print(
        "Setting up .venv: some minutes once, then never until pyproject.toml changes.", flush=True
    )
    STAMP.unlink(missing_ok=True)
    if not PYTHON.exists() or run("pip", "--version"):
        made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)])
        if made.returncode:
            stop("Python's venv module could not make .venv; its message is above")
    # Compiling all modules takes as long as the rest, and most of them are never imported.
    quickly = ["--no-compile", "--disable-pip-version-check"]
    if run("pip", "install", *quickly, *pip_options, "-e", f".[{extra}]"):
        stop(
            "pip could not install what pyproject.toml asks for; its message is above "
            "(no network? a proxy? then see pip's own settings)"
        )
    STAMP.write_text(f"{extra}\n{state}", "utf-8")


def stop(reason):
    sys.exit(f"dev.py: {reason}.")


def main():
    if sys.version_info < (3, 11):  # noqa: UP036 - an older Python may well start this
        stop("Python 3.11 or newer is needed, and this is {}.{}".format(*sys.version_info[:2]))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False, usage="dev.py TASK [arguments]",
    )  # fmt: skip
    parser.add_argument("task", nargs="?", help=argparse.SUPPRESS)
    for option in ("--index-url", "--extra-index-url"):
        parser.add_argument(option, metavar="URL", help="passed on to pip")
    chosen, arguments = parser.parse_known_args()
    if chosen.task not in TASKS:
        found = f"there is no task {chosen.task!r}" if chosen.task else "no task was given"
        stop(f"{found}; choose one of {', '.join(TASKS)}")
    if chosen.task in ("clean", "lint") and arguments:
        stop(f"{chosen.task} takes no arguments, got {' '.join(arguments)}")
    if chosen.task != "clean":
        urls = {"--index-url": chosen.index_url, "--extra-index-url": chosen.extra_index_url}
        pip_options = [part for option, url in urls.items() if url for part in (option, url)]
        set_up("docs" if chosen.task == "docs" else "dev", pip_options)
    return TASKS[chosen.task](*arguments)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
