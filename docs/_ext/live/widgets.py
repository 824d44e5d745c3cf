"""Put a part of the playground on a page: ``{play} train``.

Its options become the part's settings. Its body is what the page shows where scripts do not run;
_static/play/play.js replaces it by the part. A chapter loads load-when-near.js, which loads the
styles and scripts of a part once the reader comes near it. The playground loads those of most of
its parts at once, as one file, and what is missing for the others in the same way as a chapter.

The scripts run as they are in the repository. The site's copies have no comments and no
indentation, which saves a third of what a phone would load.
"""

import base64
import json
import re
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from docutils import nodes
from docutils.parsers.rst import directives
from safetensors import safe_open
from sphinx.util.docutils import SphinxDirective, SphinxRole

from charseq import load_text

# A comment: on lines of its own, in front of code, or at the end of a line. The last has no quotes,
# so that it is not a piece of a text.
COMMENT = re.compile(
    r"(?m:^ *)(/\*(?:(?!\*/)[\s\S])*\*/ *\n|//.*\n)"
    r"|/\*\*(?:(?!\*/)[\s\S])*\*/ ?"
    r"""| +// [^"'`\n]*(?m:$)"""
)

# What each part loads, in this order: a script uses the global names of those before it.
RUN = ("network", "training-loop", "bounds", "settings")
PAGE = ("formats", "make-element", "elements", "fields", "play")
PICTURES = ("loss-curve", "letter-strip", "epoch-slider")
FORM = ("verdict", "torch-script", "settings-form", "run-address", "stored-entry")
LAYER = ("bounds", "layer-options", "shapes")
REPLIES = ("../exercises/typed-shape", "../exercises/typed-answers")
ANSWER = ("stored-entry", *REPLIES, "../exercises/solved", "../exercises/question-form")
SCRIPTS = {
    "train": (*RUN, *PAGE, "store", *PICTURES, *FORM, "part-train"),
    "scrubber": (*RUN, *PAGE, "store", *PICTURES, "part-scrubber"),
    "inside": (*RUN, *PAGE, "store", "place-sliders", "heat-map", "equation-terms", "part-inside"),
    "step": (*RUN, *PAGE, "store", "unit-sum", "place-sliders", "part-step"),
    "explorer": (*LAYER, *PAGE, "part-explorer"),
    "quiz": (*LAYER, *PAGE, *ANSWER, "shape-questions", "part-quiz"),
    "temperature": (*RUN, *PAGE, "store", "part-temperature"),
    "paths": (*RUN, *PAGE, "store", "epoch-slider", "part-paths"),
    "look": (*PAGE, "part-look"),
}
# What a part loads later, once the reader has asked for it with a button: the part says its size.
READING = ("network", "weights", "known-text", "long-reading", "unit-ranking")
PANELS = (
    "stored-entry",
    "painted-text",
    "place-panel",
    "ranking-panel",
    "writing-panel",
    "look-address",
)
ASKED = {"look": (*READING, *PANELS, "look")}
STYLE = ("play.css",)
STYLES = {"quiz": (*STYLE, "../exercises/exercises.css")}
PLAYGROUND = ("train", "inside", "step", "explorer")  # what the page that trains loads at once
WHOLE = (
    *dict.fromkeys(script for part in PLAYGROUND for script in SCRIPTS[part]),
    "load-when-near",
)
# These know nothing of the page: what they compute is tested in tests/test_play_core.py.
WITHOUT_PAGE = (
    *RUN,
    "formats",
    "torch-script",
    "verdict",
    "equation-terms",
    "unit-sum",
    *LAYER[1:],
    *READING[1:],
    *REPLIES,
    "shape-questions",
)
SOURCE = Path(__file__).parents[2] / "_static" / "play"
NET = Path(__file__).parents[3] / "charseq" / "reference-net"


class play(nodes.General, nodes.Element):  # noqa: N801 - docutils names visitors after it
    pass


class AnyOption(dict):
    """Takes options of any name: they are the settings of a part, which knows its own."""

    def __bool__(self):
        return True

    def __missing__(self, name):
        return directives.unchanged


class Play(SphinxDirective):
    required_arguments = 1
    option_spec = AnyOption()
    has_content = True

    def run(self):
        if self.arguments[0] not in SCRIPTS:
            raise self.error(f"no part of the playground is called {self.arguments[0]!r}")
        if not self.content:
            raise self.error("a part needs a body: it is all that there is without scripts")
        node = play(name=self.arguments[0], options=dict(self.options))
        node += self.parse_content_to_nodes()
        self.set_source_info(node)
        return [node]


class Run(SphinxRole):
    """``{playground}`text <cell=LSTM&epochs=200>` `` opens the playground with these settings."""

    def run(self):
        text, settings = re.fullmatch(r"(.*?) ?<(.*)>", self.text, re.S).groups()
        up = "../" * self.env.current_document.docname.count("/")
        address = urlencode(parse_qsl(settings, strict_parsing=True))
        target = f"{up}playground.html#{address}"
        return [nodes.reference(self.rawtext, text, refuri=target, internal=True)], []


def loads_whole(doctree):
    return any(node["name"] == "train" for node in doctree.findall(play))


def visit(translator, node):
    name, options = node["name"], dict(node["options"])
    loaded = ("play.css", *WHOLE) if loads_whole(translator.document) else ()
    files = [file for file in (*STYLES.get(name, STYLE), *SCRIPTS[name]) if file not in loaded]
    attributes = {"data-play": name}
    if files:
        attributes["data-files"] = " ".join(files)
    if name in ASKED:
        attributes["data-asked"] = " ".join((*ASKED[name], NET.name))
        options["size"] = translator.config.play_net_size
    attributes["data-options"] = urlencode(options)
    translator.body.append(translator.starttag(node, "div", CLASS="play", **attributes))
    translator.body.append('<div class="play-fallback">\n')


def depart(translator, node):
    translator.body.append("</div></div>\n")


def nothing(translator, node):
    """The body alone is all that other formats show."""


def add_files(app, pagename, templatename, context, doctree):
    if doctree and any(True for _ in doctree.findall(play)):
        script = "load-when-near"
        if loads_whole(doctree):
            app.add_css_file("play/play.css")
            script = "whole"
        app.add_js_file(f"play/{script}.js", loading_method="defer")


def lean(source):
    """Leave out comments, empty lines and indentation, but not within the text of `…`.

    The library for it, rjsmin, breaks our scripts: it knows `…` only if no other is nested in it.
    """
    kept, within = [], False
    for line in COMMENT.sub("", source).splitlines():
        if within or line.strip():
            kept.append(line if within else line.lstrip())
        within ^= line.count("`") % 2 == 1
    return "\n".join(kept) + "\n"


def choose_passage(text):
    """Choose paragraphs, 400 to 700 characters, with much inside brackets and inside quotes."""

    def inside(passage):
        kinds = (r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}", r'"[^"]*"')
        return min(sum(map(len, re.findall(kind, passage))) for kind in kinds)

    paragraphs = text.strip("\n").split("\n\n")
    passages = (
        "\n\n".join(paragraphs[start : start + count])
        for start in range(len(paragraphs))
        for count in range(1, 8)
    )
    fitting = [passage.strip("\n") for passage in passages if 400 <= len(passage) <= 700]
    return max(fitting, key=inside, default=text[:700])


@cache  # it is asked for its length, and then for itself
def pack_net(folder=NET):
    """Return a script with a trained network: a run folder as `charseq shrink` makes it.

    Its weights are float16 in base64. A script can be loaded from a folder, where a browser refuses
    to fetch a file.
    """
    weights = {}
    with safe_open(folder / "weights.safetensors", framework="numpy") as tensors:
        for name in sorted(tensors.keys()):
            array = tensors.get_tensor(name).astype("<f2")
            data = base64.b64encode(array.tobytes()).decode()
            weights[name] = {"shape": list(array.shape), "data": data}
    packed = {
        "options": json.loads((folder / "config.json").read_text("utf-8"))["model"],
        "chars": json.loads((folder / "vocab.json").read_text("utf-8"))["chars"],
        "weights": weights,
        "text": choose_passage(load_text("reference-test")),
    }
    return f'"use strict";\ncharseqLook.take({json.dumps(packed)});\n'


def write_whole(app):
    """Write the file before any page: the page that loads it names its checksum."""
    if app.builder.format == "html":
        folder = Path(app.outdir, "_static", "play")
        folder.mkdir(parents=True, exist_ok=True)
        whole = "".join((SOURCE / f"{name}.js").read_text("utf-8") for name in WHOLE)
        (folder / "whole.js").write_text(lean(whole), "utf-8", newline="\n")


def write_net(app):
    """Write the network before any page: the part that loads it says how large it is."""
    if app.builder.format == "html":
        target = Path(app.outdir, "_static", "play", f"{NET.name}.js")
        target.write_text(pack_net(), "utf-8", newline="\n")


def make_lean(app, exception):
    if exception or app.builder.format != "html":
        return
    for path in Path(app.outdir, "_static", "play").iterdir():
        if path.stem == NET.name:
            continue  # the text in it is no code
        path.write_text(lean(path.read_text("utf-8")), "utf-8", newline="\n")


def setup(app):
    others = dict.fromkeys(("latex", "text", "man", "texinfo"), (nothing, nothing))
    app.add_node(play, html=(visit, depart), **others)
    app.add_directive("play", Play)
    app.add_role("playground", Run())
    app.add_config_value("play_scripts", SCRIPTS, "html")  # if they change, pages are written anew
    app.add_config_value("play_net_size", len(pack_net()), "html")
    app.connect("builder-inited", write_whole)
    app.connect("builder-inited", write_net)
    app.connect("html-page-context", add_files)
    app.connect("build-finished", make_lean)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
