"""What a language model is trained with."""

import math
from dataclasses import dataclass

from charseq._checks import check_choice, check_integers, check_numbers
from charseq._errors import UserError

__all__ = ["Settings"]

OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}  # as torch.optim names them


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
    optimizer : {"adamw", "adam", "sgd"}, default="adamw"
        The optimizer, one of torch's.
    lr : float, default=0.002
        The largest learning rate.
    momentum : float, default=0.9
        The momentum of SGD. The other optimizers do not use it.
    weight_decay : float, default=0.0
        The weight decay of the optimizer.
    schedule : {"cosine", "linear", "constant"}, default="cosine"
        How the learning rate falls from `lr` toward zero; with "constant" it does not fall.
    warmup : int, default=0
        The number of training steps in which the learning rate first grows to `lr`.
    clip_norm : float or None, default=1.0
        Shorten gradients to this norm if they are longer. None leaves them as they are.
    evaluate_every : int, default=100
        Training steps from one measurement on the held-back text to the next; 0 for none.
    evaluate_on : {"sample", "all"} or int, default="sample"
        How much of the held-back text a measurement reads. With "sample", a tenth of the characters
        that are learned from between two measurements, but at least 10,000, which takes about a
        twentieth of the time with a measurement every hundred steps; a shorter held-back text is
        read whole. A number of characters is at most read. The sample is drawn from the seed, and
        is the same each time.
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
    optimizer: str = "adamw"
    lr: float = 2e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "cosine"
    warmup: int = 0
    clip_norm: float | None = 1.0
    evaluate_every: int = 100
    evaluate_on: str | int = "sample"
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
        check_numbers(lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay)
        if self.clip_norm is not None:
            check_numbers(clip_norm=self.clip_norm)
        choices = {
            "order": ("streams", "windows"),
            "optimizer": tuple(OPTIMIZERS),
            "schedule": ("cosine", "linear", "constant"),
        }
        for name, allowed in choices.items():
            check_choice(name, getattr(self, name), allowed)
        if self.evaluate_on not in ("sample", "all"):
            number = self.evaluate_on
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise UserError(
                    "evaluate_on must be 'sample', 'all' or a number of characters of at least 1, "
                    f"got {number!r}"
                )
        if not (self.lr > 0 and math.isfinite(self.lr)):
            raise UserError(f"lr must be positive and finite, got {self.lr}")
        if not 0 <= self.momentum < 1:
            raise UserError(f"momentum must be at least 0 and below 1, got {self.momentum}")
        if not 0 <= self.weight_decay < math.inf:
            raise UserError(f"weight_decay must be 0 or more and finite, got {self.weight_decay}")
        if self.warmup > self.steps:
            raise UserError(
                f"warmup={self.warmup} is longer than steps={self.steps}, so the rate would never "
                "be the largest: take less warmup, or more steps"
            )
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise UserError(f"clip_norm must be positive, got {self.clip_norm}")
