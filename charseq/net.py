"""A trained network in NumPy: `NumpyNet` follows the reference's equations, `Reader` is faster."""

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from functools import cached_property
from typing import Any

import numpy as np
from numpy import add, dot, multiply, subtract, tanh
from numpy.typing import ArrayLike, NDArray

from charseq._checks import check_ids, check_shape
from charseq.reference import RNNParams, gru_step, lstm_step, output_layer, rnn_step
from charseq.shapes import GATES

__all__ = ["NumpyNet"]

Array = NDArray[Any]
SIGMOIDS = {"RNN": 0, "GRU": 2, "LSTM": 3}  # the number of gates that are sigmoids, by cell


class NumpyNet:
    """A trained network in NumPy, which reads one character at a time.

    Parameters
    ----------
    options : dict
        The options of the :class:`charseq.CharRNN` that the weights come from.
    weights : dict of str to ndarray
        The model's state dict, with torch's names and shapes.

    Raises
    ------
    KeyError
        If an option or a weight is missing.
    ValueError
        If an option is out of range, if a weight does not have the shape that the options ask for,
        or if there is a weight that a network with these options lacks.

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
        self.cell: str = options["cell"]
        self.vocab_size: int = options["vocab_size"]
        self.hidden_size: int = options["hidden_size"]
        self._one_hot = options["embedding_size"] is None
        gate_rows = GATES[self.cell] * self.hidden_size  # gH
        input_size = self.vocab_size if self._one_hot else options["embedding_size"]  # V or E
        unused = dict(weights)

        def take_weight(name: str, *shape: int) -> Array:
            if name not in weights:
                raise KeyError(f"there is no weight {name}")
            check_shape(name, weights[name], shape)
            unused.pop(name, None)
            return weights[name]

        self.layers = [
            RNNParams(
                take_weight(
                    f"rnn.weight_ih_l{k}", gate_rows, input_size if k == 0 else self.hidden_size
                ),
                take_weight(f"rnn.weight_hh_l{k}", gate_rows, self.hidden_size),
                take_weight(f"rnn.bias_ih_l{k}", gate_rows),
                take_weight(f"rnn.bias_hh_l{k}", gate_rows),
            )
            for k in range(options["num_layers"])
        ]
        # Row k is the vector of character k: a one-hot vector, or a row of the embedding.
        self.vectors = (
            np.eye(self.vocab_size, dtype=self.layers[0].W_ih.dtype)
            if self._one_hot
            else take_weight("embedding.weight", self.vocab_size, input_size)
        )
        self.head = None
        if options["output_layer"]:
            name = "embedding.weight" if options["tied"] else "head.weight"
            shape = (self.vocab_size, self.hidden_size)
            self.head = (take_weight(name, *shape), take_weight("head.bias", self.vocab_size))
        if options["tied"]:
            unused.pop("head.weight", None)  # torch lists the shared weight under both names
        if unused:
            raise ValueError(f"with these options there is no weight {next(iter(unused))}")

    @classmethod
    def from_model(cls, model: Any) -> "NumpyNet":
        """Copy the weights of a torch model.

        Parameters
        ----------
        model : CharRNN
            The model, trained or not, on any device. Weights in bfloat16 become float32.

        Returns
        -------
        NumpyNet
            A network that computes the same logits.
        """
        weights = {name: _to_array(tensor) for name, tensor in model.state_dict().items()}
        return cls(model.options, weights)

    def double(self) -> "NumpyNet":
        """Return a copy of the network that computes in float64.

        Returns
        -------
        NumpyNet
            The copy, or the network itself if all its weights are float64.

        Examples
        --------
        >>> from charseq import CharRNN, NumpyNet
        >>> net = NumpyNet.from_model(CharRNN(vocab_size=4, hidden_size=8, seed=0))
        >>> net.vectors.dtype, net.double().vectors.dtype
        (dtype('float32'), dtype('float64'))
        """
        return self._in_float64

    def start(self, batch_size: int = 1) -> list[Any]:
        """Return the state before the first character, which is all zeros.

        Parameters
        ----------
        batch_size : int, default=1
            B, the number of texts that are read side by side.

        Returns
        -------
        list
            One array of shape (B, H) per layer; for an LSTM, one pair (h, c) of such arrays.
        """
        zeros = np.zeros((batch_size, self.hidden_size), dtype=self.vectors.dtype)
        return [(zeros, zeros) if self.cell == "LSTM" else zeros for _ in self.layers]

    def step(self, ids: ArrayLike, state: list[Any]) -> tuple[Array, list[Any]]:
        """Read one character in each text.

        Parameters
        ----------
        ids : array_like of int, shape (B,)
            The characters, each in ``range(V)``.
        state : list
            The state that :meth:`start` or the previous call returned.

        Returns
        -------
        logits : ndarray of shape (B, V)
            Scores of the next character, :eq:`output-layer`.
        state : list
            The new state.

        Raises
        ------
        IndexError
            If an id is V or more.
        TypeError, ValueError
            If `state` does not fit the network or the number of texts.
        """
        new_state: list[Any] = []
        x = self.vectors[np.asarray(ids)]  # (B,) -> (B, V or E)
        for params, layer_state in zip(self.layers, state, strict=True):
            if self.cell == "LSTM":
                x, c = lstm_step(x, layer_state, params)
                new_state.append((x, c))
            else:
                cell_step = gru_step if self.cell == "GRU" else rnn_step
                x = cell_step(x, layer_state, params)
                new_state.append(x)
        return (x if self.head is None else output_layer(x, *self.head)), new_state

    def read(self, ids: ArrayLike) -> tuple[Array, Array]:
        """Read a whole text from a state of zeros; return logits and state after each character.

        Parameters
        ----------
        ids : array_like of int, shape (T,)
            The characters.

        Returns
        -------
        logits : ndarray of shape (T, V)
            In row t, the scores of the character after character t, :eq:`output-layer`.
        states : ndarray of shape (T, H)
            In row t, the state of the top layer after it has read character t.

        Raises
        ------
        TypeError
            If the ids are not integers.
        ValueError
            If `ids` is not one-dimensional, or an id is out of range.

        Examples
        --------
        >>> from charseq import CharRNN, NumpyNet
        >>> net = NumpyNet.from_model(CharRNN(vocab_size=4, hidden_size=8, cell="GRU", seed=0))
        >>> logits, states = net.read([1, 2, 0])
        >>> logits.shape, states.shape
        ((3, 4), (3, 8))
        """
        text = check_ids(ids, self.vocab_size)
        if text.ndim != 1:
            raise ValueError(f"expected the ids of one text, shape (T,), got shape {text.shape}")
        reader = Reader(self, 1)
        logits = np.empty((len(text), len(reader.logits)), reader.logits.dtype)
        states = np.empty((len(text), self.hidden_size), reader.logits.dtype)
        for t, k in enumerate(text):
            reader.read(k)
            logits[t], states[t] = reader.logits, reader.state
        return logits, states

    def _reader(self, texts: int) -> "Reader":
        """Return what reads so many texts side by side, one character of each at a time."""
        return Reader(self, texts)

    def without_units(self, units: Iterable[int]) -> "NumpyNet":
        """Return a copy of the network that ignores some units of the top layer.

        Their columns in :math:`W_{hh}` and in the output layer are zeros, so the network computes
        what it would compute if these units were 0 at every time step.

        Parameters
        ----------
        units : iterable of int
            The units, each from 0 to H - 1.

        Returns
        -------
        NumpyNet
            The copy. This network stays as it is.

        Raises
        ------
        ValueError
            If a unit is out of range, or the network has no output layer.
        """
        columns = list(units)
        for unit in columns:
            if not 0 <= unit < self.hidden_size:
                raise ValueError(
                    f"there is no unit {unit}: expected a number from 0 to {self.hidden_size - 1}"
                )
        if self.head is None:
            raise ValueError("without an output layer each unit is the score of a character")
        net = self._copy()
        top, (W_hy, b_y) = self.layers[-1], self.head
        W_hh, W_hy = top.W_hh.copy(), W_hy.copy()
        W_hh[:, columns] = 0
        W_hy[:, columns] = 0
        net.layers = [*self.layers[:-1], top._replace(W_hh=W_hh)]
        net.head = (W_hy, b_y)
        return net

    def _copy(self) -> "NumpyNet":
        """Return a copy whose weights may be replaced, without what was computed from them."""
        net = copy(self)
        for name in ("_fused_weights", "_in_float64"):
            net.__dict__.pop(name, None)
        return net

    @cached_property
    def _in_float64(self) -> "NumpyNet":
        arrays = [self.vectors, *(w for params in self.layers for w in params), *(self.head or ())]
        if all(array.dtype == np.float64 for array in arrays):
            return self
        net = self._copy()
        net.vectors = self.vectors.astype(np.float64)
        net.layers = [RNNParams(*(w.astype(np.float64) for w in params)) for params in self.layers]
        if self.head is not None:
            net.head = (self.head[0].astype(np.float64), self.head[1].astype(np.float64))
        return net

    @cached_property
    def _fused_weights(self) -> tuple[Array, list[Array]]:
        """The weights in the layout that :class:`Reader` multiplies with.

        The first array is a table of shape (V, gH), where g is the number of gates: row k is what
        character k adds to the gates of the first layer. The list has one matrix per layer. Each
        matrix joins all weights that the layer's state is multiplied with: W_hh, and W_ih of the
        next layer (or W_hy, in the top layer). Its last row holds the biases. The state ends with
        a 1, so the same product adds them.
        """
        H, gates = self.hidden_size, GATES[self.cell]
        dtype = np.result_type(self.vectors, *(w for p in self.layers for w in p), *self.head or ())
        # An LSTM's gates are put in the order i, f, o, g, so that the sigmoids are contiguous.
        # Since σ(x) = (1 + tanh(x / 2)) / 2, halving the weights of the sigmoids here lets the
        # reader call tanh once for all gates.
        order = [0, 1, 3, 2] if self.cell == "LSTM" else list(range(gates))
        scale = np.ones((gates, 1, 1), dtype=dtype)
        scale[: SIGMOIDS[self.cell]] = 0.5

        def arrange(W: Array, b: Array) -> Array:
            by_gate = np.column_stack([W, b]).reshape(gates, H, -1)[order] * scale
            return by_gate.reshape(gates * H, -1)  # (gH, inputs + 1)

        first, *next_weights = (arrange(params.W_ih, params.b_ih) for params in self.layers)
        W, b = first[:, :-1].T, first[:, -1]
        next_weights.append(
            np.zeros((0, H + 1), dtype=dtype) if self.head is None else np.column_stack(self.head)
        )
        fused = []
        for params, weights_above in zip(self.layers, next_weights, strict=True):
            joined = np.concatenate([arrange(params.W_hh, params.b_hh), weights_above])
            fused.append(np.ascontiguousarray(joined.T, dtype=dtype))
        table = (W if self._one_hot else self.vectors @ W) + b
        return np.ascontiguousarray(table, dtype=fused[0].dtype), fused


def as_net(net: Any) -> Any:
    """Return what has a reader: a network in NumPy, an n-gram, or a torch model's copy in NumPy."""
    if hasattr(net, "_reader"):
        return net
    if not hasattr(net, "state_dict") or not hasattr(net, "options"):
        raise TypeError(
            f"expected a NumpyNet, a CharRNN or an NGram, got {type(net).__name__}; "
            "load_net(folder) and load_run(folder) return such networks with their vocabularies"
        )
    return NumpyNet.from_model(net)


def _to_array(tensor: Any) -> Array:
    """Copy a tensor of any device; NumPy has no bfloat16, so that becomes float32."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy().copy()


class Reader:
    """Reads B texts side by side, one character of each at a time, from states of zeros.

    The logits equal those of :meth:`NumpyNet.step` up to rounding. Reading allocates no memory. A
    single text is read with vectors, because NumPy multiplies them faster than matrices of one
    row.

    Attributes
    ----------
    logits : ndarray of shape (B, V), or (V,) for a single text
        Scores of the next character. Each call of :meth:`read` overwrites them.
    state : ndarray of shape (B, H), or (H,) for a single text
        The state of the top layer; of an LSTM, its h. It is overwritten, too.
    """

    def __init__(self, net: NumpyNet, texts: int) -> None:
        table, fused = net._fused_weights
        self._cell, self._hidden_size = net.cell, net.hidden_size
        self._batch = () if texts == 1 else (texts,)
        gate_rows = table.shape[1]  # gH
        # One tuple per layer: its step function, its state with a 1 at the end, its weights, the
        # product of state and weights, and the part of that product that the next layer reads.
        self._layers: list[tuple[Any, ...]] = []
        for k, W in enumerate(fused):
            state = np.zeros((*self._batch, self._hidden_size + 1), dtype=table.dtype)
            state[..., -1] = 1
            h = state[..., :-1]
            product = np.tile(W[-1], (*self._batch, 1))  # only the biases: the state is zeros
            step = CELLS[net.cell](h, *self._split_gates(product[..., :gate_rows]))
            is_top = k == len(fused) - 1
            x_above = () if is_top else self._split_gates(product[..., gate_rows : 2 * gate_rows])
            self._layers.append((step, state, W, product, x_above))
        self.logits = (
            h if net.head is None else product[..., gate_rows : gate_rows + net.vocab_size]
        )
        self.state = h
        self._table = table
        if texts == 1:
            self._inputs = [self._split_gates(row) for row in table]  # one view per character
        else:
            self._rows_read = np.empty((texts, gate_rows), dtype=table.dtype)
            self._input = self._split_gates(self._rows_read)

    def read(self, ids: Any) -> None:
        """Read one character in each text: an array of ids (B,), or one id for a single text."""
        if self._batch:
            self._table.take(ids, 0, self._rows_read, "clip")  # "raise" takes twice as long
            x = self._input
        else:
            x = self._inputs[ids]
        for step, state, W, product, x_above in self._layers:
            step(*x)
            dot(state, W, product)
            x = x_above

    def read_block(self, ids: Array) -> Array:
        """Read several characters in each text, (T, B); return the logits before each of them.

        The logits have the shape (T, B, V).
        """
        logits = np.empty((*ids.shape, self.logits.shape[-1]), self.logits.dtype)
        for before, row in zip(logits, ids, strict=True):
            before[...] = self.logits
            self.read(row if self._batch else row[0])
        return logits

    def _split_gates(self, sums: Array) -> tuple[Array, ...]:
        """View sums (..., gH) as arguments of a step function.

        That is one array of shape (..., H) for an RNN and (4, ..., H) for an LSTM. For a GRU there
        are two: the gates r and z, (2, ..., H), and the candidate n, (..., H).
        """
        sums = sums.reshape(*self._batch, -1, self._hidden_size).swapaxes(0, -2)
        if self._cell == "GRU":
            return sums[:2], sums[2]
        return (sums[0],) if self._cell == "RNN" else (sums,)


# Each of these functions returns `step(x)`, which makes one time step: x is the input from the
# layer below, and h is updated in place. `memory` is what the previous state adds to the gates.
# Each of two choices halves the time: all work arrays are contiguous, and 0.5 is an array.


def _make_rnn_step(h: Array, memory: Array) -> Callable[..., None]:
    total = np.empty(h.shape, h.dtype)

    def step(x: Array) -> None:
        add(x, memory, total)
        tanh(total, h)

    return step


def _make_gru_step(h: Array, memory: Array, memory_n: Array) -> Callable[..., None]:
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
        subtract(h, n, h)  # these three lines: h = n + z (h - n)
        multiply(h, z, h)
        add(h, n, h)

    return step


def _make_lstm_step(h: Array, memory: Array) -> Callable[..., None]:
    work, half = np.zeros((5, *h.shape), h.dtype), _half(h)  # i, f, o, g and c, in this order
    o, c = work[2], work[4]
    # Views of adjacent rows, so that one call computes several gates.
    gates, sigmoids, i_f, g_c = work[:4], work[:3], work[:2], work[3:]
    products = np.empty((2, *h.shape), h.dtype)
    i_times_g, f_times_c = products

    def step(x: Array) -> None:
        add(x, memory, gates)
        tanh(gates, gates)
        multiply(sigmoids, half, sigmoids)
        add(sigmoids, half, sigmoids)
        multiply(i_f, g_c, products)  # i g and f c in one call
        add(i_times_g, f_times_c, c)
        tanh(c, h)
        multiply(h, o, h)

    return step


def _half(h: Array) -> Array:
    return np.array(0.5, h.dtype)


CELLS: dict[str, Callable[..., Callable[..., None]]] = {
    "RNN": _make_rnn_step,
    "GRU": _make_gru_step,
    "LSTM": _make_lstm_step,
}
