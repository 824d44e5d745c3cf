"""How long whole commands take, from start to exit, and whether they import torch."""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import NamedTuple


class Command(NamedTuple):
    """The arguments of a Python process; RUN stands for a run folder."""

    arguments: list[str]
    label: str


CHARSEQ = ["-m", "charseq"]
TRAIN = [*CHARSEQ, "train", "python-reference", "--steps=1", "--evaluate-every=0", "--out", "RUN"]
COMMANDS = {
    "python": Command(["-c", "pass"], "python, doing nothing"),
    "torch": Command(["-c", "import torch"], "import torch"),
    "numpy": Command(["-c", "import numpy"], "import numpy"),
    # Uses a class, because the package imports its modules only on first use.
    "import": Command(
        ["-c", "import numpy, charseq; charseq.Vocabulary"], "import numpy, then charseq"
    ),
    "help": Command([*CHARSEQ, "--help"], "charseq --help"),
    "vocabulary": Command(
        ["-c", "from charseq import Vocabulary; print(Vocabulary.from_text('hello').encode('he'))"],
        "a vocabulary",
    ),
    "shapes": Command(
        [*CHARSEQ, "shapes", "lstm", "10", "16", "--layers=2"], "charseq shapes lstm 10 16"
    ),
    "sample": Command(
        [*CHARSEQ, "sample", "RUN", "--seed=0"], "charseq sample RUN: LSTM 128, 400 characters"
    ),
    "notebook": Command(["-m", "benchmarks.notebook_by_hand"], "the notebook's own code"),
    "notebook_charseq": Command(
        ["-m", "benchmarks.notebook_by_charseq"], "the same job with charseq"
    ),
}


def measure(rounds, names, environment, root):
    """Run commands in alternation; return {"seconds", "cpu", "torch"} or {"problem"} for each."""
    rows = {name: {"seconds": [], "cpu": []} for name in names}
    printed = {}
    with tempfile.TemporaryDirectory() as folder:

        def run(arguments, *options):
            arguments = [str(Path(folder) / "run") if a == "RUN" else a for a in arguments]
            return subprocess.run(
                [sys.executable, *options, *arguments],
                cwd=root, env=environment, capture_output=True, text=True,
            )  # fmt: skip

        if "sample" in names:
            run(TRAIN)  # if it fails, sample will report a missing run
        for name in names:  # the first run is not timed: it fills caches and shows imports
            result = run(COMMANDS[name].arguments, "-X", "importtime")
            printed[name] = result.stdout
            if result.returncode:
                lines = result.stderr.strip().splitlines() or [f"code {result.returncode}"]
                rows[name] = {"problem": f"died: {lines[-1]}"}
            else:
                rows[name]["torch"] = bool(re.search(r"\| +torch$", result.stderr, re.MULTILINE))
        if "notebook" in names and printed["notebook"] != printed["notebook_charseq"]:
            rows["notebook_charseq"] = {"problem": "DIFFERS: it prints another log"}
        running = [name for name in names if "problem" not in rows[name]]
        for number in range(rounds):
            for name in running if number % 2 == 0 else running[::-1]:
                cpu, wall = _cpu_of_children(), time.perf_counter()
                run(COMMANDS[name].arguments)
                rows[name]["seconds"].append(time.perf_counter() - wall)
                rows[name]["cpu"].append(_cpu_of_children() - cpu)
    return rows


def _cpu_of_children():
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
