"""The trained networks of the package in the reader's browser, against NumPy."""

import re
from urllib.parse import urlsplit

import numpy as np
import pytest

import hero
from charseq import NumpyNet, Vocabulary, generate, reference
from charseq.reference import softmax
from widgets import read_net

PAGE = "learn/look-inside.html"
TEXT = 'f(a, b) is a "call" (of f).'
EVIL = "<img src=x onerror=alert(1)>"
CELLS = "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"


@pytest.fixture(scope="module")
def net():
    options, chars, weights = read_net()
    in_full = {name: array.astype(float) for name, array in weights.items()}
    return NumpyNet(options, in_full), Vocabulary(chars)


@pytest.fixture
def look(visit):
    """Open the part, load its network, and let it read a text."""
    page = visit(PAGE)
    page.locator("[data-play='look']").scroll_into_view_if_needed()
    page.get_by_role("button", name="Load the network").press("Enter")
    type_text(page, TEXT)
    return page


def type_text(page, text):
    page.locator(".play-look textarea").fill(text)
    page.locator(".play-look section h3", has_text=f" of {len(text)}: ").wait_for()
    page.locator(".play-look p", has_text="This text costs").wait_for()


def choose_unit(page, unit):
    page.get_by_label("Unit", exact=True).fill(str(unit))
    page.get_by_label("Unit", exact=True).press("Enter")


def number(text):
    return float(text.replace("−", "-"))


def bits_of(net, ids):
    p = reference.softmax(net.read(ids)[0])
    return -np.log2(p[np.arange(len(ids) - 1), ids[1:]]).mean()


def test_states_and_chances_shown_are_those_of_the_package(look, net):
    small, vocab = net
    ids = vocab.encode(TEXT)
    logits, states = small.read(ids)
    p = reference.softmax(logits)
    look.locator(".play-look-painted summary").click()
    for unit in (0, 7, small.hidden_size - 1):
        choose_unit(look, unit)
        cells = look.locator(".play-look-painted tbody td:nth-child(3)").all_text_contents()
        np.testing.assert_allclose([number(cell) for cell in cells], states[:, unit], atol=0.00501)
        below = look.locator(".play-look-text span").evaluate_all(
            "all => all.map(cell => cell.classList.contains('play-look-below'))"
        )
        strong = abs(states[:, unit]) > 0.05
        assert (np.array(below) == (states[:, unit] < 0))[strong].all()
    for t in (0, 9, len(TEXT) - 1):
        look.locator(".play-look-text span").nth(t).click()
        rows = look.locator(".play-dial tbody tr").evaluate_all(CELLS)
        order = np.argsort(-p[t])[:10]
        assert [row[0] for row in rows[:10]] == [
            vocab.chars[k].replace(" ", "␣").replace("\n", "↵") for k in order
        ]
        found = [float(row[2]) for row in rows[:10]]
        np.testing.assert_allclose(found, p[t, order], atol=0.000501)
        came = [row[0] for row in rows if row[1]]
        assert came == [letter.replace(" ", "␣") for letter in TEXT[t + 1 : t + 2]]
    look.get_by_label("Unit", exact=True).fill(str(small.hidden_size))
    look.get_by_label("Unit", exact=True).press("Enter")
    error = f"The unit must be a whole number from 0 to {small.hidden_size - 1}."
    assert look.locator(".play-error", has_text=error).count() == 1


def test_bits_without_a_unit_are_those_of_the_package_and_say_where_it_is_missed(look, net):
    small, vocab = net
    ids = vocab.encode(TEXT)
    choose_unit(look, 9)
    own = f"This text costs {bits_of(small, ids):.3f} bits per character"
    said = look.locator(".play-look p", has_text=own)
    assert said.text_content() == f"{own}."
    look.get_by_role("checkbox", name="Silence unit 9").check()
    for unit in (9, 11):
        choose_unit(look, unit)
        without = small.without_units([unit])
        words = f"{own}, and {bits_of(without, ids):.3f} without unit {unit}: "
        look.locator(".play-look p", has_text=words).wait_for()
        costs = [
            -np.log2(reference.softmax(one.read(ids)[0])[np.arange(len(ids) - 1), ids[1:]])
            for one in (small, without)
        ]
        more = costs[1] - costs[0]
        worst = look.get_by_role("button", name=re.compile("^“.” after character")).first
        assert f"after character {more.argmax() + 1}: +{more.max():.2f} bits" in worst.inner_text()
    worst.press("Enter")
    title = look.locator(".play-look section h3").first.text_content()
    assert title.startswith(f"Character {more.argmax() + 1} of")


def written(page):
    return page.locator(".play-look-written mark").text_content()


def test_what_it_writes_at_temperature_0_is_what_charseq_writes(look, net):
    look.get_by_label("Temperature τ").fill("0")
    for _ in range(3):
        look.get_by_role("button", name="Write one character").press("Enter")
    (expected,) = generate(*net, TEXT, length=400, temperature=0)
    assert written(look) == expected[:3]
    look.get_by_role("button", name="Write on", exact=True).press("Enter")
    look.wait_for_function(
        "() => document.querySelector('.play-look-written mark').textContent.length > 50"
    )
    look.get_by_role("button", name="Stop").press("Enter")
    text = written(look)
    assert text == expected[: len(text)]
    look.get_by_role("button", name="Add this to your text").press("Enter")
    assert look.locator(".play-look textarea").input_value() == TEXT + text
    look.get_by_label("Temperature τ").fill("1.5")
    drawn = []
    for seed in ("5", "5", "6"):
        look.get_by_label("Seed", exact=True).fill(seed)
        look.get_by_label("Seed", exact=True).press("Enter")
        look.locator(".play-look").get_by_role("button", name="Start again").press("Enter")
        for _ in range(12):
            look.get_by_role("button", name="Write one character").press("Enter")
        drawn.append(written(look))
    assert drawn[0] == drawn[1] != drawn[2]


def test_arrow_keys_lead_from_character_to_character(look):
    type_text(look, "one\ntwo\nthree")
    first = look.locator(".play-look-text [tabindex='0']")
    first.focus()
    look.keyboard.press("Home")
    for key, letter, place in (
        *(("ArrowRight", "n", 2), ("ArrowDown", "w", 6), ("ArrowDown", "h", 10)),
        *(("ArrowUp", "w", 6), ("End", "e", 13), ("ArrowRight", "e", 13), ("Home", "o", 1)),
    ):
        look.keyboard.press(key)
        title = look.locator(".play-look section h3").first.text_content()
        assert title == f"Character {place} of 13: “{letter}”"
        assert look.evaluate("document.activeElement.textContent") == letter


def test_a_missing_or_damaged_network_says_so_in_one_sentence(page, site):
    script = (site / "_static" / "austen.js").read_text("utf-8")
    answers = [
        ("The network’s file is damaged", script[:-9]),
        ("The file austen.js could not be loaded.", None),
        ("", script),
    ]

    def answer(route):
        path = urlsplit(route.request.url).path
        if path != "/_static/austen.js":
            route.fulfill(path=site / path[1:])
        elif body := answers[0][1]:
            route.fulfill(body=body, content_type="text/javascript")
        else:
            route.abort()

    page.route("**/*", answer)
    while answers:
        if answers[0][0]:  # what could not be loaded can be asked for again
            page.goto(f"https://example.org/{PAGE}")
            page.locator("[data-play='look']").scroll_into_view_if_needed()
        page.get_by_role("button", name="Load the network").click()
        says = ".play-look [role=status]" if answers[0][0] else ".play-look p"
        page.locator(says, has_text=answers[0][0] or "This text costs").wait_for()
        answers.pop(0)


# --- the home page --------------------------------------------------------------------------------


BARS = hero.BARS


@pytest.fixture
def alive(visit):
    """Open the home page once its network reads."""

    def alive(width=1300):
        page = visit("index.html", width=width)
        page.emulate_media(reduced_motion="reduce")
        page.get_by_label("your text").wait_for()
        return page

    return alive


def bars(page):
    return page.locator(".hero-next li").all_inner_texts()


def says(page):
    return page.locator(".hero-says").inner_text()


def press(page, name):
    page.locator(".hero-stage").get_by_role("button", name=name, exact=True).click()


def expected_bars(text, silent=None):
    net, vocab, _ = hero.small_net()
    nets = [net] if silent is None else [net, net.without_units([silent])]
    ids = vocab.encode(hero.LEAD + text)
    p = np.array([softmax(one.read(ids)[0][-1]) for one in nets])
    best = np.argsort(-p[0], kind="stable")[:BARS]
    percent = [["<1%" if q < 0.005 else f"{100 * q:.0f}%" for q in row] for row in p]
    shown = {" ": "␣", "\n": "↵"}
    names = [shown.get(vocab.chars[k], vocab.chars[k]) for k in best]
    shares = [" → ".join(row[k] for row in percent) for k in best]
    return [f"{name}\n{share}" for name, share in zip(names, shares, strict=True)]


def assert_reads(page, text):
    """The page has the states that the package computes."""
    net, vocab, _ = hero.small_net()
    found = page.evaluate("[...document.querySelector('.play-hero').store.states]")
    _, expected = net.read(vocab.encode(hero.LEAD + text))
    np.testing.assert_allclose(np.reshape(found, (-1, 256))[1:], expected, rtol=0, atol=1e-10)
    assert bars(page) == expected_bars(text)
    colored = page.locator(".hero-line i").evaluate_all(
        "all => all.map(cell => [cell.textContent, cell.style.getPropertyValue('--v')])"
    )
    assert "".join(letter for letter, _ in colored) == text.replace("\n", " ")
    speech = expected[len(hero.LEAD) :, hero.UNITS[0]]
    np.testing.assert_allclose([float(v) for _, v in colored], speech, rtol=0, atol=0.00501)


def test_what_is_typed_and_written_is_read_as_in_the_package_and_ends_with_a_sentence(alive):
    page = alive()
    box = page.get_by_label("your text")
    box.click()  # in the middle: the first press goes on where the text ends
    page.keyboard.type(")")
    assert_reads(page, hero.TEXT + ")")
    press(page, "Let it write")
    text = page.evaluate("document.querySelector('.play-hero').store.text")
    wrote = text.removeprefix(hero.TEXT + ")")
    assert 60 <= len(wrote) < len(text)
    assert wrote.rstrip("\"')")[-1] in ".!?"
    assert_reads(page, text)
    press(page, "Start again")
    assert_reads(page, hero.TEXT)
    box.fill("f(é")
    assert box.input_value() == "f("
    assert says(page) == "Left out, because the network has never read it: é"
    assert_reads(page, "f(")


def test_a_unit_is_silenced_as_in_the_package_until_it_may_speak(alive):
    page = alive()
    speech, place, *_ = hero.UNITS
    press(page, "Silence “speech”")
    silenced = expected_bars(hero.TEXT, silent=speech)
    assert bars(page) == silenced
    press(page, "place in the line")  # which colors the text, and silences nothing else
    assert bars(page) == silenced
    press(page, "Let “speech” speak")
    assert bars(page) == expected_bars(hero.TEXT)
    press(page, "Silence “place in the line”")
    assert bars(page) == expected_bars(hero.TEXT, silent=place)
    press(page, "Start again")
    assert_reads(page, hero.TEXT)


def test_the_still_says_what_the_network_says_in_the_same_place(browser, alive, site):
    page = alive()
    with browser.new_context(viewport=page.viewport_size, java_script_enabled=False) as context:
        still = context.new_page()
        still.goto((site / "index.html").as_uri())
        assert (bars(still), says(still)) == (bars(page), says(page))
        for name in ("stage", "line", "rows li:last-child", "rows li:last-child i:last-child"):
            boxes = [one.locator(f".hero-{name}").bounding_box() for one in (still, page)]
            assert boxes[0] == boxes[1], name
