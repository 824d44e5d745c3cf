"""Training a run in a folder: it loads the text, trains, saves, reports and stops cleanly."""

import copy
import math
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import fmean, median
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
    facts_of,
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
from charseq.monitor import (
    export,
    find_fault,
    print_beginning,
    print_ending,
    print_event,
    print_record,
)
from charseq.processes import any_process, from_rank_0, rank_and_world_size, use_threads
from charseq.settings import PASSES, Settings, recipe
from charseq.tokens import name_of_tokens
from charseq.training import Diverged

TRIAL = 100  # the most steps that are timed before a run

__all__ = ["Reporting", "load_held_back", "resume_folder", "train_folder"]


@dataclass(frozen=True)
class Reporting:
    """How often a run is saved, what it prints, and who is told.

    Parameters
    ----------
    save_every : int, default=100
        Training steps from one save to the next.
    as_json : bool, default=False
        Whether to print each record as a line of JSON, and nothing else.
    callback : callable, optional
        Called with each :class:`charseq.UpdateRecord`.

    Raises
    ------
    ValueError
        If `save_every` is below 1.
    """

    save_every: int = 100
    as_json: bool = False
    callback: Callable[[UpdateRecord], Any] | None = None

    def __post_init__(self) -> None:
        check_integers(1, save_every=self.save_every)


def train_folder(
    folder: Path,
    text: str | Sequence[str],
    options: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    *,
    minutes: float = 5.0,
    valid: float = 0.1,
    encoding: str = "utf-8",
    init_from: str | None = None,
    raw: bool = False,
    tokens: str | None = None,
    device: str | torch.device = "cpu",
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
    options : dict, optional
        Options of :class:`charseq.CharRNN`; :func:`charseq.settings.recipe` chooses the others.
        With `init_from`, those that differ from the options of that run; only ``dropout`` and
        ``fast`` may.
    settings : dict, optional
        Values of :class:`charseq.Settings`; the recipe chooses the others.
    minutes : float, default=5.0
        How long to train, if the settings have no ``steps``: a short trial says how many there are
        in that time, but no more than read the text 40 times.
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
    options, given, reporting = options or {}, settings or {}, reporting or Reporting()
    if not 0 <= valid < 1:
        raise UserError(
            f"valid must be at least 0 and below 1, got {valid}; it is a share, and 0.1 is 10 %"
        )
    if not 0 < minutes < math.inf:
        raise UserError(f"minutes must be positive and finite, got {minutes}")
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
        vocab, size = parts[0].vocab, len(parts[0])
        network, chosen = recipe(size, *filter(None, [given.get("steps")]))
        first = Settings(**{**chosen, **given})
        if trained is None:
            model = CharRNN(**{"vocab_size": len(vocab), **network, **options})
        else:
            model = known_model(trained, options, vocab, first)
        source |= fingerprint("".join(texts))
        source |= {"tokens": name_of_tokens(vocab), "train_tokens": size}
        model.to(device)
        with use_threads(model, first.batch_size):
            per_step = None
            if "steps" not in given:
                per_step = _time_a_step(model, parts[0], first)
                most = PASSES * size // (first.batch_size * first.length)
                steps = max(1, min(most, int(60 * minutes / per_step)))
                given = {**given, "steps": steps}
                _, chosen = recipe(size, steps)
            run = Run(model, vocab, Settings(**{**chosen, **given}))
            if source["text"] == "-":  # keep it, so that the run can be resumed
                source |= {"text": str(folder / KEPT), "encoding": "utf-8", "raw": True}
                with explain_write_errors(folder):
                    write_whole(folder / KEPT, "".join(texts).encode())
            typed, source["text"] = source["text"], locate(source["text"])  # from whatever folder
            training = _Training(folder, run, (), parts, source, reporting)
            own = [
                "block_size" if name == "length" else name
                for name in (*options, *given)
                if name not in ("seed", "steps", "evaluate_every")
            ]
            with _delay_interrupts() as interrupts:
                training.save()
                training.introduce(typed, own, per_step and per_step * run.settings.steps / 60)
                return training.train_and_save(interrupts)


def _time_a_step(model: CharRNN, train: Corpus, settings: Settings) -> float:
    """Train a copy for about two seconds; return the seconds of a step, and a tenth to measure."""
    trial = Run(copy.deepcopy(model), train.vocab, settings)
    seconds: list[float] = []
    for record in islice(language_model_steps(trial, train), TRIAL):
        seconds.append(record.seconds)
        if any_process(sum(seconds) > 2):
            break
    return from_rank_0(lambda: 1.1 * max(median(seconds[len(seconds) // 2 :]), 1e-6))


def resume_folder(
    folder: Path,
    reporting: Reporting | None = None,
    *,
    text: str | Sequence[str] | None = None,
    device: str | torch.device = "cpu",
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
        Where the text of the run is now, if it has moved.
    device : str or torch.device, default="cpu"
        Where to train, as in :func:`train_folder`.
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
        run.model.to(device)
        if changes.get("steps", run.step) < run.step:
            raise UserError(
                f"steps={changes['steps']} is too few: it counts from the start of the run, which "
                f"has made {run.step} already, so give more (steps={run.step + 10} makes 10 more)"
            )
        if {"steps", "patience"} & changes.keys():
            run.since_best = 0
        training = _Training(folder, run, history, parts, source, reporting or Reporting())
        with _delay_interrupts() as interrupts, use_threads(run.model, run.settings.batch_size):
            if changes or text:
                training.save()
            training.introduce(source["text"])
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
        self.folder, self.run, self.parts, self.source = folder, run, parts, source
        self.records, self.reporting = list(earlier_records), reporting
        self.is_rank_0 = rank_and_world_size()[0] == 0
        self._warned: set[str] = set()
        train = parts[0]
        self._tokens_per_character = len(train) / train.vocab.count_characters(train.ids)
        self._new_records = language_model_steps(run, *parts)

    def introduce(self, text: str | list[str], *choice: Any) -> None:
        """Say what is trained, on what, and for how long."""
        if self.is_rank_0 and self.reporting.as_json:
            print_event("start", facts_of(self.folder))
        elif self.is_rank_0 and not self.run.finished:
            print_beginning(self.run, {**self.source, "text": text}, self.parts, *choice)

    def train_and_save(self, interrupts: list[int]) -> int:
        """Train until the run is finished or interrupted, and return the signal, or 0.

        `interrupts` is the list of :func:`_delay_interrupts`. The run is saved at intervals and at
        the end. With several processes, only rank 0 prints and writes. All processes stop after the
        same training step, and exit after rank 0 has saved.
        """
        run, stopped, was_over, valid = self.run, False, self.run.finished, ""
        with self._progress_bar() as self._bar:
            try:
                for record in self._new_records:
                    self.records.append(record)
                    self._bar.update()
                    bits = fmean(r.loss for r in self.records[-50:]) / math.log(2)
                    if not math.isnan(record.valid_loss):
                        valid = f", valid {record.valid_loss / math.log(2):.3f}"
                    self._bar.set_postfix_str(f"bits {bits:.3f}{valid}", refresh=False)
                    if self.is_rank_0:
                        print_record(record, self._bar, as_json=self.reporting.as_json)
                        self._warn()
                    if self.reporting.callback is not None:
                        self.reporting.callback(record)
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
            how = "interrupted" if interrupted else "over already" if was_over else "finished"
            print_ending(self.folder, run, self.parts, how, as_json=self.reporting.as_json)
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
        return tqdm(
            total=self.run.settings.steps,
            initial=self.run.step,
            bar_format="{l_bar}{bar}| {n}/{total} updates [{elapsed}<{remaining}{postfix}]",
            # None: show the bar only in a terminal
            disable=None if self.is_rank_0 and not self.reporting.as_json else True,
            leave=False,
        )


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
