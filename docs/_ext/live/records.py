"""The parts whose networks scripts have recorded: what each hands over to the browser."""

import json
import tomllib
from pathlib import Path

import widgets
from charseq import load_text

OFFERED = tomllib.loads(Path(__file__).with_name("offered.toml").read_text("utf-8"))
# For a reader of *Train a network on your own text* who has none at hand.
OWN_TEXTS = {"novel": "pride-and-prejudice", "places": "names", "manual": "python-reference"}


def read(name):
    return json.loads((widgets.ROOT / "docs" / "_records" / f"{name}.json").read_text("utf-8"))


def languages():
    """Return the network that names a language, and names to try."""
    record = widgets.ROOT / "charseq" / "names" / "networks.json"
    network = json.loads(record.read_text("utf-8"))["network"]
    table = (line.split("\t") for line in load_text("names").splitlines())
    spoken = {name: language for _, language, name in table}
    return network | {
        "spoken": [OFFERED["spoken"][language] for language in network["languages"]],
        "examples": [[name, spoken[name]] for name in OFFERED["names"]],
    }


def taggers():
    """Return two networks that give a sentence its capitals, and sentences to try."""
    record = read("tag")
    networks = {name: {"weights": kept["weights"]} for name, kept in record["networks"].items()}
    return {"chars": record["chars"], "networks": networks, "examples": OFFERED["sentences"]}


def series():
    """Return the carbon dioxide of the air, month by month, and the network that forecasts it."""
    table = widgets.ROOT / "charseq" / "series" / "co2.csv"
    rows = [line.split(",") for line in table.read_text("utf-8").splitlines()[1:]]
    values = [float(ppm) if ppm else None for _, ppm in rows]
    return {"first": rows[0][0], "values": values} | read("forecast")


def setup(app):
    for name, text in OWN_TEXTS.items():
        widgets.hand_over(f"text-{name}.js", lambda text=text: load_text(text)[:150_000])
    code = sorted((widgets.ROOT / "charseq").glob("[a-z]*.py"))
    widgets.hand_over(
        "text-code.js", lambda: "".join(path.read_text("utf-8") for path in code)[:150_000]
    )
    widgets.hand_over("classify.js", languages)
    widgets.hand_over("tag.js", taggers)
    widgets.hand_over("forecast.js", series)
    for name in ("align", "pieces", "guess"):
        widgets.hand_over(f"{name}.js", lambda name=name: read(name))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
