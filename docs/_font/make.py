"""Cut the math font to what this site writes, and put it into docs/_static/math.css.

    python docs/_font/make.py /usr/share/texmf/fonts/opentype/public/lm-math/latinmodern-math.otf

The source is Latin Modern Math 1.959, from Debian's package fonts-lmodern. Needs fonttools[woff],
which the extra ``test`` brings. A formula whose character is not in the font fails
tests/site/test_site.py: add it below and run this again.

The font lies inside the style sheet, so that it is there when the text is laid out: a font in a
file of its own arrives late and shifts the page, and preloading it is refused on file://.
"""

import base64
import string
import sys
from io import BytesIO
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

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


def main(source):
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
    font.flavor = "woff2"
    font.recalcTimestamp = False  # the same bytes whenever it is made
    packed = BytesIO()
    font.save(packed)
    encoded = base64.b64encode(packed.getvalue()).decode()
    css = CSS.format(family=FAMILY, font=encoded)
    Path(__file__).parents[1].joinpath("_static", "math.css").write_text(css, "utf-8", newline="\n")
    print(f"{len(font.getGlyphOrder())} glyphs, {packed.tell()} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
