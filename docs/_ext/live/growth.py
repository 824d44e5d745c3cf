"""The part `growth`: four networks while they learn a novel, with what they wrote on the way.

charseq/austen/networks.json has the record, made by benchmarks/novel.py. The still is the picture
of the GRU that the page draws itself.
"""

import json
import re

import widgets
from charseq import load_text

FILE = "growth.js"
NAMES = {"gru-0": "GRU", "lstm-0": "LSTM", "stacked-0": "two GRUs", "rnn-0": "plain RNN"}
SHOWN = 520  # characters of a sample


def cut(text, known):
    """Cut a text at its words that are not known: every second piece is one."""
    pieces = [""]
    for piece in re.split(r"([A-Za-z]+)", text):
        if piece.isalpha() and piece.isascii() and piece.lower() not in known:
            pieces += [piece, ""]
        else:
            pieces[-1] += piece
    return pieces


def data():
    """Return what the page shows: curves, samples, and the share of their words that are known."""
    record = json.loads((widgets.NET / "networks.json").read_text("utf-8"))
    known = set(re.findall(r"[a-z]+", load_text("pride-train").lower()))
    runs = {}
    for key, name in NAMES.items():
        run = record["runs"][key]
        samples = {}
        for step, text in run["written"].items():
            words = re.findall("[A-Za-z]+", text)
            real = sum(word.lower() in known for word in words) / max(1, len(words))
            shown = text[:SHOWN].rsplit(maxsplit=1)[0]
            samples[step] = {"percent": round(100 * real), "pieces": cut(shown, known)}
        runs[name] = {"batches": run["batches"], "held": run["held_back"], "samples": samples}
    return {"table": record["marks"]["held back"]["7-gram"], "runs": runs}


def setup(app):
    widgets.hand_over(FILE, data)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
