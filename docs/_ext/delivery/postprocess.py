"""What is done to a page once it is written: fixes, a reading for the search.

It is done on all cores. Fixes depend on HTML that other packages write. So each page is
searched for what they need, and a warning names what no page of the whole site holds. Builds write
only pages that have changed; what the other pages held is remembered in ``finished.json``, beside
the doctrees.
"""

import json
from functools import partial
from pathlib import Path

from sphinx.util.parallel import ParallelTasks, SerialTasks, parallel_available

import html_fixes
import monkeypatches
import page_checks
import search_index
import unused_assets


def expected():
    """Return what finished pages must hold somewhere, and the complaint about each if none does."""
    of_modules = (html_fixes, page_checks, unused_assets)
    return {text: why for module in of_modules for text, why in module.EXPECTED.items()}


def finish_pages(out, pages):
    """Finish these pages, and return when each was written, how often it held what, its text."""
    finished = {}
    for name in pages:
        path = Path(out, name)
        html = path.read_text("utf-8")
        fixed, hits = html_fixes.fix(html)
        if fixed != html:
            path.write_text(fixed, "utf-8", newline="\n")
        hits |= {text: fixed.count(text) for text in expected()}
        sections = search_index.sections_of(fixed)
        finished[name] = [path.stat().st_mtime_ns, hits, sections]
    return finished


def finish(app, exception):
    """Finish the pages that were written since this was last done, and judge the whole site."""
    if exception or app.builder.format != "html":
        return
    out, record = Path(app.outdir), Path(app.doctreedir, "finished.json")
    before = json.loads(record.read_text("utf-8")) if record.exists() else {"pages": {}}
    written = {path.relative_to(out).as_posix(): path.stat() for path in out.rglob("*.html")}
    finished = {
        name: page
        for name, page in before["pages"].items()
        if name in written and page[0] == written[name].st_mtime_ns
    }
    pages = sorted(written.keys() - finished.keys(), key=lambda name: -written[name].st_size)
    searched_before = {name: sections for name, (*_, sections) in before["pages"].items()}
    reader = search_index.READER
    if before.get("reader") != reader:
        for name, page in finished.items():
            page[2:] = [search_index.sections_of((out / name).read_text("utf-8"))]
    record.write_text(
        json.dumps({"reader": reader, "pages": finished, "interrupted": True}), "utf-8"
    )
    hands = app.parallel if parallel_available else 1
    tasks = ParallelTasks(hands) if hands > 1 else SerialTasks()

    def note(*result):  # after the task's argument, if several processes work
        finished.update(result[-1])

    for first in range(hands):
        if share := pages[first::hands]:
            tasks.add_task(partial(finish_pages, out), share, note)
    tasks.join()
    if "interrupted" in before:  # some of these pages were fixed already: their counts say nothing
        finished |= {name: [finished[name][0], {}, finished[name][2]] for name in pages}
    searched = {name: sections for name, (*_, sections) in finished.items()}
    is_as_before = searched == searched_before and before.get("reader") == reader
    if not is_as_before or before.get("out") != str(out) or not search_index.exists(out):
        search_index.write(out, searched)
    after = {"out": str(out), "reader": reader, "pages": finished}
    record.write_text(json.dumps(after), "utf-8")
    for complaint in missing(hits for _, hits, _ in finished.values()):
        monkeypatches.complain(complaint)
    if "interrupted" not in before and len(pages) == len(written):
        monkeypatches.complain_of_never_called()


def missing(hits_of_pages):
    """Yield the complaint about each text that every page was searched for and that none held."""
    hits_of_pages = list(hits_of_pages)
    for text, complaint in (html_fixes.complaints() | expected()).items():
        counts = [hits.get(text) for hits in hits_of_pages]
        if None not in counts and not any(counts):
            yield complaint


def setup(app):
    html_fixes.add_visitors(app)
    app.connect("build-finished", finish, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
