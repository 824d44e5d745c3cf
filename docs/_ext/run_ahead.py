"""Give MyST-NB and sphinx-gallery the results that jobs.py has computed ahead of them."""

import os
from pathlib import Path

import jobs
import myst_nb.sphinx_
from myst_nb.core.execute import NotebookClientBase
from nbformat import from_dict

LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}  # as a kernel says of itself


class Ran(NotebookClientBase):
    """Brings the outputs of a page's cells."""

    def start_client(self):
        self.notebook.metadata.language_info = from_dict(LANGUAGE)
        code = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        place = self.path.parent, [cell.source for cell in code]
        for count, (cell, outputs) in enumerate(zip(code, jobs.queue.outputs(*place), strict=True)):
            cell.update(execution_count=count + 1, outputs=[from_dict(o) for o in outputs])
            for output in cell.outputs:
                if output.output_type == "error":
                    jobs.queue.forget(*place)
                    trace = "\n".join(output.traceback)
                    self.logger.warning(f"a cell has failed\n{trace}", subtype="exec")


def client(notebook, source, nb_config, logger, read_fmt=None):
    return Ran(notebook, Path(source), nb_config, logger)


def send(app):
    if jobs.queue.process:
        jobs.queue.send(app.config.sphinx_gallery_conf, min(app.parallel or 1, os.cpu_count()))


def read_last_what_must_wait(app, env, docnames):
    waiting = {name for name, *_ in jobs.queue.pages}
    docnames.sort(key=lambda name: name in waiting)


def setup(app):
    assert hasattr(myst_nb.sphinx_, "create_client"), "MyST-NB makes its client elsewhere"
    myst_nb.sphinx_.create_client = client  # there is no setting for it, up to MyST-NB 1.4
    app.connect("builder-inited", send, priority=400)  # sphinx-gallery's own turn comes at 500
    app.connect("env-before-read-docs", read_last_what_must_wait, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
