"""What the user of the command is told about a wrong command, option or value."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from itertools import takewhile
from typing import Any

from typer.core import TyperGroup

__all__: list[str] = []  # only the command uses it

MAY_BE_EMPTY = ("--prompt", "--stop")  # they say themselves what an empty one would mean
KINDS = {"integer": "a whole number such as 5", "number": "a number such as 0.01"}
# Options and arguments, and what other programs call them.
OTHER_NAMES = {
    "--steps": "epochs epoch num-epochs max-epochs iterations iters max-iters updates",
    "--batch-size": "bs",
    "--hidden": "rnn-size",
    "--cell": "model rnn-type",
    "--length": "seq-len seq-length sequence-length bptt",
    "--seed": "random-seed random-state",
    "--valid": "val-split validation-split",
    "--device": "gpu cuda",
    "--precision": "amp fp16 bf16 dtype",
    "--clip-norm": "grad-clip max-grad-norm",
    "--patience": "early-stopping",
    "--init-from": "pretrained fine-tune",
    "--out": "save-dir output-dir",
    "--prompt": "prime start",
    "--streams": "num-samples",
    "--text": "data dataset corpus file input",
    "layer": "cell model rnn-type",
    "run": "model checkpoint",
    "text": "data dataset corpus file input",
}


class Commands(TyperGroup):
    """The commands. An error of usage quotes what was given, and says what was expected."""

    given: list[str]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep what was given, and refuse an argument that is empty."""
        self.given = [*args]
        for before, argument in zip(["", *args], args, strict=False):
            option, is_sign, value = argument.partition("=")
            if argument == "" or (is_sign and not value and option.startswith("--")):
                option = option or before
                if option not in MAY_BE_EMPTY:
                    name = option if option.startswith("--") else "an argument"
                    if command := self.commands.get(args[0]):
                        ctx = type(ctx)(command, ctx, args[0])  # its usage is shown
                    ctx.fail(
                        f"{name} is empty; if you gave a variable of the shell, it is unset or "
                        "empty"
                    )
        with self._explained():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with self._explained():
            return super().invoke(ctx)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Let an error of usage say more than typer knows of it."""
        try:
            yield
        except Exception as error:
            command = getattr(getattr(error, "ctx", None), "command", None)
            if command is None and self.given:
                command = self.commands.get(self.given[0])
            if hasattr(error, "show") and (sentence := self._explain(error, command or self)):
                error.format_message = lambda: sentence  # type: ignore[attr-defined]
            raise

    def _explain(self, error: Any, command: Any) -> str:
        """Return a sentence about an error of usage; nothing if its own message is clear."""
        kind, message = type(error).__name__, str(error.message)
        if kind == "NoSuchOption":
            return self._explain_option(error.option_name, command)
        if kind == "BadOptionUsage" and "requires an argument" in message:
            return f"{error.option_name} needs a value: {_expected(command, error.option_name)}"
        if message.startswith("No such command"):
            name = self.given[0]
            close = _one_of(get_close_matches(name.lower(), self.commands, 2))
            close = close or f"; the commands are {', '.join(self.commands)}"
            return f"there is no command {name!r}{close}"
        if extra := re.match(r"Got unexpected extra arguments? *\(?s?\)? \((.*)\)", message):
            sentence = f"too many arguments, {extra[1]!r}: a value with spaces needs quotes"
            is_prompt = command.name == "sample"
            return sentence + ", and a text to continue comes after --prompt" * is_prompt
        parameter = getattr(error, "param", None)
        if parameter is None:
            return ""
        name = parameter.opts[0]
        if kind == "MissingParameter":
            return f"{name} is missing: expected {_expected(command, name)}"
        return f"{name} {self._limit(message)}{self._got(parameter, command)}"

    def _limit(self, message: str) -> str:
        """Say what a value must be."""
        for kind, sentence in KINDS.items():
            if f"valid {kind}" in message:
                return f"must be {sentence}"
        return message.replace("Input should be", "must be")

    def _got(self, parameter: Any, command: Any) -> str:
        """Quote the value that was given to a parameter, if it is clear which one that was."""
        for argument, after in zip(self.given, [*self.given[1:], ""], strict=True):
            option, is_sign, value = argument.partition("=")
            if option in parameter.opts and option.startswith("-"):
                return f", got {(value if is_sign else after)!r}"
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        values = takewhile(lambda value: not value.startswith("-"), self.given[1:])
        for argument, value in zip(arguments, values, strict=False):
            if argument is parameter:
                return f", got {value!r}"
        return ""

    def _explain_option(self, name: str, command: Any) -> str:
        """Say that a command has no such option, and which one may have been meant."""
        for argument in self.given:  # such as -hidden, of which typer reads the first letter
            if re.match("-[a-z]{2}", argument) and argument.startswith(name):
                name = argument.partition("=")[0]
        options = _options_of(command)
        word = name.lstrip("-").replace("_", "-").lower()
        close = [option for option in options if option.startswith(f"--{word}")]
        if word == "h":
            close = ["--help"]
        close = close or get_close_matches(f"--{word}", options, 2, 0.75)
        words = word.replace("-", " ")  # such as "learning rate"
        close = close or [o for o, about in options.items() if words in about and len(words) > 3]
        others = [other for other, c in self.commands.items() if name in _options_of(c)]
        if others and command is self:
            return f"{name} belongs behind the command, as in charseq {others[0]} ... {name}"
        where = "charseq" if command is self else f"charseq {command.name}"
        if sentence := _called_elsewhere(command, word):
            close_to = sentence
        elif others and not close:
            has = "has" if len(others) == 1 else "have"
            close_to = f", only charseq {' and charseq '.join(others)} {has}"
        else:
            close_to = _one_of(close[:3])
        return f"{where} has no option {name}{close_to}"


def _options_of(command: Any) -> dict[str, str]:
    """Map each option of a command to what its help says."""
    options = {
        option: (getattr(parameter, "help", "") or "").lower()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--")
    }
    return {**options, "--help": "show this message and exit."}


def _called_elsewhere(command: Any, word: str) -> str:
    """Say which option other programs call so, or that it is an argument, which needs none."""
    arguments = [p.name for p in command.params if p.param_type_name == "argument"]
    for name in (*_options_of(command), *arguments):
        names = (name.replace("_", "-"), *OTHER_NAMES.get(name, "").split())
        if word in names and name in arguments:
            places = " ".join(arguments).upper()
            return f"; give {name.upper()} without an option: charseq {command.name} {places}"
        if word in names:
            return f"; did you mean {name} ({_expected(command, name)})?"
    return ""


def _expected(command: Any, name: str) -> str:
    """Return what the help says of an option or an argument, to end a sentence."""
    for parameter in command.params:
        if name in parameter.opts:
            about = (getattr(parameter, "help", "") or "").rstrip(".")
            return about[:1].lower() + about[1:]
    return "a value"


def _one_of(names: list[str]) -> str:
    return f"; did you mean {' or '.join(names)}?" if names else ""
