"""Weights of one recurrent layer, carried between Keras and PyTorch; Keras is not imported.

The page :doc:`/conventions` has the facts in tables, and those of other libraries.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charseq._checks import check_choice, check_params
from charseq.reference import RNNParams
from charseq.shapes import GATES

__all__ = ["from_keras", "swap_update_gate", "to_keras"]

Array = NDArray[Any]


def to_keras(params: RNNParams, cell: str, *, reset_after: bool = True) -> list[Array]:
    """Convert the weights of a layer from torch's layout to Keras'.

    Parameters
    ----------
    params : RNNParams
        The weights in torch's layout, for example from :meth:`charseq.RNNParams.from_torch`.
    cell : {"RNN", "GRU", "LSTM"}
        The kind of layer.
    reset_after : bool, default=True
        Where the reset gate of a GRU acts with these weights: after the matrix, as in torch, or
        before it, as in :cite:t:`cho2014learning`.

    Returns
    -------
    list of ndarray
        What ``layer.set_weights`` takes, in copies: ``kernel`` of shape (I, gH),
        ``recurrent_kernel`` of shape (H, gH), and ``bias`` of shape (gH,), with g = 1, 3 or 4 rows
        per unit. The bias is (2, 3H) in a GRU with ``reset_after=True``, whose reset gate
        multiplies the second bias of the candidate. Elsewhere the two biases of torch are added.

    Raises
    ------
    TypeError
        If `params` is not an :class:`~charseq.RNNParams`.
    ValueError
        If `cell` is unknown, or a shape does not fit.

    See Also
    --------
    from_keras : The inverse.

    Notes
    -----
    The layouts are those of the sources of PyTorch and Keras 3.

    Examples
    --------
    >>> from charseq import RNNParams
    >>> from charseq.conversions import to_keras
    >>> params = RNNParams.random(3, 2, np.random.default_rng(0), gates=4)
    >>> [array.shape for array in to_keras(params, "LSTM")]
    [(3, 8), (2, 8), (8,)]
    """
    _check_cell(cell, reset_after)
    if not isinstance(params, RNNParams):
        raise TypeError(f"expected the weights as RNNParams, got {type(params).__name__}")
    check_params(params, GATES[cell])
    W_ih, W_hh, b_ih, b_hh = (_reorder(array, cell) for array in params)
    bias = np.stack([b_ih, b_hh]) if cell == "GRU" and reset_after else b_ih + b_hh
    return [W_ih.T, W_hh.T, bias]


def from_keras(weights: Sequence[Any], cell: str, *, reset_after: bool = True) -> RNNParams:
    """Convert the weights of a layer from Keras' layout to torch's.

    Parameters
    ----------
    weights : list
        What ``layer.get_weights()`` returns, as :func:`to_keras` describes it.
    cell : {"RNN", "GRU", "LSTM"}
        The kind of layer.
    reset_after : bool, default=True
        Where the reset gate of a GRU acts: after the matrix, as in torch, or before it, as in
        :cite:t:`cho2014learning`. Torch has no layer for False, but
        :func:`~charseq.reference.gru_forward` computes its states with ``reset_after=False``.

    Returns
    -------
    RNNParams
        The weights in torch's layout, in copies. Where Keras has one bias, ``b_ih`` holds it and
        ``b_hh`` is zeros.

    Raises
    ------
    TypeError
        If `weights` is neither a list nor a tuple.
    ValueError
        If `cell` is unknown, or the shapes are not those of Keras.

    See Also
    --------
    to_keras : The inverse, with the sources.

    Notes
    -----
    Two blocks of the same shape that were swapped go unnoticed. So do the two matrices, if the
    layer has as many units as input features.

    Examples
    --------
    >>> from charseq.conversions import from_keras
    >>> kernel, recurrent_kernel, bias = np.ones((3, 8)), np.zeros((2, 8)), np.arange(8.0)
    >>> params = from_keras([kernel, recurrent_kernel, bias], "LSTM")
    >>> [array.shape for array in params]
    [(8, 3), (8, 2), (8,), (8,)]
    """
    _check_cell(cell, reset_after)
    if not isinstance(weights, (list, tuple)):
        raise TypeError(f"expected a list of weights, got {type(weights).__name__}")
    arrays = [np.asarray(array) for array in weights]
    shapes, g = [array.shape for array in arrays], GATES[cell]
    two = cell == "GRU" and reset_after
    H = shapes[1][0] if len(shapes) == 3 and len(shapes[1]) == 2 else 0
    if not H or shapes != [(*shapes[0][:1], g * H), (H, g * H), (2,) * two + (g * H,)]:
        rows, got = f"{g}H" if g > 1 else "H", ", ".join(map(str, shapes)) or "nothing"
        raise ValueError(
            f"the {cell} of Keras has kernel (I, {rows}), recurrent_kernel (H, {rows}), bias "
            f"({f'2, {rows}' if two else f'{rows},'}); got {got}"
        )
    kernel, recurrent_kernel, bias = arrays
    b_ih, b_hh = bias if two else (bias, np.zeros_like(bias))
    params = kernel.T, recurrent_kernel.T, b_ih, b_hh
    return RNNParams(*(_reorder(array, cell) for array in params))


def swap_update_gate(params: RNNParams) -> RNNParams:
    r"""Exchange z and 1 - z in a GRU, the two conventions for its update gate.

    Many papers keep :math:`1 - z` of the old state, where torch keeps :math:`z`. Since
    :math:`\sigma(-a) = 1 - \sigma(a)`, a change of sign converts the weights, in both directions.

    Parameters
    ----------
    params : RNNParams
        The weights of a GRU.

    Returns
    -------
    RNNParams
        A copy in which the rows of the update gate have the opposite sign.

    Raises
    ------
    ValueError
        If the shapes are not those of a GRU.

    Examples
    --------
    >>> from charseq import RNNParams
    >>> from charseq.conversions import swap_update_gate
    >>> params = RNNParams(np.ones((3, 1)), np.ones((3, 1)), np.zeros(3), np.zeros(3))
    >>> print(*swap_update_gate(params).W_ih.ravel())  # r, z, n
    1.0 -1.0 1.0
    """
    check_params(params, GATES["GRU"])
    H = params.W_hh.shape[1]
    copies = RNNParams(*map(np.array, params))
    for array in copies:
        array[H : 2 * H] *= -1
    return copies


def _check_cell(cell: str, reset_after: bool) -> None:
    check_choice("cell", cell, tuple(GATES))
    if cell != "GRU" and not reset_after:
        raise ValueError(f"reset_after=False is for a GRU: an {cell} has no reset gate")


def _reorder(array: Array, cell: str) -> Array:
    """Return floats; of a GRU from torch's order r, z, n to Keras' z, r, n, or back."""
    blocks = np.split(np.array(array, np.result_type(array, np.float16)), GATES[cell])
    if cell == "GRU":
        blocks[:2] = blocks[1::-1]
    return np.concatenate(blocks)
