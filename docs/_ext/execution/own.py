"""The programs of examples/own run shortened in the build, and are offered with their samples."""

import re
from pathlib import Path

# How many epochs each of them trains in the build; one that is not here trains four.
EPOCHS = {"write": 8, "pieces": 6, "forecast": 6, "translate": 3, "classify": 2, "ctc": 1}
# How many characters of its sample a program reads there, if not all.
CHARACTERS = {"write": 20_000, "pieces": 20_000, "transformer": 20_000}
# The chapter that explains each.
CHAPTERS = {"write": "real-text", "pieces": "words"}
SAMPLE = re.compile(r'default="([\w-]+\.(?:txt|csv|tsv))"')
DOWNLOAD = re.compile(r"(?=^ +\.\. container:: sphx-glr-download sphx-glr-download-jupyter)", re.M)


def reset_argv(gallery_conf, script_vars):
    """Return the arguments with which sphinx-gallery runs a script: none, but for our programs."""
    script = Path(script_vars["src_file"])
    if script.parent.name != "own":
        return []
    folder = Path(gallery_conf["src_dir"]).parent / "_build" / "own" / script.stem
    folder.mkdir(parents=True, exist_ok=True)
    arguments = ["--epochs", str(EPOCHS.get(script.stem, 4)), "--out", f"{folder / script.stem}.pt"]
    if script.stem in CHARACTERS:
        sample = sample_of(script)
        text = sample.read_text("utf-8")[: CHARACTERS[script.stem]]
        arguments.insert(0, str(folder / sample.name))
        Path(arguments[0]).write_text(text, "utf-8")
    return arguments


def sample_of(script):
    """Return the file that a program reads if it is told none."""
    return script.with_name(SAMPLE.search(script.read_text("utf-8"))[1])


def offer_sample(app, docname, source):
    """Name the chapter of a program, and offer its sample, where the page offers the program."""
    if docname.startswith("gallery/own/") and not docname.endswith("/index"):
        stem, name = Path(docname).name, sample_of(Path(app.srcdir, f"{docname}.py")).name
        block = f"    Explained in :doc:`/learn/{CHAPTERS.get(stem, stem)}`.\n\n"
        block += "    .. container:: sphx-glr-download\n\n"
        block += f"      :download:`Download the sample: {name} <{name}>`\n\n"
        source[0] = DOWNLOAD.sub(block, source[0], count=1)


def setup(app):
    app.connect("source-read", offer_sample)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
