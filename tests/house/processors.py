"""The same numbers on other processors: python3 dev.py processors [--oldest].

Torch, NumPy and the libraries below them hold each kernel several times, once per generation of
processors, and choose the newest that the machine can run. The versions add in different orders,
so their results differ in the last bits. A reader has another processor than we do. This module
therefore asks the libraries for the older kernels, one generation at a time. On each of them it
runs the tests, and it compares what the examples and the cells of the pages print, line by line,
with what they print on the machine's own kernels.

A generation that the machine lacks is reported as missing. It never counts as passed.

With --oldest, it tries the oldest generation alone, which differs most.
"""

import argparse
import contextlib
import importlib.util
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "house"), str(ROOT / "docs" / "_ext" / "execution")]
import cells  # noqa: E402 - what runs the cells when the site is built

PAGES = [f"docs/{folder}*.md" for folder in ("", "before/", "learn/", "fix/", "use/")]
# The pages' cells are run by `outputs`.
TESTS = ["charseq", "tests/package", "tests/command", "tests/course", "-m", "not world"]


class Generation(NamedTuple):
    """What to ask each library for, in its own words, and the feature of the processor it needs."""

    name: str
    needs: str
    torch: str
    openblas: str
    mkl: str
    onednn: str


GENERATIONS = [
    Generation("SSE3", "SSE3", "default", "Prescott", "COMPATIBLE", "SSE41"),
    Generation("SSE4.2", "SSE42", "default", "Nehalem", "SSE4_2", "SSE41"),
    Generation("AVX", "AVX", "default", "Sandybridge", "AVX", "AVX"),
    Generation("AVX2", "AVX2", "avx2", "Haswell", "AVX2", "AVX2"),
    Generation("AVX-512", "AVX512F", "avx512", "SkylakeX", "AVX512", "AVX512_CORE"),
]
# OpenBLAS calls its Prescott kernels by the name of the first processor that they serve.
SAME = {"KATMAI": "PRESCOTT"}


def environment(generation, machine):
    """Variables that make each library use the kernels of a generation; None is the machine's."""
    fixed = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    fixed |= {"CUDA_VISIBLE_DEVICES": "", "MPLBACKEND": "agg", "PYTHONHASHSEED": "0"}
    fixed["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, **fixed}
    if generation is None:
        return env
    before_avx2 = generation.torch == "default"
    newer = [
        name
        for name in machine["dispatched"]
        if before_avx2 or (generation.torch == "avx2" and re.match(r"AVX512|X86_V4", name))
    ]
    env |= {
        "ATEN_CPU_CAPABILITY": generation.torch,
        "NPY_DISABLE_CPU_FEATURES": " ".join(newer),
        "OPENBLAS_CORETYPE": generation.openblas,
        "MKL_CBWR": generation.mkl,
        "ONEDNN_MAX_CPU_ISA": generation.onednn,
    }
    if before_avx2:  # the C library's exp and its kind use fused multiply-adds as well
        env["GLIBC_TUNABLES"] = "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4"
    return env


PROBE = """
import hashlib, json, math
import numpy as np, torch
values = [math.exp(k / 997) for k in range(9999)]
features = np._core._multiarray_umath.__cpu_features__ if hasattr(np, "_core") else {}
dispatch = np._core._multiarray_umath.__cpu_dispatch__ if hasattr(np, "_core") else []
torch.ones(64, 64) @ torch.ones(64, 64)
with torch.no_grad():
    torch.nn.LSTM(4, 4)(torch.ones(3, 1, 4))
print("FOUND", json.dumps({
    "features": [name for name, there in features.items() if there],
    "dispatched": [name for name in dispatch if features[name]],
    "torch": torch.backends.cpu.get_cpu_capability(),
    "exp": hashlib.sha256(np.array(values).tobytes()).hexdigest()[:8],
}))
"""


def probe(env):
    """Ask the libraries which kernels they use; a library that does not tell is left out."""
    verbose = {"OPENBLAS_VERBOSE": "2", "MKL_VERBOSE": "1", "ONEDNN_VERBOSE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", PROBE], env=env | verbose,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = ran.stdout + ran.stderr
    found = json.loads(re.search(r"^FOUND (.*)", said, re.M)[1])
    patterns = {"openblas": r"^Core: (\S+)", "mkl": r" CNR:(\S+)", "onednn": r"cpu,isa:Intel (.*)"}
    for name, pattern in patterns.items():
        match = re.search(pattern, said, re.M)
        if match:
            found[name] = match[1]
    return found


def plain(word):
    """Make two spellings of a generation equal: SSE4.1 and SSE41."""
    word = re.sub(r"[^A-Z0-9]", "", word.upper())
    return SAME.get(word, word)


def obedience(generation, found, machine):
    """Describe which libraries use the kernels that they were asked for, and which do not."""
    obeyed, ignored = [], []
    for name, title in (("torch", "torch"), ("openblas", "OpenBLAS"), ("mkl", "MKL"),
                        ("onednn", "oneDNN")):  # fmt: skip
        if name in found:
            asked = getattr(generation, name)
            same = plain(found[name]).startswith(plain(asked))
            (obeyed if same else ignored).append(title)
    if machine["dispatched"] and generation.torch == "default":
        (ignored if found["dispatched"] else obeyed).append("NumPy")
    if generation.torch == "default":
        (ignored if found["exp"] == machine["exp"] else obeyed).append("C library")
    return obeyed, ignored


# --- what examples and pages print ----------------------------------------------------------------


# PyTorch's compiler looks at `.grad` everywhere, and hides the warning that it gets for it.
STRICT = (
    "import warnings\nwarnings.simplefilter('error')\n"
    "warnings.filterwarnings('ignore', 'The .grad attribute of a Tensor')\ndel warnings"
)


def cut(path):
    """Cut a page or an example into its cells: the line on which each begins, and its code."""
    text = path.read_text("utf-8")
    if path.suffix == ".md":
        return cells.cells_of(text)
    cuts = [match.start() for match in re.finditer(r"^# %%", text, re.M)]
    blocks = pairwise([0, *cuts, len(text)])
    return [(text.count("\n", 0, start) + 1, text[start:end]) for start, end in blocks]


def outputs(name):
    """Run the cells of one file, once per process; return its name and what each has shown.

    A cell shows what it prints, the value of its last expression, and the words in its figures.
    """
    starts, sources = zip(*cut(ROOT / name), strict=True)
    with tempfile.TemporaryDirectory() as elsewhere:
        shutil.copytree(ROOT / "docs" / "_records", Path(elsewhere, "_records"))  # pages read them
        folder = Path(elsewhere, "learn")
        folder.mkdir()
        with contextlib.chdir(folder):
            _, *of_cells = cells.run_cells([STRICT, *sources], {}, words_in)
    shown = {}
    for start, source, outputs_of_cell in zip(starts, sources, of_cells, strict=True):
        if trace := cells.failure(source, outputs_of_cell):
            shown["failed"] = trace.splitlines()[-1]
        for output in outputs_of_cell:
            if output["output_type"] == "error":
                text = f"{output['ename']}: {output['evalue']}\n"
            elif output.get("name") == "stderr":
                continue
            else:
                text = output["text"] if "text" in output else output["data"]["text/plain"] + "\n"
            shown[str(start)] = shown.get(str(start), "") + text
    return name, shown


def words_in(figure):
    from matplotlib.text import Text

    words = [figure.get_label(), *(text.get_text() for text in figure.findobj(Text))]
    return "\n".join(filter(None, words))


def files():
    """Return the name of each page with cells and of each example."""
    paths = [path for pattern in PAGES for path in sorted(ROOT.glob(pattern)) if cut(path)]
    paths += sorted((ROOT / "examples").rglob("*.py"))
    return [path.relative_to(ROOT).as_posix() for path in paths]


def all_outputs(names):
    """Run each of these files in a process of its own, which starts with all imports."""
    import matplotlib.pyplot
    import torch  # noqa: F401 - loaded once, before the processes are forked

    import charseq

    cells.prepare()
    matplotlib.use("agg")
    model = charseq.CharRNN(2, 2, seed=0)
    charseq.train(model, charseq.Vocabulary("ab"), "ab", epochs=1)  # loads what an optimizer needs
    [getattr(charseq, name) for name in charseq.__all__]
    can_fork = "fork" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if can_fork else None)
    with context.Pool(cores(), may_start_processes, maxtasksperchild=1) as pool:
        return dict(pool.imap_unordered(outputs, names, chunksize=1))


def may_start_processes():
    """Let a page start workers of a DataLoader, which a process of a pool may not by default."""
    multiprocessing.current_process()._config["daemon"] = False


def cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def differences(expected, found):
    """Say what failed and what is printed differently: one line each, with page and line."""
    told = []
    for name, lines in sorted(found.items()):
        wanted = expected.get(name, {})
        if "failed" in lines:
            told.append(f"{name} fails: {lines['failed']}")
            continue
        for line in sorted({*wanted, *lines} - {"failed"}, key=int):
            pair = (wanted.get(line, "").splitlines(), lines.get(line, "").splitlines())
            for before, after in zip_longest(*pair, fillvalue="nothing"):
                if before != after:
                    told.append(f"{name}:{line} shows {after!r} instead of {before!r}")
    return told


# --- the task -------------------------------------------------------------------------------------


def outputs_with(env, names):
    if not names:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "outputs.json")
        file.write_text(json.dumps(names), "utf-8")
        command = [sys.executable, "-m", "tests.house.processors", "--outputs", str(file)]
        subprocess.run(command, cwd=ROOT, env=env, check=True)
        return json.loads(file.read_text("utf-8"))


def tests_with(env, tests):
    """Run pytest; return its last line, or None if all is well."""
    several = ["-n", str(cores()), "--dist=loadfile"]
    side_by_side = several if importlib.util.find_spec("xdist") else []
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *side_by_side]
    ran = subprocess.run([*command, *tests], cwd=ROOT, env=env, capture_output=True, text=True)
    if ran.returncode:
        print(ran.stdout[-20000:], ran.stderr[-2000:], sep="\n")
    return ran.returncode == 0, ran.stdout.strip().splitlines()[-1].strip("= ")


def compare(oldest):
    """Run everything on each generation; return the exit code."""
    own = environment(None, None)
    machine = probe(own)
    said = {key: machine[key] for key in ("torch", "openblas", "mkl", "onednn") if key in machine}
    print("This machine's own kernels:", *(f"{key} {value}" for key, value in said.items()))
    names = files()
    print(f"{len(names)} pages and examples are run", flush=True)
    expected = outputs_with(own, names)
    problems = differences(expected, expected)
    print(*problems, sep="\n")
    failed, tried = bool(problems), 0
    for generation in GENERATIONS[:1] if oldest else GENERATIONS:
        if generation.needs not in machine["features"]:
            print(f"{generation.name}: not tried, this machine lacks {generation.needs}")
            continue
        env = environment(generation, machine)
        obeyed, ignored = obedience(generation, probe(env), machine)
        print(f"{generation.name}: asked for by {', '.join(obeyed) or 'nothing'}", end="")
        print(f"; ignored by {', '.join(ignored)}" if ignored else "", flush=True)
        problems = differences(expected, outputs_with(env, names))
        passed, summary = tests_with(env, TESTS)
        print(*problems, sep="\n" if problems else "")
        equal = f"{len(problems)} differences" if problems else "all outputs equal"
        print(f"{generation.name}: {equal}; {summary}", flush=True)
        failed |= bool(problems) or not passed
        tried += 1
    if not tried:
        print("No generation was tried: this machine has none of those that are listed here.")
    return int(failed)


def main():
    parser = argparse.ArgumentParser(prog="dev.py processors", description=__doc__)
    about = "try the oldest generation alone"
    parser.add_argument("--oldest", action="store_true", help=about)
    parser.add_argument("--outputs", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.outputs:
        names = json.loads(chosen.outputs.read_text("utf-8"))
        chosen.outputs.write_text(json.dumps(all_outputs(names)), "utf-8")
        return 0
    return compare(chosen.oldest)


if __name__ == "__main__":
    sys.exit(main())
