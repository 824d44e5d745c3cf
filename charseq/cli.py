"""The command ``charseq``: train, resume, sample, score, shrink, eval, shapes, info.

Only typer is imported here. Each command imports what it needs, so that help appears at once.
"""

import json
import math
import os
import signal
import sys
import warnings
from contextlib import nullcontext
from typing import Annotated, Any

import typer

from charseq._options import MAX_LAYERS, Json, RunFolder
from charseq._usage import Commands
from charseq.cli_infer import evaluate_, print_facts, sample, score_, shrink
from charseq.cli_train import resume, train

__all__ = ["main"]

app = typer.Typer(
    name="charseq",
    cls=Commands,
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
def shapes(
    layer: Annotated[str, typer.Argument(help="rnn, gru or lstm.", show_default=False)],
    input_size: Annotated[int, typer.Argument(help="Features per step.", show_default=False)],
    hidden_size: Annotated[int, typer.Argument(help="Hidden units.", show_default=False)],
    layers: Annotated[int, typer.Option(help="Stacked layers.", max=MAX_LAYERS)] = 1,
    bidirectional: Annotated[
        bool, typer.Option("--bidirectional", help="Read in both directions.")
    ] = False,
    batch_first: Annotated[
        bool, typer.Option("--batch-first", help="Axis 0 is the batch, axis 1 the time.")
    ] = False,
    no_bias: Annotated[bool, typer.Option("--no-bias", help="A layer without biases.")] = False,
    proj_size: Annotated[int, typer.Option(help="Projection of an LSTM; 0 for none.")] = 0,
    batch: Annotated[
        int, typer.Option(help="Sequences in the batch; 0 for one without batch axis.")
    ] = 1,
    length: Annotated[int, typer.Option(help="Time steps.")] = 1,
    as_json: Json = False,
) -> None:
    """Show the shape of every parameter and tensor of a layer."""
    from charseq._checks import check_at_least
    from charseq.shapes import LayerShapes

    check_at_least(0, batch=batch)
    layer_shapes = LayerShapes(
        layer,
        input_size,
        hidden_size,
        num_layers=layers,
        bias=not no_bias,
        batch_first=batch_first,
        bidirectional=bidirectional,
        proj_size=proj_size,
        batch_size=batch or None,
        length=length,
    )
    print(json.dumps(layer_shapes.to_dict()) if as_json else layer_shapes)


@app.command()
def info(run: RunFolder, as_json: Json = False) -> None:
    """Show what is in a run folder: its network, settings, text and progress."""
    from statistics import median

    from charseq.checkpoint import count_parameters, load_net, read_config, read_history

    config = read_config(run)
    net, vocab = load_net(run, best=False)
    history = read_history(run)
    step = history[-1].step if len(history) else 0
    wanted = config["settings"].get("steps")
    is_short = isinstance(wanted, int) and step < wanted
    facts: dict[str, Any] = {
        "network": f"{net.cell} {'×'.join([str(net.hidden_size)] * len(net.layers))}",
        "parameters": count_parameters(run),
        "vocabulary": len(vocab),
        "tokens": config["text"].get("tokens"),
        "text": _names_of_texts(config["text"].get("text")),
        "characters": config["text"].get("characters"),
        "steps": f"{step} of {wanted}",
        "epochs": _count_epochs(config, step),
        "epochs_wanted": _count_epochs(config, wanted) if is_short else None,
        "ended": _explain_patience(run, config, step) if is_short else None,
    }
    facts = {name: value for name, value in facts.items() if value is not None or name == "text"}
    if seconds := [record.seconds for record in history if not math.isnan(record.seconds)]:
        facts["seconds_per_step"] = round(median(seconds), 6)
    if len(history):
        facts["loss"] = round(float(history.losses[-1]), 4)
    valid_losses = [record.valid_loss for record in history if not math.isnan(record.valid_loss)]
    if valid_losses:
        facts["best_valid_bits_per_character"] = round(min(valid_losses) / math.log(2), 4)
    print_facts({**facts, **({"settings": config["settings"]} if as_json else {})}, as_json)


def _names_of_texts(text: Any) -> Any:
    return ", ".join(map(str, text)) if isinstance(text, list) else text


def _explain_patience(run: str, config: dict[str, Any], step: int) -> str | None:
    """Say that a run has run out of patience; None if it has not, or if it cannot be resumed."""
    from pathlib import Path

    from charseq._run_files import read_arrays

    patience, state = config["settings"].get("patience"), Path(run) / f"state-{step}.safetensors"
    if not isinstance(patience, int) or not state.exists():
        return None
    since_best = float(read_arrays(state)[0].get("since_best", 0))
    if not since_best >= patience:  # also NaN
        return None
    return f"by patience: {since_best:.0f} measurements in a row without a new best loss"


def _count_epochs(config: dict[str, Any], step: int) -> float | None:
    """Return how often a run has read the text that it learns from; None if it is unknown."""
    numbers = {**config["settings"], **config["text"]}
    sizes: list[Any] = [
        numbers.get(name) for name in ("batch_size", "length", "characters", "valid")
    ]
    if not all(isinstance(size, (int, float)) for size in sizes):
        return None
    rows, length, characters, valid = sizes
    learned_from = numbers.get("train_tokens") or characters - int(characters * valid)
    return round(step * rows * length / learned_from, 4) if learned_from > 0 else None


def _join_processes_if_any() -> Any:
    """Join the other processes if torchrun has started several. Only then is torch imported."""
    if int(os.environ.get("WORLD_SIZE") or 1) < 2:
        return nullcontext()
    from charseq.processes import join_processes

    return join_processes()


def _names_of_options() -> dict[str, str]:
    """Map each argument of the command that was given to what the shell calls it."""
    commands: dict[str, Any] = getattr(typer.main.get_command(app), "commands", {})
    command = commands.get(next(iter(sys.argv[1:]), ""))
    return {
        parameter.name: next(
            (o for o in parameter.opts if o.startswith("--")), parameter.name.upper()
        )
        for parameter in (command.params if command else ())
    }


def _show_warning(message: Warning | str, category: type[Warning], *where: Any) -> None:
    """Show a warning of this package in one line, as errors are, and others as ever."""
    if not category.__module__.startswith("charseq"):
        _show_other_warning(message, category, *where)
        return
    from charseq._terminal import escape_line

    # The other commands keep them where the network knows them.
    advice = ": --raw keeps them" if "train" in sys.argv[1:2] else ""
    sentence = str(message).replace(": raw=True keeps them", advice)
    print("charseq:", escape_line(sentence), file=sys.stderr)


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
        from charseq._errors import explain, in_words_of_the_shell

        sentence = "" if os.environ.get("CHARSEQ_DEBUG") else explain(error)
        if not sentence:
            raise
        options = _names_of_options()
        if type(error).__name__ != "RunFolderError":  # a file calls settings as Python does
            sentence = in_words_of_the_shell(sentence, options)
        elif "best.safetensors is damaged" in sentence and "last" in options:
            latest = "; add --last to use the latest weights, put back"
            sentence = sentence.replace("; put back", latest)
        _discard_output_if_it_fails()
    from charseq._terminal import escape_line

    print("charseq:", escape_line(sentence.replace("\n", " ")), file=sys.stderr)
    sys.exit(1)
