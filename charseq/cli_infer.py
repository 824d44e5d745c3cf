"""The commands that use a trained network: sample, score, export and eval.

Only typer is imported here. Each command imports what it needs, so that help appears at once.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charseq._errors import UserError
from charseq._options import Device, Json, RunFolder

if TYPE_CHECKING:
    from charseq.vocab import Vocabulary

__all__: list[str] = []  # only the rest of the command uses it

SkipUnknown = Annotated[
    bool, typer.Option("--skip-unknown", help="Leave out unknown characters, and count them.")
]


def sample(
    run: RunFolder,
    prompt: Annotated[
        list[str] | None, typer.Option(help="Text to continue; may be given several times.")
    ] = None,
    prompts: Annotated[
        str | None, typer.Option(help="A file of texts to continue, one per line; - for a pipe.")
    ] = None,
    length: Annotated[int, typer.Option(help="Characters, or pieces, to write.", min=0)] = 400,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest.", min=0)] = 1.0,
    top_k: Annotated[int, typer.Option(help="Keep the k likeliest; 0 for all.", min=0)] = 0,
    top_p: Annotated[
        float, typer.Option(help="Keep the likeliest with this total probability.", min=0, max=1)
    ] = 1.0,
    stop: Annotated[list[str] | None, typer.Option(help="End the text before this.")] = None,
    streams: Annotated[int, typer.Option(help="Number of texts to write.", min=1)] = 1,
    seed: Annotated[int | None, typer.Option(help="The same writes the same text.", min=0)] = None,
    skip_unknown: SkipUnknown = False,
    last: Annotated[bool, typer.Option("--last", help="Use the latest weights.")] = False,
    as_json: Json = False,
) -> None:
    """Write text with a trained network, without torch."""
    import numpy as np

    from charseq.checkpoint import load_net
    from charseq.sampling import generate_pieces

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

    with np.errstate(all="ignore"):  # if numbers overflow, one error message replaces the warnings
        given = [*(prompt or ()), *(_read_prompts(prompts, vocab) if prompts else ())]
        texts_to_continue: list[str | None] = [None] if not given else []
        for text in given:
            name = f"the prompt {text!r}" if len(given) > 1 else "the prompt"
            texts_to_continue.append(_known_part(name, text, vocab, skip_unknown)[0])
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

    return list(filter(None, load_text(file, raw="\r" in vocab).split("\n")))


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
    """Return what a network can read of a text, and how many characters it does not know.

    With `skip`, these are left out, and otherwise refused.
    """
    from charseq.vocab import describe

    known, skipped = vocab.skip_unknown(text)
    count = sum(skipped.values())
    if skip and not known:
        raise UserError(f"the network knows none of the {len(text)} characters of {name}")
    if skip or not count:
        return known, count
    unknown = text.index(next(iter(skipped)))
    hint = vocab.normalization_hint(text) or ": leave it out, or add --skip-unknown"
    raise UserError(
        f"{name} has {describe(text[unknown])} at position {unknown}, which is not among the "
        f"{len(vocab.chars)} characters that this network has learned{hint}"
    )


def score_(
    run: RunFolder,
    text: Annotated[
        str,
        typer.Argument(
            help="A text file, a built-in text such as pride-test, or - for standard input.",
            show_default=False,
        ),
    ],
    worst: Annotated[
        int, typer.Option(help="Only so many lines, the most surprising first; 0 for all.", min=0)
    ] = 0,
    skip_unknown: SkipUnknown = False,
    encoding: Annotated[str, typer.Option(help="Encoding of the text file.")] = "utf-8",
    last: Annotated[bool, typer.Option("--last", help="Use the latest weights.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one line each.")] = False,
) -> None:
    """Say how surprising each line of a text is, in bits per character, without torch."""
    from charseq.checkpoint import load_net
    from charseq.scoring import json_report, score, text_report
    from charseq.texts import load_text

    net, vocab = load_net(run, best=not last)
    characters = load_text(text, encoding, raw="\r" in vocab)
    if not skip_unknown:
        _known_part("the text", characters, vocab, skip=False)
    scored = score(net, vocab, characters, skip_unknown=skip_unknown)
    lines = scored.lines()
    if worst:
        lines = sorted(lines, key=lambda line: (math.isnan(line.excess), -line.excess))[:worst]
    if as_json:
        print("\n".join(json_report(lines)))
        return
    print("\n".join(text_report(lines)), end="\n\n")
    skipped = {"skipped": sum(scored.skipped.values())} if scored.skipped else {}
    print_facts(
        {"characters": len(scored), **skipped, "bits_per_character": scored.bits_per_character},
        as_json=False,
    )


def export(
    run: RunFolder,
    file: Annotated[Path, typer.Argument(help="The file: NAME.safetensors or NAME.onnx.")],
    last: Annotated[bool, typer.Option("--last", help="Use the latest weights.")] = False,
) -> None:
    """Write a trained network into one file: for charseq with weights in float16, or as ONNX."""
    from charseq._terminal import escape_line
    from charseq.checkpoint import export as export_network

    export_network(run, file, best=not last)
    name = escape_line(file)
    more = "" if file.suffix == ".onnx" else f". Next: charseq sample {name}"
    print(f"the network is in {name}{more}")


def evaluate_(
    run: RunFolder,
    text: Annotated[
        list[str] | None,
        typer.Argument(
            help="A text file, several, or a folder, or a built-in text such as pride-test; else "
            "what the run has held back.",
            show_default=False,
        ),
    ] = None,
    skip_unknown: SkipUnknown = False,
    encoding: Annotated[str, typer.Option(help="Encoding of the text file.")] = "utf-8",
    last: Annotated[bool, typer.Option("--last", help="Use the latest weights.")] = False,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Measure a trained network on a text, in bits per character and perplexity."""
    from charseq._devices import find_device
    from charseq.checkpoint import load_model
    from charseq.corpus import Corpus
    from charseq.language_model import evaluate
    from charseq.monitor import measuring_bar
    from charseq.processes import use_threads
    from charseq.texts import load_texts
    from charseq.trainer import load_held_back

    where = find_device(device)
    model, vocab = load_model(run, best=not last)
    model.to(where)
    skipped = 0
    if not text:
        corpus = load_held_back(run)
    else:
        characters = "".join(load_texts(text, encoding, raw="\r" in vocab))
        characters, skipped = _known_part("the text", characters, vocab, skip_unknown)
        corpus = Corpus.from_text(characters, vocab)
    with measuring_bar() as watch, use_threads(model, 1):
        loss = evaluate(model, corpus, batch_size=1, watch=watch)
    results = {
        "characters": vocab.count_characters(corpus.ids),
        **({"tokens": len(corpus)} if vocab.unit == "tokens" else {}),
        **({"skipped": skipped} if skip_unknown else {}),
        "loss": loss,
        "bits_per_character": loss / math.log(2),
        "perplexity": math.exp(loss) if loss < 700 else math.inf,
    }
    print_facts(results, as_json)


def print_facts(facts: dict[str, Any], as_json: bool) -> None:
    """Print names and values below each other, or as JSON."""
    if as_json:
        from charseq.history import json_line

        print(json_line(facts))
        return
    from charseq._terminal import escape_line

    facts = {name: value for name, value in facts.items() if value is not None}
    width = max(map(len, facts))
    for name, value in facts.items():
        text = f"{value:.4f}" if isinstance(value, float) else escape_line(value)
        print(f"{name.replace('_', ' '):{width}}  {text}")
