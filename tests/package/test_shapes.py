"""The shapes in the tables against torch layers that really run."""

import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from charseq import LayerShapes
from charseq.shapes import Parameter, Tensor


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


@pytest.mark.parametrize(
    ("options", "name", "said"),
    [
        ({}, "input", "time comes first unless batch_first=True"),
        ({}, "h_0", "; the batch axis is second$"),
        ({"batch_first": True}, "input", "batch_first puts the batch in front"),
        ({"batch_first": True}, "h_0", "; never moved by batch_first$"),
        ({"batch_size": None}, "input", "no batch axis, so batch_first changes nothing"),
        ({"batch_size": None}, "h_0", "; there is no batch axis$"),
        ({}, "output", "^the top layer's state at every step$"),
        ({}, "h_n", "^the state after the last step"),
        ({"bidirectional": True}, "h_n", "^the state where each direction stops"),
        ({"num_layers": 2}, "h_n", "^every layer's state after the last step"),
        ({"bidirectional": True}, "output", "forward then backward side by side$"),
    ],
)
def test_explanations_say_where_the_batch_axis_is_and_which_states_a_tensor_holds(
    options, name, said
):
    (why,) = (t.why for t in LayerShapes("LSTM", 5, 4, **options).tensors if t.name == name)
    assert re.search(said, why)


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


def test_text_and_html_hold_every_cell_of_two_tables_with_aligned_columns():
    shapes = LayerShapes("gru", 10, 7, num_layers=12, bias=False, batch_size=None, length=3)
    title, *tables = str(shapes).split("\n\n")
    assert (
        title == "GRU(10, 7, num_layers=12, bias=False) reading one unbatched sequence of 3 steps"
    )
    html = shapes._repr_html_()
    assert html.startswith(f'<p>{title}</p>\n<table>\n<tr><th scope="col">parameter</th>')
    rows = [re.split(r"<t[dh][^>]*>", line)[1:] for line in re.findall(r"<tr>(.*?)</tr>", html)]
    cells = [[re.sub("<.*?>", "", cell) for cell in row] for row in rows]
    assert "&#x27;" in html  # of "layer's"
    parameters = [
        [p.name, p.symbol, str(p.shape), p.formula, str(p.count)] for p in shapes.parameters
    ]
    tensors = [
        [t.name, str(t.shape), t.formula, t.why.replace("'", "&#x27;")] for t in shapes.tensors
    ]
    total = ["total", "", "", "", str(shapes.parameter_count)]
    assert cells[1:26] == [*parameters, total]
    assert cells[27:] == tensors
    for table, body in zip(tables, (cells[:26], cells[26:]), strict=True):
        lines = table.splitlines()
        for line, row in zip(lines, body, strict=True):
            assert line.split() == " ".join(row).replace("&#x27;", "'").split()
            assert line == line.rstrip()
        starts = {line.index("  (") + 2 for line in lines if "  (" in line}
        assert starts == {lines[0].index("shape")}
    assert len({len(line) for line in tables[0].splitlines()}) == 1  # counts end in one column
    for size, expected in ((1, "1 sequence of 1 step"), (2, "2 sequences of 1 step")):
        assert str(LayerShapes("RNN", 4, 2, batch_size=size)).splitlines()[0].endswith(expected)


def test_to_dict_survives_json():
    shapes = LayerShapes("LSTM", 4, 3, proj_size=2, bidirectional=True)
    data = json.loads(json.dumps(shapes.to_dict()))
    for key, kind in (("parameters", Parameter), ("tensors", Tensor)):
        rows = [kind(**{**row, "shape": tuple(row["shape"])}) for row in data.pop(key)]
        assert tuple(rows) == getattr(shapes, key)
    assert data == {"call": shapes.call, "parameter_count": shapes.parameter_count}


def lstm(**changed):
    return LayerShapes(**{"mode": "LSTM", "input_size": 4, "hidden_size": 3, **changed})


SIZES = ("input_size", "hidden_size", "num_layers", "batch_size", "length")


@pytest.mark.parametrize("name", SIZES)
def test_sizes_are_integers_of_at_least_one(name):
    value = getattr(lstm(**{name: np.int64(1)}), name)
    assert value == 1
    assert type(value) is int
    for wrong, message in (
        (0, "at least 1, got 0"),
        (2.0, "an integer, got 2.0"),
        (True, "an int"),
    ):
        with pytest.raises((TypeError, ValueError), match=f"^{name} must be {message}"):
            lstm(**{name: wrong})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lstm(bias=0), "^bias must be True or False, got 0"),
        (lambda: lstm(batch_first=None), "^batch_first must be True or False, got None"),
        (lambda: lstm(bidirectional="yes"), "^bidirectional must be True or False, got 'yes'"),
        (lambda: lstm(mode="CNN"), "mode must be RNN, GRU or LSTM, got 'CNN'"),
        (lambda: lstm(mode=3), "mode must be RNN, GRU or LSTM, got 3"),
        (lambda: lstm(proj_size=3), "smaller than hidden_size, got 3 and 3"),
        (lambda: lstm(proj_size=-1), "proj_size must be at least 0, got -1"),
        (lambda: lstm(mode="gru", proj_size=1), "only LSTM has proj_size, got proj_size=1 for GRU"),
        (lambda: LayerShapes.of(nn.RNNCell(2, 2)), "a torch.nn.RNN, GRU or LSTM, got RNNCell"),
        (lambda: LayerShapes.of(nn.Upsample(2)), "a torch.nn.RNN, GRU or LSTM, got Upsample"),
    ],
)
def test_what_is_no_layer_is_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
