"""Kubernetes's warnings of the last hour, by the object they are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inference_graph.rollout.cluster import Cluster, Forbidden, Object

LONGEST = 300


@dataclass(frozen=True, slots=True)
class Warnings:
    """The newest warning of each (kind, name) and reason; `refused` says why there are none to see."""

    newest: Mapping[tuple[str, str], tuple[Object, ...]]
    refused: str | None = None

    def about(self, kind: str, name: str, *reasons: str) -> str | None:
        """The newest warning (of one of these reasons, where given) in words."""
        for event in self.newest.get((kind, name), ()):
            if not reasons or event.get("reason") in reasons:
                return in_words(event)
        return None


def warnings(cluster: Cluster) -> Warnings:
    try:
        found = cluster.items(cluster.of_namespace("v1", "events"), fieldSelector="type=Warning")
    except Forbidden as error:
        return Warnings({}, f"events could not be read, so reasons may be missing: {error}")
    about: dict[tuple[str, str], list[Object]] = {}
    for event in sorted(found, key=_seen, reverse=True):
        involved = event.get("involvedObject") or {}
        about.setdefault((str(involved.get("kind")), str(involved.get("name"))), []).append(event)
    return Warnings({key: tuple(events) for key, events in about.items()})


def in_words(event: Object) -> str:
    times = int((event.get("series") or {}).get("count") or event.get("count") or 1)
    often = f" ({times} times)" if times > 1 else ""
    return f"{event.get('reason', 'Warning')}: {one_line(str(event.get('message', '')))}{often}"


def one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


def _seen(event: Object) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"), event["metadata"].get("creationTimestamp"))
    return next((str(time) for time in times if time), "")
