"""How much having one item speaks for another, all other items considered: linear weights in closed form.

Steck (2019), "Embarrassingly shallow autoencoders for sparse data".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from rec_models.sequences import Sequences


def most_popular(sequences: Sequences, most: int) -> NDArray[np.int64]:
    """The rows of the `most` most popular items at most, ascending; ties go to the lower row, what nobody had is left out."""
    counts = np.bincount(sequences.items, minlength=sequences.item_count)
    return np.sort(np.argsort(-counts, kind="stable")[: min(most, int((counts > 0).sum()))])


def user_items(sequences: Sequences) -> sparse.csr_matrix:
    """Who had what, ones [users, N]."""
    shape = (len(sequences.user_ids), sequences.item_count)
    having = sparse.csr_matrix((np.ones(len(sequences), np.float32), (sequences.users, sequences.items)), shape)
    having.sum_duplicates()
    having.data[:] = 1.0
    return having


def item_weights(having: sparse.csr_matrix, penalty: float) -> NDArray[np.float32]:
    """having [users, N] of zeros and ones -> [N, N], from row to column, the diagonal zero."""
    gram = (having.T @ having).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += penalty
    factor, lower = linalg.cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    inverse, _ = linalg.lapack.spotri(factor, lower=lower, overwrite_c=True)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    weights: NDArray[np.float32] = inverse / -np.diag(inverse)
    weights[np.diag_indices_from(weights)] = 0.0
    return weights
