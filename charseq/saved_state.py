"""Turn what a run holds besides its weights into arrays for a file, and arrays into a run again.

============================  ==========================================================
best_loss                     the smallest loss on the held-back text so far
since_best                    the number of measurements since then
optimizer.INDEX.NAME          an array of the optimizer for parameter number INDEX
hidden.0, hidden.1            the hidden state and, of an LSTM, the cell state
============================  ==========================================================

Before the first training step, there are only the first two.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from charseq.language_model import Run

__all__: list[str] = []  # only the module checkpoint uses this one

# Options of an optimizer that say how it computes, and not what.
HOW = ("fused", "foreach", "capturable", "differentiable")

# The arrays that each optimizer stores per parameter after its first update.
OPTIMIZER_ARRAYS = {
    "sgd": ("momentum_buffer",),
    "adam": ("step", "exp_avg", "exp_avg_sq"),
    "adamw": ("step", "exp_avg", "exp_avg_sq"),
}


def collect_state(run: "Run") -> dict[str, NDArray[Any]]:
    """Return all arrays of a run except the weights.

    Parameters
    ----------
    run : Run
        A run between two training steps.

    Returns
    -------
    dict of str to ndarray
        The arrays by name. Those of the optimizer have the shape of their parameter, except
        ``step``. The hidden state and the cell state have shape (L, B, H). Single numbers, such as
        ``step``, have shape ().

    Raises
    ------
    ValueError
        If the run could not be resumed from them.
    """
    assert run.optimizer is not None
    _check_resumable(run)
    arrays = {
        "best_loss": np.array(run.best_loss, dtype=np.float64),
        "since_best": np.array(run.since_best, dtype=np.float64),
    }
    for index, of_parameter in run.optimizer.state_dict()["state"].items():
        for name, value in of_parameter.items():
            if value is not None:  # SGD without momentum stores None
                arrays[f"optimizer.{index}.{name}"] = value.cpu().numpy()
    if run.hidden is not None:
        from charseq.layers import parts_of

        for index, part in enumerate(parts_of(run.hidden)):
            arrays[f"hidden.{index}"] = np.ascontiguousarray(part.cpu().numpy())
    return arrays


def _check_resumable(run: "Run") -> None:
    """Refuse a run that is not as its settings say, because loading makes it from them."""
    import torch

    from charseq.language_model import Run

    types = {parameter.dtype for parameter in run.model.parameters()}
    if types not in ({torch.float32}, {torch.float64}):
        names = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in types))
        raise ValueError(f"a run in {names} could not be resumed: make it float32 or float64")
    if not all(parameter.requires_grad for parameter in run.model.parameters()):
        raise ValueError(
            "the run has frozen weights, of which its settings know nothing, so it could not be "
            "resumed: let all weights require a gradient, or save the state dict"
        )
    made = Run(run.model, run.vocab, run.settings).optimizer
    kind, wanted = type(run.optimizer).__name__, type(made).__name__
    if kind != wanted:
        raise ValueError(
            f"the run has the optimizer {kind}, and its settings say {wanted}: it could not be "
            "resumed; choose one of the settings, or save the state dicts"
        )
    assert run.optimizer is not None
    assert made is not None
    groups, expected = run.optimizer.param_groups, made.param_groups
    if [list(map(id, group["params"])) for group in groups] != [
        list(map(id, group["params"])) for group in expected
    ]:
        raise ValueError(
            "the run's optimizer has groups of parameters of its own, so it could not be resumed: "
            "give it model.parameters(), all in one group"
        )
    for name, value in expected[0].items():
        # The rate follows from the step; how an update is computed changes at most its rounding.
        if name not in ("params", "lr", "initial_lr", *HOW) and groups[0].get(name) != value:
            raise ValueError(
                f"the run's optimizer has {name}={groups[0].get(name)!r}, and one made from its "
                f"settings has {value!r}: it could not be resumed"
            )


def restore_state(run: "Run", arrays: dict[str, NDArray[Any]]) -> None:
    """Put a run into the state that :func:`collect_state` returned.

    Parameters
    ----------
    run : Run
        The run. It must have the options, the settings and the training step of the saved one.
    arrays : dict of str to ndarray
        The arrays by name, with shapes as in :func:`collect_state`.

    Raises
    ------
    ValueError
        If an array is missing, is not expected, holds no floats, or has another shape than the run
        needs, if the best loss is NaN, or if `since_best` is not a whole number of at least 0. The
        run is unchanged then. The message is to follow the name of a file.
    """
    import torch

    assert run.optimizer is not None
    _check_shapes(arrays, _expected_shapes(run))
    best_loss, since_best = float(arrays["best_loss"]), float(arrays["since_best"])
    if math.isnan(best_loss) or not (since_best >= 0 and since_best.is_integer()):
        raise ValueError(
            f"is damaged: got a best loss of {best_loss}, {since_best} measurements ago"
        )
    run.best_loss, run.since_best = best_loss, int(since_best)
    optimizer_state: dict[int, dict[str, Any]] = {}
    hidden = []
    for name in sorted(arrays.keys() - {"best_loss", "since_best"}):
        # A copy in torch's own memory, so that its sums are as before, bit for bit.
        tensor = torch.tensor(arrays[name])
        kind, index, *array_name = name.split(".")
        if kind == "hidden":
            hidden.append(tensor)
        else:
            optimizer_state.setdefault(int(index), {})[array_name[0]] = tensor
    run.optimizer.load_state_dict({**run.optimizer.state_dict(), "state": optimizer_state})
    if hidden:
        run.hidden = (hidden[0], hidden[1]) if len(hidden) > 1 else hidden[0]


def _check_shapes(arrays: dict[str, NDArray[Any]], expected: dict[str, tuple[int, ...]]) -> None:
    """Refuse arrays that are missing, unexpected, not floats, or of another shape."""
    actual = {name: array.shape for name, array in arrays.items()}
    for name in sorted(expected.keys() | actual.keys()):
        if expected.get(name) != actual.get(name) or arrays[name].dtype.kind != "f":
            raise ValueError(
                f"does not fit the run: expected {name} to be "
                f"{_describe_array(expected.get(name))}, got {_describe_array(actual.get(name))}"
            )


def _expected_shapes(run: "Run") -> dict[str, tuple[int, ...]]:
    """Return the name and shape of each array that belongs to the state of a run."""
    shapes: dict[str, tuple[int, ...]] = {"best_loss": (), "since_best": ()}
    if run.step == 0:
        return shapes
    settings, rnn = run.settings, run.model.rnn
    if settings.optimizer != "sgd" or settings.momentum:  # SGD without momentum stores nothing
        for index, parameter in enumerate(run.model.parameters()):
            for name in OPTIMIZER_ARRAYS[settings.optimizer]:
                shape = () if name == "step" else tuple(parameter.shape)
                shapes[f"optimizer.{index}.{name}"] = shape
    for index in range(2 if run.model.options["cell"] == "LSTM" else 1):
        shapes[f"hidden.{index}"] = (rnn.num_layers, settings.batch_size, rnn.hidden_size)
    return shapes


def _describe_array(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else f"floats of shape {shape}"
