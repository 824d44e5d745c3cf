"""Bundle the scripts and styles: of ES modules in docs/_web, one classic script for each need.

A browser loads no module from a folder (file://), and the pages' policy admits only files of the
site. So each file in docs/_web/bundles becomes a file of the same name in _static/bundles, with all
that it imports, minified. What exercises.py and widgets.py add, a module made in the build enters.

The bundler is esbuild, which Deno brings. Deno fetches it once from the npm registry, as it does
MiniSearch for the search, and keeps both in the environment: `python bundles.py` does this, and
dev.py runs it when it makes .venv. From then on a build needs no network.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import deno
from sphinx.errors import ExtensionError

WEB = Path(__file__).parents[2] / "_web"
CONFIG = str(WEB.parents[1] / "deno.jsonc")  # says which release of MiniSearch
FOLDER = "bundles"  # in docs/_web, and in _static
ENVIRONMENT = {
    "DENO_DIR": str(Path(sys.prefix, "deno")),
    "DENO_NO_UPDATE_CHECK": "1",
    "NO_COLOR": "1",
}
FAILED = """\
Deno could not make the scripts of the site:
{}
If it lacks esbuild or MiniSearch: with a network, `python3 dev.py docs` fetches them once from the
npm registry.
Deno obeys NPM_CONFIG_REGISTRY, .npmrc and HTTPS_PROXY.\
"""


class BundleError(ExtensionError):
    """The bundler is missing, or a script has a mistake."""


def bundle(entries, target):
    """Write a classic script or a style sheet for each entry: {"page.js": source of a module}."""
    with tempfile.TemporaryDirectory() as folder:
        for name, source in entries.items():
            Path(folder, name).write_text(source, "utf-8")
        kind = ["--format", "iife", "--platform", "browser", "--minify", "--outdir", str(target)]
        run_deno("bundle", *kind, *sorted(entries), cwd=folder)


def run_deno(task, *arguments, data="", cwd=None):
    """Run Deno, hand it data, and return what it prints."""
    command = [deno.find_deno_bin(), task, "--quiet", "--config", CONFIG, "--no-lock", *arguments]
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | ENVIRONMENT, input=data,
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    if done.returncode:
        raise BundleError(FAILED.format(done.stderr.partition("\nStack ")[0].strip()))
    return done.stdout


def data_script(file, data):
    """Return a script that hands data to the script that loads it: see docs/_web/ui/load.js."""
    packed = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"dispatchEvent(new CustomEvent({json.dumps(file)},{{detail:{packed}}}));\n"


def write_data(app, file, data):
    """Write such a script into _static."""
    path = Path(app.outdir, "_static", file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data_script(file, data), "utf-8", newline="\n")


def write_bundles(app):
    """Write them before any page: a page names their checksums."""
    if app.builder.format == "html":
        names = (path.name for path in (WEB / FOLDER).iterdir())
        bundle({name: source_of(name) for name in names}, folder_in(app))
        for path in folder_in(app).glob("*-worker.js"):  # a page in a folder may start no file
            write_data(app, f"{FOLDER}/{path.name}", path.read_text("utf-8"))


def source_of(name):
    path = WEB / FOLDER / name
    return f'import "{path.as_uri()}";' if path.suffix == ".js" else path.read_text("utf-8")


def folder_in(app):
    return Path(app.outdir, "_static", FOLDER)


def setup(app):
    app.add_js_file(f"{FOLDER}/page.js", loading_method="defer")
    app.connect("builder-inited", write_bundles)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":  # fetch the bundler and MiniSearch
    with tempfile.TemporaryDirectory() as nowhere:
        try:
            bundle({"search.js": source_of("search.js")}, nowhere)
        except BundleError as error:
            sys.exit(str(error))
