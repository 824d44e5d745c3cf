"""What a new run begins with: its network, and checks of what it is asked for."""

import os
from contextlib import suppress
from typing import Any

from charseq._run_text import facts_of_tokens
from charseq.corpus import Corpus
from charseq.language_model import Settings
from charseq.model import CharRNN
from charseq.shapes import LayerShapes
from charseq.tokens import name_of_tokens
from charseq.vocab import Vocabulary


def with_options(model: CharRNN, options: dict[str, Any]) -> CharRNN:
    """Return a model with the same weights and with other options, which have no weights."""
    if unlike := {name for name in options if options[name] != model.options[name]} - {
        "dropout", "fast", "seed"
    }:  # fmt: skip
        values = {name: model.options[name] for name in sorted(unlike)}
        own = " and ".join(
            f"{name}={value if isinstance(value, str) else str(value).lower()}"
            for name, value in values.items()
        )
        raise ValueError(f"the network to start from keeps its {own}: leave that out")
    changed = CharRNN(**options).to(model.rnn.weight_ih_l0.dtype)
    changed.load_state_dict(model.state_dict())
    return changed


def check_patience(settings: Settings, valid: float) -> None:
    """Refuse a patience that could never end, because nothing is measured."""
    never = "valid=0 holds nothing back" if valid == 0 else "evaluate_every=0 never measures"
    if settings.patience is not None and (valid == 0 or settings.evaluate_every == 0):
        raise ValueError(
            f"patience={settings.patience} counts measurements on held-back text, and {never}: "
            "leave one of the two out"
        )


def check_tokens(
    init_from: str, known: Vocabulary, corpus: Corpus, tokens: str | None, source: dict[str, Any]
) -> None:
    """Refuse a text in other tokens than the network reads, or with characters it cannot get."""
    facts_of_tokens(source, name_of_tokens(known))
    if tokens not in (None, name_of_tokens(known)):
        raise ValueError(
            f"got tokens={tokens!r}, but the network of {init_from} reads {name_of_tokens(known)}: "
            "leave it out"
        )
    new = corpus.vocab.chars[len(known.chars) :]
    if new and known.unit == "tokens":
        raise ValueError(
            f"the text has {new[0]!r} (U+{ord(new[0]):04X}), which the network of {init_from} has "
            "never seen, and a vocabulary of pieces cannot grow: leave it out of the text"
        )


def check_memory(options: dict[str, Any]) -> None:
    """Refuse a network that cannot fit into memory, before torch starts to allocate its layers."""
    input_size = options["embedding_size"] or options["vocab_size"]
    try:
        layers = LayerShapes(
            options["cell"], input_size, options["hidden_size"], num_layers=options["num_layers"]
        )
    except ValueError:  # CharRNN also refuses such options, and its message names the option
        return
    needed = 16 * layers.parameter_count  # 4 bytes: weight, gradient and Adam's two averages
    with suppress(AttributeError):  # Windows has no os.sysconf, so its memory is unknown
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if needed > memory:
            least = {"hidden_size": 0, "num_layers": 1, "embedding_size": None}
            large = [name for name, value in least.items() if options[name] != value]
            raise MemoryError(
                f"{' with '.join(f'{name}={options[name]}' for name in large)} needs about "
                f"{_in_gigabytes(needed)} of memory, and this machine has {_in_gigabytes(memory)}: "
                f"give a smaller {' or '.join(large)}"
            )


def _in_gigabytes(size: int) -> str:
    unit, name = (10**12, "TB") if size >= 10**12 else (10**9, "GB")
    return f"{float(f'{size / unit:.3g}'):,.15g} {name}"
