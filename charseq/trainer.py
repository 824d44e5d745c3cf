"""Training a run that lives in a folder: read the text, make steps, save, report, stop cleanly."""

import io
import math
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from charseq._checks import check_at_least
from charseq.checkpoint import RunFolderError, load_run, read_config, save_run, start_folder
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
        Whether each record is printed as a line of JSON, and nothing else.

    Raises
    ------
    ValueError
        If `save_every` is below 1.
    """

    save_every: int = 100
    sample_every: int = 0
    as_json: bool = False

    def __post_init__(self) -> None:
        check_at_least(1, save_every=self.save_every)


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
        Must not hold a run yet.
    text : str
        A name from :func:`charseq.texts.texts`, or the path of a text file.
    options : dict
        Those of :class:`charseq.CharRNN`, except `vocab_size`.
    settings : Settings
        How to train.
    valid : float, default=0.1
        Share of the text that is held back to measure on; 0 for none.
    encoding : str, default="utf-8"
        Of the text file.
    reporting : Reporting, optional
        When to save and what to print.

    Returns
    -------
    bool
        Whether the run was interrupted before it was finished. It is saved either way.

    Raises
    ------
    ValueError, TypeError, OSError
        If the text, an option or the folder will not do.
    MemoryError
        If the weights do not fit into memory.
    Diverged
        If the loss or its gradient becomes NaN or infinite. The last good step is saved.
    """
    # An absolute path, so that the run can be resumed from another directory.
    place = text if text in texts() else os.path.abspath(text)  # noqa: PTH100 - never raises
    source: dict[str, Any] = {"text": place, "encoding": encoding, "valid": valid}
    corpus, parts = _load_and_split(source)
    source |= {"characters": len(corpus), "sha256": corpus.digest()}
    options = {"vocab_size": len(corpus.vocab), **options}
    _check_memory(options)
    run = Run(CharRNN(**options), corpus.vocab, settings)
    steps = language_model_steps(run, *parts)  # refuses a text that is too short
    if rank_and_world_size()[0] == 0:
        start_folder(folder, run, source)
    return _make_steps(folder, run, (), steps, reporting or Reporting())


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
    run, history = load_run(folder)
    source = _source_of(folder)
    corpus, parts = _load_and_split(source)
    if corpus.vocab != run.vocab or len(corpus) != source["characters"]:
        raise ValueError(
            f"{source['text']} is not the text that this run learns from: it has {len(corpus)} "
            f"characters, {len(corpus.vocab)} of them different, and the run was started on "
            f"{source['characters']} and {len(run.vocab)}"
        )
    if "sha256" in source and source["sha256"] != corpus.digest():  # the oldest folders lack it
        raise ValueError(
            f"{source['text']} is not the text that this run learns from: it has as many "
            "characters as that, but not the same"
        )
    steps = language_model_steps(run, *parts)
    return _make_steps(folder, run, history, steps, reporting or Reporting())


# --- before the first step ------------------------------------------------------------------------


def _load_and_split(source: dict[str, Any]) -> tuple[Corpus, tuple[Corpus, Corpus | None]]:
    """Load the text of a run; return it whole, and the parts to learn from and to measure on."""
    if source["text"] in texts():
        corpus = Corpus.from_text(load_text(source["text"]))
    else:
        corpus = Corpus.from_file(source["text"], encoding=source["encoding"])
    if source["valid"] == 0:
        return corpus, (corpus, None)
    train, valid = corpus.split(valid=source["valid"])
    return corpus, (train, valid)


def _source_of(folder: Path) -> dict[str, Any]:
    """Read where the text of a run came from."""
    source: dict[str, Any] = read_config(folder)["text"]
    kinds: dict[str, Any] = {"text": str, "encoding": str, "valid": (int, float), "characters": int}
    for name, kind in kinds.items():
        if not isinstance(source.get(name), kind):
            raise RunFolderError(
                f"{folder / 'config.json'} does not say where the text came from: its {name!r} "
                f"is {source.get(name)!r}"
            )
    return source


def _check_memory(options: dict[str, Any]) -> None:
    """Refuse a network that torch would build layer by layer until the memory is full."""
    width = options["embedding_size"] or options["vocab_size"]
    try:
        layers = LayerShapes(
            options["cell"], width, options["hidden_size"], num_layers=options["num_layers"]
        )
    except ValueError:  # CharRNN refuses it as well, and names the option
        return
    weights = layers.parameter_count
    with suppress(AttributeError):  # Windows does not say how much memory there is
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if 16 * weights > memory:  # in float32, with the gradient and Adam's two averages
            raise MemoryError(
                f"there is not enough memory: the network has {weights:,} weights, of which each "
                f"takes 16 bytes in training, and this machine {memory:,} bytes"
            )


# --- the steps ------------------------------------------------------------------------------------


def _make_steps(
    folder: Path,
    run: Run,
    earlier: Iterable[UpdateRecord],
    steps: Iterator[UpdateRecord],
    reporting: Reporting,
) -> bool:
    """Make the steps that are left; save at intervals and at the end; return if interrupted.

    With several processes, only rank 0 prints and writes. All stop after the same step, and exit
    once rank 0 has saved.
    """
    records = list(earlier)
    is_rank_0 = rank_and_world_size()[0] == 0

    def save(best: bool = False) -> None:
        if is_rank_0:
            save_run(folder, run, History(tuple(records)), best=best)

    stopped = False
    with _interrupts_wait() as interrupts, _progress_bar(run, is_rank_0, reporting) as bar:
        try:
            for record in steps:
                records.append(record)
                bar.update(run.settings.batch_size * run.settings.length)
                bar.set_postfix_str(str(record).split("  ", 1)[1].lstrip(), refresh=False)
                if is_rank_0:
                    _report(run, record, bar, reporting)
                is_best = record.valid_loss == run.best_loss
                if record.step % reporting.save_every == 0 or is_best:
                    save(is_best)
                if stopped := any_process(bool(interrupts)):
                    break
        except BrokenPipeError:  # raised between two steps, so all that was learned can be saved
            save()
            raise
        except Diverged:
            save()
            any_process(False)
            raise
        save()
    interrupted = stopped and not run.finished
    if is_rank_0:
        _plot(folder, History(tuple(records)))
        _say_how_it_ended(folder, run, interrupted, reporting)
    any_process(False)
    return interrupted


@contextmanager
def _interrupts_wait() -> Iterator[list[int]]:
    """Collect an interrupt, so that the step can be completed; a second one is not held back."""
    interrupts: list[int] = []
    before = signal.getsignal(signal.SIGINT)

    def collect(number: int, frame: Any) -> None:
        interrupts.append(number)
        signal.signal(signal.SIGINT, before)

    if before is signal.default_int_handler:  # a program that ignores interrupts goes on doing so
        signal.signal(signal.SIGINT, collect)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)


def _progress_bar(run: Run, shown: bool, reporting: Reporting) -> "tqdm[Any]":
    characters = run.settings.batch_size * run.settings.length
    return tqdm(
        total=run.settings.steps * characters,
        initial=run.step * characters,
        unit="char",
        unit_scale=True,
        disable=None if shown and not reporting.as_json else True,  # None: only in a terminal
        leave=False,
    )


def _report(run: Run, record: UpdateRecord, bar: "tqdm[Any]", reporting: Reporting) -> None:
    """Print what belongs to a step: its record as JSON, or a measurement, or a sample."""
    if reporting.as_json:
        print(json_line(asdict(record)), flush=True)
        return
    if not math.isnan(record.valid_loss):
        bar.write(str(record), file=sys.stdout)
    if reporting.sample_every and record.step % reporting.sample_every == 0:
        chance = np.random.default_rng(record.step)
        net = NumpyNet.from_model(run.model)
        bar.write(generate(net, run.vocab, length=200, rng=chance)[0], file=sys.stdout)


def _say_how_it_ended(folder: Path, run: Run, interrupted: bool, reporting: Reporting) -> None:
    if interrupted:
        print(
            f"charseq: interrupted; the run is saved at step {run.step}, and "
            f"`charseq resume {folder}` goes on from there",
            file=sys.stderr,
        )
    elif not reporting.as_json:
        print(f"{run.step} steps; the run is in {folder}. Next: charseq sample {folder}")


def _plot(folder: Path, history: History) -> None:
    """Draw the loss beside the log, without opening a window."""
    if not len(history):
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.4), layout="constrained")
    history.plot(figure.add_subplot())
    image = io.BytesIO()
    figure.savefig(image, format="svg")
    write_whole(folder / "loss.svg", image.getvalue())
