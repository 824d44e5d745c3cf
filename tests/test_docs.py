"""The pages keep their promises: chains of equations, the form of a chapter, the examples."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import cache_key
import cells
import charseq
import equations

ROOT = Path(__file__).resolve().parents[1]

EQUATIONS = equations.equations()
ORDER = re.findall(
    r"^[a-z-]+$",
    (ROOT / "docs/learn/index.md").read_text("utf-8").split("{toctree}")[-1],
    re.MULTILINE,
)
CHAPTERS = [ROOT / "docs" / "learn" / f"{name}.md" for name in ORDER]
BEFORE = sorted((ROOT / "docs" / "before").glob("*.md"))  # what the chapters take for granted
FIXES = sorted((ROOT / "docs" / "fix").glob("*.md"))
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))


def name_of(path):
    return path.stem


def title_of(page):
    return re.search(r"^# (.+)$", page.read_text("utf-8"), re.MULTILINE)[1]


def test_the_site_states_at_least_the_equations_of_the_first_chapters():
    assert {
        "rnn-step",
        "rnn-forward",
        "one-hot",
        "softmax",
        "cross-entropy",
        "sgd-momentum",
        "loss-floor",
        "output-layer",
        "parameter-count",
    } <= EQUATIONS.keys()


@pytest.mark.parametrize("label", EQUATIONS)
def test_each_equation_has_a_function_of_the_same_name_that_cites_it(label):
    name = label.replace("-", "_")
    function = equations.functions().get(name)
    assert function, f"write {name}() in charseq/reference.py"
    assert label in function.cites, f"cite :eq:`{label}` in the docstring of {name}"


@pytest.mark.parametrize("label", EQUATIONS)
def test_an_equation_has_its_symbols_on_the_notation_page(label):
    assert label in equations.symbols(), f"refer to {{eq}}`{label}` in docs/notation.md"


@pytest.mark.parametrize("label", EQUATIONS)
def test_an_equation_is_proved_by_a_test_of_its_name(label):
    key = label.replace("-", "_")
    assert equations.proofs(label), f"write test_{key}_… in a file of tests/"


SHOWN = sorted(EQUATIONS.keys() - {"parameter-count"})  # the code of which is a table's sum


@pytest.mark.parametrize("label", SHOWN)
def test_the_chapter_of_an_equation_shows_its_code(label):
    page = (ROOT / "docs" / EQUATIONS[label]).with_suffix(".md").read_text("utf-8")
    shown = f"{{code-of}} {label.replace('-', '_')}\n"
    assert shown in page, f"show the code with ```{shown} in docs/{EQUATIONS[label]}.md"


def test_code_that_pages_show_is_at_most_80_columns_wide():
    functions = equations.functions(private=True)
    pages = "".join(page.read_text("utf-8") for page in (ROOT / "docs").rglob("*.md"))
    shown = re.findall(r"^`{3,}\{code-of\} (\S+)$", pages, re.MULTILINE)
    assert len(shown) > 20
    wide = [line for name in shown for line in functions[name].lines.split("\n") if len(line) > 80]
    assert wide == []  # pages show no more without scrolling, see .code-of in custom.css


def test_each_function_of_the_reference_is_an_equation_of_the_site():
    functions = [f for f in equations.functions().values() if f.path.stem == "reference"]
    computing = [f for f in functions if "." not in f.qualified]
    assert len(computing) >= 7
    for function in computing:
        label = function.qualified.replace("_", "-")
        assert label in EQUATIONS, f"no page states $$ … $$ ({label})"
        assert function.qualified in charseq.reference.__all__


def test_a_missing_link_of_the_chain_is_noticed(tmp_path):
    for folder in ("docs/learn", "charseq", "tests"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "docs/learn/index.md").write_text("```{toctree}\npage\n```\n")
    (tmp_path / "docs/learn/page.md").write_text("$$\nx = y\n$$ (some-key)\n")
    (tmp_path / "docs/notation.md").write_text("no reference\n")
    (tmp_path / "charseq/reference.py").write_text("def some_key():\n    'Cite nothing.'\n")
    (tmp_path / "tests/test_reference.py").write_text("def test_other_key_works():\n    pass\n")
    assert equations.equations(tmp_path) == {"some-key": "learn/page"}
    assert equations.functions(tmp_path)["some_key"].cites == []
    assert equations.symbols(tmp_path) == set()
    assert equations.proofs("some-key", tmp_path) == []


def test_the_reading_order_names_each_chapter():
    assert {page.name for page in CHAPTERS} | {"index.md"} == {
        page.name for page in (ROOT / "docs/learn").glob("*.md")
    }


def test_the_home_page_has_a_card_with_the_title_of_each_chapter_in_order():
    cards = re.findall(
        r"^:::\{grid-item-card\} (.*)\n:link: (\S+)$",
        (ROOT / "docs/index.md").read_text("utf-8"),
        re.MULTILINE,
    )
    first = [ROOT / "docs" / f"{link}.md" for _, link in cards if link.startswith("before/")]
    assert sorted(first) == BEFORE
    assert cards == [
        *((title_of(page), f"before/{page.stem}") for page in first),
        *((f"{n}. {title_of(page)}", f"learn/{page.stem}") for n, page in enumerate(CHAPTERS, 1)),
    ]


def test_the_list_of_chapters_is_in_the_reading_order():
    page = (ROOT / "docs/learn/index.md").read_text("utf-8")
    listed = re.findall(r"^(\d+)\. \{doc\}`([a-z-]+)`$", page, re.MULTILINE)
    assert listed == [(str(n), name) for n, name in enumerate(ORDER, 1)]
    before = re.findall(r"^- \{doc\}`/before/([a-z-]+)`$", page, re.MULTILINE)
    assert sorted(before) == [page.stem for page in BEFORE]


def test_each_work_of_the_bibliography_is_cited():
    works = re.findall(
        r"^@\w+\{(\w+),", (ROOT / "docs/references.bib").read_text("utf-8"), re.MULTILINE
    )
    sources = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "charseq").rglob("*.py"), *EXAMPLES]
    cited = "".join(
        "".join(re.findall(r"cite:\w+\}?:?`([^`]+)`", path.read_text("utf-8"))) for path in sources
    )
    assert [work for work in works if work not in cited] == []


@pytest.mark.parametrize("page", CHAPTERS, ids=name_of)
def test_a_chapter_has_the_parts_of_a_chapter_in_order(page):
    text = page.read_text("utf-8")
    parts = [
        r"^# [A-Z]",
        r"^\*.*\?",  # the question
        r"After this page you can",
        r"image:\s+alt:",  # a picture
        r"^\$\$ \(|\{eq\}|^## ",
        r"^\{code-of\}|^```\{code-of\}",
        r"^## Try it$",
        r"^## What goes wrong here$",
        r"^## Exercises$",
        r"^## Where to go next$",
    ]
    places = [re.search(part, text, re.MULTILINE) for part in parts]
    assert all(places), [part for part, place in zip(parts, places, strict=True) if not place]
    starts = [place.start() for place in places if place]
    assert starts == sorted(starts)


CELL = re.compile(r"^```\{code-cell\} python\n(?:---\n(.*?)^---\n)?(.*?)^```", re.M | re.S)
KINDS = ("warm-up", "by hand", "guess first", "find the fault", "build")


def exercises_of(page):
    """Return the kind of each exercise of a page, and all that stands below it."""
    text = page.read_text("utf-8").split("## Exercises")[1].split("\n## ")[0]
    titles = re.findall(r"^:{3,}\{admonition\} Exercise (.*)$", text, re.M)
    parts = re.split(r"^:{3,}\{admonition\} Exercise .*$", text, flags=re.M)[1:]
    named = [re.fullmatch(rf"{n} \(([a-z -]+)\): \S.*", t) for n, t in enumerate(titles, 1)]
    assert all(named), titles
    return [(title[1], part) for title, part in zip(named, parts, strict=True)]


@pytest.mark.parametrize("page", CHAPTERS, ids=name_of)
def test_a_chapter_has_exercises_of_every_kind(page):
    kinds = [kind for kind, _ in exercises_of(page)]
    assert 5 <= len(kinds) <= 7
    assert set(kinds) == set(KINDS)


@pytest.mark.parametrize("page", CHAPTERS, ids=name_of)
def test_an_exercise_has_a_solution_in_prose_and_in_code(page):
    for kind, exercise in exercises_of(page):
        assert ":class: exercise" in exercise
        assert re.search(r"^:::+\{dropdown\} Show the solution$", exercise, re.M), kind
        assert "tags: [hide-cell]" in exercise, kind


@pytest.mark.parametrize("page", CHAPTERS, ids=name_of)
def test_most_exercises_are_answered_in_place_and_foresee_two_mistakes(page):
    answered = 0
    for _, exercise in exercises_of(page):
        asking = [
            code
            for options, code in CELL.findall(exercise)
            if "[remove-input]" in options and re.search(r"\b(Number|Shape|Text|Choice)\(", code)
        ]
        if asking:
            answered += 1
            assert sum(code.count(".mistake(") for code in asking) >= 2, asking
    assert answered >= 4


@pytest.mark.parametrize("page", CHAPTERS, ids=name_of)
def test_a_checker_refuses_the_starter_and_three_wrong_solutions_and_takes_the_solution(page):
    """The cells run in the build and in the tests of the page; here is seen that they are there."""
    builds = [exercise for kind, exercise in exercises_of(page) if kind == "build"]
    last = cells.sources_of(page.read_text("utf-8"))[-1]
    refused = re.findall(r"refuses\(\s*(check_\w+),([^)]*)\)", last)
    assert len(refused) >= len(builds)
    for exercise in builds:
        code = CELL.findall(exercise)
        seen = [source for options, source in code if not options]
        folded = "".join(source for options, source in code if "hide-cell" in options)
        (checker,) = re.findall(r"^def (check_\w+)\(", folded, re.M)
        (others,) = (names for name, names in refused if name == checker)
        wrong = [name.strip() for name in others.split(",") if name.strip()]
        assert len(set(wrong)) >= 4  # the starter and three more
        assert re.search(rf"^def {wrong[0]}\(", "".join(seen), re.M), "the starter is in view"
        assert re.search(rf"^{checker}\(\w+\)", folded, re.M), "the solution calls the checker"


@pytest.mark.parametrize("page", [*BEFORE, *CHAPTERS], ids=name_of)
def test_a_chapter_ends_with_checks_of_what_its_prose_says(page):
    last = cells.sources_of(page.read_text("utf-8"))[-1]
    assert last.startswith("# What the prose says")
    assert len(re.findall(r"^assert ", last, re.MULTILINE)) >= 2


def undefined_names(code):
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select=F821", "-"]
    checked = subprocess.run(
        [*ruff, "--output-format=concise"], input=code, text=True, capture_output=True
    )
    assert not checked.stderr, checked.stderr
    return re.findall(r"Undefined name `(\w+)`", checked.stdout)


@pytest.mark.parametrize(
    "page", [*BEFORE, *CHAPTERS, *FIXES, *(ROOT / "docs").glob("[!i]*.md")], ids=name_of
)
def test_the_code_that_a_reader_sees_needs_nothing_that_is_folded(page):
    found = CELL.findall(page.read_text("utf-8"))
    seen = [code for options, code in found if not re.search(r"tags: \[(hide|remove)-", options)]
    assert undefined_names("\n".join(seen)) == []


def test_a_name_that_only_folded_code_defines_is_noticed():
    assert undefined_names("import numpy as np\nprint(np.e, corpus)\ncorpus = 1\n") == ["corpus"]


@pytest.mark.parametrize("page", [*BEFORE, *CHAPTERS, *FIXES, ROOT / "docs/index.md"], ids=name_of)
def test_code_on_a_page_fits_its_column(page):
    lines = [
        line for cell in cells.sources_of(page.read_text("utf-8")) for line in cell.splitlines()
    ]
    assert [line for line in lines if len(line) > 78] == []


@pytest.mark.parametrize("page", [*BEFORE, *CHAPTERS, *FIXES, *EXAMPLES], ids=name_of)
def test_a_figure_takes_its_colours_from_charseq_plotting(page):
    """Those have a partner on a dark page; others can't be seen there (figures.py)."""
    assert re.findall(r"""["']#[0-9a-fA-F]{6}["']""", page.read_text("utf-8")) == []


@pytest.mark.parametrize("script", EXAMPLES, ids=name_of)
def test_an_example_asks_a_question_draws_and_asserts_its_claim(script):
    tree = ast.parse(script.read_text("utf-8"))
    title = (ast.get_docstring(tree) or "").strip().splitlines()[0]
    text = script.read_text("utf-8")
    assert title.endswith("?")
    assert any(isinstance(node, ast.Assert) for node in tree.body), "assert the closing claim"
    assert "**What to notice.**" in text
    assert "fig.set_label(" in text, "a figure says what it shows: fig.set_label(…)"


@pytest.mark.parametrize("script", EXAMPLES, ids=name_of)
def test_an_example_is_linked_from_a_chapter(script):
    target = f"sphx_glr_gallery_{script.parent.name}_{script.name}"
    linked = any(target in page.read_text("utf-8") for page in CHAPTERS)
    assert linked, f"link {{ref}}`{target}` from a chapter"


def test_every_public_name_is_in_the_api_reference():
    pages = "".join(page.read_text("utf-8") for page in (ROOT / "docs/api").glob("*.md"))
    listed = re.findall(r"^\.\. auto\w+:: charseq\.(\S+)$", pages, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(charseq.__all__) <= set(listed)
    assert set(charseq.reference.__all__) <= {name.removeprefix("reference.") for name in listed}


def test_the_readme_program_runs(tmp_path, monkeypatch, capsys):
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    exec(compile(program, "README.md", "exec"), {})
    plt.close("all")
    assert "o be or not to be" in capsys.readouterr().out
    assert (tmp_path / "loss.svg").stat().st_size > 1000


CLOCK = re.compile(
    r"(?:perf_counter|process_time|thread_time|monotonic|getrusage|time\.time|os\.times)\(|timeit"
    r"|from time import|^import time\b|\bsleep\(|performance\.now|Date\.now|wait_for_timeout",
    re.MULTILINE,
)
WITHOUT_CLOCK = [
    *(path for path in sorted((ROOT / "tests").rglob("*.py")) if path != Path(__file__)),
    *(
        ROOT / "docs" / "index.md",
        *BEFORE,
        *CHAPTERS,
        *FIXES,
        *sorted((ROOT / "docs" / "use").glob("*.md")),
    ),
    *EXAMPLES,
]


@pytest.mark.parametrize("path", WITHOUT_CLOCK, ids=name_of)
def test_no_test_page_or_example_reads_a_clock_or_sleeps(path):
    found = CLOCK.findall(path.read_text("utf-8"))
    assert not found, (
        f"{path.relative_to(ROOT)} uses {', '.join(found)}. Seconds differ between machines, "
        "so a slow or busy one would fail, or print something else. Count operations, calls, bytes "
        "or steps, wait for a condition, or measure in benchmarks/."
    )


@pytest.mark.parametrize(
    "page", [*BEFORE, *CHAPTERS, *FIXES, *(ROOT / "docs" / "use").glob("*.md")], ids=name_of
)
def test_the_cells_we_run_in_advance_are_exactly_those_that_myst_nb_finds(page):
    from myst_nb.core.read import read_myst_markdown_notebook
    from myst_parser.config.main import MdParserConfig

    text = page.read_text("utf-8")
    read = (
        read_myst_markdown_notebook(text, MdParserConfig()).cells if "{code-cell}" in text else ()
    )
    assert cells.sources_of(text) == [c.source for c in read if c.cell_type == "code"]


IN_ANOTHER_PROCESS = """
import json, sys
sys.path.insert(0, sys.argv[1])
import cells
json.dump(cells.run_cells(json.loads(sys.argv[2]), {}), sys.stdout)
"""


def outputs_of(*sources):
    arguments = [str(ROOT / "docs" / "_ext" / "execution"), json.dumps(sources)]
    ran = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS, *arguments],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return json.loads(ran.stdout)


def test_cells_print_return_draw_and_complain_in_their_order():
    first, second = outputs_of(
        "import sys; x = 2; print(1); print(2); print('oh', file=sys.stderr); x",
        "import matplotlib.pyplot as plt; plt.plot([x]); print(3)",
    )
    assert [output["output_type"] for output in first] == ["stream", "stream", "execute_result"]
    assert [output.get("text") for output in first] == ["1\n2\n", "oh\n", None]
    assert first[2]["data"] == {"text/plain": "2"}
    assert [output["output_type"] for output in second] == ["stream", "display_data"]
    assert "<svg" in second[1]["data"]["image/svg+xml"]


def test_a_cell_that_fails_is_the_last_one():
    first, second, third = outputs_of("x = 1", "x / 0", "print(x)")
    assert (first, third) == ([], [])
    assert [(output["output_type"], output["ename"]) for output in second] == [
        ("error", "ZeroDivisionError")
    ]


def test_changing_only_comments_or_docstrings_does_not_rerun_cells():
    code = "def f(x):\n    return x + 1\n"
    told = "# why\ndef f(x):\n    'Add one.'\n    return (x + 1)  # so\n"
    assert cache_key.code_of(told) == cache_key.code_of(code)
    assert cache_key.code_of(code.replace("1", "2")) != cache_key.code_of(code)


def test_the_map_names_files_and_functions_that_exist():
    text = (ROOT / "docs/architecture.md").read_text("utf-8").split("## Read these five", 1)[1]
    folders = ("charseq", "docs", "tests", "benchmarks")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.*")]
    names = {path.name for path in paths if "_build" not in path.parts}
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "charseq").glob("*.py"))
    mentioned = re.findall(r"`([\w/.-]+)`", text)
    files = [name for name in mentioned if re.search(r"\.(py|js|md)$", name)]
    assert [name for name in files if name.rpartition("/")[2] not in names] == []
    functions = [name for name in mentioned if re.fullmatch(r"_(?!build)\w+|\w+_\w+", name)]
    unknown = [name for name in functions if not re.search(rf"\b\w*{name}\b", sources)]
    assert unknown == []


GLOSSARY = (ROOT / "docs/glossary.md").read_text("utf-8").split("{glossary}\n:sorted:\n")[1]
ENTRIES = re.findall(r"^(\w.*(?:\n\w.*)*)\n((?:  .*\n|\n)+)", GLOSSARY, re.MULTILINE)


@pytest.mark.parametrize(("terms", "entry"), ENTRIES, ids=[terms for terms, _ in ENTRIES])
def test_an_entry_of_the_glossary_is_a_sentence_or_two_and_names_its_chapter(terms, entry):
    says, chapters = entry.strip().split("\n\n")[0].split("\n  See ")
    assert 1 <= len(re.findall(r"\.(?=\s|$)", says)) <= 2
    assert says.endswith(".")
    assert "\\" not in says  # it is the title of links, too
    pages = re.findall(r"\{doc\}`(.*?)`", chapters)
    assert pages
    assert [page for page in pages if not (ROOT / f"docs/{page}.md").is_file()] == []


def test_the_glossary_is_in_alphabetical_order_and_has_no_term_twice():
    first = [terms.split("\n")[0].lower() for terms, _ in ENTRIES]
    assert len(first) > 100
    assert first == sorted(first)
    every = [term for terms, _ in ENTRIES for term in terms.lower().split("\n")]
    assert len(every) == len(set(every))
