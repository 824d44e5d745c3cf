"""The search: what the build reads from pages, and which sections answer what people type."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from javascript import WEB, calling, handed_over

import course_table
import fixes
import search_index

ROOT = Path(__file__).parents[2]

TOYS = {
    "learn/gru.html": """<nav>Menu</nav><article>
        <section id="gru"><h1>GRU<a class="headerlink">¶</a></h1>
        <p>It has a <em>re</em>set gate.
        See <a class="internal" href="rnn.html#zeta">the start</a>.</p>
        <section id="code"><h2>In code</h2><pre>rnn = CharRNN(batch_<wbr>first=True)</pre>
        <div class="traceback"><pre>RuntimeError: mat1 and mat2 shapes</pre></div></section>
        <section id="exercises"><h2>Exercises</h2>
        <div class="exercise admonition" id="exercise-1"><p class="admonition-title">One: sums</p>
        <p>Add up the columns.</p></div><details><p>They give twelve.</p></details></section>
        </section></article>""",
    "learn/rnn.html": """<article>
        <section id="rnn"><h1>RNN</h1><p>A gate is a number. The state
        <math><msub><mi>W</mi><mi>h</mi></msub>
        <annotation>\\tanh(W_{\\text{hh}} h_{t-1})</annotation></math></p>
        <section id="zeta"><h2>Zeta</h2>
        <p>A perplexity and a temperature. Sizes are 3-D.</p></section>
        </section></article>""",
    "glossary.html": """<article><section id="glossary"><h1>Glossary</h1><dl>
        <dt id="term-bptt">BPTT</dt><dt id="term-back">backpropagation</dt>
        <dd><p>The way back.</p></dd>
        <dt id="term-gate">gate</dt><dd><p>A factor.</p></dd></dl></section></article>""",
}


def read(pages):
    return {name: search_index.sections_of(html) for name, html in pages.items()}


@pytest.fixture(scope="module")
def js():
    with calling(WEB / "search" / "find-sections.js") as call:
        yield call


PLACES = """([packed, queries, options]) => {
    const index = openIndex(packed);
    return queries.map(query => findSections(index, query, options)
        .map(({section}) => `${section.page}.html#${section.id}`));
}"""


@pytest.fixture
def places(js):
    """The addresses that a search of toy pages finds for each query, the best first."""

    def places(*queries, pages=TOYS, options=None):
        return js(PLACES, [search_index.index_of(read(pages)), queries, options or {}])

    return places


def test_a_section_has_the_text_outside_the_sections_within_it():
    gru, code, *_ = search_index.sections_of(TOYS["learn/gru.html"])
    assert (gru["id"], gru["title"], gru["text"]) == (
        "gru",
        "GRU",
        "It has a reset gate. See the start.",
    )
    assert code["code"] == "rnn = CharRNN(batch_first=True)"
    assert code["words"] == "RuntimeError: mat1 and mat2 shapes"
    assert gru["leads"] == [["rnn.html#zeta", "the start"]]


def test_a_formula_has_the_text_that_one_would_type():
    rnn, _ = search_index.sections_of(TOYS["learn/rnn.html"])
    assert rnn["text"] == "A gate is a number. The state tanh (W_hh h_t-1)"


def test_each_of_two_terms_of_an_entry_has_its_text():
    _, one, other, _ = search_index.sections_of(TOYS["glossary.html"])
    assert (one["title"], other["title"]) == ("BPTT", "backpropagation")
    assert one["text"] == other["text"] == "The way back."


def test_an_exercise_is_a_section_with_what_follows_it(places):
    *_, whole, one = search_index.sections_of(TOYS["learn/gru.html"])
    assert (whole["id"], whole["text"]) == ("exercises", "")
    assert (one["title"], one["text"]) == ("One: sums", "Add up the columns. They give twelve.")
    assert places("twelve") == [["learn/gru.html#exercise-1"]]


def test_a_word_in_a_title_comes_before_the_same_word_in_a_text(places):
    (found,) = places("gate")
    assert found[0] == "glossary.html#term-gate"
    assert {*found[1:]} == {"learn/gru.html#gru", "learn/rnn.html#rnn"}


def test_names_and_symbols_are_found_whole_and_by_their_parts(places):
    code, state = "learn/gru.html#code", "learn/rnn.html#rnn"
    queries = ("batch_first", "CharRNN", "charrnn", "first batch", "W_hh", "W_{hh}", "h_{t}")
    assert [found[0] for found in places(*queries)] == [code] * 4 + [state] * 3


def test_a_word_leads_where_a_link_with_this_word_leads(places):
    (found,) = places("start")
    assert "learn/rnn.html#zeta" in found


def test_a_page_has_one_place_and_its_other_sections_are_folded_under_it(js):
    say = """(packed) => findSections(openIndex(packed), "gate perplexity tanh")
        .map(({section, more}) => [section.page, section.id, more.map(({id}) => id)])"""
    found = js(say, search_index.index_of(read(TOYS)))
    assert ["learn/rnn", "rnn", ["zeta"]] in found
    assert len({page for page, *_ in found}) == len(found)


def test_a_question_leads_to_the_section_that_answers_it_and_counts_by_itself_if_asked(places):
    def question(number):
        href = "../learn/rnn.html#zeta"
        return f"""<dt id="q{number}">Is broccoli {number}.5 healthy?</dt>
            <dd><p>Read <a class="internal" href="{href}">there</a>.</p></dd>"""

    asked = f"<section id='data'><h1>Data</h1><dl>{question(1)}{question(2)}</dl></section>"
    pages = TOYS | {"questions/data.html": f"<article>{asked}</article>"}
    (found,) = places("healthy broccoli", pages=pages)
    assert found == ["questions/data.html#q1", "learn/rnn.html#zeta"]
    apart = {"questionsApart": True}
    (found,) = places("healthy broccoli", pages=pages, options=apart)
    assert found == ["questions/data.html#q1", "questions/data.html#q2", "learn/rnn.html#zeta"]


def test_one_slip_is_forgiven_and_two_are_not(places):
    slips = ("preplexity", "perplxity", "perpllexity", "perplaxity")
    found = places(*slips, "perplexity", "praplexity")
    assert found[:5] == [found[4]] * 5
    assert found[4][0] == "learn/rnn.html#zeta"
    assert found[5] == []


def test_an_unfinished_word_is_found_also_with_a_slip(places):
    found = places("tempe", "tempre", "3d", "3-D", "xyz")
    assert [one[:1] for one in found] == [["learn/rnn.html#zeta"]] * 4 + [[]]


def test_what_surrounds_a_message_does_not_count(places):
    around = 'Traceback (most recent call last): File "/home/gate/perplexity.py", line 3, in gate'
    message = "RuntimeError: mat1 and mat2 shapes"
    assert (
        places(f"{around} {message}", message)[0] == places(message)[0] == ["learn/gru.html#code"]
    )


def test_an_excerpt_marks_the_words_where_they_stand_closest(js):
    text = "A gate. " + "Nothing here. " * 30 + "The gates of perplexity."
    cut = "(text) => excerpt(new Map([['perplexity', 3], ['gat', 1]]), text)"
    found = js(cut, text)
    assert found[-2] == "perplexity"
    assert found[0].startswith("… ")


# --- the site -------------------------------------------------------------------------------------

SEARCHES = tomllib.loads((ROOT / "tests/site/searches.toml").read_text("utf-8"))["search"]
# How many phrases each list has, and how many of them may miss: one or two more than do. Since the
# factors of find-sections.js were chosen with these phrases, new ones will miss more often.
LISTS = {False: (104, 2), True: (60, 3), "second": (60, 10), "third": (118, 10), "fourth": (12, 1)}


@pytest.fixture
def of_site(site, js):
    """Call a function of JavaScript with the site's index and these queries."""
    packed = handed_over((site / "_static" / "search" / "index.js").read_text("utf-8"))
    return lambda function, queries: js(function, [packed, queries])


def test_a_right_section_is_among_the_first_three(of_site, pages):
    phrases = [search["phrase"] for search in SEARCHES]
    missed = [
        (search, found[:3])
        for search, found in zip(SEARCHES, of_site(PLACES, phrases), strict=True)
        if search["right"] and not any(is_right(place, search["right"]) for place in found[:3])
    ]
    for blind, (count, most) in LISTS.items():
        missed_here = [one for one in missed if one[0].get("blind", False) == blind]
        assert sum(search.get("blind", False) == blind for search in SEARCHES) == count
        assert len(missed_here) <= most, missed_here
    assert {search["kind"] for search in SEARCHES} <= {"words", "message", "name", "typo"}
    for search in SEARCHES:
        for right in search["right"]:
            page, _, place = right.partition("#")
            assert f'id="{place}"' in pages[page] or not place, right


def test_a_chapter_is_found_by_its_name_in_the_menu(of_site):
    names = {chapter.label: chapter.page for chapter in course_table.chapters().values()}
    found = [places[0].partition(".")[0] for places in of_site(PLACES, [*names])]
    assert found == [*names.values()]


def test_a_search_for_what_no_page_has_says_so(of_site):
    ask = "([packed, queries], index = openIndex(packed)) => "
    ask += "queries.map(query => answerIn(findSections(index, query)))"
    said = of_site(ask, [search["phrase"] for search in SEARCHES if not search["right"]])
    assert said == ["guesses"] * 8


def test_a_definition_comes_before_a_name_of_the_reference(of_site, pages):
    terms = [
        (section["id"], section["title"])
        for section in search_index.sections_of(pages["glossary.html"])
        if section["id"].startswith("term-")
    ]
    assert len(terms) > 100
    found = of_site(PLACES, [title for _, title in terms])
    late = [
        (term, places[:3])
        for (term, _), places in zip(terms, found, strict=True)
        if (place := f"glossary.html#{term}") not in places[:3]
        or any(name.startswith("api/") for name in places[: places.index(place)])
    ]
    assert late == []


def is_right(place, right):
    return place in right or place.partition("#")[0] in right


def messages():
    """Return each message of docs/fix, with the pages that have it."""
    found = {}
    for path in sorted((ROOT / "docs" / "fix").glob("*.md")):
        about = yaml.safe_load(path.read_text("utf-8").split("---\n")[1])
        for message in fixes.messages_of(about):
            found.setdefault(message, set()).add(f"fix/{path.stem}.html")
    return found


def test_a_whole_message_finds_its_page_first_also_without_the_name_of_its_error(of_site):
    of_pages = {message: right for message, right in messages().items() if len(message) > 20}
    assert len(of_pages) > 60
    bare = [re.sub(r"^[\w.]+: ", "", message) for message in of_pages]
    pasted = [
        f'Traceback (most recent call last): File "/a/b.py", line 7, in f {m}' for m in of_pages
    ]
    for queries in (list(of_pages), bare, pasted):
        found = of_site(PLACES, queries)
        wrong = [
            (query, places[:2])
            for query, places, right in zip(queries, found, of_pages.values(), strict=True)
            if places[0].partition("#")[0] not in right
        ]
        assert wrong == []
