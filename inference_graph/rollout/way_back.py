"""Which revision to go back to: the newest one before this that is known to have worked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from inference_graph.errors import InvalidConfiguration
from inference_graph.rollout.helm_record import Revision

ROLLED_BACK = re.compile(r"Rollback to (\d+)")


@dataclass(frozen=True, slots=True)
class WayBack:
    """`passed_over`: why each newer revision was not taken."""

    target: Revision
    reason: str
    passed_over: tuple[str, ...]


def way_back(revisions: Sequence[Revision], chosen: int | None = None) -> WayBack:
    """`revisions` oldest first. Raises InvalidConfiguration where there is no way back."""
    if not revisions:
        raise InvalidConfiguration("Helm knows no such release in this namespace")
    current, earlier = revisions[-1], list(reversed(revisions[:-1]))
    if chosen is not None:
        found = next((revision for revision in earlier if revision.number == chosen), None)
        if found is None:
            kept = ", ".join(str(revision.number) for revision in reversed(earlier)) or "none"
            raise InvalidConfiguration(f"revision {chosen} of {current.release} is not kept; earlier ones are: {kept}")
        return WayBack(found, "as you chose", ())
    given_up = _given_up(revisions)
    unfit = {revision.number: _unfit(revision, current, given_up) for revision in earlier}
    fit = [revision for revision in earlier if unfit[revision.number] is None]
    proven = next((revision for revision in fit if revision.tested), None)
    target = proven or next(iter(fit), None)
    passed = tuple(
        f"revision {revision.number}: {unfit[revision.number] or 'no helm test was run on it'}"
        for revision in earlier
        if target is None or revision.number > target.number
    )
    if target is None:
        raise InvalidConfiguration(f"no earlier revision of {current.release} was healthy: {'; '.join(passed) or 'there is none'}")
    return WayBack(target, "helm test passed on it" if proven else "it was deployed; no helm test says more", passed)


def _unfit(revision: Revision, current: Revision, given_up: set[int]) -> str | None:
    if revision.status not in ("superseded", "deployed"):
        return f"{revision.status} ({revision.description})"
    if revision.tested is False:
        return "helm test failed on it"
    if revision.number in given_up:
        return "somebody rolled back from it"
    if revision.record["manifest"] == current.record["manifest"]:
        return "it is what runs now"
    return None


def _given_up(revisions: Sequence[Revision]) -> set[int]:
    """Those that a rollback left behind."""
    left: set[int] = set()
    for revision in revisions:
        if match := ROLLED_BACK.match(revision.description):
            left |= set(range(int(match[1]) + 1, revision.number))
    return left
