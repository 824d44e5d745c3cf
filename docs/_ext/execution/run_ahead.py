"""Give MyST-NB and sphinx-gallery the results that workers.py has computed ahead of them."""

import os
from pathlib import Path

import myst_nb.sphinx_
from myst_nb.core.execute import NotebookClientBase
from nbformat import from_dict
from sphinx.util import logging

import cells
import workers

logger = logging.getLogger(__name__)
RELEASE = "MyST-NB 1.4.0"  # which has no setting for another client
asked, failed = set(), set()  # pages whose outputs were asked for in this process, or have failed
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}  # as a kernel says of itself


class Ran(NotebookClientBase):
    """Brings the outputs of a page's cells."""

    def start_client(self):
        asked.add(self.path)
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


def complain_of_lost_outputs(app, doctree):
    docname = app.env.current_document.docname
    path = Path(app.env.doc2path(docname))
    if docname in workers.queue.with_cells and path not in asked:
        problem = f"{RELEASE} asked us for the outputs of this page's cells, and now nobody does"
        logger.warning("%s", problem, location=docname, type="upstream")
    if path in failed:
        app.env.note_reread()  # so that the next build runs its cells anew


def send(app):
    if workers.queue.process:
        workers.queue.send(app.config.sphinx_gallery_conf, min(app.parallel or 1, os.cpu_count()))
        if workers.queue.scripts and not any(workers.is_current(*s) for s in workers.queue.scripts):
            problem = (
                "no example has run ahead: does sphinx-gallery still have "
                "gen_rst.generate_file_rst, and write .md5 files (0.22.1)?"
            )
            logger.warning("%s", problem, type="upstream")


def read_last_what_must_wait(app, env, docnames):
    if docnames:
        # Sphinx needs torch to resolve names. Imported here, it is there in all that Sphinx forks.
        import torch  # noqa: F401
    waiting = {name for name, *_ in workers.queue.pages}
    docnames.sort(key=lambda name: name in waiting)


def setup(app):
    myst_nb.sphinx_.create_client = client
    app.connect("builder-inited", send, priority=400)  # sphinx-gallery's own turn comes at 500
    app.connect("doctree-read", complain_of_lost_outputs)
    app.connect("env-before-read-docs", read_last_what_must_wait, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
