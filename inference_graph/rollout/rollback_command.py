"""`inference-graph rollback`: back to the last revision that worked."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from inference_graph.rollout.status_command import AsJson, Context, Namespace


def rollback(
    release: Annotated[str, typer.Argument(help="The Helm release.")] = "recommender",
    namespace: Namespace = None,
    context: Context = None,
    to: Annotated[int | None, typer.Option(help="This revision, whatever is known of it.", show_default=False)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which revision it would be, and why.")] = False,
    seconds: Annotated[float, typer.Option(min=1, help="How long until it is healthy, at most.")] = 600.0,
    as_json: AsJson = False,
) -> None:
    """Roll a release back with Helm to the last revision that was healthy, and wait until it is healthy again.

    That is the newest earlier revision on which `helm test` passed; where none was tested, the newest that was deployed and that
    nobody rolled back from. The pointer to the newest snapshot does not move: a rollback changes models, images, graph and values.

    Examples:

      inference-graph rollback

      inference-graph rollback recommender -n shop --dry-run

      inference-graph rollback recommender -n shop --to 3
    """
    from inference_graph.rollout.cluster import connect
    from inference_graph.rollout.helm import helm
    from inference_graph.rollout.helm_record import revisions
    from inference_graph.rollout.waiting import until_healthy
    from inference_graph.rollout.way_back import way_back

    cluster = connect(context, namespace)
    way = way_back(revisions(cluster, release), to)
    if not as_json:
        for line in way.passed_over:
            typer.echo(f"passed over {line}")
        typer.echo(f"revision {way.target.number} of {release} ({way.target.description}): {way.reason}")
    if not dry_run:
        helm(cluster, "rollback", release, str(way.target.number), "--timeout", f"{seconds:.0f}s")
        until_healthy(cluster, release, seconds)
    if as_json:
        result = {"revision": way.target.number, "reason": way.reason, "passed_over": list(way.passed_over), "done": not dry_run}
        typer.echo(json.dumps(result))
    elif not dry_run:
        typer.echo(f"{release} is healthy, as in revision {way.target.number}")
