"""Character-level recurrent networks, small enough to read in an hour.

The modules stand in the order in which data flows, and import only from modules before them:
``vocab`` (text to ids to one-hot), ``corpus`` (texts and batches), ``baselines`` (n-grams),
``reference`` (the equations in NumPy), ``shapes`` (every parameter and tensor of a layer),
``plotting``, ``history`` (what a run leaves behind), ``sampling`` (logits to text), ``layers``
(torch's layers, faster), ``model`` (the torch module), ``training`` (the loops), ``checkpoint``
(runs on disk) and ``cli`` (the command).

One alphabet holds everywhere, in shapes, code and prose:

===  =======================================
B    sequences in a batch
T    time steps, that is characters read
V    vocabulary: distinct characters, classes
E    embedding features
H    hidden units
L    layers
D    directions, 1 or 2
===  =======================================

``import charseq`` imports neither torch nor matplotlib: each name loads its module on first use
(:pep:`562`), so looking up a vocabulary or a shape is instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what editors and type checkers see; at run time the names load on first use
    from charseq.baselines import NGram
    from charseq.checkpoint import load_net, load_run, save_run, start_folder
    from charseq.corpus import Corpus
    from charseq.history import History, Record, Step
    from charseq.model import CharRNN
    from charseq.plotting import (
        plot_loss,
        plot_predictions,
        plot_states,
        plot_step,
        plot_unrolled,
    )
    from charseq.reference import RNNParams, rnn_forward, rnn_step
    from charseq.sampling import Net, generate
    from charseq.shapes import LayerShapes
    from charseq.training import (
        Diverged,
        Run,
        Settings,
        evaluate,
        language_model_steps,
        train,
        training_steps,
    )
    from charseq.vocab import Vocabulary

__version__ = "0.1.0"

_HOME = {
    "Vocabulary": "vocab",
    "Corpus": "corpus",
    "NGram": "baselines",
    "RNNParams": "reference",
    "rnn_step": "reference",
    "rnn_forward": "reference",
    "LayerShapes": "shapes",
    "plot_loss": "plotting",
    "plot_predictions": "plotting",
    "plot_states": "plotting",
    "plot_step": "plotting",
    "plot_unrolled": "plotting",
    "Record": "history",
    "Step": "history",
    "History": "history",
    "Net": "sampling",
    "generate": "sampling",
    "CharRNN": "model",
    "Diverged": "training",
    "training_steps": "training",
    "train": "training",
    "Settings": "training",
    "Run": "training",
    "language_model_steps": "training",
    "evaluate": "training",
    "start_folder": "checkpoint",
    "save_run": "checkpoint",
    "load_run": "checkpoint",
    "load_net": "checkpoint",
}

__all__ = [  # noqa: RUF022 - in the order in which data flows
    "Vocabulary",
    "Corpus",
    "NGram",
    "RNNParams",
    "rnn_step",
    "rnn_forward",
    "LayerShapes",
    "plot_loss",
    "plot_predictions",
    "plot_states",
    "plot_step",
    "plot_unrolled",
    "Record",
    "Step",
    "History",
    "Net",
    "generate",
    "CharRNN",
    "Diverged",
    "training_steps",
    "train",
    "Settings",
    "Run",
    "language_model_steps",
    "evaluate",
    "start_folder",
    "save_run",
    "load_run",
    "load_net",
]


def __getattr__(name: str) -> Any:
    if name == "layers" or name in _HOME.values():
        return import_module(f"{__name__}.{name}")  # charseq.reference, without importing it first
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value  # the next look-up does not come through here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
