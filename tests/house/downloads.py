"""Run every file that the site offers, far from the repository: python3 dev.py downloads.

The wheel that they need comes from the built site, too. It goes into a new environment, which
borrows the libraries of this one and nothing else. Each file then runs in a process of its own, in
a folder with nothing but the samples: a script with warnings as errors, a notebook in a kernel.
"""

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SITE = Path(__file__).resolve().parents[2] / "_build" / "html"
NOTEBOOK = """
import sys, nbformat
from nbclient import NotebookClient
text = open(sys.argv[1], encoding="utf-8").read()
text = text.replace("main([] if", "main(['--epochs', '1'] if")  # of examples/own, see below
NotebookClient(nbformat.reads(text, 4), timeout=None, kernel_name="python3").execute()
"""


def command_for(path):
    """Return what Python has to do to run a script or a notebook."""
    if path.suffix == ".ipynb":
        return ["-c", NOTEBOOK, str(path)]
    return ["-W", "error", str(path), "--epochs", "1"]  # which the programs of examples/own read


def environment(folder):
    """Return variables that name nothing of the repository, and the folder for IPython's files."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**kept, **threads, "MPLBACKEND": "agg", "IPYTHONDIR": str(folder / "ipython")}


def install(wheel, folder):
    """Make an environment with the wheel in it, and return its Python."""
    venv.create(folder)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # Python does not look for .pth files in this folder. So the repository, which such a file adds
    # to the path of .venv, stays out.
    ask = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    own = Path(subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip())
    (own / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    quietly = ["install", "-q", "--no-deps", "--no-index", "--ignore-installed", str(wheel)]
    subprocess.run([*pip, *quietly], check=True)
    return python


def run(path, python, base):
    """Run a file in an empty folder, and return what it says if it fails, or shows no picture."""
    env = environment(base)
    with tempfile.TemporaryDirectory(dir=base) as empty:
        for sample in SITE.glob("_downloads/*/*.[ct]*[vt]"):  # .csv, .tsv and .txt
            shutil.copy(sample, empty)
        file = Path(shutil.copy(path, empty))  # a script saves its picture beside itself
        done = subprocess.run(
            [str(python), *command_for(file)], cwd=empty, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        is_silent = path.suffix == ".py" and not (
            done.stdout.strip() and [*Path(empty).glob("*.png")]
        )
    return done.stdout or "it prints nothing" if done.returncode or is_silent else ""


def offered():
    """Return the notebooks and scripts of the site: those of the chapters, then the gallery's."""
    notebooks = [*SITE.glob("before/*.ipynb"), *SITE.glob("learn/*.ipynb")]
    if not notebooks:
        sys.exit("dev.py downloads: there is no built site; run `python3 dev.py docs` first.")
    examples = [*SITE.glob("_downloads/*/*.ipynb"), *SITE.glob("_downloads/*/*.py")]
    return sorted(notebooks) + sorted(examples)


def main():
    parser = argparse.ArgumentParser(prog="dev.py downloads", description=__doc__)
    parser.add_argument("words", nargs="*", help="run only files whose names hold one of these")
    words = parser.parse_args().words
    with tempfile.TemporaryDirectory() as name:
        base = Path(name).resolve()
        files = [p for p in offered() if not words or any(word in p.name for word in words)]
        (wheel,) = SITE.glob("_static/charseq-*.whl")
        python = install(wheel, base / "env")
        where = [str(python), "-c", "import charseq; print(charseq.__file__)"]
        env = environment(base)
        found = subprocess.run(where, cwd=base, env=env, capture_output=True, text=True).stdout
        if str(base) not in found:
            sys.exit(f"dev.py downloads: charseq comes from {found!r}, and not from the wheel.")
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            said = list(pool.map(lambda path: run(path, python, base), files))
        failed = {path: text for path, text in zip(files, said, strict=True) if text}
        for path, text in failed.items():
            print(f"{path.relative_to(SITE)} fails:\n{text[-2000:]}")
    print(f"{len(files) - len(failed)} passed, {len(failed)} failed")
    return int(bool(failed) or not files)


if __name__ == "__main__":
    sys.exit(main())
