"""The child process of one contender: python -m benchmarks.worker MODULE CONTENDER SIZE.

It reads orders from standard input, one per line, and answers each with a line of JSON:

first N          return the first N values that the contender yields: losses or texts
burst SECONDS    work for this time; return the number of characters and the time that it took

A module of contenders may define a `clock` that replaces :mod:`time`, as the tests do.
"""

import json
import os
import sys
import time
from importlib import import_module
from itertools import islice


def main(module, name, size):
    # Answers get their own file, because libraries may print to standard output.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    module = import_module(module)
    work = module.SIZES[size]
    try:
        generator = module.CONTENDERS[name].make(work)
        yields = [next(generator)]  # compiles, allocates, and fails if a package is missing
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] in ("charseq", "benchmarks"):
            raise  # not a missing package but a bug here
        print(json.dumps({"missing": error.name}), file=answers)
        return
    print(json.dumps({"ready": True}), file=answers)
    for order in sys.stdin:
        verb, amount = order.split()
        if verb == "first":
            yields.extend(islice(generator, int(amount) - len(yields)))
            answer = {"first": yields}
        else:
            clock = getattr(module, "clock", time)
            answer = burst(generator, float(amount), module.characters(work), clock)
        print(json.dumps(answer), file=answers)


def burst(generator, seconds, characters, clock=time):
    """Advance the generator until the time is up. "cpu" counts only this process."""
    total, cpu, wall = 0, clock.process_time(), clock.perf_counter()
    while clock.perf_counter() - wall < seconds:
        next(generator)
        total += characters
    return {
        "characters": total,
        "cpu": clock.process_time() - cpu,
        "wall": clock.perf_counter() - wall,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
