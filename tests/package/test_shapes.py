"""The shapes in the tables against torch layers that really run."""

import itertools
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from charseq import LayerShapes
from charseq.shapes import Parameter, Tensor

FLAGS = (False, True)


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


EVERY_OPTION = [
    {
        "mode": mode, "num_layers": num_layers, "bias": bias, "batch_first": batch_first,
        "bidirectional": bidirectional, "batch_size": batch_size, "proj_size": proj_size,
        "input_size": 5, "hidden_size": 4, "length": 6,
    }
    for mode, num_layers, bias, batch_first, bidirectional, batch_size, proj_size in (
        itertools.product(("RNN", "GRU", "LSTM"), (1, 3), FLAGS, FLAGS, FLAGS, (None, 2), (0, 3))
    )
    if mode == "LSTM" or not proj_size
]  # fmt: skip


def layer_of(options):
    layer_options = {k: v for k, v in options.items() if k not in ("mode", "batch_size", "length")}
    if options["mode"] != "LSTM":
        del layer_options["proj_size"]
    # In float32, torch warns that oneDNN does not support projections.
    return getattr(nn, options["mode"])(**layer_options, dtype=torch.float64)


def run_layer(layer, shapes):
    """Run a layer on inputs of the shapes in the table, and return its inputs and outputs."""
    rows = {tensor.name: tensor for tensor in shapes.tensors}
    inputs = {
        name: torch.rand(rows[name].shape, dtype=torch.float64)
        for name in ("input", "h_0", "c_0")
        if name in rows
    }
    if "c_0" in inputs:
        output, (h_n, c_n) = layer(inputs["input"], (inputs["h_0"], inputs["c_0"]))
        return {**inputs, "output": output, "h_n": h_n, "c_n": c_n}
    output, h_n = layer(inputs["input"], inputs["h_0"])
    return {**inputs, "output": output, "h_n": h_n}


def assert_tables_match_torch(options):
    shapes, layer = LayerShapes(**options), layer_of(options)
    assert [(p.name, p.shape) for p in shapes.parameters] == [
        (name, tuple(p.shape)) for name, p in layer.named_parameters()
    ]
    assert [p.count for p in shapes.parameters] == [p.numel() for p in layer.parameters()]
    tensors = run_layer(layer, shapes)
    assert {t.name: t.shape for t in shapes.tensors} == {
        name: tuple(tensor.shape) for name, tensor in tensors.items()
    }
    of_layer = LayerShapes.of(layer, options["batch_size"], options["length"])
    assert of_layer == shapes
    assert of_layer.tensors == shapes.tensors


@given(options())
def test_every_shape_equals_the_shape_in_torch(options):
    assert_tables_match_torch(options)


@pytest.mark.parametrize("options", EVERY_OPTION, ids=lambda o: "-".join(map(str, o.values())))
def test_every_combination_of_options_gives_the_shapes_of_torch(options):
    assert_tables_match_torch(options)


@given(options())
def test_parameter_count_matches_the_closed_form_and_torch(options):
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[options["mode"]]
    H, P, D = options["hidden_size"], options["proj_size"], 1 + options["bidirectional"]
    S, biases, expected = P or H, 2 * options["bias"], 0
    for layer in range(options["num_layers"]):
        inputs = options["input_size"] if layer == 0 else D * S
        expected += D * (gates * H * (inputs + S + biases) + P * H)
    torchs = sum(p.numel() for p in layer_of(options).parameters())
    assert LayerShapes(**options).parameter_count == expected == torchs


def evaluate_formula(formula, letters):
    return eval(re.sub(r"(\d)([A-Z])", r"\1*\2", formula), letters)


@given(options())
def test_every_formula_evaluates_to_its_shape(options):
    shapes = LayerShapes(**options)
    names = ("batch_size", "length", "input_size", "hidden_size", "proj_size", "num_layers")
    letters = dict(zip("BTIHPL", (getattr(shapes, name) for name in names), strict=True))
    letters["D"] = 1 + shapes.bidirectional
    for row in (*shapes.parameters, *shapes.tensors):
        assert evaluate_formula(row.formula, letters) == row.shape


@given(options())
def test_explanations_are_true_for_real_tensors(options):
    shapes = LayerShapes(**options)
    tensors = run_layer(layer_of(options), shapes)
    output, h_n = tensors["output"], tensors["h_n"]
    why = next(tensor.why for tensor in shapes.tensors if tensor.name == "h_n")
    if shapes.bidirectional:
        match = re.search(
            r"h_n\[-2\] is the forward half of (output\[.*?\]), "
            r"h_n\[-1\] the backward half of (output\[.*?\])$",
            why,
        )
        last, first = (eval(expression, {"output": output}) for expression in match.groups())
        half = output.shape[-1] // 2
        assert torch.equal(h_n[-2], last[..., :half])
        assert torch.equal(h_n[-1], first[..., half:])
    else:
        expression = re.search(r"h_n\[-1\] is (output\[.*?\])$", why)[1]
        assert torch.equal(h_n[-1], eval(expression, {"output": output}))


@pytest.mark.parametrize(
    ("options", "name", "said"),
    [
        ({}, "input", "time comes first unless batch_first=True"),
        ({}, "h_0", "; the batch axis is second$"),
        ({"batch_first": True}, "input", "batch_first puts the batch in front"),
        ({"batch_first": True}, "h_0", "; never moved by batch_first$"),
        (
            {"batch_first": True, "batch_size": None},
            "input",
            "no batch axis, so batch_first changes nothing",
        ),
        ({"batch_first": True, "batch_size": None}, "h_0", "; there is no batch axis$"),
        ({}, "output", "^the top layer's state at every step$"),
        ({}, "h_n", "^the state after the last step"),
        ({"num_layers": 2}, "h_n", "^every layer's state after the last step"),
        ({"bidirectional": True}, "output", "forward then backward side by side$"),
        ({"bidirectional": True}, "h_n", "^the state where each direction stops"),
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


# --- as text, as HTML, as data --------------------------------------------------------------------


@given(options())
def test_call_is_code_that_creates_the_layer(options):
    shapes = LayerShapes(**options)
    layer = eval(f"nn.{shapes.call}", {"nn": nn})
    assert LayerShapes.of(layer, options["batch_size"], options["length"]) == shapes


def test_call_leaves_out_the_defaults_of_torch():
    assert LayerShapes("rnn", 4, 2).call == "RNN(4, 2)"
    assert (
        LayerShapes("LSTM", 4, 2, 3, False, True, True, 1).call
        == "LSTM(4, 2, num_layers=3, bias=False, batch_first=True, bidirectional=True, proj_size=1)"
    )


@pytest.mark.parametrize(
    ("batch_size", "length", "ending"),
    [
        (None, 1, "reading one unbatched sequence of 1 step"),
        (1, 2, "reading 1 sequence of 2 steps"),
        (2, 1, "reading 2 sequences of 1 step"),
    ],
)
def test_title_gives_the_number_of_sequences_and_steps(batch_size, length, ending):
    shapes = LayerShapes("RNN", 4, 2, batch_size=batch_size, length=length)
    assert str(shapes).splitlines()[0] == f"RNN(4, 2) {ending}"


def test_str_gives_two_tables_with_aligned_columns():
    text = str(LayerShapes("GRU", 10, 7, num_layers=12, bias=False, batch_size=None, length=3))
    title, *tables = text.split("\n\n")
    assert title.startswith("GRU(10, 7, num_layers=12, bias=False) reading")
    (parameters, *rows, total), (tensors, *states) = (table.splitlines() for table in tables)
    assert parameters.split() == ["parameter", "symbol", "shape", "formula", "count"]
    assert len(rows) == 24
    assert {len(row) for row in (parameters, *rows, total)} == {len(parameters)}
    assert total.split() == ["total", str(10 * 21 + 7 * 21 + 11 * 2 * 7 * 21)]
    assert tensors.split() == ["tensor", "shape", "formula", "why"]
    assert [row.split()[0] for row in states] == ["input", "h_0", "output", "h_n"]
    for head, body in ((parameters, rows), (tensors, states)):
        column = head.index("shape")
        assert all(row[column - 2 : column + 1] == "  (" for row in body)
    assert not any(line != line.rstrip() for line in text.splitlines())


class Tables(HTMLParser):
    """Collect the text of each cell, row by row, and the text outside of tables."""

    def __init__(self, html):
        super().__init__()
        self.tables, self.outside, self.open, self.scopes = [], "", [], set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag == "th":
            self.scopes.add(dict(attrs).get("scope"))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data
        elif "table" not in self.open:
            self.outside += data
        else:
            assert not data.strip()


@given(options())
def test_html_tables_hold_every_cell(options):
    shapes = LayerShapes(**options)
    html = shapes._repr_html_()
    page = Tables(html)
    parameters, tensors = page.tables
    assert not page.open
    assert page.scopes == {"col"}
    assert page.outside.strip() == str(shapes).splitlines()[0]
    assert parameters == [
        ["parameter", "symbol", "shape", "formula", "count"],
        *([p.name, p.symbol, str(p.shape), p.formula, str(p.count)] for p in shapes.parameters),
        ["total", "", "", "", str(shapes.parameter_count)],
    ]
    assert tensors == [
        ["tensor", "shape", "formula", "why"],
        *([t.name, str(t.shape), t.formula, t.why] for t in shapes.tensors),
    ]
    assert "layer's" not in html  # escaped, as &#x27;


def test_html_escapes_what_it_shows():
    shapes = LayerShapes("RNN", 4, 2)
    object.__setattr__(shapes, "parameters", (Parameter("<b>", "&", (1,), "<i>", 1),))
    object.__setattr__(shapes, "mode", "<script>")
    html = shapes._repr_html_()
    assert "<b>" not in html
    assert "<script>" not in html
    assert Tables(html).tables[0][1] == ["<b>", "&", "(1,)", "<i>", "1"]


@given(options())
def test_to_dict_survives_json(options):
    shapes = LayerShapes(**options)
    data = json.loads(json.dumps(shapes.to_dict()))
    assert data == shapes.to_dict()
    assert data["call"] == shapes.call
    assert data["parameter_count"] == shapes.parameter_count
    for key, kind in (("parameters", Parameter), ("tensors", Tensor)):
        rows = [kind(**{**row, "shape": tuple(row["shape"])}) for row in data[key]]
        assert tuple(rows) == getattr(shapes, key)
    assert list(data) == ["call", "parameter_count", "parameters", "tensors"]


# --- errors ---------------------------------------------------------------------------------------

SIZES = ("input_size", "hidden_size", "num_layers", "batch_size", "length")


def with_option(name, value):
    return LayerShapes(**{"mode": "LSTM", "input_size": 4, "hidden_size": 3, name: value})


class Size(int):
    pass


@pytest.mark.parametrize("name", SIZES)
def test_sizes_below_one_are_refused(name):
    assert getattr(with_option(name, 1), name) == 1
    for value in (0, -2):
        with pytest.raises(ValueError, match=f"^{name} must be at least 1, got {value}"):
            with_option(name, value)


@pytest.mark.parametrize("name", [*SIZES, "proj_size"])
def test_sizes_of_any_integer_type_become_int_and_others_are_refused(name):
    for kind in (np.int64, np.uint8, Size):
        value = getattr(with_option(name, kind(2)), name)
        assert value == 2
        assert type(value) is int
    for value in (2.0, "2", True, *([None] if name != "batch_size" else [])):
        with pytest.raises(TypeError, match=f"^{name} must be an integer, got {value!r}"):
            with_option(name, value)


@pytest.mark.parametrize("name", ["bias", "batch_first", "bidirectional"])
@pytest.mark.parametrize("value", [0, 2, "yes", None])
def test_flags_must_be_true_or_false(name, value):
    with pytest.raises(TypeError, match=f"^{name} must be True or False, got {value!r}"):
        with_option(name, value)


@pytest.mark.parametrize("mode", ["CNN", "", None, 3, "RNN_TANH"])
def test_an_unknown_mode_is_refused(mode):
    with pytest.raises(ValueError, match=f"mode must be RNN, GRU or LSTM, got {mode!r}"):
        LayerShapes(mode, 4, 2)


def test_proj_size_must_be_below_hidden_size_and_needs_an_lstm():
    assert LayerShapes("LSTM", 4, 3, proj_size=2).proj_size == 2
    with pytest.raises(ValueError, match="smaller than hidden_size, got 3 and 3"):
        LayerShapes("LSTM", 4, 3, proj_size=3)
    with pytest.raises(ValueError, match="proj_size must be at least 0, got -1"):
        LayerShapes("LSTM", 4, 3, proj_size=-1)
    with pytest.raises(ValueError, match="only LSTM has proj_size, got proj_size=1 for GRU"):
        LayerShapes("gru", 4, 3, proj_size=1)


@pytest.mark.parametrize("layer", [nn.Linear(2, 2), nn.RNNCell(2, 2), nn.Upsample(2), None, "RNN"])
def test_of_refuses_layers_that_are_not_recurrent(layer):
    message = f"expected a torch.nn.RNN, GRU or LSTM, got {type(layer).__name__}"
    with pytest.raises(TypeError, match=message):
        LayerShapes.of(layer)


def test_of_assumes_one_sequence_of_one_step_by_default():
    shapes = LayerShapes.of(nn.RNN(4, 2, nonlinearity="relu", batch_first=True))
    assert shapes == LayerShapes("RNN", 4, 2, batch_first=True, batch_size=1, length=1)
    assert shapes == LayerShapes("RNN", 4, 2, batch_first=True)
    assert shapes.tensors[0].shape == (1, 1, 4)
