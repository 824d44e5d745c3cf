"""What a run says while it is trained and at its end, also when its learning has gone wrong."""

import io
import math
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from statistics import fmean as mean
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from charseq._devices import device_of
from charseq._errors import UserError
from charseq._run_text import Parts
from charseq._terminal import escape_line, escape_text
from charseq.baselines import best_table
from charseq.checkpoint import load_net
from charseq.files import write_whole
from charseq.history import History, UpdateRecord, json_line
from charseq.language_model import Run, Watch, measured_places
from charseq.sampling import generate
from charseq.settings import SHORT

__all__: list[str] = []  # only the rest of the command uses it

FIRST_STEPS = 100  # after so many, a network should know more than nothing

# --- what goes wrong ------------------------------------------------------------------------------
# Each of these functions returns a sentence after the kind of fault and a colon, or nothing.


def find_fault(run: Run, records: list[UpdateRecord], per_character: float = 1.0) -> str:
    """Find what seems to have gone wrong with the learning, as far as the last of the records.

    The text to learn from has `per_character` tokens for each of its characters.
    """
    step = records[-1].step
    fault = find_rising_loss(records) if not math.isnan(records[-1].valid_loss) else ""
    if step == FIRST_STEPS or run.finished:  # a run of few steps can explode, too
        fault = find_high_loss(records, run.model.vocab_size, per_character) or fault
    return fault


def find_high_loss(records: list[UpdateRecord], vocab_size: int, per_character: float = 1.0) -> str:
    """Find a loss far above that of a network that knows nothing, ln V for each token."""
    loss, of_nothing = mean(record.loss for record in records[-10:]), math.log(vocab_size)
    of_nothing *= per_character
    tokens = "" if per_character == 1 else f" for each of {per_character:.2f} tokens per character"
    if loss <= 1.25 * of_nothing or vocab_size < 2:
        return ""
    return (
        f"loss: after step {records[-1].step} the loss is {loss:.2f}, but a network that knows "
        f"nothing has {of_nothing:.2f}, which is ln {vocab_size}{tokens}; try a tenth of the "
        "learning rate (Error messages: The loss explodes because the learning rate is too high)"
    )


def find_rising_loss(records: list[UpdateRecord]) -> str:
    """Find a loss on held-back text that has only risen, measured four times or more."""
    measured = [record.valid_loss for record in records if not math.isnan(record.valid_loss)]
    if len(measured) < 4 or any(a >= b for a, b in pairwise(measured)):
        return ""
    return (
        f"held back: the loss on the held-back text only rises, from "
        f"{measured[0] / math.log(2):.3f} to {measured[-1] / math.log(2):.3f} bits per character "
        "(Error messages: Training gets better, and held-back text doesn't)"
    )


# --- what is printed ------------------------------------------------------------------------------


@contextmanager
def measuring_bar() -> Iterator[Watch]:
    """Show in a terminal how far a measurement has come, by the function that is yielded."""
    with tqdm(bar_format="{postfix}", disable=None, leave=False) as bar:

        def watch(done: int, to_read: int) -> None:
            text = f"measuring, {100 * done // to_read} % read"
            if not bar.disable and bar.postfix != text:  # so it is drawn at most a hundred times
                bar.set_postfix_str(text)

        yield watch


def print_record(record: UpdateRecord, bar: "tqdm[Any]", *, as_json: bool) -> None:
    """Print the record as JSON; or else, if it has a held-back loss, as a line of the log."""
    if as_json:
        print_event("update", asdict(record))
    elif not math.isnan(record.valid_loss):
        bar.write(str(record), file=sys.stdout)


def print_event(event: str, facts: dict[str, Any]) -> None:
    """Print facts as a line of JSON; the first says what they are about: start, update or end."""
    print(json_line({"event": event, **facts}), flush=True)


def print_beginning(
    run: Run,
    source: dict[str, Any],
    parts: Parts,
    given: Iterable[str] | None = None,
    minutes: float | None = None,
) -> None:
    """Say what is trained, on what, and for how long.

    What was `given` was not chosen by the length of the text; None says nothing of the choice.
    """
    options: dict[str, Any] = run.model.options
    settings, unit = run.settings, run.vocab.unit
    names = source["text"] if isinstance(source["text"], str) else ", ".join(source["text"])
    cell, size = options["cell"], "×".join([str(options["hidden_size"])] * options["num_layers"])
    embedding = f"embedding {options['embedding_size']}" if options["embedding_size"] else "one-hot"
    parameters = sum(p.numel() for p in run.model.parameters())
    passes = settings.steps * settings.batch_size * settings.length / len(parts[0])
    why = "" if given is None else "; chosen by the length of the text"
    why += f", but for {', '.join(given).replace('_', ' ')}" if given else ""
    held_back = len(parts[1] or ()) / sum(map(len, filter(None, parts)))
    threads = torch.get_num_threads()
    print(
        f"text      {escape_line(names)}: {source['characters']:,} characters, "
        f"{100 * held_back:.3g} % to measure on; {len(run.vocab):,} different {unit}\n"
        f"network   {cell} of {size} units, {embedding}, dropout {options['dropout']:g}; "
        f"{parameters:,} parameters{why}\n"
        f"training  {settings.steps:,} updates at rate {settings.lr:g}, with {settings.batch_size} "
        f"× {settings.length} {unit}: {passes:.3g} times the text"
        f"{f', about {minutes:.2g} minutes' if minutes else ''}, on {device_of(run.model)}"
        f"{f' with {threads} threads' if threads > 1 else ''}",
        flush=True,
    )


def print_ending(folder: Path, run: Run, parts: Parts, how: str, *, as_json: bool) -> None:
    """Compare the run with the best table of counts on the same characters, and show a sample.

    If it was interrupted, only say how it goes on.
    """
    name, train, valid = escape_line(folder), *parts
    if how == "interrupted":
        print(
            f"charseq: interrupted; the run is saved at step {run.step}, and "
            f"`charseq resume {name}` goes on from there",
            file=sys.stderr,
        )
        return
    best = run.best_loss / math.log(2)
    facts: dict[str, Any] = {"steps": run.step, "bits_per_character": best}
    if how == "over already" and not as_json:
        print(
            f"the run is over: all its {run.settings.steps} steps have been made; "
            f"charseq resume {name} --steps N goes on until step N"
        )
    if valid is not None and math.isfinite(best):
        places = measured_places(run.settings, len(valid))
        order, loss = best_table(train, valid.ids, places)
        table = loss / math.log(2)
        facts |= {"table_bits_per_character": table, "table_order": order}
    rng, sample = np.random.default_rng(run.settings.seed), ""
    with suppress(UserError), np.errstate(all="ignore"):  # of weights that have exploded
        (sample,) = generate(*load_net(folder), length=200, temperature=0.8, rng=rng)
    if as_json:
        print_event("end", {**facts, "sample": sample})
        return
    if "table_order" in facts:
        reason = "" if len(train) >= SHORT else "; a short text is easier to count than to learn"
        verdict = "the network is better" if best < table else f"the table is better{reason}"
        print(
            f"valid     {best:.3f} bits per character at the best step; on the same characters, "
            f"the best table, which counts strings of {order}, needs {table:.3f}: {verdict}"
        )
    print(f"sample    {(escape_text(sample) if sys.stdout.isatty() else sample).strip()}")
    print(f"{run.step} steps; the run is in {name}. Next: charseq sample {name}")


def export(folder: Path, history: History) -> None:
    """Write the history and a figure of the loss for people; charseq itself never reads them."""
    if not len(history):
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.4), layout="constrained")
    history.plot(figure.add_subplot())
    image = io.BytesIO()
    figure.savefig(image, format="svg")
    try:
        history.to_csv(folder / "history.csv")
        write_whole(folder / "loss.svg", image.getvalue())
    except OSError as error:
        print(
            f"charseq: the run is saved in {escape_line(folder)}, but not its history.csv and "
            f"loss.svg ({error.strerror or error})",
            file=sys.stderr,
        )
