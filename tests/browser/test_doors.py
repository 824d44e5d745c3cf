"""The ways into the site: the map of the course, the menu, and the field for error messages."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

import course_table

ROOT = Path(__file__).parents[2]
TABLE = course_table.chapters()
TRACEBACK = """Traceback (most recent call last):
  File "train.py", line 12, in <module>
    model(ids)
  File "torch/nn/functional.py", line 2551, in embedding
    return torch.embedding(weight, input, padding_idx)
IndexError: index out of range in self
"""
PASTE = """text => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text", text);
    document.querySelector("form.ask input").dispatchEvent(
        new ClipboardEvent("paste", {clipboardData, cancelable: true}));
}"""


@pytest.mark.parametrize("name", ["index.html", "learn/index.html"])
def test_the_map_has_each_chapter_once_in_order_with_its_question(visit, name):
    page = visit(name)
    links = page.locator(".map-place")
    assert [link.get_attribute("data-page") for link in links.all()] == [*TABLE]
    for link, chapter in zip(links.all(), TABLE.values(), strict=True):
        assert link.get_attribute("href").endswith(f"{chapter.page.split('/')[1]}.html")
        said = link.text_content().replace("’", "'")
        assert said == f"{chapter.number or ''} {chapter.label}".strip()
    lstm = page.locator('.map-place[data-page="learn/gates"]')
    question = page.get_by_text("keep one thing for fifty characters?").first
    assert question.evaluate("node => getComputedStyle(node).clipPath") != "none"
    lstm.focus()
    assert question.evaluate("node => getComputedStyle(node).clipPath") == "none"
    apart = """node => node.getBoundingClientRect().top
        - node.previousElementSibling.getBoundingClientRect().bottom"""
    assert 0 <= question.evaluate(apart) < 20  # px: it is where one looks
    lstm.click()
    assert page.url.endswith("learn/gates.html")


def test_what_is_solved_fills_the_place_of_its_chapter(visit):
    page = visit("learn/gru.html")
    asked = page.evaluate("[...document.querySelectorAll('.question')].map(q => q.dataset.id)")
    kept = {
        place: {"solved": True, "misses": 0, "last": n + 1}
        for n, place in enumerate([*asked, "learn/gates#exercise-1"])
    }
    page.evaluate("kept => localStorage.setItem('charseq-exercises', kept)", json.dumps(kept))
    visit("index.html")
    solved = {
        name: page.locator(f'.map-place[data-page="learn/{name}"]').evaluate(
            "link => [Number(link.style.getPropertyValue('--solved')), link.className]"
        )
        for name in ("gru", "gates", "shapes")
    }
    assert solved["gru"][0] == 1
    assert "solved" in solved["gru"][1]
    assert 0 < solved["gates"][0] < 1
    assert "solved" not in solved["gates"][1]
    assert solved["shapes"][0] == 0


def test_each_chapter_says_what_it_builds_on(pages):
    found = (re.search(" · builds on (.*?) · ", pages[f"{name}.html"]) for name in TABLE)
    said = [re.sub("<.*?>", "", one[1]) if one else "" for one in found]
    needed = [[TABLE[name] for name in chapter.needs] for chapter in TABLE.values()]
    assert said == [", ".join(str(c.number or c.label) for c in those) for those in needed]


def test_the_menu_shows_the_entry_of_the_page_however_far_down_it_is(visit):
    page = visit("learn/which-network.html", height=600)
    entry = page.locator(".sidebar-tree .current-page > a")
    expect(entry).to_be_in_viewport()
    assert page.evaluate("scrollY") == 0


def test_the_menu_has_ten_links_at_most_and_chapters_only_inside_the_course(visit):
    page = visit("index.html")
    links = page.locator(".sidebar-drawer a:not(.sidebar-brand)")
    assert links.count() <= 10
    visit("playground.html")
    assert links.count() <= 10
    visit("learn/gru.html")
    assert page.locator(".sidebar-tree a[href*='gates']").count() == 1
    visit("fix/loss-is-nan.html")
    assert page.locator(".sidebar-tree a[href$='.html']").count() < 40
    titles = page.locator(".sidebar-tree .toctree-l1 > a")
    lines = titles.evaluate_all("links => links.map(link => link.clientHeight)")
    assert len({*lines}) == 1  # each is one line


@pytest.mark.parametrize("where", ["index.html", "fix/index.html"])
def test_the_field_finds_a_message_and_the_last_line_of_a_traceback_that_is_pasted(visit, where):
    page = visit(where)
    field = page.locator("form.ask input")
    first = page.locator(".ask-found a").first
    field.fill("index out of range in self")
    expect(first).to_have_attribute("href", path_ends("fix/index-out-of-range-in-self.html"))
    expect(page.locator(".ask-card")).to_contain_text("index out of range in self")
    assert page.locator(".ask-found li").count() <= 4
    field.fill("output with shape [1, 28, 28] doesn't match the broadcast shape [3, 28, 28]")
    expect(page.locator(".ask-found p")).to_contain_text("No page seems to have this.")
    field.fill("")
    expect(first).to_have_count(0)
    page.evaluate(PASTE, TRACEBACK)
    assert field.input_value() == "IndexError: index out of range in self"
    expect(first).to_have_attribute("href", path_ends("fix/index-out-of-range-in-self.html"))


def path_ends(path):
    return re.compile(re.escape(path) + "$")


def test_the_field_of_the_home_page_leads_to_the_lists_which_it_filters(visit):
    page = visit("index.html")
    page.locator("form.ask input").fill("how many epochs")
    page.keyboard.press("Enter")
    page.wait_for_url("**/fix/index.html?q=*")
    first = page.locator(".ask-found a").first
    expect(first).to_be_visible()
    assert not page.get_by_role("heading", name="By message").is_visible()
    page.get_by_role("link", name="Questions", exact=True).last.click()
    assert page.url.endswith("questions/index.html?q=how+many+epochs")
    expect(first).to_be_visible()
    page.locator("form.ask input").fill("")
    expect(page.get_by_role("heading", name="Losses")).to_be_visible()
