"""The command ``charseq``: train, resume, sample, score, shrink, eval, shapes, info.

Only typer is imported here. Each command imports what it needs, so that help appears at once.
"""

import json
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from charseq.vocab import Vocabulary

__all__ = ["main"]

NETWORK_OPTIONS = {  # and how CharRNN calls them
    "cell": "cell",
    "hidden": "hidden_size",
    "layers": "num_layers",
    "embedding": "embedding_size",
    "tied": "tied",
    "forget_bias": "forget_bias",
}
MAX_LAYERS = 1000  # far more than anybody can train, and too few to fill the memory

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


RunFolder = Annotated[str, typer.Argument(help="A run folder, or austen.", show_default=False)]
Text = Annotated[
    str,
    typer.Argument(
        help="A text file, a text such as pride-train, or - for standard input.", show_default=False
    ),
]
SkipUnknown = Annotated[
    bool, typer.Option("--skip-unknown", help="Leave out unknown characters, and count them.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command()
def train(
    context: typer.Context,
    text: Text,
    out: Annotated[Path, typer.Option(help="The run folder to make.")] = Path("run"),
    cell: Annotated[str, typer.Option(help="rnn, gru or lstm.")] = "lstm",
    hidden: Annotated[int, typer.Option(help="Hidden units.")] = 128,
    layers: Annotated[int, typer.Option(help="Stacked layers.", max=MAX_LAYERS)] = 1,
    embedding: Annotated[int, typer.Option(help="Length of embeddings; 0 for one-hot.")] = 0,
    dropout: Annotated[float, typer.Option(help="Share of states set to zero.")] = 0.0,
    tied: Annotated[bool, typer.Option("--tied", help="Tie embedding and output layer.")] = False,
    forget_bias: Annotated[float | None, typer.Option(help="Bias of the forget gate.")] = None,
    steps: Annotated[int, typer.Option(help="Training steps, one update each.")] = 1000,
    batch_size: Annotated[int, typer.Option(help="Texts read side by side.")] = 32,
    length: Annotated[
        int, typer.Option(help="Characters that the gradient goes back through.")
    ] = 64,
    order: Annotated[
        str, typer.Option(help="How the text is read: streams (in order) or windows.")
    ] = "streams",
    optimizer: Annotated[str, typer.Option(help="adamw, adam or sgd.")] = "adamw",
    lr: Annotated[float, typer.Option(help="Largest learning rate.")] = 2e-3,
    momentum: Annotated[float, typer.Option(help="Momentum of SGD.")] = 0.9,
    weight_decay: Annotated[float, typer.Option(help="Weight decay.")] = 0.0,
    schedule: Annotated[str, typer.Option(help="cosine, linear or constant.")] = "cosine",
    warmup: Annotated[int, typer.Option(help="Updates until the rate is largest.")] = 0,
    clip_norm: Annotated[float, typer.Option(help="Largest gradient norm; 0 for no limit.")] = 1.0,
    valid: Annotated[float, typer.Option(help="Share of the text held back to measure on.")] = 0.1,
    evaluate_every: Annotated[int, typer.Option(help="Updates between measurements.")] = 100,
    evaluate_on: Annotated[
        str,
        typer.Option(
            help="Characters to measure on; all, or sample: so many that it takes little time."
        ),
    ] = "sample",
    patience: Annotated[
        int, typer.Option(help="Stop after so many measurements without a new best; 0 for never.")
    ] = 0,
    save_every: Annotated[int, typer.Option(help="Updates between saves.")] = 100,
    sample_every: Annotated[int, typer.Option(help="Updates between samples; 0 for none.")] = 0,
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
    seed: Annotated[int, typer.Option(help="Seed of all random choices.")] = 0,
    as_json: Json = False,
) -> None:
    """Learn from a text and save the run in a folder; you can interrupt it at any time."""
    from charseq.language_model import Settings
    from charseq.trainer import Reporting, train_folder

    reporting = Reporting(save_every, sample_every, as_json)
    settings = Settings(
        steps=steps,
        batch_size=batch_size,
        length=length,
        order=order,
        optimizer=optimizer,
        lr=lr,
        momentum=momentum,
        weight_decay=weight_decay,
        schedule=schedule,
        warmup=warmup,
        clip_norm=clip_norm or None,
        evaluate_every=evaluate_every,
        evaluate_on=int(evaluate_on) if evaluate_on.isdecimal() else evaluate_on,
        patience=patience or None,
        seed=seed,
    )
    options = {
        "hidden_size": hidden,
        "cell": cell.upper(),
        "num_layers": layers,
        "embedding_size": embedding or None,
        "dropout": dropout,
        "tied": tied,
        "forget_bias": forget_bias,
        "seed": seed,
        "fast": not plain,
    }
    if init_from is not None:  # the network is there already, so what was not given is as it was
        given = {"dropout": "dropout", "fast": "plain"} | {
            name: option for option, name in NETWORK_OPTIONS.items()
        }
        options = {
            name: options[name]
            for name, option in given.items()
            if str(getattr(context.get_parameter_source(option), "name", "")) != "DEFAULT"
        }
    with _keep_standard_input(text, out) as source:
        interrupted = train_folder(
            out,
            source,
            options,
            settings,
            valid=valid,
            encoding=encoding,
            init_from=init_from,
            raw=raw,
            reporting=reporting,
        )
    if interrupted:
        raise typer.Exit(128 + interrupted)


@contextmanager
def _keep_standard_input(text: str, out: Path) -> Iterator[str]:
    """If the text is standard input, keep it in the run folder, so that the run can be resumed."""
    if text != "-":
        yield text
        return
    import shutil

    from charseq.texts import open_standard_input

    if (out / "config.json").exists():
        raise FileExistsError(f"{out} holds a run already: choose another folder for a new one")
    is_new, file = not out.exists(), out / "text.txt"
    out.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("xb") as target:
            shutil.copyfileobj(open_standard_input(), target)
        yield str(file)
    finally:
        if not (out / "config.json").exists():  # the run could not begin
            file.unlink(missing_ok=True)
            if is_new:
                with suppress(OSError):
                    out.rmdir()


@app.command()
def resume(
    run: RunFolder,
    save_every: Annotated[int, typer.Option(help="Updates between saves.")] = 100,
    sample_every: Annotated[int, typer.Option(help="Updates between samples; 0 for none.")] = 0,
    steps: Annotated[
        int | None, typer.Option(help="Go on until this training step.", show_default=False)
    ] = None,
    lr: Annotated[
        float | None, typer.Option(help="New largest learning rate.", show_default=False)
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="New patience, which begins anew; 0 for never.", show_default=False),
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="Where the text is now.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Continue a run as if it had never stopped, or for longer, or at another rate."""
    from charseq.trainer import Reporting, resume_folder

    changes: dict[str, Any] = {"steps": steps, "lr": lr}
    changes = {name: value for name, value in changes.items() if value is not None}
    if patience is not None:
        changes["patience"] = patience or None
    reporting = Reporting(save_every, sample_every, as_json)
    if interrupted := resume_folder(Path(run), reporting, text=text, **changes):
        raise typer.Exit(128 + interrupted)


@app.command()
def sample(
    run: RunFolder,
    prompt: Annotated[
        list[str] | None, typer.Option(help="Text to continue; may be given several times.")
    ] = None,
    prompts: Annotated[
        str | None, typer.Option(help="A file of texts to continue, one per line; - for a pipe.")
    ] = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", help="Ask for a text to continue, again and again.")
    ] = False,
    length: Annotated[int, typer.Option(help="Characters to write.")] = 400,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest character.")] = 1.0,
    top_k: Annotated[int, typer.Option(help="Keep the k likeliest; 0 for all.")] = 0,
    top_p: Annotated[
        float, typer.Option(help="Keep the likeliest with this total probability.")
    ] = 1.0,
    stop: Annotated[list[str] | None, typer.Option(help="End the text before this.")] = None,
    streams: Annotated[int, typer.Option(help="Number of texts to write.")] = 1,
    seed: Annotated[int | None, typer.Option(help="The same seed writes the same text.")] = None,
    skip_unknown: SkipUnknown = False,
    last: Annotated[bool, typer.Option("--last", help="Use the latest weights.")] = False,
    as_json: Json = False,
) -> None:
    """Write text with a trained network, without torch."""
    import numpy as np

    from charseq._checks import check_at_least
    from charseq.checkpoint import load_net
    from charseq.sampling import generate_pieces

    check_at_least(0, seed=seed or 0)
    net, vocab = load_net(run, best=not last)
    rng = np.random.default_rng(seed)

    def write(prompt: str | None) -> Iterator[list[str]]:
        return generate_pieces(
            net,
            vocab,
            prompt,
            length=length,
            stop=tuple(stop or ()),
            streams=streams,
            temperature=temperature,
            top_k=top_k or None,
            top_p=None if top_p == 1 else top_p,
            rng=rng,
        )

    def known(text: str) -> str:
        return _known_part("the prompt", text, vocab, skip_unknown)[0]

    with np.errstate(all="ignore"):  # if numbers overflow, one error message replaces the warnings
        if interactive:
            _converse(write, known)
            return
        given = [*(prompt or ()), *(_read_prompts(prompts, vocab) if prompts else ())]
        texts_to_continue: list[str | None] = [*map(known, given)] or [None]
        for number, text in enumerate(texts_to_continue):
            if as_json:
                texts = ["".join(parts) for parts in zip([""] * streams, *write(text), strict=True)]
                print(json.dumps({"prompt": text, "texts": texts}))
                continue
            if number:
                print("-" * 60)
            _print_texts(text or "", write(text))


def _read_prompts(file: str, vocab: "Vocabulary") -> list[str]:
    """Return the lines of a file, or of standard input, that are not empty."""
    from charseq.texts import load_text

    lines = load_text(file, raw="\r" in vocab).split("\n")
    return list(filter(None, lines))


def _converse(
    write: Callable[[str | None], Iterator[list[str]]], known: Callable[[str], str]
) -> None:
    """Ask for a text, continue it, and ask again, until there is no more input."""
    if sys.stdin.isatty():
        with suppress(ImportError):
            import readline  # noqa: F401 - then the arrow keys edit the line and find earlier ones
        print("Type a text to continue, or Ctrl-D to end.", file=sys.stderr)
    while True:
        try:
            text = input("> " if sys.stdin.isatty() else "")
        except (EOFError, KeyboardInterrupt):
            print(file=sys.stderr)
            return
        try:
            text = known(text)
        except ValueError as error:  # a slip in one line doesn't end the conversation
            print("charseq:", error, file=sys.stderr)
            continue
        _print_texts(text, write(text or None))


def _print_texts(prompt: str, pieces: Iterator[list[str]]) -> None:
    """Print texts below each other; of several, the first while they are written."""
    from charseq._terminal import print_text

    others: list[list[str]] = []

    def first_text() -> Iterator[str]:
        before = prompt  # it is printed with the first piece, which may raise an error
        for first, *rest in pieces:
            others.append(rest)
            yield before + first
            before = ""
        yield before

    print_text(first_text())
    for text in zip(*others, strict=True):
        print("-" * 60)
        print_text([prompt, *text])


def _known_part(name: str, text: str, vocab: "Vocabulary", skip: bool) -> tuple[str, int]:
    """Return what a network knows of a text, and how many characters it doesn't.

    Without `skip`, refuse a text with a character that the network does not know.
    """
    from unicodedata import normalize

    known, skipped = vocab.skip_unknown(text)
    if skip and not known:
        raise ValueError(f"the network knows none of the {len(text)} characters of {name}")
    if skip or not skipped:
        return known, sum(skipped.values())
    unknown = text.index(next(iter(skipped)))
    char, hint = text[unknown], "leave it out, or add --skip-unknown"
    for form in ("NFC", "NFD"):
        if all(c in vocab for c in normalize(form, text)):
            hint = f"the network knows it in another encoding, the Unicode form {form}"
    raise ValueError(
        f"{name} has {char!r} (U+{ord(char):04X}) at position {unknown}, which is not among the "
        f"{len(vocab)} characters that this network has learned: {hint}"
    )


@app.command("score")
def score_(
    run: RunFolder,
    text: Annotated[
        str,
        typer.Argument(
            help="A text file, a text such as pride-test, or - for standard input.",
            show_default=False,
        ),
    ],
    worst: Annotated[
        int, typer.Option(help="Only so many lines, the most surprising first; 0 for all.")
    ] = 0,
    by: Annotated[
        str,
        typer.Option(help="mean, or excess: the character that most exceeds what was expected."),
    ] = "mean",
    alone: Annotated[bool, typer.Option("--alone", help="Read each line by itself.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a colored page to this file.")] = None,
    skip_unknown: SkipUnknown = False,
    encoding: Annotated[str, typer.Option(help="Encoding of the text file.")] = "utf-8",
    last: Annotated[bool, typer.Option("--last", help="Use the latest weights.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one line each.")] = False,
) -> None:
    """Say how surprising each line of a text is, in bits per character, without torch."""
    from charseq._checks import check_at_least
    from charseq.checkpoint import load_net
    from charseq.scoring import json_report, most_surprising, score, text_report
    from charseq.texts import load_text

    check_at_least(0, worst=worst)
    net, vocab = load_net(run, best=not last)
    characters = load_text(text, encoding, raw="\r" in vocab)
    if not skip_unknown:
        _known_part("the text", characters, vocab, skip=False)
    scored = score(net, vocab, characters, alone=alone, skip_unknown=skip_unknown)
    if html is not None:
        from charseq.files import write_whole

        write_whole(html, scored.to_html(f"{text}, read by {run}").encode())
        print(f"charseq: the page is in {html}", file=sys.stderr)
        return
    lines = scored.lines()
    if worst:
        lines = most_surprising(lines, worst, by)
    if as_json:
        for part in json_report(scored, lines):
            print(part)
        return
    from charseq._terminal import escape_line

    for row in text_report(lines):
        print(escape_line(row))
    print()
    _print_facts(
        {
            "characters": len(scored),
            **({"skipped": sum(scored.skipped.values())} if scored.skipped else {}),
            "bits_per_character": scored.bits_per_character,
        },
        as_json=False,
    )


@app.command()
def shrink(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    last: Annotated[bool, typer.Option("--last", help="Use the latest weights.")] = False,
) -> None:
    """Copy what a trained network needs in order to write, with weights in float16."""
    from charseq._terminal import escape_line
    from charseq.checkpoint import shrink as shrink_run

    shrink_run(run, out, best=not last)
    name = escape_line(out)
    print(f"the network is in {name}. Next: charseq sample {name}")


@app.command("eval")
def evaluate_(
    run: RunFolder,
    text: Annotated[
        str | None,
        typer.Argument(
            help="A text file, or a text such as pride-test; else what the run has held back.",
            show_default=False,
        ),
    ] = None,
    rows: Annotated[
        int, typer.Option(help="Pieces that the text is cut into: faster, with nearly that result.")
    ] = 1,
    skip_unknown: SkipUnknown = False,
    encoding: Annotated[str, typer.Option(help="Encoding of the text file.")] = "utf-8",
    last: Annotated[bool, typer.Option("--last", help="Use the latest weights.")] = False,
    as_json: Json = False,
) -> None:
    """Measure a trained network on a text, in bits per character and perplexity."""
    from charseq.checkpoint import load_model
    from charseq.corpus import Corpus
    from charseq.language_model import evaluate
    from charseq.texts import load_text
    from charseq.trainer import WARM_UP, load_held_back, measuring_bar

    model, vocab = load_model(run, best=not last)
    skipped = 0
    if text is None:
        corpus = load_held_back(run)
    else:
        characters = load_text(text, encoding, raw="\r" in vocab)
        characters, skipped = _known_part("the text", characters, vocab, skip_unknown)
        corpus = Corpus.from_text(characters, vocab)
    with measuring_bar() as watch:
        loss = evaluate(model, corpus, batch_size=rows, warm_up=WARM_UP, watch=watch)
    results = {
        "characters": len(corpus),
        **({"skipped": skipped} if skip_unknown else {}),
        "loss": loss,
        "bits_per_character": loss / math.log(2),
        "perplexity": math.exp(loss) if loss < 700 else math.inf,
    }
    _print_facts(results, as_json)


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
    from charseq.shapes import LayerShapes

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
    facts: dict[str, Any] = {
        "network": f"{net.cell} {'×'.join([str(net.hidden_size)] * len(net.layers))}",
        "parameters": count_parameters(run),
        "vocabulary": len(vocab),
        "text": config["text"].get("text"),
        "characters": config["text"].get("characters"),
        "steps": f"{step} of {config['settings'].get('steps')}",
        "epochs": _count_epochs(config, step),
    }
    facts = {name: value for name, value in facts.items() if value is not None or name == "text"}
    if seconds := [record.seconds for record in history if not math.isnan(record.seconds)]:
        facts["seconds_per_step"] = round(median(seconds), 6)
    if len(history):
        facts["loss"] = round(float(history.losses[-1]), 4)
    valid_losses = [record.valid_loss for record in history if not math.isnan(record.valid_loss)]
    if valid_losses:
        facts["best_valid_bits_per_character"] = round(min(valid_losses) / math.log(2), 4)
    _print_facts({**facts, **({"settings": config["settings"]} if as_json else {})}, as_json)


def _count_epochs(config: dict[str, Any], step: int) -> float | None:
    """Return how often a run has read the text that it learns from; None if it is unknown."""
    numbers = {**config["settings"], **config["text"]}
    sizes: list[Any] = [
        numbers.get(name) for name in ("batch_size", "length", "characters", "valid")
    ]
    if not all(isinstance(size, (int, float)) for size in sizes):
        return None
    rows, length, characters, valid = sizes
    learned_from = characters - int(characters * valid)
    return round(step * rows * length / learned_from, 2) if learned_from > 0 else None


def _print_facts(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        from charseq.history import json_line

        print(json_line(facts))
        return
    from charseq._terminal import escape_line

    width = max(map(len, facts))
    for name, value in facts.items():
        text = f"{value:.4f}" if isinstance(value, float) else escape_line(value)
        print(f"{name.replace('_', ' '):{width}}  {text}")


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


def main() -> None:
    """Run the command. Errors that the user can fix end it with one sentence and exit code 1.

    Any other error is a fault of charseq and shows its traceback. So does each error if the
    environment variable ``CHARSEQ_DEBUG`` is set.
    """
    try:
        with _join_processes_if_any(), warnings.catch_warnings():
            warnings.showwarning = _show_warning  # type: ignore[assignment]
            app(prog_name="charseq")
    except Exception as error:
        from charseq._errors import explain, in_words_of_the_shell

        sentence = "" if os.environ.get("CHARSEQ_DEBUG") else explain(error)
        if not sentence:
            raise
        sentence = in_words_of_the_shell(sentence, _names_of_options())
    from charseq._terminal import escape_line

    print("charseq:", escape_line(sentence.replace("\n", " ")), file=sys.stderr)
    sys.exit(1)
