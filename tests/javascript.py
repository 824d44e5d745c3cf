"""The modules of docs/_web in tests: called in Deno, or bundled for a browser."""

import json
import os
import subprocess
from contextlib import contextmanager
from urllib.parse import quote

import deno

import bundles

WEB = bundles.WEB
# Answers each line of its input, {"code": an expression, "argument": …}, with a line of JSON. Where
# the expression is a function, its answer is what the function returns. Arrays come as lists.
DRIVER = """
const names = JSON.parse(Deno.args[0]);
const modules = await Promise.all(Object.values(names).map((address) => import(address)));
const plain = (_, value) => ArrayBuffer.isView(value) ? [...value] : value;
const answer = ({ code, argument }) => {
  const value = new Function(...Object.keys(names), `return (${code})`)(...modules);
  return { value: typeof value === "function" ? value(argument) : value };
};
let text = "";
for await (const piece of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  text += piece;
  for (let end; (end = text.indexOf("\\n")) >= 0; text = text.slice(end + 1)) {
    let said;
    try {
      said = answer(JSON.parse(text.slice(0, end)));
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
def calling(**files):
    """Return a function that calls JavaScript, in which these modules of docs/_web have names."""
    addresses = {name: (WEB / f"{file}.js").as_uri() for name, file in files.items()}
    driver = f"data:text/javascript,{quote(DRIVER)}"
    command = [deno.find_deno_bin(), "run", "--quiet", "--no-config", f"--allow-read={WEB}", driver]
    with subprocess.Popen(
        [*command, json.dumps(addresses)], env=os.environ | bundles.ENVIRONMENT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
    ) as process:  # fmt: skip

        def call(code, argument=None):
            process.stdin.write(json.dumps({"code": code, "argument": argument}) + "\n")
            process.stdin.flush()
            said = json.loads(process.stdout.readline())
            if "error" in said:
                raise JavaScriptError(said["error"])
            return said.get("value")

        yield call
        process.stdin.close()


def handed_over(path):
    """Return the data that a script of data holds."""
    return json.loads(path.read_text("utf-8").partition("{detail:")[2].removesuffix("}));\n"))
