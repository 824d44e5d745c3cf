"""The search in Chromium, straight from the file system: by keyboard, on a phone, to its result."""

import re

import pytest
from accessible import barriers, looks
from test_pages import quiet  # noqa: F401 - the fixture

NARROW, WIDE = {"width": 320, "height": 640}, {"width": 1200, "height": 800}
MESSAGE = "RuntimeError: Expected hidden size (1, 32, 128), got [1, 64, 128]"


@pytest.fixture
def visit(quiet, site):
    """Open a page of the site."""

    def visit(name, more="", size=WIDE):
        quiet.set_viewport_size(size)
        quiet.goto((site / name).as_uri() + more)
        return quiet

    return visit


def search(page, typed):
    """Type into the dialog, and wait until the words around the hits are there."""
    page.locator("dialog .search-field").fill(typed)
    page.wait_for_selector("dialog .search-around mark")
    return page.locator("dialog .search-title").all_text_contents()


def test_the_search_loads_nothing_before_it_is_asked_for(visit):
    loaded = []
    page = visit("learn/gru.html")
    page.on("request", lambda request: loaded.append(request.url.rpartition("/")[2]))
    page.reload()
    page.wait_for_load_state("networkidle")
    assert [name for name in loaded if name.partition("?")[0] in SEARCH_FILES] == []
    page.keyboard.press("/")
    page.wait_for_function("document.querySelector('dialog .search-help p')")
    assert {name for name in loaded if name in SEARCH_FILES} == SEARCH_FILES


SEARCH_FILES = {"search.js", "search.css", "index.js"}


@pytest.mark.parametrize("key", ["/", "Control+k"])
def test_a_key_opens_the_search_and_the_keyboard_leads_to_a_result(visit, key):
    page = visit("learn/gru.html")
    page.keyboard.press(key)
    page.wait_for_selector("dialog[open] .search-field:focus")
    titles = search(page, "forget gate bias")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == titles[1]
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.className") == "search-field"
    address = page.locator("dialog .search-title").first.get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url(address)


def test_escape_closes_the_search_and_a_slash_in_a_field_opens_none(visit):
    page = visit("learn/gru.html")
    page.keyboard.press("/")
    page.wait_for_selector("dialog[open] .search-field:focus")
    page.keyboard.type("a/b")
    assert page.locator("dialog .search-field").input_value() == "a/b"
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


def test_what_is_typed_into_the_field_of_the_sidebar_goes_on_in_the_dialog(visit):
    page = visit("learn/gru.html")
    page.locator(".sidebar-search").focus()
    assert page.locator("dialog").count() == 0  # the focus alone changes nothing
    page.keyboard.type("p")
    page.wait_for_selector("dialog[open] .search-field:focus")
    page.keyboard.type("erplexity")
    assert page.locator("dialog .search-field").input_value() == "perplexity"


def test_the_search_is_accessible_and_a_phone_needs_no_menu(visit):
    page = visit("use/resume.html", size=NARROW)
    page.get_by_role("button", name="Search").click()
    search(page, MESSAGE)
    problems = []
    for look, width in looks(page):
        problems += [(look, barrier) for barrier in barriers(page, part="dialog")]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert problems == []


def test_other_sections_of_a_page_are_folded_under_its_best(visit):
    page = visit("learn/gru.html")
    page.keyboard.press("/")
    page.wait_for_selector("dialog .search-field:focus")
    search(page, "gate")
    entries = page.locator("dialog .search-results li").evaluate_all(
        "all => all.map(entry => [...entry.querySelectorAll('a')].map(link => link.href))"
    )
    pages = [{re.split(r"[?#]", link)[0] for link in links} for links in entries]
    assert all(len(one) == 1 for one in pages)
    assert len(set.union(*pages)) == len(entries)
    assert max(len(links) for links in entries) == 4  # its best section, and three more
    more = page.locator("dialog .search-more a").first
    target = more.get_attribute("href")
    more.click()
    page.wait_for_url(target)


def test_a_screen_reader_is_told_how_many_pages_there_are(visit):
    page = visit("learn/gru.html")
    page.keyboard.press("/")
    page.wait_for_selector("dialog .search-field:focus")
    titles = search(page, "state")
    status = page.locator("dialog [role=status]")
    page.wait_for_function("document.querySelector('dialog [role=status]').textContent")
    assert len(titles) == 15  # of more, the dialog shows the best
    assert status.text_content() == "The best 15 pages"


FIND = """async ([script, query]) => {
    const name = "bundles/search.js";
    const {find} = await new Promise((resolve) => {
        addEventListener(name, ({detail}) => resolve(detail), {once: true});
        document.head.append(Object.assign(document.createElement("script"), {src: script}));
    });
    return find(query, {only: /^(fix|questions)\\//, most: 8});
}"""


def test_another_page_can_ask_for_mistakes_and_questions(visit, site):
    page = visit("index.html")
    script = (site / "_static" / "bundles" / "search.js").as_uri()
    found = page.evaluate(FIND, [script, MESSAGE])
    assert found[0]["page"] == "fix/expected-hidden-size"
    assert {one["page"].partition("/")[0] for one in found} == {"fix", "questions"}
    addresses = [one["address"] for one in found]
    assert len(set(addresses)) == len(addresses) == 8
    for one in found:
        assert one["address"] == f"{(site / one['page']).as_uri()}.html#{one['id']}"
        html = (site / f"{one['page']}.html").read_text("utf-8")
        assert f'id="{one["id"]}"' in html


def test_a_search_without_result_helps_on(visit, site):
    page = visit("learn/gru.html")
    page.keyboard.press("/")
    page.locator("dialog .search-field").fill("xqzzvw")
    page.wait_for_selector("dialog .search-help a")
    assert page.locator("dialog .search-title").count() == 0
    page.wait_for_function("document.querySelector('dialog [role=status]').textContent")
    assert page.locator("dialog [role=status]").text_content() == "No page found."
    links = page.locator("dialog .search-help a").evaluate_all("all => all.map(a => a.href)")
    assert len(links) == 5
    for link in links:
        address, _, place = link.removeprefix(site.as_uri() + "/").partition("#")
        assert f'id="{place}"' in (site / address).read_text("utf-8") or not place


def test_what_is_typed_is_text_and_lines_that_are_pasted_stay_apart(visit):
    page = visit("learn/gru.html")
    page.keyboard.press("/")
    field = page.locator("dialog .search-field")
    field.fill("<img src=x onerror=alert(1)> perplexity")
    page.wait_for_selector("dialog .search-around mark")
    assert page.locator("dialog img").count() == 0
    pasted = f'Traceback (most recent call last):\n  File "/a/b.py", line 3, in f\n{MESSAGE}'
    field.fill("")
    field.evaluate(
        """(field, text) => {
            const data = new DataTransfer();
            data.setData("text", text);
            const options = {clipboardData: data, bubbles: true, cancelable: true};
            field.dispatchEvent(new ClipboardEvent("paste", options));
        }""",
        pasted,
    )
    assert field.input_value() == " ".join(pasted.split())
    first = page.locator("dialog .search-title").first.text_content()
    assert first.startswith("Expected hidden size")


PHRASES = ("rnn_step", "vanishing graident", "charseq.NGram.loss")
# A place near the end of a page can't come to the top of the window.
LANDED = """() => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const {top} = target.getBoundingClientRect();
    const atEnd = scrollY + innerHeight > document.documentElement.scrollHeight - 2;
    return top >= 0 && (top < innerHeight / 2 || atEnd && top < innerHeight);
}"""


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_a_result_leads_to_where_its_section_begins(visit, size):
    for phrase in PHRASES:
        page = visit("index.html", size=size)
        page.keyboard.press("/")
        page.wait_for_selector("dialog .search-field:focus")
        search(page, phrase)
        page.keyboard.press("Enter")
        page.wait_for_function(LANDED)


def test_the_page_search_takes_words_from_its_address(visit):
    page = visit("search.html", "?q=perplexity")
    page.wait_for_selector("#search-page .search-around mark")
    titles = page.locator("#search-page .search-title").all_text_contents()
    assert any("perplexity" in title for title in titles)
    page.locator("#search-page .search-field").fill("forget gate")
    page.wait_for_url("**/search.html?q=forget+gate")
    problems = [
        (look, barrier)
        for look, _ in looks(page)
        for barrier in barriers(page, part="#search-page")
    ]
    assert problems == []


def test_the_page_search_and_the_field_of_the_sidebar_do_without_scripts_what_they_can(pages):
    assert (
        "The search needs JavaScript"
        in re.search("<noscript>(.*?)</noscript>", pages["search.html"], re.S)[1]
    )
    for name, html in pages.items():
        if "<article" not in html:  # it only leads on to where a page is now
            continue
        address = "../" * name.count("/") + "search.html"
        assert f'action="{"#" if name == "search.html" else address}"' in html, name
