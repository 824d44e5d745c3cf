"""Every parameter and tensor of a recurrent layer, with its shape and the reason for it.

Pure arithmetic: torch is not imported, and a layer of torch is read by its attributes alone.
"""

import math
import operator
from dataclasses import asdict, astuple, dataclass, field
from html import escape
from typing import Any

__all__ = ["LayerShapes", "Parameter", "Tensor"]

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
"""How many blocks of H rows each parameter stacks: GRU has r, z, n and LSTM has i, f, g, o."""


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
        The same shape in letters, for example ``(4H, I)``.
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
    """One tensor that goes into a layer or comes out.

    Attributes
    ----------
    name : str
        torch's name, for example ``h_n``.
    shape : tuple of int
        Its shape.
    formula : str
        The same shape in letters, for example ``(D*L, B, H)``.
    why : str
        What the axes are.
    """

    name: str
    shape: tuple[int, ...]
    formula: str
    why: str


@dataclass(frozen=True)
class LayerShapes:
    r"""The shapes of a recurrent layer that reads B sequences of T steps.

    The arguments are those of :class:`torch.nn.RNN`, :class:`torch.nn.GRU` and
    :class:`torch.nn.LSTM`, then the batch. :meth:`of` reads them off a layer instead.

    Parameters
    ----------
    mode : {"RNN", "GRU", "LSTM"}
        Which layer; lower case will do.
    input_size : int
        I, the features of a time step: V where characters are one-hot, E behind an embedding.
    hidden_size : int
        H, the hidden units.
    num_layers : int, default=1
        L, the stacked layers.
    bias : bool, default=True
        Whether there are biases; torch keeps two.
    batch_first : bool, default=False
        Whether input and output put the batch axis before the time axis.
    bidirectional : bool, default=False
        Whether a second set of weights reads backwards: D is 2 then, else 1.
    proj_size : int, default=0
        P, to which an LSTM shrinks its output; 0 for no projection.
    batch_size : int or None, default=1
        B; None for a single sequence without a batch axis.
    length : int, default=1
        T, the time steps.

    Attributes
    ----------
    parameters : tuple of Parameter
        In torch's order.
    tensors : tuple of Tensor
        What goes in, then what comes out.

    Raises
    ------
    TypeError
        If a size is not an integer, or an option not True or False.
    ValueError
        If a size is out of range, `mode` is unknown, or a projection does not fit.

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
            raise ValueError(f"mode must be RNN, GRU or LSTM, got {self.mode!r}")
        object.__setattr__(self, "mode", self.mode.upper())
        for name in ("bias", "batch_first", "bidirectional"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False, got {getattr(self, name)!r}")
        for name in ("input_size", "hidden_size", "num_layers", "length", "batch_size"):
            if name != "batch_size" or self.batch_size is not None:
                object.__setattr__(self, name, _integer(name, getattr(self, name), least=1))
        object.__setattr__(self, "proj_size", _integer("proj_size", self.proj_size, least=0))
        if self.proj_size and self.mode != "LSTM":
            raise ValueError(
                f"only LSTM has proj_size, got proj_size={self.proj_size} for {self.mode}"
            )
        if self.proj_size >= self.hidden_size:
            raise ValueError(
                f"proj_size must be smaller than hidden_size, got {self.proj_size} and "
                f"{self.hidden_size}"
            )
        object.__setattr__(self, "parameters", tuple(self._parameters()))
        object.__setattr__(self, "tensors", tuple(self._tensors()))

    @classmethod
    def of(cls, layer: Any, batch_size: int | None = 1, length: int = 1) -> "LayerShapes":
        """Read the options off a layer of torch.

        Parameters
        ----------
        layer : torch.nn.RNN, torch.nn.GRU or torch.nn.LSTM
            The layer.
        batch_size : int or None, default=1
            B; None for a single sequence without a batch axis.
        length : int, default=1
            T.

        Returns
        -------
        LayerShapes
            With the layer's own options.

        Raises
        ------
        TypeError
            If `layer` is not such a layer.

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
        options = (
            "input_size",
            "hidden_size",
            "num_layers",
            "bias",
            "batch_first",
            "bidirectional",
            "proj_size",
        )
        return cls(
            mode.split("_")[0],  # torch says RNN_TANH or RNN_RELU; the shapes are the same
            **{name: getattr(layer, name) for name in options},
            batch_size=batch_size,
            length=length,
        )

    @property
    def parameter_count(self) -> int:
        r"""Number of learned numbers in the layer, :eq:`parameter-count`."""
        return sum(parameter.count for parameter in self.parameters)

    @property
    def call(self) -> str:
        """The call that makes the layer, for example ``RNN(4, 2, batch_first=True)``."""
        defaults = {
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "bidirectional": False,
            "proj_size": 0,
        }
        changed = [
            f", {name}={getattr(self, name)}"
            for name, default in defaults.items()
            if getattr(self, name) != default
        ]
        return f"{self.mode}({self.input_size}, {self.hidden_size}{''.join(changed)})"

    def to_dict(self) -> dict[str, Any]:
        """Return the tables as plain data, ready for JSON.

        Returns
        -------
        dict
            ``call``, ``parameter_count``, and ``parameters`` and ``tensors`` as lists of dicts.

        Examples
        --------
        >>> LayerShapes("RNN", 4, 2, bias=False).to_dict()["parameters"][0]["shape"]
        [2, 4]
        """
        return {
            "call": self.call,
            "parameter_count": self.parameter_count,
            "parameters": [{**asdict(p), "shape": list(p.shape)} for p in self.parameters],
            "tensors": [{**asdict(t), "shape": list(t.shape)} for t in self.tensors],
        }

    def __str__(self) -> str:
        """Both tables as text."""
        parameters, tensors = self._tables()
        return f"{self._title()}\n\n{_as_text(parameters, right=4)}\n\n{_as_text(tensors)}"

    def _repr_html_(self) -> str:
        """Both tables for a notebook."""
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

    def _parameters(self) -> list[Parameter]:
        """One row per parameter, in the order of ``layer.named_parameters()``."""
        gates, directions = GATES[self.mode], 1 + self.bidirectional
        rows, state = gates * self.hidden_size, self.proj_size or self.hidden_size
        g, s, d = "" if gates == 1 else str(gates), self._state_letter(), self._direction_letter()
        found = []
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
                layered = self.num_layers > 1 or self.bidirectional
                mark = (f"^({layer})" if layered else "") + ("←" if direction else "")
                for name, symbol, shape, formula in entries:
                    count = math.prod(shape)
                    found.append(
                        Parameter(f"{name}_l{layer}{suffix}", symbol + mark, shape, formula, count)
                    )
        return found

    def _tensors(self) -> list[Tensor]:
        """One row per tensor: what goes in, what comes out, and what the axes are."""
        directions = 1 + self.bidirectional
        state, s, d = (
            self.proj_size or self.hidden_size,
            self._state_letter(),
            self._direction_letter(),
        )
        layers = directions * self.num_layers
        width = directions * state
        if self.batch_size is None:
            batch: tuple[int, ...] = ()
            lead: tuple[int, ...] = (self.length,)
            letters, middle, order = "T", "", "no batch axis, so batch_first changes nothing"
            state_axes, last = "there is no batch axis", "output[-1]"
        elif self.batch_first:
            batch, lead = (self.batch_size,), (self.batch_size, self.length)
            letters, middle, order = "B, T", "B, ", "batch_first puts the batch in front"
            state_axes, last = "never moved by batch_first", "output[:, -1]"
        else:
            batch, lead = (self.batch_size,), (self.length, self.batch_size)
            letters, middle, order = "T, B", "B, ", "time comes first unless batch_first=True"
            state_axes, last = "the batch axis is second", "output[-1]"
        top, end = self._ends(last)
        h, c = f"(D*L, {middle}{s})", f"(D*L, {middle}H)"
        h_shape, c_shape = (layers, *batch, state), (layers, *batch, self.hidden_size)
        found = [
            Tensor(
                "input",
                (*lead, self.input_size),
                f"({letters}, I)",
                f"I features at each step; {order}",
            ),
            Tensor("h_0", h_shape, h, f"a state for each layer and direction; {state_axes}"),
            Tensor(
                "c_0", c_shape, c, "the cell's state beside it; a projection does not shrink it"
            ),
            Tensor("output", (*lead, width), f"({letters}, {d}{s})", top),
            Tensor("h_n", h_shape, h, end),
            Tensor(
                "c_n", c_shape, c, "the cell's state after the last step; it is never in output"
            ),
        ]
        return [row for row in found if self.mode == "LSTM" or row.name not in ("c_0", "c_n")]

    def _ends(self, last: str) -> tuple[str, str]:
        """Say what `output` and `h_n` hold, and where they agree: at `last`, an expression."""
        if self.bidirectional:
            top = "the top layer's states at every step, forward then backward side by side"
            end = (
                f"the state where each direction stops; h_n[-2] is the forward half of {last}, "
                f"h_n[-1] the backward half of {last.replace('-1', '0')}"
            )
        else:
            top = "the top layer's state at every step"
            end = f"the state after the last step; h_n[-1] is {last}"
        if self.num_layers > 1 and not self.bidirectional:
            end = f"every layer's state after the last step; h_n[-1] is {last}"
        return top, end

    def _state_letter(self) -> str:
        return "P" if self.proj_size else "H"

    def _direction_letter(self) -> str:
        return "D*" if self.bidirectional else ""


def _integer(name: str, value: Any, least: int) -> int:
    try:
        if isinstance(value, bool):
            raise TypeError
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return int(value)


def _as_text(table: list[list[str]], right: int = -1) -> str:
    """Columns as wide as their widest entry; column `right` is aligned to the right."""
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    lines = []
    for row in table:
        cells = [
            cell.rjust(width) if i == right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _as_html(table: list[list[str]]) -> str:
    head, *body = table
    rows = ["<tr>" + "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head) + "</tr>"]
    rows += ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body]
    return "<table>\n" + "\n".join(rows) + "\n</table>"
