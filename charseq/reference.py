"""The equations in NumPy, one function an equation; torch is never imported here.

Arrays hold the equations' column vectors as rows, so that a batch is a stack of rows and
:math:`W x` is written ``x @ W.T``. The notation page says it once for the whole site.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "RNNParams",
    "cross_entropy",
    "loss_floor",
    "output_layer",
    "rnn_forward",
    "rnn_step",
    "sgd_momentum",
    "softmax",
]

Array = NDArray[Any]


class RNNParams(NamedTuple):
    """The four parameters of a recurrent layer, laid out as in :class:`torch.nn.RNN`.

    Attributes
    ----------
    W_ih : ndarray of shape (H, V)
        Input to hidden, torch's ``weight_ih_l0``.
    W_hh : ndarray of shape (H, H)
        Hidden to hidden, torch's ``weight_hh_l0``.
    b_ih : ndarray of shape (H,)
        First bias, torch's ``bias_ih_l0``.
    b_hh : ndarray of shape (H,)
        Second bias, torch's ``bias_hh_l0``.

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
    def random(cls, input_size: int, hidden_size: int, rng: np.random.Generator) -> "RNNParams":
        r"""Draw parameters from torch's own distribution, uniform on :math:`\pm 1/\sqrt{H}`.

        Parameters
        ----------
        input_size : int
            V, or whatever number of features a step has.
        hidden_size : int
            H.
        rng : numpy.random.Generator
            Where the numbers come from.

        Returns
        -------
        RNNParams
            In float64.

        Raises
        ------
        ValueError
            If a size is below 1.
        """
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            if size < 1:
                raise ValueError(f"{name} must be at least 1, got {size}")
        bound = 1 / np.sqrt(hidden_size)
        return cls(
            W_ih=rng.uniform(-bound, bound, (hidden_size, input_size)),
            W_hh=rng.uniform(-bound, bound, (hidden_size, hidden_size)),
            b_ih=rng.uniform(-bound, bound, hidden_size),
            b_hh=rng.uniform(-bound, bound, hidden_size),
        )

    @classmethod
    def from_torch(cls, layer: Any, index: int = 0) -> "RNNParams":
        """Copy the parameters of one layer of a :class:`torch.nn.RNN`.

        Parameters
        ----------
        layer : torch.nn.RNN
            With biases.
        index : int, default=0
            Which of the stacked layers.

        Returns
        -------
        RNNParams
            Copies, in the layer's own precision.

        Raises
        ------
        TypeError
            If `layer` has no such parameters.
        """
        names = [f"{name}_l{index}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        missing = [name for name in names if not hasattr(layer, name)]
        if missing:
            raise TypeError(
                f"expected a torch.nn.RNN with parameters {', '.join(names)}; "
                f"{type(layer).__name__} lacks {', '.join(missing)}"
            )
        return cls(*(getattr(layer, name).numpy(force=True).copy() for name in names))


def rnn_step(x: Array, h: Array, params: RNNParams) -> Array:
    r"""Read one character and return the new state, :eq:`rnn-step`.

    Parameters
    ----------
    x : ndarray of shape (B, V)
        One-hot characters at time :math:`t`.
    h : ndarray of shape (B, H)
        State left by the previous character; zeros before the first.
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
    _check_params(params)
    _check_shape("x", x, ("B", params.W_ih.shape[1]))
    _check_shape("h", h, (len(x), params.W_ih.shape[0]))
    from_input = x @ params.W_ih.T + params.b_ih  # (B, V) @ (V, H) -> (B, H)
    from_memory = h @ params.W_hh.T + params.b_hh  # (B, H) @ (H, H) -> (B, H)
    return np.tanh(from_input + from_memory)


def rnn_forward(x: Array, h: Array, params: RNNParams) -> tuple[Array, Array]:
    r"""Read whole sequences, one step after the other, :eq:`rnn-forward`.

    Parameters
    ----------
    x : ndarray of shape (B, T, V)
        One-hot characters, batch first.
    h : ndarray of shape (B, H)
        State before the first character, usually zeros.
    params : RNNParams
        Weights and biases, the same ones at each step.

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
    _check_params(params)
    _check_shape("x", x, ("B", "T", params.W_ih.shape[1]))
    if x.shape[1] == 0:
        raise ValueError(f"x has no time steps: expected T of at least 1, got shape {x.shape}")
    states = []
    for t in range(x.shape[1]):
        h = rnn_step(x[:, t], h, params)  # (B, V), (B, H) -> (B, H)
        states.append(h)
    return np.stack(states, axis=1), h  # (B, T, H), (B, H)


def output_layer(h: Array, W_hy: Array, b_y: Array) -> Array:
    r"""Turn states into logits, one score for each character, :eq:`output-layer`.

    Parameters
    ----------
    h : ndarray of shape (..., H)
        Hidden states.
    W_hy : ndarray of shape (V, H)
        Hidden to output, the ``weight`` of a :class:`torch.nn.Linear`.
    b_y : ndarray of shape (V,)
        Its ``bias``.

    Returns
    -------
    ndarray of shape (..., V)
        Logits: any real numbers, not bounded as `h` is.

    Raises
    ------
    ValueError
        If a shape does not fit `W_hy`.

    Examples
    --------
    >>> output_layer(np.array([1.0, -1.0]), 5 * np.eye(2), np.zeros(2))
    array([ 5., -5.])
    """
    _check_shape("W_hy", W_hy, ("V", "H"))
    _check_shape("b_y", b_y, (W_hy.shape[0],))
    if np.ndim(h) == 0 or h.shape[-1] != W_hy.shape[1]:
        raise ValueError(f"h must have shape (..., {W_hy.shape[1]}), got {np.shape(h)}")
    return h @ W_hy.T + b_y  # (..., H) @ (H, V) -> (..., V)


def softmax(logits: Array) -> Array:
    r"""Turn logits into probabilities, :eq:`softmax`.

    Parameters
    ----------
    logits : ndarray of shape (..., V)
        One score for each character.

    Returns
    -------
    ndarray of shape (..., V)
        Positive numbers that sum to 1 along the last axis.

    Examples
    --------
    >>> softmax(np.array([2.0, 1.0, 0.0])).round(3)
    array([0.665, 0.245, 0.09 ])
    """
    # Subtracting the largest logit cancels, and keeps exp from overflowing.
    odds = np.exp(logits - np.max(logits, axis=-1, keepdims=True))  # (..., V)
    return odds / odds.sum(axis=-1, keepdims=True)


def cross_entropy(logits: Array, targets: ArrayLike) -> float:
    r"""Mean surprise, in nats, at the characters that came, :eq:`cross-entropy`.

    Parameters
    ----------
    logits : ndarray of shape (..., V)
        Scores, for example (B, T, V).
    targets : array_like of int, shape (...)
        Ids of the characters that came, for example (B, T).

    Returns
    -------
    float
        Mean over all positions; :math:`\ln V` for a net that knows nothing.

    Raises
    ------
    TypeError
        If the targets are not integers.
    ValueError
        If the shapes do not match, or an id is out of range.

    See Also
    --------
    torch.nn.functional.cross_entropy : The same in torch, which wants the classes on axis 1.

    Examples
    --------
    >>> print(f"{cross_entropy(np.zeros((21, 10)), np.zeros(21, dtype=int)):.3f}")  # ln 10
    2.303
    """
    targets = np.asarray(targets)
    _check_targets(logits, targets)
    shifted = logits - np.max(logits, axis=-1, keepdims=True)  # (..., V)
    log_total = np.log(np.exp(shifted).sum(axis=-1))  # (...)
    of_target = np.take_along_axis(shifted, targets[..., None], axis=-1)[..., 0]  # (...)
    return float(np.mean(log_total - of_target))


def loss_floor(vocab_size: int, bound: float = 1.0) -> float:
    r"""Cross-entropy that bounded logits cannot pass, :eq:`loss-floor`.

    The best that logits in :math:`[-m, m]` can do is :math:`m` for the right character and
    :math:`-m` for the V - 1 others.

    Parameters
    ----------
    vocab_size : int
        V, the number of characters.
    bound : float, default=1.0
        Largest absolute logit :math:`m`; 1 where logits are states, since tanh stays within ±1.

    Returns
    -------
    float
        In nats. A tanh never quite reaches 1, so a net stays above it.

    Raises
    ------
    ValueError
        If `vocab_size` is below 1 or `bound` negative.

    Examples
    --------
    >>> print(f"{loss_floor(10):.4f}")
    0.7966
    """
    if vocab_size < 1:
        raise ValueError(f"vocab_size must be at least 1, got {vocab_size}")
    if not bound >= 0:
        raise ValueError(f"bound is the size of a logit and cannot be negative, got {bound}")
    return float(np.log1p((vocab_size - 1) * np.exp(-2 * bound)))


def sgd_momentum(
    parameter: Array, gradient: Array, velocity: Array, lr: float, momentum: float = 0.0
) -> tuple[Array, Array]:
    r"""Move a parameter downhill, with momentum, :eq:`sgd-momentum`.

    Parameters
    ----------
    parameter, gradient, velocity : ndarray of shape (...)
        What to move, the slope of the loss there, and the running sum of earlier slopes
        (zeros before the first step), all of one shape.
    lr : float
        Learning rate :math:`\eta`.
    momentum : float, default=0.0
        How much of the old velocity :math:`\mu` is kept.

    Returns
    -------
    parameter, velocity : ndarray of shape (...)
        New arrays; the ones passed in are left alone.

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


def _check_params(params: RNNParams) -> None:
    """Make sure that the other parameters have as many units as W_ih."""
    _check_shape("W_ih", params.W_ih, ("H", "V"))
    hidden_size = params.W_ih.shape[0]
    _check_shape("W_hh", params.W_hh, (hidden_size, hidden_size))
    _check_shape("b_ih", params.b_ih, (hidden_size,))
    _check_shape("b_hh", params.b_hh, (hidden_size,))


def _check_targets(logits: Array, targets: Array) -> None:
    """Make sure that each row of logits has one target among its classes."""
    if targets.dtype.kind not in "iu":
        raise TypeError(f"targets must be integer ids, got {targets.dtype}")
    if np.ndim(logits) == 0:
        raise ValueError("logits must have shape (..., V), got ()")
    if np.shape(logits)[:-1] != targets.shape:
        raise ValueError(
            f"logits of shape {np.shape(logits)} need targets of shape {np.shape(logits)[:-1]}, "
            f"got {targets.shape}"
        )
    vocab_size = np.shape(logits)[-1]
    if targets.size == 0:
        raise ValueError("the mean over no positions is undefined: targets are empty")
    if targets.min() < 0 or targets.max() >= vocab_size:
        raise ValueError(
            f"targets must lie in 0 to {vocab_size - 1}, got {targets.min()} to {targets.max()}"
        )


def _check_shape(name: str, array: Array, expected: tuple[int | str, ...]) -> None:
    """Compare a shape with numbers (which must agree) and letters (which stand for any length)."""
    found = np.shape(array)
    if len(found) != len(expected) or any(
        isinstance(want, int) and have != want for have, want in zip(found, expected, strict=True)
    ):
        wanted = ", ".join(str(size) for size in expected) + ("," if len(expected) == 1 else "")
        hint = ""
        if name in ("x", "h") and len(found) == len(expected) - 1:
            hint = f"; is the batch axis missing? try {name}[None]"
        raise ValueError(f"{name} must have shape ({wanted}), got {found}{hint}")
