"""How a user's events are kept in Redis: the keys, what identifies an event, the members and the stream's entries."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from inference_graph.features import tie_break
from inference_graph.types import Event, Events

HISTORY_KEPT = 500
IDENTITIES_KEPT = 10_000
OLDER_KEPT = 10_000
"""Items of interactions that have left the history: a user who has more is no person."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Every key begins with the prefix in braces: one hash slot, so that one script may touch them all."""

    prefix: str

    def history(self, user_id: str) -> str:
        return f"{{{self.prefix}}}:history:{user_id}"

    def identities(self, user_id: str) -> str:
        return f"{{{self.prefix}}}:identities:{user_id}"

    def older(self, user_id: str) -> str:
        """The set of items whose interactions have left the history, so that what was seen stays seen."""
        return f"{{{self.prefix}}}:older:{user_id}"

    def of_user(self, user_id: str) -> tuple[str, str, str]:
        return self.history(user_id), self.identities(user_id), self.older(user_id)

    @property
    def events(self) -> str:
        return f"{{{self.prefix}}}:events"

    @property
    def newest(self) -> str:
        return f"{{{self.prefix}}}:newest"

    @property
    def blocked(self) -> str:
        return f"{{{self.prefix}}}:blocked"

    @property
    def blocked_version(self) -> str:
        return f"{{{self.prefix}}}:blocked_version"


def identity_of(event: Event) -> str:
    """The same for an event that is sent again: by its event_id, or else by user, item, type and time."""
    parts: list[object] = [event.user_id, event.item_id, event.type, float(event.timestamp)]
    if event.event_id is not None:
        parts = [event.user_id, event.event_id]
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:16]


def history_member(event: Event, identity: str) -> bytes:
    """The member of the history's sorted set, whose score is the timestamp.

    It begins with features.tie_break, so that Redis has what happened in one second in the order of a history: it drops the oldest,
    and nobody sorts what is read. Four bytes of each digest are enough where the rest of the member tells two events apart.
    """
    tie = tie_break(event.user_id, event.item_id, event.timestamp)[:4].hex()
    return orjson.dumps([tie + identity[:8], event.item_id, event.type, event.value, float(event.timestamp)])


def stream_entry(event: Event, identity: str) -> bytes:
    """The value of the field `event` of one entry of the stream."""
    return orjson.dumps(
        {
            "user_id": event.user_id,
            "item_id": event.item_id,
            "type": event.type,
            "value": event.value,
            "timestamp": float(event.timestamp),
            "identity": identity,
            "request_id": event.request_id,
        }
    )


def read_history(members: Sequence[bytes]) -> Events:
    """From members in the order of ZREVRANGE, which is that of a history. Raises ValueError for a member of another shape."""
    entries = orjson.loads(b"[" + b",".join(members) + b"]")
    if not entries:
        return Events()
    # Checked column by column, because a history has hundreds of entries and every request reads one.
    if set(map(type, entries)) == {list} and set(map(len, entries)) == {len(_MEMBER)}:
        columns = tuple(zip(*entries, strict=True))
        if all(set(map(type, column)) <= allowed for column, allowed in zip(columns, _MEMBER, strict=True)):
            _, item_ids, types, values, timestamps = columns
            return Events(item_ids, types, values, tuple(map(float, timestamps)))
    wrong = next((entry for entry in entries if not _is_member(entry)), entries)
    raise ValueError(f"a history entry is not [order, item_id, type, value, timestamp]: {str(wrong)[:100]}")


def _is_member(entry: object) -> bool:
    if not isinstance(entry, list) or len(entry) != len(_MEMBER):
        return False
    return all(type(value) in allowed for value, allowed in zip(entry, _MEMBER, strict=True))


_MEMBER: tuple[set[type], ...] = ({str}, {str}, {str}, {int, float, type(None)}, {int, float})
"""The types of a member's values, in their order."""
