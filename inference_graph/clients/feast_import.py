"""What importing Feast does besides, and what of it is left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import prometheus_client  # noqa: F401  # Feast's import would switch it to files that several processes share
import typeguard

_MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def import_of_feast() -> Iterator[None]:
    """Leaves the environment as it was, and Feast's classes as they are written.

    Feast lets typeguard rewrite them so that calls check their arguments, which takes two thirds of its import; mypy checks ours.
    """
    before, checked = os.environ.get(_MULTIPROCESS), typeguard.typechecked
    typeguard.typechecked = cast(Any, _unchanged)
    try:
        yield
    finally:
        typeguard.typechecked = checked
        if before is None:
            os.environ.pop(_MULTIPROCESS, None)


def _unchanged(target: Callable[..., Any] | None = None, **options: object) -> Callable[..., Any]:
    """In place of a decorator that is used bare and with options."""
    return (lambda decorated: decorated) if target is None else target
