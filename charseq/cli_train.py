"""The commands that train: train and resume.

Only typer is imported here. Each command imports what it needs, so that help appears at once.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from charseq._errors import UserError
from charseq._options import Device, Json, option

__all__: list[str] = []  # only the rest of the command uses it

Count: TypeAlias = int | None
Share: TypeAlias = float | None
Text: TypeAlias = str | None
NETWORK = ("cell", "hidden_size", "num_layers", "embedding_size", "dropout", "seed")
SETTINGS = {  # and how Settings calls them
    "steps": "steps",
    "eval_interval": "evaluate_every",
    "lr": "lr",
    "batch_size": "batch_size",
    "block_size": "length",
    "seed": "seed",
}
LARGE = 10_000_000  # bytes that take a second or more to read

Texts = Annotated[
    list[str],
    typer.Argument(
        help="A text file, or several, or a folder; a built-in text such as pride-train; or - for "
        "standard input.",
        show_default=False,
    ),
]
HAVE, LONG, WHERE = "What you have", "How long", "Where"
NETWORK_ = "The network (by default, the length of the text decides)"
TRAINING = "The training (likewise)"


def train(
    context: typer.Context,
    text: Texts,
    valid: Annotated[float, option("Share of the text to measure on.", HAVE)] = 0.1,
    encoding: Annotated[str, option("Encoding of the text file.", HAVE)] = "utf-8",
    tokens: Annotated[Text, option("characters, or bpe:N for pieces of words.", HAVE)] = None,
    init_from: Annotated[Text, option("Start with this run's network, or austen.", HAVE)] = None,
    minutes: Annotated[Share, option("How long; 5 unless you give --steps.", LONG)] = None,
    steps: Annotated[Count, option("So many updates instead.", LONG, min=1)] = None,
    eval_interval: Annotated[Count, option("Updates between measurements.", LONG, min=0)] = None,
    cell: Annotated[Text, option("rnn, gru or lstm.", NETWORK_)] = None,
    hidden_size: Annotated[Count, option("Hidden units.", NETWORK_, min=1)] = None,
    num_layers: Annotated[Count, option("Stacked layers.", NETWORK_, min=1, max=1000)] = None,
    embedding_size: Annotated[Count, option("Embedding; 0: one-hot.", NETWORK_, min=0)] = None,
    dropout: Annotated[Share, option("Share of states set to zero.", NETWORK_)] = None,
    lr: Annotated[Share, option("Largest learning rate.", TRAINING)] = None,
    batch_size: Annotated[Count, option("Texts read side by side.", TRAINING, min=1)] = None,
    block_size: Annotated[Count, option("Characters read per update.", TRAINING, min=1)] = None,
    seed: Annotated[int, option("Seed of all random choices.", TRAINING, min=0)] = 0,
    out: Annotated[Path, option("The run folder to make.", WHERE)] = Path("run"),
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Learn from a text and save the run in a folder; you can interrupt it at any time."""
    given = {name: value for name, value in context.params.items() if value is not None}
    if "minutes" in given and "steps" in given:
        raise UserError("--minutes and --steps both say how long: leave one of them out")
    _say_that_it_reads(text)
    from charseq.trainer import Reporting, train_folder

    network = {name: given[name] for name in NETWORK if name in given}
    network |= {"cell": cell.upper()} if cell else {}
    network |= {"embedding_size": None} if embedding_size == 0 else {}
    if init_from is not None:  # the network is there already
        del network["seed"]
    stopped_by = train_folder(
        out,
        text,
        network,
        {SETTINGS[name]: given[name] for name in SETTINGS if name in given},
        minutes=minutes if minutes is not None else 5,
        valid=valid,
        encoding=encoding,
        init_from=init_from,
        tokens=tokens,
        device=device,
        reporting=Reporting(as_json=as_json),
    )
    _exit_after(stopped_by)


def _say_that_it_reads(text: list[str]) -> None:
    """Say at once that texts are read, before torch is, if there is somebody to see it or much."""
    files = [name for name in text if os.path.isfile(name)]  # noqa: PTH113 - never raises
    size = sum(map(os.path.getsize, files))
    if files and (size > LARGE or sys.stderr.isatty()):
        from charseq._terminal import escape_line

        names = escape_line(", ".join(files))
        print(f"charseq: reading {names}, {size / 1e6:.1f} MB", file=sys.stderr, flush=True)


def _exit_after(interrupted: int) -> None:
    """End with the exit code of a process that the signal has ended, if there was one."""
    if interrupted:
        raise typer.Exit(128 + interrupted)


def resume(
    run: Annotated[str, typer.Argument(help="A run folder.", show_default=False)],
    steps: Annotated[Count, option("Go on until this training step.", LONG, min=1)] = None,
    lr: Annotated[Share, option("New largest learning rate.", TRAINING)] = None,
    text: Annotated[
        list[str] | None, option("Where the text is now; of several files, each.", HAVE)
    ] = None,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Continue a run as if it had never stopped, or for longer, or at another rate."""
    from charseq.trainer import Reporting, resume_folder

    changes: dict[str, Any] = {"steps": steps, "lr": lr}
    changes = {name: value for name, value in changes.items() if value is not None}
    reporting = Reporting(as_json=as_json)
    _exit_after(resume_folder(Path(run), reporting, text=text, device=device, **changes))
