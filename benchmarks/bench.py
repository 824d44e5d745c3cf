"""Compare charseq's speed with that of programs that a reader might use instead; see README.md."""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from benchmarks import house, playground, sampling, startup, training
from benchmarks.tables import (
    format_spread,
    print_table,
    ratios,
    show_milliseconds,
    show_rates,
    show_startup,
)

ROOT = Path(__file__).resolve().parents[1]
ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
    "TQDM_DISABLE": "1",
}
SITE = ROOT / "_build" / "html"
SECTIONS = ("training", "sampling", "startup", "playground")
TABLES = ((training, "training", ""), (sampling, "sampling", "1"), (sampling, "sampling", "64"))


class Died(Exception):  # noqa: N818 - it says what happened
    """A contender's process has ended. The message is the last line that it wrote."""


class Worker:
    """A process that runs one contender; :mod:`benchmarks.worker` describes its orders."""

    def __init__(self, command, environment=None):
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in close()
        self.process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **ONE_THREAD, **(environment or {})}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
        )  # fmt: skip

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            lines = self.errors.read().strip().splitlines()
            raise Died(lines[-1] if lines else f"ended with code {self.process.returncode}")
        return json.loads(line)

    def send(self, order):
        with contextlib.suppress(BrokenPipeError):  # answer() will raise, and say why
            self.process.stdin.write(order + "\n")
            self.process.stdin.flush()

    def ask(self, order):
        self.send(order)
        return self.answer()

    def close(self):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.errors):
            pipe.close()


def compare(module, size, names, rounds, seconds):
    """Run contenders in alternation, A B C then C B A, and return one row per contender.

    A row is {"rates": characters per CPU second, one number per round} or {"problem": a sentence}.
    """
    contenders, work = module.CONTENDERS, module.SIZES[size]
    workers, rows = {}, {name: {"rates": []} for name in names}
    for name in names:
        command = [sys.executable, "-m", "benchmarks.worker", module.__name__, name, size]
        try:
            if contenders[name].command:
                command = contenders[name].command(size)
            workers[name] = Worker(command, contenders[name].environment)
        except ModuleNotFoundError as error:
            rows[name] = {"problem": f"not installed: {error.name}"}

    def ask_all(order=None):
        """Let all workers work at once, since nothing is timed, and drop those that fail."""
        if order:
            for worker in workers.values():
                worker.send(order)
        answers = {}
        for name in list(workers):
            try:
                answers[name] = workers[name].answer()
            except Died as death:
                drop(name, f"died: {death}")
        return answers

    def drop(name, problem):
        rows[name] = {"problem": problem}
        workers.pop(name).close()

    try:
        for name, answer in ask_all().items():
            if "missing" in answer:
                drop(name, f"not installed: {answer['missing']}")
        firsts = {k: a["first"] for k, a in ask_all(f"first {module.first(work)}").items()}
        for name in list(workers):
            problem = module.disagreement(work, contenders[name], firsts[name], firsts)
            if problem:
                drop(name, f"DIFFERS: {problem}")
        for number in range(rounds):
            for name in list(workers) if number % 2 == 0 else list(workers)[::-1]:
                try:
                    burst = workers[name].ask(f"burst {seconds}")
                    rows[name]["rates"].append(burst["characters"] / burst["cpu"])
                except Died as death:
                    drop(name, f"died: {death}")
    finally:
        for worker in workers.values():
            worker.close()
    return rows


# The bars

# The smallest shares of the speed of a limit, which only computes the matrix products. Both speeds
# depend on the processor in the same way, so a share means the same on all processors. A ratio to
# a peer does not, so it has no bar.
SHARES = {
    "training": {"S": 0.60, "G": 0.70, "M": 0.70, "L": 0.85},
    "sampling": {f"{size}{streams}": 0.70 for streams in (1, 64) for size in "SGML"},
}
SECONDS = {"help": 0.15, "vocabulary": 0.4, "shapes": 0.4, "sample": 0.4}  # CPU seconds at most
BEYOND_NUMPY = 0.15  # CPU seconds that the import of charseq may take after that of NumPy


def fastest(rows, names):
    """Return the contender with the largest median rate, or the first one if none has rates."""
    return max(names, key=lambda name: median(rows.get(name, {}).get("rates") or [0]))


def bars(results):
    """Yield a label, its measured values, "≥" or "≤", and the bar.

    There are no values if the measurement was left out, and the bar is None if there is no bar.
    """
    for module, section, _ in TABLES[:2]:
        for size, least in SHARES[section].items():
            rows, work = results.get((section, size), {}), module.SIZES[size]
            limit = fastest(rows, module.LIMITS)
            yield (
                f"{section} {work}, share of the limit",
                ratios(rows, "charseq", limit),
                "≥",
                least,
            )
    for size, work in training.SIZES.items():
        rows = results.get(("training", size), {})
        shares = ratios(rows, "charseq", fastest(rows, ("limit", "limit_transposed")))
        yield f"training {work}, share of the limit by torch alone", shares, "≥", None
    for module, section, _ in TABLES[:2]:
        for size in SHARES[section]:
            rows, work = results.get((section, size), {}), module.SIZES[size]
            peers = [name for name, peer in module.CONTENDERS.items() if peer.code != "charseq"]
            best = fastest(rows, [name for name in peers if name not in module.LIMITS])
            for name in dict.fromkeys(("plain", "jax_scan", best)):
                label = module.CONTENDERS[name].label.partition(":")[0].partition(",")[0]
                label += " (the fastest peer)" * (name == best)
                yield f"{section} {work}, against {label}", ratios(rows, "charseq", name), "≥", None
    overhead = ratios(results.get(("training", "G"), {}), "bare_step", "charseq")
    yield "training G, time of the trainer over its bare step", overhead, "≤", 1.03
    rows = results.get(("startup", ""), {})
    cpu = {name: row.get("cpu", []) for name, row in rows.items()}
    pair = zip(cpu.get("import", []), cpu.get("numpy", []), strict=False)
    beyond = [charseq - numpy for charseq, numpy in pair]
    yield "import charseq beyond NumPy, CPU seconds", beyond, "≤", BEYOND_NUMPY
    for name, bound in SECONDS.items():
        yield f"{startup.COMMANDS[name].label}, CPU seconds", cpu.get(name, []), "≤", bound
    imports = [row["torch"] for k, row in rows.items() if "torch" in row and k in SECONDS]
    yield "of these commands, import torch", [float(sum(imports))] * bool(imports), "≤", 0
    pair = zip(cpu.get("notebook_charseq", []), cpu.get("notebook", []), strict=False)
    time_ratios = [charseq / by_hand for charseq, by_hand in pair]
    yield "the notebook's job, CPU time against its own code", time_ratios, "≤", 1.05
    for size, run in playground.SIZES.items():
        speedups = ratios(results.get(("playground", size), {}), "core", "plain")
        yield f"the playground's core, {run}, against eager torch", speedups, "≥", 20
    for name, row in results.get(("house", ""), {}).items():
        yield f"the house: {name}", [row["value"]], "≤", house.BARS[name]
    rows = results.get(("playground", ""), {})
    for name, label in playground.LABELS.items():
        milliseconds = rows.get(name, {}).get("milliseconds", [])
        yield f"{label}, milliseconds", milliseconds, "≤", playground.BARS[name]


def is_met(values, sense, bar):
    return median(values) >= bar if sense == "≥" else median(values) <= bar


def show_bars(results):
    lines = [["Bars, in this run", "", "median (least–most)", ""]]
    for what, values, sense, bar in bars(results):
        if values and bar is None:
            lines.append([what, "", format_spread(values), ""])
        elif values:
            verdict = "met" if is_met(values, sense, bar) else "MISSED"
            lines.append([what, f"{sense} {bar:g}", format_spread(values), verdict])
    if len(lines) > 1:
        print()
        print_table(lines)


def describe_machine():
    """Return what the figures depend on: cores, load, and the versions of the packages."""
    packages = {}
    for name in ("torch", "numpy", "jax", "flax", "keras"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = None
    return {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": sys.version.split()[0],
        **packages,
    }


def parse(arguments):
    parser = argparse.ArgumentParser(prog="dev.py bench", description=__doc__)
    parser.add_argument("--only", choices=[*SECTIONS, "house"], action="append")
    parser.add_argument("--sizes", default="SGML", help="some of S, G, M, L (default: SGML)")
    parser.add_argument("--contenders", help="names, separated by commas; plain always runs")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.35, help="per burst (default: 0.35)")
    parser.add_argument("--quick", action="store_true", help="size S, 2 rounds: does it all work?")
    parser.add_argument("--site", type=Path, default=SITE, help="folder of the built site")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rounds to this file")
    options = parser.parse_args(arguments)
    if options.quick:
        options.sizes, options.rounds, options.seconds = options.sizes[0], 2, 0.1
    return options


def run_rates(options, section, module, suffix):
    """Compare the contenders of one table, print it, and return the rows of each size."""
    wanted = options.contenders and {"plain", *options.contenders.split(",")}
    rows_by_size = {}
    for size in (f"{letter}{suffix}" for letter in "SGML" if letter in options.sizes):
        print(f"… {section} {size}", file=sys.stderr)
        names = [
            name
            for name, contender in module.CONTENDERS.items()
            if size[0] in contender.sizes and (not wanted or name in wanted)
        ]
        rows_by_size[size] = compare(module, size, names, options.rounds, options.seconds)
    show_rates(section.capitalize(), module, rows_by_size)
    return {(section, size): rows for size, rows in rows_by_size.items()}


def run_playground(options):
    """Measure the playground's core and its page, print both tables, and return their rows."""
    rows_by_size = {}
    for size in list(playground.SIZES)[: 1 if options.quick else None]:
        print(f"… playground {size}", file=sys.stderr)
        names = list(playground.CONTENDERS)
        rows_by_size[size] = compare(playground, size, names, options.rounds, options.seconds)
    show_rates("The playground's core", playground, rows_by_size, unit="epochs")
    rows = playground.measure(options.rounds, options.site, Worker)
    show_milliseconds(rows)
    return {("playground", ""): rows} | {
        ("playground", size): rows for size, rows in rows_by_size.items()
    }


def main(arguments=None):
    options = parse(arguments)
    sections = options.only or SECTIONS
    start, results = time.perf_counter(), {}
    machine = describe_machine()
    print(", ".join(f"{name} {value}" for name, value in machine.items() if value is not None))
    if machine["load"] > 0.5:
        print("Something else is running on this machine: do not trust the figures of this run.")
    for module, section, suffix in TABLES:
        if section in sections:
            results |= run_rates(options, section, module, suffix)
    if "startup" in sections:
        print("… startup", file=sys.stderr)
        environment = {**os.environ, **ONE_THREAD}
        rows = startup.measure(options.rounds, list(startup.COMMANDS), environment, ROOT)
        results["startup", ""] = rows
        show_startup(rows)
    if "house" in sections:  # takes a quarter of an hour, so it runs only with --only house
        print("… house", file=sys.stderr)
        values = house.measure(ROOT, house.BARS)
        results["house", ""] = {name: {"value": value} for name, value in values.items()}
    if "playground" in sections:
        results |= run_playground(options)
    show_bars(results)
    print(f"\n{options.rounds} rounds, {time.perf_counter() - start:.0f} s")
    if options.json:
        rows_by_name = {" ".join(key).strip(): rows for key, rows in results.items()}
        options.json.write_text(json.dumps({"machine": machine, **rows_by_name}, indent=1), "utf-8")
    problems = [row.get("problem", "") for rows in results.values() for row in rows.values()]
    return int(any(problem.startswith(("died", "DIFFERS")) for problem in problems))


if __name__ == "__main__":
    sys.exit(main())
