"""`inference-graph block|unblock`: items that nobody is shown, in effect at the next request."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from typing import Annotated, Literal

import typer
from rich.console import Console

from inference_graph.workspace import Workspace, redis_url

Items = Annotated[list[str], typer.Argument(help="Item ids.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def block(items: Items, as_json: AsJson = False) -> None:
    """Show these items to nobody, on no surface, from now on.

    Examples:

      inference-graph block 318

      inference-graph block 318 50 --json
    """
    _show("blocked", items, asyncio.run(_change("block", items)), as_json)


def unblock(items: Items, as_json: AsJson = False) -> None:
    """Allow blocked items again.

    Examples:

      inference-graph unblock 318

      inference-graph unblock 318 50 --json
    """
    _show("unblocked", items, asyncio.run(_change("unblock", items)), as_json)


async def _change(how: Literal["block", "unblock"], items: Sequence[str]) -> int:
    from inference_graph.clients.redis_connection import open_redis
    from inference_graph.clients.user_events import UserEvents

    prefix = os.environ.get("REDIS_PREFIX") or Workspace.current().redis_prefix
    store = UserEvents(open_redis(redis_url(), timeout=3.0), prefix)
    try:
        return await (store.block(items) if how == "block" else store.unblock(items))
    finally:
        await store.close()


def _show(what: str, items: Sequence[str], changed: int, as_json: bool) -> None:
    known = len(set(items)) - changed
    if as_json:
        typer.echo(json.dumps({what: changed, "unchanged": known}))
        return
    console = Console(highlight=False)
    console.print(f"{changed} {'item' if changed == 1 else 'items'} {what}" + (f", {known} already were" if known else ""))
