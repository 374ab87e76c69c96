"""`inference-graph recommend`: what a user would be shown now."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from inference_graph.cli.graph_client import AsJson, Url, ask
from inference_graph.cli.tables import show_answer, show_timings


def recommend(
    user: Annotated[str | None, typer.Argument(help="User id; an anonymous visitor where it is left out.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many items.")] = 10,
    timings: Annotated[bool, typer.Option("--timings", help="Also show what each stage took.")] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Ask the running graph for recommendations: items, scores, and which source proposed each at which rank.

    Examples:

      inference-graph recommend 1

      inference-graph recommend 1 --limit 20 --json

      inference-graph recommend --url http://127.0.0.1:8090
    """
    answer = ask(url, "explain" if timings else "predict", {"user_id": user, "limit": limit})
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))
        return
    console = Console(highlight=False)
    show_answer(console, answer)
    if timings:
        show_timings(console, answer["timings_ms"])
