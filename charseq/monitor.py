"""What a run says while it is trained and at its end, also when its learning has gone wrong."""

import io
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from statistics import fmean as mean
from typing import Any

import numpy as np
from tqdm import tqdm

from charseq._terminal import escape_line, escape_text
from charseq.files import write_whole
from charseq.history import History, UpdateRecord, json_line
from charseq.language_model import Run, Watch
from charseq.layers import parts_of
from charseq.net import NumpyNet
from charseq.sampling import generate

__all__: list[str] = []  # only the rest of the command uses it

FIRST_STEPS = 100  # after so many, a network should know more than nothing

# --- what goes wrong ------------------------------------------------------------------------------
# Each of these functions returns a sentence after the kind of fault and a colon, or nothing.


def find_fault(run: Run, records: list[UpdateRecord], per_character: float = 1.0) -> str:
    """Find what seems to have gone wrong with the learning, as far as the last of the records.

    The text to learn from has `per_character` tokens for each of its characters.
    """
    step = records[-1].step
    at_check = step == FIRST_STEPS or (run.finished and step > FIRST_STEPS)
    fault = find_rising_loss(records) if not math.isnan(records[-1].valid_loss) else ""
    if at_check:
        fault = find_saturated_units(run) or fault
    if at_check or run.finished:  # a run of few steps can explode, too
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


def find_saturated_units(run: Run) -> str:
    """Find a state in which nearly all units are at -1, 0 or 1, where the gradient vanishes."""
    if run.hidden is None:
        return ""
    sizes = parts_of(run.hidden)[0].abs()
    share = float((sizes.minimum((1 - sizes).abs()) < 0.01).cpu().double().mean())
    if share < 0.95:
        return ""
    return (
        f"units: after step {run.step}, {100 * share:.0f} % of the units are saturated, at -1, 0 "
        "or 1, where they hardly learn; try a tenth of the learning rate (Error messages: The loss "
        "explodes because the learning rate is too high)"
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
        yield lambda done, to_read: say_in_bar(bar, done, to_read)


def say_in_bar(bar: "tqdm[Any]", done: int, to_read: int) -> None:
    """Say in a progress bar that held-back text is read, and how much of it has been."""
    text = f"measuring, {100 * done // to_read} % read"
    if not bar.disable and bar.postfix != text:  # so it is drawn at most a hundred times
        bar.set_postfix_str(text)


def print_record(
    run: Run, record: UpdateRecord, bar: "tqdm[Any]", *, sample_every: int, as_json: bool
) -> None:
    """Print the record as JSON; or else its held-back loss and a sample, where there are any."""
    if as_json:
        print(json_line(asdict(record)), flush=True)
        return
    if not math.isnan(record.valid_loss):
        bar.write(str(record), file=sys.stdout)
    if sample_every and record.step % sample_every == 0:
        rng = np.random.default_rng(record.step)
        net = NumpyNet.from_model(run.model)
        (text,) = generate(net, run.vocab, length=200, rng=rng)
        bar.write(escape_text(text) if sys.stdout.isatty() else text, file=sys.stdout)


def print_ending(
    folder: Path, run: Run, interrupted: bool, was_over: bool, *, as_json: bool
) -> None:
    """Say how the run ended, and what can be done next."""
    name = escape_line(folder)
    if interrupted:
        print(
            f"charseq: interrupted; the run is saved at step {run.step}, and "
            f"`charseq resume {name}` goes on from there",
            file=sys.stderr,
        )
        return
    if as_json:
        return
    if run.out_of_patience and run.step < run.settings.steps:
        print(
            f"patience: {run.since_best} measurements in a row without a new best loss, so the run "
            f"{'is over' if was_over else 'ended'} at step {run.step} of {run.settings.steps}"
        )
    elif was_over:
        print(
            f"the run is over: all its {run.settings.steps} steps have been made; "
            f"charseq resume {name} --steps N goes on until step N"
        )
    if math.isfinite(run.best_loss):
        print(
            f"lowest valid: {run.best_loss / math.log(2):.3f} bits per character; charseq eval "
            f"{name} reads all that was held back"
        )
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
