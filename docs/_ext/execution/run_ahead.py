"""Give MyST-NB and sphinx-gallery the results that workers.py has computed ahead of them."""

import os
from pathlib import Path

import myst_nb.sphinx_
from myst_nb.core.execute import NotebookClientBase
from nbformat import from_dict

import cells
import workers

failed = set()  # pages of which a cell has failed in this process
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}  # as a kernel says of itself


class Ran(NotebookClientBase):
    """Brings the outputs of a page's cells."""

    def start_client(self):
        self.notebook.metadata.language_info = from_dict(LANGUAGE)
        code = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        place = self.path.parent, [cell.source for cell in code]
        for count, (cell, outputs) in enumerate(
            zip(code, workers.queue.outputs(*place), strict=True)
        ):
            cell.update(execution_count=count + 1, outputs=[from_dict(o) for o in outputs])
            if trace := cells.failure(cell.source, cell.outputs):
                workers.queue.forget(*place)
                failed.add(self.path)
                self.logger.warning(f"a cell has failed\n{trace}", subtype="exec")


def client(notebook, source, nb_config, logger, read_fmt=None):
    return Ran(notebook, Path(source), nb_config, logger)


def run_failed_cells_anew(app, doctree):
    if Path(app.env.doc2path(app.env.current_document.docname)) in failed:
        app.env.note_reread()  # in the next build


def send(app):
    if workers.queue.process:
        workers.queue.send(app.config.sphinx_gallery_conf, min(app.parallel or 1, os.cpu_count()))


def read_last_what_must_wait(app, env, docnames):
    if docnames:
        # Sphinx needs torch to resolve names. Imported here, it is there in all that Sphinx forks.
        import torch  # noqa: F401
    waiting = {name for name, *_ in workers.queue.pages}
    docnames.sort(key=lambda name: name in waiting)


def setup(app):
    assert myst_nb.sphinx_.create_client  # MyST-NB 1.4.0 has no setting for another one
    myst_nb.sphinx_.create_client = client
    app.connect("builder-inited", send, priority=400)  # sphinx-gallery's own turn comes at 500
    app.connect("doctree-read", run_failed_cells_anew)
    app.connect("env-before-read-docs", read_last_what_must_wait, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
