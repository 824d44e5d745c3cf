"""Training a run in a folder: it loads the text, trains, saves, reports and stops cleanly."""

import io
import math
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import fmean as mean
from typing import Any

import numpy as np
from tqdm import tqdm

from charseq._checks import check_integers
from charseq._terminal import escape_line, escape_text
from charseq.checkpoint import (
    RunFolderError,
    change_config,
    load_model,
    load_run,
    lock_run,
    read_config,
    save_run,
    start_folder,
)
from charseq.corpus import Corpus
from charseq.files import write_whole
from charseq.history import History, UpdateRecord, json_line
from charseq.language_model import (
    TRAINED_PER_MEASURED,
    Run,
    Settings,
    Watch,
    evaluate,
    grow,
    language_model_steps,
    sample_size,
)
from charseq.layers import parts_of
from charseq.model import CharRNN
from charseq.net import NumpyNet
from charseq.processes import any_process, rank_and_world_size
from charseq.sampling import generate
from charseq.shapes import LayerShapes
from charseq.texts import load_text, texts
from charseq.training import Diverged
from charseq.vocab import Vocabulary

__all__ = ["Reporting", "load_held_back", "resume_folder", "train_folder"]

FIRST_STEPS = 100  # after so many, a network should know more than nothing
READ_AT_THE_END = 50_000  # characters; that much held-back text is read in seconds, so always
WARM_UP = 1000  # characters; a piece that first reads them has the loss of a text in one piece


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
    init_from: str | None = None,
    raw: bool = False,
    reporting: Reporting | None = None,
) -> int:
    """Make a run folder, and train in it until the run is finished or interrupted.

    Parameters
    ----------
    folder : pathlib.Path
        The folder to make. It must not hold a run yet.
    text : str
        A name from :func:`charseq.texts.texts`, or the path of a text file.
    options : dict
        The options of :class:`charseq.CharRNN`, without `vocab_size`. With `init_from`, those that
        differ from the options of that run; only ``dropout`` and ``fast`` may.
    settings : Settings
        How to train.
    valid : float, default=0.1
        Share of the text that is held back to measure on; 0 for none.
    encoding : str, default="utf-8"
        Encoding of the text file.
    init_from : str, optional
        A run folder: start with its network, and not with random weights. Its vocabulary grows by
        the characters of the text that it lacks.
    raw : bool, default=False
        Keep a byte order mark and carriage returns, as in :func:`charseq.load_text`.
    reporting : Reporting, optional
        When to save and what to print.

    Returns
    -------
    int
        The number of the signal that interrupted the run before it was finished, or 0. The run is
        saved either way.

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
    source["raw"] = raw
    if init_from is None:
        corpus = _load(source)
        options = {"vocab_size": len(corpus.vocab), **options}
        _check_memory(options)
        model = CharRNN(**options)
    else:
        source["init_from"] = init_from
        model, known = load_model(init_from)
        corpus = _load(source, known)
        changed = {**model.options, **options, "vocab_size": len(corpus.vocab)}
        _check_memory(changed)
        model = _with_options(grow(model, len(corpus.vocab), seed=settings.seed), changed)
    parts = _split(corpus, source)
    source |= {"characters": len(corpus), "sha256": corpus.digest()}
    run = Run(model, corpus.vocab, settings)
    training = _Training(folder, run, (), parts, reporting or Reporting())  # raises: text too short
    with _lock_if_rank_0(folder, make=True):
        if rank_and_world_size()[0] == 0:
            start_folder(folder, run, source)
        return training.train_and_save()


def resume_folder(
    folder: Path,
    reporting: Reporting | None = None,
    *,
    text: str | None = None,
    **changes: Any,
) -> int:
    """Continue a run as if it had never stopped, or with other settings.

    Parameters
    ----------
    folder : pathlib.Path
        A run folder.
    reporting : Reporting, optional
        When to save and what to print.
    text : str, optional
        Where the text of the run is now. A file that was only moved together with the folder, or
        into the current directory, is found by itself.
    **changes
        New values of :class:`charseq.Settings`, such as `steps`, `lr` or `patience`. They are saved
        in the folder. Whoever gives a run more steps wants it to go on, so its patience begins
        anew.

    Returns
    -------
    int
        As from :func:`train_folder`.

    Raises
    ------
    RunFolderError
        If the folder is not a run folder, or is damaged.
    ValueError, OSError
        If the text is missing, or is not the text that the run learns from, or if a new value is
        out of range.
    Diverged
        As from :func:`train_folder`.
    """
    source = _read_source(folder)
    with _lock_if_rank_0(folder):
        run, history = load_run(folder)
        source, parts = _load_text_of_run(source, run.vocab, folder, text)
        run.settings = replace(run.settings, **changes)
        if changes.get("steps", 0) < run.step and "steps" in changes:
            raise ValueError(
                f"the run has made {run.step} steps already: steps={changes['steps']} is too few"
            )
        if {"steps", "patience"} & changes.keys():
            run.since_best = 0
        training = _Training(folder, run, history, parts, reporting or Reporting())
        if (changes or text) and training.is_rank_0:
            save_run(folder, run, history)
            change_config(folder, run, source)
        return training.train_and_save()


def load_held_back(folder: str | os.PathLike[str]) -> Corpus:
    """Load the text that a run has held back, and never learned from.

    Parameters
    ----------
    folder : str or path-like
        A run folder.

    Returns
    -------
    Corpus
        The held-back text.

    Raises
    ------
    RunFolderError
        If the folder is not a run folder, or is damaged.
    ValueError, OSError
        If the run has held nothing back, or its text is missing or has changed.
    """
    path, vocab = Path(folder), load_model(folder)[1]
    _, (_, held_back) = _load_text_of_run(_read_source(path), vocab, path, None)
    if held_back is None:
        raise ValueError(f"the run in {folder} has held no text back: name a text to measure on")
    return held_back


def _load_text_of_run(
    source: dict[str, Any], vocab: Vocabulary, folder: Path, text: str | None
) -> tuple[dict[str, Any], tuple[Corpus, Corpus | None]]:
    """Load the parts of a run's text, to learn from and to measure on; refuse another text.

    Also return the source, with the place where the text is now.
    """
    source = {**source, "text": text or _find_text(source["text"], folder)}
    if text and text not in texts():
        source["text"] = os.path.abspath(text)  # noqa: PTH100 - never raises
    corpus = _load(source, vocab if "init_from" in source else None)
    if corpus.vocab != vocab or len(corpus) != source["characters"]:
        raise ValueError(
            f"{source['text']} is not the text that this run learns from: it has {len(corpus)} "
            f"characters and a vocabulary of {len(corpus.vocab)}, but the text of the run has "
            f"{source['characters']} characters and a vocabulary of {len(vocab)}"
        )
    if "sha256" in source and source["sha256"] != corpus.digest():  # the oldest folders lack it
        raise ValueError(
            f"{source['text']} is not the text that this run learns from: it has as many "
            "characters, but not the same ones"
        )
    return source, _split(corpus, source)


def _find_text(text: str, folder: Path) -> str:
    """Return where the text of a run is. If it has moved, look beside the run, in it, and here."""
    places = (folder.parent, folder, Path())
    if text in texts() or os.path.exists(text):  # noqa: PTH110 - never raises
        return text
    for place in places:
        if (moved := place / Path(text).name).is_file():
            return os.path.abspath(moved)  # noqa: PTH100 - never raises
    raise FileNotFoundError(
        f"the text that this run learns from is not in {text!r} any more: if it has moved, say "
        "where it is (--text)"
    )


def _lock_if_rank_0(folder: Path, *, make: bool = False) -> AbstractContextManager[None]:
    """Lock the run folder for the whole training, in the only process that writes in it."""
    is_rank_0 = rank_and_world_size()[0] == 0
    return lock_run(folder, make=make) if is_rank_0 else nullcontext()


# --- before the first training step ---------------------------------------------------------------


def _load(source: dict[str, Any], known: Vocabulary | None = None) -> Corpus:
    """Load a run's text.

    The vocabulary is that of the text. If `known` is given, it is this one, followed by the
    characters that it lacks.
    """
    if source["text"] in texts():
        load = partial(Corpus.from_text, load_text(source["text"]))
    else:
        how = {"encoding": source["encoding"], "raw": source.get("raw", True)}
        load = partial(Corpus.from_file, source["text"], **how)
    corpus = load()
    if known is not None:
        new = [char for char in corpus.vocab.chars if char not in known]
        corpus = load(vocab=Vocabulary("".join([*known.chars, *new])))
    return corpus


def _split(corpus: Corpus, source: dict[str, Any]) -> tuple[Corpus, Corpus | None]:
    """Return the parts of a run's text to learn from and to measure on."""
    if source["valid"] == 0:
        return corpus, None
    train, valid = corpus.split(valid=source["valid"])
    return train, valid


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


def _with_options(model: CharRNN, options: dict[str, Any]) -> CharRNN:
    """Return a model with the same weights and with other options, which have no weights."""
    if unlike := {name for name in options if options[name] != model.options[name]} - {
        "dropout", "fast", "seed"
    }:  # fmt: skip
        raise ValueError(
            f"the network of the run has {', '.join(sorted(unlike))} of its own: leave it out"
        )
    changed = CharRNN(**options).to(model.rnn.weight_ih_l0.dtype)
    changed.load_state_dict(model.state_dict())
    return changed


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


class _Training:
    """A run that is trained in its folder, from where it is to its end or to an interrupt."""

    def __init__(
        self,
        folder: Path,
        run: Run,
        earlier_records: Iterable[UpdateRecord],
        parts: tuple[Corpus, Corpus | None],
        reporting: Reporting,
    ) -> None:
        self.folder, self.run, self.reporting = folder, run, reporting
        self.records, self.valid = list(earlier_records), parts[1]
        self.is_rank_0 = rank_and_world_size()[0] == 0
        self._warned: set[str] = set()
        self._new_records = language_model_steps(run, *parts, watch=self._say_that_it_measures)

    def train_and_save(self) -> int:
        """Train until the run is finished or interrupted, and return the signal, or 0.

        The run is saved at intervals and at the end. With several processes, only rank 0 prints and
        writes. All processes stop after the same training step, and exit after rank 0 has saved.
        """
        run, stopped, was_over = self.run, False, self.run.finished
        with _delay_interrupts() as interrupts, self._progress_bar() as self._bar:
            try:
                for record in self._new_records:
                    self.records.append(record)
                    self._bar.update(run.settings.batch_size * run.settings.length)
                    self._bar.set_postfix_str(record.losses, refresh=False)
                    if self.is_rank_0:
                        _report(run, record, self._bar, self.reporting)
                        self._warn(record)
                    is_best = record.valid_loss == run.best_loss
                    if record.step % self.reporting.save_every == 0 or is_best:
                        self._save(is_best)
                    if stopped := any_process(bool(interrupts)):
                        break
            except BrokenPipeError:  # nobody reads the output; the run is between two steps
                self._save()
                raise
            except Diverged:
                self._save()
                any_process(False)  # wait until rank 0 has saved
                raise
            self._save()
            interrupted = stopped and not run.finished
            measured = (
                "" if interrupted or was_over or not self.is_rank_0 else self._measure_whole()
            )
        if self.is_rank_0:
            _plot_loss(self.folder, History(tuple(self.records)))
            if measured:
                print(measured)
            _print_ending(self.folder, run, interrupted, was_over, self.reporting)
        any_process(False)  # wait until rank 0 has saved
        return (interrupts or [signal.SIGINT])[0] if interrupted else 0

    def _save(self, best: bool = False) -> None:
        if self.is_rank_0:
            save_run(self.folder, self.run, History(tuple(self.records)), best=best)

    def _warn(self, record: UpdateRecord) -> None:
        """Say in one sentence, and only once, what seems to have gone wrong with the learning."""
        at_check = record.step == FIRST_STEPS or (self.run.finished and record.step > FIRST_STEPS)
        warning = find_rising_loss(self.records) if not math.isnan(record.valid_loss) else ""
        if at_check:
            warning = find_high_loss(self.records, self.run.model.vocab_size) or (
                find_saturated_units(self.run) or warning
            )
        kind = warning.partition(":")[0]
        if warning and kind not in self._warned:
            self._warned.add(kind)
            self._bar.write(f"charseq: {warning.partition(':')[2].strip()}", file=sys.stderr)

    def _measure_whole(self) -> str:
        """Measure the best weights on the whole held-back text, and return what is to be printed.

        A text that would take long for a run of this length is not read.
        """
        settings, valid = self.run.settings, self.valid
        if valid is None or not settings.evaluate_every or self.reporting.as_json:
            return ""
        learned = self.run.step * settings.batch_size * settings.length
        if len(valid) > max(READ_AT_THE_END, learned // TRAINED_PER_MEASURED):
            return (
                f"held back: {len(valid)} characters, of which each measurement read "
                f"{sample_size(settings, len(valid))}; charseq eval {escape_line(self.folder)} "
                "reads all"
            )
        best = load_model(self.folder)[0]
        loss = evaluate(best, valid, warm_up=WARM_UP, watch=self._say_that_it_measures)
        return f"held back: {loss / math.log(2):.3f} bits per character, with the best weights"

    def _progress_bar(self) -> "tqdm[Any]":
        settings = self.run.settings
        return tqdm(
            total=settings.steps * settings.batch_size * settings.length,
            initial=self.run.step * settings.batch_size * settings.length,
            unit="char",
            unit_scale=True,
            # None: show the bar only in a terminal
            disable=None if self.is_rank_0 and not self.reporting.as_json else True,
            leave=False,
        )

    def _say_that_it_measures(self, done: int, to_read: int) -> None:
        _say_in_bar(self._bar, done, to_read)


# --- what goes wrong ------------------------------------------------------------------------------
# Each of these functions returns a sentence after the kind of fault and a colon, or nothing.


def find_high_loss(records: list[UpdateRecord], vocab_size: int) -> str:
    """Find a loss far above that of a network that knows nothing, ln V."""
    loss, of_nothing = mean(record.loss for record in records[-10:]), math.log(vocab_size)
    if loss <= 1.25 * of_nothing or vocab_size < 2:
        return ""
    return (
        f"loss: after step {records[-1].step} the loss is {loss:.2f}, but a network that knows "
        f"nothing has {of_nothing:.2f}, which is ln {vocab_size}; try a tenth of the learning rate "
        "(Error messages: The loss explodes because the learning rate is too high)"
    )


def find_saturated_units(run: Run) -> str:
    """Find a state in which nearly all units are at -1, 0 or 1, where the gradient vanishes."""
    if run.hidden is None:
        return ""
    sizes = parts_of(run.hidden)[0].abs()
    share = float((sizes.minimum((1 - sizes).abs()) < 0.01).double().mean())
    if share < 0.95:
        return ""
    return (
        f"units: after step {run.step}, {100 * share:.0f} % of the units are saturated, at -1, 0 "
        "or 1, where they hardly learn; try a tenth of the learning rate (Error messages: The loss "
        "explodes because the learning rate is too high)"
    )


def find_rising_loss(records: list[UpdateRecord]) -> str:
    """Find a loss on held-back text that has only risen, four measurements in a row."""
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
        yield lambda done, to_read: _say_in_bar(bar, done, to_read)


def _say_in_bar(bar: "tqdm[Any]", done: int, to_read: int) -> None:
    """Say in a progress bar that held-back text is read, and how much of it has been."""
    text = f"measuring, {100 * done // to_read} % read"
    if not bar.disable and bar.postfix != text:  # so it is drawn at most a hundred times
        bar.set_postfix_str(text)


@contextmanager
def _delay_interrupts() -> Iterator[list[int]]:
    """Collect the first interrupt, so that a training step can be completed.

    It is Ctrl+C, or SIGTERM, with which a system that shuts down asks a process to end. A second
    one takes effect at once.
    """
    interrupts: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM)
    # If this process was started with a signal ignored, it stays ignored.
    before = {
        number: handler
        for number in signals
        if (handler := signal.getsignal(number)) in (signal.default_int_handler, signal.SIG_DFL)
    }

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def collect(number: int, frame: Any) -> None:
        interrupts.append(number)
        restore()

    for number in before:
        signal.signal(number, collect)
    try:
        yield interrupts
    finally:
        restore()


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


def _print_ending(
    folder: Path, run: Run, interrupted: bool, was_over: bool, reporting: Reporting
) -> None:
    name = escape_line(folder)
    if interrupted:
        print(
            f"charseq: interrupted; the run is saved at step {run.step}, and "
            f"`charseq resume {name}` goes on from there",
            file=sys.stderr,
        )
        return
    if reporting.as_json:
        return
    if run.out_of_patience and run.step < run.settings.steps:
        print(
            f"patience: {run.since_best} measurements in a row without a new best loss, so the run "
            f"{'was over' if was_over else 'ended'} at step {run.step} of {run.settings.steps}"
        )
    elif was_over:
        print(
            f"the run was over: all its {run.settings.steps} steps had been made; "
            f"charseq resume {name} --steps N goes on until step N"
        )
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
