"""What an item's words, categories and year say of it, as one vector: the default embedding, made locally and the same every time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

DIMENSIONS = 64
STEPS = 10
YEARS = (1800.0, 2100.0)


def local_vectors(items: pl.DataFrame, columns: Mapping[str, str], dimensions: int = DIMENSIONS) -> NDArray[np.float32]:
    """Latent semantic analysis, float32 [N, dimensions], each row of unit length, or zero where nothing is said.

    `items` as prepared; `columns` names its filter columns with `number` or `text`. Words (title, tags, text), rare
    categories more than common ones, and years near each other weigh alike: titles alone say little.
    """
    years = [_years(items[name]) for name, kind in columns.items() if kind == "number" and _is_year(items[name])]
    terms = sparse.csr_matrix(sparse.hstack([_words(items["text"].to_list()), _categories(items["categories"].to_list()), *years]))
    vectors = np.zeros((len(items), dimensions), np.float32)
    kept = min(dimensions, min(terms.shape) - 1)
    if kept > 0 and terms.nnz:
        with np.errstate(invalid="ignore"):  # of its explained variance, where all items say the same
            vectors[:, :kept] = TruncatedSVD(kept, n_iter=4, random_state=0).fit_transform(terms)
    return unit_length(vectors)


def unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(length > 1e-6, vectors / np.maximum(length, 1e-6), 0.0).astype(np.float32)


def shortened(vectors: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Long vectors by their `most` strongest directions."""
    if vectors.shape[1] <= most:
        return vectors
    return np.asarray(TruncatedSVD(most, random_state=0).fit_transform(vectors), np.float32)


def _words(texts: list[str]) -> sparse.csr_matrix:
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2, max_features=50_000, dtype=np.float32)
    try:
        return sparse.csr_matrix(vectorizer.fit_transform(texts))
    except ValueError:  # no word occurs twice
        return sparse.csr_matrix((len(texts), 1), dtype=np.float32)


def _categories(lists: list[list[str]]) -> sparse.csr_matrix:
    names = {name: column for column, name in enumerate(sorted({name for own in lists for name in own}))}
    rows = np.repeat(np.arange(len(lists)), [len(own) for own in lists])
    columns = np.array([names[name] for own in lists for name in own], np.int64)
    present = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), (len(lists), max(1, len(names))))
    rarity = np.log((len(lists) + 1) / (np.bincount(columns, minlength=max(1, len(names))) + 1)) + 1
    return _unit_rows(present @ sparse.diags_array(rarity.astype(np.float32)))


def _is_year(column: pl.Series) -> bool:
    known = column.fill_nan(None).drop_nulls()
    return len(known) > 0 and bool((known.is_between(*YEARS) & (known.floor() == known)).mean() > 0.9)  # type: ignore[operator]


def _years(column: pl.Series) -> sparse.csr_matrix:
    """Near years share columns: each lies between two of eleven quantiles and belongs to both by its distance."""
    values = column.cast(pl.Float64).fill_nan(None)
    place = (values.rank("average") - 1) / max(1, values.count() - 1) * STEPS
    known = place.is_not_null().to_numpy()
    distance = np.abs(place.fill_null(0.0).to_numpy()[:, None] - np.arange(STEPS + 1)[None, :])
    return _unit_rows(sparse.csr_matrix(np.where(known[:, None], np.maximum(0.0, 1.0 - distance), 0.0).astype(np.float32)))


def _unit_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags_array((1.0 / np.where(length > 0, length, 1.0)).astype(np.float32)) @ matrix)
