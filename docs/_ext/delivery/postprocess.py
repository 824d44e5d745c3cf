"""Read the pages that a build has written, on all cores, for the index of the search.

What the other pages hold is remembered in ``finished.json``, beside the doctrees.
"""

import json
from functools import partial
from pathlib import Path

from sphinx.util.parallel import ParallelTasks, SerialTasks, parallel_available

import search_index


def read(out, names):
    """Return when each of these pages was written, and its sections."""
    paths = {name: Path(out, name) for name in names}
    return {
        name: [path.stat().st_mtime_ns, search_index.sections_of(path.read_text("utf-8"))]
        for name, path in paths.items()
    }


def finish(app, exception):
    """Read the pages that were written since this was last done; write the index if they differ."""
    if exception or app.builder.format != "html":
        return
    out, record = Path(app.outdir), Path(app.doctreedir, "finished.json")
    about = {"out": str(out), "reader": search_index.READER}
    before = json.loads(record.read_text("utf-8")) if record.exists() else {}
    known = before["pages"] if before.items() >= about.items() else {}
    written = {path.relative_to(out).as_posix(): path.stat() for path in out.rglob("*.html")}
    pages = {
        name: page
        for name, page in known.items()
        if name in written and page[0] == written[name].st_mtime_ns
    }
    unread = sorted(written.keys() - pages.keys(), key=lambda name: -written[name].st_size)
    workers = app.parallel if parallel_available else 1
    tasks = ParallelTasks(workers) if workers > 1 else SerialTasks()
    for first in range(workers):
        if share := unread[first::workers]:
            tasks.add_task(partial(read, out), share, lambda *result: pages.update(result[-1]))
    tasks.join()
    now, then = ({name: sections for name, (_, sections) in p.items()} for p in (pages, known))
    if now != then or not search_index.exists(out):
        search_index.write(out, now)
    record.write_text(json.dumps(about | {"pages": pages}), "utf-8")


def setup(app):
    app.connect("build-finished", finish, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
