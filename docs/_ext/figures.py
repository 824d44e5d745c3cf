"""Figures: SVG everywhere, with an alternative text, in one file that suits light and dark.

An SVG in an ``<img>`` takes ``prefers-color-scheme`` from the page's ``color-scheme``, which
custom.css ties to the theme's switch. So a style sheet inside the file is enough to follow it.
"""

from pathlib import Path

from sphinx.errors import ExtensionError

# charseq.plotting's colours and their partners on a dark page. Nothing else changes: cells of heat
# maps and the text upon them (plotting.CELL_INK) look the same on both.
DARK = {
    "#1a1a1a": "#e6e6e6",  # ink
    "#0072b2": "#56b4e9",  # blue
    "#d55e00": "#ff8c42",  # orange
    "#009e73": "#3ddc97",  # green
    "#a2559c": "#e09fd9",  # purple
    "#767676": "#9a9a9a",  # grey
}
INK, *CURVES = DARK
# matplotlib's defaults are black, which says nothing about meaning; ours go through DARK.
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
STYLE = f"<style>@media (prefers-color-scheme: dark) {{\n{RULES}\n}}</style>".encode()


def scraper(block, block_vars, gallery_conf):
    """Save the open figures of a gallery block; ``fig.set_label("…")`` says what one shows."""
    import matplotlib.pyplot as plt
    from sphinx_gallery.scrapers import figure_rst

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
        rst += figure_rst([path], gallery_conf["src_dir"], alt, [{0: path}])
    plt.close("all")
    return rst


def add_dark(app, exception):
    if exception or app.builder.format != "html":
        return
    for path in Path(app.outdir, "_images").glob("*.svg"):
        old = path.read_bytes()  # not text: the thumbnail of a failed example is a renamed PNG
        if b"matplotlib" in old and STYLE not in old:
            path.write_bytes(old.replace(b"<defs>", STYLE + b"<defs>", 1))


def setup(app):
    app.connect("build-finished", add_dark)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
