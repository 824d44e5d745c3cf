"""The command ``charseq``: train, resume, sample, score, shrink, eval, info.

Only typer is imported here. Each command imports what it needs, so that help appears at once.
"""

import math
import os
import signal
import sys
import warnings
from contextlib import nullcontext, suppress
from typing import Annotated, Any

import typer

from charseq._options import Json, RunFolder
from charseq.cli_infer import evaluate_, print_facts, sample, score_, shrink
from charseq.cli_train import resume, train

__all__ = ["main"]

app = typer.Typer(
    name="charseq",
    help="Recurrent networks that read characters.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # importing rich takes longer than the rest of the help
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        from charseq._version import __version__

        print(f"charseq {__version__}")
        raise typer.Exit


@app.callback()
def options_of_all(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Recurrent networks that read characters."""


# Help lists the commands in this order.
app.command()(train)
app.command()(resume)
app.command()(sample)
app.command("score")(score_)
app.command()(shrink)
app.command("eval")(evaluate_)


@app.command()
def info(run: RunFolder, as_json: Json = False) -> None:
    """Show what is in a run folder: its network, settings, text and progress."""
    from statistics import median

    from charseq.checkpoint import history_of, read_saved, weights_of

    _, about, arrays = read_saved(run)
    history, weights = history_of(arrays), weights_of(arrays)
    model, settings, text, step = about["model"], about["settings"], about["text"], about["step"]
    is_short = step < settings["steps"]
    patience, since_best = settings["patience"], about["since_best"]
    facts: dict[str, Any] = {
        "network": f"{model['cell']} {'×'.join([str(model['hidden_size'])] * model['num_layers'])}",
        "parameters": sum(array.size for array in weights.values()),
        "vocabulary": model["vocab_size"],
        "tokens": None if text.get("tokens") == "characters" else text.get("tokens"),
        "text": _names_of_texts(text.get("text")),
        "characters": text.get("characters"),
        "steps": f"{step} of {settings['steps']}",
        "epochs": _count_epochs(about, step),
        "epochs_wanted": _count_epochs(about, settings["steps"]) if is_short else None,
        "ended": (
            f"by patience: {since_best} measurements in a row without a new best loss"
            if is_short and patience is not None and since_best >= patience
            else None
        ),
        "seconds_per_step": round(median(seconds), 6)
        if (seconds := [r.seconds for r in history if not math.isnan(r.seconds)])
        else None,
        "loss": round(history[-1].loss, 4) if len(history) else None,
        "best_valid_bits_per_character": round(about["best_loss"] / math.log(2), 4)
        if about["best_loss"] is not None
        else None,
    }
    facts = {name: value for name, value in facts.items() if value is not None or name == "text"}
    print_facts({**facts, **({"settings": settings} if as_json else {})}, as_json)


def _names_of_texts(text: Any) -> Any:
    return ", ".join(map(str, text)) if isinstance(text, list) else text


def _count_epochs(about: dict[str, Any], step: int) -> float | None:
    """Return how often a run has read the text that it learns from; None if it is unknown."""
    settings, tokens = about["settings"], about["text"].get("train_tokens")
    return tokens and round(step * settings["batch_size"] * settings["length"] / tokens, 4)


def _join_processes_if_any() -> Any:
    """Join the other processes if torchrun has started several. Only then is torch imported."""
    if int(os.environ.get("WORLD_SIZE") or 1) < 2:
        return nullcontext()
    from charseq.processes import join_processes

    return join_processes()


def _show_warning(message: Warning | str, category: type[Warning], *where: Any) -> None:
    """Show a warning of this package in one line, as errors are, and others as ever."""
    if not category.__module__.startswith("charseq"):
        _show_other_warning(message, category, *where)
        return
    from charseq._terminal import escape_line

    print("charseq:", escape_line(message), file=sys.stderr)


_show_other_warning = warnings.showwarning


def _discard_output_if_it_fails() -> None:
    """If what was printed cannot be written, discard it, or Python would try again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """Run the command. Errors that the user can fix end it with one sentence and exit code 1.

    Any other error is a fault of charseq and shows its traceback. So does each error if the
    environment variable ``CHARSEQ_DEBUG`` is set.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the shell has closed it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        with suppress(AttributeError):  # where the encoding lacks a character, show its number
            getattr(sys, name).reconfigure(errors="backslashreplace")
    # Threads that wait for each other should sleep. By default they keep their cores busy, and on a
    # machine that has other work, two of them are ten to fifty times slower than one.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        with _join_processes_if_any(), warnings.catch_warnings():
            warnings.showwarning = _show_warning  # type: ignore[assignment]
            try:
                app(prog_name="charseq")
            finally:
                sys.stdout.flush()  # here its errors can still be explained
    except KeyboardInterrupt:  # typer ends so, too, but it came before or after its part
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        from charseq._errors import explain
        from charseq._terminal import escape_line

        sentence = "" if os.environ.get("CHARSEQ_DEBUG") else explain(error)
        if not sentence:
            raise
        _discard_output_if_it_fails()
        print("error:", escape_line(sentence), file=sys.stderr)
        sys.exit(1)
