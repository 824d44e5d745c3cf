"""Exercises that answer: replies, the memory of one browser, and old ones offered again."""

import json

import pytest
from accessible import problems

FIRST = "learn/recurrence.html"
KEY = "charseq-exercises"
KEEP = "kept => localStorage.setItem('charseq-exercises', kept)"


SHOW_ALL = "document.querySelectorAll('.is-later').forEach(c => c.classList.remove('is-later'))"


def questions(page):
    """The questions of the page, by what the memory calls them."""
    return {
        place.get_attribute("data-id"): (place, json.loads(place.get_attribute("data-question")))
        for place in page.locator(".question[data-id]").all()
    }


def answer(place, typed):
    if place.locator("input[type=radio]").count():
        place.get_by_label(typed.replace("`", ""), exact=True).check()
    else:
        place.get_by_role("textbox").fill(typed)
    place.get_by_role("button", name="Check").press("Enter")
    return place.get_by_role("status").text_content()


def kept(page):
    return json.loads(page.evaluate(f"localStorage.getItem('{KEY}')") or "null")


@pytest.mark.parametrize("name", [FIRST, "learn/gates.html"])
def test_each_question_of_a_chapter_knows_its_answer_and_its_mistakes(name, visit):
    page = visit(name, width=320)
    page.evaluate("location.hash = 'exercise-3'")
    page.locator("#exercise-3").wait_for()
    cards = page.locator(".exercise-card:visible")
    assert [cards.nth(k).locator("#exercise-3").count() for k in range(cards.count())] == [1]
    page.evaluate(SHOW_ALL)
    count = 0
    for place, asked in questions(page).values():
        for typed, says in asked["mistakes"]:
            assert answer(place, typed) == f"✗ {says}".replace("`", "")
            assert place.locator(".question-solved").text_content() == ""
        said = answer(place, asked["answer"])
        assert said == f"✓ Right. {asked['why']}".strip().replace("`", "")
        assert place.locator(".question-solved").text_content() == "solved"
        count += len(asked["mistakes"]) + 1
    assert sum(one["misses"] for one in kept(page).values()) == count - len(kept(page))
    assert all(one["solved"] for one in kept(page).values())
    asked = {one.partition("#")[2].partition(".")[0] for one in kept(page)}
    assert page.locator(".exercise-row .is-solved").count() == len(asked)
    height = "all => Math.min(...all.map(one => one.getBoundingClientRect().height))"
    targets = ".question :is(fieldset label, button, input:not([type=radio]))"
    assert page.locator(targets).evaluate_all(height) >= 44  # px: a finger hits it
    assert problems(page, part=".question") == []


def test_a_question_is_answered_by_keyboard_and_a_slip_after_it_counts_for_nothing(visit):
    page = visit(FIRST)
    id, (place, asked) = next(
        (id, pair) for id, pair in questions(page).items() if pair[1]["kind"] != "choice"
    )
    place.get_by_role("textbox").focus()
    page.keyboard.type(asked["answer"])
    page.keyboard.press("Enter")
    assert place.get_by_role("status").text_content().startswith("✓ Right.")
    answer(place, asked["mistakes"][0][0])
    assert kept(page) == {id: {"solved": True, "misses": 0, "last": 2}}
    answer(place, "")  # no answer is no miss
    assert kept(page)[id]["last"] == 2
    page.reload()
    assert place.locator(".question-solved").text_content() == "solved"


def exercises_of(page):
    """For each exercise, the questions that it has."""
    found = {}
    for id in questions(page):
        found.setdefault(id.rpartition(".")[0] if "." in id else id, []).append(id)
    return found


def test_a_chapter_offers_three_old_exercises_first_those_that_went_worst(visit):
    earlier = {}
    for name in (FIRST, "learn/gates.html"):
        earlier |= exercises_of(visit(name))
    fine, never, second, first, last = [*earlier][:5]
    memory = {}
    for name, solved, misses, when in (
        *((fine, True, 0, 4), (never, False, 0, 2), (second, True, 1, 3)),
        *((first, True, 0, 1), (last, True, 0, 5)),
    ):
        for id in earlier[name]:
            memory[id] = {"solved": solved, "misses": misses if id == name else 0, "last": when}
    page = visit("learn/gru.html")
    assert page.locator(".exercise-again").count() == 0
    page.evaluate(KEEP, json.dumps(memory))
    page.reload()
    links = page.locator(".exercise-again a").evaluate_all("all => all.map(a => a.href)")
    offered = [link.rpartition("/learn/")[2].replace(".html", "") for link in links]
    assert offered == [name.removeprefix("learn/") for name in (never, second, first)]
    assert visit(FIRST).locator(".exercise-again").count() == 0


def test_lists_count_what_is_solved_and_forget_it_on_request(visit):
    page = visit("learn/gru.html")
    listed = exercises_of(page)
    page = visit("exercises.html")
    assert page.locator(".exercise-mark").count() == 0
    assert "Nothing is sent" in page.locator("[data-exercise-memory]").text_content()
    [one, *_] = listed
    memory = {id: {"solved": True, "misses": 0, "last": 1} for id in listed[one]}
    page.evaluate(KEEP, json.dumps(memory))
    page.reload()
    marks = page.locator(".exercise-mark").all_text_contents()
    assert marks == [" ✓ solved"]  # beside the exercise
    page = visit("learn/index.html")
    marks = page.locator(".exercise-mark").all_text_contents()
    assert {*marks} == {f" 1 of {len(listed)} solved"}
    page.get_by_role("button", name="Clear my progress").click()
    assert page.locator(".exercise-mark").count() == 0
    assert kept(page) is None


HOSTILE = [
    *("not JSON", "[1, 2]", '{"learn/gru#exercise-1": null}'),
    '{"learn/gru#exercise-1": {"solved": true, "misses": 1e400, "last": 0}}',
    '{"__proto__": {"solved": true, "misses": 0, "last": 0}}',
]


def test_a_damaged_memory_is_ignored_and_written_anew(visit):
    page = visit(FIRST)
    for stored in HOSTILE:
        page.evaluate(KEEP, stored)
        page.reload()
        assert {*page.locator(".question-solved").all_text_contents()} == {""}, stored
        [(id, (place, asked)), *_] = questions(page).items()
        answer(place, asked["answer"])
        assert kept(page) == {id: {"solved": True, "misses": 0, "last": 1}}, stored


def test_without_scripts_and_on_paper_no_form_is_shown(browser, visit, site):
    shown = visit(FIRST).locator(".question").first
    assert shown.is_visible()
    shown.page.emulate_media(media="print")
    assert not shown.is_visible()
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((site / FIRST).as_uri())
        assert not any(question.is_visible() for question in page.locator(".question").all())
