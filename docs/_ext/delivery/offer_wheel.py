"""Offer the package itself, so that a downloaded script runs anywhere.

The role ``{wheel}`text``` links to the wheel, whatever its version, from any page.
"""

from pathlib import Path

from docutils import nodes
from hatchling.builders.wheel import WheelBuilder
from sphinx.util.docutils import SphinxRole


class WheelRole(SphinxRole):
    def run(self):
        up = "../" * self.env.current_document.docname.count("/")
        target = f"{up}_static/{filename(self.config)}"
        return [nodes.reference(self.rawtext, self.text, refuri=target, internal=True)], []


def filename(config):
    return f"{config.project}-{config.version}-py3-none-any.whl"


def build(app, exception):
    if exception or app.builder.format != "html":
        return
    root, static = Path(app.confdir).parent, Path(app.outdir, "_static")
    (made,) = WheelBuilder(str(root)).build(directory=str(static), versions=["standard"])
    assert Path(made).name == filename(app.config), f"pages link to {filename(app.config)}"


def setup(app):
    app.add_role("wheel", WheelRole())
    app.connect("build-finished", build)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
