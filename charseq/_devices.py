"""Where a network computes: devices and their random generators.

The model decides. Whatever is moved with ``model.to(device)`` is trained and measured there,
and nothing else has to be moved by hand.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from charseq._errors import UserError

FUSED = ("cpu", "cuda")  # where each release of torch updates all weights in one call
WITHOUT_FLOAT64 = ("mps",)


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
        If the name is unknown, or this PyTorch sees no such device.
    """
    counts = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    there = [*filter(counts.get, counts), "cpu"]
    try:
        device = torch.device(there[0] if name == "auto" else name)
    except RuntimeError:
        raise UserError(
            f"device {name!r}: expected auto, cpu, cuda or mps, or one of several, such as cuda:1"
        ) from None
    index = device.index or 0
    if int(os.environ.get("WORLD_SIZE") or 1) > 1 and device.type == "cuda":
        index = int(os.environ.get("LOCAL_RANK") or 0)
    if device.type not in there or index >= counts.get(device.type, 1):
        some = [f"{counts[kind]} {kind}" for kind in there[:-1]]
        raise UserError(f"device {name!r}: this PyTorch sees {', '.join([*some, 'the cpu'])} only")
    return device if device.type == "cpu" else torch.device(device.type, index)


def device_of(model: nn.Module) -> torch.device:
    """Return where the weights of a model are."""
    return next(model.parameters()).device


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
