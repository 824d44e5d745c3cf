r"""Torch's recurrent layers, computed faster: the same numbers, with handwritten backward passes.

Autograd records every operation of the forward pass and then goes through the record backwards.
The functions here need no record, because each is a single node of the graph, whose backward pass
follows the reference line by line: :func:`charseq.reference.rnn_backward`,
:func:`~charseq.reference.lstm_backward` and :func:`~charseq.reference.gru_backward`.

Inside, time is the first axis, which keeps the numbers of a time step together in memory. The NumPy
version computes all derivatives in one expression. This one computes them step by step, while the
values are still in the processor's cache, and `benchmarks/` measures what that gains.
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

State = Tensor | tuple[Tensor, Tensor]  # (L, B, H); for an LSTM, a pair (h, c) of such tensors

# Torch's own LSTM is a single node as well, and only the look-up is missing there. So it is slower
# only if the input is at least LSTM_WIDTH numbers wide, and LSTM_NUMBERS in all rows of a batch.
LSTM_WIDTH, LSTM_NUMBERS = 128, 8192

# These multiply a gradient by the derivative of sigmoid or tanh, computed from the function's
# value: σ' = σ (1 - σ), tanh' = 1 - tanh². They read the numbers once instead of three times.
sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input


def parts_of(state: State) -> tuple[Tensor, ...]:
    """Return the tensors of a state: (h,), or (h, c) for an LSTM."""
    return state if isinstance(state, tuple) else (state,)


def map_state(function: Callable[[Tensor], Tensor], state: State) -> State:
    """Apply a function to each tensor of a state."""
    if isinstance(state, tuple):
        h, c = state
        return function(h), function(c)
    return function(state)


def is_faster(layer: nn.Module, ids: Tensor, embedding: Tensor | None = None) -> bool:
    """Return whether :func:`fast_forward` is faster than the layer itself.

    Parameters
    ----------
    layer : torch.nn.RNN, torch.nn.GRU or torch.nn.LSTM
        The layer.
    ids : torch.Tensor of shape (B, T)
        The characters.
    embedding : torch.Tensor of shape (V, E), optional
        As in :func:`fast_forward`.

    Returns
    -------
    bool
        For an RNN or a GRU on a CPU, True. For an LSTM, also only if what it reads at a time step
        is wide: V numbers per row, or E with an embedding. There must be 128 or more, half as many
        as units or more, and 8192 or more in all B rows together. With L layers, the last two are L
        times as many. Without gradients, all three are twice as many. With an embedding, the batch
        must also have at least four times as many characters as the vocabulary. On other devices,
        and under ``torch.autocast``, always False.

    Examples
    --------
    >>> import torch
    >>> ids = torch.zeros(32, 64, dtype=torch.int64)
    >>> [is_faster(torch.nn.LSTM(V, 8, batch_first=True), ids) for V in (80, 5000)]
    [False, True]
    """
    # Elsewhere, each small step would be sent to the device by itself; and what autocast converts
    # are torch's functions, so it would not reach into those of this module.
    if layer.weight_hh_l0.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return False
    if isinstance(layer, nn.LSTM):
        if embedding is not None and 4 * len(embedding) > ids.numel():
            return False  # a table of products for all characters would save too few
        width = layer.input_size if torch.is_grad_enabled() else layer.input_size // 2
        return (
            width >= LSTM_WIDTH
            and width * len(ids) >= LSTM_NUMBERS * layer.num_layers
            and 2 * width >= layer.hidden_size * layer.num_layers
        )
    return True


def fast_forward(
    layer: nn.RNN | nn.GRU | nn.LSTM,
    ids: Tensor,
    state: State | None = None,
    embedding: Tensor | None = None,
) -> tuple[Tensor, State]:
    r"""Compute what a torch layer returns for one-hot or embedded characters, often in less time.

    Parameters
    ----------
    layer : torch.nn.RNN, torch.nn.GRU or torch.nn.LSTM
        A layer with batch first, one direction, biases, tanh and no projection.
    ids : torch.Tensor of shape (B, T)
        The characters, integers in ``range(V)``.
    state : torch.Tensor or tuple, optional
        The state before the first character, (L, B, H); for an LSTM, a pair (h, c) of such tensors.
        Zeros by default.
    embedding : torch.Tensor of shape (V, E), optional
        One vector per character. One-hot vectors by default.

    Returns
    -------
    outputs : torch.Tensor of shape (B, T, H)
        States of the top layer. In memory, time is the first axis.
    state : torch.Tensor or tuple
        The state after the last character, shaped like the state before the first.

    Raises
    ------
    ValueError
        If the layer has an option that this function does not support.

    Notes
    -----
    Outputs and gradients equal those of the layer up to rounding. There is no second derivative.

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
    first_states = list(zip(*parts_of(state), strict=True))  # per layer: h, or h and c
    last_states = []
    x = ids.T  # (T, B)
    for k in range(layer.num_layers):
        W_ih, W_hh, b_ih, b_hh = (
            getattr(layer, f"{name}_l{k}")
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        b_n: tuple[Tensor, ...] = ()
        if isinstance(layer, nn.GRU):  # b_hn is not added to b_ih: r scales it, r ⊙ (W h + b_hn)
            b_hr_hz, b_hn = b_hh[: 2 * H], b_hh[2 * H :]
            b_hh, b_n = nn.functional.pad(b_hr_hz, (0, H)), (b_hn,)
        if k == 0 and (embedding is None or len(embedding) <= ids.numel()):
            # V products, one per row of a table, instead of B T products
            table = W_ih.T if embedding is None else embedding @ W_ih.T  # (V, gH)
            from_input = _apply(_LookUp, table + (b_ih + b_hh), x)  # (T, B, gH)
        else:
            if k == 0 and embedding is not None:  # a table would cost more
                x = nn.functional.embedding(x, embedding)  # (T, B) -> (T, B, E)
            else:
                x = nn.functional.dropout(x, layer.dropout, layer.training)
            from_input = nn.functional.linear(x, W_ih, b_ih + b_hh)  # (T, B, gH)
        x, *last_state = _apply(STEPS[layer.mode], from_input, *first_states[k], W_hh, *b_n)
        last_states.append(last_state)
    h, *c = (torch.stack(part) for part in zip(*last_states, strict=True))
    return x.transpose(0, 1), (h, c[0]) if lstm else h


class _LookUp(Function):
    """Look up rows of a table, as the product with one-hot vectors would, but without computing it.

    Shapes: (V, gH), (T, B) -> (T, B, gH), where g is the number of gates.
    """

    @staticmethod
    def forward(ctx: Any, table: Tensor, ids: Tensor) -> Tensor:
        """Copy one row of the table per id."""
        ctx.save_for_backward(ids)
        ctx.vocab_size = len(table)
        out = table.new_empty(*ids.shape, table.shape[1])
        torch.index_select(table, 0, ids.flatten(), out=out.view(-1, table.shape[1]))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> Any:
        """Add each gradient to the row that its id selected."""
        (ids,) = ctx.saved_tensors
        dtable = dout.new_zeros(ctx.vocab_size, dout.shape[2])
        return dtable.index_add_(0, ids.flatten(), dout.flatten(0, 1)), None


class _RNNSteps(Function):
    """All time steps of an RNN as one node of the graph.

    Here and in the classes below, `a` is the input's contribution to the gates. The forward pass
    overwrites it: with the sum inside the tanh in an RNN, with the gates in an LSTM or a GRU.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, h: Tensor, W_hh: Tensor) -> Any:
        """(T, B, H), (B, H), (H, H) -> (T, B, H), (B, H)."""
        states = a.new_empty(len(a) + 1, *h.shape)  # (T + 1, B, H)
        states[0] = h
        W = W_hh.T.contiguous()  # a product that reads along its rows is a fifth faster
        tanh, a_steps, new_states = _prepare_tanh(a, states[1:])
        for t, (a_t, h_t) in enumerate(zip(a.unbind(), states[:-1].unbind(), strict=True)):
            a_t.addmm_(h_t, W)
            tanh(a_steps[t], new_states[t])
        ctx.save_for_backward(states, W_hh)
        return states[1:], states[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, doutputs: Tensor, dh: Tensor) -> Any:
        """Follow :func:`charseq.reference.rnn_backward`."""
        states, W_hh = ctx.saved_tensors
        states_before, outputs = states[:-1], states[1:]  # (T, B, H)
        ones = outputs.new_ones(())
        da = torch.addcmul(ones, outputs, outputs, value=-1)  # (T, B, H), so far 1 - outputs²
        dh = dh.clone()  # (B, H), from the next time step
        for doutput, da_t in reversed(list(zip(doutputs.unbind(), da.unbind(), strict=True))):
            da_t.mul_(dh.add_(doutput))  # (B, H), from the next time step and from this output
            torch.mm(da_t, W_hh, out=dh)  # (B, H) @ (H, H) -> (B, H)
        dW_hh = da.flatten(0, 1).T @ states_before.flatten(0, 1)
        return da, dh, dW_hh


class _LSTMSteps(Function):
    """All time steps of an LSTM as one node of the graph."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, h: Tensor, c: Tensor, W_hh: Tensor) -> Any:
        """(T, B, 4H), two (B, H), (4H, H) -> (T, B, H), two (B, H)."""
        T, H = len(a), h.shape[1]
        states, cells = (a.new_empty(T + 1, *h.shape) for _ in "hc")  # (T + 1, B, H)
        states[0], cells[0] = h, c
        tanh_c = torch.empty_like(states[1:])  # (T, B, H)
        W = W_hh.T.contiguous()
        gates = a.chunk(4, dim=2)  # i, f, g, o
        tanh, g_steps, c_steps, tanh_c_steps = _prepare_tanh(gates[2], cells[1:], tanh_c)
        # One list of tensors per time step: the four gates, as a whole, in part and one by one,
        sums = zip(*map(Tensor.unbind, (a, a[..., : 2 * H], *gates)), strict=True)
        # and the states, each before and after the step.
        kept = (states[:-1], states[1:], cells[:-1], cells[1:], tanh_c)
        steps = zip(sums, zip(*map(Tensor.unbind, kept), strict=True), strict=True)
        for t, ((a_t, i_f, i, f, g, o), (h_t, new_h, c_t, new_c, tanh_c_t)) in enumerate(steps):
            a_t.addmm_(h_t, W)
            i_f.sigmoid_()
            tanh(g_steps[t], g_steps[t])
            o.sigmoid_()
            torch.mul(f, c_t, out=new_c).addcmul_(i, g)
            tanh(c_steps[t], tanh_c_steps[t])
            torch.mul(o, tanh_c_t, out=new_h)
        ctx.save_for_backward(a, states, cells, tanh_c, W_hh)
        return states[1:], states[-1].clone(), cells[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, doutputs: Tensor, dh: Tensor, dc: Tensor) -> Any:
        """Follow :func:`charseq.reference.lstm_backward`."""
        gates, states, cells, tanh_c, W_hh = ctx.saved_tensors
        states_before, cells_before = states[:-1], cells[:-1]  # (T, B, H)
        da = torch.empty_like(gates)  # (T, B, 4H)
        dh = dh.clone()  # (B, H), from the next time step
        parts = (doutputs, *gates.chunk(4, 2), cells_before, tanh_c, da, *da.chunk(4, 2))
        steps = list(zip(*map(Tensor.unbind, parts), strict=True))
        for doutput, i, f, g, o, c_before, tanh_c_t, da_t, di, df, dg, do in reversed(steps):
            dh.add_(doutput)  # (B, H), from the next time step and from this output
            # (B, H), through h and from the next time step
            dc = torch.ops.aten.tanh_backward(o * dh, tanh_c_t).add_(dc)
            sigmoid_backward(g * dc, i, grad_input=di)
            sigmoid_backward(c_before * dc, f, grad_input=df)
            tanh_backward(i * dc, g, grad_input=dg)
            sigmoid_backward(tanh_c_t * dh, o, grad_input=do)
            torch.mm(da_t, W_hh, out=dh)  # (B, 4H) @ (4H, H) -> (B, H)
            dc.mul_(f)  # (B, H), without a product with W_hh
        dW_hh = da.flatten(0, 1).T @ states_before.flatten(0, 1)
        return da, dh, dc, dW_hh


class _GRUSteps(Function):
    """All time steps of a GRU as one node of the graph; r acts after the product, as in torch."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, h: Tensor, W_hh: Tensor, b_hn: Tensor) -> Any:
        """(T, B, 3H), (B, H), (3H, H), (H,) -> (T, B, H), (B, H)."""
        T, H = len(a), h.shape[1]
        states = a.new_empty(T + 1, *h.shape)  # (T + 1, B, H)
        states[0] = h
        memory_n = torch.empty_like(states[1:])  # (T, B, H), W_hn h + b_hn, which r then scales
        W_rz, W_n = (W.T.contiguous() for W in (W_hh[: 2 * H], W_hh[2 * H :]))
        gates = a.chunk(3, dim=2)  # r, z, n
        parts = (a[..., : 2 * H], *gates, memory_n, states[:-1], states[1:])
        tanh, n_steps = _prepare_tanh(gates[2])
        for t, (r_z, r, z, n, m, h_t, new_h) in enumerate(
            zip(*map(Tensor.unbind, parts), strict=True)
        ):
            r_z.addmm_(h_t, W_rz).sigmoid_()
            torch.addmm(b_hn, h_t, W_n, out=m)
            n.addcmul_(r, m)
            tanh(n_steps[t], n_steps[t])
            torch.lerp(n, h_t, z, out=new_h)
        ctx.save_for_backward(a, states, memory_n, W_hh)
        return states[1:], states[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, doutputs: Tensor, dh: Tensor) -> Any:
        """Follow :func:`charseq.reference.gru_backward`."""
        gates, states, memory_n, W_hh = ctx.saved_tensors
        states_before, H = states[:-1], states.shape[2]  # (T, B, H)
        dmemory = torch.empty_like(gates)  # (T, B, 3H), gradient of W_hh h + b_hh
        dn = torch.empty_like(memory_n)  # (T, B, H), gradient of the sum inside tanh
        dh = dh.clone()  # (B, H), from the next time step
        parts = (
            doutputs, *gates.chunk(3, 2), states_before, memory_n, dn, dmemory, *dmemory.chunk(3, 2)
        )  # fmt: skip
        steps = list(zip(*map(Tensor.unbind, parts), strict=True))
        for doutput, r, z, n, h, m, dn_t, dmemory_t, dr, dz, dm in reversed(steps):
            dh.add_(doutput)  # (B, H), from the next time step and from this output
            sigmoid_backward((h - n).mul_(dh), z, grad_input=dz)
            tanh_backward(torch.addcmul(dh, dh, z, value=-1), n, grad_input=dn_t)
            sigmoid_backward(m * dn_t, r, grad_input=dr)
            torch.mul(r, dn_t, out=dm)
            dh.mul_(z).addmm_(dmemory_t, W_hh)  # (B, H) + (B, 3H) @ (3H, H) -> (B, H)
        dW_hh = dmemory.flatten(0, 1).T @ states_before.flatten(0, 1)
        db_hn = dmemory[..., 2 * H :].sum((0, 1))
        # Now dmemory becomes the gradient of `a`, whose block n is not scaled by r.
        dmemory[..., 2 * H :] = dn
        return dmemory, dh, dW_hh, db_hn


STEPS = {"RNN_TANH": _RNNSteps, "LSTM": _LSTMSteps, "GRU": _GRUSteps}


def _prepare_tanh(*tensors: Tensor) -> tuple[Callable[..., Any], *tuple[Any, ...]]:
    """Return a function `tanh(x, out)`, and the time steps of each tensor as it takes them.

    On a CPU the function is NumPy's, which is two to five times as fast as torch's.
    """
    if any(not x.is_cpu or x.dtype.itemsize < 4 for x in tensors):  # a GPU, or 16 bits: use torch
        return lambda x, out: torch.tanh(x, out=out), *(x.unbind() for x in tensors)
    return np.tanh, *(list(x.detach().numpy()) for x in tensors)


@cache
def stop_malloc_returning_memory() -> None:
    """Tell the C library to keep the memory that one training step frees for the next one.

    By default glibc returns large blocks to the operating system, which has to clear their pages
    when they are requested again. That takes a fifth of the time of a training step. On systems
    without glibc this function does nothing.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not glibc
        return
    mallopt(-1, -1)  # M_TRIM_THRESHOLD: never give back the top of the heap
    mallopt(-4, 0)  # M_MMAP_MAX: never map a block separately, as that would be given back


def _apply(function: type[Function], *arguments: Any) -> Any:
    return function.apply(*arguments)  # type: ignore[no-untyped-call]


def check_layer(layer: Any) -> None:
    """Refuse a layer with an option that :func:`fast_forward` does not support."""
    if getattr(layer, "mode", None) not in STEPS:
        raise ValueError(f"expected a torch.nn.RNN with tanh, a GRU or an LSTM, got {layer}")
    options = {"batch_first": True, "bidirectional": False, "bias": True, "proj_size": 0}
    for name, value in options.items():
        if getattr(layer, name) != value:
            raise ValueError(f"expected a layer with {name}={value}, got {layer}")
