"""Weights of one recurrent layer, carried between PyTorch and other libraries.

Each library is one row of `LAYOUTS`, and two functions, :func:`to_library` and
:func:`from_library`, work for all of them. None of the libraries is imported. The page
:doc:`/conventions` has the same facts in tables.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charseq._checks import check_choice, check_params
from charseq.reference import RNNParams
from charseq.shapes import GATES

__all__ = ["from_library", "swap_update_gate", "to_library"]

Array = NDArray[Any]
Blocks = dict[str, Array]  # one block of H rows for each gate, in the order of a library
ALL_GATES = {"RNN": ("",), "GRU": ("r", "z", "n"), "LSTM": ("i", "f", "g", "o")}  # torch's order


# --- the table of libraries -----------------------------------------------------------------------


@dataclass(frozen=True)
class Layout:
    """How a library lays out the weights of one layer.

    Attributes
    ----------
    title : str
        The name of the library in a sentence.
    gru, lstm : str
        The gates in the library's order, by the letters of this site.
    arrange : callable
        Makes the library's arrays, by name, from the blocks of weights and biases.
    second_biases : dict of str to collection of str
        The gates that have a second bias, by cell. The other gates have one.
    reset_after : tuple of bool
        Which placements of a GRU's reset gate the library has: after the matrix, or before.
    row_vectors : bool
        Whether the library multiplies rows, ``x @ kernel``, so that an LSTM's matrix is (I, 4H).
    is_list : bool
        Whether the weights are a list. Otherwise they are a dict, in which a slash in a name
        stands for a dict inside.
    """

    title: str
    gru: str
    lstm: str
    arrange: Callable[[str, Blocks, Blocks, Blocks, Blocks], Blocks]
    second_biases: Mapping[str, Collection[str]] = field(default_factory=dict)
    reset_after: tuple[bool, ...] = (True,)
    row_vectors: bool = True
    is_list: bool = False

    def gates(self, cell: str) -> tuple[str, ...]:
        """Return the gates of a cell in the library's order; an RNN has one, without a name."""
        return {"RNN": ("",), "GRU": tuple(self.gru), "LSTM": tuple(self.lstm)}[cell]

    def has_second_bias(self, gate: str, cell: str, reset_after: bool) -> bool:
        """Say whether a gate has a bias beside the state's weights as well as one beside x's."""
        return reset_after and cell in self.second_biases and gate in self.second_biases[cell]


# Each of these functions gets four dicts by gate: weights W of the input, (H, I) each, weights U of
# the state, (H, H) each, biases b, and the second biases c of those gates that have one.


def _rows(blocks: Blocks) -> Array:
    return np.concatenate([*blocks.values()])  # of an LSTM (4H, I), or (4H,) for biases


def _columns(blocks: Blocks) -> Array:
    return _rows(blocks).T  # of an LSTM (I, 4H), or (4H,) for biases


def _arrange_torch(cell: str, W: Blocks, U: Blocks, b: Blocks, c: Blocks) -> Blocks:
    weights = {"weight_ih_l0": _rows(W), "weight_hh_l0": _rows(U)}
    return weights | {"bias_ih_l0": _rows(b), "bias_hh_l0": _rows(c)}


def _arrange_cudnn(cell: str, W: Blocks, U: Blocks, b: Blocks, c: Blocks) -> Blocks:
    kinds = {"W_i": W, "W_h": U, "b_i": b, "b_h": c}
    return {kind + gate: block for kind, blocks in kinds.items() for gate, block in blocks.items()}


def _arrange_keras(cell: str, W: Blocks, U: Blocks, b: Blocks, c: Blocks) -> Blocks:
    bias = np.stack([_rows(b), _rows(c)]) if c else _rows(b)
    return {"kernel": _columns(W), "recurrent_kernel": _columns(U), "bias": bias}


def _arrange_linen(cell: str, W: Blocks, U: Blocks, b: Blocks, c: Blocks) -> Blocks:
    weights = {f"i{gate}/kernel": block.T for gate, block in W.items()}
    weights |= {f"h{gate}/kernel": block.T for gate, block in U.items()}
    side = "h" if cell == "LSTM" else "i"
    weights |= {f"{side}{gate}/bias": block for gate, block in b.items()}
    return weights | {f"h{gate}/bias": block for gate, block in c.items()}


def _arrange_nnx(cell: str, W: Blocks, U: Blocks, b: Blocks, c: Blocks) -> Blocks:
    side = "h" if cell == "LSTM" else "i"
    weights = {"dense_i/kernel": _columns(W), "dense_h/kernel": _columns(U)}
    return weights | {f"dense_{side}/bias": _rows(b)}


def _arrange_paper(cell: str, W: Blocks, U: Blocks, b: Blocks, c: Blocks) -> Blocks:
    kinds = {"W": W, "U": U, "b": b}
    return {
        f"{kind}_{gate}".rstrip("_"): block
        for kind, blocks in kinds.items()
        for gate, block in blocks.items()
    }


LAYOUTS = {
    "torch": Layout(
        "PyTorch", "rzn", "ifgo", _arrange_torch, second_biases=ALL_GATES, row_vectors=False
    ),
    "cudnn": Layout(
        "cuDNN", "rzn", "ifgo", _arrange_cudnn,
        second_biases=ALL_GATES, row_vectors=False, is_list=True,
    ),
    "keras": Layout(
        "Keras", "zrn", "ifgo", _arrange_keras,
        second_biases={"GRU": "zrn"}, reset_after=(True, False), is_list=True,
    ),
    "linen": Layout("flax.linen", "rzn", "ifgo", _arrange_linen, second_biases={"GRU": "n"}),
    "nnx": Layout("flax.nnx", "rzn", "ifgo", _arrange_nnx),
    "paper": Layout(
        "a paper with one bias", "rzn", "ifgo", _arrange_paper,
        reset_after=(True, False), row_vectors=False,
    ),
}  # fmt: skip
"""One row per library. Nothing else in this module knows a library's name."""


# --- the two functions ----------------------------------------------------------------------------


def to_library(
    params: RNNParams,
    library: str,
    cell: str,
    *,
    reset_after: bool = True,
) -> Any:
    """Convert the weights of a layer from torch's layout to another library's.

    Parameters
    ----------
    params : RNNParams
        The weights in torch's layout, for example from :meth:`charseq.RNNParams.from_torch`.
    library : {"torch", "cudnn", "keras", "linen", "nnx", "paper"}
        The library, or kind of code, that the weights are for.
    cell : {"RNN", "GRU", "LSTM"}
        The kind of layer.
    reset_after : bool, default=True
        Where the reset gate of a GRU acts with these weights: after the matrix, as in torch, or
        before it, as in :cite:t:`cho2014learning`.

    Returns
    -------
    list or dict
        Copies of the weights, in the shapes that the library expects. For Keras, a list that
        ``layer.set_weights`` takes; for cuDNN, a list in the order of ``cudnnGetRNNWeightParams``.
        Otherwise a dict: for torch, the entries of a state dict; for ``flax.linen``, the ``params``
        of a cell; for ``flax.nnx``, what ``nnx.update`` writes into a cell; for a paper, W, U and b
        of each gate.

    Raises
    ------
    TypeError
        If `params` is not an :class:`~charseq.RNNParams`.
    ValueError
        If `library` or `cell` is unknown, a shape does not fit, or the library cannot hold these
        weights.

    See Also
    --------
    from_library : The inverse.

    Notes
    -----
    A gate with one bias gets the sum of both. The candidate of a GRU with ``reset_after=True`` is
    the exception: there the reset gate multiplies the second bias, so a library with one bias can
    hold the weights only if the second bias of the candidate is zeros.

    A GRU whose matrix W_hn is diagonal computes the same with both placements of the reset gate, if
    the second bias of the candidate is zeros. Such weights may be declared as either.

    The layouts are those of the sources of PyTorch, Keras 3 and Flax (``SimpleCell``, ``GRUCell``
    and ``OptimizedLSTMCell``, in ``linen`` and in ``nnx``), and of NVIDIA's documentation of cuDNN.

    Examples
    --------
    >>> from charseq import RNNParams
    >>> from charseq.conversions import to_library
    >>> params = RNNParams.random(3, 2, np.random.default_rng(0), gates=4)
    >>> [array.shape for array in to_library(params, "keras", "LSTM")]
    [(3, 8), (2, 8), (8,)]
    """
    layout = _find_layout(library, cell, reset_after)
    if not isinstance(params, RNNParams):
        raise TypeError(f"expected the weights as RNNParams, got {type(params).__name__}")
    params = RNNParams(*map(np.asarray, params))
    check_params(params, GATES[cell])
    arrays = _arrange(_merge_biases(params, layout, cell, reset_after), layout, cell, reset_after)
    if layout.is_list:
        return [np.array(array) for array in arrays.values()]
    weights: dict[str, Any] = {}
    for name, array in arrays.items():
        *path, last = name.split("/")
        inner = weights
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = np.array(array)
    return weights


def from_library(
    weights: Any,
    library: str,
    cell: str,
    *,
    reset_after: bool = True,
) -> RNNParams:
    """Convert the weights of a layer from another library's layout to torch's.

    Parameters
    ----------
    weights : list or dict
        What the library gives, as :func:`to_library` describes it. The arrays may be of any kind
        that NumPy can read.
    library : {"torch", "cudnn", "keras", "linen", "nnx", "paper"}
        The library, or kind of code, that they come from.
    cell : {"RNN", "GRU", "LSTM"}
        The kind of layer.
    reset_after : bool, default=True
        Where the reset gate of a GRU acts: after the matrix, as in torch, or before it, as in
        :cite:t:`cho2014learning`. Torch has no layer for False, but
        :func:`~charseq.reference.gru_forward` computes its states with ``reset_after=False``.

    Returns
    -------
    RNNParams
        The weights in torch's layout. Where the library has one bias, ``b_ih`` holds it and
        ``b_hh`` is zeros.

    Raises
    ------
    TypeError
        If `weights` is neither a list nor a dict.
    ValueError
        If `library` or `cell` is unknown, if the library has no GRU with this placement of the
        reset gate, or if names or shapes are not those of the library. The message names a layout
        that the weights would fit.

    See Also
    --------
    to_library : The inverse, with the sources.

    Notes
    -----
    Two blocks of the same shape that were swapped go unnoticed. So do the two matrices, if the
    layer has as many units as input features.

    An underscore at the end of a key is ignored, because ``flax.nnx.LSTMCell`` has the arrays of
    ``flax.linen``, but writes ``if_`` where ``linen`` writes ``if``.

    Examples
    --------
    >>> from charseq.conversions import from_library
    >>> kernel, recurrent_kernel, bias = np.ones((3, 8)), np.zeros((2, 8)), np.arange(8.0)
    >>> params = from_library([kernel, recurrent_kernel, bias], "keras", "LSTM")
    >>> [array.shape for array in params]
    [(8, 3), (8, 2), (8,), (8,)]
    """
    layout = _find_layout(library, cell, reset_after)
    if not isinstance(weights, (list, tuple, Mapping)):
        raise TypeError(f"expected a list or dict of weights, got {type(weights).__name__}")
    arrays = _flatten(weights)
    sizes = _measure(arrays, library, cell, reset_after)
    if sizes is None:
        raise ValueError(_describe_mismatch(arrays, library, cell, reset_after))
    # A layout says where each of torch's numbers goes. To go back, number them 0, 1, 2, …, and let
    # the layout arrange these numbers: now each of its places holds the number's place in torch.
    count = GATES[cell] * sizes[1] * (sum(sizes) + 2)
    places_in_torch = _arrange(_cut(np.arange(count), *sizes, cell), layout, cell, reset_after)
    numbers = np.zeros(count, np.result_type(*arrays.values(), np.float16))  # float, not integer
    in_order = _in_order(arrays, places_in_torch)
    for places, array in zip(places_in_torch.values(), in_order, strict=True):
        numbers[places] = array
    return _cut(numbers, *sizes, cell)


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


# --- helpers --------------------------------------------------------------------------------------


def _find_layout(library: str, cell: str, reset_after: bool) -> Layout:
    """Return a row of the table; refuse what the library does not have."""
    check_choice("library", library, tuple(LAYOUTS))
    check_choice("cell", cell, tuple(GATES))
    layout = LAYOUTS[library]
    if cell != "GRU" and not reset_after:
        raise ValueError(f"reset_after=False is for a GRU: an {cell} has no reset gate")
    if cell == "GRU" and reset_after not in layout.reset_after:
        theirs, ours = ("before", "after") if reset_after else ("after", "before")
        raise ValueError(
            f"in the GRU of {layout.title} the reset gate acts {theirs} the matrix W_hn, and "
            f"reset_after={reset_after} says that with these weights it acts {ours} it: in general "
            "no weights give the same states in both"
        )
    return layout


def _cut(numbers: Array, I: int, H: int, cell: str) -> RNNParams:  # noqa: E741
    """View a vector of all weights as W_ih, W_hh, b_ih and b_hh."""
    rows = GATES[cell] * H
    W_ih, W_hh, b_ih, b_hh = np.split(numbers, np.cumsum([rows * I, rows * H, rows]))
    return RNNParams(W_ih.reshape(rows, I), W_hh.reshape(rows, H), b_ih, b_hh)


def _merge_biases(params: RNNParams, layout: Layout, cell: str, reset_after: bool) -> RNNParams:
    """Add up the biases of those gates that have one bias in the library."""
    H = params.W_hh.shape[1]
    dtype = np.result_type(*params, np.float16)  # float, not integer
    b_ih, b_hh = np.array(params.b_ih, dtype), np.array(params.b_hh, dtype)
    for k, gate in enumerate(ALL_GATES[cell]):
        block = slice(k * H, (k + 1) * H)
        if layout.has_second_bias(gate, cell, reset_after):
            continue
        if gate == "n" and reset_after and b_hh[block].any():
            raise ValueError(
                f"in the GRU of {layout.title} the candidate has one bias, and in these weights it "
                "has two that cannot be added up, since the reset gate multiplies the second: "
                f"expected zeros in b_hh[{block.start}:{block.stop}], got {b_hh[block]}"
            )
        b_ih[block] += b_hh[block]
        b_hh[block] = 0
    return params._replace(b_ih=b_ih, b_hh=b_hh)


def _arrange(params: RNNParams, layout: Layout, cell: str, reset_after: bool) -> Blocks:
    """Cut the weights into blocks, and let the library put them together."""
    W, U, b, c = (
        dict(zip(ALL_GATES[cell], np.split(array, GATES[cell]), strict=True)) for array in params
    )
    order = layout.gates(cell)
    second = [gate for gate in order if layout.has_second_bias(gate, cell, reset_after)]
    W, U, b = ({gate: blocks[gate] for gate in order} for blocks in (W, U, b))
    return layout.arrange(cell, W, U, b, {gate: c[gate] for gate in second})


@cache
def _formulas(library: str, cell: str, reset_after: bool) -> dict[str, tuple[tuple[int, ...], ...]]:
    """Return for each axis of each array how often it counts I, H and 1: (0, 4, 0) is 4H."""

    def shapes(I: int, H: int) -> dict[str, Array]:  # noqa: E741
        numbers = np.zeros(GATES[cell] * H * (I + H + 2))
        arrays = _arrange(_cut(numbers, I, H, cell), LAYOUTS[library], cell, reset_after)
        return {name: np.array(array.shape) for name, array in arrays.items()}

    one, wide, tall = shapes(1, 1), shapes(2, 1), shapes(1, 2)
    return {
        name: tuple(
            (int(a), int(b), int(total - a - b))
            for a, b, total in zip(
                wide[name] - one[name], tall[name] - one[name], one[name], strict=True
            )
        )
        for name in one
    }


def _flatten(weights: Any) -> Blocks:
    """Return the arrays by name, without underscores at its end; in a list by their places."""

    def walk(path: str, item: Any) -> Iterator[tuple[str, Array]]:
        if isinstance(item, Mapping):
            for key, value in item.items():
                yield from walk(f"{path}/{str(key).rstrip('_')}", value)
        else:
            yield path[1:], np.asarray(item)

    if isinstance(weights, (list, tuple)):
        return {str(k): np.asarray(array) for k, array in enumerate(weights)}
    return dict(walk("", weights))


def _in_order(arrays: Blocks, names: Collection[str]) -> list[Array]:
    """Return the arrays in the order of the layout: by their places, or by name."""
    return [arrays[name] for name in names] if set(names) == set(arrays) else [*arrays.values()]


def _measure(arrays: Blocks, library: str, cell: str, reset_after: bool) -> tuple[int, int] | None:
    """Return I and H if the arrays have the names and shapes of a library, otherwise None."""
    layout, formulas = LAYOUTS[library], _formulas(library, cell, reset_after)
    names = [str(k) for k in range(len(formulas))] if layout.is_list else [*formulas]
    if set(arrays) != set(names):
        return None
    shapes = [arrays[name].shape for name in names]
    axes = [*formulas.values()]
    if [len(shape) for shape in shapes] != [len(axis) for axis in axes]:
        return None
    H = shapes[-1][-1] // axes[-1][-1][1]  # the last array is a bias or ends with an axis of gates
    axis = 0 if layout.row_vectors else 1
    I = shapes[0][axis]  # noqa: E741 - the first array holds weights of the input
    expected = [tuple(a * I + b * H + c for a, b, c in axis) for axis in axes]
    return (I, H) if shapes == expected and I > 0 and H > 0 else None


def _describe_mismatch(arrays: Blocks, library: str, cell: str, reset_after: bool) -> str:
    """Say what was expected and what was found, and which layout the arrays would fit."""
    formulas = _formulas(library, cell, reset_after)
    expected = ", ".join(f"{name} {_as_text(axes)}" for name, axes in formulas.items())
    if all(name.isdigit() for name in arrays):
        got = "a list of " + (", ".join(str(array.shape) for array in arrays.values()) or "nothing")
    else:
        got = "a dict of " + ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
    kind = "a list" if LAYOUTS[library].is_list else "a dict"
    hint = _find_hint(arrays, library, cell)
    name = _name(library, cell, reset_after)
    return f"the weights of {name} are {kind} of {expected}; got {got}{hint}"


def _find_hint(arrays: Blocks, library: str, cell: str) -> str:
    """Say which other layout has the same names and shapes, if one has."""
    places = [
        (other, kind, after)
        for other, layout in LAYOUTS.items()
        for kind in GATES
        for after in (layout.reset_after if kind == "GRU" else (True,))
    ]
    places.sort(key=lambda place: (place[0] != library, place[1] != cell))
    transposed = {name: array.T for name, array in arrays.items()}
    for place in places:
        if _measure(arrays, *place):
            return f". They look like the weights of {_name(*place)}"
        if place[:2] == (library, cell) and _measure(transposed, *place):
            return ". The matrices are transposed"
    return ""


def _name(library: str, cell: str, reset_after: bool) -> str:
    placement = "" if reset_after else " with reset_after=False"
    return f"{'a GRU' if cell == 'GRU' else f'an {cell}'} in {LAYOUTS[library].title}{placement}"


def _as_text(axes: tuple[tuple[int, ...], ...]) -> str:
    """Write a shape in letters, for example ``(I, 4H)``."""
    letters = []
    for counts in axes:
        terms = [
            f"{count if count > 1 or not letter else ''}{letter}"
            for count, letter in zip(counts, ("I", "H", ""), strict=True)
            if count
        ]
        letters.append("+".join(terms))
    return f"({', '.join(letters)}{',' * (len(letters) == 1)})"
