"""Figures: SVG everywhere, with an alternative text, in one file that suits light and dark.

Each has its size on the page, so that nothing moves when it loads.

What has the id ``appears-0``, ``appears-1``, … (an artist's ``set_gid``) appears one after the
other when the picture loads. It stays, so nothing has to be stopped, and a reader who wants less
motion sees all of it at once, as on paper.

An SVG in an ``<img>`` takes ``prefers-color-scheme`` from the page's ``color-scheme``, which
custom.css ties to the theme's switch. So a style sheet inside the file is enough to follow it.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util import logging

logger = logging.getLogger(__name__)

# charseq.plotting's colours and their partners on a dark page. Coloured cells and the text on them
# (plotting.CELL_INK) look the same on both, except in heat maps.
DARK = {
    "#1a1a1a": "#e6e6e6",  # ink
    "#0072b2": "#56b4e9",  # blue
    "#d55e00": "#ff8c42",  # orange
    "#009e73": "#3ddc97",  # green
    "#a2559c": "#e09fd9",  # purple
    "#767676": "#9a9a9a",  # grey
}
INK, *CURVES = DARK
# matplotlib draws text in black, which has no partner in DARK. INK has one.
RC = {
    "axes.prop_cycle": f"cycler('color', {CURVES})",
    "svg.hashsalt": "charseq",  # else ids are random, and no two builds alike
    "svg.fonttype": "path",  # looks the same whatever fonts the reader has
    "figure.facecolor": "none",  # the page shines through
    "axes.facecolor": "none",
    "legend.frameon": False,
    "figure.dpi": 100,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
}
RULES = "\n".join(
    f'[style*="{prop}: {light}"] {{ {prop}: {dark} !important }}'
    for light, dark in DARK.items()
    for prop in ("fill", "stroke")
)
# A white cell would glare on a dark page. So heat maps exchange light and dark, and so do the
# numbers on them, which are drawn later. A browser that cannot filter parts of an SVG does neither.
HEAT_MAPS = """g[id^="QuadMesh"] { filter: invert(1) hue-rotate(180deg) }
g[id^="QuadMesh"] ~ g[id="cell"] { filter: invert(1) }"""
STYLE = f"<style>@media (prefers-color-scheme: dark) {{\n{RULES}\n{HEAT_MAPS}\n}}</style>".encode()

LASTS = 4  # seconds from the first that appears to the last


def appearing(svg):
    """Return the rules by which parts of an SVG appear one after the other, or nothing."""
    steps = sorted({int(step) for step in re.findall(rb'id="appears-(\d+)"', svg)})
    if not steps:
        return b""
    delays = "".join(
        f"#appears-{step} {{ animation-delay: {LASTS * place / len(steps):.2f}s }}\n"
        for place, step in enumerate(steps)
    )
    return (
        "<style>@keyframes appear { from { opacity: 0 } }\n"
        "@media (prefers-reduced-motion: no-preference) {\n"
        f'[id^="appears-"] {{ animation: appear 0.1s both }}\n{delays}}}</style>'
    ).encode()


def scraper(block, block_vars, gallery_conf):
    """Save the open figures of a gallery block; ``fig.set_label("…")`` says what one shows."""
    import matplotlib.pyplot as plt

    rst = ""
    for number, path in zip(
        plt.get_fignums(), block_vars["image_path_iterator"], strict=False
    ):  # the iterator never ends
        figure = plt.figure(number)
        titles = [axes.get_title() for axes in figure.axes]
        alt = figure.get_label() or ", ".join(filter(None, [figure.get_suptitle(), *titles]))
        if not alt:
            raise ExtensionError(
                f"{block_vars['src_file']}: a figure without alternative text; "
                'say what it shows with fig.set_label("…")'
            )
        path = Path(path).with_suffix(".svg")
        figure.savefig(path, metadata={"Date": None})
        address = path.relative_to(gallery_conf["src_dir"]).as_posix()
        rst += (
            f"\n.. image:: /{address}\n"
            f"   :alt: {' '.join(alt.split())}\n"
            "   :class: sphx-glr-single-img\n\n"
        )
    plt.close("all")
    return rst


def add_sizes(app, doctree):
    """Give each SVG its width and height in CSS pixels, of which there are 4 in 3 points."""
    for image in doctree.findall(nodes.image):
        path = Path(app.srcdir, image["uri"])
        if path.suffix != ".svg" or "width" in image or not path.exists():
            continue
        head = path.read_bytes()[:2000]
        if box := re.search(rb'viewBox="0 0 ([\d.]+) ([\d.]+)"', head):
            width, height = (str(round(float(points) * 4 / 3)) for points in box.groups())
            image.update_all_atts({"width": width, "height": height})
        elif b"<svg" in head:  # the thumbnail of a failed example is a renamed PNG
            problem = f"{path.name} has no size: its viewBox is not as matplotlib 3.11 writes it"
            logger.warning("%s", problem, location=image, type="figure")


def add_dark(app, exception):
    if exception or app.builder.format != "html":
        return
    for path in Path(app.outdir, "_images").glob("*.svg"):
        old = path.read_bytes()  # not text: the thumbnail of a failed example is a renamed PNG
        if b"matplotlib" in old and STYLE not in old:
            moves = b"" if "_thumb." in path.name else appearing(old)
            path.write_bytes(old.replace(b"<defs>", STYLE + moves + b"<defs>", 1))


def setup(app):
    app.connect("doctree-read", add_sizes, priority=600)  # after Sphinx has resolved addresses
    app.connect("build-finished", add_dark)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
