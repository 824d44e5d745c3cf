"""Let a network learn from Python's standard library, and ask Python what it thinks of the result.

    .venv/bin/python benchmarks/stdlib.py library.json

The text is every function of the modules at the top of the library, as this Python's ``ast`` writes
it, without docstrings. Nothing of it is in the package: what Python 3.11.7 gives has the SHA-256

    ebc98b75dd13cdd82489fa3b8893e1d23230644ce310d78fe27e0d6291bd2919

and the results of a run name that of their text. After each pass, the network writes hundreds of
functions, and ``ast.parse`` reads them. So do tables of counts. It takes about five minutes.
"""

import argparse
import ast
import hashlib
import json
import platform
import sysconfig
import time
import warnings
from pathlib import Path

import numpy as np
import torch

from charseq import CharRNN, Corpus, NGram, NumpyNet, Run, Settings, generate
from charseq.language_model import evaluate, language_model_steps

LONGEST = 800  # characters of a function
PASSES, FUNCTIONS, SEEDS, TEMPERATURE = 8, 100, 4, 0.7
PROMPT = "\n\ndef "


def functions() -> list[str]:
    """Return the library's functions, methods too, each once, module by module, these shuffled."""
    found: dict[str, None] = {}
    paths = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    for path in np.random.default_rng(0).permutation(np.array(paths)):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            node.decorator_list = []
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
            lines = ast.unparse(node).splitlines()
            text = "\n".join(line for line in lines if line.strip())
            if len(text) <= LONGEST and text.isascii():
                found[text] = None
    return list(found)


def accepted(text: str) -> bool:
    """Tell whether Python accepts a text as a program."""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def by_network(model: CharRNN, corpus: Corpus, seed: int) -> list[str]:
    """Return functions that the network writes."""
    net, rng = NumpyNet.from_model(model), np.random.default_rng(seed)
    options = {"length": LONGEST + 2, "streams": FUNCTIONS, "temperature": TEMPERATURE}
    return cut(generate(net, corpus.vocab, PROMPT, rng=rng, **options))


def by_table(table: NGram, corpus: Corpus, order: int, seed: int) -> list[str]:
    """Return functions that a table of counts writes."""
    rng, texts = np.random.default_rng(seed), []
    for _ in range(FUNCTIONS):
        ids = list(corpus.vocab.encode(PROMPT))
        line_end, start = corpus.vocab.encode("\n")[0], len(ids)
        while len(ids) < start + LONGEST + 2 and ids[-2:] != [line_end] * 2:
            p = table.probabilities(np.array(ids[1 - order :])) ** (1 / TEMPERATURE)
            ids.append(rng.choice(len(p), p=p / p.sum()))
        texts.append(corpus.vocab.decode(ids[start:]))
    return cut(texts)


def cut(texts: list[str]) -> list[str]:
    """Cut each text after its function; one that has not ended stays too long to be accepted."""
    ends = [text.partition("\n\n") for text in texts]
    return ["def " + text + ("" if end else "\n(") for text, end, _ in ends]


def verdict(groups: list[list[str]], known: set[str]) -> dict[str, object]:
    """Count what Python accepts of each group, and what it accepts only because it was copied."""
    good = [[text for text in texts if accepted(text)] for texts in groups]
    together = [text for texts in good for text in texts]
    return {
        "accepted": [len(texts) for texts in good],
        "copied": sum(text in known for text in together),
        "lines": [text.count("\n") + 1 for text in together],
        "written": groups[0][:12],
    }


def main() -> None:
    """Train, write, and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--passes", type=int, default=PASSES)
    given = parser.parse_args()
    warnings.simplefilter("ignore", SyntaxWarning)
    texts = functions()
    assert all(map(accepted, texts))
    corpus, known = Corpus.from_text("\n\n" + "\n\n".join(texts) + "\n\n"), set(texts)
    learned, held_back = corpus.split(valid=0.05)
    per_pass, seeds = len(learned) // (32 * 64), range(SEEDS)
    about = {
        "python": platform.python_version(),
        "sha256": hashlib.sha256(corpus.decode().encode()).hexdigest(),
        "functions": len(texts),
        "characters": len(corpus),
        "lines": [text.count("\n") + 1 for text in texts],
        "torch": torch.__version__.partition("+")[0],
        "processor": f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
        "of": FUNCTIONS,
        "temperature": TEMPERATURE,
        "seed": given.seed,
    }
    print({key: value for key, value in about.items() if key != "lines"}, flush=True)
    tables = {}
    for order in (5, 8):
        table = NGram(order, learned)
        bits = table.bits_per_character(held_back.ids)
        groups = [by_table(table, corpus, order, seed) for seed in seeds]
        tables[f"{order}-gram"] = {"held_back": round(bits, 4)} | verdict(groups, known)
        print(order, bits, tables[f"{order}-gram"]["accepted"], flush=True)
    model = CharRNN(
        len(corpus.vocab), 256, cell="GRU", embedding_size=32, dropout=0.25, fast=True,
        seed=given.seed,
    )  # fmt: skip
    settings = Settings(
        lr=0.02, steps=given.passes * per_pass, batch_size=32, length=64, weight_decay=0.15,
        warmup=50, seed=given.seed,
    )  # fmt: skip
    passes, start = [], time.process_time()
    run = Run(model, corpus.vocab, settings)
    for record in language_model_steps(run, learned):
        if record.step % per_pass == 0:
            bits = evaluate(model, held_back) / np.log(2)
            groups = [by_network(model, corpus, seed) for seed in seeds]
            passes.append({"held_back": round(bits, 4)} | verdict(groups, known))
            seconds = time.process_time() - start
            print(record.step, bits, passes[-1]["accepted"], f"{seconds:.0f} s", flush=True)
    result = about | {"seconds": round(seconds), "tables": tables, "passes": passes}
    given.target.write_text(json.dumps(result) + "\n", "utf-8")


if __name__ == "__main__":
    main()
