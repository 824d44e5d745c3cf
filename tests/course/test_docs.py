"""The pages keep their promises. Their form is for tests/house/lint.py."""

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt

import cells
import charseq.reference
import course_pages
import course_table
import equations

ROOT = Path(__file__).resolve().parents[2]

EQUATIONS = equations.equations()
TABLE = course_table.chapters()
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))


def test_the_menu_calls_each_page_by_words_of_its_title():
    entries = re.findall(r"^(.+) <([a-z/-]+)>$", (ROOT / "docs/index.md").read_text("utf-8"), re.M)
    assert len(entries) > 8
    for entry, page in entries:
        gallery = page == "gallery/index"
        path = ROOT / ("examples/GALLERY_HEADER.rst" if gallery else f"docs/{page}.md")
        title = re.search(r"^(?:# )?(.+)\n=+$|^# (.+)$", path.read_text("utf-8"), re.M)
        assert entry.lower() in title[0].lower()


def test_code_that_pages_show_is_at_most_80_columns_wide():
    pages = "".join(page.read_text("utf-8") for page in (ROOT / "docs").rglob("*.md"))
    shown = re.findall(r"^`{3,}\{code-of\} (\S+)$", pages, re.MULTILINE)
    assert len(shown) > 20
    sources = (inspect.getsource(equations.find(name)) for name in shown)
    wide = [
        line
        for source in sources
        for line in equations.lines_of(source).split("\n")
        if len(line) > 80
    ]
    assert wide == []  # pages show no more without scrolling, see .code-of in custom.css


def test_each_function_of_the_reference_is_an_equation_of_the_site():
    sources = (
        path.read_text("utf-8") for path in Path(charseq.reference.__file__).parent.glob("*.py")
    )
    names = re.findall(r"^def ([a-z]\w+)", "".join(sources), re.M)
    assert len(names) >= 7
    assert {*names} <= {*charseq.reference.__all__}
    assert [name for name in names if name.replace("_", "-") not in EQUATIONS] == []


def test_the_table_of_chapters_has_each_once_numbered_in_order():
    found = {f"{path.parent.name}/{path.stem}" for path in ROOT.glob("docs/[lb]e*/*.md")}
    assert found - {"learn/index"} == TABLE.keys()
    numbers = [chapter.number for chapter in TABLE.values()]
    assert numbers == [0, 0, *range(1, len(TABLE) - 1)]
    assert sum(len(part["chapters"]) for part in course_table.table()[0]) == len(TABLE)


def test_a_chapter_needs_only_what_comes_before_it():
    pages = [*TABLE]
    for at, chapter in enumerate(TABLE.values()):
        assert {*chapter.needs} <= {*pages[:at]}, chapter.page
    for path in course_table.table()[1]:
        stops = [stop.page for stop in path["stops"] if stop.page in TABLE]
        assert stops == sorted(stops, key=pages.index), path["title"]


def test_an_hours_path_takes_an_hour():
    hour = course_table.table()[1][0]
    assert 45 <= sum(stop.takes for stop in hour["stops"]) <= 60
    told = course_pages.path_entry(hour)
    assert told.startswith("The short path, an hour\n: ")
    assert "{doc}`1 RNN </learn/recurrence>` (to its equation)" in told
    assert "[Train your own text](/use/command-line.md#train)" in told


def test_each_work_of_the_bibliography_is_cited():
    works = re.findall(
        r"^@\w+\{(\w+),", (ROOT / "docs/references.bib").read_text("utf-8"), re.MULTILINE
    )
    sources = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "charseq").rglob("*.py"), *EXAMPLES]
    cited = "".join(
        "".join(re.findall(r"cite:\w+\}?:?`([^`]+)`", path.read_text("utf-8"))) for path in sources
    )
    assert [work for work in works if work not in cited] == []


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


def test_the_cells_we_run_in_advance_are_exactly_those_that_myst_nb_finds():
    from myst_nb.core.read import read_myst_markdown_notebook
    from myst_parser.config.main import MdParserConfig

    pages = [path.read_text("utf-8") for path in (ROOT / "docs").rglob("*.md")]
    pages = [text for text in pages if "{code-cell}" in text]
    assert len(pages) > 150
    for text in pages:
        read = read_myst_markdown_notebook(text, MdParserConfig()).cells
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


def test_a_cell_that_breaks_in_another_line_than_its_mark_says_has_failed():
    [[output], _] = outputs_of("1 / 0\nx = 2  # breaks here", "print(3)")
    assert output["ename"] == "NotAsMarked"
    assert "a cell breaks in line 2, says its mark" in output["evalue"]


def test_the_map_names_files_and_functions_that_exist():
    text = (ROOT / "docs/architecture.md").read_text("utf-8").split("## Read these five", 1)[1]
    folders = ("charseq", "docs", "tests", "benchmarks")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.*")]
    names = {path.name for path in paths if "_build" not in path.parts}
    ours = [*ROOT.glob("charseq/**/*.py"), *ROOT.glob("docs/_ext/*/*.py")]
    sources = "".join(path.read_text("utf-8") for path in ours)
    mentioned = re.findall(r"`([\w/.-]+)`", text)
    files = [name for name in mentioned if re.search(r"\.(py|js|md)$", name)]
    assert [name for name in files if name.rpartition("/")[2] not in names] == []
    functions = [name for name in mentioned if re.fullmatch(r"_(?!build)\w+|\w+_\w+", name)]
    unknown = [name for name in functions if not re.search(rf"\b\w*{name}\b", sources)]
    assert unknown == []
