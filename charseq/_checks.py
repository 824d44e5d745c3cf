"""Checks of arguments. An error quotes the value it got and says what was expected.

Where the site shows the code of a function, it leaves out calls of functions whose names start with
``check_``.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charseq._errors import UserError

Array = NDArray[Any]


# --- numbers --------------------------------------------------------------------------------------


def check_at_least(least: int, **values: int) -> None:
    """Raise unless every value is at least `least`."""
    for name, value in values.items():
        if value < least:
            raise UserError(f"{name} must be at least {least}, got {value}")


def check_integers(least: int, **values: object) -> None:
    """Raise unless every value is an integer of at least `least`."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise UserError(f"{name} must be an integer of at least {least}, got {value!r}")


def check_numbers(**values: object) -> None:
    """Raise unless every value is a number."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise UserError(f"{name} must be a number, got {value!r}")


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise unless `value` is one of `choices`."""
    if value not in choices:
        raise UserError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


# --- texts and ids --------------------------------------------------------------------------------


def check_text(text: object) -> None:
    """Raise unless `text` is a string."""
    if not isinstance(text, str):
        hint = "; decode it first, data.decode('utf-8')" if isinstance(text, bytes) else ""
        raise TypeError(f"expected text (str), got {type(text).__name__}{hint}")


def check_ids(ids: ArrayLike, vocab_size: int, unit: str = "characters") -> Array:
    """Return ids of any shape as an array; raise unless each is in ``range(vocab_size)``."""
    array = np.asarray(ids)
    if array.size == 0:
        return array.astype(np.int64)
    if array.dtype.kind not in "iu":
        example = array.flat[0]
        raise TypeError(
            f"ids must be integers, got {array.dtype} (for example "
            f"{example.item() if isinstance(example, np.generic) else example!r})"
        )
    out_of_range = np.argwhere((array < 0) | (array >= vocab_size))
    if len(out_of_range):
        index = tuple(int(i) for i in out_of_range[0])
        position = index[0] if len(index) == 1 else index
        raise ValueError(
            f"id {int(array[index])} at position {position} is out of range: expected 0 to "
            f"{vocab_size - 1} for a vocabulary of {vocab_size} {unit}"
        )
    return array


def check_text_ids(ids: ArrayLike) -> Array:
    """Return the ids of one text, (N,) with N of 1 or more, as an array.

    Whether the ids are in range is not checked.
    """
    array = np.asarray(ids)
    if array.dtype.kind not in "iu":
        type_name = array.dtype if isinstance(ids, np.ndarray) else type(ids).__name__
        raise TypeError(f"expected the ids of a text, integers, as in corpus.ids; got {type_name}")
    if array.ndim != 1 or not len(array):
        raise ValueError(
            f"expected the ids of one text, shape (N,) with N of 1 or more, got {array.shape}"
        )
    return array


def check_same_vocab_size(vocab: Any, model: Any) -> None:
    """Raise unless a vocabulary and a model have the same number of characters."""
    if len(vocab) != model.vocab_size:
        raise ValueError(
            f"the vocabulary has {len(vocab)} characters and the model {model.vocab_size}: "
            "make the model with vocab_size=len(vocab)"
        )


# --- arrays of the reference ----------------------------------------------------------------------


def check_params(params: Any, gates: int = 1) -> None:
    """Raise unless the shapes of an :class:`~charseq.RNNParams` fit, with `gates` rows per unit."""
    check_shape("W_ih", params.W_ih, ("H" if gates == 1 else f"{gates}H", "V"))
    rows = len(params.W_ih)
    if rows % gates:
        raise ValueError(f"W_ih must have shape ({gates}H, V), got {params.W_ih.shape}")
    check_shape("W_hh", params.W_hh, (rows, rows // gates))
    check_shape("b_ih", params.b_ih, (rows,))
    check_shape("b_hh", params.b_hh, (rows,))


def check_shapes(**arrays: tuple[Any, str]) -> None:
    """Raise unless each letter of the axes is one length in all arrays, and T at least 1."""
    sizes: dict[str, int] = {}
    for name, (array, axes) in arrays.items():
        letters = axes.split()
        check_shape(name, array, tuple(sizes.get(letter, letter) for letter in letters))
        sizes.update(zip(letters, np.shape(array), strict=True))
        if sizes.get("T") == 0:
            raise ValueError(
                f"{name} has no time steps: expected T of at least 1, got shape {np.shape(array)}"
            )


def check_within(name: str, values: ArrayLike, least: int, most: int) -> Array:
    """Return integers as an array; raise unless all of them are in the bounds."""
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got {array.dtype}")
    wrong = array[(array < least) | (array > most)]
    if wrong.size:
        raise ValueError(f"{name} must lie in {least} to {most}, got {wrong[0]}")
    return array


def check_sequences(x: Array, params: Any) -> None:
    """Raise unless x has at least one time step, and as many features as W_ih reads."""
    check_shapes(W_ih=(params.W_ih, "G V"), x=(x, "B T V"))


def check_lengths(states: Array, lengths: ArrayLike) -> Array:
    """Return the lengths of rows of states as an array; raise unless each is from 1 to T."""
    check_shape("states", states, ("B", "T", "H"))
    array = check_within("lengths", lengths, 1, np.shape(states)[1])
    check_shape("lengths", array, (len(states),))
    return array


def check_matrix_steps(q: Array, k: Array, v: Array, S: Array, **strengths: Array) -> None:
    """Raise unless each step has a query, a key, a value and its gate, and the state fits them."""
    gates = {name: (strength, "B T") for name, strength in strengths.items()}
    check_shapes(q=(q, "B T K"), k=(k, "B T K"), v=(v, "B T H"), S=(S, "B H K"), **gates)


def check_alignment(log_p: Array, labels: ArrayLike) -> Array:
    """Return the labels of one text as an array; raise unless they fit the frames."""
    check_shapes(log_p=(log_p, "T V"))
    array = check_within("labels", labels, 1, np.shape(log_p)[1] - 1)  # 0 is the blank
    check_shape("labels", array, ("S",))
    return array.astype(int)


def check_positions(name: str, array: Array, width: str) -> None:
    """Raise unless an array has at least one position, and numbers there."""
    if np.ndim(array) < 2 or 0 in np.shape(array)[-2:]:
        raise ValueError(
            f"{name} must have shape (..., T, {width}), with T and {width} of at least 1, got "
            f"{np.shape(array)}"
        )


def check_queries(q: Array, k: Array, v: Array) -> None:
    """Raise unless queries, keys and values have one shape, with at least one position."""
    check_positions("q", q, "H")
    check_shape("k", k, q.shape)
    check_shape("v", v, q.shape)


def check_block(x: Array, params: Any, heads: int) -> None:
    """Raise unless x, the shapes of a :class:`~charseq.reference.BlockParams` and heads fit."""
    check_positions("x", x, "E")
    E = np.shape(x)[-1]
    check_shape("W_1", params.W_1, ("F", E))
    F = len(params.W_1)
    shapes = ((3 * E, E), (3 * E,), (E, E), (E,), (F, E), (F,), (E, F), *5 * [(E,)])
    for name, array, shape in zip(params._fields, params, shapes, strict=True):
        check_shape(name, array, shape)
    check_integers(1, heads=heads)
    if E % heads:
        raise ValueError(f"heads must divide E, the width of x: got {heads} heads and E = {E}")


def check_memory(q: Array, k: Array, v: Array, real: Array) -> None:
    """Raise unless there are a key, a value and a True or False for each letter that was read."""
    check_shapes(q=(q, "B T H"), k=(k, "B S H"), v=(v, "B S D"), real=(real, "B S"))
    if real.dtype != bool:
        raise TypeError(f"real must hold True and False, got {real.dtype}")
    nothing = np.flatnonzero(~real.any(axis=1))
    if len(nothing):
        raise ValueError(f"row {nothing[0]} of real is all False: there is nothing to look at")


def check_targets(logits: Array, targets: Array) -> None:
    """Raise unless there is one target id per row of logits."""
    if np.ndim(logits) == 0:
        raise ValueError("logits must have shape (..., V), got ()")
    check_shape("targets", targets, np.shape(logits)[:-1])
    if targets.size == 0:
        raise ValueError("targets are empty, so their mean loss is undefined")
    check_within("targets", targets, 0, np.shape(logits)[-1] - 1)


def check_forecast(q: Array, y: Array) -> None:
    """Raise unless there is a number in `y` for each forecast in `q`."""
    if np.shape(q) != np.shape(y):
        raise ValueError(
            f"expected as many values as forecasts, got {np.shape(y)} and {np.shape(q)}"
        )
    if not np.size(q):
        raise ValueError("there is no forecast: expected at least one")
    for name, numbers in (("q", q), ("y", y)):
        missing = np.flatnonzero(np.isnan(numbers))
        if len(missing):
            raise ValueError(
                f"{name} holds nan in {len(missing)} of {np.size(numbers)} places, first in place "
                f"{missing[0]}: leave the gaps out of both"
            )


def check_enough_frames(loss: float, frames: int, labels: ArrayLike) -> None:
    """Raise if no path of this many frames can spell the labels."""
    array = np.asarray(labels)
    least = len(array) + int((array[1:] == array[:-1]).sum())
    if frames < least:
        raise ValueError(
            f"{frames} frames are too few for {len(array)} labels: expected at least {least}, "
            "one for each label and one for each that equals the one before it"
        )
    if not np.isfinite(loss):
        raise ValueError(f"the loss is {loss}: expected a path whose probability is above 0")


def check_pair(name: str, state: tuple[Array, Array]) -> None:
    """Raise unless the state of an LSTM is a pair (h, c)."""
    if not isinstance(state, tuple) or len(state) != 2:
        is_tuple = isinstance(state, tuple)
        got = f"a tuple of {len(state)}" if is_tuple else type(state).__name__
        raise TypeError(f"{name} must be a tuple of two arrays (h, c), got {got}")


def check_last_axis(name: str, array: Array, size: int) -> None:
    """Raise unless the last axis has length `size`; the other axes may have any length."""
    if np.ndim(array) == 0 or array.shape[-1] != size:
        raise ValueError(f"{name} must have shape (..., {size}), got {np.shape(array)}")


def check_shape(name: str, array: Any, expected: tuple[int | str, ...]) -> None:
    """Raise unless the array has the expected shape; a letter in it stands for any length."""
    shape = tuple(np.shape(array))
    if len(shape) != len(expected) or any(
        isinstance(expected_size, int) and size != expected_size
        for size, expected_size in zip(shape, expected, strict=True)
    ):
        sizes = ", ".join(str(size) for size in expected) + ("," if len(expected) == 1 else "")
        hint = ""
        if name in ("x", "h", "a") and len(shape) == len(expected) - 1:
            hint = f"; is the batch axis missing? try {name}[None]"
        raise ValueError(f"{name} must have shape ({sizes}), got {shape}{hint}")
