r"""Torch's RNN and GRU, computed faster: the same numbers, with handwritten backward passes.

Autograd records every operation of the forward pass and then goes through the record backwards.
The functions here need no record, because each is a single node of the graph, whose backward pass
follows the reference line by line: :func:`charseq.reference.rnn_backward` and
:func:`~charseq.reference.gru_backward`. That takes a training step 1.2 to 1.7 times as fast as
torch's layers, for 512 to 64 units, with one thread. An LSTM does not gain: torch has it as a
single node already.

Inside, time is the first axis, which keeps the numbers of a time step together in memory.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

__all__ = ["fast_forward", "is_faster"]

State = Tensor | tuple[Tensor, Tensor]  # (L, B, H); for an LSTM, a pair (h, c) of such tensors


def parts_of(state: State) -> tuple[Tensor, ...]:
    """Return the tensors of a state: (h,), or (h, c) for an LSTM."""
    return state if isinstance(state, tuple) else (state,)


def map_state(function: Callable[[Tensor], Tensor], state: State) -> State:
    """Apply a function to each tensor of a state."""
    if isinstance(state, tuple):
        h, c = state
        return function(h), function(c)
    return function(state)


def is_faster(layer: nn.Module) -> bool:
    """Return whether :func:`fast_forward` computes a layer, and in less time than the layer itself.

    Parameters
    ----------
    layer : torch.nn.RNN, torch.nn.GRU or torch.nn.LSTM
        The layer.

    Returns
    -------
    bool
        True for a GRU or an RNN with tanh on a CPU, in float32 or float64. Under
        ``torch.autocast``, always False.

    Examples
    --------
    >>> import torch
    >>> [is_faster(kind(4, 8)) for kind in (torch.nn.RNN, torch.nn.GRU, torch.nn.LSTM)]
    [True, True, False]
    """
    # Elsewhere, each small step would be sent to the device by itself; and what autocast converts
    # are torch's functions, so it would not reach into those of this module.
    W_hh = layer.weight_hh_l0
    known = layer.mode in STEPS and W_hh.dtype in (torch.float32, torch.float64)
    return known and W_hh.device.type == "cpu" and not torch.is_autocast_enabled("cpu")


def fast_forward(
    layer: nn.RNN | nn.GRU,
    ids: Tensor,
    state: Tensor | None = None,
    embedding: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Compute what a torch layer returns for one-hot or embedded characters, in less time.

    Parameters
    ----------
    layer : torch.nn.RNN or torch.nn.GRU
        A layer with batch first, one direction, biases and tanh.
    ids : torch.Tensor of shape (B, T)
        The characters, integers in ``range(V)``.
    state : torch.Tensor of shape (L, B, H), optional
        The state before the first character. Zeros by default.
    embedding : torch.Tensor of shape (V, E), optional
        One vector per character. One-hot vectors by default.

    Returns
    -------
    outputs : torch.Tensor of shape (B, T, H)
        States of the top layer. In memory, time is the first axis.
    state : torch.Tensor of shape (L, B, H)
        The state after the last character.

    Raises
    ------
    ValueError
        If the layer is another one, or has an option that this function does not support.

    Notes
    -----
    Outputs and gradients equal those of the layer up to rounding. There is no second derivative.

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.GRU(5, 8, num_layers=2, batch_first=True)
    >>> ids = torch.tensor([[0, 3, 1]])
    >>> outputs, h = fast_forward(layer, ids)
    >>> expected, _ = layer(torch.nn.functional.one_hot(ids, 5).float())
    >>> torch.allclose(outputs, expected, atol=1e-6)
    True
    """
    expected = {"batch_first": True, "bidirectional": False, "bias": True}
    options = {name: getattr(layer, name, None) for name in expected}
    if getattr(layer, "mode", None) not in STEPS or options != expected:
        raise ValueError(
            f"expected a GRU, or an RNN with tanh, batch_first=True, got {layer} with {options}"
        )
    H = layer.hidden_size
    if state is None:
        state = next(layer.parameters()).new_zeros(layer.num_layers, len(ids), H)
    last_states = []
    x = ids.T  # (T, B)
    for k, h in enumerate(state):
        weights: Any = layer.all_weights[k]
        W_ih, W_hh, b_ih, b_hh = weights
        b_n: tuple[Tensor, ...] = ()
        if layer.mode == "GRU":  # b_hn is not added to b_ih: r scales it, r ⊙ (W h + b_hn)
            b_hh, b_n = nn.functional.pad(b_hh[: 2 * H], (0, H)), (b_hh[2 * H :],)
        if k > 0:
            x = nn.functional.dropout(x, layer.dropout, layer.training)  # (T, B, H)
        elif embedding is not None and len(embedding) > ids.numel():
            x = nn.functional.embedding(x, embedding)  # (T, B) -> (T, B, E)
        if x.is_floating_point():
            from_input = nn.functional.linear(x, W_ih, b_ih + b_hh)  # (T, B, gH)
        else:  # V products, one per row of a table, instead of B T products
            table = W_ih.T if embedding is None else embedding @ W_ih.T  # (V, gH)
            from_input = nn.functional.embedding(x, table + (b_ih + b_hh))  # (T, B, gH)
        steps: Any = STEPS[layer.mode]
        x, last = steps.apply(from_input, h, W_hh, *b_n)
        last_states.append(last)
    return x.transpose(0, 1), torch.stack(last_states)


def _steps_of(*tensors: Tensor) -> list[tuple[Any, ...]]:
    """Return the time steps of tensors, side by side."""
    return list(zip(*map(Tensor.unbind, tensors), strict=True))


class _RNNSteps(Function):
    """All time steps of an RNN as one node of the graph.

    Here and in the class below, `a` is the input's contribution to the gates. The forward pass
    overwrites it: with the sum inside the tanh in an RNN, with the gates in a GRU. NumPy's tanh is
    two to five times as fast as torch's.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, h: Tensor, W_hh: Tensor) -> Any:
        """(T, B, H), (B, H), (H, H) -> (T, B, H), (B, H)."""
        states = torch.cat([h[None], torch.empty_like(a)])  # (T + 1, B, H)
        W = W_hh.T.contiguous()  # a product that reads along its rows is a fifth faster
        for a_t, h_t, new_h in _steps_of(a, states[:-1], states[1:]):
            a_t.addmm_(h_t, W)  # (B, H) @ (H, H)
            np.tanh(a_t.numpy(), new_h.numpy())
        ctx.save_for_backward(states, W_hh)
        return states[1:], states[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, doutputs: Tensor, dh: Tensor) -> Any:
        """Follow :func:`charseq.reference.rnn_backward`."""
        states, W_hh = ctx.saved_tensors
        one, outputs = states.new_ones(()), states[1:]  # (), (T, B, H)
        da = torch.addcmul(one, outputs, outputs, value=-1)  # so far 1 - outputs², tanh's slope
        dh = dh.clone()  # (B, H), from the next time step
        for doutput, da_t in _steps_of(doutputs, da)[::-1]:
            da_t.mul_(dh.add_(doutput))  # (B, H), from the next time step and from this output
            torch.mm(da_t, W_hh, out=dh)  # (B, H) @ (H, H) -> (B, H)
        dW_hh = da.flatten(0, 1).T @ states[:-1].flatten(0, 1)
        return da, dh, dW_hh


class _GRUSteps(Function):
    """All time steps of a GRU as one node of the graph; r acts after the product, as in torch."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, h: Tensor, W_hh: Tensor, b_hn: Tensor) -> Any:
        """(T, B, 3H), (B, H), (3H, H), (H,) -> (T, B, H), (B, H)."""
        H = h.shape[1]
        memory_n = a.new_empty(len(a), *h.shape)  # (T, B, H), W_hn h + b_hn, which r then scales
        states = torch.cat([h[None], memory_n])  # (T + 1, B, H)
        W_rz, W_n = (W.T.contiguous() for W in (W_hh[: 2 * H], W_hh[2 * H :]))
        parts = (a[..., : 2 * H], *a.chunk(3, 2), memory_n, states[:-1], states[1:])
        for r_z, r, z, n, m, h_t, new_h in _steps_of(*parts):
            r_z.addmm_(h_t, W_rz).sigmoid_()
            torch.addmm(b_hn, h_t, W_n, out=m)
            n.addcmul_(r, m)
            np.tanh(n.numpy(), n.numpy())
            torch.lerp(n, h_t, z, out=new_h)  # (1 - z) n + z h
        ctx.save_for_backward(a, states, memory_n, W_hh)
        return states[1:], states[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, doutputs: Tensor, dh: Tensor) -> Any:
        """Follow :func:`charseq.reference.gru_backward`."""
        gates, states, memory_n, W_hh = ctx.saved_tensors
        r, z, n = gates.chunk(3, 2)  # (T, B, H) each
        before = states[:-1]  # (T, B, H)
        dmemory = torch.empty_like(gates)  # (T, B, 3H), gradient of W_hh h + b_hh
        dr, dz, dm = dmemory.chunk(3, 2)  # so far r and z have their slopes, as dn has
        torch.mul(torch.addcmul(r, r, r, value=-1), memory_n, out=dr)  # r (1 - r)
        torch.mul(torch.addcmul(z, z, z, value=-1), before - n, out=dz)
        dn = (1 - z).mul_(1 - n * n)  # (T, B, H), gradient of the sum inside tanh
        dh = dh.clone()  # (B, H), from the next time step
        parts = (doutputs, r, z, dn, dmemory, dr, dz, dm)
        for doutput, r_t, z_t, dn_t, dmemory_t, dr_t, dz_t, dm_t in _steps_of(*parts)[::-1]:
            dn_t.mul_(dh.add_(doutput))  # (B, H), from the next time step and from this output
            dz_t.mul_(dh)
            dr_t.mul_(dn_t)
            torch.mul(r_t, dn_t, out=dm_t)
            dh.mul_(z_t).addmm_(dmemory_t, W_hh)  # (B, H) + (B, 3H) @ (3H, H) -> (B, H)
        dW_hh = dmemory.flatten(0, 1).T @ before.flatten(0, 1)
        db_hn = dm.sum((0, 1))
        # Now dmemory becomes the gradient of `a`, whose block n is not scaled by r.
        dm.copy_(dn)
        return dmemory, dh, dW_hh, db_hn


STEPS: dict[str, type[Function]] = {"RNN_TANH": _RNNSteps, "GRU": _GRUSteps}
