"""The part `classify`: a network names the language. benchmarks/names.py trained it."""

import json
from pathlib import Path

import widgets
from charseq import load_text

FILE = "classify.js"
RECORD = Path(__file__).parents[3] / "charseq" / "names" / "networks.json"
SPOKEN = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "nl": "Dutch",
    "pl": "Polish",
    "cs": "Czech",
    "fi": "Finnish",
    "hu": "Hungarian",
    "tr": "Turkish",
    "sv": "Swedish",
}
# Names of the test part, which no network has learned from. The last two it gets wrong.
EXAMPLES = [
    "tschechien",
    "tsjechië",
    "szwajcaria",
    "isviçre",
    "oulan-bator",
    "south africa",
    "nyugati fríz",
    "uljanovszk",
    "midwaysaaret",
]


def read_network():
    network = json.loads(RECORD.read_text("utf-8"))["network"]
    table = (line.split("\t") for line in load_text("names").splitlines())
    languages = {name: language for _, language, name in table}
    return network | {
        "spoken": [SPOKEN[language] for language in network["languages"]],
        "examples": [[name, languages[name]] for name in EXAMPLES],
    }


def setup(app):
    widgets.hand_over(FILE, read_network)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
