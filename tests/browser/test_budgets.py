"""What one page of each kind loads, and how much it moves: within the limits of budgets.py."""

import gzip
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from budgets import BUDGETS, HERO, LAYOUT_SHIFT

import hero

SCREENS = {"phone": (390, 844), "desktop": (1350, 940)}
# What moves while the page is still being read is not counted. When it moved tells that, and not
# when one hears of it, which on a busy machine may be later.
WATCH = """
window.shifts = [];
new PerformanceObserver(list => shifts.push(...list.getEntries()))
    .observe({type: "layout-shift", buffered: true});
"""
# Down the page, screen by screen, so that everything that waits for the reader loads.
READ_ALL = """async () => {
    const frame = () => new Promise(requestAnimationFrame);
    const drawn = async () => { await frame(); await frame(); };
    for (let top = 0; top < document.documentElement.scrollHeight; top += innerHeight / 2) {
        scrollTo({top, behavior: "instant"});
        await drawn();
    }
    await drawn();
    const {domContentLoadedEventStart} = performance.getEntriesByType("navigation")[0];
    return shifts.filter(({startTime}) => startTime >= domContentLoadedEventStart)
        .reduce((sum, {value}) => sum + value, 0);
}"""


def load(browser, url, screen):
    """Read a page to its end; return the files that it asked for, and how much it moved."""
    width, height = SCREENS[screen]
    page = browser.new_page(viewport={"width": width, "height": height})
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script(WATCH)
    page.goto(url, wait_until="load")
    page.evaluate(READ_ALL)
    page.wait_for_load_state("networkidle")
    moved = page.evaluate(READ_ALL)
    page.close()
    paths = {urlsplit(url).path for url in asked if url.startswith("file:")}
    return [Path(unquote(path)) for path in sorted(paths)], moved


def weight_of_code(files):
    suffixes = (".css", ".js", ".woff2")
    return sum(len(gzip.compress(f.read_bytes(), 9)) for f in files if f.suffix in suffixes)


@pytest.mark.parametrize("kind", BUDGETS)
def test_a_page_stays_within_the_budget_of_its_kind(kind, browser, site):
    budget = BUDGETS[kind]
    files, moved = {}, {}
    for screen in SCREENS:
        url = (site / budget.opened).as_uri()
        files[screen], moved[screen] = load(browser, url, screen)
        later = [f for f in files[screen] if f.name in ("hero.js", hero.FILE)]
        assert weight_of_code(later) <= HERO
        files[screen] = [f for f in files[screen] if f not in later]
    most = max(map(len, files.values())), max(map(weight_of_code, files.values()))
    print(f"{kind}: {most[0]} requests, {most[1]} bytes of code, moves by {moved}")
    assert most[0] <= budget.requests
    assert most[1] <= budget.code
    assert max(moved.values()) <= LAYOUT_SHIFT


@pytest.mark.parametrize("width", [1100, 1350, 1700])
def test_a_page_that_is_seen_before_its_end_has_come_does_not_move(width, browser, site):
    """The list of headings is the last in a page, and a long page is drawn before it is there."""
    page = browser.new_page(viewport={"width": width, "height": 940})
    page.goto((site / BUDGETS["reference of the package"].opened).as_uri())
    left = "() => document.querySelector('.content').getBoundingClientRect().left"
    whole = page.evaluate(left)
    page.evaluate("document.querySelector('.toc-drawer').remove()")
    assert page.evaluate(left) == whole
    page.close()
