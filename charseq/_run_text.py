"""The text of a run: where it came from, where it is now, and which part of it is held back."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

from charseq.checkpoint import (
    RunFolderError,
    check_new,
    explain_write_errors,
    lock_run,
    read_config,
)
from charseq.corpus import Corpus
from charseq.files import replace_file, write_all
from charseq.texts import CHUNK, load_text, texts
from charseq.tokens import BytePairEncoding, parse_tokens
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
    types: dict[str, Any] = {"text": str, "encoding": str, "valid": (int, float), "characters": int}
    for name, expected_type in types.items():
        if not isinstance(source.get(name), expected_type):
            found = repr(source[name]) if name in source else "missing"
            raise RunFolderError(
                f"{folder / 'config.json'} does not say where the text came from: its {name!r} "
                f"is {found}"
            )
    return source


def load_source(source: dict[str, Any], known: Vocabulary | None = None) -> Corpus:
    """Load a run's text.

    The vocabulary is that of the text. If `known` is given, it is this one, followed by the
    characters that it lacks.
    """
    if source["text"] in texts():
        load = partial(Corpus.from_text, load_text(source["text"]))
    else:
        how = {"encoding": source["encoding"], "raw": source.get("raw", True)}
        load = partial(Corpus.from_file, source["text"], **how)
    corpus = load()
    if known is not None:
        new = [char for char in corpus.vocab.chars if char not in known]
        corpus = load(vocab=Vocabulary("".join([*known.chars, *new])))
    return corpus


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


def _decode(corpus: Corpus) -> str:
    """Return a text that may be long, without a list of all its characters."""
    starts = range(0, len(corpus), CHUNK)
    return "".join(corpus.decode(start, start + CHUNK) for start in starts)


def load_text_of_run(
    source: dict[str, Any],
    vocab: Vocabulary,
    folder: Path,
    text: str | None,
    advice: str = "give the text as it was then, or begin a new run with train --init-from",
) -> tuple[dict[str, Any], tuple[Corpus, Corpus | None]]:
    """Load the parts of a run's text, to learn from and to measure on; refuse another text.

    Also return the source, with the place where the text is now. A message that refuses a text
    ends with the `advice`.
    """
    source = {**source, "text": text or _find_text(source["text"], folder)}
    if text and text not in texts():
        source["text"] = os.path.abspath(text)  # noqa: PTH100 - never raises
    corpus = load_source(source, vocab if "init_from" in source else None)
    if (len(corpus), len(corpus.vocab)) != (source["characters"], len(vocab.chars)):
        raise ValueError(
            f"{source['text']} is not the text that this run learns from: it has {len(corpus)} "
            f"characters and a vocabulary of {len(corpus.vocab)}, but the text of the run has "
            f"{source['characters']} characters and a vocabulary of {len(vocab.chars)}; {advice}"
        )
    digest = corpus.digest()
    # The oldest folders lack the digest, which is one of ids: other characters may have the same.
    if corpus.vocab.chars != vocab.chars or source.get("sha256", digest) != digest:
        raise ValueError(
            f"{source['text']} is not the text that this run learns from: it has as many "
            f"characters, but not the same ones; {advice}"
        )
    return source, split_text(corpus, source, vocab)


def _find_text(text: str, folder: Path) -> str:
    """Return where the text of a run is. If it has moved, look beside the run, in it, and here."""
    places = (folder.parent, folder, Path())
    if text in texts() or os.path.exists(text):  # noqa: PTH110 - never raises
        return text
    for place in places:
        if (moved := place / Path(text).name).is_file():
            return os.path.abspath(moved)  # noqa: PTH100 - never raises
    raise FileNotFoundError(
        f"the text that this run learns from is not in {text!r} any more: if it has moved, say "
        "where it is (--text)"
    )
