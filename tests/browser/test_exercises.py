"""Exercises that answer: replies, the memory of one browser, and old ones offered again."""

import numpy as np
import pytest
from accessible import barriers
from javascript import WEB, calling

import bundles
from exercises import bundle_source
from questions import Choice, Number, Shape, Text

TANH = Number("Unit 0 of the state", np.tanh(0.9), digits=3, why="Only `x` counts.")
TANH.mistake("That is the sum, before the tanh.", 0.9)
TANH.mistake("You forgot the bias.", np.tanh(0.8))
COUNT = Number("Weights", 50_800)
COUNT.mistake("You counted one bias.", 50_600)
TWO, NONE = Number("Rows", 2), Number("Rows left out", 0)
SIXTEEN = Number("Weights", 16)
SIXTEEN.mistake("You counted every step.", 16_000)
SHAPE = Shape("`output`", (2, 5, 4))
SHAPE.mistake("`h_n` has this shape.", (1, 2, 4))
WORD = Text("Prediction", "learned deep")
WORD.mistake("That is epoch 41.", "learneng deep")
EDGE = Text("With its space", " a")
SIDE = Choice("Which gate?", "forget")
SIDE.mistake("It scales what is *added*.", "input")
PRECISE = Number("Loss", 1.099, digits=3)


@pytest.fixture(scope="module")
def reply():
    """Ask what the page replies to a typed answer."""
    with calling(WEB / "core" / "typed-answers.js") as call:

        def ask(question, typed):
            both = [question.as_dict(), typed]
            said = call("([question, typed]) => replyTo(question, typed)", both)
            return said["verdict"], said["says"]

        yield ask


@pytest.mark.parametrize(
    ("question", "typed"),
    [
        *((TANH, typed) for typed in ("0.716", " .716 ", "0,716", "= 0.7163", "≈0.716", "71.6%")),
        *(
            (TANH, typed)
            for typed in ("0.7158", "7.16e-1", "+0.716", "(0.716)", "0.716 nats", "0.716 MB")
        ),
        *((COUNT, typed) for typed in ("50800", "50,800", "50 800", "50_800", "50'800", "508*100")),
        *((COUNT, typed) for typed in ("50800 weights and biases", "50800.", "101600/2")),
        (Number("a power", 1024), "2^10"),
        (Number("a power", 1024), "2**10"),
        (Number("a third", 1 / 3, digits=3), "1/3"),
        (Number("below zero", -1.5, digits=1), "−1.5"),
        (Number("nothing", 0), "0"),
        *((SHAPE, typed) for typed in ("2, 5, 4", "(2, 5, 4)", "[2,5,4]", "2 5 4", "2×5×4")),
        *((SHAPE, typed) for typed in ("torch.Size([2, 5, 4])", "{2; 5; 4}", "<2, 5, 4>")),
        (Shape("a number's", ()), "()"),
        (Shape("a number's", ()), "torch.Size([])"),
        (Shape("one axis", (16,)), "(16,)"),
        *((WORD, typed) for typed in ("learned deep", '"learned deep"', "“learned deep”")),
        *((WORD, typed) for typed in ("learned␣deep", " learned deep ")),
        *((EDGE, typed) for typed in (" a", "' a'", "␣a")),
        (SIDE, "forget"),
    ],
)
def test_what_means_the_answer_is_right(reply, question, typed):
    assert reply(question, typed) == ("right", f"Right. {question.why}".strip())


NOT_YET = "Not yet. Try again, or open the solution."
EMPTY = "Type an answer first."
COMMAS = ". Separate the sizes by commas, for example 3, 21, 16."
DIGITS = "Type a number in digits, such as 0.25."
REPLIES = {
    "known": [
        (TANH, "0.9", "That is the sum, before the tanh."),
        (TANH, "0.664", "You forgot the bias."),
        (TANH, "0.66", "You forgot the bias."),  # rounded to fewer decimals
        (COUNT, "50,600", "You counted one bias."),
        (SIXTEEN, "16,000", "You counted every step."),
        (SHAPE, "(1,2,4)", "`h_n` has this shape."),
        (WORD, "learneng deep", "That is epoch 41."),
        (SIDE, "input", "It scales what is *added*."),
    ],
    "nearly": [
        (TANH, "-0.716", "The sign is wrong."),
        (TANH, "0.72", "Right so far. Give it to 3 decimal places."),
        (TANH, "1.433", "You are off by a factor of 2."),
        (TANH, "7.163", "You are off by a factor of 10."),
        (TANH, "0.239", "You are off by a factor of 1/3."),
        (
            TANH,
            "0.708",
            "You are within 2 %. Give it to 3 decimal places, and round at the end only.",
        ),
        (TANH, "1.396", "You have one over the answer."),
        (PRECISE, "1.586", "That is in bits, not in nats."),
        (PRECISE, "0.762", "That is in nats, not in bits."),
        (COUNT, "50,801", "You are off by one."),
        (COUNT, "50800.4", "Right, but round it to a whole number."),
        (COUNT, "5080", "You are off by a factor of 1/10."),
        (TWO, "1", "You are off by one."),
        (NONE, "1", "You are off by one."),
        (SHAPE, "5, 2, 4", "The sizes are right. The order of the axes is not."),
        (SHAPE, "1, 2, 5, 4", "Count the axes of size 1 again."),
        (SHAPE, "4, 10, 1", "The number of entries is right. Their axes are not."),
        (WORD, "Learned Deep", "Capital letters count."),
        (WORD, "learneddeep", "The letters are right. Count the spaces, too."),
        (WORD, "deep learned", "The letters are right. Their order is not."),
        (WORD, "l,e,a,r,n,e,d, ,d,e,e,p", "The letters are right. Leave out the commas."),
        (WORD, "learn", "Right so far. The answer has 12 characters."),
        (WORD, "learned deep learning", "The answer is a part of yours. Type 12 characters."),
        (EDGE, "a", "The letters are right. Count the spaces, too."),
    ],
    "wrong": [
        (TANH, "0.3", NOT_YET),
        (TANH, "1", NOT_YET),  # rounds to it, and says nothing
        (SHAPE, "2, 5", "The answer has 3 axes, yours has 2."),
        (SHAPE, "2, 6, 7", "Right in 1 of 3 axes."),
        (SHAPE, "7, 7, 7", NOT_YET),
        (TANH, "0", NOT_YET),
        (TANH, "0.0", NOT_YET),
        (TWO, "2.4", "The answer is a whole number."),
        (TWO, "6", NOT_YET),
        (WORD, "earn", "The answer has 12 characters, yours has 4."),
        (WORD, "6, 3, 1", "Type characters, no numbers."),
    ],
    "odd": [
        (TANH, "", EMPTY),
        (SHAPE, "  \t", EMPTY),
        (SIDE, "", "Pick one."),
        *((TANH, typed, DIGITS) for typed in ("one half", "NaN", "Infinity", "0x10", "1e999")),
        *((TANH, typed, DIGITS) for typed in ("1.2.3", "--1", "1/0", "<img src=x>", "(4, 2)")),
        (TANH, "9" * 1000, "An answer has at most 200 characters."),
        (SHAPE, "two", f"Type numbers, no letters{COMMAS}"),
        (SHAPE, "2.5, 1", f"Type whole numbers only{COMMAS}"),
        (WORD, "x" * 1000, "An answer has at most 200 characters."),
    ],
}


@pytest.mark.parametrize(
    ("verdict", "question", "typed", "says"),
    [(verdict, *reply) for verdict, replies in REPLIES.items() for reply in replies],
)
def test_a_mistake_that_was_foreseen_one_that_is_near_and_no_answer_are_told_apart(
    reply, verdict, question, typed, says
):
    assert reply(question, typed) == (verdict, says)


# --- on a page ------------------------------------------------------------------------------------

CHAPTERS = [
    (
        f"learn/{title.lower()}",
        title,
        [
            (f"exercise-{k}", f"Exercise {k} (by hand): {title} {k}", count)
            for k, count in enumerate(counts, 1)
        ],
    )
    for title, counts in (("One", (1, 2)), ("Two", (1, 1)), ("Three", (0,)))
]
HTML = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title>
<link rel="stylesheet" href="../_static/bundles/exercises.css">
<body><article><h1>{name}</h1>{body}</article>
<script defer src="../_static/bundles/exercises.js"></script>"""


def asked(page, place, question):
    return question._repr_html_().replace(" hidden", f' hidden data-id="{page}#{place}"', 1)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A folder of three chapters and a list of them."""
    folder = tmp_path_factory.mktemp("exercises")
    learn = folder / "learn"
    learn.mkdir()
    colors = ":root { --color-background-primary: #fff; --color-foreground-secondary: #555 }"
    entries = {
        "exercises.css": colors + bundles.source_of("exercises.css"),
        "exercises.js": bundle_source(CHAPTERS),
    }
    bundles.bundle(entries, folder / "_static" / "bundles")
    one = [("exercise-1", TANH), ("exercise-2", SHAPE), ("exercise-2.2", SIDE)]
    two = [("exercise-1", WORD), ("exercise-2", COUNT)]
    links = "".join(f'<li><a href="{name}.html">{name}</a></li>' for name in ("one", "two"))
    links += '<li><a href="one.html#exercise-1">first</a></li>'
    pages = {
        "one": "".join(asked("learn/one", *pair) for pair in one),
        "two": "".join(asked("learn/two", *pair) for pair in two),
        "three": "<p>Text</p>",
        "list": f"<ul>{links}</ul><div data-exercise-memory></div>",
    }
    for name, body in pages.items():
        (learn / f"{name}.html").write_text(HTML.format(name=name, body=body), "utf-8")
    return learn


@pytest.fixture
def visit(browser, toy):
    """Open pages in one browser that remembers nothing yet."""
    context = browser.new_context()
    page = context.new_page()
    problems = []
    page.on("pageerror", lambda problem: problems.append(problem))

    def go(name):
        page.goto((toy / f"{name}.html").as_uri())
        return page

    yield go
    context.close()
    assert problems == []


def answer(page, number, typed):
    form = page.locator(".question form").nth(number)
    if form.locator("input[type=radio]").count():
        form.get_by_label(typed).check()
    else:
        form.locator("input").fill(typed)
    form.get_by_role("button", name="Check").click()
    return form.get_by_role("status").text_content()


def kept(page):
    return page.evaluate("JSON.parse(localStorage.getItem('charseq-exercises'))")


def test_a_reply_is_announced_and_the_question_marked_as_solved(visit):
    page = visit("one")
    assert answer(page, 0, "0.9") == "✗ That is the sum, before the tanh."
    assert page.locator(".question-solved").first.text_content() == ""
    assert answer(page, 0, "0,716") == "✓ Right. Only x counts."
    assert page.locator("[role=status] code").text_content() == "x"
    assert page.locator(".question-solved").first.text_content() == "solved"
    assert answer(page, 2, "input") == "✗ It scales what is *added*."
    assert kept(page)["learn/one#exercise-1"] == {"solved": True, "misses": 1, "last": 2}
    answer(page, 0, "0.9")  # a slip after the right answer is no miss
    assert kept(page)["learn/one#exercise-1"] == {"solved": True, "misses": 1, "last": 4}


def test_a_finger_hits_what_is_to_be_hit(visit):
    page = visit("one")
    for target in page.locator(
        ".question :is(fieldset label, button, input:not([type=radio]))"
    ).all():
        assert target.bounding_box()["height"] >= 44  # px


def test_a_question_is_answered_by_keyboard_alone(visit):
    page = visit("one")
    page.keyboard.press("Tab")
    page.keyboard.type("0.716")
    page.keyboard.press("Enter")
    assert page.get_by_role("status").first.text_content().startswith("✓ Right.")
    for _ in range(4):  # Check, the shape, its Check, the first choice
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    assert page.get_by_role("status").nth(2).text_content() == "✓ Right."


def test_the_list_counts_what_is_solved_and_forgets_on_request(visit):
    page = visit("list")
    assert page.locator(".exercise-mark").count() == 0
    assert "Nothing is sent" in page.locator("[data-exercise-memory]").text_content()
    page = visit("one")
    answer(page, 0, "0.716")
    answer(page, 1, "2, 5, 4")  # one of the two questions of Exercise 2
    page = visit("list")
    assert page.locator("li").all_text_contents() == [
        "one 1 of 2 solved",
        "two",
        "first ✓ solved",
    ]
    page = visit("one")
    answer(page, 2, "forget")
    page = visit("list")
    assert page.locator("li").first.text_content() == "one 2 of 2 solved"
    page.get_by_role("button", name="Clear my progress").click()
    assert page.locator(".exercise-mark").count() == 0
    assert kept(page) is None


def test_a_chapter_offers_three_old_exercises_those_never_solved_first(visit):
    page = visit("three")
    assert page.locator(".exercise-again").count() == 0
    page = visit("one")
    answer(page, 0, "0.716")
    answer(page, 1, "1, 2, 4")
    page = visit("two")
    titles = page.locator(".exercise-again a").evaluate_all("links => links.map(a => a.href)")
    assert [title.rsplit("/", 1)[1] for title in titles] == [
        "one.html#exercise-2",  # never solved
        "one.html#exercise-1",
    ]
    answer(page, 0, "x")
    answer(page, 0, "learned deep")
    answer(page, 1, "50800")
    page = visit("three")
    titles = page.locator(".exercise-again a").evaluate_all("links => links.map(a => a.href)")
    assert [title.rsplit("/", 1)[1] for title in titles] == [
        "one.html#exercise-2",
        "two.html#exercise-1",  # solved at the second try
        "one.html#exercise-1",  # solved longest ago
    ]
    assert visit("one").locator(".exercise-again").count() == 0


HOSTILE = [
    "not JSON",
    "null",
    "[1, 2]",
    '"text"',
    '{"learn/one#exercise-1": null}',
    '{"learn/one#exercise-1": {"solved": "yes", "misses": 0, "last": 0}}',
    '{"learn/one#exercise-1": {"solved": true, "misses": 1e400, "last": 0}}',
    '{"__proto__": {"solved": true, "misses": 0, "last": 0}}',
    '{"<img src=x>": {"solved": true, "misses": 0, "last": 0}}',
]


def test_a_damaged_memory_is_ignored_and_written_anew(visit):
    page = visit("list")
    for stored in HOSTILE:
        page.evaluate("text => localStorage.setItem('charseq-exercises', text)", stored)
        assert visit("list").locator(".exercise-mark").count() == 0, stored
        answer(visit("one"), 0, "0.716")
        right = {"learn/one#exercise-1": {"solved": True, "misses": 0, "last": 1}}
        assert kept(page) == right, stored


def test_without_storage_the_page_remembers_until_it_is_left(browser, toy):
    with browser.new_context() as context:
        context.add_init_script(
            "Object.defineProperty(window, 'localStorage', "
            "{get() { throw new DOMException('denied', 'SecurityError') }})"
        )
        page = context.new_page()
        page.goto((toy / "one.html").as_uri())
        assert answer(page, 0, "0.716").startswith("✓ Right.")
        assert page.locator(".question-solved").first.text_content() == "solved"


def test_without_scripts_and_on_paper_no_form_is_shown(browser, toy):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((toy / "one.html").as_uri())
        assert page.locator(".question").count() == 3
        assert not any(question.is_visible() for question in page.locator(".question").all())
    with browser.new_context() as context:
        page = context.new_page()
        page.goto((toy / "one.html").as_uri())
        assert page.locator(".question").first.is_visible()
        page.emulate_media(media="print")
        assert not page.locator(".question").first.is_visible()


def test_the_forms_have_no_barrier_and_fit_a_narrow_phone(visit):
    page = visit("one")
    page.set_viewport_size({"width": 320, "height": 640})
    answer(page, 0, "0.9")
    answer(page, 1, "")
    answer(page, 2, "input")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    for number in range(3):
        assert barriers(page, part=f".question:nth-of-type({number + 1})") == []
