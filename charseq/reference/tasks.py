"""What is made of the states: scores, losses and updates, and a decoder that looks back."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charseq._checks import (
    check_alignment,
    check_at_least,
    check_choice,
    check_enough_frames,
    check_forecast,
    check_last_axis,
    check_lengths,
    check_memory,
    check_shape,
    check_targets,
)
from charseq.reference.recurrent import RNNParams, gru_backward, gru_step

Array = NDArray[Any]


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
