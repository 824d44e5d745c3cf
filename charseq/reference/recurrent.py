"""The recurrent layers: RNN, LSTM and GRU, forwards, and backwards through time."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charseq._checks import (
    check_at_least,
    check_last_axis,
    check_pair,
    check_params,
    check_sequences,
    check_shape,
)

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
