"""A process that has imported torch, and runs each example that it is told in a fork of itself.

Importing torch takes longer than most examples run. A fork begins with an empty namespace, as a
fresh process does, and has imported nothing of charseq. What it prints goes to a file.

Only Linux forks a process with torch in it safely.
"""

import json
import os
import runpy
import subprocess
import sys
import traceback
import warnings
from pathlib import Path

FORKS = sys.platform == "linux"


class WarmProcess:
    """Start it in this folder, with these variables of the environment."""

    def __init__(self, folder, env):
        self.process = subprocess.Popen(
            [sys.executable, __file__], cwd=folder, env=env, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def run(self, path, log):
        """Run a script and return its exit code; what it prints is in `log` then."""
        print(json.dumps([str(path), str(log)]), file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def end(self):
        self.process.communicate()


def serve():
    # Imported ahead because it takes long: an example still has to import what it uses.
    global plt, get_backend
    import matplotlib.pyplot as plt
    import torch

    get_backend = plt.get_backend

    weight = torch.nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    torch.optim.SGD([weight]).step()  # imports torch's compiler, which takes a second

    for line in sys.stdin:
        path, log = map(Path, json.loads(line))
        child = os.fork() or run_and_exit(path, log)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def run_and_exit(path, log):
    code = 1
    try:
        with log.open("w") as file, open(os.devnull) as nothing:  # noqa: PTH123 - no path
            os.dup2(nothing.fileno(), 0)
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        sys.argv[:], sys.path[0] = [str(path)], str(path.parent)
        run_script(path)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run_script(path):
    """Run it without a display, and in a fork from where it asks for one as if there were one."""
    warnings.simplefilter("error")
    plt.get_backend = fork_with_display
    runpy.run_path(str(path), run_name="__main__")
    if plt.show is open_windows:
        assert not plt.get_fignums(), "not all figures were shown"


def fork_with_display():
    plt.get_backend = get_backend
    sys.stdout.flush()
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0, "with a display it fails"
        return get_backend()
    plt.show = open_windows
    return "qtagg"


def open_windows():
    print("windows with the figures", *plt.get_fignums())
    plt.close("all")  # as a reader does


if __name__ == "__main__":
    serve()
