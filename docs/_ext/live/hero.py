"""The hero, ``{play} hero``: a trained network at work, and a still of it that stands there first.

The still is made from the numbers that the browser computes later: the network in 8 bits. So a page
on paper, without scripts or before they have come has the same view in the same place, and nothing
moves when the network takes over. hero.css has the sizes, docs/_web/widgets/hero.js fills the view.
"""

import base64
import struct
import zlib
from functools import cache
from html import escape
from itertools import groupby

import numpy as np

import widgets
from charseq import NumpyNet, Vocabulary, load_text
from charseq.reference import softmax

FILE = "austen-8bit.js"
STILL = "hero.svg"
# From the start of a line, as in the novel: else it takes itself to be in the middle of one.
TEXT = '\n\n"You dance very well," said she, "but are you rich?'
NAMED = {
    22: "speech",
    20: "place in the line",
    149: "since a pause",
    88: "capitalized word",
    29: "start of a word",
}
UNIT = 22  # that paints the text at first
BARS = 7
# In pixels, as in hero.css and docs/_web/ui/cloth.js. A row of the cloth is lower on a phone.
COLUMN, MARGIN, TEXT_ROW, NAMED_TOP, NAMED_ROW, CLOTH_TOP, FADE = 11, 4, 40, 46, 24, 174, 33
THREAD, SMALL_THREAD = 6, 5
SHOWN = 48, 32, 16  # threads: on a wide page, a narrow one and a phone
PLUS, MINUS, DARK = "#f2b91c", "#9d96f4", "#131416"  # 1, -1, and 0 on a dark page


def in_8_bits(matrix):
    """Return whole numbers from -127 to 127, and for each row the float16 that multiplies them."""
    factors = (np.abs(matrix).max(axis=1) / 127).astype("<f2")
    return np.rint(matrix / factors.astype(float)[:, None]).clip(-127, 127).astype("i1"), factors


@cache
def small_net():
    """Return the network in 8 bits: as NumPy reads it, its vocabulary, and its file.

    Each matrix has one factor a row. The biases, vectors, stay in float16.
    """
    options, chars, weights = widgets.read_net()
    in_full, in_file = {}, {}
    for name, array in weights.items():
        if array.ndim == 1:
            in_full[name], in_file[name] = array.astype(float), widgets.packed(array)
            continue
        whole, factors = in_8_bits(array.astype(float))
        in_full[name] = whole * factors.astype(float)[:, None]
        in_file[name] = widgets.packed(whole) | {"factors": widgets.packed(factors)["data"]}
    net, vocab = NumpyNet(options, in_full), Vocabulary(chars)
    file = {"options": options, "chars": chars, "weights": in_file, "text": TEXT}
    return net, vocab, file | {"units": order_of_rows(net, vocab)}


def order_of_rows(net, vocab):
    """Return all units: those with names, then the others, the slowest first."""
    _, states = net.read(vocab.encode(load_text("pride-test")[:2000]))
    change = np.abs(np.diff(states, axis=0)).mean(axis=0)
    return [*NAMED, *(int(unit) for unit in change.argsort() if unit not in NAMED)]


# --- the still ------------------------------------------------------------------------------------


def needs_black(value):
    """Say whether a letter is easier to read in black than in white on its cell of a dark page."""

    def channels(color):
        return np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)])

    share = min(1, abs(value))
    mixed = (1 - share) * channels(DARK) + share * channels(PLUS if value > 0 else MINUS)
    linear = np.where(mixed > 10, ((mixed / 255 + 0.055) / 1.055) ** 2.4, mixed / 255 / 12.92)
    return linear @ [0.2126, 0.7152, 0.0722] > 0.179  # where both have a contrast of 4.6


def png(levels):
    """Return an image of 16 shades of gray, from 0 to 15, as PNG in an address."""
    rows, columns = levels.shape
    # Two pixels a byte, and at the start of each line the number of its filter, 0.
    even = np.pad(levels.astype("u1"), ((0, 0), (0, columns % 2)))
    lines = np.pad(even[:, ::2] << 4 | even[:, 1::2], ((0, 0), (1, 0)))
    head = struct.pack(">IIBBBBB", columns, rows, 4, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    data = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + data).decode()


def draw_still():
    """Return the view as SVG. What is older than fits lies beyond its left edge."""
    net, vocab, file = small_net()
    _, states = net.read(vocab.encode(TEXT))
    wide = COLUMN * len(TEXT)

    def row_of(values, top, height, gap):
        size = f'y="{top}" width="{COLUMN - gap}" height="{height}"'
        return "".join(
            f'<rect class="{side}" x="{COLUMN * k}" {size} opacity="{abs(value):.2f}"/>'
            for k, (value, side) in enumerate(
                zip(values, np.where(values > 0, "p", "n"), strict=True)
            )
        )

    painted = ["i k" if needs_black(value) else "i" for value in states[:, UNIT]]
    below = "".join(
        f'<path class="{painted[k]}" opacity=".55" d="M{COLUMN * k} 1h{COLUMN}v2h-{COLUMN}z"/>'
        for k, value in enumerate(states[:, UNIT])
        if value < -0.1
    )
    named = "".join(
        row_of(states[:, unit], NAMED_TOP + NAMED_ROW * k, NAMED_ROW - 3, 1)
        for k, unit in enumerate(NAMED)
    )
    cloth = np.rint(15 * states[:, file["units"][len(NAMED) :][: SHOWN[0]]].T).astype(int)
    layers = "".join(
        f'<mask id="{side}m"><image href="{png((sign * cloth).clip(0, 15))}" width="{len(TEXT)}" '
        f'height="{len(cloth)}" preserveAspectRatio="none"/></mask>'
        f'<rect class="{side}" width="{len(TEXT)}" height="{len(cloth)}" mask="url(#{side}m)"/>'
        for side, sign in (("n", -1), ("p", 1))
    )
    put = f"translateY({CLOTH_TOP}px) scale({COLUMN}"
    letters = "".join(
        f'<tspan class="{kind}"{faint}>{escape(text)}</tspan>'
        for (kind, faint), run in groupby(
            zip(painted, TEXT, strict=True),
            key=lambda pair: (pair[0], ' fill-opacity=".55"' if pair[1] == "\n" else ""),
        )
        for text in ["".join(char for _, char in run).replace("\n", "↵")]
    )
    places = " ".join(str(COLUMN * k + COLUMN / 2) for k in range(len(TEXT)))
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="100%">
<style>
.n {{ fill: {MINUS}; }} .p {{ fill: {PLUS}; }} .i {{ fill: #000; }}
text {{
  font: 600 16px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  text-anchor: middle; white-space: pre;
}}
image {{ image-rendering: pixelated; }}
.c {{ transform: {put}, {THREAD}); }} .g {{ stroke: white; stroke-dasharray: 0 {THREAD - 1} 1 0; }}
@media (max-height: 300px) {{
  .c {{ transform: {put}, {SMALL_THREAD}); }} .g {{ stroke-dasharray: 0 {SMALL_THREAD - 1} 1 0; }}
}}
.f {{ fill: none; stroke: #000; stroke-width: 2; }} stop {{ stop-color: #fff; }}
@media (prefers-color-scheme: dark) {{
  .i {{ fill: #fff; }} .k {{ fill: #000; }}
  .f {{ stroke: #fff; }} .g {{ stroke: {DARK}; }} stop {{ stop-color: {DARK}; }}
}}
</style>
<svg x="100%" overflow="visible"><g transform="translate({-wide - MARGIN} 0)">
{row_of(states[:, UNIT], 0, TEXT_ROW, 0)}{below}
<text y="26" x="{places}">{letters}</text>
{named}
<g class="c">{layers}</g>
<path class="g" stroke-width="{wide}" d="M{wide / 2:g} {CLOTH_TOP}v{THREAD * SHOWN[0]}"/>
<rect class="f" y="{NAMED_TOP - 1}" width="{wide - 1}" height="{NAMED_ROW - 1}"/>
</g></svg>
<linearGradient id="fade"><stop/><stop offset="1" stop-opacity="0"/></linearGradient>
<rect width="{FADE}" height="100%" fill="url(#fade)"/></svg>
"""


def bars():
    """Return the likeliest next characters after the text, each with its probability."""
    net, vocab, _ = small_net()
    logits, _ = net.read(vocab.encode(TEXT))
    p = softmax(logits[-1])
    return [(vocab.chars[k], p[k]) for k in np.argsort(-p, kind="stable")[:BARS]]


def stage(up):
    """Return the view as HTML; `up` leads from the page to the site's first folder."""
    # What the label says follows the height of the view, so style sheets choose the number.
    shown = "".join(f'<span class="hero-{count}">{count}</span>' for count in SHOWN)
    names = "".join(
        f'<li class="hero-chosen">{name}</li>' if unit == UNIT else f"<li>{name}</li>"
        for unit, name in NAMED.items()
    )
    lines = "".join(
        f'<li><b>{escape(widgets.shown(char))}</b><i><u style="width:{100 * p:.1f}%"></u></i>'
        f"<span>{f'{100 * p:.0f}%' if p >= 0.005 else '&lt;1%'}</span></li>"
        for char, p in bars()
    )
    net, vocab, _ = small_net()
    held = f"{net.read(vocab.encode(TEXT))[1][-1, UNIT]:.2f}".replace("-", "−")
    sentence = f"After “{TEXT[-1]}”, unit {UNIT} ({NAMED[UNIT]}) holds {held}."
    others = net.hidden_size - len(NAMED)
    labels = ("Let it write", "Forget everything", "Silence this unit")  # they take their room
    buttons = "".join(f'<button type="button" disabled>{label}</button>' for label in labels)
    alt = (
        f"The text “{escape(TEXT.strip())}”. Below each letter is a column of {net.hidden_size} "
        f"cells, the state of the network after it: five high rows with names, and low ones below."
    )
    return f"""\
<div class="hero-stage" role="group" aria-label="A network at work">
<label>your text</label>
<div class="hero-view"><img src="{up}_static/{STILL}" alt="{alt}" width="587" height="462"></div>
<div class="hero-names">
<ol class="hero-rows" aria-label="Units: choose one to color the text by it">{names}
<li>{shown} of {others} others</li></ol><p>the calmest first</p>
<p class="hero-scale" aria-hidden="true"><i></i><span>−1</span><span>0</span><span>1</span></p>
</div>
<div class="hero-side"><p class="hero-head">What comes next?</p>
<ol class="hero-next" aria-label="What comes next?">{lines}</ol>
<div class="hero-buttons">{buttons}</div><p class="hero-says">{sentence}</p></div>
</div>
"""


def setup(app):
    widgets.STILLS["hero"] = stage
    widgets.FILES[STILL] = draw_still
    widgets.hand_over(FILE, lambda: small_net()[2])
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
