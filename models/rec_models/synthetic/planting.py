"""What a world is made of before anybody acts: items, their words, who likes what, what follows what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rec_models.synthetic.world import Floats, Ints

CATEGORIES = (
    "Astronomy", "Baking", "Ceramics", "Cycling", "Drawing", "Fishing", "Gardening", "Geology", "Hiking", "Jazz",
    "Knitting", "Origami", "Photography", "Pottery", "Puzzles", "Railways", "Robotics", "Sailing", "Skating", "Woodwork",
)  # fmt: skip
DIMENSIONS = 8
SUCCESSORS = 6
CLUSTERS_PER_CATEGORY = 5
SYLLABLES = (
    "ba", "den", "fi", "gor", "hal", "ki", "lum", "mar", "nes", "or",
    "pel", "qua", "rin", "so", "tav", "ul", "ven", "wim", "yar", "zo",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Items:
    """N items; `cluster` refines the category and is what their words and makers share."""

    categories: Ints  # [N, 2], -1 = no second one
    vectors: Floats  # [N, D]
    titles: tuple[str, ...]
    texts: tuple[str, ...]
    makers: tuple[str, ...]
    prices: Floats


def plant_items(rng: np.random.Generator, count: int) -> Items:
    """Taste vectors of length 1: mostly the category's, some of the cluster's, a little the item's own."""
    main = rng.permutation(np.arange(count) % len(CATEGORIES))
    second = np.where(rng.random(count) < 0.3, rng.integers(len(CATEGORIES), size=count), -1)
    second[second == main] = -1
    cluster = main * CLUSTERS_PER_CATEGORY + rng.integers(CLUSTERS_PER_CATEGORY, size=count)
    centres = np.eye(DIMENSIONS)[np.arange(len(CATEGORIES)) % DIMENSIONS] + 0.5 * _directions(rng, len(CATEGORIES))
    shades = 0.4 * _directions(rng, len(CATEGORIES) * CLUSTERS_PER_CATEGORY)
    other = np.where(second[:, None] >= 0, 0.5 * centres[second], 0.0)
    vectors = _unit(centres[main] + other + shades[cluster] + 0.2 * _directions(rng, count))
    titles, texts, makers = _words(rng, main, cluster)
    prices = np.exp(rng.normal(3.0, 0.6, count)).astype(np.float64).round(2)
    return Items(np.column_stack([main, second]), vectors, titles, texts, makers, prices)


def _words(rng: np.random.Generator, main: Ints, cluster: Ints) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Titles, texts and makers: words of the category, of the cluster, and a few that mean nothing."""
    clusters = len(CATEGORIES) * CLUSTERS_PER_CATEGORY
    words = _distinct_words(rng, len(CATEGORIES) * 12 + clusters * 9 + 60 + len(main))
    of_category = words[: len(CATEGORIES) * 12].reshape(len(CATEGORIES), 12)
    of_cluster = words[len(CATEGORIES) * 12 :][: clusters * 9].reshape(clusters, 9)
    plain, own = words[-60 - len(main) : -len(main)], words[-len(main) :]
    titles, texts = [], []
    for item in range(len(main)):
        broad = rng.choice(of_category[main[item]], 4, replace=False)
        narrow = rng.choice(of_cluster[cluster[item], 1:], 4, replace=False)
        texts.append(" ".join([*broad, *narrow, *rng.choice(plain, 3, replace=False)]))
        titles.append(f"{narrow[0]} {own[item]}".title())
    return tuple(titles), tuple(texts), tuple(word.title() for word in of_cluster[cluster, 0])


def _distinct_words(rng: np.random.Generator, count: int) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    pairs = [a + b for a in SYLLABLES for b in SYLLABLES if a != b]
    words = [*pairs, *(pair + c for pair in pairs for c in SYLLABLES)]
    while len(words) < count:
        words += [word + SYLLABLES[len(words) % len(SYLLABLES)] for word in words]
        words = list(dict.fromkeys(words))
    return np.array(words)[rng.permutation(len(words))[:count]]


def plant_successors(rng: np.random.Generator, main: Ints) -> tuple[Ints, Floats]:
    """What follows each item: a few items, each of another theme, so that taste decides among them."""
    count = len(main)
    theme = main % DIMENSIONS
    successors = np.empty((count, SUCCESSORS), np.int64)
    for item in range(count):
        drawn = rng.permutation(count)
        drawn = drawn[drawn != item]
        first = np.sort(np.unique(theme[drawn], return_index=True)[1])
        successors[item] = drawn[first[:SUCCESSORS]]
    return successors, rng.uniform(0.8, 1.0, successors.shape)


def plant_tastes(rng: np.random.Generator, count: int) -> Floats:
    """[U, 2, D]: at the beginning and at the end, of length 1; a few themes each, and the drift keeps most of them."""
    start, towards = _some_themes(rng, count), _some_themes(rng, count)
    return np.stack([start, _unit(start + 0.6 * towards)], axis=1)


def _some_themes(rng: np.random.Generator, count: int) -> Floats:
    return _unit(rng.dirichlet(np.full(DIMENSIONS, 0.3), count) + 0.02)


def _directions(rng: np.random.Generator, count: int) -> Floats:
    return _unit(rng.standard_normal((count, DIMENSIONS)))


def _unit(vectors: Floats) -> Floats:
    lengths: Floats = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, lengths)
