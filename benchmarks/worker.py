"""The child process of one contender: python -m benchmarks.worker MODULE CONTENDER SIZE.

It reads orders from its standard input, a line each, and answers each with a line of JSON:

first N          the first N yields: losses, or texts
burst SECONDS    work for so long; how much was done, and in how much time

A module of contenders may bring a `clock` of its own in place of :mod:`time`, as the tests do.
"""

import json
import os
import sys
import time
from importlib import import_module
from itertools import islice


def main(module, name, size):
    # Libraries may print what they like: the answers have a line of their own.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    module = import_module(module)
    work = module.SIZES[size]
    try:
        steps = module.CONTENDERS[name].make(work)
        kept = [next(steps)]  # compiles, allocates, and meets what is not installed
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] in ("charseq", "benchmarks"):
            raise  # a mistake of ours
        print(json.dumps({"missing": error.name}), file=answers)
        return
    print(json.dumps({"ready": True}), file=answers)
    for order in sys.stdin:
        verb, amount = order.split()
        if verb == "first":
            kept.extend(islice(steps, int(amount) - len(kept)))
            answer = {"first": kept}
        else:
            clock = getattr(module, "clock", time)
            answer = burst(steps, float(amount), module.characters(work), clock)
        print(json.dumps(answer), file=answers)


def burst(steps, seconds, characters, clock=time):
    """Take steps until the time is up; its clock counts only what this process computed."""
    done, cpu, wall = 0, clock.process_time(), clock.perf_counter()
    while clock.perf_counter() - wall < seconds:
        next(steps)
        done += characters
    return {
        "characters": done,
        "cpu": clock.process_time() - cpu,
        "wall": clock.perf_counter() - wall,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
