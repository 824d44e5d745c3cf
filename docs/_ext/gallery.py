"""sphinx-gallery's loose ends: reading order, a clean start for each script, stable bytes."""

import random
import re
import sys
import zipfile
from pathlib import Path

import figures
import matplotlib
from sphinx_gallery import notebook

# The order in which examples are read; one that is not named here comes last in its part.
ORDER = (
    *("one_step", "unroll_hello", "parameter_shapes", "two_biases", "last_hidden"),
    *("encode_onehot", "train_seed", "clipping"),
    *("loss_floor", "context_needed", "add_head", "seed_distribution"),
    *("batch_scramble", "detach_graph", "baselines", "temperature", "embeddings"),
    *("scaling", "real_text"),
)


class ReadingOrder:
    """Sort key for scripts within a part."""

    def __init__(self, src_dir):
        pass

    def __call__(self, filename):
        stem = Path(filename).stem
        return (ORDER.index(stem) if stem in ORDER else len(ORDER), stem)


EQUATION = re.compile(r":eq:`([^`]+)`")
PAGE = re.compile(r":doc:`(?:/gallery/)?([^`]+)`")


def without_roles(to_markdown):
    """Say in words, in the notebooks, what only Sphinx can link."""

    def convert(text, *args):
        text = EQUATION.sub(r"equation ``\1`` of the site", text)
        return to_markdown(PAGE.sub(r"``\1``", text), *args)

    return convert


notebook.rst2md = without_roles(notebook.rst2md)


def start_afresh(gallery_conf, fname):
    """Leave no trace of the script before: each must run alone, just as readers run it."""
    import numpy as np

    matplotlib.rcdefaults()
    matplotlib.use("agg")
    matplotlib.rcParams.update(figures.RC)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the global state is what must not leak
    if torch := sys.modules.get("torch"):  # not imported for its sake
        torch.set_default_dtype(torch.float32)
        torch.manual_seed(67280421310721)  # the seed of a fresh interpreter


def drop_stale(gallery, stamp):
    """Forget sphinx-gallery's checksums unless they were written for this fingerprint."""
    written = gallery / "fingerprint.txt"
    if not written.exists() or written.read_text() != stamp:
        for path in gallery.rglob("*.md5"):
            path.unlink()
        gallery.mkdir(exist_ok=True)
        written.write_text(stamp)


def links_its_own_code(app, doctree):
    """sphinx-gallery links its own code; did codeautolink, too, each second build would warn."""
    docname = app.env.current_document.docname
    if docname.startswith("gallery/"):
        app.env.sphinx_codeautolink_transforms.pop(docname, None)


def steady_zips(app, exception):
    """sphinx-gallery zips each example together with the time of day."""
    for path in Path(app.outdir, "_downloads").rglob("*.zip"):
        with zipfile.ZipFile(path) as old:
            members = {name: old.read(name) for name in sorted(old.namelist())}
        with zipfile.ZipFile(path, "w") as new:
            for name, data in members.items():
                info = zipfile.ZipInfo(name)  # dated 1980
                info.external_attr = 0o644 << 16
                new.writestr(info, data)


def setup(app):
    app.connect("doctree-read", links_its_own_code, priority=495)  # right after codeautolink's 490
    app.connect("build-finished", steady_zips)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
