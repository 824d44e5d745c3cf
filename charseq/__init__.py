"""Character-level recurrent networks, from the equation to the trained network.

The modules are listed here in the order in which data flows. Each imports only from modules before
it: ``vocab`` (characters to ids to one-hot), ``tokens`` (pieces of words), ``files`` (writing a
file whole or not at all), ``texts`` (loading a text by name or path), ``corpus`` (a text as ids,
and its batches),
``baselines`` (n-grams), ``reference`` (the equations in NumPy), ``shapes`` (the parameters and
tensors of a layer), ``plotting`` (figures of results), ``diagrams`` (figures of the network),
``history`` (the records of a run), ``net`` (a trained network in NumPy), ``conversions`` (weights
of Keras), ``sampling`` (from logits to text), ``scoring`` (how surprising a text is),
``layers`` (torch's layers, faster), ``model`` (the torch module), ``training`` (training on one
sentence), ``processes`` (training in several processes), ``settings`` (what a language model is
trained with), ``language_model`` (training on a corpus), ``checkpoint`` (saving and loading a run
folder), ``monitor`` (what a run says, also of faults), ``trainer`` (training in a run folder),
``cli_train`` (commands that train), ``cli_infer`` (commands that use a trained network) and
``cli`` (the command). You can read the core in an hour: ``vocab``, ``reference``, ``model``,
``training`` and ``history``.

Shapes, code and prose use the same letters everywhere:

===  =======================================
B    sequences in a batch
T    time steps, that is characters read
V    distinct characters in the vocabulary
E    embedding features
H    hidden units
L    layers
D    directions, 1 or 2
===  =======================================

``import charseq`` imports neither torch nor matplotlib. Each name loads its module on first use
(:pep:`562`), so using a vocabulary or listing the shapes of a layer does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from charseq._version import __version__ as __version__

if TYPE_CHECKING:  # only editors and type checkers need these imports; __getattr__ does the rest
    from charseq.baselines import NGram
    from charseq.checkpoint import load_net, load_run, save_run, start_folder
    from charseq.corpus import Corpus
    from charseq.diagrams import plot_step, plot_unrolled
    from charseq.history import EpochRecord, History, UpdateRecord
    from charseq.language_model import Run, evaluate, language_model_steps
    from charseq.model import CharRNN
    from charseq.net import NumpyNet
    from charseq.plotting import plot_loss, plot_predictions, plot_states
    from charseq.reference import RNNParams, rnn_forward, rnn_step
    from charseq.sampling import generate
    from charseq.scoring import Score, score
    from charseq.settings import Settings
    from charseq.shapes import LayerShapes
    from charseq.texts import load_text
    from charseq.tokens import BytePairEncoding
    from charseq.training import Diverged, train, training_steps
    from charseq.vocab import Vocabulary

_NAMES = {  # by module, in the order in which data flows
    "vocab": "Vocabulary",
    "tokens": "BytePairEncoding",
    "texts": "load_text",
    "corpus": "Corpus",
    "baselines": "NGram",
    "reference": "RNNParams rnn_step rnn_forward",
    "shapes": "LayerShapes",
    "plotting": "plot_loss plot_predictions plot_states",
    "diagrams": "plot_step plot_unrolled",
    "history": "EpochRecord UpdateRecord History",
    "net": "NumpyNet",
    "sampling": "generate",
    "scoring": "Score score",
    "model": "CharRNN",
    "training": "Diverged training_steps train",
    "settings": "Settings",
    "language_model": "Run language_model_steps evaluate",
    "checkpoint": "start_folder save_run load_run load_net",
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}
_OTHER_MODULES = ("conversions", "files", "layers", "monitor", "processes", "trainer")

__all__ = [  # noqa: RUF022 - in the order in which data flows
    "Vocabulary", "BytePairEncoding", "load_text", "Corpus", "NGram", "RNNParams", "rnn_step",
    "rnn_forward", "LayerShapes", "plot_loss", "plot_predictions", "plot_states", "plot_step",
    "plot_unrolled", "EpochRecord", "UpdateRecord", "History", "NumpyNet", "generate", "Score",
    "score", "CharRNN", "Diverged", "training_steps", "train", "Settings", "Run",
    "language_model_steps", "evaluate", "start_folder", "save_run", "load_run", "load_net",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _OTHER_MODULES or name in _MODULE_OF.values():
        return import_module(f"{__name__}.{name}")  # charseq.reference, after `import charseq`
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value  # so the next look-up does not call this function
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
