"""Run folders: all files of a training run, to resume it or to write text with its network.

=====================  =====================================================================
config.json            the format, the model's options, the settings, the source of the text
vocab.json             the vocabulary
weights.safetensors    the model's state dict, and the number of its training step
state-N.safetensors    the optimizer's state and the hidden state after training step N
best.safetensors       the weights with the smallest loss on the held-back text, if there is one
history.csv            one row per training step, with the seconds that it took
=====================  =====================================================================

Each file is replaced as a whole or not at all, except the history, which grows by rows. A save
takes effect at the moment when ``weights.safetensors`` is replaced. Until then, the folder still
holds all files and rows of the training step saved before, so a run can be resumed from a complete
training step, even if it is killed or the power fails. The files are JSON, CSV and safetensors, so
loading them executes no code.

Each file has a checksum, so a changed bit is found when the file is read. ``config.json`` and the
safetensors files hold their own. That of the vocabulary is in the metadata of the weights, and that
of the history, up to the step of a save, in those of its state file. Without a state file, as in a
folder that :func:`shrink` has made, it is in those of the weights. Folders of the first version
have no checksums.

A folder has one writer at a time, which holds a lock on the file ``run.lock``. The file is there
only during writing. Readers take no lock: whatever they read belongs to one save.

A folder that :func:`shrink` has made can write text, but it cannot be resumed, because it lacks the
state and the best weights. Its weights are float16, and its history holds only measurements. The
network ``austen``, which comes with the package, is such a folder.

Torch is imported only where a run is saved or resumed, so that sampling does not need it.
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from charseq._run_files import (
    PARTS_OF_CONFIG,
    RunFolderError,
    check_folder,
    check_place,
    check_vocab,
    checksum_of_vocab,
    damaged_config,
    describe_history,
    is_float16,
    parse_number,
    read_arrays,
    read_config_file,
    read_history_file,
    read_metadata,
    read_saved_step,
    read_vocab,
    write_arrays,
    write_config,
)
from charseq._version import __version__
from charseq.files import LOCK, lock_folder, write_whole
from charseq.history import History, UpdateRecord, parse_csv
from charseq.net import NumpyNet
from charseq.saved_state import collect_state, restore_state
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
    "shrink",
    "start_folder",
]

NETWORKS = ("austen",)  # folders of the package, each with a README
FORMAT = 1
FILES = ("config.json", "vocab.json", "weights.safetensors", "best.safetensors", "history.csv")
Folder = str | os.PathLike[str]
T = TypeVar("T")


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
        If a file cannot be written. The files that were written before it are removed.
    """
    path = Path(folder)
    config = {
        "format": FORMAT,
        "charseq": __version__,
        "model": run.model.options,
        "settings": asdict(run.settings),
        "text": source or {},
    }
    with lock_run(path, make=True):
        check_new(path)
        with _all_or_none(path, *FILES, f"state-{run.step}.safetensors"):
            write_whole(path / "vocab.json", run.vocab.to_json().encode())
            _write_files(path, run, History(()), best=False, saved_step=None)
            # config.json comes last, because it marks the folder as a run.
            write_config(path, config)


@contextmanager
def _all_or_none(path: Path, *names: str) -> Iterator[None]:
    """Remove the files with these names if not all that the block writes can be written."""
    try:
        with explain_write_errors(path):
            yield
    except BaseException:  # includes KeyboardInterrupt
        for name in names:
            (path / name).unlink(missing_ok=True)
        raise


def change_config(folder: Folder, run: "Run", source: dict[str, Any]) -> None:
    """Write other settings, or another place of the text, into ``config.json``.

    Parameters
    ----------
    folder : str or path-like
        A run folder.
    run : Run
        The run, with its new settings.
    source : dict
        Where the text is now.

    Raises
    ------
    OSError
        If the file cannot be written. The old one is still there.
    """
    path = Path(folder)
    config = {**read_config(path), "settings": asdict(run.settings), "text": source}
    with lock_run(path), explain_write_errors(path):
        write_config(path, config)


def check_new(path: Path, *more: str) -> None:
    """Refuse a folder that holds a run, or a file that a run would replace, or one more file."""
    taken = [name for name in (*FILES, *more) if (path / name).exists()]
    if "config.json" in taken:
        raise FileExistsError(
            f"{path} holds a run already: resume it, or choose another folder for a new one"
        )
    if taken:
        raise FileExistsError(
            f"{path} holds a file {taken[0]}, which a new run would replace: choose another "
            "folder, or remove what a killed command has left in this one"
        )


@contextmanager
def lock_run(folder: Folder, *, make: bool = False) -> Iterator[None]:
    """Be the only process that writes in a run folder; :func:`save_run` may be called inside.

    With `make`, the folder is made if it does not exist.
    """
    path = Path(folder) if make else _path_of(folder)
    check_place(path)
    with ExitStack() as stack:
        with explain_write_errors(path):
            stack.enter_context(lock_folder(path, make=make))
        yield


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
    path = Path(folder)
    with lock_run(path):
        saved_step = read_saved_step(path)
        if saved_step is not None and saved_step > run.step:
            raise FileExistsError(
                f"{path} holds step {saved_step} of a run and would lose it: this run is at step "
                f"{run.step}; go on from the later step with load_run, or choose another folder"
            )
        with explain_write_errors(path):
            _write_files(path, run, history, best, saved_step)


def _write_files(
    path: Path, run: "Run", history: History, best: bool, saved_step: int | None
) -> None:
    # This also refuses a run that could not be resumed, before anything is written.
    arrays = collect_state(run)
    weights = write_arrays(
        _collect_weights(run), step=str(run.step), vocab=checksum_of_vocab(run.vocab)
    )
    about_history = _write_history(path, history, saved_step)
    if run.step == 0:  # there are no rows to check, and the head changes with the first one
        about_history = {}
    state = path / f"state-{run.step}.safetensors"
    write_whole(state, write_arrays(arrays, step=str(run.step), **about_history))
    if best:
        write_whole(path / "best.safetensors", weights)
    write_whole(path / "weights.safetensors", weights)
    # Remove outdated state files, and files that an earlier process was writing when it was killed.
    for old in (*path.glob("state-*.safetensors"), *path.glob(".*.part")):
        if old != state:
            old.unlink()


def _write_history(path: Path, history: History, saved_step: int | None) -> dict[str, str]:
    """Add the rows that are new, and return what the metadata of the save say of the file."""
    file, state = path / "history.csv", path / f"state-{saved_step}.safetensors"
    history.to_csv(file, after=saved_step)
    about, as_before = describe_history(path, read_metadata(state))
    if not as_before:  # the rows on the disk have been damaged
        history.to_csv(file)
        about, _ = describe_history(path, {})
    return about


@contextmanager
def explain_write_errors(folder: Folder) -> Iterator[None]:
    try:
        yield
    except BlockingIOError:  # its message is complete
        raise
    except OSError as error:
        has_run = os.path.exists(Path(folder) / "config.json")  # noqa: PTH110 - it never raises
        rest = "; the step saved before is still complete" if has_run else ""
        raise OSError(
            error.errno, f"the run could not be saved in {folder} ({error.strerror or error}){rest}"
        ) from error


def _path_of(folder: Folder) -> Path:
    """Return the path of a folder. The name of a network means the package's, if none is here."""
    path = Path(folder)
    if str(folder) in NETWORKS and not path.exists():
        return Path(__file__).parent / folder
    return path


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
        If a file is missing, is damaged, or does not fit the others.
    """
    return _read_one_save(_path_of(folder), _load_run)


def _read_one_save(path: Path, read: Callable[[Path], T]) -> T:
    while True:
        step_before = read_saved_step(path)
        try:
            return read(path)
        except RunFolderError:
            # A save between two reads removes the older state. Then the newer one is there.
            if read_saved_step(path) == step_before:
                raise


def _load_run(path: Path) -> tuple["Run", History]:
    from charseq.language_model import Run, Settings

    config, vocab = read_config(path), read_vocab(path)
    model, step = _read_model(path / "weights.safetensors", config, vocab)
    try:
        # Before there were samples, a run measured on all of its held-back text.
        settings = Settings(**{"evaluate_on": "all", **config["settings"]})
    except (TypeError, ValueError) as error:
        raise damaged_config(path, error) from None
    if not (state := path / f"state-{step}.safetensors").exists() and is_float16(path):
        from charseq._errors import command_to_start

        name = path.name if path == Path(__file__).parent / path.name else path
        raise RunFolderError(
            f"{name} was made smaller by charseq shrink, so its training cannot be resumed; "
            f"charseq sample still works. To train further: {command_to_start(name)}"
        )
    run = Run(model, vocab, settings, step=step)
    arrays, metadata = read_arrays(state)
    if parse_number(state, metadata) != step:
        raise RunFolderError(f"{state} is damaged: it belongs to step {metadata['step']}")
    try:
        restore_state(run, arrays)
    except ValueError as error:
        raise RunFolderError(f"{state} {error}") from None
    return run, _read_history(path, step, state, metadata)


def shrink(folder: Folder, target: Folder, *, best: bool = True) -> None:
    """Copy only what a network needs to write text, which is a small part of a run folder.

    The weights become float16, and the history keeps only the measurements on the held-back text.
    The optimizer's state is left out, so the copy cannot be resumed.

    Parameters
    ----------
    folder : str or path-like
        A run folder.
    target : str or path-like
        The folder to make. One that exists must be empty.
    best : bool, default=True
        As in :func:`charseq.load_net`.

    Raises
    ------
    RunFolderError
        If a file is missing or damaged, or if a weight is too large for float16.
    FileExistsError
        If `target` is a file, or a folder that is not empty.
    OSError
        If a file cannot be written.
    """
    path, target = _path_of(folder), Path(target)
    config, vocab = read_config(path), read_vocab(path)
    file = _choose_weights_file(path, best)
    arrays, metadata = read_arrays(file)
    _make_net(file, arrays, config["model"])  # raises if they do not fit
    with np.errstate(over="ignore"):
        small = {name: array.astype(np.float16) for name, array in arrays.items()}
    for name, array in small.items():
        if not np.isfinite(array).all():
            largest = abs(arrays[name]).max()
            raise RunFolderError(f"{file}: {name} holds {largest:g}, float16 ends at 65504")
    read_history(path)  # raises if it is damaged
    history = _read_history(path, parse_number(file, metadata), file, {})
    measured = History(tuple(record for record in history if not math.isnan(record.valid_loss)))
    if target.exists() and not target.is_dir():
        raise FileExistsError(f"{target} exists already: choose a new folder")
    with lock_run(target, make=True):
        if {file.name for file in target.iterdir()} - {LOCK}:
            raise FileExistsError(f"{target} exists already: choose a new folder")
        with _all_or_none(target, *FILES):
            write_whole(target / "vocab.json", vocab.to_json().encode())
            measured.to_csv(target / "history.csv")
            metadata |= describe_history(target, {})[0]
            write_whole(target / "weights.safetensors", write_arrays(small, **metadata))
            write_config(target, config)


def read_history(folder: Folder) -> History:
    """Read the records of a run, without torch.

    Parameters
    ----------
    folder : str or path-like
        A run folder.

    Returns
    -------
    History
        The records up to the training step of the saved weights.

    Raises
    ------
    RunFolderError
        If a file is missing or damaged.
    """
    return _read_one_save(_path_of(folder), _read_history_of_save)


def _read_history_of_save(path: Path) -> History:
    file = path / "weights.safetensors"
    metadata = read_arrays(file)[1]
    step = parse_number(file, metadata)
    if (state := path / f"state-{step}.safetensors").exists():  # a folder that is shrunk has none
        file, metadata = state, read_arrays(state)[1]
    return _read_history(path, step, file, metadata)


def _read_history(path: Path, step: int, saved: Path, metadata: Mapping[str, str]) -> History:
    """Read the rows up to a step. The metadata are those of a file that was saved with them."""
    file = path / "history.csv"
    data = read_history_file(path, saved, metadata)
    try:
        # A run that was killed during a save may have left rows of later training steps.
        history = parse_csv(data, file, upto=step)
    except ValueError as error:  # its message already names the file and the line
        raise RunFolderError(str(error)) from None
    if not all(isinstance(record, UpdateRecord) for record in history):
        raise RunFolderError(f"{file} is the history of another kind of run: it has no steps")
    return history


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
    path = _path_of(folder)
    config, vocab = read_config(path), read_vocab(path)
    model, _ = _read_model(_choose_weights_file(path, best), config, vocab)
    return model.eval(), vocab


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
        If a file is missing, is damaged, or does not fit the others.
    """
    path = _path_of(folder)
    config, vocab = read_config(path), read_vocab(path)
    file = _choose_weights_file(path, best)
    arrays, metadata = read_arrays(file)
    net = _make_net(file, arrays, config["model"])
    check_vocab(path, vocab, net.vocab_size, metadata)
    return net, vocab


def count_parameters(folder: Folder) -> int:
    """Count the numbers that a network has learned, without torch.

    Parameters
    ----------
    folder : str or path-like
        A run folder.

    Returns
    -------
    int
        The number of weights and biases. Weights that two layers share count once.

    Raises
    ------
    RunFolderError
        If the file of the weights is missing or damaged.
    """
    arrays, _ = read_arrays(_path_of(folder) / "weights.safetensors")
    return sum(array.size for array in arrays.values())


def read_config(folder: Folder) -> dict[str, Any]:
    """Read ``config.json`` and check that this version of charseq can use it.

    Parameters
    ----------
    folder : str or path-like
        A run folder.

    Returns
    -------
    dict
        A dictionary with the keys format, charseq, model, settings and text.

    Raises
    ------
    RunFolderError
        If the file is missing or damaged, or has another format.
    """
    path = _path_of(folder)
    check_folder(path, NETWORKS)
    config = read_config_file(path)
    file = path / "config.json"
    if not isinstance(config, dict) or "format" not in config:
        raise RunFolderError(f"{file} is not the configuration of a run: it names no format")
    if config["format"] != FORMAT:
        raise RunFolderError(
            f"{path} was made by charseq {config.get('charseq')}, in format {config['format']!r}, "
            f"which this charseq, {__version__}, cannot read: use {config.get('charseq')} or newer"
        )
    for name in PARTS_OF_CONFIG[2:]:
        if not isinstance(config.get(name), dict):
            raise RunFolderError(f"{file} is damaged: {name!r} should be an object")
    return config


def _choose_weights_file(path: Path, best: bool) -> Path:
    file = path / "best.safetensors"
    return file if best and file.exists() else path / "weights.safetensors"


def _read_model(file: Path, config: dict[str, Any], vocab: Vocabulary) -> tuple["CharRNN", int]:
    """Make a run's model with the weights of a file; also return the weights' training step."""
    import torch

    from charseq.model import CharRNN

    arrays, metadata = read_arrays(file)
    # This compares shapes first, so that torch never allocates what a damaged config.json asks for.
    net = _make_net(file, arrays, config["model"])
    try:
        model = CharRNN(**config["model"])
    except (TypeError, ValueError) as error:
        raise damaged_config(file.parent, error) from None
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    if model.options["tied"]:
        tensors["head.weight"] = tensors["embedding.weight"]
    check_vocab(file.parent, vocab, model.vocab_size, metadata)
    model.to(torch.from_numpy(net.layers[0].W_ih).dtype).load_state_dict(tensors)
    return model, parse_number(file, metadata)


def _make_net(file: Path, arrays: Mapping[str, NDArray[Any]], options: dict[str, Any]) -> NumpyNet:
    """Make a run's network in NumPy, and check its weights: finite, and as the options say."""
    if {array.dtype.name for array in arrays.values()} not in ({"float32"}, {"float64"}):
        raise RunFolderError(f"{file} is damaged: its weights should be all float32 or all float64")
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise RunFolderError(f"{file} is damaged: {name} holds a number that is not finite")
    try:
        return NumpyNet(options, arrays)
    except (KeyError, ValueError) as error:
        raise RunFolderError(f"{file} does not fit config.json: {error.args[0]}") from None


def _collect_weights(run: "Run") -> dict[str, NDArray[Any]]:
    weights = {name: tensor.cpu().numpy() for name, tensor in run.model.state_dict().items()}
    if run.model.options["tied"]:
        del weights["head.weight"]  # the same array as embedding.weight
    return weights
