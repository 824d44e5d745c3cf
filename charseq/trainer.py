"""Training a run in a folder: it loads the text, trains, saves, reports and stops cleanly."""

import io
import math
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from charseq._checks import check_integers
from charseq._terminal import escape_line, escape_text
from charseq.checkpoint import (
    RunFolderError,
    load_run,
    lock_run,
    read_config,
    save_run,
    start_folder,
)
from charseq.corpus import Corpus
from charseq.files import write_whole
from charseq.history import History, UpdateRecord, json_line
from charseq.language_model import Run, Settings, language_model_steps
from charseq.model import CharRNN
from charseq.net import NumpyNet
from charseq.processes import any_process, rank_and_world_size
from charseq.sampling import generate
from charseq.shapes import LayerShapes
from charseq.texts import load_text, texts
from charseq.training import Diverged

__all__ = ["Reporting", "resume_folder", "train_folder"]


@dataclass(frozen=True)
class Reporting:
    """How often a run is saved, and what it prints.

    Parameters
    ----------
    save_every : int, default=100
        Training steps from one save to the next.
    sample_every : int, default=0
        Training steps from one printed sample to the next; 0 for none.
    as_json : bool, default=False
        Whether to print each record as a line of JSON, and nothing else.

    Raises
    ------
    ValueError
        If `save_every` is below 1, or `sample_every` below 0.
    """

    save_every: int = 100
    sample_every: int = 0
    as_json: bool = False

    def __post_init__(self) -> None:
        check_integers(1, save_every=self.save_every)
        check_integers(0, sample_every=self.sample_every)


def train_folder(
    folder: Path,
    text: str,
    options: dict[str, Any],
    settings: Settings,
    *,
    valid: float = 0.1,
    encoding: str = "utf-8",
    reporting: Reporting | None = None,
) -> bool:
    """Make a run folder, and train in it until the run is finished or interrupted.

    Parameters
    ----------
    folder : pathlib.Path
        The folder to make. It must not hold a run yet.
    text : str
        A name from :func:`charseq.texts.texts`, or the path of a text file.
    options : dict
        The options of :class:`charseq.CharRNN`, without `vocab_size`.
    settings : Settings
        How to train.
    valid : float, default=0.1
        Share of the text that is held back to measure on; 0 for none.
    encoding : str, default="utf-8"
        Encoding of the text file.
    reporting : Reporting, optional
        When to save and what to print.

    Returns
    -------
    bool
        Whether the run was interrupted before it was finished. It is saved either way.

    Raises
    ------
    ValueError, TypeError, OSError
        If the text, an option or the folder cannot be used.
    MemoryError
        If the weights do not fit into memory.
    Diverged
        If the loss or its gradient becomes NaN or infinite. The last good training step is saved.
    """
    if not 0 <= valid < 1:
        raise ValueError(f"valid must be at least 0 and below 1, got {valid}")
    # The path is made absolute, so that the run can be resumed from another directory.
    name_or_path = text if text in texts() else os.path.abspath(text)  # noqa: PTH100 - never raises
    source: dict[str, Any] = {"text": name_or_path, "encoding": encoding, "valid": valid}
    corpus, parts = _load_and_split(source)
    source |= {"characters": len(corpus), "sha256": corpus.digest()}
    options = {"vocab_size": len(corpus.vocab), **options}
    _check_memory(options)
    run = Run(CharRNN(**options), corpus.vocab, settings)
    new_records = language_model_steps(run, *parts)  # raises if the text is too short
    with _lock_if_rank_0(folder, make=True):
        if rank_and_world_size()[0] == 0:
            start_folder(folder, run, source)
        return _train_and_save(folder, run, (), new_records, reporting or Reporting())


def resume_folder(folder: Path, reporting: Reporting | None = None) -> bool:
    """Continue a run as if it had never stopped.

    Parameters
    ----------
    folder : pathlib.Path
        A run folder.
    reporting : Reporting, optional
        When to save and what to print.

    Returns
    -------
    bool
        As from :func:`train_folder`.

    Raises
    ------
    RunFolderError
        If the folder is not a run folder, or is damaged.
    ValueError, OSError
        If the text is missing, or is not the text that the run learns from.
    Diverged
        As from :func:`train_folder`.
    """
    source = _read_source(folder)
    with _lock_if_rank_0(folder):
        return _resume(folder, source, reporting or Reporting())


def _resume(folder: Path, source: dict[str, Any], reporting: Reporting) -> bool:
    run, history = load_run(folder)
    corpus, parts = _load_and_split(source)
    if corpus.vocab != run.vocab or len(corpus) != source["characters"]:
        raise ValueError(
            f"{source['text']} is not the text that this run learns from: it has {len(corpus)} "
            f"characters and a vocabulary of {len(corpus.vocab)}, but the text of the run has "
            f"{source['characters']} characters and a vocabulary of {len(run.vocab)}"
        )
    if "sha256" in source and source["sha256"] != corpus.digest():  # the oldest folders lack it
        raise ValueError(
            f"{source['text']} is not the text that this run learns from: it has as many "
            "characters, but not the same ones"
        )
    new_records = language_model_steps(run, *parts)
    return _train_and_save(folder, run, history, new_records, reporting)


def _lock_if_rank_0(folder: Path, *, make: bool = False) -> AbstractContextManager[None]:
    """Lock the run folder for the whole training, in the only process that writes in it."""
    is_rank_0 = rank_and_world_size()[0] == 0
    return lock_run(folder, make=make) if is_rank_0 else nullcontext()


# --- before the first training step ---------------------------------------------------------------


def _load_and_split(source: dict[str, Any]) -> tuple[Corpus, tuple[Corpus, Corpus | None]]:
    """Load a run's text. Return the whole text, and the parts to learn from and to measure on."""
    if source["text"] in texts():
        corpus = Corpus.from_text(load_text(source["text"]))
    else:
        corpus = Corpus.from_file(source["text"], encoding=source["encoding"])
    if source["valid"] == 0:
        return corpus, (corpus, None)
    train, valid = corpus.split(valid=source["valid"])
    return corpus, (train, valid)


def _read_source(folder: Path) -> dict[str, Any]:
    """Read where the text of a run came from."""
    source: dict[str, Any] = read_config(folder)["text"]
    types: dict[str, Any] = {"text": str, "encoding": str, "valid": (int, float), "characters": int}
    for name, expected_type in types.items():
        if not isinstance(source.get(name), expected_type):
            raise RunFolderError(
                f"{folder / 'config.json'} does not say where the text came from: its {name!r} "
                f"is {source.get(name)!r}"
            )
    return source


def _check_memory(options: dict[str, Any]) -> None:
    """Refuse a network that cannot fit into memory, before torch starts to allocate its layers."""
    input_size = options["embedding_size"] or options["vocab_size"]
    try:
        layers = LayerShapes(
            options["cell"], input_size, options["hidden_size"], num_layers=options["num_layers"]
        )
    except ValueError:  # CharRNN also refuses such options, and its message names the option
        return
    weights = layers.parameter_count
    with suppress(AttributeError):  # Windows has no os.sysconf, so its memory is unknown
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if 16 * weights > memory:  # 4 bytes each: weight, gradient and Adam's two averages
            raise MemoryError(
                f"there is not enough memory: training takes 16 bytes for each of the network's "
                f"{weights:,} weights, and this machine has {memory:,} bytes"
            )


# --- training -------------------------------------------------------------------------------------


def _train_and_save(
    folder: Path,
    run: Run,
    earlier_records: Iterable[UpdateRecord],
    new_records: Iterator[UpdateRecord],
    reporting: Reporting,
) -> bool:
    """Train until the run is finished or interrupted, and return whether it was interrupted.

    `new_records` is the generator that trains. The run is saved at intervals and at the end. With
    several processes, only rank 0 prints and writes. All processes stop after the same training
    step, and exit after rank 0 has saved.
    """
    records = list(earlier_records)
    is_rank_0 = rank_and_world_size()[0] == 0

    def save(best: bool = False) -> None:
        if is_rank_0:
            save_run(folder, run, History(tuple(records)), best=best)

    stopped = False
    with _delay_interrupts() as interrupts, _progress_bar(run, is_rank_0, reporting) as bar:
        try:
            for record in new_records:
                records.append(record)
                bar.update(run.settings.batch_size * run.settings.length)
                bar.set_postfix_str(record.losses, refresh=False)
                if is_rank_0:
                    _report(run, record, bar, reporting)
                is_best = record.valid_loss == run.best_loss
                if record.step % reporting.save_every == 0 or is_best:
                    save(is_best)
                if stopped := any_process(bool(interrupts)):
                    break
        except BrokenPipeError:  # nobody reads the output; the run is between two training steps
            save()
            raise
        except Diverged:
            save()
            any_process(False)  # wait until rank 0 has saved
            raise
        save()
    interrupted = stopped and not run.finished
    if is_rank_0:
        _plot_loss(folder, History(tuple(records)))
        _print_ending(folder, run, interrupted, reporting)
    any_process(False)  # wait until rank 0 has saved
    return interrupted


@contextmanager
def _delay_interrupts() -> Iterator[list[int]]:
    """Collect the first interrupt, so that a training step can be completed.

    A second interrupt takes effect at once.
    """
    interrupts: list[int] = []
    handler_before = signal.getsignal(signal.SIGINT)

    def collect(number: int, frame: Any) -> None:
        interrupts.append(number)
        signal.signal(signal.SIGINT, handler_before)

    # If this process was started with interrupts ignored, they stay ignored.
    if handler_before is signal.default_int_handler:
        signal.signal(signal.SIGINT, collect)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, handler_before)


def _progress_bar(run: Run, is_rank_0: bool, reporting: Reporting) -> "tqdm[Any]":
    characters_per_update = run.settings.batch_size * run.settings.length
    return tqdm(
        total=run.settings.steps * characters_per_update,
        initial=run.step * characters_per_update,
        unit="char",
        unit_scale=True,
        # None: show the bar only in a terminal
        disable=None if is_rank_0 and not reporting.as_json else True,
        leave=False,
    )


def _report(run: Run, record: UpdateRecord, bar: "tqdm[Any]", reporting: Reporting) -> None:
    """Print the record as JSON; or else its held-back loss and a sample, where there are any."""
    if reporting.as_json:
        print(json_line(asdict(record)), flush=True)
        return
    if not math.isnan(record.valid_loss):
        bar.write(str(record), file=sys.stdout)
    if reporting.sample_every and record.step % reporting.sample_every == 0:
        rng = np.random.default_rng(record.step)
        net = NumpyNet.from_model(run.model)
        (text,) = generate(net, run.vocab, length=200, rng=rng)
        bar.write(escape_text(text) if sys.stdout.isatty() else text, file=sys.stdout)


def _print_ending(folder: Path, run: Run, interrupted: bool, reporting: Reporting) -> None:
    name = escape_line(folder)
    if interrupted:
        print(
            f"charseq: interrupted; the run is saved at step {run.step}, and "
            f"`charseq resume {name}` goes on from there",
            file=sys.stderr,
        )
    elif not reporting.as_json:
        print(f"{run.step} steps; the run is in {name}. Next: charseq sample {name}")


def _plot_loss(folder: Path, history: History) -> None:
    """Save a figure of the loss as loss.svg in the run folder, without opening a window."""
    if not len(history):
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.4), layout="constrained")
    history.plot(figure.add_subplot())
    image = io.BytesIO()
    figure.savefig(image, format="svg")
    write_whole(folder / "loss.svg", image.getvalue())
