r"""Torch's recurrent layers, computed faster: the same numbers, the backward pass written by hand.

Autograd records every operation of the forward pass and then goes through the record backwards.
The functions here need no record: each is one node of the graph, and its backward pass follows the
reference line by line, :func:`charseq.reference.rnn_backward`,
:func:`~charseq.reference.lstm_backward` and :func:`~charseq.reference.gru_backward`.

Inside, time is the first axis, so that the numbers of one time step are neighbours in memory. Where
the NumPy version computes all derivatives in one expression, this one computes them step by step,
while the values are still in the processor's cache. `benchmarks/` measures the gain.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

__all__ = ["fast_forward", "is_faster"]

State = Tensor | tuple[Tensor, Tensor]  # (L, B, H); of an LSTM the pair (h, c) of such tensors

# Torch's own LSTM is one node as well. With fewer rows or more units than these it is faster.
LSTM_ROWS, LSTM_UNITS = 64, 512

# The derivatives of sigmoid and tanh from their values, σ' = σ (1 - σ) and tanh' = 1 - tanh²,
# times what arrives: one pass over the numbers instead of three.
sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input


def parts_of(state: State) -> tuple[Tensor, ...]:
    """Return the tensors of a state: (h,), or (h, c) of an LSTM."""
    return state if isinstance(state, tuple) else (state,)


def map_state(function: Callable[[Tensor], Tensor], state: State) -> State:
    """Apply a function to each tensor of a state."""
    if isinstance(state, tuple):
        h, c = state
        return function(h), function(c)
    return function(state)


def is_faster(layer: nn.Module, batch_size: int) -> bool:
    """Say whether :func:`fast_forward` is faster than the layer itself.

    Parameters
    ----------
    layer : torch.nn.RNN, torch.nn.GRU or torch.nn.LSTM
        The layer.
    batch_size : int
        B.

    Returns
    -------
    bool
        True for an RNN and a GRU; for an LSTM of fewer than 512 units if it is being trained, from
        64 rows on.

    Examples
    --------
    >>> import torch
    >>> [is_faster(torch.nn.LSTM(5, 8, batch_first=True), rows) for rows in (32, 64)]
    [False, True]
    """
    if isinstance(layer, nn.LSTM):
        fits = batch_size >= LSTM_ROWS and layer.hidden_size < LSTM_UNITS
        return fits and torch.is_grad_enabled()
    return True


def fast_forward(
    layer: nn.RNN | nn.GRU | nn.LSTM,
    ids: Tensor,
    state: State | None = None,
    embedding: Tensor | None = None,
) -> tuple[Tensor, State]:
    r"""Return what a layer of torch returns for one-hot or embedded characters.

    Parameters
    ----------
    layer : torch.nn.RNN, torch.nn.GRU or torch.nn.LSTM
        Batch first, one direction, with biases, tanh and no projection.
    ids : torch.Tensor of shape (B, T)
        Characters.
    state : torch.Tensor or tuple, optional
        Of shape (L, B, H), for an LSTM a pair (h, c) of such. Zeros by default.
    embedding : torch.Tensor of shape (V, E), optional
        A row for each character. One-hot vectors by default.

    Returns
    -------
    outputs : torch.Tensor of shape (B, T, H)
        States of the top layer; in memory time comes first.
    state : torch.Tensor or tuple
        The state after the last character, (L, B, H) or a pair of such.

    Raises
    ------
    ValueError
        If the layer has an option that is not computed here.

    Notes
    -----
    Equal to the layer up to rounding, forward and backward; there is no second derivative.

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.LSTM(5, 8, num_layers=2, batch_first=True)
    >>> ids = torch.tensor([[0, 3, 1]])
    >>> outputs, (h, c) = fast_forward(layer, ids)
    >>> expected, _ = layer(torch.nn.functional.one_hot(ids, 5).float())
    >>> torch.allclose(outputs, expected, atol=1e-6)
    True
    """
    check_layer(layer)
    H, B = layer.hidden_size, len(ids)
    lstm = isinstance(layer, nn.LSTM)
    if state is None:
        zeros = next(layer.parameters()).new_zeros(layer.num_layers, B, H)
        state = (zeros, zeros) if lstm else zeros
    before = list(zip(*parts_of(state), strict=True))  # for each layer: h, or h and c
    after = []
    x = ids.T  # (T, B)
    for k in range(layer.num_layers):
        W_ih, W_hh, b_ih, b_hh = (
            getattr(layer, f"{name}_l{k}")
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        rest: tuple[Tensor, ...] = ()
        if isinstance(layer, nn.GRU):  # its last bias stays inside r ⊙ (W h + b)
            b_hr_hz, b_hn = b_hh[: 2 * H], b_hh[2 * H :]
            b_hh, rest = nn.functional.pad(b_hr_hz, (0, H)), (b_hn,)
        if k == 0:  # V rows once instead of a product for each of the B T characters
            rows = W_ih.T if embedding is None else embedding @ W_ih.T  # (V, gH)
            from_input = _node(_Rows, rows + (b_ih + b_hh), x)  # (T, B, gH)
        else:
            x = nn.functional.dropout(x, layer.dropout, layer.training)
            from_input = nn.functional.linear(x, W_ih, b_ih + b_hh)  # (T, B, gH)
        x, *last = _node(STEPS[layer.mode], from_input, *before[k], W_hh, *rest)
        after.append(last)
    h, *c = (torch.stack(part) for part in zip(*after, strict=True))
    return x.transpose(0, 1), (h, c[0]) if lstm else h


class _Rows(Function):
    """Look up rows: the product with a one-hot vector, without the product."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, ids: Tensor) -> Tensor:
        """(V, gH), (T, B) -> (T, B, gH)."""
        ctx.save_for_backward(ids)
        ctx.vocab_size = len(table)
        out = table.new_empty(*ids.shape, table.shape[1])
        torch.index_select(table, 0, ids.flatten(), out=out.view(-1, table.shape[1]))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> Any:
        """Add each gradient to the row that was looked up."""
        (ids,) = ctx.saved_tensors
        dtable = dout.new_zeros(ctx.vocab_size, dout.shape[2])
        return dtable.index_add_(0, ids.flatten(), dout.flatten(0, 1)), None


class _RNNSteps(Function):
    """All steps of an RNN as one node of the graph.

    Here and below `a` is what comes from the input. It is overwritten: with the sum inside the
    tanh, with the gates, or with what else the backward pass needs.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, h: Tensor, W_hh: Tensor) -> Any:
        """(T, B, H), (B, H), (H, H) -> (T, B, H), (B, H)."""
        states = a.new_empty(len(a) + 1, *h.shape)  # (T + 1, B, H)
        states[0] = h
        W = W_hh.T.contiguous()  # read along its rows at each step: a fifth faster
        tanh, inside, shown = _tanh(a, states[1:])
        for t, (a_t, h_t) in enumerate(zip(a.unbind(), states[:-1].unbind(), strict=True)):
            a_t.addmm_(h_t, W)
            tanh(inside[t], shown[t])
        ctx.save_for_backward(states, W_hh)
        return states[1:], states[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, doutputs: Tensor, dh: Tensor) -> Any:
        """As in :func:`charseq.reference.rnn_backward`."""
        states, W_hh = ctx.saved_tensors
        before, outputs = states[:-1], states[1:]  # (T, B, H)
        one = outputs.new_ones(())
        da = torch.addcmul(one, outputs, outputs, value=-1)  # (T, B, H), for now the slope of tanh
        dh = dh.clone()  # (B, H), from later
        for doutput, da_t in reversed(list(zip(doutputs.unbind(), da.unbind(), strict=True))):
            da_t.mul_(dh.add_(doutput))  # (B, H), from later and from above
            torch.mm(da_t, W_hh, out=dh)  # (B, H) @ (H, H) -> (B, H)
        dW_hh = da.flatten(0, 1).T @ before.flatten(0, 1)
        return da, dh, dW_hh


class _LSTMSteps(Function):
    """All steps of an LSTM as one node of the graph."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, h: Tensor, c: Tensor, W_hh: Tensor) -> Any:
        """(T, B, 4H), two (B, H), (4H, H) -> (T, B, H), two (B, H)."""
        T, H = len(a), h.shape[1]
        states, cells = (a.new_empty(T + 1, *h.shape) for _ in "hc")  # (T + 1, B, H)
        states[0], cells[0] = h, c
        shown = torch.empty_like(states[1:])  # (T, B, H), tanh of the cells
        W = W_hh.T.contiguous()
        gates = a.chunk(4, dim=2)  # i, f, g, o
        parts = (a, a[..., : 2 * H], *gates, states[:-1], states[1:], cells[:-1], cells[1:], shown)
        tanh, insides, new_cells, showns = _tanh(gates[2], cells[1:], shown)
        for t, (a_t, i_f, i, f, g, o, h_t, new_h, c_t, new_c, s) in enumerate(
            zip(*map(Tensor.unbind, parts), strict=True)
        ):
            a_t.addmm_(h_t, W)
            i_f.sigmoid_()
            tanh(insides[t], insides[t])
            o.sigmoid_()
            torch.mul(f, c_t, out=new_c).addcmul_(i, g)
            tanh(new_cells[t], showns[t])
            torch.mul(o, s, out=new_h)
        ctx.save_for_backward(a, states, cells, shown, W_hh)
        return states[1:], states[-1].clone(), cells[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, doutputs: Tensor, dh: Tensor, dc: Tensor) -> Any:
        """As in :func:`charseq.reference.lstm_backward`."""
        gates, states, cells, shown, W_hh = ctx.saved_tensors
        before, cells_before = states[:-1], cells[:-1]  # (T, B, H)
        da = torch.empty_like(gates)  # (T, B, 4H)
        dh = dh.clone()  # (B, H), from later
        parts = (doutputs, *gates.chunk(4, 2), cells_before, shown, da, *da.chunk(4, 2))
        steps = list(zip(*map(Tensor.unbind, parts), strict=True))
        for doutput, i, f, g, o, c, s, da_t, di, df, dg, do in reversed(steps):
            dh.add_(doutput)  # (B, H), from later and from above
            dc = torch.ops.aten.tanh_backward(o * dh, s).add_(dc)  # (B, H), from h and from later
            sigmoid_backward(g * dc, i, grad_input=di)
            sigmoid_backward(c * dc, f, grad_input=df)
            tanh_backward(i * dc, g, grad_input=dg)
            sigmoid_backward(s * dh, o, grad_input=do)
            torch.mm(da_t, W_hh, out=dh)  # (B, 4H) @ (4H, H) -> (B, H)
            dc.mul_(f)  # (B, H): no matrix on this path
        dW_hh = da.flatten(0, 1).T @ before.flatten(0, 1)
        return da, dh, dc, dW_hh


class _GRUSteps(Function):
    """All steps of a GRU as one node of the graph, with the reset gate after the product."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, h: Tensor, W_hh: Tensor, b_hn: Tensor) -> Any:
        """(T, B, 3H), (B, H), (3H, H), (H,) -> (T, B, H), (B, H)."""
        T, H = len(a), h.shape[1]
        states = a.new_empty(T + 1, *h.shape)  # (T + 1, B, H)
        states[0] = h
        was_reset = torch.empty_like(states[1:])  # (T, B, H), W h + b
        W_rz, W_n = (W.T.contiguous() for W in (W_hh[: 2 * H], W_hh[2 * H :]))
        gates = a.chunk(3, dim=2)  # r, z, n
        parts = (a[..., : 2 * H], *gates, was_reset, states[:-1], states[1:])
        tanh, insides = _tanh(gates[2])
        for t, (r_z, r, z, n, m, h_t, new_h) in enumerate(
            zip(*map(Tensor.unbind, parts), strict=True)
        ):
            r_z.addmm_(h_t, W_rz).sigmoid_()
            torch.addmm(b_hn, h_t, W_n, out=m)
            n.addcmul_(r, m)
            tanh(insides[t], insides[t])
            torch.lerp(n, h_t, z, out=new_h)
        ctx.save_for_backward(a, states, was_reset, W_hh)
        return states[1:], states[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, doutputs: Tensor, dh: Tensor) -> Any:
        """As in :func:`charseq.reference.gru_backward`."""
        gates, states, was_reset, W_hh = ctx.saved_tensors
        before, H = states[:-1], states.shape[2]  # (T, B, H)
        dw = torch.empty_like(gates)  # (T, B, 3H), of W h + b
        dn = torch.empty_like(was_reset)  # (T, B, H), inside tanh
        dh = dh.clone()  # (B, H), from later
        parts = (doutputs, *gates.chunk(3, 2), before, was_reset, dn, dw, *dw.chunk(3, 2))
        steps = list(zip(*map(Tensor.unbind, parts), strict=True))
        for doutput, r, z, n, h, m, dn_t, dw_t, dr, dz, dm in reversed(steps):
            dh.add_(doutput)  # (B, H), from later and from above
            sigmoid_backward((h - n).mul_(dh), z, grad_input=dz)
            tanh_backward(torch.addcmul(dh, dh, z, value=-1), n, grad_input=dn_t)
            sigmoid_backward(m * dn_t, r, grad_input=dr)
            torch.mul(r, dn_t, out=dm)
            dh.mul_(z).addmm_(dw_t, W_hh)  # (B, H) + (B, 3H) @ (3H, H) -> (B, H)
        dW_hh = dw.flatten(0, 1).T @ before.flatten(0, 1)
        db_hn = dw[..., 2 * H :].sum((0, 1))
        dw[..., 2 * H :] = dn  # what arrives at the input has not passed the reset gate
        return dw, dh, dW_hh, db_hn


STEPS = {"RNN_TANH": _RNNSteps, "LSTM": _LSTMSteps, "GRU": _GRUSteps}


def _tanh(*parts: Tensor) -> tuple[Callable[..., Any], *tuple[Any, ...]]:
    """Return a function `tanh(x, out)`, and the time steps of each part as it takes them.

    On a CPU the function is NumPy's, which is two to five times as fast as torch's.
    """
    if any(not part.is_cpu or part.dtype.itemsize < 4 for part in parts):  # NumPy cannot read them
        return lambda x, out: torch.tanh(x, out=out), *(part.unbind() for part in parts)
    return np.tanh, *(list(part.detach().numpy()) for part in parts)


@cache
def stop_malloc_returning_memory() -> None:
    """Tell the C library to keep the memory that one training step frees for the next one.

    By default glibc returns large blocks to the system, which has to clear each of their pages when
    they are requested again: a fifth of a step's time. Without glibc, nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not glibc
        return
    mallopt(-1, -1)  # M_TRIM_THRESHOLD: never give back the top of the heap
    mallopt(-4, 0)  # M_MMAP_MAX: no block has pages of its own


def _node(function: type[Function], *arguments: Any) -> Any:
    return function.apply(*arguments)  # type: ignore[no-untyped-call]


def check_layer(layer: Any) -> None:
    """Refuse a layer with an option that :func:`fast_forward` does not compute."""
    if getattr(layer, "mode", None) not in STEPS:
        raise ValueError(f"expected a torch.nn.RNN with tanh, a GRU or an LSTM, got {layer}")
    options = {"batch_first": True, "bidirectional": False, "bias": True, "proj_size": 0}
    for name, value in options.items():
        if getattr(layer, name) != value:
            raise ValueError(f"expected a layer with {name}={value}, got {layer}")
