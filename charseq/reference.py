"""The equations in NumPy, with one function per equation and without torch.

The equations use column vectors; the arrays hold them as rows, so that a batch is a stack of rows.
That is why :math:`W x` is written ``x @ W.T``. A name that starts with d is a gradient: ``dh`` says
how the loss changes with ``h``, and has the shape of ``h``.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charseq._checks import (
    check_alignment,
    check_at_least,
    check_block,
    check_choice,
    check_enough_frames,
    check_forecast,
    check_last_axis,
    check_lengths,
    check_linear_steps,
    check_matrix_steps,
    check_memory,
    check_pair,
    check_params,
    check_queries,
    check_sequences,
    check_shape,
    check_targets,
)

__all__ = [
    "BlockParams",
    "RNNParams",
    "attend",
    "attend_backward",
    "attention",
    "bidirectional_forward",
    "bptt_jacobian",
    "cross_entropy",
    "cross_entropy_backward",
    "ctc_backward",
    "ctc_forward",
    "ctc_loss",
    "decoder_step",
    "decoder_step_backward",
    "delta_state",
    "delta_state_attention",
    "delta_state_backward",
    "delta_state_chunks",
    "gru_backward",
    "gru_forward",
    "gru_gates",
    "gru_step",
    "layer_norm",
    "linear_recurrence",
    "linear_recurrence_backward",
    "loss_floor",
    "lstm_backward",
    "lstm_forward",
    "lstm_gates",
    "lstm_step",
    "matrix_state",
    "matrix_state_attention",
    "matrix_state_backward",
    "matrix_state_chunks",
    "multi_head_attention",
    "output_layer",
    "output_layer_backward",
    "parallel_scan",
    "pinball_loss",
    "pool_states",
    "pool_states_backward",
    "rnn_backward",
    "rnn_forward",
    "rnn_step",
    "sgd_momentum",
    "sigmoid",
    "softmax",
    "transformer_block",
]

Array = NDArray[Any]


class RNNParams(NamedTuple):
    """The four parameters of a recurrent layer, laid out as in torch.

    RNN, GRU and LSTM have the same four, and differ in g, the number of rows per unit: 1 in an RNN,
    3 in a GRU (blocks r, z, n of H rows each) and 4 in an LSTM (blocks i, f, g, o).

    Attributes
    ----------
    W_ih : ndarray of shape (gH, V)
        Input to hidden, torch's ``weight_ih_l0``.
    W_hh : ndarray of shape (gH, H)
        Hidden to hidden, torch's ``weight_hh_l0``.
    b_ih : ndarray of shape (gH,)
        First bias, torch's ``bias_ih_l0``.
    b_hh : ndarray of shape (gH,)
        Second bias, torch's ``bias_hh_l0``.

    See Also
    --------
    torch.nn.RNN : A layer with one row per unit.
    torch.nn.LSTM : A layer with four rows per unit.
    torch.nn.GRU : A layer with three rows per unit.

    Examples
    --------
    >>> from charseq import RNNParams
    >>> params = RNNParams.random(input_size=4, hidden_size=2, rng=np.random.default_rng(0))
    >>> [p.shape for p in params]
    [(2, 4), (2, 2), (2,), (2,)]
    """

    W_ih: Array
    W_hh: Array
    b_ih: Array
    b_hh: Array

    @classmethod
    def random(
        cls, input_size: int, hidden_size: int, rng: np.random.Generator, *, gates: int = 1
    ) -> "RNNParams":
        r"""Draw parameters as torch does, uniformly between :math:`\pm 1/\sqrt{H}`.

        Parameters
        ----------
        input_size : int
            V, or more generally the number of features per time step.
        hidden_size : int
            H.
        rng : numpy.random.Generator
            Draws the numbers; for example ``np.random.default_rng(seed)``.
        gates : int, default=1
            Rows per unit: 1 for an RNN, 3 for a GRU, 4 for an LSTM.

        Returns
        -------
        RNNParams
            Parameters in float64.

        Raises
        ------
        ValueError
            If a size is below 1.
        """
        check_at_least(1, input_size=input_size, hidden_size=hidden_size, gates=gates)
        bound = 1 / np.sqrt(hidden_size)
        rows = gates * hidden_size
        return cls(
            W_ih=rng.uniform(-bound, bound, (rows, input_size)),
            W_hh=rng.uniform(-bound, bound, (rows, hidden_size)),
            b_ih=rng.uniform(-bound, bound, rows),
            b_hh=rng.uniform(-bound, bound, rows),
        )

    @classmethod
    def from_torch(cls, layer: Any, index: int = 0) -> "RNNParams":
        """Copy the parameters of one layer from torch.

        Parameters
        ----------
        layer : torch.nn.RNN, torch.nn.GRU or torch.nn.LSTM
            A layer, or a stack of them, with biases and without projection.
        index : int, default=0
            Which of the stacked layers to copy.

        Returns
        -------
        RNNParams
            Copies, in the layer's own precision.

        Raises
        ------
        TypeError
            If `layer` lacks one of the four parameters, is bidirectional, or uses ReLU.
        """
        names = [f"{name}_l{index}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        missing = [name for name in names if not hasattr(layer, name)]
        if missing:
            raise TypeError(
                f"expected a torch.nn.RNN, GRU or LSTM with parameters {', '.join(names)}; "
                f"{type(layer).__name__} lacks {', '.join(missing)}"
            )
        if getattr(layer, "nonlinearity", "tanh") != "tanh" or getattr(
            layer, "bidirectional", False
        ):
            raise TypeError(f"expected a layer with tanh that reads one way, got {layer}")
        return cls(*(getattr(layer, name).numpy(force=True).copy() for name in names))


class BlockParams(NamedTuple):
    """The twelve parameters of a transformer block, laid out as in torch.

    E is the width of the vectors that go in and come out, and F that of the layer between.

    Attributes
    ----------
    W_qkv : ndarray of shape (3E, E)
        From a vector to the queries, keys and values of all heads, E rows each; in torch
        ``in_proj_weight`` of ``self_attn``, as the three that follow.
    b_qkv : ndarray of shape (3E,)
        Their bias, ``in_proj_bias``.
    W_o : ndarray of shape (E, E)
        Mixes what the heads have found, the weight of ``out_proj``.
    b_o : ndarray of shape (E,)
        Its bias.
    W_1 : ndarray of shape (F, E)
        First layer of the network for each position, ``linear1.weight``.
    b_1 : ndarray of shape (F,)
        Its bias, ``linear1.bias``.
    W_2 : ndarray of shape (E, F)
        Second layer of that network, ``linear2.weight``.
    b_2 : ndarray of shape (E,)
        Its bias, ``linear2.bias``.
    scale_1 : ndarray of shape (E,)
        Factors of the normalization before the attention, ``norm1.weight``.
    shift_1 : ndarray of shape (E,)
        Offsets of that normalization, ``norm1.bias``.
    scale_2 : ndarray of shape (E,)
        Factors of the normalization before the network, ``norm2.weight``.
    shift_2 : ndarray of shape (E,)
        Offsets of that normalization, ``norm2.bias``.

    See Also
    --------
    torch.nn.TransformerEncoderLayer : The same with ``norm_first=True`` and a causal mask.

    Examples
    --------
    >>> from charseq.reference import BlockParams
    >>> params = BlockParams.random(E=4, F=16, rng=np.random.default_rng(0))
    >>> params.W_qkv.shape, params.W_1.shape, sum(p.size for p in params)
    ((12, 4), (16, 4), 244)
    """

    W_qkv: Array
    b_qkv: Array
    W_o: Array
    b_o: Array
    W_1: Array
    b_1: Array
    W_2: Array
    b_2: Array
    scale_1: Array
    shift_1: Array
    scale_2: Array
    shift_2: Array

    @classmethod
    def random(cls, E: int, F: int, rng: np.random.Generator) -> "BlockParams":
        r"""Draw weights uniformly between :math:`\pm 1/\sqrt{n}`, for n numbers that go in.

        Parameters
        ----------
        E : int
            Width of the vectors that go in and come out.
        F : int
            Width of the layer between.
        rng : numpy.random.Generator
            Draws the numbers; for example ``np.random.default_rng(seed)``.

        Returns
        -------
        BlockParams
            Parameters in float64. Biases and offsets are 0, and factors are 1.

        Raises
        ------
        ValueError
            If a size is below 1.
        """
        check_at_least(1, E=E, F=F)
        W_qkv, W_o, W_1, W_2 = (
            rng.uniform(-1, 1, shape) / shape[1] ** 0.5
            for shape in ((3 * E, E), (E, E), (F, E), (E, F))
        )
        zero, one = np.zeros(E), np.ones(E)
        of_attention = (W_qkv, np.zeros(3 * E), W_o, zero)
        return cls(*of_attention, W_1, np.zeros(F), W_2, zero, one, zero, one, zero)

    @classmethod
    def from_torch(cls, layer: Any) -> "BlockParams":
        """Copy the parameters of a transformer layer from torch.

        Parameters
        ----------
        layer : torch.nn.TransformerEncoderLayer
            A layer with ``norm_first=True``, ReLU and biases.

        Returns
        -------
        BlockParams
            Copies, in the layer's own precision.

        Raises
        ------
        TypeError
            If `layer` is another one.
        """
        expected = "expected a torch.nn.TransformerEncoderLayer"
        if not hasattr(layer, "self_attn") or not hasattr(layer, "norm_first"):
            raise TypeError(f"{expected}, got {type(layer).__name__}")
        if not layer.norm_first:
            raise TypeError(f"{expected} with norm_first=True, got one that normalizes last")
        if getattr(layer.activation, "__name__", "") != "relu" or layer.linear1.bias is None:
            raise TypeError(f"{expected} with ReLU and biases, got {layer}")
        attention = layer.self_attn
        parameters = [attention.in_proj_weight, attention.in_proj_bias]
        for part in (attention.out_proj, layer.linear1, layer.linear2, layer.norm1, layer.norm2):
            parameters += [part.weight, part.bias]
        return cls(*(parameter.numpy(force=True).copy() for parameter in parameters))


def rnn_step(x: Array, h: Array, params: RNNParams) -> Array:
    r"""Read one character and return the new state, :eq:`rnn-step`.

    Parameters
    ----------
    x : ndarray of shape (B, V)
        One-hot characters at time :math:`t`.
    h : ndarray of shape (B, H)
        State after the previous character; zeros before the first.
    params : RNNParams
        Weights and biases.

    Returns
    -------
    ndarray of shape (B, H)
        State after reading `x`; each entry lies in [-1, 1].

    Raises
    ------
    ValueError
        If a shape does not fit `params`, or the shapes in `params` do not fit each other.

    See Also
    --------
    torch.nn.RNNCell : The same in torch.

    Notes
    -----
    The recurrence is Elman's :cite:p:`elman1990finding`.

    Examples
    --------
    >>> params = RNNParams(np.eye(2), np.zeros((2, 2)), np.zeros(2), np.zeros(2))
    >>> rnn_step(np.array([[1.0, 0.0]]), np.zeros((1, 2)), params)
    array([[0.76159416, 0.        ]])
    """
    check_params(params)
    check_shape("x", x, ("B", params.W_ih.shape[1]))
    check_shape("h", h, (len(x), params.W_ih.shape[0]))
    from_input = x @ params.W_ih.T + params.b_ih  # (B, V) @ (V, H) -> (B, H)
    from_memory = h @ params.W_hh.T + params.b_hh  # (B, H) @ (H, H) -> (B, H)
    return np.tanh(from_input + from_memory)


def rnn_forward(x: Array, h: Array, params: RNNParams) -> tuple[Array, Array]:
    r"""Read whole sequences, one time step after the other, :eq:`rnn-forward`.

    Parameters
    ----------
    x : ndarray of shape (B, T, V)
        One-hot characters, batch first.
    h : ndarray of shape (B, H)
        State before the first character, usually zeros.
    params : RNNParams
        Weights and biases, the same at every time step.

    Returns
    -------
    outputs : ndarray of shape (B, T, H)
        The state after each character.
    last_hidden : ndarray of shape (B, H)
        The state after the last character, ``outputs[:, -1]``.

    Raises
    ------
    ValueError
        If a shape does not fit, as in :func:`rnn_step`, or T is 0.

    See Also
    --------
    torch.nn.RNN : The same in torch, with ``batch_first=True``.

    Examples
    --------
    >>> params = RNNParams.random(input_size=4, hidden_size=2, rng=np.random.default_rng(0))
    >>> outputs, last_hidden = rnn_forward(np.zeros((3, 5, 4)), np.zeros((3, 2)), params)
    >>> outputs.shape, last_hidden.shape
    ((3, 5, 2), (3, 2))
    """
    check_params(params)
    check_sequences(x, params)
    states = []
    for t in range(x.shape[1]):
        h = rnn_step(x[:, t], h, params)  # (B, V), (B, H) -> (B, H)
        states.append(h)
    return np.stack(states, axis=1), h  # (B, T, H), (B, H)


def bidirectional_forward(
    x: Array, h: Array, params: tuple[RNNParams, RNNParams]
) -> tuple[Array, Array]:
    r"""Read whole sequences forwards and backwards, :eq:`bidirectional-forward`.

    Parameters
    ----------
    x : ndarray of shape (B, T, V)
        One-hot characters, batch first.
    h : ndarray of shape (2, B, H)
        State to start from in each direction, usually zeros.
    params : tuple of RNNParams
        Weights and biases of the forward direction, and those of the backward direction.

    Returns
    -------
    outputs : ndarray of shape (B, T, 2H)
        At each character, the forward state and then the backward state.
    last_hidden : ndarray of shape (2, B, H)
        The last state of each direction, ``outputs[:, -1, :H]`` and ``outputs[:, 0, H:]``.

    Raises
    ------
    ValueError
        If a shape does not fit, as in :func:`charseq.rnn_forward`.

    See Also
    --------
    torch.nn.RNN : The same in torch, with ``bidirectional=True`` and ``batch_first=True``.

    Notes
    -----
    The idea is that of :cite:t:`schuster1997bidirectional`.

    Examples
    --------
    >>> params = RNNParams(np.eye(1), np.eye(1) / 2, np.zeros(1), np.zeros(1))
    >>> x = np.array([[[1.0], [0.0]]])  # one text of two characters
    >>> outputs, last_hidden = bidirectional_forward(x, np.zeros((2, 1, 1)), (params, params))
    >>> outputs.round(3)
    array([[[0.762, 0.762],
            [0.363, 0.   ]]])
    """
    forward, backward = params
    forth, last_forth = rnn_forward(x, h[0], forward)  # (B, T, H), (B, H)
    back, last_back = rnn_forward(x[:, ::-1], h[1], backward)
    outputs = np.concatenate([forth, back[:, ::-1]], axis=2)  # (B, T, 2H)
    return outputs, np.stack([last_forth, last_back])  # and (2, B, H)


def sigmoid(a: Array) -> Array:
    r"""Squash numbers into the range from 0 (a gate is shut) to 1 (it is open), :eq:`sigmoid`.

    Parameters
    ----------
    a : ndarray of shape (...)
        Any numbers.

    Returns
    -------
    ndarray of shape (...)
        Near 0 for large negative numbers, 0.5 for 0, near 1 for large positive numbers.

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, -1.0, 0.0, 1.0])).round(3)
    array([0.   , 0.269, 0.5  , 0.731])
    """
    # This is 1 / (1 + exp(-a)), written with tanh because exp can overflow.
    return 0.5 + 0.5 * np.tanh(0.5 * a)


def lstm_gates(
    x: Array,
    h: Array,
    params: RNNParams,
) -> tuple[Array, Array, Array, Array]:
    r"""Compute the gates of an LSTM and the candidate for its cell, :eq:`lstm-gates`.

    Parameters
    ----------
    x : ndarray of shape (..., V)
        Inputs: one time step (B, V), or all time steps at once (B, T, V).
    h : ndarray of shape (..., H)
        The hidden state before each input.
    params : RNNParams
        Weights and biases, 4 rows per unit in blocks i, f, g, o.

    Returns
    -------
    i, f, g, o : ndarray of shape (..., H)
        Input gate, forget gate, candidate, output gate. The gates lie in [0, 1], the candidate in
        [-1, 1].

    Raises
    ------
    ValueError
        If a shape does not fit `params`, or the shapes in `params` do not fit each other.

    Examples
    --------
    >>> bias = np.array([-9.0, 9, 0, 0])  # of i, f, g, o
    >>> params = RNNParams(np.zeros((4, 1)), np.zeros((4, 1)), bias, np.zeros(4))
    >>> i, f, g, o = lstm_gates(np.zeros((1, 1)), np.zeros((1, 1)), params)
    >>> print(f"write {i.item():.2f}, keep {f.item():.2f}, show {o.item():.2f}")
    write 0.00, keep 1.00, show 0.50
    """
    check_params(params, gates=4)
    check_last_axis("x", x, params.W_ih.shape[1])
    check_shape("h", h, (*x.shape[:-1], params.W_hh.shape[1]))
    from_input = x @ params.W_ih.T + params.b_ih  # (..., V) -> (..., 4H)
    from_memory = h @ params.W_hh.T + params.b_hh  # (..., H) -> (..., 4H)
    i, f, g, o = np.split(from_input + from_memory, 4, axis=-1)  # (..., H) each
    return sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)


def lstm_step(
    x: Array,
    state: tuple[Array, Array],
    params: RNNParams,
) -> tuple[Array, Array]:
    r"""Read one character with an LSTM and return the new state, :eq:`lstm-step`.

    Parameters
    ----------
    x : ndarray of shape (B, V)
        One-hot characters at time :math:`t`.
    state : tuple of ndarray of shape (B, H)
        State after the previous character, a pair :math:`(h, c)`: hidden state and cell.
    params : RNNParams
        Weights and biases, 4 rows per unit in blocks i, f, g, o.

    Returns
    -------
    h, c : ndarray of shape (B, H)
        The new state. Entries of `h` lie in [-1, 1]; those of `c` are not bounded.

    Raises
    ------
    TypeError
        If `state` is not a tuple of two arrays.
    ValueError
        If a shape does not fit `params`, or the shapes in `params` do not fit each other.

    See Also
    --------
    torch.nn.LSTM : The same in torch, for whole sequences.

    Notes
    -----
    The cell comes from :cite:t:`hochreiter1997long`, the forget gate from
    :cite:t:`gers2000learning`.

    Examples
    --------
    >>> bias = np.array([-9.0, 9, 0, 0])  # of i, f, g, o
    >>> params = RNNParams(np.zeros((4, 1)), np.zeros((4, 1)), bias, np.zeros(4))
    >>> h, c = lstm_step(np.zeros((1, 1)), (np.zeros((1, 1)), np.ones((1, 1))), params)
    >>> c.round(3)  # the forget gate is open and the input gate shut, so the 1 stays
    array([[1.]])
    """
    check_params(params, gates=4)
    check_pair("state", state)
    h, c = state
    check_shape("x", x, ("B", params.W_ih.shape[1]))
    check_shape("h", h, (len(x), params.W_hh.shape[1]))
    check_shape("c", c, h.shape)
    i, f, g, o = lstm_gates(x, h, params)  # (B, H) each
    c = f * c + i * g  # (B, H)
    return o * np.tanh(c), c  # (B, H), (B, H)


def lstm_forward(
    x: Array, state: tuple[Array, Array], params: RNNParams
) -> tuple[Array, tuple[Array, Array]]:
    r"""Read whole sequences with an LSTM, :eq:`lstm-forward`.

    Parameters
    ----------
    x : ndarray of shape (B, T, V)
        One-hot characters, batch first.
    state : tuple of ndarray of shape (B, H)
        Hidden state and cell before the first character, usually zeros.
    params : RNNParams
        Weights and biases, 4 rows per unit in blocks i, f, g, o.

    Returns
    -------
    outputs : ndarray of shape (B, T, H)
        The hidden state after each character, without the cell.
    last_state : tuple of ndarray of shape (B, H)
        Hidden state and cell after the last character.

    Raises
    ------
    TypeError
        If `state` is not a tuple of two arrays.
    ValueError
        If a shape does not fit, as in :func:`lstm_step`, or T is 0.

    See Also
    --------
    torch.nn.LSTM : The same in torch, with ``batch_first=True``.

    Examples
    --------
    >>> params = RNNParams.random(4, 2, np.random.default_rng(0), gates=4)
    >>> nothing = np.zeros((3, 2))
    >>> outputs, (h, c) = lstm_forward(np.zeros((3, 5, 4)), (nothing, nothing), params)
    >>> outputs.shape, h.shape, c.shape
    ((3, 5, 2), (3, 2), (3, 2))
    """
    check_params(params, gates=4)
    check_sequences(x, params)
    states = []
    for t in range(x.shape[1]):
        state = lstm_step(x[:, t], state, params)  # two (B, H)
        states.append(state[0])
    return np.stack(states, axis=1), state  # (B, T, H), two (B, H)


def gru_gates(
    x: Array, h: Array, params: RNNParams, *, reset_after: bool = True
) -> tuple[Array, Array, Array]:
    r"""Compute the gates of a GRU and the candidate for its state, :eq:`gru-gates`.

    Parameters
    ----------
    x : ndarray of shape (..., V)
        Inputs: one time step (B, V), or all time steps at once (B, T, V).
    h : ndarray of shape (..., H)
        The hidden state before each input.
    params : RNNParams
        Weights and biases, 3 rows per unit in blocks r, z, n.
    reset_after : bool, default=True
        If True, the reset gate multiplies the product of weights and state, as in torch. If False,
        it multiplies the state before the product, as in :cite:t:`cho2014learning`.

    Returns
    -------
    r, z, n : ndarray of shape (..., H)
        Reset gate, update gate, candidate. The gates lie in [0, 1], the candidate in [-1, 1].

    Raises
    ------
    ValueError
        If a shape does not fit `params`, or the shapes in `params` do not fit each other.

    Examples
    --------
    >>> params = RNNParams(np.zeros((3, 1)), np.ones((3, 1)), np.zeros(3), np.array([0.0, 0, 1]))
    >>> for after in (True, False):
    ...     r, z, n = gru_gates(np.zeros(1), np.ones(1), params, reset_after=after)
    ...     print(n.round(3))
    [0.898]
    [0.939]
    """
    check_params(params, gates=3)
    check_last_axis("x", x, params.W_ih.shape[1])
    check_shape("h", h, (*x.shape[:-1], params.W_hh.shape[1]))
    W_hr, W_hz, W_hn = np.split(params.W_hh, 3)  # (H, H) each
    b_hr, b_hz, b_hn = np.split(params.b_hh, 3)  # (H,) each
    # (..., H) each
    x_r, x_z, x_n = np.split(x @ params.W_ih.T + params.b_ih, 3, axis=-1)
    r = sigmoid(x_r + h @ W_hr.T + b_hr)  # (..., H)
    z = sigmoid(x_z + h @ W_hz.T + b_hz)  # (..., H)
    if reset_after:
        n = np.tanh(x_n + r * (h @ W_hn.T + b_hn))  # (..., H)
    else:
        n = np.tanh(x_n + (r * h) @ W_hn.T + b_hn)  # (..., H)
    return r, z, n


def gru_step(
    x: Array,
    h: Array,
    params: RNNParams,
    *,
    reset_after: bool = True,
) -> Array:
    r"""Read one character with a GRU and return the new state, :eq:`gru-step`.

    Parameters
    ----------
    x : ndarray of shape (B, V)
        One-hot characters at time :math:`t`.
    h : ndarray of shape (B, H)
        State after the previous character; zeros before the first.
    params : RNNParams
        Weights and biases, 3 rows per unit in blocks r, z, n.
    reset_after : bool, default=True
        Where the reset gate acts: as in torch if True, as in :cite:t:`cho2014learning` if False.

    Returns
    -------
    ndarray of shape (B, H)
        State after reading `x`. Each entry lies between the old state and the candidate.

    Raises
    ------
    ValueError
        If a shape does not fit `params`, or the shapes in `params` do not fit each other.

    See Also
    --------
    torch.nn.GRU : The same in torch, for whole sequences.

    Notes
    -----
    The layer comes from :cite:t:`cho2014learning`.

    Examples
    --------
    >>> params = RNNParams(np.zeros((3, 1)), np.zeros((3, 1)), np.array([0.0, 9, 0]), np.zeros(3))
    >>> gru_step(np.zeros((1, 1)), np.full((1, 1), 0.5), params).round(3)  # z near 1
    array([[0.5]])
    """
    check_params(params, gates=3)
    check_shape("x", x, ("B", params.W_ih.shape[1]))
    check_shape("h", h, (len(x), params.W_hh.shape[1]))
    _, z, n = gru_gates(x, h, params, reset_after=reset_after)  # (B, H) each
    return (1 - z) * n + z * h  # (B, H)


def gru_forward(
    x: Array, h: Array, params: RNNParams, *, reset_after: bool = True
) -> tuple[Array, Array]:
    r"""Read whole sequences with a GRU, :eq:`gru-forward`.

    Parameters
    ----------
    x : ndarray of shape (B, T, V)
        One-hot characters, batch first.
    h : ndarray of shape (B, H)
        State before the first character, usually zeros.
    params : RNNParams
        Weights and biases, 3 rows per unit in blocks r, z, n.
    reset_after : bool, default=True
        Where the reset gate acts: as in torch if True, as in :cite:t:`cho2014learning` if False.

    Returns
    -------
    outputs : ndarray of shape (B, T, H)
        The state after each character.
    last_hidden : ndarray of shape (B, H)
        The state after the last character, ``outputs[:, -1]``.

    Raises
    ------
    ValueError
        If a shape does not fit, as in :func:`gru_step`, or T is 0.

    See Also
    --------
    torch.nn.GRU : The same in torch, with ``batch_first=True``.

    Examples
    --------
    >>> params = RNNParams.random(4, 2, np.random.default_rng(0), gates=3)
    >>> outputs, last_hidden = gru_forward(np.zeros((3, 5, 4)), np.zeros((3, 2)), params)
    >>> outputs.shape, last_hidden.shape
    ((3, 5, 2), (3, 2))
    """
    check_params(params, gates=3)
    check_sequences(x, params)
    states = []
    for t in range(x.shape[1]):
        h = gru_step(x[:, t], h, params, reset_after=reset_after)  # (B, H)
        states.append(h)
    return np.stack(states, axis=1), h  # (B, T, H), (B, H)


def attention(q: Array, k: Array, v: Array) -> Array:
    r"""Causal attention: each position looks at itself and those before it, :eq:`attention`.

    Parameters
    ----------
    q : ndarray of shape (..., T, H)
        Queries: what each position looks for.
    k : ndarray of shape (..., T, H)
        Keys: what each position can be found by.
    v : ndarray of shape (..., T, H)
        Values: what each position has to give.

    Returns
    -------
    ndarray of shape (..., T, H)
        For each position, a weighted mean of the values up to it. The better a key fits the query,
        the larger the weight of its value.

    Raises
    ------
    ValueError
        If the shapes differ, or T or H is 0.

    See Also
    --------
    torch.nn.functional.scaled_dot_product_attention : The same in torch, with ``is_causal=True``.

    Notes
    -----
    This is one head of :cite:t:`vaswani2017attention`, with a causal mask.

    Examples
    --------
    >>> q, k = np.zeros((3, 1)), np.zeros((3, 1))  # every key fits equally well
    >>> attention(q, k, np.array([[3.0], [1.0], [5.0]]))
    array([[3.],
           [2.],
           [3.]])
    """
    check_queries(q, k, v)
    T, H = q.shape[-2:]
    # (..., T, H) @ (..., H, T) -> (..., T, T): one row per query
    scores = q @ np.swapaxes(k, -1, -2) / H**0.5
    seen = np.tri(T, dtype=bool)  # (T, T), True at the position and before it
    weights = softmax(np.where(seen, scores, -np.inf))  # (..., T, T)
    return weights @ v  # (..., T, T) @ (..., T, H) -> (..., T, H)


def multi_head_attention(x: Array, params: BlockParams, heads: int) -> Array:
    r"""Several heads of causal attention, side by side, and a layer that mixes what they find.

    Each head has a share of the queries, keys and values, :eq:`multi-head-attention`.

    Parameters
    ----------
    x : ndarray of shape (..., T, E)
        A vector for each position.
    params : BlockParams
        Weights and biases. Only `W_qkv`, `b_qkv`, `W_o` and `b_o` are used.
    heads : int
        How many heads there are. It has to divide E.

    Returns
    -------
    ndarray of shape (..., T, E)
        For each position what its heads have found, mixed.

    Raises
    ------
    ValueError
        If a shape does not fit, an axis has length 0, or `heads` does not divide E.

    See Also
    --------
    attention : One head.
    torch.nn.MultiheadAttention : The same in torch, with ``attn_mask`` True above the diagonal.

    Notes
    -----
    From :cite:t:`vaswani2017attention`.

    Examples
    --------
    >>> params = BlockParams.random(4, 16, np.random.default_rng(0))
    >>> x = np.random.default_rng(1).normal(size=(3, 4))
    >>> found = multi_head_attention(x, params, heads=2)
    >>> start = multi_head_attention(x[:2], params, heads=2)  # no position looks ahead
    >>> found.shape, np.allclose(found[:2], start)
    ((3, 4), True)
    """
    check_block(x, params, heads)
    together = x @ params.W_qkv.T + params.b_qkv  # (..., T, 3E)
    # each head has E / heads = H numbers of a query, of a key and of a value
    apart = together.reshape(*x.shape[:-1], 3 * heads, -1)  # (..., T, 3A, H)
    q, k, v = np.split(np.swapaxes(apart, -2, -3), 3, axis=-3)
    found = attention(q, k, v)  # (..., A, T, H), each head by itself
    side_by_side = np.swapaxes(found, -2, -3).reshape(x.shape)  # (..., T, E)
    return side_by_side @ params.W_o.T + params.b_o  # (..., T, E)


def transformer_block(x: Array, params: BlockParams, heads: int) -> Array:
    r"""Look at what came before, and think about it at each position, :eq:`transformer-block`.

    Both times the result is added to the vector that went in, which is normalized only for the
    part that reads it (pre-norm).

    Parameters
    ----------
    x : ndarray of shape (..., T, E)
        A vector for each position.
    params : BlockParams
        Weights and biases.
    heads : int
        How many heads there are. It has to divide E.

    Returns
    -------
    ndarray of shape (..., T, E)
        A vector for each position, which depends on that position and those before it.

    Raises
    ------
    ValueError
        If a shape does not fit, an axis has length 0, or `heads` does not divide E.

    See Also
    --------
    torch.nn.TransformerEncoderLayer : The same in torch, with ``norm_first=True`` and a causal
        mask.

    Notes
    -----
    From :cite:t:`vaswani2017attention`, whose block normalizes after the sum. That it is done
    before is the form of :cite:t:`xiong2020layer`.

    Examples
    --------
    >>> params = BlockParams.random(4, 16, np.random.default_rng(0))
    >>> idle = params._replace(W_o=np.zeros((4, 4)), W_2=np.zeros((4, 16)))
    >>> transformer_block(np.array([[1.0, 2, 3, 4]]), idle, heads=2)  # nothing is added
    array([[1., 2., 3., 4.]])
    """
    check_block(x, params, heads)
    seen = layer_norm(x, params.scale_1, params.shift_1)  # (..., T, E)
    x = x + multi_head_attention(seen, params, heads)
    seen = layer_norm(x, params.scale_2, params.shift_2)
    inside = np.maximum(seen @ params.W_1.T + params.b_1, 0)  # (..., T, F)
    return x + inside @ params.W_2.T + params.b_2  # (..., T, E)


def attend(q: Array, k: Array, v: Array, real: Array) -> tuple[Array, Array]:
    r"""Look each query up among the keys, and return the mean of the values, :eq:`attend`.

    Parameters
    ----------
    q : ndarray of shape (B, T, H)
        Queries: what is asked for at each step of what is written.
    k : ndarray of shape (B, S, H)
        Keys: by what each step of what was read can be found.
    v : ndarray of shape (B, S, D)
        Values: what each step of what was read has to give.
    real : ndarray of shape (B, S)
        True where a letter was read, False at padding, which gets no weight.

    Returns
    -------
    found : ndarray of shape (B, T, D)
        For each query a mean of the values. A value weighs more the better its key fits.
    weights : ndarray of shape (B, T, S)
        The weights of that mean: 0 or more, and 1 in sum.

    Raises
    ------
    TypeError
        If `real` does not hold True and False.
    ValueError
        If a shape does not fit, an axis has length 0, or a row is padding only.

    See Also
    --------
    attention : The same if each position asks, and is asked.
    torch.nn.functional.scaled_dot_product_attention : The same in torch, with ``attn_mask=real``
        of shape (B, 1, S).

    Notes
    -----
    The idea is that of :cite:t:`bahdanau2015neural`; their score is a small network.

    Examples
    --------
    >>> q, k, v = np.array([[[2.0]]]), np.array([[[0.0], [1.0], [9.0]]]), np.eye(3)[None]
    >>> found, weights = attend(q, k, v, np.array([[True, True, False]]))
    >>> weights.round(3)  # the third letter is padding
    array([[[0.119, 0.881, 0.   ]]])
    """
    check_memory(q, k, v, real)
    # (B, T, H) @ (B, H, S) -> (B, T, S): one row per query
    scores = q @ np.swapaxes(k, 1, 2) / q.shape[2] ** 0.5
    scores = np.where(real[:, None], scores, -np.inf)
    weights = softmax(scores)  # (B, T, S)
    return weights @ v, weights  # (B, T, S) @ (B, S, D) -> (B, T, D)


def decoder_step(
    x: Array, h: Array, memory: Array, real: Array, params: RNNParams
) -> tuple[Array, Array, Array]:
    r"""Read the letter that was written last, and look back, :eq:`decoder-step`.

    Parameters
    ----------
    x : ndarray of shape (B, V)
        The letter that was written last, one-hot or as a vector.
    h : ndarray of shape (B, H)
        State of the decoder; before the first step, the last state of the encoder.
    memory : ndarray of shape (B, S, H)
        The states of the encoder after each letter that it read: keys and values.
    real : ndarray of shape (B, S)
        True where a letter was read, False at padding.
    params : RNNParams
        Weights and biases of the decoder's GRU, 3 rows per unit.

    Returns
    -------
    features : ndarray of shape (B, 2H)
        State, and what was found, side by side: what the output layer reads.
    h : ndarray of shape (B, H)
        The new state.
    weights : ndarray of shape (B, S)
        How much this step looked at each letter.

    Raises
    ------
    TypeError
        If `real` does not hold True and False.
    ValueError
        If a shape does not fit, as in :func:`gru_step` and :func:`attend`.

    Examples
    --------
    >>> params = RNNParams.random(4, 2, np.random.default_rng(0), gates=3)
    >>> memory, real = np.zeros((3, 5, 2)), np.ones((3, 5), dtype=bool)
    >>> features, h, weights = decoder_step(np.eye(4)[:3], np.zeros((3, 2)), memory, real, params)
    >>> features.shape, h.shape, weights[0]
    ((3, 4), (3, 2), array([0.2, 0.2, 0.2, 0.2, 0.2]))
    """
    h = gru_step(x, h, params)  # (B, V), (B, H) -> (B, H)
    found, weights = attend(h[:, None], memory, memory, real)  # one query
    features = np.concatenate([h, found[:, 0]], axis=1)  # (B, 2H)
    return features, h, weights[:, 0]  # and (B, H), (B, S)


def linear_recurrence(a: Array, b: Array, h: Array) -> Array:
    r"""Multiply the state and add to it, one step after the other, :eq:`linear-recurrence`.

    Parameters
    ----------
    a : ndarray of shape (B, T, H)
        What the state is multiplied by at each step.
    b : ndarray of shape (B, T, H)
        What is added to it.
    h : ndarray of shape (B, H)
        State before the first step, usually zeros.

    Returns
    -------
    ndarray of shape (B, T, H)
        The state after each step.

    Raises
    ------
    ValueError
        If a shape does not fit, or T is 0.

    See Also
    --------
    parallel_scan : The same states with fewer steps that wait for each other.

    Examples
    --------
    >>> a = np.array([[[1.0], [1], [0], [1]]])  # keep, keep, erase, keep
    >>> b = np.array([[[1.0], [1], [0], [1]]])
    >>> linear_recurrence(a, b, np.zeros((1, 1))).ravel()
    array([1., 2., 0., 1.])
    """
    check_linear_steps(a, b)
    check_shape("h", h, (a.shape[0], a.shape[2]))
    states = []
    for t in range(a.shape[1]):
        h = a[:, t] * h + b[:, t]  # (B, H)
        states.append(h)
    return np.stack(states, axis=1)  # (B, T, H)


def parallel_scan(a: Array, b: Array) -> tuple[Array, Array]:
    r"""Join the first t steps of a linear recurrence into one, for every t, :eq:`parallel-scan`.

    Parameters
    ----------
    a : ndarray of shape (B, T, H)
        What each step multiplies the state by.
    b : ndarray of shape (B, T, H)
        What each step adds.

    Returns
    -------
    a_joined, b_joined : ndarray of shape (B, T, H)
        Place t - 1 holds steps 1 to t as one step, so that the state after t steps is
        ``a_joined[:, t - 1] * h + b_joined[:, t - 1]``.

    Raises
    ------
    ValueError
        If the shapes differ, or T is 0.

    See Also
    --------
    linear_recurrence : The states, one step after the other.

    Notes
    -----
    The tree of joins is that of :cite:t:`blelloch1990prefix`. Joins that do not need each other
    can be made at the same time, so at most :math:`2 \log_2 T` have to wait for one another.

    Examples
    --------
    >>> a = np.array([[[1.0], [1], [0], [1]]])
    >>> b = np.array([[[1.0], [1], [0], [1]]])
    >>> a_joined, b_joined = parallel_scan(a, b)
    >>> a_joined.ravel(), b_joined.ravel()
    (array([1., 1., 0., 0.]), array([1., 2., 0., 1.]))
    """
    check_linear_steps(a, b)
    if a.shape[1] == 1:
        return a, b
    a1, b1 = a[:, :-1:2], b[:, :-1:2]  # (B, T // 2, H), steps 1, 3, ...
    a2, b2 = a[:, 1::2], b[:, 1::2]  # (B, T // 2, H), steps 2, 4, ...
    # Join all these pairs at once. Half as many steps are left to scan.
    a_even, b_even = parallel_scan(a2 * a1, a2 * b1 + b2)  # (B, T // 2, H)
    # Join steps 3, 5, ... to all that comes before them, again at once.
    a3, b3 = a[:, 2::2], b[:, 2::2]  # (B, (T - 1) // 2, H)
    n = a3.shape[1]
    a, b = a.copy(), b.copy()  # (B, T, H); step 1 stays as it is
    a[:, 1::2], b[:, 1::2] = a_even, b_even
    a[:, 2::2] = a3 * a_even[:, :n]
    b[:, 2::2] = a3 * b_even[:, :n] + b3
    return a, b


def matrix_state(
    q: Array,
    k: Array,
    v: Array,
    a: Array,
    S: Array,
) -> tuple[Array, Array]:
    r"""Write each value into a matrix, under its key, and read with the query, :eq:`matrix-state`.

    Parameters
    ----------
    q, k : ndarray of shape (B, T, K)
        Queries and keys of the steps.
    v : ndarray of shape (B, T, H)
        Values: what each step writes.
    a : ndarray of shape (B, T)
        Gates: how much of the old state each step keeps, from 0 to 1.
    S : ndarray of shape (B, H, K)
        State before the first step, usually zeros.

    Returns
    -------
    outputs : ndarray of shape (B, T, H)
        What each query reads from the state after its step.
    S : ndarray of shape (B, H, K)
        State after the last step.

    Raises
    ------
    ValueError
        If a shape does not fit, or T is 0.

    See Also
    --------
    matrix_state_attention : The same as a table of all steps at once.
    matrix_state_chunks : Tables of a few steps, with the state carried from one to the next.
    delta_state : Writes the difference from what is stored already.

    Examples
    --------
    >>> k, q = np.array([[[1.0, 0], [0, 1]]]), np.array([[[1.0, 0], [1, 0]]])
    >>> v = np.array([[[3.0], [5.0]]])  # 3 under the first key, 5 under the second
    >>> outputs, S = matrix_state(q, k, v, np.ones((1, 2)), np.zeros((1, 1, 2)))
    >>> outputs.ravel(), S
    (array([3., 3.]), array([[[3., 5.]]]))
    """
    check_matrix_steps(q, k, v, S, a=a)
    outputs = []
    for t in range(q.shape[1]):
        # (B, H, 1) * (B, 1, K) -> (B, H, K): each row is the key, times a value
        written = v[:, t, :, None] * k[:, t, None, :]
        S = a[:, t, None, None] * S + written  # (B, H, K)
        outputs.append(S @ q[:, t, :, None])  # (B, H, K) @ (B, K, 1)
    return np.stack(outputs, axis=1)[..., 0], S  # (B, T, H), (B, H, K)


def matrix_state_attention(
    q: Array,
    k: Array,
    v: Array,
    a: Array,
    S: Array,
) -> tuple[Array, Array]:
    r"""Read all steps of a matrix state from one table of scores, :eq:`matrix-state-attention`.

    Parameters
    ----------
    q, k : ndarray of shape (B, T, K)
        Queries and keys of the steps.
    v : ndarray of shape (B, T, H)
        Values: what each step writes.
    a : ndarray of shape (B, T)
        Gates: how much of the old state each step keeps, from 0 to 1.
    S : ndarray of shape (B, H, K)
        State before the first step, usually zeros.

    Returns
    -------
    outputs : ndarray of shape (B, T, H)
        What each query reads from the state after its step.
    S : ndarray of shape (B, H, K)
        State after the last step.

    Raises
    ------
    ValueError
        If a shape does not fit, or T is 0.

    See Also
    --------
    matrix_state : The same, one step after the other.

    Notes
    -----
    The table holds products of gates, each made of its own factors. Nothing is divided, so gates
    of 0 do no harm.

    Examples
    --------
    >>> q = k = np.ones((1, 3, 1))
    >>> v = np.array([[[1.0], [1], [1]]])
    >>> matrix_state_attention(q, k, v, np.full((1, 3), 0.5), np.zeros((1, 1, 1)))[0].ravel()
    array([1.  , 1.5 , 1.75])
    """
    check_matrix_steps(q, k, v, S, a=a)
    kept = _products_of_gates(a)  # (B, T, T)
    scores = kept * (q @ np.swapaxes(k, 1, 2))  # (B, T, K) @ (B, K, T)
    start = a.cumprod(axis=1)[..., None]  # (B, T, 1): left of S
    outputs = scores @ v + start * (q @ np.swapaxes(S, 1, 2))  # (B, T, H)
    left = kept[:, -1, :, None] * v  # (B, T, H): of each value, at the end
    S = start[:, -1:] * S + np.swapaxes(left, 1, 2) @ k  # (B, H, T) @ (B, T, K)
    return outputs, S


def _products_of_gates(a: Array) -> Array:
    """Return the table of a_{j+1} * ... * a_t, with 1 for j = t and 0 for j > t."""
    T = a.shape[1]
    later = np.tri(T, k=-1, dtype=bool)  # (T, T), True where t > j
    products = np.where(later, a[:, :, None], 1).cumprod(axis=1)  # (B, T, T)
    return np.where(np.tri(T, dtype=bool), products, 0)


def matrix_state_chunks(
    q: Array,
    k: Array,
    v: Array,
    a: Array,
    S: Array,
    size: int,
) -> tuple[Array, Array]:
    r"""Cut the steps into chunks, and carry the state between them, :eq:`matrix-state-chunks`.

    Parameters
    ----------
    q, k : ndarray of shape (B, T, K)
        Queries and keys of the steps.
    v : ndarray of shape (B, T, H)
        Values: what each step writes.
    a : ndarray of shape (B, T)
        Gates: how much of the old state each step keeps, from 0 to 1.
    S : ndarray of shape (B, H, K)
        State before the first step, usually zeros.
    size : int
        Steps of a chunk; the last one may be shorter.

    Returns
    -------
    outputs : ndarray of shape (B, T, H)
        What each query reads from the state after its step.
    S : ndarray of shape (B, H, K)
        State after the last step.

    Raises
    ------
    ValueError
        If a shape does not fit, T is 0, or `size` is below 1.

    Examples
    --------
    >>> q = k = np.ones((1, 3, 1))
    >>> v = np.array([[[1.0], [1], [1]]])
    >>> matrix_state_chunks(q, k, v, np.full((1, 3), 0.5), np.zeros((1, 1, 1)), 2)[0].ravel()
    array([1.  , 1.5 , 1.75])
    """
    check_matrix_steps(q, k, v, S, a=a)
    check_at_least(1, size=size)
    outputs = []
    for start in range(0, q.shape[1], size):
        now = slice(start, start + size)  # the steps of the chunk
        read, S = matrix_state_attention(
            q[:, now], k[:, now], v[:, now], a[:, now], S
        )  # (B, size, H), (B, H, K)
        outputs.append(read)
    return np.concatenate(outputs, axis=1), S  # (B, T, H), (B, H, K)


def delta_state(
    q: Array,
    k: Array,
    v: Array,
    a: Array,
    beta: Array,
    S: Array,
) -> tuple[Array, Array]:
    r"""Look up what is stored under the key, and write the difference, :eq:`delta-state`.

    Parameters
    ----------
    q, k : ndarray of shape (B, T, K)
        Queries and keys of the steps; keys have the length 1.
    v : ndarray of shape (B, T, H)
        Values: what each step writes.
    a : ndarray of shape (B, T)
        Gates: how much of the old state each step keeps, from 0 to 1.
    beta : ndarray of shape (B, T)
        How much of the difference each step writes, from 0 to 1.
    S : ndarray of shape (B, H, K)
        State before the first step, usually zeros.

    Returns
    -------
    outputs : ndarray of shape (B, T, H)
        What each query reads from the state after its step.
    S : ndarray of shape (B, H, K)
        State after the last step.

    Raises
    ------
    ValueError
        If a shape does not fit, or T is 0.

    See Also
    --------
    matrix_state : Adds the value to what is stored.
    delta_state_attention : The same as a table of all steps at once.

    Examples
    --------
    >>> q = k = np.array([[[1.0, 0], [1, 0]]])  # twice the same key
    >>> v, ones = np.array([[[3.0], [5.0]]]), np.ones((1, 2))
    >>> outputs, S = delta_state(q, k, v, ones, ones, np.zeros((1, 1, 2)))
    >>> outputs.ravel()  # a matrix state reads 8 in the end
    array([3., 5.])
    """
    check_matrix_steps(q, k, v, S, a=a, beta=beta)
    outputs = []
    for t in range(q.shape[1]):
        kept = a[:, t, None, None] * S  # (B, H, K)
        found = kept @ k[:, t, :, None]  # (B, H, K) @ (B, K, 1) -> (B, H, 1)
        error = v[:, t, :, None] - found  # (B, H, 1)
        written = beta[:, t, None, None] * error * k[:, t, None, :]
        S = kept + written  # (B, H, K)
        outputs.append(S @ q[:, t, :, None])  # (B, H, K) @ (B, K, 1)
    return np.stack(outputs, axis=1)[..., 0], S  # (B, T, H), (B, H, K)


def delta_state_attention(
    q: Array,
    k: Array,
    v: Array,
    a: Array,
    beta: Array,
    S: Array,
) -> tuple[Array, Array]:
    r"""Solve for all differences at once, then read as before, :eq:`delta-state-attention`.

    Parameters
    ----------
    q, k : ndarray of shape (B, T, K)
        Queries and keys of the steps; keys have the length 1.
    v : ndarray of shape (B, T, H)
        Values: what each step writes.
    a : ndarray of shape (B, T)
        Gates: how much of the old state each step keeps, from 0 to 1.
    beta : ndarray of shape (B, T)
        How much of the difference each step writes, from 0 to 1.
    S : ndarray of shape (B, H, K)
        State before the first step, usually zeros.

    Returns
    -------
    outputs : ndarray of shape (B, T, H)
        What each query reads from the state after its step.
    S : ndarray of shape (B, H, K)
        State after the last step.

    Raises
    ------
    ValueError
        If a shape does not fit, or T is 0.

    See Also
    --------
    delta_state : The same, one step after the other.

    Examples
    --------
    >>> q = k = np.array([[[1.0, 0], [1, 0]]])
    >>> v, ones = np.array([[[3.0], [5.0]]]), np.ones((1, 2))
    >>> delta_state_attention(q, k, v, ones, ones, np.zeros((1, 1, 2)))[0].ravel()
    array([3., 5.])
    """
    check_matrix_steps(q, k, v, S, a=a, beta=beta)
    T = q.shape[1]
    before = np.tri(T, k=-1, dtype=bool)  # (T, T), True where j < t
    # (B, T, K) @ (B, K, T): what step t finds of the error of step j
    found = _products_of_gates(a) * (k @ np.swapaxes(k, 1, 2))
    table = np.where(before, found * beta[:, None], np.eye(T, dtype=a.dtype))
    start = a.cumprod(axis=1)[..., None]  # (B, T, 1): left of S
    missing = v - start * (k @ np.swapaxes(S, 1, 2))  # (B, T, H)
    error = np.linalg.solve(table, missing)  # (B, T, H)
    return matrix_state_attention(q, k, beta[..., None] * error, a, S)


def delta_state_chunks(
    q: Array,
    k: Array,
    v: Array,
    a: Array,
    beta: Array,
    S: Array,
    size: int,
) -> tuple[Array, Array]:
    r"""Cut the steps into chunks, and carry the state between them, :eq:`delta-state-chunks`.

    Parameters
    ----------
    q, k : ndarray of shape (B, T, K)
        Queries and keys of the steps; keys have the length 1.
    v : ndarray of shape (B, T, H)
        Values: what each step writes.
    a : ndarray of shape (B, T)
        Gates: how much of the old state each step keeps, from 0 to 1.
    beta : ndarray of shape (B, T)
        How much of the difference each step writes, from 0 to 1.
    S : ndarray of shape (B, H, K)
        State before the first step, usually zeros.
    size : int
        Steps of a chunk; the last one may be shorter.

    Returns
    -------
    outputs : ndarray of shape (B, T, H)
        What each query reads from the state after its step.
    S : ndarray of shape (B, H, K)
        State after the last step.

    Raises
    ------
    ValueError
        If a shape does not fit, T is 0, or `size` is below 1.

    Examples
    --------
    >>> q = k = np.array([[[1.0, 0], [1, 0]]])
    >>> v, ones = np.array([[[3.0], [5.0]]]), np.ones((1, 2))
    >>> delta_state_chunks(q, k, v, ones, ones, np.zeros((1, 1, 2)), 1)[0].ravel()
    array([3., 5.])
    """
    check_matrix_steps(q, k, v, S, a=a, beta=beta)
    check_at_least(1, size=size)
    outputs = []
    for start in range(0, q.shape[1], size):
        now = slice(start, start + size)  # the steps of the chunk
        read, S = delta_state_attention(
            q[:, now], k[:, now], v[:, now], a[:, now], beta[:, now], S
        )  # (B, size, H), (B, H, K)
        outputs.append(read)
    return np.concatenate(outputs, axis=1), S  # (B, T, H), (B, H, K)


def pool_states(states: Array, lengths: ArrayLike, how: str = "mean") -> Array:
    r"""Make one vector of the states of a text, whatever its length, :eq:`pool-states`.

    Parameters
    ----------
    states : ndarray of shape (B, T, H)
        The states of a batch that is padded on the right, for example from :func:`gru_forward`.
    lengths : array_like of int, shape (B,)
        How many steps of each row are real. Padding has no influence.
    how : {"last", "mean", "max"}, default="mean"
        Take the last real state, the mean of all, or the largest number of each unit.

    Returns
    -------
    ndarray of shape (B, H)
        One vector for each text.

    Raises
    ------
    TypeError
        If the lengths are not integers.
    ValueError
        If a shape does not fit, a length is below 1 or above T, or `how` is another word.

    Examples
    --------
    >>> states = np.array([[[0.0, 1.0], [0.5, -1.0], [9.0, 9.0]]])  # the third is padding
    >>> [pool_states(states, [2], how).tolist() for how in ("last", "mean", "max")]
    [[[0.5, -1.0]], [[0.25, 0.0]], [[0.5, 1.0]]]
    """
    check_choice("how", how, ("last", "mean", "max"))
    lengths = check_lengths(states, lengths)
    if how == "last":
        return states[np.arange(len(states)), lengths - 1]  # (B, H)
    steps = np.arange(states.shape[1])  # (T,)
    real = (steps < lengths[:, None])[..., None]  # (B, T, 1)
    if how == "mean":
        sizes = lengths[:, None].astype(states.dtype)  # (B, 1)
        return np.where(real, states, 0).sum(axis=1) / sizes  # (B, H)
    return np.where(real, states, -np.inf).max(axis=1)  # (B, H)


def output_layer(h: Array, W_hy: Array, b_y: Array) -> Array:
    r"""Turn states into logits, one score per character, :eq:`output-layer`.

    Parameters
    ----------
    h : ndarray of shape (..., H)
        Hidden states.
    W_hy : ndarray of shape (V, H)
        Hidden to output, the ``weight`` of a :class:`torch.nn.Linear`.
    b_y : ndarray of shape (V,)
        The ``bias`` of that layer.

    Returns
    -------
    ndarray of shape (..., V)
        Logits. Unlike states, they can be any real numbers.

    Raises
    ------
    ValueError
        If a shape does not fit `W_hy`.

    Examples
    --------
    >>> output_layer(np.array([1.0, -1.0]), 5 * np.eye(2), np.zeros(2))
    array([ 5., -5.])
    """
    check_shape("W_hy", W_hy, ("V", "H"))
    check_shape("b_y", b_y, (W_hy.shape[0],))
    check_last_axis("h", h, W_hy.shape[1])
    return h @ W_hy.T + b_y  # (..., H) @ (H, V) -> (..., V)


def softmax(logits: Array) -> Array:
    r"""Turn logits into probabilities, :eq:`softmax`.

    Parameters
    ----------
    logits : ndarray of shape (..., V)
        One score per character.

    Returns
    -------
    ndarray of shape (..., V)
        Positive numbers that sum to 1 along the last axis.

    Examples
    --------
    >>> softmax(np.array([2.0, 1.0, 0.0])).round(3)
    array([0.665, 0.245, 0.09 ])
    """
    # Subtracting the largest logit changes nothing, and exp cannot overflow.
    powers = np.exp(logits - np.max(logits, axis=-1, keepdims=True))  # (..., V)
    return powers / powers.sum(axis=-1, keepdims=True)


def cross_entropy(logits: Array, targets: ArrayLike) -> float:
    r"""Mean cross-entropy of the characters that came, in nats per character, :eq:`cross-entropy`.

    Parameters
    ----------
    logits : ndarray of shape (..., V)
        Scores, for example (B, T, V).
    targets : array_like of int, shape (...)
        Ids of the characters that came, for example (B, T).

    Returns
    -------
    float
        Mean of :math:`-\ln p`, where p is the softmax's probability of the character that came. If
        all logits are equal, this is :math:`\ln V`.

    Raises
    ------
    TypeError
        If the targets are not integers.
    ValueError
        If the shapes do not match, or an id is out of range.

    See Also
    --------
    torch.nn.functional.cross_entropy : The same in torch, where the classes must be on axis 1.

    Examples
    --------
    >>> print(f"{cross_entropy(np.zeros((21, 10)), np.zeros(21, dtype=int)):.3f}")  # ln 10
    2.303
    """
    targets = np.asarray(targets)
    check_targets(logits, targets)
    shifted = logits - np.max(logits, axis=-1, keepdims=True)  # (..., V)
    log_total = np.log(np.exp(shifted).sum(axis=-1))  # (...)
    # (...), the logit of each target:
    of_target = np.take_along_axis(shifted, targets[..., None], axis=-1)[..., 0]
    return float(np.mean(log_total - of_target))


def ctc_forward(log_p: Array, labels: ArrayLike) -> Array:
    r"""Add up the ways through a line of labels, frame by frame, :eq:`ctc-forward`.

    Parameters
    ----------
    log_p : ndarray of shape (T, V)
        Logarithms of the probabilities at each frame. Class 0 is the blank.
    labels : array_like of int, shape (S,)
        What was said, without blanks, for example ids of letters from 1 to V - 1.

    Returns
    -------
    ndarray of shape (T, 2S + 1)
        For each frame and each place of the line, which has a blank before, between and after the
        labels: the logarithm of what all ways that are there at this frame have cost so far.

    Raises
    ------
    TypeError
        If the labels are not integers.
    ValueError
        If a shape does not fit, T is 0, or a label is the blank or no class.

    Notes
    -----
    The recursion is that of :cite:t:`graves2006connectionist`.

    Examples
    --------
    >>> log_alpha = ctc_forward(np.log(np.full((5, 3), 1 / 3)), [1, 2, 2])
    >>> np.exp(log_alpha[-1] + 5 * np.log(3)).round(1)  # ways to each place after five frames
    array([ 1.,  5., 10., 20., 15.,  6.,  1.])
    """
    labels = check_alignment(log_p, labels)
    line = np.zeros(2 * len(labels) + 1, dtype=int)
    line[1::2] = labels  # blank, label, blank, label, …, blank
    # Leave out a blank, but only between two different labels.
    skips = (line[2:] != 0) & (line[2:] != line[:-2])
    log_alpha = np.full((len(log_p), len(line)), -np.inf)
    log_alpha[0, :2] = log_p[0, line[:2]]
    for t in range(1, len(log_p)):
        before = log_alpha[t - 1]
        ways = before.copy()  # stay
        ways[1:] = np.logaddexp(ways[1:], before[:-1])  # one place on
        two_on = np.where(skips, before[:-2], -np.inf)
        ways[2:] = np.logaddexp(ways[2:], two_on)
        log_alpha[t] = ways + log_p[t, line]  # (2S + 1,)
    return log_alpha


def ctc_loss(log_p: Array, labels: ArrayLike) -> float:
    r"""Return what labels cost if any alignment will do, in nats, :eq:`ctc-loss`.

    Parameters
    ----------
    log_p : ndarray of shape (T, V)
        Logarithms of the probabilities at each frame, those of the blank in column 0.
    labels : array_like of int, shape (S,)
        What was said, without blanks.

    Returns
    -------
    float
        Minus the logarithm of the sum over all alignments, and inf if there is none.

    Raises
    ------
    TypeError
        If the labels are not integers.
    ValueError
        If a shape does not fit, T is 0, or a label is not from 1 to V - 1.

    See Also
    --------
    torch.nn.functional.ctc_loss : The same in torch, for a batch of shape (T, B, V) and with
        ``reduction="sum"``.

    Examples
    --------
    >>> log_p = np.log(np.full((5, 3), 1 / 3))
    >>> loss = ctc_loss(log_p, [1, 2, 2])  # 7 of 243 paths
    >>> round(loss, 3), round(float(np.log(243 / 7)), 3)
    (3.547, 3.547)
    >>> ctc_loss(log_p[:3], [1, 2, 2])
    inf
    """
    ends = ctc_forward(log_p, labels)[-1, -2:]  # last label, last blank
    return -float(np.logaddexp.reduce(ends))


def cross_entropy_backward(logits: Array, targets: ArrayLike) -> Array:
    r"""Gradient of the mean cross-entropy with respect to the logits, :eq:`cross-entropy-backward`.

    Parameters
    ----------
    logits : ndarray of shape (..., V)
        Scores, for example (B, T, V).
    targets : array_like of int, shape (...)
        Ids of the characters that came, for example (B, T).

    Returns
    -------
    ndarray of shape (..., V)
        The difference between the predicted probabilities and the right ones (1 for the character
        that came, 0 for the others), divided by the number of positions. Each row sums to 0.

    Raises
    ------
    TypeError
        If the targets are not integers.
    ValueError
        If the shapes do not match, or an id is out of range.

    Examples
    --------
    >>> cross_entropy_backward(np.zeros((1, 4)), [2])
    array([[ 0.25,  0.25, -0.75,  0.25]])
    """
    targets = np.asarray(targets)
    check_targets(logits, targets)
    is_target = np.arange(logits.shape[-1]) == targets[..., None]  # (..., V)
    return (softmax(logits) - is_target) / targets.size  # (..., V)


def ctc_backward(log_p: Array, labels: ArrayLike) -> Array:
    r"""Backward pass of softmax and CTC loss together, :eq:`ctc-backward`.

    Parameters
    ----------
    log_p : ndarray of shape (T, V)
        Logarithms of the probabilities at each frame, the log-softmax of the logits.
    labels : array_like of int, shape (S,)
        What was said, without blanks.

    Returns
    -------
    ndarray of shape (T, V)
        Gradient of the loss with respect to the logits.

    Raises
    ------
    TypeError
        If the labels are not integers.
    ValueError
        If a shape does not fit, T is 0, a label is the blank or no class, or the frames are too few
        for the labels.

    Examples
    --------
    >>> log_p = np.log(np.full((4, 3), 1 / 3))
    >>> ctc_backward(log_p, [1, 2, 2]).round(3)  # four frames leave a single way
    array([[ 0.333, -0.667,  0.333],
           [ 0.333,  0.333, -0.667],
           [-0.667,  0.333,  0.333],
           [ 0.333,  0.333, -0.667]])
    """
    loss = ctc_loss(log_p, labels)
    check_enough_frames(loss, len(log_p), labels)
    labels = np.asarray(labels)
    log_alpha = ctc_forward(log_p, labels)
    from_the_end = ctc_forward(log_p[::-1], labels[::-1])
    log_beta = from_the_end[::-1, ::-1]
    line = np.zeros(2 * len(labels) + 1, dtype=int)
    line[1::2] = labels
    # Both count frame t. The sum over a row of `share` is 1.
    share = np.exp(log_alpha + log_beta - log_p[:, line] + loss)
    dlogits = np.exp(log_p)  # (T, V)
    for place, label in enumerate(line):
        dlogits[:, label] -= share[:, place]
    return dlogits


def output_layer_backward(
    h: Array,
    W_hy: Array,
    dlogits: Array,
) -> tuple[Array, Array, Array]:
    r"""Backward pass through the output layer, :eq:`output-layer-backward`.

    Parameters
    ----------
    h : ndarray of shape (..., H)
        The states that the layer read.
    W_hy : ndarray of shape (V, H)
        Hidden to output.
    dlogits : ndarray of shape (..., V)
        Gradient with respect to the logits, for example from :func:`cross_entropy_backward`.

    Returns
    -------
    dh : ndarray of shape (..., H)
        Gradient with respect to the states.
    dW_hy : ndarray of shape (V, H)
        Gradient with respect to the weights, summed over all positions.
    db_y : ndarray of shape (V,)
        Gradient with respect to the bias.

    Raises
    ------
    ValueError
        If a shape does not fit `W_hy`.

    Examples
    --------
    >>> dh, dW_hy, db_y = output_layer_backward(np.array([1.0, 2]), np.eye(2), np.array([0.0, 1]))
    >>> dW_hy
    array([[0., 0.],
           [1., 2.]])
    """
    check_shape("W_hy", W_hy, ("V", "H"))
    check_last_axis("h", h, W_hy.shape[1])
    check_shape("dlogits", dlogits, (*h.shape[:-1], W_hy.shape[0]))
    dh = dlogits @ W_hy  # (..., V) @ (V, H) -> (..., H)
    rows = dlogits.reshape(-1, dlogits.shape[-1])  # (N, V), N positions
    dW_hy = rows.T @ h.reshape(len(rows), -1)  # (V, N) @ (N, H) -> (V, H)
    return dh, dW_hy, rows.sum(axis=0)  # (..., H), (V, H), (V,)


def pool_states_backward(
    states: Array, lengths: ArrayLike, dpooled: Array, how: str = "mean"
) -> Array:
    r"""Hand the gradient of a pooled vector back to the states, :eq:`pool-states-backward`.

    Parameters
    ----------
    states : ndarray of shape (B, T, H)
        The states that were pooled.
    lengths : array_like of int, shape (B,)
        How many steps of each row are real.
    dpooled : ndarray of shape (B, H)
        Gradient with respect to the pooled vectors.
    how : {"last", "mean", "max"}, default="mean"
        How they were pooled, as in :func:`pool_states`.

    Returns
    -------
    ndarray of shape (B, T, H)
        Gradient with respect to the states, 0 at padding: for :func:`gru_backward`, for example.
        Of several largest numbers, the first one gets it.

    Raises
    ------
    TypeError
        If the lengths are not integers.
    ValueError
        If a shape does not fit, a length is below 1 or above T, or `how` is another word.

    Examples
    --------
    >>> states = np.array([[[0.0, 1.0], [0.5, -1.0], [9.0, 9.0]]])
    >>> pool_states_backward(states, [2], np.ones((1, 2)), "max")[0]
    array([[0., 1.],
           [1., 0.],
           [0., 0.]])
    """
    check_choice("how", how, ("last", "mean", "max"))
    lengths = check_lengths(states, lengths)
    check_shape("dpooled", dpooled, (states.shape[0], states.shape[2]))
    steps = np.arange(states.shape[1])[:, None]  # (T, 1)
    ends = lengths[:, None, None]  # (B, 1, 1)
    if how == "mean":
        share = (steps < ends) / ends.astype(dpooled.dtype)  # (B, T, 1)
    elif how == "last":
        share = steps == ends - 1  # (B, T, 1)
    else:
        best = np.where(steps < ends, states, -np.inf).argmax(axis=1)  # (B, H)
        share = steps == best[:, None]  # (B, T, H)
    return share * dpooled[:, None]  # (B, T, H)


def rnn_backward(
    x: Array, h: Array, params: RNNParams, doutputs: Array, dlast: Array
) -> tuple[Array, Array, RNNParams]:
    r"""Backpropagation through time in an RNN, :eq:`rnn-backward`.

    Parameters
    ----------
    x : ndarray of shape (B, T, V)
        The input of :func:`~charseq.rnn_forward`.
    h : ndarray of shape (B, H)
        State before the first character.
    params : RNNParams
        Weights and biases.
    doutputs : ndarray of shape (B, T, H)
        Gradient with respect to each output, usually from the output layer.
    dlast : ndarray of shape (B, H)
        Gradient with respect to the last state; zeros if nothing uses it after the sequence.

    Returns
    -------
    dx : ndarray of shape (B, T, V)
        Gradient with respect to the inputs.
    dh : ndarray of shape (B, H)
        Gradient with respect to the state before the first character.
    dparams : RNNParams
        Gradients with respect to weights and biases, summed over batch and time.

    Raises
    ------
    ValueError
        If a shape does not fit, as in :func:`~charseq.rnn_forward`.

    Notes
    -----
    The method is described by :cite:t:`werbos1990backpropagation`.

    Examples
    --------
    >>> params = RNNParams(np.ones((1, 1)), np.full((1, 1), 0.5), np.zeros(1), np.zeros(1))
    >>> x, h = np.zeros((1, 3, 1)), np.zeros((1, 1))
    >>> dx, dh, dparams = rnn_backward(x, h, params, np.zeros((1, 3, 1)), np.ones((1, 1)))
    >>> dx.ravel(), dh.ravel()  # tanh has slope 1 at 0, so each time step multiplies by W_hh
    (array([0.25, 0.5 , 1.  ]), array([0.125]))
    """
    outputs, _ = rnn_forward(x, h, params)  # (B, T, H)
    check_shape("doutputs", doutputs, outputs.shape)
    check_shape("dlast", dlast, h.shape)
    before = np.concatenate([h[:, None], outputs[:, :-1]], axis=1)  # (B, T, H)
    slope = 1 - outputs**2  # (B, T, H), derivative of tanh
    da = np.empty_like(outputs)  # (B, T, H), gradient of the sum inside tanh
    dh = dlast  # (B, H)
    for t in reversed(range(x.shape[1])):
        dh = doutputs[:, t] + dh  # (B, H), from the output and the next step
        da[:, t] = slope[:, t] * dh  # (B, H)
        dh = da[:, t] @ params.W_hh  # (B, H) @ (H, H) -> (B, H)
    dx = da @ params.W_ih  # (B, T, H) @ (H, V) -> (B, T, V)
    dparams = RNNParams(
        W_ih=np.einsum("bth,btv->hv", da, x, optimize=True),  # (H, V)
        W_hh=np.einsum("bth,btk->hk", da, before, optimize=True),  # (H, H)
        b_ih=da.sum(axis=(0, 1)),  # (H,)
        b_hh=da.sum(axis=(0, 1)),  # (H,)
    )
    return dx, dh, dparams


def bptt_jacobian(outputs: Array, params: RNNParams) -> Array:
    r"""Jacobian of the last state with respect to the one before step 1, :eq:`bptt-jacobian`.

    Parameters
    ----------
    outputs : ndarray of shape (B, T, H)
        The states of all steps, from :func:`~charseq.rnn_forward`.
    params : RNNParams
        Weights and biases.

    Returns
    -------
    ndarray of shape (B, H, H)
        In row j and column k, the derivative of unit j of the last state with respect to unit k of
        the state before the first character. The gradient goes back through the transpose.

    Raises
    ------
    ValueError
        If a shape does not fit, as in :func:`~charseq.rnn_forward`.

    See Also
    --------
    rnn_backward : The gradient of everything, without this product of matrices.

    Notes
    -----
    The product is the subject of :cite:t:`pascanu2013difficulty`.

    Examples
    --------
    >>> params = RNNParams(np.ones((1, 1)), np.full((1, 1), 0.5), np.zeros(1), np.zeros(1))
    >>> bptt_jacobian(np.zeros((1, 3, 1)), params)  # tanh has slope 1 at 0, so 0.5 three times
    array([[[0.125]]])
    """
    check_params(params)
    check_shape("outputs", outputs, ("B", "T", params.W_hh.shape[1]))
    B, T, H = outputs.shape
    slopes = 1 - outputs**2  # (B, T, H), derivative of tanh
    product = np.tile(np.eye(H, dtype=outputs.dtype), (B, 1, 1))  # (B, H, H)
    for t in range(T):
        # Row j of the Jacobian is row j of W_hh times slope j.
        jacobian = slopes[:, t, :, None] * params.W_hh  # (B, H, H)
        product = jacobian @ product  # (B, H, H)
    return product


def lstm_backward(
    x: Array,
    state: tuple[Array, Array],
    params: RNNParams,
    doutputs: Array,
    dlast: tuple[Array, Array],
) -> tuple[Array, tuple[Array, Array], RNNParams]:
    r"""Backpropagation through time in an LSTM, :eq:`lstm-backward`.

    Parameters
    ----------
    x : ndarray of shape (B, T, V)
        The input of :func:`lstm_forward`.
    state : tuple of ndarray of shape (B, H)
        Hidden state and cell before the first character.
    params : RNNParams
        Weights and biases.
    doutputs : ndarray of shape (B, T, H)
        Gradient with respect to each output, usually from the output layer.
    dlast : tuple of ndarray of shape (B, H)
        Gradients with respect to the last hidden state and cell; zeros if nothing uses them after
        the sequence.

    Returns
    -------
    dx : ndarray of shape (B, T, V)
        Gradient with respect to the inputs.
    dstate : tuple of ndarray of shape (B, H)
        Gradients with respect to the hidden state and cell before the first character.
    dparams : RNNParams
        Gradients with respect to weights and biases, summed over batch and time.

    Raises
    ------
    TypeError
        If `state` or `dlast` is not a tuple of two arrays.
    ValueError
        If a shape does not fit, as in :func:`lstm_forward`.

    Examples
    --------
    >>> bias = np.array([-9.0, 9, 0, 0])  # input gate shut, forget gate open
    >>> params = RNNParams(np.zeros((4, 1)), np.zeros((4, 1)), bias, np.zeros(4))
    >>> nothing, one = np.zeros((1, 1)), np.ones((1, 1))
    >>> x = doutputs = np.zeros((1, 50, 1))
    >>> _, (dh, dc), _ = lstm_backward(x, (nothing, nothing), params, doutputs, (nothing, one))
    >>> dc.round(2)  # after fifty time steps, almost all of the gradient is left
    array([[0.99]])
    """
    outputs, _ = lstm_forward(x, state, params)  # (B, T, H)
    check_shape("doutputs", doutputs, outputs.shape)
    check_pair("dlast", dlast)
    h, c = state
    dh, dc = dlast  # (B, H) each
    check_shape("dlast[0]", dh, h.shape)
    check_shape("dlast[1]", dc, c.shape)
    before = np.concatenate([h[:, None], outputs[:, :-1]], axis=1)  # (B, T, H)
    i, f, g, o = lstm_gates(x, before, params)  # (B, T, H) each
    cells = np.empty_like(outputs)  # (B, T, H), the cell at time steps 1 to T
    for t in range(x.shape[1]):
        c = cells[:, t] = f[:, t] * c + i[:, t] * g[:, t]  # (B, H)
    # (B, T, H), the cell at time steps 0 to T - 1
    cells_before = np.concatenate([state[1][:, None], cells[:, :-1]], axis=1)
    tanh_c = np.tanh(cells)  # (B, T, H)
    slope = o * (1 - tanh_c**2)  # (B, T, H), derivative of h with respect to c
    # How much c changes with the sums in i, f and g, and h with that in o.
    blocks = [
        g * i * (1 - i),  # (B, T, H), i
        cells_before * f * (1 - f),  # (B, T, H), f
        i * (1 - g**2),  # (B, T, H), g
        tanh_c * o * (1 - o),  # (B, T, H), o
    ]
    slopes = np.concatenate(blocks, axis=-1)  # (B, T, 4H)
    da = np.empty_like(slopes)  # (B, T, 4H), gradient of the sums in σ and tanh
    for t in reversed(range(x.shape[1])):
        dh = doutputs[:, t] + dh  # (B, H), from the output and the next step
        dc = slope[:, t] * dh + dc  # (B, H), from h and from the next step
        # (B, 4H): i, f and g act through c, and o acts through h.
        da[:, t] = slopes[:, t] * np.concatenate([dc, dc, dc, dh], axis=-1)
        dh = da[:, t] @ params.W_hh  # (B, 4H) @ (4H, H) -> (B, H)
        dc = f[:, t] * dc  # (B, H), without a matrix product
    dx = da @ params.W_ih  # (B, T, 4H) @ (4H, V) -> (B, T, V)
    dparams = RNNParams(
        W_ih=np.einsum("bth,btv->hv", da, x, optimize=True),  # (4H, V)
        W_hh=np.einsum("bth,btk->hk", da, before, optimize=True),  # (4H, H)
        b_ih=da.sum(axis=(0, 1)),  # (4H,)
        b_hh=da.sum(axis=(0, 1)),  # (4H,)
    )
    return dx, (dh, dc), dparams


def gru_backward(
    x: Array,
    h: Array,
    params: RNNParams,
    doutputs: Array,
    dlast: Array,
    *,
    reset_after: bool = True,
) -> tuple[Array, Array, RNNParams]:
    r"""Backpropagation through time in a GRU, :eq:`gru-backward`.

    Parameters
    ----------
    x : ndarray of shape (B, T, V)
        The input of :func:`gru_forward`.
    h : ndarray of shape (B, H)
        State before the first character.
    params : RNNParams
        Weights and biases.
    doutputs : ndarray of shape (B, T, H)
        Gradient with respect to each output, usually from the output layer.
    dlast : ndarray of shape (B, H)
        Gradient with respect to the last state; zeros if nothing uses it after the sequence.
    reset_after : bool, default=True
        Where the reset gate acts: as in torch if True, as in :cite:t:`cho2014learning` if False.

    Returns
    -------
    dx : ndarray of shape (B, T, V)
        Gradient with respect to the inputs.
    dh : ndarray of shape (B, H)
        Gradient with respect to the state before the first character.
    dparams : RNNParams
        Gradients with respect to weights and biases, summed over batch and time. If `reset_after`
        is True, the gradients for the two biases differ in block n.

    Raises
    ------
    ValueError
        If a shape does not fit, as in :func:`gru_forward`.

    Examples
    --------
    >>> params = RNNParams(np.zeros((3, 1)), np.zeros((3, 1)), np.array([0.0, 9, 0]), np.zeros(3))
    >>> x, h = np.zeros((1, 50, 1)), np.zeros((1, 1))
    >>> _, dh, _ = gru_backward(x, h, params, np.zeros((1, 50, 1)), np.ones((1, 1)))
    >>> dh.round(2)  # after fifty time steps with z near 1
    array([[0.99]])
    """
    outputs, _ = gru_forward(x, h, params, reset_after=reset_after)  # (B, T, H)
    check_shape("doutputs", doutputs, outputs.shape)
    check_shape("dlast", dlast, h.shape)
    before = np.concatenate([h[:, None], outputs[:, :-1]], axis=1)  # (B, T, H)
    r, z, n = gru_gates(x, before, params, reset_after=reset_after)  # (B, T, H)
    W_hr, W_hz, W_hn = np.split(params.W_hh, 3)  # (H, H) each
    b_hn = params.b_hh[-n.shape[-1] :]  # (H,)
    # (B, T, H), what r multiplies
    q = before @ W_hn.T + b_hn if reset_after else before
    slope_r = q * r * (1 - r)  # (B, T, H)
    slope_z = (before - n) * z * (1 - z)  # (B, T, H)
    slope_n = (1 - z) * (1 - n**2)  # (B, T, H)
    dr, dz, dn = (np.empty_like(n) for _ in range(3))  # of sums in σ, σ, tanh
    dh = dlast  # (B, H)
    for t in reversed(range(x.shape[1])):
        dh = doutputs[:, t] + dh  # (B, H), from the output and the next step
        dz[:, t] = slope_z[:, t] * dh  # (B, H)
        dn[:, t] = slope_n[:, t] * dh  # (B, H)
        if reset_after:
            dreset = dn[:, t]  # (B, H), gradient of r ⊙ (W h + b)
            from_n = (r[:, t] * dreset) @ W_hn  # (B, H)
        else:
            dreset = dn[:, t] @ W_hn  # (B, H), gradient of r ⊙ h
            from_n = r[:, t] * dreset  # (B, H)
        dr[:, t] = slope_r[:, t] * dreset  # (B, H)
        dh = z[:, t] * dh + dr[:, t] @ W_hr + dz[:, t] @ W_hz + from_n  # (B, H)
    da = np.concatenate([dr, dz, dn], axis=-1)  # (B, T, 3H)
    dx = da @ params.W_ih  # (B, T, 3H) @ (3H, V) -> (B, T, V)
    of_n = (r * dn, before) if reset_after else (dn, r * before)  # (B, T, H)
    # For each product W u: the gradient d of the product, and u itself.
    pairs = ((dr, before), (dz, before), of_n)
    dparams = RNNParams(
        W_ih=np.einsum("bth,btv->hv", da, x, optimize=True),  # (3H, V)
        W_hh=np.concatenate(  # (3H, H)
            [np.einsum("bth,btk->hk", d, u, optimize=True) for d, u in pairs]
        ),
        b_ih=da.sum(axis=(0, 1)),  # (3H,)
        b_hh=np.concatenate([d.sum(axis=(0, 1)) for d, _ in pairs]),  # (3H,)
    )
    return dx, dh, dparams


def attend_backward(
    q: Array, k: Array, v: Array, real: Array, dfound: Array
) -> tuple[Array, Array, Array]:
    r"""Backward pass of attention, :eq:`attend-backward`.

    Parameters
    ----------
    q : ndarray of shape (B, T, H)
        Queries.
    k : ndarray of shape (B, S, H)
        Keys.
    v : ndarray of shape (B, S, D)
        Values.
    real : ndarray of shape (B, S)
        True where a letter was read, False at padding.
    dfound : ndarray of shape (B, T, D)
        Gradient with respect to what was found.

    Returns
    -------
    dq : ndarray of shape (B, T, H)
        Gradient with respect to the queries.
    dk : ndarray of shape (B, S, H)
        Gradient with respect to the keys, 0 at padding.
    dv : ndarray of shape (B, S, D)
        Gradient with respect to the values, 0 at padding.

    Raises
    ------
    TypeError
        If `real` does not hold True and False.
    ValueError
        If a shape does not fit, as in :func:`attend`.

    Examples
    --------
    >>> q, k, v = np.zeros((1, 1, 1)), np.zeros((1, 2, 1)), np.array([[[1.0], [3.0]]])
    >>> dq, dk, dv = attend_backward(q, k, v, np.ones((1, 2), dtype=bool), np.ones((1, 1, 1)))
    >>> dv.ravel()  # both weights are one half
    array([0.5, 0.5])
    """
    found, weights = attend(q, k, v, real)  # (B, T, D), (B, T, S)
    check_shape("dfound", dfound, found.shape)
    dv = np.swapaxes(weights, 1, 2) @ dfound  # (B, S, T) @ (B, T, D)
    dweights = dfound @ np.swapaxes(v, 1, 2)  # (B, T, D) @ (B, D, S)
    mean = (weights * dweights).sum(axis=2, keepdims=True)  # (B, T, 1)
    dscores = weights * (dweights - mean) / q.shape[2] ** 0.5  # (B, T, S)
    return dscores @ k, np.swapaxes(dscores, 1, 2) @ q, dv


def decoder_step_backward(
    x: Array,
    h: Array,
    memory: Array,
    real: Array,
    params: RNNParams,
    dfeatures: Array,
    dlast: Array,
) -> tuple[Array, Array, Array, RNNParams]:
    r"""Backward pass of one step of a decoder, :eq:`decoder-step-backward`.

    Parameters
    ----------
    x : ndarray of shape (B, V)
        The letter that was written last.
    h : ndarray of shape (B, H)
        State before the step.
    memory : ndarray of shape (B, S, H)
        The states of the encoder.
    real : ndarray of shape (B, S)
        True where a letter was read, False at padding.
    params : RNNParams
        Weights and biases of the decoder's GRU.
    dfeatures : ndarray of shape (B, 2H)
        Gradient with respect to the features, from the output layer.
    dlast : ndarray of shape (B, H)
        Gradient with respect to the new state, from the next step. Zeros after the last one.

    Returns
    -------
    dx : ndarray of shape (B, V)
        Gradient with respect to the letter.
    dh : ndarray of shape (B, H)
        Gradient with respect to the state before the step; before the first step it goes on into
        the encoder.
    dmemory : ndarray of shape (B, S, H)
        Gradient with respect to the encoder's states, 0 at padding. Those of all steps are added.
    dparams : RNNParams
        Gradients with respect to weights and biases.

    Raises
    ------
    TypeError
        If `real` does not hold True and False.
    ValueError
        If a shape does not fit, as in :func:`decoder_step`.

    Examples
    --------
    >>> params = RNNParams.random(4, 1, np.random.default_rng(0), gates=3)
    >>> x, h, real = np.eye(4)[:1], np.zeros((1, 1)), np.array([[True, True, False]])
    >>> memory, blame = np.ones((1, 3, 1)), np.array([[0.0, 1.0]])
    >>> _, _, dmemory, _ = decoder_step_backward(x, h, memory, real, params, blame, h)
    >>> dmemory.ravel()
    array([0.5, 0.5, 0. ])
    """
    features, new, _ = decoder_step(x, h, memory, real, params)
    check_shape("dfeatures", dfeatures, features.shape)
    check_shape("dlast", dlast, new.shape)
    dh, dfound = np.split(dfeatures, 2, axis=1)  # (B, H) each
    query, blame = new[:, None], dfound[:, None]  # (B, 1, H) each
    dq, dk, dv = attend_backward(query, memory, memory, real, blame)
    dnew = dlast + dh + dq[:, 0]  # (B, H), from the next step, output, query
    step, nothing = dnew[:, None], np.zeros_like(h)  # nothing comes after it
    dx, dh, dparams = gru_backward(x[:, None], h, params, step, nothing)
    return dx[:, 0], dh, dk + dv, dparams  # memory is key and value


def linear_recurrence_backward(
    a: Array, b: Array, h: Array, doutputs: Array, dlast: Array
) -> tuple[Array, Array, Array]:
    r"""Backward pass of a linear recurrence, :eq:`linear-recurrence-backward`.

    Parameters
    ----------
    a, b : ndarray of shape (B, T, H)
        The steps of :func:`linear_recurrence`.
    h : ndarray of shape (B, H)
        State before the first step.
    doutputs : ndarray of shape (B, T, H)
        Gradient with respect to each state, usually from the output layer.
    dlast : ndarray of shape (B, H)
        Gradient with respect to the last state; zeros if nothing uses it after the sequence.

    Returns
    -------
    da, db : ndarray of shape (B, T, H)
        Gradients with respect to the steps.
    dh : ndarray of shape (B, H)
        Gradient with respect to the state before the first step.

    Raises
    ------
    ValueError
        If a shape does not fit, as in :func:`linear_recurrence`.

    Examples
    --------
    >>> a, b = np.full((1, 50, 1), 0.998), np.zeros((1, 50, 1))
    >>> nothing, one = np.zeros((1, 50, 1)), np.ones((1, 1))
    >>> _, _, dh = linear_recurrence_backward(a, b, np.zeros((1, 1)), nothing, one)
    >>> dh.round(2)  # 0.998 to the power of 50
    array([[0.9]])
    """
    states = linear_recurrence(a, b, h)  # (B, T, H)
    check_shape("doutputs", doutputs, states.shape)
    check_shape("dlast", dlast, h.shape)
    before = np.concatenate([h[:, None], states[:, :-1]], axis=1)  # (B, T, H)
    # Read backwards, step t multiplies by the a of step t + 1.
    # No step follows the last one: its gradient, dlast, is multiplied by 1.
    later = np.concatenate([a[:, 1:], np.ones_like(a[:, :1])], axis=1)
    backwards = linear_recurrence(later[:, ::-1], doutputs[:, ::-1], dlast)
    dstates = backwards[:, ::-1]  # (B, T, H)
    return before * dstates, dstates, a[:, 0] * dstates[:, 0]


def matrix_state_backward(
    q: Array,
    k: Array,
    v: Array,
    a: Array,
    S: Array,
    doutputs: Array,
    dlast: Array,
) -> tuple[Array, ...]:
    r"""Backward pass of a matrix state, :eq:`matrix-state-backward`.

    Parameters
    ----------
    q, k : ndarray of shape (B, T, K)
        Queries and keys of the steps.
    v : ndarray of shape (B, T, H)
        Values: what each step writes.
    a : ndarray of shape (B, T)
        Gates: how much of the old state each step keeps, from 0 to 1.
    S : ndarray of shape (B, H, K)
        State before the first step, usually zeros.
    doutputs : ndarray of shape (B, T, H)
        Gradient with respect to what each query reads.
    dlast : ndarray of shape (B, H, K)
        Gradient with respect to the last state; zeros if nothing uses it after the sequence.

    Returns
    -------
    dq, dk, dv, da, dS : ndarray
        Gradients, each of the shape of its argument; `dS` is that of the state before step 1.

    Raises
    ------
    ValueError
        If a shape does not fit.

    Examples
    --------
    >>> q = k = v = np.ones((1, 2, 1))
    >>> a, S = np.full((1, 2), 0.5), np.zeros((1, 1, 1))
    >>> doutputs = np.array([[[0.0], [1.0]]])  # the loss is what is read last
    >>> _, _, dv, _, _ = matrix_state_backward(q, k, v, a, S, doutputs, S)
    >>> dv.ravel()  # the first value went through a gate of 0.5
    array([0.5, 1. ])
    """
    check_matrix_steps(q, k, v, S, a=a)
    check_shape("doutputs", doutputs, v.shape)
    check_shape("dlast", dlast, S.shape)
    states = [S]  # (B, H, K) each, before step 1 and after every step
    for t in range(q.shape[1]):
        now = slice(t, t + 1)  # a single step
        step = q[:, now], k[:, now], v[:, now], a[:, now]
        states.append(matrix_state(*step, states[-1])[1])
    dq, dk, dv, da = map(np.zeros_like, (q, k, v, a))
    dS = dlast
    for t in reversed(range(q.shape[1])):
        # (B, H, 1) * (B, 1, K) -> (B, H, K), and what came from step t + 1
        dS = doutputs[:, t, :, None] * q[:, t, None, :] + dS
        dq[:, t] = (doutputs[:, t, None] @ states[t + 1])[:, 0]  # (B, K)
        dk[:, t] = (v[:, t, None] @ dS)[:, 0]  # (B, 1, H) @ (B, H, K)
        dv[:, t] = (dS @ k[:, t, :, None])[..., 0]  # (B, H, K) @ (B, K, 1)
        da[:, t] = (states[t] * dS).sum(axis=(1, 2))  # (B,)
        dS = a[:, t, None, None] * dS  # (B, H, K)
    return dq, dk, dv, da, dS


def delta_state_backward(
    q: Array,
    k: Array,
    v: Array,
    a: Array,
    beta: Array,
    S: Array,
    doutputs: Array,
    dlast: Array,
) -> tuple[Array, ...]:
    r"""Backward pass of a matrix state with the delta rule, :eq:`delta-state-backward`.

    Parameters
    ----------
    q, k : ndarray of shape (B, T, K)
        Queries and keys of the steps; keys have the length 1.
    v : ndarray of shape (B, T, H)
        Values: what each step writes.
    a : ndarray of shape (B, T)
        Gates: how much of the old state each step keeps, from 0 to 1.
    beta : ndarray of shape (B, T)
        How much of the difference each step writes, from 0 to 1.
    S : ndarray of shape (B, H, K)
        State before the first step, usually zeros.
    doutputs : ndarray of shape (B, T, H)
        Gradient with respect to what each query reads.
    dlast : ndarray of shape (B, H, K)
        Gradient with respect to the last state; zeros if nothing uses it after the sequence.

    Returns
    -------
    dq, dk, dv, da, dbeta, dS : ndarray
        Gradients, each of the shape of its argument; `dS` is that of the state before step 1.

    Raises
    ------
    ValueError
        If a shape does not fit.

    Examples
    --------
    >>> q = k = np.array([[[1.0, 0], [1, 0]]])  # twice the same key
    >>> v, ones, S = np.array([[[3.0], [5.0]]]), np.ones((1, 2)), np.zeros((1, 1, 2))
    >>> doutputs = np.array([[[0.0], [1.0]]])
    >>> _, _, dv, *_ = delta_state_backward(q, k, v, ones, ones, S, doutputs, S)
    >>> dv.ravel()  # the first value was overwritten, and gets no blame
    array([0., 1.])
    """
    check_matrix_steps(q, k, v, S, a=a, beta=beta)
    check_shape("doutputs", doutputs, v.shape)
    check_shape("dlast", dlast, S.shape)
    states = [S]  # (B, H, K) each, before step 1 and after every step
    for t in range(q.shape[1]):
        now = slice(t, t + 1)  # a single step
        step = q[:, now], k[:, now], v[:, now], a[:, now], beta[:, now]
        states.append(delta_state(*step, states[-1])[1])
    dq, dk, dv, da, dbeta = map(np.zeros_like, (q, k, v, a, beta))
    dS = dlast
    for t in reversed(range(q.shape[1])):
        row, strength = k[:, t, None], beta[:, t, None]  # (B, 1, K), (B, 1)
        kept = a[:, t, None, None] * states[t]  # (B, H, K)
        error = v[:, t] - (kept @ k[:, t, :, None])[..., 0]  # (B, H)
        dS = doutputs[:, t, :, None] * q[:, t, None, :] + dS  # (B, H, K)
        along = (dS @ k[:, t, :, None])[..., 0]  # (B, H): dS in the direction k
        dq[:, t] = (doutputs[:, t, None] @ states[t + 1])[:, 0]  # (B, K)
        dv[:, t] = strength * along  # (B, H)
        dbeta[:, t] = (error * along).sum(axis=1)  # (B,)
        through = error[:, None] @ dS - along[:, None] @ kept  # (B, 1, K)
        dk[:, t] = strength * through[:, 0]
        dkept = dS - dv[:, t, :, None] * row  # (B, H, K): not along the key
        da[:, t] = (states[t] * dkept).sum(axis=(1, 2))  # (B,)
        dS = a[:, t, None, None] * dkept  # (B, H, K)
    return dq, dk, dv, da, dbeta, dS


def loss_floor(vocab_size: int, bound: float = 1.0) -> float:
    r"""Lowest cross-entropy that bounded logits can reach, :eq:`loss-floor`.

    If all logits lie in :math:`[-m, m]`, the best they can be is :math:`m` for the right character
    and :math:`-m` for the other V - 1.

    Parameters
    ----------
    vocab_size : int
        V, the number of characters.
    bound : float, default=1.0
        Largest absolute logit :math:`m`. It is 1 if the logits are states, because of tanh.

    Returns
    -------
    float
        The floor in nats per character. A tanh never quite reaches 1, so the loss of a network
        whose states are its logits stays above the floor.

    Raises
    ------
    ValueError
        If `vocab_size` is below 1 or `bound` is negative.

    Examples
    --------
    >>> print(f"{loss_floor(10):.4f}")
    0.7966
    """
    check_at_least(1, vocab_size=vocab_size)
    if not bound >= 0:
        raise ValueError(f"bound must be 0 or more, got {bound}")
    return float(np.log1p((vocab_size - 1) * np.exp(-2 * bound)))


def pinball_loss(q: Array, y: Array, level: float) -> float:
    r"""Price a forecast that the truth should stay below so often, :eq:`pinball-loss`.

    Parameters
    ----------
    q : ndarray
        Forecasts, of any shape.
    y : ndarray
        What happened, of the same shape.
    level : float
        The share of cases in which `y` should be below `q`, between 0 and 1.

    Returns
    -------
    float
        The mean price. It is lowest where `q` is that quantile of `y`; at 0.5 it is half the mean
        distance, and lowest at the median.

    Raises
    ------
    ValueError
        If `q` and `y` differ in shape or are empty, one of them holds nan, or `level` is not
        between 0 and 1.

    Notes
    -----
    Quantile regression is due to :cite:t:`koenker1978regression`.

    Examples
    --------
    >>> pinball_loss(np.array([10.0]), np.array([12.0]), 0.9)  # too low by 2
    1.8
    >>> round(pinball_loss(np.array([14.0]), np.array([12.0]), 0.9), 3)  # too high by 2
    0.2
    """
    check_forecast(q, y)
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    missed = y - q  # above 0 where the truth was higher
    prices = np.maximum(level * missed, (level - 1) * missed)
    return float(prices.mean())


def sgd_momentum(
    parameter: Array,
    gradient: Array,
    velocity: Array,
    lr: float,
    momentum: float = 0.0,
) -> tuple[Array, Array]:
    r"""Take one step of gradient descent with momentum, :eq:`sgd-momentum`.

    Parameters
    ----------
    parameter, gradient, velocity : ndarray of shape (...)
        The parameter, the gradient of the loss at it, and the running sum of earlier gradients
        (zeros before the first update), all of the same shape.
    lr : float
        Learning rate :math:`\eta`.
    momentum : float, default=0.0
        The factor :math:`\mu` by which the old velocity is multiplied.

    Returns
    -------
    parameter, velocity : ndarray of shape (...)
        New arrays; the arguments do not change.

    See Also
    --------
    torch.optim.SGD : The same in torch.

    Examples
    --------
    >>> theta, slope, v = np.array([1.0]), np.array([0.2]), np.array([0.1])
    >>> theta, v = sgd_momentum(theta, slope, v, lr=0.5, momentum=0.9)
    >>> theta.round(3), v.round(3)
    (array([0.855]), array([0.29]))
    """
    velocity = momentum * velocity + gradient
    return parameter - lr * velocity, velocity


def layer_norm(
    a: Array,
    weight: Array,
    bias: Array,
    eps: float = 1e-5,
) -> Array:
    r"""Shift and scale the numbers of a vector to mean 0 and variance 1, :eq:`layer-norm`.

    Parameters
    ----------
    a : ndarray of shape (..., H)
        The sums inside a layer. Each row is normalized by itself.
    weight : ndarray of shape (H,)
        Factors :math:`\gamma`, one per unit, which are learned and start at 1.
    bias : ndarray of shape (H,)
        Offsets :math:`\beta`, one per unit, which are learned and start at 0.
    eps : float, default=1e-5
        Added to the variance, :math:`\varepsilon`, so that equal numbers are not divided by 0.

    Returns
    -------
    ndarray of shape (..., H)
        The rows, with mean 0 and variance 1 before `weight` and `bias` are applied.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    See Also
    --------
    torch.nn.LayerNorm : The same in torch.

    Examples
    --------
    >>> layer_norm(np.array([1.0, 2.0, 6.0]), np.ones(3), np.zeros(3)).round(3)
    array([-0.926, -0.463,  1.389])
    """
    check_shape("weight", weight, ("H",))
    check_shape("bias", bias, weight.shape)
    check_last_axis("a", a, len(weight))
    deviation = a - a.mean(axis=-1, keepdims=True)  # (..., H)
    variance = (deviation**2).mean(axis=-1, keepdims=True)  # (..., 1)
    return weight * deviation / np.sqrt(variance + eps) + bias  # (..., H)
