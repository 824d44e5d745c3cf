"""How long building and testing the project takes, in a copy of the working tree.

The clean build is compared with the pure running time. That is the CPU seconds that the code of all
scripts and cells takes, figures included, in forks of one process that has imported torch.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

BUILD = ["-m", "sphinx", "-b", "html", "-d", "_build/doctrees", "-q", "-n", "-W", "-j"]
BUILD += [str((os.cpu_count() or 1) + 1), "docs", "_build/html"]
TESTS = ["-m", "pytest", "-q", "-n", "auto", "--no-loadscope-reorder"]
# The measurements in their order, and the largest value that each may have. The values are seconds
# on two cores of 2019 without AVX-512, unless the name says otherwise. None means no bar.
BARS = {
    "pure running time": None,
    "clean build": None,
    "clean build, share of the pure running time": 0.9,
    "unchanged build": 4,
    "one page changed": 6,
    "one docstring changed": 8,
    "quick tests": 90,
    "all tests": 480,
    "the site, megabytes": None,
}


def measure(root, names):
    """Measure what is in `names`, in seconds unless the name says otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "charseq")
        copy_tree(root, copy)
        measurements = {
            "pure running time": lambda: pure_running_time(copy),
            "clean build": lambda: time_command(copy, BUILD),
            "unchanged build": lambda: time_command(copy, BUILD),
            "one page changed": lambda: rebuild_after(copy, edit_page),
            "one docstring changed": lambda: rebuild_after(copy, edit_docstring),
            "quick tests": lambda: time_command(
                copy, [*TESTS, "-m", "not slow", "charseq", "tests"]
            ),
            "all tests": lambda: time_command(copy, TESTS),
        }
        values = {name: take() for name, take in measurements.items() if name in names}
        if {"pure running time", "clean build"} <= values.keys():
            share = values["clean build"] / values["pure running time"]
            values["clean build, share of the pure running time"] = share
        files = [path for path in (copy / "_build" / "html").rglob("*") if path.is_file()]
        if files:
            values["the site, megabytes"] = sum(path.stat().st_size for path in files) / 1e6
        return values


def copy_tree(root, copy):
    """Copy the files that a clone would hold, and new files that are not committed yet."""
    list_files = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(list_files, cwd=root, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (root / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, copy / name)
    for command in (["init", "-q"], ["add", "-A"]):  # the tests ask git for a list of files
        subprocess.run(["git", *command], cwd=copy, check=True)


def time_command(copy, command):
    start = time.perf_counter()
    run(copy, command)
    return time.perf_counter() - start


def run(copy, command):
    result = subprocess.run(
        [sys.executable, *command],
        cwd=copy, env={**os.environ, "PYTHONPATH": str(copy)}, text=True, capture_output=True,
    )  # fmt: skip
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{result.stdout[-3000:]}{result.stderr}")
    return result.stdout


def rebuild_after(copy, edit):
    edit(copy)
    return time_command(copy, BUILD)


def edit_page(copy):
    page = copy / "docs" / "learn" / "shapes.md"
    text = page.read_text("utf-8")
    page.write_text(text.replace("## Exercises", "One more line.\n\n## Exercises"), "utf-8")


def edit_docstring(copy):
    module = copy / "charseq" / "shapes.py"
    text = module.read_text("utf-8")
    module.write_text(
        text.replace("    Parameters\n", "    One more line.\n\n    Parameters\n"), "utf-8"
    )


def pure_running_time(copy):
    return float(run(copy, [str(Path(__file__).resolve()), str(copy)]).split()[-1])


def run_everything(copy):
    """Run each script and each page in its own fork of this process; return their CPU seconds."""
    os.environ.update(CUDA_VISIBLE_DEVICES="", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    sys.path.insert(0, str(copy / "docs" / "_ext" / "execution"))
    import cells
    import figures
    import workers

    workers.warm()
    for _, folder, sources in workers.pages(copy / "docs"):
        run_in_fork(folder, cells.run_cells, sources, figures.RC)
    for script, _ in workers.scripts(copy / "docs"):
        run_in_fork(script.parent, run_script, script, figures.RC)
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run_in_fork(folder, function, *arguments):
    child = os.fork()
    if not child:
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        function(*arguments)
        os._exit(0)
    os.waitpid(child, 0)


def run_script(script, settings):
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    plt.rcParams.update(settings)
    exec(compile(script.read_text("utf-8"), str(script), "exec"), {"__name__": "__main__"})
    for number in plt.get_fignums():
        plt.figure(number).savefig(os.devnull, format="svg")


if __name__ == "__main__":
    print(run_everything(Path(sys.argv[1])))
