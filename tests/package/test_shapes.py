"""The shapes in the tables against torch layers that really run."""

import re
from dataclasses import astuple, is_dataclass
from html import unescape

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from charseq import LayerShapes


@st.composite
def options(draw):
    mode = draw(st.sampled_from(["RNN", "GRU", "LSTM"]))
    hidden_size = draw(st.integers(1, 6))
    return {
        "mode": mode,
        "input_size": draw(st.integers(1, 6)),
        "hidden_size": hidden_size,
        "num_layers": draw(st.integers(1, 4)),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
        "proj_size": draw(st.integers(0, hidden_size - 1)) if mode == "LSTM" else 0,
        "batch_size": draw(st.none() | st.integers(1, 5)),
        "length": draw(st.integers(1, 5)),
    }


def run_layer(layer, shapes):
    """Run a layer on inputs of the shapes in the table, and return its inputs and outputs."""
    inputs = {t.name: torch.rand(t.shape, dtype=torch.float64) for t in shapes.tensors}
    x, h, c = (inputs.get(name) for name in ("input", "h_0", "c_0"))
    output, last = layer(x, h if c is None else (h, c))
    names, parts = (("h_n",), (last,)) if c is None else (("h_n", "c_n"), last)
    return inputs | {"output": output, **dict(zip(names, parts, strict=True))}


def says(why, tensors):
    """Check what an explanation says of the outputs, in Python."""
    output, h_n = tensors["output"], tensors["h_n"]
    half = output.shape[-1] // 2
    parts = re.findall(r"(h_n\[-\d\]) (?:is|the) (?:the )?(\w+ half of )?(output\[.*?\])", why)
    for state, side, place in parts:
        left, right = (eval(code, {"output": output, "h_n": h_n}) for code in (state, place))
        cut = {"forward half of ": right[..., :half], "backward half of ": right[..., half:]}
        assert torch.equal(left, cut.get(side, right))
    return len(parts)


@settings(max_examples=200)
@given(options())
def test_parameter_count_and_every_shape_formula_and_explanation_are_those_of_torch(options):
    shapes = LayerShapes(**options)
    layer = eval(f"nn.{shapes.call}", {"nn": nn}).double()
    assert LayerShapes.of(layer, options["batch_size"], options["length"]) == shapes
    assert [(p.name, p.shape, p.count) for p in shapes.parameters] == [
        (name, tuple(p.shape), p.numel()) for name, p in layer.named_parameters()
    ]
    assert shapes.parameter_count == sum(p.numel() for p in layer.parameters())
    tensors = run_layer(layer, shapes)
    assert {t.name: t.shape for t in shapes.tensors} == {
        name: tuple(tensor.shape) for name, tensor in tensors.items()
    }
    (why,) = (tensor.why for tensor in shapes.tensors if tensor.name == "h_n")
    assert says(why, tensors) == (2 if shapes.bidirectional else 1)
    names = ("batch_size", "length", "input_size", "hidden_size", "proj_size", "num_layers")
    letters = dict(zip("BTIHPL", (options[name] for name in names), strict=True))
    letters["D"] = 1 + shapes.bidirectional
    for row in (*shapes.parameters, *shapes.tensors):
        assert eval(re.sub(r"(\d)([A-Z])", r"\1*\2", row.formula), letters) == row.shape


def test_symbols_name_layer_and_direction_if_there_are_several():
    for options, expected in (
        ({}, "W_ih W_hh b_ih b_hh"),
        ({"num_layers": 2, "bias": False}, "W_ih^(0) W_hh^(0) W_ih^(1) W_hh^(1)"),
        (
            {"bidirectional": True, "bias": False, "proj_size": 2},
            "W_ih^(0) W_hh^(0) W_hr^(0) W_ih^(0)← W_hh^(0)← W_hr^(0)←",
        ),
    ):
        parameters = LayerShapes("LSTM", 5, 4, **options).parameters
        assert [p.symbol for p in parameters] == expected.split()


@pytest.mark.parametrize(
    ("options", "title", "whys"),
    [
        ({}, "1 sequence of 1 step", ["time comes first", "the batch axis is second"]),
        ({"batch_first": True, "batch_size": 2, "length": 3}, "2 sequences of 3 steps",
         ["batch_first puts the batch in front", "never moved by batch_first"]),
        ({"batch_size": None}, "one unbatched sequence of 1 step",
         ["batch_first changes nothing", "there is no batch axis"]),
        ({"num_layers": 2}, "1 sequence of 1 step", ["every layer's state after the last step"]),
        ({"bidirectional": True}, "1 sequence of 1 step", ["the state where each direction stops"]),
    ],
)  # fmt: skip
def test_text_html_and_dict_hold_the_rows_of_both_tables(options, title, whys):
    shapes = LayerShapes("gru", 10, 7, bias=False, **options)
    whole = f"{shapes.call} reading {title}"
    text, html = str(shapes), unescape(shapes._repr_html_())
    assert text.startswith(f"{whole}\n\n")
    assert html.startswith(f"<p>{whole}</p>\n<table>")
    for row in (*shapes.parameters, *shapes.tensors, ("total", "", "", "", shapes.parameter_count)):
        cells = list(map(str, astuple(row) if is_dataclass(row) else row))
        assert f"<tr><td>{'</td><td>'.join(cells)}</td></tr>" in html
        assert re.search(" +".join(map(re.escape, filter(None, cells))), text)
    ends = {len(line) for line in text.split("\n\n")[1].splitlines()}
    assert len(ends) == 1  # counts end in one column
    assert all(why in text for why in whys)


def lstm(**changed):
    return LayerShapes(**{"mode": "LSTM", "input_size": 4, "hidden_size": 3, **changed})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lstm(bias=0), "^bias must be True or False, got 0"),
        (lambda: lstm(bidirectional="yes"), "^bidirectional must be True or False, got 'yes'"),
        (lambda: lstm(batch_size=0), "^batch_size must be an integer of at least 1, got 0"),
        (lambda: lstm(length=2.0), "^length must be an integer of at least 1, got 2.0"),
        (lambda: lstm(mode="CNN"), "mode must be RNN, GRU or LSTM, got 'CNN'"),
        (lambda: lstm(proj_size=3), "smaller than hidden_size, got 3 and 3"),
        (lambda: lstm(proj_size=-1), "proj_size must be an integer of at least 0, got -1"),
        (lambda: lstm(mode="gru", proj_size=1), "only LSTM has proj_size, got proj_size=1 for GRU"),
        (lambda: LayerShapes.of(nn.RNNCell(2, 2)), "a torch.nn.RNN, GRU or LSTM, got RNNCell"),
    ],
)
def test_what_is_no_layer_is_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
