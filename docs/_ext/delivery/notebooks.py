"""Each chapter as a notebook, to run on another machine or with a hosted service.

It is written beside the page when the page is written, from what the page shows: the prose as
Markdown with TeX formulas, and the code of each cell that shows its code or a figure. The forms
under the exercises stay on the site, and so do the outputs. A line at the foot offers it.

If it is known which branch on GitHub holds the built site, the line also opens the notebook with
Colab. conf.py reads this from ``DOCS_REPOSITORY`` and ``DOCS_BRANCH``.

The package itself is offered, too, so that a notebook or a script runs anywhere: the role
``{wheel}`text``` links to the wheel, whatever its version, from any page.
"""

import base64
import re
import zlib
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urljoin

import nbformat
from docutils import nodes
from hatchling.builders.wheel import WheelBuilder
from nbformat import v4
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole
from sphinx.util.math import get_node_equation_number

import cells as code_cells
from exercises import is_question
from inlined import inline

logger = logging.getLogger(__name__)
CHAPTERS = ("learn/", "before/")
SPECIAL = re.compile(r"[\\`*_$\[\]<|]")
BLOCK_MARK = re.compile(r"^(\d*)([#>+.)-])(?=\s)", re.M)  # of a list, a title or a quotation
TITLES = {"doc", "std-ref"}  # what Sphinx calls the title of a page or a section in a link
BARS = {"|": r"\vert ", r"\|": r"\Vert "}  # a plain bar would end the cell of a table
BAR = re.compile(r"\\?\|")
RECORD = re.compile(r"\.\./_records/(\w+\.json)")  # how a cell names what a script has recorded
RECORDS = Path(__file__).parents[2] / "_records"


def address_of(config, uri):
    """Return the full address of a page or a file, or "" if the site's is not known."""
    return config.html_baseurl and urljoin(config.html_baseurl, uri)


def address_of_wheel(config):
    """Return what pip installs: the wheel on the site, or else a file beside the notebook."""
    wheel = wheel_of(config)
    return address_of(config, f"_static/{wheel}") or wheel


class WheelRole(SphinxRole):
    def run(self):
        target = wheel_from(self.env.current_document.docname, self.config)
        return [nodes.reference(self.rawtext, self.text, refuri=target, internal=True)], []


def wheel_from(docname, config):
    """Return the address of the wheel, as seen from a page."""
    return f"{'../' * docname.count('/')}_static/{wheel_of(config)}"


def wheel_of(config):
    return f"{config.project}-{config.version}-py3-none-any.whl"


def build_wheel(app, exception):
    if exception or app.builder.format != "html":
        return
    root, static = Path(app.confdir).parent, Path(app.outdir, "_static")
    (made,) = WheelBuilder(str(root)).build(directory=str(static), versions=["standard"])
    assert Path(made).name == wheel_of(app.config), f"pages link to {wheel_of(app.config)}"


def install_cell(wheel):
    """Return the code of a cell that installs the package in a notebook, unless it is there."""
    return f"try:\n    import charseq\nexcept ModuleNotFoundError:\n    %pip install {wheel}"


def install_in_gallery(app, config):
    cell = install_cell(address_of_wheel(config))
    config.sphinx_gallery_conf["first_notebook_cell"] = cell


def cells_with_records(cells):
    """Put the records that cells read into a first cell, which writes them beside the notebook."""
    names = {name for _, source, node in cells if node for name in RECORD.findall(source)}
    if not names:
        return cells
    lines = ["# What the cells below read", "import base64", "import zlib"]
    lines += ["from pathlib import Path"]
    for name in sorted(names):
        data = base64.b64encode(zlib.compress((RECORDS / name).read_bytes(), 9)).decode()
        lines.append(f'record = zlib.decompress(base64.b64decode("{data}"))')
        lines.append(f'Path("{name}").write_bytes(record)')
    here = [(k, RECORD.sub(r"\1", source) if node else source, node) for k, source, node in cells]
    return [("folded", "\n".join(lines), None), *here]


class Converter:
    """Turns the nodes of a page into the cells of a notebook: kind, source, and the node of code.

    `sources` are the code cells of the page. `number` gives the number of an equation or a figure,
    and `address` is that of the page, if it is known. Then links lead to the site; otherwise only
    links to other sites remain.
    """

    def __init__(self, sources, number, address=""):
        self.sources, self.number, self.address, self.cells = sources, number, address, []

    def add(self, text):
        """Put a block of Markdown into the last cell, or into a new one after code."""
        if self.cells and self.cells[-1][0] == "markdown":
            text = f"{self.cells.pop()[1]}\n\n{text}"
        self.cells.append(("markdown", text, None))

    def blocks(self, parent, level=1):
        for node in parent.children:
            self.block(node, level)

    def block(self, node, level):
        match node.tagname:
            case "section":
                number = self.number(node, "section") if level == 1 else ""
                title = f"{'#' * level} {number}{self.inline(node[0])}"
                self.cells.append(("markdown", title, None))
                self.blocks(SimpleNamespace(children=node.children[1:]), level + 1)
            case "container" if node.get("nb_element") == "cell_code":
                self.code(node)
            case "container" | "play":
                self.blocks(node, level)
            case "admonition":
                self.add(f"{'#' * level} {self.inline(node[0])}")
                self.blocks(SimpleNamespace(children=node.children[1:]), level + 1)
            case "dropdown_main":
                title, body = node.children
                self.add(f"<details><summary>{self.inline(title)}</summary>")
                self.blocks(body, level)
                self.add("</details>")
            case "raw" | "comment" | "target":
                pass
            case _:
                self.add(self.simple(node))

    def code(self, cell):
        """Add a cell, and the caption of its figure below it."""
        if cell["exec_count"] is None:  # it did not run, and run_ahead.py says so
            return
        if any(map(is_question, cell.findall(nodes.raw))):
            return
        self.cells.append(("code", inline(self.sources[cell["exec_count"] - 1]), cell))
        for figure in cell.findall(nodes.figure):
            caption = figure.next_node(nodes.caption)
            self.add(f"*{self.number(figure, 'figure')}* {self.inline(caption)}")

    def simple(self, node):
        """Return the Markdown of a block that holds no code cells."""
        match node.tagname:
            case "paragraph":
                return BLOCK_MARK.sub(r"\1\\\2", self.inline(node))
            case "rubric":
                return f"**{self.inline(node)}**"
            case "math_block":
                return self.formula(node)
            case "literal_block":
                return fenced(node.astext(), node.get("language", ""))
            case "bullet_list":
                return "\n".join(self.item(item, "- ") for item in node)
            case "enumerated_list":
                first = node.get("start", 1)
                return "\n".join(self.item(item, f"{n}. ") for n, item in enumerate(node, first))
            case "table":
                return self.table(node)
            case "citation":
                label, *blocks = node.children
                return f"\\[{self.inline(label)}\\] " + "\n\n".join(map(self.simple, blocks))
        return self.unknown(node)

    def unknown(self, node):
        problem = f"notebooks.py has no Markdown for {node.tagname!r}, and a notebook needs it"
        logger.warning("%s", problem, location=node, type="notebook")
        return node.astext()

    def item(self, node, mark):
        body = "\n\n".join(self.simple(child) for child in node.children)
        return mark + body.replace("\n", "\n" + " " * len(mark))

    def formula(self, node):
        latex = node.astext().strip()
        if r"\\" in latex and r"\begin{" not in latex:
            latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"  # as on the page
        if node["number"]:
            latex += rf" \tag{{{self.number(node, 'displaymath')}}}"
        return f"$$\n{latex}\n$$"

    def table(self, table):
        rows = []
        for row in table.findall(nodes.row):
            cells = [" ".join(map(self.inline_of_cell, entry.children)) for entry in row]
            rows.append(f"| {' | '.join(cells)} |")
        (head,) = table.findall(nodes.thead)
        rules = {"text-right": "--:", "text-center": ":-:"}
        marks = [rules.get("".join(entry["classes"]), ":--") for entry in head[0]]
        return "\n".join([rows[0], f"| {' | '.join(marks)} |", *rows[1:]])

    def inline_of_cell(self, node):
        # A vertical bar would end the cell: it is escaped in text, and has a name in a formula.
        text = self.inline(node).replace("\n", " ")
        return re.sub(r"(?<!\\)\|", r"\|", text)

    def inline(self, parent):
        return "".join(map(self.phrase, parent.children))

    def phrase(self, node):
        match node.tagname:
            case "#text":
                return SPECIAL.sub(r"\\\g<0>", node.astext())
            case "math":
                return f"${BAR.sub(lambda bar: BARS[bar[0]], node.astext())}$"
            case "literal":
                text = node.astext()
                ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
                space = " " if text.startswith("`") or text.endswith("`") else ""
                return f"{ticks}{space}{text}{space}{ticks}"
            case "emphasis":
                return f"*{self.inline(node)}*"
            case "strong":
                return f"**{self.inline(node)}**"
            case "inline":
                return self.inline(node)
            case "reference" | "number_reference":
                return self.link(node)
            case "raw" | "target" | "permalink":
                return ""
        return self.unknown(node)

    def link(self, node):
        text, place = self.inline(node), node.get("refuri") or f"#{node.get('refid', '')}"
        place = urljoin(self.address, place)
        if place.startswith(("https:", "http:")) and "term" not in node["classes"]:
            return f"[{text}]({place})"
        is_title = any(TITLES & {*inner["classes"]} for inner in node.findall(nodes.inline))
        return f"*{text}*" if is_title else text


def fenced(text, language):
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language.replace('ipython3', 'python')}\n{text}\n{fence}"


def introduction(title, wheel, page):
    """Return what the first cell of a notebook says."""
    lines = [
        f"# {title}\n",
        f"This is a chapter of {f'[charseq]({page})' if page else 'charseq'}.",
        "On the site, the exercises have forms, which say what is wrong with an answer.",
        "The code needs the package `charseq`.",
        "The next cell installs the package, if it is missing.",
    ]
    if "/" not in wheel:
        lines.insert(4, f"Download the file `{wheel}` from the site, into this folder.")
    return "\n".join(lines)


def notebook(cells, intro, install):
    about = {"display_name": "Python 3", "language": "python", "name": "python3"}
    written = []
    cells = [("markdown", intro, None), ("code", install, None), *cells_with_records(cells)]
    for number, (kind, source, node) in enumerate(cells, 1):
        make = v4.new_markdown_cell if kind == "markdown" else v4.new_code_cell
        folded = kind == "folded" or (node is not None and not shows_code(node))
        about_it = {"jupyter": {"source_hidden": True}} if folded else {}  # or hidden on the page
        written.append(make(source, id=f"cell-{number}", metadata=about_it))
    metadata = {"kernelspec": about, "language_info": {"name": "python"}}
    return nbformat.writes(v4.new_notebook(cells=written, metadata=metadata)) + "\n"


def shows_code(cell):
    return not cell.get("hide_mode") and "tag_remove-input" not in cell["classes"]


def offer(app, doctree, docname):
    """Offer the notebook of a chapter at its foot."""
    if sources_of(app, docname):
        html = links(docname, app.config)
        doctree.next_node(nodes.section).append(nodes.raw("", html, format="html"))


def write(app, pagename, templatename, context, doctree):
    """Write the notebook of a chapter beside its page."""
    if not (sources := sources_of(app, pagename)):
        return
    page = address_of(app.config, app.builder.get_target_uri(pagename))
    writer = SimpleNamespace(builder=app.builder)

    def number(node, kind):
        if kind == "section":  # of a chapter, as in its title on the page
            numbers = app.env.toc_secnumbers.get(pagename, {}).get("", ())
            return "".join(f"{number}. " for number in numbers)
        if kind == "displaymath":
            return get_node_equation_number(writer, node)
        number = app.builder.fignumbers.get(kind, {}).get(node["ids"][0], ())
        return app.config.numfig_format[kind] % ".".join(map(str, number))

    converter = Converter(sources, number, page)
    converter.blocks(doctree)
    (_, title, _), *rest = converter.cells
    title, _, lead = title.removeprefix("# ").partition("\n\n")
    cells = [("markdown", lead, None), *rest] if lead else rest
    wheel = address_of_wheel(app.config)
    path = Path(app.outdir, f"{pagename}.ipynb")
    path.parent.mkdir(parents=True, exist_ok=True)
    written = notebook(cells, introduction(title, wheel, page), install_cell(wheel))
    path.write_text(written, "utf-8", newline="\n")


def sources_of(app, docname):
    """Return the code cells of a chapter, of which the site offers a notebook."""
    if app.builder.name != "html" or not docname.startswith(CHAPTERS):
        return []
    return code_cells.sources_of(Path(app.env.doc2path(docname)).read_text("utf-8"))


def links(pagename, config):
    """Return the line with the links to the notebook of a chapter, and to what it installs."""
    name = pagename.rpartition("/")[2]
    line = f'Download this page as a <a href="{name}.ipynb" download>notebook</a>'
    if not config.html_baseurl:  # else its first cell finds the package on the site
        line += f'; it needs <a href="{wheel_from(pagename, config)}">the package</a> beside it'
    if repository := config.notebook_repository:
        path = f"{pagename}.ipynb"
        colab = f"https://colab.research.google.com/github/{repository}/blob/{config.notebook_branch}/{path}"
        line += f' · <a href="{colab}">Open in Colab</a>'
    return f'<p class="notebook-links">{line}</p>\n'


def setup(app):
    app.add_config_value("notebook_repository", "", "html", str)
    app.add_config_value("notebook_branch", "gh-pages", "html", str)
    app.add_role("wheel", WheelRole())
    app.connect("build-finished", build_wheel)
    app.connect("config-inited", install_in_gallery, priority=5)  # before sphinx-gallery reads it
    app.connect("doctree-resolved", offer)
    app.connect("html-page-context", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
