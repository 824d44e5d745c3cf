"""Text that comes from outside stays text, and what works under the pages' policy over HTTP."""

import functools
import json
import re
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from accessible import noise_of
from layout import load_parts
from test_parts import HOSTILE, SLIPPED

WEB = Path(__file__).parents[2] / "docs" / "_web"
# -- Text stays text -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "search.html?q={}",
        "playground.html#text={}&cell={}&epoch={}&epochs={}",
        "learn/gru.html#{}",
    ],
)
def test_what_an_address_says_stays_text(address, page, site):
    noise = noise_of(page)
    page.goto(f"{site.as_uri()}/{address.replace('{}', HOSTILE)}")
    load_parts(page)
    assert page.evaluate(SLIPPED) == [0, "undefined"]
    assert noise == []


KEYS = {
    key
    for path in WEB.rglob("*.js")
    for key in re.findall(r"(?:storedEntry|getItem)\(\s*\"([\w.-]+)\"", path.read_text("utf-8"))
}


@pytest.mark.parametrize(
    "kept",
    [
        HOSTILE,
        json.dumps({HOSTILE: {"solved": True, "misses": HOSTILE, "last": 1}, "met": [HOSTILE]}),
    ],
    ids=["no JSON", "object"],
)
def test_what_the_browser_has_kept_stays_text(kept, page, site):
    assert len(KEYS) >= 3
    noise = noise_of(page)
    page.goto((site / "search.html").as_uri())
    for key in KEYS:
        page.evaluate("([key, kept]) => localStorage.setItem(key, kept)", [key, kept])
    for name in ("learn/gru.html", "playground.html"):
        page.goto((site / name).as_uri())
        load_parts(page)
        assert page.evaluate(SLIPPED) == [0, "undefined"]
        assert page.evaluate("document.body.dataset.theme") == "auto"
    assert noise == []


# -- Over HTTP -------------------------------------------------------------------------------------


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(site):
    """Address of a server of the site. Files are the only thing that it knows."""
    handler = functools.partial(Quiet, directory=site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_over_http_the_parts_of_pages_work_under_the_policy(page, address):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{address}search.html?q=vocabulary")
    page.locator(".search-results li a").first.wait_for()
    page.goto(f"{address}learn/gru.html")
    cell = page.locator("div.cell_input:visible").first
    cell.hover()
    cell.locator(".copybtn").evaluate(  # the button shows a tick for a moment only
        """button => new MutationObserver(() => {
            window.ticked ||= button.matches(".success") && button.querySelector("svg") !== null;
        }).observe(button, {attributes: true, childList: true})"""
    )
    cell.locator(".copybtn").click()
    page.wait_for_function("window.ticked")
    assert (
        page.evaluate("navigator.clipboard.readText()") == cell.locator("pre").inner_text().strip()
    )
    form = page.locator(".question form").first
    form.get_by_role("textbox").fill("5")
    form.get_by_role("button", name="Check").click()
    assert form.locator(".question-reply").inner_text()
    page.goto(f"{address}playground.html#epochs=3")
    page.locator(".play-train .play-strip").wait_for()


def test_a_page_that_the_reader_has_made_dark_is_dark_before_anything_is_drawn(page, site):
    page.goto((site / "search.html").as_uri())
    page.evaluate("localStorage.setItem('theme', 'dark')")
    # The first style that a page has, from its first line on.
    page.add_init_script(
        """new MutationObserver((_, observer) => {
            if (!document.querySelector(".page")) return;
            window.firstTheme = document.body.dataset.theme;
            observer.disconnect();
        }).observe(document, {childList: true, subtree: true})"""
    )
    page.goto((site / "learn/gru.html").as_uri())
    assert page.evaluate("window.firstTheme") == "dark"
