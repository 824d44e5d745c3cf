"""The loop that writes, in the browser: its bars, its draws and its texts, against the package."""

import numpy as np
import pytest
import torch
from accessible import problems_in_each_look
from test_pages import quiet  # noqa: F401 - a fixture

import hero
import writing
from charseq import generate
from charseq.sampling import probabilities

VISIBLE = {" ": "␣", "\n": "↵"}
BARS = """() => [...document.querySelectorAll(".writing-bars li")].map(row => ({
    char: row.children[0].textContent,
    p: row.children[2].textContent,
    bar: parseFloat(row.querySelector("u").style.width),
    mark: parseFloat(row.querySelector("s").style.left),
}))"""
SEGMENTS = """() => [...document.querySelectorAll(".writing-all i")].map(
    segment => parseFloat(segment.style.width))"""


@pytest.fixture(scope="module")
def net():
    return hero.small_net()[:2]


@pytest.fixture
def page(quiet, site):
    """The chapter, without motion: what is drawn is read at once."""
    quiet.emulate_media(reduced_motion="reduce")
    quiet.goto((site / "learn" / "sampling.html").as_uri())
    quiet.locator('[data-play="writing"]').scroll_into_view_if_needed()
    quiet.locator(".play-writing .writing").wait_for()
    return quiet


def logits_after(net, drawn):
    small, vocab = net
    return small.read(vocab.encode(writing.PROMPT + drawn))[0][-1]


def draw(net, count, temperature, seed):
    """The numbers of torch's generator, and the text that they draw."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        numbers = [torch.rand(1).item() for _ in range(count)]
    text = ""
    small, vocab = net
    state = small.start()
    for k in vocab.encode(writing.PROMPT):
        logits, state = small.step([k], state)
    for u in numbers:
        p = probabilities(logits[0], temperature=temperature)
        k = int((np.cumsum(p) > u).argmax())
        text += vocab.chars[k]
        logits, state = small.step([k], state)
    return numbers, text


def turn(page, temperature):
    """Turn the dial by keyboard."""
    dial = page.get_by_role("slider", name="temperature")
    dial.press("Home")
    for _ in range(round(temperature / 0.05)):
        dial.press("ArrowRight")
    assert float(dial.input_value()) == pytest.approx(temperature)


def assert_shows(page, net, drawn, temperature):
    chars = net[1].chars
    logits = logits_after(net, drawn)
    learned, p = probabilities(logits), probabilities(logits, temperature=temperature)
    order = np.argsort(-logits, kind="stable")[: writing.BARS]
    bars = page.evaluate(BARS)
    assert [bar["char"] for bar in bars] == [VISIBLE.get(chars[k], chars[k]) for k in order]
    for bar, k in zip(bars, order, strict=True):
        assert bar["p"] == f"{p[k]:.3f}"
        assert bar["bar"] == pytest.approx(100 * p[k], abs=1e-4)
        assert bar["mark"] == pytest.approx(100 * learned[k], abs=1e-4)
    np.testing.assert_allclose(page.evaluate(SEGMENTS), 100 * p, rtol=0, atol=1e-4)
    says = page.locator(".writing-says").inner_text()
    assert says.endswith(writing.summary(p, chars))
    return says


def test_its_bars_are_charseqs_at_each_temperature(page, net):
    for temperature in (0, 0.05, 0.5, 0.95, 1, 1.5, 2):
        turn(page, temperature)
        assert_shows(page, net, "", temperature)
    said = page.locator(".play-writing [role=status].play-unseen")
    said.filter(has_text="Temperature 2.00: “").wait_for(state="attached")


def test_the_number_falls_on_a_letter_and_the_letter_is_the_next_input(page, net):
    numbers, text = draw(net, 6, 1, seed=0)
    for count, u in enumerate(numbers, start=1):
        page.get_by_role("button", name="Draw").press("Enter")
        letter = VISIBLE.get(text[count - 1], text[count - 1])
        says = assert_shows(page, net, text[:count], 1)
        assert says.startswith(f"{u:.3f} fell on “{letter}”. After it, “")
        assert page.locator(".writing-in b").inner_text() == letter
        assert page.locator(".writing-text mark").inner_text() == text[:count].replace("\n", "↵")
    page.get_by_role("button", name="Start again").press("Enter")
    assert_shows(page, net, "", 1)
    page.get_by_role("button", name="Draw").click()  # goes on with the next seed
    assert page.locator(".writing-text mark").inner_text() == draw(net, 1, 1, seed=1)[1]


def test_a_text_is_written_each_time_with_the_next_seed(page, net):
    many = page.get_by_role("button", name="Write 120")
    lines = page.locator(".writing-lines li")
    for seed in range(2):
        many.press("Enter")
        text = draw(net, 120, 1, seed)[1].replace("\n", "↵")
        assert lines.first.inner_text() == f"τ = 1.00, seed {seed}\n{text}"
    turn(page, 0)
    many.click()
    (greedy,) = generate(*net, writing.PROMPT, length=120, temperature=0)
    assert lines.first.inner_text() == "τ = 0.00\n" + greedy.replace("\n", "↵")
    many.click()
    many.click()
    assert lines.count() == 3


def test_what_was_drawn_is_continued(page, net):
    page.get_by_role("button", name="Draw").press("Enter")
    page.get_by_role("button", name="Draw").press("Enter")
    page.get_by_role("button", name="Write 120").press("Enter")
    text = draw(net, 120, 1, seed=0)[1].replace("\n", "↵")
    assert page.locator(".writing-text mark").inner_text() == text
    page.get_by_role("button", name="Start again").press("Enter")
    page.get_by_role("button", name="Draw").press("Enter")
    turn(page, 0.5)
    page.get_by_role("button", name="Write 120").press("Enter")
    how = page.locator(".writing-lines li").first.locator("small").inner_text()
    assert how == "τ = 1.00, then τ = 0.50, seed 1"


def test_the_needle_points_at_the_number_and_the_letter_flies(page, net):
    page.emulate_media(reduced_motion="no-preference")
    ((u,), text) = draw(net, 1, 1, seed=0)
    page.get_by_role("button", name="Draw").click()
    needle = page.locator(".writing-all em")
    assert float(needle.evaluate("e => parseFloat(e.style.left)")) == pytest.approx(100 * u)
    shown = page.locator(".writing-drawn").evaluate("e => [...e.parentNode.children].indexOf(e)")
    assert net[1].chars[shown - 1] == text
    assert page.locator(".writing-flies").inner_text() == VISIBLE.get(text, text)
    page.locator(".writing-flies").wait_for(state="detached")
    assert_shows(page, net, text, 1)
    page.get_by_role("button", name="Write 120").click()
    page.get_by_role("button", name="Stop").click()
    assert page.locator(".writing-lines li").count() == 1


@pytest.mark.parametrize("width", [390, 1300])
def test_the_still_is_what_the_network_shows_and_nothing_moves(browser, page, site, width):
    page.set_viewport_size({"width": width, "height": 900})
    found = page.evaluate(BARS), page.evaluate(SEGMENTS)
    height = page.locator(".writing").bounding_box()["height"]
    with browser.new_context(viewport=page.viewport_size) as context:
        context.route("**/austen-8bit.js", lambda route: route.abort())
        still = context.new_page()
        still.goto((site / "learn" / "sampling.html").as_uri())
        assert still.locator(".writing").bounding_box()["height"] == pytest.approx(height, abs=1)
        for bars, segments in ((still.evaluate(BARS), still.evaluate(SEGMENTS)),):
            assert [bar["char"] for bar in bars] == [bar["char"] for bar in found[0]]
            assert [bar["p"] for bar in bars] == [bar["p"] for bar in found[0]]
            np.testing.assert_allclose(segments, found[1], rtol=0, atol=1e-4)


def test_without_scripts_nothing_is_there_to_press(browser, site):
    with browser.new_context(java_script_enabled=False) as context:
        still = context.new_page()
        still.goto((site / "learn" / "sampling.html").as_uri())
        assert still.locator(".writing-bars li").count() == writing.BARS
        assert not still.locator(".writing-hand").is_visible()


def test_it_is_accessible_in_each_look(page):
    page.get_by_role("button", name="Write 120").click()
    assert problems_in_each_look(page, ".play-writing", whole=["light, 320 px"]) == []
