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
from pathlib import Path
from string import Template

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
# In pixels, as in hero.svg, hero.css and docs/_web/ui/cloth.js.
COLUMN, MARGIN, TEXT_ROW, NAMED_TOP, NAMED_ROW = 11, 4, 40, 46, 24
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
        sides = np.where(values > 0, "p", "n")
        return "".join(
            f'<rect class="{side}" x="{COLUMN * k}" {size} opacity="{abs(value):.2f}"/>'
            for k, (value, side) in enumerate(zip(values, sides, strict=True))
        )

    ink = ["i k" if needs_black(value) else "i" for value in states[:, UNIT]]
    painted = row_of(states[:, UNIT], 0, TEXT_ROW, 0) + "".join(
        f'<path class="{ink[k]}" opacity=".55" d="M{COLUMN * k} 1h{COLUMN}v2h-{COLUMN}z"/>'
        for k, value in enumerate(states[:, UNIT])
        if value < -0.1
    )
    named = (
        row_of(states[:, unit], NAMED_TOP + NAMED_ROW * k, NAMED_ROW - 3, 1)
        for k, unit in enumerate(NAMED)
    )
    cloth = np.rint(15 * states[:, file["units"][len(NAMED) :][: SHOWN[0]]].T).astype(int)
    layers = (
        f'<mask id="{side}m"><image href="{png((sign * cloth).clip(0, 15))}" width="{len(TEXT)}" '
        f'height="{len(cloth)}" preserveAspectRatio="none"/></mask>'
        f'<rect class="{side}" width="{len(TEXT)}" height="{len(cloth)}" mask="url(#{side}m)"/>'
        for side, sign in (("n", -1), ("p", 1))
    )
    letters = (
        f'<tspan class="{kind}"{faint}>{escape("".join(char for _, char in run))}</tspan>'
        for (kind, faint), run in groupby(
            zip(ink, TEXT.replace("\n", "↵"), strict=True),
            key=lambda pair: (pair[0], ' fill-opacity=".55"' if pair[1] == "↵" else ""),
        )
    )
    return template("hero.svg").substitute(
        left=-wide - MARGIN,
        wide=wide,
        inner=wide - 1,
        middle=f"{wide / 2:g}",
        places=" ".join(str(COLUMN * k + COLUMN / 2) for k in range(len(TEXT))),
        painted=painted,
        letters="".join(letters),
        named="".join(named),
        cloth="".join(layers),
    )


def template(name):
    return Template(Path(__file__).with_name(name).read_text("utf-8"))


def stage(up):
    """Return the view as HTML; `up` leads from the page to the site's first folder."""
    net, vocab, _ = small_net()
    logits, states = net.read(vocab.encode(TEXT))
    p = softmax(logits[-1])
    bars = (
        f'<li><b>{escape(widgets.shown(vocab.chars[k]))}</b><i><u style="width:{100 * p[k]:.1f}%">'
        f"</u></i><span>{f'{100 * p[k]:.0f}%' if p[k] >= 0.005 else '&lt;1%'}</span></li>"
        for k in np.argsort(-p, kind="stable")[:BARS]
    )
    rows = (
        f'<li class="hero-chosen">{name}</li>' if unit == UNIT else f"<li>{name}</li>"
        for unit, name in NAMED.items()
    )
    held = f"{states[-1, UNIT]:.2f}".replace("-", "−")
    return template("hero.html").substitute(
        up=up,
        text=escape(TEXT.strip()),
        hidden=net.hidden_size,
        others=net.hidden_size - len(NAMED),
        rows="".join(rows),
        bars="".join(bars),
        sentence=f"After “{TEXT[-1]}”, unit {UNIT} ({NAMED[UNIT]}) holds {held}.",
    )


def setup(app):
    widgets.STILLS["hero"] = stage
    widgets.FILES[STILL] = draw_still
    widgets.hand_over(FILE, lambda: small_net()[2])
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
