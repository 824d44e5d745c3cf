"""The part `readers`: four networks on one line of letters. benchmarks/readers.py recorded them."""

import json
from pathlib import Path

import bundles

FILE = "readers.js"
RECORD = Path(__file__).with_name("readers.json")


def read_record():
    return json.loads(RECORD.read_text("utf-8"))


def write_file(app):
    if app.builder.format == "html":
        target = Path(app.outdir, "_static", FILE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(bundles.data_script(FILE, read_record()), "utf-8", newline="\n")


def setup(app):
    app.connect("builder-inited", write_file)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
