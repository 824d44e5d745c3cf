"""Where a network computes, and in which type: devices, autocast, and reading on a device.

The model decides. Whatever is moved with ``model.to(device)`` is trained, measured and read there,
and nothing else has to be moved by hand.
"""

import copy
import os
import re
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[Any]
KINDS = ("cuda", "mps", "cpu")  # the order in which "auto" looks for one
FUSED = ("cpu", "cuda")  # where each release of torch updates all weights in one call
WITHOUT_FLOAT64 = ("mps",)
PRECISIONS = ("float32", "bfloat16")


def find_device(name: str) -> torch.device:
    """Find a device by the name that torch has for it, or the first that there is.

    In a process that torchrun has started beside others, ``"cuda"`` is the card with the number of
    the process on its machine.

    Parameters
    ----------
    name : str
        ``"cpu"``, ``"cuda"``, ``"mps"``, one of several such as ``"cuda:1"``, or ``"auto"``: CUDA
        if there is any, or else MPS, or else the CPU.

    Returns
    -------
    torch.device
        A device that is there, for ``model.to``.

    Raises
    ------
    ValueError
        If the name is unknown, this PyTorch sees no such device, or the processes of torchrun
        cannot share it.

    """
    counts = {kind: _count_devices(kind) for kind in KINDS}
    there = [kind for kind in KINDS if counts[kind]]
    match = re.fullmatch(r"(cpu|cuda|mps)(:\d+)?", there[0] if name == "auto" else name)
    if match is None:
        raise ValueError(
            f"device={name}: expected auto, cpu, cuda or mps, or one of several, such as cuda:1"
        )
    kind, number = match[1], match[2]
    if not counts[kind]:
        raise ValueError(
            f"device={name}: this PyTorch sees no {kind.upper()} device; it has {', '.join(there)}"
        )
    index = int(number[1:]) if number else 0
    if index >= counts[kind]:
        raise ValueError(
            f"device={name}: the last {kind.upper()} device that this PyTorch sees is "
            f"{kind}:{counts[kind] - 1}"
        )
    if int(os.environ.get("WORLD_SIZE") or 1) > 1:
        index = _share_between_processes(name, kind, counts[kind])
    return torch.device(kind) if kind == "cpu" else torch.device(kind, index)


def take_device(name: str) -> torch.device:
    """Find a device for the command; if the name leaves the choice open, say what it is, once."""
    device = find_device(name)
    if name == "auto" and os.environ.get("RANK", "0") == "0":
        print(f"charseq: the device is {device}", file=sys.stderr)
    return device


def _count_devices(kind: str) -> int:
    if kind == "cuda":
        return torch.cuda.device_count() if torch.cuda.is_available() else 0
    return 1 if kind == "cpu" else int(torch.backends.mps.is_available())


def _share_between_processes(name: str, kind: str, count: int) -> int:
    """Return the number of this process's device, of those that torchrun's processes share."""
    if kind == "mps":
        raise ValueError(
            f"device={name}: several processes cannot share a gradient there: take cpu"
        )
    if kind == "cuda" and name not in ("cuda", "auto"):
        raise ValueError(
            f"device={name}: torchrun needs a card for each process, so name none: expected cuda"
        )
    number = int(os.environ.get("LOCAL_RANK") or 0)
    if kind == "cuda" and number >= count:
        raise ValueError(
            f"device={name}: this machine has {count} CUDA devices, so torchrun may start at most "
            f"{count} processes on it"
        )
    return number


def device_of(model: nn.Module) -> torch.device:
    """Return where the weights of a model are."""
    return next(model.parameters()).device


def cast_to(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Let torch choose within the block what is computed in 16 bits, if that is the precision."""
    if precision == "float32":  # whatever the caller has chosen stays so
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))


@cache
def autocast_fits(kind: Any, device: Any, dtype: Any) -> bool:
    """Return whether autocast can compute a kind of recurrent layer in the type it is asked for.

    With cuDNN it takes float16 whatever it is asked for, and the small gradients of a long text
    vanish there. With oneDNN it refuses an LSTM on processors that lack instructions for 16 bits.
    """
    with drawing_from(0):
        layer = kind(1, 1).to(device)
    try:
        with torch.enable_grad(), torch.autocast(device.type, dtype=dtype):
            outputs, _ = layer(torch.ones(1, 1, 1, device=device))
        outputs.float().sum().backward()
    except RuntimeError:
        return False
    return outputs.dtype in (dtype, torch.float32)


def without_misfit(layer: nn.RNNBase) -> AbstractContextManager[Any]:
    """Keep autocast away from a recurrent layer within the block, unless it fits."""
    device = device_of(layer)
    if device.type == "meta" or not torch.is_autocast_enabled(device.type):
        return nullcontext()
    kind: Any = type(layer)
    if autocast_fits(kind, device, torch.get_autocast_dtype(device.type)):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


def in_float64(numbers: Tensor) -> Tensor:
    """Convert numbers to float64, on the CPU if their device has no such type."""
    return (numbers.cpu() if numbers.device.type in WITHOUT_FLOAT64 else numbers).double()


@contextmanager
def drawing_from(seed: int | None, device: torch.device | None = None) -> Iterator[None]:
    """Seed torch's global generators within the block, and restore them afterwards.

    Torch's layers draw their weights and dropout from the generator of their device only.
    """
    if seed is None:
        yield
        return
    kind = "cpu" if device is None else device.type
    elsewhere: dict[str, Any] = {"devices": []}
    if kind in ("cuda", "mps"):
        elsewhere = {"devices": [device], "device_type": kind}
    with torch.random.fork_rng(**elsewhere):
        torch.default_generator.manual_seed(seed)
        if kind == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif kind == "mps":
            torch.mps.manual_seed(seed)
        yield


# --- reading on a device --------------------------------------------------------------------------


class DeviceNet:
    """A copy of a torch model that reads on its device, as a :class:`charseq.NumpyNet` on the CPU.

    Parameters
    ----------
    model : CharRNN
        The model.
    """

    def __init__(self, model: Any) -> None:
        self.model, self.vocab_size = copy.deepcopy(model).eval(), model.vocab_size

    def double(self) -> "DeviceNet":
        """Return a copy that computes in float64; the network itself, if its device has none."""
        if device_of(self.model).type in WITHOUT_FLOAT64:
            return self
        net = copy.copy(self)
        net.model = copy.deepcopy(self.model).double()
        return net

    def reader(self, texts: int) -> "DeviceReader":
        """Return what reads B texts side by side."""
        return DeviceReader(self.model, texts)


class DeviceReader:
    """Reads B texts side by side on the device of a model, from states of zeros.

    It is used as :class:`charseq.net.Reader` is. Its logits are copied to the CPU.
    """

    def __init__(self, model: Any, texts: int) -> None:
        self._model, self._state = model, None
        dtype = np.float64 if next(model.parameters()).dtype == torch.float64 else np.float32
        self.logits = np.zeros((model.vocab_size,) if texts == 1 else (texts, model.vocab_size))
        self.logits = self.logits.astype(dtype)

    def read(self, ids: Any) -> None:
        """Read one character in each text: an array of ids (B,), or one id for a single text."""
        self.read_block(np.reshape(ids, (1, -1)))

    @torch.no_grad()
    def read_block(self, ids: Array) -> Array:
        """Read several characters in each text, (T, B); return the logits before each of them.

        The logits have the shape (T, B, V).
        """
        x = torch.from_numpy(np.array(ids.T, dtype=np.int64)).to(device_of(self._model))  # (B, T)
        logits, self._state = self._model(x, self._state)  # (B, T, V)
        after = logits.transpose(0, 1).to("cpu", torch.from_numpy(self.logits).dtype).numpy()
        before = np.concatenate([self.logits.reshape(1, *after.shape[1:]), after[:-1]])
        self.logits[...] = after[-1].reshape(self.logits.shape)
        return before
