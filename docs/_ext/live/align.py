"""The part `align`: a network that writes dates anew. benchmarks/translate.py recorded it."""

import json

import widgets

FILE = "align.js"
RECORD = widgets.RECORDS / "align.json"


def read_record():
    return json.loads(RECORD.read_text("utf-8"))


def setup(app):
    widgets.hand_over(FILE, read_record)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
