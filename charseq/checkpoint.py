"""Run folders: a training run in one file, to resume it or to write text with its network.

================  =================================================================================
last.safetensors  all that the run needs to go on: weights, optimizer, state, history, settings
best.safetensors  the network with the smallest loss on the held-back text, if there is one
================  =================================================================================

A save writes a file beside and moves it into place, which is a single operation of the file system.
So a run can be killed at any instant, and the folder holds the step saved before, or the new one.

The weights have PyTorch's names. In ``last.safetensors``, there are also ``optimizer.INDEX.NAME``,
what the optimizer remembers of parameter number INDEX; ``hidden.0`` and, of an LSTM, ``hidden.1``,
the state that is carried on; and ``history.COLUMN``, the records. All the rest is JSON, under the
name ``charseq`` in the metadata: the options of the network, the vocabulary, the settings, the
source of the text with its fingerprint, the step, and a SHA-256 of the whole file, which finds a
changed bit. Loading such a file executes no code.

A folder has one writer at a time. Readers take no lock: what they read is one whole file.

A file that :func:`export` has made holds only the network, in float16. It can write text, but its
training cannot be resumed. The network ``austen``, which comes with the package, is a folder with
one.

Torch is imported only where a run is saved or resumed, so that sampling does not need it.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as from_safetensors
from safetensors.numpy import save as to_safetensors

from charseq._errors import UserError
from charseq._version import __version__
from charseq.files import write_whole
from charseq.history import History, UpdateRecord
from charseq.net import NumpyNet
from charseq.vocab import Vocabulary

if TYPE_CHECKING:
    from charseq.language_model import Run
    from charseq.model import CharRNN

__all__ = [
    "RunFolderError",
    "export",
    "load_model",
    "load_net",
    "load_run",
    "read_config",
    "read_history",
    "save_run",
    "start_folder",
]

NETWORKS = ("austen",)  # folders of the package, each with a README
LAST, BEST, LOCK = "last.safetensors", "best.safetensors", "run.lock"
SHOWN = ("cell", "hidden_size", "num_layers", "embedding_size", "dropout")  # of a network
KEPT = "text.txt"  # a text from standard input
EXPORTS = ("history.csv", "loss.svg")  # for people; nothing reads them
STATE = ("optimizer", "hidden", "history")  # what names of arrays begin with that are no weights
COLUMNS = tuple(field.name for field in fields(UpdateRecord))
NO_DIGEST = "0" * 64  # in place of the SHA-256 while the file is hashed

Folder = str | os.PathLike[str]
Arrays = dict[str, NDArray[Any]]


class RunFolderError(UserError):
    """A folder is not a run folder, or is damaged. The message says what is wrong, and what helps.

    It names the file.
    """


# --- one file -------------------------------------------------------------------------------------


def to_bytes(about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the bytes of a file with these arrays, and with facts that JSON can hold."""
    text = json.dumps({"sha256": NO_DIGEST, **about})
    data = to_safetensors(dict(arrays), metadata={"charseq": text})
    digest = hashlib.sha256(data).hexdigest()
    return data.replace(NO_DIGEST.encode(), digest.encode(), 1)


def read_file(file: Path) -> tuple[dict[str, Any], Arrays]:
    """Return the facts and the arrays of a file, if it is as it was written, bit for bit."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise RunFolderError(f"{file} cannot be read: {error.strerror}") from None
    try:
        size = int.from_bytes(data[:8], "little")
        about = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["charseq"])
        digest = about.pop("sha256")
        hashed = hashlib.sha256(data.replace(digest.encode(), NO_DIGEST.encode(), 1))
        if hashed.hexdigest() == digest:
            return about, from_safetensors(data)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, SafetensorError):
        pass
    raise RunFolderError(
        f"{file} is damaged or cut short: it is not what charseq saved (SHA-256); put back a "
        "copy of it, or use the run's other file: --last or best=False takes the last weights"
    )


def command_to_start(folder: Folder, text: str = "TEXT") -> str:
    """Return the advice to start a new run with the network of an earlier one."""
    return (
        "start a new run with what this one has learned: charseq train "
        f"{text} --init-from {folder} --out NEW-FOLDER"
    )


# --- a folder -------------------------------------------------------------------------------------


def find_file(folder: Folder, *, best: bool = False, whole: bool = False) -> Path:
    """Return the last checkpoint of a run, or with `best` its best network, if there is one.

    An exported file stands for itself, and is refused if the run has to be `whole`, as is a folder
    that has only the best.
    """
    path = Path(folder)
    if path.suffix == ".safetensors" and path.is_file() and not whole:
        return path
    if str(folder) in NETWORKS and not path.exists():
        path = Path(__file__).parent / folder
    if not path.is_dir():
        problem = "is a file" if path.exists() else "does not exist"
        raise RunFolderError(
            f"{path} {problem}; expected a run folder made by charseq train, or {NETWORKS[0]}"
        )
    there = [name for name in (LAST, BEST) if os.path.lexists(path / name)]
    if whole and there == [BEST]:
        name = folder if str(folder) in NETWORKS else path
        raise RunFolderError(
            f"{name} holds only a network, which charseq export has made, so its training cannot "
            f"be resumed; charseq sample still works. To train further, {command_to_start(name)}"
        )
    if there:
        return path / there[-1 if best else 0]
    raise RunFolderError(
        f"{path} is not a run folder: it has no {LAST}; expected one made by charseq train"
    )


def read_saved(folder: Folder, *, best: bool = False) -> tuple[Path, dict[str, Any], Arrays]:
    """Read the last checkpoint of a run, or its best network if there is one; and the file."""
    file = find_file(folder, best=best)
    return file, *read_file(file)


@contextmanager
def _using(file: Path, about: Mapping[str, Any]) -> Iterator[None]:
    """Explain an error of what a file holds, which is as it was saved: by another version."""
    try:
        yield
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RunFolderError(
            f"{file} was saved by charseq {about.get('charseq')}, and this one, {__version__}, "
            f"cannot use it: {error}"
        ) from None


@contextmanager
def lock_run(folder: Folder, *, new: bool = False) -> Iterator[None]:
    """Be the only one that writes in a run folder.

    With `new`, the folder must not hold a run yet. It is made, and removed again if it stays empty.
    """
    from filelock import FileLock, Timeout

    path = Path(folder) if new else find_file(folder, whole=True).parent
    lock, is_made, begins = FileLock(path / LOCK, timeout=0), not path.exists(), False
    try:
        with explain_write_errors(path):
            path.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire()
            except Timeout:
                raise BlockingIOError(
                    f"another process is writing in {path}: wait until it has ended, or interrupt "
                    "it, or choose another folder"
                ) from None
        if new:
            _check_new(path)
            begins = True
        yield
    finally:
        lock.release()
        if begins and not (path / LAST).exists():
            with suppress(OSError):
                (path / KEPT).unlink(missing_ok=True)
                if is_made:
                    (path / LOCK).unlink(missing_ok=True)
                    path.rmdir()


def _check_new(path: Path) -> None:
    for name in (LAST, BEST, KEPT, *EXPORTS):
        if (path / name).exists():
            what = (
                "a run already: resume it" if name in (LAST, BEST) else f"a file {name}: remove it"
            )
            raise FileExistsError(f"{path} holds {what}, or choose another folder for a new run")


@contextmanager
def explain_write_errors(folder: Path) -> Iterator[None]:
    """Say in an error that a run could not be saved, and whether an earlier step is there."""
    try:
        yield
    except BlockingIOError:  # its message is complete
        raise
    except OSError as error:
        rest = "; the step saved before is still complete" if (folder / LAST).exists() else ""
        raise OSError(
            error.errno, f"the run could not be saved in {folder} ({error.strerror or error}){rest}"
        ) from error


# --- saving ---------------------------------------------------------------------------------------


def start_folder(folder: Folder, run: "Run", source: dict[str, Any] | None = None) -> None:
    """Make a run folder for a run that has not made a training step yet.

    Parameters
    ----------
    folder : str or path-like
        It is created if it does not exist. It must not hold a run yet.
    run : Run
        The run whose options, settings, vocabulary and weights are written.
    source : dict, optional
        Where the text came from, in types that JSON can hold.

    Raises
    ------
    FileExistsError
        If the folder holds a run, or a file that a run would replace, or is a file itself.
    BlockingIOError
        If another process is writing in the folder.
    OSError
        If the file cannot be written.
    """
    with lock_run(folder, new=True):
        write_run(folder, run, History(()), source or {})


def save_run(folder: Folder, run: "Run", history: History, *, best: bool = False) -> None:
    """Save a run between two training steps.

    Parameters
    ----------
    folder : str or path-like
        A folder that :func:`start_folder` has made.
    run : Run
        The run in its current state.
    history : History
        All records of the run so far.
    best : bool, default=False
        Whether to write the weights to ``best.safetensors`` as well.

    Raises
    ------
    RunFolderError
        If the folder does not hold a run, or its last checkpoint is damaged.
    BlockingIOError
        If another process is writing in the folder.
    FileExistsError
        If the folder holds a later training step, which another process must have saved.
    ValueError
        If the run could be saved but not resumed, because it is not as its settings say: it has
        another optimizer, or one with other options or of other parameters, or weights that are
        frozen, or of another type than float32 and float64. Nothing is written.
    OSError
        If a file cannot be written. The training step saved before remains complete.
    """
    with lock_run(folder):
        saved = read_config(folder)
        if saved["step"] > run.step:
            raise FileExistsError(
                f"{folder} holds step {saved['step']} of a run and would lose it: this run is at "
                f"step {run.step}; go on from the later step with load_run, or choose another "
                "folder"
            )
        write_run(folder, run, history, saved["text"], best=best)


def write_run(
    folder: Folder, run: "Run", history: History, source: dict[str, Any], *, best: bool = False
) -> None:
    """Write a checkpoint of a run into a folder that the caller has locked."""
    from charseq.language_model import check_resumable
    from charseq.layers import parts_of

    check_resumable(run)
    path = Path(folder)
    about = {
        "charseq": __version__,
        "model": run.model.options,
        "vocab": json.loads(run.vocab.to_json()),
        "settings": asdict(run.settings),
        "text": source,
        "step": run.step,
        "best_loss": run.best_loss if math.isfinite(run.best_loss) else None,
        "since_best": run.since_best,
    }
    arrays = {name: tensor.cpu().numpy() for name, tensor in run.model.state_dict().items()}
    if run.model.options["tied"]:
        del arrays["head.weight"]  # the same array as embedding.weight
    network = to_bytes(about, arrays) if best else b""
    assert run.optimizer is not None
    for index, of_parameter in run.optimizer.state_dict()["state"].items():
        for name, value in of_parameter.items():
            if value is not None:  # SGD without momentum stores None
                arrays[f"optimizer.{index}.{name}"] = value.cpu().numpy()
    for index, part in enumerate(parts_of(run.hidden) if run.hidden is not None else ()):
        arrays[f"hidden.{index}"] = np.ascontiguousarray(part.cpu().numpy())
    for name in COLUMNS:
        arrays[f"history.{name}"] = np.array([getattr(record, name) for record in history])
    with explain_write_errors(path):
        # The best weights come first: a run that is killed after them makes the same ones again.
        if best:
            write_whole(path / BEST, network)
        write_whole(path / LAST, to_bytes(about, arrays))
        for left in path.glob(".*.part"):  # by a process that was killed
            left.unlink()


def export(folder: Folder, file: str | os.PathLike[str], *, best: bool = True) -> None:
    """Write what a network needs to write text into one file, for this program or another.

    Parameters
    ----------
    folder : str or path-like
        A run folder.
    file : str or path-like
        The file to make. Its name says of what kind it is: ``.safetensors`` holds the weights in
        float16, vocabulary and settings, and can be used as a run folder can, but not resumed;
        ``.onnx`` is a graph that other programs run: it takes ids (B, T) and a state and returns
        logits and the new state, and has the vocabulary as ``charseq`` in its metadata.
    best : bool, default=True
        As in :func:`charseq.load_net`.

    Raises
    ------
    RunFolderError
        If the run's file is missing or damaged, or if a weight is too large for float16.
    FileExistsError
        If `file` exists.
    ValueError
        If the name ends otherwise.
    OSError
        If the file cannot be written.
    """
    path = Path(file)
    if path.exists():
        raise FileExistsError(f"{path} exists already: choose another name")
    if path.suffix == ".onnx":
        write_whole(path, _to_onnx(*load_model(folder, best=best)))
        return
    if path.suffix != ".safetensors":
        raise UserError(f"expected a name that ends in .safetensors or .onnx, got {path}")
    saved, about, arrays = read_saved(folder, best=best)
    small = {}
    for name, array in weights_of(arrays).items():
        largest = abs(array).max()
        if largest > np.finfo(np.float16).max:
            raise RunFolderError(f"{saved}: {name} holds {largest:g}, and float16 ends at 65504")
        small[name] = array.astype(np.float16)
    write_whole(path, to_bytes(about, small))


def _to_onnx(model: "CharRNN", vocab: Vocabulary) -> bytes:
    import io
    import warnings

    import onnx  # type: ignore[import-not-found,unused-ignore]
    import torch

    from charseq.layers import parts_of

    ids = torch.zeros(2, 5, dtype=torch.int64)
    with torch.no_grad(), warnings.catch_warnings(action="ignore"):  # of the older exporter,
        _, state = model(ids)  # which alone leaves the length free for each of the three cells
        names = ["h", "c"][: len(parts_of(state))]
        free = {"ids": {0: "B", 1: "T"}, "logits": {0: "B", 1: "T"}}
        free |= {f"{when}_{name}": {1: "B"} for name in names for when in ("before", "after")}
        file: Any = io.BytesIO()
        options: dict[str, Any] = {
            "dynamo": False,
            "input_names": ["ids", *(f"before_{name}" for name in names)],
            "output_names": ["logits", *(f"after_{name}" for name in names)],
        }
        torch.onnx.export(model, (ids, state), file, dynamic_axes=free, **options)
    graph = onnx.load_from_string(file.getvalue())
    onnx.helper.set_model_props(graph, {"charseq": vocab.to_json()})
    return bytes(graph.SerializeToString())


# --- loading --------------------------------------------------------------------------------------


def load_run(folder: Folder) -> tuple["Run", History]:
    """Load a run, to continue it as if it had never stopped.

    Parameters
    ----------
    folder : str or path-like
        A run folder.

    Returns
    -------
    run : Run
        The run in the state in which it was saved.
    history : History
        The records of all training steps up to the save.

    Raises
    ------
    RunFolderError
        If the folder is no run folder, or its file is missing or damaged.
    """
    import torch

    from charseq.language_model import Run
    from charseq.settings import Settings

    file = find_file(folder, whole=True)
    about, arrays = read_file(file)
    with _using(file, about):
        run = Run(
            _make_model(about, arrays),
            read_vocab(about),
            Settings(**about["settings"]),
            step=about["step"],
            best_loss=math.inf if about["best_loss"] is None else about["best_loss"],
            since_best=about["since_best"],
        )
        assert run.optimizer is not None
        memory: dict[int, Any] = {}
        hidden = []
        for name in sorted(arrays):
            kind, *rest = name.split(".")
            # A copy in torch's own memory, so that its sums are as before, bit for bit.
            if kind == "optimizer":
                memory.setdefault(int(rest[0]), {})[rest[1]] = torch.tensor(arrays[name])
            elif kind == "hidden":
                hidden.append(torch.tensor(arrays[name]))
        run.optimizer.load_state_dict({**run.optimizer.state_dict(), "state": memory})
        if hidden:
            run.hidden = (hidden[0], hidden[1]) if len(hidden) > 1 else hidden[0]
        return run, history_of(arrays)


def load_model(folder: Folder, *, best: bool = True) -> tuple["CharRNN", Vocabulary]:
    """Load a trained network as a torch module.

    Parameters
    ----------
    folder, best : str or path-like, bool
        As in :func:`charseq.load_net`.

    Returns
    -------
    model : CharRNN
        The network, in evaluation mode.
    vocab : Vocabulary
        Its characters.

    Raises
    ------
    RunFolderError
        As in :func:`charseq.load_net`.
    """
    file, about, arrays = read_saved(folder, best=best)
    with _using(file, about):
        return _make_model(about, arrays).eval(), read_vocab(about)


def load_net(folder: Folder, *, best: bool = True) -> tuple[NumpyNet, Vocabulary]:
    """Load a trained network for sampling, without torch.

    Parameters
    ----------
    folder : str or path-like
        A run folder.
    best : bool, default=True
        Take the weights that were best on the held-back text. If the folder has none, or `best` is
        False, take the latest weights.

    Returns
    -------
    net : NumpyNet
        The network in NumPy.
    vocab : Vocabulary
        Its characters.

    Raises
    ------
    RunFolderError
        If the folder is no run folder, or its file is missing or damaged.
    """
    file, about, arrays = read_saved(folder, best=best)
    with _using(file, about):
        return NumpyNet(about["model"], weights_of(arrays)), read_vocab(about)


def read_config(folder: Folder) -> dict[str, Any]:
    """Read what a run folder says of its run, besides the numbers.

    Parameters
    ----------
    folder : str or path-like
        A run folder.

    Returns
    -------
    dict
        A dictionary with the keys charseq (the version), model, vocab, settings, text, step,
        best_loss and since_best.

    Raises
    ------
    RunFolderError
        If the folder is no run folder, or its file is missing or damaged.
    """
    return read_saved(folder)[1]


def read_history(folder: Folder) -> History:
    """Read the records of a run, without torch.

    Parameters
    ----------
    folder : str or path-like
        A run folder.

    Returns
    -------
    History
        The records up to the training step of the last checkpoint; none of a file that
        :func:`export` has made.

    Raises
    ------
    RunFolderError
        If the folder is no run folder, or its file is missing or damaged.
    """
    return history_of(read_saved(folder)[2])


def facts_of(folder: Folder) -> dict[str, Any]:
    """Return what ``charseq info`` says of a run folder, each fact as a number or a text."""
    _, about, arrays = read_saved(folder)
    history, model, text = history_of(arrays), about["model"], about["text"]
    settings, step, best = about["settings"], about["step"], about["best_loss"]
    read, tokens = step * settings["batch_size"] * settings["length"], text.get("train_tokens")
    names, seconds = text.get("text"), [r.seconds for r in history if not math.isnan(r.seconds)]
    return {
        **{name: model[name] for name in SHOWN},
        "parameters": sum(array.size for array in weights_of(arrays).values()),
        "vocabulary": model["vocab_size"],
        "tokens": text.get("tokens"),
        "text": ", ".join(names) if isinstance(names, list) else names,
        "characters": text.get("characters"),
        **settings,
        "step": step,
        "epochs": round(read / tokens, 2) if tokens else None,
        "minutes": round(math.fsum(seconds) / 60, 2) if seconds else None,
        "loss": round(history[-1].loss, 4) if len(history) else None,
        "bits_per_character": None if best is None else round(best / math.log(2), 4),
    }


def read_vocab(about: Mapping[str, Any]) -> Vocabulary:
    """Return the vocabulary that is among the facts of a file."""
    text = json.dumps(about["vocab"])
    if "merges" in about["vocab"]:  # pieces of words; no other run needs the module
        from charseq.tokens import BytePairEncoding

        return BytePairEncoding.from_json(text)
    return Vocabulary.from_json(text)


def history_of(arrays: Arrays) -> History:
    """Return the records that are among the arrays of a file."""
    columns = [arrays[f"history.{name}"].tolist() for name in COLUMNS if "history.step" in arrays]
    return History(tuple(UpdateRecord(*row) for row in zip(*columns, strict=True)))


def weights_of(arrays: Arrays) -> Arrays:
    """Return a network's weights; those of an exported file in float32 again."""
    return {
        # A copy, because the library's arrays are read-only, and nobody knows how they are aligned.
        name: np.array(array, dtype=np.float32 if array.dtype == np.float16 else array.dtype)
        for name, array in arrays.items()
        if name.partition(".")[0] not in STATE
    }


def _make_model(about: Mapping[str, Any], arrays: Arrays) -> "CharRNN":
    import torch

    from charseq.model import CharRNN

    model = CharRNN(**about["model"])
    tensors = {name: torch.from_numpy(array) for name, array in weights_of(arrays).items()}
    if model.options["tied"]:
        tensors["head.weight"] = tensors["embedding.weight"]
    model.to(tensors["rnn.weight_ih_l0"].dtype).load_state_dict(tensors)
    return model
