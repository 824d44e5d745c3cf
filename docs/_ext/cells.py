"""Find the code cells of a page, and run them as Jupyter would, in this very process.

A Jupyter kernel is a process of its own that is spoken to over sockets, which costs more than most
pages compute. IPython's shell needs neither: it runs a cell, and what the cell prints, returns or
draws arrives in the few methods below, in the format of a notebook. The site is built with it, and
tests/processors.py compares with it what pages and examples print on other processors.
"""

import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import TextIOBase

CELL = re.compile(r"^```\{code-cell\} python\n(?:---\n.*?^---\n)?(.*?)^```", re.M | re.S)


def sources_of(page):
    """Return the code cells of a page's text, as MyST-NB reads them."""
    return [source for _, source in cells_of(page)]


def cells_of(page):
    """Return each code cell of a page's text with the number of the line on which it begins."""
    cells = []
    for match in CELL.finditer(page):
        source = match[1].lstrip("\n")
        cells.append((page.count("\n", 0, match.end(1) - len(source)) + 1, source.rstrip("\n")))
    return cells


def run_cells(sources, rc, describe=None):
    """Return the outputs of each cell; those after one that fails are empty.

    `rc` are the settings of matplotlib, whose figures are drawn as SVG. With `describe`, a function
    that returns the words for a figure, they are described instead of drawn.
    """
    shell = make_shell(rc, describe)
    outputs = []
    for source in sources:
        shell.outputs = []
        with redirect_stdout(Stream(shell, "stdout")), redirect_stderr(Stream(shell, "stderr")):
            succeeded = shell.run_cell(source, store_history=True).success
        outputs.append(shell.outputs)
        if not succeeded:
            break
    return outputs + [[] for _ in sources[len(outputs) :]]


def make_shell(rc, describe):
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from nbformat.v4 import new_output
    from traitlets.config import Config

    class Result(DisplayHook):
        """Takes what the last line of a cell returns."""

        def write_output_prompt(self):
            pass

        def write_format_data(self, format_dict, md_dict=None):
            about = {"execution_count": self.shell.execution_count, "metadata": md_dict or {}}
            self.shell.outputs.append(new_output("execute_result", format_dict, **about))

        def finish_displayhook(self):
            self._is_active = False

    class Publisher(DisplayPublisher):
        """Takes what is displayed, as figures are when a cell has ended."""

        def publish(self, data, metadata=None, **_):
            self.shell.outputs.append(new_output("display_data", data, metadata=metadata or {}))

    class Shell(InteractiveShell):
        def _showtraceback(self, etype, evalue, stb):
            fields = {"ename": etype.__name__, "evalue": str(evalue), "traceback": stb}
            self.outputs.append(new_output("error", **fields))

        def enable_gui(self, gui=None):
            """Figures are drawn when a cell has ended: there are no windows."""

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InlineBackend.figure_formats = set() if describe else {"svg"}  # sharp at any zoom
    config.InlineBackend.rc = rc
    config.InlineBackend.print_figure_kwargs = {"bbox_inches": None, "metadata": {"Date": None}}
    Shell.displayhook_class.default_value = Result
    Shell.display_pub_class.default_value = Publisher
    shell = Shell.instance(config=config)
    sys.modules["__main__"] = shell.user_module
    shell.enable_matplotlib("inline")
    if describe:
        from matplotlib.figure import Figure

        words = shell.display_formatter.formatters["text/plain"]
        words.for_type(Figure, lambda figure, printer, cycle: printer.text(describe(figure)))
    return shell


class Stream(TextIOBase):
    """A standard stream that writes into the outputs of the cell that runs."""

    encoding = "utf-8"

    def __init__(self, shell, name):
        self.shell, self.name = shell, name

    def writable(self):
        return True

    def write(self, text):
        from nbformat.v4 import new_output

        outputs = self.shell.outputs
        if outputs and outputs[-1].output_type == "stream" and outputs[-1].name == self.name:
            outputs[-1].text += text
        elif text:
            outputs.append(new_output("stream", name=self.name, text=text))
        return len(text)
