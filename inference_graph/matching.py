"""Which items meet a condition on categories and columns: one meaning for requests, rules and boosts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from inference_graph.catalogue import Catalogue
from inference_graph.types import CategoryFilter, Column, ColumnFilter, Mask, Rows


def matches(
    catalogue: Catalogue,
    rows: Rows,
    categories: CategoryFilter,
    columns: Mapping[str, ColumnFilter],
    fresh: Mapping[str, Column] | None = None,
) -> Mask:
    """True for each row that meets every part of the condition; an unknown value meets no bound.

    `fresh` holds columns read for this request, [len(rows)], which go before the catalogue's.
    """
    kept = np.ones(len(rows), np.bool_)
    if categories.any:
        kept &= catalogue.has_category(rows, categories.any)
    if categories.none:
        kept &= ~catalogue.has_category(rows, categories.none)
    for name, condition in columns.items():
        if fresh is not None and name in fresh:
            kept &= _meets(fresh[name], condition)
        elif name in catalogue.attributes:
            attribute = catalogue.attributes[name]
            values = attribute.values[rows]
            kept &= _meets(values, condition) if attribute.words is None else _is_word(values, attribute.words, condition)
        else:
            kept[:] = False
    return kept


def _meets(values: Column, condition: ColumnFilter) -> Mask:
    kept = np.ones(len(values), np.bool_)
    if condition.minimum is not None:
        kept &= values >= condition.minimum
    if condition.maximum is not None:
        kept &= values <= condition.maximum
    if condition.one_of:
        kept &= np.isin(values, condition.one_of)
    return kept


def _is_word(codes: NDArray[np.int32], words: tuple[str, ...], condition: ColumnFilter) -> Mask:
    if condition.minimum is not None or condition.maximum is not None:
        return np.zeros(len(codes), np.bool_)
    if not condition.one_of:
        return np.ones(len(codes), np.bool_)
    return np.isin(codes, [words.index(word) for word in condition.one_of if isinstance(word, str) and word in words])
