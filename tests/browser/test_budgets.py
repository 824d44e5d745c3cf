"""What one page of each kind loads, in the end, and how much it moves: see budgets.py."""

import gzip
import re

import pytest
from budgets import BUDGETS, EXERCISES, HERO, LAYOUT_SHIFT, PLAYGROUND

import hero

FILE = re.compile(r"[\w./-]+\.(?:js|css|woff2)\b")


def packed(path):
    return len(gzip.compress(path.read_bytes(), 9, mtime=0))


def files_of(site, html):
    """Files that a page names, and those that their scripts name, which load later."""
    static, found = site / "_static", set()
    texts = [html]
    while texts:
        for name in FILE.findall(texts.pop()):
            path = static / name.rpartition("_static/")[2]
            if path.is_file() and path not in found:
                found.add(path)
                texts += [path.read_text("utf-8")] * (path.suffix == ".js")
    return found


@pytest.mark.parametrize("kind", BUDGETS)
def test_a_page_stays_within_the_budget_of_its_kind(kind, site, pages):
    files = files_of(site, pages[BUDGETS[kind].opened])
    later = {path for path in files if path.name in ("hero.js", hero.FILE)}
    searched = {path for path in files if "search" in path.relative_to(site).as_posix()}
    code = files - later - (set() if kind == "search" else searched)
    assert len(code) > 5
    assert sum(map(packed, code)) <= BUDGETS[kind].code
    assert sum(map(packed, later)) <= HERO


def test_the_playground_and_the_exercises_are_light(site):
    bundles = site / "_static" / "bundles"
    (own,) = bundles.glob("train-*.js")
    assert packed(own) + packed(bundles / "widgets.css") <= PLAYGROUND
    assert packed(bundles / "exercises.js") + packed(bundles / "exercises.css") <= EXERCISES


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
    for (let top = 0; top < document.documentElement.scrollHeight; top += innerHeight / 2) {
        scrollTo({top, behavior: "instant"});
        await frame();
        await frame();
    }
    const {domContentLoadedEventStart} = performance.getEntriesByType("navigation")[0];
    return shifts.filter(({startTime}) => startTime >= domContentLoadedEventStart)
        .reduce((sum, {value}) => sum + value, 0);
}"""


@pytest.mark.world
@pytest.mark.parametrize("width", [390, 1350])
def test_pages_ask_for_few_files_and_move_little_while_they_are_read(width, visit, quiet):
    asked = []
    quiet.on("request", lambda request: asked.append(request.url.partition("?")[0]))
    quiet.add_init_script(WATCH)
    for kind, budget in BUDGETS.items():
        asked.clear()
        page = visit(budget.opened, width=width)
        page.evaluate(READ_ALL)
        page.wait_for_load_state("networkidle")
        assert page.evaluate(READ_ALL) <= LAYOUT_SHIFT, kind
        assert len({*asked}) <= budget.requests, kind


@pytest.mark.parametrize("width", [1100, 1350, 1700])
def test_a_page_that_is_seen_before_its_end_has_come_does_not_move(width, visit):
    """The list of headings is the last in a page, and a long page is drawn before it is there."""
    page = visit(BUDGETS["reference of the package"].opened, width=width)
    left = "() => document.querySelector('.content').getBoundingClientRect().left"
    whole = page.evaluate(left)
    page.evaluate("document.querySelector('.toc-drawer').remove()")
    assert page.evaluate(left) == whole
