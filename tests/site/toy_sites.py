"""Build small sites side by side, in forks of one process that has imported what they all need.

Each build by itself would import torch twice, in Sphinx and in the process that runs the cells,
which takes longer than all the rest. `python toy_sites.py FOLDER…` leaves what is said about each
site in FOLDER.txt. Elsewhere than on Linux, where forks of torch are not safe, each site has a
process of its own.
"""

import os
import runpy
import subprocess
import sys
from pathlib import Path

FORKS = sys.platform == "linux"  # elsewhere torch cannot be forked
ADDRESS = {"hosted": "https://example.org/a/b/en/latest"}  # of a site, where it has one
SPHINX = ("-b", "html", "-d", "_build/doctrees", "-q", "-N", "-n", "--keep-going", "-j", "3")
SPHINX += ("docs", "_build/html")
ALL_NEED = ("torch", "matplotlib.pyplot", "IPython.core.interactiveshell", "myst_nb", "numpydoc")
ALL_NEED += ("sphinx.cmd.build", "sphinx_gallery.gen_gallery", "sphinx_gallery.gen_rst")
ALL_NEED += ("sphinxcontrib.bibtex", "sphinx_design", "sphinx_copybutton", "furo", "math_core")


class Fork:
    """Runs a Python program as `subprocess.Popen` does, but in a fork of this process."""

    def __init__(self, command):
        (down, stdin), (stdout, up) = os.pipe(), os.pipe()
        if not os.fork():
            for end, stream in ((down, 0), (up, 1)):
                os.dup2(end, stream)
            os.closerange(3, 64)
            sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115 - no paths
            sys.argv, sys.path[0] = command[1:], str(Path(command[1]).parent)
            end_with(lambda: runpy.run_path(command[1], run_name="__main__"))
        os.close(down)
        os.close(up)
        self.stdin, self.stdout = os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb")


def end_with(run):
    code = 1
    try:
        code = run()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0)


def build(folder):
    from sphinx.cmd.build import build_main

    with folder.with_suffix(".txt").open("w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    os.chdir(folder)
    os.environ["PYTHONPATH"] = sys.path[0] = str(folder)
    os.environ["DOCS_URL"] = ADDRESS.get(folder.name, "")
    popen = subprocess.Popen
    subprocess.Popen = lambda command, **options: (
        Fork(command) if command[-1].endswith("workers.py") else popen(command, **options)
    )
    end_with(lambda: build_main(SPHINX))


def in_a_process_of_its_own(folder):
    with folder.with_suffix(".txt").open("w") as said:
        env = {**os.environ, "PYTHONPATH": str(folder), "DOCS_URL": ADDRESS.get(folder.name, "")}
        command = [sys.executable, "-m", "sphinx", *SPHINX]
        subprocess.run(command, cwd=folder, env=env, stdout=said, stderr=subprocess.STDOUT)


def main(folders):
    if not FORKS:
        for folder in folders:
            in_a_process_of_its_own(folder)
        return
    for name in ALL_NEED:
        __import__(name)
    for folder in folders:
        if not os.fork():
            build(folder)
    for _ in folders:
        os.wait()


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
