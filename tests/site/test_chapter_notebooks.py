"""The chapters as notebooks: the page's own code, and every word of its prose.

What they print is not looked at here, because the code is that of the page, which the build runs.
`python3 dev.py downloads` runs all of them far from the repository.
"""

import ast
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from docutils import nodes
from markdown_it import MarkdownIt

import notebooks
from cells import CELL
from inlined import inline

ROOT = Path(__file__).parents[2]

CHAPTERS = [
    path.relative_to(ROOT / "docs").with_suffix("").as_posix()
    for folder in ("before", "learn")
    for path in sorted((ROOT / "docs" / folder).glob("*.md"))
    if CELL.search(path.read_text("utf-8"))
]
LIBRARIES = {"charseq", "numpy", "torch", "matplotlib", "safetensors", "IPython"}


def cells_of(site, name, kind):
    notebook = nbformat.read(site / f"{name}.ipynb", as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == kind]


ASKS = re.compile(r"^(ask = )?(Number|Shape|Text|Choice)\(", re.M)


def code_of(name):
    """The code of a page from its source, without questions and the hidden cell at the end."""
    page = (ROOT / "docs" / f"{name}.md").read_text("utf-8")
    return [
        code.strip("\n").replace("../_records/", "")  # they lie beside the notebook
        for options, code in CELL.findall(page)
        if not ASKS.search(code) and "remove-cell" not in options
    ]


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_notebook_is_valid_and_has_the_code_of_its_page(name, site):
    notebook = nbformat.read(site / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    install, *code = [cell["source"] for cell in notebook.cells if cell.cell_type == "code"]
    if code[0].startswith("# What the cells below read"):
        code.pop(0)
    assert install == notebooks.install_cell(notebooks.wheel_of(wheel_config()))
    assert code == [inline(cell) for cell in code_of(name)]
    assert not any(cell.get("outputs") for cell in notebook.cells)


def wheel_config():
    import charseq

    return SimpleNamespace(project="charseq", version=charseq.__version__)


def test_no_notebook_uses_a_name_of_a_cell_that_was_left_out_or_imports_what_readers_lack(
    site, tmp_path
):
    for name in CHAPTERS:
        _, *code = [cell["source"] for cell in cells_of(site, name, "code")]
        (tmp_path / f"{name.replace('/', '-')}.py").write_text("\n\n".join(code), "utf-8")
        modules = {
            module.partition(".")[0]
            for node in ast.walk(ast.parse("\n\n".join(code)))
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for module in ([node.module] if isinstance(node, ast.ImportFrom) else names(node))
        }
        assert modules - LIBRARIES <= sys.stdlib_module_names, name
    check = ["ruff", "check", "--isolated", "--no-cache", "--select=F821,E9", str(tmp_path)]
    done = subprocess.run([sys.executable, "-m", *check], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def names(node):
    return [alias.name for alias in node.names]


class Prose(HTMLParser):
    """The words of each heading, paragraph and entry outside code, outputs, forms and formulas."""

    BLOCKS = ("p", "h1", "h2", "h3", "h4", "td", "th", "li", "figcaption", "summary")
    LEFT_OUT = ("math", "highlight", "script", "svg", "output", "eqno", "headerlink")
    LEFT_OUT += ("notebook-links", "question", "hide", "hero-stage")
    EMPTY = ("img", "br", "hr", "col", "input", "meta", "link", "wbr", "path")

    def __init__(self, html):
        super().__init__()
        self.found, self._open = [""], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        marks = {tag, *(dict(attrs).get("class") or "").split()}
        if tag in self.BLOCKS:
            self.found.append("")
        if tag not in self.EMPTY:
            self._open.append(any(self._open[-1:]) or bool(marks & {*self.LEFT_OUT}))

    def handle_endtag(self, tag):
        if tag not in self.EMPTY:
            self._open.pop()
        if tag in self.BLOCKS:
            self.found.append("")

    def handle_data(self, data):
        if not any(self._open[-1:]):
            self.found[-1] += data


def words(text):
    return "".join(re.findall(r"[^\s¶]", unescape(text)))


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_notebook_says_every_word_of_its_page(name, site):
    markdown = "\n\n".join(cell["source"] for cell in cells_of(site, name, "markdown"))
    markdown = re.sub(r"^( *)(```+).*?^\1\2$", "", markdown, flags=re.M | re.S)
    markdown = re.sub(r"^\$\$\n.*?^\$\$$", "", markdown, flags=re.M | re.S)
    without_math = re.sub(r"(?<!\\)\$(?!\$).+?(?<!\\)\$", "", markdown, flags=re.S)
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(without_math)
    said = words(" ".join(Prose(html).found))
    page = (site / f"{name}.html").read_text("utf-8")
    article = page.partition("<article")[2].partition("</article>")[0]
    blocks = [block for block in map(words, Prose(f"<article{article}").found) if block]
    assert len(blocks) > 20
    assert [block for block in blocks if block not in said] == []


def test_a_chapter_offers_its_notebook_at_its_foot(site):
    offer = (
        r'<a href="([^"]*)" download>notebook</a>; it needs <a href="([^"]*)">.*</p>\s*</section>'
    )
    for name in CHAPTERS:
        html = (site / f"{name}.html").read_text("utf-8")
        ((notebook, wheel),) = re.findall(offer, html)
        assert notebook == f"{name.rpartition('/')[2]}.ipynb"
        assert (site / name).parent.joinpath(wheel).is_file()


def converter(address=""):
    return notebooks.Converter([], lambda node, kind: "3", address)


def test_links_lead_to_the_site_if_its_address_is_known():
    page = nodes.inline("", "", nodes.Text("Gates"), classes=["doc"])
    link = nodes.reference("", "", page, refuri="gates.html#a-gate")
    other = nodes.reference("", "a book", refuri="https://example.com/book")
    known = converter("https://example.org/a/learn/gru.html")
    assert known.link(link) == "[Gates](https://example.org/a/learn/gates.html#a-gate)"
    assert converter().link(link) == "*Gates*"
    assert converter().link(other) == known.link(other) == "[a book](https://example.com/book)"


def test_an_admonition_has_its_title_once_and_its_body_below():
    body = [nodes.paragraph("", "One."), nodes.paragraph("", "Two.")]
    converter = notebooks.Converter([], lambda node, kind: "")
    converter.block(nodes.admonition("", nodes.title("", "Note"), *body), 3)
    assert converter.cells == [("markdown", "### Note\n\nOne.\n\nTwo.", None)]


def test_a_list_begins_with_the_number_that_it_begins_with_on_the_page():
    items = [nodes.list_item("", nodes.paragraph("", text)) for text in ("c", "d")]
    assert converter().simple(nodes.enumerated_list("", *items, start=3)) == "3. c\n4. d"
    assert converter().simple(nodes.enumerated_list("", *items)) == "1. c\n2. d"


def test_special_characters_of_a_text_are_read_as_themselves():
    text = "a * b_c_ `d` [e](f) $g$ <h> 1. i\n1. j\n# k\n- l\n\\m"
    said = converter().simple(nodes.paragraph("", text))
    html = MarkdownIt().render(said)
    assert words(re.sub("</?p>", "", html)) == words(text)


def test_a_code_with_backticks_and_a_bar_in_a_table_survive():
    literal = nodes.literal("", "a ``b` c")
    assert words(re.sub("<[^>]*>", "", MarkdownIt().render(converter().phrase(literal)))) == words(
        literal.astext()
    )
    formula = nodes.math("", r"|x| + \|y\|")
    assert "|" not in converter().phrase(formula)


def test_a_notebook_brings_the_records_that_its_cells_read(tmp_path, monkeypatch):
    cells = [
        ("markdown", "Of `../_records/tag.json`.", None),
        ("code", 'Path("../_records/align.json").read_text()', nodes.container()),
    ]
    brought, prose, code = notebooks.cells_with_records(cells)
    assert (prose[1], code[1]) == (cells[0][1], 'Path("align.json").read_text()')
    monkeypatch.chdir(tmp_path)
    exec(brought[1], {})
    (written,) = tmp_path.iterdir()
    assert written.read_bytes() == (ROOT / "docs/_records/align.json").read_bytes()
    assert notebooks.cells_with_records(cells[:1]) == cells[:1]


def test_the_install_line_names_the_site_if_its_address_is_known():
    config = SimpleNamespace(project="charseq", version="9.9", html_baseurl="https://a.org/b/")
    wheel = "https://a.org/b/_static/charseq-9.9-py3-none-any.whl"
    assert notebooks.address_of_wheel(config) == wheel
    config.html_baseurl = ""  # pip cannot install from a path on a host without its name
    assert notebooks.address_of_wheel(config) == "charseq-9.9-py3-none-any.whl"
