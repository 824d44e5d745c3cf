"""The part `pieces`: a text falls into pieces, by pairs that the novel joined.

`python benchmarks/words.py --only merges` recorded the pairs, with the chapter's code.
"""

import json

import widgets

FILE = "pieces.js"
RECORD = widgets.RECORDS / "pieces.json"


def data():
    """Return the characters of the novel, and its merges in order, such as "h|e/ |t"."""
    return json.loads(RECORD.read_text("utf-8"))


def setup(app):
    widgets.hand_over(FILE, data)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
