"""Arguments and options that several commands have."""

from typing import Annotated

import typer

MAX_LAYERS = 1000  # far more than anybody can train, and too few to fill the memory

RunFolder = Annotated[str, typer.Argument(help="A run folder, or austen.", show_default=False)]
Device = Annotated[
    str, typer.Option(help="Where to compute: cpu, cuda, cuda:1 and so on, mps, or auto.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Threads = Annotated[
    int | None,
    typer.Option(help="Threads; by default as many as pay.", min=1, show_default=False),
]
