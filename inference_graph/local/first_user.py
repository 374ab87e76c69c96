"""Whom to ask the first recommendation for: somebody with as long a history as the median user has."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow.parquet as parquet


def middling_user(interactions: Path) -> str:
    """The same user for the same data."""
    users = parquet.read_table(interactions, columns=["user_id"]).column("user_id")
    ordered = sorted((count, str(user_id)) for user_id, count in Counter(users.to_pylist()).items())
    return ordered[len(ordered) // 2][1]
