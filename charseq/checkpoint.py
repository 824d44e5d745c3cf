"""A run folder: all that a training run leaves on disk, to be resumed or to write text.

=====================  =====================================================================
config.json            format, the model's options, the settings, where the text came from
vocab.json             the vocabulary
weights.safetensors    the model's state dict, and the number of the step that it belongs to
state-N.safetensors    the optimizer's memory and the carried state after step N
best.safetensors       the weights that were best on the held-back text, if any was
history.csv            one row per training step
=====================  =====================================================================

Each file appears whole or not at all, except that rows are added to the history. A save happens at
the moment when ``weights.safetensors`` is replaced. Before it, the old step counts: its state file
and its rows are still there. After it, the new step counts. So a run that is killed at any instant,
or cut off from its power, can be resumed from a complete step. Nothing in the folder is code: it is
JSON, CSV and safetensors, and loading it runs none.

Torch is imported only where a run is saved or resumed, so that sampling does not need it.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

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
    "load_model",
    "load_net",
    "load_run",
    "read_config",
    "read_history",
    "save_run",
    "start_folder",
]

FORMAT = 1
WRITTEN = ("config.json", "vocab.json", "weights.safetensors", "best.safetensors", "history.csv")
# What each of torch's optimizers remembers of a parameter, once it has made a step.
MEMORY = {
    "sgd": ("momentum_buffer",),
    "adam": ("step", "exp_avg", "exp_avg_sq"),
    "adamw": ("step", "exp_avg", "exp_avg_sq"),
}

Folder = str | os.PathLike[str]


class RunFolderError(ValueError):
    """A folder is no run folder, or a damaged one; the message names the file and what is wrong."""


def start_folder(folder: Folder, run: "Run", source: dict[str, Any] | None = None) -> None:
    """Make a run folder for a run that has not made a step.

    Parameters
    ----------
    folder : str or path-like
        Made if need be; must not hold a run already.
    run : Run
        Whose options, settings, vocabulary and weights are written.
    source : dict, optional
        Where the text came from, as JSON can hold it.

    Raises
    ------
    FileExistsError
        If there is a run in the folder, or a file that a run would replace.
    OSError
        If it cannot be written; what had been written is removed.
    """
    path = Path(folder)
    there = [name for name in WRITTEN if (path / name).exists()]
    if "config.json" in there:
        raise FileExistsError(
            f"{path} holds a run already: resume it, or choose another folder for a new one"
        )
    if there:
        raise FileExistsError(
            f"{path} holds a file {there[0]}, which a new run would replace: choose another folder"
        )
    made = not path.exists()
    config = {
        "format": FORMAT,
        "charseq": __version__,
        "model": run.model.options,
        "settings": asdict(run.settings),
        "text": source or {},
    }
    try:
        with _errors_name(path):
            path.mkdir(parents=True, exist_ok=True)
            write_whole(path / "vocab.json", run.vocab.to_json().encode())
            _write_files(path, run, History(()), best=False)
            # Last, because it is what makes the folder a run.
            write_whole(path / "config.json", (json.dumps(config, indent=2) + "\n").encode())
    except BaseException:  # an interrupt as well
        for name in (*WRITTEN, f"state-{run.step}.safetensors") if path.is_dir() else ():
            (path / name).unlink(missing_ok=True)
        if made and path.is_dir():
            path.rmdir()
        raise


def save_run(folder: Folder, run: "Run", history: History, *, best: bool = False) -> None:
    """Save a run between two steps.

    Parameters
    ----------
    folder : str or path-like
        Made by :func:`start_folder`.
    run : Run
        As it stands.
    history : History
        Its records so far.
    best : bool, default=False
        Whether its weights are the best so far, to be kept as such.

    Raises
    ------
    OSError
        If there is no room; the step saved before is still there, whole.
    """
    with _errors_name(folder):
        _write_files(Path(folder), run, history, best)


def _write_files(path: Path, run: "Run", history: History, best: bool) -> None:
    weights = to_safetensors(_weights_of(run), metadata={"step": str(run.step)})
    history.to_csv(path / "history.csv", after=_step_saved(path))
    state = path / f"state-{run.step}.safetensors"
    write_whole(state, to_safetensors(_state_of(run), metadata={"step": str(run.step)}))
    if best:
        write_whole(path / "best.safetensors", weights)
    write_whole(path / "weights.safetensors", weights)
    # What does not count any more, and what was being written when an earlier process was killed.
    for old in (*path.glob("state-*.safetensors"), *path.glob(".*.part")):
        if old != state:
            old.unlink()


def _step_saved(path: Path) -> int | None:
    """Return the step whose row and those before it must stay, whatever happens; None in doubt."""
    try:
        with safe_open(path / "weights.safetensors", framework="numpy") as tensors:
            return int(tensors.metadata()["step"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


@contextmanager
def _errors_name(folder: Folder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(
            error.errno,
            f"the run could not be saved in {folder} ({error.strerror}); what was saved there "
            "before still counts",
        ) from error


def load_run(folder: Folder) -> tuple["Run", History]:
    """Load a run, to go on as if it had never stopped.

    Parameters
    ----------
    folder : str or path-like
        A run folder.

    Returns
    -------
    run : Run
        As it stood when it was saved.
    history : History
        The records up to there.

    Raises
    ------
    RunFolderError
        If a file is missing, damaged, or does not fit the others.
    """
    from charseq.language_model import Run, Settings

    path = Path(folder)
    config, vocab = read_config(path), _read_vocab(path)
    model, step = _model_from(path / "weights.safetensors", config)
    _check_vocab(path, vocab, model.vocab_size)
    try:
        settings = Settings(**config["settings"])
    except (TypeError, ValueError) as error:
        raise RunFolderError(f"{path / 'config.json'} is damaged: {error}") from None
    run = Run(model, vocab, settings, step=step)
    _restore_state(run, path / f"state-{step}.safetensors")
    return run, _read_history(path, step)


def read_history(folder: Folder) -> History:
    """Read the records of a run, without torch.

    Parameters
    ----------
    folder : str or path-like
        A run folder.

    Returns
    -------
    History
        The records up to the step that the weights belong to.

    Raises
    ------
    RunFolderError
        If a file is missing or damaged.
    """
    path = Path(folder)
    file = path / "weights.safetensors"
    return _read_history(path, _whole_number(file, _read_arrays(file)[1], "step"))


def _read_history(path: Path, step: int) -> History:
    file = path / "history.csv"
    try:
        # A run that was killed while it saved may have left rows of steps that do not count.
        history = History.from_csv(file, upto=step)
    except FileNotFoundError:
        raise RunFolderError(f"{path} is damaged: it has no history.csv") from None
    except OSError as error:
        raise RunFolderError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:  # which names the file and the line
        raise RunFolderError(str(error)) from None
    if not all(isinstance(record, UpdateRecord) for record in history):
        raise RunFolderError(f"{file} is the history of another kind of run: it has no steps")
    return history


def load_model(folder: Folder, *, best: bool = True) -> tuple["CharRNN", Vocabulary]:
    """Load a trained network as a module of torch.

    Parameters
    ----------
    folder, best : str or path-like, bool
        As in :func:`charseq.load_net`.

    Returns
    -------
    model : CharRNN
        Not in training mode.
    vocab : Vocabulary
        Its characters.

    Raises
    ------
    RunFolderError
        As in :func:`charseq.load_net`.
    """
    path = Path(folder)
    config, vocab = read_config(path), _read_vocab(path)
    model, _ = _model_from(_weights_file(path, best), config)
    _check_vocab(path, vocab, model.vocab_size)
    return model.eval(), vocab


def load_net(folder: Folder, *, best: bool = True) -> tuple[NumpyNet, Vocabulary]:
    """Load a trained network for sampling, without torch.

    Parameters
    ----------
    folder : str or path-like
        A run folder.
    best : bool, default=True
        Take the weights that were best on held-back text, where there are any, else the last.

    Returns
    -------
    net : NumpyNet
        The network in NumPy.
    vocab : Vocabulary
        Its characters.

    Raises
    ------
    RunFolderError
        If a file is missing, damaged, or does not fit the others.
    """
    path = Path(folder)
    config, vocab = read_config(path), _read_vocab(path)
    file = _weights_file(path, best)
    net = _net_from(file, _read_arrays(file)[0], config["model"])
    _check_vocab(path, vocab, net.vocab_size)
    return net, vocab


def read_config(folder: Folder) -> dict[str, Any]:
    """Read ``config.json`` and make sure that this version of charseq can use it.

    Parameters
    ----------
    folder : str or path-like
        A run folder.

    Returns
    -------
    dict
        With the keys format, charseq, model, settings and text.

    Raises
    ------
    RunFolderError
        If there is no such file, it is damaged, or its format is another.
    """
    path = Path(folder)
    if not path.is_dir():
        what = "a file" if path.exists() else "not there"
        raise RunFolderError(f"{path} is {what}; expected a run folder, as charseq train makes it")
    file = path / "config.json"
    try:
        config = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise RunFolderError(f"{path} is no run folder: it has no config.json") from None
    except OSError as error:
        raise RunFolderError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise RunFolderError(f"{file} is damaged: {error}") from None
    if not isinstance(config, dict) or "format" not in config:
        raise RunFolderError(f"{file} is not the configuration of a run: it names no format")
    if config["format"] != FORMAT:
        raise RunFolderError(
            f"{file} has format {config['format']!r}, made by charseq {config.get('charseq')}; "
            f"this is charseq {__version__}, which reads format {FORMAT}"
        )
    for name in ("model", "settings", "text"):
        if not isinstance(config.get(name), dict):
            raise RunFolderError(f"{file} is damaged: {name!r} should be an object")
    return config


def _weights_file(path: Path, best: bool) -> Path:
    file = path / "best.safetensors"
    return file if best and file.exists() else path / "weights.safetensors"


def _model_from(file: Path, config: dict[str, Any]) -> tuple["CharRNN", int]:
    """Make the model of a run, with the weights of a file and the step that they belong to."""
    import torch

    from charseq.model import CharRNN

    arrays, metadata = _read_arrays(file)
    net = _net_from(file, arrays, config["model"])  # before torch makes room for what is not there
    try:
        model = CharRNN(**config["model"])
    except (TypeError, ValueError) as error:
        raise RunFolderError(f"{file.parent / 'config.json'} is damaged: {error}") from None
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    if model.options["tied"]:
        tensors["head.weight"] = tensors["embedding.weight"]
    model.to(torch.from_numpy(net.layers[0].W_ih).dtype).load_state_dict(tensors)
    return model, _whole_number(file, metadata, "step")


def _net_from(file: Path, arrays: Mapping[str, NDArray[Any]], options: dict[str, Any]) -> NumpyNet:
    """Make the network of a run in NumPy, which compares each weight with the options."""
    if {array.dtype.name for array in arrays.values()} not in ({"float32"}, {"float64"}):
        raise RunFolderError(f"{file} is damaged: its weights should be all float32 or all float64")
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise RunFolderError(f"{file} is damaged: {name} holds a number that is not finite")
    try:
        return NumpyNet(options, arrays)
    except KeyError as error:
        raise RunFolderError(f"{file} does not fit config.json: {error.args[0]}") from None
    except ValueError as error:
        raise RunFolderError(f"{file} does not fit config.json: {error}") from None


def _check_vocab(path: Path, vocab: Vocabulary, vocab_size: int) -> None:
    if len(vocab) != vocab_size:
        raise RunFolderError(
            f"{path / 'vocab.json'} has {len(vocab)} characters and the network {vocab_size}"
        )


def _read_vocab(path: Path) -> Vocabulary:
    file = path / "vocab.json"
    try:
        return Vocabulary.from_json(file.read_text("utf-8"))
    except FileNotFoundError:
        raise RunFolderError(f"{path} is damaged: it has no vocab.json") from None
    except OSError as error:
        raise RunFolderError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise RunFolderError(f"{file} is damaged: {error}") from None


def _read_arrays(file: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    if not file.exists():
        raise RunFolderError(f"{file.parent} is damaged: it has no {file.name}")
    try:
        with safe_open(file, framework="numpy") as tensors:
            # Copies: what is mapped from the file would change with it.
            arrays = {name: np.array(tensors.get_tensor(name)) for name in tensors.keys()}  # noqa: SIM118
            return arrays, tensors.metadata() or {}
    except OSError as error:
        raise RunFolderError(f"{file} cannot be read: {error.strerror or error}") from None
    except (SafetensorError, TypeError) as error:
        raise RunFolderError(f"{file} is damaged or cut short: {error}") from None


def _whole_number(file: Path, metadata: dict[str, str], name: str) -> int:
    found = metadata.get(name, "")
    if not (found.isascii() and found.isdecimal() and len(found) < 19):
        raise RunFolderError(
            f"{file} is damaged: it should say its {name} as a whole number, got {found[:40]!r}"
        )
    return int(found)


def _weights_of(run: "Run") -> dict[str, NDArray[Any]]:
    weights = {name: array.numpy() for name, array in run.model.state_dict().items()}
    if run.model.options["tied"]:
        del weights["head.weight"]  # the embedding's, under another name
    return weights


def _state_of(run: "Run") -> dict[str, NDArray[Any]]:
    """Name the optimizer's memory of each parameter, the carried state, and what was best."""
    assert run.optimizer is not None
    found = {
        "best_loss": np.array(run.best_loss, dtype=np.float64),
        "since_best": np.array(run.since_best, dtype=np.float64),
    }
    for index, memory in run.optimizer.state_dict()["state"].items():
        for name, value in memory.items():
            if value is not None:  # SGD without momentum remembers nothing
                found[f"optimizer.{index}.{name}"] = value.numpy()
    if run.hidden is not None:
        from charseq.layers import parts_of

        for index, part in enumerate(parts_of(run.hidden)):
            found[f"hidden.{index}"] = np.ascontiguousarray(part.numpy())
    return found


def _restore_state(run: "Run", file: Path) -> None:
    import torch

    assert run.optimizer is not None
    arrays, metadata = _read_arrays(file)
    expected, found = _shapes_of_state(run), {name: arrays[name].shape for name in arrays}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name) or arrays[name].dtype.kind != "f":
            raise RunFolderError(
                f"{file} does not fit the run: expected {name} to be "
                f"{_float_array(expected.get(name))}, got {_float_array(found.get(name))}"
            )
    if _whole_number(file, metadata, "step") != run.step:
        raise RunFolderError(f"{file} is damaged: it belongs to step {metadata['step']}")
    run.best_loss, since_best = (float(arrays.pop(name)) for name in ("best_loss", "since_best"))
    if math.isnan(run.best_loss) or not (since_best >= 0 and since_best.is_integer()):
        raise RunFolderError(
            f"{file} is damaged: got a best loss of {run.best_loss}, {since_best} measurements ago"
        )
    run.since_best = int(since_best)
    memory: dict[int, dict[str, Any]] = {}
    hidden = []
    for name in sorted(arrays):
        part = torch.tensor(arrays[name])  # a copy in memory that is aligned as torch aligns it
        kind, index, *rest = name.split(".")
        if kind == "hidden":
            hidden.append(part)
        else:
            memory.setdefault(int(index), {})[rest[0]] = part
    run.optimizer.load_state_dict({**run.optimizer.state_dict(), "state": memory})
    if hidden:
        run.hidden = (hidden[0], hidden[1]) if len(hidden) > 1 else hidden[0]


def _shapes_of_state(run: "Run") -> dict[str, tuple[int, ...]]:
    """Say what the state of a run must hold."""
    shapes: dict[str, tuple[int, ...]] = {"best_loss": (), "since_best": ()}
    if run.step == 0:
        return shapes
    settings, rnn = run.settings, run.model.rnn
    if settings.optimizer != "sgd" or settings.momentum:  # SGD without momentum remembers nothing
        for index, parameter in enumerate(run.model.parameters()):
            for name in MEMORY[settings.optimizer]:
                shape = () if name == "step" else tuple(parameter.shape)
                shapes[f"optimizer.{index}.{name}"] = shape
    for index in range(2 if run.model.options["cell"] == "LSTM" else 1):
        shapes[f"hidden.{index}"] = (rnn.num_layers, settings.batch_size, rnn.hidden_size)
    return shapes


def _float_array(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else f"floats of shape {shape}"
