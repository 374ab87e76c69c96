"""An explanation in words: of one item, and of the user and the candidates as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from inference_graph.cli.tables import ranks, score

HISTORY_SHOWN = 10
REMOVED_BY = {
    "seen": "the user has already interacted with it",
    "blocked": "it is blocked (`inference-graph unblock` lifts that)",
    "requested": "the request excludes it",
    "candidate_limit": "more candidates than the ranker takes were ahead of it",
}


def reasons(answer: Mapping[str, Any], item_id: str) -> Iterator[str]:
    """Why an item is shown, or not: one line a fact."""
    candidate = next((entry for entry in answer["candidates"] if entry["item_id"] == item_id), None)
    if candidate is None:
        yield f"{item_id} is not shown to user {answer['user_id']}: no source proposed it, or the catalogue does not know it."
        yield from _user_lines(answer)
        return
    yield f"{item_id} {_verdict(candidate, answer['items'])}"
    yield f"  proposed by: {ranks(candidate['sources'])}"
    if (filter_name := candidate["removed_by"]) is not None:
        yield f"  removed by:  {filter_name}: {REMOVED_BY.get(filter_name, 'a rule of graph.yaml')}"
    if candidate["ranker_score"] is not None:
        yield f"  ranker:      {score(candidate['ranker_score'])}"
    for name, factor in candidate["boosts"].items():
        yield f"  boost:       {name} x {factor:g}"
    if candidate["score"] is not None:
        yield f"  final score: {score(candidate['score'])}, {_place(answer, candidate)}"
    yield from _user_lines(answer)


def show_state(console: Console, answer: Mapping[str, Any]) -> None:
    for line in _user_lines(answer):
        console.print(line, markup=False, soft_wrap=True)


def show_candidates(console: Console, answer: Mapping[str, Any]) -> None:
    """How many each source proposed, and what became of all of them."""
    candidates = answer["candidates"]
    proposed = Counter(source for candidate in candidates for source in candidate["sources"])
    shown = Counter(source for item in answer["items"] for source in item["sources"])
    table = Table(box=None, header_style="bold", title=f"{len(candidates)} candidates", title_justify="left")
    for name in ("source", "proposed", "shown"):
        table.add_column(name, justify="left" if name == "source" else "right")
    for source, count in proposed.most_common():
        table.add_row(escape(source), str(count), str(shown[source]))
    console.print(table)
    for name, count in Counter(c["removed_by"] for c in candidates if c["removed_by"]).most_common():
        console.print(f"  {count} removed by {name}", markup=False)


def _verdict(candidate: Mapping[str, Any], shown: Sequence[Mapping[str, Any]]) -> str:
    worst_shown = min((item["score"] for item in shown), default=0.0)
    if candidate["position"] is not None:
        return f"is shown at position {candidate['position']} of {len(shown)}."
    if candidate["removed_by"] is not None:
        return "is not shown: it was removed before the ranking."
    if candidate["score"] is not None and candidate["score"] > worst_shown:
        return "is not shown: a rule of the selection (caps, diversity) passed it over."
    return "is not shown: others have higher scores."


def _place(answer: Mapping[str, Any], candidate: Mapping[str, Any]) -> str:
    scored = [entry["score"] for entry in answer["candidates"] if entry["score"] is not None]
    return f"{1 + sum(other > candidate['score'] for other in scored)}. of {len(scored)} ranked"


def _user_lines(answer: Mapping[str, Any]) -> Iterator[str]:
    state, history = answer["state"], answer["state"]["history"]
    yield f"user {answer['user_id']} is {answer['user']} and has {len(history)} interactions in the history that was used"
    for event in history[:HISTORY_SHOWN]:
        day = datetime.fromtimestamp(event["timestamp"], UTC).date().isoformat()
        yield f"  {day}  {event['item_id']}  value {score(event['value'])}"
    if len(history) > HISTORY_SHOWN:
        yield f"  ... and {len(history) - HISTORY_SHOWN} older ones"
    yield f"  most liked lately (seeds of similar_to_liked): {', '.join(answer['seeds']) or 'none'}"
    features = ", ".join(f"{name} {value:g}" for name, value in state["features"].items() if value is not None)
    yield f"  features: {features or 'none'}"
    if answer["degraded"]:
        yield f"  the answer did without: {', '.join(answer['degraded'])}"
