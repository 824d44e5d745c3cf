"""Cut the fonts of text and of formulas to what this site writes, and put them into docs/_static.

    python docs/_font/make.py text node_modules/@fontsource-variable/literata
    python docs/_font/make.py math latinmodern-math.otf

The text's is Literata in the npm package @fontsource-variable/literata 5.3.0, from a folder into
which npm has installed it. That of formulas is Latin Modern Math 1.959, which Debian's package
fonts-lmodern puts into /usr/share/texmf/fonts/opentype/public/lm-math; a formula whose character is
not in the font fails tests/site/test_site.py: add it below and run this again. Needs
fonttools[woff], which the extra ``test`` brings.

Each font lies inside its style sheet, so that it is there when the text is laid out: a font in a
file of its own arrives late and shifts the page, and preloading it is refused on file://.
"""

import base64
import string
import sys
from io import BytesIO
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

STATIC = Path(__file__).parents[1] / "_static"


def packed(font):
    """Return a font as WOFF2 in base64."""
    font.flavor = "woff2"
    font.recalcTimestamp = False  # the same bytes whenever it is made
    file = BytesIO()
    font.save(file)
    return base64.b64encode(file.getvalue()).decode()


# --- of the text ----------------------------------------------------------------------------------

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
    weight = "400 700" if upright else "400"
    return FACE.format(style=style, weight=weight, font=packed(font))


def make_text(package):
    faces = [
        face(Path(package, "files", f"literata-latin-wght-{style}.woff2"), style)
        for style in ("normal", "italic")
    ]
    STATIC.joinpath("literata.css").write_text("".join(faces), "utf-8", newline="\n")
    STATIC.joinpath("literata-license.txt").write_bytes(Path(package, "LICENSE").read_bytes())


# --- of formulas ----------------------------------------------------------------------------------

# The license asks that a changed font has another name.
FAMILY = "Charseq Math"
UPRIGHT = string.ascii_lowercase + string.digits + "ΔΣ"  # of tanh, softmax and their kind
ITALIC = "".join(map(chr, [*range(0x1D434, 0x1D468), 0x210E]))  # h has a place of its own
GREEK = "𝛼𝛽𝛾𝛿𝜀𝜂𝜃𝜅𝜆𝜇𝜈𝜉𝜋𝜌𝜎𝜏𝜑𝜒𝜓𝜔𝜖𝜙"
SPECIAL = "ℝ𝔼ℒ𝒩𝟏ℓ"
SIGNS = " \xa0!%*+,-./:;<=>?|~·×÷±−∘⊙⋅∂∇∞∈∀≈≡≠≤≥≪≫∼∝→←↦⇒∣…⋯⋮⋱′ˆ˜¯^_˙⊤"
TALL = "()[]{}|‖⌊⌋⌈⌉⟨⟩√∑∏∫⏟"  # these alone come in more than one size
SIZES = 3  # beyond, they are put together from pieces

CSS = """\
/* Math: MathML in a subset of Latin Modern Math, renamed; see docs/_font for license and recipe. */
@font-face {{
  font-family: "{family}";
  src: url(data:font/woff2;base64,{font}) format("woff2");
}}
math {{
  font-family: "{family}", math;
  font-size: 1.1em;
}}
/* Words within a formula are the page's. */
mtext {{
  font-family: var(--font-stack);
  font-size: 0.91em;
}}
"""


def keep_sizes(variants, direction, tall):
    """Drop the taller and wider forms of glyphs that need none."""
    coverage = getattr(variants, f"{direction}GlyphCoverage")
    constructions = getattr(variants, f"{direction}GlyphConstruction")
    kept = [
        (name, one)
        for name, one in zip(coverage.glyphs, constructions, strict=True)
        if name in tall
    ]
    for _, construction in kept:
        del construction.MathGlyphVariantRecord[SIZES:]
    coverage.glyphs = [name for name, _ in kept]
    setattr(variants, f"{direction}GlyphConstruction", [one for _, one in kept])
    setattr(variants, f"{direction}GlyphCount", len(kept))


def make_math(source):
    font = TTFont(source)
    tall = {font.getBestCmap()[ord(char)] for char in TALL}
    variants = font["MATH"].table.MathVariants
    keep_sizes(variants, "Vert", tall)
    keep_sizes(variants, "Horiz", tall)
    options = Options(layout_features=[], name_IDs=[0, 1, 13], flavor="woff2")
    options.bidi_closure = False  # no mirrored signs
    options.hinting, options.desubroutinize = False, True  # smaller, once compressed
    options.drop_tables += ["FFTM", "GPOS", "GSUB", "GDEF"]
    subsetter = Subsetter(options)
    subsetter.populate(text=UPRIGHT + ITALIC + GREEK + SPECIAL + SIGNS + TALL)
    subsetter.subset(font)
    for record in font["name"].names:
        if record.nameID == 1:
            record.string = FAMILY
    cff = font["CFF "].cff
    cff.fontNames = [FAMILY.replace(" ", "")]
    cff[0].FullName = cff[0].FamilyName = FAMILY
    css = CSS.format(family=FAMILY, font=packed(font))
    STATIC.joinpath("math.css").write_text(css, "utf-8", newline="\n")
    print(f"{len(font.getGlyphOrder())} glyphs, {len(css)} bytes")


if __name__ == "__main__":
    {"text": make_text, "math": make_math}[sys.argv[1]](sys.argv[2])
