"""A trained network in NumPy: the reference's equations, and the same numbers in less time."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy import add, dot, multiply, subtract, tanh
from numpy.typing import ArrayLike, NDArray

from charseq._checks import check_choice, check_integers
from charseq.reference import RNNParams, gru_step, lstm_step, output_layer, rnn_step
from charseq.shapes import GATES

__all__ = ["NumpyNet"]

Array = NDArray[Any]
SIGMOIDS = {"RNN": 0, "GRU": 2, "LSTM": 3}  # how many of a cell's gates are sigmoids


class NumpyNet:
    """A trained network in NumPy, which reads one character at a time.

    Parameters
    ----------
    options : dict
        The options of the :class:`charseq.CharRNN` that the weights come from.
    weights : dict of str to ndarray
        Its state dict, with torch's names and shapes.

    Raises
    ------
    KeyError
        If an option or a weight is missing.
    ValueError
        If an option is out of range, or a weight does not have the shape that the options ask for.

    Examples
    --------
    >>> from charseq import CharRNN, NumpyNet
    >>> model = CharRNN(vocab_size=4, hidden_size=8, cell="GRU", seed=0)
    >>> net = NumpyNet.from_model(model)
    >>> logits, state = net.step([1, 2], net.start(2))  # two texts side by side
    >>> logits.shape
    (2, 4)
    """

    def __init__(self, options: Mapping[str, Any], weights: Mapping[str, Array]) -> None:
        sizes = ("vocab_size", "hidden_size", "num_layers", "embedding_size")
        for name in (*sizes, "cell", "output_layer", "tied"):
            if name not in options:
                raise KeyError(f"there is no option {name}")
        for name in sizes:
            size = options[name]
            absent = name == "embedding_size" and size is None
            if not absent:
                check_integers(1, **{name: size})
        check_choice("cell", options["cell"], tuple(GATES))
        self.cell: str = options["cell"]
        self.vocab_size: int = options["vocab_size"]
        self.hidden_size: int = options["hidden_size"]
        rows, width = GATES[self.cell] * self.hidden_size, options["embedding_size"]
        width = self.vocab_size if width is None else width
        unused = dict(weights)

        def weight(name: str, *shape: int) -> Array:
            if name not in weights:
                raise KeyError(f"there is no weight {name}")
            if weights[name].shape != shape:
                raise ValueError(f"{name} must have shape {shape}, got {weights[name].shape}")
            unused.pop(name, None)
            return weights[name]

        self.layers = [
            RNNParams(
                weight(f"rnn.weight_ih_l{k}", rows, width if k == 0 else self.hidden_size),
                weight(f"rnn.weight_hh_l{k}", rows, self.hidden_size),
                weight(f"rnn.bias_ih_l{k}", rows),
                weight(f"rnn.bias_hh_l{k}", rows),
            )
            for k in range(options["num_layers"])
        ]
        self._one_hot = options["embedding_size"] is None
        # The vector of each character: a row of the embedding, or a one-hot vector.
        self.vectors = (
            np.eye(self.vocab_size, dtype=self.layers[0].W_ih.dtype)
            if self._one_hot
            else weight("embedding.weight", self.vocab_size, width)
        )
        self.head = None
        if options["output_layer"]:
            name = "embedding.weight" if options["tied"] else "head.weight"
            shape = (self.vocab_size, self.hidden_size)
            self.head = (weight(name, *shape), weight("head.bias", self.vocab_size))
        if options["tied"]:
            unused.pop("head.weight", None)  # torch lists it under both names
        if unused:
            raise ValueError(f"the options ask for no weight {next(iter(unused))}")

    @classmethod
    def from_model(cls, model: Any) -> "NumpyNet":
        """Copy the weights of a torch model.

        Parameters
        ----------
        model : CharRNN
            Trained or not.

        Returns
        -------
        NumpyNet
            With the same logits.
        """
        weights = {name: part.numpy().copy() for name, part in model.state_dict().items()}
        return cls(model.options, weights)

    def start(self, batch_size: int = 1) -> list[Any]:
        """Return the state before the first character: zeros.

        Parameters
        ----------
        batch_size : int, default=1
            B, texts that are read side by side.

        Returns
        -------
        list
            For each layer an array of shape (B, H); for an LSTM a pair (h, c) of such arrays.
        """
        zeros = np.zeros((batch_size, self.hidden_size), dtype=self.vectors.dtype)
        return [(zeros, zeros) if self.cell == "LSTM" else zeros for _ in self.layers]

    def step(self, ids: ArrayLike, state: list[Any]) -> tuple[Array, list[Any]]:
        """Read one character in each text.

        Parameters
        ----------
        ids : array_like of int, shape (B,)
            The characters.
        state : list
            What :meth:`start` or the last step returned.

        Returns
        -------
        logits : ndarray of shape (B, V)
            Scores of the next character, :eq:`output-layer`.
        state : list
            The new state.
        """
        new: list[Any] = []
        x = self.vectors[np.asarray(ids)]  # (B,) -> (B, V or E)
        for params, before in zip(self.layers, state, strict=True):
            if self.cell == "LSTM":
                x, c = lstm_step(x, before, params)
                new.append((x, c))
            else:
                x = (gru_step if self.cell == "GRU" else rnn_step)(x, before, params)
                new.append(x)
        return (x if self.head is None else output_layer(x, *self.head)), new

    @cached_property
    def _fused_weights(self) -> tuple[Array, list[Array]]:
        """The weights as :class:`Reader` multiplies with them, laid out once.

        First the table of what each character adds to the gates of the first layer, (V, gH). Then
        one matrix per layer, all that its state is multiplied with side by side: W_hh, and the
        W_ih of the next layer or W_hy. Its last row holds the biases; the 1 at the end of each
        state picks them up.
        """
        H, gates = self.hidden_size, GATES[self.cell]
        dtype = np.result_type(self.vectors, *(w for p in self.layers for w in p), *self.head or ())
        # The gates in the order i, f, o, g, so that the sigmoids are neighbours. σ(x) is
        # (1 + tanh(x / 2)) / 2: if the weights are halved here, one tanh serves all gates.
        order = [0, 1, 3, 2] if self.cell == "LSTM" else list(range(gates))
        scale = np.ones((gates, 1, 1), dtype=dtype)
        scale[: SIGMOIDS[self.cell]] = 0.5

        def rows(W: Array, b: Array) -> Array:
            by_gate = np.column_stack([W, b]).reshape(gates, H, -1)[order] * scale
            return by_gate.reshape(gates * H, -1)  # (gH, inputs + 1)

        first, *above = (rows(params.W_ih, params.b_ih) for params in self.layers)
        W, b = first[:, :-1].T, first[:, -1]
        above.append(
            np.zeros((0, H + 1), dtype=dtype) if self.head is None else np.column_stack(self.head)
        )
        fused = []
        for params, next_rows in zip(self.layers, above, strict=True):
            both = np.concatenate([rows(params.W_hh, params.b_hh), next_rows])
            fused.append(_aligned(both.T.astype(dtype, copy=False)))
        table = (W if self._one_hot else self.vectors @ W) + b
        return np.ascontiguousarray(table, dtype=fused[0].dtype), fused


def _aligned(W: Array) -> Array:
    """Copy a matrix, with zeros at the end of its rows so that each row starts a cache line.

    This saves 3 % of a product, and 10 % if the number of columns was a power of two.
    """
    line = 64 // W.itemsize
    rows, columns = len(W), (W.shape[1] // line + 1) * line
    space = np.zeros((rows + 1) * columns, dtype=W.dtype)
    start = -(space.ctypes.data // W.itemsize) % line
    aligned = space[start : start + rows * columns].reshape(rows, columns)
    aligned[:, : W.shape[1]] = W
    return aligned


class Reader:
    """Reads characters in B texts side by side, each from a state of zeros.

    The numbers are those of :meth:`NumpyNet.step` up to rounding. Nothing is allocated while
    reading, and a single text is read with vectors, which NumPy multiplies in less time than
    matrices of one row.

    Attributes
    ----------
    logits : ndarray of shape (B, V), or (V,) for a single text
        Scores of the next character. The next :meth:`read` overwrites them.
    """

    def __init__(self, net: NumpyNet, texts: int) -> None:
        table, fused = net._fused_weights
        self._cell, self._hidden_size = net.cell, net.hidden_size
        self._batch = () if texts == 1 else (texts,)
        rows = table.shape[1]  # gH
        # For each layer: its step, its state with a 1 at the end, its weights, the product of the
        # two, and the part of the product that the next layer reads.
        self._layers: list[tuple[Any, ...]] = []
        for k, W in enumerate(fused):
            state = np.zeros((*self._batch, self._hidden_size + 1), dtype=table.dtype)
            state[..., -1] = 1
            h = state[..., :-1]
            product = np.tile(W[-1], (*self._batch, 1))  # the biases: the state is zeros
            step = CELLS[net.cell](h, *self._by_gate(product[..., :rows]))
            is_top = k == len(fused) - 1
            above = () if is_top else self._by_gate(product[..., rows : 2 * rows])
            self._layers.append((step, state, W, product, above))
        self.logits = h if net.head is None else product[..., rows : rows + net.vocab_size]
        self._table = table
        if texts == 1:
            self._inputs = [self._by_gate(row) for row in table]  # views, made once
        else:
            self._gathered = np.empty((texts, rows), dtype=table.dtype)
            self._input = self._by_gate(self._gathered)

    def read(self, ids: Any) -> None:
        """Read one character in each text: an array of ids (B,), or one id for a single text."""
        if self._batch:
            self._table.take(ids, 0, self._gathered, "clip")  # "raise" takes twice as long
            x = self._input
        else:
            x = self._inputs[ids]
        for step, state, W, product, above in self._layers:
            step(*x)
            dot(state, W, product)
            x = above

    def _by_gate(self, sums: Array) -> tuple[Array, ...]:
        """View (..., gH) as the steps take it: (g, ..., H), the candidate of a GRU apart."""
        sums = sums.reshape(*self._batch, -1, self._hidden_size).swapaxes(0, -2)
        if self._cell == "GRU":
            return sums[:2], sums[2]
        return (sums[0],) if self._cell == "RNN" else (sums,)


# Each of these functions returns `step(x)`: x comes from the layer below, and h is updated in
# place. `memory` is what the last state adds to the gates. All work arrays are contiguous, and 0.5
# is stored as an array: each of the two halves the time.


def _rnn(h: Array, memory: Array) -> Callable[..., None]:
    total = np.empty(h.shape, h.dtype)

    def step(x: Array) -> None:
        add(x, memory, total)
        tanh(total, h)

    return step


def _gru(h: Array, memory: Array, memory_n: Array) -> Callable[..., None]:
    gates, n, half = np.empty((2, *h.shape), h.dtype), np.empty(h.shape, h.dtype), _half(h)
    r, z = gates

    def step(x: Array, x_n: Array) -> None:
        add(x, memory, gates)
        tanh(gates, gates)
        multiply(gates, half, gates)
        add(gates, half, gates)
        multiply(r, memory_n, n)
        add(n, x_n, n)
        tanh(n, n)
        subtract(h, n, h)  # h = n + z (h - n)
        multiply(h, z, h)
        add(h, n, h)

    return step


def _lstm(h: Array, memory: Array) -> Callable[..., None]:
    work, half = np.zeros((5, *h.shape), h.dtype), _half(h)  # i, f, o, g, c
    gates, sigmoids, i_f, (_, _, o, _, c), g_c = work[:4], work[:3], work[:2], work, work[3:]
    products = np.empty((2, *h.shape), h.dtype)
    written, kept = products

    def step(x: Array) -> None:
        add(x, memory, gates)
        tanh(gates, gates)
        multiply(sigmoids, half, sigmoids)
        add(sigmoids, half, sigmoids)
        multiply(i_f, g_c, products)  # i g and f c in one call
        add(written, kept, c)
        tanh(c, h)
        multiply(h, o, h)

    return step


def _half(h: Array) -> Array:
    return np.array(0.5, h.dtype)


CELLS: dict[str, Callable[..., Callable[..., None]]] = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}
