"""The bundles: one classic script of several modules, the same each time, or one clear message."""

import pytest

import bundles

MODULES = {
    "used.js": """
        /** Said. */
        export const say = (x) => `${x} “${`in ${x}`}”`;
        export const no = "no";
    """,
    "entry.js": 'import { say } from "FOLDER/used.js";\n// Once.\nglobalThis.said = say("a");\n',
    "look.css": "/* Red. */\np {\n  color: red;\n}\n",
}


@pytest.fixture
def make(tmp_path):
    """Bundle these modules, and return what each entry has become."""

    def make(modules, *entries):
        for name, text in modules.items():
            (tmp_path / name).write_text(text.replace("FOLDER", tmp_path.as_uri()), "utf-8")
        texts = {name: (tmp_path / name).read_text("utf-8") for name in entries}
        bundles.bundle(texts, tmp_path / "out")
        return [(tmp_path / "out" / name).read_text("utf-8") for name in entries]

    return make


def test_a_bundle_is_one_classic_script_with_what_its_modules_use(make):
    script, style = make(MODULES, "entry.js", "look.css")
    assert script.startswith("(()=>{")
    assert script.endswith("})();\n")
    assert "globalThis.said=" in script
    assert not any(word in script for word in ("import", "export", "Said", "Once", '"no"'))
    assert style == "p{color:red}\n"


def test_a_mistake_in_a_module_is_named(make):
    with pytest.raises(bundles.BundleError, match=r"used\.js:1"):
        make(MODULES | {"used.js": "export const say = (;\n"}, "entry.js")
    with pytest.raises(bundles.BundleError, match="nowhere"):
        make({"entry.js": 'import "FOLDER/nowhere.js";\n'}, "entry.js")


def test_a_bundler_that_cannot_be_fetched_is_explained(make, monkeypatch, tmp_path):
    monkeypatch.setitem(bundles.ENVIRONMENT, "DENO_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9")  # nobody answers there
    with pytest.raises(bundles.BundleError) as failure:
        make(MODULES, "entry.js")
    said = str(failure.value)
    assert "Deno could not make" in said
    assert "127.0.0.1:9" in said
    assert "with a network" in said
    assert "Stack backtrace" not in said
