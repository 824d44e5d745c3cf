"""The same numbers on other processors: python3 dev.py processors.

Torch, NumPy and the libraries below them hold each kernel several times, once per generation of
processors, and choose the newest that the machine can run. The versions add in different orders,
so their results differ in the last bits. A reader has another processor than we do. This module
therefore asks the libraries for the older kernels, one generation at a time. On each of them it
runs the tests and builds the site, which fails where a cell or an example does, and it compares
each page, line by line, with the page that the machine's own kernels make.

A generation that the machine lacks is reported as missing. It never counts as passed.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "site")]
from clean_build import build, copy_sources  # noqa: E402 - where its folder is known

# The build runs the cells of pages, and the examples.
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


def environment(generation, machine):
    """Variables that make each library use the kernels of a generation; None is the machine's."""
    env = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    env |= {"CUDA_VISIBLE_DEVICES": "", "MPLBACKEND": "agg", "PYTHONHASHSEED": "0"}
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
import json, numpy as np
core = getattr(np, "_core", None) or np.core
features = core._multiarray_umath.__cpu_features__
dispatched = [name for name in core._multiarray_umath.__cpu_dispatch__ if features[name]]
there = [name for name in features if features[name]]
print(json.dumps({"features": there, "dispatched": dispatched}))
"""


def probe(env):
    """Ask NumPy what the processor has, and for which of it NumPy has kernels of their own."""
    command = [sys.executable, "-c", PROBE]
    asked = subprocess.run(command, env=os.environ | env, check=True, stdout=subprocess.PIPE)
    return json.loads(asked.stdout)


NAME_OF_PICTURE = re.compile(r"[\w-]+\.(?:svg|png)")  # which depends on its last bit


def pages_with(env, folder):
    """Build the site there; return what is said if it fails, and the lines of each page."""
    copy_sources(folder)
    said = build(folder, **env)
    site = folder / "_build" / "html"
    texts = {
        path: NAME_OF_PICTURE.sub("", path.read_text("utf-8")) for path in site.rglob("*.html")
    }
    return said, {path.relative_to(site).as_posix(): texts[path].splitlines() for path in texts}


def differences(expected, found):
    """Say what is shown differently: one line each, with page and line."""
    return [
        f"{name}:{line} shows {after!r} instead of {before!r}"
        for name in sorted({*expected, *found})
        for line, (before, after) in enumerate(
            zip_longest(expected.get(name, []), found.get(name, []), fillvalue="nothing"), 1
        )
        if before != after
    ]


def tests_with(env):
    """Run the tests; return whether all is well, and pytest's last line."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    several = ["-n", str(os.cpu_count() or 1), "--dist=loadfile"]
    ran = subprocess.run(
        [*command, *several, *TESTS],
        cwd=ROOT, env=os.environ | env, capture_output=True, text=True,
    )  # fmt: skip
    if ran.returncode:
        print(ran.stdout[-20000:], ran.stderr[-2000:], sep="\n")
    return ran.returncode == 0, ran.stdout.strip().splitlines()[-1].strip("= ")


def compare():
    """Run everything on each generation; return the exit code."""
    own = environment(None, None)
    machine = probe(own)
    with tempfile.TemporaryDirectory() as folder:
        said, expected = pages_with(own, Path(folder, "own"))
        failed, tried = bool(said), 0
        print(said)
        for generation in GENERATIONS:
            if generation.needs not in machine["features"]:
                print(f"{generation.name}: not tried, this machine lacks {generation.needs}")
                continue
            env = environment(generation, machine)
            said, pages = pages_with(env, Path(folder, generation.name))
            problems = differences(expected, pages)
            passed, summary = tests_with(env)
            print(said, *problems, f"{generation.name}: {len(problems)} differences", sep="\n")
            print(f"{generation.name}: {summary}", flush=True)
            failed |= bool(said) or bool(problems) or not passed
            tried += 1
    if not tried:
        print("No generation was tried: this machine has none of those that are listed here.")
    return int(failed)


if __name__ == "__main__":
    sys.exit(compare())
