"""Put a widget on a page: ``{play} train``.

Its options become the widget's settings. Its body is what the page shows where scripts do not run;
docs/_web/widgets/define.js replaces it by the widget. All widgets of a page are in one bundle. A
page loads it once the reader comes near a widget; the playground, which consists of widgets, loads
it at once.
"""

import base64
import re
from collections import defaultdict
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective, SphinxRole

import bundles
from charseq import load_text
from charseq.checkpoint import read_file

WIDGETS = bundles.WEB / "widgets"
# Options of any name: they are the settings of a widget, which knows its own.
ANY_OPTION = defaultdict(lambda: directives.unchanged, any=directives.unchanged)
STILLS = {}  # of widgets: what makes the HTML that stands there until they have come
OF_THE_PLAYGROUND = {"train", "inside", "explorer"}
FILES = {}  # of widgets, in _static: what makes the data of each
ROOT = Path(__file__).parents[3]
NET = ROOT / "charseq" / "austen"
PASSAGE = slice(7477, 8158)  # of pride-test: speech and narration alternate


class play(nodes.General, nodes.Element):  # noqa: N801 - docutils names visitors after it
    pass


class Play(SphinxDirective):
    required_arguments = 1
    option_spec = ANY_OPTION
    has_content = True

    def run(self):
        (name,) = self.arguments
        if not (WIDGETS / f"{name}.js").exists():
            raise self.error(f"no widget is called {name!r}")
        if not self.content:
            raise self.error("a widget needs a body: it is all that there is without scripts")
        about = self.env.metadata[self.env.current_document.docname]
        about["widgets"] = [*about.get("widgets", ()), name]
        node = play(name=name, options=dict(self.options))
        node += self.parse_content_to_nodes()
        self.set_source_info(node)
        return [node]


class Run(SphinxRole):
    """``{playground}`text <cell=LSTM&epochs=200>` `` opens the playground with these settings."""

    def run(self):
        text, settings = re.fullmatch(r"(.*?) ?<(.*)>", self.text, re.S).groups()
        up = "../" * self.env.current_document.docname.count("/")
        target = f"{up}playground.html#{urlencode(parse_qsl(settings, strict_parsing=True))}"
        return [nodes.reference(self.rawtext, text, refuri=target, internal=True)], []


def widgets_of(env, docname):
    """Return the names of the widgets on a page, each once."""
    return tuple(dict.fromkeys(env.metadata[docname].get("widgets", ())))


def bundle_of(names):
    return f"{bundles.FOLDER}/{'-'.join(names)}.js"


def styles_of(names):
    """Return the style sheets of widgets; the playground loads none that only chapters need."""
    sheets = ["widgets.css"] * ({*names} != {"hero"})
    sheets += ["parts.css"] * bool({*names} - OF_THE_PLAYGROUND - {"hero"})
    return [f"{bundles.FOLDER}/{sheet}" for sheet in sheets]


def visit(translator, node):
    names = widgets_of(translator.builder.env, translator.builder.current_docname)
    attributes = {"data-play": node["name"]}
    if "train" not in names:
        attributes["data-files"] = " ".join([*styles_of(names), bundle_of(names)])
    attributes["data-options"] = urlencode(node["options"])
    translator.body.append(translator.starttag(node, "div", CLASS="play", **attributes))
    translator.body.append('<div class="play-fallback">\n')
    if node["name"] in STILLS:
        translator.body.append(STILLS[node["name"]]())


def depart(translator, node):
    translator.body.append("</div></div>\n")


def add_files(app, pagename, templatename, context, doctree):
    names = widgets_of(app.env, pagename) if doctree else ()
    if {*names} - {"hero"}:
        app.add_css_file(f"{bundles.FOLDER}/room.css")
    if "train" in names:  # the playground
        for sheet in styles_of(names):
            app.add_css_file(sheet)
        app.add_js_file(bundle_of(names), loading_method="defer")
    if "hero" in names:  # its still has to be laid out before any script is there
        app.add_css_file(f"{bundles.FOLDER}/hero.css")


def bundle_source(names):
    """Return a module that defines these widgets."""
    address = {name: (WIDGETS / f"{name}.js").as_uri() for name in ("define", *names)}
    imports = [f'import {{ mount as {name} }} from "{address[name]}";' for name in names]
    calls = [f'define("{name}", {name});' for name in names]
    return "\n".join([f'import {{ define }} from "{address["define"]}";', *imports, *calls, ""])


def write_bundles(app, env):
    """Write a bundle for each set of widgets that a page has, before any page is written."""
    if app.builder.format == "html":
        sets = {names for docname in env.all_docs if (names := widgets_of(env, docname))}
        entries = {Path(bundle_of(names)).name: bundle_source(names) for names in sorted(sets)}
        if entries:
            bundles.bundle(entries, bundles.folder_in(app))


def packed(array):
    return {"shape": [*array.shape], "data": base64.b64encode(array.tobytes()).decode()}


def read_net(folder=NET):
    """Return options, characters and weights of a run folder as `charseq export` makes it."""
    about, arrays = read_file(folder / "best.safetensors")
    weights = {name: arrays[name].astype("<f2") for name in sorted(arrays)}
    return about["model"], about["vocab"]["chars"], weights


def pack_net(folder=NET):
    """Return the network; its weights are float16 in base64."""
    options, chars, weights = read_net(folder)
    return {
        "options": options,
        "chars": chars,
        "weights": {name: packed(array) for name, array in weights.items()},
        "text": load_text("pride-test")[PASSAGE],
    }


def shown(char):
    """Return a character as formats.js shows it."""
    return {" ": "␣", "\n": "↵"}.get(char, char)


def hand_over(file, make):
    """Have a script in _static that hands over what `make` returns: see docs/_web/ui/load.js."""
    FILES[file] = make


def write_files(app):
    """Write what widgets load before any page."""
    if app.builder.format == "html":
        for file, make in FILES.items():
            bundles.write_data(app, file, make())


def setup(app):
    hand_over(f"{NET.name}.js", pack_net)
    app.add_node(play, html=(visit, depart))
    app.add_directive("play", Play)
    app.add_role("playground", Run())
    app.connect("builder-inited", write_files)
    app.connect("env-updated", write_bundles)
    app.connect("html-page-context", add_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
