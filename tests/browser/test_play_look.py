"""The part `look`: a trained network in the reader's browser, against the package.

Its numbers are tested in test_play_core.py. Here is what the page does with them.
"""

import re
import shutil
from html import escape
from urllib.parse import urlencode

import numpy as np
import pytest
from accessible import problems_in_each_look
from test_pages import quiet  # noqa: F401 - a fixture
from test_play_core import js, trained  # noqa: F401 - a fixture

import bundles
from charseq import generate, reference
from widgets import bundle_source, pack_net

EVIL = "<img src=x onerror=alert(1)>"
THEME = """
:root { --color-brand-primary: #0b5cad; --color-background-border: #ccc; }
@media (prefers-color-scheme: dark) {
  :root { --color-brand-primary: #58a6ff; --color-background-border: #444; }
  body { background: #131416; color: #eee; }
}"""
TEXT = 'f(a, b) is a "call" (of f).'
NET = "austen.js"
LATER = {"look-panels.js", "look.css"}
CELLS = "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with all scripts, and the network, as the site's builder would write them."""
    folder = tmp_path_factory.mktemp("look")
    entries = {name: bundles.source_of(name) for name in LATER | {"widgets.css"}}
    bundles.bundle(entries | {"look.js": bundle_source(["look"])}, folder / "_static" / "bundles")
    (folder / "_static" / NET).write_text(pack_net(), "utf-8")
    return folder


def write_page(folder, **options):
    file = folder / "_static" / NET
    size = file.stat().st_size if file.exists() else 0
    made = (
        f'<div class="play" data-play="look" '
        f'data-options="{escape(urlencode({"size": size} | options))}">'
        '<div class="play-fallback">Fallback.</div></div>'
    )
    (folder / "page.html").write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Part</title>'
        f'<style>{THEME}</style><link rel="stylesheet" href="_static/bundles/widgets.css">'
        f"<body><main><h1>Part</h1><h2>One</h2>{made}</main>"
        '<script defer src="_static/bundles/look.js"></script>',
        "utf-8",
    )
    return (folder / "page.html").as_uri()


@pytest.fixture
def look(quiet, folder):
    """Open the part, and load its network."""

    def open_(hash="", load=True, **options):
        quiet.goto("about:blank")
        quiet.goto(write_page(folder, **options) + hash)
        press = quiet.get_by_role("button", name="Load the network")
        press.wait_for()
        if load:
            press.click()
            ready(quiet)
        return quiet

    return open_


def ready(page):
    """Wait until the text is read."""
    page.wait_for_function(
        """() => [...document.querySelectorAll(".play-look section p")].some(
            p => p.textContent.startsWith("This text costs"))"""
    )


def type_text(page, text):
    page.locator("textarea").fill(text)
    page.wait_for_function(
        """count => {
            const title = document.querySelector(".play-look section h3").textContent;
            const painted = document.querySelector(".play-look-painted");
            return count ? title.includes(` of ${count}:`) : painted.hidden;
        }""",
        arg=len(text),
    )


def choose_unit(page, unit):
    box = page.get_by_label("Unit", exact=True)
    box.fill(str(unit))
    box.press("Enter")


def states_shown(page):
    """The states in the table below the painted text."""
    box = page.locator(".play-look-painted details")
    if box.get_attribute("open") is None:
        box.locator("summary").click()
    box.locator("tbody tr").first.wait_for()
    cells = box.locator("tbody td:nth-child(3)").all_text_contents()
    return [float(text.replace("−", "-")) if text else None for text in cells]


def place(page):
    """The heading and the sentence about the chosen character."""
    section = page.locator(".play-look section").first
    return section.locator("h3").text_content(), section.locator("p:not(.play-note)").text_content()


def bits(page):
    return page.locator(
        ".play-look section:has(input[type=checkbox]) p:not(.play-note)"
    ).text_content()


def written(page):
    return page.locator(".play-look-written mark").text_content()


# --- loading --------------------------------------------------------------------------------------


def test_nothing_of_the_network_is_loaded_before_the_reader_asks(look, quiet, folder):
    asked = []
    quiet.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page = look(load=False)
    before = {"look.js", "page.html", "widgets.css", "blank"}
    assert set(asked) <= before
    kilobytes = -(-(folder / "_static" / NET).stat().st_size // 1000)
    page.get_by_role("button", name=f"Load the network ({kilobytes} kB)").press("Enter")
    ready(page)
    assert set(asked) - before == {NET} | LATER


BROKEN = {
    "cut short": lambda script: script[: len(script) // 2],
    "of another kind": lambda script: "hello",
    "without a weight": lambda script: script.replace('"head.bias"', '"head.bios"'),
}


@pytest.mark.parametrize("damage", BROKEN)
def test_a_damaged_network_says_so_in_one_sentence(browser, folder, tmp_path, damage):
    shutil.copytree(folder, tmp_path / "look")
    file = tmp_path / "look" / "_static" / NET
    file.write_text(BROKEN[damage](file.read_text("utf-8")), "utf-8")
    page = browser.new_page()
    page.goto(write_page(tmp_path / "look"))
    page.get_by_role("button", name="Load the network").click()
    said = page.locator(".play-look [role=status]")
    said.filter(has_text="The network’s file is damaged").wait_for()
    assert said.text_content().endswith((".", "Load this page again."))
    assert page.get_by_role("button", name="Load the network").is_visible()
    page.close()


def test_a_missing_network_says_so_and_can_be_asked_for_again(browser, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "look")
    file = tmp_path / "look" / "_static" / NET
    script = file.read_text("utf-8")
    file.unlink()
    page = browser.new_page()
    page.goto(write_page(tmp_path / "look"))
    press = page.get_by_role("button", name="Load the network")
    press.click()
    said = page.locator(".play-look [role=status]")
    said.filter(has_text=f"The file {NET} could not be loaded.").wait_for()
    file.write_text(script, "utf-8")
    press.click()
    ready(page)
    page.close()


# --- the painted text -----------------------------------------------------------------------------


def test_the_states_shown_are_those_of_the_package(look, trained):
    _, net, vocab = trained
    page = look(text=TEXT)
    _, states = net.read(vocab.encode(TEXT))
    for unit in (0, 7, net.hidden_size - 1):
        choose_unit(page, unit)
        np.testing.assert_allclose(states_shown(page), states[:, unit], atol=0.00501)
    colors = page.locator(".play-look-text span").evaluate_all(
        "all => all.map(cell => cell.style.backgroundColor)"
    )
    below = page.locator(".play-look-text span").evaluate_all(
        "all => all.map(cell => cell.classList.contains('play-look-below'))"
    )
    for value, color, is_below in zip(states[:, unit], colors, below, strict=True):
        if abs(value) > 0.05:
            assert ("minus" if value < 0 else "plus") in color
            assert is_below == (value < 0)
    assert page.locator(".play-look-text").text_content() == TEXT  # it is still text


def test_a_unit_that_does_not_exist_gets_a_message(look, trained):
    last = trained[1].hidden_size - 1
    page = look(text=TEXT)
    choose_unit(page, 3)
    for typed in (str(last + 1), "-1", "1.5", "", EVIL):
        choose_unit(page, typed)
        error = f"The unit must be a whole number from 0 to {last}."
        assert page.locator(".play-error", has_text=error).count() == 1
        assert "Unit 3 holds" in place(page)[1]
    choose_unit(page, 4)
    assert page.locator(".play-error", has_text="The unit must").count() == 0
    assert "Unit 4 holds" in place(page)[1]


def test_arrow_keys_lead_from_character_to_character(look):
    page = look(text="one\ntwo\nthree")
    first = page.locator(".play-look-text [tabindex]")
    assert first.count() == 1
    first.focus()
    for key, letter, number in (
        ("ArrowRight", "n", 2),
        ("ArrowDown", "w", 6),
        ("ArrowDown", "h", 10),
        ("ArrowUp", "w", 6),
        ("End", "e", 13),
        ("ArrowRight", "e", 13),
        ("Home", "o", 1),
        ("ArrowLeft", "o", 1),
    ):
        page.keyboard.press(key)
        assert place(page)[0] == f"Character {number} of 13: “{letter}”"
        assert page.evaluate("document.activeElement.textContent") == letter
        assert page.locator(".play-look-text [tabindex]").count() == 1
    page.locator(".play-look-text span").nth(5).click()
    assert place(page)[0] == "Character 6 of 13: “w”"


def test_the_tables_of_a_character_are_those_of_the_package(look, trained):
    file, net, vocab = trained
    page = look(text=TEXT, unit=5)
    ids = vocab.encode(TEXT)
    logits, states = net.read(ids)
    p = reference.softmax(logits)
    for t in (0, 9, len(TEXT) - 1):
        page.locator(".play-look-text span").nth(t).click()
        rows = page.locator(".play-dial tbody tr").evaluate_all(CELLS)
        order = np.argsort(-p[t])[:10]
        shown = [vocab.chars[k].replace(" ", "␣").replace("\n", "↵") for k in order]
        assert [row[0] for row in rows[:10]] == shown
        for row, k in zip(rows, order, strict=False):
            assert float(row[2]) == pytest.approx(p[t, k], abs=0.000501)
        came = [row[0] for row in rows if row[1]]
        assert came == ([] if t == len(TEXT) - 1 else [TEXT[t + 1].replace(" ", "␣")])
        assert sum(float(row[2]) for row in rows) == pytest.approx(1, abs=0.01)
        unit = page.locator("[aria-label='The unit at this character'] tbody tr")
        values = dict(unit.evaluate_all(CELLS))
        new = float(values["state ht"].replace("−", "-"))
        assert new == pytest.approx(states[t, 5], abs=0.000501)
        gates = {"GRU": 3, "LSTM": 4, "RNN": 0}[file["options"]["cell"]]
        assert len(values) == 2 + gates + 2 * (file["options"]["cell"] == "LSTM")


def test_a_long_text_is_shown_a_page_at_a_time(look):
    page = look(text=TEXT)
    text = "".join(f"({k}) " for k in range(500))
    type_text(page, text)
    assert page.locator(".play-look-text span").count() == len(text) % 1000
    page.get_by_role("button", name="Back", exact=True).press("Enter")
    assert page.locator(".play-look-text").text_content() == text[1000:2000]
    page.get_by_role("button", name="Back", exact=True).press("Enter")
    page.get_by_role("button", name="Back", exact=True).press("Enter")  # there is none
    assert place(page)[0] == f"Character 1 of {len(text)}: “(”"
    page.locator(".play-look-text [tabindex]").focus()
    page.keyboard.press("PageDown")
    assert place(page)[0].startswith("Character 1001 of")
    assert page.locator("nav span").text_content() == f"Characters 1,001 to 2,000 of {len(text):,}"


# --- what is odd ----------------------------------------------------------------------------------


def test_odd_texts_say_what_happened_in_a_sentence(look, trained):
    _, net, vocab = trained
    page = look(text=TEXT)
    note = page.locator(".play-look .play-field + .play-note")
    type_text(page, EVIL)
    assert page.locator(".play-look-text").text_content() == EVIL  # markup stays text
    assert page.locator(".play-look img").count() == 0
    type_text(page, "a€b€🙂c")
    said = "The network does not know 3 of these characters (€ 🙂): they are shown and skipped."
    assert note.text_content() == said
    assert page.locator(".play-look-unknown").all_text_contents() == ["€", "€", "🙂"]
    _, states = net.read(vocab.encode("abc"))
    choose_unit(page, 2)
    shown = states_shown(page)
    assert [shown[k] is None for k in range(6)] == [False, True, False, True, True, False]
    np.testing.assert_allclose([shown[0], shown[2], shown[5]], states[:, 2], atol=0.00501)
    page.locator(".play-look-unknown").first.click()
    assert place(page)[1] == "The network does not know “€”, so it skips it."

    type_text(page, "")
    assert note.text_content() == "The text is empty, so there is nothing to read."
    page.get_by_text("The network needs at least one character that it knows.").wait_for()
    page.get_by_role("button", name="Write on", exact=True).press("Enter")
    page.get_by_role("button", name="Write one character").press("Enter")
    assert written(page) == ""
    page.locator("textarea").fill("€€")
    page.get_by_text("The network knows none of these characters.").first.wait_for()


def test_a_very_long_text_is_cut_with_a_sentence(look):
    page = look(text=TEXT)
    page.locator("textarea").fill("ab" * 15_000)
    note = page.locator(".play-look .play-field + .play-note")
    note.filter(has_text="The text has 30,000 characters").wait_for()
    assert note.text_content() == (
        "The text has 30,000 characters, and only the first 20,000 are read."
    )
    page.get_by_label("Unit, slider").press("ArrowRight")  # it answers while it reads
    assert page.get_by_label("Unit", exact=True).input_value() == "1"
    page.get_by_role("button", name="Show the first text again").press("Enter")
    ready(page)
    assert place(page)[0].startswith("Character 1 of")


# --- silence and search ---------------------------------------------------------------------------


def bits_of(net, ids):
    p = reference.softmax(net.read(ids)[0])
    return -np.log2(p[np.arange(len(ids) - 1), ids[1:]]).mean()


def test_bits_with_and_without_a_unit_are_those_of_the_package(look, trained):
    _, net, vocab = trained
    page = look(text=TEXT, unit=9)
    ids = vocab.encode(TEXT)
    own = f"This text costs {bits_of(net, ids):.3f} bits per character"
    assert bits(page) == f"{own}."
    box = page.get_by_role("checkbox", name="Silence unit 9")
    box.check()
    for unit in (9, 11):
        choose_unit(page, unit)
        page.locator(".play-look p", has_text=f"without unit {unit}: ").wait_for()
        said = bits(page)
        assert said.startswith(f"{own}, and {bits_of(net.without_units([unit]), ids):.3f} without")
        assert f"Unit {unit} holds" in place(page)[1]
    assert "Without this unit, the network expects" in place(page)[1]
    page.get_by_role("checkbox", name="Silence unit 11").uncheck()
    page.locator(".play-look p", has_text=f"{own}.").wait_for()


def test_the_places_that_miss_a_unit_most_are_buttons_that_lead_there(look, trained):
    file, net, vocab = trained
    page = look(unit=3)
    page.get_by_role("checkbox", name="Silence unit 3").check()
    assert page.get_by_text("Unit 3 is silenced. Its colors show the state").is_visible()
    ids = vocab.encode(file["text"])
    costs = [
        -np.log2(reference.softmax(one.read(ids)[0])[np.arange(len(ids) - 1), ids[1:]])
        for one in (net, net.without_units([3]))
    ]
    more = costs[1] - costs[0]  # of the character after each
    first = page.get_by_role("button", name=re.compile(r"^“.” after character [0-9,]+: "))
    first.first.wait_for()
    worst = int(more.argmax())
    assert f"after character {worst + 1}: +{more[worst]:.2f} bits" in first.first.text_content()
    assert first.count() == min(5, int((more > 0).sum()))
    first.first.press("Enter")
    assert place(page)[0].startswith(f"Character {worst + 1} of")
    assert page.evaluate("document.activeElement.matches('.play-look-text span')")
    page.get_by_role("checkbox").uncheck()
    first.first.wait_for(state="detached")
    assert not page.get_by_text("Unit 3 is silenced.").is_visible()


def test_a_pasted_text_begins_at_its_first_page_and_clears_what_belonged_to_the_old_one(look):
    page = look(text=TEXT)
    page.get_by_role("button", name="Write one character").press("Enter")
    left = page.evaluate(
        """async () => {
            const box = document.querySelector(".play-look textarea");
            box.value = "a(b) ".repeat(1000);
            box.dispatchEvent(new InputEvent("input", {inputType: "insertFromPaste"}));
            const text = document.querySelector(".play-look-text");
            await new Promise(done => new MutationObserver(done).observe(text, {childList: true}));
            return [
                document.querySelector(".play-look-written mark").textContent,
                [...document.querySelectorAll(".play-look section p")]
                    .some(p => p.textContent.startsWith("This text costs")),
            ];
        }"""
    )
    assert left == ["", False]
    ready(page)
    assert place(page)[0] == "Character 1 of 5000: “a”"
    assert page.locator("nav span").text_content() == "Characters 1 to 1,000 of 5,000"


def test_a_mark_over_a_letter_and_an_underscore_differ(look):
    page = look(text="m.__self__")
    assert page.locator(".play-look-below").count()
    shadow = page.locator(".play-look-below").first.evaluate("e => getComputedStyle(e).boxShadow")
    assert " 0px 2px 0px 0px inset" in shadow  # a line at the top


# --- writing --------------------------------------------------------------------------------------


def set_slider(page, label, value):
    page.get_by_label(label).fill(str(value))


def test_what_it_writes_at_temperature_0_is_what_charseq_writes(look, trained):
    _, net, vocab = trained
    page = look(text=TEXT)
    set_slider(page, "Temperature τ", 0)
    for _ in range(3):
        page.get_by_role("button", name="Write one character").press("Enter")
    (expected,) = generate(net, vocab, TEXT, length=400, temperature=0)
    assert written(page) == expected[:3]
    page.get_by_role("button", name="Write on", exact=True).press("Enter")
    page.wait_for_function(
        "() => document.querySelector('.play-look-written mark').textContent.length > 120"
    )
    page.get_by_role("button", name="Stop").press("Enter")
    text = written(page)
    assert text == expected[: len(text)]
    page.evaluate(
        """() => new Promise(done => {
            let frames = 0;
            const count = () => ++frames < 10 ? requestAnimationFrame(count) : done();
            count();
        })"""
    )
    assert written(page) == text  # it has stopped: ten frames later there is no more
    page.get_by_role("button", name="Add this to your text").press("Enter")
    ready(page)
    assert page.locator("textarea").input_value() == TEXT + text
    page.locator(".play-look h3", has_text=f"of {len(TEXT + text)}: ").wait_for()


def test_a_line_end_can_be_seen_in_what_it_writes(look):
    page = look(text="The end.\n\n")
    line = page.locator(".play-look-written .play-look-line").first
    assert line.evaluate("e => getComputedStyle(e, '::before').content").startswith('"↵"')


def test_a_seed_repeats_what_is_written_and_top_1_is_as_temperature_0(look, trained):
    _, net, vocab = trained
    page = look(text=TEXT)
    one = page.get_by_role("button", name="Write one character")

    def write():
        page.get_by_role("button", name="Start again").press("Enter")
        for _ in range(12):
            one.press("Enter")
        return written(page)

    set_slider(page, "Temperature τ", 1.5)
    first = write()
    assert write() == first
    page.get_by_label("Seed", exact=True).fill("5")
    page.keyboard.press("Tab")
    assert write() != first
    page.get_by_label("Seed", exact=True).fill("x")
    page.keyboard.press("Tab")
    assert page.get_by_text("The seed must be a whole number, 0 or more.").is_visible()
    set_slider(page, "Top-k", 1)
    (greedy,) = generate(net, vocab, TEXT, length=12, temperature=0)
    assert write() == greedy


def test_with_less_motion_it_writes_in_few_pieces(look):
    page = look(text=TEXT)
    page.emulate_media(reduced_motion="reduce")
    page.evaluate(
        """() => {
            window.lengths = new Set();
            const mark = document.querySelector(".play-look-written mark");
            new MutationObserver(() => lengths.add(mark.textContent.length)).observe(
                mark, {childList: true});
        }"""
    )
    page.get_by_role("button", name="Write on", exact=True).press("Enter")
    page.wait_for_function("() => lengths.size >= 3")
    page.get_by_role("button", name="Stop").press("Enter")
    assert sorted(page.evaluate("[...lengths]"))[:3] == [100, 200, 300]


# --- links ----------------------------------------------------------------------------------------


def test_what_happens_is_said_to_a_screen_reader(look):
    page = look(text=TEXT)
    said = page.locator(".play-look > [role=status].play-unseen")
    choose_unit(page, 6)
    said.filter(has_text="Unit 6 holds").wait_for(state="attached")
    page.get_by_role("button", name="Write one character").press("Enter")
    said.filter(has_text="is written.").wait_for(state="attached")
    page.locator("textarea").fill("a€")
    said.filter(has_text="does not know 1 of these").wait_for(state="attached")


def test_the_part_is_accessible_in_each_look(look):
    page = look()
    choose_unit(page, 8)
    page.locator(".play-look-text span").nth(30).click()
    page.locator(".play-look details").evaluate_all(
        "all => all.forEach(box => { box.open = true })"
    )
    page.locator(".play-look-find table").wait_for()
    page.locator(".play-look .play-verdict").wait_for()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Write one character").press("Enter")
    assert problems_in_each_look(page, ".play") == []
