"""The text of a run: where it came from, where it is now, and which part of it is held back."""

import os
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

from charseq._documents import DocumentBatches, places_of
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
from charseq.texts import CHUNK, load_text, quote_path, texts
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
                for data in iter(partial(stream.read, CHUNK), b""):
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
    for name in names:
        if several and name in texts():
            raise ValueError(f"{name} comes with charseq, and is no file: train on it alone")
    return names if several else names[0]


def locate(text: str | list[str]) -> Any:
    """Return where a text is, from whatever folder."""
    if isinstance(text, list):
        return [os.path.abspath(name) for name in text]  # noqa: PTH100 - never raises
    return text if text in texts() else os.path.abspath(text)  # noqa: PTH100


def check_outside(folder: Path, text: str | list[str]) -> None:
    """Refuse a run folder within a folder of texts, where its files would be texts, too."""
    for place in text if isinstance(text, list) else []:
        if folder.resolve().is_relative_to(Path(place).resolve()):
            raise ValueError(
                f"the run folder {folder} is within the folder of the text, {place}, so its files "
                "would be read as texts: choose another folder for the run"
            )


def facts_of_tokens(source: dict[str, Any], tokens: str) -> dict[str, str]:
    """Return what config.json says of pieces of words; refuse them for documents, for example."""
    if parse_tokens(tokens) is None:
        return {}
    if isinstance(source["text"], list) or "unknown" in source:
        raise ValueError(
            f"tokens={tokens!r} takes one file with all its characters: it goes neither with "
            "several files nor with unknown characters"
        )
    return {"tokens": tokens}


def load_source(source: dict[str, Any], known: Vocabulary | None = None) -> Corpus:
    """Load a run's text.

    The vocabulary is that of the text. If `known` is given, it is this one, followed by the
    characters that it lacks; or, if it has an unknown character, only by those that are asked for.
    """
    text, min_count = source["text"], source.get("unknown")
    how = {"encoding": source["encoding"], "raw": source.get("raw", True)}
    if isinstance(text, list):
        load = partial(Corpus.from_files, text, min_count=min_count, **how)
    elif text in texts():
        characters = load_text(text)
        vocab = Vocabulary.from_text(characters, min_count)
        load = partial(Corpus.from_text, characters, vocab=vocab)
    else:
        load = partial(Corpus.from_file, text, min_count=min_count, **how)
    corpus = load()
    if known is None:
        return corpus
    of_text = corpus.vocab
    wanted = of_text.chars if known.unknown is None or min_count else of_text.border or ""
    return load(
        vocab=Vocabulary(
            "".join([*known.chars, *(char for char in wanted if char not in known)]),
            border=known.border or of_text.border,
            unknown=known.unknown or of_text.unknown,
        )
    )


def split_text(
    corpus: Corpus, source: dict[str, Any], vocab: Vocabulary | None = None
) -> tuple[Corpus, Corpus | None]:
    """Return the parts of a run's text to learn from and to measure on.

    If the run's vocabulary has pieces of words, the parts are cut into these. A new run has no
    vocabulary yet: if its source asks for pieces, they are learned from the first part alone.
    """
    train, valid = corpus, None
    if source["valid"] != 0:
        train, valid = corpus.split(valid=source["valid"])
    if vocab is None and (most := parse_tokens(source.get("tokens", "characters"))):
        vocab = BytePairEncoding.learn(_decode(train), most, more_chars=corpus.vocab.chars)
    if not isinstance(vocab, BytePairEncoding):
        return train, valid
    held_back = None if valid is None else Corpus.from_text(_decode(valid), vocab)
    return Corpus.from_text(_decode(train), vocab), held_back


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

    if fits(len(corpus), 2) or corpus.vocab.border is not None:  # documents are held back whole
        return
    least = bisect_left(range(1 << 53), True, key=lambda size: fits(size, learned))
    raise ValueError(
        f"{quote_path(source['text'])} is too short: it has {len(corpus)} "
        f"character{'s' * (len(corpus) != 1)}, and training with {named} and valid={valid} needs "
        f"at least {least}; take a longer text, or change these values"
    )


def _decode(corpus: Corpus) -> str:
    """Return a text that may be long, without a list of all its characters."""
    starts = range(0, len(corpus), CHUNK)
    return "".join(corpus.decode(start, start + CHUNK) for start in starts)


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
    corpus = load_source(source, vocab if "init_from" in source else None)
    documents, digest = corpus.count_documents(), corpus.digest()
    # The oldest folders lack the digest, which is one of ids: other characters may have the same.
    if documents != source.get("documents", 1):
        unlike = f"{documents} files, not {source.get('documents', 1)}"
    elif len(corpus) != source["characters"]:
        unlike = f"{len(corpus)} characters, not {source['characters']}"
    elif corpus.vocab.chars != vocab.chars or source.get("sha256", digest) != digest:
        unlike = "as many characters, but not the same ones"
    else:
        return {**source, "text": locate(now_at)}, split_text(corpus, source, vocab)
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


def characters_per_step(train: Corpus, settings: Settings) -> int:
    """Return how many characters a training step learns from; of documents, the mean."""
    if train.vocab.border is None or settings.order == "windows":
        return settings.batch_size * settings.length
    return round((len(train) - 1) / len(_epoch(train, settings)))


def _epoch(train: Corpus, settings: Settings) -> DocumentBatches:
    return DocumentBatches(train.ids, train.id_of_border(), settings.batch_size, settings.length)


def facts_of_parts(corpus: Corpus, train: Corpus, settings: Settings) -> dict[str, Any]:
    """Return what config.json says of tokens or of several documents; nothing of other texts."""
    if train.vocab.unit == "tokens":
        return {"tokens": name_of_tokens(train.vocab), "train_tokens": len(train)}
    if corpus.vocab.border is None:
        return {}
    facts = {"documents": corpus.count_documents()}
    if settings.order == "streams":
        facts["steps_per_epoch"] = len(_epoch(train, settings))
    return facts


def describe(
    corpus: Corpus, parts: tuple[Corpus, Corpus | None], settings: Settings, min_count: int | None
) -> Iterator[str]:
    """Yield a line on the documents of a run, if there are several, and on unknown characters."""
    train, valid = parts
    if corpus.vocab.border is not None:
        documents = corpus.count_documents()
        line = f"{documents:,} document{'s' * (documents > 1)}, "
        line += f"{len(corpus) - documents - 1:,} characters"
        if valid is not None:
            count = valid.count_documents()
            which = f"the last {count:,} are" if count > 1 else "the last one is"
            which = which if documents > 1 else "the end is"
            line += f"; {which} held back, {len(valid) / len(corpus):.1%} of all"
        if settings.order == "streams":
            line += f"; {_epoch(train, settings).padding():.1%} of what a step reads is padding"
        yield line.replace("%", " %")
    if min_count:
        assert corpus.vocab.unknown is not None
        count = len(places_of(corpus.ids, corpus.vocab.chars.index(corpus.vocab.unknown)))
        if not count:
            yield f"no character is there fewer than {min_count} times, so none is read as unknown"
        else:
            yield (
                f"{count:,} of {len(corpus):,} characters are there fewer than {min_count} times, "
                "and are read as unknown"
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
