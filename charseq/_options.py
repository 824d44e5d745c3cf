"""Arguments and options that several commands have, and help in groups."""

from typing import Annotated, Any

import typer
from typer.core import TyperCommand


def option(text: str, group: str, **more: Any) -> Any:
    """Make an option that help shows in a group, without a default that is chosen later."""
    return typer.Option(help=text, rich_help_panel=group, **more)


class InGroups(TyperCommand):
    """A command whose help shows options in groups, without the package rich."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each group, in the order of the options."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if record := param.get_help_record(ctx):
                kind = "Arguments" if param.param_type_name == "argument" else "Options"
                groups.setdefault(getattr(param, "rich_help_panel", None) or kind, []).append(
                    record
                )
        for group, records in groups.items():
            with formatter.section(group):
                formatter.write_dl(records)


RunFolder = Annotated[
    str, typer.Argument(help="A run folder, an exported file, or austen.", show_default=False)
]
Device = Annotated[
    str,
    option("Where to compute: cpu, cuda, cuda:1 and so on, mps, or auto.", "Where"),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print JSON, for scripts.", rich_help_panel="Where")
]
