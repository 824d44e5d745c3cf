"""Each page in Chromium, straight from the file system: accessible, quiet, nothing off screen.

A look is a color scheme and a width. Axe sees one page of each template, and each page that has
changed, in all four; any other page in one of them, without the sizes of targets, which take half
of axe's time, and in each other one in which its text looks like no text before. `pytest
--thorough`, which runs once a week, shows axe all pages in all looks. Whether a page fits its
window is asked of all pages always: at two widths, and at all seven where axe sees all looks.
"""

import tomllib
import zlib
from pathlib import Path

import pytest
from accessible import (
    RULES,
    RULES_OF_COLOR,
    WIDER_THAN_THE_PAGE,
    barriers,
    looks,
    new_looks,
)
from layout import END_OF_MOTION, USUAL, WIDTHS, faults, moved_by_the_dark, show_all, switch_of

ROOT = Path(__file__).parents[2]


def built_from(folder, pattern, prefix=""):
    """Names of the pages that Sphinx makes of these files."""
    for path in folder.glob(pattern):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if not name.startswith(("_", "gallery/", "api/backreferences/")):
            yield prefix + name.replace("GALLERY_HEADER", "index") + ".html"


# Known before the site is built, so that each page is a test of its own.
SOURCED = sorted(
    {*built_from(ROOT / "docs", "**/*.md")}
    | {*built_from(ROOT / "examples", "**/GALLERY_HEADER.rst", "gallery/")}
    | {*built_from(ROOT / "examples", "*/*.py", "gallery/")}
)
GENERATED = ["404.html", "genindex.html", "py-modindex.html", "search.html"]
PAGES = sorted([*GENERATED, *SOURCED])
ONE_OF_EACH_TEMPLATE = {
    *GENERATED,
    *("index.html", "glossary.html", "notation.html", "playground.html", "shapes.html"),
    *("exercises.html", "proof.html", "references.html", "architecture.html"),
    *("learn/index.html", "learn/gates.html", "learn/look-inside.html", "before/pytorch.html"),
    *("fix/index.html", "fix/expected-hidden-size.html", "use/command-line.html"),
    *("questions/index.html", "questions/shapes.html", "api/index.html", "api/training.html"),
    *("gallery/index.html", "gallery/limits/gradient_flow.html"),
}


def noise_of(page):
    """Collect complaints on a page's console, and what it asks for outside its folder."""
    page.set_default_timeout(120_000)  # ms; for a machine that is slow or busy
    noise = []
    page.on(
        "console",  # the theme's switch logs what it does; only complaints count
        lambda message: (
            noise.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("file://", "data:", "blob:"))
            else noise.append(f"asks for {request.url}")
        ),
    )
    return noise


@pytest.fixture
def quiet(page):
    """A page that must say nothing on its console and ask for nothing outside its folder."""
    noise = noise_of(page)
    yield page
    assert noise == []


@pytest.fixture(scope="session")
def tab(browser):
    """A page that many tests use one after the other, and what it complains about."""
    page = browser.new_page()
    yield page, switch_of(page), noise_of(page)
    page.close()


@pytest.fixture
def quiet_tab(tab):
    """As `quiet`, without a new page for each test: axe stays compiled, which saves a second."""
    page, touch, noise = tab
    noise.clear()
    yield page, touch
    assert noise == []


def test_each_page_of_the_site_is_looked_at(pages):
    moved = tomllib.loads((ROOT / "docs" / "_redirects.toml").read_text("utf-8"))
    assert sorted(pages.keys() - {f"{old}.html" for old in moved}) == PAGES


# The page looks at its boxes once the frame of a new width is laid out.
SCROLLS_BY_MOUSE_ONLY = """async () => {
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
    return [...document.querySelectorAll("article *")].filter(box => {
        const style = getComputedStyle(box);
        return /auto|scroll/.test(style.overflowX) && box.scrollWidth > box.clientWidth + 1
            && box.checkVisibility() && box.tabIndex < 0
            && !box.querySelector("a, button, [tabindex]");
    }).map(box => `scrolls by mouse only: ${box.outerHTML.slice(0, 120)}`);
}"""

LARGE = {"width": 1600, "height": 800}
TOO_LARGE_FOR_IT = """() => [...document.querySelectorAll("article :is(.table-wrapper, pre, img)")]
    .filter(box => box.checkVisibility() && (box.matches("img")
        ? box.clientHeight > innerHeight : box.scrollWidth > box.clientWidth + 1))
    .map(box => `too large for a large screen: ${box.outerHTML.slice(0, 120)}`)"""


@pytest.mark.parametrize("name", PAGES)
def test_page_is_accessible_and_fits(name, quiet_tab, site):
    (quiet, touch), all_of_them = quiet_tab, name in ONE_OF_EACH_TEMPLATE
    chosen = zlib.crc32(name.encode()) % 4  # of the four looks, the one for this page
    quiet.set_viewport_size({"width": 320, "height": 900})
    quiet.goto((site / name).as_uri())
    problems = [("as it loads", problem) for problem in quiet.evaluate(SCROLLS_BY_MOUSE_ONLY)]
    # What is folded counts, too; its fading in must be over before contrast is measured.
    quiet.evaluate("document.querySelectorAll('details').forEach(box => { box.open = true })")
    quiet.evaluate(END_OF_MOTION)
    for turn, (look, width) in enumerate(looks(quiet)):
        found = []
        if all_of_them:  # dark differs from light in its colors alone
            found += barriers(quiet, RULES_OF_COLOR if look.startswith("dark") else RULES)
        elif turn == chosen:
            # To know how large targets are, axe asks for the place of all that is on the page.
            found += barriers(quiet, without=["target-size"])
        elif new_looks(quiet):
            found += barriers(quiet, RULES_OF_COLOR)
        if look.startswith("light"):
            if quiet.evaluate(WIDER_THAN_THE_PAGE, width):
                found.append("scrolls sideways")
            found += quiet.evaluate(SCROLLS_BY_MOUSE_ONLY)
        problems += [(look, problem) for problem in found]
    quiet.set_viewport_size(LARGE)
    problems += [("1600 px", problem) for problem in quiet.evaluate(TOO_LARGE_FOR_IT)]
    show_all(quiet)
    problems += faults(quiet, touch, WIDTHS if all_of_them else USUAL)
    if name in ONE_OF_EACH_TEMPLATE and moved_by_the_dark(quiet):
        problems.append(("dark", "something lies elsewhere"))
    assert problems == []


def test_the_pages_of_one_look_are_spread_over_all_four():
    turns = [zlib.crc32(name.encode()) % 4 for name in PAGES if name not in ONE_OF_EACH_TEMPLATE]
    assert all(turns.count(turn) > len(turns) // 8 for turn in range(4))


def test_each_folder_of_pages_has_one_that_is_always_seen_in_all_looks():
    assert set(PAGES) >= ONE_OF_EACH_TEMPLATE
    folders = {name.partition("/")[0] for name in PAGES if "/" in name}
    assert folders == {name.partition("/")[0] for name in ONE_OF_EACH_TEMPLATE if "/" in name}


def test_pale_code_and_a_pale_table_are_found(page, site):
    for name, part in [("learn/recurrence", "pre .c1"), ("notation", ".table-wrapper td")]:
        page.goto((site / f"{name}.html").as_uri())
        assert barriers(page, ["color-contrast"]) == []
        page.evaluate(f"""() => document.querySelectorAll("article {part}").forEach(
            box => box.style.setProperty("color", "silver", "important"))""")
        assert barriers(page, ["color-contrast"])


def test_a_gray_that_is_dark_enough_for_large_text_is_not_for_small(page):
    page.set_content("<main style='color: #949494'><b>text</b></main>")  # a contrast of 3.03
    for style, found in [
        ("font: 24px serif", 0), ("font: 23px serif", 1),
        ("font: bold 19px serif", 0), ("font: bold 18px serif", 1),
    ]:  # fmt: skip
        page.evaluate("style => { document.querySelector('b').style = style; }", style)
        assert new_looks(page)
        assert len(barriers(page, ["color-contrast"])) == found, style


def test_a_wide_formula_or_line_of_code_takes_the_focus_and_scrolls(quiet, site):
    quiet.set_viewport_size({"width": 320, "height": 900})
    quiet.goto((site / "learn/recurrence.html").as_uri())
    box = quiet.locator("pre[tabindex='0']:visible").first
    box.focus()
    quiet.keyboard.press("ArrowRight")
    quiet.wait_for_function("document.activeElement.scrollLeft > 0")


def test_the_link_to_the_top_shows_on_the_way_up_and_is_accessible(quiet, site):
    quiet.emulate_media(color_scheme="light", reduced_motion="reduce")
    quiet.goto((site / "learn/recurrence.html").as_uri())
    link, of_theme = (
        quiet.locator(".to-top > a"),
        quiet.locator(".article-container > .back-to-top"),
    )
    quiet.mouse.wheel(0, 3000)
    quiet.wait_for_function("scrollY > 2000")
    assert not link.is_visible()
    landmark = quiet.get_by_role("navigation", name="Top of page")
    assert landmark.count() == 0  # an empty one would be announced
    quiet.mouse.wheel(0, -500)
    link.wait_for()
    assert landmark.count() == 1
    assert not of_theme.is_visible()
    quiet.mouse.wheel(0, -1500)
    for width in (390, 1100, 1280):  # in the margin or the bar above, and never over the text
        quiet.set_viewport_size({"width": width, "height": 900})
        assert quiet.evaluate(
            """link => {
                const {x, y, width, height} = link.getBoundingClientRect();
                const all = document.elementsFromPoint(x + width / 2, y + height / 2);
                const over = all.find(one => !link.contains(one));
                return !over.matches("article, article *, .mobile-header * *");
            }""",
            link.element_handle(),
        )
    assert barriers(quiet) == []
    link.click()
    quiet.wait_for_function("scrollY === 0")


def luminance(png):
    """Mean brightness of a screenshot, 0 to 1."""
    import io

    import matplotlib.image

    return float(matplotlib.image.imread(io.BytesIO(png))[..., :3].mean())


def test_the_theme_switch_turns_figures_dark_and_light(quiet, site):
    quiet.set_viewport_size({"width": 1200, "height": 900})
    quiet.emulate_media(color_scheme="light")
    quiet.goto((site / "learn/recurrence.html").as_uri())
    figure = quiet.locator("article img[src$='.svg']").first
    seen = {}
    for _ in range(3):  # the switch goes through light, dark and automatic
        quiet.locator(".content-icon-container .theme-toggle").click()
        theme = quiet.evaluate("document.body.dataset.theme")
        seen[theme] = luminance(figure.screenshot())
    assert sorted(seen) == ["auto", "dark", "light"]
    assert seen["dark"] < 0.3
    assert seen["light"] > 0.7
    assert seen["auto"] > 0.7


def test_without_scripts_figures_follow_the_readers_system(browser, site):
    seen = {}
    for scheme in ("light", "dark"):
        with browser.new_context(java_script_enabled=False, color_scheme=scheme) as context:
            page = context.new_page()
            page.goto((site / "learn/recurrence.html").as_uri())
            seen[scheme] = luminance(page.locator("article img[src$='.svg']").first.screenshot())
    assert seen["dark"] < 0.3
    assert seen["light"] > 0.7


def test_parts_of_a_figure_appear_in_turn_and_at_once_where_motion_is_reduced(quiet, site):
    images = (site / "_images").glob("*.svg")
    figures = [path for path in images if b"@keyframes appear" in path.read_bytes()]
    assert len(figures) == 1
    delays = "document.getAnimations().map(animation => animation.effect.getTiming().delay)"
    quiet.emulate_media(reduced_motion="no-preference")
    quiet.goto(figures[0].as_uri())
    found = quiet.evaluate(delays)
    assert len(found) == 26
    assert found == sorted(found)
    assert 3000 < found[-1] < 5000  # ms; what moves for longer would need a button to stop it
    quiet.emulate_media(reduced_motion="reduce")
    assert quiet.evaluate(delays) == []
