"""`inference-graph promote`: checks a model release against the live one, and makes it live by Helm or in a file of values."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import typer

from inference_graph.errors import InvalidConfiguration
from inference_graph.rollout.status_command import AsJson, Context, Namespace

CHART = "recommender"


def promote(
    model: Annotated[Literal["ranking", "retrieval"], typer.Argument(help="Which model.")],
    uri: Annotated[str, typer.Argument(help="The release folder: s3://, gs:// or pvc://, with one numbered version in it.")],
    release: Annotated[str, typer.Option("--release", "-r", help="The Helm release.")] = CHART,
    namespace: Namespace = None,
    context: Context = None,
    copy: Annotated[Path | None, typer.Option(exists=True, help="A folder with the same content, where URI cannot be read here.")] = None,
    live_copy: Annotated[Path | None, typer.Option(exists=True, help="The same for the live model (its card.json is enough).")] = None,
    metric: Annotated[str | None, typer.Option(help="The card's metric; by default ndcg@10 ranker, recall@100 retrieval.")] = None,
    tolerance: Annotated[float, typer.Option(min=0.0, help="By how much the metric may be lower than the live one's.")] = 0.0,
    any_metric: Annotated[bool, typer.Option("--any-metric", help="Also where the metric is worse or not known.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Make it live with helm upgrade, wait until it serves, run helm test.")] = False,
    values: Annotated[Path | None, typer.Option("--values", exists=True, dir_okay=False, help="Write it into this file instead.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long loading here, and the rollout, may take at most.")] = 600.0,
    as_json: AsJson = False,
) -> None:
    """Check a model release: one version, loads, warm-up, the live signature, an answer, the offline metric. Print the change of values.

    Without --apply or --values nothing is changed. It ends with 1 where the candidate is refused, and then nothing is changed either.

    Examples:

      inference-graph promote ranking s3://models/ranking/2026-11-24

      inference-graph promote ranking s3://models/ranking/2026-11-24 -n shop --apply

      inference-graph promote retrieval s3://models/retrieval/2026-11-24 --values gitops/recommender.yaml

      inference-graph promote ranking pvc://models/ranking/2026-11-24 --copy ./ranking --live-copy ./ranking-live
    """
    from inference_graph.rollout.applying import make_live
    from inference_graph.rollout.candidate import fetch
    from inference_graph.rollout.cluster import connect
    from inference_graph.rollout.promotion import METRICS, Question, findings
    from inference_graph.rollout.tables import show_findings
    from inference_graph.rollout.values_file import edit_values

    if apply and values is not None:
        raise InvalidConfiguration("--apply and --values: choose one; a file that a GitOps tool applies is applied by that tool")
    cluster = connect(context, namespace)
    question = Question(model, metric or METRICS[model], tolerance, any_metric, live_copy, seconds)
    with tempfile.TemporaryDirectory() as scratch:
        candidate = fetch(uri.rstrip("/"), copy, Path(scratch))
        found = list(findings(cluster, release, candidate, question))
    fit = all(finding.fine is not False for finding in found)
    change = f"{model}:\n  storageUri: {json.dumps(candidate.uri)}\n"
    done = "refused" if not fit else "checked"
    if not as_json:
        show_findings(cluster, found, f"{candidate.uri} for {model} of release {release} in namespace {cluster.namespace}")
        typer.echo(change if fit else "refused: nothing was changed")
    if fit and values is not None:
        edit_values(values, (model, "storageUri"), candidate.uri)
        done = f"written to {values}"
    if fit and apply:
        done = make_live(cluster, release, model, candidate, seconds)
    if as_json:
        result = {"fit": fit, "findings": [finding.as_json() for finding in found], "values": {model: {"storageUri": candidate.uri}}}
        typer.echo(json.dumps({**result, "done": done}))
    elif fit and done != "checked":
        typer.echo(done)
    if not fit:
        raise typer.Exit(1)
