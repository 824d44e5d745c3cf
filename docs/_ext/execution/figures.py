"""Figures: SVG everywhere, with an alternative text, in one file that suits light and dark.

Each has its size on the page, so that nothing moves when it loads, and it is as wide as the text:
drawn 5.6 inches wide, where its words have room, and shown a quarter larger, so that words of 10
points have 16 pixels. Words are text, in the sans of whoever reads them; formulas are paths.

What has the id ``appears-0``, ``appears-1``, … (an artist's ``set_gid``) appears one after the
other when the picture loads. It stays, so nothing has to be stopped, and a reader who wants less
motion sees all of it at once, as on paper.

An SVG in an ``<img>`` takes ``prefers-color-scheme`` from the page's ``color-scheme``, which
custom.css ties to the theme's switch. So a style sheet inside the file is enough to follow it.
"""

import re
from functools import wraps
from pathlib import Path

from docutils import nodes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG, RendererSVG
from sphinx.errors import ExtensionError
from sphinx.util import logging

logger = logging.getLogger(__name__)

# charseq.plotting's colors and their partners on a dark page. Colored cells and the text on them
# (plotting.CELL_INK) look the same on both, except in heat maps, where the text turns white and
# both signs are equally light. custom.css has the same roles.
DARK = {
    "#1a1a1a": "#e6e6e6",  # ink
    "#0072b2": "#56b4e9",  # blue: memory
    "#d55e00": "#ff8c42",  # orange: input
    "#009e73": "#3ddc97",  # green: output
    "#a2559c": "#e09fd9",  # violet: blame
    "#767676": "#9a9a9a",  # gray
    "#8a6400": "#f0c94e",  # gold: positive
    "#5a50c8": "#aaa4ff",  # indigo: negative
    "#c01530": "#ff8a95",  # red, and a frame: wrong
    "#f2b91c": "#8a7006",  # cells of heat maps: positive
    "#9d96f4": "#6a61d6",  # and negative
}
INK, GRAY = "#1a1a1a", "#767676"
# matplotlib draws text in black, which has no partner in DARK. INK has one.
RC = {
    "axes.prop_cycle": f"cycler('color', {[INK, GRAY]})",
    "svg.hashsalt": "charseq",  # else ids are random, and no two builds alike
    "svg.fonttype": "none",  # text is text: see write_words
    "lines.linewidth": 2,
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
# The lines between the cells of a heat map are of the page, and what is on them is drawn later.
HEAT_MAPS = """g[id^="QuadMesh"] path[style*="stroke: #"] { stroke: #131416 !important }
g[id^="QuadMesh"] ~ g[id="cell"] { filter: brightness(0) invert(1) }"""
FONTS = (
    "text { white-space: pre }\n"  # a label may begin with spaces, which keep it off its dot
    'text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif !important }\n'
    'text[style*="Mono"] { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", '
    'monospace !important }\ng[id^="QuadMesh"] { shape-rendering: crispEdges }'
)
STYLE = (
    f"<style>{FONTS}\n@media (prefers-color-scheme: dark) {{\n{RULES}\n{HEAT_MAPS}\n}}</style>"
).encode()
DRAWN, SHOWN = 5.6, 672  # inches; pixels, 42rem, as wide as the text
TALLEST = 760  # pixels, so that a large screen shows all of it

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


class FigureCanvas(FigureCanvasAgg):
    """What the examples draw on: figures.py is their backend, and the page their window."""


def show(block=None):
    """Do nothing, since `scraper` takes what is drawn."""


write_text, print_svg = RendererSVG._draw_text_as_text, FigureCanvasSVG.print_svg


def write_words(renderer, gc, x, y, s, prop, angle, ismath, mtext=None):
    """Write a text as text, with its words before it as for paths, but a formula as paths."""
    if ismath:
        renderer._draw_text_as_path(gc, x, y, s, prop, angle, ismath, mtext)
    else:
        renderer.writer.comment(s)
        write_text(renderer, gc, x, y, s, prop, angle, ismath, mtext)


@wraps(print_svg)  # matplotlib asks for its signature
def print_large(canvas, *arguments, **options):
    """Draw a figure as wide as the others."""
    figure = canvas.figure
    width, height = size = tuple(figure.get_size_inches())
    figure.set_size_inches(DRAWN, height * DRAWN / width)
    try:
        print_svg(canvas, *arguments, **options)
    finally:
        figure.set_size_inches(size)


RendererSVG._draw_text_as_text = write_words
FigureCanvasSVG.print_svg = print_large


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
        width, height = size = tuple(figure.get_size_inches())
        # before it is drawn: matplotlib lays a figure out once, for the size that it has then
        figure.set_size_inches(DRAWN, height * DRAWN / width)
        figure.savefig(path, metadata={"Date": None})
        figure.set_size_inches(size)
        # The size that its script gives it is right for a thumbnail: see workers.py.
        print_svg(FigureCanvasSVG(figure), path.with_suffix(".small"), metadata={"Date": None})
        address = path.relative_to(gallery_conf["src_dir"]).as_posix()
        rst += (
            f"\n.. image:: /{address}\n"
            f"   :alt: {' '.join(alt.split())}\n"
            "   :class: sphx-glr-single-img\n\n"
        )
    plt.close("all")
    return rst


def add_sizes(app, doctree):
    """Give each SVG of matplotlib the width of the text, and its height."""
    for image in doctree.findall(nodes.image):
        path = Path(app.srcdir, image["uri"])
        if path.suffix != ".svg" or "width" in image or not path.exists():
            continue
        head = path.read_bytes()[:2000]
        if box := re.search(rb'viewBox="0 0 ([\d.]+) ([\d.]+)"', head):
            width, height = map(float, box.groups())
            scale = min(SHOWN / width, TALLEST / height)
            image["width"], image["height"] = (str(round(scale * side)) for side in (width, height))
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
