"""The extensions of docs/_ext on toy sites of a few pages: what they make, and what they refuse.

A toy site has the real settings, extensions, templates and package, and pages of its own. One site
is right. Another has every mistake that an extension has to notice. A third knows its address.
"""

import ast
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from filelock import FileLock

import equations
import glossary_links
import search_index

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

FRONT = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n\n"
PAGES = re.split("^==== (.*)\n", (HERE / "toys.txt").read_text("utf-8"), flags=re.M)[1:]
WRITTEN = dict(
    zip(PAGES[::2], (text.replace("{front}\n", FRONT) for text in PAGES[1::2]), strict=True)
)
GOOD = {name: text for name, text in WRITTEN.items() if not name.startswith("bad: ")}


def good_but(name, pattern, instead):
    """Return a page of the site that is right, but for one mistake."""
    text = re.sub(pattern, instead, GOOD[name])
    assert text != GOOD[name]
    return text


BAD = GOOD | {name[5:]: text for name, text in WRITTEN.items() if name.startswith("bad: ")}
BAD |= {
    "docs/learn/picture.svg": "<svg xmlns='http://www.w3.org/2000/svg'><!-- nan --></svg>",
    "_build/books/charseq.epub": "e" * 60_000,  # this site has books to offer
    "_build/books/charseq.pdf": "p" * 140_000,
    "docs/fix/other.md": good_but("docs/fix/divide.md", 'by zero"', 'by nothing"'),
    "docs/fix/unnamed.md": good_but("docs/fix/divide.md", "message: .*\n", ""),
    "docs/fix/stated.md": good_but("docs/fix/divide.md", "group:", "stated: true\ngroup:"),
    "docs/fix/index.md": good_but("docs/fix/index.md", "{fixes} toys", "{fixes} games"),
    "docs/questions/toys.md": good_but("docs/questions/toys.md", '"notation"', '"nowhere"'),
    "docs/glossary.md": good_but(
        "docs/glossary.md",
        "bias\n",
        "norm\n  A length.\n\nweight\n  A factor.\n\n  % links: doors\n\nbias\n",
    ),
    "docs/notation.md": good_but(
        "docs/notation.md",
        "{eq}`softmax`",
        "{eq}`softmax`, {eq}`no-code`, {eq}`rnn-step`",
    ),
}
# What the second site must complain about, a regular expression each.
MISTAKES = {
    "bad LaTeX": r"bad.md.*bad math '.*frac\{1': ",
    "an image without alternative text": r"bad.md.*an image has no alternative text: .*picture.svg",
    "an SVG without size": r"picture.svg has no size",
    "a warning in a cell, even of a kind that Python hides": r"bad.md.*stderr was found",
    "a NaN": r"bad.md.*an output has a NaN: nan",
    "a NaN in a figure": r"bad.md.*a figure has a NaN in its text: .*svg",
    "an example that did not run": r"silent.*the example has no output and no figure",
    "a figure without words": r"wordless.py: a figure without alternative text",
    "an equation without symbols": r"equation 'one-hot' lacks symbols on the notation page",
    "code of an unknown function": r"bad.md.*no function of charseq is called 'no_such_function'",
    "notation of an unknown name": r"bad.md.*no row of the notation is for 'no_such_name'",
    "a part of the playground without body": r"bad.md.*a widget needs a body",
    "a question of no exercise": r"bad.md.*a question without an exercise before it",
    "a word of two terms": r"two entries of the glossary list 'doors'",
    "a cell that breaks elsewhere": r"calm.md.*a cell has failed\n.*breaks in line 1",
    "a message that no cell prints": r"other.md.*no cell prints .*division by nothing",
    "a message that is not named": r"unnamed.md.*a cell breaks, and the front matter names no",
    "a message that is not only stated": r"stated.md.*says that the message is only stated",
    "a group of fixes without pages": r"no page in docs/fix belongs to 'games'",
    "a question answered nowhere": r"a question is answered at 'nowhere', which is no page",
    "a kind of block that notebooks lack": r"bad.md.*no Markdown for .image.",
    "a cell that raises": r"raises.md.*a cell has failed\n(.*\n)*?ZeroDivisionError",
}


SITES = {"good": GOOD, "bad": BAD, "hosted": GOOD}  # toy_sites.py has the address of the third
COPIED = [f"docs/{name}" for name in ("conf.py", "references.bib", "_inventories.txt", "_ext")]
COPIED += [f"docs/{name}" for name in ("_static", "_templates", "_web", "_records")]
COPIED += ["charseq", "deno.jsonc", "pyproject.toml", "README.md", "LICENSE"]


def write_site(folder, files):
    """Write a site."""
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, folder / name)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


@pytest.fixture(scope="session")
def toys(shared_folder):
    """Build the sites side by side, unless another process of tests has."""
    shared = shared_folder / "toys"
    with FileLock(f"{shared}.lock"):
        if not shared.exists():
            for name, site in SITES.items():
                write_site(shared / name, site)
            program = Path(__file__).with_name("toy_sites.py")
            folders = [shared / name for name in SITES]
            subprocess.run([sys.executable, program, *folders], check=True)
    return shared


@pytest.fixture(scope="session")
def said(toys):
    """What Sphinx says of each site."""
    return {name: (toys / f"{name}.txt").read_text("utf-8") for name in SITES}


def test_a_site_without_mistakes_builds_without_warnings(said):
    assert said["good"] == ""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_a_warning(said, mistake):
    assert re.search(MISTAKES[mistake], said["bad"]), said["bad"]


def text_of(html):
    return unescape(re.sub("<[^>]*>", "", html))


@pytest.fixture(scope="session")
def page_html(toys):
    return (toys / "good/_build/html/learn/page.html").read_text("utf-8")


def test_formulas_are_mathml_with_their_latex_and_number(page_html):
    assert '<annotation encoding="application/x-tex">p = \\frac{e^z}{\\sum e^z}' in page_html
    assert '<span class="eqno">(1)' in page_html


def test_cells_run_and_their_figures_have_a_size_and_dark_colors(page_html, toys):
    assert "[0.5 0.5]" in page_html
    (image,) = re.findall(r"<img[^>]*A line that rises[^>]*>", page_html)
    assert 'width="672"' in image  # as wide as the text
    assert 'height="504"' in image
    figures = [
        path.read_text("utf-8") for path in (toys / "good/_build/html/_images").glob("*.svg")
    ]
    assert len(figures) == 3  # one of the page, one of the example and its thumbnail
    for figure in figures:
        style, _, drawing = figure.partition("</style>")
        assert style.count("@media (prefers-color-scheme: dark)") == 1
        assert '[style*="fill: #0072b2"] { fill: #56b4e9 !important }' in style
        assert "text { font-family: system-ui" in style
        drawn = set(re.findall(r"(?:fill|stroke): (#\w{6})", drawing))
        assert drawn <= set(re.findall(r'"stroke: (#\w{6})"', style))  # each has a partner
        assert "#ffffff" not in drawing  # the page shines through


def test_a_cell_that_breaks_on_purpose_shows_its_message_alone_and_the_next_cell_runs(toys):
    html = (toys / "good/_build/html/fix/divide.html").read_text("utf-8")
    outputs = [text_of(output) for output in re.findall(r"<pre[^>]*>(.*?)</pre>", html, re.S)]
    assert outputs[1:3] == ["first\n", "ZeroDivisionError: division by zero\n"]
    assert outputs[4:] == ["last\nUserWarning: take care\n"]


def test_fixes_are_listed_by_message_and_symptom_and_not_in_the_sidebar_of_other_pages(toys):
    site = toys / "good/_build/html"
    index = (site / "fix/index.html").read_text("utf-8")
    listed = re.findall(r'<li><p><a[^>]*href="divide.html">(.*?)</a>', index)
    assert [text_of(entry) for entry in listed] == [
        "ZeroDivisionError: division by zero",
        "a number is *divided* by zero",
    ]
    sidebar, sidebar_elsewhere = (
        re.findall(r'href="([^"]*)">', html.partition("<article")[0])
        for html in (index, (site / "learn/page.html").read_text("utf-8"))
    )
    assert "divide.html" in sidebar
    below = {"../fix/divide.html", "../questions/toys.html", "../gallery/cell/toy.html"}
    assert not below & {*sidebar_elsewhere}
    assert {"../fix/index.html", "../questions/index.html"} < {*sidebar_elsewhere}


def test_previous_and_next_stay_behind_their_door(toys):
    site = toys / "good/_build/html"
    ways = {
        page: re.findall(
            r'<a class="(next|prev)-page" href="([^"]*)"', (site / page).read_text("utf-8")
        )
        for page in ("index.html", "learn/index.html", "fix/index.html", "questions/toys.html")
    }
    assert ways == {
        "index.html": [],
        "learn/index.html": [("next", "page.html")],
        "fix/index.html": [("next", "divide.html")],
        "questions/toys.html": [("prev", "index.html")],
    }


def test_a_question_has_an_address_an_answer_and_links_to_the_sections_that_answer_it(toys):
    html = (toys / "good/_build/html/questions/toys.html").read_text("utf-8")
    assert '<dt id="what-is-a-gate">What is a <code' in html
    assert "A number between 0 and 1." in html
    links = re.findall(r'<a class="reference internal" href="([^"]*)">([^<]*)</a>[,.]', html)
    assert links == [
        ("../learn/page.html#the-gate", "A page: The gate"),
        ("../notation.html", "Notation"),
    ]
    everything = (toys / "good/_build/html/questions/index.html").read_text("utf-8")
    assert '<a class="reference internal" href="toys.html#what-is-a-gate">What is a ' in everything


def test_books_are_offered_only_if_they_have_been_made(toys):
    site, without = (toys / name / "_build/html" for name in ("bad", "good"))
    home = (site / "index.html").read_text("utf-8")
    assert 'href="_static/charseq.epub">an EPUB</a>' in home
    assert len((site / "_static/charseq.pdf").read_bytes()) == 140_000
    assert "an EPUB" not in (without / "index.html").read_text("utf-8")
    assert not (without / "_static/charseq.epub").exists()


@pytest.mark.parametrize("name", ["index.html", "learn/index.html"])
def test_a_page_in_any_folder_leads_to_the_wheel(name, toys):
    page = toys / "good/_build/html" / name
    [wheel] = re.findall(r'href="([^"]*\.whl)"', page.read_text("utf-8"))
    assert (page.parent / wheel).is_file()


def test_code_is_shown_without_docstring(page_html):
    assert "Turn logits into probabilities" not in page_html


def test_the_first_use_of_a_term_in_running_text_leads_to_the_glossary(page_html, toys):
    linked = re.findall(r'(\w+) <a class="term [^>]*#([^"]*)">(.*?)</a>', page_html)
    assert linked == [  # and not in headings, links and code, nor what an entry excepts
        ("These", "term-gate", "gates"),
        ("have", "term-bias", "biases"),
        ("two", "term-axis", "axes"),
    ]
    assert page_html.count('class="term ') == 3  # the page explains what a loss is
    script = (toys / "good/_build/html/_static/glossary.js").read_text("utf-8")
    assert '"term-gate":"A number between 0 and 1."' in script
    assert "term-token" not in script


@pytest.mark.parametrize("address", ["the-gate", "equation-softmax", "exercise-one"])
def test_each_part_of_a_page_has_an_address_made_of_its_words_and_a_link_to_it(address, page_html):
    assert page_html.count(f'id="{address}"') == 1
    assert f'tabindex="-1" href="#{address}" title="Link to this ' in page_html


LED = {
    "old/page.html": "learn/page.html",
    "old/part.html": "learn/page.html#the-gate",
}


@pytest.mark.parametrize("old", LED)
@pytest.mark.parametrize("scripts", [True, False])
def test_a_browser_is_led_from_an_old_address_to_the_new_one(old, scripts, toys, browser):
    site = (toys / "good/_build/html").as_uri()
    page = browser.new_page(java_script_enabled=scripts)
    page.goto(f"{site}/{old}")
    page.wait_for_url(f"{site}/{LED[old]}")
    page.close()


def test_pages_are_written_anew_if_the_glossary_has_changed(tmp_path):
    app = SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(format="html"))
    gate = glossary_links.Entry("glossary", "term-gate", "It opens.", ("gate",), (), ())
    env = SimpleNamespace(metadata={"glossary": {"glossary": [gate]}})
    env.found_docs = {"learn/page", "before/page", "use/page"}
    assert glossary_links.judge(app, env) == []  # Sphinx writes a new site as a whole
    assert glossary_links.judge(app, env) == []
    env.metadata["glossary"] = {"glossary": [gate._replace(says="It shuts.")]}
    assert glossary_links.judge(app, env) == ["before/page", "learn/page"]
    assert "It shuts." in (tmp_path / "_static/glossary.js").read_text("utf-8")


def test_a_part_of_the_playground_has_its_settings_and_its_body(page_html):
    assert 'data-play="train"' in page_html
    assert 'data-options="epochs=2"' in page_html
    assert "Without scripts you read this." in page_html


def test_a_page_that_trains_loads_the_bundle_of_its_widgets_at_once(page_html, toys):
    assert "data-files" not in page_html
    assert re.search('defer="defer" src="[^"]*/bundles/train-explorer.js', page_html)
    assert re.search('href="[^"]*/bundles/widgets.css', page_html)
    script = (toys / "good/_build/html/_static/bundles/train-explorer.js").read_text("utf-8")
    assert "All drawings have the same scale" in script  # of the explorer
    assert "Twenty epochs" in script  # of the widget that trains
    assert "The painted text" not in script  # of a widget that the page lacks


def test_an_exercise_has_an_address_and_its_questions_have_names(page_html):
    assert re.search(r'class="exercise[^>]* id="exercise-1"', page_html)
    assert re.findall(r'data-id="([^"]*)"', page_html) == [
        "learn/page#exercise-1",
        "learn/page#exercise-1.2",
    ]
    assert "from questions" not in page_html


def test_all_exercises_stand_on_one_page_and_the_scripts_know_them(toys):
    html = toys / "good/_build/html"
    every = (html / "exercises.html").read_text("utf-8")
    assert 'href="learn/page.html#exercise-1">Go to this exercise' in every
    assert 'href="learn/page.html#equation-softmax"' in every  # a reference in the copy
    assert 'href="learn/index.html"><span class="doc">Learn' in every
    assert 'id="exercise-1"' not in every
    script = (html / "_static/bundles/exercise-list.js").read_text("utf-8")
    assert '["learn/page","A page",[["one",2]]]' in script
    pages = {
        path.stem for path in html.rglob("*.html") if "exercises.js" in path.read_text("utf-8")
    }
    assert pages == {"page", "exercises", "index"}  # the home page has the memory


def test_each_page_has_once_what_templates_and_extensions_change_in_those_of_the_theme(toys):
    site = toys / "good/_build/html"
    once = (
        *('http-equiv="Content-Security-Policy"', "bundles/page-start.js", "<h1"),
        *('<aside aria-label="Site" class="sidebar-drawer"', 'class="header-right"'),
        *('<aside aria-label="On this page" class="toc-drawer', '<nav class="to-top" aria-label='),
        *('<a href="#" class="back-to-top', '<a class="back-to-top', 'aria-haspopup="dialog"'),
    )
    pages = {path: path.read_text("utf-8") for path in site.rglob("*.html")}
    whole = {path: html for path, html in pages.items() if "page has moved" not in html}
    assert len(whole) == 20
    for path, html in whole.items():
        assert {text: html.count(text) for text in once} == dict.fromkeys(once, 1), path
    assert "<h1>Search</h1>" in whole[site / "search.html"]


def test_the_columns_of_aligned_equations_meet_and_a_small_fraction_is_small(page_html):
    assert '<mstyle scriptlevel="0"><mtable displaystyle="true">' in page_html
    sides = re.findall(r'<mtd style="text-align: (\w+);', page_html)
    assert sides == ["right", "left"] * 2
    assert '<mstyle displaystyle="false"><mfrac>' in page_html


def test_pages_load_only_the_files_they_use(toys):
    def files_of(page):
        html = (toys / f"good/_build/html/{page}.html").read_text("utf-8")
        found = re.findall(r'<(?:link rel="stylesheet"|script)[^>]* (?:href|src)="([^"]*)"', html)
        names = {Path(urlsplit(address).path).name for address in found}
        return {re.sub(r"^mystnb\.\w+", "mystnb", name) for name in names}

    of_all = {f"{name}.css" for name in ("custom", "furo-extensions", "furo", "literata")}
    of_all |= {"furo.js", "page-start.js", "page.js"}
    of_code = {"copybutton.css", "pygments.css"}  # no script: it comes with the first move
    assert files_of("changelog") == of_all
    assert files_of("notation") == of_all | {"math.css"}
    assert files_of("fix/divide") == of_all | of_code | {"mystnb.css"}
    assert files_of("gallery/index") == of_all | {"sg_gallery.css"}
    assert files_of("index") >= of_all | {"sphinx-design.min.css"}


def test_the_table_of_equations_names_code_and_tests(toys):
    table = (toys / "good/_build/html/equations.html").read_text("utf-8")
    assert "sums to one" in table
    assert "api.html#charseq.reference.softmax" in table


@pytest.mark.parametrize("kind", ["ipynb", "py"])
def test_a_download_names_pages_and_equations_in_words(toys, kind):
    (download,) = (toys / "good/_build/html/_downloads").rglob(f"toy.{kind}")
    assert "equation ``softmax`` of the site, as on ``/notation``" in download.read_text("utf-8")


def test_the_reference_lists_the_examples_that_use_a_name(toys):
    api = (toys / "good/_build/html/api.html").read_text("utf-8")
    assert 'href="gallery/cell/toy.html"' in api.split("Experiments that use it")[1]


# -- What needs no site ----------------------------------------------------------------------------


@pytest.fixture
def build(tmp_path):
    """Return a function that writes pages, as a build does, and finishes them."""
    pages = set()
    app = SimpleNamespace(outdir=tmp_path / "out", doctreedir=tmp_path / "doctrees")
    app.builder, app.env = SimpleNamespace(format="html"), SimpleNamespace(found_docs=pages)

    def build(removed=(), **written):
        pages.update(written)
        pages.difference_update(removed)
        for name, html in written.items():
            search_index.keep(app, name, "", {"body": html}, True)
        search_index.finish(app, None)

    return build


def test_a_build_of_one_page_makes_the_same_search_as_a_whole_one(build, tmp_path):
    def page(word):
        return f"<section id='{word}'><h1>{word}</h1></section>"

    def files():
        folder = tmp_path / "out" / "_static" / "search"
        return {path: path.read_text("utf-8") for path in folder.rglob("*.js")}

    build(one=page("old"), two=page("two"), three=page("three"))
    build(removed=["three"], one=page("new"))
    after = files()
    build(one=page("new"), two=page("two"))
    assert files() == after
    assert {path.stem for path in after} == {"index", "one", "two"}
    assert any("new" in text for text in after.values())


def test_code_on_a_page_has_its_comments_and_neither_docstring_nor_checks():
    source = 'def f(x):\n    """Tell."""\n    check_ids(x)\n    # why\n    y = x\n\n    return y\n'
    assert equations.lines_of(source) == "def f(x):\n    # why\n    y = x\n\n    return y"


def test_calls_of_checks_are_hidden_from_the_code_on_a_page():
    hidden = ("_check(x)", "check_ids(x)", "_checks.check_ids(x)", "if x:\n    raise ValueError")
    for code in hidden:
        assert equations.is_check(ast.parse(code).body[0]), code
    for code in ("x = check_ids(x)", "checked(x)", "if x:\n    y = 1"):
        assert not equations.is_check(ast.parse(code).body[0]), code
