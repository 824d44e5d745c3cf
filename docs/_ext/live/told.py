"""The part `told`: which earlier characters the predictions of three networks depend on.

docs/_records/told.json has the record, made by benchmarks/novel.py. The page shows one prediction
of each network, and what it operates is there from the start, so that nothing moves when
docs/_web/widgets/told.js colors the same characters by another one.
"""

import json
from html import escape

import numpy as np

import widgets

FILE = "told.js"
AFTER = "theirs."  # where the first prediction is made
INK = "176, 92, 170"  # that of blame; behind black letters and white ones alike
FULL = 0.9  # how strong it is at the longest
WAYS = {"gradient": "length of the gradient", "edit": "change by an edit"}


def read_record():
    return json.loads((widgets.RECORDS / "told.json").read_text("utf-8"))


def shares(record, letters):
    """Return what the letters of a row stand for: shares of its largest number."""
    levels = np.array([record["levels"].index(letter) for letter in letters])
    top = len(record["levels"]) - 1
    return np.where(levels, 10.0 ** (record["decades"] * (levels / top - 1)), 0)


def sentence(record, network, at, row):
    """Say what the network expects after a character, and how far back half of the color lies."""
    now, following = (widgets.shown(char) for char in (record["text"][at], network["expects"][at]))
    half = int((row[::-1].cumsum() >= row.sum() / 2).argmax()) + 1
    back = f"{half} characters" if half > 1 else "character"
    percent = network["percent"][at]
    return f"after “{now}” expects “{following}” at {percent}%; half of the color: the last {back}"


def still(_):
    """Return the part as HTML, with the gradients of one prediction."""
    record = read_record()
    text = record["text"]
    at = text.index(AFTER) + len(AFTER) - 1
    parts = []
    for name, network in record["networks"].items():
        row = shares(record, network["gradient"][at])
        cells = []
        for k, char in enumerate(text):
            strength = f"{FULL * row[k]:.2f}" if k <= at else "0.00"
            look = f' style="background:rgba({INK}, {strength})"' if strength > "0.00" else ""
            here = ' class="told-here"' if k == at else ""
            shown = "↵" if char == "\n" else escape(char)
            cells.append(f"<span{here}{look}>{shown}</span>")
            if char == "\n" and text[k + 1] != "\n" and k > 1:
                cells.append("<br>")
        words = escape(sentence(record, network, at, row))
        parts.append(
            f'<div class="told-one"><p><b>{name}</b> <span>{words}</span></p>'
            f'<p class="told-text">{"".join(cells)}</p></div>'
        )
    ways = "".join(
        f'<label><input type="radio" name="told" value="{way}"{" checked" * (k == 0)} disabled>'
        f"{label}</label>"
        for k, (way, label) in enumerate(WAYS.items())
    )
    return f"""\
<div class="told" role="group" aria-label="Who told it? Three networks on one passage">
<div class="told-choice on-screen">{ways}<label>Press a character of the text, or move to it:
<input type="range" min="0" max="{len(text) - 1}" value="{at}" disabled></label></div>
{"".join(parts)}
</div>
"""


def setup(app):
    widgets.STILLS["told"] = still
    widgets.hand_over(FILE, lambda: read_record() | {"ink": INK, "full": FULL})
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
