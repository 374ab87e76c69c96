"""`inference-graph status`: what runs where in which version, whether it is healthy, and why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

Namespace = Annotated[str | None, typer.Option("--namespace", "-n", help="Namespace; by default the context's.")]
Context = Annotated[str | None, typer.Option(help="Context of the kubeconfig (KUBECONFIG); by default the current one.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def status(
    release: Annotated[str | None, typer.Argument(help="The release; by default every one in the namespace.", show_default=False)] = None,
    namespace: Namespace = None,
    context: Context = None,
    preflight: Annotated[bool, typer.Option("--preflight", help="Instead: whether the cluster has what an install needs.")] = False,
    values: Annotated[list[Path] | None, typer.Option("--values", "-f", help="With --preflight: the values you will install with.")] = None,
    as_json: AsJson = False,
) -> None:
    """What a release runs on the cluster, in which version, whether it is healthy, why not, and what differs from the release.

    Ends with 1 where something is not healthy, or where an install would lack something. It only reads.

    Examples:

      inference-graph status

      inference-graph status recommender -n shop

      inference-graph status --preflight -n shop -f my-values.yaml

      inference-graph status --json | jq '.releases[].problems'
    """
    # The client of Kubernetes takes a second to import.
    from inference_graph.rollout.cluster import connect
    from inference_graph.rollout.preflight import preflight as look
    from inference_graph.rollout.preflight_values import read_values
    from inference_graph.rollout.tables import show_findings, show_status

    if values and not preflight:
        raise typer.BadParameter("--values belongs to --preflight")
    cluster = connect(context, namespace)
    if preflight:
        findings = look(cluster, read_values(values or []))
        well = all(finding.fine is not False for finding in findings)
        if as_json:
            typer.echo(json.dumps({"ready": well, "findings": [finding.as_json() for finding in findings]}))
        else:
            show_findings(cluster, findings)
    else:
        from inference_graph.rollout.status import releases, status_of

        found = [status_of(cluster, name) for name in ([release] if release else releases(cluster))]
        well = bool(found) and all(one.healthy for one in found)
        if as_json:
            typer.echo(json.dumps({"releases": [one.as_json() for one in found]}))
        else:
            show_status(cluster, found)
    if not well:
        raise typer.Exit(1)
