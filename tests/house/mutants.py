"""Do the tests notice? Change a line of the code at random, run the tests that are for it, repeat.

`python -m tests.house.mutants --count 200 --seed 7` chooses that many of all changes that
cosmic-ray can make to the package and the extensions, and prints each that no test noticed. It
works in a copy of the sources. The weekly job installs cosmic-ray, and nothing else needs it.
"""

import argparse
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent)]

from clean_build import ROOT, copy_sources  # noqa: E402 - where its folder is known

CONFIG = """\
[cosmic-ray]
module-path = "{path}"
timeout = 300.0
excluded-modules = []
test-command = "{python} -m pytest -x -q -p no:xdist -m 'not slow or toys' {tests}"
[cosmic-ray.distributor]
name = "local"
"""


def tests_for(path):
    """Return the four files of tests that name a module most often, and its doctests."""
    name = re.compile(rf"\b{Path(path).stem.lstrip('_')}\b")
    tests = ROOT.glob("tests/*/test_*.py")
    said = {test: len(name.findall(test.read_text("utf-8"))) for test in tests}
    found = sorted(filter(said.get, said), key=said.get, reverse=True)[:4]
    doctests = [path] if path.startswith("charseq") else []
    return " ".join([*(test.relative_to(ROOT).as_posix() for test in found), *doctests])


def cosmic_ray(copy, *arguments):
    command = [sys.executable, "-m", "cosmic_ray.cli", *arguments]
    subprocess.run(command, cwd=copy, check=True, stdout=subprocess.DEVNULL)


def possible(copy, path):
    """Return a file of all changes of a module, and their names."""
    config, session = copy / f"{Path(path).stem}.toml", copy / f"{Path(path).stem}.sqlite"
    tests = tests_for(path)
    config.write_text(CONFIG.format(path=path, python=sys.executable, tests=tests), "utf-8")
    cosmic_ray(copy, "init", config.name, session.name)
    with sqlite3.connect(session) as database:
        return session, [job for (job,) in database.execute("SELECT job_id FROM work_items")]


def survivors(copy, session, chosen):
    """Make the chosen changes, one at a time; yield what each that lived has changed."""
    with sqlite3.connect(session) as database:
        marks = ",".join("?" * len(chosen))
        for table in ("mutation_specs", "work_items"):
            database.execute(f"DELETE FROM {table} WHERE job_id NOT IN ({marks})", chosen)
    cosmic_ray(copy, "baseline", f"{session.stem}.toml")  # the tests must pass without a change
    cosmic_ray(copy, "exec", f"{session.stem}.toml", session.name)
    with sqlite3.connect(session) as database:
        lived = database.execute("SELECT diff FROM work_results WHERE test_outcome = 'SURVIVED'")
        yield from (diff for (diff,) in lived)


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.house.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="files whose name has this in it")
    options = parser.parse_args()
    paths = [*ROOT.glob("charseq/**/*.py"), *ROOT.glob("docs/_ext/*/*.py")]
    names = sorted(path.relative_to(ROOT).as_posix() for path in paths)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        copy_sources(copy)
        all_of = [
            (session, job)
            for name in names
            if options.only in name
            for session, jobs in [possible(copy, name)]
            for job in jobs
        ]
        chosen = random.Random(options.seed).sample(all_of, min(options.count, len(all_of)))
        lived = [
            diff
            for session in sorted({session for session, _ in chosen})
            for diff in survivors(copy, session, [job for of, job in chosen if of == session])
        ]
    print(*lived, f"{len(lived)} of {len(chosen)} changes lived", sep="\n")


if __name__ == "__main__":
    main()
