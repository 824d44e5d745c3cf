"""The modules of docs/_web in tests: called in Deno, or bundled for a browser."""

import json
import os
import subprocess
from contextlib import contextmanager
from urllib.parse import quote

import deno

import bundles

WEB = bundles.WEB
# In a page, `store` is what its widgets look at: define.js leaves it at the widget's element.
STORE = """Object.defineProperty(globalThis, "store", {
    get: () => [...document.querySelectorAll(".play-part")].find(({store}) => store)?.store,
})"""
# Answers each line of its input, {"code": an expression, "argument": …}, with a line of JSON. Where
# the expression is a function, its answer is what the function returns, once a promise is kept.
# Arrays come as lists.
DRIVER = """
const [helpers, ...files] = Deno.args;
const modules = await Promise.all(files.map((address) => import(address)));
const exported = modules.flatMap(Object.entries);
const [names, values] = [0, 1].map((k) => exported.map((pair) => pair[k]));
const plain = (_, value) => ArrayBuffer.isView(value) ? [...value] : value;
const answer = async ({ code, argument }) => {
  const value = new Function(...names, `"use strict"; ${helpers} return (${code})`)(...values);
  return { value: await (typeof value === "function" ? value(argument) : value) };
};
let text = "";
for await (const piece of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  text += piece;
  for (let end; (end = text.indexOf("\\n")) >= 0; text = text.slice(end + 1)) {
    let said;
    try {
      said = await answer(JSON.parse(text.slice(0, end)));
    } catch (error) {
      said = { error: String(error) };
    }
    console.log(JSON.stringify(said, plain));
  }
}
"""


class JavaScriptError(Exception):
    """What a function of JavaScript has thrown."""


@contextmanager
def calling(*files, helpers=""):
    """Return a function that calls JavaScript, which knows what these modules export."""
    driver = f"data:text/javascript,{quote(DRIVER)}"
    deno_run = [deno.find_deno_bin(), "run", "--quiet", "--config", bundles.CONFIG, "--no-lock"]
    with subprocess.Popen(
        [*deno_run, f"--allow-read={WEB}", driver, helpers, *(file.as_uri() for file in files)],
        env=os.environ | bundles.ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:

        def call(code, argument=None):
            process.stdin.write(json.dumps({"code": code, "argument": argument}) + "\n")
            process.stdin.flush()
            said = json.loads(process.stdout.readline())
            if "error" in said:
                raise JavaScriptError(said["error"])
            return said.get("value")

        yield call
        process.stdin.close()


def handed_over(script):
    """Return the data that a script of data holds."""
    return json.loads(script.partition("{detail:")[2].removesuffix("}));\n"))
