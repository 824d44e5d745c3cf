"""A second device on a machine that has only one: the CPU, under the name of another.

PyTorch's device ``meta`` holds shapes without numbers. Within :func:`elsewhere`, whatever is made
on it, or moved to it, has numbers after all, which are kept on the CPU. So code can be run for a
device that isn't the CPU, and its results compared with the CPU's, bit for bit. And what a graphics
card refuses is refused here, too: ``numpy()``, and operations on tensors of two devices, unless one
of them is a single number of the CPU.
"""

from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch import nn
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

MOVES = ("aten::copy_", "aten::_to_copy")


class There(torch.Tensor):
    """A tensor that says that it is on ``meta``, and holds one of the CPU."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, here):
        options = {"strides": here.stride(), "storage_offset": here.storage_offset()}
        there = torch.Tensor._make_wrapper_subclass(
            cls, here.shape, dtype=here.dtype, device="meta", **options
        )
        there.here = here
        return there

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return _compute(operation, args, kwargs or {})


class _Elsewhere(TorchDispatchMode):
    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        return _compute(operation, args, kwargs or {})


def _compute(operation, args, kwargs):
    """Compute on the CPU what an operation on the other device would."""
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
    there = any(isinstance(x, There) for x in tensors)
    name = operation._schema.name
    left_behind = [x for x in tensors if not isinstance(x, There) and x.ndim]
    if there and left_behind and name not in MOVES:
        raise RuntimeError(f"{name}: expected all tensors to be on the same device, meta and cpu")
    if name == "aten::copy_":
        there = isinstance(args[0], There)
    elif kwargs.get("device") is not None:
        there = torch.device(kwargs["device"]).type == "meta"
        kwargs = {**kwargs, "device": torch.device("cpu")}

    def here(x):
        return x.here if isinstance(x, There) else x

    results = operation(*tree_map(here, args), **tree_map(here, kwargs))
    if there and torch.Tag.inplace_view in operation.tags:
        with no_dispatch():  # the shape on the outside changes, too
            operation(*args, **kwargs)
    known = {id(x.here): x for x in tensors if isinstance(x, There)}  # changed in place

    def back(x):
        if not (there and isinstance(x, torch.Tensor)):
            return x
        return known.get(id(x)) if id(x) in known else There(x)

    return tree_map(back, results)


def _move(module, function, recurse=True, *, move=nn.Module._apply):
    """Move a module as for a graphics card, so that its parameters stay the same objects."""
    before = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        return move(module, function, recurse)
    finally:
        torch.__future__.set_swap_module_params_on_conversion(before)


@contextmanager
def elsewhere():
    """Give the device ``meta`` numbers, within the block."""
    with patch.object(nn.Module, "_apply", _move), _Elsewhere():
        yield torch.device("meta")
