"""The command ``charseq``: train, resume, sample, eval, shapes, info.

Only typer is imported here; each command loads what it needs, so that help comes at once.
"""

import json
import math
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["main"]

MOST_LAYERS = 1000  # far more than can be trained, and far fewer than fill the memory unnoticed

app = typer.Typer(
    name="charseq",
    help="Recurrent networks that read characters.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # rich would cost more time than the help itself
    pretty_exceptions_enable=False,
)

RunFolder = Annotated[Path, typer.Argument(help="A run folder.", show_default=False)]
Text = Annotated[
    str,
    typer.Argument(
        help="A text file, or python-reference, unicode-names or time-zones.", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command()
def train(
    text: Text,
    out: Annotated[Path, typer.Option(help="The run folder to make.")] = Path("run"),
    cell: Annotated[str, typer.Option(help="rnn, gru or lstm.")] = "lstm",
    hidden: Annotated[int, typer.Option(help="Hidden units.")] = 128,
    layers: Annotated[int, typer.Option(help="Stacked layers.", max=MOST_LAYERS)] = 1,
    embedding: Annotated[int, typer.Option(help="Embedding features; 0 for one-hot.")] = 0,
    dropout: Annotated[float, typer.Option(help="Share of states set to zero.")] = 0.0,
    tied: Annotated[bool, typer.Option("--tied", help="Tie embedding and output layer.")] = False,
    forget_bias: Annotated[float | None, typer.Option(help="Of an LSTM's forget gate.")] = None,
    steps: Annotated[int, typer.Option(help="Updates of the weights.")] = 1000,
    batch_size: Annotated[int, typer.Option(help="Texts read side by side.")] = 32,
    length: Annotated[int, typer.Option(help="Characters the gradient goes back through.")] = 64,
    order: Annotated[str, typer.Option(help="streams (state carried) or windows.")] = "streams",
    optimizer: Annotated[str, typer.Option(help="adamw, adam or sgd.")] = "adamw",
    lr: Annotated[float, typer.Option(help="Largest learning rate.")] = 2e-3,
    momentum: Annotated[float, typer.Option(help="Of SGD.")] = 0.9,
    weight_decay: Annotated[float, typer.Option(help="Of the optimizer.")] = 0.0,
    schedule: Annotated[str, typer.Option(help="cosine, linear or constant.")] = "cosine",
    warmup: Annotated[int, typer.Option(help="Steps over which the rate grows.")] = 0,
    clip_norm: Annotated[float, typer.Option(help="Longest gradient; 0 for no limit.")] = 1.0,
    valid: Annotated[float, typer.Option(help="Share of the text held back to measure on.")] = 0.1,
    evaluate_every: Annotated[int, typer.Option(help="Steps between measurements.")] = 100,
    patience: Annotated[int, typer.Option(help="Measurements without a best; 0: no limit.")] = 0,
    save_every: Annotated[int, typer.Option(help="Steps between two saves.")] = 100,
    sample_every: Annotated[int, typer.Option(help="Steps between samples; 0 for none.")] = 0,
    encoding: Annotated[str, typer.Option(help="Of the text file.")] = "utf-8",
    plain: Annotated[
        bool,
        typer.Option(
            "--plain", help="Use torch's own layers; the default computes the same faster."
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="What all chance derives from.")] = 0,
    as_json: Json = False,
) -> None:
    """Learn from a text and keep the run in a folder; interrupt it when you like."""
    from charseq.checkpoint import start_folder
    from charseq.model import CharRNN
    from charseq.training import Run, Settings, language_model_steps, process

    _at_least_1(save_every=save_every)
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
        patience=patience or None,
        seed=seed,
    )
    source = {"text": _placed(text), "encoding": encoding, "valid": valid}
    corpus, pieces = _pieces(source)
    source |= {"characters": len(corpus), "sha256": _sha256(corpus)}
    _refuse_beyond_memory(cell.upper(), len(corpus.vocab), hidden, layers, embedding)
    model = CharRNN(
        len(corpus.vocab),
        hidden,
        cell=cell.upper(),
        num_layers=layers,
        embedding_size=embedding or None,
        dropout=dropout,
        tied=tied,
        forget_bias=forget_bias,
        seed=seed,
        fast=not plain,
    )
    run = Run(model, corpus.vocab, settings)
    todo = language_model_steps(run, *pieces)  # refuses a text that is too short
    if process()[0] == 0:
        start_folder(out, run, source)
    _train(out, run, (), todo, save_every, sample_every, as_json)


@app.command()
def resume(
    run: RunFolder,
    save_every: Annotated[int, typer.Option(help="Steps between two saves.")] = 100,
    sample_every: Annotated[int, typer.Option(help="Steps between samples; 0 for none.")] = 0,
    as_json: Json = False,
) -> None:
    """Go on with a run as if it had never stopped."""
    from charseq.checkpoint import load_run
    from charseq.training import language_model_steps

    _at_least_1(save_every=save_every)
    loaded, history = load_run(run)
    source = _source_of(run)
    corpus, pieces = _pieces(source)
    if corpus.vocab != loaded.vocab or len(corpus) != source["characters"]:
        raise ValueError(
            f"{source['text']} is not the text that this run learns from: it has {len(corpus)} "
            f"characters, {len(corpus.vocab)} of them different, and the run was started on "
            f"{source['characters']} and {len(loaded.vocab)}"
        )
    if source.get("sha256", digest := _sha256(corpus)) != digest:  # older folders have none
        raise ValueError(
            f"{source['text']} is not the text that this run learns from: it has as many "
            "characters as that, but not the same"
        )
    todo = language_model_steps(loaded, *pieces)
    _train(run, loaded, history.records, todo, save_every, sample_every, as_json)


@app.command()
def sample(
    run: RunFolder,
    prompt: Annotated[str | None, typer.Option(help="Text to go on from.")] = None,
    length: Annotated[int, typer.Option(help="Characters to write.")] = 400,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest.")] = 1.0,
    top_k: Annotated[int, typer.Option(help="Keep the k likeliest; 0 for all.")] = 0,
    top_p: Annotated[float, typer.Option(help="Keep the likeliest of this sum.")] = 1.0,
    stop: Annotated[list[str] | None, typer.Option(help="End where this begins.")] = None,
    streams: Annotated[int, typer.Option(help="Texts to write.")] = 1,
    seed: Annotated[int | None, typer.Option(help="The same seed, the same text.")] = None,
    last: Annotated[bool, typer.Option("--last", help="Last weights, not the best.")] = False,
    as_json: Json = False,
) -> None:
    """Write text with a trained network; torch is not needed."""
    import numpy as np

    from charseq.checkpoint import load_net
    from charseq.sampling import generate

    net, vocab = load_net(run, best=not last)
    with np.errstate(all="ignore"):  # a net that has grown out of bounds is refused in one sentence
        texts = generate(
            net,
            vocab,
            prompt,
            length=length,
            stop=tuple(stop or ()),
            streams=streams,
            temperature=temperature,
            top_k=top_k or None,
            top_p=None if top_p == 1 else top_p,
            rng=np.random.default_rng(seed),
        )
    if as_json:
        print(json.dumps({"prompt": prompt, "texts": texts}))
        return
    for number, text in enumerate(texts):
        print("-" * 60 + "\n" if number else "", end="")
        print((prompt or "") + text)


@app.command("eval")
def evaluate_(
    run: RunFolder,
    text: Text,
    encoding: Annotated[str, typer.Option(help="Of the text file.")] = "utf-8",
    last: Annotated[bool, typer.Option("--last", help="Last weights, not the best.")] = False,
    as_json: Json = False,
) -> None:
    """Measure a trained network on a text, in bits a character and perplexity."""
    from charseq.checkpoint import load_model
    from charseq.corpus import Corpus, load_text
    from charseq.training import evaluate

    model, vocab = load_model(run, best=not last)
    corpus = Corpus.from_text(load_text(text, encoding), vocab)
    loss = evaluate(model, corpus)
    measured = {
        "characters": len(corpus),
        "loss": loss,
        "bits_per_character": loss / math.log(2),
        "perplexity": math.exp(loss) if loss < 700 else math.inf,
    }
    _show(measured, as_json)


@app.command()
def shapes(
    layer: Annotated[str, typer.Argument(help="rnn, gru or lstm.", show_default=False)],
    input_size: Annotated[int, typer.Argument(help="Features of a step.", show_default=False)],
    hidden_size: Annotated[int, typer.Argument(help="Hidden units.", show_default=False)],
    layers: Annotated[int, typer.Option(help="Stacked layers.", max=MOST_LAYERS)] = 1,
    bidirectional: Annotated[bool, typer.Option("--bidirectional")] = False,
    batch_first: Annotated[bool, typer.Option("--batch-first")] = False,
    no_bias: Annotated[bool, typer.Option("--no-bias")] = False,
    proj_size: Annotated[int, typer.Option(help="Of an LSTM; 0 for none.")] = 0,
    batch: Annotated[int, typer.Option(help="Sequences; 0 for one without batch axis.")] = 1,
    length: Annotated[int, typer.Option(help="Time steps.")] = 1,
    as_json: Json = False,
) -> None:
    """Show the shape of every parameter and tensor of a layer."""
    from charseq.shapes import LayerShapes

    found = LayerShapes(
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
    print(json.dumps(found.to_dict()) if as_json else found)


@app.command()
def info(run: RunFolder, as_json: Json = False) -> None:
    """Say what is in a run folder: network, settings, text, and how far it is."""
    from charseq.checkpoint import load_net, read_config, read_history

    config = read_config(run)
    net, vocab = load_net(run, best=False)
    history = read_history(run)
    facts: dict[str, Any] = {
        "network": f"{net.cell} {'×'.join([str(net.hidden_size)] * len(net.layers))}",
        "vocabulary": len(vocab),
        "text": config["text"].get("text"),
        "steps": f"{len(history)} of {config['settings'].get('steps')}",
    }
    if len(history):
        facts["loss"] = round(float(history.losses[-1]), 4)
    measured = [record.valid_loss for record in history if not math.isnan(record.valid_loss)]
    if measured:
        facts["best_valid_bits_per_character"] = round(min(measured) / math.log(2), 4)
    _show({**facts, **({"settings": config["settings"]} if as_json else {})}, as_json)


def _show(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(_finite(facts)))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        shown = f"{value:.4f}" if isinstance(value, float) else value
        print(f"{name.replace('_', ' '):{width}}  {shown}")


def _pieces(source: dict[str, Any]) -> tuple[Any, tuple[Any, Any]]:
    """Load the text of a run; return it whole, and what to learn from and to measure on."""
    from charseq.corpus import Corpus, load_text, texts

    if source["text"] in texts():
        corpus = Corpus.from_text(load_text(source["text"]))
    else:
        corpus = Corpus.from_file(source["text"], encoding=source["encoding"])
    if source["valid"] == 0:
        return corpus, (corpus, None)
    learn, measure = corpus.split(valid=source["valid"])
    return corpus, (learn, measure)


def _sha256(corpus: Any) -> str:
    """Tell a text from others of the same length."""
    import hashlib

    from charseq.corpus import CHUNK, _let_go

    digest = hashlib.sha256()
    for start in range(0, len(corpus), CHUNK):
        digest.update(corpus.ids[start : start + CHUNK])
        _let_go(corpus.ids)
    return digest.hexdigest()


def _refuse_beyond_memory(
    cell: str, vocab_size: int, hidden: int, layers: int, embedding: int
) -> None:
    """Refuse a network that would be made layer by layer until the memory is full."""
    from charseq.shapes import GATES

    rows = GATES.get(cell, 1) * hidden
    weights = rows * ((embedding or vocab_size) + hidden + 2)  # of the first layer
    weights += (layers - 1) * rows * (2 * hidden + 2)
    with suppress(AttributeError):  # Windows does not say
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if 16 * weights > memory:  # in float32, with the gradient and what Adam remembers
            raise MemoryError(
                f"there is not enough memory: the network has {weights:,} weights, of which each "
                f"takes 16 bytes in training, and this machine {memory:,} bytes"
            )


def _placed(text: str) -> str:
    """Make a path absolute, so that a run can be resumed from another directory."""
    from charseq.corpus import texts

    return text if text in texts() else os.path.abspath(text)  # noqa: PTH100 - never raises


def _source_of(folder: Path) -> dict[str, Any]:
    """Read where the text of a run came from."""
    from charseq.checkpoint import RunFolderError, read_config

    source = read_config(folder)["text"]
    kinds: dict[str, Any] = {"text": str, "encoding": str, "valid": (int, float), "characters": int}
    for name, kind in kinds.items():
        if not isinstance(source.get(name), kind):
            raise RunFolderError(
                f"{folder / 'config.json'} does not say where the text came from: its {name!r} "
                f"is {source.get(name)!r}"
            )
    return source


def _at_least_1(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")


@contextmanager
def _together() -> Iterator[None]:
    """Join the other processes, where torch's launcher has started several."""
    if int(os.environ.get("WORLD_SIZE") or 1) < 2:
        yield
        return
    from torch import distributed
    from torch.distributed.rendezvous import rendezvous

    store, rank, world = next(rendezvous("env://"))
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=world)
    try:
        yield
    except BaseException as end:
        # The first to end says why. The others may end for no other reason than that it did.
        before = 1
        with suppress(RuntimeError):  # the first may have kept the store, which is then gone
            before = store.add("ended", 1) - 1
        if before and not isinstance(end, SystemExit):
            raise SystemExit(1) from None
        raise
    finally:
        distributed.destroy_process_group()


@contextmanager
def _interrupts_wait() -> Iterator[list[int]]:
    """Note an interrupt, so that the step ends whole; a second one does not wait."""
    noted: list[int] = []
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: Any) -> None:
        noted.append(number)
        signal.signal(signal.SIGINT, before)

    if before is signal.default_int_handler:  # whoever ignores interrupts wants them ignored
        signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


def _train(
    folder: Path,
    run: Any,
    records: tuple[Any, ...],
    todo: Iterator[Any],
    save_every: int,
    sample_every: int,
    as_json: bool,
) -> None:
    """Make the steps that are left; save now and then, and at the end.

    Of several processes only the first is heard and writes; all leave after the same step, and end
    when it has saved.
    """
    from tqdm import tqdm

    from charseq.checkpoint import save_run
    from charseq.history import History
    from charseq.training import Diverged, process

    first = process()[0] == 0
    kept = list(records)
    characters = run.settings.batch_size * run.settings.length
    bar = tqdm(
        total=run.settings.steps * characters,
        initial=run.step * characters,
        unit="char",
        unit_scale=True,
        disable=True if as_json or not first else None,  # None: shown if stderr is a terminal
        leave=False,
    )

    def save(best: bool = False) -> None:
        if first:
            save_run(folder, run, History(tuple(kept)), best=best)

    stopped = False
    with _interrupts_wait() as interrupted, bar:
        try:
            for record in todo:
                kept.append(record)
                bar.update(characters)
                bar.set_postfix_str(str(record).split("  ", 1)[1].lstrip(), refresh=False)
                if first:
                    _report(run, record, bar, sample_every, as_json)
                is_best = record.valid_loss == run.best_loss
                if record.step % save_every == 0 or is_best:
                    save(is_best)
                if stopped := _anywhere(interrupted):
                    break
        except BrokenPipeError:  # between two steps: what was learned is kept
            save()
            raise
        except Diverged:
            save()
            _anywhere([])
            raise
        save()
    if first:
        _plot(folder, History(tuple(kept)))
        if stopped and not run.finished:
            print(
                f"charseq: interrupted; the run is saved at step {run.step}, and "
                f"`charseq resume {folder}` goes on from there",
                file=sys.stderr,
            )
        elif not as_json:
            print(f"{run.step} steps; the run is in {folder}. Next: charseq sample {folder}")
    _anywhere([])
    if stopped and not run.finished:
        raise typer.Exit(130)


def _anywhere(noted: list[int]) -> bool:
    """Say whether any process has noted something, once all have come here."""
    import torch

    from charseq.training import added_up, process

    if process()[1] == 1:
        return bool(noted)
    return bool(added_up(torch.tensor([len(noted)])))


def _report(run: Any, record: Any, bar: Any, sample_every: int, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        print(json.dumps(_finite(asdict(record))), flush=True)
        return
    if not math.isnan(record.valid_loss):
        bar.write(str(record), file=sys.stdout)
    if sample_every and record.step % sample_every == 0:
        bar.write(_sample_of(run, record.step), file=sys.stdout)


def _finite(facts: dict[str, Any]) -> dict[str, Any]:
    """Replace what JSON has no number for by null."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in facts.items()
    }


def _sample_of(run: Any, seed: int) -> str:
    import numpy as np

    from charseq.sampling import Net, generate

    net = Net.from_model(run.model)
    return generate(net, run.vocab, length=200, rng=np.random.default_rng(seed))[0]


def _plot(folder: Path, history: Any) -> None:
    """Draw the loss beside the log, without a window."""
    if not len(history):
        return
    import io

    from matplotlib.figure import Figure

    from charseq.history import write_whole

    figure = Figure(figsize=(5.6, 3.4), layout="constrained")
    history.plot(figure.add_subplot())
    image = io.BytesIO()
    figure.savefig(image, format="svg")
    write_whole(folder / "loss.svg", image.getvalue())


def main() -> None:
    """Run the command; errors of use end in one sentence and a non-zero exit."""
    try:
        with _together():
            app(prog_name="charseq")
    except (ArithmeticError, ValueError, TypeError, OSError, MemoryError) as error:
        message = str(error) or "there is not enough memory"
        if isinstance(error, OSError) and error.strerror:
            message = error.strerror + (f": {error.filename}" if error.filename else "")
    except RuntimeError as error:
        if "allocate" not in str(error):
            raise
        message = "there is not enough memory for this network and batch"
    print("charseq:", message.replace("\n", " "), file=sys.stderr)
    sys.exit(1)
