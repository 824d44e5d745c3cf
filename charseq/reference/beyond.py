"""What came after recurrent layers, and layers whose states can be computed at once."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charseq._checks import (
    check_at_least,
    check_block,
    check_last_axis,
    check_matrix_steps,
    check_queries,
    check_shape,
    check_shapes,
)
from charseq.reference.tasks import softmax

Array = NDArray[Any]


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

        def draw(*shape: int) -> Array:
            return rng.uniform(-1, 1, shape) / shape[1] ** 0.5

        of_attention = (draw(3 * E, E), np.zeros(3 * E), draw(E, E), np.zeros(E))
        of_network = (draw(F, E), np.zeros(F), draw(E, F), np.zeros(E))
        of_norms = (np.ones(E), np.zeros(E), np.ones(E), np.zeros(E))
        return cls(*of_attention, *of_network, *of_norms)

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
    check_shapes(a=(a, "B T H"), b=(b, "B T H"), h=(h, "B H"))
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
    check_shapes(a=(a, "B T H"), b=(b, "B T H"))
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
