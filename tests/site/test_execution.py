"""docs/_ext/execution: what results depend on, how large figures are, who waits; bundles."""

import hashlib
import re
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest
from docutils import nodes
from lint import ROOT

import bundles
import cache_key
import figures
import inlined
import page_checks
import workers

# --- what results depend on -----------------------------------------------------------------------


CODE = '''"""What it is for."""\n\nx = 1\n'''
ASKED = ("charseq/vocab.py", "charseq/cli_train.py", "docs/_ext/execution/cells.py")
SOURCES = dict.fromkeys(ASKED, CODE) | {
    **{f"charseq/{name}.py": CODE for name in cache_key.COMMAND},
    **{f"docs/_ext/execution/{name}": CODE for name in cache_key.RUNNERS},
}
DATA = dict.fromkeys(("charseq/austen/a", "charseq/new/b.json", "docs/_records/c.json"), "old")


@pytest.fixture
def key_with(tmp_path):
    """Return a function that says what the key is if some files have another text."""

    def write(texts):
        for name, text in texts.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, "utf-8")
        return cache_key.cache_key(tmp_path)

    return lambda name, text: write(SOURCES | DATA | {name: text})


@pytest.fixture
def key(key_with):
    return key_with("charseq/vocab.py", CODE)


@pytest.mark.parametrize("name", ASKED)
def test_results_depend_on_the_code_of_the_package_and_of_what_runs_it(name, key, key_with):
    assert key_with(name, CODE.replace("1", "2")) != key


def test_results_do_not_depend_on_what_python_compiles(key, tmp_path):
    (tmp_path / "charseq/austen/__pycache__").mkdir()
    assert cache_key.cache_key(tmp_path) == key


@pytest.mark.parametrize("name", DATA)
def test_results_depend_on_the_data_of_the_package(name, key, key_with):
    assert key_with(name, "new") != key
    assert key_with(name, "old") == key


def test_all_data_that_cells_read_are_among_those_on_which_results_depend():
    known = {path.relative_to(ROOT).parts[:2] for path in cache_key.data_files(ROOT)}
    cells = "".join(path.read_text("utf-8") for path in ROOT.glob("docs/learn/*.md"))
    read = {("charseq", folder) for folder in re.findall(r'files\("charseq"\) / "([\w-]+)/', cells)}
    assert read
    assert read <= known
    assert ("docs", "_records") in known


def test_results_depend_on_the_help_of_the_command_line_and_no_other_docstring(key, key_with):
    other = CODE.replace("is for", "does") + "# why\n"
    assert key_with("charseq/vocab.py", other) == key
    assert key_with("charseq/cli_train.py", other) != key
    assert key_with("charseq/notes.txt", "what lies about") == key


@pytest.mark.parametrize("library", ["torch", "numpy", "matplotlib", "ipython"])
def test_results_depend_on_the_releases_of_the_libraries(library, key, key_with, monkeypatch):
    ask = cache_key.version
    monkeypatch.setattr(cache_key, "version", lambda name: "99" if name == library else ask(name))
    assert key_with("charseq/vocab.py", CODE) != key


MODULE = """import numpy as np
from math import e, pi

SIZE = 3


def half(x):
    return x / 2


def draw(x):
    return half(np.pi * x + SIZE)


def other():
    return e
"""


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(inlined, "FOLDER", tmp_path)
    (tmp_path / "some.py").write_text(MODULE)
    return tmp_path / "some.py"


def test_results_depend_on_the_pictures_that_a_page_imports_and_on_no_others(pictures, tmp_path):
    queue = SimpleNamespace(docs=tmp_path, store=tmp_path, key="")

    def result(cell):
        return workers.Queue.result(queue, tmp_path, [cell])

    cells = "from pictures.some import draw", "draw(2)"
    before = [*map(result, cells)]
    pictures.write_text(MODULE.replace("3", "4"))
    after = [*map(result, cells)]
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_a_cell_shows_the_source_of_its_picture_and_all_that_this_needs(pictures):
    shown = inlined.inline("from pictures.some import draw\n\nx = draw(1)")
    names = {}
    exec(shown, names)
    assert names["x"] == pytest.approx((3.14159265 + 3) / 2)
    assert not {"other", "e", "pi"} & names.keys()
    with pytest.raises(ImportError, match=r"some.py has no line, only np, e, pi, SIZE, half"):
        inlined.inline("from pictures.some import line")


# --- figures --------------------------------------------------------------------------------------


def sized(tmp_path, svg, **attributes):
    (tmp_path / "x.svg").write_text(svg)
    image = nodes.image(uri="x.svg", **attributes)
    figures.add_sizes(SimpleNamespace(srcdir=tmp_path), nodes.paragraph("", "", image))
    return image.get("width"), image.get("height")


def test_a_figure_is_as_wide_as_the_text_but_not_higher_than_a_window(tmp_path):
    assert sized(tmp_path, '<svg viewBox="0 0 460.8 345.6"></svg>') == ("672", "504")
    assert sized(tmp_path, '<svg viewBox="0 0 400 800"></svg>') == ("380", "760")
    assert sized(tmp_path, '<svg viewBox="0 0 9 9"></svg>', width="50%") == ("50%", None)


def test_a_figure_is_drawn_at_one_width_and_its_words_are_text_and_its_formulas_paths(tmp_path):
    with plt.rc_context(figures.RC):
        figure, ax = plt.subplots(figsize=(3, 1.5))
        ax.text(0, 0, "a word")
        ax.text(0, 0, "$h_t$")
        figure.savefig(tmp_path / "x.svg")
        plt.close(figure)
    svg = (tmp_path / "x.svg").read_text("utf-8")
    assert 'viewBox="0 0 403.2 201.6"' in svg  # 5.6 inches
    assert re.search(r"<!-- a word -->\s*<text [^>]*>a word</text>", svg)
    assert "<!-- $h_t$ -->" in svg
    assert ">h" not in svg
    assert tuple(figure.get_size_inches()) == (3, 1.5)


# --- workers --------------------------------------------------------------------------------------


def test_the_lock_is_free_once_nobody_holds_it(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    lock = tmp_path / "lock"
    lock.touch()
    assert workers.ended(lock)
    with lock.open("w") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        assert not workers.ended(lock)


def test_an_example_is_run_again_only_if_its_text_has_changed(tmp_path):
    script, target = tmp_path / "x.py", tmp_path / "gallery" / "x.py"
    target.parent.mkdir()
    script.write_text("print(1)\n")
    assert not workers.is_current(script, target)
    (target.parent / "x.py.md5").write_text(hashlib.md5(b"print(1)\n").hexdigest())
    assert workers.is_current(script, target)
    script.write_text("print(2)\n")
    assert not workers.is_current(script, target)


def test_results_that_nobody_wants_are_dropped_and_other_code_runs_examples_again(tmp_path):
    docs, store = tmp_path / "docs", tmp_path / "ran"
    (docs / "learn").mkdir(parents=True)
    (docs / "gallery" / "cell").mkdir(parents=True)
    (docs / "learn" / "x.md").write_text("```{code-cell} python\n1\n```\n")

    def queue(key):
        (docs / "gallery" / "cell" / "x.py.md5").touch()
        queue = object.__new__(workers.Queue)
        queue.docs, queue.store, queue.key = docs, store, key
        wanted = queue.result(docs / "learn", ["1"])
        queue.drop_stale({wanted})
        return wanted, (docs / "gallery" / "cell" / "x.py.md5").exists()

    wanted, kept = queue("one")
    assert not kept
    wanted.write_text("[]")
    (store / "other.json").write_text("[]")
    assert queue("one") == (wanted, True)
    assert [path.name for path in store.glob("*.json")] == [wanted.name]
    another, kept = queue("two")
    assert another != wanted
    assert not kept
    assert not wanted.exists()


@pytest.fixture
def images(tmp_path):
    """Return a function that gives figures their dark colors, and what is in each then."""

    def images(**svgs):
        folder = tmp_path / "_images"
        folder.mkdir()
        for name, body in svgs.items():
            (folder / f"{name}.svg").write_text(
                f"<svg><!-- matplotlib --><defs>{body}</defs></svg>"
            )
        builder = SimpleNamespace(format="html")
        figures.add_dark(SimpleNamespace(outdir=tmp_path, builder=builder), None)
        return {name: (folder / f"{name}.svg").read_text() for name in svgs}

    return images


def test_a_figure_appears_in_parts_and_its_thumbnail_at_once_and_both_turn_dark(images):
    part = '<g id="appears-0" style="fill: #1a1a1a"/>'
    for name, text in images(x=part, x_thumb=part).items():
        assert ("@keyframes appear" in text) == (name == "x")
        assert text.count("prefers-color-scheme: dark") == 1
        assert '[style*="fill: #1a1a1a"] { fill: #e6e6e6 !important }' in text
        assert text.index("<style>") < text.index("<defs>")


# --- what a page shows ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "shows_nan", "expected"),
    [
        *(("nan", False, 2), ("NaN", False, 2), ("banana", False, 0), ("1.0", False, 0)),
        *(("nan", True, 1), ("1.0", True, 1)),  # of a figure, a NaN is never meant
    ],
)
def test_a_nan_in_an_output_or_in_a_figure_is_a_problem(word, shows_nan, expected, tmp_path):
    (tmp_path / "x.svg").write_text(f"<svg><!-- {word} --></svg>")
    output = nodes.container("", nodes.literal_block("", word), classes=["output"])
    page = nodes.section("", output, nodes.image(uri="x.svg", alt="A line."))
    found = list(page_checks.problems(page, tmp_path / "x.md", tmp_path, shows_nan))
    assert len(found) == expected, found


# --- bundles: one classic script of several modules -----------------------------------------------


MODULES = {
    "used.js": """
        /** Said. */
        export const say = (x) => `${x} “${`in ${x}`}”`;
        export const no = "no";
    """,
    "entry.js": 'import { say } from "FOLDER/used.js";\n// Once.\nglobalThis.said = say("a");\n',
    "look.css": "/* Red. */\np {\n  color: red;\n}\n",
}


@pytest.fixture
def make(tmp_path):
    """Bundle these modules, and return what each entry has become."""

    def make(modules, *entries):
        for name, text in modules.items():
            (tmp_path / name).write_text(text.replace("FOLDER", tmp_path.as_uri()), "utf-8")
        texts = {name: (tmp_path / name).read_text("utf-8") for name in entries}
        bundles.bundle(texts, tmp_path / "out")
        return [(tmp_path / "out" / name).read_text("utf-8") for name in entries]

    return make


def test_a_bundle_is_one_classic_script_with_what_its_modules_use(make):
    script, style = make(MODULES, "entry.js", "look.css")
    assert script.startswith("(()=>{")
    assert script.endswith("})();\n")
    assert "globalThis.said=" in script
    assert not any(word in script for word in ("import", "export", "Said", "Once", '"no"'))
    assert style == "p{color:red}\n"


def test_a_mistake_in_a_module_is_named(make):
    with pytest.raises(bundles.BundleError, match=r"used\.js:1"):
        make(MODULES | {"used.js": "export const say = (;\n"}, "entry.js")
    with pytest.raises(bundles.BundleError, match="nowhere"):
        make({"entry.js": 'import "FOLDER/nowhere.js";\n'}, "entry.js")


def test_a_bundler_that_cannot_be_fetched_is_explained(make, monkeypatch, tmp_path):
    monkeypatch.setitem(bundles.ENVIRONMENT, "DENO_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9")  # nobody answers there
    with pytest.raises(bundles.BundleError) as failure:
        make(MODULES, "entry.js")
    said = str(failure.value)
    assert "Deno could not make" in said
    assert "127.0.0.1:9" in said
    assert "with a network" in said
    assert "Stack backtrace" not in said
