"""The part `tag`: two networks give a sentence its capitals. benchmarks/tagging.py trained them."""

import json

import widgets

FILE = "tag.js"
RECORD = widgets.RECORDS / "tag.json"
EXAMPLES = [  # for the button; none is in the book
    "he said it was darcy, and i said it was dark",
    "the king will see lady catherine and her lady at noon",
    "do you think that i will marry kitty?",
    "mr bennet and may",
]


def read_networks():
    record = json.loads(RECORD.read_text("utf-8"))
    networks = {name: {"weights": kept["weights"]} for name, kept in record["networks"].items()}
    return {"chars": record["chars"], "networks": networks, "examples": EXAMPLES}


def setup(app):
    widgets.hand_over(FILE, read_networks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
