"""Small models and runs that several test files train, and the same training written by hand."""

import math
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import nn

from charseq import CharRNN, Corpus, Run, Settings
from charseq.checkpoint import read_file, to_bytes

LONG = "the quick brown fox jumps over the lazy dog; " * 8
CORPUS = Corpus.from_text(LONG)
SMALL = {"steps": 20, "batch_size": 4, "length": 11, "evaluate_every": 0, "seed": 3}


def language_model(**options):
    return CharRNN(len(CORPUS.vocab), **{"hidden_size": 7, "cell": "GRU", "seed": 2, **options})


def run_of(model=(), **settings):
    return Run(language_model(**dict(model)), CORPUS.vocab, Settings(**{**SMALL, **settings}))


def in_float64(run):
    run.model.double()
    return run


def detached(state):
    return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()


def record_values(records):
    return [(r.step, r.loss, r.gradient_norm, r.lr) for r in records]


def weights(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def contents(folder):
    """Map each path in a folder to the bytes of the file, or to None for anything else."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in Path(folder).rglob("*")
        if path.name != "run.lock"  # which a run leaves behind, and which is empty
    }


def rewrite(folder, name="last.safetensors", arrays=None, **facts):
    """Change facts in a file, such as settings__steps, and arrays; None removes one."""
    about, tensors = read_file(folder / name)
    tensors = {
        key: array for key, array in {**tensors, **(arrays or {})}.items() if array is not None
    }
    for path, value in facts.items():
        *parents, key = path.split("__")
        place = about
        for parent in parents:
            place = place[parent]
        place[key] = value
        if value is None:
            del place[key]
    (folder / name).write_bytes(to_bytes(about, tensors))


def another_writer(folder):
    """Hold the lock of a folder as another process would."""
    return FileLock(folder / "run.lock", timeout=0)


def all_equal(tensors, other_tensors):
    return all(map(torch.equal, tensors, other_tensors))


def fused_adamw(parameters):
    """Make the default optimizer of a run; its rate is set at each training step."""
    return torch.optim.AdamW(parameters, fused=True, lr=0, weight_decay=0.0)


def cosine_schedule(lr, steps):
    return lambda step: lr * ((1 + math.cos(math.pi * (step / steps))) / 2)


def train_by_hand(run, make_optimizer, rate, max_norm=None, draw_batch=None):
    """Train a twin of the run's model by truncated backpropagation, with torch alone.

    `rate` maps the steps made so far to a learning rate. `draw_batch` draws windows, if given.
    Returns the values of a record per step, and the trained twin.
    """
    model, settings = CharRNN(**run.model.options), run.settings
    B, T, optimizer = settings.batch_size, settings.length, make_optimizer(model.parameters())
    ids = torch.from_numpy(CORPUS.ids.astype(np.int64))
    columns = (len(ids) - 1) // B // T * T
    x = torch.stack([ids[b * columns : b * columns + columns] for b in range(B)])
    y = torch.stack([ids[b * columns + 1 : b * columns + columns + 1] for b in range(B)])
    rows = []
    model.train()
    for step in range(settings.steps):
        start = step * T % columns
        if start == 0:
            state = None
        inputs, targets = x[:, start : start + T], y[:, start : start + T]
        if draw_batch is not None:
            inputs, targets = draw_batch(ids, step + 1)
            state = None
        logits, state = model(inputs, state)
        loss = nn.functional.cross_entropy(logits.reshape(B * T, -1), targets.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm or math.inf)
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        optimizer.step()
        state = detached(state)
        rows.append((step + 1, loss.item(), norm.item(), rate(step)))
    return rows, model
