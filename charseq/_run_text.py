"""What a run begins with and goes on with: its network, and its text, wherever that is now."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from charseq._errors import UserError
from charseq.checkpoint import RunFolderError, command_to_start, read_config, read_vocab
from charseq.corpus import Corpus
from charseq.language_model import grow
from charseq.model import CharRNN
from charseq.settings import Settings
from charseq.texts import hold_back, load_texts, quote_path, texts
from charseq.tokens import BytePairEncoding, parse_tokens
from charseq.vocab import Vocabulary

Parts = tuple[Corpus, Corpus | None]  # what is learned from, and what is held back

# --- the text -------------------------------------------------------------------------------------


def as_typed(text: str | Sequence[str]) -> str | list[str]:
    """Return the name or path of a text as it was given; several files, or a folder, as a list."""
    names = [text] if isinstance(text, str) else list(text)
    several = len(names) > 1 or (names[0] not in texts() and os.path.isdir(names[0]))  # noqa: PTH112
    if several and "-" in names:
        raise UserError("standard input is one text: save it in a file to give it beside others")
    return names if several else names[0]


def locate(text: str | list[str]) -> Any:
    """Return where a text is, from whatever folder."""
    if isinstance(text, list):
        return [locate(name) for name in text]
    return text if text in texts() or text == "-" else os.path.abspath(text)  # noqa: PTH100


def check_outside(folder: Path, text: str | list[str]) -> None:
    """Refuse a run folder within a folder of texts, where its files would be texts, too."""
    for place in text if isinstance(text, list) else []:
        if folder.resolve().is_relative_to(Path(place).resolve()):
            raise UserError(
                f"the run folder {folder} is within the folder of the text, {place}, so its files "
                "would be read as texts: choose another folder for the run"
            )


def load_source(source: dict[str, Any]) -> tuple[str, str]:
    """Load a run's text: the part to learn from, and the part that is held back."""
    names = source["text"] if isinstance(source["text"], list) else [source["text"]]
    return hold_back(load_texts(names, source["encoding"], raw=source["raw"]), source["valid"])


def fingerprint(text: str) -> dict[str, Any]:
    """Return what a text is recognized by: its length and its SHA-256."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    return {"characters": len(text), "sha256": digest.hexdigest()}


def encode_parts(
    train: str, valid: str, source: dict[str, Any], known: Vocabulary | None = None
) -> Parts:
    """Turn both parts of a text into ids.

    The vocabulary is that of the text. If `known` is given, it is this one, followed by the
    characters that it lacks. If the source asks for pieces of words, they are learned from the
    first part alone.
    """
    most, vocab = parse_tokens(source["tokens"]), Vocabulary.from_text(train + valid)
    if most is None:
        if known is not None:
            vocab = Vocabulary("".join(dict.fromkeys(known.chars + vocab.chars)))
    elif known is None:
        vocab = BytePairEncoding.learn(train, most, more_chars=vocab.chars)
    elif new := [char for char in vocab.chars if char not in known.chars]:
        raise UserError(
            f"the text has {new[0]!r} (U+{ord(new[0]):04X}), which the network of "
            f"{source['init_from']} has never seen, and a vocabulary of pieces cannot grow: "
            "leave it out of the text"
        )
    else:
        vocab = known
    return Corpus.from_text(train, vocab), Corpus.from_text(valid, vocab) if valid else None


def check_long_enough(train: str, valid: str, source: dict[str, Any]) -> None:
    """Refuse a text of which a part has fewer than 2 characters."""
    if len(train) < 2 or (source["valid"] and len(valid) < 2):
        raise UserError(
            f"{_quote(source['text'])} is too short: with valid={source['valid']}, "
            f"{len(valid)} of its {len(train + valid)} characters are held back, and each part "
            "needs at least 2"
        )
    if set(train) == {train[0]}:
        raise UserError(
            f"{_quote(source['text'])} holds only {train[0]!r}, again and again: there is nothing "
            "to learn"
        )


def load_text_of_run(
    folder: str | os.PathLike[str], text: str | Sequence[str] | None = None, advice: str = ""
) -> tuple[dict[str, Any], Parts]:
    """Load the parts of a run's text, to learn from and to measure on; refuse another text.

    Also return the source, with the place where the text is now. A message that refuses a text
    ends with the `advice`; by default, with what ``charseq resume`` can do.
    """
    about = read_config(folder)
    source = about["text"]
    if "sha256" not in source:
        raise RunFolderError(
            f"{folder} does not say which text its run learns from, because it was made in Python: "
            "go on there, with load_run"
        )
    advice = advice or f"say with --text where that is now; or {command_to_start(folder)}"
    source = {**source, "text": locate(as_typed(text or source["text"]))}
    try:
        train, valid = load_source(source)
    except FileNotFoundError as error:
        gone = f"the text that this run learns from is gone: {error}"
        raise FileNotFoundError(f"{gone}; {advice}") from None
    found = fingerprint(train + valid)
    if found["sha256"] != source["sha256"]:
        raise UserError(
            f"{_quote(source['text'])} is not the text that this run learns from: it has "
            f"{found['characters']} characters, and "
            f"that had {source['characters']} others; {advice}"
        )
    return source, encode_parts(train, valid, source, read_vocab(about))


def _quote(text: str | list[str]) -> str:
    return ", ".join(map(quote_path, text if isinstance(text, list) else [text]))


# --- the network ----------------------------------------------------------------------------------


def known_model(
    trained: CharRNN, options: dict[str, Any], vocab: Vocabulary, settings: Settings
) -> CharRNN:
    """Make a network that begins with the weights of a trained one, and may know more characters.

    Only options that have no weights may differ.
    """
    changed = {**trained.options, **options, "vocab_size": len(vocab)}
    free = {"dropout", "fast", "seed", "vocab_size"}
    for name in sorted(changed.keys() - free):
        if changed[name] != (own := trained.options[name]):
            own = own if isinstance(own, str) else str(own).lower()
            raise UserError(f"the network to start from keeps its {name}={own}: leave that out")
    model = CharRNN(**changed).to(trained.rnn.weight_ih_l0.dtype)
    model.load_state_dict(grow(trained, len(vocab), seed=settings.seed).state_dict())
    return model
