"""The network: it turns ids into vectors, vectors into states, and states into logits."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from charseq._checks import check_choice, check_integers, check_shape
from charseq._devices import drawing_from
from charseq._errors import UserError
from charseq.layers import State, fast_forward, is_faster, map_state, parts_of

__all__ = ["CharRNN"]

CELLS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}


class CharRNN(nn.Module):
    r"""A recurrent network that reads characters and scores the next one.

    Each id becomes a vector (one-hot, or a row of an embedding). A recurrent layer of torch turns
    the vectors into states, :eq:`rnn-step`. An output layer turns each state into logits,
    :eq:`output-layer`. Without the output layer, the states themselves are the logits.

    Parameters
    ----------
    vocab_size : int
        V, the number of characters.
    hidden_size : int
        H, the number of hidden units.
    cell : {"RNN", "GRU", "LSTM"}, default="RNN"
        The kind of recurrent layer.
    num_layers : int, default=1
        L, the number of stacked layers.
    embedding_size : int, optional
        E, the length of each character's embedding vector. By default, characters are one-hot
        vectors.
    output_layer : bool, default=True
        Whether a linear layer maps states to logits. If not, `hidden_size` must equal `vocab_size`.
    dropout : float, default=0.0
        Share of the states that is set to zero in training, between layers and before the output
        layer, drawn anew at each time step. The state that the next time step gets is not affected.
    tied : bool, default=False
        Whether the output layer shares the embedding's weights, :math:`W_{hy}` = embedding. Then
        `embedding_size` must equal `hidden_size`.
    forget_bias : float, optional
        Initial bias of an LSTM's forget gate. A positive bias opens the gate, so that the gradient
        survives longer. By default the bias is drawn like the others. Torch uses the sum of two
        biases: the first is set to this number, and the second to zero.
    seed : int, optional
        Draw the weights that torch draws after ``torch.manual_seed(seed)``, without changing the
        state of its global generator. By default the global generator draws them.
    fast : bool, default=False
        Compute an RNN or a GRU with :func:`charseq.layers.fast_forward` on a CPU. The numbers are
        the same up to rounding, and take less time. The attribute can be changed at any time.

    Attributes
    ----------
    embedding : torch.nn.Embedding or None
        The embedding, with a weight of shape (V, E).
    rnn : torch.nn.RNN, torch.nn.GRU or torch.nn.LSTM
        The recurrent layer, batch first.
    head : torch.nn.Linear or None
        The output layer, with a weight of shape (V, H).
    options : dict
        The arguments of the constructor: ``CharRNN(**model.options)`` makes a model like this one.

    Raises
    ------
    ValueError
        If a size is not an integer of at least 1, `cell` is unknown, `dropout` is not in [0, 1), or
        options contradict each other.

    Notes
    -----
    A model computes in float32. ``model.double()`` converts it to float64, in which a log shows the
    same digits on every processor, unless tiny differences grow from step to step. A seed draws the
    same weights for both.

    Examples
    --------
    >>> import torch
    >>> from charseq import CharRNN
    >>> model = CharRNN(vocab_size=10, hidden_size=16, seed=0)
    >>> logits, state = model(torch.tensor([[0, 3, 1]]))
    >>> logits.shape, state.shape  # (B, T, V), (L, B, H)
    (torch.Size([1, 3, 10]), torch.Size([1, 1, 16]))
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int,
        *,
        cell: str = "RNN",
        num_layers: int = 1,
        embedding_size: int | None = None,
        output_layer: bool = True,
        dropout: float = 0.0,
        tied: bool = False,
        forget_bias: float | None = None,
        seed: int | None = None,
        fast: bool = False,
    ) -> None:
        super().__init__()
        self.options = {
            "vocab_size": vocab_size,
            "hidden_size": hidden_size,
            "cell": cell,
            "num_layers": num_layers,
            "embedding_size": embedding_size,
            "output_layer": output_layer,
            "dropout": dropout,
            "tied": tied,
            "forget_bias": forget_bias,
            "seed": seed,
            "fast": fast,
        }
        _check_options(self.options)
        self.vocab_size = vocab_size
        self.fast = fast
        with drawing_from(seed):
            self.embedding = (
                nn.Embedding(vocab_size, embedding_size) if embedding_size is not None else None
            )
            self.rnn = CELLS[cell](
                embedding_size or vocab_size,
                hidden_size,
                num_layers,
                batch_first=True,
                dropout=dropout if num_layers > 1 else 0.0,  # torch warns if there is one layer
            )
            self.head = nn.Linear(hidden_size, vocab_size) if output_layer else None
        self.dropout = nn.Dropout(dropout)
        if tied and self.head is not None and self.embedding is not None:
            self.head.weight = self.embedding.weight
        if forget_bias is not None:
            forget_rows = slice(hidden_size, 2 * hidden_size)  # f is the second of i, f, g, o
            with torch.no_grad():
                for layer in range(num_layers):
                    getattr(self.rnn, f"bias_ih_l{layer}")[forget_rows] = forget_bias
                    getattr(self.rnn, f"bias_hh_l{layer}")[forget_rows] = 0

    def forward(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Read characters and score the one that follows each of them.

        Parameters
        ----------
        ids : torch.Tensor of shape (B, T)
            Integer ids, each in ``range(V)``.
        state : torch.Tensor or tuple, optional
            The state that an earlier call returned: (L, B, H), or for an LSTM a pair (h, c) of such
            tensors. Zeros by default.

        Returns
        -------
        logits : torch.Tensor of shape (B, T, V)
            Scores of the next character, at each time step.
        state : torch.Tensor or tuple
            The state after the last character, with the shape given above, for the next call.

        Raises
        ------
        TypeError
            If `ids` does not hold integers, or if `state` has the wrong type or dtype.
        ValueError
            If `ids` does not have the shape (B, T), is empty or holds an id out of range, or if the
            shape of `state` is not (L, B, H).
        """
        outputs, state = self.states(ids, state)  # (B, T) -> (B, T, H), (L, B, H)
        outputs = self.dropout(outputs)
        if self.head is None:
            return outputs, state
        return self.head(outputs), state  # (B, T, H) -> (B, T, V)

    def loss(
        self, ids: Tensor, targets: Tensor, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Measure how well the next characters are predicted, :eq:`cross-entropy`.

        Parameters
        ----------
        ids : torch.Tensor of shape (B, T)
            The characters to read.
        targets : torch.Tensor of shape (B, T)
            The characters that follow them, int64.
        state : torch.Tensor or tuple, optional
            As in :meth:`forward`.

        Returns
        -------
        loss : torch.Tensor of shape ()
            The mean over all B T characters, in nats per character.
        state : torch.Tensor or tuple
            As from :meth:`forward`.

        Raises
        ------
        TypeError, ValueError
            As in :meth:`forward`.

        Examples
        --------
        >>> import torch
        >>> from charseq import CharRNN
        >>> model = CharRNN(vocab_size=10, hidden_size=16, seed=0)
        >>> loss, state = model.loss(torch.tensor([[0, 3]]), torch.tensor([[3, 1]]))
        >>> loss.shape
        torch.Size([])
        """
        logits, state = self(ids, state)  # (B, T) -> (B, T, V)
        # cross_entropy expects one row of V logits per target: (B * T, V), (B * T,) -> ()
        return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()), state

    def states(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the hidden state after each character, from which the logits are computed.

        Parameters
        ----------
        ids : torch.Tensor of shape (B, T)
            As in :meth:`forward`.
        state : torch.Tensor or tuple, optional
            As in :meth:`forward`.

        Returns
        -------
        outputs : torch.Tensor of shape (B, T, H)
            States of the top layer.
        state : torch.Tensor or tuple
            As from :meth:`forward`.

        Raises
        ------
        TypeError, ValueError
            As in :meth:`forward`.

        Examples
        --------
        >>> import torch
        >>> from charseq import CharRNN
        >>> model = CharRNN(vocab_size=10, hidden_size=16)
        >>> outputs, state = model.states(torch.tensor([[0, 3, 1]]))
        >>> outputs.shape
        torch.Size([1, 3, 16])
        """
        ids = self._valid_ids(ids)
        if state is not None:
            self._check_state(state, len(ids))
        if self.fast and not is_recorded() and is_faster(self.rnn):
            table = None if self.embedding is None else self.embedding.weight  # (V, E)
            return fast_forward(self.rnn, ids, state, table)  # type: ignore[arg-type]
        dtype = self.rnn.weight_ih_l0.dtype
        if self.embedding is None:
            vectors = nn.functional.one_hot(ids, self.vocab_size).to(dtype)  # (B, T) -> (B, T, V)
        else:
            vectors = self.embedding(ids)  # (B, T) -> (B, T, E)
        outputs, state = self.rnn(vectors, state)  # (B, T, V or E) -> (B, T, H), (L, B, H)
        # Under autocast, the state may have 16 bits; what goes on has the type of the weights.
        return outputs, map_state(lambda part: part.to(dtype), state)

    def _check_state(self, state: Any, batch_size: int) -> None:
        """Refuse a state whose type, shape or dtype does not fit the model."""
        is_pair = isinstance(state, tuple) and len(state) == 2
        if self.rnn.mode == "LSTM" and not is_pair:
            raise TypeError(f"an LSTM's state is a pair (h, c), got {type(state).__name__}")
        parts = parts_of(state) if self.rnn.mode == "LSTM" else (state,)
        shape = (self.rnn.num_layers, batch_size, self.rnn.hidden_size)
        dtype = self.rnn.weight_ih_l0.dtype
        for part in parts:
            if not isinstance(part, Tensor):
                raise TypeError(f"a state must be a tensor, got {type(part).__name__}")
            check_shape("state (L, B, H)", part, shape)
            if part.dtype != dtype:
                raise TypeError(f"state is {part.dtype} and the model {dtype}: convert one of them")

    def _valid_ids(self, ids: Tensor) -> Tensor:
        """Return the ids as int64, or raise if they cannot be looked up."""
        if not isinstance(ids, Tensor):
            raise TypeError(f"ids must be a tensor, got {type(ids).__name__}")
        if ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool:
            raise TypeError(
                f"ids must be integers, got {ids.dtype}; one-hot vectors are not needed"
            )
        if ids.ndim != 2:
            hint = "; for a single text use ids[None], a batch of one" if ids.ndim == 1 else ""
            raise ValueError(f"ids must have shape (B, T), got {tuple(ids.shape)}{hint}")
        if ids.numel() == 0:
            raise ValueError(f"there is nothing to read: ids have shape {tuple(ids.shape)}")
        ids = ids.long()
        # A record of operations can't hold a decision about their values, and "meta" has no values.
        if is_recorded() or ids.is_meta:
            return ids
        low, high = int(ids.min()), int(ids.max())
        if low < 0 or high >= self.vocab_size:
            raise ValueError(
                f"ids must lie in 0 to {self.vocab_size - 1}, got {low} to {high}; was another "
                "vocabulary used to encode the text?"
            )
        return ids


def is_recorded() -> bool:
    """Return whether torch is recording the model now: to export, compile or trace it."""
    is_tracing: Any = torch.jit.is_tracing  # type: ignore[attr-defined]
    return torch.compiler.is_compiling() or is_tracing()


def _check_options(options: dict[str, Any]) -> None:
    """Refuse options that are out of range or contradict each other."""
    vocab_size, hidden_size = options["vocab_size"], options["hidden_size"]
    embedding_size, cell = options["embedding_size"], options["cell"]
    seed, dropout, forget_bias = options["seed"], options["dropout"], options["forget_bias"]
    sizes = {name: options[name] for name in ("vocab_size", "hidden_size", "num_layers")}
    if embedding_size is not None:
        sizes["embedding_size"] = embedding_size
    check_integers(1, **sizes)
    check_choice("cell", cell, tuple(CELLS))
    if not options["output_layer"] and hidden_size != vocab_size:
        raise UserError(
            "without an output layer the states are the logits, so hidden_size must equal "
            f"vocab_size: got {hidden_size} and {vocab_size}"
        )
    if seed is not None and not -(2**63) <= seed < 2**64:
        raise UserError(f"seed must fit into 64 bits, got {seed}")
    if not 0 <= dropout < 1:
        raise UserError(
            f"dropout must be at least 0 and below 1, got {dropout}; it is a share, and 0.2 is 20 %"
        )
    if options["tied"] and not options["output_layer"]:
        raise UserError("tied=True needs an output layer: give output_layer=True")
    if options["tied"] and embedding_size != hidden_size:
        raise UserError(
            f"tied=True needs embedding_size to equal hidden_size, but they are {embedding_size} "
            f"and {hidden_size}: give embedding_size={hidden_size}, or leave out tied=True"
        )
    if forget_bias is not None and cell != "LSTM":
        raise UserError(
            f"only an LSTM has a forget gate, got forget_bias for cell {cell!r}: leave it out"
        )
    if forget_bias is not None and not math.isfinite(forget_bias):
        raise UserError(f"forget_bias must be finite, got {forget_bias}")
