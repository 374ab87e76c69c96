"""`inference-graph check`: is a graph.yaml right, before it is used?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from inference_graph.graph import load_graph


def check(
    graph_yaml: Annotated[Path, typer.Argument(help="the file to check")],
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> None:
    """Check a graph.yaml: its keys, kinds and bounds. Exits with 1 and names the key where it is wrong.

    Examples:

      inference-graph check .run/current/graph.yaml

      inference-graph check graph.yaml --json
    """
    config = load_graph(graph_yaml)
    surfaces = {name: [source.kind for source in surface.sources] for name, surface in config.surfaces.items()}
    if as_json:
        typer.echo(json.dumps({"version": config.version, "surfaces": surfaces}))
        return
    typer.echo(f"{graph_yaml}: a valid graph, version {config.version}")
    for name, sources in surfaces.items():
        typer.echo(f"  {name}: {', '.join(sources)}")
