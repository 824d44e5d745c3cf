"""The part `readers`: five networks on one line of letters. benchmarks/readers.py recorded them.

A page with the three cells alone does not load the others.
"""

import json

import widgets

FILE, OTHERS_FILE = "readers.js", "readers-others.js"
RECORD = widgets.RECORDS / "readers.json"
OTHERS = ("attention", "matrix")


def read_record():
    return json.loads(RECORD.read_text("utf-8"))


def read_cells():
    record = read_record()
    cells = {name: kept for name, kept in record["networks"].items() if name not in OTHERS}
    return record | {"networks": cells}


def read_others():
    networks = read_record()["networks"]
    return {name: networks[name] for name in OTHERS}


def setup(app):
    widgets.hand_over(FILE, read_cells)
    widgets.hand_over(OTHERS_FILE, read_others)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
