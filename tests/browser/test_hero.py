"""The network on the home page: its still, and what takes over, against the package."""

import numpy as np
import pytest

import hero
from charseq.reference import softmax

BARS, COLUMN, MARGIN = 7, 11, 4  # of hero.html; pixels of cloth.js


@pytest.fixture
def alive(visit):
    """Open the home page once its network reads."""

    def alive(width=1300):
        page = visit("index.html", width=width)
        page.emulate_media(reduced_motion="reduce")
        page.locator(".hero-view canvas").wait_for()
        return page

    return alive


def bars(page):
    return page.locator(".hero-next li").all_inner_texts()


def says(page):
    return page.locator(".hero-says").inner_text()


def expected_bars(text, silent=None):
    net, vocab, _ = hero.small_net()
    nets = [net] if silent is None else [net, net.without_units([silent])]
    ids = vocab.encode(text)
    p = np.array([softmax(one.read(ids)[0][-1] if text else one.head[1]) for one in nets])
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
    _, expected = net.read(vocab.encode(text))
    np.testing.assert_allclose(np.reshape(found, (-1, 256))[1:], expected, rtol=0, atol=1e-10)
    assert bars(page) == expected_bars(text)


def test_what_is_typed_and_written_is_read_as_in_the_package(alive):
    page = alive()
    box = page.get_by_label("your text")
    box.press("End")
    box.press_sequentially(")")
    assert_reads(page, hero.TEXT + ")")
    page.get_by_role("button", name="Let it write").click()
    text = box.input_value()
    assert text.startswith(hero.TEXT + ")")
    assert len(text) == len(hero.TEXT) + 1 + 160
    assert_reads(page, text)
    page.get_by_role("button", name="Forget everything").click()
    assert bars(page) == expected_bars("")
    page.keyboard.type("f(é")
    assert box.input_value() == "f("
    assert says(page) == "Left out, because the network has never read it: é"
    assert_reads(page, "f(")


def test_a_unit_is_silenced_as_in_the_package_and_keys_and_pointer_choose_others(alive):
    page, units = alive(), hero.small_net()[2]["units"]
    rows = page.locator(".hero-rows button")
    page.get_by_role("button", name="Silence this unit").click()
    assert bars(page) == expected_bars(hero.TEXT, silent=units[0])
    assert f"Unit {units[0]} has been set to 0" in says(page)
    rows.first.focus()
    for _ in range(65):  # below what is in view: the cloth follows
        page.keyboard.press("ArrowDown")
    assert bars(page) == expected_bars(hero.TEXT, silent=units[65])
    assert rows.nth(5).inner_text() == f"unit {units[65]}"
    canvas = page.locator(".hero-view canvas")
    wide = canvas.bounding_box()["width"]
    place = {"x": wide - MARGIN - 2 * COLUMN - 4, "y": 177}
    canvas.hover(position=place)
    page.mouse.move(0, 0)
    assert rows.nth(5).inner_text() == f"unit {units[65]}"  # a look at another is not a choice


def test_the_still_says_what_the_network_says_in_the_same_place(browser, alive, site):
    page = alive()
    with browser.new_context(viewport=page.viewport_size, java_script_enabled=False) as context:
        still = context.new_page()
        still.goto((site / "index.html").as_uri())
        assert (bars(still), says(still)) == (bars(page), says(page))
        for name in ("stage", "names li:last-child", "next li:last-child", "says"):
            boxes = [one.locator(f".hero-{name}").bounding_box() for one in (still, page)]
            assert boxes[0] == boxes[1], name
