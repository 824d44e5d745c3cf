"""Read the files of a run folder; an error names the file and says what is wrong with it."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from charseq.files import check_regular, suggest_name, write_whole
from charseq.vocab import Vocabulary

# The types of numbers that NumPy has, by their names in a safetensors file. The bfloat16 and the
# smaller floats of other programs are not among them.
TYPES = {
    "BOOL",
    *(f"{kind}{bits}" for kind in "IU" for bits in (8, 16, 32, 64)),
    "F16",
    "F32",
    "F64",
}
# What the metadata of a safetensors file may say; `format` is what other programs say.
METADATA = {"format", "history", "history_bytes", "sha256", "step", "vocab"}
PARTS_OF_CONFIG = ("format", "charseq", "model", "settings", "text")
NO_CHECKSUM = "0" * 64
OF_RESUME = "--steps, --lr, --patience, --precision or --text"  # what it changes in config.json


class RunFolderError(ValueError):
    """A folder is not a run folder, or is damaged. The message names the file and the problem."""

    __module__ = "charseq.checkpoint"  # where users find it


def damaged_config(path: Path, error: Exception) -> RunFolderError:
    """Return the error of a configuration with a wrong value, or with a setting that is unknown."""
    problem = str(error)
    if isinstance(error, TypeError) and "unexpected keyword" in problem:
        problem = f"this version knows no setting {problem.rpartition(' ')[2]}"
    return RunFolderError(f"{path / 'config.json'} is damaged: {problem}")


def check_folder(path: Path, networks: Iterable[str]) -> None:
    """Raise unless a path leads to a folder; suggest one of these names, or of those beside it."""
    if not path.is_dir():
        problem = "is a file" if path.exists() else "does not exist"
        meant = suggest_name(path, networks, folders=True)
        raise RunFolderError(
            f"{path} {problem}{meant or '; expected a run folder made by charseq train'}"
        )


def check_place(path: Path) -> None:
    """Raise unless a run can be at a path, which need not exist yet."""
    if path.exists() and not path.is_dir():
        raise FileExistsError(f"{path} is a file: a run needs a folder, so choose another name")
    if path.is_symlink() and not path.exists():
        raise FileNotFoundError(
            f"{path} is a link to '{path.readlink()}', which does not exist: choose another name"
        )


@contextmanager
def explain_read_errors(file: Path, if_missing: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise RunFolderError(if_missing) from None
    except OSError as error:
        raise RunFolderError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise RunFolderError(f"{file} is damaged: {error}") from None


# --- safetensors ----------------------------------------------------------------------------------


def write_arrays(arrays: Mapping[str, NDArray[Any]], **metadata: str) -> bytes:
    """Return the bytes of a file of arrays, with metadata and a checksum of both."""
    metadata["sha256"] = _checksum(arrays, metadata)
    data = to_safetensors(dict(arrays), metadata=metadata)
    # The library writes metadata in any order, but equal runs should write equal files.
    size = int.from_bytes(data[:8], "little")
    head = json.loads(data[8 : 8 + size])
    head["__metadata__"] = dict(sorted(metadata.items()))
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
    return data[:8] + text.ljust(size) + data[8 + size :]


def _checksum(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> str:
    """Return the SHA-256 of arrays, their names, types, shapes and numbers, and of metadata."""
    checksum = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        checksum.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        checksum.update(array.tobytes())
    for name in sorted(metadata.keys() - {"sha256"}):
        checksum.update(f"{name}={metadata[name]}\n".encode())
    return checksum.hexdigest()


def _check_arrays(
    file: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Refuse what was not saved so. Folders of older versions have no checksum."""
    if unknown := metadata.keys() - METADATA:  # perhaps a checksum that is not called one any more
        raise RunFolderError(
            f"{file} is damaged: its metadata have an unknown name {sorted(unknown)[0]!r}"
        )
    if "sha256" not in metadata:
        return
    # The first checksums were those of the arrays alone.
    if all(metadata["sha256"] != _checksum(arrays, about) for about in (metadata, {})):
        raise RunFolderError(
            f"{file} is damaged: its numbers are not those that were saved (SHA-256)"
        )


def read_arrays(file: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    try:
        check_regular(file)
        with safe_open(file, framework="numpy") as tensors:
            types = {tensors.get_slice(name).get_dtype() for name in tensors.keys()}  # noqa: SIM118
            if unknown := types - TYPES:
                raise RunFolderError(
                    f"{file} holds numbers of type {', '.join(sorted(unknown))}: expected the F32 "
                    "or F64 of a run, or the F16 of one that was shrunk"
                )
            # Copies, because arrays that are mapped from the file would change with the file.
            arrays = {name: np.array(tensors.get_tensor(name)) for name in tensors.keys()}  # noqa: SIM118
            metadata = tensors.metadata() or {}
            _check_arrays(file, arrays, metadata)
            if types == {"F16"}:  # made by `shrink`
                arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
            return arrays, metadata
    except FileNotFoundError:
        if file.exists():  # the library says so, too, if it may not read the file
            raise RunFolderError(f"{file} cannot be read: permission denied") from None
        raise RunFolderError(f"{file.parent} is damaged: it has no {file.name}") from None
    except OSError as error:
        raise RunFolderError(f"{file} cannot be read: {error.strerror or error}") from None
    except (SafetensorError, TypeError) as error:
        raise RunFolderError(f"{file} is damaged or cut short") from error


def is_float16(path: Path) -> bool:
    with safe_open(path / "weights.safetensors", framework="numpy") as tensors:
        return any(tensors.get_slice(name).get_dtype() == "F16" for name in tensors.keys())  # noqa: SIM118


def parse_number(file: Path, metadata: Mapping[str, str], name: str = "step") -> int:
    number = metadata.get(name, "")
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise RunFolderError(
            f"{file} is damaged: {name} should be a whole number, got {number[:40]!r}"
        )
    return int(number)


def read_saved_step(path: Path) -> int | None:
    """Return the training step of the saved weights, or None if they cannot be read.

    The history's rows up to this step belong to the last save, so they must not be rewritten.
    """
    try:
        return int(read_metadata(path / "weights.safetensors")["step"])
    except (KeyError, ValueError):
        return None


def read_metadata(file: Path) -> dict[str, str]:
    """Return the metadata of a file of arrays, which are not checked; none if it is unreadable."""
    try:
        check_regular(file)
        with safe_open(file, framework="numpy") as tensors:
            return tensors.metadata() or {}
    except (OSError, SafetensorError, TypeError, ValueError):
        return {}


# --- the other files ------------------------------------------------------------------------------


def write_config(path: Path, config: Mapping[str, Any]) -> None:
    """Write config.json with its checksum: the SHA-256 of the file with zeros in its place."""
    text = json.dumps({**config, "sha256": NO_CHECKSUM}, indent=2) + "\n"
    checksum = hashlib.sha256(text.encode()).hexdigest()
    write_whole(path / "config.json", text.replace(NO_CHECKSUM, checksum).encode())


def read_config_file(path: Path) -> Any:
    """Read config.json. It is refused if it has a checksum and is not as it was saved."""
    file = path / "config.json"
    missing = (
        f"{path} is not a run folder: it has no {file.name}; expected one made by charseq train"
    )
    if (path / "weights.safetensors").exists():
        missing = f"{path} has lost its {file.name}: put back a copy of it, or train again"
    with explain_read_errors(file, missing):
        check_regular(file)
        data = file.read_bytes()
        config = json.loads(data)
    if not isinstance(config, dict):
        return config
    if "sha256" in config:
        checksum = str(config.pop("sha256"))
        as_hashed = data.replace(checksum.encode(errors="replace"), NO_CHECKSUM.encode())
        if hashlib.sha256(as_hashed).hexdigest() != checksum:
            raise RunFolderError(
                f"{file} has been changed since charseq saved it, by hand or by a fault of the "
                "disk (its SHA-256 differs): undo the change, put back a copy of the file, or "
                f"train again. To change a run, use `charseq resume {path}` with {OF_RESUME}"
            )
    elif unknown := config.keys() - set(PARTS_OF_CONFIG):
        raise RunFolderError(f"{file} is damaged: it has an unknown part {sorted(unknown)[0]!r}")
    return config


def read_vocab(path: Path) -> Vocabulary:
    file = path / "vocab.json"
    with explain_read_errors(file, f"{path} is damaged: it has no vocab.json"):
        check_regular(file)
        text = file.read_text("utf-8")
        if '"merges"' in text:  # pieces of words; no other run needs the module
            from charseq.tokens import BytePairEncoding

            return BytePairEncoding.from_json(text)
        return Vocabulary.from_json(text)


def checksum_of_vocab(vocab: Vocabulary) -> str:
    """Return the SHA-256 of the file that a vocabulary is written to."""
    return hashlib.sha256(vocab.to_json().encode()).hexdigest()


def check_vocab(
    path: Path, vocab: Vocabulary, vocab_size: int, metadata: Mapping[str, str]
) -> None:
    """Refuse a vocabulary that is not the one of the weights with these metadata."""
    file = path / "vocab.json"
    if len(vocab) != vocab_size:
        raise RunFolderError(f"{file} has {len(vocab)} {vocab.unit} and the network {vocab_size}")
    if "vocab" in metadata and metadata["vocab"] != hashlib.sha256(file.read_bytes()).hexdigest():
        raise RunFolderError(
            f"{file} is damaged: its characters, or their order, are not as they were when the "
            "network learned them (SHA-256)"
        )


def describe_history(path: Path, before: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """Return what metadata say of the history as it is now: its size and its checksum.

    Also return whether it still begins as the metadata of the save before say, if there are any.
    """
    data = memoryview((path / "history.csv").read_bytes())
    size = before.get("history_bytes", "")
    begin = int(size) if size.isdecimal() else 0
    checksum = hashlib.sha256(data[:begin])
    as_before = before.get("history") in (None, checksum.hexdigest())
    checksum.update(data[begin:])  # the history may be long, so it is read and hashed only once
    return {"history": checksum.hexdigest(), "history_bytes": str(len(data))}, as_before


def read_history_file(path: Path, source: Path, metadata: Mapping[str, str]) -> bytes:
    """Read the history of a save; the metadata are those of `source`, another file of that save.

    Behind the rows of the save, there may be others, which a killed process has added. They are
    left out if the metadata have the size; those of older folders have neither it nor a checksum.
    """
    file = path / "history.csv"
    with explain_read_errors(file, f"{path} is damaged: it has no history.csv"):
        check_regular(file)
        data = file.read_bytes()
    if "history" in metadata:
        data = data[: parse_number(source, metadata, "history_bytes")]
        if hashlib.sha256(data).hexdigest() != metadata["history"]:
            raise RunFolderError(
                f"{file} is damaged: its rows are not those that were saved (SHA-256)"
            )
    return data
