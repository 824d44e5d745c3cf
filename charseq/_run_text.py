"""The text of a run: where it came from, where it is now, and which part of it is held back."""

import os
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

from charseq._errors import command_to_start
from charseq.checkpoint import (
    RunFolderError,
    check_new,
    explain_write_errors,
    lock_run,
    read_config,
)
from charseq.corpus import Corpus
from charseq.files import replace_file, write_all
from charseq.language_model import Settings
from charseq.texts import hold_back, load_texts, quote_path, texts
from charseq.tokens import BytePairEncoding, name_of_tokens, parse_tokens
from charseq.vocab import Vocabulary

KEPT = "text.txt"  # the file of a run folder that keeps a text from standard input


@contextmanager
def keep_text(folder: Path, stream: IO[bytes]) -> Iterator[Path]:
    """Keep a text in the folder of a new run, which begins in the block, so that it can be resumed.

    The folder is locked as long. A text whose run could not begin is removed.
    """
    file = folder / KEPT
    with lock_run(folder, make=True):
        check_new(folder, KEPT)
        try:
            with explain_write_errors(folder), replace_file(file) as target:
                for data in iter(partial(stream.read, 1 << 18), b""):
                    write_all(target, memoryview(data))
            yield file
        finally:
            if not (folder / "config.json").exists():
                file.unlink(missing_ok=True)


def read_source(folder: Path) -> dict[str, Any]:
    """Read where the text of a run came from."""
    source: dict[str, Any] = read_config(folder)["text"]
    types: dict[str, Any] = {
        "text": (str, list), "encoding": str, "valid": (int, float), "characters": int
    }  # fmt: skip
    for name, expected_type in types.items():
        if not isinstance(source.get(name), expected_type):
            found = repr(source[name]) if name in source else "missing"
            raise RunFolderError(
                f"{folder / 'config.json'} does not say where the text came from: its {name!r} "
                f"is {found}"
            )
    return source


def as_typed(text: str | Sequence[str]) -> str | list[str]:
    """Return the name or path of a text as it was given; several files, or a folder, as a list."""
    names = [text] if isinstance(text, str) else list(text)
    several = len(names) > 1 or (names[0] not in texts() and os.path.isdir(names[0]))  # noqa: PTH112
    return names if several else names[0]


def locate(text: str | list[str]) -> Any:
    """Return where a text is, from whatever folder."""
    if isinstance(text, list):
        return [locate(name) for name in text]
    return text if text in texts() else os.path.abspath(text)  # noqa: PTH100 - never raises


def check_outside(folder: Path, text: str | list[str]) -> None:
    """Refuse a run folder within a folder of texts, where its files would be texts, too."""
    for place in text if isinstance(text, list) else []:
        if folder.resolve().is_relative_to(Path(place).resolve()):
            raise ValueError(
                f"the run folder {folder} is within the folder of the text, {place}, so its files "
                "would be read as texts: choose another folder for the run"
            )


def facts_of_tokens(source: dict[str, Any], tokens: str) -> dict[str, str]:
    """Return what config.json says of pieces of words; refuse them with unknown characters."""
    if parse_tokens(tokens) is None:
        return {}
    if "unknown" in source:
        raise ValueError(f"tokens={tokens!r} takes all characters, so unknown must be left out")
    return {"tokens": tokens}


def load_source(
    source: dict[str, Any], known: Vocabulary | None = None
) -> tuple[Corpus, tuple[str, str]]:
    """Load a run's text as ids of characters; also return what is learned from and held back.

    The vocabulary is that of the text. If `known` is given, it is this one, followed by the
    characters that it lacks; or, if it has an unknown character, only if that is asked for.
    """
    text, min_count = source["text"], source.get("unknown")
    names = text if isinstance(text, list) else [text]
    several = load_texts(names, source["encoding"], raw=source.get("raw", True))
    train, valid = hold_back(several, source["valid"])
    vocab = Vocabulary.from_text(train + valid, min_count)
    if known is not None:
        more = vocab.chars if known.unknown is None or min_count else ""
        chars = known.chars + "".join(char for char in more if char not in known)
        vocab = Vocabulary(chars, unknown=known.unknown or vocab.unknown)
    return Corpus.from_text(train + valid, vocab), (train, valid)


def split_text(
    corpus: Corpus, parts: tuple[str, str], source: dict[str, Any], vocab: Vocabulary | None = None
) -> tuple[Corpus, Corpus | None]:
    """Return the parts of a run's text to learn from and to measure on.

    If the run's vocabulary has pieces of words, the parts are cut into these. A new run has no
    vocabulary yet: if its source asks for pieces, they are learned from the first part alone.
    """
    train, valid = parts
    if vocab is None and (most := parse_tokens(source.get("tokens", "characters"))):
        vocab = BytePairEncoding.learn(train, most, more_chars=corpus.vocab.chars)
    if isinstance(vocab, BytePairEncoding):
        held_back = Corpus.from_text(valid, vocab) if valid else None
        return Corpus.from_text(train, vocab), held_back
    cut = len(train)
    held_back = Corpus(corpus.vocab, corpus.ids[cut:]) if valid else None
    return Corpus(corpus.vocab, corpus.ids[:cut]), held_back


def check_long_enough(corpus: Corpus, source: dict[str, Any], settings: Settings) -> None:
    """Refuse a text of which a part would have fewer than 2 characters; say how many are needed."""
    valid, length = source["valid"], settings.length
    named, learned = f"length={length}", length + 1
    if settings.order == "streams":
        named = f"batch_size={settings.batch_size}, {named}"
        learned = settings.batch_size * length + 1

    def fits(size: int, learned: int) -> bool:
        held_back = int(size * valid)  # as in Corpus.split
        return size - held_back >= learned and (valid == 0 or held_back >= 2)

    if fits(len(corpus), 2):
        return
    least = bisect_left(range(1 << 53), True, key=lambda size: fits(size, learned))
    raise ValueError(
        f"{quote_path(source['text'])} is too short: it has {len(corpus)} "
        f"character{'s' * (len(corpus) != 1)}, and training with {named} and valid={valid} needs "
        f"at least {least}; take a longer text, or change these values"
    )


def load_text_of_run(
    source: dict[str, Any],
    vocab: Vocabulary,
    folder: Path,
    text: str | Sequence[str] | None,
    advice: str = "",
) -> tuple[dict[str, Any], tuple[Corpus, Corpus | None]]:
    """Load the parts of a run's text, to learn from and to measure on; refuse another text.

    Also return the source, with the place where the text is now. A message that refuses a text
    ends with the `advice`; by default, with what ``charseq resume`` can do.
    """
    was_at = source["text"]
    names = [text] if isinstance(text, str) else text or ["TEXT"]
    new_run = f"start a new run: {command_to_start(folder, names)}"
    moved = f"if it has moved, add text=NEW-PLACE; or {new_run}"
    now_at = as_typed(text) if text else _find_text(was_at, folder, advice or moved)
    source = {**source, "text": now_at}
    corpus, train_and_valid = load_source(source, vocab)
    digest = corpus.digest()
    # The oldest folders lack the digest, which is one of ids: other characters may have the same.
    if len(corpus) != source["characters"]:
        unlike = f"{len(corpus)} characters, not {source['characters']}"
    elif corpus.vocab.chars != vocab.chars or source.get("sha256", digest) != digest:
        unlike = "as many characters, but not the same ones"
    else:
        return {**source, "text": locate(now_at)}, split_text(
            corpus, train_and_valid, source, vocab
        )
    name, old_name = map(_quote, (now_at, was_at))
    if now_at == was_at:
        restore = f"put the old text back, or add text=COPY, a copy of it; or {new_run}"
        raise ValueError(f"{name} has changed since this run began ({unlike}): {advice or restore}")
    raise ValueError(
        f"{name} is not the text that this run learns from ({unlike}): "
        + (advice or f"that was {old_name}; give it, or {new_run}")
    )


def _quote(text: str | list[str]) -> str:
    return ", ".join(map(quote_path, text if isinstance(text, list) else [text]))


def facts_of_parts(train: Corpus) -> dict[str, Any]:
    """Return what config.json says of tokens; nothing of characters."""
    if train.vocab.unit == "characters":
        return {}
    return {"tokens": name_of_tokens(train.vocab), "train_tokens": len(train)}


def describe_unknown(corpus: Corpus, min_count: int) -> str:
    """Say how many characters of a text are read as unknown."""
    assert corpus.vocab.unknown is not None
    count = int((corpus.ids == corpus.vocab.chars.index(corpus.vocab.unknown)).sum())
    if not count:
        return f"no character is there fewer than {min_count} times, so none is read as unknown"
    return (
        f"{count:,} of {len(corpus):,} characters are there fewer than {min_count} times, and are "
        "read as unknown"
    )


def _find_text(text: str | list[str], folder: Path, advice: str, *, several: bool = False) -> Any:
    """Return where the text of a run is. If it has moved, look beside the run, in it, and here."""
    if isinstance(text, list):
        return [_find_text(one, folder, advice, several=True) for one in text]
    places = (folder.parent, folder, Path())
    if text in texts() or os.path.exists(text):  # noqa: PTH110 - never raises
        return text
    for place in places:
        moved = place / Path(text).name
        if moved.is_file() or (several and moved.is_dir() and moved.resolve() != folder.resolve()):
            return os.path.abspath(moved)  # noqa: PTH100 - never raises
    raise FileNotFoundError(f"{text!r}, which this run learns from, is gone: {advice}")
