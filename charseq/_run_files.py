"""Read the files of a run folder; an error names the file and says what is wrong with it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from charseq.files import check_regular

# The types of numbers that NumPy has, by their names in a safetensors file. The bfloat16 and the
# smaller floats of other programs are not among them.
TYPES = {
    "BOOL",
    *(f"{kind}{bits}" for kind in "IU" for bits in (8, 16, 32, 64)),
    "F16",
    "F32",
    "F64",
}


class RunFolderError(ValueError):
    """A folder is not a run folder, or is damaged. The message names the file and the problem."""

    __module__ = "charseq.checkpoint"  # where users find it


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


def write_arrays(arrays: Mapping[str, NDArray[Any]], **metadata: str) -> bytes:
    """Return the bytes of a file of arrays, with metadata and a checksum of the arrays."""
    metadata["sha256"] = _checksum(arrays)
    data = to_safetensors(dict(arrays), metadata=metadata)
    # The library writes metadata in any order, but equal runs should write equal files.
    size = int.from_bytes(data[:8], "little")
    head = json.loads(data[8 : 8 + size])
    head["__metadata__"] = dict(sorted(metadata.items()))
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
    return data[:8] + text.ljust(size) + data[8 + size :]


def _checksum(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of arrays: their names, types, shapes and numbers."""
    checksum = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        checksum.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        checksum.update(array.tobytes())
    return checksum.hexdigest()


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
            # Folders of older versions have no checksum.
            if "sha256" in metadata and metadata["sha256"] != _checksum(arrays):
                raise RunFolderError(
                    f"{file} is damaged: its numbers are not those that were saved (SHA-256)"
                )
            if types == {"F16"}:  # made by `shrink`
                arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
            return arrays, metadata
    except FileNotFoundError:
        raise RunFolderError(f"{file.parent} is damaged: it has no {file.name}") from None
    except OSError as error:
        raise RunFolderError(f"{file} cannot be read: {error.strerror or error}") from None
    except (SafetensorError, TypeError) as error:
        raise RunFolderError(f"{file} is damaged or cut short: {error}") from None


def is_float16(path: Path) -> bool:
    with safe_open(path / "weights.safetensors", framework="numpy") as tensors:
        return any(tensors.get_slice(name).get_dtype() == "F16" for name in tensors.keys())  # noqa: SIM118


def parse_step(file: Path, metadata: dict[str, str]) -> int:
    step = metadata.get("step", "")
    if not (step.isascii() and step.isdecimal() and len(step) < 19):
        raise RunFolderError(f"{file} is damaged: step should be a whole number, got {step[:40]!r}")
    return int(step)


def read_saved_step(path: Path) -> int | None:
    """Return the training step of the saved weights, or None if they cannot be read.

    The history's rows up to this step belong to the last save, so they must not be rewritten.
    """
    try:
        check_regular(path / "weights.safetensors")
        with safe_open(path / "weights.safetensors", framework="numpy") as tensors:
            return int(tensors.metadata()["step"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None
