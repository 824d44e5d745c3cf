"""Every parameter and tensor of a recurrent layer, with its shape and what its axes mean.

The shapes are computed without torch. :meth:`LayerShapes.of` only reads the attributes of a layer.
"""

import math
from dataclasses import astuple, dataclass, field
from html import escape
from typing import Any

from charseq._checks import check_integers
from charseq._errors import UserError

__all__ = ["LayerShapes", "Parameter", "Tensor"]

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
"""Number of blocks of H rows in each parameter: r, z, n in a GRU and i, f, g, o in an LSTM."""


DEFAULTS = {
    "num_layers": 1, "bias": True, "batch_first": False, "bidirectional": False, "proj_size": 0,
}  # fmt: skip
"""The options of torch's layers that may be left out."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One learned tensor of a layer.

    Attributes
    ----------
    name : str
        torch's name, for example ``weight_ih_l0``.
    symbol : str
        The symbol in the equations, for example ``W_ih``.
    shape : tuple of int
        Its shape.
    formula : str
        The shape in letters, for example ``(4H, I)``.
    count : int
        How many numbers it holds.
    """

    name: str
    symbol: str
    shape: tuple[int, ...]
    formula: str
    count: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output of a layer.

    Attributes
    ----------
    name : str
        torch's name, for example ``h_n``.
    shape : tuple of int
        Its shape.
    formula : str
        The shape in letters, for example ``(D*L, B, H)``.
    why : str
        What the axes mean, and why they have this order.
    """

    name: str
    shape: tuple[int, ...]
    formula: str
    why: str


@dataclass(frozen=True)
class LayerShapes:
    r"""The shapes of a recurrent layer that reads B sequences of T time steps.

    The arguments are those of :class:`torch.nn.RNN`, :class:`torch.nn.GRU` and
    :class:`torch.nn.LSTM`, then the sizes of the batch. :meth:`of` reads the options from a layer.

    Parameters
    ----------
    mode : {"RNN", "GRU", "LSTM"}
        Which layer. Lower case is accepted.
    input_size : int
        I, the features per time step: V for one-hot characters, E after an embedding.
    hidden_size : int
        H, the hidden units.
    num_layers : int, default=1
        L, the stacked layers.
    bias : bool, default=True
        Whether the layer has biases. If so, torch has two per row.
    batch_first : bool, default=False
        Whether input and output put the batch axis before the time axis.
    bidirectional : bool, default=False
        Whether a second set of weights reads the sequence backwards. If so, D is 2, otherwise 1.
    proj_size : int, default=0
        P, the size of an LSTM's output after a projection; 0 for no projection.
    batch_size : int or None, default=1
        B; None for a single sequence without a batch axis.
    length : int, default=1
        T, the time steps.

    Attributes
    ----------
    parameters : tuple of Parameter
        The parameters, in torch's order.
    tensors : tuple of Tensor
        The inputs, then the outputs.

    Raises
    ------
    TypeError
        If an option is not True or False.
    ValueError
        If a size is out of range, `mode` is unknown, `proj_size` is not smaller than H, or a layer
        other than an LSTM has a projection.

    Examples
    --------
    >>> from charseq import LayerShapes
    >>> print(LayerShapes("RNN", 4, 2, batch_first=True, batch_size=3, length=5))
    RNN(4, 2, batch_first=True) reading 3 sequences of 5 steps
    <BLANKLINE>
    parameter     symbol  shape   formula  count
    weight_ih_l0  W_ih    (2, 4)  (H, I)       8
    weight_hh_l0  W_hh    (2, 2)  (H, H)       4
    bias_ih_l0    b_ih    (2,)    (H,)         2
    bias_hh_l0    b_hh    (2,)    (H,)         2
    total                                     16
    <BLANKLINE>
    tensor  shape      formula      why
    input   (3, 5, 4)  (B, T, I)    I features at each step; batch_first puts the batch in front
    h_0     (1, 3, 2)  (D*L, B, H)  a state for each layer and direction; never moved by batch_first
    output  (3, 5, 2)  (B, T, H)    the top layer's state at every step
    h_n     (1, 3, 2)  (D*L, B, H)  the state after the last step; h_n[-1] is output[:, -1]

    >>> LayerShapes("lstm", 25, 100).parameter_count
    50800
    """

    mode: str
    input_size: int
    hidden_size: int
    num_layers: int = 1
    bias: bool = True
    batch_first: bool = False
    bidirectional: bool = False
    proj_size: int = 0
    batch_size: int | None = 1
    length: int = 1
    parameters: tuple[Parameter, ...] = field(init=False, repr=False, compare=False)
    tensors: tuple[Tensor, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.mode, str) or self.mode.upper() not in GATES:
            raise UserError(f"mode must be RNN, GRU or LSTM, got {self.mode!r}")
        object.__setattr__(self, "mode", self.mode.upper())
        for name in ("bias", "batch_first", "bidirectional"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False, got {getattr(self, name)!r}")
        for name in ("input_size", "hidden_size", "num_layers", "length"):
            check_integers(1, **{name: getattr(self, name)})
        if self.batch_size is not None:
            check_integers(1, batch_size=self.batch_size)
        check_integers(0, proj_size=self.proj_size)
        if self.proj_size and self.mode != "LSTM":
            raise UserError(
                f"only LSTM has proj_size, got proj_size={self.proj_size} for {self.mode}"
            )
        if self.proj_size >= self.hidden_size:
            raise UserError(
                f"proj_size must be smaller than hidden_size, got {self.proj_size} and "
                f"{self.hidden_size}"
            )
        object.__setattr__(self, "parameters", tuple(self._list_parameters()))
        object.__setattr__(self, "tensors", tuple(self._list_tensors()))

    @classmethod
    def of(cls, layer: Any, batch_size: int | None = 1, length: int = 1) -> "LayerShapes":
        """Return the shapes of a torch layer, whose options are read from it.

        Parameters
        ----------
        layer : torch.nn.RNN, torch.nn.GRU or torch.nn.LSTM
            The layer.
        batch_size : int or None, default=1
            B; None for a single sequence without a batch axis.
        length : int, default=1
            T, the time steps.

        Returns
        -------
        LayerShapes
            The shapes of this layer.

        Raises
        ------
        TypeError
            If `layer` is none of these layers, or a size is not an integer.
        ValueError
            If a size is below 1.

        Examples
        --------
        >>> from torch import nn
        >>> shapes = LayerShapes.of(nn.GRU(10, 16, num_layers=2), batch_size=3, length=21)
        >>> shapes.tensors[-1].shape  # h_n
        (2, 3, 16)
        """
        mode = getattr(layer, "mode", None)
        if not isinstance(mode, str) or mode.split("_")[0] not in GATES:
            raise TypeError(f"expected a torch.nn.RNN, GRU or LSTM, got {type(layer).__name__}")
        options = ("input_size", "hidden_size", *DEFAULTS)
        return cls(
            mode.split("_")[0],  # torch says RNN_TANH or RNN_RELU; the shapes are the same
            **{name: getattr(layer, name) for name in options},
            batch_size=batch_size,
            length=length,
        )

    @property
    def parameter_count(self) -> int:
        r"""How many numbers the layer learns, :eq:`parameter-count`."""
        return sum(parameter.count for parameter in self.parameters)

    @property
    def call(self) -> str:
        """The call that makes the layer, for example ``RNN(4, 2, batch_first=True)``."""
        changed = [
            f", {name}={getattr(self, name)}"
            for name, default in DEFAULTS.items()
            if getattr(self, name) != default
        ]
        return f"{self.mode}({self.input_size}, {self.hidden_size}{''.join(changed)})"

    def __str__(self) -> str:
        """Return both tables as text."""
        parameters, tensors = self._tables()
        return f"{self._title()}\n\n{_as_text(parameters, right_column=4)}\n\n{_as_text(tensors)}"

    def _repr_html_(self) -> str:
        """Return both tables as HTML, for a notebook."""
        parameters, tensors = self._tables()
        return f"<p>{escape(self._title())}</p>\n{_as_html(parameters)}\n{_as_html(tensors)}"

    def _title(self) -> str:
        sequences = "one unbatched sequence"
        if self.batch_size is not None:
            sequences = f"{self.batch_size} sequence{'s' * (self.batch_size > 1)}"
        return f"{self.call} reading {sequences} of {self.length} step{'s' * (self.length > 1)}"

    def _tables(self) -> tuple[list[list[str]], list[list[str]]]:
        parameters = [["parameter", "symbol", "shape", "formula", "count"]]
        parameters += [[str(cell) for cell in astuple(row)] for row in self.parameters]
        parameters += [["total", "", "", "", str(self.parameter_count)]]
        tensors = [["tensor", "shape", "formula", "why"]]
        tensors += [[str(cell) for cell in astuple(row)] for row in self.tensors]
        return parameters, tensors

    def _list_parameters(self) -> list[Parameter]:
        """Return all parameters in the order of ``layer.named_parameters()``."""
        gates, directions = GATES[self.mode], 1 + self.bidirectional
        rows, state = gates * self.hidden_size, self.proj_size or self.hidden_size
        g, s, d = "" if gates == 1 else str(gates), self._state_letter(), self._direction_letter()
        parameters = []
        for layer in range(self.num_layers):
            inputs = self.input_size if layer == 0 else directions * state
            letter = "I" if layer == 0 else f"{d}{s}"
            entries: list[tuple[str, str, tuple[int, ...], str]] = [
                ("weight_ih", "W_ih", (rows, inputs), f"({g}H, {letter})"),
                ("weight_hh", "W_hh", (rows, state), f"({g}H, {s})"),
            ]
            if self.bias:
                entries.append(("bias_ih", "b_ih", (rows,), f"({g}H,)"))
                entries.append(("bias_hh", "b_hh", (rows,), f"({g}H,)"))
            if self.proj_size:
                entries.append(("weight_hr", "W_hr", (state, self.hidden_size), "(P, H)"))
            for direction in range(directions):
                suffix = "_reverse" if direction else ""
                has_layer_index = self.num_layers > 1 or self.bidirectional
                mark = (f"^({layer})" if has_layer_index else "") + ("←" if direction else "")
                for name, symbol, shape, formula in entries:
                    count = math.prod(shape)
                    parameters.append(
                        Parameter(f"{name}_l{layer}{suffix}", symbol + mark, shape, formula, count)
                    )
        return parameters

    def _list_tensors(self) -> list[Tensor]:
        """Return the inputs and then the outputs."""
        directions = 1 + self.bidirectional
        state = self.proj_size or self.hidden_size
        s, d = self._state_letter(), self._direction_letter()
        layers = directions * self.num_layers
        if self.batch_size is None:
            batch: tuple[int, ...] = ()
            batch_and_time: tuple[int, ...] = (self.length,)
            letters, batch_letter, order = "T", "", "no batch axis, so batch_first changes nothing"
            state_axes, last = "there is no batch axis", "output[-1]"
        elif self.batch_first:
            batch, batch_and_time = (self.batch_size,), (self.batch_size, self.length)
            letters, batch_letter, order = "B, T", "B, ", "batch_first puts the batch in front"
            state_axes, last = "never moved by batch_first", "output[:, -1]"
        else:
            batch, batch_and_time = (self.batch_size,), (self.length, self.batch_size)
            letters, batch_letter, order = "T, B", "B, ", "time comes first unless batch_first=True"
            state_axes, last = "the batch axis is second", "output[-1]"
        output_why, h_n_why = self._describe_outputs(last)
        h, c = f"(D*L, {batch_letter}{s})", f"(D*L, {batch_letter}H)"
        h_shape, c_shape = (layers, *batch, state), (layers, *batch, self.hidden_size)
        tensors = [
            Tensor(
                "input",
                (*batch_and_time, self.input_size),
                f"({letters}, I)",
                f"I features at each step; {order}",
            ),
            Tensor("h_0", h_shape, h, f"a state for each layer and direction; {state_axes}"),
            Tensor(
                "c_0", c_shape, c, "the cell's state beside it; a projection does not shrink it"
            ),
            Tensor(
                "output", (*batch_and_time, directions * state), f"({letters}, {d}{s})", output_why
            ),
            Tensor("h_n", h_shape, h, h_n_why),
            Tensor(
                "c_n", c_shape, c, "the cell's state after the last step; it is never in output"
            ),
        ]
        return [row for row in tensors if self.mode == "LSTM" or row.name not in ("c_0", "c_n")]

    def _describe_outputs(self, last: str) -> tuple[str, str]:
        """Say what `output` and `h_n` hold; `last` is Python code for the last output."""
        if self.bidirectional:
            output_why = "the top layer's states at every step, forward then backward side by side"
            h_n_why = (
                f"the state where each direction stops; h_n[-2] is the forward half of {last}, "
                f"h_n[-1] the backward half of {last.replace('-1', '0')}"
            )
        else:
            output_why = "the top layer's state at every step"
            h_n_why = f"the state after the last step; h_n[-1] is {last}"
        if self.num_layers > 1 and not self.bidirectional:
            h_n_why = f"every layer's state after the last step; h_n[-1] is {last}"
        return output_why, h_n_why

    def _state_letter(self) -> str:
        return "P" if self.proj_size else "H"

    def _direction_letter(self) -> str:
        return "D*" if self.bidirectional else ""


def _as_text(table: list[list[str]], right_column: int = -1) -> str:
    """Make each column as wide as its widest cell, and align `right_column` to the right."""
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    lines = []
    for row in table:
        cells = [
            cell.rjust(width) if i == right_column else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _as_html(table: list[list[str]]) -> str:
    head, *body = table
    rows = ["<tr>" + "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head) + "</tr>"]
    rows += ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body]
    return "<table>\n" + "\n".join(rows) + "\n</table>"
