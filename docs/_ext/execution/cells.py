"""Find the code cells of a page, and run them as Jupyter would, in this very process.

A Jupyter kernel is a process of its own that is spoken to over sockets, which costs more than most
pages compute. IPython's shell needs neither: it runs a cell, and what the cell prints, returns or
draws arrives in the few methods below, in the format of a notebook.

A cell that is meant to fail says so at the end of the line that fails, ``# breaks here``, and one
that is meant to warn, ``# warns here``. It must do so in that line. Then its output is the message
alone, and the cells below it run.
"""

import re
import sys
import traceback
import warnings
from contextlib import redirect_stderr, redirect_stdout
from io import TextIOBase
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "_cells"))  # what cells import from the repository
CELL = re.compile(r"^```\{code-cell\} python\n(?:---\n(.*?)^---\n)?(.*?)^```", re.M | re.S)
MARK = re.compile(r"  # (breaks|warns) here$", re.M)
NOT_AS_MARKED = "NotAsMarked"  # in place of an error's name


def sources_of(page):
    """Return the code cells of a page's text, as MyST-NB reads them."""
    return [source.strip("\n") for _, source in CELL.findall(page)]


def mark_of(source):
    """Return what a cell is meant to do, "breaks" or "warns", and in which line; or None twice."""
    match = MARK.search(source)
    return (match[1], source.count("\n", 0, match.start()) + 1) if match else (None, None)


def failure(source, outputs):
    """Return the trace of the error that has ended a cell, unless the cell was meant to break."""
    for output in outputs:
        if output["output_type"] == "error":
            as_marked = mark_of(source)[0] == "breaks" and output["ename"] != NOT_AS_MARKED
            return None if as_marked else "\n".join(output["traceback"])
    return None


def prepare():
    """Load what the first cell of each page would load, before processes are forked for pages."""
    from IPython.core import completerlib, interactiveshell, magics  # noqa: F401
    from matplotlib_inline.backend_inline import flush_figures  # noqa: F401
    from nbformat.v4 import new_output

    new_output("stream", name="stdout", text="")  # compiles the schema of notebooks


def run_cells(sources, rc):
    """Return the outputs of each cell; those after one that fails are empty.

    `rc` are the settings of matplotlib, whose figures are drawn as SVG.
    """
    shell = make_shell(rc)
    warnings.simplefilter("default")  # Python hides some kinds; what is printed fails the build
    outputs = []
    for source in sources:
        shell.outputs = []
        with (
            redirect_stdout(Stream(shell, "stdout")),
            redirect_stderr(Stream(shell, "stderr")),
        ):
            run_as_marked(source, shell)
        outputs.append(shell.outputs)
        if failure(source, shell.outputs):
            break
    return outputs + [[] for _ in sources[len(outputs) :]]


def run_as_marked(source, shell):
    """Run a cell. Of one that breaks or warns as its mark says, show only the message."""
    from nbformat.v4 import new_output

    does, line = mark_of(source)
    if not does:
        shell.run_cell(source, store_history=True)
        return
    told = []  # each message, and the lines of the cell that led to it

    def note(frames, kind, message):
        lines = [number for frame, number in frames if frame.f_globals is shell.user_ns]
        told.append(("".join(traceback.format_exception_only(kind, message)).strip(), lines))

    def note_warning(message, category, *_):
        note(traceback.walk_stack(None), category, message)

    shell.InteractiveTB.set_mode("Minimal")  # its long trace would not be shown, and takes time
    with warnings.catch_warnings():
        if does == "warns":
            warnings.simplefilter("always")
            warnings.showwarning = note_warning
        error = shell.run_cell(source, store_history=True).error_in_exec
    shell.InteractiveTB.set_mode("Context")
    if error:
        note(traceback.walk_tb(error.__traceback__), type(error), error)
    said = [message for message, lines in told if line in lines]
    if does == "warns" and said and not error:
        shell.outputs.append(new_output("stream", name="stdout", text="\n".join([*said, ""])))
        return
    problem = f"a cell {does} in line {line}, says its mark; its messages and their lines: {told}"
    name, _, message = said[0].partition(": ") if said else (NOT_AS_MARKED, "", problem)
    trace = said[:1] or [problem]
    shell.outputs[:] = [o for o in shell.outputs if o["output_type"] != "error"]
    shell.outputs.append(new_output("error", ename=name, evalue=message, traceback=trace))


def make_shell(rc):
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

    class Publisher(DisplayPublisher):
        """Takes what is displayed, as figures are when a cell has ended."""

        def publish(self, data, metadata=None, **_):
            self.shell.outputs.append(new_output("display_data", data, metadata=metadata or {}))

    class Shell(InteractiveShell):
        def showtraceback(self, *_, tb_offset=None, **__):
            error = sys.exc_info()
            lines = self.InteractiveTB.structured_traceback(*error, tb_offset=tb_offset)
            about = {"ename": error[0].__name__, "evalue": str(error[1]), "traceback": lines}
            self.outputs.append(new_output("error", **about))

        showsyntaxerror = showtraceback

        def enable_gui(self, gui=None):
            """Figures are drawn when a cell has ended: there are no windows."""

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InlineBackend.figure_formats = {"svg"}  # sharp at any zoom
    config.InlineBackend.rc = rc
    config.InlineBackend.print_figure_kwargs = {"bbox_inches": None, "metadata": {"Date": None}}
    Shell.displayhook_class.default_value = Result
    Shell.display_pub_class.default_value = Publisher
    shell = Shell.instance(config=config)
    sys.modules["__main__"] = shell.user_module
    shell.enable_matplotlib("inline")
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
