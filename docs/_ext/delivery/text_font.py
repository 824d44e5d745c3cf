"""The font of the text: Literata, cut to the letters that English pages need, in a style sheet.

bundles.py fetches it from the npm registry as it does the bundler, and has it cut, when dev.py
makes .venv. A build copies the result, and needs no network.

The font lies inside the style sheet, as that of the formulas does: it is there when the text is
laid out, so nothing shifts, also from a folder, where browsers refuse to load a font in advance.
"""

import base64
import hashlib
import os
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import deno
from sphinx.errors import ExtensionError

import bundles

PACKAGE = "@fontsource-variable/literata"
RELEASE = "5.3.0"
KEY = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
MADE = Path(sys.prefix, f"text-font-{KEY}")  # what `make` writes
NAMES = ("literata.css", "literata-license.txt")
LETTERS = "".join(map(chr, range(0x20, 0x7F))) + "\xa0éèäöüß©×·–—‘’“”…−"
FACE = """\
@font-face {{
  font-display: swap;
  font-family: Literata;
  font-style: {style};
  font-weight: {weight};
  src: url(data:font/woff2;base64,{font}) format("woff2");
}}
"""
MISSING = """\
The font of the text is not in the environment, and Deno could not fetch it from the npm registry.
Deno obeys NPM_CONFIG_REGISTRY, .npmrc and HTTPS_PROXY.\
"""


def make():
    """Fetch the font, cut it, and write the style sheet that holds it, and its license."""
    with tempfile.TemporaryDirectory() as folder:
        entry = Path(folder, "entry.js")
        entry.write_text(f'import "npm:{PACKAGE}@{RELEASE}/package.json" with {{type: "json"}};')
        command = [deno.find_deno_bin(), "cache", "--quiet", "--no-config", "--no-lock", str(entry)]
        subprocess.run(command, env=os.environ | bundles.ENVIRONMENT, check=True)
    (package,) = Path(bundles.ENVIRONMENT["DENO_DIR"], "npm").glob(f"*/{PACKAGE}/{RELEASE}")
    name = PACKAGE.rpartition("/")[2]
    faces = [
        face(package / "files" / f"{name}-latin-wght-{style}.woff2", style)
        for style in ("normal", "italic")
    ]
    MADE.mkdir(exist_ok=True)
    MADE.joinpath(NAMES[0]).write_text("".join(faces), "utf-8", newline="\n")
    MADE.joinpath(NAMES[1]).write_bytes((package / "LICENSE").read_bytes())


def face(source, style):
    """Return the rule of a style: upright in all weights from regular to bold, italic in one."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont
    from fontTools.varLib.instancer import instantiateVariableFont

    upright = style == "normal"
    font = TTFont(source)
    options = Options(layout_features=["kern"], hinting=False)
    subsetter = Subsetter(options)
    subsetter.populate(text=LETTERS)
    subsetter.subset(font)
    instantiateVariableFont(font, {"wght": (400, 700) if upright else 400}, inplace=True)
    font.flavor = "woff2"
    font.recalcTimestamp = False  # the same bytes whenever it is made
    packed = BytesIO()
    font.save(packed)
    print(f"{style}: {packed.tell()} bytes")
    weight = "400 700" if upright else "400"
    data = base64.b64encode(packed.getvalue()).decode()
    return FACE.format(style=style, weight=weight, font=data)


def copy(app):
    if app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    static.mkdir(parents=True, exist_ok=True)
    if not all((MADE / name).exists() for name in NAMES):  # an environment made before
        try:
            make()
        except subprocess.CalledProcessError as error:
            raise ExtensionError(MISSING) from error
    for name in NAMES:
        static.joinpath(name).write_bytes(MADE.joinpath(name).read_bytes())


def setup(app):
    app.add_css_file(NAMES[0], priority=100)
    app.connect("builder-inited", copy)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
