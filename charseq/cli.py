"""The command ``charseq``: train, resume, sample, score, export, eval, info, compare.

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

from charseq._options import InGroups, Json, RunFolder
from charseq.cli_infer import evaluate_, export, print_facts, sample, score_
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
app.command(cls=InGroups)(train)
app.command(cls=InGroups)(resume)
app.command()(sample)
app.command("score")(score_)
app.command()(export)
app.command("eval")(evaluate_)


@app.command()
def info(run: RunFolder, as_json: Json = False) -> None:
    """Show what is in a run folder: its network, text, progress and settings."""
    from charseq.checkpoint import facts_of

    print_facts(facts_of(run), as_json)


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(help="Run folders.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Compare runs in a table, the best first."""
    from charseq._terminal import escape_line
    from charseq.checkpoint import facts_of
    from charseq.history import json_line

    rows = [{"run": run, **facts_of(run)} for run in runs]
    rows.sort(key=lambda row: row["bits_per_character"] or math.inf)
    if as_json:
        print("\n".join(map(json_line, rows)))
        return
    names = ["run", "cell", "hidden_size", "num_layers", "parameters", "step", "epochs", "minutes"]
    names.append("bits_per_character")
    table = [names, *([escape_line(row[name]) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(map(str.ljust, line, widths)).rstrip())


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
