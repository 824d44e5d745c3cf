"""What is done to a page once it is written: links in code, repairs, checks; on all cores.

Each page goes through the steps below, in their order.
"""

from functools import partial
from pathlib import Path

import polish
import promises
from code_links import link_code
from sphinx.util import logging
from sphinx.util.parallel import ParallelTasks, SerialTasks, parallel_available

logger = logging.getLogger(__name__)


def finish_pages(out, pages):
    """Finish these pages, and return how many problems are left in them."""
    count = 0
    for path in pages:
        html = path.read_text("utf-8")
        name = path.relative_to(out).with_suffix("").as_posix()
        finished = polish.polish(link_code(name, html), path.parent)
        if finished != html:
            path.write_text(finished, "utf-8", newline="\n")
        for problem in promises.broken(finished):
            logger.warning("%s.html: %s", name, problem, type="promises")
            count += 1
    return count


def finish(app, exception):
    """Finish the pages that were written since this was last done."""
    if exception or app.builder.format != "html":
        return
    out, done = Path(app.outdir), Path(app.doctreedir, "finished")
    since = done.stat().st_mtime_ns if done.exists() else 0
    pages = [path for path in out.rglob("*.html") if path.stat().st_mtime_ns > since]
    pages.sort(key=lambda path: path.stat().st_size, reverse=True)
    hands = app.parallel if parallel_available else 1
    tasks = ParallelTasks(hands) if hands > 1 else SerialTasks()
    problems = []
    for first in range(hands):
        if share := pages[first::hands]:
            tasks.add_task(partial(finish_pages, out), share, lambda _, n: problems.append(n))
    tasks.join()
    if not sum(problems):
        done.touch()


def setup(app):
    app.connect("build-finished", finish, priority=900)  # after codeautolink
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
