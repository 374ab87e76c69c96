"""One answer to one question of a check: well, not well, or worth knowing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """`fine` None: not known, or a warning; it stops nothing."""

    subject: str
    fine: bool | None
    words: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
