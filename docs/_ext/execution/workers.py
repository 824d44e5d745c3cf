"""Run the examples and the cells of the pages side by side, before Sphinx asks for their results.

sphinx-gallery runs one script after the other, and MyST-NB starts a process for each page that
takes 3 s to import torch. Here one process imports torch while Sphinx still loads its extensions.
It then forks a child for each script and page whose result is missing, the longest first, as many
at a time as there are cores. A script leaves its files where sphinx-gallery expects those of an
example that has not changed; a page leaves its outputs in ``_build/ran``, where run_ahead.py, the
extension, finds them.

Only Linux forks a process with torch in it safely. Elsewhere a page runs in a fresh interpreter
when its turn comes and sphinx-gallery runs the scripts: slower, and with the same results.

This file is also the program of that process: ``python workers.py``.
"""

import gc
import hashlib
import json
import os
import pickle
import subprocess
import sys
import time
import traceback
from pathlib import Path

import cells
import figures
import inlined
from cache_key import code_of

# What takes longest must not begin last, among scripts and among pages, which come after them: when
# the scripts have run, Sphinx begins to read. A name that is not here takes less than two seconds.
LONGEST_FIRST = (
    *("real_text", "memory_length", "states_over_text", "unit_ranking", "mistakes"),
    *("use/command-line", "learn/look-inside", "fix/autoencoder-returns-the-mean"),
    *("learn/language-models", "learn/sampling", "learn/translate", "learn/after-rnns"),
    *("learn/seeds", "learn/real-text", "learn/classify", "learn/forecast", "learn/tag"),
    *("learn/gru", "learn/gates", "learn/ceiling", "fix/how-many-epochs-and-units"),
    *("learn/output-layer", "learn/batches"),
)
FORKS = sys.platform == "linux"


class Queue:
    """The scripts and pages whose results are missing, and the process that runs them."""

    def __init__(self, docs, store, key):
        self.docs, self.store, self.key, self.process = docs, store, key, None
        with_cells = list(pages(docs))
        self.drop_stale({self.result(*page[1:]) for page in with_cells})
        self.pages = [page for page in with_cells if not self.result(*page[1:]).exists()]
        self.scripts = [script for script in scripts(self.docs) if not is_current(*script)]
        self.queued = {self.result(*page[1:]) for page in self.pages} if FORKS else set()
        if FORKS and (self.pages or self.scripts):
            self.process = subprocess.Popen(
                [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )

    def drop_stale(self, wanted):
        """Forget all results but those wanted, and those of examples that other code has run."""
        self.store.mkdir(parents=True, exist_ok=True)
        (self.store / "lock").touch()
        for path in self.store.glob("*.json"):
            if path not in wanted:
                path.unlink()
        written = self.store / "key.txt"
        if not written.exists() or written.read_text() != self.key:
            for path in self.docs.glob("gallery/*/*.md5"):
                path.unlink()
            written.write_text(self.key)

    def result(self, folder, sources):
        """Return the file that holds, or will hold, what these cells of a page print and draw."""
        drawn_by = [code_of(path.read_text("utf-8")) for path in inlined.modules_of(sources)]
        place = folder.relative_to(self.docs).as_posix()
        depends_on = json.dumps([self.key, place, sources, *drawn_by])
        return self.store / f"{hashlib.sha256(depends_on.encode()).hexdigest()[:24]}.json"

    def send(self, gallery_conf, hands):
        """Hand over the work, and wait until the scripts have run."""
        work = [(name, run_page, (folder, sources, self.result(folder, sources)))
                for name, folder, sources in self.pages]  # fmt: skip
        work += [(path.stem, run_script, (path, target, gallery_conf))
                 for path, target in self.scripts]  # fmt: skip
        self.process.stdin.write(pickle.dumps((work, hands, self.store / "lock")))
        self.process.stdin.close()
        import torch  # noqa: F401 - while the other process works; run_ahead.py says what for

        self.process.stdout.read()  # until it is closed

    def outputs(self, folder, sources):
        """Return what the cells print and draw, once that is known."""
        result = self.result(folder, sources)
        if result not in self.queued and not result.exists():
            job = pickle.dumps(([("", run_page, (folder, sources, result))], 0, None))
            subprocess.run([sys.executable, __file__], input=job, check=True)
        while not result.exists():
            if ended(self.store / "lock") and not result.exists():
                raise RuntimeError(f"the process that runs the cells of {folder} has ended early")
            time.sleep(0.02)
        return json.loads(result.read_text("utf-8"))

    def forget(self, folder, sources):
        """Run these cells anew in the next build."""
        self.result(folder, sources).unlink(missing_ok=True)


def pages(docs):
    """Yield name, folder and code cells of each page that has some."""
    for path in sorted(docs.rglob("*.md")):
        if sources := cells.sources_of(path.read_text("utf-8")):
            yield path.relative_to(docs).with_suffix("").as_posix(), path.parent, sources


def scripts(docs):
    """Yield each example, and where sphinx-gallery puts it."""
    for path in sorted((docs.parent / "examples").glob("*/*.py")):
        yield path, docs / "gallery" / path.parent.name / path.name


def is_current(script, target):
    """Say whether sphinx-gallery will find that an example has not changed."""
    digest = target.with_name(target.name + ".md5")
    text = script.read_text("utf-8").encode()
    return digest.exists() and digest.read_text() == hashlib.md5(text).hexdigest()


def ended(lock):
    """Say whether no process holds the lock any more."""
    import fcntl

    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


queue = None


def start(docs, store, key):
    """Begin to import torch; conf.py calls this before anything that takes time."""
    global queue
    queue = Queue(docs, store, key)


# -- In the process that runs the jobs -------------------------------------------------------------


def serve():
    warm()
    try:
        jobs, hands, lock = pickle.load(sys.stdin.buffer)
    except EOFError:  # Sphinx has stopped before it came to the scripts
        return
    if not hands:  # one job, in this very process
        ((_, run, arguments),) = jobs
        run(*arguments)
        return
    import fcntl

    holder = lock.open("w")  # children inherit it, so it is free when the last of them has ended
    fcntl.flock(holder, fcntl.LOCK_EX)
    rank = {name: place for place, name in enumerate(LONGEST_FIRST)}
    jobs.sort(key=lambda job: (job[1] is run_page, rank.get(job[0], len(rank))))
    scripts, running = sum(run is run_script for _, run, _ in jobs), {}
    while jobs or running:
        if jobs and len(running) < hands:
            _, run, arguments = jobs.pop(0)
            running[fork(run, arguments)] = run
            continue
        if not scripts:
            os.dup2(2, 1)  # closes the pipe on which Sphinx waits for the scripts
        child, _ = os.wait()
        scripts -= running.pop(child) is run_script


def warm():
    """Import what the jobs use, and do what is slow only at the first time."""
    import matplotlib.pyplot as plt
    import torch
    from sphinx_gallery import gen_rst  # noqa: F401

    import charseq
    import gallery  # noqa: F401

    cells.prepare()
    for name in charseq.__all__:
        getattr(charseq, name)
    p = torch.nn.Parameter(torch.zeros(1))
    p.sum().backward()
    torch.optim.SGD([p]).step()  # imports torch's compiler, which takes a second
    figure, axes = plt.subplots(layout="constrained")
    axes.set_xscale("log")  # whose labels load what reads formulas
    figure.savefig(os.devnull, format="svg")
    plt.close(figure)
    gc.freeze()  # what is here now stays: no child need look through it


def fork(run, arguments):
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.dup2(2, 1)  # what is printed by accident; and the pipe closes with the parent's end
        run(*arguments)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def run_page(folder, sources, result):
    os.chdir(folder)
    outputs = cells.run_cells(sources, figures.RC)
    whole = result.with_suffix(".part")
    whole.write_text(json.dumps(outputs), "utf-8")
    whole.replace(result)


def run_script(path, target, gallery_conf):
    from sphinx_gallery import gen_rst

    Path(target.parent, "images", "thumb").mkdir(parents=True, exist_ok=True)
    gen_rst.generate_file_rst(path.name, target.parent, path.parent, gallery_conf)
    small = Path(target.parent, "images", f"sphx_glr_{path.stem}_001.small")
    if small.exists():  # figures.py has drawn it for the thumbnail
        small.replace(small.with_name("thumb") / f"sphx_glr_{path.stem}_thumb.svg")


if __name__ == "__main__":
    import workers  # what is sent says that it belongs to a module of this name

    workers.serve()
