"""What a language model is trained with, and what is chosen for a text of some length."""

import math
from dataclasses import dataclass
from typing import Any

from charseq._checks import check_choice, check_integers, check_numbers
from charseq._errors import UserError

__all__ = ["Settings", "recipe"]

SHORT, LONG = 200_000, 2_000_000  # characters to learn from: fewer memorize, more are new for long
PER_MEASURED = 100_000  # characters learned from, at least, before each measurement of 10,000
PASSES = 40  # more often, a text is not read unless somebody asks for the steps


@dataclass(frozen=True)
class Settings:
    """The settings that a language model is trained with. A run folder stores them as JSON.

    With a :class:`charseq.BytePairEncoding`, what is said of characters here counts tokens.

    Parameters
    ----------
    steps : int, default=1000
        The number of training steps, each of which updates the weights once.
    batch_size : int, default=32
        B, the number of texts that are read side by side.
    length : int, default=64
        T, the number of characters that the gradient is sent back through.
    order : {"streams", "windows"}, default="streams"
        With "streams", read B contiguous parts of the text, and start each batch from the state
        after the previous one. With "windows", read from random places, and start from zeros.
    lr : float, default=0.002
        The largest learning rate.
    weight_decay : float, default=0.0
        The weight decay of the optimizer, AdamW.
    schedule : {"cosine", "linear", "constant"}, default="cosine"
        How the learning rate falls from `lr` toward zero; with "constant" it does not fall.
    warmup : int, default=0
        The number of training steps in which the learning rate first grows to `lr`.
    clip_norm : float or None, default=1.0
        Shorten gradients to this norm if they are longer. None leaves them as they are.
    evaluate_every : int, default=100
        Training steps from one measurement on the held-back text to the next; 0 for none. Of a long
        text, each measurement reads the same sample: a tenth of the characters that are learned
        from between two measurements, but at least 10,000.
    patience : int or None, default=None
        Stop after this many measurements in a row without a new best loss. None never stops early.
    seed : int, default=0
        All random choices of the run derive from it.

    Raises
    ------
    ValueError
        If a value is out of range.

    Examples
    --------
    >>> from charseq import Settings
    >>> Settings(steps=200, lr=0.01).schedule
    'cosine'
    """

    steps: int = 1000
    batch_size: int = 32
    length: int = 64
    order: str = "streams"
    lr: float = 2e-3
    weight_decay: float = 0.0
    schedule: str = "cosine"
    warmup: int = 0
    clip_norm: float | None = 1.0
    evaluate_every: int = 100
    patience: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        lower_bounds = {
            "steps": 1,
            "batch_size": 1,
            "length": 1,
            "warmup": 0,
            "evaluate_every": 0,
            "seed": 0,
        }
        if self.patience is not None:
            lower_bounds["patience"] = 1
        for name, bound in lower_bounds.items():
            check_integers(bound, **{name: getattr(self, name)})
        check_numbers(lr=self.lr, weight_decay=self.weight_decay)
        if self.clip_norm is not None:
            check_numbers(clip_norm=self.clip_norm)
        choices = {
            "order": ("streams", "windows"),
            "schedule": ("cosine", "linear", "constant"),
        }
        for name, allowed in choices.items():
            check_choice(name, getattr(self, name), allowed)
        if not (self.lr > 0 and math.isfinite(self.lr)):
            raise UserError(f"lr must be positive and finite, got {self.lr}")
        if not 0 <= self.weight_decay < math.inf:
            raise UserError(f"weight_decay must be 0 or more and finite, got {self.weight_decay}")
        if self.warmup > self.steps:
            raise UserError(
                f"warmup={self.warmup} is longer than steps={self.steps}, so the rate would never "
                "be the largest: take less warmup, or more steps"
            )
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise UserError(f"clip_norm must be positive, got {self.clip_norm}")


def recipe(tokens: int, steps: int = 10_000) -> tuple[dict[str, Any], dict[str, Any]]:
    """Choose a network and its settings by the length of a text, as ``charseq train`` does.

    Parameters
    ----------
    tokens : int
        The number of characters to learn from, or of pieces of words.
    steps : int, default=10000
        The number of training steps: the warm-up is at most a tenth of them, and there are about
        twenty measurements, or one every 500.

    Returns
    -------
    network : dict
        Options of :class:`charseq.CharRNN`.
    settings : dict
        Those of :class:`charseq.Settings`, without `steps`.

    Examples
    --------
    >>> from charseq.settings import recipe
    >>> network, settings = recipe(600_000)
    >>> network["hidden_size"], network["dropout"], settings["batch_size"]
    (256, 0.25, 32)
    """
    short, length = tokens < SHORT, 64
    rows = max(1, min(8 if short else 32, (tokens - 1) // length))
    network = {
        "cell": "GRU",
        "hidden_size": 128 if short else 256,
        "num_layers": 1,
        "embedding_size": 64,
        "dropout": 0.5 if short else 0.25 if tokens < LONG else 0.0,
        "fast": True,
    }
    settings = {
        "lr": 0.005,
        "batch_size": rows,
        "length": length,
        "weight_decay": 0.15,
        "warmup": min(50, steps // 10),
        "evaluate_every": min(steps, max(min(500, steps // 20), PER_MEASURED // (rows * length))),
    }
    return network, settings
