"""The search in Chromium, straight from the file system: by keyboard, on a phone, to its result."""

import pytest
from accessible import problems

MESSAGE = "RuntimeError: Expected hidden size (1, 32, 128), got [1, 64, 128]"
FILES = {"search.js", "search.css", "index.js"}
PASTE = """(field, text) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text", text);
    const options = {clipboardData, bubbles: true, cancelable: true};
    field.dispatchEvent(new ClipboardEvent("paste", options));
}"""


@pytest.fixture
def search(visit):
    """Open the search on a page by a key, and type into it."""

    def search(typed, key="/", name="learn/gru.html", **size):
        page = visit(name, **size)
        page.keyboard.press(key)
        page.wait_for_selector("dialog[open] .search-field:focus")
        page.keyboard.type(typed)
        return page

    return search


def titles(page):
    """What is found, once the words around the hits are there."""
    page.wait_for_selector(".search-results li:first-child .search-around:not(:empty)")
    return page.locator(".search-title").all_text_contents()


def status(page):
    page.wait_for_function("document.querySelector('dialog [role=status]').textContent")
    return page.locator("dialog [role=status]").text_content()


def test_the_search_loads_nothing_before_it_is_asked_for(visit, quiet):
    loaded = []
    quiet.on("request", lambda request: loaded.append(request.url.rpartition("/")[2]))
    page = visit("learn/gru.html")
    page.wait_for_load_state("networkidle")
    assert FILES.isdisjoint(name.partition("?")[0] for name in loaded)
    page.keyboard.press("/")
    page.wait_for_selector("dialog .search-help p")
    assert {*loaded} >= FILES


def test_a_key_opens_the_search_and_the_keyboard_leads_to_a_result(search):
    page = search("forget gate bias", "Control+k")
    found = titles(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == found[1]
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.className") == "search-field"
    address = page.locator("dialog .search-title").first.get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url(address)


def test_escape_closes_the_search_and_a_slash_in_a_field_opens_none(search):
    page = search("a/b")
    assert page.locator("dialog .search-field").input_value() == "a/b"
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    page.locator(".sidebar-search").focus()
    assert page.locator("dialog[open]").count() == 0  # the focus alone changes nothing
    page.keyboard.type("p")
    page.wait_for_selector("dialog[open] .search-field:focus")
    page.keyboard.type("erplexity")
    assert page.locator("dialog .search-field").input_value() == "perplexity"


def test_on_a_phone_a_button_opens_it_and_it_is_accessible(visit):
    page = visit("use/resume.html", width=320)
    page.get_by_role("button", name="Search").click()
    page.locator("dialog .search-field").fill(MESSAGE)
    assert titles(page)
    assert problems(page, part="dialog") == []


def test_other_sections_of_a_page_are_folded_under_its_best(search):
    page = search("gradient training")
    assert len(titles(page)) == 8  # of more, the dialog shows the best
    assert status(page) == "The best 8 pages"
    counts = "all => all.map(entry => entry.querySelectorAll('a').length)"
    assert max(page.locator("dialog .search-results li").evaluate_all(counts)) == 4
    more = page.locator("dialog .search-more a").first
    target = more.get_attribute("href")
    more.click()
    page.wait_for_url(target)


def test_a_search_without_result_says_so_and_helps_on(search, site):
    page = search("xqzzvw")
    page.wait_for_selector("dialog .search-help a")
    assert page.locator("dialog .search-title").count() == 0
    assert status(page) == "No page has this."
    links = page.locator("dialog .search-help a").evaluate_all("all => all.map(a => a.href)")
    assert len(links) == 5
    for link in links:
        address, _, place = link.removeprefix(site.as_uri() + "/").partition("#")
        assert f'id="{place}"' in (site / address).read_text("utf-8") or not place


def test_what_is_typed_is_text_and_all_lines_of_what_is_pasted_are_searched(search):
    page = search("<img src=x onerror=alert(1)> perplexity")
    assert titles(page)
    assert page.locator("dialog img").count() == 0
    field = page.locator("dialog .search-field")
    pasted = f'Traceback (most recent call last):\n  File "/a/b.py", line 3, in f\n{MESSAGE}'
    field.fill("")
    field.evaluate(PASTE, pasted)
    assert field.input_value() == " ".join(pasted.split())
    assert titles(page)[0].startswith("Expected hidden size")


# A place near the end of a page can't come to the top of the window.
LANDED = """() => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const {top} = target.getBoundingClientRect();
    const atEnd = scrollY + innerHeight > document.documentElement.scrollHeight - 2;
    return top >= 0 && (top < innerHeight / 2 || atEnd && top < innerHeight);
}"""


def test_a_result_leads_to_where_its_section_begins(search):
    for phrase, width in (("vanishing graident", 320), ("charseq.NGram.loss", 1200)):
        page = search(phrase, width=width)
        assert titles(page)
        page.keyboard.press("Enter")
        page.wait_for_url("**#*")
        page.wait_for_function(LANDED)


def test_the_page_search_takes_words_from_its_address(visit):
    page = visit("search.html", "?q=perplexity")
    assert any("perplexity" in title for title in titles(page))
    page.locator("#search-page .search-field").fill("forget gate")
    page.wait_for_url("**/search.html?q=forget+gate")
    assert problems(page, part="#search-page") == []
