"""Checks of arguments: each raises an error that quotes what was found and what was expected.

Pages show code without the calls of these functions: their names start with ``check_``.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


# --- numbers --------------------------------------------------------------------------------------


def check_at_least(least: int, **values: int) -> None:
    """Refuse a number below `least`."""
    for name, value in values.items():
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


def check_integers(least: int, **values: object) -> None:
    """Refuse what is not an integer of at least `least`."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse what is not one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


# --- texts and ids --------------------------------------------------------------------------------


def check_text(text: object) -> None:
    """Refuse what is not a string."""
    if not isinstance(text, str):
        hint = "; decode it first, data.decode('utf-8')" if isinstance(text, bytes) else ""
        raise TypeError(f"expected text (str), got {type(text).__name__}{hint}")


def check_ids(ids: ArrayLike, vocab_size: int) -> Array:
    """Return ids of any shape as an array, each in ``range(vocab_size)``; there may be none."""
    array = np.asarray(ids)
    if array.size == 0:
        return array.astype(np.int64)
    if array.dtype.kind not in "iu":
        example = array.flat[0]
        raise TypeError(
            f"ids must be integers, got {array.dtype} (for example "
            f"{example.item() if isinstance(example, np.generic) else example!r})"
        )
    outside = np.argwhere((array < 0) | (array >= vocab_size))
    if len(outside):
        place = tuple(int(i) for i in outside[0])
        where = place[0] if len(place) == 1 else place
        raise ValueError(
            f"id {int(array[place])} at position {where} is out of range: expected 0 to "
            f"{vocab_size - 1} for a vocabulary of {vocab_size} characters"
        )
    return array


def check_ids_of_a_text(ids: ArrayLike) -> Array:
    """Return the ids of one text, (N,) with N of 1 or more, as an array; their range is free."""
    array = np.asarray(ids)
    if array.dtype.kind not in "iu":
        kind = array.dtype if isinstance(ids, np.ndarray) else type(ids).__name__
        raise TypeError(f"expected the ids of a text, integers, as in corpus.ids; got {kind}")
    if array.ndim != 1 or not len(array):
        raise ValueError(
            f"expected the ids of one text, shape (N,) with N of 1 or more, got {array.shape}"
        )
    return array


def check_same_vocab_size(vocab: Any, model: Any) -> None:
    """Refuse a vocabulary and a model that differ in their number of characters."""
    if len(vocab) != model.vocab_size:
        raise ValueError(
            f"the vocabulary has {len(vocab)} characters and the model {model.vocab_size}: "
            "make the model with vocab_size=len(vocab)"
        )


# --- arrays of the reference ----------------------------------------------------------------------


def check_params(params: Any, gates: int = 1) -> None:
    """Compare the shapes of an :class:`~charseq.RNNParams`: `gates` rows for each unit."""
    check_shape("W_ih", params.W_ih, ("H" if gates == 1 else f"{gates}H", "V"))
    rows = len(params.W_ih)
    if rows % gates:
        raise ValueError(f"W_ih must have shape ({gates}H, V), got {params.W_ih.shape}")
    check_shape("W_hh", params.W_hh, (rows, rows // gates))
    check_shape("b_ih", params.b_ih, (rows,))
    check_shape("b_hh", params.b_hh, (rows,))


def check_sequences(x: Array, params: Any) -> None:
    """Refuse an input without time steps, or with another number of features than W_ih reads."""
    check_shape("x", x, ("B", "T", params.W_ih.shape[1]))
    if x.shape[1] == 0:
        raise ValueError(f"x has no time steps: expected T of at least 1, got shape {x.shape}")


def check_pair(name: str, state: tuple[Array, Array]) -> None:
    """Refuse a state that is not a pair, as the state of an LSTM is."""
    if not isinstance(state, tuple) or len(state) != 2:
        found = f"{len(state)} of them" if isinstance(state, tuple) else type(state).__name__
        raise TypeError(f"{name} must be a tuple of two arrays (h, c), got {found}")


def check_last_axis(name: str, array: Array, size: int) -> None:
    """Compare the length of the last axis; the axes before it are free."""
    if np.ndim(array) == 0 or array.shape[-1] != size:
        raise ValueError(f"{name} must have shape (..., {size}), got {np.shape(array)}")


def check_targets(logits: Array, targets: Array) -> None:
    """Refuse targets that are not one class for each row of logits."""
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


def check_shape(name: str, array: Array, expected: tuple[int | str, ...]) -> None:
    """Compare a shape with numbers, which must agree, and letters, which stand for any length."""
    found = np.shape(array)
    if len(found) != len(expected) or any(
        isinstance(want, int) and have != want for have, want in zip(found, expected, strict=True)
    ):
        wanted = ", ".join(str(size) for size in expected) + ("," if len(expected) == 1 else "")
        hint = ""
        if name in ("x", "h") and len(found) == len(expected) - 1:
            hint = f"; is the batch axis missing? try {name}[None]"
        raise ValueError(f"{name} must have shape ({wanted}), got {found}{hint}")
