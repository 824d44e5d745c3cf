"""How heavy a page may be: every limit on bytes, requests and movement, in one place.

Bytes are gzipped. The limits are round numbers above what pages weigh today: they
stop what weighs a picture or a network more, and not a sentence.
"""

import gzip
import re
from fnmatch import fnmatch
from typing import NamedTuple

import pytest

import hero


class Budget(NamedTuple):
    """What the pages of a kind may weigh, and the one of them that a browser opens."""

    pattern: str  # of the kind's pages
    opened: str
    html: int  # bytes of any page of the kind
    code: int  # bytes of styles, scripts and fonts that the opened page loads, in the end
    requests: int  # of the opened page, with its figures


BUDGETS = {
    "home": Budget("index.html", "index.html", 15_000, 75_000, 25),
    "chapter": Budget("learn/*", "learn/gates.html", 45_000, 150_000, 30),
    "fix": Budget("fix/*", "fix/expected-hidden-size.html", 25_000, 70_000, 20),
    "questions": Budget("questions/*", "questions/shapes.html", 35_000, 65_000, 15),
    "gallery": Budget("gallery/*", "gallery/limits/gradient_flow.html", 15_000, 90_000, 25),
    "reference of the package": Budget("api/*", "api/equations.html", 30_000, 90_000, 20),
    "playground": Budget("playground.html", "playground.html", 15_000, 125_000, 20),
    "search": Budget("search.html", "search.html", 10_000, 400_000, 20),
    "other": Budget("*", "notation.html", 30_000, 90_000, 15),
}
LAYOUT_SHIFT = 0.05  # how much of the screen moves in all, as Chromium counts; 0.1 counts as good
SHARED = 110_000  # bytes of styles, scripts and fonts of any page, without the playground's
INDEX = 1_000  # bytes of the search index, which is loaded when a reader searches, per page
PLAYGROUND = 40_000  # bytes of the playground's scripts and styles, which its page loads at once
HERO = 260_000  # bytes of the hero's script and network, which come after the first paint
EXERCISES = 10_000  # bytes of the scripts and styles of the exercises
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


LOADED = re.compile(r'<(?:link rel="stylesheet"|script)[^>]* (?:href|src)="([^"?]*)')


def test_no_page_is_heavy_and_none_loads_the_search_before_it_is_asked_for(site, pages):
    weights = {}
    for name, html in pages.items():
        limit = next(one.html for one in BUDGETS.values() if fnmatch(name, one.pattern))
        assert packed(site / name) <= limit, name
        loaded = {(site / name).parent.joinpath(url).resolve() for url in LOADED.findall(html)}
        for path in loaded - weights.keys():
            weights[path] = packed(path)
        assert sum(weights[path] for path in loaded if "train-" not in path.name) <= SHARED, name
        assert not [path for path in loaded if "search" in path.relative_to(site).as_posix()], name
    assert packed(site / "_static" / "search" / "index.js") <= INDEX * len(pages)


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
