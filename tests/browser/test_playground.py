"""The playground: what a reader sets is trained, shown, kept in the address, and judged."""

import json
from urllib.parse import urlencode

import pytest
from accessible import UNFOLD, problems
from javascript import STORE
from playwright.sync_api import expect
from test_notebook import LOG
from test_parts import HOSTILE, SLIPPED, assert_plays, reach_all

KEPT = "charseq.challenges"
NOTEBOOK = {"order": "egnidrl pa", "outputLayer": "false", "lr": "0.5", "skip": "16"}


@pytest.fixture
def play(visit, quiet):
    """Open the playground at an address, once it has shown its run."""
    quiet.add_init_script(STORE)

    def open_(more="", **settings):
        quiet.goto("about:blank")
        page = visit("playground.html", more or "#" + urlencode(settings))
        page.wait_for_selector(".play-strip li", state="attached")
        page.evaluate(UNFOLD)
        return page

    return open_


def verdict(page):
    page.get_by_role("slider", name="Epoch", exact=True).press("End")
    return page.locator(".play-verdict").text_content()


def log(page):
    return page.locator("pre[aria-label='Log']").text_content()


def says(page):
    return "".join(page.locator(".play-says").all_text_contents()).replace("␣", " ")


def is_set(page, **settings):
    """Wait until the run that is shown has these settings."""
    page.wait_for_function(
        "wanted => Object.entries(wanted).every(([k, v]) => store.view.run.settings[k] === v)",
        arg=settings,
    )


def test_the_notebooks_run_prints_its_ten_lines(play):
    page = play(**NOTEBOOK)
    assert "Press Play." in page.locator(".play-verdict").text_content()  # not the end
    assert log(page) == LOG
    assert verdict(page).startswith("Not there yet.")
    assert "“i” instead of “e” (letter 6), “l” instead of “d” (letter 9)" in verdict(page)
    assert page.locator(".play-floor text").text_content() == "floor: 0.797"
    page.get_by_role("button", name="Reset").click()
    is_set(page, lr=0.1)
    assert log(page) != LOG


def test_the_reader_travels_through_the_epochs_and_sees_each(play):
    page = play(**NOTEBOOK, epoch="41")
    slider = page.get_by_role("slider", name="Epoch", exact=True)
    for key, shown in (("", 41), ("ArrowLeft", 40), ("Home", 1), ("End", 50), ("ArrowLeft", 49)):
        if key:
            slider.press(key)
        record = page.evaluate(
            "k => { const {loss, prediction, right, flow} = store.view.run.records[k - 1];"
            " return {loss, prediction, right: [...right], flow: [...flow]}; }", shown)  # fmt: skip
        assert slider.get_attribute("aria-valuetext") == f"{shown} of 50"
        assert says(page) == record["prediction"]
        wrong = sum(a != b for a, b in zip(says(page), "learned deep learning", strict=True))
        assert page.locator(".play-wrong").count() == wrong
        told = page.locator(".play-train .play-readout").text_content()
        assert f", {21 - wrong} of 21 letters are right, and" in told
        assert f"the loss is {record['loss']:.3f}." in told
        heights = "all => all.map(bar => parseFloat(bar.style.height))"
        shares, flows = (
            page.locator(f"{name} i").evaluate_all(heights)
            for name in (".play-share", ".play-flow")
        )
        assert shares == pytest.approx([100 * p for p in record["right"]], abs=0.01)
        most = max(record["flow"])
        assert flows == pytest.approx([100 * x / most for x in record["flow"]], abs=0.01)
    assert_plays(page.locator(".play-train .play-player"))


def test_a_press_on_the_loss_curve_chooses_the_epoch_that_is_drawn_there(play):
    page = play()
    curve = page.locator(".play-curve svg")
    slider = page.get_by_role("slider", name="Epoch", exact=True)
    dot = page.locator(".play-curve .play-dot")
    for epoch in ("1", "2", "3", "25", "49", "50"):
        slider.fill(epoch)
        x = float(dot.get_attribute("cx"))
        slider.fill("20")
        curve.click(position={"x": x, "y": 60})
        assert slider.input_value() == epoch
    for shown, epochs in (("line", 50), ("later", 50)):
        assert page.locator(f".play-{shown}").get_attribute("d").count("L") == epochs - 1
    assert page.locator(".play-before").get_attribute("d") == ""
    page.get_by_label("Epochs", exact=True).fill("30")
    page.get_by_label("Epochs", exact=True).press("Enter")
    is_set(page, epochs=30)
    assert page.locator(".play-before").get_attribute("d").count("L") == 29  # the run before


def test_the_address_keeps_the_settings_and_leads_back_to_them(play):
    page = play()
    page.get_by_label("Learning rate", exact=True).fill("0.25")
    page.get_by_label("Learning rate", exact=True).press("Enter")
    page.get_by_role("radio", name="GRU").press("Space")
    page.get_by_label("Your own sentence").fill("a <b>bold</b> & 🙂")
    is_set(page, text="a <b>bold</b> & 🙂", cell="GRU", lr=0.25)
    page.evaluate("store.set({epoch: 7, t: 3, unit: 2})")
    page.wait_for_function("location.hash.includes('epoch=7')")
    kept, seen = page.evaluate("location.hash"), log(page)
    page = play(kept)
    assert page.get_by_label("Your own sentence").input_value() == "a <b>bold</b> & 🙂"
    assert log(page) == seen
    place = page.evaluate("(({epoch, t, unit}) => [epoch, t, unit])(store.view)")
    assert place == [7, 3, 2]
    page.evaluate("location.hash = '#lr=0.3&epochs=20'")
    is_set(page, lr=0.3, epochs=20, text=" learned deep learning")


def test_a_wrong_value_is_told_beside_its_field_and_a_field_without_effect_is_off(play):
    page = play()
    box = page.get_by_label("Momentum", exact=True)
    box.fill("7")
    box.press("Enter")
    assert box.get_attribute("aria-invalid") == "true"
    described = box.get_attribute("aria-describedby").split()
    told = " ".join(page.locator(f"#{name}").text_content() for name in described)
    assert told == ' momentum must be a number from 0 to 0.999: got "7", so 0.999 is used'
    text = page.get_by_label("Your own sentence")
    text.fill("x")
    assert text.input_value() == "x"  # what is being typed is left alone
    assert "text must have 2 to 60 characters: got 1" in page.locator(".play-top").text_content()
    text.fill(HOSTILE[:30])
    is_set(page, text=HOSTILE[:30])
    assert page.evaluate(SLIPPED) == [0, "undefined"]
    page.get_by_role("radio", name="Adam").press("Space")
    page.get_by_role("checkbox", name="Output layer").uncheck()
    expect(page.get_by_label("Momentum", exact=True)).to_be_disabled()
    expect(page.get_by_label("Hidden units", exact=True)).to_be_disabled()
    expect(page.get_by_label("Learning rate", exact=True)).to_be_enabled()
    clip = page.get_by_label("Clip gradients longer than, slider")
    for key, value in (("Home", 0.01), ("End", None)):  # the end means: do not clip
        clip.press(key)
        is_set(page, clip=value)


SOLVED = {
    "Make it fail": {"lr": "10"},
    "Twenty epochs": {"optimizer": "adam", "lr": "0.1", "cell": "GRU", "epochs": "20"},
    "One change": NOTEBOOK | {"outputLayer": "true"},
    "No output layer": {"outputLayer": "false", "optimizer": "adam", "lr": 0.02, "seed": 5}
    | {"epochs": 100},
}


def test_challenges_are_met_one_by_one_and_kept_until_they_are_forgotten(play):
    page = play()
    names = page.locator(".play-tasks b")
    assert names.all_text_contents() == list(SOLVED)
    for name in SOLVED:  # none is met where it starts
        page.get_by_role("button", name=f"Start here: {name}").click()
        page.get_by_role("heading", name="Challenges: 0 of 4 met").wait_for()
        assert page.locator(".play-next").text_content().startswith(f"{name}.")
    for k, (name, settings) in enumerate(SOLVED.items(), 1):
        page.evaluate("hash => { location.hash = hash }", "#" + urlencode(settings))
        page.get_by_role("heading", name=f"Challenges: {k} of 4 met").wait_for()
        assert names.nth(k - 1).text_content() == f"✓ Met: {name}"
        following = [*SOLVED, "You have met all challenges"][k]
        assert page.locator(".play-next").text_content().startswith(f"{following}.")
    page = play()
    page.get_by_role("heading", name="Challenges: 4 of 4 met").wait_for()
    page.get_by_role("button", name="Forget my progress").press("Enter")
    assert page.evaluate("document.activeElement.textContent") == "Challenges: 0 of 4 met"
    assert page.evaluate(f"localStorage.getItem('{KEPT}')") is None
    odd = {"version": 1, "met": [["fail"], "__proto__", 0, None, HOSTILE, "twenty"]}
    page.evaluate("([key, odd]) => localStorage.setItem(key, odd)", [KEPT, json.dumps(odd)])
    page = play()
    page.get_by_role("heading", name="Challenges: 1 of 4 met").wait_for()
    assert page.evaluate(SLIPPED) == [0, "undefined"]


def test_all_of_it_is_reached_by_keyboard_and_accessible(play):
    page = play(lr="99", epoch="20")
    for part in page.locator("[data-play]").all():
        part.scroll_into_view_if_needed()
        part.locator(".play-part").wait_for()
        assert len(reach_all(part.locator(".play-part"))) > 5
    assert problems(page, part=".play") == []
