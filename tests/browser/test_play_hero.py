"""The hero on the home page: its still, and the network that takes over, against the package."""

import io

import numpy as np
import pytest
from PIL import Image
from test_pages import quiet  # noqa: F401 - a fixture

import hero
from charseq.reference import softmax

CLOTH_TOP, THREAD = 174, 6  # pixels, as in hero.css
SCREENS = [(1300, 900), (390, 844)]
PLUS, MINUS = ([*bytes.fromhex(color[1:])] for color in (hero.PLUS, hero.MINUS))
# The colors at these places of the picture, as shown.
COLORS = """([xs, ys]) => {
    const {width, height} = document.querySelector(".hero-view canvas");
    const {data} = document.querySelector(".hero-view canvas").getContext("2d")
        .getImageData(0, 0, width, height);
    return xs.map(x => ys.map(y => [...data.slice(4 * (y * width + x), 4 * (y * width + x + 1))]));
}"""


def alive(page, site, size=(1300, 900)):
    page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
    page.goto((site / "index.html").as_uri())
    page.locator(".hero-view canvas").wait_for()
    return page.get_by_label("your text")


def bars(page):
    return page.locator(".hero-next li").all_inner_texts()


def expected_bars(net, text, silent=None):
    _, vocab, _ = hero.small_net()
    nets = [net] if silent is None else [net, net.without_units([silent])]
    ids = vocab.encode(text)
    p = np.array([softmax(one.read(ids)[0][-1] if text else one.head[1]) for one in nets])
    shown = {" ": "␣", "\n": "↵"}
    best = np.argsort(-p[0], kind="stable")[: hero.BARS]
    percent = [["<1%" if q < 0.005 else f"{100 * q:.0f}%" for q in row] for row in p]
    shares = [" → ".join(row[k] for row in percent) for k in best]
    names = [shown.get(vocab.chars[k], vocab.chars[k]) for k in best]
    return [f"{name}\n{share}" for name, share in zip(names, shares, strict=True)]


def states(page):
    """The states that the page has computed, (T, H); the first row, of zeros, left out."""
    found = page.evaluate("[...document.querySelector('.play-hero').store.states]")
    return np.reshape(found, (-1, 256))[1:]


def test_a_letter_gets_the_column_and_the_bars_of_the_package(quiet, site):
    box = alive(quiet, site)
    box.press_sequentially(")")
    net, vocab, file = hero.small_net()
    text = hero.TEXT + ")"
    _, expected = net.read(vocab.encode(text))
    np.testing.assert_allclose(states(quiet), expected, rtol=0, atol=1e-10)
    assert bars(quiet) == expected_bars(net, text)
    wide = quiet.locator(".hero-view canvas").bounding_box()["width"]
    shown = 5 + hero.SHOWN[0]
    threads = [CLOTH_TOP + THREAD * k + 2 for k in range(hero.SHOWN[0])]
    tops = [*range(46 + 4, 46 + 5 * 24, 24), *threads]
    xs = [int(wide) - hero.MARGIN - hero.COLUMN * back + 5 for back in (1, 2)]
    for found, state in zip(quiet.evaluate(COLORS, [xs, tops]), expected[:-3:-1], strict=True):
        value = state[file["units"][:shown]]
        full = np.where(value < 0, *np.array([MINUS, PLUS])[:, :, None])
        on_white = 255 + np.abs(value) * (full - 255)
        np.testing.assert_allclose(np.array(found).T[:3], on_white, atol=1)


def test_what_is_silenced_forgotten_and_chosen_is_what_the_package_computes(quiet, site):
    alive(quiet, site)
    net, _, file = hero.small_net()
    rows = quiet.locator(".hero-rows button")
    silence = quiet.get_by_role("button", name="Silence this unit")
    silence.click()
    assert bars(quiet) == expected_bars(net, hero.TEXT, silent=22)
    says = quiet.locator(".hero-says").inner_text()
    given = "Here it computed 0.68, and the network is given 0."
    assert says == f"Unit 22 has been set to 0 after each character. {given}"
    rows.first.press("ArrowDown")
    assert bars(quiet) == expected_bars(net, hero.TEXT, silent=20)
    for _ in range(5):
        quiet.keyboard.press("ArrowDown")
    assert rows.nth(5).inner_text() == f"unit {file['units'][6]}"
    assert rows.nth(5).get_attribute("aria-pressed") == "true"
    for _ in range(60):  # below what is in view: the cloth follows
        quiet.keyboard.press("ArrowDown")
    assert rows.nth(5).inner_text() == f"unit {file['units'][66]}"
    place = {"x": 300, "y": CLOTH_TOP + THREAD * hero.SHOWN[0] - 3}  # its last row
    quiet.locator(".hero-view canvas").hover(position=place)
    assert rows.nth(5).inner_text() == f"unit {file['units'][66]}"
    quiet.mouse.move(0, 0)
    silence.click()
    rows.nth(5).press("ArrowLeft")
    assert bars(quiet) == expected_bars(net, hero.TEXT[:-1])
    quiet.get_by_role("button", name="Forget everything").click()
    assert bars(quiet) == expected_bars(net, "")
    quiet.keyboard.type("f(é")
    assert quiet.get_by_label("your text").input_value() == "f("
    assert bars(quiet) == expected_bars(net, "f(")
    unknown = "Left out, because the network has never read it: é"
    assert quiet.locator(".hero-says").inner_text() == unknown
    quiet.keyboard.type("x")
    assert unknown not in quiet.locator(".hero-says").inner_text()


def test_the_row_below_the_pointer_paints_the_text(quiet, site):
    alive(quiet, site)
    says = quiet.locator(".hero-says")
    assert says.inner_text() == "After “?”, unit 22 (speech) holds 0.82."
    canvas = quiet.locator(".hero-view canvas")
    wide = canvas.bounding_box()["width"]
    quiet.mouse.move(0, 0)
    canvas.hover(
        position={"x": wide - hero.MARGIN - 2 * hero.COLUMN - 4, "y": CLOTH_TOP + 6 * 40.5}
    )
    unit = hero.small_net()[2]["units"][45]
    assert says.inner_text().startswith(f"After “c”, unit {unit} holds")
    quiet.mouse.move(5, 5)
    assert says.inner_text().startswith("After “?”, unit 22")


def test_it_writes_letters_and_reads_each_of_them(quiet, site):
    quiet.emulate_media(reduced_motion="reduce")  # then at once
    box = alive(quiet, site)
    quiet.get_by_role("button", name="Let it write").click()
    text = box.input_value()
    assert text.startswith(hero.TEXT)
    assert len(text) == len(hero.TEXT) + 160
    net, vocab, _ = hero.small_net()
    _, expected = net.read(vocab.encode(text))
    np.testing.assert_allclose(states(quiet), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("size", SCREENS)
def test_the_still_is_what_the_network_shows_and_nothing_moves(browser, quiet, site, size):
    quiet.add_init_script(
        """window.shift = 0; new PerformanceObserver(list => {
            for (const {value, sources} of list.getEntries()) {
                const within = ({node}) => node?.parentElement?.closest(".hero-stage");
                if (sources.some(within)) window.shift += value;
            }
        }).observe({type: "layout-shift", buffered: true});"""
    )
    alive(quiet, site, size)
    quiet.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    view = dict(zip(("width", "height"), size, strict=True))
    with browser.new_context(viewport=view, java_script_enabled=False) as context:
        still = context.new_page()
        still.goto((site / "index.html").as_uri())
        assert bars(still) == bars(quiet)
        assert still.locator(".hero-says").inner_text() == quiet.locator(".hero-says").inner_text()
        view = ".hero-view > :is(img, canvas)"
        first, second = (
            np.array(Image.open(io.BytesIO(page.locator(view).screenshot())), float)
            for page in (still, quiet)
        )
        below = 2 + hero.MARGIN + hero.COLUMN  # the last column, which is framed, and the caret
        assert np.abs(first - second)[2:, :-below, :3].mean() < 2
        for name in ("stage", "names li:last-child", "next li:last-child", "says"):
            boxes = [page.locator(f".hero-{name}").bounding_box() for page in (still, quiet)]
            assert boxes[0] == boxes[1], name
    assert quiet.evaluate("window.shift") == 0
