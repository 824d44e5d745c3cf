"""The shape explorer against torch, and the parts in their places."""

import itertools
import random
import re
from collections import Counter
from functools import cache
from html import escape
from urllib.parse import urlencode

import numpy as np
import pytest
from accessible import problems_in_each_look
from javascript import WEB
from test_pages import quiet  # noqa: F401 - a fixture
from test_play_core import js  # noqa: F401 - a fixture

import bundles
from charseq import LayerShapes
from widgets import bundle_source

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="session")
def bundle_of(tmp_path_factory):
    """Return a folder with the bundle of some widgets, as the site's builder writes it."""

    @cache
    def bundled(names):
        folder = tmp_path_factory.mktemp("part") / "_static" / "bundles"
        styles = {name: bundles.source_of(name) for name in ("widgets.css", "parts.css")}
        bundles.bundle({"part.js": bundle_source(names), **styles}, folder)
        return folder

    return bundled


@pytest.fixture
def part(quiet, tmp_path, bundle_of):
    """Put a part, or several, on a page of its own, as the site's builder would."""

    def show(*names, ready="button", **options):
        made = "".join(
            f'<div class="play" data-play="{name}" data-options="{escape(urlencode(options))}">'
            '<div class="play-fallback">Fallback.</div></div>'
            for name in names
        )
        folder = bundle_of(names)
        (tmp_path / "page.html").write_text(
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Part</title>'
            f'<link rel="stylesheet" href="{(folder / "widgets.css").as_uri()}">'
            f'<link rel="stylesheet" href="{(folder / "parts.css").as_uri()}">'
            f"<body><main><h1>Part</h1><h2>One</h2>{made}</main>"
            f'<script defer src="{(folder / "part.js").as_uri()}"></script>',
            "utf-8",
        )
        quiet.goto((tmp_path / "page.html").as_uri())
        for name in names:
            quiet.locator(f'[data-play="{name}"]').scroll_into_view_if_needed()
            quiet.wait_for_selector(f".play-{name} {ready}")
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


def shown(page):
    """What the explorer's table says, by name."""
    seen = page.evaluate(READ)
    table = {row[0]: dict(zip(("shape", "formula", "numbers", "what", "change"), row[1:],
                              strict=True)) for row in seen["rows"]}  # fmt: skip
    return seen, table


# In float32, torch warns that oneDNN knows no projections.
@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_table_and_boxes_are_those_of_the_layer_that_the_call_makes_in_torch(part):
    page = part("explorer")
    for options in SPREAD:
        page.evaluate(SET, options)
        seen, table = shown(page)
        python, names = LayerShapes(**options), {}
        exec(seen["code"], names)  # as a reader would
        found = {name: names[name].shape for name in ("output", "h_n", "c_n") if name in names}
        found |= {name: weight.shape for name, weight in names["layer"].named_parameters()}
        found = {name: str(tuple(shape)) for name, shape in found.items()}
        assert found.items() <= {name: row["shape"] for name, row in table.items()}.items()
        rows = (*python.parameters, *python.tensors)
        assert [list(row.values())[:4] for row in table.values()] == [
            [str(row.shape), row.formula, f"{np.prod(row.shape):,}",
             getattr(row, "why", None) or row.symbol]
            for row in rows
        ]  # fmt: skip
        assert list(table) == [row.name for row in rows]
        count = f"{sum(weight.numel() for weight in names['layer'].parameters()):,} parameters"
        assert seen["caption"] == f"{python.call}: {count}"
        assert seen["summary"].startswith(count)
        # Each box is one row of the table, or says of how many it is the first.
        alike = [re.search(r"(\d+) of these, the last is (\w+)", box["text"])
                 for box in seen["boxes"]]  # fmt: skip
        assert sum(int(found[1]) if found else 1 for found in alike) == len(table)
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


def test_the_call_is_copied_and_the_button_says_so(part):
    page = part("explorer", mode="LSTM", proj_size=3)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    copy = page.get_by_role("button", name="Copy")
    copy.evaluate(  # the button says so for a moment only
        """button => new MutationObserver(() => {
            window.copied ||= button.textContent === "Copied";
        }).observe(button, {childList: true})"""
    )
    copy.click()
    page.wait_for_function("window.copied")
    text = page.evaluate("navigator.clipboard.readText()")
    assert text == shown(page)[0]["code"] + "\n"
    assert "nn.LSTM(10, 16, proj_size=3)" in text


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


def test_a_slider_marks_against_where_it_began_and_that_of_the_batch_ends_at_none(part):
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
    page.get_by_label("batch_size, slider").focus()
    page.keyboard.press("ArrowLeft")
    assert page.get_by_label("batch_size", exact=True).input_value() == "none"
    _, table = shown(page)
    assert table["input"]["shape"] == "(21, 10)"
    assert table["h_n"]["formula"] == "(D*L, H)"


def test_what_does_not_fit_stays_beside_a_message(part):
    page = part("explorer")
    for name, typed, said, used in (
        ("proj_size", "4", "proj_size must be 0, except in an LSTM: got 4, so 0 is used", 16),
        ("num_layers", "9", 'must be a whole number from 1 to 8: got "9", so 8 is used', 16),
        ("hidden_size", "9" * 5000, "4096 is used", 4096),
        ("hidden_size", EVIL, 'got "<img src=x onerror=alert(1)>", so 16 is used', 16),
    ):
        field = page.get_by_label(name, exact=True)
        field.fill(typed)
        page.keyboard.press("Tab")
        assert field.get_attribute("aria-invalid") == "true"
        assert field.input_value() == typed
        about = field.get_attribute("aria-describedby").split()
        assert said in " ".join(page.locator(f"#{name}").text_content() for name in about)
        assert shown(page)[1]["weight_hh_l0"]["shape"] == f"({used}, {used})"
        assert page.locator("img").count() == 0
        status = page.locator(".play-explorer [role=status].play-unseen")
        status.filter(has_text=said).wait_for(state="attached")
        field.fill({"proj_size": "0", "num_layers": "1", "hidden_size": "16"}[name])
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


def test_hostile_options_of_a_page_do_no_harm(part):
    hostile = dict.fromkeys(OPTIONS, EVIL) | {"seed": EVIL, "__proto__": EVIL, "constructor": EVIL}
    hostile |= {"text": EVIL, "prompt": EVIL + "\U0001f600", "epochs": EVIL, "order": EVIL}
    page = part("explorer", **hostile)
    assert page.locator("img").count() == 0


# --- shapes that are typed ------------------------------------------------------------------------

TYPED = {
    (3, 21, 16): (
        *("3, 21, 16", "(3, 21, 16)", "[3,21,16]", "3 21 16", "3 × 21 × 16", "3x21x16"),
        *("3*21*16", " ( 3 ,21, 16, ) ", "torch.Size([3, 21, 16])", "3; 21; 16", "03, 21, 16"),
    ),
    (16,): ("16", "(16,)", "(16)", "16,"),
    (1, 3, 21, 16): ("1, 3, 21, 16",),  # a wrong answer and no odd one
}


def test_a_shape_may_be_typed_in_many_ways(js):
    for shape, texts in TYPED.items():
        for typed in texts:
            assert js("typedShape", typed) == {"shape": [*shape], "hint": ""}, typed


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
def test_odd_input_gets_a_hint(js, typed, hint):
    read = js("typedShape", typed)
    assert hint.lower() in read["hint"].lower()
    assert read["hint"].endswith("for example 3, 21, 16.")
    assert read["shape"] == []


# --- on the site ----------------------------------------------------------------------------------


EMBEDDED = [
    ("shapes.html", "explorer"),
    ("learn/look-inside.html", "look"),
    ("learn/gru.html", "valves"),
    ("learn/translate.html", "align"),
    ("learn/words.html", "pieces"),
    ("learn/forecast.html", "forecast"),
    ("learn/tag.html", "tag"),
]


@pytest.mark.parametrize(("name", "play"), EMBEDDED)
def test_a_chapters_part_loads_when_it_comes_near_and_is_accessible(quiet, site, name, play):
    asked = []
    quiet.on("request", lambda request: asked.append(request.url.split("/")[-1].split("?")[0]))
    quiet.goto((site / name).as_uri())
    quiet.wait_for_load_state("load")
    html = (site / name).read_text("utf-8")
    (bundle,) = set(re.findall(r'data-files="[^"]*bundles/([\w-]+\.js)"', html))
    part = quiet.locator(f'[data-play="{play}"]')
    tops = quiet.locator("[data-play]").evaluate_all("all => all.map(e => e.offsetTop)")
    assert min(tops) < 900 + 900 or bundle not in asked  # near from the start, or not asked for
    part.scroll_into_view_if_needed()
    quiet.wait_for_selector(f".play-{play} button")
    assert bundle in asked
    assert part.locator(".play-fallback").count() == 0
    if play == "look":
        part.get_by_role("button", name="Load the network").click()
        part.locator(".play-look p", has_text="This text costs").wait_for()
        part.get_by_role("button", name="Write one character").click()
    elif play == "valves":
        part.get_by_label("weights, lid held open").check()
    elif play == "tag":
        part.get_by_label("A sentence in small letters").fill("it was darcy")
    elif play == "align":
        part.get_by_label("A date").fill("March 3, 1998")
    elif play == "pieces":
        part.get_by_label("A text").fill("It is a truth")
    elif play == "forecast":
        part.get_by_role("slider", name="months ahead").fill("6")
    else:
        part.get_by_label("nn.LSTM").check()
    quiet.evaluate("document.querySelectorAll('.play details').forEach(box => { box.open = true })")
    # The order of headings is the page's; all else is the part's own, and quicker to check.
    assert problems_in_each_look(quiet, ".play", whole=["light, 320 px"]) == []


def test_what_stands_below_a_part_stays_in_view_when_the_part_replaces_its_fallback(quiet, site):
    quiet.goto((site / "shapes.html").as_uri())
    top = "document.querySelector('#the-number-of-parameters').getBoundingClientRect().top"
    assert quiet.locator(".play-explorer").count() == 0
    quiet.evaluate(f"scrollTo({{top: {top} - 150, behavior: 'instant'}})")
    quiet.wait_for_selector(".play-explorer button")
    assert quiet.evaluate(top) == pytest.approx(150, abs=2)


def test_a_picture_has_a_name_before_there_is_anything_to_draw():
    made = [
        attributes
        for path in WEB.rglob("*.js")
        for attributes in re.findall(
            r'svg\(\s*"svg",\s*\{([^}]*role: "img"[^}]*)', path.read_text("utf-8")
        )
    ]
    assert len(made) >= 2
    assert all('"aria-label"' in attributes for attributes in made)


@pytest.mark.parametrize(
    ("name", "play", "says"),
    [
        ("shapes.html", "explorer", ["weight_ih_l0", "(2, 4)", "(D*L, B, H)", "(B, T, H)"]),
        ("learn/ceiling.html", "scrubber", ["138", "learnid deep learning"]),
    ],
)
def test_without_scripts_a_table_stands_in_the_parts_place(browser, site, name, play, says):
    page = browser.new_page(java_script_enabled=False)
    page.goto((site / name).as_uri())
    fallback = page.locator(f"[data-play='{play}'] .play-fallback")
    assert fallback.is_visible()
    assert fallback.locator("tbody tr").count() >= 4
    assert all(text in fallback.inner_text() for text in says)
    page.close()


@pytest.mark.parametrize("width", [390, 1300])
@pytest.mark.parametrize(
    "name",
    [
        "playground",
        "shapes",
        "learn/recurrence",
        "learn/ceiling",
        "learn/output-layer",
        "learn/gates",
        "learn/translate",
        "learn/tag",
    ],
)
def test_a_live_part_has_its_room_before_it_loads(quiet, site, name, width):
    quiet.set_viewport_size({"width": width, "height": 900})
    quiet.goto((site / f"{name}.html").as_uri())
    parts = quiet.locator("[data-play]")
    heights = "parts => parts.map(part => part.getBoundingClientRect().height)"
    before = parts.evaluate_all(heights)
    for part in parts.all():
        part.scroll_into_view_if_needed()
        part.locator(".play-part").wait_for()
    after = parts.evaluate_all(heights)
    assert all(abs(old - new) <= 8 for old, new in zip(before, after, strict=True)), (before, after)


def test_an_address_below_live_parts_is_where_a_page_stops(quiet, site):
    quiet.goto(f"{(site / 'playground.html').as_uri()}#what-it-is-and-is-not")
    quiet.locator('[data-play="explorer"] .play-part').wait_for()
    quiet.wait_for_function(
        "Math.abs(document.querySelector('#what-it-is-and-is-not')"
        ".getBoundingClientRect().top) < 120"
    )
