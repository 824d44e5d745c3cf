"""Weights of one recurrent layer, carried between PyTorch and other libraries.

Each library is one row of `LAYOUTS`, and two functions, :func:`to_library` and
:func:`from_library`, work for all of them. None of the libraries is imported. The page
:doc:`/conventions` has the same facts in tables.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

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


class Layout(NamedTuple):
    """How a library lays out the weights of one layer."""

    title: str  # the name of the library in a sentence
    gru: str  # the gates of a GRU in the library's order; those of an LSTM are in torch's
    arrange: Callable[[str, Blocks, Blocks, Blocks, Blocks], Blocks]  # the arrays, by name
    second_biases: Mapping[str, Collection[str]] = {}  # the gates that have two, by cell
    reset_after: tuple[bool, ...] = (True,)  # whether its reset gates act after the matrix

    def gates(self, cell: str) -> tuple[str, ...]:
        """Return the gates of a cell in the library's order; an RNN has one, without a name."""
        return tuple(self.gru) if cell == "GRU" else ALL_GATES[cell]

    def has_second_bias(self, gate: str, cell: str, reset_after: bool) -> bool:
        """Say whether a gate has a bias beside the state's weights as well as one beside x's."""
        return reset_after and gate in self.second_biases.get(cell, ())


# Each of these functions gets four dicts by gate: weights W of the input, (H, I) each, weights U of
# the state, (H, H) each, biases b, and the second biases c of those gates that have one.


def _rows(blocks: Blocks) -> Array:
    return np.concatenate([*blocks.values()])  # of an LSTM (4H, I), or (4H,) for biases


def _columns(blocks: Blocks) -> Array:
    return _rows(blocks).T  # of an LSTM (I, 4H), or (4H,) for biases


def _arrange_torch(cell: str, W: Blocks, U: Blocks, b: Blocks, c: Blocks) -> Blocks:
    weights = {"weight_ih_l0": _rows(W), "weight_hh_l0": _rows(U)}
    return weights | {"bias_ih_l0": _rows(b), "bias_hh_l0": _rows(c)}


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


LAYOUTS = {
    "torch": Layout("PyTorch", "rzn", _arrange_torch, ALL_GATES),
    "keras": Layout("Keras", "zrn", _arrange_keras, {"GRU": "zrn"}, (True, False)),
    "linen": Layout("flax.linen", "rzn", _arrange_linen, {"GRU": "n"}),
    "nnx": Layout("flax.nnx", "rzn", _arrange_nnx),
}


# --- the two functions ----------------------------------------------------------------------------


def to_library(params: RNNParams, library: str, cell: str, *, reset_after: bool = True) -> Any:
    """Convert the weights of a layer from torch's layout to another library's.

    Parameters
    ----------
    params : RNNParams
        The weights in torch's layout, for example from :meth:`charseq.RNNParams.from_torch`.
    library : {"torch", "keras", "linen", "nnx"}
        The library that the weights are for.
    cell : {"RNN", "GRU", "LSTM"}
        The kind of layer.
    reset_after : bool, default=True
        Where the reset gate of a GRU acts with these weights: after the matrix, as in torch, or
        before it, as in :cite:t:`cho2014learning`.

    Returns
    -------
    list or dict
        Copies of the weights, in the shapes that the library expects. For Keras, a list that
        ``layer.set_weights`` takes. Otherwise a dict: for torch, the entries of a state dict; for
        ``flax.linen``, the ``params`` of a cell; for ``flax.nnx``, what ``nnx.update`` writes.

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
    and ``OptimizedLSTMCell``, in ``linen`` and in ``nnx``).

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
    if library == "keras":
        return [np.array(array) for array in arrays.values()]
    weights: dict[str, Any] = {}
    for name, array in arrays.items():
        *path, last = name.split("/")
        inner = weights
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = np.array(array)
    return weights


def from_library(weights: Any, library: str, cell: str, *, reset_after: bool = True) -> RNNParams:
    """Convert the weights of a layer from another library's layout to torch's.

    Parameters
    ----------
    weights : list or dict
        What the library gives, as :func:`to_library` describes it. The arrays may be of any kind
        that NumPy can read.
    library : {"torch", "keras", "linen", "nnx"}
        The library that they come from.
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
        reset gate, or if names or shapes are not those of the library.

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
    formulas = shapes_in_letters(library, cell, reset_after=reset_after)
    if [*arrays] == [str(k) for k in range(len(formulas))]:
        arrays = dict(zip(formulas, arrays.values(), strict=True))  # a list has the library's order
    sizes = _measure(arrays, layout, cell, reset_after)
    if sizes is None:
        expected, got = (
            ", ".join(f"{name} {shape}" for name, shape in each.items())
            for each in (formulas, {name: array.shape for name, array in arrays.items()})
        )
        raise ValueError(f"the {cell} of {layout.title} has {expected}; got {got or 'nothing'}")
    # A layout says where each of torch's numbers goes. To go back, number them 0, 1, 2, …, and let
    # the layout arrange these numbers: now each of its places holds the number's place in torch.
    places_in_torch = _arrange(_numbered(*sizes, cell), layout, cell, reset_after)
    numbers = np.zeros(GATES[cell] * sizes[1] * (sum(sizes) + 2), _float_type(arrays.values()))
    for name, places in places_in_torch.items():
        numbers[places] = arrays[name]
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
    if reset_after not in layout.reset_after:
        raise ValueError(
            f"in the GRU of {layout.title} the reset gate acts after the matrix W_hn, and "
            "reset_after=False says that with these weights it acts before it: in general no "
            "weights give the same states in both"
        )
    return layout


def _float_type(arrays: Iterable[Array]) -> Any:
    return np.result_type(*arrays, np.float16)  # float, not integer


def _numbered(I: int, H: int, cell: str) -> RNNParams:  # noqa: E741
    """Return weights that hold the numbers 0, 1, 2 and so on."""
    return _cut(np.arange(GATES[cell] * H * (I + H + 2)), I, H, cell)


def _cut(numbers: Array, I: int, H: int, cell: str) -> RNNParams:  # noqa: E741
    """View a vector of all weights as W_ih, W_hh, b_ih and b_hh."""
    rows = GATES[cell] * H
    W_ih, W_hh, b_ih, b_hh = np.split(numbers, np.cumsum([rows * I, rows * H, rows]))
    return RNNParams(W_ih.reshape(rows, I), W_hh.reshape(rows, H), b_ih, b_hh)


def _merge_biases(params: RNNParams, layout: Layout, cell: str, reset_after: bool) -> RNNParams:
    """Add up the biases of those gates that have one bias in the library."""
    H = params.W_hh.shape[1]
    b_ih, b_hh = (np.array(bias, _float_type(params)) for bias in params[2:])
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


def shapes_in_letters(library: str, cell: str, *, reset_after: bool = True) -> dict[str, str]:
    """Return the shape of each array of a library, for example ``(I, 4H)``."""
    arrays = _arrange(_numbered(7, 11, cell), LAYOUTS[library], cell, reset_after)
    letters = {7: "I", 11: "H", 33: "3H", 44: "4H", 2: "2"}
    return {
        name: f"({', '.join(letters[size] for size in array.shape)}{',' * (array.ndim == 1)})"
        for name, array in arrays.items()
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


def _measure(
    arrays: Blocks, layout: Layout, cell: str, reset_after: bool
) -> tuple[int, int] | None:
    """Return I and H if the arrays have the names and shapes of a library, otherwise None."""
    unit = _arrange(_numbered(1, 1, cell), layout, cell, reset_after)
    if set(arrays) != set(unit) or any(arrays[n].ndim != one.ndim for n, one in unit.items()):
        return None
    first, last = next(iter(unit)), [*unit][-1]
    H = arrays[last].shape[-1] // unit[last].shape[-1]  # it ends with an axis of gates
    I = arrays[first].shape[1 if layout.title == "PyTorch" else 0]  # noqa: E741
    if not I or not H:
        return None
    expected = _arrange(_numbered(I, H, cell), layout, cell, reset_after)
    fits = all(arrays[name].shape == array.shape for name, array in expected.items())
    return (I, H) if fits else None
