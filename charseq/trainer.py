"""Training a run in a folder: it loads the text, trains, saves, reports and stops cleanly."""

import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from charseq._checks import check_integers
from charseq._devices import find_device
from charseq._errors import UserError
from charseq._run_text import (
    Parts,
    as_typed,
    check_long_enough,
    check_outside,
    check_patience,
    encode_parts,
    fingerprint,
    known_model,
    load_source,
    load_text_of_run,
    locate,
)
from charseq.checkpoint import (
    KEPT,
    explain_write_errors,
    load_model,
    load_run,
    lock_run,
    write_run,
)
from charseq.corpus import Corpus
from charseq.files import write_whole
from charseq.history import History, UpdateRecord
from charseq.language_model import Run, language_model_steps
from charseq.model import CharRNN
from charseq.monitor import export, find_fault, print_ending, print_record, say_in_bar
from charseq.processes import any_process, rank_and_world_size, use_threads
from charseq.settings import Settings
from charseq.tokens import name_of_tokens
from charseq.training import Diverged

__all__ = ["Reporting", "load_held_back", "resume_folder", "train_folder"]


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
    text: str | Sequence[str],
    options: dict[str, Any],
    settings: Settings,
    *,
    valid: float = 0.1,
    encoding: str = "utf-8",
    init_from: str | None = None,
    raw: bool = False,
    tokens: str | None = None,
    device: str | torch.device = "cpu",
    threads: int | None = None,
    reporting: Reporting | None = None,
) -> int:
    """Make a run folder, and train in it until the run is finished or interrupted.

    Parameters
    ----------
    folder : pathlib.Path
        The folder to make. It must not hold a run yet.
    text : str or sequence of str
        A name from :func:`charseq.texts.texts`, or the path of a text file; or several of them, or
        a folder, which are joined. The text ``"-"`` is standard input, which is kept in the folder.
    options : dict
        The options of :class:`charseq.CharRNN`, without `vocab_size`. With `init_from`, those that
        differ from the options of that run; only ``dropout`` and ``fast`` may.
    settings : Settings
        How to train.
    valid : float, default=0.1
        Share of the text that is held back to measure on; of several, of each. 0 for none.
    encoding : str, default="utf-8"
        Encoding of the text file.
    init_from : str, optional
        A run folder: start with its network, and not with random weights. Its vocabulary grows by
        the characters of the text that it lacks.
    raw : bool, default=False
        Keep a byte order mark and carriage returns, as in :func:`charseq.load_text`.
    tokens : str, optional
        What the network reads in one step: ``"characters"``, the default, or ``"bpe:500"`` for
        pieces of words that 500 merges make, see :class:`charseq.BytePairEncoding`. With
        `init_from`, those of that run.
    device : str or torch.device, default="cpu"
        Where to train; names are as in torch, or ``"auto"``. It is not saved, so the run may be
        resumed on another one. All start from the same weights, drawn on the CPU.
    threads : int, optional
        How many threads compute. By default, as many as pay with a network of this size, unless
        the environment variable ``OMP_NUM_THREADS`` is set.
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
        If the text, an option or the folder cannot be used, or the weights do not fit into memory.
    Diverged
        If the loss or its gradient becomes NaN or infinite. The last good training step is saved.
    """
    device = find_device(device) if isinstance(device, str) else device
    if not 0 <= valid < 1:
        raise UserError(
            f"valid must be at least 0 and below 1, got {valid}; it is a share, and 0.1 is 10 %"
        )
    check_patience(settings, valid)
    source: dict[str, Any] = {"text": as_typed(text), "encoding": encoding, "valid": valid}
    source |= {"raw": raw, "tokens": tokens or "characters"}
    trained, known = (None, None) if init_from is None else load_model(init_from)
    if known is not None:
        source |= {"init_from": init_from, "tokens": name_of_tokens(known)}
        if tokens not in (None, source["tokens"]):
            raise UserError(
                f"got tokens={tokens!r}, but the network of {init_from} reads {source['tokens']}: "
                "leave it out"
            )
    check_outside(folder, source["text"])
    with _lock_if_rank_0(folder, new=True):
        texts = load_source(source)
        check_long_enough(*texts, source)
        parts = encode_parts(*texts, source, known)
        vocab = parts[0].vocab
        if trained is None:
            model = CharRNN(**{"vocab_size": len(vocab), **options})
        else:
            model = known_model(trained, options, vocab, settings)
        source |= fingerprint("".join(texts))
        source |= {"tokens": name_of_tokens(vocab), "train_tokens": len(parts[0])}
        if source["text"] == "-":  # keep it, so that the run can be resumed
            source |= {"text": str(folder / KEPT), "encoding": "utf-8", "raw": True}
            with explain_write_errors(folder):
                write_whole(folder / KEPT, "".join(texts).encode())
        source["text"] = locate(source["text"])  # so that the run can be resumed from elsewhere
        run = Run(model.to(device), vocab, settings)
        training = _Training(folder, run, (), parts, source, reporting or Reporting())
        with _delay_interrupts() as interrupts:
            training.save()
            with use_threads(model, settings.batch_size, threads):
                return training.train_and_save(interrupts)


def resume_folder(
    folder: Path,
    reporting: Reporting | None = None,
    *,
    text: str | Sequence[str] | None = None,
    device: str | torch.device = "cpu",
    threads: int | None = None,
    **changes: Any,
) -> int:
    """Continue a run as if it had never stopped, or with other settings.

    Parameters
    ----------
    folder : pathlib.Path
        A run folder.
    reporting : Reporting, optional
        When to save and what to print.
    text : str or sequence of str, optional
        Where the text of the run is now. A file that was only moved together with the folder, or
        into the current directory, is found by itself.
    device : str or torch.device, default="cpu"
        Where to train, as in :func:`train_folder`.
    threads : int, optional
        As in :func:`train_folder`.
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
    device = find_device(device) if isinstance(device, str) else device
    with _lock_if_rank_0(folder):
        run, history = load_run(folder)
        source, parts = load_text_of_run(folder, text)
        run.settings = replace(run.settings, **changes)
        if "patience" in changes:
            check_patience(run.settings, source["valid"])
        run.model.to(device)
        if changes.get("steps", run.step) < run.step:
            raise UserError(
                f"steps={changes['steps']} is too few: it counts from the start of the run, which "
                f"has made {run.step} already, so give more (steps={run.step + 10} makes 10 more)"
            )
        if {"steps", "patience"} & changes.keys():
            run.since_best = 0
        training = _Training(folder, run, history, parts, source, reporting or Reporting())
        with _delay_interrupts() as interrupts:
            if changes or text:
                training.save()
            with use_threads(run.model, run.settings.batch_size, threads):
                return training.train_and_save(interrupts)


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
    _, (_, held_back) = load_text_of_run(folder, advice="name a text to measure on")
    if held_back is None:
        raise UserError(f"the run in {folder} has held no text back: name a text to measure on")
    return held_back


def _lock_if_rank_0(folder: Path, *, new: bool = False) -> AbstractContextManager[None]:
    """Lock the run folder for the whole training, in the only process that writes in it."""
    is_rank_0 = rank_and_world_size()[0] == 0
    return lock_run(folder, new=new) if is_rank_0 else nullcontext()


# --- training -------------------------------------------------------------------------------------


class _Training:
    """A run that is trained in its folder, from where it is to its end or to an interrupt."""

    def __init__(
        self,
        folder: Path,
        run: Run,
        earlier_records: Iterable[UpdateRecord],
        parts: Parts,
        source: dict[str, Any],
        reporting: Reporting,
    ) -> None:
        self.folder, self.run, self.source, self.reporting = folder, run, source, reporting
        self.records = list(earlier_records)
        self.is_rank_0 = rank_and_world_size()[0] == 0
        self._warned: set[str] = set()
        train = parts[0]
        self._tokens_per_character = len(train) / train.vocab.count_characters(train.ids)
        self._new_records = language_model_steps(run, *parts, watch=self._say_that_it_measures)
        self._per_step = run.settings.batch_size * run.settings.length

    def train_and_save(self, interrupts: list[int]) -> int:
        """Train until the run is finished or interrupted, and return the signal, or 0.

        `interrupts` is the list of :func:`_delay_interrupts`. The run is saved at intervals and at
        the end. With several processes, only rank 0 prints and writes. All processes stop after the
        same training step, and exit after rank 0 has saved.
        """
        run, stopped, was_over = self.run, False, self.run.finished
        sample_every, as_json = self.reporting.sample_every, self.reporting.as_json
        with self._progress_bar() as self._bar:
            try:
                for record in self._new_records:
                    self.records.append(record)
                    self._bar.update(self._per_step)
                    self._bar.set_postfix_str(record.losses, refresh=False)
                    if self.is_rank_0:
                        print_record(
                            run, record, self._bar, sample_every=sample_every, as_json=as_json
                        )
                        self._warn()
                    is_best = record.valid_loss == run.best_loss
                    if record.step % self.reporting.save_every == 0 or is_best:
                        self.save(is_best)
                    if stopped := any_process(bool(interrupts)):
                        break
            except BrokenPipeError:  # nobody reads the output; the run is between two steps
                self.save()
                raise
            except Diverged:
                self.save()
                any_process(False)  # wait until rank 0 has saved
                raise
            self.save()
        interrupted = stopped and not run.finished
        if self.is_rank_0:
            export(self.folder, History(tuple(self.records)))
            print_ending(self.folder, run, interrupted, was_over, as_json=as_json)
        any_process(False)  # wait until rank 0 has saved
        return (interrupts or [signal.SIGINT])[0] if interrupted else 0

    def save(self, best: bool = False) -> None:
        """Save a checkpoint; of several processes, only rank 0 does."""
        if self.is_rank_0:
            write_run(self.folder, self.run, History(tuple(self.records)), self.source, best=best)

    def _warn(self) -> None:
        """Say in one sentence, and only once, what seems to have gone wrong with the learning."""
        fault = find_fault(self.run, self.records, self._tokens_per_character)
        kind, _, sentence = fault.partition(":")
        if sentence and kind not in self._warned:
            self._warned.add(kind)
            self._bar.write(f"charseq: {sentence.strip()}", file=sys.stderr)

    def _progress_bar(self) -> "tqdm[Any]":
        run = self.run
        return tqdm(
            total=run.settings.steps * self._per_step,
            initial=run.step * self._per_step,
            unit="char" if run.vocab.unit == "characters" else "token",
            unit_scale=True,
            # None: show the bar only in a terminal
            disable=None if self.is_rank_0 and not self.reporting.as_json else True,
            leave=False,
        )

    def _say_that_it_measures(self, done: int, to_read: int) -> None:
        say_in_bar(self._bar, done, to_read)


# --- interrupts -----------------------------------------------------------------------------------


@contextmanager
def _delay_interrupts() -> Iterator[list[int]]:
    """Collect the first interrupt, so that a training step, or a save, can be completed.

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
