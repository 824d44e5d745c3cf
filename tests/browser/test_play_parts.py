"""The shape explorer, its quiz, the temperature dial and the paths, against torch and NumPy."""

import itertools
import json
import random
import re
from collections import Counter
from html import escape
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
import torch
from accessible import barriers, looks
from test_pages import WIDER_THAN_THE_PAGE, quiet  # noqa: F401 - a fixture
from test_play_core import SCRIPTS_OF

from charseq import CharRNN, LayerShapes, NumpyNet, Vocabulary, generate, training_steps
from charseq.sampling import probabilities

PLAY = Path(__file__).parents[2] / "docs" / "_static" / "play"
FARM = "the cat sat, the dog dug, the hen ate, the cow mooed. "
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def part(quiet, tmp_path):  # noqa: F811 - the fixture above
    """Put one part on a page of its own, as the site's builder would."""

    def show(name, **options):
        made = (
            f'<div class="play" data-play="{name}" data-options="{escape(urlencode(options))}">'
            '<div class="play-fallback">Fallback.</div></div>'
        )
        scripts = [(PLAY / f"{script}.js").as_uri() for script in SCRIPTS_OF[name]]
        (tmp_path / "page.html").write_text(
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Part</title>'
            f'<link rel="stylesheet" href="{(PLAY / "play.css").as_uri()}">'
            f"<body><main><h1>Part</h1><h2>One</h2>{made}</main>"
            + "".join(f'<script defer src="{script}"></script>' for script in scripts),
            "utf-8",
        )
        quiet.goto((tmp_path / "page.html").as_uri())
        quiet.wait_for_selector(f".play-{name} button")
        return quiet

    return show


# --- the explorer ---------------------------------------------------------------------------------

OPTIONS = {
    "mode": ["RNN", "GRU", "LSTM"],
    "input_size": [1, 10],
    "hidden_size": [3, 16],
    "num_layers": [1, 2, 5],
    "bias": [True, False],
    "batch_first": [True, False],
    "bidirectional": [True, False],
    "proj_size": [0, 2],
    "batch_size": [None, 1, 3],
    "length": [1, 21],
}
COMBINATIONS = [
    options
    for values in itertools.product(*OPTIONS.values())
    if (options := dict(zip(OPTIONS, values, strict=True)))["mode"] == "LSTM"
    or not options["proj_size"]
]
SPREAD = random.Random(0).sample(COMBINATIONS, 80)

# Type what is given into the form, as a reader would, one option after the other.
SET = """options => {
    for (const [name, value] of Object.entries(options)) {
        if (name === "mode") {
            document.querySelector(`.play-explorer [value="${value}"]`).click();
            continue;
        }
        const label = [...document.querySelectorAll(".play-explorer label")]
            .find(label => label.textContent === name);
        const input = label.control;
        if (input.type === "checkbox") {
            if (input.checked !== value) input.click();
        } else {
            input.value = value ?? "none";
            input.dispatchEvent(new Event("change"));
        }
    }
}"""

READ = """() => ({
    caption: document.querySelector(".play-explorer caption").textContent,
    rows: [...document.querySelectorAll(".play-explorer tbody tr")]
        .map(row => [...row.children].map(cell => cell.textContent)),
    boxes: [...document.querySelectorAll(".play-shape-boxes li")].map(box => ({
        name: box.querySelector("code").textContent,
        shape: box.querySelector("b").textContent,
        text: box.textContent,
        front: (({width, height}) => [width, height])([...box.querySelectorAll("rect")].at(-1)
            .getBBox()),
        sheets: [...box.querySelectorAll("rect")].map(({ x, y }) => [x, y].map(
            side => side.baseVal.value)),
        lines: [...box.querySelectorAll("path")].map(line => line.getBBox().y),
        letters: [...box.querySelectorAll("text")].map(letter => letter.textContent),
    })),
    code: document.querySelector(".play-shape-call code").textContent,
    summary: document.querySelector(".play-shape-call + p").textContent,
    marked: [...document.querySelectorAll(".play-shape-changed code")]
        .map(code => code.textContent),
})"""


def torch_shapes(options):
    """Shapes of each parameter and tensor, from a layer that torch has made and run."""
    made = {name: value for name, value in options.items() if name not in SIZES_OF_INPUT}
    if made["mode"] != "LSTM":
        del made["proj_size"]
    layer = getattr(torch.nn, made.pop("mode"))(**made).double()
    B, T = options["batch_size"], options["length"]
    lead = (T,) if B is None else (B, T) if options["batch_first"] else (T, B)
    x = torch.zeros(*lead, options["input_size"], dtype=torch.float64)
    output, state = layer(x)
    state = state if isinstance(state, tuple) else (state,)
    layer(x, state if len(state) > 1 else state[0])  # a state of that shape may go in as well
    shapes = {name: tuple(weight.shape) for name, weight in layer.named_parameters()}
    shapes |= {"input": tuple(x.shape)}
    shapes |= {f"{s}_0": tuple(value.shape) for s, value in zip("hc", state, strict=False)}
    shapes |= {"output": tuple(output.shape)}
    shapes |= {f"{s}_n": tuple(value.shape) for s, value in zip("hc", state, strict=False)}
    return shapes, sum(weight.numel() for weight in layer.parameters())


SIZES_OF_INPUT = ("batch_size", "length")


def shown(page):
    """What the explorer's table says, by name."""
    seen = page.evaluate(READ)
    table = {row[0]: dict(zip(("shape", "formula", "numbers", "what", "change"), row[1:],
                              strict=True)) for row in seen["rows"]}  # fmt: skip
    return seen, table


def test_the_spread_has_every_pair_of_values():
    wanted = {
        (a, x, b, y)
        for options in COMBINATIONS
        for (a, x), (b, y) in itertools.combinations(options.items(), 2)
    }
    found = {
        (a, x, b, y)
        for options in SPREAD
        for (a, x), (b, y) in itertools.combinations(options.items(), 2)
    }
    assert wanted == found


def test_table_and_boxes_of_the_explorer_are_torchs_layers(part):
    page = part("explorer")
    for options in SPREAD:
        page.evaluate(SET, options)
        seen, table = shown(page)
        shapes, count = torch_shapes(options)
        assert list(table) == list(shapes), options
        assert {name: row["shape"] for name, row in table.items()} == {
            name: str(shape) for name, shape in shapes.items()
        }
        assert {name: row["numbers"] for name, row in table.items()} == {
            name: f"{np.prod(shape):,}" for name, shape in shapes.items()
        }
        python = LayerShapes(**options)
        assert seen["caption"] == f"{python.call}: {count:,} parameters"
        assert seen["summary"].startswith(f"{count:,} parameters")
        rows = {row.name: row for row in (*python.parameters, *python.tensors)}
        for name, row in table.items():
            assert row["formula"] == rows[name].formula
            assert row["what"] == (getattr(rows[name], "why", None) or rows[name].symbol)
        # Each box is one row of the table, or says of how many it is the first.
        alike = [re.search(r"(\d+) of these, the last is (\w+)", box["text"])
                 for box in seen["boxes"]]  # fmt: skip
        assert sum(int(found[1]) if found else 1 for found in alike) == len(shapes)
        for box, found in zip(seen["boxes"], alike, strict=True):
            assert box["shape"] == table[box["name"]]["shape"]
            assert not found or table[found[2]]["shape"] == box["shape"]


def test_boxes_are_drawn_to_one_scale_with_a_sheet_for_each_entry_of_the_first_axis(part):
    page = part("explorer", mode="LSTM", input_size=5, hidden_size=4, batch_size=3, length=7)
    seen, _ = shown(page)
    units = set()
    for box in seen["boxes"]:
        shape = [int(size) for size in re.findall(r"\d+", box["shape"])]
        rows, columns = {1: (*shape, 1), 2: shape, 3: shape[1:]}[len(shape)]
        width, height = box["front"]
        units |= {round(width / columns, 2), round(height / rows, 2)}
        assert len(box["sheets"]) == (shape[0] if len(shape) == 3 else 1)
        (back_x, back_y), (x, y) = box["sheets"][0], box["sheets"][-1]
        deep = (len(box["sheets"]) - 1) * width / columns / 2  # foreshortened by half
        assert (back_x - x, y - back_y) == pytest.approx((deep, deep), abs=1e-3)
        # A line between the gates of a parameter; around each drawing the letters of its axes.
        gates = 4 if re.match("weight_[ih]h|bias", box["name"]) else 1
        assert [(line - y) / height for line in box["lines"]] == pytest.approx(
            [k / gates for k in range(1, gates)], abs=1e-3
        )
        letters = re.findall("[A-Z0-9*]+", re.search(r"\([0-9, ]+\) (\(.*?\))", box["text"])[1])
        assert Counter(box["letters"]) == Counter(letters + list("ifgo" * (gates > 1)))
    assert len(units) == 1


def test_a_very_long_thin_layer_still_fits_its_boxes(part):
    sizes = {"input_size": 4096, "hidden_size": 4096, "batch_size": 4096, "length": 4096}
    page = part("explorer", mode="LSTM", num_layers=8, bidirectional="true", **sizes)
    seen, table = shown(page)
    assert len(table) == 64 + 6
    for box in seen["boxes"]:
        assert all(2 <= side <= 150 for side in box["front"])
        assert len(box["sheets"]) <= 60


def test_no_drawing_is_cut_off_on_a_phone(part):
    page = part("explorer", input_size=300, hidden_size=8, batch_size=20)
    for width in (320, 360, 390, 800):  # one column, two narrow ones, and more
        page.set_viewport_size({"width": width, "height": 900})
        cut = page.evaluate(
            """() => [...document.querySelectorAll(".play-shape-boxes svg")].filter(svg => {
                const {x, y, width, height} = svg.getBBox();
                const [right, bottom] = [x + width, y + height];
                return x < 0 || y < 0 || right > svg.clientWidth || bottom > svg.clientHeight;
            }).length"""
        )
        assert cut == 0, width


# In float32, torch warns that oneDNN knows no projections.
@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("options", SPREAD[:12], ids=lambda options: options["mode"])
def test_the_copied_call_runs_in_torch_and_gives_the_shapes_of_the_table(part, options):
    page = part("explorer", **{name: str(value).lower() for name, value in options.items()})
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    text = page.evaluate("navigator.clipboard.readText()")
    names = {}
    exec(text, names)  # as a reader would
    seen, table = shown(page)
    assert text == seen["code"] + "\n"
    for name in ("output", "h_n", "c_n"):
        if name in table:
            assert str(tuple(names[name].shape)) == table[name]["shape"]
    for name, weight in names["layer"].named_parameters():
        assert str(tuple(weight.shape)) == table[name]["shape"]


def changes(page):
    _, table = shown(page)
    return {name: row["change"] for name, row in table.items() if row["change"]}


def test_what_an_option_changes_is_marked_in_words_and_announced(part):
    page = part("explorer", input_size=4, hidden_size=2, batch_size=3, length=5)
    seen, _ = shown(page)
    assert seen["marked"] == []
    assert changes(page) == {}
    assert seen["summary"] == "16 parameters."

    page.get_by_label("batch_first", exact=True).check()
    moved = {"input": "was (5, 3, 4)", "output": "was (5, 3, 2)"}  # and h_0, h_n never
    assert changes(page) == moved
    seen, _ = shown(page)
    assert seen["marked"] == list(moved)
    for box in seen["boxes"]:
        assert ("was" in box["text"]) == (box["name"] in moved)
    assert seen["summary"] == (
        "16 parameters. Changed: input (3, 5, 4), was (5, 3, 4); output (3, 5, 2), was (5, 3, 2)."
    )
    said = page.locator(".play-explorer [role=status].play-unseen")
    said.filter(has_text=seen["summary"]).wait_for(state="attached")

    page.get_by_label("batch_first", exact=True).uncheck()  # and back: nothing is changed by it
    assert changes(page) == {}

    page.get_by_label("nn.LSTM").check()
    assert changes(page)["c_0"] == "new"
    assert changes(page)["bias_ih_l0"] == "was (2,)"
    page.get_by_label("bias", exact=True).uncheck()
    seen, _ = shown(page)
    assert seen["summary"] == "48 parameters, was 64. Changed: bias_ih_l0 gone; bias_hh_l0 gone."
    page.get_by_label("num_layers", exact=True).fill("3")
    page.keyboard.press("Tab")
    new = ["weight_ih_l1", "weight_hh_l1", "weight_ih_l2", "weight_hh_l2"]
    assert dict.fromkeys(new, "new").items() <= changes(page).items()
    box = page.locator(".play-shape-boxes li", has_text="weight_hh_l0")
    assert "2 of 3 new" in box.text_content()
    assert re.search(r"; [0-9]+ more\.$", shown(page)[0]["summary"])


def test_a_slider_marks_against_where_it_began(part):
    page = part("explorer", hidden_size=16)
    slider = page.get_by_label("hidden_size, slider")
    slider.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    now = page.get_by_label("hidden_size", exact=True).input_value()
    assert int(now) > 17
    assert changes(page)["weight_hh_l0"] == "was (16, 16)"
    _, table = shown(page)
    assert table["weight_hh_l0"]["shape"] == f"({now}, {now})"


def test_the_batch_sliders_end_is_no_batch(part):
    page = part("explorer", batch_size=1)
    page.get_by_label("batch_size, slider").focus()
    page.keyboard.press("ArrowLeft")
    assert page.get_by_label("batch_size", exact=True).input_value() == "none"
    _, table = shown(page)
    assert table["input"]["shape"] == "(21, 10)"
    assert table["h_n"]["formula"] == "(D*L, H)"


@pytest.mark.parametrize(
    ("name", "typed", "said", "used"),
    [
        ("proj_size", "4", "proj_size must be 0, except in an LSTM: got 4, so 0 is used", None),
        (
            "num_layers",
            "9",
            'num_layers must be a whole number from 1 to 8: got "9", so 8 is',
            None,
        ),
        (
            "length",
            "0",
            'length must be a whole number from 1 to 4096: got "0", so 1 is used',
            None,
        ),
        ("hidden_size", "1e999", "4096 is used", "(4096, 4096)"),
        ("hidden_size", "sixteen", 'got "sixteen", so 16 is used', "(16, 16)"),
        ("hidden_size", EVIL, 'got "<img src=x onerror=alert(1)>", so 16 is used', "(16, 16)"),
        ("hidden_size", "9" * 5000, "4096 is used", "(4096, 4096)"),
        ("hidden_size", "", 'got "", so 16 is used', "(16, 16)"),
    ],
)
def test_what_does_not_fit_stays_beside_a_message(part, name, typed, said, used):
    page = part("explorer")
    field = page.get_by_label(name, exact=True)
    field.fill(typed)
    page.keyboard.press("Tab")
    assert field.get_attribute("aria-invalid") == "true"
    assert field.input_value() == typed
    about = field.get_attribute("aria-describedby").split()
    assert said in " ".join(page.locator(f"#{name}").text_content() for name in about)
    _, table = shown(page)
    assert used is None or table["weight_hh_l0"]["shape"] == used
    assert page.locator("img").count() == 0
    status = page.locator(".play-explorer [role=status].play-unseen")
    status.filter(has_text="is used").wait_for(state="attached")
    field.fill("1" if name != "proj_size" else "0")
    page.keyboard.press("Tab")
    assert field.get_attribute("aria-invalid") != "true"


def test_a_projection_that_a_gru_cannot_have_comes_back_with_the_lstm(part):
    page = part("explorer", mode="LSTM", proj_size=3)
    _, table = shown(page)
    assert table["weight_hr_l0"]["shape"] == "(3, 16)"
    page.get_by_label("nn.GRU").check()
    assert "proj_size must be 0" in page.locator(".play-explorer").text_content()
    assert "weight_hr_l0" not in shown(page)[1]
    page.get_by_label("nn.LSTM").check()
    assert "proj_size must be 0" not in page.locator(".play-explorer").text_content()
    assert shown(page)[1]["weight_hr_l0"]["shape"] == "(3, 16)"


@pytest.mark.parametrize("name", ["explorer", "temperature"])
def test_hostile_options_of_a_page_do_no_harm(part, name):
    hostile = dict.fromkeys(OPTIONS, EVIL) | {"quiz": EVIL, "__proto__": EVIL, "constructor": EVIL}
    hostile |= {"text": EVIL, "prompt": EVIL + "\U0001f600", "epochs": EVIL, "order": EVIL}
    page = part(name, **hostile)
    assert page.locator("img").count() == 0


# --- predict the shape ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quiz(browser):
    """Call a function of the quiz where its scripts are loaded."""
    page = browser.new_page()
    for name in ("shapes.js", "typed-shape.js", "shape-questions.js"):
        page.add_script_tag(path=PLAY / name)
    yield lambda function, argument=None: page.evaluate(f"x => ({function})(x)", argument)
    page.close()


@pytest.fixture(scope="module")
def questions(quiz):
    return quiz("() => Array.from({length: 600}, (_, seed) => charseqQuiz.question(seed))")


def rows_of(options):
    shapes = LayerShapes(**options)
    return {row.name: row for row in (*shapes.parameters, *shapes.tensors)}


def test_a_question_is_the_same_for_a_seed_and_asks_what_python_answers(quiz, questions):
    assert questions[:50] == quiz(
        "() => Array.from({length: 50}, (_, k) => charseqQuiz.question(k))"
    )
    for question in questions:
        row = rows_of(question["options"])[question["name"]]
        assert question["shape"] == list(row.shape)
        assert question["formula"] == row.formula
        assert question["why"] == getattr(row, "why", "")


def test_questions_vary_in_every_option_and_ask_for_everything(questions):
    for name in ("mode", "num_layers", "batch_first", "bidirectional", "proj_size", "batch_size"):
        assert len({question["options"][name] for question in questions}) > 1, name
    asked = {re.sub("_l[0-9].*", "", question["name"]) for question in questions}
    assert asked == {"weight_ih", "weight_hh", "weight_hr", "bias_ih", "bias_hh",
                     "input", "h_0", "c_0", "output", "h_n", "c_n"}  # fmt: skip
    assert len({json.dumps(question) for question in questions}) > 550


def test_no_two_sizes_of_a_question_are_equal(questions):
    for question in questions:
        options = question["options"]
        D = 1 + options["bidirectional"]
        g = {"RNN": 1, "GRU": 3, "LSTM": 4}[options["mode"]]
        H, P = options["hidden_size"], options["proj_size"]
        sizes = {
            options["input_size"],
            options["length"],
            H,
            g * H,
            D * H,
            D * options["num_layers"],
        }
        wanted = 3 + len({g * H, D * H, H})
        if options["batch_size"]:
            sizes |= {options["batch_size"]}
            wanted += 1
        if P:
            sizes |= {P, D * P}
            wanted += len({P, D * P})
        assert len(sizes) == wanted, options


def test_the_question_says_all_that_the_answer_needs(quiz, questions):
    for question, text in zip(
        questions, quiz("qs => qs.map(charseqQuiz.ask)", questions), strict=True
    ):
        options = question["options"]
        call = LayerShapes(**options).call
        assert text.startswith(f"nn.{call} reads ")
        assert f"{options['length']} steps with {options['input_size']} features each" in text
        batch = options["batch_size"]
        assert (f"a batch of {batch} texts" if batch else "without a batch axis") in text
        assert text.endswith(f"What is the shape of {question['name']}?")


@pytest.mark.parametrize(
    "typed",
    ["3, 21, 16", "(3, 21, 16)", "[3,21,16]", "3 21 16", "3 × 21 × 16", "3x21x16", "3*21*16",
     " ( 3 ,21, 16, ) ", "torch.Size([3, 21, 16])", "3; 21; 16", "03, 21, 16"],
)  # fmt: skip
def test_a_shape_may_be_typed_in_many_ways(quiz, typed):
    assert quiz("charseqTypedShape", typed) == {"shape": [3, 21, 16], "hint": ""}


def test_a_shape_of_one_axis_may_have_pythons_comma(quiz):
    for typed in ("16", "(16,)", "(16)", "16,"):
        assert quiz("charseqTypedShape", typed) == {"shape": [16], "hint": ""}


def test_one_axis_too_many_is_a_wrong_answer_and_no_odd_one(quiz):
    assert quiz("charseqTypedShape", "1, 3, 21, 16") == {"shape": [1, 3, 21, 16], "hint": ""}


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("", "Type the sizes"),
        ("  ()  ", "Type the sizes"),
        ("B, T, H", "no letters"),
        ("3, T, 16", "no letters"),
        ("drei", "no letters"),
        ("3.5, 2", "Whole numbers"),
        ("-1, 2", "Whole numbers"),
        ("3,,4", "Whole numbers"),
        ("1e3", "Whole numbers"),
        (EVIL, "no letters"),
        ("<>", "the sizes of all axes"),
        ("99999999999", "Whole numbers"),
        ("1 2 3 4 5", "no tensor here has more than three"),
        ("9" * 100_000, "Whole numbers"),
        ("\u0000\ud800", "Whole numbers"),
        ("🐄", "Whole numbers"),
    ],
)
def test_odd_input_gets_a_hint(quiz, typed, hint):
    read = quiz("charseqTypedShape", typed)
    assert hint.lower() in read["hint"].lower()
    assert read["hint"].endswith("for example 3, 21, 16.")
    assert read["shape"] == []


def judged(quiz, question, given):
    return quiz("([question, given]) => charseqQuiz.judge(question, given)", [question, given])


def test_the_right_shape_and_no_other_is_right(quiz, questions):
    for question in questions[:150]:
        shape = question["shape"]
        found = judged(quiz, question, shape)
        assert found["right"]
        assert found["says"].startswith("Right. It is (")
        assert len(found["axes"]) == len(shape)
        assert all(axis.startswith("✓") for axis in found["axes"])
        others = {tuple(order) for order in itertools.permutations(shape)} - {tuple(shape)}
        others |= {(*shape[:k], size + 1, *shape[k + 1 :]) for k, size in enumerate(shape)}
        others |= {(1, *shape), (*shape, 1), tuple(shape[1:])} - {()}
        for other in others:
            found = judged(quiz, question, other)
            assert not found["right"]
            assert not found["says"].startswith("Right. ")
            assert f"It is {tuple(shape)}, in letters {question['formula']}" in found["says"]
            wrong = [axis.startswith("✗") for axis in found["axes"]]
            if len(other) == len(shape):
                assert wrong == [a != b for a, b in zip(other, shape, strict=True)]
            else:
                assert not any(axis[0] in "✓✗" for axis in found["axes"])


def test_what_an_axis_is_said_to_be_is_its_size(quiz, questions):
    for question in questions:
        for axis, size in zip(judged(quiz, question, question["shape"])["axes"], question["shape"],
                              strict=True):  # fmt: skip
            assert axis.endswith(f" {size}")
            product = re.search(r"(\d+) × (\d+) =", axis)
            assert not product or int(product[1]) * int(product[2]) == size


LAYER = {
    "mode": "LSTM", "input_size": 10, "hidden_size": 16, "num_layers": 2, "bias": True,
    "batch_first": False, "bidirectional": True, "proj_size": 0, "batch_size": 5, "length": 21,
}  # fmt: skip


@pytest.mark.parametrize(
    ("options", "name", "given", "says", "axis"),
    [
        ({}, "output", [5, 21, 32], "You swapped batch and time: batch_first is False.",
         "✗ axis 0 is T, the steps: 21; you have 5, which is B"),
        ({"batch_first": True}, "input", [21, 5, 10],
         "You swapped batch and time: batch_first is True.",
         "✗ axis 0 is B, the batch: 5; you have 21, which is T"),
        ({"batch_first": True}, "h_n", [5, 4, 16],
         "batch_first never moves the batch axis of h_n.",
         "✗ axis 0 is D*L, directions times layers: 2 × 2 = 4; you have 5, which is B"),
        ({}, "output", [21, 5, 16], "Not quite.",
         "✗ axis 2 is D*H, forward and backward side by side: 2 × 16 = 32; "
         "you have 16, which is H"),
        ({}, "h_n", [2, 5, 16], "Not quite.",
         "✗ axis 0 is D*L, directions times layers: 2 × 2 = 4; you have 2, which is L"),
        ({}, "h_n", [5, 16], "h_n has 3 axes, but your answer has 2. The first axis is for layers "
         "and directions, even if its size is 1.",
         "axis 1 is B, the batch: 5"),
        ({"batch_size": None}, "output", [1, 21, 32],
         "Without a batch there is no batch axis, not even one of size 1.",
         "axis 0 is T, the steps: 21"),
        ({}, "weight_ih_l0", [10, 64], "You swapped rows and columns. Rows say where the weights "
         "lead, columns where they come from.",
         "✗ axis 1 is I, the features of a step, input_size: 10; you have 64, which is 4H"),
        ({}, "weight_hh_l0", [16, 16], "Not quite.",
         "✗ axis 0 is 4H, the 4 blocks i, f, g, o, one below the other: 4 × 16 = 64; "
         "you have 16, which is H"),
        ({}, "bias_ih_l0", [5, 64], "bias_ih_l0 has 1 axis, but your answer has 2. "
         "No parameter has a batch or a time axis.",
         "axis 0 is 4H, the 4 blocks i, f, g, o, one below the other: 4 × 16 = 64"),
        ({"proj_size": 7}, "c_n", [4, 5, 7], "Not quite.",
         "✗ axis 2 is H, the hidden units: 16; you have 7, which is P"),
        ({"proj_size": 7}, "output", [21, 5, 16], "Not quite.",
         "✗ axis 2 is D*P, forward and backward side by side: 2 × 7 = 14; you have 16, which is H"),
        ({"proj_size": 7}, "h_0", [4, 5, 99], "Not quite.",
         "✗ axis 2 is P, proj_size, to which each state is shrunk: 7; you have 99"),
        ({"mode": "GRU"}, "weight_hh_l1", [64, 16], "Not quite.",
         "✗ axis 0 is 3H, the 3 blocks r, z, n, one below the other: 3 × 16 = 48; you have 64"),
        ({"batch_size": None}, "h_n", [16, 4], "Right numbers, wrong order. It is",
         "✗ axis 1 is H, the hidden units: 16; you have 4, which is D*L"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_explained(quiz, options, name, given, says, axis):
    row = rows_of(LAYER | options)[name]
    question = {"options": LAYER | options, "name": name, "shape": list(row.shape),
                "formula": row.formula, "why": getattr(row, "why", "")}  # fmt: skip
    found = judged(quiz, question, given)
    assert not found["right"]
    assert says in found["says"]
    assert axis in found["axes"]
    assert question["why"] in found["says"]


def test_the_quiz_is_played_by_keyboard_alone(part, quiz):
    page = part("explorer", quiz=7)
    form = page.get_by_role("form", name="Predict the shape")
    first, second, third = (quiz("charseqQuiz.question", 7 + k) for k in range(3))
    page.get_by_label("Its shape").focus()

    page.keyboard.type("what?")
    page.keyboard.press("Enter")
    assert "no letters" in form.locator(".play-error").text_content()
    assert page.get_by_label("Its shape").get_attribute("aria-invalid") == "true"
    assert "right" not in form.locator(".play-row").text_content()  # a hint is no wrong answer

    page.get_by_label("Its shape").fill(", ".join(map(str, first["shape"])))
    page.keyboard.press("Enter")
    assert form.locator(".play-error").text_content() == ""
    assert form.locator("[role=status] b").first.text_content().startswith("Right.")
    assert "1 of 1 right" in form.text_content()

    page.keyboard.press("Enter")  # the next question, and the focus is where it is answered
    assert second["name"] in form.locator("p").first.text_content()
    assert form.locator("[role=status] li").count() == 0
    page.keyboard.type("(1, 2, 3)")
    page.keyboard.press("Enter")
    assert "1 of 2 right" in form.text_content()
    assert form.locator("[role=status] li").count() == len(second["shape"])
    assert str(tuple(second["shape"])) in form.locator("[role=status]").first.text_content()

    page.keyboard.press("Tab")  # past the button to the one that shows the layer above
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert LayerShapes(**second["options"]).call in shown(page)[0]["code"]
    assert shown(page)[1][second["name"]]["shape"] == str(tuple(second["shape"]))
    page.get_by_role("button", name="Next question").click()
    assert page.get_by_label("Its shape").evaluate("input => input === document.activeElement")
    assert third["name"] in form.locator("p").first.text_content()


def test_an_answer_is_never_markup(part):
    page = part("explorer")
    page.get_by_label("Its shape").fill(EVIL)
    page.keyboard.press("Enter")
    assert page.locator("img").count() == 0
    assert "no letters" in page.locator(".play-quiz").text_content()


# --- the temperature dial -------------------------------------------------------------------------

DIAL = {"text": FARM, "prompt": "the ", "epochs": 60}


@pytest.fixture(scope="module")
def farm():
    """The dial's network in torch: its vocabulary, model, and logits after the prompt."""
    vocab = Vocabulary.from_text(FARM)
    model = CharRNN(len(vocab), hidden_size=16, seed=0).double()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    list(training_steps(model, vocab, FARM, epochs=60, optimizer=sgd))
    ids = torch.from_numpy(vocab.encode("the "))
    return vocab, model, model(ids[None])[0][0, -1].detach().numpy()


BARS = """() => [...document.querySelectorAll(".play-dial tbody tr")].map(row => ({
    char: row.children[0].textContent,
    logit: row.children[1].textContent,
    p: row.children[2].textContent,
    bar: parseFloat(row.querySelector("i").style.width),
    line: parseFloat(row.querySelector("b").style.left),
}))"""


def turn(page, temperature):
    """Turn the dial by keyboard."""
    dial = page.get_by_label("temperature τ")
    dial.focus()
    page.keyboard.press("Home")
    for _ in range(round(temperature / 0.05)):
        page.keyboard.press("ArrowRight")
    assert float(dial.input_value()) == pytest.approx(temperature)


def test_the_dials_numbers_are_charseqs(part, farm):
    vocab, _, logits = farm
    page = part("temperature", **DIAL)
    learned = probabilities(logits)
    for temperature in (0, 0.05, 0.5, 0.95, 1, 1.5, 2):
        turn(page, temperature)
        p = probabilities(logits, temperature=temperature)
        bars = page.evaluate(BARS)
        order = np.argsort(-logits)
        assert [bar["char"] for bar in bars] == [vocab.chars[k].replace(" ", "␣") for k in order]
        for bar, k in zip(bars, order, strict=True):
            assert float(bar["logit"].replace("−", "-")) == pytest.approx(logits[k], abs=0.00501)
            assert float(bar["p"]) == pytest.approx(p[k], abs=0.000501)
            assert bar["bar"] == pytest.approx(100 * p[k], abs=1e-4)
            assert bar["line"] == pytest.approx(100 * learned[k], abs=1e-4)
        nats = abs((p[p > 0] * np.log(p[p > 0])).sum())
        said = page.locator(".play-temperature").text_content()
        assert f"as unsure as between {np.exp(nats):.2f} equally likely" in said
        assert f": {nats / np.log(2):.2f} bits" in said
        assert f"c is the likeliest, with {p[order[0]]:.3f}" in said


def test_below_1_the_likeliest_gets_likelier_and_above_1_less_likely(part):
    page = part("temperature", **DIAL)
    shares = []
    for temperature in (0, 0.5, 1, 1.5, 2):
        turn(page, temperature)
        shares.append(page.evaluate(BARS)[0]["bar"])
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 100
    assert len(set(shares)) == 5
    said = page.locator(".play-temperature [role=status].play-unseen")
    said.filter(has_text="Temperature 2.00: c is the likeliest").wait_for(state="attached")


def drawn(page):
    page.get_by_role("button", name="Draw 40 characters").press("Enter")
    return page.locator(".play-dial-draws li code").first.text_content()


def test_forty_characters_are_drawn_and_a_seed_repeats_them(part, farm):
    vocab, model, _ = farm
    page = part("temperature", **DIAL)
    once = drawn(page)
    assert len(once) == 40
    assert set(once) <= set(vocab.chars)
    assert drawn(page) == once
    seed = page.get_by_label("seed", exact=True)
    seed.fill("12")
    page.keyboard.press("Tab")
    other = drawn(page)
    assert other != once
    assert len(other) == 40
    turn(page, 0)
    (greedy,) = generate(NumpyNet.from_model(model), vocab, "the ", length=40, temperature=0)
    assert drawn(page) == greedy
    labels = page.locator(".play-dial-draws small").all_text_contents()
    assert labels == ["τ = 0.00, seed 12", "τ = 1.00, seed 12", *["τ = 1.00, seed 0"] * 2]
    for _ in range(4):
        drawn(page)
    assert page.locator(".play-dial-draws li").count() == 5


def test_what_is_drawn_is_the_next_input(part, farm):
    vocab, model, logits = farm
    page = part("temperature", **DIAL)
    line = drawn(page)
    one = page.get_by_role("button", name="Draw one character")
    again = page.get_by_role("button", name="Start again")
    assert not again.is_visible()
    for count in range(1, 11):
        one.press("Enter")
        read = "the " + line[:count]  # as when all are drawn at once
        code = page.locator(".play-temperature p code").nth(1)
        assert code.text_content() == read.replace(" ", "␣")
        assert code.locator("mark").text_content() == read[-1].replace(" ", "␣")
        ids = torch.from_numpy(vocab.encode(read))
        wanted = np.sort(model(ids[None])[0][0, -1].detach().numpy())[::-1]
        shown = [float(bar["logit"].replace("−", "-")) for bar in page.evaluate(BARS)]
        np.testing.assert_allclose(shown, wanted, atol=0.00501)
    again.press("Enter")
    assert not again.is_visible()
    assert one.evaluate("button => button === document.activeElement")
    shown = [float(bar["logit"].replace("−", "-")) for bar in page.evaluate(BARS)]
    np.testing.assert_allclose(shown, np.sort(logits)[::-1], atol=0.00501)


def test_an_odd_seed_gets_a_message(part):
    page = part("temperature", **DIAL)
    seed = page.get_by_label("seed", exact=True)
    for typed in (EVIL, "-1", "1.5", ""):
        seed.fill(typed)
        page.keyboard.press("Tab")
        assert seed.get_attribute("aria-invalid") == "true"
        assert "seed must be a whole number" in page.locator(".play-error").all_text_contents()[1]
        assert len(drawn(page)) == 40
    assert page.locator("img").count() == 0


def test_a_dial_without_options_has_a_network_too(part):
    page = part("temperature")
    assert sum(float(bar["p"]) for bar in page.evaluate(BARS)) == pytest.approx(1, abs=0.01)
    assert len(drawn(page)) == 40


def test_a_dial_reads_what_is_in_its_vocabulary(part):
    page = part("temperature", **DIAL | {"prompt": "THE the "})
    with_rest = page.evaluate(BARS)
    page = part("temperature", **DIAL | {"prompt": " the "})  # what is left of it
    assert page.evaluate(BARS) == with_rest


# --- the paths ------------------------------------------------------------------------------------

LEARNED = " learned deep learning"
PATHS = {
    "outputLayer": "false", "optimizer": "adam", "lr": 0.02, "epochs": 60, "seed": 19,
    "first": 0, "second": 13, "length": 6, "epoch": 1,
}  # fmt: skip


def test_the_gaps_of_the_paths_are_the_distances_of_torchs_states(part):
    page = part("paths", **PATHS)
    vocab = Vocabulary.from_text(LEARNED)
    ids = torch.from_numpy(vocab.encode(LEARNED))
    model = CharRNN(10, 10, output_layer=False, seed=19).double()
    adam = torch.optim.Adam(model.parameters(), lr=0.02)
    for epoch in range(1, 61):
        states = model(ids[None, :-1])[0][0]  # (T, H)
        if epoch in (1, 40, 43, 60):
            page.get_by_role("slider", name="Epoch").fill(str(epoch))
            distances = (states[0:6] - states[13:19]).norm(dim=1).tolist()
            texts = page.locator(".play-paths svg text").all_text_contents()
            says = vocab.decode(states[[5, 18]].argmax(dim=1))
            marks = ["✗✓"[char == right] for char, right in zip(says, "ei", strict=True)]
            assert texts[:2] == [f"{says[0]} {marks[0]}", "learned"]
            assert texts[2:4] == [f"{says[1]} {marks[1]}", "learning"]
            assert texts[4::2] == list("␣learn")
            assert [float(text) for text in texts[5::2]] == pytest.approx(distances, abs=0.000501)
            lines = page.locator(".play-paths svg path").evaluate_all(
                "all => all.map(path => path.getAttribute('d').slice(1).split('L'))"
            )
            upper, lower = ([float(point.split()[1]) for point in line] for line in lines)
            gaps = np.subtract(lower, upper)
            assert gaps / gaps[0] == pytest.approx(np.divide(distances, distances[0]))
            last = f"Epoch {epoch}: at the end the two states are {distances[-1]:.3f} apart."
            assert page.locator(".play-paths svg").get_attribute("aria-label") == last
        loss = torch.nn.functional.cross_entropy(states, ids[1:])
        adam.zero_grad()
        loss.backward()
        adam.step()


def test_the_paths_move_only_when_told_and_in_few_jumps_if_less_motion_is_asked_for(part):
    page = part("paths", **PATHS)
    page.emulate_media(reduced_motion="reduce")
    output = page.locator(".play-paths output")
    output.filter(has_text="1 of 60").wait_for()
    page.get_by_role("button", name="Play").press("Enter")
    output.filter(has_text="7 of 60").wait_for()
    page.get_by_role("button", name="Pause").press("Enter")
    assert output.text_content().startswith("7 of 60")
    assert page.get_by_role("button", name="Play").count() == 1


# --- on the site ----------------------------------------------------------------------------------

EMBEDDED = {
    "shapes.html": "explorer",
    "learn/sampling.html": "temperature",
    "learn/ceiling.html": "paths",
    "learn/look-inside.html": "look",
}


@pytest.mark.parametrize(("name", "play"), EMBEDDED.items())
def test_a_chapters_part_loads_when_it_comes_near_and_is_accessible(quiet, site, name, play):  # noqa: F811
    asked = []
    quiet.on("request", lambda request: asked.append(request.url.split("/")[-1].split("?")[0]))
    quiet.goto((site / name).as_uri())
    quiet.wait_for_load_state("load")
    assert f"{play}.js" not in asked
    part = quiet.locator(f'[data-play="{play}"]')
    part.scroll_into_view_if_needed()
    quiet.wait_for_selector(f".play-{play} button")
    assert part.locator(".play-fallback").count() == 0
    if play == "temperature":
        part.get_by_role("button", name="Draw 40 characters").click()
    elif play == "look":
        part.get_by_role("button", name="Load the network").click()
        part.locator(".play-look p", has_text="This text costs").wait_for()
        part.get_by_role("button", name="Write one character").click()
    elif play == "paths":
        part.get_by_role("slider", name="Epoch").fill("40")
    else:
        part.get_by_label("nn.LSTM").check()
        part.get_by_label("Its shape").fill("1, 2")
        quiet.keyboard.press("Enter")
    quiet.evaluate("document.querySelectorAll('.play details').forEach(box => { box.open = true })")
    problems = []
    for look, width in looks(quiet):
        # The order of headings is the page's; all else is the part's own, and quicker to check.
        found = barriers(quiet, part=None if look == "light, 320 px" else ".play")
        problems += [(look, barrier) for barrier in found]
        if quiet.evaluate(WIDER_THAN_THE_PAGE, width):
            problems.append((look, "scrolls sideways"))
        small = part.evaluate(
            """part => [...part.querySelectorAll("button, input, summary")].filter(box => {
                const {width, height} = box.getBoundingClientRect();
                return box.type !== "checkbox" && width && (width < 24 || height < 24);
            }).map(box => box.outerHTML)"""
        )
        problems += [(look, f"smaller than 24 px: {html}") for html in small]
    assert problems == []


def test_a_picture_has_a_name_before_there_is_anything_to_draw():
    made = [
        attributes
        for path in PLAY.glob("*.js")
        for attributes in re.findall(
            r'svg\(\s*"svg",\s*\{([^}]*role: "img"[^}]*)', path.read_text("utf-8")
        )
    ]
    assert len(made) >= 2
    assert all('"aria-label"' in attributes for attributes in made)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("shapes.html", ["weight_ih_l0", "(2, 4)", "(D*L, B, H)", "(B, T, H)"]),
        ("learn/sampling.html", ["0.556", "11.21 characters", "likeliest four", "sixteen"]),
    ],
)
def test_without_scripts_a_table_stands_in_the_parts_place(browser, site, name, says):
    page = browser.new_page(java_script_enabled=False)
    page.goto((site / name).as_uri())
    fallback = page.locator(".play-fallback")
    assert fallback.is_visible()
    assert fallback.locator("tbody tr").count() >= 4
    assert all(text in fallback.inner_text() for text in says)
    page.close()
