"""`inference-graph bench`: rates and the comparison; its subcommands are capacity and overload."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inference_graph.errors import InvalidConfiguration

app = typer.Typer(invoke_without_command=True)

Users = Annotated[int, typer.Option(min=2, help="How many different users ask.")]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the figures to this file.")]


@app.callback()
def bench(context: typer.Context, users: Users = 500, json: Json = None) -> None:
    """Measure the running graph."""
    if context.invoked_subcommand is not None:
        return
    raise InvalidConfiguration("bench: not there yet")
