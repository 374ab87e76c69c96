"""`inference-graph explain`: why a user gets what he gets, and why an item is, or is not, among it."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from inference_graph.cli.graph_client import AsJson, Url, ask
from inference_graph.cli.reasons import reasons, show_candidates, show_state
from inference_graph.cli.tables import show_answer, show_timings


def explain(
    user: Annotated[str, typer.Argument(help="User id.")],
    item: Annotated[str | None, typer.Argument(help="Item id: say about this one why it is shown, or not.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many items the answer has.")] = 10,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show everything that an answer was made of: the user's state, every candidate, who proposed and who removed it.

    Examples:

      inference-graph explain 1

      inference-graph explain 1 318

      inference-graph explain 1 --json
    """
    answer = ask(url, "explain", {"user_id": user, "limit": limit})
    if as_json:
        wanted = answer if item is None else _of_item(answer, item)
        typer.echo(json.dumps(wanted, ensure_ascii=False))
        return
    console = Console(highlight=False)
    if item is not None:
        for line in reasons(answer, item):
            console.print(line, markup=False, soft_wrap=True)
        return
    show_state(console, answer)
    show_answer(console, answer)
    show_candidates(console, answer)
    show_timings(console, answer["timings_ms"])


def _of_item(answer: dict[str, object], item: str) -> dict[str, object]:
    """The answer with that candidate alone; none where nobody proposed it."""
    candidates = answer["candidates"]
    assert isinstance(candidates, list)
    return {**answer, "candidates": [candidate for candidate in candidates if candidate["item_id"] == item]}
