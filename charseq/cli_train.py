"""The commands that train: train and resume.

Only typer is imported here. Each command imports what it needs, so that help appears at once.
"""

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from charseq._errors import UserError
from charseq._options import MAX_LAYERS, Device, Json, Threads

__all__: list[str] = []  # only the rest of the command uses it

NETWORK_OPTIONS = {  # and how CharRNN calls them
    "cell": "cell",
    "hidden": "hidden_size",
    "layers": "num_layers",
    "embedding": "embedding_size",
    "dropout": "dropout",
    "tied": "tied",
    "forget_bias": "forget_bias",
    "seed": "seed",
    "plain": "fast",
}
FOR_TRAIN_FOLDER = ("valid", "encoding", "init_from", "raw", "tokens", "threads")

Texts = Annotated[
    list[str],
    typer.Argument(
        help="A text file, or several, or a folder; a built-in text such as pride-train; or - for "
        "standard input.",
        show_default=False,
    ),
]


def train(
    context: typer.Context,
    text: Texts,
    out: Annotated[Path, typer.Option(help="The run folder to make.")] = Path("run"),
    cell: Annotated[
        Literal["rnn", "gru", "lstm"], typer.Option(help="Kind of layer.", case_sensitive=False)
    ] = "lstm",
    hidden: Annotated[int, typer.Option(help="Hidden units.", min=1)] = 128,
    layers: Annotated[int, typer.Option(help="Stacked layers.", min=1, max=MAX_LAYERS)] = 1,
    tokens: Annotated[
        str | None,
        typer.Option(
            help="characters, or bpe:N: pieces of words, made by N merges; add --embedding.",
            show_default="characters",
        ),
    ] = None,
    embedding: Annotated[int, typer.Option(help="Length of embeddings; 0 for one-hot.", min=0)] = 0,
    dropout: Annotated[float, typer.Option(help="Share of states set to zero.")] = 0.0,
    tied: Annotated[bool, typer.Option("--tied", help="Tie embedding and output layer.")] = False,
    forget_bias: Annotated[float | None, typer.Option(help="Bias of the forget gate.")] = None,
    steps: Annotated[int, typer.Option(help="Training steps, one update each.", min=1)] = 1000,
    batch_size: Annotated[int, typer.Option(help="Texts read side by side.", min=1)] = 32,
    length: Annotated[
        int, typer.Option(help="Characters that the gradient goes back through.", min=1)
    ] = 64,
    order: Annotated[
        Literal["streams", "windows"], typer.Option(help="Read the text in order, or in places.")
    ] = "streams",
    optimizer: Annotated[
        Literal["adamw", "adam", "sgd"], typer.Option(help="Optimizer.")
    ] = "adamw",
    lr: Annotated[float, typer.Option(help="Largest learning rate.")] = 2e-3,
    momentum: Annotated[
        float | None, typer.Option(help="Momentum of SGD.", show_default="0.9")
    ] = None,
    weight_decay: Annotated[float, typer.Option(help="Weight decay.")] = 0.0,
    schedule: Annotated[
        Literal["cosine", "linear", "constant"], typer.Option(help="How the rate falls.")
    ] = "cosine",
    warmup: Annotated[int, typer.Option(help="Updates until the rate is largest.", min=0)] = 0,
    clip_norm: Annotated[
        float, typer.Option(help="Largest gradient norm; 0 for no limit.", min=0)
    ] = 1.0,
    valid: Annotated[float, typer.Option(help="Share of the text held back to measure on.")] = 0.1,
    evaluate_every: Annotated[int, typer.Option(help="Updates between measurements.", min=0)] = 100,
    evaluate_on: Annotated[
        str,
        typer.Option(
            help="Characters to measure on; all, or sample: so many that it takes little time."
        ),
    ] = "sample",
    patience: Annotated[
        int,
        typer.Option(help="Stop after so many measurements without a new best; 0: never.", min=0),
    ] = 0,
    save_every: Annotated[int, typer.Option(help="Updates between saves.", min=1)] = 100,
    sample_every: Annotated[
        int, typer.Option(help="Updates between samples; 0 for none.", min=0)
    ] = 0,
    encoding: Annotated[str, typer.Option(help="Encoding of the text file.")] = "utf-8",
    raw: Annotated[
        bool, typer.Option("--raw", help="Keep a byte order mark and carriage returns.")
    ] = False,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="Use PyTorch's own layers; the default is often faster."),
    ] = False,
    init_from: Annotated[
        str | None,
        typer.Option(
            help="A run folder, or austen: start with its network; the vocabulary may grow."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of all random choices.", min=0)] = 0,
    device: Device = "cpu",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Learn from a text and save the run in a folder; you can interrupt it at any time."""
    from charseq.settings import Settings
    from charseq.trainer import Reporting, train_folder

    if momentum is not None and optimizer != "sgd":
        raise UserError(f"--momentum is for --optimizer sgd, got {optimizer}")
    where, given = _take_device(device), context.params
    settings = {field.name: given[field.name] for field in fields(Settings)}
    settings |= {"clip_norm": clip_norm or None, "patience": patience or None}
    settings["momentum"] = Settings.momentum if momentum is None else momentum
    settings["evaluate_on"] = int(evaluate_on) if evaluate_on.isdecimal() else evaluate_on
    network = {argument: given[name] for name, argument in NETWORK_OPTIONS.items()}
    network |= {"embedding_size": embedding or None, "fast": not plain}
    network["cell"] = cell.upper()
    interrupted = train_folder(
        out,
        text,
        network if init_from is None else _only_given(network, context),
        Settings(**settings),
        **{name: given[name] for name in FOR_TRAIN_FOLDER},
        device=where,
        reporting=Reporting(save_every, sample_every, as_json),
    )
    _exit_after(interrupted)


def _take_device(name: str) -> Any:
    from charseq._devices import take_device

    return take_device(name)


def _exit_after(interrupted: int) -> None:
    """End with the exit code of a process that the signal has ended, if there was one."""
    if interrupted:
        raise typer.Exit(128 + interrupted)


def _only_given(network: dict[str, Any], context: typer.Context) -> dict[str, Any]:
    """Return those options of a network that the user has given, and that a trained one may get.

    The network is there already, so what was not given is as it was.
    """
    return {
        argument: network[argument]
        for name, argument in NETWORK_OPTIONS.items()
        if name != "seed"
        and str(getattr(context.get_parameter_source(name), "name", "")) != "DEFAULT"
    }


def resume(
    run: Annotated[str, typer.Argument(help="A run folder.", show_default=False)],
    save_every: Annotated[int, typer.Option(help="Updates between saves.", min=1)] = 100,
    sample_every: Annotated[
        int, typer.Option(help="Updates between samples; 0 for none.", min=0)
    ] = 0,
    steps: Annotated[
        int | None,
        typer.Option(help="Go on until this training step.", min=1, show_default=False),
    ] = None,
    lr: Annotated[
        float | None, typer.Option(help="New largest learning rate.", show_default=False)
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="New patience, which begins anew; 0: never.", min=0, show_default=False),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(
            help="Where the text is now; of several files, once for each.", show_default=False
        ),
    ] = None,
    device: Device = "cpu",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Continue a run as if it had never stopped, or for longer, or at another rate."""
    from charseq.trainer import Reporting, resume_folder

    where = _take_device(device)
    changes: dict[str, Any] = {"steps": steps, "lr": lr}
    changes = {name: value for name, value in changes.items() if value is not None}
    if patience is not None:
        changes["patience"] = patience or None
    reporting = Reporting(save_every, sample_every, as_json)
    interrupted = resume_folder(
        Path(run), reporting, text=text, device=where, threads=threads, **changes
    )
    _exit_after(interrupted)
