"""Cut the font of the text to the letters that English pages need, and put it into docs/_static.

    python docs/_font/text.py node_modules/@fontsource-variable/literata

The source is Literata in the npm package @fontsource-variable/literata 5.3.0, from a folder into
which npm has installed it. Needs fonttools[woff], which the extra ``test`` brings.

The font lies inside the style sheet, as that of the formulas does: it is there when the text is
laid out, so nothing shifts, also from a folder, where browsers refuse to load a font in advance.
"""

import base64
import sys
from io import BytesIO
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

STATIC = Path(__file__).parents[1] / "_static"
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


def face(source, style):
    """Return the rule of a style: upright in all weights from regular to bold, italic in one."""
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
    weight = "400 700" if upright else "400"
    data = base64.b64encode(packed.getvalue()).decode()
    return FACE.format(style=style, weight=weight, font=data)


def main(package):
    faces = [
        face(Path(package, "files", f"literata-latin-wght-{style}.woff2"), style)
        for style in ("normal", "italic")
    ]
    STATIC.joinpath("literata.css").write_text("".join(faces), "utf-8", newline="\n")
    STATIC.joinpath("literata-license.txt").write_bytes(Path(package, "LICENSE").read_bytes())


if __name__ == "__main__":
    main(sys.argv[1])
