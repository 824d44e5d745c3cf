#!/usr/bin/env python3
"""All tasks of a contributor. They need only Python 3.11 or newer: python3 dev.py TASK.

docs    build the site into _build/html, with warnings as errors, and print its address
test    check what a change can break: lint, types, the site and its programs, doctests, tests, and
        the browser; with --quick, leave out the site, the browser and slow tests; with --all, check
        what only the world can break as well: all pages in all looks, a second build, other
        processors, downloads, other libraries, links (this needs the network, and an hour);
        with other arguments, only run pytest with them: dev.py test tests/package/test_vocab.py
lint    check the form of everything: ruff and mypy for Python, deno for JavaScript, and
        tests/house/lint.py for Markdown, spelling, the parts of pages, and the size of each room
live    serve the site and rebuild it on every save
books   make an EPUB and a PDF of the course, _build/books/charseq.epub and .pdf, and build the site
        before, and again after it, so that it offers them; the PDF needs Chromium
processors
        compare what the pages print, and run the tests, with the code that torch and NumPy use on
        other processors
bench   compare charseq's speed with that of a plain PyTorch loop (benchmarks/README.md)
addresses
        add what the site in _build has to the list of all its addresses, docs/_addresses.txt
lock    write lock.txt anew with the newest releases that pyproject.toml admits; with names of
        packages, move only these and what they need
clean   delete everything that was built, except .venv

The first run makes .venv beside this file and installs the project into it, with the packages that
the task needs, in the releases that lock.txt names; PyTorch, whose builds differ from machine to
machine, in the newest that pip finds. With --newest or --oldest, dev.py takes the newest or the
oldest releases that pyproject.toml admits instead. It does not touch the system's Python, which may
belong to a package manager (PEP 668). The first run after a change of pyproject.toml or lock.txt
installs again. Deno's bundler comes from the npm registry then; all else comes from pip, and no
build needs the network. --index-url URL and --extra-index-url URL are passed to pip. On Linux they
let you choose torch's small CPU build instead of the default one of 3 GB. Constraints of your own,
in PIP_CONSTRAINT or pip's settings, hold beside those of the lock.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "installed-for.txt"  # written last, so an incomplete .venv never looks finished
LOCK = ROOT / "lock.txt"
SITE = ROOT / "_build" / "html"
GENERATED = ["_build", "docs/gallery", "docs/api/backreferences", ".coverage"]
GENERATED += [".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache"]


def docs(*options):
    # One more than the cores: while Sphinx writes pages, one of its processes only hands out work.
    jobs = str((os.cpu_count() or 1) + 1)
    started = time.monotonic()
    code = run("sphinx", *SPHINX, "-j", jobs, *options, "docs", str(SITE))
    if code == 0:
        seconds, pages = time.monotonic() - started, len(list(SITE.rglob("*.html")))
        where = (SITE / "index.html").as_uri()
        print(f"\nThe site has {pages} pages and took {seconds:.0f} seconds. It is at {where}")
    return code


def books():
    return docs() or run("docs/_books/make.py") or docs()


def live(*options):
    # A build writes files under docs/. They must not start the next build.
    written_by_build = r"docs/(gallery|api/backreferences)|__pycache__"
    watch = ["--watch", "charseq", "--watch", "examples", "--re-ignore", written_by_build]
    return run("sphinx_autobuild", *watch, "-d", DOCTREES, *options, "docs", str(SITE))


def lint():
    # Nothing here asks the network.
    os.environ |= {"DENO_NO_UPDATE_CHECK": "1", "DENO_DIR": str(VENV / "deno")}
    javascript = [["deno", "fmt", "--check", "--quiet"], ["deno", "lint", "--quiet"]]
    javascript += [["deno", "check", "--quiet", "docs/_web"]]
    python = [["mypy"], ["ruff", "check"], ["ruff", "format", "--check"]]
    return run_side_by_side(*python, *javascript, ["tests.house.lint"])


# Without its library, a test of these is skipped elsewhere. The extra `world` has them all.
INTEROP = ("tests/package/test_conversions.py", "tests/package/test_exports.py")


def test(*options):
    """Three circles: --quick, what a change can break, and --all, what only the world can."""
    if options == ("--quick",):
        chosen = "(not slow or toys) and not world"
        return lint() or run("pytest", *IN_PARALLEL, "-m", chosen, "charseq", "tests")
    if options and options != ("--all",):
        return run("pytest", *options)
    os.environ["CHARSEQ_SITE"] = str(SITE)  # the tests look at the site that was just built
    if not options:
        return lint() or docs() or run("pytest", *IN_PARALLEL, "-m", "not world")
    coverage = ["--cov=charseq", "--cov-branch", "--cov-fail-under=97"]
    return (
        lint()
        or docs()
        or run("pytest", *IN_PARALLEL, *coverage)
        or run("pytest", "--no-skips", *INTEROP)
        or run("tests.house.downloads")
        or run("tests.house.processors")
        or links()
    )


def links():
    # Sphinx asks for each address once. A dead one is a warning with its page and line.
    builder = ["-b", "linkcheck", "-d", DOCTREES, "-q"]
    return run("sphinx", *builder, "docs", str(ROOT / "_build" / "links"))


def clean():
    for name in GENERATED:
        path = ROOT / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return 0


# -- Releases: what pyproject.toml admits, and what lock.txt names ---------------------------------


LOCK_SAYS = """\
# The releases of all that the extras of pyproject.toml install, for each Python and system. dev.py
# gives them to pip as constraints. python3 dev.py lock writes this file; change nothing by hand.
# PyTorch, and what it alone needs, is left out: its builds differ from machine to machine.
"""


def lock(*names):
    """Write lock.txt with uv, which resolves for all Pythons and systems at once."""
    make_venv()
    wanted = VENV / "to-lock.txt"
    lines = [line for line in requirements(["dev", "world"]) if not line.startswith("torch")]
    wanted.write_text("\n".join([*lines, ""]), "utf-8")
    # One release for all Pythons, where there is one: a page says the same on each.
    how = ["--universal", "--python-version", "3.11", "--fork-strategy", "fewest"]
    how += ["--no-header", "--no-annotate", "--quiet", *INDEX]
    how += [part for name in names for part in ("--upgrade-package", name)] or ["--upgrade"]
    files = [str(wanted), "--output-file", str(LOCK)]
    code = run("pip", "install", *PIP, *INDEX, "--quiet", "uv>=0.13") or run(
        "uv", "pip", "compile", *how, *files
    )
    if code == 0:
        LOCK.write_text(LOCK_SAYS + LOCK.read_text("utf-8"), "utf-8")
    return code


def requirements(extras):
    """List what these extras install, also those that an extra consists of, and the build."""
    import tomllib  # since Python 3.11: an older one must be able to read this file

    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    lines = [*pyproject["build-system"]["requires"], *pyproject["project"]["dependencies"]]
    waiting = list(extras)
    for extra in waiting:
        for line in pyproject["project"]["optional-dependencies"][extra]:
            own = re.fullmatch(r"charseq\[(.*)\]", line)
            waiting += own[1].split(",") if own else []
            lines += [] if own or line in lines else [line]
    return lines


def oldest_releases():
    bound = re.compile(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)")
    bounds = [bound.match(requirement).groups() for requirement in requirements(["dev"])]
    # An extra may need a later release than the package itself: the last of a name counts.
    oldest = dict(sorted(bounds, key=lambda pair: [*map(int, pair[1].split("."))]))
    return "".join(f"{name}=={version}\n" for name, version in oldest.items())


MODULES = {"processors": "tests.house.processors", "bench": "benchmarks.bench"}
MODULES |= {"addresses": "tests.site.address_list"}
TASKS = {task.__name__: task for task in (docs, test, lint, live, books, lock, clean)}
TASKS |= {
    name: lambda *options, module=module: run(module, *options) for name, module in MODULES.items()
}
# Compiling all modules would double the time, and most of them are never imported.
PIP = ["--no-compile", "--disable-pip-version-check"]
INDEX = []  # more options for pip, from the command line
DOCTREES = str(ROOT / "_build" / "doctrees")
# A process of tests more than there are cores, since a third of the time a browser or a pipe is
# waited for. Slow tests come first, and xdist must not reorder them.
IN_PARALLEL = ["-n", str((os.cpu_count() or 1) + 1), "--no-loadscope-reorder"]
SPHINX = ["-b", "html", "-d", DOCTREES, "-n", "-W", "--keep-going"]


def run_side_by_side(*commands):
    """Run modules at the same time, show in order what each says, and return an exit code."""
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    started = [(command, subprocess.Popen(**how_to_run(*command), **pipe)) for command in commands]
    codes = []
    for command, process in started:
        print("\n>", *command, flush=True)
        sys.stdout.buffer.write(process.communicate()[0])
        sys.stdout.flush()
        codes.append(process.returncode)
    return next(filter(None, codes), 0)


def run(program, *arguments):
    """Run a module or a script in the project's environment and return its exit code."""
    print("\n>", program, *arguments, flush=True)
    return subprocess.run(**how_to_run(program, *arguments)).returncode


def how_to_run(program, *arguments):
    kind = [] if program.endswith(".py") else ["-m"]
    environment = dict(os.environ)
    # Images of containers set this, and then each process compiles whatever it imports.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    # Figures are drawn with the fonts and settings that matplotlib ships, not with somebody's own.
    environment["MPLCONFIGDIR"] = str(VENV / "matplotlib")
    command = [str(PYTHON), *kind, program, *arguments]
    return {"args": command, "cwd": ROOT, "env": environment}


def set_up(extras, constraints):
    """Make .venv and install the project into it, unless the installation is up to date."""
    # An editable install depends on its folder and its Python, so both are part of the stamp.
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    state = "\n".join([str(ROOT), sys.version, pyproject, constraints])
    before, _, state_before = (STAMP.read_text("utf-8") if STAMP.exists() else "").partition("\n")
    if state == state_before:
        there = {*before.split(), *(["docs"] if "dev" in before.split() else [])}
        if there.issuperset(extras) and constraints:  # what is newest may have changed
            return
        extras = sorted(there.union(extras))
    print(
        "Setting up .venv. This takes some minutes, once per change of pyproject.toml or lock.txt.",
        flush=True,
    )
    STAMP.unlink(missing_ok=True)
    make_venv()
    needed, allowed = VENV / "requirements.txt", VENV / "constraints.txt"
    needed.write_text("\n".join([*requirements(extras), ""]), "utf-8")
    allowed.write_text(constraints, "utf-8")
    # What is there stays if it fits, unless the newest is asked for.
    newest = [] if constraints else ["--upgrade", "--upgrade-strategy", "eager"]
    files = ["-r", str(needed), "-c", str(allowed)]
    # What builds the project comes from the lock, too, instead of anew into a folder of its own.
    itself = ["--no-build-isolation", "--no-deps", "-e", "."]
    if run("pip", "install", *PIP, *newest, *INDEX, *files) or run("pip", "install", *PIP, *itself):
        stop(
            "pip could not install the packages that pyproject.toml and lock.txt name; its message "
            "is above (no network? a proxy? then see pip's own settings)"
        )
    if run("docs/_ext/delivery/bundles.py"):
        stop(
            "Deno could not fetch its bundler, which makes the site's scripts; the reason is above"
        )
    STAMP.write_text(f"{' '.join(extras)}\n{state}", "utf-8")


def make_venv():
    """Make .venv, unless there is one that works. On Debian, venv says which package it lacks."""
    if not PYTHON.exists() or run("pip", "--version"):
        venv = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)])
        if venv.returncode:
            stop("Python's venv module could not make .venv; its message is above")


def stop(reason):
    sys.exit(f"dev.py: {reason}.")


def main():
    if sys.version_info < (3, 11):  # noqa: UP036 - an older Python may start this script
        stop("Python 3.11 or newer is needed, and this is {}.{}".format(*sys.version_info[:2]))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False, usage="dev.py TASK [arguments]",
    )  # fmt: skip
    parser.add_argument("task", nargs="?", help=argparse.SUPPRESS)
    for option in ("--index-url", "--extra-index-url"):
        parser.add_argument(option, metavar="URL", help="passed on to pip")
    releases = parser.add_mutually_exclusive_group()
    for age in ("newest", "oldest"):
        text = f"take the {age} releases that pyproject.toml admits, not those of lock.txt"
        releases.add_argument(f"--{age}", action="store_true", help=text)
    options, arguments = parser.parse_known_args()
    if options.task not in TASKS:
        problem = f"there is no task {options.task!r}" if options.task else "no task was given"
        stop(f"{problem}; choose one of {', '.join(TASKS)}")
    if options.task in ("addresses", "books", "clean", "lint") and arguments:
        stop(f"{options.task} takes no arguments, got {' '.join(arguments)}")
    urls = {"--index-url": options.index_url, "--extra-index-url": options.extra_index_url}
    INDEX[:] = [part for option, url in urls.items() if url for part in (option, url)]
    if options.task not in ("clean", "lock"):
        extras = ["docs"] if options.task == "docs" else ["dev"]
        extras += ["world"] if (options.task, arguments) == ("test", ["--all"]) else []
        locked = oldest_releases() if options.oldest else LOCK.read_text("utf-8")
        set_up(extras, "" if options.newest else locked)
    return TASKS[options.task](*arguments)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
